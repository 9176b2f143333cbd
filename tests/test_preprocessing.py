"""LogZScaler and Materialize: by hand, against a slow loop, and what training rows alone teach."""

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_exact, assert_float32_sums, assert_float64_sums, assert_within
from sklearn.base import clone
from sklearn.cross_decomposition import PLSRegression
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skepi.binning import BinnedOpenness, TSSBinner, _binned
from skepi.exceptions import DenseSizeError, UnfittedSignalWarning, UnmatchedDataError
from skepi.paired import PairedDataset
from skepi.preprocessing import LogZScaler, Materialize

EDGES = [-10, 0, 10]
EDGES_OF_SIX = np.array([-30_000, -5_000, -1_000, 0, 1_000, 5_000, 30_000])
FLOORS = [0, 0.3, 1.0, np.inf]
ROOT2 = np.sqrt(2)


def one_bp_peaks(log_openness, starts, genes, names=None):
    """Bins of peaks of one base on chromosome 1, whose openness is given as ln(1 + x)."""
    data = PairedDataset(
        openness=np.expm1(np.array(log_openness, dtype=float)),
        peaks={"chrom": ["1"] * len(starts), "start": starts, "end": np.array(starts) + 1},
        genes={"name": list(genes), "chrom": ["1"] * len(genes), "tss": list(genes.values()), "strand": "+"},
        cell_types=names or [f"c{k}" for k in range(len(log_openness[0]))],
    )
    return TSSBinner(edges=EDGES, depth=None).fit_transform(data.pairs())


@pytest.fixture
def fitted_on():
    """Slot (a, 0) has ln(1 + x) 1, 3; slot (a, 1) has 2, 2; slot (b, 1) has 0, 4; slot (b, 0) has no peak.

    Means are 2, SDs 1, 0 and 2. Pooled scales: 1 in bin 0, sqrt((0 + 4) / 2) in bin 1.
    """
    return one_bp_peaks([[1, 3], [2, 2], [0, 4]], [95, 105, 505], {"a": 100, "b": 500})


@pytest.fixture
def other():
    """Gene a has a peak in bin 0 only, b in bin 0, where it had none, and c is not known to the scaler."""
    return one_bp_peaks([[5], [2], [3]], [97, 494, 901], {"c": 900, "b": 500, "a": 100}, ["new"])


HAND = {
    # Rows (a, c0), (a, c1), (b, c0), (b, c1); scales of (a, 0), (a, 1), (b, 1) in the first comment of each.
    0: [[-1, 0], [1, 0], [0, -1], [0, 1]],  # 1, 0, 2: a slot that does not vary becomes 0
    1.0: [[-0.5, 0], [0.5, 0], [0, -2 / (2 + ROOT2)], [0, 2 / (2 + ROOT2)]],  # 1 + 1, 0 + sqrt 2, 2 + sqrt 2
    np.inf: [[-1, 0], [1, 0], [0, -ROOT2], [0, ROOT2]],  # 1, sqrt 2, sqrt 2
}
HAND_OTHER = {
    # Rows c, b, a in the one cell type. Slots (c, 1) and (b, 0) are new: mean 0, scale floor * pooled.
    # Slots (b, 1) and (a, 1) have no peak now: z = -2 / scale.
    0: [[0, 0], [0, -1], [3, 0]],
    1.0: [[0, 3 / ROOT2], [2, -2 / (2 + ROOT2)], [1.5, -ROOT2]],
    np.inf: [[0, 3 / ROOT2], [2, -ROOT2], [3, -ROOT2]],
}


@pytest.mark.parametrize("floor", HAND)
def test_z_scores_by_hand(fitted_on, floor):
    found = LogZScaler(floor).fit_transform(fitted_on)
    assert_float32_sums(found.dense(), HAND[floor])
    assert_float32_sums(found.tocsr().toarray(), HAND[floor])


