"""BEDPE: pairs of intervals, such as measured contacts of the genome."""

import pandas as pd

from skepi.io._bed import NOT_DATA, separator_of
from skepi.io._text import Line, Path, columns_of, finite, read_lines

_ENDS = ("chrom1", "start1", "end1", "chrom2", "start2", "end2")
_OPTIONAL = ("name", "score")


def read_bedpe(path: Path) -> pd.DataFrame:
    """Read pairs of intervals, such as contacts of promoter-capture Hi-C or what :func:`write_bedpe` writes.

    Parameters
    ----------
    path : path
        Six columns or more, separated by tabs or spaces, plain or gzipped; lines that begin with ``#``, ``track`` or
        ``browser`` are left out.

    Returns
    -------
    DataFrame
        ``chrom1, start1, end1, chrom2, start2, end2`` (0-based half-open, as in the file) and, where present, ``name``
        and ``score`` (NaN for ``.``); further columns are left out. In the order of the file.

    Raises
    ------
    FileFormatError
        With file, line and column: fewer than six columns, their number changing within the file, positions that are
        not whole numbers in range (an end that is not known, ``-1``, among them), an end that is not greater than its
        start, scores that are neither a number nor ``.``.

    See Also
    --------
    skepi.inspection.link_enrichment : judge links against such a table.

    References
    ----------
    bedtools, BEDPE format.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "contacts.bedpe")
    ...     _ = path.write_text("chr1\\t0\\t100\\tchr1\\t5000\\t9000\\tGATA1\\t7.5\\n")
    ...     read_bedpe(path).values.tolist()
    [['chr1', 0, 100, 'chr1', 5000, 9000, 'GATA1', 7.5]]
    """
    rows: list[tuple] = []
    width = None
    for line in read_lines(path, separator=separator_of(path), skip=NOT_DATA):
        width = _check_width(line, width)
        rows.append((*_interval(line, 0), *_interval(line, 3), *_optional(line)))
    return pd.DataFrame(columns_of(rows, (*_ENDS, *_OPTIONAL)[: len(rows[0])]))


def _check_width(line: Line, width: int | None) -> int:
    found = len(line.fields)
    if found < len(_ENDS):
        raise line.error(f"BEDPE has 6 columns or more ({', '.join(_ENDS)}), got {found}")
    if width is not None and found != width:
        raise line.error(f"wanted {width} columns as in the lines before, got {found}")
    return found


def _interval(line: Line, first: int) -> tuple[str, int, int]:
    chrom, start, end = line.chrom(first), line.position(first + 1), line.position(first + 2)
    if end <= start:
        raise line.error(f"end must be greater than start, got {start} and {end}", first + 2)
    return chrom, start, end


def _optional(line: Line) -> tuple:
    """Name and score, as far as the line has them."""
    values: list = line.fields[6:7]
    if len(line.fields) > 7:
        values.append(float("nan") if line.fields[7] == "." else line.convert(7, finite, "a number (score) or ."))
    return tuple(values)
