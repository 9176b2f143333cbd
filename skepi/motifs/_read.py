"""From files of motif databases to :class:`Motifs`."""

import os
from collections.abc import Iterator
from itertools import chain

import numpy as np

from skepi._doors import check_number
from skepi.exceptions import FileFormatError
from skepi.io import Line, read_lines
from skepi.motifs._jaspar import jaspar_records
from skepi.motifs._meme import meme_records
from skepi.motifs._motifs import SUM_TOLERANCE, Motifs
from skepi.motifs._names import motifs_of
from skepi.motifs._record import Record


def read_motifs(path: str | os.PathLike, *, pseudocount: float = 0.0) -> Motifs:
    """Read motifs of transcription factors from a file in MEME or JASPAR format.

    A motif is named after its TF. Where the file has several matrices of a TF, the identifier follows the name in
    brackets: ``ASCL1 (MA1100.2)``. A motif without a TF is named by its identifier. Counts :math:`k` of JASPAR format
    become probabilities :math:`(k + c/4) / (\\sum k + c)` with the pseudocount :math:`c`.

    Parameters
    ----------
    path : path
        Text, plain or gzipped; the first line tells the format.
    pseudocount : float, default=0.0
        Added to the counts of each position of JASPAR format, spread over the letters. Files in MEME format hold
        probabilities, which stay as they are. (:class:`MotifScanner` has a pseudocount of its own.)

    Returns
    -------
    Motifs
        In the order of the file.

    Raises
    ------
    FileFormatError
        With file and line: neither format, no motif, a matrix that is cut off, has no position or another number of
        rows than stated, probabilities that do not add up to 1 within 0.01, a position without counts, an identifier
        twice, another alphabet than DNA.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "gata.jaspar")
    ...     _ = path.write_text(">MA0035.5 GATA1\\nA [0 9 0 9]\\nC [0 0 0 0]\\nG [9 0 0 0]\\nT [0 0 9 0]\\n")
    ...     motifs = read_motifs(path)
    >>> motifs.names, motifs.ids, motifs.consensus
    (('GATA1',), ('MA0035.5',), ('GATA',))
    """
    check_number("pseudocount", pseudocount, 0)
    lines = read_lines(path, separator=None)
    first = next(lines)
    records = list(_records(first, chain([first], lines), pseudocount))
    if not records:
        raise FileFormatError(path, None, None, "the file holds no motif")
    _check_once(records)
    ids, tfs = [record.id for record in records], [record.tf or record.id for record in records]
    return motifs_of(ids, tfs, [record.rows for record in records])


def _records(first: Line, lines: Iterator[Line], pseudocount: float) -> Iterator[Record]:
    """Motifs of a file as probabilities."""
    if first.fields[0] == "MEME":
        for record in meme_records(lines):
            _check_sums(record)
            yield record
    elif first.fields[0].startswith(">"):
        for record in jaspar_records(lines):
            yield _as_probabilities(record, pseudocount)
    else:
        shown = " ".join(first.fields)[:40]
        raise first.error(f"wanted MEME format ('MEME version 4') or JASPAR format ('>MA0035.5 GATA1'), got {shown!r}")


def _check_sums(record: Record) -> None:
    sums = record.rows.sum(axis=1)
    wrong = np.flatnonzero(np.abs(sums - 1) > SUM_TOLERANCE)
    if wrong.size:
        raise record.line.error(
            f"{record.id}: probabilities of position {wrong[0]} (from 0) add up to {sums[wrong[0]]:g}, wanted 1 within "
            f"{SUM_TOLERANCE}"
        )


def _as_probabilities(record: Record, pseudocount: float) -> Record:
    totals = record.rows.sum(axis=1, keepdims=True) + pseudocount
    empty = np.flatnonzero(totals == 0)
    if empty.size:
        raise record.line.error(f"{record.id}: no counts at position {empty[0]} (from 0); leave out such positions")
    return record._replace(rows=(record.rows + pseudocount / 4) / totals)


def _check_once(records: list[Record]) -> None:
    lines: dict[str, int] = {}
    for record in records:
        if record.id in lines:
            raise record.line.error(f"the motif {record.id!r} stands in line {lines[record.id]} too")
        lines[record.id] = record.line.number
