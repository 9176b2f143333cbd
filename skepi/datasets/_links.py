"""Expression that follows chosen peaks: simulated links of peaks to genes, which are returned beside the data."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray
from sklearn.utils import Bunch

from skepi._doors import check_count, check_number
from skepi.datasets._parts import standardised_log
from skepi.datasets._simulate import make_paired_openness
from skepi.intervals import IntervalIndex
from skepi.paired import PairedDataset

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Contact falls with distance as in ABC.
_DECAY = 0.87
_FLOOR_BP = 5_000
# At preference 1; chosen so that openness, open promoters and few genes between are enriched among planted links as
# they are among promoter-capture Hi-C contacts of red blood cell precursors.
_BY_SIGNAL = 0.13
_BY_MEAN_EXPRESSION = 0.4
_KEPT_BY_EACH_GENE = 0.72
_EXPRESSED_ABOVE = np.log(2)  # 1 CPM

_NEXT = 2**32  # apart in keys of (chromosome, position)
_LINKS = 1  # so that links are drawn apart from the data


def make_linked_openness(
    n_genes: int = 400,
    n_cell_types: int = 24,
    *,
    preference: float = 1.0,
    links_per_gene: float = 10.0,
    link_share: float = 0.1,
    min_distance: int = 20_000,
    max_distance: int = 1_000_000,
    random_state: int | None = 0,
    **settings: Any,
) -> tuple[PairedDataset, Bunch]:
    r"""Simulate openness and expression as :func:`make_paired_openness` does, and plant links of peaks to genes.

    A link makes the expression of its gene follow the openness of its peak. Links are drawn without replacement from
    all pairs of a gene and a peak whose middle lies ``min_distance`` to ``max_distance`` from the TSS, with chances in
    proportion to

    .. math:: \max(d, 5000)^{-0.87} \left[ \bar s_p^{\,0.13} \; e^{0.4 \mu_g} \; 0.72^{\,n_{gp}} \right]^q

    with d the distance in bp, :math:`\bar s_p` the mean true signal of the peak over cell types, :math:`\mu_g` the
    level of expression of the gene, :math:`n_{gp}` the number of expressed genes (above 1 CPM) whose TSS lies between
    the two, and q the ``preference``. In words: active peaks act more often than others, active genes have more links,
    and each expressed gene in between takes 28 % of the contact. With q = 0 links depend on the distance alone, and no
    score can tell them from other pairs at their distance, except by correlation across cell types.

    The form is that of a mechanism, not of :func:`skepi.inspection.score_links`: it has the true signal in place of
    what is measured, and expression in place of openness at promoters. Its strengths are chosen to be like those of
    real contacts; see the notes.

    Parameters
    ----------
    n_genes, n_cell_types : int, default=400 and 24
    preference : float, default=1.0
        Strength of the preference, 0 or greater; 0 for links at random, 2 for strong preferences.
    links_per_gene : float, default=10.0
        Mean number of links per gene; greater than 0.
    link_share : float, default=0.1
        Share of the mean square of expression about the mean of its gene that follows from links; it is taken from the
        noise.
    min_distance, max_distance : int, default=20_000 and 1_000_000
        In bp.
    random_state : int or None, default=0
    **settings
        Settings of :func:`make_paired_openness`, except ``signals`` and ``corrupted``.

    Returns
    -------
    data : PairedDataset
    truth : Bunch
        As from :func:`make_paired_openness`, with ``links`` (DataFrame: ``chrom, start, end, gene, distance_bp``,
        distance unsigned, one row per planted link, ordered by gene), ``link`` (DataFrame, genes x cell types: what
        links add to expression, log units; with the other parts and ``gene_mean`` it adds up to expression before it is
        cut at 0), ``noise`` less by that share, and ``shares`` with ``link``.

    Raises
    ------
    ValueError
        As for :func:`make_paired_openness`; for settings out of range, a share of links above that of noise, more links
        than there are pairs, and the settings that are not taken.

    Notes
    -----
    Enrichment of links among the top 5 % of pairs at equal distance, planted with preference 1 (mean of 20 seeds,
    ``benchmarks/links.py``) and, in brackets, among promoter-capture Hi-C contacts of red blood cell precursors:
    openness of the peak 1.34 (1.32), openness times that of the promoter 1.69 (1.60), fewer expressed start sites
    between 1.72 (1.76). The strengths of the law were chosen by these three. One thing is unlike the real data:
    correlation across cell types finds planted links (1.60), because they act in all cell types alike, and did not find
    the contacts (0.99).

    See Also
    --------
    skepi.inspection.score_links, skepi.inspection.link_enrichment

    Examples
    --------
    >>> data, truth = make_linked_openness(n_genes=20, n_cell_types=6, n_lineages=2, links_per_gene=3)
    >>> len(truth.links), round(truth.shares["link"], 2)
    (60, 0.1)
    """
    _check(preference, links_per_gene, link_share, min_distance, max_distance, settings)
    data, truth = make_paired_openness(n_genes, n_cell_types, random_state=random_state, **settings)
    if link_share > truth.shares["noise"]:
        raise ValueError(
            f"link_share must be at most the share of noise, {truth.shares['noise']:.3g}, got {link_share}: lower "
            "cis_share or program_share"
        )
    rng = np.random.default_rng(None if random_state is None else [random_state, _LINKS])
    gene, peak, distance = _candidates(data, min_distance, max_distance)
    weight = _log_weight(data, truth, gene, peak, distance, preference)
    chosen = _drawn(rng, weight, round(links_per_gene * n_genes))
    gene, peak, distance = gene[chosen], peak[chosen], distance[chosen]
    return _with_links(data, truth, gene, peak, link_share), _told(data, truth, gene, peak, distance)


def _check(preference: Any, per_gene: Any, share: Any, low: Any, high: Any, settings: dict[str, Any]) -> None:
    check_number("preference", preference, 0)
    check_number("links_per_gene", per_gene, 0, low_included=False)
    check_number("link_share", share, 0, 1)
    check_count("min_distance", low, 0)
    check_count("max_distance", high, 1)
    if low >= high:
        raise ValueError(f"min_distance must be less than max_distance, got {low} and {high}")
    refused = sorted({"signals", "corrupted", "corruption"} & set(settings))
    if refused:
        raise ValueError(f"make_linked_openness takes no {' and no '.join(refused)}: it plants links in one signal")


def _candidates(data: PairedDataset, low: int, high: int) -> tuple[IntArray, IntArray, IntArray]:
    """Gene, peak and distance of every pair in reach."""
    peaks, tss = data.peaks, data.genes["tss"].to_numpy()
    start, end = peaks["start"].to_numpy(), peaks["end"].to_numpy()
    index = IntervalIndex(peaks["chrom"].to_numpy(), start, end)
    gene, peak = index.in_reach(data.genes["chrom"].to_numpy(), tss, high)
    distance = np.abs((start[peak] + end[peak]) // 2 - tss[gene])
    kept = (distance >= low) & (distance <= high)
    return gene[kept], peak[kept], distance[kept]


def _log_weight(
    data: PairedDataset, truth: Bunch, gene: IntArray, peak: IntArray, distance: IntArray, preference: float
) -> FloatArray:
    """Natural log of the chance of each pair, up to a constant."""
    signal = np.log(truth.signal.to_numpy().mean(axis=1, dtype=np.float64))
    level = truth.gene_mean.to_numpy()
    between = _expressed_between(data, level > _EXPRESSED_ABOVE, gene, peak)
    preferred = _BY_SIGNAL * signal[peak] + _BY_MEAN_EXPRESSION * level[gene] + np.log(_KEPT_BY_EACH_GENE) * between
    return preference * preferred - _DECAY * np.log(np.maximum(distance, _FLOOR_BP))


def _expressed_between(data: PairedDataset, expressed: NDArray[np.bool_], gene: IntArray, peak: IntArray) -> IntArray:
    """Number of expressed genes whose TSS lies between the middle of the peak and the TSS of the gene."""
    chrom = pd.factorize(data.genes["chrom"].to_numpy(dtype=object))[0] * _NEXT
    tss = data.genes["tss"].to_numpy()
    sites = np.sort((chrom + tss)[expressed])
    middle = data.peaks["start"].to_numpy()[peak] + (data.peaks["end"] - data.peaks["start"]).to_numpy()[peak] // 2
    low, high = (chrom[gene] + side(middle, tss[gene]) for side in (np.minimum, np.maximum))
    return np.maximum(np.searchsorted(sites, high, "left") - np.searchsorted(sites, low, "right"), 0)


def _drawn(rng: Generator, log_weight: FloatArray, n: int) -> IntArray:
    """Draw pairs one after the other, each in proportion to its weight (Gumbel's way), sorted."""
    if not 1 <= n <= log_weight.size:
        raise ValueError(f"{n} links were asked for, and there are {log_weight.size} pairs in reach")
    return np.sort(np.argsort(-(log_weight + rng.gumbel(size=log_weight.size)), kind="stable")[:n])


def _with_links(data: PairedDataset, truth: Bunch, gene: IntArray, peak: IntArray, share: float) -> PairedDataset:
    """The data set with links in place of some noise; ``truth`` is changed with it."""
    signal = truth.signal.to_numpy(dtype=np.float64)
    z = standardised_log(signal / signal.mean(axis=0))
    total = np.zeros(truth.noise.shape)
    np.add.at(total, gene, z[peak])
    size = float(np.sqrt(np.mean(total**2))) or 1.0
    noise_share = truth.shares["noise"]
    link = truth.gene_sd.to_numpy()[:, None] * np.sqrt(share) * total / size
    noise = truth.noise * (np.sqrt((noise_share - share) / noise_share) if noise_share > 0 else 0.0)
    truth.link, truth.noise = pd.DataFrame(link, truth.noise.index, truth.noise.columns), noise
    truth.shares = truth.shares | {"link": share, "noise": noise_share - share}
    parts = truth.cis + truth.program + truth.interaction + truth.noise + truth.link
    expression = np.maximum(truth.gene_mean.to_numpy()[:, None] + parts.to_numpy(), 0)
    return PairedDataset(data.openness, data.peaks, data.genes, expression, data.cell_types, data.peak_features)


def _told(data: PairedDataset, truth: Bunch, gene: IntArray, peak: IntArray, distance: IntArray) -> Bunch:
    places = data.peaks.iloc[peak][["chrom", "start", "end"]].reset_index(drop=True)
    truth.links = places.assign(gene=data.genes["name"].to_numpy()[gene], distance_bp=distance)
    return truth
