"""Openness of given peaks in each sample, from peak calls or from coverage tracks."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray

from skepi.exceptions import ChromosomeMismatchError, TableError
from skepi.intervals import IntArray, concatenate_ranges
from skepi.io import bigwig_means
from skepi.peaks._samples import check_intervals, measure_of, read_narrowpeaks


def openness_over_peaks(
    samples: Mapping[str, Any], peaks: pd.DataFrame, *, signal: str = "signal", n_jobs: int | None = None
) -> pd.DataFrame:
    """Openness of peaks in each sample, from the samples' own peak calls.

    The peak calls of a sample are a step track along the genome: the signal of the interval that holds a base, the
    greatest where several do, and 0 where none does. The openness of a peak is the mean of the track over its bases.
    So 0 means that nothing was called, not that nothing is there.

    Parameters
    ----------
    samples : mapping of str to path or DataFrame
        narrowPeak files, or tables of :func:`skepi.io.read_narrowpeak`.
    peaks : DataFrame
        ``chrom, start, end``, 0-based half-open, as of :func:`consensus_peaks`.
    signal : str, default="signal"
        Column of the tables, 0 or greater, on a linear scale (fold enrichment).
    n_jobs : int, optional
        Files read at once, as in joblib.

    Returns
    -------
    DataFrame of float32, shape (n_peaks, n_samples)
        Rows and index of ``peaks``, a column for each sample, in the units of the signal.

    Raises
    ------
    TableError
        Where a table cannot be used.
    ChromosomeMismatchError
        Where a sample and the peaks have no chromosome name in common.
    FileFormatError
        As in :func:`skepi.io.read_narrowpeak`.

    Examples
    --------
    >>> called = pd.DataFrame({"chrom": ["chr1"], "start": [120], "end": [400], "signal": [5.0]})
    >>> openness_over_peaks({"HSC": called}, pd.DataFrame({"chrom": ["chr1"], "start": [100], "end": [200]}))
       HSC
    0  4.0
    """
    check_intervals(peaks, "peaks")
    tables = read_narrowpeaks(samples, n_jobs=n_jobs)
    columns = {
        name: _means(table, measure_of(table, signal, f"sample {name}"), peaks, name) for name, table in tables.items()
    }
    return pd.DataFrame(columns, index=peaks.index)


def openness_from_bigwigs(
    samples: Mapping[str, Any], peaks: pd.DataFrame, *, n_jobs: int | None = None
) -> pd.DataFrame:
    """Openness of peaks in each sample, from coverage tracks.

    Parameters
    ----------
    samples : mapping of str to path
        A bigWig file for each sample, 0 or greater.
    peaks : DataFrame
        ``chrom, start, end``, 0-based half-open.
    n_jobs : int, optional
        Files read at once, as in joblib.

    Returns
    -------
    DataFrame of float32, shape (n_peaks, n_samples)
        Mean of the track over the bases of each peak; bases that the file does not cover count as 0. Rows and index of
        ``peaks``, a column for each sample.

    Raises
    ------
    TableError, ChromosomeMismatchError, FileFormatError
        As in :func:`skepi.io.bigwig_means`; also for a negative mean (a track of log ratios).
    """
    if not samples:
        raise TableError("samples: wanted at least one, got none")
    check_intervals(peaks, "peaks")
    means = Parallel(n_jobs=n_jobs)(delayed(bigwig_means)(path, peaks) for path in samples.values())
    table = pd.DataFrame({name: values.astype(np.float32) for name, values in zip(samples, means, strict=True)})
    negative = (table < 0).any()
    if negative.any():
        raise TableError(f"negative means in {', '.join(table.columns[negative])}: wanted a track >= 0, not log ratios")
    return table.set_axis(peaks.index)


def _means(table: pd.DataFrame, signal: NDArray[np.float64], peaks: pd.DataFrame, name: str) -> NDArray[np.float32]:
    """Mean of the step track of one sample over the bases of each peak."""
    out = np.zeros(len(peaks), dtype=np.float32)
    called = table.groupby("chrom", sort=False, observed=True).indices
    wanted = peaks.groupby("chrom", sort=False, observed=True).indices
    if not called.keys() & wanted.keys():
        raise ChromosomeMismatchError(
            f"sample {name} and peaks have no chromosome in common: {_some(called)} against {_some(wanted)}"
        )
    start, end = (table[column].to_numpy() for column in ("start", "end"))
    left, right = (peaks[column].to_numpy() for column in ("start", "end"))
    for chrom in called.keys() & wanted.keys():
        here, rows = called[chrom], wanted[chrom]
        edges, area = _step_track(start[here], end[here], signal[here])
        total = np.interp(right[rows], edges, area) - np.interp(left[rows], edges, area)
        out[rows] = total / (right[rows] - left[rows])
    return out


def _step_track(start: IntArray, end: IntArray, signal: NDArray[np.float64]) -> tuple[IntArray, NDArray[np.float64]]:
    """Positions where the track changes, and its area up to each; of overlapping intervals the greatest counts."""
    edges = np.unique(np.concatenate([start, end]))
    first, last = np.searchsorted(edges, start), np.searchsorted(edges, end)
    height = np.zeros(edges.size - 1)
    np.maximum.at(height, concatenate_ranges(first, last), np.repeat(signal, last - first))
    return edges, np.concatenate([[0], np.cumsum(height * np.diff(edges))])


def _some(names: Any) -> str:
    names = [str(name) for name in names]
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
