"""Checks at the door: each returns a clean copy of a table or says what is wrong with it."""

import warnings
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from skepi._regions import check_regions, check_same_naming
from skepi.exceptions import ChromosomeWarning, TableError
from skepi.intervals import MAX_POSITION
from skepi.io import parse_intervals

_ROUNDING = 1e-6


def check_peaks(peaks: Any) -> pd.DataFrame:
    """Columns ``chrom, start, end``; 0-based half-open, no interval twice."""
    table = _columns_of(peaks, "peaks", ("chrom", "start", "end"))
    table[["chrom", "start", "end"]] = check_regions(table)
    _refuse_rows(table.duplicated(["chrom", "start", "end"]), table, "peaks: the same interval twice")
    return table


def check_genes(genes: Any) -> pd.DataFrame:
    """Columns ``name, chrom, tss, strand``; names unique, strand ``+`` or ``-``."""
    table = _columns_of(genes, "genes", ("name", "chrom", "tss", "strand"))
    table["tss"] = _positions(table["tss"], "genes.tss")
    _refuse_rows(~table["strand"].isin(["+", "-"]), table, "genes: strand must be '+' or '-'")
    _refuse_rows(table.duplicated("name"), table, "genes: the same name twice")
    return table


def check_cell_types(cell_types: Any, openness: Any, n_cell_types: int) -> pd.DataFrame:
    """Columns ``name`` and, where known, ``lineage``; taken from the columns of ``openness`` if not given."""
    if cell_types is None:
        if not isinstance(openness, pd.DataFrame):
            raise TableError("cell_types: wanted names, because openness is an array without column names")
        cell_types = openness.columns
    if not isinstance(cell_types, pd.DataFrame | Mapping):
        cell_types = pd.DataFrame({"name": list(cell_types)})
    table = _columns_of(cell_types, "cell_types", ("name",))
    if "lineage" in table and table["lineage"].isna().any():
        _refuse_rows(table["lineage"].isna(), table, "cell_types: lineage missing")
    _refuse_rows(table.duplicated("name"), table, "cell_types: the same name twice")
    if len(table) != n_cell_types:
        raise TableError(f"openness has {n_cell_types} columns but cell_types has {len(table)} rows")
    return table


def check_openness(openness: Any, n_peaks: int, cell_types: pd.DataFrame) -> NDArray[np.float32]:
    """Peaks x cell types as a read-only float32 array in the order of the tables, kept cell type by cell type.

    A pair needs neighbouring peaks in one cell type: so they are neighbours in memory.
    Values below 0 by no more than rounding (1e-6 of the largest) become 0.
    """
    values = _matrix(openness, "openness", n_peaks, "peaks", cell_types)
    negative = values < -_ROUNDING * values.max(initial=0)
    if negative.any():
        row, column = np.argwhere(negative)[0]
        raise TableError(
            f"openness: {values[row, column]:g} in row {row}, column {column} "
            f"({cell_types['name'].iloc[column]}); wanted values >= 0 (not log ratios)"
        )
    return _frozen(np.maximum(values, 0).astype(np.float32), order="F")


def check_expression(expression: Any, genes: pd.DataFrame, cell_types: pd.DataFrame) -> NDArray[np.float64]:
    """Genes x cell types as a read-only float64 array in the order of the tables."""
    if isinstance(expression, pd.DataFrame) and not isinstance(expression.index, pd.RangeIndex):
        expression = _rows_by_name(expression, genes["name"])
    values = _matrix(expression, "expression", len(genes), "genes", cell_types)
    return _frozen(values.astype(np.float64))


def check_row_labels(matrix: Any, table: Any, what: str, rows_of: str) -> None:
    """Refuse a DataFrame whose row labels are those of its table, or ``chrom:start-end``, in another order."""
    if not isinstance(matrix, pd.DataFrame) or not isinstance(table, pd.DataFrame) or len(matrix) != len(table):
        return
    candidates = [table.index]
    if {"chrom", "start", "end"} <= set(table.columns):
        text = table[["chrom", "start", "end"]].astype(str)
        candidates.append(pd.Index(text["chrom"] + ":" + text["start"] + "-" + text["end"]))
    for labels in candidates:
        if not matrix.index.equals(labels) and matrix.index.isin(labels).all() and labels.isin(matrix.index).all():
            first = int(np.flatnonzero(matrix.index != labels)[0])
            raise TableError(
                f"{what}: row labels are those of {rows_of} in another order (row {first} is {matrix.index[first]}, "
                f"wanted {labels[first]}); use {what}.loc[...] in the order of {rows_of}, or reset_index in both"
            )


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
    if not isinstance(openness, pd.DataFrame) or not pd.api.types.is_string_dtype(openness.index):
        return
    try:
        named = parse_intervals(openness.index)
    except TableError:
        return
    if len(named) != len(peaks):
        return
    same = (named["chrom"] == peaks["chrom"]) & (named["end"] == peaks["end"])
    shift = peaks["start"] - named["start"]
    fits = same & (shift == (shift.iloc[0] if shift.iloc[0] in (0, -1) else 0))
    if not fits.all():
        row = int(np.flatnonzero(~fits)[0])
        region = peaks.iloc[row]
        raise TableError(
            f"openness: row labels name other intervals than peaks: row {row} is {openness.index[row]}, peaks have "
            f"{region['chrom']}:{region['start']}-{region['end']}; skepi.io.parse_intervals makes peaks of the labels"
        )


