"""Links judged by measured links at equal distance: by hand, by law, and against planted and random links."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_exact, assert_float64_sums, assert_within

from skepi.datasets import make_linked_openness
from skepi.exceptions import ChromosomeMismatchError, TableError, UnmatchedDataError
from skepi.inspection import link_enrichment, score_links
from skepi.inspection._link_enrichment import distance_groups, top_weights
from skepi.io import read_bedpe

COLUMNS = ["score", "peaks", "n_genes", "n_pairs", "n_true", "share_of_all", "share_of_top", "enrichment"]
COLUMNS += ["low", "high", "standard_error"]
FEW = {"n_bootstrap": 20}


def hand():
    """Two genes with four peaks each, 10 and 50 kb away on both sides."""
    offset = np.tile([-50_000, -10_000, 10_000, 50_000], 2)
    tss = np.repeat([100_000, 500_000], 4)
    return pd.DataFrame(
        {
            "chrom": "chr1",
            "start": tss + offset - 100,
            "end": tss + offset + 100,
            "gene": np.repeat(["a", "b"], 4),
            "tss": tss,
            "distance_bp": offset,
            "is_promoter": [False] * 7 + [True],
            "score": [1.0, 4, 3, 2, 5, 1, 2, 6],
        }
    )


def truth(**changes):
    """The near peak behind a, and the far one behind b, by their middles."""
    return {
        "chrom": ["chr1"] * 2,
        "start": [110_000, 550_000],
        "end": [110_001, 550_001],
        "gene": ["a", "b"],
        **changes,
    }


def test_enrichment_by_hand():
    # Near pairs have the scores 4 3 1 2, of which the second is true; far ones 1 2 5 6, of which the last is. The
    # better half of each are 4 3 and 5 6: 2 true of 4, over 2 of 8. Without the promoter peak of b, far ones are 1 2 5,
    # whose better half is 5 and half of 2: 1 true of 3.5 over 1 of 7.
    table = link_enrichment(hand(), truth(), distance_bins=[0, 30_000, 60_000], top=0.5, **FEW)
    assert table.columns.tolist() == COLUMNS
    assert table["peaks"].tolist() == ["all", "without promoters"]
    assert table[["n_genes", "n_pairs", "n_true"]].to_numpy().tolist() == [[2, 8, 2], [2, 7, 1]]
    assert_float64_sums(table["share_of_all"].to_numpy(), [2 / 8, 1 / 7])
    assert_float64_sums(table["share_of_top"].to_numpy(), [2 / 4, 1 / 3.5])
    assert_float64_sums(table["enrichment"].to_numpy(), [2.0, 2.0])
    near = link_enrichment(hand(), truth(), distance_bins=[0, 30_000], top=0.5, **FEW)
    assert near["n_pairs"].tolist() == [4, 4]  # far ones lie beyond the edges
    both = link_enrichment(hand().assign(worse=lambda t: -t["score"]), truth(), scores=["score", "worse"], **FEW)
    assert both["score"].tolist() == ["score", "score", "worse", "worse"]


def test_two_places_are_a_link_where_one_lies_at_the_promoter():
    # The first joins the near peak behind a to a, the second, turned round, the far one behind b to b, 800 bp from its
    # TSS. The third touches no promoter, and the fourth joins two chromosomes.
    places = {
        "chrom1": ["chr1", "chr1", "chr1", "chr1"],
        "start1": [99_000, 549_000, 300_000, 99_000],
        "end1": [101_000, 551_000, 301_000, 101_000],
        "chrom2": ["chr1", "chr1", "chr1", "chr2"],
        "start2": [110_099, 500_800, 450_000, 90_000],
        "end2": [110_200, 500_900, 450_100, 90_100],
    }
    settings = {"distance_bins": [0, 30_000, 60_000], "top": 0.5, **FEW}
    by_name, by_place = (link_enrichment(hand(), one, **settings) for one in (truth(), places))
    assert_exact(by_place, by_name)
    closer = link_enrichment(hand(), places, promoter_reach=700, genes=["a", "b"], **settings)
    assert closer["n_true"].tolist() == [1, 1]


def test_a_bedpe_file_is_a_truth(tmp_path):
    path = tmp_path / "contacts.bedpe"
    path.write_text("chr1\t99000\t101000\tchr1\t110000\t110001\nchr1\t500000\t500001\tchr1\t550000\t550001\n")
    settings = {"distance_bins": [0, 30_000, 60_000], "top": 0.5, **FEW}
    assert_exact(link_enrichment(hand(), read_bedpe(path), **settings), link_enrichment(hand(), truth(), **settings))


def test_genes_that_were_looked_at():
    one = {key: values[:1] for key, values in truth().items()}
    with pytest.raises(ValueError, match="resampling genes needs 2 or more with pairs in the distance bins, got 1"):
        link_enrichment(hand(), one, **FEW)
    table = link_enrichment(hand(), one, genes=["a", "b", "not scored"], distance_bins=1, top=0.5, **FEW)
    assert table["n_genes"].tolist() == [2, 2]
    assert table["n_pairs"][0] == 8
    with pytest.raises(UnmatchedDataError, match="genes: none is among the links: 'GATA1' against 'a', 'b'"):
        link_enrichment(hand(), one, genes=["GATA1"])
    with pytest.raises(ValueError, match=r"genes must be a sequence of names, got the text 'a': wanted \['a'\]"):
        link_enrichment(hand(), one, genes="a")


def test_the_interval_resamples_genes():
    # Of two genes, 2 of 4 resamples hold both, and the others one of them twice.
    table = link_enrichment(hand(), truth(), distance_bins=[0, 30_000, 60_000], top=0.5, n_bootstrap=400, level=0.9)
    row = table.iloc[0]
    assert (row["low"], row["high"]) == (2.0, 2.0)  # a alone 1 of 2 over 1 of 4, as b alone
    data, of_links = make_linked_openness(80, 6, n_lineages=2)
    links = score_links(data, min_distance=20_000)
    wide, narrow = (link_enrichment(links, of_links.links, level=level, n_bootstrap=200) for level in (0.99, 0.5))
    assert (wide["low"] < narrow["low"]).all()
    assert (narrow["high"] < wide["high"]).all()
    assert (wide["low"] < wide["enrichment"]).all()
    assert_exact(link_enrichment(links, of_links.links, level=0.99, n_bootstrap=200), wide)


def test_the_interval_equals_a_loop_over_resamples():
    data, of_links = make_linked_openness(40, 6, n_lineages=2)
    links = score_links(data, min_distance=20_000)
    table = link_enrichment(links, of_links.links, distance_bins=5, n_bootstrap=50, level=0.8, genes=data.genes["name"])
    true = links.merge(of_links.links.assign(true=1.0), how="left", on=["chrom", "start", "end", "gene"])["true"]
    counted = pd.DataFrame({"gene": links["gene"].astype(object), "true": true.fillna(0.0)})
    bins = distance_groups(links["distance_bp"].abs().to_numpy(), 5)
    counted["weight"] = top_weights(links["score"].to_numpy(), bins, 0.05)
    counted["found"] = counted["true"] * counted["weight"]
    of_gene = counted.groupby("gene", sort=False)
    sums, n = of_gene[["true", "weight", "found"]].sum(), of_gene.size()
    drawn = []
    for rows in np.random.RandomState(0).randint(len(n), size=(50, len(n))):
        total = sums.iloc[rows].sum()
        drawn.append(total["found"] / total["weight"] / (total["true"] / n.iloc[rows].sum()))
    row = table.iloc[0]
    assert_float64_sums(row[["low", "high"]].to_numpy(dtype=float), np.quantile(drawn, [0.1, 0.9]))
    assert_float64_sums(row["standard_error"], np.std(drawn, ddof=1))


# Laws

scores = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 6)), min_size=1, max_size=40)


@given(scores, st.floats(0.01, 0.99))
def test_weights_of_the_top_add_up_and_follow_the_score(rows, top):
    bins, score = np.array(rows).T
    weights = top_weights(score.astype(float), bins, top)
    assert ((weights >= 0) & (weights <= 1)).all()
    for one in np.unique(bins):
        own, w = score[bins == one], weights[bins == one]
        assert_float64_sums(w.sum(), top * own.size)
        for value in set(own):
            assert_exact(w[own == value], w[own == value][0])  # equal scores, equal weights
            assert (w[own > value] >= w[own == value][0]).all()
            if 0 < w[own == value][0] < 1:
                assert (w[own > value] == 1).all()
                assert (w[own < value] == 0).all()


def test_a_score_of_distance_alone_is_worth_nothing_within_narrow_bins():
    data, of_links = make_linked_openness(150, 6, n_lineages=2, preference=0)
    links = score_links(data, min_distance=20_000)
    settings = {"scores": "contact", "genes": data.genes["name"], "n_bootstrap": 2}
    one, many = (link_enrichment(links, of_links.links, distance_bins=n, **settings) for n in (1, 200))
    assert one["enrichment"][0] > 3
    assert_within(many["enrichment"][0], 1, 0.25, "chance, of 1,500 links")


def test_distance_bins():
    distance = np.array([5, 1, 9, 3])
    assert distance_groups(distance, 2).tolist() == [1, 0, 1, 0]
    assert distance_groups(distance, [1, 5, 9]).tolist() == [1, 0, -1, 0]
    assert distance_groups(np.array([7, 7, 7]), 5).tolist() == [1, 1, 1]
    for bad in ([5], [5, 1], [1, 1, 5], [[1, 2]], ["near", "far"]):
        with pytest.raises(ValueError, match="distance_bins must be a number of bins, or two or more increasing edges"):
            distance_groups(distance, bad)
    for bad in (0, 2.5):
        with pytest.raises(ValueError, match="distance_bins must be a whole number of 1 or more"):
            distance_groups(distance, bad)


def over_openness(preference, seeds):
    found = []
    for seed in seeds:
        data, of_links = make_linked_openness(preference=preference, random_state=seed)
        links = score_links(data, min_distance=20_000)
        settings = {"scores": ["activity", "score"], "genes": data.genes["name"], "n_bootstrap": 2}
        found.append(link_enrichment(links, of_links.links, **settings)["enrichment"].to_numpy().reshape(2, 2))
    return np.mean([one[1] / one[0] for one in found], axis=0), np.mean(found, axis=0)


def test_the_score_finds_planted_links_better_than_openness_does():
    # benchmarks/links.py: 1.33 (SD of a seed 0.08) and 1.51 (0.10) over 20 seeds.
    ratio, enrichment = over_openness(1.0, range(3))
    assert (ratio > 1.15).all()
    assert (enrichment[1] > 1.5).all()
    assert (over_openness(2.0, range(2))[0] > 1.25).all()


@pytest.mark.slow
def test_where_links_are_random_the_score_finds_nothing():
    ratio, enrichment = over_openness(0.0, range(5))
    assert_within(ratio, 1, 0.12, "chance: SD of a seed 0.06")
    assert_within(enrichment, 1, 0.15, "chance: SD of a seed 0.08")


# Bad input


def test_bad_input_is_refused():
    links = hand()
    for column in ("gene", "is_promoter", "distance_bp"):
        with pytest.raises(TableError, match=rf"links: missing columns \['{column}'\]"):
            link_enrichment(links.drop(columns=column), truth())
    with pytest.raises(TableError, match=r"links: missing columns \['best'\]"):
        link_enrichment(links, truth(), scores=["score", "best"])
    with pytest.raises(TableError, match=r"truth: missing columns \['gene'\], got .* or those of BEDPE: chrom1"):
        link_enrichment(links, {"chrom": ["chr1"], "start": [1], "end": [2]})
    with pytest.raises(TableError, match="truth: wanted 0 <= start < end"):
        link_enrichment(links, truth(end=[5, 5]))
    with pytest.raises(UnmatchedDataError, match="truth: no gene in common with the links: 'A', 'B' against 'a', 'b'"):
        link_enrichment(links, truth(gene=["A", "B"]))
    with pytest.raises(ChromosomeMismatchError, match="truth and links have no chromosome in common: 1 against chr1"):
        link_enrichment(links, truth(chrom=["1", "1"]))
    with pytest.raises(
        UnmatchedDataError, match="truth: no pair of the links is a measured link: are both of one assem"
    ):
        link_enrichment(links, truth(start=[1, 2], end=[2, 3]))
    trans = {"chrom1": ["chr1"], "start1": [1], "end1": [9], "chrom2": ["chr1"], "start2": [1], "end2": [9]}
    with pytest.raises(
        UnmatchedDataError, match="truth: no link joins a place to a gene of the links on the same chrom"
    ):
        link_enrichment(links, trans)
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match="links: score: 1 of 8 values are not finite; leave such links out"):
            link_enrichment(links.assign(score=[bad, *range(7)]), truth())
    with pytest.raises(ValueError, match="links: gene: wanted numbers, got dtype"):
        link_enrichment(links, truth(), scores="gene")
    with pytest.raises(ValueError, match="links: is_promoter: wanted True or False, got dtype int64"):
        link_enrichment(links.assign(is_promoter=0), truth())
    for bad in (0, 1, 1.5):
        with pytest.raises(ValueError, match=f"top must be a number with 0 .* got {bad}"):
            link_enrichment(links, truth(), top=bad)
    with pytest.raises(ValueError, match="n_bootstrap must be a whole number of 2 or more, got 1"):
        link_enrichment(links, truth(), n_bootstrap=1)
    with pytest.raises(ValueError, match="level must be between 0 and 1, got 95"):
        link_enrichment(links, truth(), level=95)
    with pytest.raises(ValueError, match="promoter_reach must be a whole number of 0 or more, got -1"):
        link_enrichment(links, truth(), promoter_reach=-1)
