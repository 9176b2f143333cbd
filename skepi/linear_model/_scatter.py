"""Adding up matrices of genes, slots x slots, into one matrix of bins."""

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


class GeneMatrices:
    """Square matrices of a few neighbouring genes, one after the other in memory, over the bins that each gene touches.

    Parameters
    ----------
    bins_of_genes : list of ndarray of int32
        Bin of each slot, a gene an array.
    n_bins : int

    Notes
    -----
    Adding element by element would jump through a matrix of megabytes. Here all rows that belong to one bin are brought
    together first (whole runs are copied), so that each row of the result is visited once and stays in the cache.
    """

    def __init__(self, bins_of_genes: list[NDArray[np.int32]], n_bins: int) -> None:
        self.n_slots = np.array([bins.size for bins in bins_of_genes])
        self.n_bins = n_bins
        self.start = np.concatenate([[0], np.cumsum(self.n_slots**2)])
        self._columns = np.empty(self.start[-1], dtype=np.int32)
        for gene, bins in enumerate(bins_of_genes):
            self.of_gene(self._columns, gene)[:] = bins
        bins = np.concatenate(bins_of_genes)
        self._row_ptr = np.concatenate([[0], np.cumsum(np.repeat(self.n_slots, self.n_slots))]).astype(np.int32)
        self._by_bin = np.argsort(bins, kind="stable")
        self._rows_of_bin = np.concatenate([[0], np.cumsum(np.bincount(bins, minlength=n_bins))])

    def empty(self) -> FloatArray:
        """Room for the matrices of all genes, flat."""
        return np.empty(self.start[-1])

    def of_gene(self, flat: NDArray, gene: int) -> NDArray:
        """View of one gene's matrix in an array from :meth:`empty`."""
        n_slots = self.n_slots[gene]
        return flat[self.start[gene] : self.start[gene + 1]].reshape(n_slots, n_slots)

    def add_to(self, total: FloatArray, flat: FloatArray) -> None:
        """Add the matrices to ``total``, (n_bins, n_bins)."""
        shape = self._row_ptr.size - 1, self.n_bins
        sorted_rows = sp.csr_array((flat, self._columns, self._row_ptr), shape=shape)[self._by_bin]
        ends = sorted_rows.indptr[self._rows_of_bin]
        # Entries of one bin follow each other now: read as one row, its repeated columns are summed.
        total += sp.csr_array((sorted_rows.data, sorted_rows.indices, ends), shape=(self.n_bins, self.n_bins)).toarray()
