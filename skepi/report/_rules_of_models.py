"""Rules about scores: intervals, controls, calibration, other splits and other models."""

from collections.abc import Callable
from functools import wraps

import numpy as np
import pandas as pd

from skepi._scales import look_like_counts
from skepi.comparison import ModelComparison
from skepi.report._blocks import interval, number, quoted, share
from skepi.report._findings import Findings
from skepi.report._headline import LEAST_SHOWN, lineage_skill
from skepi.report._rules import Verdict, careful, trust
from skepi.report._subject import WORDS, Subject, best_other, control_skill

#: Skill on permuted data, mean over permutations, above which the control counts as failed.
MOST_CONTROL_SKILL = 0.05
#: Greatest difference between the stated level of intervals and what they hold.
MOST_MISCOVERAGE = 0.02
#: Slopes of the truth on the prediction that count as calibrated.
CALIBRATED_SLOPES = (0.8, 1.2)
#: Skill that a model may lose when whole lineages are held out.
MOST_LINEAGE_LOSS = 0.1
#: Share of the skill that it may lose before that is no little change.
MOST_SHARE_LOST = 0.2
#: Lead over another model below which the choice between the two is open.
LEAST_LEAD = 0.02
#: Share of test pairs that may be left unscored.
MOST_LEFT_OUT = 0.05

_ROUNDING = 1e-9  # .92 - .9 is more than .02

ScoreRule = Callable[[ModelComparison, Subject, Findings], Verdict | None]


def _of_scores(rule: ScoreRule) -> Callable[[Findings], Verdict | None]:
    """Keep a rule about scores quiet where there is no comparison."""

    @wraps(rule)
    def quiet_without_scores(found: Findings) -> Verdict | None:
        if found.comparison is None or found.subject is None:
            return None
        return rule(found.comparison, found.subject, found)

    return quiet_without_scores


@_of_scores
def interval_reaches_zero(comparison: ModelComparison, subject: Subject, found: Findings) -> Verdict | None:
    """Careful where the interval of skill over cell types is not above 0 as it is written, else trust."""
    low, high = float(subject.scores["low_cell_type"]), float(subject.scores["high_cell_type"])
    if not np.isfinite(low):
        return careful(
            f"The skill of {quoted(subject.model)} has no interval over cell types: one cell type alone was tested."
        )
    said = (
        f"The {share(comparison.level)} interval of its {WORDS[subject.value]} over cell types is {interval(low, high)}"
    )
    if low >= LEAST_SHOWN:
        return trust(f"{quoted(subject.model)} is better than the mean of each gene. {said}.")
    return careful(
        f"Whether {quoted(subject.model)} is better than the mean of each gene is open. {said}, which reaches 0."
    )


@_of_scores
def control_was_not_run(comparison: ModelComparison, subject: Subject, found: Findings) -> Verdict | None:
    """Careful where nothing was fitted on permuted cell types."""
    if control_skill(comparison, subject, "cell types").size:
        return None
    return careful(
        "No control with permuted cell types was run, so a leak of information would not show. "
        'Compare again with controls=("cell types",).'
    )


@_of_scores
def control_keeps_skill(comparison: ModelComparison, subject: Subject, found: Findings) -> Verdict | None:
    """Careful where the mean skill on permuted cell types is above .05, else trust."""
    skill = control_skill(comparison, subject, "cell types")
    if not skill.size:
        return None
    value = number(float(skill.mean()))
    said = f"With permuted cell types, the {WORDS[subject.value]} of {quoted(subject.model)} is {value}"
    if skill.mean() > MOST_CONTROL_SKILL:
        return careful(f"{said}, and should be 0 or below. Look for a leak before anything else is believed.")
    return trust(f"{said}: nothing is left where there is nothing to learn.")


@_of_scores
def coverage_is_off(comparison: ModelComparison, subject: Subject, found: Findings) -> Verdict | None:
    """Careful where predicted intervals hold .02 more or less than they state, else trust; quiet without intervals."""
    coverage, level = float(subject.scores["coverage"]), comparison.interval_level
    if not np.isfinite(coverage):
        return None
    said = f"The {share(level)} intervals of {quoted(subject.model)} held {share(coverage)} of the held-out values"
    if abs(coverage - level) <= MOST_MISCOVERAGE + _ROUNDING:
        return trust(f"{said}, as they should.")
    return careful(f"{said}: they are too {'narrow' if coverage < level else 'wide'}.")


@_of_scores
def slope_is_off(comparison: ModelComparison, subject: Subject, found: Findings) -> Verdict | None:
    """Careful where the slope of the truth on the prediction is outside .8 to 1.2; quiet without one."""
    slope = float(subject.scores["slope"])
    if not np.isfinite(slope) or CALIBRATED_SLOPES[0] <= slope <= CALIBRATED_SLOPES[1]:
        return None
    size = "large" if slope < 1 else "small"
    return careful(
        f"Predicted differences are too {size}: true ones are {number(slope)} times as large (slope of the truth on "
        "the prediction)."
    )


