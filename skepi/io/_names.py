"""Names of peaks, chromosomes and genes: told apart, and converted on request only."""

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from skepi._doors import frame_of, some
from skepi._identifiers import without_version
from skepi._regions import STANDARD, check_regions, core_of
from skepi.exceptions import TableError
from skepi.intervals import MAX_POSITION
from skepi.io._left_out import LeftOut, say_left_out

_POSITION = "(0|[1-9][0-9]{0,9})"
_INTERVAL = re.compile(rf"(\S+)([:_-]){_POSITION}([_-]){_POSITION}").fullmatch
_SEPARATORS = (":-", "--", "__")


def parse_intervals(names: Iterable[str], *, one_based: bool = False) -> pd.DataFrame:
    """Read peaks from their names: ``chr1:10-20``, ``chr1-10-20`` or ``chr1_10_20``.

    Cell Ranger, Signac and ArchR write names so. Positions are taken as 0-based half-open, as these tools mean them; a
    name in the 1-based notation of genome browsers, DiffBind and featureCounts looks the same and cannot be told apart:
    ``one_based`` says that it is one.

    Parameters
    ----------
    names : iterable of str
        The last two separators of a name count, so that contigs may hold any of them (``HLA-A*01:01:5-9``).
    one_based : bool, default=False
        Whether the names count bases from 1 and include the last one: ``chr1:101-600`` is then [100, 600).

    Returns
    -------
    DataFrame
        ``chrom, start, end`` (0-based half-open, bp), in the order of the names.

    Raises
    ------
    TableError
        For no names, and for names that are no intervals; the first one and their number are named.

    Examples
    --------
    >>> parse_intervals(["chr1:10-20", "GL000220.1-5-9"])
            chrom  start  end
    0        chr1     10   20
    1  GL000220.1      5    9
    """
    names = list(names)
    if not names:
        raise TableError("names of peaks: there are none")
    rows = [_interval(name, one_based) for name in names]
    bad = [k for k, row in enumerate(rows) if row is None]
    if bad:
        order = "1 <= start <= end" if one_based else "start < end"
        raise TableError(
            f"names of peaks: {len(bad)} of {len(rows)} are not chrom:start-end (nor with - or _ throughout) with "
            f"{order} <= {MAX_POSITION}; the first is {names[bad[0]]!r} in row {bad[0]}"
        )
    return pd.DataFrame(rows, columns=["chrom", "start", "end"])


def format_intervals(peaks: Any) -> pd.Index:
    """Name peaks ``chr1:10-20``, the inverse of :func:`parse_intervals`.

    Parameters
    ----------
    peaks : DataFrame or mapping
        Columns ``chrom, start, end``: 0-based half-open, in bp.

    Returns
    -------
    Index of str
        In the order of the peaks, positions as in the table.

    Raises
    ------
    TableError
        For missing columns or rows, chromosomes without a name or with white space in it, and positions that are not
        ``0 <= start < end`` in range.

    Examples
    --------
    >>> format_intervals({"chrom": ["chr1"], "start": [10], "end": [20]}).tolist()
    ['chr1:10-20']
    """
    table = check_regions(peaks)
    return pd.Index(table["chrom"] + ":" + table["start"].astype(str) + "-" + table["end"].astype(str), name=None)


def chromosome_style(names: Iterable[str]) -> str:
    """Tell how chromosomes are named.

    Standard chromosomes alone decide: numbers (with an arm, as ``2L``), Roman numbers, X, Y, W, Z and the mitochondrial
    one. Contigs (``chrUn_KI270302v1``, ``GL000220.1``) are named alike by several and decide nothing.

    Parameters
    ----------
    names : iterable of str
        Chromosomes, each once or many times.

    Returns
    -------
    {"ucsc", "ensembl", "refseq", "mixed", "unknown"}
        ``chr1, chrM``; ``1, MT``; ``NC_000001.11``; more than one of these; no standard chromosome.

    Examples
    --------
    >>> chromosome_style(["chr1", "chrX", "chrUn_KI270302v1"]), chromosome_style(["1", "MT"]), chromosome_style(["?"])
    ('ucsc', 'ensembl', 'unknown')
    """
    distinct = set(map(str, names))
    styles = [style for style, matches in STANDARD.items() if any(map(matches, distinct))]
    return styles[0] if len(styles) == 1 else "mixed" if styles else "unknown"


