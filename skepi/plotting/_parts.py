"""PartContributionsDisplay: which part of the prediction earns the skill, in every gene or cell type."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi.inspection import part_contributions
from skepi.plotting._density import MOST_POINTS, draw_points
from skepi.plotting._labels import (
    filled,
    label_axes,
    make_room_top,
    name_points,
    shortened,
    size_in_points,
    text_width,
    write_above,
)
from skepi.plotting._parts_plane import Frame, Plane, clipped, frame_of, largest, outside_of, plane_of, rows_of, words
from skepi.plotting._style import (
    BLACK,
    BLUE,
    GREY,
    PALE,
    SMALL,
    VERMILLION,
    axes,
    check_kind,
    check_table,
    colours,
    halo,
    pyplot,
    settle,
)

_BY = ("gene", "cell_type")
_SCORES = {"skill": "skill", "within_gene_skill": "within-gene skill"}
_CONTOURS = (0.0, 0.5, 1.0)

# Up to how many points names keep clear of all.
_FEW_POINTS = 300

# What the control is called in figures.
_CONTROL = "without matching genes"

# Up to so many cell types, each has its name.
_NAME_ALL = 45

# Height of the row of a cell type in inches.
_ROW = 0.2


class PartContributionsDisplay:
    """Contributions of the parts of a prediction to its skill: genes in a plane, or cell types as stacked bars.

    The figure answers one question: does the model earn its skill from the openness around a gene, which differs from
    gene to gene, or from what the whole cell is like? It says in one sentence how it is to be read.

    In the plane, a gene's cell-state contribution stands over those of all other parts together, so that lines of equal
    skill fall at 45 degrees. Genes may lie outside its frame (contributions below -1 or above 1.5 and, of more than
    200, the outermost): they are counted in the figure and drawn as grey crosses at the edge.

    Beside the parts stands the skill of the control, in which genes have each other's places: as a line of equal skill
    in the plane, as open diamonds on the bars. The figure says where it was not run.

    Parameters
    ----------
    contributions : DataFrame
        From :func:`skepi.inspection.part_contributions` by gene or by cell type.
    pooled : Series
        From the same with ``by=None``.

    Attributes
    ----------
    points_ : PathCollection, PolyCollection or None
        Genes, or hexagons by their number where there are more than 4,000.
    outside_ : PathCollection or None
        Crosses at the edge.
    pooled_point_, median_point_ : Line2D or None
        Contributions in all pairs together, and medians over genes of each contribution alone.
    equal_line_ : Line2D or None
        Where both contributions are equal.
    contours_ : list of Line2D
        Where skill is 0, 0.5 and 1.
    control_line_ : Line2D or None
        Where skill is that of the control in all pairs; None where it was not run or lies outside the frame.
    names_ : list of Annotation
        Names of genes. A name for which there is no room is left out.
    bars_ : dict of str to BarContainer
        Bars of each part; the first bar is that of all pairs together.
    skill_points_ : Line2D or None
        Sums of the bars.
    control_points_ : Line2D or None
        Skill of the control for each bar; None where it was not run.
    ax_ : Axes
    figure_ : Figure

    Examples
    --------
    >>> table = pd.DataFrame({"fold": 0, "gene": list("aabb"), "cell_type": ["HSC", "Ery"] * 2, "train_mean": 0.0})
    >>> table = table.assign(y_true=[2.0, -2.0] * 2, cis=[1.0, -1.0, 0.0, 0.0], cell_state=[0.0, 0.0, 2.0, -2.0])
    >>> table = table.assign(y_pred=table["cis"] + table["cell_state"])
    >>> display = PartContributionsDisplay.from_predictions(table)
    >>> display.points_.get_offsets().tolist()  # of a, half of the way by cis alone, and of b, all of it by state
    [[0.75, 0.0], [0.0, 1.0]]
    """

    def __init__(self, *, contributions: pd.DataFrame, pooled: pd.Series) -> None:
        self.contributions = contributions
        self.pooled = pooled

    @classmethod
    def from_predictions(
        cls,
        held_out_parts: pd.DataFrame,
        *,
        by: str = "gene",
        state: str = "cell_state",
        genes: Sequence[str] | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw held-out predictions.

        Parameters
        ----------
        held_out_parts : DataFrame
            From :func:`skepi.inspection.cross_val_parts`, best with ``control=True``.
        by : {"gene", "cell_type"}, default="gene"
            Genes in the plane, or bars of cell types.
        state, genes
            As in :meth:`plot`.
        ax : Axes, optional
        """
        pyplot()
        check_kind(by, _BY, "by")
        tables = {"contributions": part_contributions(held_out_parts, by)}
        return cls(**tables, pooled=part_contributions(held_out_parts, None)).plot(ax, state=state, genes=genes)

    def plot(self, ax: Any = None, *, state: str = "cell_state", genes: Sequence[str] | None = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : Axes, optional
            A new figure by default.
        state : str, default="cell_state"
            Part whose contribution is the vertical one; of genes alone.
        genes : sequence of str, optional
            Genes to name. By default, on each side of the line of equal contributions the three in which the larger
            one is the most squared error.

        Returns
        -------
        PartContributionsDisplay

        Raises
        ------
        TypeError, ValueError
            For tables of another kind, parts fewer than two, a part that is not there, genes named in a figure of cell
            types, genes to name that do not vary, and where no gene varies.
        UnknownNameError
            For genes to name that are not in the table.
        """
        table = check_table(self.contributions, ["n_pairs", "mse_mean"], "contributions")
        score = next((name for name in _SCORES if name in table), None)
        parts = [name for name in table if f"r_{name}" in table]
        if score is None or table.index.name not in _BY:
            raise ValueError("contributions: wanted the table of part_contributions by gene or by cell type")
        self.points_ = self.outside_ = self.pooled_point_ = self.median_point_ = self.equal_line_ = None
        self.control_line_ = self.control_points_ = None
        self.contours_: list[Any] = []
        self.names_: list[Any] = []
        self.bars_: dict[str, Any] = {}
        self.skill_points_ = None
        if table.index.name == "gene":
            self._drawplane_of(ax, plane_of(table, self.pooled, parts, state), score, genes)
        elif genes is not None:
            raise ValueError("genes can be named in the plane of genes alone, not in bars of cell types")
        else:
            self._draw_bars(ax, table, parts, score)
        self.figure_ = self.ax_.figure
        return self

    def _drawplane_of(self, ax: Any, plane: Plane, score: str, genes: Sequence[str] | None) -> None:
        chosen = largest(plane) if genes is None else rows_of(genes, plane)
        own, frame = ax is None, frame_of(plane)
        (self.ax_,) = (ax,) = axes(ax, size=(5.4, 5.6))
        x, y = plane.xy.T
        self.points_, said = draw_points(ax, x, y, frame, "genes")
        out = outside_of(plane.xy, frame)
        if out.any():
            edge = clipped(plane.xy[out], frame)
            self.outside_ = ax.scatter(*edge.T, s=14, marker="x", color=GREY, lw=0.8, clip_on=False, zorder=3)
            said += " (crosses)"
        if plane.left_out:
            said += f"\n{len(plane.left_out):,} that do not vary left out"
        self._draw_lines(ax, frame, over_hexagons=len(plane.xy) > MOST_POINTS)
        self._draw_control(ax, frame, score)
        label_axes(ax, *(f"contribution of {name} to {_SCORES[score]}" for name in (plane.others, plane.state)))
        settle(ax, own)
        self._draw_means(ax, plane, score, said)
        _label_contours(ax, frame, _SCORES[score])
        self._name(ax, plane, chosen, frame)

    def _draw_lines(self, ax: Any, frame: Frame, over_hexagons: bool) -> None:
        low, high = frame[:2]
        style = {"zorder": 3, "path_effects": halo() if over_hexagons else None}
        ax.plot([low, high], [0, 0], color=PALE, lw=0.8, zorder=0.5)
        ax.plot([0, 0], [low, high], color=PALE, lw=0.8, zorder=0.5)
        self.equal_line_ = ax.plot([low, high], [low, high], color=BLACK, lw=1.1, ls="--", **style)[0]
        for level in _CONTOURS:
            ends = np.array([max(low, level - high), min(high, level - low)])
            self.contours_ += ax.plot(ends, level - ends, color=GREY, lw=1.1, ls=":", **style)

    def _draw_control(self, ax: Any, frame: Frame, score: str) -> None:
        """Draw the line on which the skill is that of the control."""
        low, high = frame[:2]
        level = _control_of(self.pooled, score)
        if 2 * low < level < 2 * high:
            ends = np.array([max(low, level - high), min(high, level - low)])
            self.control_line_ = ax.plot(ends, level - ends, color=VERMILLION, lw=1.1, zorder=3, path_effects=halo())[0]

    def _draw_means(self, ax: Any, plane: Plane, score: str, said: str) -> None:
        """Mark the pooled contributions and the medians, and say in words above the cloud what is drawn."""
        pooled, median = plane.pooled, plane.median
        style = {"ls": "none", "color": VERMILLION, "mec": "white", "mew": 1.2, "zorder": 6}
        self.pooled_point_ = ax.plot(*pooled[:, None], marker="D", ms=9, **style)[0]
        self.median_point_ = ax.plot(*median[:, None], marker="o", ms=9, **style)[0]
        values = [f"{words(name)} {_number(self.pooled[name])}" for name in plane.parts]
        of_all = f"all pairs: {' + '.join(values)} = {_SCORES[score]} {_number(pooled.sum())}"
        of_genes = f"medians over genes: {plane.others} {_number(median[0])}, {plane.state} {_number(median[1])}"
        marks, names = (
            [self.pooled_point_, self.median_point_, self.equal_line_],
            [of_all, of_genes, "equal contributions"],
        )
        control = _said_of_control(_control_of(self.pooled, score), _SCORES[score])
        if self.control_line_ is None:
            said += f"\n{control}"
        else:
            marks.insert(1, self.control_line_)
            names.insert(1, f"all pairs, {control}")
        sentence = (
            f"each point is a gene: further right, more {_SCORES[score]} from {plane.others}; further up, more from "
        )
        _key(ax, marks, names, f"{filled(size_in_points(ax)[0], sentence + plane.state)}\n{said}")

    def _name(self, ax: Any, plane: Plane, chosen: NDArray[np.int64], frame: Frame) -> None:
        """Name genes beside a ring around each; those outside the frame with their values, at its edge."""
        if chosen.size == 0:
            return
        xy = plane.xy[chosen]
        at, outside = clipped(xy, frame), outside_of(xy, frame)
        ax.scatter(*at.T, s=42, facecolor="none", edgecolor=BLACK, lw=1.0, zorder=5, clip_on=False)
        names = [
            shortened(name, 24) + (f" ({_number(x)}, {_number(y)})" if out else "")
            for name, (x, y), out in zip(plane.genes[chosen], xy, outside, strict=True)
        ]
        marks = np.vstack([at, plane.pooled, plane.median])
        cloud = plane.xy[~outside_of(plane.xy, frame)]
        obstacles = np.vstack([cloud, marks]) if len(cloud) <= _FEW_POINTS else marks
        self.names_ = name_points(ax, at, names, obstacles)
        for name in self.names_:
            name.set(path_effects=halo(), zorder=7)

    def _draw_bars(self, ax: Any, table: pd.DataFrame, parts: list[str], score: str) -> None:
        """Stacked horizontal bars, the best cell type on top, and above them all pairs together."""
        table = table[table[score].notna()].sort_values(score, ascending=False)
        if table.empty:
            raise ValueError("contributions: the truth varies in no cell type")
        own, every = ax is None, -(-len(table) // _NAME_ALL)
        row = _ROW * 72 * min(1.0, _NAME_ALL / len(table))
        names = ["all pairs", *(shortened(name, 50) for name in table.index)]
        width = 4.6 + max(map(text_width, names)) / 72
        (self.ax_,) = (ax,) = axes(ax, size=(width, 1.8 + _ROW * min(max(len(table), 4), _NAME_ALL)))
        places = -np.append(-1.6 * every, np.arange(len(table)))
        values = pd.concat([self.pooled[parts].to_frame().T.astype(np.float64), table[parts]])
        self.bars_ = _stacked(ax, places, values, 0.72 * np.where(places > 0, every, 1))
        sums = values.sum(axis=1)
        style = {"ls": "none", "marker": "o", "ms": min(4.5, row), "mew": min(1.0, row / 6), "zorder": 4}
        self.skill_points_ = ax.plot(sums, places, color=BLACK, mec="white", **style)[0]
        bottom, top = places[-1] - 0.7, places[0] + 0.7 * every
        ax.plot([0, 0], [bottom, top], color=GREY, lw=1, zorder=3)  # ends where the words begin
        ticks = np.append(0, np.arange(1, len(names), every))
        ax.set_yticks(places[ticks], [names[k] for k in ticks], size=SMALL)
        ax.set(ylim=(bottom, top))
        label_axes(ax, f"contribution to {_SCORES[score]}", "" if every == 1 else _said_of_names(len(table), every))
        settle(ax, own)
        keys = [(words(name), bar.patches[0].get_facecolor()) for name, bar in self.bars_.items()]
        of_control = self._draw_control_points(ax, table, places, score, min(5.0, row))
        sentence = f"each bar adds up what the parts of the prediction contribute to the {_SCORES[score]}"
        dots = (f"black dots: {_SCORES[score]}, the sum", BLACK)
        write_above(ax, [(sentence, BLACK), *keys, dots, (of_control, VERMILLION)])

    def _draw_control_points(self, ax: Any, table: pd.DataFrame, places: NDArray, score: str, size: float) -> str:
        """Mark the skill of the control on each bar, and say what the marks are."""
        level = _control_of(self.pooled, score) if f"{score}_control" in table else np.nan
        if np.isnan(level):
            return _said_of_control(level, _SCORES[score])
        values = np.append(level, table[f"{score}_control"])
        style = {"ls": "none", "marker": "D", "ms": size, "mfc": "white", "mec": VERMILLION, "zorder": 5}
        self.control_points_ = ax.plot(values, places, mew=min(1.2, size / 4), **style)[0]
        return f"open diamonds: {_SCORES[score]} {_CONTROL}"


def _control_of(pooled: pd.Series, score: str) -> float:
    """Skill of the control in all pairs; NaN where it was not run."""
    return float(pooled.get(f"{score}_control", np.nan))


def _said_of_control(level: float, score: str) -> str:
    if np.isnan(level):
        return f"{_CONTROL}: not measured; use control=True"
    return f"{_CONTROL}: {score} {_number(level)}"


def _label_contours(ax: Any, frame: Frame, score: str) -> None:
    """Write the skill below the lower end of each contour."""
    low, high = frame[:2]
    for level in _CONTOURS:
        x = min(high, level - (low + 0.08 * (high - low)))
        at = {"xycoords": "data", "textcoords": "offset points", "ha": "right", "va": "top", "size": SMALL}
        text = f"{score} {level:g}" if level == _CONTOURS[0] else f"{level:g}"
        ax.annotate(text, (x, level - x), xytext=(-3, -1), color=GREY, path_effects=halo(), zorder=4, **at)


def _key(ax: Any, marks: list[Any], names: list[str], said: str) -> None:
    """Name marks and lines above the cloud, and what is said of it below them."""
    n_said = said.count("\n") + 1
    make_room_top(ax, len(names) + n_said)
    _, height = size_in_points(ax)
    ax.text(0, 1, said, transform=ax.transAxes, va="top", size=SMALL, color=BLUE)
    below = (0, 1 - n_said * 1.45 * SMALL / height)
    style = {"frameon": False, "fontsize": SMALL, "borderaxespad": 0, "borderpad": 0, "labelspacing": 0.35}
    ax.legend(marks, names, loc="upper left", bbox_to_anchor=below, **style)


def _said_of_names(n: int, every: int) -> str:
    return f"{n:,} cell types, one in {every} named"


def _stacked(ax: Any, places: NDArray, values: pd.DataFrame, heights: NDArray) -> dict[str, Any]:
    """Bars of each part behind those before it, positive ones to the right of 0 and negative ones to the left."""
    bars, ends = {}, {side: np.zeros(len(values)) for side in (-1, 1)}
    for name, colour in zip(values, colours(values.shape[1]), strict=True):
        width = values[name].to_numpy()
        left = np.where(width < 0, ends[-1], ends[1])
        bars[name] = ax.barh(places, width, heights, left=left, color=colour, zorder=2)
        for side in ends:
            ends[side] += np.where(np.sign(width) == side, width, 0.0)
    return bars


def _number(value: float) -> str:
    """Two decimals and a minus sign; no minus before 0."""
    return f"{round(float(value), 2) + 0.0:.2f}".replace("-", "\N{MINUS SIGN}")
