"""Scores of one model under one split."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import norm

from skepi._held_out import Deviations, deviations
from skepi._resampling import groups_to_resample, n_units, resamples, share, squares_of_weights
from skepi.metrics import gene_correlation, summarize

#: Columns of the table of scores, in their order.
SCORES = (
    "n_folds",
    "n_pairs",
    "n_left_out",
    "skill",
    "within_gene_skill",
    "low_gene",
    "high_gene",
    "low_cell_type",
    "high_cell_type",
    "r_median",
    "r_across",
    "slope",
    "coverage",
    "rmse",
    "fit_s",
    "predict_s",
)

#: The same for cell types.
BY_CELL_TYPE = ("skill", "within_gene_skill", "r_across", "n_pairs")


class Settings(NamedTuple):
    """How intervals are made."""

    n_bootstrap: int
    level: float
    interval_level: float
    seed: int


def scores_of(table: pd.DataFrame, settings: Settings) -> dict[str, Any]:
    """Scores of held-out pairs, all folds together; ``y_std`` is used where the table has it."""
    moved = deviations(table)
    summary = summarize(table)
    scores = {name: summary[name] for name in ("skill", "within_gene_skill", "r_median", "rmse")}
    scores["r_across"] = _r_across(table).dropna().median()
    scores["slope"] = _slope(moved)
    scores["coverage"] = _coverage(table, settings.interval_level)
    for by in ("gene", "cell_type"):
        scores[f"low_{by}"], scores[f"high_{by}"] = skill_interval(table, moved, by, settings)
    return scores


def scores_by_cell_type(table: pd.DataFrame) -> pd.DataFrame:
    """Scores of each cell type, in order of first appearance: one row per cell type."""
    moved = deviations(table)
    squares = pd.DataFrame({"error": (moved.truth - moved.prediction) ** 2, "variation": moved.truth**2})
    sums = squares.groupby(table["cell_type"].to_numpy(), sort=False).sum()
    out = pd.DataFrame(index=sums.index, columns=["skill", "within_gene_skill"], dtype=float)
    kind = "skill" if moved.units is None else "within_gene_skill"
    out[kind] = 1 - sums["error"] / sums["variation"].where(sums["variation"] > 0)
    out["r_across"] = _r_across(table)
    out["n_pairs"] = table["cell_type"].value_counts()
    return out


def skill_interval(table: pd.DataFrame, moved: Deviations, by: str, settings: Settings) -> tuple[float, float]:
    """Limits of the skill that the table has, as :func:`skepi.inspection.bootstrap_scores` gives them.

    NaN where there is only one gene, or only one cell type, to draw from.
    """
    if table[by].nunique() < 2:
        return np.nan, np.nan
    groups, n = groups_to_resample(table, by), n_units(table, moved)
    if by == "gene":  # pairs of a unit come or stay away together, so its mean, which is off already, stays the same
        moved = moved._replace(units=None)
    squares_of = squares_of_weights(moved, groups)
    blocks = [squares_of(weights) for weights in resamples(groups, settings.n_bootstrap, settings.seed, n)]
    drawn = pd.Series(np.concatenate([share(2 * block.tp - block.pp, block.tt) for block in blocks]))
    low, high = drawn.quantile([(1 - settings.level) / 2, (1 + settings.level) / 2])
    return float(low), float(high)


def _r_across(table: pd.DataFrame) -> pd.Series:
    """Correlation of truth and prediction across the genes of each cell type; NaN where one does not vary.

    Unseen genes have the level of their fold, which tells nothing: its mean is taken off first.
    """
    both = table[["y_true", "y_pred"]]
    if table["train_mean"].isna().all():
        both = both - both.groupby([table["fold"], table["cell_type"]], sort=False).transform("mean")
    return gene_correlation(both["y_true"], both["y_pred"], np.zeros(len(table)), table["cell_type"])


def _slope(moved: Deviations) -> float:
    """Slope of the truth on the prediction, as :func:`skepi.inspection.calibration` has it; NaN without prediction."""
    squares = float(np.sum(moved.prediction**2))
    return float(np.sum(moved.truth * moved.prediction)) / squares if squares > 0 else np.nan


def _coverage(table: pd.DataFrame, interval_level: float) -> float:
    if "y_std" not in table:
        return np.nan
    reach = norm.ppf((1 + interval_level) / 2) * table["y_std"]
    return float(((table["y_true"] - table["y_pred"]).abs() <= reach).mean())
