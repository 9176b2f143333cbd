"""PromoterSum: openness of the promoter, and on request of the gene body, as a gene's score."""

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from skepi._targets import FloatArray
from skepi.baselines._gene_score import GeneScoreRule, check_bp, check_depth
from skepi.baselines._peak_weights import NearPeaks, gene_lengths, weighted_openness
from skepi.intervals import MAX_POSITION, overlap_bp
from skepi.paired import OpennessTables


class PromoterSum(GeneScoreRule, BaseEstimator):
    r"""Predict expression by the openness of the gene's promoter, with one slope for all genes.

    The score of gene g in cell type c is

    .. math:: a_{gc} = \ln\Big(1 + \frac{1}{d_c} \sum_p o_{pc} \, n_{pg} / \ell_p\Big)

    with :math:`o_{pc}` the openness of peak p, :math:`\ell_p` its length, :math:`n_{pg}` how many of its bases lie
    within ``reach_bp`` of the TSS, and :math:`d_c` the depth of the cell type. The prediction is

    .. math:: \hat y_{gc} = m_g + (\mathrm{SD}_g + s) \, b \, (a_{gc} - \bar a_g)

    with mean :math:`m_g` and SD of the gene's expression and mean :math:`\bar a_g` of its score over its training
    pairs, and s = ``sd_offset``. The slope b is the only number learned beside these: by least squares of
    :math:`(y_{gc} - m_g) / (\mathrm{SD}_g + s)` on :math:`a_{gc} - \bar a_g` over all training pairs.

    Parameters
    ----------
    reach_bp : int, default=1_000
        The window is ``[-reach_bp, reach_bp)`` around the TSS, in the direction of transcription.
    gene_body : bool, default=False
        Whether the window is ``[-reach_bp, length of the gene)`` instead: with ``reach_bp=2_000`` that of Signac's
        gene activity, which counts fragments there. Needs a column ``tes`` in the table of genes, the 0-based position
        of the last transcribed base.
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
        b: SDs (+ s) of expression per unit of score.
    gene_score_mean_ : Series of float, index gene name
        :math:`\bar a_g` of every gene of the training data set; of one without training pairs, over the training cell
        types.
    gene_mean_, gene_sd_ : Series of float, index gene name
        Over the training pairs of each gene, in units of ``y``.
    grand_mean_, pooled_sd_ : float
        Mean and SD for genes without training pairs.
    n_features_in_ : int

    Warns
    -----
    UnseenGeneWarning
        Where genes without training pairs are predicted: differences between their cell types are predicted as for any
        other, around the mean of all genes.

    Raises
    ------
    TypeError
        Where rows are not pairs.
    ValueError
        For settings out of range, where no score differs between training cell types, and where a data set has several
        signals and none is named.
    TableError
        For a gene body without a usable ``tes``, and a cell type without signal that is to be scaled.
    UnmatchedDataError
        Where no gene of a data set had a training pair.

    Notes
    -----
    Scores come from the peaks of the data set that rows refer to; peaks may differ from those of training, and a gene
    without a peak in reach has score 0. A gene that the training data did not hold is centred on all cell types of the
    data set that it comes from.

    References
    ----------
    Stuart et al., Nature Methods 2021 (Signac).

    Examples
    --------
    >>> from skepi.paired import PairedDataset
    >>> data = PairedDataset(
    ...     openness=[[0.0, 8.0]], cell_types=["HSC", "Ery"],
    ...     peaks={"chrom": ["chr1"], "start": [1_098], "end": [1_102]},  # half of it within 1,000 bp of the TSS
    ...     genes={"name": ["a"], "chrom": ["chr1"], "tss": [100], "strand": ["+"]},
    ... )
    >>> scores = PromoterSum(depth=None).gene_scores(data.pairs())
    >>> [round(float(sum_in_reach), 6) for sum_in_reach in np.expm1(scores)]
    [0.0, 4.0]
    """

    def __init__(
        self,
        reach_bp: int = 1_000,
        *,
        gene_body: bool = False,
        depth: str | None = "mean",
        sd_offset: float = 1.0,
        signal: str | None = None,
    ) -> None:
        self.reach_bp = reach_bp
        self.gene_body = gene_body
        self.depth = depth
        self.sd_offset = sd_offset
        self.signal = signal

    def _check_settings(self) -> None:
        check_bp("reach_bp", self.reach_bp, 1, MAX_POSITION)
        check_depth(self.depth)

    def _sums(
        self, tables: OpennessTables, signal: str, genes: NDArray[np.int64], cells: NDArray[np.int64]
    ) -> FloatArray:
        end = gene_lengths(tables.genes) if self.gene_body else np.full(len(tables.genes), self.reach_bp)

        def share_inside(near: NearPeaks) -> FloatArray:
            start = np.full(near.gene.size, -self.reach_bp)
            return overlap_bp(near.low, near.high, start, end[near.gene]) / (near.high - near.low)

        return weighted_openness(tables, signal, genes, cells, np.maximum(end, self.reach_bp), share_inside)
