"""LogZScaler: log1p, then centre and scale every slot with training statistics and a pooled floor."""

import warnings
from typing import Any, Self

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted

from skepi._columns import signal_codes, signals_of
from skepi._dense import MAX_DENSE_BYTES, check_dense_size
from skepi._output import KeepsPairs
from skepi._progress import Counted, uncounted
from skepi._rows import check_arrays, check_features, check_unscaled, keep_features
from skepi._scaling import SlotScaling, column_statistics, inverse_scale, logs_of, mean_and_variance
from skepi.exceptions import UnfittedSignalWarning, UnmatchedDataError
from skepi.intervals import concatenate_ranges
from skepi.rows import BinnedRows, gene_and_column, is_binned, slot_key

_STATISTICS = ("training", "all")


class LogZScaler(KeepsPairs, OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    r"""Log-transform openness and z-score each slot (gene, column), with a floor from the column's pooled scale.

    With :math:`v = \ln(1 + x)` of slot s in column b, mean and SD over the training cell types,

    .. math:: z = \frac{v - \mathrm{mean}_s}{\mathrm{SD}_s + f \cdot \mathrm{pooled}_b}

    where :math:`f` is ``scale_floor`` and :math:`\mathrm{pooled}_b` the root mean square of
    :math:`v - \mathrm{mean}_s` over the touched slots of the column and the training cell types. SDs divide by n.

    Parameters
    ----------
    scale_floor : float, default=1.0
        In units of the pooled scale. ``0`` is the report's z-score, which explodes on unseen cell types
        (a slot that does not vary becomes 0); ``inf`` leaves one scale per column, the pooled one.
    statistics : {"training", "all"}, default="training"
        Cell types that statistics come from: those of the rows given to ``fit``, or all of the data set,
        as in the report (a leak; for replication only).
    min_fitted_share : float, default=0.5
        A data set in which a smaller share of a signal lies in slots seen in ``fit`` gives a warning.

    Attributes
    ----------
    gene_names_ : ndarray of str, shape (n_genes,)
        All genes of the data set that the rows referred to, not only those in the rows.
    gene_ptr_ : ndarray of int64, shape (n_genes + 1,)
        Slots of gene g are ``gene_ptr_[g] : gene_ptr_[g + 1]``.
    slot_column_ : ndarray of int32, shape (n_slots,)
        Bin of each slot.
    mean_, sd_ : ndarray of float32, shape (n_slots,)
        Mean and SD of ln(1 + openness) over the training cell types; shape (n_features,) and the type of ``X`` on plain
        arrays.
    pooled_ : ndarray of float64, shape (n_columns,)
        Pooled scale of each column; 0 where no peak touches it.
    columns_ : DataFrame
        One row per column: ``signal, feature, start_bp, end_bp``.
    n_features_in_ : int
        Number of columns, those beside the map included.

    Raises
    ------
    ValueError
        For negative openness, fewer than two training cell types, rows scaled already, or other columns than
        in ``fit``.
    UnmatchedDataError
        Where a data set has no gene in common with the one seen in ``fit``.

    Warns
    -----
    UnfittedSignalWarning
        Where less than ``min_fitted_share`` of the signal lies in slots seen in ``fit``, and where signal lies in slots
        whose scale is 0 because they are new: it becomes 0.

    Notes
    -----
    On another data set, the slots are those of both: one without peaks there has openness 0, so
    :math:`z = -\mathrm{mean} / \mathrm{scale}`; one new to the scaler has mean 0 and SD 0, so its scale is
    :math:`f \cdot \mathrm{pooled}_b`. Slots whose scale is 0 become 0.

    On plain arrays each column is one slot: its scale is :math:`(1 + f)` SD, or SD for ``inf``.

    Examples
    --------
    >>> LogZScaler(scale_floor=0).fit_transform(np.expm1([[1.0, 0.0], [3.0, 0.0]])).round(6)
    array([[-1.,  0.],
           [ 1.,  0.]])
    """

    def __init__(
        self, scale_floor: float = 1.0, *, statistics: str = "training", min_fitted_share: float = 0.5
    ) -> None:
        self.scale_floor = scale_floor
        self.statistics = statistics
        self.min_fitted_share = min_fitted_share

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn mean and SD of each slot from the training cell types.

        Parameters
        ----------
        X : BinnedRows, array-like or sparse array of shape (n_rows, n_features)
        y : None
            Ignored.
        """
        self._check_settings()
        if is_binned(X):
            self._set_slots(X, slot_statistics(X, [self._training_cell_types(X)])[0])
        else:
            self._fit_columns(X)
        return self

    def fit_each(self, X: BinnedRows, row_sets: list[NDArray], *, counted: Counted = uncounted) -> "list[LogZScaler]":
        """Fit a clone to each of several sets of rows, in one pass over the openness.

        Parameters
        ----------
        X : BinnedRows of shape (n_rows, n_features)
        row_sets : list of ndarray
            Masks or row numbers; ``fit_each(X, [rows])[0]`` equals ``clone(self).fit(X[rows])``.
        counted : callable, optional
            Called with the number of further genes that are done, such as ``update`` of a tqdm bar.
        """
        self._check_settings()
        cell_sets = [self._training_cell_types(X[rows]) for rows in row_sets]
        keys = [cells.tobytes() for cells in cell_sets]
        distinct = dict(zip(keys, cell_sets, strict=True))
        statistics = dict(zip(distinct, slot_statistics(X, list(distinct.values()), counted), strict=True))
        return [clone(self)._set_slots(X, statistics[key]) for key in keys]

    def transform(self, X: Any) -> Any:
        """Scale rows.

        Parameters
        ----------
        X : BinnedRows, array-like or sparse array of shape (n_rows, n_features)

        Returns
        -------
        BinnedRows or ndarray
            Same shape as ``X``; rows of the same kind for binned rows, else dense: closed bins have a z-score, too.
        """
        check_is_fitted(self)
        if not is_binned(X):
            values = self._checked_array(X, reset=False)
            if sp.issparse(values):  # 0 is not 0 on the scale
                check_dense_size(values.shape, values.dtype, MAX_DENSE_BYTES)
                values = values.toarray()
            scaling = SlotScaling(self.mean_, self._inverse_scale(self.sd_, np.arange(self.n_features_in_)))
            return scaling.of_logs(logs_of(values).T, slice(None)).T
        self._check_rows(X)
        keys, scaling = self.slot_scaling(X)
        own = X.slots.slot_keys()
        if keys.size > own.size:
            fitted = self._keys_in(X)
            lost = np.setdiff1d(keys[scaling.inverse_scale == 0], fitted, assume_unique=True)
            self._warn_of_unfitted(_shares(X, own, fitted), _shares(X, own, lost))
        return X.scaled(keys, scaling)

    def slot_scaling(self, X: BinnedRows) -> tuple[NDArray[np.int64], SlotScaling]:
        """Keys of the slots of ``X`` and of those seen in ``fit`` together, increasing, and how each is scaled."""
        fitted, own, shared = self._keys_in(X), X.slots.slot_keys(), self._shared_slots(X)
        if np.array_equal(fitted, own):
            scaling = SlotScaling(self.mean_[shared], self._inverse_scale(self.sd_[shared], X.slots.slot_column))
            return own, scaling
        keys = np.union1d(fitted, own)
        mean, sd = np.zeros(keys.size, np.float32), np.zeros(keys.size, np.float32)
        place = np.searchsorted(keys, fitted)
        mean[place], sd[place] = self.mean_[shared], self.sd_[shared]
        return keys, SlotScaling(mean, self._inverse_scale(sd, gene_and_column(keys, X.slots.n_columns)[1]))

    def fitted_share(self, X: BinnedRows) -> float:
        """Share of the openness around the genes of a data set that lies in slots seen in ``fit``.

        With several signals, the smallest share.
        """
        check_is_fitted(self)
        self._check_rows(X)
        return min(_shares(X, X.slots.slot_keys(), self._keys_in(X)).values())

    def _check_settings(self) -> None:
        if not self.scale_floor >= 0:
            raise ValueError(f"scale_floor must be 0 or greater, got {self.scale_floor!r}")
        if self.statistics not in _STATISTICS:
            raise ValueError(f"statistics must be one of {_STATISTICS}, got {self.statistics!r}")

    def _training_cell_types(self, X: BinnedRows) -> NDArray[np.int64]:
        """Cell types that statistics come from."""
        check_unscaled(X, self)
        cells = np.arange(len(X.cell_types)) if self.statistics == "all" else np.unique(X.cell_type_codes)
        if cells.size < 2:
            raise ValueError(f"LogZScaler needs at least 2 training cell types, got {cells.size}: nothing varies")
        return cells

    def _set_slots(self, X: BinnedRows, statistics: tuple[NDArray, NDArray, NDArray]) -> Self:
        self.mean_, self.sd_, self.pooled_ = statistics
        self.gene_names_ = X.genes["name"].to_numpy(dtype=object)
        self.gene_ptr_, self.slot_column_ = X.slots.gene_ptr, X.slots.slot_column
        keep_features(X, self)
        return self

    def _fit_columns(self, X: ArrayLike) -> None:
        self.mean_, self.sd_ = column_statistics(logs_of(self._checked_array(X, reset=True)))
        self.pooled_ = self.sd_
        for name in ("gene_names_", "gene_ptr_", "slot_column_", "columns_"):
            self.__dict__.pop(name, None)

    def _inverse_scale(self, sd: NDArray, columns: NDArray) -> NDArray:
        return inverse_scale(sd, self.pooled_[columns], self.scale_floor)

    def _matches(self, X: BinnedRows) -> NDArray[np.int64]:
        """Row of each gene of ``X`` among the fitted genes; -1 for a gene without one."""
        found = pd.Index(self.gene_names_).get_indexer(X.genes["name"])
        if (found < 0).all():
            raise UnmatchedDataError(
                f"no gene in common: fitted on {self.gene_names_[0]}, ... ({self.gene_names_.size} genes), got "
                f"{X.genes['name'].iloc[0]}, ... ({len(X.genes)} genes)"
            )
        return found

    def _shared_slots(self, X: BinnedRows) -> NDArray[np.int64]:
        """Fitted slots of the genes of ``X``, in the order of those genes."""
        found = self._matches(X)
        found = found[found >= 0]
        return concatenate_ranges(self.gene_ptr_[found], self.gene_ptr_[found + 1])

    def _keys_in(self, X: BinnedRows) -> NDArray[np.int64]:
        """Fitted slots as ``gene * n_columns + column`` with the gene numbers of ``X``, increasing."""
        found = self._matches(X)
        gene = np.flatnonzero(found >= 0)
        length = np.diff(self.gene_ptr_)[found[gene]]
        return slot_key(np.repeat(gene, length), self.slot_column_[self._shared_slots(X)], X.slots.n_columns)

    def _warn_of_unfitted(self, fitted: dict[str, float], lost: dict[str, float]) -> None:
        signal, least = min(fitted.items(), key=lambda one: one[1])
        if least < self.min_fitted_share:
            warnings.warn(
                f"only {least:.0%} of the {signal} around the genes lies in slots that the scaler has seen; "
                f"the rest has no learned mean or scale (warned below {self.min_fitted_share:.0%})",
                UnfittedSignalWarning,
                stacklevel=4,
            )
        signal, most = max(lost.items(), key=lambda one: one[1])
        if most > 0:
            warnings.warn(
                f"{most:.1%} of the {signal} around the genes lies in new slots that have no scale "
                f"(scale_floor={self.scale_floor:g}, or columns that no peak touched in fit) and becomes 0",
                UnfittedSignalWarning,
                stacklevel=4,
            )

    def _check_rows(self, X: BinnedRows) -> None:
        if not hasattr(self, "gene_names_"):
            raise ValueError("fitted on a plain array: pairs were not expected")
        check_unscaled(X, self)
        check_features(X, self)

    def _checked_array(self, X: ArrayLike, reset: bool) -> Any:
        if not reset and hasattr(self, "gene_names_"):
            raise ValueError("fitted on pairs: a plain array has no genes to look up")
        return check_arrays(self, X, reset=reset, accept_sparse="csr", dtype=(np.float64, np.float32))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _shares(X: BinnedRows, own: NDArray[np.int64], keys: NDArray[np.int64]) -> dict[str, float]:
    """Share of each signal, in the present slots, that lies in the slots of some keys."""
    signals, totals = signals_of(X.columns), X.slot_totals()
    code = signal_codes(X.columns, signals)[X.slots.slot_column]
    total = np.bincount(code, weights=totals, minlength=len(signals))
    inside = np.bincount(code, weights=totals * np.isin(own, keys), minlength=len(signals))
    shares = np.divide(inside, total, out=np.zeros(len(signals)), where=total > 0)
    return dict(zip(signals, shares.tolist(), strict=True))


def slot_statistics(
    X: BinnedRows, cell_sets: list[NDArray], counted: Counted = uncounted
) -> list[tuple[NDArray, NDArray, NDArray]]:
    """Mean and SD of each slot, float32, and pooled scale of each column, for sets of cell types in one pass."""
    op = X.slots
    mean, sd = ([np.empty(op.n_slots, np.float32) for _ in cell_sets] for _ in range(2))
    squares = np.zeros((len(cell_sets), op.n_columns))
    for genes, _, slots, values in X.gene_blocks():
        np.log1p(values, out=values)
        for i, cells in enumerate(cell_sets):
            mean[i][slots], variance = mean_and_variance(values[:, cells])
            sd[i][slots] = np.sqrt(variance)
            squares[i] += np.bincount(op.slot_column[slots], weights=variance, minlength=op.n_columns)
        counted(len(genes))
    pooled = np.sqrt(squares / np.maximum(np.bincount(op.slot_column, minlength=op.n_columns), 1))
    return list(zip(mean, sd, pooled, strict=True))
