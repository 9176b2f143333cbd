"""Binned openness: by hand, against loops over bases and peaks, and by the laws that bins obey."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_exact, assert_float32_sums
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skepi import _dense
from skepi.binning import BinnedOpenness, TSSBinner, _binned, _overlap, symmetric_edges
from skepi.exceptions import DenseSizeError, TableError
from skepi.paired import PairedDataset, _tables

LENGTH = 80  # bp of each small chromosome
MIRRORED = {"+": "-", "-": "+"}

assigns = st.sampled_from(["overlap", "midpoint", "end"])
weights = st.sampled_from(["peak_length", "bin_width"])
random_edges = st.lists(st.integers(-50, 50), min_size=2, max_size=8, unique=True).map(sorted)


@st.composite
def genomes(draw):
    """Tables of a few peaks (overlapping, nested) and genes on two chromosomes, both with peaks."""
    span = st.tuples(st.integers(0, LENGTH - 1), st.integers(1, LENGTH)).map(lambda s: (s[0], min(sum(s), LENGTH)))
    spans = draw(st.lists(st.tuples(st.sampled_from("AB"), span), max_size=6))
    spans = sorted({*spans, ("A", draw(span)), ("B", draw(span))}, key=lambda _: draw(st.integers(0, 9)))
    peaks = pd.DataFrame([(chrom, *ends) for chrom, ends in spans], columns=["chrom", "start", "end"])
    gene = st.tuples(st.sampled_from("AB"), st.integers(0, LENGTH - 1), st.sampled_from("+-"))
    genes = pd.DataFrame(draw(st.lists(gene, min_size=1, max_size=4)), columns=["chrom", "tss", "strand"])
    genes["name"] = [f"gene{k}" for k in range(len(genes))]
    signal = st.lists(st.integers(0, 9), min_size=2 * len(peaks), max_size=2 * len(peaks))
    openness = pd.DataFrame(np.array(draw(signal), dtype=float).reshape(-1, 2), columns=["x", "y"])
    return {"peaks": peaks, "genes": genes, "openness": openness}


def binned(tables, edges, assign="overlap", weight="peak_length", depth=None):
    binner = TSSBinner(edges=edges, assign=assign, weight=weight, depth=depth)
    return binner.fit_transform(PairedDataset(**tables).pairs())


def bins_of(tables, edges, *settings):
    return binned(tables, edges, *settings).dense()


def changed(tables, **columns):
    """The tables with ``start``, ``end``, ``tss`` or ``strand`` replaced."""
    peaks = {name: column for name, column in columns.items() if name in ("start", "end")}
    genes = {name: column for name, column in columns.items() if name in ("tss", "strand")}
    return {**tables, "peaks": tables["peaks"].assign(**peaks), "genes": tables["genes"].assign(**genes)}


def shared_by_base(peak, gene, edges):
    """Count the bases of a peak in each bin, one at a time."""
    shared = np.zeros(len(edges) - 1)
    for base in range(peak.start, peak.end):
        offset = base - gene.tss if gene.strand == "+" else gene.tss - base
        for k in range(len(shared)):
            shared[k] += edges[k] <= offset < edges[k + 1]
    return shared


def shared_by_midpoint(peak, gene, edges):
    """All bases go to the bin of the middle one, in the order of transcription."""
    offsets = sorted(b - gene.tss if gene.strand == "+" else gene.tss - b for b in range(peak.start, peak.end))
    middle = offsets[len(offsets) // 2]
    return np.array([len(offsets) * (a <= middle < b) for a, b in pairwise(edges)])


def shared_by_end(peak, gene, edges):
    """As the report's code: a peak counts only in the bin with lower < end < upper, in coordinates."""
    sign = 1 if gene.strand == "+" else -1
    shared = np.zeros(len(edges) - 1)
    for k in range(len(shared)):
        lower, upper = sorted([gene.tss + sign * edges[k], gene.tss + sign * edges[k + 1]])
        if lower < peak.end < upper:
            shared[k] = min(upper, peak.end) - max(lower, peak.start)
    return shared


LOOPS = {"overlap": shared_by_base, "midpoint": shared_by_midpoint, "end": shared_by_end}


