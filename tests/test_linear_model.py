"""LassoBaseline: scikit-learn's Lasso, the optimality conditions, the duality gap, and lazy rows."""

import tracemalloc
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_exact, assert_float32_sums, assert_float64_sums, assert_within
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning, NotFittedError
from sklearn.linear_model import Lasso, LinearRegression
from sklearn.pipeline import make_pipeline

from skepi._lasso import _linear
from skepi._lasso._moments import moments_of_array, moments_of_pairs
from skepi._lasso._solve import duality_gap
from skepi.binning import TSSBinner, _binned, symmetric_edges
from skepi.linear_model import LassoBaseline
from skepi.preprocessing import LogZScaler, Materialize


def problem(seed):
    """Rows, targets and a penalty: tall or wide, plain or correlated columns, with offsets and scales."""
    rng = np.random.default_rng(seed)
    n, p = rng.integers(8, 40), rng.integers(1, 30)
    X = rng.normal(size=(n, p)) + rng.choice([0, 1]) * rng.normal(size=(n, 1))
    X = X * rng.uniform(0.5, 2, size=p) + rng.choice([0, 3, 100])
    y = X[:, : rng.integers(1, p + 1)].sum(axis=1) + rng.normal(size=n) + rng.choice([0, 50])
    return X, y, greatest_lam(X, y) * rng.choice([0.03, 0.1, 0.5, 0.9])


def greatest_lam(X, y):
    """Least penalty at which all weights are 0."""
    return 2 * np.abs((X - X.mean(axis=0)).T @ (y - y.mean())).max() / len(y)


def objective(X, y, coef, lam):
    """MSE with the best intercept, plus the penalty."""
    residual = y - X @ coef
    return np.mean((residual - residual.mean()) ** 2) + lam * np.abs(coef).sum()


def suboptimality(X, y, coef, lam):
    """How far, at most, the objective is above its optimum, by the duality gap and its rounding."""
    return (duality_gap(moments_of_array(X, y), coef, lam) + 1e-12) * np.var(y)


def assert_same_optimum(X, y, lam, one, other):
    """Equal as far as duality gaps promise, however steep or flat the objective is.

    With d left of an objective, mean((fit - optimal fit) ** 2) <= d, which bounds the weights by the least singular
    value of the columns that they use.
    """
    apart = (X - X.mean(axis=0)) @ (one - other)
    reach = sum(np.sqrt(suboptimality(X, y, coef, lam)) for coef in (one, other))
    assert np.sqrt((apart**2).mean()) <= reach
    used = (one != 0) | (other != 0)
    if 0 < used.sum() < len(y):
        least = np.linalg.svd(X[:, used] - X[:, used].mean(axis=0), compute_uv=False).min()
        assert np.linalg.norm(one - other) * least <= np.sqrt(len(y)) * reach


def terms(X, y, coef):
    """Size of what is added where weights are applied."""
    return np.abs(y).max() + (np.abs(X) @ np.abs(coef)).max()


def moments_summed(X, y):
    """Size of what is added in each of the moments."""
    X, y = np.abs(X), np.abs(y)
    sizes = {"gram": X.T @ X, "xy": X.T @ y, "yy": y @ y, "x_mean": X.mean(axis=0), "y_mean": y.mean()}
    return {**sizes, "n_rows": 0}


def exact_lasso(X, y, lam):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return Lasso(alpha=lam / 2, tol=1e-12, max_iter=1_000_000).fit(X, y)


@pytest.fixture
def lazy(pairs):
    """Scaled distance bands of the simulated pairs, and y."""
    X, y = pairs
    binned = TSSBinner(edges=symmetric_edges([0, 1_000, 5_000, 20_000, 100_000])).fit_transform(X)
    return LogZScaler().fit_transform(binned), y


seeds = st.integers(0, 100_000)


# --- by hand


