"""Columns of several signals and of features of peaks: one map, whatever a column is."""

import pickle
import types
from functools import partial

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_exact, assert_float32_sums
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skepi import _contrasts
from skepi._columns import bands_of, first_difference, join_columns, names_of_columns
from skepi._dense import check_size
from skepi._lasso import _moments
from skepi.baselines import NearestCellTypes
from skepi.binning import BinnerUnion, TSSBinner, _factors
from skepi.compose import BucketedRegressor, GeneZTarget, PerGeneLassoCV, PerGeneRegressor, ResidualRegressor
from skepi.exceptions import (
    ChromosomeWarning,
    DenseSizeError,
    DepthWarning,
    TableError,
    UnfittedSignalWarning,
    UnknownNameError,
)
from skepi.gaussian_process import CisTransRegressor
from skepi.inspection import open_bin_counts
from skepi.linear_model import LassoBaseline, LassoBaselineCV
from skepi.model_selection import CellTypeKFold
from skepi.neural_network import ExpressionMLP, _batches
from skepi.paired import PairedDataset
from skepi.persistence import load_model, save_model
from skepi.preprocessing import AppendContext, LogZScaler, Materialize
from skepi.rows import band_columns
from skepi.testing import check_rows
from skepi.testing._pair_checks import check_another_data_set, check_new_cell_types

EDGES = [-400, -50, 0, 50, 400]
CELLS = ["x", "y", "z", "w"]
GENES = pd.DataFrame(
    {"name": ["a", "b", "c"], "chrom": ["1", "1", "2"], "tss": [500, 700, 300], "strand": ["+", "-", "+"]}
)


def random_peaks(rng, n):
    start = rng.choice(1_000, n, replace=False)
    chrom = np.where(rng.random(n) < 0.7, "1", "2")
    chrom[:2] = "1", "2"
    return pd.DataFrame({"chrom": chrom, "start": start, "end": start + rng.integers(1, 90, n)})


def random_features(rng, n_peaks, names=("m1", "m2", "m3")):
    values = rng.random((n_peaks, len(names))) * (rng.random((n_peaks, len(names))) < 0.5)
    return pd.DataFrame(values, columns=list(names))


def dataset(seed=0, names=("ATAC", "H3K27ac"), features=False, **given_):
    """Three genes, four cell types, and signals of 20 peaks each or more."""
    rng = np.random.default_rng(seed)
    peaks = {name: random_peaks(rng, 20 + 3 * k) for k, name in enumerate(names)}
    openness = {name: pd.DataFrame(5 * rng.random((len(table), 4)), columns=CELLS) for name, table in peaks.items()}
    more = {name: random_features(rng, len(table)) for name, table in peaks.items()} if features else None
    parts = {
        "openness": openness,
        "peaks": peaks,
        "genes": GENES,
        "peak_features": more,
        "expression": rng.random((3, 4)),
    }
    return PairedDataset(**{**parts, **given_})


def slow(data, columns, gene, cell, depth="mean"):
    """Sum over peaks, base by base: one row of binned openness."""
    out = np.zeros(len(columns))
    place = data.genes.iloc[gene]
    features = data.peak_features
    for p, peak in enumerate(data.peaks.itertuples()):
        of_signal = (
            data.peaks["signal"].eq(peak.signal).to_numpy()
            if "signal" in data.peaks
            else np.ones(len(data.peaks), bool)
        )
        by = data.openness[of_signal, cell].astype(float).mean() if depth else 1
        for k, column in enumerate(columns.itertuples()):
            if peak.chrom != place.chrom or column.signal != getattr(peak, "signal", "openness"):
                continue
            bases = np.arange(peak.start, peak.end)
            offset = bases - place.tss if place.strand == "+" else place.tss - bases
            share = np.mean((column.start_bp <= offset) & (offset < column.end_bp))
            weight = features[column.feature].iloc[p] if column.feature else 1
            out[k] += share * weight * data.openness[p, cell] / by
    return out


KINDS = {
    "two signals": TSSBinner(edges=EDGES),
    "one of two signals": TSSBinner(edges=EDGES, signals=["H3K27ac"]),
    "signals in another order": TSSBinner(edges=EDGES, signals=["H3K27ac", "ATAC"]),
    "features": TSSBinner(edges=EDGES, features=["m3", "m1"], signals=["ATAC"]),
    "features of two signals": TSSBinner(edges=EDGES, features=["m1", "m2"], depth=None),
    "a union": BinnerUnion(
        [
            ("plain", TSSBinner(edges=EDGES)),
            ("features", TSSBinner(edges=EDGES[1:4], features=["m2", "m3"])),
            ("far", TSSBinner(edges=[400, 900], signals=["ATAC"])),
        ]
    ),
    "a union without features": BinnerUnion(
        [("near", TSSBinner(edges=EDGES)), ("far", TSSBinner(edges=[400, 900], signals=["H3K27ac"]))]
    ),
}
EACH_KIND = pytest.mark.parametrize("binner", KINDS.values(), ids=KINDS)


@pytest.fixture
def data():
    return dataset(features=True)


@EACH_KIND
def test_equals_a_slow_loop(data, binner):
    X = binner.fit_transform(data.pairs())
    depth = None if getattr(binner, "depth", "mean") is None else "mean"
    wanted = [slow(data, X.columns, g, c, depth) for g in range(3) for c in range(4)]
    assert (np.array(wanted) > 0).any(axis=0).sum() > 0.6 * len(X.columns), "a test of zeros would say nothing"
    assert_float32_sums(X.dense(), wanted)
    assert binner.get_feature_names_out().tolist() == names_of_columns(X.columns) == X.feature_names.tolist()


