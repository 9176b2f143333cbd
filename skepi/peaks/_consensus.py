"""Consensus peaks: one set of regions for all samples."""

from collections.abc import Iterable, Mapping
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._doors import check_flag, names_of, positions_of, some
from skepi._regions import check_regions, check_same_naming, core_of
from skepi.exceptions import ChromosomeMismatchError, TableError
from skepi.intervals import MAX_POSITION, IntArray
from skepi.peaks._samples import advice_on_columns, measure_of, read_narrowpeaks

_METHODS = ("windows", "merged")


def consensus_peaks(
    samples: Mapping[str, Any],
    *,
    method: str = "windows",
    width: int = 500,
    score: str = "log10_p",
    min_samples: int = 1,
    exclude: Any = None,
    chrom_sizes: Mapping[str, int] | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    r"""Make one set of peaks from the peak calls of many samples.

    ``method="windows"`` takes a window of ``width`` around each summit and keeps the best of those that overlap, best
    first: within each sample, and then among what is left of all. Samples differ in depth, so their scores are
    compared as shares, :math:`10^6 s_i / \sum_j s_j` over the windows that a sample has left. If scores are equal,
    the first in the genome is kept, so the order of samples does not matter.

    ``method="merged"`` joins all intervals that overlap or touch.

    Parameters
    ----------
    samples : mapping of str to path or DataFrame
        Files of peak callers that :func:`skepi.io.read_peaks` reads, such as narrowPeak, or tables of them.
    method : {"windows", "merged"}, default="windows"
    width : int, default=500
        Width of a window, in bp: ``[summit - width // 2, summit - width // 2 + width)``. A peak without summit is taken
        at its middle; a window that would begin before the chromosome is left out.
    score : str, default="log10_p"
        Column that orders windows, larger is better: ``"signal_value"`` where the caller gave no p-values, as for
        SEACR, HOMER and HMMRATAC.
    min_samples : int, default=1
        Samples with a peak in the region for it to be kept.
    exclude : DataFrame or mapping, optional
        Columns ``chrom, start, end``: what touches these regions (a list of artefacts) is left out from the start.
    chrom_sizes : mapping of str to int, optional
        Length of each chromosome in bp. Windows that would end behind it are left out; without, such windows stay.
    n_jobs : int, optional
        Number of files that are read at the same time, as in joblib.
    progress : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    DataFrame
        ``chrom, start, end, n_samples`` (that have a peak overlapping it), sorted by chromosome name, start and end.

    Raises
    ------
    ValueError
        For settings out of range.
    TypeError
        Where ``samples`` or ``chrom_sizes`` is no mapping.
    TableError
        Where a table, its scores, a sample's name or a chromosome's length cannot be used, or no peak is left.
    ChromosomeMismatchError
        Where samples, or ``exclude`` and the samples, name the same chromosome in two ways (``chr1`` and ``1``), or
        ``exclude`` has no chromosome of any sample.
    FileFormatError, FileNotFoundError
        As in :func:`read_narrowpeaks`.

    Notes
    -----
    Time grows with the square of the longest chain of windows whose scores fall one behind the other, each overlapping
    the next; in real peak calls such chains are short.

    References
    ----------
    Corces et al., Science 2018 (windows of fixed width, iterative removal of overlaps).

    Examples
    --------
    >>> a = pd.DataFrame({"chrom": "chr1", "start": [900, 5000], "end": [1300, 5400], "log10_p": [9.0, 1.0]})
    >>> b = pd.DataFrame({"chrom": "chr1", "start": [1000], "end": [1400], "log10_p": [5.0]})
    >>> consensus_peaks({"a": a, "b": b})
      chrom  start   end  n_samples
    0  chr1    950  1450          2
    1  chr1   4950  5450          1
    """
    check_flag("progress", progress)
    if method not in _METHODS:
        raise ValueError(f"method must be one of {_METHODS}, got {method!r}")
    if not isinstance(width, Integral) or isinstance(width, bool) or not 1 <= width <= MAX_POSITION:
        raise ValueError(f"width must be a whole number of bp in 1 .. {MAX_POSITION}, got {width!r}")
    tables = read_narrowpeaks(samples, n_jobs=n_jobs, progress=progress)
    if not isinstance(min_samples, Integral) or not 1 <= min_samples <= len(tables):
        raise ValueError(f"min_samples must be in 1 .. {len(tables)}, the number of samples, got {min_samples!r}")
    intervals = {name: check_regions(table, f"sample {name}") for name, table in tables.items()}
    _check_naming(intervals)
    if method == "windows":
        candidates = {name: _windows(tables[name], intervals[name], int(width), score, name) for name in tables}
        if chrom_sizes is not None:
            lengths = _lengths(chrom_sizes)
            candidates = {name: _on_chromosomes(windows, lengths) for name, windows in candidates.items()}
    else:
        candidates = intervals
    if exclude is not None:
        excluded = check_regions(exclude, "exclude")
        check_same_naming(excluded["chrom"].unique(), _chromosomes(intervals), "exclude", "the samples")
        candidates = {name: regions[~_touched(regions, excluded)] for name, regions in candidates.items()}
    regions = _merged(candidates.values()) if method == "merged" else _best_windows(candidates, int(width), score)
    regions["n_samples"] = sum(_touched(regions, table).astype(np.int64) for table in intervals.values())
    kept = regions["n_samples"] >= min_samples
    if not kept.any():
        raise TableError(f"no peak is left of {len(regions)} that lie outside exclude and in {min_samples} sample(s)")
    return regions[kept].reset_index(drop=True)


def _check_naming(samples: dict[str, pd.DataFrame]) -> None:
    """Refuse samples that name the same chromosome in two ways; each may have chromosomes of its own."""
    seen: dict[str, str] = {}
    for name, regions in samples.items():
        for chrom in regions["chrom"].unique():
            other = seen.setdefault(core_of(chrom) or chrom, chrom)
            if other != chrom:
                raise ChromosomeMismatchError(
                    f"sample {name} has {chrom}, a sample before it {other}: skepi.io.convert_chromosomes renames them"
                )


def _windows(table: pd.DataFrame, intervals: pd.DataFrame, width: int, score: str, name: str) -> pd.DataFrame:
    """Windows around the summits of a sample, as far as they lie on the chromosome, with their scores."""
    middle = (intervals["start"] + intervals["end"]).to_numpy() // 2
    summit = _summits(table, intervals, name) if "summit" in table else np.full(len(middle), -1)
    start = np.where(summit < 0, middle, summit) - width // 2
    values = measure_of(table, score, f"sample {name}", option="score")
    if len(values) and not (values > 0).any():
        advice = advice_on_columns(table, option="score")
        raise TableError(
            f"sample {name}: {score}: no window has a score above 0; the peak caller may not have filled this column"
            + advice
        )
    windows = pd.DataFrame({"chrom": intervals["chrom"], "start": start, "end": start + width, "score": values})
    return windows[(start >= 0) & (start + width <= MAX_POSITION)]


def _on_chromosomes(windows: pd.DataFrame, lengths: pd.Series) -> pd.DataFrame:
    """Leave out windows that end behind their chromosome."""
    length = windows["chrom"].map(lengths)
    if length.isna().any():
        raise TableError(f"chrom_sizes: no length of {windows['chrom'][length.isna()].iloc[0]}")
    return windows[windows["end"] <= length]


def _lengths(chrom_sizes: Any) -> pd.Series:
    """Length in bp of each chromosome."""
    if not isinstance(chrom_sizes, Mapping | pd.Series):
        raise TypeError(f"chrom_sizes: wanted a mapping of names to lengths (bp), got {type(chrom_sizes).__name__}")
    if not len(chrom_sizes):
        raise TableError("chrom_sizes: wanted at least one chromosome, got none")
    labels = pd.Index(list(chrom_sizes.keys()), dtype=object, tupleize_cols=False)
    names = pd.Index(names_of(labels, "chrom_sizes: names"))
    if names.has_duplicates:
        raise TableError(f"chrom_sizes: the same name twice: {some(names[names.duplicated()])}")
    values = pd.Series(list(chrom_sizes.values) if isinstance(chrom_sizes, pd.Series) else list(chrom_sizes.values()))
    return pd.Series(positions_of(values, "chrom_sizes", least=1), index=names)


def _summits(table: pd.DataFrame, intervals: pd.DataFrame, name: str) -> IntArray:
    """Positions of summits; -1 where a peak has none."""
    summit = positions_of(table["summit"], f"sample {name}: summit", least=-1)
    inside = (summit >= intervals["start"].to_numpy()) & (summit < intervals["end"].to_numpy())
    wrong = np.flatnonzero((summit != -1) & ~inside)
    if wrong.size:
        raise TableError(
            f"sample {name}: summit: wanted a position (no offset) inside the interval, "
            f"got {summit[wrong[0]]} in row {wrong[0]}"
        )
    return summit


def _chromosomes(samples: dict[str, pd.DataFrame]) -> set[str]:
    return {chrom for regions in samples.values() for chrom in regions["chrom"].unique()}


def _best_windows(candidates: dict[str, pd.DataFrame], width: int, score: str) -> pd.DataFrame:
    """The best windows of each sample, then the best of all samples, none overlapping."""
    best = [_best_of_sample(windows, width, score, name) for name, windows in candidates.items()]
    pooled = pd.concat(best, ignore_index=True)
    return pooled.iloc[_not_overlapping(pooled, width)].drop(columns="score").reset_index(drop=True)


def _best_of_sample(windows: pd.DataFrame, width: int, score: str, name: str) -> pd.DataFrame:
    """Windows of one sample that do not overlap, with scores per million."""
    total = windows["score"].sum()
    if not total > 0:
        raise TableError(
            f"sample {name}: {score}: no window has a score above 0 (of {len(windows)} windows on chromosomes and "
            "outside exclude), so none is the best"
        )
    windows = windows.iloc[_not_overlapping(windows, width)]
    return windows.assign(score=1e6 * windows["score"] / windows["score"].sum())


def _not_overlapping(windows: pd.DataFrame, width: int) -> IntArray:
    """Rows kept when the best window removes those that overlap it, then the best of the rest, ...; in genome order."""
    code, _ = pd.factorize(windows["chrom"], sort=True)
    # One axis for the whole genome: chromosomes lie further apart than any window is wide.
    place = code * np.int64(2 * (MAX_POSITION + width)) + windows["start"].to_numpy()
    best_first = np.lexsort((place, -windows["score"].to_numpy()))
    rank = np.empty(len(windows), dtype=np.int64)
    rank[best_first] = np.arange(len(windows))
    left = np.argsort(place, kind="stable")
    kept = []
    while left.size:
        at = place[left]
        first = np.searchsorted(at, at - width, side="right")
        last = np.searchsorted(at, at + width, side="left")
        best = rank[left] == _range_min(rank[left], first, last)
        kept.append(left[best])
        near = np.searchsorted(at[best], at - width, side="right") < np.searchsorted(at[best], at + width, side="left")
        left = left[~near]
    rows = np.concatenate(kept)
    return rows[np.argsort(place[rows], kind="stable")]


def _range_min(values: IntArray, first: IntArray, last: IntArray) -> IntArray:
    """Least of ``values[first[i] : last[i]]`` for each i, none empty: two overlapping runs of a power of 2 each."""
    length = last - first
    level = np.frexp(length.astype(np.float64))[1] - 1  # floor of log2, exact
    out = np.empty_like(values)
    runs = values
    for k in range(int(level.max(initial=0)) + 1):
        here = np.flatnonzero(level == k)
        out[here] = np.minimum(runs[first[here]], runs[last[here] - 2**k])
        runs = np.minimum(runs[: -(2**k)], runs[2**k :])  # now over 2 ** (k + 1) values
    return out


def _merged(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Union of all intervals; those that touch are one."""
    pooled = pd.concat(tables).sort_values(["chrom", "start", "end"], ignore_index=True)
    reach = pooled.groupby("chrom", sort=False)["end"].cummax()
    begins = ((pooled["chrom"] != pooled["chrom"].shift()) | (pooled["start"] > reach.shift())).to_numpy()
    last = np.append(np.flatnonzero(begins)[1:], len(pooled)) - 1
    return pooled[begins].assign(end=reach.to_numpy()[last[last >= 0]]).reset_index(drop=True)


def _touched(regions: pd.DataFrame, table: pd.DataFrame) -> NDArray[np.bool_]:
    """Regions that share a base with any interval of the table."""
    merged = _merged([table])
    where = merged.groupby("chrom", sort=False).indices
    touched = np.zeros(len(regions), dtype=bool)
    for chrom, here in regions.groupby("chrom", sort=False).indices.items():
        there = merged.iloc[where.get(chrom, [])]
        start, end = (regions[column].to_numpy()[here] for column in ("start", "end"))
        # Merged intervals are apart: only the first that ends behind the region's start can be in question.
        ended = np.searchsorted(there["end"].to_numpy(), start, side="right")
        touched[here] = ended < np.searchsorted(there["start"].to_numpy(), end, side="left")
    return touched
