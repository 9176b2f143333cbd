"""Every public estimator can be explained, or says which method works: permutation, profile, links and influence."""

import pickle
import tempfile

import numpy as np
import pytest
from discovery import public_estimators
from promises import assert_exact, assert_float32_sums, assert_float64_sums
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from skepi.baselines import DistanceDecay, NearestCellTypes, PromoterSum, TrainingFrequency, TrainingMean
from skepi.binning import TSSBinner
from skepi.compose import (
    BatchCorrection,
    BucketedRegressor,
    GeneZTarget,
    PerGeneLassoCV,
    PerGeneRegressor,
    ResidualRegressor,
)
from skepi.gaussian_process import CisTransRegressor
from skepi.inspection import bin_importance, cell_type_influence, importance_profile, peak_gene_links
from skepi.inspection._swapped import SwappedRows
from skepi.landmarks import LandmarkRegressor
from skepi.linear_model import LassoBaseline, LassoBaselineCV, TFProductLasso
from skepi.model_selection import CellTypeKFold, ResumableGridSearchCV, cross_val_pairs
from skepi.neural_network import (
    BinAttention,
    BinAttentionClassifier,
    BinCNN,
    BinCNNClassifier,
    ExpressionMLP,
    SequenceOpenness,
)
from skepi.paired import PairedDataset
from skepi.preprocessing import AppendContext, LogZScaler

# Test cell types are drawn, and some are far from all others.
pytestmark = pytest.mark.filterwarnings("ignore::skepi.exceptions.DistantCellTypeWarning")

EDGES = np.array([-20_000, -5_000, -1_000, 0, 1_000, 5_000, 20_000])
PLANTED = 4  # the band from 1,000 to 5,000 bp
FOLDER = tempfile.TemporaryDirectory()  # of the search
SEARCH = {"geneztarget__regressor__lam": [1e-3, 1e-2]}


def of_bins(*steps):
    return make_pipeline(TSSBinner(edges=EDGES), *steps)


def cnn():
    settings = {"filters": 8, "width": 1, "pool": 1, "hidden": (8,), "dropout": 0.0, "lr": 0.02, "batch_size": 256}
    return BinCNN(**settings, max_epochs=25, early_stopping=False, random_state=0)


def reader():
    settings = {"bin_units": 8, "signal_units": 8, "lr": 0.02, "batch_size": 64}
    return BinAttention(**settings, max_epochs=25, early_stopping=False, random_state=0)


def net():
    return ExpressionMLP((8,), lr=0.02, batch_size=256, max_epochs=25, early_stopping=False, random_state=0)


#: Models whose predictions depend on the bins of their rows.
READERS = {
    LassoBaseline: of_bins(LogZScaler(), GeneZTarget(LassoBaseline(1e-3))),
    LassoBaselineCV: of_bins(LassoBaselineCV([1e-3, 1e-2], cv=3)),
    ExpressionMLP: of_bins(LogZScaler(), GeneZTarget(net())),
    BinCNN: of_bins(LogZScaler(), GeneZTarget(cnn())),
    BinAttention: of_bins(LogZScaler(), GeneZTarget(reader())),
    GeneZTarget: GeneZTarget(of_bins(LogZScaler(), Ridge())),
    PerGeneRegressor: of_bins(LogZScaler(), PerGeneRegressor(Ridge(1.0))),
    PerGeneLassoCV: of_bins(PerGeneLassoCV([0.3, 0.03], cv=3)),
    CisTransRegressor: of_bins(CisTransRegressor()),
    ResidualRegressor: of_bins(ResidualRegressor(Ridge(10.0))),
    NearestCellTypes: of_bins(NearestCellTypes()),
    ResumableGridSearchCV: ResumableGridSearchCV(
        of_bins(LogZScaler(), GeneZTarget(LassoBaseline())), SEARCH, folder=FOLDER.name, cv=CellTypeKFold(3)
    ),
}
#: Models that do not look at bins, with what they say where these are permuted.
OTHERS = {
    TrainingMean: (of_bins(TrainingMean()), "^TrainingMean predicts without reading the bins"),
    PromoterSum: (of_bins(PromoterSum()), "PromoterSum reads the openness of peaks"),
    DistanceDecay: (of_bins(DistanceDecay()), "DistanceDecay reads the openness of peaks"),
    TFProductLasso: (of_bins(TFProductLasso(["g3", "g7"])), "TFProductLasso reads the openness of peaks"),
    BucketedRegressor: (
        of_bins(BucketedRegressor(GeneZTarget(Ridge()), min_cell_types=2)),
        "BucketedRegressor reads the openness of peaks",
    ),
}
#: Where models are fitted many times, these are left to the slow tests.
SLOW_TO_FIT = {
    ResumableGridSearchCV,
    BinAttention,
    BinCNN,
    ExpressionMLP,
    ResidualRegressor,
    PerGeneLassoCV,
    LassoBaselineCV,
}
LINEAR = {LassoBaseline, LassoBaselineCV, GeneZTarget, ResumableGridSearchCV}
WITH_GRADIENTS = LINEAR | {BinAttention, BinCNN, ExpressionMLP}


