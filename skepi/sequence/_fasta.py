"""FASTA, plain or bgzip, read through pyfaidx by an index that is compared with the file first."""

import os
import re
import struct
import tempfile
import zlib
from bisect import bisect_right
from pathlib import Path
from typing import Any, NamedTuple

from skepi._dna import Codes, codes_of
from skepi.exceptions import FileFormatError
from skepi.intervals import MAX_POSITION

_END_OF_BGZIP = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_BGZIP = re.compile(rb"\x1f\x8b\x08\x04.{6}..BC\x02\x00", re.DOTALL).match
_HEAD = re.compile(rb"[\r\n]*>[ \t]*(\S+)[^\n]*\n").fullmatch
_LONGEST_HEAD = 1 << 20
#: What the libraries raise about bytes that cannot be.
_DAMAGE = (ValueError, LookupError, ArithmeticError, OSError, EOFError, RuntimeError, struct.error, zlib.error)


class FastaIndex(NamedTuple):
    """Where letters lie in a FASTA file, as it is written beside it.

    Attributes
    ----------
    fai : bytes
        One line per record.
    gzi : bytes or None
        Blocks of a bgzip file.
    """

    fai: bytes
    gzi: bytes | None


def is_gzip(path: Path) -> bool:
    """Whether a file is packed by gzip or bgzip."""
    with open(path, "rb") as file:
        return file.read(2) == b"\x1f\x8b"


def is_bgzip(path: Path) -> bool:
    """Whether a file is packed by bgzip, as its first block tells."""
    with open(path, "rb") as file:
        return _BGZIP(file.read(18)) is not None


def index_of(path: Path) -> FastaIndex:
    """Index of a FASTA file: what lies beside it, or one made now, of which nothing is written there."""
    packed = is_bgzip(path)
    if packed:
        _check_end(path)
    fai = _beside(path, ".fai")
    gzi = _beside(path, ".gzi") if packed else None
    if fai is None or (packed and gzi is None):
        made = _made(path, packed)
        fai, gzi = fai or made.fai, gzi or made.gzi
    return FastaIndex(fai, gzi)


def _check_end(path: Path) -> None:
    with open(path, "rb") as file:
        file.seek(-min(len(_END_OF_BGZIP), path.stat().st_size), os.SEEK_END)
        if file.read() != _END_OF_BGZIP:
            raise FileFormatError(
                path, None, None, "the bgzip file is truncated (its last block is missing); copy or fetch it again"
            )


def _beside(path: Path, ending: str) -> bytes | None:
    """Index that lies beside a file, unless it is older."""
    index = path.with_name(path.name + ending)
    if not index.is_file():
        return None
    if index.stat().st_mtime_ns < path.stat().st_mtime_ns:
        raise FileFormatError(index, None, None, f"the index is older than {path.name}, so it may be stale; {_ANEW}")
    return index.read_bytes()


_ANEW = "delete it, or make it anew with samtools faidx"


def _made(path: Path, packed: bool) -> FastaIndex:
    with tempfile.TemporaryDirectory() as folder:
        fai, gzi = Path(folder, "fai"), Path(folder, "gzi")
        _opened(path, fai, gzi if packed else None, make=True).close()
        return FastaIndex(fai.read_bytes(), gzi.read_bytes() if packed else None)


def _opened(path: Path, fai: Path, gzi: Path | None, *, make: bool) -> Any:
    """The file in pyfaidx."""
    pyfaidx = _library()
    name = path if gzi is None or path.suffix in (".gz", ".bgz") else None
    if name is None:
        raise FileFormatError(path, None, None, "the file is bgzip, so its name must end in .gz or .bgz; rename it")
    try:
        return pyfaidx.Faidx(
            str(path),
            indexname=str(fai),
            gzi_indexname=None if gzi is None else str(gzi),
            as_raw=True,
            rebuild=make,
            build_index=make,
        )
    except pyfaidx.FastaIndexingError as error:
        raise FileFormatError(path, None, None, f"no FASTA file that can be indexed: {_line(error)}") from None
    except _DAMAGE as error:
        what = f"its index (.fai, .gzi) is damaged; {_ANEW}"
        if make:
            what = "the file cannot be indexed as FASTA" if gzi is None else "the bgzip file is truncated or damaged"
        raise FileFormatError(path, None, None, f"{what} ({_line(error)})") from None


