"""Intervals of scores from resampling whole genes or whole cell types of held-out pairs."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from skepi._held_out import (
    Deviations,
    FloatArray,
    Groups,
    checked_held_out,
    deviations,
    groups_of,
    squared_error,
)
from skepi._resampling import (
    check_bootstrap,
    groups_to_resample,
    interval_table,
    n_units,
    resamples,
    share,
    squares_of_units,
    squares_of_weights,
)
from skepi.metrics import gene_correlation, summarize


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


def _scores_of_weights(
    table: pd.DataFrame, moved: Deviations, groups: Groups, by: str
) -> Callable[[FloatArray], pd.DataFrame]:
    """Scores as a function of the weights of groups: one row per resample."""
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
    of_genes = squares_of_units(moved.truth, moved.prediction, groups_of(table["gene"]).codes, groups)

    def median_and_mean(weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        squares = of_genes(weights)
        r = share(squares.tp, np.sqrt(squares.tt * squares.pp))
        out = np.full((2, len(weights)), np.nan)
        known = ~np.isnan(r).all(axis=0)
        out[:, known] = np.nanmedian(r[:, known], axis=0), np.nanmean(r[:, known], axis=0)
        return out[0], out[1]

    return median_and_mean


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
