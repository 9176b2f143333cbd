"""Progress: a bar on stderr if asked for and nothing else, results that never change, and jobs counted as they end."""

import importlib
import inspect
import re
import sys
import threading
import time
import types
import warnings
from inspect import signature

import joblib
import numpy as np
import pandas as pd
import pytest
from discovery import public_estimators
from joblib import delayed
from sklearn.base import clone
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from tqdm import TqdmWarning, tqdm

from skepi import (
    _progress,
    comparison,
    compose,
    inspection,
    linear_model,
    model_selection,
    neural_network,
    peaks,
)
from skepi._keys import described
from skepi._progress import HiddenBar, ShowsProgress, end_early, in_parallel, progress_bar
from skepi.binning import TSSBinner, symmetric_edges
from skepi.comparison import compare_models
from skepi.compose import BucketedRegressor, GeneZTarget, PerGeneLassoCV, PerGeneRegressor, ResidualRegressor
from skepi.datasets import make_paired_openness
from skepi.gaussian_process import CisTransRegressor
from skepi.inspection import (
    cell_type_influence,
    correlate_links,
    cross_val_parts,
    importance_profile,
    score_links,
)
from skepi.linear_model import LassoBaselineCV
from skepi.model_selection import (
    CellTypeKFold,
    ResumableGridSearchCV,
    cross_val_pairs,
    learning_curve_pairs,
    shuffle_control,
)
from skepi.neural_network import (
    BinAttention,
    BinAttentionClassifier,
    BinCNN,
    BinCNNClassifier,
    ExpressionMLP,
    SequenceOpenness,
)
from skepi.peaks import consensus_peaks, openness_from_bigwigs, openness_over_peaks, read_narrowpeaks

