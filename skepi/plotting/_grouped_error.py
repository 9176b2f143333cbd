"""GroupedErrorDisplay: error or skill of groups of held-out pairs."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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

# Skill below it is written at the edge.
_FLOOR = -1.0


class GroupedErrorDisplay:
    """Error or skill of held-out pairs by cell type, gene, chromosome, or quantile group.

    Names are sorted by their value, the worst first; quantile groups stay in their order, side by side, with their
    limits. The figure says how many pairs each group holds. Groups without peaks, for which a model has nothing to go
    by, come last, in grey. Skill below -1 is written at the edge.

    Parameters
    ----------
    table : DataFrame
        From :func:`skepi.inspection.error_by`: index the group, columns ``n_pairs, mse, mse_mean, skill,
        error_ratio``.
    by : str
        What the groups are of.
    without_peaks : sequence of str, default=()
        Groups in which the data set has no peaks.

    Attributes
    ----------
    bars_ : BarContainer or None
        Groups that are all named, or quantile groups.
    points_ : Line2D or None
        Groups by rank, where there are more than 45.
    outside_ : Line2D or None
        Groups by rank whose skill is below -1, at the edge.
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

    def __init__(self, *, table: pd.DataFrame, by: str, without_peaks: Sequence[str] = ()) -> None:
        self.table = table
        self.by = by
        self.without_peaks = without_peaks

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
        name = by if isinstance(by, str) else "group"
        bare = _without_peaks(table, data) if name == "chromosome" else []
        return cls(table=table, by=name, without_peaks=bare).plot(ax, value=value)

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
        table = check_table(self.table, ["n_pairs", value, "mse_mean"], "errors of groups")
        if not np.isfinite(table[value]).any():
            raise ValueError(f"no group has a finite {value}; skill needs genes with training pairs")
        table = table.assign(**{value: table[value].where(table[value].abs() > 1e-12, 0.0)})  # rounding is no skill
        self.bars_ = self.points_ = self.outside_ = self.mean_ticks_ = None
        if isinstance(table.index, pd.IntervalIndex):
            self._draw_intervals(ax, table, value)
        elif len(table) <= _NAME_ALL:
            self._draw_names(ax, self._worst_first(table, value), value)
        else:
            self._draw_ranks(ax, self._worst_first(table, value), value)
        self.figure_ = self.ax_.figure
        return self

    def _worst_first(self, table: pd.DataFrame, value: str) -> pd.DataFrame:
        """Sort groups; those without peaks come last."""
        bare = table.index.isin(list(self.without_peaks))
        return table.assign(bare=bare).sort_values(["bare", value], ascending=[True, value == "skill"], kind="stable")

    def _draw_names(self, ax: Any, table: pd.DataFrame, value: str) -> None:
        """Horizontal bars, the worst on top."""
        own, names = ax is None, _names_with_counts(table)
        width = 4.6 + max(map(text_width, names)) / 72
        (self.ax_,) = (ax,) = axes(ax, size=(width, 1.3 + 0.2 * max(len(table), 4)))
        places, values = np.arange(len(table))[::-1], table[value].to_numpy()
        self.bars_ = ax.barh(places, values, 0.72, color=_colours(values, value, table["bare"].to_numpy()))
        if value == "mse" and table["mse_mean"].notna().any():
            self.mean_ticks_ = ax.vlines(table["mse_mean"], places - 0.45, places + 0.45, color=BLACK, lw=1.5, zorder=3)
        ax.set_yticks(places, names, size=SMALL)
        ax.set(ylim=(-0.7, len(table) - 0.3))
        settle(ax, own)
        if _below(values, value).any():
            ax.set_xlim(_limits(values))
        label_axes(ax, _VALUES[value], "")
        for place, low in zip(places[_below(values, value)], values[_below(values, value)], strict=True):
            at = {"xycoords": ("axes fraction", "data"), "xytext": (3, 0), "textcoords": "offset points"}
            ax.annotate(_cut(low), (0, place), color="white", size=SMALL, va="center", **at)
        ends = ax.get_ylim()  # the line ends where the words begin
        _reference(lambda at, **style: ax.plot([at, at], ends, **style), value)
        self._say(ax, table)

    def _draw_intervals(self, ax: Any, table: pd.DataFrame, value: str) -> None:
        """Bars side by side, with the limits of the groups between them."""
        own = ax is None
        (self.ax_,) = (ax,) = axes(ax, size=(6.4, 4.0))
        places, values = np.arange(len(table)) + 0.5, table[value].to_numpy()
        self.bars_ = ax.bar(places, values, 0.86, color=_colours(values, value))
        if value == "mse" and table["mse_mean"].notna().any():
            self.mean_ticks_ = ax.hlines(table["mse_mean"], places - 0.46, places + 0.46, color=BLACK, lw=1.5, zorder=3)
        edges = [table.index[0].left, *(part.right for part in table.index)]
        # The first interval begins a little below the least value, which tells nothing.
        label_edges(ax, ["min", *(f"{edge:.3g}".replace("-", "\N{MINUS SIGN}") for edge in edges[1:])])
        if _below(values, value).any():
            ax.set_ylim(_limits(values))
        label_axes(ax, _AXES.get(self.by, str(self.by)), _VALUES[value])
        for place, low in zip(places[_below(values, value)], values[_below(values, value)], strict=True):
            at = {"xycoords": ("data", "axes fraction"), "xytext": (0, 3), "textcoords": "offset points"}
            ax.annotate(_cut(low)[2:], (place, 0), color="white", size=SMALL, ha="center", **at)
        _reference(ax.axhline, value)
        settle(ax, own)
        self._say(ax, table)

    def _draw_ranks(self, ax: Any, table: pd.DataFrame, value: str) -> None:
        """Dots by rank; the worst and the best are named."""
        own = ax is None
        (self.ax_,) = (ax,) = axes(ax, size=(6.0, 4.2))
        table = table[table[value].notna()]
        below = _below(table[value].to_numpy(), value)
        points = np.column_stack([np.arange(1, len(table) + 1), np.where(below, _FLOOR, table[value])])
        style = {"ls": "none", "ms": 3.5, "zorder": 2}
        self.points_ = ax.plot(*points[~below].T, marker="o", color=BLUE, **style)[0]
        self.outside_ = ax.plot(*points[below].T, marker="v", color=VERMILLION, **style)[0] if below.any() else None
        unit = {"cell_type": "cell types", "gene": "genes", "chromosome": "chromosomes"}.get(self.by, "groups")
        last = ", those without peaks last" if table["bare"].any() else ""
        label_axes(ax, f"{len(table):,} {unit}, worst first{last}", _VALUES[value])
        ax.margins(0.06)
        _reference(ax.axhline, value)
        settle(ax, own)
        self._say(ax, table, [(f"{below.sum():,} below \N{MINUS SIGN}1, at the edge", VERMILLION)] * bool(below.any()))
        self._name_ends(ax, table, points, value)

    def _name_ends(self, ax: Any, table: pd.DataFrame, points: NDArray, value: str) -> None:
        """Name the worst, and by skill the best, where no dot lies."""
        obstacles = points
        if value in _REFERENCES:
            line = np.column_stack([np.linspace(1, len(points), 200), np.full(200, _REFERENCES[value])])
            obstacles = np.vstack([points, line])
        last = len(table) - 1
        ends = [0, last, 1, last - 1, 2, last - 2] if value == "skill" else [0, 1, 2, 3]
        cut = _below(table[value].to_numpy(), value)
        names = [shortened(table.index[k]) + (f" ({_cut(table[value].iloc[k])[2:]})" if cut[k] else "") for k in ends]
        name_points(ax, points[ends], names, obstacles)

    def _say(self, ax: Any, table: pd.DataFrame, more: Sequence[tuple[str, Any]] = ()) -> None:
        """Say above the groups how many pairs they hold and what the marks are."""
        low, high = int(table["n_pairs"].min()), int(table["n_pairs"].max())
        said = [(f"{low:,} pairs each" if low == high else f"{low:,} to {high:,} pairs each", GREY)]
        if self.mean_ticks_ is not None:
            said.append(("bars: model; black lines: training mean of the gene", BLACK))
        write_above(ax, [*said, *more])


