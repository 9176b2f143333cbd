"""Annotations in GTF, of GENCODE, Ensembl, UCSC, NCBI and StringTie."""

import re
from typing import NamedTuple

import pandas as pd

from skepi.exceptions import FileFormatError
from skepi.io._gff import COLUMNS, names_transcripts, place_of, read_rows, records
from skepi.io._left_out import LeftOut, say_left_out
from skepi.io._text import Line, Path, columns_of

_GENE_ID, _STRAND = COLUMNS.index("gene_id"), COLUMNS.index("strand")
_ATTRIBUTE = re.compile(r'\s*+(?:([^\s";]++)\s++("[^"]*+"|[^";]++)\s*+)?+(?:;|$)')
_QUICK_TRANSCRIPT = re.compile(r'\btranscript_id "([^"]+)"').search
_QUICK_GENE = re.compile(r'\bgene_id "([^"]+)"').search
# AUGUSTUS, and what is made of its files, has an identifier alone on lines of genes (g1) and of transcripts (g1.t1).
_BARE = re.compile(r'(?!\.$)[^\s";=]+').fullmatch
_GENE_OF_BARE = re.compile(r"(.+)\.t[0-9]+").fullmatch
_KEYS = {"gene": "gene_id", "transcript": "transcript_id"}
_EXON_NUMBER = re.compile(r'\bexon_number "?([0-9]+)').search


def read_gtf(path: Path, feature: str = "transcript") -> pd.DataFrame:
    """Read genes or transcripts of a GTF file.

    A transcript without a line of its own is built from its exons, as files of older Ensembl releases and of UCSC have
    them: from the first base of the first exon to the last base of the last. Where one identifier numbers an exon
    twice, it stands for several transcripts. A transcript without a strand (``.`` or ``?``) has that of its exons, if
    they have one. A gene that has neither transcripts nor exons stands for its only
    transcript. CDS lines never make a transcript, because they begin at start codons; genes that have nothing else are
    left out. Lines of genes and transcripts may have an identifier alone in their last column, as AUGUSTUS writes them.

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
        ``attrs["n_built"]`` counts the former, and ``attrs["left_out"]`` lists identifiers of genes left out.

    Raises
    ------
    FileFormatError
        With file, line and column; also where no line has the feature, with those that occur.

    Warns
    -----
    LeftOutWarning
        Where genes are left out.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:  # bases 11 to 20 of the file are 10 to 20 here
    ...     path = pathlib.Path(folder, "genes.gtf")
    ...     _ = path.write_text('chr1\\tHAVANA\\tgene\\t11\\t20\\t.\\t+\\t.\\tgene_id "ENSG1.2"; gene_name "GATA1";\\n')
    ...     read_gtf(path, "gene")[["chrom", "start", "end", "gene_id", "gene_name"]].values.tolist()
    [['chr1', 10, 20, 'ENSG1.2', 'GATA1']]
    """
    if feature != "transcript":
        return read_rows(path, lambda line: _row(line, feature), f"no line has the feature {feature!r}")
    table, genes = _read_transcripts(path)
    gone = list(genes.difference(table["gene_id"]))
    table.attrs["left_out"] = gone
    reasons = {"without a transcript, an exon or a line of their own": gone}
    say_left_out("read_gtf", [LeftOut("genes", len(genes), reasons)])
    return table


