"""What the cross-validated Lassos share: penalties, splits, scaling of each training set, scores and the choice."""

from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import KFold, check_cv

from skepi._doors import check_count, check_number
from skepi._lasso._solve import checked_lams
from skepi._targets import FloatArray, GeneScale
from skepi.metrics import negligible
from skepi.model_selection import CellTypeKFold
from skepi.preprocessing import LogZScaler
from skepi.rows import is_binned

Split = tuple[NDArray, NDArray]


class CrossValidatedPath:
    """A Lasso that fits a path of penalties in every fold and keeps the one that predicts best.

    A class that inherits from it has the parameters ``lams``, ``eps``, ``cv`` and ``scaler``.
    """

    lams: Any
    eps: float
    cv: Any
    scaler: Any

    def _check_lams(self, lams: Any) -> None:
        """Refuse penalties, or a number of them, that make no path."""
        check_number("eps", self.eps, 0, 1, low_included=False)
        if not isinstance(lams, Integral):
            checked_lams(lams)
        elif lams < 2:
            raise ValueError(
                f"lams must be a number of penalties of 2 or more, or the penalties in a list, got {lams!r}; "
                "for one penalty write lams=[penalty]"
            )

    def _spaced(self, n_lams: Any, greatest: float, what: str) -> FloatArray:
        """So many penalties from the greatest one down to ``eps`` of it."""
        if greatest == 0:
            raise ValueError(f"{what}, so no penalties can be proposed: give lams")
        return np.geomspace(greatest, greatest * self.eps, int(n_lams))

    def _splits(self, X: Any, y: FloatArray, groups: ArrayLike | None) -> list[Split]:
        """Training and test rows of every fold, at least one."""
        splits = [(np.asarray(train), np.asarray(test)) for train, test in self._splitter(X).split(X, y, groups)]
        if not splits:
            raise ValueError(f"cv={self.cv!r} gives no split")
        if any(train.size == 0 or (train.dtype == bool and not train.any()) for train, _ in splits):
            raise ValueError(f"cv={self.cv!r} gives a split without training rows")
        return splits

    def _splitter(self, X: Any) -> Any:
        if self.cv is not None and not isinstance(self.cv, Integral):
            return check_cv(self.cv)
        n_folds: Any = 5 if self.cv is None else self.cv
        check_count("cv", n_folds, 2)
        return CellTypeKFold(n_folds) if is_binned(X) else KFold(n_folds, shuffle=True, random_state=0)

    def _scaler(self) -> LogZScaler | None:
        if isinstance(self.scaler, str) and self.scaler == "passthrough":
            return None
        if self.scaler is not None and not isinstance(self.scaler, LogZScaler):
            raise ValueError(f"scaler must be a LogZScaler, 'passthrough' or None, got {self.scaler!r}")
        return LogZScaler() if self.scaler is None else self.scaler


def training_sets(X: Any, y: FloatArray, splits: list[Split], offset: float) -> tuple[list[NDArray], list[GeneScale]]:
    """Training rows of every fold and last all rows, and the scale of their targets."""
    trainings = [train for train, _ in splits] + [np.arange(len(y))]
    return trainings, [GeneScale.of(X[rows], y[rows], offset) for rows in trainings]


def without_rounding(total: FloatArray, y: FloatArray) -> FloatArray:
    """Sums of squares of the truth of each fold; 0 where rounding alone varies."""
    return np.where(negligible(total, y @ y), 0.0, total)


def skill_of_sums(left: FloatArray, total: FloatArray) -> FloatArray:
    """Share of squared error saved at each penalty (columns); NaN where there is none to save."""
    share = np.full_like(left, np.nan)
    return 1 - np.divide(left, total[:, None], out=share, where=total[:, None] > 0)


def scores_of_path(
    lams: ArrayLike, left: FloatArray, total: FloatArray, gaps: ArrayLike, n_weights: ArrayLike
) -> pd.DataFrame:
    """``cv_results_``: one row per penalty, from the errors in each fold (rows of ``left``) and what they are of."""
    scores = skill_of_sums(left, total)
    return pd.DataFrame(
        {
            "lam": lams,
            **{f"split{k}_test_score": fold for k, fold in enumerate(scores)},
            "mean_test_score": scores.mean(axis=0),
            "std_test_score": scores.std(axis=0),
            "pooled_score": 1 - left.sum(axis=0) / total.sum(),
            "dual_gap": gaps,
            "n_weights": n_weights,
        }
    )


def best_penalty(results: pd.DataFrame) -> int:
    """Row of the highest ``pooled_score``; the greatest penalty of equals."""
    return int(results.sort_values(["pooled_score", "lam"], ascending=False).index[0])
