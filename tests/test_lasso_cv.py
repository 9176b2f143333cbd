"""LassoBaselineCV: equal to an explicit loop over clones, for every splitter and setting; moments add up over parts."""

import pickle
import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_exact, assert_float32_sums, assert_float64_sums, assert_within
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso
from sklearn.model_selection import GridSearchCV, KFold, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags

from skepi._lasso._moments import TrainingSet, moments_of_array, moments_of_sets
from skepi._lasso._scatter import Adder, GeneMatrices
from skepi.binning import TSSBinner, _binned, symmetric_edges
from skepi.compose import GeneZTarget
from skepi.exceptions import UnseenGeneWarning
from skepi.linear_model import LassoBaseline, LassoBaselineCV
from skepi.metrics import skill, skill_scorer, within_gene_skill
from skepi.model_selection import (
    CellTypeKFold,
    ChromosomeKFold,
    CrossedKFold,
    GeneKFold,
    LeaveOneCellTypeOut,
    LineageKFold,
    PairKFold,
)
from skepi.persistence import load_model, save_model
from skepi.preprocessing import LogZScaler

LAMS = [3e-2, 1e-3, 1e-2]
EDGES = symmetric_edges([0, 1_000, 5_000, 20_000, 100_000])


@pytest.fixture(scope="module")
def rows(simulated):
    X, y = simulated[0].pairs(return_X_y=True)
    return TSSBinner(edges=EDGES).fit_transform(X), y


def moments_summed(X, y):
    """Size of what is added in each of the moments."""
    X, y = np.abs(X), np.abs(y)
    sizes = {"gram": X.T @ X, "xy": X.T @ y, "yy": y @ y, "x_mean": X.mean(axis=0), "y_mean": y.mean()}
    return {**sizes, "n_rows": 0}


def explicit(model, lam):
    """The pipeline that ``model`` stands for."""
    last = GeneZTarget(LassoBaseline(lam, tol=model.tol), sd_offset=model.sd_offset, one_gene=model.one_gene)
    return last if model.scaler == "passthrough" else make_pipeline(clone(model.scaler or LogZScaler()), last)


def mean_of_gene(values, genes):
    """Mean over the rows of the same gene, for each row."""
    codes = np.unique(genes, return_inverse=True)[1]
    return (np.bincount(codes, values) / np.bincount(codes))[codes]


def by_loop(model, X, y, splits):
    """Score of every penalty (rows) in every fold (columns), and pooled, by a loop over clones."""
    within = model.scoring == "within_gene_skill"
    table, pooled = np.empty((len(model.lams), len(splits))), []
    for i, lam in enumerate(model.lams):
        parts = []
        for k, (train, test) in enumerate(splits):
            fitted = explicit(model, lam).fit(X[train], y[train])
            prediction, truth = fitted.predict(X[test]), y[test]
            if within:
                genes = getattr(X, "gene_codes", np.zeros(len(y)))[test]
                table[i, k] = within_gene_skill(truth, prediction, genes)
                level = mean_of_gene(truth, genes)
                residual = truth - prediction
                residual = residual - mean_of_gene(residual, genes)
            else:
                last = fitted if model.scaler == "passthrough" else fitted[-1]
                level = last.training_mean(X[test])
                table[i, k] = skill(truth, prediction, level)
                residual = truth - prediction
            parts.append([(residual**2).sum(), ((truth - level) ** 2).sum()])
        left, total = np.sum(parts, axis=0)
        pooled.append(1 - left / total)
    return table, np.array(pooled)


