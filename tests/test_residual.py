"""ResidualRegressor: errors on held-out cell types, learned by a second model."""

import warnings

import numpy as np
import pandas as pd
import pytest
from promises import assert_exact, assert_float32_sums, assert_float64_sums
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.utils import Bunch

from skepi.binning import TSSBinner, symmetric_edges
from skepi.compose import GeneZTarget, ResidualRegressor
from skepi.datasets import make_paired_openness
from skepi.exceptions import DistantCellTypeWarning, UnfittedSignalWarning
from skepi.gaussian_process import CisTransRegressor
from skepi.metrics import skill, summarize
from skepi.model_selection import CellTypeKFold, LeaveOneCellTypeOut, LineageKFold, cross_val_pairs
from skepi.neural_network import ExpressionMLP

EDGES = symmetric_edges([0, 1_000, 10_000, 100_000])


@pytest.fixture(scope="module")
def data():
    return make_paired_openness(60, 9, n_lineages=3, random_state=7)[0]


@pytest.fixture(scope="module")
def bins(data):
    return TSSBinner(edges=EDGES).fit_transform(data.pairs())


@pytest.fixture(scope="module")
def y(data):
    return data.pairs(return_X_y=True)[1]


class Remembering(LinearRegression):
    """Keeps what it was fitted to."""

    def fit(self, X, y):
        self.seen_ = X, y
        return super().fit(X, y)


def test_the_regressor_sees_errors_on_cell_types_that_the_base_had_not_seen(bins, y):
    """By loops: each lineage out, features and standardised errors of the base model fitted without it."""
    model = ResidualRegressor(Remembering()).fit(bins, y)
    features, errors = [], []
    for train, test in LineageKFold().split(bins):
        base = CisTransRegressor().fit(bins[train], y[train])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DistantCellTypeWarning)
            features.append(base.transform(bins[test]))
            names = bins.genes["name"].to_numpy()[bins[test].gene_codes]
            scale = base.gene_sd_[names].to_numpy() + base.sd_offset
            errors.append((y[test] - base.predict(bins[test])) / scale)
    assert_exact(model.regressor_.seen_[0], np.concatenate(features))
    assert_float32_sums(model.regressor_.seen_[1], np.concatenate(errors))


def test_prediction_is_the_base_and_the_scaled_residual(bins, y):
    model = ResidualRegressor(Ridge(1.0)).fit(bins, y)
    base = CisTransRegressor().fit(bins, y)
    scale = (base.gene_sd_ + 1.0)[bins.genes["name"].to_numpy()[bins.gene_codes]].to_numpy()
    residual = model.regressor_.predict(base.transform(bins))
    assert_float32_sums(model.predict(bins), base.predict(bins) + scale * residual)
    parts = model.predict_parts(bins)
    assert_float64_sums(parts.sum(axis=1), model.predict(bins))
    np.testing.assert_array_equal(parts.drop(columns="residual"), base.predict_parts(bins))
    prediction, std = model.predict(bins, return_std=True)
    np.testing.assert_array_equal(prediction, model.predict(bins))
    np.testing.assert_array_equal(std, base.predict(bins, return_std=True)[1])
    np.testing.assert_array_equal(model.training_mean(bins), base.training_mean(bins))


class Counting(CisTransRegressor):
    """Counts what it is asked, and answers by one way alone."""

    def fit(self, X, y):
        self.asked_ = []
        return super().fit(X, y)

    def predict_with_features(self, X, return_std=False):
        self.asked_.append(return_std)
        return super().predict_with_features(X, return_std)

    def predict(self, X, return_std=False):
        pytest.fail("asked for the prediction apart")

    predict_parts = transform = predict


def test_the_base_model_is_asked_once(bins, y):
    model = ResidualRegressor(Ridge(1.0), Counting()).fit(bins, y)
    plain = ResidualRegressor(Ridge(1.0)).fit(bins, y)
    asked = model.base_.asked_
    assert asked == []
    assert_exact(model.predict(bins), plain.predict(bins))
    assert asked == [False]
    assert_exact(model.predict(bins, return_std=True), plain.predict(bins, return_std=True))
    assert asked == [False, True]
    assert_exact(model.predict_parts(bins), plain.predict_parts(bins))
    assert asked == [False, True, False]


