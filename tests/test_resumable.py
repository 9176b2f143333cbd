"""Searches that resume: scikit-learn's own results, however often they are interrupted, and no fit made twice."""

import json
import os
import pickle
import random
import re
import signal
import subprocess
import sys
import time
import warnings
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import sklearn
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.cluster import KMeans
from sklearn.exceptions import FitFailedWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import make_scorer, mean_absolute_error, mean_squared_error
from sklearn.model_selection import GridSearchCV, KFold, ParameterGrid, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skepi.binning import TSSBinner, symmetric_edges
from skepi.compose import GeneZTarget
from skepi.datasets import make_paired_openness
from skepi.linear_model import LassoBaseline
from skepi.metrics import skill_scorer
from skepi.model_selection import (
    CellTypeKFold,
    ChromosomeKFold,
    CrossedKFold,
    GeneKFold,
    LeaveOneCellTypeOut,
    LineageKFold,
    PairKFold,
    ResumableGridSearchCV,
    _outcomes,
    _resumable,
)
from skepi.neural_network import ExpressionMLP
from skepi.paired import PairedDataset, _tables
from skepi.preprocessing import LogZScaler

TESTS = Path(__file__).parent
EDGES = symmetric_edges([0, 1_000, 20_000])
unseen_genes = pytest.mark.filterwarnings("ignore::skepi.exceptions.UnseenGeneWarning")

# When fits of Counted are interrupted, and which fail with what; no part of any key.
STOP = {"at": None, "fails": (), "error": ZeroDivisionError}


class Counted(RegressorMixin, BaseEstimator):
    """Ridge that writes a line for every fit, and can be interrupted, or held up at a gate after four fits."""

    def __init__(self, alpha=1.0, log=None, gate=None):
        self.alpha = alpha
        self.log = log
        self.gate = gate

    def fit(self, X, y, sample_weight=None):
        if n_lines(self.log) == STOP["at"]:
            raise KeyboardInterrupt
        if self.alpha in STOP["fails"]:
            raise STOP["error"]("as it was told to")
        while self.gate is not None and n_lines(self.log) >= 4 and not Path(self.gate).exists():
            time.sleep(0.01)
        with open(self.log, "a") as log:
            log.write(f"{self.alpha}\n")
        self.model_ = Ridge(self.alpha).fit(X, y, sample_weight)
        return self

    def predict(self, X):
        return self.model_.predict(X)


class Keeps(RegressorMixin, BaseEstimator):
    """Predicts the sum of whatever settings it was given."""

    def __init__(self, setting=None):
        self.setting = setting

    def fit(self, X, y):
        self.is_fitted_ = True
        return self

    def predict(self, X):
        return np.zeros(len(X))


def n_lines(path):
    return len(Path(path).read_text().splitlines()) if path is not None and Path(path).exists() else 0


def arrays(seed=0, n=40):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    return X, X @ [1.0, -2.0, 0.5] + rng.normal(size=n)


def pipeline(regressor=None):
    last = GeneZTarget(Ridge() if regressor is None else regressor)
    return Pipeline([("bins", TSSBinner(edges=EDGES)), ("scale", LogZScaler()), ("model", last)])


def kept(folder):
    return sorted(os.listdir(folder))


def assert_same(search, other, times=False):
    """All that two searches found, to the bit."""
    assert list(search.cv_results_) == list(other.cv_results_)
    for name, values in search.cv_results_.items():
        if values is search.cv_results_["params"] or values.dtype == object:
            assert list(map(repr, values)) == list(map(repr, other.cv_results_[name]))
        elif times or not name.endswith("_time"):
            assert values.dtype == other.cv_results_[name].dtype
            np.testing.assert_array_equal(values, other.cv_results_[name])
    for name in ("best_index_", "best_score_", "n_splits_", "multimetric_"):
        assert getattr(search, name, "none") == getattr(other, name, "none")
    assert repr(getattr(search, "best_params_", None)) == repr(getattr(other, "best_params_", None))


def absolute_error(estimator, X, y):
    return -mean_absolute_error(y, estimator.predict(X))


def several(estimator, X, y):
    error = estimator.predict(X) - y
    return {"bias": float(error.mean()), "mse": float(-np.mean(error**2))}


def fails_on_some(estimator, X, y):
    if estimator.alpha == 1.0:
        raise ZeroDivisionError("this score fails")
    return 1.0


def of_least_error(results):
    return int(np.argmax(results["mean_test_error"]))


# --- the same as GridSearchCV

ALPHAS = {"alpha": [0.1, 10.0, 1000.0]}
SEARCHES = {
    "score of the estimator": {},
    "name": {"scoring": "neg_mean_absolute_error"},
    "function": {"scoring": absolute_error},
    "made from a function": {"scoring": make_scorer(mean_squared_error, greater_is_better=False)},
    "names": {"scoring": ["r2", "neg_mean_absolute_error"], "refit": "r2"},
    "names in a tuple, no refit": {"scoring": ("r2", "neg_mean_absolute_error"), "refit": False},
    "dict": {"scoring": {"error": absolute_error, "r2": "r2"}, "refit": of_least_error},
    "one that is called score": {"scoring": {"score": "r2"}, "refit": "score"},
    "function that gives several": {"scoring": several, "refit": "mse"},
    "training scores": {"return_train_score": True},
    "training scores of several": {"scoring": several, "refit": False, "return_train_score": True},
    "no refit": {"refit": False},
    "errors are raised": {"error_score": "raise"},
    "splits in a list": {"cv": [(np.arange(30), np.arange(30, 40)), (np.arange(10, 40), np.arange(10))]},
    "splits of overlapping rows": {"cv": [(np.arange(40), np.arange(40))] * 2},
    "several grids": {"param_grid": [ALPHAS, {"fit_intercept": [False], "alpha": [0.1, 2.0]}]},
    "the same setting twice": {"param_grid": [ALPHAS, {"alpha": [10.0]}]},
    "no setting": {"param_grid": {}},
}


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=[pytest.mark.slow, pytest.mark.long])])
def test_results_are_those_of_a_plain_search(tmp_path, name, n_jobs):
    settings = {"param_grid": ALPHAS, "cv": 4, "n_jobs": n_jobs, **SEARCHES[name]}
    X, y = arrays()
    plain = GridSearchCV(Ridge(), **{**settings, "n_jobs": 1}).fit(X, y)
    search = ResumableGridSearchCV(Ridge(), folder=tmp_path / "kept", **settings).fit(X, y)
    assert_same(search, plain)
    again = ResumableGridSearchCV(Ridge(), folder=tmp_path / "kept", **settings).fit(X, y)
    assert_same(again, search, times=True)
    assert (search.cv_results_["mean_fit_time"] > 0).all()
    if settings.get("refit", True):
        np.testing.assert_array_equal(search.predict(X), plain.predict(X))
        if not callable(settings.get("refit")):
            assert search.score(X, y) == plain.score(X, y)
        assert repr(search.best_estimator_) == repr(plain.best_estimator_)
        assert search.refit_time_ > 0
        assert search.n_features_in_ == 3
    else:
        assert not hasattr(search, "best_estimator_")