DATA, _ = make_paired_openness(n_genes=30, n_cell_types=6, n_lineages=2, random_state=0)
X, Y = DATA.pairs(return_X_y=True)
BANDS = TSSBinner(edges=symmetric_edges([0, 5_000, 50_000]))
BINNED = BANDS.fit_transform(X)
RIDGE = make_pipeline(BANDS, GeneZTarget(Ridge()))
CV = CellTypeKFold(2)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Three samples as narrowPeak files and as bigWig files, and peaks to measure them on."""
    folder, calls, tracks = tmp_path_factory.mktemp("samples"), {}, {}
    pybigtools = pytest.importorskip("pybigtools")
    for k, name in enumerate(["HSC", "CLP", "Ery"]):
        calls[name], tracks[name] = folder / f"{name}.narrowPeak", str(folder / f"{name}.bw")
        lines = [f"chr1\t{at + 10 * k}\t{at + 300}\tpeak\t0\t.\t{k + 2}\t5\t4\t100\n" for at in (1_000, 5_000)]
        calls[name].write_text("".join(lines))
        pybigtools.open(tracks[name], "w").write({"chr1": 10_000}, [("chr1", 1_000, 1_200 + k, 2.0)])
    return {"calls": calls, "tracks": tracks, "peaks": pd.DataFrame({"chrom": "chr1", "start": [900], "end": [1_400]})}


def fitted(estimator, rows, **settings):
    """What an estimator learns."""
    model = clone(estimator).set_params(**settings).fit(rows, Y)
    return {name: value for name, value in vars(model).items() if name.endswith("_") and name != "history_"}


def classified(estimator, **settings):
    """What a classifier learns of targets above their median."""
    model = clone(estimator).set_params(**settings).fit(BINNED, np.where(np.median(Y) < Y, "high", "low"))
    return {name: value for name, value in vars(model).items() if name.endswith("_") and name != "history_"}


def of_sequences(estimator, **settings):
    """What a network learns of random DNA."""
    codes = np.random.default_rng(0).integers(0, 4, (20, 30), dtype=np.uint8)
    model = clone(estimator).set_params(**settings).fit(codes, np.arange(20.0), groups=np.repeat([0, 1], 10))
    return {name: value for name, value in vars(model).items() if name.endswith("_") and name != "history_"}


def searched(tmp_path, **settings):
    search = ResumableGridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, folder=tmp_path / "kept", cv=2, **settings)
    return search.fit(BINNED.dense(), Y).cv_results_["mean_test_score"]


def compared(folder=None, models=None, **settings):
    models = models or {"mean": GeneZTarget(DummyRegressor()), "bands": RIDGE}
    found = compare_models(models, DATA, ["chromosomes"], controls=("genes",), n_bootstrap=5, folder=folder, **settings)
    scores = [table.drop(columns=["fit_s", "predict_s"]) for table in (found.scores, found.control_scores)]
    return [*scores, *(found.held_out("chromosomes", name) for name in models)]


# What is counted, how many of them, and the call: (name, unit, total, function of files, folder and settings).
LINKS = score_links(DATA, max_distance=100_000)
NET = ExpressionMLP((4,), max_epochs=2, random_state=0)
SMALL_CNN = {"filters": 2, "width": 1, "pool": 1, "hidden": (4,), "max_epochs": 2, "random_state": 0}
SMALL_READER_OF_DNA = {"scale": 0.02, "max_epochs": 2, "random_state": 0}
SMALL_READER = {"bin_units": 2, "signal_units": 2, "max_epochs": 2, "random_state": 0}
CALLS = {
    "compare_models": ("fits", 16, lambda f, t, **s: compared(**s)),
    "cross_val_pairs": ("folds", 2, lambda f, t, **s: cross_val_pairs(RIDGE, X, Y, CV, **s)),
    "shuffle_control": ("folds", 6, lambda f, t, **s: vars(shuffle_control(RIDGE, X, Y, CV, n_permutations=2, **s))),
    "learning_curve_pairs": (
        "fits",
        5,
        lambda f, t, **s: learning_curve_pairs(RIDGE, X, Y, CV, train_sizes=[2, 3], n_subsets=2, n_bootstrap=5, **s),
    ),
    "importance_profile": (
        "fits",
        40,
        lambda f, t, **s: importance_profile(Ridge(), BINNED, Y, CV, n_permutations=19, **s),
    ),
    "cell_type_influence": ("fits", 8, lambda f, t, **s: cell_type_influence(RIDGE, X, Y, CV, **s)),
    "cross_val_parts": (
        "folds",
        2,
        lambda f, t, **s: cross_val_parts(make_pipeline(BANDS, CisTransRegressor()), X, Y, CV, **s),
    ),
    "score_links": ("genes", 30, lambda f, t, **s: score_links(DATA, max_distance=100_000, **s)),
    "correlate_links": ("genes", 30, lambda f, t, **s: correlate_links(DATA, LINKS, n_matched=20, **s)),
    "read_narrowpeaks": ("files", 3, lambda f, t, **s: read_narrowpeaks(f["calls"], **s)),
    "consensus_peaks": ("files", 3, lambda f, t, **s: consensus_peaks(f["calls"], **s)),
    "openness_over_peaks": ("samples", 3, lambda f, t, **s: openness_over_peaks(f["calls"], f["peaks"], **s)),
    "openness_from_bigwigs": ("files", 3, lambda f, t, **s: openness_from_bigwigs(f["tracks"], f["peaks"], **s)),
    "LassoBaselineCV": ("genes", 90, lambda f, t, **s: fitted(LassoBaselineCV(3, cv=CV), BINNED, **s)),
    "PerGeneLassoCV": ("genes", 30, lambda f, t, **s: fitted(PerGeneLassoCV(3, cv=CV), BINNED, **s)),
    "PerGeneRegressor": ("genes", 30, lambda f, t, **s: fitted(PerGeneRegressor(), BINNED, **s)),
    "ResidualRegressor": ("folds", 3, lambda f, t, **s: fitted(ResidualRegressor(Ridge(), cv=3), BINNED, **s)),
    "BucketedRegressor": (
        "models",
        3,
        lambda f, t, **s: fitted(BucketedRegressor(GeneZTarget(Ridge()), min_cell_types=2), BINNED, **s),
    ),
    "BinCNN": ("epochs", 2, lambda f, t, **s: fitted(BinCNN(**SMALL_CNN), BINNED, **s)),
    "BinCNNClassifier": ("epochs", 2, lambda f, t, **s: classified(BinCNNClassifier(**SMALL_CNN), **s)),
    "BinAttention": ("epochs", 2, lambda f, t, **s: fitted(BinAttention(**SMALL_READER), BINNED, **s)),
    "BinAttentionClassifier": ("epochs", 2, lambda f, t, **s: classified(BinAttentionClassifier(**SMALL_READER), **s)),
    "SequenceOpenness": ("epochs", 2, lambda f, t, **s: of_sequences(SequenceOpenness(**SMALL_READER_OF_DNA), **s)),
    "ExpressionMLP": ("epochs", 2, lambda f, t, **s: fitted(NET, BINNED, **s)),
    "ResumableGridSearchCV": ("fits", 4, lambda f, t, **s: searched(t, **s)),
}


ROOMS = [comparison, compose, inspection, linear_model, model_selection, neural_network, peaks]
PUBLIC = {name: getattr(room, name) for room in ROOMS for name in room.__all__}


def lines(text):
    """What a terminal has shown, one line after the other."""
    return [line for line in text.replace("\r", "\n").splitlines() if line]


# --- the law: shown if asked for, on stderr, and nothing changes


@pytest.mark.parametrize("name", CALLS)
def test_a_bar_is_shown_if_asked_for_and_changes_nothing(name, files, tmp_path, capsys):
    what, total, call = CALLS[name]
    without = call(files, tmp_path / "off")
    assert capsys.readouterr() == ("", "")
    shown = call(files, tmp_path / "on", progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert re.match(rf"{what}: 100%\|█+\| {total}/{total} \[", lines(err)[-1])
    assert described(shown) == described(without)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("value", ["yes", 2, None])
def test_progress_is_true_or_false(name, value, files, tmp_path):
    with pytest.raises(ValueError, match=f"^progress must be True or False, got {value!r}"):
        CALLS[name][2](files, tmp_path, progress=value)


def test_all_estimators_that_have_the_parameter_are_told_and_tested():
    having = {estimator for estimator in public_estimators() if "progress" in signature(estimator).parameters}
    assert having == {estimator for estimator in public_estimators() if issubclass(estimator, ShowsProgress)}
    assert {estimator.__name__ for estimator in having} == {name for name in CALLS if name[0].isupper()}


def test_all_functions_that_have_the_parameter_are_tested():
    functions = {name: member for name, member in PUBLIC.items() if inspect.isfunction(member)}
    having = {name for name, function in functions.items() if "progress" in signature(function).parameters}
    assert having == {name for name in CALLS if name.islower()}


@pytest.mark.parametrize("estimator", [LassoBaselineCV(3), PerGeneLassoCV(3), PerGeneRegressor(), NET])
def test_a_clone_shows_what_its_original_shows(estimator):
    assert not estimator.get_params()["progress"]
    assert clone(clone(estimator).set_params(progress=True)).progress


@pytest.mark.parametrize("name", CALLS)
def test_the_parameter_comes_by_keyword_and_is_described_in_the_same_words(name):
    member = PUBLIC[name]
    parameter = signature(member).parameters["progress"]
    assert (parameter.kind, parameter.default) == (parameter.KEYWORD_ONLY, False)
    said = "progress : bool, default=False\n    Whether to show a progress bar.\n"
    assert inspect.cleandoc(member.__doc__).count(said) == 1


# --- kept fits


def test_fits_kept_without_a_bar_are_found_with_one(tmp_path, capsys):
    models = {"lasso": make_pipeline(BANDS, LassoBaselineCV([1.0, 0.1], cv=CV))}
    first = compared(tmp_path, models)
    kept = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again = compared(
        tmp_path, {"lasso": clone(models["lasso"]).set_params(lassobaselinecv__progress=True)}, progress=True
    )
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == kept
    assert described(again) == described(first)
    assert "genes" not in capsys.readouterr().err  # no fit was made


class Strange(Ridge):
    """An estimator of somebody else, to whom the word means another thing."""

    def __init__(self, progress=False):
        self.progress = progress


def test_a_parameter_of_this_name_elsewhere_is_part_of_the_key():
    assert described(Strange(True)) != described(Strange(False))
    assert described(NET) == described(clone(NET).set_params(progress=True))
    assert described(NET) != described(clone(NET).set_params(max_epochs=3))


# --- the bar


def test_without_a_bar_tqdm_is_not_asked(monkeypatch):
    monkeypatch.setattr(_progress, "_kind_of_bar", lambda: pytest.fail("a bar was made"))
    with progress_bar(False, "folds", 2) as bar:
        bar.update(1)
        bar.reset(total=3)
        bar.set_postfix_str("none")
        end_early(bar)
        assert bar.disable


def test_what_is_not_shown_takes_what_a_bar_takes():
    for name in ("update", "reset", "set_postfix_str"):
        assert list(signature(getattr(HiddenBar, name)).parameters) == list(signature(getattr(tqdm, name)).parameters)


def test_a_bar_within_a_bar_goes_away_when_it_is_done(capsys):
    with progress_bar(True, "folds", 2) as outer:
        with progress_bar(True, "epochs", 3) as inner:
            inner.update(3)
        outer.update(2)
    assert (outer.leave, inner.leave) == (True, False)
    with progress_bar(False, "folds", 2), progress_bar(True, "epochs", 3) as alone:
        pass
    assert alone.leave
    assert lines(capsys.readouterr().err)


def test_a_bar_stays_where_it_was_when_an_error_ends_it(capsys):
    def broken():
        with progress_bar(True, "folds", 4) as bar:
            bar.update(1)
            raise KeyError

    with pytest.raises(KeyError):
        broken()
    assert "1/4" in lines(capsys.readouterr().err)[-1]
    with progress_bar(True, "folds", 4) as bar:  # the one before is no longer around this one
        assert bar.leave


def test_what_ends_early_is_all_there_was(capsys):
    with progress_bar(True, "epochs", 150) as bar:
        bar.update(3)
        end_early(bar)
    assert re.match(r"epochs: 100%\|█+\| 3/3 \[", lines(capsys.readouterr().err)[-1])


def test_a_widget_that_ends_early_is_as_long_as_what_there_was():
    slider = types.SimpleNamespace(max=10)
    widget = types.SimpleNamespace(
        disable=False, n=4, total=10, container=types.SimpleNamespace(children=[None, slider]), refresh=lambda: None
    )
    end_early(widget)
    assert (widget.total, slider.max) == (4, 4)


def test_in_doubt_a_bar_is_shown_on_a_terminal_alone(monkeypatch):
    for terminal in (True, False):
        monkeypatch.setattr(sys.stderr, "isatty", lambda terminal=terminal: terminal, raising=False)
        with progress_bar(None, "bytes", 1) as bar:
            assert bar.disable is not terminal


def test_a_notebook_without_widgets_gets_the_bar_as_text_without_a_warning(monkeypatch):
    for name in ("tqdm.auto", "tqdm.autonotebook", "tqdm.notebook", "ipywidgets"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)  # not installed
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=Shell))
    monkeypatch.setitem(sys.modules, "ipykernel.zmqshell", types.ModuleType("ipykernel.zmqshell"))
    with pytest.warns(TqdmWarning, match="IProgress not found"):
        importlib.import_module("tqdm.auto")
    for name in ("tqdm.auto", "tqdm.autonotebook", "tqdm.notebook"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert issubclass(_progress._kind_of_bar(), tqdm)


class Shell:
    """What IPython says of a notebook, as far as tqdm asks."""

    config = {"IPKernelApp": {}}


# --- jobs


def given(result):
    if isinstance(result, Exception):
        raise result
    return result


def last(folder):
    """Ends when the job that writes a file has ended; the minute is for a test that fails."""
    for _ in range(6000):
        if (folder / "written").exists():
            return 3
        time.sleep(0.01)
    raise TimeoutError


def written(folder):
    (folder / "written").touch()
    return 2


class Counts:
    """A bar that remembers how it was moved."""

    disable = False

    def __init__(self):
        self.moves = []

    def update(self, n=1):
        self.moves.append(n)


BACKENDS = [("threading", 2), ("sequential", 1), pytest.param("loky", 2, marks=pytest.mark.slow)]


def nested():
    """Whether a bar in a job is hidden, and else whether it stays."""
    with progress_bar(True, "epochs", 3) as inner:
        return "hidden" if isinstance(inner, HiddenBar) else inner.leave


@pytest.mark.parametrize(("backend", "n_jobs"), BACKENDS)
def test_a_bar_in_a_job_goes_away_and_one_in_another_process_is_not_shown(backend, n_jobs):
    with joblib.parallel_config(backend), progress_bar(True, "fits", 2) as bar:
        assert in_parallel([delayed(nested)()] * 2, n_jobs, bar) == ["hidden" if backend == "loky" else False] * 2
    assert nested() is True  # as before
    with joblib.parallel_config(backend), progress_bar(False, "fits", 2) as bar:
        assert in_parallel([delayed(nested)()], n_jobs, bar) == [True]  # alone, as the user asked


@pytest.mark.parametrize("backend", ["threading", pytest.param("loky", marks=pytest.mark.slow)])
def test_results_keep_the_order_of_the_jobs_and_are_counted_as_they_end(backend, tmp_path):
    bar, jobs = Counts(), [delayed(last)(tmp_path), delayed(given)(1), delayed(written)(tmp_path)]
    with joblib.parallel_config(backend):
        assert in_parallel(jobs, 2, bar, size=int) == [3, 1, 2]
    assert sorted(bar.moves) == [1, 2, 3]
    assert bar.moves[0] == 1  # the first job waits for the last one, and the other worker goes through the rest


def test_one_job_at_a_time_is_counted_before_the_next_one_begins():
    bar = Counts()

    def so_far(number):
        return number, list(bar.moves)

    assert in_parallel(map(delayed(so_far), range(3)), None, bar) == [(0, []), (1, [1]), (2, [1, 1])]


@pytest.mark.parametrize(("backend", "n_jobs"), BACKENDS)
@pytest.mark.parametrize("shown", [False, True])
def test_errors_of_jobs_are_raised_as_they_are(backend, n_jobs, shown):
    bar = Counts()
    bar.disable = not shown
    jobs = [delayed(given)(1), delayed(given)(KeyError("gene a")), delayed(given)(2)]
    with joblib.parallel_config(backend), pytest.raises(KeyError, match="gene a"):
        in_parallel(jobs, n_jobs, bar)


@pytest.mark.parametrize("shown", [False, True])
def test_errors_of_joblib_stay_what_they_are(shown):
    bar = Counts()
    bar.disable = not shown
    with pytest.raises(ValueError, match=r"n_jobs == 0 in Parallel has no meaning|n_jobs could not be converted"):
        in_parallel([delayed(given)(1)], "many", bar)


def test_without_jobs_there_are_no_results():
    assert in_parallel([], None, Counts()) == []


def test_jobs_run_at_once_with_a_bar_too():
    meet = threading.Barrier(2)  # which one job alone would never pass
    with joblib.parallel_config("threading"):
        assert sorted(in_parallel([delayed(meet.wait)(60) for _ in range(2)], 2, Counts())) == [0, 1]
        assert set(in_parallel([delayed(threading.get_ident)() for _ in range(4)], 1, Counts())) == {
            threading.get_ident()
        }


def test_a_backend_that_gives_results_all_at_once_is_refused_with_a_bar_alone():
    with joblib.parallel_config("multiprocessing", n_jobs=1):
        with pytest.raises(ValueError, match="such as loky, threading or dask: leave progress out"):
            cross_val_pairs(RIDGE, X, Y, CV, progress=True)
        assert len(cross_val_pairs(RIDGE, X, Y, CV)) == len(Y)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["compare_models", "cell_type_influence", "PerGeneLassoCV", "read_narrowpeaks"])
def test_processes_give_the_results_of_one(name, files, tmp_path, capsys):
    what, total, call = CALLS[name]
    one = call(files, tmp_path)
    several = call(files, tmp_path, progress=True, n_jobs=2)
    # The estimator holds its n_jobs, and nothing that it learned does.
    assert described(several) == described(one)
    out, err = capsys.readouterr()
    assert out == ""
    assert re.match(rf"{what}: 100%\|█+\| {total}/{total} \[", lines(err)[-1])
