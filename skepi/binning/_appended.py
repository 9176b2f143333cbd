"""Columns of pairs beside the bins of their rows, whatever container the bins are in."""

from collections.abc import Sequence
from copy import copy
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._columns import names_of_columns
from skepi._named_rows import NamedRows
from skepi.binning._card import card_of_bins


class AppendedColumns(NamedTuple):
    """Columns beside the bins.

    Attributes
    ----------
    names : tuple of str
    values : ndarray of float32, shape (n_pairs, n_columns)
    from_targets : bool
        Whether any of them was made from targets.
    """

    names: tuple[str, ...]
    values: NDArray[np.float32]
    from_targets: bool

    @classmethod
    def none(cls, n_pairs: int) -> Self:
        """No columns."""
        return cls((), np.empty((n_pairs, 0), dtype=np.float32), False)

    def of_rows(self, rows: NDArray[np.int64]) -> Self:
        """The same columns of some rows."""
        return type(self)(self.names, self.values[rows], self.from_targets)

    def beside(self, names: Sequence[str], values: NDArray, from_targets: bool) -> Self:
        """These columns, then others."""
        new = np.asarray(values, dtype=np.float32)
        wanted = len(self.values), len(names)
        if new.shape != wanted:
            raise ValueError(f"appended columns have shape {new.shape}, wanted {wanted}: pairs x names")
        if not np.isfinite(new).all():
            raise ValueError("appended columns hold NaN or infinite values")
        together = np.hstack([self.values, new])
        return type(self)((*self.names, *map(str, names)), together, self.from_targets or from_targets)


class KeepsAppended(NamedRows):
    """What containers of binned rows have in common: columns behind those of the bins."""

    columns: pd.DataFrame
    dense: Any
    _appended: AppendedColumns

    @property
    def appended(self) -> NDArray[np.float32]:
        """Columns beside the bins."""
        return self._appended.values

    @property
    def knows_targets(self) -> bool:
        """Whether appended columns were made from targets."""
        return self._appended.from_targets

    @property
    def feature_names(self) -> NDArray[np.object_]:
        """Names of the columns, as ``ATAC [-1000, 0) bp``, then those of appended ones."""
        return np.array([*names_of_columns(self.columns), *self._appended.names], dtype=object)

    def with_appended(self, names: Sequence[str], values: NDArray, *, from_targets: bool = False) -> Self:
        """Append columns of the pair, of its cell type or of its gene, behind all others.

        They stay as they are: no logarithm is taken of them, and no slot's scale is applied.

        Parameters
        ----------
        names : sequence of str
        values : array-like of shape (n_pairs, len(names))
        from_targets : bool, default=False
            Whether they were made from targets. Estimators that cross-validate inside ``fit`` refuse such rows: the
            targets of their inner test pairs would be known.
        """
        other = copy(self)
        other._appended = self._appended.beside(names, values, from_targets)
        return other

    def _repr_html_(self) -> str:
        """What notebooks show: the bands, and the first rows."""
        return card_of_bins(self)

    def _beside_names(self) -> pd.DataFrame:
        """Features of each row, by their names."""
        return pd.DataFrame(self.dense(), columns=self.feature_names)
