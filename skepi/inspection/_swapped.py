"""Rows with some of their bins from another cell type: what permutation importance shows to a model."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from skepi._dense import MAX_DENSE_BYTES, check_dense_size
from skepi.rows import BinnedRows, GeneBlock, Slots, SlotScaling

IntArray = NDArray[np.int64]
Float32Array = NDArray[np.float32]

# Size of the matrices that are kept for the next band.
_REMEMBERED_BYTES = 2**30


class SwappedRows:
    """Rows that take chosen bins from another cell type, the same one for all genes.

    A lazy view for permutation importance. It keeps the first tier of the contract and not the second: an estimator
    that would read peaks past it is refused. Steps behind it, the state of the cell among them, are computed from the
    view.

    Parameters
    ----------
    rows : BinnedRows
    bins : ndarray of bool, shape (n_columns,)
        Which bins are taken from elsewhere.
    source : ndarray of int64, shape (n_cell_types,)
        The cell type that each one takes them from.
    memory : MatrixMemory, optional
        Shared by views of the same rows: a matrix that one has made is not made again by another.

    Examples
    --------
    >>> from skepi.binning import TSSBinner
    >>> from skepi.datasets import make_paired_openness
    >>> X = make_paired_openness(n_genes=2, n_cell_types=3, n_lineages=1, n_chromosomes=1)[0].pairs()
    >>> rows = TSSBinner(edges=[-10_000, 0, 10_000]).fit_transform(X)
    >>> view = SwappedRows(rows, np.array([False, True]), np.array([1, 2, 0]))
    >>> bool((view.dense()[0] == [rows.dense()[0, 0], rows.dense()[1, 1]]).all())
    True
    """

    ndim = 2
    dtype = np.dtype(np.float32)

    def __init__(
        self, rows: BinnedRows, bins: NDArray[np.bool_], source: IntArray, memory: "MatrixMemory | None" = None
    ) -> None:
        self._rows, self._bins, self._source = rows, bins, source
        self._memory = MatrixMemory() if memory is None else memory
        self._state = b""  # what was done to the values of the rows since
        self._reads = [0]  # shared with all rows made from these

    @property
    def genes(self) -> pd.DataFrame:
        """Table of genes of the data set."""
        return self._rows.genes

    @property
    def cell_types(self) -> pd.DataFrame:
        """Table of cell types of the data set."""
        return self._rows.cell_types

    @property
    def gene_codes(self) -> IntArray:
        """Row of ``genes`` for each pair."""
        return self._rows.gene_codes

    @property
    def cell_type_codes(self) -> IntArray:
        """Row of ``cell_types`` for each pair."""
        return self._rows.cell_type_codes

    @property
    def shape(self) -> tuple[int, int]:
        """``(n_pairs, n_features)``."""
        return self._rows.shape

    @property
    def columns(self) -> pd.DataFrame:
        """What the columns of the map are."""
        return self._rows.columns

    @property
    def slots(self) -> Slots:
        """Which (gene, bin) may differ from 0."""
        return self._rows.slots

    @property
    def appended(self) -> Float32Array:
        """Columns that are not bins; those of the row itself."""
        return self._rows.appended

    @property
    def knows_targets(self) -> bool:
        """Whether appended columns were made from targets."""
        return self._rows.knows_targets

    @property
    def feature_names(self) -> NDArray[np.object_]:
        """Name of each column."""
        return self._rows.feature_names

    @property
    def is_scaled(self) -> bool:
        """Whether values are log z-scores."""
        return self._rows.is_scaled

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, rows: Any) -> Self:
        return self._of(self._rows[rows])

    def __repr__(self) -> str:
        return f"SwappedRows: {self._rows!r}, {int(self._bins.sum())} of the bins from other cell types"

    def in_cell_types(self, cell_type_codes: IntArray) -> Self:
        """Return rows of the same genes, each with the bins of another cell type of the view."""
        return self._of(self._rows.in_cell_types(cell_type_codes))

    def scaled(self, slot_keys: IntArray, scaling: SlotScaling) -> Self:
        """Return the same view of scaled rows."""
        scaled = self._of(self._rows.scaled(slot_keys, scaling))
        scaled._state = _digest(slot_keys, scaling.mean, scaling.inverse_scale)
        return scaled

    def unscaled(self) -> Self:
        """Return the same view of rows before they were scaled."""
        unscaled = self._of(self._rows.unscaled())
        unscaled._state = b"unscaled"
        return unscaled

    def with_appended(self, names: Sequence[str], values: NDArray, *, from_targets: bool = False) -> Self:
        """Return the same view with further columns."""
        return self._of(self._rows.with_appended(names, values, from_targets=from_targets))

    def slot_totals(self) -> Float32Array:
        """Openness of each slot, summed over all cell types of the data set: swapping does not change it."""
        return self._rows.slot_totals()

    def dense(self, rows: Any = slice(None), dtype: Any = np.float32) -> NDArray:
        """Feature matrix of the chosen rows, (n_rows, n_features)."""
        self._reads[0] += 1
        out, columns = self._made(self._rows, "dense", rows, dtype).copy(), np.flatnonzero(self._bins)
        out[:, columns] = self._made(self._elsewhere(), "dense", rows, dtype)[:, columns]
        return out

    def tocsr(self, rows: Any = slice(None), dtype: Any = np.float32) -> Any:
        """The same as a sparse array."""
        self._reads[0] += 1
        swapped = np.zeros(self.shape[1], dtype=dtype)
        swapped[: self._bins.size] = self._bins
        own, elsewhere = (self._made(one, "tocsr", rows, dtype) for one in (self._rows, self._elsewhere()))
        return sp.csr_array(own @ sp.diags_array(1 - swapped) + elsewhere @ sp.diags_array(swapped), dtype=dtype)

    def gene_blocks(self, gene_codes: NDArray | None = None) -> Iterator[GeneBlock]:
        """Yield the slots of genes in all cell types, as the view shows them."""
        self._reads[0] += 1
        for block in self._rows.gene_blocks(gene_codes):
            swapped = self._bins[self.slots.slot_column[block.slots]]
            block.values[swapped] = block.values[swapped][:, self._source]
            yield block

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray:
        if copy is False:
            raise ValueError("rows are computed on demand, so a dense array is always a copy")
        dtype = np.dtype(dtype or np.float32)
        check_dense_size(self.shape, dtype, MAX_DENSE_BYTES)
        return self.dense(dtype=dtype)

    @property
    def was_read(self) -> bool:
        """Whether a value was asked for in this process, of the view or of rows made from it."""
        return self._reads[0] > 0

    def _elsewhere(self) -> BinnedRows:
        return self._rows.in_cell_types(self._source[self.cell_type_codes])

    def _made(self, of: BinnedRows, way: str, rows: Any, dtype: Any) -> Any:
        """Matrix of some rows, by one of their methods; remembered by all that it is made from."""
        codes = of.gene_codes[rows], of.cell_type_codes[rows], of.appended[rows]
        key = way, np.dtype(dtype).str, self._state, _digest(*codes)
        return self._memory.get(key, lambda: getattr(of, way)(rows, dtype))

    def _of(self, rows: BinnedRows) -> Self:
        view = type(self)(rows, self._bins, self._source, self._memory)
        view._state, view._reads = self._state, self._reads
        return view


class MatrixMemory:
    """Matrices of rows that views have asked for, up to a number of bytes; those beyond are made each time."""

    def __init__(self, most_bytes: int = _REMEMBERED_BYTES) -> None:
        self._most_bytes = most_bytes
        self.clear()

    def clear(self) -> None:
        """Forget all matrices."""
        self._matrices: dict[Any, Any] = {}
        self._n_bytes = 0

    def get(self, key: Any, make: Callable[[], Any]) -> Any:
        """Matrix of a key, remembered where there is room; not to be changed."""
        if key in self._matrices:
            return self._matrices[key]
        matrix = make()
        n_bytes = matrix.data.nbytes * (1 if isinstance(matrix, np.ndarray) else 3)
        if self._n_bytes + n_bytes <= self._most_bytes:
            self._matrices[key] = matrix
            self._n_bytes += n_bytes
        return matrix


def _digest(*arrays: NDArray) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.digest()