def bins_by_loop(tables, edges, assign, weight):
    rows = []
    for gene in tables["genes"].itertuples():
        total = np.zeros((2, len(edges) - 1))
        for row, peak in enumerate(tables["peaks"].itertuples()):
            if peak.chrom == gene.chrom:
                length = peak.end - peak.start if weight == "peak_length" else np.diff(edges)
                share = LOOPS[assign](peak, gene, edges) / length
                total += np.outer(tables["openness"].iloc[row], share)
        rows.append(total)
    return np.concatenate(rows)


# By hand


@pytest.fixture
def hand():
    """Peak p = [98, 102) with signal 8 and 16, q = [103, 105) with 2 and 0; genes at 100 on both strands."""
    return {
        "peaks": {"chrom": ["1", "1"], "start": [98, 103], "end": [102, 105]},
        "genes": {"name": ["a", "b"], "chrom": ["1", "1"], "tss": [100, 100], "strand": ["+", "-"]},
        "openness": pd.DataFrame({"x": [8.0, 2.0], "y": [16.0, 0.0]}),
    }


HAND = {
    # Offsets of p: -2 .. 1 on plus, -1 .. 2 on minus; of q: 3, 4 on plus, -4, -3 on minus.
    # Bins: [-4, -2), [-2, 0), [0, 2), [2, 4). One base of p is 2 (x) or 4 (y), one base of q is 1 or 0.
    ("overlap", "peak_length"): [[0, 4, 4, 1], [0, 8, 8, 0], [2, 2, 4, 2], [0, 4, 8, 4]],
    # One base of p is 8 / 2 or 16 / 2, one of q 2 / 2 or 0.
    ("overlap", "bin_width"): [[0, 8, 8, 1], [0, 16, 16, 0], [2, 4, 8, 4], [0, 8, 16, 8]],
    # The middle of p is offset 0 (plus) and 1 (minus), of q 4 (outside) and -3.
    ("midpoint", "peak_length"): [[0, 0, 8, 0], [0, 0, 16, 0], [2, 0, 8, 0], [0, 0, 16, 0]],
    ("midpoint", "bin_width"): [[0, 0, 16, 0], [0, 0, 32, 0], [2, 0, 16, 0], [0, 0, 32, 0]],
    # Edges lie at 96, 98, 100, 102, 104: the end of p, 102, is on an edge, so p is lost; that of q, 105, is beyond.
    ("end", "bin_width"): [[0, 0, 0, 0]] * 4,
}


@pytest.mark.parametrize(("assign", "weight"), HAND)
def test_bins_by_hand(hand, assign, weight):
    np.testing.assert_array_equal(bins_of(hand, [-4, -2, 0, 2, 4], assign, weight), HAND[assign, weight])


def test_end_bins_by_hand(hand):
    # Edges [-5, -1, 3] lie at 95, 99, 103 on plus: the end of p, 102, is in (99, 103), which shares 99, 100, 101
    # with p: 3 / 4 of 8 (x) and 16 (y); 98 is lost. On minus they lie at 105, 101, 97: 102 is in (101, 105), the
    # first bin, which shares base 101. The end of q, 105, is beyond on plus and on an edge on minus.
    expected = [[0, 6], [0, 12], [2, 0], [4, 0]]
    np.testing.assert_array_equal(bins_of(hand, [-5, -1, 3], "end", "peak_length"), expected)
    np.testing.assert_array_equal(bins_of(hand, [-5, -1, 3], "end", "bin_width"), expected)  # 4 bp as well


def test_depth_by_hand(hand):
    # Means over the two peaks are 5 (x) and 8 (y).
    expected = np.array(HAND["overlap", "peak_length"]) / [[5], [8], [5], [8]]
    assert_float32_sums(bins_of(hand, [-4, -2, 0, 2, 4], "overlap", "peak_length", "mean"), expected)


def test_the_tss_is_the_first_downstream_base_on_both_strands(hand):
    hand["peaks"] = {"chrom": ["1", "1"], "start": [100, 900], "end": [101, 905]}
    np.testing.assert_array_equal(bins_of(hand, [-1, 0, 1])[[0, 2]], [[0, 8], [0, 8]])


