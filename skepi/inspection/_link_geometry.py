"""Where peaks lie beside genes: pairs in reach, promoters, and the start sites between a peak and a gene."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi.intervals import IntervalIndex, to_offsets

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_NEXT = 2**32  # apart in keys of (group, position); positions are below 2**31


class NearPairs(NamedTuple):
    """Peaks in reach of genes; all of shape (n_pairs,), ordered by gene.

    Attributes
    ----------
    gene, peak : ndarray of int64
        Rows of the tables of genes and peaks.
    distance_bp : ndarray of int64
        Offset of the middle of the peak from the TSS, downstream positive.
    """

    gene: IntArray
    peak: IntArray
    distance_bp: IntArray


def pairs_within(genes: pd.DataFrame, rows: IntArray, peaks: pd.DataFrame, low_bp: int, high_bp: int) -> NearPairs:
    """Pairs of some genes and the peaks whose middle lies at least ``low_bp`` and at most ``high_bp`` from the TSS."""
    start, end = (peaks[column].to_numpy() for column in ("start", "end"))
    tss, minus = genes["tss"].to_numpy(), (genes["strand"] == "-").to_numpy()
    index = IntervalIndex(peaks["chrom"].to_numpy(), start, end)
    row, peak = index.in_reach(genes["chrom"].to_numpy()[rows], tss[rows], high_bp)
    gene = rows[row]
    low, high = to_offsets(start[peak], end[peak], tss[gene], minus[gene])
    distance = (low + high) // 2
    kept = (np.abs(distance) <= high_bp) & (np.abs(distance) >= low_bp)
    return NearPairs(gene[kept], peak[kept], distance[kept])


def touch(group: IntArray, start: IntArray, end: IntArray, of: tuple[IntArray, IntArray, IntArray]) -> BoolArray:
    """Whether each interval shares a base with one of others (``group, start, end``) in its group.

    Examples
    --------
    >>> others = np.array([0, 1]), np.array([10, 10]), np.array([20, 20])
    >>> touch(np.array([0, 0, 2]), np.array([19, 20, 19]), np.array([25, 25, 25]), others)
    array([ True, False, False])
    """
    other, other_start, other_end = of
    begun = np.searchsorted(np.sort(other * _NEXT + other_start), group * _NEXT + end, side="left")
    over = np.searchsorted(np.sort(other * _NEXT + other_end), group * _NEXT + start, side="right")
    return begun > over


def sites_between(chrom: IntArray, start: IntArray, end: IntArray, tss: IntArray, sites: IntArray) -> IntArray:
    """Count the sites strictly between a peak and a TSS, 0 where the peak holds it.

    Parameters
    ----------
    chrom : ndarray of int64
        Code of the chromosome of each pair.
    start, end, tss : ndarray of int64
        Positions of the peak (half-open) and of the gene, in bp.
    sites : ndarray of int64
        Sorted keys from :func:`site_keys`.

    Examples
    --------
    >>> sites = site_keys(np.array([0, 0, 0, 1]), np.array([5, 20, 50, 30]))
    >>> sites_between(np.array([0, 0]), np.array([0, 60]), np.array([10, 70]), np.array([50, 20]), sites)
    array([1, 1])
    """
    start, end, tss = (chrom * _NEXT + position for position in (start, end, tss))
    before = np.searchsorted(sites, tss, side="left") - np.searchsorted(sites, end, side="left")
    behind = np.searchsorted(sites, start, side="left") - np.searchsorted(sites, tss, side="right")
    return np.maximum(np.where(end <= tss, before, behind), 0)


def site_keys(chrom: IntArray, position: IntArray) -> IntArray:
    """Sorted keys of (chromosome, position)."""
    return np.sort(chrom * _NEXT + position)


def at_promoter(peaks: pd.DataFrame, genes: pd.DataFrame, reach_bp: int) -> BoolArray:
    """Whether each peak has a base within ``reach_bp`` of the TSS of any gene, (n_peaks,)."""
    codes, _ = chromosome_codes(peaks["chrom"], genes["chrom"])
    of_genes = codes[len(peaks) :]
    tss = genes["tss"].to_numpy()
    promoters = of_genes, np.maximum(tss - reach_bp, 0), tss + reach_bp + 1
    return touch(codes[: len(peaks)], peaks["start"].to_numpy(), peaks["end"].to_numpy(), promoters)


def chromosome_codes(*columns: pd.Series) -> tuple[IntArray, NDArray[np.object_]]:
    """One number per name of a chromosome, of all columns end to end, and the names."""
    names = np.concatenate([column.to_numpy(dtype=object) for column in columns])
    codes, labels = pd.factorize(names)
    return codes.astype(np.int64), labels


def lookup(group: IntArray, position: IntArray, of: tuple[IntArray, IntArray, IntArray]) -> IntArray:
    """Row of the interval (``group, start, end``) that holds each position in its group, -1 where none does.

    Intervals of one group must not overlap.

    Examples
    --------
    >>> lookup(np.array([0, 0, 1]), np.array([12, 20, 12]), (np.array([0]), np.array([10]), np.array([20])))
    array([ 0, -1, -1])
    """
    other, start, end = of
    key = other * _NEXT + start
    order = np.argsort(key, kind="stable")
    place = np.searchsorted(key[order], group * _NEXT + position, side="right") - 1
    row = order[np.maximum(place, 0)]
    holds = (place >= 0) & (other[row] == group) & (position < end[row])
    return np.where(holds, row, -1)