def assert_equals_the_loop(model, X, y, condition=1):
    """The scores as well as the weights; ``condition`` is how many scales of a slot its values are large."""
    model.fit(X, y)
    splits = list(model._splitter(X).split(X, y))
    table, pooled = by_loop(model, X, y, splits)
    found = model.cv_results_
    sizes = 1 + np.abs(table)  # a score is 1 less a ratio
    assert_float32_sums(found.filter(regex="^split").to_numpy(), table, summed=sizes, condition=condition)
    assert_float32_sums(found["mean_test_score"], table.mean(axis=1), summed=sizes.mean(axis=1), condition=condition)
    assert_float32_sums(found["std_test_score"], table.std(axis=1), summed=sizes.mean(axis=1), condition=condition)
    assert_float32_sums(found["pooled_score"], pooled, summed=1 + np.abs(pooled), condition=condition)
    assert found["lam"].tolist() == list(model.lams)
    assert model.lam_ == model.lams[int(np.argmax(pooled))]
    assert (found["dual_gap"] <= model.tol).all()
    final = explicit(model, model.lam_).fit(X, y)
    regressor = (final if model.scaler == "passthrough" else final[-1]).regressor_
    assert_float32_sums(model.coef_, regressor.coef_, condition=condition)
    assert_float32_sums(model.intercept_, regressor.intercept_, summed=1, condition=condition)
    assert_float32_sums(model.predict(X), final.predict(X), condition=condition)
    assert_float32_sums(model.score(X, y), final.score(X, y), summed=1, condition=condition)


SPLITTERS = {
    "cell types": CellTypeKFold(4),
    "lineages": LineageKFold(),
    "one cell type": LeaveOneCellTypeOut(),
    "pairs": PairKFold(3),
    "overlapping tests": ShuffleSplit(3, test_size=0.3, random_state=0),
    "part of the rows": ShuffleSplit(2, test_size=0.2, train_size=0.5, random_state=0),
}
UNSEEN_GENES = {"chromosomes": ChromosomeKFold(2), "genes": GeneKFold(3), "crossed": CrossedKFold(3, 2)}


@pytest.mark.parametrize("cv", SPLITTERS.values(), ids=SPLITTERS)
def test_equals_an_explicit_loop(rows, cv):
    assert_equals_the_loop(LassoBaselineCV(LAMS, cv=cv), *rows)


@pytest.mark.filterwarnings("ignore::skepi.exceptions.UnseenGeneWarning")
@pytest.mark.parametrize("cv", UNSEEN_GENES.values(), ids=UNSEEN_GENES)
def test_equals_an_explicit_loop_on_unseen_genes(rows, cv):
    assert_equals_the_loop(LassoBaselineCV(LAMS, cv=cv, scoring="within_gene_skill"), *rows)


@pytest.mark.parametrize(
    "model",
    [
        LassoBaselineCV(LAMS, scaler=LogZScaler(0), sd_offset=0.0, cv=3),
        LassoBaselineCV(LAMS, scaler=LogZScaler(float("inf"), statistics="all"), cv=3),
        LassoBaselineCV([1e-2, 0.0], scaler="passthrough", sd_offset=0.3, cv=3),
        LassoBaselineCV(LAMS, scoring="within_gene_skill", cv=3),
    ],
    ids=["report's z-score", "one scale a bin", "as they come", "within genes"],
)
def test_equals_an_explicit_loop_with_other_settings(rows, model):
    assert_equals_the_loop(clone(model), *rows)


def test_equals_an_explicit_loop_on_scaled_rows(rows):
    X, y = rows
    assert_equals_the_loop(LassoBaselineCV(LAMS, scaler="passthrough"), LogZScaler().fit_transform(X), y)


@pytest.mark.parametrize("scoring", ["skill", "within_gene_skill"])
def test_equals_an_explicit_loop_on_a_plain_array(rng, scoring):
    X = rng.exponential(size=(60, 5))
    y = np.log1p(X[:, 0]) - X[:, 1] / 5 + rng.normal(size=60)
    assert_equals_the_loop(LassoBaselineCV(LAMS, cv=KFold(4), scoring=scoring, one_gene=True), X, y)
    assert_equals_the_loop(LassoBaselineCV(LAMS, scaler="passthrough", scoring=scoring, one_gene=True), X - 1, y)


