"""What rows of ``X`` offer to estimators: the contract between containers and models.

Three protocols, each of which includes the one before:

* :class:`PairRows` know the gene and the cell type of each row.
* :class:`BinnedRows`, the first tier, can also give numbers. This is enough for every model that learns from
  features.
* :class:`MappedRows`, the second tier, also know the peaks that each number was made from. Links of peaks to genes,
  rules that read the openness of peaks, and batches made on a device need it.

An estimator asks for the tier that it needs and never for a class, so any container that keeps a tier works with it.
Features are the openness of bands, weighted with a feature of peaks where a column names one. A *slot* is a
(gene, column) whose value may differ from 0.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, Self, TypeGuard, runtime_checkable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._columns import band_columns
from skepi._scaling import SlotScaling
from skepi.intervals import concatenate_ranges

__all__ = [
    "BinnedRows",
    "GeneBlock",
    "MappedRows",
    "PairRows",
    "SlotScaling",
    "Slots",
    "band_columns",
    "has_map",
    "is_binned",
    "is_pairs",
]

IntArray = NDArray[np.int64]
Float32Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Slots:
    """The (gene, column) pairs of a data set whose value may differ from 0, ordered by gene, then by column.

    Attributes
    ----------
    gene_ptr : ndarray of int64, shape (n_genes + 1,)
        Slots of gene ``g`` are ``gene_ptr[g] : gene_ptr[g + 1]``.
    slot_column : ndarray of int32, shape (n_slots,)
        Column of each slot, increasing within a gene.
    n_columns : int

    Examples
    --------
    >>> slots = Slots(np.array([0, 2, 3]), np.array([0, 4, 1], dtype=np.int32), n_columns=5)
    >>> slots.n_genes, slots.n_slots, slots.slot_keys().tolist()
    (2, 3, [0, 4, 6])
    """

    gene_ptr: IntArray
    slot_column: NDArray[np.int32]
    n_columns: int

    @property
    def n_genes(self) -> int:
        """Number of genes."""
        return self.gene_ptr.size - 1

    @property
    def n_slots(self) -> int:
        """Number of slots of all genes."""
        return self.slot_column.size

    def slot_keys(self) -> IntArray:
        """``gene * n_columns + column`` of each slot, increasing."""
        gene = np.repeat(np.arange(self.n_genes), np.diff(self.gene_ptr))
        return slot_key(gene, self.slot_column, self.n_columns)

    def of_genes(self, genes: IntArray) -> IntArray:
        """Numbers of the slots of these genes, gene after gene."""
        return concatenate_ranges(self.gene_ptr[genes], self.gene_ptr[genes + 1])

    def of_run(self, genes: IntArray) -> slice | IntArray:
        """Numbers of the slots of increasing genes; a slice where the genes are neighbours."""
        if genes.size == 0 or genes[-1] - genes[0] != genes.size - 1:
            return self.of_genes(genes)
        return slice(int(self.gene_ptr[genes[0]]), int(self.gene_ptr[genes[-1] + 1]))


def slot_key(gene: IntArray, column: NDArray, n_columns: int) -> IntArray:
    """One number per (gene, column), which sorts by gene, then by column; :func:`gene_and_column` reads it."""
    return gene * n_columns + column


def gene_and_column(key: IntArray, n_columns: int) -> tuple[IntArray, IntArray]:
    """Gene and column of each :func:`slot_key`."""
    return np.divmod(key, n_columns)


class GeneBlock(NamedTuple):
    """All slots of a few genes in all cell types.

    Attributes
    ----------
    genes : ndarray of int64, shape (n,)
        Codes of the genes, increasing.
    ptr : ndarray of int64, shape (n + 1,)
        Rows of ``values`` that belong to gene ``genes[i]`` are ``ptr[i] : ptr[i + 1]``.
    slots : slice or ndarray of int64
        Slots that the rows of ``values`` belong to.
    values : ndarray of float32, shape (n_slots, n_cell_types)
        Own memory: whoever gets the block may change them.

    Examples
    --------
    >>> from skepi.binning import TSSBinner
    >>> from skepi.datasets import make_paired_openness
    >>> X = make_paired_openness(n_genes=2, n_cell_types=3, n_lineages=1, n_chromosomes=1)[0].pairs()
    >>> (block,) = TSSBinner(edges=[-10_000, 0, 10_000]).fit_transform(X).gene_blocks()
    >>> block.genes.tolist(), block.ptr.tolist(), block.values.shape  # 2 genes with 2 slots each, in 3 cell types
    ([0, 1], [0, 2, 4], (4, 3))
    """

    genes: IntArray
    ptr: IntArray
    slots: Any
    values: Float32Array


@runtime_checkable
class PairRows(Protocol):
    """Rows that are (gene, cell type) pairs of one data set.

    Examples
    --------
    >>> from skepi.datasets import make_paired_openness
    >>> X = make_paired_openness(n_genes=2, n_cell_types=3, n_lineages=1, n_chromosomes=1)[0].pairs()
    >>> isinstance(X, PairRows), isinstance(X, BinnedRows)
    (True, False)
    """

    @property
    def genes(self) -> pd.DataFrame:
        """Table of genes; the column ``name`` identifies them across data sets."""
        ...

    @property
    def cell_types(self) -> pd.DataFrame:
        """Table of cell types, with the column ``name``."""
        ...

    @property
    def gene_codes(self) -> IntArray:
        """Row of ``genes`` for each pair, (n_pairs,)."""
        ...

    @property
    def cell_type_codes(self) -> IntArray:
        """Row of ``cell_types`` for each pair, (n_pairs,)."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any) -> Any:
        """Rows of the same kind, chosen by a slice, a mask or an integer array."""
        ...