def test_gene_near_the_chromosome_start_has_empty_bins_before_it():
    tables = {
        "peaks": {"chrom": ["1"], "start": [0], "end": [4]},
        "genes": {"name": ["a", "b"], "chrom": ["1", "1"], "tss": [1, 1], "strand": ["+", "-"]},
        "openness": pd.DataFrame({"x": [4.0]}),
    }
    # Base 0 is one upstream of base 1 on plus and one downstream on minus; nothing lies at -20 .. -10.
    np.testing.assert_array_equal(bins_of(tables, [-20, -10, 0, 10]), [[0, 1, 3], [0, 2, 2]])


def test_gene_without_a_peak_in_reach_has_zeros(hand):
    hand["genes"] = {"name": ["far", "a"], "chrom": ["1", "1"], "tss": [10_000, 100], "strand": ["+", "+"]}
    rows = binned(hand, [-4, 0, 4])
    np.testing.assert_array_equal(rows.dense(), [[0, 0], [0, 0], [4, 5], [8, 8]])
    assert rows.tocsr().nnz == 4


def test_peaks_within_a_long_peak_are_all_found():
    # The long peak begins first and ends last: short ones are found behind it, and it is found behind them.
    tables = {
        "peaks": {"chrom": ["1"] * 4, "start": [0, 100, 200, 290], "end": [1000, 110, 300, 295]},
        "genes": {"name": ["a", "b"], "chrom": ["1", "1"], "tss": [290, 900], "strand": ["+", "+"]},
        "openness": pd.DataFrame({"x": [1000.0, 10.0, 100.0, 5.0]}),
    }
    # One unit a base: at 280 .. 299 the long peak has 20, [200, 300) 20 and [290, 295) 5; at 890 .. 909 20.
    np.testing.assert_array_equal(bins_of(tables, [-10, 0, 10]), [[20, 25], [10, 10]])


def test_positions_at_the_end_of_int32():
    top = 2**31 - 1
    tables = {
        "peaks": {"chrom": ["1"], "start": [top - 4], "end": [top]},
        "genes": {"name": ["a", "b"], "chrom": ["1"] * 2, "tss": [top - 2, 0], "strand": ["-", "-"]},
        "openness": pd.DataFrame({"x": [4.0]}),
    }
    np.testing.assert_array_equal(bins_of(tables, [-top, 0, top]), [[1, 3], [4, 0]])


# By another implementation


@given(genomes(), random_edges, assigns, weights)
def test_bins_agree_with_a_slow_loop(tables, edges, assign, weight):
    expected = bins_by_loop(tables, np.array(edges), assign, weight)
    assert_float32_sums(bins_of(tables, edges, assign, weight), expected)


@given(genomes(), random_edges, assigns)
def test_slots_are_the_bins_to_which_a_peak_is_assigned(tables, edges, assign):
    """Also where the openness is 0, and no other: the scaler counts them."""
    everywhere = {**tables, "openness": tables["openness"] * 0 + 1}
    touched = bins_by_loop(everywhere, np.array(edges), assign, "peak_length")[::2] > 0
    np.testing.assert_array_equal(binned(tables, edges, assign).operator.slot_keys(), np.flatnonzero(touched))


def test_uniform_bins_agree_with_a_slow_loop_on_simulated_data(simulated):
    data = simulated[0].subset(simulated[0].genes["name"][:6], simulated[0].cell_types["name"][:2])
    tables = {
        "peaks": data.peaks,
        "genes": data.genes,
        "openness": pd.DataFrame(data.openness, columns=["x", "y"]),
    }
    rows = TSSBinner(flank=5_000, bin_size=500, depth=None).fit_transform(PairedDataset(**tables).pairs())
    assert rows.dense().any(axis=1).sum() > 6
    near = [
        tables["peaks"]["chrom"].eq(g.chrom) & (tables["peaks"]["start"] - g.tss).abs().lt(6_000)
        for g in data.genes.itertuples()
    ]
    kept = np.logical_or.reduce(near)
    tables = {**tables, "peaks": data.peaks[kept], "openness": tables["openness"][kept]}
    expected = bins_by_loop(tables, np.arange(-5_000, 5_001, 500), "overlap", "peak_length")
    assert_float32_sums(rows.dense(), expected)


# By law


@given(genomes(), random_edges, st.sampled_from(["overlap", "midpoint"]), weights)
def test_mirrored_genome_with_strands_swapped_has_the_same_bins(tables, edges, assign, weight):
    peaks, genes = tables["peaks"], tables["genes"]
    mirrored = changed(
        tables,
        start=LENGTH - peaks["end"],
        end=LENGTH - peaks["start"],
        tss=LENGTH - 1 - genes["tss"],
        strand=genes["strand"].map(MIRRORED),
    )
    assert_float32_sums(bins_of(mirrored, edges, assign, weight), bins_of(tables, edges, assign, weight))


