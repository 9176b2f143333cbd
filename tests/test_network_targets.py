"""ExpressionMLP with several targets, other activations, other optimizers and schedules of the learning rate."""

import numpy as np
import pytest
import torch
from promises import assert_exact, assert_float32_sums, assert_float64_sums, assert_within
from sklearn.base import clone

from skepi.binning import TSSBinner
from skepi.neural_network import ExpressionMLP
from skepi.neural_network._module import MLP
from skepi.neural_network._schedule import Schedule
from skepi.persistence import load_model, save_model

AROUND = "steps of a fixed rate end around the optimum, not on it"


@pytest.fixture
def arrays(rng):
    X = rng.normal(size=(200, 5))
    return X, X @ rng.normal(size=(5, 3)) + 0.3 * rng.normal(size=(200, 3)) + [1, 2, 3]


def small(**settings):
    return ExpressionMLP(
        **{"hidden": (8, 4), "lr": 0.01, "batch_size": 50, "max_epochs": 5, "random_state": 0, **settings}
    )


@pytest.mark.slow
def test_a_linear_network_recovers_least_squares_of_every_target(arrays):
    X, y = arrays
    settings = {"lr": 0.1, "lr_schedule": "every_epoch", "lr_decay": 0.96, "max_epochs": 200}
    net = small(hidden=(), early_stopping=False, tol=0, patience=200, **settings).fit(X, y)
    expected = np.linalg.lstsq(np.c_[X, np.ones(len(X))], y, rcond=None)[0]
    assert_within(np.vstack([net.coefs_[0], net.intercepts_[0]]), expected, 1e-3, AROUND)


def test_predictions_have_the_shape_of_the_targets(arrays):
    X, y = arrays
    assert small().fit(X, y[:, 0]).predict(X).shape == (200,)
    assert small().fit(X, y[:, :1]).predict(X).shape == (200, 1)
    net = small().fit(X, y)
    assert net.predict(X).shape == (200, 3)
    assert net.predict(X).dtype == np.float64
    assert net.output_shape_ == (3,)


def test_one_target_in_a_column_is_the_same_network(arrays):
    X, y = arrays
    flat, column = small(dropout=0.3).fit(X, y[:, 0]), small(dropout=0.3).fit(X, y[:, :1])
    assert_float32_sums(column.predict(X).ravel(), flat.predict(X))
    assert column.best_epoch_ == flat.best_epoch_


def test_the_mse_is_the_mean_over_rows_and_targets(arrays):
    X, y = arrays
    net = small(early_stopping=False, max_epochs=1, lr=1e-12, lr_min=1e-12).fit(X, y)
    assert_float32_sums(net.history_["train_mse"].iloc[0], np.mean((net.predict(X) - y) ** 2))


