"""BinCNN and BinCNNClassifier: right where the answer is known, exact where it is promised."""

import numpy as np
import pytest
import torch
from promises import assert_exact, assert_float32_sums, assert_float64_sums, assert_within
from several_signals import several_signals
from sklearn.base import clone
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skepi._columns import band_columns, grid_of, join_columns
from skepi.binning import BinnerUnion, TSSBinner
from skepi.compose import GeneZTarget
from skepi.datasets import make_paired_openness
from skepi.inspection import bin_importance
from skepi.linear_model import LassoBaseline
from skepi.metrics import skill
from skepi.model_selection import CellTypeKFold, cross_val_pairs
from skepi.neural_network import BinCNN, BinCNNClassifier
from skepi.neural_network._convolution import BinConvolution
from skepi.persistence import load_model, save_model
from skepi.preprocessing import AppendContext, LogZScaler
from skepi.testing import check_pair_estimator

AROUND = "steps end around the optimum, not on it"
BANDS = np.arange(-4_000, 4_001, 1_000)
SMALL = {"filters": 4, "width": 3, "hidden": (8,), "lr": 0.01, "batch_size": 50, "max_epochs": 4, "random_state": 0}
NETWORKS = pytest.mark.parametrize("kind", [BinCNN, BinCNNClassifier])


@pytest.fixture
def arrays(rng):
    """Two signals in six bins; what counts is their product in any bin."""
    X = rng.normal(size=(300, 12))
    return X, (X[:, :6] * X[:, 6:]).sum(axis=1) + X[:, 2]


@pytest.fixture(scope="module")
def binned():
    """Two signals in eight bins, of pairs."""
    X, y = several_signals().pairs(return_X_y=True)
    return LogZScaler().fit_transform(TSSBinner(edges=BANDS).fit_transform(X)), (y - y.mean()) / y.std()


def small(kind, **settings):
    return kind(**{**SMALL, **settings})


def targets_of(kind, y):
    return y if kind is BinCNN else np.where(y > np.median(y), "high", "low")


def scores(net, X):
    """What a network answers before it decides."""
    return net.predict(X) if isinstance(net, BinCNN) else net.decision_function(X)


# --- right where the answer is known


@pytest.mark.slow
def test_one_filter_of_width_one_recovers_least_squares(rng):
    X = rng.normal(size=(300, 6))
    y = X @ rng.normal(size=6) + 0.3 * rng.normal(size=300) + 2
    net = BinCNN(
        filters=1,
        width=1,
        pool=1,
        hidden=(),
        dropout=0.0,
        activation="identity",
        lr=0.1,
        lr_schedule="every_epoch",
        lr_decay=0.98,
        early_stopping=False,
        max_epochs=300,
        patience=300,
        tol=0,
        random_state=0,
    ).fit(X, y)
    expected = np.linalg.lstsq(np.c_[X, np.ones(300)], y, rcond=None)[0]
    found = np.append(net.input_gradients(X[:1]).ravel(), net.predict(np.zeros((1, 6))))
    assert_within(found, expected, 1e-3, AROUND)


def test_a_network_by_hand():
    """Two signals in three bins: (1, 2, 3) and (0, 1, 0); one filter with weights (1, -1) and (2, 0), bias 1."""
    module = BinConvolution(2, 3, 1, 2, 2, 0.0, (), "relu", ())
    with torch.no_grad():
        module.convolution.weight.copy_(torch.tensor([[[1.0, -1.0], [2.0, 0.0]]]))
        module.convolution.bias.fill_(1.0)
        module.dense.linears[0].weight.fill_(10.0)
    # Places: 1 + (1 - 2) + 2 * 0 = 0 and 1 + (2 - 3) + 2 * 1 = 2; the larger is kept; times 10.
    assert module(torch.tensor([[1.0, 2, 3, 0, 1, 0]])).tolist() == [20]


