"""A genome to simulate on: genes in uneven stretches, peaks around them and in clusters between them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.special import expit

from skepi.intervals import MAX_POSITION

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

PEAK_BP = 500
FLANK_BP = 1_000_000
PROMOTER_BP = 1_000

# Gaps between neighbouring TSSs of human genes are log-normal; rich regions have shorter gaps and more peaks.
_GAP_MEDIAN_BP = 56_000
_GAP_LOG_SD = 1.44
_GAP_BY_RICHNESS = 0.4
_PEAKS_BY_RICHNESS = 0.35
_RICHNESS_KEPT = 0.95
_STRETCH_GENES = 200  # drawn before the first, so that it is as uneven as the rest
# Peaks away from genes, per bp of a gap, are fewer in long gaps; some more lie near genes. From 14 blood populations.
_PEAKS_PER_BP = 0.213e-3
_SPARSE_BP = 600_000
_SPARSE_POWER = 0.85
_FLANK_LIKE_BP = 250_000
_GAP_SHAPE = 4.0
_CLUSTER_SIZE = 3
_CLUSTER_BP = 3_000
_NEAR_PER_GENE = 1.2
_NEAREST_BP = 500
_NEAR_BP = 10_000

_CHROMOSOME = 2**32  # apart in keys of (chromosome, position)


@dataclass(frozen=True, eq=False)
class Genome:
    """Genes of simulated chromosomes and peaks of one signal, both by chromosome and position.

    Attributes
    ----------
    genes : DataFrame
        Columns ``name, chrom, tss, strand``.
    peaks : DataFrame
        Columns ``chrom, start, end``.
    activity : ndarray of shape (n_genes,)
        Standard normal: how active a gene is in all cell types.
    nearest : ndarray of int64, shape (n_peaks,)
        Row of the gene whose TSS is nearest to the middle of the peak.
    distance_bp : ndarray of int64, shape (n_peaks,)
        From that TSS.
    """

    genes: pd.DataFrame
    peaks: pd.DataFrame
    activity: FloatArray
    nearest: IntArray
    distance_bp: IntArray

    @property
    def promoter(self) -> NDArray[np.bool_]:
        """Whether the middle of a peak lies within 1 kb of a TSS, (n_peaks,)."""
        return self.distance_bp < PROMOTER_BP


def place_genomes(rngs: Sequence[Generator], n_genes: int, n_chromosomes: int, n_peaks: int | None) -> list[Genome]:
    """Place genes with the first generator, then peaks of one signal around and between them with each generator."""
    table = _place_genes(rngs[0], np.sort(np.arange(n_genes) % n_chromosomes))
    windows = [_place_peaks(rng, table, n_peaks) for rng in rngs]
    genes = pd.DataFrame(
        {
            "name": [f"gene{i:05d}" for i in range(n_genes)],
            "chrom": _names(table["chrom"].to_numpy()),
            "tss": table["tss"],
            "strand": rngs[0].choice(["+", "-"], size=n_genes),
        }
    )
    return [_with_peaks(table, genes, of_signal) for of_signal in windows]


def _with_peaks(table: pd.DataFrame, genes: pd.DataFrame, windows: IntArray) -> Genome:
    start = windows % _CHROMOSOME
    peaks = pd.DataFrame({"chrom": _names(windows // _CHROMOSOME), "start": start, "end": start + PEAK_BP})
    nearest, distance = _nearest_gene(table, windows + PEAK_BP // 2)
    return Genome(genes, peaks, table["activity"].to_numpy(), nearest, distance)


def _place_genes(rng: Generator, chrom: IntArray) -> pd.DataFrame:
    """``chrom, tss, activity, richness`` of each gene; TSSs increase, the first of a chromosome 1 Mb from its start."""
    drawn = rng.normal(size=_STRETCH_GENES + chrom.size)
    richness = lfilter([np.sqrt(1 - _RICHNESS_KEPT**2)], [1, -_RICHNESS_KEPT], drawn)[_STRETCH_GENES:]
    log_gap = np.sqrt(1 - _GAP_BY_RICHNESS**2) * rng.normal(size=chrom.size) - _GAP_BY_RICHNESS * richness
    gap = 1 + (_GAP_MEDIAN_BP * np.exp(_GAP_LOG_SD * log_gap)).astype(np.int64)
    total = np.cumsum(gap)
    tss = FLANK_BP + total - total[np.flatnonzero(_first_of_run(chrom))][chrom]
    if tss.max() + 2 * FLANK_BP > MAX_POSITION:
        raise ValueError(
            f"{chrom.size} genes on n_chromosomes={chrom[-1] + 1} reach beyond position {MAX_POSITION}: "
            "wanted more chromosomes"
        )
    activity = rng.normal(size=chrom.size)
    return pd.DataFrame({"chrom": chrom, "tss": tss, "activity": activity, "richness": richness})


def _place_peaks(rng: Generator, table: pd.DataFrame, n_peaks: int | None) -> IntArray:
    """Keys of windows on a grid of 500 bp, increasing: promoters first, others until there are enough."""
    gaps = _gaps(rng, table)
    windows = rng.permutation(_promoters(rng, table))
    room = int((gaps["end"] - gaps["start"]).sum() // (2 * PEAK_BP))  # half of all windows; blood fills one in sixteen
    if n_peaks is not None and not 1 <= n_peaks <= room:
        raise ValueError(f"n_peaks must lie in 1 .. {room} on a genome of this size, got {n_peaks}")
    wanted = n_peaks or windows.size + round(_NEAR_PER_GENE * len(table) + gaps["peaks"].sum())
    while windows.size < wanted:
        more = _peaks_elsewhere(rng, table, gaps, wanted - windows.size)
        windows = pd.unique(np.concatenate([windows, more]))
    return np.sort(windows[:wanted])


def _promoters(rng: Generator, table: pd.DataFrame) -> IntArray:
    """Windows at the TSS of most genes, of nearly all active ones."""
    kept = table[rng.random(len(table)) < expit(2.5 + 1.2 * table["activity"])]
    at = kept["tss"] + np.rint(rng.normal(0, 200, size=len(kept))).astype(np.int64)
    return pd.unique(_window(kept["chrom"].to_numpy(), at.to_numpy()))


def _gaps(rng: Generator, table: pd.DataFrame) -> pd.DataFrame:
    """Stretches between neighbouring TSSs and at both ends of a chromosome, with the peaks expected in each."""
    at_end = _first_of_run(table["chrom"].to_numpy()[::-1])[::-1]
    between = table.assign(start=table["tss"], end=table["tss"].shift(-1, fill_value=0))
    between.loc[at_end, "end"] = between.loc[at_end, "start"] + FLANK_BP
    first = table[_first_of_run(table["chrom"].to_numpy())].assign(start=0, end=FLANK_BP)
    gaps = pd.concat([between, first], ignore_index=True)
    length = gaps["end"] - gaps["start"]
    like = length.mask(np.append(at_end, np.ones(len(first), dtype=bool)), _FLANK_LIKE_BP)
    uneven = rng.gamma(_GAP_SHAPE, 1 / _GAP_SHAPE, size=len(gaps)) * np.exp(_PEAKS_BY_RICHNESS * gaps["richness"])
    gaps["peaks"] = _PEAKS_PER_BP * (1 + like / _SPARSE_BP) ** -_SPARSE_POWER * length * uneven
    return gaps


def _peaks_elsewhere(rng: Generator, table: pd.DataFrame, gaps: pd.DataFrame, wanted: int) -> IntArray:
    """Windows near genes and in clusters between them, in random order; some twice."""
    n = wanted + wanted // 5 + 20
    near = _NEAR_PER_GENE * len(table)
    n_near = rng.binomial(n, near / (near + gaps["peaks"].sum()))
    gene = table.iloc[rng.integers(len(table), size=n_near)]
    distance = _NEAREST_BP * (_NEAR_BP / _NEAREST_BP) ** rng.random(n_near)
    beside = gene["tss"] + distance * rng.choice([-1, 1], size=n_near)
    share = gaps["peaks"] / gaps["peaks"].sum()
    cluster = np.repeat(rng.choice(len(gaps), size=-(-n // _CLUSTER_SIZE), p=share), _CLUSTER_SIZE)
    centre = np.repeat(rng.random(cluster.size // _CLUSTER_SIZE), _CLUSTER_SIZE)
    gap = gaps.iloc[cluster]
    between = gap["start"] + centre * (gap["end"] - gap["start"]) + rng.laplace(0, _CLUSTER_BP, size=cluster.size)
    at = np.concatenate([beside, between])
    windows = _window(np.concatenate([gene["chrom"], gap["chrom"]]), at.astype(np.int64))
    return rng.permutation(windows[at >= 0])


def _nearest_gene(table: pd.DataFrame, middle: IntArray) -> tuple[IntArray, IntArray]:
    """Row of the nearest TSS on the chromosome, and the distance from it in bp."""
    gene = (table["chrom"] * _CHROMOSOME + table["tss"]).to_numpy()
    right = np.minimum(np.searchsorted(gene, middle), gene.size - 1)
    left = np.maximum(right - 1, 0)
    nearest = np.where(np.abs(gene[left] - middle) <= np.abs(gene[right] - middle), left, right)
    return nearest, np.abs(gene[nearest] - middle)


def _window(chrom: IntArray, position: IntArray) -> IntArray:
    """Key of the window of 500 bp that holds a position: its start, and 2**32 more on each next chromosome."""
    return chrom * _CHROMOSOME + position // PEAK_BP * PEAK_BP


def _first_of_run(codes: IntArray) -> NDArray[np.bool_]:
    """Whether each value differs from the one before."""
    return np.diff(codes, prepend=-1) != 0


def _names(chrom: IntArray) -> NDArray:
    names = np.array([f"chr{c + 1}" for c in range(int(chrom.max()) + 1)])
    return names[chrom]
