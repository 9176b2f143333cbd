"""The openness side of a data set: all that rows of ``X`` may refer to, and nothing of expression."""

import hashlib
import json
from collections.abc import Callable, Hashable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._doors import some
from skepi.exceptions import TableError

_DERIVED_KEPT = 2
_LEAST_DEPTH = 1 / float(np.finfo(np.float32).max)  # a smaller one has no inverse in float32
_DIGEST_BYTES = 2**24  # of openness at once

# By (identity of the tables, settings): the last few of this process, so that folds and grid points share one, in a
# worker process too, where the tables themselves are unpickled anew for every task.
_derived: dict[Hashable, Any] = {}


class OpennessTables:
    """Peaks, genes, cell types and openness of one data set, shared by all its pairs.

    :class:`PairedDataset` checks the tables and makes this object. ``GeneCellPairs.tables`` returns it, and so a model
    reaches the openness of peaks but never expression.

    Parameters
    ----------
    peaks, genes, cell_types : DataFrame
        Checked tables in the user's row order, with 0-based half-open positions in bp.
    openness : ndarray of float32, shape (n_peaks, n_cell_types)
        Signal of each peak in each cell type; read-only.

    Notes
    -----
    What depends on these and on settings alone (the overlap of peaks with bins) is kept for reuse: the last two of a
    process, found by an identity that travels with the pickled tables. The same data have the same identity, however
    often and wherever they are made.

    Examples
    --------
    >>> from skepi.datasets import make_paired_openness
    >>> X = make_paired_openness(n_genes=2, n_cell_types=3, n_lineages=1, n_chromosomes=1)[0].pairs()
    >>> X.tables.openness.shape == (len(X.peaks), 3)
    True
    >>> X[:1].tables is X.tables  # shared, not copied
    True
    """

    def __init__(
        self,
        peaks: pd.DataFrame,
        genes: pd.DataFrame,
        cell_types: pd.DataFrame,
        openness: NDArray[np.float32],
    ) -> None:
        self.peaks = peaks
        self.genes = genes
        self.cell_types = cell_types
        self.openness = openness

    @cached_property
    def identity(self) -> str:
        """Digest of the three tables and of openness."""
        digest = hashlib.blake2b(digest_size=16)
        for table in (self.peaks, self.genes, self.cell_types):
            _update(digest, [len(table), [str(column) for column in table]])
            for column in table:
                _update(digest, *_column_content(table[column]))
        _update(digest, list(self.openness.shape), *_row_blocks(self.openness))
        return digest.hexdigest()

    def mean_openness(self) -> NDArray[np.float64]:
        """Mean over the peaks of each cell type, (n_cell_types,); one too small to divide by is an error."""
        depth = self.openness.mean(axis=0, dtype=np.float64)
        if (depth == 0).any():
            empty = ", ".join(self.cell_types["name"][depth == 0])
            raise TableError(f"openness: no signal in cell type(s) {empty}; depth=None leaves them unscaled")
        if (depth < _LEAST_DEPTH).any():
            faint = some(self.cell_types["name"][depth < _LEAST_DEPTH])
            raise TableError(
                f"openness: the mean of cell type(s) {faint} is below {_LEAST_DEPTH:.2g}, too small to divide by in "
                "float32; multiply openness by a constant, or depth=None leaves it unscaled"
            )
        return depth

    def derived(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return what ``make()`` gives for this key, made once and kept while it is among the latest."""
        key = (self.identity, key)
        if key not in _derived:
            value = make()
            while len(_derived) >= _DERIVED_KEPT:
                _derived.pop(next(iter(_derived)))
            _derived[key] = value
        return _derived[key]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "identity": self.identity}  # so that it is not worked out again wherever this goes

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.openness.flags.writeable = False  # numpy forgets it when pickled


def _update(digest: Any, about: Any, *contents: NDArray) -> None:
    """Add a description that says how long the contents are, and the contents."""
    digest.update(json.dumps(about).encode() + b"\n")
    for content in contents:
        digest.update(np.ascontiguousarray(content).ravel())


def _column_content(values: pd.Series) -> tuple[list[Any], NDArray]:
    """Description and numbers of a column; text of any dtype is codes and names, so that pandas' versions agree."""
    if isinstance(values.dtype, np.dtype) and values.dtype.kind in "iufb":
        return [values.dtype.str], values.to_numpy()
    code, names = pd.factorize(values)
    kind = "text" if pd.api.types.is_string_dtype(values.dtype) else str(values.dtype)
    return [kind, [str(name) for name in names]], code.astype("<i4")


def _row_blocks(array: NDArray) -> Iterator[NDArray]:
    step = max(1, _DIGEST_BYTES // max(1, array.itemsize * array.shape[1]))
    for first in range(0, len(array), step):
        yield array[first : first + step]
