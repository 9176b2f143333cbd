"""Skill by number of training cell types: by hand, by law, against a slow loop, and the curve beyond."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_exact, assert_float64_sums, assert_within
from scipy.optimize import least_squares
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.pipeline import make_pipeline

from skepi.baselines import TrainingMean
from skepi.binning import TSSBinner, symmetric_edges
from skepi.datasets import make_paired_openness
from skepi.exceptions import ScaleWarning
from skepi.gaussian_process import CisTransRegressor
from skepi.metrics import skill, summarize
from skepi.model_selection import (
    CellTypeKFold,
    ChromosomeKFold,
    CrossedKFold,
    LeaveOneCellTypeOut,
    LineageKFold,
    PairKFold,
    PairLearningCurve,
    SaturatingCurve,
    cross_val_pairs,
    learning_curve_pairs,
)
from skepi.model_selection._curve_result import curve_of_errors  # what a fit of known skills gives
from skepi.model_selection._saturation import EXPONENTS, fit_all, fit_saturating, why_not_identified

#: Deviations of SD 1, a few per gene, are what is left of values around 3.
DEVIATIONS = 100


class MeanOfSome(RegressorMixin, BaseEstimator):
    """Mean of the gene over the training pairs plus ``shift``; refuses fewer than ``least`` cell types."""

    def __init__(self, shift=0.0, least=1):
        self.shift = shift
        self.least = least

    def fit(self, X, y):
        n = np.unique(X.cell_type_codes).size
        if n < self.least:
            raise ArithmeticError(f"{n} are too few")
        self.means_ = pd.Series(y).groupby(X.gene_codes).mean()
        return self

    def predict(self, X):
        return self.means_.reindex(X.gene_codes).to_numpy() + self.shift


def pairs_of(n_genes=12, n_cell_types=6, **law):
    settings = {"n_chromosomes": 2, "n_lineages": 2, "random_state": 1, **law}
    return make_paired_openness(n_genes, n_cell_types, **settings)[0].pairs(return_X_y=True)


@pytest.fixture(scope="module")
def few():
    return pairs_of()


# One gene in three cell types: y = 0, 3, 9. Left out in turn, the means of the two others are 6, 4.5, 1.5, so the truth
# is -6, -1.5, 7.5 off and the baseline leaves 36 + 2.25 + 56.25 = 94.5. After one cell type, predictions are those of
# either other one: (9 + 81) / 2, (9 + 36) / 2 and (81 + 36) / 2 in the mean over all orders, 126 in sum.
def by_hand(**settings):
    X, _ = pairs_of(1, 3, n_lineages=1, n_chromosomes=1)
    return learning_curve_pairs(MeanOfSome(), X, [0.0, 3.0, 9.0], LeaveOneCellTypeOut(), **settings)


def test_skill_by_hand_against_one_baseline():
    curve = by_hand(train_sizes=[1, 2], n_subsets=400)
    errors = curve.errors.query("n_cell_types == 1").groupby(["cell_type", "trained_on"])["squared_error"].first()
    assert sorted(errors) == [9, 9, 36, 36, 81, 81]
    assert_within(curve.points.loc[2, "skill"], 0, 1e-12, "errors of a fit by numbers of order 1")
    assert_within(curve.points.loc[1, "skill"], 1 - 126 / 94.5, 0.1, "1,200 draws of one of two")
    assert curve.points["n_fits"].tolist() == [6, 3]
    assert curve.errors.groupby(["n_cell_types", "subset"])["variation"].sum().unique().tolist() == [94.5]
    assert_within(curve.points.loc[2, "skill_sd"], 0, 1e-12, "errors of a fit by numbers of order 1")


def test_points_are_those_of_a_slow_loop(few):
    X, y = few
    model = MeanOfSome(shift=0.1)
    curve = learning_curve_pairs(model, X, y, LineageKFold(), train_sizes=[1, 2, 3], n_subsets=3, random_state=4)
    names = X.cell_types["name"].to_numpy()
    totals = {}
    for fit in curve.errors.drop_duplicates(["fold", "n_cell_types", "subset"]).itertuples():
        train, test = list(LineageKFold().split(X, y))[fit.fold]
        rows = [row for row in train if names[X.cell_type_codes[row]] in fit.trained_on.split(", ")]
        assert len(rows) == fit.n_cell_types * len(X.genes)
        for row in test:
            gene = X.gene_codes[row]
            seen = np.mean([y[other] for other in rows if X.gene_codes[other] == gene])
            mean = np.mean([y[other] for other in train if X.gene_codes[other] == gene])
            sums = totals.setdefault((fit.n_cell_types, fit.subset), np.zeros(3))
            sums += [(y[row] - seen - 0.1) ** 2, (y[row] - seen) ** 2, (y[row] - mean) ** 2]
    table = pd.DataFrame(totals, index=["error", "of_mean", "variation"]).T
    by_order = (1 - table["error"] / table["variation"]).unstack()
    assert_float64_sums(curve.by_order().to_numpy(), by_order.to_numpy(), summed=1, condition=DEVIATIONS)
    assert_float64_sums(curve.points["skill"].to_numpy(), by_order.mean(axis=1).to_numpy(), condition=DEVIATIONS)
    assert_float64_sums(curve.points["skill_sd"].to_numpy(), by_order.std(axis=1), summed=1, condition=DEVIATIONS)
    of_mean = (1 - table["of_mean"] / table["variation"]).groupby(level=0).mean()
    assert_float64_sums(curve.points["skill_of_mean"].to_numpy(), of_mean, condition=DEVIATIONS)


@pytest.mark.filterwarnings("ignore::skepi.exceptions.DistantCellTypeWarning")
@pytest.mark.parametrize("cv", [LeaveOneCellTypeOut(), CellTypeKFold(3)])
@pytest.mark.slow
def test_the_last_point_is_the_skill_of_all_training_cell_types(few, cv):
    X, y = few
    model = make_pipeline(TSSBinner(edges=symmetric_edges()), CisTransRegressor())
    curve = learning_curve_pairs(model, X, y, cv, n_subsets=2)
    table = cross_val_pairs(model, X, y, cv)
    last = curve.points.iloc[-1]
    assert_float64_sums(last["skill"], summarize(table)["skill"], condition=DEVIATIONS)
    assert_within(last["skill_of_mean"], 0, 1e-9, "errors of a fit by numbers of order 1")
    assert last["n_fits"] == table["fold"].nunique()


def test_orders_are_nested_and_a_size_changes_no_other(few):
    X, y = few
    curve = learning_curve_pairs(TrainingMean(), X, y, LeaveOneCellTypeOut(), train_sizes=[1, 2, 4], n_subsets=3)
    for _, fits in curve.errors.groupby(["fold", "subset"]):
        sets = [set(names.split(", ")) for names in fits.sort_values("n_cell_types")["trained_on"]]
        assert [len(one) for one in sets] == [1, 2, 4]
        assert sets[0] < sets[1] < sets[2]
    alone = learning_curve_pairs(TrainingMean(), X, y, LeaveOneCellTypeOut(), train_sizes=[2], n_subsets=3)
    assert_exact(alone.points.loc[2, "skill"], curve.points.loc[2, "skill"])


@given(st.integers(0, 1_000))
def test_the_training_mean_has_the_skill_of_the_mean_and_no_more(seed):
    X, y = pairs_of(4, 5, random_state=seed)
    curve = learning_curve_pairs(TrainingMean(), X, y, LeaveOneCellTypeOut(), random_state=seed, n_bootstrap=5)
    assert_float64_sums(
        curve.points["skill"].to_numpy(), curve.points["skill_of_mean"].to_numpy(), summed=2, condition=DEVIATIONS
    )
    assert_within(curve.points["skill"].iloc[-1], 0, 1e-9, "errors of a fit by numbers of order 1")


@pytest.mark.slow
def test_more_cell_types_help_where_a_law_is_to_be_learned():
    X, y = pairs_of(60, 13, n_lineages=3, cis_share=0.2, program_share=0.6)
    model = make_pipeline(TSSBinner(edges=symmetric_edges()), CisTransRegressor())
    curve = learning_curve_pairs(model, X, y, CellTypeKFold(4), train_sizes=[3, 9], n_subsets=3)
    assert curve.points["skill"].diff().iloc[1] > 0.1


@pytest.mark.slow
def test_genes_held_out_as_well_have_within_gene_skill(few):
    X, y = few
    cv = CrossedKFold(2, 2)
    model = make_pipeline(TSSBinner(edges=symmetric_edges()), CisTransRegressor())
    curve = learning_curve_pairs(model, X, y, cv, n_subsets=2)
    assert curve.score == "within_gene_skill"
    assert list(curve.points) == [
        *["within_gene_skill", "low", "high", "within_gene_skill_sd", "within_gene_skill_of_mean", "n_fits"]
    ]
    with pytest.warns(UserWarning, match="."):
        table = cross_val_pairs(model, X, y, cv)
    assert_float64_sums(
        curve.points["within_gene_skill"].iloc[-1], summarize(table)["within_gene_skill"], condition=DEVIATIONS
    )
    assert_within(curve.points["within_gene_skill_of_mean"], 0, 1e-9, "errors of a fit by numbers of order 1")


def test_gene_missing_from_a_subset_counts_against_it(few):
    X, y = few
    kept = ~((X.gene_codes == 0) & (X.cell_type_codes != 0) & (X.cell_type_codes != 5))
    train = np.flatnonzero(kept & (X.cell_type_codes != 5))
    test = np.flatnonzero(X.cell_type_codes == 5)
    curve = learning_curve_pairs(TrainingMean(), X, y, [(train, test)], train_sizes=[1, 5], n_subsets=6)
    assert np.isfinite(curve.points[["skill", "skill_of_mean"]].to_numpy()).all()
    assert curve.points.loc[1, "skill_of_mean"] < 0


@pytest.mark.slow
def test_default_sizes_rise_from_three_to_what_every_fold_leaves():
    def sizes(n_cell_types, cv=None):
        X, y = pairs_of(2, n_cell_types)
        cv = LeaveOneCellTypeOut() if cv is None else cv
        return learning_curve_pairs(TrainingMean(), X, y, cv, n_subsets=1, n_bootstrap=2).points.index.tolist()

    assert sizes(14) == [3, 4, 5, 7, 10, 13]
    assert sizes(40)[-1] == 39
    assert sizes(4) == [2, 3]
    assert sizes(3) == [1, 2]
    assert sizes(2) == [1]
    assert sizes(7, CellTypeKFold(2))[-1] == 3  # folds of 4 and 3 cell types


def test_intervals_hold_the_points_and_need_two_cell_types(few):
    X, y = few
    curve = learning_curve_pairs(TrainingMean(), X, y, LeaveOneCellTypeOut(), train_sizes=[2, 4])
    points = curve.points
    assert (points["low"] <= points["skill"]).all()
    assert (points["skill"] <= points["high"]).all()
    assert points.loc[2, "low"] < points.loc[2, "high"]
    wider = learning_curve_pairs(TrainingMean(), X, y, LeaveOneCellTypeOut(), train_sizes=[2, 4], level=0.5).points
    assert (points["low"] < wider["low"]).all()
    one = learning_curve_pairs(
        TrainingMean(), X, y, [next(LeaveOneCellTypeOut().split(X))], train_sizes=[1, 2, 3, 4], n_subsets=1
    )
    assert one.points[["low", "high", "skill_sd"]].isna().all(axis=None)


def test_intervals_are_quantiles_of_resampled_sums():
    errors = errors_of([0.2, 0.5], n_cells=3, n_orders=1, spread=np.array([0.5, 1.0, 3.0]))
    rng, drawn = np.random.default_rng(1), []
    variation, error = np.array([0.5, 1.0, 3.0]), 0.8 * np.array([0.5, 1.0, 3.0]) + np.array([0.2, 0.0, -0.2])
    for _ in range(20_000):
        rows = rng.integers(3, size=3)
        drawn.append(1 - error[rows].sum() / variation[rows].sum())
    errors.loc[errors["n_cell_types"] == 2, "squared_error"] = error
    found = curve_of_errors(errors, "skill", [], 20_000, 0.9, 0).points
    assert_within(
        found.loc[2, ["low", "high"]].tolist(), np.quantile(drawn, [0.05, 0.95]).tolist(), 0.03, "20,000 draws"
    )


def test_intervals_know_orders_that_differ():
    errors = errors_of([0.2, 0.5], n_cells=3, n_orders=4)
    assert (curve_of_errors(errors, "skill", [], 200, 0.9, 0).points.eval("high - low") < 1e-12).all()
    at = (errors["n_cell_types"] == 2) & (errors["subset"] == 1)
    errors.loc[at, "squared_error"] += 0.4  # one order of four is .4 worse in every cell type
    points = curve_of_errors(errors, "skill", [], 2_000, 0.8, 0).points
    assert points.loc[2, "skill"] == pytest.approx(0.1)
    assert points.loc[2, "skill_sd"] == pytest.approx(0.2)  # of 0.2, -0.2, 0.2, 0.2
    assert points.loc[2, ["low", "high"]].tolist() == pytest.approx([0.2 - 0.4 * 2 / 4, 0.2])  # drawn 2 and 0 times
    assert points.loc[3, "high"] - points.loc[3, "low"] < 1e-12


def test_results_follow_the_random_state(few):
    X, y = few
    settings = {"train_sizes": [1, 2, 4], "n_subsets": 2}
    first = learning_curve_pairs(TrainingMean(), X, y, LeaveOneCellTypeOut(), **settings)
    again = learning_curve_pairs(TrainingMean(), X, y, LeaveOneCellTypeOut(), **settings)
    assert_exact(first.points, again.points)
    other = learning_curve_pairs(TrainingMean(), X, y, LeaveOneCellTypeOut(), random_state=1, **settings)
    assert (first.points["skill"] != other.points["skill"]).any()


@pytest.mark.slow
def test_several_processes_give_the_same(few):
    X, y = few
    settings = {"train_sizes": [1, 2], "n_subsets": 2}
    one, two = (learning_curve_pairs(TrainingMean(), X, y, CellTypeKFold(2), n_jobs=n, **settings) for n in (1, 2))
    assert_exact(one.errors, two.errors)
    assert_exact(one.points, two.points)


# The curve beyond the points


def errors_of(skills, n_cells=6, n_orders=4, noise=0.0, spread=1.0, seed=0):
    """Sums of squares that give these skills at 2, 3, 4, ... cell types, perhaps with noise."""
    rng = np.random.default_rng(seed)
    rows = []
    for size, value in enumerate(skills, start=2):
        for order in range(n_orders):
            error = (1 - value + noise * rng.normal(size=n_cells)) * spread
            rows += [
                {"cell_type": f"c{k}", "squared_error": error[k], "variation": np.broadcast_to(spread, n_cells)[k]}
                | {"fold": k, "n_cell_types": size, "subset": order, "trained_on": str(order), "n_pairs": 1}
                for k in range(n_cells)
            ]
    return pd.DataFrame(rows).assign(squared_error_of_mean=1.0)


@given(st.floats(0.2, 0.95), st.floats(0.3, 2.0), st.floats(0.3, 2.5))
def test_a_curve_of_this_form_is_found_again(plateau, gap, exponent):
    law = SaturatingCurve(plateau, gap, exponent)
    sizes = np.array([2, 3, 5, 8, 13, 21])
    found = fit_saturating(sizes, law(sizes))
    assert_within(found([2, 13, 40]), law([2, 13, 40]), 1e-6, "the grid of exponents")
    assert why_not_identified(sizes, found) == ""


@given(st.integers(0, 1_000))
def test_the_fit_is_no_worse_than_that_of_scipy(seed):
    rng = np.random.default_rng(seed)
    sizes = np.array([3.0, 4, 6, 9, 13])
    skills = np.sort(rng.uniform(-0.5, 0.9, 5)) + rng.normal(0, 0.05, 5)
    found = fit_saturating(sizes, skills)
    assert found.plateau <= 1
    assert found.gap >= 0
    assert EXPONENTS[0] <= found.exponent <= EXPONENTS[1]

    def residuals(setting):
        return SaturatingCurve(*setting)(sizes) - skills

    limits = ([-np.inf, 0, EXPONENTS[0]], [1, np.inf, EXPONENTS[1]])
    other = least_squares(residuals, [0.5, 1.0, 1.0], bounds=limits, xtol=1e-12, ftol=1e-12)
    assert np.sum((found(sizes) - skills) ** 2) <= 2 * other.cost + 1e-9


def test_many_curves_at_once_are_each_its_own(rng):
    skills = np.sort(rng.uniform(-0.5, 0.9, (20, 5)), axis=1)
    sizes = [3, 4, 6, 9, 13]
    alone = [fit_saturating(sizes, one) for one in skills]
    assert_float64_sums(np.array(fit_all(sizes, skills)), np.array(alone))


@pytest.mark.parametrize(
    ("skills", "reason"),
    [
        ([0.1, 0.3, 0.4], "a curve needs 4 numbers of cell types or more, got 3"),
        ([0.5, 0.4, 0.3, 0.2, 0.1], "skill does not rise"),
        ([0.1, 0.5, 0.5, 0.5, 0.5], "rises only at the smallest numbers of cell types"),
        ([0.1, 0.2, 0.3, 0.4, 0.5], "has not begun to level off"),
    ],
)
def test_where_there_is_no_curve_the_reason_is_said(skills, reason):
    found = curve_of_errors(errors_of(skills), "skill", [20, 30], 50, 0.95, 0)
    assert found.curve is None
    assert reason in found.unavailable
    assert found.extrapolation.isna().all(axis=None)
    assert found.extrapolation.index.tolist() == [20, 30]
    assert f"extrapolation unavailable: {found.unavailable}" in repr(found)


def test_where_few_resamples_level_off_nothing_is_extrapolated():
    law = SaturatingCurve(0.7, 1.0, 0.8)
    sizes = np.arange(2, 8)
    clean = curve_of_errors(errors_of(law(sizes), noise=0.0), "skill", [20], 100, 0.95, 0)
    assert clean.unavailable == ""
    assert_within(clean.extrapolation.loc[20].to_numpy(), np.repeat(law(20), 3), 1e-6, "the grid of exponents")
    outcomes = [
        curve_of_errors(errors_of(law(sizes), noise=0.6, seed=seed), "skill", [20], 100, 0.95, 0) for seed in range(12)
    ]
    refused = [one for one in outcomes if "of the resamples" in one.unavailable]
    assert refused
    assert all(one.curve is None and one.extrapolation.isna().all(axis=None) for one in refused)


@pytest.mark.slow
def test_the_interval_of_the_extrapolation_holds_the_law_as_often_as_said():
    law, held = SaturatingCurve(0.6, 1.2, 1.0), []
    for seed in range(40):
        errors = errors_of(law(np.arange(2, 10)), n_cells=10, noise=0.08, seed=seed)
        found = curve_of_errors(errors, "skill", [14], 200, 0.9, 0)
        if found.curve is not None:
            held.append(found.extrapolation.loc[14, "low"] <= law(14) <= found.extrapolation.loc[14, "high"])
    assert len(held) > 20
    assert np.mean(held) > 0.65  # 0.9 is wanted; few cell types and orders make it narrower


def test_frame_and_repr_say_what_is_measured_and_what_is_not():
    found = curve_of_errors(errors_of(SaturatingCurve(0.7, 1.0, 0.8)(np.arange(2, 8))), "skill", [20], 20, 0.95, 0)
    assert isinstance(found, PairLearningCurve)
    table = found.to_frame()
    assert table.index.tolist() == [2, 3, 4, 5, 6, 7, 20]
    assert table.index.name == "n_cell_types"
    assert table["extrapolated"].tolist() == [False] * 6 + [True]
    said = repr(found)
    assert found.gain_per_cell_type == pytest.approx(6**-0.8 - 7**-0.8)
    assert "from 6 to 7 cell types: +0.028 per cell type" in said
    assert "6 held-out cell types in 6 folds, 4 random order(s)" in said
    assert "curve: 0.700 - 1.000 n^-0.800" in said
    assert "with 20 cell types 0.609 (0.609 to 0.609)" in said
    with pytest.raises(AttributeError):
        found.level = 0.5


def test_one_held_out_cell_type_extrapolates_without_an_interval():
    found = curve_of_errors(
        errors_of(SaturatingCurve(0.7, 1.0, 0.8)(np.arange(2, 8)), n_cells=1), "skill", [20], 20, 0.95, 0
    )
    one_size = curve_of_errors(errors_of([0.4], n_cells=1), "skill", [], 20, 0.95, 0)
    assert np.isnan(one_size.gain_per_cell_type)
    assert "per cell type" not in repr(one_size)
    assert_within(found.extrapolation.loc[20, "skill"], 0.7 - 20**-0.8, 1e-6, "the grid of exponents")
    assert found.extrapolation[["low", "high"]].isna().all(axis=None)


# What is refused


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"train_sizes": [3, 9]}, ValueError, r"train_sizes must be at most 5, .*every fold leaves; got \[3, 9\]"),
        ({"train_sizes": [0, 2]}, ValueError, "train_sizes must be a whole number of 1 or more, got 0"),
        ({"train_sizes": [0.5, 1.0]}, ValueError, "train_sizes must be a whole number of 1 or more, got 0.5"),
        ({"train_sizes": [2, 2]}, ValueError, r"train_sizes has the same number twice: \[2, 2\]"),
        ({"train_sizes": []}, ValueError, r"train_sizes must be numbers of cell types, such as \[3, 6, 12\], got \[\]"),
        ({"train_sizes": 3}, ValueError, "train_sizes must be numbers of cell types.*got 3"),
        ({"train_sizes": "all"}, ValueError, "train_sizes must be numbers of cell types.*got 'all'"),
        ({"extrapolate_to": 5}, ValueError, r"extrapolate_to must be greater than 5, the largest size.*got \[5\]"),
        ({"extrapolate_to": [9, 9]}, ValueError, "extrapolate_to has the same number twice"),
        ({"extrapolate_to": 9.5}, ValueError, "extrapolate_to must be a whole number of 1 or more, got 9.5"),
        ({"n_subsets": 0}, ValueError, "n_subsets must be a whole number of 1 or more, got 0"),
        ({"n_bootstrap": 1}, ValueError, "n_bootstrap must be a whole number of 2 or more, got 1"),
        ({"level": 1}, ValueError, "level must be between 0 and 1, got 1"),
        ({"estimator": TrainingMean}, TypeError, "estimator must be an estimator with fit and predict"),
        ({"X": np.zeros((72, 2))}, TypeError, "wanted pairs, which know their gene and cell type; got ndarray"),
        ({"cv": 5}, TypeError, "cv must be a splitter"),
        ({"cv": PairKFold(2)}, ValueError, "a fold trains and tests on the same cell types.*LeaveOneCellTypeOut"),
        ({"cv": ChromosomeKFold(2)}, ValueError, "a fold trains and tests on the same cell types"),
        ({"y": np.zeros(72)}, ValueError, "the truth does not vary around the training means"),
    ],
)
def test_what_is_refused(few, settings, error, message):
    arguments = {"estimator": TrainingMean(), "X": few[0], "y": few[1], "cv": LeaveOneCellTypeOut(), **settings}
    with pytest.raises(error, match=message):
        learning_curve_pairs(**arguments)


def test_an_error_of_the_estimator_says_where(few):
    with pytest.raises(ArithmeticError, match="1 are too few") as caught:
        learning_curve_pairs(MeanOfSome(least=2), *few, LeaveOneCellTypeOut(), train_sizes=[1, 3])
    (note,) = caught.value.__notes__
    assert note.startswith("learning_curve_pairs: fitted on '")
    assert note.endswith("in fold 0")


def test_raw_counts_are_said_once(few):
    X, y = few
    counts = np.round(1_000 * (y - y.min())) + 5
    with pytest.warns(ScaleWarning) as caught:
        learning_curve_pairs(MeanOfSome(), X, counts, LeaveOneCellTypeOut(), train_sizes=[2], n_subsets=1)
    assert len(caught) == 1


def test_skill_of_one_order_is_that_of_its_predictions(few):
    X, y = few
    curve = learning_curve_pairs(MeanOfSome(), X, y, LeaveOneCellTypeOut(), train_sizes=[3], n_subsets=1)
    names, truth, predicted, mean = X.cell_types["name"].to_numpy(), [], [], []
    for (train, test), (_, fit) in zip(LeaveOneCellTypeOut().split(X), curve.errors.groupby("fold"), strict=True):
        rows = train[np.isin(names[X.cell_type_codes[train]], fit["trained_on"].iloc[0].split(", "))]
        of_all = cross_val_pairs(MeanOfSome(), X, y, [(train, test)])
        truth += of_all["y_true"].tolist()
        mean += of_all["train_mean"].tolist()
        predicted += cross_val_pairs(MeanOfSome(), X, y, [(rows, test)])["y_pred"].tolist()
    assert_float64_sums(curve.points.loc[3, "skill"], skill(truth, predicted, mean), condition=DEVIATIONS)
