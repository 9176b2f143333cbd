"""Openness of simulated peaks: a true signal along a tree of cell types, and its measurements."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from skepi.datasets._genome import Genome

FloatArray = NDArray[np.float64]

#: Fold enrichment below which a peak reads 0 in a cell type.
THRESHOLD = 1.5

# Fitted to the openness of 14 blood populations: share of open populations and quantiles of open peaks at promoters
# and elsewhere, and correlations of populations.
_LINEAGE_VARIANCE = 0.669
_SISTERS_VARIANCE = 0.224
_OWN_VARIANCE = 1 - _LINEAGE_VARIANCE - _SISTERS_VARIANCE
_FAR_SD = 4.5
# Programs follow lineages more closely than single peaks do.
_STATE_LINEAGE_VARIANCE = 0.76
_STATE_SISTERS_VARIANCE = 0.16
_PROMOTER = {"mean": 1.6, "sd": 1.74, "spread": 0.40}
_DISTAL = {"mean": -1.07, "sd": 1.71, "spread": 1.38}
_PROMOTER_BY_ACTIVITY = 0.5
_MEAN_PER_E_FOLD = -0.2
_DISTAL_CENTRE_BP = 40_000
_STATE_VARIANCE = 0.16
_QUALITY_SD = 0.42
_SATURATION = 500.0
_FAINTEST = 0.5
_DEPTH_LOG_SD = 0.3

_PEAKS_AT_ONCE = 4_096


class Measured(NamedTuple):
    """One signal in all cell types.

    Attributes
    ----------
    genome : Genome
        With the peaks of the signal.
    true : ndarray of float32, shape (n_peaks, n_cell_types)
        Fold enrichment.
    openness : ndarray of float32, shape (n_peaks, n_cell_types)
        Measured openness.
    depth : ndarray of shape (n_cell_types,) or None
        Reads expected in all peaks; None where openness is fold enrichment.
    """

    genome: Genome
    true: NDArray[np.float32]
    openness: NDArray[np.float32]
    depth: FloatArray | None


def grow_tree(n_cell_types: int, n_lineages: int) -> pd.DataFrame:
    """Cell types by lineage and pair of sisters; the last one lies far from all.

    Returns
    -------
    DataFrame
        Indexed by cell type; columns ``lineage``, ``sisters`` and ``own_sd``, the SD of what a cell type shares with no
        other; with what it shares the variance is 1, and more in the far one.
    """
    lineage = np.sort(np.arange(n_cell_types) % n_lineages)
    place = np.arange(n_cell_types) - np.searchsorted(lineage, lineage)
    own_sd = np.full(n_cell_types, np.sqrt(_OWN_VARIANCE))
    own_sd[-1] *= _FAR_SD
    return pd.DataFrame(
        {
            "lineage": [f"lineage{k + 1}" for k in lineage],
            "sisters": [f"lineage{k + 1}.{pair + 1}" for k, pair in zip(lineage, place // 2, strict=True)],
            "own_sd": own_sd,
        },
        index=pd.Index([f"cell{c:03d}" for c in range(n_cell_types)], name="cell_type"),
    )


def draw_along_tree(rng: Generator, tree: pd.DataFrame, n: int) -> NDArray[np.float32]:
    """Normal effects, (n, n_cell_types), that lineages and sisters share."""
    lineage, sisters = (pd.factorize(tree[level])[0] for level in ("lineage", "sisters"))
    effects = rng.standard_normal((n, len(tree)), dtype=np.float32)
    effects *= tree["own_sd"].to_numpy(dtype=np.float32)
    for code, variance in ((lineage, _LINEAGE_VARIANCE), (sisters, _SISTERS_VARIANCE)):
        shared = rng.standard_normal((n, code.max() + 1), dtype=np.float32)
        effects += (np.float32(np.sqrt(variance)) * shared)[:, code]
    return effects


def draw_state(rng: Generator, tree: pd.DataFrame, n_programs: int) -> FloatArray:
    """State of each cell type, (n_cell_types, n_programs), from levels of the tree that are scaled to their variance.

    There are few programs and lineages: without scaling, lineages of some seeds would hardly differ.
    """
    own_variance = (1 - _STATE_LINEAGE_VARIANCE - _STATE_SISTERS_VARIANCE) / _OWN_VARIANCE
    own_sd = np.sqrt(own_variance) * tree["own_sd"].to_numpy()
    state = own_sd * _scaled(rng.normal(size=(n_programs, len(tree))))
    for level, variance in (("lineage", _STATE_LINEAGE_VARIANCE), ("sisters", _STATE_SISTERS_VARIANCE)):
        code = pd.factorize(tree[level])[0]
        state += np.sqrt(variance) * _scaled(rng.normal(size=(n_programs, code.max() + 1)))[:, code]
    return state.T


def _scaled(values: FloatArray) -> FloatArray:
    """Rows with mean 0 and mean square 1; as they are where there is one column."""
    if values.shape[1] == 1:
        return values
    values = values - values.mean(axis=1, keepdims=True)
    return values / np.sqrt(np.mean(values**2, axis=1, keepdims=True))


def draw_signal(rng: Generator, genome: Genome, tree: pd.DataFrame, state: FloatArray) -> NDArray[np.float32]:
    r"""Draw the true fold enrichment of every peak in every cell type, (n_peaks, n_cell_types).

    The log signal of peak p in cell type c is :math:`m_p + s_p e_{pc} + q_c`, with m the mean of the peak (higher at
    promoters, most at those of active genes), e of variance 1 along the tree and with the cell state, and q the quality
    of the cell type. A peak that would pass the threshold nowhere is raised until it does in its best cell type,
    because it would not have been called; signal s saturates to :math:`s / (1 + s / 500)`.
    """
    mean, spread = _means(rng, genome)
    quality = (_QUALITY_SD * _scaled(rng.normal(size=(1, len(tree))))[0]).astype(np.float32)
    by_state = (np.sqrt(_STATE_VARIANCE / state.shape[1]) * state.T).astype(np.float32)
    signal = np.empty((mean.size, len(tree)), dtype=np.float32)
    for rows in row_blocks(mean.size):
        log_signal = np.float32(np.sqrt(1 - _STATE_VARIANCE)) * draw_along_tree(rng, tree, mean[rows].size)
        log_signal += rng.standard_normal((len(log_signal), state.shape[1]), dtype=np.float32) @ by_state
        log_signal *= spread[rows, None]
        log_signal += mean[rows, None] + quality
        faintest = np.log(THRESHOLD) + _FAINTEST * rng.exponential(size=len(log_signal)) + 0.01
        best = log_signal.max(axis=1)
        log_signal += np.where(best < np.log(THRESHOLD) + 0.01, faintest - best, 0).astype(np.float32)[:, None]
        np.exp(log_signal, out=log_signal)
        signal[rows] = log_signal / (1 + log_signal / np.float32(_SATURATION))
    return signal


def call_peaks(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    """Keep the signal that reaches the threshold; the rest reads 0, as where a peak caller calls none."""
    return np.where(signal >= np.float32(THRESHOLD), signal, np.float32(0))


def sequence(
    rng: Generator, signal: NDArray[np.float32], reads_per_peak: float
) -> tuple[NDArray[np.float32], FloatArray]:
    """Draw reads around the signal: counts, and the reads expected of each cell type in all peaks."""
    uneven = np.exp(_DEPTH_LOG_SD * rng.normal(size=signal.shape[1]) - _DEPTH_LOG_SD**2 / 2)
    depth = reads_per_peak * len(signal) * uneven
    per_fold = depth / signal.sum(axis=0, dtype=np.float64)
    counts = np.empty_like(signal)
    for rows in row_blocks(len(signal)):
        counts[rows] = rng.poisson(signal[rows] * per_fold)
    return counts, depth


def measured(rng: Generator, genome: Genome, true: NDArray[np.float32], reads_per_peak: float | None) -> Measured:
    """Fold enrichment as a peak caller gives it, or counts where a mean of reads per peak is given."""
    if reads_per_peak is None:
        return Measured(genome, true, call_peaks(true), None)
    return Measured(genome, true, *sequence(rng, true, reads_per_peak))


def row_blocks(n: int) -> Iterator[slice]:
    """Slices of a few thousand peaks each, so that what is drawn at once stays small."""
    return (slice(first, min(first + _PEAKS_AT_ONCE, n)) for first in range(0, n, _PEAKS_AT_ONCE))


def _means(rng: Generator, genome: Genome) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean log signal of each peak and the SD around it over cell types."""
    own = rng.normal(size=genome.distance_bp.size)
    active = _PROMOTER_BY_ACTIVITY * genome.activity[genome.nearest]
    active += np.sqrt(1 - _PROMOTER_BY_ACTIVITY**2) * own
    away = _MEAN_PER_E_FOLD * np.log(np.maximum(genome.distance_bp, 1) / _DISTAL_CENTRE_BP)
    at_promoter = _PROMOTER["mean"] + _PROMOTER["sd"] * active
    elsewhere = _DISTAL["mean"] + away + _DISTAL["sd"] * own
    mean = np.where(genome.promoter, at_promoter, elsewhere)
    spread = np.where(genome.promoter, _PROMOTER["spread"], _DISTAL["spread"])
    return mean.astype(np.float32), spread.astype(np.float32)
