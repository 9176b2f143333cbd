"""Simulated landmark and target genes follow the stated law; saturation is what a network finds and ridge misses."""

import numpy as np
import pytest
from promises import assert_exact, assert_float64_sums, assert_within
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skepi.datasets import make_landmark_expression
from skepi.landmarks import LandmarkRegressor, landmark_tables, summarize_landmark_errors
from skepi.neural_network import ExpressionMLP


@pytest.fixture(scope="module")
def simulated():
    return make_landmark_expression(2_000, 20, 30, n_programs=4)


@pytest.mark.parametrize("saturation", [0.5, 2.0])
def test_landmarks_follow_programs_and_targets_saturate(saturation):
    _, truth = make_landmark_expression(2_000, 20, 30, n_programs=4, saturation=saturation)
    drive = truth.loadings.to_numpy() @ truth.programs.to_numpy().T
    assert_float64_sums(np.linalg.norm(truth.loadings, axis=1), np.ones(50))
    assert_float64_sums(truth.signal.loc[truth.landmarks].to_numpy(), 5 + np.sqrt(0.7) * drive[:20])
    curve = np.tanh(saturation * (drive[20:] - truth.threshold.to_numpy()[:, None]))
    for target, values in zip(truth.targets, curve, strict=True):
        expected = 5 + np.sqrt(0.8) * (values - values.mean()) / values.std()
        assert_float64_sums(truth.signal.loc[target].to_numpy(), expected, summed=10)


def test_thresholds_have_an_sd_of_one_half():
    _, truth = make_landmark_expression(2, 1, 4_000)
    assert_within(truth.threshold.std(), 0.5, 0.03, "of 4,000 normal draws: standard error .006")


def test_noise_has_its_share(simulated):
    expression, truth = simulated
    noise = expression - truth.signal
    assert truth.shares == {"landmarks": 0.3, "targets": 0.2}
    for genes, share in ((truth.landmarks, 0.3), (truth.targets, 0.2)):
        assert_within(
            noise.loc[genes].var(axis=1).mean() / share, 1, 0.04, "SD of .007 or less: mean of 40,000 squares or more"
        )
    assert_within(expression.var(axis=1), 1, 0.2, "2,000 samples, noise and programs drawn")


def test_without_saturation_targets_are_a_straight_line_of_programs():
    _, truth = make_landmark_expression(100, 3, 10, n_programs=4, saturation=0)
    programs = np.c_[truth.programs, np.ones(100)]
    signal = truth.signal.T.to_numpy()
    fitted = programs @ np.linalg.lstsq(programs, signal, rcond=None)[0]
    assert_within(fitted, signal, 1e-10, "least squares of a straight line that is exact")


def test_genes_are_named_and_landmarks_come_first(simulated):
    expression, truth = simulated
    assert expression.index.tolist() == truth.landmarks + truth.targets
    assert expression.columns.tolist() == truth.programs.index.tolist() == truth.signal.columns.tolist()
    X, y = landmark_tables(expression, truth.landmarks, truth.targets)
    assert (X.shape, y.shape) == ((2_000, 20), (2_000, 30))


def test_one_seed_gives_one_table():
    one, same, other, drawn = (make_landmark_expression(5, 2, 3, random_state=k)[0] for k in (1, 1, 2, None))
    assert_exact(one, same)
    assert not one.equals(other)
    assert not one.equals(drawn)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"n_samples": 1}, "n_samples must be a whole number of 2 or more, got 1"),
        ({"n_landmarks": 0}, "n_landmarks must be a whole number of 1 or more, got 0"),
        ({"n_targets": 1.5}, "n_targets must be a whole number of 1 or more, got 1.5"),
        ({"n_programs": 0}, "n_programs must be a whole number of 1 or more, got 0"),
        ({"saturation": -1}, "saturation must be finite and 0 or greater, got -1"),
        ({"landmark_noise_share": 1}, "landmark_noise_share must be a number with 0 <= landmark_noise_share < 1"),
        ({"target_noise_share": -0.1}, "target_noise_share must be a number with 0 <= target_noise_share < 1"),
    ],
)
def test_settings_that_make_no_sense(setting, message):
    with pytest.raises(ValueError, match=message):
        make_landmark_expression(**setting)


def mae(regressor, X, y):
    train, test = slice(0, 1_600), slice(1_600, None)
    errors = LandmarkRegressor(regressor).fit(X[train], y[train]).gene_errors(X[test], y[test])
    return summarize_landmark_errors(errors).loc["other genes", "mae"]


@pytest.mark.parametrize(("saturation", "low", "high"), [(3.0, 0.5, 0.95), (0.0, 0.99, 2)])
def test_a_network_beats_ridge_where_targets_saturate_and_nowhere_else(saturation, low, high):
    """Mean absolute error of the network over that of ridge, on 400 samples held out."""
    settings = {"saturation": saturation, "landmark_noise_share": 0.1, "target_noise_share": 0.1}
    expression, truth = make_landmark_expression(2_000, 40, 30, n_programs=3, **settings)
    X, y = landmark_tables(expression, truth.landmarks, truth.targets)
    network = ExpressionMLP((32,), activation="tanh", lr=0.01, batch_size=200, max_epochs=25, random_state=0)
    scaled = make_pipeline(StandardScaler(), TransformedTargetRegressor(network, transformer=StandardScaler()))
    assert low < mae(scaled, X, y) / mae(Ridge(10.0), X, y) < high
