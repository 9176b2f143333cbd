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

#: Standard chromosomes in each style of naming. ``chrMT`` is what becomes of MT where ``chr`` is put before all names.
STANDARD = {
    "ucsc": re.compile(f"chr({_NUMBERED}|MT?)").fullmatch,
    "ensembl": re.compile(f"({_NUMBERED}|MT)").fullmatch,
    "refseq": re.compile(r"(NC_[0-9]{6}\.[0-9]+)").fullmatch,
}

_REFSEQ = re.compile(r"NC_([0-9]{6})\.[0-9]+").fullmatch
_REFSEQ_RUNS = (
    (1, [*map(str, range(1, 23)), "X", "Y"]),  # human, GRCh37 and GRCh38
    (60_925, [*map(str, range(1, 23)), "X", "Y"]),  # human, T2T-CHM13v2.0
    (67, [*map(str, range(1, 20)), "X", "Y"]),  # mouse, GRCm38 and GRCm39
    (51_336, [*map(str, range(1, 21)), "X", "Y"]),  # rat, mRatBN7.2
    (7_112, [*map(str, range(1, 26))]),  # zebrafish
)
_REFSEQ_MITOCHONDRIA = (12_920, 5_089, 1_665, 2_333)  # human, mouse, rat, zebrafish

#: Chromosomes by the number of their RefSeq accession, which stays the same from one assembly to the next.
REFSEQ = {first + place: name for first, names in _REFSEQ_RUNS for place, name in enumerate(names)}
REFSEQ |= dict.fromkeys(_REFSEQ_MITOCHONDRIA, "M")


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
    assemblies = [twin for twin in twins if all(map(_REFSEQ, twin))]
    if assemblies:
        raise ChromosomeMismatchError(
            f"{what} and {what_other} are of two assemblies: {' and '.join(assemblies[0])} are two versions of one "
            "chromosome; lift one table over to the assembly of the other"
        )
    said = "name the same chromosome in two ways"
    if first.isdisjoint(second):
        said = f"have no chromosome in common: {_few(first)} against {_few(second)}"
    hint = ": are they of one assembly and species?"
    if twins:
        hint = f" ({twins[0][0]} and {twins[0][1]} are the same; skepi.io.convert_chromosomes renames them)"
    raise ChromosomeMismatchError(f"{what} and {what_other} {said}{hint}")


def core_of(name: str) -> str | None:
    """What names of a standard chromosome share, those of UCSC, Ensembl and RefSeq; None for other names.

    Examples
    --------
    >>> core_of("chr7"), core_of("7"), core_of("NC_000007.14"), core_of("chrMT"), core_of("chr7_KI270803v1_alt")
    ('7', '7', '7', 'M', None)
    """
    accession = _REFSEQ(name)
    if accession is not None:
        return REFSEQ.get(int(accession[1]))
    found = STANDARD["ucsc"](name) or STANDARD["ensembl"](name)
    return None if found is None else "M" if found[1] == "MT" else found[1]


def _few(names: set[str], most: int = 3) -> str:
    return ", ".join(sorted(names)[:most]) + (", ..." if len(names) > most else "")