@NETWORKS
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_gradients_by_bin_agree_with_finite_differences(kind, activation, arrays):
    X, y = arrays
    net = small(kind, n_signals=2, activation=activation).fit(X, targets_of(kind, y))
    gradients, step = net.input_gradients(X), 1e-6
    assert gradients.shape == X.shape
    assert (gradients != 0).any(axis=0).all()
    for k in range(12):
        moved = step * (np.arange(12) == k)
        slope = (scores(net, X + moved) - scores(net, X - moved)) / (2 * step)
        kinked = np.abs(gradients[:, k] - slope) > 1e-6  # a maximum or a ReLU that changes within the step
        assert kinked.mean() < 0.01
        assert_within(gradients[~kinked, k], slope[~kinked], 1e-6, "rounding over a step of 1e-6, and its square")


def test_gradients_of_three_classes(arrays):
    X, y = arrays
    net = small(BinCNNClassifier, n_signals=2, activation="tanh").fit(X, np.digitize(y, [-1, 1]))
    gradients, step = net.input_gradients(X), 1e-5
    assert gradients.shape == (300, 3, 12)
    moved = step * (np.arange(12) == 7)
    slope = (net.decision_function(X + moved) - net.decision_function(X - moved)) / (2 * step)
    assert_within(np.median(np.abs(gradients[:, :, 7] - slope)), 0, 1e-8, "central differences err by the square")


@NETWORKS
def test_it_sees_the_product_of_two_signals_in_any_bin(kind, rng):
    X = np.abs(rng.normal(size=(1_200, 16)))
    y = (X[:, :8] * X[:, 8:]).max(axis=1)
    train, test = slice(0, 1_000), slice(1_000, None)
    settings = {"n_signals": 2, "filters": 16, "width": 1, "pool": 8, "hidden": (16,), "dropout": 0.0}
    net = small(kind, **settings, max_epochs=40).fit(X[train], targets_of(kind, y)[train])
    assert net.score(X[test], targets_of(kind, y)[test]) > 0.85  # of both, R2 and accuracy


def held_out_skill(regressor, X, y):
    steps = TSSBinner(edges=BANDS), LogZScaler(), GeneZTarget(regressor)
    table = cross_val_pairs(make_pipeline(*steps), X, y, CellTypeKFold(2))
    return skill(table["y_true"], table["y_pred"], table["train_mean"])


@pytest.mark.slow
def test_it_sees_a_planted_product_of_two_signals_that_lasso_cannot(rng):
    """Expression follows the product of both signals in the bins beside the TSS; skill on held-out cell types."""
    signals = {"ATAC": 0.5, "H3K27ac": 0.5}
    X, _ = make_paired_openness(200, 16, signals=signals, cis_share=0.3)[0].pairs(return_X_y=True)
    Z = LogZScaler().fit_transform(TSSBinner(edges=BANDS).fit_transform(X)).dense()
    product = Z[:, 3] * Z[:, 11] + Z[:, 4] * Z[:, 12]
    y = product / product.std() + 0.5 * rng.normal(size=len(product))
    best_lasso = max(held_out_skill(LassoBaseline(lam), X, y) for lam in np.logspace(-1, -4, 4))
    network = BinCNN(width=1, pool=1, dropout=0.2, lr=3e-3, max_epochs=30, random_state=0)
    assert held_out_skill(network, X, y) >= best_lasso + 0.05


# --- training


@pytest.mark.parametrize("dropout", [0.2, 0.7])
def test_dropout_zeroes_its_share_of_pooled_values_in_training_and_none_after(dropout):
    torch.manual_seed(0)
    module = BinConvolution(2, 20, 50, 3, 2, dropout, (8,), "tanh", ())
    seen = []
    module.dropout.register_forward_hook(lambda _, before, after: seen.append((after == 0).float().mean().item()))
    X = torch.randn(200, 40)
    module.train()(X)
    module.eval()(X)
    assert_within(seen[0], dropout, 0.01, "a share of 90,000 draws has a standard error of 0.0017 or less")
    assert seen[1] == 0


@NETWORKS
def test_dropout_acts_during_fit(kind, arrays):
    X, y = arrays[0], targets_of(kind, arrays[1])
    without, with_dropout = (
        small(kind, n_signals=2, dropout=rate, max_epochs=8).fit(X, y).history_ for rate in (0, 0.7)
    )
    column = without.columns[1]
    assert with_dropout[column].iloc[-1] > without[column].iloc[-1] * 1.02


