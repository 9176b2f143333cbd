"""What a packed file may unpack to: the one law for everything that reads files.

A file of one megabyte can be made to unpack to a gigabyte, and a file of a few bytes can state any size. So every
reader counts what a file unpacks to, and stops at

    max(256 MiB, 200 x bytes of the file)

A size that the format states is checked before anything is read. Any other content is counted while it is read.

The factor comes from honest files. Peak calls unpack to 4 to 6 times their size, annotations to 10 to 30 times, counts
of bulk samples to 6 to 20 times. Counts of which one in a thousand is not zero reach 200 times, and such counts written
with 18 decimals 360 times; they are read up to 256 MiB. Deflate, which packs gzip and most HDF5, ends at 1,032 times.

A line of text may have 16 MiB, because it takes twenty times as much memory once it is split into short fields. The
description inside an archive of skepi may have 16 MiB, or 20 times the bytes of the file, for the same reason.

The environment variable ``SKEPI_MAX_UNPACKED_BYTES``, a whole number of bytes, takes the place of all these limits.
"""

import os

from skepi.exceptions import FileFormatError

VARIABLE = "SKEPI_MAX_UNPACKED_BYTES"

_ALWAYS_ALLOWED = 256 << 20
_MOST_TIMES_PACKED = 200
_MOST_TIMES_PACKED_TEXT = 20
_LONGEST_LINE = 16 << 20


class Unpacked:
    """Count what one file unpacks to.

    Parameters
    ----------
    path : path
        For messages.
    packed_bytes : int
        Size of the file.

    Attributes
    ----------
    limit : int
        Bytes that the file may unpack to.

    Raises
    ------
    RuntimeError
        If ``SKEPI_MAX_UNPACKED_BYTES`` is not a whole number of bytes.
    """

    def __init__(self, path: str | os.PathLike, packed_bytes: int) -> None:
        self._path, self._packed_bytes, self._n_bytes = path, packed_bytes, 0
        self.limit = _declared() or allowed(packed_bytes)

    def add(self, n_bytes: int) -> None:
        """Count more bytes, stated or read; raise ``FileFormatError`` if they are too many by now."""
        self._n_bytes += n_bytes
        if self._n_bytes > self.limit:
            raise FileFormatError(
                self._path,
                None,
                None,
                f"the file of {self._packed_bytes:,} bytes unpacks to at least {self._n_bytes:,}; the limit is "
                f"{self.limit:,}. If you trust the file, set {VARIABLE} to a larger number of bytes, such as "
                f"{10 * self._n_bytes}",
            )


def check_unpacked(n_bytes: int, packed_bytes: int, path: str | os.PathLike) -> None:
    """Raise ``FileFormatError`` if a file of ``packed_bytes`` states that it unpacks to too many bytes."""
    Unpacked(path, packed_bytes).add(n_bytes)


def allowed(packed_bytes: int) -> int:
    """Bytes that a file may unpack to where the environment says nothing."""
    return max(_ALWAYS_ALLOWED, _MOST_TIMES_PACKED * packed_bytes)


def allowed_description(packed_bytes: int) -> int:
    """Bytes that the description in an archive may have where the environment says nothing."""
    return max(_LONGEST_LINE, _MOST_TIMES_PACKED_TEXT * packed_bytes)


def check_description(n_bytes: int, packed_bytes: int, path: str | os.PathLike) -> None:
    """Raise ``FileFormatError`` if a description in JSON is too long: read, it takes twenty times as much memory."""
    limit = _declared() or allowed_description(packed_bytes)
    if n_bytes > limit:
        message = (
            f"the description has {n_bytes:,} bytes; the limit is {limit:,}. "
            f"If you trust the file, set {VARIABLE} to a larger number of bytes, such as {10 * n_bytes}"
        )
        raise FileFormatError(path, None, None, message)


def longest_line() -> int:
    """Bytes that a line of text may have, with its end."""
    return _declared() or _LONGEST_LINE


def too_long(path: str | os.PathLike, line: int) -> FileFormatError:
    """Make the error about a line that goes on behind the limit."""
    n_bytes = longest_line()
    message = (
        f"the line has more than {n_bytes:,} bytes, which is the limit. Is it a file of text? "
        f"If you trust it, set {VARIABLE} to a larger number of bytes"
    )
    return FileFormatError(path, line, None, message)


def _declared() -> int | None:
    """Limit of the environment, if there is one."""
    text = os.environ.get(VARIABLE, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text)):
        raise RuntimeError(f"{VARIABLE} must be a whole number of bytes above 0, such as 1000000000, got {text!r}")
    return int(text)
