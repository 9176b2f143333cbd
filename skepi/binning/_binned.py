"""Binned openness of pairs: rows computed on demand, the tensor never exists."""

import sys
from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise
from typing import Any, Self

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from skepi._columns import bands_of, signal_codes
from skepi._dense import MAX_DENSE_BYTES, check_dense_size
from skepi._rows import resolve_rows
from skepi.binning._appended import AppendedColumns, KeepsAppended
from skepi.binning._factors import FactoredOperator
from skepi.binning._operator import SlotOperator
from skepi.paired import GeneCellPairs
from skepi.rows import GeneBlock, SlotScaling

# Few enough that working memory is used again and stays in the cache: beside a network that fills and frees hundreds
# of MB a step, 10,000 rows then take 0.08 s; all at once they took 0.1 to 0.5 s.
_CHUNK_ENTRIES = 100_000

# Values and products of slots in a block of genes.
_BLOCK_VALUES = 1_000_000
_BLOCK_PRODUCTS = 2_000_000


class BinnedOpenness(KeepsAppended):
    """Openness of pairs in bands along the direction of transcription, (n_pairs, n_features).

    Made by :class:`TSSBinner` and :class:`BinnerUnion`. Rows are computed when they are asked for; slicing rows copies
    only codes. They keep both tiers of the contract in :mod:`skepi.rows`.
    There are three ways out: dense batches (:meth:`dense`), blocks of genes in all their cell types
    (:meth:`gene_blocks`), and :meth:`tocsr` or ``numpy.asarray`` for any scikit-learn estimator.

    Attributes
    ----------
    pairs : GeneCellPairs
        Genes and cell types of the rows.
    columns : DataFrame
        One row per column: ``signal, feature, start_bp, end_bp``, in bp from the TSS, upstream negative.
    operator : SlotOperator or FactoredOperator
        Which peak adds how much to which slot, for all genes of the data set.
    inverse_depth : ndarray of float32, shape (n_signals, n_cell_types)
        What openness is multiplied by; signals in the order of the data set.
    scaling : SlotScaling or None
        Log and z-score of each slot, from :class:`skepi.preprocessing.LogZScaler`.
    appended : ndarray of float32, shape (n_pairs, n_features - n_columns)
        Columns beside the bins, the last of each row; see :meth:`with_appended`.
    knows_targets : bool
        Whether appended columns were made from targets.

    Examples
    --------
    >>> from skepi.binning import TSSBinner
    >>> from skepi.paired import PairedDataset
    >>> data = PairedDataset(
    ...     openness=[[8.0, 4.0]], cell_types=["HSC", "Ery"],
    ...     peaks={"chrom": ["chr1"], "start": [98], "end": [102]},
    ...     genes={"name": ["a"], "chrom": ["chr1"], "tss": [100], "strand": ["+"]},
    ... )
    >>> bins = TSSBinner(edges=[-4, 0, 4], depth=None).fit_transform(data.pairs())
    >>> bins
    BinnedOpenness: 2 pairs x 2 bins of openness
    >>> bins[1:].dense().tolist()  # of Ery alone: half of the peak lies upstream of the TSS
    [[2.0, 2.0]]
    """

    ndim = 2
    dtype = np.dtype(np.float32)

    def __init__(
        self,
        pairs: GeneCellPairs,
        columns: pd.DataFrame,
        operator: SlotOperator | FactoredOperator,
        inverse_depth: NDArray[np.float32],
        scaling: SlotScaling | None = None,
        appended: AppendedColumns | None = None,
    ) -> None:
        self.pairs = pairs
        self.columns = columns
        self.operator = operator
        self.inverse_depth = inverse_depth
        self.scaling = scaling
        self._appended = appended if appended is not None else AppendedColumns.none(len(pairs))

    @property
    def genes(self) -> pd.DataFrame:
        """Table of genes of the data set."""
        return self.pairs.genes

    @property
    def cell_types(self) -> pd.DataFrame:
        """Table of cell types of the data set."""
        return self.pairs.cell_types

    @property
    def gene_codes(self) -> NDArray[np.int64]:
        """Row of ``genes`` for each pair."""
        return self.pairs.gene_codes

    @property
    def cell_type_codes(self) -> NDArray[np.int64]:
        """Row of ``cell_types`` for each pair."""
        return self.pairs.cell_type_codes

    @property
    def shape(self) -> tuple[int, int]:
        """``(n_pairs, n_features)``."""
        return len(self.pairs), self.operator.n_columns + self.appended.shape[1]

    @property
    def slots(self) -> SlotOperator | FactoredOperator:
        """Which (gene, column) a peak touches: the operator."""
        return self.operator

    @property
    def is_scaled(self) -> bool:
        """Whether values are log z-scores rather than openness."""
        return self.scaling is not None

    def __sizeof__(self) -> int:  # see GeneCellPairs
        return object.__sizeof__(self) + sys.getsizeof(self.pairs) + self.appended.nbytes

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, rows: Any) -> "BinnedOpenness":
        rows = resolve_rows(rows, len(self))
        return self._with(pairs=self.pairs[rows], appended=self._appended.of_rows(rows))

    def __repr__(self) -> str:
        state = "log z-scores" if self.is_scaled else "openness"
        beside = f" and {self.appended.shape[1]} columns" if self.appended.shape[1] else ""
        what = "bins" if len(bands_of(self.columns)) == 1 else "columns"
        return f"BinnedOpenness: {len(self):,} pairs x {self.operator.n_columns:,} {what} of {state}{beside}"

    def scaled(self, slot_keys: NDArray[np.int64], scaling: SlotScaling) -> "BinnedOpenness":
        """Same pairs with log and z-score of the slots of these keys, increasing, which include the present slots."""
        same = len(slot_keys) == self.operator.n_slots  # as many that include the present ones are the present ones
        return self._with(operator=self.operator if same else self.operator.with_slots(slot_keys), scaling=scaling)

    def unscaled(self) -> "BinnedOpenness":
        """Same pairs with plain openness."""
        return self._with(scaling=None)

    def in_cell_types(self, cell_type_codes: NDArray) -> "BinnedOpenness":
        """Return rows of the same genes, each with the bins of another cell type, by its row number in the table.

        Appended columns stay those of the row.
        """
        return self._with(pairs=self.pairs.in_cell_types(cell_type_codes))

    def slot_totals(self) -> NDArray[np.float32]:
        """Openness of each slot before scaling, summed over all cell types of the data set, (n_slots,)."""
        tables, op = self.pairs.tables, self.operator
        by_signal = tables.openness @ self.inverse_depth.T
        of_peak = by_signal[np.arange(len(by_signal)), tables.signal_codes][:, None]
        genes, n_slots = np.arange(op.n_genes), np.diff(op.gene_ptr)
        return np.concatenate([op.values(genes[run], of_peak)[:, 0] for run in self._runs(n_slots)])

    def dense(self, rows: Any = slice(None), dtype: Any = np.float32) -> NDArray:
        """Feature matrix of the chosen rows, (n_rows, n_features)."""
        rows = resolve_rows(rows, len(self))
        out = np.zeros((rows.size, self.shape[1]), dtype=dtype)
        out[:, self.operator.n_columns :] = self.appended[rows]
        for chunk in self._row_chunks(rows):
            row, slot, values = self._row_values(rows[chunk])
            out[chunk][row, self.operator.slot_column[slot]] = values
        return out

    def tocsr(self, rows: Any = slice(None), dtype: Any = np.float32) -> sp.csr_array:
        """Feature matrix of the chosen rows as a sparse array; only touched slots are stored."""
        rows = resolve_rows(rows, len(self))
        counts = np.diff(self.operator.gene_ptr)[self.gene_codes[rows]]
        ptr = np.concatenate([[0], np.cumsum(counts)])
        data, columns = np.empty(ptr[-1], dtype=dtype), np.empty(ptr[-1], dtype=_index_type(ptr[-1]))
        for chunk in self._row_chunks(rows):
            place = slice(ptr[chunk.start], ptr[chunk.stop])
            _, slot, data[place] = self._row_values(rows[chunk])
            columns[place] = self.operator.slot_column[slot]
        bins = sp.csr_array((data, columns, ptr.astype(columns.dtype)), shape=(rows.size, self.operator.n_columns))
        return bins if not self.appended.shape[1] else sp.hstack([bins, self.appended[rows].astype(dtype)], "csr")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray:
        if copy is False:
            raise ValueError("binned openness is computed on demand, so a dense array is always a copy")
        dtype = np.dtype(dtype or np.float32)
        check_dense_size(self.shape, dtype, MAX_DENSE_BYTES)
        return self.dense(dtype=dtype)

    def gene_blocks(self, gene_codes: NDArray | None = None) -> Iterator[GeneBlock]:
        """Yield the slots of all genes of the data set, or of those chosen, a few genes at a time in increasing order.

        Values are those of all cell types, scaled if these rows are.
        """
        op, openness = self.operator, self.pairs.tables.openness
        genes = np.arange(op.n_genes) if gene_codes is None else np.flatnonzero(np.bincount(gene_codes))
        n_slots = np.diff(op.gene_ptr)[genes]
        for run in self._runs(n_slots):
            some = genes[run]
            slots, values = op.of_run(some), op.values(some, openness)
            values *= self._depth_of(slots)
            if self.scaling is not None:
                values = self.scaling.apply(values, slots)
            yield GeneBlock(some, np.concatenate([[0], np.cumsum(n_slots[run])]), slots, values)

    def _runs(self, n_slots: NDArray) -> Iterator[slice]:
        """Cut genes into runs of bounded numbers of values and of products of slots, or of one gene."""
        size = np.maximum(n_slots * len(self.cell_types) / _BLOCK_VALUES, n_slots.astype(float) ** 2 / _BLOCK_PRODUCTS)
        total, first = np.cumsum(size), 0
        while first < n_slots.size:
            reach = total[first] - size[first] + 1
            last = max(first + 1, int(np.searchsorted(total, reach, side="right")))
            yield slice(first, last)
            first = last

    def _row_values(self, rows: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """Row (0, 1, ...), slot and value of every touched slot of the chosen rows."""
        op, cells = self.operator, self.cell_type_codes[rows]
        genes = self.gene_codes[rows]
        slot = op.of_genes(genes)
        row = np.repeat(np.arange(rows.size), np.diff(op.gene_ptr)[genes])
        found = op.entries(genes)
        signal = found.weight * self.pairs.tables.openness[found.peak, np.repeat(cells, found.n_of_gene)]
        values = np.bincount(found.place, weights=signal, minlength=slot.size).astype(np.float32)
        values *= self.inverse_depth[self._signal_of(slot), cells[row]]
        return row, slot, values if self.scaling is None else self.scaling.apply(values, slot)

    @cached_property
    def _signal_of_column(self) -> NDArray[np.int64]:
        """Number of the signal of each column."""
        return signal_codes(self.columns, self.pairs.tables.signals)

    def _signal_of(self, slots: Any) -> Any:
        """Number of the signal of each slot; one for all where there is one signal."""
        if len(self.inverse_depth) == 1:
            return 0
        return self._signal_of_column[self.operator.slot_column[slots]]

    def _depth_of(self, slots: Any) -> NDArray[np.float32]:
        """What openness of these slots is multiplied by, (n_slots or 1, n_cell_types)."""
        return np.atleast_2d(self.inverse_depth[self._signal_of(slots)])

    def _row_chunks(self, rows: NDArray) -> Iterator[slice]:
        """Cut rows so that no chunk needs more than a stated number of entries."""
        entries = np.cumsum(self.operator.entries_of_gene[self.gene_codes[rows]])
        cuts = np.flatnonzero(np.diff(entries // _CHUNK_ENTRIES)) + 1
        bounds = np.concatenate([[0], cuts, [rows.size]])
        for a, b in pairwise(bounds):
            yield slice(int(a), int(b))

    def _with(self, **changes: Any) -> Self:
        fields = ("pairs", "columns", "operator", "inverse_depth", "scaling")
        return type(self)(**{"appended": self._appended, **{name: getattr(self, name) for name in fields}, **changes})


def _index_type(n_entries: int) -> type[np.int32] | type[np.int64]:
    """Shortest type that counts the entries of a sparse array; some estimators refuse the long one."""
    return np.int32 if n_entries <= np.iinfo(np.int32).max else np.int64