@EACH_KIND
def test_rows_keep_the_contract(data, binner):
    check_rows(binner.fit_transform(data.pairs()))


@EACH_KIND
def test_slicing_rows_slices_results(data, binner):
    X = binner.fit_transform(data.pairs())
    rows = np.array([7, 0, 11, 7])
    assert_exact(X[rows].dense(), X.dense()[rows])
    scaled = LogZScaler().fit_transform(X)
    assert_exact(scaled[rows].dense(), scaled.dense()[rows])


@EACH_KIND
def test_another_data_set_is_binned_by_names(data, binner):
    """Signals and peaks in another order, and other cell types: what is named alike is the same."""
    other = PairedDataset(
        data.openness[::-1],
        data.peaks[::-1],
        data.genes[::-1],
        cell_types=CELLS,
        peak_features=data.peak_features[::-1],
    )
    assert other.signals == data.signals[::-1]
    X, Z = (binner.fit(data.pairs()).transform(one.pairs(GENES["name"])) for one in (data, other))
    assert first_difference(Z.columns, X.columns) is None
    assert_float32_sums(Z.dense(), X.dense())
    scaler = LogZScaler().fit(X)
    assert_float32_sums(scaler.transform(Z).dense(), scaler.transform(X).dense())


@EACH_KIND
def test_models_are_saved_with_their_columns(data, binner, tmp_path):
    X, y = data.pairs(return_X_y=True)
    model = make_pipeline(binner, LogZScaler(), GeneZTarget(Ridge())).fit(X, y)
    save_model(model, tmp_path / "model.skepi")
    back = load_model(tmp_path / "model.skepi")
    assert back[0].columns_.equals(model[0].columns_)
    assert_exact(back.predict(X), model.predict(X))


@EACH_KIND
def test_data_sets_are_saved_with_signals_and_features(data, binner, tmp_path):
    data.save(tmp_path / "set")
    opened = PairedDataset.open(tmp_path / "set")
    assert (opened.signals, opened.tables.feature_names) == (data.signals, data.tables.feature_names)
    assert opened.tables.identity == data.tables.identity
    for one in (opened, pickle.loads(pickle.dumps(opened)), pickle.loads(pickle.dumps(data))):
        assert_exact(binner.fit_transform(one.pairs()).dense(), binner.fit_transform(data.pairs()).dense())


@EACH_KIND
def test_exact_lasso_on_lazy_rows_is_that_on_dense_rows(data, binner):
    X, y = data.pairs(return_X_y=True)
    scaled = make_pipeline(binner, LogZScaler()).fit_transform(X)
    lazy, dense = (LassoBaseline(0.01).fit(rows, y) for rows in (scaled, scaled.dense().astype(float)))
    assert_float32_sums(lazy.coef_, dense.coef_)


@EACH_KIND
def test_cross_validated_lasso_takes_the_columns(data, binner):
    X, y = data.pairs(return_X_y=True)
    model = make_pipeline(binner, LassoBaselineCV([0.1, 0.01], cv=CellTypeKFold(2))).fit(X, y)
    by_hand = make_pipeline(binner, LogZScaler(), GeneZTarget(LassoBaseline(model[-1].lam_))).fit(X, y)
    assert_float32_sums(model.predict(X), by_hand.predict(X), summed=10)


@EACH_KIND
def test_a_network_on_lazy_rows_is_that_on_dense_rows(data, binner):
    X, y = data.pairs(return_X_y=True)
    scaled = make_pipeline(binner, LogZScaler()).fit_transform(X)
    net = ExpressionMLP((3,), max_epochs=3, batch_size=5, early_stopping=False, random_state=0)
    lazy, dense = (clone(net).fit(rows, y).predict(scaled.dense()) for rows in (scaled, scaled.dense()))
    assert_float32_sums(lazy, dense, summed=10)


def test_many_features_stream_to_a_device_where_they_would_not_fit(data):
    """The operator on a device needs all entries in memory, and features of peaks are kept as factors."""
    X = TSSBinner(edges=EDGES, features=["m1"]).fit_transform(data.pairs())
    plain = TSSBinner(edges=EDGES).fit_transform(data.pairs())
    cuda = types.SimpleNamespace(type="cuda")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_batches, "half_of_free", lambda device: 100_000)
        patch.setattr(_batches, "RESIDENT_BYTES", 0)
        assert _batches.plan_features(plain, 5, cuda).way == "operator"
        assert _batches.plan_features(X, 5, cuda).way == "resident"
        patch.setattr(_batches, "half_of_free", lambda device: 10)
        assert _batches.plan_features(X, 5, cuda).way == "streamed"


@pytest.mark.slow
@EACH_KIND
def test_a_search_in_two_processes(data, binner):
    X, y = data.pairs(return_X_y=True)
    grid = {"geneztarget__regressor__alpha": [0.1, 10.0]}
    model = make_pipeline(binner, LogZScaler(), GeneZTarget(Ridge()))
    found = [GridSearchCV(model, grid, cv=CellTypeKFold(2), n_jobs=n).fit(X, y).cv_results_ for n in (1, 2)]
    assert_exact(*(one["mean_test_score"] for one in found))


