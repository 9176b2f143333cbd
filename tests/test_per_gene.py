"""One model per gene: equal to loops of scikit-learn over genes, by hand, on other data sets, and the L1 path."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_exact, assert_float32_sums, assert_float64_sums, assert_within
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.cross_decomposition import PLSRegression
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import (
    BayesianRidge,
    ElasticNet,
    GammaRegressor,
    HuberRegressor,
    Lars,
    Lasso,
    LassoCV,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    RidgeCV,
    SGDRegressor,
    TweedieRegressor,
)
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR, LinearSVR
from sklearn.utils import get_tags

from skepi._lasso import _gene_paths, _path_cv
from skepi._lasso._gene_paths import duality_gaps, greatest_lam, lasso_of_gene
from skepi.binning import TSSBinner, symmetric_edges
from skepi.compose import GeneZTarget, PerGeneLassoCV, PerGeneRegressor, _per_gene_paths, _per_gene_rows
from skepi.compose._per_gene_fit import link_of
from skepi.datasets import make_paired_openness
from skepi.exceptions import UnfittedSignalWarning, UnknownNameError, UnmatchedDataError, UnseenGeneWarning
from skepi.linear_model import LassoBaseline
from skepi.metrics import skill, skill_scorer, summarize
from skepi.model_selection import CellTypeKFold, GeneKFold, LeaveOneCellTypeOut, cross_val_pairs, shuffle_control
from skepi.paired import PairedDataset
from skepi.persistence import load_model, save_model
from skepi.preprocessing import LogZScaler

EDGES = symmetric_edges([0, 500, 1_000, 2_000, 3_000, 5_000, 10_000, 20_000, 50_000])
LAMS = [0.5, 0.02, 0.1]
STOPS_EARLY = (
    "L-BFGS stops where the objective falls by less than 64 eps of itself, which leaves its root in the weights"
)


class OwnPredict(Ridge):
    """Linear to look at, but not in what it predicts."""

    def predict(self, X):
        return np.maximum(super().predict(X), 2.0)


class Bounded(Lasso):
    """Without weights it is a constant, whatever the bound."""

    def predict(self, X):
        return super().predict(X).clip(0, 1e3)


class Counting(Ridge):
    """Counts the fits of all its clones."""

    fits = 0

    def fit(self, X, y):
        type(self).fits += 1
        return super().fit(X, y)


class Complaining(RegressorMixin, BaseEstimator):
    """Warns or raises for each gene, of which it knows no name."""

    def __init__(self, error=False):
        self.error = error

    def fit(self, X, y):
        if self.error:
            raise ArithmeticError("cannot be fitted")
        warnings.warn("not so sure", ConvergenceWarning, stacklevel=1)
        warnings.warn(f"{len(y)} rows", UserWarning, stacklevel=1)
        self.n_rows_ = len(y)
        return self

    def predict(self, X):
        return np.full(len(X), float(self.n_rows_))


@pytest.fixture(scope="module")
def rows(simulated):
    """Bins and log expression of 60 genes in 12 cell types, in random order and without a fifth of the pairs."""
    X, y = simulated[0].pairs(return_X_y=True)
    kept = np.random.default_rng(3).permutation(len(X))[: len(X) * 4 // 5]
    return TSSBinner(edges=EDGES).fit_transform(X[kept]), y[kept]


@pytest.fixture(scope="module")
def scaled(rows):
    return LogZScaler().fit_transform(rows[0]), rows[1]


@pytest.fixture(scope="module")
def counts(simulated, rows):
    """Whole counts of unlike libraries, and their sizes."""
    X, y = rows
    rng = np.random.default_rng(5)
    sizes = pd.Series(rng.uniform(2e6, 2e7, 12), simulated[0].cell_types["name"])
    rate = np.expm1(y) / 1e6 * sizes.to_numpy()[X.cell_type_codes]
    return rng.poisson(rate / 50).astype(float), sizes / 50


def some_genes(rows, n_genes):
    X, y = rows
    chosen = X.gene_codes < n_genes
    return X[chosen], y[chosen]


def largest_of_gene(X, values):
    """Largest absolute value of each row's gene, (n_rows,): counts of one gene say nothing of another's rounding."""
    largest = np.zeros(len(X.genes))
    np.maximum.at(largest, X.gene_codes, np.abs(values))
    return largest[X.gene_codes]


def by_hand(openness=((0.0, 1.0, 2.0),), genes=("a", "b"), peaks=((98, 102),), names=("HSC", "CLP", "Ery")):
    """Genes at 100 and 104 (a third has no peak in reach), bins of 4 bp upstream of each and downstream of it."""
    data = PairedDataset(
        openness=np.asarray(openness),
        cell_types=list(names),
        peaks={"chrom": ["chr1"] * len(peaks), "start": [a for a, _ in peaks], "end": [b for _, b in peaks]},
        genes={
            "name": list(genes),
            "chrom": ["chr1"] * len(genes),
            "tss": [{"a": 100, "b": 104}.get(gene, 9_000) for gene in genes],
            "strand": ["+"] * len(genes),
        },
    )
    return TSSBinner(edges=[-4, 0, 4], depth=None).fit_transform(data.pairs())


def loop(estimator, X, y, new, sizes=None):
    """Predictions for ``new`` by a clone for each gene on its dense rows in the order of cell types."""
    out, dense, new_dense = np.empty(len(new)), np.asarray(X, dtype=float), np.asarray(new, dtype=float)
    exposure = np.ones(len(X.cell_types))
    if sizes is not None:
        exposure = sizes[X.cell_types["name"]].to_numpy() / sizes[X.pairs.to_frame()["cell_type"].unique()].mean()
    for gene in np.unique(new.gene_codes):
        train = np.flatnonzero(X.gene_codes == gene)
        train, test = train[np.argsort(X.cell_type_codes[train])], new.gene_codes == gene
        columns = dense[X.gene_codes == gene].any(axis=0) | new_dense[test].any(axis=0)
        if not y[train].any():  # no counts, which Poisson regression would take the logarithm of
            out[test] = 0
            continue
        weight = exposure[X.cell_type_codes[train]]
        weights = {} if sizes is None else {"sample_weight": weight}
        model = clone(estimator).fit(dense[train][:, columns], y[train] / weight, **weights)
        out[test] = model.predict(new_dense[test][:, columns]) * exposure[new.cell_type_codes[test]]
    return out


# --- by hand


def test_weights_by_hand():
    # The peak covers 2 bases on each side of the TSS of a, and two of the 4 bases upstream of b: openness / 2.
    # Upstream a has (0, .5, 1) for y = (1, 2, 3): both bins share the slope 2. b has y = (8, 4, 0): slope -8.
    X = by_hand()
    model = PerGeneRegressor(LinearRegression()).fit(X, [1, 2, 3, 8, 4, 0])
    assert model.link_ == "identity"
    assert_float64_sums(model.coef_.toarray(), [[1, 1], [-8, 0]])
    assert model.coef_.nnz == 3  # no peak touches the bin downstream of b
    assert_float64_sums(model.intercept_[["a", "b"]].to_numpy(), [1, 8])
    assert_float64_sums(model.predict(X), [1, 2, 3, 8, 4, 0])
    assert model.gene_mean_.to_dict() == {"a": 2, "b": 4}
    np.testing.assert_array_equal(model.training_mean(X), [2, 2, 2, 4, 4, 4])
    assert model.score(X, [1, 2, 3, 8, 4, 0]) == pytest.approx(1)
    assert model.n_features_in_ == 2


@pytest.mark.parametrize("estimator", [Ridge(1e-9), KNeighborsRegressor(1)], ids=["table", "as they are"])
def test_genes_that_cannot_be_learned_have_their_mean(estimator):
    # a has one pair, b equal targets (whose mean in floating point is another number), c no peak.
    X = by_hand(genes=("a", "b", "c"))[np.array([1, 3, 4, 5, 6, 7, 8])]
    y = [5, 0.1, 0.1, 0.1, 1, 2, 6]
    model = PerGeneRegressor(estimator).fit(X, y)
    assert_float64_sums(model.predict(X), [5, 0.1, 0.1, 0.1, 3, 3, 3])
    assert_float64_sums(model.predict(by_hand(genes=("a", "b", "c")))[:3], 5)
    assert_float64_sums(model.score(X, y), 0, summed=1)


def test_counts_without_features_follow_exposure_by_hand():
    # 12 counts in libraries of 1 + 3 + 2: two for each unit.
    X = by_hand(genes=("a", "c"))[np.array([3, 4, 5])]
    sizes = pd.Series({"HSC": 1.0, "CLP": 3.0, "Ery": 2.0})
    model = PerGeneRegressor(exposure=sizes).fit(X, [5, 3, 4])
    assert model.link_ == "identity"  # all models are constants
    assert model.exposure_mean_ == 2
    assert_float64_sums(model.predict(X), [2, 6, 4])
    # Skill is about counts, against their plain mean 4: squared errors 9 + 9 + 0 of 1 + 1 + 0.
    assert model.score(X, [5, 3, 4]) == pytest.approx(1 - 18 / 2)
    with pytest.warns(UnseenGeneWarning, match="1 gene"):
        predicted = model.predict(by_hand(genes=("a", "c")))
    assert_float64_sums(predicted[:3], [2, 6, 4])  # the grand mean of 4 in a library of 2


def test_counts_by_hand():
    # Openness 0, 1, 0 in the bin of b; rates 2, 8, 2 a unit of exposure: b = ln 2, w = ln 4 for openness 1/2 more.
    X = by_hand(openness=[[0.0, 1.0, 0.0]])[np.array([3, 4, 5])]
    sizes = pd.Series({"HSC": 10.0, "CLP": 20.0, "Ery": 30.0})
    model = PerGeneRegressor(PoissonRegressor(alpha=0, tol=1e-10), exposure=sizes).fit(X, [20, 160, 60])
    assert_within(model.predict(X) / [20, 160, 60], 1, 1e-6, STOPS_EARLY)
    assert_within(model.coef_.toarray(), [[np.log(4) / 0.5, 0]], 1e-5, STOPS_EARLY)
    assert_within(model.intercept_, np.log(2 * 20), 1e-5, STOPS_EARLY)  # at the mean exposure of 20


def test_no_counts_at_all_are_predicted_as_none():
    X, sizes = by_hand(), pd.Series({"HSC": 1.0, "CLP": 3.0, "Ery": 2.0})
    model = PerGeneRegressor(exposure=sizes).fit(X, [0, 0, 0, 1, 3, 9])
    np.testing.assert_array_equal(model.predict(X)[:3], 0)
    assert model.intercept_["a"] == -np.inf


def test_features_of_cell_types_by_hand():
    # c has no peak; y = 1 + 2 * TF.
    X = by_hand(genes=("a", "c"))
    tf = pd.DataFrame({"TF": [0.0, 1.0, 5.0]}, index=["HSC", "Ery", "CLP"])
    model = PerGeneRegressor(LinearRegression(), cell_type_features=tf).fit(X, [0, 0, 3, 1, 11, 3])
    assert_float64_sums(model.predict(X), [0, 0, 3, 1, 11, 3])
    assert_float64_sums(model.cell_type_coef_.loc["c"], [2])
    assert model.cell_type_coef_.columns.tolist() == ["TF"]
    assert model.coef_.shape == (2, 2)


# --- by another implementation


@pytest.mark.parametrize(
    ("estimator", "link"),
    [
        (None, "identity"),
        (Ridge(3.0), "identity"),
        (Lasso(0.02, tol=1e-14, max_iter=100_000), "identity"),
        (ElasticNet(0.02, tol=1e-14, max_iter=100_000), "identity"),
        (RidgeCV(), "identity"),
        (LassoCV(alphas=[0.3, 0.1, 0.03, 0.01], cv=3, tol=1e-12, max_iter=100_000), "identity"),
        (LassoBaseline(0.04), "identity"),
        (PoissonRegressor(alpha=1.0, tol=1e-8), "log"),
        (TweedieRegressor(alpha=1.0, tol=1e-8), "identity"),
        (OwnPredict(), None),
        (KNeighborsRegressor(2), None),
        (make_pipeline(StandardScaler(), Ridge()), None),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value)[:20],
)
def test_equals_a_loop_over_genes(scaled, estimator, link):
    X, y = some_genes(scaled, 15)
    train, test = next(CellTypeKFold(4).split(X))
    model = PerGeneRegressor(estimator).fit(X[train], y[train])
    wanted = loop(Ridge(10) if estimator is None else estimator, X[train], y[train], X[test])
    assert_float32_sums(model.predict(X[test]), wanted)
    assert model.link_ == link
    assert hasattr(model, "models_") == (link is None)
    means = [y[train][X.gene_codes[train] == gene].mean() for gene in X.gene_codes[test]]
    assert_float32_sums(skill_scorer(model, X[test], y[test]), skill(y[test], wanted, means), summed=1)


def test_a_model_that_centres_scaled_features_is_kept_as_it_is():
    """The features of the first gene have mean 0, those of genes with missing pairs do not."""
    X, y = make_paired_openness(8, 12, n_lineages=3)[0].pairs(return_X_y=True)
    train = np.flatnonzero((X.gene_codes < 4) | (X.cell_type_codes % 3 > 0))
    rows = make_pipeline(TSSBinner(edges=symmetric_edges([0, 1_000, 5_000, 20_000])), LogZScaler()).fit_transform(X)
    model = PerGeneRegressor(PLSRegression(1)).fit(rows[train], y[train])
    assert model.link_ is None
    assert_float32_sums(model.predict(rows), loop(PLSRegression(1), rows[train], y[train], rows))


TABLES = {
    "identity": [
        LinearRegression(),
        Ridge(),
        RidgeCV(),
        LassoCV(cv=3),
        Lasso(1e6),  # all weights are 0
        ElasticNet(),
        Lars(),
        BayesianRidge(),
        SGDRegressor(random_state=0),
        HuberRegressor(),
        LinearSVR(max_iter=10_000, random_state=0),
        LassoBaseline(),
        TweedieRegressor(power=0),
    ],
    "log": [PoissonRegressor(), TweedieRegressor(power=1, link="log"), GammaRegressor()],
    None: [
        OwnPredict(),
        Bounded(1e6),
        SVR(kernel="linear"),  # its weights cannot be set
        PLSRegression(1),  # centres its features
        KNeighborsRegressor(2),
        make_pipeline(StandardScaler(), Ridge()),
        LogisticRegression(),
    ],
}


@pytest.mark.parametrize(
    ("estimator", "link"), [(one, link) for link, some in TABLES.items() for one in some], ids=lambda value: repr(value)
)
def test_tables_are_kept_where_predictions_follow_from_weights(estimator, link, rng):
    X = rng.normal(size=(30, 3))
    y = np.exp(0.1 * (X @ [1.0, 0.0, -2.0] + rng.normal(size=30)))
    model = clone(estimator).fit(X, y > 1 if isinstance(estimator, LogisticRegression) else y)
    assert link_of(model) == link


@pytest.mark.parametrize(
    "estimator", [BayesianRidge(), TweedieRegressor(power=1, link="log", max_iter=1_000)], ids=repr
)
def test_tables_predict_as_the_models_themselves(scaled, estimator):
    X, y = some_genes(scaled, 15)
    y = y - y.min() + 1
    model = PerGeneRegressor(estimator).fit(X, y)
    assert model.link_ is not None
    assert_within(model.predict(X), loop(estimator, X, y, X), 1e-6 * y.max(), STOPS_EARLY)


def test_only_one_gene_is_fitted_twice(scaled):
    X, y = some_genes(scaled, 5)
    Counting.fits = 0
    PerGeneRegressor(Counting()).fit(X, y)
    assert Counting.fits == 5 + 1


def test_unscaled_openness_equals_a_loop_over_genes(rows):
    X, y = rows
    assert_float32_sums(PerGeneRegressor(Ridge(3)).fit(X, y).predict(X), loop(Ridge(3), X, y, X))


@pytest.mark.parametrize(
    "estimator", [PoissonRegressor(alpha=0.1, tol=1e-8, max_iter=1_000), Ridge(10.0), KNeighborsRegressor(3)], ids=repr
)
def test_counts_equal_a_loop_over_genes(scaled, counts, estimator):
    X, (y, sizes) = scaled[0], counts
    if isinstance(estimator, KNeighborsRegressor):
        with pytest.raises(ValueError, match=r"exposure needs an estimator whose fit takes sample_weight.*KNeighbors"):
            PerGeneRegressor(estimator, exposure=sizes).fit(X, y)
        return
    X, y = some_genes((X, y), 15)
    train, test = next(CellTypeKFold(4).split(X))
    model = PerGeneRegressor(estimator, exposure=sizes).fit(X[train], y[train])
    wanted = loop(estimator, X[train], y[train], X[test], sizes)
    size = np.maximum(largest_of_gene(X[test], wanted), 1)
    if isinstance(estimator, Ridge):
        assert_float32_sums(model.predict(X[test]), wanted, summed=size)
    else:
        assert_within(model.predict(X[test]) / size, wanted / size, 1e-3, STOPS_EARLY)


@pytest.mark.slow
def test_a_pipeline_passes_exposure_to_its_last_step(scaled, counts):
    X, (y, sizes) = scaled[0], counts
    last = PoissonRegressor(alpha=0.1, tol=1e-8, max_iter=1_000)
    in_pipeline = PerGeneRegressor(make_pipeline("passthrough", last), exposure=sizes).fit(X, y)
    wanted = PerGeneRegressor(last, exposure=sizes).fit(X, y).predict(X)
    some = wanted > 0  # without counts a gene is predicted at 0
    assert_exact(in_pipeline.predict(X)[~some], 0)
    assert_within(in_pipeline.predict(X)[some] / wanted[some], 1, 1e-6, STOPS_EARLY)
    assert in_pipeline.link_ is None


def test_features_of_cell_types_equal_a_loop_over_genes(scaled, rng):
    X, y = scaled
    names = X.cell_types["name"]
    table = pd.DataFrame(rng.normal(size=(13, 2)), index=[*reversed(names), "another"], columns=["TF1", "TF2"])
    of_cell_types = table.loc[names].to_numpy()
    model = PerGeneRegressor(Ridge(3), cell_type_features=table).fit(X, y)
    other = PerGeneRegressor(make_pipeline(StandardScaler(), Ridge(3)), cell_type_features=table).fit(X, y)
    predicted, scaled_inside = model.predict(X), other.predict(X)
    for gene in range(0, 60, 7):
        some = np.flatnonzero(X.gene_codes == gene)
        features = np.hstack([np.asarray(X[some], dtype=float), of_cell_types[X.cell_type_codes[some]]])
        assert_float32_sums(predicted[some], Ridge(3).fit(features, y[some]).predict(features))
        wanted = make_pipeline(StandardScaler(), Ridge(3)).fit(features, y[some]).predict(features)
        assert_float32_sums(scaled_inside[some], wanted)


# --- by law


@pytest.mark.slow
def test_results_are_the_same_for_any_number_of_processes(scaled, counts, monkeypatch):
    monkeypatch.setattr(_per_gene_rows, "_GENES_AT_ONCE", 10)
    counted, sizes = counts
    (X, y), (_, counted) = some_genes(scaled, 25), some_genes((scaled[0], counted), 25)
    for model, target in [
        (PerGeneRegressor(Ridge(3)), y),
        (PerGeneRegressor(KNeighborsRegressor(2)), y),
        (PerGeneRegressor(PoissonRegressor(alpha=0.1, max_iter=1_000), exposure=sizes), counted),
        (PerGeneLassoCV(LAMS, cv=3, scaler="passthrough"), y),
    ]:
        one, two = (clone(model).set_params(n_jobs=n_jobs).fit(X, target) for n_jobs in (1, 2))
        np.testing.assert_array_equal(one.predict(X), two.predict(X))


def test_genes_share_nothing(scaled):
    X, y = scaled
    of_first = X.gene_codes == 0
    changed = np.where(of_first, y, -3 * y + 1)
    before, after = (PerGeneRegressor(Ridge(3)).fit(X, values).predict(X) for values in (y, changed))
    np.testing.assert_array_equal(before[of_first], after[of_first])
    assert np.abs(before - after)[~of_first].max() > 1


@given(st.floats(1e-6, 1e6))
def test_the_unit_of_exposure_does_not_matter(counts, scaled, unit):
    X, (y, sizes) = scaled[0], counts
    some = X.gene_codes < 5
    model = PerGeneRegressor(PoissonRegressor(alpha=1.0, tol=1e-8, max_iter=1_000), exposure=sizes)
    wanted = model.fit(X[some], y[some]).predict(X[some])
    assert (wanted > 0).all()
    changed = clone(model).set_params(exposure=sizes * unit)
    assert_within(changed.fit(X[some], y[some]).predict(X[some]) / wanted, 1, 1e-5, STOPS_EARLY)


@pytest.mark.parametrize(
    "make", [lambda: PerGeneRegressor(Ridge(3)), lambda: PerGeneLassoCV(LAMS)], ids=["ridge", "L1"]
)
def test_test_rows_teach_nothing(rows, make):
    X, y = rows
    train, test = next(CellTypeKFold(3).split(X))
    changed = y.copy()
    changed[test] += 100
    before, after = (make().fit(X[train], values[train]).predict(X[test]) for values in (y, changed))
    np.testing.assert_array_equal(before, after)


@pytest.mark.slow
@pytest.mark.parametrize(
    "model",
    [PerGeneRegressor(Ridge(3)), pytest.param(PerGeneLassoCV(LAMS, cv=3), marks=pytest.mark.slow)],
    ids=["ridge", "L1"],
)
def test_shuffled_cell_types_are_not_predicted(simulated, model):
    X, y = simulated[0].pairs(return_X_y=True)
    steps = [("bins", TSSBinner(edges=EDGES[::2])), ("model", model)]
    if isinstance(model, PerGeneRegressor):
        steps.insert(1, ("scale", LogZScaler()))
    some = X.gene_codes < 20
    control = shuffle_control(Pipeline(steps), X[some], y[some], CellTypeKFold(3), n_permutations=5)
    assert control.passed


def planted(n_genes=30, n_cell_types=40):
    """Each gene follows one of its slots, another bin for each gene and half of them downwards."""
    data = make_paired_openness(n_genes=n_genes, n_cell_types=n_cell_types, random_state=4)[0]
    X = TSSBinner(edges=EDGES).fit_transform(data.pairs())
    Z = LogZScaler().fit_transform(X)
    rng = np.random.default_rng(6)
    weights, y = np.zeros((n_genes, X.shape[1])), np.empty(len(X))
    for gene in range(n_genes):
        values = np.asarray(Z[X.gene_codes == gene], dtype=float)
        bin_ = np.argmax(values.std(axis=0) + rng.uniform(0, 0.3, X.shape[1]) * (values.std(axis=0) > 0))
        weights[gene, bin_] = (-1) ** gene * 2
        y[X.gene_codes == gene] = 5 + values @ weights[gene] + rng.normal(0, 0.3, len(values))
    return X, y, weights


@pytest.mark.slow
def test_a_planted_law_is_found_again():
    X, y, weights = planted()
    model = PerGeneLassoCV().fit(X, y)
    found = model.coef_.toarray()
    where = np.argmax(np.abs(weights), axis=1)
    assert (np.argmax(np.abs(found), axis=1) == where).mean() > 0.9
    own = found[np.arange(30), where]
    np.testing.assert_array_equal(np.sign(own), (-1.0) ** np.arange(30))
    assert 1.2 < np.abs(own).mean() < 2.05
    held_out = summarize(cross_val_pairs(PerGeneLassoCV(), X, y, CellTypeKFold(4)))
    assert held_out["skill"] > 0.6
    shared = summarize(
        cross_val_pairs(make_pipeline(LogZScaler(), GeneZTarget(LassoBaseline())), X, y, CellTypeKFold(4))
    )
    assert shared["skill"] < 0.1  # no weights fit all genes


# --- another data set


def test_slots_are_found_by_bin_and_genes_by_name():
    # Fitted with a peak that touches both bins of a and one of b. There a peak touches the upstream bin of a alone
    # (its downstream bin is 0) and one the downstream bin of b, which is new to b and ignored.
    model = PerGeneRegressor(LinearRegression()).fit(by_hand(), [1, 2, 3, 8, 4, 0])
    other = by_hand([[4.0], [1.0], [2.0]], ("b", "a"), ((96, 98), (100, 102), (105, 107)), ("new",))
    # b: upstream 1, slope -8 from 8, and 2 downstream are ignored; a: upstream 4, downstream 1, slopes 1 from 1.
    assert_float64_sums(model.predict(other), [8 - 8 * 1, 1 + 4 + 1], summed=8)
    alone = by_hand([[4.0]], ("a",), ((96, 98),), ("new",))
    assert_float64_sums(model.predict(alone), [1 + 4])
    closed = by_hand([[4.0]], ("b", "a"), ((5_000, 5_002),), ("new",))
    assert_float64_sums(model.predict(closed), [8, 1])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::skepi.exceptions.UnfittedSignalWarning")
@given(st.integers(0, 10_000), st.sampled_from([0.3, 0.9]), st.sampled_from([0.3, 0.9]))
def test_weights_and_openness_of_another_data_set_are_multiplied_bin_by_bin(simulated, seed, here, there):
    """Fitted on some of the peaks and genes, asked about others; dense rows have 0 in bins without peaks."""
    data, rng = simulated[0], np.random.default_rng(seed)

    def bins(share):
        peaks, genes = rng.random(len(data.peaks)) < share, np.sort(rng.permutation(60)[:50])
        part = PairedDataset(
            data.openness[peaks], data.peaks[peaks], data.genes.iloc[genes], cell_types=data.cell_types
        )
        return TSSBinner(edges=EDGES).fit_transform(part.pairs(rng.permutation(part.genes["name"])))

    X, other = bins(here), bins(there)
    y = rng.normal(size=len(X))
    model = PerGeneRegressor(Ridge(3)).fit(X, y)
    seen = other[other.genes["name"].isin(model.gene_mean_.index).to_numpy()[other.gene_codes]]
    place = model.gene_mean_.index.get_indexer(seen.genes["name"])[seen.gene_codes]
    products = np.asarray(seen, dtype=float) * model.coef_.toarray()[place]
    level = model.intercept_.to_numpy()[place]
    wanted, summed = products.sum(axis=1) + level, np.abs(products).sum(axis=1) + np.abs(level)
    assert_float32_sums(model.predict(seen), wanted, summed=summed)
    as_they_are = PerGeneRegressor(make_pipeline("passthrough", Ridge(3))).fit(X, y)
    assert_float32_sums(as_they_are.predict(seen), wanted, summed=summed)


def test_mostly_new_slots_are_said():
    model = PerGeneRegressor(LinearRegression()).fit(by_hand(peaks=((96, 98),)), [1, 2, 3, 8, 4, 0])
    other = by_hand([[1.0]], ("b",), ((105, 107),), ("new",))  # b had no slot at all
    with pytest.warns(UnfittedSignalWarning, match=r"100% of the slots of these genes are new"):
        assert_float64_sums(model.predict(other), [4])


def test_an_unseen_gene_gets_the_grand_mean_with_one_warning(scaled):
    X, y = scaled
    train = X.gene_codes < 40
    for model in (PerGeneRegressor(Ridge(3)), PerGeneLassoCV(LAMS, cv=3, scaler="passthrough")):
        model.fit(X[train], y[train])
        with pytest.warns(UnseenGeneWarning, match=r"20 gene\(s\) had no training pair.*mean of all genes") as caught:
            predicted = model.predict(X)
        assert len(caught) == 1
        assert caught[0].filename == __file__
        assert_float64_sums(predicted[~train], y[train].mean())
        np.testing.assert_array_equal(predicted[train], model.predict(X[train]))
        with pytest.raises(ValueError, match="whose genes have no training pairs"):
            model.score(X, y)


def test_another_kind_of_estimator_leaves_nothing_behind(scaled):
    X, y = scaled
    model = PerGeneRegressor(Ridge()).fit(X, y)
    assert model.coef_.shape == (60, X.shape[1])
    model.set_params(estimator=KNeighborsRegressor(1)).fit(X, y)
    for name in ("slot_coef_", "intercept_", "cell_type_coef_"):
        assert not hasattr(model, name)
    with pytest.raises(AttributeError, match="only fitted linear models have coef_"):
        _ = model.coef_
    assert len(model.models_) == 60
    assert not hasattr(model.set_params(estimator=None).fit(X, y), "models_")


# --- warnings and errors of estimators


@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_warnings_of_estimators_are_put_together(scaled, n_jobs):
    X, y = scaled
    with pytest.warns() as caught:
        PerGeneRegressor(Complaining(), n_jobs=n_jobs).fit(X, y)
    first = X.genes["name"].iloc[0]
    n_first = (X.gene_codes == 0).sum()
    found = {one.category: str(one.message) for one in caught}
    assert found == {
        ConvergenceWarning: f"in the models of 60 gene(s) ({first}, ...): not so sure",
        UserWarning: f"in the models of 60 gene(s) ({first}, ...): {n_first} rows",
    }
    assert {one.filename for one in caught} == {__file__}


@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_errors_of_estimators_name_the_gene(scaled, n_jobs):
    X, y = scaled
    with pytest.raises(ArithmeticError, match="cannot be fitted") as error:
        PerGeneRegressor(Complaining(error=True), n_jobs=n_jobs).fit(X, y)
    assert error.value.__notes__ == [f"in fitting the model of gene {X.genes['name'].iloc[0]}"]


# --- errors


@pytest.mark.parametrize("model", [PerGeneRegressor(), PerGeneLassoCV()], ids=["any", "L1"])
def test_rows_that_are_not_binned_pairs_are_refused(model, rows, pairs):
    X, y = rows
    name = type(model).__name__
    assert not get_tags(model).input_tags.two_d_array
    with pytest.raises(TypeError, match=f"{name} needs pairs whose openness is binned, got ndarray: give Paired"):
        model.fit(np.ones((4, 2)), np.ones(4))
    with pytest.raises(
        TypeError, match=f"{name} needs pairs whose openness is binned, got GeneCellPairs: put TSSBinner"
    ):
        model.fit(*pairs)
    with pytest.raises(ValueError, match="values for"):
        model.fit(X, y[:-1])
    fitted = clone(model).fit(X, y)
    with pytest.raises(TypeError, match="needs pairs"):
        fitted.predict(np.ones((4, 2)))
    with pytest.raises(ValueError, match="rows have other columns than those of the fit"):
        fitted.predict(TSSBinner(edges=[-9, -5, 0, 5, 9]).fit_transform(pairs[0]))
    with pytest.raises(UnmatchedDataError, match="no gene in common"):
        fitted.predict(TSSBinner(edges=EDGES).fit_transform(by_hand([[1.0, 1.0, 2.0]], ("u", "v")).pairs))


@pytest.mark.parametrize("estimator", [Ridge, "ridge", StandardScaler()], ids=repr)
def test_an_estimator_that_is_none_is_refused(rows, estimator):
    with pytest.raises(TypeError, match=r"estimator must be an estimator with fit and predict, such as Ridge\(\), got"):
        PerGeneRegressor(estimator).fit(*rows)


def test_counts_that_are_none_are_refused(rows, counts):
    X, y = rows
    with pytest.raises(ValueError, match="y must be counts where there is an exposure, got -1"):
        PerGeneRegressor(exposure=counts[1]).fit(X, np.where(np.arange(len(y)) == 7, -1, y))


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (
            lambda s: s.to_dict(),
            TypeError,
            "exposure must be a Series with names of cell types as its index, or .* got dict",
        ),
        (lambda s: s.iloc[1:], UnknownNameError, r"cell types without exposure: \S+ \(1 name"),
        (lambda s: s * 0, ValueError, "exposure must be greater than 0, got 0"),
        (lambda s: s.mask(s == s.iloc[2]), ValueError, r"exposure of \S+ holds NaN or infinite"),
        (lambda s: pd.concat([s, s.iloc[:1]]), ValueError, r"exposure names \S+ twice"),
    ],
    ids=["dict", "absent", "zero", "missing", "twice"],
)
def test_exposure_that_cannot_be_used_is_refused(rows, counts, change, kind, message):
    X, (y, sizes) = rows[0], counts
    with pytest.raises(kind, match=message):
        PerGeneRegressor(Ridge(), exposure=change(sizes)).fit(X, y)
    fitted = PerGeneRegressor(Ridge(), exposure=sizes).fit(X, y)
    with pytest.raises(kind, match=message):
        fitted.set_params(exposure=change(sizes)).predict(X)


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (lambda t: t["TF"], TypeError, "cell_type_features must be a DataFrame with names of cell types.*got Series"),
        (lambda t: t.iloc[1:], UnknownNameError, "cell types without cell_type_features: .*only openness is known"),
        (lambda t: t.mask(t == t.iloc[2, 0]), ValueError, r"cell_type_features of \S+ holds NaN or infinite"),
        (lambda t: pd.concat([t, t.iloc[:1]]), ValueError, r"cell_type_features names \S+ twice"),
    ],
    ids=["series", "absent", "missing", "twice"],
)
def test_features_of_cell_types_that_cannot_be_used_are_refused(rows, change, kind, message):
    X, y = rows
    table = pd.DataFrame({"TF": np.arange(12.0)}, index=X.cell_types["name"])
    with pytest.raises(kind, match=message):
        PerGeneRegressor(cell_type_features=change(table)).fit(X, y)
    fitted = PerGeneRegressor(cell_type_features=table).fit(X, y)
    with pytest.raises(kind, match=message):
        fitted.set_params(cell_type_features=change(table)).predict(X)
    with pytest.raises(ValueError, match=r"has columns \['other'\], but the models were fitted on \['TF'\]"):
        fitted.set_params(cell_type_features=table.rename(columns={"TF": "other"})).predict(X)


def test_only_cell_types_of_the_rows_need_exposure_and_features(rows, counts):
    X, (y, sizes) = rows[0], counts
    some = X.cell_type_codes < 6
    table = pd.DataFrame({"TF": np.arange(6.0)}, index=X.cell_types["name"][:6])
    model = PerGeneRegressor(Ridge(), exposure=sizes.iloc[:6], cell_type_features=table).fit(X[some], y[some])
    assert model.exposure_mean_ == pytest.approx(sizes.iloc[:6].mean())
    assert np.isfinite(model.predict(X[some])).all()
    with pytest.raises(UnknownNameError, match=r"\(6 name"):
        model.predict(X)


# --- as an estimator


FITTED = {
    "Ridge": (PerGeneRegressor(Ridge(3)), "y"),
    "pipelines": (PerGeneRegressor(make_pipeline(StandardScaler(), Ridge(3))), "y"),
    "Poisson": (PerGeneRegressor(PoissonRegressor(alpha=0.1, max_iter=1_000)), "counts"),
    "features of cell types": (PerGeneRegressor(Ridge(3)), "features"),
    "L1": (PerGeneLassoCV(LAMS, cv=3), "y"),
    "L1, each gene its own": (PerGeneLassoCV(LAMS, cv=3, select="gene"), "y"),
}


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.slow if name == "Poisson" else ()) for name in FITTED])
def fitted(request, rows, counts):
    model, needs = FITTED[request.param]
    (X, y), (counted, sizes) = rows, counts
    model, y = clone(model), counted if needs == "counts" else y
    if needs == "counts":
        model.set_params(exposure=sizes)
    if needs == "features":
        model.set_params(cell_type_features=pd.DataFrame({"TF": np.arange(12.0)}, index=X.cell_types["name"]))
    return model.fit(X, y), X, y


def test_a_subset_of_rows_gives_the_subset_of_predictions(fitted, rng):
    model, X, _ = fitted
    some = rng.permutation(len(X))[:31]
    wanted = model.predict(X)
    assert_float64_sums(model.predict(X[some]), wanted[some], summed=largest_of_gene(X, wanted)[some], condition=20)


@pytest.mark.slow
def test_the_order_of_training_rows_does_not_matter(fitted, rng):
    model, X, y = fitted
    order = rng.permutation(len(X))
    wanted = model.predict(X)
    found = clone(model).fit(X[order], y[order]).predict(X)
    assert_float64_sums(found, wanted, summed=largest_of_gene(X, wanted), condition=20)


@pytest.mark.slow
def test_clone_fits_the_same_and_parameters_stay(fitted):
    model, X, y = fitted
    before = repr(model)
    np.testing.assert_array_equal(clone(model).fit(X, y).predict(X), model.predict(X))
    np.testing.assert_array_equal(model.fit(X, y).predict(X), model.predict(X))
    assert repr(model) == before


def test_saved_models_predict_the_same_and_hold_no_data(fitted, tmp_path):
    model, X, _ = fitted
    wanted = model.predict(X)
    save_model(model, tmp_path / "model.skepi")
    np.testing.assert_array_equal(load_model(tmp_path / "model.skepi").predict(X), wanted)
    pickled = pickle.dumps(model)
    assert X.pairs.tables.openness.tobytes()[:4096] not in pickled
    np.testing.assert_array_equal(pickle.loads(pickled).predict(X), wanted)


@pytest.mark.slow
def test_grid_search_scores_skill(pairs):
    X, y = pairs
    pipe = Pipeline([("bins", TSSBinner(edges=EDGES)), ("scale", LogZScaler()), ("model", PerGeneRegressor(Ridge()))])
    search = GridSearchCV(pipe, {"model__estimator__alpha": [1e9, 3.0]}, cv=CellTypeKFold(3), error_score="raise")
    search.fit(X, y)
    assert search.best_params_ == {"model__estimator__alpha": 3.0}
    assert_within(search.cv_results_["mean_test_score"][0], 0, 1e-6, "a penalty of 1e9 leaves weights of about 1e-9")
    assert search.best_score_ > 0.1


# --- the path of one gene


def one_gene(seed, n_rows=10, n_slots=40, twins=True):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, n_slots)) * rng.uniform(0, 2, n_slots)
    if twins:  # bins of one peak are multiples of each other, and some slots do not vary
        X[:, 1], X[:, 2], X[:, 3], X[:, 4] = X[:, 0], 2 * X[:, 0], 0, 1
    return X, X[:, 5] - X[:, 0] + rng.normal(size=n_rows)


def suboptimality(gaps, y):
    """Largest distance of the objective from its optimum that these relative gaps, and their rounding, allow."""
    return (gaps + 64 * np.finfo(float).eps) * np.var(y)


@given(
    st.integers(0, 10_000), st.integers(2, 20), st.integers(6, 60), st.lists(st.floats(1e-3, 5), min_size=1, max_size=5)
)
def test_the_path_satisfies_the_optimality_conditions(seed, n_rows, n_slots, lams):
    """As far as the duality gap promises: what is left of an objective bounds the errors of its gradient.

    With d left, mean((residual - optimal residual) ** 2) <= d, so no slot's gradient is farther than 2 RMS(x) sqrt(d)
    from that of the optimum; and |w| (lam - sign(w) gradient) <= d there.
    """
    X, y = one_gene(seed, n_rows, n_slots)
    coefs, gaps = lasso_of_gene(X, y, np.array(lams))
    assert gaps.max() < 1e-9
    for lam, coef, left in zip(lams, coefs, suboptimality(gaps, y), strict=True):
        residual = y - y.mean() - (X - X.mean(axis=0)) @ coef
        gradient = 2 * (X - X.mean(axis=0)).T @ residual / n_rows
        slack = 2 * X.std(axis=0) * np.sqrt(left) + 1e-12 * lam
        assert (np.abs(gradient) <= lam + slack).all()
        used = coef != 0
        short = lam - np.sign(coef[used]) * gradient[used]
        assert (short <= slack[used] + left / np.abs(coef[used])).all()


@pytest.mark.parametrize("shape", [(14, 200), (60, 20)])
def test_the_path_equals_scikit_learns_lasso(shape):
    X, y = one_gene(1, *shape, twins=False)
    lams = np.geomspace(0.9, 1e-2, 6) * greatest_lam(X, y)
    coefs, gaps = lasso_of_gene(X, y, lams)
    assert gaps.max() < 1e-12
    for lam, coef in zip(lams, coefs, strict=True):
        wanted = Lasso(lam / 2, tol=1e-12, max_iter=1_000_000).fit(X, y)
        assert_within(coef, wanted.coef_, 1e-5, "descent stops at a gap of 1e-12, which leaves its root in the weights")


def test_where_the_homotopy_breaks_down_descent_takes_over(monkeypatch):
    """scikit-learn's path fails on some processors where slots that are nearly equal leave together."""

    def breaks_down(*args, **kwargs):
        raise ValueError("shapes (10,4) and (3,) not aligned: 4 (dim 1) != 3 (dim 0)")

    X, y = one_gene(1)
    lams = np.array([0.3, 0.1])
    wanted = lasso_of_gene(X, y, lams)[0]
    monkeypatch.setattr(_gene_paths, "lars_path", breaks_down)
    coefs, gaps = lasso_of_gene(X, y, lams)
    assert gaps.max() < 1e-9
    assert_within(X @ coefs.T, X @ wanted.T, 1e-3, "fits of two solutions with a gap of 1e-9 of the variance")