def test_statistics_by_hand(fitted_on):
    scaler = LogZScaler().fit(fitted_on)
    assert_float32_sums(scaler.mean_, [2, 2, 2])
    assert_float32_sums(scaler.sd_, [1, 0, 2])
    assert_float32_sums(scaler.pooled_, [1, ROOT2])
    assert scaler.gene_names_.tolist() == ["a", "b"]
    assert scaler.gene_ptr_.tolist() == [0, 2, 3]
    assert scaler.slot_column_.tolist() == [0, 1, 1]
    assert scaler.n_features_in_ == 2
    assert (scaler.mean_.dtype, scaler.sd_.dtype, scaler.pooled_.dtype) == (
        np.float32,
        np.float32,
        np.float64,
    )


@pytest.mark.parametrize("floor", HAND_OTHER)
def test_another_data_set_by_hand(fitted_on, other, floor):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if floor == 0 else "error", UnfittedSignalWarning)
        found = LogZScaler(floor).fit(fitted_on).transform(other)
    assert_float32_sums(found.dense(), HAND_OTHER[floor])
    assert_float32_sums(found.tocsr().toarray(), HAND_OTHER[floor])


def test_signal_that_becomes_0_for_want_of_a_scale_is_said(fitted_on, other):
    # As below, 15 % lies in slots new to the scaler, whose scale is 0 times the pooled one.
    with pytest.warns(UnfittedSignalWarning, match=r"14\.7% of the openness .* new slots that have no scale"):
        LogZScaler(0).fit(fitted_on).transform(other)


def test_fitted_share_by_hand(fitted_on, other):
    # Of e^5 - 1, e^2 - 1 and e^3 - 1 only the first lies in a slot seen in fit: 147.4 / 172.9 = 85 %.
    share = np.expm1(5) / np.expm1([5, 2, 3]).sum()
    scaler = LogZScaler(min_fitted_share=0.85).fit(fitted_on)
    assert_float32_sums(scaler.fitted_share(other), share)
    assert scaler.fitted_share(fitted_on) == 1
    scaler.transform(other)
    with pytest.warns(UnfittedSignalWarning, match=r"only 85% of the openness .*\(warned below 86%\)") as seen:
        LogZScaler(min_fitted_share=0.86).fit(fitted_on).transform(other)
    assert seen[0].filename == __file__


def test_fitted_share_does_not_depend_on_the_unit_of_openness(fitted_on):
    # Two peaks of equal openness, in all less than 1: one in the slot (a, 0), seen in fit, one in the new slot (b, 0).
    faint = one_bp_peaks([[0.1], [0.1]], [95, 494], {"a": 100, "b": 500})
    assert LogZScaler().fit(fitted_on).fitted_share(faint) == pytest.approx(0.5)


def test_a_share_as_large_as_asked_for_is_not_warned_about(fitted_on, other):
    scaler = LogZScaler().fit(fitted_on)
    scaler.set_params(min_fitted_share=scaler.fitted_share(other)).transform(other)  # a warning is an error


def test_even_a_small_share_that_becomes_0_is_said(fitted_on):
    # e^1 - 1 of e^5 + e^1 - 2 lies in the new slot (b, 0), whose scale is 0: 1.7 / 149.1 = 1.2 %.
    rows = one_bp_peaks([[5], [1]], [97, 494], {"a": 100, "b": 500})
    with pytest.warns(UnfittedSignalWarning, match=r"1\.2% of the openness .* becomes 0"):
        LogZScaler(0).fit(fitted_on).transform(rows)


def test_openness_that_misses_every_gene_is_a_share_of_zero(fitted_on):
    nowhere = one_bp_peaks([[5]], [2_000], {"a": 100, "b": 500})
    scaler = LogZScaler().fit(fitted_on)
    assert scaler.fitted_share(nowhere) == 0
    with pytest.warns(UnfittedSignalWarning, match="only 0%"):
        scaled = scaler.transform(nowhere)
    # All three fitted slots are closed: -2 / scale, with scales 1 + 1, 0 + sqrt 2 and 2 + sqrt 2.
    assert_float32_sums(scaled.dense(), [[-1, -ROOT2], [0, -2 / (2 + ROOT2)]])


