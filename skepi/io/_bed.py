"""BED, narrowPeak and broadPeak."""

import math
import re

import numpy as np
import pandas as pd

from skepi._doors import some
from skepi.exceptions import FileFormatError
from skepi.io._text import Line, Path, columns_of, finite, read_lines

NOT_DATA = ("#", "track", "browser")
REGION = re.compile(r"\S+:([0-9]{1,10})-([0-9]{1,10})", re.ASCII).fullmatch
PEAK = ("chrom", "start", "end", "name", "score", "strand", "signal_value", "log10_p", "log10_q", "summit")


def read_bed(path: Path) -> pd.DataFrame:
    """Read a BED file with 3 to 12 columns.

    Parameters
    ----------
    path : path
        Tab- or space-separated text, plain or gzipped; lines that begin with ``#``, ``track`` or ``browser`` are
        left out.

    Returns
    -------
    DataFrame
        ``chrom, start, end`` (0-based half-open, as in the file) and, where present, ``name, score, strand``;
        further columns are left out. A score of ``.`` is NaN. In the order of the file.

    Raises
    ------
    FileFormatError
        With file, line and column: other than 3 to 12 columns, their number changing within the file, positions
        that are not whole numbers in range, ``end <= start``, scores that are neither a number nor ``.``, an unknown
        strand, text that is no text. Also for a bedGraph: a track line that says so, or four columns of which the last
        holds numbers in every row that are repeated or not whole.

    See Also
    --------
    read_bedgraph : for intervals with a value.
    read_peaks : for the files of peak callers.
    read_tss : for tables of sites with ``start = end``.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "peaks.bed")
    ...     _ = path.write_text("track name=peaks\\nchr1\\t0\\t100\\tfirst\\nchr2\\t50\\t60\\tsecond\\n")
    ...     read_bed(path).to_dict("list")
    {'chrom': ['chr1', 'chr2'], 'start': [0, 50], 'end': [100, 60], 'name': ['first', 'second']}
    """
    rows: list[tuple] = []
    width = None
    _refuse_bedgraph_track(path)
    for line in read_lines(path, separator=separator_of(path), skip=NOT_DATA):
        width = _check_width(line, width)
        rows.append((*interval_of(line), *optional_of(line)))
    table = pd.DataFrame(columns_of(rows, ("chrom", "start", "end", "name", "score", "strand")[: len(rows[0])]))
    if width == 4:
        _refuse_values(path, table["name"])
    return table


def _refuse_bedgraph_track(path: Path) -> None:
    """Refuse a file whose first lines say that it is bedGraph."""
    for line in read_lines(path, separator=None, skip=("#",)):
        if line.fields[0] not in ("track", "browser"):
            return
        if "type=bedgraph" in [field.lower().replace('"', "") for field in line.fields]:
            raise line.error("the track is of the type bedGraph, wanted BED: read_bedgraph reads its values")


def _refuse_values(path: Path, names: pd.Series) -> None:
    """Refuse four columns of which the last holds numbers that count nothing: a bedGraph without a track line."""
    if all(map(_is_finite, names)) and (names.duplicated().any() or not all(name.isdigit() for name in names)):
        raise FileFormatError(
            path,
            None,
            4,
            f"wanted names of intervals, got numbers in every row ({some(names, 3)}) as in bedGraph: read_bedgraph "
            "reads them as values",
        )


def _is_finite(text: str) -> bool:
    try:
        return finite(text) is not None
    except ValueError:
        return False


def read_narrowpeak(path: Path, repeated: str = "cut") -> pd.DataFrame:
    """Read a file of MACS2 or ENCODE: narrowPeak, or broadPeak, which has no summits.

    MACS2 with ``--call-summits`` repeats an interval once for each of its summits.

    Parameters
    ----------
    path : path
        Ten tab-separated columns (narrowPeak) or nine (broadPeak), plain or gzipped.
    repeated : {"cut", "keep", "strongest"}, default="cut"
        What to do with an interval of several summits: cut it halfway between neighbouring summits, so that each
        piece has one; keep the repeats (a data set refuses them); or keep the row of the greatest signal.

    Returns
    -------
    DataFrame
        ``chrom, start, end, name, score, strand, signal_value, log10_p, log10_q, summit``: 0-based half-open,
        ``summit`` a position (not an offset), -1 where the file has none. A score of ``.`` is NaN. In the order of the
        file.

    Raises
    ------
    FileFormatError
        As in :func:`read_bed`, and for signals that are negative or not finite, summits outside their interval, or a
        summit repeated.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:  # one interval with summits at 20 and 60, cut at 40
    ...     path = pathlib.Path(folder, "HSC.narrowPeak")
    ...     lines = [f"chr1\\t0\\t100\\tpeak\\t.\\t.\\t5\\t-1\\t-1\\t{summit}\\n" for summit in (20, 60)]
    ...     _ = path.write_text("".join(lines))
    ...     read_narrowpeak(path)[["start", "end", "summit"]].values.tolist()
    [[0, 40, 20], [40, 100, 60]]
    """
    check_repeated(repeated)
    rows, numbers = [], []
    width = None
    for line in read_lines(path, skip=NOT_DATA):
        width = _check_peak_width(line, width)
        rows.append((*interval_of(line), *optional_of(line), *measures_of(line)))
        numbers.append(line.number)
    table = pd.DataFrame(columns_of(rows, PEAK))
    return one_row_per_summit(table, path, numbers, repeated, has_summits=width == len(PEAK))


