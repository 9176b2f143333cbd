"""Weights of the Lasso from second moments: coordinate descent, an exact solution on its signs, the duality gap."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import lasso_path

from skepi._doors import check_count, check_number
from skepi._lasso._duality import relative_gaps
from skepi._lasso._moments import Moments

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Solution:
    """Weights for one penalty.

    Attributes
    ----------
    lam : float
    coef : ndarray of float64, shape (n_features,)
    intercept : float
    dual_gap : float
        Relative to the mean square of the centred target.
    n_iter : int
        Sweeps of coordinate descent.
    """

    lam: float
    coef: FloatArray
    intercept: float
    dual_gap: float
    n_iter: int


def checked_lams(lams: ArrayLike) -> FloatArray:
    """Penalties as an array; negative, infinite and missing ones are refused."""
    try:
        values = np.atleast_1d(np.asarray(lams, dtype=np.float64))
    except (TypeError, ValueError):
        raise ValueError(f"lams must be finite and 0 or greater, got {lams!r}") from None
    if values.ndim != 1 or values.size == 0 or not np.isfinite(values).all() or (values < 0).any():
        raise ValueError(f"lams must be finite and 0 or greater, got {lams!r}")
    return values


def check_solver(tol: Any, max_iter: Any) -> None:
    """Refuse a tolerance that is none, and a number of sweeps that is none."""
    check_number("tol", tol, 0)
    check_count("max_iter", max_iter, 1)


def solve_path(moments: Moments, lams: FloatArray, tol: float, max_iter: int) -> list[Solution]:
    """Solutions in the order of ``lams``, each started from that of the next greater one."""
    found: dict[float, Solution] = {}
    coef = None
    for lam in sorted(set(lams.tolist()), reverse=True):
        coef, gap, n_iter = solve(moments, lam, tol, max_iter, coef)
        found[lam] = Solution(lam, coef, float(moments.y_mean - moments.x_mean @ coef), gap, n_iter)
        if gap > tol:
            warnings.warn(
                f"duality gap {gap:.1e} of the target's variance is greater than tol={tol:.1e} after {n_iter} sweeps "
                f"at lam={lam:g}; a greater lam or max_iter helps",
                ConvergenceWarning,
                stacklevel=3,
            )
    return [found[lam] for lam in lams.tolist()]


def solve(
    moments: Moments, lam: float, tol: float, max_iter: int, start: FloatArray | None = None
) -> tuple[FloatArray, float, int]:
    """Weights, relative duality gap and sweeps for one penalty.

    Coordinate descent finds which weights are not zero and their signs; on those the optimum is the solution of
    a linear system, which is taken where it has the same signs and the smaller gap. Where it has not, descent
    goes on until the gap is reached or the sweeps are used up.
    """
    if moments.yy <= moments.n_rows * (1e-14 * moments.y_mean) ** 2:  # y is constant up to rounding
        return np.zeros(moments.xy.size), 0.0, 0
    if lam == 0:
        least = _least_squares(moments.gram, moments.xy)
        return least, duality_gap(moments, least, lam), 0
    coef = np.zeros_like(moments.xy) if start is None else start
    gap, sweeps = np.inf, 0
    for stop in (max(tol, 1e-8), tol, tol / 100):
        coef, n_iter = _descend(moments, lam, stop, max_iter - sweeps, coef)
        sweeps += n_iter
        gap = duality_gap(moments, coef, lam)
        polished = _solve_on_signs(moments, coef, lam)
        if polished is not None and duality_gap(moments, polished, lam) <= max(gap, np.finfo(float).eps):
            coef, gap = polished, duality_gap(moments, polished, lam)
        if gap <= tol or sweeps >= max_iter:
            break
    return coef, gap, sweeps


def _descend(moments: Moments, lam: float, stop: float, max_iter: int, start: FloatArray) -> tuple[FloatArray, int]:
    """scikit-learn's coordinate descent on the Gram matrix: weights and sweeps."""
    # The Gram form of lasso_path reads G, Xy and |y| alone: one row stands for all, so alpha is not per row.
    row, target = np.zeros((1, moments.xy.size), order="F"), np.array([np.sqrt(moments.yy)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # judged by our own gap
        _, coefs, _, n_iters = lasso_path(
            row,
            target,
            alphas=np.array([lam * moments.n_rows / 2]),
            precompute=moments.gram,
            Xy=moments.xy,
            coef_init=start.copy(),  # it is overwritten
            return_n_iter=True,
            check_input=False,
            tol=stop / 2,
            max_iter=max_iter,
        )
    return np.ascontiguousarray(coefs[:, 0]), int(n_iters[0])


def duality_gap(moments: Moments, coef: FloatArray, lam: float) -> float:
    """Relative duality gap; see :func:`skepi._lasso._duality.relative_gaps`.

    Without a penalty the dual point would be 0, and the gap is what least squares would still save.
    """
    gram_coef = moments.gram @ coef
    residual_xy = moments.xy - gram_coef
    if lam == 0:
        return max(float(residual_xy @ _least_squares(moments.gram, residual_xy)), 0.0) / moments.yy
    rr = moments.yy - 2 * moments.xy @ coef + coef @ gram_coef
    ry = moments.yy - moments.xy @ coef
    steepest = 2 * np.abs(residual_xy).max() / moments.n_rows
    return float(relative_gaps(moments.n_rows, moments.yy, rr, ry, steepest, lam, np.abs(coef).sum()))


def _least_squares(gram: FloatArray, xy: FloatArray) -> FloatArray:
    """Smallest weights among the best, where several are."""
    return np.asarray(np.linalg.lstsq(gram, xy)[0], dtype=np.float64)


def _solve_on_signs(moments: Moments, coef: FloatArray, lam: float) -> FloatArray | None:
    """Optimum among weights with the given signs; None where it leaves them or is not unique."""
    active = np.flatnonzero(coef)
    if active.size == 0:
        return None
    signs = np.sign(coef[active])
    try:
        factor = np.linalg.cholesky(moments.gram[np.ix_(active, active)])
    except np.linalg.LinAlgError:
        return None
    half = np.linalg.solve(factor, moments.xy[active] - lam * moments.n_rows / 2 * signs)
    weights = np.linalg.solve(factor.T, half)
    if (np.sign(weights) != signs).any():
        return None
    out = np.zeros_like(coef)
    out[active] = weights
    return out
