"""PairLearningCurve: skill by number of training cell types, its intervals and what lies beyond."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from skepi.model_selection._saturation import SaturatingCurve, fit_all, fit_saturating, why_not_identified

FloatArray = NDArray[np.float64]

# Share of resamples with a curve that levels off, below which nothing is extrapolated.
_FEWEST_IDENTIFIED = 0.5


@dataclass(frozen=True, eq=False, repr=False)
class PairLearningCurve:
    """Skill by number of training cell types; made by :func:`learning_curve_pairs`.

    Attributes
    ----------
    points : DataFrame, index n_cell_types
        ``skill`` (``within_gene_skill`` where genes are held out as well), ``low`` and ``high`` (interval from
        resampling held-out cell types and orders; NaN with one held-out cell type), ``skill_sd`` (SD of the skill over
        orders; NaN with one order), ``skill_of_mean`` (of the mean of each gene over the same training pairs, against
        the same baseline) and ``n_fits``.
    extrapolation : DataFrame, index n_cell_types
        The same score, ``low`` and ``high``; NaN where the extrapolation is unavailable. No rows where none was asked
        for.
    curve : SaturatingCurve or None
        Fitted to the points; None where the extrapolation is unavailable.
    unavailable : str
        Why there is no curve; empty where there is one.
    errors : DataFrame
        One row per held-out cell type and fit: ``cell_type, squared_error, squared_error_of_mean, variation`` (sums
        over pairs, in squared units of ``y``), ``n_pairs, fold, n_cell_types, trained_on`` (names) and ``subset``
        (number of the order). A fit shared by several orders has a row for each.
    level : float
        Coverage of the intervals.

    Examples
    --------
    >>> from skepi.baselines import TrainingMean
    >>> from skepi.datasets import make_paired_openness
    >>> from skepi.model_selection import LeaveOneCellTypeOut, learning_curve_pairs
    >>> X, y = make_paired_openness(n_genes=20, n_cell_types=6, n_lineages=2)[0].pairs(return_X_y=True)
    >>> curve = learning_curve_pairs(TrainingMean(), X, y, LeaveOneCellTypeOut(), train_sizes=[2, 5])
    >>> bool(abs(curve.points.loc[5, "skill"]) < 1e-9)  # the baseline is the mean of all five
    True
    >>> bool(np.allclose(curve.points["skill"], curve.points["skill_of_mean"]))
    True
    >>> curve.unavailable
    'a curve needs 4 numbers of cell types or more, got 2'
    """

    points: pd.DataFrame
    extrapolation: pd.DataFrame
    curve: SaturatingCurve | None
    unavailable: str
    errors: pd.DataFrame
    level: float

    @property
    def score(self) -> str:
        """``"skill"`` or ``"within_gene_skill"``."""
        return str(self.points.columns[0])

    @property
    def gain_per_cell_type(self) -> float:
        """Rise of the score per added cell type between the two largest sizes; NaN with one size."""
        if len(self.points) < 2:
            return float("nan")
        last = self.points[self.score].iloc[-2:]
        return float(np.diff(last)[0] / np.diff(last.index)[0])

    def by_order(self) -> pd.DataFrame:
        """Score of each random order alone: rows ``n_cell_types``, one column per order."""
        sums = self.errors.groupby(["n_cell_types", "subset"])[["squared_error", "variation"]].sum()
        return (1 - sums["squared_error"] / sums["variation"]).unstack("subset")

    def to_frame(self) -> pd.DataFrame:
        """Points and, below them, the extrapolation: score, ``low``, ``high`` and ``extrapolated``."""
        columns = [self.score, "low", "high"]
        measured = self.points[columns].assign(extrapolated=False)
        return pd.concat([measured, self.extrapolation[columns].assign(extrapolated=True)])

    def __repr__(self) -> str:
        cells, folds = self.errors["cell_type"].nunique(), self.errors["fold"].nunique()
        orders = self.errors["subset"].nunique()
        head = f"PairLearningCurve: {cells} held-out cell types in {folds} folds, {orders} random order(s) of training"
        lines = [head, self.points.round(3).to_string()]
        if len(self.points) > 1:
            last, largest = self.points.index[-2:]
            lines.append(f"from {last:,} to {largest:,} cell types: {self.gain_per_cell_type:+.3f} per cell type")
        if self.curve is None:
            lines.append(f"extrapolation unavailable: {self.unavailable}")
        else:
            a, b, c = self.curve
            lines.append(f"curve: {a:.3f} - {b:.3f} n^-{c:.3f}")
            lines += [
                f"  with {n:,} cell types {row.iloc[0]:.3f} ({row['low']:.3f} to {row['high']:.3f})"
                for n, row in self.extrapolation.iterrows()
            ]
        return "\n".join(lines)


class _Sums(NamedTuple):
    """Sums of squares over the pairs of each held-out cell type, in all folds."""

    sizes: NDArray[np.int64]
    error: FloatArray  # (n_sizes, n_cell_types, n_orders)
    error_of_mean: FloatArray  # of the same shape
    variation: FloatArray  # (n_cell_types,)

    def skill(self, cells: FloatArray, orders: FloatArray) -> FloatArray:
        """Skill at each size, with weights of held-out cell types and of orders that add up to 1."""
        return 1 - self.error @ orders @ cells / (self.variation @ cells)


def curve_of_errors(
    errors: pd.DataFrame, score: str, targets: list[int], n_bootstrap: int, level: float, random_state: Any
) -> PairLearningCurve:
    """Points, their intervals and the extrapolation from sums of squares."""
    sums = _sums_of(errors)
    n_cells, n_orders = sums.error.shape[1:]
    cells, orders = np.ones(n_cells), np.full(n_orders, 1 / n_orders)
    if not sums.variation.sum() > 0:
        raise ValueError("the truth does not vary around the training means, so skill is not defined")
    skill = sums.skill(cells, orders)
    drawn = _resampled(sums, n_bootstrap, check_random_state(random_state)) if n_cells > 1 else None
    low, high = _limits(drawn, level, skill.size)
    by_order = np.stack([sums.skill(cells, one) for one in np.eye(n_orders)])
    points = {
        score: skill,
        "low": low,
        "high": high,
        f"{score}_sd": by_order.std(axis=0, ddof=1) if n_orders > 1 else np.full(skill.size, np.nan),
        f"{score}_of_mean": 1 - sums.error_of_mean @ orders @ cells / (sums.variation @ cells),
        "n_fits": errors.groupby("n_cell_types")[["fold", "trained_on"]].apply(
            lambda fits: len(fits.drop_duplicates())
        ),
    }
    index = pd.Index(sums.sizes, name="n_cell_types")
    curve, unavailable, beyond = _extrapolated(sums.sizes, skill, drawn, targets, level)
    extrapolation = pd.DataFrame(beyond, pd.Index(targets, name="n_cell_types", dtype=np.int64), [score, "low", "high"])
    return PairLearningCurve(pd.DataFrame(points, index=index), extrapolation, curve, unavailable, errors, level)


def _sums_of(errors: pd.DataFrame) -> _Sums:
    keys = [errors[name].to_numpy() for name in ("n_cell_types", "cell_type", "subset")]
    labels, codes = zip(*(np.unique(key, return_inverse=True) for key in keys), strict=True)
    shape = tuple(label.size for label in labels)
    place = np.ravel_multi_index(codes, shape)
    model, mean, variation = (
        np.bincount(place, weights=errors[name], minlength=int(np.prod(shape))).reshape(shape)
        for name in ("squared_error", "squared_error_of_mean", "variation")
    )
    return _Sums(labels[0].astype(np.int64), model, mean, variation[0, :, 0])


def _resampled(sums: _Sums, n_bootstrap: int, rng: Any) -> FloatArray:
    """Skill at each size with cell types and orders drawn with replacement, (n_bootstrap, n_sizes)."""
    n_cells, n_orders = sums.error.shape[1:]
    cells = rng.multinomial(n_cells, np.full(n_cells, 1 / n_cells), size=n_bootstrap).astype(np.float64)
    orders = rng.multinomial(n_orders, np.full(n_orders, 1 / n_orders), size=n_bootstrap) / n_orders
    defined = cells @ sums.variation > 0
    return np.stack([sums.skill(*weights) for weights in zip(cells[defined], orders[defined], strict=True)])


def _limits(drawn: FloatArray | None, level: float, n: int) -> tuple[FloatArray, FloatArray]:
    if drawn is None:
        return np.full(n, np.nan), np.full(n, np.nan)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high


def _extrapolated(
    sizes: NDArray[np.int64], skill: FloatArray, drawn: FloatArray | None, targets: list[int], level: float
) -> tuple[SaturatingCurve | None, str, FloatArray]:
    """Curve, why there is none, and score, low and high at each target."""
    nothing = np.full((len(targets), 3), np.nan)
    curve = fit_saturating(sizes, skill)
    unavailable = why_not_identified(sizes, curve)
    if unavailable or drawn is None:
        return (None, unavailable, nothing) if unavailable else (curve, "", _beside(curve(targets), nothing))
    resampled = fit_all(sizes, drawn)
    identified = float(np.mean([not why_not_identified(sizes, one) for one in resampled]))
    if identified < _FEWEST_IDENTIFIED:
        return (
            None,
            f"skill levels off in only {identified:.0%} of the resamples, so the points cannot tell how much more cell "
            "types would help",
            nothing,
        )
    low, high = _limits(np.stack([one(targets) for one in resampled]), level, len(targets))
    return curve, "", np.column_stack([curve(targets), low, high])


def _beside(values: FloatArray, limits: FloatArray) -> FloatArray:
    return np.column_stack([values, limits[:, 1:]])
