"""Pairs (gene, cell type): the rows of ``X``."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._named_rows import NamedRows
from skepi._rows import NO_NUMBERS, names_of_pairs, resolve_rows, unstack
from skepi.paired._anndata import write_layer
from skepi.paired._cards import card_of_pairs
from skepi.paired._tables import OpennessTables


class GeneCellPairs(NamedRows):
    """Rows of ``X``: pairs of a gene and a cell type, with a reference to the openness tables.

    Made by :meth:`PairedDataset.pairs`. Immutable. Indexing rows by a slice, a mask or an integer array
    gives pairs again and copies only the codes; :meth:`select` finds rows by name. Expression cannot be reached
    from here.

    Parameters
    ----------
    tables : OpennessTables
        Peaks, genes, cell types and openness.
    gene_codes, cell_type_codes : ndarray of int, shape (n_pairs,)
        Row numbers into ``genes`` and ``cell_types``.

    Attributes
    ----------
    genes, cell_types, peaks : DataFrame
        Tables of the data set, 0-based half-open positions in bp.
    shape : tuple
        ``(n_pairs, 2)``: a gene and a cell type.

    Examples
    --------
    >>> from skepi.datasets import make_paired_openness
    >>> X = make_paired_openness(n_genes=2, n_cell_types=3, n_lineages=1, n_chromosomes=1)[0].pairs()
    >>> X.gene_codes.tolist(), X.cell_type_codes.tolist()
    ([0, 0, 0, 1, 1, 1], [0, 1, 2, 0, 1, 2])
    >>> X[X.gene_codes == 1]
    GeneCellPairs: 3 pairs of 1 genes and 3 cell types
    >>> X.unstack([1, 2, 3, 4, 5, 6]).values.tolist()
    [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    """

    ndim = 2

    def __init__(self, tables: OpennessTables, gene_codes: NDArray, cell_type_codes: NDArray) -> None:
        self._tables = tables
        self._gene_codes = _frozen_codes(gene_codes, len(tables.genes), "gene_codes")
        self._cell_type_codes = _frozen_codes(cell_type_codes, len(tables.cell_types), "cell_type_codes")
        if self._gene_codes.shape != self._cell_type_codes.shape:
            raise ValueError(f"{self._gene_codes.size} gene codes for {self._cell_type_codes.size} cell-type codes")

    def __reduce__(self) -> tuple[Any, ...]:  # read-only again when unpickled
        return GeneCellPairs, (self._tables, self._gene_codes, self._cell_type_codes)

    @property
    def tables(self) -> OpennessTables:
        """Openness side of the data set."""
        return self._tables

    @property
    def genes(self) -> pd.DataFrame:
        """Table of genes: ``name, chrom, tss, strand``."""
        return self._tables.genes.copy(deep=False)

    @property
    def cell_types(self) -> pd.DataFrame:
        """Table of cell types: ``name`` and, where known, ``lineage``."""
        return self._tables.cell_types.copy(deep=False)

    @property
    def peaks(self) -> pd.DataFrame:
        """Table of peaks: ``chrom, start, end``."""
        return self._tables.peaks.copy(deep=False)

    @property
    def gene_codes(self) -> NDArray[np.int64]:
        """Row of ``genes`` for each pair, (n_pairs,)."""
        return self._gene_codes

    @property
    def cell_type_codes(self) -> NDArray[np.int64]:
        """Row of ``cell_types`` for each pair, (n_pairs,)."""
        return self._cell_type_codes

    @property
    def shape(self) -> tuple[int, int]:
        """``(n_pairs, 2)``."""
        return len(self), 2

    def __sizeof__(self) -> int:  # by which dask decides whether to send rows once or with every task
        return object.__sizeof__(self) + self._gene_codes.nbytes + self._cell_type_codes.nbytes

    def __len__(self) -> int:
        return self._gene_codes.size

    def __getitem__(self, rows: Any) -> "GeneCellPairs":
        rows = resolve_rows(rows, len(self))
        return GeneCellPairs(self._tables, self._gene_codes[rows], self._cell_type_codes[rows])

    def __array__(self, *args: Any, **kwargs: Any) -> NDArray:
        raise TypeError(
            f"{NO_NUMBERS}: put TSSBinner() before this step of the Pipeline. permutation_importance and "
            "BaggingRegressor of scikit-learn take arrays, not pairs. For the importance of bins use "
            "skepi.inspection.bin_importance(pipeline, X, y, method='permutation'). For bagging end the Pipeline with "
            "GeneZTarget(BaggingRegressor(Ridge()))"
        )

    def __repr__(self) -> str:
        n_genes, n_cell_types = (np.count_nonzero(np.bincount(c)) for c in (self.gene_codes, self.cell_type_codes))
        return f"GeneCellPairs: {len(self):,} pairs of {n_genes:,} genes and {n_cell_types:,} cell types"

    def _repr_html_(self) -> str:
        """What notebooks show: how the pairs are spread, and the first of them."""
        return card_of_pairs(self)

    def in_cell_types(self, cell_type_codes: NDArray) -> "GeneCellPairs":
        """Return pairs of the same genes, each in another cell type, by their row numbers in the table."""
        return GeneCellPairs(self.tables, self.gene_codes, cell_type_codes)

    def _beside_names(self) -> pd.DataFrame:
        """Lineage, where known, and place of the gene of each pair."""
        of_cell_type = self.cell_types.filter(["lineage"]).iloc[self.cell_type_codes]
        of_gene = self.genes[["chrom", "tss", "strand"]].iloc[self.gene_codes]
        return pd.concat([one.reset_index(drop=True) for one in (of_cell_type, of_gene)], axis=1)

    def to_frame(self) -> pd.DataFrame:
        """Names of each pair: DataFrame with columns ``gene, cell_type``."""
        return names_of_pairs(self)

    def to_layer(self, values: Any, adata: Any, layer: str) -> None:
        """Write one value per pair into a layer of an AnnData object (obs are cell types, var are genes).

        Parameters
        ----------
        values : array-like of shape (n_pairs,)
            Such as predictions.
        adata : AnnData
            Changed in place; it must hold every gene and cell type of the pairs.
        layer : str
            Name of the layer, NaN where a pair does not occur.

        Raises
        ------
        TableError
            Where a gene or cell type is absent from ``adata``.
        ValueError
            As in :meth:`unstack`.
        """
        write_layer(self.unstack(values), adata, layer)

    def unstack(self, values: Any) -> pd.DataFrame:
        """Arrange one value per pair as a table, genes x cell types.

        Parameters
        ----------
        values : array-like of shape (n_pairs,)

        Returns
        -------
        DataFrame
            Genes and cell types that occur, in the order of the tables; NaN where a pair does not occur.

        Raises
        ------
        ValueError
            Where the lengths differ or a pair occurs twice.
        """
        return unstack(self, values)


def _frozen_codes(codes: NDArray, size: int, what: str) -> NDArray[np.int64]:
    codes = np.array(codes, dtype=np.int64, copy=True)
    if codes.ndim != 1 or (codes.size and not (codes.min() >= 0 and codes.max() < size)):
        raise ValueError(f"{what} must be row numbers in 0 .. {size - 1}, one per pair")
    codes.flags.writeable = False
    return codes
