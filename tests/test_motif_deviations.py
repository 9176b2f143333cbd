"""Motif deviations: the law by hand, background peaks as chromVAR draws them, what must not matter, bad input."""

import sys
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_exact, assert_float64_sums, assert_within
from sklearn.base import clone

from skepi.exceptions import LeftOutWarning, TableError
from skepi.paired import PairedDataset
from skepi.persistence import load_model, save_model
from skepi.tf_activity import MotifDeviations, motif_deviations, top_motifs
from skepi.tf_activity._background_peaks import draw_background, whitened
from skepi.tf_activity._deviations import deviations_of

GENES = pd.DataFrame({"name": ["a"], "chrom": ["chr1"], "tss": [100], "strand": ["+"]})
CELL_TYPES = ["HSC", "Ery", "B", "NK"]


def tables(n_peaks=600, n_planted=60, fold=4, seed=0):
    """Counts of peaks, the first of which have a motif that opens them in Ery, and three motifs at random."""
    rng = np.random.default_rng(seed)
    start = 1_000 * np.arange(n_peaks)
    names = [f"chr1:{at}-{at + 500}" for at in start]
    openness = pd.DataFrame(rng.poisson(rng.gamma(2, 20, size=(n_peaks, 4))) + 1, names, CELL_TYPES)
    openness.iloc[:n_planted, 1] *= fold
    matches = pd.DataFrame(rng.random((n_peaks, 4)) < 0.15, names, ["planted", "x", "y", "z"])
    matches["planted"] = np.arange(n_peaks) < n_planted
    return openness, matches, pd.Series(np.round(rng.uniform(0.3, 0.7, n_peaks), 6), names)


OPENNESS, MATCHES, GC = tables()


# --- the law


def test_deviations_by_hand():
    # Two cell types, expected shares 1/4 each. The motif is in peaks 0 and 1.
    # Shares: (4, 2, 1, 1) / 8 and (0, 1, 1, 2) / 4. Raw: (6/8) / (1/2) - 1 = 1/2, (1/4) / (1/2) - 1 = -1/2.
    # Background sets: {2, 3}: 2/8 and 3/4, so -1/2 and 1/2; {0, 3}: 5/8 and 2/4, so 1/4 and 0.
    openness = np.array([[4, 0], [2, 1], [1, 1], [1, 2]], dtype=np.float32)
    matches = sp.csr_array(np.array([[1], [1], [0], [0]], dtype=bool))
    background = np.array([[2, 0], [3, 3], [0, 0], [1, 1]])
    found = deviations_of(openness, np.full(4, 0.25), matches, background)
    deviation = np.array([[1 / 2 + 1 / 8], [-1 / 2 - 1 / 4]])
    assert_float64_sums(found.deviation, deviation, summed=1)
    # SDs of (-1/2, 1/4) and (1/2, 0), of two numbers: their distance over the square root of 2.
    assert_float64_sums(found.z, deviation / (np.array([[3 / 4], [1 / 2]]) / np.sqrt(2)), summed=8)


def test_deviations_by_a_slow_loop():
    model = MotifDeviations(5).fit(OPENNESS, MATCHES, GC)
    share = OPENNESS / OPENNESS.sum()
    expected = share.mean(axis=1)
    deviations, z = model.deviations(OPENNESS), model.transform(OPENNESS)
    for motif, has in MATCHES.items():
        rows = np.flatnonzero(has)
        for cell_type in CELL_TYPES:
            sets = [rows, *model.background_peaks_[rows].T]
            raw = [share[cell_type].iloc[some].sum() / expected.iloc[some].sum() - 1 for some in sets]
            deviation = raw[0] - np.mean(raw[1:])
            assert_float64_sums(deviations.loc[cell_type, motif], deviation, summed=10)
            assert_float64_sums(z.loc[cell_type, motif], deviation / np.std(raw[1:], ddof=1), summed=1e3)


def test_many_cell_types_are_done_in_blocks():
    many = pd.concat([OPENNESS.add_suffix(f" {k}") * (k + 1) for k in range(20)], axis=1)
    model = MotifDeviations(4).fit(OPENNESS, MATCHES, GC)
    z = model.transform(many)
    assert z.index.tolist() == list(many)
    assert_within(z.to_numpy(), np.tile(model.transform(OPENNESS), (20, 1)), 1e-4, "float32 holds openness")


