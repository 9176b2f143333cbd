"""LogZScaler before a linear model: rows are scaled where they are dense or lazy, weights where rows are sparse."""

from typing import Any

import numpy as np
import scipy.sparse as sp

from skepi._lasso._linear import linear_prediction
from skepi._lasso._moments import Moments, moments_of_array
from skepi._scaling import logs_of
from skepi._targets import FloatArray
from skepi.preprocessing import LogZScaler
from skepi.rows import is_pairs


def scaled_moments(scaler: LogZScaler | None, X: Any, y: FloatArray) -> Moments:
    """Centred moments of plain rows on the scale of a fitted scaler."""
    if scaler is None:
        return moments_of_array(X, y)
    if not sp.issparse(X):
        return moments_of_array(_scaled(scaler, X), y)
    at_zero, slope = _line(scaler)
    return moments_of_array(logs_of(X), y).on_line(at_zero, slope)


def scaled_prediction(scaler: LogZScaler | None, X: Any, coef: FloatArray, intercept: Any) -> FloatArray:
    """Predict rows of any kind with weights of scaled features.

    ``coef`` may have one column per model, and ``intercept`` as many values, where rows are plain.
    """
    if scaler is None:
        return linear_prediction(X, coef, intercept)
    if not sp.issparse(X):
        return linear_prediction(_scaled(scaler, X), coef, intercept)
    at_zero, slope = _line(scaler)
    return linear_prediction(logs_of(X), (slope * coef.T).T, intercept + at_zero @ coef)


def _scaled(scaler: LogZScaler, X: Any) -> Any:
    """Lazy rows as they come; arrays as arrays, where ``transform_output`` of scikit-learn asks for tables too."""
    return scaler.transform(X) if is_pairs(X) else np.asarray(scaler.transform(X))


def _line(scaler: LogZScaler) -> tuple[FloatArray, FloatArray]:
    """Scaled value of each feature where ``ln(1 + x)`` is 0, and its slope: the scaler is a straight line in that."""
    at_zero, at_one = _scaled(scaler, np.expm1([np.zeros_like(scaler.mean_), np.ones_like(scaler.mean_)]))
    return at_zero, at_one - at_zero
