"""Targets standardised gene by gene: what every estimator of expression learns from ``y`` and gives back."""

import warnings
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin
from sklearn.utils.validation import _num_samples, check_is_fitted

from skepi._doors import check_flag
from skepi._rows import check_arrays, check_log_targets, check_whole
from skepi.exceptions import UnmatchedDataError, UnseenGeneWarning
from skepi.metrics import skill
from skepi.rows import is_pairs

FloatArray = NDArray[np.float64]

#: Name of the only gene of a plain array.
THE_ONE_GENE = "the one gene"


@dataclass(frozen=True)
class GeneScale:
    """Mean and SD of each gene over its training pairs, and what a gene without any gets.

    Attributes
    ----------
    mean, sd : Series of float, index gene name
        Only genes in the training rows; SDs divide by n.
    grand_mean : float
        Mean over all training pairs.
    pooled_sd : float
        Root mean square of ``y - mean`` over all training pairs.
    offset : float
        Added to every SD, in units of ``y``.
    """

    mean: pd.Series
    sd: pd.Series
    grand_mean: float
    pooled_sd: float
    offset: float

    @classmethod
    def of(cls, X: Any, y: FloatArray, offset: float) -> "GeneScale":
        """Learn from training rows."""
        codes, names = genes_of_rows(X)
        count = np.bincount(codes, minlength=len(names))
        seen = count > 0
        mean = np.bincount(codes, weights=y, minlength=len(names)) / np.maximum(count, 1)
        squared = (y - mean[codes]) ** 2
        sd = np.sqrt(np.bincount(codes, weights=squared, minlength=len(names)) / np.maximum(count, 1))
        # Equal values leave rounding behind, which is not variation.
        sd[sd < 1e-12 * np.abs(y).max(initial=0)] = 0
        index = pd.Index(names[seen], name="gene")
        statistics = pd.Series(mean[seen], index), pd.Series(sd[seen], index)
        return cls(*statistics, float(y.mean()), float(np.sqrt(squared.mean())), offset)

    def of_genes(self, names: NDArray[np.object_]) -> tuple[FloatArray, FloatArray]:
        """Mean and scale of each named gene; NaN for one without training pairs."""
        mean = self.mean.reindex(names).to_numpy()
        if np.isnan(mean).all():
            raise UnmatchedDataError(
                f"no gene in common: fitted on {self.mean.index[0]}, ... ({self.mean.size} genes), got "
                f"{names[0]}, ... ({len(names)} genes)"
            )
        return mean, self.sd.reindex(names).to_numpy() + self.offset

    def for_prediction(self, names: NDArray[np.object_]) -> tuple[FloatArray, FloatArray]:
        """Mean and scale of each named gene; those of all genes together for one without training pairs."""
        mean, scale = self.of_genes(names)
        unseen = np.isnan(mean)
        return np.where(unseen, self.grand_mean, mean), np.where(unseen, self.pooled_sd + self.offset, scale)

    def z(self, X: Any, y: FloatArray) -> FloatArray:
        """Standardised targets of rows whose genes were all trained on; 0 where the scale is 0."""
        codes, names = genes_of_rows(X)
        mean, scale = self.of_genes(names)
        return np.divide(y - mean[codes], scale[codes], out=np.zeros_like(y), where=scale[codes] > 0)


def training_means(X: Any, y: FloatArray) -> FloatArray:
    """Mean of ``y`` for each gene of the data set, (n_genes,); NaN for a gene without pairs."""
    count = np.bincount(X.gene_codes, minlength=len(X.genes))
    total = np.bincount(X.gene_codes, weights=y, minlength=len(X.genes))
    return np.divide(total, count, out=np.full(count.size, np.nan), where=count > 0)