@pytest.mark.parametrize("taken", ["some", "shuffled", "repeated cell types"])
def test_rows_may_be_any(rows, taken, rng):
    X, y = rows
    chosen = {"some": np.arange(0, len(y), 3), "shuffled": rng.permutation(len(y))[:500]}
    chosen["repeated cell types"] = np.r_[np.arange(200), np.arange(100)]
    assert_equals_the_loop(LassoBaselineCV(LAMS, cv=CellTypeKFold(3)), X[chosen[taken]], y[chosen[taken]])


def test_equals_a_grid_search(rows):
    X, y = rows
    model = LassoBaselineCV(LAMS, cv=CellTypeKFold(4)).fit(X, y)
    pipe = make_pipeline(LogZScaler(), GeneZTarget(LassoBaseline()))
    search = GridSearchCV(pipe, {"geneztarget__regressor": [LassoBaseline(lam) for lam in LAMS]}, cv=CellTypeKFold(4))
    search.fit(X, y)
    for name in ("split0_test_score", "split3_test_score", "mean_test_score", "std_test_score"):
        assert_float32_sums(model.cv_results_[name], search.cv_results_[name], summed=1)


@pytest.mark.parametrize("entries", [1, 30, 1_000])
def test_size_of_blocks_changes_nothing(rows, monkeypatch, entries):
    expected = LassoBaselineCV(LAMS, cv=3).fit(*rows)
    for name in ("_BLOCK_VALUES", "_BLOCK_PRODUCTS"):
        monkeypatch.setattr(_binned, name, entries)
    found = LassoBaselineCV(LAMS, cv=3).fit(*rows)
    assert_float64_sums(found.coef_, expected.coef_, condition=10)
    assert_float64_sums(found.cv_results_["pooled_score"], expected.cv_results_["pooled_score"], summed=1, condition=10)


# --- moments


@given(st.integers(0, 10_000))
def test_matrices_of_genes_land_on_their_bins(seed):
    rng = np.random.default_rng(seed)
    n_bins = int(rng.integers(1, 9))
    bins = [
        np.sort(rng.choice(n_bins, rng.integers(0, n_bins + 1), replace=False)).astype(np.int32)
        for _ in range(rng.integers(1, 6))
    ]
    matrices = GeneMatrices(bins, n_bins)
    flat, total = matrices.empty(), rng.normal(size=(n_bins, n_bins))
    flat[:] = rng.normal(size=flat.size)
    expected = total.copy()
    for gene, of_gene in enumerate(bins):
        expected[np.ix_(of_gene, of_gene)] += matrices.of_gene(flat, gene)
    matrices.add_to(total, flat)
    assert_float64_sums(total, expected)


def test_what_goes_wrong_in_the_thread_that_adds_is_raised_to_the_caller():
    matrices = GeneMatrices([np.array([0, 1], dtype=np.int32)], 2)
    with pytest.raises(ValueError, match="broadcast"), Adder() as adder:
        adder.add(np.zeros((1, 3, 3)), matrices, [np.ones(4)])


@given(st.integers(0, 10_000))
def test_moments_of_any_training_sets_equal_those_of_their_arrays(rows, seed):
    X, y = rows
    rng = np.random.default_rng(seed)
    some = rng.permutation(len(y))[: rng.integers(200, len(y))]
    X, y = X[some], y[some]
    sets = []
    for share in (0.3, 0.7, 1.0):
        member = rng.random(len(y)) < share
        fitted = LogZScaler().fit(X[member]).transform(X).scaling
        mean, scale = rng.normal(size=len(X.genes)), rng.uniform(0.5, 2, size=len(X.genes))
        sets.append(TrainingSet(member, mean, scale, fitted))
    for one, moments in zip(sets, moments_of_sets(X, y, sets), strict=True):
        features = LogZScaler().fit(X[one.rows]).transform(X[one.rows])
        gene = X.gene_codes[one.rows]
        target = (y[one.rows] - one.target_mean[gene]) / one.target_scale[gene]
        features = np.asarray(features, dtype=np.float64)
        summed = moments_summed(np.abs(features) + 1, target)  # the mean, some scales large, was taken off in float32
        for name, value in vars(moments_of_array(features, target)).items():
            assert_float32_sums(getattr(moments, name), value, summed=summed[name])


