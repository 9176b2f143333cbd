"""One signal or several at the door of a data set: peaks, openness, cell types and features of peaks."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from skepi._columns import UNNAMED
from skepi._doors import names_of, some
from skepi._foreign import pandas_of
from skepi._labels import rows_in_order
from skepi._matrices import check_matrix, check_openness
from skepi.exceptions import TableError
from skepi.paired import _checks
from skepi.paired._features import PeakFeatures, checked_features


class Signals(NamedTuple):
    """All signals of a data set, peaks under each other.

    Attributes
    ----------
    peaks : DataFrame
        With a column ``signal`` where signals have names.
    openness : ndarray of float32, shape (n_peaks, n_cell_types)
    cell_types : DataFrame
    features : PeakFeatures or None
    """

    peaks: pd.DataFrame
    openness: NDArray[np.float32]
    cell_types: pd.DataFrame
    features: PeakFeatures | None


def read_signals(openness: Any, peaks: Any, cell_types: Any, features: Any, genes: pd.DataFrame) -> Signals:
    """Check one signal or several; see :class:`skepi.paired.PairedDataset`."""
    if isinstance(openness, Mapping) and not isinstance(openness, pd.DataFrame):
        return _several(openness, peaks, cell_types, features, genes)
    found = _one(openness, peaks, cell_types, features)
    return found._replace(peaks=_with_signal_names(found.peaks)) if "signal" in found.peaks else found


def by_signal(peaks: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Peaks of each signal; all of them where signals have no names."""
    return list(peaks.groupby("signal", sort=False)) if "signal" in peaks else [(UNNAMED, peaks)]


def _one(openness: Any, peaks: Any, cell_types: Any, features: Any) -> Signals:
    peak_table = _checks.check_peaks(peaks)
    openness = check_matrix(openness, "openness")
    named = None if cell_types is None else _checks.check_cell_types(cell_types, openness)
    _checks.check_orientation(openness, len(peak_table), named)
    cell_type_table = _checks.check_cell_types(None, openness) if named is None else named
    openness = rows_in_order(openness, peaks, "openness", "peaks")
    way = "skepi.io.parse_intervals makes peaks of the labels"
    _checks.check_interval_labels(openness, peak_table, "openness", way)
    values = check_openness(openness, peak_table, cell_type_table)
    found = None if features is None else checked_features(features, peaks, peak_table)
    return Signals(peak_table, values, cell_type_table, found)


def _several(openness: Mapping, peaks: Any, cell_types: Any, features: Any, genes: pd.DataFrame) -> Signals:
    """Signals by name, one under the other."""
    names = names_of(pd.Index(list(openness), dtype=object), "openness: names of signals").tolist()
    if not names:
        raise TableError("openness: wanted at least one signal")
    _refuse_twice(names, "openness")
    openness = {name: pandas_of(matrix, f"openness: {name}") for name, matrix in openness.items()}
    of_peaks = _by_signal(peaks, names, "peaks")
    of_features = {} if features is None else _by_signal(features, names, "peak_features", all_of_them=False)
    whose, table = _cell_types_of(openness, names, cell_types)
    found: list[Signals] = []
    for name, matrix in zip(names, openness.values(), strict=True):
        try:
            _check_same_cell_types(matrix, table, whose, by_name=cell_types is None)
            one = _one(matrix, of_peaks[name], table, of_features.get(name))
            _checks.check_shared_chromosomes(one.peaks, genes)
        except TableError as error:
            raise type(error)(f"signal {name}: {error}") from None
        found.append(one._replace(peaks=one.peaks.assign(signal=name)))
    together = pd.concat([one.peaks for one in found], ignore_index=True)
    values = np.empty((len(together), found[0].openness.shape[1]), dtype=np.float32, order="F")
    np.concatenate([one.openness for one in found], out=values)
    values.flags.writeable = False
    return Signals(together, values, found[0].cell_types, _joined([one.features for one in found], found))


