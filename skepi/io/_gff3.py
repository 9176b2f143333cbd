"""Annotations in GFF3, of GENCODE, Ensembl and NCBI."""

import re
from typing import NamedTuple
from urllib.parse import unquote

import pandas as pd

from skepi.io._gff import names_transcripts, place_of, read_rows, records
from skepi.io._left_out import LeftOut, say_left_out
from skepi.io._text import Line, Path

_OF_GTF = re.compile(r'\w+ "[^"]*"').match
_NEITHER = ("exon", "CDS")  # most lines by far


def read_gff3(path: Path, feature: str = "transcript") -> pd.DataFrame:
    """Read genes or transcripts of a GFF3 file; columns and errors are those of :func:`read_gtf`.

    ``feature="transcript"`` keeps the transcripts of genes (``mRNA``, ``lnc_RNA``, ``V_gene_segment`` ...), named after
    the gene. A gene without any, as NCBI writes mitochondrial genes and pseudogenes, stands for its only transcript.
    ``"gene"`` keeps genes of all kinds (``gene``, ``ncRNA_gene``, ``protein_coding_gene``, ``pseudogene`` ...). Nothing
    is built from exons. Transcripts that belong to no gene are left out, with a warning; ``attrs["left_out"]`` lists
    them.

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
        return read_rows(path, _gene_row, "no line is a gene")
    known = _relations(path)
    table = read_rows(path, lambda line: _rows(line, known), "no line is a gene or the child of one")
    table.attrs["left_out"] = known.stray
    reasons = {"that belong to no gene": known.stray}
    say_left_out("read_gff3", [LeftOut("transcripts", len(table) + len(known.stray), reasons)])
    return table


class _Known(NamedTuple):
    """How the lines of a GFF3 file belong together.

    Attributes
    ----------
    names : dict
        Identifier and name of each gene by its key.
    parents : set of str
        Keys of genes and transcripts that have a transcript.
    stray : list of str
        Transcripts of no gene.
    """

    names: dict[str, tuple[str, str]]
    parents: set[str]
    stray: list[str]


def _gene(line: Line) -> tuple[str, tuple[str, str]] | None:
    """Key, identifier and name, where the line is a gene."""
    kind = line.fields[2]
    if kind in _NEITHER:
        return None
    values = _attributes(line)
    key = values.get("ID", "")
    if "Parent" in values or not (kind.lower().endswith(("gene", "gene_segment")) or key.startswith("gene:")):
        return None
    identifier = values.get("gene_id") or key.removeprefix("gene:")
    if not identifier.strip():
        raise line.error("wanted an attribute ID or gene_id", 8)
    return key or identifier, (identifier, values.get("gene_name") or values.get("Name") or identifier)


def _relations(path: Path) -> _Known:
    """Find genes, what has transcripts, and transcripts that descend from no gene."""
    names: dict[str, tuple[str, str]] = {}
    parents: set[str] = set()
    above: dict[str, list[str]] = {}
    for place, line in enumerate(records(path)):
        if place == 0:
            _attributes(line)  # an error tells GTF at once, whatever the line is
        gene = _gene(line)
        if gene is not None:
            names[gene[0]] = gene[1]
        elif _is_transcript(line):
            values = _attributes(line)
            above[values.get("ID", "") or f"line {line.number}"] = _parents(values)
            parents.update(_parents(values))
    return _Known(names, parents, [key for key in above if not _has_gene(key, names, above)])


def _has_gene(key: str, names: dict[str, tuple[str, str]], above: dict[str, list[str]]) -> bool:
    """Whether a transcript descends from a gene, by other transcripts perhaps."""
    seen, open_ = {key}, list(above[key])
    while open_:
        one = open_.pop()
        if one in names:
            return True
        if one in above and one not in seen:
            seen.add(one)
            open_.extend(above[one])
    return False


def _is_transcript(line: Line) -> bool:
    """Whether a line that is no gene of its own is a transcript, such as a ``pseudogene`` below a gene."""
    return names_transcripts(line.fields[2]) or line.fields[2].lower().endswith("gene")


def _parents(values: dict[str, str]) -> list[str]:
    return list(map(unquote, values.get("Parent", "").split(",")))


def _gene_row(line: Line) -> list[tuple]:
    gene = _gene(line)
    return [(*place_of(line), line.fields[2], *gene[1], "")] if gene else []


def _rows(line: Line, known: _Known) -> list[tuple]:
    """The transcript, once for each gene that it belongs to, or a gene that has none."""
    gene = _gene(line)
    if gene is not None:
        return [] if gene[0] in known.parents else _gene_row(line)
    if not _is_transcript(line):
        return []
    values = _attributes(line)
    of_genes = [known.names[parent] for parent in _parents(values) if parent in known.names]
    transcript = values.get("transcript_id") or values.get("ID", "").removeprefix("transcript:")
    return [(*place_of(line), line.fields[2], *of_gene, transcript) for of_gene in of_genes]


def _attributes(line: Line) -> dict[str, str]:
    values = {}
    for part in filter(None, map(str.strip, line.fields[8].split(";"))):
        key, equals, value = part.partition("=")
        if not equals:
            way = "; read_gtf reads GTF" if _OF_GTF(part) else ""
            raise line.error(f"wanted attributes as key=value, got {part[:40]!r}{way}", 8)
        values[key] = value if key == "Parent" else unquote(value)
    return values
