"""Parts of simulated expression: local openness, programs, their saturating interaction and noise."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.random import Generator
from numpy.typing import NDArray
from sklearn.utils import Bunch

from skepi.datasets._genome import PEAK_BP, Genome
from skepi.datasets._signal import row_blocks
from skepi.intervals import IntervalIndex

FloatArray = NDArray[np.float64]

#: Effect of one standardised peak by its distance from the TSS: mean weights of the report's linear model
#: downstream (its logs at lambda 5e-4); 0 beyond the last distance.
PROFILE_DISTANCE_BP = np.array([0, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000])
PROFILE_WEIGHT = np.array([0.066, 0.051, 0.052, 0.040, 0.030, 0.015, 0.006, 0.003])

_REACH_BP = int(PROFILE_DISTANCE_BP[-1])
_PROXIMAL_BP = 2_000


class Local(NamedTuple):
    """What the peaks of one signal do to the genes near them, both (n_genes, n_cell_types).

    Attributes
    ----------
    cis : ndarray
        Weighted sum over peaks or bands, with mean square 1.
    interaction : ndarray
        Interaction of proximal and distal peaks, less its projection on the cis part.
    size : float
        Root mean square of the weighted sum, by which the cis part was divided.
    """

    cis: FloatArray
    interaction: FloatArray
    size: float


def local_parts(
    genome: Genome, signal: NDArray[np.float32], in_bands: FloatArray | None = None, *, less_common: bool = False
) -> Local:
    """Cis part and interaction of one signal.

    ``in_bands``, from :func:`skepi.datasets._bands.band_signal`, takes the place of the sum over peaks as the cis part.
    ``less_common`` takes away the mean over genes in each cell type, which the cis parts of signals have in common.
    """
    proximal, distal = _cis_signals(genome, signal)
    saturated = np.tanh(2 * unit(proximal)) * np.tanh(2 * unit(distal))
    weighted = proximal + distal if in_bands is None else in_bands
    if less_common:
        weighted = weighted - weighted.mean(axis=0)
    size = _size(weighted)
    cis, interaction = weighted / size, _centred(saturated)
    interaction -= np.mean(interaction * cis) * cis  # what a linear model could see of it
    return Local(cis, interaction, size)


def weighted_peaks(genome: Genome, signal: NDArray[np.float32], gain: FloatArray) -> FloatArray:
    """Weighted sum of standardised peaks around each gene, (n_genes, n_cell_types), each peak times its gain."""
    weights, _ = _cis_weights(genome.genes, genome.peaks)
    depth = signal.mean(axis=0, dtype=np.float64)
    total = np.zeros((len(genome.genes), signal.shape[1]))
    for rows in row_blocks(len(signal)):
        total += weights[:, rows] @ (gain[rows, None] * standardised_log(signal[rows] / depth))
    return total


def draw_parts(
    rng: Generator,
    local: Sequence[Local],
    signal_shares: Sequence[float],
    state: FloatArray,
    shares: dict[str, float],
) -> Bunch:
    """Parts of expression in units of the gene's SD, each with its share as mean square, and what made them.

    Returns
    -------
    Bunch
        ``cis, program, interaction, noise`` (genes x cell types), ``cis_of`` (list: the cis part of each signal),
        ``effect`` (list by signal: of a weight of 1 on one SD of a peak, or of a band) and ``loadings`` (genes x
        programs).
    """
    loadings = rng.normal(size=(len(local[0].cis), state.shape[1]))
    program = loadings @ _centred(state.T)
    loadings *= np.sqrt(shares["program"]) / _size(program)
    root = {name: np.sqrt(share) for name, share in shares.items()}
    root_of = np.sqrt(signal_shares)
    cis_of = [of * (root["cis"] * one.cis) for of, one in zip(root_of, local, strict=True)]
    interaction = np.sum([of * one.interaction for of, one in zip(root_of, local, strict=True)], axis=0)
    return Bunch(
        cis=np.sum(cis_of, axis=0),
        program=root["program"] * unit(program),
        interaction=root["interaction"] * unit(interaction),
        noise=root["noise"] * rng.normal(size=program.shape),
        cis_of=cis_of,
        effect=[of * (root["cis"] / one.size) for of, one in zip(root_of, local, strict=True)],
        loadings=loadings,
    )


def _cis_signals(genome: Genome, signal: NDArray[np.float32]) -> tuple[FloatArray, FloatArray]:
    """Weighted sums of standardised peaks within and beyond 2 kb of each TSS, (n_genes, n_cell_types)."""
    weights, near = _cis_weights(genome.genes, genome.peaks)
    depth = signal.mean(axis=0, dtype=np.float64)
    proximal, distal = (np.zeros((len(genome.genes), signal.shape[1])) for _ in range(2))
    for rows in row_blocks(len(signal)):
        z = standardised_log(signal[rows] / depth)
        proximal += near[:, rows] @ z
        distal += (weights[:, rows] - near[:, rows]) @ z
    return proximal, distal


def standardised_log(openness: FloatArray) -> FloatArray:
    """Log of 1 + openness with mean 0 and SD 1 over cell types; 0 for a peak that does not vary."""
    deviation = _centred(np.log1p(openness))
    sd = deviation.std(axis=1, keepdims=True)
    return np.divide(deviation, sd, out=np.zeros_like(deviation), where=sd > 0)


def _cis_weights(genes: pd.DataFrame, peaks: pd.DataFrame) -> tuple[sp.csc_array, sp.csc_array]:
    """Weight of every peak in reach of every gene, (n_genes, n_peaks), and of those within 2 kb alone."""
    columns = (peaks[column].to_numpy() for column in ("chrom", "start", "end"))
    tss = genes["tss"].to_numpy()
    gene, peak = IntervalIndex(*columns).in_reach(genes["chrom"].to_numpy(), tss, _REACH_BP)
    distance = np.abs(peaks["start"].to_numpy()[peak] + PEAK_BP // 2 - tss[gene])
    tables = []
    for reach in (_REACH_BP, _PROXIMAL_BP):
        near = distance < reach
        band = np.searchsorted(PROFILE_DISTANCE_BP, distance[near], side="right") - 1
        entries = PROFILE_WEIGHT[band], (gene[near], peak[near])
        tables.append(sp.csc_array(entries, shape=(len(genes), len(peaks))))
    return tables[0], tables[1]


def _centred(values: FloatArray) -> FloatArray:
    return values - values.mean(axis=1, keepdims=True)


def _size(values: FloatArray) -> float:
    """Root mean square over the whole table; 1 for zeros, which stay zeros when divided."""
    return float(np.sqrt(np.mean(values**2))) or 1.0


def unit(values: FloatArray) -> FloatArray:
    return values / _size(values)