def test_no_gene_in_common_is_an_error(fitted_on):
    strangers = one_bp_peaks([[5]], [97], {"A": 100})
    scaler = LogZScaler().fit(fitted_on)
    for method in (scaler.transform, scaler.fitted_share):
        with pytest.raises(UnmatchedDataError, match=r"fitted on a, ... \(2 genes\), got A, ... \(1 genes\)"):
            method(strangers)


# Against a slow loop


def random_tables(seed, n_cell_types=5):
    """A few genes on two chromosomes and peaks around them, some without any openness."""
    rng = np.random.default_rng(seed)
    peaks = pd.DataFrame({"chrom": rng.choice(["1", "2"], 14), "start": np.arange(14) * 17 + rng.integers(9, size=14)})
    peaks.loc[:1, "chrom"] = ["1", "2"]
    genes = {
        "name": list("abcd"),
        "chrom": list("1212"),
        "tss": rng.integers(20, 200, 4),
        "strand": list("++--"),
    }
    openness = rng.gamma(1, 3, (14, n_cell_types)) * rng.integers(0, 2, (14, n_cell_types))
    openness[:2] += 1
    openness[5] = 0
    return {
        "peaks": peaks.assign(end=peaks["start"] + 25),
        "genes": pd.DataFrame(genes),
        "openness": openness,
    }


def random_rows(seed=0, depth="mean", **changes):
    tables = {**random_tables(seed), **changes}
    cells = [f"c{k}" for k in range(tables["openness"].shape[1])]
    X = PairedDataset(**tables, cell_types=cells).pairs()
    return TSSBinner(flank=100, bin_size=20, depth=depth).fit_transform(X)


def in_cell_types(X, codes):
    return X[np.isin(X.cell_type_codes, codes)]


def touched_slots(X):
    """Whether any peak, open or not, has a base in each (gene, bin)."""
    touched = np.zeros((len(X.genes), X.shape[1]), dtype=bool)
    for g, gene in enumerate(X.genes.itertuples()):
        for peak in X.pairs.peaks[X.pairs.peaks["chrom"] == gene.chrom].itertuples():
            for base in range(peak.start, peak.end):
                offset = base - gene.tss if gene.strand == "+" else gene.tss - base
                touched[g] |= ((X.columns["start_bp"] <= offset) & (offset < X.columns["end_bp"])).to_numpy()
    return touched


def z_by_loop(X, training, floor):
    """Rows of all pairs, one slot at a time."""
    v = np.log1p(X.dense().astype(float)).reshape(len(X.genes), len(X.cell_types), -1)
    touched, z = touched_slots(X), np.zeros_like(v)
    for b in range(v.shape[2]):
        genes = np.flatnonzero(touched[:, b])
        squares = [(v[g, c, b] - v[g, training, b].mean()) ** 2 for g in genes for c in training]
        pooled = np.sqrt(np.mean(squares)) if squares else 0
        for g in genes:
            sd = v[g, training, b].std()
            scale = pooled if np.isinf(floor) else sd + floor * pooled
            z[g, :, b] = (v[g, :, b] - v[g, training, b].mean()) / scale if scale > 0 else 0
    return z.reshape(len(X), -1)


@pytest.mark.parametrize("floor", FLOORS)
@pytest.mark.parametrize("seed", range(4))
def test_z_scores_agree_with_a_slow_loop(floor, seed):
    X = random_rows(seed)
    found = LogZScaler(floor).fit(in_cell_types(X, [0, 3, 4])).transform(X).dense()
    assert_float32_sums(found, z_by_loop(X, [0, 3, 4], floor))


@pytest.mark.parametrize("floor", FLOORS)
def test_statistics_over_all_cell_types_agree_with_a_slow_loop(floor):
    X = random_rows()
    found = LogZScaler(floor, statistics="all").fit(in_cell_types(X, [0])).transform(X).dense()
    assert_float32_sums(found, z_by_loop(X, [0, 1, 2, 3, 4], floor))


