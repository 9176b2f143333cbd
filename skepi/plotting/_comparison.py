"""ComparisonDisplay: scores of many models under many splits."""

import textwrap
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd

from skepi.comparison import ModelComparison
from skepi.plotting._labels import shortened, size_in_points, text_width, write_above
from skepi.plotting._style import (
    BLACK,
    BLUE,
    GREY,
    PALE,
    SMALL,
    VERMILLION,
    WORDS,
    axes,
    check_kind,
    percent,
    pyplot,
    settle,
)

_KINDS = ("models", "cell_types")
_BY = {"gene": "genes", "cell_type": "cell types"}
_SKILL, _WITHIN = "skill", "within_gene_skill"
_VALUES = {
    _SKILL: "skill",
    _WITHIN: "within-gene skill",
    "r_median": "r across cell types, median over genes",
    "r_across": "r across genes, median over cell types",
    "slope": "slope of the truth on the prediction",
    "coverage": "share of pairs within the predicted interval",
}

_ROUNDING = 1e-9  # of a skill of 0
_LABEL = 10.0  # size of axis labels and titles

# What is worse is written at the edge.
_FLOOR = -1.0

# Up to so many columns, numbers stand in the cells of a heat map; up to so many cell types, each has its name.
_NUMBERS = 16
_NAME_ALL = 45


