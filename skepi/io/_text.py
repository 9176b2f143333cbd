"""Lines of text files, plain or gzipped, with errors that name file, line and column."""

import gzip
import io
import os
import re
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

from skepi._limits import Unpacked, longest_line, too_long
from skepi.exceptions import FileFormatError
from skepi.intervals import MAX_POSITION
from skepi.io._other_formats import N_BYTES, refuse_other_formats

Path = str | os.PathLike
T = TypeVar("T")

_GZIP_MAGIC = b"\x1f\x8b"
_BUFFER_BYTES = 1 << 16
_POWER_OF_TEN = re.compile(r"[0-9]+e\+[0-9]+").fullmatch


class Line:
    """One line of a file, split into fields; every complaint about it names the place.

    Parameters
    ----------
    path : path
    number : int
        From 1.
    text : str
        Without its end.
    separator : str or None
        Between fields; None for any white space.

    Attributes
    ----------
    path : path
    number : int
        From 1.
    fields : list of str

    Examples
    --------
    >>> line = Line("sizes.txt", 7, "chr1 many", None)
    >>> line.position(1)
    Traceback (most recent call last):
    skepi.exceptions.FileFormatError: sizes.txt, line 7, column 2: wanted a whole number (bp), got 'many'
    """

    def __init__(self, path: Path, number: int, text: str, separator: str | None) -> None:
        self.path = path
        self.number = number
        self.fields = text.split(separator)

    def error(self, message: str, column: int | None = None) -> FileFormatError:
        """Make an error about this line, or about a column of it (from 0; told from 1)."""
        return FileFormatError(self.path, self.number, None if column is None else column + 1, message)

    def convert(self, column: int, to: Callable[[str], T], wanted: str) -> T:
        """Turn a field into something else; ``wanted`` says what, where it cannot be."""
        try:
            return to(self.fields[column])
        except ValueError:
            raise self.error(f"wanted {wanted}, got {self.fields[column]!r}", column) from None

    def position(self, column: int, least: int = 0) -> int:
        """Whole number of bp from ``least`` to the largest position."""
        try:
            value = _whole(self.fields[column])
        except ValueError:
            of_r = _POWER_OF_TEN(self.fields[column]) is not None
            way = ". R writes 100000 so: options(scipen=999) keeps its digits" if of_r else ""
            got = repr(self.fields[column])
            raise self.error(f"wanted a whole number (bp), got {got}{way}", column) from None
        if not least <= value <= MAX_POSITION:
            raise self.error(f"positions lie in {least} .. {MAX_POSITION}, got {self.fields[column]}", column)
        return value

    def choice(self, column: int, allowed: tuple[str, ...]) -> str:
        """One of a few words."""
        if self.fields[column] not in allowed:
            raise self.error(f"wanted one of {', '.join(allowed)}, got {self.fields[column]!r}", column)
        return self.fields[column]

    def chrom(self, column: int = 0) -> str:
        """A name without white space."""
        name = self.text(column)
        if not name.isprintable() or " " in name:
            raise self.error(f"wanted a chromosome name without white space, got {name!r}", column)
        return name

    def text(self, column: int) -> str:
        """A name that is not empty."""
        if not self.fields[column].strip():
            raise self.error("wanted a name, got nothing", column)
        return self.fields[column]


def read_lines(
    path: Path, separator: str | None = "\t", skip: tuple[str, ...] = ("#",), until: tuple[str, ...] = ()
) -> Iterator[Line]:
    """Yield the lines of a file that are neither blank nor begin with one of ``skip``, up to one of ``until``.

    Parameters
    ----------
    path : path
        Text, plain or gzipped.
    separator : str or None, default="\\t"
        Between fields; None for any white space.
    skip : tuple of str, default=("#",)
        Lines that begin with one of these are left out.
    until : tuple of str, default=()
        The file is read up to the first line that begins with one of these.

    Yields
    ------
    Line
        With its number in the file, from 1.

    Raises
    ------
    FileFormatError
        Where the file is empty, a folder, not text, or a gzip file that is truncated, corrupt or unpacks to more than
        it may.
    FileNotFoundError

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "sizes.txt")
    ...     _ = path.write_text("# bp\\nchr1\\t100\\n")
    ...     [(line.number, line.fields) for line in read_lines(path)]
    [(2, ['chr1', '100'])]
    """
    found = False
    for number, text in _decoded(path):
        if until and text.startswith(until):
            break
        if text.strip() and not text.startswith(skip):
            found = True
            yield Line(path, number, text, separator)
    if not found:
        raise FileFormatError(path, None, None, "the file holds no data")


def _decoded(path: Path) -> Iterator[tuple[int, str]]:
    """Number and text of each line, without its end."""
    number, longest = 0, longest_line()
    with open_file(path) as plain:
        content = _content(path, plain)
        try:
            refuse_other_formats(path, content.peek(N_BYTES)[:N_BYTES], "text")
            for raw in iter(partial(content.readline, longest + 1), b""):
                number += 1
                if len(raw) > longest:
                    raise too_long(path, number)
                text = raw.rstrip(b"\r\n").decode("utf-8-sig" if number == 1 else "utf-8")
                if "\0" in text or "\r" in text:
                    raise FileFormatError(path, number, None, "the file is not text with one record per line")
                yield number, text
        except UnicodeDecodeError:
            raise FileFormatError(path, number, None, "the file is not text (UTF-8)") from None
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise FileFormatError(path, number + 1, None, f"the gzip file is truncated or corrupt ({error})") from None


def open_file(path: Path) -> io.BufferedReader:
    """Open a file for reading bytes; a folder is an error of its own."""
    try:
        return open(path, "rb")
    except OSError:
        if os.path.isdir(path):
            raise FileFormatError(path, None, None, "this is a folder, wanted a file") from None
        raise


def _content(path: Path, plain: io.BufferedReader) -> io.BufferedReader:
    """Bytes of a file, unpacked if it is gzipped."""
    zipped = plain.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
    plain.seek(0)
    if not zipped:
        return plain
    unpacked = Unpacked(path, os.fstat(plain.fileno()).st_size)
    return io.BufferedReader(_Counted(gzip.GzipFile(fileobj=plain), unpacked), _BUFFER_BYTES)


class _Counted(io.RawIOBase):
    """Content of a gzip file, counted as it is unpacked."""

    def __init__(self, content: gzip.GzipFile, unpacked: Unpacked) -> None:
        self._content, self._unpacked = content, unpacked

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        n_bytes = self._content.readinto(buffer)
        self._unpacked.add(n_bytes)
        return n_bytes


def _whole(text: str) -> int:
    """An integer written in digits alone: no sign but minus, no underscore, no space."""
    if not text.removeprefix("-").isascii() or not text.removeprefix("-").isdigit():
        raise ValueError(text)
    return int(text) if len(text) < 20 else MAX_POSITION + 1


def finite(text: str) -> float:
    """A finite number."""
    value = float(text)
    if value - value != 0 or "_" in text or not text.isascii():
        raise ValueError(text)
    return value


def columns_of(rows: list[tuple[Any, ...]], names: tuple[str, ...]) -> dict[str, list[Any]]:
    """Rows turned into named columns."""
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
