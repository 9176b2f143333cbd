"""What every room may expect of a table of regions: ``chrom, start, end``, 0-based half-open."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from skepi.exceptions import TableError
from skepi.intervals import MAX_POSITION

_COLUMNS = ("chrom", "start", "end")


def check_regions(table: Any, what: str = "peaks") -> pd.DataFrame:
    """Return the three columns with a plain index, chromosomes as text and positions as int64.

    Parameters
    ----------
    table : DataFrame or mapping
        Regions in any order; they may overlap and repeat. Further columns are left out.
    what : str, default="peaks"
        Name of the table in messages.

    Raises
    ------
    TableError
        For anything else: the message names the table, what was wanted and the first row that is wrong.
    """
    if not isinstance(table, pd.DataFrame | Mapping):
        raise TableError(f"{what}: wanted a table of peaks, got {type(table).__name__}")
    frame = pd.DataFrame(table)
    missing = [column for column in _COLUMNS if column not in frame]
    if missing:
        raise TableError(f"{what}: missing columns {missing}, got {list(frame.columns)}")
    if frame.empty:
        raise TableError(f"{what}: the table has no rows")
    chrom = _names(frame["chrom"], what)
    kinds = [frame[column].dtype for column in ("start", "end")]
    if not all(map(pd.api.types.is_integer_dtype, kinds)) or frame[["start", "end"]].isna().to_numpy().any():
        raise TableError(f"{what}: wanted whole numbers (bp), got {kinds[0]} and {kinds[1]}")
    start, end = frame["start"].to_numpy(), frame["end"].to_numpy()
    wrong = np.flatnonzero((start < 0) | (end <= start) | (end > MAX_POSITION))
    if wrong.size:
        row = int(wrong[0])
        raise TableError(
            f"{what}: wanted 0 <= start < end <= {MAX_POSITION}, got {start[row]} and {end[row]} in row {row} "
            f"({wrong.size} such row(s))"
        )
    return pd.DataFrame({"chrom": chrom, "start": start.astype(np.int64), "end": end.astype(np.int64)})


def _names(chrom: pd.Series, what: str) -> Any:
    """Names of chromosomes as text, one a row."""
    code, names = pd.factorize(chrom)
    if (code < 0).any():
        raise TableError(f"{what}: chrom: missing values")
    strange = [name for name in names if not isinstance(name, str) or not name or re.search(r"\s", name)]
    if strange:
        raise TableError(f"{what}: chrom: wanted text without white space, got {strange[0]!r}")
    return np.asarray(names, dtype=object)[code]
