"""A split by data set that never has a population on both sides."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from skepi.model_selection._split import LineageKFold

IntArray = NDArray[np.int64]


def data_sets_of(X: Any) -> IntArray:
    """Code of the data set of each pair's cell type; an error where the table does not name them."""
    return _codes_of_column(X, "data_set", "splitting by data set")


def populations_of(X: Any) -> IntArray:
    """Code of the population of each pair's cell type; the cell type itself where the table names none."""
    return _codes_of_column(X, "population" if "population" in X.cell_types else "name", "populations")


class DataSetKFold(LineageKFold):
    """Hold out whole data sets of a pool, and never train on a population that is tested.

    Populations that a test data set shares with others are left out of training there: they are in neither set of
    that fold. Where a training set would be empty, because all its populations are tested, the split is refused.

    Parameters
    ----------
    n_splits : int or None, default=None
        ``None`` leaves one data set out at a time.
    shuffle, random_state
        As in :class:`CellTypeKFold`; not used with ``None``.

    Examples
    --------
    >>> data_sets = ["here", "there", "here"]
    >>> [test.tolist() for _, test in DataSetKFold().split(np.zeros((3, 1)), groups=data_sets)]
    [[0, 2], [1]]
    """

    _kind = "data set"
    _groups_of_pairs = staticmethod(data_sets_of)

    def split(self, X: Any, y: Any = None, groups: ArrayLike | None = None) -> Iterator[tuple[IntArray, IntArray]]:
        """Yield training and test row numbers of each fold.

        Parameters
        ----------
        X : pairs, or array-like of shape (n_rows, n_features)
            Pairs of a pool; see :func:`skepi.paired.pool`.
        y : ignored
        groups : array-like of shape (n_rows,), optional
            In place of the data sets of pairs; populations are not looked at then. Required for plain arrays.

        Raises
        ------
        ValueError
            Where the table of cell types has no column ``data_set``, there are fewer data sets than folds, or nothing
            is left to train on.
        """
        for train, test in super().split(X, y, groups):
            if groups is None:
                populations = populations_of(X)
                train = train[~np.isin(populations[train], populations[test])]
                if train.size == 0:
                    raise ValueError(
                        "a fold by data set has no training pairs: all their populations are in the test data sets, too"
                    )
            yield train, test


def _codes_of_column(X: Any, column: str, what: str) -> IntArray:
    if column not in X.cell_types:
        raise ValueError(f"{what} needs a column {column!r} in the table of cell types, which skepi.paired.pool makes")
    values = X.cell_types[column]
    if values.isna().any():
        raise ValueError(f"{what}: {column} missing for {values.isna().sum()} cell type(s)")
    return pd.factorize(values)[0][X.cell_type_codes]
