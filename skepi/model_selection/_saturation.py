"""A curve that rises and levels off, fitted to skill by number of cell types."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

#: Exponents between which the best one is looked for: nearly a logarithm, and flat after the second size.
EXPONENTS = (0.05, 5.0)

#: Numbers of cell types that three parameters need, and one more that could contradict them.
FEWEST_SIZES = 4

# Exponents of a grid, and how often it is made finer: each time by a factor of 20.
_N_GRID = 41
_N_ZOOMS = 6


class SaturatingCurve(NamedTuple):
    r"""Skill that approaches a plateau as cell types are added: :math:`a - b\,n^{-c}`.

    Attributes
    ----------
    plateau : float
        a, at most 1: the skill with any number of cell types.
    gap : float
        b, 0 or more: plateau less the skill with one cell type.
    exponent : float
        c: how fast the gap closes. Twice as many cell types leave :math:`2^{-c}` of it.

    Examples
    --------
    >>> SaturatingCurve(plateau=0.75, gap=1.0, exponent=0.5)([4, 16]).tolist()
    [0.25, 0.5]
    """

    plateau: float
    gap: float
    exponent: float

    def __call__(self, n_cell_types: ArrayLike) -> FloatArray:
        """Skill with these numbers of training cell types."""
        return self.plateau - self.gap * np.asarray(n_cell_types, dtype=np.float64) ** -self.exponent


def fit_saturating(sizes: ArrayLike, skill: ArrayLike) -> SaturatingCurve:
    """Fit one curve by least squares, every size counting alike; see :func:`fit_all`.

    Parameters
    ----------
    sizes : array-like of shape (n_sizes,)
        Numbers of cell types, different from each other.
    skill : array-like of shape (n_sizes,)

    Examples
    --------
    >>> curve = SaturatingCurve(0.8, 1.0, 0.5)
    >>> [round(value, 6) for value in fit_saturating([3, 5, 8, 13], curve([3, 5, 8, 13]))]
    [0.8, 1.0, 0.5]
    """
    return fit_all(sizes, np.asarray(skill, dtype=np.float64)[None, :])[0]


def fit_all(sizes: ArrayLike, skills: FloatArray) -> list[SaturatingCurve]:
    """Fit one curve to each row of ``skills``, (n_curves, n_sizes).

    With the exponent given, plateau and gap are a line in :math:`n^{-c}`, so that only the exponent is searched: on a
    grid in equal ratios, then on ever finer ones between the neighbours of the best.
    """
    n = np.asarray(sizes, dtype=np.float64)
    low, high = (np.full(len(skills), np.log(limit)) for limit in EXPONENTS)
    shares = np.linspace(0, 1, _N_GRID)
    for _ in range(_N_ZOOMS):
        exponents = np.exp(low[:, None] + shares * (high - low)[:, None])
        plateau, gap = _best_lines(exponents, n, skills)
        curves = plateau[:, :, None] - gap[:, :, None] * n ** -exponents[:, :, None]
        best = np.argmin(((skills[:, None, :] - curves) ** 2).sum(axis=2), axis=1)
        row, step = np.arange(len(skills)), (high - low) / (_N_GRID - 1)
        middle = low + best * step
        found = np.column_stack([part[row, best] for part in (plateau, gap, exponents)])
        low, high = np.maximum(middle - step, low), np.minimum(middle + step, high)
    return [SaturatingCurve(*map(float, one)) for one in found]


def why_not_identified(sizes: ArrayLike, curve: SaturatingCurve) -> str:
    """Say why a fitted curve must not be extrapolated; an empty text where it may be."""
    low, high = EXPONENTS
    n_sizes = np.size(sizes)
    if n_sizes < FEWEST_SIZES:
        return f"a curve needs {FEWEST_SIZES} numbers of cell types or more, got {n_sizes}"
    if curve.gap <= 0:
        return "skill does not rise with the number of cell types"
    if curve.exponent >= 0.99 * high:
        return "skill rises only at the smallest numbers of cell types"
    if curve.exponent <= 1.01 * low or curve.plateau >= 1:
        return "skill has not begun to level off: more cell types would help, but these points cannot tell how much"
    return ""


def _best_lines(exponents: FloatArray, n: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Plateau of at most 1 and gap of at least 0 for each curve and exponent, (n_curves, n_exponents).

    The squares are convex in both, so where the line leaves the limits the best one lies at a limit.
    """
    x, y = n ** -exponents[:, :, None], y[:, None, :]
    x_mean, y_mean = x.mean(axis=2), y.mean(axis=2)
    dx = x - x_mean[:, :, None]
    spread = (dx**2).sum(axis=2)
    gap = np.divide(-(dx * y).sum(axis=2), spread, out=np.zeros_like(spread), where=spread > 0).clip(min=0)
    plateau = y_mean + gap * x_mean
    at_limit = ((x * (1 - y)).sum(axis=2) / (x**2).sum(axis=2)).clip(min=0)
    return plateau.clip(max=1), np.where(plateau > 1, at_limit, gap)
