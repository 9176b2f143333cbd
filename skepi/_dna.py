"""Letters of DNA as numbers: A 0, C 1, G 2, T 3, and 4 for every letter that leaves the base open."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from skepi.exceptions import TableError

Codes = NDArray[np.uint8]

#: Code of N and of all other letters that leave the base open.
UNKNOWN = 4

_STRANGE = 255
_LETTERS = b"ACGTN"
_OPEN = b"NRYSWKMBDHV"  # IUPAC


def _table() -> Codes:
    table = np.full(256, _STRANGE, np.uint8)
    for code, letter in enumerate(_LETTERS[:UNKNOWN]):
        table[[letter, letter | 0x20]] = code  # upper and lower case
    for letter in _OPEN:
        table[[letter, letter | 0x20]] = UNKNOWN
    return table


_CODE_OF = _table()


def codes_of(
    text: bytes, refuse: Callable[[str], Exception] = TableError, place: Callable[[int], str] = "position {:,}".format
) -> Codes:
    """Codes of letters; lower case counts as its letter, and IUPAC letters other than A, C, G and T are 4.

    Parameters
    ----------
    text : bytes
        Letters in ASCII.
    refuse : callable
        Makes the error about a message.
    place : callable
        Says in words where the letter of a number (from 0) stands.

    Examples
    --------
    >>> codes_of(b"ACGTacgtNR").tolist()
    [0, 1, 2, 3, 0, 1, 2, 3, 4, 4]
    >>> codes_of(b"AC-T")
    Traceback (most recent call last):
    skepi.exceptions.TableError: position 2: '-' is no letter of DNA (A, C, G, T, N or another IUPAC code)
    """
    letters = np.frombuffer(text, np.uint8)
    codes = _CODE_OF[letters]
    if letters.size and codes.max() == _STRANGE:
        first = int(np.argmax(codes == _STRANGE))
        letter = chr(letters[first])
        rna = "; DNA has T where RNA has U" if letter in "uU" else ""
        raise refuse(f"{place(first)}: {letter!r} is no letter of DNA (A, C, G, T, N or another IUPAC code){rna}")
    return codes


def letters_of(codes: Codes) -> str:
    """Text of codes of one sequence.

    Examples
    --------
    >>> letters_of(np.array([0, 1, 2, 3, 4], np.uint8))
    'ACGTN'
    """
    return np.frombuffer(_LETTERS, np.uint8)[codes].tobytes().decode("ascii")


def check_codes(codes: Codes) -> None:
    """Refuse what is no array of codes of letters."""
    if not isinstance(codes, np.ndarray) or codes.dtype != np.uint8 or codes.ndim == 0:
        kind = f"dtype {codes.dtype}" if isinstance(codes, np.ndarray) else type(codes).__name__
        raise TableError(f"codes: wanted an array of uint8 with letters along its last axis, got {kind}")
    wrong = first_wrong(codes)
    if wrong is not None:
        raise TableError(f"codes: wanted 0 to {UNKNOWN} (A, C, G, T, N), got {codes[wrong]}")


def first_wrong(codes: NDArray[np.integer]) -> tuple[int, ...] | None:
    """Place of the first number that is no code of a letter; None where all are.

    Examples
    --------
    >>> first_wrong(np.array([[0, 4], [7, 9]], np.uint8)), first_wrong(np.array([0, 4], np.uint8))
    ((1, 0), None)
    """
    if not codes.size or (codes.max() <= UNKNOWN and codes.min() >= 0):
        return None
    return tuple(map(int, np.argwhere((codes < 0) | (codes > UNKNOWN))[0]))
