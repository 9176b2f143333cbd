"""Rows that are found and shown by the names of their genes and cell types, whatever container they are in."""

from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._doors import check_count, some
from skepi._rows import codes_of, names_of_pairs
from skepi.exceptions import UnknownNameError
from skepi.rows import PairRows

Rows = TypeVar("Rows", bound=PairRows)


class NamedRows:
    """What containers of pairs offer to people: rows by name, and the first of them as a table."""

    def head(self: Any, n: int = 5) -> pd.DataFrame:
        """Show the first rows: ``gene, cell_type``, and what is known of each.

        For pairs that is the lineage, where known, and the place of the gene; for binned rows their features.

        Parameters
        ----------
        n : int, default=5
            Number of rows.

        Raises
        ------
        ValueError
            Where ``n`` is no whole number of 0 or more.

        Examples
        --------
        >>> from skepi.datasets import make_paired_openness
        >>> X = make_paired_openness(n_genes=2, n_cell_types=3, n_lineages=1, n_chromosomes=1)[0].pairs()
        >>> X.head(2)[["gene", "cell_type", "lineage", "chrom"]]
                gene cell_type   lineage chrom
        0  gene00000   cell000  lineage1  chr1
        1  gene00000   cell001  lineage1  chr1
        """
        check_count("n", n, 0)
        first = self[:n]
        return pd.concat([names_of_pairs(first), first._beside_names()], axis=1)

    def rows_of(self: PairRows, genes: Any = None, cell_types: Any = None) -> NDArray[np.int64]:
        """Find the rows whose gene and cell type are among those named.

        With ``rows = X.rows_of(...)``, ``X[rows]`` and ``y[rows]`` belong together.

        Parameters
        ----------
        genes, cell_types : str or sequence of str, optional
            Names, in any order, more than once or not; all by default.

        Returns
        -------
        ndarray of int64, shape (n_rows,)
            Numbers of the rows, increasing. Empty where the names occur, and no row has both.

        Raises
        ------
        UnknownNameError
            Where a name is absent from the tables of the data set, or from all rows.

        Examples
        --------
        >>> from skepi.datasets import make_paired_openness
        >>> X = make_paired_openness(n_genes=2, n_cell_types=3, n_lineages=1, n_chromosomes=1)[0].pairs()
        >>> X.rows_of(cell_types=["cell002", "cell000"])
        array([0, 2, 3, 5])
        """
        chosen = np.ones(len(self), dtype=bool)
        if genes is not None:
            chosen &= _has_one_of(genes, self.genes, self.gene_codes, "gene(s)")
        if cell_types is not None:
            chosen &= _has_one_of(cell_types, self.cell_types, self.cell_type_codes, "cell type(s)")
        return np.flatnonzero(chosen)

    def select(self: Rows, genes: Any = None, cell_types: Any = None) -> Rows:
        """Keep the rows whose gene and cell type are among those named, in their present order.

        Parameters
        ----------
        genes, cell_types : str or sequence of str, optional
            Names, in any order, more than once or not; all by default.

        Raises
        ------
        UnknownNameError
            Where a name is absent from the tables of the data set, or from all rows.

        Examples
        --------
        >>> from skepi.datasets import make_paired_openness
        >>> X = make_paired_openness(n_genes=2, n_cell_types=3, n_lineages=1, n_chromosomes=1)[0].pairs()
        >>> X.select(genes="gene00001", cell_types=["cell002", "cell000"]).to_frame()
                gene cell_type
        0  gene00001   cell000
        1  gene00001   cell002
        """
        return self[NamedRows.rows_of(self, genes, cell_types)]


def _has_one_of(names: Any, table: pd.DataFrame, codes: NDArray[np.int64], what: str) -> NDArray[np.bool_]:
    """Whether each row has one of the names; one that no row has is an error, for nothing would be left of it."""
    wanted = codes_of(names, table, what)
    occurs = np.bincount(codes, minlength=len(table)) > 0
    lacking = wanted[~occurs[wanted]]
    if lacking.size:
        raise UnknownNameError(
            f"{what} of the data set, but of none of these {codes.size:,} rows: {some(table['name'].iloc[lacking])}"
        )
    is_wanted = np.zeros(len(table), dtype=bool)
    is_wanted[wanted] = True
    return is_wanted[codes]
