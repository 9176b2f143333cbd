"""Evidence for links of peaks to genes: by hand, against a slow loop, and by laws of the genome."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_exact, assert_float32_sums, assert_float64_sums
from several_signals import several_signals

from skepi.datasets import make_paired_openness
from skepi.exceptions import (
    ChromosomeMismatchError,
    LeftOutWarning,
    TableError,
    UnknownNameError,
    UnmatchedDataError,
)
from skepi.inspection import _gene_links, peak_scores, score_links
from skepi.inspection._link_geometry import lookup, site_keys, sites_between, touch
from skepi.io import read_bedpe, write_bedpe
from skepi.paired import PairedDataset, pool

COLUMNS = ["chrom", "start", "end", "gene", "tss", "strand", "distance_bp", "activity", "promoter_activity"]
COLUMNS += ["tss_between", "contact", "is_promoter", "score", "share"]


def hand(expression=((2.0, 2.0), (2.0, 2.0), (0.0, 0.1)), **changes):
    """Three genes, of which the last is not expressed, and four peaks; depth is 2 in both cell types."""
    parts = {
        "openness": pd.DataFrame({"x": [4.0, 2.0, 0.0, 2.0], "y": [4.0, 0.0, 2.0, 2.0]}),
        "peaks": {"chrom": ["1"] * 4, "start": [900, 20_000, 60_000, 95_000], "end": [1_100, 20_200, 60_200, 95_200]},
        "genes": {
            "name": ["a", "b", "c"],
            "chrom": ["1"] * 3,
            "tss": [1_000, 60_300, 30_000],
            "strand": ["+", "-", "+"],
        },
        "expression": expression,
    }
    return PairedDataset(**parts | changes)


@pytest.fixture(scope="module")
def simulated():
    return make_paired_openness(40, 8, n_lineages=2, n_chromosomes=2)[0]


def test_evidence_by_hand():
    # Depth is 2: activities are 2, 1/2, 1/2, 1. Promoters reach 1,000 bp: a holds the first peak, b the third.
    # Between a and the fourth peak lie b (expressed) and c (not). b is on the minus strand: offsets turn round.
    links = score_links(hand())
    assert links.columns.tolist() == COLUMNS
    a = links[links["gene"] == "a"].sort_values("start")
    assert a["distance_bp"].tolist() == [0, 19_100, 59_100, 94_100]
    assert_exact(a["activity"].to_numpy(), [2, 0.5, 0.5, 1])
    assert_exact(a["promoter_activity"].to_numpy(), 2.0)
    assert a["tss_between"].tolist() == [0, 0, 0, 1]
    assert a["is_promoter"].tolist() == [True, False, True, False]
    contact = np.array([1, (19_100 / 5_000) ** -0.87, (59_100 / 5_000) ** -0.87, (94_100 / 5_000) ** -0.87])
    score = np.log(3) * contact * [2, 0.5, 0.5, 1 / np.sqrt(2)]
    assert_float64_sums(a["contact"].to_numpy(), contact)
    assert_float64_sums(a["score"].to_numpy(), score)
    assert_float64_sums(a["share"].to_numpy(), score / score.sum())
    b = links[links["gene"] == "b"].sort_values("start")
    assert b["distance_bp"].tolist() == [59_301, 40_201, 201, -34_799]
    assert b["tss_between"].tolist() == [0, 0, 0, 0]  # a's own TSS lies in the first peak, c is not expressed
    # c has no open promoter: no score, and nothing to share.
    c = links[links["gene"] == "c"]
    assert_exact(c["score"].to_numpy(), 0.0)
    assert c["share"].isna().all()


def test_what_counts_as_expressed():
    def between(data, **settings):
        links = score_links(data, **settings)
        return links.set_index(["gene", "start"])["tss_between"]

    given = between(hand(), expressed=[False, True, True])
    assert given["a", 95_000] == 2
    assert given["b", 900] == 1
    # Without expression, genes with an open promoter: a and b.
    alone = between(hand(expression=None))
    assert alone["a", 95_000] == 1
    with pytest.raises(ValueError, match=r"expression has values below 0, so it is not natural log\(1 \+ CPM\); say"):
        score_links(hand(expression=[[-1.0, 1], [0, 0], [0, 0]]))
    with pytest.raises(ValueError, match=r"no gene has a mean expression above 0.69 \(1 CPM\); say which genes"):
        score_links(hand(expression=np.full((3, 2), 0.6)))
    with pytest.raises(
        ValueError, match=r"expression looks like raw counts, wanted natural log\(1 \+ CPM\): data\.trans"
    ):
        score_links(hand(expression=[[500.0, 3], [7, 0], [0, 0]]))
    for bad in ([True, False], ["yes"] * 3, [1, 0, 1]):
        with pytest.raises(ValueError, match="expressed must hold True or False for each of the 3 genes, got"):
            score_links(hand(), expressed=bad)


def links_by_loop(data, low, high, reach):
    """Score of each pair, gene by gene and peak by peak."""
    openness = data.openness.astype(float)
    activity = (openness / openness.mean(axis=0)).mean(axis=1)
    peaks, expressed = data.peaks, data.expression.mean(axis=1) > np.log(2)
    found = {}
    for gene in data.genes.itertuples():
        near = (peaks["chrom"] == gene.chrom) & (peaks["start"] <= gene.tss + reach) & (peaks["end"] > gene.tss - reach)
        promoter = activity[near].sum()
        for k, peak in enumerate(peaks.itertuples()):
            bases = (peak.start - gene.tss, peak.end - gene.tss)
            if gene.strand == "-":
                bases = (gene.tss - peak.end + 1, gene.tss - peak.start + 1)
            distance = sum(bases) // 2
            if peak.chrom != gene.chrom or not low <= abs(distance) <= high:
                continue
            between = 0
            for other, active in zip(data.genes.itertuples(), expressed, strict=True):
                inside = peak.end <= other.tss < gene.tss or gene.tss < other.tss < peak.start
                between += active and other.chrom == gene.chrom and inside
            contact = (max(abs(distance), 5_000) / 5_000) ** -0.87
            score = activity[k] * contact * np.log1p(promoter) / np.sqrt(1 + between)
            found[gene.name, peak.chrom, peak.start] = distance, between, score
    return found


@pytest.mark.parametrize(("low", "high", "reach"), [(0, 100_000, 1_000), (20_000, 300_000, 5_000)])
@pytest.mark.slow
def test_links_equal_a_loop_over_genes_and_peaks(simulated, low, high, reach, monkeypatch):
    monkeypatch.setattr(_gene_links, "_GENES_AT_ONCE", 7)
    links = score_links(simulated, min_distance=low, max_distance=high, promoter_reach=reach)
    wanted = links_by_loop(simulated, low, high, reach)
    keys = list(zip(links["gene"], links["chrom"], links["start"], strict=True))
    assert len(set(keys)) == len(keys) == len(wanted) > 100
    assert links["distance_bp"].tolist() == [wanted[key][0] for key in keys]
    assert links["tss_between"].tolist() == [wanted[key][1] for key in keys]
    assert links["tss_between"].max() > 2
    assert_float32_sums(links["score"].to_numpy(), [wanted[key][2] for key in keys])
    order = pd.DataFrame({"gene": links["gene"].cat.codes, "score": -links["score"]})
    names = simulated.genes["name"].tolist()
    assert [names.index(name) for name in pd.unique(links["gene"])] == sorted(
        map(names.index, pd.unique(links["gene"]))
    )
    assert all((one["score"].diff().dropna() >= 0).all() for _, one in order.groupby("gene"))


def test_a_mirrored_genome_has_the_same_links(simulated):
    length, peaks, genes = 50_000_000, simulated.peaks, simulated.genes
    mirrored = PairedDataset(
        simulated.openness,
        peaks.assign(start=length - peaks["end"], end=length - peaks["start"]),
        genes.assign(tss=length - 1 - genes["tss"], strand=genes["strand"].map({"+": "-", "-": "+"})),
        simulated.expression,
        simulated.cell_types,
    )
    order = ["gene", "distance_bp"]
    one, other = (score_links(data).sort_values(order, kind="stable") for data in (simulated, mirrored))
    same = ["distance_bp", "tss_between", "is_promoter"]
    assert_exact(other[same].to_numpy(), one[same].to_numpy())
    assert_float64_sums(other["score"].to_numpy(), one["score"].to_numpy())
    assert_exact(length - other["end"].to_numpy(), one["start"].to_numpy())


def test_shares_of_a_gene_add_up_and_scores_do_not_depend_on_the_units_of_openness(simulated):
    links = score_links(simulated)
    sums = links.groupby("gene", observed=True)["share"].sum(min_count=1).dropna()
    assert len(sums) > 20
    assert_float64_sums(sums.to_numpy(), 1.0)
    parts = simulated.peaks, simulated.genes, simulated.expression, simulated.cell_types
    deeper = PairedDataset(simulated.openness * 4, *parts)
    assert_exact(score_links(deeper)["score"].to_numpy(), links["score"].to_numpy())
    raw = score_links(simulated, depth=None)
    assert raw["activity"].mean() > 1.2 * links["activity"].mean()


def test_some_genes_have_the_links_that_they_have_among_all(simulated):
    names = simulated.genes["name"].tolist()
    all_links = score_links(simulated)
    some = score_links(simulated, genes=[names[7], names[3]])
    wanted = all_links[all_links["gene"].isin([names[3], names[7]])]
    for column in COLUMNS:
        assert_exact(some[column].to_numpy(), wanted[column].to_numpy())
    with pytest.raises(UnknownNameError, match="genes: not in the data set: 'GATA1'"):
        score_links(simulated, genes=["GATA1", names[0]])
    with pytest.raises(
        ValueError, match=r"genes must be a sequence of names, got the text 'GATA1': wanted \['GATA1'\]"
    ):
        score_links(simulated, genes="GATA1")
    with pytest.raises(ValueError, match="genes: wanted one name or more, got none"):
        score_links(simulated, genes=[])


def test_links_in_some_cell_types(simulated):
    names = simulated.cell_types["name"].tolist()
    cells, scale = [2, 5], simulated.openness.mean(axis=0, dtype=float)
    links = score_links(simulated, cell_types=[names[5], names[2]])
    # As of a data set of these cell types, whose openness has been divided by depth.
    parts = (simulated.openness / scale)[:, cells], simulated.peaks, simulated.genes, simulated.expression[:, cells]
    alone = score_links(PairedDataset(*parts, [names[2], names[5]]), depth=None)
    keys = ["gene", "start", "end"]
    one, other = (table.sort_values(keys, kind="stable") for table in (links, alone))
    assert_exact(one["tss_between"].to_numpy(), other["tss_between"].to_numpy())
    assert_float32_sums(one["score"].to_numpy(), other["score"].to_numpy())
    assert one["score"].corr(score_links(simulated).sort_values(keys, kind="stable")["score"]) < 0.999
    with pytest.raises(UnknownNameError, match="cell_types: not in the data set: 'HSC'"):
        score_links(simulated, cell_types=["HSC"])


def test_links_of_one_of_several_signals():
    data = several_signals()
    with pytest.raises(ValueError, match="score_links reads one signal, and this data set has ATAC, H3K27ac"):
        score_links(data)
    links = score_links(data, signal="H3K27ac")
    assert set(links["signal"]) == {"H3K27ac"}
    rows = data.tables.peaks_of("H3K27ac")
    peaks = data.peaks.iloc[rows][["chrom", "start", "end"]]
    alone = PairedDataset(data.openness[rows], peaks, data.genes, data.expression, data.cell_types)
    assert_exact(links.drop(columns="signal"), score_links(alone))


def test_links_go_to_a_genome_browser_and_back(simulated, tmp_path):
    links = score_links(simulated, max_distance=50_000)
    write_bedpe(links, tmp_path / "links.bedpe")
    read = read_bedpe(tmp_path / "links.bedpe")
    assert read["name"].tolist() == links["gene"].tolist()
    assert_exact(read[["start1", "end1", "start2"]].to_numpy(), links[["start", "end", "tss"]].to_numpy())
    assert peak_scores(links)["score"].sum() == pytest.approx(links["score"].sum())


# Contact


def contacts(**changes):
    table = {"chrom": ["1", "1"], "start": [20_000, 90_000], "end": [21_000, 100_000], "gene": ["a", "a"]}
    return {**table, "contact": [3.0, 0.5], **changes}


def test_contacts_of_a_table_are_those_of_the_interval_that_holds_the_peak():
    with pytest.warns(LeftOutWarning, match="contact: 10 of 12 pairs are not in the table; they have no contact"):
        links = score_links(hand(), contact=contacts())
    found = links[links["contact"].notna()].set_index("start")
    assert found["gene"].tolist() == ["a", "a"]
    assert found.loc[20_000, "contact"] == 3.0
    assert found.loc[95_000, "contact"] == 0.5
    assert_float64_sums(found.loc[20_000, "score"], 0.5 * 3 * np.log(3))
    assert links[links["contact"].isna()][["score", "share"]].isna().all(axis=None)
    assert_float64_sums(found["share"].sum(), 1.0)
    # A table of all pairs warns of nothing.
    everywhere = {"chrom": ["1"] * 3, "start": [0] * 3, "end": [10**6] * 3, "gene": list("abc"), "contact": [1.0] * 3}
    assert_exact(score_links(hand(), contact=everywhere)["contact"].to_numpy(), 1.0)


def test_contact_tables_that_do_not_match_are_refused():
    def refused(error, match, **changes):
        with pytest.raises(error, match=match):
            score_links(hand(), contact=contacts(**changes))

    refused(
        UnmatchedDataError, "contact: no gene of the table is in the data set: 'A' against 'a', 'b'", gene=["A", "A"]
    )
    refused(
        UnmatchedDataError, "contact: no pair of a peak and a gene is in the table: wanted", start=[5, 8], end=[6, 9]
    )
    refused(
        ChromosomeMismatchError,
        "contact and genes have no chromosome in common: .* are the same",
        chrom=["chr1", "chr1"],
    )
    refused(TableError, r"contact: contact: wanted finite numbers of 0 or more, got -1.0 in row 1", contact=[0.0, -1.0])
    refused(
        TableError, r"contact: contact: wanted finite numbers of 0 or more, got nan in row 0", contact=[np.nan, 1.0]
    )
    refused(TableError, "contact: contact: wanted numbers, got dtype", contact=["high", "low"])
    refused(
        TableError, r"contact: 1 interval\(s\) overlap another of the same gene, the first of a", start=[20_000] * 2
    )
    refused(TableError, "contact: wanted 0 <= start < end", start=[30_000, 90_000])
    refused(
        TableError,
        r"contact: 1 interval\(s\) lie on another chromosome than their gene, the first on 2, with a on 1",
        chrom=["1", "2"],
    )
    with pytest.raises(TableError, match=r"contact: missing columns \['contact'\]"):
        score_links(hand(), contact=pd.DataFrame(contacts()).drop(columns="contact"))


# Settings


def test_bad_settings_are_refused(simulated):
    with pytest.raises(TypeError, match="data: wanted a PairedDataset, got GeneCellPairs"):
        score_links(simulated.pairs())
    for name in ("max_distance", "min_distance", "promoter_reach"):
        for bad in (-1, 2.5, True):
            with pytest.raises(ValueError, match=f"{name} must be a whole number of"):
                score_links(simulated, **{name: bad})
    with pytest.raises(ValueError, match="min_distance must be at most max_distance, got 10 and 5"):
        score_links(simulated, min_distance=10, max_distance=5)
    with pytest.raises(ValueError, match="max_distance and promoter_reach must be at most 2147483647 bp"):
        score_links(simulated, max_distance=2**31)
    with pytest.raises(ValueError, match="contact_decay must be finite and greater than 0, got 0"):
        score_links(simulated, contact_decay=0)
    with pytest.raises(ValueError, match=r"depth must be one of \('mean', None\), got 'sum'"):
        score_links(simulated, depth="sum")
    with pytest.raises(UnknownNameError, match="no signal 'ATAC' in the data set"):
        score_links(simulated, signal="ATAC")
    with pytest.raises(ValueError, match="no peak lies 1 to 2 bp from the TSS of a gene: widen the distances"):
        score_links(hand(), min_distance=1, max_distance=2)


# Geometry

intervals = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 40), st.integers(1, 10)), min_size=1, max_size=12)


def arrays(rows):
    group, start, length = np.array(rows, dtype=np.int64).T
    return group, start, start + length


@given(intervals, intervals)
def test_touch_is_sharing_a_base(some, others):
    one, other = arrays(some), arrays(others)
    wanted = [
        any(g == h and max(s, t) < min(e, f) for h, t, f in zip(*other, strict=True))
        for g, s, e in zip(*one, strict=True)
    ]
    assert touch(*one, other).tolist() == wanted


@given(
    intervals, st.lists(st.tuples(st.integers(0, 2), st.integers(0, 50)), min_size=1, max_size=8), st.integers(0, 50)
)
def test_sites_between_are_those_strictly_between(some, sites, tss):
    chrom, start, end = arrays(some)
    at, position = np.array(sites, dtype=np.int64).T
    found = sites_between(chrom, start, end, np.full(start.size, tss), site_keys(at, position))
    wanted = [
        sum(c == h and (e <= p < tss or tss < p < s) for h, p in sites)
        for c, s, e in zip(chrom, start, end, strict=True)
    ]
    assert found.tolist() == wanted


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 50)), min_size=1, max_size=8))
def test_lookup_finds_the_interval_that_holds_a_position(positions):
    table = np.array([1, 0, 0]), np.array([10, 30, 5]), np.array([20, 40, 12])
    group, position = np.array(positions, dtype=np.int64).T
    wanted = [
        next((k for k, (h, s, e) in enumerate(zip(*table, strict=True)) if h == g and s <= p < e), -1)
        for g, p in positions
    ]
    assert lookup(group, position, table).tolist() == wanted


def test_links_of_pools_are_refused():
    one, other = (make_paired_openness(n_genes=20, n_cell_types=4, n_lineages=2)[0] for _ in range(2))
    moved = other.peaks.assign(start=other.peaks["start"] + 37, end=other.peaks["end"] + 37)
    cells = [f"other{k}" for k in range(4)]
    other = PairedDataset(other.openness, moved, other.genes, other.expression, cells)
    with pytest.raises(ValueError, match=r"some peaks are 0 in all of one, .* Score links in each data set by itself"):
        score_links(pool({"one": one, "other": other}))
