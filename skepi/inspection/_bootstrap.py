"""Intervals of scores from resampling whole genes or whole cell types of held-out pairs."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from skepi.inspection._checks import check_count
from skepi.inspection._held_out import (
    Deviations,
    FloatArray,
    Groups,
    checked_held_out,
    deviations,
    groups_by,
    groups_of,
    mean_of_unit,
    squared_error,
)
from skepi.metrics import gene_correlation, summarize

# Numbers in each of the arrays that a block of resamples needs, 16 MB.
_BLOCK_VALUES = 2_000_000

# Share of a sum of squares that rounding may leave of squares about the mean.
_ROUNDING = 1e-12


def bootstrap_scores(
    held_out: pd.DataFrame,
    *,
    by: str = "cell_type",
    n_bootstrap: int = 1000,
    level: float = 0.95,
    random_state: Any = 0,
) -> pd.DataFrame:
    r"""Scores of held-out predictions with percentile intervals.

    Each resample draws as many cell types (or genes) as there are, with replacement; each comes with all its pairs.
    With :math:`w_h` the number of times that group h was drawn and sums over the pairs of a group, skill is

    .. math:: 1 - \sum_h w_h \sum_{i \in h} (L_i - \hat L_i)^2 \Big/ \sum_h w_h \sum_{i \in h} (L_i - \mu_i)^2

    and the other scores weigh pairs in the same way; a gene drawn twice counts twice in the median over genes. The
    interval reaches from the (1 - level) / 2 to the (1 + level) / 2 quantile of the resamples. Correlations of a gene
    within fewer different cell types are off by a system (their median too high, their mean too low), so resampled
    ``r_median`` and ``r_mean`` by cell type are moved to have their median at the estimate.

    By gene, the interval says what other genes **in the same cell types** would give; by cell type, what other cell
    types would. Cell types are few and, within a lineage, related: such intervals are the wider ones and still too
    narrow (of 14 unrelated cell types, simulated, those at level 0.95 held the expected score in about 0.9 of tables).
    Models are not fitted again: the variation that comes from training on other data is in neither.

    Parameters
    ----------
    held_out : DataFrame
        From :func:`skepi.model_selection.cross_val_pairs`.
    by : {"cell_type", "gene"}, default="cell_type"
    n_bootstrap : int, default=1000
        2 or more.
    level : float, default=0.95
    random_state : int, RandomState or None, default=0

    Returns
    -------
    DataFrame
        Rows ``skill, r_median, r_mean, rmse``, for unseen genes ``within_gene_skill, rmse``; columns ``estimate`` (that
        of :func:`skepi.metrics.summarize`), ``low``, ``high`` and ``standard_error`` (SD of the resamples); ``rmse`` in
        units of ``y``. Resamples in which a score is not defined (the same cell type in all draws) do not count.

    Raises
    ------
    TypeError, ValueError
        For a table that is not one of held-out pairs, genes with and without training mean together, a truth that does
        not vary, fewer than two groups, another ``by``, and settings out of range.

    Examples
    --------
    >>> columns = {"fold": 0, "cell_type": ["HSC", "Ery"] * 2, "train_mean": 1.0}
    >>> table = pd.DataFrame({"gene": list("aabb"), "y_true": [0.0, 2, 0, 2], "y_pred": [0.0, 2, 1, 1], **columns})
    >>> # The skill of a alone is 1, of b alone 0.
    >>> bootstrap_scores(table, by="gene").loc["skill", ["estimate", "low", "high"]].tolist()
    [0.5, 0.0, 1.0]
    """
    table = checked_held_out(held_out)
    groups = groups_to_resample(table, by)
    check_bootstrap(n_bootstrap, level)
    moved, estimate = deviations(table), summarize(table)
    scores = _scores_of_weights(table, moved, groups, by)
    weights = resamples(groups, n_bootstrap, random_state, n_units(table, moved))
    drawn = pd.concat([scores(block) for block in weights])
    if by == "cell_type" and moved.units is None:
        r = drawn[["r_median", "r_mean"]]
        drawn[r.columns] = (r - r.median() + estimate[r.columns]).clip(-1, 1)
    return interval_table(estimate[drawn.columns], drawn, level)


class Squares(NamedTuple):
    """Sums of squares and products of truth (t) and prediction (p), all of one shape."""

    tt: FloatArray
    tp: FloatArray
    pp: FloatArray


def groups_to_resample(table: pd.DataFrame, by: Any) -> Groups:
    """Genes or cell types of the pairs; at least two."""
    groups = groups_by(table, by, ("cell_type", "gene"))
    if len(groups.labels) < 2:
        raise ValueError(f"resampling by {by} needs 2 or more of them, got only {groups.labels[0]}")
    return groups


def check_bootstrap(n_bootstrap: int, level: float) -> None:
    """Refuse settings that give no interval."""
    check_count("n_bootstrap", n_bootstrap, 2)
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, got {level!r}")


def n_units(table: pd.DataFrame, moved: Deviations) -> int:
    """Number of sets of pairs that have a mean of their own: genes, or (fold, gene) for unseen genes."""
    return int(table["gene"].nunique()) if moved.units is None else int(moved.units.max()) + 1


def resamples(groups: Groups, n_bootstrap: int, random_state: Any, n_units: int) -> Iterator[FloatArray]:
    """Yield how often each group was drawn, (resamples of the block, n_groups), in blocks of bounded size."""
    rng, n_groups = check_random_state(random_state), len(groups.labels)
    at_once = max(1, _BLOCK_VALUES // max(n_groups, n_units))
    for first in range(0, n_bootstrap, at_once):
        n = min(at_once, n_bootstrap - first)
        drawn = rng.randint(n_groups, size=(n, n_groups)) + n_groups * np.arange(n)[:, None]
        yield np.bincount(drawn.ravel(), minlength=n * n_groups).reshape(n, n_groups).astype(np.float64)


def squares_of_weights(moved: Deviations, groups: Groups) -> Callable[[FloatArray], Squares]:
    """Sums over all pairs as a function of the weights of groups, (n_resamples, n_groups) to (n_resamples,).

    Where means of units were taken off, they are taken off again in each resample.
    """
    t, p = moved.truth, moved.prediction
    if moved.units is None:
        of_group = [groups.sums(values) for values in (t * t, t * p, p * p)]
        return lambda weights: Squares(*(weights @ sums for sums in of_group))
    of_units = _squares_of_units(t, p, moved.units, groups)
    return lambda weights: Squares(*(sums.sum(axis=0) for sums in of_units(weights)))


def interval_table(estimate: pd.Series, drawn: pd.DataFrame, level: float) -> pd.DataFrame:
    """Estimates with the percentiles and the SD of resamples, (n_resamples, n_scores); NaN is left out."""
    limits = drawn.quantile([(1 - level) / 2, (1 + level) / 2])
    columns = {"estimate": estimate, "low": limits.iloc[0], "high": limits.iloc[1], "standard_error": drawn.std()}
    return pd.DataFrame(columns, index=drawn.columns)


def share(part: FloatArray, whole: FloatArray) -> FloatArray:
    """Divide; NaN where there is nothing to divide by."""
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0)


def _scores_of_weights(
    table: pd.DataFrame, moved: Deviations, groups: Groups, by: str
) -> Callable[[FloatArray], pd.DataFrame]:
    """Scores as a function of the weights of groups: one row a resample."""
    squares_of, n_pairs, error = squares_of_weights(moved, groups), groups.sums(), groups.sums(squared_error(table))
    correlations = _correlations_of_weights(table, moved, groups, by) if moved.units is None else None

    def scores(weights: FloatArray) -> pd.DataFrame:
        squares = squares_of(weights)
        saved = share(2 * squares.tp - squares.pp, squares.tt)
        rmse = np.sqrt((weights @ error) / (weights @ n_pairs))
        if correlations is None:
            return pd.DataFrame({"within_gene_skill": saved, "rmse": rmse})
        median, mean = correlations(weights)
        return pd.DataFrame({"skill": saved, "r_median": median, "r_mean": mean, "rmse": rmse})

    return scores


def _correlations_of_weights(
    table: pd.DataFrame, moved: Deviations, groups: Groups, by: str
) -> Callable[[FloatArray], tuple[FloatArray, FloatArray]]:
    """Median and mean over genes of r as a function of the weights of groups."""
    if by == "gene":  # r of a gene is what it is; only how often it counts changes
        r = gene_correlation(*(table[column] for column in ("y_true", "y_pred", "train_mean", "gene"))).to_numpy()
        return lambda weights: _weighted_median_and_mean(r, weights)
    of_genes = _squares_of_units(moved.truth, moved.prediction, groups_of(table["gene"]).codes, groups)

    def median_and_mean(weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        squares = of_genes(weights)
        r = share(squares.tp, np.sqrt(squares.tt * squares.pp))
        out = np.full((2, len(weights)), np.nan)
        known = ~np.isnan(r).all(axis=0)
        out[:, known] = np.nanmedian(r[:, known], axis=0), np.nanmean(r[:, known], axis=0)
        return out[0], out[1]

    return median_and_mean


def _squares_of_units(
    t: FloatArray, p: FloatArray, units: NDArray[np.int64], groups: Groups
) -> Callable[[FloatArray], Squares]:
    """Squares about the weighted mean of each unit as a function of the weights of groups, (n_units, n_resamples)."""
    t, p = t - mean_of_unit(t, units), p - mean_of_unit(p, units)  # else squares of a level swallow those about it
    place, shape = (units, groups.codes), (int(units.max()) + 1, len(groups.labels))
    moments = [sp.csr_array((values, place), shape=shape) for values in (np.ones_like(t), t, p, t * t, t * p, p * p)]

    def squares(weights: FloatArray) -> Squares:
        columns = np.ascontiguousarray(weights.T)
        n, sum_t, sum_p, tt, tp, pp = (moment @ columns for moment in moments)
        inverse = np.divide(1, n, out=np.zeros_like(n), where=n > 0)
        about = [tt - sum_t**2 * inverse, tp - sum_t * sum_p * inverse, pp - sum_p**2 * inverse]
        rounding = [_ROUNDING * tt, 0, _ROUNDING * pp]
        return Squares(about[0] * (about[0] > rounding[0]), about[1], about[2] * (about[2] > rounding[2]))

    return squares


def _weighted_median_and_mean(values: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Median and mean of values that count as often as their weights say, (n_resamples,); NaN does not count."""
    order = np.argsort(values)[: int((~np.isnan(values)).sum())]
    if order.size == 0:
        return np.full(len(weights), np.nan), np.full(len(weights), np.nan)
    values, weights = values[order], weights[:, order]
    count = np.cumsum(weights, axis=1)
    n = count[:, -1]
    middle = [(count <= place[:, None]).sum(axis=1).clip(max=order.size - 1) for place in ((n - 1) // 2, n // 2)]
    median = np.where(n > 0, (values[middle[0]] + values[middle[1]]) / 2, np.nan)
    return median, np.where(n > 0, weights @ values / np.maximum(n, 1), np.nan)
