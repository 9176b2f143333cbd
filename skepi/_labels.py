"""Match the rows of a matrix to the rows of its table by their labels."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

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
#: Columns that describe genes and peaks, as :func:`plain_name` writes their names: no samples.
NO_SAMPLES = {
    *("chrom", "chr", "chromosome", "seqnames", "seqname", "seqid", "start", "end", "stop", "strand", "tss"),
    *("txstart", "txend", "start_position", "end_position", "chromosome_name", "gene_start", "gene_end"),
    *("length", "gene_length", "genelength", "exonlength", "exon_length", "width", "effective_length", "eff_length"),
    *("effectivelength", "transcript_length", "gene_id", "geneid", "entrez", "entrezid", "entrez_id"),
    *("entrez_gene_id", "entrezgene", "entrezgene_id", "ncbi_gene_id", "hgnc_id"),
}
_IDENTITIES = {
    *("index", "name", "peak", "peak_id", "gene_id", "interval", "id"),
    *("entrez", "entrezid", "entrez_id", "entrezgene", "geneid", "ncbi_gene_id"),
}
_POSITIONS = ["chrom", "start", "end", "tss", "strand", "signal", "lineage"]
_INTERVAL = re.compile(r"(\S+)[:_-]([0-9]+)[_-]([0-9]+)").fullmatch
_HELPERS = {"genes": " (skepi.io.match_genes says what differs)"}
_HOUSEKEEPING = {"ACTB", "ACTG1", "B2M", "EEF1A1", "GAPDH", "HPRT1", "PGK1", "PPIA", "RPL13A", "RPLP0", "TBP", "UBC"}


def rows_in_order(matrix: Any, table: Any, what: str, rows_of: str) -> Any:
    """Return a matrix with its rows in the order of its table.

    The row labels of a DataFrame or Series may be the row labels of the table, a column of unique names or whole
    numbers (``name``, ``gene_id``, ``peak``), or intervals ``chrom:start-end``. A matrix without row labels (an
    array, or a DataFrame with a default index) is taken to be in the order of the table.

    Parameters
    ----------
    matrix : DataFrame, Series or any other object
        Other objects are returned unchanged.
    table : DataFrame or mapping
    what, rows_of : str
        What messages call the matrix and the table.

    Raises
    ------
    TableError
        Where both have row labels that do not agree: only some are shared, a repeated label is in another order, a
        label is in another row of a column with repeated names, or the two have no label in common.

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
    if isinstance(matrix.index, pd.RangeIndex) and _count_rows(matrix.index):
        _refuse_other_numbers(matrix.index, frame.index, what, rows_of)
        return matrix
    found = list(_names_of_rows(frame))
    if any(matrix.index.equals(one.labels) for one in found):
        return matrix
    rows = pd.Index(names_of(matrix.index, f"{what}: rows"), dtype=object)
    for one in found:
        place = _places(_as_intervals(rows) if one.source == "intervals" else rows, one.labels, what, rows_of)
        if place is not None:
            return matrix if (place == np.arange(place.size)).all() else matrix.iloc[place]
    _refuse_other_numbers(matrix.index, frame.index, what, rows_of)
    _refuse_other_names(rows, [one for one in found if one.names_all], what, rows_of)
    _refuse_other_rows(rows, [one for one in found if not one.names_all], what, rows_of)
    return matrix


def interval_labels(regions: pd.DataFrame) -> pd.Index:
    """Name regions ``chrom:start-end``, positions as in the table."""
    text = regions[["chrom", "start", "end"]].astype(str)
    return pd.Index(text["chrom"] + ":" + text["start"] + "-" + text["end"])


def refuse_descriptions(matrix: pd.DataFrame, what: str) -> None:
    """Refuse a matrix with columns that describe its rows, such as ``start``, as their names tell."""
    found = [column for column in matrix if plain_name(str(column)) in NO_SAMPLES]
    alone = len(found) == 1 and matrix[found[0]].is_unique
    if not found or (alone and pd.api.types.is_string_dtype(matrix[found[0]])):
        return  # text is refused elsewhere
    way = f", or make it the row labels with {what}.set_index({found[0]!r})" if alone else ""
    raise TableError(
        f"{what}: wanted one column per cell type, got columns that describe the rows: {some(found, 10)}; remove them "
        f"with {what}.drop(columns={found}){way}"
    )


def plain_name(name: str) -> str:
    """Name of a column in lower case, without quotes, and with words joined by ``_``."""
    return name.strip("\"'# ").lower().replace(" ", "_").replace(".", "_")