@given(genomes(), random_edges, assigns, weights, st.integers(0, 10**9))
def test_translated_genome_has_the_same_bins(tables, edges, assign, weight, shift):
    peaks, genes = tables["peaks"], tables["genes"]
    moved = changed(tables, start=peaks["start"] + shift, end=peaks["end"] + shift, tss=genes["tss"] + shift)
    np.testing.assert_array_equal(bins_of(moved, edges, assign, weight), bins_of(tables, edges, assign, weight))


@given(genomes(), st.lists(st.integers(-79, 79), max_size=5), st.sampled_from(["overlap", "midpoint"]))
def test_window_over_the_chromosome_conserves_signal(tables, inner, assign):
    edges = sorted({-LENGTH, LENGTH, *inner})
    rows = bins_of(tables, edges, assign, "peak_length").sum(axis=1).reshape(-1, 2)
    by_chrom = tables["openness"].groupby(tables["peaks"]["chrom"]).sum()
    assert_float32_sums(rows, by_chrom.loc[tables["genes"]["chrom"]])


@given(genomes(), st.sampled_from([2, 4, 8]), st.sampled_from(["overlap", "midpoint"]))
def test_halves_of_bins_add_up(tables, bin_size, assign):
    X = PairedDataset(**tables).pairs()
    whole, halves = (
        TSSBinner(48, size, assign=assign, depth=None).fit_transform(X).dense() for size in (bin_size, bin_size // 2)
    )
    assert_float32_sums(halves.reshape(len(X), -1, 2).sum(axis=2), whole)


@given(genomes(), random_edges, assigns)
def test_permuted_cell_types_permute_rows(tables, edges, assign):
    swapped = {**tables, "openness": tables["openness"][["y", "x"]]}
    expected = bins_of(tables, edges, assign).reshape(-1, 2, len(edges) - 1)[:, ::-1]
    np.testing.assert_array_equal(bins_of(swapped, edges, assign), expected.reshape(-1, len(edges) - 1))


@given(genomes(), random_edges, assigns, st.randoms(use_true_random=False))
def test_order_of_peaks_and_genes_is_irrelevant(tables, edges, assign, random):
    peak_order, gene_order = list(range(len(tables["peaks"]))), list(range(len(tables["genes"])))
    random.shuffle(peak_order)
    random.shuffle(gene_order)
    shuffled = {
        "peaks": tables["peaks"].iloc[peak_order],
        "openness": tables["openness"].iloc[peak_order],
        "genes": tables["genes"].iloc[gene_order],
    }
    expected = bins_of(tables, edges, assign).reshape(len(gene_order), 2, -1)[gene_order]
    found = bins_of(shuffled, edges, assign).reshape(expected.shape)
    assert_float32_sums(found, expected)


@given(genomes(), random_edges, st.floats(1e-3, 1e3))
def test_mean_depth_forgets_the_unit_of_a_cell_type(tables, edges, factor):
    tables["openness"] = tables["openness"] + 1
    louder = {**tables, "openness": tables["openness"].assign(y=tables["openness"]["y"] * factor)}
    expected = bins_of(tables, edges, "overlap", "peak_length", "mean")
    assert_float32_sums(bins_of(louder, edges, "overlap", "peak_length", "mean"), expected)


@given(genomes(), random_edges, assigns, st.data())
def test_all_ways_out_agree(tables, edges, assign, data):
    rows = binned(tables, edges, assign)
    dense = rows.dense()
    picked = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=5), label="picked")
    np.testing.assert_array_equal(rows.tocsr().toarray(), dense)
    np.testing.assert_array_equal(np.asarray(rows), dense)
    np.testing.assert_array_equal(np.concatenate([np.asarray(row) for row in rows]), dense)
    np.testing.assert_array_equal(rows[picked].dense(), dense[picked])
    np.testing.assert_array_equal(rows.dense(picked), dense[picked])
    np.testing.assert_array_equal(rows.tocsr(picked).toarray(), dense[picked])
    assert_float32_sums(dense_from_slots(rows), dense)


