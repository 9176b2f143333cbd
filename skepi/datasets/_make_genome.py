"""A simulated genome: letters with planted motifs, which open peaks in some cell types and act on genes near them."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray
from sklearn.utils import Bunch

from skepi._doors import check_flag, check_number
from skepi.datasets._dna import Sites, checked_motifs, draw_sites, write_letters
from skepi.datasets._genome import Genome, place_genomes
from skepi.datasets._parts import draw_parts, local_parts, unit, weighted_peaks
from skepi.datasets._signal import THRESHOLD, draw_signal, draw_state, grow_tree, measured
from skepi.datasets._simulate import check_sizes, checked_shares, draw_genes
from skepi.paired import PairedDataset

FloatArray = NDArray[np.float64]

_N_PROGRAMS = 3


def make_genome(
    n_genes: int = 200,
    n_cell_types: int = 24,
    *,
    motifs: Any = None,
    site_share: float = 0.1,
    motif_effect: float = 0.8,
    n_lineages: int = 4,
    n_chromosomes: int = 4,
    n_peaks: int | None = None,
    openness_depth: float | None = None,
    motif_share: float = 0.4,
    cis_share: float = 0.1,
    program_share: float = 0.3,
    shuffle_letters: bool = False,
    random_state: int | None = 0,
) -> tuple[PairedDataset, dict[str, str], Bunch]:
    r"""Simulate DNA with motifs of transcription factors, openness that follows them, and expression that follows both.

    Each peak has a site of each motif with a chance of ``site_share``: letters drawn from the motif, at a random place
    and on a random strand. With :math:`n_{pm}` the number of planted sites (0 or 1), :math:`a_{cm}` the activity of TF
    m in cell type c, and :math:`s_{pc}` the fold enrichment that :func:`make_paired_openness` would draw, the true
    fold enrichment of peak p is

    .. math:: s_{pc} \, \exp\Big( \varepsilon \sum_m n_{pm} a_{cm} \Big)

    where :math:`\varepsilon` is the ``motif_effect`` and a has mean 0 and SD 1 over cell types. Expression of gene g is
    :math:`\max(0, \mu_g + \sigma_g t_{gc})`, where t is the sum of four parts:

    * **motif** (``motif_share``): :math:`\sum_p w(d_{gp}) \, z_{pc} \sum_m \beta_m n_{pm}`, with z the standardised log
      of the true openness and w falling with distance, as in :func:`make_paired_openness`, and :math:`\beta_m` what the
      TF does: 1 for activators and -1 for repressors, in turn;
    * **cis** (``cis_share``): :math:`\sum_p w(d_{gp}) \, z_{pc}`, for which all peaks are alike;
    * **program** (``program_share``): a gene's loadings times the state of the cell type;
    * **noise**: the rest.

    Each part is scaled so that its mean square is its share. Parts of one gene are correlated by chance.

    Parameters
    ----------
    n_genes, n_cell_types : int, default=200 and 24
        Genes lie about 158 kb apart, so the genome has about as many letters per gene.
    motifs : mapping of str to array-like of shape (width, 4), or Motifs, optional
        Probabilities of A, C, G and T at each position. By default five motifs of 10 to 12 bp that resemble those of
        GATA1, SPI1, CEBPA, RUNX1 and TBX21.
    site_share : float, default=0.1
        Share of peaks with a site of each motif.
    motif_effect : float, default=0.8
        Change of log openness per site and SD of activity.
    n_lineages : int, default=4
        At most ``n_cell_types``.
    n_chromosomes : int, default=4
        At most ``n_genes``.
    n_peaks : int, optional
        Exactly so many peaks of 500 bp. By default as dense as in blood, about 20 per gene.
    openness_depth : float, optional
        Mean reads per peak in a cell type: openness is then counts. By default it is fold enrichment, 0 below 1.5.
    motif_share, cis_share, program_share : float, default=0.4, 0.1 and 0.3
        Fractions that add up to at most 1; the rest is noise.
    shuffle_letters : bool, default=False
        Whether to put the letters of each peak into random order once the sites are planted. Everything but the letters
        stays the same: a control, in which DNA tells nothing but its GC share.
    random_state : int or None, default=0

    Returns
    -------
    data : PairedDataset
    letters : dict of str to str
        Letters of each chromosome, as :meth:`skepi.sequence.Genome.from_strings` takes them. The GC share varies along
        the genome about that of human DNA; it is higher in peaks and highest at promoters.
    truth : Bunch
        ``motifs`` (dict of arrays), ``sites`` (DataFrame, one row per planted site: ``chrom, start, end, strand, motif,
        peak``, the last one the row of the peak in ``data.peaks``), ``has_site`` (DataFrame of bool, peaks x motifs, in
        the order of ``data.peaks``), ``gc_share`` (Series in the same order), ``tf_activity`` (DataFrame, cell types x
        motifs), ``motif_weights`` (Series: beta), ``motif, cis, program, noise`` (DataFrames, genes x cell types, log
        units; with ``gene_mean`` they add up to expression before it is cut at 0), ``gene_mean, gene_sd`` (Series),
        ``cell_state`` (DataFrame, cell types x programs), ``tree`` (DataFrame, ``lineage, sisters, own_sd`` by cell
        type), ``signal`` (DataFrame of float32, peaks x cell types: true fold enrichment) and ``shares`` (dict, noise
        included).

    Raises
    ------
    ValueError
        For shares below 0 or above 1 in sum, motifs that are no probabilities or do not fit into a peak beside each
        other, settings out of range, and more peaks than there is room for.

    See Also
    --------
    make_paired_openness : without letters.

    Examples
    --------
    >>> data, letters, truth = make_genome(n_genes=20, n_cell_types=6, n_lineages=2, n_peaks=400)
    >>> data.openness.shape, list(letters), truth.tf_activity.shape
    ((400, 6), ['chr1', 'chr2', 'chr3', 'chr4'], (6, 5))
    >>> site = truth.sites[(truth.sites["motif"] == "GATA1") & (truth.sites["strand"] == "+")].iloc[0]
    >>> len(letters[site["chrom"]][site["start"]:site["end"]])
    10
    """
    shares = checked_shares({"motif": motif_share, "cis": cis_share, "program": program_share})
    check_sizes(n_genes, n_cell_types, n_lineages, n_chromosomes, None)
    _check_settings(site_share, motif_effect, openness_depth, shuffle_letters)
    matrices = checked_motifs(motifs)
    names, widths = pd.Index(list(matrices), name="motif"), np.array([len(matrix) for matrix in matrices.values()])
    of_genome, of_signal, of_sites, of_letters, of_parts, of_genes, of_reads = _streams(random_state)
    genome = place_genomes([of_genome], n_genes, n_chromosomes, n_peaks)[0]
    tree = grow_tree(n_cell_types, n_lineages)
    state = draw_state(of_signal, tree, _N_PROGRAMS)
    sites = draw_sites(of_sites, len(genome.peaks), widths, site_share)
    has_site = np.zeros((len(genome.peaks), widths.size), dtype=bool)
    has_site[sites.peak, sites.motif] = True
    activity = _draw_activity(of_sites, tree, widths.size)
    weights = np.where(np.arange(widths.size) % 2 == 0, 1.0, -1.0)
    signal = _opened(draw_signal(of_signal, genome, tree, state), motif_effect * has_site @ activity.T)
    openness = measured(of_reads, genome, signal, openness_depth).openness
    letters, gc_share = write_letters(of_letters, genome, list(matrices.values()), sites, shuffled=shuffle_letters)
    parts = _parts(of_parts, genome, signal, has_site @ weights, state, shares)
    truth = _parts_of_genes(*draw_genes(of_genes, genome), parts, genome, tree) | {
        "motifs": matrices,
        "sites": _table_of_sites(genome, sites, names, widths),
        "has_site": pd.DataFrame(has_site, columns=names),
        "gc_share": pd.Series(gc_share, name="gc_share"),
        "tf_activity": pd.DataFrame(activity, tree.index, names),
        "motif_weights": pd.Series(weights, names),
        "cell_state": pd.DataFrame(state, tree.index),
        "tree": tree,
        "signal": pd.DataFrame(signal, columns=tree.index),
        "shares": shares,
    }
    total = truth["gene_mean"].to_numpy()[:, None] + sum(truth[name].to_numpy() for name in parts)
    cell_types = tree["lineage"].rename_axis("name").reset_index()
    data = PairedDataset(openness, genome.peaks, genome.genes, np.maximum(total, 0), cell_types)
    return data, letters, Bunch(**truth)


def _check_settings(site_share: Any, motif_effect: Any, openness_depth: Any, shuffle_letters: Any) -> None:
    check_number("site_share", site_share, 0, 1, low_included=False)
    check_number("motif_effect", motif_effect, 0)
    check_flag("shuffle_letters", shuffle_letters)
    if openness_depth is not None:
        check_number("openness_depth", openness_depth, 0, low_included=False)


def _streams(random_state: int | None) -> list[Generator]:
    """One generator for each thing that is drawn, so that settings of one leave the others as they are."""
    return np.random.default_rng(random_state).spawn(7)


def _parts_of_genes(
    mean: FloatArray, sd: FloatArray, parts: dict[str, FloatArray], genome: Genome, tree: pd.DataFrame
) -> dict[str, Any]:
    """Parts of expression in log units, and mean and SD of each gene, labelled."""
    genes = pd.Index(genome.genes["name"], name="gene")
    tables: dict[str, Any] = {name: pd.DataFrame(sd[:, None] * part, genes, tree.index) for name, part in parts.items()}
    return tables | {"gene_mean": pd.Series(mean, genes), "gene_sd": pd.Series(sd, genes)}


def _draw_activity(rng: Generator, tree: pd.DataFrame, n_motifs: int) -> FloatArray:
    """Activity of each TF in each cell type, which lineages and sisters share; mean 0 and SD 1 over cell types."""
    drawn = draw_state(rng, tree, n_motifs)
    drawn -= drawn.mean(axis=0)
    sd = drawn.std(axis=0)
    return np.divide(drawn, sd, out=np.zeros_like(drawn), where=sd > 0)


def _opened(signal: NDArray[np.float32], change: FloatArray) -> NDArray[np.float32]:
    """Signal with its log changed; a peak that falls below the threshold everywhere is raised to it in its best cell.

    Such a peak would not have been called.
    """
    opened = signal * np.exp(change)
    best = opened.max(axis=1, keepdims=True)
    return (opened * np.maximum(1, 1.01 * THRESHOLD / best)).astype(np.float32)


def _parts(
    rng: Generator,
    genome: Genome,
    signal: NDArray[np.float32],
    gain: FloatArray,
    state: FloatArray,
    shares: dict[str, float],
) -> dict[str, FloatArray]:
    """Parts of expression in units of the gene's SD, (n_genes, n_cell_types), each with its share as mean square."""
    others = {name: shares[name] for name in ("cis", "program", "noise")} | {"interaction": 0.0}
    drawn = draw_parts(rng, [local_parts(genome, signal)], [1.0], state, others)
    motif = np.sqrt(shares["motif"]) * unit(weighted_peaks(genome, signal, gain))
    return {"motif": motif, "cis": drawn["cis"], "program": drawn["program"], "noise": drawn["noise"]}


def _table_of_sites(genome: Genome, sites: Sites, names: pd.Index, widths: NDArray[np.int64]) -> pd.DataFrame:
    start = genome.peaks["start"].to_numpy()[sites.peak] + sites.offset
    return pd.DataFrame(
        {
            "chrom": genome.peaks["chrom"].to_numpy()[sites.peak],
            "start": start,
            "end": start + widths[sites.motif],
            "strand": np.where(sites.forward, "+", "-"),
            "motif": names.to_numpy()[sites.motif],
            "peak": sites.peak,
        }
    )
