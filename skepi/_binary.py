"""Labels of two classes: 1 for high, 0 for low."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skepi._rows import check_targets
from skepi.rows import PairRows

IntArray = NDArray[np.int64]


def check_binary(X: PairRows, y: ArrayLike) -> IntArray:
    """One label per pair, 0 or 1, as int64."""
    values = check_targets(X, y)
    other = np.setdiff1d(values, [0.0, 1.0])
    if other.size:
        raise ValueError(
            f"y must hold labels, 1 for high and 0 for low, got {other[0]:g} among {other.size} other value(s): "
            "skepi.classification.above_median(X, y) makes labels of expression"
        )
    return values.astype(np.int64)


def check_both_classes(labels: Any, where: str) -> None:
    """Refuse training labels that are all the same."""
    found = np.unique(labels)
    if found.size == 1:
        raise ValueError(
            f"{where}: all {len(labels)} training labels are {found[0]}, and a classifier needs both 0 and 1; train on "
            "more cell types or genes"
        )
