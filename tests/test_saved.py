"""Data sets on disk: the same as in memory, shared by path, whole or not at all."""

import os
import pickle

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock
from promises import assert_exact, assert_float32_sums
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from skepi._files import read_arrays, write_arrays
from skepi.binning import TSSBinner, symmetric_edges
from skepi.compose import GeneZTarget
from skepi.exceptions import TableError
from skepi.model_selection import CellTypeKFold
from skepi.paired import PairedDataset, _saved
from skepi.preprocessing import LogZScaler

EDGES = symmetric_edges([0, 1_000, 20_000])


@pytest.fixture
def data(simulated):
    return simulated[0]


@pytest.fixture
def opened(data, tmp_path):
    data.save(tmp_path / "set")
    return PairedDataset.open(tmp_path / "set")


def pipeline():
    return Pipeline([("bins", TSSBinner(edges=EDGES)), ("scale", LogZScaler()), ("model", GeneZTarget(Ridge(1.0)))])


def test_what_is_opened_is_what_was_saved(data, opened):
    for table in ("peaks", "genes", "cell_types"):
        assert_exact(getattr(opened, table), getattr(data, table))
    assert np.array_equal(opened.openness, data.openness)
    assert np.array_equal(opened.expression, data.expression)
    assert repr(opened) == repr(data)


def test_openness_and_expression_are_mapped_and_read_only(opened):
    for values in (opened.openness, opened.expression):
        assert isinstance(values, np.memmap)
        assert not values.flags.writeable


def test_a_fit_and_its_predictions_are_the_same_to_the_bit(data, opened):
    (X, y), (X_disk, y_disk) = (some.pairs(return_X_y=True) for some in (data, opened))
    assert np.array_equal(y, y_disk)
    fitted, on_disk = pipeline().fit(X, y), pipeline().fit(X_disk, y_disk)
    assert np.array_equal(fitted.predict(X), on_disk.predict(X_disk))
    assert np.array_equal(fitted.predict(X_disk), on_disk.predict(X))


def test_a_pickle_holds_the_path_alone(data, opened):
    X = opened.pairs()[:10]
    assert len(pickle.dumps(X)) < 2_000 < data.openness.nbytes
    assert len(pickle.dumps(opened)) < 2_000
    back = pickle.loads(pickle.dumps(opened))
    assert isinstance(back.openness, np.memmap)
    assert np.array_equal(back.expression, data.expression)
    assert pickle.loads(pickle.dumps(X)).to_frame().equals(X.to_frame())


def test_pickled_copies_share_what_is_derived(opened):
    made = []
    for _ in range(3):
        tables = pickle.loads(pickle.dumps(opened.pairs())).tables
        tables.derived("slots", lambda: made.append(1) or memoryview(b""))
    assert made == [1]


@pytest.mark.slow
def test_a_search_in_two_processes(data, opened):
    grid = {"model__regressor__alpha": [0.1, 10.0]}
    X, y = opened.pairs(return_X_y=True)
    search = GridSearchCV(pipeline(), grid, cv=CellTypeKFold(3), n_jobs=2).fit(X, y)
    in_memory = GridSearchCV(pipeline(), grid, cv=CellTypeKFold(3)).fit(*data.pairs(return_X_y=True))
    scores = (found.cv_results_["mean_test_score"] for found in (search, in_memory))
    assert_float32_sums(*scores, summed=1)


def test_openness_alone(data, tmp_path):
    PairedDataset(data.openness, data.peaks, data.genes, cell_types=data.cell_types).save(tmp_path / "set")
    opened = PairedDataset.open(tmp_path / "set")
    assert opened.expression is None
    assert pickle.loads(pickle.dumps(opened)).expression is None
    assert sorted(os.listdir(tmp_path / "set")) == ["openness.npy", "tables.npz"]


