"""The binning operator on a torch device: dense rows are made there, batch by batch, from the openness of peaks."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from skepi._columns import signal_codes
from skepi.rows import MappedRows, has_map

# A batch is made in chunks of so many entries, or of one row; working memory is that times the bytes an entry takes.
_CHUNK_ENTRIES = 4_000_000
_BYTES_PER_ENTRY = 48
_MAX_INT32 = np.iinfo(np.int32).max


class OperatorTables:
    """All that the rows of one data set are made from, on a device; training and development rows share it.

    Parameters
    ----------
    X : MappedRows
        Its operator, openness and scaling are copied, its rows are not looked at.
    device : torch.device

    Attributes
    ----------
    n_bytes : int
        Memory of the tables on the device.
    entries_of_gene, slots_of_gene : ndarray of int64, shape (n_genes,)
        On the host, so that sizes are known without asking the device.

    Notes
    -----
    Sums over the entries of a slot are taken by halving, never by atomic additions, and every slot of a row has a place
    of its own: the same rows give the same bits each time. No step waits for the device.
    """

    def __init__(self, X: MappedRows, device: torch.device) -> None:
        arrays = operator_arrays(X)
        self.n_bytes = sum(array.nbytes for array in arrays.values())
        self.slots_of_gene = np.diff(arrays["gene_slot"]).astype(np.int64)
        self.entries_of_gene = np.diff(arrays["gene_entry"]).astype(np.int64)
        self.longest = int(arrays["remaining"].max(initial=0))
        self.n_peaks = X.operator.n_peaks
        self.made_from = _parts(X)
        tables = {name: torch.from_numpy(np.array(array, order="C")).to(device) for name, array in arrays.items()}
        self.gene_slot, self.gene_entry = tables["gene_slot"], tables["gene_entry"]
        self.slot_column, self.slot_entry = tables["slot_column"], tables["slot_entry"]
        self.peak, self.weight, self.remaining = tables["peak"], tables["weight"], tables["remaining"]
        self.openness, self.inverse_depth = tables["openness"].view(-1), tables["inverse_depth"].view(-1)
        self.slot_depth = tables.get("slot_depth")
        self.mean, self.inverse_scale = tables.get("mean"), tables.get("inverse_scale")

    def serve(self, X: object) -> bool:
        """Whether rows of ``X`` are made from these tables."""
        return has_map(X) and all(a is b for a, b in zip(_parts(X), self.made_from, strict=True))

    def fill(self, out: torch.Tensor, genes: torch.Tensor, cells: torch.Tensor, n_entries: int, n_slots: int) -> None:
        """Write bins into zeros, (n_rows, n_features); ``n_entries`` and ``n_slots`` are those of all rows together."""
        sums, shift = self._sums(genes, cells, n_entries)
        row, slot, _ = joined_ranges(_take(self.gene_slot, genes), _take(self.gene_slot, genes + 1), n_slots)
        values = _take(sums, _take(self.slot_entry, slot).sub_(_take(shift, row))).float()
        depth = _take(cells, row)
        if self.slot_depth is not None:  # each signal has depths of its own
            depth += _take(self.slot_depth, slot)
        values *= _take(self.inverse_depth, depth)
        if self.mean is not None and self.inverse_scale is not None:  # the law of SlotScaling
            values.log1p_().sub_(_take(self.mean, slot)).mul_(_take(self.inverse_scale, slot))
        out.view(-1)[row.long().mul_(out.shape[1]).add_(_take(self.slot_column, slot))] = values

    def _sums(self, genes: torch.Tensor, cells: torch.Tensor, n_entries: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Sum over the slot from each entry on, and what to take from a row's entry numbers to find its sums."""
        first, last = _take(self.gene_entry, genes), _take(self.gene_entry, genes + 1)
        row, entry, shift = joined_ranges(first, last, n_entries)
        place = _take(self.peak, entry).add_(_take(cells * self.n_peaks, row))
        signal = _take(self.weight, entry).mul_(_take(self.openness, place))
        return run_sums(signal.double(), _take(self.remaining, entry), self.longest), shift


class OperatorRows:
    """Rows of ``X`` whose features are made on the device.

    Parameters
    ----------
    X : MappedRows
    tables : OperatorTables
        Made from the same data set.
    device : torch.device

    Attributes
    ----------
    n_bytes : int
        Memory of the rows' codes on the device, without the tables.
    """

    def __init__(self, X: MappedRows, tables: OperatorTables, device: torch.device) -> None:
        self.tables = tables
        self.device = device
        self.genes_on_host = X.gene_codes
        number = tables.gene_slot.dtype
        self.genes = torch.from_numpy(np.array(X.gene_codes)).to(device, number)
        self.cells = torch.from_numpy(np.array(X.cell_type_codes)).to(device, number)
        self.appended = torch.from_numpy(np.array(X.appended)).to(device)
        self.n_features = X.shape[1]
        self.n_bytes = self.genes.nbytes + self.cells.nbytes + self.appended.nbytes

    def batch(self, rows: NDArray[np.int64], on_device: torch.Tensor) -> torch.Tensor:
        """Features of the chosen rows, (n_rows, n_features) float32; the rows come on the host and on the device."""
        genes, cells = _take(self.genes, on_device), _take(self.cells, on_device)
        out = torch.zeros((rows.size, self.n_features), device=self.device)
        if self.appended.shape[1]:
            out[:, -self.appended.shape[1] :] = self.appended.index_select(0, on_device)
        of_gene = self.genes_on_host[rows]
        entries, slots = self.tables.entries_of_gene[of_gene], self.tables.slots_of_gene[of_gene]
        for part in _chunks(entries):
            n_entries = int(entries[part].sum())
            if n_entries:
                self.tables.fill(out[part], genes[part], cells[part], n_entries, int(slots[part].sum()))
        return out


