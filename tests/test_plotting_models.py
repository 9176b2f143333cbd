"""Displays of penalties, epochs and searches."""

import figures
import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Lasso, Ridge
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline, make_pipeline

from skepi.binning import TSSBinner
from skepi.compose import GeneZTarget
from skepi.linear_model import LassoBaseline, LassoBaselineCV
from skepi.metrics import within_gene_skill_scorer
from skepi.model_selection import CellTypeKFold
from skepi.neural_network import ExpressionMLP
from skepi.plotting import LambdaPathDisplay, SweepDisplay, TrainingCurveDisplay
from skepi.plotting._search_results import score_words
from skepi.plotting._style import BLUE, ORANGE
from skepi.preprocessing import LogZScaler

EDGES = [-5_000, -1_000, 0, 1_000, 5_000]


@pytest.fixture(scope="module")
def plain(request):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    return X, X @ [1.0, 0.5, 0, 0] + 0.3 * rng.normal(size=60)


@pytest.fixture(scope="module")
def path(pairs):
    model = LassoBaselineCV([1.0, 0.1, 1e-2, 1e-3], cv=3)
    return Pipeline([("bins", TSSBinner(edges=EDGES)), ("model", model)]).fit(*pairs)


@pytest.fixture(scope="module")
def network(pairs):
    net = ExpressionMLP((8,), max_epochs=6, patience=6, batch_size=200, lr=1e-2, random_state=0)
    steps = [("bins", TSSBinner(edges=EDGES)), ("scale", LogZScaler()), ("model", GeneZTarget(net))]
    return Pipeline(steps).fit(*pairs)


@pytest.fixture(scope="module")
def search(plain):
    pipe = Pipeline([("model", Ridge())])
    grid = [
        {"model": [Lasso()], "model__alpha": [0.0, 0.01, 0.1, 10.0], "model__fit_intercept": [True, False]},
        {"model": [Ridge()], "model__alpha": [0.01, 100.0]},
    ]
    with np.errstate(all="ignore"):
        return GridSearchCV(pipe, grid[1:], cv=KFold(4)).fit(*plain), GridSearchCV(
            pipe, [{**grid[0], "model__alpha": [0.01, 0.1, 10.0]}, grid[1]], cv=KFold(4)
        ).fit(*plain)


# Penalties


def test_the_path_shows_pooled_scores_folds_and_the_chosen_penalty(path):
    display = LambdaPathDisplay.from_estimator(path)
    model = path["model"]
    results = model.cv_results_.sort_values("lam")
    assert figures.data_of(display.lines_[0]) == [results["lam"].tolist(), results["pooled_score"].tolist()]
    assert len(display.fold_lines_) == 3
    assert figures.data_of(display.fold_lines_[1])[1] == results["split1_test_score"].tolist()
    assert display.best_lam_ == model.lam_
    assert display.best_line_.get_xdata()[0] == model.lam_
    assert display.ax_.get_xscale() == "log"
    said = figures.assert_readable(display.figure_)
    assert "skill in held-out pairs" in said
    assert "penalty lambda" in said
    assert {str(n) for n in model.cv_results_["n_weights"]} <= set(said)


def test_the_path_is_found_inside_a_search(pairs, path):
    search = GridSearchCV(path, {"model__sd_offset": [1.0]}, cv=CellTypeKFold(2)).fit(*pairs)
    assert LambdaPathDisplay.from_estimator(search).best_lam_ == search.best_estimator_["model"].lam_


def test_of_scores_the_best_of_the_development_pairs_is_marked():
    display = LambdaPathDisplay.from_scores([1.0, 0.01, 0.1], [1.0, 0.5, 0.7], [1.0, 0.9, 0.8], n_weights=[0, 9, 4])
    assert figures.data_of(display.lines_[0]) == [[0.01, 0.1, 1.0], [0.5, 0.7, 1.0]]  # sorted
    assert [line.get_color() for line in display.lines_] == [ORANGE, BLUE]
    assert display.best_lam_ == 0.1
    said = figures.assert_readable(display.figure_)
    assert {"train", "dev", "MSE", "best: 0.8 at 0.1", "0", "4", "9"} <= set(said)
    highest = LambdaPathDisplay.from_scores([1.0, 0.1], [0.1, 0.2], [0.2, 0.2], best="highest", score_name="skill")
    assert highest.best_lam_ == 1.0  # the greatest of equals
    end = display.ax_.transAxes.transform((0, display.best_line_.get_ydata()[1]))[1]
    words = [text for text in display.ax_.texts if text.get_text() in ("0", "4", "9")]
    assert all(text.get_window_extent().y0 > end for text in words)  # the line ends below the numbers of weights