@_of_scores
def lineages_lose_much(comparison: ModelComparison, subject: Subject, found: Findings) -> Verdict | None:
    """Careful where skill falls by more than .1 when whole lineages are held out, trust where by a fifth at most."""
    farther = lineage_skill(found)
    if farther is None:
        return None
    said = f"from {number(subject.skill)} to {number(farther)} when the whole lineage is held out"
    if subject.skill - farther > MOST_LINEAGE_LOSS:
        return careful(
            f"The skill of {quoted(subject.model)} falls {said}. Much of it comes from related cell "
            "types: expect the lower figure for a cell type without relatives in training."
        )
    if subject.skill < LEAST_SHOWN or subject.skill - farther > MOST_SHARE_LOST * subject.skill:
        return None
    return trust(
        f"The skill of {quoted(subject.model)} changes little, {said}: related cell types in training are not needed."
    )


@_of_scores
def lineages_were_not_held_out(comparison: ModelComparison, subject: Subject, found: Findings) -> Verdict | None:
    """Careful where new cell types were tested and no split held out whole lineages."""
    if not found.kinds[subject.split].new_cell_types or any(kind.new_lineages for kind in found.kinds.values()):
        return None
    return careful(
        "Whole lineages were not held out. For a cell type without relatives in training, skill may be far lower."
    )


@_of_scores
def no_cell_type_was_held_out(comparison: ModelComparison, subject: Subject, found: Findings) -> Verdict | None:
    """Careful where every tested cell type was in training too."""
    if any(kind.new_cell_types for kind in found.kinds.values()):
        return None
    return careful("No split held out whole cell types, so nothing is known of skill on new cell types.")


@_of_scores
def another_model_is_as_good(comparison: ModelComparison, subject: Subject, found: Findings) -> Verdict | None:
    """Careful where another model is better, or worse by less than .02."""
    other = best_other(comparison, subject)
    lead = np.inf if other is None else subject.skill - float(other[subject.value])
    if other is None or lead >= LEAST_LEAD:
        return None
    both = f"{number(float(other[subject.value]))}, {quoted(subject.model)} {number(subject.skill)}"
    advice = "take the better one" if lead <= -LEAST_LEAD else "the simpler one of the two will do"
    return careful(f"{quoted(other.name)} scores {both}: {advice}.")


@_of_scores
def model_was_chosen_here(comparison: ModelComparison, subject: Subject, found: Findings) -> Verdict | None:
    """Careful where the model is the best of three or more by the scores that are shown."""
    n = len(comparison.models)
    if not subject.chosen_here or n < 3:
        return None
    return careful(
        f"{quoted(subject.model)} is the best of {n} by the scores of this page. The best of many looks a little "
        "better than it is."
    )


@_of_scores
def some_cell_types_lose(comparison: ModelComparison, subject: Subject, found: Findings) -> Verdict | None:
    """Careful where the model is worse than the mean of the gene in a cell type."""
    skill = comparison.by_cell_type.loc[(subject.split, subject.model), subject.value]
    worse = skill[skill < 0].sort_values()
    if worse.empty:
        return None
    named = ", ".join(f"{name} ({number(value)})" for name, value in worse.head(5).items())
    more = f" and {len(worse) - 5} more" if len(worse) > 5 else ""
    return careful(f"In these cell types {quoted(subject.model)} is worse than the mean of each gene: {named}{more}.")


@_of_scores
def many_pairs_were_left_out(comparison: ModelComparison, subject: Subject, found: Findings) -> Verdict | None:
    """Careful where more than 5 % of the test pairs were not scored."""
    n_left_out, n = float(subject.scores["n_left_out"]), float(subject.scores["n_pairs"])
    left_out = n_left_out / (n_left_out + n)
    if left_out <= MOST_LEFT_OUT:
        return None
    return careful(
        f"{share(left_out)} of the test pairs were not scored. Their genes were left out by the normaliser, or have no "
        "training pairs. Every score on this page is of the other genes."
    )


@_of_scores
def targets_look_like_counts(comparison: ModelComparison, subject: Subject, found: Findings) -> Verdict | None:
    """Careful where the models were trained on what looks like read counts."""
    held_out: pd.DataFrame = comparison.held_out(subject.split, subject.model)
    if not look_like_counts(held_out["y_true"].to_numpy(dtype=np.float64)):
        return None
    return careful(
        "Expression looks like read counts, not logarithms. Skill then follows depth and the few genes with the most "
        "reads. Compare again with normalizer=ExpressionNormalizer()."
    )


RULES_OF_MODELS = (
    interval_reaches_zero,
    control_was_not_run,
    control_keeps_skill,
    coverage_is_off,
    slope_is_off,
    lineages_lose_much,
    lineages_were_not_held_out,
    no_cell_type_was_held_out,
    another_model_is_as_good,
    model_was_chosen_here,
    some_cell_types_lose,
    many_pairs_were_left_out,
    targets_look_like_counts,
)