def _names_with_counts(table: pd.DataFrame) -> list[str]:
    """Names of groups, with their number of pairs where it differs, and whether they have peaks."""
    differ = table["n_pairs"].nunique() > 1
    remarks = [
        ["no peaks"] * bool(bare) + [f"{n:,} pairs"] * differ
        for n, bare in zip(table["n_pairs"], table["bare"], strict=True)
    ]
    names = [shortened(name, 50) for name in table.index]
    return [f"{name} ({', '.join(said)})" if said else name for name, said in zip(names, remarks, strict=True)]


def _without_peaks(table: pd.DataFrame, data: Any) -> list[str]:
    """Chromosomes of the table on which the data set has no peak."""
    return [name for name in table.index if name not in set(data.peaks["chrom"])]


def _colours(values: NDArray, value: str, bare: Any = False) -> Any:
    worse = values < 0 if value == "skill" else np.zeros(values.size, dtype=bool)
    return np.where(bare, GREY, np.where(worse, VERMILLION, BLUE))


def _below(values: NDArray, value: str) -> NDArray[np.bool_]:
    """Which values are not drawn to their end."""
    return values < _FLOOR if value == "skill" else np.zeros(values.size, dtype=bool)


def _limits(values: NDArray) -> tuple[float, float]:
    """Limits of an axis of skill that ends at the edge."""
    top = max(float(np.nanmax(values)), 0.0)
    margin = 0.05 * (top - _FLOOR)
    return _FLOOR - margin, top + margin


def _cut(value: float) -> str:
    return f"\N{BLACK LEFT-POINTING TRIANGLE} \N{MINUS SIGN}{-value:.3g}"


def _reference(line: Any, value: str) -> None:
    """Line at what the training mean scores, or at an average share."""
    if value in _REFERENCES:
        line(_REFERENCES[value], color=GREY, lw=1, zorder=1)
