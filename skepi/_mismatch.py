"""Why names do not agree, and how many a known repair would bring together; nothing is repaired here."""

import re
from collections.abc import Callable
from typing import NamedTuple

import pandas as pd

from skepi._doors import some
from skepi._identifiers import is_ensembl_id, without_mark_of_y, without_refseq_version, without_version

_MADE_UNIQUE = re.compile(r"(.+?)(?:[._-](?:[0-9]{1,3}|dup[0-9]*))$").fullmatch
_PREFIX = re.compile(r"^(?:gene|transcript|geneid|hgnc|entrez|entrezid)[:_-]", re.IGNORECASE)
_MONTH = "jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec|m\u00e4r|mrz|okt|dez"
_DATE = re.compile(
    rf"[0-9]{{1,2}}[-/. ](?:{_MONTH})|(?:{_MONTH})[-/. ][0-9]{{1,2}}|(?:19|20)[0-9]{{2}}-[01][0-9]-[0-3][0-9].*",
    re.IGNORECASE,
).fullmatch
_FILE = re.compile(
    r"^.*/|(?:\.(?:sorted|dedup|bam|cram|bw|bigwig|bed|bedgraph|narrowpeak|broadpeak|counts|txt|tsv|csv|gz))+$",
    re.IGNORECASE,
)


class Repair(NamedTuple):
    """A way to write names, under which two sets of them may meet.

    Attributes
    ----------
    differs : str
        What differs, in words.
    way : str
        How to write both sides alike.
    of : callable
        From name to name.
    """

    differs: str
    way: str
    of: Callable[[str], str]


def _without_quotes(name: str) -> str:
    return name.strip(" '\"")


def _without_prefix(name: str) -> str:
    return without_version(_PREFIX.sub("", name)) if ":" in name or "-" in name or "_" in name else name


def _of_x(name: str) -> str:
    return without_version(without_mark_of_y(name))


def _before_bar(name: str) -> str:
    return name.partition("|")[0]


def _after_bar(name: str) -> str:
    return name.rpartition("|")[2]


def _without_decimals(name: str) -> str:
    return name.removesuffix(".0")


def _as_in_r(name: str) -> str:
    """Name as R's make.names writes it, without the X that it puts before digits."""
    if name.isalnum() and name[0] != "X":
        return name
    return re.sub(r"^X(?=[0-9])", "", re.sub(r"[^A-Za-z0-9_.]", ".", name))


def _without_folder(name: str) -> str:
    return _FILE.sub("", name) if "/" in name or "." in name else name


_REPAIRS = (
    Repair("white space around names differs", "take it off with .str.strip()", str.strip),
    Repair("quotation marks differ", "take them off with .str.strip('\\'\"')", _without_quotes),
    Repair("versions of identifiers differ", "strip_versions takes them off on both sides", without_version),
    Repair("versions of RefSeq accessions differ", "take them off with .str.split('.').str[0]", without_refseq_version),
    Repair("marks of copies on Y differ", "leave out the rows whose names contain _PAR_Y or ENSGR", _of_x),
    Repair("prefixes differ", "take them off with .str.replace", _without_prefix),
    Repair("what follows a bar differs", "keep what is before: .str.split('|').str[0]", _before_bar),
    Repair("what comes before a bar differs", "keep what is after: .str.split('|').str[-1]", _after_bar),
    Repair("decimals of whole numbers differ", "write them as text of integers", _without_decimals),
    Repair("characters that R replaces differ", "check.names=FALSE keeps them in R", _as_in_r),
    Repair("folders and endings of files differ", "rename them", _without_folder),
    Repair("upper and lower case differ", "is it the same species? .str.upper() writes both alike", str.upper),
)


def how_written(given: pd.Index, wanted: pd.Index) -> str:
    """The repair that brings most names together, in words; "" where none does.

    Examples
    --------
    >>> how_written(pd.Index(["CD4.T", "B"]), pd.Index(["CD4-T", "B"])).partition(";")[0]
    "characters that R replaces differ: 1 more would match ('CD4.T' and 'CD4-T')"
    """
    return _best_repair(*_unmet(given, wanted))


def why_names_differ(rows: pd.Index, names: pd.Index) -> str:
    """Say what differs between names of rows and names of genes that did not meet, as far as it can be seen.

    Examples
    --------
    >>> why_names_differ(pd.Index(["A", "B "]), pd.Index(["A", "B"]))
    "white space around names differs: 1 more would match ('B ' and 'B'); take it off with .str.strip()"
    """
    left_rows, left_names = _unmet(rows, names)
    found = _best_repair(left_rows, left_names)
    said = [found] if found else []
    dates = [name for name in left_rows if _DATE(name)]
    if dates:
        said.append(
            f"{len(dates)} row(s) look like genes that a spreadsheet made dates of ({some(dates, 2)}), such as MARCHF1 "
            "and SEPTIN2: use the file as it was before"
        )
    met = set(map(str, rows.tolist())).intersection(map(str, names.tolist()))
    copies = [] if found else _made_unique(left_rows, met)
    if copies:
        said.append(
            f"{len(copies)} row(s) look like further rows of a name, made unique ({some(copies, 2)}): from a file in "
            "which names repeat, read_matrix(..., repeated='sum') adds them up"
        )
    return "; ".join(said or _kinds_differ(left_rows, left_names, len(rows)))


def _unmet(one: pd.Index, other: pd.Index) -> tuple[list[str], list[str]]:
    """Names of each side that the other lacks, each once."""
    sides = [dict.fromkeys(map(str, side.tolist())) for side in (one, other)]
    return [name for name in sides[0] if name not in sides[1]], [name for name in sides[1] if name not in sides[0]]


def _best_repair(rows: list[str], names: list[str]) -> str:
    """The repair that matches most of the names, in words; "" where none does."""
    found = [(_n_met(rows, names, repair.of), -place, repair) for place, repair in enumerate(_REPAIRS)]
    n_met, _, repair = max(found)
    if n_met == 0:
        return ""
    written = {repair.of(row): row for row in reversed(rows)}
    one, other = next((written[repair.of(name)], name) for name in names if repair.of(name) in written)
    return f"{repair.differs}: {n_met:,} more would match ({one!r} and {other!r}); {repair.way}"


def _n_met(rows: list[str], names: list[str], written: Callable[[str], str]) -> int:
    """Number of genes that find a row when both are written in another way."""
    there = set(map(written, rows))
    return sum(name in there for name in map(written, names))


def _made_unique(rows: list[str], names: set[str]) -> list[str]:
    """Rows that have a name with a number behind it, as make.unique of R writes repeats of one that is there, too."""
    found = ((row, _MADE_UNIQUE(row)) for row in rows if not is_ensembl_id(row))
    return [row for row, match in found if match is not None and match[1] in names]


def _kinds_differ(rows: list[str], names: list[str], n_rows: int) -> list[str]:
    """Identifiers or numbers on one side and other names on the other, where no row has met a gene."""
    if len(rows) < n_rows:
        return []
    for kind, is_one in (("Ensembl identifiers", is_ensembl_id), ("numbers (Entrez identifiers?)", str.isdigit)):
        ids = [2 * sum(map(is_one, side)) > len(side) for side in (rows, names)]
        if ids[0] != ids[1]:
            sides = ("the matrix", "the column of genes")
            one, other = sides if ids[0] else sides[::-1]
            return [
                f"{one} has {kind} and {other} has other names ({some(rows, 2)} and {some(names, 2)}); "
                "choose_tss(..., name='gene_id') makes genes of identifiers"
            ]
    return []