def _by_signal(tables: Any, names: list[str], what: str, *, all_of_them: bool = True) -> dict[str, Any]:
    """Tables by the name of their signal; names that are absent or unknown are refused."""
    if not isinstance(tables, Mapping):
        raise TableError(
            f"{what}: openness holds the signals {some(names)}, so wanted a dict of tables by these names, got "
            f"{type(tables).__name__}"
        )
    _refuse_twice([str(name) for name in tables], what)
    given = {str(name): table for name, table in tables.items()}
    absent, unknown = [name for name in names if name not in given], [name for name in given if name not in names]
    if unknown or (absent and all_of_them):
        raise TableError(
            f"{what}: signals do not match those of openness: absent {some(absent) or 'none'}, unknown "
            f"{some(unknown) or 'none'}"
        )
    return given


def _refuse_twice(names: list[str], what: str) -> None:
    twice = pd.Index(names)[pd.Index(names).duplicated()]
    if len(twice):
        raise TableError(f"{what}: the same signal twice: {some(twice)}")


def _cell_types_of(openness: Mapping, names: list[str], cell_types: Any) -> tuple[str, pd.DataFrame]:
    """Table of cell types, and whose they are: the caller's, or those of the first signal whose columns have names."""
    if cell_types is not None:
        return "the table cell_types", _checks.check_cell_types(cell_types, None)
    for name, matrix in zip(names, openness.values(), strict=True):
        if isinstance(matrix, pd.DataFrame):
            return name, _checks.check_cell_types(None, matrix)
    raise TableError("cell_types: wanted names, because openness holds arrays without column names")


def _check_same_cell_types(matrix: Any, cell_types: pd.DataFrame, first: str, *, by_name: bool) -> None:
    """Refuse a signal whose columns are other cell types than those of a table or of another signal."""
    if not isinstance(matrix, pd.DataFrame):
        if by_name:
            raise TableError(f"its columns have no names, while those of {first} have: give a DataFrame, or cell_types")
        return
    columns, names = [str(name) for name in matrix.columns], cell_types["name"].tolist()
    only_here = [name for name in columns if name not in set(names)]
    only_there = [name for name in names if name not in set(columns)]
    if only_here or only_there:
        raise TableError(
            f"it has other cell types than {first}: lacks {some(only_there) or 'none'}, and alone has "
            f"{some(only_here) or 'none'}. Signals must be measured in the same cell types: choose the shared columns, "
            "or make one data set per signal and use subset(cell_types=...)"
        )


def _with_signal_names(peaks: pd.DataFrame) -> pd.DataFrame:
    """Names of signals as text; numbers are refused, such as the signal values of a narrowPeak table."""
    column = peaks["signal"]
    if pd.api.types.is_numeric_dtype(column):
        raise TableError(
            "peaks: the column signal names the signal of each peak, got numbers; give another name to a column of "
            "signal values"
        )
    return peaks.assign(signal=pd.Series(names_of(column, "peaks: signal")).astype(str))


def _joined(features: list[PeakFeatures | None], signals: list[Signals]) -> PeakFeatures | None:
    """Features of all signals, by name; a signal that lacks one has 0 of it."""
    names = list(dict.fromkeys(name for one in features if one is not None for name in one.names))
    if not names:
        return None
    place = {name: number for number, name in enumerate(names)}
    blocks = []
    for one, signal in zip(features, signals, strict=True):
        if one is None:
            blocks.append(sp.csr_array((len(signal.peaks), len(names)), dtype=np.float32))
        else:
            coo = one.matrix.tocoo()
            columns = np.array([place[name] for name in one.names])[coo.col]
            blocks.append(sp.csr_array((coo.data, (coo.row, columns)), shape=(len(signal.peaks), len(names))))
    matrix = sp.csr_array(sp.vstack(blocks, "csr"), dtype=np.float32)
    matrix.sort_indices()
    return PeakFeatures(tuple(names), matrix)
