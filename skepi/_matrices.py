"""Matrices at the door of a data set: finite numbers in the order of its tables, or what is wrong with them."""

from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from skepi._doors import check_labels, check_no_text, names_of, numbers_of, some
from skepi._foreign import pandas_of
from skepi._labels import refuse_descriptions
from skepi._mismatch import how_written
from skepi._scales import warn_of_log_openness
from skepi.exceptions import TableError

_ROUNDING = 1e-6
_LARGEST = np.float64(np.finfo(np.float32).max)  # a type of its own: compared with float16 it must not become one
_SMALLEST = float(np.finfo(np.float32).tiny)  # below it, float32 loses digits


def check_matrix(matrix: Any, what: str) -> Any:
    """Return a DataFrame or a sparse array as it is, anything else as an array; two dimensions."""
    matrix = pandas_of(matrix, what)
    if not isinstance(matrix, pd.DataFrame) and not sp.issparse(matrix):
        matrix = numbers_of(matrix, what)
    if len(matrix.shape) != 2:
        raise TableError(f"{what}: wanted two dimensions, got shape {matrix.shape}")
    if isinstance(matrix, pd.DataFrame):
        check_labels(matrix, what)
        refuse_descriptions(matrix, what)
        check_no_text(matrix, what)
    return matrix


def check_openness(openness: Any, peaks: pd.DataFrame, cell_types: pd.DataFrame) -> NDArray[np.float32]:
    """Peaks x cell types as a read-only float32 array in the order of the tables, kept cell type by cell type.

    A pair needs neighbouring peaks in one cell type: so they are neighbours in memory.
    Values below 0 by no more than rounding (1e-6 of the largest) become 0.
    """
    values = _matrix(openness, "openness", len(peaks), "peaks", cell_types)
    least = -_ROUNDING * values.max()
    if values.min() < least:
        row, column = np.argwhere(values < least)[0]
        raise TableError(
            f"openness: {values[row, column]:g} in row {row}, column {column} "
            f"({cell_types['name'].iloc[column]}); wanted values >= 0 (not log ratios)"
        )
    out = np.array(np.maximum(values, 0) if values.min() < 0 else values, dtype=np.float32, order="F", copy=True)
    _check_float32(values.max(axis=0), out, cell_types["name"])
    warn_of_log_openness(out)
    out.flags.writeable = False
    return out


def check_expression(expression: Any, genes: pd.DataFrame, cell_types: pd.DataFrame) -> NDArray[np.float64]:
    """Genes x cell types as a read-only float64 array in the order of the tables."""
    values = _matrix(expression, "expression", len(genes), "genes", cell_types)
    out = np.array(values, dtype=np.float64, order="C", copy=True)
    out.flags.writeable = False
    return out


def transposed(what: str, shape: tuple[int, int], row: str) -> TableError:
    return TableError(
        f"{what} looks transposed: got shape {shape}, wanted one row for each {row} and one column for each cell type; "
        f"give {what}.T"
    )


def _matrix(matrix: Any, what: str, n_rows: int, rows_of: str, cell_types: pd.DataFrame) -> NDArray[np.floating]:
    """Finite numbers, n_rows x cell types; DataFrame columns are put in the order of the cell types."""
    if isinstance(matrix, pd.DataFrame):
        matrix = _columns_by_name(matrix, what, cell_types["name"])
    values = numbers_of(matrix, what)
    if values.shape != (n_rows, len(cell_types)):
        if values.shape == (len(cell_types), n_rows):
            raise transposed(what, values.shape, rows_of.removesuffix("s"))
        raise TableError(
            f"{what} has shape {values.shape}, wanted ({n_rows}, {len(cell_types)}): "
            f"one row per {rows_of.removesuffix('s')} and one column per cell type"
        )
    if not -_LARGEST <= values.min() <= values.max() <= _LARGEST:  # NaN is neither
        row, column = np.argwhere(~((values >= -_LARGEST) & (values <= _LARGEST)))[0]
        raise TableError(
            f"{what}: {values[row, column]:g} in row {row}, column {column} "
            f"({cell_types['name'].iloc[column]}); wanted finite numbers"
        )
    return values


def _check_float32(largest: NDArray, openness: NDArray[np.float32], names: pd.Series) -> None:
    """Refuse cell types whose values lose their digits in float32, or whose sum it cannot hold."""
    lost = np.flatnonzero((largest > 0) & (largest < _SMALLEST))
    if lost.size:
        raise TableError(
            f"openness: the largest value of {some(names.iloc[lost])} is {largest[lost[0]]:g}, and float32 loses the "
            f"digits of values below {_SMALLEST:.2g}; multiply openness by a constant"
        )
    total = openness.sum(axis=0, dtype=np.float64)
    over = np.flatnonzero(total > _LARGEST)
    if over.size:
        raise TableError(
            f"openness: the values of {some(names.iloc[over])} add up to {total[over[0]]:g}, and the sums of bins must "
            f"stay below {_LARGEST:.2g} (float32); divide openness by a constant"
        )


def _columns_by_name(matrix: pd.DataFrame, what: str, names: pd.Series) -> pd.DataFrame:
    """Columns in the order of the cell types that they are named after."""
    text = pd.Index(names_of(matrix.columns, f"{what}: columns"), dtype=object)
    if text.has_duplicates:
        raise TableError(f"{what}: the same column twice: {some(text[text.duplicated()])}")
    wanted = pd.Index(names.to_numpy(dtype=object))
    place = text.get_indexer(wanted)
    absent, extra = wanted[place < 0], np.delete(text, place[place >= 0])
    if len(absent) or len(extra):
        why = how_written(text, wanted)
        raise TableError(
            f"{what}: columns do not match the cell types. Only among the cell types: {some(absent) or 'none'}; only "
            f"in {what}: {some(extra) or 'none'}{f'; {why}' if why else ''}"
        )
    return matrix if (np.diff(place) == 1).all() else matrix.iloc[:, place]
