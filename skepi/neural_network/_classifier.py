"""NetworkClassifier: what networks that predict classes ask of labels, and what they give back."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets

from skepi._doors import check_pair_labels
from skepi._rows import check_arrays, check_features, keep_features
from skepi.neural_network._losses import LOG_LOSS
from skepi.neural_network._trained import FLOATS, TrainedNetwork
from skepi.rows import is_binned

FloatArray = NDArray[np.float64]


class NetworkClassifier(ClassifierMixin, TrainedNetwork):
    """A network that is trained on the log loss, with one output per class."""

    _LOSS = LOG_LOSS

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
        y : array-like of shape (n_rows,)
            Classes, as numbers or text.
        groups : array-like of shape (n_rows,), optional
            What is kept whole when rows are set aside, in place of ``validation``.
        X_val, y_val : as X and y, optional
            Development set to stop on, in place of rows set aside: all of ``X`` is then trained on.
        """
        self._check_settings()
        X, y = self._checked_labels(X, y, reset=True)
        self.classes_, codes = np.unique(y, return_inverse=True)
        self._learn_targets(codes)
        val = self._checked_validation(X_val, y_val)
        return self._train(X, codes.astype(np.int64), groups, val, (len(self.classes_),))

    def predict(self, X: Any) -> NDArray:
        """Predict the most probable class, (n_rows,)."""
        chosen = np.argmax(self._outputs(X), axis=1)
        return self.classes_[chosen]

    def predict_proba(self, X: Any) -> FloatArray:
        """Predict the probability of each class, (n_rows, n_classes), in the order of ``classes_``."""
        return softmax(self._outputs(X).astype(np.float64), axis=1)

    def decision_function(self, X: Any) -> FloatArray:
        """Return log odds of the second class, (n_rows,), or for more classes their scores, (n_rows, n_classes)."""
        scores = self._outputs(X).astype(np.float64)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def input_gradients(self, X: Any) -> NDArray:
        """Return the derivative of :meth:`decision_function` by the features of each row.

        The shape is (n_rows, n_features), or (n_rows, n_classes, n_features) for more than two classes.
        """
        gradients = self._output_gradients(X)
        return gradients[:, 1] - gradients[:, 0] if len(self.classes_) == 2 else gradients

    def _checked_labels(self, X: Any, y: Any, reset: bool) -> tuple[Any, NDArray]:
        if is_binned(X):
            if reset:
                keep_features(X, self)
            else:
                check_features(X, self)
            y = check_pair_labels(y, len(X))
        else:
            X, y = check_arrays(self, X, y, reset=reset, dtype=FLOATS)
        check_classification_targets(y)
        return X, y

    def _checked_validation(self, X_val: Any, y_val: Any) -> tuple[Any, NDArray[np.int64]] | None:
        if not self._has_validation(X_val, y_val):
            return None
        X_val, y_val = self._checked_labels(X_val, y_val, reset=False)
        unknown = np.setdiff1d(y_val, self.classes_)
        if unknown.size:
            raise ValueError(f"y_val has classes that y has not: {', '.join(map(str, unknown))}")
        return X_val, np.searchsorted(self.classes_, y_val).astype(np.int64)

    def _learn_targets(self, y: NDArray) -> None:
        found = np.unique(y)
        if found.size < 2:
            all_rows = self.classes_.size == 1
            way = (
                "train on more genes or cell types"
                if all_rows
                else "all rows of others were set aside for early stopping; give fit other groups, or "
                "early_stopping=False"
            )
            raise ValueError(
                f"one class only in training ({self.classes_[found[0]]!s}, in {len(y)} row(s)): {type(self).__name__} "
                f"needs rows of at least two classes; {way}"
            )
