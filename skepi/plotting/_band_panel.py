"""Importance of the bands of one signal and feature, on axes of its own."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from skepi._columns import UNNAMED, Bands, label_of
from skepi._doors import some
from skepi.plotting._band_axis import band_axis, equally_wide
from skepi.plotting._style import BLACK, BLUE, PALE, VERMILLION, check_kind
from skepi.plotting._tss_arrow import draw_tss_arrow

# Signals and features that can be read beside each other.
_MOST_PANELS = 6

Choice = str | Sequence[str] | None


class BandPanel:
    """Importance of neighbouring bands, most upstream first.

    Parameters
    ----------
    bands : Bands
        Signal, feature and edges.
    table : DataFrame
        One row per band: ``importance``; with a null band ``null_low, null_high, beyond``.

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
    """

    def __init__(self, bands: Bands, table: pd.DataFrame) -> None:
        self.bands = bands
        self.table = table

    @property
    def title(self) -> str:
        """Signal and feature."""
        return group_name(self.bands.signal, self.bands.feature)

    def draw(self, ax: Any, unit: str) -> None:
        """Draw everything but what depends on the height that panels share."""
        self.ax_ = ax
        self.null_band_, self.tss_ = None, None
        self.beyond_: Any = []
        self._place = place = band_axis(ax, self.bands.edges, unit)
        ax.axhline(0, color=BLACK, lw=0.8, zorder=2)
        if "null_low" in self.table:
            limits = (np.append(side, side.iloc[-1]) for side in (self.table["null_low"], self.table["null_high"]))
            self.null_band_ = ax.fill_between(place, *limits, step="post", color=PALE, lw=0, zorder=1)
        self._draw_values(place)

    def mark_tss(self, top: float) -> None:
        """Line at the TSS, and an arrow from it in the direction of transcription."""
        at = np.flatnonzero(self.bands.edges == 0)
        if at.size:
            self.tss_ = draw_tss_arrow(self.ax_, float(self._place[at[0]]), top, forward=True)

    def _draw_values(self, place: np.ndarray) -> None:
        table = self.table
        beyond = table["beyond"].to_numpy(dtype=bool) if "beyond" in table else np.zeros(len(table), dtype=bool)
        value, middle = table["importance"].to_numpy(), (place[:-1] + place[1:]) / 2
        if equally_wide(self.bands.edges):
            self.bars_ = self.ax_.bar(middle, value, 0.62, color=np.where(beyond, VERMILLION, BLUE), zorder=3)
            self.beyond_ = [bar for bar, out in zip(self.bars_, beyond, strict=True) if out]
            return
        self.bars_ = self.ax_.stairs(value, place, color=BLUE, lw=1.0, zorder=3)
        if beyond.any():
            self.beyond_ = self.ax_.scatter(middle[beyond], value[beyond], s=14, color=VERMILLION, lw=0, zorder=4)


def group_name(signal: str, feature: str) -> str:
    """Name a signal and feature as columns do; a signal without a name is called openness where it stands alone."""
    return label_of(signal, feature) or signal


def band_panels(table: pd.DataFrame, signal: Choice, feature: Choice) -> list[BandPanel]:
    """Cut a table of importance into panels, one per signal and feature that is chosen."""
    table = _of_names(_of_names(table, "signal", signal), "feature", feature)
    named = table.assign(signal=table.get("signal", UNNAMED), feature=table.get("feature", ""))
    groups = [_panel(names, rows) for names, rows in named.groupby(["signal", "feature"], sort=False)]
    if len(groups) > _MOST_PANELS:
        there = {name: some(dict.fromkeys(named[name])) for name in ("signal", "feature")}
        raise ValueError(
            f"importance of bands: {len(groups)} signals and features, and at most {_MOST_PANELS} panels can be read: "
            f"choose some by signal= (of {there['signal']}) or feature= (of {there['feature']})"
        )
    return groups


def _of_names(table: pd.DataFrame, column: str, wanted: Choice) -> pd.DataFrame:
    if wanted is None:
        return table
    if column not in table:
        raise ValueError(f"importance of bands: the table does not name a {column}, so leave out {column}={wanted!r}")
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    if not names:
        raise ValueError(f"{column}: wanted at least one name")
    for name in names:
        check_kind(name, dict.fromkeys(table[column]), column)
    return table[table[column].isin(names)]


def _panel(names: tuple[str, str], rows: pd.DataFrame) -> BandPanel:
    rows = rows.sort_values("from_bp", kind="stable", ignore_index=True)
    start, end = rows["from_bp"].to_numpy(), rows["to_bp"].to_numpy()
    panel = BandPanel(Bands(*names, slice(0, len(rows)), np.append(start, end[-1])), rows)
    if (end <= start).any() or (end[:-1] != start[1:]).any():
        raise ValueError(
            f"importance of bands of {panel.title}: each must begin where the last one ends, most upstream first"
        )
    return panel