def test_further_columns_and_names_of_all_kinds(tmp_path):
    data = PairedDataset(
        pd.DataFrame({"é": [1.0], "x y": [2.0]}),
        {"chrom": ["chr1"], "start": [5], "end": [9], "score": [0.5]},
        {"name": ["g'\"\n"], "chrom": ["chr1"], "tss": [3], "strand": ["-"], "known": [True], "note": [None]},
        cell_types=pd.DataFrame({"name": ["é", "x y"], "lineage": ["a", "a"], "depth": [3, 4]}),
    )
    data.save(tmp_path / "set")
    opened = PairedDataset.open(tmp_path / "set")
    for table in ("peaks", "genes", "cell_types"):
        left, right = getattr(opened, table), getattr(data, table)
        assert_exact(left.astype(object), right.astype(object))


def test_a_subset_of_an_opened_set_is_in_memory(opened):
    part = opened.subset(genes=opened.genes["name"].iloc[:3])
    assert not isinstance(part.openness, np.memmap)
    assert len(pickle.loads(pickle.dumps(part)).genes) == 3


# --- what is refused


def test_a_folder_is_never_replaced(data, opened, tmp_path):
    with pytest.raises(FileExistsError, match="exists already"):
        data.save(tmp_path / "set")
    with pytest.raises(FileNotFoundError, match="is not a folder: cannot write x there"):
        data.save(tmp_path / "nowhere" / "x")


def test_a_full_disk_leaves_nothing(data, tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("skepi.paired._saved.write_arrays", full)
    with pytest.raises(OSError, match="No space left"):
        data.save(tmp_path / "set")
    assert os.listdir(tmp_path) == []


def tables_written(folder, change):
    """Write the tables anew, digests and all, after a change to (arrays, description)."""
    arrays, about = read_arrays(folder / "tables.npz", "skepi data set 3")
    change(arrays, about)
    write_arrays(folder / "tables.npz", arrays, about)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda arrays, about: arrays["peaks.2"].__isub__(10**6), "wanted 0 <= start < end"),
        (
            lambda arrays, about: arrays.update({"genes.3.names": np.frombuffer(b'["x", "y"]', np.uint8)}),
            "strand must be",
        ),
        (lambda arrays, about: about["columns"]["genes"].__setitem__(1, ["place", "text"]), "missing"),
        (lambda arrays, about: arrays.pop("genes.0"), "genes.0"),
        (lambda arrays, about: about["digests"].clear(), "wanted digests of openness"),
        (lambda arrays, about: about.pop("identity"), "identity"),
    ],
)
def test_tables_that_say_nonsense(data, opened, tmp_path, change, message):
    tables_written(tmp_path / "set", change)
    with pytest.raises(TableError, match=f"tables.npz holds no tables of a data set: .*{message}"):
        PairedDataset.open(tmp_path / "set")


