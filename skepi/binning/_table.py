"""Binned openness that lies in memory as one table, whatever it was computed from."""

from collections.abc import Iterator
from typing import Any, Self

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from skepi._dense import MAX_DENSE_BYTES, check_dense_size
from skepi._rows import resolve_rows
from skepi.binning._appended import AppendedColumns, KeepsAppended
from skepi.rows import GeneBlock, Slots, SlotScaling

Float32Array = NDArray[np.float32]
IntArray = NDArray[np.int64]

_BLOCK_VALUES = 1_000_000
_CHUNK_ROWS = 10_000


class BinnedTable(KeepsAppended):
    """Rows whose binned openness is a table, genes x columns x cell types: the first tier of :mod:`skepi.rows`.

    For openness that no longer is a sum over peaks, because something was done to it after binning, and for numbers
    that were binned elsewhere. Every (gene, column) is a slot.

    Parameters
    ----------
    genes, cell_types : DataFrame
        With a column ``name``, each name once.
    columns : DataFrame
        One row per column: ``signal, feature, start_bp, end_bp``; see :func:`skepi.rows.band_columns`.
    values : ndarray of float32, shape (n_genes, n_columns, n_cell_types)
        Openness, 0 or greater.
    gene_codes, cell_type_codes : ndarray of int64, shape (n_pairs,)
        Rows of ``genes`` and ``cell_types`` for each pair.

    Raises
    ------
    ValueError
        Where ``values`` have another shape, or are negative or not finite.

    Examples
    --------
    >>> from skepi.rows import band_columns
    >>> genes, cell_types = pd.DataFrame({"name": ["GATA1"]}), pd.DataFrame({"name": ["HSC", "Ery"]})
    >>> values = np.float32([[[0, 3], [1, 2]]])  # one gene, two bands, two cell types
    >>> X = BinnedTable(genes, cell_types, band_columns([-500, 0, 500]), values, np.array([0, 0]), np.array([0, 1]))
    >>> X
    BinnedTable: 2 pairs x 2 columns of openness
    >>> X.dense().tolist()
    [[0.0, 1.0], [3.0, 2.0]]
    """

    ndim = 2
    dtype = np.dtype(np.float32)

    def __init__(
        self,
        genes: pd.DataFrame,
        cell_types: pd.DataFrame,
        columns: pd.DataFrame,
        values: Float32Array,
        gene_codes: NDArray,
        cell_type_codes: NDArray,
    ) -> None:
        values = np.asarray(values, dtype=np.float32)
        wanted = len(genes), len(columns), len(cell_types)
        if values.shape != wanted:
            raise ValueError(f"values have shape {values.shape}, wanted {wanted}: genes x columns x cell types")
        if not (np.isfinite(values).all() and (values >= 0).all()):
            raise ValueError("values must be openness on a linear scale: finite, and 0 or greater")
        self.genes, self.cell_types, self.columns = genes, cell_types, columns
        self.gene_codes = np.asarray(gene_codes, dtype=np.int64)
        self.cell_type_codes = np.asarray(cell_type_codes, dtype=np.int64)
        self.slots = _all_slots(len(genes), len(columns))
        self._values = values
        self._scaling: SlotScaling | None = None
        self._appended = AppendedColumns.none(self.gene_codes.size)

    @property
    def shape(self) -> tuple[int, int]:
        """``(n_pairs, n_features)``."""
        return len(self), len(self.columns) + self.appended.shape[1]

    @property
    def is_scaled(self) -> bool:
        """Whether values are log z-scores rather than openness."""
        return self._scaling is not None

    def __len__(self) -> int:
        return self.gene_codes.size

    def __getitem__(self, rows: Any) -> Self:
        rows = resolve_rows(rows, len(self))
        return self._with(
            gene_codes=self.gene_codes[rows],
            cell_type_codes=self.cell_type_codes[rows],
            _appended=self._appended.of_rows(rows),
        )

    def __repr__(self) -> str:
        state = "log z-scores" if self.is_scaled else "openness"
        beside = f" and {self.appended.shape[1]} more" if self.appended.shape[1] else ""
        return f"BinnedTable: {len(self):,} pairs x {len(self.columns):,} columns of {state}{beside}"

    def dense(self, rows: Any = slice(None), dtype: Any = np.float32) -> NDArray:
        """Feature matrix of the chosen rows, (n_rows, n_features)."""
        rows = resolve_rows(rows, len(self))
        genes = self.gene_codes[rows]
        values = self._values[genes, :, self.cell_type_codes[rows]]
        if self._scaling is not None:
            slots = genes[:, None] * len(self.columns) + np.arange(len(self.columns))
            values = self._scaling.apply(values.ravel(), slots.ravel()).reshape(values.shape)
        return np.hstack([values, self.appended[rows]]).astype(dtype, copy=False)

    def tocsr(self, rows: Any = slice(None), dtype: Any = np.float32) -> sp.csr_array:
        """Feature matrix of the chosen rows as a sparse array."""
        rows = resolve_rows(rows, len(self))
        chunks = [rows[first : first + _CHUNK_ROWS] for first in range(0, max(rows.size, 1), _CHUNK_ROWS)]
        return sp.csr_array(sp.vstack([sp.csr_array(self.dense(chunk, dtype)) for chunk in chunks], "csr"))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray:
        if copy is False:
            raise ValueError("rows are gathered on demand, so a dense array is always a copy")
        dtype = np.dtype(dtype or np.float32)
        check_dense_size(self.shape, dtype, MAX_DENSE_BYTES)
        return self.dense(dtype=dtype)

    def gene_blocks(self, gene_codes: NDArray | None = None) -> Iterator[GeneBlock]:
        """Yield the slots of all genes, or of those chosen, a few genes at a time in increasing order."""
        _, n_columns, n_cell_types = self._values.shape
        genes = np.arange(len(self.genes)) if gene_codes is None else np.flatnonzero(np.bincount(gene_codes))
        step = max(1, _BLOCK_VALUES // max(1, n_columns * n_cell_types))
        for first in range(0, genes.size, step):
            some = genes[first : first + step]
            slots, values = self.slots.of_run(some), self._values[some].reshape(-1, n_cell_types)
            if self._scaling is not None:
                values = self._scaling.apply(values, slots)
            yield GeneBlock(some, np.arange(some.size + 1) * n_columns, slots, values)

    def in_cell_types(self, cell_type_codes: IntArray) -> Self:
        """Return rows of the same genes, each with the bins of another cell type; appended columns stay."""
        return self._with(cell_type_codes=np.asarray(cell_type_codes, dtype=np.int64))

    def scaled(self, slot_keys: IntArray, scaling: SlotScaling) -> Self:
        """Same pairs with log and z-score of the slots of these keys, which are all there are."""
        return self._with(_scaling=scaling)

    def unscaled(self) -> Self:
        """Same pairs with plain openness."""
        return self._with(_scaling=None)

    def slot_totals(self) -> Float32Array:
        """Openness of each slot before scaling, summed over all cell types of the data set, (n_slots,)."""
        return self._values.sum(axis=2).ravel()

    def _with(self, **changes: Any) -> Self:
        """Same rows except for some attributes; nothing is checked again."""
        other = type(self).__new__(type(self))
        other.__dict__.update(self.__dict__, **changes)
        return other


def _all_slots(n_genes: int, n_columns: int) -> Slots:
    columns = np.tile(np.arange(n_columns, dtype=np.int32), n_genes)
    return Slots(np.arange(n_genes + 1, dtype=np.int64) * n_columns, columns, n_columns)