def test_the_gap_by_hand():
    # X = (1, -1), y = (2, -2), lam = 1: at w = 0 the primal is 4, the gradient 4, so the dual point is y / 4 and the
    # dual 2 (1/4) 4 - (1/4)^2 4 = 7/4; the optimum w = 3/2 has primal 1/4 + 3/2 = 7/4.
    X, y = np.array([[1.0], [-1.0]]), np.array([2.0, -2.0])
    gaps = duality_gaps(X, y, np.array([[0.0], [1.5]]), np.ones(2))
    assert_float64_sums(gaps, [(4 - 7 / 4) / 4, 0])
    assert greatest_lam(X, y) == 4
    assert_float64_sums(lasso_of_gene(X, y, np.array([1.0, 4.0, 9.0]))[0], [[1.5], [0], [0]])


def test_descent_takes_over_where_homotopy_fails(monkeypatch):
    X, y = one_gene(2, twins=False)
    lams = np.array([1.0, 0.3])
    wanted, wanted_gaps = lasso_of_gene(X, y, lams)
    monkeypatch.setattr(_gene_paths, "_homotopy", lambda X, y, lams: np.zeros((lams.size, X.shape[1])))
    coefs, gaps = lasso_of_gene(X, y, lams)
    assert gaps.max() < 1e-9
    apart = (X - X.mean(axis=0)) @ (coefs - wanted).T
    reach = np.sqrt(suboptimality(gaps, y)) + np.sqrt(suboptimality(wanted_gaps, y))
    assert (np.sqrt((apart**2).mean(axis=0)) <= reach).all()
    assert_within(np.abs(coefs).sum(axis=1), np.abs(wanted).sum(axis=1), 1e-3, "a gap of 1e-9 leaves its root")