def test_the_log_loss_of_the_best_epoch_is_that_of_its_probabilities(arrays):
    X, y = arrays[0], targets_of(BinCNNClassifier, arrays[1])
    net = small(BinCNNClassifier, n_signals=2, lr=0.05, max_epochs=15)
    net.fit(X[:200], y[:200], X_val=X[200:], y_val=y[200:])
    assert net.history_.columns.tolist() == ["epoch", "train_log_loss", "dev_log_loss", "seconds", "lr"]
    assert net.best_epoch_ == net.history_["dev_log_loss"].idxmin() + 1
    assert_float32_sums(log_loss(y[200:], net.predict_proba(X[200:])), net.history_["dev_log_loss"].min())


def test_probabilities_scores_and_classes_agree(arrays):
    X, y = arrays[0], targets_of(BinCNNClassifier, arrays[1])
    net = small(BinCNNClassifier, n_signals=2).fit(X, y)
    chances = net.predict_proba(X)
    assert_float64_sums(chances.sum(axis=1), np.ones(300))
    assert_within(np.log(chances[:, 1] / chances[:, 0]), net.decision_function(X), 1e-10, "log odds of rounded chances")
    assert net.predict(X).tolist() == net.classes_[(net.decision_function(X) > 0).astype(int)].tolist()


def test_several_targets(arrays):
    X, y = arrays
    assert small(BinCNN, n_signals=2).fit(X, np.c_[y, -y, y]).predict(X).shape == (300, 3)


@NETWORKS
def test_a_resumed_run_ends_with_the_result_of_an_uninterrupted_one(kind, arrays, tmp_path):
    X, y = arrays[0], targets_of(kind, arrays[1])
    settings = {"n_signals": 2, "lr_schedule": "on_rise", "l2": 1e-3, "patience": 20}
    straight = small(kind, max_epochs=9, **settings).fit(X, y)
    file = tmp_path / "run.npz"
    small(kind, max_epochs=4, checkpoint=file, **settings).fit(X, y)
    resumed = small(kind, max_epochs=9, checkpoint=file, **settings).fit(X, y)
    np.testing.assert_array_equal(scores(resumed, X), scores(straight, X))
    assert_exact(resumed.history_.drop(columns="seconds"), straight.history_.drop(columns="seconds"))
    with pytest.raises(ValueError, match="belongs to another fit: filters differ"):
        small(kind, checkpoint=file, **settings, filters=5).fit(X, y)
    other = BinCNN if kind is BinCNNClassifier else BinCNNClassifier
    with pytest.raises(ValueError, match=f"holds skepi.{kind.__name__} checkpoint 2, wanted"):
        small(other, checkpoint=file, **settings).fit(X, targets_of(other, arrays[1]))


@NETWORKS
def test_saved_and_loaded_to_the_bit(kind, binned, tmp_path):
    Z, y = binned
    net = small(kind).fit(Z, targets_of(kind, y))
    save_model(net, tmp_path / "net.skepi")
    loaded = load_model(tmp_path / "net.skepi")
    np.testing.assert_array_equal(scores(loaded, Z), scores(net, Z))
    np.testing.assert_array_equal(loaded.predict(Z), net.predict(Z))


@NETWORKS
def test_one_seed_gives_one_result(kind, binned):
    Z, y = binned
    first, again, other = (small(kind, random_state=s).fit(Z, targets_of(kind, y)) for s in (0, 0, 1))
    np.testing.assert_array_equal(scores(first, Z), scores(again, Z))
    assert not np.array_equal(scores(first, Z), scores(other, Z))


@NETWORKS
def test_bfloat16_only_where_asked_for_on_a_cpu(kind, arrays):
    X, y = arrays[0], targets_of(kind, arrays[1])
    settings = {"n_signals": 2, "device": "cpu"}
    losses = {
        p: small(kind, precision=p, **settings).fit(X, y).history_.iloc[-1, 1] for p in ("auto", "float32", "bfloat16")
    }
    assert losses["auto"] == losses["float32"] != losses["bfloat16"]
    assert_within(
        losses["bfloat16"] / losses["float32"], 1, 0.1, "bfloat16 keeps 8 bits, and training goes on from each"
    )


