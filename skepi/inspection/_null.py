"""What importance and influence look like when openness and expression have nothing to do with each other."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skepi._doors import check_count

FloatArray = NDArray[np.float64]

# Groups whose null hardly varies (weights that Lasso leaves at 0) are not divided by next to nothing.
_FLOOR = 0.1


def check_permutations(n_permutations: int, level: float) -> None:
    """Refuse numbers of permutations that cannot give limits at this level."""
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, got {level!r}")
    check_count("n_permutations", n_permutations, 0)
    least = int(np.ceil(level / (1 - level) - 1e-9))
    if 0 < n_permutations < least:
        raise ValueError(
            f"limits at level {level:g} need at least {least} permutations (0 for none), got {n_permutations}"
        )


def simultaneous_limits(null: ArrayLike, level: float = 0.95) -> tuple[FloatArray, FloatArray]:
    r"""Limits that hold for all groups at once, from refits on permuted targets.

    With :math:`m_k` and :math:`s_k` mean and SD of group k over the B refits, the limits are :math:`m_k \pm q s_k`; q
    is the :math:`\lceil \mathrm{level} (B + 1) \rceil`-th smallest of the maxima
    :math:`\max_k |v_{bk} - m_k^{(-b)}| / s_k^{(-b)}`, each refit b measured against the others. Under the null a
    further refit then leaves the limits in any group with probability of about 1 - level. A hundredth of the mean of
    :math:`s_k^2` over groups (from all refits) is added to every :math:`s_k^2`.

    Parameters
    ----------
    null : array-like of shape (n_permutations, n_groups)
    level : float, default=0.95

    Returns
    -------
    low, high : ndarray of float64, shape (n_groups,)

    Raises
    ------
    ValueError
        For fewer than ``level / (1 - level)`` permutations (19 at 0.95), or values that are not finite.

    Examples
    --------
    >>> low, high = simultaneous_limits([[-1.0], [1.0], [-1.0], [1.0]], level=0.8)
    >>> bool(low[0] < -1 and high[0] > 1)
    True
    """
    null = _checked(null)
    check_permutations(len(null), level)
    rank = int(np.ceil(level * (len(null) + 1) - 1e-9))
    centre = np.median(null, axis=0)  # groups without any variation are then exactly 0
    null = null - centre
    q = np.sort(_maxima(null))[rank - 1]
    mean, sd = null.mean(axis=0), _spread(null, _floor(null))
    return centre + mean - q * sd, centre + mean + q * sd


def adjusted_p_values(null: ArrayLike, observed: ArrayLike) -> FloatArray:
    """p-value of each group, adjusted for all of them: how often a permutation's largest deviation is as large.

    Parameters
    ----------
    null : array-like of shape (n_permutations, n_groups)
    observed : array-like of shape (n_groups,)

    Returns
    -------
    ndarray of float64, shape (n_groups,)
        ``(1 + count) / (1 + n_permutations)``, never 0.

    Examples
    --------
    >>> adjusted_p_values([[-1.0], [1.0], [-1.0], [1.0]], [9.0]).tolist()
    [0.2]
    """
    null = _checked(null)
    centre = np.median(null, axis=0)
    observed, null = np.asarray(observed, dtype=np.float64) - centre, null - centre
    deviation = _ratio(np.abs(observed - null.mean(axis=0)), _spread(null, _floor(null)))
    return (1 + (_maxima(null)[:, None] >= deviation).sum(axis=0)) / (1 + len(null))


def _checked(null: ArrayLike) -> FloatArray:
    values = np.asarray(null, dtype=np.float64)
    if values.ndim != 2 or len(values) < 3 or values.shape[1] == 0 or not np.isfinite(values).all():
        raise ValueError(
            f"wanted finite values of at least 3 permutations and 1 group, got shape {values.shape}"
            + ("" if np.isfinite(values).all() else " with values that are not finite")
        )
    return values


def _maxima(null: FloatArray) -> FloatArray:
    """Largest standardised deviation of each permutation from the others, (n_permutations,)."""
    floor = _floor(null)
    others = (np.delete(null, b, axis=0) for b in range(len(null)))
    deviations = (
        _ratio(np.abs(one - rest.mean(axis=0)), _spread(rest, floor)) for one, rest in zip(null, others, strict=True)
    )
    return np.array([deviation.max() for deviation in deviations])


def _floor(null: FloatArray) -> float:
    """Variance that every group has at least; above 0 where a single value differs, so that limits stay finite."""
    return float(_FLOOR**2 * null.var(axis=0, ddof=1).mean())


def _spread(null: FloatArray, floor: float) -> FloatArray:
    return np.sqrt(null.var(axis=0, ddof=1) + floor)


def _ratio(deviation: FloatArray, spread: FloatArray) -> FloatArray:
    """Deviation in SDs; infinite where something deviates from what never varies."""
    out = np.where(deviation > 0, np.inf, 0.0)
    return np.divide(deviation, spread, out=out, where=spread > 0)