def test_one_feature_by_hand():
    # x = (-1, 0, 1), y = (3, 5, 10): x'y / n = 7/3, x'x / n = 2/3. The minimum of MSE + lam |w| is at
    # (7/3 - lam / 2) / (2/3): 2.75 for lam = 1; the intercept is the mean, 6. All 0 from lam = 14/3 on.
    X, y = [[-1.0], [0.0], [1.0]], [3.0, 5.0, 10.0]
    model = LassoBaseline(1.0).fit(X, y)
    assert (model.coef_[0], model.intercept_) == pytest.approx((2.75, 6))
    assert_float64_sums(model.predict([[2.0]]), [11.5])
    assert LassoBaseline(4.6).fit(X, y).coef_[0] > 0
    assert LassoBaseline(4.7).fit(X, y).coef_[0] == 0


def test_moments_by_hand():
    # Columns (0, 2) and (1, 1), y (3, 7): centred (-1, 1), (0, 0) and (-2, 2).
    moments = moments_of_array(np.array([[0.0, 1.0], [2.0, 1.0]]), np.array([3.0, 7.0]))
    np.testing.assert_array_equal(moments.gram, [[2, 0], [0, 0]])
    np.testing.assert_array_equal(moments.xy, [4, 0])
    assert (moments.yy, moments.x_mean.tolist(), moments.y_mean, moments.n_rows) == (8, [1, 1], 5, 2)


def test_duality_gap_by_hand():
    # One row pair x = (-1, 1), y = (-2, 2), lam = 2, w = 0: residual y, gradient 2 * 4 / 2 = 4, so the dual point
    # is y / 2: dual = (2 / 2 * 8 - 8 / 4) / 2 = 3, primal = 8 / 2 = 4; relative to 4: 1/4.
    # The optimum is w = 1 with 1 + 2 = 3, so here the gap is all suboptimality.
    moments = moments_of_array(np.array([[-1.0], [1.0]]), np.array([-2.0, 2.0]))
    assert duality_gap(moments, np.array([0.0]), 2.0) == pytest.approx(1 / 4)
    assert_float64_sums(duality_gap(moments, np.array([1.0]), 2.0), 0, summed=1)


# --- by another implementation and by the optimality conditions


@given(seeds)
def test_equals_scikit_learn_s_lasso(seed):
    X, y, lam = problem(seed)
    model, other = LassoBaseline(lam).fit(X, y), exact_lasso(X, y, lam)
    assert_same_optimum(X, y, lam, model.coef_, other.coef_)
    assert_float64_sums(model.predict(X).mean(), other.predict(X).mean(), summed=terms(X, y, model.coef_))


@given(seeds)
def test_optimality_conditions(seed):
    X, y, lam = problem(seed)
    model = LassoBaseline(lam).fit(X, y)
    residual = y - model.predict(X)
    pull = 2 * (X - X.mean(axis=0)).T @ residual / len(y)
    used = model.coef_ != 0
    left = suboptimality(X, y, model.coef_, lam)
    slack = 2 * X.std(axis=0) * np.sqrt(left)  # how far the pull can be from that of the optimum
    assert_float64_sums(residual.mean(), 0, summed=terms(X, y, model.coef_))
    assert (np.abs(pull) <= lam + slack).all()
    short = lam - np.sign(model.coef_[used]) * pull[used]
    assert (short <= slack[used] + left / np.abs(model.coef_[used])).all()


def test_weights_solve_the_linear_system_of_their_signs(rng):
    """To rounding, and not as near as the gap asks for."""
    X, lam = rng.normal(size=(60, 5)), 0.5
    y = X @ [2.0, -1.0, 0.0, 0.0, 0.5] + rng.normal(size=60)
    coef = LassoBaseline(lam).fit(X, y).coef_
    used, centred = coef != 0, X - X.mean(axis=0)
    assert 2 <= used.sum() < 5
    gram, xy = centred[:, used].T @ centred[:, used], centred[:, used].T @ (y - y.mean())
    wanted = np.linalg.solve(gram, xy - len(y) * lam / 2 * np.sign(coef[used]))
    assert_float64_sums(coef[used], wanted, condition=np.linalg.cond(gram))


