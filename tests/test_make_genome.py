"""make_genome: the letters hold what was planted, openness and expression follow the stated law, and models find it."""

import numpy as np
import pandas as pd
import pytest
from promises import assert_exact, assert_float64_sums, assert_within
from sklearn.pipeline import make_pipeline

from skepi.binning import BinnerUnion, TSSBinner, symmetric_edges
from skepi.datasets import make_genome
from skepi.linear_model import LassoBaselineCV
from skepi.metrics import summarize
from skepi.model_selection import CellTypeKFold, cross_val_pairs
from skepi.motifs import Motifs, MotifScanner
from skepi.paired import PairedDataset
from skepi.sequence import Genome, PeakSequences
from skepi.tf_activity import motif_deviations

WORDS = {"one": "GATTACAGGC", "other": "CCTTGAAAGTCA"}
PARTS = ("motif", "cis", "program", "noise")


def certain(word):
    """Motif that is one word."""
    return np.eye(4)[["ACGT".index(letter) for letter in word]]


SETTINGS = {
    "n_genes": 30,
    "n_cell_types": 8,
    "n_lineages": 3,
    "motifs": {name: certain(w) for name, w in WORDS.items()},
}


@pytest.fixture(scope="module")
def made():
    return make_genome(**SETTINGS)


def turned(word):
    return word[::-1].translate(str.maketrans("ACGT", "TGCA"))


def words_at(letters, table):
    rows = zip(table["chrom"], table["start"], table["end"], strict=True)
    return [letters[chrom][start:end] for chrom, start, end in rows]


# --- letters


def test_each_site_has_the_letters_of_its_motif_on_its_strand(made):
    _, letters, truth = made
    wanted = [WORDS[m] if strand == "+" else turned(WORDS[m]) for m, strand in truth.sites[["motif", "strand"]].values]
    assert words_at(letters, truth.sites) == wanted
    assert set(truth.sites["strand"]) == {"+", "-"}


def test_sites_lie_in_their_peaks_and_do_not_overlap(made):
    data, _, truth = made
    own = data.peaks.iloc[truth.sites["peak"]].reset_index(drop=True)
    assert (truth.sites["start"] >= own["start"]).all()
    assert (truth.sites["end"] <= own["end"]).all()
    order = truth.sites.sort_values(["chrom", "start"])
    same = order["chrom"].to_numpy()[1:] == order["chrom"].to_numpy()[:-1]
    assert (order["start"].to_numpy()[1:] >= order["end"].to_numpy()[:-1])[same].all()


def test_the_table_of_peaks_with_sites_is_that_of_sites(made):
    data, _, truth = made
    has_site = np.zeros((len(data.peaks), 2), dtype=bool)
    has_site[truth.sites["peak"], pd.Index(truth.motifs).get_indexer(truth.sites["motif"])] = True
    np.testing.assert_array_equal(truth.has_site, has_site)
    assert_within(has_site.mean(axis=0), 0.1, 0.05, "five SDs of shares of 700 peaks")


def test_letters_reach_beyond_all_peaks_and_have_the_stated_gc(made):
    data, letters, truth = made
    assert {letter for text in letters.values() for letter in set(text)} == set("ACGT")
    for chrom, peaks in data.peaks.groupby("chrom", observed=True):
        assert len(letters[chrom]) >= peaks["end"].max()
    counted = [(word.count("G") + word.count("C")) / 500 for word in words_at(letters, data.peaks)]
    assert_float64_sums(truth.gc_share.to_numpy(), counted)
    everywhere = np.mean([(text.count("G") + text.count("C")) / len(text) for text in letters.values()])
    assert_within(everywhere, 0.41, 0.03, "blocks of 25 kb that are alike")
    assert truth.gc_share.mean() > everywhere + 0.04


def test_probabilities_of_motifs_are_those_of_letters():
    share = np.array([[0.7, 0.1, 0.1, 0.1], [0.25, 0.25, 0.5, 0.0], [0.0, 0.0, 0.0, 1.0]])
    _, letters, truth = make_genome(30, 4, n_lineages=2, motifs={"m": share}, site_share=0.9)
    forward = truth.sites[truth.sites["strand"] == "+"]
    found = pd.DataFrame([list(word) for word in words_at(letters, forward)])
    counted = np.array([[(found[k] == letter).mean() for letter in "ACGT"] for k in range(3)])
    assert_within(counted, share, 0.15, "six SDs of shares of 300 sites")


