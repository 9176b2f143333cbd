"""What local openness and the state of the cell add to the skill, beside the control."""

import pandas as pd

from skepi.inspection import part_contributions
from skepi.plotting import PartContributionsDisplay
from skepi.report._blocks import Columns, Section, Table, Text, not_run, number, table_of
from skepi.report._figures import figure_of

_CALL = "parts = cross_val_parts(model, *data.pairs(return_X_y=True), LeaveOneCellTypeOut(), control=True)"
_WHAT = (
    "The prediction is a sum of parts, and their contributions add up to the skill: this is what the model used. The "
    "control is fitted with genes at each other's places: this is the skill that needs no gene to be matched with its "
    "own surroundings. Contributions say nothing about causes. All of this is of the model and the folds that "
    "cross_val_parts was given."
)


def parts_section(parts: pd.DataFrame | None) -> Section:
    """Return contributions of parts, over all pairs and by cell type."""
    name, title = "parts", "What the prediction is made of"
    if parts is None:
        return not_run(name, title, _CALL)
    pooled, by_cell_type = part_contributions(parts, None), part_contributions(parts, "cell_type")
    blocks = [
        Text(_WHAT),
        _contributions(pooled, by_cell_type),
        figure_of(
            lambda: PartContributionsDisplay(contributions=by_cell_type, pooled=pooled).plot(),
            "Stacked bars: contribution of each part to the skill in each cell type, with the control as diamonds.",
            "Contributions of parts by cell type.",
        ),
    ]
    if "cell_state" in parts:
        alt = "Each gene by the contribution of the cell state and of the other parts to its skill."
        caption = "Contributions of parts by gene."
        by_gene = PartContributionsDisplay(contributions=part_contributions(parts, "gene"), pooled=pooled)
        blocks.append(figure_of(by_gene.plot, alt, caption, pixels=True))
    return Section(name, title, blocks)


def pooled_parts(parts: pd.DataFrame) -> pd.Series:
    """Return contributions over all pairs; ``skill`` and ``skill_control`` are of whatever kind the pairs have."""
    return part_contributions(parts, by=None).rename(lambda name: name.replace("within_gene_", ""))


def _contributions(pooled: pd.Series, table: pd.DataFrame) -> Table:
    value = str(table.columns[0])
    table = pd.concat([pooled.to_frame("all pairs").T, table.sort_values(value, ascending=False, kind="stable")])
    table = table.rename_axis("group").reset_index()
    names = [name for name in table.columns if f"r_{name}" in table]
    words = value.replace("within_gene_skill", "within-gene skill")
    columns: Columns = {
        "group": ("cell type", str),
        value: (words, number),
        **{name: (name.replace("_", " "), number) for name in names},
    }
    if table[f"{value}_control"].notna().any():
        columns = {**columns, f"{value}_control": (f"{words} of the control", number)}
    return table_of(table, f"Contributions to {words}", columns)