@given(seeds, st.floats(0, 2))
def test_the_gap_bounds_how_far_any_weights_are_from_the_optimum(seed, size):
    X, y, lam = problem(seed)
    moments = moments_of_array(X, y)
    best = exact_lasso(X, y, lam).coef_
    coef = best + size * np.random.default_rng(seed).normal(size=best.size)
    gap = duality_gap(moments, coef, lam)
    too_much = (objective(X, y, coef, lam) - objective(X, y, best, lam)) / np.var(y)
    assert gap >= 0
    assert gap >= too_much - 1e-9 * (1 + too_much)
    assert duality_gap(moments, best, lam) < 1e-9


@given(seeds)
def test_the_gap_reached_is_the_one_stated(seed):
    X, y, lam = problem(seed)
    model = LassoBaseline(lam).fit(X, y)
    assert model.dual_gap_ <= model.tol
    gap = duality_gap(moments_of_array(X, y), model.coef_, lam)
    assert_float64_sums(model.dual_gap_, gap, summed=1, condition=10)


@given(seeds)
def test_offsets_change_the_intercept_alone(seed):
    X, y, lam = problem(seed)
    plain, moved = LassoBaseline(lam).fit(X, y), LassoBaseline(lam).fit(X + 5, y - 3)
    assert_same_optimum(X, y, lam, moved.coef_, plain.coef_)
    means = moved.predict(X + 5).mean(), plain.predict(X).mean() - 3
    assert_float64_sums(*means, summed=terms(np.abs(X) + 5, y, plain.coef_))


# --- ends of the range


@given(seeds)
def test_without_penalty_it_is_least_squares(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(40, rng.integers(1, 10))) + rng.normal(size=(40, 1))
    y = X.sum(axis=1) + rng.normal(size=40)
    model, other = LassoBaseline(0).fit(X, y), LinearRegression().fit(X, y)
    condition = np.linalg.cond(X - X.mean(axis=0)) ** 2  # of the normal equations
    assert_float64_sums(model.coef_, other.coef_, condition=condition)
    assert_float64_sums(model.intercept_, other.intercept_, summed=terms(X, y, other.coef_), condition=condition)
    assert model.dual_gap_ <= model.tol


@given(seeds, st.sampled_from([1 + 1e-9, 2, 1e9]))
def test_a_great_penalty_leaves_exact_zeros_and_the_mean(seed, factor):
    X, y, _ = problem(seed)
    model = LassoBaseline(factor * greatest_lam(X, y)).fit(X, y)
    assert model.coef_.tolist() == [0] * X.shape[1]
    assert model.intercept_ == y.mean()
    assert_float64_sums(model.dual_gap_, 0, summed=1)


@pytest.mark.parametrize("lam", [0, 1e-3])
@pytest.mark.parametrize("level", [0.0, 2.0, 0.1])  # the mean of 0.1s is not 0.1
def test_constant_targets(lam, level, rng):
    model = LassoBaseline(lam).fit(rng.normal(size=(7, 3)), [level] * 7)
    assert_exact(model.coef_, np.zeros(3))
    assert_float64_sums(model.intercept_, level)
    assert model.dual_gap_ <= model.tol


def test_small_variation_beside_a_great_level_is_learned():
    """Differences between cell types may be small beside the level of expression."""
    X = np.array([[-1.0], [0.0], [1.0]])
    model = LassoBaseline(0.0).fit(X, 2.0**17 + X[:, 0] / 2**10)  # exact in floating point
    assert model.coef_[0] == pytest.approx(2**-10)
    assert LassoBaseline(1e-9).fit(X, 2.0**17 + X[:, 0] / 2**10).coef_[0] == pytest.approx(2**-10)


def test_constant_targets_have_no_weights_at_all(rng):
    """Weights made of rounding would count as features that were chosen."""
    model = LassoBaseline(0.0).fit(rng.normal(size=(7, 3)), [0.1] * 7)  # the mean of 0.1s is not 0.1
    assert not model.coef_.any()


