"""Held-out predictions as all tables about errors take them."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi.metrics import gene_in_fold

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_NAMES = ["fold", "gene", "cell_type"]
_NUMBERS = ["y_true", "y_pred", "train_mean"]


class Groups(NamedTuple):
    """Groups of pairs.

    Attributes
    ----------
    codes : ndarray of int64, shape (n_pairs,)
        Number of each pair's group.
    labels : Index of shape (n_groups,)
    """

    codes: IntArray
    labels: pd.Index

    def sums(self, values: FloatArray | None = None) -> FloatArray:
        """Sum of one value per pair in each group, or the number of pairs, (n_groups,)."""
        return np.bincount(self.codes, weights=values, minlength=len(self.labels)).astype(np.float64)


class Deviations(NamedTuple):
    """Truth and prediction less the level of their gene, in units of ``y``; both (n_pairs,).

    Attributes
    ----------
    units : ndarray of int64, shape (n_pairs,), or None
        For unseen genes the (fold, gene) whose mean was taken off; None where it was the training mean.
    """

    truth: FloatArray
    prediction: FloatArray
    units: IntArray | None


def checked_held_out(held_out: Any) -> pd.DataFrame:
    """Return the columns of :func:`skepi.model_selection.cross_val_pairs` with a plain index, numbers as float64.

    Raises
    ------
    TypeError
        For anything but a DataFrame, and for columns that should hold numbers and do not.
    ValueError
        For missing columns, no rows, missing names, and truths or predictions that are not finite.
    """
    if not isinstance(held_out, pd.DataFrame):
        raise TypeError(f"held_out: wanted the DataFrame of cross_val_pairs, got {type(held_out).__name__}")
    missing = [column for column in _NAMES + _NUMBERS if column not in held_out]
    if missing:
        raise ValueError(f"held_out: missing columns {missing}, got {list(held_out.columns)}")
    table = held_out[_NAMES + _NUMBERS].reset_index(drop=True)
    if table.shape[1] > len(_NAMES + _NUMBERS):
        raise ValueError(f"held_out: the same column twice: {list(held_out.columns)}")
    if table.empty:
        raise ValueError("held_out: the table has no rows")
    for column in _NAMES:
        if table[column].isna().any():
            raise ValueError(f"held_out: {column} is missing in {int(table[column].isna().sum())} row(s)")
    return table.assign(**{column: _numbers(table[column]) for column in _NUMBERS})


def groups_by(table: pd.DataFrame, by: Any, allowed: tuple[str, ...]) -> Groups:
    """Groups of equal names in one of the allowed columns, in order of first appearance."""
    if not isinstance(by, str) or by not in allowed:
        raise ValueError(f"by must be one of {', '.join(map(repr, allowed))}, got {by!r}")
    return groups_of(table[by])


def groups_of(labels: Any) -> Groups:
    """Groups of equal labels, in order of first appearance."""
    codes, names = pd.factorize(labels)
    return Groups(codes.astype(np.int64), pd.Index(names))


def squared_error(table: pd.DataFrame) -> FloatArray:
    """Squared error of each pair, in squared units of ``y``."""
    return (table["y_true"] - table["y_pred"]).to_numpy() ** 2


def squared_error_of_mean(table: pd.DataFrame) -> FloatArray:
    """Squared error of the training mean for each pair; NaN for genes without training pairs."""
    return (table["y_true"] - table["train_mean"]).to_numpy() ** 2


def deviations(table: pd.DataFrame) -> Deviations:
    """Take off the training mean, or each (fold, gene)'s mean over test pairs where no gene has a training mean.

    Deviations of equal values are rounding, and become 0.
    """
    truth, prediction, mean = (table[column].to_numpy() for column in _NUMBERS)
    check_one_kind(mean)
    tiny = 1e-12 * max(float(np.abs(column).max()) for column in (truth, prediction))
    units = gene_in_fold(table) if np.isnan(mean).all() else None
    levels = (mean, mean) if units is None else (mean_of_unit(truth, units), mean_of_unit(prediction, units))
    t, p = (
        np.where(np.abs(left) > tiny, left, 0.0)
        for left in (values - level for values, level in zip((truth, prediction), levels, strict=True))
    )
    return Deviations(t, p, units)


def check_one_kind(train_mean: FloatArray) -> None:
    """Refuse genes with and without training pairs together: their skills are never mixed."""
    unseen = int(np.isnan(train_mean).sum())
    if 0 < unseen < train_mean.size:
        raise ValueError(
            f"{unseen} of {train_mean.size} held-out pairs have no training mean: genes with and without training "
            "pairs are scored apart, never together"
        )


def mean_of_unit(values: FloatArray, units: IntArray) -> FloatArray:
    """Mean over each pair's unit, (n_pairs,)."""
    return (np.bincount(units, weights=values) / np.maximum(np.bincount(units), 1))[units]


def _numbers(column: pd.Series) -> FloatArray:
    """Finite float64; only a training mean may be NaN."""
    if not pd.api.types.is_numeric_dtype(column):
        raise TypeError(f"held_out: {column.name}: wanted numbers, got dtype {column.dtype}")
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    bad = np.isinf(values) if column.name == "train_mean" else ~np.isfinite(values)
    if bad.any():
        n_nan = int(np.isnan(values[bad]).sum())
        raise ValueError(
            f"held_out: {column.name}: wanted finite numbers, got {n_nan} NaN and {int(bad.sum()) - n_nan} infinite "
            f"in {values.size} rows"
        )
    return values
