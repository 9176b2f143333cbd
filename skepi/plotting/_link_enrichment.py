"""LinkEnrichmentDisplay: how well scores find measured links, at equal distance."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd

from skepi.inspection import link_enrichment
from skepi.plotting._labels import label_axes, shortened, text_width, write_above
from skepi.plotting._style import BLUE, GREY, ORANGE, SMALL, axes, check_table, pyplot, settle

_COLOURS = {"all": BLUE, "without promoters": ORANGE}
_COLUMNS = ("score", "peaks", "enrichment", "low", "high")
_APART = 0.17  # of the two points of a score, in rows


class LinkEnrichmentDisplay:
    """Enrichment of measured links among the best pairs by each score, with intervals; 1 is chance.

    Scores are in the order of the table, the first on top. Each has a point for all peaks and one for those that are
    not at a promoter.

    Parameters
    ----------
    table : DataFrame
        From :func:`skepi.inspection.link_enrichment`.

    Attributes
    ----------
    points_ : dict of str to Line2D
        By the peaks that count.
    intervals_ : dict of str to LineCollection
    chance_line_ : Line2D
    ax_ : Axes
    figure_ : Figure

    Examples
    --------
    >>> from skepi.datasets import make_linked_openness
    >>> from skepi.inspection import score_links
    >>> data, truth = make_linked_openness(n_genes=60, n_cell_types=6, n_lineages=2)
    >>> links = score_links(data, min_distance=20_000)
    >>> settings = {"distance_bins": 10, "n_bootstrap": 50}
    >>> display = LinkEnrichmentDisplay.from_links(links, truth.links, scores=["activity", "score"], **settings)
    >>> [label.get_text() for label in display.ax_.get_yticklabels()]  # from the bottom
    ['score', 'activity']
    """

    def __init__(self, *, table: pd.DataFrame) -> None:
        self.table = table

    @classmethod
    def from_links(
        cls, links: pd.DataFrame, truth: Any, *, scores: str | Sequence[str] = "score", ax: Any = None, **settings: Any
    ) -> Self:
        """Judge links and draw the result.

        Parameters
        ----------
        links, truth, scores
            As in :func:`skepi.inspection.link_enrichment`.
        ax : Axes, optional
        **settings
            Further settings of :func:`skepi.inspection.link_enrichment`.
        """
        pyplot()
        return cls(table=link_enrichment(links, truth, scores=scores, **settings)).plot(ax)

    def plot(self, ax: Any = None, *, names: dict[str, str] | None = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : Axes, optional
            A new figure by default.
        names : dict of str to str, optional
            What to call scores in the figure.

        Returns
        -------
        LinkEnrichmentDisplay

        Raises
        ------
        ValueError
            For a table without wanted columns, of other peaks, or without a finite enrichment.
        """
        table = check_table(self.table, _COLUMNS, "enrichment of links")
        other = [kind for kind in dict.fromkeys(table["peaks"]) if kind not in _COLOURS]
        if other:
            raise ValueError(f"peaks must be 'all' or 'without promoters', got {other[0]!r}")
        if not np.isfinite(table["enrichment"]).any():
            raise ValueError("no enrichment is finite: no pair is a measured link")
        scores = list(dict.fromkeys(table["score"]))
        labels = [shortened((names or {}).get(score, score), 45) for score in scores]
        own, width = ax is None, 4.4 + max(map(text_width, labels)) / 72
        (self.ax_,) = (ax,) = axes(ax, size=(width, 1.3 + 0.42 * max(len(scores), 2)))
        ends = -0.6, len(scores) - 0.4
        self.chance_line_ = ax.plot([1, 1], ends, color=GREY, lw=1, zorder=1)[0]
        self.points_: dict[str, Any] = {}
        self.intervals_: dict[str, Any] = {}
        kinds = [kind for kind in _COLOURS if (table["peaks"] == kind).any()]
        for kind, shift in zip(kinds, np.linspace(-_APART, _APART, len(kinds)) if len(kinds) > 1 else [0], strict=True):
            self._draw(table[table["peaks"] == kind], kind, scores, shift)
        ax.set_yticks(np.arange(len(scores)), labels[::-1], size=SMALL)
        ax.set_ylim(*ends)
        settle(ax, own)
        label_axes(ax, "measured links among the best pairs, over all pairs at equal distance (1 is chance)", "")
        write_above(ax, [(f"{kind} peaks" if kind == "all" else kind, _COLOURS[kind]) for kind in kinds])
        self.figure_ = ax.figure
        return self

    def _draw(self, table: pd.DataFrame, kind: str, scores: list[str], shift: float) -> None:
        place, colour = len(scores) - 1 - table["score"].map(scores.index) - shift, _COLOURS[kind]
        self.intervals_[kind] = self.ax_.hlines(place, table["low"], table["high"], color=colour, lw=1.6, zorder=2)
        self.points_[kind] = self.ax_.plot(table["enrichment"], place, ls="none", marker="o", ms=5, color=colour)[0]
