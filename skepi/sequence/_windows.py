"""Windows of equal width: where they lie, and their letters read in few long stretches."""

import itertools
from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from skepi._dna import UNKNOWN, Codes
from skepi.intervals import IntArray
from skepi.sequence._genome import Genome

_STRETCH_BP = 1 << 22
#: Letters between two windows that cost less to read than another reading costs.
_GAP_BP = 1 << 12


class Windows(Protocol):
    """Letters of equal-width windows, by row."""

    shape: tuple[int, int]

    def codes(self, rows: IntArray) -> Codes:
        """Codes of some rows, in their order."""

    def take(self, rows: IntArray) -> "Windows":
        """Keep some rows, in their order."""

    def reading_order(self) -> IntArray:
        """Rows in the order in which they are read fastest."""


class CodesInMemory:
    """Windows whose letters lie in memory.

    Parameters
    ----------
    codes : ndarray of uint8, shape (n_windows, width)
        Not copied.
    """

    def __init__(self, codes: Codes) -> None:
        self._codes = codes
        self.shape: tuple[int, int] = codes.shape

    def codes(self, rows: IntArray) -> Codes:
        """Codes of some rows, in their order."""
        return self._codes[rows]

    def take(self, rows: IntArray) -> "CodesInMemory":
        """Keep some rows, in their order."""
        return CodesInMemory(self._codes[rows])

    def reading_order(self) -> IntArray:
        """Rows as they are."""
        return np.arange(len(self._codes))


class GenomeWindows:
    """Windows on a genome; what lies beyond the ends of a chromosome is N.

    Parameters
    ----------
    genome : Genome
    chroms : ndarray of str
        Names of chromosomes.
    chrom : ndarray of int, shape (n_windows,)
        Number of each window's chromosome among ``chroms``.
    start : ndarray of int64, shape (n_windows,)
        May be negative.
    width : int
    """

    def __init__(self, genome: Genome, chroms: NDArray[np.object_], chrom: IntArray, start: IntArray, width: int):
        self._genome, self._chroms, self._chrom, self._start = genome, chroms, chrom, start
        self._lengths = genome.chromosomes[chroms].to_numpy()
        self.shape = (len(start), width)

    def codes(self, rows: IntArray) -> Codes:
        """Codes of some rows, in their order."""
        out = np.empty((len(rows), self.shape[1]), np.uint8)
        order = np.lexsort((self._start[rows], self._chrom[rows]))
        for run in self._runs(rows[order]):
            out[order[run]] = self._gathered(rows[order[run]])
        return out

    def take(self, rows: IntArray) -> "GenomeWindows":
        """Keep some rows, in their order."""
        return GenomeWindows(self._genome, self._chroms, self._chrom[rows], self._start[rows], self.shape[1])

    def reading_order(self) -> IntArray:
        """Rows by chromosome and position."""
        return np.lexsort((self._start, self._chrom))

    def _runs(self, rows: IntArray) -> Iterator[slice]:
        """Neighbours among sorted rows that are read in one stretch."""
        chrom, start = self._chrom[rows], self._start[rows]
        apart = (np.diff(start) > self.shape[1] + _GAP_BP) | (np.diff(start // _STRETCH_BP) != 0)
        breaks = np.flatnonzero(apart | (np.diff(chrom) != 0)) + 1
        edges = [0, *breaks.tolist(), len(rows)] if len(rows) else []
        return (slice(low, high) for low, high in itertools.pairwise(edges))

    def _gathered(self, rows: IntArray) -> Codes:
        """Codes of sorted rows of one chromosome out of one stretch of letters."""
        chrom, start = self._chrom[rows[0]], self._start[rows]
        first, last, length = int(start[0]), int(start[-1]) + self.shape[1], int(self._lengths[chrom])
        low, high = min(max(first, 0), length), max(min(last, length), 0)
        stretch = self._genome.letters(self._chroms[chrom], low, high)
        if high - low < last - first:
            stretch = np.pad(stretch, (low - first, last - high), constant_values=UNKNOWN)
        return stretch[(start - first)[:, np.newaxis] + np.arange(self.shape[1])]
