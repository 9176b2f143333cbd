"""Whether peaks and genes seem to be of one genome assembly: promoters are open, so start sites have peaks."""

import warnings
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi.exceptions import AssemblyWarning
from skepi.intervals import IntArray

REACH_BP = 1_000
SHIFT_BP = 50_000
#: Fewer genes say little about a share.
LEAST_GENES = 100

_LEAST_ODDS_RATIO = 2.0  # real data have 6 or more, other assemblies about 1
_ERRORS = 2.0  # standard errors by which an odds ratio must be lower
_EVERYWHERE = 0.8  # share of places 50 kb away with a peak; peaks of real data have less than half
_CHROMOSOME = 2**32  # apart in keys of (chromosome, position)


class PeaksAtStartSites(NamedTuple):
    """How many genes have a peak within 1 kb of their TSS, and of places 50 kb away on either side.

    Genes on chromosomes without a peak do not count.

    Attributes
    ----------
    n_genes : int
    n_near : int
        Genes with a peak at the TSS.
    n_shifted : int
        Places with a peak among the ``2 * n_genes`` that lie 50 kb away.
    """

    n_genes: int
    n_near: int
    n_shifted: int

    @property
    def share(self) -> float:
        """Share of genes with a peak at their TSS."""
        return self.n_near / self.n_genes if self.n_genes else np.nan

    @property
    def share_shifted(self) -> float:
        """The same for places 50 kb away: what chance alone would give."""
        return self.n_shifted / (2 * self.n_genes) if self.n_genes else np.nan

    @property
    def seem_apart(self) -> bool:
        """Whether peaks are so little enriched at start sites that an odds ratio of 2 is ruled out (2 errors).

        Peaks that lie nearly everywhere, such as tiles of the genome, tell nothing.
        """
        if self.n_genes < LEAST_GENES or self.share_shifted > _EVERYWHERE:
            return False
        counts = np.array([self.n_near, self.n_genes - self.n_near, self.n_shifted, 2 * self.n_genes - self.n_shifted])
        counts = counts + 0.5  # Haldane's correction
        log_odds_ratio = np.log(counts[0] / counts[1]) - np.log(counts[2] / counts[3])
        return bool(log_odds_ratio + _ERRORS * np.sqrt((1 / counts).sum()) < np.log(_LEAST_ODDS_RATIO))

    def __str__(self) -> str:
        return (
            f"{self.share:.0%} of genes have a peak within 1 kb of the TSS ({self.share_shifted:.0%} within 1 kb of "
            "places 50 kb away)"
        )


def peaks_at_start_sites(peaks: pd.DataFrame, genes: pd.DataFrame) -> PeaksAtStartSites:
    """Count the genes with a peak at their TSS, and at places 50 kb to either side.

    Examples
    --------
    >>> peaks = pd.DataFrame({"chrom": "chr1", "start": [900], "end": [1_300]})
    >>> genes = pd.DataFrame({"chrom": ["chr1", "chr1", "chr2"], "tss": [2_000, 51_000, 0]})
    >>> peaks_at_start_sites(peaks, genes)
    PeaksAtStartSites(n_genes=2, n_near=1, n_shifted=1)
    """
    code, chroms = pd.factorize(peaks["chrom"])
    starts, ends = (np.sort(code * _CHROMOSOME + peaks[column].to_numpy()) for column in ("start", "end"))
    of_gene = pd.Index(chroms).get_indexer(genes["chrom"])
    tss = genes["tss"].to_numpy()[of_gene >= 0]
    of_gene = of_gene[of_gene >= 0]
    near, *shifted = (_n_with_peak(starts, ends, of_gene, tss + shift) for shift in (0, -SHIFT_BP, SHIFT_BP))
    return PeaksAtStartSites(tss.size, near, sum(shifted))


def warn_of_other_assembly(found: PeaksAtStartSites) -> None:
    """Warn whoever makes a data set whose peaks are hardly more frequent at start sites than elsewhere."""
    if found.seem_apart:
        warnings.warn(
            f"peaks and genes may be of different genome assemblies: only {found}. With one assembly the first share "
            "is several times the second. Check that both are of the same build (hg19 or hg38, mm10 or mm39), and "
            "lift one over if not. Peaks from which promoters were left out look the same",
            AssemblyWarning,
            stacklevel=3,
        )


def _n_with_peak(starts: IntArray, ends: IntArray, chrom: IntArray, position: NDArray[np.int64]) -> int:
    """Number of places that a peak of their chromosome reaches: more have begun by there than have ended before."""
    key = chrom * _CHROMOSOME + position  # before the chromosome there are no peaks, nor beyond half of what is apart
    begun = np.searchsorted(starts, key + REACH_BP, side="right")
    return int((begun > np.searchsorted(ends, key - REACH_BP, side="right")).sum())
