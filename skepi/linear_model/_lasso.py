"""LassoBaseline: the report's L1 linear model, solved exactly from second moments."""

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from skepi._doors import check_number
from skepi._lasso import (
    Moments,
    Solution,
    check_solver,
    checked_lams,
    linear_prediction,
    moments_of_array,
    moments_of_pairs,
    solve_path,
)
from skepi._rows import check_arrays, check_features, check_log_targets, keep_features
from skepi.rows import is_binned

FloatArray = NDArray[np.float64]


class LassoBaseline(RegressorMixin, BaseEstimator):
    r"""Linear regression with an L1 penalty, the report's baseline, to a stated duality gap.

    Minimises, with the intercept b unpenalised,

    .. math:: \frac{1}{n} \lVert y - X w - b \rVert^2 + \lambda \lVert w \rVert_1

    which is ``sklearn.linear_model.Lasso(alpha=lam / 2)``. Rows enter only through their second moments, summed
    gene by gene where rows are lazy, and from the stored entries where they are sparse. A dense matrix of all rows is
    never made of either.

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
    columns_ : DataFrame
        Only where rows were binned: one row per column, ``signal, feature, start_bp, end_bp``.
    n_features_in_ : int

    Warns
    -----
    ConvergenceWarning
        Where the gap is greater than ``tol``.

    References
    ----------
    Duren et al., PNAS 2017 (one L1 model per gene); the solver is scikit-learn's coordinate descent on a Gram
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
        X : BinnedOpenness, array-like or sparse array of shape (n_rows, n_features)
        y : array-like of shape (n_rows,)
        """
        check_number("lam", self.lam, 0)
        check_solver(self.tol, self.max_iter)
        (found,) = solve_path(self._moments(X, y), np.array([float(self.lam)]), self.tol, self.max_iter)
        self.coef_, self.intercept_ = found.coef, found.intercept
        self.dual_gap_, self.n_iter_ = found.dual_gap, found.n_iter
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
        lams = checked_lams(lams)
        check_solver(self.tol, self.max_iter)
        return path_table(solve_path(self._moments(X, y, reset=False), lams, self.tol, self.max_iter))

    def predict(self, X: Any) -> FloatArray:
        """Predict, (n_rows,), in units of ``y``."""
        check_is_fitted(self)
        if not is_binned(X):
            X = check_arrays(self, X, accept_sparse="csr", reset=False, dtype=np.float64)
        else:
            check_features(X, self)
        return linear_prediction(X, self.coef_, self.intercept_)

    def _moments(self, X: Any, y: ArrayLike, reset: bool = True) -> Moments:
        if not is_binned(X):
            checker = self if reset else type(self)()
            X, y = check_arrays(checker, X, y, accept_sparse="csr", y_numeric=True, dtype=np.float64)
            return moments_of_array(X, np.asarray(y, dtype=np.float64))
        y = check_log_targets(X, y)
        if reset:
            keep_features(X, self)
        return moments_of_pairs(X, y)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def path_table(path: list[Solution]) -> pd.DataFrame:
    """One row a penalty: ``lam, intercept, dual_gap, n_iter, coef``."""
    columns = ["lam", "intercept", "dual_gap", "n_iter", "coef"]
    return pd.DataFrame([{name: getattr(one, name) for name in columns} for one in path])