@pytest.mark.parametrize("entries", [1, 12])
def test_size_of_chunks_changes_nothing(monkeypatch, entries):
    X = random_rows()
    expected = LogZScaler().fit_transform(X).dense()
    for name in ("_CHUNK_ENTRIES", "_BLOCK_VALUES", "_BLOCK_PRODUCTS"):
        monkeypatch.setattr(_binned, name, entries)
    assert_float32_sums(LogZScaler().fit_transform(X).dense(), expected)


@pytest.mark.parametrize("floor", [0, 0.3])
def test_share_of_signal_that_does_not_vary_is_zero(floor):
    """The one peak is all of every cell type's openness, so depth leaves 1 everywhere, but for rounding."""
    tables = random_tables(0, n_cell_types=40)
    alone = {
        "peaks": tables["peaks"].iloc[:1],
        "genes": tables["genes"].iloc[[0, 2]],
        "openness": tables["openness"][:1],
    }
    alone["genes"] = alone["genes"].assign(tss=alone["peaks"]["start"][0])
    X = random_rows(**alone)
    assert X.dense().any()
    np.testing.assert_array_equal(LogZScaler(floor).fit_transform(X).dense(), 0)


def test_small_differences_between_cell_types_are_no_rounding():
    # ln(1 + x) is 5 -+ 0.00025 in float32: z is -+1 without a floor, and never 0.
    rows = one_bp_peaks([[4.99975, 5.00025]], [95], {"a": 100})
    scaled = LogZScaler(0).fit_transform(rows).dense()[:, 0]
    assert_float32_sums(scaled, [-1, 1], summed=5 / 0.00025)


# What is learned, and from where