def check_repeated(repeated: str) -> None:
    """Refuse what is no policy for intervals of several summits."""
    if repeated not in ("cut", "keep", "strongest"):
        raise ValueError(f"repeated must be 'cut', 'keep' or 'strongest', got {repeated!r}")


def one_row_per_summit(
    table: pd.DataFrame, path: Path, numbers: list[int], repeated: str, has_summits: bool
) -> pd.DataFrame:
    """Treat intervals of several summits as asked; ``numbers`` are the lines of the rows."""
    if repeated == "strongest":
        kept = table.sort_values("signal_value", ascending=False, kind="stable").drop_duplicates(
            ["chrom", "start", "end"]
        )
        return table.loc[np.sort(kept.index)].reset_index(drop=True)
    return _cut_between_summits(table, path, numbers, has_summits) if repeated == "cut" else table


def _cut_between_summits(table: pd.DataFrame, path: Path, numbers: list[int], has_summits: bool) -> pd.DataFrame:
    """Give each summit of a repeated interval the part that is nearer to it than to its neighbours."""
    interval = ["chrom", "start", "end"]
    repeats = table[table.duplicated(interval, keep=False)]
    # A row without summit has no part of its own beside any other.
    twice = repeats.duplicated([*interval, "summit"]) | (repeats["summit"] < 0)
    if twice.any():
        row = int(np.flatnonzero(table.index == twice.idxmax())[0])
        column = 10 if has_summits else None
        raise FileFormatError(path, numbers[row], column, "the same interval with the same summit twice, or with none")
    ordered = repeats.sort_values([*interval, "summit"], kind="stable")
    same_as_next = ~ordered[interval].ne(ordered[interval].shift(-1)).any(axis=1).to_numpy()
    first = ordered.index.to_numpy()[same_as_next]
    second = ordered.index.to_numpy()[np.flatnonzero(same_as_next) + 1]
    middle = (table["summit"].to_numpy()[first] + table["summit"].to_numpy()[second] + 1) // 2
    cut = table.copy()
    cut.loc[first, "end"] = middle
    cut.loc[second, "start"] = middle
    return cut


def separator_of(path: Path) -> str | None:
    """Tabs where the first line of data has them, else any white space."""
    line = next(read_lines(path, skip=NOT_DATA))
    return "\t" if len(line.fields) > 1 else None


def _check_width(line: Line, width: int | None) -> int:
    found = len(line.fields)
    if not 3 <= found <= 12:
        shown = " ".join(line.fields)[:60]
        raise line.error(f"BED has 3 to 12 columns, got {found}: {shown!r}; read_peaks reads gappedPeak and IDR")
    if found == 6 and is_region(line.fields[5]):
        raise line.error(f"wanted a strand, got a region, {line.fields[5]!r}, as of SEACR, which read_peaks reads", 5)
    if width is not None and found != width:
        raise line.error(f"wanted {width} columns as in the lines before, got {found}")
    return found


def _check_peak_width(line: Line, width: int | None) -> int:
    found = len(line.fields)
    if found not in (len(PEAK) - 1, len(PEAK)):
        raise line.error(
            f"narrowPeak has 10 tab-separated columns, broadPeak 9, got {found}; read_peaks reads BED, gappedPeak, "
            "IDR, SEACR, HOMER and the tables of MACS"
        )
    if width is not None and found != width:
        raise line.error(f"wanted {width} columns as in the lines before, got {found}")
    return found


def interval_of(line: Line) -> tuple[str, int, int]:
    chrom, start, end = line.chrom(), line.position(1), line.position(2)
    if end <= start:
        raise line.error(f"end must be greater than start, got {start} and {end}", 2)
    return chrom, start, end


def optional_of(line: Line) -> tuple:
    """Name, score and strand, as far as the line has them."""
    values: list = line.fields[3:4]
    if len(line.fields) > 4:
        values.append(line.convert(4, _score, "a number (score) or ."))
    if len(line.fields) > 5:
        values.append(line.choice(5, ("+", "-", ".")))
    return tuple(values)


def is_region(text: str) -> bool:
    """Whether a field is an interval, such as ``chr1:10-20``, as SEACR writes it in place of a strand."""
    return REGION(text) is not None


def _score(text: str) -> float:
    return math.nan if text == "." else finite(text)


def measures_of(line: Line) -> tuple[float, float, float, int]:
    """Signal, -log10 p, -log10 q and position of the summit, -1 where there is none."""
    signal, log_p, log_q = (line.convert(column, finite, "a number") for column in (6, 7, 8))
    if signal < 0:
        raise line.error(f"signal_value must be 0 or greater, got {signal:g}", 6)
    start, end = line.position(1), line.position(2)
    offset = line.position(9, least=-1) if len(line.fields) >= len(PEAK) else -1
    if offset >= end - start:
        raise line.error(f"the summit lies {offset} bp into an interval of {end - start} bp", 9)
    return signal, log_p, log_q, -1 if offset < 0 else start + offset
