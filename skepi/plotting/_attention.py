"""AttentionDisplay: attention of a network to bins and signals."""

from typing import Any, Self

import numpy as np
import pandas as pd

from skepi._columns import bands_of
from skepi.inspection import bin_attention, signal_attention
from skepi.plotting._band_axis import band_axis
from skepi.plotting._band_panel import group_name
from skepi.plotting._labels import shortened
from skepi.plotting._style import BLACK, BLUE, ORANGE, SMALL, axes, check_table, percent, pyplot, settle
from skepi.plotting._tss_arrow import draw_tss_arrow

_WHAT = "attention to bins"
_LONGEST_NAME = 24
_MOST_SIGNALS = 30


class AttentionDisplay:
    """Attention to the bins of each signal as a heat map, and to the signals as bars beside it.

    Up to 60 bins are equally wide, with their edges written between them; more are drawn on an axis that is linear
    within the innermost bins and logarithmic outside, on both sides.

    Parameters
    ----------
    bins : DataFrame
        One row per bin of each signal: ``signal, feature, from_bp, to_bp, attention``, from
        :func:`skepi.inspection.bin_attention`. All signals have the same bins.
    signals : DataFrame
        One row per signal, in the same order: ``signal, feature, attention``, from
        :func:`skepi.inspection.signal_attention`.

    Attributes
    ----------
    image_ : QuadMesh
        One row of cells per signal, the first on top.
    bars_ : BarContainer
        Attention to signals.
    tss_ : Annotation or None
        Arrow in the direction of transcription, where a bin begins or ends at the TSS.
    ax_, signal_ax_ : Axes
        Axes of the heat map and of the bars.
    figure_ : Figure

    Examples
    --------
    >>> bins = pd.DataFrame({"signal": "ATAC", "feature": "", "from_bp": [-50, 0], "to_bp": [0, 50]})
    >>> signals = pd.DataFrame({"signal": ["ATAC"], "feature": "", "attention": 1.0})
    >>> display = AttentionDisplay(bins=bins.assign(attention=[0.25, 0.75]), signals=signals).plot()
    >>> display.image_.get_array().tolist()
    [[0.25, 0.75]]
    """

    def __init__(self, *, bins: pd.DataFrame, signals: pd.DataFrame) -> None:
        self.bins = bins
        self.signals = signals

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, *, ax: Any = None) -> Self:
        """Draw the mean attention of a fitted network over rows; nothing is refitted.

        Parameters
        ----------
        estimator : BinAttention or BinAttentionClassifier, or a pipeline, search or GeneZTarget around it
            Fitted.
        X : GeneCellPairs or BinnedOpenness
            Rows that it predicts from.
        ax : Axes, optional

        Raises
        ------
        NotFittedError
            Where it is not fitted.
        TypeError
            For a model without attention.
        ValueError
            For plain arrays, whose bins have no offsets from a TSS.
        """
        pyplot()
        return cls(bins=bin_attention(estimator, X), signals=signal_attention(estimator, X)).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : Axes, optional
            Axes of the heat map; the bars stand at its right side, outside. A new figure by default.

        Returns
        -------
        AttentionDisplay

        Raises
        ------
        ValueError
            For tables without offsets, with several rows per bin or signal, or of different signals.
        """
        table, signals, names, edges = self._checked()
        own, rows = ax is None, np.arange(len(names) + 1) - 0.5
        (ax,) = axes(ax, size=(8.8, 1.9 + 0.42 * len(names)))
        ax.set_yticks(rows[:-1] + 0.5, [shortened(name, _LONGEST_NAME) for name in names])
        self._draw_signals(ax, signals)
        shades = _shades(table.max())
        _explain(ax, shades, own)
        settle(ax, own)  # offsets are named as there is room beside the bars
        place = band_axis(ax, edges, "")
        self.image_ = ax.pcolormesh(place, rows, table, cmap=shades.cmap, norm=shades.norm, zorder=1)
        ax.hlines(rows[1:-1], place[0], place[-1], color="white", lw=2, zorder=1.5)
        ax.set(xlim=(place[0], place[-1]), ylim=(rows[-1], rows[0]))
        ax.tick_params(axis="y", length=0)
        ax.spines[["left", "bottom"]].set_visible(False)
        at = np.flatnonzero(edges == 0)
        self.tss_ = _tss(ax, float(place[at[0]]), rows) if at.size else None
        settle(ax, own)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw_signals(self, ax: Any, attention: np.ndarray) -> None:
        """Bars beside the rows of the heat map, with their values."""
        self.signal_ax_ = side = ax.inset_axes([1.02, 0, 0.2, 1], sharey=ax)
        self.bars_ = side.barh(np.arange(len(attention)), attention, 0.62, color=ORANGE)
        for row, value in enumerate(attention):
            side.annotate(
                percent(value), (value, row), xytext=(3, 0), textcoords="offset points", va="center", size=SMALL
            )
        side.set_xlim(0, 1.45 * attention.max())
        side.spines[["top", "right", "bottom"]].set_visible(False)
        side.tick_params(axis="both", length=0, labelleft=False, labelbottom=False)
        side.set_title("attention\nto signals", size=SMALL, loc="left")

    def _checked(self) -> tuple[np.ndarray, np.ndarray, list[str], np.ndarray]:
        """Attention to bins, (n_signals, n_bins), and to signals, names of the signals, edges of the bins."""
        if isinstance(self.bins, pd.DataFrame) and "bin" in self.bins and "from_bp" not in self.bins:
            raise ValueError(
                f"{_WHAT}: bins of plain arrays have no offsets from a TSS; fit the network to binned rows"
            )
        bins = check_table(self.bins, ["signal", "feature", "from_bp", "to_bp", "attention"], _WHAT)
        signals = check_table(self.signals, ["signal", "feature", "attention"], "attention to signals")
        _check_one_row_each(bins, ["signal", "feature", "from_bp", "to_bp"], "bin")
        _check_one_row_each(signals, ["signal", "feature"], "signal")
        first, *others = runs = bands_of(bins.rename(columns={"from_bp": "start_bp", "to_bp": "end_bp"}))
        names = [group_name(run.signal, run.feature) for run in runs]
        of_signals = [group_name(*row) for row in signals[["signal", "feature"]].itertuples(index=False)]
        if names != of_signals or any(not np.array_equal(run.edges, first.edges) for run in others):
            raise ValueError(
                f"{_WHAT}: wanted the same neighbouring bins for each of the signals {of_signals}, in this order; got "
                f"bins of {names}"
            )
        if len(names) > _MOST_SIGNALS:
            raise ValueError(f"{_WHAT}: {len(names)} signals, and at most {_MOST_SIGNALS} can be read")
        attention = bins["attention"].to_numpy(dtype=float).reshape(len(names), -1)
        return attention, signals["attention"].to_numpy(dtype=float), names, first.edges


def _check_one_row_each(table: pd.DataFrame, names: list[str], what: str) -> None:
    if table.duplicated(names).any():
        raise ValueError(
            f"attention: the table has several rows per {what}; take those of one cell type, gene or row, or by='all'"
        )


def _shades(most: float) -> Any:
    """Colours from white, no attention, to black, the most that any bin has."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    return ScalarMappable(Normalize(0, most), LinearSegmentedColormap.from_list("attention", ["white", BLUE, BLACK]))


def _explain(ax: Any, shades: Any, own: bool) -> None:
    """Say what colours mean: in a bar of a figure of our own, in words elsewhere."""
    if own:
        bar = ax.figure.colorbar(shades, ax=ax, fraction=0.04, pad=0.02)
        bar.set_label("attention to bins\n(each row adds up to 1)", size=SMALL)
        bar.ax.tick_params(labelsize=SMALL)
    else:
        words = f"attention to bins, from 0 (white) to {shades.norm.vmax:.2g} (black)"
        ax.set_title(words, size=SMALL, loc="left", pad=22)


def _tss(ax: Any, place: float, rows: np.ndarray) -> Any:
    """Dotted line at the TSS over all rows, with its arrow above."""
    return draw_tss_arrow(ax, place, float(rows[0]), forward=True, foot=float(rows[-1]))