def test_small_differences_beside_large_values_survive(simulated):
    """Openness of a million times the usual: log values are near 14, and their SDs a tenth."""
    X, y = simulated[0].pairs(return_X_y=True)
    binned = TSSBinner(edges=EDGES, depth=None).fit_transform(X)
    binned.inverse_depth[:] = 1e6
    assert_equals_the_loop(LassoBaselineCV(LAMS, cv=3), binned, y, condition=140)


def test_scores_do_not_depend_on_the_unit_of_expression(rng):
    """A fold with small squared deviations still has a score. Powers of 2 scale without rounding."""
    X = rng.exponential(size=(30, 3))
    y = X[:, 0] + rng.normal(size=30)
    whole, small = (
        LassoBaselineCV(LAMS, cv=3, sd_offset=unit, one_gene=True).fit(X, y * unit).cv_results_ for unit in (1, 2**-10)
    )
    assert_exact(small, whole)


def test_a_fold_whose_truth_varies_by_rounding_alone_has_no_score(rng):
    """The mean of three times 0.1 is not 0.1 in floating point: a share of that difference means nothing."""
    X, y = rng.exponential(size=(9, 2)), np.r_[[0.1] * 3, rng.normal(size=6)]
    found = LassoBaselineCV(LAMS, cv=KFold(3), scoring="within_gene_skill", one_gene=True).fit(X, y).cv_results_
    assert found["split0_test_score"].isna().all()
    assert found["split1_test_score"].notna().all()
    assert found["pooled_score"].notna().all()
    with pytest.raises(ValueError, match="the test targets do not vary in any fold"):
        LassoBaselineCV(LAMS, cv=[(np.arange(3, 9), np.arange(3))], scoring="within_gene_skill", one_gene=True).fit(
            X, y
        )


def test_a_fold_with_small_differences_keeps_its_score(rng):
    """Cell types of one lineage may hardly differ beside the others: that is not rounding."""
    X, y = rng.exponential(size=(9, 2)), np.r_[1e-5 * rng.normal(size=3), rng.normal(size=6)]
    found = LassoBaselineCV(LAMS, cv=KFold(3), scoring="within_gene_skill", one_gene=True).fit(X, y).cv_results_
    assert found["split0_test_score"].notna().all()


def largest_gap(X, y, trainings, **settings):
    return max(
        GeneZTarget(LassoBaseline(**settings), one_gene=True).fit(X[rows], y[rows]).regressor_.dual_gap_
        for rows in trainings
    )


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_gap_is_the_largest_of_all_fits(rng):
    """A single fold that did not converge makes the scores doubtful, so its gap is the one to see."""
    X = rng.exponential(size=(40, 1)) + 0.1 * rng.exponential(size=(40, 10))
    y, cv, stop = rng.normal(size=40), KFold(3), {"tol": 1e-15, "max_iter": 3}
    found = LassoBaselineCV([1e-4], cv=cv, scaler="passthrough", **stop, one_gene=True).fit(X, y).cv_results_
    trainings = [train for train, _ in cv.split(X)] + [np.arange(40)]
    assert found["dual_gap"].tolist() == pytest.approx([largest_gap(X, y, trainings, lam=1e-4, **stop)])
    assert found["dual_gap"][0] > 1.1 * min(largest_gap(X, y, [rows], lam=1e-4, **stop) for rows in trainings)


# --- what it chooses and keeps


