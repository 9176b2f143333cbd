"""Matrices as text, line by line, with errors that name the place."""

import csv
import re
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi.exceptions import FileFormatError
from skepi.io._columns import Chosen, Wanted, label_of
from skepi.io._text import Line, Path, read_lines

_NUMBER = re.compile(r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*", re.ASCII).fullmatch
_WHOLE = re.compile(r"\s*[+-]?[0-9]{1,999}\s*", re.ASCII).fullmatch
_QUOTED = re.compile('"[^"]*"')
_INT64 = range(-(2**63), 2**63)
_LAYOUTS = {"\t": "tabs", ",": "commas", ";": "semicolons", " ": "spaces"}


class Head(NamedTuple):
    """Names of all columns ("" for row names without one), line of the header, separator."""

    names: list[str]
    line: int
    separator: str


def read_delimited(path: Path, wanted: Wanted, separator: str | None) -> pd.DataFrame:
    """Read a matrix from text."""
    head = _head(path, separator, named=wanted.labels is not None or wanted.columns is not None)
    chosen = wanted.choose(path, head.names, header=head.line)
    labels, values = scan(path, head, chosen)
    name = head.names[chosen.labels[0]] if len(chosen.labels) == 1 else ""
    columns = pd.Index([head.names[column] for column in chosen.values])
    return pd.DataFrame(values, index=pd.Index(labels, name=name or None), columns=columns)


def line_of_row(path: Path, separator: str | None, row: int) -> int:
    """Line of the file that holds a row of the matrix, from 1."""
    head = _head(path, separator, named=True)
    lines = (line for line in read_lines(path, skip=()) if line.number > head.line)
    return next(line.number for k, line in enumerate(lines) if k == row)


# --- header


def _head(path: Path, separator: str | None, named: bool) -> Head:
    """Find the header: the first line that is no comment, or a comment with as many names as the first row."""
    lines = read_lines(path, separator="\n", skip=())
    comment, first = None, None
    for line in lines:
        if not line.fields[0].startswith("#"):
            first = line
            break
        comment = line
    if first is None:
        raise FileFormatError(path, None, None, "the file holds nothing but comments")
    row = next(lines, None)
    if separator is None:
        separator = _separator(first, row)
        comment = comment if separator != " " else None  # words of a sentence are no names
    split(first, separator)
    names = [] if comment is None else comment.fields[0].lstrip("# ").split(separator)
    if comment is not None and _is_row(first) and len(names) == len(first.fields):
        comment.fields = names
        first, row = comment, first
    elif row is not None:
        split(row, separator)
    if _is_row(first) and not named:
        raise first.error("wanted a header, got numbers; if they are names, labels= or columns= must name some")
    r_style = row is not None and len(row.fields) == len(first.fields) + 1
    _check_names(first, unnamed=0 if r_style else 1)
    if row is None:
        raise first.error("the file ends with the header: no rows")
    names = [""] * r_style + first.fields
    if len(names) < 2:
        raise first.error("wanted labels and at least one column of numbers; separator= tells another separator")
    return Head(names, first.number, separator)


def _separator(first: Line, row: Line | None) -> str:
    """Tab or comma if the header has one; else what makes as many names as fields in the first row, or one fewer."""
    header, fields = _unquoted(first), "" if row is None else _unquoted(row)
    for separator in "\t,":
        if separator in header:
            return separator
    fits = [s for s in _LAYOUTS if s in fields and fields.count(s) - header.count(s) in (0, 1)]
    if len(fits) > 1 or fits == [";"]:
        kinds = " or ".join(_LAYOUTS[s] for s in fits)
        raise first.error(f"the fields could be separated by {kinds}: separator= tells which")
    return fits[0] if fits else ","


def _unquoted(line: Line) -> str:
    """Text of a line that is not split yet, without what is in quotes."""
    return _QUOTED.sub('""', line.fields[0])


def _is_row(line: Line) -> bool:
    """Whether everything but the first field is a number."""
    return len(line.fields) > 1 and all(map(_NUMBER, line.fields[1:]))


def _check_names(header: Line, unnamed: int) -> None:
    """Refuse repeated and empty names; the first ``unnamed`` columns may be without."""
    seen: dict[str, int] = {}
    for column, name in enumerate(header.fields):
        if column >= unnamed and not name.strip():
            raise header.error("wanted a name in the header, got nothing", column)
        if name in seen:
            raise header.error(f"the header has the name {name!r} in column {seen[name] + 1} too", column)
        seen[name] = column


def split(line: Line, separator: str) -> None:
    """Split a line that holds its whole text as one field, with quotes as R and spreadsheets write them."""
    text = line.fields[0]
    if '"' not in text:
        line.fields = text.split(separator)
        return
    try:
        line.fields = next(csv.reader([text], delimiter=separator, strict=True))
    except csv.Error as error:
        raise line.error(f"the quotes of the line cannot be read ({error})") from None


# --- rows


def scan(path: Path, head: Head, chosen: Chosen) -> tuple[list[str], NDArray]:
    """Labels and values, line by line; what is wrong is named with its place."""
    labels, rows = [], []
    for line in read_lines(path, separator="\n", skip=()):
        if line.number <= head.line:
            continue
        text = line.fields[0]
        split(line, head.separator)
        if len(line.fields) != len(head.names):
            raise line.error(_ragged(line, text, head))
        labels.append(label_of(line, chosen.labels, chosen.one_based))
        rows.append(_numbers(line, chosen.values))
    whole = all(row.dtype == np.int64 for row in rows)
    return labels, np.array(rows, dtype=np.int64 if whole else np.float64)


def _numbers(line: Line, columns: list[int]) -> NDArray:
    fields = [line.fields[column] for column in columns]
    if all(map(_WHOLE, fields)):
        whole = [int(field) for field in fields]
        if all(value in _INT64 for value in whole):
            return np.array(whole, np.int64)
    if not all(map(_NUMBER, fields)):
        for column in columns:
            line.convert(column, _number, "a number (drop= leaves out columns that are no samples)")
    values = np.array([float(field) for field in fields])
    if not np.isfinite(values).all():
        bad = columns[int(np.flatnonzero(~np.isfinite(values))[0])]
        raise line.error(f"wanted a number within float64, got {line.fields[bad]!r}", bad)
    return values


def _number(text: str) -> float:
    if not _NUMBER(text):
        raise ValueError(text)
    return float(text)


def _ragged(line: Line, text: str, head: Head) -> str:
    for other, name in _LAYOUTS.items():
        if other != head.separator and len(text.split(other)) == len(head.names):
            return f"separated by {name}, where the header has {_LAYOUTS.get(head.separator, head.separator)}"
    return f"wanted {len(head.names)} fields as the header says, got {len(line.fields)}"