def convert_chromosomes(table: pd.DataFrame, style: str, unknown: str = "error") -> pd.DataFrame:
    """Name chromosomes in the style of UCSC (``chr1, chrM``) or of Ensembl (``1, MT``).

    RefSeq accessions (``NC_000001.11``) are known for human, mouse, rat (mRatBN7.2) and zebrafish.

    skepi never does so by itself: files of another naming may be of another assembly. The ``chrM`` of UCSC's hg19 is
    an older sequence than the ``MT`` of GRCh37; in later assemblies, and for other chromosomes, they are the same.

    Parameters
    ----------
    table : DataFrame
        Peaks or genes, with a column ``chrom``.
    style : {"ucsc", "ensembl"}
        Names in this style already stay as they are.
    unknown : {"error", "keep", "drop"}, default="error"
        What to do with names that have no counterpart, as those of contigs: refuse them, keep them or drop their rows.

    Returns
    -------
    DataFrame
        A copy with other names in ``chrom``; the rows that are left keep their index. ``attrs["left_out"]`` lists the
        chromosomes dropped.

    Raises
    ------
    TableError
        For no column ``chrom``, names without counterpart, accessions of two assemblies in one table, or no row left.

    Warns
    -----
    LeftOutWarning
        Where ``unknown="drop"`` drops rows.

    Examples
    --------
    >>> genes = pd.DataFrame({"name": ["TP53", "MT-CO1"], "chrom": ["17", "MT"]})
    >>> convert_chromosomes(genes, "ucsc")["chrom"].tolist()
    ['chr17', 'chrM']
    """
    if style not in ("ucsc", "ensembl"):
        raise ValueError(f"style must be 'ucsc' or 'ensembl', got {style!r}")
    if unknown not in ("error", "keep", "drop"):
        raise ValueError(f"unknown must be 'error', 'keep' or 'drop', got {unknown!r}")
    table = frame_of(table, "table", ("chrom",))
    names = table["chrom"].astype(object)
    new = {name: _counterpart(name, style) for name in names.unique()}
    strange = [name for name, counterpart in new.items() if counterpart is None]
    if strange and unknown == "error":
        raise TableError(
            f"chromosomes without a name in the style {style}: {some(strange)}; unknown='keep' keeps them, "
            "'drop' drops their rows"
        )
    _refuse_two_assemblies(new)
    kept = np.ones(len(table), bool) if unknown == "keep" else ~names.isin(strange).to_numpy()
    if not kept.any():
        raise TableError(f"no row is left: no chromosome has a name in the style {style}: {some(strange)}")
    out = table[kept].copy()
    out["chrom"] = [name if new[name] is None else new[name] for name in names[kept]]
    out.attrs["left_out"] = strange if unknown == "drop" else []
    dropped = {f"on chromosomes without a name in the style {style}": names[~kept].tolist()}
    say_left_out("convert_chromosomes", [LeftOut("rows", len(table), dropped)])
    return out


def strip_versions(names: Iterable[str]) -> pd.Index:
    """Take the version off Ensembl identifiers: ``ENSG00000141510.18`` becomes ``ENSG00000141510``.

    So does the number that GENCODE adds to what was lifted to GRCh37 (``ENSG00000223972.5_2``). Symbols that end alike
    (``AC004057.1``, ``RP11-34P13.7``) are no such identifiers and stay; so do ``_PAR_Y`` and the ``R`` of
    ``ENSGR0000182378``, which mark the copy on Y.

    Parameters
    ----------
    names : iterable of str
        Names of genes, transcripts, proteins or exons, of any species.

    Returns
    -------
    Index of str
        In the order of the names.

    Raises
    ------
    TableError
        Where two different names become one.

    Examples
    --------
    >>> strip_versions(["ENSG00000002586.20_PAR_Y", "ENSMUSG00000059552.14", "AC004057.1"]).tolist()
    ['ENSG00000002586_PAR_Y', 'ENSMUSG00000059552', 'AC004057.1']
    """
    old = list(names)
    new = [without_version(name) for name in old]
    distinct = pd.DataFrame({"old": old, "new": new}, dtype=object).drop_duplicates()
    merged = distinct["new"].duplicated(keep=False)
    if merged.any():
        raise TableError(f"{int(merged.sum())} names become the same as another: {some(distinct['old'][merged])}")
    return pd.Index(new, name=getattr(names, "name", None))


def _refuse_two_assemblies(new: dict[Any, str | None]) -> None:
    """Refuse two RefSeq accessions of one chromosome: they belong to two assemblies."""
    seen: dict[str, str] = {}
    for name, counterpart in new.items():
        if counterpart is None or not STANDARD["refseq"](str(name)):
            continue
        other = seen.setdefault(counterpart, str(name))
        if other != str(name):
            raise TableError(
                f"{other} and {name} are both {counterpart}, of two assemblies: keep the rows of one of them"
            )


def _interval(name: Any, one_based: bool) -> tuple[str, int, int] | None:
    """Chromosome, start and end of a name; None where it has none."""
    found = _INTERVAL(name) if isinstance(name, str) else None
    if found is None or found[2] + found[4] not in _SEPARATORS:
        return None
    if found[2] != ":" and found[1][-1] in ":_-":
        return None  # as in chr1:-5-10
    start, end = int(found[3]) - one_based, int(found[5])
    return (found[1], start, end) if 0 <= start < end <= MAX_POSITION else None


def _counterpart(name: Any, style: str) -> str | None:
    """Name of a standard chromosome in a style; None for others."""
    core = core_of(str(name))
    if core is None:
        return None
    return f"chr{core}" if style == "ucsc" else core.replace("M", "MT")