def test_a_feature_that_does_not_vary_gets_weight_0(rng):
    X, y = rng.normal(size=(20, 3)), rng.normal(size=20)
    X[:, 1] = 4
    assert LassoBaseline(1e-3).fit(X, y).coef_[1] == 0


def test_one_row_is_its_own_mean():
    model = LassoBaseline().fit([[1.0, 2.0]], [3.0])
    assert (model.coef_.tolist(), model.intercept_) == ([0, 0], 3)


# --- convergence


def test_too_few_sweeps_warn(rng):
    X = rng.normal(size=(60, 40)) + 5 * rng.normal(size=(60, 1))
    y = X[:, :20] @ rng.normal(size=20) + rng.normal(size=60)
    with pytest.warns(ConvergenceWarning, match=r"duality gap .* is greater than tol=1.0e-10 after 1 sweeps"):
        model = LassoBaseline(1e-3, max_iter=1).fit(X, y)
    assert model.n_iter_ == 1
    assert model.dual_gap_ > 1e-6
    assert LassoBaseline(1e-3).fit(X, y).n_iter_ > 1


@given(seeds)
def test_the_gap_is_never_negative(seed):
    X, y, lam = problem(seed)
    assert LassoBaseline(lam).fit(X, y).dual_gap_ >= 0
    assert LassoBaseline(0.0).fit(X, y).dual_gap_ >= 0


@pytest.mark.parametrize("max_iter", [3, 10, 30])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_sweeps_of_all_attempts_together_stay_within_max_iter(max_iter):
    """Equal columns and a gap that cannot be reached make the solver try again, with the sweeps that are left."""
    for seed in range(10):
        X, y, lam = problem(seed)
        assert LassoBaseline(lam, tol=1e-17, max_iter=max_iter).fit(np.hstack([X, X]), y).n_iter_ <= max_iter


@given(seeds)
def test_the_tolerance_is_reached_where_sweeps_are_left(seed):
    """Also where two columns are equal, so that the signs fix no unique optimum."""
    X, y, lam = problem(seed)
    model = LassoBaseline(lam).fit(np.hstack([X, X]), y)  # a warning is an error
    assert model.dual_gap_ <= model.tol
    found = objective(X, y, np.add(*np.split(model.coef_, 2)), lam)
    wanted = objective(X, y, exact_lasso(X, y, lam).coef_, lam)
    assert_within(found, wanted, 2 * model.tol * np.var(y), "both are above the optimum by less than their gaps")


# --- paths


@given(seeds)
def test_a_path_equals_separate_fits(seed):
    X, y, _ = problem(seed)
    lams = greatest_lam(X, y) * np.array([0.1, 0.9, 0.05, 0.5, 0.1, 2])
    model = LassoBaseline()
    path = model.path(X, y, lams)
    assert list(path) == ["lam", "intercept", "dual_gap", "n_iter", "coef"]
    np.testing.assert_array_equal(path["lam"], lams)
    for row in path.itertuples():
        alone = LassoBaseline(row.lam).fit(X, y)
        assert_same_optimum(X, y, row.lam, row.coef, alone.coef_)
        assert_float64_sums(row.intercept, y.mean() - X.mean(axis=0) @ row.coef, summed=terms(X, y, row.coef))
        gap = duality_gap(moments_of_array(X, y), row.coef, row.lam)
        assert_float64_sums(row.dual_gap, gap, summed=1, condition=10)
        assert row.dual_gap <= 1e-10


def test_a_path_leaves_the_estimator_as_it_is(rng, lazy):
    X, y = rng.normal(size=(20, 3)), rng.normal(size=20)
    model = LassoBaseline()
    for rows, targets in ((X, y), lazy):
        model.path(rows, targets, [0.1, 0.2])
        with pytest.raises(NotFittedError):
            model.predict(X)
        assert set(vars(model)) == {"lam", "tol", "max_iter"}
    model.fit(X, y)
    before = model.coef_.copy()
    model.path(*lazy, [0.01])  # other rows, another number of features
    np.testing.assert_array_equal(model.coef_, before)
    assert model.n_features_in_ == 3


