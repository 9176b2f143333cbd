"""Openness and expression simulated from a stated law, which is returned beside the data."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import Bunch

from skepi._columns import UNNAMED
from skepi.datasets._bands import band_signal, checked_bands, profile_of_bands
from skepi.datasets._genome import Genome, place_genomes
from skepi.datasets._parts import PROFILE_DISTANCE_BP, PROFILE_WEIGHT, Local, draw_parts, local_parts
from skepi.datasets._signal import Measured, draw_signal, draw_state, grow_tree, measured
from skepi.paired import PairedDataset

FloatArray = NDArray[np.float64]

# Natural log(1 + CPM) of expressed genes in 14 blood populations: mean and SD over genes, mean and spread of SDs.
_GENE_MEAN = 2.8
_GENE_MEAN_SD = 1.6
_GENE_SD_SHAPE = 4.0
_GENE_SD_SCALE = 0.19

_ROUNDING = 1e-9  # of shares of signals that add up to 1


def make_paired_openness(
    n_genes: int = 400,
    n_cell_types: int = 24,
    *,
    n_lineages: int = 4,
    n_chromosomes: int = 4,
    n_peaks: int | None = None,
    signals: Mapping[str, float] | None = None,
    peak_classes: bool = False,
    measure: str = "fold",
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
    r"""Simulate openness, of one signal or several, and log expression of related cell types from a known law.

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

    With several signals, each has peaks and openness of its own, and a cis part and an interaction made from its own
    peaks. Both are weighted by the square root of the signal's share and added up. Where several signals have a share,
    each cis part is taken less its mean over genes in each cell type, which signals have in common. What correlation is
    left between the parts of two signals is chance, so the mean square of the whole cis part is close to ``cis_share``,
    not equal to it.

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
        Exactly so many peaks of 500 bp in each signal. By default as dense as in blood: about 20 per gene, with those
        on 1 Mb at both ends of each chromosome.
    signals : mapping of str to float, optional
        Share of each signal in the cis part, by name: ``{"ATAC": 0.5, "H3K27ac": 0.5}``. Shares add up to 1. A signal
        with a share of 0 is noise: its cell types are shuffled, so its differences between cell types follow neither
        the programs nor the lineages. Promoters of active genes are more open than others in it, as in all signals.
        A further signal leaves the openness of those before it as it was. By default one signal without a name.
    peak_classes : bool, default=False
        Whether the data set has the features of peaks ``class:promoter`` (within 1 kb of a TSS) and ``class:distal``.
    measure : {"fold", "counts"}, default="fold"
        ``"fold"`` is fold enrichment, 0 below a threshold of 1.5, as a peak caller gives it. ``"counts"`` are reads
        drawn from a Poisson law around the true signal. Expression does not depend on it.
    openness_depth : float, default=20.0
        Only with ``measure="counts"``: mean reads per peak in a cell type, about which libraries vary by 30 %. 25
        million fragments, as ENCODE asks of an ATAC library, with 30 % of them in 375,000 peaks, are 20.
    cis_share, program_share, interaction_share : float, default=0.3, 0.6 and 0.0
        Fractions that add up to at most 1; the rest is noise.
    n_programs : int, default=3
        Dimension of the cell state.
    cis_bands : array-like of int, optional
        Edges of bands in bp from the TSS, upstream negative. The cis part is then linear in the log of the **measured**
        openness of these bands, less means of genes and of cell types and divided by one scale per band, with the
        weight that the middle of the band has by its distance: the law that models on these bins can express. By
        default it acts peak by peak, and on the true signal. The bands are those of every signal.
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
        up to expression before it is cut at 0), ``cis_of`` (dict by the names of ``data.signals``: the cis part of each
        signal, a DataFrame like ``cis``), ``gene_mean, gene_sd`` (Series), ``weights`` (DataFrame: ``from_bp,
        to_bp, weight`` by distance from the TSS, and ``effect``, the same in units of ``gene_sd`` for one SD of a
        peak; with ``cis_bands`` by offset from the TSS, and for one SD of a band; with ``signals`` one such table per
        signal, named in the first column ``signal``), ``cell_state`` (DataFrame, cell
        types x programs), ``loadings`` (DataFrame, genes x programs, units of ``gene_sd``), ``tree`` (DataFrame,
        ``lineage, sisters, own_sd`` by cell type), ``signal`` (DataFrame of float32, peaks x cell types, in the order
        of ``data.peaks``: fold enrichment before threshold or sampling), ``promoter`` (Series in the same order:
        whether a peak lies within 1 kb of a TSS), ``openness_depth`` (reads expected of each cell type: a Series, with
        ``signals`` a DataFrame, cell types x signals; None for fold enrichment), ``shares`` (dict, noise included),
        ``signal_shares`` (dict by the names of ``data.signals``), ``corrupted`` (name or None).

    Raises
    ------
    ValueError
        For shares below 0 or above 1 in sum, shares of signals that do not add up to 1, counts that do not fit
        together, another measure, a depth that is not positive, or more peaks than there is room for.

    References
    ----------
    Corces et al., Nature Genetics 2016; Ulirsch, Lareau, Bao et al., Nature Genetics 2019 (the blood populations);
    ENCODE ATAC-seq data standards (depth and share of reads in peaks).

    Examples
    --------
    >>> data, truth = make_paired_openness(n_genes=20, n_cell_types=6, n_lineages=2, n_peaks=500)
    >>> data.openness.shape, data.expression.shape, truth.cis.shape
    ((500, 6), (20, 6), (20, 6))
    >>> signals = {"ATAC": 0.7, "H3K27ac": 0.3, "input": 0.0}
    >>> data, truth = make_paired_openness(n_genes=20, n_cell_types=6, n_peaks=500, signals=signals)
    >>> data.signals, data.openness.shape
    (('ATAC', 'H3K27ac', 'input'), (1500, 6))
    """
    shares = checked_shares({"cis": cis_share, "program": program_share, "interaction": interaction_share})
    check_sizes(n_genes, n_cell_types, n_lineages, n_chromosomes, corrupted)
    signal_shares = _checked_signals(signals)
    _check_measure(measure, openness_depth)
    edges = None if cis_bands is None else checked_bands(cis_bands)
    of_genome, of_signal, of_parts, of_genes, of_reads, of_corrupted = np.random.default_rng(random_state).spawn(6)
    genomes = place_genomes(_streams(of_genome, len(signal_shares)), n_genes, n_chromosomes, n_peaks)
    tree = grow_tree(n_cell_types, n_lineages)
    state = draw_state(of_signal, tree, n_programs)
    true = _draw_signals(of_signal, genomes, tree, state, list(signal_shares.values()))
    reads_per_peak = openness_depth if measure == "counts" else None
    streams = _streams(of_reads, len(genomes))
    sources = [measured(*one, reads_per_peak) for one in zip(streams, genomes, true, strict=True)]
    several = sum(share > 0 for share in signal_shares.values()) > 1
    local = [_local(source, edges, less_common=several) for source in sources]
    parts = draw_parts(of_parts, local, list(signal_shares.values()), state, shares)
    if corrupted is not None:
        parts["noise"][:, corrupted] += corruption * of_corrupted.normal(size=n_genes)
    mean, sd = draw_genes(of_genes, genomes[0])
    expression = np.maximum(mean[:, None] + sd[:, None] * sum(parts[name] for name in shares), 0)
    names = None if signals is None else list(signal_shares)
    data = _data_set(sources, names, expression, tree, peak_classes)
    tables = _tables(data, tree, parts, shares, mean, sd, state)
    tables |= _tables_of_signals(sources, names, tree) | {"weights": _weights(parts["effect"], names, edges)}
    name = None if corrupted is None else tree.index[corrupted]
    return data, Bunch(**tables, tree=tree, shares=shares, signal_shares=signal_shares, corrupted=name)


def checked_shares(shares: dict[str, float]) -> dict[str, float]:
    """The same with noise as the rest."""
    if not (min(shares.values()) >= 0 and sum(shares.values()) <= 1 + 1e-12):
        raise ValueError(f"shares must be 0 or greater and add up to at most 1, got {shares}")
    return shares | {"noise": max(0.0, 1 - sum(shares.values()))}


def _checked_signals(signals: Mapping[str, float] | None) -> dict[str, float]:
    """Share of each signal in the cis part; one without a name has all of it."""
    if signals is None:
        return {UNNAMED: 1.0}
    shares = {str(name): float(share) for name, share in signals.items()} if isinstance(signals, Mapping) else {}
    if not (all(share >= 0 for share in shares.values()) and abs(sum(shares.values()) - 1) <= _ROUNDING):
        raise ValueError(
            f"signals must be a dict of shares of the cis part that are 0 or greater and add up to 1, got {signals!r}"
        )
    return shares


def _check_measure(measure: str, openness_depth: float) -> None:
    if measure not in ("fold", "counts"):
        raise ValueError(f'measure must be "fold" or "counts", got {measure!r}')
    if not 0 < openness_depth < np.inf:
        raise ValueError(f"openness_depth must be a positive number of reads per peak, got {openness_depth}")


def check_sizes(n_genes: int, n_cell_types: int, n_lineages: int, n_chromosomes: int, corrupted: int | None) -> None:
    if not 1 <= n_lineages <= n_cell_types or not 1 <= n_chromosomes <= n_genes:
        raise ValueError("wanted 1 <= n_lineages <= n_cell_types and 1 <= n_chromosomes <= n_genes")
    if corrupted is not None and not 0 <= corrupted < n_cell_types:
        raise ValueError(f"corrupted must be a column in 0 .. {n_cell_types - 1}, got {corrupted}")


def _streams(rng: Generator, n: int) -> list[Generator]:
    """One generator per signal; the first signal draws the same numbers with others and without."""
    return [rng, *rng.spawn(n - 1)]


def _draw_signals(
    rng: Generator, genomes: list[Genome], tree: pd.DataFrame, state: FloatArray, shares: list[float]
) -> list[NDArray[np.float32]]:
    """True openness of each signal; cell types are shuffled in those that have no share in expression."""
    true = []
    for stream, genome, share in zip(_streams(rng, len(genomes)), genomes, shares, strict=True):
        drawn = draw_signal(stream, genome, tree, state)
        true.append(drawn if share else drawn[:, stream.permutation(len(tree))])
    return true


def _local(source: Measured, edges: NDArray[np.int64] | None, *, less_common: bool) -> Local:
    """What one signal does near genes, by peaks or by bands."""
    bands = None
    if edges is not None:
        bands = band_signal(source.genome, source.openness, edges, profile_of_bands(edges))
    return local_parts(source.genome, source.true, bands, less_common=less_common)


def draw_genes(rng: Generator, genome: Genome) -> tuple[FloatArray, FloatArray]:
    """Mean log expression of each gene, higher for active genes, and the SD of the parts."""
    mean = np.abs(_GENE_MEAN + _GENE_MEAN_SD * genome.activity)
    return mean, rng.gamma(_GENE_SD_SHAPE, _GENE_SD_SCALE, size=mean.size)


def _data_set(
    sources: list[Measured], names: list[str] | None, expression: FloatArray, tree: pd.DataFrame, peak_classes: bool
) -> PairedDataset:
    """All signals as they were measured: by name where they have one."""
    genes, cell_types = sources[0].genome.genes, tree["lineage"].rename_axis("name").reset_index()
    openness: Any = [one.openness for one in sources]
    peaks: Any = [one.genome.peaks for one in sources]
    classes: Any = [_classes(one.genome) if peak_classes else None for one in sources]
    if names is None:
        return PairedDataset(openness[0], peaks[0], genes, expression, cell_types, classes[0])
    openness, peaks, classes = (dict(zip(names, tables, strict=True)) for tables in (openness, peaks, classes))
    return PairedDataset(openness, peaks, genes, expression, cell_types, classes if peak_classes else None)


def _classes(genome: Genome) -> pd.Series:
    return pd.Series(np.where(genome.promoter, "promoter", "distal"), name="class")


def _tables_of_signals(sources: list[Measured], names: list[str] | None, tree: pd.DataFrame) -> dict[str, Any]:
    """What was there before it was measured, in the order of the peaks of the data set, and depths."""
    true = [one.true for one in sources]
    depth = None
    if names is not None and sources[0].depth is not None:
        depth = pd.DataFrame({name: one.depth for name, one in zip(names, sources, strict=True)}, tree.index)
    elif sources[0].depth is not None:
        depth = pd.Series(sources[0].depth, tree.index)
    return {
        "signal": pd.DataFrame(true[0] if len(true) == 1 else np.concatenate(true), columns=tree.index, copy=False),
        "promoter": pd.Series(np.concatenate([one.genome.promoter for one in sources])),
        "openness_depth": depth,
    }


def _weights(effects: list[float], names: list[str] | None, edges: NDArray[np.int64] | None) -> pd.DataFrame:
    """Weight of each distance, and its effect in each signal."""
    limits, weight = (PROFILE_DISTANCE_BP, PROFILE_WEIGHT) if edges is None else (edges, profile_of_bands(edges))
    bands = {"from_bp": limits[:-1], "to_bp": limits[1:], "weight": weight}
    tables = [pd.DataFrame(bands | {"effect": effect * weight}) for effect in effects]
    if names is None:
        return tables[0]
    joined = pd.concat(tables, ignore_index=True)
    joined.insert(0, "signal", np.repeat(np.array(names, dtype=object), len(weight)))
    return joined


def _tables(
    data: PairedDataset,
    tree: pd.DataFrame,
    parts: Bunch,
    shares: dict[str, float],
    mean: FloatArray,
    sd: FloatArray,
    state: FloatArray,
) -> dict[str, Any]:
    """What expression is made of, labelled."""
    genes = pd.Index(data.genes["name"], name="gene")
    cis_of = [pd.DataFrame(sd[:, None] * part, genes, tree.index) for part in parts["cis_of"]]
    tables: dict[str, Any] = {name: pd.DataFrame(sd[:, None] * parts[name], genes, tree.index) for name in shares}
    return tables | {
        "cis_of": dict(zip(data.signals, cis_of, strict=True)),
        "gene_mean": pd.Series(mean, genes),
        "gene_sd": pd.Series(sd, genes),
        "cell_state": pd.DataFrame(state, tree.index),
        "loadings": pd.DataFrame(parts["loadings"], genes),
    }
