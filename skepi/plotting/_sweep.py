"""SweepDisplay: scores of a search by one of its parameters."""

from numbers import Real
from typing import Any, Self

import numpy as np
import pandas as pd

from skepi.plotting._labels import end_labels, label_axes, text_width
from skepi.plotting._penalty_axis import set_penalty_axis
from skepi.plotting._search_results import label_of, score_words, short_name, sweep_table
from skepi.plotting._style import BLACK, SMALL, axes, check_table, colours

# Ratio of the greatest to the smallest positive value from which an axis is logarithmic.
_WIDE = 30.0

# Parameters whose names are abbreviations.
_WORDS = {"lam": "penalty lambda"}


class SweepDisplay:
    """Mean test score of a search by one parameter, with standard errors over folds; a second one as colour.

    Parameters
    ----------
    table : DataFrame
        One row per setting: ``value`` (of the parameter), ``hue`` (of the second one), ``mean`` and ``standard_error``
        of the test score over folds.
    param : str
        Name of the parameter.
    n_folds : int
    hue : str, optional
        Name of the second parameter.
    score_name : str, default="test score"
        For the y axis.

    Attributes
    ----------
    containers_ : list of ErrorbarContainer
        One a value of ``hue``, in order of first appearance.
    best_marker_ : Line2D
        Ring around the best setting that is drawn.
    ax_ : Axes
    figure_ : Figure

    Notes
    -----
    Folds share training pairs, so a standard error over folds is a rough guide. The figure calls a parameter by the
    shortest end of its name that no other one has, and ``lam`` penalty lambda.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.model_selection import GridSearchCV
    >>> search = GridSearchCV(Ridge(), {"alpha": [0.01, 1.0, 100.0]}, cv=3).fit([[k] for k in range(9)], range(9))
    >>> display = SweepDisplay.from_search(search, "alpha")
    >>> display.ax_.get_xscale(), len(display.table)
    ('log', 3)
    """

    def __init__(
        self, *, table: pd.DataFrame, param: str, n_folds: int, hue: str | None = None, score_name: str = "test score"
    ) -> None:
        self.table = table
        self.param = param
        self.n_folds = n_folds
        self.hue = hue
        self.score_name = score_name

    @classmethod
    def from_search(
        cls,
        search: Any,
        param: str,
        hue: str | None = None,
        *,
        fixed: dict[str, Any] | None = None,
        metric: str = "score",
        score_name: str | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw the results of a fitted search.

        Parameters
        ----------
        search : GridSearchCV or another with ``cv_results_``
            Fitted.
        param, hue : str
            Names of parameters as in the grid; the end (``dropout``) is enough where only one has it.
        fixed : dict, optional
            Values of further parameters: only these settings are drawn.
        metric : str, default="score"
            Name of the score, where the search has several.
        score_name : str, optional
            For the y axis. By default the name of the scorer; without one, skill where the estimator's own score is
            skill, and "test score" otherwise.
        ax : Axes, optional

        Raises
        ------
        NotFittedError
            Where the search is not fitted.
        TypeError
            For an estimator that is no search.
        ValueError
            For a parameter or score that the search does not have, or several settings at one place.
        """
        table, n_folds = sweep_table(search, param, hue, fixed or {}, metric)
        settings = search.cv_results_["params"]
        param, hue = short_name(param, settings), None if hue is None else short_name(hue, settings)
        score_name = score_words(search, metric) if score_name is None else score_name
        return cls(table=table, param=param, n_folds=n_folds, hue=hue, score_name=score_name).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : Axes, optional
            A new figure by default.

        Returns
        -------
        SweepDisplay
        """
        table = check_table(self.table, ["value", "hue", "mean", "standard_error"], "scores of the search")
        (ax,) = axes(ax)
        places = _place_values(ax, table["value"])
        labels = [label_of(value) for value in table["hue"]]
        groups = list(dict.fromkeys(labels))
        chosen = colours(len(groups))
        self.containers_, ends = [], []
        for group, colour in zip(groups, chosen, strict=True):
            rows = np.array([label == group for label in labels])
            order = np.flatnonzero(rows)[np.argsort(places[rows], kind="stable")]
            x, y, error = places[order], table["mean"].to_numpy()[order], table["standard_error"].to_numpy()[order]
            self.containers_.append(ax.errorbar(x, y, error, color=colour, marker="o", ms=4.5, lw=1.5, capsize=3))
            ends.append((x[-1], y[-1]))
        best = int(np.nanargmax(table["mean"]))
        self.best_marker_ = ax.plot(places[best], table["mean"].iloc[best], "o", ms=10, mfc="none", mec=BLACK)[0]
        label_axes(
            ax,
            _WORDS.get(self.param, self.param),
            f"{self.score_name} (bars: 1 standard error over {self.n_folds} folds)",
        )
        if self.hue is not None:
            self._name_lines(ax, ends, groups, chosen)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _name_lines(self, ax: Any, ends: list[Any], groups: list[str], chosen: list[Any]) -> None:
        x, y = zip(*ends, strict=True)
        heading = f"{_WORDS.get(str(self.hue), self.hue)}:"
        labels = end_labels(ax, x, y, groups, chosen, least=text_width(heading))
        highest = max(labels, key=lambda label: label.get_position()[1])
        ax.annotate(
            heading, (0, 1), xycoords=highest, xytext=(0, 3), textcoords="offset points", size=SMALL, va="bottom"
        )


def _place_values(ax: Any, values: pd.Series) -> np.ndarray:
    """Set the axis up: numbers at their places, log where they span decades; anything else side by side."""
    if all(isinstance(value, Real) and not isinstance(value, bool) for value in values):
        numbers = values.to_numpy(dtype=float)
        positive = numbers[numbers > 0]
        if (numbers >= 0).all() and positive.size and positive.max() / positive.min() >= _WIDE:
            set_penalty_axis(ax, numbers)
        return numbers
    labels = [label_of(value) for value in values]
    order = list(dict.fromkeys(labels))
    ax.set_xticks(range(len(order)), order)
    return np.array([order.index(label) for label in labels], dtype=float)
