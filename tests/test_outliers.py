"""Cell types on a map and outliers: by hand, by a slow loop, against scikit-learn's PCA, on planted corruption."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_exact, assert_float64_sums, assert_within
from several_signals import several_signals
from sklearn.decomposition import PCA

from skepi.datasets import make_paired_openness
from skepi.exceptions import MissingExpressionError, UnknownNameError
from skepi.inspection import _outliers, cell_type_components, cell_type_outliers
from skepi.paired import PairedDataset

COLUMNS = ["from_centre", "nearest", "score", "flagged"]
both = pytest.mark.parametrize("on", ["expression", "openness"])


def dataset(expression=None, openness=None, lineages=None):
    """Genes and peaks far apart, with these values in cell types a, b, c, ..."""
    n = np.shape(openness if expression is None else expression)[1]
    names = list("abcdefghijklmnop"[:n])
    openness = np.ones((1, n)) if openness is None else openness
    start = 1_000 * np.arange(len(openness))
    genes = 1 if expression is None else len(expression)
    return PairedDataset(
        openness,
        {"chrom": ["1"] * len(start), "start": start, "end": start + 10},
        {"name": [f"g{k}" for k in range(genes)], "chrom": ["1"] * genes, "tss": range(genes), "strand": ["+"] * genes},
        expression,
        pd.DataFrame({"name": names} | ({} if lineages is None else {"lineage": lineages})),
    )


def assert_same_scores(got, wanted):
    """Equal but for rounding; a score is of a difference of squares, and relatives are near."""
    labels = ["nearest", "flagged"]
    assert_exact(got[labels], wanted[labels])
    assert_float64_sums(got["from_centre"], wanted["from_centre"])
    assert_float64_sums(got["score"], wanted["score"], summed=10 * wanted["from_centre"].max())


def nearness_of_axes(explained):
    """How much the axes of components amplify rounding: the greatest variance over the least step between two."""
    return explained.iloc[0] / -np.diff([*explained, 0]).max()


def log_values(data, on):
    if on == "expression":
        return data.expression
    openness = data.openness.astype(np.float64)
    return np.log1p(openness / openness.mean(axis=0))


def scaled_by_loop(values):
    """Gene by gene: less the median, over MAD + root mean square of the MADs."""
    centres = [np.median(row) for row in values]
    mads = [1.4826 * np.median([abs(v - m) for v in row]) for row, m in zip(values, centres, strict=True)]
    floor = np.sqrt(np.mean(np.square(mads)))
    return np.array([(row - m) / (s + floor) for row, m, s in zip(values, centres, mads, strict=True)])


@pytest.fixture(scope="module")
def blood_like():
    return make_paired_openness(60, 9, n_lineages=3, n_peaks=700, random_state=1)[0]


def test_scores_by_hand():
    # Median 2, deviations -2, -1, 1, 11; with one gene the scale cancels.
    table = cell_type_outliers(dataset([[0.0, 1, 3, 13]]))
    assert table.index.tolist() == ["a", "b", "c", "d"]
    assert table.index.name == "cell_type"
    assert table.columns.tolist() == COLUMNS
    assert table["nearest"].tolist() == ["b", "a", "b", "c"]
    assert_float64_sums(table["score"], [0.4, 0.4, 1.6, 40], summed=48.4)  # squared distances 1, 1, 4, 100 over 2.5
    assert_float64_sums(table["from_centre"], [1.6, 0.4, 0.4, 48.4])  # squares 4, 1, 1, 121 over 2.5
    assert table["flagged"].tolist() == [False, False, False, True]
    assert cell_type_outliers(dataset([[0.0, 1, 3, 13]]), threshold=40.5)["flagged"].sum() == 0


def test_openness_is_compared_in_logs_and_free_of_depth():
    openness = np.array([[1.0, 2, 4, 9], [3, 2, 4, 1], [2, 2, 4, 2]])  # b and c differ in depth alone
    table = cell_type_outliers(dataset(openness=openness * [1, 7, 1, 1], expression=[[0.0, 1, 2, 10]]), "openness")
    assert table["nearest"][["b", "c"]].tolist() == ["c", "b"]
    assert_float64_sums(table["score"]["b"], 0, summed=10 * table["from_centre"].max())
    assert table["score"].idxmax() == "d"


def test_lineages_are_shown_where_known():
    table = cell_type_outliers(dataset([[0.0, 1, 2, 10]], lineages=["x", "x", "y", "y"]))
    assert table.columns.tolist() == ["lineage", *COLUMNS]
    assert table["lineage"].tolist() == ["x", "x", "y", "y"]


@both
def test_scores_equal_a_slow_loop(blood_like, on):
    z = scaled_by_loop(log_values(blood_like, on))
    n = z.shape[1]
    names, least, nearest = blood_like.cell_types["name"].tolist(), [], []
    for c in range(n):
        apart = [np.mean((z[:, c] - z[:, other]) ** 2) if other != c else np.inf for other in range(n)]
        least.append(min(apart))
        nearest.append(names[int(np.argmin(apart))])
    square = (z**2).mean(axis=0)
    table = cell_type_outliers(blood_like, on)
    assert table.index.tolist() == names
    assert table["nearest"].tolist() == nearest
    assert_float64_sums(table["score"], np.array(least) / np.median(least), summed=square.max() / np.median(least))
    assert_float64_sums(table["from_centre"], square / np.median(square))


@both
def test_components_equal_those_of_scikit_learn(blood_like, on):
    z = scaled_by_loop(log_values(blood_like, on))
    pca = PCA(8, svd_solver="full").fit(z.T)
    wanted = pca.transform(z.T) / np.sqrt(len(z))
    components, explained = cell_type_components(blood_like, on, n_components=8)
    sign = np.sign((components.to_numpy() * wanted).sum(axis=0))
    nearness = nearness_of_axes(explained)
    assert_float64_sums(components, wanted * sign, condition=nearness)
    assert_float64_sums(explained, pca.explained_variance_ratio_)
    assert components.columns.tolist() == explained.index.tolist() == [f"pc{k}" for k in range(1, 9)]
    assert components.index.tolist() == blood_like.cell_types["name"].tolist()
    # What the docstring says of them.
    centred = z - z.mean(axis=1, keepdims=True)
    assert_float64_sums((components**2).sum(axis=1), (centred**2).mean(axis=0))
    assert_float64_sums(components.mean(), 0, summed=components.abs().max().max(), condition=nearness)
    largest = components.abs().to_numpy().argmax(axis=0)
    assert (components.to_numpy()[largest, range(8)] > 0).all()


def test_few_components_are_the_first(blood_like):
    all_of_them, explained = cell_type_components(blood_like, n_components=8)
    components, shares = cell_type_components(blood_like, n_components=2)
    assert_exact(components, all_of_them[["pc1", "pc2"]])
    assert_exact(shares, explained[:2])
    assert explained.sum() == pytest.approx(1)
    assert explained.is_monotonic_decreasing


@pytest.mark.parametrize(("n_cell_types", "n_components"), [(4, 3), (5, 4), (6, 5), (7, 5), (9, 5)])
def test_five_components_by_default_or_as_many_as_there_are(blood_like, n_cell_types, n_components):
    data = dataset(blood_like.expression[:, :n_cell_types])
    components, explained = cell_type_components(data)
    assert components.shape == (n_cell_types, n_components)
    assert len(explained) == n_components
    assert (explained.sum() == pytest.approx(1)) == (n_components == n_cell_types - 1)


@both
def test_a_few_rows_at_a_time_give_the_same(blood_like, on, monkeypatch):
    table, (components, explained) = cell_type_outliers(blood_like, on), cell_type_components(blood_like, on)
    monkeypatch.setattr(_outliers, "_ROWS_AT_ONCE", 7)
    assert_same_scores(cell_type_outliers(blood_like, on), table)
    in_parts, shares = cell_type_components(blood_like, on)
    assert_float64_sums(in_parts, components, condition=nearness_of_axes(explained))
    assert_float64_sums(shares, explained)


expressions = st.integers(0, 10_000).map(lambda seed: np.random.default_rng(seed).normal(size=(12, 7)))


@given(expressions, st.integers(0, 99), st.sampled_from([1e-6, 0.3, 1e6]))
def test_scores_do_not_depend_on_order_levels_or_units(values, seed, unit):
    rng = np.random.default_rng(seed)
    table = cell_type_outliers(dataset(values))
    genes, cells = rng.permutation(12), rng.permutation(7)
    changed = unit * (values + rng.normal(size=(12, 1)))[genes]
    assert_same_scores(cell_type_outliers(dataset(changed)), table)
    names = np.array(list("abcdefg"))
    swapped = cell_type_outliers(dataset(changed[:, cells])).set_axis(names[cells])
    swapped["nearest"] = swapped["nearest"].map(dict(zip(names, names[cells], strict=True)))
    assert_same_scores(swapped, table.loc[names[cells]].rename_axis(None))
    shares = [cell_type_components(dataset(v))[1].to_numpy() for v in (values, changed[:, cells])]
    assert_float64_sums(*shares)


def test_genes_that_hardly_vary_do_not_take_over(blood_like):
    # One cell type has a single read of a gene that is silent elsewhere, many times over.
    silent = np.zeros((60, 9))
    silent[:, 4] = 0.01
    data = dataset(np.vstack([blood_like.expression, silent]))
    with_them, without = (cell_type_outliers(one)["score"].to_numpy() for one in (data, dataset(blood_like.expression)))
    assert_within(with_them / without, 1, 0.1, "genes that hardly vary weigh little, not nothing")


@pytest.mark.parametrize("seed", range(20))
def test_a_corrupted_cell_type_is_flagged_and_no_other(seed):
    data, truth = make_paired_openness(150, 24, n_peaks=1_500, corrupted=(7 * seed) % 24, random_state=seed)
    table = cell_type_outliers(data)
    assert table["score"].idxmax() == truth.corrupted
    assert table.index[table["flagged"]].tolist() == [truth.corrupted]
    assert not cell_type_outliers(data, "openness")["flagged"].any()  # its openness is sound
    components, _ = cell_type_components(data)
    assert (components**2).sum(axis=1).idxmax() == truth.corrupted


@pytest.mark.slow
def test_sound_cell_types_are_not_flagged():
    flagged = 0
    for seed in range(20):
        data, _ = make_paired_openness(150, 24, n_peaks=1_500, random_state=seed)
        flagged += cell_type_outliers(data)["flagged"].any()
    assert flagged <= 1


@pytest.fixture(scope="module")
def two():
    return several_signals()


@pytest.mark.parametrize("signal", ["ATAC", "H3K27ac"])
def test_openness_of_one_signal_is_that_of_a_data_set_with_it_alone(two, signal):
    alone = two.subset(signals=signal)
    unnamed = PairedDataset(alone.openness, alone.peaks.drop(columns="signal"), two.genes, cell_types=two.cell_types)
    table = cell_type_outliers(two, "openness", signal=signal)
    assert_exact(table, cell_type_outliers(unnamed, "openness"))
    assert_exact(table, cell_type_outliers(alone, "openness"))  # the only one need not be named
    assert_exact(table, cell_type_outliers(unnamed, "openness", signal="openness"))
    for got, wanted in zip(
        cell_type_components(two, "openness", signal=signal), cell_type_components(unnamed, "openness"), strict=True
    ):
        assert_exact(got, wanted)


def test_mitochondrial_peaks_take_no_part_in_depth(blood_like):
    openness = blood_like.openness.astype(np.float64)
    swamped = np.random.default_rng(0).uniform(1e5, 1e7, size=(1, 9))
    peaks = pd.concat([blood_like.peaks, pd.DataFrame({"chrom": ["chrM"], "start": [5], "end": [50]})])
    data = PairedDataset(np.vstack([openness, swamped]), peaks, blood_like.genes, cell_types=blood_like.cell_types)
    z = scaled_by_loop(np.log1p(np.vstack([openness, swamped.astype(np.float32)]) / openness.mean(axis=0)))
    square = (z**2).mean(axis=0)
    assert_float64_sums(cell_type_outliers(data, "openness")["from_centre"], square / np.median(square))


@pytest.mark.parametrize("function", [cell_type_outliers, cell_type_components])
def test_a_signal_is_asked_for_where_there_are_several(two, function):
    with pytest.raises(ValueError, match=r"on='openness' reads one signal, and .* ATAC, H3K27ac: name one by signal="):
        function(two, "openness")
    with pytest.raises(UnknownNameError, match="no signal 'H3K4me3' in the data set; there are ATAC, H3K27ac"):
        function(two, "openness", signal="H3K4me3")
    with pytest.raises(ValueError, match="signal='ATAC' chooses openness, and on='expression' reads none"):
        function(two, signal="ATAC")
    function(two)  # expression needs no signal
    nowhere = np.where(np.arange(9) == 2, 0, two.openness[two.tables.peaks_of("ATAC")])
    openness = {"ATAC": nowhere, "H3K27ac": two.openness[two.tables.peaks_of("H3K27ac")]}
    peaks = {name: two.subset(signals=name).peaks for name in two.signals}
    data = PairedDataset(openness, peaks, two.genes, cell_types=two.cell_types)
    with pytest.raises(ValueError, match="cell type cell002 has no ATAC at all"):
        function(data, "openness", signal="ATAC")


def test_the_data_stay_as_they_are(blood_like):
    before = blood_like.expression.copy(), blood_like.openness.copy()
    cell_type_outliers(blood_like)
    cell_type_components(blood_like, "openness")
    np.testing.assert_array_equal(blood_like.expression, before[0])
    np.testing.assert_array_equal(blood_like.openness, before[1])


# Bad input

VARIED = [[0.0, 1, 2, 10], [3, 1, 2, 1]]


@pytest.mark.parametrize("function", [cell_type_outliers, cell_type_components])
def test_bad_data_are_refused(function):
    for data in (pd.DataFrame(VARIED), np.array(VARIED), dataset(VARIED).pairs()):
        with pytest.raises(TypeError, match=f"data: wanted a PairedDataset, got {type(data).__name__}"):
            function(data)
    with pytest.raises(MissingExpressionError, match="openness only; use on='openness'"):
        function(dataset(openness=VARIED))
    with pytest.raises(ValueError, match="on must be 'expression' or 'openness', got 'peaks'"):
        function(dataset(VARIED), "peaks")
    with pytest.raises(ValueError, match="at least 4 cell types to compare, got 3"):
        function(dataset([[0.0, 1, 2]]))
    with pytest.raises(ValueError, match="no expression differs between more than half"):
        function(dataset(np.ones((3, 5))))
    with pytest.raises(ValueError, match="no openness differs between more than half"):
        function(dataset(openness=[[1.0, 1, 1, 9, 1], [1, 1, 1, 9, 1]]), "openness")
    with pytest.raises(ValueError, match="cell type c has no openness at all"):
        function(dataset(openness=[[1.0, 2, 0, 3], [2.0, 2, 0, 1]]), "openness")


def test_bad_settings_are_refused():
    for threshold in (1, 0.5, np.nan):
        with pytest.raises(ValueError, match=f"threshold must be above 1.*got {threshold}"):
            cell_type_outliers(dataset(VARIED), threshold=threshold)
    for bad in (0, 2.0, True):
        with pytest.raises(ValueError, match=f"n_components must be a whole number of 1 or more, got {bad}"):
            cell_type_components(dataset(VARIED), n_components=bad)
    with pytest.raises(ValueError, match="n_components must be at most 3 for 4 cell types, got 4"):
        cell_type_components(dataset(VARIED), n_components=4)
    with pytest.raises(ValueError, match="half of the cell types have a twin with the same expression"):
        cell_type_outliers(dataset([[0.0, 0, 5, 5, 9], [1, 1, 2, 2, 7]]))
