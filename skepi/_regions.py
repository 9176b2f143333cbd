"""What every room may expect of regions: ``chrom, start, end``, 0-based half-open, chromosomes named in one way."""

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._doors import frame_of, names_of, whole_numbers_of
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
    frame = frame_of(table, what, _COLUMNS)
    chrom = _chromosomes(frame["chrom"], f"{what}: chrom")
    start, end = (whole_numbers_of(frame[column], f"{what}: {column}") for column in ("start", "end"))
    wrong = np.flatnonzero((start < 0) | (end <= start) | (end > MAX_POSITION))
    if wrong.size:
        row = int(wrong[0])
        raise TableError(
            f"{what}: wanted 0 <= start < end <= {MAX_POSITION}, got {start[row]} and {end[row]} in row {row} "
            f"({wrong.size} such row(s))"
        )
    return pd.DataFrame({"chrom": chrom, "start": start.astype(np.int64), "end": end.astype(np.int64)})


def _chromosomes(column: pd.Series, what: str) -> NDArray[np.object_]:
    """Names of chromosomes as text, one for each row, without white space."""
    names = names_of(column, what)
    strange = [name for name in pd.unique(names) if re.search(r"\s", name)]
    if strange:
        raise TableError(f"{what}: wanted text without white space, got {strange[0]!r}")
    return names


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
