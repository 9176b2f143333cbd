"""Data of one fold: expression normalised by its training cell types, and the truth to be predicted."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone

from skepi._matrices import check_expression
from skepi._targets import training_means
from skepi.comparison._controls import FloatArray
from skepi.comparison._splits import BoolArray, Fold
from skepi.paired import GeneCellPairs, OpennessTables


class FoldData(NamedTuple):
    """What all models of a fold share.

    Attributes
    ----------
    tables : OpennessTables
        With the genes that are kept.
    values : ndarray of float64, shape (n_kept, n_cell_types)
    kept : ndarray of bool, shape (n_genes,)
    """

    tables: OpennessTables
    values: FloatArray
    kept: BoolArray

    def rows(self, chosen: BoolArray) -> tuple[GeneCellPairs, FloatArray]:
        """Pairs and targets of those chosen in a table of all genes x cell types."""
        gene, cell = np.nonzero(chosen[self.kept])
        return GeneCellPairs(self.tables, gene, cell), self.values[gene, cell]


class FoldTruth(NamedTuple):
    """Truth of the scored pairs of a fold, each (n_pairs,), in the order of ``data.pairs()``.

    Attributes
    ----------
    gene, cell_type : ndarray of int64
        Rows of the tables of the whole data set.
    y_true, train_mean : ndarray of float64
    """

    gene: NDArray[np.int64]
    cell_type: NDArray[np.int64]
    y_true: FloatArray
    train_mean: FloatArray


def data_key(fold: Fold) -> tuple[str, int, bytes]:
    """What the data of a fold depend on: folds of equal keys share them."""
    return fold.source.control, fold.source.permutation, np.packbits(_training_cell_types(fold)).tobytes()


class Normalizers:
    """Normalisers fitted to the cell types of training pairs, once for all folds that share them.

    They are kept in place of the normalised data, which would take as much memory as there are folds.

    Parameters
    ----------
    normalizer : transformer or None
        Settings of all.
    """

    def __init__(self, normalizer: Any) -> None:
        self.normalizer = normalizer
        self._fitted: dict[tuple[str, int, bytes], Any] = {}

    def of(self, fold: Fold) -> Any:
        """Fitted normaliser of a fold; None where nothing is to be normalised."""
        if self.normalizer is None:
            return None
        key = data_key(fold)
        if key not in self._fitted:
            seen = _expression_by_cell_type(fold)[_training_cell_types(fold)]
            self._fitted[key] = clone(self.normalizer).fit(seen)
        return self._fitted[key]


def data_of(fold: Fold, fitted: Any) -> FoldData:
    """Expression as the fitted normaliser of the fold gives it; openness is shared, not copied."""
    tables, expression = fold.source.tables, fold.source.expression
    if fitted is None:
        return FoldData(tables, expression, np.ones(len(tables.genes), dtype=bool))
    values = np.asarray(fitted.transform(_expression_by_cell_type(fold))).T
    kept = np.asarray(fitted.get_support())
    if not kept.all():
        genes = tables.genes[kept].reset_index(drop=True)
        tables = tables.replace(genes=genes)
    return FoldData(tables, check_expression(values, tables.genes, tables.cell_types), kept)


def training_mean_of_genes(fold: Fold, data: FoldData) -> FloatArray:
    """Mean of each gene's training pairs, (n_genes,); NaN for genes without any and for those not kept."""
    means = np.full(data.kept.size, np.nan)
    X, y = data.rows(fold.train)
    if len(X) == 0:
        raise ValueError(f"{fold}: the normalizer keeps no gene that is trained on")
    means[data.kept] = training_means(X, y)
    return means


def truth_of(fold: Fold, data: FoldData, means: FloatArray) -> FoldTruth:
    """Truth of the pairs that the fold scores, all of genes that are kept."""
    gene, cell = np.nonzero(fold.test)
    row = np.cumsum(data.kept) - 1
    return FoldTruth(gene, cell, data.values[row[gene], cell], means[gene])


def _expression_by_cell_type(fold: Fold) -> pd.DataFrame:
    tables, expression = fold.source.tables, fold.source.expression
    return pd.DataFrame(expression.T, index=tables.cell_types["name"], columns=list(tables.genes["name"]))


def _training_cell_types(fold: Fold) -> BoolArray:
    return np.asarray(fold.train.any(axis=0))
