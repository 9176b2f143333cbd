"""ResidualRegressor: errors on held-out cell types, learned by a second model."""

import warnings

import numpy as np
import pytest
from promises import assert_exact, assert_float32_sums, assert_float64_sums
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, Ridge

from skepi.binning import TSSBinner, symmetric_edges
from skepi.compose import GeneZTarget, ResidualRegressor
from skepi.datasets import make_paired_openness
from skepi.exceptions import DistantCellTypeWarning
from skepi.gaussian_process import CisTransRegressor
from skepi.metrics import summarize
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


def test_what_no_line_sees_is_learned(data, bins, y):
    """Expression rises wherever openness of the promoter leaves its mean: trees find that in the errors."""
    z = CisTransRegressor().fit(bins, y).transform(bins)[:, 2:4].sum(axis=1)
    bent = (y + 3 * np.abs(z)) / 4
    trees = HistGradientBoostingRegressor(max_iter=60, min_samples_leaf=10, early_stopping=False, random_state=0)

    def skill(model):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DistantCellTypeWarning)
            return summarize(cross_val_pairs(model, bins, bent, CellTypeKFold(3)))["skill"]

    assert skill(ResidualRegressor(trees)) > skill(CisTransRegressor()) + 0.1


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
        TypeError, match=r"base must tell what it knows of pairs with transform and predict_parts.* got GeneZTarget"
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
