"""Mean signal of peaks from bigWig files."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._doors import some
from skepi._regions import check_regions, check_same_naming
from skepi.exceptions import TableError
from skepi.intervals import IntArray, concatenate_ranges, overlap_bp
from skepi.io._bigwig_file import BigWigFile
from skepi.io._text import Path, open_file

# Half a million records or so: little memory, few rounds.
_BLOCKS_AT_ONCE = 512


def bigwig_means(path: Path, peaks: Any, *, uncovered: str = "zero", unlisted: str = "error") -> NDArray[np.float64]:
    """Read the mean signal over the bases of each peak from a bigWig file.

    With :math:`s_b` the signal at base :math:`b` of a peak of :math:`n` bases, of which the file covers :math:`c`, the
    mean is :math:`\\sum s_b / n` (uncovered bases count 0) or :math:`\\sum s_b / c` (they do not count). It is taken
    over single bases, never over the file's summaries.

    Parameters
    ----------
    path : path
        A bigWig file.
    peaks : DataFrame or mapping
        Columns ``chrom, start, end``: 0-based half-open, in bp; they may overlap and repeat.
    uncovered : {"zero", "ignore"}, default="zero"
        Bases without a value in the file count 0, as in coverage of reads; or do not count, as where no measurement
        was possible. Peaks without any covered base are 0 or NaN.
    unlisted : {"error", "uncovered"}, default="error"
        Peaks on chromosomes that the file does not list: refuse them, or take them as uncovered. Some programs leave
        chromosomes without a value out of the file, such as chrY.

    Returns
    -------
    ndarray of float64, shape (n_peaks,)
        In units of the file, in the order of ``peaks``.

    Raises
    ------
    ChromosomeMismatchError
        Where peaks and file have no chromosome in common; see :func:`convert_chromosomes`.
    TableError
        For peaks beyond the end of their chromosome or on unlisted ones, and tables that are no peaks.
    FileFormatError
        For files that are no bigWig, are cut off or broken, or hold values that are not finite.

    Examples
    --------
    >>> import tempfile, pybigtools
    >>> peaks = {"chrom": ["chr1", "chr1"], "start": [5, 40], "end": [25, 50]}
    >>> with tempfile.TemporaryDirectory() as folder:  # bases 5 to 15 of the first peak have a value
    ...     pybigtools.open(f"{folder}/HSC.bw", "w").write({"chr1": 1_000}, [("chr1", 0, 15, 4.0)])
    ...     bigwig_means(f"{folder}/HSC.bw", peaks).tolist()
    ...     bigwig_means(f"{folder}/HSC.bw", peaks, uncovered="ignore").tolist()
    [2.0, 0.0]
    [4.0, nan]
    """
    if uncovered not in ("zero", "ignore"):
        raise ValueError(f"uncovered must be 'zero' or 'ignore', got {uncovered!r}")
    if unlisted not in ("error", "uncovered"):
        raise ValueError(f"unlisted must be 'error' or 'uncovered', got {unlisted!r}")
    table = check_regions(peaks)
    with open_file(path) as opened:
        file = BigWigFile(path, opened)
        _check_chromosomes(file, table, unlisted)
        bases, total = _sums(file, table)
    if not np.isfinite(total).all():
        row = table.iloc[int(np.flatnonzero(~np.isfinite(total))[0])]
        raise file.error(f"a value is not a finite number in the peak {row['chrom']}:{row['start']}-{row['end']}")
    size = (table["end"] - table["start"]).to_numpy(np.float64)
    return total / (size if uncovered == "zero" else np.where(bases == 0, np.nan, bases))


def _check_chromosomes(file: BigWigFile, table: pd.DataFrame, unlisted: str) -> None:
    """Refuse peaks that lie elsewhere than the file's chromosomes."""
    length = table["chrom"].map(file.lengths)
    absent = table["chrom"][length.isna()]
    check_same_naming(table["chrom"].unique(), file.lengths, "peaks", str(file.path))
    if len(absent) and unlisted == "error":
        raise TableError(
            f"{len(absent)} peaks lie on chromosomes that {file.path} does not list: {some(absent.unique())}; "
            "unlisted='uncovered' takes them as uncovered"
        )
    beyond = table[table["end"] > length]
    if len(beyond):
        chrom, start, end = beyond.iloc[0]
        raise TableError(
            f"{len(beyond)} peaks end beyond their chromosome in {file.path}, the first is {chrom}:{start}-{end} of "
            f"{file.lengths[chrom]} bp; is it another assembly?"
        )


def _sums(file: BigWigFile, table: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Covered bases and sum of the signal of each peak."""
    bases, total = np.zeros(len(table)), np.zeros(len(table))
    for chrom, rows in table.groupby("chrom", sort=False).indices.items():
        if chrom not in file.lengths:
            continue
        start, end = table["start"].to_numpy()[rows], table["end"].to_numpy()[rows]
        blocks = file.blocks(chrom)
        blocks = blocks[_touched(blocks, start, end)]
        for first in range(0, len(blocks), _BLOCKS_AT_ONCE):
            records = [file.records(block) for block in blocks[first : first + _BLOCKS_AT_ONCE]]
            covered, signal = _add_up([np.concatenate(part) for part in zip(*records, strict=True)], start, end)
            bases[rows] += covered
            total[rows] += signal
    return bases, total


def _touched(blocks: NDArray, start: IntArray, end: IntArray) -> NDArray[np.bool_]:
    """Mark the blocks that share a base with any peak."""
    order = np.argsort(start)
    reached = np.concatenate([[-1], np.maximum.accumulate(end[order])])
    return reached[np.searchsorted(start[order], blocks["end"], side="left")] > blocks["start"]


def _add_up(records: Sequence[NDArray], start: IntArray, end: IntArray) -> tuple[NDArray, NDArray]:
    """Covered bases and sum of the signal of each peak in sorted records that do not overlap."""
    record_start, record_end, value = records
    first = np.searchsorted(record_end, start, side="right")
    last = np.maximum(np.searchsorted(record_start, end, side="left"), first)
    peak, record = np.repeat(np.arange(len(start)), last - first), concatenate_ranges(first, last)
    shared = overlap_bp(start[peak], end[peak], record_start[record], record_end[record])
    with np.errstate(invalid="ignore"):
        signal = np.bincount(peak, shared * value[record], minlength=len(start))
    return np.bincount(peak, shared, minlength=len(start)), signal
