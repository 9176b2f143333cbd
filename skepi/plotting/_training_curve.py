"""TrainingCurveDisplay: errors by epoch."""

import textwrap
from typing import Any, Self

import numpy as np
import pandas as pd

from skepi._fitted import part_with
from skepi.plotting._fitted import fitted_part
from skepi.plotting._labels import end_labels, label_axes, make_room_top
from skepi.plotting._style import BLACK, BLUE, GREY, ORANGE, SMALL, axes, check_table

# What a fitted network keeps.
_KEPT = ("history_", "best_epoch_")

# Characters of the baseline's label in one line.
_LABEL_WIDTH = 20

_LABELS = {
    "mse": "mean squared error (squared units of y)",
    "standardized mse": "mean squared error (of standardised expression)",
    "log_loss": "log loss (nats)",
    "poisson": "Poisson loss (nats)",
    "bce": "cross-entropy (nats)",
}


class TrainingCurveDisplay:
    """Loss of training and development pairs by epoch, with the epoch whose weights are kept.

    Parameters
    ----------
    history : DataFrame
        One row per epoch: ``epoch, train_mse, dev_mse``, as ``ExpressionMLP.history_``, or
        ``epoch, train_log_loss, dev_log_loss``, as ``BinCNNClassifier.history_``; or with ``poisson`` or ``bce`` in
        place of ``mse``, as ``SequenceOpenness.history_``. The development loss is NaN where no
        pairs were set aside.
    best_epoch : int, optional
        By default the epoch with the lowest development loss, the last one where there is none.
    standardized : bool, default=False
        Whether the network learned targets that were standardised per gene, as ``GeneZTarget`` gives them. Their
        squared error has no units of ``y``, and the figure says so.

    Attributes
    ----------
    best_epoch_ : int
    train_line_ : Line2D
    dev_line_ : Line2D or None
    best_line_ : Line2D
        Vertical line at the best epoch.
    ax_ : Axes
    figure_ : Figure

    Examples
    --------
    >>> history = pd.DataFrame({"epoch": [1, 2, 3], "train_mse": [1.0, 0.7, 0.5], "dev_mse": [1.0, 0.9, 0.95]})
    >>> TrainingCurveDisplay.from_history(history).best_epoch_
    2
    """

    def __init__(self, *, history: pd.DataFrame, best_epoch: int | None = None, standardized: bool = False) -> None:
        self.history = history
        self.best_epoch = best_epoch
        self.standardized = standardized

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, baseline: float | None = None, baseline_label: str = "predicting 0", ax: Any = None
    ) -> Self:
        """Draw the history of a fitted network; nothing is refitted.

        Parameters
        ----------
        estimator : network such as ExpressionMLP, or a pipeline, search or GeneZTarget around it
            Fitted.
        baseline : float, optional
            As in :meth:`plot`.
        baseline_label : str, default="predicting 0"
            As in :meth:`plot`.
        ax : Axes, optional

        Raises
        ------
        NotFittedError
            Where it is not fitted.
        TypeError
            For a model without a history.
        """
        part = fitted_part(estimator, _KEPT, "a fitted network, such as ExpressionMLP")
        of_y = part_with(estimator, *_KEPT, through_targets=False) is part
        shown = cls(history=part.history_, best_epoch=int(part.best_epoch_), standardized=not of_y)
        return shown.plot(ax, baseline=baseline, baseline_label=baseline_label)

    @classmethod
    def from_history(
        cls,
        history: pd.DataFrame,
        *,
        best_epoch: int | None = None,
        standardized: bool = False,
        baseline: float | None = None,
        baseline_label: str = "predicting 0",
        ax: Any = None,
    ) -> Self:
        """Draw a table of epochs.

        Parameters
        ----------
        history : DataFrame
            ``epoch, train_mse, dev_mse``, or ``epoch, train_log_loss, dev_log_loss``.
        best_epoch : int, optional
            By default that of the lowest development loss.
        standardized : bool, default=False
            Whether the network learned targets standardised per gene.
        baseline : float, optional
            As in :meth:`plot`.
        baseline_label : str, default="predicting 0"
            As in :meth:`plot`.
        ax : Axes, optional
        """
        shown = cls(history=history, best_epoch=best_epoch, standardized=standardized)
        return shown.plot(ax, baseline=baseline, baseline_label=baseline_label)

    def plot(self, ax: Any = None, *, baseline: float | None = None, baseline_label: str = "predicting 0") -> Self:
        """Draw.

        Parameters
        ----------
        ax : Axes, optional
            A new figure by default.
        baseline : float, optional
            Loss on the development pairs of a rule without a model, in units of the history: the line to fall below.
        baseline_label : str, default="predicting 0"
            The rule, written beside its line. What it means to predict 0 depends on the targets: inside
            ``GeneZTarget`` it is the training mean of the gene; for z-scores over all cell types, as the report has
            them, it is the gene's mean over all cell types, those of the development pairs too.

        Returns
        -------
        TrainingCurveDisplay
        """
        columns = getattr(self.history, "columns", ())
        loss = next((name for name in _LABELS if f"train_{name}" in columns), "mse")
        names_of_loss = {f"train_{loss}": "train", f"dev_{loss}": "dev"}
        history = check_table(self.history, ["epoch", *names_of_loss], "history").rename(columns=names_of_loss)
        self.best_epoch_ = _best_epoch(history, self.best_epoch)
        (ax,) = axes(ax)
        epoch, has_dev = history["epoch"], bool(history["dev"].notna().any())
        marker = "o" if len(history) < 2 else None
        self.train_line_ = ax.plot(epoch, history["train"], color=ORANGE, lw=1.6, marker=marker)[0]
        self.dev_line_ = ax.plot(epoch, history["dev"], color=BLUE, lw=1.6, marker=marker)[0] if has_dev else None
        labels = [("training", history["train"].iloc[-1], ORANGE)]
        if has_dev:
            labels.append(("development", history["dev"].dropna().iloc[-1], BLUE))
        if baseline is not None:
            ax.plot(epoch.iloc[[0, -1]], [baseline] * 2, color=GREY, lw=1, ls="--", zorder=1)
            labels.append((textwrap.fill(baseline_label, _LABEL_WIDTH), baseline, GREY))
        label_axes(ax, "epoch", _LABELS[f"standardized {loss}" if self.standardized and loss == "mse" else loss])
        ax.xaxis.get_major_locator().set_params(integer=True)
        self._mark_best(ax, history, has_dev, baseline)
        names, ends, colours = zip(*labels, strict=True)
        end_labels(ax, [epoch.iloc[-1]] * len(ends), ends, names, colours, above=1.2)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _mark_best(self, ax: Any, history: pd.DataFrame, has_dev: bool, baseline: float | None) -> None:
        row = history[history["epoch"] == self.best_epoch_].iloc[0]
        value = row["dev" if has_dev else "train"]
        self.best_line_ = ax.axvline(self.best_epoch_, color=BLACK, lw=1, ls=":", zorder=1)
        ax.plot([self.best_epoch_], [value], marker="o", ms=8, mfc="none", mec=BLACK, zorder=4)
        low, high = _limits(history, baseline)
        ax.set_ylim(low, high)
        make_room_top(ax, 1.2)
        for line in filter(None, (self.train_line_, self.dev_line_)):
            _end_at(line, high)
        late = self.best_epoch_ > history["epoch"].mean()
        ax.annotate(
            f"{'best epoch' if has_dev else 'last epoch'} {self.best_epoch_}: {value:.3g}",
            (self.best_epoch_, 1),
            xycoords=("data", "axes fraction"),
            xytext=(-5 if late else 5, 0),
            textcoords="offset points",
            ha="right" if late else "left",
            va="top",
            size=SMALL,
        )


