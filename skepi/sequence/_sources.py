"""What a genome reads letters from, and the file that they come from."""

import os
import stat
from pathlib import Path
from typing import NamedTuple, Protocol

from skepi._dna import Codes
from skepi.exceptions import FileFormatError


class Source(Protocol):
    """Letters of named chromosomes, opened in one process."""

    lengths: dict[str, int]

    def codes(self, chrom: str, start: int, end: int) -> Codes:
        """Codes of ``[start, end)``, which lies on the chromosome."""

    def close(self) -> None:
        """Give the file back."""


class FileState(NamedTuple):
    """Size and time of change of a file, by which a changed one is told.

    Attributes
    ----------
    size : int
        In bytes.
    changed_ns : int
    """

    size: int
    changed_ns: int


def state_of(path: Path) -> FileState:
    """Size and time of change of a file, which must be one."""
    found = os.stat(path)
    if stat.S_ISDIR(found.st_mode):
        raise FileFormatError(path, None, None, "this is a folder, wanted a file of a genome (FASTA or 2bit)")
    return FileState(found.st_size, found.st_mtime_ns)


class InMemory:
    """Letters that lie in memory.

    Parameters
    ----------
    codes : dict of str to ndarray
        By chromosome.
    """

    def __init__(self, codes: dict[str, Codes]) -> None:
        self._codes = codes
        self.lengths = {chrom: found.size for chrom, found in codes.items()}

    def codes(self, chrom: str, start: int, end: int) -> Codes:
        """Copy the codes of ``[start, end)``."""
        return self._codes[chrom][start:end].copy()

    def close(self) -> None:
        """Keep everything: there is no file."""
