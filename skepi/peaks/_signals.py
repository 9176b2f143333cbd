"""Samples and peaks of one signal, or of several by name."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from skepi._doors import some
from skepi.exceptions import TableError

_ADVICE = "give samples and peaks as two dicts by the names of signals"


def by_signal(measure: Callable[[Any, Any], pd.DataFrame], samples: Any, peaks: Any) -> Any:
    """Measure samples on peaks, or those of each signal on its own, whose name messages then tell.

    Peaks are of several signals where they are tables by name; a mapping of columns is one table.
    """
    if not _are_tables(peaks):
        _check_one_signal(samples, peaks)
        return measure(samples, peaks)
    _check_same_signals(samples, peaks)
    found = {}
    for name, table in peaks.items():
        try:
            found[name] = measure(samples[name], table)
        except TableError as error:
            raise type(error)(f"signal {name}: {error}") from None
    return found


def _are_tables(peaks: Any) -> bool:
    return _is_by_name(peaks) and any(isinstance(table, pd.DataFrame | Mapping) for table in peaks.values())


def _is_by_name(given: Any) -> bool:
    """Whether this is a mapping by names, and not one of the columns of a table."""
    return isinstance(given, Mapping) and not {"chrom", "start", "end"} <= set(given)


def _check_one_signal(samples: Any, peaks: Any) -> None:
    """Refuse samples of several signals for one table of peaks, and peaks of several for one set of samples."""
    given = samples.items() if isinstance(samples, Mapping) else ()
    nested = [name for name, sample in given if _is_by_name(sample)]
    if nested:
        raise TableError(f"samples: {some(nested)} hold samples themselves, and peaks are one table; {_ADVICE}")
    names = peaks["signal"] if isinstance(peaks, pd.DataFrame) and "signal" in peaks else pd.Series(dtype=float)
    if not pd.api.types.is_numeric_dtype(names) and names.nunique() > 1:
        raise TableError(
            f"peaks: the column signal names {some(names.unique())}, each of which has samples of its own; {_ADVICE}, "
            "peaks such as dict(list(peaks.groupby('signal')))"
        )


def _check_same_signals(samples: Any, peaks: Mapping) -> None:
    """Refuse samples of other signals than those of the peaks."""
    if not isinstance(samples, Mapping):
        raise TypeError(f"samples: wanted a mapping of signals to samples, got {type(samples).__name__}")
    absent, unknown = [name for name in peaks if name not in samples], [name for name in samples if name not in peaks]
    if absent or unknown:
        raise TableError(
            f"samples: signals do not match those of peaks: absent {some(absent) or 'none'}, unknown "
            f"{some(unknown) or 'none'}"
        )
