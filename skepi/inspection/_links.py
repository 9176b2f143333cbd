"""From importance of bins to places on the genome: links of peaks to genes, and tracks."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from skepi._doors import check_choice, check_count
from skepi._rows import check_targets
from skepi.exceptions import UnknownNameError
from skepi.inspection._attribution import attribution_chunks, check_rows
from skepi.inspection._fitted import FittedParts, take_apart
from skepi.inspection._importance import check_method, importance_sums
from skepi.intervals import concatenate_ranges, from_offsets, to_offsets
from skepi.rows import has_map, is_pairs

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_CONTRIBUTIONS = ("gradient_x_input", "integrated_gradients")
_LINKS_BY = ("peak", "feature")


def peak_gene_links(
    estimator: Any,
    X: Any,
    *,
    method: str = "integrated_gradients",
    by: str = "peak",
    n_steps: int = 32,
    n_per_gene: int | None = None,
) -> pd.DataFrame:
    r"""Share what bins contribute among the peaks in them: which peak speaks for which gene, and how much.

    The score of peak p for gene g is :math:`\sum_b u_{pgb}\, \overline{|a_{gb}|}` over the bins that the peak touches,
    with a the contribution of a bin to the prediction (:func:`attributions`), averaged over the gene's pairs, and u the
    peak's share of the openness that the bin gets in the cell types of ``X`` (its share of the bin's weights where that
    is 0).

    Parameters
    ----------
    estimator : estimator
        Fitted, see :func:`attributions`.
    X : GeneCellPairs or BinnedOpenness
        Pairs that were not trained on.
    method : {"gradient_x_input", "integrated_gradients"}, default="integrated_gradients"
        The same for linear models.
    by : {"peak", "feature"}, default="peak"
        Whether a link is of a peak, or of a peak and one feature of peaks, such as a motif, through which it speaks for
        the gene. The scores of a peak's features add up to that of the peak.
    n_steps : int, default=32
    n_per_gene : int, optional
        Keep the links with the greatest scores of each gene.

    Returns
    -------
    DataFrame
        One row per (gene, peak), genes in the order of their table, the greatest score first: ``chrom, start, end`` of
        the peak (``signal`` before them where signals have names), ``gene, tss, strand``, ``distance_bp`` (offset of
        the peak's middle from the TSS, downstream positive), ``score`` (mean absolute contribution, units of the
        model's prediction) and ``slope`` (change of the prediction per unit of the bin's scaled openness, as a
        least-squares slope of contributions on features; the weight of a linear model; NaN where the feature is 0 in
        all pairs). With ``by="feature"``, one row per (gene, peak, feature), with ``feature`` before the place; it is
        empty for plain openness.

    Raises
    ------
    TypeError, ValueError
        As in :func:`attributions`; for another method or ``by``.

    Notes
    -----
    A link says that the *model* uses a peak, not that the peak regulates the gene: a linear model gives peaks at one
    distance the same weight for all genes. Against promoter-capture Hi-C of red blood cell precursors, at equal
    distance, these scores were no better than chance (enrichment 1.11, and 0.97 without peaks at promoters). Bins with
    a mean but without a peak in this data set have none to share with.

    See Also
    --------
    score_links : evidence for each pair of a peak and a gene, without a model; better at telling genes apart.
    skepi.io.write_bedpe : for a genome browser.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from skepi.binning import TSSBinner
    >>> from skepi.datasets import make_paired_openness
    >>> X, y = make_paired_openness(n_genes=20, n_cell_types=6, n_lineages=2)[0].pairs(return_X_y=True)
    >>> bins = TSSBinner(flank=10_000).fit_transform(X)
    >>> links = peak_gene_links(Ridge().fit(bins, y), bins, n_per_gene=1)
    >>> links.columns.tolist()
    ['chrom', 'start', 'end', 'gene', 'tss', 'strand', 'distance_bp', 'score', 'slope']
    """
    if method not in _CONTRIBUTIONS:
        raise ValueError(f"method must be one of {_CONTRIBUTIONS}, got {method!r}")
    check_choice("by", by, _LINKS_BY)
    if n_per_gene is not None:
        check_count("n_per_gene", n_per_gene, 1)
    parts = take_apart(estimator, X)
    check_rows(parts.rows)
    if not has_map(parts.rows):
        raise TypeError(
            f"links of peaks to genes need rows that know their peaks (skepi.rows.MappedRows), got "
            f"{type(parts.rows).__name__}"
        )
    genes, strength, slope = _slots(parts, method, n_steps)
    links = _by_peak(parts, genes, strength, slope, by == "feature")
    links = links.sort_values(["gene_code", "score"], ascending=[True, False], kind="stable", ignore_index=True)
    if n_per_gene is not None:
        links = links.groupby("gene_code", sort=False).head(n_per_gene).reset_index(drop=True)
    return _named(parts, links)


def peak_scores(links: pd.DataFrame, *, signal: str | None = None) -> pd.DataFrame:
    """Sum the scores of each peak over all its genes, and over features where links name them.

    Parameters
    ----------
    links : DataFrame
        From :func:`peak_gene_links`.
    signal : str, optional
        Signal whose peaks are wanted; needed where links are of several.

    Returns
    -------
    DataFrame
        ``chrom, start, end, score``, sorted by place; for :func:`skepi.io.write_bedgraph`.

    Raises
    ------
    ValueError
        For missing columns, links of several signals of which none is named, and a signal that links do not hold.

    Examples
    --------
    >>> links = pd.DataFrame({"chrom": "chr1", "start": [5, 5, 9], "end": [7, 7, 12], "gene": ["a", "b", "a"]})
    >>> peak_scores(links.assign(score=[1.0, 2.0, 4.0])).values.tolist()
    [['chr1', 5, 7, 3.0], ['chr1', 9, 12, 4.0]]
    """
    missing = {"chrom", "start", "end", "score"} - set(links)
    if missing:
        raise ValueError(f"links lack {sorted(missing)}; peak_gene_links makes them")
    if signal is not None or links.get("signal", pd.Series(dtype=object)).nunique() > 1:
        links = _of_signal(links, signal)
    return links.groupby(["chrom", "start", "end"], as_index=False, observed=True)["score"].sum()


def bin_track(
    estimator: Any,
    X: Any,
    gene: str,
    *,
    method: str = "gradient",
    y: ArrayLike | None = None,
    n_steps: int = 32,
    n_repeats: int = 5,
    random_state: Any = 0,
) -> pd.DataFrame:
    """Importance of each bin of one gene, at its place on the genome.

    Parameters
    ----------
    estimator, X
        As in :func:`bin_importance`.
    gene : str
        A gene that occurs in ``X``.
    method : str, default="gradient"
        One of those of :func:`bin_importance`.
    y : array-like of shape (n_pairs,), optional
        Targets of all pairs in ``X``, not of this gene alone, in the units that the estimator predicts. Only
        ``"permutation"`` needs them.
    n_steps : int, default=32
        For integrated gradients.
    n_repeats : int, default=5
        Permutations of cell types to average over.
    random_state : int, RandomState or None, default=0
        For permutations.

    Returns
    -------
    DataFrame
        ``chrom, start, end, importance``, sorted by place; for :func:`skepi.io.write_bedgraph`. Where bins differ in
        ``signal`` or ``feature``, these come before the importance: write one of them at a time. Bins that begin before
        the chromosome are cut at its start, or left out. At its end nothing is cut, since its length is not known:
        bins of a gene near the end may reach beyond it.

    Raises
    ------
    UnknownNameError
        Where the gene does not occur in ``X``.
    TypeError, ValueError
        As in :func:`bin_importance`.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from skepi.binning import TSSBinner
    >>> from skepi.datasets import make_paired_openness
    >>> X, y = make_paired_openness(n_genes=20, n_cell_types=6, n_lineages=2)[0].pairs(return_X_y=True)
    >>> bins = TSSBinner(edges=[-2_000, -1_000, 0, 1_000]).fit_transform(X)
    >>> track = bin_track(Ridge().fit(bins, y), bins, bins.genes["name"][0])
    >>> (track["end"] - track["start"]).tolist()
    [1000, 1000, 1000]
    """
    if not is_pairs(X):
        raise TypeError(f"wanted pairs, which know their gene; got {type(X).__name__}")
    match = np.flatnonzero((X.genes["name"] == gene).to_numpy())
    rows = np.flatnonzero(X.gene_codes == (match[0] if match.size else -1))
    if rows.size == 0:
        raise UnknownNameError(f"gene {gene} does not occur in these pairs")
    y = None if y is None else check_targets(X, y)[rows]
    check_method(method)
    of_gene = importance_sums(estimator, X[rows], y, method, "bins", "gene", n_steps, n_repeats, random_state)
    place, bands = X.genes.iloc[match[0]], of_gene.bands.with_importance(of_gene.sums[0] / of_gene.weights[0])
    start, end = from_offsets(
        bands.pop("from_bp").to_numpy(), bands.pop("to_bp").to_numpy(), int(place["tss"]), place["strand"] == "-"
    )
    place_of_bands = pd.DataFrame({"chrom": place["chrom"], "start": np.maximum(start, 0), "end": end})
    track = pd.concat([place_of_bands, bands], axis=1)
    return track[track["end"] > 0].sort_values("start", ignore_index=True, kind="stable")


def _of_signal(links: pd.DataFrame, signal: str | None) -> pd.DataFrame:
    """Links of one signal; where none is named, an error that says which there are."""
    if "signal" not in links:
        raise ValueError(f"links name no signal, so leave out signal={signal!r}")
    there = list(dict.fromkeys(links["signal"]))
    if signal not in there:
        raise ValueError(f"links are of the signals {there}: signal= must be one of them, got {signal!r}")
    return links[links["signal"] == signal]


def _slots(parts: FittedParts, method: str, n_steps: int) -> tuple[IntArray, FloatArray, FloatArray]:
    """Genes that occur, and of every slot of the data set the mean absolute contribution and the slope (or NaN)."""
    op = parts.rows.operator
    order = np.argsort(parts.rows.gene_codes, kind="stable")
    ordered = FittedParts(parts.rows[order], parts.model, parts.target)
    codes = ordered.rows.gene_codes
    strength, product, square = np.zeros((3, op.n_slots))
    for rows, found in attribution_chunks(ordered, method, n_steps):
        x = ordered.rows.dense(rows, np.float32)
        genes, first = np.unique(codes[rows], return_index=True)
        begin, end = op.gene_ptr[genes], op.gene_ptr[genes + 1]
        slots, row = concatenate_ranges(begin, end), np.repeat(np.arange(genes.size), end - begin)
        for total, values in ((strength, np.abs(found)), (product, found * x), (square, x.astype(np.float64) ** 2)):
            total[slots] += np.add.reduceat(values, first, axis=0)[row, op.slot_column[slots]]
    genes, count = np.unique(codes, return_counts=True)
    pairs_of_gene = np.ones(op.n_genes)
    pairs_of_gene[genes] = count
    strength /= np.repeat(pairs_of_gene, np.diff(op.gene_ptr))
    return genes, strength, np.divide(product, square, out=np.full_like(product, np.nan), where=square > 0)


def _by_peak(
    parts: FittedParts, genes: IntArray, strength: FloatArray, slope: FloatArray, by_feature: bool
) -> pd.DataFrame:
    """Score and slope of each (gene, peak), or (gene, peak, feature), from those of slots."""
    op, tables = parts.rows.operator, parts.rows.pairs.tables
    found, slots = op.entries(genes), op.of_genes(genes)
    place, peak, weight = found.place, found.peak, found.weight.astype(np.float64)
    cells = np.unique(parts.rows.cell_type_codes)
    by_signal = tables.openness[:, cells].astype(np.float64) @ parts.rows.inverse_depth[:, cells].T
    signal = weight * by_signal[peak, tables.signal_codes[peak]]
    total = np.bincount(place, weights=signal, minlength=slots.size)[place]
    weights = np.bincount(place, weights=weight, minlength=slots.size)[place]
    share = np.where(total > 0, np.divide(signal, total, out=np.zeros_like(signal), where=total > 0), weight / weights)
    gene = np.repeat(genes, found.n_of_gene)
    score, slope = share * strength[slots][place], slope[slots][place]
    # Where a feature is 0 in all rows, its slope is not known, and its score is 0.
    known, slope = np.isfinite(slope), np.nan_to_num(slope)
    sums = {"score": score, "slope": score * slope, "weight": weight * known, "by_weight": weight * slope}
    keys = {"gene_code": gene, "peak": peak}
    if by_feature:
        keys["feature"] = pd.Categorical(parts.rows.columns["feature"])[op.slot_column[slots][place]]
    links = pd.DataFrame({**keys, **sums}).groupby([*keys], as_index=False, observed=True).sum()
    # A peak that is closed throughout has no score, but its bin has a slope.
    links["slope"] = (links["slope"] / links["score"]).where(links["score"] > 0, links["by_weight"] / links["weight"])
    return links


def _named(parts: FittedParts, links: pd.DataFrame) -> pd.DataFrame:
    peaks = parts.rows.pairs.peaks.iloc[links["peak"].to_numpy()]
    genes = parts.rows.genes.iloc[links["gene_code"].to_numpy()]
    start, end, tss = (column.to_numpy() for column in (peaks["start"], peaks["end"], genes["tss"]))
    low, high = to_offsets(start, end, tss, (genes["strand"] == "-").to_numpy())
    named = {"signal": peaks["signal"].to_numpy()} if "signal" in peaks else {}
    if "feature" in links:
        named["feature"] = links["feature"].to_numpy(dtype=object)
    return pd.DataFrame(
        {
            **named,
            "chrom": peaks["chrom"].to_numpy(),
            "start": start,
            "end": end,
            "gene": genes["name"].to_numpy(),
            "tss": tss,
            "strand": genes["strand"].to_numpy(),
            "distance_bp": (low + high) // 2,
            "score": links["score"].to_numpy(),
            "slope": links["slope"].to_numpy(),
        }
    )
