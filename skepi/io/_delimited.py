"""Matrices as text, line by line, with errors that name the place."""

import csv
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._doors import some
from skepi.exceptions import FileFormatError
from skepi.io._columns import STATISTICS, Chosen, Wanted, label_of
from skepi.io._preambles import Preamble, preamble_of
from skepi.io._text import Line, Path, read_lines

_NUMBER = re.compile(r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*", re.ASCII).fullmatch
_WHOLE = re.compile(r"\s*[+-]?[0-9]{1,999}\s*", re.ASCII).fullmatch
_QUOTED = re.compile('"[^"]*"')
_GAPS = {"", "na", "nan", "-nan", "null", "none", "n/a", "#n/a"}
_INT64 = range(-(2**63), 2**63)
_LAYOUTS = {"\t": "tabs", ",": "commas", ";": "semicolons", " ": "spaces"}


class Head(NamedTuple):
    """What is known before the rows are read.

    Attributes
    ----------
    names : list of str
        Names of all columns ("" for row names without one).
    line : int
        Line of the header; the last one before the rows where there is none.
    separator : str
    preamble : Preamble or None
        What a GCT file or a series matrix says before its header.
    """

    names: list[str]
    line: int
    separator: str
    preamble: Preamble | None = None


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
    preamble = preamble_of(path)
    if wanted.names is not None:
        head = _named(path, separator, wanted.names)
    else:
        head = _head(path, separator, wanted) if preamble is None else _head_behind(path, preamble)
    described = [] if head.preamble is None else head.names[1 : 1 + head.preamble.n_described]
    chosen = wanted.choose(path, head.names, header=head.line or None, no_samples=described)
    found = scan(path, head, chosen, missing)
    name = head.names[chosen.labels[0]] if len(chosen.labels) == 1 else ""
    columns = pd.Index([head.names[column] for column in chosen.values])
    matrix = pd.DataFrame(found.values, index=pd.Index(found.labels, name=name or None), columns=columns)
    return Text(matrix, found.lines, found.statistics, found.gaps)


# --- header


def _head(path: Path, separator: str | None, wanted: Wanted) -> Head:
    """Find the header: the first line that is no comment, or a comment with as many names as the first row."""
    comment, first, row = _beginning(path)
    if separator is None:
        separator = _separator(first, row)
        comment = comment if separator != " " else None  # words of a sentence are no names
    split(first, separator)
    names = [] if comment is None else comment.fields[0].lstrip("# ").split(separator)
    if comment is not None and _is_row(first) and len(names) == len(first.fields):
        comment.fields = _without_single_quotes(names)
        first, row = comment, first
    elif row is not None:
        split(row, separator)
    if not wanted.confirm_header(first.fields) and (_is_row(first) or _is_likely_row(first)):
        raise first.error(_no_header(first))
    r_style = row is not None and len(row.fields) == len(first.fields) + 1
    _check_names(first, unnamed=0 if r_style else 1)
    if row is None:
        raise first.error("the file ends with the header: no rows")
    names = [""] * r_style + first.fields
    if len(names) < 2:
        raise first.error("wanted labels and at least one column of numbers; separator= tells another separator")
    return Head(names, first.number, separator)


def _head_behind(path: Path, preamble: Preamble) -> Head:
    """Header of a GCT file or a series matrix, whose columns are separated by tabs."""
    header = next(line for line in read_lines(path, separator="\n", skip=()) if line.number == preamble.header)
    split(header, "\t")
    _check_names(header, unnamed=0)
    n_samples = len(header.fields) - 1 - preamble.n_described
    if n_samples < 1 or (preamble.shape is not None and n_samples != preamble.shape[1]):
        stated = "some" if preamble.shape is None else str(preamble.shape[1])
        raise header.error(f"wanted {stated} samples behind {1 + preamble.n_described} column(s), got {n_samples}")
    return Head(header.fields, header.number, "\t", preamble)


def _named(path: Path, separator: str | None, names: Sequence[str]) -> Head:
    """Names of a file without a header, which the caller gave."""
    _, first, row = _beginning(path)
    if separator is None:
        separator = _separator(first, row or first)
    split(first, separator)
    if len(first.fields) != len(names):
        raise first.error(f"names: wanted {len(first.fields)} names, one for each field of the row, got {len(names)}")
    return Head(list(names), first.number - 1, separator)


def _beginning(path: Path) -> tuple[Line | None, Line, Line | None]:
    """Last comment, first line behind it and the line after that, not split yet."""
    lines = read_lines(path, separator="\n", skip=())
    comment = None
    for line in lines:
        if not line.fields[0].startswith("#"):
            return comment, line, next(lines, None)
        comment = line
    raise FileFormatError(path, None, None, "the file holds nothing but comments")


def _without_single_quotes(names: list[str]) -> list[str]:
    """Names as deepTools writes them, which puts each one between single quotes."""
    quoted = all(len(name) > 2 and name[0] == name[-1] == "'" for name in names)
    return [name[1:-1] for name in names] if quoted else names


def _no_header(first: Line) -> str:
    """What to do about numbers where the header should be, ready to paste."""
    n_fields = len(first.fields)
    samples = [f"S{k + 1}" for k in range(n_fields - 1)]
    option = f"names={['gene', *samples]}"
    if first.fields[0] in STATISTICS and n_fields == 4:
        option = f"names={['gene', 'unstranded', 'forward', 'reverse']}, columns=['unstranded'] (counts of STAR)"
    elif _is_interval(first):
        labels = ["chrom", "start", "end"]
        drop = ["name", "score", "strand"] if n_fields > 6 and first.fields[5] in ("+", "-", ".") else []
        samples = [f"S{k + 1}" for k in range(n_fields - 3 - len(drop))]
        option = f"names={labels + drop + samples}, labels={labels}" + f", drop={drop}" * bool(drop)
        option += " (counts of bedtools multicov)"
    return (
        f"wanted a header, got numbers. Without a header, name all columns, such as {option}; "
        "where these are names, columns= says which ones are samples"
    )


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


def is_number(text: str) -> bool:
    """Whether a field is a number."""
    return bool(_NUMBER(text))


def _is_row(line: Line) -> bool:
    """Whether everything but the first field is a number, or a gap beside numbers."""
    numbers = [bool(_NUMBER(field)) for field in line.fields[1:]]
    gaps = [field.strip().lower() in _GAPS and field.strip() != "" for field in line.fields[1:]]
    return any(numbers) and all(number or gap for number, gap in zip(numbers, gaps, strict=True))


def _is_likely_row(line: Line) -> bool:
    """Whether a line with text in it is a row rather than a header: an interval, or a gene, symbol and count."""
    digits = any(letter.isdigit() for letter in line.fields[0])
    return len(line.fields) > 2 and bool(_NUMBER(line.fields[-1])) and (_is_interval(line) or digits)


def _is_interval(line: Line) -> bool:
    """Whether a line begins with chromosome, start and end, and goes on."""
    ends = line.fields[1:3]
    return len(line.fields) > 3 and all(map(_WHOLE, ends)) and 0 <= int(ends[0]) < int(ends[1])


def _check_names(header: Line, unnamed: int) -> None:
    """Refuse repeated and empty names; the first ``unnamed`` columns may be without."""
    seen: dict[str, int] = {}
    for column, name in enumerate(header.fields):
        if column >= unnamed and not name.strip():
            raise header.error("wanted a name in the header, got nothing", column)
        if name in seen:
            advice = (
                "give each sample a name of its own, in the file or by "
                f"pandas.read_csv(path, sep=..., index_col=0), which calls this one {name + '.1'!r}"
            )
            raise header.error(f"the header has the name {name!r} in column {seen[name] + 1} too: {advice}", column)
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
    if missing != "error" and any(field.strip().lower() in _GAPS for field in fields):
        if missing == "drop":
            return None
        fields = ["0" if field.strip().lower() in _GAPS else field for field in fields]
    if all(map(_WHOLE, fields)):
        whole = [int(field) for field in fields]
        if all(value in _INT64 for value in whole):
            return np.array(whole, np.int64)
    for column, field in zip(columns, fields, strict=True):
        if not _NUMBER(field):
            raise _no_number(line, column, columns, names)
    values = np.array([float(field) for field in fields])
    if not np.isfinite(values).all():
        bad = columns[int(np.flatnonzero(~np.isfinite(values))[0])]
        raise line.error(f"wanted a number within float64, got {line.fields[bad]!r}", bad)
    return values


def _no_number(line: Line, column: int, columns: list[int], names: list[str]) -> FileFormatError:
    """Error about the first field that is no number: a gap, or text in columns that are no samples."""
    text = line.fields[column]
    if text.strip().lower() in _GAPS:
        advice = "a missing value: missing='zero' reads it as 0, missing='drop' leaves out its row"
        return line.error(f"wanted a number, got {text!r}, {advice}", column)
    others = [names[k] for k in columns if not _NUMBER(line.fields[k]) and line.fields[k].strip().lower() not in _GAPS]
    advice = f"if these columns are no samples, drop={others} leaves them out"
    return line.error(f"wanted a number, got {text!r}; {advice}", column)


def _ragged(line: Line, text: str, head: Head) -> str:
    for other, name in _LAYOUTS.items():
        if other != head.separator and len(text.split(other)) == len(head.names):
            return f"separated by {name}, where the header has {_LAYOUTS.get(head.separator, head.separator)}"
    return f"wanted {len(head.names)} fields as the header says, got {len(line.fields)}"
