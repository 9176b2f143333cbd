"""Distance bands: columns of a signal and feature put together."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from skepi._columns import Bands, bands_of

IntArray = NDArray[np.int64]

# Distances at which the report's own weights are summed up, in bp.
_DISTANCES = np.array([0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000]) * 1_000


class BandCut(NamedTuple):
    """Bands, each of them neighbouring columns of one signal and feature.

    Attributes
    ----------
    table : DataFrame
        One row per band: ``signal, feature, from_bp, to_bp``.
    first, last : ndarray of int64, shape (n_bands,)
        Columns of band k are ``first[k] : last[k]``.
    """

    table: pd.DataFrame
    first: IntArray
    last: IntArray

    @property
    def n_columns(self) -> IntArray:
        """Number of columns of each band."""
        return self.last - self.first

    def sums(self, values: NDArray) -> NDArray:
        """Sum over the columns of each band, (n_rows, n_bands), from (n_rows, n_columns)."""
        places = np.stack([self.first, self.last], axis=1).ravel()
        beyond = np.zeros((len(values), 1), dtype=values.dtype)  # the end of the last band is a place, too
        return np.add.reduceat(np.hstack([values, beyond]), places, axis=1)[:, ::2]

    def with_importance(self, importance: ArrayLike) -> pd.DataFrame:
        """One row per band: ``from_bp, to_bp, importance``, behind signal and feature where these differ."""
        return self._named().assign(importance=np.asarray(importance))

    def labels(self) -> pd.Index:
        """Bands as labels of columns: intervals of offsets, behind signal and feature where these differ."""
        offsets = pd.IntervalIndex.from_arrays(
            self.table["from_bp"], self.table["to_bp"], closed="left", name="offset_bp"
        )
        named = [self.table[name] for name in ("signal", "feature") if name in self._named()]
        return pd.MultiIndex.from_arrays([*named, offsets]) if named else offsets

    def _named(self) -> pd.DataFrame:
        same = (self.table[["signal", "feature"]].nunique() == 1).all()
        return self.table.drop(columns=["signal", "feature"]) if same else self.table


def cut_bands(columns: pd.DataFrame, bands: Any) -> BandCut:
    """Put columns together to bands.

    Parameters
    ----------
    columns : DataFrame
        One row per column: ``signal, feature, start_bp, end_bp``.
    bands : None, "bins" or array-like of int
        Bands of each signal and feature, see :func:`band_edges`.
    """
    groups = bands_of(columns)
    tables, first, last = [], [], []
    for group in groups:
        edges = band_edges(group, bands)
        table = pd.DataFrame(
            {"signal": group.signal, "feature": group.feature, "from_bp": edges[:-1], "to_bp": edges[1:]}
        )
        place = group.columns.start + np.searchsorted(group.edges, edges)
        tables.append(table)
        first.append(place[:-1])
        last.append(place[1:])
    return BandCut(pd.concat(tables, ignore_index=True), np.concatenate(first), np.concatenate(last))


def band_edges(group: Bands, bands: Any) -> IntArray:
    """Edges of distance bands, each of them an edge of a bin.

    Parameters
    ----------
    group : Bands
        Bins of one signal and feature.
    bands : None, "bins" or array-like of int
        ``None``: 0, 1, 2, 5, 10, 20, 50, 100, 200, 500 kb and 1 Mb on both sides as far as bins have these edges, and
        the outermost edges. ``"bins"``: every bin is a band.
    """
    edges = group.edges
    if bands is None:
        usual = np.union1d(_DISTANCES, -_DISTANCES)
        return np.union1d(np.intersect1d(usual, edges), edges[[0, -1]])
    if isinstance(bands, str):
        if bands != "bins":
            raise ValueError(f"bands must be None, 'bins' or edges in bp, got {bands!r}")
        return np.asarray(edges)
    chosen = np.asarray(bands)
    if chosen.ndim != 1 or chosen.size < 2 or chosen.dtype.kind not in "iu" or (np.diff(chosen) <= 0).any():
        raise ValueError(f"bands must be at least two increasing whole numbers (bp), got {bands!r}")
    if not np.isin(chosen, edges).all():
        where = f" of {group.label}" if group.label else ""
        raise ValueError(f"bands cut bins: no bin{where} has an edge at {chosen[~np.isin(chosen, edges)][0]} bp")
    return chosen


def one_group(table: pd.DataFrame, signal: str | None, feature: str | None) -> pd.DataFrame:
    """Bands of one signal and feature of a table of importance, most upstream first.

    An error names signals or features where there are several, and refuses bands that are not neighbours.
    """
    for name, wanted in (("signal", signal), ("feature", feature)):
        if name not in table:
            if wanted is not None:
                raise ValueError(f"the table does not name a {name}, so leave out {name}={wanted!r}")
            continue
        there = list(dict.fromkeys(table[name]))
        if wanted is None and len(there) == 1:
            continue
        if wanted not in there:
            raise ValueError(f"bands are of several {name}s: {name}= must be one of {there}, got {wanted!r}")
        table = table[table[name] == wanted]
    table = table.sort_values("from_bp", kind="stable")
    apart = np.flatnonzero(table["from_bp"].to_numpy()[1:] != table["to_bp"].to_numpy()[:-1])
    if apart.size:
        place = table["to_bp"].iloc[apart[0]]
        raise ValueError(
            f"bands overlap or leave a gap at {place} bp, so they have no reach: look at the table instead"
        )
    return table
