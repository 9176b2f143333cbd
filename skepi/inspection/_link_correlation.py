"""Test each link: does openness follow expression more closely than in peaks like it on other chromosomes?"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import false_discovery_control
from sklearn.utils import check_random_state

from skepi._dataset import check_dataset
from skepi._doors import check_count, check_flag, frame_of, some
from skepi._progress import progress_bar
from skepi.exceptions import MissingExpressionError, TableError, UnmatchedDataError
from skepi.inspection._gene_links import scaled_openness
from skepi.inspection._matched_peaks import matched_rows, strata_of
from skepi.inspection._null_tails import NullTails
from skepi.paired import PairedDataset

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_PLACE = ["chrom", "start", "end"]
_LEAST_CELL_TYPES = 4  # with 3, any two profiles correlate by almost anything
_SPARE = 1.5  # peaks of a stratum on other chromosomes, on average, over those to draw
_LARGEST_R = 1 - 1e-9  # its Fisher transform is finite

_LEAST_SD = 1e-6  # of what rounding leaves where all matched peaks have one profile

# Numbers in each array that a block of genes or of pairs needs, 32 MB.
_BLOCK_VALUES = 4_000_000


def correlate_links(
    data: PairedDataset,
    links: pd.DataFrame,
    *,
    n_matched: int = 200,
    gc: Any = None,
    signal: str | None = None,
    depth: str | None = "mean",
    random_state: Any = 0,
    progress: bool = False,
) -> pd.DataFrame:
    r"""Test whether the openness of each peak follows the expression of its gene across cell types.

    Cell types of one lineage are alike in openness and expression everywhere, so any peak may correlate with any gene.
    The null is therefore what the same gene shows with peaks that cannot regulate it: peaks on other chromosomes, of
    the same openness and variability (and GC content, where it is given). With r the Pearson correlation of
    :math:`\ln(1 + \text{openness} / \text{depth})` with expression,

    .. math:: z = \frac{\operatorname{artanh} r - m}{s}

    where m and s are the mean and SD of :math:`\operatorname{artanh} r` over matched peaks. Half of the matched peaks
    give m and s. The other half give values of z under the null, and p is the share of these that lie as far out on the
    same side, over all genes, doubled for the two sides. So p holds without normal distributions and with related cell
    types; it cannot be smaller than 4 over ``n_matched`` times the number of genes. Matched peaks come from the same
    stratum: quantile groups of mean openness, within these of the SD over cell types, within these of GC.

    Parameters
    ----------
    data : PairedDataset
        With expression, of at least 4 cell types.
    links : DataFrame
        Pairs to test: columns ``chrom, start, end, gene``, such as those of :func:`score_links`. The false discovery
        rate is among these pairs, so leave out beforehand what is of no interest.
    n_matched : int, default=200
        Matched peaks per stratum and chromosome, drawn anew for the genes of each chromosome; 20 or more.
    gc : Series or array-like of float, shape (n_peaks,), optional
        Share of G and C in each peak, 0 to 1: an array in the order of ``data.peaks``, or a Series with its index.
    signal : str, optional
        Signal whose peaks are tested; needed where there are several.
    depth : {"mean", None}, default="mean"
        As in :func:`score_links`.
    random_state : int, RandomState or None, default=0
        Which peaks are drawn.
    progress : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    DataFrame
        ``links`` with four further columns: ``r``; ``z``, in SDs of the null, positive where the peak is open
        where the gene is expressed; ``p``, two-sided; and ``fdr``, the false discovery rate at which the link is
        significant (Benjamini and Hochberg 1995). All four are NaN where the peak or the gene does not vary, and
        all but ``r`` where all matched peaks have the same correlation, as peaks that are open in one cell type alone.

    Raises
    ------
    TypeError
        For anything but a data set.
    MissingExpressionError
        Where the data set holds openness only.
    TableError
        For links without wanted columns, and ``gc`` that is not one share per peak.
    UnmatchedDataError
        For links with peaks or genes that the data set does not hold.
    UnknownNameError
        For a signal that it does not hold.
    ValueError
        For fewer than 4 cell types, settings out of range, and chromosomes beside which there are too few peaks.

    Notes
    -----
    Scoring all 6.2 million pairs within 1 Mb of the genes of 14 blood populations takes 9 to 12 s, testing them 15 to
    28 s, and both together less than 2 GB (two processors shared with others). Few cell types give little power. There,
    p is below 0.001 in pairs within 5 kb 4.1 times as often as by chance, in pairs beyond 20 kb 1.2 times, and in pairs
    on other chromosomes 1.0 times (``benchmarks/links.py blood``). A link that does not correlate is not refuted.

    Examples
    --------
    >>> from skepi.datasets import make_paired_openness
    >>> from skepi.inspection import score_links
    >>> data, _ = make_paired_openness(n_genes=30, n_cell_types=8, n_lineages=2)
    >>> links = correlate_links(data, score_links(data, max_distance=100_000), n_matched=50)
    >>> links.columns[-4:].tolist()
    ['r', 'z', 'p', 'fdr']
    >>> bool(links["fdr"].dropna().between(0, 1).all())
    True
    """
    check_flag("progress", progress)
    check_dataset(data)
    if data.expression is None:
        raise MissingExpressionError("correlate_links needs expression, and this data set holds openness only")
    if data.expression.shape[1] < _LEAST_CELL_TYPES:
        raise ValueError(f"wanted {_LEAST_CELL_TYPES} cell types or more, got {data.expression.shape[1]}")
    check_count("n_matched", n_matched, 20)
    rows, scale = scaled_openness(data, data.tables.the_signal(signal, "correlate_links"), depth)
    peaks = data.peaks.iloc[rows]
    links = frame_of(links, "links", (*_PLACE, "gene"))
    gene, peak = _genes_of(links, data), _peaks_of(links, peaks)
    profile = np.log1p(data.openness[rows] / scale.astype(np.float32))
    unit, expression = standardized(profile), standardized(data.expression)
    gc, varies = None if gc is None else _checked_gc(gc, data)[rows], ~np.isnan(unit[:, 0])
    if not varies.any():
        raise ValueError("no peak varies over the cell types: there is nothing to correlate with expression")
    strata = strata_of(profile, varies, gc, _SPARE * n_matched / _share_elsewhere(peaks))
    r = _correlations(unit, expression, gene, peak)
    null = _Null(unit, expression, strata, n_matched, check_random_state(random_state))
    place = peaks["chrom"].to_numpy(dtype=object), data.genes["chrom"].to_numpy(dtype=object)
    mean, sd = null.draw(*place, gene, strata[peak], progress)
    z = (_fisher(r) - mean) / sd
    p = null.tails.p(strata[peak], z)
    return links.assign(r=r, z=z, p=p, fdr=_fdr(p))


def standardized(values: NDArray) -> NDArray[np.float32]:
    """Rows with mean 0 and length 1, so that products are correlations; NaN for rows that do not vary."""
    moved = values - values.mean(axis=1, keepdims=True, dtype=np.float64)
    length = np.sqrt(np.square(moved).sum(axis=1, keepdims=True))
    moved /= np.where(length > 1e-6 * np.maximum(np.abs(values).max(axis=1, keepdims=True), 1e-6), length, np.nan)
    return moved.astype(np.float32)


def _correlations(
    unit: NDArray[np.float32], expression: NDArray[np.float32], gene: IntArray, peak: IntArray
) -> FloatArray:
    """Correlation of each pair, block by block."""
    r = np.empty(gene.size)
    step = max(1, _BLOCK_VALUES // unit.shape[1])
    for first in range(0, gene.size, step):
        rows = slice(first, first + step)
        r[rows] = np.einsum("pc,pc->p", unit[peak[rows]], expression[gene[rows]])
    return r


class _Null:
    """Correlations of genes with matched peaks on other chromosomes, drawn chromosome by chromosome."""

    def __init__(
        self,
        unit: NDArray[np.float32],
        expression: NDArray[np.float32],
        strata: IntArray,
        n_matched: int,
        rng: np.random.RandomState,
    ) -> None:
        self.unit, self.expression, self.strata = unit, expression, strata
        self.n_matched, self.rng = n_matched, rng
        self.n_strata = int(strata.max()) + 1
        self.tails = NullTails(self.n_strata)

    def draw(
        self, chrom_of_peak: NDArray, chrom_of_gene: NDArray, gene: IntArray, stratum: IntArray, progress: bool
    ) -> tuple[FloatArray, FloatArray]:
        """Mean and SD of the null of each link, both (n_links,); the other half of the null goes to the tails."""
        wanted = np.unique(gene)
        row_of_gene = np.full(chrom_of_gene.size, -1)
        row_of_gene[wanted] = np.arange(wanted.size)
        mean, sd = np.empty((2, self.n_strata, wanted.size))
        with progress_bar(progress, "genes", wanted.size) as bar:
            for name in pd.unique(chrom_of_gene[wanted]):
                allowed = (self.strata >= 0) & (chrom_of_peak != name)
                rows = matched_rows(self.strata, allowed, self.n_matched, self.rng, f"genes of {name}")
                genes = wanted[chrom_of_gene[wanted] == name]
                for some_genes in np.array_split(genes, -(-genes.size * rows.size // _BLOCK_VALUES)):
                    place = row_of_gene[some_genes]
                    mean[:, place], sd[:, place] = self._of_genes(rows, some_genes)
                    bar.update(some_genes.size)
        return mean[stratum, row_of_gene[gene]], sd[stratum, row_of_gene[gene]]

    def _of_genes(self, rows: IntArray, genes: IntArray) -> tuple[FloatArray, FloatArray]:
        """Mean and SD over the first half of the matched peaks, (n_strata, n_genes)."""
        r = (self.unit[rows.ravel()] @ self.expression[genes].T).astype(np.float64)
        null = _fisher(r).reshape(*rows.shape, genes.size)
        fitted, left = np.split(null, [self.n_matched // 2], axis=1)
        mean, sd = fitted.mean(axis=1), fitted.std(axis=1, ddof=1)
        sd = np.where(sd > _LEAST_SD, sd, np.nan)
        z = (left - mean[:, None]) / sd[:, None]
        self.tails.add(np.repeat(np.arange(self.n_strata), z[0].size), z.ravel())
        return mean, sd


def _fisher(r: FloatArray) -> FloatArray:
    return np.arctanh(np.clip(r, -_LARGEST_R, _LARGEST_R))


def _fdr(p: FloatArray) -> FloatArray:
    """Benjamini and Hochberg's adjusted p of those that are known."""
    fdr, known = np.full(p.size, np.nan), ~np.isnan(p)
    if known.any():
        fdr[known] = false_discovery_control(p[known], method="bh")
    return fdr


