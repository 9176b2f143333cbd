"""What notebooks show of binned rows: their bands, what lies beside them, and the first rows."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from skepi._columns import Bands, bands_of
from skepi._doors import some
from skepi._html import Fact, Rows, card, count, short
from skepi._rows import names_of_pairs

_ROWS = 3
_COLUMNS = 6
_MOST_BANDS = 6


def card_of_bins(X: Any) -> str:
    """Card of rows that keep the first tier of the contract."""
    state = "log z-scores" if X.is_scaled else "openness"
    about = f"{count(len(X), 'pair')} x {count(len(X.columns), 'column')} of {state}"
    return card(type(X).__name__, about, _facts(X), [_first_rows(X)])


def _facts(X: Any) -> Iterator[Fact]:
    genes, cell_types = (np.count_nonzero(np.bincount(codes)) for codes in (X.gene_codes, X.cell_type_codes))
    yield Fact("rows", f"{count(int(genes), 'gene')} and {count(int(cell_types), 'cell type')}")
    runs = bands_of(X.columns)
    for bands in runs[:_MOST_BANDS]:
        yield Fact(f"bands of {bands.label}" if bands.label else "bands", _described(bands))
    if len(runs) > _MOST_BANDS:
        yield Fact("further bands", f"{len(runs) - _MOST_BANDS:,} runs of them")
    if X.appended.shape[1]:
        names = X.feature_names[len(X.columns) :]
        made = "; made from targets" if X.knows_targets else ""
        yield Fact("columns beside them", f"{len(names):,}: {some(names)}{made}")
    possible = X.slots.n_genes * len(X.columns)
    if possible:
        yield Fact("reached by a peak", f"{X.slots.n_slots / possible:.0%} of all (gene, column); the others are 0")


def _described(bands: Bands) -> str:
    widths = np.diff(bands.edges)
    low, high = _bp(widths.min()), _bp(widths.max())
    wide = low if low == high else f"{low} to {high}"
    first, last = _bp(bands.edges[0]), _bp(bands.edges[-1])
    return f"{widths.size:,}, from {first} to {last} around the TSS, {wide} wide"


def _bp(n: Any) -> str:
    """Base pairs in the unit that people use."""
    for unit, size in (("Mb", 1_000_000), ("kb", 1_000)):
        if abs(n) >= size:
            return f"{short(n / size)} {unit}"
    return f"{n} bp"


def _first_rows(X: Any) -> Rows:
    """First pairs with the columns around the TSS."""
    rows, columns = X[:_ROWS], X.columns
    middle = (columns["start_bp"] + columns["end_bp"]).abs().to_numpy()
    near = np.sort(np.argsort(middle, kind="stable")[:_COLUMNS])
    values = pd.DataFrame(rows.dense()[:, near], columns=X.feature_names[near])
    caption = "first pairs" + (f", {len(near)} columns nearest to the TSS" if len(near) < X.shape[1] else "")
    return Rows(caption, pd.concat([names_of_pairs(rows), values], axis=1))