@given(st.integers(0, 2**32 - 1), st.sampled_from(["mean", None]))
def test_statistics_never_move_with_test_cell_types(seed, depth):
    before = random_tables(0)["openness"]
    after = before.copy()
    after[:, [1, 2]] = np.random.default_rng(seed).gamma(1, 50, (14, 2))
    one, two = (
        LogZScaler().fit(in_cell_types(random_rows(depth=depth, openness=values), [0, 3, 4]))
        for values in (before, after)
    )
    for name in ("mean_", "sd_", "pooled_", "slot_column_", "gene_ptr_"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


def test_statistics_over_all_cell_types_do_move():
    before = random_tables(0)["openness"]
    after = before * [1, 1, 50, 1, 1]
    one, two = (
        LogZScaler(statistics="all").fit(in_cell_types(random_rows(depth=None, openness=values), [0, 3]))
        for values in (before, after)
    )
    assert np.abs(one.mean_ - two.mean_).max() > 0.1


def test_held_out_genes_and_chromosomes_have_statistics():
    X = random_rows()
    first_chromosome = X[np.isin(X.gene_codes, [0, 2])]
    scaler, expected = LogZScaler().fit(first_chromosome), LogZScaler().fit(X)
    assert scaler.gene_names_.tolist() == ["a", "b", "c", "d"]
    found = scaler.transform(X).dense()
    np.testing.assert_array_equal(found, expected.transform(X).dense())
    assert found.reshape(4, 5, -1)[[1, 3]].any(axis=(1, 2)).all()


def test_rows_given_twice_teach_nothing_new():
    X = random_rows()
    twice = X[np.r_[np.arange(len(X)), np.flatnonzero(X.cell_type_codes == 1)]]
    np.testing.assert_array_equal(LogZScaler().fit(twice).mean_, LogZScaler().fit(X).mean_)


@pytest.mark.parametrize("rows", [slice(3, 11), [7, 7, 0], np.arange(20) % 3 == 1, []])
def test_scaling_a_subset_is_the_subset_of_the_scaled(rows):
    X = random_rows()
    scaler = LogZScaler().fit(in_cell_types(X, [0, 1, 2]))
    np.testing.assert_array_equal(scaler.transform(X[rows]).dense(), scaler.transform(X).dense()[rows])


def test_gene_blocks_of_scaled_rows_are_their_z_scores(fitted_on, other):
    for rows in (fitted_on, other):
        scaled = LogZScaler().fit(fitted_on).transform(rows)
        table = np.zeros((len(rows.genes) * 2, len(rows.cell_types)))
        for _, _, slots, values in scaled.gene_blocks():
            table[scaled.operator.slot_keys()[slots]] = values
        by_row = table.reshape(len(rows.genes), 2, -1).swapaxes(1, 2).reshape(-1, 2)
        assert_float32_sums(by_row, scaled.dense())


def test_gene_order_and_new_cell_types_do_not_matter():
    X, tables = random_rows(), random_tables(0)
    openness = tables["openness"][:, [0, 1, 2, 3, 4, 0]]  # a sixth cell type like the first
    Y = random_rows(openness=openness, genes=tables["genes"].iloc[::-1])
    scaler = LogZScaler().fit(X)
    expected = scaler.transform(X).dense().reshape(4, 5, -1)[::-1]
    found = scaler.transform(Y).dense().reshape(4, 6, -1)
    assert_float32_sums(found[:, :5], expected)
    assert_float32_sums(found[:, 5], expected[:, 0])


def test_fewer_genes_than_fitted_give_the_same_numbers_without_a_warning():
    X, tables = random_rows(), random_tables(0)
    scaler = LogZScaler(min_fitted_share=1.0).fit(X)
    found = scaler.transform(random_rows(genes=tables["genes"].iloc[[3, 1]])).dense()
    np.testing.assert_array_equal(found, scaler.transform(X).dense().reshape(4, 5, -1)[[3, 1]].reshape(10, -1))


def test_fitted_share_counts_openness_per_depth():
    """The share is taken over all cell types of the other data set, each divided by its depth."""
    fitted = LogZScaler(min_fitted_share=0).fit(random_rows())
    tables = random_tables(0)
    rows = random_rows(
        peaks=tables["peaks"].assign(start=tables["peaks"]["start"] + 30, end=tables["peaks"]["end"] + 30),
        openness=tables["openness"] * [1, 10, 100, 1, 1],
    )
    signal = rows.dense().reshape(4, 5, -1).sum(axis=1)
    seen = touched_slots(random_rows())
    assert 0.1 < fitted.fitted_share(rows[:1]) < 0.9
    assert_float32_sums(fitted.fitted_share(rows[:1]), signal[seen].sum() / signal.sum())


def test_fitted_scaler_keeps_no_data_set(fitted_on):
    scaler = LogZScaler().fit(fitted_on)
    learned = {name: value for name, value in vars(scaler).items() if name not in scaler.get_params()}
    assert all(isinstance(value, np.ndarray | pd.DataFrame | int) for value in learned.values())
    assert set(vars(clone(scaler))) == set(scaler.get_params())


def test_input_rows_stay_unscaled(fitted_on):
    before = fitted_on.dense()
    scaled = LogZScaler().fit_transform(fitted_on)
    assert isinstance(scaled, BinnedOpenness)
    assert repr(scaled) == "BinnedOpenness: 4 pairs x 2 bins of log z-scores"
    np.testing.assert_array_equal(fitted_on.dense(), before)


# Plain arrays


@pytest.mark.parametrize(("floor", "factor"), [(0, 1), (0.3, 1.3), (1.0, 2.0), (np.inf, 1.0)])
def test_columns_of_an_array_agree_with_scikit_learn(rng, floor, factor):
    values = np.c_[rng.gamma(1, 5, (9, 3)), np.full(9, 0.1)]
    expected = StandardScaler().fit_transform(np.log1p(values)) / factor
    assert_float64_sums(LogZScaler(floor).fit_transform(values), expected)


@pytest.mark.parametrize("form", [sp.csr_array, sp.csc_matrix, sp.coo_array])
@pytest.mark.parametrize("floor", [0.0, 1.0, np.inf])
def test_sparse_columns_are_scaled_as_dense_ones(rng, form, floor):
    """Every second value is 0, one column is always open, one always closed, one has equal values."""
    X = rng.exponential(size=(40, 5)) * (np.arange(200).reshape(40, 5) % 2)
    X[:, 1], X[:, 2], X[:, 3] = X[:, 1] + 3, 0, 7
    dense, sparse = LogZScaler(floor).fit(X), LogZScaler(floor).fit(form(X))
    for name in ("mean_", "sd_", "pooled_"):
        assert_float64_sums(getattr(sparse, name), getattr(dense, name), summed=10)
    assert (sparse.sd_[[2, 3]] == 0).all()
    assert_float64_sums(sparse.transform(form(X)), dense.transform(X), summed=10, condition=20)
    with pytest.raises(ValueError, match="Negative values in data passed to LogZScaler"):
        LogZScaler().fit(form(-X))


def test_a_sparse_array_too_large_to_be_dense_is_not_scaled(monkeypatch):
    X = sp.csr_array(np.ones((4, 3)))
    monkeypatch.setattr("skepi.preprocessing._log_z.MAX_DENSE_BYTES", 4 * 3 * 8 - 1)
    with pytest.raises(MemoryError, match="a dense 4 x 3 array of float64"):
        LogZScaler().fit(X).transform(X)


def test_columns_that_do_not_vary_become_0_whatever_their_level():
    """Rounding leaves a standard deviation behind at many levels; without a floor it would be divided by itself."""
    levels = np.tile(np.linspace(0.1, 9, 50), (7, 1))
    assert_exact(LogZScaler(0).fit_transform(levels), np.zeros((7, 50)))


def test_columns_of_any_range_keep_their_variation():
    # ln(1 + x) is 0 and 1: mean 1/2, SD 1/2.
    scaled = LogZScaler(0).fit_transform(np.expm1([[0.0], [1.0]]))
    assert scaled.ravel().tolist() == pytest.approx([-1, 1])


def test_arrays_keep_their_dtype_and_are_not_changed(rng):
    values = rng.gamma(1, 5, (9, 3)).astype(np.float32)
    before = values.copy()
    assert LogZScaler().fit_transform(values).dtype == np.float32
    np.testing.assert_array_equal(values, before)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"scale_floor": -0.1}, "scale_floor must be 0 or greater, got -0.1"),
        ({"scale_floor": np.nan}, "scale_floor must be 0 or greater, got nan"),
        ({"statistics": "test"}, r"statistics must be one of \('training', 'all'\), got 'test'"),
    ],
)
def test_wrong_settings(fitted_on, wrong, match):
    for X in (fitted_on, np.ones((3, 2))):
        with pytest.raises(ValueError, match=match):
            LogZScaler(**wrong).fit(X)


