"""GTF and GFF3 annotations, of GENCODE and of Ensembl."""

import re
from collections.abc import Callable, Iterator
from urllib.parse import unquote

import pandas as pd

from skepi.exceptions import FileFormatError
from skepi.io._text import Line, Path, columns_of, read_lines

_COLUMNS = ("chrom", "start", "end", "strand", "feature", "gene_id", "gene_name", "transcript_id")
_GTF_ATTRIBUTE = re.compile(r'\s*+(?:([^\s";]++)\s++("[^"]*+"|[^";]++)\s*+)?+(?:;|$)')
_GFF3_GENES = ("gene", "ncRNA_gene", "pseudogene", "transposable_element_gene")
_GFF3_NOT_TRANSCRIPTS = ("exon", "CDS", "five_prime_UTR", "three_prime_UTR", "start_codon", "stop_codon")


def read_gtf(path: Path, feature: str = "transcript") -> pd.DataFrame:
    """Read genes or transcripts of a GTF file.

    Parameters
    ----------
    path : path
        GTF, plain or gzipped.
    feature : str, default="transcript"
        Value of the third column to keep: ``"transcript"`` or ``"gene"`` (or any other).

    Returns
    -------
    DataFrame
        ``chrom, start, end, strand, feature, gene_id, gene_name, transcript_id``: 0-based half-open (the file counts
        from 1, ends included), identifiers as in the file (with versions), ``gene_name`` the identifier where the file
        has no name, ``transcript_id`` empty where there is none.

    Raises
    ------
    FileFormatError
        With file, line and column; also where no line has the feature, with those that occur.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:  # bases 11 to 20 of the file are 10 to 20 here
    ...     path = pathlib.Path(folder, "genes.gtf")
    ...     _ = path.write_text('chr1\\tHAVANA\\tgene\\t11\\t20\\t.\\t+\\t.\\tgene_id "ENSG1.2"; gene_name "GATA1";\\n')
    ...     read_gtf(path, "gene")[["chrom", "start", "end", "gene_id", "gene_name"]].values.tolist()
    [['chr1', 10, 20, 'ENSG1.2', 'GATA1']]
    """
    return _read(path, lambda line: _gtf_row(line, feature), feature)


def read_gff3(path: Path, feature: str = "transcript") -> pd.DataFrame:
    """Read genes or transcripts of a GFF3 file; columns and errors are those of :func:`read_gtf`.

    ``feature="transcript"`` keeps every child of a gene (``mRNA``, ``lnc_RNA``, ...), named after the gene;
    ``"gene"`` keeps genes of all kinds.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> gene = "chr1\\t.\\tgene\\t11\\t20\\t.\\t+\\t.\\tID=gene:ENSG1;Name=GATA1\\n"
    >>> transcript = "chr1\\t.\\tmRNA\\t11\\t20\\t.\\t+\\t.\\tID=transcript:ENST1;Parent=gene:ENSG1\\n"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "genes.gff3")
    ...     _ = path.write_text(gene + transcript)
    ...     read_gff3(path)[["start", "end", "gene_id", "gene_name", "transcript_id"]].values.tolist()
    [[10, 20, 'ENSG1', 'GATA1', 'ENST1']]
    """
    if feature not in ("gene", "transcript"):
        raise ValueError(f"feature must be 'gene' or 'transcript', got {feature!r}")
    names = dict(filter(None, map(_gff3_gene, _records(path)))) if feature == "transcript" else {}
    return _read(path, lambda line: _gff3_rows(line, feature, names), feature)


def _read(path: Path, rows_of: Callable[[Line], list[tuple]], feature: str) -> pd.DataFrame:
    rows: list[tuple] = []
    occurring: dict[str, None] = {}
    for line in _records(path):
        occurring[line.fields[2]] = None
        rows.extend(rows_of(line))
    if not rows:
        raise FileFormatError(path, None, 3, f"no line is a {feature}; there are {', '.join(list(occurring)[:8])}")
    return pd.DataFrame(columns_of(rows, _COLUMNS))


def _records(path: Path) -> Iterator[Line]:
    """Lines of nine columns, up to the sequences of a GFF3 file."""
    for line in read_lines(path, skip=("#",), until=("##FASTA", ">")):
        if len(line.fields) != 9:
            raise line.error(f"wanted 9 tab-separated columns, got {len(line.fields)}")
        yield line


def _place(line: Line) -> tuple[str, int, int, str]:
    """Chromosome, 0-based half-open interval and strand."""
    chrom, first, last = line.chrom(), line.position(3, least=1), line.position(4, least=1)
    if last < first:
        raise line.error(f"end must not be less than start, got {first} and {last}", 4)
    return chrom, first - 1, last, line.choice(6, ("+", "-", ".", "?"))


def _gtf_row(line: Line, feature: str) -> list[tuple]:
    if line.fields[2] != feature:
        return []
    values = _gtf_attributes(line)
    gene = values.get("gene_id", "")
    if not gene:
        raise line.error("wanted an attribute gene_id", 8)
    return [(*_place(line), feature, gene, values.get("gene_name") or gene, values.get("transcript_id", ""))]


def _gtf_attributes(line: Line) -> dict[str, str]:
    values, text, place = {}, line.fields[8], 0
    while place < len(text):
        found = _GTF_ATTRIBUTE.match(text, place)
        if found is None:
            raise line.error(f'wanted attributes as key "value"; got {text[place:].strip()[:40]!r}', 8)
        if found[1]:
            values[found[1]] = found[2].strip().strip('"').strip()
        place = found.end()
    return values


def _gff3_gene(line: Line) -> tuple[str, tuple[str, str]] | None:
    """Key, identifier and name, where the line is a gene."""
    kind = line.fields[2]
    if kind in _GFF3_NOT_TRANSCRIPTS:
        return None
    values = _gff3_attributes(line)
    key = values.get("ID", "")
    if "Parent" in values or not (kind in _GFF3_GENES or key.startswith("gene:")):
        return None
    identifier = values.get("gene_id") or key.removeprefix("gene:")
    if not identifier.strip():
        raise line.error("wanted an attribute ID or gene_id", 8)
    return key or identifier, (identifier, values.get("gene_name") or values.get("Name") or identifier)


def _gff3_rows(line: Line, feature: str, names: dict[str, tuple[str, str]]) -> list[tuple]:
    """The gene, or the transcript once for each gene that it belongs to."""
    if feature == "gene":
        gene = _gff3_gene(line)
        return [(*_place(line), line.fields[2], *gene[1], "")] if gene else []
    if line.fields[2] in _GFF3_NOT_TRANSCRIPTS:
        return []
    values = _gff3_attributes(line)
    parents = [names[parent] for parent in map(unquote, values.get("Parent", "").split(",")) if parent in names]
    transcript = values.get("transcript_id") or values.get("ID", "").removeprefix("transcript:")
    return [(*_place(line), line.fields[2], *gene, transcript) for gene in parents]


def _gff3_attributes(line: Line) -> dict[str, str]:
    values = {}
    for part in filter(None, map(str.strip, line.fields[8].split(";"))):
        key, equals, value = part.partition("=")
        if not equals:
            raise line.error(f"wanted attributes as key=value, got {part[:40]!r}", 8)
        values[key] = value if key == "Parent" else unquote(value)
    return values
