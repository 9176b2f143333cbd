"""Checks at the door: each returns a clean copy of a table or says what is wrong with it."""

import warnings
from collections.abc import Iterable, Mapping, Set
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from skepi._doors import (
    check_labels,
    check_unmasked,
    frame_of,
    interval_labels,
    names_of,
    numbers_of,
    positions_of,
    some,
    strands_of,
)
from skepi._regions import check_regions, check_same_naming
from skepi.exceptions import ChromosomeWarning, TableError
from skepi.intervals import IntArray
from skepi.io import parse_intervals

_ROUNDING = 1e-6
_LARGEST = np.float64(np.finfo(np.float32).max)  # a type of its own: compared with float16 it must not become one
_SMALLEST = float(np.finfo(np.float32).tiny)  # below it, float32 loses digits


def check_peaks(peaks: Any) -> pd.DataFrame:
    """Columns ``chrom, start, end``; 0-based half-open, no interval twice."""
    table = _columns_of(peaks, "peaks", ("chrom", "start", "end"))
    table[["chrom", "start", "end"]] = check_regions(table)
    _refuse_rows(table.duplicated(["chrom", "start", "end"]), table, "peaks: the same interval twice")
    return table


def check_genes(genes: Any) -> pd.DataFrame:
    """Columns ``name, chrom, tss, strand``; names unique, strand ``+`` or ``-``."""
    table = _columns_of(genes, "genes", ("name", "chrom", "tss", "strand"))
    for column in ("name", "chrom"):
        table[column] = _text_of(names_of(table[column], f"genes: {column}"))
    table["strand"] = _text_of(strands_of(table["strand"], "genes"))
    table["tss"] = positions_of(table["tss"], "genes.tss")
    _refuse_rows(table.duplicated("name"), table, "genes: the same name twice")
    return table


def check_matrix(matrix: Any, what: str) -> Any:
    """Return a DataFrame or a sparse array as it is, anything else as an array; two dimensions."""
    if not isinstance(matrix, pd.DataFrame) and not sp.issparse(matrix):
        matrix = numbers_of(matrix, what)
    if len(matrix.shape) != 2:
        raise TableError(f"{what}: wanted two dimensions, got shape {matrix.shape}")
    if isinstance(matrix, pd.DataFrame):
        check_labels(matrix, what)
    return matrix


def check_cell_types(cell_types: Any, openness: Any) -> pd.DataFrame:
    """Columns ``name`` and, where known, ``lineage``; taken from the columns of ``openness`` if not given."""
    if cell_types is None:
        if not isinstance(openness, pd.DataFrame):
            raise TableError("cell_types: wanted names, because openness is an array without column names")
        cell_types = openness.columns
    if not isinstance(cell_types, pd.DataFrame | Mapping):
        cell_types = pd.DataFrame({"name": _sequence_of(cell_types)})
    table = _columns_of(cell_types, "cell_types", ("name",))
    table["name"] = _text_of(names_of(table["name"], "cell_types: name"))
    if "lineage" in table and table["lineage"].isna().any():
        _refuse_rows(table["lineage"].isna(), table, "cell_types: lineage missing")
    _refuse_rows(table.duplicated("name"), table, "cell_types: the same name twice")
    return table


def check_openness(openness: Any, peaks: pd.DataFrame, cell_types: pd.DataFrame) -> NDArray[np.float32]:
    """Peaks x cell types as a read-only float32 array in the order of the tables, kept cell type by cell type.

    A pair needs neighbouring peaks in one cell type: so they are neighbours in memory.
    Values below 0 by no more than rounding (1e-6 of the largest) become 0.
    """
    values = _matrix(openness, "openness", len(peaks), "peaks", cell_types)
    least = -_ROUNDING * values.max()
    if values.min() < least:
        row, column = np.argwhere(values < least)[0]
        raise TableError(
            f"openness: {values[row, column]:g} in row {row}, column {column} "
            f"({cell_types['name'].iloc[column]}); wanted values >= 0 (not log ratios)"
        )
    out = np.array(np.maximum(values, 0) if values.min() < 0 else values, dtype=np.float32, order="F", copy=True)
    _check_float32(values.max(axis=0), out, cell_types["name"])
    out.flags.writeable = False
    return out


def check_expression(expression: Any, genes: pd.DataFrame, cell_types: pd.DataFrame) -> NDArray[np.float64]:
    """Genes x cell types as a read-only float64 array in the order of the tables."""
    if isinstance(expression, pd.DataFrame) and not isinstance(expression.index, pd.RangeIndex):
        expression = _rows_by_name(expression, genes["name"])
    values = _matrix(expression, "expression", len(genes), "genes", cell_types)
    out = np.array(values, dtype=np.float64, order="C", copy=True)
    out.flags.writeable = False
    return out


