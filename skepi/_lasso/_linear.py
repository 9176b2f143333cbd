"""Predictions of linear models from their weights, for rows of any kind."""

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from skepi.rows import BinnedRows, is_binned

FloatArray = NDArray[np.float64]

_ROWS_AT_ONCE = 4_096

# A slot of a single row takes about as long as in this many cell types of a block of genes.
_ROW_COST = 10


class Linear:
    """A linear model that has weights and nothing else."""

    def __init__(self, coef: FloatArray, intercept: float) -> None:
        self.coef_, self.intercept_ = coef, intercept

    def predict(self, X: Any) -> FloatArray:
        """``X @ coef + intercept``, (n_rows,), for lazy rows or an array."""
        return linear_prediction(X, self.coef_, self.intercept_)


def linear_prediction(X: Any, coef: FloatArray, intercept: float) -> FloatArray:
    """``X @ coef + intercept``, (n_rows,), for lazy rows, an array or a sparse array."""
    if not is_binned(X):
        return X @ coef + intercept
    if len(X) * _ROW_COST > np.unique(X.gene_codes).size * len(X.cell_types):
        of_bins = _prediction_table(X, coef)[X.gene_codes, X.cell_type_codes]
        return of_bins + X.appended @ coef[X.slots.n_columns :] + intercept
    out = np.full(len(X), intercept)
    for first in range(0, len(X), _ROWS_AT_ONCE):
        rows = slice(first, first + _ROWS_AT_ONCE)
        out[rows] += X.tocsr(rows) @ coef
    return out


def _prediction_table(X: BinnedRows, coef: FloatArray) -> FloatArray:
    """What the bins of every gene of the rows add in every cell type of the data set, (n_genes, n_cell_types)."""
    out = np.zeros((len(X.genes), len(X.cell_types)))
    for genes, ptr, slots, values in X.gene_blocks(X.gene_codes):
        weights = coef[X.slots.slot_column[slots]]
        out[genes] = sp.csr_array((weights, np.arange(weights.size), ptr), shape=(genes.size, weights.size)) @ values
    return out