def test_penalties_by_number(rows):
    X, y = rows
    model = LassoBaselineCV(4, eps=1e-2, cv=3).fit(X, y)
    lams = model.cv_results_["lam"].to_numpy()
    assert_float64_sums(lams[:-1] / lams[1:], 10 ** (2 / 3))
    assert model.cv_results_["n_weights"][0] == 0
    just_below = LassoBaselineCV([lams[0] * 0.999], cv=3).fit(X, y)
    assert just_below.cv_results_["n_weights"][0] == 1


def test_two_penalties_by_number_are_both_ends_of_the_path(rng):
    """Two is the least number that spans the path; one penalty is given as a list."""
    X = rng.exponential(size=(30, 3))
    lams = LassoBaselineCV(2, eps=0.1, cv=3, one_gene=True).fit(X, X[:, 0]).cv_results_["lam"]
    assert lams[1] / lams[0] == pytest.approx(0.1)


def test_the_greatest_of_equal_penalties_is_chosen(rows):
    model = LassoBaselineCV([50.0, 100.0, 70.0], cv=3).fit(*rows)
    assert_float64_sums(model.cv_results_["pooled_score"], 0, summed=1)
    assert model.lam_ == 100.0
    assert not model.coef_.any()


def test_the_path_is_that_of_the_final_fit(rows):
    X, y = rows
    model = LassoBaselineCV(LAMS, cv=3).fit(X, y)
    scaled = LogZScaler().fit_transform(X)
    target = GeneZTarget(LassoBaseline(), one_gene=True)
    target.fit(scaled, y)
    z = (y - target.gene_mean_.to_numpy()[X.gene_codes]) / (target.gene_sd_.to_numpy()[X.gene_codes] + 1)
    for found, expected in zip(
        model.path_.itertuples(), LassoBaseline().path(scaled, z, LAMS).itertuples(), strict=True
    ):
        assert_float32_sums(found.coef, expected.coef)
        assert found.lam == expected.lam
        assert_float32_sums(found.intercept, expected.intercept, summed=1)


def test_unseen_genes_and_scorers(rows, simulated):
    X, y = rows
    half = X.gene_codes < 30
    model = LassoBaselineCV(LAMS, cv=3).fit(X[half], y[half])
    assert_float64_sums(skill_scorer(model, X[half], y[half]), model.score(X[half], y[half]), summed=1)
    with pytest.warns(UnseenGeneWarning, match="30 gene"):
        predicted = model.predict(X[~half])
    assert np.isfinite(predicted).all()
    assert np.isnan(model.training_mean(X)[~half]).all()


def test_groups_reach_the_splitter(rng):
    X, y = rng.exponential(size=(30, 3)), rng.normal(size=30)
    groups = np.repeat(np.arange(6), 5)
    model = LassoBaselineCV(LAMS, cv=CellTypeKFold(3), one_gene=True).fit(X, y, groups=groups)
    splits = list(CellTypeKFold(3).split(X, y, groups))
    wanted = by_loop(model, X, y, splits)[0]
    assert_float64_sums(model.cv_results_.filter(regex="^split"), wanted, summed=1 + np.abs(wanted), condition=100)


def test_no_target_of_test_rows_is_seen(rows):
    """Changing held-out targets changes no fold that holds them out but its score's truth."""
    X, y = rows
    train, test = next(CellTypeKFold(4).split(X, y))
    moved = y.copy()
    moved[test] += np.random.default_rng(0).normal(size=test.size)
    one, other = (LassoBaselineCV(LAMS, cv=[(train, test)]).fit(X, targets) for targets in (y, moved))
    sets = [explicit(model, 1e-3).fit(X[train], y[train])[-1].regressor_.coef_ for model in (one, other)]
    assert_exact(*sets)
    assert one.cv_results_["split0_test_score"][1] > other.cv_results_["split0_test_score"][1]


# --- sparse rows


