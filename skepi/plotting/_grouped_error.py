"""GroupedErrorDisplay: error or skill of groups of held-out pairs."""

from typing import Any, Self

import numpy as np
import pandas as pd

from skepi.inspection import error_by
from skepi.plotting._band_axis import label_edges
from skepi.plotting._labels import label_axes, name_points, shortened, text_width, write_above
from skepi.plotting._style import BLACK, BLUE, GREY, SMALL, VERMILLION, axes, check_kind, check_table, pyplot, settle

_VALUES = {
    "mse": "mean squared error (squared units of y)",
    "skill": "skill over the training mean of the gene",
    "error_ratio": "share of error / share of pairs",
}
_REFERENCES = {"skill": 0.0, "error_ratio": 1.0}
_AXES = {
    "expression": "expression (units of y), quantile groups",
    "variance": "variance of the gene over cell types (squared units of y), quantile groups of genes",
    "open_bins": "number of open bins, quantile groups",
}

# Up to so many groups, each has a line with its name; beyond, a dot by rank.
_NAME_ALL = 45


class GroupedErrorDisplay:
    """Error or skill of held-out pairs by cell type, gene, chromosome, or quantile group.

    Names are sorted by their value; quantile groups stay in their order, side by side, with their limits.

    Parameters
    ----------
    table : DataFrame
        From :func:`skepi.inspection.error_by`: index the group, columns ``mse, mse_mean, skill, error_ratio``.
    by : str
        What the groups are of.

    Attributes
    ----------
    bars_ : BarContainer or None
        Groups that are all named, or quantile groups.
    points_ : Line2D or None
        Groups by rank, where there are more than 45.
    mean_ticks_ : LineCollection or None
        Error of the training mean of the gene, beside ``mse``.
    ax_ : Axes
    figure_ : Figure

    Examples
    --------
    >>> table = pd.DataFrame({"fold": 0, "gene": list("aabb"), "cell_type": ["HSC", "Ery"] * 2, "train_mean": 1.0})
    >>> table = table.assign(y_true=[0.0, 2.0, 0.0, 2.0], y_pred=[0.0, 1.0, 0.0, 2.0])
    >>> display = GroupedErrorDisplay.from_predictions(table, by="cell_type", value="skill")
    >>> [label.get_text() for label in display.ax_.get_yticklabels()]
    ['Ery', 'HSC']
    """

    def __init__(self, *, table: pd.DataFrame, by: str) -> None:
        self.table = table
        self.by = by

    @classmethod
    def from_predictions(
        cls,
        held_out: pd.DataFrame,
        by: Any = "cell_type",
        *,
        value: str = "mse",
        data: Any = None,
        X: Any = None,
        n_groups: int = 10,
        ax: Any = None,
    ) -> Self:
        """Draw held-out predictions.

        Parameters
        ----------
        held_out : DataFrame
            From :func:`skepi.model_selection.cross_val_pairs`.
        by, data, X, n_groups
            As in :func:`skepi.inspection.error_by`.
        value : {"mse", "skill", "error_ratio"}, default="mse"
        ax : Axes, optional
        """
        pyplot()
        check_kind(value, _VALUES, "value")
        table = error_by(held_out, by, data=data, X=X, n_groups=n_groups)
        return cls(table=table, by=by if isinstance(by, str) else "group").plot(ax, value=value)

    def plot(self, ax: Any = None, *, value: str = "mse") -> Self:
        """Draw.

        Parameters
        ----------
        ax : Axes, optional
            A new figure by default.
        value : {"mse", "skill", "error_ratio"}, default="mse"

        Returns
        -------
        GroupedErrorDisplay
        """
        check_kind(value, _VALUES, "value")
        table = check_table(self.table, [value, "mse_mean"], "errors of groups")
        if not np.isfinite(table[value]).any():
            raise ValueError(f"no group has a finite {value}; skill needs genes with training pairs")
        table = table.assign(**{value: table[value].where(table[value].abs() > 1e-12, 0.0)})  # rounding is no skill
        self.bars_ = self.points_ = self.mean_ticks_ = None
        if isinstance(table.index, pd.IntervalIndex):
            self._draw_intervals(ax, table, value)
        elif len(table) <= _NAME_ALL:
            self._draw_names(ax, table.sort_values(value, ascending=value == "skill"), value)
        else:
            self._draw_ranks(ax, table.sort_values(value, ascending=value == "skill"), value)
        self.figure_ = self.ax_.figure
        return self

    def _draw_names(self, ax: Any, table: pd.DataFrame, value: str) -> None:
        """Horizontal bars, the worst on top."""
        own, names = ax is None, [shortened(name, 50) for name in table.index]
        width = 4.6 + max(map(text_width, names)) / 72
        (self.ax_,) = (ax,) = axes(ax, size=(width, 1.1 + 0.2 * max(len(table), 4)))
        places, values = np.arange(len(table))[::-1], table[value].to_numpy()
        self.bars_ = ax.barh(places, values, 0.72, color=_colours(values, value))
        if value == "mse" and table["mse_mean"].notna().any():
            self.mean_ticks_ = ax.vlines(table["mse_mean"], places - 0.45, places + 0.45, color=BLACK, lw=1.5, zorder=3)
        ax.set_yticks(places, names, size=SMALL)
        ax.set(ylim=(-0.7, len(table) - 0.3))
        settle(ax, own)
        label_axes(ax, _VALUES[value], "")
        _reference(ax.axvline, value)
        if self.mean_ticks_ is not None:
            _say_ticks(ax)

    def _draw_intervals(self, ax: Any, table: pd.DataFrame, value: str) -> None:
        """Bars side by side, with the limits of the groups between them."""
        (self.ax_,) = (ax,) = axes(ax, size=(6.4, 4.0))
        places, values = np.arange(len(table)) + 0.5, table[value].to_numpy()
        self.bars_ = ax.bar(places, values, 0.86, color=_colours(values, value))
        if value == "mse" and table["mse_mean"].notna().any():
            self.mean_ticks_ = ax.hlines(table["mse_mean"], places - 0.46, places + 0.46, color=BLACK, lw=1.5, zorder=3)
        edges = [table.index[0].left, *(part.right for part in table.index)]
        # The first interval begins a little below the least value, which tells nothing.
        label_edges(ax, ["min", *(f"{edge:.3g}".replace("-", "\N{MINUS SIGN}") for edge in edges[1:])])
        label_axes(ax, _AXES.get(self.by, str(self.by)), _VALUES[value])
        _reference(ax.axhline, value)
        if self.mean_ticks_ is not None:
            _say_ticks(ax)

    def _draw_ranks(self, ax: Any, table: pd.DataFrame, value: str) -> None:
        """Dots by rank; the worst and the best are named."""
        own = ax is None
        (self.ax_,) = (ax,) = axes(ax, size=(6.0, 4.2))
        table = table[table[value].notna()]
        rank = np.arange(1, len(table) + 1)
        self.points_ = ax.plot(rank, table[value], ls="none", marker="o", ms=3.5, color=BLUE, zorder=2)[0]
        unit = {"cell_type": "cell types", "gene": "genes", "chromosome": "chromosomes"}.get(self.by, "groups")
        label_axes(ax, f"{len(table):,} {unit}, worst first", _VALUES[value])
        ax.margins(0.06)
        _reference(ax.axhline, value)
        settle(ax, own)
        points = np.column_stack([rank, table[value]])
        obstacles = points
        if value in _REFERENCES:
            line = np.column_stack([np.linspace(1, rank[-1], 200), np.full(200, _REFERENCES[value])])
            obstacles = np.vstack([points, line])
        last = len(table) - 1
        ends = [0, last, 1, last - 1, 2, last - 2] if value == "skill" else [0, 1, 2, 3]
        name_points(ax, points[ends], [shortened(table.index[k]) for k in ends], obstacles)


def _colours(values: np.ndarray, value: str) -> Any:
    worse = values < 0 if value == "skill" else np.zeros(values.size, dtype=bool)
    return np.where(worse, VERMILLION, BLUE)


def _say_ticks(ax: Any) -> None:
    write_above(ax, [("bars: model; black lines: training mean of the gene", BLACK)])


def _reference(line: Any, value: str) -> None:
    """Line at what the training mean scores, or at an average share."""
    if value in _REFERENCES:
        line(_REFERENCES[value], color=GREY, lw=1, zorder=1)
