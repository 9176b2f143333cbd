"""Background peaks: for each peak, others of like GC share and mean openness, drawn as chromVAR draws them."""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_LEAST_SPREAD = 1e-9  # of log openness or GC share, below which peaks are all alike


def draw_background(
    expected: FloatArray, gc_share: FloatArray, n: int, n_bins: int, bandwidth: float, rng: np.random.RandomState
) -> NDArray[np.int32]:
    r"""Draw ``n`` peaks like each peak, with replacement; the peak itself is one of them.

    Log openness and GC share are rotated and scaled so that they are uncorrelated and have a variance of 1: distances
    are then those of Mahalanobis. A grid of ``n_bins`` x ``n_bins`` spans them, and each peak lies in its nearest bin.
    A peak of bin a draws bin b with a chance in proportion to :math:`e^{-d_{ab}^2 / 2 w^2}`, where d is the distance of
    the two bins and w the ``bandwidth``, among bins that hold a peak, and then any peak of b with equal chance.

    Parameters
    ----------
    expected : ndarray of shape (n_peaks,)
        Mean openness, greater than 0, in any unit.
    gc_share : ndarray of shape (n_peaks,)

    Returns
    -------
    ndarray of int32, shape (n_peaks, n)
        Rows of the background peaks. The draws do not depend on the order of peaks, but for peaks that are equal in
        mean openness and GC share.
    """
    place = whitened(np.log(expected), gc_share)
    grid = np.stack([_nearest_of_grid(axis, n_bins) for axis in place.T], axis=1)
    step = np.ptp(place, axis=0) / max(n_bins - 1, 1)
    order = np.lexsort((gc_share, expected, grid[:, 1], grid[:, 0]))
    bins, first, size = np.unique(grid[order], axis=0, return_index=True, return_counts=True)
    background = np.empty((expected.size, n), dtype=np.int32)
    for own, centre in enumerate(bins):
        distance = np.square((bins - centre) * step).sum(axis=1)
        chance = np.cumsum(np.exp(-distance / (2 * bandwidth**2)))
        rows = order[first[own] : first[own] + size[own]]
        drawn = np.searchsorted(chance, chance[-1] * rng.random_sample((rows.size, n)), side="right")
        within = (size[drawn] * rng.random_sample(drawn.shape)).astype(np.int64)
        background[rows] = order[first[drawn] + within]
    return background


def whitened(log_openness: FloatArray, gc_share: FloatArray) -> FloatArray:
    """Both measures of each peak, (n_peaks, 2), turned by the Cholesky factor of their covariance to variance 1.

    Raises
    ------
    ValueError
        Where either is the same in all peaks, or one follows from the other.
    """
    both = np.stack([log_openness, gc_share])
    for name, values in zip(("mean openness", "gc_share"), both, strict=True):
        if np.ptp(values) < _LEAST_SPREAD:
            raise ValueError(f"{name} is the same in all peaks: background peaks cannot be matched by it")
    if abs(np.corrcoef(*both)[0, 1]) > 1 - _LEAST_SPREAD:
        raise ValueError("gc_share follows from mean openness: give the share of G and C in the letters of each peak")
    return solve_triangular(np.linalg.cholesky(np.cov(both)), both, lower=True).T


def _nearest_of_grid(values: FloatArray, n_bins: int) -> IntArray:
    """Nearest of ``n_bins`` points that are spread evenly from the least value to the greatest."""
    return np.rint((values - values.min()) / np.ptp(values) * (n_bins - 1)).astype(np.int64)
