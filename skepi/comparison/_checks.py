"""What a comparison asks of its arguments, before anything is fitted."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import clone

from skepi._dataset import check_dataset
from skepi._doors import check_count
from skepi._permutations import CONTROLS
from skepi._resampling import check_bootstrap
from skepi._rows import NO_NUMBERS
from skepi.exceptions import MissingExpressionError
from skepi.paired import PairedDataset


def check_data(data: Any) -> None:
    """Refuse anything but a data set with expression."""
    check_dataset(data)
    if data.expression is None:
        raise MissingExpressionError("data: this data set holds openness only, so there is nothing to compare with")


def check_settings(n_bootstrap: Any, level: Any, interval_level: Any, n_permutations: Any, controls: Any) -> None:
    """Refuse settings out of range and unknown controls."""
    check_bootstrap(n_bootstrap, level)
    check_count("n_permutations", n_permutations, 1)
    if not 0 < interval_level < 1:
        raise ValueError(f"interval_level must be between 0 and 1, got {interval_level!r}")
    if isinstance(controls, str) or any(control not in CONTROLS for control in controls):
        raise ValueError(f"controls must be some of {CONTROLS} in a tuple, got {controls!r}")


def check_normalizer(normalizer: Any) -> None:
    """Refuse what cannot be fitted to cell types and asked which genes it keeps."""
    lacking = [name for name in ("fit", "transform", "get_support", "get_params") if not hasattr(normalizer, name)]
    if normalizer is not None and lacking:
        raise TypeError(
            f"normalizer: wanted one such as ExpressionNormalizer(), got {normalizer!r} without {', '.join(lacking)}"
        )


def checked_models(models: Any, data: PairedDataset) -> dict[str, Any]:
    """Clones of the models by name, in the order given.

    Raises
    ------
    TypeError
        For anything but a dict of estimators, and for models that take arrays where they get pairs.
    ValueError
        For no models.
    """
    if not isinstance(models, Mapping):
        raise TypeError(f"models: wanted a dict of estimators by name, got {type(models).__name__}")
    if not models:
        raise ValueError("models: wanted at least one, got none")
    for name, model in models.items():
        if not isinstance(name, str):
            raise TypeError(f"models: names must be text, got {name!r}")
        if isinstance(model, type) or not all(hasattr(model, m) for m in ("fit", "predict", "get_params")):
            raise TypeError(f"models: {name!r} is no estimator that fits and predicts, but {model!r}")
        _check_takes_pairs(name, model, data)
    return {name: clone(model) for name, model in models.items()}


def _check_takes_pairs(name: str, model: Any, data: PairedDataset) -> None:
    """Try the first step on two rows where it is one of scikit-learn's, which look at their input first of all."""
    first = _first_step(model)
    if not type(first).__module__.startswith("sklearn.") or _holds_estimators(first):
        return
    X = data.pairs()[:2]
    try:
        clone(first).fit(X, np.arange(len(X), dtype=np.float64))
    except TypeError as error:
        if NO_NUMBERS in str(error):
            raise TypeError(
                f"models: {name!r} begins with {type(first).__name__}, which is fitted on arrays; wanted a model of "
                "pairs, such as make_pipeline(TSSBinner(), LogZScaler(), GeneZTarget(...))"
            ) from error
    except Exception:  # what two rows are too few for says nothing about the model
        return


def _first_step(model: Any) -> Any:
    """Part of a model that is the first to see the rows."""
    while True:
        if hasattr(model, "steps"):
            steps = [step for _, step in model.steps if step is not None and not isinstance(step, str)]
            if not steps:
                return model
            model = steps[0]
        elif type(model).__module__.startswith("sklearn.model_selection") and hasattr(model, "estimator"):
            model = model.estimator
        else:
            return model


def _holds_estimators(model: Any) -> bool:
    return any(hasattr(value, "fit") for value in model.get_params().values())