def test_the_best_epoch_of_several_targets_is_restored_with_groups_kept_whole(arrays):
    X, y = arrays
    net = small(lr=0.05, max_epochs=20, patience=4)
    dev = np.arange(200) >= 150
    net.fit(X[~dev], y[~dev], X_val=X[dev], y_val=y[dev])
    assert_float32_sums(np.mean((net.predict(X[dev]) - y[dev]) ** 2), net.history_["dev_mse"].min())
    assert net.fit(X, y, groups=np.arange(200) // 20).best_epoch_ == net.history_["dev_mse"].idxmin() + 1


@pytest.mark.parametrize("activation", ["tanh", "identity"])
def test_gradients_of_every_target_agree_with_finite_differences(arrays, activation):
    X, y = arrays
    net = small(activation=activation).fit(X, y)
    gradients, step = net.input_gradients(X), 1e-5
    assert gradients.shape == (200, 3, 5)
    for k in range(5):
        moved = step * (np.arange(5) == k)
        slope = (net.predict(X + moved) - net.predict(X - moved)) / (2 * step)
        assert_within(gradients[:, :, k], slope, 1e-8, "central differences of a step of 1e-5 err by its square")


def test_activations_by_hand():
    outputs = {}
    for activation in ("relu", "tanh", "identity"):
        module = MLP(1, (1,), 0.0, activation)
        with torch.no_grad():
            for layer in module.linears:
                layer.weight.fill_(-2.0)
        outputs[activation] = [round(value, 4) for value in module(torch.tensor([[1.0], [-0.5]])).tolist()]
    # Hidden: -2 and 1. relu: 0 and 1; tanh: -0.9640 and 0.7616; times -2.
    assert outputs == {"relu": [0, -2], "tanh": [1.9281, -1.5232], "identity": [4, -2]}


def test_a_network_of_identities_is_affine(arrays):
    X, y = arrays
    net = small(activation="identity").fit(X, y)
    zero = net.predict(np.zeros((1, 5)))
    assert_float64_sums(net.predict(X[:1] + X[1:2]) + zero, net.predict(X[:1]) + net.predict(X[1:2]))


@pytest.mark.parametrize(
    ("name", "expected"),
    # Training losses 5, 4, 6, 6, 5, 7 rise twice and stay once.
    [
        ("constant", [1, 1, 1, 1, 1, 1, 1]),
        ("every_epoch", [1, 0.5, 0.25, 0.2, 0.2, 0.2, 0.2]),
        ("on_rise", [1, 1, 1, 0.5, 0.5, 0.5, 0.25]),
    ],
)
def test_schedules_by_hand(name, expected):
    schedule = Schedule(name, 1.0, 0.5, 0.2)
    assert [schedule.after([5, 4, 6, 6, 5, 7][:n]) for n in range(7)] == expected


def test_a_first_rate_below_the_floor_stays():
    assert Schedule("every_epoch", 0.01, 0.5, 0.2).after([1.0, 1.0]) == 0.01


def test_the_history_holds_the_learning_rate_and_training_follows_it(arrays):
    X, y = arrays
    net = small(lr_schedule="every_epoch", lr_decay=0.5, lr_min=2e-3).fit(X, y)
    assert net.history_["lr"].tolist() == [0.01, 0.005, 0.0025, 0.002, 0.002]
    steady = small().fit(X, y)
    assert steady.history_["lr"].tolist() == [0.01] * 5
    first, second = (one.history_["train_mse"].tolist() for one in (net, steady))
    assert first[0] == second[0]
    assert first[1] != second[1]


def test_the_rate_falls_where_the_training_error_rises(arrays):
    X, y = arrays
    net = small(lr=0.3, lr_schedule="on_rise", lr_decay=0.5, max_epochs=12, dropout=0.5, patience=20).fit(X, y)
    rose = np.diff(net.history_["train_mse"])[:-1] > 0
    fell = np.diff(net.history_["lr"])[1:] < 0
    assert rose.any()
    assert rose.tolist() == fell.tolist()


@pytest.mark.parametrize(
    "optimizer", [{"optimizer": "sgd"}, {"optimizer": "sgd", "momentum": 0.0}, {"optimizer": "adam"}]
)
def test_a_resumed_run_of_several_targets_ends_like_an_uninterrupted_one(arrays, tmp_path, optimizer):
    X, y = arrays
    schedule = {"lr": 0.05, "lr_schedule": "on_rise", "lr_decay": 0.5, "dropout": 0.4, "patience": 20, **optimizer}
    straight = small(max_epochs=10, **schedule).fit(X, y)
    assert straight.history_["lr"].nunique() > 1
    file = tmp_path / "run.npz"
    small(max_epochs=6, checkpoint=file, **schedule).fit(X, y)
    resumed = small(max_epochs=10, checkpoint=file, **schedule).fit(X, y)
    np.testing.assert_array_equal(resumed.predict(X), straight.predict(X))
    columns = ["epoch", "train_mse", "dev_mse", "lr"]
    assert_exact(resumed.history_[columns], straight.history_[columns])


def test_a_checkpoint_of_other_targets_or_another_schedule_is_refused(arrays, tmp_path):
    X, y = arrays
    file = tmp_path / "run.npz"
    small(checkpoint=file).fit(X, y)
    with pytest.raises(ValueError, match="belongs to another fit: shape of y, y differ"):
        small(checkpoint=file).fit(X, y[:, :2])
    with pytest.raises(ValueError, match="belongs to another fit: lr_schedule differ"):
        small(checkpoint=file, lr_schedule="on_rise").fit(X, y)


def test_stochastic_gradient_descent_by_hand():
    """One row, x = 2 and y = 0: the slope of w is 2 * (2 w + b) * 2, and 0.9 of the step before is added."""
    X, y = np.array([[2.0]]), np.array([0.0])
    settings = {"hidden": (), "optimizer": "sgd", "early_stopping": False, "patience": 9, "tol": 0, "lr": 0.01}
    first, second = (small(**settings, max_epochs=n).fit(X, y) for n in (1, 2))
    w, b = first.coefs_[0].item(), first.intercepts_[0].item()
    slope = 2 * first.predict(X).item()
    before = np.sqrt(first.history_["train_mse"][0]) * np.sign(slope)  # the prediction that the first step was taken at
    expected = [w - 0.01 * (2 * slope + 0.9 * 4 * before), b - 0.01 * (slope + 0.9 * 2 * before)]
    assert_float32_sums([second.coefs_[0].item(), second.intercepts_[0].item()], expected)


def test_networks_of_several_targets_are_saved_to_the_bit(arrays, tmp_path):
    X, y = arrays
    net = small(activation="tanh").fit(X, y)
    save_model(net, tmp_path / "net.skepi")
    np.testing.assert_array_equal(load_model(tmp_path / "net.skepi").predict(X), net.predict(X))
    net.save_weights(tmp_path / "net.npz")
    np.testing.assert_array_equal(clone(net).load_weights(tmp_path / "net.npz").predict(X), net.predict(X))
    with pytest.raises(ValueError, match="holds a network with tanh, wanted activation='relu'"):
        small().load_weights(tmp_path / "net.npz")


def test_another_number_of_targets_is_refused(arrays):
    X, y = arrays
    with pytest.raises(ValueError, match=r"y_val has shape \(200, 2\), wanted \(200, 3\): as many targets as y"):
        small().fit(X, y, X_val=X, y_val=y[:, :2])
    with pytest.raises(ValueError, match=r"y_val has shape \(200, 3\), wanted \(200\)"):
        small().fit(X, y[:, 0], X_val=X, y_val=y)
    with pytest.raises(ValueError, match=r"y has 2 target\(s\), and the model was fitted on 3: give the same"):
        small().fit(X, y).score(X, y[:, :2])


def test_pairs_have_one_target(pairs):
    X, y = pairs
    Z = TSSBinner(edges=[-1_000, 0, 1_000]).fit_transform(X)
    with pytest.raises(ValueError, match="y should be a 1d array with one value per pair"):
        small().fit(Z, np.c_[y, y])


def test_the_settings_of_dgex_are_named():
    net = ExpressionMLP.dgex(hidden=(30, 30))
    assert (net.hidden, net.activation, net.optimizer, net.momentum) == ((30, 30), "tanh", "sgd", 0.5)
    assert (net.lr, net.lr_schedule, net.lr_decay, net.lr_min, net.batch_size) == (3e-4, "on_rise", 0.9, 1e-5, 200)
    assert ExpressionMLP.dgex().hidden == (9_000,) * 3
