"""Skill over the training mean of the gene, and correlation within genes: the law for every comparison.

All functions take one value per held-out pair and sum over **all folds before dividing**: concatenate the
folds first (:func:`skepi.model_selection.cross_val_pairs` does).
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from skepi._doors import check_pair_labels
from skepi._fitted import part_with
from skepi.rows import is_pairs

FloatArray = NDArray[np.float64]


def skill(y_true: ArrayLike, y_pred: ArrayLike, train_mean: ArrayLike) -> float:
    r"""Share of squared error saved over the training mean of the gene.

    .. math:: 1 - \sum_i (L_i - \hat L_i)^2 \Big/ \sum_i (L_i - \mu_i)^2

    with :math:`L` the truth, :math:`\hat L` the prediction and :math:`\mu` the mean of the pair's gene over the
    training pairs of the pair's fold. Predicting :math:`\mu` scores 0, the truth 1; a model may score below 0.

    Parameters
    ----------
    y_true, y_pred, train_mean : array-like of shape (n_pairs,)
        In the same units (log expression).

    Raises
    ------
    ValueError
        For unequal lengths, values that are not finite, or a truth that equals the training mean everywhere.

    Examples
    --------
    >>> skill([1, 3], [1, 2], [2, 2])
    0.5
    """
    truth, prediction, mean = _columns(y_true, y_pred, train_mean)
    return 1 - _ratio(np.sum((truth - prediction) ** 2), np.sum((truth - mean) ** 2))


def skill_by(y_true: ArrayLike, y_pred: ArrayLike, train_mean: ArrayLike, by: ArrayLike) -> pd.DataFrame:
    """Skill of each group of pairs (fold, cell type or gene).

    Parameters
    ----------
    y_true, y_pred, train_mean : array-like of shape (n_pairs,)
    by : array-like of shape (n_pairs,)
        Label of the group of each pair.

    Returns
    -------
    DataFrame
        One row per group, in order of first appearance: ``skill`` (NaN where the truth equals the training mean
        throughout), ``mse`` and ``mse_mean`` (of the model and of the training mean; squared units of ``y``)
        and ``n_pairs``.

    Examples
    --------
    >>> table = skill_by([1, 3, 1, 3], [1, 3, 2, 2], [2, 2, 2, 2], by=["HSC", "HSC", "Ery", "Ery"])
    >>> table["skill"].to_dict(), table["n_pairs"].to_dict()  # Ery is predicted by the mean alone
    ({'HSC': 1.0, 'Ery': 0.0}, {'HSC': 2, 'Ery': 2})
    """
    truth, prediction, mean = _columns(y_true, y_pred, train_mean)
    table = pd.DataFrame({"mse": (truth - prediction) ** 2, "mse_mean": (truth - mean) ** 2})
    groups = table.groupby(check_pair_labels(by, truth.size), sort=False)
    out = groups.mean()
    out.insert(0, "skill", 1 - out["mse"] / out["mse_mean"].where(out["mse_mean"] > 0))
    out["n_pairs"] = groups.size()
    return out


def gene_correlation(y_true: ArrayLike, y_pred: ArrayLike, train_mean: ArrayLike, genes: ArrayLike) -> pd.Series:
    """Pearson correlation of truth and prediction for each gene, both less the training mean.

    The training mean is taken off before correlating: it falls as the held-out value rises, which makes
    the correlation of raw values wrong (-1 for the mean alone in leave-one-out).

    Parameters
    ----------
    y_true, y_pred, train_mean : array-like of shape (n_pairs,)
    genes : array-like of shape (n_pairs,)
        Gene of each pair.

    Returns
    -------
    Series
        One value per gene, in order of first appearance; NaN where truth or prediction does not vary.

    Examples
    --------
    >>> truth, means = [1, 2, 3], [2.5, 2.0, 1.5]  # each value left out, and the mean of the two others
    >>> gene_correlation(truth * 2, means + truth, means * 2, list("aaabbb")).to_dict()  # a is predicted by the means
    {'a': nan, 'b': 1.0}
    """
    truth, prediction, mean = _columns(y_true, y_pred, train_mean)
    table = pd.DataFrame({"t": truth - mean, "p": prediction - mean})
    labels = check_pair_labels(genes, truth.size)
    table = _less_group_means(table, labels, rounding=_rounding(truth, prediction, mean))
    products = pd.DataFrame({"tp": table["t"] * table["p"], "tt": table["t"] ** 2, "pp": table["p"] ** 2})
    sums = products.groupby(labels, sort=False).sum()
    scale = np.sqrt(sums["tt"] * sums["pp"])
    return (sums["tp"] / scale.where(scale > 0)).rename("r")


def within_gene_skill(y_true: ArrayLike, y_pred: ArrayLike, genes: ArrayLike) -> float:
    """Skill for genes without training pairs, where a training mean does not exist.

    Each gene's mean over the test pairs is taken off truth and prediction, then as in :func:`skill`;
    predicting no variation within a gene scores 0. Not comparable with :func:`skill`.

    Parameters
    ----------
    y_true, y_pred, genes : array-like of shape (n_pairs,)

    Examples
    --------
    >>> within_gene_skill([1, 3, 5, 5], [7, 9, 0, 0], ["a", "a", "b", "b"])
    1.0
    """
    truth, prediction = _columns(y_true, y_pred)
    table = pd.DataFrame({"t": truth, "p": prediction})
    table = _less_group_means(table, check_pair_labels(genes, truth.size), rounding=_rounding(truth, prediction))
    return 1 - _ratio(np.sum((table["t"] - table["p"]) ** 2), np.sum(table["t"] ** 2))


def report_r2(z_true: ArrayLike, z_pred: ArrayLike) -> float:
    r"""R2 of the report's protocol: :math:`1 - \sum (z - \hat z)^2 / \sum z^2`.

    For targets z-scored per gene over all cell types, folds concatenated. It sees the test cell types through
    the z-scores and is for replication only.

    Examples
    --------
    >>> report_r2([-1, 1], [-0.5, 0.5])  # 1 - (0.25 + 0.25) / (1 + 1)
    0.75
    """
    truth, prediction = _columns(z_true, z_pred)
    return 1 - _ratio(np.sum((truth - prediction) ** 2), np.sum(truth**2))


def summarize(held_out: pd.DataFrame) -> pd.Series:
    """Scores of held-out predictions in one row.

    Parameters
    ----------
    held_out : DataFrame
        From :func:`skepi.model_selection.cross_val_pairs`.

    Returns
    -------
    Series
        ``rmse`` in the units of ``y`` and ``n_pairs``; for genes seen in training ``skill``, ``r_median`` and
        ``r_mean`` over genes (with ``r_genes``, the number of genes that have one); for genes not seen
        ``within_gene_skill``, each gene's mean taken off within its fold. What does not apply is NaN: the two
        kinds of skill are never mixed.

    Examples
    --------
    >>> held_out = pd.DataFrame({"fold": 0, "gene": "a", "y_true": [0, 4], "y_pred": [1, 3], "train_mean": 2})
    >>> summarize(held_out)[["skill", "r_median", "rmse", "n_pairs"]].tolist()  # skill is 1 - (1 + 1) / (4 + 4)
    [0.75, 1.0, 1.0, 2.0]
    """
    truth, prediction, mean = held_out["y_true"], held_out["y_pred"], held_out["train_mean"]
    scores = dict.fromkeys(("skill", "r_median", "r_mean", "r_genes", "rmse", "within_gene_skill"), np.nan)
    scores["rmse"] = float(np.sqrt(np.mean((truth - prediction) ** 2)))
    if mean.notna().all():
        r = gene_correlation(truth, prediction, mean, held_out["gene"]).dropna()
        scores.update(skill=skill(truth, prediction, mean), r_median=r.median(), r_mean=r.mean(), r_genes=r.size)
    elif mean.isna().all():
        scores["within_gene_skill"] = within_gene_skill(truth, prediction, gene_in_fold(held_out))
    return pd.Series({**scores, "n_pairs": len(held_out)})


def gene_in_fold(held_out: pd.DataFrame) -> NDArray[np.int64]:
    """Number of each pair's (fold, gene): models of different folds have different levels for an unseen gene."""
    return held_out.groupby(["fold", "gene"], sort=False).ngroup().to_numpy()