@pytest.mark.parametrize(
    ("X", "y"), [(np.ones((3, 2)), [0.1] * 3), (np.ones((3, 0)), [1, 2, 3]), (np.ones((1, 2)), [4])]
)
def test_genes_without_anything_to_learn_have_no_weights(X, y):
    coefs, gaps = lasso_of_gene(X, np.array(y, dtype=float), np.array([0.1, 1.0]))
    assert coefs.shape == (2, X.shape[1])
    assert not coefs.any()
    assert not gaps.any()
    assert greatest_lam(X, np.array(y, dtype=float)) == 0


def test_a_gene_that_is_silent_everywhere_has_nothing_to_learn():
    """Log expression below 1 is negative, and the mean of three equal values may differ from them by rounding."""
    silent = np.log([0.1, 0.1, 0.1])
    assert not _gene_paths.varies(silent)
    assert not _gene_paths.varies(np.nextafter(silent, [0, 0, -9]))
    assert _gene_paths.varies(silent + [0, 0, 1e-6])
    assert greatest_lam(np.arange(3.0)[:, None], np.nextafter(silent, [0, 0, -9])) == 0


def test_skill_of_sums_does_not_depend_on_the_unit_of_expression():
    # Errors of .1 and .3 of .4 leave 3/4 and 1/4; where there is nothing to save, no share is defined.
    skills = _path_cv.skill_of_sums(np.array([[0.1, 0.3], [0.0, 0.0]]), np.array([0.4, 0.0]))
    assert skills[0].tolist() == pytest.approx([0.75, 0.25])
    assert np.isnan(skills[1]).all()


