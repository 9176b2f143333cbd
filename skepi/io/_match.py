"""Rows of expression and genes put together by name."""

from typing import Any

import pandas as pd

from skepi._doors import check_no_text, frame_of, names_of, some
from skepi._foreign import pandas_of
from skepi._labels import refuse_descriptions
from skepi._mismatch import why_names_differ
from skepi.exceptions import TableError
from skepi.io._left_out import LeftOut, check_left_out, say_left_out


def match_genes(
    matrix: pd.DataFrame, genes: Any, on: str = "name", *, left_out: str = "warn"
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Keep the genes that an expression matrix and a table of genes both have, in the order of the table.

    Names must agree to the letter, whole numbers as they are written: nothing is converted silently. Where names do not
    agree, the warning or the error says what is seen to differ, and how many genes a known repair would match.

    Parameters
    ----------
    matrix : DataFrame, shape (n_rows, n_cell_types)
        Expression, with names or identifiers of genes as index.
    genes : DataFrame or mapping
        Column ``name`` and the column ``on``, such as that of :func:`choose_tss`.
    on : str, default="name"
        Column of ``genes`` that holds what the index of ``matrix`` holds. It may repeat, as ``"gene"`` does where
        :func:`choose_tss` gives every site of a gene: each then gets the row of its gene.
    left_out : {"warn", "ignore", "error"}, default="warn"
        What to do where rows or genes have no counterpart: warn, keep silent, or refuse.

    Returns
    -------
    matrix : DataFrame, shape (n_genes, n_cell_types)
        Indexed by ``name``. ``attrs["left_out"]`` lists the rows that ``genes`` does not have.
    genes : DataFrame, shape (n_genes, ...)
        With a plain index. ``attrs["left_out"]`` lists the names of genes that ``matrix`` does not have.

    Raises
    ------
    TableError
        For missing or repeated columns, labels of several levels, a matrix that does not hold real numbers, names on
        either side that are missing, blank, repeated, or neither text nor whole numbers, and for no gene in common. The
        message says why where it can be seen: a transposed matrix, another column of ``genes``, versions of
        identifiers, white space, quotes, prefixes, letter case, names made unique or turned into dates, identifiers
        against symbols.

    Warns
    -----
    LeftOutWarning
        Where rows or genes have no counterpart: how many, the first, and why.

    Examples
    --------
    >>> matrix = pd.DataFrame({"HSC": [3, 25, 1]}, index=["GATA1", "SPI1", "XIST"])
    >>> some_genes = pd.DataFrame({"name": ["SPI1", "CEBPA", "GATA1"]})
    >>> kept, genes = match_genes(matrix, some_genes, left_out="ignore")
    >>> kept["HSC"].to_dict(), genes["name"].tolist(), kept.attrs["left_out"], genes.attrs["left_out"]
    ({'SPI1': 25, 'GATA1': 3}, ['SPI1', 'GATA1'], ['XIST'], ['CEBPA'])
    """
    check_left_out(left_out)
    rows = _rows_of(matrix)
    genes = frame_of(genes, "genes", tuple(dict.fromkeys(("name", on))))
    _check_unique(genes["name"], "genes: name")
    names = names_of(genes[on], f"genes: {on}")
    place = rows.get_indexer(names)
    both = place >= 0
    if not both.any():
        raise TableError(f"matrix and genes have no gene in common: {_reason(matrix, genes, on)}")
    kept = genes[both].reset_index(drop=True)
    kept.attrs["left_out"] = genes["name"][~both].tolist()
    out = matrix.iloc[place[both]].set_axis(pd.Index(kept["name"], name="name"), axis=0)
    known = rows.isin(names)
    out.attrs["left_out"] = matrix.index[~known].tolist()
    parts = [
        LeftOut("rows", len(rows), {"without a gene in the table": rows[~known]}),
        LeftOut("genes", len(genes), {"without a row": names[~both]}),
    ]
    advice = why_names_differ(rows, pd.Index(names)) if left_out != "ignore" else ""
    say_left_out("match_genes", parts, left_out, advice)
    return out, kept


def _rows_of(matrix: Any) -> pd.Index:
    """Names of the rows of a matrix of numbers, as text."""
    if not isinstance(matrix, pd.DataFrame):
        found = pandas_of(matrix, "matrix", "matrix.to_df().T")
        way = ": give matrix.to_pandas().set_index(...)" if isinstance(found, pd.DataFrame) else ""
        kind = f"polars {type(matrix).__name__}" if way else type(matrix).__name__
        raise TableError(f"matrix: wanted a pandas DataFrame with genes as index, got a {kind}{way}")
    frame_of(matrix, "matrix")
    refuse_descriptions(matrix, "matrix")
    check_no_text(matrix, "matrix")
    names_of(matrix.columns, "matrix: columns")
    for name, dtype in matrix.dtypes.items():
        if not pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_complex_dtype(dtype):
            raise TableError(f"matrix: column {name!r}: wanted numbers, got dtype {dtype}")
    return _check_unique(matrix.index, "matrix: index")


def _check_unique(names: pd.Index | pd.Series, what: str) -> pd.Index:
    """Return names as text, none of them twice."""
    text = pd.Index(names_of(names, what))
    twice = text[text.duplicated()].unique()
    if len(twice):
        raise TableError(f"{what}: {len(twice)} names are there more than once: {some(twice)}")
    return text


def _reason(matrix: pd.DataFrame, genes: pd.DataFrame, on: str) -> str:
    """Why two sets of names do not meet, as far as it can be seen."""
    rows, names = pd.Index(list(map(str, matrix.index))), pd.Index(list(map(str, genes[on])))
    if set(map(str, matrix.columns)) & set(names):
        return "columns of the matrix have names of genes, so that it looks transposed; give matrix.T"
    for column in genes.columns.drop(on):
        found = len(set(map(str, genes[column])) & set(rows))
        if found:
            return f"but {found} values of the column {column!r} of genes are in the index; on={column!r} takes it"
    return why_names_differ(rows, names) or f"the matrix has {some(rows)}, genes have {some(names)}"
