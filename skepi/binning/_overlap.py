"""Which peak adds how much to which bin of which gene: a sparse table, built once for a data set."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from skepi.intervals import IntervalIndex, bin_index, concatenate_ranges, overlap_bp, to_offsets
from skepi.rows import Slots, gene_and_bin, slot_key

IntArray = NDArray[np.int64]

_GENES_AT_ONCE = 1_000


@dataclass(frozen=True, eq=False)
class SlotOperator(Slots):
    """Linear map from the openness of peaks to the slots of genes, each of which at least one peak touches.

    Attributes
    ----------
    gene_ptr, slot_bin, n_bins
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
    weight: NDArray[np.float32]
    n_peaks: int

    @cached_property
    def entry_slot(self) -> NDArray[np.int32]:
        """Slot of each entry, (n_entries,)."""
        return np.repeat(np.arange(self.n_slots, dtype=np.int32), np.diff(self.entry_ptr))

    def values(self, slots: slice | IntArray, openness: NDArray[np.float32]) -> NDArray[np.float32]:
        """Value of these slots in every cell type, (n_slots, n_cell_types)."""
        first, last = self.entry_ptr[:-1][slots], self.entry_ptr[1:][slots]
        if isinstance(slots, slice):  # neighbours: no copies
            entries: Any = slice(self.entry_ptr[slots.start], self.entry_ptr[slots.stop])
        else:
            entries = concatenate_ranges(first, last)
        peaks, column = np.unique(self.peak[entries], return_inverse=True)
        ptr = _pointers(last - first).astype(np.int32)
        shares = sp.csr_array((self.weight[entries], column.astype(np.int32), ptr), shape=(ptr.size - 1, peaks.size))
        # Openness is kept cell type by cell type: bring the rows of these peaks together.
        return shares @ np.ascontiguousarray(openness[peaks])

    def with_slots(self, keys: IntArray) -> "SlotOperator":
        """Add slots without entries so that the slots are exactly ``keys``, a superset of the present ones."""
        count = np.zeros(keys.size, dtype=np.int64)
        count[np.searchsorted(keys, self.slot_keys())] = np.diff(self.entry_ptr)
        gene, slot_bin = gene_and_bin(keys, self.n_bins)
        gene_ptr = np.searchsorted(gene, np.arange(self.n_genes + 1)).astype(np.int64)
        bins = slot_bin.astype(np.int32)
        return SlotOperator(gene_ptr, bins, self.n_bins, _pointers(count), self.peak, self.weight, self.n_peaks)


def build_operator(peaks: pd.DataFrame, genes: pd.DataFrame, edges: IntArray, assign: str, weight: str) -> SlotOperator:
    """Assign every peak to the bins of every gene in reach; see :class:`skepi.binning.TSSBinner`."""
    index = IntervalIndex(*(peaks[column].to_numpy() for column in ("chrom", "start", "end")))
    blocks = [
        _block(index, genes.iloc[first : first + _GENES_AT_ONCE], edges, assign, weight)
        for first in range(0, len(genes), _GENES_AT_ONCE)
    ]
    slots_of_gene, slot_bin, entries_of_slot, peak, shares = (
        np.concatenate(parts) for parts in zip(*blocks, strict=True)
    )
    entry_ptr = _pointers(entries_of_slot)
    return SlotOperator(_pointers(slots_of_gene), slot_bin, edges.size - 1, entry_ptr, peak, shares, len(peaks))


def _block(
    index: IntervalIndex, genes: pd.DataFrame, edges: IntArray, assign: str, weight: str
) -> tuple[IntArray, NDArray, IntArray, NDArray, NDArray]:
    """Slots a gene, bin a slot, entries a slot, peak and weight an entry, for a few genes."""
    tss, reach = genes["tss"].to_numpy(), int(np.abs(edges).max()) + 1
    gene, peak = index.in_reach(genes["chrom"].to_numpy(), tss, reach)
    start, end = index.start[peak], index.end[peak]
    minus = (genes["strand"] == "-").to_numpy()[gene]
    pair, bins, shared_bp = _ASSIGN[assign](start, end, tss[gene], minus, edges)
    length = (end - start)[pair] if weight == "peak_length" else np.diff(edges)[bins]
    key = slot_key(gene[pair], bins, edges.size - 1)
    order = np.argsort(key, kind="stable")
    slots, first = np.unique(key[order], return_index=True)
    slot_gene, slot_bin = gene_and_bin(slots, edges.size - 1)
    return (
        np.bincount(slot_gene, minlength=len(genes)),
        slot_bin.astype(np.int32),
        np.diff(np.append(first, key.size)),
        peak[pair][order].astype(np.int32),
        (shared_bp / length)[order].astype(np.float32),
    )


def _pointers(counts: IntArray) -> IntArray:
    """Start of each run, and the end of the last."""
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def _by_overlap(start: IntArray, end: IntArray, tss: IntArray, minus: NDArray, edges: IntArray) -> tuple[IntArray, ...]:
    """Every bin that a peak overlaps, with the bases they share."""
    low, high = to_offsets(start, end, tss, minus)
    first = np.maximum(bin_index(low, edges), 0)
    last = np.minimum(bin_index(high - 1, edges), edges.size - 2)
    n_bins = np.maximum(last - first + 1, 0)
    pair = np.repeat(np.arange(start.size), n_bins)
    bins = concatenate_ranges(first, first + n_bins)
    return pair, bins, overlap_bp(low[pair], high[pair], edges[bins], edges[bins + 1])


def _by_midpoint(
    start: IntArray, end: IntArray, tss: IntArray, minus: NDArray, edges: IntArray
) -> tuple[IntArray, ...]:
    """The bin that holds a peak's middle, with the whole length of the peak.

    Of two middle bases the downstream one counts, on both strands.
    """
    low, high = to_offsets(start, end, tss, minus)
    bins = bin_index((low + high) // 2, edges)
    pair = np.flatnonzero((bins >= 0) & (bins < edges.size - 1))
    return pair, bins[pair], (end - start)[pair]


def _by_end(start: IntArray, end: IntArray, tss: IntArray, minus: NDArray, edges: IntArray) -> tuple[IntArray, ...]:
    """The report's code: the bin that strictly holds a peak's genomic end, with the bases they share.

    Its bins are cut at coordinates ``tss + edge`` (plus) and ``tss - edge`` (minus), and an end that lies on
    an edge belongs to no bin.
    """
    mirrored = np.where(minus, tss - end, end - tss)
    bins = bin_index(mirrored, edges)
    inside = (bins >= 0) & (bins < edges.size - 1)
    inside &= edges[np.clip(bins, 0, edges.size - 1)] != mirrored
    pair = np.flatnonzero(inside)
    bins = bins[pair]
    lower = np.where(minus[pair], tss[pair] - edges[bins + 1], tss[pair] + edges[bins])
    upper = np.where(minus[pair], tss[pair] - edges[bins], tss[pair] + edges[bins + 1])
    return pair, bins, overlap_bp(start[pair], end[pair], lower, upper)


_ASSIGN = {"overlap": _by_overlap, "midpoint": _by_midpoint, "end": _by_end}
