"""Which peak adds how much to which column of which gene: a sparse table, built once for a data set."""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._columns import band_columns
from skepi.binning._operator import SlotOperator, pointers
from skepi.exceptions import TableError
from skepi.intervals import IntervalIndex, bin_index, concatenate_ranges, overlap_bp, to_offsets
from skepi.paired import OpennessTables
from skepi.persistence import FittedPart
from skepi.rows import gene_and_column, slot_key

IntArray = NDArray[np.int64]

_GENES_AT_ONCE = 1_000


@dataclass(frozen=True)
class BandGroup(FittedPart):
    """Bands of one signal, as :class:`skepi.binning.TSSBinner` makes them.

    Attributes
    ----------
    signal : str
    features : tuple of str
        Features of peaks that the bands are repeated for; empty for plain openness.
    edges : tuple of int
    assign, weight : str
    """

    signal: str
    features: tuple[str, ...]
    edges: tuple[int, ...]
    assign: str
    weight: str

    @property
    def n_bands(self) -> int:
        """Number of bands of one feature."""
        return len(self.edges) - 1

    @property
    def n_columns(self) -> int:
        """Number of columns that they make."""
        return self.n_bands * max(len(self.features), 1)

    def columns(self) -> pd.DataFrame:
        """What these columns are, one row per column."""
        features, n = self.features or ("",), self.n_bands
        bands = band_columns(self.edges, self.signal)
        repeated = bands.iloc[np.tile(np.arange(n), len(features))].reset_index(drop=True)
        return repeated.assign(feature=np.repeat(np.array(features, dtype=object), n))


class _Source(NamedTuple):
    """Where one group finds its peaks, and the first of its bands."""

    group: BandGroup
    intervals: IntervalIndex
    rows: IntArray
    first_band: int

    @classmethod
    def of(cls, group: BandGroup, tables: OpennessTables, first_band: int) -> Self:
        """Index of the peaks of the group's signal."""
        rows = tables.peaks_of(group.signal)
        peaks = tables.peaks.iloc[rows]
        return cls(
            group, IntervalIndex(*(peaks[name].to_numpy() for name in ("chrom", "start", "end"))), rows, first_band
        )


def build_operator(tables: OpennessTables, groups: tuple[BandGroup, ...]) -> SlotOperator:
    """Assign every peak to the bands of every gene in reach, group after group; features are not looked at."""
    n_bands = [group.n_bands for group in groups]
    sources = [
        _Source.of(group, tables, first) for group, first in zip(groups, np.cumsum([0, *n_bands[:-1]]), strict=True)
    ]
    genes = tables.genes
    blocks = [
        _block(sources, genes.iloc[first : first + _GENES_AT_ONCE], sum(n_bands))
        for first in range(0, len(genes), _GENES_AT_ONCE)
    ]
    slots_of_gene, slot_column, entries_of_slot, peak, shares = (
        np.concatenate(parts) for parts in zip(*blocks, strict=True)
    )
    if len(tables.signals) > 1:
        _check_touched(sources, slot_column)
    entry_ptr = pointers(entries_of_slot)
    return SlotOperator(pointers(slots_of_gene), slot_column, sum(n_bands), entry_ptr, peak, shares, len(tables.peaks))


def _check_touched(sources: list[_Source], slot_band: NDArray[np.int32]) -> None:
    """Refuse a signal without a peak in reach of any gene: its columns would be 0 throughout."""
    touched = np.bincount(slot_band, minlength=sum(source.group.n_bands for source in sources))
    for source in sources:
        if not touched[source.first_band : source.first_band + source.group.n_bands].any():
            edges = source.group.edges
            raise TableError(
                f"no peak of {source.group.signal} lies within {edges[0]} to {edges[-1]} bp of any TSS: take wider "
                "bands, or leave it out by signals=[...]"
            )


def _block(
    sources: list[_Source], genes: pd.DataFrame, n_bands: int
) -> tuple[IntArray, NDArray, IntArray, NDArray, NDArray]:
    """Slots a gene, band a slot, entries a slot, peak and weight an entry, for a few genes."""
    parts = [_shares(source, genes) for source in sources]
    gene, band, peak, share = parts[0] if len(parts) == 1 else map(np.concatenate, zip(*parts, strict=True))
    key = slot_key(gene, band, n_bands)
    order = np.argsort(key, kind="stable")
    slots, first = np.unique(key[order], return_index=True)
    slot_gene, slot_column = gene_and_column(slots, n_bands)
    return (
        np.bincount(slot_gene, minlength=len(genes)),
        slot_column.astype(np.int32),
        np.diff(np.append(first, key.size)),
        peak[order].astype(np.int32),
        share[order].astype(np.float32),
    )


def _shares(source: _Source, genes: pd.DataFrame) -> tuple[IntArray, IntArray, IntArray, NDArray]:
    """Gene, band, peak and weight of each entry of one group."""
    group, index = source.group, source.intervals
    edges = np.array(group.edges)
    tss, reach = genes["tss"].to_numpy(), int(np.abs(edges).max()) + 1
    gene, peak = index.in_reach(genes["chrom"].to_numpy(), tss, reach)
    start, end = index.start[peak], index.end[peak]
    minus = (genes["strand"] == "-").to_numpy()[gene]
    pair, band, shared_bp = ASSIGN[group.assign](start, end, tss[gene], minus, edges)
    length = (end - start)[pair] if group.weight == "peak_length" else np.diff(edges)[band]
    return gene[pair], band + source.first_band, source.rows[peak[pair]], shared_bp / length


def _by_overlap(start: IntArray, end: IntArray, tss: IntArray, minus: NDArray, edges: IntArray) -> tuple[IntArray, ...]:
    """Every bin that a peak overlaps, with the bases they share."""
    low, high = to_offsets(start, end, tss, minus)
    first = np.maximum(bin_index(low, edges), 0)
    last = np.minimum(bin_index(high - 1, edges), edges.size - 2)
    n_columns = np.maximum(last - first + 1, 0)
    pair = np.repeat(np.arange(start.size), n_columns)
    bins = concatenate_ranges(first, first + n_columns)
    return pair, bins, overlap_bp(low[pair], high[pair], edges[bins], edges[bins + 1])


def _by_midpoint(
    start: IntArray, end: IntArray, tss: IntArray, minus: NDArray, edges: IntArray
) -> tuple[IntArray, ...]:
    """The bin that holds a peak's middle, with the whole length of the peak.

    Where a peak has two middle bases, the downstream one counts, on both strands.
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


ASSIGN = {"overlap": _by_overlap, "midpoint": _by_midpoint, "end": _by_end}
