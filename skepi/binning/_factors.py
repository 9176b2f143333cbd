"""Columns of features of peaks: the map of bands and the features are kept apart, and multiplied gene by gene."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from skepi._dense import check_size
from skepi._doors import some
from skepi.binning._operator import Entries, SlotOperator, of_peaks, pointers, slots_of_keys
from skepi.binning._overlap import BandGroup
from skepi.exceptions import UnknownNameError
from skepi.intervals import concatenate_ranges
from skepi.paired import OpennessTables
from skepi.rows import Slots, slot_key

IntArray = NDArray[np.int64]
Float32Array = NDArray[np.float32]

# Entries that are multiplied out at once.
_ENTRIES_AT_ONCE = 2_000_000

# Places in a table of genes x columns; beyond it they are searched.
_MOST_PLACES = 2**22

# What is stored per slot: its column, mean and SD in the scaler, mean and scale in scaled rows.
_BYTES_PER_SLOT = 20


class Factors(NamedTuple):
    """Features of peaks, one matrix per group of bands, one under the other.

    Attributes
    ----------
    ptr : ndarray of int64, shape (n_groups * n_peaks + 1,)
        Features of peak p in group k are ``ptr[i] : ptr[i + 1]`` with ``i = k * n_peaks + p``. In a group without
        features each peak has the one number 1.
    feature : ndarray of int32
        Number of the feature within its group.
    value : ndarray of float32
    first_row, column, stride : ndarray of int64, shape (n_bands,)
        For each band: ``k * n_peaks``, the column of its first feature, and how many columns lie between two features.
    """

    ptr: IntArray
    feature: NDArray[np.int32]
    value: Float32Array
    first_row: IntArray
    column: IntArray
    stride: IntArray

    @classmethod
    def of(cls, tables: OpennessTables, groups: tuple[BandGroup, ...]) -> Self:
        """Features that groups name, from a data set."""
        n_peaks, plain = len(tables.peaks), np.ones((len(tables.peaks), 1), dtype=np.float32)
        matrices = [
            sp.csr_array(plain) if not group.features else tables.features_of(group.features) for group in groups
        ]
        n_bands = np.array([group.n_bands for group in groups])
        first_column = pointers(np.array([group.n_columns for group in groups]))[:-1]
        within = concatenate_ranges(np.zeros_like(n_bands), n_bands)
        return cls(
            pointers(np.concatenate([np.diff(matrix.indptr) for matrix in matrices])),
            np.concatenate([matrix.indices for matrix in matrices]).astype(np.int32),
            np.concatenate([matrix.data for matrix in matrices]).astype(np.float32),
            np.repeat(n_peaks * np.arange(len(groups)), n_bands),
            np.repeat(first_column, n_bands) + within,
            np.repeat(n_bands, n_bands),
        )


@dataclass(frozen=True, eq=False)
class FactoredOperator(Slots):
    """Linear map from the openness of peaks to slots, of which some columns are weighted with features of peaks.

    An entry of a band and a feature of its peak make an entry of a column. These are made for a few genes at a time
    and never kept: 720 motifs would multiply the memory of the map by the motifs that a peak has.

    Attributes
    ----------
    gene_ptr, slot_column, n_columns
        As in :class:`skepi.rows.Slots`.
    bands : SlotOperator
        Map from peaks to the bands of all groups.
    factors : Factors
    """

    bands: SlotOperator
    factors: Factors

    is_whole = False  # its entries are made when they are asked for

    @property
    def n_peaks(self) -> int:
        """Number of peaks."""
        return self.bands.n_peaks

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return self.bands.nbytes + self.slot_column.nbytes + sum(array.nbytes for array in self.factors)

    @cached_property
    def entries_of_gene(self) -> IntArray:
        """Number of entries of each gene once they are multiplied out, (n_genes,)."""
        return entries_of_genes(self.bands, self.factors)

    def entries(self, genes: IntArray) -> Entries:
        """Entries of genes in any order; one gene may be asked for several times."""
        gene, column, peak, weight = _multiplied_out(self.bands, self.factors, genes)
        n_of_gene = np.bincount(gene, minlength=genes.size)
        return Entries(self._places(genes, gene, column), peak, weight, n_of_gene)

    def _places(self, genes: IntArray, gene: IntArray, column: IntArray) -> IntArray:
        """Place of each (gene, column) among the slots of the genes asked for."""
        slot_gene = np.repeat(np.arange(genes.size), np.diff(self.gene_ptr)[genes])
        slot_column = self.slot_column[self.of_genes(genes)]
        if genes.size * self.n_columns > _MOST_PLACES:
            keys = slot_key(slot_gene, slot_column, self.n_columns)
            return np.searchsorted(keys, slot_key(gene, column, self.n_columns))
        place_of = np.zeros((genes.size, self.n_columns), dtype=np.int64)
        place_of[slot_gene, slot_column] = np.arange(slot_gene.size)
        return place_of[gene, column]

    def values(self, genes: IntArray, openness: Float32Array) -> Float32Array:
        """Value of the slots of increasing genes in every cell type, (n_slots, n_cell_types)."""
        n_slots = int(np.diff(self.gene_ptr)[genes].sum())
        found = self.entries(genes)
        peaks, column = np.unique(found.peak, return_inverse=True)
        shares = sp.coo_array((found.weight, (found.place, column)), shape=(n_slots, peaks.size)).tocsr()
        return of_peaks(shares, peaks, openness)

    def with_slots(self, keys: IntArray) -> Self:
        """Add slots without entries so that the slots are exactly ``keys``, a superset of the present ones."""
        gene_ptr, slot_column = slots_of_keys(keys, self.n_genes, self.n_columns)
        return replace(self, gene_ptr=gene_ptr, slot_column=slot_column)


def with_features(
    bands: SlotOperator, tables: OpennessTables, groups: tuple[BandGroup, ...]
) -> SlotOperator | FactoredOperator:
    """Put features of peaks beside a map of bands; the map itself where no group names one.

    Raises
    ------
    DenseSizeError
        Where the slots alone would take more than 8 GiB.
    """
    if not any(group.features for group in groups):
        return bands
    factors, n_columns = Factors.of(tables, groups), sum(group.n_columns for group in groups)
    n_entries = entries_of_genes(bands, factors)
    _check_size(int(np.minimum(n_entries, n_columns).sum()), bands.n_genes, n_columns)
    n_slots, columns = [], []
    for genes in _runs(n_entries, n_columns):
        gene, column, _, _ = _multiplied_out(bands, factors, genes)
        touched = np.zeros((genes.size, n_columns), dtype=bool)
        touched[gene, column] = True
        n_slots.append(touched.sum(axis=1))
        columns.append(np.nonzero(touched)[1].astype(np.int32))
    return FactoredOperator(pointers(np.concatenate(n_slots)), np.concatenate(columns), n_columns, bands, factors)


def check_features(group: BandGroup, tables: OpennessTables) -> None:
    """Refuse features that a data set lacks, or that no peak of the signal has: their columns would be 0 throughout.

    With one signal alone, some features may have no peak, such as motifs without a hit.
    """
    if not group.features:
        return

    def counted() -> IntArray:
        of_signal = tables.features_of(group.features)[tables.peaks_of(group.signal)]
        return np.bincount(of_signal.indices, minlength=len(group.features))

    n_peaks = tables.derived(("peaks with features", group.signal, group.features), counted)
    absent = [name for name, n in zip(group.features, n_peaks, strict=True) if n == 0]
    if absent and (len(tables.signals) > 1 or len(absent) == len(group.features)):
        raise UnknownNameError(
            f"no peak of {group.signal} has the feature(s) {some(absent)}: give them in peak_features, or leave them "
            "out (signals=[...] says which signals to bin)"
        )


def entries_of_genes(bands: SlotOperator, factors: Factors) -> IntArray:
    """Number of entries of each gene once they are multiplied out, (n_genes,)."""
    row = factors.first_row[bands.slot_column[bands.entry_slot]] + bands.peak
    total = pointers(np.diff(factors.ptr)[row])
    return np.diff(total[bands.entry_ptr[bands.gene_ptr]])


def _multiplied_out(
    bands: SlotOperator, factors: Factors, genes: IntArray
) -> tuple[IntArray, IntArray, NDArray[np.int32], Float32Array]:
    """Entries of columns, gene after gene: place of the gene among those asked for, column, peak, weight."""
    of_bands = bands.entries(genes)
    band = bands.slot_column[bands.of_genes(genes)][of_bands.place]
    row = factors.first_row[band] + of_bands.peak
    first, last = factors.ptr[row], factors.ptr[row + 1]
    feature = concatenate_ranges(first, last)
    source = np.repeat(np.arange(row.size), last - first)
    column = (factors.column[band])[source] + factors.feature[feature] * (factors.stride[band])[source]
    gene = np.repeat(np.arange(genes.size), of_bands.n_of_gene)[source]
    return gene, column, of_bands.peak[source], of_bands.weight[source] * factors.value[feature]


def _runs(n_entries: IntArray, n_columns: int) -> Iterator[IntArray]:
    """Cut genes into runs of bounded numbers of entries and of columns."""
    run = np.cumsum(np.maximum(n_entries, n_columns)) // _ENTRIES_AT_ONCE
    yield from np.split(np.arange(n_entries.size), np.flatnonzero(np.diff(run)) + 1)


def _check_size(n_slots: int, n_genes: int, n_columns: int) -> None:
    what = f"a map of {n_genes:,} genes and {n_columns:,} columns, with up to {n_slots:,} slots and their scales,"
    check_size(n_slots * _BYTES_PER_SLOT, what, "use fewer features, families of them, or fewer bands")