# --- the path of all genes


def exact(lam):
    return PerGeneRegressor(Lasso(lam / 2, tol=1e-12, max_iter=1_000_000))


def test_the_path_of_all_genes_equals_a_loop(rows):
    X, y = rows
    some = (X.gene_codes % 6 != 5) | (X.cell_type_codes == 2)  # every sixth gene in one cell type at most
    X, y = X[some], y[some]
    model = PerGeneLassoCV()
    path = model.path(X, y, LAMS)
    assert not hasattr(model, "gene_mean_")
    assert path.lams.tolist() == LAMS
    assert path.dual_gap.max() < 1e-9
    Z = LogZScaler().fit_transform(X)
    np.testing.assert_array_equal(path.scaler.mean_, LogZScaler().fit(X).mean_)
    for k, lam in enumerate(LAMS):
        wanted = exact(lam).fit(Z, y)
        assert path.genes.equals(wanted.gene_mean_.index)
        assert_float32_sums(path.intercept[:, k], wanted.intercept_)
        coef = path.coef[k]
        assert coef.shape == wanted.coef_.shape
        assert coef.nnz == np.count_nonzero(coef.toarray()) > 0
        # Slots of one peak share a weight in any proportion: only sums of weights and predictions are unique.
        assert_float32_sums(np.abs(coef.toarray()).sum(axis=1), np.abs(wanted.coef_.toarray()).sum(axis=1))
        dense = np.asarray(Z, dtype=float)
        row = path.genes.get_indexer(X.genes["name"])[X.gene_codes]
        predicted = (dense * coef.toarray()[row]).sum(axis=1) + path.intercept[row, k]
        assert_float32_sums(predicted, wanted.predict(Z))


