"""Simulated data follow the law that is returned beside them; test_simulate_real compares them with real data."""

import re

import numpy as np
import pandas as pd
import pytest
from promises import assert_exact, assert_float32_sums, assert_float64_sums, assert_within

from skepi.binning import TSSBinner, symmetric_edges
from skepi.datasets import make_paired_openness, make_read_counts
from skepi.preprocessing import LogZScaler

PARTS = ["cis", "program", "interaction", "noise"]


@pytest.fixture(scope="module")
def large():
    return make_paired_openness(400, 24, cis_share=0.35, program_share=0.25, interaction_share=0.1, random_state=3)


def standardised(truth, part):
    return truth[part].div(truth.gene_sd, axis=0)


def test_parts_add_up_to_expression_cut_at_zero(large):
    data, truth = large
    total = truth.cis + truth.program + truth.interaction + truth.noise
    total = total.add(truth.gene_mean, axis=0)
    assert_float64_sums(data.expression, total.clip(lower=0))
    assert (total < 0).any(axis=None), "some genes are cut"


def test_shares_are_mean_squares_in_units_of_the_gene(large):
    _, truth = large
    assert truth.shares == pytest.approx({"cis": 0.35, "program": 0.25, "interaction": 0.1, "noise": 0.3})
    for part in ("cis", "program", "interaction"):
        assert np.mean(standardised(truth, part) ** 2, axis=None) == pytest.approx(truth.shares[part])
    noise = np.mean(standardised(truth, "noise") ** 2, axis=None)
    assert_within(noise, 0.3, 0.018, "noise is drawn, not rescaled: a mean of 9600 squares has an SD of 0.004")


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
        values = large[1][part]
        assert_float64_sums(values.sum(axis=1), 0, summed=values.abs().sum(axis=1))


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
    """A slow loop over genes and peaks with the effects and the signal that are returned."""
    data, truth = make_paired_openness(12, 6, n_lineages=2, n_peaks=600, random_state=5)
    signal = truth.signal.to_numpy(dtype=np.float64)
    log_signal = np.log1p(signal / signal.mean(axis=0))
    z = (log_signal - log_signal.mean(axis=1, keepdims=True)) / log_signal.std(axis=1, keepdims=True)
    bands = list(truth.weights[["from_bp", "to_bp", "effect"]].itertuples(index=False, name=None))
    expected = np.zeros((12, 6))
    for g, gene in enumerate(data.genes.itertuples()):
        for p, peak in enumerate(data.peaks.itertuples()):
            distance = abs((peak.start + peak.end) // 2 - gene.tss)
            effect = sum(e for low, high, e in bands if low <= distance < high)
            expected[g] += effect * z[p] * (peak.chrom == gene.chrom)
    assert np.abs(expected).max() > 0.5
    assert_float32_sums(standardised(truth, "cis"), expected)  # of a signal that is returned in float32


def test_program_is_loadings_times_the_state_of_the_cell_type(large):
    _, truth = large
    state = truth.cell_state - truth.cell_state.mean()
    assert_float64_sums(standardised(truth, "program"), truth.loadings @ state.T)


def test_weights_fall_with_distance(large):
    weights = large[1].weights
    assert (weights["from_bp"].iloc[1:].to_numpy() == weights["to_bp"].iloc[:-1].to_numpy()).all()
    assert weights["from_bp"].iloc[0] == 0
    assert weights["weight"].iloc[0] > 10 * weights["weight"].iloc[-1] > 0
    ratio = weights["effect"] / weights["weight"]
    assert ratio.to_numpy() == pytest.approx(ratio.iloc[0])


@pytest.mark.parametrize("signal", ["fold", "counts"])
def test_cis_in_bands_is_linear_in_the_measured_openness_of_the_binner(signal):
    """By another implementation: the binner's own features, centred twice, give the planted part exactly."""
    edges = symmetric_edges([0, 500, 3_000, 20_000, 150_000])
    data, truth = make_paired_openness(60, 8, cis_bands=edges, signal=signal, random_state=2)
    log_openness = np.log1p(TSSBinner(edges=edges).fit_transform(data.pairs()).dense(dtype=np.float64)).reshape(
        60, 8, 8
    )
    z = log_openness - log_openness.mean(axis=1, keepdims=True)
    z -= z.mean(axis=0)
    z /= np.sqrt(np.mean(z**2, axis=(0, 1)))
    assert_float32_sums(z @ truth.weights["effect"].to_numpy(), standardised(truth, "cis"))
    assert np.mean(standardised(truth, "cis") ** 2, axis=None) == pytest.approx(truth.shares["cis"])
    assert truth.weights["from_bp"].tolist() == edges[:-1].tolist()
    # Middles at 250 bp, 1,750, 11,500 and 85,000 bp on both sides: weights of the report's profile there.
    assert truth.weights["weight"].tolist() == [0.006, 0.030, 0.051, 0.066, 0.066, 0.051, 0.030, 0.006]


def test_cis_in_bands_changes_nothing_else():
    (one, by_peak), (two, in_bands) = (make_paired_openness(20, 6, cis_bands=bands) for bands in (None, [-999, 0, 999]))
    np.testing.assert_array_equal(one.openness, two.openness)
    assert_exact(by_peak.program, in_bands.program)
    assert (by_peak.cis - in_bands.cis).abs().to_numpy().max() > 0.1


def test_bands_beyond_the_profile_carry_no_weight():
    _, truth = make_paired_openness(20, 6, cis_bands=[0, 1_000, 700_000])
    assert truth.weights["weight"].tolist() == [0.066, 0.0]


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


def test_fold_is_the_true_signal_where_it_reaches_the_threshold(large):
    data, truth = large
    signal = truth.signal.to_numpy()
    np.testing.assert_array_equal(data.openness, np.where(signal >= 1.5, signal, 0))
    assert signal.min() > 0
    assert signal.max() < 500
    assert (data.openness > 0).any(axis=1).all(), "a peak is open somewhere, or it would not have been called"
    assert np.mean(data.expression == 0) > 0.002


def test_promoters_are_the_peaks_within_1_kb_of_a_tss():
    data, truth = make_paired_openness(20, 4, random_state=4)
    tss = {chrom: rows["tss"].to_numpy() for chrom, rows in data.genes.groupby("chrom")}
    middles = zip(data.peaks["chrom"], data.peaks["start"] + 250, strict=True)
    expected = [np.abs(tss[chrom] - middle).min() < 1_000 for chrom, middle in middles]
    assert truth.promoter.tolist() == expected
    assert 0 < sum(expected) < 60


def test_promoters_of_active_genes_are_open_most_widely(large):
    data, truth = large
    at_tss = TSSBinner(edges=[-1_000, 1_000]).fit_transform(data.pairs()).dense().reshape(400, 24)
    assert np.corrcoef(np.log1p(at_tss).mean(axis=1), truth.gene_mean)[0, 1] > 0.3


def test_genes_and_peaks_are_clumped(large):
    # The median gap is 0.36 of the mean in human TSSs, 0.32 in peaks of blood, and ln 2 = 0.69 in a Poisson process.
    data, _ = large
    for table, column in ((data.genes, "tss"), (data.peaks, "start")):
        gaps = table.groupby("chrom", sort=False)[column].diff().dropna()
        assert gaps.median() < 0.5 * gaps.mean()
        assert (gaps > 0).all()


@pytest.mark.parametrize("n_peaks", [1, 30, 777, 5_000])
def test_as_many_peaks_as_asked_for(n_peaks):
    data, truth = make_paired_openness(40, 4, n_chromosomes=1, n_peaks=n_peaks)
    assert data.openness.shape == (n_peaks, 4)
    assert len(truth.promoter) == len(truth.signal) == n_peaks


def test_promoters_come_before_other_peaks_where_peaks_are_few():
    data, truth = make_paired_openness(40, 4, n_peaks=20)
    assert truth.promoter.all()
    assert data.peaks["chrom"].nunique() == 4, "they are drawn from all genes"
    assert make_paired_openness(40, 4, n_chromosomes=1, n_peaks=2_000)[1].promoter.sum() < 100


def test_a_crowded_genome_is_filled_to_its_room():
    with pytest.raises(ValueError, match=r"n_peaks must lie in 1 \.\. \d+ on a genome of this size") as refusal:
        make_paired_openness(40, 2, n_lineages=1, n_chromosomes=1, n_peaks=10**6)
    room = int(re.search(r"\.\. (\d+)", str(refusal.value)).group(1))
    data, _ = make_paired_openness(40, 2, n_lineages=1, n_chromosomes=1, n_peaks=room)
    assert len(data.peaks) == room


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


def test_sisters_are_most_alike_and_the_last_cell_type_is_far(large):
    data, truth = large
    assert truth.tree["lineage"].tolist() == data.cell_types["lineage"].tolist()
    assert truth.tree["sisters"].value_counts().tolist() == [2] * 12
    assert truth.tree.groupby("sisters")["lineage"].nunique().eq(1).all()
    lineage, sisters = (truth.tree[level].to_numpy() for level in ("lineage", "sisters"))
    other = ~np.eye(24, dtype=bool)
    other[-1] = other[:, -1] = False
    same_lineage = (lineage[:, None] == lineage) & (sisters[:, None] != sisters) & other
    same_sisters = (sisters[:, None] == sisters) & other
    openness, expression = (np.corrcoef(values.T) for values in (np.log1p(data.openness), data.expression))
    for r in (openness, expression):
        assert r[same_sisters].mean() > r[same_lineage].mean() + 0.02
    assert openness.mean(axis=0).argmin() == 23


def test_states_of_a_lineage_are_alike(large):
    # Variances are 0.76 between and 0.24 within lineages; without sharing, means of six would have a ratio of 1 / 6.
    data, truth = large
    by_lineage = truth.cell_state.groupby(data.cell_types["lineage"].to_numpy())
    assert by_lineage.mean().var().mean() > 0.5 * by_lineage.var().mean().mean()


def test_states_of_sisters_are_most_alike():
    # Expected squared differences: 0.16 + 0.08 against 0.08, twice each; the far cell type has no sisters here.
    state = make_paired_openness(5, 24, n_programs=40)[1].cell_state.to_numpy()
    sisters, cousins = state[0:4:2] - state[1:4:2], state[0:2] - state[2:4]
    assert np.mean(sisters**2) < 0.5 * np.mean(cousins**2)


@pytest.mark.slow
def test_states_move_openness_all_over_the_genome():
    """Log signal follows the state more than that of other seeds, which lineages also share."""
    runs = [make_paired_openness(100, 24, n_programs=1, random_state=seed)[1] for seed in range(8)]
    states = [run.cell_state[0].to_numpy() for run in runs]

    def explained(run, state):
        log_signal = np.log(run.signal.to_numpy()[~run.promoter])
        return np.mean(np.corrcoef(np.vstack([state, log_signal]))[0, 1:] ** 2)

    own = np.mean([explained(run, state) for run, state in zip(runs, states, strict=True)])
    others = np.mean([explained(run, states[k - 1]) for k, run in enumerate(runs)])
    assert own > others + 0.05


def test_corrupted_column_is_noisier_and_the_rest_is_not_changed():
    law = {"cis_share": 0.35, "program_share": 0.25, "random_state": 2}
    clean, _ = make_paired_openness(300, 6, **law)
    data, truth = make_paired_openness(300, 6, **law, corrupted=4, corruption=4.0)
    assert truth.corrupted == "cell004"
    others = [0, 1, 2, 3, 5]
    np.testing.assert_array_equal(data.expression[:, others], clean.expression[:, others])
    np.testing.assert_array_equal(data.openness, clean.openness)
    noise = (standardised(truth, "noise") ** 2).mean()
    wanted = np.where(noise.index == truth.corrupted, 0.4 + 4**2, 0.4)
    assert_within(noise / wanted, 1, 0.35, "variances of 300 genes have an SD of 8 %")


def test_first_column_may_be_corrupted():
    assert make_paired_openness(20, 4, corrupted=0)[1].corrupted == "cell000"


def test_a_seed_gives_the_same_data_again_and_another_gives_others():
    one, again, two = (make_paired_openness(30, 5, random_state=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one[0].expression, again[0].expression)
    np.testing.assert_array_equal(one[0].openness, again[0].openness)
    assert_exact(one[0].peaks, again[0].peaks)
    assert_exact(one[1].cis, again[1].cis)
    assert not np.array_equal(one[0].expression, two[0].expression)


def test_no_seed_gives_new_data_each_time():
    one, two = (make_paired_openness(10, 4, random_state=None)[0] for _ in range(2))
    assert not np.array_equal(one.expression, two.expression)


def test_global_random_state_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    make_paired_openness(10, 4)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize(
    ("n_genes", "n_cell_types", "n_chromosomes", "n_lineages"), [(4, 4, 4, 4), (3, 2, 1, 1), (2, 3, 1, 1), (1, 1, 1, 1)]
)
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
        ({"n_peaks": 0}, r"n_peaks must lie in 1 \.\. \d+ .*, got 0"),
        ({"signal": "reads"}, 'signal must be "fold" or "counts", got \'reads\''),
        ({"openness_depth": 0}, "openness_depth must be a positive number of reads a peak, got 0"),
        ({"openness_depth": np.nan}, "openness_depth must be a positive number"),
        ({"cis_bands": [0.0, 1.0]}, "cis_bands must be at least two increasing whole numbers"),
        ({"cis_bands": [1_000, 0]}, r"cis_bands must be .* got \[1000, 0\]"),
        ({"cis_bands": [400_000, 900_000]}, "no middle of cis_bands lies within 200,000 bp"),
    ],
)
def test_wrong_settings(wrong, match):
    with pytest.raises(ValueError, match=match):
        make_paired_openness(10, 6, **wrong)


