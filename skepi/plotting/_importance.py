"""ImportanceDisplay: importance along the distance from the TSS."""

from typing import Any, Self

import pandas as pd
from numpy.typing import ArrayLike

from skepi.inspection import ImportanceProfile, importance_profile
from skepi.plotting._band_panel import BandPanel, Choice, band_panels
from skepi.plotting._labels import shortened, write_above
from skepi.plotting._style import BLACK, GREY, VERMILLION, WORDS, axes, check_table, percent, pyplot, settle

# Up to so many panels stand under each other, so that distances can be compared; more are put in two columns.
_ONE_COLUMN = 3
_LONGEST_TITLE = 56


class ImportanceDisplay:
    """Importance of distance bands, with what permuted targets give shaded, and bands beyond it in orange.

    Up to 60 bands are equally wide, with their edges written between them; more are drawn on an axis that is linear
    within the innermost bins and logarithmic outside, on both sides. Several signals or features have one panel each,
    all on one y axis.

    Parameters
    ----------
    table : DataFrame
        One row per band, each beginning where the last one ends: ``from_bp, to_bp, importance``; with a null band
        ``null_low, null_high, beyond``; with several signals or features ``signal, feature``. From
        :func:`skepi.inspection.bin_importance` or ``ImportanceProfile.table``.
    unit : str, default="importance"
        Label of the y axis.
    level : float, optional
        Coverage of the limits.
    n_permutations : int, default=0

    Attributes
    ----------
    panels_ : list of BandPanel
        One per signal and feature, in the order of the table: ``bars_, null_band_, beyond_, tss_, ax_`` and ``title``.
    bars_ : BarContainer or StepPatch
        Bars of bands, or the outline of many bins; this and what follows is of the first panel.
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
    def from_profile(
        cls, profile: ImportanceProfile, *, signal: Choice = None, feature: Choice = None, ax: Any = None
    ) -> Self:
        """Draw a profile.

        Parameters
        ----------
        profile : ImportanceProfile
            From :func:`skepi.inspection.importance_profile`.
        signal, feature : str or sequence of str, optional
            As in :meth:`plot`.
        ax : Axes, optional
        """
        if not isinstance(profile, ImportanceProfile):
            raise TypeError(f"wanted an ImportanceProfile, got {type(profile).__name__}")
        n = len(profile.null)
        shown = cls(table=profile.table, unit=profile.unit, level=profile.level, n_permutations=n)
        return shown.plot(ax, signal=signal, feature=feature)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike,
        cv: Any,
        *,
        signal: Choice = None,
        feature: Choice = None,
        ax: Any = None,
        **settings: Any,
    ) -> Self:
        """Refit on each fold and draw importance on its test pairs; an already fitted estimator is not used.

        The refits on permuted cell types, which give the null band, go over the same folds.

        Parameters
        ----------
        estimator, X, y, cv, **settings
            As in :func:`skepi.inspection.importance_profile`.
        signal, feature : str or sequence of str, optional
            As in :meth:`plot`.
        ax : Axes, optional
        """
        pyplot()
        profile = importance_profile(estimator, X, y, cv, **settings)
        return cls.from_profile(profile, signal=signal, feature=feature, ax=ax)

    def plot(self, ax: Any = None, *, signal: Choice = None, feature: Choice = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : Axes, optional
            A new figure by default; given axes hold one signal and feature.
        signal, feature : str or sequence of str, optional
            Those to draw, of a table that names them; all by default. ``feature=""`` is openness without a feature.

        Returns
        -------
        ImportanceDisplay

        Raises
        ------
        ValueError
            For a table or names that cannot be used, several signals or features in given axes, and more than six.
        """
        self.panels_ = band_panels(_checked(self.table), signal, feature)
        n, own = len(self.panels_), ax is None
        if not own and n > 1:
            titles = [panel.title for panel in self.panels_]
            raise ValueError(f"given axes hold one panel: choose one of {titles} by signal= and feature=")
        self._draw_panels(axes(ax, n, (8.8, 4.0) if n == 1 else (8.8, 3.0), 1 if n <= _ONE_COLUMN else 2), own)
        first = self.panels_[0]
        self.bars_, self.null_band_, self.beyond_ = first.bars_, first.null_band_, first.beyond_
        self.tss_, self.ax_, self.figure_ = first.tss_, first.ax_, first.ax_.figure
        return self

    def _draw_panels(self, panel_axes: list[Any], own: bool) -> None:
        """Draw all panels on one y axis."""
        if "signal" in self.table or "feature" in self.table:
            for panel, ax in zip(self.panels_, panel_axes, strict=True):
                ax.set_title(shortened(panel.title, _LONGEST_TITLE), loc="left", size="medium", weight="bold")
            settle(panel_axes[0], own)
        for panel, ax in zip(self.panels_, panel_axes, strict=True):
            panel.draw(ax, self.unit)
        top = _share_height(panel_axes)
        for panel in self.panels_:
            write_above(panel.ax_, self._explained(panel))
        _share_height(panel_axes)
        for panel in self.panels_:
            panel.mark_tss(top)

    def _explained(self, panel: BandPanel) -> list[tuple[str, Any]]:
        """What the shade and the colours mean; the shade is explained once."""
        if panel.null_band_ is None:
            return [("", BLACK)]
        everywhere = "" if len(self.panels_) == 1 else " of all panels"
        level = "" if self.level is None else f"{percent(self.level)} limits for all bands{everywhere} at once, "
        of = f"{self.n_permutations} refits on permuted cell types" if self.n_permutations else "permuted cell types"
        shade = [(f"shaded: {level}{of}", GREY)] if panel is self.panels_[0] else []
        n_beyond, n = int(panel.table["beyond"].sum()), len(panel.table)
        return [*shade, (f"{WORDS[VERMILLION]}: beyond them ({n_beyond} of {n} bands)", VERMILLION), ("", BLACK)]


def _share_height(panel_axes: list[Any]) -> float:
    """Give all axes the limits that hold what each of them shows; return the upper one."""
    limits = [ax.get_ylim() for ax in panel_axes]
    low, high = min(low for low, _ in limits), max(high for _, high in limits)
    for ax in panel_axes:
        ax.set_ylim(low, high)
    return float(high)


def _checked(table: pd.DataFrame) -> pd.DataFrame:
    table = check_table(table, ["from_bp", "to_bp", "importance"], "importance of bands")
    null = [name for name in ("null_low", "null_high", "beyond") if name in table]
    if len(null) not in (0, 3):
        raise ValueError(f"importance of bands: null_low, null_high and beyond go together, got {null}")
    return table