@given(seed=st.integers(0, 2**32), cuts=st.lists(st.integers(-299, 299), max_size=4, unique=True))
def test_columns_of_a_union_are_those_of_its_parts(seed, cuts):
    data = dataset(seed, features=True)
    edges = [-300, *sorted(cuts), 300]
    parts = [
        TSSBinner(edges=edges),
        TSSBinner(edges=edges, features=["m3"]),
        TSSBinner(edges=[300, 900], signals=["H3K27ac"], features=["m1", "m2"]),
    ]
    of_parts = [part.fit_transform(data.pairs()) for part in parts]
    union = BinnerUnion([(f"p{k}", part) for k, part in enumerate(parts)]).fit_transform(data.pairs())
    assert union.columns.equals(join_columns([one.columns for one in of_parts]))
    assert_float32_sums(union.dense(), np.hstack([one.dense() for one in of_parts]))


@given(seed=st.integers(0, 2**32), order=st.permutations(["one", "two", "three"]))
def test_permuting_signals_permutes_columns(seed, order):
    names = ("one", "two", "three")
    data = dataset(seed, names=names)
    X = TSSBinner(edges=EDGES).fit_transform(data.pairs())
    Z = TSSBinner(edges=EDGES).fit_transform(data.subset(signals=order).pairs())
    place = [k for name in order for k in np.flatnonzero(X.columns["signal"] == name)]
    assert names_of_columns(Z.columns) == [names_of_columns(X.columns)[k] for k in place]
    assert_exact(Z.dense(), X.dense()[:, place])


def test_one_signal_of_a_name_is_the_same_signal_without_one(data):
    named = data.subset(signals="ATAC")
    peaks = named.peaks.drop(columns="signal")
    plain = PairedDataset(named.openness, peaks, GENES, cell_types=CELLS)
    X, Z = (TSSBinner(edges=EDGES).fit_transform(one.pairs()) for one in (named, plain))
    assert_exact(X.dense(), Z.dense())
    assert Z.feature_names.tolist() == [name.removeprefix("ATAC ") for name in X.feature_names]
    with pytest.raises(
        ValueError, match=r"other columns .*: column 0 is \[-400, -50\) bp, and was ATAC \[-400, -50\) bp"
    ):
        LogZScaler().fit(X).transform(Z)


def test_features_are_kept_as_factors(data, monkeypatch):
    """The map of bands and the features lie in memory, and what they make together does not."""
    monkeypatch.setattr(_factors, "_ENTRIES_AT_ONCE", 7)
    X = TSSBinner(edges=EDGES, features=["m1", "m2", "m3"]).fit_transform(data.pairs())
    bands = TSSBinner(edges=EDGES).fit_transform(data.pairs())
    assert not X.operator.is_whole
    assert bands.operator.is_whole
    assert X.operator.bands.peak.size == bands.operator.peak.size
    assert X.operator.entries_of_gene.sum() == sum(X.operator.entries(np.array([g])).peak.size for g in range(3))
    assert_float32_sums(X.dense(), [slow(data, X.columns, g, c) for g in range(3) for c in range(4)])


def test_a_map_too_large_is_refused_with_its_size(monkeypatch):
    monkeypatch.setattr(_factors, "_BYTES_PER_SLOT", 2**31)
    X = dataset(99, features=True).pairs()
    with pytest.raises(
        DenseSizeError, match=r"a map of 3 genes and 24 columns, with up to \d+ slots .* would take .* GiB"
    ):
        TSSBinner(edges=EDGES, features=["m1", "m2", "m3"]).fit_transform(X)


def test_matrices_too_large_are_refused_with_their_size(data, monkeypatch):
    X, y = data.pairs(return_X_y=True)
    bins = TSSBinner(edges=EDGES).fit_transform(X)
    monkeypatch.setattr(_moments, "check_size", partial(check_size, max_bytes=700))
    monkeypatch.setattr(_contrasts, "check_size", partial(check_size, max_bytes=100))
    products = (
        r"the products of 8 columns with each other, in {} training set\(s\), would take .* use fewer features, wider"
    )
    for model, n_sets in ((LassoBaseline(0.1), 1), (LassoBaselineCV([0.1], cv=CellTypeKFold(2)), 3)):
        with pytest.raises(DenseSizeError, match=products.format(n_sets)):
            model.fit(bins, y)
    with pytest.raises(
        DenseSizeError, match=r"log openness of 8 columns x 3 genes x 4 cell types would take .* features"
    ):
        CisTransRegressor().fit(bins, y)


def test_a_table_of_classes_is_one_feature_per_class():
    classes = pd.Series(["promoter", "distal"] * 10, name="class")
    rng = np.random.default_rng(0)
    peaks, openness = random_peaks(rng, 20), rng.random((20, 4))
    given_ = [
        classes,
        classes.astype("category"),
        classes.to_frame(),
        {"class": classes},
        pd.get_dummies(classes.to_frame(), prefix_sep=":"),
    ]
    found = [PairedDataset(openness, peaks, GENES, cell_types=CELLS, peak_features=one) for one in given_]
    assert {one.tables.feature_names for one in found} == {("class:distal", "class:promoter")}
    assert len({one.tables.identity for one in found}) == 1
    apart = TSSBinner(edges=EDGES, features=["class:distal", "class:promoter"]).fit_transform(found[0].pairs())
    both = TSSBinner(edges=EDGES).fit_transform(found[0].pairs())
    assert_float32_sums(apart.dense()[:, :4] + apart.dense()[:, 4:], both.dense())
    assert apart.feature_names[0] == "class:distal [-400, -50) bp"


def test_sparse_features_are_dense_features(data):
    dense = data.peak_features.sparse.to_dense()
    sparse = pd.DataFrame.sparse.from_spmatrix(sp.csr_matrix(dense.to_numpy()), columns=dense.columns)
    parts = data.openness, data.peaks, data.genes, None, CELLS
    assert (
        len({PairedDataset(*parts, features).tables.identity for features in (dense, sparse, data.peak_features)}) == 1
    )


