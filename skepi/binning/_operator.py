"""The sparse map from the openness of peaks to slots, whole or as two factors."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from skepi.intervals import concatenate_ranges
from skepi.rows import Slots, gene_and_column

IntArray = NDArray[np.int64]
Float32Array = NDArray[np.float32]


class Entries(NamedTuple):
    """What peaks add to the slots of some genes, gene after gene.

    Attributes
    ----------
    place : ndarray of int, shape (n_entries,)
        Slot of each entry, counted from the first slot of the first gene asked for.
    peak : ndarray of int, shape (n_entries,)
    weight : ndarray of float32, shape (n_entries,)
    n_of_gene : ndarray of int64, shape (n_genes,)
        Entries of each gene.
    """

    place: NDArray[np.integer]
    peak: NDArray[np.int32]
    weight: Float32Array
    n_of_gene: IntArray


@dataclass(frozen=True, eq=False)
class SlotOperator(Slots):
    """Linear map from the openness of peaks to the slots of genes, each of which at least one peak touches.

    Attributes
    ----------
    gene_ptr, slot_column, n_columns
        As in :class:`skepi.rows.Slots`.
    entry_ptr : ndarray of int64, shape (n_slots + 1,)
        Entries of slot ``s`` are ``entry_ptr[s] : entry_ptr[s + 1]``.
    peak : ndarray of int32, shape (n_entries,)
        Row of ``peaks``.
    weight : ndarray of float32, shape (n_entries,)
        What one unit of the peak's openness adds to the slot.
    n_peaks : int
    """

    entry_ptr: IntArray
    peak: NDArray[np.int32]
    weight: Float32Array
    n_peaks: int

    is_whole = True  # its entries lie in memory

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return sum(array.nbytes for array in (self.slot_column, self.entry_ptr, self.peak, self.weight))

    @cached_property
    def entry_slot(self) -> NDArray[np.int32]:
        """Slot of each entry, (n_entries,)."""
        return np.repeat(np.arange(self.n_slots, dtype=np.int32), np.diff(self.entry_ptr))

    @cached_property
    def entries_of_gene(self) -> IntArray:
        """Number of entries of each gene, (n_genes,)."""
        return np.diff(self.entry_ptr[self.gene_ptr])

    def entries(self, genes: IntArray) -> Entries:
        """Entries of genes in any order; one gene may be asked for several times."""
        first, last = self.gene_ptr[genes], self.gene_ptr[genes + 1]
        begin, end = self.entry_ptr[first], self.entry_ptr[last]
        entry = concatenate_ranges(begin, end)
        # Slots of one gene are neighbours, so an entry's place among the asked slots is a shift of its slot.
        shift = np.concatenate([[0], np.cumsum(last - first)[:-1]]) - first
        place = self.entry_slot[entry] + np.repeat(shift, end - begin)
        return Entries(place, self.peak[entry], self.weight[entry], end - begin)

    def values(self, genes: IntArray, openness: Float32Array) -> Float32Array:
        """Value of the slots of increasing genes in every cell type, (n_slots, n_cell_types)."""
        slots = self.of_run(genes)
        first, last = self.entry_ptr[:-1][slots], self.entry_ptr[1:][slots]
        if isinstance(slots, slice):  # neighbours: no copies
            entries: slice | IntArray = slice(self.entry_ptr[slots.start], self.entry_ptr[slots.stop])
        else:
            entries = concatenate_ranges(first, last)
        ptr = pointers(last - first).astype(np.int32)
        peaks, column = np.unique(self.peak[entries], return_inverse=True)
        shares = sp.csr_array((self.weight[entries], column.astype(np.int32), ptr), shape=(ptr.size - 1, peaks.size))
        return of_peaks(shares, peaks, openness)

    def with_slots(self, keys: IntArray) -> Self:
        """Add slots without entries so that the slots are exactly ``keys``, a superset of the present ones."""
        count = np.zeros(keys.size, dtype=np.int64)
        count[np.searchsorted(keys, self.slot_keys())] = np.diff(self.entry_ptr)
        gene_ptr, slot_column = slots_of_keys(keys, self.n_genes, self.n_columns)
        return replace(self, gene_ptr=gene_ptr, slot_column=slot_column, entry_ptr=pointers(count))


def of_peaks(shares: sp.csr_array, peaks: NDArray[np.int32], openness: Float32Array) -> Float32Array:
    """Openness of slots from that of some peaks, of which each slot has shares, (n_slots, n_peaks)."""
    # Openness is kept cell type by cell type: bring the rows of these peaks together.
    return shares @ np.ascontiguousarray(openness[peaks])


def slots_of_keys(keys: IntArray, n_genes: int, n_columns: int) -> tuple[IntArray, NDArray[np.int32]]:
    """First slot of each gene, and the column of each slot."""
    gene, column = gene_and_column(keys, n_columns)
    return np.searchsorted(gene, np.arange(n_genes + 1)).astype(np.int64), column.astype(np.int32)


def pointers(counts: IntArray) -> IntArray:
    """Start of each run, and the end of the last."""
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
