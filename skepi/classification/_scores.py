"""Areas under curves of held-out probabilities, beside those of the gene's share of high training pairs."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

_WANTED = ("fold", "gene", "cell_type", "y_true", "y_prob", "train_mean")


def summarize_probabilities(held_out: pd.DataFrame) -> pd.Series:
    """Scores of held-out probabilities, all pairs pooled, in one row.

    Most genes are high in all cell types or in none. A classifier that knows nothing but the gene therefore has a high
    AUC, which says nothing about cell types: compare ``auc`` with ``auc_mean``, never with .5.

    Parameters
    ----------
    held_out : DataFrame
        From :func:`cross_val_probabilities`.

    Returns
    -------
    Series
        ``auc``, the area under the ROC curve, and ``average_precision``, the area under the precision-recall curve
        (scikit-learn's :func:`~sklearn.metrics.roc_auc_score` and :func:`~sklearn.metrics.average_precision_score`);
        ``auc_mean`` and ``average_precision_mean``, the same for the share of the gene's training pairs that are high;
        ``share_high``, the share of pairs with label 1, which is the average precision of chance; ``n_pairs``. Areas
        are NaN where all labels are the same; those of the training share also where a gene had no training pair.

    Raises
    ------
    TypeError
        For anything but a DataFrame.
    ValueError
        For missing columns, no rows, labels other than 0 and 1, and probabilities outside [0, 1].

    Examples
    --------
    >>> held_out = pd.DataFrame({
    ...     "fold": 0, "gene": list("abab"), "cell_type": ["HSC", "HSC", "Ery", "Ery"],
    ...     "y_true": [1, 0, 0, 1], "y_prob": [0.9, 0.2, 0.4, 0.7], "train_mean": [1.0, 0.0, 1.0, 0.0],
    ... })
    >>> summarize_probabilities(held_out)[["auc", "auc_mean", "share_high", "n_pairs"]].tolist()
    [1.0, 0.5, 0.5, 4.0]
    """
    return pd.Series(_scores(_checked(held_out)))


def probability_scores_by(held_out: pd.DataFrame, by: str = "cell_type") -> pd.DataFrame:
    """Scores of held-out probabilities of each cell type, fold or gene.

    Parameters
    ----------
    held_out : DataFrame
        From :func:`cross_val_probabilities`.
    by : {"cell_type", "fold", "gene"}, default="cell_type"

    Returns
    -------
    DataFrame
        One row per group, in order of first appearance, with the columns of :func:`summarize_probabilities`.

    Raises
    ------
    ValueError
        For another ``by``, and as :func:`summarize_probabilities`.

    Examples
    --------
    >>> held_out = pd.DataFrame({
    ...     "fold": 0, "gene": list("abab"), "cell_type": ["HSC", "HSC", "Ery", "Ery"],
    ...     "y_true": [1, 0, 0, 1], "y_prob": [0.9, 0.2, 0.4, 0.7], "train_mean": [1.0, 0.0, 1.0, 0.0],
    ... })
    >>> probability_scores_by(held_out)[["auc", "auc_mean"]].values.tolist()  # Ery has the genes the other way round
    [[1.0, 1.0], [1.0, 0.0]]
    """
    table = _checked(held_out)
    allowed = ("cell_type", "fold", "gene")
    if by not in allowed:
        raise ValueError(f"by must be one of {allowed}, got {by!r}")
    groups = table.groupby(by, sort=False)
    rows = {name: _scores(group) for name, group in groups}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(by).astype({"n_pairs": np.int64})


def _scores(table: pd.DataFrame) -> dict[str, float]:
    labels = table["y_true"].to_numpy()
    auc, precision = _areas(labels, table["y_prob"].to_numpy())
    auc_mean, precision_mean = _areas(labels, table["train_mean"].to_numpy())
    return {
        "auc": auc,
        "average_precision": precision,
        "auc_mean": auc_mean,
        "average_precision_mean": precision_mean,
        "share_high": float(labels.mean()),
        "n_pairs": labels.size,
    }


def _areas(labels: NDArray, scores: NDArray) -> tuple[float, float]:
    """Areas under the ROC and the precision-recall curve; NaN where they are not defined."""
    if np.isnan(scores).any() or labels.min() == labels.max():
        return np.nan, np.nan
    return float(roc_auc_score(labels, scores)), float(average_precision_score(labels, scores))


def _checked(held_out: Any) -> pd.DataFrame:
    if not isinstance(held_out, pd.DataFrame):
        raise TypeError(f"held_out: wanted the DataFrame of cross_val_probabilities, got {type(held_out).__name__}")
    missing = [column for column in _WANTED if column not in held_out]
    if missing:
        raise ValueError(f"held_out: missing columns {missing}, got {list(held_out.columns)}")
    if held_out.empty:
        raise ValueError("held_out: the table has no rows")
    if not held_out["y_true"].isin([0, 1]).all():
        raise ValueError("held_out: y_true must hold labels, 1 for high and 0 for low; above_median makes them")
    if not held_out["y_prob"].between(0, 1).all():
        raise ValueError("held_out: y_prob must hold probabilities between 0 and 1, none missing")
    return held_out