def test_features_change_the_identity(data):
    parts = data.openness, data.peaks, data.genes, None, CELLS
    features = data.peak_features
    others = [None, features[["m1", "m2"]], features.rename(columns={"m1": "m9"}), 2 * features]
    assert len({PairedDataset(*parts, one).tables.identity for one in [features, *others]}) == 5


# Depth


def with_mitochondria(signal=500.0, chrom="chrM"):
    peaks = pd.DataFrame(
        {"chrom": ["chr1", "chr1", "chr2", "chr2", chrom], "start": [0, 50, 0, 9, 5], "end": [9, 60, 5, 12, 9]}
    )
    genes = {"name": ["a"], "chrom": ["chr1"], "tss": [5], "strand": ["+"]}
    return PairedDataset([[2.0], [4.0], [1.0], [1.0], [signal]], peaks, genes, cell_types=["x"])


def test_mitochondria_do_not_count_in_depth():
    data = with_mitochondria()
    assert data.tables.mean_openness().tolist() == [2.0]
    assert TSSBinner(edges=[-5, 5]).fit_transform(data.pairs()).dense().tolist() == [[1.0]]
    with pytest.warns(DepthWarning, match="openness: 98% of the signal, but 20% of the peaks, lies on chrM"):
        assert data.tables.mean_openness(without=()).tolist() == [101.6]
    with pytest.raises(TableError, match="openness: every peak lies on 'chr1', 'chr2', 'chrM', which depth leaves out"):
        TSSBinner(edges=[-5, 5], depth_without=["chr1", "chr2", "chrM"]).fit_transform(data.pairs())


def test_a_chromosome_that_has_most_of_the_signal_is_named():
    with pytest.warns(DepthWarning, match="lies on chrUn_9, so depth is what this chromosome says"):
        TSSBinner(edges=[-5, 5]).fit_transform(with_mitochondria(chrom="chrUn_9").pairs())
    TSSBinner(edges=[-5, 5], depth_without=["chrUn_9"]).fit_transform(with_mitochondria(chrom="chrUn_9").pairs())


def test_depth_may_be_a_column_of_cell_types(data):
    cells = pd.DataFrame({"name": CELLS, "fragments": [1e6, 2e6, 2e6, 3e6]})
    parts = data.openness, data.peaks, data.genes, None
    X, plain = (
        TSSBinner(edges=EDGES, depth=depth).fit_transform(PairedDataset(*parts, cells).pairs())
        for depth in ("fragments", None)
    )
    assert_float32_sums(X.dense(), plain.dense() / np.tile([0.5, 1, 1, 1.5], 3)[:, None])
    wrong = PairedDataset(*parts, cells.assign(fragments=[1.0, 0.0, 1.0, 1.0])).pairs()
    one = PairedDataset(data.openness[:, :1], data.peaks, data.genes, cell_types=cells[:1]).pairs()
    alone = TSSBinner(edges=EDGES, depth="fragments").fit(PairedDataset(*parts, cells).pairs()).transform(one)
    assert_float32_sums(alone.dense(), X.dense()[::4])  # the same in a data set of its own
    with pytest.raises(TableError, match="cell_types: fragments: wanted positive numbers, got 0 for y"):
        TSSBinner(edges=EDGES, depth="fragments").fit(wrong)


def test_each_signal_has_its_own_depth(data):
    """Ten times the openness of one signal changes nothing."""
    factor = np.where(data.peaks["signal"] == "ATAC", 10.0, 1.0)[:, None]
    other = PairedDataset(data.openness * factor, data.peaks, data.genes, cell_types=CELLS)
    X, Z = (TSSBinner(edges=EDGES).fit_transform(one.pairs()) for one in (data, other))
    assert_float32_sums(Z.dense(), X.dense())
    assert_float32_sums(Z.slot_totals(), X.slot_totals())


def test_the_share_in_fitted_slots_is_that_of_the_signal_with_the_smallest(data):
    """Peaks of one signal moved away: its openness lies in slots that the scaler has not seen."""
    edges = list(range(-500, 501, 25))
    scaler = LogZScaler().fit(TSSBinner(edges=edges).fit_transform(data.pairs()))
    far = data.peaks["signal"].eq("H3K27ac") * 211
    peaks = data.peaks.assign(start=data.peaks["start"] + far, end=data.peaks["end"] + far)
    X = TSSBinner(edges=edges).fit_transform(PairedDataset(data.openness, peaks, GENES, cell_types=CELLS).pairs())
    alone = TSSBinner(edges=edges, signals=["H3K27ac"])
    of_signal = LogZScaler().fit(alone.fit_transform(data.pairs())).fitted_share(alone.transform(X.pairs))
    assert 0.1 < of_signal < 0.9
    assert_float32_sums(scaler.fitted_share(X), of_signal)
    with pytest.warns(
        UnfittedSignalWarning, match=f"only {of_signal:.0%} of the H3K27ac around the genes lies in slots"
    ):
        scaler.set_params(min_fitted_share=0.95).transform(X)


# What is refused


