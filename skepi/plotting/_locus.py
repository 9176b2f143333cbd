"""LocusDisplay: the neighbourhood of a gene, as in a genome browser."""

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi.plotting._labels import make_room_right, shortened, size_in_points, text_width
from skepi.plotting._neighbourhood import importance_around, neighbourhood
from skepi.plotting._style import BLUE, GREY, PALE, PURPLE, SMALL, axes, pyplot, settle
from skepi.plotting._tss_arrow import draw_tss_arrow

# Heights in tracks: of openness in its track, of the row of genes, of importance.
_FULL, _GENES, _IMPORTANCE = 0.85, 2.3, 2.2

# Length of a window in bp from which positions are in Mb.
_IN_MB = 3_000_000


class LocusDisplay:
    """Openness of peaks around a gene, a track a cell type on one scale, with genes above and importance beneath.

    Parameters
    ----------
    gene : Series
        Row of the table of genes: ``name, chrom, tss, strand``.
    window : tuple of int
        First position and end in bp, 0-based half-open.
    peaks : DataFrame
        ``start, end`` of the peaks that reach into the window.
    openness : DataFrame
        One row a peak, one column a track, from top to bottom.
    genes : DataFrame
        Genes whose TSS lies in the window, as ``gene``.
    expression : Series, optional
        Of the gene in each track, in log units.
    importance : DataFrame, optional
        ``start, end, importance`` of bins, in genomic positions.
    importance_label : str, default="importance"
    openness_label : str, default="openness"

    Attributes
    ----------
    peaks_ : list of BarContainer
        One a track.
    importance_ : BarContainer or None
    tss_ : Annotation
        Name of the gene, with the arrow in the direction of transcription.
    gene_marks_ : dict of str to Annotation
        Those of the other genes that found room.
    top_ : float
        Openness at the full height of a track.
    ax_ : Axes
    figure_ : Figure

    Examples
    --------
    >>> from skepi.datasets import make_paired_openness
    >>> data, _ = make_paired_openness(n_genes=20, n_cell_types=6, n_lineages=2)
    >>> display = LocusDisplay.from_dataset(data, data.genes["name"][3], ["cell000", "cell004"])
    >>> [label.get_text() for label in display.ax_.get_yticklabels()]
    ['cell000', 'cell004']
    """

    def __init__(
        self,
        *,
        gene: pd.Series,
        window: tuple[int, int],
        peaks: pd.DataFrame,
        openness: pd.DataFrame,
        genes: pd.DataFrame,
        expression: pd.Series | None = None,
        importance: pd.DataFrame | None = None,
        importance_label: str = "importance",
        openness_label: str = "openness",
    ) -> None:
        self.gene = gene
        self.window = window
        self.peaks = peaks
        self.openness = openness
        self.genes = genes
        self.expression = expression
        self.importance = importance
        self.importance_label = importance_label
        self.openness_label = openness_label

    @classmethod
    def from_dataset(
        cls,
        data: Any,
        gene: str,
        cell_types: Any = None,
        estimator: Any = None,
        *,
        flank: int = 100_000,
        depth: str | None = "mean",
        method: str = "gradient_x_input",
        ax: Any = None,
    ) -> Self:
        """Draw the neighbourhood of a gene.

        Parameters
        ----------
        data : PairedDataset
        gene : str
            Name.
        cell_types : sequence of str, optional
            Tracks from top to bottom. By default from the highest to the lowest expression of the gene (in the order of
            the data set where expression is not known); of more than 12, twelve at equal steps of this order.
        estimator : estimator, optional
            Fitted on pairs (a pipeline with ``TSSBinner``): the importance of its bins for this gene in these cell
            types is drawn beneath.
        flank : int, default=100_000
            Reach on both sides of the TSS in bp.
        depth : {"mean"} or None, default="mean"
            ``"mean"`` divides each cell type by its mean openness over all peaks, as ``TSSBinner`` does.
        method : str, default="gradient_x_input"
            As in :func:`skepi.inspection.bin_importance`. ``"permutation"`` needs a data set with expression, in the
            units that the estimator predicts, and gives the skill lost over the cell types that are drawn: on few of
            them it says little.
        ax : Axes, optional

        Raises
        ------
        UnknownNameError
            For a gene or cell type that the data set does not hold.
        NotFittedError
            For an estimator that is not fitted.
        MissingExpressionError
            For ``"permutation"`` without expression.
        ValueError
            For settings out of range.
        """
        pyplot()
        tables = neighbourhood(data, gene, cell_types, flank, depth)
        if estimator is not None:
            tables |= importance_around(estimator, data, tables["gene"], tables["openness"].columns, method)
        return cls(**tables).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : Axes, optional
            A new figure by default.

        Returns
        -------
        LocusDisplay
        """
        names = [shortened(name, 50) for name in self.openness]
        if not names:
            raise ValueError("openness: no tracks, wanted at least one column")
        n, below = len(names), 0.0 if self.importance is None else _IMPORTANCE
        own, width = ax is None, 7.4 + max(map(text_width, names)) / 72
        (ax,) = axes(ax, size=(width, 0.9 + 0.34 * (n + _GENES + below)))
        ax.set(xlim=self.window, ylim=(-below - 0.1, n + _GENES))
        ax.set_yticks(np.arange(n)[::-1] + 0.3, names, size=SMALL)
        self._label_positions(ax)
        settle(ax, own)
        if self.expression is not None:
            _write_expression(ax, self.expression)
        self.top_ = float(self.openness.to_numpy().max(initial=0.0)) or 1.0
        self.peaks_ = [self._draw_track(ax, name, n - 1 - k) for k, name in enumerate(self.openness)]
        self.importance_ = None if self.importance is None else self._draw_importance(ax, self.importance)
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        _write_scale(ax, f"{self.openness_label}, each track 0 to {self.top_:.3g}")
        self._draw_genes(ax, n)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _label_positions(self, ax: Any) -> None:
        size, unit = (1e6, "Mb") if self.window[1] - self.window[0] >= _IN_MB else (1e3, "kb")
        ax.xaxis.set_major_formatter(lambda bp, _: f"{bp / size:,.10g}")
        ax.locator_params(axis="x", nbins=6)
        ax.set_xlabel(f"position on {self.gene['chrom']} ({unit})")

    def _draw_track(self, ax: Any, name: Any, bottom: int) -> Any:
        start, width = self._within(self.peaks)
        height = self.openness[name].to_numpy() / self.top_ * _FULL
        ax.plot(self.window, [bottom, bottom], color=PALE, lw=0.8, zorder=1)
        # The outline keeps a peak of 500 bp visible in a window of 200 kb.
        return ax.bar(start, height, width, bottom, align="edge", color=BLUE, ec=BLUE, lw=0.7, zorder=2)

    def _draw_importance(self, ax: Any, table: pd.DataFrame) -> Any:
        """Bars beneath the tracks; those of negative values hang down."""
        inside = table[(table["end"] > self.window[0]) & (table["start"] < self.window[1])]
        start, width = self._within(inside)
        value = inside["importance"].to_numpy()
        most = float(np.abs(value).max(initial=0.0)) or 1.0
        signed = bool((value < 0).any())
        room = _IMPORTANCE - 0.75
        base = -_IMPORTANCE + (room / 2 if signed else 0)
        ax.plot(self.window, [base, base], color=PALE, lw=0.8, zorder=1)
        said = f"{self.importance_label} ({'longest' if signed else 'highest'} bar: {most:.2g})"
        ax.annotate(said, (0, -0.6), xycoords=("axes fraction", "data"), color=PURPLE, size=SMALL, va="bottom")
        names = [label.get_text() for label in ax.get_yticklabels()]
        ax.set_yticks([*ax.get_yticks(), base + (0 if signed else room / 2)], [*names, "importance"], size=SMALL)
        height = value / most * room / (2 if signed else 1)
        return ax.bar(start, height, width, base, align="edge", color=PURPLE, ec=PURPLE, lw=0.3, zorder=2)

    def _within(self, table: pd.DataFrame) -> tuple[NDArray, NDArray]:
        """Start and width of intervals, cut at the ends of the window."""
        start = table["start"].clip(lower=self.window[0]).to_numpy()
        return start, table["end"].clip(upper=self.window[1]).to_numpy() - start

    def _draw_genes(self, ax: Any, n: int) -> None:
        """Mark the gene, then its neighbours, the nearest first, where there is room for an arrow and a name."""
        tss, forward = float(self.gene["tss"]), self.gene["strand"] == "+"
        self.tss_ = draw_tss_arrow(ax, tss, n + 0.35, forward=forward, text=str(self.gene["name"]), foot=0.0)
        self.tss_.set_fontweight("bold")
        width, _ = size_in_points(ax)
        per_bp = width / (ax.get_xlim()[1] - ax.get_xlim()[0])
        taken = [_span(self.gene, per_bp)]
        others = self.genes[self.genes["name"] != self.gene["name"]]
        self.gene_marks_ = {}
        for _, other in others.iloc[(others["tss"] - tss).abs().argsort(kind="stable")].iterrows():
            span = _span(other, per_bp)
            ends = np.array(self.window) * per_bp
            if ends[0] <= span[0] and span[1] <= ends[1] and all(span[1] < a or span[0] > b for a, b in taken):
                taken.append(span)
                here = {"forward": other["strand"] == "+", "text": str(other["name"]), "foot": n + 0.1, "color": GREY}
                self.gene_marks_[str(other["name"])] = draw_tss_arrow(ax, float(other["tss"]), n + 0.35, **here)
            else:
                ax.plot([other["tss"]] * 2, [n + 0.1, n + 0.35], color=GREY, lw=1)


def _span(gene: pd.Series, per_bp: float) -> tuple[float, float]:
    """Room that the arrow and the name of a gene take, in points along the axis."""
    at, length = float(gene["tss"]) * per_bp, 26 + text_width(str(gene["name"]))
    return (at - 4, at + length) if gene["strand"] == "+" else (at - length, at + 4)


def _write_scale(ax: Any, text: str) -> None:
    """Write the scale of the tracks above them, left of the heading of the expression."""
    room = size_in_points(ax)[0] - text_width("expression (log)")
    broken = text if text_width(text) < room else text.replace(", ", ",\n", 1)
    ax.text(0, 1, broken, color=BLUE, size=SMALL, va="top", transform=ax.transAxes)


def _write_expression(ax: Any, expression: pd.Series) -> None:
    """Write the gene's expression behind each track."""
    width, _ = size_in_points(ax)
    make_room_right(ax, (text_width("expression (log)") + 6) / width)
    style = {"xycoords": ("axes fraction", "data"), "ha": "right", "size": SMALL}
    for k, value in enumerate(expression):
        ax.annotate(f"{value:.2f}", (1, len(expression) - 1 - k + 0.3), va="center", **style)
    ax.text(1, 1, "expression (log)", color=GREY, size=SMALL, ha="right", va="top", transform=ax.transAxes)
