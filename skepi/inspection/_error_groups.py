"""Errors by cell type, gene, chromosome, level and variance of expression, and number of open bins."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._columns import label_of
from skepi._dataset import check_dataset
from skepi._doors import check_count, check_pair_labels, some
from skepi._held_out import (
    Groups,
    checked_held_out,
    groups_by,
    groups_of,
    squared_error,
    squared_error_of_mean,
)
from skepi._rows import codes_of
from skepi.paired import PairedDataset
from skepi.rows import is_binned

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_BY = ("cell_type", "gene", "chromosome", "expression", "variance", "open_bins")


def error_by(
    held_out: pd.DataFrame,
    by: Any,
    *,
    data: PairedDataset | None = None,
    X: Any = None,
    n_groups: int = 10,
) -> pd.DataFrame:
    r"""Error and skill of groups of held-out pairs.

    With :math:`e_i = (L_i - \hat L_i)^2` and :math:`v_i = (L_i - \mu_i)^2`, where :math:`\mu` is the training mean, and
    sums over the pairs of a group, ``mse`` is :math:`\sum e_i / n`, ``mse_mean`` is :math:`\sum v_i / n`, and ``skill``
    is :math:`1 - \sum e_i / \sum v_i`.

    Quantile groups end at the values up to which 1/n_groups, 2/n_groups, ... of the pairs (``"variance"``: of the
    genes) lie; equal values stay in one group, so that there may be fewer groups. Groups of expression are groups of
    the **truth**: a predictor that shrinks towards the mean errs most in the lowest and the highest, calibrated or not.

    Parameters
    ----------
    held_out : DataFrame
        From :func:`skepi.model_selection.cross_val_pairs`.
    by : {"cell_type", "gene", "chromosome", "expression", "variance", "open_bins"} or array-like of shape (n_pairs,)
        ``"expression"``: quantile groups of ``y_true``; ``"variance"``: of the variance of a gene's ``y_true`` over the
        table (divided by n); ``"open_bins"``: of the number of bins of the pair with openness above 0. An array holds
        one label per row of ``held_out``, by position.
    data : PairedDataset, optional
        Holds the chromosomes; needed for ``"chromosome"``.
    X : BinnedOpenness, optional
        From :class:`skepi.binning.TSSBinner`, not scaled, of a data set with these genes and cell types (matched by
        name); needed for ``"open_bins"``.
    n_groups : int, default=10
        Number of quantile groups, 2 or more.

    Returns
    -------
    DataFrame
        One row per group: ``n_pairs, share_of_pairs, mse, mse_mean`` (squared units of ``y``), ``skill``,
        ``share_of_error`` and ``error_ratio`` (share of error / share of pairs; 1 is average). ``mse_mean`` and
        ``skill`` are NaN for groups that hold genes without training mean, ``skill`` also where the truth equals the
        mean throughout, the last two where no pair has an error. The index is named after ``by`` (``group`` for an
        array): names in order of first appearance (chromosomes as in the table of genes), intervals ``(from, to]`` in
        increasing order.

    Raises
    ------
    TypeError
        For a table, data set or rows of another kind.
    ValueError
        For another ``by``, ``data`` or ``X`` missing, scaled rows, labels that do not match, and values that do not
        vary.
    UnknownNameError
        Where ``data`` or ``X`` lacks a gene or cell type of the table.

    Examples
    --------
    >>> columns = {"fold": 0, "gene": ["a", "b", "c"], "cell_type": ["HSC", "HSC", "Ery"], "train_mean": 0.0}
    >>> table = pd.DataFrame({"y_true": [2.0, 0.0, 4.0], "y_pred": [1.0, 1.0, 4.0], **columns})
    >>> error_by(table, "cell_type")["skill"].to_dict()  # 1 - (1 + 1) / (4 + 0) and 1 - 0 / 16
    {'HSC': 0.5, 'Ery': 1.0}
    """
    table = checked_held_out(held_out)
    if not isinstance(by, str):
        groups = groups_of(check_pair_labels(by, len(table), "by: "))
    elif by == "chromosome":
        groups = _by_chromosome(table, data)
    elif by in _BY[3:]:
        groups = _by_quantile(table, by, X, n_groups)
    else:
        groups = groups_by(table, by, _BY)
    return _errors(table, groups).rename_axis(by if isinstance(by, str) else "group")


def open_bin_counts(X: Any) -> IntArray:
    """Count the bins of each pair that have openness above 0.

    Parameters
    ----------
    X : BinnedOpenness
        Rows of one signal, without features of peaks, and not scaled: after log and z-score, 0 no longer means closed.

    Returns
    -------
    ndarray of int64, shape (n_pairs,)

    Raises
    ------
    TypeError
        For anything but binned rows.
    ValueError
        For scaled rows.

    Examples
    --------
    >>> from skepi.binning import TSSBinner
    >>> data = PairedDataset(
    ...     openness=pd.DataFrame({"HSC": [1.0, 2.0], "Ery": [0.0, 3.0]}),
    ...     peaks={"chrom": ["chr1", "chr1"], "start": [90, 700], "end": [98, 800]},
    ...     genes={"name": ["GATA1"], "chrom": ["chr1"], "tss": [100], "strand": ["+"]},
    ... )
    >>> open_bin_counts(TSSBinner(edges=[-1_000, 0, 1_000]).fit_transform(data.pairs()))
    array([2, 1])
    """
    _check_unscaled(X)
    return _open_bins_of_genes(X, X.gene_codes)[X.gene_codes, X.cell_type_codes]


def _errors(table: pd.DataFrame, groups: Groups) -> pd.DataFrame:
    n_pairs, error = groups.sums(), groups.sums(squared_error(table))
    error_of_mean = groups.sums(squared_error_of_mean(table))
    out = pd.DataFrame(index=groups.labels)
    out["n_pairs"] = n_pairs.astype(np.int64)
    out["share_of_pairs"] = n_pairs / n_pairs.sum()
    out["mse"] = error / n_pairs
    out["mse_mean"] = error_of_mean / n_pairs
    out["skill"] = 1 - out["mse"] / out["mse_mean"].where(out["mse_mean"] > 0)
    out["share_of_error"] = error / error.sum() if error.any() else np.nan
    out["error_ratio"] = out["share_of_error"] / out["share_of_pairs"]
    return out


def _by_chromosome(table: pd.DataFrame, data: PairedDataset | None) -> Groups:
    if data is None:
        raise ValueError("by='chromosome' needs data=, the data set that holds the chromosomes of the genes")
    check_dataset(data)
    genes = groups_of(table["gene"])
    code, names = pd.factorize(data.genes["chrom"])
    of_pair = code[codes_of(genes.labels, data.genes, "data: gene(s)")][genes.codes]
    present, codes = np.unique(of_pair, return_inverse=True)
    return Groups(codes, pd.Index(names)[present])


def _by_quantile(table: pd.DataFrame, by: str, X: Any, n_groups: int) -> Groups:
    if by == "expression":
        return quantile_groups(table["y_true"].to_numpy(), n_groups, "y_true")
    if by == "open_bins":
        return quantile_groups(_open_bins_of_pairs(table, X).astype(np.float64), n_groups, "the number of open bins")
    genes, truth = groups_of(table["gene"]), table["y_true"].to_numpy()
    mean = genes.sums(truth) / genes.sums()
    variance = genes.sums((truth - mean[genes.codes]) ** 2) / genes.sums()
    of_gene = quantile_groups(variance, n_groups, "the variance of genes")
    return Groups(of_gene.codes[genes.codes], of_gene.labels)


def quantile_groups(values: FloatArray, n_groups: int, what: str) -> Groups:
    """Groups of about equal size in increasing order, labelled ``(from, to]``; equal values stay together."""
    check_count("n_groups", n_groups, 2)
    low, high = values.min(), values.max()
    if high - low <= 1e-12 * np.abs(values).max():
        raise ValueError(f"{what} does not vary ({low:g} throughout), so there are no quantile groups")
    cuts = np.unique(np.quantile(values, np.arange(1, n_groups) / n_groups, method="inverted_cdf"))
    upper = np.append(cuts[cuts < high], high)
    lower = np.append(low - 1e-3 * (high - low), upper[:-1])
    return Groups(np.searchsorted(upper, values, side="left"), pd.IntervalIndex.from_arrays(lower, upper))


def _open_bins_of_pairs(table: pd.DataFrame, X: Any) -> IntArray:
    """Open bins of each held-out pair, found in the rows' data set by name."""
    if X is None:
        raise ValueError("by='open_bins' needs X=, binned rows of a data set with these genes and cell types")
    _check_unscaled(X)
    genes, cell_types = groups_of(table["gene"]), groups_of(table["cell_type"])
    gene = codes_of(genes.labels, X.genes, "X: gene(s)")[genes.codes]
    cell_type = codes_of(cell_types.labels, X.cell_types, "X: cell type(s)")[cell_types.codes]
    return _open_bins_of_genes(X, gene)[gene, cell_type]