def test_a_path_of_one_number(rng):
    X, y = rng.normal(size=(20, 3)), rng.normal(size=20)
    assert LassoBaseline().path(X, y, 0.5)["lam"].tolist() == [0.5]


# --- lazy rows


@pytest.mark.parametrize("block", [1_000_000, 50, 1])
@pytest.mark.parametrize("lam", [1e-4, 1e-2])
def test_lazy_rows_equal_dense_arrays(lazy, lam, block, monkeypatch):
    monkeypatch.setattr(_binned, "_BLOCK_VALUES", block)
    monkeypatch.setattr(_linear, "_ROWS_AT_ONCE", block)
    X, y = lazy
    dense = np.asarray(X, dtype=np.float64)
    of_lazy, of_dense = LassoBaseline(lam).fit(X, y), LassoBaseline(lam).fit(dense, y)
    assert_float32_sums(of_lazy.coef_, of_dense.coef_)
    assert_float32_sums(of_lazy.intercept_, of_dense.intercept_)
    assert_float32_sums(of_lazy.predict(X), of_dense.predict(dense))
    assert of_lazy.n_features_in_ == of_dense.n_features_in_ == 8
    assert np.count_nonzero(of_lazy.coef_) > 0


def test_lazy_moments_equal_those_of_the_array(lazy, pairs, monkeypatch):
    monkeypatch.setattr(_binned, "_BLOCK_VALUES", 50)
    X, y = lazy
    openness = TSSBinner(edges=symmetric_edges([0, 1_000, 100_000])).fit_transform(pairs[0])  # means far from 0
    for rows in (X, X[:101], X[::7], X[np.array([700, 1, 1, 5])], openness):
        of_lazy = moments_of_pairs(rows, y[: len(rows)])
        of_dense = moments_of_array(np.asarray(rows, dtype=np.float64), y[: len(rows)])
        summed = moments_summed(np.asarray(rows, dtype=np.float64), y[: len(rows)])
        for name, value in vars(of_dense).items():
            assert_float32_sums(getattr(of_lazy, name), value, summed=summed[name])


def test_lazy_paths_equal_dense_paths(lazy):
    X, y = lazy
    of_lazy, of_dense = (LassoBaseline().path(rows, y, [1e-2, 1e-3]) for rows in (X, np.asarray(X)))
    for one, other in zip(of_lazy["coef"], of_dense["coef"], strict=True):
        assert_float32_sums(one, other)


@pytest.mark.parametrize("rows", [slice(5, 40), [3], np.array([700, 1, 1])], ids=["slice", "one", "repeated"])
def test_predicting_a_subset_equals_the_subset_of_the_predictions(lazy, rows):
    X, y = lazy
    model = LassoBaseline().fit(X, y)
    assert_float32_sums(model.predict(X[rows]), model.predict(X)[rows])


def test_few_rows_and_whole_genes_are_predicted_alike(lazy, monkeypatch):
    X, y = lazy
    model, ways = LassoBaseline().fit(X, y), []
    for cost in (0, np.inf):
        monkeypatch.setattr(_linear, "_ROW_COST", cost)
        ways.append([model.predict(X), model.predict(X[::5]), model.predict(X[np.array([700, 1, 1])])])
    for one, other in zip(*ways, strict=True):
        assert_float32_sums(one, other)


# --- sparse rows

FORMATS = [sp.csr_array, sp.csr_matrix, sp.csc_array, sp.csc_matrix, sp.coo_array, sp.lil_array]


