"""Openness of given peaks in each sample, from peak calls or from coverage tracks, of one signal or of several."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from joblib import delayed
from numpy.typing import NDArray

from skepi._doors import check_flag, frame_of
from skepi._progress import in_parallel, progress_bar
from skepi._regions import check_regions, check_same_naming
from skepi.exceptions import TableError
from skepi.intervals import IntArray, concatenate_ranges, overlap_bp
from skepi.io import bigwig_means
from skepi.peaks._samples import check_samples, in_any_folder, measure_of, read_narrowpeaks
from skepi.peaks._signals import by_signal

FloatArray = NDArray[np.float64]


def openness_over_peaks(
    samples: Mapping[str, Any],
    peaks: Any,
    *,
    value: str = "signal_value",
    n_jobs: int | None = None,
    progress: bool = False,
) -> Any:
    """Openness of peaks in each sample, from the samples' own peak calls.

    The peak calls of a sample are a step track along the genome: the signal of the interval that holds a base, the
    greatest where several do, and 0 where none does. The openness of a peak is the mean of the track over its bases.
    So 0 means that nothing was called, not that nothing is there.

    Parameters
    ----------
    samples : mapping of str to path or DataFrame
        narrowPeak files, or tables of :func:`skepi.io.read_narrowpeak`; for several signals a dict of such mappings.
    peaks : DataFrame or mapping, or dict of them
        ``chrom, start, end``, 0-based half-open, as of :func:`consensus_peaks`. For several signals a dict of tables by
        the names of ``samples``.
    value : str, default="signal_value"
        Column of the tables, 0 or greater, on a linear scale (fold enrichment).
    n_jobs : int, optional
        Number of files that are read at the same time, as in joblib.
    progress : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    DataFrame of float32, shape (n_peaks, n_samples)
        Rows and index of ``peaks``, one column per sample, in the units of the values. For several signals a dict of
        DataFrames by their names, as :class:`skepi.paired.PairedDataset` takes it.

    Raises
    ------
    TypeError
        Where ``samples`` is no mapping.
    TableError
        Where a table, its values or a sample's name cannot be used, and where samples and peaks are not of the same
        signals.
    ChromosomeMismatchError
        Where a sample and the peaks have no chromosome name in common.
    FileFormatError, FileNotFoundError
        As in :func:`read_narrowpeaks`.

    Examples
    --------
    >>> called = pd.DataFrame({"chrom": ["chr1"], "start": [120], "end": [400], "signal_value": [5.0]})
    >>> openness_over_peaks({"HSC": called}, pd.DataFrame({"chrom": ["chr1"], "start": [100], "end": [200]}))
       HSC
    0  4.0

    Two signals, each with samples and peaks of its own:

    >>> acetyl = pd.DataFrame({"chrom": ["chr1"], "start": [90], "end": [500], "signal_value": [2.0]})
    >>> peaks = {"ATAC": called[["chrom", "start", "end"]], "H3K27ac": acetyl[["chrom", "start", "end"]]}
    >>> openness = openness_over_peaks({"ATAC": {"HSC": called}, "H3K27ac": {"HSC": acetyl}}, peaks)
    >>> openness["H3K27ac"]
       HSC
    0  2.0
    """
    check_flag("progress", progress)
    return by_signal(partial(_from_calls, value=value, n_jobs=n_jobs, progress=progress), samples, peaks)


def openness_from_bigwigs(
    samples: Mapping[str, Any],
    peaks: Any,
    *,
    unlisted: str = "error",
    n_jobs: int | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Openness of peaks in each sample, from coverage tracks.

    Parameters
    ----------
    samples : mapping of str to path
        A bigWig file for each sample, 0 or greater; for several signals a dict of such mappings.
    peaks : DataFrame or mapping, or dict of them
        ``chrom, start, end``, 0-based half-open. For several signals a dict of tables by the names of ``samples``.
    unlisted : {"error", "uncovered"}, default="error"
        Peaks on chromosomes that a file does not list; see :func:`skepi.io.bigwig_means`.
    n_jobs : int, optional
        Number of files that are read at the same time, as in joblib.
    progress : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    DataFrame of float32, shape (n_peaks, n_samples)
        Mean of the track over the bases of each peak; bases that the file does not cover count as 0. Rows and index of
        ``peaks``, one column per sample. For several signals a dict of DataFrames by their names, as
        :class:`skepi.paired.PairedDataset` takes it.

    Raises
    ------
    TypeError
        Where ``samples`` is no mapping.
    TableError, ChromosomeMismatchError, FileFormatError
        As in :func:`skepi.io.bigwig_means`; also for a sample's name that cannot be used, a negative mean (a track of
        log ratios), and samples and peaks that are not of the same signals.

    Examples
    --------
    >>> import tempfile, pybigtools
    >>> peaks = pd.DataFrame({"chrom": "chr1", "start": [0, 40], "end": [20, 50]})
    >>> with tempfile.TemporaryDirectory() as folder:  # half of the first peak is covered
    ...     tracks = {name: f"{folder}/{name}.bw" for name in ("HSC", "Ery")}
    ...     for path, value in zip(tracks.values(), (4.0, 6.0)):
    ...         pybigtools.open(path, "w").write({"chr1": 1_000}, [("chr1", 10, 20, value)])
    ...     openness_from_bigwigs(tracks, peaks).to_dict("list")
    {'HSC': [2.0, 0.0], 'Ery': [3.0, 0.0]}
    """
    check_flag("progress", progress)
    return by_signal(partial(_from_bigwigs, unlisted=unlisted, n_jobs=n_jobs, progress=progress), samples, peaks)