def _read_transcripts(path: Path) -> tuple[pd.DataFrame, pd.Index]:
    """Transcripts of a GTF file, and the identifiers of all genes in it.

    Transcripts have lines of their own, or are built from exons; genes that have neither stand for theirs.
    """
    rows: dict[int, tuple] = {}
    exons: dict[tuple, list[_Exons]] = {}
    genes: dict[int, tuple] = {}
    others: dict[str, None] = {}
    alone = _Alone({}, {})
    written: set[tuple] = set()
    of_other_kinds: dict[tuple, list[int]] = {}
    occurring: dict[str, None] = {}
    for line in records(path):
        kind = line.fields[2]
        occurring[kind] = None
        alone.see(line)
        if kind == "transcript":
            rows[line.number] = row = _row(line, kind)[0]
            written.add(_key(row))
        elif names_transcripts(kind) and _quick_key(line) not in written:
            rows[line.number] = row = _row(line, kind)[0]
            of_other_kinds.setdefault(_key(row), []).append(line.number)
        elif kind == "exon" and _quick_key(line) not in written:
            _add_exon(exons, _row(line, kind)[0], line)
        elif kind == "gene":
            genes[line.number] = _row(line, kind)[0]
        elif found := _QUICK_GENE(line.fields[8]):
            others[found[1]] = None
    for key in written.intersection(of_other_kinds):
        for number in of_other_kinds[key]:
            del rows[number]
    rows |= alone.rows_of(rows)
    written |= of_other_kinds.keys()
    built = _built({key: copies for key, copies in exons.items() if key not in written})
    rows = _joined(rows, built, genes)
    if not rows:
        raise _nothing(path, list(occurring))
    table = pd.DataFrame(columns_of([rows[number] for number in sorted(rows)], COLUMNS))
    table.attrs["n_built"] = len(rows.keys() & built.keys())
    return table, pd.Index(table["gene_id"].unique()).union(pd.Index(list(others), dtype=object), sort=False)


def _nothing(path: Path, occurring: list[str]) -> FileFormatError:
    way = "; coding sequences do not begin at start sites: take a file with exons" if "CDS" in occurring else ""
    there = ", ".join(occurring[:8])
    return FileFormatError(path, None, 3, f"no line is a transcript, an exon or a gene; there are {there}{way}")


def _joined(rows: dict[int, tuple], built: dict[int, tuple], genes: dict[int, tuple]) -> dict[int, tuple]:
    """Transcripts by their line: written ones, those built from exons, and genes that have neither."""
    with_transcript = {row[_GENE_ID] for row in rows.values()}
    rows, rest = _on_known_strands(rows, built)
    # Exons without a transcript_id make one only for genes that have no other.
    rows |= {number: row for number, row in rest.items() if row[-1] or row[_GENE_ID] not in with_transcript}
    with_transcript |= {row[_GENE_ID] for row in built.values()}
    return rows | {number: row for number, row in genes.items() if row[_GENE_ID] not in with_transcript}


class _Alone(NamedTuple):
    """Transcripts whose identifier stands alone in the last column.

    Attributes
    ----------
    lines : dict
        Their lines by number.
    gene_of : dict
        Gene of each transcript that other lines name behind the first of them.
    """

    lines: dict[int, Line]
    gene_of: dict[str, str]

    def see(self, line: Line) -> None:
        if line.fields[2] == "transcript" and _identifier(line):
            self.lines[line.number] = line
        elif self.lines and (key := _quick_key(line)) and (found := _QUICK_GENE(line.fields[8])):
            self.gene_of[key[0]] = found[1]

    def rows_of(self, rows: dict[int, tuple]) -> dict[int, tuple]:
        """Their rows, each with the gene that its other lines name, or that its identifier (g1.t1) does."""
        out = {}
        for number, line in self.lines.items():
            row, by_name = rows[number], _GENE_OF_BARE(rows[number][-1])
            gene = self.gene_of.get(row[-1]) or (by_name[1] if by_name else "")
            if not gene:
                raise line.error(
                    f"no line says which gene the transcript {row[-1]!r} belongs to; wanted an attribute gene_id", 8
                )
            out[number] = (*row[:_GENE_ID], gene, gene, row[-1])
        return out


def _identifier(line: Line) -> str:
    """What stands alone in the last column of a gene or transcript, or nothing; a key that was cut off is none."""
    kind, text = line.fields[2], line.fields[8]
    if '"' in text or kind not in _KEYS or not _BARE(text.strip()):
        return ""
    return "" if any(key.startswith(text.strip()) for key in _KEYS.values()) else text.strip()


class _Exons(NamedTuple):
    """A transcript that is built from its exons.

    Attributes
    ----------
    first : int
        Line of its first exon.
    row : tuple
        As far as its exons reach.
    numbers : set of str
        Those of its exons, as far as they have any.
    """

    first: int
    row: tuple
    numbers: set[str]


def _built(exons: dict[tuple, list[_Exons]]) -> dict[int, tuple]:
    """Transcripts made of exons, by the line of their first one; copies count only if the file numbers exons."""
    every = list(exons.values())
    numbered = len(set().union(*(one.numbers for copies in every for one in copies))) > 1
    if not numbered:
        every = [[_together(copies)] for copies in every]
    return {one.first: one.row for copies in every for one in copies}


