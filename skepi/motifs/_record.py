"""One motif of a file, with the line that names it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skepi.io import Line


class Record(NamedTuple):
    """A motif as a file has it.

    Attributes
    ----------
    line : Line
        The one that names it, for messages.
    id, tf : str
        ``tf`` is empty where the file names none.
    rows : ndarray of shape (width, 4)
        Probabilities or counts of A, C, G and T.
    """

    line: Line
    id: str
    tf: str
    rows: NDArray[np.float64]


def number_of(line: Line, column: int, most: float) -> float:
    """A number from 0 to ``most``."""
    value = line.convert(column, float, "a number")
    if not 0 <= value <= most:
        raise line.error(f"wanted a number from 0 to {most:g}, got {line.fields[column]}", column)
    return value
