"""NetworkRegressor: what networks that predict numbers ask of targets, and what they give back."""

from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin

from skepi._rows import check_arrays, check_features, check_log_targets, check_targets, keep_features
from skepi.neural_network._losses import SQUARED_ERROR
from skepi.neural_network._trained import FLOATS, TrainedNetwork
from skepi.rows import is_binned

FloatArray = NDArray[np.float64]


class NetworkRegressor(RegressorMixin, TrainedNetwork):
    """A network that is trained on squared errors, with one or several targets."""

    _LOSS = SQUARED_ERROR

    def fit(
        self,
        X: Any,
        y: ArrayLike,
        groups: ArrayLike | None = None,
        *,
        X_val: Any = None,
        y_val: ArrayLike | None = None,
    ) -> Self:
        """Train the network.

        Parameters
        ----------
        X : BinnedOpenness or array-like of shape (n_rows, n_features)
        y : array-like of shape (n_rows,) or (n_rows, n_targets)
            Binned rows take one target.
        groups : array-like of shape (n_rows,), optional
            What is kept whole when rows are set aside, in place of ``validation``.
        X_val, y_val : as X and y, optional
            Development set to stop on, in place of rows set aside: all of ``X`` is then trained on. ``y_val`` is in the
            units that this estimator sees (standardised, inside ``GeneZTarget``).
        """
        self._check_settings()
        X, y = self._checked_training(X, y)
        return self._train(X, y, groups, self._checked_validation(X_val, y_val, y.shape[1:]), y.shape[1:])

    def predict(self, X: Any) -> FloatArray:
        """Predict, (n_rows,) or (n_rows, n_targets) as ``y`` was in ``fit``, in units of ``y``."""
        return self._outputs(X)

    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return R2, the mean over targets.

        Raises
        ------
        ValueError
            For another number of targets than in ``fit``.
        """
        given, fitted = (int(np.prod(shape)) for shape in (np.shape(y)[1:], self.output_shape_))
        if given != fitted:
            raise ValueError(
                f"y has {given} target(s), and the model was fitted on {fitted}: give the same targets in the same "
                "order"
            )
        return float(super().score(X, y, sample_weight))

    def input_gradients(self, X: Any) -> NDArray:
        """Return the derivative of each row's prediction by its features.

        The shape is (n_rows, n_features), or (n_rows, n_targets, n_features) where ``y`` was of shape
        (n_rows, n_targets) in ``fit``.
        """
        return self._output_gradients(X)

    def _checked_training(self, X: Any, y: ArrayLike) -> tuple[Any, FloatArray]:
        if not is_binned(X):
            X, y = check_arrays(self, X, y, y_numeric=True, multi_output=True, dtype=FLOATS)
            return X, _dense(y)
        keep_features(X, self)
        return X, check_log_targets(X, y)

    def _checked_validation(
        self, X_val: Any, y_val: Any, target_shape: tuple[int, ...]
    ) -> tuple[Any, FloatArray] | None:
        if not self._has_validation(X_val, y_val):
            return None
        if is_binned(X_val):
            check_features(X_val, self)
            y_val = check_targets(X_val, y_val)
        else:
            checks = {"reset": False, "y_numeric": True, "multi_output": True, "dtype": FLOATS}
            X_val, y_val = check_arrays(self, X_val, y_val, **checks)
            y_val = _dense(y_val)
        if y_val.shape[1:] != target_shape:
            raise ValueError(
                f"y_val has shape {y_val.shape}, wanted ({', '.join(map(str, (len(y_val), *target_shape)))}): as many "
                "targets as y"
            )
        return X_val, y_val

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _dense(y: Any) -> FloatArray:
    return np.asarray(y.toarray() if sp.issparse(y) else y, dtype=np.float64)
