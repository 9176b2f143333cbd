"""What matches among tables, before a data set is made of them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from skepi._doors import frame_of, some
from skepi._foreign import pandas_of
from skepi._html import Fact, count, short
from skepi.exceptions import TableError
from skepi.io import chromosome_style, match_genes, possible_assemblies
from skepi.paired._data_checks import DataChecks, checks_of


def check_tables(openness: Any, peaks: Any, genes: Any, expression: Any = None, cell_types: Any = None) -> DataChecks:
    """Say what matches among the tables of a data set, before it is made.

    A data set refuses tables that do not match, at the first mistake. This function looks at all of them and refuses
    nothing that :class:`PairedDataset` explains better.

    Parameters
    ----------
    openness, peaks, genes, expression, cell_types
        As for :class:`PairedDataset`, with one signal; openness and expression as tables, or ``cell_types`` names their
        columns.

    Returns
    -------
    DataChecks
        Assemblies that peaks and genes can be of (:func:`skepi.io.possible_assemblies`), chromosomes, cell types and
        genes that both sides have, and the depth of openness.

    Raises
    ------
    TableError
        Where peaks or genes are no tables with the columns that a data set needs.

    Examples
    --------
    >>> openness = pd.DataFrame({"HSC": [3.0, 1.0], "NK": [2.0, 2.0]})
    >>> peaks = {"chrom": ["chr1", "chr2"], "start": [90, 10], "end": [110, 20]}
    >>> genes = {"name": ["GATA1"], "chrom": ["chr1"], "tss": [100], "strand": ["+"]}
    >>> expression = pd.DataFrame({"HSC": [5.0]}, index=["GATA1"])
    >>> check_tables(openness, peaks, genes, expression).table.set_index("check").loc["cell types", "found"]
    "1 in both; only in openness: 'NK'"
    """
    peak_table = frame_of(peaks, "peaks", ["chrom", "start", "end"])
    gene_table = frame_of(genes, "genes", ["name", "chrom", "tss", "strand"])
    openness = pandas_of(openness, "openness")
    return checks_of(
        [
            *_places(peak_table, gene_table),
            *_cell_types(_columns(openness, cell_types), expression, cell_types),
            *_genes(gene_table, expression),
            *_depth(openness, _columns(openness, cell_types)),
        ]
    )


def _places(peaks: pd.DataFrame, genes: pd.DataFrame) -> Iterator[Fact]:
    """Assemblies, chromosomes and their names."""
    possible = [possible_assemblies(table) for table in (peaks, genes)]
    apart = all(possible) and not set(possible[0]) & set(possible[1])
    texts = [_assembly(found, apart) for found in possible]
    yield Fact("likely assembly", texts[0] if len({*texts}) == 1 else f"peaks: {texts[0]}; genes: {texts[1]}", apart)
    styles = [chromosome_style(table["chrom"]) for table in (peaks, genes)]
    ours, theirs = (pd.unique(table["chrom"].astype(str)) for table in (peaks, genes))
    both = [name for name in ours if name in set(theirs)]
    parts = [f"{len(both)} in both", *_only("peaks", ours, both), *_only("genes", theirs, both)]
    if styles[0] != styles[1]:
        parts.append(f"names of peaks are {styles[0]}, of genes {styles[1]}")
    yield Fact("chromosomes", "; ".join(parts), not both or styles[0] != styles[1])


def _assembly(possible: list[str], apart: bool) -> str:
    if not possible:
        return "none of hg19, hg38, mm10 and mm39"
    return "cannot be told from so few places" if len(possible) > 2 and not apart else " or ".join(possible)


def _cell_types(ours: list[str], expression: Any, cell_types: Any) -> Iterator[Fact]:
    """Cell types that openness and expression both have."""
    if expression is None:
        yield Fact("cell types", f"{len(ours)} in openness; no expression was given")
        return
    theirs = _columns(pandas_of(expression, "expression"), cell_types)
    both = [name for name in ours if name in set(theirs)]
    parts = [f"{len(both)} in both", *_only("openness", ours, both), *_only("expression", theirs, both)]
    yield Fact("cell types", "; ".join(parts), len(parts) > 1)


def _genes(genes: pd.DataFrame, expression: Any) -> Iterator[Fact]:
    """Genes that have expression, and rows of expression that have a gene."""
    n = count(len(genes), "gene")
    if not isinstance(expression, pd.DataFrame):
        yield Fact("genes", f"{n} with a start site")
        return
    try:
        matched, kept = match_genes(expression, genes, left_out="ignore")
    except TableError as error:
        yield Fact("genes", f"{n} with a start site, of which none can be matched: {error}", True)
        return
    parts = [f"{len(kept):,} of {n} with a start site have expression"]
    rows = matched.attrs["left_out"]
    if len(rows):
        parts.append(f"{count(len(rows), 'row')} of expression without a gene ({some(rows)})")
    yield Fact("genes", "; ".join(parts), 2 * len(kept) < min(len(genes), len(expression)))


def _depth(openness: Any, names: list[str]) -> Iterator[Fact]:
    """Sum of openness of each cell type."""
    values = np.asarray(openness.to_numpy() if isinstance(openness, pd.DataFrame) else openness)
    if values.ndim != 2 or values.dtype.kind not in "iuf" or values.shape[1] != len(names) or not values.size:
        return
    sums = values.sum(axis=0, dtype=np.float64)
    whole = bool((values == np.floor(values)).all())
    least = int(sums.argmin())
    text = f"median {short(float(np.median(sums)))}, smallest {short(float(sums[least]))} in {names[least]}"
    yield Fact("depth (reads in peaks)" if whole else "depth (sum of openness)", text, bool(sums[least] == 0))


def _columns(table: Any, cell_types: Any) -> list[str]:
    """Names of the columns of a matrix."""
    if isinstance(table, pd.DataFrame):
        return list(map(str, table.columns))
    names = cell_types["name"] if hasattr(cell_types, "keys") else cell_types
    return [] if names is None else list(map(str, names))


def _only(side: str, names: Any, both: list[str]) -> list[str]:
    left = [name for name in names if name not in set(both)]
    return [f"only in {side}: {some(left)}"] if left else []
