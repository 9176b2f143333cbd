"""LandmarkRegressor: target genes from landmark genes, with any regressor of several targets."""

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.linear_model import Ridge
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from skepi._doors import check_labels, check_predictor, check_unmasked, some
from skepi._fitted import last_step
from skepi._foreign import pandas_of
from skepi._rows import check_arrays
from skepi.exceptions import TableError
from skepi.landmarks._errors import error_sums, error_table, skill_of
from skepi.landmarks._tables import check_same_samples, refuse_gaps

_WAY = "skepi.landmarks.samples_by_genes(...)"
_DTYPES = [np.float64, np.float32]


class LandmarkRegressor(MetaEstimatorMixin, RegressorMixin, BaseEstimator):
    r"""Predict the expression of target genes from that of landmark genes.

    Rows are samples and columns are genes, as scikit-learn and AnnData have it; :func:`landmark_tables` makes such
    tables. ``score`` is skill over the training mean of each target gene,

    .. math:: 1 - \sum_{s,g} (L_{sg} - \hat L_{sg})^2 \Big/ \sum_{s,g} (L_{sg} - \mu_g)^2

    with :math:`L` the expression of target gene g in sample s, :math:`\hat L` the prediction and :math:`\mu_g` the mean
    over the training samples. Targets that are landmarks themselves are left out of it: the regressor has seen their
    value.

    Parameters
    ----------
    regressor : estimator, optional
        Any scikit-learn regressor of several targets, or a pipeline that ends in one: ``LinearRegression()``,
        ``Ridge()``, ``KNeighborsRegressor()``, ``MLPRegressor()``. By default ``Ridge(10.0)``. One that takes one
        target at a time goes into ``sklearn.multioutput.MultiOutputRegressor``.

    Attributes
    ----------
    regressor_ : estimator
        Fitted on arrays of samples x landmarks.
    n_targets_ : int
    target_mean_ : ndarray of shape (n_targets,)
        Mean over the training samples, in units of ``y``.
    target_names_ : ndarray of shape (n_targets,)
        Only where ``y`` was a DataFrame.
    is_landmark_ : ndarray of bool, shape (n_targets,)
        Whether a target has the name of a landmark; False throughout where genes have no names.
    n_features_in_ : int
        Number of landmarks.
    feature_names_in_ : ndarray of shape (n_landmarks,)
        Only where ``X`` was a DataFrame.

    Raises
    ------
    TableError
        For gaps (named by gene and sample), for landmarks that are missing in new data (named) or stand in another
        order, and for targets with other names than in ``fit``.
    ValueError
        For another number of targets than in ``fit``, and a regressor that takes one target at a time.

    References
    ----------
    Chen et al., Bioinformatics 2016 (D-GEX).

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> X = pd.DataFrame({"GATA1": [0.0, 1.0, 2.0]}, index=["s1", "s2", "s3"])
    >>> y = pd.DataFrame({"HBB": [0.0, 2.0, 4.0], "CD34": [3.0, 2.0, 1.0]}, index=X.index)
    >>> model = LandmarkRegressor(LinearRegression()).fit(X, y)
    >>> model.predict_table(X).round(2)  # genes x samples
           s1   s2   s3
    HBB   0.0  2.0  4.0
    CD34  3.0  2.0  1.0
    >>> round(model.score(X, y), 3)
    1.0
    """

    def __init__(self, regressor: Any = None) -> None:
        self.regressor = regressor

    def fit(self, X: Any, y: Any, **fit_params: Any) -> Self:
        """Fit the regressor to all targets at once.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_landmarks)
            Log expression of landmark genes.
        y : DataFrame or array-like of shape (n_samples, n_targets), or (n_samples,)
            Log expression of target genes.
        **fit_params
            Passed to ``fit`` of the regressor, such as ``groups``.
        """
        if self.regressor is not None:
            check_predictor("regressor", self.regressor)
        X, y = _table("X", X), _table("y", y)
        values, targets = check_arrays(self, X, y, dtype=_DTYPES, multi_output=True, y_numeric=True)
        check_same_samples(X, y)
        targets = targets if targets.dtype in _DTYPES else targets.astype(np.float64)
        self._keep_targets(y, targets)
        regressor = Ridge(10.0) if self.regressor is None else clone(self.regressor)
        self.regressor_ = _fitted(regressor, values, targets, fit_params)
        return self

    def predict(self, X: Any) -> NDArray[np.floating]:
        """Predict target genes, (n_samples, n_targets), or (n_samples,) where ``y`` was one-dimensional in ``fit``."""
        check_is_fitted(self)
        values = self._checked_landmarks(X)
        predicted = np.asarray(self.regressor_.predict(values))
        shape = (len(values),) if self._one_dimensional else (len(values), self.n_targets_)
        if predicted.size != np.prod(shape):
            raise ValueError(f"{self.regressor_!r} predicts shape {predicted.shape}, wanted {shape}")
        return predicted.reshape(shape)

    def predict_table(self, X: Any) -> pd.DataFrame:
        """Predict a table of target genes x samples, with the names that ``X`` and ``y`` had."""
        predicted = self.predict(X).reshape(-1, self.n_targets_)
        samples = X.index if isinstance(X, pd.DataFrame) else None
        return pd.DataFrame(predicted.T, index=self._names(), columns=samples)

    def gene_errors(self, X: Any, y: Any) -> pd.DataFrame:
        """Errors of each target gene on other samples, beside those of its training mean.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_landmarks)
        y : DataFrame or array-like of shape (n_samples, n_targets)
            The genes of a DataFrame are found by name.

        Returns
        -------
        DataFrame
            One row per target gene: ``mae`` and ``mae_mean``, mean absolute error of the model and of the training
            mean; ``mse`` and ``mse_mean``, the same squared; ``skill``, ``1 - mse / mse_mean``, NaN where the gene does
            not vary; ``is_landmark``; ``n_samples``. :func:`summarize_landmark_errors` makes one row of many genes.
        """
        predicted = self.predict(X).reshape(-1, self.n_targets_)
        check_same_samples(X, y)
        truth = self._checked_targets(y)
        sums = error_sums(truth, predicted, self.target_mean_)
        return error_table(sums, len(truth), self._names(), self.is_landmark_)

    def score(self, X: Any, y: Any, sample_weight: None = None) -> float:
        """Skill over the training mean, summed over all target genes that are no landmarks.

        Raises
        ------
        ValueError
            Where every target is a landmark, no target varies, or weights are given.
        """
        if sample_weight is not None:
            raise ValueError("sample_weight is not supported: skill sums over samples with equal weight")
        errors = self.gene_errors(X, y)
        if errors["is_landmark"].all():
            raise ValueError("all targets are landmarks, whose values are known: use gene_errors to look at them")
        return skill_of(errors[~errors["is_landmark"]])

    def _keep_targets(self, y: Any, targets: NDArray) -> None:
        self.__dict__.pop("target_names_", None)  # of an earlier fit
        self._one_dimensional = targets.ndim == 1
        targets = targets.reshape(len(targets), -1)
        self.n_targets_ = targets.shape[1]
        self.target_mean_ = targets.mean(axis=0, dtype=np.float64)
        self.is_landmark_ = np.zeros(self.n_targets_, dtype=bool)
        if isinstance(y, pd.DataFrame):
            self.target_names_ = np.array([str(name) for name in y.columns], dtype=object)
            self.is_landmark_ = np.isin(self.target_names_, list(getattr(self, "feature_names_in_", [])))

    def _names(self) -> pd.Index:
        return pd.Index(getattr(self, "target_names_", range(self.n_targets_)))

    def _checked_landmarks(self, X: Any) -> NDArray[np.floating]:
        X = _table("X", X)
        try:
            return check_arrays(self, X, reset=False, dtype=_DTYPES)
        except ValueError as error:
            raise self._explained(X, error) from None

    def _explained(self, X: Any, error: ValueError) -> ValueError:
        """The error of scikit-learn, with the landmarks that are missing and what to do where names are the matter."""
        fitted = getattr(self, "feature_names_in_", None)
        if fitted is None or not isinstance(X, pd.DataFrame) or list(X.columns) == list(fitted):
            return error
        missing = [name for name in fitted if name not in X.columns]
        if len(missing) == len(fitted) and X.index.isin(fitted).any():
            return TableError("X looks transposed: rows are landmarks, wanted one row per sample; give X.T")
        lacking = f"X lacks {len(missing)} of {len(fitted)} landmark(s): {some(missing)}. " if missing else ""
        return TableError(f"{error}\n{lacking}{_WAY} takes landmarks out of a table of genes x samples by name")

    def _checked_targets(self, y: Any) -> NDArray[np.floating]:
        """Targets as an array of samples x targets in the order of the fit."""
        y = _table("y", y)
        named = isinstance(y, pd.DataFrame) and hasattr(self, "target_names_")
        place = pd.Index(map(str, y.columns)).get_indexer(self.target_names_) if named else None
        if place is not None and (place < 0).any():
            missing = self.target_names_[place < 0]
            raise TableError(f"y lacks {missing.size} of {self.n_targets_} target(s) of the fit: {some(missing)}")
        values = np.asarray(y, dtype=None)
        values = values.reshape(len(values), -1)
        if values.shape[1] != self.n_targets_:
            way = "y[model.target_names_]" if named else "the same targets in the same order"
            raise ValueError(
                f"y has {values.shape[1]} target(s), and the model was fitted on {self.n_targets_}: give {way}"
            )
        if place is not None:
            values = values[:, place]
        if not np.isfinite(values).all():
            raise ValueError("y holds NaN or infinite values")
        return values

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = True
        return tags


def _fitted(regressor: Any, X: NDArray, y: NDArray, fit_params: dict[str, Any]) -> Any:
    """The regressor, fitted; an error of one that may take one target at a time says what to do."""
    try:
        return regressor.fit(X, y, **fit_params)
    except ValueError as error:
        last = last_step(regressor)
        if y.ndim == 1 or y.shape[1] == 1 or get_tags(last).target_tags.multi_output:
            raise
        raise ValueError(
            f"{error}\nFor {y.shape[1]} targets: if {type(last).__name__} takes one target at a time, wrap it in "
            "sklearn.multioutput.MultiOutputRegressor"
        ) from error


def _table(what: str, table: ArrayLike) -> Any:
    """A DataFrame with names and without gaps, or another object as it is."""
    check_unmasked(table, what)
    table = pandas_of(table, what, _WAY)
    if isinstance(table, pd.DataFrame):
        check_labels(table, what)
        if all(dtype.kind == "f" for dtype in table.dtypes):
            refuse_gaps(table, what)
    return table
