"""Skill, correlation within genes, and the scorers: by hand, by slow loops, in scikit-learn's searches."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from promises import assert_float32_sums, assert_float64_sums, assert_within
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, LeaveOneOut, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline

from skepi.binning import TSSBinner, symmetric_edges
from skepi.compose import GeneZTarget
from skepi.exceptions import UnseenGeneWarning
from skepi.metrics import (
    gene_correlation,
    report_r2,
    skill,
    skill_by,
    skill_scorer,
    summarize,
    within_gene_skill,
    within_gene_skill_scorer,
)
from skepi.model_selection import CellTypeKFold, ChromosomeKFold, GeneKFold, PairKFold, cross_val_pairs
from skepi.preprocessing import LogZScaler

# Two folds with training means 2 and 10.
#   fold 0: truth 1, 3;   prediction 1, 2;    squared error 0 + 1;  of the mean 1 + 1
#   fold 1: truth 6, 14;  prediction 10, 12;  squared error 16 + 4; of the mean 16 + 16
# Fold skills are 1/2 and 3/8; pooled before dividing 1 - 21/34, which is not their mean 7/16.
TRUTH, PREDICTION, MEAN = [1, 3, 6, 14], [1, 2, 10, 12], [2, 2, 10, 10]
FOLD = [0, 0, 1, 1]


numbers = st.floats(-100, 100).map(lambda value: round(value, 3))


@st.composite
def held_out_columns(draw):
    """Truth, prediction, training mean and group of 2 to 30 pairs; the truth is never the mean."""
    n = draw(st.integers(2, 30))
    truth, prediction = (draw(st.lists(numbers, min_size=n, max_size=n)) for _ in range(2))
    offset = draw(st.lists(st.floats(0.5, 9), min_size=n, max_size=n))
    groups = draw(st.lists(st.sampled_from(["b", "a", "c"]), min_size=n, max_size=n))
    return np.array(truth), np.array(prediction), np.array(truth) - offset, np.array(groups)


def banded(regressor):
    """Distance bands, log and z, and a regressor on the z-scored target."""
    edges = symmetric_edges([0, 1_000, 5_000, 20_000, 100_000])
    return Pipeline([("bins", TSSBinner(edges=edges)), ("scale", LogZScaler()), ("model", GeneZTarget(regressor))])


def size_of(value):
    """A skill is 1 less a ratio of sums, which may be large: rounding is relative to both."""
    return 2 - value


# --- skill


def test_skill_pools_folds_before_dividing():
    assert skill(TRUTH, PREDICTION, MEAN) == pytest.approx(1 - 21 / 34)
    fold_skills = [skill(TRUTH[:2], PREDICTION[:2], MEAN[:2]), skill(TRUTH[2:], PREDICTION[2:], MEAN[2:])]
    assert fold_skills == [1 / 2, 3 / 8]
    assert np.mean(fold_skills) != pytest.approx(skill(TRUTH, PREDICTION, MEAN))


@given(held_out_columns())
def test_training_mean_scores_exactly_0_and_the_truth_1(columns):
    truth, _, mean, _ = columns
    assert skill(truth, mean, mean) == 0
    assert skill(truth, truth, mean) == 1


@given(held_out_columns(), st.floats(0.1, 10), numbers)
def test_skill_does_not_depend_on_units(columns, factor, offset):
    truth, prediction, mean, _ = columns
    changed = [factor * column + offset for column in (truth, prediction, mean)]
    wanted, steepness = skill(truth, prediction, mean), np.abs(changed).max() / (factor * np.abs(truth - mean).min())
    assert_float64_sums(skill(*changed), wanted, summed=size_of(wanted), condition=steepness)


@given(held_out_columns())
def test_skill_equals_a_slow_loop(columns):
    truth, prediction, mean, _ = columns
    error = sum((t - p) ** 2 for t, p in zip(truth, prediction, strict=True))
    variation = sum((t - m) ** 2 for t, m in zip(truth, mean, strict=True))
    assert_float64_sums(skill(truth, prediction, mean), 1 - error / variation, summed=1 + error / variation)


@given(held_out_columns())
def test_skill_by_equals_a_slow_loop(columns):
    *values, groups = columns
    table = skill_by(*values, groups)
    assert table.index.tolist() == list(dict.fromkeys(groups))
    for name, row in table.iterrows():
        truth, prediction, mean = (column[groups == name] for column in values)
        wanted = skill(truth, prediction, mean)
        assert_float64_sums(row["skill"], wanted, summed=size_of(wanted))
        assert_float64_sums(row["mse"], np.mean((truth - prediction) ** 2))
        assert_float64_sums(row["mse_mean"], np.mean((truth - mean) ** 2))
        assert row["n_pairs"] == truth.size


@pytest.mark.parametrize("by", ["fold", "cell_type", "gene"])
def test_skill_by_fold_cell_type_and_gene_of_held_out_pairs(pairs, by):
    table = cross_val_pairs(banded(Ridge(10)), *pairs, CellTypeKFold(3))
    columns = ["y_true", "y_pred", "train_mean"]
    scores = skill_by(*(table[name] for name in columns), table[by])
    assert len(scores) == {"fold": 3, "cell_type": 12, "gene": 60}[by]
    for label in table[by].unique():
        rows = table[table[by] == label]
        wanted = skill(*(rows[name] for name in columns))
        assert_float64_sums(scores.loc[label, "skill"], wanted, summed=size_of(wanted))


def test_skill_by_is_nan_only_where_the_truth_equals_the_mean():
    table = skill_by([2, 2, 1, 3], [0, 0, 1, 3], [2, 2, 2, 2], ["flat", "flat", "rich", "rich"])
    assert np.isnan(table.loc["flat", "skill"])
    assert table.loc["flat", "mse"] == 4
    assert table.loc["rich", "skill"] == 1


# --- correlation within genes


def test_gene_correlation_by_hand():
    # Less the mean 1, truth is (-1, 0, 1). Gene a is predicted in proportion (-2, 0, 2), r = 1; gene b as
    # (0, 1, 1), centred (-2/3, 1/3, 1/3): r = 1 / sqrt(2 * 6/9) = sqrt(3)/2; gene c backwards, r = -1.
    truth, mean = [0, 1, 2] * 3, [1] * 9
    prediction = [-1, 1, 3, 1, 2, 2, 2, 1, 0]
    r = gene_correlation(truth, prediction, mean, np.repeat(["b", "a", "c"], 3))
    assert r.index.tolist() == ["b", "a", "c"]
    assert r.tolist() == pytest.approx([1, np.sqrt(3) / 2, -1])


def test_gene_correlation_takes_the_training_mean_off_first(rng):
    # In leave-one-out the mean of the others falls as the held-out value rises: correlating raw values
    # gives -1 for the training mean alone, which knows nothing.
    truth = rng.normal(5, 1, size=8)
    mean = np.array([truth[train].mean() for train, _ in LeaveOneOut().split(truth)])
    assert np.corrcoef(truth, mean)[0, 1] == pytest.approx(-1)
    assert np.isnan(gene_correlation(truth, mean, mean, ["g"] * 8)["g"])


@given(held_out_columns())
def test_gene_correlation_equals_corrcoef_of_each_gene(columns):
    truth, prediction, mean, genes = columns
    r = gene_correlation(truth, prediction, mean, genes)
    for gene in dict.fromkeys(genes):
        t, p = (values[genes == gene] for values in (truth - mean, prediction - mean))
        if np.ptp(t) > 1e-3 and np.ptp(p) > 1e-3:
            assert_within(
                r[gene], np.corrcoef(t, p)[0, 1], 1e-6, "deviations below 1e-12 of the values are taken for 0"
            )
        elif np.ptp(t) == 0 or np.ptp(p) == 0:
            assert np.isnan(r[gene])


def test_gene_correlation_of_rounding_is_nan():
    mean = np.array([0.1, 0.2, 0.3])
    r = gene_correlation([1.0, 2.0, 4.0], mean + 0.7, mean, ["g"] * 3)  # varies by 1e-17
    assert np.isnan(r["g"])


# --- genes without training pairs


def test_within_gene_skill_by_hand():
    # Gene a: truth (-1, 1), prediction (-2, 2): error 2. Gene b: truth (-3, 3), prediction (-3, 3): error 0.
    # Variation 2 + 18. Levels do not count.
    assert within_gene_skill([1, 3, 0, 6], [5, 9, 4, 10], list("aabb")) == pytest.approx(1 - 2 / 20)


def test_predicting_no_variation_within_genes_scores_0():
    assert within_gene_skill([1, 3, 0, 6], [7, 7, -2, -2], list("aabb")) == 0


@given(held_out_columns())
def test_within_gene_skill_equals_a_slow_loop_and_ignores_levels(columns):
    truth, prediction, _, genes = columns
    error = variation = 0.0
    for gene in set(genes):
        t, p = truth[genes == gene], prediction[genes == gene]
        error += np.sum((t - t.mean() - p + p.mean()) ** 2)
        variation += np.sum((t - t.mean()) ** 2)
    assume(variation > 1e-3)
    steepness = 110 / np.sqrt(variation)  # of values up to that, means are taken off
    for moved in (prediction, prediction + (genes == "a") * 10):
        found = within_gene_skill(truth, moved, genes)
        assert_float64_sums(found, 1 - error / variation, summed=1 + error / variation, condition=steepness)


# --- the report's R2, and one row of everything


def test_report_r2_divides_by_the_sum_of_squares_about_0():
    # Error 1 + 1 + 0 = 2; sum of squares 1 + 9 + 4 = 14, where squares about the mean would add up to 38/3.
    assert report_r2([1, 3, -2], [0, 2, -2]) == pytest.approx(1 - 2 / 14)


def held_out(train_mean):
    columns = {"y_true": TRUTH, "y_pred": PREDICTION, "train_mean": train_mean, "gene": list("aabb"), "fold": 0}
    return pd.DataFrame(columns)


def test_summarize_by_hand():
    # The two folds above as two genes: gene a truth - mean (-1, 1), prediction - mean (-1, 0): r = 1;
    # gene b (-4, 4) and (0, 2): r = 1. Mean squared error 21 / 4.
    table = held_out(MEAN)
    wanted = {
        "skill": 1 - 21 / 34,
        "r_median": 1,
        "r_mean": 1,
        "r_genes": 2,
        "rmse": np.sqrt(21 / 4),
        "within_gene_skill": np.nan,
        "n_pairs": 4,
    }
    assert summarize(table).to_dict() == pytest.approx(wanted, nan_ok=True)


def test_summarize_takes_median_and_mean_over_the_genes_that_have_a_correlation():
    # Correlations 1, 1 and -1; gene d is predicted flat and has none.
    truth, prediction = [0, 2] * 4, [0, 2, 0, 1, 2, 0, 1, 1]
    table = pd.DataFrame({"y_true": truth, "y_pred": prediction, "train_mean": 1.0, "gene": list("aabbccdd")})
    row = summarize(table)
    assert (row["r_median"], row["r_genes"]) == (1, 3)
    assert row["r_mean"] == pytest.approx(1 / 3)


def test_summarize_of_unseen_genes_has_the_other_skill_alone():
    # Within genes: a (-1, 1) against (-.5, .5), error .5; b (-4, 4) against (-1, 1), error 18; variation 2 + 32.
    row = summarize(held_out(np.nan))
    assert row[["skill", "r_median", "r_mean", "r_genes"]].isna().all()
    assert row["within_gene_skill"] == pytest.approx(1 - 18.5 / 34)
    assert summarize(held_out([1, 1, np.nan, np.nan]))[["skill", "within_gene_skill"]].isna().all()


def test_levels_of_different_folds_are_not_variation_within_an_unseen_gene():
    # Each fold's model predicts one level for the gene; the levels differ, the predictions do not vary.
    columns = {
        "y_true": [1.0, 3, 2, 6],
        "y_pred": [5.0, 5, 7, 7],
        "train_mean": np.nan,
        "gene": "a",
        "fold": [0, 0, 1, 1],
    }
    assert summarize(pd.DataFrame(columns))["within_gene_skill"] == 0


def test_predicting_the_training_mean_has_no_correlation_whatever_its_rounding():
    mean = np.array([0.1, 0.1, 0.1, 3.3, 3.3, 3.3])
    rounded = mean + np.array([1, -1, 0, 1, 0, -1]) * 1e-16
    assert gene_correlation(np.arange(6.0), rounded, mean, list("aaabbb")).isna().all()


def test_the_scorer_looks_into_a_search(pairs):
    X, y = pairs
    search = GridSearchCV(GeneZTarget(DummyRegressor()), {"sd_offset": [0, 1]}, cv=CellTypeKFold(3))
    scores = cross_val_score(search, X, y, scoring=skill_scorer, cv=CellTypeKFold(3), error_score="raise")
    assert_float64_sums(scores, 0, summed=1)


def test_summarize_of_one_cell_type_keeps_its_skill():
    """One pair a gene has no variation within genes, but its skill is defined."""
    table = pd.DataFrame({"y_true": [1, 6], "y_pred": [1, 10], "train_mean": [2, 10], "gene": ["a", "b"]})
    row = summarize(table)
    assert row["skill"] == pytest.approx(1 - 16 / 17)
    assert np.isnan(row["within_gene_skill"])


# --- scorers


@pytest.mark.parametrize("cv", [CellTypeKFold(4), PairKFold(3)], ids=["cell types", "pairs"])
def test_gene_mean_scores_0_in_cross_validation_and_search(pairs, cv):
    model = GeneZTarget(DummyRegressor())
    assert_float64_sums(cross_val_score(model, *pairs, cv=cv, scoring=skill_scorer), 0, summed=1)
    search = GridSearchCV(model, {"sd_offset": [0.0, 1.0]}, cv=cv, scoring=skill_scorer).fit(*pairs)
    assert_float64_sums(search.cv_results_["mean_test_score"], 0, summed=1)
    by_default = GridSearchCV(model, {"sd_offset": [0.0, 1.0]}, cv=cv).fit(*pairs)
    assert_float64_sums(by_default.cv_results_["mean_test_score"], 0, summed=1)


def test_skill_scorer_of_a_fold_is_skill_against_its_training_means(pairs):
    X, y = pairs
    model, cv = banded(Ridge(10)), CellTypeKFold(3)
    table = cross_val_pairs(model, X, y, cv)
    wanted = skill_by(table["y_true"], table["y_pred"], table["train_mean"], table["fold"])["skill"]
    assert_float64_sums(cross_val_score(model, X, y, cv=cv, scoring=skill_scorer), wanted, summed=1)


def test_skill_scorer_finds_the_estimator_around_or_at_the_end_of_a_pipeline(pairs):
    X, y = pairs
    at_the_end = banded(Ridge(10)).fit(X, y)
    around = GeneZTarget(Pipeline([*at_the_end.steps[:-1], ("ridge", Ridge(10))])).fit(X, y)
    assert_float32_sums(skill_scorer(at_the_end, X, y), skill_scorer(around, X, y), summed=1)
    assert skill_scorer(at_the_end, X, y) > 0.1


@pytest.mark.parametrize("bare", [Ridge(), make_pipeline(Ridge())], ids=["regressor", "pipeline"])
def test_skill_scorer_refuses_a_bare_regressor(bare):
    X, y = np.eye(3), np.arange(3.0)
    with pytest.raises(TypeError, match=f"{type(bare).__name__} has no training_mean.*wrap the regressor"):
        skill_scorer(bare.fit(X, y), X, y)


@pytest.mark.filterwarnings("ignore::skepi.exceptions.UnseenGeneWarning")
def test_skill_scorer_raises_for_genes_without_training_pairs(pairs):
    X, y = pairs
    train, test = next(GeneKFold(3).split(X))
    model = GeneZTarget(DummyRegressor()).fit(X[train], y[train])
    with pytest.raises(ValueError, match="NaN marks a gene without training pairs"):
        skill_scorer(model, X[test], y[test])


@pytest.mark.filterwarnings("ignore::skepi.exceptions.UnseenGeneWarning")
def test_within_gene_skill_scorer_under_splits_by_chromosome(pairs):
    X, y = pairs
    model, cv = banded(Ridge(10)), ChromosomeKFold(2)
    scores = cross_val_score(model, X, y, cv=cv, scoring=within_gene_skill_scorer)
    assert (scores > 0.05).all()
    for score, (train, test) in zip(scores, cv.split(X), strict=True):
        prediction = banded(Ridge(10)).fit(X[train], y[train]).predict(X[test])
        wanted = within_gene_skill(y[test], prediction, X[test].to_frame()["gene"])
        assert_float64_sums(score, wanted, summed=1)
    flat = cross_val_score(GeneZTarget(DummyRegressor()), X, y, cv=cv, scoring=within_gene_skill_scorer)
    assert_float64_sums(flat, 0, summed=1)


def test_scoring_unseen_genes_warns(pairs):
    X, y = pairs
    model = GeneZTarget(DummyRegressor()).fit(X[:120], y[:120])
    with pytest.warns(UnseenGeneWarning, match="had no training pair"):
        within_gene_skill_scorer(model, X[120:], y[120:])


def test_within_gene_skill_scorer_needs_pairs():
    with pytest.raises(TypeError, match="wanted pairs, which know their gene; got ndarray"):
        within_gene_skill_scorer(DummyRegressor(), np.eye(3), np.arange(3.0))


# --- errors

MEASURES = {
    "skill": lambda t, p: skill(t, p, np.zeros(len(t))),
    "skill_by": lambda t, p: skill_by(t, p, np.zeros(len(t)), ["g"] * len(t)),
    "gene_correlation": lambda t, p: gene_correlation(t, p, np.zeros(len(t)), ["g"] * len(t)),
    "within_gene_skill": lambda t, p: within_gene_skill(t, p, ["g"] * len(t)),
    "report_r2": report_r2,
}


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
def test_columns_that_cannot_be_scored_are_refused(measure):
    with pytest.raises(ValueError, match=r"wanted one value per pair in each argument, got shapes \[\(2,\), \(3,\)"):
        measure([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="wanted one value per pair"):
        measure(np.ones((2, 1)), np.ones((2, 1)))
    with pytest.raises(ValueError, match="no pairs to score"):
        measure([], [])
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match="scores need finite numbers"):
            measure([1, 2], [1, bad])


@pytest.mark.parametrize("bad", [["g"], [["g"], ["h"]], ["g"] * 3], ids=["short", "column", "long"])
def test_labels_that_do_not_match_the_pairs_are_refused(bad):
    message = r"labels have shape .*, wanted \(2,\): one per pair"
    with pytest.raises(ValueError, match=message):
        skill_by([1, 2], [1, 2], [0, 0], bad)
    with pytest.raises(ValueError, match=message):
        gene_correlation([1, 2], [1, 2], [0, 0], bad)
    with pytest.raises(ValueError, match=message):
        within_gene_skill([1, 2], [1, 2], bad)


def test_a_label_that_is_missing_is_refused():
    """A pair without a label must not drop out of the sums unseen."""
    labels = ["a", "a", None, None]
    with pytest.raises(ValueError, match="label"):
        within_gene_skill([1, 3, 5, 9], [1, 3, 0, 0], labels)
    with pytest.raises(ValueError, match="label"):
        skill_by([1, 3, 5, 9], [1, 3, 0, 0], [0] * 4, labels)


def test_truth_without_variation_is_refused():
    message = "the truth does not vary"
    with pytest.raises(ValueError, match=message):
        skill([2, 2], [1, 3], [2, 2])
    with pytest.raises(ValueError, match=message):
        within_gene_skill([2, 2, 5], [1, 3, 0], ["a", "a", "b"])
    with pytest.raises(ValueError, match=message):
        report_r2([0, 0], [1, 2])


def test_rounding_is_judged_by_the_size_of_values_not_by_their_sign():
    """Log expression of a silent gene is negative; that it is equal everywhere must still be seen."""
    for prediction in ([-1, -2, -3], [0, 0, 0]):
        with pytest.raises(ValueError, match="the truth does not vary"):
            within_gene_skill([-0.1] * 3, prediction, ["a"] * 3)


def test_small_variation_of_large_values_is_no_rounding():
    truth = np.array([9.0, 9.0 + 1e-7, 9.0 - 1e-7])
    assert within_gene_skill(truth, truth, ["a"] * 3) == 1
    assert gene_correlation(truth, truth, [9.0] * 3, ["a"] * 3)["a"] == pytest.approx(1)


def test_truth_that_varies_by_rounding_alone_is_refused():
    """The mean of three times 0.1 is not 0.1 in floating point."""
    with pytest.raises(ValueError, match="the truth does not vary"):
        within_gene_skill([0.1] * 3, [1, 2, 3], ["a"] * 3)