def sparse_rows(seed):
    """Openness with many zeros, a column that is stored throughout and one that is empty; targets."""
    rng = np.random.default_rng(seed)
    X = rng.exponential(size=(60, 6)) * (rng.random((60, 6)) < 0.4)
    X[:, 0], X[:, 1] = rng.exponential(size=60) + 3, 0
    return X, np.log1p(X[:, 0]) - X[:, 2] / 5 + rng.normal(size=60)


@pytest.mark.parametrize("scaler", [None, LogZScaler(0), LogZScaler(np.inf), "passthrough"], ids=repr)
@given(seed=st.integers(0, 10_000), scoring=st.sampled_from(["skill", "within_gene_skill"]))
def test_sparse_rows_equal_dense_rows(seed, scaler, scoring):
    X, y = sparse_rows(seed)
    model = LassoBaselineCV(LAMS, cv=KFold(4), scaler=scaler, scoring=scoring, one_gene=True)
    dense, sparse = clone(model).fit(X, y), clone(model).fit(sp.csr_array(X), y)
    assert sparse.lam_ == dense.lam_
    scores = [one.cv_results_.drop(columns=["dual_gap", "n_weights"]) for one in (sparse, dense)]
    assert_within(*scores, 1e-8, "both stop at a gap")
    assert_within(sparse.coef_, dense.coef_, 1e-8, "both stop at a gap")
    assert_within(sparse.predict(sp.csc_matrix(X)), dense.predict(X), 1e-8, "both stop at a gap")
    assert_within(sparse.score(sp.coo_array(X), y), dense.score(X, y), 1e-8, "both stop at a gap")
    if scaler != "passthrough":
        for name in ("mean_", "sd_", "pooled_"):
            assert_float64_sums(getattr(sparse.scaler_, name), getattr(dense.scaler_, name), summed=5)


@given(st.integers(0, 10_000))
def test_the_final_fit_to_sparse_rows_is_scikit_learn_s_lasso(seed):
    X, y = sparse_rows(seed)
    model = LassoBaselineCV(LAMS, scaler="passthrough", sd_offset=0.0, one_gene=True).fit(sp.csr_array(X), y)
    z = (y - y.mean()) / y.std()
    wanted = Lasso(model.lam_ / 2, tol=1e-14, max_iter=1_000_000).fit(X, z)
    assert_within(model.coef_, wanted.coef_, 1e-6, "scikit-learn stops early")
    assert_within(model.predict(X), y.mean() + y.std() * wanted.predict(X), 1e-6, "scikit-learn stops early")


