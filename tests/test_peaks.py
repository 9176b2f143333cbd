"""Peaks of many samples: by hand, by law, and against greedy loops and arrays of single bases."""

import os
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from promises import assert_exact, assert_float32_sums

from skepi.exceptions import ChromosomeMismatchError, FileFormatError, TableError
from skepi.intervals import MAX_POSITION
from skepi.paired import PairedDataset
from skepi.peaks import consensus_peaks, openness_from_bigwigs, openness_over_peaks, read_narrowpeaks

MIRROR = Path(os.environ.get("SKEPI_MIRROR", Path(__file__).parents[2] / "shared" / "mirror"))
CHROMS = ("chr1", "chr10", "chr2")


def calls(*rows, **columns):
    """A table of peak calls from (chrom, start, end, log10_p)."""
    table = pd.DataFrame(rows, columns=["chrom", "start", "end", "log10_p"])
    return table.astype({"start": np.int64, "end": np.int64, "log10_p": np.float64}).assign(**columns)


def regions(*rows):
    return pd.DataFrame(rows, columns=["chrom", "start", "end"])


def listed(table, *columns):
    return list(table[list(columns or table.columns)].itertuples(index=False, name=None))


# --- slow twins, written from the documentation


def overlap(a, b):
    """Two (chrom, start, end, ...) share a base."""
    return a[0] == b[0] and a[1] < b[2] and b[1] < a[2]