class ComparisonDisplay:
    """Models ranked under every split, with intervals, or their skill in every cell type.

    A split that holds out genes shows within-gene skill in a panel that says so. Models are in one order in all
    panels: by their mean over the splits that are drawn, the best on top.

    Parameters
    ----------
    comparison : ModelComparison

    Attributes
    ----------
    points_ : list of PathCollection or None
        One a split; the best model comes first.
    intervals_ : list of LineCollection or None
        One a split, where there are intervals.
    reference_lines_, ceiling_lines_ : list of Line2D or None
        One a split: what the training mean scores (or a calibrated model), and the noise ceiling where it is known.
    images_ : list of QuadMesh or None
        One a split: skill of cell types (rows) and models (columns).
    models_ : list of str
        In the order drawn, the best first.
    axes_ : list of Axes
        One a split.
    ax_ : Axes
        The first of them.
    figure_ : Figure

    Examples
    --------
    >>> from sklearn.dummy import DummyRegressor
    >>> from skepi.comparison import compare_models
    >>> from skepi.compose import GeneZTarget
    >>> from skepi.datasets import make_paired_openness
    >>> data, _ = make_paired_openness(n_genes=20, n_cell_types=4, n_lineages=2)
    >>> models = {"grand mean": DummyRegressor(), "mean of the gene": GeneZTarget(DummyRegressor())}
    >>> comparison = compare_models(models, data, ["cell types", "lineages"], n_bootstrap=20)
    >>> display = ComparisonDisplay.from_comparison(comparison)
    >>> display.models_, len(display.axes_)
    (['mean of the gene', 'grand mean'], 2)
    """

    def __init__(self, *, comparison: ModelComparison) -> None:
        self.comparison = comparison

    @classmethod
    def from_comparison(
        cls,
        comparison: ModelComparison,
        *,
        split: Any = None,
        kind: str = "models",
        value: str = "skill",
        by: str = "gene",
        ax: Any = None,
    ) -> Self:
        """Draw a comparison.

        Parameters
        ----------
        comparison : ModelComparison
            From :func:`skepi.comparison.compare_models`.
        split : str or sequence of str, optional
            All by default; given axes hold one.
        kind : {"models", "cell_types"}, default="models"
            Models ranked, or the skill of each in every cell type.
        value : {"skill", "r_median", "r_across", "slope", "coverage"}, default="skill"
            Score by which models are ranked. Splits in which no model has it are left out.
        by : {"gene", "cell_type"}, default="gene"
            What the intervals of skill come from resampling; the other scores have none.
        ax : Axes, optional
        """
        pyplot()
        if not isinstance(comparison, ModelComparison):
            raise TypeError(f"comparison: wanted a ModelComparison, got {type(comparison).__name__}")
        return cls(comparison=comparison).plot(ax, split=split, kind=kind, value=value, by=by)

    def plot(
        self, ax: Any = None, *, split: Any = None, kind: str = "models", value: str = "skill", by: str = "gene"
    ) -> Self:
        """Draw.

        Parameters
        ----------
        ax : Axes, optional
            A new figure by default.
        split, kind, value, by
            As in :meth:`from_comparison`.

        Returns
        -------
        ComparisonDisplay

        Raises
        ------
        ValueError
            For names that are not those listed, a score that no model has, and several splits in given axes.
        """
        check_kind(kind, _KINDS)
        check_kind(value, [name for name in _VALUES if name != _WITHIN], "value")
        check_kind(by, _BY, "by")
        panels = self._panels(split, value)
        if ax is not None and len(panels) > 1:
            raise ValueError(f"given axes hold one split: choose one of {[panel.split for panel in panels]}")
        means = pd.concat([panel.scores[panel.value] for panel in panels], axis=1).mean(axis=1)
        self.models_ = list(means.sort_values(ascending=False, kind="stable", na_position="last").index)
        n_panels = len(panels)
        self.points_, self.intervals_, self.reference_lines_, self.ceiling_lines_, self.images_ = (
            [None] * n_panels for _ in range(5)
        )
        if kind == "models":
            self._draw_models(ax, panels, by)
        else:
            self._draw_cell_types(ax, panels)
        self.ax_, self.figure_ = self.axes_[0], self.axes_[0].figure
        return self

    def _panels(self, split: Any, value: str) -> list["_Panel"]:
        """Scores of the splits asked for, of those that have the value."""
        known = self.comparison.splits
        asked = known if split is None else [split] if isinstance(split, str) else list(split)
        for name in asked:
            check_kind(name, known, "split")
        panels = []
        for name in asked:
            scores = self.comparison.scores.loc[name]
            own = _WITHIN if value == _SKILL and scores[_SKILL].isna().all() else value
            if scores[own].notna().any():
                panels.append(_Panel(name, own, scores, float(self.comparison.ceilings.loc[name, "ceiling"])))
        if not panels:
            raise ValueError(f"no model has a {value} under {', '.join(asked)}")
        return panels

    def _draw_models(self, ax: Any, panels: list["_Panel"], by: str) -> None:
        names = [shortened(name, 40) for name in self.models_]
        width = 2.6 + 0.9 / len(panels) + max(map(text_width, names)) / 72 / len(panels)
        self.axes_ = axes(ax, len(panels), (width, 1.6 + 0.24 * max(len(names), 3)))
        for k, (panel, panel_axes) in enumerate(zip(panels, self.axes_, strict=True)):
            limits = _limits([other for other in panels if other.value == panel.value], by)
            self._draw_panel(k, panel, panel_axes, by, limits)
            panel_axes.set_yticks(range(len(names))[::-1], names if k == 0 else [], size=SMALL)
            panel_axes.set_ylim(-0.6, len(names) - 0.4)
        settle(self.axes_[0], ax is None)
        for panel, panel_axes in zip(panels, self.axes_, strict=True):
            self._label_panel(panel, panel_axes, by)

    def _draw_panel(self, k: int, panel: "_Panel", ax: Any, by: str, limits: tuple[float, float]) -> None:
        scores = panel.scores.loc[self.models_]
        places, values = np.arange(len(scores))[::-1], scores[panel.value].to_numpy(dtype=float)
        inside = ~(values < limits[0])
        if panel.is_skill:
            ends = scores[[f"low_{by}", f"high_{by}"]].to_numpy(dtype=float)
            self.intervals_[k] = ax.hlines(places, *ends.T, color=BLUE, lw=2, alpha=0.5)
        colour = np.where(values[inside] < -_ROUNDING, VERMILLION, BLUE) if panel.is_skill else BLUE
        self.points_[k] = ax.scatter(values[inside], places[inside], s=26, color=colour, zorder=3)
        for place, value in zip(places[~inside], values[~inside], strict=True):
            text = f"\N{BLACK LEFT-POINTING TRIANGLE} \N{MINUS SIGN}{-value:.3g}"
            at = {"xytext": (3, 0), "textcoords": "offset points", "va": "center", "size": SMALL}
            ax.annotate(text, (limits[0], place), color=VERMILLION, **at)
        reference = self._reference(panel.value)
        if reference is not None:
            self.reference_lines_[k] = _upright(ax, reference, len(places), color=GREY)
        ax.locator_params(axis="x", nbins=4)  # panels are narrow, and so is what lies between them
        if panel.is_skill and np.isfinite(panel.ceiling):
            self.ceiling_lines_[k] = _upright(ax, panel.ceiling, len(places), color=BLACK, ls=(0, (4, 3)))
        ax.set_xlim(limits)

    def _label_panel(self, panel: "_Panel", ax: Any, by: str) -> None:
        label = _filled(ax, _VALUES[panel.value])
        if panel.is_skill:
            label += "\n" + _filled(ax, f"({percent(self.comparison.level)} intervals over {_BY[by]})")
        if panel.value == "coverage":
            label += "\n" + _filled(ax, f"(of level {self.comparison.interval_level:g})")
        ax.set_xlabel(label)
        _entitle(ax, panel.split)
        if panel.is_skill and np.isfinite(panel.ceiling):
            write_above(ax, [(f"dashed: noise ceiling {panel.ceiling:.2f}", BLACK)])

    def _reference(self, value: str) -> float | None:
        """What the training mean scores, or a calibrated model."""
        known = {_SKILL: 0.0, _WITHIN: 0.0, "slope": 1.0, "coverage": self.comparison.interval_level}
        return known.get(value)

    def _draw_cell_types(self, ax: Any, panels: list["_Panel"]) -> None:
        tables = [self._skill_of_cell_types(panel) for panel in panels]
        order = pd.concat(tables, axis=1).clip(-1, 1).mean(axis=1).sort_values(kind="stable").index
        models = [shortened(name, 40) for name in self.models_]
        names = [shortened(name, 36) for name in order] if len(order) <= _NAME_ALL else []
        numbers = bool(names) and len(models) * len(panels) <= _NUMBERS
        beside = max(map(text_width, names or [""])) / 72 + 1.6
        width = (0.48 if numbers else 0.32) * max(len(models), 4) + beside / len(panels)
        height = (0.22 * max(len(names), 6) if names else 5.0) + 0.9 + max(map(text_width, models)) / 72
        self.axes_ = axes(ax, len(panels), (width, height))
        for k, panel_axes in enumerate(self.axes_):
            self.images_[k] = _heat_map(panel_axes, tables[k].loc[order, self.models_], numbers)
            panel_axes.set_xticks(range(len(models)), models, rotation=90, size=SMALL)
            panel_axes.set_yticks(range(len(names)), names if k == 0 else [], size=SMALL)
        if not names:
            self.axes_[0].set_ylabel(f"{len(order)} cell types, best on top")
        _explain_colours(self.axes_, self.images_[0], ax is None)
        settle(self.axes_[0], ax is None)
        for panel, panel_axes in zip(panels, self.axes_, strict=True):
            _entitle(panel_axes, panel.split, *([] if panel.value == _SKILL else ["(within-gene skill)"]))

    def _skill_of_cell_types(self, panel: "_Panel") -> pd.DataFrame:
        """Cell types x models."""
        return self.comparison.by_cell_type.loc[panel.split][panel.value].unstack("model")


