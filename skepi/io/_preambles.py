"""Matrices that begin with lines of their own before the header: GCT and the series matrix of GEO."""

from collections.abc import Iterator
from typing import NamedTuple

from skepi.exceptions import FileFormatError
from skepi.io._text import Line, Path, read_lines

_GCT_VERSIONS = ("#1.2", "#1.3")
_SERIES = ("!series", "!sample")
_TABLE_BEGINS, _TABLE_ENDS = "!series_matrix_table_begin", "!series_matrix_table_end"
_MATRIX_MARKET = "%%MatrixMarket"


class Preamble(NamedTuple):
    """What lines before the table say.

    Attributes
    ----------
    header : int
        Line of the header.
    n_skipped : int
        Lines behind the header that are no rows (descriptions of samples).
    n_described : int
        Columns behind the first that describe rows.
    shape : tuple of int or None
        Rows and samples that the file states.
    end : str
        Beginning of the line that ends the table; "" where the table ends with the file.
    """

    header: int
    n_skipped: int = 0
    n_described: int = 0
    shape: tuple[int, int] | None = None
    end: str = ""


def preamble_of(path: Path) -> Preamble | None:
    """Tell a GCT file and a series matrix by the first line; None for all other text."""
    lines = read_lines(path, separator="\n", skip=())
    first = next(lines)
    text = first.fields[0].strip()
    if text.startswith(_MATRIX_MARKET):
        raise first.error(
            "a sparse matrix without names (Matrix Market): skepi.io.read_10x_mtx(folder) reads it together with "
            "barcodes.tsv and features.tsv, genes.tsv or peaks.bed"
        )
    if text.startswith("^"):
        raise first.error("a SOFT file of GEO: wanted the series matrix (GSE..._series_matrix.txt.gz)")
    if text in _GCT_VERSIONS:
        return _gct(first, text, lines)
    return _series(path, lines, first) if text.lower().startswith(_SERIES) else None


def _gct(first: Line, version: str, lines: Iterator[Line]) -> Preamble:
    """Read the sizes, which the second line states."""
    line = next(lines, None)
    n_sizes = 2 if version == "#1.2" else 4
    sizes = [] if line is None else line.fields[0].split()
    if len(sizes) != n_sizes or not all(size.isascii() and size.isdigit() and len(size) < 12 for size in sizes):
        raise (line or first).error(f"GCT {version[1:]}: wanted {n_sizes} whole numbers below {version}, got {sizes}")
    header = next(lines, None)
    if header is None:
        raise first.error("the GCT file ends before its header")
    n_rows, n_samples, n_described, n_skipped = (*map(int, sizes), 1, 0)[:4] if n_sizes == 2 else map(int, sizes)
    return Preamble(header.number, n_skipped, n_described, (n_rows, n_samples))


def _series(path: Path, lines: Iterator[Line], first: Line) -> Preamble:
    """Find the table, whatever the lines before it hold, and its end."""
    if not first.fields[0].lower().startswith(_TABLE_BEGINS):
        for line in lines:
            if line.fields[0].lower().startswith(_TABLE_BEGINS):
                break
        else:
            raise FileFormatError(path, None, None, f"the series matrix has no line {_TABLE_BEGINS}: is it cut off?")
    table = [next(lines, None), next(lines, None)]
    if any(line is None or line.fields[0].lower().startswith(_TABLE_ENDS) for line in table):
        raise FileFormatError(
            path,
            None,
            None,
            "the series matrix holds no values, as is usual for sequencing: take the counts from the supplementary "
            "files of the series",
        )
    return Preamble(table[0].number, end=_TABLE_ENDS)  # type: ignore[union-attr]


def is_matrix_market(path: Path) -> bool:
    """Whether a file is text, plain or gzipped, that begins as Matrix Market does."""
    try:
        return next(read_lines(path, separator=None, skip=())).fields[0].startswith(_MATRIX_MARKET)
    except FileFormatError:
        return False