def of_kinds(kinds):
    """Parameters of a test that fits each kind many times."""
    return [pytest.param(kind, marks=[pytest.mark.slow] * (kind in SLOW_TO_FIT)) for kind in kinds]


def test_every_public_estimator_is_explained_or_refuses():
    predicting = {kind for kind in public_estimators() if hasattr(kind, "predict")}
    assert len(predicting) >= 10
    # of pools, in test_batch_correction; of classes, in test_bin_* and test_classification; of samples; of DNA
    elsewhere = {
        BatchCorrection,
        BinAttentionClassifier,
        BinCNNClassifier,
        TrainingFrequency,
        LandmarkRegressor,
        SequenceOpenness,
    }
    assert predicting == set(READERS) | set(OTHERS) | elsewhere


@pytest.fixture(scope="module")
def planted():
    """Training and test pairs; openness in one band follows a state of the cell, and expression follows openness there.

    Each gene has one peak in each band. Test cell types lie between those of training.
    """
    rng = np.random.default_rng(0)
    n_genes, n_cells, middles = 60, 16, (EDGES[:-1] + EDGES[1:]) // 2
    tss = 100_000 * np.arange(1, n_genes + 1)
    start = (tss[:, None] + middles).ravel()
    state = rng.normal(size=(n_cells, 2))
    own = np.clip(rng.normal(size=(n_genes, 2)) @ state.T, -5, 5)
    log = rng.normal(8.0, 0.05, size=(n_genes, middles.size, n_cells))
    log[:, PLANTED] += own
    data = PairedDataset(
        np.expm1(log).reshape(-1, n_cells).astype(np.float32),
        {"chrom": ["chr1"] * start.size, "start": start, "end": start + 100},
        {"name": [f"g{i}" for i in range(n_genes)], "chrom": ["chr1"] * n_genes, "tss": tss, "strand": ["+"] * n_genes},
        expression=5 + own + 0.05 * rng.normal(size=own.shape),
        cell_types=[f"c{i}" for i in range(n_cells)],
    )
    X, y = data.pairs(return_X_y=True)
    test = X.cell_type_codes % 4 == 3
    return X[~test], y[~test], X[test], y[test]


@pytest.fixture(scope="module")
def fitted(planted):
    made = {}

    def of(kind):
        if kind not in made:
            made[kind] = {**READERS, **{other: model for other, (model, _) in OTHERS.items()}}[kind].fit(*planted[:2])
        return made[kind]

    return of


@pytest.mark.parametrize("kind", READERS, ids=lambda kind: kind.__name__)
def test_the_planted_band_is_found_first_by_permutation(kind, fitted, planted):
    found = bin_importance(fitted(kind), *planted[2:], method="permutation", bands="bins", n_repeats=2)
    assert found["importance"].idxmax() == PLANTED
    assert found["importance"][PLANTED] > 0.1
    by_gene = bin_importance(fitted(kind), *planted[2:], method="permutation", bands="bins", by="gene", n_repeats=1)
    assert by_gene.to_numpy().argmax(axis=1).tolist().count(PLANTED) > 40


@pytest.mark.parametrize("kind", of_kinds(READERS), ids=lambda kind: kind.__name__)
def test_a_profile_of_every_reader(kind, planted):
    profile = importance_profile(
        READERS[kind], *planted[:2], CellTypeKFold(3), method="permutation", bands="bins", n_permutations=0, n_repeats=1
    )
    assert profile.unit == "skill lost"
    assert profile.table["importance"].idxmax() == PLANTED


