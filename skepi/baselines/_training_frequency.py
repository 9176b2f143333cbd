"""TrainingFrequency: what knowing the gene alone is worth to a classifier."""

import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from skepi._binary import check_binary, check_both_classes
from skepi._rows import check_pairs
from skepi._targets import FloatArray, GeneScale, genes_of_rows
from skepi.exceptions import UnseenGeneWarning


class TrainingFrequency(ClassifierMixin, BaseEstimator):
    """Predict that a gene is high as often as it was high in the training cell types.

    It is to classifiers what :class:`TrainingMean` is to regressors: the same answer in every cell type.

    Attributes
    ----------
    classes_ : ndarray of int64, shape (2,)
        0 (low) and 1 (high).
    gene_frequency_ : Series of float, index gene name
        Share of the training pairs of each gene that are high. Only genes in the training rows.
    frequency_ : float
        The same over all training pairs: the prediction for genes without any.
    n_features_in_ : int

    Warns
    -----
    UnseenGeneWarning
        Where genes without training pairs are predicted.

    Raises
    ------
    TypeError
        Where rows are not pairs.
    ValueError
        For labels other than 0 and 1, and for training labels that are all the same.
    UnmatchedDataError
        Where no gene of a data set had a training pair.

    Examples
    --------
    >>> from skepi.datasets import make_paired_openness
    >>> X = make_paired_openness(n_genes=2, n_cell_types=2, n_lineages=1, n_chromosomes=1)[0].pairs()
    >>> model = TrainingFrequency().fit(X, [1, 1, 0, 1])
    >>> model.predict_proba(X)[:, 1].tolist(), model.predict(X).tolist()
    ([1.0, 1.0, 0.5, 0.5], [1, 1, 0, 0])
    """

    def fit(self, X: Any, y: ArrayLike) -> Self:
        """Count how often each gene is high.

        Parameters
        ----------
        X : GeneCellPairs or BinnedOpenness
        y : array-like of shape (n_pairs,)
            Labels, 1 for high and 0 for low, as :func:`skepi.classification.above_median` makes them.
        """
        check_pairs(X, self)
        labels = check_binary(X, y)
        check_both_classes(labels, "TrainingFrequency")
        scale = GeneScale.of(X, labels.astype(np.float64), 0.0)
        self.classes_ = np.array([0, 1])
        self.gene_frequency_, self.frequency_ = scale.mean, scale.grand_mean
        self.n_features_in_ = X.shape[1]
        return self

    def predict_proba(self, X: Any) -> FloatArray:
        """Predict the probabilities of low and high, (n_rows, 2)."""
        check_is_fitted(self)
        check_pairs(X, self)
        codes, names = genes_of_rows(X)
        scale = GeneScale(self.gene_frequency_, self.gene_frequency_, self.frequency_, 0.0, 0.0)
        frequency = scale.of_genes(names)[0][codes]
        unseen = np.isnan(frequency)
        if unseen.any():
            unseen_names = names[np.unique(codes[unseen])]
            warnings.warn(
                f"{unseen_names.size} gene(s) had no training pair ({unseen_names[0]}, ...): they are predicted at the "
                "share of all training pairs that are high",
                UnseenGeneWarning,
                stacklevel=2,
            )
        high = np.where(unseen, self.frequency_, frequency)
        return np.column_stack([1 - high, high])

    def predict(self, X: Any) -> NDArray[np.int64]:
        """Predict 1 for genes that were high in more than half of their training pairs, else 0; (n_rows,)."""
        return (self.predict_proba(X)[:, 1] > 0.5).astype(np.int64)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.classifier_tags.multi_class = False
        return tags