def frame_and_target():
    X, y = arrays()
    return pd.DataFrame(X, columns=["a", "b", "c"]), pd.Series(y, name="y")


OTHER_ROWS = {
    "frame": (Ridge(), ALPHAS, frame_and_target),
    "sparse": (Ridge(), ALPHAS, lambda: (sp.csr_array(arrays()[0]), arrays()[1])),
    "lists": (Ridge(), ALPHAS, lambda: tuple(values.tolist() for values in arrays())),
    "classes": (LogisticRegression(), {"C": [0.1, 1.0]}, lambda: (arrays()[0], np.where(arrays()[1] > 0, "x", "y"))),
    "without y": (KMeans(2, n_init=1, random_state=0), {"n_clusters": [2, 3]}, lambda: (arrays()[0], None)),
}


@pytest.mark.parametrize("rows", OTHER_ROWS)
def test_rows_of_other_kinds(tmp_path, rows):
    estimator, grid, make = OTHER_ROWS[rows]
    X, y = make()
    plain = GridSearchCV(estimator, grid).fit(X, y)
    search = ResumableGridSearchCV(estimator, grid, folder=tmp_path / "kept").fit(X, y)
    assert_same(search, plain)
    assert_same(clone(search).fit(*make()), search, times=True)
    np.testing.assert_array_equal(search.predict(X), plain.predict(X))
    assert hasattr(search, "feature_names_in_") == hasattr(plain, "feature_names_in_") == (rows == "frame")


def test_sample_weights_and_groups(tmp_path):
    X, y = arrays()
    given = {"sample_weight": np.linspace(0, 1, len(y)), "groups": np.repeat(list("abcd"), 10)}
    settings = {"cv": GeneKFold(4), "scoring": "r2"}
    plain = GridSearchCV(Ridge(), ALPHAS, **settings).fit(X, y, **given)
    search = ResumableGridSearchCV(Ridge(), ALPHAS, folder=tmp_path, **settings).fit(X, y, **given)
    assert_same(search, plain)
    np.testing.assert_array_equal(search.predict(X), plain.predict(X))
    assert_same(clone(search).fit(X, y, **given), search, times=True)


def test_routed_metadata(tmp_path):
    X, y = arrays()
    given = {"weight": np.linspace(0, 1, len(y)), "groups": np.repeat(list("abcd"), 10)}
    with sklearn.config_context(enable_metadata_routing=True):
        ridge = Ridge().set_fit_request(sample_weight="weight")
        scorer = make_scorer(mean_squared_error, greater_is_better=False).set_score_request(sample_weight="weight")
        settings = {"cv": GeneKFold(4), "scoring": scorer}
        plain = GridSearchCV(ridge, ALPHAS, **settings).fit(X, y, **given)
        search = ResumableGridSearchCV(ridge, ALPHAS, folder=tmp_path, **settings).fit(X, y, **given)
        with pytest.raises(TypeError, match="unexpected argument"):
            clone(search).fit(X, y, other=1)
    assert_same(search, plain)
    np.testing.assert_array_equal(search.predict(X), plain.predict(X))


MODELS = {
    "ridge": (pipeline(), {"model__regressor__alpha": [1.0, 100.0], "scale__scale_floor": [0.5, 1.0]}),
    "lasso": (pipeline(LassoBaseline()), {"model__regressor__lam": [0.01, 0.1]}),
    "network": (
        pipeline(ExpressionMLP((4,), batch_size=64, max_epochs=2, random_state=0)),
        {"model__regressor__dropout": [0.0, 0.3]},
    ),
    "models in the grid": (pipeline(), {"model__regressor": [Ridge(1.0), LassoBaseline(0.1)]}),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "n_jobs"),
    [*((name, 1) for name in MODELS), *(pytest.param(name, 2, marks=pytest.mark.slow) for name in ("ridge", "lasso"))],
)
def test_pairs(tmp_path, pairs, model, n_jobs):
    estimator, grid = MODELS[model]
    settings = {"cv": CellTypeKFold(2), "scoring": skill_scorer}
    plain = GridSearchCV(estimator, grid, **settings).fit(*pairs)
    search = ResumableGridSearchCV(estimator, grid, folder=tmp_path, n_jobs=n_jobs, **settings).fit(*pairs)
    assert_same(search, plain)
    np.testing.assert_array_equal(search.predict(pairs[0]), plain.predict(pairs[0]))
    assert_same(clone(search).fit(*pairs), search, times=True)


