"""Correlation of links against matched peaks: by hand, against NumPy, and calibrated on pairs that are no links."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_exact, assert_float32_sums, assert_float64_sums
from scipy.stats import false_discovery_control
from several_signals import several_signals

from skepi.datasets import make_linked_openness, make_paired_openness
from skepi.exceptions import MissingExpressionError, TableError, UnknownNameError, UnmatchedDataError
from skepi.inspection import _link_correlation, correlate_links, score_links
from skepi.inspection._matched_peaks import matched_rows, quantile_groups, strata_of
from skepi.inspection._null_tails import NullTails
from skepi.paired import PairedDataset


@pytest.fixture(scope="module")
def simulated():
    return make_linked_openness(100, 12, n_lineages=3, n_chromosomes=3)


@pytest.fixture(scope="module")
def links(simulated):
    return score_links(simulated[0], min_distance=20_000, max_distance=200_000)


@pytest.fixture(scope="module")
def correlated(simulated, links):
    return correlate_links(simulated[0], links, n_matched=60)


def test_r_is_the_correlation_of_log_openness_with_expression(simulated, correlated):
    data = simulated[0]
    profile = np.log1p(data.openness / data.openness.mean(axis=0, dtype=float))
    place = {key: k for k, key in enumerate(zip(data.peaks["chrom"], data.peaks["start"], strict=True))}
    gene = {name: k for k, name in enumerate(data.genes["name"])}
    some = correlated.sample(60, random_state=0)
    for row in some.itertuples():
        x, y = profile[place[row.chrom, row.start]], data.expression[gene[row.gene]]
        if np.ptp(x) == 0 or np.ptp(y) == 0:
            assert np.isnan(row.r)
        else:
            assert_float32_sums(row.r, np.corrcoef(x, y)[0, 1], summed=1)


def test_columns_are_added_and_the_rest_stays(links, correlated):
    assert correlated.columns.tolist() == [*links.columns, "r", "z", "p", "fdr"]
    assert_exact(correlated[links.columns], links)
    known = correlated["p"].notna()
    assert known.mean() > 0.9
    assert correlated["p"][known].between(0, 1, inclusive="right").all()
    assert_exact(correlated["fdr"][known].to_numpy(), false_discovery_control(correlated["p"][known].to_numpy()))
    assert correlated.loc[~known, ["z", "fdr"]].isna().all(axis=None)


def test_planted_links_correlate_better_than_others(simulated, correlated):
    planted = simulated[1].links.assign(planted=True).drop(columns="distance_bp")
    keys = ["chrom", "start", "end", "gene"]
    found = correlated.astype({"chrom": object, "gene": object}).merge(planted, how="left", on=keys)
    own = found["planted"].notna()
    assert own.sum() > 100
    assert found["z"][own].mean() > found["z"][~own].mean() + 0.15
    assert (found["p"][own] < 0.05).mean() > 1.2 * (found["p"][~own] < 0.05).mean()


def test_p_is_uniform_for_peaks_on_other_chromosomes():
    # Lineages make any peak correlate with any gene; the matched peaks know that. The SD of a share of 0.05 over 20,000
    # independent pairs is 0.0015; pairs share genes and peaks, so that it is greater here.
    data, _ = make_paired_openness(200, 14, n_lineages=3, n_chromosomes=4)
    rng = np.random.default_rng(0)
    gene, peak = rng.integers(len(data.genes), size=40_000), rng.integers(len(data.peaks), size=40_000)
    apart = data.genes["chrom"].to_numpy()[gene] != data.peaks["chrom"].to_numpy()[peak]
    pairs = data.peaks.iloc[peak[apart]].assign(gene=data.genes["name"].to_numpy()[gene[apart]])
    p = correlate_links(data, pairs, n_matched=100)["p"].dropna()
    assert p.size > 20_000
    for limit in (0.5, 0.1, 0.05, 0.01):
        assert 0.7 * limit < (p < limit).mean() < 1.3 * limit


def test_matched_peaks_lie_on_other_chromosomes(simulated):
    # On chr1 all peaks follow the expression of its genes, which is one profile. The null of a gene of chr1 knows
    # nothing of them; that of a gene of chr2, which has the same profile, holds them and is wide.
    data, rng = simulated[0], np.random.default_rng(0)
    profile = rng.normal(size=12)
    expression = 3 + 0.2 * rng.normal(size=data.expression.shape) + profile
    near = (data.peaks["chrom"] == "chr1").to_numpy()
    log = np.where(near[:, None], profile, rng.permuted(np.tile(profile, (near.size, 1)), axis=1))
    openness = 100 * np.exp(log + 0.1 * rng.normal(size=log.shape))
    same = PairedDataset(openness, data.peaks, data.genes, expression, data.cell_types)
    of_genes = data.genes.set_index("name")["chrom"]
    pairs = pd.concat([data.peaks[near][:40].assign(gene=gene) for gene in of_genes.index])
    z = correlate_links(same, pairs, n_matched=100, depth=None)["z"].groupby(pairs["gene"].map(of_genes).to_numpy())
    assert z.median()["chr1"] > 3
    assert z.median()["chr2"] < 2.5


def test_blocks_do_not_change_what_is_found(simulated, links, correlated, monkeypatch):
    monkeypatch.setattr(_link_correlation, "_BLOCK_VALUES", 5_000)
    blocks = correlate_links(simulated[0], links, n_matched=60)
    assert_float32_sums(blocks["r"].to_numpy(), correlated["r"].to_numpy(), summed=1)
    plain = (correlated["r"].abs() < 0.9) & (correlated["z"].abs() < 5)  # else rounding is amplified by more
    assert plain.mean() > 0.8
    assert_float32_sums(blocks["z"][plain].to_numpy(), correlated["z"][plain].to_numpy(), condition=50)


def test_the_same_state_draws_the_same_peaks(simulated, links, correlated):
    assert_exact(correlate_links(simulated[0], links, n_matched=60), correlated)
    other = correlate_links(simulated[0], links, n_matched=60, random_state=1)
    assert (other["z"] - correlated["z"]).abs().max() > 0.01
    assert_exact(other["r"].to_numpy(), correlated["r"].to_numpy())


def test_gc_of_peaks_is_matched_too(simulated, links):
    data, gc = simulated[0], np.random.default_rng(0).random(len(simulated[0].peaks))
    by_array = correlate_links(data, links, n_matched=20, gc=gc)
    assert_exact(correlate_links(data, links, n_matched=20, gc=pd.Series(gc, data.peaks.index)), by_array)
    assert (by_array["z"] - correlate_links(data, links, n_matched=20)["z"]).abs().max() > 0.01
    with pytest.raises(TableError, match=r"gc: the index is not that of data\.peaks"):
        correlate_links(data, links, gc=pd.Series(gc[::-1], data.peaks.index[::-1]))
    for bad in (gc[:-1], gc.astype(str)):
        with pytest.raises(TableError, match=f"gc: wanted one number for each of the {len(gc)} peaks, got"):
            correlate_links(data, links, gc=bad)
    for bad in (gc * 100, np.where(gc > 0.5, np.nan, gc)):
        with pytest.raises(TableError, match=r"gc: wanted shares in 0 .. 1"):
            correlate_links(data, links, gc=bad)


def test_what_does_not_vary_has_no_correlation(simulated):
    data = simulated[0]
    openness, expression = np.array(data.openness), data.expression.copy()
    scale = openness.mean(axis=0, dtype=np.float64)
    expression[0] = 3.0
    links = score_links(data, max_distance=100_000)
    flat = data.peaks.index[(data.peaks["chrom"] == "chr2")][5]
    openness[flat] = scale.astype(np.float32)
    constant = PairedDataset(openness, data.peaks, data.genes, expression, data.cell_types)
    found = correlate_links(constant, links, n_matched=30, depth=None)
    assert found[found["gene"] == data.genes["name"][0]][["r", "z", "p", "fdr"]].isna().all(axis=None)
    openness[flat] = 7.0
    constant = PairedDataset(openness, data.peaks, data.genes, expression, data.cell_types)
    found = correlate_links(constant, links, n_matched=30, depth=None)
    own = (found["chrom"] == "chr2") & (found["start"] == data.peaks["start"][flat])
    assert found[own]["r"].isna().all()
    assert found["r"].notna().mean() > 0.5


def test_bad_input_is_refused(simulated, links):
    data = simulated[0]
    with pytest.raises(TypeError, match="data: wanted a PairedDataset, got DataFrame"):
        correlate_links(links, data)
    alone = PairedDataset(data.openness, data.peaks, data.genes, cell_types=data.cell_types)
    with pytest.raises(MissingExpressionError, match="correlate_links needs expression, and this data set holds openn"):
        correlate_links(alone, links)
    few = PairedDataset(data.openness[:, :3], data.peaks, data.genes, data.expression[:, :3], data.cell_types[:3])
    with pytest.raises(ValueError, match="wanted 4 cell types or more, got 3"):
        correlate_links(few, links)
    for bad in (19, 20.5, True):
        with pytest.raises(ValueError, match=f"n_matched must be a whole number of 20 or more, got {bad}"):
            correlate_links(data, links, n_matched=bad)
    with pytest.raises(TableError, match=r"links: missing columns \['gene'\]"):
        correlate_links(data, links.drop(columns="gene"))
    with pytest.raises(UnmatchedDataError, match="links: genes that the data set does not hold: 'GATA1'"):
        correlate_links(data, links.assign(gene="GATA1"))
    with pytest.raises(UnmatchedDataError, match=rf"links: {len(links)} of {len(links)} have a peak that .* chr1:\d+-"):
        correlate_links(data, links.assign(start=links["start"] + 1))
    with pytest.raises(ValueError, match=r"genes of chr1: only .* matched peaks that vary lie on other chromosomes"):
        correlate_links(data, links, n_matched=100_000)
    with pytest.raises(ValueError, match=r"depth must be one of"):
        correlate_links(data, links, depth="sum")
    flat = PairedDataset(data.openness * 0 + 1, data.peaks, data.genes, data.expression, data.cell_types)
    with pytest.raises(ValueError, match="no peak varies over the cell types: there is nothing to correlate"):
        correlate_links(flat, links)
    with pytest.raises(UnknownNameError, match="no signal 'ATAC'"):
        correlate_links(data, links, signal="ATAC")


def test_links_of_a_signal_are_tested_against_peaks_of_that_signal():
    data = several_signals(n_genes=40)
    links = score_links(data, signal="ATAC", max_distance=100_000)
    rows = data.tables.peaks_of("ATAC")
    peaks = data.peaks.iloc[rows][["chrom", "start", "end"]]
    alone = PairedDataset(data.openness[rows], peaks, data.genes, data.expression, data.cell_types)
    found, wanted = (
        correlate_links(data, links, n_matched=20, signal="ATAC"),
        correlate_links(alone, links, n_matched=20),
    )
    assert_exact(found, wanted)
    with pytest.raises(ValueError, match="correlate_links reads one signal"):
        correlate_links(data, links)


# Matched peaks


@given(st.lists(st.tuples(st.integers(0, 2), st.floats(-5, 5)), min_size=1, max_size=40), st.integers(1, 5))
def test_quantile_groups_are_of_equal_size_and_in_order(rows, n_groups):
    within, values = (np.array(column) for column in zip(*rows, strict=True))
    groups = quantile_groups(values, within, n_groups)
    assert_exact(groups // n_groups, within)
    for one in np.unique(within):
        own, of = values[within == one], groups[within == one] % n_groups
        size = np.bincount(of, minlength=n_groups)
        assert size.max() - size.min() <= 1
        order = np.lexsort((of, own))
        assert all(own[of == k].max() <= own[of == m].min() for k in set(of) for m in set(of) if k < m)
        assert order.size == own.size


def test_matched_peaks_are_of_the_stratum_allowed_and_different(simulated):
    profile = np.log1p(simulated[0].openness)
    strata = strata_of(profile, profile.std(axis=1) > 0, None, 120)
    allowed = np.random.default_rng(1).random(strata.size) < 0.7
    rows = matched_rows(strata, allowed, 30, np.random.RandomState(0), "genes")
    assert rows.shape == (strata.max() + 1, 30)
    assert len(rows) > 4
    assert_exact(strata[rows], np.repeat(np.arange(len(rows)), 30).reshape(rows.shape))
    assert allowed[rows].all()
    assert np.unique(rows).size == rows.size
    # Peaks of a stratum are more alike than peaks are.
    mean, sd = profile.mean(axis=1), profile.std(axis=1)
    for values in (mean, sd):
        assert values[rows].std(axis=1).mean() < 0.6 * values.std()


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=30), st.floats(-60, 60))
def test_tails_count_the_values_that_lie_as_far_out(null, z):
    tails = NullTails(2)
    tails.add(np.ones(len(null), dtype=int), np.array(null))
    found = tails.p(np.array([1]), np.array([z]))[0]
    n, near = len(null), 0.004 * (1 + abs(z))  # bins are 0.2 % of 1 + |z| wide
    least = 2 * (1 + min(sum(v >= z for v in null), sum(v <= z for v in null))) / (1 + n)
    most = 2 * (1 + min(sum(v >= z - near for v in null), sum(v <= z + near for v in null))) / (1 + n)
    assert min(least, 1) <= found <= min(most, 1)
    assert_float64_sums(tails.p(np.array([0]), np.array([z])), 1.0)  # nothing is known of the other stratum
    assert np.isnan(tails.p(np.array([1]), np.array([np.nan]))).all()
