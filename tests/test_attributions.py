"""Attributions: linear maps written out, backpropagation by hand, finite differences, what adds up and what cannot."""

import numpy as np
import pytest
from promises import assert_exact, assert_float32_sums, assert_float64_sums
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import GammaRegressor, PoissonRegressor, Ridge, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from small_models import LINEAR, binner, fitted_linear, pipe, scaled_rows, small_net, train_and_test

from skepi import _dense
from skepi.compose import GeneZTarget
from skepi.exceptions import CompletenessWarning, DenseSizeError
from skepi.inspection import _attribution, attributions, bin_importance
from skepi.linear_model import LassoBaselineCV
from skepi.model_selection import CellTypeKFold
from skepi.preprocessing import Materialize


@pytest.fixture(scope="module")
def split():
    """``X_train, y_train, X_test, y_test``: 40 genes in 6 and in 3 other cell types."""
    return train_and_test()


@pytest.fixture(scope="module")
def scaled(split):
    """Scaled bins of the training rows and of the test rows."""
    return scaled_rows(split)


@pytest.fixture(scope="module")
def net(split):
    return pipe(small_net()).fit(*split[:2])


class Powers(RegressorMixin, BaseEstimator):
    """The sum of all features to some power, plus a constant."""

    def __init__(self, power, constant=0.0):
        self.power = power
        self.constant = constant

    def fit(self, X, y):
        self.fitted_ = True
        return self

    def predict(self, X):
        return (np.asarray(X) ** self.power).sum(axis=1) + self.constant

    def input_gradients(self, X):
        return self.power * np.asarray(X) ** (self.power - 1)


class Lopsided(Powers):
    """Its gradient is that of another function."""

    def input_gradients(self, X):
        return np.ones(X.shape)


@pytest.fixture(scope="module", params=LINEAR)
def linear(request, split):
    """A fitted linear model, its weights by least squares from its own predictions, and the scaled test rows."""
    return fitted_linear(request.param, split)


def test_linear_models_give_their_weights_and_add_up(linear, split):
    model, weights, z = linear
    assert np.abs(weights).max() > 0.01
    steep = np.linalg.cond(z)  # the weights were solved for
    for method in ("coefficients", "gradient"):
        found = attributions(model, split[2], method=method)
        assert_float32_sums(found, np.tile(weights, (len(z), 1)), condition=steep)
    for method in ("gradient_x_input", "integrated_gradients"):
        found = attributions(model, split[2], method=method, n_steps=2)
        assert found.dtype == np.float64
        assert_float32_sums(found, z * weights, condition=steep)
        assert_float32_sums(found.sum(axis=1), z @ weights, condition=steep)  # f(x) - f(0)


@pytest.mark.slow
def test_a_network_without_hidden_layers_is_linear(split):
    model = pipe(small_net(())).fit(*split[:2])
    wanted = np.tile(model[-1].regressor_.coefs_[0][:, 0], (len(split[2]), 1))
    assert_float32_sums(attributions(model, split[2], method="gradient"), wanted)
    with pytest.raises(TypeError, match="not a linear model with coef_; use method='gradient' or 'permutation'"):
        attributions(model, split[2], method="coefficients")


@pytest.fixture(scope="module")
def backward(net):
    """``f, gradient, clear`` of the trained network in numpy, layer by layer from its weights.

    Rows are clear where no unit is so near to opening that rounding decides whether it does.
    """
    model = net[-1].regressor_
    weights = [(w.astype(float), b.astype(float)) for w, b in zip(model.coefs_, model.intercepts_, strict=True)]

    def forward(x):
        units = []
        for w, b in weights[:-1]:
            units.append(x @ w + b)
            x = np.maximum(units[-1], 0)
        return x @ weights[-1][0][:, 0] + weights[-1][1][0], units

    def gradient(x):
        back = np.tile(weights[-1][0][:, 0], (len(x), 1))
        for (w, _), units in zip(weights[-2::-1], forward(x)[1][::-1], strict=True):
            back = (back * (units > 0)) @ w.T
        return back

    def clear(x):
        return np.abs(np.hstack(forward(x)[1])).min(axis=1) > 1e-5

    return lambda x: forward(x)[0], gradient, clear


def steps_to(z, n_steps):
    """Where integrated gradients look on the way from 0 to each row."""
    return [z * a for a in (np.arange(n_steps) + 0.5) / n_steps]