@pytest.mark.parametrize("kind", OTHERS, ids=lambda kind: kind.__name__)
def test_a_model_that_reads_past_its_rows_is_refused(kind, fitted, planted):
    with pytest.raises(TypeError, match=OTHERS[kind][1]):
        bin_importance(fitted(kind), *planted[2:], method="permutation", bands="bins")


@pytest.mark.parametrize("kind", [*READERS, *OTHERS], ids=lambda kind: kind.__name__)
def test_links_of_models_with_gradients_and_the_way_out_for_others(kind, fitted, planted):
    if kind in WITH_GRADIENTS:
        links = peak_gene_links(fitted(kind), planted[2], n_per_gene=1)
        near = links["distance_bp"].between(EDGES[PLANTED], EDGES[PLANTED + 1])
        assert near.mean() > 0.9
    else:
        with pytest.raises(TypeError, match=r"gives no gradients; .*method='permutation' works for every model"):
            peak_gene_links(fitted(kind), planted[2])
    if kind not in LINEAR:
        with pytest.raises(TypeError, match="is not a linear model with coef_; use method='gradient' or 'permutation'"):
            bin_importance(fitted(kind), planted[2], method="coefficients")


@pytest.mark.parametrize("kind", of_kinds([*READERS, *OTHERS]), ids=lambda kind: kind.__name__)
def test_influence_of_cell_types_in_every_model(kind, planted):
    X, y = planted[:2]
    few = (X.gene_codes < 10) & (X.cell_type_codes < 8)
    model = {**READERS, **{other: model for other, (model, _) in OTHERS.items()}}[kind]
    table = cell_type_influence(model, X[few], y[few], CellTypeKFold(3))
    assert table.index.size == 6
    assert np.isfinite(table["prediction_change"]).all()


def test_a_pipeline_inside_a_pipeline_has_the_same_importance(planted):
    """The state of the cell, inside the inner one, is computed from the permuted openness too."""
    steps = TSSBinner(edges=EDGES), AppendContext(2)
    flat, nested = (
        make_pipeline(*steps, GeneZTarget(Ridge())),
        make_pipeline(make_pipeline(*steps), GeneZTarget(Ridge())),
    )
    tables = [
        bin_importance(model.fit(*planted[:2]), *planted[2:], method="permutation", bands="bins", n_repeats=1)
        for model in (flat, nested)
    ]
    assert_exact(tables[0], tables[1])
    with pytest.raises(ValueError, match="permuting bins would leave those as they are; give pairs"):
        bin_importance(flat[2], flat[:2].transform(planted[2]), planted[3], method="permutation")


class ReadsElsewhere(RegressorMixin, BaseEstimator):
    """Reads its rows in another process, where nobody sees that it does."""

    def fit(self, X, y):
        self.coef = np.linalg.lstsq(X.dense(dtype=np.float64), y)[0]
        return self

    def predict(self, X):
        return pickle.loads(pickle.dumps(X)).dense(dtype=np.float64) @ self.coef

    def __sklearn_is_fitted__(self):
        return hasattr(self, "coef")


def test_a_model_that_reads_in_another_process_is_believed(planted):
    model = of_bins(LogZScaler(), GeneZTarget(ReadsElsewhere())).fit(*planted[:2])
    found = bin_importance(model, *planted[2:], method="permutation", bands="bins", n_repeats=1)
    assert found["importance"].idxmax() == PLANTED


# Views


def test_a_view_takes_chosen_bins_from_other_cell_types_on_every_way_out(planted, monkeypatch):
    X = planted[2]
    rows = TSSBinner(edges=EDGES).fit_transform(X)
    scaled = LogZScaler().fit_transform(rows)
    source, bins = np.roll(np.arange(16), 3), np.isin(np.arange(6), [1, PLANTED])
    for of in (rows, scaled):
        view = SwappedRows(of, bins, source)
        wanted = of.dense()
        elsewhere = of.in_cell_types(source[of.cell_type_codes]).dense()
        wanted[:, bins] = elsewhere[:, bins]
        assert_exact(view.dense(), wanted)
        assert_exact(view.tocsr().toarray(), wanted)
        assert_exact(view[5:40].dense([3, 1]), wanted[[8, 6]])
        table = np.zeros((60, 6, 16), dtype=np.float32)
        for genes, _, slots, values in view.gene_blocks():
            table[np.repeat(genes, 6), view.slots.slot_column[slots]] = values
        assert_exact(table[view.gene_codes, :, view.cell_type_codes], wanted)
    view = SwappedRows(rows, bins, source)
    monkeypatch.setattr("skepi.inspection._swapped.MAX_DENSE_BYTES", 4 * len(X) * 6)
    assert_exact(np.asarray(view), view.dense())
    with pytest.raises(MemoryError, match="a dense 240 x 6 array of float64"):
        np.asarray(view, dtype=np.float64)
    assert_exact(LogZScaler().fit(rows).transform(view).dense(), SwappedRows(scaled, bins, source).dense())
    assert_exact(view.in_cell_types(source[view.cell_type_codes]).unscaled().dense()[0].shape, (6,))


