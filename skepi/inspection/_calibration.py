"""Whether predicted differences have the size of the true ones."""

from typing import Any

import numpy as np
import pandas as pd

from skepi._held_out import checked_held_out, deviations
from skepi._resampling import (
    Squares,
    check_bootstrap,
    groups_to_resample,
    interval_table,
    n_units,
    resamples,
    share,
    squares_of_weights,
)


def calibration(
    held_out: pd.DataFrame,
    *,
    by: str = "cell_type",
    n_bootstrap: int = 1000,
    level: float = 0.95,
    random_state: Any = 0,
) -> pd.DataFrame:
    r"""Slope of the truth on the prediction, and of the prediction on the truth.

    With t and p truth and prediction less the training mean (for unseen genes: less each gene's mean over the test
    pairs of the fold, as in :func:`skepi.metrics.within_gene_skill`), lines through 0 have the slopes

    .. math:: \mathrm{slope} = \frac{\sum t p}{\sum p^2}, \qquad \mathrm{shrinkage} = \frac{\sum t p}{\sum t^2}

    ``slope`` is 1 for calibrated predictions: a predicted difference of 1 is a true difference of 1 on average. Below 1
    predictions differ too much, above 1 too little. ``shrinkage`` is the line that a plot of prediction against truth
    shows. It is **not** 1 for calibrated predictions, but their skill, since then

    .. math:: 1 - \frac{\sum (t - p)^2}{\sum t^2} = \frac{2 \sum t p - \sum p^2}{\sum t^2} = \frac{\sum t p}{\sum t^2}

    so a cloud flatter than 45 degrees there is what every honest predictor gives, and no fault.

    Parameters
    ----------
    held_out : DataFrame
        From :func:`skepi.model_selection.cross_val_pairs`.
    by : {"cell_type", "gene"}, default="cell_type"
        What is resampled whole for the intervals; see :func:`bootstrap_scores`.
    n_bootstrap : int, default=1000
        2 or more.
    level : float, default=0.95
    random_state : int, RandomState or None, default=0

    Returns
    -------
    DataFrame
        Rows ``slope`` and ``shrinkage``; columns ``estimate``, ``low`` and ``high`` (percentiles of the resamples).

    Raises
    ------
    TypeError, ValueError
        As for :func:`bootstrap_scores`, and where predictions do not differ from the training mean (within unseen
        genes: do not vary), so that there is no slope.

    Examples
    --------
    >>> columns = {"fold": 0, "gene": ["a", "b"], "cell_type": ["HSC", "Ery"], "train_mean": 0.0}
    >>> table = pd.DataFrame({"y_true": [2.0, -2.0], "y_pred": [1.0, -1.0], **columns})  # half as large as the truth
    >>> calibration(table)["estimate"].to_dict()
    {'slope': 2.0, 'shrinkage': 0.5}
    """
    table = checked_held_out(held_out)
    groups = groups_to_resample(table, by)
    check_bootstrap(n_bootstrap, level)
    moved = deviations(table)
    if not moved.truth.any():
        raise ValueError("the truth does not vary, so predictions cannot be calibrated")
    if not moved.prediction.any():
        raise ValueError("predictions do not differ from the mean of their gene, so there is no slope")
    squares_of = squares_of_weights(moved, groups)
    weights = resamples(groups, n_bootstrap, random_state, n_units(table, moved))
    drawn = pd.concat([_slopes(squares_of(block)) for block in weights])
    estimate = _slopes(squares_of(np.ones((1, len(groups.labels))))).iloc[0]
    return interval_table(estimate, drawn, level)[["estimate", "low", "high"]]


def _slopes(squares: Squares) -> pd.DataFrame:
    slope, shrinkage = share(squares.tp, squares.pp), share(squares.tp, squares.tt)
    return pd.DataFrame({"slope": slope, "shrinkage": shrinkage})