def test_where_the_background_does_not_vary_z_is_missing_and_the_deviation_is_there():
    alike = pd.DataFrame(np.repeat(OPENNESS[["HSC"]].to_numpy(), 2, axis=1), OPENNESS.index, ["one", "two"])
    model = MotifDeviations(5).fit(alike, MATCHES, GC)
    assert model.transform(alike).isna().all(axis=None)
    assert_float64_sums(model.deviations(alike), model.deviations(alike) * 0, summed=1)


def test_pooled_and_mean_expectation():
    deep = OPENNESS.assign(B=9 * OPENNESS["B"])
    pooled = MotifDeviations(2, expectation="pooled").fit(deep, MATCHES, GC)
    assert_float64_sums(pooled.expected_share_, (deep.sum(axis=1) / deep.to_numpy().sum()).to_numpy())
    mean = MotifDeviations(2).fit(deep, MATCHES, GC)
    assert_float64_sums(mean.expected_share_, (deep / deep.sum()).mean(axis=1).to_numpy())


# --- background peaks


def test_background_peaks_are_drawn_as_by_the_formula():
    rng = np.random.default_rng(1)
    expected, gc = rng.gamma(2, size=120), rng.uniform(0.2, 0.8, 120)
    n, n_bins, bandwidth = 4_000, 6, 0.7
    drawn = draw_background(expected, gc, n, n_bins, bandwidth, np.random.RandomState(0))
    # Another way: every grid point for every peak, the nearest by distance, the chance of each peak on its own.
    place = whitened(np.log(expected), gc)
    axes = [np.linspace(axis.min(), axis.max(), n_bins) for axis in place.T]
    grid = np.array([(one, other) for one in axes[0] for other in axes[1]])
    bins = np.argmin(((place[:, None] - grid) ** 2).sum(axis=2), axis=1)
    size = np.bincount(bins, minlength=len(grid))
    distance = np.sqrt(((grid[bins][:, None] - grid[bins]) ** 2).sum(axis=2))
    chance = np.exp(-(distance**2) / (2 * bandwidth**2)) / size[bins]
    chance /= chance.sum(axis=1, keepdims=True)
    share = np.array([np.bincount(row, minlength=120) for row in drawn]) / n
    limit = 6 * np.sqrt(chance / n) + 6 / n
    assert_within(share, chance, limit, "six SDs of shares of draws")


def test_background_peaks_are_alike_in_openness_and_gc():
    rng = np.random.default_rng(2)
    gc = rng.beta(8, 8, 5_000)
    expected = np.exp(rng.normal(size=5_000) + 6 * gc)
    drawn = draw_background(expected, gc, 10, 50, 0.1, np.random.RandomState(0))
    for measure in (np.log(expected), gc):
        apart = measure[drawn] - measure[:, None]
        assert np.sqrt(np.mean(apart**2)) < 0.3 * measure.std()


def test_both_measures_have_a_variance_of_one_and_no_correlation():
    rng = np.random.default_rng(3)
    gc = rng.uniform(size=300)
    assert_within(np.cov(whitened(gc + rng.normal(size=300), gc).T), np.eye(2), 1e-9, "rounding of a solved system")


# --- what must not matter, and what must


def test_the_planted_motif_is_found_and_others_stay_within_noise():
    openness, matches, gc = tables(n_peaks=3_000, n_planted=150)
    z = motif_deviations(openness, matches, gc)
    assert z.loc["Ery", "planted"] > 5
    assert z["planted"].idxmax() == "Ery"
    assert z[["x", "y", "z"]].abs().max(axis=None) < 4.5


@pytest.mark.slow
def test_motifs_at_random_have_z_of_sd_one():
    openness, _, gc = tables(n_peaks=4_000, n_planted=0)
    rng = np.random.default_rng(5)
    matches = pd.DataFrame(rng.random((4_000, 300)) < 0.05, openness.index)
    z = motif_deviations(openness, matches, gc)
    assert_within(z.mean(), z.mean() * 0, 1.5, "six SDs of four values of one motif, correlated by their sum")
    assert_within(z.std(axis=1), 1.0, 0.25, "an SD of 300 values, and of 50 sets below it")


@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_peaks_does_not_matter(seed):
    order = np.random.default_rng(seed).permutation(600)
    shuffled = [table.iloc[order] for table in (OPENNESS, MATCHES, GC)]
    one = MotifDeviations(5, n_bins=8).fit(OPENNESS, MATCHES, GC).transform(OPENNESS)
    other = MotifDeviations(5, n_bins=8).fit(*shuffled).transform(OPENNESS)
    assert_within(other, one, 1e-6, "sums in another order")


