"""LambdaPathDisplay: score along the penalty of a Lasso."""

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from skepi.plotting._fitted import fitted_part
from skepi.plotting._labels import end_labels, label_axes, make_room_top, size_in_points, text_width
from skepi.plotting._penalty_axis import set_penalty_axis
from skepi.plotting._style import BLACK, BLUE, GREY, ORANGE, PALE, SMALL, axes, check_table

# Lines of text that numbers of weights take.
_WEIGHT_LINES = 2.2

_BEST = ("highest", "lowest")


class LambdaPathDisplay:
    """Score by penalty on a log axis, with the best penalty marked and the number of weights above.

    Parameters
    ----------
    table : DataFrame
        One row per penalty: ``lam`` and one column per line, in the units of the score; ``n_weights`` where known.
    lines : sequence of str
        Columns to draw; the best penalty is that of the last one.
    folds : DataFrame, optional
        One column per fold, rows as in ``table``: drawn as pale lines.
    score_name : str, default="MSE"
        Label of the y axis.
    best : {"lowest", "highest"}, default="lowest"
        Which score is the best.

    Attributes
    ----------
    best_lam_ : float
        Penalty of the best score; the greatest of equals.
    lines_ : list of Line2D
        In the order of ``lines``.
    fold_lines_ : list of Line2D
    best_line_ : Line2D
        Vertical line at the best penalty.
    ax_ : Axes
    figure_ : Figure

    Examples
    --------
    >>> display = LambdaPathDisplay.from_scores([1.0, 0.1, 0.01], train=[1.0, 0.8, 0.6], dev=[1.0, 0.9, 1.1])
    >>> display.best_lam_, display.ax_.get_ylabel()
    (0.1, 'MSE')
    """

    def __init__(
        self,
        *,
        table: pd.DataFrame,
        lines: Any,
        folds: pd.DataFrame | None = None,
        score_name: str = "MSE",
        best: str = "lowest",
    ) -> None:
        self.table = table
        self.lines = lines
        self.folds = folds
        self.score_name = score_name
        self.best = best

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None) -> Self:
        """Draw the path of a fitted :class:`skepi.linear_model.LassoBaselineCV`; nothing is refitted.

        Parameters
        ----------
        estimator : LassoBaselineCV, or a pipeline that ends with it
            Fitted.
        ax : Axes, optional

        Raises
        ------
        NotFittedError
            Where it is not fitted.
        TypeError
            For an estimator without a path.
        """
        part = fitted_part(estimator, ("cv_results_", "path_"), "a fitted LassoBaselineCV")
        results = part.cv_results_.reset_index(drop=True)
        folds = results.filter(regex=r"^split\d+_test_score$")
        table = results[["lam", "pooled_score", "n_weights"]].rename(columns={"pooled_score": "all folds"})
        name = part.scoring.replace("_", " ").replace("within gene", "within-gene")
        shown = cls(
            table=table, lines=["all folds"], folds=folds, score_name=f"{name} in held-out pairs", best="highest"
        )
        return shown.plot(ax)

    @classmethod
    def from_scores(
        cls,
        lams: ArrayLike,
        train: ArrayLike,
        dev: ArrayLike,
        *,
        n_weights: ArrayLike | None = None,
        score_name: str = "MSE",
        best: str = "lowest",
        ax: Any = None,
    ) -> Self:
        """Draw scores of training and development pairs.

        Parameters
        ----------
        lams, train, dev : array-like of shape (n_lams,)
            Penalties in any order, and the scores reached with each.
        n_weights : array-like of shape (n_lams,), optional
            Weights that are not 0.
        score_name : str, default="MSE"
        best : {"lowest", "highest"}, default="lowest"
            Which of the development scores is the best.
        ax : Axes, optional

        Raises
        ------
        ValueError
            For unequal lengths, no finite score, or penalties below 0.
        """
        columns = {"lam": lams, "train": train, "dev": dev} | ({} if n_weights is None else {"n_weights": n_weights})
        sizes = {name: np.shape(values) for name, values in columns.items()}
        if len(set(sizes.values())) != 1 or len(np.shape(lams)) != 1:
            raise ValueError(f"wanted one value per penalty in each argument, got shapes {sizes}")
        return cls(table=pd.DataFrame(columns), lines=["train", "dev"], score_name=score_name, best=best).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : Axes, optional
            A new figure by default.

        Returns
        -------
        LambdaPathDisplay
        """
        table = self._checked()
        (ax,) = axes(ax)
        lam = table["lam"]
        chosen = [BLUE] if len(self.lines) == 1 else [ORANGE, BLUE]
        set_penalty_axis(ax, lam)
        folds = [] if self.folds is None else [self.folds[name].loc[table.index] for name in self.folds]
        self.fold_lines_ = [ax.plot(lam, fold, color=PALE, lw=1, zorder=1)[0] for fold in folds]
        self.lines_ = [
            ax.plot(lam, table[name], color=colour, marker="o", ms=4, zorder=3)[0]
            for name, colour in zip(self.lines, chosen, strict=True)
        ]
        label_axes(ax, "penalty lambda", self.score_name)
        self._mark_best(ax, table)
        above = _WEIGHT_LINES if "n_weights" in table else 0
        if above:
            top = ax.get_ylim()[1]
            make_room_top(ax, above)
            self.best_line_.set_ydata(
                [0, ax.transAxes.inverted().transform(ax.transData.transform((lam.iloc[0], top)))[1]]
            )
            _write_weights(ax, table)
        names, ends = list(self.lines), [table[name].iloc[-1] for name in self.lines]
        if folds:
            names, ends, chosen = ["all folds", "each fold"], [ends[0], _last_fold(folds)], [BLUE, GREY]
        end_labels(ax, [lam.iloc[-1]] * len(names), ends, names, chosen, above)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _checked(self) -> pd.DataFrame:
        table = check_table(self.table, ["lam", *self.lines], "scores by penalty").reset_index(drop=True)
        if self.best not in _BEST:
            raise ValueError(f"best must be one of {_BEST}, got {self.best!r}")
        lam = table["lam"].to_numpy(dtype=float)
        if not np.isfinite(lam).all() or (lam < 0).any():
            raise ValueError(f"penalties must be finite and 0 or greater, got {lam.tolist()}")
        if not np.isfinite(table[self.lines[-1]]).any():
            raise ValueError(f"no finite score in {self.lines[-1]!r}")
        return table.sort_values("lam")

    def _mark_best(self, ax: Any, table: pd.DataFrame) -> None:
        score = table[self.lines[-1]] * (1 if self.best == "highest" else -1)
        at = table.index[np.flatnonzero(score == score.max())[-1]]
        self.best_lam_ = float(table.loc[at, "lam"])
        self.best_line_ = ax.axvline(self.best_lam_, color=BLACK, lw=1, ls=":", zorder=2)
        value = table.loc[at, self.lines[-1]]
        ax.plot([self.best_lam_], [value], marker="o", ms=9, mfc="none", mec=BLACK, zorder=4)
        low, high = ax.get_ylim()
        ax.set_ylim(low - 0.16 * (high - low), high)
        side = "right" if table.index.get_loc(at) > len(table) / 2 else "left"
        ax.annotate(
            f"best: {value:.4g} at {self.best_lam_:.2g}",
            (self.best_lam_, 0.03),
            xycoords=("data", "axes fraction"),
            xytext=(5 if side == "left" else -5, 0),
            textcoords="offset points",
            ha=side,
            size=SMALL,
        )


def _last_fold(folds: list[Any]) -> float:
    return float(np.nanmin([fold.iloc[-1] for fold in folds]))


def _write_weights(ax: Any, table: pd.DataFrame) -> None:
    """Number of weights above every penalty, or above as many as there is room for."""
    width, _ = size_in_points(ax)
    texts = [f"{int(n):,}" for n in table["n_weights"]]
    room = max(1, int(0.7 * width / (max(map(text_width, texts)) + 8)))
    step = -(-len(texts) // room)
    style = {"color": GREY, "size": SMALL, "va": "top", "transform": ax.get_xaxis_transform()}
    behind = {"facecolor": "white", "edgecolor": "none", "pad": 1}
    for lam, text in list(zip(table["lam"], texts, strict=True))[::-1][::step]:
        ax.text(lam, 0.98, text, ha="center", bbox=behind, **style)
    ax.annotate(
        "weights\nnot 0",
        (table["lam"].iloc[-1], 0.98),
        xycoords=ax.get_xaxis_transform(),
        xytext=(16, 0),
        textcoords="offset points",
        color=GREY,
        size=SMALL,
        va="top",
    )
