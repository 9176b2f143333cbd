"""LassoBaseline: the report's L1 linear model, solved exactly from second moments."""

import warnings
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import lasso_path
from sklearn.utils.validation import check_is_fitted, validate_data

from skepi._rows import check_targets, is_binned

FloatArray = NDArray[np.float64]

_ROWS_AT_ONCE = 4_096


@dataclass(frozen=True)
class Moments:
    """Centred second moments of rows and target: all that a least-squares model needs to know.

    Attributes
    ----------
    gram : ndarray of float64, shape (n_features, n_features)
        Sum over rows of the products of centred features.
    xy : ndarray of float64, shape (n_features,)
        Sum of the products of centred features and centred target.
    yy : float
        Sum of squares of the centred target.
    x_mean : ndarray of float64, shape (n_features,)
    y_mean : float
    n_rows : int
    """

    gram: FloatArray
    xy: FloatArray
    yy: float
    x_mean: FloatArray
    y_mean: float
    n_rows: int


class LassoBaseline(RegressorMixin, BaseEstimator):
    r"""Linear regression with an L1 penalty, the report's baseline, to a stated duality gap.

    Minimises, with the intercept b unpenalised,

    .. math:: \frac{1}{n} \lVert y - X w - b \rVert^2 + \lambda \lVert w \rVert_1

    which is ``sklearn.linear_model.Lasso(alpha=lam / 2)``. Rows enter only through their second moments, summed
    batch by batch where rows are lazy, so a dense matrix of all rows is never made.

    Parameters
    ----------
    lam : float, default=1e-3
        :math:`\lambda`, in squared units of ``y`` per unit of weight. 0 is least squares.
    tol : float, default=1e-10
        Duality gap to reach, relative to the mean square of ``y - mean(y)``.
    max_iter : int, default=100_000
        Sweeps of coordinate descent.

    Attributes
    ----------
    coef_ : ndarray of float64, shape (n_features,)
        In the order of the bins, most upstream first; exactly 0 where a feature is left out.
    intercept_ : float
    dual_gap_ : float
        Reached, relative as ``tol``.
    n_iter_ : int
        Sweeps made.
    n_features_in_ : int

    Warns
    -----
    ConvergenceWarning
        Where the gap is greater than ``tol``.

    References
    ----------
    Duren et al., PNAS 2017 (one L1 model a gene); the solver is scikit-learn's coordinate descent on a Gram
    matrix, followed by an exact solution on the signs that it found.

    Examples
    --------
    >>> model = LassoBaseline(lam=1.0).fit([[-1.0], [0.0], [1.0]], [0.0, 1.0, 2.0])
    >>> model.coef_, model.intercept_
    (array([0.25]), 1.0)
    """

    def __init__(self, lam: float = 1e-3, *, tol: float = 1e-10, max_iter: int = 100_000) -> None:
        self.lam = lam
        self.tol = tol
        self.max_iter = max_iter

    def fit(self, X: Any, y: ArrayLike) -> Self:
        """Fit the weights.

        Parameters
        ----------
        X : BinnedOpenness or array-like of shape (n_rows, n_features)
        y : array-like of shape (n_rows,)
        """
        lam = float(_checked_lams([self.lam])[0])
        moments = self._moments(X, y)
        coef, gap, self.n_iter_ = solve(moments, lam, self.tol, self.max_iter)
        self.coef_ = coef
        self.intercept_ = float(moments.y_mean - moments.x_mean @ coef)
        self.dual_gap_ = gap
        self._warn_of_gap(gap, lam, self.n_iter_)
        return self

    def path(self, X: Any, y: ArrayLike, lams: ArrayLike) -> pd.DataFrame:
        """Fit many penalties from one pass over the rows, each started from the next greater one.

        Parameters
        ----------
        X, y
            As in :meth:`fit`; this estimator is left as it is.
        lams : array-like of float
            Penalties in any order.

        Returns
        -------
        DataFrame
            One row a penalty in the order given, with columns ``lam, intercept, dual_gap, n_iter, coef`` (an array
            in each row).
        """
        lams = _checked_lams(lams)
        moments = self._moments(X, y, reset=False)
        found: dict[float, dict[str, Any]] = {}
        coef = None
        for lam in sorted(set(lams.tolist()), reverse=True):
            coef, gap, n_iter = solve(moments, lam, self.tol, self.max_iter, coef)
            intercept = float(moments.y_mean - moments.x_mean @ coef)
            self._warn_of_gap(gap, lam, n_iter)
            found[lam] = {"lam": lam, "intercept": intercept, "dual_gap": gap, "n_iter": n_iter, "coef": coef}
        return pd.DataFrame([found[lam] for lam in lams.tolist()])

    def predict(self, X: Any) -> FloatArray:
        """Predict, (n_rows,), in units of ``y``."""
        check_is_fitted(self)
        if not is_binned(X):
            return validate_data(self, X, reset=False, dtype=np.float64) @ self.coef_ + self.intercept_
        if X.shape[1] != self.n_features_in_:
            raise ValueError(f"X has {X.shape[1]} bins, but LassoBaseline is expecting {self.n_features_in_} bins")
        out = np.full(len(X), self.intercept_)
        for first in range(0, len(X), _ROWS_AT_ONCE):
            rows = slice(first, first + _ROWS_AT_ONCE)
            out[rows] += X.tocsr(rows) @ self.coef_
        return out

    def _warn_of_gap(self, gap: float, lam: float, sweeps: int) -> None:
        if gap > self.tol:
            warnings.warn(
                f"duality gap {gap:.1e} of the target's variance is greater than tol={self.tol:.1e} after "
                f"{sweeps} sweeps at lam={lam:g}; a greater lam or max_iter helps",
                ConvergenceWarning,
                stacklevel=3,
            )

    def _moments(self, X: Any, y: ArrayLike, reset: bool = True) -> Moments:
        if not is_binned(X):
            checker = self if reset else type(self)()
            X, y = validate_data(checker, X, y, y_numeric=True, dtype=np.float64)
            return moments_of_array(X, np.asarray(y, dtype=np.float64))
        y = check_targets(X, y)
        if reset:
            self.n_features_in_ = X.shape[1]
        return moments_of_pairs(X, y)


