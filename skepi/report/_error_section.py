"""Who carries the error of the model: cell types, genes, high or low expression; and whether it is calibrated."""

import pandas as pd

from skepi.inspection import calibration, error_by
from skepi.plotting import GroupedErrorDisplay, PredictionDisplay
from skepi.report._blocks import (
    Figure,
    Section,
    Table,
    Text,
    count,
    facts,
    interval,
    not_run,
    number,
    quoted,
    share,
    table_of,
)
from skepi.report._figures import figure_of
from skepi.report._findings import Findings
from skepi.report._subject import SKILL

_N_GROUPS = 5
_ERROR_COLUMNS = {
    "n_pairs": ("pairs", count),
    "skill": ("skill", number),
    "mse": ("mean squared error", number),
    "share_of_error": ("share of error", share),
    "error_ratio": ("error ratio", number),
}
_GROUPS = {
    "variance": "Genes by their variance over cell types, in fifths",
    "expression": "Pairs by their true expression, in fifths",
}


def error_section(found: Findings) -> Section:
    """Return errors by cell type and by group of genes, and calibration."""
    name, title = "errors", "Where the model is wrong"
    held_out = found.held_out
    if held_out is None or found.subject is None or found.comparison is None:
        return not_run(name, title, "write_report(path, comparison=comparison, ...)")
    subject = found.subject
    said = (
        f"Held-out pairs of {quoted(subject.model)}, split: {subject.split}. The error ratio is a group's share of the "
        "squared error over its share of the pairs; 1 is average. Variance and mean squared error are in squared units "
        "of expression."
    )
    blocks: list[object] = [Text(said)]
    by_cell_type = error_by(held_out, "cell_type")
    blocks.append(_by_cell_type(by_cell_type))
    blocks.append(_drawn(by_cell_type, "cell_type", "error_ratio", "Error ratio by cell type"))
    blocks += _by_groups(held_out, subject.value == SKILL)
    blocks += [*_calibrated(held_out, subject.scores, found.comparison.interval_level), _cloud(held_out)]
    return Section(name, title, blocks)


def _by_cell_type(table: pd.DataFrame) -> Table:
    table = _known(table).sort_values("error_ratio", ascending=False, kind="stable").reset_index()
    return table_of(table, "Errors by cell type, the worst first", {"cell_type": ("cell type", str), **_ERROR_COLUMNS})


def _known(table: pd.DataFrame) -> pd.DataFrame:
    """Leave out skill where no group has one, as of genes that training has never seen."""
    return table.drop(columns="skill") if table["skill"].isna().all() else table


def _by_groups(held_out: pd.DataFrame, has_skill: bool) -> list[object]:
    blocks: list[object] = []
    for by, caption in _GROUPS.items():
        if held_out["y_true"].nunique() < 2:
            continue
        table = error_by(held_out, by, n_groups=_N_GROUPS)
        shown = _known(table).reset_index(drop=True).assign(group=[_limits(group) for group in table.index])
        blocks.append(table_of(shown, caption, {"group": (by, str), **_ERROR_COLUMNS}))
        if has_skill and by == "variance":
            blocks.append(_drawn(table, by, "skill", "Skill by fifth of genes, in the order of their variance"))
    return blocks


def _limits(group: pd.Interval) -> str:
    return f"{number(max(group.left, 0.0) if group.left > -0.05 else group.left)} to {number(group.right)}"


def _drawn(table: pd.DataFrame, by: str, value: str, words: str) -> Figure:
    return figure_of(
        lambda: GroupedErrorDisplay(table=table, by=by).plot(value=value),
        f"{words}; the numbers are in the table.",
        f"{words}.",
    )


def _calibrated(held_out: pd.DataFrame, scores: pd.Series, interval_level: float) -> list[object]:
    """Return slope and coverage; a slope needs predictions that differ from the mean of their gene."""
    rows, level = [], share(interval_level)
    if pd.notna(scores["slope"]) and held_out["cell_type"].nunique() > 1:
        slope = calibration(held_out).loc["slope"]
        said = f"{number(slope['estimate'])} ({interval(slope['low'], slope['high'])})"
        rows.append(
            (
                "slope of the truth on the prediction",
                said,
                "1: a predicted difference has the true size. Below 1: too bold",
            )
        )
    if pd.notna(scores["coverage"]):
        rows.append(
            (f"pairs within {level} intervals", share(scores["coverage"]), f"{level} is right; less is overconfident")
        )
    columns = ("check", "found", "how to read it")
    return (
        [facts("Calibration", columns, rows)] if rows else [Text("The model predicts the mean of each gene: no slope.")]
    )


def _cloud(held_out: pd.DataFrame) -> Figure:
    return figure_of(
        lambda: PredictionDisplay.from_predictions(held_out),
        "Truth against prediction of all held-out pairs, each less the mean of its gene.",
        "Truth and prediction of held-out pairs, each less the mean of its gene.",
        pixels=True,
    )
