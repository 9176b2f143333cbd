"""How many more cell types would help: skill by the number of cell types that a model learns from."""

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from joblib import delayed
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state

from skepi._doors import check_count, check_flag, check_predictor, some
from skepi._folds import Fold, rows_of_folds
from skepi._held_out import check_one_kind, checked_held_out, deviations
from skepi._progress import in_parallel, progress_bar
from skepi._resampling import check_bootstrap
from skepi._rows import check_no_leak
from skepi._scales import takes_counts, warn_of_raw_counts
from skepi._targets import training_means
from skepi._twins import warn_of_twins
from skepi.exceptions import DistantCellTypeWarning, ScaleWarning, SharedPopulationWarning, UnseenGeneWarning
from skepi.model_selection._curve_result import PairLearningCurve, curve_of_errors
from skepi.model_selection._held_out import checked_pairs, cross_val_pairs

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Numbers of cell types of the default grid, and the smallest of them.
_N_SIZES = 6
_SMALLEST = 3


class _Fit(NamedTuple):
    """One training set: the first cell types of some random orders of those of a fold."""

    fold: int
    cell_types: tuple[int, ...]
    orders: list[int]  # which orders begin with these cell types


def learning_curve_pairs(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    cv: Any,
    *,
    groups: Any = None,
    train_sizes: Sequence[int] | None = None,
    n_subsets: int = 5,
    extrapolate_to: int | Sequence[int] | None = None,
    n_bootstrap: int = 1000,
    level: float = 0.95,
    random_state: Any = 0,
    n_jobs: int | None = None,
    progress: bool = False,
) -> PairLearningCurve:
    r"""Measure skill on held-out cell types by the number of cell types that a model is fitted on.

    A curve that still rises at its end says that more cell types of the same kinds would help; a flat one says that
    another model, or better data, would. For each fold, the training cell types are put into ``n_subsets`` random
    orders. The model is fitted on the first k cell types of each order and predicts the held-out pairs. All points
    have one baseline, so that they can be compared:

    .. math:: \mathrm{skill}(k) = 1 - \sum_i \frac{1}{S} \sum_s (L_i - \hat L_i^{(k, s)})^2
        \Big/ \sum_i (L_i - \mu_i)^2

    with L the truth, :math:`\hat L^{(k, s)}` the prediction after k cell types of order s, and :math:`\mu` the mean of
    the gene over the pairs of **all** training cell types of the fold. At the largest k this is the skill of
    :func:`cross_val_pairs`, where folds leave equally many cell types. A model of few cell types knows the means of
    genes poorly: its skill may be negative although it beats the means that it could know (``skill_of_mean``).

    Parameters
    ----------
    estimator : estimator
        In units of ``y``; cloned for every fit.
    X : pairs
    y : array-like of shape (n_pairs,)
        Expression, normalised beforehand. See the notes.
    cv : splitter, or list of (train, test)
        That holds out whole cell types, such as :class:`LeaveOneCellTypeOut` or :class:`LineageKFold`.
    groups : array-like of shape (n_pairs,), or str, optional
        As in :func:`cross_val_pairs`.
    train_sizes : sequence of int, optional
        Numbers of training cell types, at most as many as every fold leaves. By default six numbers from 3 to all
        that the fold with the fewest leaves, in equal ratios.
    n_subsets : int, default=5
        Random orders of the training cell types of each fold. There are folds x sizes x ``n_subsets`` fits, less
        those that are the same.
    extrapolate_to : int or sequence of int, optional
        Numbers of training cell types beyond the largest size, for which skill is extrapolated. See the notes.
    n_bootstrap : int, default=1000
        Resamples for the intervals.
    level : float, default=0.95
        Coverage of the intervals.
    random_state : int, RandomState or None, default=0
        For orders and resamples.
    n_jobs : int, optional
        Number of fits that run at the same time.
    progress : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    PairLearningCurve

    Raises
    ------
    TypeError
        For an estimator that does not fit and predict, rows that are no pairs, and what is no splitter.
    ValueError
        For folds whose test cell types are trained on too, sizes that are not whole numbers from 1 to what every fold
        leaves or that come twice, numbers to extrapolate to that are not beyond the sizes, a truth that does not vary,
        and settings out of range.

    Notes
    -----
    **Normalise beforehand.** Expression and the set of genes are the same at all sizes, so they do not come from the
    training subset alone. Where quantiles or a filter on the mean were learned from all cell types, a small subset
    knows a little of the others, and its points may lie slightly too high. With normalisation inside each subset, the
    genes and the scale of ``y`` would change from point to point, and the skills would not be comparable. What
    estimators learn themselves (scales, means of genes) comes from the subset.

    **Extrapolation.** The curve :math:`a - b\,n^{-c}` (:math:`a \le 1, b \ge 0, 0.05 \le c \le 5`) is fitted to the
    points by least squares. It needs at least four sizes. It is marked as unavailable, with the reason, where skill
    does not rise, where it does not begin to level off (a or c ends at its limit), or where most resamples are like
    this. It holds for more cell types of the kinds at hand, not for new ones, and where the curve has another form the
    interval does not say so. Beyond about twice the largest size, trust it little.

    **Intervals.** Held-out cell types and orders are drawn with replacement, the same for all sizes, and the curve is
    fitted anew. Held-out cell types share training cell types, which this leaves out. ``skill_sd`` is the SD of the
    skill over orders alone.

    Genes that are held out as well (:class:`CrossedKFold`) have no training mean: each gene's mean over the test pairs
    is taken off, and the score is within-gene skill.

    An error that the estimator raises (some need more than one cell type) keeps its type, with a note that names fold
    and cell types. ``DistantCellTypeWarning`` and ``UnseenGeneWarning`` are silenced: small subsets are far from most
    cell types.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from skepi.binning import TSSBinner, symmetric_edges
    >>> from skepi.datasets import make_paired_openness
    >>> from skepi.gaussian_process import CisTransRegressor
    >>> from skepi.model_selection import CellTypeKFold
    >>> X, y = make_paired_openness(n_genes=60, n_cell_types=12, random_state=1)[0].pairs(return_X_y=True)
    >>> model = make_pipeline(TSSBinner(edges=symmetric_edges()), CisTransRegressor())
    >>> curve = learning_curve_pairs(model, X, y, CellTypeKFold(4), train_sizes=[3, 9], n_subsets=2)
    >>> curve.points.index.tolist(), bool(curve.points["skill"].is_monotonic_increasing)
    ([3, 9], True)
    """
    check_flag("progress", progress)
    check_predictor("estimator", estimator)
    y = checked_pairs(X, y)
    check_count("n_subsets", n_subsets, 1)
    check_bootstrap(n_bootstrap, level)
    check_no_leak(X, "learning_curve_pairs")
    folds = rows_of_folds(cv, X, y, groups)
    warn_of_twins(X, folds, cv, groups, stacklevel=2)
    sizes = _checked_sizes(train_sizes, min(_training_cell_types(X, fold).size for fold in folds))
    targets = _checked_targets(extrapolate_to, sizes[-1])
    if not takes_counts(estimator):
        warn_of_raw_counts(y, stacklevel=2)
    rng = check_random_state(random_state)
    fits = [fit for number, fold in enumerate(folds) for fit in _fits_of_fold(number, fold, X, sizes, n_subsets, rng)]
    baselines = _baselines(X, y, folds)
    jobs = (delayed(_errors_of_fit)(estimator, X, y, folds[fit.fold], baselines[fit.fold], fit) for fit in fits)
    with progress_bar(progress, "fits", len(fits)) as bar:
        tables = in_parallel(jobs, n_jobs, bar)
    score = "within_gene_skill" if np.isnan(baselines[0]).all() else "skill"
    return curve_of_errors(pd.concat(tables, ignore_index=True), score, targets, n_bootstrap, level, rng)


