"""Mean signal of peaks from bigWig files."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path as LocalPath
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi.exceptions import ChromosomeMismatchError, FileFormatError, TableError
from skepi.io._columns import some
from skepi.io._names import check_intervals
from skepi.io._text import Path

_MAGIC = (b"\x26\xfc\x8f\x88", b"\x88\x8f\xfc\x26")


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
    ImportError
        Without pybigtools.
    """
    if uncovered not in ("zero", "ignore"):
        raise ValueError(f"uncovered must be 'zero' or 'ignore', got {uncovered!r}")
    if unlisted not in ("error", "uncovered"):
        raise ValueError(f"unlisted must be 'error' or 'uncovered', got {unlisted!r}")
    table = check_intervals(peaks)
    file = _open(path)
    listed = _check_chromosomes(path, table, _lengths(path, file), unlisted)
    size = (table["end"] - table["start"]).to_numpy(np.float64)
    bases, total = np.zeros(len(table)), np.zeros(len(table))
    bases[listed], total[listed] = _sums(path, file, table[listed]).T
    broken = ~np.isfinite(total) | (bases > size)
    if broken.any():
        row = ", ".join(map(str, table.iloc[int(np.flatnonzero(broken)[0])]))
        raise FileFormatError(path, None, None, f"values overlap or are not finite numbers in the peak {row}")
    divisor = size if uncovered == "zero" else np.where(bases == 0, np.nan, bases)
    return total / divisor


def _open(path: Path) -> Any:
    """Reader of the file; what is no bigWig is refused by its first bytes."""
    try:
        import pybigtools
    except ImportError:
        raise ImportError('reading bigWig files needs pybigtools: pip install "skepi[io]"') from None
    with open(path, "rb") as plain:
        if plain.read(4) not in _MAGIC:
            raise FileFormatError(path, None, None, "the file is not a bigWig")
    with _broken(path):
        return pybigtools.open(str(path))


def _lengths(path: Path, file: Any) -> dict[str, int]:
    with _broken(path):
        return dict(file.chroms())


def _check_chromosomes(path: Path, table: pd.DataFrame, lengths: dict[str, int], unlisted: str) -> NDArray[np.bool_]:
    """Mark peaks on chromosomes of the file."""
    length = table["chrom"].map(lengths)
    listed = length.notna().to_numpy()
    if not listed.any():
        raise ChromosomeMismatchError(
            f"peaks and {path} have no chromosome in common: peaks have {some(table['chrom'].unique())}, "
            f"the file has {some(lengths)}"
        )
    if unlisted == "error" and not listed.all():
        absent = table["chrom"][~listed]
        raise TableError(
            f"{len(absent)} peaks lie on chromosomes that {path} does not list: {some(absent.unique())}; "
            "unlisted='uncovered' takes them as uncovered"
        )
    beyond = (table["end"] > length).to_numpy()
    if beyond.any():
        first = table.iloc[int(np.flatnonzero(beyond)[0])]
        raise TableError(
            f"{int(beyond.sum())} peaks end beyond their chromosome in {path}, the first is {first['chrom']}:"
            f"{first['start']}-{first['end']} of {lengths[first['chrom']]} bp; is it another assembly?"
        )
    return listed


def _sums(path: Path, file: Any, table: pd.DataFrame) -> NDArray[np.float64]:
    """Covered bases and sum of the signal, for each peak."""
    with tempfile.TemporaryDirectory() as folder:
        # pybigtools takes the peaks from a file; names of chromosomes hold no white space.
        bed = LocalPath(folder, "peaks.bed")
        table.to_csv(bed, sep="\t", header=False, index=False, quoting=3, lineterminator="\n")
        with _broken(path):
            sums = np.array(list(file.average_over_bed(str(bed), stats=["bases", "sum"])), np.float64)
    if sums.shape != (len(table), 2):
        raise FileFormatError(path, None, None, f"wanted {len(table)} means, got {len(sums)}")
    return sums


@contextmanager
def _broken(path: Path) -> Iterator[None]:
    """Turn what pybigtools raises, panics of Rust included, into an error about the file."""
    try:
        yield
    except BaseException as error:
        # A panic is no Exception; KeyboardInterrupt and its like are not caught.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise FileFormatError(path, None, None, f"the file cannot be read as bigWig ({error})") from None