def _library() -> Any:
    try:
        import pyfaidx
    except ImportError as error:
        raise ImportError("FASTA files are read with pyfaidx: pip install 'skepi[sequence]'") from error
    return pyfaidx


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


class FastaFile:
    """Letters of a FASTA file, opened in this process.

    Parameters
    ----------
    path : Path
    index : FastaIndex
    """

    def __init__(self, path: Path, index: FastaIndex) -> None:
        self._path = path
        with tempfile.TemporaryDirectory() as folder:
            fai, gzi = Path(folder, "fai"), None if index.gzi is None else Path(folder, "gzi")
            for place, content in ((fai, index.fai), (gzi, index.gzi)):
                if place is not None:
                    place.write_bytes(content or b"")
                    later = max(place.stat().st_mtime_ns, path.stat().st_mtime_ns)
                    os.utime(place, ns=(later, later))
            self._file = _opened(path, fai, gzi, make=False)
        self._gzi_starts = None if index.gzi is None else [block.ustart for block in self._file.gzi_index]
        self.lengths = {name: int(record.rlen) for name, record in self._file.index.items()}

    def codes(self, chrom: str, start: int, end: int) -> Codes:
        """Read the codes of ``[start, end)``."""
        if start == end:
            return codes_of(b"")
        try:
            text = self._file.from_file(chrom, start + 1, end).encode("latin-1", "replace")
        except _DAMAGE as error:
            raise self._error(f"{chrom}:{start}-{end} cannot be read: {_line(error)}") from None
        if len(text) != end - start:
            raise self._error(f"{chrom}:{start}-{end} has {len(text)} letters: the file or its index is damaged")
        return codes_of(text, self._error, lambda place: f"{chrom}, position {start + place:,} (from 0)")

    def check_index(self) -> None:
        """Refuse an index that does not agree with the file.

        Between the letters of two records there must be one line, which names the second as the index does. Behind the
        last letter there must be nothing.
        """
        end = 0
        for name, record in sorted(self._file.index.items(), key=lambda item: item[1].offset):
            if not _may_be(record):
                raise self._stale(f"the numbers of {name} cannot be")
            head = self._bytes(end, record.offset - end) if end <= record.offset < end + _LONGEST_HEAD else b""
            found = _HEAD(head)
            if found is None or found[1] != name.encode():
                raise self._stale(f"{name} does not begin where it says")
            end = record.offset + _n_bytes(record)
        if self._bytes(end, _LONGEST_HEAD).strip():
            raise self._stale("there is more in the file than it says")

    def _bytes(self, place: int, size: int) -> bytes:
        """Read bytes of the FASTA text; fewer at its end."""
        file = self._file.file
        if self._gzi_starts is None:
            file.seek(place)
            return file.read(size)
        block = max(bisect_right(self._gzi_starts, place) - 1, 0)
        found = self._file.gzi_index[block]
        file.seek(found.cstart << 16)
        return file.read(place - found.ustart + size)[place - found.ustart :]

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _stale(self, message: str) -> FileFormatError:
        return self._error(f"its index (.fai) is stale or of another file: {message}; {_ANEW}")

    def _error(self, message: str) -> FileFormatError:
        return FileFormatError(self._path, None, None, message)


def _may_be(record: Any) -> bool:
    """Whether lines have letters where there are letters, and an end of one or two bytes."""
    if record.rlen == 0:
        return True
    return 0 < record.rlen <= MAX_POSITION and record.lenc > 0 and 0 <= record.lenb - record.lenc <= 2


def _n_bytes(record: Any) -> int:
    """Bytes that the letters of a record take, with the ends of lines between them."""
    if not record.rlen:
        return 0
    return record.rlen + (record.rlen - 1) // record.lenc * (record.lenb - record.lenc)