@pytest.mark.parametrize(
    "model",
    [
        LassoBaseline(0.1),
        LassoBaselineCV([0.1], cv=CellTypeKFold(2)),
        GeneZTarget(Ridge()),
        ExpressionMLP((2,), max_epochs=1, random_state=0),
        PerGeneRegressor(Ridge()),
        PerGeneLassoCV([0.1], cv=2),
        CisTransRegressor(),
        ResidualRegressor(Ridge(), cv=CellTypeKFold(2)),
        NearestCellTypes(),
        LogZScaler(),
        Materialize(),
        AppendContext(1),
    ],
    ids=lambda model: type(model).__name__,
)
def test_every_model_refuses_other_columns_and_names_the_first_difference(data, model):
    """As many columns, but another band, signal or feature."""
    X, y = data.pairs(return_X_y=True)
    given_ = TSSBinner(edges=EDGES).fit_transform(X)
    model = clone(model).fit(given_, y)
    use = model.predict if hasattr(model, "predict") else model.transform
    assert use(given_).shape[0] == len(y)
    for other, named in (
        (TSSBinner(edges=[-400, -60, 0, 50, 400]), r"column 0 is ATAC \[-400, -60\) bp, and was ATAC \[-400, -50\) bp"),
        (
            TSSBinner(edges=EDGES, signals=["H3K27ac", "ATAC"]),
            r"column 0 is H3K27ac \[-400, -50\) bp, and was ATAC \[-400",
        ),
        (TSSBinner(edges=EDGES, signals=["ATAC"], features=["m1", "m2"]), r"column 0 is ATAC m1 \[-400, -50\) bp"),
        (TSSBinner(edges=EDGES, signals=["ATAC"]), "there are 4 columns, and were 8"),
    ):
        with pytest.raises(ValueError, match=f"rows have other columns than those of the fit: {named}"):
            use(other.fit_transform(X))


def test_columns_that_differ_are_named():
    one, other = band_columns([0, 5, 9], "ATAC"), band_columns([0, 5, 8], "ATAC")
    assert first_difference(one, one.astype({"signal": "string"})) is None
    assert first_difference(other, one) == "column 1 is ATAC [5, 8) bp, and was ATAC [5, 9) bp"
    assert first_difference(one[:1], one) == "there are 1 columns, and were 2"
    assert [(b.signal, b.edges.tolist()) for b in bands_of(join_columns([one, band_columns([9, 10])]))] == [
        ("ATAC", [0, 5, 9]),
        ("openness", [9, 10]),
    ]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"openness": {}}, "openness: wanted at least one signal"),
        ({"peaks": {"ATAC": random_peaks(np.random.default_rng(0), 20)}}, "absent 'H3K27ac', unknown none"),
        (
            {"peaks": random_peaks(np.random.default_rng(0), 20)},
            "wanted a dict of tables by these names, got DataFrame",
        ),
        ({"peak_features": {"DNase": None}}, "peak_features: signals do not match .* unknown 'DNase'"),
        (
            {"peak_features": {"ATAC": random_features(np.random.default_rng(0), 3)}},
            "signal ATAC: peak_features: 3 row",
        ),
    ],
)
def test_signals_that_do_not_match_are_refused(change, match):
    with pytest.raises(TableError, match=match):
        dataset(**change)


def test_signals_of_other_cell_types_are_refused(data):
    a, b = (data.subset(signals=name) for name in data.signals)
    one, other = pd.DataFrame(a.openness, columns=CELLS), pd.DataFrame(b.openness, columns=["x", "y", "z", "v"])
    peaks = {"ATAC": a.peaks, "H3K27ac": b.peaks}
    with pytest.raises(
        TableError, match="signal H3K27ac: it has other cell types than ATAC: lacks 'w', and alone has 'v'"
    ):
        PairedDataset({"ATAC": one, "H3K27ac": other}, peaks, GENES)
    with pytest.raises(
        TableError, match="signal H3K27ac: it has other cell types than the table cell_types: lacks 'w'"
    ):
        PairedDataset({"ATAC": one, "H3K27ac": other}, peaks, GENES, cell_types=CELLS)


def test_a_signal_without_a_peak_near_any_gene_is_refused(data):
    far = data.subset(signals="H3K27ac").peaks.assign(chrom="7")
    a = data.subset(signals="ATAC")
    openness = {"ATAC": a.openness, "H3K27ac": data.subset(signals="H3K27ac").openness}
    with pytest.raises(TableError, match="signal H3K27ac: peaks and genes have no chromosome in common"):
        PairedDataset(openness, {"ATAC": a.peaks, "H3K27ac": far}, GENES, cell_types=CELLS)
    together = pd.concat([a.peaks, far], ignore_index=True)
    with pytest.raises(TableError, match="peaks of H3K27ac and genes have no chromosome in common"):
        PairedDataset(data.openness, together, GENES, cell_types=CELLS)


def test_a_signal_out_of_reach_of_every_gene_is_refused(data):
    far = data.peaks["signal"].eq("H3K27ac") * 10**8
    peaks = data.peaks.assign(start=data.peaks["start"] + far, end=data.peaks["end"] + far)
    X = PairedDataset(data.openness, peaks, GENES, cell_types=CELLS).pairs()
    with pytest.raises(TableError, match="no peak of H3K27ac lies within -400 to 400 bp of any TSS: take wider bands"):
        TSSBinner(edges=EDGES).fit_transform(X)
    assert TSSBinner(edges=EDGES, signals=["ATAC"]).fit_transform(X).shape == (12, 4)


def test_genes_without_a_peak_of_one_signal_on_their_chromosome_are_named(data):
    k27ac = data.subset(signals="H3K27ac")
    kept = k27ac.peaks["chrom"].eq("1").to_numpy()
    a = data.subset(signals="ATAC")
    with pytest.warns(ChromosomeWarning, match="1 gene.* without any peak of H3K27ac, so all their H3K27ac is 0: 2 .1"):
        PairedDataset(
            {"ATAC": a.openness, "H3K27ac": k27ac.openness[kept]},
            {"ATAC": a.peaks, "H3K27ac": k27ac.peaks[kept]},
            GENES,
            cell_types=CELLS,
        )


