"""Data of one fold: expression normalised by its training cell types, and the truth to be predicted."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone

from skepi.comparison._controls import FloatArray
from skepi.comparison._splits import BoolArray, Fold
from skepi.model_selection._held_out import training_means
from skepi.paired import GeneCellPairs
from skepi.paired._checks import check_expression
from skepi.paired._tables import OpennessTables


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


def data_of(fold: Fold, normalizer: Any) -> FoldData:
    """Normalise expression by the cell types of the training pairs; openness is shared, not copied."""
    tables, expression = fold.source.tables, fold.source.expression
    if normalizer is None:
        return FoldData(tables, expression, np.ones(len(tables.genes), dtype=bool))
    names = tables.cell_types["name"]
    by_cell_type = pd.DataFrame(expression.T, index=names, columns=list(tables.genes["name"]))
    fitted = clone(normalizer).fit(by_cell_type[_training_cell_types(fold)])
    values, kept = np.asarray(fitted.transform(by_cell_type)).T, np.asarray(fitted.get_support())
    if not kept.all():
        genes = tables.genes[kept].reset_index(drop=True)
        tables = OpennessTables(tables.peaks, genes, tables.cell_types, tables.openness)
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


def _training_cell_types(fold: Fold) -> BoolArray:
    return np.asarray(fold.train.any(axis=0))
