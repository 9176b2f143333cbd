"""The MEME format: probabilities, one line per position."""

import os
import re
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from skepi.exceptions import FileFormatError, TableError
from skepi.io import Line
from skepi.motifs._record import Record, number_of

_STATED = re.compile(r"(\w+)= *(\S+)")
Path = str | os.PathLike
_HEADER = "letter-probability matrix"


def meme_records(lines: Iterator[Line]) -> Iterator[Record]:
    """Yield the motifs of a file, one record each.

    A motif is a line ``MOTIF id tf``, where ``tf`` may be absent, a line that begins with
    ``letter-probability matrix:``, and one line of four probabilities per position. Other lines are left out, such as
    the background.
    """
    motif: Line | None = None
    ended: Line | None = None  # header of a matrix whose last row came just before
    path: Path = ""
    for line in lines:
        path = line.path
        first = line.fields[0]
        if first.startswith("ALPHABET"):
            _check_alphabet(line)
        elif first == "MOTIF":
            if motif is not None:
                raise motif.error("the motif has no letter-probability matrix")
            motif = line
            _check_motif(line)
        elif " ".join(line.fields).startswith(_HEADER):
            if motif is None:
                raise line.error("a matrix stands before any line MOTIF")
            yield _record(motif, line, lines)
            motif, ended = None, line
            continue
        elif ended is not None and len(line.fields) == 4 and _is_number(first):
            raise line.error(f"a row more than the w= {_stated_width(ended)} that line {ended.number} states")
        ended = None
    if motif is not None:
        raise FileFormatError(
            path, motif.number, None, "the motif has no letter-probability matrix: is the file cut off?"
        )


def _check_alphabet(line: Line) -> None:
    """Refuse proteins and RNA."""
    letters = "".join(line.fields).removeprefix("ALPHABET").removeprefix("=")
    if letters.upper() != "ACGT" and not letters.upper().startswith('"DNA"'):
        raise line.error(f"wanted the alphabet ACGT, got {letters!r}: motifs of proteins and RNA are not read")


def _check_motif(line: Line) -> None:
    if len(line.fields) < 2:
        raise line.error("wanted an identifier behind MOTIF")


def _record(motif: Line, header: Line, lines: Iterator[Line]) -> Record:
    """One motif with the rows that its header announces."""
    width = _stated_width(header)
    rows: list[list[float]] = []
    for _ in range(width):
        line = next(lines, None)
        if line is None:
            raise header.error(f"the matrix has {len(rows)} of {width} rows: the file is cut off")
        if len(line.fields) != 4 or not _is_number(line.fields[0]):
            raise line.error(
                f"wanted row {len(rows) + 1} of {width} of the matrix above, got {' '.join(line.fields)!r}"
            )
        rows.append([number_of(line, column, 1) for column in range(4)])
    return Record(motif, motif.fields[1], " ".join(motif.fields[2:]), np.array(rows))


def _stated_width(header: Line) -> int:
    """Number of rows by the header, which must be of four letters."""
    stated = dict(_STATED.findall(" ".join(header.fields)))
    if stated.get("alength", "4") != "4":
        raise header.error(f"wanted alength= 4 (A, C, G, T), got {stated['alength']!r}")
    width = stated.get("w", "")
    if not (width.isascii() and width.isdigit() and int(width[:9])):
        raise header.error(f"wanted w= and a width of 1 or more, got {width or 'nothing'!r}")
    return int(width[:9])


def _is_number(text: str) -> bool:
    try:
        return float(text) is not None
    except ValueError:
        return False


def write_meme(path: Path, ids: Sequence[str], tfs: Sequence[str], matrices: Sequence[NDArray[np.float64]]) -> None:
    """Write motifs with all digits of their probabilities."""
    spaced = [text for text in (*ids, *tfs) if text.split() != [text]]
    if spaced:
        raise TableError(f"MEME format holds no white space in identifiers and TFs, got {spaced[0]!r}")
    parts = ["MEME version 4\n\nALPHABET= ACGT\n\nstrands: + -\n\nBackground letter frequencies\n"]
    parts.append("A 0.25 C 0.25 G 0.25 T 0.25\n")
    for name, tf, matrix in zip(ids, tfs, matrices, strict=True):
        parts.append(f"\nMOTIF {name} {tf}\nletter-probability matrix: alength= 4 w= {len(matrix)}\n")
        parts.extend(" ".join(repr(float(p)) for p in row) + "\n" for row in matrix)
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(parts)
