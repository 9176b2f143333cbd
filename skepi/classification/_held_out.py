"""Held-out probabilities of a classifier, with how often the gene was high in training beside them."""

from typing import Any

import numpy as np
import pandas as pd
from joblib import delayed
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone

from skepi._binary import IntArray, check_binary, check_both_classes
from skepi._doors import check_flag, check_predictor
from skepi._folds import rows_of_folds
from skepi._progress import in_parallel, progress_bar
from skepi._rows import check_no_leak, check_pairs, names_of_pairs
from skepi._targets import training_means
from skepi._twins import warn_of_twins


def cross_val_probabilities(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    cv: Any,
    *,
    groups: Any = None,
    n_jobs: int | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Fit a classifier on each fold's training pairs and predict how likely its test pairs are high.

    Parameters
    ----------
    estimator : classifier
        With ``predict_proba``, as the last step of a pipeline on pairs or by itself; cloned for every fold.
    X : pairs
    y : array-like of shape (n_pairs,)
        Labels, 1 for high and 0 for low, as :func:`above_median` makes them.
    cv : splitter, or list of (train, test)
    groups : array-like of shape (n_pairs,), or str, optional
        These two as in :func:`skepi.model_selection.cross_val_pairs`.
    n_jobs : int, optional
        Number of folds that are fitted at the same time.
    progress : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    DataFrame
        One row per test pair: ``fold, gene, cell_type``; ``y_true``, its label; ``y_prob``, the probability of 1;
        and ``train_mean``, the share of the gene's training pairs in that fold that are high, NaN where it has none.

    Raises
    ------
    TypeError
        For a classifier without ``predict_proba``, and rows that are not pairs.
    ValueError
        For labels other than 0 and 1, and for a fold whose training labels are all the same.

    Warns
    -----
    SharedPopulationWarning
        Where a cell type of a pool is tested and its population, measured in another data set, is trained on.

    Examples
    --------
    >>> from skepi.baselines import TrainingFrequency
    >>> from skepi.datasets import make_paired_openness
    >>> from skepi.model_selection import LeaveOneCellTypeOut
    >>> X = make_paired_openness(n_genes=2, n_cell_types=3, n_lineages=1, n_chromosomes=1)[0].pairs()
    >>> table = cross_val_probabilities(TrainingFrequency(), X, [1, 1, 0, 0, 0, 1], LeaveOneCellTypeOut())
    >>> table[["y_true", "y_prob", "train_mean"]].values.tolist()[:2]  # one of the two others is high, then none
    [[1.0, 0.5, 0.5], [0.0, 0.5, 0.5]]
    """
    check_flag("progress", progress)
    check_predictor("estimator", estimator)
    _check_probabilities(estimator)
    check_pairs(X, "cross_val_probabilities")
    y = check_binary(X, y)
    check_no_leak(X, "cross_val_probabilities")
    folds = rows_of_folds(cv, X, y, groups)
    warn_of_twins(X, folds, cv, groups, stacklevel=2)
    for number, (train, _) in enumerate(folds):
        check_both_classes(y[train], f"fold {number}")
    jobs = (delayed(_of_fold)(estimator, X, y, number, *rows) for number, rows in enumerate(folds))
    with progress_bar(progress, "folds", len(folds)) as bar:
        return pd.concat(in_parallel(jobs, n_jobs, bar), ignore_index=True)


def _of_fold(estimator: Any, X: Any, y: IntArray, fold: int, train: NDArray, test: NDArray) -> pd.DataFrame:
    model = clone(estimator).fit(X[train], y[train])
    table = names_of_pairs(X[test])
    table.insert(0, "fold", fold)
    shares = training_means(X[train], y[train].astype(np.float64))
    column = list(model.classes_).index(1)
    probabilities = np.asarray(model.predict_proba(X[test]), np.float64)[:, column]
    return table.assign(y_true=y[test], y_prob=probabilities, train_mean=shares[X[test].gene_codes])


def _check_probabilities(estimator: Any) -> None:
    if not hasattr(estimator, "predict_proba"):
        raise TypeError(
            f"estimator must be a classifier with predict_proba, such as LogisticRegression(), got {estimator!r}; "
            "sklearn.calibration.CalibratedClassifierCV gives probabilities to a classifier that has none"
        )
