"""What each bin adds to each prediction: gradients, and two ways to make contributions of them."""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from skepi._dense import MAX_DENSE_BYTES, check_dense_size
from skepi._doors import check_count
from skepi.exceptions import CompletenessWarning
from skepi.inspection._fitted import FittedParts, has_linear_coef, take_apart, weights_of
from skepi.preprocessing import Materialize
from skepi.rows import BinnedRows

FloatArray = NDArray[np.float64]

ATTRIBUTIONS: tuple[str, ...] = ("coefficients", "gradient", "gradient_x_input", "integrated_gradients")

_ROWS_AT_ONCE = 2_048
_WORST_GAP = 0.01
_ROUNDING = 1e-6  # of float32, in units of the prediction


def attributions(estimator: Any, X: Any, *, method: str = "integrated_gradients", n_steps: int = 32) -> FloatArray:
    r"""What each bin says about the prediction of each pair.

    With f the model and :math:`x` the features that it sees (behind ``LogZScaler`` 0 is a bin's mean over the training
    cell types; of bare bins it is a closed one),

    * ``"coefficients"``: the weights of a linear model, the same in every row;
    * ``"gradient"``: :math:`\partial f / \partial x_b`;
    * ``"gradient_x_input"``: :math:`x_b\, \partial f / \partial x_b`;
    * ``"integrated_gradients"``: :math:`x_b \int_0^1 \partial f / \partial x_b (\alpha x)\, d\alpha`, by the midpoint
      rule; they add up to :math:`f(x) - f(0)`, and so do gradient x input of a linear model.

    Parameters
    ----------
    estimator : estimator
        Fitted: a pipeline, a search, ``GeneZTarget``, or a model of binned rows.
    X : GeneCellPairs or BinnedOpenness
        As the estimator takes them; rows that were not trained on.
    method : str, default="integrated_gradients"
    n_steps : int, default=32
        Points of the midpoint rule.

    Returns
    -------
    ndarray of float64, shape (n_pairs, n_columns)
        In the units that the model predicts (standardised expression inside ``GeneZTarget``), for gradients and
        coefficients per unit of scaled openness.

    Raises
    ------
    TypeError
        For a model without gradients, or without coefficients where those are asked for; rows without bins.
    ValueError
        For no rows, or a method that is not one of the four.
    DenseSizeError
        Where the result would exceed 8 GiB; :func:`bin_importance` adds up instead.

    Warns
    -----
    CompletenessWarning
        Where integrated gradients miss the sum by more than 1 % on average: take more steps.

    References
    ----------
    Simonyan et al. 2014 (gradients), Shrikumar et al. 2017 (gradient x input), Sundararajan et al. 2017 (integrated
    gradients).

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from skepi.binning import TSSBinner
    >>> from skepi.datasets import make_paired_openness
    >>> X, y = make_paired_openness(n_genes=20, n_cell_types=6, n_lineages=2)[0].pairs(return_X_y=True)
    >>> bins = TSSBinner(edges=[-1_000, 0, 1_000]).fit_transform(X)
    >>> model = Ridge().fit(bins, y)
    >>> found = attributions(model, bins[:4])
    >>> bool(np.allclose(found.sum(axis=1), model.predict(bins[:4]) - model.intercept_))
    True
    """
    parts = take_apart(estimator, X)
    check_rows(parts.rows)
    check_dense_size(parts.rows.shape, np.dtype(np.float64), MAX_DENSE_BYTES)
    return np.concatenate([found for _, found in attribution_chunks(parts, method, n_steps)])


def check_rows(rows: BinnedRows) -> None:
    """Refuse to look at nothing."""
    if len(rows) == 0:
        raise ValueError("no pairs: wanted at least one row to explain")


def row_chunks(n_rows: int) -> Iterator[slice]:
    """Cut rows into runs whose dense features are small."""
    for first in range(0, n_rows, _ROWS_AT_ONCE):
        yield slice(first, min(first + _ROWS_AT_ONCE, n_rows))