def test_a_signal_is_given_once(data):
    a = data.subset(signals="ATAC")
    for openness, peaks, what in (
        ({1: a.openness, "1": a.openness}, {"1": a.peaks}, "openness"),
        ({"1": a.openness}, {1: a.peaks, "1": a.peaks}, "peaks"),
    ):
        with pytest.raises(TableError, match=f"{what}: the same signal twice: '1'"):
            PairedDataset(openness, peaks, GENES, cell_types=CELLS)
    with pytest.raises(ValueError, match="signals: wanted at least one name, and each once, got"):
        data.subset(signals=["ATAC", "ATAC"])


def test_cell_types_of_signals_have_names_or_none_has(data):
    a, b = (data.subset(signals=name) for name in data.signals)
    peaks = {"ATAC": a.peaks, "H3K27ac": b.peaks}
    named = pd.DataFrame(a.openness, columns=CELLS)
    with pytest.raises(TableError, match="signal H3K27ac: its columns have no names, while those of ATAC have"):
        PairedDataset({"ATAC": named, "H3K27ac": b.openness}, peaks, GENES)
    with pytest.raises(TableError, match="wanted names, because openness holds arrays without column names"):
        PairedDataset({"ATAC": a.openness, "H3K27ac": b.openness}, peaks, GENES)
    both = PairedDataset({"ATAC": named, "H3K27ac": b.openness}, peaks, GENES, cell_types=CELLS)
    assert both.tables.identity == PairedDataset(data.openness, data.peaks, GENES, cell_types=CELLS).tables.identity


def test_columns_that_are_called_alike_are_told_apart():
    """A feature of an unnamed signal may be called like a signal."""
    of_signal, of_feature = band_columns([0, 5], "ATAC"), band_columns([0, 5], "openness", "ATAC")
    assert names_of_columns(of_signal) == names_of_columns(of_feature)
    said = "column 0 has signal 'ATAC' and feature '', and had 'openness' and 'ATAC'"
    assert first_difference(of_signal, of_feature) == said


def test_a_union_with_a_restricted_binner_still_knows_all_signals(data):
    edges = [400, 900]
    union = BinnerUnion([("all", TSSBinner(edges=EDGES)), ("one", TSSBinner(edges=edges, signals=["H3K27ac"]))])
    third = dataset(names=("ATAC", "H3K27ac", "H3K4me1")).pairs()
    with pytest.raises(ValueError, match="H3K4me1 unknown"):
        union.fit(data.pairs()).transform(third)
    nearest = NearestCellTypes(edges=EDGES).fit(*data.pairs(return_X_y=True))
    with pytest.raises(ValueError, match="H3K4me1 unknown"):
        nearest.predict(third)


def test_settings_changed_after_the_fit_change_nothing(data):
    binner = TSSBinner(edges=EDGES, features=["m1"]).fit(data.pairs())
    wanted = binner.transform(data.pairs()).dense()
    binner.set_params(features=["m1", "m2"], assign="midpoint", depth=None)
    assert_exact(binner.transform(data.pairs()).dense(), wanted)


def test_buckets_follow_the_signals_of_the_fit(data):
    """In whatever order a data set has them; binned rows say which."""
    X, y = data.pairs(return_X_y=True)
    model = BucketedRegressor(GeneZTarget(Ridge()), min_cell_types=2, max_distance=float("inf"))
    other = data.subset(signals=data.signals[::-1]).pairs()
    binner = TSSBinner(edges=EDGES, signals=["ATAC"]).fit(X)
    of_one = clone(model).fit(binner.transform(X), y)
    assert set(of_one.centres_.bands.columns["signal"]) == {"ATAC"}
    assert_exact(of_one.predict(binner.transform(other)), of_one.predict(binner.transform(X)))
    both = TSSBinner(edges=EDGES, signals=list(data.signals)).fit(X)
    of_both = clone(model).fit(both.transform(X), y)
    assert_float32_sums(of_both.predict(both.transform(other)), of_both.predict(both.transform(X)), summed=10)


@pytest.mark.parametrize("check", [check_another_data_set, check_new_cell_types])
def test_public_checks_keep_features_of_peaks(data, check):
    X, y = data.pairs(return_X_y=True)
    check(make_pipeline(TSSBinner(edges=EDGES, features=["m1"]), LogZScaler(), GeneZTarget(Ridge())), X, y)


def test_open_bins_are_those_of_one_signal(data):
    with pytest.raises(ValueError, match=r"open bins are counted of one signal .*, got columns of 'ATAC', 'H3K27ac'"):
        open_bin_counts(TSSBinner(edges=EDGES).fit_transform(data.pairs()))
    with pytest.raises(ValueError, match="got columns of 'ATAC m1'"):
        open_bin_counts(TSSBinner(edges=EDGES, signals=["ATAC"], features=["m1"]).fit_transform(data.pairs()))
    counts = open_bin_counts(TSSBinner(edges=EDGES, signals=["ATAC"]).fit_transform(data.pairs()))
    assert 0 < counts.max() <= 4


def test_places_are_searched_where_a_table_of_them_would_be_large(data, monkeypatch):
    binner = KINDS["a union"].fit(data.pairs())
    wanted = binner.transform(data.pairs()).dense()
    monkeypatch.setattr(_factors, "_MOST_PLACES", 0)
    assert_exact(binner.transform(data.pairs()).dense(), wanted)


