"""Checks at the door: each returns a clean copy of a table or says what is wrong with it."""

import warnings
from collections.abc import Iterable, Mapping, Set
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._columns import UNNAMED
from skepi._doors import (
    check_unmasked,
    frame_of,
    names_of,
    positions_of,
    strands_of,
)
from skepi._foreign import pandas_of
from skepi._labels import interval_labels
from skepi._matrices import transposed
from skepi._regions import check_regions, check_same_naming
from skepi.exceptions import ChromosomeWarning, TableError
from skepi.io import parse_intervals


def check_peaks(peaks: Any) -> pd.DataFrame:
    """Columns ``chrom, start, end``; 0-based half-open, no interval twice."""
    table = _columns_of(peaks, "peaks", ("chrom", "start", "end"))
    table[["chrom", "start", "end"]] = check_regions(table)
    place = [*(["signal"] if "signal" in table else []), "chrom", "start", "end"]
    _refuse_rows(table.duplicated(place), table, "peaks: the same interval twice")
    return table


def check_genes(genes: Any) -> pd.DataFrame:
    """Columns ``name, chrom, tss, strand``; names unique, strand ``+`` or ``-``."""
    table = _columns_of(genes, "genes", ("name", "chrom", "tss", "strand"))
    for column in ("name", "chrom"):
        table[column] = _text_of(names_of(table[column], f"genes: {column}"))
    table["strand"] = _text_of(strands_of(table["strand"], "genes", table["name"]))
    table["tss"] = positions_of(table["tss"], "genes.tss")
    _refuse_rows(table.duplicated("name"), table, "genes: the same name twice")
    return table


def check_cell_types(cell_types: Any, openness: Any) -> pd.DataFrame:
    """Columns ``name`` and, where known, ``lineage``; taken from the columns of ``openness`` if not given."""
    if cell_types is None:
        if not isinstance(openness, pd.DataFrame):
            raise TableError("cell_types: wanted names, because openness is an array without column names")
        cell_types = openness.columns
    cell_types = pandas_of(cell_types, "cell_types")
    if not isinstance(cell_types, pd.DataFrame | Mapping):
        cell_types = pd.DataFrame({"name": _sequence_of(cell_types)})
    table = _columns_of(cell_types, "cell_types", ("name",))
    table["name"] = _text_of(names_of(table["name"], "cell_types: name"))
    if "lineage" in table and table["lineage"].isna().any():
        _refuse_rows(table["lineage"].isna(), table, "cell_types: lineage missing")
    _refuse_rows(table.duplicated("name"), table, "cell_types: the same name twice")
    return table


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
        raise transposed("openness", openness.shape, "peak")


def check_expression_orientation(expression: Any, genes: pd.DataFrame, cell_types: pd.DataFrame) -> None:
    """Refuse expression that looks like cell types x genes."""
    wanted = (len(genes), len(cell_types))
    if isinstance(expression, pd.DataFrame):
        turned = _names_are_in(cell_types["name"], expression.index, expression.columns)
        turned |= _names_are_in(genes["name"], expression.columns, expression.index)
    else:
        turned = expression.shape == wanted[::-1] != wanted
    if turned:
        raise transposed("expression", expression.shape, "gene")


def check_not_swapped(openness: Any, expression: Any, peaks: Any, genes: pd.DataFrame) -> None:
    """Refuse openness with one row for each gene beside expression with one row for each peak."""
    if not isinstance(peaks, pd.DataFrame) or len(peaks) == len(genes):
        return
    n_rows = [matrix.shape[0] if getattr(matrix, "shape", ()) else None for matrix in (openness, expression)]
    if n_rows == [len(genes), len(peaks)]:
        raise TableError(
            f"openness has one row for each of {len(genes)} genes, and expression one for each of {len(peaks)} peaks: "
            "they look swapped; wanted PairedDataset(openness, peaks, genes, expression)"
        )


def check_shared_chromosomes(peaks: pd.DataFrame, genes: pd.DataFrame, what: str = "peaks") -> pd.Series:
    """Mark the genes that lie on a chromosome with peaks; raise if there are none, or names of two kinds."""
    chroms = peaks["chrom"].unique()
    check_same_naming(chroms, genes["chrom"].unique(), what, "genes")
    return genes["chrom"].isin(chroms)


def warn_of_lonely_genes(on_peaks: pd.Series, genes: pd.DataFrame, signal: str = UNNAMED) -> None:
    """Warn whoever makes the data set of genes that lie on chromosomes without a peak of a signal."""
    if not on_peaks.all():
        lonely = genes.loc[~on_peaks, "chrom"].value_counts()
        named = ", ".join(f"{chrom} ({count})" for chrom, count in lonely.head(5).items())
        peak = "peak" if signal == UNNAMED else f"peak of {signal}"
        warnings.warn(
            f"{int(lonely.sum())} gene(s) lie on chromosomes without any {peak}, so all their {signal} is 0: {named}",
            ChromosomeWarning,
            stacklevel=3,
        )


def check_interval_labels(matrix: Any, peaks: pd.DataFrame, what: str, way: str) -> None:
    """Refuse a DataFrame whose rows are named after other intervals than those of the table."""
    if not isinstance(matrix, pd.DataFrame) or len(matrix) != len(peaks):
        return
    row = first_other_interval(matrix.index, peaks)
    if row is not None:
        raise TableError(
            f"{what}: row labels name other intervals than peaks: row {row} is {matrix.index[row]}, "
            f"peaks have {interval_labels(peaks)[row]}; {way}"
        )


def first_other_interval(labels: pd.Index, peaks: pd.DataFrame) -> int | None:
    """First row whose label names another interval than the peak in it; None where there is none.

    Names may count from 1, as those of genome browsers do, if all of them do.
    """
    intervals = interval_labels(peaks)
    if pd.api.types.is_numeric_dtype(labels) or labels.equals(intervals):
        return None
    wrong = np.flatnonzero(~_name_their_peaks(labels, intervals, peaks))
    return int(wrong[0]) if wrong.size else None


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


def _refuse_rows(bad: Any, table: pd.DataFrame, message: str) -> None:
    """Raise with the number of bad rows and the first of them."""
    bad = np.asarray(bad)
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        row = ", ".join(f"{key}={value}" for key, value in table.iloc[first].items())
        raise TableError(f"{message}: in {int(bad.sum())} row(s), the first is row {first} ({row})")
