"""What annotations in GTF and in GFF3 have in common: nine columns, and the table that they become."""

from collections.abc import Callable, Iterator

import pandas as pd

from skepi.exceptions import FileFormatError
from skepi.io._text import Line, Path, columns_of, read_lines

COLUMNS = ("chrom", "start", "end", "strand", "feature", "gene_id", "gene_name", "transcript_id")
_TRANSCRIPTS = ("rna", "transcript", "gene_segment")


def names_transcripts(feature: str) -> bool:
    """Whether a value of the third column is a kind of transcript, such as ``mRNA`` or ``V_gene_segment``."""
    return feature.lower().endswith(_TRANSCRIPTS)


def read_rows(path: Path, rows_of: Callable[[Line], list[tuple]], none: str) -> pd.DataFrame:
    rows: list[tuple] = []
    occurring: dict[str, None] = {}
    for line in records(path):
        occurring[line.fields[2]] = None
        rows.extend(rows_of(line))
    if not rows:
        there = ", ".join(list(occurring)[:8])
        raise FileFormatError(path, None, 3, f"{none}; there are {there}")
    return pd.DataFrame(columns_of(rows, COLUMNS))


def records(path: Path) -> Iterator[Line]:
    """Lines of nine columns, up to the sequences of a GFF3 file."""
    for line in read_lines(path, skip=("#",), until=("##FASTA", ">")):
        if len(line.fields) != 9:
            raise line.error(f"wanted 9 tab-separated columns, got {len(line.fields)}")
        yield line


def place_of(line: Line) -> tuple[str, int, int, str]:
    """Chromosome, 0-based half-open interval and strand."""
    chrom, first, last = line.chrom(), line.position(3, least=1), line.position(4, least=1)
    if last < first:
        raise line.error(f"end must not be less than start, got {first} and {last}", 4)
    return chrom, first - 1, last, line.choice(6, ("+", "-", ".", "?"))
