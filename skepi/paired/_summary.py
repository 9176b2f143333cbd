"""What the openness of a data set looks like: cheap numbers for people, of all values or of some."""

import os
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skepi._scales import Scale, scale_of_openness

_MOST_VALUES = 100_000_000  # of openness in memory: read whole in about a tenth of a second
_SAMPLED_VALUES = 1_000_000
_OF_SCALE = 100_000


class SignalSummary(NamedTuple):
    """What the openness of one signal looks like.

    Attributes
    ----------
    name : str
    n_peaks : int
    n_seen : int
        Peaks that were looked at.
    depth : ndarray of float64, shape (n_cell_types,)
        Mean openness of these peaks, without those on chromosomes that depth leaves out.
    largest : float
    share_open : float
        Share of values above 0.
    scale : Scale
    """

    name: str
    n_peaks: int
    n_seen: int
    depth: NDArray[np.float64]
    largest: float
    share_open: float
    scale: Scale


def summary_of(
    name: str, openness: NDArray[np.float32], rows: NDArray[np.int64], is_counted: NDArray[np.bool_]
) -> SignalSummary:
    """Summarise the openness of a signal.

    Parameters
    ----------
    name : str
    openness : ndarray of float32, shape (n_peaks, n_cell_types)
        Openness of all signals. Where it lies on disk, or is very large, only peaks from the middle are read.
    rows : ndarray of int64
        Peaks of the signal, increasing.
    is_counted : ndarray of bool, shape (n_peaks,)
        Peaks that count in depth.
    """
    seen, counted = some_rows(openness, rows), some_rows(is_counted, rows, like=openness)
    weight = counted / max(1, np.count_nonzero(counted))
    depth = np.asarray(weight.astype(np.float32) @ seen, dtype=np.float64)
    some = seen[:, : 1 + _OF_SCALE // max(1, len(seen))].ravel(order="F")
    largest, share = float(seen.max(initial=0)), np.count_nonzero(seen) / max(1, seen.size)
    return SignalSummary(name, rows.size, len(seen), depth, largest, share, scale_of_openness(largest, some))


def some_rows(values: NDArray, rows: NDArray[np.int64], like: NDArray | None = None) -> NDArray:
    """Chosen rows of a matrix without a copy; of one on disk, or a very large one, a million values from the middle.

    Parameters
    ----------
    values : ndarray
    rows : ndarray of int64
        Increasing.
    like : ndarray, optional
        The matrix whose place and size count, if it is not ``values``.
    """
    matrix = values if like is None else like
    n = max(1, _SAMPLED_VALUES // max(1, matrix.shape[1]))
    if rows.size > n and (isinstance(matrix, np.memmap) or matrix.size > _MOST_VALUES or not _are_neighbours(rows)):
        rows = rows[(rows.size - n) // 2 :][:n]
    if not _are_neighbours(rows):
        return np.asarray(values[rows])
    first, stop = int(rows[0]), int(rows[-1]) + 1
    return _read(values, first, stop) if _is_whole_file(values) else np.asarray(values[first:stop])


def _are_neighbours(rows: NDArray[np.int64]) -> bool:
    return rows.size > 0 and bool(rows[-1] - rows[0] == rows.size - 1)


def _is_whole_file(values: NDArray) -> bool:
    """Whether a matrix is all that a file holds behind its header."""
    if not isinstance(values, np.memmap) or not os.path.isfile(str(values.filename)):
        return False
    return os.path.getsize(str(values.filename)) == values.offset + values.nbytes


def _read(values: Any, first: int, stop: int) -> NDArray:
    """Neighbouring rows of a matrix on disk, by plain reads: through the map the system reads megabytes ahead.

    Columns of a matrix that lies column by column are read one by one.
    """
    by_column = values.flags.f_contiguous
    n_rows, n_columns = values.shape
    starts = first + n_rows * np.arange(n_columns) if by_column else np.array([first * n_columns])
    count = stop - first if by_column else (stop - first) * n_columns
    with open(values.filename, "rb", buffering=0) as file:
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)  # nor does it read ahead here
        parts = []
        for start in starts.tolist():
            file.seek(values.offset + start * values.itemsize)
            parts.append(np.fromfile(file, values.dtype, count))
    return np.array(parts).T if by_column else parts[0].reshape(-1, n_columns)