def test_more_genes_than_a_chromosome_holds():
    with pytest.raises(ValueError, match=r"20000 genes on n_chromosomes=1 reach beyond position 2147483647"):
        make_paired_openness(20_000, 1, n_lineages=1, n_chromosomes=1)


# --- openness as read counts


@pytest.fixture(scope="module")
def counted():
    return make_paired_openness(60, 12, signal="counts", random_state=1)


def test_counts_are_poisson_reads_of_the_true_signal(counted):
    """Standardised residuals have mean 0 and variance 1, at promoters and elsewhere.

    Where one read or more is expected, because squares of fewer have a heavy tail; 500 squares have an SE of 0.07.
    """
    data, truth = counted
    expected = (truth.signal / truth.signal.sum() * truth.openness_depth).to_numpy()
    residual = (data.openness - expected) / np.sqrt(expected)
    assert (data.openness == np.round(data.openness)).all()
    for peaks in (truth.promoter.to_numpy(), ~truth.promoter.to_numpy()):
        drawn = residual[peaks][expected[peaks] > 1]
        assert drawn.size > 500
        assert_within(drawn.mean(), 0, 5 / np.sqrt(drawn.size), "five standard errors of a mean")
        assert_within(np.mean(drawn**2), 1, 0.2, "a mean of 500 squares has an SE of 0.07")


