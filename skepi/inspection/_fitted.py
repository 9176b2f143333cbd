"""What a fitted estimator is made of, seen from its end: binned rows, a model of them, and the target's scale."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from skepi._fitted import flat_steps, transformed
from skepi.exceptions import UnseenGeneWarning
from skepi.preprocessing import LogZScaler, Materialize
from skepi.rows import BinnedRows, is_binned


@dataclass(frozen=True)
class FittedParts:
    """A fitted estimator taken apart on given rows.

    Attributes
    ----------
    rows : BinnedRows
        As the model sees them (scaled).
    model : estimator
        Predicts from a dense array of these rows.
    target : estimator or None
        Whoever standardised the targets; ``None`` where the model predicts in units of ``y``.
    """

    rows: Any
    model: Any
    target: Any

    @property
    def of_target(self) -> str:
        """What the model predicts, for labels."""
        return "expression" if self.target is None else "standardised expression"


def take_apart(estimator: Any, X: Any) -> FittedParts:
    """Follow a fitted search, pipeline and target scaling down to the model that sees binned rows.

    Raises
    ------
    NotFittedError
        For an estimator that is not fitted.
    TypeError
        Where the rows never become binned, so that no feature has a distance from a TSS, and where targets were
        standardised twice.
    """
    _check_looked_at(estimator)
    target = None
    while True:
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif isinstance(estimator, Pipeline):
            X, estimator, whole = _through_steps(estimator, X)
            if whole:
                break
        elif not hasattr(estimator, "standardized_model"):
            break
        elif target is not None:
            raise TypeError(f"{type(estimator).__name__} inside {type(target).__name__}: targets standardised twice")
        else:
            target = estimator
            X, estimator = estimator.standardized_model(X)
    if not is_binned(X):
        raise _unbinned(X, estimator)
    return FittedParts(X, estimator, target)


def open_at_bins(estimator: Any, X: Any) -> tuple[BinnedRows, Callable[[Any], NDArray]]:
    """Binned rows where a fitted estimator first has them, and its prediction from such rows in units of ``y``.

    Scaling that belongs to slots (``slot_scaling``) is the same in every cell type, so rows are taken behind it.

    Raises
    ------
    NotFittedError, TypeError
        As :func:`take_apart`.
    """
    _check_looked_at(estimator)
    if hasattr(estimator, "best_estimator_"):
        return open_at_bins(estimator.best_estimator_, X)
    if isinstance(estimator, Pipeline):
        steps = flat_steps(estimator)
        while len(steps) > 1 and (not is_binned(X) or hasattr(steps[0], "slot_scaling")):
            if not is_binned(X) and isinstance(steps[0], LogZScaler | Materialize):
                raise _unbinned(X, steps[0])
            X = transformed(steps.pop(0), X)
        if len(steps) == 1:
            return open_at_bins(steps[0], X)
        return X, Pipeline([(str(place), rest) for place, rest in enumerate(steps)]).predict
    if is_binned(X):
        return X, estimator.predict
    if not (hasattr(estimator, "standardized_model") and hasattr(estimator, "regressor_")):
        raise _unbinned(X, estimator)
    rows, predict = open_at_bins(estimator.regressor_, X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnseenGeneWarning)  # only differences within such a gene are judged
        mean, scale = estimator.gene_levels(X)
    return rows, lambda view: mean + scale * np.ravel(predict(view))


def _check_looked_at(estimator: Any) -> None:
    check_is_fitted(estimator)
    if getattr(estimator, "refit", None) is False:
        raise ValueError(f"{type(estimator).__name__} with refit=False keeps no fitted model to look at")


def _unbinned(X: Any, step: Any) -> TypeError:
    return TypeError(
        f"importance along the distance from the TSS needs binned rows, and {type(X).__name__} reached "
        f"{type(step).__name__}: give pairs to a pipeline with TSSBinner, or binned rows to its later steps"
    )


def _through_steps(pipeline: Pipeline, X: Any) -> tuple[Any, Any, bool]:
    """Rows after the steps that keep them binned, what is left of the pipeline, and whether that is the model."""
    steps = pipeline.steps
    for k, (_, step) in enumerate(steps[:-1]):
        if isinstance(step, str) or step is None:
            continue
        if not is_binned(X) and isinstance(step, LogZScaler | Materialize):
            raise _unbinned(X, step)
        if isinstance(step, Materialize):  # what wants sparse arrays takes dense ones as well
            return X, Pipeline(steps[k + 1 :]), True
        if is_binned(X) and not _keeps_bins(step, X[:1]):
            return X, Pipeline(steps[k:]), True
        X = step.transform(X)
    return X, steps[-1][1], False


def _keeps_bins(step: Any, row: Any) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # all rows will warn
        return is_binned(step.transform(row))


def has_linear_coef(model: Any) -> bool:
    """Whether a model has one weight per feature and predicts by them; a link function makes a difference."""
    coef = getattr(model, "coef_", None)
    if coef is None or np.ndim(coef) == 0 or not _takes_arrays(model):
        return False
    weights = weights_of(model)
    points = np.random.default_rng(0).normal(size=(3, weights.size))
    found = np.ravel(np.asarray(model.predict(points), dtype=np.float64))
    if found.size != 3:
        return False
    wanted = (points - points[0]) @ weights
    tolerance = 1e-4 * np.abs(wanted).max() + 1e-12 * np.abs(found).max()  # weights may be no more than rounding
    return bool(np.allclose(found - found[0], wanted, rtol=1e-4, atol=tolerance))


def _takes_arrays(model: Any) -> bool:
    return not hasattr(model, "__sklearn_tags__") or get_tags(model).input_tags.two_d_array


def weights_of(model: Any) -> NDArray[np.float64]:
    """Weights of a linear model, (n_features,)."""
    coef = model.coef_
    return np.ravel(coef.toarray() if hasattr(coef, "toarray") else coef).astype(np.float64)
