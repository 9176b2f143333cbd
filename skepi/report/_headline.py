"""The result in plain words: one sentence, and three to compare it with."""

import numpy as np

from skepi.comparison import ModelComparison
from skepi.report._blocks import number, quoted, share
from skepi.report._findings import Findings
from skepi.report._subject import SKILL, Subject, best_other, control_skill

#: Skill that counts as nothing in a sentence.
LEAST_SHOWN = 0.005


def headline(found: Findings) -> list[str]:
    """Say what the model explains; then the best other model, the skill without its lineage, and the control."""
    if found.comparison is None or found.subject is None:
        return ["No comparison of models was handed in, so this page states no result."]
    comparison, subject = found.comparison, found.subject
    sentences = [
        _result(subject, found.kinds[subject.split].words, comparison.level),
        _beside(comparison, subject),
        _lineages(found),
        _control(comparison, subject),
    ]
    return [sentence for sentence in sentences if sentence]


def lineage_skill(found: Findings) -> float | None:
    """Skill of the subject where whole lineages are held out; None where its own split does that, or none does."""
    if found.comparison is None or found.subject is None:
        return None
    own = found.kinds[found.subject.split]
    splits = [split for split, kind in found.kinds.items() if kind.new_lineages]
    if not own.new_cell_types or own.new_lineages or own.new_genes or not splits:
        return None
    return float(found.comparison.scores.loc[(splits[0], found.subject.model), SKILL])


def _result(subject: Subject, where: str, level: float) -> str:
    around = "the training mean of each gene" if subject.value == SKILL else "the mean of each gene"
    name, (low, high) = quoted(subject.model), subject.scores[["low_cell_type", "high_cell_type"]]
    if not subject.skill > 0:
        return f"{where}, {name} predicts no better than {around} (skill {number(subject.skill)})."
    limits = f" ({share(level)} interval over cell types: {share(low)} to {share(high)})" if np.isfinite(low) else ""
    return f"{where}, {name} explains {share(subject.skill)} of the variation around {around}{limits}."


def _beside(comparison: ModelComparison, subject: Subject) -> str:
    other = best_other(comparison, subject)
    if other is None:
        return ""
    value = float(other[subject.value])
    explains = f"explains {share(value)}" if value > 0 else "does no better than that mean"
    return f"The best of the other models, {quoted(other.name)}, {explains}."


def _lineages(found: Findings) -> str:
    farther = lineage_skill(found)
    return "" if farther is None else f"With the whole lineage held out as well, {_explains(found.subject, farther)}."


def _control(comparison: ModelComparison, subject: Subject) -> str:
    skill = control_skill(comparison, subject, "cell types")
    if not skill.size:
        return ""
    return f"On data with permuted cell types, {_explains(subject, float(skill.mean()))}."


def _explains(subject: Subject | None, skill: float) -> str:
    name = "" if subject is None else quoted(subject.model)
    return (
        f"{name} explains {share(skill)}"
        if skill >= LEAST_SHOWN
        else f"{name} explains nothing (skill {number(skill)})"
    )
