"""The single promises of an estimator of pairs: each check takes an unfitted clone, pairs and targets."""

import pickle
from collections.abc import Callable
from typing import Any, NoReturn
from unittest import SkipTest

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags

from skepi._fitted import end_with, part_with
from skepi.metrics import skill_scorer
from skepi.paired import PairedDataset
from skepi.testing._promises import assert_exact, assert_float32_sums, assert_float64_sums

Check = Callable[[Any, Any, NDArray[np.float64]], None]

# Values of openness that are looked for in pickled estimators.
_N_VALUES = 1_000


def _skip(reason: str) -> NoReturn:
    raise SkipTest(reason)


def _result(model: Any, X: Any) -> NDArray:
    """Predictions, or features, as one array."""
    return np.asarray(model.predict(X) if hasattr(model, "predict") else model.transform(X))


def check_clone(estimator: Any, X: Any, y: NDArray) -> None:
    """A clone has the same settings."""
    other = clone(estimator).set_params(**estimator.get_params(deep=False))
    if repr(other) != repr(estimator):
        raise AssertionError(f"the clone of {estimator!r} is {other!r}")


def check_takes_pairs(estimator: Any, X: Any, y: NDArray) -> None:
    """Pairs are fitted, and each gets finite numbers."""
    estimator.fit(X, y)
    _require_results(_result(estimator, X), X)


def _require_results(result: NDArray, X: Any) -> None:
    if len(result) != len(X) or not np.isfinite(result).all():
        n_wrong = int((~np.isfinite(result)).sum())
        raise AssertionError(f"got {len(result)} results for {len(X)} pairs, {n_wrong} of the numbers NaN or infinite")


def check_fit(estimator: Any, X: Any, y: NDArray) -> None:
    """Fitting returns the estimator and leaves its settings alone."""
    before = repr(estimator)
    got = estimator.fit(X, y)
    if got is not estimator:
        raise AssertionError(f"fit returned {type(got).__name__} in place of the estimator")
    if repr(estimator) != before:
        raise AssertionError(f"fit changed the settings from {before} to {estimator!r}")


def check_plain_arrays(estimator: Any, X: Any, y: NDArray) -> None:
    """A plain array, which knows no gene, is refused with a TypeError."""
    if _takes_arrays(estimator):
        _skip(f"{type(estimator).__name__} takes plain arrays by its tags")
    try:
        estimator.fit(np.ones((4, 2)), np.ones(4))
    except TypeError as error:
        if "pairs" not in str(error):
            raise AssertionError(f"the TypeError does not speak of pairs: {error}") from error
        return
    raise AssertionError("fit took an array of ones without a word")


def _takes_arrays(estimator: Any) -> bool:
    while isinstance(estimator, Pipeline):  # whose tags do not tell
        estimator = next((step for _, step in estimator.steps if not isinstance(step, str | None)), None)
    return estimator is None or get_tags(estimator).input_tags.two_d_array


def check_fitting_twice(estimator: Any, X: Any, y: NDArray) -> None:
    """A second fit starts anew."""
    _skip_by_tag(estimator)
    first = _result(estimator.fit(X, y), X)
    assert_exact(_result(estimator.fit(X, y), X), first)


def check_input_untouched(estimator: Any, X: Any, y: NDArray) -> None:
    """Neither fit nor prediction changes X or y."""
    X, y = pickle.loads(pickle.dumps((X, y)))
    before = pickle.dumps((X, y))
    _result(estimator.fit(X, y), X)
    if pickle.dumps((X, y)) != before:
        raise AssertionError("X or y are not what they were before the fit and the prediction")


def check_pickle(estimator: Any, X: Any, y: NDArray) -> None:
    """A pickled model predicts the same."""
    model = estimator.fit(X, y)
    assert_exact(_result(pickle.loads(pickle.dumps(model)), X), _result(model, X))


