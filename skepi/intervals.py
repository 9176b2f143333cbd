"""Arithmetic on half-open intervals ``[start, end)`` held in integer arrays.

Positions are 0-based; a base at position ``p`` is the interval ``[p, p + 1)``. Offsets are measured
from the transcription start site (TSS) in the direction of transcription: the TSS itself has offset 0,
upstream is negative and downstream positive on both strands.
"""

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]

#: Largest position that a table may hold.
MAX_POSITION = int(np.iinfo(np.int32).max)


def to_offsets(start: IntArray, end: IntArray, tss: IntArray, minus: NDArray[np.bool_]) -> tuple[IntArray, IntArray]:
    """Turn genomic intervals into offsets from a TSS, in the direction of transcription.

    On the plus strand ``[start, end)`` becomes ``[start - tss, end - tss)``; on the minus strand the
    bases are counted backwards, which gives ``[tss - end + 1, tss - start + 1)``.

    Examples
    --------
    >>> to_offsets(np.array([100, 100]), np.array([103, 103]), np.array([100, 100]), np.array([False, True]))
    (array([ 0, -2]), array([3, 1]))
    """
    return np.where(minus, tss - end + 1, start - tss), np.where(minus, tss - start + 1, end - tss)


def from_offsets(low: IntArray, high: IntArray, tss: int, minus: bool) -> tuple[IntArray, IntArray]:
    """Turn offsets from a TSS, in the direction of transcription, into genomic intervals.

    The inverse of :func:`to_offsets` for one gene; starts may lie before the chromosome.

    Examples
    --------
    >>> from_offsets(np.array([0]), np.array([3]), 100, minus=False)
    (array([100]), array([103]))
    >>> from_offsets(np.array([-2]), np.array([1]), 100, minus=True)
    (array([100]), array([103]))
    """
    return (tss - high + 1, tss - low + 1) if minus else (tss + low, tss + high)


def overlap_bp(start: IntArray, end: IntArray, other_start: IntArray, other_end: IntArray) -> IntArray:
    """Count the bases that two half-open intervals share; 0 where they are apart.

    Examples
    --------
    >>> overlap_bp(np.array([0, 0]), np.array([10, 10]), np.array([8, 10]), np.array([20, 20]))
    array([2, 0])
    """
    return np.maximum(np.minimum(end, other_end) - np.maximum(start, other_start), 0)


def bin_index(offset: IntArray, edges: IntArray) -> IntArray:
    """Index of the bin ``[edges[k], edges[k + 1])`` that holds each offset; -1 before, ``n_bins`` after.

    Examples
    --------
    >>> bin_index(np.array([-5, 0, 9, 10]), np.array([0, 5, 10]))
    array([-1,  0,  1,  2])
    """
    return np.searchsorted(edges, offset, side="right").astype(np.int64) - 1


def concatenate_ranges(start: IntArray, stop: IntArray) -> IntArray:
    """Join the integer ranges ``start[i] .. stop[i] - 1`` into one array.

    Examples
    --------
    >>> concatenate_ranges(np.array([0, 5, 9]), np.array([2, 5, 11]))
    array([ 0,  1,  9, 10])
    """
    length = stop - start
    first = np.repeat(start - np.concatenate([[0], np.cumsum(length)[:-1]]), length)
    return first + np.arange(first.size)


class IntervalIndex:
    """Intervals sorted within each chromosome, for finding those near a position.

    Parameters
    ----------
    chrom : ndarray of str, shape (n_intervals,)
    start, end : ndarray of int64, shape (n_intervals,)
        0-based half-open, in any order; they may overlap.

    Examples
    --------
    >>> index = IntervalIndex(np.array(["chr1", "chr1"]), np.array([50, 10]), np.array([60, 20]))
    >>> index.in_reach(np.array(["chr1"]), np.array([25]), reach=10)
    (array([0]), array([1]))
    """

    def __init__(self, chrom: NDArray, start: IntArray, end: IntArray) -> None:
        self.start, self.end = start, end
        self.by_chrom = {
            name: rows[np.argsort(start[rows], kind="stable")] for name, rows in _rows_by_label(chrom).items()
        }
        # Ends need not increase with starts, so the first in reach is found by the running maximum.
        self.reached = {name: np.maximum.accumulate(end[rows]) for name, rows in self.by_chrom.items()}

    def in_reach(self, chrom: NDArray, position: IntArray, reach: int) -> tuple[IntArray, IntArray]:
        """Every (position row, interval row) with a base in ``[position - reach, position + reach]``.

        Ordered by position row, then by start.
        """
        near, found = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for name, here in _rows_by_label(chrom).items():
            if name not in self.by_chrom:
                continue
            rows = self.by_chrom[name]
            low = np.searchsorted(self.reached[name], position[here] - reach, side="right")
            high = np.searchsorted(self.start[rows], position[here] + reach, side="right")
            high = np.maximum(high, low)
            row, interval = np.repeat(here, high - low), rows[concatenate_ranges(low, high)]
            touches = self.end[interval] > position[row] - reach
            near.append(row[touches])
            found.append(interval[touches])
        position_row, interval_row = np.concatenate(near), np.concatenate(found)
        order = np.argsort(position_row, kind="stable")
        return position_row[order], interval_row[order]


def _rows_by_label(labels: NDArray) -> dict[str, IntArray]:
    """Row numbers of each distinct label."""
    names, codes = np.unique(np.asarray(labels, dtype=str), return_inverse=True)
    order = np.argsort(codes, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(codes))[:-1]) if names.size else []
    return dict(zip(names.tolist(), parts, strict=True))