@pytest.mark.slow
def test_gradients_of_a_network_equal_backpropagation_by_hand(net, backward, split, scaled):
    z = scaled[1].dense().astype(float)
    gradient, path = backward[1](z), steps_to(z, 40)
    assert np.ptp(gradient, axis=0).min() > 0.001  # the network is not linear
    clear = np.all([backward[2](x) for x in [z, *path]], axis=0)
    assert clear.mean() > 0.5
    for found, wanted in (
        (attributions(net, split[2], method="gradient"), gradient),
        (attributions(net, split[2], method="gradient_x_input"), z * gradient),
        (net[-1].regressor_.input_gradients(scaled[1]), gradient),
        (attributions(net, split[2], n_steps=40), z * np.mean([backward[1](x) for x in path], axis=0)),
    ):
        assert_float32_sums(found[clear], wanted[clear])


def test_integrated_gradients_of_a_network_add_up(net, backward, split, scaled):
    z = scaled[1].dense().astype(float)
    change = backward[0](z) - backward[0](np.zeros_like(z[:1]))
    found = attributions(net, split[2], n_steps=200)
    assert np.abs(found.sum(axis=1) - change).sum() < 0.01 * np.abs(change).sum()
    crude = attributions(net, split[2], method="gradient_x_input")
    assert np.abs(crude.sum(axis=1) - change).sum() > 0.01 * np.abs(change).sum()


def test_network_gradients_equal_finite_differences(rng):
    X = rng.normal(size=(60, 4))
    model = small_net(batch_size=25).fit(X, np.sin(X).sum(axis=1))
    step = 1e-7  # so short that no unit opens within it
    differences = [(model.predict(X + h) - model.predict(X - h)) / (2 * step) for h in step * np.eye(4)]
    gradient = model.input_gradients(X)
    assert gradient.dtype == np.float64
    assert_float64_sums(gradient, np.transpose(differences), summed=1 / step)
    assert_float64_sums(model.input_gradients(X[7:9]), gradient[7:9])
    np.testing.assert_array_equal(X, np.random.default_rng(0).normal(size=(60, 4)))


def test_network_gradients_of_bad_input(rng, scaled):
    with pytest.raises(NotFittedError):
        small_net().input_gradients(np.ones((2, 3)))
    model = small_net().fit(rng.normal(size=(20, 3)), rng.normal(size=20))
    with pytest.raises(ValueError, match="5 features, but ExpressionMLP is expecting 3"):
        model.input_gradients(np.ones((2, 5)))
    with pytest.raises(ValueError, match="6 features, but ExpressionMLP is expecting 3"):
        model.input_gradients(scaled[1])
    binned = small_net().fit(scaled[0], np.ones(len(scaled[0])))
    assert binned.input_gradients(scaled[1][:0]).shape == (0, 6)


def test_dropout_plays_no_part_in_gradients(rng):
    X = rng.normal(size=(40, 3))
    model = small_net(dropout=0.5).fit(X, X[:, 0])
    np.testing.assert_array_equal(model.input_gradients(X), model.input_gradients(X))


def test_too_few_steps_are_warned_of(scaled):
    # Along the path to x the gradient of x^4 is 4 (a x)^3: the midpoint 1/2 gives half of x^4, 1/4 and 3/4 give 7/8.
    model, x = Powers(4).fit(None, None), scaled[1].dense().astype(float)
    with pytest.warns(CompletenessWarning, match="n_steps=1 miss"):
        assert_float32_sums(attributions(model, scaled[1], n_steps=1), x**4 / 2)
    with pytest.warns(CompletenessWarning, match="take more steps"):
        assert_float32_sums(attributions(model, scaled[1], n_steps=2), x**4 * 7 / 8)
    assert_float32_sums(attributions(model, scaled[1]), x**4 * (1 - 1 / (2 * 32**2)))  # 32 steps, and no warning


def test_completeness_of_a_prediction_that_does_not_move(scaled):
    nearly = Ridge(1e14).fit(scaled[0], 100 + np.arange(len(scaled[0])))  # what rounding leaves is not warned of
    assert 0 < np.abs(attributions(nearly, scaled[1])).max() < 1e-9
    with pytest.warns(CompletenessWarning, match=", 0 summed over pairs"):
        attributions(Lopsided(0).fit(None, None), scaled[1])  # always 6


@pytest.mark.parametrize("method", ["gradient_x_input", "integrated_gradients"])
def test_a_few_rows_at_a_time_give_the_same(net, backward, split, scaled, method, monkeypatch):
    z = scaled[1].dense().astype(float)
    clear = np.all([backward[2](x) for x in [z, *steps_to(z, 32)]], axis=0)
    X, y = split[2][clear], split[3][clear]
    assert len(X) > 62

    def results():
        losses = bin_importance(net, X, y, method="permutation", n_repeats=2)
        return attributions(net, X, method=method), bin_importance(net, X, method=method), losses

    attributed, table, lost = results()
    monkeypatch.setattr(_attribution, "_ROWS_AT_ONCE", 31)
    in_parts = results()
    assert_float32_sums(in_parts[0], attributed)
    for got, wanted, summed in ((in_parts[1], table, np.abs(attributed).sum(axis=1).max()), (in_parts[2], lost, 1)):
        assert_exact(got[["from_bp", "to_bp"]], wanted[["from_bp", "to_bp"]])
        assert_float32_sums(got["importance"], wanted["importance"], summed=summed)


