"""Estimators around estimators: what is predicted is standardised gene by gene."""

import warnings
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.dummy import DummyRegressor
from sklearn.utils import get_tags
from sklearn.utils.validation import _num_samples, check_is_fitted, validate_data

from skepi._rows import check_targets, is_pairs
from skepi.exceptions import UnmatchedDataError, UnseenGeneWarning
from skepi.linear_model import LassoBaseline
from skepi.metrics import skill

FloatArray = NDArray[np.float64]

#: Name of the only gene of a plain array.
THE_ONE_GENE = "the one gene"


class GeneZTarget(MetaEstimatorMixin, RegressorMixin, BaseEstimator):
    r"""Let a regressor predict expression standardised per gene, with training statistics.

    The regressor is fitted on :math:`z = (y - \mathrm{mean}_g) / (\mathrm{SD}_g + c)`, with mean and SD of gene g
    over its training pairs (SDs divide by n); predictions are turned back into units of ``y``. Works as the last
    step of a pipeline (binned rows know their genes) and around a whole pipeline.

    Parameters
    ----------
    regressor : estimator, optional
        Any scikit-learn regressor; it gets the rows as they come. By default ``LassoBaseline()``.
    sd_offset : float, default=1.0
        :math:`c`, in units of ``y`` (log expression). 0 is the report's z-score; a gene that does not vary then
        has z = 0 throughout.

    Attributes
    ----------
    gene_mean_, gene_sd_ : Series of float, index gene name
        Over the training pairs of each gene, in units of ``y``. Only genes in the training rows.
    grand_mean_ : float
        Mean of ``y`` over all training pairs.
    pooled_sd_ : float
        Root mean square of :math:`y - \mathrm{mean}_g` over all training pairs.
    regressor_ : estimator
        The fitted clone.

    Warns
    -----
    UnseenGeneWarning
        Once a call, where genes without training pairs are predicted: they get
        ``grand_mean_ + (pooled_sd_ + sd_offset) * z``.

    Raises
    ------
    UnmatchedDataError
        Where no gene of a data set was in the training pairs' data.
    ValueError
        For targets or predictions that do not match the rows, and pairs and plain arrays mixed.

    Notes
    -----
    On plain arrays all rows are one gene: rows that went through :class:`skepi.preprocessing.Materialize` no
    longer know theirs, so that step belongs inside ``regressor``, never before this one. ``score`` is skill
    against ``gene_mean_``, never R2 over genes.

    Examples
    --------
    >>> from sklearn.dummy import DummyRegressor
    >>> GeneZTarget(DummyRegressor()).fit([[0.0], [1.0]], [2.0, 4.0]).predict([[5.0]])
    array([3.])
    """

    def __init__(self, regressor: Any = None, *, sd_offset: float = 1.0) -> None:
        self.regressor = regressor
        self.sd_offset = sd_offset

    def fit(self, X: Any, y: ArrayLike, **fit_params: Any) -> Self:
        """Learn each gene's mean and SD, then fit the regressor on z.

        Parameters
        ----------
        X : GeneCellPairs, BinnedOpenness or array-like of shape (n_rows, n_features)
        y : array-like of shape (n_rows,)
            Log expression.
        **fit_params
            Passed to the regressor; ``sample_weight`` is refused, because the means would not know it.
        """
        if "sample_weight" in fit_params:
            raise ValueError("sample_weight is not supported: means and SDs of genes give every pair equal weight")
        if not 0 <= self.sd_offset < np.inf:
            raise ValueError(f"sd_offset must be finite and 0 or greater, got {self.sd_offset!r}")
        X, y = self._checked_training(X, y)
        codes, names = _genes_of(X)
        count = np.bincount(codes, minlength=len(names))
        seen = count > 0
        mean = np.bincount(codes, weights=y, minlength=len(names)) / np.maximum(count, 1)
        squared = (y - mean[codes]) ** 2
        sd = np.sqrt(np.bincount(codes, weights=squared, minlength=len(names)) / np.maximum(count, 1))
        # Equal values leave rounding behind, which is not variation.
        sd[sd < 1e-12 * np.abs(y).max(initial=0)] = 0
        index = pd.Index(names[seen], name="gene")
        self.gene_mean_, self.gene_sd_ = pd.Series(mean[seen], index), pd.Series(sd[seen], index)
        self.grand_mean_ = float(y.mean())
        self.pooled_sd_ = float(np.sqrt(squared.mean()))
        mean, scale = self._statistics(X)
        z = np.divide(y - mean, scale, out=np.zeros_like(y), where=scale > 0)
        self.regressor_ = clone(self.regressor) if self.regressor is not None else LassoBaseline()
        self.regressor_.fit(X, z, **fit_params)
        if hasattr(self.regressor_, "n_features_in_"):
            self.n_features_in_ = self.regressor_.n_features_in_
        return self

    def predict(self, X: Any) -> FloatArray:
        """Predict expression in units of ``y``, (n_rows,)."""
        check_is_fitted(self)
        X = self._checked_rows(X)
        mean, scale = self._statistics(X)
        unseen = np.isnan(mean)
        if unseen.any():
            codes, names = _genes_of(X)
            unseen_names = names[np.unique(codes[unseen])]
            warnings.warn(
                f"{unseen_names.size} gene(s) had no training pair ({unseen_names[0]}, ...): "
                "their level is the mean of all genes, "
                "so only differences between cell types within such a gene mean something",
                UnseenGeneWarning,
                stacklevel=2,
            )
            mean = np.where(unseen, self.grand_mean_, mean)
            scale = np.where(unseen, self.pooled_sd_ + self.sd_offset, scale)
        z = np.asarray(self.regressor_.predict(X), dtype=np.float64)
        if z.size != mean.size:
            raise ValueError(
                f"{self.regressor_!r} predicts shape {z.shape}, wanted one value for each of {mean.size} rows"
            )
        return mean + scale * z.ravel()

    def training_mean(self, X: Any) -> FloatArray:
        """Training mean of the gene of each row, (n_rows,); NaN for a gene without training pairs."""
        check_is_fitted(self)
        return self._statistics(X)[0]

    def score(self, X: Any, y: ArrayLike, sample_weight: None = None) -> float:
        """Skill over the training mean of the gene; see :func:`skepi.metrics.skill`.

        Raises
        ------
        ValueError
            Where a gene had no training pair: use :func:`skepi.metrics.within_gene_skill_scorer` there.
        """
        if sample_weight is not None:
            raise ValueError("sample_weight is not supported: skill sums over pairs with equal weight")
        mean = self.training_mean(X)
        if np.isnan(mean).any():
            raise ValueError(
                f"{int(np.isnan(mean).sum())} pair(s) belong to genes without training pairs, for which skill is not "
                "defined; use scoring=skepi.metrics.within_gene_skill_scorer"
            )
        return skill(y, self.predict(X), mean)

    def _checked_rows(self, X: Any) -> Any:
        """Pairs pass as they are; plain arrays as scikit-learn checks them."""
        return X if is_pairs(X) else validate_data(self, X, reset=False, **self._array_checks())

    def _checked_training(self, X: Any, y: ArrayLike) -> tuple[Any, FloatArray]:
        if not is_pairs(X):
            X, y = validate_data(self, X, y, y_numeric=True, **self._array_checks())
            return X, np.asarray(y, dtype=np.float64)
        return X, check_targets(X, y)

    def _array_checks(self) -> dict[str, Any]:
        return {"accept_sparse": "csr" if self.__sklearn_tags__().input_tags.sparse else False, "dtype": None}

    def _statistics(self, X: Any) -> tuple[FloatArray, FloatArray]:
        """Mean and scale of the gene of each row; NaN for a gene without training pairs."""
        codes, names = _genes_of(X)
        if is_pairs(X) == (THE_ONE_GENE in self.gene_mean_.index):
            raise ValueError("fitted on pairs and asked about a plain array, or the other way round")
        mean = self.gene_mean_.reindex(names).to_numpy()
        if np.isnan(mean).all():
            raise UnmatchedDataError(
                f"no gene in common: fitted on {self.gene_mean_.index[0]}, ... ({self.gene_mean_.size} genes), got "
                f"{names[0]}, ... ({len(names)} genes)"
            )
        scale = self.gene_sd_.reindex(names).to_numpy() + self.sd_offset
        return mean[codes], scale[codes]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = self.regressor is not None and get_tags(self.regressor).input_tags.sparse
        return tags