# --- the grid


@NETWORKS
def test_columns_of_binned_rows_are_read_as_a_grid(kind, binned):
    Z, y = binned
    net = small(kind).fit(Z, targets_of(kind, y))
    assert (net.n_signals_, net.n_bins_) == (2, 8)
    assert net.weights_["convolution.weight"].shape == (4, 2, 3)
    dense = small(kind, n_signals=2).fit(Z.dense(), targets_of(kind, y), groups=Z.cell_type_codes)
    assert_float32_sums(scores(dense, Z.dense()), scores(net, Z))
    with pytest.raises(ValueError, match=r"n_signals=3, but the columns have 2 signal\(s\): 'ATAC', 'H3K27ac'"):
        small(kind, n_signals=3).fit(Z, targets_of(kind, y))


def test_features_of_peaks_are_signals_of_their_own():
    X, y = several_signals(features=True).pairs(return_X_y=True)
    Z = TSSBinner(edges=BANDS, features=["cpg"]).fit_transform(X)
    labels, n_bins = grid_of(Z.columns)
    assert labels == ["ATAC cpg", "H3K27ac cpg"]
    assert small(BinCNN).fit(Z, y).n_signals_ == 2
    assert n_bins == 8


def test_bins_that_are_no_grid_are_refused():
    X, y = several_signals().pairs(return_X_y=True)
    narrow, wide = (TSSBinner(edges=BANDS * k, signals=[name]) for k, name in ((1, "ATAC"), (2, "H3K27ac")))
    Z = BinnerUnion([("narrow", narrow), ("wide", wide)]).fit_transform(X)
    message = r"no grid: ATAC has 8 bin\(s\) in \[-4000, 4000\) bp, but H3K27ac has 8 bin\(s\) in \[-8000, 8000\) bp"
    with pytest.raises(ValueError, match=message):
        small(BinCNN).fit(Z, y)
    gap = join_columns([band_columns([-100, -50]), band_columns([50, 100])])
    with pytest.raises(ValueError, match=r"no grid: openness has 1 bin\(s\) in \[-100, -50\) bp, but openness has 1"):
        grid_of(gap)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_signals": 5}, "12 features are no grid of n_signals=5: wanted the same number of bins for every signal"),
        ({"n_signals": 2, "width": 7}, "width=7 is wider than the 6 bins of a signal: give at most width=6"),
        ({"n_signals": 2, "pool": 5}, "pool=5 is wider than the 4 places that filters of width=3 have in 6 bins"),
        ({"n_signals": 0}, "n_signals must be a whole number of 1 or more, got 0"),
        ({"filters": 0}, "filters must be a whole number of 1 or more, got 0"),
        ({"pool": 1.5}, "pool must be a whole number of 1 or more, got 1.5"),
        ({"hidden": 8}, "hidden must be a sequence"),
    ],
)
@NETWORKS
def test_settings_that_do_not_fit(kind, settings, message, arrays):
    with pytest.raises(ValueError, match=message):
        small(kind, **settings).fit(arrays[0], targets_of(kind, arrays[1]))


def test_appended_columns_are_refused(binned):
    Z, y = binned
    with pytest.raises(ValueError, match="BinCNN takes bins alone"):
        small(BinCNN).fit(AppendContext(2).fit_transform(Z, y), y)


def test_other_columns_than_in_fit_are_refused(binned):
    Z, y = binned
    net = small(BinCNN).fit(Z, y)
    with pytest.raises(ValueError, match="other columns than those of the fit"):
        net.predict(TSSBinner(edges=BANDS * 2).fit_transform(several_signals().pairs()))


# --- classes


def test_one_class_only_is_refused(arrays, binned):
    X = arrays[0]
    with pytest.raises(
        ValueError, match=r"one class only in training \(high, in 300 row\(s\)\): .* train on more genes"
    ):
        small(BinCNNClassifier).fit(X, ["high"] * 300)
    groups = np.arange(300) // 299  # the last row alone may be set aside, or all others
    with pytest.raises(ValueError, match=r"one class only in training .* set aside for early stopping; give fit other"):
        small(BinCNNClassifier).fit(X, groups, groups=groups)
    with pytest.raises(ValueError, match="one class only in training"):
        small(BinCNNClassifier).fit(binned[0], np.zeros(len(binned[1])))


