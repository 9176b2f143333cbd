"""How much better than chance, at equal distance, scores find measured links."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from skepi._doors import check_count, check_number, frame_of, names_of, some
from skepi._held_out import Groups
from skepi._resampling import check_bootstrap, interval_table, resamples, share
from skepi.exceptions import UnmatchedDataError
from skepi.inspection._link_truth import read_truth

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_WANTED = ("chrom", "start", "end", "gene", "tss", "distance_bp", "is_promoter")


def link_enrichment(
    links: pd.DataFrame,
    truth: Any,
    *,
    scores: str | Sequence[str] = "score",
    genes: Sequence[str] | None = None,
    distance_bins: int | ArrayLike = 50,
    top: float = 0.05,
    promoter_reach: int = 1_000,
    n_bootstrap: int = 1000,
    level: float = 0.95,
    random_state: Any = 0,
) -> pd.DataFrame:
    r"""Judge scores of links against measured links, such as those of promoter-capture Hi-C, at equal distance.

    Near pairs are linked more often than far ones, and most scores fall with distance, so that a score would look good
    for knowing the distance alone. Here pairs compete only with pairs at the same distance. An enrichment of 2 means
    that the best pairs hold twice as many measured links as all pairs at their distance; 1 is chance. With :math:`w_i`
    1 for pairs among the ``top`` of their distance bin, 0 for others, and :math:`t_i` 1 for pairs that are measured
    links,

    .. math:: E = \frac{\sum_i w_i t_i / \sum_i w_i}{\sum_i t_i / n}

    Pairs that tie at the limit share the places that are left. Intervals are percentiles over resamples of whole genes,
    which keep the same pairs at the top.

    Parameters
    ----------
    links : DataFrame
        From :func:`score_links`, with further columns of scores where wanted. Those of :func:`peak_gene_links` can be
        merged by ``chrom, start, end, gene``.
    truth : DataFrame or mapping
        Measured links: ``chrom, start, end, gene``, or two places ``chrom1, start1, end1, chrom2, start2, end2`` as
        :func:`skepi.io.read_bedpe` reads them; in bp, 0-based half-open. A pair is a measured link where its peak
        shares a base with a place that is linked to its gene; of two places, one has a base at the promoter of the
        gene. Links between chromosomes are left out.
    scores : str or sequence of str, default="score"
        Columns of finite numbers, greater for better links.
    genes : sequence of str, optional
        The genes that the experiment looked at. By default those with at least one measured link.
    distance_bins : int or array-like of int, default=50
        Number of bins with equally many pairs, or edges in bp from the TSS, increasing, each bin ``[from, to)``; pairs
        beyond the edges are left out.
    top : float, default=0.05
        Share of the pairs of each bin.
    promoter_reach : int, default=1_000
        A promoter is what lies within this distance of a TSS, in bp. Only for a truth of two places.
    n_bootstrap : int, default=1000
        2 or more.
    level : float, default=0.95
    random_state : int, RandomState or None, default=0

    Returns
    -------
    DataFrame
        Two rows per score, for ``peaks`` ``"all"`` and ``"without promoters"``, of which the latter leaves out pairs
        with ``is_promoter`` before anything is counted. Columns ``score, peaks, n_genes, n_pairs, n_true`` (pairs that
        are measured links), ``share_of_all`` and ``share_of_top`` (fractions that are measured links), ``enrichment``,
        and its ``low``, ``high`` and ``standard_error``. Enrichment is NaN where no pair is a measured link.

    Raises
    ------
    TableError
        For links or a truth without wanted columns.
    UnmatchedDataError
        Where truth and links have no gene in common, or no pair is a measured link.
    ValueError
        For scores that are not finite, fewer than two genes, and settings out of range.

    Examples
    --------
    >>> from skepi.datasets import make_linked_openness
    >>> from skepi.inspection import score_links
    >>> data, truth = make_linked_openness(n_genes=60, n_cell_types=6, n_lineages=2)
    >>> links = score_links(data, min_distance=20_000)
    >>> table = link_enrichment(links, truth.links, scores=["activity", "score"], distance_bins=10, n_bootstrap=50)
    >>> table[["score", "peaks"]].values.tolist()[:2]
    [['activity', 'all'], ['activity', 'without promoters']]
    """
    names = [scores] if isinstance(scores, str) else list(scores)
    links = frame_of(links, "links", (*_WANTED, *names))
    check_number("top", top, 0, 1, low_included=False)
    check_count("promoter_reach", promoter_reach, 0)
    check_bootstrap(n_bootstrap, level)
    links, is_true = _assessed(links, truth, genes, promoter_reach)
    values = {name: _checked_score(links[name]) for name in names}
    distance, gene = links["distance_bp"].abs().to_numpy(), pd.factorize(links["gene"])[0]
    parts = []
    for peaks, kept in (("all", np.ones(len(links), dtype=bool)), ("without promoters", ~_flags(links["is_promoter"]))):
        if not kept.any():
            raise ValueError("every link is of a peak at a promoter: none is left for the row 'without promoters'")
        bins = distance_groups(distance[kept], distance_bins)
        rows = np.flatnonzero(kept)[bins >= 0]
        pairs = _Pairs(gene[rows], bins[bins >= 0], is_true[rows])
        for name, score in values.items():
            weights = top_weights(score[rows], pairs.bins, top)
            found = _enrichment(pairs, weights, n_bootstrap, level, random_state)
            parts.append({"score": name, "peaks": peaks, **found})
    order = [k * len(names) + j for j in range(len(names)) for k in range(2)]
    return pd.DataFrame([parts[place] for place in order])


class _Pairs(NamedTuple):
    """Gene, distance bin and truth of pairs, all of shape (n_pairs,)."""

    gene: IntArray
    bins: IntArray
    is_true: BoolArray


def distance_groups(distance: IntArray, bins: Any) -> IntArray:
    """Number of the distance bin of each pair; -1 for pairs beyond the edges."""
    if np.ndim(bins) == 0:
        check_count("distance_bins", bins, 1)
        edges = np.quantile(distance.astype(np.float64), np.linspace(0, 1, int(bins) + 1)[1:-1])
        return np.searchsorted(np.unique(edges), distance, side="right").astype(np.int64)
    edges = np.asarray(bins)
    if edges.ndim != 1 or edges.size < 2 or edges.dtype.kind not in "iuf" or not (np.diff(edges) > 0).all():
        raise ValueError(f"distance_bins must be a number of bins, or two or more increasing edges in bp, got {bins!r}")
    place = np.searchsorted(edges, distance, side="right").astype(np.int64) - 1
    return np.where(place < edges.size - 1, place, -1)


def top_weights(score: FloatArray, bins: IntArray, top: float) -> FloatArray:
    """1 for pairs among the top of their bin, 0 for others; pairs that tie at the limit share what is left.

    Examples
    --------
    >>> top_weights(np.array([3.0, 2.0, 2.0, 1.0]), np.zeros(4, dtype=int), 0.5).tolist()
    [1.0, 0.5, 0.5, 0.0]
    """
    weights = np.zeros(score.size)
    order = np.lexsort((score, bins))
    for rows in np.split(order, np.cumsum(np.bincount(bins))[:-1]):
        if rows.size == 0:
            continue
        wanted, values = top * rows.size, score[rows]
        limit = values[max(rows.size - int(np.ceil(wanted)), 0)]
        first, behind = np.searchsorted(values, limit, "left"), np.searchsorted(values, limit, "right")
        weights[rows[behind:]] = 1.0
        weights[rows[first:behind]] = (wanted - (rows.size - behind)) / (behind - first)
    return weights


def _enrichment(
    pairs: _Pairs, weights: FloatArray, n_bootstrap: int, level: float, random_state: Any
) -> dict[str, float]:
    """One row of the table."""
    codes, labels = pd.factorize(pairs.gene)
    if len(labels) < 2:
        raise ValueError(f"resampling genes needs 2 or more with pairs in the distance bins, got {len(labels)}")
    genes, is_true = Groups(codes.astype(np.int64), pd.Index(labels)), pairs.is_true.astype(np.float64)
    true_top, n_top, true, n = map(genes.sums, (weights * is_true, weights, is_true, None))
    drawn = [
        share(share(block @ true_top, block @ n_top), share(block @ true, block @ n))
        for block in resamples(genes, n_bootstrap, random_state, len(labels))
    ]
    of_top, of_all = true_top.sum() / n_top.sum(), true.sum() / n.sum()
    estimate = pd.Series({"enrichment": of_top / of_all if of_all > 0 else np.nan})
    interval = interval_table(estimate, pd.DataFrame({"enrichment": np.concatenate(drawn)}), level).iloc[0]
    counts = {"n_genes": len(labels), "n_pairs": codes.size, "n_true": int(true.sum())}
    shares = {"share_of_all": of_all, "share_of_top": of_top, "enrichment": interval["estimate"]}
    return counts | shares | interval[["low", "high", "standard_error"]].to_dict()


def _assessed(links: pd.DataFrame, truth: Any, genes: Any, reach: int) -> tuple[pd.DataFrame, BoolArray]:
    """Links of the genes that the experiment looked at, and which of them it measured."""
    codes, labels = pd.factorize(names_of(links["gene"], "links: gene"))
    first = np.unique(codes, return_index=True)[1]
    of_genes = pd.DataFrame(
        {
            "gene": np.asarray(labels, dtype=object),
            "chrom": links["chrom"].to_numpy(dtype=object)[first],
            "tss": links["tss"].to_numpy()[first],
        }
    )
    measured = read_truth(truth, of_genes, reach)
    looked_at = np.isin(np.arange(len(labels)), measured.gene) if genes is None else _named(of_genes["gene"], genes)
    kept = looked_at[codes]
    place = (codes[kept].astype(np.int64), *(links[column].to_numpy()[kept] for column in ("start", "end")))
    is_true = measured.hold(*place)
    if not is_true.any():
        raise UnmatchedDataError("truth: no pair of the links is a measured link: are both of one assembly?")
    return links[kept], is_true


def _named(names: pd.Series, wanted: Any) -> BoolArray:
    if isinstance(wanted, str):
        raise ValueError(f"genes must be a sequence of names, got the text {wanted!r}: wanted [{wanted!r}]")
    there = names.isin(list(wanted)).to_numpy()
    if not there.any():
        raise UnmatchedDataError(f"genes: none is among the links: {some(wanted, 2)} against {some(names, 2)}")
    return there


def _checked_score(column: pd.Series) -> FloatArray:
    """Finite numbers of a column."""
    if not pd.api.types.is_numeric_dtype(column):
        raise ValueError(f"links: {column.name}: wanted numbers, got dtype {column.dtype}")
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = int((~np.isfinite(values)).sum())
    if wrong:
        raise ValueError(f"links: {column.name}: {wrong} of {values.size} values are not finite; leave such links out")
    return values


def _flags(column: pd.Series) -> BoolArray:
    if column.dtype != np.bool_:
        raise ValueError(f"links: is_promoter: wanted True or False, got dtype {column.dtype}")
    return column.to_numpy()