def test_shuffled_letters_are_the_only_difference(made):
    data, letters, truth = made
    other, shuffled, same = make_genome(**SETTINGS, shuffle_letters=True)
    assert_exact(other.openness, data.openness)
    assert_exact(other.expression, data.expression)
    assert_exact(same.gc_share, truth.gc_share)
    assert [sorted(word) for word in words_at(shuffled, data.peaks)] == [
        sorted(word) for word in words_at(letters, data.peaks)
    ]
    wanted = set(WORDS.values()) | set(map(turned, WORDS.values()))
    assert sum(word in wanted for word in words_at(shuffled, truth.sites)) <= 1


# --- openness and expression


def test_sites_change_openness_by_the_activity_of_their_tf(made):
    _, _, truth = made
    plain = make_genome(**SETTINGS, motif_effect=0)[2].signal.to_numpy(dtype=float)
    change = 0.8 * truth.has_site.to_numpy() @ truth.tf_activity.to_numpy().T
    ratio = truth.signal.to_numpy(dtype=float) / plain
    raised = truth.signal.max(axis=1).to_numpy() < 1.5 * 1.02  # up to the threshold of a peak caller
    assert raised.mean() < 0.2
    assert_within(np.log(ratio)[~raised], change[~raised], 1e-5, "float32")


def test_activity_has_mean_0_and_sd_1(made):
    activity = made[2].tf_activity.to_numpy()
    assert_float64_sums(activity.mean(axis=0), np.zeros(2), summed=1)
    assert_float64_sums(activity.std(axis=0), np.ones(2))


def test_expression_is_the_sum_of_its_parts(made):
    data, _, truth = made
    total = truth.gene_mean.to_numpy()[:, None] + sum(truth[name].to_numpy() for name in PARTS)
    assert_float64_sums(data.expression, np.maximum(total, 0), summed=10)
    assert truth.shares == pytest.approx({"motif": 0.4, "cis": 0.1, "program": 0.3, "noise": 0.2})
    for name in ("motif", "cis", "program"):
        size = np.mean((truth[name].to_numpy() / truth.gene_sd.to_numpy()[:, None]) ** 2)
        assert_float64_sums(size, truth.shares[name])


def test_the_motif_part_by_a_slow_loop(made):
    data, _, truth = made
    assert truth.motif_weights.tolist() == [1, -1]
    gain = truth.has_site.to_numpy() @ truth.motif_weights.to_numpy()
    log = np.log1p(truth.signal.to_numpy(dtype=float) / truth.signal.to_numpy(dtype=float).mean(axis=0))
    z = (log - log.mean(axis=1, keepdims=True)) / log.std(axis=1, keepdims=True)
    limits = [1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000]
    weights = [0.066, 0.051, 0.052, 0.040, 0.030, 0.015, 0.006, 0.003]
    total = np.zeros(truth.motif.shape)
    for g, gene in enumerate(data.genes.itertuples()):
        near = data.peaks[data.peaks["chrom"] == gene.chrom]
        for p, start in zip(near.index, near["start"], strict=True):
            distance = abs(start + 250 - gene.tss)
            total[g] += (
                next((w for limit, w in zip(limits, weights, strict=True) if distance < limit), 0) * gain[p] * z[p]
            )
    part = truth.motif.to_numpy() / truth.gene_sd.to_numpy()[:, None]
    assert_within(part, total * np.sqrt(0.4 / np.mean(total**2)), 1e-4, "openness is float32")


def test_counts_are_drawn_where_a_depth_is_given():
    data, _, truth = make_genome(**SETTINGS, openness_depth=10.0)
    assert (data.openness == np.floor(data.openness)).all()
    assert_within(data.openness.mean(), 10, 4, "five SDs of the mean depth of 8 cell types")
    assert truth.signal.shape == data.openness.shape


def test_one_seed_one_genome(made):
    again = make_genome(**SETTINGS)
    assert again[1] == made[1]
    assert_exact(again[0].expression, made[0].expression)
    assert make_genome(**SETTINGS, random_state=1)[1] != made[1]


# --- found again


def scanned(data, letters, motifs):
    sequences = PeakSequences(Genome.from_strings(letters), data.peaks, width=500)
    return MotifScanner(Motifs(motifs), "hits", p_value=1e-5).fit(sequences).peak_features(sequences), sequences


