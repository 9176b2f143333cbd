"""Peaks that are alike in openness, variability and GC: strata of equal size, and draws from them."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_MOST_GROUPS = 10  # of openness and of variability each
_GC_GROUPS = 5


def strata_of(profile: NDArray[np.float32], gc: FloatArray | None, n_matched: int) -> IntArray:
    """Stratum of each peak: groups of mean openness, within these of the SD, within these of GC.

    There are as many groups as leave each stratum about twice the peaks that are to be drawn from it, at most 10 of
    openness and of variability each.

    Parameters
    ----------
    profile : ndarray of shape (n_peaks, n_cell_types)
        Log openness.
    gc : ndarray of shape (n_peaks,), optional
    n_matched : int
        Peaks that are to be drawn from each stratum.
    """
    of_gc = 1 if gc is None else _GC_GROUPS
    n_groups = int(np.clip(np.sqrt(len(profile) / (2 * n_matched * of_gc)), 1, _MOST_GROUPS))
    strata = quantile_groups(profile.mean(axis=1, dtype=np.float64), np.zeros(len(profile), np.int64), n_groups)
    strata = quantile_groups(profile.std(axis=1, dtype=np.float64), strata, n_groups)
    return strata if gc is None else quantile_groups(gc, strata, of_gc)


def quantile_groups(values: FloatArray, within: IntArray, n_groups: int) -> IntArray:
    """Split each group into ``n_groups`` of almost equal size by its values; equal values in the order of rows.

    Examples
    --------
    >>> quantile_groups(np.array([3.0, 1.0, 2.0, 9.0]), np.array([0, 0, 0, 0]), 2).tolist()
    [1, 0, 0, 1]
    """
    order = np.lexsort((values, within))
    size = np.bincount(within)
    first = np.concatenate([[0], np.cumsum(size)[:-1]])
    rank = np.empty(values.size, dtype=np.int64)
    rank[order] = np.arange(values.size) - first[within[order]]
    return within * n_groups + rank * n_groups // size[within]


def matched_rows(strata: IntArray, allowed: BoolArray, n: int, rng: np.random.RandomState, what: str) -> IntArray:
    """Draw ``n`` allowed peaks from each stratum without replacement, (n_strata, n).

    Raises
    ------
    ValueError
        Where a stratum has fewer; ``what`` says for which genes.
    """
    shuffled = rng.permutation(np.flatnonzero(allowed))
    order = shuffled[np.argsort(strata[shuffled], kind="stable")]
    n_strata = int(strata.max()) + 1
    size = np.bincount(strata[order], minlength=n_strata)
    if size.min() < n:
        raise ValueError(
            f"{what}: only {size.min()} matched peaks that vary lie on other chromosomes, wanted n_matched={n}; lower "
            "n_matched, or give more chromosomes"
        )
    first = np.concatenate([[0], np.cumsum(size)[:-1]])
    return order[first[:, None] + np.arange(n)]
