"""What every estimator promises: scikit-learn's checks on arrays, skepi's own on pairs."""

import warnings
from collections import Counter
from unittest import SkipTest

import numpy as np
import pandas as pd
import pytest
from discovery import public_estimators
from promises import assert_float32_sums
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import check_estimator

from skepi.baselines import DistanceDecay, NearestCellTypes, PromoterSum, TrainingFrequency, TrainingMean
from skepi.binning import BinnerUnion, TSSBinner, symmetric_edges
from skepi.classification import above_median
from skepi.compose import (
    BatchCorrection,
    BucketedRegressor,
    GeneZTarget,
    PerGeneLassoCV,
    PerGeneRegressor,
    ResidualRegressor,
)
from skepi.gaussian_process import CisTransRegressor
from skepi.landmarks import LandmarkRegressor
from skepi.linear_model import LassoBaseline, LassoBaselineCV, TFProductLasso
from skepi.model_selection import CellTypeKFold, ResumableGridSearchCV
from skepi.motifs import MotifScanner
from skepi.neural_network import (
    BinAttention,
    BinAttentionClassifier,
    BinCNN,
    BinCNNClassifier,
    ExpressionMLP,
    SequenceOpenness,
)
from skepi.normalization import ExpressionNormalizer
from skepi.preprocessing import AppendContext, LogZScaler, Materialize
from skepi.testing import PAIR_CHECKS, parametrize_with_pair_checks
from skepi.tf_activity import MotifDeviations

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
    LassoBaselineCV(lams=3, one_gene=True),
    LassoBaselineCV(lams=[0.01, 0.1], scaler="passthrough", sd_offset=0.0, one_gene=True),
    ExpressionMLP(hidden=(32,), lr=0.01),
    BinCNN(filters=16, width=1, pool=1, hidden=(16,), dropout=0.0, lr=0.02),
    BinCNNClassifier(filters=16, width=1, pool=1, hidden=(16,), dropout=0.0, lr=0.02),
    BinAttention(bin_units=8, signal_units=8, lr=0.02),
    BinAttentionClassifier(bin_units=8, signal_units=8, lr=0.02),
    GeneZTarget(one_gene=True),
    GeneZTarget(Ridge(), one_gene=True),
    LandmarkRegressor(),
]
OF_SAMPLES = {ExpressionNormalizer, LandmarkRegressor}  # rows are samples and never pairs
OF_DNA = {MotifScanner, SequenceOpenness}  # rows are windows of letters: held to their law in files of their own
OF_PEAKS = {MotifDeviations}  # fit takes three tables of peaks: held to its law in tests/test_motif_deviations.py
RULES = {TrainingMean, TrainingFrequency, NearestCellTypes, PromoterSum, DistanceDecay}
NEED_PAIRS = {
    AppendContext,
    BatchCorrection,  # in tests/test_batch_correction.py, too, on a pool
    BinnerUnion,
    BucketedRegressor,
    CisTransRegressor,
    PerGeneLassoCV,
    PerGeneRegressor,
    ResidualRegressor,
    TFProductLasso,
    TSSBinner,
    *RULES,
}
GUARDED = {GeneZTarget, LassoBaselineCV}  # take plain arrays only where they are told to
CLASSIFIERS = {BinAttentionClassifier, BinCNNClassifier}  # held to the checks on pairs in files of their own
SEARCHES = {ResumableGridSearchCV}  # held to GridSearchCV in tests/test_resumable.py

EDGES = symmetric_edges([0, 1_000, 5_000, 20_000, 100_000])
SMALL_CNN = BinCNN(filters=4, width=2, hidden=(8,), lr=0.01, batch_size=64, max_epochs=3, random_state=0)
SMALL_READER = BinAttention(bin_units=4, signal_units=4, lr=0.01, batch_size=64, max_epochs=3, random_state=0)
SMALL_NET = ExpressionMLP((16,), lr=0.01, batch_size=64, max_epochs=3, random_state=0)


def on_pairs(*last):
    return Pipeline([("bins", TSSBinner(edges=EDGES)), *last])