def test_depth_of_a_signal_may_have_a_column_of_its_own(data):
    cells = pd.DataFrame({"name": CELLS, "depth": [1.0, 2.0, 3.0, 4.0], "depth_H3K27ac": [4.0, 3.0, 2.0, 1.0]})
    X = TSSBinner(edges=EDGES, depth="depth").fit_transform(
        PairedDataset(data.openness, data.peaks, GENES, None, cells).pairs()
    )
    assert_float32_sums(X.inverse_depth, 2.5 / cells[["depth", "depth_H3K27ac"]].to_numpy().T)


def test_a_table_of_signal_values_is_no_table_of_signal_names(data):
    with pytest.raises(TableError, match="the column signal names the signal of each peak, got numbers"):
        PairedDataset(data.openness, data.peaks.assign(signal=1.5), GENES, cell_types=CELLS)


@pytest.mark.parametrize(
    ("features", "match"),
    [
        (
            lambda f: f.assign(m1=-1.0),
            "peak_features: m1: wanted finite numbers of 0 or more, got -1 .* becomes two columns",
        ),
        (lambda f: f.assign(m2=np.nan), "peak_features: m2: wanted finite numbers of 0 or more, got nan"),
        (lambda f: f.assign(m2=np.inf), "peak_features: m2: wanted finite numbers of 0 or more, got inf"),
        (lambda f: -f.astype(pd.SparseDtype(float, 0)), "peak_features: wanted finite numbers of 0 or more"),
        (lambda f: f.iloc[:-1], "peak_features: 42 row.* for 43 peaks: wanted one row for each peak"),
        (lambda f: f.set_axis(["a", "b", "a"], axis=1), "peak_features: the same column twice: 'a'"),
        (lambda f: f.assign(**{"k:1": 1.0, "k": "1"}), "peak_features: the same feature twice: 'k:1'"),
        (lambda f: f.assign(k=[None, *["x"] * 42]), "peak_features: k: missing values: 1 row"),
        (lambda f: f.to_numpy(), "peak_features: wanted a table"),
        (lambda f: f.assign(m1=1j), "peak_features: m1: wanted numbers, got dtype complex128"),
    ],
)
def test_features_that_cannot_be_used_are_refused(data, features, match):
    dense = data.peak_features.sparse.to_dense()
    with pytest.raises(TableError, match=match):
        PairedDataset(data.openness, data.peaks, GENES, None, CELLS, features(dense))


