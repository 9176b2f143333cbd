"""What rows of ``X`` promise to estimators: the contract between containers and models.

Rows that know their gene and cell type are *pairs*; rows that can also give numbers are *binned*.
Both are described here by what they offer, so that a model needs no import of the container.
"""

from collections.abc import Iterator
from typing import Any, Protocol, TypeGuard, runtime_checkable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import column_or_1d
from sklearn.utils.validation import validate_data

from skepi._doors import check_unmasked


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
class FeatureRows(PairRows, Protocol):
    """Pairs whose features are computed on demand."""

    @property
    def shape(self) -> tuple[int, int]: ...
    def dense(self, rows: Any = slice(None), dtype: Any = np.float32) -> NDArray:
        """Feature matrix of the chosen rows, (n_rows, n_features)."""
        ...


@runtime_checkable
class BinnedRows(FeatureRows, Protocol):
    """Pairs whose features are the openness of bins."""

    def tocsr(self, rows: Any = slice(None), dtype: Any = np.float32) -> Any:
        """The same as a sparse array."""
        ...

    @property
    def operator(self) -> Any:
        """Slots of all genes: ``gene_ptr``, ``slot_bin``, ``n_bins``; see :class:`skepi.binning.BinnedOpenness`."""
        ...

    def gene_blocks(self, gene_codes: NDArray | None = None) -> Iterator[Any]:
        """``genes, ptr, slots, values`` of all genes, or of those chosen: :class:`skepi.binning._binned.GeneBlock`."""
        ...


def is_pairs(X: object) -> TypeGuard[PairRows]:
    """Whether rows of ``X`` know their gene and cell type."""
    return isinstance(X, PairRows)


def gives_features(X: object) -> TypeGuard[FeatureRows]:
    """Whether rows of ``X`` know their gene and cell type and give features."""
    return isinstance(X, FeatureRows)


def is_binned(X: object) -> TypeGuard[BinnedRows]:
    """Whether rows of ``X`` know their gene and cell type and give the openness of bins."""
    return isinstance(X, BinnedRows)


def resolve_rows(rows: Any, n_rows: int) -> NDArray[np.int64]:
    """Turn a slice, mask, integer or integer array into an array of row numbers."""
    if isinstance(rows, tuple):  # scikit-learn asks for ``X[rows, ...]``
        rows, *rest = rows
        if any(part is not Ellipsis and part != slice(None) for part in rest):
            raise IndexError(
                "rows can be chosen, columns cannot: put Materialize() before a step that needs an array, or permute "
                "bins by skepi.inspection.bin_importance(method='permutation')"
            )
    chosen = np.atleast_1d(np.arange(n_rows)[rows])
    if chosen.ndim != 1:
        raise IndexError(f"wanted one-dimensional row numbers, got shape {chosen.shape}")
    return chosen


def cell_types_of(X: PairRows) -> NDArray[np.int64]:
    """Code of the cell type of each pair."""
    return X.cell_type_codes


def genes_of(X: PairRows) -> NDArray[np.int64]:
    """Code of the gene of each pair."""
    return X.gene_codes


def chromosomes_of(X: PairRows) -> NDArray[np.int64]:
    """Code of the chromosome of each pair's gene."""
    return pd.factorize(X.genes["chrom"])[0][X.gene_codes]


def check_arrays(estimator: Any, X: Any, y: Any = "no_validation", **checks: Any) -> Any:
    """Plain arrays as :func:`sklearn.utils.validation.validate_data` checks them; it would drop a mask in silence."""
    check_unmasked(X, "X")
    check_unmasked(y, "y")
    return validate_data(estimator, X, y, **checks)


def check_targets(X: PairRows, y: ArrayLike) -> NDArray[np.float64]:
    """One finite target per pair, as float64; nothing masked."""
    check_unmasked(y, "y")
    values = column_or_1d(y, warn=True).astype(np.float64)
    if values.size == 0:
        raise ValueError("no pairs: wanted at least one row")
    if values.shape != (len(X),):
        raise ValueError(f"y has {values.size} values for {len(X)} pairs")
    if not np.isfinite(values).all():
        raise ValueError("y holds NaN or infinite values")
    return values