WITHOUT_TARGET = on_pairs(("scale", LogZScaler()), ("model", SMALL_NET))
PAIR_MODELS = {
    "Lasso": on_pairs(("scale", LogZScaler()), ("model", GeneZTarget(LassoBaseline()))),
    "report's z-score": on_pairs(("scale", LogZScaler(0)), ("model", GeneZTarget(LassoBaseline(), sd_offset=0))),
    "Lasso by cross-validation": on_pairs(("model", LassoBaselineCV([1e-2, 1e-3]))),
    "network": on_pairs(("scale", LogZScaler()), ("model", GeneZTarget(SMALL_NET))),
    "network without target": WITHOUT_TARGET,
    "network along the bins": on_pairs(("scale", LogZScaler()), ("model", GeneZTarget(SMALL_CNN))),
    "network with attention": on_pairs(("scale", LogZScaler()), ("model", GeneZTarget(SMALL_READER))),
    "Ridge on csr": on_pairs(
        ("scale", LogZScaler()), ("model", GeneZTarget(make_pipeline(Materialize("csr"), Ridge())))
    ),
    "ridge with context": on_pairs(("context", AppendContext(2)), ("model", GeneZTarget(Ridge()))),
    "cis and cell state": on_pairs(("model", CisTransRegressor())),
    "own cis": on_pairs(("model", CisTransRegressor(own_cis=True))),
    "one ridge a gene": on_pairs(("scale", LogZScaler()), ("model", PerGeneRegressor(Ridge(3)))),
    "one Lasso a gene": on_pairs(("model", PerGeneLassoCV([0.3, 0.03]))),
    "batch correction": on_pairs(("model", BatchCorrection(batch="lineage", learn_from="all"))),
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
    "products with TFs": TFProductLasso(["gene00003", "gene00007"]),
    "training mean": TrainingMean(),
    "nearest cell type": NearestCellTypes(edges=EDGES),
    "two nearest": on_pairs(("model", NearestCellTypes(2, weights="distance"))),
    "promoter sum": PromoterSum(),
    "distance decay": DistanceDecay(),
    "target around the pipeline": GeneZTarget(on_pairs(("scale", LogZScaler()), ("model", Ridge()))),
}
PAIR_CLASSIFIERS = {
    "training frequency": TrainingFrequency(),
    "logistic regression": on_pairs(
        ("scale", LogZScaler()), ("dense", Materialize()), ("model", LogisticRegression(tol=1e-8, max_iter=1_000))
    ),
}
PAIR_STEPS = {
    "TSSBinner": on_pairs(),
    "BinnerUnion": Pipeline(
        [("bins", BinnerUnion([("near", TSSBinner(edges=EDGES)), ("far", TSSBinner(edges=[100_000, 300_000]))]))]
    ),
    "LogZScaler": on_pairs(("scale", LogZScaler())),
    "AppendContext": on_pairs(("scale", LogZScaler()), ("context", AppendContext(2))),
    "Materialize": on_pairs(("scale", LogZScaler()), ("dense", Materialize())),
}


def test_every_public_estimator_is_checked():
    found = public_estimators()
    assert len(found) >= 7
    assert found == {type(estimator) for estimator in ON_ARRAYS} | NEED_PAIRS | SEARCHES | OF_DNA | OF_PEAKS


# Settings of an estimator that is checked by default with others, and networks that share all but their module with
# `ExpressionMLP` or with `BinCNNClassifier`.
ARRAY_VARIANTS = [ON_ARRAYS[place] for place in (1, 2, 4, 5, 7, 10, 12, 14, 15)]


@pytest.mark.parametrize(
    "estimator",
    [pytest.param(one, marks=[pytest.mark.slow] * any(one is other for other in ARRAY_VARIANTS)) for one in ON_ARRAYS],
    ids=repr,
)
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


def made(kind):
    """By default, or of what it cannot do without."""
    needed = {BinnerUnion: [("bins", TSSBinner())], TFProductLasso: ["GATA1"]}
    return kind(needed[kind]) if kind in needed else kind()


@pytest.mark.parametrize("estimator", [made(kind) for kind in sorted(NEED_PAIRS | GUARDED, key=str)], ids=repr)
def test_estimators_that_need_pairs_say_so(estimator):
    assert not get_tags(estimator).input_tags.two_d_array
    check = next(check for check in PAIR_CHECKS if check.name == "check_plain_arrays")
    check(estimator)


# Settings of an estimator that is checked by default with others.
VARIANTS = (
    *("report's z-score", "network without target", "own cis", "buckets by expression"),
    *("Ridge on csr", "two nearest", "target around the pipeline"),
)


def test_every_public_estimator_that_takes_pairs_is_held_to_the_pair_checks():
    held = set()
    for model in [*PAIR_MODELS.values(), *PAIR_CLASSIFIERS.values(), *PAIR_STEPS.values()]:
        held |= {type(model), *map(type, model.get_params().values())}
    assert public_estimators() - held == OF_SAMPLES | CLASSIFIERS | SEARCHES | OF_DNA | OF_PEAKS


@pytest.mark.filterwarnings("ignore::skepi.exceptions.UnseenBatchWarning")  # new data sets name no batch
@parametrize_with_pair_checks({name: model for name, model in PAIR_MODELS.items() if name not in VARIANTS} | PAIR_STEPS)
def test_pair_checks(estimator, check):
    run(estimator, check)


@pytest.mark.slow
@parametrize_with_pair_checks({name: PAIR_MODELS[name] for name in VARIANTS})
def test_pair_checks_of_variants(estimator, check):
    run(estimator, check)


@parametrize_with_pair_checks(PAIR_CLASSIFIERS)
def test_pair_checks_of_classifiers(estimator, check, pairs):
    X, y = pairs
    try:
        check(estimator, X, above_median(X, y))
    except SkipTest:
        assert check.name in ("check_standardized_model", "check_parts_of_predictions", "check_training_mean")
        raise


def run(estimator, check):
    """Only checks of what is not offered may be skipped, and those of row order for a network."""
    try:
        check(estimator)
    except SkipTest:
        parts = {type(estimator), *map(type, estimator.get_params().values())}
        assert (
            check.name in ("check_standardized_model", "check_parts_of_predictions")
            or (check.name == "check_order_of_training_rows" and parts & {BinAttention, BinCNN, ExpressionMLP})
            or (check.name == "check_training_mean" and estimator in [*PAIR_STEPS.values(), WITHOUT_TARGET])
        )
        raise


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.long] * (name not in ("Lasso", "network", "cis and cell state")))
        for name in PAIR_MODELS
    ],
)
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
