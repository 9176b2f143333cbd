"""PredictionDisplay: truth against held-out prediction, and error against expression."""

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._held_out import checked_held_out, deviations
from skepi._rows import codes_of
from skepi.exceptions import UnknownNameError
from skepi.inspection import calibration, error_by
from skepi.model_selection import cross_val_pairs
from skepi.plotting._density import MOST_POINTS, draw_points, limits, thinned, within
from skepi.plotting._labels import label_axes, make_room_top, shortened, size_in_points, text_width
from skepi.plotting._style import BLACK, BLUE, GREY, SMALL, VERMILLION, axes, check_kind, halo, pyplot
from skepi.rows import is_pairs

_KINDS = ("true_vs_predicted", "error_vs_expression")

# Share of the pairs that may lie outside the frame, so that a few do not squeeze the rest.
_LEFT_OUT = 0.002

# Up to so many pairs, the largest error is inside the frame as well.
_FEW = 200

# Points of a highlighted cell type that are drawn at most.
_MOST_HIGHLIGHTED = 2_000


class PredictionDisplay:
    """Held-out predictions as a cloud of pairs: truth by prediction, or squared error by expression.

    Truth and prediction are drawn less the training mean of the gene (less the mean of the gene's test pairs where it
    was not trained on): raw values would show little but that genes differ.

    Parameters
    ----------
    held_out : DataFrame
        From :func:`skepi.model_selection.cross_val_pairs`.

    Attributes
    ----------
    points_ : PathCollection or PolyCollection
        Points, or hexagons by number of pairs where there are more than 4,000.
    highlight_ : PathCollection or None
        Pairs of the highlighted cell type.
    fit_line_ : Line2D, StepPatch or None
        Truth fitted on prediction through 0 (None where predictions do not differ from the mean), its slope named with
        the 95 % interval of :func:`skepi.inspection.calibration`; by expression, the mean of groups of pairs.
    diagonal_ : Line2D or None
        Where truth equals prediction.
    ax_ : Axes
    figure_ : Figure

    Examples
    --------
    >>> table = pd.DataFrame({"fold": 0, "gene": list("aabb"), "cell_type": ["HSC", "Ery"] * 2, "train_mean": 1.0})
    >>> table = table.assign(y_true=[0.0, 2.0, 0.0, 2.0], y_pred=[0.5, 1.5, 0.5, 1.5])
    >>> display = PredictionDisplay.from_predictions(table, highlight="Ery")
    >>> display.highlight_.get_offsets().tolist()
    [[0.5, 1.0], [0.5, 1.0]]
    """

    def __init__(self, *, held_out: pd.DataFrame) -> None:
        self.held_out = held_out

    @classmethod
    def from_predictions(
        cls,
        held_out: pd.DataFrame,
        *,
        kind: str = "true_vs_predicted",
        highlight: str | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw held-out predictions.

        Parameters
        ----------
        held_out : DataFrame
            From :func:`skepi.model_selection.cross_val_pairs`.
        kind : {"true_vs_predicted", "error_vs_expression"}, default="true_vs_predicted"
        highlight : str, optional
            A cell type to draw in orange.
        ax : Axes, optional

        Raises
        ------
        UnknownNameError
            Where the highlighted cell type is not in the table.
        """
        return cls(held_out=held_out).plot(ax, kind=kind, highlight=highlight)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        cv: Any,
        *,
        kind: str = "true_vs_predicted",
        highlight: str | None = None,
        n_jobs: int | None = None,
        progress: bool = False,
        ax: Any = None,
    ) -> Self:
        """Refit on each fold and draw the predictions of its test pairs; an already fitted estimator is not used.

        Parameters
        ----------
        estimator, X, y, cv
            As in :func:`skepi.model_selection.cross_val_pairs`.
        kind : {"true_vs_predicted", "error_vs_expression"}, default="true_vs_predicted"
        highlight : str, optional
        n_jobs : int, optional
        progress : bool, default=False
            Whether to show a progress bar.
        ax : Axes, optional
        """
        pyplot()
        check_kind(kind, _KINDS)
        if highlight is not None and is_pairs(X):
            codes_of([highlight], X.cell_types, "cell type(s)")
        held_out = cross_val_pairs(estimator, X, y, cv, n_jobs=n_jobs, progress=progress)
        return cls.from_predictions(held_out, kind=kind, highlight=highlight, ax=ax)

    def plot(self, ax: Any = None, *, kind: str = "true_vs_predicted", highlight: str | None = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : Axes, optional
            A new figure by default.
        kind : {"true_vs_predicted", "error_vs_expression"}, default="true_vs_predicted"
        highlight : str, optional

        Returns
        -------
        PredictionDisplay
        """
        check_kind(kind, _KINDS)
        table = checked_held_out(self.held_out)
        chosen = _rows_of(table, highlight)
        self.fit_line_ = self.diagonal_ = None
        if kind == "true_vs_predicted":
            self._draw_truth(ax, table, chosen, highlight)
        else:
            self._draw_error(ax, table, chosen, highlight)
        self.figure_ = self.ax_.figure
        return self

    def _draw_truth(self, ax: Any, table: pd.DataFrame, chosen: NDArray, highlight: str | None) -> None:
        t, p, units = deviations(table)
        slope = _slope(table, t, p)
        (self.ax_,) = (ax,) = axes(ax, size=(5.4, 4.8))
        frame = (*_limits(p), *_limits(t))
        self.points_, said = draw_points(ax, p, t, frame, "held-out pairs")
        self.highlight_ = _highlight(ax, p, t, chosen, frame)
        ends = np.array(frame[:2])
        self.diagonal_ = ax.plot(ends, ends, color=GREY, lw=1.4, ls="--", zorder=4)[0]
        lines = [("truth = prediction", self.diagonal_)]
        if slope is not None:
            self.fit_line_ = ax.plot(
                ends, slope["estimate"] * ends, color=BLACK, lw=1.6, zorder=5, path_effects=halo()
            )[0]
            said_slope = f"fitted: slope {slope['estimate']:.2f} ({slope['low']:.2f} to {slope['high']:.2f})"
            lines.insert(0, (said_slope.replace("-", "\N{MINUS SIGN}"), self.fit_line_))
        mean = "training mean" if units is None else "mean of the test pairs"
        label_axes(ax, f"prediction less the gene's {mean} (units of y)", f"truth less the gene's {mean} (units of y)")
        _key(ax, lines, said, self.highlight_, _name_of(chosen, highlight))

    def _draw_error(self, ax: Any, table: pd.DataFrame, chosen: NDArray, highlight: str | None) -> None:
        truth = table["y_true"].to_numpy()
        error = (truth - table["y_pred"].to_numpy()) ** 2
        groups = error_by(table, "expression", n_groups=int(np.clip(len(table) // 30, 2, 10)))
        (self.ax_,) = (ax,) = axes(ax, size=(5.4, 4.8))
        usual = np.quantile(error, 0.98) if error.size > _FEW else 1.04 * error.max()
        top = max(float(usual), 1.25 * float(groups["mse"].max())) or 1.0
        frame = (*_limits(truth), 0.0, top)
        self.points_, said = draw_points(ax, truth, error, frame, "held-out pairs")
        self.highlight_ = _highlight(ax, truth, error, chosen, frame)
        edges = [groups.index[0].left, *(part.right for part in groups.index)]
        edges = np.clip(edges, *_limits(truth))
        self.fit_line_ = ax.stairs(
            groups["mse"], edges, baseline=None, color=BLACK, lw=1.8, zorder=5, path_effects=halo()
        )
        label_axes(ax, "expression (units of y)", "squared error (squared units of y)")
        lines = [(f"means of {len(groups)} quantile groups", self.fit_line_)]
        _key(ax, lines, said, self.highlight_, _name_of(chosen, highlight))


def _limits(values: NDArray) -> tuple[float, float]:
    """Limits of all values where they are few, of all but the most extreme ones where they are many."""
    return limits(values, _LEFT_OUT if values.size > MOST_POINTS else 0.0)


def _slope(table: pd.DataFrame, t: NDArray, p: NDArray) -> pd.Series | None:
    """Slope of the truth on the prediction with its interval; None where either does not vary."""
    if not (t.any() and p.any()):
        return None
    by = next((by for by in ("cell_type", "gene") if table[by].nunique() > 1), None)
    return None if by is None else calibration(table, by=by).loc["slope"]


def _rows_of(table: pd.DataFrame, highlight: str | None) -> NDArray[np.int64]:
    if highlight is None:
        return np.empty(0, dtype=np.int64)
    rows = np.flatnonzero(table["cell_type"] == highlight)
    if rows.size == 0:
        first = ", ".join(map(str, table["cell_type"].unique()[:5]))
        raise UnknownNameError(f"cell type {highlight!r} is not among the held-out pairs, which have {first}, ...")
    return rows


def _name_of(rows: NDArray, highlight: str | None) -> str:
    drawn = f"{min(rows.size, _MOST_HIGHLIGHTED):,} of " if rows.size > _MOST_HIGHLIGHTED else ""
    return f"{shortened(highlight)}: {drawn}{rows.size:,} pairs"


def _highlight(ax: Any, x: NDArray, y: NDArray, rows: NDArray, frame: tuple[float, float, float, float]) -> Any:
    if rows.size == 0:
        return None
    shown = thinned(rows, _MOST_HIGHLIGHTED)
    shown = shown[within(x[shown], y[shown], frame)]
    return ax.scatter(x[shown], y[shown], s=12, color=VERMILLION, alpha=0.6, lw=0, zorder=3, rasterized=True)


def _key(ax: Any, lines: list[tuple[str, Any]], said: str, highlighted: Any, name: str) -> None:
    """Name lines and colours above the cloud, where no point lies, beside what is said of it or below."""
    handles, names = [line for _, line in lines], [text for text, _ in lines]
    if highlighted is not None:
        handles, names = [*handles, highlighted], [*names, name]
    width, _ = size_in_points(ax)
    beside = max(map(text_width, names)) + text_width(said) + 45 < width
    n_said = said.count("\n") + 1
    make_room_top(ax, max(len(names), n_said) if beside else len(names) + n_said)
    _, height = size_in_points(ax)
    top = 1.0 if beside else 1 - n_said * 1.45 * SMALL / height
    style = {"frameon": False, "fontsize": SMALL, "borderaxespad": 0, "borderpad": 0, "labelspacing": 0.35}
    ax.legend(handles, names, loc="upper left", bbox_to_anchor=(0, top), **style)
    x, side = (1, "right") if beside else (0, "left")
    ax.text(x, 1, said, transform=ax.transAxes, ha=side, va="top", size=SMALL, color=BLUE)