def look_like_genes(labels: pd.Index) -> bool:
    """Whether labels name genes: the index is called so, most are Ensembl identifiers, or housekeeping genes occur.

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
    """Whether labels are just row numbers: 0, 1, 2 and so on."""
    return pd.api.types.is_integer_dtype(labels) and np.array_equal(labels, np.arange(len(labels)))


def _numbers(labels: pd.Index) -> list[int] | None:
    """Labels as whole numbers, also where they are written as text; None where they are something else."""
    if pd.api.types.is_integer_dtype(labels):
        return labels.tolist()
    texts = labels.tolist()
    if all(isinstance(text, str) and text.isascii() and text.isdigit() for text in texts):
        return list(map(int, texts))
    return None


def _refuse_other_numbers(rows: pd.Index, labels: pd.Index, what: str, rows_of: str) -> None:
    """Refuse row numbers that the table has too, but in other rows."""
    given, wanted = _numbers(rows), _numbers(labels)
    if given is None or wanted is None or given == wanted or len(given) != len(wanted):
        return
    if set(given).isdisjoint(wanted):
        return
    first = next(row for row, (one, other) in enumerate(zip(given, wanted, strict=True)) if one != other)
    same = set(given) == set(wanted)
    kind = "are in a different order from those of" if same else "match only some of those of"
    way = f"reorder them with {what}.loc[...]" if same else "select the shared rows in both"
    raise TableError(
        f"{what}: row numbers {kind} {rows_of} (row {first} is {given[first]}, wanted {wanted[first]}); {way}, or "
        "call reset_index(drop=True) on both if their rows already correspond"
    )


class _Names(NamedTuple):
    """Labels that may name the rows of a table.

    Attributes
    ----------
    source : str
        ``"index"``, ``"intervals"`` or the name of a column.
    labels : Index
    names_all : bool
        Whether they are names rather than row numbers and, in a column, unique.
    """

    source: str
    labels: pd.Index
    names_all: bool


def _names_of_rows(table: pd.DataFrame) -> Iterator[_Names]:
    """Labels that may name the rows of a table: its index, columns of text or whole numbers, intervals."""
    if not _count_rows(table.index):
        yield _Names("index", table.index, _numbers(table.index) is None)
    for column in table.columns.difference(_POSITIONS, sort=False):
        values = table[column]
        numbers = pd.api.types.is_integer_dtype(values) and str(column).lower() in _IDENTITIES
        if column == "name" or numbers or pd.api.types.is_string_dtype(values):
            yield _Names(str(column), pd.Index(values), values.is_unique)
    if {"chrom", "start", "end"} <= set(table.columns):
        yield _Names("intervals", interval_labels(table), True)


def _as_intervals(rows: pd.Index) -> pd.Index:
    """Rewrite labels such as ``chr1-10-20`` as ``chr1:10-20``; return other labels unchanged."""
    found = [one for one in map(_INTERVAL, rows) if one is not None]
    return rows if len(found) < len(rows) else pd.Index([f"{one[1]}:{one[2]}-{one[3]}" for one in found], dtype=object)


def _texts(labels: pd.Index) -> pd.Index:
    return pd.Index(list(map(str, labels.to_numpy(dtype=object))), dtype=object)


def _places(rows: pd.Index, labels: pd.Index, what: str, rows_of: str) -> IntArray | None:
    """Row of the matrix for each row of the table where both have the same names, otherwise None."""
    if len(rows) != len(labels):
        return None
    labels = _texts(labels)
    if set(rows) != set(labels):
        return None
    if rows.equals(labels):
        return np.arange(len(rows))
    if not (rows.is_unique and labels.is_unique):
        twice = next(names[names.duplicated()][0] for names in (rows, labels) if names.has_duplicates)
        raise TableError(
            f"{what}: row labels are in a different order from those of {rows_of}, and {twice!r} labels several rows; "
            "give every row its own label, or call reset_index(drop=True) on both if their rows already correspond"
        )
    return rows.get_indexer(labels)


def _refuse_other_rows(rows: pd.Index, repeated: list[_Names], what: str, rows_of: str) -> None:
    """Refuse labels that also occur in a column with repeated names, but in other rows."""
    for one in repeated:
        if one.source == "index" or len(rows) != len(one.labels) or not pd.api.types.is_string_dtype(one.labels):
            continue
        labels = _texts(one.labels)
        moved = np.flatnonzero(rows.isin(labels) & (rows.to_numpy() != labels.to_numpy()))
        if moved.size:
            row = int(moved[0])
            raise TableError(
                f"{what}: {moved.size} row label(s) are in other rows of {rows_of} ({_where(one.source)}): row {row} "
                f"is {rows[row]!r}, and {rows_of} have {labels[row]!r} there. Sort both alike, or call "
                "reset_index(drop=True) on both if their rows already correspond"
            )


def _refuse_other_names(rows: pd.Index, names: list[_Names], what: str, rows_of: str) -> None:
    """Refuse labels that match only some names of the table, or none of its identifiers."""
    for one in names:
        labels, given = _texts(one.labels), _as_intervals(rows) if one.source == "intervals" else rows
        if given.isin(labels).any():
            if given.has_duplicates:
                raise TableError(f"{what}: the same row label twice: {some(given[given.duplicated()])}")
            absent, unknown = labels.difference(given, sort=False), given.difference(labels, sort=False)
            way = how_written(given, labels) or "select the shared rows in both tables"
            raise TableError(
                f"{what}: row labels do not match {rows_of} ({_where(one.source)}). Only in {rows_of}: "
                f"{some(absent) or 'none'}; only in {what}: {some(unknown) or 'none'}; {way}"
            )
    if _numbers(rows) is not None or _as_intervals(rows) is not rows:
        return  # numbers name no peak; intervals are compared with peaks elsewhere
    for one in names:
        if one.source.lower() in _IDENTITIES:
            labels = _texts(one.labels)
            way = how_written(rows, labels) or f"give both the same names{_HELPERS.get(rows_of, '')}"
            raise TableError(
                f"{what}: row labels and {rows_of} ({_where(one.source)}) have no name in common: {some(rows, 2)} "
                f"against {some(labels, 2)}; {way}. If their rows already correspond, call "
                f"{what}.reset_index(drop=True)"
            )


def _where(source: str) -> str:
    """Where the labels of a table are, for messages."""
    kinds = {"index": "in the index", "intervals": "chrom:start-end"}
    return kinds.get(source, f"in column {source!r}")
