"""Openness and expression simulated from a stated law, which is returned beside the data."""

from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.random import Generator
from numpy.typing import NDArray
from sklearn.utils import Bunch

from skepi.intervals import IntervalIndex
from skepi.paired import PairedDataset

FloatArray = NDArray[np.float64]

#: Effect of one standardised peak by its distance from the TSS: mean weights of the report's linear model
#: downstream (its logs at lambda 5e-4); 0 beyond the last distance.
PROFILE_DISTANCE_BP = np.array([0, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000])
PROFILE_WEIGHT = np.array([0.066, 0.051, 0.052, 0.040, 0.030, 0.015, 0.006, 0.003])

_PEAK_BP = 500
_GENE_SPACING_BP = 150_000
_BACKGROUND_SPACING_BP = 6_000
_PROXIMAL_BP = 2_000
_REACH_BP = int(PROFILE_DISTANCE_BP[-1])


def make_paired_openness(
    n_genes: int = 400,
    n_cell_types: int = 24,
    *,
    n_lineages: int = 4,
    n_chromosomes: int = 4,
    cis_share: float = 0.35,
    program_share: float = 0.25,
    interaction_share: float = 0.0,
    n_programs: int = 3,
    corrupted: int | None = None,
    corruption: float = 4.0,
    random_state: int | None = 0,
) -> tuple[PairedDataset, Bunch]:
    r"""Simulate openness and log expression of related cell types from a known law.

    Expression of gene g in cell type c is :math:`\max(0, \mu_g + \sigma_g t_{gc})`, where t is the sum of independent
    parts with mean squares that add up to 1:

    * **cis** (``cis_share``): :math:`\sum_p w(d_{gp}) z_{pc}` over peaks at distance d from the TSS, with z the
      log openness of the peak standardised over cell types and w falling with distance as in the report;
    * **program** (``program_share``): a gene's loadings times the cell type's state; the same states move
      openness all over the genome;
    * **interaction** (``interaction_share``): :math:`\tanh(2 P) \tanh(2 D)` of standardised proximal (within 2 kb)
      and distal cis signal, less its projection on the cis part: it saturates, and no linear model sees it;
    * **noise**: the rest.

    Cell types belong to lineages, whose programs and peaks they share. Openness is log-normal with a threshold below
    which a peak reads 0, so zeros are in excess, as they are in expression of low genes.

    Parameters
    ----------
    n_genes, n_cell_types : int, default=400 and 24
    n_lineages : int, default=4
        At most ``n_cell_types``.
    n_chromosomes : int, default=4
        At most ``n_genes``; genes lie 150 kb apart on average, peaks of 500 bp about every 6 kb and more near genes.
    cis_share, program_share, interaction_share : float, default=0.35, 0.25 and 0.0
        Fractions that add up to at most 1; the rest is noise.
    n_programs : int, default=3
        Dimension of the cell state.
    corrupted : int, optional
        Column of a cell type whose expression gets extra noise.
    corruption : float, default=4.0
        SD of that noise in units of :math:`\sigma_g`.
    random_state : int or None, default=0

    Returns
    -------
    data : PairedDataset
        Expression is log expression, ready to be predicted.
    truth : Bunch
        ``cis, program, interaction, noise`` (DataFrames, genes x cell types, log units; with ``gene_mean`` they add
        up to expression before it is cut at 0), ``gene_mean, gene_sd`` (Series), ``cell_state`` (DataFrame, cell
        types x programs), ``weights`` (DataFrame: ``from_bp, to_bp, weight`` by distance from the TSS), ``shares``
        (dict), ``corrupted`` (name or None).

    Raises
    ------
    ValueError
        For shares below 0 or above 1 in sum, or counts that do not fit together.

    Examples
    --------
    >>> data, truth = make_paired_openness(n_genes=20, n_cell_types=6, n_lineages=2)
    >>> data.expression.shape, truth.cis.shape
    ((20, 6), (20, 6))
    """
    shares = {"cis": cis_share, "program": program_share, "interaction": interaction_share}
    if not (min(shares.values()) >= 0 and sum(shares.values()) <= 1 + 1e-12):
        raise ValueError(f"shares must be 0 or greater and add up to at most 1, got {shares}")
    shares["noise"] = max(0.0, 1 - sum(shares.values()))
    if not 1 <= n_lineages <= n_cell_types or not 1 <= n_chromosomes <= n_genes:
        raise ValueError("wanted 1 <= n_lineages <= n_cell_types and 1 <= n_chromosomes <= n_genes")
    if corrupted is not None and not 0 <= corrupted < n_cell_types:
        raise ValueError(f"corrupted must be a column in 0 .. {n_cell_types - 1}, got {corrupted}")
    rng = np.random.default_rng(random_state)
    genes = _place_genes(rng, n_genes, n_chromosomes)
    peaks = _place_peaks(rng, genes)
    cell_types = _name_cell_types(n_cell_types, n_lineages)
    lineage = np.unique(cell_types["lineage"], return_inverse=True)[1]
    state = rng.normal(size=(n_lineages, n_programs))[lineage] + 0.7 * rng.normal(size=(n_cell_types, n_programs))
    openness = _draw_openness(rng, len(peaks), lineage, state)
    parts = _draw_parts(rng, genes, peaks, openness, state)
    mean, sd = rng.gamma(3.0, 1.2, size=n_genes), rng.gamma(4.0, 0.2, size=n_genes)
    scaled = {name: np.sqrt(share) * sd[:, None] * parts[name] for name, share in shares.items()}
    if corrupted is not None:
        scaled["noise"][:, corrupted] += corruption * sd * rng.normal(size=n_genes)
    expression = np.maximum(mean[:, None] + sum(scaled.values()), 0)
    data = PairedDataset(openness, peaks, genes, expression, cell_types)
    return data, _truth(data, scaled, mean, sd, state, shares, corrupted)


