"""Folds of whatever says how pairs are split: a splitter, or training and test rows themselves."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._doors import check_pair_labels, some
from skepi.exceptions import UnknownNameError

IntArray = NDArray[np.int64]
Fold = tuple[IntArray, IntArray]  # training rows, test rows


def check_splits(cv: Any, name: str = "cv") -> None:
    """Refuse numbers of folds, which do not say what is held out, and other things that do not split."""
    if isinstance(cv, type):
        raise TypeError(f"{name} must be a splitter, such as {cv.__name__}(...), got the class {cv.__name__}")
    if hasattr(cv, "split") and not isinstance(cv, str | bytes):
        return
    if isinstance(cv, str | bytes) or not isinstance(cv, Iterable):
        raise TypeError(
            f"{name} must be a splitter such as CellTypeKFold(5), or a list of training and test rows, got {cv!r}"
        )


def rows_of_folds(cv: Any, X: Any, y: Any = None, groups: Any = None) -> list[Fold]:
    """Training and test rows of each fold.

    Parameters
    ----------
    cv : splitter, or iterable of (train, test)
        Rows as numbers or masks. A fold given as rows must not train on rows that it tests.
    X : pairs
    y : array-like of shape (n_pairs,), optional
    groups : array-like of shape (n_pairs,) or (n_pairs, 2), or str, optional
        One label per pair, for splitters that keep groups together, or two for :class:`CrossedKFold`; a str names a
        column of the table of cell types.

    Raises
    ------
    TypeError, ValueError, UnknownNameError
        For anything else.
    """
    check_splits(cv)
    labels = _labels_of(X, groups)
    if hasattr(cv, "split"):
        rows = np.arange(len(X))
        splits = cv.split(X, y) if labels is None else cv.split(X, y, labels)
        return [(rows[train], rows[test]) for train, test in splits]
    if labels is not None:
        raise ValueError("groups are for splitters, and cv holds the rows of folds already: leave groups out")
    folds = [_checked(number, fold, len(X)) for number, fold in enumerate(cv)]
    if not folds:
        raise ValueError("cv holds no folds")
    return folds


def _labels_of(X: Any, groups: Any) -> NDArray | None:
    if groups is None:
        return None
    if not isinstance(groups, str):
        labels = np.asarray(groups)
        columns = labels.T if labels.ndim == 2 else [labels]  # CrossedKFold takes two
        checked = [check_pair_labels(column, len(X), "groups: ") for column in columns]
        return np.column_stack(checked) if labels.ndim == 2 else checked[0]
    if groups not in X.cell_types:
        raise UnknownNameError(f"groups={groups!r} is no column of cell_types, which has {some(X.cell_types)}")
    return check_pair_labels(X.cell_types[groups].to_numpy()[X.cell_type_codes], len(X), "groups: ")


def _checked(number: int, fold: Any, n_rows: int) -> Fold:
    """Rows of a fold that the caller gave."""
    try:
        train, test = (np.arange(n_rows)[_one_dimensional(part)] for part in fold)
    except (TypeError, ValueError, IndexError) as error:
        raise ValueError(
            f"cv: fold {number} is no pair of training and test rows of {n_rows} pairs: {error}. One split is a list "
            "of one fold: [(train, test)]"
        ) from None
    if not train.size or not test.size:
        raise ValueError(f"cv: fold {number} has no {'training' if test.size else 'test'} rows")
    if np.unique(test).size < test.size:
        raise ValueError(f"cv: fold {number} tests some rows twice: {some(test[pd.Series(test).duplicated()])}")
    both = np.intersect1d(train, test)
    if both.size:
        raise ValueError(f"cv: fold {number} trains on {both.size} of the rows that it tests, such as row {both[0]}")
    return train, test


def _one_dimensional(part: Any) -> NDArray:
    rows = np.asarray(part)
    if rows.ndim != 1:
        raise ValueError(f"wanted a list of rows, got {part!r}")
    return rows
