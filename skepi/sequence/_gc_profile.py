"""The GC share around the middles of peaks: open regions are richer in GC than what lies on both sides."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skepi._dna import UNKNOWN, Codes
from skepi.intervals import IntArray

CORE_BP = 200
FLANK_BP = 200
SHIFT_BP = 300
STEP_BP = 5
#: Window that a profile is made of.
PROFILE_BP = 2 * (SHIFT_BP + CORE_BP // 2 + FLANK_BP)

_DRAWS = 200


class Contrast(NamedTuple):
    """GC share of the middles of peaks over that of their flanks, and where around the middles it is largest.

    Attributes
    ----------
    n_peaks : int
    mean, error : float
        Contrast at the middles, and its standard error; NaN, as the interval, for fewer than 2 peaks.
    displaced_bp : int
        Where the contrast is largest, as an offset from the middles.
    low_bp, high_bp : float
        Bootstrap interval (95%) of the latter, over peaks.
    """

    n_peaks: int
    mean: float
    error: float
    displaced_bp: int
    low_bp: float
    high_bp: float


def gc_contrast(windows: Codes, seed: int = 0) -> Contrast:
    """Compare the middles of windows with their flanks, at each of a range of displacements.

    With :math:`g_i[a, b)` the GC share of the letters at offsets :math:`a` to :math:`b` from the middle of peak
    :math:`i`, the contrast at a displacement :math:`\\delta` is the mean over peaks of

    .. math:: g_i[\\delta - 100, \\delta + 100) - \\tfrac12 (g_i[\\delta - 300, \\delta - 100)
        + g_i[\\delta + 100, \\delta + 300)).

    Parameters
    ----------
    windows : ndarray of uint8, shape (n_peaks, 1200)
        Around the middles.
    seed : int
        Seed of the bootstrap.
    """
    contrast = _contrasts(windows)
    n_peaks, middle = len(contrast), contrast.shape[1] // 2
    if n_peaks < 2:
        return Contrast(n_peaks, np.nan, np.nan, 0, np.nan, np.nan)
    shifts = STEP_BP * (np.arange(contrast.shape[1]) - middle)
    weights = np.random.default_rng(seed).multinomial(n_peaks, np.full(n_peaks, 1 / n_peaks), size=_DRAWS)
    drawn = shifts[(weights @ contrast).argmax(axis=1)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    at_middle = contrast[:, middle]
    error = at_middle.std(ddof=1) / np.sqrt(n_peaks)
    best = int(shifts[contrast.mean(axis=0).argmax()])
    return Contrast(n_peaks, float(at_middle.mean()), float(error), best, float(low), float(high))


def _contrasts(windows: Codes) -> NDArray[np.float64]:
    """Contrast of each peak with known letters all around, by displacement."""
    known = (windows != UNKNOWN).all(axis=1)
    gc = (windows[known] == 1) | (windows[known] == 2)
    until = np.zeros((len(gc), PROFILE_BP + 1), np.int32)
    np.cumsum(gc, axis=1, out=until[:, 1:])
    at = PROFILE_BP // 2 + np.arange(-SHIFT_BP, SHIFT_BP + 1, STEP_BP)
    low, high = at - CORE_BP // 2, at + CORE_BP // 2
    flanks = _share(until, low - FLANK_BP, low) + _share(until, high, high + FLANK_BP)
    return _share(until, low, high) - flanks / 2


def _share(until: NDArray[np.int32], low: IntArray, high: IntArray) -> NDArray[np.float64]:
    return (until[:, high] - until[:, low]) / (high - low)