def _place_genes(rng: Generator, n_genes: int, n_chromosomes: int) -> pd.DataFrame:
    chrom = np.sort(np.arange(n_genes) % n_chromosomes)
    length = np.bincount(chrom) * _GENE_SPACING_BP
    tss = (_REACH_BP + rng.random(n_genes) * length[chrom]).astype(np.int64)
    order = np.lexsort((tss, chrom))
    return pd.DataFrame(
        {
            "name": [f"gene{i:05d}" for i in range(n_genes)],
            "chrom": [f"chr{c + 1}" for c in chrom[order]],
            "tss": tss[order],
            "strand": rng.choice(["+", "-"], size=n_genes),
        }
    )


def _place_peaks(rng: Generator, genes: pd.DataFrame) -> pd.DataFrame:
    """Promoter peaks, peaks that thin out away from genes, and a uniform background; none overlap."""
    promoters = genes.sample(frac=0.85, random_state=int(rng.integers(2**31)))
    centres = [
        pd.DataFrame({"chrom": promoters["chrom"], "at": promoters["tss"] + rng.integers(-200, 200, len(promoters))})
    ]
    near = genes.loc[genes.index.repeat(rng.poisson(8, size=len(genes)))]
    distance = np.exp(rng.uniform(np.log(1_000), np.log(_REACH_BP), size=len(near)))
    at = near["tss"] + (distance * rng.choice([-1, 1], size=len(near))).astype(np.int64)
    centres.append(pd.DataFrame({"chrom": near["chrom"], "at": at}))
    for chrom, last in genes.groupby("chrom", sort=False)["tss"].max().items():
        length = int(last) + _REACH_BP
        at = rng.integers(_PEAK_BP, length, size=length // _BACKGROUND_SPACING_BP)
        centres.append(pd.DataFrame({"chrom": chrom, "at": at}))
    table = pd.concat(centres, ignore_index=True)
    table = table[table["at"] >= _PEAK_BP].sort_values(["chrom", "at"], kind="stable", ignore_index=True)
    window = table["chrom"] + ":" + (table["at"] // _PEAK_BP).astype(str)
    kept = table[~window.duplicated()]
    start = (kept["at"] // _PEAK_BP * _PEAK_BP).to_numpy()
    return pd.DataFrame({"chrom": kept["chrom"].to_numpy(), "start": start, "end": start + _PEAK_BP})


def _name_cell_types(n_cell_types: int, n_lineages: int) -> pd.DataFrame:
    lineage = np.sort(np.arange(n_cell_types) % n_lineages)
    return pd.DataFrame(
        {
            "name": [f"cell{c:03d}" for c in range(n_cell_types)],
            "lineage": [f"lineage{k + 1}" for k in lineage],
        }
    )


def _draw_openness(rng: Generator, n_peaks: int, lineage: NDArray, state: FloatArray) -> FloatArray:
    """Log-normal signal with lineage, state and own effects, cut at a detection threshold."""
    n_cell_types, n_programs = state.shape
    log_signal = rng.normal(0.3, 1.0, size=(n_peaks, 1))
    log_signal = log_signal + 0.6 * rng.normal(size=(n_peaks, lineage.max() + 1))[:, lineage]
    log_signal += 0.3 * rng.normal(size=(n_peaks, n_programs)) @ state.T
    log_signal += 0.6 * rng.normal(size=(n_peaks, n_cell_types))
    depth = np.exp(0.3 * rng.normal(size=n_cell_types))
    return np.where(log_signal > 0.6, np.exp(log_signal), 0.0) * depth


def _draw_parts(
    rng: Generator, genes: pd.DataFrame, peaks: pd.DataFrame, openness: FloatArray, state: FloatArray
) -> dict[str, FloatArray]:
    """Parts of standardised expression, genes x cell types, each with mean square 1."""
    log_openness = np.log1p(openness / openness.mean(axis=0))
    deviation = log_openness - log_openness.mean(axis=1, keepdims=True)
    sd = deviation.std(axis=1, keepdims=True)
    z = np.divide(deviation, sd, out=np.zeros_like(deviation), where=sd > 0)
    weights, distance = _cis_weights(genes, peaks)
    proximal, distal = weights.copy(), weights.copy()
    proximal.data[distance >= _PROXIMAL_BP] = 0
    distal.data[distance < _PROXIMAL_BP] = 0
    saturated = np.tanh(2 * _unit(proximal @ z)) * np.tanh(2 * _unit(distal @ z))
    loadings = rng.normal(size=(len(genes), state.shape[1]))
    cis, interaction = _unit(weights @ z), _centred(saturated)
    interaction -= np.mean(interaction * cis) * cis  # what a linear model could see of it
    return {
        "cis": cis,
        "program": _unit(loadings @ _centred(state.T)),
        "interaction": _unit(interaction),
        "noise": rng.normal(size=(len(genes), state.shape[0])),
    }


def _cis_weights(genes: pd.DataFrame, peaks: pd.DataFrame) -> tuple[sp.csr_array, FloatArray]:
    """Weight of every peak in reach of every gene, (n_genes, n_peaks), and the distance of each entry in bp."""
    columns = (peaks[column].to_numpy() for column in ("chrom", "start", "end"))
    tss = genes["tss"].to_numpy()
    gene, peak = IntervalIndex(*columns).in_reach(genes["chrom"].to_numpy(), tss, _REACH_BP)
    distance = np.abs(peaks["start"].to_numpy()[peak] + _PEAK_BP // 2 - tss[gene])
    near = distance < _REACH_BP
    gene, peak, distance = gene[near], peak[near], distance[near]
    band = np.searchsorted(PROFILE_DISTANCE_BP, distance, side="right") - 1
    ptr = np.searchsorted(gene, np.arange(len(genes) + 1))
    return sp.csr_array((PROFILE_WEIGHT[band], peak, ptr), shape=(len(genes), len(peaks))), distance


def _centred(values: FloatArray) -> FloatArray:
    return values - values.mean(axis=1, keepdims=True)


def _unit(values: FloatArray) -> FloatArray:
    """Scale to mean square 1 over the whole table."""
    size = np.sqrt(np.mean(values**2))
    return values / size if size > 0 else values


def _truth(
    data: PairedDataset,
    scaled: dict[str, FloatArray],
    mean: FloatArray,
    sd: FloatArray,
    state: FloatArray,
    shares: dict[str, float],
    corrupted: int | None,
) -> Bunch:
    genes = pd.Index(data.genes["name"], name="gene")
    cell_types = pd.Index(data.cell_types["name"], name="cell_type")
    tables: dict[str, Any] = {name: pd.DataFrame(part, genes, cell_types) for name, part in scaled.items()}
    weights = pd.DataFrame(
        {"from_bp": PROFILE_DISTANCE_BP[:-1], "to_bp": PROFILE_DISTANCE_BP[1:], "weight": PROFILE_WEIGHT}
    )
    return Bunch(
        **tables,
        gene_mean=pd.Series(mean, genes),
        gene_sd=pd.Series(sd, genes),
        cell_state=pd.DataFrame(state, cell_types),
        weights=weights,
        shares=shares,
        corrupted=None if corrupted is None else data.cell_types["name"].iloc[corrupted],
    )
