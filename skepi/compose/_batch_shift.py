r"""Shifts between data sets, from linear regression on data set and population.

In training cell type c of data set s(c) and population p(c), a number :math:`f_c` (log openness of a gene in a band, or
log expression of a gene) is

.. math:: f_c = m_{p(c)} + \delta_{s(c)} + \varepsilon_c

where levels m of populations are free, and shifts :math:`\delta` minimise
:math:`\sum_c \varepsilon_c^2 + \kappa \sum_s \delta_s^2`. Both are linear in f, with the same weights for all genes.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class ShiftWeights(NamedTuple):
    """Weights of training cell types in shifts of batches and in levels of populations.

    Attributes
    ----------
    shift : ndarray of float64, shape (n_batches, n_cell_types)
        Shift of each batch is ``shift @ f``.
    level : ndarray of float64, shape (n_levels, n_cell_types)
        Level of each population, less shifts, is ``level @ f``.
    """

    shift: FloatArray
    level: FloatArray

    @classmethod
    def of(cls, batch: IntArray, level: IntArray, shrinkage: float) -> "ShiftWeights":
        """Weights from the batch and the level (population) of each cell type; both count from 0 without gaps.

        Examples
        --------
        >>> batch, population = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 2])  # they share population 1
        >>> (ShiftWeights.of(batch, population, 0.0).shift @ [5.0, 4.0, 2.0, 9.0]).round(3).tolist()
        [1.0, -1.0]
        """
        in_batch, in_level = _indicators(batch), _indicators(level)
        means = in_level.T / in_level.sum(axis=0)[:, None]
        free = in_batch - in_level @ (means @ in_batch)
        gram = free.T @ free + shrinkage * np.eye(free.shape[1])
        # Shifts common to all batches are no shifts: without shrinkage the smallest of all solutions is taken.
        shift = np.linalg.pinv(gram, rcond=1e-10, hermitian=True) @ free.T
        shift[np.abs(shift) < 1e-12] = 0
        return cls(shift, means @ (np.eye(batch.size) - in_batch @ shift))


def shifts_of_table(table: FloatArray, batch: IntArray, level: IntArray, shrinkage: float) -> FloatArray:
    """Shift of each gene in each batch, (n_genes, n_batches), from values, (n_genes, n_cell_types), NaN where missing.

    Genes measured in the same cell types have the same weights. Where a gene has no cell type of a batch, its shift
    is 0.
    """
    shifts = np.zeros((len(table), int(batch.max()) + 1))
    patterns, of_gene = np.unique(np.isfinite(table), axis=0, return_inverse=True)
    for number, measured in enumerate(patterns):
        if measured.any():
            rows = np.flatnonzero(of_gene.ravel() == number)
            batches, own_batch = np.unique(batch[measured], return_inverse=True)
            own_level = np.unique(level[measured], return_inverse=True)[1]
            weights = ShiftWeights.of(own_batch, own_level, shrinkage)
            shifts[np.ix_(rows, batches)] = table[np.ix_(rows, measured)] @ weights.shift.T
    return shifts


def shift_of_new(deviations: NDArray, shrinkage: float) -> NDArray:
    """Shift of a batch without training cell types, from deviations of its cell types from known levels (last axis)."""
    n = deviations.shape[-1]
    return deviations.sum(axis=-1) / (n + shrinkage) if n else np.zeros(deviations.shape[:-1], deviations.dtype)


def _indicators(codes: IntArray) -> FloatArray:
    return np.eye(int(codes.max()) + 1)[codes]
