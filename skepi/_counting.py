"""Counting noise: how much of the variance of log openness is chance, because few reads were counted."""

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from skepi._columns import signal_codes
from skepi.rows import BinnedRows, GeneBlock, has_map

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def counting_noise(X: BinnedRows, genes: IntArray, cells: IntArray) -> FloatArray:
    r"""Variance that counting gives log openness, summed over genes, (n_columns, n_cell_types).

    A band with openness :math:`x = \sum_p w_p k_p r`, of peaks with k reads of which each adds r to the openness, has
    the variance :math:`\sum_p w_p^2 k_p r^2` (Poisson). To first order :math:`\ln(1 + x)` then has that over
    :math:`(1 + x)^2`.

    Parameters
    ----------
    X : BinnedOpenness
        Not scaled. Rows that do not know their peaks have no known noise, and neither have signals that are no read
        counts (:meth:`skepi.paired.OpennessTables.size_of_read`): it is 0.
    genes, cells : ndarray of int
        Increasing codes of the data set.
    """
    noise = np.zeros((X.slots.n_columns, cells.size))
    if not has_map(X):
        return noise
    tables, inverse_depth = X.pairs.tables, X.inverse_depth.astype(np.float64)
    sizes = np.array([tables.size_of_read(signal) for signal in tables.signals])
    if not sizes.any():
        return noise
    of_read = (sizes * inverse_depth**2)[signal_codes(X.columns, tables.signals)][:, cells]
    for block in X.gene_blocks(genes):
        column = X.slots.slot_column[block.slots]
        variance = of_read[column] * _squared_shares(X.operator, block, tables.openness)[:, cells]
        variance /= (1 + block.values[:, cells].astype(np.float64)) ** 2
        of_column = sp.csr_array((np.ones(column.size), (column, np.arange(column.size))), (len(noise), column.size))
        noise += of_column @ variance
    return noise


def _squared_shares(operator: Any, block: GeneBlock, openness: NDArray[np.float32]) -> FloatArray:
    """Openness of peaks times the squares of their weights in slots, (n_slots, n_cell_types)."""
    entries = operator.entries(block.genes)
    peaks, place = np.unique(entries.peak, return_inverse=True)
    squares = entries.weight.astype(np.float64) ** 2
    shares = sp.csr_array((squares, (entries.place, place)), shape=(len(block.values), peaks.size))
    return shares @ np.ascontiguousarray(openness[peaks])
