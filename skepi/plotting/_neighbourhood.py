"""What lies around a gene: peaks, openness, other genes, and importance of bins in genomic positions."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._dataset import check_dataset
from skepi._rows import codes_of
from skepi.exceptions import MissingExpressionError
from skepi.inspection import bin_track, importance_unit

#: Cell types that are chosen where none are named.
MOST_TRACKS = 12


def neighbourhood(data: Any, gene: str, cell_types: Any, flank: int, depth: str | None) -> dict[str, Any]:
    """Tables of what lies around a gene, as :class:`LocusDisplay` takes them."""
    check_dataset(data)
    if isinstance(flank, bool) or not isinstance(flank, int | np.integer) or flank < 1:
        raise ValueError(f"flank must be a whole number of bp, 1 or more, got {flank!r}")
    if depth not in ("mean", None):
        raise ValueError(f"depth must be 'mean' or None, got {depth!r}")
    row = int(codes_of([gene], data.genes, "gene(s)")[0])
    codes = _tracks(data, row, cell_types)
    of_gene, names = data.genes.iloc[row], data.cell_types["name"].iloc[codes].tolist()
    tss = int(of_gene["tss"])
    window = max(0, tss - int(flank)), tss + int(flank) + 1
    near = _peaks_in(data.peaks, of_gene["chrom"], window)
    genes = data.genes[data.genes["chrom"] == of_gene["chrom"]]
    per_unit = data.tables.mean_openness()[codes] if depth else 1.0
    return {
        "gene": of_gene,
        "window": window,
        "peaks": data.peaks.iloc[near].reset_index(drop=True),
        "openness": pd.DataFrame(data.openness[np.ix_(near, codes)] / per_unit, columns=names),
        "genes": genes[(genes["tss"] >= window[0]) & (genes["tss"] < window[1])],
        "expression": None if data.expression is None else pd.Series(data.expression[row, codes], names),
        "openness_label": "openness / mean of the cell type" if depth else "openness",
    }


def importance_around(estimator: Any, data: Any, gene: pd.Series, cell_types: Any, method: str) -> dict[str, Any]:
    """Importance of an estimator's bins for one gene, in genomic positions, and what it is."""
    X, y = data.pairs([gene["name"]], list(cell_types)), None
    if method == "permutation":
        if data.expression is None:
            raise MissingExpressionError(
                "method='permutation' compares predictions with the truth, and this data set holds openness only"
            )
        y = data.expression[X.gene_codes, X.cell_type_codes]
    track = bin_track(estimator, X, gene["name"], method=method, y=y)
    label = importance_unit(estimator, X, method=method)
    return {"importance": track[["start", "end", "importance"]], "importance_label": label}


def _tracks(data: Any, row: int, cell_types: Any) -> NDArray[np.int64]:
    """Codes of the cell types named, or of some from the highest to the lowest expression of the gene."""
    if cell_types is not None:
        codes = codes_of(cell_types, data.cell_types, "cell type(s)")
        if codes.size == 0:
            raise ValueError("no cell types: wanted at least one track")
        return codes
    order = np.arange(len(data.cell_types))
    if data.expression is not None:
        order = np.argsort(-data.expression[row], kind="stable")
    return order[np.unique(np.linspace(0, order.size - 1, min(order.size, MOST_TRACKS)).round().astype(int))]


def _peaks_in(peaks: pd.DataFrame, chrom: str, window: tuple[int, int]) -> NDArray[np.int64]:
    inside = (peaks["chrom"] == chrom) & (peaks["end"] > window[0]) & (peaks["start"] < window[1])
    return np.flatnonzero(inside)
