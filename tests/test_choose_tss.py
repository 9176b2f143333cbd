"""Start sites chosen by openness, and every site with its gene: by hand, by law, and against loops over bases."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from promises import assert_exact

from skepi.exceptions import ChromosomeMismatchError, LeftOutWarning, TableError
from skepi.intervals import MAX_POSITION
from skepi.io import choose_tss
from skepi.paired import PairedDataset

SWAPPED = {"+": "-", "-": "+"}


def sites(*rows):
    """Transcripts from (name, chrom, tss, strand)."""
    return pd.DataFrame(rows, columns=["name", "chrom", "tss", "strand"])


def regions(*rows):
    return pd.DataFrame(rows, columns=["chrom", "start", "end"])


def chosen(transcripts, peaks, openness):
    """Site of each gene."""
    found = choose_tss(transcripts, "most_open", peaks=peaks, openness=openness)
    return dict(zip(found["name"], found["tss"], strict=True))


TWO = sites(("A", "chr1", 5000, "+"), ("A", "chr1", 9000, "+"), ("A", "chr1", 9000, "+"))
AT_EACH = regions(("chr1", 4900, 5000), ("chr1", 9100, 9200), ("chr1", 20_000, 20_100))


def slow_openness(transcripts, peaks, openness):
    """Openness of each (gene, site) within 500 bp, base by base, in fractions; cell types divided by their means."""
    signal = [[Fraction(value) for value in row] for row in np.asarray(openness, dtype=object).reshape(len(peaks), -1)]
    means = [sum(column) / len(peaks) for column in zip(*signal, strict=True)]
    strength = [sum(value / mean for value, mean in zip(row, means, strict=True)) / len(means) for row in signal]
    found = {}
    for name, chrom, tss, _ in transcripts.itertuples(index=False, name=None):
        window = set(range(tss - 500, tss + 501))
        found[name, tss] = sum(
            total * len(window & set(range(start, end))) / (end - start)
            for (where, start, end), total in zip(peaks.itertuples(index=False, name=None), strength, strict=True)
            if where == chrom
        )
    return found


# --- most_open, by hand


def test_the_most_open_site_by_hand():
    # Means of the cell types: 4 and 2. The first peak: (8 / 4 + 0 / 2) / 2 = 1; the second (0 + 5 / 2) / 2 = 1.25.
    openness = np.array([[8, 0], [0, 5], [4, 1]])
    found = choose_tss(TWO, "most_open", peaks=AT_EACH, openness=openness)
    assert list(found) == ["name", "chrom", "tss", "strand", "n_transcripts"]
    assert found.to_dict("records") == [{"name": "A", "chrom": "chr1", "tss": 9000, "strand": "+", "n_transcripts": 2}]
    # By raw sums the first would win, 8 to 5.
    assert chosen(TWO, AT_EACH, openness[:, 0]) == {"A": 5000}
    assert chosen(TWO, AT_EACH, openness[:, 1]) == {"A": 9000}


@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize(
    ("start", "end", "counts"),
    [
        (4499, 4500, False),  # the base 501 before
        (4500, 4501, True),
        (5500, 5501, True),  # the base 500 behind
        (5501, 5502, False),
    ],
)
def test_the_window_holds_500_bases_on_either_side(strand, start, end, counts):
    transcripts = TWO.assign(strand=strand)
    assert chosen(transcripts, regions(("chr1", start, end)), [1]) == {"A": 5000 if counts else 9000}


def test_a_peak_counts_by_the_share_of_its_bases():
    # 100 of 400 bases within reach of the first site, 1 of 4 signal; all of the second, 2.
    peaks = regions(("chr1", 5401, 5801), ("chr1", 9000, 9100))
    assert chosen(TWO, peaks, [4.0, 2.0]) == {"A": 9000}
    assert chosen(TWO, peaks, [20.2, 2.0]) == {"A": 5000}


@pytest.mark.parametrize(("strand", "upstream"), [("+", 3000), ("-", 7000)])
def test_equal_openness_goes_to_most_transcripts_and_then_upstream(strand, upstream):
    rows = [("A", "chr1", 5000, strand)] + [("A", "chr1", tss, strand) for tss in (7000, 3000)]
    peaks = regions(("chr1", 100_000, 100_100))
    assert chosen(sites(*rows, rows[0]), peaks, [1]) == {"A": 5000}
    assert chosen(sites(*rows), peaks, [1]) == {"A": upstream}


def test_sites_of_one_peak_are_equal():
    transcripts = sites(("A", "chr1", 5040, "+"), ("A", "chr1", 5050, "+"), ("A", "chr1", 5050, "+"))
    assert chosen(transcripts, AT_EACH, [0.1, 0.2, 0.7]) == {"A": 5050}


def test_genes_far_from_any_peak_get_the_site_of_most_transcripts():
    other = sites(("B", "chr2", 10, "-"), ("B", "chr2", 700, "-"), ("B", "chr2", 10, "-"))
    assert chosen(pd.concat([other, TWO]), AT_EACH, [1, 0, 0]) == {"B": 10, "A": 5000}


def test_genes_keep_their_order_and_those_of_no_single_place_are_left_out():
    far = sites(("Z", "chr1", 9, "+"), ("far", "chr1", 0, "+"), ("far", "chr1", 900_000, "+"))
    with pytest.warns(LeftOutWarning, match="1 of 3 genes: 1 with sites more than 500,000 bp apart .'far'."):
        found = choose_tss(pd.concat([far, TWO]), "most_open", peaks=AT_EACH, openness=[1, 1, 1])
    assert list(found["name"]) == ["Z", "A"]
    assert found.attrs["left_out"] == ["far"]


def test_the_chosen_sites_make_a_data_set():
    openness = pd.DataFrame({"HSC": [1.0, 2.0, 3.0], "Ery": [4.0, 0.0, 1.0]})
    genes = choose_tss(TWO, "most_open", peaks=AT_EACH, openness=openness)
    assert PairedDataset(openness, AT_EACH, genes).genes["tss"].tolist() == genes["tss"].tolist()


# --- most_open, by law


@st.composite
def promoters(draw):
    """Genes of several sites, peaks about them, and whole-number signals of 1 to 3 cell types."""
    site = st.tuples(
        st.sampled_from([("A", "chr1", "+"), ("B", "chr1", "-"), ("C", "chr2", "-")]), st.integers(600, 2600)
    )
    rows = draw(st.lists(site, min_size=1, max_size=10))
    transcripts = sites(*[(name, chrom, tss, strand) for (name, chrom, strand), tss in rows])
    peak = st.tuples(st.sampled_from(["chr1", "chr2"]), st.integers(0, 3000), st.integers(1, 300))
    found = draw(st.lists(peak, min_size=1, max_size=8))
    peaks = regions(*[(chrom, start, start + length) for chrom, start, length in found])
    n_types = draw(st.integers(1, 3))
    size = len(peaks) * n_types
    openness = np.array(draw(st.lists(st.integers(0, 9), min_size=size, max_size=size))).reshape(-1, n_types)
    assume((openness.sum(axis=0) > 0).all() and set(peaks["chrom"]) & set(transcripts["chrom"]))
    return transcripts, peaks, openness


def near_best(openness, name):
    """Sites of a gene whose openness is the greatest, up to rounding."""
    of_gene = {tss: value for (gene, tss), value in openness.items() if gene == name}
    return {tss for tss, value in of_gene.items() if value >= max(of_gene.values()) * (1 - Fraction(1, 10**12))}


@given(promoters())
def test_the_chosen_site_is_the_most_open_by_single_bases(drawn):
    transcripts, peaks, openness = drawn
    slow = slow_openness(transcripts, peaks, openness)
    by_transcripts = choose_tss(transcripts).set_index("name")["tss"]
    for name, tss in chosen(transcripts, peaks, openness).items():
        assert tss in near_best(slow, name)
        if slow[name, tss] == 0:
            assert tss == by_transcripts[name]


@given(promoters(), st.integers(0, 4000), st.randoms(use_true_random=False))
def test_mirroring_and_permuting_change_nothing(drawn, shift, random):
    transcripts, peaks, openness = drawn
    slow = slow_openness(transcripts, peaks, openness)
    here = chosen(transcripts, peaks, openness)
    assume(all(len(near_best(slow, name)) == 1 for name in here))  # sums in another order round otherwise
    end = 4000 + shift
    mirrored = transcripts.assign(tss=end - 1 - transcripts["tss"], strand=transcripts["strand"].map(SWAPPED))
    there = peaks.assign(start=end - peaks["end"], end=end - peaks["start"])
    assert chosen(mirrored, there, openness) == {name: end - 1 - tss for name, tss in here.items()}
    rows, lines = (random.sample(range(len(table)), len(table)) for table in (peaks, transcripts))
    assert chosen(transcripts.iloc[lines], peaks.iloc[rows], openness[rows]) == here
    types = random.sample(range(openness.shape[1]), openness.shape[1])
    assert chosen(transcripts, peaks, openness[:, types]) == here


@given(promoters(), st.sampled_from([0.25, 64.0]))
def test_the_depth_of_a_cell_type_does_not_matter(drawn, factor):
    transcripts, peaks, openness = drawn
    scaled = openness * np.where(np.arange(openness.shape[1]) == 0, factor, 1.0)
    assert chosen(transcripts, peaks, scaled) == chosen(transcripts, peaks, openness)


# --- most_open, dtypes and tables


@pytest.mark.parametrize("openness", [np.array([200, 100, 250], np.uint8), [200, 100, 250], np.float32([2, 1, 2.5])])
def test_any_numbers_and_a_single_column_will_do(openness):
    assert chosen(TWO, AT_EACH, openness) == {"A": 5000}
    assert chosen(TWO, AT_EACH, np.asarray(openness)[:, None]) == {"A": 5000}
    assert chosen(TWO, AT_EACH, pd.Series(openness, index=["x", "y", "z"])) == {"A": 5000}


@pytest.mark.parametrize("dtype", ["int32", "uint32", "uint64"])
@pytest.mark.parametrize("place", [100, MAX_POSITION - 5])
def test_sites_at_the_rim_in_other_dtypes(dtype, place):
    # tss - 500 of an unsigned number wraps, and tss + 501 of int32 overflows.
    elsewhere = abs(place - 3000)
    transcripts = sites(*[("A", "chr1", tss, "+") for tss in (place, elsewhere, elsewhere)])
    peaks = regions(("chr1", place - 50, place))
    for positions in ("int64", dtype):
        table = peaks.astype({"start": positions, "end": positions})
        assert chosen(transcripts.astype({"tss": dtype}), table, [1]) == {"A": place}


def test_the_most_upstream_site_of_unsigned_positions():
    # The negative of an unsigned number is a great one, but that of 0 is 0.
    transcripts = sites(("A", "chr1", 0, "-"), ("A", "chr1", 9, "-")).astype({"tss": "uint64"})
    assert choose_tss(transcripts, "most_upstream")["tss"].tolist() == [9]


@pytest.mark.parametrize("tss", [[100.7, 900.2], [np.inf, 1.0], [True, False], ["100", "9"]])
def test_sites_that_are_no_whole_numbers_are_refused(tss):
    with pytest.raises(TableError, match=r"transcripts: tss: wanted whole numbers"):
        choose_tss(sites(("A", "chr1", 0, "+"), ("A", "chr1", 1, "+")).assign(tss=tss))


@pytest.mark.parametrize("policy", ["most_transcripts", "all"])
def test_sites_may_be_whole_numbers_held_as_floats(policy):
    # As they are once another table has been joined.
    found = choose_tss(TWO.assign(tss=TWO["tss"].astype(float)), policy)
    assert_exact(found, choose_tss(TWO, policy))


@pytest.mark.parametrize("column", ["name", "chrom", "strand"])
@pytest.mark.parametrize("policy", ["most_open", "all"])
def test_categorical_columns_are_as_text(column, policy):
    values = TWO[column]
    table = TWO.assign(**{column: pd.Categorical(values, categories=[*values.unique(), "unused"])})
    options = {"peaks": AT_EACH.astype({"chrom": "category"}), "openness": [1, 2, 3]} if policy == "most_open" else {}
    found, expected = (choose_tss(transcripts, policy, **options) for transcripts in (table, TWO))
    assert found.astype(str).to_dict("list") == expected.astype(str).to_dict("list")


def test_the_callers_tables_are_untouched():
    transcripts, peaks, openness = TWO.copy(), AT_EACH.copy(), np.array([1.0, 2, 3])
    choose_tss(transcripts, "most_open", peaks=peaks, openness=openness)
    assert_exact(transcripts, TWO)
    assert_exact(peaks, AT_EACH)
    assert openness.tolist() == [1, 2, 3]


def test_genes_of_identifiers():
    transcripts = pd.DataFrame(
        {
            "chrom": "chr1",
            "start": [100, 100, 400],
            "end": [200, 300, 500],
            "strand": ["+", "+", "-"],
            "gene_id": ["ENSG00000000001.2", "ENSG00000000001.2", "ENSG00000000002.1"],
            "gene_name": "TBCE",
        }
    )
    by_id = choose_tss(transcripts, name="gene_id")
    assert by_id["name"].tolist() == ["ENSG00000000001.2", "ENSG00000000002.1"]
    assert by_id["tss"].tolist() == [100, 499]
    assert choose_tss(transcripts.iloc[:2])["name"].tolist() == ["TBCE"]
    with pytest.raises(TableError, match="no gene is left; left out 1 of 1 genes: 1 on both"):  # one name, both strands
        choose_tss(transcripts)
    with pytest.raises(TableError, match=r"missing columns \['symbol'\], got"):
        choose_tss(transcripts, name="symbol")


# --- most_open, errors


@pytest.mark.parametrize("policy", ["most_transcripts", "most_upstream", "most_open", "all"])
@pytest.mark.parametrize("names", [("peaks",), ("openness",), ("peaks", "openness"), ()])
def test_peaks_and_openness_belong_to_most_open(policy, names):
    options = {name: value for name, value in (("peaks", AT_EACH), ("openness", [1, 2, 3])) if name in names}
    if len(options) == (2 if policy == "most_open" else 0):
        assert len(choose_tss(TWO, policy, **options)) > 0
    else:
        with pytest.raises(
            ValueError, match="policy='most_open' needs peaks and openness, and the others take neither"
        ):
            choose_tss(TWO, policy, **options)


NO_SIGNAL = [[1, np.nan, 1], [1, -0.5, 1], [np.inf, 1, 1], [[1, 0], [1, 0], [1, 0]], [0, 0, 0]]


@pytest.mark.parametrize("openness", NO_SIGNAL)
def test_openness_that_is_no_signal_is_refused(openness):
    with pytest.raises(TableError, match="openness: wanted finite values >= 0, with some signal in every cell type"):
        chosen(TWO, AT_EACH, openness)


@pytest.mark.parametrize("shape", [(2,), (6,), (2, 3), (1, 3), (6, 2), (3, 2, 2), ()])
def test_openness_of_another_shape_is_refused(shape):
    # 2 x 3 would be cell types x peaks: as many numbers as 3 peaks of 2 cell types, in another order.
    with pytest.raises(TableError, match=r"openness: wanted .*3"):
        chosen(TWO, AT_EACH, np.arange(1, 1 + np.prod(shape, dtype=int)).reshape(shape))


def test_peaks_of_other_chromosome_names_are_an_error():
    message = r"peaks and genes have no chromosome in common: 1 against chr1 \(1 and chr1 are the same"
    with pytest.raises(ChromosomeMismatchError, match=message):
        chosen(TWO, AT_EACH.assign(chrom="1"), [1, 2, 3])


@pytest.mark.parametrize(
    "peaks",
    [
        AT_EACH.drop(columns="end"),
        AT_EACH.iloc[:0],
        AT_EACH.assign(end=AT_EACH["start"]),
        AT_EACH.assign(end=AT_EACH["start"] - 10),
        AT_EACH.assign(start=np.nan),
        AT_EACH.assign(chrom=[None, "chr1", "chr1"]),
        [("chr1", 1, 2)],
    ],
)
def test_peaks_that_are_no_intervals_are_refused(peaks):
    with pytest.raises(TableError, match="peaks"):
        chosen(TWO, peaks, [1, 2, 3][: len(peaks)])


# --- all sites, and the gene of each

SEVERAL = sites(("M", "chr1", 900, "-"), ("A", "chr2", 7, "+"), ("M", "chr1", 950, "-"), ("M", "chr1", 900, "-"))


def test_all_sites_name_their_gene():
    found = choose_tss(SEVERAL, policy="all")
    assert list(found) == ["name", "chrom", "tss", "strand", "n_transcripts", "gene"]
    assert list(found["name"]) == ["M@950", "M@900", "A"]
    assert list(found["gene"]) == ["M", "M", "A"]
    assert list(found.index) == [0, 1, 2]


def test_the_other_policies_have_no_gene_column():
    for policy in ("most_transcripts", "most_upstream"):
        assert "gene" not in choose_tss(SEVERAL, policy)
    assert "gene" not in choose_tss(SEVERAL, "most_open", peaks=AT_EACH, openness=[1, 2, 3])


@given(promoters())
def test_the_gene_column_groups_the_sites_of_a_gene(drawn):
    transcripts, _, _ = drawn
    found = choose_tss(transcripts, policy="all")
    pairs = transcripts[["name", "tss"]].drop_duplicates()
    assert set(zip(found["gene"], found["tss"], strict=True)) == set(pairs.itertuples(index=False, name=None))
    assert len(found) == len(pairs)
    assert found["name"].is_unique
    assert list(found["gene"].unique()) == list(transcripts["name"].unique())
    sizes = found.groupby("gene")["n_transcripts"].sum()
    assert sizes.to_dict() == transcripts["name"].value_counts().to_dict()
    # Every other policy chooses one of these.
    for policy in ("most_transcripts", "most_upstream"):
        one = choose_tss(transcripts, policy)
        assert set(zip(one["name"], one["tss"], strict=True)) <= set(zip(found["gene"], found["tss"], strict=True))


def test_the_gene_column_stays_in_a_data_set():
    openness = pd.DataFrame({"HSC": [1.0, 2.0, 3.0]})
    data = PairedDataset(openness, AT_EACH, choose_tss(TWO, policy="all"))
    assert data.genes["gene"].tolist() == ["A", "A"]


def test_names_of_sites_that_are_those_of_other_genes_are_refused():
    with pytest.raises(TableError, match="M@900"):
        choose_tss(pd.concat([SEVERAL, sites(("M@900", "chr1", 5, "+"))]), policy="all")