def _training_cell_types(X: Any, fold: Fold) -> IntArray:
    """Codes of the cell types that a fold trains on; none of them may be tested."""
    train, test = (np.unique(X.cell_type_codes[rows]) for rows in fold)
    both = np.intersect1d(train, test)
    if both.size:
        names = X.cell_types["name"].to_numpy()[both]
        raise ValueError(
            f"cv: a fold trains and tests on the same cell types ({some(names)}), but a learning curve counts cell "
            "types: hold out whole ones, such as with LeaveOneCellTypeOut()"
        )
    return train


def _checked_sizes(train_sizes: Any, largest: int) -> list[int]:
    """Numbers of training cell types in ascending order."""
    if train_sizes is None:
        grid = np.geomspace(min(_SMALLEST, max(largest - 1, 1)), largest, _N_SIZES)
        return sorted({round(size) for size in grid.tolist()})
    sizes = _whole_numbers("train_sizes", train_sizes)
    if sizes[-1] > largest:
        raise ValueError(f"train_sizes must be at most {largest}, the cell types that every fold leaves; got {sizes}")
    return sizes


def _checked_targets(extrapolate_to: Any, largest: int) -> list[int]:
    """Numbers of cell types beyond the curve, in ascending order."""
    if extrapolate_to is None:
        return []
    several = np.ndim(extrapolate_to) > 0
    targets = _whole_numbers("extrapolate_to", extrapolate_to if several else [extrapolate_to])
    if targets[0] <= largest:
        raise ValueError(f"extrapolate_to must be greater than {largest}, the largest size of the curve; got {targets}")
    return targets