def decoys(n):
    rng = np.random.default_rng(0)
    return {f"decoy {k}": certain("".join(rng.choice(list("ACGT"), size=10))) for k in range(n)}


def test_planted_sites_make_peaks_deviate_where_their_tfs_act():
    data, _, truth = make_genome(n_genes=80, n_cell_types=10, n_chromosomes=1)
    at_random = np.random.default_rng(0).permuted(truth.has_site.to_numpy(), axis=0)
    matches = pd.concat([truth.has_site, pd.DataFrame(at_random)], axis=1)
    z = motif_deviations(data, matches, truth.gc_share)
    planted = list(truth.motifs)
    assert len(planted) == 5
    assert (z[planted].corrwith(truth.tf_activity) > 0.7).all()
    assert z[planted].std().min() > z.drop(columns=planted).std().max()


@pytest.mark.slow
def test_planted_motifs_are_found_in_the_letters_and_deviate_most():
    data, letters, truth = make_genome()
    hits, sequences = scanned(data, letters, truth.motifs | decoys(5))
    assert_exact(sequences.gc_share(), truth.gc_share.to_numpy())
    found = hits[list(truth.motifs)].sparse.to_dense().to_numpy() > 0
    assert found[truth.has_site.to_numpy()].mean() > 0.6
    assert found[~truth.has_site.to_numpy()].mean() < 0.05
    z = motif_deviations(data, hits, sequences.gc_share())
    planted = list(truth.motifs)
    assert (z[planted].corrwith(truth.tf_activity) > 0.7).all()
    assert z[planted].std().min() > z.drop(columns=planted).std().max()


@pytest.mark.slow
@pytest.mark.parametrize("shuffled", [False, True])
def test_motif_times_openness_explains_expression_and_shuffled_letters_nothing(shuffled):
    data, letters, truth = make_genome(shuffle_letters=shuffled)
    hits, _ = scanned(data, letters, truth.motifs)
    tables = data.openness, data.peaks, data.genes, data.expression, data.cell_types
    X, y = PairedDataset(*tables, peak_features=hits).pairs(return_X_y=True)
    plain = TSSBinner(edges=symmetric_edges([0, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000]))
    few = TSSBinner(edges=symmetric_edges([0, 2_000, 10_000, 50_000, 200_000]), features=list(hits))
    skill = []
    for binner in (plain, BinnerUnion([("bands", plain), ("motifs", few)])):
        model = make_pipeline(binner, LassoBaselineCV([0.1, 0.03, 0.01, 0.003], cv=CellTypeKFold(3)))
        skill.append(summarize(cross_val_pairs(model, X, y, CellTypeKFold(4)))["skill"])
    gain = skill[1] - skill[0]
    if shuffled:
        assert_within(gain, 0, 0.045, "chance: the peaks of training and test cell types are the same")
    else:
        assert gain > 0.1


# --- bad input


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"motif_share": 0.9}, "shares must be 0 or greater and add up to at most 1"),
        ({"n_lineages": 30}, "wanted 1 <= n_lineages <= n_cell_types"),
        ({"site_share": 0}, "site_share must be a number"),
        ({"motif_effect": -1}, "motif_effect must be finite and 0 or greater"),
        ({"openness_depth": 0}, "openness_depth must be finite and greater than 0"),
        ({"shuffle_letters": "no"}, "shuffle_letters must be True or False"),
        ({"motifs": "GATA"}, "motifs must be a dict of arrays of shape"),
        ({"motifs": {}}, "motifs must be a dict of arrays of shape"),
        ({"motifs": {"m": np.eye(3)}}, r"motif 'm': wanted shape \(width, 4\), .* got \(3, 3\)"),
        ({"motifs": {"m": np.full((3, 4), 0.3)}}, "motif 'm': wanted probabilities of A, C, G and T that add up to 1"),
        ({"motifs": {str(k): np.eye(4)[[0] * 60] for k in range(9)}}, "9 motifs of up to 60 bp do not fit into peaks"),
        ({"n_peaks": 10**9}, "n_peaks must lie in 1"),
    ],
)
def test_bad_settings(settings, match):
    with pytest.raises(ValueError, match=match):
        make_genome(20, 6, **settings)
