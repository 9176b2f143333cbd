"""Errors of target genes: mean absolute error, and skill over the training mean."""

from typing import Any

import numpy as np
import pandas as pd
from joblib import delayed
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.model_selection import check_cv
from sklearn.utils import _safe_indexing

from skepi._doors import check_flag, check_predictor
from skepi._progress import in_parallel, progress_bar
from skepi.landmarks._tables import check_same_samples

FloatArray = NDArray[np.float64]

_SUMS = ("mae", "mae_mean", "mse", "mse_mean")
_BLOCK = 500  # genes at a time, so that no second copy of all predictions is made


def cross_val_landmarks(
    estimator: Any,
    X: Any,
    y: Any,
    cv: Any,
    *,
    groups: Any = None,
    n_jobs: int | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Fit on each fold's training samples and score each target gene on its test samples.

    Samples of one donor, or of one population, resemble each other: with random folds a model can look the answer up.
    Hold them out together with ``cv=GroupKFold(5), groups=donors``.

    Parameters
    ----------
    estimator : estimator
        Such as :class:`LandmarkRegressor`, or a search around it; cloned for every fold.
    X : DataFrame or array-like of shape (n_samples, n_landmarks)
    y : DataFrame or array-like of shape (n_samples, n_targets)
    cv : int, splitter of scikit-learn, or iterable of (train, test)
    groups : array-like of shape (n_samples,), optional
        Labels that the splitter keeps together.
    n_jobs : int, optional
        Number of folds that are fitted at the same time.
    progress : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    DataFrame
        One row per target gene, as :meth:`LandmarkRegressor.gene_errors` gives it. Errors are summed over the test
        samples of all folds before dividing; training means are those of the fold.

    Raises
    ------
    ValueError
        Where ``y`` does not have one row per sample, in the order of ``X``.

    Examples
    --------
    >>> from sklearn.dummy import DummyRegressor
    >>> from sklearn.model_selection import LeaveOneOut
    >>> errors = cross_val_landmarks(DummyRegressor(), [[0.0], [1.0], [2.0]], [[0.0], [3.0], [6.0]], LeaveOneOut())
    >>> errors[["mae", "mae_mean", "skill", "n_samples"]].values.tolist()  # the means of the others: 4.5, 3 and 1.5
    [[3.0, 3.0, 0.0, 3.0]]
    """
    check_flag("progress", progress)
    check_predictor("estimator", estimator)
    check_same_samples(X, y)
    folds = list(check_cv(cv).split(X, y, groups))
    jobs = (delayed(_of_fold)(estimator, X, y, train, test) for train, test in folds)
    with progress_bar(progress, "folds", len(folds)) as bar:
        sums = np.sum(in_parallel(jobs, n_jobs, bar), axis=0)
    names = pd.Index(y.columns.map(str) if isinstance(y, pd.DataFrame) else range(sums.shape[1]))
    landmarks = names.isin(X.columns.map(str)) if isinstance(X, pd.DataFrame) else np.zeros(len(names), dtype=bool)
    return error_table(sums, sum(test.size for _, test in folds), names, landmarks)


def summarize_landmark_errors(errors: pd.DataFrame) -> pd.DataFrame:
    """Average errors over target genes, those that are landmarks themselves apart.

    Parameters
    ----------
    errors : DataFrame
        From :func:`cross_val_landmarks` or :meth:`LandmarkRegressor.gene_errors`.

    Returns
    -------
    DataFrame
        Rows ``"other genes"`` and ``"landmarks"``, as far as there are such targets: ``mae`` and ``mae_mean``, means
        over genes; ``skill``, summed over genes before dividing; ``skill_median`` over genes; ``n_genes``.

    Raises
    ------
    ValueError
        Where columns are missing or no target varies.

    Examples
    --------
    >>> errors = pd.DataFrame({"mae": [1.0, 0.0], "mae_mean": [2.0, 2.0], "mse": [1.0, 0.0], "mse_mean": [4.0, 4.0],
    ...     "skill": [0.75, 1.0], "is_landmark": [False, True]})
    >>> summarize_landmark_errors(errors)[["mae", "skill", "n_genes"]]
                 mae  skill  n_genes
    other genes  1.0   0.75        1
    landmarks    0.0   1.00        1
    """
    missing = [name for name in (*_SUMS, "skill", "is_landmark") if name not in errors]
    if missing:
        raise ValueError(
            f"errors: missing columns {missing}, got {list(errors.columns)}: give the table of gene_errors"
        )
    parts = {"other genes": errors[~errors["is_landmark"]], "landmarks": errors[errors["is_landmark"]]}
    rows = {name: _summary(part) for name, part in parts.items() if len(part)}
    return pd.DataFrame.from_dict(rows, orient="index")


def _summary(errors: pd.DataFrame) -> dict[str, Any]:
    means = {name: errors[name].mean() for name in ("mae", "mae_mean")}
    return {**means, "skill": skill_of(errors), "skill_median": errors["skill"].median(), "n_genes": len(errors)}


def skill_of(errors: pd.DataFrame) -> float:
    """Skill of many genes together."""
    variation = errors["mse_mean"].sum()
    if variation == 0:
        raise ValueError("no target differs from its training mean, so skill is not defined")
    return float(1 - errors["mse"].sum() / variation)


def error_sums(truth: NDArray, predicted: NDArray, mean: NDArray) -> FloatArray:
    """Sums over samples of absolute and squared errors, of the model and of the mean, (4, n_targets)."""
    out = np.empty((4, mean.size))
    for start in range(0, mean.size, _BLOCK):
        some = slice(start, start + _BLOCK)
        values = truth[:, some].astype(np.float64)
        by_model, by_mean = np.abs(values - predicted[:, some]), np.abs(values - mean[some])
        out[:, some] = [by_model.sum(0), by_mean.sum(0), (by_model**2).sum(0), (by_mean**2).sum(0)]
    return out


def error_table(sums: FloatArray, n_samples: int, names: pd.Index, is_landmark: NDArray[np.bool_]) -> pd.DataFrame:
    """One row per target gene."""
    table = pd.DataFrame((sums / n_samples).T, index=names, columns=list(_SUMS))
    skill = 1 - table["mse"] / table["mse_mean"].where(table["mse_mean"] > 0)
    return table.assign(skill=skill, is_landmark=is_landmark, n_samples=n_samples)


def _of_fold(estimator: Any, X: Any, y: Any, train: NDArray, test: NDArray) -> FloatArray:
    targets = _safe_indexing(y, train)
    model = clone(estimator).fit(_safe_indexing(X, train), targets)
    truth = _two_dimensional(_safe_indexing(y, test))
    predicted = _two_dimensional(model.predict(_safe_indexing(X, test)))
    return error_sums(truth, predicted, _two_dimensional(targets).mean(axis=0, dtype=np.float64))


def _two_dimensional(values: Any) -> NDArray:
    array = np.asarray(values)
    return array.reshape(len(array), -1)