def skill_scorer(estimator: Any, X: Any, y: ArrayLike) -> float:
    """Skill against the training means that a fitted estimator keeps; for ``scoring=`` in a search.

    The estimator, or the last step of the pipeline, must offer ``training_mean(X)``, as
    :class:`skepi.compose.GeneZTarget` and all models of expression do.

    Raises
    ------
    TypeError
        Where no training mean is found: a bare regressor is judged by R2, which on log expression is dominated
        by differences between genes.
    ValueError
        Where ``X`` holds genes without training pairs.

    Examples
    --------
    >>> from sklearn.dummy import DummyRegressor
    >>> from skepi.compose import GeneZTarget
    >>> model = GeneZTarget(DummyRegressor(), one_gene=True).fit([[0.0], [1.0]], [2.0, 4.0])
    >>> skill_scorer(model, [[0.0], [1.0]], [2.0, 4.0])  # the mean is predicted
    0.0
    """
    return skill(y, estimator.predict(X), _keeper_of_means(estimator).training_mean(X))


def within_gene_skill_scorer(estimator: Any, X: Any, y: ArrayLike) -> float:
    """:func:`within_gene_skill` for ``scoring=`` under splits by chromosome; needs pairs as ``X``.

    Examples
    --------
    >>> from sklearn.dummy import DummyRegressor
    >>> from skepi.datasets import make_paired_openness
    >>> data, _ = make_paired_openness(n_genes=20, n_cell_types=6, n_lineages=2)
    >>> X, y = data.pairs(return_X_y=True)
    >>> model = DummyRegressor(strategy="constant", constant=100.0).fit(X, y)
    >>> within_gene_skill_scorer(model, X, y)  # a wrong level costs nothing, and no variation earns nothing
    0.0
    """
    if not is_pairs(X):
        raise TypeError(f"wanted pairs, which know their gene; got {type(X).__name__}")
    return within_gene_skill(y, estimator.predict(X), X.gene_codes)


