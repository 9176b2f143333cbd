"""2bit, read through py2bit after every number that says where something lies was checked.

A library in C that trusts the numbers of a damaged file can end the whole process. The layout is UCSC's:
https://genome.ucsc.edu/FAQ/FAQformat.html#format7
"""

import os
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from skepi._dna import Codes, codes_of
from skepi.exceptions import FileFormatError
from skepi.intervals import MAX_POSITION

_MAGIC, _MAGIC_REVERSED = 0x1A412743, 0x4327411A
_HEADER_BYTES = 16


def is_two_bit(path: Path) -> bool:
    """Whether a file begins as a 2bit file does."""
    with open(path, "rb") as file:
        start = file.read(4)
    return len(start) == 4 and int.from_bytes(start, "little") in (_MAGIC, _MAGIC_REVERSED)


def check_two_bit(path: Path) -> dict[str, int]:
    """Lengths of the chromosomes of a 2bit file, all of which lie within it."""
    with open(path, "rb") as file:
        return _Layout(path, file).lengths()


class TwoBitFile:
    """Letters of a 2bit file, opened in this process.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.lengths = check_two_bit(path)
        try:
            self._file = _library().open(str(path))
        except RuntimeError as error:
            raise FileFormatError(path, None, None, f"py2bit cannot open the file: {error}") from None

    def codes(self, chrom: str, start: int, end: int) -> Codes:
        """Read the codes of ``[start, end)``."""
        if start == end:  # py2bit takes 0, 0 for the whole chromosome
            return codes_of(b"")
        return codes_of(self._file.sequence(chrom, start, end).encode("ascii"))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _library() -> Any:
    try:
        import py2bit
    except ImportError as error:
        raise ImportError("2bit files are read with py2bit: pip install 'skepi[sequence]'") from error
    return py2bit


class _Layout:
    """Numbers of an open 2bit file."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self._path, self._file = path, file
        self._size = os.fstat(file.fileno()).st_size

    def lengths(self) -> dict[str, int]:
        """Length of each chromosome."""
        magic, version, count, _ = self._numbers(0, 4).tolist()
        if magic == _MAGIC_REVERSED:
            raise self._error(
                "the file has the byte order of another processor, which py2bit does not read; write it anew with "
                "twoBitToFa and faToTwoBit"
            )
        if version != 0:
            raise self._error(f"version {version} of 2bit is not known, wanted 0")
        return {name: self._length(name, place) for name, place in self._records(count).items()}

    def _records(self, count: int) -> dict[str, int]:
        """Where the record of each name lies."""
        found: dict[str, int] = {}
        place = _HEADER_BYTES
        for _ in range(count):
            size = self._bytes(place, 1)[0]
            name = self._bytes(place + 1, size).decode("latin-1")
            if not name or not name.isascii() or not name.isprintable() or name in found:
                raise self._error(f"the list of chromosomes is broken at {name!r}")
            found[name] = int(self._numbers(place + 1 + size, 1)[0])
            place += 5 + size
        if not found:
            raise self._error("the file holds no chromosome")
        return found

    def _length(self, name: str, place: int) -> int:
        length = int(self._numbers(place, 1)[0])
        if length > MAX_POSITION:
            raise self._error(f"{name} states {length:,} bp, more than any chromosome has")
        place = self._blocks(name, place + 4, length)  # of N
        place = self._blocks(name, place, length)  # of lower case
        self._within(place + 4, -(-length // 4))
        return length

    def _blocks(self, name: str, place: int, length: int) -> int:
        """Check blocks that lie on a chromosome; return where they end."""
        count = int(self._numbers(place, 1)[0])
        start, size = self._numbers(place + 4, 2 * count).astype(np.int64).reshape(2, count)
        if (start + size > length).any() or (start[1:] < (start + size)[:-1]).any():
            raise self._error(f"blocks of N or lower case of {name} overlap or lie beyond its end")
        return place + 4 + 8 * count

    def _numbers(self, place: int, count: int) -> NDArray:
        return np.frombuffer(self._bytes(place, 4 * count), "<u4")

    def _bytes(self, place: int, size: int) -> bytes:
        self._within(place, size)
        self._file.seek(place)
        return self._file.read(size)

    def _within(self, place: int, size: int) -> None:
        if place + size > self._size:
            raise self._error(
                f"the 2bit file is truncated or damaged: it ends at byte {self._size:,}, wanted {size:,} bytes from "
                f"{place:,}"
            )

    def _error(self, message: str) -> FileFormatError:
        return FileFormatError(self._path, None, None, message)
