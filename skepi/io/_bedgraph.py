"""bedGraph: intervals that do not overlap, each with a value."""

import numpy as np
import pandas as pd

from skepi.exceptions import FileFormatError
from skepi.io._bed import NOT_DATA, interval_of, separator_of
from skepi.io._text import Path, columns_of, finite, read_lines


def read_bedgraph(path: Path, value: str = "score") -> pd.DataFrame:
    """Read a bedGraph track, such as :func:`write_bedgraph`, MACS, deepTools and bedtools write.

    Parameters
    ----------
    path : path
        Four columns, separated by tabs or spaces, plain or gzipped; lines that begin with ``#``, ``track`` or
        ``browser`` are left out.
    value : str, default="score"
        Name of the column of values. With ``"signal_value"``,
        :func:`skepi.peaks.openness_over_peaks` takes the table for that of a sample.

    Returns
    -------
    DataFrame
        ``chrom, start, end`` (0-based half-open, as in the file) and the values (float64), in the order of the file.

    Raises
    ------
    FileFormatError
        With file, line and column: other than four columns, positions that are not whole numbers in range,
        ``end <= start``, values that are not finite numbers, intervals that overlap.
    ValueError
        For a name of the values that is that of another column.

    References
    ----------
    UCSC Genome Browser, bedGraph track format.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "pileup.bdg")
    ...     _ = path.write_text("track type=bedGraph\\nchr1\\t0\\t100\\t3.5\\nchr1\\t100\\t200\\t0\\n")
    ...     read_bedgraph(path).to_dict("list")
    {'chrom': ['chr1', 'chr1'], 'start': [0, 100], 'end': [100, 200], 'score': [3.5, 0.0]}
    """
    if value in ("chrom", "start", "end"):
        raise ValueError(f"value: wanted a name other than chrom, start and end, got {value!r}")
    rows, numbers = [], []
    for line in read_lines(path, separator=separator_of(path), skip=NOT_DATA):
        if len(line.fields) != 4:
            raise line.error(f"bedGraph has 4 columns (chromosome, start, end, value), got {len(line.fields)}")
        rows.append((*interval_of(line), line.convert(3, finite, "a finite number")))
        numbers.append(line.number)
    table = pd.DataFrame(columns_of(rows, ("chrom", "start", "end", value)))
    _check_no_overlap(table, path, numbers)
    return table


def _check_no_overlap(table: pd.DataFrame, path: Path, numbers: list[int]) -> None:
    ordered = table.sort_values(["chrom", "start"], kind="stable")
    chrom, start, end = (ordered[column].to_numpy() for column in ("chrom", "start", "end"))
    overlap = np.flatnonzero((chrom[1:] == chrom[:-1]) & (start[1:] < end[:-1]))
    if overlap.size:
        first, second = (numbers[ordered.index[overlap[0] + k]] for k in (0, 1))
        raise FileFormatError(
            path,
            max(first, second),
            None,
            f"the interval overlaps that of line {min(first, second)}: a bedGraph has one value per base",
        )