@pytest.mark.slow
@unseen_genes
@pytest.mark.parametrize(
    "cv",
    [
        CellTypeKFold(3),
        LineageKFold(),
        LeaveOneCellTypeOut(),
        PairKFold(3),
        GeneKFold(3),
        ChromosomeKFold(2),
        CrossedKFold(2, 2),
    ],
    ids=lambda cv: type(cv).__name__,
)
def test_every_splitter(tmp_path, pairs, cv):
    grid = {"model__regressor__alpha": [1.0, 100.0]}
    plain = GridSearchCV(pipeline(), grid, cv=cv, scoring="r2").fit(*pairs)
    search = ResumableGridSearchCV(pipeline(), grid, folder=tmp_path, cv=cv, scoring="r2").fit(*pairs)
    assert_same(search, plain)
    assert len(kept(tmp_path)) == 2 * search.n_splits_
    assert_same(clone(search).fit(*pairs), search, times=True)


def test_a_choice_by_time_sees_the_times_that_are_kept(tmp_path):
    log, seen = tmp_path / "log", []

    def slowest(results):
        seen.append(results["mean_fit_time"])
        return int(np.argmax(results["mean_fit_time"]))

    search = ResumableGridSearchCV(Counted(log=log), ALPHAS, folder=tmp_path / "kept", cv=2, refit=slowest)
    for _ in range(2):
        search.fit(*arrays())
        assert search.best_index_ == np.argmax(search.cv_results_["mean_fit_time"])
    assert (seen[0] > 0).all()
    np.testing.assert_array_equal(seen[1], seen[0])
    assert n_lines(log) == 6 + 2


def test_a_search_is_an_estimator_like_others(tmp_path):
    X, y = arrays()
    search = ResumableGridSearchCV(Ridge(), ALPHAS, folder=tmp_path / "a", progress=False, cv=3)
    assert search.get_params()["folder"] == tmp_path / "a"
    assert repr(clone(search)) == repr(search)
    search.set_params(folder=tmp_path / "b", estimator__alpha=2.0).fit(X, y)
    assert kept(tmp_path) == ["b"]
    back = pickle.loads(pickle.dumps(search))
    np.testing.assert_array_equal(back.predict(X), search.predict(X))
    assert_same(back.fit(X, y), search, times=True)


@pytest.mark.slow
def test_scikit_learn_checks_fail_for_no_more_than_a_plain_search(tmp_path):
    program = (
        "import json, sys, warnings; warnings.simplefilter('ignore')\n"
        "from sklearn.linear_model import Ridge\n"
        "from sklearn.model_selection import GridSearchCV\n"
        "from sklearn.utils.estimator_checks import check_estimator\n"
        "from skepi.model_selection import ResumableGridSearchCV\n"
        "grid = {'alpha': [0.1, 1.0]}\n"
        "searches = GridSearchCV(Ridge(), grid, cv=2), ResumableGridSearchCV(Ridge(), grid, cv=2, folder=sys.argv[1])\n"
        "for search in searches:\n"
        "    checks = check_estimator(search, on_fail=None)\n"
        "    print(json.dumps({check['check_name']: check['status'] for check in checks}))\n"
    )
    plain, search = map(json.loads, run(program, tmp_path / "kept", SCIPY_ARRAY_API="1").splitlines())
    assert search == plain
    assert list(search.values()).count("passed") >= 40


@pytest.mark.slow
def test_searches_inside_others(tmp_path, pairs):
    grid = {"model__regressor__alpha": [1.0, 100.0]}
    plain = GridSearchCV(pipeline(), grid, cv=CellTypeKFold(2))
    search = ResumableGridSearchCV(pipeline(), grid, folder=tmp_path / "inner", cv=CellTypeKFold(2))
    expected = cross_val_score(plain, *pairs, cv=CellTypeKFold(3))
    np.testing.assert_array_equal(cross_val_score(search, *pairs, cv=CellTypeKFold(3)), expected)
    assert len(kept(tmp_path / "inner")) == 3 * 2 * 2
    outer = {"folder": tmp_path / "outer", "cv": CellTypeKFold(2)}
    within = ResumableGridSearchCV(search, {"estimator__scale__scale_floor": [0.5, 1.0]}, **outer).fit(*pairs)
    without = GridSearchCV(plain, {"estimator__scale__scale_floor": [0.5, 1.0]}, cv=CellTypeKFold(2)).fit(*pairs)
    assert_same(within, without)


# --- interrupted


@pytest.fixture
def stop(monkeypatch):
    """Set what stops fits in this process."""
    return lambda **what: [monkeypatch.setitem(STOP, name, value) for name, value in what.items()]


@pytest.mark.parametrize("n_done", [0, 1, 4, 11, 12])
def test_an_interrupted_search_makes_the_missing_fits_alone(tmp_path, stop, n_done):
    log, (X, y) = tmp_path / "log", arrays()
    search = ResumableGridSearchCV(Counted(log=log), ALPHAS, folder=tmp_path / "kept", cv=4)
    stop(at=n_done)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, y)  # at 12, in the last fit on all rows
    assert len(kept(tmp_path / "kept")) == n_lines(log) == n_done
    assert not hasattr(search, "best_estimator_")
    stop(at=None)
    search.fit(X, y)
    assert n_lines(log) == 12 + 1
    assert_same(search, GridSearchCV(Ridge(), ALPHAS, cv=4).fit(X, y))
    search.fit(X, y)
    assert n_lines(log) == 12 + 2


def test_a_wider_grid_makes_the_new_fits_alone(tmp_path):
    log = tmp_path / "log"
    search = ResumableGridSearchCV(Counted(log=log), ALPHAS, folder=tmp_path / "kept", cv=4, refit=False)
    search.fit(*arrays())
    search.set_params(param_grid={"alpha": [1000.0, 5.0, 0.1]}).fit(*arrays())
    assert n_lines(log) == 12 + 4
    assert_same(search, GridSearchCV(Ridge(), {"alpha": [1000.0, 5.0, 0.1]}, cv=4, refit=False).fit(*arrays()))


