"""Nonsense in any setting of a model is refused before anything is fitted, by the name of the parameter."""

import inspect

import pytest

from skepi import linear_model, neural_network
from skepi.binning import TSSBinner
from skepi.compose import GeneZTarget, PerGeneLassoCV, PerGeneRegressor

MODELS = [getattr(room, name) for room in (linear_model, neural_network) for name in room.__all__]
MODELS += [GeneZTarget, PerGeneLassoCV, PerGeneRegressor]
SMALL_CNN = {"filters": 2, "width": 1, "pool": 1, "hidden": (4,), "max_epochs": 1, "random_state": 0}
SMALL_READER = {"bin_units": 2, "signal_units": 2, "max_epochs": 1, "random_state": 0}
SMALL = {
    "ExpressionMLP": {"hidden": (4,), "max_epochs": 1, "random_state": 0},
    "BinAttention": SMALL_READER,
    "BinAttentionClassifier": SMALL_READER,
    "BinCNN": SMALL_CNN,
    "BinCNNClassifier": SMALL_CNN,
    "TFProductLasso": {"tfs": ["gene00003"]},
}

# Checked by scikit-learn and joblib, which say what they take; sd_offset has a test of its own in test_compose.py.
ELSEWHERE = {"random_state", "n_jobs", "sd_offset"}


class Nonsense:
    """No number, no text, no estimator."""


SETTINGS = [(model, name) for model in MODELS for name in inspect.signature(model).parameters if name not in ELSEWHERE]


@pytest.fixture(scope="module")
def rows(simulated):
    X, y = simulated[0].pairs(return_X_y=True)
    return TSSBinner(edges=[-20_000, 0, 20_000]).fit_transform(X), y


def test_all_models_are_here():
    assert len(MODELS) == 12
    assert len(SETTINGS) > 35


@pytest.mark.parametrize(("model", "name"), SETTINGS, ids=[f"{model.__name__}-{name}" for model, name in SETTINGS])
@pytest.mark.parametrize("value", [Nonsense(), -5, float("nan")], ids=["object", "-5", "nan"])
def test_nonsense_is_refused_by_the_name_of_the_parameter(rows, model, name, value):
    settings = {**SMALL.get(model.__name__, {}), name: value}
    with pytest.raises((TypeError, ValueError), match=rf"\b{name}\b"):
        model(**settings).fit(*rows)
