"""What a fitted estimator is made of, found by what its parts offer and never by their class.

The protocol, which any estimator may follow:

==============================  ====================================================================================
offered                         meaning
==============================  ====================================================================================
``best_estimator_``             a search: the fitted estimator that predicts
``steps``                       a pipeline: transformers and, last, the estimator
``training_mean(X)``            training mean of the gene of each row, NaN for a gene without training pairs
``standardized_model(X)``       the target was standardised per gene: rows as the model of the standardised target sees
                                them, and that model; predictions are ``mean + scale * model.predict(rows)``
``gene_levels(X)``              with it: mean and scale of the gene of each row
``regressor_``                  with it: the model, where it takes the rows that the estimator itself takes
``coef_``, ``intercept_``       a linear model of the features
``input_gradients(X)``          derivative of each row's prediction by its features
``bin_attention(X, by)``,       how much a network looks at each bin of a signal, and at each signal, as tables
``signal_attention(X, by)``
``predict_parts(X)``            parts that the prediction is the sum of
``slot_scaling(X)``             a transformer that scales each slot alike in all cell types
==============================  ====================================================================================
"""

from collections.abc import Iterator
from typing import Any

from sklearn.pipeline import Pipeline


def parts_of(estimator: Any, *, through_targets: bool = True) -> Iterator[Any]:
    """Yield an estimator, fitted or not, and those inside it, outermost first.

    ``through_targets=False`` stops where the target was transformed: what lies inside predicts in other units.
    """
    while estimator is not None:
        yield estimator
        estimator = _inner(estimator, through_targets)


def part_with(estimator: Any, *names: str, through_targets: bool = True) -> Any:
    """First part that has all of these attributes; ``None`` where there is none."""
    parts = parts_of(estimator, through_targets=through_targets)
    return next((part for part in parts if all(hasattr(part, name) for name in names)), None)


def last_step(estimator: Any) -> Any:
    """What gets the parameters of ``predict``: the last step of a pipeline, or the estimator itself."""
    while isinstance(estimator, Pipeline):
        estimator = estimator.steps[-1][1]
    return estimator


def flat_steps(pipeline: Pipeline) -> list[Any]:
    """Steps of a pipeline and of the pipelines inside it, in the order in which rows pass them."""
    steps = []
    for _, step in pipeline.steps:
        steps += flat_steps(step) if isinstance(step, Pipeline) else [step]
    return steps


def transformed(step: Any, X: Any) -> Any:
    """Rows behind a step of a pipeline, which may be ``"passthrough"``."""
    return X if step is None or isinstance(step, str) else step.transform(X)


def end_with(estimator: Any, X: Any, name: str) -> tuple[Any, Any]:
    """The first part of a fitted estimator that offers a method, or its end, and the rows that this part sees."""
    while not hasattr(estimator, name):
        if isinstance(estimator, Pipeline):
            for _, step in estimator.steps[:-1]:
                X = transformed(step, X)
        inner = _inner(estimator, through_targets=False)
        if inner is None:
            break
        estimator = inner
    return estimator, X


def _inner(estimator: Any, through_targets: bool) -> Any:
    if isinstance(estimator, Pipeline):
        return estimator.steps[-1][1] if estimator.steps else None
    if hasattr(estimator, "refit"):  # a search
        return getattr(estimator, "best_estimator_", getattr(estimator, "estimator", None))
    if through_targets and hasattr(estimator, "standardized_model"):
        return getattr(estimator, "regressor_", getattr(estimator, "regressor", None))
    return None
