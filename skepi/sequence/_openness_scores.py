"""Scores of predicted openness: how well levels, differences between cell types, and calls are predicted."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

FloatArray = NDArray[np.float64]


def openness_scores(y_true: Any, y_pred: ArrayLike) -> pd.DataFrame:
    r"""Score predicted openness in each cell type, beside a rule that knows how open each site is on average.

    Most sites that are open in one cell type are open in others, too. So a model that knows the mean of a site, and
    nothing about cell types, has a high correlation of levels. Read the columns together: ``r_relative`` says what is
    known of the differences between cell types, and ``r_site_mean`` what the mean of the site over the *other* cell
    types reaches alone.

    .. math:: r_c = \mathrm{cor}_s(y_{sc}, \hat y_{sc}), \qquad
              r^{rel}_c = \mathrm{cor}_s(y_{sc} - \bar y_s, \hat y_{sc} - \bar{\hat y}_s)

    for sites s and the cell type c, with means over cell types.

    Parameters
    ----------
    y_true : DataFrame or array-like of shape (n_sites, n_cell_types)
        Openness on the scale of the prediction (log openness, say), or calls of 0 and 1. A DataFrame names the cell
        types.
    y_pred : array-like of shape (n_sites, n_cell_types)
        Predictions for sites that were held out; a DataFrame has the columns of ``y_true``.

    Returns
    -------
    DataFrame
        One row per cell type, in order, then a row ``mean`` over cell types: ``r_levels``, ``r_relative`` (NaN for one
        cell type), ``r_site_mean`` (NaN for one cell type). Where ``y_true`` holds calls alone, also ``auc`` and
        ``average_precision`` (NaN where all calls are equal), and ``share_open``, which is the average precision of
        chance. A correlation is NaN where one side does not vary.

    Raises
    ------
    ValueError
        For tables of different shapes, columns or rows, values that are not finite, and fewer than three sites.

    See Also
    --------
    site_correlations : over cell types, for each site.

    Examples
    --------
    >>> truth = pd.DataFrame({"B": [0.0, 1, 2, 3], "T": [1.0, 1, 2, 2]})
    >>> openness_scores(truth, truth * 2)["r_levels"].tolist()
    [1.0, 1.0, 1.0]
    """
    truth, prediction, names = _checked(y_true, y_pred)
    scores = {
        "r_levels": _correlations(truth, prediction),
        "r_relative": _correlations(_relative(truth), _relative(prediction)),
        "r_site_mean": _correlations(truth, _mean_of_others(truth)),
        **(_call_scores(truth, prediction) if np.isin(truth, (0, 1)).all() else {}),
    }
    if "mean" in names:
        raise ValueError("a cell type is called 'mean', as the row of means is: rename it")
    table = pd.DataFrame(scores, index=pd.Index(names, name="cell_type"))
    table.loc["mean"] = table.mean()
    return table


def site_correlations(y_true: Any, y_pred: ArrayLike) -> pd.Series:
    """Correlation of truth and prediction over cell types, for each site.

    Parameters
    ----------
    y_true, y_pred : as in :func:`openness_scores`
        At least three cell types.

    Returns
    -------
    Series of shape (n_sites,)
        NaN where one side does not vary; its index is that of ``y_true``, where this is a DataFrame.

    Raises
    ------
    ValueError
        As in :func:`openness_scores`, and for fewer than three cell types.

    Examples
    --------
    >>> site_correlations([[1.0, 2, 3]] * 3, [[1.0, 2, 3], [3, 2, 1], [1, 1, 1]]).round(2).tolist()
    [1.0, -1.0, nan]
    """
    truth, prediction, _ = _checked(y_true, y_pred)
    if truth.shape[1] < 3:
        raise ValueError(f"a correlation over cell types needs at least 3 of them, got {truth.shape[1]}")
    index = y_true.index if isinstance(y_true, pd.DataFrame) else None
    return pd.Series(_correlations(truth.T, prediction.T), index=index, name="r")


def _checked(y_true: Any, y_pred: Any) -> tuple[FloatArray, FloatArray, list[Any]]:
    truth, prediction = (np.asarray(side, dtype=np.float64) for side in (y_true, y_pred))
    if truth.shape != prediction.shape or truth.ndim != 2:
        raise ValueError(
            f"y_true has shape {truth.shape} and y_pred {prediction.shape}: wanted two tables of (n_sites, "
            "n_cell_types)"
        )
    if isinstance(y_true, pd.DataFrame) and isinstance(y_pred, pd.DataFrame):
        for what in ("columns", "index"):
            if not getattr(y_true, what).equals(getattr(y_pred, what)):
                raise ValueError(f"y_true and y_pred have different {what}: give y_pred in the order of y_true")
    if len(truth) < 3:
        raise ValueError(f"a correlation over sites needs at least 3 of them, got {len(truth)}")
    for name, side in (("y_true", truth), ("y_pred", prediction)):
        if not np.isfinite(side).all():
            raise ValueError(f"{name} has values that are not finite")
    return truth, prediction, list(y_true.columns if isinstance(y_true, pd.DataFrame) else range(truth.shape[1]))


def _correlations(a: FloatArray, b: FloatArray) -> FloatArray:
    """Pearson correlation of each column; NaN where a column is constant."""
    a, b = _centred(a), _centred(b)
    variation = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    products = (a * b).sum(axis=0)
    return np.divide(products, variation, out=np.full(len(products), np.nan), where=variation > 0)


def _centred(table: FloatArray) -> FloatArray:
    """Deviations of columns from their means, 0 where they are rounding."""
    deviations = table - table.mean(axis=0)
    deviations[:, np.ptp(table, axis=0) <= 1e-12 * np.abs(table).max(axis=0, initial=0)] = 0
    return deviations


def _relative(table: FloatArray) -> FloatArray:
    return table - table.mean(axis=1, keepdims=True)


def _mean_of_others(table: FloatArray) -> FloatArray:
    n_others = table.shape[1] - 1
    if not n_others:
        return np.zeros_like(table)
    return (table.sum(axis=1, keepdims=True) - table) / n_others


def _call_scores(calls: FloatArray, scores: FloatArray) -> dict[str, FloatArray]:
    """Areas under both curves for each cell type, and the share of sites that are open."""
    varying = np.ptp(calls, axis=0) > 0
    areas = np.full((2, calls.shape[1]), np.nan)
    for c in np.flatnonzero(varying):
        areas[:, c] = roc_auc_score(calls[:, c], scores[:, c]), average_precision_score(calls[:, c], scores[:, c])
    return {"auc": areas[0], "average_precision": areas[1], "share_open": calls.mean(axis=0)}
