"""How often a null reaches a value, counted as the null is drawn: one histogram per stratum, of bounded size."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_STEPS = 500  # bins per e-fold of 1 + |z|, which makes them 0.2 % wide
_MOST = 16 * _STEPS  # |z| up to 8 million


class NullTails:
    """Values of z under the null, by stratum.

    Examples
    --------
    >>> tails = NullTails(1)
    >>> tails.add(np.zeros(4, dtype=int), np.array([-1.0, 0.0, 1.0, 2.0]))
    >>> tails.p(np.array([0, 0]), np.array([0.9, 5.0])).tolist()  # 2 x (1 + 2) / 5, 2 x (1 + 0) / 5
    [1.0, 0.4]
    """

    def __init__(self, n_strata: int) -> None:
        self.counts = np.zeros((n_strata, 2 * _MOST + 1), dtype=np.int64)

    def add(self, stratum: IntArray, z: FloatArray) -> None:
        """Count values; NaN is left out."""
        known = ~np.isnan(z)
        place = stratum[known] * self.counts.shape[1] + _bins(z[known])
        self.counts += np.bincount(place, minlength=self.counts.size).reshape(self.counts.shape)

    def p(self, stratum: IntArray, z: FloatArray) -> FloatArray:
        r"""Two-sided p, :math:`2 (1 + k) / (1 + n)` and at most 1.

        Among the n values of the stratum, k lie as far out or further on the side of z. Values of one bin count as
        equal, which errs on the safe side. NaN stays NaN.
        """
        known = ~np.isnan(z)
        bins, of = _bins(z[known]), stratum[known]
        below = np.cumsum(self.counts, axis=1)
        n = below[of, -1]
        up, down = n - below[of, bins] + self.counts[of, bins], below[of, bins]
        p = np.full(z.size, np.nan)
        p[known] = np.minimum(2 * (1 + np.minimum(up, down)) / (1 + n), 1)
        return p


def _bins(z: FloatArray) -> IntArray:
    """Number of the bin of each value, wider away from 0."""
    size = np.minimum(np.log1p(np.abs(z)) * _STEPS, _MOST).astype(np.int64)
    return _MOST + np.where(z < 0, -size, size)
