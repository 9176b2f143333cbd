"""LocusDisplay: the neighbourhood of a gene, as in a genome browser."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._doors import some
from skepi.plotting._gene_lanes import gene_lanes
from skepi.plotting._importance_strips import ImportanceStrips, importance_strips
from skepi.plotting._labels import (
    LINE_HEIGHT,
    filled,
    make_room_right,
    make_room_top,
    shortened,
    size_in_points,
    text_width,
)
from skepi.plotting._neighbourhood import importance_around, neighbourhood
from skepi.plotting._style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PALE,
    PURPLE,
    SKY,
    SMALL,
    VERMILLION,
    axes,
    halo,
    pyplot,
    settle,
)
from skepi.plotting._tss_arrow import draw_tss_arrow

# Heights in tracks: of openness in its track, of genes and words above, of the name of a signal above its tracks.
_FULL, _GENES, _NAME = 0.85, 3.4, 1.0

# Lanes of names of genes, and in points the height of a lane and the least width of a peak.
_LANES, _LANE, _LEAST_WIDTH = 2, 15.0, 2.0

# One colour per signal; importance is purple.
_COLOURS = (BLUE, ORANGE, GREEN, SKY, VERMILLION, BLACK)

# Length of a window in bp from which positions are in Mb.
_IN_MB = 3_000_000


class LocusDisplay:
    """Openness of peaks around a gene, with genes above and importance beneath.

    There is one track per signal and cell type. Tracks of a signal stand together and have one scale. A peak is drawn
    at least 2 points wide, so that one of 500 bp can be seen in a window of 200 kb. Genes whose names find no room, in
    two lanes, are short lines, and the figure says how many there are.

    Parameters
    ----------
    gene : Series
        Row of the table of genes: ``name, chrom, tss, strand``.
    window : tuple of int
        First position and end in bp, 0-based half-open.
    peaks : DataFrame
        ``start, end`` of the peaks that reach into the window; ``signal`` where signals have names.
    openness : DataFrame
        One row per peak, one column per cell type, from top to bottom.
    genes : DataFrame
        Genes whose TSS lies in the window, as ``gene``.
    signals : sequence of str, optional
        Names of the signals from top to bottom, at most six; None for one without a name.
    expression : Series, optional
        Expression of the gene in each cell type, in log units.
    importance : DataFrame, optional
        ``start, end, importance`` of bins, in genomic positions; ``signal, feature`` where bins differ in them, each of
        which then has a strip of its own. If there are more than six, those with the longest bars are drawn.
    importance_label : str, default="importance"
    openness_label : str, default="openness"

    Attributes
    ----------
    peaks_ : list of BarContainer
        One per track, from top to bottom.
    importance_ : BarContainer or None
        Bars of all strips, in the order of their table.
    tss_ : Annotation
        Name of the gene, with the arrow in the direction of transcription.
    gene_marks_ : dict of str to Annotation
        Those of the other genes that found room.
    unnamed_ : LineCollection or None
        Short lines at the start sites of the rest.
    top_ : float
        Openness at the full height of a track of the first signal.
    tops_ : list of float
        The same of each signal.
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
        signals: Sequence[str] | None = None,
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
        self.signals = signals
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
        signals: Any = None,
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
            the data set where expression is not known); of more than 12, twelve at equal steps of this order. With two
            signals there are at most 8 of each, with three 6, with more 4 or 3.
        estimator : estimator, optional
            Fitted on pairs (a pipeline with ``TSSBinner``): the importance of its bins for this gene in these cell
            types is drawn beneath, as far as they are of the signals that are drawn.
        signals : str or sequence of str, optional
            Signals from top to bottom, at most six; all by default.
        flank : int, default=100_000
            Reach on both sides of the TSS in bp.
        depth : {"mean"} or None, default="mean"
            ``"mean"`` divides each cell type by its mean over the peaks of the signal, as ``TSSBinner`` does.
        method : str, default="gradient_x_input"
            As in :func:`skepi.inspection.bin_importance`. ``"permutation"`` needs a data set with expression, in the
            units that the estimator predicts, and gives the skill lost over the cell types that are drawn: on few of
            them it says little.
        ax : Axes, optional

        Raises
        ------
        UnknownNameError
            For a gene, cell type or signal that the data set does not hold.
        NotFittedError
            For an estimator that is not fitted.
        MissingExpressionError
            For ``"permutation"`` without expression.
        ValueError
            For settings out of range, more than six signals, and an estimator that reads none of the signals drawn.
        """
        pyplot()
        tables = neighbourhood(data, gene, cell_types, flank, depth, signals)
        if estimator is not None:
            cells = tables["openness"].columns
            tables |= importance_around(estimator, data, tables["gene"], cells, method, tables["signals"])
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
        if self.openness.shape[1] == 0:
            raise ValueError("openness: no tracks, wanted at least one column")
        groups = self._openness_of_signals()
        names = [shortened(name, 50) for name in self.openness]
        strips = None if self.importance is None else importance_strips(self.importance, self.window)
        bottoms, below = _bottoms(len(groups), len(names)), 0.0 if strips is None else strips.height
        n, own = bottoms[0][0] + 1 + (_NAME if len(groups) > 1 else 0), ax is None
        (ax,) = axes(ax, size=(7.4 + _room_left(names, strips), 0.9 + 0.34 * (n + _GENES + below)))
        ax.set(xlim=self.window, ylim=(-below - 0.1, n + _GENES - 1))
        ax.set_yticks(np.concatenate(bottoms) + 0.3, names * len(groups), size=SMALL)
        self._label_positions(ax)
        settle(ax, own)
        if self.expression is not None:
            _write_expression(ax, self.expression, bottoms)
        self._per_bp = size_in_points(ax)[0] / (ax.get_xlim()[1] - ax.get_xlim()[0])
        self.tops_ = [float(values.to_numpy().max(initial=0.0)) or 1.0 for _, values in groups]
        self.top_ = self.tops_[0]
        self.peaks_ = []
        for (places, values), rows, top, colour in zip(groups, bottoms, self.tops_, _COLOURS, strict=False):
            tracks = zip(values, rows, strict=True)
            self.peaks_ += [self._draw_track(ax, places, values[name] / top, row, colour) for name, row in tracks]
        self.importance_ = None if strips is None else self._draw_importance(ax, strips)
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        self._draw_genes(ax, n)
        self._write_above(ax, bottoms)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _openness_of_signals(self) -> list[tuple[pd.DataFrame, pd.DataFrame]]:
        """Places and openness of the peaks of each signal."""
        if self.signals is None:
            return [(self.peaks, self.openness)]
        if len(self.signals) > len(_COLOURS):
            raise ValueError(
                f"{len(self.signals)} signals, and at most {len(_COLOURS)} can be read: choose some by signals= (of "
                f"{some(self.signals)})"
            )
        own = [(self.peaks["signal"] == name).to_numpy() for name in self.signals]
        return [(self.peaks[rows], self.openness[rows]) for rows in own]

    def _label_positions(self, ax: Any) -> None:
        size, unit = (1e6, "Mb") if self.window[1] - self.window[0] >= _IN_MB else (1e3, "kb")
        ax.xaxis.set_major_formatter(lambda bp, _: f"{bp / size:,.10g}")
        ax.locator_params(axis="x", nbins=6)
        ax.set_xlabel(f"position on {self.gene['chrom']} ({unit})")

    def _draw_track(self, ax: Any, peaks: pd.DataFrame, openness: pd.Series, bottom: float, colour: str) -> Any:
        start, width = self._within(peaks)
        drawn = np.maximum(width, _LEAST_WIDTH / self._per_bp)
        ax.plot(self.window, [bottom, bottom], color=PALE, lw=0.8, zorder=1)
        height = openness.to_numpy() * _FULL
        return ax.bar(start - (drawn - width) / 2, height, drawn, bottom, align="edge", color=colour, lw=0, zorder=2)

    def _draw_importance(self, ax: Any, strips: ImportanceStrips) -> Any:
        """Bars beneath the tracks; those of negative values hang down."""
        start, width = self._within(strips.table)
        for base in strips.bases:
            ax.plot(self.window, [base, base], color=PALE, lw=0.8, zorder=1)
        said = f"{'longest' if strips.signed else 'highest'} bar: {strips.longest:.2g}"
        if strips.n_left_out:
            said += f"; {strips.n_left_out} strips of shorter bars left out"
        style = {"xycoords": ("axes fraction", "data"), "color": PURPLE, "size": SMALL, "va": "bottom"}
        ax.annotate(f"{self.importance_label} ({said})", (0, -0.6), **style)
        names = [label.get_text() for label in ax.get_yticklabels()]
        of_strips = _strip_names(strips)
        ax.set_yticks([*ax.get_yticks(), *strips.middles], [*names, *of_strips], size=SMALL)
        look = {"align": "edge", "color": PURPLE, "ec": PURPLE, "lw": 0.3, "zorder": 2}
        return ax.bar(start, strips.heights, width, strips.bases[strips.strip], **look)

    def _write_above(self, ax: Any, bottoms: list[NDArray]) -> None:
        """Say above the genes what the height of tracks means and what short lines are."""
        room = size_in_points(ax)[0] - (0 if self.expression is None else text_width("expression (log)") + 12)
        said = [self._write_scales(ax, bottoms)]
        if self.unnamed_ is not None:
            said.append((f"short lines: start sites of {len(self.unnamed_.get_segments()):,} more genes", GREY))
        broken = [(part, colour) for text, colour in said for part in filled(room, text).split("\n")]
        low, _ = ax.get_ylim()
        make_room_top(ax, len(broken))
        ax.set_ylim(bottom=low)
        style = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "top", "size": SMALL}
        for k, (text, colour) in enumerate(broken):
            ax.annotate(text, (0, 1), xytext=(0, -LINE_HEIGHT * SMALL * k), color=colour, **style)
        if self.expression is not None:
            ax.annotate("expression (log)", (1, 1), xytext=(0, 0), color=GREY, ha="right", **style)

    def _write_scales(self, ax: Any, bottoms: list[NDArray]) -> tuple[str, str]:
        """Write the scale of each of several signals where its tracks begin; return what is to be said of all."""
        names = [shortened(name) for name in self.signals or ()]
        if len(bottoms) == 1:
            of = "".join(f"{name}: " for name in names)
            return f"{of}{self.openness_label}, each track 0 to {self.top_:.3g}", BLUE
        style = {"xycoords": ("axes fraction", "data"), "size": SMALL, "weight": "bold", "va": "bottom"}
        for name, rows, top, colour in zip(names, bottoms, self.tops_, _COLOURS, strict=False):
            ax.annotate(f"{name}, each track 0 to {top:.3g}", (0, rows[0] + 1.1), color=colour, **style)
        return f"{self.openness_label}, one scale per signal", GREY

    def _within(self, table: pd.DataFrame) -> tuple[NDArray, NDArray]:
        """Start and width of intervals, cut at the ends of the window."""
        start = table["start"].clip(lower=self.window[0]).to_numpy()
        return start, table["end"].clip(upper=self.window[1]).to_numpy() - start

    def _draw_genes(self, ax: Any, n: float) -> None:
        """Mark the gene, then its neighbours, the nearest first, where a lane has room for an arrow and a name."""
        low, high = ax.get_ylim()
        lane = max(0.7, _LANE * (high - low) / size_in_points(ax)[1])
        tss, forward = float(self.gene["tss"]), self.gene["strand"] == "+"
        self.tss_ = draw_tss_arrow(ax, tss, n + 0.35, forward=forward, text=str(self.gene["name"]), foot=0.0)
        self.tss_.set_fontweight("bold")
        others = self.genes[self.genes["name"] != self.gene["name"]]
        others = others.iloc[(others["tss"] - tss).abs().argsort(kind="stable")]
        lanes = gene_lanes(pd.concat([self.gene.to_frame().T, others]), self.window, self._per_bp, _LANES)[1:]
        self.gene_marks_ = {}
        for (_, other), k in zip(others.iterrows(), lanes, strict=True):
            if k >= 0:
                here = {"forward": other["strand"] == "+", "text": str(other["name"]), "foot": n + 0.1, "color": GREY}
                mark = draw_tss_arrow(ax, float(other["tss"]), n + 0.35 + lane * k, **here)
                self.gene_marks_[str(other["name"])] = mark
        for mark in (self.tss_, *self.gene_marks_.values()):
            mark.set_path_effects(halo())  # lines to upper lanes pass behind names
        rest = others["tss"].to_numpy(dtype=float)[lanes < 0]
        self.unnamed_ = ax.vlines(rest, n + 0.1, n + 0.35, color=GREY, lw=1) if rest.size else None
        text = _LANE * (high - low) / size_in_points(ax)[1]
        ax.set_ylim(low, n + 0.35 + lane * max(0, lanes.max(initial=0)) + text)


def _bottoms(n_signals: int, n_cell_types: int) -> list[NDArray[np.float64]]:
    """Lower end of the tracks of each signal, from top to bottom; the last one is 0."""
    height = n_cell_types + (_NAME if n_signals > 1 else 0)
    return [(n_signals - 1 - k) * height + np.arange(n_cell_types, dtype=float)[::-1] for k in range(n_signals)]


def _strip_names(strips: ImportanceStrips) -> list[str]:
    return [shortened(name, 40) for name in strips.names]


def _room_left(names: Sequence[str], strips: ImportanceStrips | None) -> float:
    """Inches that the names of tracks and strips take."""
    others = [] if strips is None or "signal" not in strips.table else _strip_names(strips)
    return max(map(text_width, [*names, *others])) / 72


def _write_expression(ax: Any, expression: pd.Series, bottoms: list[NDArray]) -> None:
    """Write the gene's expression behind each track."""
    width, _ = size_in_points(ax)
    make_room_right(ax, (text_width("expression (log)") + 6) / width)
    style = {"xycoords": ("axes fraction", "data"), "ha": "right", "size": SMALL}
    for rows in bottoms:
        for value, row in zip(expression, rows, strict=True):
            ax.annotate(f"{value:.2f}", (1, row + 0.3), va="center", **style)