# What has no gradient or no coefficients


def test_no_coefficients_where_a_weight_is_not_a_slope(net, split, scaled):
    with pytest.raises(TypeError, match=r"ExpressionMLP is not a linear model.*'permutation'"):
        attributions(net, split[2], method="coefficients")
    y = np.abs(split[1]) + 0.1
    for model in (PoissonRegressor(), GammaRegressor(), RidgeClassifier()):
        model.fit(scaled[0], y if not isinstance(model, RidgeClassifier) else y > np.median(y))
        assert model.coef_.size == 6
        for method in ("coefficients", "gradient"):
            with pytest.raises(TypeError, match=f"{type(model).__name__} is not .*method=.*'permutation'"):
                attributions(model, scaled[1], method=method)


# Bad input


def test_bad_input_is_refused(split, scaled, net):
    X_train, y_train, X, _ = split
    for estimator in (pipe(Ridge()), Ridge(), GeneZTarget(), LassoBaselineCV(), GridSearchCV(Ridge(), {})):
        with pytest.raises(NotFittedError):
            attributions(estimator, X)
    ridge = Ridge().fit(scaled[0], y_train)
    with pytest.raises(TypeError, match="needs binned rows, and ndarray reached Ridge"):
        attributions(ridge, scaled[1].dense())
    with pytest.raises(TypeError, match="GeneCellPairs reached Ridge"):
        bin_importance(ridge, X)
    with pytest.raises(TypeError, match="needs binned rows, and"):
        bin_importance(make_pipeline(PCA(2), Ridge()).fit(scaled[0].dense(), y_train), scaled[1].dense())
    twice = Pipeline([("bins", binner()), ("model", GeneZTarget(LassoBaselineCV([1e-3], cv=2)))])
    with pytest.raises(TypeError, match="LassoBaselineCV inside GeneZTarget: targets standardised twice"):
        bin_importance(twice.fit(X_train, y_train), X)
    for call in (attributions, bin_importance):
        with pytest.raises(ValueError, match="no pairs"):
            call(net, X[:0])
        with pytest.raises(ValueError, match=r"method must be one of .*'coefficients'.* got 'shap'"):
            call(net, X, method="shap")
        with pytest.raises(ValueError, match="n_steps must be a whole number of 1 or more, got 0"):
            call(net, X, method="integrated_gradients", n_steps=0)
    with pytest.raises(ValueError, match="method must be one of"):
        attributions(net, X, method="permutation")
    with pytest.raises(ValueError, match=r"by must be one of .* got 'cell_type'"):
        bin_importance(net, X, by="cell_type")


def test_a_large_result_is_refused(net, split, monkeypatch):
    monkeypatch.setattr(_attribution, "MAX_DENSE_BYTES", 120 * 6 * 8 - 1)
    with pytest.raises(DenseSizeError, match="120 x 6"):
        attributions(net, split[2])
    assert len(bin_importance(net, split[2])) == 6
    assert _dense.MAX_DENSE_BYTES == 8 * 2**30


def test_constant_targets_leave_weights_of_zero(scaled):
    model = Ridge().fit(scaled[0], np.full(len(scaled[0]), 3.3))  # weights are rounding
    assert_float32_sums(attributions(model, scaled[1], method="coefficients"), 0, summed=3.3)


class Broken(Ridge):
    def predict(self, X):
        return np.full(len(X), np.nan)


def test_what_cannot_be_looked_at_says_why(split, scaled):
    X_train, y_train, X, y = split
    with pytest.raises(ValueError, match=r"predictions of Broken are NaN or infinite"):
        bin_importance(Broken().fit(scaled[0], y_train), scaled[1], y, method="permutation")
    search = GridSearchCV(pipe(Ridge()), {"geneztarget__regressor__alpha": [1.0]}, cv=CellTypeKFold(2), refit=False)
    with pytest.raises(ValueError, match="refit=False keeps no fitted model"):
        bin_importance(search.fit(X_train, y_train), X)
    later_steps = Pipeline(pipe(Ridge()).fit(X_train, y_train).steps[1:])
    with pytest.raises(TypeError, match="needs binned rows, and GeneCellPairs reached LogZScaler"):
        bin_importance(later_steps, X)
    centred = pipe(make_pipeline(Materialize(), StandardScaler(), Ridge())).fit(X_train, y_train)
    with pytest.raises(TypeError, match="cannot be followed through StandardScaler"):
        bin_importance(centred, X)