def _columns_of(table: Any, what: str, wanted: tuple[str, ...]) -> pd.DataFrame:
    """Copy a table with a plain index, its columns present, not empty and not missing."""
    frame = pd.DataFrame(table).reset_index(drop=True).copy()
    repeated = frame.columns[frame.columns.duplicated()]
    if len(repeated):
        raise TableError(f"{what}: the same column twice: {_some(repeated)}")
    missing = [column for column in wanted if column not in frame]
    if missing:
        raise TableError(f"{what}: wanted columns {list(wanted)}, got {list(frame.columns)}; missing {missing}")
    if frame.empty:
        raise TableError(f"{what}: the table has no rows")
    for column in wanted:
        _refuse_rows(frame[column].isna(), frame, f"{what}: {column} missing")
        if column in ("chrom", "name", "strand"):
            frame[column] = frame[column].astype(str)
    return frame


def _positions(column: pd.Series, what: str) -> pd.Series:
    """Whole positions within int32, as int64."""
    if not pd.api.types.is_integer_dtype(column):
        raise TableError(f"{what}: wanted whole numbers (bp), got dtype {column.dtype}")
    outside = (column < 0) | (column > MAX_POSITION)
    _refuse_rows(outside, column.to_frame(), f"{what}: positions must lie in 0 .. {MAX_POSITION}")
    return column.astype(np.int64)


def _matrix(matrix: Any, what: str, n_rows: int, rows_of: str, cell_types: pd.DataFrame) -> NDArray[np.floating]:
    """Finite numbers, n_rows x cell types; DataFrame columns are put in the order of the cell types."""
    if isinstance(matrix, pd.DataFrame):
        matrix = _columns_by_name(matrix, what, cell_types["name"])
    elif sp.issparse(matrix):
        matrix = matrix.toarray()
    values = np.asarray(matrix)
    if values.dtype.kind not in "fiub":
        raise TableError(f"{what}: wanted numbers, got dtype {values.dtype}")
    if values.shape != (n_rows, len(cell_types)):
        raise TableError(
            f"{what} has shape {values.shape}, wanted ({n_rows}, {len(cell_types)}): "
            f"one row for each row of {rows_of}, one column for each cell type"
        )
    unfit = ~(np.abs(values) <= np.finfo(np.float32).max)
    if unfit.any():
        row, column = np.argwhere(unfit)[0]
        raise TableError(
            f"{what}: {values[row, column]:g} in row {row}, column {column} "
            f"({cell_types['name'].iloc[column]}); wanted finite numbers"
        )
    return values


def _columns_by_name(matrix: pd.DataFrame, what: str, names: pd.Series) -> pd.DataFrame:
    columns = matrix.columns.astype(str)
    if columns.has_duplicates:
        raise TableError(f"{what}: the same column twice: {_some(columns[columns.duplicated()])}")
    absent = [name for name in names if name not in columns]
    extra = [name for name in columns if name not in set(names)]
    if absent or extra:
        raise TableError(
            f"{what}: columns do not match the cell types: "
            f"absent {_some(absent) or 'none'}, unknown {_some(extra) or 'none'}"
        )
    return matrix.set_axis(columns, axis=1)[list(names)]


def _rows_by_name(expression: pd.DataFrame, names: pd.Series) -> pd.DataFrame:
    index = expression.index.astype(str)
    if index.has_duplicates:
        raise TableError(f"expression: the same gene twice: {_some(index[index.duplicated()])}")
    absent = names[~names.isin(index)]
    extra = index[~index.isin(names)]
    if len(absent) or len(extra):
        raise TableError(
            f"expression: rows do not match genes: absent {_some(absent) or 'none'}, unknown "
            f"{_some(extra) or 'none'}; select the shared genes in both tables"
        )
    return expression.set_axis(index, axis=0).loc[list(names)]


def _refuse_rows(bad: Any, table: pd.DataFrame, message: str) -> None:
    """Raise with the number of bad rows and the first of them."""
    bad = np.asarray(bad)
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        row = ", ".join(f"{key}={value}" for key, value in table.iloc[first].items())
        raise TableError(f"{message}: {int(bad.sum())} row(s), first is row {first} ({row})")


def _some(names: Any, most: int = 5) -> str:
    """First few names of many, for messages."""
    names = [str(name) for name in names]
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest


def _frozen(values: NDArray, order: Literal["C", "F"] = "C") -> NDArray:
    """Own, in this order of memory, and read-only."""
    values = np.array(values, order=order, copy=True)
    values.flags.writeable = False
    return values
