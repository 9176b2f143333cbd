"""GTF and GFF3 annotations, of GENCODE and of Ensembl."""

import re
from collections.abc import Callable, Iterator
from urllib.parse import unquote

import pandas as pd

from skepi.exceptions import FileFormatError
from skepi.io._text import Line, Path, columns_of, read_lines

_COLUMNS = ("chrom", "start", "end", "strand", "feature", "gene_id", "gene_name", "transcript_id")
_GENE_ID = _COLUMNS.index("gene_id")
_GTF_ATTRIBUTE = re.compile(r'\s*+(?:([^\s";]++)\s++("[^"]*+"|[^";]++)\s*+)?+(?:;|$)')
_QUICK_TRANSCRIPT = re.compile(r'\btranscript_id "([^"]+)"').search
_GFF3_GENES = ("gene", "ncRNA_gene", "pseudogene", "transposable_element_gene")
_GFF3_NOT_TRANSCRIPTS = ("exon", "CDS", "five_prime_UTR", "three_prime_UTR", "start_codon", "stop_codon")


def read_gtf(path: Path, feature: str = "transcript") -> pd.DataFrame:
    """Read genes or transcripts of a GTF file.

    A transcript without a line of its own is built from its exons, as files of older Ensembl releases and of UCSC have
    them: from the first base of the first exon to the last base of the last. A gene that has neither transcripts nor
    exons stands for its only transcript. CDS lines never make a transcript, because they begin at start codons.

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
        has no name, ``transcript_id`` empty where there is none; in the order of the file. ``feature`` is
        ``"transcript"`` for what was built from exons, ``"gene"`` for a gene that stands for its transcript.
        ``attrs["n_built"]`` counts the former.

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
    if feature == "transcript":
        return _read_transcripts(path)
    return _read(path, lambda line: _gtf_row(line, feature), feature)


def read_gff3(path: Path, feature: str = "transcript") -> pd.DataFrame:
    """Read genes or transcripts of a GFF3 file; columns and errors are those of :func:`read_gtf`.

    ``feature="transcript"`` keeps every child of a gene (``mRNA``, ``lnc_RNA``, ...), named after the gene. A gene
    without such a child, as NCBI writes mitochondrial genes and pseudogenes, stands for its only transcript. ``"gene"``
    keeps genes of all kinds. Nothing is built from exons.

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
    if feature == "gene":
        return _read(path, _gff3_gene_row, feature)
    names, parents = _gff3_genes(path)
    return _read(path, lambda line: _gff3_rows(line, names, parents), feature)


def _read(path: Path, rows_of: Callable[[Line], list[tuple]], feature: str) -> pd.DataFrame:
    rows: list[tuple] = []
    occurring: dict[str, None] = {}
    for line in _records(path):
        occurring[line.fields[2]] = None
        rows.extend(rows_of(line))
    if not rows:
        raise FileFormatError(path, None, 3, f"no line is a {feature}; there are {', '.join(list(occurring)[:8])}")
    return pd.DataFrame(columns_of(rows, _COLUMNS))


def _read_transcripts(path: Path) -> pd.DataFrame:
    """Transcripts of a GTF file: their own lines, exons where they have none, genes that have neither."""
    rows: dict[int, tuple] = {}
    exons: dict[tuple, tuple[int, tuple]] = {}
    genes: dict[int, tuple] = {}
    written: set[tuple] = set()
    occurring: dict[str, None] = {}
    for line in _records(path):
        kind = line.fields[2]
        occurring[kind] = None
        if kind == "transcript":
            rows[line.number] = _gtf_row(line, kind)[0]
            written.add(_key(rows[line.number]))
        elif kind == "exon" and _quick_key(line) not in written:
            _add_exon(exons, _gtf_row(line, kind)[0], line.number)
        elif kind == "gene":
            genes[line.number] = _gtf_row(line, kind)[0]
    built = {number: row for key, (number, row) in exons.items() if key not in written}
    rows |= built
    with_transcript = {row[_GENE_ID] for row in rows.values()}
    rows |= {number: row for number, row in genes.items() if row[_GENE_ID] not in with_transcript}
    if not rows:
        there = ", ".join(list(occurring)[:8])
        raise FileFormatError(path, None, 3, f"no line is a transcript, an exon or a gene; there are {there}")
    table = pd.DataFrame(columns_of([rows[number] for number in sorted(rows)], _COLUMNS))
    table.attrs["n_built"] = len(built)
    return table


def _add_exon(exons: dict[tuple, tuple[int, tuple]], row: tuple, number: int) -> None:
    """Let the transcript of an exon reach as far as the exon; it stands at the line of its first one."""
    first, known = exons.get(_key(row), (number, row))
    start, end = min(row[1], known[1]), max(row[2], known[2])
    exons[_key(row)] = first, (row[0], start, end, row[3], "transcript", *row[5:])


def _key(row: tuple) -> tuple[str, str, str]:
    """What tells transcripts apart: copies on other chromosomes may have one identifier, and a gene's may have none."""
    return row[-1] or row[_GENE_ID], row[0], row[3]


def _quick_key(line: Line) -> tuple[str, str, str] | None:
    """Key of a line whose transcript is found without reading all attributes; None where it is not."""
    found = _QUICK_TRANSCRIPT(line.fields[8])
    return None if found is None else (found[1], line.fields[0], line.fields[6])


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


def _gff3_genes(path: Path) -> tuple[dict[str, tuple[str, str]], set[str]]:
    """Identifier and name of each gene by its key, and the keys of genes that have a transcript."""
    names: dict[str, tuple[str, str]] = {}
    parents: set[str] = set()
    for line in _records(path):
        gene = _gff3_gene(line)
        if gene is not None:
            names[gene[0]] = gene[1]
        elif line.fields[2] not in _GFF3_NOT_TRANSCRIPTS:
            parents.update(_gff3_parents(_gff3_attributes(line)))
    return names, parents


def _gff3_parents(values: dict[str, str]) -> list[str]:
    return list(map(unquote, values.get("Parent", "").split(",")))


def _gff3_gene_row(line: Line) -> list[tuple]:
    gene = _gff3_gene(line)
    return [(*_place(line), line.fields[2], *gene[1], "")] if gene else []


def _gff3_rows(line: Line, names: dict[str, tuple[str, str]], parents: set[str]) -> list[tuple]:
    """The transcript, once for each gene that it belongs to, or a gene that has none."""
    if line.fields[2] in _GFF3_NOT_TRANSCRIPTS:
        return []
    gene = _gff3_gene(line)
    if gene is not None:
        return [] if gene[0] in parents else _gff3_gene_row(line)
    values = _gff3_attributes(line)
    of_genes = [names[parent] for parent in _gff3_parents(values) if parent in names]
    transcript = values.get("transcript_id") or values.get("ID", "").removeprefix("transcript:")
    return [(*_place(line), line.fields[2], *of_gene, transcript) for of_gene in of_genes]


def _gff3_attributes(line: Line) -> dict[str, str]:
    values = {}
    for part in filter(None, map(str.strip, line.fields[8].split(";"))):
        key, equals, value = part.partition("=")
        if not equals:
            raise line.error(f"wanted attributes as key=value, got {part[:40]!r}", 8)
        values[key] = value if key == "Parent" else unquote(value)
    return values
