"""TrainingMean: what knowing the gene alone is worth."""

from typing import Any, Self

from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from skepi._targets import FloatArray, GeneScale
from skepi.baselines._pair_rule import PairRule


class TrainingMean(PairRule, BaseEstimator):
    """Predict the training mean of the gene in every cell type: skill 0 by definition.

    Attributes
    ----------
    gene_mean_, gene_sd_ : Series of float, index gene name
        Over the training pairs of each gene, in units of ``y``; SDs divide by n. Only genes in the training rows.
    grand_mean_ : float
        Mean of ``y`` over all training pairs: the prediction for genes without any.
    pooled_sd_ : float
        Root mean square of ``y`` less the gene's mean, over all training pairs.
    n_features_in_ : int

    Warns
    -----
    UnseenGeneWarning
        Where genes without training pairs are predicted.

    Raises
    ------
    TypeError
        Where rows are not pairs.
    UnmatchedDataError
        Where no gene of a data set had a training pair.

    Examples
    --------
    >>> from skepi.datasets import make_paired_openness
    >>> X = make_paired_openness(n_genes=2, n_cell_types=2, n_lineages=1, n_chromosomes=1)[0].pairs()
    >>> model = TrainingMean().fit(X, [1.0, 3.0, 4.0, 8.0])
    >>> model.predict(X).tolist(), model.score(X, [1.0, 3.0, 4.0, 8.0])
    ([2.0, 2.0, 6.0, 6.0], 0.0)
    """

    def fit(self, X: Any, y: ArrayLike) -> Self:
        """Learn the mean of each gene.

        Parameters
        ----------
        X : GeneCellPairs or BinnedOpenness
        y : array-like of shape (n_pairs,)
            Expression on the scale it is to be predicted on.
        """
        X, y = self._checked_training(X, y)
        self.n_features_in_ = X.shape[1]
        self._set_scale(GeneScale.of(X, y, 0.0))
        return self

    def predict(self, X: Any) -> FloatArray:
        """Predict expression in units of ``y``, (n_rows,)."""
        check_is_fitted(self)
        return self.gene_levels(self._checked_rows(X))[0]