def test_a_file_is_read_for_its_digest_once_per_process(data, opened, tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr(_saved, "file_digest", lambda path: read.append(path.name))
    for _ in range(2):
        pickle.loads(pickle.dumps(opened))
        PairedDataset.open(tmp_path / "set")
    assert read == []
    PairedDataset.open(tmp_path / "set", verify=False)
    assert read == []
    os.utime(tmp_path / "set" / "openness.npy", (1, 1))
    with pytest.raises(TableError, match=r"openness\.npy is damaged: its content is not what was saved"):
        PairedDataset.open(tmp_path / "set")
    assert read == ["openness.npy"]


def test_what_killed_processes_left_is_cleared_by_the_next_save(data, tmp_path):
    for name in ("set.01234567.part", "set.89abcdef.part"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "openness.npy").write_text("")
    (tmp_path / "set.89abcdef.part.lock").write_text("")
    (tmp_path / "set.fedcba98.part.lock").write_text("")
    (tmp_path / "other.01234567.part").mkdir()
    data.save(tmp_path / "set")
    assert sorted(os.listdir(tmp_path)) == ["other.01234567.part", "set"]


def test_folders_of_the_user_stay_whatever_they_are_called(data, tmp_path):
    names = ["set.20260101.part1", "set.finished.part", "set.0123ABCD.part", "set.0123abcd.part.results", "set.part"]
    for name in names:
        (tmp_path / name).mkdir()
    data.save(tmp_path / "set")
    assert sorted(os.listdir(tmp_path)) == sorted(["set", *names])


def test_a_lock_that_a_kill_left_after_the_last_step_is_cleared_too(data, tmp_path):
    data.save(tmp_path / "set")
    (tmp_path / "set.01234567.part.lock").write_text("")
    with pytest.raises(FileExistsError, match="exists already"):
        data.save(tmp_path / "set")
    assert os.listdir(tmp_path) == ["set"]


def test_of_two_that_save_at_once_one_is_refused(data, tmp_path, monkeypatch):
    write = _saved._write

    def write_while_another_finishes(folder, *content):
        write(folder, *content)
        monkeypatch.setattr(_saved, "_write", write)
        data.save(tmp_path / "set")

    monkeypatch.setattr(_saved, "_write", write_while_another_finishes)
    with pytest.raises(FileExistsError, match="exists already"):
        data.save(tmp_path / "set")
    assert os.listdir(tmp_path) == ["set"]


def test_what_another_process_is_writing_stays(data, tmp_path):
    with _saved._part_of(tmp_path / "set") as part:
        data.save(tmp_path / "set")
        assert part.is_dir()
    assert os.listdir(tmp_path) == ["set"]


def test_a_lock_that_is_taken_for_abandoned_is_made_again(tmp_path, monkeypatch):
    tokens = iter(["00000000", "11111111", "22222222"])
    monkeypatch.setattr("secrets.token_hex", lambda n: next(tokens))
    held = FileLock(tmp_path / "set.00000000.part.lock")
    acquire = FileLock.acquire

    def acquire_and_lose(self, *args, **kwargs):
        acquire(self, *args, **kwargs)
        if "11111111" in self.lock_file:
            os.unlink(self.lock_file)

    with held:
        monkeypatch.setattr(FileLock, "acquire", acquire_and_lose)
        with _saved._part_of(tmp_path / "set") as part:
            assert part.name == "set.22222222.part"


def test_what_is_no_data_set(data, opened, tmp_path):
    with pytest.raises(FileNotFoundError):
        PairedDataset.open(tmp_path / "nowhere")
    (tmp_path / "set" / "tables.npz").write_bytes(b"junk")
    with pytest.raises(ValueError, match="is not a file of a skepi data set"):
        PairedDataset.open(tmp_path / "set")


@pytest.mark.parametrize("name", ["openness", "expression"])
def test_arrays_that_are_cut_or_of_another_shape(data, opened, tmp_path, name):
    path = tmp_path / "set" / f"{name}.npy"
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[:-100])
    for verify in (True, False):
        with pytest.raises(TableError, match=f"{name}.npy is damaged"):
            PairedDataset.open(tmp_path / "set", verify=verify)
    np.save(path, np.zeros((2, 2)))
    with pytest.raises(TableError, match=rf"{name}.npy: wanted float\d\d of shape .*, got float64 of shape \(2, 2\)"):
        PairedDataset.open(tmp_path / "set", verify=False)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        PairedDataset.open(tmp_path / "set")


def test_another_data_set_under_the_same_path_is_noticed(data, opened, tmp_path):
    pickled = pickle.dumps(opened.pairs())
    os.rename(tmp_path / "set", tmp_path / "old")
    data.save(tmp_path / "set")
    assert len(pickle.loads(pickled)) == len(opened.pairs())  # the same data, written again
    os.rename(tmp_path / "set", tmp_path / "older")
    data.subset(genes=data.genes["name"].iloc[:5]).save(tmp_path / "set")
    with pytest.raises(TableError, match="holds another data set than when it was sent"):
        pickle.loads(pickled)
