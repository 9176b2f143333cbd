"""What every room may expect of regions: ``chrom, start, end``, 0-based half-open, chromosomes named in one way."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from skepi.exceptions import ChromosomeMismatchError, TableError
from skepi.intervals import MAX_POSITION

_COLUMNS = ("chrom", "start", "end")
_NUMBERED = "[1-9][0-9]?[ABLR]?|X[LR]?|Y|W|Z|[IVX]{1,4}"

#: Standard chromosomes in each style of naming.
STANDARD = {
    "ucsc": re.compile(f"chr({_NUMBERED}|M)").fullmatch,
    "ensembl": re.compile(f"({_NUMBERED}|MT)").fullmatch,
    "refseq": re.compile(r"(NC_[0-9]{6}\.[0-9]+)").fullmatch,
}


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
    """Names of chromosomes as text, one a row; whole numbers are names too."""
    code, names = pd.factorize(chrom)
    if (code < 0).any():
        raise TableError(f"{what}: chrom: missing values")
    strange = [name for name in names if not isinstance(name, str | int | np.integer) or re.search(r"^$|\s", str(name))]
    if strange:
        raise TableError(f"{what}: chrom: wanted text without white space, got {strange[0]!r}")
    return np.array([str(name) for name in names], dtype=object)[code]


def check_same_naming(one: Iterable[str], other: Iterable[str], what: str, what_other: str) -> None:
    """Refuse two sets of chromosome names that share none, or that name the same chromosome in two ways.

    Contigs are often named alike where chromosomes are not, so that sharing one name is not enough.
    """
    first, second = set(one), set(other)
    cores = {core_of(name): name for name in first - second if core_of(name)}
    twins = [(cores[core_of(name)], name) for name in sorted(second - first) if core_of(name) in cores]
    if not twins and not first.isdisjoint(second):
        return
    said = "name the same chromosome in two ways"
    if first.isdisjoint(second):
        said = f"have no chromosome in common: {_few(first)} against {_few(second)}"
    hint = f" ({twins[0][0]} and {twins[0][1]} are one; skepi.io.convert_chromosomes renames them)" if twins else ""
    raise ChromosomeMismatchError(f"{what} and {what_other} {said}{hint}")


def core_of(name: str) -> str | None:
    """What the UCSC and Ensembl names of a standard chromosome share; None for other names."""
    found = STANDARD["ucsc"](name) or STANDARD["ensembl"](name)
    return None if found is None else "M" if found[1] == "MT" else found[1]


def _few(names: set[str], most: int = 3) -> str:
    return ", ".join(sorted(names)[:most]) + (", ..." if len(names) > most else "")