class _Panel(NamedTuple):
    """Scores of one split, and which of them is drawn."""

    split: str
    value: str
    scores: pd.DataFrame
    ceiling: float

    @property
    def is_skill(self) -> bool:
        return self.value in (_SKILL, _WITHIN)


def _limits(panels: Sequence[_Panel], by: str) -> tuple[float, float]:
    """Limits of the axis of one score, the same under all splits."""
    columns = [f"low_{by}", f"high_{by}"] if panels[0].is_skill else []
    drawn = [panel.scores[[panel.value, *columns]].to_numpy(dtype=float).ravel() for panel in panels]
    marks = {_SKILL: [0.0], _WITHIN: [0.0], "slope": [1.0], "coverage": [0.0, 1.0]}.get(panels[0].value, [0.0])
    ceilings = [panel.ceiling for panel in panels if panel.is_skill]
    values = np.concatenate([*drawn, marks, ceilings])
    values = values[np.isfinite(values)]
    low, high = max(float(values.min()), _FLOOR) if panels[0].is_skill else float(values.min()), float(values.max())
    room = 0.05 * max(high - low, 0.02)
    return low - room, high + room


def _upright(ax: Any, x: float, n_models: int, **style: Any) -> Any:
    """Line over all models; it ends below what is written above them."""
    return ax.plot([x, x], [-0.6, n_models - 0.4], lw=1, zorder=1, **style)[0]


def _heat_map(ax: Any, table: pd.DataFrame, numbers: bool) -> Any:
    """Cells coloured by skill, from -1 to 1; grey where there is none."""
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("skill", [VERMILLION, "white", BLUE]).with_extremes(bad=PALE)
    values = np.ma.masked_invalid(table.to_numpy(dtype=float))
    image = ax.pcolormesh(
        np.arange(values.shape[1] + 1) - 0.5, np.arange(len(values) + 1) - 0.5, values, cmap=colours, vmin=-1, vmax=1
    )
    ax.tick_params(length=0)
    ax.spines[:].set(visible=True, color=PALE)
    if numbers:
        for (row, column), value in np.ndenumerate(table.to_numpy(dtype=float)):
            if np.isfinite(value):
                shade = "white" if abs(value) > 0.6 else BLACK
                ax.text(column, row, _short(value), ha="center", va="center", size=SMALL - 1, color=shade)
    return image


def _short(value: float) -> str:
    """Two decimals where there is room for them.

    Examples
    --------
    >>> _short(0.534), _short(-0.004), _short(12.31)
    ('0.53', '0.00', '12')
    """
    text = f"{value:.2f}" if abs(value) < 9.995 else f"{value:.0f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "\N{MINUS SIGN}")


def _explain_colours(panels: list[Any], image: Any, own: bool) -> None:
    """Colour bar beside a figure of our own; given axes keep their room, and get words."""
    if own:
        bar = panels[0].figure.colorbar(image, ax=panels, fraction=0.05, pad=0.02, extend="min")
        bar.set_label(_VALUES[_SKILL])
    else:
        most, least = WORDS[BLUE], WORDS[VERMILLION]
        panels[0].set_xlabel(_filled(panels[0], f"{most}: skill 1, white: 0, {least}: \N{MINUS SIGN}1 or less"))


def _entitle(ax: Any, *titles: str) -> None:
    """Write titles above axes, each in as many lines as it needs."""
    ax.set_title("\n".join(_filled(ax, shortened(title, 60)) for title in titles))


def _filled(ax: Any, text: str) -> str:
    """Break a text of the size of axis labels so that it is no wider than its axes, with room to the next ones."""
    width, _ = size_in_points(ax)
    return textwrap.fill(text, max(12, int(0.95 * width / text_width("n", _LABEL))))
