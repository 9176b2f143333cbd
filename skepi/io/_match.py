"""Rows of expression and genes put together by name."""

import pandas as pd

from skepi.exceptions import TableError
from skepi.io._columns import some
from skepi.io._names import is_ensembl_id, without_version


def match_genes(matrix: pd.DataFrame, genes: pd.DataFrame, on: str = "name") -> tuple[pd.DataFrame, pd.DataFrame]:
    """Keep the genes that an expression matrix and a table of genes both have, in the order of the table.

    Names must agree to the letter: nothing is converted silently.

    Parameters
    ----------
    matrix : DataFrame, shape (n_rows, n_cell_types)
        Expression, with names or identifiers of genes as index.
    genes : DataFrame
        Column ``name`` and the column ``on``, such as that of :func:`choose_tss`.
    on : str, default="name"
        Column of ``genes`` that holds what the index of ``matrix`` holds. It may repeat, as ``"gene"`` does where
        :func:`choose_tss` gives every site of a gene: each then gets the row of its gene.

    Returns
    -------
    matrix : DataFrame, shape (n_genes, n_cell_types)
        Indexed by ``name``. ``attrs["left_out"]`` lists the rows that ``genes`` does not have.
    genes : DataFrame, shape (n_genes, ...)
        With a plain index. ``attrs["left_out"]`` lists the names of genes that ``matrix`` does not have.

    Raises
    ------
    TableError
        For missing columns, missing or repeated names on either side, and for no gene in common; the message says why
        where it can be seen: versions of identifiers, identifiers against symbols, upper and lower case.

    Examples
    --------
    >>> matrix = pd.DataFrame({"HSC": [3, 25, 1]}, index=["GATA1", "SPI1", "XIST"])
    >>> kept, genes = match_genes(matrix, pd.DataFrame({"name": ["SPI1", "CEBPA", "GATA1"]}))
    >>> kept["HSC"].to_dict(), genes["name"].tolist(), kept.attrs["left_out"], genes.attrs["left_out"]
    ({'SPI1': 25, 'GATA1': 3}, ['SPI1', 'GATA1'], ['XIST'], ['CEBPA'])
    """
    missing = [column for column in dict.fromkeys(("name", on)) if column not in genes]
    if missing:
        raise TableError(f"genes: missing columns {missing}, got {list(genes.columns)}")
    _check(matrix.index, "matrix: index")
    _check(genes["name"], "genes: name")
    if genes[on].isna().any():
        raise TableError(f"genes: {on}: {int(genes[on].isna().sum())} names are missing")
    both = genes[on].isin(matrix.index).to_numpy()
    if not both.any():
        raise TableError(f"matrix and genes have no gene in common: {_reason(matrix.index, genes, on)}")
    kept = genes[both].reset_index(drop=True)
    kept.attrs["left_out"] = genes["name"][~both].tolist()
    rows = matrix.loc[kept[on]].set_axis(pd.Index(kept["name"], name="name"), axis=0)
    rows.attrs["left_out"] = matrix.index[~matrix.index.isin(genes[on])].tolist()
    return rows, kept


def _check(names: pd.Index | pd.Series, what: str) -> None:
    if names.isna().any():
        raise TableError(f"{what}: {int(names.isna().sum())} names are missing")
    twice = names[names.duplicated()]
    if len(twice):
        raise TableError(f"{what}: {len(twice.unique())} names are there more than once: {some(twice.unique())}")


def _reason(index: pd.Index, genes: pd.DataFrame, on: str) -> str:
    """Why two sets of names do not meet, as far as it can be seen."""
    rows, names = index.tolist(), genes[on].tolist()
    for column in genes.columns.drop(on):
        found = int(genes[column].isin(index).sum())
        if found:
            return f"but {found} values of the column {column!r} of genes are in the index; on={column!r} takes it"
    if set(map(without_version, rows)) & set(map(without_version, names)):
        return f"versions differ ({some(rows, 1)} and {some(names, 1)}); strip_versions takes them off"
    if {str(name).upper() for name in rows} & {str(name).upper() for name in names}:
        return f"upper and lower case differ ({some(rows, 2)} and {some(names, 2)})"
    ids = [2 * sum(map(is_ensembl_id, side)) > len(side) for side in (rows, names)]
    if ids[0] != ids[1]:
        sides = ("the matrix", f"the column {on!r} of genes")
        one, other = sides if ids[0] else sides[::-1]
        return (
            f"{one} has Ensembl identifiers and {other} has other names ({some(rows, 2)} and {some(names, 2)}); "
            "choose_tss(..., name='gene_id') makes genes of identifiers"
        )
    return f"the matrix has {some(rows)}, genes have {some(names)}"
