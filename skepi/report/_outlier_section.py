"""Cell types that stand out by their data."""

from typing import Any

from skepi._scales import look_like_counts
from skepi.inspection import cell_type_components
from skepi.plotting import CellTypePCADisplay
from skepi.report._blocks import Columns, Section, Text, not_run, number, table_of, yes_no
from skepi.report._figures import figure_of
from skepi.report._findings import Findings


def outlier_section(found: Findings) -> Section:
    """Return scores of cell types, the most remote first, and their map where expression is logarithms."""
    name, title = "outliers", "Outlying cell types"
    if found.outliers is None:
        return not_run(name, title, "outliers = cell_type_outliers(data)")
    said = (
        "How far each cell type is from its nearest relative, compared with the others. A score near 1 is usual. A "
        "great one means unusual biology or a failed measurement. Outliers are above 10, unless another threshold was "
        "chosen."
    )
    table = found.outliers.sort_values("score", ascending=False, kind="stable")
    table = table.set_axis(table.index.rename("cell_type")).reset_index()
    columns: Columns = {
        "cell_type": ("cell type", str),
        "lineage": ("lineage", str),
        "nearest": ("nearest relative", str),
        "score": ("score", number),
        "flagged": ("outlier", yes_no),
    }
    return Section(
        name, title, [Text(said), table_of(table, "Cell types, the most remote first", columns), *_map(found)]
    )


def _map(found: Findings) -> list[Any]:
    data, outliers = found.data, found.outliers
    if data is None or data.expression is None or outliers is None or look_like_counts(data.expression):
        return []
    if set(outliers.index) != set(data.cell_types["name"]):
        return []
    components, explained = cell_type_components(data, n_components=2)
    display = CellTypePCADisplay(table=components.join(outliers), explained=explained)
    alt = "Cell types on the first two principal components of expression; outliers are named."
    return [figure_of(display.plot, alt, "Cell types by expression: first two principal components.")]