def test_negative_values_are_refused():
    with pytest.raises(ValueError, match="Negative values in data passed to LogZScaler"):
        LogZScaler().fit([[1.0, -0.1], [1.0, 1.0]])
    with pytest.raises(ValueError, match="Negative values"):
        LogZScaler().fit([[1.0], [2.0]]).transform([[-1.0]])


def test_one_training_cell_type_is_too_few(fitted_on):
    with pytest.raises(ValueError, match="needs at least 2 training cell types, got 1: nothing varies"):
        LogZScaler().fit(in_cell_types(fitted_on, [1]))
    LogZScaler(statistics="all").fit(in_cell_types(fitted_on, [1]))


def test_rows_are_scaled_once(fitted_on):
    scaler = LogZScaler().fit(fitted_on)
    scaled = scaler.transform(fitted_on)
    for again in (scaler.fit, scaler.transform, scaler.fitted_share):
        with pytest.raises(ValueError, match="scaled already: LogZScaler takes logs and scales itself"):
            again(scaled)


def test_other_edges_than_in_fit_are_refused(pairs):
    """As many columns in all, but others: bins of the fit must be bins of the rows."""
    six, four = (TSSBinner(edges=edges).fit_transform(pairs[0]) for edges in (EDGES_OF_SIX, EDGES_OF_SIX[1:-1]))
    scaler = LogZScaler().fit(six)
    beside = four.with_appended(["one", "two"], np.zeros((len(four), 2)))
    for rows in (beside, TSSBinner(edges=EDGES_OF_SIX * 2).fit_transform(pairs[0])):
        with pytest.raises(ValueError, match=r"other columns than those of the fit: column 0 is \[-"):
            scaler.transform(rows)