def test_the_base_model_warns_once(data, bins, y):
    known = bins.cell_type_codes < 8
    model = ResidualRegressor(Ridge(1.0), cv=3).fit(bins[known], y[known])
    few = TSSBinner(edges=EDGES).fit_transform(data.subset(genes=list(data.genes["name"][:20])).pairs())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.predict(few)
    assert [one.category for one in caught].count(UnfittedSignalWarning) == 1


class OwnBase(BaseEstimator):
    """A base model of a stranger's: the mean of the gene, and features in an order of its own."""

    names = ("openness", "gene_scale", "cell_type")

    def fit(self, X, y):
        genes = X.genes["name"].to_numpy()[X.gene_codes]
        by_gene = pd.Series(y).groupby(genes)
        self.gene_mean_, self.gene_sd_ = by_gene.mean(), by_gene.std(ddof=0)
        self.grand_mean_, self.pooled_sd_ = float(y.mean()), float(y.std())
        return self

    def training_mean(self, X):
        return self.gene_mean_[X.genes["name"].to_numpy()[X.gene_codes]].to_numpy()

    def get_feature_names_out(self):
        return np.array(self.names, dtype=object)

    def predict_with_features(self, X, return_std=False):
        scale = 2 * self.gene_sd_[X.genes["name"].to_numpy()[X.gene_codes]].to_numpy()
        features = np.column_stack([np.log1p(X.dense().sum(axis=1)), scale, X.cell_type_codes])
        parts = pd.DataFrame({"level": self.training_mean(X) - 1, "one": np.ones(len(X))})
        return Bunch(parts=parts, features=features, std=np.full(len(X), 0.5) if return_std else None)


def test_a_base_model_of_a_strangers_offers_what_is_documented(bins, y):
    """Means and SDs by loops: errors over twice the SD, and twice the SD times the residual back."""
    model = ResidualRegressor(Remembering(), OwnBase(), cv=3).fit(bins, y)
    genes, features, errors, steepness = bins.gene_codes, [], [], []
    for train, test in CellTypeKFold(3).split(bins):
        mean, sd = ([f(y[train][genes[train] == gene]) for gene in range(60)] for f in (np.mean, np.std))
        errors.append([(y[i] - mean[genes[i]]) / (2 * sd[genes[i]]) for i in test])
        steepness.append(1 / np.min(sd))
        features.append(OwnBase().fit(bins[train], y[train]).predict_with_features(bins[test]).features)
    assert_exact(model.regressor_.seen_[0], np.concatenate(features))
    assert_float64_sums(
        model.regressor_.seen_[1], np.concatenate(errors), summed=np.abs(y).max(), condition=max(steepness)
    )
    mean, sd = (np.array([f(y[genes == gene]) for gene in range(60)])[genes] for f in (np.mean, np.std))
    residual = model.regressor_.predict(OwnBase().fit(bins, y).predict_with_features(bins).features)
    prediction, std = model.predict(bins, return_std=True)
    assert_float64_sums(prediction, mean + 2 * sd * residual)
    assert_exact(std, 0.5)
    parts = model.predict_parts(bins)
    assert parts.columns.tolist() == ["level", "one", "residual"]
    assert_float64_sums(parts.sum(axis=1), prediction)
    assert_float64_sums(model.training_mean(bins), mean)
    assert_float64_sums(model.score(bins, y), skill(y, prediction, model.training_mean(bins)))


@pytest.mark.parametrize("names", [("openness", "scale", "cell_type"), ("openness", "gene_scale"), ()], ids=len)
def test_a_base_model_that_does_not_name_the_scale_is_refused(bins, y, names, monkeypatch):
    monkeypatch.setattr(OwnBase, "names", names)
    with pytest.raises(ValueError, match=r"base must name each of its 3 features, and one of them 'gene_scale'; .*\["):
        ResidualRegressor(Ridge(1.0), OwnBase(), cv=3).fit(bins, y)


@pytest.mark.slow
def test_a_regressor_that_predicts_nothing_leaves_the_base_model(bins, y):
    nothing = ResidualRegressor(DummyRegressor(strategy="constant", constant=0.0)).fit(bins, y)
    base = CisTransRegressor(own_cis=True)
    own = ResidualRegressor(DummyRegressor(strategy="constant", constant=0.0), base).fit(bins, y)
    np.testing.assert_array_equal(nothing.predict(bins), CisTransRegressor().fit(bins, y).predict(bins))
    np.testing.assert_array_equal(own.predict(bins), base.fit(bins, y).predict(bins))
    assert own.score(bins, y) == base.score(bins, y)


