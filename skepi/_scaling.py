"""The law of scaling: log1p, then mean and scale of each slot, with a floor. Its twin on a device is the operator's."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils.sparsefuncs import mean_variance_axis

Float32Array = NDArray[np.float32]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SlotScaling:
    """``(log1p(value) - mean) * inverse_scale`` for each slot.

    Attributes
    ----------
    mean : ndarray of float32, shape (n_slots,)
        Mean of ln(1 + value).
    inverse_scale : ndarray of float32, shape (n_slots,)
        0 where a slot has no scale: its z-scores are 0.

    Examples
    --------
    >>> scaling = SlotScaling(np.float32([0, 1]), np.float32([2, 0]))
    >>> scaling.apply(np.expm1([0.5, 3.0]), slice(None)).tolist()
    [1.0, 0.0]
    """

    mean: Float32Array
    inverse_scale: Float32Array

    def apply(self, values: NDArray, slots: Any) -> NDArray:
        """Scale values, (n,) or (n, cell types), that belong to these slots."""
        return self.of_logs(self.logs(values), slots)

    def of_slots(self, slots: Any) -> "SlotScaling":
        """The same for some of the slots."""
        return SlotScaling(self.mean[slots], self.inverse_scale[slots])

    @staticmethod
    def logs(values: NDArray) -> NDArray:
        """``log1p(value)``, which does not depend on the slot."""
        return np.log1p(values)

    def of_logs(self, logs: NDArray, slots: Any) -> NDArray:
        """Scale what :meth:`logs` gave."""
        return (logs - _by_row(self.mean[slots], logs)) * _by_row(self.inverse_scale[slots], logs)

    def centred_logs(self, logs: NDArray, slots: Any) -> FloatArray:
        """What :meth:`logs` gave, less the mean alone, in float64."""
        return logs.astype(np.float64) - _by_row(self.mean[slots], logs)


def inverse_scale(sd: NDArray, pooled: FloatArray, floor: float) -> NDArray:
    """One over the scale of each slot, ``sd + floor * pooled`` (``pooled`` alone for inf); 0 is the inverse of 0."""
    scale = pooled if np.isinf(floor) else sd + floor * pooled
    return np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0).astype(sd.dtype)


def mean_and_variance(logs: NDArray) -> tuple[FloatArray, FloatArray]:
    """Return mean and variance of each row in float64; equal values have a variance of 0, up to rounding."""
    wide = logs.astype(np.float64)
    mean = wide.mean(axis=1)
    wide -= mean[:, None]
    variance = np.einsum("ij,ij->i", wide, wide) / logs.shape[1]
    # Without a floor on scales, rounding would be divided by itself.
    variance[np.ptp(logs, axis=1) <= 4 * np.finfo(logs.dtype).eps * logs.max(axis=1)] = 0
    return mean, variance


def logs_of(X: Any) -> Any:
    """``ln(1 + x)`` of openness, dense or sparse; the caller's stays as it is."""
    if not sp.issparse(X):
        _check_openness(X)
        return SlotScaling.logs(X)
    logs = sp.csr_array(X, copy=True)
    logs.sum_duplicates()
    _check_openness(logs.data)
    logs.data = SlotScaling.logs(logs.data)
    return logs


def _check_openness(values: NDArray) -> None:
    if (values < 0).any():
        raise ValueError("Negative values in data passed to LogZScaler: wanted openness on a linear scale")


def column_statistics(logs: Any) -> tuple[NDArray, NDArray]:
    """Mean and SD of each column, dense or sparse; the SD of equal values is 0."""
    if not sp.issparse(logs):
        return logs.mean(axis=0), np.where(np.ptp(logs, axis=0) == 0, 0.0, logs.std(axis=0))
    mean, variance = mean_variance_axis(logs, axis=0)
    low, high = (extreme.toarray().ravel() for extreme in (logs.min(axis=0), logs.max(axis=0)))
    return mean, np.where(low == high, 0.0, np.sqrt(variance))


def _by_row(statistic: NDArray, values: NDArray) -> NDArray:
    return statistic if values.ndim == 1 else statistic[:, None]
