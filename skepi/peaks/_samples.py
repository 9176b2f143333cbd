"""Peak calls of many samples, read in parallel and checked."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray

from skepi.exceptions import TableError
from skepi.intervals import MAX_POSITION
from skepi.io import read_narrowpeak


def read_narrowpeaks(samples: Mapping[str, Any], *, n_jobs: int | None = None) -> dict[str, pd.DataFrame]:
    """Read the narrowPeak file of each sample, several at a time.

    Parameters
    ----------
    samples : mapping of str to path
        A file for each sample (cell type). A table that is there already stays as it is.
    n_jobs : int, optional
        Files read at once, as in joblib.

    Returns
    -------
    dict of DataFrame
        As :func:`skepi.io.read_narrowpeak` gives them (repeated intervals cut between summits), in the order of
        ``samples``; ``chrom`` is categorical.

    Raises
    ------
    FileFormatError
        Names the file, the line and the column.
    TableError
        Where there is no sample, or a table is not one of peaks.
    """
    if not samples:
        raise TableError("samples: wanted at least one, got none")
    tables = Parallel(n_jobs=n_jobs)(delayed(_read)(source) for source in samples.values())
    return {name: check_intervals(table, f"sample {name}") for name, table in zip(samples, tables, strict=True)}


def check_intervals(table: Any, what: str) -> pd.DataFrame:
    """Refuse what is no table of intervals ``chrom, start, end``."""
    if not isinstance(table, pd.DataFrame):
        raise TableError(f"{what}: wanted a table of peaks, got {type(table).__name__}")
    missing = [column for column in ("chrom", "start", "end") if column not in table]
    if missing:
        raise TableError(f"{what}: missing columns {missing}, got {list(table.columns)}")
    if table.empty or table["chrom"].isna().any():
        raise TableError(f"{what}: " + ("the table has no rows" if table.empty else "chrom: missing values"))
    start, end = (table[column].to_numpy() for column in ("start", "end"))
    if start.dtype.kind not in "iu" or end.dtype.kind not in "iu":
        raise TableError(f"{what}: wanted whole numbers (bp), got {start.dtype} and {end.dtype}")
    wrong = np.flatnonzero((start < 0) | (end <= start) | (end > MAX_POSITION))
    if wrong.size:
        row = int(wrong[0])
        raise TableError(
            f"{what}: wanted 0 <= start < end <= {MAX_POSITION}, got {start[row]} and {end[row]} in row {row}"
        )
    return table


def measure_of(table: pd.DataFrame, column: str, what: str) -> NDArray[np.float64]:
    """Values of a column, which must be finite and 0 or greater."""
    if column not in table:
        raise TableError(f"{what}: no column {column!r}, got {list(table.columns)}")
    values = table[column].to_numpy()
    if values.dtype.kind not in "fiu":
        raise TableError(f"{what}: {column}: wanted numbers, got dtype {values.dtype}")
    wrong = np.flatnonzero(~((values >= 0) & (values < np.inf)))
    if wrong.size:
        row = int(wrong[0])
        raise TableError(f"{what}: {column}: wanted finite values >= 0, got {values[row]:g} in row {row}")
    return values.astype(np.float64)


def _read(source: Any) -> Any:
    if not isinstance(source, str | os.PathLike):
        return source
    table = read_narrowpeak(source)
    return table.assign(chrom=table["chrom"].astype("category"))  # few names, many rows: cheap to send