def test_tables_are_matched_by_the_names_of_peaks():
    rng = np.random.default_rng(4)
    order = rng.permutation(600)
    one = MotifDeviations(5).fit(OPENNESS, MATCHES, GC)
    other = MotifDeviations(5).fit(OPENNESS, MATCHES.iloc[order], GC.iloc[order])
    assert_exact(other.transform(OPENNESS.iloc[order]), one.transform(OPENNESS))
    written = MATCHES.rename(index=lambda name: name.replace(":", "-")).iloc[order]
    assert_exact(MotifDeviations(5).fit(OPENNESS, written, GC).transform(OPENNESS), one.transform(OPENNESS))


@given(factor=st.sampled_from([2, 8, 0.25]), column=st.integers(0, 3))
def test_the_depth_of_a_cell_type_does_not_matter(factor, column):
    deeper = OPENNESS.astype(float)
    deeper.iloc[:, column] *= factor
    one, other = (motif_deviations(table, MATCHES, GC, n_background=5, n_bins=8) for table in (OPENNESS, deeper))
    assert_within(other, one, 1e-6, "rounding")


def test_test_cell_types_move_nothing():
    model = MotifDeviations(5).fit(OPENNESS[["HSC", "Ery", "B"]], MATCHES, GC)
    before = model.transform(OPENNESS)
    changed = OPENNESS.assign(NK=OPENNESS["NK"].to_numpy()[::-1])
    after = model.transform(changed)
    assert_exact(after.drop(index="NK"), before.drop(index="NK"))
    assert not after.loc["NK"].equals(before.loc["NK"])
    assert_exact(model.transform(OPENNESS[["NK"]]), before.loc[["NK"]])


def test_one_seed_one_result_and_another_another():
    one, same, other = (motif_deviations(OPENNESS, MATCHES, GC, random_state=seed) for seed in (0, 0, 1))
    assert_exact(same, one)
    assert not other.equals(one)


@pytest.mark.parametrize(
    "made", [np.asarray, sp.csr_array, lambda table: pd.DataFrame.sparse.from_spmatrix(sp.csr_array(table))]
)
def test_matches_in_any_form(made):
    numbers = made(MATCHES.to_numpy() * 3)
    model = MotifDeviations(5).fit(OPENNESS, numbers, GC.to_numpy())
    assert model.motif_names_.tolist() == ["0", "1", "2", "3"]
    named = MotifDeviations(5).fit(OPENNESS, MATCHES, GC)
    np.testing.assert_array_equal(model.transform(OPENNESS).to_numpy(), named.transform(OPENNESS).to_numpy())


@pytest.mark.parametrize("made", [np.asarray, sp.csr_array])
def test_openness_without_names(made):
    z = motif_deviations(made(OPENNESS.to_numpy()), MATCHES, GC, n_background=5)
    assert z.index.tolist() == ["0", "1", "2", "3"]
    expected = motif_deviations(OPENNESS, MATCHES, GC, n_background=5)
    np.testing.assert_array_equal(z.to_numpy(), expected.to_numpy())


def peaks():
    start = 1_000 * np.arange(600)
    return pd.DataFrame({"chrom": "chr1", "start": start, "end": start + 500})


def test_a_data_set_gives_what_its_table_gives():
    data = PairedDataset(OPENNESS, peaks(), GENES)
    model = MotifDeviations(5).fit(data, MATCHES, GC)
    assert_exact(model.transform(data), motif_deviations(OPENNESS, MATCHES, GC, n_background=5))
    assert_exact(model.transform(OPENNESS.iloc[::-1]), model.transform(data))


def test_one_signal_of_several():
    both = {"ATAC": OPENNESS, "H3K27ac": OPENNESS.iloc[:300] + 1}
    places = {"ATAC": peaks(), "H3K27ac": peaks()[:300]}
    data = PairedDataset(both, places, GENES, cell_types=CELL_TYPES)
    z = motif_deviations(data, MATCHES, GC, signal="ATAC", n_background=5)
    assert_exact(z, motif_deviations(OPENNESS, MATCHES, GC, n_background=5))
    with pytest.raises(ValueError, match="reads one signal, and this data set has ATAC, H3K27ac: name one by signal="):
        motif_deviations(data, MATCHES, GC)


