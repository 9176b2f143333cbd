"""Shifts of log openness between batches: learned from training cell types, taken off all."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._contrasts import log_openness
from skepi._rows import check_columns
from skepi.binning import BinnedTable
from skepi.compose._batch_shift import ShiftWeights, shift_of_new
from skepi.exceptions import UnmatchedDataError
from skepi.persistence import FittedPart
from skepi.rows import BinnedRows

Float32Array = NDArray[np.float32]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class OpennessShifts(FittedPart):
    """What is taken off the log openness of each gene in each band, in each batch.

    Attributes
    ----------
    gene_names : ndarray of str, shape (n_genes,)
    columns : DataFrame
        One row per band: ``signal, feature, start_bp, end_bp``.
    batch_names, level_names : ndarray of str, shape (n_batches,) and (n_levels,)
    shift : ndarray of float32, shape (n_columns, n_genes, n_batches)
    level : ndarray of float32, shape (n_columns, n_genes, n_levels)
        Log openness of each population, less shifts, that other batches are compared with.
    shrinkage : float
    """

    gene_names: NDArray[np.object_]
    columns: pd.DataFrame
    batch_names: NDArray[np.object_]
    level_names: NDArray[np.object_]
    shift: Float32Array
    level: Float32Array
    shrinkage: float

    @classmethod
    def learn(
        cls,
        X: BinnedRows,
        cells: IntArray,
        batches: NDArray[np.object_],
        levels: NDArray[np.object_],
        shrinkage: float,
    ) -> Self:
        """Learn from training cell types, with the batch and the population of each."""
        values = log_openness(X, np.arange(len(X.genes)), cells)
        (batch, batch_names), (level, level_names) = pd.factorize(batches), pd.factorize(levels)
        weights = ShiftWeights.of(batch, level, shrinkage)
        shift, means = (values @ some.T.astype(np.float32) for some in weights)
        names = X.genes["name"].to_numpy(dtype=object)
        return cls(names, X.columns, batch_names, level_names, shift, means, shrinkage)

    def corrected(self, X: BinnedRows, batches: NDArray[np.object_], levels: NDArray[np.object_]) -> BinnedRows:
        """Rows whose openness is that of the batch with the greatest shift, for each gene and band.

        So openness grows, and stays 0 or greater: what is common to all cell types makes no difference to models that
        take off the mean over training cell types. In a batch without training cell types it may fall, to 0 at most.
        Where nothing is shifted, the rows are returned as they are, and a regressor can tell their counting noise.
        """
        check_columns(X, self.columns)
        if not self.shift.any() and np.isin(batches, self.batch_names).all():
            return X
        known = pd.Index(self.gene_names).get_indexer(X.genes["name"])
        rows = np.flatnonzero(known >= 0)
        if rows.size == 0:
            raise UnmatchedDataError(f"no gene in common: fitted on {self.gene_names[0]}, ..., got other genes")
        values = log_openness(X, np.arange(len(X.genes)), np.arange(len(X.cell_types)))
        greatest = self.shift[:, known[rows]].max(axis=2)
        for batch in pd.unique(batches):
            cells = np.flatnonzero(batches == batch)
            shift = self._shift_of(batch, values[:, rows][:, :, cells], levels[cells], known[rows])
            values[:, rows[:, None], cells] += (greatest - shift)[:, :, None]
        openness = np.maximum(np.expm1(values, out=values), 0).transpose(1, 0, 2)
        return BinnedTable(X.genes, X.cell_types, X.columns, openness, X.gene_codes, X.cell_type_codes)

    def _shift_of(self, batch: str, values: Float32Array, levels: NDArray[np.object_], known: IntArray) -> Float32Array:
        """Shift of a batch, (n_columns, n_known): as learned, or else from its own cell types of known populations."""
        learned = np.flatnonzero(self.batch_names == batch)
        if learned.size:
            return self.shift[:, known, learned[0]]
        place = pd.Index(self.level_names).get_indexer(levels)
        found = place >= 0
        return shift_of_new(values[:, :, found] - self.level[:, known][:, :, place[found]], self.shrinkage)