def sweep(job):
    """A search of 18 fits; results as JSON."""
    X, y = arrays()
    estimator = Counted(log=job["log"], gate=job.get("gate"))
    search = ResumableGridSearchCV(estimator, ALPHAS, folder=job["folder"], cv=6, n_jobs=job["n_jobs"]).fit(X, y)
    scores = {
        name: list(values) for name, values in search.cv_results_.items() if "score" in name and "time" not in name
    }
    Path(job["results"]).write_text(json.dumps({**scores, "best": search.best_params_}, default=float))


def run(program, *arguments, **variables):
    """Output of a program of its own that finds the tests."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env={**environment, **variables},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


KILLED = """
import json, sys
import _interrupted, test_resumable
_interrupted.WORK["sweep"] = test_resumable.sweep
_interrupted.kill_at_lines(json.loads(sys.argv[1]))
"""


@pytest.mark.slow
def test_killed_again_and_again(tmp_path):
    """Before lines of the search, of what keeps outcomes and of the fits: any of those that a whole sweep runs."""
    job = {name: str(tmp_path / name) for name in ("folder", "log", "results")}
    lines = random.Random(0).choices(range(2_000), k=8)
    job |= {"work": "sweep", "n_jobs": 1, "lines": lines, "environ": dict(os.environ)}
    job["watched"] = ["_resumable.py", "model_selection/_outcomes.py"]
    statuses = [json.loads(line)["status"] for line in run(KILLED, json.dumps(job)).splitlines()]
    assert statuses.count(-9) >= 3
    assert n_lines(job["log"]) > 3
    sweep(job)
    X, y = arrays()
    plain = GridSearchCV(Ridge(), ALPHAS, cv=6).fit(X, y)
    results = json.loads(Path(job["results"]).read_text())
    assert results.pop("best") == plain.best_params_
    assert results == {name: plain.cv_results_[name].tolist() for name in results}
    assert len(results) >= 9
    # A kill costs the fit under way; two more of the last fits are on all rows.
    assert 18 + 1 <= n_lines(job["log"]) <= 18 + statuses.count(-9) + statuses.count(0) + 1


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
@pytest.mark.slow
def test_stopped_with_two_processes(tmp_path, how):
    """While the fits after the first four wait at a gate, so that the sweep is under way when the signal comes."""
    job = {name: str(tmp_path / name) for name in ("folder", "log", "results", "gate")} | {"n_jobs": 2}
    program = "import json, sys, test_resumable\ntest_resumable.sweep(json.loads(sys.argv[1]))"
    # In the background, a shell tells programs to ignore interrupts, and their children inherit that.
    program = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n" + program
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    command = [sys.executable, "-c", program, json.dumps(job)]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        until = time.monotonic() + 120
        while n_kept(job["folder"]) < 3 and process.poll() is None and time.monotonic() < until:
            time.sleep(0.005)
        process.send_signal(how)
        process.wait(timeout=60)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # workers that nobody told
    assert process.returncode == -how
    assert 3 <= n_kept(job["folder"]) < 18
    Path(job["gate"]).touch()
    sweep(job | {"n_jobs": 1})
    plain = GridSearchCV(Ridge(), ALPHAS, cv=6).fit(*arrays())
    results = json.loads(Path(job["results"]).read_text())
    assert results["mean_test_score"] == plain.cv_results_["mean_test_score"].tolist()


def n_kept(folder):
    return len(list(Path(folder).glob("**/*.json")))


# --- fits that fail


def outcome_of(search, X, y):
    """The search, and the kinds of its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search.fit(X, y)
    return search, {(warning.category, str(warning.message)[:30]) for warning in caught}


@pytest.mark.parametrize("error_score", [np.nan, -7.0])
@pytest.mark.parametrize("scoring", [None, {"error": absolute_error, "r2": "r2"}, several])
def test_a_failed_fit_is_not_kept_and_tried_again(tmp_path, stop, error_score, scoring):
    log, (X, y) = tmp_path / "log", arrays()
    settings = {"cv": 4, "error_score": error_score, "scoring": scoring, "refit": False, "return_train_score": True}
    search = ResumableGridSearchCV(Counted(log=log), ALPHAS, folder=tmp_path / "kept", **settings)
    stop(fails=[10.0])
    plain, expected = outcome_of(GridSearchCV(Counted(log=tmp_path / "other"), ALPHAS, **settings), X, y)
    search, warned = outcome_of(search, X, y)
    assert warned == expected
    assert FitFailedWarning in {category for category, _ in warned}
    assert_same(search, plain)
    assert len(kept(tmp_path / "kept")) == n_lines(log) == 8
    stop(fails=())
    assert_same(search.fit(X, y), GridSearchCV(Ridge(), ALPHAS, **settings).fit(X, y))
    assert n_lines(log) == 12


@pytest.mark.filterwarnings("ignore:One or more of the test scores:UserWarning")
def test_the_reason_of_a_failed_fit_is_told(tmp_path, stop):
    search = ResumableGridSearchCV(Counted(log=tmp_path / "log"), ALPHAS, folder=tmp_path / "kept", cv=4)
    stop(fails=[10.0])
    with pytest.warns(FitFailedWarning, match="ZeroDivisionError: as it was told to"):
        search.fit(*arrays())
    stop(fails=ALPHAS["alpha"])
    search.set_params(folder=tmp_path / "other")
    with pytest.raises(ValueError, match=r"All the 12 fits failed(.|\n)*ZeroDivisionError: as it was told to"):
        search.fit(*arrays())
    search.set_params(error_score="raise")
    with pytest.raises(ZeroDivisionError, match="as it was told to"):
        search.fit(*arrays())
    stop(fails=[10.0])
    with pytest.raises(ZeroDivisionError, match="as it was told to"):
        search.fit(*arrays())
    assert n_kept(tmp_path / "other") == 4  # those before
    stop(error=ValueError)
    with pytest.raises(ValueError, match=r"^as it was told to"):
        search.fit(*arrays())