def test_settings_are_those_of_an_estimator_and_a_fitted_one_is_stored(tmp_path):
    model = MotifDeviations(5, random_state=3).fit(OPENNESS, MATCHES, GC)
    assert clone(model).get_params() == model.get_params()
    save_model(model, tmp_path / "model.skepi")
    assert_exact(load_model(tmp_path / "model.skepi").transform(OPENNESS), model.transform(OPENNESS))


# --- bad input


def test_a_peak_that_is_open_in_one_training_cell_type_counts():
    openness = OPENNESS.copy()
    openness.iloc[:9, 1:] = 0  # no warning: warnings are errors
    model = MotifDeviations(3).fit(openness, MATCHES, GC)
    assert model.open_.all()
    assert len(model.expected_share_) == len(openness)


def test_peaks_that_no_training_cell_type_has_are_left_out_and_counted():
    training = OPENNESS[["HSC", "Ery", "B"]].copy()
    training.iloc[:7] = 0
    with pytest.warns(LeftOutWarning, match="7 of 600 peaks are open in no training cell type, and are left out"):
        model = MotifDeviations(5).fit(training, MATCHES, GC)
    rest = MotifDeviations(5).fit(training.iloc[7:], MATCHES.iloc[7:], GC.iloc[7:])
    assert_exact(model.transform(OPENNESS), rest.transform(OPENNESS.iloc[7:]))
    only = OPENNESS[["NK"]].mask(np.arange(600)[:, None] >= 7, 0)
    with pytest.raises(ValueError, match="no peak that is open in a training cell type is open in 'NK'"):
        model.transform(only)


def test_motifs_that_tell_nothing_are_left_out_and_named():
    more = MATCHES.assign(never=False, always=True)
    with pytest.warns(LeftOutWarning, match=r"2 motif\(s\) are in none or in all .* left out: 'never', 'always'"):
        z = motif_deviations(OPENNESS, more, GC, n_background=5)
    assert_exact(z, motif_deviations(OPENNESS, MATCHES, GC, n_background=5))
    with pytest.raises(ValueError, match=r"each of the 2 motif\(s\) is in none or in all of the 600 open peaks"):
        motif_deviations(OPENNESS, more[["never", "always"]], GC)


def bad(**changed):
    return {"openness": OPENNESS, "matches": MATCHES, "gc_share": GC} | changed


OTHER_NAMES = MATCHES.rename(index=lambda name: name.replace("chr1", "chr2"))
BAD = {
    "a negative value": (bad(openness=OPENNESS - 20), "wanted values >= 0"),
    "a missing value": (bad(openness=OPENNESS.astype(float).replace(1, np.nan)), "wanted finite numbers"),
    "a closed cell type": (bad(openness=OPENNESS.assign(B=0)), "no peak is open in 'B'"),
    "nothing": (bad(openness=OPENNESS[[]]), "wanted peaks x cell types, got shape"),
    "other peaks": (
        bad(matches=OTHER_NAMES),
        r"matches: 600 row\(s\) are named after other peaks, the first is chr2:0-500",
    ),
    "too few matches": (bad(matches=MATCHES[1:]), r"matches: got shape \(599, 4\) for 600 peaks"),
    "matches of one dimension": (bad(matches=np.ones(600)), "matches: wanted two dimensions"),
    "log odds": (bad(matches=MATCHES - 1.5), "matches: got -.* such value.* compare scores with a threshold first"),
    "no number of hits": (bad(matches=MATCHES.astype(float).replace(1, np.nan)), "matches: got nan"),
    "a motif twice": (bad(matches=MATCHES.rename(columns={"x": "y"})), "matches: the same column twice: 'y'"),
    "too few shares": (bad(gc_share=GC[1:]), r"gc_share: got shape \(599,\) for 600 peaks"),
    "shares as a table": (bad(gc_share=GC.to_frame()), r"gc_share: got shape \(600, 1\)"),
    "no letters": (
        bad(gc_share=GC.where(GC > 0.32)),
        r"gc_share: \d+ peak\(s\) have none \(NaN\), as where all letters",
    ),
    "per cent": (bad(gc_share=100 * GC), "gc_share: wanted shares in 0 .. 1, got values from"),
}


@pytest.mark.parametrize(("given", "match"), BAD.values(), ids=BAD)
def test_bad_tables(given, match):
    with pytest.raises(TableError, match=match):
        motif_deviations(**given)