def dense_from_slots(rows, cells=(0, 1)):
    """Put the values of all slots into genes x cell types x bins, then into rows."""
    table = np.zeros((rows.operator.n_genes * rows.operator.n_columns, len(cells)))
    for _, _, slots, values in rows.gene_blocks():
        table[rows.operator.slot_keys()[slots]] = values[:, list(cells)]
    return table.reshape(rows.operator.n_genes, -1, len(cells)).swapaxes(1, 2).reshape(-1, rows.operator.n_columns)


@pytest.fixture(scope="module")
def rows(simulated):
    return TSSBinner(flank=20_000, bin_size=1_000).fit_transform(simulated[0].pairs())


def test_slots_of_chosen_cell_types(rows):
    expected = rows.dense().reshape(60, 12, -1)[:, [7, 2]].reshape(120, -1)
    assert_float32_sums(dense_from_slots(rows, [7, 2]), expected)
    everything = np.concatenate([values for *_, values in rows.gene_blocks()])
    assert everything.shape == (rows.operator.n_slots, 12)
    assert_float32_sums(everything.sum(dtype=float), rows.dense().sum(dtype=float))


@pytest.mark.parametrize("entries", [1, 7, 1_000])
def test_size_of_chunks_changes_nothing(rows, monkeypatch, entries):
    some = np.r_[700:0:-9, 3, 3]
    expected, slots = rows.dense(some), dense_from_slots(rows)
    for name in ("_CHUNK_ENTRIES", "_BLOCK_VALUES", "_BLOCK_PRODUCTS"):
        monkeypatch.setattr(_binned, name, entries)
    assert sum(1 for _ in rows.gene_blocks()) > 1, "more than one chunk"
    assert sum(1 for _ in rows._row_chunks(some)) > 1, "more than one chunk"
    np.testing.assert_array_equal(rows.dense(some), expected)
    np.testing.assert_array_equal(rows.tocsr(some).toarray(), expected)
    np.testing.assert_array_equal(dense_from_slots(rows), slots)


@pytest.mark.parametrize("assign", ["overlap", "midpoint", "end"])
def test_genes_built_a_few_at_a_time_change_nothing(simulated, monkeypatch, assign):
    binner = TSSBinner(flank=20_000, bin_size=1_000, assign=assign)
    expected = binner.fit_transform(simulated[0].pairs())
    monkeypatch.setattr(_overlap, "_GENES_AT_ONCE", 7)
    monkeypatch.setattr(_tables, "_derived", {})  # the table of overlaps is made anew
    found = binner.fit_transform(simulated[0].pairs())
    assert found.operator is not expected.operator
    np.testing.assert_array_equal(found.dense(), expected.dense())


# The container


def test_rows_stay_lazy_and_know_their_pairs(rows):
    part = rows[5:9]
    assert isinstance(part, BinnedOpenness)
    assert part.operator is rows.operator
    assert (len(part), part.shape, part.ndim, part.dtype) == (4, (4, 40), 2, np.float32)
    np.testing.assert_array_equal(part.gene_codes, [0] * 4)
    np.testing.assert_array_equal(part.cell_type_codes, [5, 6, 7, 8])
    assert_exact(part.genes, rows.genes)
    assert_exact(part.cell_types, rows.cell_types)
    assert repr(part) == "BinnedOpenness: 4 pairs x 40 bins of openness"


def test_empty_selection_is_an_empty_matrix(rows):
    for empty in (rows[[]], rows[np.zeros(len(rows), bool)]):
        assert empty.dense().shape == empty.tocsr().shape == np.asarray(empty).shape == (0, 40)


