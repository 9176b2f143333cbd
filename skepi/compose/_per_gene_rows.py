"""What the model of one gene sees, and what the models of all genes have in common."""

import warnings
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from skepi._rows import check_binned, check_bins_alone, check_features, check_log_targets, check_targets, keep_features
from skepi._scales import takes_counts
from skepi._targets import FloatArray, KeepsGeneMeans, genes_of_rows
from skepi.exceptions import UnfittedSignalWarning, UnseenGeneWarning
from skepi.rows import BinnedRows

IntArray = NDArray[np.int64]

# Enough that handing a task to another process costs little beside it.
_GENES_AT_ONCE = 100

# Share of slots new to the models above which a data set gives a warning.
_MAX_NEW_SLOTS = 0.5


class GeneRows(NamedTuple):
    """Rows of one gene, in the order of the table of cell types.

    Attributes
    ----------
    gene : int
        Its row in the table of genes.
    rows, cells : ndarray of int64, shape (n_rows,)
        Row numbers, and the cell type of each.
    slots : slice
        Slots of the operator of the rows.
    values : ndarray of float32, shape (n_rows, n_slots)
    """

    gene: int
    rows: IntArray
    cells: IntArray
    slots: slice
    values: NDArray[np.float32]


def rows_of_genes(X: BinnedRows) -> Iterator[list[GeneRows]]:
    """Yield the rows of all genes that occur, about 100 genes at a time, in the order of the table of genes."""
    order = np.lexsort((X.cell_type_codes, X.gene_codes))
    ptr = np.concatenate([[0], np.cumsum(np.bincount(X.gene_codes, minlength=len(X.genes)))])
    some = []
    for genes, slot_ptr, _, values in X.gene_blocks(X.gene_codes):
        for gene, (first, last) in zip(genes, pairwise(slot_ptr), strict=True):
            rows = order[ptr[gene] : ptr[gene + 1]]
            cells, slots = X.cell_type_codes[rows], slice(*X.slots.gene_ptr[gene : gene + 2].tolist())
            some.append(GeneRows(int(gene), rows, cells, slots, values[first:last, cells].T))
        if len(some) >= _GENES_AT_ONCE:
            yield some
            some = []
    if some:
        yield some


def slots_of_genes(X: BinnedRows) -> tuple[IntArray, NDArray[np.int32]]:
    """Pointers, (n_genes + 1,), and bins of the slots of the genes that occur, one gene after the other."""
    slots, genes = X.slots, np.unique(X.gene_codes)
    n_slots = np.diff(slots.gene_ptr)[genes]
    return np.concatenate([[0], np.cumsum(n_slots)]), slots.slot_column[slots.of_genes(genes)]


class PerGeneModel(KeepsGeneMeans):
    """A model for each gene, found by the gene's name, that sees the values of the gene's slots.

    A class that inherits from it calls ``_set_scale`` and ``_set_slots`` in ``fit`` and has a method
    ``_predict_gene(place, features)``, where genes have the order of ``gene_mean_``.
    """

    def predict(self, X: Any) -> FloatArray:
        """Predict expression in units of ``y``, (n_rows,)."""
        check_is_fitted(self)
        X = self._checked_rows(X)
        model = self._models_of(X)
        extra, factor = self._of_cell_types(X)
        out, seen = np.full(len(X), self.grand_mean_), np.flatnonzero(model[X.gene_codes] >= 0)
        n_slots = n_new = 0
        for some in rows_of_genes(X[seen]):
            for one in some:
                place = int(model[one.gene])
                bins = self.slot_column_[self.gene_ptr_[place] : self.gene_ptr_[place + 1]]
                here = X.slots.slot_column[one.slots]
                values, n_shared = _on_bins(one.values, here, bins)
                out[seen[one.rows]] = self._predict_gene(place, np.hstack([values, extra[one.cells]]))
                n_slots, n_new = n_slots + here.size, n_new + here.size - n_shared
        _warn_of_new_slots(n_slots, n_new)
        return out * factor[X.cell_type_codes]

    def _predict_gene(self, place: int, features: FloatArray) -> FloatArray:
        raise NotImplementedError

    def _of_cell_types(self, X: BinnedRows) -> tuple[FloatArray, FloatArray]:
        """Further features and the factor of predictions of each cell type of the table, for those that occur."""
        return np.empty((len(X.cell_types), 0)), np.ones(len(X.cell_types))

    def _models_of(self, X: BinnedRows) -> IntArray:
        """Place of the model of each gene of the table; -1 for a gene without one, which is said if it occurs."""
        _, names = genes_of_rows(X)
        self._scale(X).of_genes(names)  # refuses a data set without a gene in common
        model = self.gene_mean_.index.get_indexer(names)
        unseen = names[np.unique(X.gene_codes[model[X.gene_codes] < 0])]
        if unseen.size:
            warnings.warn(
                f"{unseen.size} gene(s) had no training pair ({unseen[0]}, ...) and so have no model: they are "
                "predicted at the training mean of all genes",
                UnseenGeneWarning,
                stacklevel=3,
            )
        return model

    def _set_slots(self, X: BinnedRows) -> None:
        self.gene_ptr_, self.slot_column_ = slots_of_genes(X)
        keep_features(X, self)

    def _coef_table(self, slot_coef: FloatArray) -> sp.csr_array:
        shape = self.gene_mean_.size, self.n_features_in_
        return sp.csr_array((slot_coef, self.slot_column_, self.gene_ptr_), shape=shape)

    def _checked_rows(self, X: Any) -> Any:
        check_binned(X, self)
        check_features(X, self)
        check_bins_alone(X, self)
        return X

    def _checked_training(self, X: Any, y: ArrayLike) -> tuple[Any, FloatArray]:
        check_binned(X, self)
        check_bins_alone(X, self)
        return X, (check_targets if takes_counts(self) else check_log_targets)(X, y)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        return tags


def _on_bins(values: NDArray, here: NDArray, bins: NDArray) -> tuple[FloatArray, int]:
    """Values on the bins of a model, 0 where a gene has no slot here, and the number of slots that both have."""
    if np.array_equal(here, bins):
        return values.astype(np.float64), here.size
    out = np.zeros((len(values), bins.size))
    shared, place, model_place = np.intersect1d(here, bins, assume_unique=True, return_indices=True)
    out[:, model_place] = values[:, place]
    return out, shared.size


def _warn_of_new_slots(n_slots: int, n_new: int) -> None:
    if n_new > _MAX_NEW_SLOTS * n_slots:
        warnings.warn(
            f"{n_new / n_slots:.0%} of the slots of these genes are new to their models and are ignored (warned above "
            f"{_MAX_NEW_SLOTS:.0%})",
            UnfittedSignalWarning,
            stacklevel=3,
        )