@pytest.mark.parametrize("scoring", [fails_on_some, {"one": fails_on_some, "r2": "r2"}])
@pytest.mark.parametrize("error_score", [np.nan, -7.0])
def test_a_failed_score_is_not_kept(tmp_path, scoring, error_score):
    settings = {"cv": 4, "scoring": scoring, "refit": False, "error_score": error_score}
    grid, (X, y) = {"alpha": [0.1, 1.0]}, arrays()
    plain, expected = outcome_of(GridSearchCV(Ridge(), grid, **settings), X, y)
    search, warned = outcome_of(ResumableGridSearchCV(Ridge(), grid, folder=tmp_path, **settings), X, y)
    assert expected <= warned
    assert {category for category, _ in warned} == {UserWarning}
    assert_same(search, plain)
    assert n_kept(tmp_path) == 4


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
def test_scores_that_are_not_numbers_are_kept_where_errors_are_raised(tmp_path):
    def search():
        return ResumableGridSearchCV(Ridge(), ALPHAS, folder=tmp_path, cv=4, scoring=infinite, error_score="raise")

    for _ in range(2):
        with pytest.warns(UserWarning, match="test scores are non-finite"):
            search().fit(*arrays())
        assert n_kept(tmp_path) == 12


def infinite(estimator, X, y):
    return {0.1: np.inf, 10.0: np.nan}.get(estimator.alpha, 1.0)


# --- what an outcome is recognised by


def keys(tmp_path, estimator=None, X=None, y=None, grid=None, params=None, **settings):
    """Names of the files that a search keeps."""
    rows = arrays()
    folder = tmp_path / f"keys {len(os.listdir(tmp_path))}"
    search = ResumableGridSearchCV(
        Ridge() if estimator is None else estimator,
        {} if grid is None else grid,
        folder=folder,
        **{
            "cv": CellTypeKFold(2) if hasattr(X, "tables") or hasattr(X, "pairs") else KFold(2),
            "refit": False,
            **settings,
        },
    )
    search.fit(rows[0] if X is None else X, rows[1] if y is None else y, **(params or {}))
    return set(kept(folder))


def with_value(array, value):
    changed = array.copy()
    changed.flat[0] = value
    return changed


def small_net(**settings):
    return ExpressionMLP(**{"hidden": (2,), "batch_size": 20, "max_epochs": 1, "random_state": 0, **settings})


FITTED = [make_pipeline(FrozenEstimator(Ridge().fit(*arrays(seed)))) for seed in (1, 2)]
DIFFERENT = {
    "class": [{}, {"estimator": LassoBaseline()}, {"estimator": make_pipeline(Ridge())}],
    "alpha": [{}, {"estimator": Ridge(2.0)}, {"grid": {"alpha": [3.0]}}, {"grid": {"alpha": [np.nextafter(1, 2)]}}],
    "hidden": [{"estimator": small_net()}, {"estimator": small_net(hidden=(2, 2))}],
    "seed": [{"estimator": small_net()}, {"estimator": small_net(random_state=1)}],
    "state of a generator": [{"estimator": small_net(random_state=np.random.RandomState(seed))} for seed in (0, 1)],
    "step": [{"estimator": make_pipeline(StandardScaler(with_mean=mean), Ridge())} for mean in (True, False)],
    "function in a step": [{"estimator": make_pipeline(FunctionTransformer(f), Ridge())} for f in (np.abs, np.exp)],
    "settings of many kinds": [
        {"estimator": Keeps(setting)}
        for setting in [None, True, 1, 1.0, "1", (1,), [1], {1}, frozenset({1}), {1: 1}, {1: 2}, [[1], [2]], [[1, 2]]]
    ],
    "fitted parts": [{"estimator": fitted} for fitted in FITTED],
    "scoring": [
        {},
        {"scoring": "r2"},
        {"scoring": ["r2"]},
        {"scoring": {"a": "r2"}},
        {"scoring": absolute_error},
        {"scoring": make_scorer(mean_squared_error)},
        {"scoring": make_scorer(mean_squared_error, greater_is_better=False)},
    ],
    "training scores": [{}, {"return_train_score": True}],
    "X": [{}, {"X": with_value(arrays()[0], 0.0)}, {"X": arrays()[0].astype(np.float32)}, {"X": arrays()[0][:, ::-1]}],
    "frame": [
        {"X": pd.DataFrame(arrays()[0], columns=list("abc"))},
        {"X": pd.DataFrame(arrays()[0], columns=list("acb"))},
        {"X": pd.DataFrame(with_value(arrays()[0], 0.0), columns=list("abc"))},
    ],
    "sparse": [{"X": sp.csr_array(arrays()[0])}, {"X": sp.csr_array(with_value(arrays()[0], 0.0))}],
    "y": [{}, {"y": with_value(arrays()[1], 0.0)}],
    "splits": [{}, {"cv": KFold(2, shuffle=True, random_state=0)}, {"cv": KFold(2, shuffle=True, random_state=1)}],
    "weights": [{}, *({"params": {"sample_weight": np.full(40, weight)}} for weight in (1.0, 2.0))],
}


@pytest.mark.parametrize("what", DIFFERENT)
@pytest.mark.filterwarnings("ignore:The scoring .* does not support sample_weight:UserWarning")
def test_what_differs_never_shares_an_outcome(tmp_path, what):
    found = [keys(tmp_path, **changes) for changes in DIFFERENT[what]]
    assert all(len(names) == 2 for names in found)
    assert len(set.union(*found)) == 2 * len(found)
    again = [
        keys(tmp_path, **{name: clone_of(value) for name, value in changes.items()}) for changes in DIFFERENT[what]
    ]
    assert again == found


def clone_of(value):
    """Equal to the value, and not the same object in any part of it."""
    return pickle.loads(pickle.dumps(value))


def test_order_of_rows_and_training_rows(tmp_path):
    rows = np.arange(40)
    splits = [(rows[:20], rows[20:]), (rows[19::-1], rows[20:]), (rows[:19], rows[20:]), (rows[:20], rows[21:])]
    found = [keys(tmp_path, cv=[split]) for split in splits]
    assert len(set.union(*found)) == 4