def check_orientation(openness: Any, n_peaks: int, cell_types: pd.DataFrame | None) -> None:
    """Refuse openness that looks like cell types x peaks, before its columns are taken for cell types.

    ``cell_types`` are those that the caller named, or None.
    """
    turned = openness.shape[0] != n_peaks == openness.shape[1]
    if cell_types is not None:
        turned &= openness.shape[0] == len(cell_types)
    if isinstance(openness, pd.DataFrame):
        if cell_types is None:  # named columns of numbered rows are cell types, however many there are
            turned &= _is_numbered(openness.columns) or not _is_numbered(openness.index)
        else:
            turned |= _names_are_in(cell_types["name"], openness.index, openness.columns)
        if openness.shape[1] == n_peaks:
            turned |= _are_intervals(openness.columns) and not _are_intervals(openness.index)
    if turned:
        raise _transposed("openness", openness.shape, "peak")


def check_expression_orientation(expression: Any, genes: pd.DataFrame, cell_types: pd.DataFrame) -> None:
    """Refuse expression that looks like cell types x genes."""
    wanted = (len(genes), len(cell_types))
    if isinstance(expression, pd.DataFrame):
        turned = _names_are_in(cell_types["name"], expression.index, expression.columns)
        turned |= _names_are_in(genes["name"], expression.columns, expression.index)
    else:
        turned = expression.shape == wanted[::-1] != wanted
    if turned:
        raise _transposed("expression", expression.shape, "gene")


def check_shared_chromosomes(peaks: pd.DataFrame, genes: pd.DataFrame) -> pd.Series:
    """Mark the genes that lie on a chromosome with peaks; raise if there are none, or names of two kinds."""
    chroms = peaks["chrom"].unique()
    check_same_naming(chroms, genes["chrom"].unique(), "peaks", "genes")
    return genes["chrom"].isin(chroms)


def warn_of_lonely_genes(on_peaks: pd.Series, genes: pd.DataFrame) -> None:
    """Warn whoever makes the data set of genes that lie on chromosomes without a peak."""
    if not on_peaks.all():
        lonely = genes.loc[~on_peaks, "chrom"].value_counts()
        named = ", ".join(f"{chrom} ({count})" for chrom, count in lonely.head(5).items())
        warnings.warn(
            f"{int(lonely.sum())} gene(s) lie on chromosomes without any peak, so all their openness is 0: {named}",
            ChromosomeWarning,
            stacklevel=3,
        )


def check_interval_labels(openness: Any, peaks: pd.DataFrame) -> None:
    """Refuse a DataFrame whose rows are named after other intervals than those of the table.

    Names may count from 1, as those of genome browsers do, if all of them do.
    """
    if not isinstance(openness, pd.DataFrame) or len(openness) != len(peaks):
        return
    intervals = interval_labels(peaks)
    if pd.api.types.is_numeric_dtype(openness.index) or openness.index.equals(intervals):
        return
    wrong = np.flatnonzero(~_name_their_peaks(openness.index, intervals, peaks))
    if wrong.size:
        raise TableError(
            f"openness: row labels name other intervals than peaks: row {wrong[0]} is {openness.index[wrong[0]]}, "
            f"peaks have {intervals[wrong[0]]}; skepi.io.parse_intervals makes peaks of the labels"
        )


def _name_their_peaks(labels: pd.Index, intervals: pd.Index, peaks: pd.DataFrame) -> NDArray[np.bool_]:
    """Which labels name the peak in their row; where not all are intervals, which do not name the peak in another."""
    try:
        named = parse_intervals(labels)
    except TableError:
        texts = list(map(str, labels.to_numpy(dtype=object)))
        place = pd.Index(intervals, dtype=object).get_indexer(pd.Index(texts, dtype=object))
        return (place < 0) | (place == np.arange(len(place)))
    same = (named["chrom"] == peaks["chrom"]) & (named["end"] == peaks["end"])
    shift = peaks["start"] - named["start"]
    return (same & (shift == (shift.iloc[0] if shift.iloc[0] in (0, -1) else 0))).to_numpy()


def _columns_of(table: Any, what: str, wanted: tuple[str, ...]) -> pd.DataFrame:
    """Copy a table with a plain index, its columns present, not empty and not missing; cells that can be compared."""
    frame = frame_of(table, what, wanted).reset_index(drop=True).copy()
    for column in wanted:
        _refuse_rows(frame[column].isna(), frame, f"{what}: {column} missing")
    for column in frame:
        if pd.api.types.is_object_dtype(frame[column]):
            _check_comparable(frame[column], f"{what}: {column}")
    return frame


def _check_comparable(column: pd.Series, what: str) -> None:
    """Refuse cells such as lists and dicts: equal data sets are told by the cells of their tables."""
    try:
        pd.factorize(column)
    except TypeError as error:
        raise TableError(f"{what}: wanted single values, got cells that hold several ({error})") from None


def _text_of(cells: NDArray[np.object_]) -> pd.Series:
    """Text in the type that pandas has for it."""
    return pd.Series(cells).astype(str)


