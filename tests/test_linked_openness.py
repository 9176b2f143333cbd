"""Simulated links: expression is what the truth says, and links follow the stated law."""

import numpy as np
import pytest
from promises import assert_exact, assert_float32_sums, assert_float64_sums, assert_within

from skepi.datasets import make_linked_openness, make_paired_openness
from skepi.datasets._links import _drawn


@pytest.fixture(scope="module")
def simulated():
    return make_linked_openness(100, 10, n_lineages=2, link_share=0.05)


def test_parts_add_up_to_expression(simulated):
    data, truth = simulated
    parts = truth.cis + truth.program + truth.interaction + truth.noise + truth.link
    wanted = np.maximum(truth.gene_mean.to_numpy()[:, None] + parts.to_numpy(), 0)
    assert_float64_sums(data.expression, wanted)
    assert_float64_sums(sum(truth.shares.values()), 1.0)
    size = np.mean((truth.link / truth.gene_sd.to_numpy()[:, None]).to_numpy() ** 2)
    assert_float64_sums(size, 0.05)


def test_all_but_links_and_noise_are_those_of_the_plain_simulation(simulated):
    data, truth = simulated
    plain, of_plain = make_paired_openness(100, 10, n_lineages=2)
    assert_exact(data.openness, plain.openness)
    for name in ("cis", "program", "gene_mean", "signal"):
        assert_exact(truth[name], of_plain[name])
    assert_float64_sums(truth.noise.to_numpy(), of_plain.noise.to_numpy() * np.sqrt(0.05 / 0.1))


def test_what_links_add_is_the_sum_over_their_peaks(simulated):
    data, truth = simulated
    signal = truth.signal.to_numpy(dtype=float)
    log = np.log1p(signal / signal.mean(axis=0))
    z = (log - log.mean(axis=1, keepdims=True)) / log.std(axis=1, keepdims=True)
    row = {key: k for k, key in enumerate(zip(data.peaks["chrom"], data.peaks["start"], strict=True))}
    for gene in data.genes["name"]:
        own = truth.links[truth.links["gene"] == gene]
        total = sum((z[row[key]] for key in zip(own["chrom"], own["start"], strict=True)), np.zeros(10))
        link = truth.link.loc[gene].to_numpy() / truth.gene_sd[gene]
        if len(own) == 0:
            assert_exact(link, 0.0)
        elif np.abs(link).max() > 1e-6:
            ratio = total / link
            assert_float32_sums(ratio, ratio.mean())


def test_links_are_different_pairs_within_the_distances():
    data, truth = make_linked_openness(60, 6, n_lineages=2, links_per_gene=5, min_distance=50_000, max_distance=90_000)
    links = truth.links
    assert len(links) == 300
    assert not links.duplicated().any()
    assert links["distance_bp"].between(50_000, 90_000).all()
    placed = links.merge(data.genes.rename(columns={"name": "gene"}), on="gene")
    assert (placed["chrom_x"] == placed["chrom_y"]).all()
    middle = (placed["start"] + placed["end"]) // 2
    assert_exact(placed["distance_bp"].to_numpy(), (middle - placed["tss"]).abs().to_numpy())


def test_pairs_are_drawn_in_proportion_to_their_weight():
    rng = np.random.default_rng(0)
    weight = np.array([1.0, 2.0, 5.0])
    count = np.bincount([_drawn(rng, np.log(weight), 1)[0] for _ in range(4_000)], minlength=3)
    assert_within(count / 4_000, weight / 8, 0.03, "3 SDs of a share of 4,000 draws")


@pytest.mark.slow
def test_preference_is_for_active_peaks_active_genes_and_few_genes_between():
    means = []
    for preference in (0.0, 1.0, 2.0):
        data, truth = make_linked_openness(200, 6, n_lineages=2, preference=preference)
        signal = data.peaks.assign(log_signal=np.log(truth.signal.mean(axis=1)))
        links = truth.links.merge(signal, on=["chrom", "start", "end"])
        means.append((links["log_signal"].mean(), truth.gene_mean[links["gene"]].mean(), -_between(data, truth, links)))
    for values in zip(*means, strict=True):
        assert values[0] < values[1] < values[2]


def _between(data, truth, links):
    """Mean number of expressed genes between peak and gene, of links 100 to 300 kb long, by a loop."""
    genes = data.genes.assign(expressed=(truth.gene_mean > np.log(2)).to_numpy()).set_index("name")
    count = []
    for link in links[links["distance_bp"].between(100_000, 300_000)].itertuples():
        low, high = sorted([genes.loc[link.gene, "tss"], link.start + 250])
        inside = (genes["chrom"] == link.chrom) & (genes["tss"] > low) & (genes["tss"] < high)
        count.append((inside & genes["expressed"]).sum())
    assert len(count) > 200
    return np.mean(count)


def test_the_state_decides_and_bad_settings_are_refused():
    settings = {"n_genes": 20, "n_cell_types": 4, "n_lineages": 2, "links_per_gene": 2}
    one, same, other = (make_linked_openness(**settings, random_state=k)[1].links for k in (3, 3, 4))
    assert_exact(same, one)
    assert not other.equals(one)
    assert len(make_linked_openness(**settings, random_state=None)[1].links) == 40

    def refused(match, **changes):
        with pytest.raises(ValueError, match=match):
            make_linked_openness(**settings | changes)

    refused("preference must be finite and 0 or greater, got -1", preference=-1)
    refused("links_per_gene must be finite and greater than 0, got 0", links_per_gene=0)
    refused("link_share must be a number with 0 <= link_share < 1, got 1", link_share=1)
    refused("link_share must be at most the share of noise, 0.1, got 0.2: lower cis_share", link_share=0.2)
    refused("min_distance must be a whole number of 0 or more, got -1", min_distance=-1)
    refused("max_distance must be a whole number of 1 or more, got 0", max_distance=0)
    refused("min_distance must be less than max_distance, got 5 and 5", min_distance=5, max_distance=5)
    refused("200000 links were asked for, and there are .* pairs in reach", links_per_gene=10_000)
    refused("takes no corrupted and no signals: it plants links in one signal", signals={"a": 1.0}, corrupted=1)
    refused("wanted 1 <= n_lineages", n_lineages=9)
