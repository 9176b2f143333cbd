"""Fitting clones of an estimator to the rows of single genes, in whichever process."""

import warnings
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.dummy import DummyRegressor
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter
from threadpoolctl import threadpool_limits

from skepi._lasso import varies
from skepi._targets import FloatArray

# Predictions at this many points tell whether they follow from the weights, up to this share of the largest.
_N_POINTS = 32
_ROUNDING = 1e-6


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


def fit_genes(
    estimator: Any, some: list[TrainingRows], weighted: str | None, link: str | None
) -> tuple[list[Any], list[Caught]]:
    """Fit a clone to each of some genes; what they warned of comes back, too."""
    models, found = [], []
    with threadpool_limits(limits=1):
        for one in some:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                models.append(_fit_gene(estimator, one, weighted, link))
            found += [(one_kind.category, str(one_kind.message), one.name) for one_kind in caught]
    return models, found


def link_of_genes(estimator: Any, blocks: Iterable[list[TrainingRows]], weighted: str | None) -> str | None:
    """Link of the model of the first gene that has something to learn; ``"identity"`` where none has.

    Its features are shifted: of centred ones, as scaling gives them, a model that takes their means off by itself could
    not be told from one that does not.
    """
    rows = next((one for some in blocks for one in some if _has_something_to_learn(one)), None)
    if rows is None:  # all models are constants
        return "identity"
    with threadpool_limits(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the gene is fitted again with the others
        return link_of(_learned(estimator, rows._replace(values=rows.values + 1, extra=rows.extra + 1), weighted))


def link_of(model: Any) -> str | None:
    """How predictions of a fitted model follow from one weight per feature and an intercept.

    The model is given other weights and asked at points where any bend or bound of its predictions would show.

    Returns
    -------
    {"identity", "log"} or None
        Predictions are the linear predictor, or its exponential; ``None`` where neither is certain.
    """
    coef, intercept = (np.asarray(getattr(model, name, None)) for name in ("coef_", "intercept_"))
    shape, intercept = coef.shape, intercept.ravel()
    if len(shape) == 0 or max(shape) != np.prod(shape) or intercept.size != 1 or intercept.dtype == object:
        return None
    rng = np.random.default_rng(0)
    weights = rng.normal(size=shape) / np.sqrt(max(shape))
    points = 3 * (1 + np.abs(intercept)) * rng.normal(size=(_N_POINTS, weights.size))
    try:
        model.coef_ = weights
        found = np.ravel(np.asarray(model.predict(points), dtype=np.float64))
    except Exception:  # whatever a stranger's model raises: its weights are not what it predicts by
        return None
    linear = points @ np.ravel(weights) + intercept
    if _equal(found, linear):
        return "identity"
    return "log" if (found > 0).all() and _equal(np.log(found), linear) else None


def _equal(found: FloatArray, wanted: FloatArray) -> bool:
    return found.shape == wanted.shape and bool(np.abs(found - wanted).max() <= _ROUNDING * np.abs(wanted).max())


def _fit_gene(estimator: Any, rows: TrainingRows, weighted: str | None, link: str | None) -> Any:
    """A fitted model, or weights and intercept where it is linear."""
    if not _has_something_to_learn(rows):
        level = rows.target.sum() / rows.factor.sum()
        return _constant(level, rows.values.shape[1] + rows.extra.shape[1], link)
    model = _learned(estimator, rows, weighted)
    return model if link is None else (np.ravel(model.coef_), float(np.ravel(model.intercept_)[0]))


def _has_something_to_learn(rows: TrainingRows) -> bool:
    return rows.values.shape[1] + rows.extra.shape[1] > 0 and varies(rows.target / rows.factor)


def _learned(estimator: Any, rows: TrainingRows, weighted: str | None) -> Any:
    """A clone fitted to the rows of a gene, as rates with weights where there is an exposure."""
    features, rates = np.hstack([rows.values, rows.extra]).astype(np.float64), rows.target / rows.factor
    try:
        return clone(estimator).fit(features, rates, **({} if weighted is None else {weighted: rows.factor}))
    except Exception as error:
        error.add_note(f"in fitting the model of gene {rows.name}")
        raise


def _constant(level: float, n_features: int, link: str | None) -> Any:
    """Model that predicts a level, as the others are kept."""
    if link is None:
        return DummyRegressor(strategy="constant", constant=level).fit(np.zeros((1, n_features)), [level])
    with np.errstate(divide="ignore"):  # no counts at all: exp(-inf) is 0
        return np.zeros(n_features), float(np.log(level) if link == "log" else level)


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
