"""FASTA packed by plain gzip: no place in it can be found without unpacking all before, so it is read whole."""

import gzip
import zlib
from pathlib import Path

from skepi._dense import check_size
from skepi._dna import Codes, codes_of
from skepi._limits import Unpacked
from skepi.exceptions import FileFormatError

#: Letters that are kept in memory at most, in bytes.
MOST_BYTES = 512 << 20

_PIECE_BYTES = 1 << 22


def read_packed_fasta(path: Path) -> dict[str, Codes]:
    """Codes of all records of a gzipped FASTA file by name."""
    text = _unpacked(path)
    if not text.startswith(b">"):
        raise FileFormatError(path, 1, None, f"a FASTA file begins with '>', got {text[:20]!r}")
    codes: dict[str, Codes] = {}
    for record in text[1:].split(b"\n>"):
        head, _, letters = record.partition(b"\n")
        name = _name(path, head)
        if name in codes:
            raise FileFormatError(path, None, None, f"two records have the name {name!r}")
        codes[name] = _codes(path, name, letters)
    return codes


def _unpacked(path: Path) -> bytes:
    size, pieces, n_bytes = path.stat().st_size, [], 0
    unpacked = Unpacked(path, size)
    try:
        with gzip.open(path) as file:
            while piece := file.read(_PIECE_BYTES):
                unpacked.add(len(piece))
                n_bytes += len(piece)
                check_size(n_bytes, f"{path} (plain gzip, which is read whole)", how_to_bgzip(path), MOST_BYTES)
                pieces.append(piece)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise FileFormatError(path, None, None, f"the gzip file is truncated or corrupt ({error})") from None
    return b"".join(pieces)


def how_to_bgzip(path: Path) -> str:
    """Say how a gzipped file becomes one of which parts can be read."""
    plain = str(path).removesuffix(".gz")
    return f"make bgzip of it: gunzip {path} && bgzip {plain} && samtools faidx {path}"


def _name(path: Path, head: bytes) -> str:
    words = head.split()
    if not words:
        raise FileFormatError(path, None, None, "a record has no name behind its '>'")
    return words[0].decode("utf-8", "replace")


def _codes(path: Path, name: str, lines: bytes) -> Codes:
    letters = lines.translate(None, b"\r\n")
    return codes_of(
        letters,
        lambda said: FileFormatError(path, None, None, said),
        lambda place: f"{name}, position {place:,} (from 0)",
    )