def test_the_state_of_the_cell_is_computed_from_the_view(planted):
    X_train, y_train, X, _ = planted
    rows = TSSBinner(edges=EDGES).fit_transform(X)
    context = AppendContext(2).fit(TSSBinner(edges=EDGES).fit_transform(X_train), y_train)
    source = np.roll(np.arange(16), 3)
    everything = SwappedRows(rows, np.ones(6, dtype=bool), source)
    elsewhere = rows.in_cell_types(source[rows.cell_type_codes])
    assert_float32_sums(context.transform(everything).appended, context.transform(elsewhere).appended)
    nothing = SwappedRows(rows, np.zeros(6, dtype=bool), source)
    assert_float32_sums(context.transform(nothing).appended, context.transform(rows).appended)


# Columns beside the bins


def test_lasso_with_context_takes_the_exact_engine(planted, monkeypatch):
    """Rows are never made dense, and the weights are those of the dense matrix."""
    X, y = planted[:2]
    for scaler in ("passthrough", LogZScaler()):
        rows = make_pipeline(TSSBinner(edges=EDGES), scaler, AppendContext(2)).fit_transform(X, y)
        dense = LassoBaseline(1e-3).fit(rows.dense(dtype=np.float64), y)
        with monkeypatch.context() as patch:
            for way in ("dense", "__array__", "tocsr"):
                patch.setattr(type(rows), way, lambda *_, **__: pytest.fail("rows were made"))
            exact = LassoBaseline(1e-3).fit(rows, y)
            prediction = exact.predict(rows)
        assert exact.coef_.shape == (12,)
        assert_float32_sums(exact.coef_, dense.coef_, summed=np.abs(dense.coef_).max(), condition=100)
        assert_float32_sums(prediction, dense.predict(rows.dense(dtype=np.float64)))
        assert np.count_nonzero(exact.coef_[6:]) > 0


def test_large_appended_columns_lose_no_digits(planted):
    X, y = planted[:2]
    small = np.cos(np.arange(16))[X.cell_type_codes][:, None]
    rows = TSSBinner(edges=EDGES).fit_transform(X)
    level = 2.0**23  # with a step of 1 in float32
    whole = np.round(small * 100)
    near, far = (LassoBaseline(1e-3).fit(rows.with_appended(["c"], whole + at), y) for at in (0, level))
    assert_float64_sums(far.coef_, near.coef_, condition=1e4)
    assert_float64_sums(
        far.intercept_ + level * far.coef_[-1], near.intercept_, condition=1e4, summed=level * far.coef_[-1]
    )


def test_appended_columns_that_do_not_know_targets_are_cross_validated(planted):
    """Columns of the cell type alone: the folds of the exact engine equal those of plain arrays."""
    X, y = planted[:2]
    rows = TSSBinner(edges=EDGES).fit_transform(X)
    values = np.cos(np.arange(16))[X.cell_type_codes]
    beside = rows.with_appended(["cosine"], values[:, None])
    assert beside.feature_names[-1] == "cosine"
    model = LassoBaselineCV([1e-2, 1e-1], cv=3, scaler="passthrough").fit(beside, y)
    dense = beside.dense(dtype=np.float64)
    folds = []
    for train, test in CellTypeKFold(3).split(X, y):
        z = GeneZTarget(LassoBaseline()).fit(rows[train], y[train])
        mean, scale = z.gene_levels(rows)
        lasso = LassoBaseline(1e-2).fit(dense[train], ((y - mean) / scale)[train])
        error = (y - mean - scale * lasso.predict(dense))[test]
        folds.append(1 - (error**2).sum() / ((y - mean)[test] ** 2).sum())
    found = model.cv_results_[[f"split{k}_test_score" for k in range(3)]].to_numpy()[0]
    assert_float32_sums(found, np.array(folds))