UNFIT = {
    "one cell type": (bad(openness=OPENNESS[["HSC"]]), "wanted 2 training cell types or more, got 1"),
    "few peaks": (
        {name: table[:99] for name, table in bad().items()},
        "wanted 100 peaks or more that are open in a training cell type, got 99",
    ),
    "equal GC": (bad(gc_share=GC * 0 + 0.5), "gc_share is the same in all peaks"),
    "equal openness": (bad(openness=OPENNESS * 0 + 1), "mean openness is the same in all peaks"),
    "GC from openness": (
        bad(gc_share=np.log((OPENNESS / OPENNESS.sum()).mean(axis=1)) / 40 + 0.6),
        "gc_share follows from mean openness",
    ),
    "background": (bad(n_background=1), "n_background must be a whole number of 2 or more"),
    "bins": (bad(n_bins=1), "n_bins must be a whole number of 2 or more"),
    "bandwidth": (bad(bandwidth=0), "bandwidth must be finite and greater than 0"),
    "expectation": (bad(expectation="median"), "expectation must be one of"),
}


@pytest.mark.parametrize(("given", "match"), UNFIT.values(), ids=UNFIT)
def test_what_nothing_can_be_learned_of(given, match):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=match):
            motif_deviations(**given)


def test_other_peaks_than_in_fit():
    model = MotifDeviations(5).fit(OPENNESS, MATCHES, GC)
    with pytest.raises(TableError, match="got 599 peaks, and fit saw 600"):
        model.transform(OPENNESS[1:])
    with pytest.raises(TableError, match=r"600 row\(s\) are named after other peaks, the first is chr2:0-500 in row 0"):
        model.transform(OPENNESS.rename(index=lambda name: name.replace("chr1", "chr2")))


# --- tables and AnnData


def test_top_motifs_are_the_highest_and_one_of_each_family():
    z = pd.DataFrame([[1.0, 3.0, np.nan, 2.0], [0.0, -1.0, 5.0, -2.0]], ["HSC", "Ery"], ["a", "b", "c", "d"])
    top = top_motifs(z, 2)
    assert top["motif"].tolist() == ["b", "d", "c", "a"]
    assert top["rank"].tolist() == [1, 2, 1, 2]
    assert top["z"].tolist() == [3, 2, 5, 0]
    assert top_motifs(z, 9)["motif"].tolist() == ["b", "d", "a", "c", "a", "b", "d"]
    families = pd.Series({"a": "one", "b": "two", "c": "one", "d": "two"})
    assert top_motifs(z, 3, families=families)["motif"].tolist() == ["b", "a", "c", "b"]


def test_top_motifs_of_bad_tables():
    z = pd.DataFrame([[1.0, 3.0]], ["HSC"], ["a", "b"])
    with pytest.raises(TableError, match=r"families: 1 motif\(s\) have none: 'b'"):
        top_motifs(z, families={"a": "one"})
    with pytest.raises(ValueError, match="n_motifs must be a whole number of 1 or more"):
        top_motifs(z, 0)
    with pytest.raises(TableError, match="z: wanted a table"):
        top_motifs([1.0])
    with pytest.raises(TableError, match="z: wanted numbers, got text"):
        top_motifs(z.assign(b="high"))


def test_anndata_has_both_tables():
    pytest.importorskip("anndata")
    lineages = pd.DataFrame({"name": CELL_TYPES, "lineage": ["stem", "red", "white", "white"]})
    data = PairedDataset(OPENNESS, peaks(), GENES, cell_types=lineages)
    model = MotifDeviations(5).fit(data, MATCHES, GC)
    adata = model.to_anndata(data)
    assert adata.obs["lineage"].tolist() == lineages["lineage"].tolist()
    assert_exact(adata.to_df(), model.transform(data).rename_axis(index=None, columns=None))
    assert_exact(adata.to_df("deviation"), model.deviations(data).rename_axis(index=None, columns=None))
    assert adata.var["n_peaks"].tolist() == MATCHES.sum().tolist()
    assert model.to_anndata(OPENNESS).obs_names.tolist() == CELL_TYPES


def test_without_anndata_the_command_that_installs_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "anndata", None)
    with pytest.raises(ImportError, match="anndata is not installed: pip install anndata"):
        MotifDeviations(2).fit(OPENNESS, MATCHES, GC).to_anndata(OPENNESS)