def test_sparse_rows_are_left_as_they_are_and_never_made_dense(rng):
    """Dense, these rows would take 160 MB in each fold."""
    n, p = 100_000, 200
    X = sp.csr_array((rng.random(n), (np.arange(n), rng.integers(0, p, n))), shape=(n, p))
    y, before = rng.normal(size=n), X.copy()
    tracemalloc.start()
    LassoBaselineCV([0.1, 0.01], cv=2, one_gene=True).fit(X, y).predict(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6
    assert (before != X).nnz == 0


@pytest.mark.parametrize("model", [LassoBaseline(), LassoBaselineCV(LAMS, cv=3, one_gene=True)], ids=repr)
def test_a_model_of_sparse_rows_is_saved_pickled_and_cloned(model, tmp_path):
    X, y = sparse_rows(1)
    fitted = clone(model).fit(sp.csr_array(X), y)
    save_model(fitted, tmp_path / "model.skepi")
    for copy in (load_model(tmp_path / "model.skepi"), pickle.loads(pickle.dumps(fitted))):
        assert_exact(copy.predict(sp.csr_array(X)), fitted.predict(sp.csr_array(X)))
    assert_exact(clone(fitted).fit(sp.csr_array(X), y).coef_, fitted.coef_)
    assert get_tags(fitted).input_tags.sparse


def test_negative_openness_in_sparse_rows_is_refused():
    X, y = sparse_rows(0)
    model = LassoBaselineCV(LAMS, one_gene=True).fit(sp.csr_array(X), y)
    for refused in (model.predict, lambda rows: clone(model).fit(rows, y)):
        with pytest.raises(ValueError, match="Negative values in data passed to LogZScaler"):
            refused(sp.csr_array(-X))
    with pytest.raises(ValueError, match="scale_floor must be 0 or greater"):
        LassoBaselineCV(LAMS, scaler=LogZScaler(-1.0), one_gene=True).fit(sp.csr_array(X), y)


# --- errors


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"lams": [-1.0]}, "lams must be finite and 0 or greater"),
        ({"lams": 1}, "lams must be a number of penalties of 2 or more"),
        ({"lams": True}, "2 or more"),
        ({"cv": 1}, "cv must be a whole number of 2 or more, got 1"),
        ({"cv": True}, "cv must be a whole number of 2 or more, got True"),
        ({"cv": []}, "gives no split"),
        ({"cv": [(np.array([], dtype=int), np.array([1]))]}, "without training rows"),
        ({"cv": LeaveOneCellTypeOut(), "scoring": "within_gene_skill"}, "do not vary in any fold"),
        ({"lams": 3, "eps": 1.0}, "eps must be a number with 0 < eps < 1"),
        ({"lams": "many"}, "lams must be finite and 0 or greater"),
        ({"eps": 5}, "eps must be a number with 0 < eps < 1, got 5"),
        ({"tol": -1e-9}, "tol must be finite and 0 or greater"),
        ({"max_iter": 0}, "max_iter must be a whole number of 1 or more"),
        ({"scoring": "r2"}, "scoring must be one of"),
        ({"sd_offset": -1.0}, "sd_offset must be finite"),
        ({"scaler": LassoBaseline()}, "scaler must be a LogZScaler"),
        ({"scaler": LogZScaler(-1.0)}, "scale_floor must be 0 or greater"),
        ({"cv": ChromosomeKFold(2)}, "use scoring='within_gene_skill'"),
        ({"cv": [(np.array([0, 0, 13]), np.array([1]))]}, "names a row twice"),
    ],
    ids=str,
)
def test_settings_out_of_range(rows, settings_, message):
    with pytest.raises(ValueError, match=message):
        LassoBaselineCV(**{"lams": LAMS, **settings_}).fit(*rows)


def test_a_path_that_ends_at_0_and_a_mask_without_rows_are_refused(rng):
    X, y = rng.exponential(size=(9, 2)), rng.normal(size=9)
    with pytest.raises(ValueError, match="eps must be a number with 0 < eps < 1"):
        LassoBaselineCV(3, eps=0.0, cv=3, one_gene=True).fit(X, y)
    with pytest.raises(ValueError, match="without training rows"):
        LassoBaselineCV(LAMS, cv=[(np.zeros(9, dtype=bool), np.arange(9))], one_gene=True).fit(X, y)


def test_rows_that_cannot_be_used(rows, pairs):
    X, y = rows
    with pytest.raises(TypeError, match=r"put TSSBinner\(\) before it"):
        LassoBaselineCV().fit(*pairs)
    with pytest.raises(ValueError, match="these rows are scaled already"):
        LassoBaselineCV(LAMS).fit(LogZScaler().fit_transform(X), y)
    with pytest.raises(ValueError, match="rows have other columns than those of the fit"):
        LassoBaselineCV(LAMS).fit(X, y).predict(TSSBinner(edges=[0, 10]).fit_transform(pairs[0]))
    with pytest.raises(ValueError, match="no feature goes with y"):
        LassoBaselineCV().fit(X, np.ones(len(y)))


def test_a_gap_that_is_not_reached_warns(rng):
    base = rng.exponential(size=(40, 1))
    X = base + 1e-3 * rng.exponential(size=(40, 30))
    with pytest.warns(ConvergenceWarning, match="duality gap"):
        LassoBaselineCV([1e-7], cv=3, tol=1e-15, max_iter=1, one_gene=True).fit(X, rng.normal(size=40))
