"""ErrorConcentrationDisplay: how much of the error the worst carry, and what is left without them."""

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi.inspection import error_concentration, removal_curve
from skepi.plotting._labels import label_axes, name_points, shortened
from skepi.plotting._style import (
    BLACK,
    BLUE,
    GREY,
    SMALL,
    VERMILLION,
    axes,
    check_kind,
    check_table,
    panel_kinds,
    percent,
    pyplot,
)

_KINDS = ("concentration", "removal")
_UNITS = {"pair": "pairs", "gene": "genes", "cell_type": "cell types"}

# Up to so many groups have marks of their own.
_FEW_GROUPS = 40

# Points of a curve that are drawn at most, and the share that is read off for the label.
_MOST = 2_000
_READ_AT = 0.3


class ErrorConcentrationDisplay:
    """Share of the squared error by share of the pairs, worst first, and the error of what is left without the worst.

    Parameters
    ----------
    concentration : DataFrame or None
        From :func:`skepi.inspection.error_concentration`.
    removal : DataFrame or None
        From :func:`skepi.inspection.removal_curve`.
    by : {"pair", "gene", "cell_type"}, default="pair"

    Attributes
    ----------
    line_ : Line2D or None
        Share of error by share of pairs.
    normal_line_ : Line2D or None
        What normal errors of equal variance would carry; by pair alone.
    removal_line_ : Line2D or None
        Mean squared error by share of pairs taken away, or by number of cell types.
    worst_points_ : Line2D or None
        Where the curve stands without the first ones to go, which are named beside these points.
    axes_ : list of Axes
    ax_ : Axes
        The first of them.
    figure_ : Figure

    Examples
    --------
    >>> table = pd.DataFrame({"fold": 0, "gene": list("aabb"), "cell_type": ["HSC", "Ery"] * 2, "train_mean": 1.0})
    >>> table = table.assign(y_true=[0.0, 2.0, 0.0, 2.0], y_pred=[0.0, 1.0, 0.0, 5.0])
    >>> display = ErrorConcentrationDisplay.from_predictions(table, by="cell_type", kind="removal")
    >>> display.removal_line_.get_ydata().tolist()
    [2.5, 0.0]
    """

    def __init__(
        self, *, concentration: pd.DataFrame | None = None, removal: pd.DataFrame | None = None, by: str = "pair"
    ) -> None:
        self.concentration = concentration
        self.removal = removal
        self.by = by

    @classmethod
    def from_predictions(
        cls, held_out: pd.DataFrame, *, by: str = "pair", kind: str | None = None, ax: Any = None
    ) -> Self:
        """Draw held-out predictions.

        Parameters
        ----------
        held_out : DataFrame
            From :func:`skepi.model_selection.cross_val_pairs`.
        by : {"pair", "gene", "cell_type"}, default="pair"
            What is ranked and taken away.
        kind : {"concentration", "removal"}, optional
            Panel to draw; both by default. Needed with ``ax``.
        ax : Axes, optional
        """
        pyplot()
        kinds = panel_kinds(kind, _KINDS, ax)
        tables = {
            "concentration": error_concentration(held_out, by) if "concentration" in kinds else None,
            "removal": removal_curve(held_out, by) if "removal" in kinds else None,
        }
        return cls(**tables, by=by).plot(ax, kind=kind)

    def plot(self, ax: Any = None, *, kind: str | None = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : Axes, optional
            A new figure by default.
        kind : {"concentration", "removal"}, optional
            Panel to draw; by default all that there are tables for.

        Returns
        -------
        ErrorConcentrationDisplay

        Raises
        ------
        ValueError
            Without a table, for another ``by`` or ``kind``, and for given axes where there are two panels to draw.
        """
        check_kind(self.by, _UNITS, "by")
        present = [name for name in _KINDS if getattr(self, name) is not None]
        if not present:
            raise ValueError(
                "nothing to draw: wanted a table of the concentration, of the removal, or both; got neither"
            )
        kinds = panel_kinds(kind, present, ax)
        self.axes_ = axes(ax, len(kinds), (4.8, 4.2))
        self.line_ = self.normal_line_ = self.removal_line_ = self.worst_points_ = None
        for panel, name in zip(self.axes_, kinds, strict=True):
            if name == "concentration":
                self._draw_concentration(panel)
            else:
                self._draw_removal(panel)
        self.ax_, self.figure_ = self.axes_[0], self.axes_[0].figure
        return self

    def _draw_concentration(self, ax: Any) -> None:
        table = check_table(self.concentration, ["share_of_pairs", "share_of_error"], "concentration of the error")
        x = np.append(0.0, table["share_of_pairs"])
        y = np.append(0.0, table["share_of_error"])
        at = _few(x.size)
        marker = "o" if x.size <= _FEW_GROUPS else None
        ax.plot([0, 1], [0, 1], color=GREY, lw=1, ls=":")
        ax.text(0.62, 0.58, "equal errors", color=GREY, size=SMALL, ha="left", va="top")
        said = (
            f"the worst {percent(_READ_AT)} of pairs carry\n{percent(np.interp(_READ_AT, x, y))} of the squared error"
        )
        if "normal_share_of_error" in table:
            normal = np.append(0.0, table["normal_share_of_error"])
            self.normal_line_ = ax.plot(x[at], normal[at], color=BLACK, lw=1.3, ls="--", zorder=3)[0]
            said += f"\n(normal errors: {percent(np.interp(_READ_AT, x, normal))}, dashed)"
        self.line_ = ax.plot(x[at], y[at], color=BLUE, lw=2, marker=marker, ms=4, zorder=2)[0]
        ax.plot([_READ_AT], [np.interp(_READ_AT, x, y)], marker="o", ms=8, mfc="none", mec=BLUE, zorder=4)
        ax.text(0.98, 0.04, said, color=BLUE, size=SMALL, ha="right", va="bottom", transform=ax.transAxes)
        unit = _UNITS[self.by]
        label = f"share of pairs, worst {'' if self.by == 'pair' else unit + ' '}first"
        ax.set(xlim=(0, 1), ylim=(0, 1.01))
        label_axes(ax, label, "share of squared error")

    def _draw_removal(self, ax: Any) -> None:
        table = check_table(self.removal, ["n_removed", "share_removed", "mse"], "error of what is left")
        x = table["n_removed"] if self.by == "cell_type" else table["share_removed"]
        at = _few(len(table))
        marker = "o" if len(table) <= _FEW_GROUPS else None
        self.removal_line_ = ax.plot(x.iloc[at], table["mse"].iloc[at], color=BLUE, lw=2, marker=marker, ms=4)[0]
        unit = _UNITS[self.by]
        label = f"number of {unit} taken away" if self.by == "cell_type" else f"share of {unit} taken away"
        label_axes(ax, f"{label}, worst first", "MSE of what is left (squared units of y)")
        if self.by == "cell_type":
            ax.xaxis.get_major_locator().set_params(integer=True)
        ax.set_ylim(0, 1.06 * table["mse"].max())
        if self.by != "pair" and len(table) > 1:
            self._name_worst(ax, table, x)

    def _name_worst(self, ax: Any, table: pd.DataFrame, x: pd.Series) -> None:
        """Mark and name the first few that went."""
        last = min(4, len(table)) if len(table) <= _FEW_GROUPS else 2
        ax.margins(x=0.03)
        points = np.column_stack([x, table["mse"]])
        style = {"ls": "none", "marker": "o", "ms": 5, "color": VERMILLION, "zorder": 4}
        self.worst_points_ = ax.plot(*points[1:last].T, **style)[0]
        names = [f"without {shortened(name)}" for name in table["removed"].iloc[1:last]]
        name_points(ax, points[1:last], names, _along(points), [VERMILLION] * len(names))


def _along(points: NDArray) -> NDArray:
    """Points along the line through the first few, closely spaced, and the others as they are."""
    first, place = points[:_FEW_GROUPS], np.arange(min(len(points), _FEW_GROUPS))
    close = np.linspace(0, place[-1], 60 * len(place))
    return np.vstack([np.column_stack([np.interp(close, place, side) for side in first.T]), points])


def _few(n: int) -> Any:
    """Rows that a curve of n points needs."""
    return np.unique(np.linspace(0, n - 1, min(n, _MOST)).round().astype(int))
