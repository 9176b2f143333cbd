"""Strips of importance beneath the tracks of a locus, one per signal and feature."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi.plotting._band_panel import group_name

# Heights in tracks: of the heading, of a strip, and between two.
_HEADING, _STRIP, _GAP = 0.75, 1.45, 0.4

_MOST_STRIPS = 6


class ImportanceStrips(NamedTuple):
    """Where bars of importance stand, in heights of tracks beneath 0.

    Attributes
    ----------
    table : DataFrame
        ``start, end, importance`` of the bars.
    names : list of str
        Names of the strips, from top to bottom; one that has no name is called importance.
    strip : ndarray of int64
        Strip of each bar.
    n_left_out : int
        Signals and features whose longest bars are shorter than those of all strips.
    """

    table: pd.DataFrame
    names: list[str]
    strip: NDArray[np.int64]
    n_left_out: int

    @property
    def height(self) -> float:
        """All of them, with their heading."""
        return _HEADING + len(self.names) * (_STRIP + _GAP) - _GAP

    @property
    def signed(self) -> bool:
        """Whether bars hang down, too."""
        return bool((self.table["importance"] < 0).any())

    @property
    def longest(self) -> float:
        """Size of the longest bar."""
        return float(self.table["importance"].abs().max()) if len(self.table) else 0.0

    @property
    def bases(self) -> NDArray[np.float64]:
        """Line of 0 of each strip."""
        bottom = -_HEADING - _STRIP - (_STRIP + _GAP) * np.arange(len(self.names), dtype=np.float64)
        return bottom + (_STRIP / 2 if self.signed else 0)

    @property
    def middles(self) -> NDArray[np.float64]:
        """Where the name of each strip stands."""
        return self.bases + (0 if self.signed else _STRIP / 2)

    @property
    def heights(self) -> NDArray[np.float64]:
        """Height of each bar, on one scale."""
        return self.table["importance"].to_numpy() / (self.longest or 1.0) * _STRIP / (2 if self.signed else 1)


def importance_strips(importance: pd.DataFrame, window: tuple[int, int]) -> ImportanceStrips:
    """Put importance within a window on strips, those of the longest bars where there are too many."""
    table = importance[(importance["end"] > window[0]) & (importance["start"] < window[1])]
    if "signal" not in table:
        return ImportanceStrips(table, ["importance"], np.zeros(len(table), dtype=np.int64), 0)
    names = pd.Series([group_name(*pair) for pair in zip(table["signal"], table["feature"], strict=True)], table.index)
    longest = table["importance"].abs().groupby(names, sort=False).max()
    kept = set(longest.nlargest(_MOST_STRIPS).index)
    shown, order = names.isin(kept), [name for name in longest.index if name in kept]
    strip = pd.Index(order, dtype=object).get_indexer(names[shown].to_numpy(dtype=object))
    return ImportanceStrips(table[shown], order, strip, len(longest) - len(order))
