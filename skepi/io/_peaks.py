"""Files of peak callers, told by their layout."""

from collections.abc import Callable

import pandas as pd

from skepi.exceptions import FileFormatError
from skepi.io._bed import (
    NOT_DATA,
    PEAK,
    REGION,
    check_repeated,
    interval_of,
    is_region,
    measures_of,
    one_row_per_summit,
    optional_of,
    read_bed,
    read_narrowpeak,
)
from skepi.io._text import Line, Path, columns_of, finite, read_lines

_SEACR = ("chrom", "start", "end", "auc", "max_signal", "signal_value", "summit")
_HOMER = ("chrom", "start", "end", "name", "strand", "signal_value")
_HOMER_HEADER = ("#peakid", "chr", "start", "end", "strand", "normalized tag count")
_HOMER_STRANDS = {"+": "+", "-": "-", ".": ".", "0": "+", "1": "-"}
_MACS_HEADER = ("chr", "start", "end", "length")
_MACS_VALUES = ("-log10(pvalue)", "fold_enrichment", "-log10(qvalue)", "name")
_IDR = (*PEAK, "log10_local_idr", "log10_global_idr")
_LAYOUTS = "3 to 6 or 12 columns (BED), 6 (SEACR), 9 (broadPeak), 10 (narrowPeak), 15 (gappedPeak) or 20 (IDR)"


def read_peaks(path: Path, repeated: str = "cut") -> pd.DataFrame:
    """Read a file of a peak caller, told by its header or by its number of columns.

    ===========================  ======================================================================
    layout                       columns of the table
    ===========================  ======================================================================
    narrowPeak, broadPeak        as of :func:`read_narrowpeak`
    gappedPeak (15 columns)      the same, no summits; the whole interval, not its blocks
    IDR of two replicates (20)   those of narrowPeak and ``log10_local_idr, log10_global_idr`` (-log10)
    SEACR (6 columns)            ``chrom, start, end, auc, max_signal, signal_value, summit``
    MACS2, MACS3 ``_peaks.xls``  ``chrom, start, end, name, signal_value, log10_p, log10_q, summit``
    HOMER (``#PeakID``)          ``chrom, start, end, name, strand, signal_value``
    BED                          as of :func:`read_bed`, without signal
    ===========================  ======================================================================

    For SEACR ``signal_value`` is the mean signal, ``auc / (end - start)``, and ``summit`` the middle of the region of
    the greatest signal. For MACS it is the fold enrichment, for HOMER the normalized tag count.

    Parameters
    ----------
    path : path
        Text, plain or gzipped.
    repeated : {"cut", "keep", "strongest"}, default="cut"
        What to do with an interval of several summits, as in :func:`read_narrowpeak`.

    Returns
    -------
    DataFrame
        0-based half-open (MACS and HOMER count from 1 and are converted), in the order of the file. ``summit`` is a
        position, -1 where there is none.

    Raises
    ------
    FileFormatError
        With file, line and column: as in :func:`read_bed` and :func:`read_narrowpeak`; also for another number of
        columns, and for tables of MACS of which length or summit do not fit the interval.

    References
    ----------
    UCSC Genome Browser, ENCODE peak formats. Meers et al., Epigenetics & Chromatin 2019 (SEACR). Li et al., Annals of
    Applied Statistics 2011 (IDR).

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "HSC.stringent.bed")
    ...     _ = path.write_text("chr1\\t100\\t300\\t500\\t4\\tchr1:150-171\\n")
    ...     read_peaks(path).to_dict("list")
    {'chrom': ['chr1'], 'start': [100], 'end': [300], 'auc': [500.0], 'max_signal': [4.0], 'signal_value': [2.5], \
'summit': [160]}
    """
    check_repeated(repeated)
    header = _header_of_homer(path)
    if header is not None:
        return _rows(path, header, _homer_row, _HOMER)
    first = next(read_lines(path, skip=NOT_DATA))
    n_fields = len(first.fields)
    if tuple(first.fields[:4]) == _MACS_HEADER:
        return _macs(path, first, repeated)
    if n_fields in (len(PEAK) - 1, len(PEAK)):
        return read_narrowpeak(path, repeated)
    if n_fields == 6 and is_region(first.fields[5]):
        return _rows(path, 0, _seacr_row, _SEACR)
    if n_fields == 15:
        return _rows(path, 0, _gapped_row, PEAK)
    if n_fields == 20:
        return _with_summits(path, 0, _idr_row, _IDR, repeated)
    if n_fields in (1, 3, 4, 5, 6, 12):
        return read_bed(path)
    raise first.error(f"wanted {_LAYOUTS}, or the header of MACS or HOMER, got {n_fields} tab-separated columns")


def _rows(path: Path, header: int, row_of: Callable[[Line], tuple], names: tuple[str, ...]) -> pd.DataFrame:
    """One row per line behind the header, all of the same number of columns."""
    table, _ = _numbered(path, header, row_of, names)
    return table


def _with_summits(
    path: Path, header: int, row_of: Callable[[Line], tuple], names: tuple[str, ...], repeated: str
) -> pd.DataFrame:
    """As :func:`_rows`, with intervals of several summits treated as asked."""
    table, numbers = _numbered(path, header, row_of, names)
    return one_row_per_summit(table, path, numbers, repeated, has_summits=True)