@pytest.mark.parametrize("package", ["skepi", "sklearn"])
def test_another_version_makes_all_fits_again(tmp_path, monkeypatch, package):
    before = keys(tmp_path)
    place = (_resumable, "__version__") if package == "skepi" else (sklearn, "__version__")
    monkeypatch.setattr(*place, "99.0")
    assert not before & keys(tmp_path)


def same_but(data, **changes):
    """The data set with some of its tables or values changed."""
    parts = {name: getattr(data, name) for name in ("openness", "peaks", "genes", "expression", "cell_types")}
    return PairedDataset(**{**parts, **changes})


def moved(table, column):
    changed = table.copy()
    changed.loc[0, column] += 1
    return changed


def renamed(table):
    changed = table.copy()
    changed.loc[0, "name"] = "another"
    return changed


def turned(table):
    changed = table.copy()
    changed.loc[len(table) - 1, "strand"] = {"+": "-", "-": "+"}[table["strand"].iloc[-1]]
    return changed


CHANGES = {
    "openness": lambda data: {"openness": with_value(data.openness, 77.0)},
    "peaks": lambda data: {"peaks": moved(data.peaks, "end")},
    "genes": lambda data: {"genes": moved(data.genes, "tss")},
    "text of the last row": lambda data: {"genes": turned(data.genes)},
    "names": lambda data: {"genes": renamed(data.genes)},
    "cell types": lambda data: {"cell_types": renamed(data.cell_types)},
    "columns": lambda data: {"genes": data.genes.assign(more=1.0)},
    "names of columns": lambda data: {"genes": data.genes.assign(less=1.0)},
    "zeros": lambda data: {"genes": data.genes.assign(more=0.0)},
    "zeros of another kind": lambda data: {"genes": data.genes.assign(more=0)},
    "missing": lambda data: {"genes": data.genes.assign(more=np.nan)},
}


@pytest.mark.slow
def test_pairs_of_other_data_sets_never_share_an_outcome(tmp_path, simulated):
    data = simulated[0]
    _, y = data.pairs(return_X_y=True)
    others = [same_but(data, **change(data)) for change in CHANGES.values()]
    found = [keys(tmp_path, pipeline(), some.pairs(), y) for some in [data, *others]]
    assert len(set.union(*found)) == 2 * len(found)
    assert keys(tmp_path, pipeline(), same_but(data).pairs(), y) == found[0]
    some = data.pairs()
    order = np.arange(len(y))
    order[:2] = [1, 0]
    assert not keys(tmp_path, pipeline(), some[order], y) & found[0]


def test_rows_that_are_binned_already(tmp_path, pairs):
    X, y = pairs
    model = GeneZTarget(Ridge())
    bins = TSSBinner(edges=EDGES).fit_transform(X)
    found = keys(tmp_path, model, bins, y)
    assert keys(tmp_path, model, TSSBinner(edges=EDGES).fit_transform(X), y) == found  # though a fit came between
    for other in (
        TSSBinner(edges=EDGES, depth=None),
        TSSBinner(edges=EDGES, weight="bin_width"),
        TSSBinner(edges=[-9, 9]),
    ):
        assert not keys(tmp_path, model, other.fit_transform(X), y) & found
    assert not keys(tmp_path, model, LogZScaler().fit_transform(bins), y) & found


def test_the_same_data_on_disk_and_in_memory_share_outcomes(tmp_path, simulated):
    data = simulated[0]
    data.save(tmp_path / "set")
    X, y = data.pairs(return_X_y=True)
    X_disk, y_disk = PairedDataset.open(tmp_path / "set").pairs(return_X_y=True)
    assert keys(tmp_path, pipeline(), X, y) == keys(tmp_path, pipeline(), X_disk, y_disk)


KEYS = """
import sys
from pathlib import Path
import test_resumable
print(*test_resumable.keys_of_all_kinds(Path(sys.argv[1])), sep="\\n")
"""


def keys_of_all_kinds(folder):
    """Keys of searches over rows and settings of all kinds."""
    data, _ = make_paired_openness(n_genes=30, n_cell_types=6, random_state=0)
    X, y = data.pairs(return_X_y=True)
    frame = pd.DataFrame({"a": arrays()[0][:, 0], "b": np.tile([0.5, 2.0], 20)})
    named = frozenset(["one", "two", "three", "four", "five"])
    network = pipeline(small_net())
    searches = [
        {"estimator": network, "X": X, "y": y, "scoring": skill_scorer, "cv": CellTypeKFold(2)},
        {"X": frame, "y": pd.Series(arrays()[1]), "scoring": make_scorer(mean_absolute_error)},
        {"X": frame.iloc[:, :1], "scoring": {"r2": "r2", "error": absolute_error}},
        {"X": sp.csr_array(arrays()[0]), "scoring": ("r2", "neg_mean_absolute_error")},
        {"estimator": Keeps({"set": set(named), "frozen": named, "function": absolute_error, "class": Ridge})},
        {
            "estimator": Keeps(
                [named, (None, named), np.float64(0.1), np.arange(3), np.random.RandomState(0), Path("x")]
            )
        },
        {"params": {"sample_weight": np.ones(40)}},
    ]
    return [key for search in searches for key in sorted(keys(folder, **search))]


@pytest.mark.slow
def test_keys_are_the_same_in_other_processes(tmp_path):
    here = keys_of_all_kinds(tmp_path)
    assert len(set(here)) == 14
    for seed in ("0", "1"):
        folder = tmp_path / f"seed {seed}"
        folder.mkdir()
        assert run(KEYS, folder, PYTHONHASHSEED=seed).split() == here


