"""Adding up matrices of genes, slots x slots, into one matrix of bins."""

from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


class GeneMatrices:
    """Square matrices of a few neighbouring genes, one after the other in memory, over the bins that each gene touches.

    Parameters
    ----------
    bins_of_genes : list of ndarray of int32
        Bin of each slot, one array per gene.
    n_columns : int

    Notes
    -----
    Adding element by element would jump through a matrix of megabytes. Here all rows that belong to one bin are brought
    together first (whole runs are copied), so that each row of the result is visited once and stays in the cache.
    """

    def __init__(self, bins_of_genes: list[NDArray[np.int32]], n_columns: int) -> None:
        self.n_slots = np.array([bins.size for bins in bins_of_genes])
        self.n_columns = n_columns
        self.start = np.concatenate([[0], np.cumsum(self.n_slots**2)])
        self._columns = np.empty(self.start[-1], dtype=np.int32)
        for gene, bins in enumerate(bins_of_genes):
            self.of_gene(self._columns, gene)[:] = bins
        bins = np.concatenate(bins_of_genes)
        self._row_ptr = np.concatenate([[0], np.cumsum(np.repeat(self.n_slots, self.n_slots))]).astype(np.int32)
        self._by_bin = np.argsort(bins, kind="stable")
        self._rows_of_bin = np.concatenate([[0], np.cumsum(np.bincount(bins, minlength=n_columns))])

    def empty(self) -> FloatArray:
        """Room for the matrices of all genes, flat."""
        return np.empty(self.start[-1])

    def of_gene(self, flat: NDArray, gene: int) -> NDArray:
        """View of one gene's matrix in an array from :meth:`empty`."""
        n_slots = self.n_slots[gene]
        return flat[self.start[gene] : self.start[gene + 1]].reshape(n_slots, n_slots)

    def add_to(self, total: FloatArray, flat: FloatArray) -> None:
        """Add the matrices to ``total``, (n_columns, n_columns)."""
        shape = self._row_ptr.size - 1, self.n_columns
        sorted_rows = sp.csr_array((flat, self._columns, self._row_ptr), shape=shape)[self._by_bin]
        ends = sorted_rows.indptr[self._rows_of_bin]
        # Entries of one bin follow each other now: read as one row, its repeated columns are summed.
        total += sp.csr_array(
            (sorted_rows.data, sorted_rows.indices, ends), shape=(self.n_columns, self.n_columns)
        ).toarray()


class Adder:
    """Adds blocks of matrices to their totals in a thread of its own, while the caller makes the next block.

    Totals are complete when the ``with`` block is left.
    """

    def __enter__(self) -> Self:
        self._thread = ThreadPoolExecutor(1)
        self._pending: Future[None] | None = None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._wait()
        finally:
            self._thread.shutdown()

    def add(self, totals: list[FloatArray], matrices: GeneMatrices, flats: list[FloatArray]) -> None:
        """Add ``flats[k]`` to ``totals[k]``, once what was given before is added."""
        self._wait()
        self._pending = self._thread.submit(_add_all, totals, matrices, flats)

    def _wait(self) -> None:
        if self._pending is not None:
            self._pending.result()


def _add_all(totals: list[FloatArray], matrices: GeneMatrices, flats: list[FloatArray]) -> None:
    for total, flat in zip(totals, flats, strict=True):
        matrices.add_to(total, flat)