def _whole_numbers(name: str, values: Any) -> list[int]:
    if isinstance(values, str) or np.ndim(values) != 1 or np.size(values) == 0:
        raise ValueError(f"{name} must be numbers of cell types, such as [3, 6, 12], got {values!r}")
    for value in values:
        check_count(name, value, 1)
    numbers = sorted(int(value) for value in values)
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"{name} has the same number twice: {numbers}")
    return numbers


def _fits_of_fold(number: int, fold: Fold, X: Any, sizes: list[int], n_subsets: int, rng: Any) -> list[_Fit]:
    """Training sets of one fold: beginnings of random orders, each set once."""
    cell_types = _training_cell_types(X, fold)
    orders = [rng.permutation(cell_types) for _ in range(n_subsets)]
    sets: dict[tuple[int, ...], list[int]] = {}
    for size in sizes:
        for k, order in enumerate(orders):
            sets.setdefault(tuple(sorted(order[:size].tolist())), []).append(k)
    return [_Fit(number, chosen, of_orders) for chosen, of_orders in sets.items()]


def _baselines(X: Any, y: FloatArray, folds: list[Fold]) -> list[FloatArray]:
    """Mean of each test pair's gene over all training pairs of its fold; NaN where genes are held out as well."""
    baselines = [training_means(X[train], y[train])[X[test].gene_codes] for train, test in folds]
    check_one_kind(np.concatenate(baselines))
    return baselines


def _errors_of_fit(estimator: Any, X: Any, y: FloatArray, fold: Fold, baseline: FloatArray, fit: _Fit) -> pd.DataFrame:
    """Sums of squares of each held-out cell type, one row per order that begins with these cell types."""
    train = fold[0][np.isin(X.cell_type_codes[fold[0]], fit.cell_types)]
    names = X.cell_types["name"].to_numpy()[list(fit.cell_types)]
    held_out = _predicted(estimator, X, y, (train, fold[1]), f"fitted on {some(names)} in fold {fit.fold}")
    of_model = deviations(checked_held_out(held_out.assign(train_mean=baseline)))
    of_mean = of_model.truth  # within genes, their means say nothing
    if of_model.units is None:
        of_mean = (held_out["y_true"] - held_out["train_mean"].fillna(y[train].mean())).to_numpy()
    squares = {
        "squared_error": (of_model.truth - of_model.prediction) ** 2,
        "squared_error_of_mean": of_mean**2,
        "variation": of_model.truth**2,
        "n_pairs": 1,
    }
    table = held_out[["cell_type"]].assign(**squares).groupby("cell_type", sort=False).sum().reset_index()
    table = table.assign(fold=fit.fold, n_cell_types=len(names), trained_on=", ".join(map(str, names)))
    return pd.concat([table.assign(subset=order) for order in fit.orders], ignore_index=True)


def _predicted(estimator: Any, X: Any, y: FloatArray, fold: Fold, where: str) -> pd.DataFrame:
    """Held-out predictions of a model of a few cell types."""
    try:
        with warnings.catch_warnings():
            for expected in (ScaleWarning, DistantCellTypeWarning, UnseenGeneWarning, SharedPopulationWarning):
                warnings.simplefilter("ignore", expected)
            return cross_val_pairs(estimator, X, y, [fold])
    except Exception as error:
        error.add_note(f"learning_curve_pairs: {where}")
        raise