def _best_epoch(history: pd.DataFrame, given: int | None) -> int:
    if given is not None and given not in history["epoch"].to_numpy():
        raise ValueError(f"best_epoch {given} is not among the {len(history)} epochs of the history")
    if given is not None:
        return int(given)
    dev = history["dev"]
    return int(history["epoch"].iloc[-1] if dev.isna().all() else history.loc[dev.idxmin(), "epoch"])


def _limits(history: pd.DataFrame, baseline: float | None) -> tuple[float, float]:
    """Limits of the y axis that a steep first epoch, or a single wild one, does not stretch."""
    values = history[["train", "dev"]].to_numpy(dtype=float).ravel()
    values = values[np.isfinite(values)]
    if values.size == 0:
        raise ValueError("history: no finite MSE")
    usual = [*np.quantile(values, [0, 0.95]), *([] if baseline is None else [baseline])]
    low, high = min(usual), max(usual)
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 0.05
    return low - margin, max(high, min(float(values.max()), 2 * high - low)) + margin


def _end_at(line: Any, high: float) -> None:
    """Draw a line up to this height only, so that a wild epoch does not cross what is written above."""
    from matplotlib.patches import Rectangle

    ax = line.axes
    (left, right), low = ax.get_xlim(), ax.get_ylim()[0]
    reach = right - left  # the x axis is lengthened later
    line.set_clip_path(Rectangle((left - reach, low), 4 * reach, high - low, transform=ax.transData))