def z_score_per_gene(X: Any, y: ArrayLike) -> FloatArray:
    """Z-score targets per gene over all given pairs before any split, as the report does: a leak, for replication only.

    Held-out values shape their own mean and scale, so even noise looks predictable to a degree.
    :class:`GeneZTarget` is the way without the leak.

    Parameters
    ----------
    X : pairs
    y : array-like of shape (n_pairs,)
        Log expression.

    Returns
    -------
    ndarray of float64, shape (n_pairs,)
        Mean 0 and SD 1 (dividing by n) over the pairs of each gene; 0 for a gene that does not vary.

    Examples
    --------
    >>> from skepi.datasets import make_paired_openness
    >>> X, y = make_paired_openness(n_genes=2, n_cell_types=3, n_lineages=1, n_chromosomes=1)[0].pairs(return_X_y=True)
    >>> z_score_per_gene(X, [1.0, 2.0, 3.0, 4.0, 4.0, 4.0]).round(3)
    array([-1.225,  0.   ,  1.225,  0.   ,  0.   ,  0.   ])
    """
    if not is_pairs(X):
        raise TypeError(f"wanted pairs, which know their gene; got {type(X).__name__}")
    means = GeneZTarget(DummyRegressor(), sd_offset=0).fit(X, y)
    mean, sd = means._statistics(X)
    return np.divide(np.asarray(y) - mean, sd, out=np.zeros(len(X)), where=sd > 0)


def _genes_of(X: Any) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
    """Code of the gene of each row, and the names that codes refer to."""
    if is_pairs(X):
        return X.gene_codes, X.genes["name"].to_numpy(dtype=object)
    return np.zeros(_num_samples(X), dtype=np.int64), np.array([THE_ONE_GENE], dtype=object)
