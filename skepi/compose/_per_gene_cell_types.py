"""Tables with a row for each cell type, looked up by name: exposure, and features beside openness."""

from typing import Any

import numpy as np
import pandas as pd

from skepi._doors import numbers_of
from skepi._targets import FloatArray
from skepi.exceptions import UnknownNameError
from skepi.rows import PairRows


def exposure_of(X: PairRows, exposure: Any) -> FloatArray:
    """Exposure of each cell type of the table of ``X``, (n_cell_types,); NaN for those that do not occur.

    Raises
    ------
    TypeError, ValueError, UnknownNameError
        For no Series, values that are not greater than 0, and a cell type without a value.
    """
    if isinstance(exposure, str):
        exposure = _column_of(X.cell_types, exposure)
    if not isinstance(exposure, pd.Series):
        raise TypeError(
            "exposure must be a Series with names of cell types as its index, or the name of a column of cell_types, "
            f"got {_kind(exposure)}"
        )
    values = _looked_up(X, exposure.to_frame(), "exposure")[:, 0]
    if (values <= 0).any():
        raise ValueError(f"exposure must be greater than 0, got {np.nanmin(values):g}")
    return values


def _column_of(cell_types: pd.DataFrame, name: str) -> pd.Series:
    """A column of the table of cell types by their names."""
    if name not in cell_types:
        raise UnknownNameError(f"exposure={name!r} is no column of cell_types, which has {', '.join(cell_types)}")
    return pd.Series(numbers_of(cell_types[name], f"cell_types: {name}"), cell_types["name"])


def features_of(X: PairRows, features: Any, columns: Any = None) -> FloatArray:
    """Features of each cell type of the table of ``X``, (n_cell_types, n_columns); NaN for those that do not occur.

    ``columns`` are those that a model was fitted on.
    """
    if not isinstance(features, pd.DataFrame):
        raise TypeError(
            f"cell_type_features must be a DataFrame with names of cell types as its index, got {_kind(features)}"
        )
    if columns is not None and list(features.columns) != list(columns):
        raise ValueError(
            f"cell_type_features has columns {list(features.columns)}, but the models were fitted on {list(columns)}"
        )
    return _looked_up(
        X, features, "cell_type_features", "; they are inputs, so a cell type of which only openness is known has none"
    )


def _looked_up(X: PairRows, table: pd.DataFrame, what: str, why: str = "") -> FloatArray:
    """Rows of a table for the cell types that occur, checked."""
    if table.index.has_duplicates:
        raise ValueError(f"{what} names {table.index[table.index.duplicated()][0]} twice")
    codes = np.unique(X.cell_type_codes)
    names = X.cell_types["name"].to_numpy(dtype=object)[codes]
    absent = [name for name in names if name not in table.index]
    if absent:
        raise UnknownNameError(f"cell types without {what}: {', '.join(absent[:5])} ({len(absent)} name(s)){why}")
    out = np.full((len(X.cell_types), table.shape[1]), np.nan)
    out[codes] = table.loc[names].to_numpy(dtype=np.float64)
    if not np.isfinite(out[codes]).all():
        first = names[~np.isfinite(out[codes]).all(axis=1)][0]
        raise ValueError(f"{what} of {first} holds NaN or infinite values")
    return out


def _kind(value: Any) -> str:
    return type(value).__name__