def _on_known_strands(rows: dict[int, tuple], built: dict[int, tuple]) -> tuple[dict[int, tuple], dict[int, tuple]]:
    """Written transcripts with the strand of their exons where they have none, and what exons without them make."""
    rows, rest = dict(rows), dict(built)
    of_name: dict[tuple, list[int]] = {}
    for number, row in built.items():
        of_name.setdefault(_key(row)[:2], []).append(number)
    for number, row in rows.items():
        own = [one for one in of_name.get(_key(row)[:2], []) if _within(row, built[one])]
        strands = {built[one][_STRAND] for one in own}
        if row[_STRAND] in "+-":
            own = [one for one in own if built[one][_STRAND] not in "+-"]
        elif strands in ({"+"}, {"-"}):
            rows[number] = (*row[:_STRAND], *strands, *row[_STRAND + 1 :])
        else:
            continue
        for one in own:
            rest.pop(one, None)
    return rows, rest


def _together(copies: list[_Exons]) -> _Exons:
    """Copies of a transcript as one, as far as all of them reach."""
    first = copies[0]
    start, end = min(one.row[1] for one in copies), max(one.row[2] for one in copies)
    return first._replace(row=(first.row[0], start, end, *first.row[3:]))


def _add_exon(exons: dict[tuple, list[_Exons]], row: tuple, line: Line) -> None:
    """Extend the nearest copy of the transcript that lacks this exon number, or begin a new one."""
    found = _EXON_NUMBER(line.fields[8])
    number = {found[1]} if found else set()
    row = (*row[:4], "transcript", *row[5:])
    copies = exons.setdefault(_key(row), [])
    lacking = [place for place, one in enumerate(copies) if not number & one.numbers or _within(one.row, row)]
    if not lacking:
        copies.append(_Exons(line.number, row, number))
        return
    place = min(lacking, key=lambda place: _gap(copies[place].row, row))
    first, known, numbers = copies[place]
    reach = min(row[1], known[1]), max(row[2], known[2])
    copies[place] = _Exons(first, (known[0], *reach, *known[3:]), numbers | number)


def _within(outer: tuple, inner: tuple) -> bool:
    return outer[1] <= inner[1] and inner[2] <= outer[2]


def _gap(one: tuple, other: tuple) -> int:
    """Bases between two intervals, 0 where they overlap."""
    return max(one[1] - other[2], other[1] - one[2], 0)


def _key(row: tuple) -> tuple[str, str, str]:
    """What tells transcripts apart: copies on other chromosomes may have one identifier, and a gene's may have none."""
    return row[-1] or row[_GENE_ID], row[0], row[3]


def _quick_key(line: Line) -> tuple[str, str, str] | None:
    """Key of a line whose transcript is found without reading all attributes; None where it is not."""
    found = _QUICK_TRANSCRIPT(line.fields[8])
    return None if found is None else (found[1], line.fields[0], line.fields[6])


def _row(line: Line, feature: str) -> list[tuple]:
    if line.fields[2] != feature:
        return []
    alone = _identifier(line)
    values = {_KEYS[feature]: alone} if alone else _attributes(line)
    gene = values.get("gene_id", "")
    if not gene and not alone:
        raise line.error(f"wanted an attribute gene_id{_of_gff3(line)}", 8)
    name = values.get("gene_name") or values.get("ref_gene_name") or gene
    return [(*place_of(line), feature, gene, name, values.get("transcript_id", ""))]


def _of_gff3(line: Line) -> str:
    """What reads the line, where it is one of GFF3."""
    return "; read_gff3 reads GFF3" if re.match(r"[A-Za-z_]+=", line.fields[8]) else ""


def _attributes(line: Line) -> dict[str, str]:
    values, text, place = {}, line.fields[8], 0
    while place < len(text):
        found = _ATTRIBUTE.match(text, place)
        if found is None:
            got = repr(text[place:].strip()[:40])
            way = _of_gff3(line) or "; gffread and AGAT write GTF from other dialects"
            raise line.error(f'wanted attributes as key "value"; got {got}{way}', 8)
        if found[1]:
            values[found[1]] = found[2].strip().strip('"').strip()
        place = found.end()
    return values