def test_penalties_are_proposed_from_the_least_without_weights_on(rows):
    X, y = rows
    path = PerGeneLassoCV(eps=0.01).path(X, y, 5)
    Z = np.asarray(LogZScaler().fit_transform(X), dtype=float)
    greatest = 0.0
    for gene in range(60):
        some = X.gene_codes == gene
        if some.any():
            centred = Z[some] - Z[some].mean(axis=0)
            greatest = max(greatest, 2 * np.abs(centred.T @ (y[some] - y[some].mean())).max() / some.sum())
    wanted = np.geomspace(greatest, greatest / 100, 5)
    assert_float32_sums(path.lams, wanted, summed=wanted)
    assert path.coef[0].nnz == 0
    assert path.coef[1].nnz > 0
    assert PerGeneLassoCV(LAMS).path(X, y).lams.tolist() == LAMS
    assert_float32_sums(PerGeneLassoCV().path(X, y, 3).lams[-1], greatest / 1_000)


# --- the penalty by held-out cell types


def skill_of_genes(table):
    parts = table.groupby("gene", sort=False)
    return pd.Series({gene: skill(one["y_true"], one["y_pred"], one["train_mean"]) for gene, one in parts})


def loop_over_folds(model, X, y):
    """Held-out predictions of each penalty by a loop of pipelines, and the number of the fold."""
    scaler = [] if model.scaler == "passthrough" else [clone(model.scaler or LogZScaler())]
    return [cross_val_pairs(make_pipeline(*scaler, exact(lam)), X, y, model._splitter(X)) for lam in model.lams]


