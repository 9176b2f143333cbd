"""Importance along the distance to the TSS, with what chance alone gives beside it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from joblib import delayed
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils import check_random_state

from skepi._doors import check_flag
from skepi._folds import check_splits, rows_of_folds
from skepi._progress import in_parallel, progress_bar
from skepi._rows import check_no_leak, check_targets
from skepi.inspection._bands import one_group
from skepi.inspection._importance import SIGNED, ImportanceSums, check_method, importance_sums, unit_of
from skepi.inspection._null import adjusted_p_values, check_permutations, simultaneous_limits
from skepi.model_selection import permute_cell_types
from skepi.rows import is_pairs

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ImportanceProfile:
    """Importance of distance bands on held-out pairs.

    Attributes
    ----------
    table : DataFrame
        One row per band, most upstream first, as :func:`bin_importance` gives it (sums over all folds before dividing);
        with permutations ``null_mean``, ``null_low`` and ``null_high`` (simultaneous limits), ``beyond`` (whether
        importance lies outside them; for methods without a sign, above) and ``p_value`` (adjusted for all bands).
    null : ndarray of float64, shape (n_permutations, n_bands)
        Importance after each permutation of the cell types of ``y``.
    method : str
    unit : str
        Unit of the importance.
    level : float
        Coverage of the limits.

    Examples
    --------
    >>> bands = {"from_bp": [-2_000, -1_000, 0, 1_000], "to_bp": [-1_000, 0, 1_000, 2_000]}
    >>> table = pd.DataFrame({**bands, "importance": [0.3, 0.0, 0.5, 0.2], "beyond": [True, False, True, True]})
    >>> ImportanceProfile(table, np.zeros((19, 4)), "permutation", "skill lost", 0.95).reach_bp()
    (0, 2000)
    """

    table: pd.DataFrame
    null: FloatArray
    method: str
    unit: str
    level: float

    def reach_bp(self, signal: str | None = None, feature: str | None = None) -> tuple[int, int]:
        """Reach of a signal upstream and downstream of the TSS.

        Bands beyond the null are followed from the TSS outwards until the first that is not; a band with the TSS inside
        counts on both sides.

        Parameters
        ----------
        signal, feature : str, optional
            Needed where bands differ in them.

        Returns
        -------
        upstream, downstream : int
            Distance in bp of the far edge of the last band beyond the null; 0 where the first is not.

        Raises
        ------
        ValueError
            Without permutations, where bands of several signals or features would be mixed, and where they overlap or
            leave gaps.
        """
        if "beyond" not in self.table:
            raise ValueError("no null band: importance_profile(..., n_permutations=...) makes one")
        table = one_group(self.table, signal, feature)
        up, down = table[table["from_bp"] < 0][::-1], table[table["to_bp"] > 0]
        return _reach(up["beyond"], -up["from_bp"]), _reach(down["beyond"], down["to_bp"])


def importance_profile(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    cv: Any,
    *,
    method: str = "gradient",
    bands: Any = None,
    n_permutations: int = 39,
    level: float = 0.95,
    n_steps: int = 32,
    n_repeats: int = 5,
    random_state: Any = 0,
    n_jobs: int | None = None,
    progress: bool = False,
) -> ImportanceProfile:
    """Importance of distance bands on held-out pairs, with a null band from refits on permuted cell types.

    The estimator is fitted on each fold's training pairs and looked at on its test pairs
    (:func:`bin_importance`). The same is done ``n_permutations`` times with the cell types of ``y`` permuted jointly
    for all genes (:func:`skepi.model_selection.permute_cell_types`): what those profiles show is noise, and a band
    means something where it leaves the limits that hold for all bands at once.

    Parameters
    ----------
    estimator : estimator
        Cloned for every fit.
    X : GeneCellPairs or BinnedOpenness
        Every gene in every cell type that occurs, each pair once.
    y : array-like of shape (n_pairs,)
    cv : splitter
    method, bands, n_steps, n_repeats
        As in :func:`bin_importance`.
    n_permutations : int, default=39
        Refits of all folds; at least 19 for a level of 0.95, or 0 for no null band.
    level : float, default=0.95
        Probability with which all bands of a profile of noise lie within the limits.
    random_state : int, RandomState or None, default=0
        For permutations. An estimator with a ``random_state`` of its own keeps it.
    n_jobs : int, optional
        Refits at once.
    progress : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    ImportanceProfile

    Raises
    ------
    TypeError, ValueError
        As in :func:`bin_importance`; for pairs that are not a whole table, and too few permutations for the level.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from skepi.binning import TSSBinner
    >>> from skepi.datasets import make_paired_openness
    >>> from skepi.model_selection import CellTypeKFold
    >>> X, y = make_paired_openness(n_genes=60, n_cell_types=8, n_lineages=2)[0].pairs(return_X_y=True)
    >>> bins = TSSBinner(edges=[-2_000, -1_000, 0, 1_000, 2_000]).fit_transform(X)
    >>> profile = importance_profile(Ridge(), bins, y, CellTypeKFold(2), n_permutations=19)
    >>> profile.table.columns.tolist()
    ['from_bp', 'to_bp', 'importance', 'null_mean', 'null_low', 'null_high', 'beyond', 'p_value']
    >>> profile.null.shape
    (19, 4)
    """
    check_flag("progress", progress)
    check_permutations(n_permutations, level)
    check_splits(cv)
    check_method(method)
    if not is_pairs(X):
        raise TypeError(f"wanted pairs, which know their gene and cell type; got {type(X).__name__}")
    y = check_targets(X, y)
    check_no_leak(X, "importance_profile")
    folds = rows_of_folds(cv, X, y)
    if not folds:
        raise ValueError(f"cv={cv!r} gives no split")
    rng = check_random_state(random_state)
    targets = [y, *(permute_cell_types(X, y, rng) for _ in range(n_permutations))]
    seed = int(rng.randint(2**31))

    def of_fold(values: FloatArray, train: NDArray, test: NDArray) -> tuple[ImportanceSums, str]:
        fitted = clone(estimator).fit(X[train], values[train])
        found = importance_sums(fitted, X[test], values[test], method, bands, "band", n_steps, n_repeats, seed)
        return found, unit_of(method, found.of_target)

    jobs = (delayed(of_fold)(values, *fold) for values in targets for fold in folds)
    with progress_bar(progress, "fits", len(targets) * len(folds)) as bar:
        results = in_parallel(jobs, n_jobs, bar)
    bands, unit = results[0][0].bands, results[0][1]
    shape = len(targets), len(folds), -1
    sums = np.array([found.sums[0] for found, _ in results]).reshape(shape).sum(axis=1)
    weights = np.array([found.weights[0] for found, _ in results]).reshape(shape).sum(axis=1)
    profiles = sums / weights
    table, null = bands.with_importance(profiles[0]), profiles[1:]
    if n_permutations:
        table = _with_null(table, null, level, signed=method in SIGNED)
    return ImportanceProfile(table, null, method, unit, level)


def _with_null(table: pd.DataFrame, null: FloatArray, level: float, signed: bool) -> pd.DataFrame:
    low, high = simultaneous_limits(null, level)
    mean, value = null.mean(axis=0), table["importance"]
    extreme = value if signed else np.maximum(value, mean)  # less than chance gives is not importance
    return table.assign(
        null_mean=mean,
        null_low=low,
        null_high=high,
        beyond=(extreme < low) | (extreme > high),
        p_value=adjusted_p_values(null, extreme),
    )


def _reach(beyond: pd.Series, far_edge: pd.Series) -> int:
    """Far edge of the last of the leading bands that are beyond the null."""
    n = int(np.cumprod(beyond.to_numpy(dtype=np.int64)).sum())
    return int(far_edge.iloc[n - 1]) if n else 0
