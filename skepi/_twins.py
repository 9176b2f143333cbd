"""Splits of a pool that test a cell type and train on its population, measured in another data set."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skepi._doors import some
from skepi.exceptions import SharedPopulationWarning

IntArray = NDArray[np.int64]

# What helps, by what a splitter keeps whole; another splitter may keep nothing whole.
_WAYS = {
    "cell type": "groups='population'",
    "lineage": "give both one lineage in the table of cell types",
}
_OTHER_SPLITTER = "cv=LeaveOneCellTypeOut(), groups='population'"


def warn_of_twins(X: Any, folds: Sequence[tuple[IntArray, IntArray]], cv: Any, groups: Any, stacklevel: int) -> None:
    """Say which cell types of a pool are tested where their population, but not they themselves, is trained on.

    Parameters
    ----------
    X : pairs
    folds : list of (train, test)
        Rows, as :func:`skepi._folds.rows_of_folds` makes them of ``cv`` and ``groups``, which say what helps.
    """
    found = twins(X, folds)
    if found:
        warnings.warn(
            f"{some(found)} is tested with a model that was trained on the same population of another data set, so "
            f"scores are too good for new cell types; hold both out: {_way(cv, groups)}",
            SharedPopulationWarning,
            stacklevel=stacklevel + 1,
        )


def twins(X: Any, folds: Sequence[tuple[IntArray, IntArray]]) -> list[str]:
    """Names of cell types that are tested where their population, but not they themselves, is trained on; sorted."""
    if not {"data_set", "population"} <= set(X.cell_types):
        return []
    names, populations = (X.cell_types[column].to_numpy(object) for column in ("name", "population"))
    found: set[str] = set()
    for train, test in folds:
        trained, tested = (np.unique(X.cell_type_codes[rows]) for rows in (train, test))
        new = np.setdiff1d(tested, trained)
        found |= set(names[new[np.isin(populations[new], populations[trained])]])
    return sorted(found)


def _way(cv: Any, groups: Any) -> str:
    """What holds a population out as a whole, with this splitter or list of rows."""
    if not hasattr(cv, "split"):
        return "leave pairs of its population out of the training rows in cv"
    if groups is not None:
        return "give them one label in groups"
    return _WAYS.get(getattr(cv, "_kind", ""), _OTHER_SPLITTER)
