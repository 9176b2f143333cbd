"""Openness and expression simulated from a stated law, which is returned beside the data."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import Bunch

from skepi.datasets._bands import band_signal, checked_bands, profile_of_bands
from skepi.datasets._genome import Genome, place_genome
from skepi.datasets._parts import PROFILE_DISTANCE_BP, PROFILE_WEIGHT, draw_parts
from skepi.datasets._signal import call_peaks, draw_signal, draw_state, grow_tree, sequence
from skepi.paired import PairedDataset

FloatArray = NDArray[np.float64]

# Natural log(1 + CPM) of expressed genes in 14 blood populations: mean and SD over genes, mean and spread of SDs.
_GENE_MEAN = 2.8
_GENE_MEAN_SD = 1.6
_GENE_SD_SHAPE = 4.0
_GENE_SD_SCALE = 0.19


def make_paired_openness(
    n_genes: int = 400,
    n_cell_types: int = 24,
    *,
    n_lineages: int = 4,
    n_chromosomes: int = 4,
    n_peaks: int | None = None,
    signal: str = "fold",
    openness_depth: float = 20.0,
    cis_share: float = 0.3,
    program_share: float = 0.6,
    interaction_share: float = 0.0,
    n_programs: int = 3,
    cis_bands: ArrayLike | None = None,
    corrupted: int | None = None,
    corruption: float = 4.0,
    random_state: int | None = 0,
) -> tuple[PairedDataset, Bunch]:
    r"""Simulate openness and log expression of related cell types from a known law.

    Expression of gene g in cell type c is :math:`\max(0, \mu_g + \sigma_g t_{gc})`, where t is the sum of independent
    parts with mean squares that add up to 1:

    * **cis** (``cis_share``): :math:`\sum_p w(d_{gp}) z_{pc}` over peaks at distance d from the TSS, with z the
      log of 1 + true signal over its mean in the cell type, standardised over cell types, and w falling with distance
      as in the report;
    * **program** (``program_share``): a gene's loadings times the cell type's state; the same states move
      openness all over the genome;
    * **interaction** (``interaction_share``): :math:`\tanh(2 P) \tanh(2 D)` of standardised proximal (within 2 kb)
      and distal cis signal, less its projection on the cis part: it saturates, and no linear model sees it;
    * **noise**: the rest.

    Defaults are those of blood: density and clustering of peaks, share of zeros at promoters and elsewhere,
    correlation of promoter openness with expression across cell types and across genes, and correlations of cell
    types lie within 20 % of 14 sorted populations (Corces et al. 2016; Ulirsch et al. 2019) where genes are many.
    Cell types belong to lineages and to pairs of sisters within them, which share programs and peaks; the last cell
    type lies far from all.

    Parameters
    ----------
    n_genes, n_cell_types : int, default=400 and 24
    n_lineages : int, default=4
        At most ``n_cell_types``.
    n_chromosomes : int, default=4
        At most ``n_genes``; genes lie about 158 kb apart, in gene-rich and gene-poor stretches.
    n_peaks : int, optional
        Exactly so many peaks of 500 bp. By default as dense as in blood: about 20 a gene, with those on 1 Mb at both
        ends of each chromosome.
    signal : {"fold", "counts"}, default="fold"
        ``"fold"`` is fold enrichment, 0 below a threshold of 1.5, as a peak caller gives it. ``"counts"`` are reads
        drawn from a Poisson law around the true signal. Expression does not depend on it.
    openness_depth : float, default=20.0
        Only with ``signal="counts"``: mean reads a peak in a cell type, about which libraries vary by 30 %. 25 million
        fragments, as ENCODE asks of an ATAC library, with 30 % of them in 375,000 peaks, are 20.
    cis_share, program_share, interaction_share : float, default=0.3, 0.6 and 0.0
        Fractions that add up to at most 1; the rest is noise.
    n_programs : int, default=3
        Dimension of the cell state.
    cis_bands : array-like of int, optional
        Edges of bands in bp from the TSS, upstream negative. The cis part is then linear in the log of the **measured**
        openness of these bands, less means of genes and of cell types and divided by one scale a band, with the weight
        that the middle of the band has by its distance: the law that models on these bins can express. By default it
        acts peak by peak, and on the true signal.
    corrupted : int, optional
        Column of a cell type whose expression gets extra noise.
    corruption : float, default=4.0
        SD of that noise in units of :math:`\sigma_g`.
    random_state : int or None, default=0

    Returns
    -------
    data : PairedDataset
        Expression is natural log(1 + CPM), ready to be predicted; :func:`make_read_counts` draws reads of it.
    truth : Bunch
        ``cis, program, interaction, noise`` (DataFrames, genes x cell types, log units; with ``gene_mean`` they add
        up to expression before it is cut at 0), ``gene_mean, gene_sd`` (Series), ``weights`` (DataFrame: ``from_bp,
        to_bp, weight`` by distance from the TSS, and ``effect``, the same in units of ``gene_sd`` for one SD of a
        peak; with ``cis_bands`` by offset from the TSS, and for one SD of a band), ``cell_state`` (DataFrame, cell
        types x programs), ``loadings`` (DataFrame, genes x programs, units of ``gene_sd``), ``tree`` (DataFrame,
        ``lineage, sisters, own_sd`` by cell type), ``signal`` (DataFrame of float32, peaks x cell types: fold
        enrichment before threshold or sampling), ``promoter`` (Series: whether a peak lies within 1 kb of a TSS),
        ``openness_depth`` (Series: reads expected of each cell type, or None for fold enrichment), ``shares`` (dict,
        noise included), ``corrupted`` (name or None).

    Raises
    ------
    ValueError
        For shares below 0 or above 1 in sum, counts that do not fit together, a signal of another name, a depth that
        is not positive, or more peaks than there is room for.

    References
    ----------
    Corces et al., Nature Genetics 2016; Ulirsch, Lareau, Bao et al., Nature Genetics 2019 (the blood populations);
    ENCODE ATAC-seq data standards (depth and share of reads in peaks).

    Examples
    --------
    >>> data, truth = make_paired_openness(n_genes=20, n_cell_types=6, n_lineages=2, n_peaks=500)
    >>> data.openness.shape, data.expression.shape, truth.cis.shape
    ((500, 6), (20, 6), (20, 6))
    """
    shares = _checked_shares({"cis": cis_share, "program": program_share, "interaction": interaction_share})
    _check_sizes(n_genes, n_cell_types, n_lineages, n_chromosomes, corrupted)
    if signal not in ("fold", "counts"):
        raise ValueError(f'signal must be "fold" or "counts", got {signal!r}')
    if not 0 < openness_depth < np.inf:
        raise ValueError(f"openness_depth must be a positive number of reads a peak, got {openness_depth}")
    edges = None if cis_bands is None else checked_bands(cis_bands)
    of_genome, of_signal, of_parts, of_genes, of_reads, of_corrupted = np.random.default_rng(random_state).spawn(6)
    genome = place_genome(of_genome, n_genes, n_chromosomes, n_peaks)
    tree = grow_tree(n_cell_types, n_lineages)
    state = draw_state(of_signal, tree, n_programs)
    true_signal = draw_signal(of_signal, genome, tree, state)
    openness, depth = (
        (call_peaks(true_signal), None) if signal == "fold" else sequence(of_reads, true_signal, openness_depth)
    )
    bands = None if edges is None else band_signal(genome, openness, edges, profile_of_bands(edges))
    parts = draw_parts(of_parts, genome, true_signal, state, shares, bands)
    if corrupted is not None:
        parts["noise"][:, corrupted] += corruption * of_corrupted.normal(size=n_genes)
    mean, sd = _draw_genes(of_genes, genome)
    expression = np.maximum(mean[:, None] + sd[:, None] * sum(parts[name] for name in shares), 0)
    cell_types = tree["lineage"].rename_axis("name").reset_index()
    data = PairedDataset(openness, genome.peaks, genome.genes, expression, cell_types)
    tables = _tables(data, tree, parts, shares, mean, sd, state, edges)
    peaks = {
        "signal": pd.DataFrame(true_signal, columns=tree.index, copy=False),
        "promoter": pd.Series(genome.promoter),
        "openness_depth": None if depth is None else pd.Series(depth, tree.index),
    }
    name = None if corrupted is None else tree.index[corrupted]
    return data, Bunch(**tables, **peaks, tree=tree, shares=shares, corrupted=name)


def _checked_shares(shares: dict[str, float]) -> dict[str, float]:
    """The same with noise as the rest."""
    if not (min(shares.values()) >= 0 and sum(shares.values()) <= 1 + 1e-12):
        raise ValueError(f"shares must be 0 or greater and add up to at most 1, got {shares}")
    return shares | {"noise": max(0.0, 1 - sum(shares.values()))}


def _check_sizes(n_genes: int, n_cell_types: int, n_lineages: int, n_chromosomes: int, corrupted: int | None) -> None:
    if not 1 <= n_lineages <= n_cell_types or not 1 <= n_chromosomes <= n_genes:
        raise ValueError("wanted 1 <= n_lineages <= n_cell_types and 1 <= n_chromosomes <= n_genes")
    if corrupted is not None and not 0 <= corrupted < n_cell_types:
        raise ValueError(f"corrupted must be a column in 0 .. {n_cell_types - 1}, got {corrupted}")


def _draw_genes(rng: Generator, genome: Genome) -> tuple[FloatArray, FloatArray]:
    """Mean log expression of each gene, higher for active genes, and the SD of the parts."""
    mean = np.abs(_GENE_MEAN + _GENE_MEAN_SD * genome.activity)
    return mean, rng.gamma(_GENE_SD_SHAPE, _GENE_SD_SCALE, size=mean.size)


def _tables(
    data: PairedDataset,
    tree: pd.DataFrame,
    parts: Bunch,
    shares: dict[str, float],
    mean: FloatArray,
    sd: FloatArray,
    state: FloatArray,
    edges: NDArray[np.int64] | None,
) -> dict[str, Any]:
    """What expression is made of, labelled."""
    genes = pd.Index(data.genes["name"], name="gene")
    tables: dict[str, Any] = {name: pd.DataFrame(sd[:, None] * parts[name], genes, tree.index) for name in shares}
    limits, weight = (PROFILE_DISTANCE_BP, PROFILE_WEIGHT) if edges is None else (edges, profile_of_bands(edges))
    bands = {"from_bp": limits[:-1], "to_bp": limits[1:], "weight": weight}
    return tables | {
        "gene_mean": pd.Series(mean, genes),
        "gene_sd": pd.Series(sd, genes),
        "weights": pd.DataFrame(bands | {"effect": parts["effect"] * weight}),
        "cell_state": pd.DataFrame(state, tree.index),
        "loadings": pd.DataFrame(parts["loadings"], genes),
    }