@runtime_checkable
class BinnedRows(PairRows, Protocol):
    """First tier: pairs whose features are the openness of bands, and columns beside them.

    The first ``slots.n_columns`` columns belong to the map, and :attr:`columns` says what they are; :attr:`appended`
    holds the values of the others.

    Examples
    --------
    >>> from skepi.datasets import make_paired_openness
    >>> X = make_paired_openness(n_genes=2, n_cell_types=3, n_lineages=1, n_chromosomes=1)[0].pairs()
    >>> from skepi.binning import TSSBinner
    >>> isinstance(TSSBinner(edges=[-10_000, 0, 10_000]).fit_transform(X), BinnedRows)
    True
    """

    @property
    def shape(self) -> tuple[int, int]:
        """``(n_pairs, n_features)``."""
        ...

    @property
    def columns(self) -> pd.DataFrame:
        """What the columns of the map are, one row per column: ``signal, feature, start_bp, end_bp``.

        Offsets are in bp from the TSS, upstream negative. :func:`band_columns` makes such a table.
        """
        ...

    @property
    def slots(self) -> Slots:
        """Which (gene, column) may differ from 0."""
        ...

    @property
    def appended(self) -> Float32Array:
        """Columns beside the map, (n_pairs, n_features - n_columns); never log-transformed or scaled."""
        ...

    @property
    def knows_targets(self) -> bool:
        """Whether appended columns were made from targets, so that inner folds would leak."""
        ...

    @property
    def feature_names(self) -> NDArray[np.object_]:
        """Name of each column, (n_features,)."""
        ...

    @property
    def is_scaled(self) -> bool:
        """Whether values are log z-scores rather than openness."""
        ...

    def dense(self, rows: Any = slice(None), dtype: Any = np.float32) -> NDArray:
        """Feature matrix of the chosen rows, (n_rows, n_features)."""
        ...

    def tocsr(self, rows: Any = slice(None), dtype: Any = np.float32) -> Any:
        """The same as a scipy sparse array."""
        ...

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray:
        """What :meth:`dense` gives of all rows: estimators that know nothing about these rows ask for an array."""
        ...

    def gene_blocks(self, gene_codes: NDArray | None = None) -> Iterator[GeneBlock]:
        """Yield the slots of all genes, or of those chosen, a few genes at a time in increasing order.

        Values are those of the map in **all** cell types of the data set, whichever occur in the rows.
        """
        ...

    def in_cell_types(self, cell_type_codes: IntArray) -> Self:
        """Return rows of the same genes, whose map is read in another cell type; appended columns stay."""
        ...

    def scaled(self, slot_keys: IntArray, scaling: SlotScaling) -> Self:
        """Return the same pairs with the log z-scores of the slots of these keys, which include the present ones."""
        ...

    def unscaled(self) -> Self:
        """Return the same pairs with openness as it was before it was scaled."""
        ...

    def with_appended(self, names: Sequence[str], values: NDArray, *, from_targets: bool = False) -> Self:
        """Return the same pairs with further columns, (n_pairs, len(names)), behind all others."""
        ...

    def slot_totals(self) -> Float32Array:
        """Openness of each slot before scaling, summed over all cell types of the data set, (n_slots,)."""
        ...