def attribution_chunks(parts: FittedParts, method: str, n_steps: int) -> Iterator[tuple[slice, FloatArray]]:
    """Attributions of a few rows at a time."""
    if method not in ATTRIBUTIONS:
        raise ValueError(f"method must be one of {ATTRIBUTIONS}, got {method!r}")
    check_count("n_steps", n_steps, 1)
    gradient = _coefficients(parts.model) if method == "coefficients" else gradient_of(parts.model)
    gaps = np.zeros(3)
    for rows in row_chunks(len(parts.rows)):
        x = parts.rows.dense(rows, np.float32)
        if method in ("coefficients", "gradient"):
            yield rows, gradient(x)
        elif method == "gradient_x_input":
            yield rows, x * gradient(x)
        else:
            found = x * _mean_gradient_on_path(gradient, x, n_steps)
            gaps += _gaps(parts.model, x, found)
            yield rows, found
    missed, moved, rounding = gaps
    if missed > _WORST_GAP * moved + rounding:
        warnings.warn(
            f"integrated gradients with n_steps={n_steps} miss {missed:.3g} of the change of the prediction, "
            f"{moved:.3g} summed over pairs; take more steps",
            CompletenessWarning,
            stacklevel=3,
        )


def _gaps(model: Any, x: NDArray, found: FloatArray) -> FloatArray:
    """Sums over rows of what contributions miss, how far the prediction moves, and how much of that may be rounding."""
    end, start = predicted(model, x), predicted(model, np.zeros_like(x[:1]))
    missed = found.sum(axis=1) - (end - start)
    return np.abs([missed, end - start, _ROUNDING * (np.abs(end) + np.abs(start))]).sum(axis=1)


def gradient_of(model: Any) -> Callable[[NDArray], FloatArray]:
    """Function from dense rows to the gradient at each of them.

    A model has gradients where it is linear, or has a method ``input_gradients(X)``.
    """
    inner = _innermost(model)
    if hasattr(inner, "input_gradients"):
        return lambda x: _finite(np.asarray(inner.input_gradients(x), dtype=np.float64), inner, "gradients")
    if has_linear_coef(inner):
        return _coefficients(inner)
    if isinstance(inner, Pipeline):
        raise TypeError(
            f"gradients cannot be followed through {type(inner.steps[0][1]).__name__} behind the bins; "
            "method='permutation' works for every model"
        )
    raise TypeError(
        f"{type(inner).__name__} is not linear and has no method input_gradients, so it gives no gradients; "
        "method='permutation' works for every model"
    )


def predicted(model: Any, x: NDArray) -> FloatArray:
    """Prediction from dense rows, (n_rows,)."""
    return _finite(np.ravel(np.asarray(model.predict(x), dtype=np.float64)), model, "predictions")


def _finite(values: FloatArray, model: Any, what: str) -> FloatArray:
    if not np.isfinite(values).all():
        n_wrong = int((~np.isfinite(values)).sum())
        raise ValueError(f"{n_wrong} of {values.size} {what} of {type(model).__name__} are NaN or infinite")
    return values


def _coefficients(model: Any) -> Callable[[NDArray], FloatArray]:
    inner = _innermost(model)
    if not has_linear_coef(inner):
        raise TypeError(
            f"{type(inner).__name__} is not a linear model with coef_; use method='gradient' or 'permutation'"
        )
    weights = weights_of(inner)
    return lambda x: np.broadcast_to(weights, x.shape)


def _innermost(model: Any) -> Any:
    """Model behind searches, and behind steps that do not change an array."""
    while True:
        if hasattr(model, "best_estimator_"):
            model = model.best_estimator_
        elif isinstance(model, Pipeline) and all(
            isinstance(step, Materialize | str | None) for _, step in model.steps[:-1]
        ):
            model = model.steps[-1][1]
        else:
            return model


def _mean_gradient_on_path(gradient: Callable[[NDArray], FloatArray], x: NDArray, n_steps: int) -> FloatArray:
    """Mean of the gradient along the straight line from 0 to each row."""
    total = np.zeros(x.shape)
    for step in range(n_steps):
        total += gradient(x * np.float32((step + 0.5) / n_steps))
    return total / n_steps