def _numbered(
    path: Path, header: int, row_of: Callable[[Line], tuple], names: tuple[str, ...]
) -> tuple[pd.DataFrame, list[int]]:
    """Table, and the line of each row."""
    rows, numbers, width = [], [], None
    for line in read_lines(path, skip=NOT_DATA):
        if line.number <= header:
            continue
        width = width or len(line.fields)
        if len(line.fields) != width:
            raise line.error(f"wanted {width} columns as in the lines before, got {len(line.fields)}")
        rows.append(row_of(line))
        numbers.append(line.number)
    if not rows:
        raise FileFormatError(path, None, None, "the file ends with the header: no peaks")
    return pd.DataFrame(columns_of(rows, names)), numbers


# --- layouts


def _seacr_row(line: Line) -> tuple:
    chrom, start, end = interval_of(line)
    auc, greatest = _signal(line, 3, "auc"), _signal(line, 4, "max_signal")
    region = REGION(line.fields[5])
    if region is None or not start <= int(region[1]) < int(region[2]) <= end:
        raise line.error(f"wanted a region within {chrom}:{start}-{end}, got {line.fields[5]!r}", 5)
    return chrom, start, end, auc, greatest, auc / (end - start), (int(region[1]) + int(region[2])) // 2


def _gapped_row(line: Line) -> tuple:
    """The interval with its measures, which stand in the last three columns."""
    as_broad = Line(line.path, line.number, "", None)
    as_broad.fields = [*line.fields[:6], *line.fields[12:]]
    try:
        return (*interval_of(as_broad), *optional_of(as_broad), *measures_of(as_broad))
    except FileFormatError as error:
        column = error.column if error.column is None or error.column <= 6 else error.column + 6
        raise FileFormatError(line.path, line.number, column, error.message) from None


def _idr_row(line: Line) -> tuple:
    shown = (line.convert(column, finite, "a number (-log10 IDR)") for column in (10, 11))
    return (*interval_of(line), *optional_of(line), *measures_of(line), *shown)


def _macs(path: Path, first: Line, repeated: str) -> pd.DataFrame:
    """Table of MACS2 or MACS3, which has summits unless peaks are broad."""
    place = {name: column for column, name in enumerate(first.fields)}
    absent = [name for name in _MACS_VALUES if name not in place]
    if absent:
        raise first.error(f"wanted the header of MACS2 or MACS3, got one without {', '.join(absent)}")
    names = ("chrom", "start", "end", "name", "signal_value", "log10_p", "log10_q", "summit")
    return one_row_per_summit(
        *_reordered(path, first, place, names), repeated=repeated, has_summits="abs_summit" in place
    )


def _reordered(
    path: Path, first: Line, place: dict[str, int], names: tuple[str, ...]
) -> tuple[pd.DataFrame, Path, list[int]]:
    def row(line: Line) -> tuple:
        if len(line.fields) != len(place):
            raise line.error(f"wanted {len(place)} columns as the header says, got {len(line.fields)}")
        chrom, start, end = _interval_from_1(line, 0)
        if line.position(3) != end - start:
            raise line.error(f"length: wanted {end - start}, as both ends count, got {line.fields[3]}", 3)
        summit = line.position(place["abs_summit"], least=1) - 1 if "abs_summit" in place else -1
        if summit >= 0 and not start <= summit < end:
            raise line.error(f"the summit {summit + 1} lies outside the interval", place["abs_summit"])
        signal = _signal(line, place["fold_enrichment"], "fold_enrichment")
        log_p, log_q = (line.convert(place[f"-log10({p})"], finite, "a number") for p in ("pvalue", "qvalue"))
        return chrom, start, end, line.text(place["name"]), signal, log_p, log_q, summit

    table, numbers = _numbered(path, first.number, row, names)
    return table, path, numbers


def _header_of_homer(path: Path) -> int | None:
    """Line of the header, which HOMER writes as the last comment; None for other files."""
    for line in read_lines(path, skip=()):
        if not line.fields[0].startswith("#"):
            return None
        if tuple(field.lower() for field in line.fields[:6]) == _HOMER_HEADER:
            return line.number
    return None


def _homer_row(line: Line) -> tuple:
    if len(line.fields) < len(_HOMER):
        raise line.error(f"wanted at least {len(_HOMER)} columns as HOMER writes them, got {len(line.fields)}")
    strand = _HOMER_STRANDS[line.choice(4, tuple(_HOMER_STRANDS))]
    return (*_interval_from_1(line, 1), line.text(0), strand, _signal(line, 5, "normalized tag count"))


def _interval_from_1(line: Line, column: int) -> tuple[str, int, int]:
    """Chromosome, start and end, 0-based half-open, of positions that count from 1 and include the last base."""
    chrom, start, end = line.chrom(column), line.position(column + 1, least=1), line.position(column + 2)
    if end < start:
        raise line.error(f"end must not be less than start, got {start} and {end}", column + 2)
    return chrom, start - 1, end


def _signal(line: Line, column: int, what: str) -> float:
    value = line.convert(column, finite, "a number")
    if value < 0:
        raise line.error(f"{what} must be 0 or greater, got {value:g}", column)
    return value
