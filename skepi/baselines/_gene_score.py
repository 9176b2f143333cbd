"""From a score of each gene in each cell type to a prediction of its expression: one slope for all genes."""

from abc import abstractmethod
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from skepi._rows import pairs_with_peaks
from skepi._targets import FloatArray, GeneScale, StandardizesGenes
from skepi.baselines._pair_rule import PairRule
from skepi.paired import OpennessTables

IntArray = NDArray[np.int64]


class GeneScoreRule(PairRule, StandardizesGenes):
    """Predicts by the score of a gene; a class that inherits from it has ``_sums`` and ``_check_settings``."""

    depth: str | None
    signal: str | None

    def fit(self, X: Any, y: ArrayLike) -> Self:
        """Learn the mean of each gene, the mean of its score, and the slope.

        Parameters
        ----------
        X : GeneCellPairs or BinnedOpenness
            Pairs may be missing.
        y : array-like of shape (n_pairs,)
            Log expression.
        """
        self._check_settings()
        self._check_target_settings()
        X, y = self._checked_training(X, y)
        self.n_features_in_ = X.shape[1]
        scale = GeneScale.of(X, y, self.sd_offset)
        self._set_scale(scale)
        cells, column = np.unique(X.cell_type_codes, return_inverse=True)
        scores = self._scores(pairs_with_peaks(X, self).tables, np.arange(len(X.genes)), cells)
        of_pairs = scores[X.gene_codes, column]
        mean = _means(X.gene_codes, of_pairs, otherwise=scores.mean(axis=1))
        self.gene_score_mean_ = pd.Series(mean, pd.Index(X.genes["name"].to_numpy(dtype=object), name="gene"))
        self.slope_ = _slope(of_pairs - mean[X.gene_codes], scale.z(X, y), scores.max())
        return self

    def gene_scores(self, X: Any) -> FloatArray:
        """Score of the gene of each pair in its cell type: from openness alone, before or after ``fit``.

        Parameters
        ----------
        X : GeneCellPairs or BinnedOpenness
            Pairs of any data set.

        Returns
        -------
        ndarray of float64, shape (n_pairs,)
            Natural log of 1 + the weighted sum of openness, at least 0; 0 for a gene without a peak in reach.
            :func:`gene_activity` gives the table of genes x cell types.
        """
        self._check_settings()
        X = self._checked_rows(X)
        genes, row = np.unique(X.gene_codes, return_inverse=True)
        cells, column = np.unique(X.cell_type_codes, return_inverse=True)
        return self._scores(pairs_with_peaks(X, self).tables, genes, cells)[row, column]

    @abstractmethod
    def _sums(self, tables: OpennessTables, signal: str, genes: IntArray, cells: IntArray) -> FloatArray:
        """Weighted sums of the openness of a signal, (n_genes, n_cell_types)."""

    @abstractmethod
    def _check_settings(self) -> None: ...

    def _scores(self, tables: OpennessTables, genes: IntArray, cells: IntArray) -> FloatArray:
        signal = tables.the_signal(self.signal, type(self).__name__)
        depth = tables.mean_openness(signal)[cells] if self.depth == "mean" else 1.0
        return np.log1p(self._sums(tables, signal, genes, cells) / depth)

    def _predict_z(self, X: Any) -> FloatArray:
        genes, row = np.unique(X.gene_codes, return_inverse=True)
        return self.slope_ * (self.gene_scores(X) - self._centres(X, genes)[row])

    def _centres(self, X: Any, genes: IntArray) -> FloatArray:
        """Mean score of some genes in training; of one not learned, over all cell types of the data set."""
        centre = self.gene_score_mean_.reindex(X.genes["name"].to_numpy(dtype=object)[genes]).to_numpy(copy=True)
        new = np.isnan(centre)
        if new.any():
            all_cells = np.arange(len(X.cell_types))
            centre[new] = self._scores(pairs_with_peaks(X, self).tables, genes[new], all_cells).mean(axis=1)
        return centre


def check_depth(depth: str | None) -> None:
    """Refuse what :class:`skepi.binning.TSSBinner` would refuse."""
    if depth not in ("mean", None):
        raise ValueError(f"depth must be one of ('mean', None), got {depth!r}")


def check_bp(name: str, value: Any, least: int, most: int) -> None:
    """Refuse a distance that is not a whole number, or out of range."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"{name} must be a whole number of bp in {least} .. {most}, got {value!r}")


def _means(codes: IntArray, values: FloatArray, otherwise: FloatArray) -> FloatArray:
    count = np.bincount(codes, minlength=otherwise.size)
    total = np.bincount(codes, weights=values, minlength=otherwise.size)
    return np.where(count > 0, total / np.maximum(count, 1), otherwise)


def _slope(score: FloatArray, z: FloatArray, size: float) -> float:
    """Least squares through 0, both less the mean of the gene."""
    if np.abs(score).max() <= 1e-12 * size:  # what rounding leaves of equal scores is not variation
        raise ValueError("no gene has scores that differ between its training cell types: there is no slope to learn")
    return float(score @ z / (score @ score))
