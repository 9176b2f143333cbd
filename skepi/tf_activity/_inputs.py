"""What is given to motif deviations: openness, matches and GC shares, in one order of peaks."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from skepi._doors import check_unmasked, names_of, numbers_of, some
from skepi._foreign import pandas_of
from skepi._labels import interval_labels, rows_in_order
from skepi._matrices import check_matrix, check_openness
from skepi.exceptions import TableError
from skepi.io import parse_intervals
from skepi.paired import PairedDataset

FloatArray = NDArray[np.float64]


class Openness(NamedTuple):
    """Openness of peaks in cell types.

    Attributes
    ----------
    values : ndarray of float32, shape (n_peaks, n_cell_types)
    peaks : DataFrame
        One row per peak, with what names it, as far as it is named.
    cell_types : ndarray of str, shape (n_cell_types,)
    """

    values: NDArray[np.float32]
    peaks: pd.DataFrame
    cell_types: NDArray[np.object_]


def openness_of(openness: Any, signal: str | None) -> Openness:
    """Openness of a data set, or of a table of peaks x cell types, in the order that it has."""
    if isinstance(openness, PairedDataset):
        rows = openness.tables.peaks_of(openness.tables.the_signal(signal, "motif deviations"))
        peaks = openness.peaks.iloc[rows].reset_index(drop=True)
        found = Openness(openness.openness[rows], peaks, openness.cell_types["name"].to_numpy(dtype=object))
    else:
        found = _of_table(openness)
    empty = found.values.max(axis=0) == 0
    if empty.any():
        raise TableError(f"openness: no peak is open in {some(found.cell_types[empty])}: leave such cell types out")
    return found


def _of_table(openness: Any) -> Openness:
    matrix = check_matrix(openness, "openness")
    if not all(matrix.shape):
        raise TableError(f"openness: wanted peaks x cell types, got shape {matrix.shape}")
    labelled = isinstance(matrix, pd.DataFrame)
    names = names_of(matrix.columns if labelled else pd.RangeIndex(matrix.shape[1]), "openness: columns")
    peaks = _peaks_of(matrix.index if labelled else pd.RangeIndex(matrix.shape[0]))
    return Openness(check_openness(matrix, peaks, pd.DataFrame({"name": names})), peaks, names)


def _peaks_of(labels: pd.Index) -> pd.DataFrame:
    """Table of peaks as far as the labels of openness tell: with places where all of them are intervals."""
    places = _intervals(labels)
    return pd.DataFrame({"row": np.arange(len(labels))}, labels) if places is None else places.set_axis(labels)


def _intervals(labels: pd.Index) -> pd.DataFrame | None:
    """Labels as intervals; None where they are something else."""
    if pd.api.types.is_numeric_dtype(labels):
        return None
    try:
        return parse_intervals(labels)
    except TableError:
        return None


def in_order_of(openness: Openness, peaks: pd.DataFrame) -> Openness:
    """Openness of other cell types, with its rows in the order of the peaks of a fit."""
    n_peaks = len(openness.values)
    if n_peaks != len(peaks):
        raise TableError(f"openness: got {n_peaks} peaks, and fit saw {len(peaks)}: wanted the same peaks")
    labels = interval_labels(openness.peaks) if "chrom" in openness.peaks else openness.peaks.index
    order = _rows_in_order(pd.Series(np.arange(n_peaks), index=labels), peaks, "openness").to_numpy()
    return openness._replace(values=openness.values[order], peaks=peaks)


def matches_of(matches: Any, peaks: pd.DataFrame) -> tuple[NDArray[np.object_], sp.csr_array]:
    """Names of motifs, and which peak has which of them, a csr_array of bool, (n_peaks, n_motifs)."""
    matrix = _in_order(check_matrix(matches, "matches"), peaks, "matches")
    labelled = isinstance(matrix, pd.DataFrame)
    names = names_of(matrix.columns if labelled else pd.RangeIndex(matrix.shape[1]), "matches: columns")
    if labelled and all(isinstance(dtype, pd.SparseDtype) for dtype in matrix.dtypes):
        matrix = matrix.sparse.to_coo()
    found = sp.csr_array(matrix if sp.issparse(matrix) else numbers_of(matrix, "matches"))
    wrong = ~((found.data >= 0) & (found.data < np.inf))
    if wrong.any():
        raise TableError(
            f"matches: got {found.data[wrong][0]:g} ({int(wrong.sum())} such value(s)), wanted 0 for a peak without "
            "the motif and more for one with it; compare scores with a threshold first"
        )
    found = found.astype(bool)
    found.eliminate_zeros()
    return names, found


def gc_share_of(gc_share: Any, peaks: pd.DataFrame) -> FloatArray:
    """Share of G and C in each peak, (n_peaks,)."""
    check_unmasked(gc_share, "gc_share")
    values = numbers_of(_in_order(pandas_of(gc_share, "gc_share"), peaks, "gc_share"), "gc_share").astype(np.float64)
    missing = np.flatnonzero(np.isnan(values))
    if missing.size:
        raise TableError(
            f"gc_share: {missing.size} peak(s) have none (NaN), as where all letters are N, first in row {missing[0]}; "
            "leave these peaks out of all tables"
        )
    if not ((values >= 0) & (values <= 1)).all():
        raise TableError(f"gc_share: wanted shares in 0 .. 1, got values from {values.min():g} to {values.max():g}")
    return values


def _in_order(matrix: Any, peaks: pd.DataFrame, what: str) -> Any:
    """A table of peaks with its rows in the order of openness."""
    n_rows = np.shape(matrix)[0] if np.ndim(matrix) or sp.issparse(matrix) else 0
    dimensions = 1 if what == "gc_share" else 2
    if n_rows != len(peaks) or len(np.shape(matrix)) != dimensions:
        raise TableError(
            f"{what}: got shape {np.shape(matrix)} for {len(peaks)} peaks of openness: wanted one row for each peak"
        )
    return _rows_in_order(matrix, peaks, what)


def _rows_in_order(matrix: Any, peaks: pd.DataFrame, what: str) -> Any:
    """The rows of a table matched to peaks by their labels; intervals must be those of the peaks."""
    found = rows_in_order(matrix, peaks, what, "peaks")
    if not isinstance(found, pd.DataFrame | pd.Series) or "chrom" not in peaks or found.index.equals(peaks.index):
        return found
    named = _intervals(found.index)
    if named is not None:
        differ = (named != peaks[["chrom", "start", "end"]].set_axis(named.index)).any(axis=1).to_numpy()
        if differ.any():
            row = int(np.argmax(differ))
            raise TableError(
                f"{what}: {differ.sum()} row(s) are named after other peaks, the first is {found.index[row]} in row "
                f"{row}, where the peak is {interval_labels(peaks)[row]}: give the same peaks"
            )
    return found
