"""DistributionDisplay: histograms of each signal and of expression, zeros apart."""

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from skepi.inspection import distribution_summary, value_histogram, value_summary
from skepi.plotting._labels import label_axes, shortened, size_in_points, text_width, write_above
from skepi.plotting._style import BLUE, SMALL, VERMILLION, axes, check_table, panel_kinds, percent, pyplot

_PANELS_ACROSS = 4
_LONGEST_NAME = 40

# How far the bar of the zeros may rise above the highest other bar before it is cut.
_CUT = 1.6


class DistributionDisplay:
    """Histogram of openness or expression; exact zeros are a bar of their own, beside what their number should be.

    The bar of the zeros stands left of the axis and is called 0 there; where values below 0 are drawn too, it is
    called zeros.

    Parameters
    ----------
    histograms : dict of str to DataFrame
        For each panel a table of :func:`skepi.inspection.value_histogram`.
    summary : DataFrame
        One row a panel: ``zero_share`` and ``expected_zero_share`` as in
        :func:`skepi.inspection.distribution_summary`.
    labels : dict of str to str
        Label of the x axis of each panel, with the unit.

    Attributes
    ----------
    bars_ : list of BarContainer
        Bars of the values that are not 0, one container per panel.
    zero_bars_ : list of Rectangle or None
        Bar of the zeros of each panel; cut, with the cut marked, where it would dwarf the others.
    axes_ : list of Axes
        One a panel.
    ax_ : Axes
        The first of them.
    figure_ : Figure

    Examples
    --------
    >>> display = DistributionDisplay.from_values([0, 0, 0, 1, 1.5, 2, 2, 3], "coverage", n_bins=4)
    >>> display.ax_.get_xlabel()
    'coverage'
    """

    def __init__(self, *, histograms: dict[str, pd.DataFrame], summary: pd.DataFrame, labels: dict[str, str]) -> None:
        self.histograms = histograms
        self.summary = summary
        self.labels = labels

    @classmethod
    def from_dataset(cls, data: Any, *, kind: str | None = None, n_bins: int = 50, ax: Any = None) -> Self:
        """Draw each signal (openness) and, where known, expression of a data set.

        Parameters
        ----------
        data : PairedDataset
        kind : {"openness", "expression"} or name of a signal, optional
            Panel to draw; all by default. Needed with ``ax`` where there are several.
        n_bins : int, default=50
        ax : Axes, optional
        """
        pyplot()
        summary = distribution_summary(data)
        histograms = {name: value_histogram(_values(data, name), n_bins=n_bins) for name in summary.index}
        labels = {name: f"{shortened(name, _LONGEST_NAME)}, natural log of (1 + signal)" for name in data.signals}
        labels["expression"] = "log expression"
        return cls(histograms=histograms, summary=summary, labels=labels).plot(ax, kind=kind)

    @classmethod
    def from_values(cls, values: ArrayLike, label: str, *, n_bins: int = 50, ax: Any = None) -> Self:
        """Draw any values.

        Parameters
        ----------
        values : array-like
            Any shape; finite.
        label : str
            For the x axis, with the unit.
        n_bins : int, default=50
        ax : Axes, optional
        """
        histogram = value_histogram(values, n_bins=n_bins)
        summary = value_summary(values).to_frame(label).T.astype({"n": np.int64})
        return cls(histograms={label: histogram}, summary=summary, labels={label: label}).plot(ax)

    def plot(self, ax: Any = None, *, kind: str | None = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : Axes, optional
            A new figure by default.
        kind : str, optional
            Panel to draw; all by default.

        Returns
        -------
        DistributionDisplay
        """
        if not self.histograms:
            raise ValueError("histograms: nothing to draw, wanted at least one table")
        kinds = panel_kinds(kind, list(self.histograms), ax)
        self.axes_ = axes(ax, len(kinds), (4.6, 3.4), _PANELS_ACROSS)
        drawn = [self._draw(panel, name) for panel, name in zip(self.axes_, kinds, strict=True)]
        self.bars_, self.zero_bars_ = [bars for bars, _ in drawn], [bar for _, bar in drawn]
        self.ax_, self.figure_ = self.axes_[0], self.axes_[0].figure
        return self

    def _draw(self, ax: Any, name: str) -> tuple[Any, Any]:
        table = check_table(self.histograms[name], ["from", "to", "share"], f"histogram of {name}")
        zeros = (table["from"] == 0) & (table["to"] == 0)
        rest = table[~zeros]
        width = rest["to"] - rest["from"]
        one = float(width.iloc[0]) if len(rest) and width.iloc[0] > 0 else 1.0
        bars = ax.bar(
            rest["from"], rest["share"], width.where(width > 0, one), align="edge", color=BLUE, ec="w", lw=0.3
        )
        label_axes(ax, self.labels[name], f"share of values (bins of {one:.2g})" if len(rest) else "share of values")
        bar = _draw_zeros(ax, float(table["share"][zeros].iloc[0]), rest, one) if zeros.any() else None
        ax.set_ylim(bottom=0)
        write_above(ax, _says(self.summary.loc[name]))
        return bars, bar


def _values(data: Any, name: str) -> NDArray:
    """Values of a row of the summary: expression, or log openness of a signal."""
    return data.expression if name == "expression" else np.log1p(data.openness[data.tables.peaks_of(name)])


def _draw_zeros(ax: Any, share: float, rest: pd.DataFrame, one: float) -> Any:
    """Bar of the zeros, left of the values and as wide as two bins, cut where it would dwarf the others."""
    highest = float(rest["share"].max()) if len(rest) else share
    left = min(0.0, float(rest["from"].min())) if len(rest) else 0.0
    height = min(share, _CUT * highest)
    bar = ax.bar(left - 2.4 * one, height, 1.8 * one, align="edge", color=VERMILLION)[0]
    ax.set_ylim(0, max(height, highest) * 1.02)
    if height < share:
        x, tilt = np.array([left - 2.8 * one, left - 0.2 * one]), 0.02 * height
        for shift in (0.86, 0.90):
            ax.plot(x, height * shift + np.array([-tilt, tilt]), color="w", lw=2, zorder=3)
    _name_zeros(ax, bar, left)
    return bar


def _name_zeros(ax: Any, bar: Any, first: float) -> None:
    """Begin the axis at the first other value, and name the bar before it."""
    low, high = ax.get_xlim()
    middle, name = bar.get_x() + bar.get_width() / 2, "0" if first >= 0 else "zeros"
    gap = (high - low) * text_width(f"{name}  ", 1.2 * SMALL) / size_in_points(ax)[0]
    ticks = [at for at in ax.get_xticks() if first <= at <= high and at > middle + gap and (at != 0 or name != "0")]
    ax.set_xticks([middle, *ticks], [name, *ax.xaxis.get_major_formatter().format_ticks(ticks)])
    ax.xaxis.get_major_ticks()[0].label1.set_color(VERMILLION)
    ax.spines["bottom"].set_bounds(first, max(first, high))


def _says(summary: pd.Series) -> list[tuple[str, Any]]:
    """Number of values, and of zeros beside what a normal distribution would have."""
    said: list[tuple[str, Any]] = [(f"{int(summary['n']):,} values", BLUE)]
    if summary["zero_share"] > 0:
        expected = summary["expected_zero_share"]
        more = f"; a normal distribution would have {percent(expected)}" if np.isfinite(expected) else ""
        said.append((f"zeros: {percent(summary['zero_share'])}{more}", VERMILLION))
    return said
