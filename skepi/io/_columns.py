"""Which columns of a matrix are labels, which are samples."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from skepi._doors import some
from skepi.exceptions import FileFormatError, UnknownNameError
from skepi.io._text import Line, Path

_INTERVAL = ({"chrom", "chr", "seqnames", "seqname"}, {"start"}, {"end"})


class Chosen(NamedTuple):
    """Positions of label columns (one, or chromosome, start and end) and of samples; whether bases count from 1."""

    labels: list[int]
    values: list[int]
    one_based: bool


class Wanted(NamedTuple):
    """Names that a caller asked for."""

    labels: tuple[str, ...] | None
    columns: tuple[str, ...] | None
    drop: tuple[str, ...]
    one_based: bool

    @classmethod
    def of(
        cls,
        labels: str | Sequence[str] | None,
        columns: Sequence[str] | None,
        drop: Sequence[str] | None,
        one_based: bool,
    ) -> "Wanted":
        """Check the names against each other."""
        wanted = cls(_names(labels), _names(columns), _names(drop) or (), one_based)
        if wanted.labels is not None and len(wanted.labels) not in (1, 3):
            raise ValueError(f"labels: wanted one name, or three (chromosome, start, end), got {list(wanted.labels)}")
        if one_based and len(wanted.labels or ()) != 3:
            raise ValueError(f"one_based=True: wanted labels of chromosome, start and end, got labels={labels!r}")
        if wanted.columns is not None and not wanted.columns:
            raise ValueError("columns: wanted at least one name")
        asked = [*(wanted.labels or ()), *(wanted.columns or ()), *wanted.drop]
        twice = [name for name, count in Counter(asked).items() if count > 1]
        if twice:
            raise ValueError(f"asked for twice in labels, columns or drop: {some(twice)}")
        return wanted

    def choose(self, path: Path, names: list[str], index: Sequence[str] = (), header: int | None = None) -> Chosen:
        """Find the names, of line ``header``; ``index`` are columns of row labels that the file itself declares."""
        known, dropped = set(names), set(self.drop)
        own = [name for name in index if name not in dropped] or [name for name in names if name not in dropped][:1]
        labels = list(self.labels or own)
        absent = [name for name in (*labels, *(self.columns or ()), *self.drop) if name not in known]
        if absent:
            raise UnknownNameError(f"{path}: no column {some(absent)}; there are {some(names, 20)}")
        if self.columns is not None and set(labels) & set(self.columns):
            raise ValueError(f"columns: {some(set(labels) & set(self.columns))} holds the labels")
        # Row names without a name of their own are no sample.
        no_samples = {*labels, *index, "", *dropped}
        values = self.columns or [name for name in names if name not in no_samples]
        if not values:
            raise FileFormatError(path, None, None, f"no column of numbers is left of {some(names, 20)}")
        interval = _interval_columns(names)
        if self.columns is None and set(interval) & set(values):
            advice = f"these look like intervals: labels={interval}, or drop= them"
            raise FileFormatError(path, header, None, advice)
        place = {name: position for position, name in enumerate(names)}
        return Chosen([place[name] for name in labels], [place[name] for name in values], self.one_based)


def label_of(line: Line, columns: Sequence[int], one_based: bool) -> str:
    """One name, or ``chr1:10-20`` (0-based half-open) of three columns."""
    if len(columns) == 1:
        return line.text(columns[0])
    chrom, start, end = (
        line.chrom(columns[0]),
        line.position(columns[1], least=int(one_based)),
        line.position(columns[2]),
    )
    if end <= start - one_based:
        order = "not be less" if one_based else "be greater"
        raise line.error(f"end must {order} than start, got {start} and {end}", columns[2])
    return f"{chrom}:{start - one_based}-{end}"


def _interval_columns(names: list[str]) -> list[str]:
    """Chromosome, start and end at the beginning, or behind one column; none if they are not named so."""
    plain = [name.strip("\"'# ").lower() for name in names]
    for first in (0, 1):
        if len(names) >= first + 3 and all(plain[first + k] in allowed for k, allowed in enumerate(_INTERVAL)):
            return names[first : first + 3]
    return []


def _names(names: str | Sequence[str] | None) -> tuple[str, ...] | None:
    return None if names is None else (names,) if isinstance(names, str) else tuple(map(str, names))