def _share_elsewhere(peaks: pd.DataFrame) -> float:
    """Share of the peaks that lie on other chromosomes than the one with the most; above 0 for one chromosome, too."""
    most = peaks["chrom"].value_counts(normalize=True).iloc[0]
    return max(1.0 - float(most), 1e-9)


def _genes_of(links: pd.DataFrame, data: PairedDataset) -> IntArray:
    """Row of the gene of each link."""
    codes, names = pd.factorize(links["gene"])
    rows = pd.Index(data.genes["name"]).get_indexer(pd.Index(np.asarray(names, dtype=object)))
    if (codes < 0).any() or (rows < 0).any():
        unknown = np.asarray(names, dtype=object)[rows < 0]
        raise UnmatchedDataError(f"links: genes that the data set does not hold: {some(unknown) or 'a missing name'}")
    return rows[codes]


def _peaks_of(links: pd.DataFrame, peaks: pd.DataFrame) -> IntArray:
    """Row, among the peaks of the signal, of the peak of each link."""
    places = peaks[_PLACE].assign(row=np.arange(len(peaks))).astype({"chrom": object})
    found = links[_PLACE].astype({"chrom": object}).merge(places, how="left", on=_PLACE)["row"].to_numpy()
    missing = np.flatnonzero(np.isnan(found))
    if missing.size:
        first = links[_PLACE].iloc[int(missing[0])]
        raise UnmatchedDataError(
            f"links: {missing.size} of {len(links)} have a peak that the data set does not hold, the first "
            f"{first['chrom']}:{first['start']}-{first['end']}; give the data set that the links were scored on"
        )
    return found.astype(np.int64)


def _checked_gc(gc: Any, data: PairedDataset) -> FloatArray:
    """One share per peak, in the order of the peaks."""
    if isinstance(gc, pd.Series) and not gc.index.equals(data.peaks.index):
        raise TableError("gc: the index is not that of data.peaks; use gc.loc[data.peaks.index], or an array")
    values = np.asarray(gc)
    if values.shape != (len(data.peaks),) or values.dtype.kind not in "fiu":
        raise TableError(
            f"gc: wanted one number for each of the {len(data.peaks)} peaks, got {values.dtype} of shape {values.shape}"
        )
    if not ((values >= 0) & (values <= 1)).all():
        raise TableError(f"gc: wanted shares in 0 .. 1, got values from {np.min(values):g} to {np.max(values):g}")
    return values.astype(np.float64)