def windows_of(table, width, exclude=()):
    """(chrom, start, end, score) around each summit, or the middle where there is none."""
    found = []
    for row in table.to_dict("records"):
        summit = row.get("summit", -1)
        place = (row["start"] + row["end"]) // 2 if summit < 0 else summit
        window = (str(row["chrom"]), place - width // 2, place - width // 2 + width, row["log10_p"])
        if window[1] >= 0 and not any(overlap(window, region) for region in exclude):
            found.append(window)
    return found


def greedy(windows):
    """Best first; of equal scores the first in the genome."""
    kept = []
    for window in sorted(windows, key=lambda window: (-window[3], window[:3])):
        if not any(overlap(window, other) for other in kept):
            kept.append(window)
    return kept


def n_samples_of(region, tables):
    rows = [[(str(c), s, e) for c, s, e in listed(table, "chrom", "start", "end")] for table in tables]
    return sum(any(overlap(region, row) for row in table) for table in rows)


def slow_windows(samples, width, min_samples=1, exclude=()):
    """``consensus_peaks(method="windows")`` with exact shares; None where a sample has no score left."""
    pooled = []
    for table in samples.values():
        kept = greedy(windows_of(table, width, exclude))
        total = sum(int(window[3]) for window in kept)
        if total == 0:
            return None
        pooled += [(*window[:3], Fraction(int(window[3]), total)) for window in kept]
    found = sorted(window[:3] for window in greedy(pooled))
    counted = [(*region, n_samples_of(region, samples.values())) for region in found]
    return [row for row in counted if row[3] >= min_samples]


def runs(mask):
    """(start, end) of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def slow_merged(samples, min_samples=1, exclude=()):
    """``consensus_peaks(method="merged")`` by a mask of bases for each chromosome."""
    mask = {chrom: np.zeros(1000, bool) for chrom in CHROMS}
    for table in samples.values():
        for chrom, start, end in listed(table, "chrom", "start", "end"):
            if not any(overlap((chrom, start, end), region) for region in exclude):
                mask[chrom][start:end] = True
    found = [(chrom, *run) for chrom in CHROMS for run in runs(mask[chrom])]
    counted = [(*region, n_samples_of(region, samples.values())) for region in found]
    return [row for row in counted if row[3] >= min_samples]


def track(table, size=1000):
    """Signal of every base, the greatest where several intervals hold it."""
    height = {chrom: np.zeros(size) for chrom in CHROMS}
    for chrom, start, end, signal in listed(table, "chrom", "start", "end", "signal_value"):
        height[chrom][start:end] = np.maximum(height[chrom][start:end], signal)
    return height


# --- tables of hypothesis


@st.composite
def call_tables(draw, low=0):
    """Peak calls in any order: nested, repeated, equal in score; in several dtypes."""
    rows = draw(
        st.lists(
            st.tuples(
                st.sampled_from(CHROMS),
                st.integers(low, low + 250),
                st.integers(1, 50),
                st.integers(0, 5),
                st.integers(0, 49),
            ),
            min_size=1,
            max_size=12,
        )
    )
    table = calls(*[(chrom, start, start + length, score) for chrom, start, length, score, _ in rows])
    if draw(st.booleans()):
        summit = [-1 if part % 5 == 0 else start + part % length for _, start, length, _, part in rows]
        table["summit"] = summit
    if draw(st.booleans()):
        table["chrom"] = pd.Categorical(table["chrom"], categories=[*CHROMS, "chrUn"])
    dtype = draw(st.sampled_from(["int64", "int32", "uint16"]))
    table.index = range(7, 7 + len(table))
    table["signal_value"] = table["log10_p"] / 4
    return table.astype({"start": dtype, "end": dtype})


def sample_tables(**options):
    tables = st.lists(call_tables(**options), min_size=1, max_size=3)
    return tables.map(lambda found: dict(zip(("HSC", "Ery", "CD4"), found, strict=False)))


excluded = st.lists(
    st.tuples(st.sampled_from(CHROMS), st.integers(0, 280), st.integers(1, 40)).map(
        lambda r: (r[0], r[1], r[1] + r[2])
    ),
    max_size=3,
)


def meets(exclude, samples):
    """Excluded regions, if any, and samples have a chromosome in common."""
    return not exclude or any(set(table["chrom"]) & {region[0] for region in exclude} for table in samples.values())


# --- consensus by windows


def test_windows_by_hand():
    # HSC: windows 100-200 (9 of 12 in 10**6) and 500-600 (3 of 12); the one at 150 is removed by the better one.
    # Ery: 180-280 (8 of 16) loses to HSC's 75 %, 560-660 (8 of 16) wins over HSC's 25 %.
    hsc = calls(("chr1", 140, 160, 9), ("chr1", 190, 210, 4), ("chr1", 540, 560, 3))
    ery = calls(("chr1", 600, 620, 8), ("chr1", 220, 240, 8))
    found = consensus_peaks({"HSC": hsc, "Ery": ery}, width=100)
    assert list(found) == ["chrom", "start", "end", "n_samples"]
    assert listed(found) == [("chr1", 100, 200, 1), ("chr1", 560, 660, 1)]
    assert list(found.index) == [0, 1]


@pytest.mark.parametrize(
    ("width", "expected"),
    [(1, (103, 104)), (2, (102, 104)), (3, (102, 105)), (100, (53, 153)), (206, (0, 206)), (207, (0, 207))],
)
def test_a_window_holds_its_summit_in_the_middle(width, expected):
    found = consensus_peaks({"a": calls(("chr1", 100, 110, 1), summit=103)}, width=width)
    assert listed(found, "start", "end") == [expected]


def test_a_window_before_the_chromosome_is_left_out_and_one_at_its_first_base_stays():
    table = calls(("chr1", 0, 10, 9), ("chr1", 2, 9, 1), ("chr2", 300, 310, 1), summit=[4, 5, 305])
    found = consensus_peaks({"a": table}, width=10)
    assert listed(found) == [("chr1", 0, 10, 1), ("chr2", 300, 310, 1)]


def test_peaks_without_summit_are_taken_at_their_middle():
    table = calls(("chr1", 100, 111, 1), ("chr1", 300, 310, 1), summit=[-1, 301])
    assert listed(consensus_peaks({"a": table}, width=2), "start", "end") == [(104, 106), (300, 302)]
    assert listed(consensus_peaks({"a": table.drop(columns="summit")}, width=2), "start") == [(104,), (304,)]


def test_of_equal_scores_the_first_in_the_genome_is_kept():
    # 100-ish, 150-ish and 190-ish in a chain: the first removes the second, so the third stays.
    table = calls(("chr1", 195, 197, 2), ("chr1", 145, 147, 2), ("chr1", 95, 97, 2))
    assert listed(consensus_peaks({"a": table}, width=60), "start") == [(66,), (166,)]


def test_windows_that_touch_both_stay_and_windows_that_share_a_base_do_not():
    at = calls(("chr1", 100, 101, 2), ("chr1", 110, 111, 1), ("chr2", 100, 101, 2), ("chr2", 109, 110, 1))
    assert listed(consensus_peaks({"a": at}, width=10), "chrom", "start") == [("chr1", 95), ("chr1", 105), ("chr2", 95)]


def test_a_window_of_score_zero_is_kept_where_no_other_overlaps():
    table = calls(("chr1", 100, 110, 0), ("chr1", 500, 510, 3))
    assert listed(consensus_peaks({"a": table}, width=50), "start") == [(80,), (480,)]


def test_depth_of_a_sample_does_not_count():
    deep = calls(("chr1", 100, 110, 500), ("chr1", 900, 910, 500))
    shallow = calls(("chr1", 120, 130, 3))
    assert listed(consensus_peaks({"deep": deep, "shallow": shallow}, width=50), "start") == [(100,), (880,)]


def test_excluded_regions_may_lie_where_no_window_is():
    # On chr1 the window of 2 bp around the summit 0 would begin before the chromosome, so chr2 alone has a window.
    table = calls(("chr1", 0, 1, 0), ("chr2", 100, 110, 5))
    kept = consensus_peaks({"a": table}, width=2, exclude=regions(("chr1", 0, 1)))
    assert listed(kept, "chrom") == [("chr2",)]


@given(sample_tables(), st.integers(1, 60), excluded, st.integers(1, 3))
def test_windows_are_those_of_a_greedy_loop(samples, width, exclude, min_samples):
    min_samples = min(min_samples, len(samples))
    expected = slow_windows(samples, width, min_samples, exclude)
    assume(expected and meets(exclude, samples))
    options = {"exclude": regions(*exclude)} if exclude else {}
    assert listed(consensus_peaks(samples, width=width, min_samples=min_samples, **options)) == expected


@given(sample_tables(), st.integers(1, 60))
def test_no_window_overlaps_another_and_every_candidate_overlaps_one(samples, width):
    assume(slow_windows(samples, width))
    kept = listed(consensus_peaks(samples, width=width), "chrom", "start", "end")
    assert kept == sorted(kept)
    assert all(end - start == width and start >= 0 for _, start, end in kept)
    assert not any(overlap(a, b) for a, b in pairwise(kept))
    # What stays within a sample competes among all; what has lost within its sample overlaps only what removed it.
    for table in samples.values():
        for window in greedy(windows_of(table, width)):
            assert any(overlap(window, region) for region in kept)


@given(call_tables(), st.integers(1, 60))
def test_every_candidate_of_a_single_sample_overlaps_a_window(table, width):
    assume(slow_windows({"a": table}, width))
    kept = listed(consensus_peaks({"a": table}, width=width), "chrom", "start", "end")
    assert all(any(overlap(window, region) for region in kept) for window in windows_of(table, width))


@given(sample_tables(), st.sampled_from(["windows", "merged"]), st.randoms(use_true_random=False))
def test_the_order_of_samples_and_rows_does_not_matter(samples, method, random):
    assume(slow_windows(samples, 40))
    names = random.sample(list(samples), len(samples))
    shuffled = {name: samples[name].iloc[random.sample(range(n := len(samples[name])), n)] for name in names}
    found = consensus_peaks(shuffled, width=40, method=method)
    assert_exact(found, consensus_peaks(samples, width=40, method=method))


@given(sample_tables(low=30), st.sampled_from(["windows", "merged"]), st.integers(1, 2_147_483_000))
def test_translating_all_positions_translates_the_result(samples, method, shift):
    assume(slow_windows(samples, 60))
    samples = {name: table.astype({"start": np.int64, "end": np.int64}) for name, table in samples.items()}
    there = {}
    for name, table in samples.items():
        columns = {column: table[column] + shift for column in ("start", "end")}
        if "summit" in table:
            columns["summit"] = table["summit"].where(table["summit"] < 0, table["summit"] + shift)
        there[name] = table.assign(**columns)
    # Halves are rounded down, so an odd shift would not move the middles alike.
    assume(shift % 2 == 0 or method == "merged" or all("summit" in table for table in samples.values()))
    here = consensus_peaks(samples, width=60, method=method)
    expected = here.assign(start=here["start"] + shift, end=here["end"] + shift)
    assume(expected["end"].max() <= MAX_POSITION)
    assert_exact(consensus_peaks(there, width=60, method=method), expected)


@given(sample_tables(), st.integers(1, 60), st.sampled_from([2.0, 0.125, 1024.0]))
def test_the_scale_of_a_sample_does_not_matter(samples, width, factor):
    assume(slow_windows(samples, width))
    first, *_ = samples
    scaled = {**samples, first: samples[first].assign(log10_p=samples[first]["log10_p"] * factor)}
    assert_exact(consensus_peaks(scaled, width=width), consensus_peaks(samples, width=width))


def test_the_column_of_scores_can_be_chosen():
    table = calls(("chr1", 100, 110, 1), ("chr1", 110, 120, 9), signal_value=np.array([3, 2], np.uint8))
    assert listed(consensus_peaks({"a": table}, width=50, score="signal_value"), "start") == [(80,)]
    assert listed(consensus_peaks({"a": table}, width=50), "start") == [(90,)]


@pytest.mark.slow
def test_long_chains_of_overlapping_windows_are_those_of_a_greedy_loop(rng):
    # Windows all over, with few distinct scores: many rounds, and runs of candidates of every length.
    start = rng.integers(1000, 3500, 400)
    table = calls(*[("chr1", at, at + 1, score) for at, score in zip(start, rng.integers(1, 4, 400), strict=True)])
    for width in (1, 7, 64, 999):
        expected = slow_windows({"a": table}, width)
        assert listed(consensus_peaks({"a": table}, width=width)) == expected


# --- consensus by union


def test_merged_by_hand():
    # 100-150 and 150-170 touch; 171 does not. The nested interval adds nothing.
    a = calls(("chr1", 100, 150, 1), ("chr1", 171, 180, 1), ("chr1", 110, 120, 1))
    b = calls(("chr1", 150, 170, 1), ("chr2", 0, 1, 1))
    found = consensus_peaks({"a": a, "b": b}, method="merged")
    assert listed(found) == [("chr1", 100, 170, 2), ("chr1", 171, 180, 1), ("chr2", 0, 1, 1)]
    assert listed(consensus_peaks({"a": a, "b": b}, method="merged", min_samples=2)) == [("chr1", 100, 170, 2)]


@given(sample_tables(), excluded, st.integers(1, 3))
def test_merged_is_the_union_of_bases(samples, exclude, min_samples):
    min_samples = min(min_samples, len(samples))
    expected = slow_merged(samples, min_samples, exclude)
    assume(expected and meets(exclude, samples))
    options = {"exclude": regions(*exclude)} if exclude else {}
    assert listed(consensus_peaks(samples, method="merged", min_samples=min_samples, **options)) == expected


def test_merging_needs_no_score():
    assert len(consensus_peaks({"a": regions(("chr1", 5, 9))}, method="merged")) == 1


# --- what is left out


def test_what_touches_an_excluded_region_is_left_out_from_the_start():
    # The best window lies in the excluded region, so it does not remove its neighbour.
    table = calls(("chr1", 100, 102, 9), ("chr1", 140, 142, 1), ("chr1", 400, 402, 1))
    assert listed(consensus_peaks({"a": table}, width=50), "start") == [(76,), (376,)]
    left = consensus_peaks({"a": table}, width=50, exclude=regions(("chr1", 100, 101)))
    assert listed(left, "start") == [(116,), (376,)]


@pytest.mark.parametrize(("region", "kept"), [((80, 90), 1), ((80, 91), 0), ((110, 120), 1), ((109, 120), 0)])
@pytest.mark.parametrize("method", ["windows", "merged"])
def test_touching_means_a_shared_base(region, kept, method):
    table = calls(("chr1", 90, 110, 1), ("chr2", 90, 110, 1))
    exclude = regions(("chr1", *region)).astype({"chrom": "category"})
    found = consensus_peaks({"a": table}, width=20, method=method, exclude=exclude)
    assert listed(found, "chrom") == [("chr1",)] * kept + [("chr2",)]


def test_a_sample_emptied_by_exclude_is_refused_by_name():
    a, b = calls(("chr1", 100, 110, 1), ("chr1", 900, 910, 1)), calls(("chr1", 105, 110, 1))
    with pytest.raises(TableError, match="sample b"):
        consensus_peaks({"a": a, "b": b}, width=20, exclude=regions(("chr1", 90, 120)))


def test_a_sample_whose_windows_all_begin_before_the_chromosome_is_refused():
    with pytest.raises(TableError, match="sample a"):
        consensus_peaks({"a": calls(("chr1", 10, 20, 1)), "b": calls(("chr1", 900, 910, 1))}, width=500)


@pytest.mark.parametrize("method", ["windows", "merged"])
def test_nothing_left_by_exclude_is_an_error(method):
    with pytest.raises(TableError, match=r"no peak|no window"):
        consensus_peaks({"a": calls(("chr1", 100, 110, 1))}, method=method, exclude=regions(("chr1", 0, 1000)))


def test_merging_goes_on_without_a_sample_that_exclude_has_emptied():
    a, b = calls(("chr1", 100, 110, 1), ("chr1", 900, 910, 1)), calls(("chr1", 105, 110, 1))
    found = consensus_peaks({"a": a, "b": b}, method="merged", exclude=regions(("chr1", 90, 120)))
    assert listed(found) == [("chr1", 900, 910, 1)]


def test_excluded_regions_of_other_chromosome_names_are_refused():
    with pytest.raises(ChromosomeMismatchError, match="exclude"):
        consensus_peaks({"a": calls(("chr1", 900, 910, 1))}, exclude=regions(("1", 900, 910)))


def test_samples_that_name_the_same_chromosomes_in_two_ways_are_refused():
    two = {"a": calls(("chr1", 900, 910, 1)), "b": calls(("1", 900, 910, 1))}
    with pytest.raises(ChromosomeMismatchError, match="sample b has 1, a sample before it chr1"):
        consensus_peaks(two)


def test_contigs_named_alike_do_not_hide_chromosomes_named_otherwise():
    # Ensembl and UCSC name contigs alike: to share one is not enough.
    called = {"a": calls(("1", 900, 910, 1), ("GL000220.1", 5000, 5010, 1), signal_value=1.0)}
    peaks = regions(("chr1", 900, 910), ("GL000220.1", 5000, 5010))
    message = r"name the same chromosome in two ways \(1 and chr1 are the same"
    with pytest.raises(ChromosomeMismatchError, match=message):
        openness_over_peaks(called, peaks)
    with pytest.raises(ChromosomeMismatchError, match=r"exclude and the samples name .* \(chr1 and 1 are the same"):
        consensus_peaks(called, exclude=peaks)
    mixed = {"a": calls(("chr1", 900, 910, 1), ("MT", 5, 9, 1)), "b": calls(("1", 900, 910, 1), ("MT", 5, 9, 1))}
    with pytest.raises(ChromosomeMismatchError, match="sample b has 1, a sample before it chr1"):
        consensus_peaks(mixed)


def test_windows_behind_the_end_of_a_chromosome_are_left_out_where_its_length_is_known():
    table = calls(("chr1", 800, 900, 5), ("chr1", 5000, 5010, 1))
    assert listed(consensus_peaks({"a": table}), "start") == [(600,), (4755,)]
    assert listed(consensus_peaks({"a": table}, chrom_sizes={"chr1": 5255}), "start") == [(600,), (4755,)]
    assert listed(consensus_peaks({"a": table}, chrom_sizes={"chr1": 5254}), "start") == [(600,)]
    with pytest.raises(TableError, match="chrom_sizes: no length of chr1"):
        consensus_peaks({"a": table}, chrom_sizes={"1": 6000})


def test_scores_that_the_caller_did_not_give_are_said_to_be_none():
    with pytest.raises(TableError, match="got -1 in row 0; -1 in every row means that the peak caller computed none"):
        consensus_peaks({"a": calls(("chr1", 900, 910, -1), ("chr1", 5000, 5010, -1))})


@pytest.mark.parametrize("options", [{"min_samples": 1.5}, {"min_samples": "1"}, {"width": True}])
def test_settings_of_another_kind_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        consensus_peaks({"a": calls(("chr1", 900, 910, 1)), "b": calls(("chr1", 900, 910, 1))}, **options)


def test_a_mapping_of_columns_as_peaks():
    called = {"a": calls(("chr1", 5, 9, 2), signal_value=1.0)}
    found = openness_over_peaks(called, {"chrom": ["chr1"], "start": [5], "end": [13]})
    assert found["a"].tolist() == [0.5]


# --- dtypes and places at the rim


@pytest.mark.parametrize("dtype", ["int32", "uint32", "int64", "uint64"])
def test_middles_of_far_positions_do_not_overflow(dtype):
    # start + end of int32 overflows above 2**30.
    table = calls(("chr1", 2_000_000_000, 2_000_000_010, 1), ("chr1", 700, 800, 5))
    found = consensus_peaks({"a": table.astype({"start": dtype, "end": dtype})}, width=10)
    assert listed(found, "start") == [(745,), (2_000_000_000,)]


@pytest.mark.parametrize("method", ["windows", "merged"])
def test_positions_of_the_result_are_int64_whatever_the_tables_hold(method):
    # numpy and pandas make float64 of uint64 beside int64.
    a, b = calls(("chr1", 900, 910, 1)), calls(("chr1", 905, 910, 1), ("chr2", 905, 910, 1))
    found = consensus_peaks({"a": a.astype({"start": "uint64", "end": "uint32"}), "b": b}, width=4, method=method)
    assert found.dtypes[["start", "end", "n_samples"]].tolist() == [np.dtype(np.int64)] * 3
    openness_over_peaks({"b": b}, found, value="log10_p")


def test_windows_do_not_reach_beyond_the_last_position():
    last = ("chr1", MAX_POSITION - 10, MAX_POSITION, 9)
    found = consensus_peaks({"a": calls(last, ("chr1", 5000, 5010, 1))}, width=500)
    assert found["end"].max() <= MAX_POSITION


def test_the_widest_window_is_as_long_as_a_chromosome_can_be():
    half = MAX_POSITION // 2
    table = calls(("chr1", half, half + 1, 1), ("chr2", half, half + 1, 1), summit=half)
    found = consensus_peaks({"a": table}, width=MAX_POSITION)
    assert listed(found) == [("chr1", 0, MAX_POSITION, 1), ("chr2", 0, MAX_POSITION, 1)]


@pytest.mark.slow
def test_many_chromosomes_stay_apart():
    table = calls(*[(f"s{i:05d}", 0, 1, 1) for i in range(2_000)])
    assert len(consensus_peaks({"a": table}, width=1)) == 2_000


@pytest.mark.parametrize("summit", [[np.nan, 905.0], [100, 300], [899, 905], [910, 905], ["900", "905"], [-7, 905]])
def test_summits_that_lie_outside_their_interval_are_refused(summit):
    # 100 and 300 would be offsets, as in the file, in place of positions; -1 alone means that there is none.
    table = calls(("chr1", 900, 910, 1), ("chr1", 900, 910, 1)).assign(summit=summit)
    with pytest.raises(TableError, match=r"sample a: .*summit"):
        consensus_peaks({"a": table, "b": calls(("chr1", 900, 910, 1))}, width=2)


@pytest.mark.parametrize(
    "use", [consensus_peaks, lambda samples: openness_over_peaks(samples, calls((1, 900, 910, 1)), value="log10_p")]
)
def test_numbers_as_chromosome_names_are_text(use):
    # As pandas reads the names of Ensembl; text of one table must meet numbers of the other.
    found = use({"a": calls((1, 900, 910, 1)), "b": calls(("1", 900, 910, 1))})
    assert found.columns.tolist() == ["a", "b"] or listed(found) == [("1", 655, 1155, 2)]


# --- openness


def test_openness_by_hand():
    # chr1 100-200: 20 bases of 4, 10 bases of 8 (greater than 4 there), 70 of nothing: (80 + 80) / 100.
    called = calls(("chr1", 90, 120, 0), ("chr1", 110, 120, 0), ("chr2", 0, 9, 0), signal_value=[4.0, 8.0, 1.0])
    peaks = regions(("chr1", 100, 200), ("chr1", 200, 300), ("chr2", 0, 9)).set_axis(["p", "q", "r"])
    found = openness_over_peaks({"HSC": called, "Ery": called.iloc[2:]}, peaks)
    assert_float32_sums(found["HSC"].to_numpy(), [1.2, 0.0, 1.0], summed=[1.2, 0.0, 1.0])
    assert found["Ery"].tolist() == [0.0, 0.0, 1.0]
    assert list(found.index) == ["p", "q", "r"]
    assert set(found.dtypes) == {np.dtype(np.float32)}


@given(sample_tables(), call_tables())
def test_openness_is_the_mean_over_bases(samples, peaks):
    chroms = set(peaks["chrom"])
    assume(all(chroms & set(table["chrom"]) for table in samples.values()))
    found = openness_over_peaks(samples, peaks)
    assert list(found) == list(samples)
    assert found.index.equals(peaks.index)
    for name, table in samples.items():
        height = track(table)
        places = listed(peaks, "chrom", "start", "end")
        expected = np.array([height[chrom][start:end].mean() for chrom, start, end in places])
        assert_float32_sums(found[name], expected, summed=expected)
        assert ((found[name] == 0) == (expected == 0)).all()


@given(call_tables(), st.lists(st.integers(1, 999), max_size=20, unique=True), st.randoms(use_true_random=False))
def test_the_signal_is_conserved_over_a_tiling(table, cuts, random):
    edges = [0, *sorted(cuts), 1000]
    tiles = [(chrom, a, b) for chrom in CHROMS for a, b in pairwise(edges)]
    random.shuffle(tiles)
    peaks = regions(*tiles)
    total = (openness_over_peaks({"a": table}, peaks)["a"].astype(float) * (peaks["end"] - peaks["start"])).sum()
    assert_float32_sums(total, sum(height.sum() for height in track(table).values()))


@given(sample_tables(), call_tables(), st.randoms(use_true_random=False))
def test_openness_permutes_with_its_rows(samples, peaks, random):
    assume(all(set(peaks["chrom"]) & set(table["chrom"]) for table in samples.values()))
    rows = random.sample(range(len(peaks)), len(peaks))
    shuffled = {name: table.iloc[random.sample(range(n := len(table)), n)] for name, table in samples.items()}
    found = openness_over_peaks(shuffled, peaks.iloc[rows])
    assert_exact(found, openness_over_peaks(samples, peaks).iloc[rows])


@pytest.mark.parametrize("dtype", ["int32", "uint32", "uint64"])
@pytest.mark.parametrize("signal", ["uint8", "int16", "float32"])
def test_openness_of_far_positions_in_other_dtypes(dtype, signal):
    last = MAX_POSITION
    called = calls(
        ("chr1", last - 10, last, 0), ("chr1", 0, 100, 0), signal_value=np.array([200, 250], signal).tolist()
    )
    called = called.astype({"start": dtype, "end": dtype, "signal_value": signal})
    peaks = regions(("chr1", last - 20, last), ("chr1", 0, last), ("chr1", 500, last - 10))
    for positions in ("int64", dtype):
        found = openness_over_peaks({"a": called}, peaks.astype({"start": positions, "end": positions}))["a"]
        wanted = np.array([100, (250 * 100 + 200 * 10) / last, 0])
        assert_float32_sums(found, wanted, summed=wanted)


def test_weak_peaks_behind_much_signal_keep_theirs():
    # A difference of running areas would lose 0.001 behind 1e17; 0 means that nothing was called.
    called = calls(("chr1", 0, 10**8, 0), ("chr1", 10**8, 10**8 + 500, 0), signal_value=[1e9, 1e-3])
    found = openness_over_peaks({"a": called}, regions(("chr1", 10**8, 10**8 + 500)))
    assert_float32_sums(found.iloc[0, 0], 1e-3)


def test_a_chromosome_of_one_sample_only_has_no_openness_in_the_others():
    a, b = calls(("chr1", 5, 9, 2), ("chrX", 5, 9, 3)), calls(("chr1", 5, 9, 4))
    peaks = consensus_peaks({"a": a, "b": b}, width=4)
    assert listed(peaks, "chrom", "n_samples") == [("chr1", 2), ("chrX", 1)]
    assert listed(openness_over_peaks({"a": a, "b": b}, peaks, value="log10_p")) == [(2.0, 4.0), (3.0, 0.0)]


@pytest.mark.parametrize("empty_in", ["sample", "peaks"])
def test_categories_without_rows_are_no_chromosomes(empty_in):
    table = calls(("chr1", 5, 9, 2), ("chr2", 5, 9, 3), signal_value=1.0).astype({"chrom": "category"})
    part = table.iloc[:1]
    sample, peaks = (part, table) if empty_in == "sample" else (table, part)
    assert openness_over_peaks({"a": sample}, peaks)["a"].tolist() == [1.0, 0.0][: len(peaks)]
    with pytest.raises(ChromosomeMismatchError, match=r"sample a .*: chr2 against chr1"):
        openness_over_peaks({"a": table.iloc[1:]}, table.iloc[:1])


def test_signals_too_great_for_float32_are_refused():
    with pytest.raises(TableError, match="signal"):
        openness_over_peaks({"a": calls(("chr1", 5, 9, 2), signal_value=1e39)}, regions(("chr1", 5, 9)))


# --- several signals


def two_signals():
    """Samples and peaks of ATAC and K27ac, whose peaks have labels of their own."""
    samples = {
        "ATAC": {
            "HSC": calls(("chr1", 0, 50, 1), signal_value=4.0),
            "Ery": calls(("chr1", 90, 110, 1), signal_value=2.0),
        },
        "K27ac": {
            "HSC": calls(("chr1", 0, 200, 1), signal_value=3.0),
            "Ery": calls(("chr2", 0, 9, 1), ("chr1", 0, 5, 1), signal_value=[1.0, 8.0]),
        },
    }
    peaks = {
        "ATAC": regions(("chr1", 0, 100), ("chr1", 100, 200)).set_axis(["p", "q"]),
        "K27ac": regions(("chr1", 0, 10), ("chr1", 190, 210), ("chr2", 0, 9)),
    }
    return samples, peaks


def test_openness_of_two_signals_by_hand():
    samples, peaks = two_signals()
    found = openness_over_peaks(samples, peaks)
    assert list(found) == ["ATAC", "K27ac"]
    assert found["ATAC"].to_dict("list") == {"HSC": [2.0, 0.0], "Ery": [np.float32(0.2)] * 2}
    assert found["ATAC"].index.tolist() == ["p", "q"]
    assert found["K27ac"].to_dict("list") == {"HSC": [3.0, 1.5, 0.0], "Ery": [4.0, 0.0, 1.0]}
    genes = {"name": ["a"], "chrom": ["chr1"], "tss": [100], "strand": ["+"]}
    data = PairedDataset(found, peaks, genes)
    assert data.signals == ("ATAC", "K27ac")
    assert data.cell_types["name"].tolist() == ["HSC", "Ery"]


@given(sample_tables(), sample_tables(), call_tables(), call_tables())
def test_openness_of_a_signal_is_that_of_the_signal_alone(first, second, peaks, others):
    samples, tables = {"a": first, "b": second}, {"b": others, "a": peaks}
    for name in samples:
        assume(all(set(tables[name]["chrom"]) & set(table["chrom"]) for table in samples[name].values()))
    found = openness_over_peaks(samples, tables)
    assert list(found) == ["b", "a"]
    for name in samples:
        assert_exact(found[name], openness_over_peaks(samples[name], tables[name]))


def test_peaks_of_signals_may_be_mappings_of_columns():
    samples, peaks = two_signals()
    found = openness_over_peaks(samples, {name: table.to_dict("list") for name, table in peaks.items()})
    assert_exact(found["K27ac"], openness_over_peaks(samples, peaks)["K27ac"])
    columns = peaks["K27ac"].to_dict("list")  # one table, no signals
    assert_exact(openness_over_peaks(samples["K27ac"], columns), found["K27ac"])
    assert_exact(openness_over_peaks(samples["K27ac"], {**columns, "signal": ["K27ac"] * 3}), found["K27ac"])


def test_samples_of_new_cell_types_are_measured_on_the_peaks_of_a_data_set():
    samples, peaks = two_signals()
    genes = {"name": ["a"], "chrom": ["chr1"], "tss": [100], "strand": ["+"]}
    data = PairedDataset(openness_over_peaks(samples, peaks), peaks, genes)
    refused = r"peaks: the column signal names 'ATAC', 'K27ac', .* give samples and peaks as two dicts .*groupby"
    with pytest.raises(TableError, match=refused):
        openness_over_peaks(samples["ATAC"], data.peaks)
    again = openness_over_peaks(samples, dict(list(data.peaks.groupby("signal"))))
    assert_exact(np.concatenate([again[name] for name in data.signals]), data.openness)
    atac = data.subset(signals="ATAC").peaks  # one name is one signal
    assert_exact(openness_over_peaks(samples["ATAC"], atac).to_numpy(), again["ATAC"].to_numpy())
    numbers = peaks["ATAC"].assign(signal=[1.0, 2.0])  # values, not names
    assert_exact(openness_over_peaks(samples["ATAC"], numbers).to_numpy(), again["ATAC"].to_numpy())


@pytest.mark.parametrize("use", [openness_over_peaks, openness_from_bigwigs])
def test_samples_and_peaks_of_other_signals_are_refused(use):
    samples, peaks = two_signals()
    refused = r"samples: signals do not match those of peaks: absent 'K27ac', unknown 'K27Ac'"
    with pytest.raises(TableError, match=refused):
        use({"ATAC": samples["ATAC"], "K27Ac": samples["K27ac"]}, peaks)
    with pytest.raises(TableError, match="absent 'ATAC', 'K27ac', unknown 'HSC', 'Ery'"):
        use(samples["ATAC"], peaks)
    with pytest.raises(TypeError, match="samples: wanted a mapping of signals to samples, got list"):
        use([samples["ATAC"]], peaks)
    with pytest.raises(TableError, match="samples: 'ATAC', 'K27ac' hold samples themselves, and peaks are one table; "):
        use(samples, peaks["ATAC"])
    with pytest.raises(TableError, match="signal K27ac: samples: wanted at least one, got none"):
        use({"K27ac": {}}, {"K27ac": peaks["K27ac"]})


def test_messages_name_the_signal():
    samples, peaks = two_signals()
    with pytest.raises(
        ChromosomeMismatchError, match="signal K27ac: sample HSC and peaks have no chromosome in common"
    ):
        openness_over_peaks(samples, {**peaks, "K27ac": regions(("chr9", 0, 5))})
    samples["ATAC"]["HSC"]["fold"] = 1.0
    with pytest.raises(TableError, match="signal ATAC: sample Ery: no column 'fold'"):
        openness_over_peaks(samples, peaks, value="fold")
    with pytest.raises(TableError, match="signal K27ac: peaks: wanted a table"):
        openness_over_peaks(samples, {**peaks, "K27ac": 3})


# --- files


def narrowpeak(path, *rows):
    lines = [f"{c}\t{s}\t{e}\tp\t0\t.\t{signal}\t{p}\t0\t{summit}" for c, s, e, signal, p, summit in rows]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def files(tmp_path):
    """Two files; the first repeats an interval for two summits."""
    first = [("chr1", 100, 300, 5.5, 9, 40), ("chr1", 100, 300, 5.5, 3, 160), ("chr2", 50, 80, 2, 1, -1)]
    second = [("chr1", 280, 420, 1.5, 7, 20)]
    return {
        "HSC": narrowpeak(tmp_path / "hsc.narrowPeak", *first),
        "Ery": str(narrowpeak(tmp_path / "e", *second)),
    }


@pytest.mark.parametrize("n_jobs", [None, pytest.param(2, marks=pytest.mark.slow)])
def test_files_are_read_in_the_order_of_the_samples(files, n_jobs):
    tables = read_narrowpeaks({**files, "again": files["HSC"]}, n_jobs=n_jobs)
    assert list(tables) == ["HSC", "Ery", "again"]
    # Summits at 140 and 260: cut at 200.
    assert listed(tables["HSC"], "chrom", "start", "end", "summit") == [
        ("chr1", 100, 200, 140),
        ("chr1", 200, 300, 260),
        ("chr2", 50, 80, -1),
    ]
    assert all(isinstance(table["chrom"].dtype, pd.CategoricalDtype) for table in tables.values())


@pytest.mark.slow
def test_several_jobs_give_what_one_gives(files):
    one, two = (consensus_peaks(files, width=20, n_jobs=n_jobs) for n_jobs in (1, 2))
    assert_exact(one, two)
    assert listed(one) == [("chr1", 130, 150, 1), ("chr1", 250, 270, 1), ("chr1", 290, 310, 2), ("chr2", 55, 75, 1)]
    openness = [openness_over_peaks(files, one, n_jobs=n_jobs) for n_jobs in (1, 2)]
    assert_exact(*openness)
    assert openness[0].to_numpy().tolist() == [[5.5, 0], [5.5, 0], [2.75, 1.5], [2, 0]]


@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_table_that_is_there_already_stays_as_it_is(n_jobs):
    table = calls(("chr1", 5, 9, 2), signal_value=1.0)
    before = table.copy()
    assert read_narrowpeaks({"a": table}, n_jobs=n_jobs)["a"] is table
    consensus_peaks({"a": table}, width=2, exclude=regions(("chr1", 50, 60)))
    openness_over_peaks({"a": table}, table)
    assert_exact(table, before)


def test_files_and_tables_can_be_mixed(files):
    mixed = {"HSC": files["HSC"], "Ery": read_narrowpeaks(files)["Ery"]}
    assert_exact(consensus_peaks(mixed, width=20), consensus_peaks(files, width=20))


@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("use", [read_narrowpeaks, consensus_peaks])
def test_a_broken_file_is_named_with_line_and_column(files, tmp_path, n_jobs, use):
    broken = narrowpeak(tmp_path / "broken", ("chr1", 5, 9, 1, 1, -1), ("chr1", 9, 5, 1, 1, -1))
    with pytest.raises(FileFormatError, match=r"broken, line 2, column 3: end must be greater"):
        use({**files, "x": broken}, n_jobs=n_jobs)


# --- errors

ONE = calls(("chr1", 5000, 5010, 1), signal_value=1.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "union"}, r"method must be one of \('windows', 'merged'\), got 'union'"),
        ({"width": 0}, r"width must be .* got 0$"),
        ({"width": MAX_POSITION + 1}, r"width must be .* got 2147483648$"),
        ({"min_samples": 0}, r"min_samples must be in 1 \.\. 1, the number of samples, got 0"),
        ({"min_samples": 2}, r"min_samples must be in 1 \.\. 1, the number of samples, got 2"),
    ],
)
def test_settings_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        consensus_peaks({"a": ONE}, **options)


def test_a_width_of_half_a_base_is_refused():
    with pytest.raises((TypeError, ValueError), match=r"width must be .* got 500.5$"):
        consensus_peaks({"a": ONE}, width=500.5)


def test_no_region_of_enough_samples_is_an_error():
    apart = {"a": ONE, "b": ONE.assign(chrom="chr2")}
    with pytest.raises(TableError, match=r"no peak is left of 2 .* in 2 sample"):
        consensus_peaks(apart, min_samples=2)


@pytest.mark.parametrize("use", [read_narrowpeaks, consensus_peaks, lambda samples: openness_over_peaks(samples, ONE)])
def test_no_samples_are_an_error(use):
    with pytest.raises(TableError, match="samples: wanted at least one, got none"):
        use({})


@pytest.mark.parametrize("use", [read_narrowpeaks, consensus_peaks, lambda samples: openness_over_peaks(samples, ONE)])
@pytest.mark.parametrize(
    "samples", [[ONE], ONE, (table for table in [ONE]), "HSC.narrowPeak"], ids=lambda s: type(s).__name__
)
def test_samples_without_names_are_refused(use, samples):
    with pytest.raises((TypeError, TableError), match="samples: wanted a mapping"):
        use(samples)


BROKEN = [
    (5, "wanted a .*(table|DataFrame).*, got int"),
    (
        ONE.drop(columns=["start", "end"]),
        r"missing columns \['start', 'end'\], got \['chrom', 'log10_p', 'signal_value'\]",
    ),
    (ONE.iloc[:0], "the table has no rows"),
    (ONE.assign(chrom=[None]), "chrom: missing values"),
    (ONE.assign(start=5000.0), "start: wanted whole numbers .bp., got dtype float64"),
    (ONE.assign(end="5010"), "end: wanted whole numbers .bp., got dtype (object|str)"),
    (ONE.assign(start=-1), r"wanted 0 <= start < end <= 2147483647, got -1 and 5010 in row 0"),
    (pd.concat([ONE, ONE.assign(end=5000)]), "wanted 0 <= start < end <= 2147483647, got 5000 and 5000 in row 1"),
    (ONE.assign(end=2**31), "wanted 0 <= start < end <= 2147483647, got 5000 and 2147483648 in row 0"),
]


@pytest.mark.parametrize(("table", "message"), BROKEN)
@pytest.mark.parametrize(
    ("what", "use"),
    [
        ("sample b", lambda table: read_narrowpeaks({"a": ONE, "b": table})),
        ("sample b", lambda table: consensus_peaks({"a": ONE, "b": table})),
        ("exclude", lambda table: consensus_peaks({"a": ONE}, exclude=table)),
        ("peaks", lambda table: openness_over_peaks({"a": ONE}, table)),
        ("sample b", lambda table: openness_over_peaks({"a": ONE, "b": table}, ONE)),
    ],
)
def test_tables_that_are_no_intervals_are_refused(what, use, table, message):
    with pytest.raises(TableError, match=f"^{what}: {message}"):
        use(table)


@pytest.mark.parametrize("use", [consensus_peaks, lambda samples: openness_over_peaks(samples, ONE)])
def test_columns_that_are_no_table_are_refused(use):
    with pytest.raises(TableError, match="sample b: wanted a file or a DataFrame of peaks, got dict"):
        use({"a": ONE, "b": ONE.to_dict("list")})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["x", "y"], "wanted numbers, got dtype (object|str)"),
        ([True, False], "wanted numbers, got dtype bool"),
        ([1.0, -0.5], "wanted finite values >= 0, got -0.5 in row 1"),
        ([1.0, np.nan], "wanted finite values >= 0, got nan in row 1"),
        ([np.inf, 1.0], "wanted finite values >= 0, got inf in row 0"),
    ],
)
@pytest.mark.parametrize("use", [lambda t: consensus_peaks({"b": t}), lambda t: openness_over_peaks({"b": t}, ONE)])
def test_scores_and_signals_that_are_no_measures_are_refused(use, values, message):
    table = pd.concat([ONE, ONE]).assign(log10_p=values, signal_value=values)
    with pytest.raises(TableError, match=f"^sample b: (log10_p|signal_value): {message}"):
        use(table)


@pytest.mark.parametrize("use", [lambda t: consensus_peaks({"b": t}), lambda t: openness_over_peaks({"b": t}, ONE)])
def test_signals_may_be_as_large_as_float32_holds_and_no_larger(use):
    """Openness is float32: its largest number is a measure, and the next larger float64 would become infinite."""
    largest = float(np.finfo(np.float32).max)
    use(ONE.assign(log10_p=largest, signal_value=largest))
    beyond = np.nextafter(largest, np.inf)
    with pytest.raises(
        TableError, match=r"sample b: (log10_p|signal_value): wanted finite values >= 0, got 3.4\S+ in row 0"
    ):
        use(ONE.assign(log10_p=beyond, signal_value=beyond))


def test_the_largest_signal_stays_what_it_is():
    largest = float(np.finfo(np.float32).max)
    assert openness_over_peaks({"b": ONE.assign(signal_value=largest)}, ONE)["b"].tolist() == [largest]


def test_the_row_of_a_bad_score_is_that_of_the_table():
    table = calls(("chr1", 0, 10, 1), ("chr1", 5000, 5010, -1))
    with pytest.raises(TableError, match="got -1 in row 1"):
        consensus_peaks({"a": table})


@pytest.mark.parametrize("use", [lambda t: consensus_peaks({"b": t}), lambda t: openness_over_peaks({"b": t}, ONE)])
def test_a_column_that_is_not_there_is_named(use):
    with pytest.raises(
        TableError, match=r"sample b: no column '(log10_p|signal_value)', got \['chrom', 'start', 'end'\]"
    ):
        use(ONE[["chrom", "start", "end"]])


def test_scores_that_are_all_zero_choose_nothing():
    with pytest.raises(TableError, match="sample b: log10_p: no window has a score above 0"):
        consensus_peaks({"a": ONE, "b": ONE.assign(log10_p=0.0)})


def test_openness_of_other_chromosome_names_is_an_error():
    many = regions(*[(str(number), 0, 9) for number in range(1, 6)])
    message = r"sample HSC and peaks have no chromosome in common: chr1 against 1, 2, 3, \.\.\."
    with pytest.raises(ChromosomeMismatchError, match=message):
        openness_over_peaks({"HSC": ONE}, many)


# --- coverage tracks


@pytest.fixture
def write_track(tmp_path):
    pybigtools = pytest.importorskip("pybigtools", reason="pybigtools, which writes the files, is not installed")

    def write(*rows, name="track.bw"):
        pybigtools.open(str(tmp_path / name), "w").write({"chr1": 1_000, "chr2": 1_000}, iter(rows))
        return tmp_path / name

    return write


@pytest.mark.parametrize("n_jobs", [None, pytest.param(2, marks=pytest.mark.slow)])
def test_openness_of_tracks_is_the_mean_over_the_bases(write_track, n_jobs):
    paths = {
        "a": write_track(("chr1", 0, 10, 2.0), ("chr1", 20, 30, 4.0)),
        "b": write_track(("chr2", 5, 6, 3.0), name="b.bw"),
    }
    peaks = regions(("chr1", 5, 25), ("chr2", 0, 6), ("chr1", 40, 50)).set_axis([7, 8, 9])
    found = openness_from_bigwigs(paths, peaks, unlisted="uncovered", n_jobs=n_jobs)
    assert found.index.tolist() == [7, 8, 9]
    assert found.dtypes.tolist() == [np.float32] * 2
    assert found["a"].tolist() == [1.5, 0, 0]  # (5 x 2 + 5 x 4) / 20
    assert found["b"].tolist() == [0, 0.5, 0]


def test_tracks_of_two_signals(write_track):
    tracks = {
        "ATAC": {"a": write_track(("chr1", 0, 10, 2.0)), "b": write_track(("chr1", 0, 5, 4.0), name="b.bw")},
        "K27ac": {
            "a": write_track(("chr2", 0, 10, 3.0), name="c.bw"),
            "b": write_track(("chr2", 0, 2, 5.0), name="d.bw"),
        },
    }
    peaks = {"ATAC": regions(("chr1", 5, 10)), "K27ac": regions(("chr2", 0, 20), ("chr2", 1, 3))}
    found = openness_from_bigwigs(tracks, peaks)
    assert {name: table.to_dict("list") for name, table in found.items()} == {
        "ATAC": {"a": [2.0], "b": [0.0]},
        "K27ac": {"a": [1.5, 3.0], "b": [0.5, 2.5]},
    }
    tracks["K27ac"]["b"] = write_track(("chr2", 0, 10, -1.0), name="log.bw")
    with pytest.raises(TableError, match=r"^signal K27ac: negative means in b: wanted a track >= 0, not log ratios"):
        openness_from_bigwigs(tracks, peaks)


def test_one_negative_track_among_others_is_refused(write_track):
    """A track of log ratios beside tracks of coverage is the likeliest slip: a sample named wrong."""
    paths = {"good": write_track(("chr1", 0, 10, 1.0)), "log": write_track(("chr1", 0, 10, -1.0), name="log.bw")}
    with pytest.raises(TableError, match=r"^negative means in log: wanted a track >= 0, not log ratios"):
        openness_from_bigwigs(paths, regions(("chr1", 0, 10)))


def test_tracks_that_cannot_be_openness_are_refused(write_track):
    path = write_track(("chr1", 0, 10, -1.0), ("chr2", 0, 10, 1.0))
    with pytest.raises(TableError, match="negative means in a: wanted a track >= 0"):
        openness_from_bigwigs({"a": path}, regions(("chr1", 0, 10)))
    elsewhere = regions(("chr2", 0, 10), ("chrY", 0, 10))
    with pytest.raises(TableError, match=r"chromosomes that .* does not list: 'chrY'"):
        openness_from_bigwigs({"a": path}, elsewhere)
    assert openness_from_bigwigs({"a": path}, elsewhere, unlisted="uncovered")["a"].tolist() == [1, 0]
    with pytest.raises(TableError, match="samples: wanted at least one"):
        openness_from_bigwigs({}, elsewhere)


# --- real files


@pytest.fixture(scope="module")
def blood_files():
    folder = "caleblareau/singlecell_bloodtraits/*/data/bulk/ATAC/narrowpeaks"
    found = {name: next(MIRROR.glob(f"{folder}/{name}_peaks.narrowPeak.gz"), None) for name in ("Ery", "CD4")}
    if not all(found.values()):
        pytest.skip(f"the narrowPeak files are not under {MIRROR}; SKEPI_MIRROR names another folder")
    return read_narrowpeaks(found)


@pytest.mark.slow
def test_consensus_of_real_files_is_that_of_a_greedy_loop(blood_files):
    part = {name: table[(table["chrom"] == "chr21") & (table["end"] < 34e6)] for name, table in blood_files.items()}
    whole = {
        name: table.assign(log10_p=np.rint(1e5 * table["log10_p"])) for name, table in part.items()
    }  # exact shares
    found = consensus_peaks(whole)
    assert listed(found) == slow_windows(whole, 500)
    assert len(found) > 500


@pytest.mark.slow
def test_openness_of_real_files_is_that_of_single_bases(blood_files):
    part = {name: table[table["chrom"] == "chr21"] for name, table in blood_files.items()}
    peaks = consensus_peaks(blood_files)
    found = openness_over_peaks(blood_files, peaks)
    here = peaks["chrom"] == "chr21"
    for name, table in part.items():
        height = np.zeros(48_200_000)
        for start, end, signal in listed(table, "start", "end", "signal_value"):
            height[start:end] = np.maximum(height[start:end], signal)
        places = listed(peaks[here], "start", "end")
        expected = np.array([height[start:end].mean() for start, end in places])
        assert_float32_sums(found.loc[here, name], expected, summed=expected)
        assert ((found.loc[here, name] == 0) == (expected == 0)).all()


@pytest.mark.slow
def test_consensus_of_real_files_keeps_the_laws(blood_files):
    peaks = consensus_peaks(blood_files)
    same = (peaks["chrom"] == peaks["chrom"].shift(-1)).to_numpy()[:-1]
    start, end = peaks["start"].to_numpy(), peaks["end"].to_numpy()
    assert (end - start == 500).all()
    assert (start[1:] >= end[:-1])[same].all()
    merged = consensus_peaks(blood_files, method="merged")
    # Peaks with a base in some call, and no others, have openness.
    openness = openness_over_peaks(blood_files, peaks)
    assert ((openness > 0).sum(axis=1).to_numpy() == peaks["n_samples"].to_numpy()).all()
    total = openness_over_peaks(blood_files, merged)["Ery"].astype(float) @ (merged["end"] - merged["start"])
    ery = blood_files["Ery"].astype({"chrom": str}).drop_duplicates(["chrom", "start", "end"])
    assert_float32_sums(total, (ery["signal_value"] * (ery["end"] - ery["start"])).sum())
