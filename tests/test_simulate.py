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


def slow_cis(genes, peaks, signal, weights):
    """A slow loop over genes and peaks with the effects and the signal that are returned."""
    log_signal = np.log1p(signal / signal.mean(axis=0))
    z = (log_signal - log_signal.mean(axis=1, keepdims=True)) / log_signal.std(axis=1, keepdims=True)
    bands = list(weights[["from_bp", "to_bp", "effect"]].itertuples(index=False, name=None))
    total = np.zeros((len(genes), signal.shape[1]))
    for g, gene in enumerate(genes.itertuples()):
        for p, peak in enumerate(peaks.itertuples()):
            distance = abs((peak.start + peak.end) // 2 - gene.tss)
            effect = sum(e for low, high, e in bands if low <= distance < high)
            total[g] += effect * z[p] * (peak.chrom == gene.chrom)
    return total


def test_cis_is_the_weighted_sum_of_standardised_peaks():
    data, truth = make_paired_openness(12, 6, n_lineages=2, n_peaks=600, random_state=5)
    expected = slow_cis(data.genes, data.peaks, truth.signal.to_numpy(dtype=np.float64), truth.weights)
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


@pytest.mark.parametrize("measure", ["fold", "counts"])
def test_cis_in_bands_is_linear_in_the_measured_openness_of_the_binner(measure):
    """By another implementation: the binner's own features, centred twice, give the planted part exactly."""
    edges = symmetric_edges([0, 500, 3_000, 20_000, 150_000])
    data, truth = make_paired_openness(60, 8, cis_bands=edges, measure=measure, random_state=2)
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
        ({"measure": "reads"}, 'measure must be "fold" or "counts", got \'reads\''),
        ({"openness_depth": 0}, "openness_depth must be a positive number of reads per peak, got 0"),
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


# --- several signals

SHARES = {"ATAC": 0.6, "H3K27ac": 0.4, "input": 0.0}


@pytest.fixture(scope="module")
def several():
    return make_paired_openness(
        200, 16, cis_share=0.5, program_share=0.2, interaction_share=0.1, signals=SHARES, random_state=3
    )


def rows_of(data, signal):
    return (data.peaks["signal"] == signal).to_numpy()


def test_each_signal_carries_its_share_of_the_cis_part(several):
    data, truth = several
    assert list(data.signals) == list(truth.cis_of) == list(truth.signal_shares) == list(SHARES)
    for name, share in SHARES.items():
        of_signal = truth.cis_of[name].div(truth.gene_sd, axis=0)
        assert np.mean(of_signal**2, axis=None) == pytest.approx(share * 0.5)
    assert_float64_sums(truth.cis, sum(truth.cis_of.values()))
    assert np.mean(standardised(truth, "interaction") ** 2, axis=None) == pytest.approx(0.1)


@pytest.mark.parametrize("cis_bands", [None, [-5_000, 0, 5_000]], ids=["peaks", "bands"])
def test_cis_parts_of_signals_are_nearly_independent(cis_bands):
    for seed in range(3):
        _, truth = make_paired_openness(signals={"a": 0.5, "b": 0.5}, cis_bands=cis_bands, random_state=seed)
        parts = [part.div(truth.gene_sd, axis=0).to_numpy().ravel() for part in truth.cis_of.values()]
        # Over eight seeds r has a mean of 0.02 and an SD of 0.02; it is 0.15 where means of cell types are left in.
        assert_within(np.corrcoef(parts)[0, 1], 0, 0.1, "four SDs of a chance correlation")


def test_cis_of_a_signal_is_the_weighted_sum_of_its_own_peaks_less_means_of_cell_types():
    data, truth = make_paired_openness(12, 6, n_lineages=2, n_peaks=600, signals={"a": 0.3, "b": 0.7}, random_state=5)
    assert list(truth.weights)[:3] == ["signal", "from_bp", "to_bp"]
    for name in data.signals:
        rows, weights = rows_of(data, name), truth.weights[truth.weights["signal"] == name]
        expected = slow_cis(data.genes, data.peaks[rows], truth.signal.to_numpy(dtype=np.float64)[rows], weights)
        common = expected.mean(axis=0)
        assert np.abs(common).max() > 0.05
        assert_float32_sums(truth.cis_of[name].div(truth.gene_sd, axis=0), expected - common)


def test_cis_in_bands_of_signals_is_linear_in_the_measured_openness_of_the_binner():
    edges = symmetric_edges([0, 500, 3_000, 20_000])
    data, truth = make_paired_openness(60, 8, cis_bands=edges, signals=SHARES, random_state=2)
    binned = TSSBinner(edges=edges).fit_transform(data.pairs())
    for name in data.signals:
        columns = np.flatnonzero(binned.columns["signal"] == name)
        z = np.log1p(binned.dense(dtype=np.float64)[:, columns]).reshape(60, 8, 6)
        z = z - z.mean(axis=1, keepdims=True)
        z -= z.mean(axis=0)
        z /= np.sqrt(np.mean(z**2, axis=(0, 1)))
        effect = truth.weights.loc[truth.weights["signal"] == name, "effect"].to_numpy()
        assert_float32_sums(z @ effect, truth.cis_of[name].div(truth.gene_sd, axis=0))
        assert effect.any() == (SHARES[name] > 0)


def test_signals_have_peaks_of_their_own(several):
    data, truth = several
    places = [set(data.peaks.loc[rows_of(data, name), ["chrom", "start"]].itertuples(index=False)) for name in SHARES]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        # Peaks at the TSS of a gene fall into few windows of 500 bp, and some peaks elsewhere meet by chance.
        assert len(places[one] & places[other]) < 0.15 * min(len(places[one]), len(places[other]))
    assert len(data.peaks) == len(truth.signal) == len(truth.promoter) == sum(map(len, places))
    kept = np.where(truth.signal.to_numpy() >= 1.5, truth.signal, 0)
    assert_exact(data.openness, kept.astype(np.float32))


def test_promoters_are_those_of_each_signal(several):
    data, truth = several
    middle = data.peaks["start"].to_numpy() + 250
    for chrom, rows in data.peaks.groupby("chrom").indices.items():
        tss = data.genes.loc[data.genes["chrom"] == chrom, "tss"].to_numpy()
        nearest = np.abs(middle[rows][:, None] - tss).min(axis=1)
        assert_exact(truth.promoter.to_numpy()[rows], nearest < 1_000)
    assert all(truth.promoter[rows_of(data, name)].any() for name in data.signals)


@pytest.mark.parametrize("settings", [{}, {"interaction_share": 0.1}, {"measure": "counts", "cis_bands": [0, 5_000]}])
def test_one_signal_with_a_name_is_the_data_without_a_name(settings):
    (one, truth), (named, same) = (
        make_paired_openness(30, 6, signals=signals, **settings) for signals in (None, {"ATAC": 1.0})
    )
    assert truth.signal_shares == {"openness": 1.0}
    assert named.signals == ("ATAC",)
    for attribute in ("openness", "expression", "genes", "cell_types"):
        assert_exact(getattr(named, attribute), getattr(one, attribute))
    assert_exact(named.peaks.drop(columns="signal"), one.peaks)
    for table in (*PARTS, "signal", "promoter", "cell_state"):
        assert_exact(same[table], truth[table])
    assert_exact(same.cis_of["ATAC"], truth.cis_of["openness"])
    assert_exact(same.cis_of["ATAC"], truth.cis)
    assert_exact(same.weights.drop(columns="signal"), truth.weights)


@pytest.mark.parametrize("settings", [{}, {"measure": "counts", "cis_bands": [0, 5_000], "interaction_share": 0.1}])
def test_a_signal_of_noise_changes_nothing_else(settings):
    (data, truth), (more, same) = (
        make_paired_openness(30, 6, signals=signals, **settings)
        for signals in ({"ATAC": 0.5, "H3K27ac": 0.5}, {"ATAC": 0.5, "H3K27ac": 0.5, "input": 0.0})
    )
    assert_exact(more.expression, data.expression)
    kept = ~rows_of(more, "input")
    assert_exact(more.peaks[kept], data.peaks)
    assert_exact(more.openness[kept], data.openness)
    assert_exact(same.cis, truth.cis)
    assert not same.cis_of["input"].to_numpy().any()
    assert same.signal_shares["input"] == 0


def test_noise_is_a_signal_whose_cell_types_are_shuffled():
    (with_share, truth), (noise, shuffled) = (
        make_paired_openness(30, 12, signals=signals) for signals in ({"a": 0.5, "b": 0.5}, {"a": 1.0, "b": 0.0})
    )
    rows = rows_of(with_share, "b")
    assert_exact(noise.peaks, with_share.peaks)
    one, other = truth.signal[rows].to_numpy(), shuffled.signal[rows].to_numpy()
    source = [np.flatnonzero((one == column[:, None]).all(axis=0)).item() for column in other.T]
    assert sorted(source) == list(range(12)) != source
    assert_exact(noise.openness[rows], with_share.openness[rows][:, source])
    assert_exact(noise.openness[~rows], with_share.openness[~rows])


def test_signals_are_the_same_for_a_seed_and_others_for_another():
    one, again, two = (make_paired_openness(20, 5, signals=SHARES, random_state=seed) for seed in (1, 1, 2))
    assert_exact(one[0].openness, again[0].openness)
    assert_exact(one[0].expression, again[0].expression)
    assert_exact(one[0].peaks, again[0].peaks)
    assert not np.array_equal(one[0].expression, two[0].expression)


def test_reads_of_each_signal_have_a_depth_of_their_own():
    data, truth = make_paired_openness(60, 6, signals=SHARES, measure="counts", random_state=1)
    assert list(truth.openness_depth) == list(SHARES)
    for name in SHARES:
        drawn = data.openness[rows_of(data, name)].sum(axis=0)
        assert_within(drawn / truth.openness_depth[name], 1, 0.05, "over 5,000 reads have a Poisson SD below 1.5 %")
    assert truth.openness_depth.corr().abs().to_numpy().min() < 0.9


@pytest.mark.parametrize("signals", [None, SHARES])
def test_classes_of_peaks_are_promoter_and_distal(signals):
    data, truth = make_paired_openness(20, 4, n_peaks=300, signals=signals, peak_classes=True)
    assert list(data.peak_features) == ["class:distal", "class:promoter"]
    assert_exact(data.peak_features["class:promoter"].to_numpy() == 1, truth.promoter.to_numpy())
    assert (data.peak_features.sum(axis=1) == 1).all()
    assert make_paired_openness(20, 4, n_peaks=300, signals=signals)[0].peak_features is None


@pytest.mark.parametrize("n_peaks", [1, 300])
def test_as_many_peaks_as_asked_for_in_each_signal(n_peaks):
    data, _ = make_paired_openness(40, 4, n_chromosomes=1, n_peaks=n_peaks, signals=SHARES)
    assert data.peaks["signal"].value_counts(sort=False).to_dict() == dict.fromkeys(SHARES, n_peaks)


def test_shares_of_signals_are_added_up_with_their_rounding():
    _, truth = make_paired_openness(10, 4, n_peaks=90, signals=dict.fromkeys("abcdefghij", 0.1))
    assert len(truth.cis_of) == 10


@pytest.mark.parametrize(
    "signals",
    [{}, {"a": 0.5}, {"a": 1.5, "b": -0.5}, {"a": np.nan, "b": 1}, {"a": np.inf}, {"a": 0.6, "b": 0.6}, ["a"]],
)
def test_shares_of_signals_that_do_not_add_up(signals):
    with pytest.raises(ValueError, match=r"signals must be a dict of shares .* add up to 1, got"):
        make_paired_openness(10, 6, signals=signals)


# --- openness as read counts


@pytest.fixture(scope="module")
def counted():
    return make_paired_openness(60, 12, measure="counts", random_state=1)


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
    shallow, _ = make_paired_openness(60, 12, measure="counts", openness_depth=0.5, random_state=1)
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
    deep, truth = make_paired_openness(60, 12, measure="counts", openness_depth=1e5, random_state=1)
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