@runtime_checkable
class MappedRows(BinnedRows, Protocol):
    """Second tier: binned rows that know which peak adds how much to which slot.

    Examples
    --------
    >>> from skepi.datasets import make_paired_openness
    >>> X = make_paired_openness(n_genes=2, n_cell_types=3, n_lineages=1, n_chromosomes=1)[0].pairs()
    >>> from skepi.binning import TSSBinner
    >>> isinstance(TSSBinner(edges=[-10_000, 0, 10_000]).fit_transform(X), MappedRows)
    True
    """

    @property
    def pairs(self) -> Any:
        """The same rows before binning, with the tables of peaks and openness: :class:`skepi.paired.GeneCellPairs`."""
        ...

    @property
    def operator(self) -> Any:
        """Peaks and weights of the slots: ``entries(genes)``, ``n_peaks``, and ``is_whole`` where all lie in memory."""
        ...

    @property
    def inverse_depth(self) -> Float32Array:
        """What openness is multiplied by, (n_signals, n_cell_types); as ``pairs.tables.signals``."""
        ...

    @property
    def scaling(self) -> SlotScaling | None:
        """Log and z-score of each slot, where values are scaled."""
        ...


_SPECIAL = ("__len__", "__getitem__", "__array__")


def members_of(protocol: type) -> tuple[str, ...]:
    """Names of all that a protocol of this module asks for, the least first."""
    kinds = [kind for kind in reversed(protocol.__mro__) if kind.__module__ == __name__]
    names = [name for kind in kinds for name in vars(kind) if name in _SPECIAL or not name.startswith("_")]
    return tuple(dict.fromkeys(names))


_MEMBERS: dict[type, tuple[str, ...]] = {
    protocol: members_of(protocol) for protocol in (PairRows, BinnedRows, MappedRows)
}


def _offers(X: object, protocol: type) -> bool:
    """Whether rows have all members; asked of their class first, so that no property is worked out."""
    names = _MEMBERS[protocol]
    return all(hasattr(type(X), name) for name in names) or all(hasattr(X, name) for name in names)


def is_pairs(X: object) -> TypeGuard[PairRows]:
    """Whether rows of ``X`` know their gene and cell type.

    Examples
    --------
    >>> is_pairs(np.zeros((3, 2)))
    False
    """
    return _offers(X, PairRows)


def is_binned(X: object) -> TypeGuard[BinnedRows]:
    """Whether rows of ``X`` keep the first tier: they give the openness of bins.

    Examples
    --------
    >>> is_binned(np.zeros((3, 2)))
    False
    """
    return _offers(X, BinnedRows)


def has_map(X: object) -> TypeGuard[MappedRows]:
    """Whether rows of ``X`` keep the second tier: they know the peaks of each slot.

    Examples
    --------
    >>> has_map(np.zeros((3, 2)))
    False
    """
    return _offers(X, MappedRows)
