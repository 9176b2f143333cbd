"""Which columns of a matrix are labels, which are samples."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from skepi._doors import some
from skepi._labels import NO_SAMPLES, plain_name
from skepi.exceptions import FileFormatError, UnknownNameError
from skepi.io._text import Line, Path

# Rows that STAR (ReadsPerGene.out.tab) and htseq-count write beside those of genes.
STATISTICS = {
    *("N_unmapped", "N_multimapping", "N_noFeature", "N_ambiguous"),
    *("__no_feature", "__ambiguous", "__too_low_aQual", "__not_aligned", "__alignment_not_unique"),
    *("no_feature", "ambiguous", "too_low_aQual", "not_aligned", "alignment_not_unique"),
}
_LABELS = ("gene", "entrez", "symbol", "probe", "feature", "transcript", "peak", "ncbi", "hgnc", "ensembl", "locus")
_LABEL_WORDS = {"id", "ids", "name", "names", "index", "row", "rows", "key", "label"}
_MEASURES = {"tpm", "fpkm", "rpkm", "numreads", "expected_count", "est_counts"}
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
    names: tuple[str, ...] | None = None

    @classmethod
    def of(
        cls,
        labels: str | Sequence[str] | None,
        columns: Sequence[str] | None,
        drop: Sequence[str] | None,
        one_based: bool,
        names: Sequence[str] | None,
    ) -> "Wanted":
        """Check the names against each other."""
        wanted = cls(_names(labels), _names(columns), _names(drop) or (), one_based, _names(names))
        if wanted.names is not None and (len(set(wanted.names)) < len(wanted.names) or "" in wanted.names):
            raise ValueError(f"names: wanted a name of its own for each column, got {list(wanted.names)}")
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

    def confirm_header(self, fields: Sequence[str]) -> bool:
        """Whether what was asked for says that these fields are names, even where they are numbers.

        Names of samples do. A column of labels does only where it is named as such columns are: that of a row taken
        for the header would be a gene.
        """
        labels = [name for name in self.labels or () if name in fields and names_labels(name)]
        return bool(labels) or not set(self.columns or ()).isdisjoint(fields)

    def choose(
        self,
        path: Path,
        names: list[str],
        index: Sequence[str] = (),
        header: int | None = None,
        no_samples: Sequence[str] = (),
    ) -> Chosen:
        """Find the names, of line ``header``.

        The file itself may declare ``index``, columns of row labels, and ``no_samples``, columns of descriptions.
        """
        known, dropped = set(names), {*self.drop, *no_samples}
        own = [name for name in index if name not in dropped] or [name for name in names if name not in dropped][:1]
        labels = list(self.labels or own)
        absent = [name for name in (*labels, *(self.columns or ()), *self.drop) if name not in known]
        if absent:
            raise UnknownNameError(f"{path}: no column {some(absent)}; there are {some(names, 20)}")
        if self.columns is not None and set(labels) & set(self.columns):
            raise ValueError(f"columns: {some(set(labels) & set(self.columns))} holds the labels")
        # Row names without a name of their own are no sample.
        others = {*labels, *index, "", *dropped}
        values = self.columns or [name for name in names if name not in others]
        if not values:
            raise FileFormatError(path, None, None, f"no column of numbers is left of {some(names, 20)}")
        advice = None if self.columns is not None else _no_samples(names, values, self.drop)
        if advice:
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


def names_labels(name: str) -> bool:
    """Whether a column is named as columns of row labels are, such as ``GeneID`` or ``ID_REF``."""
    plain = plain_name(name)
    intervals = set().union(*_INTERVAL)
    words = {*plain.split("_")}
    return (
        plain in intervals
        or bool(words & _LABEL_WORDS)
        or (any(word in plain for word in _LABELS) and not any(letter.isdigit() for letter in plain))
    )


def _no_samples(names: list[str], values: Sequence[str], dropped: Sequence[str]) -> str | None:
    """What to do about columns among the samples that are none by their names; None where there are none."""
    interval, plain = _interval_columns(names), {name: plain_name(name) for name in values}
    found = [name for name in values if plain[name] in NO_SAMPLES or name in interval]
    measures = [name for name in values if plain[name] in _MEASURES]
    if set(interval) & set(values):
        drop = "" if interval[0] == names[0] else f", or drop={[*dropped, *found]} to leave them out"
        return f"these look like intervals: labels={interval} takes them as row names{drop}"
    if len(measures) > 1:
        return f"{some(measures)} are measures of one sample: columns={measures[:1]} takes one"
    if found:
        return (
            f"names of positions, lengths or identifiers, not of samples: {some(found, 10)}; "
            f"drop={[*dropped, *found]} leaves them out (columns= takes them as samples)"
        )
    return None


def _interval_columns(names: list[str]) -> list[str]:
    """Chromosome, start and end at the beginning, or behind one column; none if they are not named so."""
    plain = list(map(plain_name, names))
    for first in (0, 1):
        if len(names) >= first + 3 and all(plain[first + k] in allowed for k, allowed in enumerate(_INTERVAL)):
            return names[first : first + 3]
    return []


def _names(names: str | Sequence[str] | None) -> tuple[str, ...] | None:
    return None if names is None else (names,) if isinstance(names, str) else tuple(map(str, names))
