"""What rows of ``X`` promise to estimators: the contract between containers and models.

Rows that know their gene and cell type are *pairs*; rows that can also give numbers are *binned*.
Both are described here by what they offer, so that a model needs no import of the container.
"""

from typing import Any, Protocol, TypeGuard, runtime_checkable

import numpy as np
import pandas as pd
from numpy.typing import NDArray


@runtime_checkable
class PairRows(Protocol):
    """Rows that are (gene, cell type) pairs of one data set."""

    @property
    def genes(self) -> pd.DataFrame: ...
    @property
    def cell_types(self) -> pd.DataFrame: ...
    @property
    def gene_codes(self) -> NDArray[np.int64]: ...
    @property
    def cell_type_codes(self) -> NDArray[np.int64]: ...
    def __len__(self) -> int: ...
    def __getitem__(self, rows: Any) -> Any: ...


@runtime_checkable
class BinnedRows(PairRows, Protocol):
    """Pairs whose features are computed on demand."""

    @property
    def shape(self) -> tuple[int, int]: ...
    def dense(self, rows: Any = slice(None), dtype: Any = np.float32) -> NDArray:
        """Feature matrix of the chosen rows, (n_rows, n_bins)."""
        ...


def is_pairs(X: object) -> TypeGuard[PairRows]:
    """Whether rows of ``X`` know their gene and cell type."""
    return isinstance(X, PairRows)


def is_binned(X: object) -> TypeGuard[BinnedRows]:
    """Whether rows of ``X`` know their gene and cell type and give features."""
    return isinstance(X, BinnedRows)


def resolve_rows(rows: Any, n_rows: int) -> NDArray[np.int64]:
    """Turn a slice, mask, integer or integer array into an array of row numbers."""
    if isinstance(rows, tuple):  # scikit-learn asks for ``X[rows, ...]``
        rows = rows[0]
    return np.atleast_1d(np.arange(n_rows)[rows])