def _open_bins_of_genes(X: Any, gene_codes: IntArray) -> IntArray:
    """Open bins of the chosen genes in all cell types, (n_genes, n_cell_types); the rows of others mean nothing."""
    out = np.zeros((len(X.genes), len(X.cell_types)), dtype=np.int64)
    for block in X.gene_blocks(gene_codes):
        before = np.zeros((len(block.values) + 1, out.shape[1]), dtype=np.int64)
        np.cumsum(block.values > 0, axis=0, out=before[1:])
        out[block.genes] = np.diff(before[block.ptr], axis=0)
    return out


def _check_unscaled(X: Any) -> None:
    if not is_binned(X):
        raise TypeError(f"X: wanted binned rows (from TSSBinner), got {type(X).__name__}")
    if X.is_scaled:
        raise ValueError("X: wanted openness, got scaled rows (log z-scores), where 0 no longer means closed")
    kinds = X.columns[["signal", "feature"]].drop_duplicates()
    if len(kinds) > 1 or kinds["feature"].iloc[0]:
        raise ValueError(
            "X: open bins are counted of one signal without features of peaks, got columns of "
            f"{some(label_of(*kind) or kind[0] for kind in kinds.itertuples(index=False))}; "
            "TSSBinner(signals=[...]) makes rows of one"
        )