@pytest.mark.parametrize(
    "model",
    [
        PerGeneLassoCV(LAMS),
        pytest.param(PerGeneLassoCV(LAMS, cv=LeaveOneCellTypeOut(), select="gene"), marks=pytest.mark.slow),
        pytest.param(
            PerGeneLassoCV(LAMS, cv=3, scaler=LogZScaler(float("inf")), select="gene"), marks=pytest.mark.slow
        ),
        PerGeneLassoCV(LAMS, cv=3, scaler="passthrough"),
        PerGeneLassoCV(LAMS, cv=KFold(4, shuffle=True, random_state=0)),
    ],
    ids=["pooled", "gene", "one scale a bin", "as they come", "pairs"],
)
def test_equals_an_explicit_loop(rows, model):
    X, y = some_genes(rows, 12)
    model = clone(model).fit(X, y)
    tables = loop_over_folds(model, X, y)
    found = model.cv_results_
    pooled = [skill(one["y_true"], one["y_pred"], one["train_mean"]) for one in tables]
    assert_float32_sums(found["pooled_score"], pooled, summed=1)
    for k in range(tables[0]["fold"].max() + 1):
        folds = [one[one["fold"] == k] for one in tables]
        scores = [skill(one["y_true"], one["y_pred"], one["train_mean"]) for one in folds]
        assert_float32_sums(found[f"split{k}_test_score"], scores, summed=1 + np.abs(scores))
    folds = found.filter(regex="^split")
    assert_float64_sums(found["mean_test_score"], folds.mean(axis=1))
    assert_float64_sums(found["std_test_score"], folds.std(axis=1, ddof=0))
    assert found["lam"].tolist() == LAMS
    assert model.lam_ == LAMS[int(np.argmax(pooled))]
    by_gene = pd.DataFrame({lam: skill_of_genes(one) for lam, one in zip(LAMS, tables, strict=True)})
    by_gene = by_gene.loc[model.gene_mean_.index].rename_axis("gene")
    assert_float32_sums(model.gene_scores_, by_gene, summed=1 + by_gene.abs())
    assert model.gene_scores_.columns.tolist() == LAMS
    wanted = by_gene.idxmax(axis=1) if model.select == "gene" else pd.Series(model.lam_, by_gene.index)
    assert model.gene_lam_.to_dict() == wanted.to_dict()
    assert model.gene_lam_.nunique() == (3 if model.select == "gene" else 1)
    Z = X if model.scaler == "passthrough" else clone(model.scaler or LogZScaler()).fit_transform(X)
    for lam in LAMS:
        of_lam = model.gene_lam_.loc[X.pairs.to_frame()["gene"]].to_numpy() == lam
        if of_lam.any():
            assert_float32_sums(model.predict(X)[of_lam], exact(lam).fit(Z, y).predict(Z)[of_lam])
    assert found["n_weights"].tolist() == [coef.nnz for coef in model.path(X, y).coef]
    assert found["dual_gap"].max() < 1e-9


