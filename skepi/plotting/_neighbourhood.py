"""What lies around a gene: peaks, openness, other genes, and importance of bins in genomic positions."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._dataset import check_dataset
from skepi._doors import some
from skepi._rows import codes_of
from skepi.exceptions import MissingExpressionError
from skepi.inspection import bin_track, importance_unit

# Tracks of cell types that are chosen where none are named: 12 of one signal, 8 of two, 6 of three, at least 3.
_TRACKS_OF_ALL, _FEWEST_TRACKS = 24, 3


def neighbourhood(data: Any, gene: str, cell_types: Any, flank: int, depth: str | None, signals: Any) -> dict[str, Any]:
    """Tables of what lies around a gene, as :class:`LocusDisplay` takes them."""
    check_dataset(data)
    if isinstance(flank, bool) or not isinstance(flank, int | np.integer) or flank < 1:
        raise ValueError(f"flank must be a whole number of bp, 1 or more, got {flank!r}")
    if depth not in ("mean", None):
        raise ValueError(f"depth must be 'mean' or None, got {depth!r}")
    row = int(codes_of([gene], data.genes, "gene(s)")[0])
    shown = _signals(data, signals)
    codes = _tracks(data, row, cell_types, max(_FEWEST_TRACKS, _TRACKS_OF_ALL // (len(shown) + 1)))
    of_gene, names = data.genes.iloc[row], data.cell_types["name"].iloc[codes].tolist()
    tss = int(of_gene["tss"])
    window = max(0, tss - int(flank)), tss + int(flank) + 1
    inside = _peaks_in(data.peaks, of_gene["chrom"], window)
    near = [rows[inside[rows]] for rows in map(data.tables.peaks_of, shown)]
    per_unit = [data.tables.mean_openness(name)[codes] if depth else 1.0 for name in shown]
    openness = [data.openness[np.ix_(rows, codes)] / unit for rows, unit in zip(near, per_unit, strict=True)]
    genes = data.genes[data.genes["chrom"] == of_gene["chrom"]]
    named = "signal" in data.peaks
    what = "signal" if named else "openness"
    return {
        "gene": of_gene,
        "window": window,
        "peaks": data.peaks.iloc[np.concatenate(near)].reset_index(drop=True),
        "openness": pd.DataFrame(np.concatenate(openness), columns=names),
        "genes": genes[(genes["tss"] >= window[0]) & (genes["tss"] < window[1])],
        "signals": shown if named else None,
        "expression": None if data.expression is None else pd.Series(data.expression[row, codes], names),
        "openness_label": f"{what} / mean of the cell type" if depth else what,
    }


def importance_around(
    estimator: Any, data: Any, gene: pd.Series, cell_types: Any, method: str, signals: Any
) -> dict[str, Any]:
    """Importance of an estimator's bins for one gene, in genomic positions, and what it is."""
    X, y = data.pairs([gene["name"]], list(cell_types)), None
    if method == "permutation":
        if data.expression is None:
            raise MissingExpressionError(
                "method='permutation' compares predictions with the truth, and this data set holds openness only"
            )
        y = data.expression[X.gene_codes, X.cell_type_codes]
    track = bin_track(estimator, X, gene["name"], method=method, y=y)
    if signals is not None and "signal" in track:
        there = list(dict.fromkeys(track["signal"]))
        track = track[track["signal"].isin(signals)].reset_index(drop=True)
        if track.empty:
            raise ValueError(f"the estimator reads {some(there)}, none of which signals={signals!r} draws")
    label = importance_unit(estimator, X, method=method)
    columns = [name for name in ("start", "end", "importance", "signal", "feature") if name in track]
    return {"importance": track[columns], "importance_label": label}


def _signals(data: Any, signals: Any) -> list[str]:
    """Names of the signals to draw, all of them where none are named."""
    names = data.signals if signals is None else [signals] if isinstance(signals, str) else signals
    shown = list(dict.fromkeys(names))
    if not shown:
        raise ValueError("signals: wanted at least one name")
    for name in shown:
        data.tables.signal_code(name)
    return shown


def _tracks(data: Any, row: int, cell_types: Any, most: int) -> NDArray[np.int64]:
    """Codes of the cell types named, or of some from the highest to the lowest expression of the gene."""
    if cell_types is not None:
        codes = codes_of(cell_types, data.cell_types, "cell type(s)")
        if codes.size == 0:
            raise ValueError("no cell types: wanted at least one track")
        return codes
    order = np.arange(len(data.cell_types))
    if data.expression is not None:
        order = np.argsort(-data.expression[row], kind="stable")
    return order[np.unique(np.linspace(0, order.size - 1, min(order.size, most)).round().astype(int))]


def _peaks_in(peaks: pd.DataFrame, chrom: str, window: tuple[int, int]) -> NDArray[np.bool_]:
    """Whether each peak reaches into the window."""
    inside = (peaks["chrom"] == chrom) & (peaks["end"] > window[0]) & (peaks["start"] < window[1])
    return inside.to_numpy(dtype=bool)
