"""The table of models and rules, its figures, and what is left on permuted data."""

import pandas as pd

from skepi.comparison import ModelComparison
from skepi.plotting import ComparisonDisplay
from skepi.report._blocks import (
    Columns,
    Figure,
    Section,
    Table,
    Text,
    as_is,
    count,
    interval,
    not_run,
    number,
    place,
    share,
    table_of,
)
from skepi.report._figures import figure_of
from skepi.report._findings import Findings
from skepi.report._subject import SKILL, WITHIN, WORDS, SplitKind, Subject, value_of

_COMPARE = 'comparison = compare_models(models, data, ["cell types", "lineages"], controls=("cell types",))'
_SKILL_IS = (
    "Skill is the share of the variation around each gene's training mean that a model explains: 1 is perfect, 0 is no "
    "better than that mean, below 0 is worse. Intervals come from resampling whole cell types, or whole genes."
)
_WITHIN_IS = (
    "Genes that training has never seen have no training mean. Their within-gene skill is measured around their mean "
    "over the tested cell types. It is another quantity: never compare it with skill around the training mean."
)
_COLUMNS_ARE = {
    "r_median": "r is the correlation of prediction and truth over the cell types of a gene; the median over genes is "
    "shown.",
    "slope": "The slope is that of the truth on the prediction: at 1 predicted differences have the true size, below 1 "
    "they are too large.",
    "coverage": "Coverage is the share of true values within the intervals that a model predicts.",
}
_REFITTED = "Everything is fitted again on permuted data."
_CONTROLS_ARE = {
    "cell types": "With the cell types of expression permuted, jointly for all genes, skill should be about 0 or "
    "below.",
    "genes": "With genes at each other's places, what is left is what the model knows of the cell type as a whole.",
}


def comparison_section(found: Findings) -> Section:
    """Return one table and one figure for each kind of skill."""
    name, title = "comparison", "Comparison of models"
    if found.comparison is None or found.subject is None:
        return not_run(name, title, _COMPARE)
    blocks: list[object] = []
    for value, said in ((SKILL, _SKILL_IS), (WITHIN, _WITHIN_IS)):
        splits = [split for split in found.comparison.splits if value_of(found.comparison, split) == value]
        if splits:
            tables = [_scores(found.comparison, split, value, found.kinds[split]) for split in splits]
            blocks += [Text(said), *tables, _models(found.comparison, splits, value)]
    explained = [said for value, said in _COLUMNS_ARE.items() if found.comparison.scores[value].notna().any()]
    if explained:
        blocks.insert(1, Text(" ".join(explained)))
    blocks.append(_by_cell_type(found.comparison, found.subject))
    return Section(name, title, blocks)


def controls_section(found: Findings) -> Section:
    """Return the skill that is left on permuted data."""
    name, title = "controls", "Controls"
    if found.comparison is None or found.comparison.control_scores.empty:
        return not_run(name, title, _COMPARE)
    table = found.comparison.control_scores
    were_run = table.index.get_level_values("control")
    blocks: list[object] = [Text(" ".join([_REFITTED, *(_CONTROLS_ARE[name] for name in were_run.unique())]))]
    for value in (SKILL, WITHIN):
        rows = table[value].dropna().groupby(level=["control", "split", "model"], sort=False)
        if rows.ngroups:
            blocks.append(_left(rows.agg(["count", "mean", "min", "max"]).reset_index(), value))
    return Section(name, title, blocks)


def _left(rows: pd.DataFrame, value: str) -> Table:
    columns: Columns = {
        "model": ("model", str),
        "split": ("split", place),
        "control": ("permuted", place),
        "mean": ("mean", number),
        "min": ("smallest", number),
        "max": ("greatest", number),
        "count": ("permutations", count),
    }
    return table_of(rows, f"{WORDS[value].capitalize()} on permuted data", columns, most=60)


def _scores(comparison: ModelComparison, split: str, value: str, kind: SplitKind) -> Table:
    table = comparison.scores.loc[split].reset_index()
    for by in ("cell_type", "gene"):
        ends = table[[f"low_{by}", f"high_{by}"]].itertuples(index=False, name=None)
        table[f"interval_{by}"] = [interval(*limits) for limits in ends]
    level = share(comparison.level)
    columns: Columns = {
        "model": ("model", str),
        value: (WORDS[value], number),
        "interval_cell_type": (f"{level} interval, cell types", as_is),
        "interval_gene": (f"{level} interval, genes", as_is),
        "r_median": ("median r within genes", number),
        "slope": ("slope", number),
        "coverage": (f"coverage of {share(comparison.interval_level)} intervals", share),
        "n_pairs": ("pairs", count),
    }
    shown = {name: about for name, about in columns.items() if table[name].notna().any()}
    caption = f"Split: {split}. {kind.words}"
    return table_of(table, caption, shown, most=60)


def _models(comparison: ModelComparison, splits: list[str], value: str) -> Figure:
    return figure_of(
        lambda: ComparisonDisplay.from_comparison(comparison, split=splits, by="cell_type"),
        f"Models ranked by {WORDS[value]} under {_named(splits)}; the numbers are in the table above.",
        f"Models by {WORDS[value]}, the best on top, with intervals over cell types.",
    )


def _named(splits: list[str]) -> str:
    return f"the split{'' if len(splits) == 1 else 's'} {', '.join(splits)}"


def _by_cell_type(comparison: ModelComparison, subject: Subject) -> Figure:
    return figure_of(
        lambda: ComparisonDisplay.from_comparison(comparison, split=subject.split, kind="cell_types"),
        f"Heat map of the {WORDS[subject.value]} of each model in each cell type under the split {subject.split}.",
        f"{WORDS[subject.value].capitalize()} by cell type and model, split: {subject.split}.",
    )
