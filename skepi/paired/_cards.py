"""What notebooks show of data sets and pairs: the checks that skepi makes, and the first rows."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._columns import UNNAMED
from skepi._doors import some
from skepi._html import Fact, Rows, card, count, short
from skepi._scales import scale_of_expression
from skepi.paired._assembly import LEAST_GENES
from skepi.paired._saved import SavedTables
from skepi.paired._summary import SignalSummary, some_rows
from skepi.paired._tables import OpennessTables

_ROWS = 4
_CELL_TYPES = 4
_MOST_LINEAGES = 6
_PLACE = ["name", "chrom", "tss", "strand"]


def card_of_data(tables: OpennessTables, expression: NDArray[np.float64] | None) -> str:
    """Card of a data set."""
    known = "openness only" if expression is None else "openness and expression"
    return card(
        "PairedDataset", f"{_size(tables)}; {known}", facts_of(tables, expression), [_first_genes(tables, expression)]
    )


def card_of_pairs(X: Any) -> str:
    """Card of pairs."""
    of_gene, of_cell_type = (np.bincount(codes) for codes in (X.gene_codes, X.cell_type_codes))
    genes, cell_types = np.flatnonzero(of_gene), np.flatnonzero(of_cell_type)
    about = f"{count(len(X), 'pair')} of {count(genes.size, 'gene')} and {count(cell_types.size, 'cell type')}"
    facts = [
        Fact("pairs per cell type", _range(of_cell_type[cell_types])),
        Fact("pairs per gene", _range(of_gene[genes])),
        *_lineages(X.tables.cell_types.iloc[cell_types]),
        Fact("data set", _size(X.tables)),
        Fact("features", "none yet: TSSBinner() sums the openness around each gene"),
    ]
    return card("GeneCellPairs", about, facts, [Rows("first pairs", X.head())])


def _size(tables: OpennessTables) -> str:
    n_peaks, n_genes, n_cell_types = len(tables.peaks), len(tables.genes), len(tables.cell_types)
    return f"{count(n_peaks, 'peak')}, {count(n_genes, 'gene')}, {count(n_cell_types, 'cell type')}"


def facts_of(tables: OpennessTables, expression: NDArray[np.float64] | None) -> Iterator[Fact]:
    at_tss = tables.at_start_sites
    if at_tss.n_genes:
        text = f"{at_tss.share:.0%} of genes, by chance {at_tss.share_shifted:.0%} (at places 50 kb away)"
        few = "" if at_tss.n_genes >= LEAST_GENES else f"; {count(at_tss.n_genes, 'gene')} cannot tell"
        yield Fact("peak within 1 kb of the TSS", text + few, at_tss.seem_apart)
    for signal in tables.summaries:
        yield from _facts_of_signal(signal, tables.cell_types["name"])
    if tables.feature_names:
        yield Fact("features of peaks", f"{len(tables.feature_names):,}: {some(tables.feature_names)}")
    if expression is not None and expression.size:
        seen = some_rows(expression, np.arange(len(expression)))
        scale = scale_of_expression(seen)
        text = f"{short(seen.min())} to {short(seen.max())}; {scale.text}{_of_some(len(seen), len(expression), 'gene')}"
        yield Fact("expression", text, scale.is_doubtful)
    yield from _lineages(tables.cell_types)
    if isinstance(tables, SavedTables):
        yield Fact("on disk", str(tables.path))


def _facts_of_signal(signal: SignalSummary, cell_types: pd.Series) -> Iterator[Fact]:
    named = signal.name != UNNAMED
    part = _of_some(signal.n_seen, signal.n_peaks, "peak")
    text = f"0 to {short(signal.largest)}, {signal.share_open:.0%} above 0; {signal.scale.text}{part}"
    peaks = f"{count(signal.n_peaks, 'peak')}; " if named else ""
    yield Fact(f"openness of {signal.name}" if named else "openness", peaks + text, signal.scale.is_doubtful)
    if signal.depth.size:
        least = int(signal.depth.argmin())
        yield Fact(
            f"depth of {signal.name}" if named else "depth (mean openness)",
            f"median {short(float(np.median(signal.depth)))}, smallest {short(signal.depth[least])} "
            f"in {cell_types.iloc[least]}{part}",
            bool(signal.depth[least] == 0),
        )


def _of_some(n_seen: int, n: int, what: str) -> str:
    """That not everything was looked at."""
    return "" if n_seen == n else f" (estimated from {n_seen:,} of {count(n, what)})"


def _lineages(cell_types: pd.DataFrame) -> Iterator[Fact]:
    if "lineage" in cell_types and len(cell_types):
        sizes = cell_types["lineage"].astype(object).value_counts(sort=False, dropna=False)
        names = [f"{name} ({n})" for name, n in sizes.items()]
        more = f" and {len(names) - _MOST_LINEAGES} more" if len(names) > _MOST_LINEAGES else ""
        yield Fact("lineages", f"{len(names)}: {', '.join(names[:_MOST_LINEAGES])}{more}")


def _range(sizes: NDArray[np.int64]) -> str:
    if not sizes.size:
        return "none"
    low, high = sizes.min(), sizes.max()
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _first_genes(tables: OpennessTables, expression: NDArray[np.float64] | None) -> Rows:
    """First genes and, where known, their expression in the first cell types."""
    place = tables.genes[_PLACE].iloc[:_ROWS].reset_index(drop=True)
    if expression is None:
        return Rows("first genes", place)
    first = some_rows(expression, np.arange(len(place)))[:, :_CELL_TYPES]
    values = pd.DataFrame(first, columns=list(tables.cell_types["name"][:_CELL_TYPES]))
    return Rows("first genes, and their expression in the first cell types", pd.concat([place, values], axis=1), 2)