def test_other_bins_than_in_fit_are_refused(fitted_on):
    other_bins = TSSBinner(edges=[-10, 10]).fit_transform(fitted_on.pairs)
    scaler = LogZScaler().fit(fitted_on)
    for method in (scaler.transform, scaler.fitted_share):
        with pytest.raises(ValueError, match=r"other columns than those of the fit: column 0 is \[-10, 10\) bp"):
            method(other_bins)


def test_pairs_and_arrays_do_not_mix(fitted_on):
    with pytest.raises(ValueError, match="fitted on pairs: a plain array has no genes"):
        LogZScaler().fit(fitted_on).transform(fitted_on.dense())
    for method in ("transform", "fitted_share"):
        with pytest.raises(ValueError, match="fitted on a plain array: pairs were not expected"):
            getattr(LogZScaler().fit(fitted_on.dense()), method)(fitted_on)


def test_a_new_fit_forgets_the_old_kind(fitted_on):
    scaler = LogZScaler().fit(fitted_on).fit(fitted_on.dense())
    np.testing.assert_array_equal(scaler.transform(fitted_on.dense()), LogZScaler().fit_transform(fitted_on.dense()))
    np.testing.assert_array_equal(
        scaler.fit(fitted_on).transform(fitted_on).dense(), LogZScaler().fit_transform(fitted_on).dense()
    )


def test_pairs_that_are_not_binned_have_no_numbers(fitted_on):
    for step in (LogZScaler(), Materialize()):
        with pytest.raises(TypeError, match=r"no numbers yet: put TSSBinner\(\)"):
            step.fit(fitted_on.pairs)


@pytest.mark.parametrize("step", [LogZScaler(), Materialize()])
def test_unfitted_step_says_so(fitted_on, step):
    with pytest.raises(NotFittedError, match=type(step).__name__):
        clone(step).transform(fitted_on)
    if isinstance(step, LogZScaler):
        with pytest.raises(NotFittedError):
            clone(step).fitted_share(fitted_on)


def test_names_of_bins_pass_through_the_pipeline(fitted_on):
    pipe = make_pipeline(TSSBinner(edges=EDGES, depth=None), LogZScaler(), Materialize()).fit(fitted_on.pairs)
    assert pipe.get_feature_names_out().tolist() == ["[-10, 0) bp", "[0, 10) bp"]


# Materialize


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_both_formats_hold_the_lazy_rows(fitted_on, dtype):
    dense = Materialize(dtype=dtype).fit_transform(fitted_on)
    csr = Materialize("csr", dtype=dtype).fit_transform(fitted_on)
    assert isinstance(dense, np.ndarray)
    assert sp.issparse(csr)
    assert csr.format == "csr"
    assert dense.dtype == csr.dtype == dtype
    np.testing.assert_array_equal(dense, fitted_on.dense())
    np.testing.assert_array_equal(csr.toarray(), fitted_on.dense())
    # Only touched slots are stored: 2 of gene a and 1 of gene b in 2 cell types each.
    assert csr.nnz == 6


@pytest.mark.parametrize("form", [np.asarray, sp.csr_array, sp.csc_array])
def test_arrays_change_format_only(form):
    values = np.array([[0.0, 2.0], [1.0, 0.0]])
    dense, csr = (Materialize(name).fit_transform(form(values)) for name in ("dense", "csr"))
    np.testing.assert_array_equal(dense, values)
    assert csr.format == "csr"
    np.testing.assert_array_equal(csr.toarray(), values)