def test_labels_that_do_not_fit_are_refused(arrays, binned):
    X, y = arrays[0], targets_of(BinCNNClassifier, arrays[1])
    with pytest.raises(ValueError, match="Unknown label type"):
        small(BinCNNClassifier).fit(X, arrays[1])
    with pytest.raises(ValueError, match="y_val has classes that y has not: middle"):
        small(BinCNNClassifier).fit(X, y, X_val=X[:2], y_val=["low", "middle"])
    with pytest.raises(ValueError, match="go together"):
        small(BinCNNClassifier).fit(X, y, X_val=X)
    Z, z = binned[0], targets_of(BinCNNClassifier, binned[1])
    with pytest.raises(ValueError, match="labels have shape"):
        small(BinCNNClassifier).fit(Z, z[:-1])
    other = TSSBinner(edges=BANDS * 2).fit_transform(several_signals().pairs())
    with pytest.raises(ValueError, match="other columns than those of the fit"):
        small(BinCNNClassifier).fit(Z, z, X_val=other, y_val=z)


# --- what other estimators promise


@pytest.mark.parametrize("kind", [pytest.param(BinCNN, marks=pytest.mark.slow), BinCNNClassifier])
def test_the_checks_on_pairs(kind, capsys):
    """Those of ``BinCNN`` are part of ``tests/test_estimators.py``, too."""
    model, bins = small(kind, width=2), TSSBinner(edges=BANDS)
    if kind is BinCNN:
        outcome = check_pair_estimator(make_pipeline(bins, LogZScaler(), GeneZTarget(model)))
    else:
        X, y = make_paired_openness(30, 9, n_lineages=3, random_state=1)[0].pairs(return_X_y=True)
        outcome = check_pair_estimator(make_pipeline(bins, LogZScaler(), model), X, (y > np.median(y)).astype(int))
    n_passed = list(outcome.values()).count("passed")
    with capsys.disabled():
        print(f"\n{kind.__name__}: {n_passed} of {len(outcome)} checks on pairs passed")
    assert n_passed >= 10


@pytest.mark.slow
@NETWORKS
def test_grid_search_in_two_processes(kind):
    X, y = several_signals().pairs(return_X_y=True)
    pipe = make_pipeline(TSSBinner(edges=BANDS), LogZScaler(), small(kind))
    grid = {f"{kind.__name__.lower()}__width": [1, 3]}
    one, two = (
        GridSearchCV(clone(pipe), grid, cv=CellTypeKFold(3), n_jobs=n, error_score="raise").fit(X, targets_of(kind, y))
        for n in (1, 2)
    )
    assert_within(
        two.cv_results_["mean_test_score"], one.cv_results_["mean_test_score"], 1e-3, "threads add in another order"
    )


def test_bins_of_a_network_have_an_importance():
    X, y = several_signals().pairs(return_X_y=True)
    model = make_pipeline(TSSBinner(edges=BANDS), LogZScaler(), GeneZTarget(small(BinCNN))).fit(X, y)
    table = bin_importance(model, X, y, method="gradient")
    assert set(table["signal"]) == {"ATAC", "H3K27ac"}
    assert (table["importance"] != 0).all()


@NETWORKS
def test_the_settings_of_deepchrome_are_named(kind):
    net = kind.deepchrome(n_signals=5, max_epochs=3)
    assert (net.filters, net.width, net.pool, net.hidden, net.dropout) == (50, 10, 5, (625, 125), 0.5)
    assert (net.optimizer, net.momentum, net.lr, net.batch_size, net.max_epochs) == ("sgd", 0.0, 1e-3, 1, 3)
    X = np.random.default_rng(0).normal(size=(20, 500))
    module = net.set_params(max_epochs=1).fit(X, np.arange(20) % 2).to_module()
    assert module.dense.linears[0].weight.shape == (625, 50 * 18)  # (100 - 10 + 1) // 5 places
