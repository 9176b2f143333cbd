"""Cis signal that is linear in the log openness of distance bands: a world that models on bins can express."""

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from skepi.datasets._genome import Genome
from skepi.datasets._parts import PROFILE_DISTANCE_BP, PROFILE_WEIGHT
from skepi.intervals import IntervalIndex, overlap_bp, to_offsets

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def band_signal(genome: Genome, openness: NDArray[np.float32], edges: IntArray, weights: FloatArray) -> FloatArray:
    r"""Weighted sum over bands, (n_genes, n_cell_types), of standardised log openness as it was measured.

    :math:`\sum_b w_b D_{gcb} / s_b`, where D is the log of 1 + openness in the band over the mean of the cell type's
    peaks, less each gene's mean, less each cell type's mean over genes, and :math:`s_b` its root mean square.

    Parameters
    ----------
    genome : Genome
    openness : ndarray of float32, shape (n_peaks, n_cell_types)
    edges : ndarray of int64, shape (n_bands + 1,)
        Offsets from the TSS in bp, upstream negative; each base of a peak counts in its own band.
    weights : ndarray of shape (n_bands,)
    """
    gene, peak, start, end = _near(genome, edges)
    bp = (genome.peaks["end"] - genome.peaks["start"]).to_numpy()[peak]
    scaled = openness / np.maximum(openness.mean(axis=0, dtype=np.float64), np.finfo(np.float64).tiny)
    total = np.zeros((len(genome.genes), openness.shape[1]))
    for low, high, weight in zip(edges[:-1], edges[1:], weights, strict=True):
        share = overlap_bp(start, end, low, high) / bp
        inside = np.flatnonzero(share) if weight else np.empty(0, np.int64)
        entries = share[inside], (gene[inside], peak[inside])
        log_signal = np.log1p(sp.csr_array(entries, shape=(len(total), len(openness))) @ scaled)
        log_signal -= log_signal.mean(axis=1, keepdims=True)
        log_signal -= log_signal.mean(axis=0)
        size = np.sqrt(np.mean(log_signal**2))
        total += weight / size * log_signal if size > 0 else 0.0
    return total


def profile_of_bands(edges: IntArray) -> FloatArray:
    """Weight of each band, (n_bands,): that of its middle by distance from the TSS, 0 beyond the last."""
    middle = np.abs(edges[:-1] + edges[1:]) // 2
    place = np.searchsorted(PROFILE_DISTANCE_BP, middle, side="right") - 1
    return np.append(PROFILE_WEIGHT, 0.0)[place]


def checked_bands(edges: ArrayLike) -> IntArray:
    """Increasing offsets, of which some lie where the profile has weight."""
    array = np.asarray(edges)
    if (
        array.ndim != 1
        or array.size < 2
        or array.dtype.kind not in "iu"
        or (np.diff(array.astype(np.int64)) <= 0).any()
    ):
        raise ValueError(f"cis_bands must be at least two increasing whole numbers (bp), got {edges!r}")
    array = array.astype(np.int64)
    if not profile_of_bands(array).any():
        raise ValueError(
            f"no middle of cis_bands lies within {PROFILE_DISTANCE_BP[-1]:,} bp, where openness has an effect"
        )
    return array


def _near(genome: Genome, edges: IntArray) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Gene, peak, and offsets of the peak's two ends, of every peak in reach of the outermost edges."""
    peaks, genes = genome.peaks, genome.genes
    index = IntervalIndex(*(peaks[column].to_numpy() for column in ("chrom", "start", "end")))
    tss = genes["tss"].to_numpy()
    gene, peak = index.in_reach(genes["chrom"].to_numpy(), tss, int(np.abs(edges).max()))
    minus = (genes["strand"] == "-").to_numpy()[gene]
    start, end = to_offsets(peaks["start"].to_numpy()[peak], peaks["end"].to_numpy()[peak], tss[gene], minus)
    return gene, peak, start, end
