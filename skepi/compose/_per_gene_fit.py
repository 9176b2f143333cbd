"""Fitting clones of an estimator to the rows of single genes, in whichever process."""

import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import HuberRegressor, LinearRegression, PoissonRegressor, Ridge, RidgeCV
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter
from threadpoolctl import threadpool_limits

from skepi._lasso import varies
from skepi._targets import FloatArray
from skepi.linear_model import LassoBaseline

# All linear models of scikit-learn predict by one of these, which they share in one way or another between versions.
_IDENTITY_LINK = [kind.predict for kind in (LinearRegression, Ridge, RidgeCV, HuberRegressor, LassoBaseline)]


class TrainingRows(NamedTuple):
    """What the model of one gene is fitted on.

    Attributes
    ----------
    name : str
    values : ndarray of float32, shape (n_rows, n_slots)
    extra : ndarray of float64, shape (n_rows, n_cell_type_features)
    target : ndarray of float64, shape (n_rows,)
        In units of ``y``.
    factor : ndarray of float64, shape (n_rows,)
        Exposure over its mean; 1 without exposure.
    """

    name: str
    values: NDArray[np.float32]
    extra: FloatArray
    target: FloatArray
    factor: FloatArray


Caught = tuple[type[Warning], str, str]  # category, message, gene


def fit_genes(estimator: Any, some: list[TrainingRows], weighted: str | None) -> tuple[list[Any], list[Caught]]:
    """Fit a clone to each of some genes; what they warned of comes back, too."""
    models, found = [], []
    with threadpool_limits(limits=1):
        for one in some:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                models.append(_fit_gene(estimator, one, weighted))
            found += [(one_kind.category, str(one_kind.message), one.name) for one_kind in caught]
    return models, found


def _fit_gene(estimator: Any, rows: TrainingRows, weighted: str | None) -> Any:
    """A fitted model, or weights and intercept where it is linear."""
    features = np.hstack([rows.values, rows.extra]).astype(np.float64)
    rates, link = rows.target / rows.factor, link_of(estimator)
    if features.shape[1] == 0 or not varies(rates):
        level = rows.target.sum() / rows.factor.sum()
        return _constant(level, features.shape[1], link)
    try:
        model = clone(estimator).fit(features, rates, **({} if weighted is None else {weighted: rows.factor}))
    except Exception as error:
        error.add_note(f"in fitting the model of gene {rows.name}")
        raise
    return model if link is None else (np.ravel(model.coef_), float(np.ravel(model.intercept_)[0]))


def _constant(level: float, n_features: int, link: str | None) -> Any:
    """Model that predicts a level, as the others are kept."""
    if link is None:
        return DummyRegressor(strategy="constant", constant=level).fit(np.zeros((1, n_features)), [level])
    with np.errstate(divide="ignore"):  # no counts at all: exp(-inf) is 0
        return np.zeros(n_features), float(np.log(level) if link == "log" else level)


def link_of(estimator: Any) -> str | None:
    """How the linear predictor of an estimator becomes its prediction; ``None`` for one that has no such form."""
    predict = getattr(type(estimator), "predict", None)
    if predict in _IDENTITY_LINK:
        return "identity"
    return "log" if isinstance(estimator, PoissonRegressor) and predict is PoissonRegressor.predict else None


def weight_parameter(estimator: Any) -> str:
    """Name under which ``fit`` takes weights of rows; that of the last step for a pipeline."""
    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        return f"{name}__{weight_parameter(last)}"
    if not has_fit_parameter(estimator, "sample_weight"):
        raise ValueError(
            f"exposure needs an estimator whose fit takes sample_weight, such as PoissonRegressor(), got {estimator!r}"
        )
    return "sample_weight"


def warn_together(found: list[Caught]) -> None:
    """Warn once for each category, with the number of genes and the message of the first."""
    for category in dict.fromkeys(category for category, _, _ in found):
        messages = {gene: message for kind, message, gene in reversed(found) if kind is category}
        gene, message = list(messages.items())[-1]
        warnings.warn(f"in the models of {len(messages)} gene(s) ({gene}, ...): {message}", category, stacklevel=3)