def test_a_penalty_of_zero_has_a_place():
    display = LambdaPathDisplay.from_scores([0.0, 0.1, 1.0], [0, 1, 2], [2, 1, 2])
    assert display.ax_.get_xscale() == "symlog"
    assert 0.0 in display.ax_.get_xticks()


def test_many_penalties_leave_room_between_numbers_of_weights():
    lams = np.geomspace(1e-6, 1, 60)
    display = LambdaPathDisplay.from_scores(lams, lams, lams, n_weights=np.arange(60)[::-1] * 33)
    figures.assert_readable(display.figure_)


def test_bad_paths_are_refused(plain):
    with pytest.raises(NotFittedError):
        LambdaPathDisplay.from_estimator(LassoBaselineCV())
    with pytest.raises(
        TypeError, match="LassoBaseline keeps no cv_results_ and path_: wanted a fitted LassoBaselineCV"
    ):
        LambdaPathDisplay.from_estimator(LassoBaseline().fit(*plain))
    with pytest.raises(TypeError, match="wanted a fitted LassoBaselineCV, got 3"):
        LambdaPathDisplay.from_estimator(3)
    with pytest.raises(ValueError, match="wanted one value per penalty in each argument"):
        LambdaPathDisplay.from_scores([1.0, 0.1], [1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="penalties must be finite and 0 or greater"):
        LambdaPathDisplay.from_scores([-1.0], [1.0], [1.0])
    with pytest.raises(ValueError, match="no finite score in 'dev'"):
        LambdaPathDisplay.from_scores([1.0], [1.0], [np.nan])
    with pytest.raises(ValueError, match="best must be one of"):
        LambdaPathDisplay.from_scores([1.0], [1.0], [1.0], best="first")
    with pytest.raises(ValueError, match="the table has no rows"):
        LambdaPathDisplay.from_scores([], [], [])


# Epochs


def test_the_history_of_a_network_is_drawn_with_its_best_epoch(network):
    net = network["model"].regressor_
    display = TrainingCurveDisplay.from_estimator(network, baseline=1.0)
    assert figures.data_of(display.train_line_) == [net.history_["epoch"].tolist(), net.history_["train_mse"].tolist()]
    assert figures.data_of(display.dev_line_)[1] == net.history_["dev_mse"].tolist()
    assert display.best_epoch_ == net.best_epoch_
    assert display.best_line_.get_xdata()[0] == net.best_epoch_
    said = figures.assert_readable(display.figure_)
    assert {"epoch", "training", "development", "predicting 0"} <= set(said)
    assert any(text.startswith(f"best epoch {net.best_epoch_}: ") for text in said)
    assert display.ax_.get_ylabel().replace("\n", " ") == "mean squared error (of standardised expression)"


def test_errors_of_a_network_on_y_itself_have_the_units_of_y(plain):
    net = ExpressionMLP((2,), max_epochs=2, early_stopping=False, random_state=0).fit(*plain)
    display = TrainingCurveDisplay.from_estimator(net)
    assert display.ax_.get_ylabel().replace("\n", " ") == "mean squared error (squared units of y)"


def test_a_steep_first_epoch_is_drawn_whole_and_a_wild_one_ends_below_the_words():
    steep = pd.DataFrame({"epoch": range(1, 16), "train_mse": np.geomspace(0.4, 0.2, 15), "dev_mse": 0.3})
    display = TrainingCurveDisplay.from_history(steep)
    top = display.ax_.spines["left"].get_bounds()[1]
    assert top > 0.4
    wild = TrainingCurveDisplay.from_history(steep.assign(train_mse=[90.0, *steep["train_mse"][1:]]))
    end = wild.train_line_.get_clip_box().y1
    assert end == pytest.approx(wild.ax_.transData.transform((1, wild.ax_.spines["left"].get_bounds()[1]))[1])


def test_the_log_loss_of_a_classifier_is_drawn_as_such():
    history = pd.DataFrame({"epoch": [1, 2, 3], "train_log_loss": [0.7, 0.6, 0.5], "dev_log_loss": [0.7, 0.62, 0.66]})
    display = TrainingCurveDisplay.from_history(history)
    assert display.best_epoch_ == 2
    assert figures.data_of(display.dev_line_)[1] == [0.7, 0.62, 0.66]
    assert display.ax_.get_ylabel() == "log loss (nats)"


@pytest.mark.slow
def test_of_a_history_alone_the_lowest_development_error_is_the_best():
    history = pd.DataFrame({"epoch": [1, 2, 3], "train_mse": [3.0, 2.0, 1.0], "dev_mse": [2.0, 1.5, 1.8]})
    assert TrainingCurveDisplay.from_history(history).best_epoch_ == 2
    assert TrainingCurveDisplay.from_history(history, best_epoch=3).best_line_.get_xdata()[0] == 3


@pytest.mark.slow
@pytest.mark.parametrize("label", ["mean", "mean of the gene over all cell types of the training pairs", ""])
def test_the_baseline_is_called_what_the_caller_calls_it(network, label):
    history = pd.DataFrame({"epoch": [1, 2, 3], "train_mse": [3.0, 2.0, 1.0], "dev_mse": [2.0, 1.5, 1.8]})
    named = {"baseline": 1.9, "baseline_label": label}
    drawn = (
        TrainingCurveDisplay(history=history).plot(**named),
        TrainingCurveDisplay.from_history(history, **named),
        TrainingCurveDisplay.from_estimator(network, **named),
    )
    for display in drawn:
        said = [text.replace("\n", " ") for text in figures.assert_readable(display.figure_)]
        assert label in [*said, ""]
        assert "predicting 0" not in said


def test_without_development_pairs_the_last_epoch_is_named():
    history = pd.DataFrame({"epoch": [1, 2], "train_mse": [1.0, 0.5], "dev_mse": np.nan})
    display = TrainingCurveDisplay.from_history(history)
    assert display.dev_line_ is None
    assert display.best_epoch_ == 2
    assert "last epoch 2: 0.5" in figures.assert_readable(display.figure_)


def test_one_epoch_is_a_point_that_can_be_seen():
    history = pd.DataFrame({"epoch": [1], "train_mse": [1.0], "dev_mse": [0.9]})
    display = TrainingCurveDisplay.from_history(history)
    assert display.dev_line_.get_marker() == "o"
    figures.assert_readable(display.figure_)


def test_a_wild_first_epoch_does_not_squeeze_the_rest():
    epoch = np.arange(1, 101)
    history = pd.DataFrame({"epoch": epoch, "train_mse": np.where(epoch == 1, 500.0, 1.0), "dev_mse": 1.1})
    assert TrainingCurveDisplay.from_history(history, baseline=1.2).ax_.get_ylim()[1] < 2


def test_bad_histories_are_refused(plain):
    with pytest.raises(NotFittedError):
        TrainingCurveDisplay.from_estimator(ExpressionMLP())
    with pytest.raises(NotFittedError):
        TrainingCurveDisplay.from_estimator(make_pipeline(LogZScaler(), GeneZTarget(ExpressionMLP(), one_gene=True)))
    with pytest.raises(TypeError, match="GeneZTarget keeps no history_ and best_epoch_: wanted a fitted network"):
        TrainingCurveDisplay.from_estimator(GeneZTarget(DummyRegressor(), one_gene=True).fit(*plain))
    with pytest.raises(ValueError, match=r"history: missing columns \['dev_mse'\]"):
        TrainingCurveDisplay.from_history(pd.DataFrame({"epoch": [1], "train_mse": [1.0]}))
    history = pd.DataFrame({"epoch": [1], "train_mse": [1.0], "dev_mse": [1.0]})
    with pytest.raises(ValueError, match="best_epoch 7 is not among the 1 epochs"):
        TrainingCurveDisplay.from_history(history, best_epoch=7)
    with pytest.raises(ValueError, match="history: no finite MSE"):
        TrainingCurveDisplay.from_history(history.assign(train_mse=np.nan, dev_mse=np.nan))


# Searches


def test_a_sweep_shows_means_and_standard_errors_over_folds(search):
    display = SweepDisplay.from_search(search[0], "alpha", score_name="R2")
    results = search[0].cv_results_
    folds = np.array([results[f"split{k}_test_score"] for k in range(4)])
    line, _, (bars,) = display.containers_[0]
    assert figures.data_of(line) == [[0.01, 100.0], folds.mean(axis=0).tolist()]
    low, high = np.array([segment[:, 1] for segment in bars.get_segments()]).T
    assert (high - low) / 2 == pytest.approx(folds.std(axis=0, ddof=1) / 2)
    assert display.best_marker_.get_ydata()[0] == folds.mean(axis=0).max()
    assert display.ax_.get_xscale() == "log"
    said = " ".join(figures.assert_readable(display.figure_)).replace("\n", " ")
    assert "R2 (bars: 1 standard error over 4 folds)" in said


def test_a_second_parameter_is_told_apart_by_colour_and_name(search):
    display = SweepDisplay.from_search(search[1], "alpha", "model", fixed={"fit_intercept": False})
    assert len(display.table) == 3
    display = SweepDisplay.from_search(
        search[1], "alpha", "fit_intercept", fixed={"model": search[1].param_grid[0]["model"][0]}
    )
    assert len(display.containers_) == 2
    assert len({container[0].get_color() for container in display.containers_}) == 2
    assert {"True", "False", "fit_intercept:"} <= set(figures.assert_readable(display.figure_))


def test_a_sweep_of_skill_says_skill_and_lambda(pairs):
    model = GeneZTarget(LassoBaseline())
    pipe = Pipeline([("bins", TSSBinner(edges=EDGES)), ("scale", LogZScaler()), ("model", model)])
    grid = {"model__regressor__lam": [0.1, 0.001], "model__sd_offset": [0.0, 1.0]}
    search = GridSearchCV(pipe, grid, cv=CellTypeKFold(2)).fit(*pairs)
    display = SweepDisplay.from_search(search, "model__regressor__lam", "model__sd_offset")
    assert display.ax_.get_xlabel() == "penalty lambda"
    said = " ".join(figures.assert_readable(display.figure_)).replace("\n", " ")
    assert "skill (bars: 1 standard error over 2 folds)" in said
    assert "sd_offset:" in said
    by_lambda = SweepDisplay.from_search(search, "sd_offset", "lam")
    assert "penalty lambda:" in figures.assert_readable(by_lambda.figure_)


@pytest.mark.parametrize(
    ("scoring", "words"),
    [
        (None, "test score"),
        ("neg_mean_squared_error", "neg mean squared error"),
        (within_gene_skill_scorer, "within-gene skill"),
    ],
)
def test_a_score_is_called_by_the_name_of_its_scorer(scoring, words):
    search = GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, scoring=scoring)
    assert score_words(search, "score") == words
    assert score_words(search, "r2") == "r2"  # one of several


