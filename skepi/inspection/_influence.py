"""What changes in the predictions of the others when one cell type leaves training."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from joblib import delayed
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils import check_random_state

from skepi._doors import check_count, check_flag
from skepi._folds import check_splits, rows_of_folds
from skepi._held_out import check_one_kind, mean_of_unit
from skepi._progress import in_parallel, progress_bar
from skepi._rows import check_no_leak, check_targets
from skepi._targets import training_means
from skepi.inspection._null import check_permutations, simultaneous_limits
from skepi.metrics import negligible
from skepi.model_selection import permute_cell_types
from skepi.rows import is_pairs

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Folds = list[tuple[IntArray, IntArray]]


def cell_type_influence(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    cv: Any,
    *,
    n_permutations: int = 0,
    level: float = 0.95,
    random_state: Any = 0,
    n_jobs: int | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    r"""Refit without each cell type and measure what that does to the held-out predictions of the others.

    For a cell type c let the sums run over all folds with c in training and over their test pairs i of **other** cell
    types, n pairs in all; :math:`\hat L_i` is the prediction of the fold's model, :math:`\hat L_i^{-c}` that of the
    model fitted without the training pairs of c, and :math:`\mu_i` the training mean of the gene **with** c, so
    that both predictions are compared with the same baseline:

    .. math::
       \mathrm{prediction\_change} &= \sqrt{\textstyle\sum_i (\hat L_i^{-c} - \hat L_i)^2 / n} \\
       \mathrm{relative\_change} &= \mathrm{prediction\_change} \Big/ \sqrt{\textstyle\sum_i (L_i - \hat L_i)^2 / n} \\
       \mathrm{skill\_with} &= 1 - \textstyle\sum_i (L_i - \hat L_i)^2 / \sum_i (L_i - \mu_i)^2 \\
       \mathrm{skill\_without} &= 1 - \textstyle\sum_i (L_i - \hat L_i^{-c})^2 / \sum_i (L_i - \mu_i)^2

    Where no test gene was trained on, both skills are within-gene skills over these pairs.

    This takes (folds) x (cell types in training + 1) fits, and as many again for each permutation.

    A permutation gives the values of a cell type, corrupted ones too, to another. So a corrupted cell type makes the
    limits of all others wide: look at it first, leave it out, and run again.

    Parameters
    ----------
    estimator : estimator
        In units of ``y``; cloned for every fit.
    X : pairs
        Pairs of 3 or more cell types.
    y : array-like of shape (n_pairs,)
    cv : splitter
        Any; split once, and the same folds serve permutations.
    n_permutations : int, default=0
        Refits of everything with cell types permuted jointly (:func:`skepi.model_selection.permute_cell_types`); 0 for
        none, else at least ``level / (1 - level)`` (19 at 0.95).
    level : float, default=0.95
        Coverage of the limits, for all cell types at once.
    random_state : int, RandomState or None, default=0
    n_jobs : int, optional
        Number of fits that run at the same time.
    progress : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    DataFrame
        Index ``cell_type``, the largest ``prediction_change`` (units of ``y``) first; ``relative_change`` (NaN where
        the predictions equal the truth), ``skill_with``, ``skill_without``, ``skill_change`` (with less without:
        positive where the cell type helps; skills are NaN where the truth does not vary). With permutations
        ``null_low`` and ``null_high``, the limits of ``skill_change`` where openness says nothing about expression, and
        ``beyond``, whether it lies outside of them.

    Raises
    ------
    TypeError
        For rows that are no pairs, and a ``cv`` that is no splitter.
    ValueError
        For fewer than 3 cell types, a cell type that is in no training set, that is alone in one or alone in the test
        sets of those it is in, for folds that test genes with and without training pairs together, for permutations of
        a truth that does not vary, and for settings out of range.

    Examples
    --------
    >>> from sklearn.dummy import DummyRegressor
    >>> from skepi.compose import GeneZTarget
    >>> from skepi.datasets import make_paired_openness
    >>> from skepi.model_selection import LeaveOneCellTypeOut
    >>> data, _ = make_paired_openness(n_genes=1, n_cell_types=3, n_lineages=1, n_chromosomes=1)
    >>> y = [0.0, 0.0, 6.0]  # the mean of the two others is predicted: 3, 3, 0; without one of them that of one
    >>> table = cell_type_influence(GeneZTarget(DummyRegressor()), data.pairs(), y, LeaveOneCellTypeOut())
    >>> (table["prediction_change"] ** 2).round(9).tolist()  # the third: (9 + 9) / 2; the others: (9 + 0) / 2
    [9.0, 4.5, 4.5]
    """
    if not is_pairs(X):
        raise TypeError(f"wanted pairs, which know their gene and cell type; got {type(X).__name__}")
    y = check_targets(X, y)
    check_no_leak(X, "cell_type_influence")
    check_splits(cv)
    check_flag("progress", progress)
    check_count("n_permutations", n_permutations, 0)
    check_permutations(n_permutations, level)
    folds = rows_of_folds(cv, X, y)
    _check_cell_types(X, folds)
    tasks = _cell_types_to_leave_out(X, folds)
    n_fits = (n_permutations + 1) * (len(folds) + len(tasks))
    with progress_bar(progress, "fits", n_fits) as bar:
        table = _influence(estimator, X, y, folds, tasks, n_jobs, bar)
        if n_permutations:
            rng = check_random_state(random_state)
            _check_skill(table)
            permuted = (permute_cell_types(X, y, rng) for _ in range(n_permutations))
            null = [_check_skill(_influence(estimator, X, some, folds, tasks, n_jobs, bar)) for some in permuted]
    if n_permutations:
        table["null_low"], table["null_high"] = simultaneous_limits(np.array(null), level)
        table["beyond"] = ~table["skill_change"].between(table["null_low"], table["null_high"])
    return table.sort_values("prediction_change", ascending=False, kind="stable")


class _Held(NamedTuple):
    """Test pairs of a fold with the model that saw all its training pairs."""

    cell_types: IntArray
    genes: IntArray
    truth: FloatArray
    prediction: FloatArray
    train_mean: FloatArray


def _check_cell_types(X: Any, folds: Folds) -> None:
    """Every cell type must be in a training set, in company, with pairs of others to test."""
    names = X.cell_types["name"].to_numpy()
    present = np.unique(X.cell_type_codes)
    if present.size < 3:
        raise ValueError(f"influence needs 3 or more cell types, got {present.size} ({', '.join(names[present])})")
    tested = np.zeros(len(names), dtype=bool)
    trained = np.zeros(len(names), dtype=bool)
    for fold, (train, test) in enumerate(folds):
        in_train, in_test = np.unique(X.cell_type_codes[train]), np.unique(X.cell_type_codes[test])
        if in_train.size < 2:
            raise ValueError(
                f"fold {fold} trains on {', '.join(names[in_train]) or 'nothing'} alone: nothing is left without it"
            )
        trained[in_train] = True
        tested[[c for c in in_train if (in_test != c).any()]] = True
    for lacking, what in ((~trained, "in no training set"), (~tested, "not tested by pairs of any other cell type")):
        if lacking[present].any():
            raise ValueError(f"cell type(s) {what}: {', '.join(names[present][lacking[present]])}")


def _cell_types_to_leave_out(X: Any, folds: Folds) -> list[tuple[int, int]]:
    """Fold and cell type of each fit without a cell type: those with test pairs of other cell types."""
    return [
        (number, int(c))
        for number, (train, test) in enumerate(folds)
        for c in np.unique(X.cell_type_codes[train])
        if (X.cell_type_codes[test] != c).any()
    ]


def _influence(
    estimator: Any,
    X: Any,
    y: FloatArray,
    folds: Folds,
    tasks: list[tuple[int, int]],
    n_jobs: int | None,
    bar: Any,
) -> pd.DataFrame:
    """One row per cell type, in the order of the table of cell types."""
    held = in_parallel((delayed(_held)(estimator, X, y, train, test) for train, test in folds), n_jobs, bar)
    check_one_kind(np.concatenate([part.train_mean for part in held]))
    jobs = (delayed(_sums_without)(estimator, X, y, *folds[fold], held[fold], c) for fold, c in tasks)
    sums = in_parallel(jobs, n_jobs, bar)
    totals = pd.DataFrame(sums).groupby([c for _, c in tasks]).sum()
    return _table(totals).set_axis(pd.Index(X.cell_types["name"].to_numpy()[totals.index], name="cell_type"))


def _check_skill(table: pd.DataFrame) -> pd.Series:
    """Changes of skill; refuse those that have no limits before more models are fitted."""
    unknown = table.index[table["skill_change"].isna()]
    if len(unknown):
        rest = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
        raise ValueError(
            f"the truth does not vary in the test pairs of others than {', '.join(unknown[:5])}{rest}: changes of "
            "skill are not defined there and have no limits (n_permutations=0 does without)"
        )
    return table["skill_change"]


def _table(totals: pd.DataFrame) -> pd.DataFrame:
    change = np.sqrt(totals["change"] / totals["n"])
    variation = totals["variation"].mask(negligible(totals["variation"], totals["level"]))
    out = pd.DataFrame({"prediction_change": change})
    out["relative_change"] = change / np.sqrt(totals["error"] / totals["n"]).where(totals["error"] > 0)
    out["skill_with"] = 1 - totals["error_with"] / variation
    out["skill_without"] = 1 - totals["error_without"] / variation
    out["skill_change"] = (totals["error_without"] - totals["error_with"]) / variation
    return out


def _held(estimator: Any, X: Any, y: FloatArray, train: IntArray, test: IntArray) -> _Held:
    rows, prediction = X[test], _predictions(estimator, X, y, train, test)
    mean = training_means(X[train], y[train])[rows.gene_codes]
    return _Held(rows.cell_type_codes, rows.gene_codes, y[test], prediction, mean)


def _sums_without(
    estimator: Any, X: Any, y: FloatArray, train: IntArray, test: IntArray, held: _Held, cell_type: int
) -> dict[str, float]:
    """Sums over the fold's test pairs of other cell types."""
    others = held.cell_types != cell_type
    kept = _Held(*(values[others] for values in held))
    left = train[X.cell_type_codes[train] != cell_type]
    without = _predictions(estimator, X, y, left, test[others])
    change, error, level = without - kept.prediction, kept.truth - kept.prediction, kept.truth
    if np.isnan(kept.train_mean).all():
        truth, prediction, without = (
            values - mean_of_unit(values, kept.genes) for values in (kept.truth, kept.prediction, without)
        )
    else:
        truth, prediction, without = (values - kept.train_mean for values in (kept.truth, kept.prediction, without))
    squares = {"error_with": truth - prediction, "error_without": truth - without, "variation": truth}
    squares = {"change": change, "error": error, "level": level, **squares}
    return {"n": change.size, **{name: float(values @ values) for name, values in squares.items()}}


def _predictions(estimator: Any, X: Any, y: FloatArray, train: IntArray, test: IntArray) -> FloatArray:
    values = np.asarray(clone(estimator).fit(X[train], y[train]).predict(X[test]), dtype=np.float64)
    if values.shape != test.shape:
        raise ValueError(f"{estimator!r} predicts shape {values.shape}, wanted one value for each of {test.size} pairs")
    if not np.isfinite(values).all():
        raise ValueError(
            f"{estimator!r} predicts NaN or infinite values for {int((~np.isfinite(values)).sum())} pair(s)"
        )
    return values