def test_the_same_object_twice_is_what_two_equal_ones_are(tmp_path):
    number, pair = np.float64(0.1), (1, 2)
    shared = Keeps([number, number, pair, pair, {"a": pair}])
    apart = Keeps([np.float64(0.1), np.float64(0.1), clone_of(pair), clone_of(pair), {"a": clone_of(pair)}])
    assert keys(tmp_path, shared) == keys(tmp_path, apart)


@dataclass
class Noted:
    """Works something out and keeps it, as tables of slots do."""

    value: int

    @cached_property
    def double(self):
        return 2 * self.value


def test_what_an_object_has_worked_out_does_not_matter(tmp_path):
    noted = Noted(1)
    before = keys(tmp_path, Keeps(noted))
    assert noted.double == 2
    assert keys(tmp_path, Keeps(noted)) == before
    assert not keys(tmp_path, Keeps(Noted(2))) & before


def test_how_rows_lie_in_memory_does_not_matter(tmp_path):
    X, y = arrays()
    assert keys(tmp_path, y=np.repeat(y, 2)[::2]) == keys(tmp_path, y=y)
    twice = pd.DataFrame(np.repeat(X, 2, axis=0), columns=list("abc")).iloc[::2]
    assert keys(tmp_path, X=twice) == keys(tmp_path, X=pd.DataFrame(X, columns=list("abc")))


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"scoring": lambda estimator, X, y: 0.0}, "scoring"),
        ({"scoring": {"a": make_scorer(lambda y, p: 0.0)}}, "scoring"),
        ({"estimator": make_pipeline(FunctionTransformer(lambda X: X), Ridge())}, "estimator"),
        ({"estimator": Keeps(x for x in "abc")}, "estimator"),
    ],
)
def test_what_no_other_process_could_recognise_is_refused(tmp_path, changes, what):
    with pytest.raises((ValueError, TypeError), match=rf"{what}: a later process could not tell|cannot pickle"):
        keys(tmp_path, **changes)


def test_local_classes_are_refused(tmp_path):
    class Local(Keeps):
        pass

    with pytest.raises(ValueError, match=r"estimator: a later process could not.*Local.*at the top level of a module"):
        keys(tmp_path, Local())


# --- the folder


def test_a_folder_within_folders_is_made_and_shared(tmp_path):
    folder = tmp_path / "a" / "b"
    for alpha in (1.0, 2.0):
        ResumableGridSearchCV(Ridge(), {"alpha": [alpha]}, folder=str(folder), cv=2).fit(*arrays())
    assert n_kept(folder) == len(kept(folder)) == 4


def test_files_say_what_they_hold(tmp_path):
    ResumableGridSearchCV(Ridge(), {"alpha": [3.0]}, folder=tmp_path, cv=2).fit(*arrays())
    stored = json.loads((tmp_path / kept(tmp_path)[0]).read_text())
    assert stored["kind"] == "skepi outcome 1"
    assert stored["estimator"] == "Ridge(alpha=3.0)"
    assert stored["outcome"]["test"].keys() == {"score"}


