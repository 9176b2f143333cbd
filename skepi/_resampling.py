"""Resampling whole genes or whole cell types of held-out pairs: how often each was drawn, and sums that follow."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from skepi._doors import check_count
from skepi._held_out import Deviations, FloatArray, Groups, groups_by, mean_of_unit

# Numbers in each of the arrays that a block of resamples needs, 16 MB.
_BLOCK_VALUES = 2_000_000

# Share of a sum of squares that rounding may leave of squares about the mean.
_ROUNDING = 1e-12


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
    of_units = squares_of_units(t, p, moved.units, groups)
    return lambda weights: Squares(*(sums.sum(axis=0) for sums in of_units(weights)))


def interval_table(estimate: pd.Series, drawn: pd.DataFrame, level: float) -> pd.DataFrame:
    """Estimates with the percentiles and the SD of resamples, (n_resamples, n_scores); NaN is left out."""
    limits = drawn.quantile([(1 - level) / 2, (1 + level) / 2])
    columns = {"estimate": estimate, "low": limits.iloc[0], "high": limits.iloc[1], "standard_error": drawn.std()}
    return pd.DataFrame(columns, index=drawn.columns)


def share(part: FloatArray, whole: FloatArray) -> FloatArray:
    """Divide; NaN where there is nothing to divide by."""
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0)


def squares_of_units(
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
