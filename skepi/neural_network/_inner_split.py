"""Which training rows are set aside to choose the epoch: whole groups, drawn at random."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skepi._rows import cell_types_of, chromosomes_of
from skepi.rows import is_binned

VALIDATION = ("cell_type", "chromosome", "pairs")


def rows_set_aside(X: Any, groups: ArrayLike | None, validation: str, fraction: float, seed: int) -> NDArray[np.bool_]:
    """Mask of the rows of about ``fraction`` of the groups, at least one group and never all."""
    n_rows = X.shape[0]
    labels = _groups_of(X, validation) if groups is None else np.unique(groups, return_inverse=True)[1]
    if labels.shape != (n_rows,):
        raise ValueError(f"groups have shape {labels.shape}, wanted ({n_rows},): one a row")
    distinct = np.unique(labels)
    if distinct.size < 2:
        raise ValueError(
            f"early stopping needs at least 2 groups (validation={validation!r}), got {distinct.size} from "
            f"n_samples={n_rows}; early_stopping=False trains on all rows"
        )
    n_dev = min(max(1, round(fraction * distinct.size)), distinct.size - 1)
    return np.isin(labels, np.random.default_rng([seed, 0, 0]).permutation(distinct)[:n_dev])


def _groups_of(X: Any, validation: str) -> NDArray[np.int64]:
    """Group of each row; on a plain array every row is a group of its own."""
    if validation == "chromosome":
        if not is_binned(X):
            raise ValueError("validation='chromosome' needs pairs, or groups= for a plain array")
        return chromosomes_of(X)
    if validation == "cell_type" and is_binned(X):
        return cell_types_of(X)
    return np.arange(X.shape[0])
