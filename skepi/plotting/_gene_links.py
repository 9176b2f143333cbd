"""GeneLinksDisplay: the best peaks of one gene, as arcs to its start site."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd

from skepi._doors import check_count
from skepi.exceptions import UnknownNameError
from skepi.plotting._labels import label_axes, shortened, write_above
from skepi.plotting._style import BLUE, GREY, ORANGE, PALE, SMALL, axes, check_table, pyplot, settle
from skepi.plotting._tss_arrow import draw_tss_arrow

_COLUMNS = ("chrom", "start", "end", "gene", "tss", "strand", "score", "share", "activity")
_WIDEST = 7.0  # of an arc, in points
_LEAST_HEIGHT = 0.12
_MARGIN = 0.06  # on both sides, of the length of the window


class GeneLinksDisplay:
    """Arcs from the best peaks of a gene to its TSS, and the openness of all its peaks beneath.

    The width of an arc is in proportion to the peak's share of the scores of the gene, its height grows with the
    distance. Bars that hang down are the activity of peaks, on a log scale.

    Parameters
    ----------
    links : DataFrame
        Those of one gene, from :func:`skepi.inspection.score_links`.
    marked : sequence of bool, optional
        Whether each link is to be marked, as one that an experiment found.
    marked_label : str, default="measured"
        What marked links are.

    Attributes
    ----------
    arcs_ : list of Line2D
        The best link first.
    peaks_ : LineCollection
        Activity of the peaks in the window.
    tss_ : Annotation
        Name of the gene, with the arrow in the direction of transcription.
    ax_ : Axes
    figure_ : Figure

    Examples
    --------
    >>> from skepi.datasets import make_linked_openness
    >>> from skepi.inspection import score_links
    >>> data, _ = make_linked_openness(n_genes=60, n_cell_types=6, n_lineages=2)
    >>> links = score_links(data, min_distance=20_000)
    >>> display = GeneLinksDisplay.from_links(links, "gene00010", n=5)
    >>> len(display.arcs_), display.ax_.get_xlabel()
    (5, 'position on chr1 (kb)')
    """

    def __init__(
        self, *, links: pd.DataFrame, marked: Sequence[bool] | None = None, marked_label: str = "measured"
    ) -> None:
        self.links = links
        self.marked = marked
        self.marked_label = marked_label

    @classmethod
    def from_links(
        cls,
        links: pd.DataFrame,
        gene: str,
        *,
        n: int = 8,
        marked: Sequence[bool] | None = None,
        marked_label: str = "measured",
        ax: Any = None,
    ) -> Self:
        """Draw the links of a gene.

        Parameters
        ----------
        links : DataFrame
            From :func:`skepi.inspection.score_links`.
        gene : str
        n : int, default=8
            Number of peaks with an arc, the best ones.
        marked : sequence of bool, optional
            One per row of ``links``: whether it is to be marked.
        marked_label : str, default="measured"
            What marked links are.
        ax : Axes, optional

        Raises
        ------
        UnknownNameError
            For a gene without a link.
        """
        pyplot()
        table = check_table(links, _COLUMNS, "links")
        own = (table["gene"] == gene).to_numpy()
        if not own.any():
            raise UnknownNameError(f"gene {gene} has no link in the table")
        marks = None if marked is None else _checked_marks(marked, len(table))[own]
        return cls(links=table[own], marked=marks, marked_label=marked_label).plot(ax, n=n)

    def plot(self, ax: Any = None, *, n: int = 8) -> Self:
        """Draw.

        Parameters
        ----------
        ax : Axes, optional
            A new figure by default.
        n : int, default=8
            Number of peaks with an arc, the best ones.

        Returns
        -------
        GeneLinksDisplay

        Raises
        ------
        ValueError
            For links of several genes, no link with a score above 0, and settings out of range.
        """
        check_count("n", n, 1)
        table = check_table(self.links, _COLUMNS, "links")
        if table["gene"].nunique() > 1:
            raise ValueError(
                f"links: wanted those of one gene, got {table['gene'].nunique()}: use from_links(links, gene)"
            )
        marks = np.zeros(len(table), dtype=bool) if self.marked is None else _checked_marks(self.marked, len(table))
        table = table.assign(marked=marks, middle=(table["start"] + table["end"]) / 2)
        best = table[table["score"] > 0].sort_values("score", ascending=False, kind="stable").head(n)
        if best.empty:
            raise ValueError(f"no link of {table['gene'].iloc[0]} has a score above 0: is its promoter closed?")
        own = ax is None
        (self.ax_,) = (ax,) = axes(ax, size=(8.4, 3.4))
        self._draw(ax, table, best)
        settle(ax, own)
        place = table.iloc[0]
        ax.xaxis.set_major_formatter(lambda bp, _: f"{bp / 1e3:,.10g}")
        label_axes(ax, f"position on {place['chrom']} (kb)", "")
        forward = place["strand"] == "+"
        name = shortened(place["gene"])
        self.tss_ = draw_tss_arrow(ax, float(place["tss"]), -0.62, forward=forward, text=name, foot=-0.05)
        said = [(f"arcs: the best {len(best)} peaks, wider for a greater share of the score", BLUE)]
        if self.marked is not None:
            said.append((f"{self.marked_label}: {int(best['marked'].sum())} of them", ORANGE))
        write_above(ax, [*said, ("bars: activity of peaks (log)", GREY)])
        self.figure_ = ax.figure
        return self

    def _draw(self, ax: Any, table: pd.DataFrame, best: pd.DataFrame) -> None:
        """Arcs above 0, activity of the peaks of the window beneath."""
        tss = float(table["tss"].iloc[0])
        ends = np.array([min(best["middle"].min(), tss), max(best["middle"].max(), tss)])
        margin = max(_MARGIN * (ends[1] - ends[0]), 1_000)
        window = ends + np.array([-margin, margin])
        inside = table[table["middle"].between(*window)]
        depth = np.log1p(inside["activity"].to_numpy())
        depth = -0.05 - 0.35 * depth / (depth.max() or 1.0)
        ax.plot(window, [-0.05, -0.05], color=PALE, lw=0.8, zorder=1)
        self.peaks_ = ax.vlines(inside["middle"], -0.05, depth, color=GREY, lw=1.2)
        far = np.abs(best["middle"] - tss).max() or 1.0
        curve = np.linspace(0, 1, 80)
        self.arcs_ = []
        for link in best.itertuples():
            height = _LEAST_HEIGHT + (1 - _LEAST_HEIGHT) * abs(link.middle - tss) / far
            width = 0.8 + _WIDEST * link.share / best["share"].max()
            look = {"color": ORANGE if link.marked else BLUE, "lw": width, "alpha": 0.75, "solid_capstyle": "butt"}
            x = link.middle + (tss - link.middle) * curve
            self.arcs_ += ax.plot(x, 4 * height * curve * (1 - curve), **look)
        ax.set(xlim=window, ylim=(-0.95, 1.08), yticks=[])
        ax.tick_params(labelsize=SMALL)
        ax.spines["left"].set_visible(False)


def _checked_marks(marked: Any, n_links: int) -> np.ndarray:
    """One truth value per link."""
    marks = np.asarray(marked)
    if marks.shape != (n_links,) or marks.dtype != np.bool_:
        raise ValueError(
            f"marked must hold True or False for each of the {n_links} links, got {marks.dtype} of shape {marks.shape}"
        )
    return marks
