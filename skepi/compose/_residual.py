"""ResidualRegressor: another model for what a kernel model leaves, learned on cell types that it had not seen."""

import warnings
from numbers import Integral
from typing import Any, Self

import numpy as np
import pandas as pd
from joblib import delayed
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.utils.validation import check_is_fitted

from skepi._doors import check_flag, check_predictor
from skepi._folds import rows_of_folds
from skepi._progress import ShowsProgress, in_parallel, progress_bar
from skepi._rows import check_binned, check_log_targets, check_no_leak, keep_features
from skepi._targets import FloatArray, KeepsGeneMeans
from skepi.exceptions import DistantCellTypeWarning
from skepi.gaussian_process import CisTransRegressor
from skepi.model_selection import CellTypeKFold, LineageKFold

# Feature of the base model that errors are divided by.
_SCALE = "gene_scale"

# Lineages from which on whole ones are held out inside, where the table names them.
_MIN_LINEAGES = 3
_FOLDS = 5


class ResidualRegressor(ShowsProgress, MetaEstimatorMixin, KeepsGeneMeans, BaseEstimator):
    r"""Add to the prediction of a kernel model what a second model predicts of its errors on held-out cell types.

    The base model is fitted on part of the training cell types at a time and asked about the others; the regressor
    learns :math:`(y - \hat y) / (\mathrm{SD}_g + c)` of these pairs from what the base model knows of them
    (:meth:`skepi.gaussian_process.CisTransRegressor.transform`: contrasts of bands, parts of the prediction, level and
    scale of the gene, which is the divisor). The base model is then fitted on all training pairs, and

    .. math:: \hat y = \hat y_\mathrm{base} + (\mathrm{SD}_g + c) \, \hat r

    So the regressor sees errors as they are for new cell types; fitted on errors of the training pairs themselves it
    would learn noise.

    Parameters
    ----------
    regressor : estimator, optional
        Any scikit-learn regressor on dense arrays. By default gradient boosting of 100 trees with 15 leaves of at least
        200 pairs and a learning rate of 0.05.
    base : CisTransRegressor, optional
        By default ``CisTransRegressor()``. Another estimator must offer, once fitted,

        * ``predict_with_features(X, return_std=False)``: an object with ``parts``, a DataFrame with one row per pair
          whose columns add up to the prediction; ``features``, an array with one row per pair; and ``std``, an array,
          or None where SDs were not asked for;
        * ``get_feature_names_out()``: names of these features, one of them ``"gene_scale"``, the scale of the gene in
          units of ``y``;
        * ``training_mean(X)``, ``gene_mean_``, ``gene_sd_``, ``grand_mean_`` and ``pooled_sd_``, as
          :class:`skepi.gaussian_process.CisTransRegressor` has them.
    cv : splitter or int, optional
        Which cell types are held out together inside. By default whole lineages where the table of cell types names 3
        or more of them among the training pairs, else 5 folds of cell types (or as many as there are); a number is one
        of folds of cell types.
    n_jobs : int, optional
        Inner fits at once.
    progress : bool, default=False
        Whether to show a progress bar.

    Attributes
    ----------
    base_ : estimator
        Fitted on all training pairs.
    regressor_ : estimator
        Fitted on the errors.
    gene_mean_, gene_sd_ : Series
    grand_mean_, pooled_sd_ : float
        Mean of all targets and pooled SD in the base model.

    Raises
    ------
    TypeError
        Where rows are not binned pairs, or the base model has no ``predict_with_features``.
    ValueError
        For fewer than 3 training cell types, a ``cv`` that gives no split, and a base model that does not name its
        features or has no ``"gene_scale"`` among them.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from skepi.binning import TSSBinner, symmetric_edges
    >>> from skepi.datasets import make_paired_openness
    >>> X, y = make_paired_openness(n_genes=50, n_cell_types=8, n_lineages=4)[0].pairs(return_X_y=True)
    >>> model = make_pipeline(TSSBinner(edges=symmetric_edges()), ResidualRegressor(Ridge(100.0)))
    >>> parts = model[-1].fit(model[0].fit_transform(X), y).predict_parts(model[0].transform(X))
    >>> parts.columns.tolist()
    ['gene_mean', 'cis', 'cell_state', 'residual']
    """

    def __init__(
        self,
        regressor: Any = None,
        base: Any = None,
        *,
        cv: Any = None,
        n_jobs: int | None = None,
        progress: bool = False,
    ) -> None:
        self.regressor = regressor
        self.base = base
        self.cv = cv
        self.n_jobs = n_jobs
        self.progress = progress

    def fit(self, X: Any, y: ArrayLike) -> Self:
        """Fit the base model inside, the regressor on its errors, and the base model on all pairs.

        Parameters
        ----------
        X : BinnedOpenness of shape (n_pairs, n_columns)
        y : array-like of shape (n_pairs,)
            Log expression.
        """
        check_flag("progress", self.progress)
        base = self._checked_base(X)
        y = check_log_targets(X, y)
        n_cell_types = np.unique(X.cell_type_codes).size
        if n_cell_types < 3:
            raise ValueError(f"ResidualRegressor needs at least 3 training cell types, got {n_cell_types}")
        splits = self._splits(X, y)
        jobs = (delayed(_errors)(clone(base), X[train], y[train], X[test], y[test]) for train, test in splits)
        with progress_bar(self.progress, "folds", len(splits)) as bar:
            parts = in_parallel(jobs, self.n_jobs, bar)
        if not parts:
            raise ValueError(f"cv={self.cv!r} gives no split")
        features, errors = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        self.regressor_ = _default_regressor() if self.regressor is None else clone(self.regressor)
        self.regressor_.fit(features, errors)
        self.base_ = clone(base).fit(X, y)
        keep_features(X, self)
        for name in ("gene_mean_", "gene_sd_", "grand_mean_", "pooled_sd_"):
            setattr(self, name, getattr(self.base_, name))
        return self

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Predict expression in units of ``y``.

        Parameters
        ----------
        X : BinnedOpenness of shape (n_pairs, n_columns)
        return_std : bool, default=False
            Whether to return the SDs of the base model as well: what the regressor explains is not taken off.

        Returns
        -------
        prediction : ndarray of float64, shape (n_pairs,)
        std : ndarray of float64, shape (n_pairs,)
            Only with ``return_std=True``.
        """
        base, added = self._asked(X, return_std)
        prediction = base.parts.to_numpy().sum(axis=1) + added
        return (prediction, base.std) if return_std else prediction

    def predict_parts(self, X: Any) -> pd.DataFrame:
        """Parts of the prediction: those of the base model, and ``residual``; in units of ``y``, one row per pair."""
        base, added = self._asked(X)
        return base.parts.assign(residual=added)

    def training_mean(self, X: Any) -> FloatArray:
        """Training mean of the gene of each row, (n_rows,); NaN for a gene without training pairs."""
        check_is_fitted(self)
        return self.base_.training_mean(X)

    def _asked(self, X: Any, return_std: bool = False) -> tuple[Any, FloatArray]:
        """What the base model says of rows, and what the regressor adds to its prediction in units of ``y``."""
        check_is_fitted(self)
        base = self.base_.predict_with_features(X, return_std=return_std)
        residual = np.asarray(self.regressor_.predict(base.features), np.float64).ravel()
        return base, _scale_of_genes(self.base_, base.features) * residual

    def _checked_base(self, X: Any) -> Any:
        check_binned(X, self, "TSSBinner(edges=symmetric_edges())")
        check_no_leak(X, self)
        if self.regressor is not None:
            check_predictor("regressor", self.regressor)
        base = CisTransRegressor() if self.base is None else self.base
        if not (hasattr(base, "predict_with_features") and hasattr(base, "get_feature_names_out")):
            raise TypeError(
                "base must tell what it knows of pairs with predict_with_features and get_feature_names_out, as "
                f"CisTransRegressor does; got {base!r}"
            )
        return base

    def _splits(self, X: Any, y: FloatArray) -> list[tuple[NDArray, NDArray]]:
        cv = CellTypeKFold(int(self.cv)) if isinstance(self.cv, Integral) else self.cv
        cv = _default_splitter(X) if cv is None else cv
        return rows_of_folds(cv, X, y)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        return tags


def _errors(base: Any, X: Any, y: FloatArray, X_out: Any, y_out: FloatArray) -> tuple[NDArray, FloatArray]:
    """What a base model knows of held-out pairs, and its standardised errors on them."""
    base.fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DistantCellTypeWarning)  # cell types are held out on purpose
        held_out = base.predict_with_features(X_out)
    error, scale = y_out - held_out.parts.to_numpy().sum(axis=1), _scale_of_genes(base, held_out.features)
    return held_out.features, np.divide(error, scale, out=np.zeros_like(error), where=scale > 0)


def _scale_of_genes(base: Any, features: NDArray) -> FloatArray:
    """Scale of the gene of each pair, found by its name among the features of a fitted base model."""
    names = list(base.get_feature_names_out())
    if len(names) != features.shape[1] or _SCALE not in names:
        raise ValueError(
            f"base must name each of its {features.shape[1]} features, and one of them {_SCALE!r}; "
            f"get_feature_names_out gives {names}"
        )
    return features[:, names.index(_SCALE)].astype(np.float64)


def _default_regressor() -> HistGradientBoostingRegressor:
    return HistGradientBoostingRegressor(
        learning_rate=0.05,
        max_iter=100,
        max_leaf_nodes=15,
        min_samples_leaf=200,
        l2_regularization=10.0,
        early_stopping=False,
        random_state=0,
    )


def _default_splitter(X: Any) -> Any:
    cells = np.unique(X.cell_type_codes)
    if "lineage" in X.cell_types and X.cell_types["lineage"].iloc[cells].nunique() >= _MIN_LINEAGES:
        return LineageKFold()
    return CellTypeKFold(min(_FOLDS, cells.size))
