"""What every estimator promises: scikit-learn's checks on arrays, skepi's own on pairs."""

import importlib
import inspect
import pickle
import pkgutil
import warnings
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from promises import assert_float32_sums
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import check_estimator

import skepi
from skepi.baselines import DistanceDecay, NearestCellTypes, PromoterSum, TrainingMean
from skepi.binning import TSSBinner, symmetric_edges
from skepi.compose import BucketedRegressor, GeneZTarget, PerGeneLassoCV, PerGeneRegressor, ResidualRegressor
from skepi.gaussian_process import CisTransRegressor
from skepi.linear_model import LassoBaseline, LassoBaselineCV
from skepi.model_selection import CellTypeKFold, ResumableGridSearchCV
from skepi.neural_network import ExpressionMLP
from skepi.normalization import ExpressionNormalizer
from skepi.paired import PairedDataset
from skepi.preprocessing import AppendContext, LogZScaler, Materialize

ON_ARRAYS = [
    ExpressionNormalizer("quantile"),
    ExpressionNormalizer("tmm"),
    ExpressionNormalizer("log_cpm"),
    LogZScaler(),
    LogZScaler(scale_floor=0),
    LogZScaler(scale_floor=float("inf")),
    Materialize("dense"),
    Materialize("csr"),
    LassoBaseline(),
    LassoBaselineCV(lams=3),
    LassoBaselineCV(lams=[0.01, 0.1], scaler="passthrough", sd_offset=0.0),
    ExpressionMLP(hidden=(32,), lr=0.01),
    GeneZTarget(),
    GeneZTarget(Ridge()),
]
RULES = {TrainingMean, NearestCellTypes, PromoterSum, DistanceDecay}
NEED_PAIRS = {
    AppendContext,
    BucketedRegressor,
    CisTransRegressor,
    PerGeneLassoCV,
    PerGeneRegressor,
    ResidualRegressor,
    TSSBinner,
    *RULES,
}
SEARCHES = {ResumableGridSearchCV}  # held to GridSearchCV in tests/test_resumable.py

EDGES = symmetric_edges([0, 1_000, 5_000, 20_000, 100_000])
SMALL_NET = ExpressionMLP((16,), lr=0.01, batch_size=64, max_epochs=3, random_state=0)


def on_pairs(*last):
    return Pipeline([("bins", TSSBinner(edges=EDGES)), *last])


PAIR_MODELS = {
    "Lasso": on_pairs(("scale", LogZScaler()), ("model", GeneZTarget(LassoBaseline()))),
    "report's z-score": on_pairs(("scale", LogZScaler(0)), ("model", GeneZTarget(LassoBaseline(), sd_offset=0))),
    "Lasso by cross-validation": on_pairs(("model", LassoBaselineCV([1e-2, 1e-3]))),
    "network": on_pairs(("scale", LogZScaler()), ("model", GeneZTarget(SMALL_NET))),
    "network without target": on_pairs(("scale", LogZScaler()), ("model", SMALL_NET)),
    "Ridge on csr": on_pairs(
        ("scale", LogZScaler()), ("model", GeneZTarget(make_pipeline(Materialize("csr"), Ridge())))
    ),
    "ridge with context": on_pairs(("context", AppendContext(2)), ("model", GeneZTarget(Ridge()))),
    "cis and cell state": on_pairs(("model", CisTransRegressor())),
    "own cis": on_pairs(("model", CisTransRegressor(own_cis=True))),
    "one ridge a gene": on_pairs(("scale", LogZScaler()), ("model", PerGeneRegressor(Ridge(3)))),
    "one Lasso a gene": on_pairs(("model", PerGeneLassoCV([0.3, 0.03]))),
    "residual": on_pairs(("model", ResidualRegressor(Ridge(10.0)))),
    "buckets": BucketedRegressor(
        on_pairs(("scale", LogZScaler()), ("model", GeneZTarget(Ridge()))), min_cell_types=2, max_distance=float("inf")
    ),
    "buckets by expression": on_pairs(
        (
            "model",
            BucketedRegressor(
                GeneZTarget(make_pipeline(LogZScaler(), Ridge())),
                phenotype="expression",
                min_cell_types=2,
                max_distance=float("inf"),
            ),
        )
    ),
    "training mean": TrainingMean(),
    "nearest cell type": NearestCellTypes(edges=EDGES),
    "two nearest": on_pairs(("model", NearestCellTypes(2, weights="distance"))),
    "promoter sum": PromoterSum(),
    "distance decay": DistanceDecay(),
    "target around the pipeline": GeneZTarget(on_pairs(("scale", LogZScaler()), ("model", Ridge()))),
}
PAIR_STEPS = {
    "TSSBinner": on_pairs(),
    "LogZScaler": on_pairs(("scale", LogZScaler())),
    "AppendContext": on_pairs(("scale", LogZScaler()), ("context", AppendContext(2))),
    "Materialize": on_pairs(("scale", LogZScaler()), ("dense", Materialize())),
}


