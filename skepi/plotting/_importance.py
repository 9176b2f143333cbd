"""ImportanceDisplay: importance along the distance from the TSS."""

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from skepi.inspection import ImportanceProfile, importance_profile
from skepi.plotting._band_axis import label_edges
from skepi.plotting._labels import label_axes, write_above
from skepi.plotting._style import BLACK, BLUE, GREY, PALE, VERMILLION, axes, check_table, percent, pyplot
from skepi.plotting._tss_arrow import draw_tss_arrow

# More bands than these are bins: too many for equal widths.
_MOST_BANDS = 60


class ImportanceDisplay:
    """Importance of distance bands, with what permuted targets give shaded, and bands beyond it in red.

    Up to 60 bands are equally wide, with their edges written between them; more are drawn on an axis that is linear
    within the innermost bins and logarithmic outside, on both sides.

    Parameters
    ----------
    table : DataFrame
        A row a band, most upstream first, each beginning where the last one ends: ``from_bp, to_bp, importance``; with
        a null band ``null_low, null_high, beyond``. From :func:`skepi.inspection.bin_importance` or
        ``ImportanceProfile.table``.
    unit : str, default="importance"
        Label of the y axis.
    level : float, optional
        Of the limits.
    n_permutations : int, default=0

    Attributes
    ----------
    bars_ : BarContainer or StepPatch
        Bars of bands, or the outline of many bins.
    null_band_ : PolyCollection or None
    beyond_ : list of Rectangle or PathCollection
        Bars, or marks on the outline, of what lies beyond the null band.
    tss_ : Annotation or None
        Arrow in the direction of transcription, where a band begins or ends at the TSS.
    ax_ : Axes
    figure_ : Figure

    Examples
    --------
    >>> table = pd.DataFrame({"from_bp": [-1_000, 0], "to_bp": [0, 1_000], "importance": [0.1, 0.2]})
    >>> display = ImportanceDisplay(table=table, unit="weight").plot()
    >>> [float(bar.get_height()) for bar in display.bars_]
    [0.1, 0.2]
    """

    def __init__(
        self, *, table: pd.DataFrame, unit: str = "importance", level: float | None = None, n_permutations: int = 0
    ) -> None:
        self.table = table
        self.unit = unit
        self.level = level
        self.n_permutations = n_permutations

    @classmethod
    def from_profile(cls, profile: ImportanceProfile, *, ax: Any = None) -> Self:
        """Draw a profile.

        Parameters
        ----------
        profile : ImportanceProfile
            From :func:`skepi.inspection.importance_profile`.
        ax : Axes, optional
        """
        if not isinstance(profile, ImportanceProfile):
            raise TypeError(f"wanted an ImportanceProfile, got {type(profile).__name__}")
        n = len(profile.null)
        return cls(table=profile.table, unit=profile.unit, level=profile.level, n_permutations=n).plot(ax)

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, y: ArrayLike, cv: Any, *, ax: Any = None, **settings: Any) -> Self:
        """Refit on each fold and draw importance on its test pairs; an already fitted estimator is not used.

        The refits on permuted cell types, which give the null band, go over the same folds.

        Parameters
        ----------
        estimator, X, y, cv, **settings
            As in :func:`skepi.inspection.importance_profile`.
        ax : Axes, optional
        """
        pyplot()
        return cls.from_profile(importance_profile(estimator, X, y, cv, **settings), ax=ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : Axes, optional
            A new figure by default.

        Returns
        -------
        ImportanceDisplay
        """
        table = _checked(self.table)
        (ax,) = axes(ax, size=(8.8, 4.0))
        self.null_band_, self.tss_ = None, None
        self.beyond_: Any = []
        place = self._set_axis(ax, table)
        ax.axhline(0, color=BLACK, lw=0.8, zorder=2)
        if "null_low" in table:
            limits = (np.append(side, side.iloc[-1]) for side in (table["null_low"], table["null_high"]))
            self.null_band_ = ax.fill_between(place, *limits, step="post", color=PALE, lw=0, zorder=1)
        self._draw_values(ax, table, place)
        top = ax.get_ylim()[1]
        self._explain(ax, table)
        self._mark_tss(ax, table, place, top)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _set_axis(self, ax: Any, table: pd.DataFrame) -> np.ndarray:
        """Place of each edge, (n_bands + 1,)."""
        edges = np.append(table["from_bp"], table["to_bp"].iloc[-1])
        if len(table) <= _MOST_BANDS:
            in_kb = (np.abs(edges) >= 1_000).any()
            texts = [f"{edge / (1_000 if in_kb else 1):g}".replace("-", "\N{MINUS SIGN}") for edge in edges]
            label_edges(ax, texts, first=[*np.flatnonzero(edges == 0), *_powers(edges)])
            label_axes(
                ax, f"offset from the TSS ({'kb' if in_kb else 'bp'}, not to scale), downstream positive", self.unit
            )
            return np.arange(edges.size, dtype=float)
        linear = max(float(np.diff(edges).min()), 1.0)
        ax.set_xscale("symlog", linthresh=linear / 1_000, linscale=0.6)
        ax.xaxis.set_major_formatter(lambda kb, _: f"{kb:g}".replace("-", "\N{MINUS SIGN}"))
        ax.set_xlim(edges[0] / 1_000, edges[-1] / 1_000)
        label_axes(ax, "offset from the TSS (kb, log scale on both sides), downstream positive", self.unit)
        return edges / 1_000

    def _draw_values(self, ax: Any, table: pd.DataFrame, place: np.ndarray) -> None:
        beyond = table["beyond"].to_numpy(dtype=bool) if "beyond" in table else np.zeros(len(table), dtype=bool)
        value, middle = table["importance"].to_numpy(), (place[:-1] + place[1:]) / 2
        if len(table) <= _MOST_BANDS:
            self.bars_ = ax.bar(middle, value, 0.62, color=np.where(beyond, VERMILLION, BLUE), zorder=3)
            self.beyond_ = [bar for bar, out in zip(self.bars_, beyond, strict=True) if out]
            return
        self.bars_ = ax.stairs(value, place, color=BLUE, lw=1.0, zorder=3)
        if beyond.any():
            self.beyond_ = ax.scatter(middle[beyond], value[beyond], s=14, color=VERMILLION, lw=0, zorder=4)

    def _explain(self, ax: Any, table: pd.DataFrame) -> None:
        """Say above the bars what the shade and the colours mean."""
        lines: list[tuple[str, Any]] = []
        if self.null_band_ is not None:
            level = "" if self.level is None else f"{percent(self.level)} limits for all bands at once, "
            of = (
                f"{self.n_permutations} refits on permuted cell types" if self.n_permutations else "permuted cell types"
            )
            n_beyond, n = int(table["beyond"].sum()), len(table)
            lines = [(f"shaded: {level}{of}", GREY), (f"red: beyond them ({n_beyond} of {n} bands)", VERMILLION)]
        write_above(ax, [*lines, ("", BLACK)])

    def _mark_tss(self, ax: Any, table: pd.DataFrame, place: np.ndarray, top: float) -> None:
        """Line at the TSS, and an arrow from it in the direction of transcription."""
        edges = np.append(table["from_bp"], table["to_bp"].iloc[-1])
        if not (edges == 0).any():
            return
        at = float(place[edges == 0][0])
        self.tss_ = draw_tss_arrow(ax, at, top, forward=True)


def _checked(table: pd.DataFrame) -> pd.DataFrame:
    table = check_table(table, ["from_bp", "to_bp", "importance"], "importance of bands").reset_index(drop=True)
    null = [name for name in ("null_low", "null_high", "beyond") if name in table]
    if len(null) not in (0, 3):
        raise ValueError(f"importance of bands: null_low, null_high and beyond go together, got {null}")
    if (table["to_bp"] <= table["from_bp"]).any() or (
        table["to_bp"].iloc[:-1] != table["from_bp"].iloc[1:].values
    ).any():
        raise ValueError("importance of bands: each must begin where the last one ends, most upstream first")
    return table


def _powers(edges: np.ndarray) -> list[int]:
    """Edges at powers of ten."""
    size = np.log10(np.maximum(np.abs(edges), 1))
    return list(np.flatnonzero((np.abs(size - np.round(size)) < 1e-9) & (edges != 0)))
