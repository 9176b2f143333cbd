"""PeakSequences: the DNA under peaks, read when it is asked for."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._dna import UNKNOWN, Codes, check_codes, codes_of, letters_of
from skepi._doors import check_choice, check_count, check_number, frame_of, positions_of
from skepi._html import count
from skepi._regions import check_regions
from skepi.exceptions import TableError
from skepi.intervals import IntArray
from skepi.io import possible_assemblies
from skepi.sequence._genome import Genome, check_chromosomes
from skepi.sequence._windows import CodesInMemory, GenomeWindows, Windows

_ROWS_AT_ONCE = 1 << 16


class PeakSequences:
    """Letters of a window of the genome for each peak: an immutable array of codes that is read when it is asked for.

    Rows are peaks in the order of the table. The window of a peak whose middle is :math:`m` is
    :math:`[m - \\lfloor w/2 \\rfloor, m - \\lfloor w/2 \\rfloor + w)`, with :math:`w` the width and
    :math:`m = \\lfloor (start + end) / 2 \\rfloor`. Codes are A 0, C 1, G 2, T 3, and 4 for N and other IUPAC codes.
    Letters beyond the ends of a chromosome are N.

    ``sequences[3]`` is one window, read then. ``sequences[10:20]`` and ``sequences[mask]`` keep these peaks without
    reading, so splitters of scikit-learn can split them. ``numpy.asarray(sequences)`` reads all: 375,809 windows of
    500 bp are 188 MB.

    Parameters
    ----------
    genome : Genome
    peaks : DataFrame or mapping
        Columns ``chrom, start, end``, as :class:`skepi.paired.PairedDataset` takes them: 0-based half-open, in bp.
    width : int or None, default=500
        Width of each window in bp. None takes peaks of equal width as they are.
    center : {"middle", "summit"}, default="middle"
        What lies in the middle of the window: the middle of the peak, or its ``summit`` (a position, not an offset, as
        :func:`skepi.io.read_peaks` gives it).
    max_n_share : float, default=0.5
        A window that has a larger share of N is an error when it is read, because it says nothing about the peak, and
        because many of them are a sign of another assembly. 1 allows any share. :meth:`n_share` is never refused.

    Attributes
    ----------
    shape : tuple of int
        (n_peaks, width).
    width : int
    peaks : DataFrame or None
        ``chrom, start, end`` of the peaks, None for :meth:`from_strings`.

    Raises
    ------
    ChromosomeMismatchError
        Where genome and peaks name chromosomes differently.
    TableError
        For peaks on chromosomes that the genome lacks, peaks whose middle lies beyond the end of a chromosome, and
        windows with too much N.

    Examples
    --------
    >>> genome = Genome.from_strings({"chr1": "AACCGGTTN"})
    >>> sequences = PeakSequences(genome, {"chrom": ["chr1", "chr1"], "start": [0, 6], "end": [4, 9]}, width=4)
    >>> sequences.to_strings(), sequences.shape
    (['AACC', 'GTTN'], (2, 4))
    >>> sequences[0].tolist(), sequences.gc_share().round(2).tolist()
    ([0, 0, 1, 1], [0.5, 0.33])
    """

    def __init__(
        self,
        genome: Genome,
        peaks: Any,
        width: int | None = 500,
        *,
        center: str = "middle",
        max_n_share: float = 0.5,
    ) -> None:
        if not isinstance(genome, Genome):
            raise TypeError(f"genome must be a skepi.sequence.Genome, such as Genome('hg38.fa'), got {genome!r:.60}")
        _check_share(max_n_share)
        regions = check_regions(peaks)
        check_chromosomes(genome, regions["chrom"], "peaks")
        middle = _middles(peaks, regions, center)
        _check_inside(genome, regions, middle)
        if width is None:
            width, start = _common_width(regions), regions["start"].to_numpy()
        else:
            check_count("width", width, 1)
            start = middle - width // 2
        chrom, chroms = pd.factorize(regions["chrom"])
        self._begin(
            GenomeWindows(genome, np.asarray(chroms, object), chrom, start, int(width)), regions, genome, max_n_share
        )

    @classmethod
    def from_strings(cls, letters: Sequence[str]) -> Self:
        """Make sequences of strings of equal length, kept in memory.

        Parameters
        ----------
        letters : sequence of str

        Raises
        ------
        TableError
            For no string, strings of different lengths, and letters that are no DNA.

        Examples
        --------
        >>> PeakSequences.from_strings(["ACGT", "nnaa"])[1].tolist()
        [4, 4, 0, 0]
        """
        codes = [_codes_of_string(row, text) for row, text in enumerate(letters)]
        if not codes or not codes[0].size:
            raise TableError("sequences: wanted at least one string of at least one letter")
        sizes = np.array([found.size for found in codes])
        if (sizes != sizes[0]).any():
            row = int(np.argmax(sizes != sizes[0]))
            raise TableError(
                f"sequences: wanted strings of equal length, got {sizes[0]} letters in row 0 and {sizes[row]} in row "
                f"{row}; cut them to one width"
            )
        return cls.from_codes(np.stack(codes))

    @classmethod
    def from_codes(cls, codes: Codes) -> Self:
        """Make sequences of codes, kept in memory.

        Parameters
        ----------
        codes : ndarray of uint8, shape (n_sequences, width)
            A 0, C 1, G 2, T 3, N 4; copied.

        Raises
        ------
        TableError
            For arrays of another type, shape or range.

        Examples
        --------
        >>> PeakSequences.from_codes(np.array([[0, 1, 2, 3]], np.uint8)).to_strings()
        ['ACGT']
        """
        check_codes(codes)
        if codes.ndim != 2 or not codes.size:
            raise TableError(f"codes: wanted at least one sequence of at least one letter, got shape {codes.shape}")
        sequences = cls.__new__(cls)
        sequences._begin(CodesInMemory(codes.copy()), None, None, 1.0)
        return sequences

    def _begin(self, windows: Windows, peaks: pd.DataFrame | None, genome: Genome | None, max_n_share: float) -> None:
        self._windows, self._peaks, self._genome, self._max_n_share = windows, peaks, genome, max_n_share

    @property
    def shape(self) -> tuple[int, int]:
        """Number of peaks and width of their windows."""
        return self._windows.shape

    @property
    def width(self) -> int:
        """Width of the windows in bp."""
        return self.shape[1]

    @property
    def dtype(self) -> np.dtype:
        """Type of the codes: uint8."""
        return np.dtype(np.uint8)

    @property
    def ndim(self) -> int:
        """Number of axes: 2."""
        return 2

    @property
    def peaks(self) -> pd.DataFrame | None:
        """A copy of the table of peaks, None for sequences of strings."""
        return None if self._peaks is None else self._peaks.copy()

    @property
    def genome(self) -> Genome | None:
        """Genome that letters are read from, None for sequences of strings."""
        return self._genome

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        rows = self._rows(key)
        return self._take(rows) if rows.ndim else self._read(np.atleast_1d(rows))[0]

    def _take(self, found: IntArray) -> Self:
        """Keep some peaks, without reading."""
        taken = type(self).__new__(type(self))
        peaks = None if self._peaks is None else self._peaks.iloc[found].reset_index(drop=True)
        taken._begin(self._windows.take(found), peaks, self._genome, self._max_n_share)
        return taken

    def as_array(self) -> Codes:
        """Read all windows, shape (n_peaks, width)."""
        return self._read(np.arange(len(self)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray:
        if copy is False:
            raise ValueError("sequences are read when an array is made of them, so copy=False cannot be")
        codes = self.as_array()
        return codes if dtype is None else codes.astype(dtype, copy=False)

    def to_strings(self) -> list[str]:
        """Read all windows as text: A, C, G, T and N."""
        return [letters_of(codes) for codes in self.as_array()]

    def gc_share(self) -> NDArray[np.float64]:
        """Share of G and C among the letters A, C, G and T of each window.

        Returns
        -------
        ndarray of float64, shape (n_peaks,)
            NaN where a window has none of the four.
        """
        counts = self._letter_counts()
        known = counts[:, :UNKNOWN].sum(axis=1)
        return np.divide(counts[:, 1] + counts[:, 2], known, out=np.full(len(self), np.nan), where=known > 0)

    def n_share(self) -> NDArray[np.float64]:
        """Share of each window that is N, another IUPAC code, or beyond the end of the chromosome; shape (n_peaks,)."""
        return self._letter_counts()[:, UNKNOWN] / self.width

    def _letter_counts(self) -> IntArray:
        """How often each code occurs in each window, shape (n_peaks, 5)."""
        counts, order = np.zeros((len(self), UNKNOWN + 1), np.int64), self._windows.reading_order()
        for low in range(0, len(order), _ROWS_AT_ONCE):
            rows = order[low : low + _ROWS_AT_ONCE]
            codes = self._windows.codes(rows)
            counts[rows] = np.stack([np.count_nonzero(codes == code, axis=1) for code in range(UNKNOWN + 1)], axis=1)
        return counts

    def _rows(self, key: Any) -> IntArray:
        if isinstance(key, tuple):  # scikit-learn asks for ``X[rows, ...]``
            key, *rest = key
            if rest != [Ellipsis]:
                raise TypeError("sequences are indexed by rows alone: numpy.asarray(sequences[rows])[:, columns]")
        rows = np.arange(len(self))[key if isinstance(key, slice) else _as_index(key)]
        if np.ndim(rows) > 1:
            raise TypeError(f"rows must be one number, a slice or an array of one axis, got {np.ndim(rows)} axes")
        return np.asarray(rows)

    def _read(self, rows: IntArray) -> Codes:
        codes = self._windows.codes(rows)
        if self._max_n_share < 1:
            self._check_n(codes, rows)
        return codes

    def _check_n(self, codes: Codes, rows: IntArray) -> None:
        n_share = np.count_nonzero(codes == UNKNOWN, axis=1) / self.width
        wrong = np.flatnonzero(n_share > self._max_n_share)
        if wrong.size and self._peaks is not None:
            peak = self._peaks.iloc[rows[wrong[0]]]
            raise TableError(
                f"sequences: {wrong.size:,} of {len(rows):,} windows have more N than max_n_share="
                f"{self._max_n_share:g}, the first {peak['chrom']}:{peak['start']}-{peak['end']} in row "
                f"{rows[wrong[0]]} ({n_share[wrong[0]]:.0%} N). Are peaks and genome of one assembly "
                "(skepi.sequence.check_genome)? If so, leave these peaks out: "
                "sequences[sequences.n_share() <= max_n_share]"
            )

    def __repr__(self) -> str:
        source = "strings" if self._genome is None else repr(self._genome)
        return f"<PeakSequences: {count(len(self), 'window')} of {self.width:,} bp from {source}>"


def _as_index(key: Any) -> NDArray:
    found = np.asarray(key)
    return found.astype(np.int64) if found.size == 0 and found.dtype == np.float64 else found


def _codes_of_string(row: int, text: Any) -> Codes:
    if not isinstance(text, str):
        raise TableError(f"sequences: wanted text, got {type(text).__name__} in row {row}")
    return codes_of(
        text.encode("latin-1", "replace"), place=lambda place: f"sequences: row {row}, position {place:,} (from 0)"
    )


def _check_share(max_n_share: float) -> None:
    if max_n_share != 1:
        check_number("max_n_share", max_n_share, 0, 1)


def _middles(peaks: Any, regions: pd.DataFrame, center: str) -> IntArray:
    """What lies in the middle of each window."""
    check_choice("center", center, ("middle", "summit"))
    start, end = (regions[column].to_numpy() for column in ("start", "end"))
    if center == "middle":
        return (start + end) // 2
    summit = positions_of(frame_of(peaks, "peaks", ("summit",))["summit"], "peaks: summit", whole_floats=True)
    wrong = np.flatnonzero((summit < start) | (summit >= end))
    if wrong.size:
        row = int(wrong[0])
        raise TableError(
            f"peaks: summit: wanted a position (no offset) in start <= summit < end, got {summit[row]} in row {row} "
            f"({wrong.size} such row(s))"
        )
    return summit


def _check_inside(genome: Genome, regions: pd.DataFrame, middle: IntArray) -> None:
    """Refuse peaks whose middle lies beyond the end of their chromosome."""
    length = genome.chromosomes[regions["chrom"]].to_numpy()
    beyond = np.flatnonzero(middle >= length)
    if beyond.size:
        row = int(beyond[0])
        peak = regions.iloc[row]
        fits = possible_assemblies(regions)
        said = f" The peaks fit {', '.join(fits)}." if fits else ""
        raise TableError(
            f"peaks: {beyond.size:,} peak(s) lie beyond the end of their chromosome, the first "
            f"{peak['chrom']}:{peak['start']}-{peak['end']} in row {row}, where the genome's {peak['chrom']} ends at "
            f"{length[row]:,}. Peaks and genome seem to be of two assemblies.{said}"
        )


def _common_width(regions: pd.DataFrame) -> int:
    widths = (regions["end"] - regions["start"]).to_numpy()
    if (widths != widths[0]).any():
        raise TableError(
            f"peaks: width=None wants peaks of equal width, got {widths.min()} to {widths.max()} bp; give a width"
        )
    return int(widths[0])