def _keeper_of_means(estimator: Any) -> Any:
    """Find the part of a fitted estimator, pipeline or search that keeps the training mean of each gene."""
    keeper = part_with(estimator, "training_mean", through_targets=False)
    if keeper is None:
        raise TypeError(
            f"{type(estimator).__name__} has no training_mean, so skill cannot be measured: wrap the regressor in "
            "GeneZTarget"
        )
    return keeper


def _columns(*columns: ArrayLike) -> tuple[FloatArray, ...]:
    """Equal lengths, finite, float64."""
    arrays = tuple(np.asarray(column, dtype=np.float64) for column in columns)
    if any(array.ndim != 1 or array.shape != arrays[0].shape for array in arrays):
        raise ValueError(f"wanted one value per pair in each argument, got shapes {[a.shape for a in arrays]}")
    if arrays[0].size == 0:
        raise ValueError("no pairs to score")
    if not all(np.isfinite(array).all() for array in arrays):
        raise ValueError("scores need finite numbers; a training mean that is NaN marks a gene without training pairs")
    return arrays


def _less_group_means(table: pd.DataFrame, labels: NDArray, rounding: float) -> pd.DataFrame:
    """Take each group's mean off each column; what is left of equal values is rounding and becomes 0."""
    left = table - table.groupby(labels, sort=False).transform("mean")
    return left.where(left.abs() > rounding, 0.0)


def negligible(deviations: Any, level: Any) -> Any:
    """Whether sums of squared deviations are what rounding leaves of equal values, from the values' sum of squares."""
    return deviations <= 1e-24 * level


def _rounding(*columns: FloatArray) -> float:
    """What cannot be told from 0 in differences of these values."""
    return 1e-12 * max(float(np.abs(column).max()) for column in columns)


def _ratio(error: float, variation: float) -> float:
    if variation == 0:
        raise ValueError("the truth does not vary, so a share of its variation is not defined")
    return float(error / variation)
