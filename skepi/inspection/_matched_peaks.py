"""Peaks that are alike in openness, variability and GC: strata of equal size, and draws from them."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_MOST_GROUPS = 10  # of openness and of variability each
_GC_GROUPS = 5


def strata_of(profile: NDArray[np.float32], varies: BoolArray, gc: FloatArray | None, size: float) -> IntArray:
    """Stratum of each peak: groups of mean openness, within these of the SD, within these of GC.

    Parameters
    ----------
    profile : ndarray of shape (n_peaks, n_cell_types)
        Log openness.
    varies : ndarray of bool, shape (n_peaks,)
        Peaks that do not vary are in no stratum: -1.
    gc : ndarray of shape (n_peaks,), optional
    size : float
        Peaks that each stratum should have. There are as many groups as leave so many, at most 10 of openness and of
        variability each, and 5 of GC.
    """
    strata = np.full(len(profile), -1)
    of_gc = 1 if gc is None else _GC_GROUPS
    n_groups = int(np.clip(np.sqrt(varies.sum() / (size * of_gc)), 1, _MOST_GROUPS))
    mean, sd = (of[varies] for of in (profile.mean(axis=1, dtype=np.float64), profile.std(axis=1, dtype=np.float64)))
    groups = quantile_groups(mean, np.zeros(mean.size, dtype=np.int64), n_groups)
    groups = quantile_groups(sd, groups, n_groups)
    strata[varies] = groups if gc is None else quantile_groups(gc[varies], groups, of_gc)
    return strata


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