def public_estimators():
    found = set()
    for module in pkgutil.walk_packages(skepi.__path__, "skepi."):
        if "._" in module.name:
            continue
        for _, member in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if member.__module__.startswith("skepi") and issubclass(member, BaseEstimator):
                found.add(member)
    return found


def test_every_public_estimator_is_checked():
    found = public_estimators()
    assert len(found) >= 7
    assert found == {type(estimator) for estimator in ON_ARRAYS} | NEED_PAIRS | SEARCHES


@pytest.mark.parametrize("estimator", ON_ARRAYS, ids=repr)
def test_scikit_learn_checks_on_arrays(estimator, capsys):
    tags = get_tags(estimator)
    assert not tags.no_validation
    assert not tags.non_deterministic
    assert tags.input_tags.two_d_array
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        checks = check_estimator(estimator, on_fail=None)
    status = Counter(check["status"] for check in checks)
    with capsys.disabled():
        print(f"\n{estimator!r}: {status['passed']} checks passed, {dict(status)}")
    assert [check["check_name"] for check in checks if check["status"] in ("failed", "xfail")] == []
    assert [check["check_name"] for check in checks if check["status"] == "skipped"] in (
        [],
        ["check_array_api_input"],  # needs an environment variable before SciPy is imported
    )
    assert status["passed"] >= 40


@pytest.mark.parametrize("estimator", [kind() for kind in sorted(NEED_PAIRS, key=str)], ids=repr)
def test_estimators_that_need_pairs_say_so(estimator):
    assert not get_tags(estimator).input_tags.two_d_array
    with pytest.raises(TypeError, match="needs pairs"):
        estimator.fit(np.ones((4, 2)), np.ones(4))


def outcome(model, X):
    """Predictions, or features, as one array."""
    return model.predict(X) if hasattr(model, "predict") else np.asarray(model.transform(X))


# Settings of an estimator that is checked by default with others.
VARIANT = dict.fromkeys(
    ["report's z-score", "network without target", "own cis", "buckets by expression"], pytest.mark.slow
)


@pytest.fixture(params=[pytest.param(name, marks=VARIANT.get(name, ())) for name in [*PAIR_MODELS, *PAIR_STEPS]])
def model(request):
    return clone({**PAIR_MODELS, **PAIR_STEPS}[request.param])


@pytest.fixture
def fitted(model, pairs):
    return model.fit(*pairs)


def test_clone_and_parameters(model):
    assert repr(clone(model)) == repr(model)
    assert clone(model).set_params(**model.get_params(deep=False)).get_params().keys() == model.get_params().keys()


def test_fitting_twice_gives_the_same(fitted, pairs):
    first = outcome(fitted, pairs[0])
    np.testing.assert_array_equal(outcome(fitted.fit(*pairs), pairs[0]), first)


