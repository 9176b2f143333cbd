"""Concentration of errors, and errors of groups: by hand, by law, by slow loops."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from promises import assert_exact, assert_float64_sums, assert_within
from sklearn.dummy import DummyRegressor

from skepi.binning import TSSBinner, symmetric_edges
from skepi.compose import GeneZTarget
from skepi.exceptions import UnknownNameError
from skepi.inspection import (
    bootstrap_scores,
    calibration,
    error_by,
    error_concentration,
    open_bin_counts,
    removal_curve,
)
from skepi.metrics import skill, skill_by
from skepi.model_selection import CellTypeKFold, cross_val_pairs
from skepi.preprocessing import LogZScaler

numbers = st.floats(-100, 100).map(lambda value: round(value, 3))


def table_of(truth, prediction, genes="g", cell_types="c", mean=0.0, fold=0):
    """A table of held-out pairs in the form of cross_val_pairs."""
    truth = np.asarray(truth, dtype=float)
    columns = {"fold": fold, "gene": genes, "cell_type": cell_types, "y_true": truth, "y_pred": prediction}
    return pd.DataFrame({**columns, "train_mean": mean}, index=range(truth.size))


@st.composite
def held_out_tables(draw):
    """2 to 25 pairs of genes a, b, c in cell types x, y, z; some pair has an error and some mean is off the truth."""
    n = draw(st.integers(2, 25))
    truth, prediction, mean = (draw(st.lists(numbers, min_size=n, max_size=n)) for _ in range(3))
    assume(truth != prediction and truth != mean)
    genes = draw(st.lists(st.sampled_from("bac"), min_size=n, max_size=n))
    cells = draw(st.lists(st.sampled_from("zxy"), min_size=n, max_size=n))
    return table_of(truth, prediction, genes, cells, mean)


@pytest.fixture(scope="module")
def held_out(pairs):
    return cross_val_pairs(GeneZTarget(DummyRegressor()), *pairs, CellTypeKFold(3))


# --- concentration and removal

# Squared errors of genes: a 16, b 1 + 9, c 0; of cell types x 16 + 1, y 9 + 0.
FOUR = table_of([4, 1, 3, 5], [0, 0, 0, 5], list("abbc"), list("xxyy"), mean=[0, 0, 0, 6])


def test_concentration_by_hand():
    pair = error_concentration(FOUR)
    assert pair["gene"].tolist() == ["a", "b", "b", "c"]
    assert pair["cell_type"].tolist() == ["x", "y", "x", "y"]
    assert pair["share_of_pairs"].tolist() == [0.25, 0.5, 0.75, 1]
    assert_float64_sums(pair["share_of_error"], np.array([16, 25, 26, 26]) / 26)
    gene = error_concentration(FOUR, by="gene")  # error a pair 16, 5, 0
    assert gene.columns.tolist() == ["gene", "share_of_pairs", "share_of_error"]
    assert gene["gene"].tolist() == ["a", "b", "c"]
    assert gene["share_of_pairs"].tolist() == [0.25, 0.75, 1]
    assert_float64_sums(gene["share_of_error"], np.array([16, 26, 26]) / 26)
    assert error_concentration(FOUR, by="cell_type")["cell_type"].tolist() == ["x", "y"]


def test_the_reference_is_what_normal_errors_give(rng):
    table = error_concentration(table_of(rng.normal(size=100_000), 0.0))
    assert_within(table["share_of_error"], table["normal_share_of_error"], 0.01, "shares of 100,000 draws")
    third = table.iloc[29_999]
    assert third["share_of_pairs"] == pytest.approx(0.3)
    assert_within(third["normal_share_of_error"], 0.783, 5e-4, "the share is stated with three decimals")
    assert table["normal_share_of_error"].iloc[-1] == 1


@given(held_out_tables(), st.sampled_from(["pair", "gene", "cell_type"]))
def test_the_curve_is_concave_and_ends_at_1_and_1(table, by):
    curve = error_concentration(table, by=by)
    steps = np.diff(curve[["share_of_pairs", "share_of_error"]], axis=0, prepend=0)
    slopes = steps[:, 1] / steps[:, 0]
    assert (np.diff(slopes) <= 1e-9).all()
    assert curve[["share_of_pairs", "share_of_error"]].iloc[-1].tolist() == [1, 1]
    assert (curve["share_of_error"] >= curve["share_of_pairs"] - 1e-12).all()


def test_removal_by_hand():
    curve = removal_curve(FOUR)
    assert curve["n_removed"].tolist() == [0, 1, 2, 3]
    assert curve["share_removed"].tolist() == [0, 0.25, 0.5, 0.75]
    assert curve["gene"].tolist()[1:] == ["a", "b", "b"]
    assert curve["cell_type"].tolist()[1:] == ["x", "y", "x"]
    assert curve[["gene", "cell_type"]].iloc[0].isna().all()
    assert_float64_sums(curve["mse"], [26 / 4, 10 / 3, 1 / 2, 0])
    assert_float64_sums(curve["mse_ratio"], np.array([26 / 4, 10 / 3, 1 / 2, 0]) / (26 / 4))
    assert_float64_sums(curve["skill"], 1 - np.array([26 / 27, 10 / 11, 1 / 2, 0]))
    gene = removal_curve(FOUR, by="gene")
    assert gene["removed"].tolist()[1:] == ["a", "b"]
    assert_exact(gene["share_removed"].to_numpy(), [0, 0.25, 0.75])


@given(held_out_tables(), st.sampled_from(["pair", "gene", "cell_type"]))
def test_removal_falls_and_equals_a_slow_loop(table, by):
    curve = removal_curve(table, by=by)
    assert (np.diff(curve["mse"]) <= 1e-9 * curve["mse"][0]).all()
    if by == "pair":
        return
    left = table
    for step, row in curve.iterrows():
        if step:
            left = left[left[by] != row["removed"]]
        assert_float64_sums(row["mse"], np.mean((left["y_true"] - left["y_pred"]) ** 2))
        assert_float64_sums(row["share_removed"], 1 - len(left) / len(table), summed=1)
        if (left["y_true"] == left["train_mean"]).all():
            assert np.isnan(row["skill"])
        else:
            wanted = skill(left["y_true"], left["y_pred"], left["train_mean"])
            assert_float64_sums(row["skill"], wanted, summed=2 - wanted)  # 1 less a ratio of sums
    assert left[by].nunique() == 1


def test_genes_without_training_mean_have_no_skill_of_what_is_left():
    assert removal_curve(FOUR.assign(train_mean=np.nan))["skill"].isna().all()
    some = FOUR.assign(train_mean=[np.nan, 0, 0, 6])  # the pair without one goes first
    assert removal_curve(some)["skill"].isna().tolist() == [True, False, False, False]


@pytest.mark.parametrize("function", [error_concentration, removal_curve])
def test_without_errors_there_is_nothing_to_divide(function):
    with pytest.raises(ValueError, match="the predictions equal the truth: there is no error to divide"):
        function(table_of([1, 2], [1, 2]))


@pytest.mark.parametrize("by", ["fold", "y_true", None, ["a"] * 4], ids=str)
def test_unknown_groups_are_refused(by):
    for function in (error_concentration, removal_curve):
        with pytest.raises(ValueError, match=r"by must be one of 'pair', 'gene', 'cell_type', got "):
            function(FOUR, by=by)


# --- errors by group


def test_groups_by_hand():
    table = error_by(FOUR, "cell_type")
    assert table.index.tolist() == ["x", "y"]
    assert table.index.name == "cell_type"
    # x: errors 16 + 1, of the mean 16 + 1; y: 9 + 0, of the mean 9 + 1.
    wanted = pd.DataFrame(
        {
            "n_pairs": [2, 2],
            "share_of_pairs": [0.5, 0.5],
            "mse": [17 / 2, 9 / 2],
            "mse_mean": [17 / 2, 10 / 2],
            "skill": [0, 1 - 9 / 10],
            "share_of_error": [17 / 26, 9 / 26],
            "error_ratio": [34 / 26, 18 / 26],
        },
        index=table.index,
    )
    assert_float64_sums(table, wanted)


@given(held_out_tables(), st.data())
def test_groups_add_up_to_the_whole_and_equal_skill_by(table, data):
    by = data.draw(st.sampled_from(["cell_type", "gene", "labels"]))
    labels = table[by] if by != "labels" else data.draw(st.permutations([k % 3 for k in range(len(table))]))
    groups = error_by(table, labels if by == "labels" else by)
    assert groups["n_pairs"].sum() == len(table)
    assert groups[["share_of_pairs", "share_of_error"]].sum().tolist() == pytest.approx([1, 1])
    total = np.sum((table["y_true"] - table["y_pred"]) ** 2)
    assert_float64_sums((groups["n_pairs"] * groups["mse"]).sum(), total)
    wanted = skill_by(table["y_true"], table["y_pred"], table["train_mean"], labels)
    assert groups.index.tolist() == wanted.index.tolist()
    for name in ("mse", "mse_mean", "n_pairs"):
        assert_float64_sums(groups[name].to_numpy(), wanted[name], summed=wanted[name])
    assert_float64_sums(
        groups["skill"].to_numpy(), wanted["skill"], summed=2 - wanted["skill"]
    )  # 1 less a ratio of sums


def test_an_array_of_labels_goes_by_position():
    labels = pd.Series(["p", "q", "q", "p"], index=[3, 2, 1, 0])
    table = error_by(FOUR, labels)
    assert table.index.name == "group"
    assert table["mse"].to_dict() == {"p": 8, "q": 5}


def test_chromosomes_in_the_order_of_the_table_of_genes(simulated, held_out):
    data = simulated[0]
    table = error_by(held_out.sample(frac=1, random_state=0), "chromosome", data=data)
    chrom = dict(zip(data.genes["name"], data.genes["chrom"], strict=True))
    assert table.index.tolist() == list(dict.fromkeys(data.genes["chrom"]))
    for name, row in table.iterrows():
        rows = held_out[[chrom[gene] == name for gene in held_out["gene"]]]
        assert row["n_pairs"] == len(rows)
        assert_float64_sums(row["mse"], np.mean((rows["y_true"] - rows["y_pred"]) ** 2))
    one = error_by(held_out[held_out["gene"] == held_out["gene"][0]], "chromosome", data=data)
    assert one.index.tolist() == [chrom[held_out["gene"][0]]]


def test_quantile_groups_of_expression_by_hand():
    # Halves of 0, 0, 0, 0, 1, 2: all zeros stay together. Thirds end at 0, 0 and 2.
    table = error_by(table_of([0, 2, 0, 1, 0, 0], [1, 2, 1, 1, 1, 1]), "expression", n_groups=3)
    assert [(group.left, group.right) for group in table.index] == [(-0.002, 0), (0, 2)]
    assert table["n_pairs"].tolist() == [4, 2]
    assert table["mse"].tolist() == [1, 0]


@given(st.lists(numbers, min_size=2, max_size=40), st.integers(2, 7))
def test_quantile_groups_hold_the_values_that_their_intervals_say(values, n_groups):
    assume(np.ptp(values) > 0)
    table = error_by(table_of(values, np.add(values, 1)), "expression", n_groups=n_groups)
    assert len(table) <= n_groups
    assert table.index.is_monotonic_increasing
    for group, n_pairs in table["n_pairs"].items():
        assert n_pairs == sum(value in group for value in values) > 0
    if len(set(values)) == len(values) and len(values) % n_groups == 0:
        assert set(table["n_pairs"]) == {len(values) // n_groups}


def test_variance_groups_are_groups_of_genes():
    # Variances: a 1, b 4, c 9, d 16; halves are {a, b} and {c, d}, however many pairs they have.
    truth = [4, 6, 4, 6, 0, 4, 1, 7, 0, 8]
    error = [1, 1, 1, 1, 1, 1, 2, 2, 2, 2]
    table = error_by(table_of(truth, np.add(truth, error), list("aaaabbccdd")), "variance", n_groups=2)
    assert table["n_pairs"].tolist() == [6, 4]
    assert table["mse"].tolist() == [1, 4]
    assert [group.right for group in table.index] == [4, 16]


def test_unknown_means_and_perfect_predictions_are_nan():
    table = error_by(FOUR.assign(train_mean=[np.nan, 0, 0, 6]), "cell_type")
    assert table[["mse_mean", "skill"]].isna().all(axis=1).tolist() == [True, False]
    perfect = error_by(table_of([1, 2], [1, 2], list("ab"), mean=[1, 0]), "gene")
    assert perfect["skill"].isna().tolist() == [True, False]
    assert perfect.loc["b", "skill"] == 1
    assert perfect[["share_of_error", "error_ratio"]].isna().all(axis=None)


# --- open bins


@pytest.fixture(scope="module")
def binned(pairs):
    return TSSBinner(edges=symmetric_edges([0, 1_000, 5_000, 20_000, 100_000])).fit_transform(pairs[0])


def test_open_bins_are_the_positive_numbers_of_the_dense_rows(binned, rng):
    counts = open_bin_counts(binned)
    assert len(set(counts)) > 3
    np.testing.assert_array_equal(counts, (np.asarray(binned) > 0).sum(axis=1))
    rows = rng.permutation(len(binned))[:100]
    np.testing.assert_array_equal(open_bin_counts(binned[rows]), counts[rows])


def test_open_bins_are_found_by_name(binned, held_out):
    shuffled = held_out.sample(frac=0.7, random_state=1)
    table = error_by(shuffled, "open_bins", X=binned[:7], n_groups=3)
    names = binned.pairs.to_frame()
    counts = pd.Series(open_bin_counts(binned), pd.MultiIndex.from_frame(names))
    of_pair = counts.loc[list(zip(shuffled["gene"], shuffled["cell_type"], strict=True))].to_numpy()
    for group, row in table.iterrows():
        rows = shuffled[[count in group for count in of_pair]]
        assert row["n_pairs"] == len(rows)
        assert_float64_sums(row["mse"], np.mean((rows["y_true"] - rows["y_pred"]) ** 2))
    assert table["n_pairs"].sum() == len(shuffled)


def test_what_is_needed_for_groups_is_asked_for(simulated, pairs, binned, held_out):
    scaled = LogZScaler().fit_transform(binned)
    for call in (lambda: open_bin_counts(scaled), lambda: error_by(held_out, "open_bins", X=scaled)):
        with pytest.raises(ValueError, match="X: wanted openness, got scaled rows"):
            call()
    for call in (lambda: open_bin_counts(pairs[0]), lambda: error_by(held_out, "open_bins", X=pairs[0])):
        with pytest.raises(TypeError, match=r"X: wanted binned rows \(from TSSBinner\), got GeneCellPairs"):
            call()
    with pytest.raises(ValueError, match="by='open_bins' needs X="):
        error_by(held_out, "open_bins")
    with pytest.raises(ValueError, match="by='chromosome' needs data="):
        error_by(held_out, "chromosome")
    for data in (pairs[0], simulated[0].genes):
        with pytest.raises(TypeError, match=f"data: wanted a PairedDataset, got {type(data).__name__}"):
            error_by(held_out, "chromosome", data=data)


def test_names_that_match_nothing_are_refused(simulated, binned, held_out):
    with pytest.raises(UnknownNameError, match=r"data: gene\(s\) not in the tables: b, a \(2 name"):
        error_by(table_of([1, 2], [0, 0], ["b", "a"]), "chromosome", data=simulated[0])
    with pytest.raises(UnknownNameError, match=r"X: gene\(s\) not in the tables: nix"):
        error_by(held_out.assign(gene="nix"), "open_bins", X=binned)
    with pytest.raises(UnknownNameError, match=r"X: cell type\(s\) not in the tables: nix"):
        error_by(held_out.assign(cell_type="nix"), "open_bins", X=binned)


def test_groups_that_cannot_be_made_are_refused():
    with pytest.raises(ValueError, match=r"by must be one of 'cell_type', 'gene', 'chromosome'.*got 'fold'"):
        error_by(FOUR, "fold")
    with pytest.raises(ValueError, match=r"by: labels have shape \(3,\), wanted \(4,\): one per pair"):
        error_by(FOUR, ["a"] * 3)
    with pytest.raises(ValueError, match=r"by: 2 pair\(s\) have no label"):
        error_by(FOUR, ["a", None, np.nan, "b"])
    for bad in (1, 2.0, True):
        with pytest.raises(ValueError, match=f"n_groups must be a whole number of 2 or more, got {bad}"):
            error_by(FOUR, "expression", n_groups=bad)
    with pytest.raises(ValueError, match=r"y_true does not vary \(3 throughout\), so there are no quantile groups"):
        error_by(table_of([3, 3], [0, 1]), "expression")
    with pytest.raises(ValueError, match="the variance of genes does not vary"):
        error_by(table_of([3, 4], [0, 1], list("ab")), "variance")


# --- what a table of held-out pairs must be

FUNCTIONS = {
    "error_concentration": error_concentration,
    "removal_curve": removal_curve,
    "error_by": lambda table: error_by(table, "gene"),
    "bootstrap_scores": bootstrap_scores,
    "calibration": calibration,
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_tables_that_are_none_of_held_out_pairs_are_refused(function):
    def refused(table, error, message):
        with pytest.raises(error, match=message):
            function(table)

    refused({"y_true": [1]}, TypeError, "wanted the DataFrame of cross_val_pairs, got dict")
    refused(FOUR.drop(columns=["fold", "y_pred"]), ValueError, r"missing columns \['fold', 'y_pred'\], got \['gene'")
    refused(pd.concat([FOUR, FOUR[["gene"]]], axis=1), ValueError, "the same column twice")
    refused(FOUR.iloc[:0], ValueError, "the table has no rows")
    refused(FOUR.assign(gene=["a", None, "b", None]), ValueError, r"gene is missing in 2 row\(s\)")
    refused(
        FOUR.assign(y_pred=[1, np.nan, np.nan, np.inf]), ValueError, "y_pred: .* got 2 NaN and 1 infinite in 4 rows"
    )
    refused(FOUR.assign(y_true=np.nan), ValueError, "y_true: .* got 4 NaN and 0 infinite in 4 rows")
    refused(FOUR.assign(train_mean=[0, 0, 0, np.inf]), ValueError, "train_mean: .* got 0 NaN and 1 infinite")
    refused(FOUR.assign(y_pred=["1", "2", "3", "4"]), TypeError, "y_pred: wanted numbers, got dtype")


def test_the_callers_table_and_its_index_stay_as_they_are():
    table = FOUR.assign(more="text").set_index(np.array([9, 9, 7, 7]))
    before = table.copy()
    for function in (error_concentration, removal_curve, lambda held_out: error_by(held_out, "variance")):
        assert_exact(function(table), function(FOUR))
    assert_exact(table, before)