@pytest.mark.parametrize(
    ("settings", "error", "match"),
    [
        ({"signals": ["DNase"]}, UnknownNameError, "no signal 'DNase' in the data set; there are ATAC, H3K27ac"),
        ({"signals": "ATAC"}, ValueError, "signals must be a list of names, got 'ATAC'"),
        ({"signals": []}, ValueError, "signals and features must name at least one, or be None"),
        ({"signals": ["ATAC", "ATAC"]}, ValueError, "signals must name each once"),
        ({"features": ["m9"]}, UnknownNameError, "features of peaks lack 'm9'; there are 'm1', 'm2', 'm3'"),
        ({"depth": "reads"}, UnknownNameError, "depth='reads' is no column of cell_types, which has name; depth=.mean"),
        ({"features": []}, ValueError, "signals and features must name at least one, or be None"),
        ({"depth_without": "chrM"}, ValueError, "depth_without must be a list of names, got 'chrM'"),
        ({"depth_without": [1]}, ValueError, "depth_without must be a list of names"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(data, settings, error, match):
    with pytest.raises(error, match=match):
        TSSBinner(edges=EDGES, **settings).fit(data.pairs())


def test_new_data_with_other_signals_are_refused(data):
    both, one = TSSBinner(edges=EDGES).fit(data.pairs()), data.subset(signals="ATAC").pairs()
    with pytest.raises(ValueError, match="has the signals ATAC, and the one in fit had ATAC, H3K27ac: H3K27ac missing"):
        both.transform(one)
    with pytest.raises(ValueError, match=r"H3K27ac unknown \(signals=\[...\] says which to bin\)"):
        TSSBinner(edges=EDGES).fit(one).transform(data.pairs())
    chosen = TSSBinner(edges=EDGES, signals=["ATAC"])
    assert_exact(chosen.fit(one).transform(data.pairs()).dense(), chosen.transform(one).dense())
    with pytest.raises(UnknownNameError, match="no signal 'H3K27ac' in the data set; there are ATAC"):
        TSSBinner(edges=EDGES, signals=["H3K27ac"]).fit(data.pairs()).transform(one)


def test_a_signal_without_any_of_the_features_is_refused(data):
    features = data.peak_features.sparse.to_dense().mul(data.peaks["signal"].eq("ATAC"), axis=0)
    X = PairedDataset(data.openness, data.peaks, GENES, None, CELLS, features).pairs()
    with pytest.raises(
        UnknownNameError, match=r"no peak of H3K27ac has the feature\(s\) 'm1', 'm2': give them in peak_features"
    ):
        TSSBinner(edges=EDGES, features=["m1", "m2"]).fit(X)
    TSSBinner(edges=EDGES, features=["m1", "m2"], signals=["ATAC"]).fit(X)


def test_new_data_of_which_one_signal_lacks_a_feature_are_refused(data):
    """Its columns would be 0, and predictions moved without a word."""
    binner = TSSBinner(edges=EDGES, features=["m1", "m2"]).fit(data.pairs())
    dense, of_k27ac = data.peak_features.sparse.to_dense(), data.peaks["signal"].eq("H3K27ac").to_numpy()
    dense.loc[of_k27ac, "m2"] = 0.0
    new = PairedDataset(data.openness, data.peaks, GENES, None, CELLS, dense).pairs()
    with pytest.raises(UnknownNameError, match=r"no peak of H3K27ac has the feature\(s\) 'm2'"):
        binner.transform(new)
    one = PairedDataset(
        data.openness[~of_k27ac], data.peaks[~of_k27ac], GENES, None, CELLS, dense[~of_k27ac].assign(m3=0)
    )
    assert TSSBinner(edges=EDGES, features=["m1", "m3"]).fit_transform(one.pairs()).shape == (
        12,
        8,
    )  # one signal: no hit


def test_new_data_without_the_features_are_refused(data):
    binner = TSSBinner(edges=EDGES, features=["m1"]).fit(data.pairs())
    parts = data.openness, data.peaks, GENES, None, CELLS
    with pytest.raises(UnknownNameError, match="features of peaks lack 'm1'; there are 'm2', 'm3'"):
        binner.transform(PairedDataset(*parts, data.peak_features[["m2", "m3"]]).pairs())
    with pytest.raises(UnknownNameError, match="the data set has no features of peaks: wanted 'm1'"):
        binner.transform(PairedDataset(*parts).pairs())


@pytest.mark.parametrize(
    ("binners", "error", "match"),
    [
        ([], TypeError, "binners must be a list such as"),
        ([TSSBinner()], TypeError, "binners must be pairs of a name and a TSSBinner, got TSSBinner"),
        ([("a", Ridge())], TypeError, "binners must be pairs of a name and a TSSBinner"),
        (
            [("a", TSSBinner(edges=[0, 9])), ("a", TSSBinner(edges=[9, 10]))],
            ValueError,
            "Names provided are not unique",
        ),
        (
            [("a", TSSBinner(edges=[0, 9])), ("b", TSSBinner(edges=[0, 9]))],
            ValueError,
            r"two columns of one name: ATAC \[0, 9\)",
        ),
        (
            [("a", TSSBinner(edges=[0, 9])), ("b", TSSBinner(edges=[9, 10], depth=None))],
            ValueError,
            r"ATAC is binned with depth='mean' without M, MT, chrM, chrMT and, in b, with depth=None",
        ),
    ],
)
def test_unions_that_cannot_be_made_are_refused(data, binners, error, match):
    with pytest.raises(error, match=match):
        BinnerUnion(binners).fit(data.pairs())


def test_parameters_of_a_union_are_searched(data):
    union = BinnerUnion([("near", TSSBinner(edges=EDGES)), ("far", TSSBinner(edges=[400, 900]))])
    union.set_params(near__edges=[-9, 9], far=TSSBinner(edges=[9, 10]))
    assert union.get_params()["near__edges"] == [-9, 9]
    assert union.fit(data.pairs()).get_feature_names_out().tolist() == [
        f"{signal} {band}" for band in ("[-9, 9) bp", "[9, 10) bp") for signal in ("ATAC", "H3K27ac")
    ]


def test_what_the_data_set_says(data):
    assert repr(data) == (
        "PairedDataset: 20 peaks of ATAC + 23 peaks of H3K27ac with 3 features, 3 genes, 4 cell types; openness and "
        "expression"
    )
    assert repr(data.subset(["a"], ["x", "y"], signals=["H3K27ac"])).startswith(
        "PairedDataset: 23 peaks of H3K27ac with 3"
    )


# AnnData and MuData


def test_signals_go_to_mudata_and_come_back(data):
    pytest.importorskip("mudata")
    both = PairedDataset(
        data.openness,
        data.peaks,
        data.genes,
        data.expression,
        pd.DataFrame({"name": CELLS, "depth_ATAC": [1.0, 2, 3, 4], "depth_H3K27ac": [4.0, 3, 2, 1]}),
    )
    mdata = both.to_mudata()
    assert sorted(mdata.mod) == ["ATAC", "H3K27ac", "rna"]
    assert mdata.mod["H3K27ac"].obs["depth"].tolist() == [4, 3, 2, 1]
    assert list(mdata.mod["ATAC"].obs) == ["depth"]
    mdata.mod["H3K27ac"] = mdata.mod["H3K27ac"][::-1].copy()  # cell types are matched by name
    for names in (["ATAC", "H3K27ac"], {"ATAC": "ATAC", "H3K27ac": "H3K27ac"}):
        back = PairedDataset.from_mudata(mdata, openness=names)
        assert back.tables.identity == both.tables.identity
        assert_exact(back.expression, both.expression)
    renamed = PairedDataset.from_mudata(mdata, openness={"open": "ATAC"})
    assert renamed.signals == ("open",)
    with pytest.raises(TableError, match="no modality 'DNase'; there are"):
        PairedDataset.from_mudata(mdata, openness=["ATAC", "DNase"])
    with pytest.raises(ValueError, match="to_anndata reads one signal, and this data set has ATAC, H3K27ac: name one"):
        both.to_anndata()
    assert both.to_anndata(signal="H3K27ac").shape == (4, 23)
    assert "signal" not in both.to_anndata(signal="ATAC").var
    twice = mdata.mod["ATAC"].copy()
    twice.obs_names = ["x", "x", "z", "w"]
    with pytest.raises(TableError, match="openness of ATAC: obs_names: the same name twice"):
        PairedDataset.from_anndata({"ATAC": twice}, GENES)
    with pytest.raises(TableError, match="openness: wanted at least one signal"):
        PairedDataset.from_anndata({}, GENES)


def test_a_signal_is_not_called_like_expression(data):
    pytest.importorskip("mudata")
    named = data.peaks.assign(signal=np.where(data.peaks["signal"] == "ATAC", "rna", "ATAC"))
    with pytest.raises(TableError, match="a signal is called rna, which is the modality of expression: rename it"):
        PairedDataset(data.openness, named, GENES, data.expression, CELLS).to_mudata()
