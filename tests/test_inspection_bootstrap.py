"""Bootstrap intervals and calibration: by hand, by law, by slow loops over concatenated tables, and their coverage."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from promises import assert_exact, assert_float64_sums, assert_within

from skepi import _resampling
from skepi.inspection import bootstrap_scores, calibration
from skepi.metrics import skill, summarize, within_gene_skill

# Groups that are drawn again, and whether their genes were unseen; the other two combinations are slow tests.
GROUPS = [
    pytest.param("gene", False, id="gene-seen genes"),
    pytest.param("cell_type", True, id="cell_type-unseen genes"),
    pytest.param("gene", True, id="gene-unseen genes", marks=pytest.mark.slow),
    pytest.param("cell_type", False, id="cell_type-seen genes", marks=pytest.mark.slow),
]


def drawn_table(rng, n_genes=12, n_cell_types=6, slope=0.36, noise=0.48, unseen=False):
    """t of SD 1 and p = slope t + noise; population skill 1 - (1 - slope)^2 - noise^2."""
    n = n_genes * n_cell_types
    gene, cell = np.repeat(np.arange(n_genes), n_cell_types), np.tile(np.arange(n_cell_types), n_genes)
    t, level = rng.normal(size=n), rng.normal(3, 1, size=n_genes)[gene]
    columns = {"fold": gene % 2 if unseen else cell % 3, "gene": [f"g{k}" for k in gene]}
    columns |= {"cell_type": [f"c{k}" for k in cell], "y_true": level + t}
    columns["y_pred"] = level + slope * t + noise * rng.normal(size=n)
    return pd.DataFrame({**columns, "train_mean": np.nan if unseen else level})


def resampled(table, by, draw):
    """Rows of the drawn groups; a gene that is drawn twice becomes two genes."""
    parts = [table[table[by] == name] for name in draw]
    if by == "gene":
        parts = [part.assign(gene=f"{k}") for k, part in enumerate(parts)]
    return pd.concat(parts, ignore_index=True)


def slow_resamples(table, by, n_bootstrap, seed, score):
    rng, names = np.random.RandomState(seed), table[by].unique()
    draws = [names[rng.randint(names.size, size=names.size)] for _ in range(n_bootstrap)]
    return pd.DataFrame([score(resampled(table, by, draw)) for draw in draws])


# --- scores


def test_two_genes_by_hand():
    # Gene a is predicted exactly, gene b as its mean. A resample holds a twice (skill 1), b twice (0) or both (1/2),
    # in shares 1/4, 1/4, 1/2: SD sqrt(1/8). rmse 0, 1, sqrt(1/2). r is 1 wherever there is a; b has none.
    columns = {"fold": 0, "cell_type": ["x", "y"] * 2, "train_mean": 1.0}
    table = pd.DataFrame({"gene": list("aabb"), "y_true": [0.0, 2, 0, 2], "y_pred": [0.0, 2, 1, 1], **columns})
    scores = bootstrap_scores(table, by="gene", n_bootstrap=4000)
    assert scores.index.tolist() == ["skill", "r_median", "r_mean", "rmse"]
    assert scores.columns.tolist() == ["estimate", "low", "high", "standard_error"]
    assert_within(scores.loc["skill"], [0.5, 0, 1, np.sqrt(1 / 8)], 0.01, "4000 resamples give the SD to about 0.002")
    assert scores.loc["r_median"].tolist() == [1, 1, 1, 0]
    assert scores.loc["rmse"].tolist()[:3] == pytest.approx([np.sqrt(1 / 2), 0, 1])


@pytest.mark.slow
@pytest.mark.parametrize(("by", "unseen"), GROUPS)
def test_resamples_equal_scores_of_concatenated_tables(rng, by, unseen):
    table = drawn_table(rng, unseen=unseen).sample(frac=0.9, random_state=0)  # some pairs are missing
    scores = bootstrap_scores(table, by=by, n_bootstrap=60, level=0.8, random_state=5)
    slow = slow_resamples(table, by, 60, 5, summarize)[scores.index]
    estimate = summarize(table)[scores.index]
    if by == "cell_type" and not unseen:
        r = ["r_median", "r_mean"]
        slow[r] += estimate[r] - slow[r].median()
    wanted = {"estimate": estimate, "low": slow.quantile(0.1), "high": slow.quantile(0.9), "standard_error": slow.std()}
    assert_float64_sums(scores, pd.DataFrame(wanted), summed=1, condition=10)
    assert (scores["low"] < scores["high"]).all()


def test_unseen_genes_have_the_other_skill(rng):
    assert bootstrap_scores(drawn_table(rng, unseen=True)).index.tolist() == ["within_gene_skill", "rmse"]


@given(st.integers(0, 999), st.sampled_from(["gene", "cell_type"]), st.booleans())
def test_estimates_are_those_of_summarize_and_do_not_depend_on_the_order_of_rows(seed, by, unseen):
    table = drawn_table(np.random.default_rng(seed), 5, 4, unseen=unseen)
    scores = bootstrap_scores(table, by=by, n_bootstrap=20)
    assert scores["estimate"].to_dict() == summarize(table)[scores.index].to_dict()
    again = bootstrap_scores(table.iloc[::-1], by=by, n_bootstrap=20)
    assert_float64_sums(again["estimate"], scores["estimate"], summed=1, condition=10)


def test_predicting_the_mean_scores_0_in_every_resample(rng):
    table = drawn_table(rng).assign(y_pred=lambda held_out: held_out["train_mean"])
    for by in ("gene", "cell_type"):
        scores = bootstrap_scores(table, by=by, n_bootstrap=50)
        assert scores.loc["skill"].tolist() == [0, 0, 0, 0]
        assert scores.loc[["r_median", "r_mean"]].isna().all(axis=None)


def test_resamples_of_one_cell_type_alone_have_no_correlation(rng):
    table = drawn_table(rng, 30, 2)  # half of the resamples hold one cell type twice; in the others r is 1 or -1
    scores = bootstrap_scores(table, by="cell_type", n_bootstrap=200)
    assert scores.loc["r_mean", ["low", "high"]].tolist() == [scores.loc["r_mean", "estimate"]] * 2
    assert scores.loc["skill", "low"] < scores.loc["skill", "high"]


@pytest.mark.slow
@pytest.mark.parametrize("far", [0.0, 1e6], ids=["near", "far"])
def test_rounding_makes_no_correlation(rng, far):
    """A ninth of resamples hold one of three cell types alone; levels far from the training mean hide no digits."""
    table = drawn_table(rng, 40, 3)
    table[["y_true", "y_pred"]] += far
    scores = bootstrap_scores(table, by="cell_type", n_bootstrap=100).loc[["r_median", "r_mean"]]
    slow = slow_resamples(table, "cell_type", 100, 0, summarize)[scores.index]
    assert slow["r_mean"].isna().any()
    assert_float64_sums(scores["standard_error"], slow.std(), summed=1, condition=max(10, far))


@pytest.mark.slow
def test_intervals_cover_what_they_should():
    """Population skill .36 and rmse .8, tables of independent genes."""
    rng, covered = np.random.default_rng(8), []
    for _ in range(200):
        scores = bootstrap_scores(drawn_table(rng, 50, 4), by="gene", n_bootstrap=200, level=0.9)
        truth = pd.Series({"skill": 1 - 0.64**2 - 0.48**2, "rmse": 0.8})
        covered.append(scores.loc[truth.index, "low"].lt(truth) & scores.loc[truth.index, "high"].gt(truth))
    assert pd.DataFrame(covered).mean().between(0.83, 0.95).all()


def test_correlations_by_cell_type_stay_around_their_estimate(rng):
    """Few cell types: as they are drawn, resamples lie off to one side of the estimate."""
    table = drawn_table(rng, 2_000, 10)
    scores = bootstrap_scores(table, by="cell_type", n_bootstrap=200)
    assert (scores["low"] < scores["estimate"]).all()
    assert (scores["estimate"] < scores["high"]).all()
    moved = slow_resamples(table, "cell_type", 20, 0, summarize)[["r_median", "r_mean"]].mean()
    assert moved["r_median"] > scores.loc["r_median", "estimate"] + 0.01
    assert moved["r_mean"] < scores.loc["r_mean", "estimate"] - 0.01


def test_a_stated_seed_repeats_and_blocks_make_no_difference(rng, monkeypatch):
    table = drawn_table(rng)
    scores = bootstrap_scores(table, n_bootstrap=50, by="cell_type")
    assert_exact(bootstrap_scores(table, n_bootstrap=50, by="cell_type"), scores)
    assert not bootstrap_scores(table, n_bootstrap=50, by="cell_type", random_state=1).equals(scores)
    monkeypatch.setattr(_resampling, "_BLOCK_VALUES", 7 * 12)
    assert_float64_sums(bootstrap_scores(table, n_bootstrap=50, by="cell_type"), scores, summed=1)


def test_a_higher_level_is_wider(rng):
    table = drawn_table(rng)
    narrow, wide = (bootstrap_scores(table, level=level) for level in (0.5, 0.99))
    assert (wide["low"] < narrow["low"]).all()
    assert (wide["high"] > narrow["high"]).all()


# --- calibration


def test_calibration_by_hand():
    # t 2, -1, 3 and p 1, 1, 2: sum t p = 2 - 1 + 6 = 7, sum p^2 = 6, sum t^2 = 14.
    columns = {"fold": 0, "gene": list("abc"), "cell_type": list("xyz"), "train_mean": [5.0, 6, 7]}
    table = calibration(pd.DataFrame({"y_true": [7.0, 5, 10], "y_pred": [6.0, 7, 9], **columns}))
    assert table["estimate"].to_dict() == pytest.approx({"slope": 7 / 6, "shrinkage": 1 / 2})
    assert table.columns.tolist() == ["estimate", "low", "high"]


@given(st.integers(0, 999), st.booleans(), st.floats(0.2, 3))
def test_stretching_by_the_slope_calibrates_and_shrinkage_is_then_the_skill(seed, unseen, stretch):
    table = drawn_table(np.random.default_rng(seed), slope=stretch, unseen=unseen)
    slope = calibration(table, n_bootstrap=2).loc["slope", "estimate"]
    assume(slope > 0.05)
    level = table.groupby(["fold", "gene"])["y_pred"].transform("mean") if unseen else table["train_mean"]
    even = table.assign(y_pred=level + slope * (table["y_pred"] - level))
    estimate = calibration(even, n_bootstrap=2)["estimate"]
    assert estimate["slope"] == pytest.approx(1)
    score = summarize(even)[["skill", "within_gene_skill"]].dropna().item()
    assert_float64_sums(estimate["shrinkage"], score, summed=1, condition=10)


def slow_calibration(table):
    level = table[["y_true", "y_pred"]].groupby([table["fold"], table["gene"]]).transform("mean")
    seen = table["train_mean"].notna()
    t = table["y_true"] - level["y_true"].mask(seen, table["train_mean"])
    p = table["y_pred"] - level["y_pred"].mask(seen, table["train_mean"])
    return {"slope": sum(t * p) / sum(p * p), "shrinkage": sum(t * p) / sum(t * t)}


@pytest.mark.slow
@pytest.mark.parametrize(("by", "unseen"), GROUPS)
def test_calibration_equals_slow_resamples(rng, by, unseen):
    table = drawn_table(rng, unseen=unseen)
    slow = slow_resamples(table, by, 40, 0, slow_calibration)
    result = calibration(table, by=by, n_bootstrap=40, level=0.5)
    wanted = {"estimate": slow_calibration(table), "low": slow.quantile(0.25), "high": slow.quantile(0.75)}
    assert_float64_sums(result, pd.DataFrame(wanted), summed=1, condition=10)


def test_levels_of_folds_are_no_slope(rng):
    """An unseen gene tested in two folds has a level in each; differences of levels are taken off."""
    table = drawn_table(rng, unseen=True).assign(fold=lambda held_out: held_out["cell_type"].isin(["c0", "c1"]) * 1)
    shifted = table.assign(y_pred=table["y_pred"] + 50 * table["fold"])
    # Of values around 50, deviations of SD 1 are left.
    assert_float64_sums(calibration(shifted), calibration(table), summed=1, condition=50)
    assert_float64_sums(bootstrap_scores(shifted).iloc[:1], bootstrap_scores(table).iloc[:1], summed=1, condition=50)


@pytest.mark.slow
def test_the_slope_covers_the_population_slope():
    """Truth on prediction: .36 / (.36^2 + .48^2) = 1; prediction on truth .36."""
    rng, covered = np.random.default_rng(4), []
    for _ in range(100):
        table = calibration(drawn_table(rng, 40, 12), n_bootstrap=100, level=0.9)
        truth = pd.Series({"slope": 1, "shrinkage": 0.36})
        covered.append(table["low"].lt(truth) & table["high"].gt(truth))
    assert pd.DataFrame(covered).mean().between(0.78, 0.95).all()


# --- errors


@pytest.mark.parametrize("function", [bootstrap_scores, calibration])
def test_whole_cell_types_are_resampled_by_default(function, rng):
    table = drawn_table(rng)
    assert_exact(function(table), function(table, by="cell_type"))
    assert not function(table).equals(function(table, by="gene"))


@pytest.mark.parametrize("function", [bootstrap_scores, calibration])
def test_settings_and_groups_are_checked(function, rng):
    table = drawn_table(rng)
    for by in ("fold", "pair", ["gene"]):
        with pytest.raises(ValueError, match="by must be one of 'cell_type', 'gene', got"):
            function(table, by=by)
    for bad in (1, 10.0, True):
        with pytest.raises(ValueError, match=f"n_bootstrap must be a whole number of 2 or more, got {bad}"):
            function(table, n_bootstrap=bad)
    for bad in (0, 1, 95):
        with pytest.raises(ValueError, match=f"level must be between 0 and 1, got {bad}"):
            function(table, level=bad)
    with pytest.raises(ValueError, match="resampling by cell_type needs 2 or more of them, got only c0"):
        function(table[table["cell_type"] == "c0"], by="cell_type")
    with pytest.raises(ValueError, match="resampling by gene needs 2 or more of them, got only g3"):
        function(table[table["gene"] == "g3"], by="gene")


@pytest.mark.parametrize("function", [bootstrap_scores, calibration])
@pytest.mark.parametrize("unseen", [False, True], ids=["seen genes", "unseen genes"])
def test_a_truth_that_does_not_vary_is_refused(function, unseen, rng):
    constant = {"y_true": 0.1} if unseen else {"y_true": 0.1, "train_mean": 0.1}
    with pytest.raises(ValueError, match="the truth does not vary"):
        function(drawn_table(rng, unseen=unseen).assign(**constant))


@pytest.mark.parametrize("function", [bootstrap_scores, calibration])
def test_seen_and_unseen_genes_are_not_mixed(function, rng):
    mixed = pd.concat([drawn_table(rng), drawn_table(rng, unseen=True)])
    with pytest.raises(ValueError, match="72 of 144 held-out pairs have no training mean: genes with and without"):
        function(mixed)


def test_predictions_without_differences_have_no_slope(rng):
    for table in (drawn_table(rng), drawn_table(rng, unseen=True)):
        flat = table.assign(y_pred=table["train_mean"].fillna(0.1) * (1 + 1e-16))
        with pytest.raises(ValueError, match="predictions do not differ from the mean of their gene"):
            calibration(flat)


def test_skill_of_the_simulation_is_what_the_tests_say(rng):
    seen, unseen = drawn_table(rng, 5_000, 10), drawn_table(rng, 5_000, 10, unseen=True)
    for score in (
        skill(seen["y_true"], seen["y_pred"], seen["train_mean"]),
        within_gene_skill(unseen["y_true"], unseen["y_pred"], unseen["gene"]),
    ):
        assert_within(score, 0.36, 0.01, "50,000 pairs give the skill to about 0.004")