def damaged(content, how):
    if how == "a digit":
        place = content.index(b'"score":') + 12
        return content[:place] + (b"1" if content[place : place + 1] != b"1" else b"2") + content[place + 1 :]
    return {"cut": content[: len(content) // 2], "empty": b"", "text": b"junk", "JSON": b"[1, 2]", "zeros": bytes(99)}[
        how
    ]


@pytest.mark.parametrize("how", ["a digit", "cut", "empty", "text", "JSON", "zeros"])
def test_damaged_files_are_named(tmp_path, how):
    search = ResumableGridSearchCV(Ridge(), ALPHAS, folder=tmp_path, cv=2).fit(*arrays())
    path = tmp_path / kept(tmp_path)[0]
    content = path.read_bytes()
    path.write_bytes(damaged(content, how))
    with pytest.raises(ValueError, match=f"{re.escape(str(path))} is damaged.*remove it to make its fit again"):
        clone(search).fit(*arrays())
    path.unlink()
    assert_same(clone(search).fit(*arrays()), search)
    assert n_kept(tmp_path) == 6


def test_a_file_under_the_name_of_another_is_refused(tmp_path):
    search = ResumableGridSearchCV(Ridge(), ALPHAS, folder=tmp_path, cv=2).fit(*arrays())
    one, other = kept(tmp_path)[:2]
    (tmp_path / one).write_bytes((tmp_path / other).read_bytes())
    with pytest.raises(ValueError, match=f"{one} is damaged"):
        search.fit(*arrays())


def test_files_of_another_form_are_refused(tmp_path, monkeypatch):
    search = ResumableGridSearchCV(Ridge(), ALPHAS, folder=tmp_path, cv=2).fit(*arrays())
    monkeypatch.setattr(_outcomes, "_KIND", "skepi outcome 2")
    with pytest.raises(ValueError, match="not an outcome that skepi kept"):
        search.fit(*arrays())


def test_what_a_killed_writer_left_is_passed_over(tmp_path):
    search = ResumableGridSearchCV(Ridge(), ALPHAS, folder=tmp_path, cv=2).fit(*arrays())
    name = kept(tmp_path)[0]
    (tmp_path / name).rename(tmp_path / f"{name}.0a1b2c3d.part")
    assert_same(clone(search).fit(*arrays()), search)
    assert n_kept(tmp_path) == 6


@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_the_bar_counts_finished_of_all(tmp_path, capsys, n_jobs):
    settings = {"folder": tmp_path, "cv": 4, "n_jobs": n_jobs, "progress": True}
    ResumableGridSearchCV(Ridge(), {"alpha": [10.0]}, **settings).fit(*arrays())
    assert "4/4 " in capsys.readouterr().err
    ResumableGridSearchCV(Ridge(), {"alpha": [0.1, 10.0, 0.1]}, **settings).fit(*arrays())
    shown = re.findall(r"(\d+)/(\d+) ", capsys.readouterr().err)
    assert shown[0] == ("4", "12")
    assert shown[-1] == ("12", "12")  # a setting that is there twice counts twice


def test_without_a_bar_nothing_is_shown(tmp_path, capsys):
    search = ResumableGridSearchCV(Ridge(), ALPHAS, folder=tmp_path, cv=4).fit(*arrays())
    assert capsys.readouterr() == ("", "")
    search.set_params(verbose=1, param_grid={"alpha": [0.1, 5.0]}).fit(*arrays())
    assert capsys.readouterr() == ("8 fits: 4 kept, 4 to make\n", "")


def test_unknown_scores_and_settings_are_refused(tmp_path):
    with pytest.raises(ValueError, match="'nonsense'"):
        keys(tmp_path, scoring="nonsense")
    with pytest.raises(ValueError, match="'nonsense'"):
        keys(tmp_path, scoring=["r2", "nonsense"])
    with pytest.raises(ValueError, match=r"^The 'scoring' parameter of"):
        keys(tmp_path, scoring={"r2"})
    with pytest.raises(ValueError, match="Invalid parameter 'nonsense'"):
        keys(tmp_path, grid={"nonsense": [1]})
    assert n_kept(tmp_path) == 0


# --- the identity of a data set


def test_the_same_tables_have_the_same_identity(simulated):
    data = simulated[0]
    assert same_but(data).tables.identity == data.tables.identity
    other = same_but(data, openness=np.asfortranarray(data.openness))
    assert other.tables.identity == data.tables.identity
    assert re.fullmatch("[0-9a-f]{32}", data.tables.identity)


def test_any_change_is_another_identity(simulated):
    data = simulated[0]
    others = [same_but(data, **change(data)) for change in CHANGES.values()]
    assert len({some.tables.identity for some in [data, *others]}) == 1 + len(CHANGES)
    values = same_but(data, expression=data.expression + 1)
    assert values.tables.identity == data.tables.identity  # tables know nothing of expression


def test_text_is_text_in_every_version_of_pandas(simulated):
    data = simulated[0]
    tables = [data.peaks, data.genes, data.cell_types]
    as_objects = [
        frame.astype({name: object for name in frame if frame[name].dtype.kind not in "if"}) for frame in tables
    ]
    other = _tables.OpennessTables(*as_objects, data.openness)
    assert other.identity == data.tables.identity


def test_blocks_of_openness_are_all_of_it(simulated, monkeypatch):
    data = simulated[0]
    identity = data.tables.identity
    monkeypatch.setattr(_tables, "_DIGEST_BYTES", 100)
    assert same_but(data).tables.identity == identity
    last = data.openness.copy()
    last[-1, -1] += 1
    assert same_but(data, openness=last).tables.identity != identity


def test_an_identity_travels_and_is_worked_out_once(simulated, tmp_path, monkeypatch):
    data = same_but(simulated[0])
    pickled, identity = pickle.dumps(data.tables), data.tables.identity
    data.save(tmp_path / "set")
    monkeypatch.setattr(_tables, "_row_blocks", None)  # nothing reads openness any more
    assert pickle.loads(pickled).identity == identity
    assert PairedDataset.open(tmp_path / "set").tables.identity == identity


def test_a_data_set_that_was_saved_under_another_identity_keeps_it(simulated, tmp_path):
    data = same_but(simulated[0])
    data.tables.identity = "c0ffee"  # as earlier versions drew them
    data.save(tmp_path / "set")
    opened = PairedDataset.open(tmp_path / "set")
    assert opened.tables.identity == "c0ffee"
    assert pickle.loads(pickle.dumps(opened.pairs())).tables.identity == "c0ffee"


# --- the sweep of the report


def report_sweep(n_rates, n_lams):
    """Dropout rates x lambdas for L1 and for L2 x 2 architectures, tiny."""
    rates, lams = np.linspace(0, 0.6, n_rates).round(2), np.logspace(-1, -5, n_lams)
    net = "model__regressor__"
    shared = {f"{net}dropout": rates, f"{net}hidden": [(4, 4, 4), (4, 2, 1)]}
    return [{**shared, f"{net}{penalty}": lams} for penalty in ("l1", "l2")]


def sweep_once(folder, n_rates, n_lams, n_jobs=1):
    data, _ = make_paired_openness(n_genes=40, n_cell_types=8, random_state=0)
    estimator = pipeline(ExpressionMLP((4,), batch_size=320, max_epochs=1, random_state=0))
    grid = report_sweep(n_rates, n_lams)
    settings = {"folder": folder, "cv": CellTypeKFold(2), "n_jobs": n_jobs, "error_score": "raise", "verbose": 1}
    search = ResumableGridSearchCV(estimator, grid, **settings).fit(*data.pairs(return_X_y=True))
    return search, len(ParameterGrid(grid))


@pytest.mark.slow
def test_a_small_sweep_of_networks(tmp_path, capsys):
    search, n_settings = sweep_once(tmp_path, 2, 1)
    assert len(search.cv_results_["params"]) == n_settings == 8
    wider, n_settings = sweep_once(tmp_path, 2, 2)
    assert capsys.readouterr().out.splitlines() == ["16 fits: 0 kept, 16 to make", "32 fits: 16 kept, 16 to make"]
    scores = {repr(params): score for params, score in results(search)}
    assert {repr(params): score for params, score in results(wider) if repr(params) in scores} == scores


def results(search):
    return zip(search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True)


@pytest.mark.slow
@pytest.mark.long
def test_the_sweep_of_the_report(tmp_path, capsys):
    search, n_settings = sweep_once(tmp_path, 13, 9, n_jobs=2)
    assert n_settings == 468
    assert n_kept(tmp_path) == 936
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    again, _ = sweep_once(tmp_path, 13, 9, n_jobs=2)
    assert_same(again, search, times=True)
    assert capsys.readouterr().out.splitlines()[1] == "936 fits: 936 kept, 0 to make"


def test_estimators_keep_their_own_processes():
    for backend in ("loky", "threading"):
        with joblib.parallel_config(backend), _resumable._in_this_process():
            assert joblib.effective_n_jobs(2) == 2
