"""Materialize: leave the lazy form, in the open and with a limit."""

from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skepi._dense import MAX_DENSE_BYTES, check_dense_size
from skepi._rows import check_arrays, check_features, keep_features
from skepi.rows import is_binned

_FORMATS = ("dense", "csr")


class Materialize(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Turn lazy rows into an array that any scikit-learn estimator takes.

    The result no longer knows its genes, so place this step **inside** the regressor of
    :class:`skepi.compose.GeneZTarget`: ``GeneZTarget(make_pipeline(Materialize("csr"), Ridge()))``. Before it, it is an
    error.

    Parameters
    ----------
    format : {"dense", "csr"}, default="dense"
        ``"csr"`` stores touched slots only (before and after scaling the others are 0).
    dtype : {"float32", "float64"}, default="float32"
        Type of the numbers made from pairs; plain arrays keep theirs.
    max_bytes : float, default=8 * 2**30
        A larger dense array is refused.

    Attributes
    ----------
    columns_ : DataFrame
        Only where rows were binned: one row per column, ``signal, feature, start_bp, end_bp``.
    n_features_in_ : int
        Number of columns.

    Raises
    ------
    DenseSizeError
        Where the dense array would be larger than ``max_bytes``; the message states its size.

    Examples
    --------
    >>> Materialize("csr").fit_transform(np.array([[0.0, 2.0]])).toarray()
    array([[0., 2.]])
    """

    def __init__(self, format: str = "dense", *, dtype: str = "float32", max_bytes: float = MAX_DENSE_BYTES) -> None:
        self.format = format
        self.dtype = dtype
        self.max_bytes = max_bytes

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check the settings and remember the number of columns.

        Parameters
        ----------
        X : BinnedOpenness, array-like or sparse array of shape (n_rows, n_columns)
        y : None
            Ignored.
        """
        if self.format not in _FORMATS:
            raise ValueError(f"format must be one of {_FORMATS}, got {self.format!r}")
        if is_binned(X):
            keep_features(X, self)
        else:
            check_arrays(self, X, accept_sparse="csr")
        return self

    def transform(self, X: Any) -> Any:
        """Make the array.

        Parameters
        ----------
        X : BinnedOpenness, array-like or sparse array of shape (n_rows, n_columns)

        Returns
        -------
        ndarray or csr_array of shape (n_rows, n_columns)
        """
        check_is_fitted(self)
        if is_binned(X):
            check_features(X, self)
            if self.format == "csr":
                return X.tocsr(dtype=np.dtype(self.dtype))
            check_dense_size(X.shape, np.dtype(self.dtype), self.max_bytes)
            return X.dense(dtype=np.dtype(self.dtype))
        array = check_arrays(self, X, accept_sparse="csr", reset=False)
        if self.format == "csr":
            return sp.csr_array(array)
        if not sp.issparse(array):
            return array
        check_dense_size(array.shape, array.dtype, self.max_bytes)
        return array.toarray()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