def sparse_problem(seed):
    """Sparse rows, targets and a penalty: columns that are empty, rarely stored, or stored throughout and large."""
    rng = np.random.default_rng(seed)
    n, p = rng.integers(10, 40), rng.integers(2, 25)
    X = rng.exponential(size=(n, p)) * (rng.random((n, p)) < rng.choice([0.05, 0.3, 0.9, 1.0], size=p))
    X[:, 0] = 1000 + rng.normal(size=n)
    y = X @ rng.normal(size=p) + rng.normal(size=n) + 20
    return X, y, greatest_lam(X, y) * rng.choice([0.03, 0.1, 0.5])


@given(seeds)
def test_sparse_rows_equal_scikit_learn_s_lasso(seed):
    X, y, lam = sparse_problem(seed)
    model = LassoBaseline(lam).fit(sp.csr_array(X), y)
    wanted = Lasso(lam / 2, tol=1e-14, max_iter=1_000_000).fit(X, y)
    assert_within(model.coef_, wanted.coef_, 1e-6, "scikit-learn stops early")
    assert_within(model.predict(sp.csr_array(X)), wanted.predict(X), 1e-6 * np.abs(y).max(), "scikit-learn stops early")


@given(seeds)
def test_moments_of_sparse_rows_are_those_of_dense_rows(seed):
    X, y, _ = sparse_problem(seed)
    got, wanted = moments_of_array(sp.csr_array(X), y), moments_of_array(X, y)
    # A column with a 0 loses as many digits as n_rows has, one without is centred first.
    size = np.sqrt(len(y) * np.diag(wanted.gram).max())
    assert_float64_sums(got.gram, wanted.gram, summed=size**2)
    assert_float64_sums(got.xy, wanted.xy, summed=size * np.sqrt(wanted.yy))
    assert_float64_sums(got.x_mean, wanted.x_mean)
    assert (got.yy, got.y_mean, got.n_rows) == (wanted.yy, wanted.y_mean, wanted.n_rows)


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.__name__)
def test_every_sparse_format_gives_the_same(form):
    X, y, lam = sparse_problem(3)
    one, other = LassoBaseline(lam).fit(form(X), y), LassoBaseline(lam).fit(sp.csr_array(X), y)
    assert_exact(one.coef_, other.coef_)
    assert_exact(one.predict(form(X)), other.predict(sp.csr_array(X)))
    assert_exact(one.path(form(X), y, [lam])["coef"][0], one.coef_)


def test_entries_that_stand_twice_are_added_and_left_as_they_are():
    """Column 0 has as many entries as rows, but none in row 1: it is not stored throughout."""
    values, columns = np.array([1.0, 2.0, 5.0, 4.0, 1.0]), np.array([0, 0, 1, 0, 1])
    twice = sp.csr_array((values, columns, np.array([0, 2, 3, 5])), shape=(3, 2))
    dense, y = np.array([[3.0, 0.0], [0.0, 5.0], [4.0, 1.0]]), np.array([1.0, 2.0, 0.0])
    model = LassoBaseline(0.1).fit(twice, y)
    assert_float64_sums(model.coef_, LassoBaseline(0.1).fit(dense, y).coef_, condition=100)
    assert_float64_sums(model.predict(twice), model.predict(dense))
    assert twice.nnz == 5


def test_small_differences_in_large_stored_values_survive():
    """y is the column, ten million up: the weight is 1 less its shrinkage lam / (2 Var x) = 0.04 / (4 / 27) = 0.27."""
    X = 1e7 + np.array([[-1.0], [0.0], [1.0]]) / 3
    model = LassoBaseline(0.04).fit(sp.csr_array(X), X[:, 0])
    assert model.coef_[0] == pytest.approx(0.73)


