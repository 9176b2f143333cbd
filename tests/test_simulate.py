"""Simulated data follow the law that is returned beside them."""

import numpy as np
import pandas as pd
import pytest

from skepi.binning import TSSBinner, symmetric_edges
from skepi.datasets import make_paired_openness
from skepi.preprocessing import LogZScaler

PARTS = ["cis", "program", "interaction", "noise"]


@pytest.fixture(scope="module")
def large():
    return make_paired_openness(400, 24, interaction_share=0.1, random_state=3)


def standardised(truth, part):
    return truth[part].div(truth.gene_sd, axis=0)


def test_parts_add_up_to_expression_cut_at_zero(large):
    data, truth = large
    total = truth.cis + truth.program + truth.interaction + truth.noise
    total = total.add(truth.gene_mean, axis=0)
    np.testing.assert_allclose(data.expression, total.clip(lower=0))
    assert (total < 0).any(axis=None), "some genes are cut"


def test_shares_are_mean_squares_in_units_of_the_gene(large):
    _, truth = large
    assert truth.shares == pytest.approx({"cis": 0.35, "program": 0.25, "interaction": 0.1, "noise": 0.3})
    for part in ("cis", "program", "interaction"):
        assert np.mean(standardised(truth, part) ** 2, axis=None) == pytest.approx(truth.shares[part])
    # The noise is drawn, not rescaled: the mean of 9600 squares has an SD of 1.4 % of it.
    assert np.mean(standardised(truth, "noise") ** 2, axis=None) == pytest.approx(0.3, rel=0.06)


def test_cis_program_and_noise_are_nearly_independent(large):
    # Over seeds the correlations have SDs of 0.02 (cis and program share the cell states) and 0.01.
    parts = [standardised(large[1], part).to_numpy().ravel() for part in ("cis", "program", "noise")]
    assert np.abs(np.corrcoef(parts)[~np.eye(3, dtype=bool)]).max() < 0.08


def test_shares_of_zero_and_one():
    _, truth = make_paired_openness(40, 8, cis_share=1.0, program_share=0.0)
    assert truth.shares["noise"] == 0
    for part in ("program", "interaction", "noise"):
        assert not truth[part].to_numpy().any()


def test_deviations_sum_to_zero_within_a_gene(large):
    for part in ("cis", "program", "interaction"):
        np.testing.assert_allclose(large[1][part].sum(axis=1), 0, atol=1e-9)


def test_tables_of_truth_are_labelled(large):
    data, truth = large
    for part in PARTS:
        assert truth[part].index.tolist() == data.genes["name"].tolist()
        assert truth[part].columns.tolist() == data.cell_types["name"].tolist()
    assert truth.cell_state.index.tolist() == data.cell_types["name"].tolist()
    assert truth.cell_state.shape == (24, 3)
    assert truth.gene_mean.index.equals(truth.gene_sd.index)
    assert truth.corrupted is None


