"""Tables to files that genome browsers open: bedGraph and BEDPE."""

import gzip
import os
from pathlib import Path

import numpy as np
import pandas as pd

from skepi._doors import some
from skepi._files import replace_file

_LINK_COLUMNS = ("chrom", "start", "end", "gene", "tss", "strand", "score")


def write_bedgraph(table: pd.DataFrame, path: str | os.PathLike, *, value: str = "score", name: str = "skepi") -> None:
    """Write values of regions that do not overlap as a bedGraph track.

    Parameters
    ----------
    table : DataFrame
        ``chrom, start, end`` (bp, 0-based half-open, as bedGraph has them) and a column of numbers; written sorted.
    path : path
        Replaced as a whole; gzipped where it ends in ``.gz``.
    value : str, default="score"
        Name of the column of numbers.
    name : str, default="skepi"
        Name of the track, in its first line.

    Raises
    ------
    ValueError
        For missing columns, an empty table, chromosomes with white space in their name or without one, values that are
        not finite, positions that are not whole, intervals that are empty or overlap, several signals or features, or
        a name of the track with quotation marks or line breaks.

    See Also
    --------
    skepi.inspection.peak_scores, skepi.inspection.bin_track

    References
    ----------
    UCSC Genome Browser, bedGraph track format.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> track = pd.DataFrame({"chrom": "chr1", "start": [20, 0], "end": [30, 10], "score": [0.5, 2.0]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_bedgraph(track, f"{folder}/track.bedgraph")
    ...     pathlib.Path(folder, "track.bedgraph").read_text().splitlines()
    ['track type=bedGraph name="skepi"', 'chr1\\t0\\t10\\t2', 'chr1\\t20\\t30\\t0.5']
    """
    _check_columns(table, ("chrom", "start", "end", value))
    _check_one_signal(table, value, "a bedGraph track")
    _check_names(table, ("chrom",))
    rows = table.sort_values(["chrom", "start"], kind="stable")
    _check_intervals(rows)
    _check_numbers(rows[value], value)
    same = rows["chrom"].to_numpy()[1:] == rows["chrom"].to_numpy()[:-1]
    overlap = same & (rows["start"].to_numpy()[1:] < rows["end"].to_numpy()[:-1])
    if overlap.any():
        one = rows.iloc[int(np.argmax(overlap))]
        raise ValueError(
            f"a bedGraph track has one value per base, but {one['chrom']}:{one['start']}-{one['end']} overlaps the "
            "next region"
        )
    if not name.isprintable() or '"' in name:
        raise ValueError(f"the name of a track cannot hold quotation marks or line breaks, got {name!r}")
    lines = [f'track type=bedGraph name="{name}"']
    columns = (rows["chrom"], rows["start"], rows["end"], rows[value])
    lines += [f"{chrom}\t{start}\t{end}\t{number:.6g}" for chrom, start, end, number in zip(*columns, strict=True)]
    _write(path, lines)


def write_bedpe(links: pd.DataFrame, path: str | os.PathLike) -> None:
    """Write links of peaks to genes as BEDPE: first end the peak, second end the base of the TSS.

    Parameters
    ----------
    links : DataFrame
        ``chrom, start, end`` of the peak, ``gene, tss, strand, score``, as from
        :func:`skepi.inspection.peak_gene_links`; positions in bp, 0-based. In the order given.
    path : path
        Replaced as a whole; gzipped where it ends in ``.gz``. Columns: chrom1, start1, end1, chrom2, start2, end2, name
        (the gene), score, strand1 (``.``), strand2.

    Raises
    ------
    ValueError
        For missing columns, an empty table, chromosomes, genes or strands with white space in their name or without
        one, scores that are not finite, positions that are not whole, empty intervals, or links of several signals.

    References
    ----------
    bedtools, BEDPE format.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> peak = {"chrom": ["chr1"], "start": [20], "end": [30]}
    >>> links = pd.DataFrame({**peak, "gene": ["GATA1"], "tss": [100], "strand": ["-"], "score": [0.5]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_bedpe(links, f"{folder}/links.bedpe")
    ...     pathlib.Path(folder, "links.bedpe").read_text().split()
    ['chr1', '20', '30', 'chr1', '100', '101', 'GATA1', '0.5', '.', '-']
    """
    _check_columns(links, _LINK_COLUMNS)
    _check_one_signal(links, "score", "a BEDPE file")
    _check_names(links, ("chrom", "gene", "strand"))
    _check_intervals(links)
    _check_numbers(links["score"], "score")
    columns = (links[name] for name in _LINK_COLUMNS)
    _write(
        path,
        [
            f"{chrom}\t{start}\t{end}\t{chrom}\t{tss}\t{tss + 1}\t{gene}\t{score:.6g}\t.\t{strand}"
            for chrom, start, end, gene, tss, strand, score in zip(*columns, strict=True)
        ],
    )


def _check_columns(table: pd.DataFrame, wanted: tuple[str, ...]) -> None:
    missing = [name for name in wanted if name not in table]
    if missing:
        raise ValueError(f"the table lacks the column(s) {', '.join(missing)}; it has {', '.join(map(str, table))}")
    if len(table) == 0:
        raise ValueError("the table is empty: there is nothing to write")


def _check_one_signal(table: pd.DataFrame, value: str, what: str) -> None:
    """Refuse bins or peaks of several signals or features, which would look like one."""
    for column in table.columns.intersection(["signal", "feature"]).difference([value]):
        there = list(dict.fromkeys(table[column]))
        if len(there) > 1 and not pd.api.types.is_numeric_dtype(table[column]):
            raise ValueError(
                f"the table holds the {column}s {some(there)}, and {what} one: write one at a time, such as "
                f"table[table[{column!r}] == {there[0]!r}]"
            )


def _check_names(table: pd.DataFrame, columns: tuple[str, ...]) -> None:
    """Refuse names that would break a row into other fields."""
    for column in columns:
        for name in table[column].unique():
            if pd.isna(name) or str(name).split() != [str(name)]:
                raise ValueError(f"{column} must hold names without white space, got {name!r}")


def _check_intervals(table: pd.DataFrame) -> None:
    for column in table.columns.intersection(["start", "end", "tss"]):
        if table[column].dtype.kind not in "iu":
            raise ValueError(f"{column} must hold whole numbers, got {table[column].dtype}")
    bad = (table["start"] < 0) | (table["end"] <= table["start"])
    if bad.any():
        one = table[bad].iloc[0]
        raise ValueError(f"wanted 0 <= start < end, got {one['chrom']}:{one['start']}-{one['end']}")


def _check_numbers(values: pd.Series, name: str) -> None:
    wrong = int((~np.isfinite(values.to_numpy(dtype=np.float64))).sum())
    if wrong:
        raise ValueError(f"{wrong} value(s) of {name} are not finite")


def _write(path: str | os.PathLike, lines: list[str]) -> None:
    content = ("\n".join(lines) + "\n").encode()
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent} is not a folder: cannot write {path.name} there")
    replace_file(path, gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