def test_genes_that_cannot_be_scored_get_the_pooled_penalty():
    X, y, _ = planted(n_genes=12, n_cell_types=20)
    y[X.gene_codes == 3] = 0.1  # does not vary
    alone = X.gene_codes == 5
    kept = ~alone | (X.cell_type_codes == X.cell_type_codes[alone][0])  # one pair: no training pair where it is tested
    X, y = X[kept], y[kept]
    model = PerGeneLassoCV([1e3, *LAMS], cv=3, select="gene").fit(X, y)
    assert model.lam_ < 1e3
    names = X.genes["name"].iloc[[3, 5]]
    assert model.gene_scores_.loc[names].isna().all(axis=None)
    assert (model.gene_lam_[names] == model.lam_).all()
    assert not model.coef_[[3, 5]].toarray().any()
    assert_float64_sums(model.predict(X)[X.gene_codes == 3], 0.1)
    assert_float64_sums(model.predict(X)[X.gene_codes == 5], y[X.gene_codes == 5])
    others = ~np.isin(X.gene_codes, [3, 5])
    without = PerGeneLassoCV([1e3, *LAMS], cv=3).fit(X[others], y[others])
    assert_float64_sums(model.cv_results_["pooled_score"], without.cv_results_["pooled_score"], summed=1)


