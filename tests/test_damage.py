"""What is opened is what was saved, or an error of a documented kind: for everything that skepi keeps on disk."""

import shutil
from types import NoneType

import numpy as np
import pytest
from damage import damaged
from promises import assert_exact
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from skepi._files import read_arrays, write_arrays
from skepi.binning import TSSBinner, symmetric_edges
from skepi.comparison import compare_models
from skepi.compose import GeneZTarget
from skepi.datasets import _hematopoiesis
from skepi.exceptions import ModelFileError, TableError
from skepi.linear_model import LassoBaseline
from skepi.model_selection import CellTypeKFold, ResumableGridSearchCV
from skepi.neural_network import ExpressionMLP
from skepi.paired import PairedDataset
from skepi.persistence import load_model, save_model

EDGES = symmetric_edges([0, 10_000])
ROWS = np.random.default_rng(0).normal(size=(12, 3))


@pytest.fixture(scope="module")
def little(simulated):
    data = simulated[0]
    return data.subset(genes=data.genes["name"].iloc[:5], cell_types=data.cell_types["name"].iloc[:4])


# Each kind: a function that fills a folder and returns another one, which reads it and asserts what it holds.


def saved_set(folder, data):
    data.save(folder / "set")

    def check():
        found = PairedDataset.open(folder / "set")
        for name in ("peaks", "genes", "cell_types", "openness", "expression"):
            assert_exact(getattr(found, name), getattr(data, name))

    return check


def model(folder, data):
    fitted = make_pipeline(GeneZTarget(LassoBaseline(lam=0.1), one_gene=True)).fit(ROWS, ROWS[:, 0])
    save_model(fitted, folder / "model.skepi")
    return lambda: assert_exact(load_model(folder / "model.skepi").predict(ROWS), fitted.predict(ROWS))


def network():
    return ExpressionMLP((2,), max_epochs=2, early_stopping=False, random_state=0)


def weights(folder, data):
    net = network().fit(ROWS, ROWS[:, 0])
    net.save_weights(folder / "weights.npz")
    return lambda: assert_exact(network().load_weights(folder / "weights.npz").predict(ROWS), net.predict(ROWS))


def checkpoint(folder, data):
    def fit():
        return network().set_params(checkpoint=folder / "run.npz").fit(ROWS, ROWS[:, 0])

    wanted = fit().predict(ROWS)
    return lambda: assert_exact(fit().predict(ROWS), wanted)


def sweep(folder, data):
    def fit():
        grid = {"alpha": [0.1, 1.0]}
        return ResumableGridSearchCV(Ridge(), grid, folder=folder, cv=2, refit=False).fit(ROWS, ROWS[:, 0])

    wanted = fit().cv_results_["mean_test_score"]
    return lambda: assert_exact(fit().cv_results_["mean_test_score"], wanted)


def kept_fits(folder, data):
    def fit():
        pipe = make_pipeline(TSSBinner(edges=EDGES), GeneZTarget(Ridge()))
        return compare_models({"ridge": pipe}, data, {"cell types": CellTypeKFold(2)}, folder=folder)

    wanted = fit().held_out("cell types", "ridge")
    return lambda: assert_exact(fit().held_out("cell types", "ridge"), wanted)


def cache(folder, data):
    path = folder / "openness.npz"
    content = {"kind": _hematopoiesis._CACHE_KIND, "settings": ""}
    write_arrays(path, _hematopoiesis._packed(data.peaks.assign(n_samples=1), data.openness), content)

    def check():
        found = _hematopoiesis._read_cache(path)
        if found is None:
            raise ValueError("found damaged")
        assert_exact(found[1], data.openness)

    return check


KINDS = {
    saved_set: (TableError, ValueError),
    model: (ModelFileError,),
    weights: (ValueError,),
    checkpoint: (ValueError,),
    sweep: (ValueError,),
    kept_fits: (ValueError,),
    cache: (ValueError,),
}


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def kept(request, little, tmp_path):
    """Folder of one kind, how to check it, and the errors that are documented for it."""
    folder = tmp_path / "kept"
    folder.mkdir()
    check = request.param(folder, little)
    return folder, check, KINDS[request.param]


def assert_noticed(kept, n_damages, seed):
    """What is read from damaged files is right all the same (spaces of a JSON file do not matter), or an error."""
    folder, check, errors = kept
    sound, rng = folder.with_name("sound"), np.random.default_rng(seed)
    shutil.copytree(folder, sound)
    for _ in range(n_damages):
        files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
        name = files[rng.integers(len(files))]
        _replace(folder / name, damaged((folder / name).read_bytes(), rng))
        assert type(error_of(check)) in (NoneType, *errors)
        _replace(folder / name, (sound / name).read_bytes())
    check()


def error_of(check):
    try:
        return check()
    except Exception as error:
        return error


def _replace(path, content):
    """Another file of the same name: the former may be mapped."""
    path.unlink(missing_ok=True)
    path.write_bytes(content)


@pytest.mark.filterwarnings("ignore:.*is damaged.*it is made anew:UserWarning")
def test_damage_is_never_taken_as_right(kept):
    assert_noticed(kept, 12, seed=0)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*is damaged.*it is made anew:UserWarning")
def test_300_damages_are_never_taken_as_right(kept):
    assert_noticed(kept, 300, seed=1)


# --- files whose digest is right, and whose content no program of ours has written


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays, about: about.pop("fit_s"),
        lambda arrays, about: about.pop("shares"),
        lambda arrays, about: arrays["y_pred"].__setitem__(0, np.nan),
        lambda arrays, about: about.update(predict_s="1"),
        lambda arrays, about: about.update(shares=[0.5]),
        lambda arrays, about: arrays.clear(),
        lambda arrays, about: arrays.update(y_pred=arrays["y_pred"].astype(np.float32)),
        lambda arrays, about: arrays.update(more=arrays["y_pred"]),
    ],
)
def test_a_kept_fit_has_times_shares_and_predictions(little, tmp_path, change):
    check = kept_fits(tmp_path, little)
    path = next(tmp_path.glob("*.npz"))
    arrays, about = read_arrays(path, "skepi comparison 1")
    change(arrays, about)
    write_arrays(path, arrays, about)
    with pytest.raises(ValueError, match="lacks parts of a fit, or holds others: remove it to make its fit again"):
        check()


def test_lists_in_lists_without_an_end_are_no_outcome(little, tmp_path):
    check = sweep(tmp_path, little)
    next(tmp_path.glob("*.json")).write_bytes(b'{"outcome": ' + b"[" * 100_000)
    with pytest.raises(ValueError, match="is damaged, or not an outcome that skepi kept"):
        check()