def test_fitting_leaves_the_input_untouched(model, simulated):
    data = simulated[0]
    X, y = data.pairs(return_X_y=True)
    before = pickle.dumps((X, y))
    outcome(model.fit(X, y), X)
    assert pickle.dumps((X, y)) == before


def test_pickle_predicts_the_same_and_holds_no_data(fitted, pairs):
    X, _ = pairs
    data_bytes = X.tables.openness.tobytes()[:4096]
    pickled = pickle.dumps(fitted)
    assert data_bytes not in pickled
    np.testing.assert_array_equal(outcome(pickle.loads(pickled), X), outcome(fitted, X))


def test_a_subset_of_rows_gives_the_subset_of_results(fitted, pairs, rng):
    X, _ = pairs
    rows = rng.choice(len(X), size=37, replace=False)
    whole = outcome(fitted, X)
    assert_float32_sums(outcome(fitted, X[rows]), whole[rows])
    assert_float32_sums(outcome(fitted, X[rows[:1]]), whole[rows[:1]], summed=np.abs(whole).max())


@pytest.mark.parametrize("name", [name for name in PAIR_MODELS if "network" not in name])
def test_the_order_of_training_rows_is_irrelevant(name, pairs, rng):
    X, y = pairs
    order = rng.permutation(len(X))
    straight = clone(PAIR_MODELS[name]).fit(X, y).predict(X)
    assert_float32_sums(clone(PAIR_MODELS[name]).fit(X[order], y[order]).predict(X), straight)


def test_another_data_set_with_the_same_content_gives_the_same(fitted, simulated, rng):
    """Other peak order, other gene order, other cell-type order: results follow the names."""
    data = simulated[0]
    peaks, genes, cells = (rng.permutation(len(table)) for table in (data.peaks, data.genes, data.cell_types))
    other = PairedDataset(
        data.openness[peaks][:, cells],
        data.peaks.iloc[peaks],
        data.genes.iloc[genes],
        cell_types=data.cell_types.iloc[cells],
    )
    names = data.genes["name"], data.cell_types["name"]
    assert_float32_sums(outcome(fitted, other.pairs(*names)), outcome(fitted, data.pairs()))


def test_new_cell_types_need_openness_alone(fitted, simulated):
    data = simulated[0]
    new = PairedDataset(
        data.openness[:, :2] * np.float32(1.7), data.peaks, data.genes, cell_types=["new one", "new two"]
    )
    out = outcome(fitted, new.pairs())
    assert out.shape[0] == 2 * len(data.genes)
    assert np.isfinite(out).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", PAIR_MODELS)
def test_two_processes_give_the_same_as_one(name, pairs):
    X, y = pairs
    model = PAIR_MODELS[name]
    one = cross_val_predict(model, X, y, cv=CellTypeKFold(3))
    two = cross_val_predict(model, X, y, cv=CellTypeKFold(3), n_jobs=2)
    assert_float32_sums(two, one)


def test_grid_search_over_lambdas_dropout_and_architectures(pairs):
    X, y = pairs
    grid = [
        {"model__regressor": [LassoBaseline()], "model__regressor__lam": [1e-2, 1e-3]},
        {
            "model__regressor": [SMALL_NET],
            "model__regressor__dropout": [0.0, 0.5],
            "model__regressor__hidden": [(8,), (8, 4)],
        },
        {"bins__edges": [EDGES, EDGES[::2]]},
    ]
    search = GridSearchCV(PAIR_MODELS["Lasso"], grid, cv=CellTypeKFold(3), error_score="raise")
    search.fit(X, y)
    results = pd.DataFrame(search.cv_results_)
    assert len(results) == 8
    assert np.isfinite(results["mean_test_score"]).all()
    assert results["mean_test_score"].nunique() == 8 - 1  # lam=1e-3 on EDGES stands in the grid twice
    assert search.best_score_ > 0
