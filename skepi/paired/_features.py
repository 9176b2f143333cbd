"""Features of peaks: a sparse matrix of numbers of 0 or more, with names."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from skepi._doors import frame_of, names_of, numbers_of, some
from skepi._labels import rows_in_order
from skepi.exceptions import TableError, UnknownNameError
from skepi.paired._checks import check_interval_labels

_LARGEST = float(np.finfo(np.float32).max)


class PeakFeatures(NamedTuple):
    """Features of the peaks of a data set.

    Attributes
    ----------
    names : tuple of str
    matrix : csr_array of float32, shape (n_peaks, n_features)
        Rows in the order of the peaks; no entry is 0.
    """

    names: tuple[str, ...]
    matrix: sp.csr_array

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return self.matrix.data.nbytes + self.matrix.indices.nbytes + self.matrix.indptr.nbytes

    def to_frame(self) -> pd.DataFrame:
        """One row per peak, sparse columns."""
        return pd.DataFrame.sparse.from_spmatrix(self.matrix, columns=list(self.names))

    def of(self, names: Sequence[str]) -> sp.csr_array:
        """Some features by name, (n_peaks, n_names); an unknown one is an error."""
        place = pd.Index(self.names, dtype=object).get_indexer(pd.Index(list(names), dtype=object))
        if (place < 0).any():
            absent = [name for name, found in zip(names, place, strict=True) if found < 0]
            raise UnknownNameError(f"features of peaks lack {some(absent)}; there are {some(self.names)}")
        if np.array_equal(place, np.arange(len(self.names))):
            return self.matrix
        return sp.csr_array(self.matrix[:, place])


def checked_features(features: Any, peaks: Any, peak_table: pd.DataFrame) -> PeakFeatures:
    """Features as a matrix with names, or what is wrong with them; see :class:`skepi.paired.PairedDataset`.

    Rows are matched by the labels of ``peaks`` as it was given; ``peak_table`` is the same once it was checked.
    """
    n_peaks = len(peak_table)
    what = "peak_features"
    if isinstance(features, pd.Series):
        features = features.to_frame("class" if features.name is None else features.name)
    features = frame_of(features, what)
    if len(features) != n_peaks:
        raise TableError(f"{what}: {len(features)} row(s) for {n_peaks} peaks: wanted one row for each peak")
    features = rows_in_order(features, peaks, what, "peaks")
    way = "are they features of other peaks, or of another assembly? Compute them for these peaks"
    check_interval_labels(features, peak_table, what, way)
    names, matrix = _sparse(features, what) if _is_sparse(features) else _joined(features, what)
    twice = pd.Index(names)[pd.Index(names).duplicated()]
    if len(twice):
        raise TableError(f"{what}: the same feature twice: {some(twice)}")
    matrix.eliminate_zeros()
    matrix.sort_indices()
    return PeakFeatures(tuple(names), matrix)


def _is_sparse(features: pd.DataFrame) -> bool:
    return all(isinstance(dtype, pd.SparseDtype) for dtype in features.dtypes)


def _sparse(features: pd.DataFrame, what: str) -> tuple[list[str], sp.csr_array]:
    """Names and values of a table of sparse columns."""
    matrix = sp.csr_array(features.sparse.to_coo())
    _check_numbers(matrix.data, what)
    return [str(name) for name in features], matrix.astype(np.float32)


def _joined(features: pd.DataFrame, what: str) -> tuple[list[str], sp.csr_array]:
    """Names and values of a table of numbers and of columns of names, each name of which is a feature."""
    names: list[str] = []
    parts = []
    for column in features:
        values, where = features[column], f"{what}: {column}"
        if isinstance(values.dtype, pd.CategoricalDtype) or pd.api.types.is_string_dtype(values.dropna()):
            code, categories = pd.factorize(names_of(values, where), sort=True)
            entries, shape = np.ones(code.size, dtype=np.float32), (code.size, categories.size)
            names.extend(f"{column}:{category}" for category in categories)
            parts.append(sp.csr_array((entries, (np.arange(code.size), code)), shape=shape))
        else:
            numbers = numbers_of(values, where)
            _check_numbers(numbers, where)
            names.append(str(column))
            parts.append(sp.csr_array(numbers.astype(np.float32)[:, None]))
    return names, sp.csr_array(sp.hstack(parts, "csr"))


def _check_numbers(values: NDArray, what: str) -> None:
    wrong = np.flatnonzero(~((values >= 0) & (values <= _LARGEST)))
    if wrong.size:
        raise TableError(
            f"{what}: wanted finite numbers of 0 or more, got {values[wrong[0]]:g} ({wrong.size} such value(s)); a "
            "signed feature becomes two columns, max(x, 0) and max(-x, 0)"
        )