def test_sparse_rows_are_never_made_dense(rng):
    """Dense, these rows would take 480 MB."""
    n, p = 100_000, 600
    X = sp.csr_array((rng.random(n), (np.arange(n), rng.integers(0, p, n))), shape=(n, p))
    y = rng.normal(size=n)
    tracemalloc.start()
    LassoBaseline(0.1).fit(X, y).predict(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6


def test_sparse_rows_in_a_pipeline_equal_dense_ones(lazy):
    X, y = lazy
    models = [make_pipeline(Materialize(form, dtype="float64"), LassoBaseline(1e-3)) for form in ("dense", "csr")]
    dense, sparse = (model.fit(X, y).predict(X) for model in models)
    assert_within(sparse, dense, 1e-6, "both stop at a gap")


def test_sparse_rows_that_cannot_be_used_are_refused():
    X, y = sp.csr_array(np.eye(4)), np.arange(4.0)
    with pytest.raises(ValueError, match="NaN"):
        LassoBaseline().fit(X * np.nan, y)
    with pytest.raises(ValueError, match="3 features, but LassoBaseline is expecting 4"):
        LassoBaseline().fit(X, y).predict(X[:, :3])


# --- errors


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"lam": "0.1"}, "lam must be finite and 0 or greater, got '0.1'"),
        ({"lam": None}, "lam must be finite and 0 or greater, got None"),
        ({"tol": -1}, "tol must be finite and 0 or greater, got -1"),
        ({"tol": np.nan}, "tol must be finite and 0 or greater, got nan"),
        ({"max_iter": 0}, "max_iter must be a whole number of 1 or more, got 0"),
        ({"max_iter": 2.5}, "max_iter must be a whole number of 1 or more, got 2.5"),
    ],
    ids=str,
)
def test_settings_out_of_range(settings_, message, rng):
    X, y = rng.normal(size=(5, 2)), rng.normal(size=5)
    with pytest.raises(ValueError, match=message):
        LassoBaseline(**settings_).fit(X, y)
    if "lam" not in settings_:
        with pytest.raises(ValueError, match=message):
            LassoBaseline(**settings_).path(X, y, [0.1])


@pytest.mark.parametrize("lam", [-1e-9, np.nan, np.inf])
def test_a_penalty_that_is_none_is_refused(lam, rng):
    X, y = rng.normal(size=(5, 2)), rng.normal(size=5)
    with pytest.raises(ValueError, match=f"lam must be finite and 0 or greater, got {lam}"):
        LassoBaseline(lam).fit(X, y)
    with pytest.raises(ValueError, match="lams must be finite and 0 or greater"):
        LassoBaseline().path(X, y, [0.1, lam])


def test_a_path_of_nothing_is_refused(rng):
    with pytest.raises(ValueError, match="lams"):
        LassoBaseline().path(rng.normal(size=(5, 2)), rng.normal(size=5), [])


def test_lazy_targets_that_cannot_be_used_are_refused(lazy):
    X, y = lazy
    with pytest.raises(ValueError, match="y has 719 values for 720 pairs"):
        LassoBaseline().fit(X, y[:-1])
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match="y holds NaN or infinite values"):
            LassoBaseline().fit(X, np.append(y[:-1], bad))
    with pytest.warns(DataConversionWarning, match="column-vector"):
        column = LassoBaseline().fit(X, y[:, None])
    np.testing.assert_array_equal(column.coef_, LassoBaseline().fit(X, y).coef_)


def test_rows_of_another_width_are_refused(lazy, pairs, rng):
    X, y = lazy
    model = LassoBaseline().fit(X, y)
    wider = TSSBinner(edges=symmetric_edges([0, 10, 20, 30, 40, 50])).fit_transform(pairs[0])
    with pytest.raises(ValueError, match="rows have other columns than those of the fit"):
        model.predict(wider)
    with pytest.raises(ValueError, match="3 features, but LassoBaseline is expecting 8"):
        model.predict(rng.normal(size=(4, 3)))


def test_plain_rows_are_checked_as_scikit_learn_does(rng):
    with pytest.raises(ValueError, match="NaN"):
        LassoBaseline().fit([[np.nan], [1.0]], [1, 2])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        LassoBaseline().fit(rng.normal(size=(4, 2)), [1, 2])
    with pytest.raises(NotFittedError):
        LassoBaseline().predict([[1.0]])