def test_a_column_cannot_be_picked_from_lazy_rows(rows):
    with pytest.raises(IndexError):
        rows[:, 0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_the_one_asked_for(rows, dtype):
    few = rows[:3]
    assert few.dense(dtype=dtype).dtype == few.tocsr(dtype=dtype).dtype == np.asarray(few, dtype=dtype).dtype == dtype


def test_sparse_rows_have_sorted_unique_columns(rows):
    assert rows.tocsr().has_canonical_format


def test_indices_of_sparse_rows_are_short_while_they_can_count_the_entries(rows):
    """scikit-learn's estimators may refuse 64-bit indices, and 32-bit ones would overflow beyond 2**31 - 1 entries."""
    table = rows.tocsr()
    assert table.indices.dtype == table.indptr.dtype == np.int32
    assert _binned._index_type(2**31 - 1) is np.int32
    assert _binned._index_type(2**31) is np.int64


def test_an_array_is_always_a_copy(rows):
    with pytest.raises(ValueError, match="computed on demand, so a dense array is always a copy"):
        np.array(rows[:1], copy=False)


def test_dense_array_beyond_the_limit_is_refused_with_its_size(rows, monkeypatch):
    monkeypatch.setattr(_binned, "MAX_DENSE_BYTES", 720 * 40 * 4)
    assert np.asarray(rows).nbytes == 720 * 40 * 4
    with pytest.raises(DenseSizeError, match=r"dense 720 x 40 array of float64 would take 0\.0 GiB.*Materialize\("):
        np.asarray(rows, dtype=np.float64)
    with pytest.raises(MemoryError, match=r"57\.1 GiB, more than the limit of 8\.0 GiB"):
        _dense.check_dense_size((3_576_594, 2_143), np.dtype(np.float64), 8 * 2**30)


# Settings


def test_settings_that_repeat_share_one_table_of_overlaps(simulated):
    X = simulated[0].pairs()
    first = TSSBinner(flank=4_000).fit_transform(X)
    assert TSSBinner(edges=np.arange(-4_000, 4_001, 1_000)).fit_transform(X[:5]).operator is first.operator


@pytest.mark.parametrize(
    "other",
    [{"flank": 5_000}, {"bin_size": 500}, {"assign": "end"}, {"weight": "bin_width"}, {"edges": [-4_000, 4_000]}],
)
def test_settings_that_differ_do_not_share_it(simulated, other):
    X = simulated[0].pairs()
    binner = TSSBinner(flank=4_000)
    assert binner.fit_transform(X).operator is not binner.set_params(**other).fit_transform(X).operator


def test_flank_gives_uniform_edges(simulated):
    binner = TSSBinner(flank=30, bin_size=10).fit(simulated[0].pairs())
    assert binner.edges_.tolist() == [-30, -20, -10, 0, 10, 20, 30]
    assert binner.n_features_in_ == 2
    assert TSSBinner().fit(simulated[0].pairs()).edges_.size == 2_001


def test_names_of_bins(simulated):
    binner = TSSBinner(edges=[-500, 0, 2_000]).fit(simulated[0].pairs())
    assert binner.get_feature_names_out().tolist() == ["[-500, 0) bp", "[0, 2000) bp"]


def test_symmetric_edges_by_hand():
    assert symmetric_edges([0, 500, 2_000]).tolist() == [-2_000, -500, 0, 500, 2_000]
    with pytest.raises(ValueError, match="distances must begin with 0, got 5"):
        symmetric_edges([5, 10])
    with pytest.raises(ValueError, match="increasing whole numbers"):
        symmetric_edges([0, 10, 10])


def test_default_bands_stay_what_saved_models_were_fitted_on():
    """A model refuses rows that are binned at other edges, so a moved default would shut out every saved one."""
    distances = [0, 250, 500, 1_000, 2_000, 3_500, 5_000, 7_500, 10_000, 15_000, 20_000]
    distances += [35_000, 50_000, 75_000, 100_000, 150_000, 200_000, 350_000, 500_000, 750_000, 1_000_000]
    assert symmetric_edges().tolist() == symmetric_edges(distances).tolist()


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int64])
def test_edges_of_any_integer_type(simulated, dtype):
    edges = np.array([-100, 100], dtype=dtype)  # 200 bp apart, more than int8 holds
    assert TSSBinner(edges=edges).fit(simulated[0].pairs()).edges_.tolist() == [-100, 100]


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"assign": "start"}, r"assign must be one of \('overlap', 'midpoint', 'end'\), got 'start'"),
        ({"weight": "length"}, r"weight must be one of \('peak_length', 'bin_width'\), got 'length'"),
        ({"depth": 1.0}, 'depth must be "mean", None or the name of a column of cell_types, got 1.0'),
        ({"flank": 1_500}, "flank must be a positive multiple of bin_size, got flank=1500, bin_size=1000"),
        ({"flank": 0}, "positive multiple"),
        ({"flank": -1_000}, "positive multiple"),
        ({"bin_size": 0}, "positive multiple"),
        ({"bin_size": -1_000}, "positive multiple"),
        ({"flank": 1, "bin_size": 0.5}, "flank|bin_size"),
        ({"flank": 2**40, "bin_size": 2**40}, "2147483647 bp"),
        ({"edges": [0]}, r"edges must be at least two increasing whole numbers \(bp\), got \[0\]"),
        ({"edges": [5, 0]}, "increasing whole numbers"),
        ({"edges": [0, 0]}, "increasing whole numbers"),
        ({"edges": np.array([10, 5, 20], dtype=np.uint32)}, "increasing whole numbers"),
        ({"edges": [0.0, 5.0]}, "increasing whole numbers"),
        ({"edges": [[0, 5]]}, "increasing whole numbers"),
        ({"edges": [0, 2**31]}, "edges must lie within 2147483647 bp of the TSS"),
    ],
)
def test_settings_that_do_not_fit_are_refused(simulated, wrong, match):
    with pytest.raises(ValueError, match=match):
        TSSBinner(**wrong).fit(simulated[0].pairs())


