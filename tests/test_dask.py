"""A grid search on dask workers: the results of one process, and data that travel by path."""

import os
import pickle

import joblib
import numpy as np
import pytest
from promises import assert_exact
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from skepi.binning import TSSBinner, symmetric_edges
from skepi.compose import GeneZTarget
from skepi.model_selection import CellTypeKFold, ResumableGridSearchCV, _resumable, cross_val_pairs
from skepi.paired import PairedDataset
from skepi.preprocessing import LogZScaler

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.slow  # two workers start, and each imports PyTorch

GRID = {"model__regressor__alpha": [0.1, 10.0, 1000.0]}
PIPELINE = Pipeline(
    [
        ("bins", TSSBinner(edges=symmetric_edges([0, 1_000, 20_000]))),
        ("scale", LogZScaler()),
        ("model", GeneZTarget(Ridge())),
    ]
)


def score_and_place(estimator, X, y):
    """Score, process, and whether openness is mapped from its file there."""
    mapped = isinstance(X.tables.openness, np.memmap)
    return {"score": estimator.score(X, y), "process": float(os.getpid()), "mapped": float(mapped)}


@pytest.fixture(scope="module")
def client():
    cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None)
    with cluster, distributed.Client(cluster) as client:
        yield client


@pytest.fixture
def opened(simulated, tmp_path):
    simulated[0].save(tmp_path / "set")
    return PairedDataset.open(tmp_path / "set")


def settings():
    return {"param_grid": GRID, "cv": CellTypeKFold(4), "scoring": score_and_place, "refit": "score"}


def of_splits(search, name):
    return np.concatenate([search.cv_results_[f"split{fold}_test_{name}"] for fold in range(4)])


@pytest.mark.parametrize("kind", ["plain", "resumable"])
def test_a_search_on_dask_workers(client, opened, tmp_path, kind):
    X, y = opened.pairs(return_X_y=True)
    here = GridSearchCV(PIPELINE, **settings()).fit(X, y)
    there = GridSearchCV(PIPELINE, **settings())
    if kind == "resumable":
        there = ResumableGridSearchCV(PIPELINE, folder=tmp_path / "kept", **settings())
    with joblib.parallel_config(backend="dask"):
        there.fit(X, y)
    np.testing.assert_array_equal(of_splits(there, "score"), of_splits(here, "score"))
    for name in ("mean_test_score", "std_test_score", "rank_test_score"):
        np.testing.assert_array_equal(there.cv_results_[name], here.cv_results_[name])
    np.testing.assert_array_equal(there.predict(X), here.predict(X))
    workers = set(client.run(os.getpid).values())
    assert set(of_splits(here, "process")) == {os.getpid()}
    assert set(of_splits(there, "process")) <= workers
    assert of_splits(there, "mapped").all()


def held_out_there(estimator, X, y, **settings):
    """Held-out predictions under dask."""
    with joblib.parallel_config(backend="dask"):
        return cross_val_pairs(estimator, X, y, CellTypeKFold(4), **settings)


def test_folds_on_dask_workers_are_counted_as_they_end(client, opened, capsys):
    X, y = opened.pairs(return_X_y=True)
    here = cross_val_pairs(PIPELINE, X, y, CellTypeKFold(4))
    capsys.readouterr()
    assert_exact(held_out_there(PIPELINE, X, y), here)
    assert "folds" not in capsys.readouterr().err
    assert_exact(held_out_there(PIPELINE, X, y, progress=True), here)
    assert "4/4 " in capsys.readouterr().err


@pytest.mark.parametrize("progress", [False, True])
def test_an_error_on_a_dask_worker_is_the_same_with_and_without_a_bar(client, opened, progress):
    X, y = opened.pairs(return_X_y=True)
    broken = Pipeline([("bins", TSSBinner(edges=[0, 1_000])), ("model", GeneZTarget(Ridge(alpha="none")))])
    with pytest.raises(ValueError, match="The 'alpha' parameter of Ridge must be"):
        held_out_there(broken, X, y, progress=progress)


def test_a_fit_stays_on_its_worker(client):
    with joblib.parallel_config(backend="dask"), _resumable._in_this_process():
        places = joblib.Parallel(n_jobs=1)(joblib.delayed(os.getpid)() for _ in range(4))
    assert set(places) == {os.getpid()}


def test_a_search_that_is_kept_needs_no_worker(client, opened, tmp_path):
    X, y = opened.pairs(return_X_y=True)
    first = ResumableGridSearchCV(PIPELINE, folder=tmp_path / "kept", **settings()).fit(X, y)
    with joblib.parallel_config(backend="dask"):
        again = ResumableGridSearchCV(PIPELINE, folder=tmp_path / "kept", **settings()).fit(X, y)
    assert set(of_splits(again, "process")) == {os.getpid()}  # of the run that made the fits
    for name in set(first.cv_results_) - {"params"}:
        np.testing.assert_array_equal(again.cv_results_[name], first.cv_results_[name])


def test_data_travel_by_path(client, opened):
    X = opened.pairs()
    codes = X.gene_codes.nbytes + X.cell_type_codes.nbytes
    assert len(pickle.dumps(X)) < codes + 1_000 < opened.openness.nbytes / 5

    def found(X):
        return type(X.tables.openness) is np.memmap, str(X.tables.path), X.tables.identity

    assert set(client.run(found, X).values()) == {(True, str(X.tables.path), X.tables.identity)}