def test_cis_is_the_weighted_sum_of_standardised_peaks():
    """A slow loop over genes and peaks with the weights that are returned; one common factor is free."""
    data, truth = make_paired_openness(12, 6, n_lineages=2, random_state=5)
    log_openness = np.log1p(data.openness / data.openness.mean(axis=0))
    sd = log_openness.std(axis=1, keepdims=True)
    z = np.where(sd > 0, (log_openness - log_openness.mean(axis=1, keepdims=True)) / np.where(sd > 0, sd, 1), 0)
    bands = list(truth.weights.itertuples(index=False, name=None))
    expected = np.zeros((12, 6))
    for g, gene in enumerate(data.genes.itertuples()):
        for p, peak in enumerate(data.peaks.itertuples()):
            distance = abs((peak.start + peak.end) // 2 - gene.tss)
            weight = sum(w for low, high, w in bands if low <= distance < high)
            expected[g] += weight * z[p] * (peak.chrom == gene.chrom)
    found = standardised(truth, "cis").to_numpy()
    np.testing.assert_allclose(found, expected * found.std() / expected.std(), atol=1e-4)


def test_weights_fall_with_distance(large):
    weights = large[1].weights
    assert (weights["from_bp"].iloc[1:].to_numpy() == weights["to_bp"].iloc[:-1].to_numpy()).all()
    assert weights["from_bp"].iloc[0] == 0
    assert weights["weight"].iloc[0] > 10 * weights["weight"].iloc[-1] > 0


def test_openness_near_the_tss_predicts_cis_best(large):
    """The planted law is found again: a bin's correlation with the cis part falls with distance."""
    data, truth = large
    X = data.pairs()
    edges = symmetric_edges([0, 1_000, 10_000, 50_000, 200_000, 400_000])
    z = LogZScaler(np.inf).fit_transform(TSSBinner(edges=edges).fit_transform(X)).dense()
    cis = standardised(truth, "cis").to_numpy()[X.gene_codes, X.cell_type_codes]
    r = np.array([np.corrcoef(column, cis)[0, 1] for column in z.T])
    by_distance = (r[5:] + r[4::-1]) / 2
    assert by_distance[1] > by_distance[3] > by_distance[4]
    assert by_distance[0] > 0.2 > by_distance[3]
    assert abs(by_distance[4]) < 0.1


def test_most_genes_have_a_peak_at_the_promoter(large):
    data, _ = large
    at_tss = TSSBinner(edges=[-500, 500]).fit_transform(data.pairs())
    assert 0.8 < np.mean(np.diff(at_tss.operator.gene_ptr)) <= 1


def test_no_linear_model_sees_the_interaction(large):
    """Regressed on the cis part, which comes from the same peaks, nothing is saved; the SE of r is 0.01."""
    r = np.corrcoef([standardised(large[1], part).to_numpy().ravel() for part in ("interaction", "cis")])
    assert abs(r[0, 1]) < 0.05


def test_zeros_are_in_excess(large):
    data, _ = large
    zeros = np.mean(data.openness == 0)
    assert 0.4 < zeros < 0.8, "log openness is cut at 0.6, above its mean of 0.3"
    assert data.openness[data.openness > 0].min() > 0.1, "between 0 and the threshold there is nothing"
    assert np.mean(data.expression == 0) > 0.002


def test_tables_are_valid_and_without_missing_values(large):
    data, truth = large
    assert np.isfinite(data.openness).all()
    assert np.isfinite(data.expression).all()
    assert (data.expression >= 0).all()
    assert all(np.isfinite(truth[part]).all(axis=None) for part in PARTS)
    assert (data.peaks["end"] - data.peaks["start"] == 500).all()
    ordered = data.peaks.sort_values(["chrom", "start"])
    same = ordered["chrom"].eq(ordered["chrom"].shift())
    assert (ordered["start"] >= ordered["end"].shift())[same].all(), "peaks do not overlap"
    assert set(data.genes["strand"]) == {"+", "-"}
    assert data.genes["chrom"].nunique() == 4
    assert data.cell_types["lineage"].value_counts().tolist() == [6, 6, 6, 6]


def test_peaks_of_a_lineage_are_alike(large):
    # Correlations are higher by 0.24 to 0.32 over seeds; by at most 0.15 where only states are shared.
    data, _ = large
    r = np.corrcoef(np.log1p(data.openness / data.openness.mean(axis=0)).T)
    lineage = data.cell_types["lineage"].to_numpy()
    same = lineage[:, None] == lineage
    assert r[same & ~np.eye(24, dtype=bool)].mean() > r[~same].mean() + 0.2


def test_states_of_a_lineage_are_alike(large):
    # Variances are 1 between and 0.49 within lineages; without sharing, means of six would have a ratio of 1 / 6.
    data, truth = large
    by_lineage = truth.cell_state.groupby(data.cell_types["lineage"].to_numpy())
    assert by_lineage.mean().var().mean() > 0.5 * by_lineage.var().mean().mean()


def test_corrupted_column_is_noisier_and_the_rest_is_not_changed():
    clean, _ = make_paired_openness(300, 6, random_state=2)
    data, truth = make_paired_openness(300, 6, random_state=2, corrupted=4, corruption=4.0)
    assert truth.corrupted == "cell004"
    others = [0, 1, 2, 3, 5]
    np.testing.assert_array_equal(data.expression[:, others], clean.expression[:, others])
    np.testing.assert_array_equal(data.openness, clean.openness)
    noise = (standardised(truth, "noise") ** 2).mean()
    # Variances 0.4 and 0.4 + 4 ** 2; 300 genes, so an SD of 8 %.
    assert noise[truth.corrupted] == pytest.approx(16.4, rel=0.35)
    assert noise.drop(truth.corrupted).to_numpy() == pytest.approx(0.4, rel=0.35)


def test_first_column_may_be_corrupted():
    assert make_paired_openness(20, 4, corrupted=0)[1].corrupted == "cell000"


def test_a_seed_gives_the_same_data_again_and_another_gives_others():
    one, again, two = (make_paired_openness(30, 5, random_state=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one[0].expression, again[0].expression)
    np.testing.assert_array_equal(one[0].openness, again[0].openness)
    pd.testing.assert_frame_equal(one[0].peaks, again[0].peaks)
    pd.testing.assert_frame_equal(one[1].cis, again[1].cis)
    assert not np.array_equal(one[0].expression, two[0].expression)


def test_no_seed_gives_new_data_each_time():
    one, two = (make_paired_openness(10, 4, random_state=None)[0] for _ in range(2))
    assert not np.array_equal(one.expression, two.expression)


def test_global_random_state_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    make_paired_openness(10, 4)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize(("n_genes", "n_cell_types", "n_chromosomes", "n_lineages"), [(4, 4, 4, 4), (3, 2, 1, 1)])
def test_smallest_sizes(n_genes, n_cell_types, n_chromosomes, n_lineages):
    data, _ = make_paired_openness(
        n_genes, n_cell_types, n_chromosomes=n_chromosomes, n_lineages=n_lineages, n_programs=1
    )
    assert data.expression.shape == (n_genes, n_cell_types)
    assert data.genes["chrom"].nunique() == n_chromosomes
    assert data.cell_types["lineage"].nunique() == n_lineages


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"cis_share": -0.1}, "shares must be 0 or greater and add up to at most 1, got .*-0.1"),
        ({"cis_share": 0.6, "program_share": 0.6}, "add up to at most 1"),
        ({"interaction_share": np.nan}, "shares must be"),
        ({"n_lineages": 7}, "1 <= n_lineages <= n_cell_types"),
        ({"n_lineages": 0}, "1 <= n_lineages <= n_cell_types"),
        ({"n_chromosomes": 11}, "1 <= n_chromosomes <= n_genes"),
        ({"n_chromosomes": 0}, "1 <= n_chromosomes <= n_genes"),
        ({"corrupted": 6}, r"corrupted must be a column in 0 \.\. 5, got 6"),
        ({"corrupted": -1}, "corrupted must be a column"),
    ],
)
def test_wrong_settings(wrong, match):
    with pytest.raises(ValueError, match=match):
        make_paired_openness(10, 6, **wrong)
