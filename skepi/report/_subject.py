"""Which model under which split the page is about, and what each split holds out."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from skepi.comparison import ModelComparison

SKILL, WITHIN = "skill", "within_gene_skill"
WORDS = {SKILL: "skill", WITHIN: "within-gene skill"}


class SplitKind(NamedTuple):
    """What training has never seen of the test pairs."""

    new_cell_types: bool
    new_lineages: bool
    new_genes: bool

    @property
    def words(self) -> str:
        """Beginning of a sentence about the split."""
        if self.new_genes:
            return f"On genes{' and cell types' if self.new_cell_types else ''} never seen in training"
        if self.new_lineages:
            return "On cell types whose whole lineage was never seen in training"
        return (
            "On cell types never seen in training"
            if self.new_cell_types
            else "On held-out pairs of genes and cell types"
        )


class Subject(NamedTuple):
    """The model that the page is about.

    Attributes
    ----------
    split, model : str
    value : str
        The kind of skill that the split has.
    scores : Series
        Row of ``ModelComparison.scores``.
    chosen_here : bool
        Whether the model was chosen by these scores, not named by the caller.
    """

    split: str
    model: str
    value: str
    scores: pd.Series
    chosen_here: bool

    @property
    def skill(self) -> float:
        """Skill of the kind that the split has."""
        return float(self.scores[self.value])


def value_of(comparison: ModelComparison, split: str) -> str:
    """Return the kind of skill that a split has."""
    return WITHIN if comparison.scores.loc[split][SKILL].isna().all() else SKILL


def kinds_of(comparison: ModelComparison, lineages: pd.Series | None) -> dict[str, SplitKind]:
    """Say by split what is new in its test pairs; ``lineages`` by name of cell type, where they are known."""
    model = comparison.models[0]
    return {split: _kind(split, comparison.held_out(split, model), lineages) for split in comparison.splits}


def _kind(split: str, held_out: pd.DataFrame, lineages: pd.Series | None) -> SplitKind:
    folds = held_out[["fold", "cell_type"]].drop_duplicates()
    if held_out["train_mean"].isna().all():
        # Splits by gene test all cell types in every fold; those that cross genes with cell types test a part of them.
        some = bool((folds.groupby("fold").size() < folds["cell_type"].nunique()).all())
        return SplitKind(new_cell_types=some, new_lineages=False, new_genes=True)
    whole = not folds["cell_type"].duplicated().any() and _is_grid(held_out)
    return SplitKind(whole, whole and _keeps_lineages(split, folds, lineages), new_genes=False)


def _is_grid(held_out: pd.DataFrame) -> bool:
    """Whether in every fold each test gene is tested in each test cell type."""
    folds = held_out.groupby("fold")
    return bool((folds.size() == folds["gene"].nunique() * folds["cell_type"].nunique()).all())


def _keeps_lineages(split: str, folds: pd.DataFrame, lineages: pd.Series | None) -> bool:
    """Whether cell types of one lineage are always tested together; without a table, the ready-made split by name."""
    if lineages is None:
        return split == "lineages"
    lineage = folds["cell_type"].map(lineages)
    return bool(lineage.duplicated().any() and (folds["fold"].groupby(lineage.to_numpy()).nunique() == 1).all())


def choose_subject(
    comparison: ModelComparison, kinds: dict[str, SplitKind], model: str | None, split: str | None
) -> Subject:
    """Return the model asked for, or the best under the split; the split by default is the first with new cell types.

    Raises
    ------
    ValueError
        For a model or split that was not compared, and where no model has a score.
    """
    _check_name("split", split, comparison.splits)
    _check_name("model", model, comparison.models)
    if split is None:
        split = _first(
            [name for name, kind in kinds.items() if kind == SplitKind(True, False, False)],
            [name for name, kind in kinds.items() if kind.new_cell_types and not kind.new_genes],
            [name for name, kind in kinds.items() if not kind.new_genes],
            kinds,
        )
    value = value_of(comparison, split)
    scores = comparison.scores.loc[split]
    if scores[value].isna().all():
        raise ValueError(f"comparison: no model has a score under {split!r}, so there is nothing to report on")
    name = str(scores[value].idxmax()) if model is None else model
    return Subject(split, name, value, scores.loc[name], chosen_here=model is None and len(scores) > 1)


def best_other(comparison: ModelComparison, subject: Subject) -> pd.Series | None:
    """Return the scores of the best of the other models under the split of the subject; None where there is none."""
    others = comparison.scores.loc[subject.split].drop(index=subject.model).dropna(subset=[subject.value])
    return None if others.empty else others.loc[others[subject.value].idxmax()]


def control_skill(comparison: ModelComparison, subject: Subject, control: str) -> np.ndarray:
    """Skill of the subject on permuted data, one value per permutation; empty where the control was not run."""
    table = comparison.control_scores
    chosen = [
        (table.index.get_level_values(level) == name)
        for level, name in (("split", subject.split), ("model", subject.model), ("control", control))
    ]
    return table.loc[np.logical_and.reduce(chosen), subject.value].dropna().to_numpy(dtype=np.float64)


def _check_name(what: str, name: Any, names: list[str]) -> None:
    if name is not None and name not in names:
        raise ValueError(f"{what}: nothing is called {name!r} in this comparison; choose one of {names}")


def _first(*choices: Iterable[str]) -> str:
    return next(name for names in choices for name in names)
