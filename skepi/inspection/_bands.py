"""Distance bands: bins put together."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

IntArray = NDArray[np.int64]

# Distances at which the report's own weights are summed up, in bp.
_DISTANCES = np.array([0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000]) * 1_000


def band_edges(edges: IntArray, bands: Any) -> IntArray:
    """Edges of distance bands, each of them an edge of a bin.

    Parameters
    ----------
    edges : ndarray of int, shape (n_bins + 1,)
        Of the bins, in bp.
    bands : None, "bins" or array-like of int
        ``None``: 0, 1, 2, 5, 10, 20, 50, 100, 200, 500 kb and 1 Mb on both sides as far as bins have these edges, and
        the outermost edges. ``"bins"``: every bin is a band.
    """
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
        raise ValueError(f"bands cut bins: no bin has an edge at {chosen[~np.isin(chosen, edges)][0]} bp")
    return chosen


def bins_of_bands(edges: IntArray, bands: IntArray) -> IntArray:
    """First bin of each band, and the end of the last, (n_bands + 1,)."""
    return np.searchsorted(edges, bands)


def sum_bands(values: NDArray, bounds: IntArray) -> NDArray:
    """Sum of the bins of each band, (n_rows, n_bands), from (n_rows, n_bins)."""
    return np.add.reduceat(values[:, : bounds[-1]], bounds[:-1], axis=1)


def band_table(bands: IntArray, importance: ArrayLike) -> pd.DataFrame:
    """One row a band: ``from_bp, to_bp, importance``."""
    return pd.DataFrame({"from_bp": bands[:-1], "to_bp": bands[1:], "importance": np.asarray(importance)})


def band_columns(bands: IntArray) -> pd.IntervalIndex:
    """Bands as labels of columns."""
    return pd.IntervalIndex.from_breaks(bands, closed="left", name="offset_bp")