def test_dense_size_has_a_limit(fitted_on):
    # 4 rows x 2 bins: 32 bytes as float32.
    assert Materialize(max_bytes=32).fit_transform(fitted_on).nbytes == 32
    Materialize("csr", max_bytes=1).fit_transform(fitted_on)
    with pytest.raises(DenseSizeError, match=r"a dense 4 x 2 array of float32 would take.*Materialize\('csr'\)"):
        Materialize(max_bytes=31).fit_transform(fitted_on)
    with pytest.raises(DenseSizeError, match="array of float64"):
        Materialize(max_bytes=32, dtype="float64").fit_transform(fitted_on)


def test_dense_size_of_a_sparse_array_has_the_same_limit():
    with pytest.raises(DenseSizeError, match="a dense 3 x 3 array of float64"):
        Materialize(max_bytes=71).fit_transform(sp.eye_array(3, format="csr"))


def test_materialize_errors(fitted_on):
    with pytest.raises(ValueError, match=r"format must be one of \('dense', 'csr'\), got 'coo'"):
        Materialize("coo").fit(fitted_on)
    one_bin = TSSBinner(edges=[-10, 10]).fit_transform(fitted_on.pairs)
    with pytest.raises(ValueError, match=r"other columns than those of the fit: column 0 is \[-10, 10\) bp"):
        Materialize().fit(fitted_on).transform(one_bin)
    with pytest.raises(ValueError, match="X has 1 features, but Materialize is expecting 2 features"):
        Materialize().fit(fitted_on).transform(np.ones((3, 1)))


# Stock regressors at the end of a Pipeline

REGRESSORS = [Ridge(), HistGradientBoostingRegressor(max_iter=5), PLSRegression(2)]


def pipeline(*last):
    steps = [("bins", TSSBinner(flank=5_000)), ("scale", LogZScaler()), *enumerate(last)]
    return Pipeline([(str(name), step) for name, step in steps])


@pytest.mark.parametrize("regressor", REGRESSORS, ids=lambda r: type(r).__name__)
@pytest.mark.parametrize("between", [[], [Materialize()]], ids=["lazy", "dense"])
def test_stock_regressor_agrees_with_itself_on_arrays(pairs, regressor, between):
    X, y = pairs
    train = X.cell_type_codes < 8
    pipe = pipeline(*between, clone(regressor)).fit(X[train], y[train])
    binned = TSSBinner(flank=5_000).fit_transform(X)
    features = LogZScaler().fit(binned[train]).transform(binned).dense()
    expected = clone(regressor).fit(features[train], y[train]).predict(features)
    assert_float32_sums(pipe.predict(X), expected, condition=4)


def test_sparse_and_dense_features_give_the_same_ridge(pairs):
    X, y = pairs
    dense, csr = (pipeline(Materialize(form), Ridge(tol=1e-9)).fit(X, y).predict(X) for form in ("dense", "csr"))
    assert_within(csr, dense, 1e-4, "conjugate gradients on sparse features stop at a residual of 1e-9")


@pytest.mark.slow
@pytest.mark.parametrize("regressor", REGRESSORS, ids=lambda r: type(r).__name__)
def test_grid_search_in_two_processes(pairs, regressor):
    X, y = pairs
    folds = list(GroupKFold(2).split(X.gene_codes, groups=X.cell_type_codes))
    search = GridSearchCV(pipeline(regressor), {"scale__scale_floor": [0.3, 1.0]}, cv=folds, n_jobs=2).fit(X, y)
    for k, floor in enumerate([0.3, 1.0]):
        for fold, (train, test) in enumerate(folds):
            model = pipeline(clone(regressor)).set_params(scale__scale_floor=floor).fit(X[train], y[train])
            score = search.cv_results_[f"split{fold}_test_score"][k]
            assert_float32_sums(score, model.score(X[test], y[test]), summed=1, condition=4)
    assert search.predict(X[:7]).shape[0] == 7


def test_scaler_is_silent_on_its_own_data(pairs):
    X = TSSBinner(flank=5_000).fit_transform(pairs[0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LogZScaler(min_fitted_share=1.0).fit(X[:30]).transform(X)