def test_estimators_are_named_by_their_class(search):
    models = {"model": [Lasso(0.1), Ridge()]}
    display = SweepDisplay.from_search(GridSearchCV(search[0].estimator, models, cv=3).fit(*_line()), "model")
    assert [label.get_text() for label in display.ax_.get_xticklabels()] == ["Lasso", "Ridge"]


def test_numbers_close_together_and_zero_keep_their_axis():
    X, y = _line()
    near = SweepDisplay.from_search(GridSearchCV(Ridge(), {"alpha": [1.0, 2.0, 3.0]}, cv=3).fit(X, y), "alpha")
    assert near.ax_.get_xscale() == "linear"
    zero = SweepDisplay.from_search(GridSearchCV(Ridge(), {"alpha": [0.0, 1e-3, 1.0]}, cv=3).fit(X, y), "alpha")
    assert zero.ax_.get_xscale() == "symlog"
    assert zero.containers_[0][0].get_xdata().tolist() == [0.0, 1e-3, 1.0]


def test_sweeps_that_would_mislead_are_refused(search, plain):
    with pytest.raises(NotFittedError):
        SweepDisplay.from_search(GridSearchCV(Ridge(), {"alpha": [1.0]}), "alpha")
    with pytest.raises(TypeError, match="wanted a fitted search such as GridSearchCV, got Ridge"):
        SweepDisplay.from_search(Ridge(), "alpha")
    with pytest.raises(ValueError, match=r"parameter 'dropout' was not searched; the search has \['model', "):
        SweepDisplay.from_search(search[1], "dropout")
    with pytest.raises(ValueError, match=r"several settings share one value of model__alpha: .*'model__fit_intercept'"):
        SweepDisplay.from_search(search[1], "alpha")
    with pytest.raises(
        ValueError, match=r"no setting of the search has model__alpha with \{'model__fit_intercept': 7\}"
    ):
        SweepDisplay.from_search(search[1], "alpha", fixed={"fit_intercept": 7})
    with pytest.raises(ValueError, match=r"no scores named 'skill'; it has \['score'\]"):
        SweepDisplay.from_search(search[0], "alpha", metric="skill")
    two = GridSearchCV(
        Pipeline([("a", Pipeline([("m", Ridge())]))]), {"a__m__alpha": [1.0], "a__m__tol": [0.1]}, cv=2
    ).fit(*plain)
    with pytest.raises(ValueError, match="was not searched"):
        SweepDisplay.from_search(two, "lpha")


def test_a_name_that_two_parameters_end_with_is_refused():
    from skepi.plotting._search_results import full_names

    with pytest.raises(ValueError, match=r"parameter 'alpha' could be any of \['a__alpha', 'b__alpha'\]"):
        full_names(["alpha"], [{"a__alpha": 1, "b__alpha": 2}])


def _line():
    X = np.arange(12.0)[:, None]
    return X, X.ravel()
