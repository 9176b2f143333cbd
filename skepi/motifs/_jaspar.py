"""The JASPAR format: counts, one line per letter."""

import re
from collections.abc import Iterator

import numpy as np

from skepi.io import Line
from skepi.motifs._record import Record, number_of

_MOST_COUNTS = 1e15
_BRACKETS = re.compile(r"[\[\]]")


def jaspar_records(lines: Iterator[Line]) -> Iterator[Record]:
    """Yield the motifs of a file, one record of counts each.

    A motif is a line ``>id tf``, of which ``tf`` may be absent, and four lines of counts, of A, C, G and T, with or
    without their letter and brackets.
    """
    for line in lines:
        if not line.fields[0].startswith(">"):
            raise line.error(f"wanted a line that begins with '>', got {' '.join(line.fields)[:60]!r}")
        called = " ".join(line.fields)[1:].split(maxsplit=1)
        if not called:
            raise line.error("wanted an identifier behind '>'")
        yield Record(line, called[0], called[1] if called[1:] else "", _counts(line, lines))


def _counts(header: Line, lines: Iterator[Line]) -> np.ndarray:
    """Counts of the four lines behind a header, (width, 4)."""
    columns: list[list[float]] = []
    for letter in "ACGT":
        line = next(lines, None)
        if line is None:
            raise header.error(f"the matrix has {len(columns)} of 4 lines of counts: the file is cut off")
        columns.append(_numbers(line, letter))
        if len(columns[-1]) != len(columns[0]):
            raise line.error(f"wanted {len(columns[0])} counts as in the line of A, got {len(columns[-1])}")
    return np.array(columns).T


def _numbers(line: Line, letter: str) -> list[float]:
    """Counts of one letter."""
    text = _BRACKETS.sub(" ", " ".join(line.fields))
    line.fields = text.split()
    if line.fields and line.fields[0].isalpha():
        line.choice(0, (letter,))
        line.fields = line.fields[1:]
    if not line.fields:
        raise line.error(f"wanted counts of {letter}, got none: the matrix has no position")
    return [number_of(line, column, _MOST_COUNTS) for column in range(len(line.fields))]
