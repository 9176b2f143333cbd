"""Evidence that a peak regulates a gene: how open both are, how far apart, and what lies between."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from skepi._dataset import check_dataset
from skepi._doors import check_count, check_flag, check_number, some
from skepi._progress import progress_bar
from skepi._scales import look_like_counts
from skepi.exceptions import UnknownNameError
from skepi.inspection._contact import CONTACT_DECAY, ContactTable, check_found, power_law
from skepi.inspection._link_geometry import (
    BoolArray,
    IntArray,
    NearPairs,
    at_promoter,
    chromosome_codes,
    pairs_within,
    site_keys,
    sites_between,
)
from skepi.intervals import MAX_POSITION, IntervalIndex
from skepi.paired import PairedDataset

FloatArray = NDArray[np.float64]

# Genes whose pairs are worked on at once: some 700,000 pairs of 14 blood populations.
_GENES_AT_ONCE = 2_000

#: Expression above which a gene counts as expressed: 1 CPM, as natural log(1 + CPM).
EXPRESSED_ABOVE = float(np.log(2))


def score_links(
    data: PairedDataset,
    *,
    max_distance: int = 1_000_000,
    min_distance: int = 0,
    genes: Sequence[str] | None = None,
    cell_types: Sequence[str] | None = None,
    contact: Any = None,
    contact_decay: float = CONTACT_DECAY,
    promoter_reach: int = 1_000,
    expressed: ArrayLike | None = None,
    signal: str | None = None,
    depth: str | None = "mean",
    progress: bool = False,
) -> pd.DataFrame:
    r"""Score every peak near a gene by the evidence that it regulates this gene, from the data set alone.

    The score is high for a peak that is open, close to the gene, and not separated from it by other expressed genes,
    where the gene has an open promoter:

    .. math:: S_{gp} = \frac{A_p \, C_{gp} \, \ln(1 + P_g)}{\sqrt{1 + N_{gp}}}

    with :math:`A_p` the activity of the peak, :math:`C_{gp}` the contact of peak and promoter, :math:`P_g` the activity
    of the promoter of the gene, and :math:`N_{gp}` the number of start sites of expressed genes between the two.
    :math:`A C` is the numerator of the activity-by-contact model (ABC; Fulco et al. 2019). The other two factors were
    chosen on red blood cell precursors. There, at equal distance, the top 5 % of pairs by activity alone held 1.3 times
    as many promoter-capture Hi-C contacts as all pairs, and by this score 1.9 times as many (1.7 without peaks at
    promoters); no other data have judged it yet. Correlation of openness with expression added nothing, so it is no
    part of the score, and :func:`correlate_links` tests it. At equal distance the contact by distance cancels.

    Parameters
    ----------
    data : PairedDataset
        Expression is needed only to tell which genes are expressed.
    max_distance, min_distance : int, default=1_000_000 and 0
        Largest and smallest distance of the middle of a peak from the TSS, in bp.
    genes : sequence of str, optional
        Score these genes only. All genes still count as lying between.
    cell_types : sequence of str, optional
        Cell types whose openness and expression count, one or more, for links in these; by default all.
    contact : DataFrame or mapping, optional
        Columns ``chrom, start, end, gene, contact``: measured contact of an interval (0-based half-open, in bp) with
        the promoter of a gene, 0 or greater. A pair has the contact of the interval that holds the middle of the peak.
        By default contact follows from distance, :math:`(\max(|d|, 5000) / 5000)^{-\gamma}`.
    contact_decay : float, default=0.87
        The exponent :math:`\gamma`, by default that of ABC; greater than 0.
    promoter_reach : int, default=1_000
        A promoter is what lies within this distance of a TSS, in bp.
    expressed : array-like of bool, shape (n_genes,), optional
        Whether each gene of ``data.genes`` is expressed. By default genes whose mean expression is above ln 2, 1 CPM as
        natural log(1 + CPM); without expression, genes with an open promoter.
    signal : str, optional
        Signal whose peaks are scored; needed where there are several.
    depth : {"mean", None}, default="mean"
        Divide openness by the mean over all peaks in each cell type, or leave it as it is.
    progress : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    DataFrame
        One row per (gene, peak), genes in the order of their table, the greatest score first:

        * ``chrom, start, end`` of the peak, ``gene, tss, strand`` (names are categories), and ``distance_bp``, the
          offset of the peak's middle from the TSS, downstream positive;
        * ``activity``: mean over cell types of the peak's openness divided by depth; 1 is an average peak;
        * ``promoter_activity``: sum of the activity of all peaks with a base at the promoter of the gene;
        * ``tss_between``: number of start sites of expressed genes strictly between the peak and the TSS;
        * ``contact``: 1 at up to 5 kb and less beyond, or as in the table (NaN where the table has none);
        * ``is_promoter``: whether the peak has a base at the promoter of any gene;
        * ``score``: 0 or greater, comparable between genes; 0 where the promoter is closed, NaN without contact;
        * ``share``: the score over the sum of the gene's scores in this table, as ABC reports it; NaN where that is 0.

    Raises
    ------
    TypeError
        For anything but a data set.
    UnknownNameError
        For genes, cell types or a signal that the data set does not hold.
    ValueError
        For settings out of range, no peak in reach of any gene, ``expressed`` of another shape, expression that is no
        natural log(1 + CPM) where ``expressed`` is not given, and pools of data sets that have other peaks.
    TableError, UnmatchedDataError
        For a contact table that cannot be used, or that does not match the data set.

    Warns
    -----
    LeftOutWarning
        Where a contact table lacks some of the pairs.

    See Also
    --------
    correlate_links : test each link against matched peaks.
    link_enrichment : judge scores against measured links.
    peak_gene_links : what a fitted model makes of each peak.

    References
    ----------
    Fulco et al., Nature Genetics 2019 (activity by contact). Exponent and floor of contact are the defaults of its
    public implementation, ABC-Enhancer-Gene-Prediction.

    Examples
    --------
    >>> data = PairedDataset(
    ...     openness=[[6.0, 2.0], [2.0, 2.0], [1.0, 5.0]], cell_types=["HSC", "Ery"],
    ...     peaks={"chrom": ["chr1"] * 3, "start": [900, 20_000, 90_000], "end": [1_100, 20_200, 90_200]},
    ...     genes={"name": ["a", "b"], "chrom": ["chr1"] * 2, "tss": [1_000, 50_000], "strand": ["+", "-"]},
    ... )
    >>> links = score_links(data, genes=["a"], expressed=[True, True])
    >>> links[["distance_bp", "activity", "tss_between", "is_promoter"]].round(2).values.tolist()
    [[0, 1.33, 0, True], [19100, 0.67, 0, False], [89100, 1.0, 1, False]]
    """
    check_flag("progress", progress)
    check_dataset(data)
    _check_distances(min_distance, max_distance, promoter_reach)
    check_number("contact_decay", contact_decay, 0, low_included=False)
    signal = data.tables.the_signal(signal, "score_links")
    cells = _rows_of(data.cell_types, cell_types, "cell_types")
    sources = _sources(data, signal, depth, cells, promoter_reach, expressed)
    table = None if contact is None else ContactTable(contact, data.genes)
    rows, distances = _rows_of(data.genes, genes, "genes"), (min_distance, max_distance)
    parts = []
    with progress_bar(progress, "genes", rows.size) as bar:
        for some_rows in np.split(rows, range(_GENES_AT_ONCE, rows.size, _GENES_AT_ONCE)):
            pairs = pairs_within(sources.genes, some_rows, sources.peaks, *distances)
            parts.append(_scored(sources, pairs, table, contact_decay))
            bar.update(some_rows.size)
    links = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    if links["gene"].size == 0:
        raise ValueError(
            f"no peak lies {min_distance} to {max_distance} bp from the TSS of a gene: widen the distances"
        )
    if table is not None:
        check_found(links["contact"])
    return _named(sources, links)


class _Sources(NamedTuple):
    """What links are made of; peaks are those of one signal."""

    genes: pd.DataFrame
    peaks: pd.DataFrame
    activity: FloatArray
    promoter_activity: FloatArray
    is_promoter: BoolArray
    chrom: IntArray
    sites: IntArray


def scaled_openness(data: PairedDataset, signal: str, depth: str | None) -> tuple[IntArray, FloatArray]:
    """Rows of the peaks of a signal, and the depth that divides their openness in each cell type."""
    if depth not in ("mean", None):
        raise ValueError(f"depth must be one of ('mean', None), got {depth!r}")
    _refuse_pools(data)
    one = np.ones(data.openness.shape[1])
    return data.tables.peaks_of(signal), data.tables.mean_openness(signal) if depth == "mean" else one


def _refuse_pools(data: PairedDataset) -> None:
    """Refuse data sets put together whose peaks differ: where one has no such peak, 0 does not mean closed."""
    if "data_set" not in data.cell_types:
        return
    for name, cells in data.cell_types.groupby("data_set").groups.items():
        if (data.openness[:, cells] == 0).all(axis=1).any() and len(cells) < len(data.cell_types):
            raise ValueError(
                f"a pool of data sets with other peaks: some peaks are 0 in all of {name}, which may mean that it has "
                "no such peak. Score links in each data set by itself"
            )


def _sources(
    data: PairedDataset, signal: str, depth: str | None, cells: IntArray, reach: int, expressed: ArrayLike | None
) -> _Sources:
    genes = data.genes
    rows, scale = scaled_openness(data, signal, depth)
    peaks = data.peaks.iloc[rows].reset_index(drop=True)
    activity = data.openness[np.ix_(rows, cells)] @ (1 / (cells.size * scale[cells]))
    promoter = _promoter_activity(genes, peaks, activity, reach)
    chrom, _ = chromosome_codes(genes["chrom"])
    kept = _expressed(data, expressed, cells, promoter)
    sites = site_keys(chrom[kept], genes["tss"].to_numpy()[kept])
    return _Sources(genes, peaks, activity, promoter, at_promoter(peaks, genes, reach), chrom, sites)


def _promoter_activity(genes: pd.DataFrame, peaks: pd.DataFrame, activity: FloatArray, reach: int) -> FloatArray:
    """Sum of the activity of the peaks with a base within reach of each TSS, (n_genes,)."""
    index = IntervalIndex(*(peaks[column].to_numpy() for column in ("chrom", "start", "end")))
    gene, peak = index.in_reach(genes["chrom"].to_numpy(), genes["tss"].to_numpy(), reach)
    return np.bincount(gene, weights=activity[peak], minlength=len(genes)).astype(np.float64)


def _expressed(data: PairedDataset, given: ArrayLike | None, cells: IntArray, promoter: FloatArray) -> BoolArray:
    """Which genes are expressed, as given or by their mean expression, or else by an open promoter."""
    if given is not None:
        return _checked_expressed(given, len(data.genes))
    if data.expression is None:
        return promoter > 0
    mean = data.expression[:, cells].mean(axis=1)
    way = "say which genes are expressed with expressed="
    if (data.expression < 0).any():
        raise ValueError(f"expression has values below 0, so it is not natural log(1 + CPM); {way}")
    if look_like_counts(data.expression):
        raise ValueError(
            f"expression looks like raw counts, wanted natural log(1 + CPM): "
            f"data.transform_expression(ExpressionNormalizer()) makes it, or {way}"
        )
    if not (mean > EXPRESSED_ABOVE).any():
        raise ValueError(f"no gene has a mean expression above {EXPRESSED_ABOVE:.2f} (1 CPM); {way}")
    return mean > EXPRESSED_ABOVE


def _checked_expressed(given: ArrayLike, n_genes: int) -> BoolArray:
    array = np.asarray(given)
    if array.shape != (n_genes,) or array.dtype != np.bool_:
        raise ValueError(
            f"expressed must hold True or False for each of the {n_genes} genes, got {array.dtype} of shape "
            f"{array.shape}"
        )
    return array


def _check_distances(low: int, high: int, reach: int) -> None:
    check_count("max_distance", high, 1)
    check_count("min_distance", low, 0)
    check_count("promoter_reach", reach, 0)
    if max(high, reach) > MAX_POSITION:
        raise ValueError(f"max_distance and promoter_reach must be at most {MAX_POSITION} bp, got {high} and {reach}")
    if low > high:
        raise ValueError(f"min_distance must be at most max_distance, got {low} and {high}")


def _rows_of(table: pd.DataFrame, names: Sequence[str] | None, what: str) -> IntArray:
    """Rows of some names, in the order of the table; of all for None."""
    if names is None:
        return np.arange(len(table))
    if isinstance(names, str):
        raise ValueError(f"{what} must be a sequence of names, got the text {names!r}: wanted [{names!r}]")
    rows = pd.Index(table["name"]).get_indexer(pd.Index(names))
    if (rows < 0).any():
        raise UnknownNameError(f"{what}: not in the data set: {some(np.asarray(names, dtype=object)[rows < 0])}")
    if rows.size == 0:
        raise ValueError(f"{what}: wanted one name or more, got none")
    return np.unique(rows).astype(np.int64)


def _scored(sources: _Sources, pairs: NearPairs, table: ContactTable | None, decay: float) -> dict[str, NDArray]:
    """Columns of links that are numbers, of the pairs of some genes, the greatest score of each gene first."""
    start, end = (sources.peaks[column].to_numpy()[pairs.peak] for column in ("start", "end"))
    tss = sources.genes["tss"].to_numpy()[pairs.gene]
    between = sites_between(sources.chrom[pairs.gene], start, end, tss, sources.sites)
    contact = power_law(pairs.distance_bp, decay) if table is None else table.of(pairs, (start + end) // 2)
    activity, promoter = sources.activity[pairs.peak], sources.promoter_activity[pairs.gene]
    score = activity * contact * np.log1p(promoter) / np.sqrt(1 + between)
    total = np.bincount(pairs.gene, weights=np.nan_to_num(score), minlength=len(sources.genes))[pairs.gene]
    columns = {
        "gene": pairs.gene,
        "peak": pairs.peak,
        "distance_bp": pairs.distance_bp,
        "activity": activity,
        "promoter_activity": promoter,
        "tss_between": between,
        "contact": contact,
        "is_promoter": sources.is_promoter[pairs.peak],
        "score": score,
        "share": np.divide(score, total, out=np.full_like(score, np.nan), where=total > 0),
    }
    order = np.lexsort((-score, pairs.gene))
    return {name: values[order] for name, values in columns.items()}


def _named(sources: _Sources, links: dict[str, NDArray]) -> pd.DataFrame:
    """Links with the places of their peak and gene; names as categories, which take 4 bytes or less per row."""
    gene, peak = links.pop("gene"), links.pop("peak")
    names = {"signal": sources.peaks["signal"]} if "signal" in sources.peaks else {}
    of_peaks = {**names, **{column: sources.peaks[column] for column in ("chrom", "start", "end")}}
    of_genes = {"gene": sources.genes["name"], "tss": sources.genes["tss"], "strand": sources.genes["strand"]}
    taken = {name: _taken(column, peak) for name, column in of_peaks.items()}
    taken |= {name: _taken(column, gene) for name, column in of_genes.items()}
    return pd.DataFrame({**taken, **links}, copy=False)


def _taken(column: pd.Series, rows: IntArray) -> Any:
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy()[rows]
    codes, names = pd.factorize(column.to_numpy(dtype=object))
    return pd.Categorical.from_codes(codes[rows], names)