def test_columns_made_from_targets_do_not_leak_into_inner_folds(planted):
    X, y = planted[:2]
    rows = make_pipeline(TSSBinner(edges=EDGES), AppendContext(2)).fit_transform(X, y)
    cv = CellTypeKFold(3)
    search = ResumableGridSearchCV(GeneZTarget(Ridge()), {"sd_offset": [0, 1]}, folder=FOLDER.name, cv=cv)
    for leak in (
        lambda: LassoBaselineCV([1e-2]).fit(rows, y),
        lambda: search.fit(rows, y),
        lambda: cross_val_pairs(GeneZTarget(Ridge()), rows, y, cv),
        lambda: cell_type_influence(GeneZTarget(Ridge()), rows, y, cv),
        lambda: importance_profile(GeneZTarget(Ridge()), rows, y, cv),
        lambda: ResidualRegressor().fit(rows, y),
    ):
        with pytest.raises(ValueError, match=r"made from the targets of all training pairs.*over the whole pipeline"):
            leak()


@pytest.mark.parametrize("model", [CisTransRegressor(), PerGeneRegressor(), PerGeneLassoCV(), NearestCellTypes()])
def test_models_of_bins_alone_refuse_further_columns(planted, model):
    X, y = planted[:2]
    rows = make_pipeline(TSSBinner(edges=EDGES), AppendContext(2)).fit_transform(X, y)
    with pytest.raises(ValueError, match="takes bins alone, and X has 6 appended column"):
        model.fit(rows, y)


@pytest.mark.parametrize(
    ("values", "match"),
    [
        (np.zeros((720, 2)), r"have shape \(720, 2\), wanted \(720, 1\)"),
        (np.zeros(720), r"have shape \(720,\), wanted"),
        (np.full((720, 1), np.nan), "NaN or infinite"),
    ],
)
def test_appended_columns_are_checked(planted, values, match):
    rows = TSSBinner(edges=EDGES).fit_transform(planted[0])
    with pytest.raises(ValueError, match=match):
        rows.with_appended(["one"], values)


# One gene


def test_plain_arrays_are_one_gene_only_where_that_is_said(planted):
    X, y = planted[:2]
    dense = TSSBinner(edges=EDGES).fit_transform(X).dense()
    for model in (GeneZTarget(Ridge()), LassoBaselineCV([1e-2])):
        with pytest.raises(TypeError, match=r"rows of a plain ndarray do not know their gene.*one_gene=True"):
            model.fit(dense, y)
        model.set_params(one_gene=True).fit(dense, y)
        assert_float64_sums(model.training_mean(dense), np.full(len(y), y.mean()))


# Containers


class Delegating:
    """Rows that hand on all that is asked of them, but what they lack."""

    def __init__(self, rows, lacks=""):
        self._rows, self._lacks = rows, lacks

    def __getattr__(self, name):
        if name.startswith("_") or name == self._lacks:
            raise AttributeError(name)
        return getattr(self._rows, name)


class Whole(Delegating):
    def __len__(self):
        return len(self._rows)

    def __getitem__(self, rows):
        return self._rows[rows]

    def __array__(self, dtype=None, copy=None):
        return self._rows.__array__(dtype)


def test_a_container_counts_by_what_it_offers(planted):
    """Delegation counts as well as methods of its own; what is missing is named by whoever needs it."""
    X, y = planted[:2]
    rows = TSSBinner(edges=EDGES).fit_transform(X)
    wanted = GeneZTarget(LassoBaseline()).fit(rows, y).predict(rows)
    assert_exact(GeneZTarget(LassoBaseline()).fit(Whole(rows), y).predict(Whole(rows)), wanted)
    for broken, lacking in ((Delegating(rows), "__len__, __getitem__"), (Whole(rows, "gene_blocks"), "gene_blocks")):
        for model in (LassoBaselineCV([1e-2]), CisTransRegressor(), TrainingMean()):
            if isinstance(model, TrainingMean) and lacking == "gene_blocks":
                continue  # which needs pairs alone
            with pytest.raises(TypeError, match=f"{type(model).__name__} needs rows that keep .* lacks {lacking}"):
                model.fit(broken, y)