@pytest.mark.slow
def test_two_processes_give_the_same(bins, y):
    one, two = (ResidualRegressor(Ridge(10.0), n_jobs=n_jobs).fit(bins, y).predict(bins) for n_jobs in (1, 2))
    assert_float32_sums(two, one)


def test_what_is_held_out_inside(data, bins, y):
    """Lineages where 3 or more are named, else folds of cell types, or what was asked for."""

    def n_errors_and_first(model, X, targets):
        errors = model.fit(X, targets).regressor_.seen_[1]
        return len(errors), errors

    by_lineage = n_errors_and_first(ResidualRegressor(Remembering()), bins, y)[1]
    asked = n_errors_and_first(ResidualRegressor(Remembering(), cv=LineageKFold()), bins, y)[1]
    np.testing.assert_array_equal(by_lineage, asked)
    two = bins[np.isin(bins.cell_type_codes, [0, 1, 2, 3, 4, 5])]
    assert data.cell_types["lineage"][:6].nunique() == 2
    y_two = y[np.isin(bins.cell_type_codes, [0, 1, 2, 3, 4, 5])]
    folds = n_errors_and_first(ResidualRegressor(Remembering()), two, y_two)[1]
    np.testing.assert_array_equal(
        folds, n_errors_and_first(ResidualRegressor(Remembering(), cv=CellTypeKFold(5)), two, y_two)[1]
    )
    assert n_errors_and_first(ResidualRegressor(Remembering(), cv=LeaveOneCellTypeOut()), bins, y)[0] == 540


@pytest.mark.slow
def test_what_no_line_sees_is_learned(data, bins, y):
    """Expression rises wherever openness of the promoter leaves its mean: trees find that in the errors."""
    z = CisTransRegressor().fit(bins, y).transform(bins)[:, 2:4].sum(axis=1)
    bent = (y + 3 * np.abs(z)) / 4
    trees = HistGradientBoostingRegressor(max_iter=60, min_samples_leaf=10, early_stopping=False, random_state=0)

    def held_out_skill(model):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DistantCellTypeWarning)
            return summarize(cross_val_pairs(model, bins, bent, CellTypeKFold(3)))["skill"]

    assert held_out_skill(ResidualRegressor(trees)) > held_out_skill(CisTransRegressor()) + 0.1


def test_a_network_on_the_residual(bins, y):
    network = ExpressionMLP((8,), lr=0.01, batch_size=64, max_epochs=3, random_state=0)
    assert np.isfinite(ResidualRegressor(network).fit(bins, y).predict(bins)).all()


def test_a_number_is_one_of_folds_of_cell_types(bins, y):
    seen = [ResidualRegressor(Remembering(), cv=cv).fit(bins, y).regressor_.seen_[1] for cv in (3, CellTypeKFold(3))]
    np.testing.assert_array_equal(*seen)


def test_a_gene_that_does_not_vary_has_no_error_without_an_offset(bins, y):
    flat = np.where(bins.gene_codes == 3, 1.0, y)
    model = ResidualRegressor(Remembering(), CisTransRegressor(sd_offset=0.0)).fit(bins, flat)
    assert np.isfinite(model.regressor_.seen_[1]).all()
    assert_exact(model.predict(bins)[bins.gene_codes == 3], 1.0)  # its mean, plus 0 SDs


def test_wrong_rows_and_base(data, bins, y):
    with pytest.raises(TypeError, match="ResidualRegressor needs pairs whose openness is binned, got ndarray"):
        ResidualRegressor().fit(np.ones((540, 6)), y)
    with pytest.raises(
        TypeError, match=r"base must tell what it knows of pairs with predict_with_features and .* got GeneZTarget"
    ):
        ResidualRegressor(base=GeneZTarget()).fit(bins, y)

    few = bins.cell_type_codes < 2
    with pytest.raises(ValueError, match="ResidualRegressor needs at least 3 training cell types, got 2"):
        ResidualRegressor().fit(bins[few], y[few])
    with pytest.raises(TypeError, match="cv must be a splitter"):
        ResidualRegressor(cv=4.5).fit(bins, y)

    class Nothing:
        def split(self, X, y=None, groups=None):
            return iter(())

        def __repr__(self):
            return "Nothing()"

    with pytest.raises(ValueError, match=r"cv=Nothing\(\) gives no split"):
        ResidualRegressor(cv=Nothing()).fit(bins, y)