def _from_calls(samples: Mapping[str, Any], peaks: Any, value: str, n_jobs: int | None, progress: bool) -> pd.DataFrame:
    regions = check_regions(peaks)
    tables, columns = read_narrowpeaks(samples, n_jobs=n_jobs, progress=progress), {}
    with progress_bar(progress, "samples", len(tables)) as bar:
        for name, table in tables.items():
            columns[name] = _means(table, value, regions, f"sample {name}")
            bar.update()
    return pd.DataFrame(columns).set_axis(frame_of(peaks, "peaks").index, axis=0)


def _from_bigwigs(
    samples: Mapping[str, Any], peaks: Any, unlisted: str, n_jobs: int | None, progress: bool
) -> pd.DataFrame:
    check_samples(samples)
    check_regions(peaks)
    jobs = (delayed(bigwig_means)(in_any_folder(path), peaks, unlisted=unlisted) for path in samples.values())
    with progress_bar(progress, "files", len(samples)) as bar:
        means = in_parallel(jobs, n_jobs, bar)
    table = pd.DataFrame({name: values.astype(np.float32) for name, values in zip(samples, means, strict=True)})
    negative = (table < 0).any()
    if negative.any():
        raise TableError(f"negative means in {', '.join(table.columns[negative])}: wanted a track >= 0, not log ratios")
    return table.set_axis(frame_of(peaks, "peaks").index)


def _means(table: pd.DataFrame, value: str, peaks: pd.DataFrame, what: str) -> NDArray[np.float32]:
    """Mean of the step track of one sample over the bases of each peak."""
    height = measure_of(table, value, what)
    intervals = check_regions(table, what)
    called, wanted = (regions.groupby("chrom", sort=False).indices for regions in (intervals, peaks))
    check_same_naming(called, wanted, what, "peaks")
    start, end = (intervals[column].to_numpy() for column in ("start", "end"))
    left, right = (peaks[column].to_numpy() for column in ("start", "end"))
    out = np.zeros(len(peaks), dtype=np.float32)
    for chrom in called.keys() & wanted.keys():
        here, rows = called[chrom], wanted[chrom]
        edges, steps = _step_track(start[here], end[here], height[here])
        out[rows] = _area(edges, steps, left[rows], right[rows]) / (right[rows] - left[rows])
    return out


def _step_track(start: IntArray, end: IntArray, height: FloatArray) -> tuple[IntArray, FloatArray]:
    """Positions where the track changes, and its height between them; of overlapping intervals the greatest counts."""
    edges = np.unique(np.concatenate([start, end]))
    first, last = np.searchsorted(edges, start), np.searchsorted(edges, end)
    steps = np.zeros(edges.size - 1)
    np.maximum.at(steps, concatenate_ranges(first, last), np.repeat(height, last - first))
    return edges, steps


def _area(edges: IntArray, steps: FloatArray, left: IntArray, right: IntArray) -> FloatArray:
    """Sum of the track over ``left .. right - 1``, step by step: differences of a running sum would lose weak peaks."""
    first = np.clip(np.searchsorted(edges, left, side="right") - 1, 0, steps.size)
    last = np.clip(np.searchsorted(edges, right, side="left"), first, steps.size)
    step, peak = concatenate_ranges(first, last), np.repeat(np.arange(left.size), last - first)
    shared = overlap_bp(edges[step], edges[step + 1], left[peak], right[peak])
    return np.bincount(peak, shared * steps[step], minlength=left.size).astype(np.float64)
