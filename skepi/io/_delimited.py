"""Matrices as text, line by line, with errors that name the place."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._doors import some
from skepi.exceptions import FileFormatError
from skepi.io._columns import STATISTICS, Chosen, Wanted, label_of
from skepi.io._headers import GAPS, LAYOUTS, NUMBER, WHOLE, Head, head_of, split
from skepi.io._preambles import Preamble
from skepi.io._text import Line, Path, read_lines

_INT64 = range(-(2**63), 2**63)


class Scanned(NamedTuple):
    """Labels, lines and values of rows; labels of rows of statistics, and of rows with gaps, that were left out."""

    labels: list[str]
    lines: list[int]
    values: NDArray
    statistics: list[str]
    gaps: list[str]


class Text(NamedTuple):
    """A matrix read from text, the line of each row, and the labels of rows that were left out."""

    matrix: pd.DataFrame
    lines: list[int]
    statistics: list[str]
    gaps: list[str]


def read_delimited(path: Path, wanted: Wanted, separator: str | None, missing: str) -> Text:
    """Read a matrix from text."""
    head = head_of(path, separator, wanted)
    described = [] if head.preamble is None else head.names[1 : 1 + head.preamble.n_described]
    chosen = wanted.choose(path, head.names, header=head.line or None, no_samples=described)
    found = scan(path, head, chosen, missing)
    name = head.names[chosen.labels[0]] if len(chosen.labels) == 1 else ""
    columns = pd.Index([head.names[column] for column in chosen.values])
    matrix = pd.DataFrame(found.values, index=pd.Index(found.labels, name=name or None), columns=columns)
    return Text(matrix, found.lines, found.statistics, found.gaps)


def scan(path: Path, head: Head, chosen: Chosen, missing: str) -> Scanned:
    """Labels and values, line by line; what is wrong is named with its place."""
    found = Scanned([], [], np.empty(0), [], [])
    rows = []
    for line in _rows(path, head):
        label = label_of(line, chosen.labels, chosen.one_based)
        if label in STATISTICS:
            found.statistics.append(label)
            continue
        values = _numbers(line, chosen.values, missing, head.names)
        if values is None:
            found.gaps.append(label)
            continue
        found.labels.append(label)
        found.lines.append(line.number)
        rows.append(values)
    if not rows:
        raise FileFormatError(path, None, None, _nothing_left(found))
    whole = all(row.dtype == np.int64 for row in rows)
    return found._replace(values=np.array(rows, dtype=np.int64 if whole else np.float64))


def _rows(path: Path, head: Head) -> Iterator[Line]:
    """Lines behind the header, split; their number and the end of the table are as the preamble says."""
    preamble = head.preamble or Preamble(head.line)
    n_skipped = n_rows = 0
    ended = not preamble.end
    for line in read_lines(path, separator="\n", skip=()):
        if line.number <= head.line:
            continue
        text = line.fields[0]
        if preamble.end and text.lower().startswith(preamble.end):
            ended = True
            break
        if n_skipped < preamble.n_skipped:
            n_skipped += 1
            continue
        split(line, head.separator)
        if len(line.fields) != len(head.names):
            raise line.error(_ragged(line, text, head))
        n_rows += 1
        yield line
    if not ended:
        raise FileFormatError(path, None, None, f"the table does not end with {preamble.end}: is the file cut off?")
    if preamble.shape is not None and n_rows != preamble.shape[0]:
        raise FileFormatError(path, None, None, f"wanted {preamble.shape[0]} rows as the GCT file says, got {n_rows}")


def _nothing_left(found: Scanned) -> str:
    if found.gaps:
        return f"no row is left: all {len(found.gaps)} have gaps"
    return f"no gene is left: all rows are statistics of the counting program ({some(found.statistics)})"


def _numbers(line: Line, columns: list[int], missing: str, names: list[str]) -> NDArray | None:
    """Values of a row; None for a row with gaps that is to be left out."""
    fields = [line.fields[column] for column in columns]
    if missing != "error" and any(field.strip().lower() in GAPS for field in fields):
        if missing == "drop":
            return None
        fields = ["0" if field.strip().lower() in GAPS else field for field in fields]
    if all(map(WHOLE, fields)):
        whole = [int(field) for field in fields]
        if all(value in _INT64 for value in whole):
            return np.array(whole, np.int64)
    for column, field in zip(columns, fields, strict=True):
        if not NUMBER(field):
            raise _no_number(line, column, columns, names)
    values = np.array([float(field) for field in fields])
    if not np.isfinite(values).all():
        bad = columns[int(np.flatnonzero(~np.isfinite(values))[0])]
        raise line.error(f"wanted a number within float64, got {line.fields[bad]!r}", bad)
    return values


def _no_number(line: Line, column: int, columns: list[int], names: list[str]) -> FileFormatError:
    """Error about the first field that is no number: a gap, or text in columns that are no samples."""
    text = line.fields[column]
    if text.strip().lower() in GAPS:
        advice = "a missing value: missing='zero' reads it as 0, missing='drop' leaves out its row"
        return line.error(f"wanted a number, got {text!r}, {advice}", column)
    others = [names[k] for k in columns if not NUMBER(line.fields[k]) and line.fields[k].strip().lower() not in GAPS]
    advice = f"if these columns are no samples, drop={others} leaves them out"
    if NUMBER(line.fields[0]):  # numbers of rows, as pandas writes them, are no names
        advice = f"if the column names the rows, labels={names[column]!r} says so; {advice}"
    return line.error(f"wanted a number, got {text!r}; {advice}", column)


def _ragged(line: Line, text: str, head: Head) -> str:
    for other, name in LAYOUTS.items():
        if other != head.separator and len(text.split(other)) == len(head.names):
            return f"separated by {name}, where the header has {LAYOUTS.get(head.separator, head.separator)}"
    return f"wanted {len(head.names)} fields as the header says, got {len(line.fields)}"
