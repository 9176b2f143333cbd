"""ModelComparison: tables of scores, and the held-out pairs behind them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from skepi._html import count
from skepi.comparison._card import card_of_comparison, skill_tables
from skepi.comparison._controls import FloatArray
from skepi.comparison._scores import SCORES


class Predictions(NamedTuple):
    """Predictions of one model for all scored pairs of a split, in the order of its truth."""

    y_pred: FloatArray
    y_std: FloatArray | None


class HeldOut(NamedTuple):
    """Held-out pairs of all splits, with names once.

    Attributes
    ----------
    genes, cell_types : ndarray of str
    truths : dict of DataFrame
        By split: ``fold``, ``gene`` and ``cell_type`` (row numbers), ``y_true``, ``train_mean``.
    predictions : dict of Predictions
        By split and model.
    """

    genes: np.ndarray
    cell_types: np.ndarray
    truths: dict[str, pd.DataFrame]
    predictions: dict[tuple[str, str], Predictions]


@dataclass(frozen=True, eq=False, repr=False)
class ModelComparison:
    """Scores of many models under many splits; made by :func:`compare_models`.

    Models and splits are in the order in which they were given. **A split that holds out genes has**
    ``within_gene_skill`` **and no** ``skill``; the two are never to be compared.

    Attributes
    ----------
    scores : DataFrame, index (split, model)
        ``n_folds``, ``n_pairs`` (scored), ``n_left_out`` (test pairs that are not scored), ``skill`` or
        ``within_gene_skill``; ``low_gene``, ``high_gene``, ``low_cell_type`` and ``high_cell_type`` (interval of that
        skill, from resampling genes or cell types); ``r_median`` (over genes, NaN for unseen genes), ``r_across``,
        ``slope``, ``coverage``, ``rmse`` (units of ``y``), ``fit_s`` and ``predict_s`` (seconds, sums over folds).
    control_scores : DataFrame, index (split, model, control, permutation)
        The same columns on permuted data; no rows without controls.
    by_cell_type : DataFrame, index (split, model, cell_type)
        ``skill`` or ``within_gene_skill``, ``r_across``, ``n_pairs``.
    shares : DataFrame, index (split, model)
        Mean over folds of ``variance_shares_`` of the fitted models that have it, one column per share.
    ceilings : DataFrame, index split
        ``ceiling``: the skill (within-gene skill) that errors of measurement leave to reach, NaN where not known;
        ``n_pairs`` that it rests on.
    level : float
        Coverage of the intervals of skill.
    interval_level : float
        Nominal level of the Gaussian intervals whose ``coverage`` is reported.

    Examples
    --------
    >>> from skepi.baselines import PromoterSum, TrainingMean
    >>> from skepi.comparison import compare_models
    >>> from skepi.datasets import make_paired_openness
    >>> data, _ = make_paired_openness(n_genes=40, n_cell_types=6, n_lineages=2)
    >>> rules = {"training mean": TrainingMean(), "promoter": PromoterSum()}
    >>> comparison = compare_models(rules, data, ["cell types"], n_bootstrap=20)
    >>> comparison.scores["skill"].loc["cell types"].index[comparison.scores["skill"] > 0].tolist()
    ['promoter']
    >>> comparison.held_out("cell types", "promoter").columns.tolist()
    ['fold', 'gene', 'cell_type', 'y_true', 'y_pred', 'train_mean']
    """

    scores: pd.DataFrame
    control_scores: pd.DataFrame
    by_cell_type: pd.DataFrame
    shares: pd.DataFrame
    ceilings: pd.DataFrame
    level: float
    interval_level: float
    _held_out: HeldOut = field(repr=False)

    @property
    def models(self) -> list[str]:
        """Names of the models."""
        return list(dict.fromkeys(self.scores.index.get_level_values("model")))

    @property
    def splits(self) -> list[str]:
        """Names of the splits."""
        return list(self.ceilings.index)

    def to_frame(self, value: str = "skill") -> pd.DataFrame:
        """Arrange one column of ``scores``, models x splits.

        Parameters
        ----------
        value : str, default="skill"
            With ``"skill"`` and ``"within_gene_skill"``, splits that have the other kind are left out.

        Raises
        ------
        ValueError
            For a name that is no column of ``scores``.
        """
        if value not in SCORES:
            raise ValueError(f"value must be one of {SCORES}, got {value!r}")
        table = self.scores[value].unstack("split")
        unseen = self.scores["skill"].isna().groupby(level="split").all()
        if value in ("skill", "within_gene_skill"):
            table = table[[split for split in self.splits if unseen[split] == (value != "skill")]]
        return table

    def held_out(self, split: str, model: str) -> pd.DataFrame:
        """Held-out pairs of a model, as :func:`skepi.model_selection.cross_val_pairs` gives them.

        Parameters
        ----------
        split, model : str

        Returns
        -------
        DataFrame
            One row a scored pair, fold by fold: ``fold, gene, cell_type, y_true, y_pred, train_mean`` and, where the
            model gives one, ``y_std``.

        Raises
        ------
        ValueError
            For a split or model that was not compared.
        """
        stored = self._held_out
        for what, name, names in (("split", split, self.splits), ("model", model, self.models)):
            if name not in names:
                raise ValueError(f"no {what} is called {name!r}; there are {names}")
        table = pair_table(stored.truths[split], stored.predictions[split, model])
        return table.assign(gene=stored.genes[table["gene"]], cell_type=stored.cell_types[table["cell_type"]])

    def to_html(self, path: Any, **contents: Any) -> Path:
        """Write this comparison as one HTML page, with whatever else is handed in.

        Parameters
        ----------
        path : path
            File to write, in place of any before.
        **contents
            ``data``, ``importance``, ``parts``, ``links``, ``outliers`` and the other arguments of
            :func:`skepi.report.write_report`, which this calls.

        Returns
        -------
        Path
            Path of the file.

        Raises
        ------
        ImportError, FileNotFoundError, TypeError, ValueError
            As :func:`skepi.report.write_report`.
        """
        from skepi.report import write_report

        return write_report(path, comparison=self, **contents)

    def __repr__(self) -> str:
        parts = [
            f"ModelComparison: {count(len(self.models), 'model')} under {count(len(self.splits), 'split')}, "
            f"{self.scores['n_pairs'].max():,} held-out pairs"
        ]
        for title, table in skill_tables(self):
            parts += [title, table.to_string(float_format="{:.3f}".format)]
        return "\n".join(parts)

    def _repr_html_(self) -> str:
        """What notebooks show: skill by model and split, ceilings and controls."""
        return card_of_comparison(self)


def pair_table(truth: pd.DataFrame, predictions: Predictions) -> pd.DataFrame:
    """Truth and predictions side by side, in the order of the columns of ``cross_val_pairs``."""
    table = truth[["fold", "gene", "cell_type", "y_true"]].assign(
        y_pred=predictions.y_pred, train_mean=truth["train_mean"]
    )
    return table if predictions.y_std is None else table.assign(y_std=predictions.y_std)