def operator_arrays(X: MappedRows) -> dict[str, NDArray]:
    """Tables of :class:`OperatorTables` on the host, numbers of rows as int32 where it suffices."""
    op, openness = X.operator, X.pairs.tables.openness
    first = _first_entries(op)
    place = np.arange(op.peak.size) + np.repeat(first[:-1] - op.entry_ptr[:-1], np.diff(op.entry_ptr))
    peak, weight = np.zeros(first[-1], dtype=np.int64), np.zeros(first[-1], dtype=np.float32)
    peak[place], weight[place] = op.peak, op.weight
    number = _number_type(first[-1], openness.size)
    arrays = {
        "gene_slot": op.gene_ptr.astype(number),
        "gene_entry": first[op.gene_ptr].astype(number),
        "slot_column": op.slot_column,
        "slot_entry": first[:-1].astype(number),
        "peak": peak.astype(number),
        "weight": weight,
        "remaining": (np.repeat(first[1:], np.diff(first)) - np.arange(first[-1])).astype(number),
        "openness": openness.T,  # cell type by cell type: a row needs neighbouring peaks in one of them
        "inverse_depth": X.inverse_depth,
    }
    if len(X.inverse_depth) > 1:
        signal = signal_codes(X.columns, X.pairs.tables.signals)[op.slot_column]
        arrays["slot_depth"] = (signal * X.inverse_depth.shape[1]).astype(number)
    if X.scaling is not None:
        arrays |= {"mean": X.scaling.mean, "inverse_scale": X.scaling.inverse_scale}
    return arrays


def operator_bytes(X: MappedRows, batch_size: int) -> int:
    """Bytes that rows of ``X`` take on a device: tables, codes of the rows, one batch and the work to make it.

    Nothing is laid out to learn them.
    """
    op, openness = X.operator, X.pairs.tables.openness
    first = _first_entries(op)
    number, n_entries = np.dtype(_number_type(first[-1], openness.size)).itemsize, int(first[-1])
    tables = number * (2 * op.gene_ptr.size + op.n_slots + 2 * n_entries) + op.slot_column.nbytes + 4 * n_entries
    tables += openness.nbytes + X.inverse_depth.nbytes + (number * op.n_slots if len(X.inverse_depth) > 1 else 0)
    if X.scaling is not None:
        tables += X.scaling.mean.nbytes + X.scaling.inverse_scale.nbytes
    codes, dense = 2 * number * len(X) + X.appended.nbytes, 4 * batch_size * X.shape[1]
    most = int(np.diff(first[op.gene_ptr]).max(initial=0))
    return tables + codes + dense + _BYTES_PER_ENTRY * min(_CHUNK_ENTRIES, batch_size * most)


def _first_entries(op: Any) -> NDArray[np.int64]:
    """First entry of each slot, and their number; a slot without peaks gets one of weight 0, so that all have some."""
    return np.concatenate([[0], np.cumsum(np.maximum(np.diff(op.entry_ptr), 1))])


def _number_type(n_entries: int, n_openness: int) -> type[np.int32] | type[np.int64]:
    return np.int32 if max(n_entries, n_openness) <= _MAX_INT32 else np.int64


def joined_ranges(
    first: torch.Tensor, last: torch.Tensor, total: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Range number and member of each place in the joined ranges ``first[i] .. last[i] - 1``, of ``total`` members.

    Also what each range's members lie above their places.
    """
    length = last - first
    number = torch.repeat_interleave(length, output_size=total)  # a given size is not read from the device
    above = first - (torch.cumsum(length, 0, dtype=length.dtype) - length)
    member = torch.arange(total, dtype=length.dtype, device=length.device).add_(_take(above, number))
    return number, member, above


def run_sums(values: torch.Tensor, remaining: torch.Tensor, longest: int) -> torch.Tensor:
    """Replace each value by the sum from it to the end of its run, in place.

    ``remaining`` counts the values from each to the end of its run, ``longest`` is its maximum.
    """
    reach = 1
    while reach < longest:  # each value is the sum of ``reach`` neighbours, or of as many as its run has left
        values[:-reach].add_(values[reach:].masked_fill(remaining[:-reach] <= reach, 0.0))
        reach *= 2
    return values


def _chunks(entries: NDArray[np.int64]) -> Iterator[slice]:
    """Cut rows so that no chunk has more than ``_CHUNK_ENTRIES`` entries, unless one row has."""
    ends = np.cumsum(entries)
    cuts = [0]
    while cuts[-1] < entries.size:
        before = ends[cuts[-1] - 1] if cuts[-1] else 0
        cuts.append(max(cuts[-1] + 1, int(np.searchsorted(ends, before + _CHUNK_ENTRIES, side="right"))))
    yield from (slice(a, b) for a, b in pairwise(cuts))


def _parts(X: MappedRows) -> tuple[object, ...]:
    return X.operator, X.pairs.tables, X.scaling, X.inverse_depth


def _take(table: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Elements of a one-dimensional table; unlike brackets, it needs no int64 copy of an int32 index."""
    return table.index_select(0, index)
