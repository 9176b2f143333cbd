"""PairLearningCurveDisplay: skill by number of training cell types, and what more of them would give."""

from typing import Any, Self

import numpy as np

from skepi.model_selection import PairLearningCurve
from skepi.plotting._labels import label_axes, write_above
from skepi.plotting._style import BLUE, GREY, PALE, VERMILLION, axes, settle

_SCORES = {"skill": "skill", "within_gene_skill": "within-gene skill"}

# Steps of the drawn curve.
_N_STEPS = 200


class PairLearningCurveDisplay:
    """Skill by number of training cell types with intervals, every random order, and the curve beyond.

    A dashed line is the skill of the training mean alone, measured against the same baseline: what a model of so few
    cell types would have if it knew nothing but the means of genes. The curve is dashed beyond the points; where it is
    unavailable, the figure says why.

    Parameters
    ----------
    learning_curve : PairLearningCurve
        From :func:`skepi.model_selection.learning_curve_pairs`.

    Attributes
    ----------
    points_ : ErrorbarContainer
        Skill and interval at each number of cell types.
    order_points_ : Line2D
        Skill of each random order of the training cell types.
    mean_line_ : Line2D
        Skill of the training mean.
    curve_lines_ : list of Line2D
        The fitted curve within the points and beyond them; empty where it is unavailable.
    extrapolated_points_ : ErrorbarContainer or None
    ax_ : Axes
    figure_ : Figure

    Examples
    --------
    >>> from skepi.baselines import TrainingMean
    >>> from skepi.datasets import make_paired_openness
    >>> from skepi.model_selection import LeaveOneCellTypeOut, learning_curve_pairs
    >>> X, y = make_paired_openness(n_genes=20, n_cell_types=6, n_lineages=2)[0].pairs(return_X_y=True)
    >>> curve = learning_curve_pairs(TrainingMean(), X, y, LeaveOneCellTypeOut(), train_sizes=[2, 5])
    >>> PairLearningCurveDisplay.from_learning_curve(curve).mean_line_.get_xdata().tolist()
    [2, 5]
    """

    def __init__(self, *, learning_curve: PairLearningCurve) -> None:
        self.learning_curve = learning_curve

    @classmethod
    def from_learning_curve(cls, learning_curve: PairLearningCurve, *, ax: Any = None) -> Self:
        """Draw a learning curve.

        Parameters
        ----------
        learning_curve : PairLearningCurve
        ax : Axes, optional
        """
        return cls(learning_curve=learning_curve).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : Axes, optional
            A new figure by default.

        Returns
        -------
        PairLearningCurveDisplay

        Raises
        ------
        TypeError
            For anything but a PairLearningCurve.
        """
        if not isinstance(self.learning_curve, PairLearningCurve):
            raise TypeError(
                f"learning_curve: wanted the result of learning_curve_pairs, got {type(self.learning_curve).__name__}"
            )
        own, points = ax is None, self.learning_curve.points
        (self.ax_,) = (ax,) = axes(ax)
        self.figure_ = ax.figure
        score, sizes = self.learning_curve.score, points.index.to_numpy()
        ax.axhline(0, color=PALE, lw=0.8, zorder=0.5)
        orders = self.learning_curve.by_order()
        flat = np.repeat(sizes, orders.shape[1]), orders.to_numpy().ravel()
        self.order_points_ = ax.plot(*flat, ls="none", marker="o", ms=3, color=BLUE, alpha=0.35, mec="none")[0]
        self.mean_line_ = ax.plot(sizes, points[f"{score}_of_mean"], color=GREY, lw=1.1, ls="--", zorder=1)[0]
        self.points_ = _with_intervals(ax, points, score, BLUE, "o")
        self._draw_curve(ax, sizes)
        label_axes(ax, "training cell types", f"{_SCORES[score]} on held-out cell types")
        ax.xaxis.get_major_locator().set_params(integer=True)
        settle(ax, own)
        write_above(ax, self._said())
        return self

    def _draw_curve(self, ax: Any, sizes: Any) -> None:
        """Draw the fitted curve within the points and, dashed, to the last number that was asked for."""
        curve, beyond = self.learning_curve.curve, self.learning_curve.extrapolation
        self.curve_lines_: list[Any] = []
        self.extrapolated_points_ = None
        if curve is None:
            return
        spans = [(sizes[0], sizes[-1], "-")]
        if len(beyond):
            spans.append((sizes[-1], beyond.index[-1], "--"))
            self.extrapolated_points_ = _with_intervals(ax, beyond, self.learning_curve.score, VERMILLION, "D")
        for low, high, style in spans:
            n = np.linspace(low, high, _N_STEPS)
            self.curve_lines_ += ax.plot(n, curve(n), color=VERMILLION, lw=1.3, ls=style, zorder=2)

    def _said(self) -> list[tuple[str, str]]:
        """What is drawn, in words."""
        shown = self.learning_curve
        orders = f"small dots: {shown.by_order().shape[1]} random orders of training"
        said = [(f"{_SCORES[shown.score]}, {100 * shown.level:g} % intervals; {orders}", BLUE)]
        said.append(("dashed: training mean alone", GREY))
        if shown.curve is None:
            said.append((f"no curve: {shown.unavailable}", VERMILLION))
        else:
            a, b, c = shown.curve
            said.append((f"curve: {a:.2f} \N{MINUS SIGN} {b:.2f} / n^{c:.2f}", VERMILLION))
        return said


def _with_intervals(ax: Any, table: Any, score: str, colour: str, marker: str) -> Any:
    """Points with error bars from low to high, without bars where there is no interval."""
    value = table[score]
    reach = np.stack([value - table["low"], table["high"] - value]).clip(min=0)
    bars = None if np.isnan(reach).all() else reach
    style = {"fmt": marker, "ms": 5.5, "capsize": 3, "elinewidth": 1.1, "mec": "white", "zorder": 4}
    return ax.errorbar(table.index.to_numpy(), value.to_numpy(), yerr=bars, color=colour, **style)
