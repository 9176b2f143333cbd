"""Held-out predictions with the training mean beside them, and the control with shuffled cell types."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from joblib import delayed
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils import check_random_state

from skepi._doors import check_flag, check_predictor
from skepi._folds import Fold, check_splits, rows_of_folds
from skepi._progress import in_parallel, progress_bar
from skepi._rows import check_no_leak, check_targets, names_of_pairs
from skepi._scales import takes_counts, warn_of_raw_counts
from skepi._targets import training_means
from skepi._twins import warn_of_twins
from skepi.exceptions import ScaleWarning
from skepi.metrics import gene_in_fold, skill, within_gene_skill
from skepi.rows import is_pairs

FloatArray = NDArray[np.float64]


def cross_val_pairs(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    cv: Any,
    *,
    groups: Any = None,
    n_jobs: int | None = None,
    return_estimators: bool = False,
    progress: bool = False,
) -> Any:
    """Fit on each fold's training pairs and predict its test pairs.

    Parameters
    ----------
    estimator : estimator
        In units of ``y``; cloned for every fold.
    X : pairs
    y : array-like of shape (n_pairs,)
    cv : splitter, or list of (train, test)
        Such as :class:`CellTypeKFold`, or rows of each fold, which must not overlap.
    groups : array-like of shape (n_pairs,), or str, optional
        Labels that a splitter such as scikit-learn's ``GroupKFold`` keeps together, one per pair; or the name of a
        column of the table of cell types, such as ``"donor"``. For :class:`CrossedKFold` that column stands for the
        cell type, beside the chromosomes of the genes.
    n_jobs : int, optional
    return_estimators : bool, default=False
        Whether to return the list of fitted estimators as well.
    progress : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    DataFrame
        One row per test pair: ``fold, gene, cell_type, y_true, y_pred, train_mean``. ``train_mean`` is the mean of
        the gene's training pairs in that fold, NaN where it has none.

    Warns
    -----
    SharedPopulationWarning
        Where a cell type of a pool is tested and its population, measured in another data set, is trained on.

    Examples
    --------
    >>> from sklearn.dummy import DummyRegressor
    >>> from skepi.datasets import make_paired_openness
    >>> from skepi.model_selection import LeaveOneCellTypeOut
    >>> X = make_paired_openness(n_genes=1, n_cell_types=3, n_lineages=1, n_chromosomes=1)[0].pairs()
    >>> table = cross_val_pairs(DummyRegressor(), X, [0.0, 0.0, 6.0], LeaveOneCellTypeOut())
    >>> table[["fold", "y_true", "y_pred", "train_mean"]].values.tolist()  # the mean of the two others is predicted
    [[0.0, 0.0, 3.0, 3.0], [1.0, 0.0, 3.0, 3.0], [2.0, 6.0, 0.0, 0.0]]
    """
    check_flag("progress", progress)
    y = _checked_targets(estimator, X, y)
    folds = rows_of_folds(cv, X, y, groups)
    warn_of_twins(X, folds, cv, groups, stacklevel=2)
    with progress_bar(progress, "folds", len(folds)) as bar:
        table, models = _fitted_folds(estimator, X, y, folds, n_jobs, bar)
    return (table, models) if return_estimators else table


def _fitted_folds(
    estimator: Any, X: Any, y: FloatArray, folds: list[Fold], n_jobs: int | None, bar: Any
) -> tuple[pd.DataFrame, list[Any]]:
    """Held-out predictions of all folds, and their models."""

    def of_fold(fold: int, train: NDArray, test: NDArray) -> tuple[pd.DataFrame, Any]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ScaleWarning)  # said once, of all targets
            model = clone(estimator).fit(X[train], y[train])
        frame = names_of_pairs(X[test])
        frame.insert(0, "fold", fold)
        frame["y_true"] = y[test]
        frame["y_pred"] = model.predict(X[test])
        frame["train_mean"] = training_means(X[train], y[train])[X[test].gene_codes]
        return frame, model

    results = in_parallel((delayed(of_fold)(fold, *rows) for fold, rows in enumerate(folds)), n_jobs, bar)
    return pd.concat([frame for frame, _ in results], ignore_index=True), [model for _, model in results]


def permute_cell_types(X: Any, y: ArrayLike, random_state: Any = None) -> FloatArray:
    """Permute the cell-type labels of ``y`` jointly for all genes.

    Parameters
    ----------
    X : pairs
        Every gene in every cell type that occurs, each pair once.
    y : array-like of shape (n_pairs,)
    random_state : int, RandomState or None

    Returns
    -------
    ndarray of float64, shape (n_pairs,)
        The value of pair (g, c) is the old value of (g, permutation of c).

    Raises
    ------
    ValueError
        Where pairs are missing or occur twice, so that labels cannot be permuted jointly.

    Examples
    --------
    >>> from skepi.datasets import make_paired_openness
    >>> X = make_paired_openness(n_genes=2, n_cell_types=3, n_lineages=1, n_chromosomes=1)[0].pairs()
    >>> permute_cell_types(X, [0, 1, 2, 10, 11, 12], random_state=0).tolist()  # both genes in the same way
    [2.0, 1.0, 0.0, 12.0, 11.0, 10.0]
    """
    y = checked_pairs(X, y)
    genes, row = np.unique(X.gene_codes, return_inverse=True)
    cells, column = np.unique(X.cell_type_codes, return_inverse=True)
    place = np.full((genes.size, cells.size), -1)
    place[row, column] = np.arange(len(X))
    if len(X) != place.size or (place < 0).any():
        raise ValueError("permuting cell types jointly needs every gene in every cell type, each pair once")
    permutation = check_random_state(random_state).permutation(cells.size)
    return y[place[row, permutation[column]]]


@dataclass(frozen=True)
class ShuffleControl:
    """Scores of a procedure on targets whose cell types were permuted.

    Attributes
    ----------
    scores : ndarray of shape (n_permutations,)
        Skill, or within-gene skill, over all folds.
    score : float
        The same on the targets as they are.

    Examples
    --------
    >>> ShuffleControl(scores=np.array([-0.1, 0.1]), score=0.4).passed
    True
    >>> leak = ShuffleControl(scores=np.array([0.2, 0.4]), score=0.4)
    >>> round(leak.mean, 3), round(leak.standard_error, 3), leak.passed
    (0.3, 0.1, False)
    """

    scores: FloatArray
    score: float

    @property
    def mean(self) -> float:
        """Mean score of the permutations."""
        return float(self.scores.mean())

    @property
    def standard_error(self) -> float:
        """Standard error of that mean."""
        return float(self.scores.std(ddof=1) / np.sqrt(self.scores.size))

    @property
    def passed(self) -> bool:
        """Whether the mean does not exceed 0 by more than 2 standard errors."""
        return self.mean <= 2 * self.standard_error + 1e-12


def shuffle_control(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    cv: Any,
    *,
    groups: Any = None,
    metric: str = "skill",
    n_permutations: int = 20,
    random_state: Any = 0,
    n_jobs: int | None = None,
    progress: bool = False,
) -> ShuffleControl:
    """Refit everything on targets with permuted cell types: a clean procedure scores about 0 or below.

    Parameters
    ----------
    estimator, X, y, cv, groups
        As in :func:`cross_val_pairs`.
    metric : {"skill", "within_gene_skill"}, default="skill"
        The second for splits that hold out genes.
    n_permutations : int, default=20
    random_state : int, RandomState or None, default=0
    n_jobs : int, optional
        Number of folds that are fitted at the same time.
    progress : bool, default=False
        Whether to show a progress bar.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> from skepi.binning import TSSBinner
    >>> from skepi.datasets import make_paired_openness
    >>> from skepi.model_selection import CellTypeKFold
    >>> X = make_paired_openness(n_genes=20, n_cell_types=6, n_lineages=2)[0].pairs()
    >>> bins = TSSBinner(edges=[-1_000, 0, 1_000]).fit_transform(X)
    >>> y = bins.dense()[:, 0]  # a law that a line can learn: the target is a feature
    >>> control = shuffle_control(LinearRegression(), bins, y, CellTypeKFold(3), n_permutations=5)
    >>> round(control.score, 3), control.passed  # found, and not where cell types are permuted
    (1.0, True)
    """
    check_flag("progress", progress)
    if n_permutations < 2:
        raise ValueError(f"n_permutations must be 2 or greater, got {n_permutations}")
    if metric not in ("skill", "within_gene_skill"):
        raise ValueError(f"metric must be 'skill' or 'within_gene_skill', got {metric!r}")
    rng = check_random_state(random_state)
    check_splits(cv)
    cv = cv if hasattr(cv, "split") else list(cv)  # they are gone through more than once
    y, scores = _checked_targets(estimator, X, y), []
    with progress_bar(progress, "folds", None) as bar:
        for number in range(n_permutations + 1):  # the last is y as it is
            targets = permute_cell_types(X, y, rng) if number < n_permutations else y
            folds = rows_of_folds(cv, X, targets, groups)
            if number == 0:
                warn_of_twins(X, folds, cv, groups, stacklevel=2)
                bar.reset(total=(n_permutations + 1) * len(folds))
            table, _ = _fitted_folds(estimator, X, targets, folds, n_jobs, bar)
            scores.append(_score(table, metric))
    return ShuffleControl(np.array(scores[:-1]), scores[-1])


def _score(table: pd.DataFrame, metric: str) -> float:
    if metric == "skill":
        return skill(table["y_true"], table["y_pred"], table["train_mean"])
    return within_gene_skill(table["y_true"], table["y_pred"], gene_in_fold(table))


def _checked_targets(estimator: Any, X: Any, y: ArrayLike) -> FloatArray:
    """Targets of pairs that an estimator can be fitted to and judged by."""
    check_predictor("estimator", estimator)
    y = checked_pairs(X, y)
    if not takes_counts(estimator):
        warn_of_raw_counts(y, stacklevel=3)
    check_no_leak(X, "cross_val_pairs")
    return y


def checked_pairs(X: Any, y: ArrayLike) -> FloatArray:
    """Targets of rows that know their gene and cell type."""
    if not is_pairs(X):
        raise TypeError(f"wanted pairs, which know their gene and cell type; got {type(X).__name__}")
    return check_targets(X, y)