def test_depth_is_reads_a_peak(counted):
    data, truth = counted
    assert_within(data.openness.mean(), 20, 6, "twelve libraries with an SD of 30 % around 20")
    spread = truth.openness_depth.std() / truth.openness_depth.mean()
    assert_within(spread, 0.3, 0.2, "twelve libraries with an SD of 30 % around 20")
    shallow, _ = make_paired_openness(60, 12, signal="counts", openness_depth=0.5, random_state=1)
    assert_within(shallow.openness.mean() * 40 / data.openness.mean(), 1, 0.02, "over 10,000 reads, drawn anew")
    assert np.mean(shallow.openness == 0) > np.mean(data.openness == 0) + 0.3


def test_the_scale_of_openness_does_not_change_the_rest(counted):
    data, truth = counted
    fold, same = make_paired_openness(60, 12, random_state=1)
    np.testing.assert_array_equal(data.expression, fold.expression)
    assert_exact(data.peaks, fold.peaks)
    assert_exact(truth.signal, same.signal)
    assert same.openness_depth is None


def test_deep_counts_follow_the_fold(counted):
    deep, truth = make_paired_openness(60, 12, signal="counts", openness_depth=1e5, random_state=1)
    per_fold = deep.openness / truth.openness_depth.to_numpy()
    wanted = (truth.signal / truth.signal.sum()).to_numpy()
    high = truth.signal.to_numpy() > 1.5
    assert_within(per_fold[high] / wanted[high], 1, 0.05, "counts of over 10,000 reads have an SD below 1 %")


