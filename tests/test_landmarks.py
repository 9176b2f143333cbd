"""Target genes from landmark genes: tables by name, any regressor of several targets, errors and skill."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_exact, assert_float32_sums, assert_float64_sums, assert_within
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skepi.exceptions import TableError
from skepi.landmarks import (
    LandmarkRegressor,
    cross_val_landmarks,
    landmark_tables,
    samples_by_genes,
    summarize_landmark_errors,
)
from skepi.neural_network import ExpressionMLP
from skepi.persistence import load_model, save_model

LANDMARKS = [f"L{k}" for k in range(6)]
TARGETS = ["T0", "T1", "L2", "T2"]  # one is a landmark


def table(seed=0, n_samples=40, noise=0.1):
    """Genes x samples: targets are a linear law of landmarks, and noise."""
    rng = np.random.default_rng(seed)
    landmarks = rng.normal(5, 1, (n_samples, 6))
    targets = landmarks @ rng.normal(size=(6, 3)) + noise * rng.normal(size=(n_samples, 3))
    values = np.hstack([landmarks, targets]).T
    return pd.DataFrame(values, [*LANDMARKS, "T0", "T1", "T2"], [f"s{k}" for k in range(n_samples)])


@pytest.fixture(scope="module")
def data():
    return landmark_tables(table(), LANDMARKS, TARGETS)


def as_anndata(expression, **changed):
    """What is asked of an AnnData object, without anndata."""
    parts = {"obs_names": expression.columns, "var_names": expression.index, "layers": {}, "X": expression.to_numpy().T}
    return SimpleNamespace(**parts | changed)


def test_tables_are_taken_by_name_and_in_the_order_of_the_lists(data):
    shuffled = table().sample(frac=1, random_state=0)
    X, y = landmark_tables(shuffled, LANDMARKS, TARGETS)
    assert X.columns.tolist() == LANDMARKS
    assert y.columns.tolist() == TARGETS
    assert X.index.tolist() == y.index.tolist() == table().columns.tolist()
    assert_exact(X.to_numpy(), data.X.to_numpy())
    assert_exact(y["L2"].to_numpy(), table().loc["L2"].to_numpy())


def test_anndata_and_its_layers_give_the_same():
    expression = table()
    wanted = samples_by_genes(expression, TARGETS)
    for values in (expression.to_numpy().T, sp.csr_array(expression.to_numpy().T)):
        assert_exact(samples_by_genes(as_anndata(expression, X=values), TARGETS), wanted)
    layered = as_anndata(expression, X=None, layers={"log": expression.to_numpy().T})
    assert_exact(samples_by_genes(layered, TARGETS, layer="log"), wanted)


def test_float32_stays_float32():
    assert samples_by_genes(table().astype(np.float32), TARGETS).dtypes.unique().tolist() == [np.float32]
    assert samples_by_genes(table().round().astype(int), TARGETS).dtypes.unique().tolist() == [np.float64]


def with_value(value):
    expression = table()
    expression.loc["L3", "s7"] = value
    return expression


@pytest.mark.parametrize(
    ("expression", "genes", "message"),
    [
        (table(), ["L0", "GATA1", "HBB"], r"expression lacks 2 of 3 gene\(s\): 'GATA1', 'HBB'; take them off the list"),
        (table(), ["L0 "], r"expression lacks 1 of 1 gene\(s\): 'L0 '; white space around names differs"),
        (table(), ["L0", "L0"], "genes: the same name twice: 'L0'; give each gene once"),
        (table(), [], "genes: no gene was asked for"),
        (table().T, LANDMARKS, r"looks transposed: columns are genes, .*give expression\.T"),
        (table().reset_index(drop=True), LANDMARKS, r"rows have no names; .*\.set_index\('gene'\)"),
        (table().to_numpy(), LANDMARKS, "wanted a DataFrame of genes x samples or an AnnData object, got ndarray"),
        (pd.concat([table(), table().loc[["L1"]]]), LANDMARKS, "the same gene twice: 'L1'; keep one row per gene"),
        (with_value(np.nan), LANDMARKS, r"got NaN \(a gap\) for gene 'L3' in sample 's7' \(1 such value"),
        (with_value(np.inf), LANDMARKS, "got infinity for gene 'L3' in sample 's7'"),
    ],
)
def test_tables_that_cannot_be_used(expression, genes, message):
    with pytest.raises(TableError, match=message):
        samples_by_genes(expression, genes)


def test_gaps_of_other_genes_do_not_matter():
    assert samples_by_genes(with_value(np.nan), ["L0", "T0"]).shape == (40, 2)


def test_settings_of_tables_that_make_no_sense():
    with pytest.raises(TypeError, match=r"genes must be a sequence of names, got the text 'L0': give \['L0'\]"):
        samples_by_genes(table(), "L0")
    with pytest.raises(ValueError, match="only AnnData has layers, got a DataFrame with layer='log'"):
        samples_by_genes(table(), ["L0"], layer="log")


LINEAR = [LinearRegression(), Ridge(3.0), make_pipeline(StandardScaler(), Ridge())]
NETWORK = MLPRegressor(hidden_layer_sizes=(8,), solver="lbfgs", max_iter=200, random_state=0)
OTHERS = [
    KNeighborsRegressor(3),
    make_pipeline(StandardScaler(), NETWORK),
    MultiOutputRegressor(GradientBoostingRegressor(n_estimators=20, random_state=0)),
]


@pytest.mark.parametrize("regressor", [*LINEAR, *OTHERS], ids=repr)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_any_regressor_of_several_targets_learns_and_gets_names(regressor, data):
    X, y = data
    model = LandmarkRegressor(regressor).fit(X[:30], y[:30])
    predicted = model.predict_table(X[30:])
    assert predicted.index.tolist() == TARGETS
    assert predicted.columns.tolist() == X.index[30:].tolist()
    assert_exact(predicted.to_numpy(), model.predict(X[30:]).T)
    assert model.score(X[30:], y[30:]) > 0.2


@pytest.mark.parametrize("regressor", LINEAR, ids=repr)
def test_it_predicts_what_its_regressor_predicts(regressor, data):
    X, y = data
    wanted = clone(regressor).fit(X[:30].to_numpy(), y[:30].to_numpy()).predict(X[30:].to_numpy())
    got = LandmarkRegressor(regressor).fit(X[:30], y[:30]).predict(X[30:])
    assert_within(got, wanted, 1e-9, "solvers of linear systems, with other orders of the same numbers in memory")


def test_ridge_is_the_default_and_the_law_is_found(data):
    X, y = data
    model = LandmarkRegressor().fit(X[:30], y[:30])
    assert repr(model.regressor_) == "Ridge(alpha=10.0)"
    assert LandmarkRegressor(LinearRegression()).fit(X[:30], y[:30]).score(X[30:], y[30:]) > 0.98
    shuffled = y[:30].sample(frac=1, random_state=1).set_axis(y.index[:30])
    assert LandmarkRegressor(Ridge(100.0)).fit(X[:30], shuffled).score(X[30:], y[30:]) < 0.1


def test_what_is_kept_of_targets(data):
    X, y = data
    model = LandmarkRegressor().fit(X, y)
    assert model.n_targets_ == 4
    assert model.is_landmark_.tolist() == [False, False, True, False]
    assert model.target_names_.tolist() == TARGETS
    assert_float64_sums(model.target_mean_, y.mean().to_numpy())
    model.fit(X.to_numpy(), y.to_numpy())
    assert not hasattr(model, "target_names_")
    assert not model.is_landmark_.any()
    assert model.predict_table(X.to_numpy()).index.tolist() == [0, 1, 2, 3]


def test_one_target_stays_one_dimensional(data):
    X, y = data
    model = LandmarkRegressor(Ridge()).fit(X, y["T0"])
    assert model.predict(X).shape == (40,)
    assert model.score(X, y["T0"]) > 0.5
    assert LandmarkRegressor(Ridge()).fit(X, y[["T0"]]).predict(X).shape == (40, 1)


def test_errors_by_hand():
    X, y = np.array([[0.0], [2.0]]), np.array([[0.0, 5.0, 1.0], [4.0, 5.0, 3.0]])
    model = LandmarkRegressor(LinearRegression()).fit(X, y)  # 2 x, 5 and x + 1; means are 2, 5 and 2
    errors = model.gene_errors([[1.0], [3.0]], [[3.0, 5.0, 2.0], [6.0, 5.0, 2.0]])
    # Predicted 2 and 6: errors 1 and 0, of the mean 1 and 4. The third is predicted at 2 and 4, and lies at its mean.
    numbers = errors[["mae", "mae_mean", "mse", "mse_mean"]].to_numpy()
    assert_float64_sums(numbers[0], [0.5, 2.5, 0.5, 8.5])
    assert_float64_sums(errors.loc[0, "skill"], 1 - 1 / 17)
    assert_float64_sums(errors.loc[2, "mse"], 2.0)
    assert errors.loc[[1, 2], "skill"].isna().all()
    assert (errors["n_samples"] == 2).all()


def test_score_leaves_landmarks_out_and_the_summary_has_them_apart(data):
    X, y = data
    model = LandmarkRegressor(Ridge(10.0)).fit(X[:30], y[:30])
    errors = model.gene_errors(X[30:], y[30:])
    kept = [0, 1, 3]
    truth, mean = y[30:].to_numpy()[:, kept], y[:30].to_numpy()[:, kept].mean(axis=0)
    left = ((truth - model.predict(X[30:])[:, kept]) ** 2).sum()
    skill = 1 - left / ((truth - mean) ** 2).sum()
    assert_float64_sums(model.score(X[30:], y[30:]), skill)
    summary = summarize_landmark_errors(errors)
    assert summary.index.tolist() == ["other genes", "landmarks"]
    assert_float64_sums(summary.loc["other genes", "skill"], skill)
    assert_float64_sums(summary.loc["other genes", "mae"], np.abs(truth - model.predict(X[30:])[:, kept]).mean())
    assert_float64_sums(summary.loc["landmarks", "mae"], errors.loc["L2", "mae"])
    assert summary["n_genes"].tolist() == [3, 1]
    assert summarize_landmark_errors(errors.loc[["T0"]]).index.tolist() == ["other genes"]


def test_targets_are_found_by_name(data):
    X, y = data
    model = LandmarkRegressor().fit(X, y)
    assert model.score(X, y[TARGETS[::-1]]) == model.score(X, y)
    with pytest.raises(TableError, match=r"y lacks 1 of 4 target\(s\) of the fit: 'T2'"):
        model.score(X, y.rename(columns={"T2": "other"}))


def test_new_data_that_do_not_fit_are_refused(data):
    X, y = data
    model = LandmarkRegressor().fit(X, y)
    with pytest.raises(TableError, match=r"(?s)X lacks 2 of 6 landmark\(s\): 'L1', 'L4'\. .*samples_by_genes"):
        model.predict(X.drop(columns=["L1", "L4"]))
    with pytest.raises(TableError, match=r"(?s)must be in the same order.*samples_by_genes\(\.\.\.\) takes"):
        model.predict(X[LANDMARKS[::-1]])
    with pytest.raises(TableError, match=r"X: got NaN .* for gene 'L3' in sample 's7'"):
        model.predict(X.mask(X.eq(X.loc["s7", "L3"])))
    with pytest.raises(ValueError, match="X has 5 features, but LandmarkRegressor is expecting 6"):
        LandmarkRegressor().fit(X.to_numpy(), y).predict(X.to_numpy()[:, :5])
    with pytest.raises(ValueError, match=r"y has 3 target\(s\), and the model was fitted on 4: give the same targets"):
        model.score(X, y.to_numpy()[:, :3])
    with pytest.raises(ValueError, match=r"y has 5 target\(s\), .* fitted on 4: give y\[model\.target_names_\]"):
        model.score(X, y.assign(T3=0.0))
    with pytest.raises(TableError, match=r"X looks transposed: rows are landmarks, .*give X\.T"):
        model.predict(X.T)
    with pytest.raises(ValueError, match="y holds NaN or infinite values"):
        model.score(X, np.full(y.shape, np.nan))
    assert_exact(model.predict(samples_by_genes(table(), model.feature_names_in_)), model.predict(X))


def test_training_data_that_do_not_fit_are_refused(data):
    X, y = data
    with pytest.raises(TableError, match=r"X and y have other samples: row 0 is 's0' in X and 's39' in y; y\.loc"):
        LandmarkRegressor().fit(X, y[::-1])
    with pytest.raises(ValueError, match="X has 40 samples and y has 39, wanted one row per sample in both"):
        LandmarkRegressor().fit(X, y).score(X, y[:39])
    with pytest.raises(TableError, match=r"y: got NaN .* for gene 'T1' in sample 's0'"):
        LandmarkRegressor().fit(X, y.mask(y.eq(y.loc["s0", "T1"])))
    with pytest.raises(TableError, match=r"X: wanted a pandas DataFrame, got an .* object: use .*samples_by_genes"):
        LandmarkRegressor().fit(as_anndata(table()), y)
    with pytest.raises(TypeError, match=r"regressor must be an estimator with fit and predict, .*got 'ridge'"):
        LandmarkRegressor("ridge").fit(X, y)
    with pytest.raises(
        ValueError, match=r"(?s)1d array.*if GradientBoostingRegressor takes one target at a time, wrap it in"
    ):
        LandmarkRegressor(make_pipeline(StandardScaler(), GradientBoostingRegressor())).fit(X, y)
    with pytest.raises(
        ValueError, match="Number of targets and number of penalties"
    ):  # the regressor's own errors pass
        LandmarkRegressor(Ridge(alpha=np.array([1.0, 2.0]))).fit(X, y)


class OneTooFew(Ridge):
    def predict(self, X):
        return super().predict(X)[:, :-1]


def test_a_regressor_that_predicts_another_shape_is_refused(data):
    with pytest.raises(ValueError, match=r"OneTooFew\(\) predicts shape \(40, 3\), wanted \(40, 4\)"):
        LandmarkRegressor(OneTooFew()).fit(*data).predict(data.X)


def test_scores_that_are_not_defined_are_refused(data):
    X, y = data
    with pytest.raises(ValueError, match="all targets are landmarks, whose values are known"):
        LandmarkRegressor().fit(X, y[["L2"]]).score(X, y[["L2"]])
    with pytest.raises(ValueError, match="no target differs from its training mean"):
        LandmarkRegressor().fit(X, y * 0).score(X, y * 0)
    with pytest.raises(ValueError, match="sample_weight is not supported"):
        LandmarkRegressor().fit(X, y).score(X, y, np.ones(40))
    with pytest.raises(ValueError, match=r"errors: missing columns \['mae'.*give the table of gene_errors"):
        summarize_landmark_errors(pd.DataFrame({"skill": [1.0]}))


class KeepsGroups(Ridge):
    def fit(self, X, y, groups=None):
        self.groups_ = groups
        return super().fit(X, y)


def test_settings_of_fit_reach_the_regressor(data):
    donors = np.arange(40) % 5
    assert LandmarkRegressor(KeepsGroups()).fit(*data, groups=donors).regressor_.groups_ is donors


@given(st.integers(0, 1_000))
def test_the_order_of_landmarks_and_targets_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    X, y = landmark_tables(table(seed), LANDMARKS, TARGETS)
    others = landmark_tables(table(seed), list(rng.permutation(LANDMARKS)), list(rng.permutation(TARGETS)))
    wanted = LandmarkRegressor().fit(X, y).predict_table(X)
    got = LandmarkRegressor().fit(*others).predict_table(others.X).loc[TARGETS]
    assert_float32_sums(got.to_numpy(), wanted.to_numpy(), summed=np.abs(y.to_numpy()).max())


def test_cross_validation_is_a_loop_summed_before_dividing(data):
    X, y = data
    cv = KFold(3)
    errors = cross_val_landmarks(LandmarkRegressor(), X, y, cv)
    absolute, left, variation = 0.0, 0.0, 0.0
    for train, test in cv.split(X):
        predicted = Ridge(10.0).fit(X.iloc[train], y.iloc[train]).predict(X.iloc[test])
        truth = y.iloc[test].to_numpy()
        absolute += np.abs(truth - predicted).sum(axis=0)
        left += ((truth - predicted) ** 2).sum(axis=0)
        variation += ((truth - y.iloc[train].to_numpy().mean(axis=0)) ** 2).sum(axis=0)
    assert_float64_sums(errors["mae"].to_numpy(), absolute / 40)
    assert_float64_sums(errors["skill"].to_numpy(), 1 - left / variation)
    assert errors.index.tolist() == TARGETS
    assert errors["is_landmark"].tolist() == [False, False, True, False]
    assert (errors["n_samples"] == 40).all()
    arrays = cross_val_landmarks(LandmarkRegressor(), X.to_numpy(), y.to_numpy(), 3)
    assert_float64_sums(arrays["mae"].to_numpy(), errors["mae"].to_numpy())
    assert not arrays["is_landmark"].any()


def test_groups_are_held_out_together(data):
    X, y = data
    donors = np.repeat(np.arange(20), 2)
    offsets = np.random.default_rng(0).normal(size=(20, 4))[donors]
    noise = pd.DataFrame(offsets, y.index, y.columns)  # what a donor has in common, nothing to do with landmarks
    X = X.iloc[donors].set_axis(X.index) + 0.01 * X
    nearest = LandmarkRegressor(KNeighborsRegressor(1))
    random = cross_val_landmarks(nearest, X, noise, KFold(5, shuffle=True, random_state=0))
    held_out = cross_val_landmarks(nearest, X, noise, GroupKFold(5), groups=donors)
    assert summarize_landmark_errors(random).loc["other genes", "skill"] > 0.3
    assert summarize_landmark_errors(held_out).loc["other genes", "skill"] < 0.1
    with pytest.raises(ValueError, match="X has 40 samples and y has 10"):
        cross_val_landmarks(nearest, X, noise[:10], 5)


def test_saved_and_loaded_to_the_bit(data, tmp_path):
    X, y = data
    for regressor in (
        None,
        LinearRegression(),
        make_pipeline(StandardScaler(), Ridge()),
        KNeighborsRegressor(3, algorithm="brute"),
    ):
        model = LandmarkRegressor(regressor).fit(X, y)
        save_model(model, tmp_path / "model.skepi")
        loaded = load_model(tmp_path / "model.skepi")
        assert_exact(loaded.predict_table(X), model.predict_table(X))
        assert loaded.score(X, y) == model.score(X, y)


def small_network(**settings):
    return ExpressionMLP(
        **{"hidden": (8,), "lr": 0.01, "batch_size": 20, "max_epochs": 6, "random_state": 0} | settings
    )


def test_a_network_is_saved_and_loaded_to_the_bit(data, tmp_path):
    X, y = data
    scaled = TransformedTargetRegressor(small_network(activation="tanh"), transformer=StandardScaler())
    model = LandmarkRegressor(make_pipeline(StandardScaler(), scaled)).fit(X, y)
    save_model(model, tmp_path / "model.skepi")
    np.testing.assert_array_equal(load_model(tmp_path / "model.skepi").predict(X), model.predict(X))


def test_a_network_goes_on_from_its_checkpoint_to_the_same_result(data, tmp_path):
    X, y = data
    file = tmp_path / "run.npz"
    straight = LandmarkRegressor(small_network()).fit(X, y)
    LandmarkRegressor(small_network(max_epochs=3, checkpoint=file)).fit(X, y)
    resumed = LandmarkRegressor(small_network(checkpoint=file)).fit(X, y)
    np.testing.assert_array_equal(resumed.predict(X), straight.predict(X))


@pytest.mark.slow
def test_grid_search_over_networks_in_two_processes(data):
    grid = {"regressor__hidden": [(4,), (8,)]}
    model = LandmarkRegressor(small_network())
    one, two = (GridSearchCV(model, grid, cv=3, n_jobs=n_jobs, error_score="raise").fit(*data) for n_jobs in (1, 2))
    scores = [search.cv_results_["mean_test_score"] for search in (two, one)]
    assert_within(*scores, 1e-3, "threads add in another order")


@pytest.mark.slow
def test_grid_search_in_two_processes(data):
    grid = {"regressor": [Ridge()], "regressor__alpha": [0.1, 10.0, 1_000.0]}
    one, two = (GridSearchCV(LandmarkRegressor(), grid, cv=4, n_jobs=n_jobs).fit(*data) for n_jobs in (1, 2))
    assert one.best_params_["regressor__alpha"] == 0.1
    assert_exact(two.cv_results_["mean_test_score"], one.cv_results_["mean_test_score"])
    serial = cross_val_landmarks(one, *data, cv=3)
    assert_exact(cross_val_landmarks(one, *data, cv=3, n_jobs=2), serial)
