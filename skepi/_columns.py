"""What a column of binned rows is: a signal, a feature of its peaks, and a band of offsets from the TSS."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

#: What a signal is called where it was given without a name.
UNNAMED = "openness"

FIELDS = ("signal", "feature", "start_bp", "end_bp")


class Bands(NamedTuple):
    """Neighbouring columns of one signal and feature, each of which begins where the one before ends.

    Attributes
    ----------
    signal, feature : str
    columns : slice
        Where they stand among all columns.
    edges : ndarray of int64, shape (n_bands + 1,)
    """

    signal: str
    feature: str
    columns: slice
    edges: NDArray[np.int64]

    @property
    def label(self) -> str:
        """Signal and feature, as far as they have a name."""
        return label_of(self.signal, self.feature)


def band_columns(edges: ArrayLike, signal: str = UNNAMED, feature: str = "") -> pd.DataFrame:
    """Table of the columns that bands between these edges make.

    Parameters
    ----------
    edges : array-like of int, shape (n_bands + 1,)
        Increasing offsets from the TSS in bp, upstream negative.
    signal : str, default="openness"
        The signal whose peaks are summed; ``"openness"`` is one without a name.
    feature : str, default=""
        The feature that peaks are weighted with; empty for plain openness.

    Returns
    -------
    DataFrame
        One row per column: ``signal, feature, start_bp, end_bp``.

    Examples
    --------
    >>> band_columns([-1_000, 0, 500], "ATAC")
      signal feature  start_bp  end_bp
    0   ATAC             -1000       0
    1   ATAC                 0     500
    """
    edges = np.asarray(edges, dtype=np.int64)
    return pd.DataFrame({"signal": signal, "feature": feature, "start_bp": edges[:-1], "end_bp": edges[1:]})


def join_columns(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One table of several, in their order; two columns of one name are refused."""
    columns = pd.concat(tables, ignore_index=True)
    names = pd.Series(names_of_columns(columns))
    if names.duplicated().any():
        twice = names[names.duplicated()]
        raise ValueError(f"two columns of one name: {twice.iloc[0]} ({len(twice)} such column(s))")
    return columns


def names_of_columns(columns: pd.DataFrame) -> list[str]:
    """Name columns by signal, feature and offsets, as ``ATAC promoter [-1000, 0) bp``; what is unnamed is left out."""
    parts = (columns[field].tolist() for field in FIELDS)
    return [" ".join(filter(None, (label_of(s, f), f"[{a}, {b}) bp"))) for s, f, a, b in zip(*parts, strict=True)]


def bands_of(columns: pd.DataFrame) -> list[Bands]:
    """Cut columns into runs of neighbouring bands of one signal and feature."""
    signal, feature = (columns[field].to_numpy(dtype=object) for field in FIELDS[:2])
    start, end = (columns[field].to_numpy(dtype=np.int64) for field in FIELDS[2:])
    new = (signal[1:] != signal[:-1]) | (feature[1:] != feature[:-1]) | (start[1:] != end[:-1])
    bounds = [0, *(np.flatnonzero(new) + 1), len(columns)]
    return [Bands(signal[a], feature[a], slice(a, b), np.append(start[a:b], end[b - 1])) for a, b in pairwise(bounds)]


def grid_of(columns: pd.DataFrame) -> tuple[list[str], int]:
    """Labels of the signals (with their features) and number of bins, where all signals have the same bins in one run.

    Raises
    ------
    ValueError
        Where a signal has other bins than the first, or bins with a gap.

    Examples
    --------
    >>> grid_of(join_columns([band_columns([-50, 0, 50], name) for name in ("ATAC", "H3K27ac")]))
    (['ATAC', 'H3K27ac'], 2)
    """
    first, *others = runs = bands_of(columns)
    for run in others:
        if not np.array_equal(run.edges, first.edges):
            raise ValueError(
                f"the bins are no grid: {_span_of(first)}, but {_span_of(run)}; give all signals the same bins, "
                "without gaps, as one TSSBinner makes them"
            )
    return [label_of(run.signal, run.feature) or UNNAMED for run in runs], len(first.edges) - 1


def _span_of(bands: Bands) -> str:
    start, *_, end = bands.edges
    return f"{bands.label or UNNAMED} has {len(bands.edges) - 1} bin(s) in [{start}, {end}) bp"


def signals_of(columns: pd.DataFrame) -> list[str]:
    """Signals that occur, in their order."""
    return list(dict.fromkeys(columns["signal"].tolist()))


def signal_codes(columns: pd.DataFrame, signals: Sequence[str]) -> NDArray[np.int64]:
    """Number of the signal of each column, in the order of the signals of a data set."""
    return pd.Index(list(signals), dtype=object).get_indexer(columns["signal"].to_numpy(dtype=object))


def first_difference(columns: pd.DataFrame, fitted: pd.DataFrame) -> str | None:
    """Where columns first differ from those of a fit, for messages; None where they are equal by value."""
    if len(columns) == len(fitted) and all(
        np.array_equal(columns[field].to_numpy(dtype=object), fitted[field].to_numpy(dtype=object)) for field in FIELDS
    ):
        return None
    names, wanted = names_of_columns(columns), names_of_columns(fitted)
    rows, of_fit = (one[list(FIELDS)].astype(object).to_numpy().tolist() for one in (columns, fitted))
    for number, (row, other) in enumerate(zip(rows, of_fit, strict=False)):
        if row != other and names[number] != wanted[number]:
            return f"column {number} is {names[number]}, and was {wanted[number]}"
        if row != other:  # a signal and a feature may together be called like another signal
            had = f"{other[0]!r} and {other[1]!r}"
            return f"column {number} has signal {row[0]!r} and feature {row[1]!r}, and had {had}"
    if len(names) != len(wanted):
        return f"there are {len(names)} columns, and were {len(wanted)}"
    return None


def check_signals(signals: Sequence[str], fitted: Sequence[str]) -> None:
    """Refuse a data set with other signals than that of a fit, in whatever order."""
    missing = [signal for signal in fitted if signal not in signals]
    unknown = [signal for signal in signals if signal not in fitted]
    if missing or unknown:
        raise ValueError(
            f"the data set has the signals {', '.join(signals)}, and the one in fit had {', '.join(fitted)}"
            + (f": {', '.join(missing)} missing" if missing else "")
            + (f": {', '.join(unknown)} unknown (signals=[...] says which to bin)" if unknown else "")
        )


def label_of(signal: str, feature: str) -> str:
    """Signal and feature as far as they have a name, separated by a space."""
    return " ".join(filter(None, ("" if signal == UNNAMED else signal, feature)))