# --- expression as read counts


@pytest.fixture(scope="module")
def expression(large):
    return pd.DataFrame(large[0].expression, large[0].genes["name"], large[0].cell_types["name"])


def test_columns_are_cell_types_and_replicates(expression):
    counts, library_size = make_read_counts(expression, n_replicates=2)
    assert counts.columns.names == ["cell_type", "replicate"]
    assert counts.columns.tolist() == [(cell, r) for cell in expression.columns for r in (1, 2)]
    assert counts.index.equals(expression.index)
    assert library_size.index.equals(counts.columns)
    assert (counts.dtypes == np.int64).all()
    assert not counts["cell000"][1].equals(counts["cell000"][2])


def test_log_cpm_of_deep_libraries_is_the_given_expression(expression):
    counts, library_size = make_read_counts(expression, depth=1e12, n_replicates=1, dispersion=0)
    log_cpm = np.log1p(counts / library_size * 1e6)
    assert_within(log_cpm.to_numpy(), expression.to_numpy(), 5e-3, "reads are drawn, a million to one CPM")


@pytest.mark.parametrize("dispersion", [0, 0.2, 1.0])
def test_variance_of_counts_is_that_of_the_negative_binomial(dispersion):
    # 20,000 genes of equal expression: mu is known, and the SE of the variance at dispersion 1 is about 2 %.
    counts, library_size = make_read_counts(np.full((20_000, 1), 4.0), n_replicates=2, dispersion=dispersion)
    mean = library_size.to_numpy() * np.expm1(4.0) / 1e6
    assert_within(counts.mean() / mean, 1, 0.04, "a mean of 20,000 counts has an SE below 1 %")
    assert_within(counts.var() / (mean + dispersion * mean**2), 1, 0.1, "a variance of 20,000 counts has an SE of 2 %")