def _sequence_of(names: Any) -> list[Any]:
    """Names in an order of their own; one text is not several names of one letter."""
    check_unmasked(names, "cell_types")
    if isinstance(names, str | bytes | Set) or not isinstance(names, Iterable):
        raise TableError(
            f"cell_types: wanted a table, or names in the order of the columns, got {type(names).__name__}"
        )
    return list(names)


def _names_are_in(names: pd.Series, labels: pd.Index, others: pd.Index) -> bool:
    """Whether these labels hold all of the names, and the others do not."""
    wanted = set(names.to_numpy(dtype=object))
    return not wanted.issubset(_texts(others)) and wanted.issubset(_texts(labels))


def _is_numbered(labels: pd.Index) -> bool:
    return isinstance(labels, pd.RangeIndex)


def _texts(labels: pd.Index) -> set[str]:
    return set(map(str, labels.to_numpy(dtype=object)))


def _are_intervals(labels: pd.Index) -> bool:
    """Whether every label names an interval."""
    try:
        return len(parse_intervals(labels)) > 0
    except TableError:
        return False


def _transposed(what: str, shape: tuple[int, int], row: str) -> TableError:
    return TableError(
        f"{what} looks transposed: got shape {shape}, wanted one row for each {row} and one column for each cell type; "
        f"give {what}.T"
    )


def _matrix(matrix: Any, what: str, n_rows: int, rows_of: str, cell_types: pd.DataFrame) -> NDArray[np.floating]:
    """Finite numbers, n_rows x cell types; DataFrame columns are put in the order of the cell types."""
    if isinstance(matrix, pd.DataFrame):
        matrix = _columns_by_name(matrix, what, cell_types["name"])
    values = numbers_of(matrix, what)
    if values.shape != (n_rows, len(cell_types)):
        if values.shape == (len(cell_types), n_rows):
            raise _transposed(what, values.shape, rows_of.removesuffix("s"))
        raise TableError(
            f"{what} has shape {values.shape}, wanted ({n_rows}, {len(cell_types)}): "
            f"one row for each row of {rows_of}, one column for each cell type"
        )
    if not -_LARGEST <= values.min() <= values.max() <= _LARGEST:  # NaN is neither
        row, column = np.argwhere(~((values >= -_LARGEST) & (values <= _LARGEST)))[0]
        raise TableError(
            f"{what}: {values[row, column]:g} in row {row}, column {column} "
            f"({cell_types['name'].iloc[column]}); wanted finite numbers"
        )
    return values


def _check_float32(largest: NDArray, openness: NDArray[np.float32], names: pd.Series) -> None:
    """Refuse cell types whose values lose their digits in float32, or whose sum it cannot hold."""
    lost = np.flatnonzero((largest > 0) & (largest < _SMALLEST))
    if lost.size:
        raise TableError(
            f"openness: the largest value of {some(names.iloc[lost])} is {largest[lost[0]]:g}, and float32 loses the "
            f"digits of values below {_SMALLEST:.2g}; multiply openness by a constant"
        )
    total = openness.sum(axis=0, dtype=np.float64)
    over = np.flatnonzero(total > _LARGEST)
    if over.size:
        raise TableError(
            f"openness: the values of {some(names.iloc[over])} add up to {total[over[0]]:g}, and the sums of bins must "
            f"stay below {_LARGEST:.2g} (float32); divide openness by a constant"
        )


def _columns_by_name(matrix: pd.DataFrame, what: str, names: pd.Series) -> pd.DataFrame:
    place, absent, extra = _places(names, matrix.columns, f"{what}: columns", f"{what}: the same column twice")
    if absent or extra:
        raise TableError(f"{what}: columns do not match the cell types: absent {absent}, unknown {extra}")
    return matrix if (np.diff(place) == 1).all() else matrix.iloc[:, place]


def _rows_by_name(expression: pd.DataFrame, names: pd.Series) -> pd.DataFrame:
    place, absent, extra = _places(names, expression.index, "expression: rows", "expression: the same gene twice")
    if absent or extra:
        raise TableError(
            f"expression: rows do not match genes: absent {absent}, unknown {extra}; "
            "select the shared genes in both tables"
        )
    return expression.iloc[place]


def _places(names: pd.Series, labels: pd.Index, what: str, twice: str) -> tuple[IntArray, str, str]:
    """Where each name stands among labels; names that are absent there and labels that are no names, for messages."""
    text = pd.Index(names_of(labels, what), dtype=object)
    if text.has_duplicates:
        raise TableError(f"{twice}: {some(text[text.duplicated()])}")
    place = text.get_indexer(names.to_numpy(dtype=object))
    absent, extra = names[place < 0], np.delete(text, place[place >= 0])
    if len(absent) or len(extra):
        return place, some(absent) or "none", some(extra) or "none"
    return place, "", ""


def _refuse_rows(bad: Any, table: pd.DataFrame, message: str) -> None:
    """Raise with the number of bad rows and the first of them."""
    bad = np.asarray(bad)
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        row = ", ".join(f"{key}={value}" for key, value in table.iloc[first].items())
        raise TableError(f"{message}: {int(bad.sum())} row(s), first is row {first} ({row})")
