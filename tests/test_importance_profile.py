"""Importance along distance beside its null: against slow loops, a planted decay found, noise left alone."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from promises import assert_exact, assert_float32_sums
from scipy.stats import spearmanr
from several_signals import several_signals
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import PoissonRegressor, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skepi.binning import TSSBinner, symmetric_edges
from skepi.compose import GeneZTarget
from skepi.datasets import make_paired_openness
from skepi.inspection import ImportanceProfile, bin_importance, importance_profile
from skepi.inspection._null import adjusted_p_values, simultaneous_limits
from skepi.linear_model import LassoBaseline, LassoBaselineCV
from skepi.model_selection import CellTypeKFold, ChromosomeKFold, permute_cell_types
from skepi.neural_network import ExpressionMLP
from skepi.preprocessing import LogZScaler

KB = 1_000
DISTANCES = np.array([0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000]) * KB
NEAR = symmetric_edges([0, 1 * KB, 5 * KB, 20 * KB, 100 * KB])


def banded(regressor, edges=NEAR):
    return make_pipeline(TSSBinner(edges=edges), LogZScaler(), GeneZTarget(regressor))


@pytest.fixture(scope="module")
def few():
    """``X, y`` of 30 genes in 8 cell types."""
    return make_paired_openness(30, 8, n_lineages=3, n_peaks=700, random_state=3)[0].pairs(return_X_y=True)


def clear_profile(sign):
    """Profile of 200 genes in 12 cell types whose expression, times a sign, follows openness."""
    data, _ = make_paired_openness(200, 12, n_peaks=4_000, cis_share=0.8, program_share=0.1, random_state=0)
    X, y = data.pairs(return_X_y=True)
    return importance_profile(
        banded(Ridge(10)), X, sign * y, CellTypeKFold(3), n_permutations=19, method="coefficients"
    )


@pytest.fixture(scope="module")
def clear():
    return clear_profile(1)


# The profile


def slow_profile(model, X, y, cv, **settings):
    """Sums over folds before dividing: what a fold says, times its pairs, or times its squares for permutation."""
    total, weights = 0.0, 0.0
    for train, test in cv.split(X, y):
        model.fit(X[train], y[train])
        table = bin_importance(model, X[test], y[test], **settings)
        squares = np.sum((y[test] - model[-1].training_mean(X[test])) ** 2)
        weight = squares if settings["method"] == "permutation" else test.size
        total, weights = total + table["importance"].to_numpy() * weight, weights + weight
    return total / weights


@pytest.mark.parametrize("method", ["coefficients", "integrated_gradients", "permutation"])
def test_profile_equals_a_slow_loop(few, method):
    X, y = few
    model, cv = banded(Ridge(5)), CellTypeKFold(3)  # folds of 3, 3 and 2 cell types
    settings = {"method": method, "bands": [-20 * KB, -1 * KB, 0, 5 * KB, 100 * KB], "n_steps": 3, "n_repeats": 2}
    profile = importance_profile(model, X, y, cv, n_permutations=3, level=0.7, random_state=8, **settings)
    rng = np.random.RandomState(8)
    targets = [y, *(permute_cell_types(X, y, rng) for _ in range(3))]
    settings["random_state"] = int(rng.randint(2**31))
    wanted = np.array([slow_profile(model, X, values, cv, **settings) for values in targets])
    summed = 1 if method == "permutation" else np.abs(wanted).max()
    assert_float32_sums(profile.table["importance"], wanted[0], summed=summed)
    assert_float32_sums(profile.null, wanted[1:], summed=summed)
    low, high = simultaneous_limits(wanted[1:], 0.7)
    table = profile.table
    summed = max(summed, np.abs([low, high]).max())
    assert_float32_sums(table[["null_low", "null_high"]], np.transpose([low, high]), summed=summed)
    assert_float32_sums(table["null_mean"], wanted[1:].mean(axis=0), summed=summed)
    if method == "coefficients":
        np.testing.assert_array_equal(table["beyond"], (wanted[0] < low) | (wanted[0] > high))
        np.testing.assert_array_equal(table["p_value"], adjusted_p_values(wanted[1:], wanted[0]))
    else:  # no sign: less than chance gives is nothing
        np.testing.assert_array_equal(table["beyond"], wanted[0] > high)
        above = np.maximum(wanted[0], wanted[1:].mean(axis=0))
        np.testing.assert_array_equal(table["p_value"], adjusted_p_values(wanted[1:], above))
    assert table["from_bp"].tolist() == [-20 * KB, -1 * KB, 0, 5 * KB]
    assert profile.method == method
    assert profile.level == 0.7


@pytest.mark.parametrize(
    ("method", "model", "unit"),
    [
        ("permutation", banded(Ridge()), "skill lost"),
        ("gradient", banded(Ridge()), "standardised expression per unit of scaled openness"),
        ("gradient", make_pipeline(TSSBinner(edges=NEAR), Ridge()), "expression per unit of scaled openness"),
        ("gradient_x_input", banded(Ridge()), "mean absolute contribution to standardised expression"),
    ],
)
def test_units(few, method, model, unit):
    profile = importance_profile(model, *few, CellTypeKFold(2), method=method, n_permutations=0, n_repeats=1)
    assert profile.unit == unit
    assert profile.table.columns.tolist() == ["from_bp", "to_bp", "importance"]
    assert profile.null.shape == (0, 8)
    with pytest.raises(ValueError, match="no null band"):
        profile.reach_bp()


@pytest.mark.slow
@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(TSSBinner(edges=NEAR), LassoBaselineCV([1e-2, 1e-3], cv=2)),
        GridSearchCV(banded(Ridge()), {"geneztarget__regressor__alpha": [1, 10]}, cv=CellTypeKFold(2)),
        banded(ExpressionMLP((4,), max_epochs=2, early_stopping=False, random_state=0)),
        GeneZTarget(make_pipeline(TSSBinner(edges=NEAR), LogZScaler(), Ridge())),
    ],
    ids=str,
)
@pytest.mark.parametrize("cv", [CellTypeKFold(2), pytest.param(ChromosomeKFold(2), marks=pytest.mark.slow)], ids=str)
def test_any_model_and_splitter(few, model, cv):
    for method in ("gradient", "permutation"):
        profile = importance_profile(model, *few, cv, method=method, n_permutations=0, n_repeats=1)
        assert np.isfinite(profile.table["importance"]).all()
        assert profile.table["importance"].any()


@pytest.mark.parametrize("n_jobs", [None, pytest.param(2, marks=pytest.mark.slow)])
def test_profile_repeats_and_runs_in_processes(few, n_jobs):
    X, y = few
    before = y.copy()
    settings = {"n_permutations": 3, "level": 0.7, "method": "permutation", "n_repeats": 1}
    once = importance_profile(banded(Ridge()), X, y, CellTypeKFold(2), random_state=4, **settings)
    again = importance_profile(banded(Ridge()), X, y, CellTypeKFold(2), random_state=4, n_jobs=n_jobs, **settings)
    rounded = ["importance", "null_mean", "null_low", "null_high"]  # processes may have another number of threads
    assert_float32_sums(again.table[rounded], once.table[rounded], summed=1, condition=10)  # of the ridge systems
    assert_exact(again.table.drop(columns=rounded), once.table.drop(columns=rounded))
    other = importance_profile(banded(Ridge()), X, y, CellTypeKFold(2), random_state=5, **settings)
    assert np.abs(once.null - other.null).max() > 0.001
    np.testing.assert_array_equal(y, before)


def test_bad_input_is_refused(few, rng):
    X, y = few
    model, cv = banded(Ridge()), CellTypeKFold(2)
    with pytest.raises(TypeError, match=r"wanted pairs.*ndarray"):
        importance_profile(Ridge(), np.ones((9, 2)), np.ones(9), cv)
    with pytest.raises(TypeError, match="needs binned rows"):
        importance_profile(make_pipeline(Unbinned()), X, y, cv, n_permutations=0)
    with pytest.raises(ValueError, match="no pairs"):
        importance_profile(model, X[:0], y[:0], cv)
    with pytest.raises(ValueError, match="NaN or infinite"):
        importance_profile(model, X, np.where(y == y[5], np.nan, y), cv)
    with pytest.raises(ValueError, match="every gene in every cell type"):
        importance_profile(model, X[1:], y[1:], cv)
    for n_permutations in (18, 1):
        with pytest.raises(ValueError, match=f"need at least 19 permutations .0 for none., got {n_permutations}"):
            importance_profile(model, X, y, cv, n_permutations=n_permutations)
    for n_permutations in (-1, 19.5):
        with pytest.raises(
            ValueError, match=f"n_permutations must be a whole number of 0 or more, got {n_permutations}"
        ):
            importance_profile(model, X, y, cv, n_permutations=n_permutations)
    with pytest.raises(TypeError, match="cv must be a splitter"):
        importance_profile(model, X, y, 5)
    with pytest.raises(ValueError, match="level must be between"):
        importance_profile(model, X, y, cv, level=95)
    with pytest.raises(ValueError, match="method must be one of"):
        importance_profile(model, X, y, cv, method="shap", n_permutations=0)
    poisson = make_pipeline(TSSBinner(edges=NEAR), LogZScaler(), PoissonRegressor())
    with pytest.raises(TypeError, match="'permutation'"):
        importance_profile(poisson, X, y, cv, n_permutations=0)
    with pytest.raises(ValueError, match="do not vary within genes"):
        importance_profile(model, X, np.ones(len(y)), cv, method="permutation", n_permutations=0)


class Unbinned(RegressorMixin, BaseEstimator):
    """Takes pairs as they are."""

    def fit(self, X, y):
        self.mean_ = np.mean(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.mean_)


def profile_of(edges, beyond):
    table = pd.DataFrame([(*edge, flag) for edge, flag in zip(pairwise(edges), beyond, strict=True)])
    table.columns = ["from_bp", "to_bp", "beyond"]
    return ImportanceProfile(table, np.zeros((19, len(beyond))), "gradient", "", 0.95)


@pytest.mark.parametrize(
    ("edges", "beyond", "reach"),
    [
        ([-9, -3, 0, 2, 8], [1, 1, 1, 0], (9, 2)),
        ([-9, -3, 0, 2, 8], [1, 0, 0, 1], (0, 0)),  # a gap at the TSS ends both
        ([-9, -3, 0, 2, 8], [0, 1, 1, 1], (3, 8)),
        ([-9, -3, 0], [1, 1], (9, 0)),  # nothing downstream
        ([0, 2, 8], [1, 0], (0, 2)),
        ([-9, -3, 2, 8], [0, 1, 1], (3, 8)),  # the TSS inside a band
        ([-9, -3, 2, 8], [1, 0, 1], (0, 0)),
    ],
)
def test_reach_by_hand(edges, beyond, reach):
    assert profile_of(edges, [bool(flag) for flag in beyond]).reach_bp() == reach


def profile_of_groups(*groups):
    """Groups of (signal, feature, edges, whether each band lies beyond the null)."""
    tables = [profile_of(edges, beyond).table.assign(signal=s, feature=f) for s, f, edges, beyond in groups]
    return ImportanceProfile(pd.concat(tables, ignore_index=True), np.zeros((19, 0)), "gradient", "", 0.95)


def test_reach_of_one_signal_and_feature():
    profile = profile_of_groups(
        ("ATAC", "", [-9, -3, 0, 2, 8], [False, True, True, True]),
        ("K27ac", "", [-9, -3, 0, 2, 8], [True, True, False, True]),
        ("K27ac", "cpg", [-5, 0, 5], [False, True]),
    )
    assert profile.reach_bp("ATAC") == (3, 8)
    assert profile.reach_bp("K27ac", "") == (9, 0)
    assert profile.reach_bp(signal="K27ac", feature="cpg") == (0, 5)
    with pytest.raises(ValueError, match=r"several signals: signal= must be one of \['ATAC', 'K27ac'\], got None"):
        profile.reach_bp()
    with pytest.raises(ValueError, match=r"several features: feature= must be one of \['', 'cpg'\], got None"):
        profile.reach_bp("K27ac")
    with pytest.raises(ValueError, match="the table does not name a signal, so leave out signal='ATAC'"):
        profile_of([-9, 0, 9], [True, True]).reach_bp("ATAC")


def test_reach_of_bands_of_several_binners_is_followed_from_the_tss():
    near, up, down = ([-2, 0, 2], [True, True]), ([-9, -5, -2], [True, False]), ([2, 7], [True])
    profile = profile_of_groups(*(("ATAC", "", *part) for part in (near, up, down)))
    assert profile.reach_bp() == (2, 7)
    gap = profile_of_groups(("ATAC", "", *near), ("ATAC", "", [3, 7], [True]))
    with pytest.raises(ValueError, match="bands overlap or leave a gap at 2 bp, so they have no reach"):
        gap.reach_bp()
    with pytest.raises(ValueError, match="bands overlap or leave a gap at 0 bp"):
        profile_of_groups(("ATAC", "", *near), ("ATAC", "", [-2, 2], [True])).reach_bp()


def test_limits_hold_for_all_bands_of_all_signals_at_once():
    X, y = several_signals(n_genes=20).pairs(return_X_y=True)
    profile = importance_profile(banded(Ridge()), X, y, CellTypeKFold(2), n_permutations=19, method="coefficients")
    assert profile.table["signal"].unique().tolist() == ["ATAC", "H3K27ac"]
    low, high = simultaneous_limits(profile.null, 0.95)
    assert profile.null.shape == (19, len(profile.table))
    assert_exact(profile.table[["null_low", "null_high"]].to_numpy(), np.transpose([low, high]))
    of_one_signal = simultaneous_limits(profile.null[:, : len(low) // 2], 0.95)[1]
    assert (of_one_signal != high[: len(low) // 2]).all()  # not signal by signal


# Planted


def decay(profile):
    """Mean of both sides, nearest first."""
    values = profile.table["importance"].to_numpy()
    half = values.size // 2
    return (values[:half][::-1] + values[half:]) / 2


@pytest.mark.parametrize("seed", [0, 1])
def test_a_planted_decay_is_found_again(seed):
    data, truth = make_paired_openness(600, 24, cis_share=0.3, program_share=0.3, random_state=seed)
    model = banded(LassoBaseline(1e-5), symmetric_edges(DISTANCES))
    profile = importance_profile(
        model, *data.pairs(return_X_y=True), CellTypeKFold(3), method="coefficients", n_permutations=0
    )
    assert profile.table["to_bp"].iloc[-1] == 1_000 * KB
    assert truth.weights["to_bp"].tolist() == DISTANCES[1:9].tolist()
    assert spearmanr(decay(profile), [*truth.weights["weight"], 0, 0])[0] > 0.9


@pytest.mark.slow
def test_a_planted_decay_is_found_again_in_bins_of_1_kb():
    data, truth = make_paired_openness(600, 24, cis_share=0.3, program_share=0.3, random_state=1)
    model = banded(LassoBaseline(1e-4), None)
    profile = importance_profile(
        model, *data.pairs(return_X_y=True), CellTypeKFold(3), method="coefficients", n_permutations=0
    )
    assert len(profile.table) == 20  # bands are made of bins
    assert spearmanr(decay(profile), [*truth.weights["weight"], 0, 0])[0] > 0.9


@pytest.mark.slow
def test_promoter_bands_lie_beyond_the_null(clear):
    table = clear.table
    near = table["from_bp"].between(-5 * KB, KB)
    assert table.loc[near, "beyond"].all()
    assert (table.loc[near, "importance"] > table.loc[near, "null_high"]).all()
    assert (table.loc[near, "p_value"] == 0.05).all()
    assert (table["null_low"] < table["null_mean"]).all()
    assert (table["null_mean"] < table["null_high"]).all()
    assert table["beyond"].dtype == bool
    assert min(clear.reach_bp()) >= 5 * KB


@pytest.mark.slow
def test_what_is_below_the_null_lies_beyond_it_too(clear):
    flipped, table = clear_profile(-1).table, clear.table
    assert_float32_sums(flipped["importance"], -table["importance"])
    assert_float32_sums(flipped["null_low"], -table["null_high"], summed=table["importance"].abs().max())
    np.testing.assert_array_equal(flipped["beyond"], table["beyond"])
    np.testing.assert_array_equal(flipped["p_value"], table["p_value"])


def beyond_on_permuted_targets(seed):
    data, _ = make_paired_openness(150, 12, n_peaks=2_000, cis_share=0.3, program_share=0.3, random_state=seed)
    X, y = data.pairs(return_X_y=True)
    y = permute_cell_types(X, y, seed)
    profile = importance_profile(
        banded(LassoBaseline(1e-4)), X, y, CellTypeKFold(2), method="coefficients", n_permutations=19
    )
    return profile.table["beyond"].any()


@pytest.mark.slow
def test_permuted_targets_show_nothing():
    assert sum(map(beyond_on_permuted_targets, range(2))) == 0


@pytest.mark.slow
def test_permuted_targets_rarely_show_anything():
    assert sum(map(beyond_on_permuted_targets, range(20))) <= 1
