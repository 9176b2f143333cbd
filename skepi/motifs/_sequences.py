"""Sequences as letters: A, C, G and T are 0 to 3, anything else is 4."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skepi._dna import UNKNOWN, first_wrong
from skepi.exceptions import TableError


def check_sequences(sequences: Any) -> tuple[int, int]:
    """Number of windows and their width (bp), of what may be scanned."""
    shape = getattr(sequences, "shape", None)
    if shape is None or not hasattr(sequences, "__getitem__"):
        raise TypeError(
            "sequences: wanted windows of DNA, as PeakSequences or as an array of numbers 0 to 4 of shape (n, width), "
            f"got {type(sequences).__name__}; PeakSequences.from_strings(...) takes text"
        )
    if len(shape) != 2 or not shape[0]:
        raise TableError(f"sequences: wanted one row per window, shape (n, width), got shape {tuple(shape)}")
    return int(shape[0]), int(shape[1])


def letters_of(sequences: Any, size: int) -> Iterator[tuple[slice, NDArray[np.uint8]]]:
    """Yield ``size`` windows at a time: their rows and their letters."""
    for start in range(0, len(sequences), size):
        rows = slice(start, min(start + size, len(sequences)))
        yield rows, _checked(np.asarray(sequences[rows]), start)


def _checked(letters: NDArray, start: int) -> NDArray[np.uint8]:
    if not np.issubdtype(letters.dtype, np.integer):
        raise TypeError(f"sequences: wanted numbers 0 to 4 for A, C, G, T and N (uint8), got {letters.dtype}")
    wrong = first_wrong(letters)
    if wrong is not None:
        raise TableError(
            f"sequences: wanted numbers 0 to 4 for A, C, G, T and N, got {letters[wrong]} in row {start + wrong[0]}, "
            f"position {wrong[1]}"
        )
    return letters.astype(np.uint8, copy=False)


def share_of_letters(sequences: Any, size: int) -> NDArray[np.float64]:
    """Shares of A, C, G and T among the known letters."""
    counts = np.zeros(UNKNOWN + 1)
    for _, letters in letters_of(sequences, size):
        counts += np.bincount(letters.ravel(), minlength=UNKNOWN + 1)
    if not counts[:UNKNOWN].all():
        raise TableError(
            f"sequences: a letter never occurs (A, C, G, T: {counts[:4].astype(int).tolist()}), so that they give no "
            "background: give background=(0.25, 0.25, 0.25, 0.25)"
        )
    return counts[:4] / counts[:4].sum()
