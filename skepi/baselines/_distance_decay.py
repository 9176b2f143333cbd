"""DistanceDecay: openness weighted by its distance from the gene, as gene scores of the field are made."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from skepi._targets import FloatArray
from skepi.baselines._gene_score import GeneScoreRule, check_bp, check_depth
from skepi.baselines._peak_weights import NearPeaks, gene_lengths, weighted_openness
from skepi.intervals import MAX_POSITION
from skepi.paired import OpennessTables

IntArray = NDArray[np.int64]


def _sigmoid(x: FloatArray) -> FloatArray:
    """1 at 0, 1/2 at 1."""
    falling = np.exp(-np.log(3) * x)
    return 2 * falling / (1 + falling)


# Weight by the distance in units of ``decay_bp``.
_DECAYS: dict[str, Callable[[FloatArray], FloatArray]] = {
    "exponential": lambda x: np.exp(-x),
    "archr": lambda x: np.exp(-x) + np.exp(-1),
    "half_life": lambda x: np.exp2(-x),
    "sigmoid": _sigmoid,
}


class DistanceDecay(GeneScoreRule, BaseEstimator):
    r"""Predict expression by a gene score: openness weighted by distance, with one slope for all genes.

    The score of gene g in cell type c is

    .. math:: a_{gc} = \ln\Big(1 + \frac{1}{d_c} \sum_p o_{pc} \, w(|x_{gp}|)\Big)

    with :math:`o_{pc}` the openness of peak p, :math:`x_{gp}` the distance of its middle base from the gene, the sum
    over peaks with :math:`|x_{gp}| \le` ``reach_bp``, and :math:`d_c` the depth of the cell type. What follows from the
    score is as in :class:`PromoterSum`: one slope shared by all genes.

    ===========  ===================================================  ==========================================
    ``decay``    w(x), with D = ``decay_bp``                          of
    ===========  ===================================================  ==========================================
    exponential  :math:`e^{-x/D}`
    archr        :math:`e^{-x/D} + e^{-1}`                            ArchR: D = 5 kb, ``gene_body=True``
    half_life    :math:`2^{-x/D}`                                     MAESTRO: D = 10 kb, within 150 kb
    sigmoid      :math:`2 e^{-\mu x} / (1 + e^{-\mu x})`,             MARGE and LISA: D = 10 kb, within 100 kb
                 :math:`\mu = \ln 3 / D`, so that w(D) = 1/2
    ===========  ===================================================  ==========================================

    These are the weights of the tools by distance alone. ArchR also stops at neighbouring genes and gives weight to
    small genes; MAESTRO treats exons and promoters of other genes apart.

    Parameters
    ----------
    decay : {"exponential", "archr", "half_life", "sigmoid"}, default="exponential"
    decay_bp : float, default=5_000
        D, in bp: where the exponential has fallen to 1/e, the last two to 1/2.
    reach_bp : int, default=100_000
        Greatest distance that counts.
    gene_body : bool, default=False
        Whether the distance is that from the gene body and the ``upstream_bp`` before its TSS, 0 inside, instead of
        that from the TSS. Needs a column ``tes`` in the table of genes, the 0-based position of the last transcribed
        base.
    upstream_bp : int, default=5_000
        Only with ``gene_body=True``.
    depth : {"mean"} or None, default="mean"
        ``"mean"`` divides each cell type by its mean openness over the peaks of the signal, mitochondrial ones left
        out.
    sd_offset : float, default=1.0
        In units of ``y``.
    signal : str, optional
        Signal whose openness counts; needed where a data set has several.

    Attributes
    ----------
    slope_ : float
        SDs (+ ``sd_offset``) of expression per unit of score.
    gene_score_mean_ : Series of float, index gene name
        Mean score over the training pairs of each gene of the training data set; of one without any, over the training
        cell types.
    gene_mean_, gene_sd_ : Series of float, index gene name
        Over the training pairs of each gene, in units of ``y``.
    grand_mean_, pooled_sd_ : float
        Mean and SD for genes without training pairs.
    n_features_in_ : int

    Warns
    -----
    UnseenGeneWarning
        As for :class:`PromoterSum`.

    Raises
    ------
    TypeError, ValueError, TableError, UnmatchedDataError
        As for :class:`PromoterSum`.

    Notes
    -----
    Where a peak has two middle bases, the downstream one counts, on both strands. :class:`PromoterSum` has other notes.

    References
    ----------
    Granja et al., Nature Genetics 2021 (ArchR); Wang et al., Genome Biology 2020 (MAESTRO); Wang et al., Genome
    Research 2016 (MARGE); Qin et al., Genome Biology 2020 (LISA).

    Examples
    --------
    >>> from skepi.paired import PairedDataset
    >>> data = PairedDataset(
    ...     openness=[[8.0]], cell_types=["HSC"],
    ...     peaks={"chrom": ["chr1"], "start": [10_000], "end": [10_001]},
    ...     genes={"name": ["a"], "chrom": ["chr1"], "tss": [0], "strand": ["+"]},
    ... )
    >>> rule = DistanceDecay("half_life", decay_bp=5_000, depth=None)
    >>> [round(float(weighted_sum), 6) for weighted_sum in np.expm1(rule.gene_scores(data.pairs()))]  # two half-lives
    [2.0]
    """

    def __init__(
        self,
        decay: str = "exponential",
        *,
        decay_bp: float = 5_000,
        reach_bp: int = 100_000,
        gene_body: bool = False,
        upstream_bp: int = 5_000,
        depth: str | None = "mean",
        sd_offset: float = 1.0,
        signal: str | None = None,
    ) -> None:
        self.decay = decay
        self.decay_bp = decay_bp
        self.reach_bp = reach_bp
        self.gene_body = gene_body
        self.upstream_bp = upstream_bp
        self.depth = depth
        self.sd_offset = sd_offset
        self.signal = signal

    def _check_settings(self) -> None:
        if self.decay not in _DECAYS:
            raise ValueError(f"decay must be one of {tuple(_DECAYS)}, got {self.decay!r}")
        if not 0 < self.decay_bp < np.inf:
            raise ValueError(f"decay_bp must be finite and greater than 0, got {self.decay_bp!r}")
        check_bp("reach_bp", self.reach_bp, 1, MAX_POSITION)
        check_bp("upstream_bp", self.upstream_bp, 0, MAX_POSITION)
        check_depth(self.depth)

    def _sums(
        self, tables: OpennessTables, signal: str, genes: NDArray[np.int64], cells: NDArray[np.int64]
    ) -> FloatArray:
        first, last = self._bodies(tables)

        def weigh(near: NearPeaks) -> FloatArray:
            distance = _distance((near.low + near.high) // 2, first[near.gene], last[near.gene])
            weight = _DECAYS[self.decay](distance / self.decay_bp)
            return np.where(distance <= self.reach_bp, weight, 0.0)

        return weighted_openness(tables, signal, genes, cells, np.maximum(-first, last) + self.reach_bp, weigh)

    def _bodies(self, tables: OpennessTables) -> tuple[IntArray, IntArray]:
        """Offsets of the first and the last base of what distances are measured from, both (n_genes,)."""
        zero = np.zeros(len(tables.genes), dtype=np.int64)
        return (zero - self.upstream_bp, gene_lengths(tables.genes) - 1) if self.gene_body else (zero, zero)


def _distance(offset: IntArray, first: IntArray, last: IntArray) -> IntArray:
    """Bases between an offset and a range, 0 inside."""
    return np.maximum(np.maximum(first - offset, offset - last), 0)