def test_the_greatest_of_equal_penalties_is_taken(rows):
    X, y = rows
    for select in ("pooled", "gene"):
        model = PerGeneLassoCV([1e3, 1e5, 1e4], cv=3, select=select).fit(X, y)
        assert model.lam_ == 1e5
        assert (model.gene_lam_ == 1e5).all()
        assert not model.coef_.toarray().any()


def test_a_gap_that_is_not_reached_is_said(rows, monkeypatch):
    X, y = some_genes(rows, 3)

    def solved(features, target, lams):
        """A gap that is the largest for the smallest training set."""
        return lasso_of_gene(features, target, lams)[0], np.full(lams.size, 1 / len(target))

    monkeypatch.setattr(_per_gene_paths, "lasso_of_gene", solved)
    n_rows = np.bincount(X.gene_codes)
    largest = max(1 / np.bincount(X.gene_codes[train]).min() for train, _ in CellTypeKFold(3).split(X))
    first = X.genes["name"].iloc[0]
    with pytest.warns(
        ConvergenceWarning, match=rf"duality gap .* is greater than 1e-09 in 3 gene\(s\) \({first}"
    ) as caught:
        model = PerGeneLassoCV(LAMS, cv=3).fit(X, y)
    assert caught[0].filename == __file__
    assert_exact(model.cv_results_["dual_gap"].to_numpy(), np.full(3, largest))
    with pytest.warns(ConvergenceWarning, match="in 3 gene"):
        path = PerGeneLassoCV().path(X, y, LAMS)
    assert_exact(path.dual_gap, np.tile(1 / n_rows[:, None], 3))


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"select": "best"}, "select must be one of"),
        ({"lams": 1}, "a number of penalties of 2 or more"),
        ({"lams": True}, "a number of penalties of 2 or more"),
        ({"eps": 1.0}, "eps must be a number with 0 < eps < 1"),
        ({"lams": [0.1, 0.0]}, "lams must be greater than 0"),
        ({"lams": [-1.0]}, "lams must be finite"),
        ({"scaler": StandardScaler()}, "scaler must be a LogZScaler, 'passthrough' or None"),
        ({"scaler": "none"}, "scaler must be a LogZScaler, 'passthrough' or None"),
        ({"cv": 1}, "cv must be a whole number of 2 or more, got 1"),
        ({"select": 3}, "select must be one of .* got 3"),
        ({"cv": []}, "gives no split"),
        ({"cv": [([], [0, 1])]}, "gives a split without training rows"),
        ({"cv": [([0, 0, 1], [2])]}, "names a row twice"),
        ({"cv": GeneKFold(2)}, "no test pair can be scored"),
        ({"cv": 13}, "13 folds need at least 13 cell types"),
    ],
    ids=str,
)
def test_settings_that_cannot_be_used_are_refused(rows, settings_, message):
    with pytest.raises(ValueError, match=message):
        PerGeneLassoCV(**settings_).fit(*rows)


def test_data_that_cannot_be_used_are_refused(rows, scaled):
    X, y = rows
    with pytest.raises(ValueError, match="these rows are scaled already"):
        PerGeneLassoCV().fit(*scaled)
    with pytest.raises(ValueError, match="no slot goes with the target of its gene"):
        PerGeneLassoCV().fit(X, np.ones(len(y)))
    with pytest.raises(ValueError, match="no test pair can be scored"):
        PerGeneLassoCV(LAMS).fit(X, np.ones(len(y)))


def test_groups_reach_the_splitter(rows):
    X, y = rows
    model = PerGeneLassoCV(LAMS, cv=CellTypeKFold(2, shuffle=False))
    grouped = model.fit(X, y, groups=X.cell_type_codes % 2).cv_results_
    halves = [np.flatnonzero(X.cell_type_codes % 2 == k) for k in (0, 1)]
    wanted = PerGeneLassoCV(LAMS, cv=[(halves[1], halves[0]), (halves[0], halves[1])]).fit(X, y).cv_results_
    assert_exact(grouped, wanted)


# --- blood


@pytest.mark.slow
def test_the_path_of_a_chromosome_of_blood(blood_path):
    tables = {name: pd.read_parquet(blood_path / f"{name}.parquet") for name in ("peaks", "openness", "genes")}
    counts = pd.read_parquet(blood_path / "expression.parquet").set_index("gene")
    genes = tables["genes"].rename(columns={"gene": "name"}).query("chrom == 'chr21'")
    peaks = (tables["peaks"]["chrom"] == "chr21").to_numpy()
    names = list(counts.columns)
    expression = np.log1p(counts / counts.sum() * 1e6).loc[genes["name"]].to_numpy()
    data = PairedDataset(
        tables["openness"].loc[peaks, names].to_numpy(), tables["peaks"][peaks], genes, expression, names
    )
    X, y = data.pairs(return_X_y=True)
    bins = TSSBinner().fit_transform(X)
    path = PerGeneLassoCV().path(bins, y)
    assert path.dual_gap.max() < 1e-9
    assert [coef.nnz for coef in path.coef] == sorted(coef.nnz for coef in path.coef)
    held_out = cross_val_pairs(PerGeneLassoCV(), bins, y, CellTypeKFold(7))
    assert summarize(held_out)["skill"] > 0.15


def test_exposure_may_be_a_column_of_cell_types(simulated):
    data = simulated[0]
    cells = data.cell_types.assign(library_size=np.arange(1.0, 13.0))
    counted = PairedDataset(data.openness, data.peaks, data.genes, np.round(data.expression), cells)
    X, y = counted.pairs(return_X_y=True)
    bins = TSSBinner(edges=[-1_000, 0, 1_000]).fit_transform(X)
    sizes = pd.Series(np.arange(1.0, 13.0), data.cell_types["name"])
    named, given_ = (PerGeneRegressor(exposure=one).fit(bins, y).predict(bins) for one in ("library_size", sizes))
    assert_exact(named, given_)
    with pytest.raises(
        UnknownNameError, match="exposure='reads' is no column of cell_types, which has name, lineage, lib"
    ):
        PerGeneRegressor(exposure="reads").fit(bins, y)
