"""Expression of TFs at the door of a model: found by name, or an error that names what is missing."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._doors import check_labels, names_of, numbers_of, some
from skepi._foreign import pandas_of
from skepi._mismatch import how_written
from skepi.exceptions import MissingExpressionError, TableError

_INSTEAD = "tf_activity='promoter' takes the openness of the promoters of TFs in its place"


def activity_of_table(table: Any, tfs: NDArray[np.object_], cell_types: pd.Series) -> NDArray[np.float64]:
    """Log expression of TFs in cell types, (n_cell_types, n_tfs), out of a table of genes x cell types."""
    table = pandas_of(table, "tf_expression")
    if not isinstance(table, pd.DataFrame):
        raise TableError(f"tf_expression: wanted a DataFrame of TFs x cell types, got {type(table).__name__}")
    check_labels(table, "tf_expression")
    rows = pd.Index(names_of(table.index, "tf_expression: rows"))
    columns = pd.Index(names_of(table.columns, "tf_expression: columns"))
    if not rows.isin(tfs).any():
        _check_layout(table, columns, tfs)
    row, column = _places(rows, tfs, "TF(s)"), _places(columns, cell_types.to_numpy(object), "cell type(s)")
    values = numbers_of(table.iloc[row, column], "tf_expression").T.astype(np.float64)
    if not np.isfinite(values).all():
        cell, tf = np.argwhere(~np.isfinite(values))[0]
        raise TableError(
            f"tf_expression: got {values[cell, tf]:g} for {tfs[tf]} in {cell_types.iloc[cell]}, wanted finite numbers; "
            "leave out the TF, or the cell type"
        )
    return values


def _check_layout(table: pd.DataFrame, columns: pd.Index, tfs: NDArray[np.object_]) -> None:
    """Say what is wrong with a table none of whose rows is a TF, where that can be seen."""
    if columns.isin(tfs).any():
        raise TableError("tf_expression looks transposed: columns are TFs, wanted one row per TF; give tf_expression.T")
    if isinstance(table.index, pd.RangeIndex):
        raise TableError(
            "tf_expression: rows have no names; make the column of genes the row labels: .set_index('gene')"
        )


def _places(labels: pd.Index, wanted: NDArray[np.object_], what: str) -> NDArray[np.int64]:
    found = labels[labels.isin(wanted)]
    if found.has_duplicates:
        raise TableError(f"tf_expression: the same name twice: {some(found[found.duplicated()])}")
    place = labels.get_indexer(wanted)
    if (place < 0).any():
        missing = wanted[place < 0]
        way = how_written(labels, pd.Index(wanted)) or "add them, or leave them out"
        raise MissingExpressionError(
            f"tf_expression lacks {missing.size} {what} that are needed: {some(missing)}; {way}. {_INSTEAD}"
        )
    return place