def test_edges_too_far_upstream_are_refused_as_those_downstream_are(simulated):
    with pytest.raises(ValueError, match="edges must lie within 2147483647 bp of the TSS"):
        TSSBinner(edges=[-(2**31), 0]).fit(simulated[0].pairs())


@pytest.mark.parametrize("other", [np.ones((3, 2)), pd.DataFrame({"gene": ["a"]}), None])
def test_only_pairs_can_be_binned(simulated, other):
    with pytest.raises(TypeError, match=r"needs pairs of genes and cell types, got .*: give PairedDataset\(.*\)"):
        TSSBinner().fit(other)
    with pytest.raises(TypeError, match="needs pairs"):
        TSSBinner().fit(simulated[0].pairs()).transform(other)


def test_binned_rows_cannot_be_binned_again(rows):
    with pytest.raises(TypeError, match="got BinnedOpenness"):
        TSSBinner().fit(rows)


def test_unfitted_binner_says_so(simulated):
    with pytest.raises(NotFittedError, match="TSSBinner"):
        TSSBinner().transform(simulated[0].pairs())
    with pytest.raises(NotFittedError, match="TSSBinner"):
        TSSBinner().get_feature_names_out()


def test_cell_type_without_signal(hand):
    hand["openness"] = hand["openness"].assign(y=0.0)
    with pytest.raises(TableError, match=r"openness: no signal in cell type\(s\) y; depth=None leaves"):
        bins_of(hand, [-4, 4], "overlap", "peak_length", "mean")
    np.testing.assert_array_equal(bins_of(hand, [-4, 4])[[1, 3]], 0)


def test_binner_bins_other_data_than_it_was_fitted_on(hand, simulated):
    binner = TSSBinner(edges=[-4, -2, 0, 2, 4], depth=None).fit(simulated[0].pairs())
    found = binner.transform(PairedDataset(**hand).pairs()).dense()
    np.testing.assert_array_equal(found, HAND["overlap", "peak_length"])


def test_binner_holds_settings_only(simulated):
    binner = TSSBinner(edges=symmetric_edges([0, 10]), assign="end").fit(simulated[0].pairs())
    assert set(vars(clone(binner))) == set(binner.get_params())
    assert set(vars(binner)) - set(binner.get_params()) == {
        "edges_",
        "columns_",
        "signals_",
        "layout_",
        "n_features_in_",
    }


@pytest.mark.parametrize("entries", [1, 100, 1_000_000])
@pytest.mark.parametrize("genes", [[3], [0, 1, 2], [2, 59, 5, 5, 31], list(range(60))])
def test_blocks_of_chosen_genes(rows, monkeypatch, genes, entries):
    monkeypatch.setattr(_binned, "_BLOCK_VALUES", entries)
    seen, table = [], rows.dense().reshape(60, 12, -1)
    for block, ptr, slots, values in rows.gene_blocks(np.array(genes)):
        bins = rows.operator.slot_column[slots]
        assert values.shape == (bins.size, 12) == (ptr[-1], 12)
        for i, gene in enumerate(block):
            own = slice(ptr[i], ptr[i + 1])
            assert_float32_sums(values[own].T, table[gene][:, bins[own]])
            assert_float32_sums(values[own].sum(dtype=float), table[gene].sum(dtype=float))
        seen += block.tolist()
    assert seen == sorted(set(genes))