def check_holds_no_data(estimator: Any, X: Any, y: NDArray) -> None:
    """A model does not hold the openness that it was fitted on."""
    pickled, openness = pickle.dumps(estimator.fit(X, y)), X.tables.openness
    if any(_fingerprint(openness.ravel(order)) in pickled for order in ("C", "F")):
        raise AssertionError("the pickled model holds the openness that it was fitted on")


def _fingerprint(values: NDArray) -> bytes:
    """The neighbouring values of which most differ: zeros in a row would be found anywhere."""
    runs = np.array_split(values, 1 + values.size // _N_VALUES)
    return max(runs, key=lambda run: np.unique(run).size).tobytes()


def check_subset_of_rows(estimator: Any, X: Any, y: NDArray) -> None:
    """A subset of rows gets the subset of results."""
    whole = _result(estimator.fit(X, y), X)
    rows, largest = np.random.default_rng(0).permutation(len(X))[: 1 + len(X) // 4], np.abs(whole).max()
    assert_float32_sums(_result(estimator, X[rows]), whole[rows], summed=largest)
    assert_float32_sums(_result(estimator, X[rows[:1]]), whole[rows[:1]], summed=largest)


def check_order_of_training_rows(estimator: Any, X: Any, y: NDArray) -> None:
    """The order of training rows does not matter."""
    _skip_by_tag(estimator)
    drawn = [name for name, value in estimator.get_params().items() if _is_random_state(name) and value is not None]
    if drawn:
        _skip(f"{drawn[0]} is set: what is drawn at random goes by the order of rows")
    order = np.random.default_rng(0).permutation(len(X))
    straight = _result(estimator.fit(X, y), X)
    assert_float32_sums(_result(clone(estimator).fit(X[order], y[order]), X), straight)


def _is_random_state(name: str) -> bool:
    return name.rpartition("__")[2] == "random_state"


def _skip_by_tag(estimator: Any) -> None:
    """Skip where the estimator, or one inside it, states that two fits may differ."""
    for part in (estimator, *estimator.get_params().values()):
        stated = hasattr(part, "__sklearn_tags__") and not isinstance(part, type)
        if stated and get_tags(part).non_deterministic:
            _skip(f"{type(part).__name__} has the tag non_deterministic")


def check_another_data_set(estimator: Any, X: Any, y: NDArray) -> None:
    """Results follow names where peaks, genes and cell types have another order."""
    tables, rng = X.tables, np.random.default_rng(0)
    peaks, genes, cells = (rng.permutation(len(table)) for table in (tables.peaks, tables.genes, tables.cell_types))
    other = PairedDataset(
        tables.openness[peaks][:, cells],
        tables.peaks.iloc[peaks],
        tables.genes.iloc[genes],
        cell_types=tables.cell_types.iloc[cells],
        peak_features=_features(tables, peaks),
    ).pairs(tables.genes["name"], tables.cell_types["name"])
    parts = tables.openness, tables.peaks, tables.genes, None, tables.cell_types
    own = PairedDataset(*parts, _features(tables)).pairs()
    model = estimator.fit(X, y)
    assert_float32_sums(_result(model, other), _result(model, own))


def _features(tables: Any, peaks: Any = slice(None)) -> Any:
    """Features of peaks, in another order; None where there are none."""
    return None if tables.features is None else tables.features.to_frame().iloc[peaks]


def check_new_cell_types(estimator: Any, X: Any, y: NDArray) -> None:
    """New cell types need openness alone."""
    tables = X.tables
    openness = tables.openness[:, :2] * np.float32(1.7)
    parts = openness, tables.peaks, tables.genes, None, ["new one", "new two"]
    new = PairedDataset(*parts, _features(tables)).pairs()
    _require_results(_result(estimator.fit(X, y), new), new)


def check_training_mean(estimator: Any, X: Any, y: NDArray) -> None:
    """It is judged by the training means of genes, where it keeps them."""
    if not hasattr(estimator, "predict"):
        _skip(f"{type(estimator).__name__} has no predict, so there is nothing to judge")
    model = estimator.fit(X, y)
    keeper = part_with(model, "training_mean", through_targets=False)
    if keeper is None:
        _skip("it offers no training_mean, so skill cannot be measured: wrap it in GeneZTarget if it is to be judged")
    mean = np.bincount(X.gene_codes, weights=y) / np.maximum(np.bincount(X.gene_codes), 1)
    assert_float64_sums(keeper.training_mean(X), mean[X.gene_codes], summed=np.abs(y).max())
    skill_scorer(model, X, y)  # raises what stands in the way of a score


def check_standardized_model(estimator: Any, X: Any, y: NDArray) -> None:
    """Predictions are those of the standardised model, put back on the scale of the gene."""
    end, rows = _fitted_end(estimator, X, y, "standardized_model")
    seen, model = end.standardized_model(rows)
    mean, scale = end.gene_levels(rows)
    z = np.ravel(model.predict(seen))
    assert_float32_sums(np.ravel(end.predict(rows)), mean + scale * z, summed=np.abs(mean) + np.abs(scale * z))


def check_parts_of_predictions(estimator: Any, X: Any, y: NDArray) -> None:
    """Parts add up to the prediction."""
    end, rows = _fitted_end(estimator, X, y, "predict_parts")
    parts = end.predict_parts(rows).to_numpy()
    assert_float32_sums(parts.sum(axis=1), np.ravel(end.predict(rows)), summed=np.abs(parts).sum(axis=1))


def _fitted_end(estimator: Any, X: Any, y: NDArray, name: str) -> tuple[Any, Any]:
    """The fitted estimator at the end of pipelines and the rows that it sees, where it offers a method."""
    model, X = end_with(estimator.fit(X, y), X, name)
    if not hasattr(model, name):
        _skip(f"{type(model).__name__} offers no {name}")
    return model, X


#: Each check, and what to do where it fails, in the order in which they are run.
REMEDIES: dict[Check, str] = {
    check_clone: "Keep each setting in __init__ as it came, under its own name, and do nothing else there.",
    check_takes_pairs: (
        "Fit pairs and give finite numbers for each of them. An estimator of binned rows is checked behind TSSBinner() "
        "in a pipeline."
    ),
    check_fit: (
        "Let fit change no setting: what is learned goes into attributes that end in _. End fit with return self."
    ),
    check_plain_arrays: (
        "Raise a TypeError that says that pairs are needed, or state with the tag input_tags.two_d_array that plain "
        "arrays are welcome."
    ),
    check_fitting_twice: (
        "Let fit start anew, and give whatever draws at random a random_state. Where two fits must differ, state it "
        "with the tag non_deterministic."
    ),
    check_input_untouched: "Copy what you change: X and y belong to the caller.",
    check_pickle: "Keep in attributes all that predict needs, and leave out none of it in __getstate__.",
    check_holds_no_data: "Keep what was learned, not the rows: models are saved and sent to other processes.",
    check_subset_of_rows: (
        "Predict each row from itself and from what fit learned: statistics of the rows at hand change with them."
    ),
    check_order_of_training_rows: (
        "Learn from sums over rows, or sort rows first. An estimator that draws rows at random states it with a "
        "random_state."
    ),
    check_another_data_set: (
        "Find genes and cell types by their names in X.genes and X.cell_types: codes are those of one data set."
    ),
    check_new_cell_types: (
        "Predict cell types that were not trained on from their openness: a finite number for each pair."
    ),
    check_training_mean: "training_mean(X) is the mean of y over the training pairs of the gene of each row.",
    check_standardized_model: (
        "Where standardized_model(X) is offered, predictions are mean + scale * model.predict(rows), with mean and "
        "scale from gene_levels(X)."
    ),
    check_parts_of_predictions: "The columns of predict_parts(X) add up to predict(X).",
}
