"""Tables of transcription start sites."""

import re

import pandas as pd

from skepi.exceptions import FileFormatError
from skepi.io._text import Path, finite, read_lines

_ACCESSION = re.compile(r"(?:[NX][MR]_|ENS[A-Z]*T|uc)[0-9]").match
_GREATEST_SCORE = 1_000  # of BED


def read_tss(path: Path) -> pd.DataFrame:
    """Read a table of start sites: chrom, start, end, transcript, gene, strand, without header.

    Such tables (of refGene, for instance) have ``start = end``: the boundary where transcription begins. On the plus
    strand the first transcribed base lies behind it, on the minus strand before it. An interval of one base is that
    base.

    Parameters
    ----------
    path : path
        Tab-separated text, plain or gzipped.

    Returns
    -------
    DataFrame
        ``name`` (of the gene), ``transcript, chrom, tss, strand``; ``tss`` is the 0-based position of the first
        transcribed base.

    Raises
    ------
    FileFormatError
        With file, line and column, as in :func:`read_bed`; also for an interval of more than one base, and for BED
        files, whose fifth column is a score: :func:`read_bed` reads them, and :func:`choose_tss` takes its table.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:  # the bases on either side of the boundary at 100
    ...     path = pathlib.Path(folder, "tss.bed")
    ...     _ = path.write_text("chr1\\t100\\t100\\tNM_1\\tA\\t+\\nchr1\\t100\\t100\\tNM_2\\tB\\t-\\n")
    ...     read_tss(path).set_index("name")["tss"].to_dict()
    {'A': 100, 'B': 99}
    """
    rows = []
    for line in read_lines(path):
        if len(line.fields) != 6:
            raise line.error(f"wanted 6 tab-separated columns, got {len(line.fields)}")
        start, end, strand = line.position(1), line.position(2), line.choice(5, ("+", "-"))
        if end - start not in (0, 1):
            raise line.error(
                f"wanted a site, start = end or one base, got {start} and {end}; read_bed reads intervals, and "
                "choose_tss takes their starts by strand",
                2,
            )
        tss = start - 1 if start == end and strand == "-" else start
        if tss < 0:
            raise line.error("no base lies before position 0 on the minus strand", 1)
        rows.append((line.text(4), line.text(3), line.chrom(), tss, strand))
    if _are_scores([row[0] for row in rows], [row[1] for row in rows]):
        raise FileFormatError(
            path,
            None,
            5,
            "wanted names of genes, got numbers or dots in every row, as the scores of BED; read_bed(path) reads such "
            "a file, and choose_tss takes its table, with the names of column 4",
        )
    return pd.DataFrame(rows, columns=["name", "transcript", "chrom", "tss", "strand"])


def _are_scores(genes: list[str], transcripts: list[str]) -> bool:
    """Whether the column of genes holds scores of BED; beside accessions, numbers above 1,000 are genes of Entrez."""
    values = [0.0 if gene == "." else _number(gene) for gene in genes]
    if None in values:
        return False
    fit = all(value is not None and 0 <= value <= _GREATEST_SCORE for value in values)
    return fit or not any(map(_ACCESSION, transcripts))


def _number(text: str) -> float | None:
    try:
        return finite(text)
    except ValueError:
        return None