class KeepsGeneMeans(RegressorMixin):
    """Keeps the mean of each gene over its training pairs, and is judged by skill over it.

    A class that inherits from it calls ``_set_scale`` in ``fit`` and predicts in units of ``y``.
    """

    def _set_scale(self, scale: GeneScale) -> None:
        self.gene_mean_, self.gene_sd_ = scale.mean, scale.sd
        self.grand_mean_, self.pooled_sd_ = scale.grand_mean, scale.pooled_sd

    def _offset(self) -> float:
        return 0.0

    def _scale(self, X: Any) -> GeneScale:
        if is_pairs(X) == (THE_ONE_GENE in self.gene_mean_.index):
            raise ValueError("fitted on pairs and asked about a plain array, or the other way round")
        return GeneScale(self.gene_mean_, self.gene_sd_, self.grand_mean_, self.pooled_sd_, self._offset())

    def gene_levels(self, X: Any) -> tuple[FloatArray, FloatArray]:
        """Mean and scale of the gene of each row, both (n_rows,); warns where they are those of all genes together."""
        check_is_fitted(self)
        codes, names = genes_of_rows(X)
        scale = self._scale(X)
        unseen = np.isnan(scale.of_genes(names)[0][codes])
        if unseen.any():
            unseen_names = names[np.unique(codes[unseen])]
            warnings.warn(
                f"{unseen_names.size} gene(s) had no training pair ({unseen_names[0]}, ...): "
                "their level is the mean of all genes, "
                "so only differences between cell types within such a gene mean something",
                UnseenGeneWarning,
                stacklevel=3,
            )
        mean, spread = scale.for_prediction(names)
        return mean[codes], spread[codes]

    def training_mean(self, X: Any) -> FloatArray:
        """Training mean of the gene of each row, (n_rows,); NaN for a gene without training pairs."""
        check_is_fitted(self)
        codes, names = genes_of_rows(X)
        return self._scale(X).of_genes(names)[0][codes]

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
                "split by cell type, cv=CellTypeKFold(5), because a number such as cv=5 holds out whole genes; or, "
                "where genes are to be held out, use scoring=skepi.metrics.within_gene_skill_scorer. Skill is not "
                f"defined for {int(np.isnan(mean).sum())} of {mean.size} pairs, whose genes have no training pairs"
            )
        return skill(y, self.predict(X), mean)


class StandardizesGenes(KeepsGeneMeans):
    """Predicts z, the target standardised per gene, and answers in units of ``y``.

    A class that inherits from it has a parameter ``sd_offset`` and a method ``_predict_z(X)``. One that takes plain
    arrays has a parameter ``one_gene``, too.
    """

    sd_offset: float
    one_gene: bool = False

    def _offset(self) -> float:
        return self.sd_offset

    def _check_target_settings(self) -> None:
        check_flag("one_gene", self.one_gene)
        if isinstance(self.sd_offset, bool) or not isinstance(self.sd_offset, Real) or not 0 <= self.sd_offset < np.inf:
            raise ValueError(f"sd_offset must be finite and 0 or greater, got {self.sd_offset!r}")

    def predict(self, X: Any) -> FloatArray:
        """Predict expression in units of ``y``, (n_rows,)."""
        check_is_fitted(self)
        X = self._checked_rows(X)
        mean, spread = self.gene_levels(X)
        z = np.asarray(self._predict_z(X), dtype=np.float64)
        if z.size != mean.size:
            raise ValueError(f"{self!r} predicts shape {z.shape}, wanted one value for each of {mean.size} rows")
        return mean + spread * z.ravel()

    def _checked_rows(self, X: Any) -> Any:
        """Pairs pass as they are; plain arrays as scikit-learn checks them."""
        return X if is_pairs(X) else check_arrays(self, X, reset=False, **self._array_checks())

    def _checked_training(self, X: Any, y: ArrayLike) -> tuple[Any, FloatArray]:
        if is_pairs(X):
            return X, check_log_targets(X, y)
        check_whole(X, self)
        if not self.one_gene:
            raise TypeError(
                f"{type(self).__name__} standardises the target of each gene, and rows of a plain {type(X).__name__} "
                "do not know their gene. Give it pairs or binned rows; Materialize and steps that work on arrays "
                "belong inside it, as in GeneZTarget(make_pipeline(Materialize(), Ridge())). If all rows belong to one "
                "gene, say so with one_gene=True"
            )
        X, y = check_arrays(self, X, y, y_numeric=True, **self._array_checks())
        return X, np.asarray(y, dtype=np.float64)

    def _array_checks(self) -> dict[str, Any]:
        return {"accept_sparse": "csr" if self.__sklearn_tags__().input_tags.sparse else False, "dtype": None}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = bool(self.one_gene)
        return tags


def genes_of_rows(X: Any) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
    """Code of the gene of each row, and the names that codes refer to; a plain array has one gene."""
    if is_pairs(X):
        return X.gene_codes, X.genes["name"].to_numpy(dtype=object)
    return np.zeros(_num_samples(X), dtype=np.int64), np.array([THE_ONE_GENE], dtype=object)