def _checked_lams(lams: ArrayLike) -> FloatArray:
    values = np.atleast_1d(np.asarray(lams, dtype=np.float64))
    if values.ndim != 1 or values.size == 0 or not np.isfinite(values).all() or (values < 0).any():
        raise ValueError(f"lams must be finite and 0 or greater, got {lams!r}")
    return values


def moments_of_array(X: FloatArray, y: FloatArray) -> Moments:
    """Centred moments of plain rows, in float64."""
    x_mean, y_mean = X.mean(axis=0), float(y.mean())
    centred, target = X - x_mean, y - y_mean
    return Moments(centred.T @ centred, centred.T @ target, float(target @ target), x_mean, y_mean, len(y))


def moments_of_pairs(X: Any, y: FloatArray) -> Moments:
    """Centred moments of lazy rows, added up over dense batches in float64."""
    gram, xy, total = np.zeros((X.shape[1], X.shape[1])), np.zeros(X.shape[1]), np.zeros(X.shape[1])
    target = y - y.mean()
    for first in range(0, len(y), _ROWS_AT_ONCE):
        rows = slice(first, first + _ROWS_AT_ONCE)
        batch = X.dense(rows, np.float64)
        gram += batch.T @ batch
        xy += batch.T @ target[rows]
        total += batch.sum(axis=0)
    x_mean = total / len(y)
    # The target is centred already, so the mean of the features drops out of xy.
    gram -= len(y) * np.outer(x_mean, x_mean)
    return Moments(gram, xy, float(target @ target), x_mean, float(y.mean()), len(y))


def solve(
    moments: Moments, lam: float, tol: float, max_iter: int, start: FloatArray | None = None
) -> tuple[FloatArray, float, int]:
    """Weights, relative duality gap and sweeps for one penalty.

    Coordinate descent finds which weights are not zero and their signs; on those the optimum is the solution of
    a linear system, which is taken where it has the same signs and the smaller gap. Where it has not, descent
    goes on until the gap is reached or the sweeps are used up.
    """
    if moments.yy <= moments.n_rows * (1e-14 * moments.y_mean) ** 2:  # y is constant, but for rounding
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
    r"""Primal less dual of the penalised mean squared error, relative to the mean square of the centred target.

    The dual point is the residual r, shrunk until :math:`2 |X^T r|_\infty / n \le \lambda`. Without a penalty
    that leaves nothing, and the gap is what least squares would still save.
    """
    gram_coef = moments.gram @ coef
    residual_xy = moments.xy - gram_coef
    if lam == 0:
        return max(float(residual_xy @ _least_squares(moments.gram, residual_xy)), 0.0) / moments.yy
    rr = moments.yy - 2 * moments.xy @ coef + coef @ gram_coef
    ry = moments.yy - moments.xy @ coef
    steepest = 2 * np.abs(residual_xy).max() / moments.n_rows
    shrink = min(1.0, lam / steepest) if steepest > 0 else 1.0
    primal = rr / moments.n_rows + lam * np.abs(coef).sum()
    dual = (2 * shrink * ry - shrink**2 * rr) / moments.n_rows
    return float(max(primal - dual, 0.0) / (moments.yy / moments.n_rows))


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
