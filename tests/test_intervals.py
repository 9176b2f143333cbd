"""Arithmetic on intervals: by hand, and against loops over single bases."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skepi.intervals import IntervalIndex, bin_index, concatenate_ranges, overlap_bp, to_offsets

position = st.integers(0, 60)
interval = st.tuples(position, st.integers(1, 20)).map(lambda pair: (pair[0], pair[0] + pair[1]))


def one(*numbers):
    return [np.array([number]) for number in numbers]


def test_offsets_by_hand():
    # Bases 100, 101, 102 and a TSS at 100: offsets 0, 1, 2 on the plus strand, 0, -1, -2 on the minus strand.
    low, high = to_offsets(np.full(2, 100), np.full(2, 103), np.full(2, 100), np.array([False, True]))
    assert (low.tolist(), high.tolist()) == ([0, -2], [3, 1])


@given(interval, position, st.booleans())
def test_offsets_hold_the_offset_of_every_base(bases, tss, minus):
    (low,), (high,) = to_offsets(*one(*bases, tss, minus))
    assert set(range(low, high)) == {(tss - base) if minus else (base - tss) for base in range(*bases)}


@given(interval, interval)
def test_overlap_counts_shared_bases(a, b):
    assert overlap_bp(*one(*a, *b))[0] == len(set(range(*a)) & set(range(*b)))


@given(st.lists(st.integers(-30, 30), min_size=2, max_size=8, unique=True).map(sorted), st.integers(-35, 35))
def test_bin_index_finds_the_half_open_bin(edges, offset):
    holding = [k for k in range(len(edges) - 1) if edges[k] <= offset < edges[k + 1]]
    outside = -1 if offset < edges[0] else len(edges) - 1
    assert bin_index(np.array([offset]), np.array(edges))[0] == (holding[0] if holding else outside)


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(0, 4)), max_size=8))
def test_concatenated_ranges(ranges):
    start, length = np.array(ranges, dtype=np.int64).reshape(-1, 2).T
    expected = [number for first, size in ranges for number in range(first, first + size)]
    assert concatenate_ranges(start, start + length).tolist() == expected


@given(
    st.lists(st.tuples(st.sampled_from(["chr1", "chr10", "chr2"]), interval), min_size=1, max_size=10),
    st.lists(st.tuples(st.sampled_from(["chr1", "chr2", "chrX"]), position), min_size=1, max_size=6),
    st.integers(0, 25),
)
def test_in_reach_finds_all_and_no_more(intervals, positions, reach):
    """Overlapping and nested intervals are among those drawn."""
    index = IntervalIndex(
        np.array([chrom for chrom, _ in intervals]),
        np.array([start for _, (start, _) in intervals]),
        np.array([end for _, (_, end) in intervals]),
    )
    found = index.in_reach(np.array([c for c, _ in positions]), np.array([p for _, p in positions]), reach)
    expected = [
        (i, j)
        for i, (chrom, at) in enumerate(positions)
        for j, (other, (start, end)) in enumerate(intervals)
        if chrom == other and set(range(start, end)) & set(range(at - reach, at + reach + 1))
    ]
    rows = list(zip(*(part.tolist() for part in found), strict=True))
    assert sorted(rows) == expected
    assert rows == sorted(rows, key=lambda row: (row[0], intervals[row[1]][1][0], row[1])), "not ordered by start"


def test_long_interval_that_begins_far_upstream_is_found():
    # [0, 1000) reaches position 900; the short intervals that begin after it do not, even with last base 894.
    index = IntervalIndex(np.array(["c"] * 3), np.array([885, 0, 100]), np.array([895, 1000, 110]))
    assert index.in_reach(np.array(["c"]), np.array([900]), 5)[1].tolist() == [1]


@pytest.mark.parametrize("n_positions", [0, 1])
def test_no_interval_or_no_position_finds_nothing(n_positions):
    n_intervals = 1 - n_positions
    index = IntervalIndex(np.array(["c"] * n_intervals), np.arange(n_intervals), np.arange(n_intervals) + 1)
    near, found = index.in_reach(np.array(["c"] * n_positions), np.arange(n_positions), 5)
    assert near.size == found.size == 0


def test_positions_beyond_int32_sums_do_not_overflow():
    top = np.iinfo(np.int32).max
    index = IntervalIndex(np.array(["c"]), np.array([top - 10]), np.array([top]))
    assert index.in_reach(np.array(["c"]), np.array([top]), top)[1].tolist() == [0]
