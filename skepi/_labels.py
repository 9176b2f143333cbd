"""Which row of a matrix belongs to which row of its table: labels tell, where both sides have them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from skepi._doors import check_labels, frame_of, names_of, some
from skepi._identifiers import is_ensembl_id
from skepi._mismatch import how_written
from skepi.exceptions import TableError
from skepi.intervals import IntArray

_CALLED_GENES = {
    "gene",
    "genes",
    "gene_id",
    "gene_name",
    "gene_symbol",
    "geneid",
    "symbol",
    "ensembl_id",
    "hgnc_symbol",
}
_HELPERS = {"genes": " (skepi.io.match_genes says what differs)"}
_HOUSEKEEPING = {"ACTB", "ACTG1", "B2M", "EEF1A1", "GAPDH", "HPRT1", "PGK1", "PPIA", "RPL13A", "RPLP0", "TBP", "UBC"}


def rows_in_order(matrix: Any, table: Any, what: str, rows_of: str) -> Any:
    """Return a matrix with its rows in the order of its table.

    Rows of a DataFrame or Series may be named by the row labels of the table, by a column of unique names (``name``,
    ``gene_id``, ``peak``) or, where the table has them, by intervals ``chrom:start-end``. Without labels (an array, or
    a default index), the order of the table is taken to be meant.

    Parameters
    ----------
    matrix : DataFrame, Series or anything else
        Anything else is returned as it is.
    table : DataFrame or mapping
    what, rows_of : str
        Names of the two in messages.

    Raises
    ------
    TableError
        Where both have labels and these do not agree: some are shared and others not, one occurs twice in another
        order, or names have nothing in common.

    Examples
    --------
    >>> openness = pd.DataFrame({"HSC": [1.0, 2.0]}, index=["second", "first"])
    >>> peaks = pd.DataFrame({"name": ["first", "second"], "chrom": "chr1", "start": [0, 50], "end": [10, 60]})
    >>> rows_in_order(openness, peaks, "openness", "peaks")["HSC"].tolist()
    [2.0, 1.0]
    """
    if not isinstance(matrix, pd.DataFrame | pd.Series):
        return matrix
    check_labels(matrix if isinstance(matrix, pd.DataFrame) else matrix.to_frame(), what)
    frame = frame_of(table, rows_of)
    if matrix.index.equals(frame.index):
        return matrix
    _refuse_numbers_in_another_order(matrix.index, frame.index, what, rows_of)
    if isinstance(matrix.index, pd.RangeIndex) and _count_rows(matrix.index):
        return matrix
    found = list(_names_of_rows(frame))
    if any(matrix.index.equals(labels) for _, labels in found):
        return matrix
    rows = pd.Index(names_of(matrix.index, f"{what}: rows"), dtype=object)
    names = [(source, _texts(labels)) for source, labels in found]
    for _, labels in names:
        place = _places(rows, labels, what, rows_of)
        if place is not None:
            return matrix if (place == np.arange(place.size)).all() else matrix.iloc[place]
    if not _count_rows(matrix.index):
        _refuse_other_names(matrix.index, rows, names, what, rows_of)
    return matrix


def interval_labels(regions: pd.DataFrame) -> pd.Index:
    """Name regions ``chrom:start-end``, positions as in the table."""
    text = regions[["chrom", "start", "end"]].astype(str)
    return pd.Index(text["chrom"] + ":" + text["start"] + "-" + text["end"])


def look_like_genes(labels: pd.Index) -> bool:
    """Whether labels name genes: they are called so, are mostly of Ensembl, or hold genes that all cells have.

    Examples
    --------
    >>> look_like_genes(pd.Index(["ENSG00000141510.18", "__no_feature"])), look_like_genes(pd.Index(["HSC", "B"]))
    (True, False)
    """
    if str(labels.name).lower() in _CALLED_GENES:
        return True
    names = [str(name) for name in labels]
    ensembl = sum(map(is_ensembl_id, names))
    return 2 * ensembl >= len(names) > 0 or len(_HOUSEKEEPING & {name.upper() for name in names}) > 2


def _count_rows(labels: pd.Index) -> bool:
    """Whether labels only count the rows: 0, 1, 2 and so on."""
    return pd.api.types.is_integer_dtype(labels) and np.array_equal(labels, np.arange(len(labels)))


def _refuse_numbers_in_another_order(rows: pd.Index, labels: pd.Index, what: str, rows_of: str) -> None:
    """Refuse numbered rows in another order, where one of the two may have been numbered anew."""
    if not (_count_rows(rows) or _count_rows(labels)) or len(rows) != len(labels):
        return
    if rows.dtype.kind == labels.dtype.kind and set(rows) == set(labels):
        first = int(np.flatnonzero(rows != labels)[0])
        raise TableError(
            f"{what}: row labels are those of {rows_of} in another order (row {first} is {rows[first]}, wanted "
            f"{labels[first]}); use {what}.loc[...] in the order of {rows_of}, or reset_index(drop=True) in both where "
            "their rows correspond"
        )


def _names_of_rows(table: pd.DataFrame) -> Iterator[tuple[str, pd.Index]]:
    """What may name the rows of a table, and where it stands: labels, columns of unique names, intervals."""
    if not _count_rows(table.index):
        yield "index", table.index
    for column in table:
        values = table[column]
        if (column == "name" or pd.api.types.is_string_dtype(values)) and values.is_unique:
            yield str(column), pd.Index(values)
    if {"chrom", "start", "end"} <= set(table.columns):
        yield "intervals", interval_labels(table)


def _texts(labels: pd.Index) -> pd.Index:
    return pd.Index(list(map(str, labels.to_numpy(dtype=object))), dtype=object)


def _places(rows: pd.Index, labels: pd.Index, what: str, rows_of: str) -> IntArray | None:
    """Row of the matrix for each row of the table, where the two have the same names; None where they have not."""
    if len(rows) != len(labels) or set(rows) != set(labels):
        return None
    if rows.equals(labels):
        return np.arange(len(rows))
    if not (rows.is_unique and labels.is_unique):
        twice = next(names[names.duplicated()][0] for names in (rows, labels) if names.has_duplicates)
        raise TableError(
            f"{what}: row labels are those of {rows_of} in another order, and {twice!r} stands for several rows; give "
            f"each row a label of its own, or reset_index(drop=True) in both where their rows correspond"
        )
    return rows.get_indexer(labels)


def _refuse_other_names(
    given: pd.Index, rows: pd.Index, names: list[tuple[str, pd.Index]], what: str, rows_of: str
) -> None:
    """Refuse labels that share some names with the table and lack others, or that are names of something else."""
    for source, labels in names:
        shared = rows.intersection(labels)
        if len(shared):
            if rows.has_duplicates:
                raise TableError(f"{what}: the same row label twice: {some(rows[rows.duplicated()])}")
            absent, unknown = labels.difference(rows, sort=False), rows.difference(labels, sort=False)
            way = how_written(rows, labels) or "select the shared rows in both tables"
            raise TableError(
                f"{what}: row labels do not match {rows_of} ({_where(source)}): absent {some(absent) or 'none'}, "
                f"unknown {some(unknown) or 'none'}; {way}"
            )
    kinds = ("index",) if pd.api.types.is_numeric_dtype(given) else ("index", "name")
    for source, labels in names:
        if source in kinds and not _are_intervals(rows):
            raise TableError(
                f"{what}: row labels and {rows_of} ({_where(source)}) have no name in common: {some(rows, 2)} against "
                f"{some(labels, 2)}; give both the same names{_HELPERS.get(rows_of, '')}, or, if their rows "
                f"correspond one by one, say so with {what}.reset_index(drop=True)"
            )


def _where(source: str) -> str:
    """Where labels stand, for messages."""
    kinds = {"index": "in the index", "intervals": "chrom:start-end"}
    return kinds.get(source, f"in column {source!r}")


def _are_intervals(rows: pd.Index) -> bool:
    """Whether labels look like intervals; :func:`skepi.paired._checks.check_interval_labels` judges these."""
    return bool(rows.str.fullmatch(r"\S+[:_-][0-9]+[_-][0-9]+").all())
