"""Headers of matrices as text: names of columns, the separator, and where rows begin."""

import csv
import re
from collections.abc import Sequence
from typing import NamedTuple

from skepi.exceptions import FileFormatError
from skepi.io._columns import STATISTICS, Wanted
from skepi.io._preambles import Preamble, preamble_of
from skepi.io._text import Line, Path, read_lines

NUMBER = re.compile(r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*", re.ASCII).fullmatch
WHOLE = re.compile(r"\s*[+-]?[0-9]{1,999}\s*", re.ASCII).fullmatch
_QUOTED = re.compile('"[^"]*"')
GAPS = {"", "na", "nan", "-nan", "null", "none", "n/a", "#n/a"}
LAYOUTS = {"\t": "tabs", ",": "commas", ";": "semicolons", " ": "spaces"}


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


def head_of(path: Path, separator: str | None, wanted: Wanted) -> Head:
    """Find names, separator and the line behind which rows begin."""
    preamble = preamble_of(path)
    if wanted.names is not None:
        return _named(path, separator, wanted.names)
    return _head(path, separator, wanted) if preamble is None else _head_behind(path, preamble)


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
        raise first.error("wanted labels and at least one column of numbers; separator= says what separates columns")
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
    fits = [s for s in LAYOUTS if s in fields and fields.count(s) - header.count(s) in (0, 1)]
    if len(fits) > 1 or fits == [";"]:
        kinds = " or ".join(LAYOUTS[s] for s in fits)
        raise first.error(f"the fields could be separated by {kinds}: separator= tells which")
    return fits[0] if fits else ","


def _unquoted(line: Line) -> str:
    """Text of a line that is not split yet, without what is in quotes."""
    return _QUOTED.sub('""', line.fields[0])


def is_number(text: str) -> bool:
    """Whether a field is a number."""
    return bool(NUMBER(text))


def _is_row(line: Line) -> bool:
    """Whether everything but the first field is a number, or a gap beside numbers."""
    numbers = [bool(NUMBER(field)) for field in line.fields[1:]]
    gaps = [field.strip().lower() in GAPS and field.strip() != "" for field in line.fields[1:]]
    return any(numbers) and all(number or gap for number, gap in zip(numbers, gaps, strict=True))


def _is_likely_row(line: Line) -> bool:
    """Whether a line with text in it is a row rather than a header: an interval, or a gene, symbol and count."""
    digits = any(letter.isdigit() for letter in line.fields[0])
    return len(line.fields) > 2 and bool(NUMBER(line.fields[-1])) and (_is_interval(line) or digits)


def _is_interval(line: Line) -> bool:
    """Whether a line begins with chromosome, start and end, and goes on."""
    ends = line.fields[1:3]
    return len(line.fields) > 3 and all(map(WHOLE, ends)) and 0 <= int(ends[0]) < int(ends[1])


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
