"""SequenceLogoDisplay: which letters of a sequence a model needs."""

from typing import Any, Self

import numpy as np
import pandas as pd

from skepi.exceptions import UnknownNameError
from skepi.plotting._labels import label_axes
from skepi.plotting._style import BLUE, GREEN, GREY, ORANGE, SMALL, VERMILLION, axes, check_table

_COLOURS = {"A": GREEN, "C": BLUE, "G": ORANGE, "T": VERMILLION}
_COLUMNS = ["sequence", "position", "reference", "alternative", "cell_type", "effect", "limit"]


class SequenceLogoDisplay:
    """Letters of one sequence, each as tall as what the model loses on average when it is changed.

    The height at a position is minus the mean effect of its three changes: a letter above 0 raises the prediction, a
    letter below 0 lowers it. Dashed lines are the limits that the effect of a single change rarely exceeds in shuffled
    sequences.

    Parameters
    ----------
    effects : DataFrame
        As :func:`skepi.inspection.mutagenesis` returns it.
    sequence : int, default=0
        Row of the sequence.
    cell_type : str, optional
        By default the one with the largest effect in this sequence.

    Attributes
    ----------
    heights_ : Series
        Height of each letter by position, in the unit of the prediction.
    cell_type_ : object
        Cell type that is drawn.
    letters_ : list of PathPatch
    ax_ : Axes
    figure_ : Figure

    Raises
    ------
    UnknownNameError
        For a sequence or cell type that the table lacks.

    Examples
    --------
    >>> table = pd.DataFrame({"sequence": 0, "position": [0, 0, 0], "reference": "A", "alternative": list("CGT"),
    ...                       "cell_type": "B", "effect": [-1.0, -2.0, -3.0], "limit": 0.5})
    >>> SequenceLogoDisplay.from_effects(table).heights_.tolist()
    [2.0]
    """

    def __init__(self, *, effects: pd.DataFrame, sequence: int = 0, cell_type: Any = None) -> None:
        self.effects = effects
        self.sequence = sequence
        self.cell_type = cell_type

    @classmethod
    def from_effects(
        cls,
        effects: pd.DataFrame,
        *,
        sequence: int = 0,
        cell_type: Any = None,
        start: int = 0,
        stop: int | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw the table of :func:`skepi.inspection.mutagenesis`.

        Parameters
        ----------
        effects : DataFrame
        sequence : int, default=0
            Row of the sequence.
        cell_type : str, optional
            By default the one with the largest effect in this sequence.
        start, stop : int, optional
            Positions to draw, from 0, without ``stop``; by default all. Letters can be read up to about 100 positions.
        ax : Axes, optional
        """
        return cls(effects=effects, sequence=sequence, cell_type=cell_type).plot(ax, start=start, stop=stop)

    def plot(self, ax: Any = None, *, start: int = 0, stop: int | None = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : Axes, optional
            A new figure by default.
        start, stop : int, optional
            Positions to draw, from 0, without ``stop``; by default all.

        Returns
        -------
        SequenceLogoDisplay
        """
        table = _chosen(check_table(self.effects, _COLUMNS, "effects"), "sequence", self.sequence)
        strongest = table.loc[table["effect"].abs().idxmax(), "cell_type"]
        self.cell_type_ = strongest if self.cell_type is None else self.cell_type
        table = _chosen(table, "cell_type", self.cell_type_)
        table = table[(table["position"] >= start) & (table["position"] < (np.inf if stop is None else stop))]
        if table.empty:
            raise ValueError(f"effects: no position from {start} to {stop}")
        by_position = table.groupby("position")
        self.heights_ = -by_position["effect"].mean()
        (ax,) = axes(ax, size=(9.0, 2.6))
        letters = by_position["reference"].first()
        self.letters_ = [_letter(ax, letters[p], p, height) for p, height in self.heights_.items() if height]
        self._draw_limits(ax, float(table["limit"].iloc[0]))
        ax.set_xlim(self.heights_.index.min() - 1, self.heights_.index.max() + 1)
        label_axes(ax, "position in the sequence (bp)", "effect of the letter")
        ax.set_title(f"sequence {self.sequence}, {self.cell_type_}", size=SMALL, loc="left")
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw_limits(self, ax: Any, limit: float) -> None:
        ax.axhline(0, color=GREY, lw=0.8, zorder=1)
        reach = max(float(self.heights_.abs().max()), limit if np.isfinite(limit) else 0.0)
        if np.isfinite(limit):
            for height in (limit, -limit):
                ax.axhline(height, color=GREY, lw=1, ls="--", zorder=1)
        lowest = min(float(self.heights_.min()), -limit if np.isfinite(limit) else 0.0)
        ax.set_ylim(1.15 * min(lowest, 0) - 0.02 * reach, 1.15 * reach or 1)


def _chosen(table: pd.DataFrame, column: str, value: Any) -> pd.DataFrame:
    kept = table[table[column] == value]
    if kept.empty:
        known = ", ".join(map(str, pd.unique(table[column])[:5]))
        raise UnknownNameError(f"effects: no {column} {value!r}; there are {known}")
    return kept


def _letter(ax: Any, letter: str, position: int, height: float) -> Any:
    """Draw a letter in the box from 0 to a height, upside down below 0."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.patches import PathPatch
    from matplotlib.textpath import TextPath
    from matplotlib.transforms import Affine2D

    outline = TextPath((0, 0), letter, size=1, prop=FontProperties(family="DejaVu Sans", weight="bold"))
    box = outline.get_extents()
    into_box = (
        Affine2D().translate(-box.x0, -box.y0).scale(0.9 / box.width, height / box.height).translate(position - 0.45, 0)
    )
    return ax.add_patch(PathPatch(into_box.transform_path(outline), color=_COLOURS[letter], lw=0, zorder=2))