def test_library_sizes_vary_around_the_depth(expression):
    _, library_size = make_read_counts(expression, depth=2e6, n_replicates=20)
    assert_within(library_size.mean() / 2e6, 1, 0.07, "a mean of 480 libraries has an SE of 2 %")
    assert_within(np.log(library_size).std(), 0.42, 0.05, "the SD of 480 libraries has an SE of 0.014")


def test_a_silent_gene_has_no_reads_and_arrays_get_names():
    counts, _ = make_read_counts([[0.0, 9.0], [9.0, 0.0]], n_replicates=1)
    assert counts.index.tolist() == ["gene00000", "gene00001"]
    assert counts.columns.tolist() == [("cell000", 1), ("cell001", 1)]
    assert (counts.to_numpy() > 0).tolist() == [[False, True], [True, False]]


def test_a_seed_gives_the_same_counts_again_and_another_gives_others(expression):
    one, again, two = (make_read_counts(expression, random_state=seed) for seed in (1, 1, 2))
    assert_exact(one[0], again[0])
    assert_exact(one[1], again[1])
    assert not one[0].equals(two[0])


def test_expression_is_left_as_it_was(expression):
    before = expression.copy()
    make_read_counts(expression)
    assert_exact(expression, before)


@pytest.mark.parametrize(
    ("values", "wrong", "match"),
    [
        ([[-0.1]], {}, "expression must be a table of finite values"),
        ([[np.nan]], {}, "expression must be a table of finite values"),
        ([[np.inf]], {}, "expression must be a table of finite values"),
        (np.empty((0, 3)), {}, "expression must be a table of finite values"),
        ([[1.0]], {"depth": 0}, "depth must be a positive number of reads, got 0"),
        ([[1.0]], {"depth": np.inf}, "depth must be a positive number of reads, got inf"),
        ([[1.0]], {"n_replicates": 0}, "n_replicates must be 1 or more, got 0"),
        ([[1.0]], {"dispersion": -0.1}, "dispersion must be 0 or greater, got -0.1"),
        ([[1.0]], {"dispersion": np.nan}, "dispersion must be 0 or greater, got nan"),
    ],
)
def test_counts_that_cannot_be_drawn(values, wrong, match):
    with pytest.raises(ValueError, match=match):
        make_read_counts(values, **wrong)
