"""BinAttention and BinAttentionClassifier: attention adds up and finds what is planted; training keeps its promises."""

import numpy as np
import pytest
import torch
from promises import assert_exact, assert_float32_sums, assert_float64_sums, assert_within
from several_signals import several_signals
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skepi.binning import BinnerUnion, TSSBinner
from skepi.compose import GeneZTarget
from skepi.datasets import make_paired_openness
from skepi.inspection import bin_importance
from skepi.model_selection import CellTypeKFold
from skepi.neural_network import BinAttention, BinAttentionClassifier, BinCNN, ExpressionMLP
from skepi.neural_network._attention_tables import group_means
from skepi.neural_network._module import add_penalty_gradient
from skepi.neural_network._recurrent import Attention, AttentiveReader, RecurrentAttention
from skepi.persistence import load_model, save_model
from skepi.preprocessing import AppendContext, LogZScaler
from skepi.testing import check_pair_estimator

BANDS = np.arange(-4_000, 4_001, 1_000)
SMALL = {"bin_units": 4, "signal_units": 4, "lr": 0.02, "batch_size": 50, "max_epochs": 4, "random_state": 0}
NETWORKS = pytest.mark.parametrize("kind", [BinAttention, BinAttentionClassifier])
BY_ROW = "means over rows in another order, of float32 weights"


@pytest.fixture
def arrays(rng):
    """Two signals in six bins; what counts is the product of both in one bin, and one bin alone."""
    X = rng.normal(size=(300, 12))
    return X, X[:, 4] * X[:, 10] + X[:, 2]


@pytest.fixture(scope="module")
def binned():
    """Two signals in eight bins, of pairs."""
    X, y = several_signals().pairs(return_X_y=True)
    return LogZScaler().fit_transform(TSSBinner(edges=BANDS).fit_transform(X)), (y - y.mean()) / y.std()


def small(kind, **settings):
    return kind(**{**SMALL, **settings})


def targets_of(kind, y):
    return y if kind is BinAttention else np.where(y > np.median(y), "high", "low")


def scores(net, X):
    """What a network answers before it decides."""
    return net.predict(X) if isinstance(net, BinAttention) else net.decision_function(X)


# --- the network


def test_attention_by_hand():
    """States (1, 0), (0, 1) and (1, 1), query (log 2, log 3): weights 2, 3 and 6; a place score of log 4: 8, 3, 6."""
    states = torch.tensor([[[1.0, 0], [0, 1], [1, 1]]])
    for place_scores, first in ((False, 2), (True, 8)):
        attention = Attention(3, 2, place_scores)
        with torch.no_grad():
            attention.query.copy_(torch.log(torch.tensor([2.0, 3.0])))
            if place_scores:
                attention.places[0] = np.log(4)
            vector, weights = attention(states)
        assert_float32_sums(weights.numpy(), np.array([[first, 3, 6]]) / (first + 9))
        assert_float32_sums(vector.numpy(), np.array([[first + 6, 9]]) / (first + 9))


def lstm_by_hand(weights, sequence, suffix):
    """States of one direction, (n_places, n_units): the textbook's four gates, one place after the other."""
    w_in, w_state, b_in, b_state = (
        weights[f"lstm.{name}_l0{suffix}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    h = c = np.zeros(w_state.shape[1])
    states = []
    for x in sequence:
        i, f, g, o = np.split(w_in @ x + b_in + w_state @ h + b_state, 4)
        c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
        h = np.tanh(c) / (1 + np.exp(-o))
        states.append(h)
    return np.array(states)


def read_by_hand(weights, sequence):
    backward = lstm_by_hand(weights, sequence[::-1], "_reverse")[::-1]
    states = np.hstack([lstm_by_hand(weights, sequence, ""), backward])
    attention = np.exp(states @ weights["attention.query"] + weights.get("attention.places", 0))
    return attention / attention.sum() @ states, attention / attention.sum()


@pytest.mark.parametrize("place_scores", [True, False])
def test_predictions_and_attention_are_those_of_a_loop_over_places(place_scores, arrays):
    X, y = arrays
    net = small(BinAttention, n_signals=2, place_scores=place_scores).fit(X, y)
    assert ("along_bins.0.attention.places" in net.weights_) == place_scores
    weights = {name: value.astype(float) for name, value in net.weights_.items()}

    def reader(prefix):
        return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}

    for k in (0, 7):
        vectors, to_bins = zip(
            *(read_by_hand(reader(f"along_bins.{s}."), X[k].reshape(2, 6, 1)[s]) for s in range(2)), strict=True
        )
        row, to_signals = read_by_hand(reader("over_signals."), np.array(vectors))
        output = weights["output.linears.0.weight"] @ row + weights["output.linears.0.bias"]
        assert_within(net.predict(X[[k]]), output, 1e-12, "float64 throughout")
        assert_within(net.bin_attention(X[[k]])["attention"], np.ravel(to_bins), 1e-12, "float64 throughout")
        assert_within(net.signal_attention(X[[k]])["attention"], to_signals, 1e-12, "float64 throughout")


def test_a_reader_starts_with_weights_drawn_as_it_says():
    torch.manual_seed(0)
    reader = AttentiveReader(5, 25, 200, True)
    drawn = {name: value.detach().numpy() for name, value in reader.named_parameters()}
    for name in ("lstm.weight_ih_l0", "lstm.weight_ih_l0_reverse"):
        assert_within(drawn[name].std(), 1 / 5, 0.005, "of 20,000 draws with an SD of .2: standard error .001")
    assert np.abs(drawn["lstm.weight_hh_l0"]).max() <= 200**-0.5
    assert np.abs(drawn["attention.query"]).max() <= 1
    assert_within(drawn["attention.query"].std(), 3**-0.5, 0.06, "of 400 even draws from [-1, 1]: standard error .013")
    assert (drawn["attention.places"] == 0).all()


@NETWORKS
def test_gradients_by_bin_agree_with_finite_differences(kind, arrays):
    X, y = arrays
    net = small(kind, n_signals=2).fit(X, targets_of(kind, y))
    gradients, step = net.input_gradients(X), 1e-5
    assert gradients.shape == X.shape
    assert (gradients != 0).all()
    for k in range(12):
        moved = step * (np.arange(12) == k)
        slope = (scores(net, X + moved) - scores(net, X - moved)) / (2 * step)
        assert_within(gradients[:, k], slope, 1e-7, "central differences err by the square of the step")


def test_gradients_outside_training_do_without_cudnn(monkeypatch):
    """Recurrent layers of cuDNN have no gradients outside training, so there torch's own are taken, on any machine."""
    module, seen = RecurrentAttention(2, 3, 2, 2, True, 0.0, ()), []
    monkeypatch.setattr(torch.backends.cudnn, "enabled", True)
    for reader in (*module.along_bins, module.over_signals):
        reader.lstm.register_forward_pre_hook(lambda *_: seen.append(torch.backends.cudnn.enabled))
    module.train()(torch.zeros(1, 6))
    module.eval()(torch.zeros(1, 6))
    assert seen == [True] * 3 + [False] * 3


def test_queries_and_recurrent_weights_are_penalised_and_their_biases_are_not():
    module = RecurrentAttention(2, 3, 2, 2, True, 0.0, ())
    for parameter in module.parameters():
        parameter.grad = torch.zeros_like(parameter)
    add_penalty_gradient(module, l1=0.0, l2=0.5, l2_norm="squared", penalize_bias=False)
    for name, parameter in module.named_parameters():
        expected = torch.zeros_like(parameter) if "bias" in name else parameter.detach()
        assert torch.equal(parameter.grad, expected), name


# --- attention


@pytest.fixture(scope="module")
def pair_net(binned):
    return small(BinAttention).fit(*binned)


@pytest.mark.parametrize("by", ["all", "cell_type", "gene", "row"])
def test_attention_adds_up_to_one(pair_net, binned, by):
    Z = binned[0]
    bins, signals = pair_net.bin_attention(Z, by), pair_net.signal_attention(Z, by)
    groups = {"all": [], "row": ["gene", "cell_type"]}.get(by, [by])
    assert bins.columns.tolist() == [*groups, "signal", "feature", "from_bp", "to_bp", "attention"]
    assert signals.columns.tolist() == [*groups, "signal", "feature", "attention"]
    n_groups = {"all": 1, "cell_type": 9, "gene": 30, "row": 270}[by]
    assert (len(bins), len(signals)) == (16 * n_groups, 2 * n_groups)
    of_signals = bins.groupby([*groups, "signal"])["attention"].sum()
    assert_float32_sums(of_signals.to_numpy(), np.ones(2 * n_groups))
    assert_float32_sums(signals["attention"].to_numpy().reshape(n_groups, 2).sum(axis=1), np.ones(n_groups))
    assert (bins["attention"] > 0).all()


@pytest.mark.parametrize("by", ["all", "cell_type", "gene"])
@pytest.mark.parametrize("verb", ["bin_attention", "signal_attention"])
def test_means_are_those_of_the_rows(pair_net, binned, verb, by):
    found, rows = (getattr(pair_net, verb)(binned[0], one) for one in (by, "row"))
    place = [name for name in ("signal", "from_bp") if name in rows]
    keys = place if by == "all" else [by, *place]
    expected = rows.groupby(keys, sort=False)["attention"].mean()
    assert_float32_sums(found.set_index(keys)["attention"].loc[expected.index].to_numpy(), expected.to_numpy())


def test_attention_of_some_rows_names_only_their_groups(pair_net, binned):
    Z = binned[0]
    rows = np.flatnonzero(np.isin(Z.cell_type_codes, [2, 5]))[::-1]
    table = pair_net.bin_attention(Z[rows], "cell_type")
    assert table["cell_type"].unique().tolist() == Z.cell_types["name"].iloc[[2, 5]].tolist()
    whole = pair_net.bin_attention(Z, "cell_type")
    same = whole[whole["cell_type"].isin(table["cell_type"])]
    assert_float32_sums(table["attention"].to_numpy(), same["attention"].to_numpy())
    assert pair_net.bin_attention(Z[:0]).empty
    assert pair_net.signal_attention(Z[:0], "gene").empty


def test_attention_of_plain_arrays_counts_signals_and_bins(arrays):
    X, y = arrays
    net = small(BinAttention, n_signals=2).fit(X, y)
    bins, signals = net.bin_attention(X), net.signal_attention(X, "row")
    assert bins.columns.tolist() == ["signal", "bin", "attention"]
    assert bins["signal"].tolist() == [0] * 6 + [1] * 6
    assert bins["bin"].tolist() == [*range(6)] * 2
    assert signals.columns.tolist() == ["row", "signal", "attention"]
    assert signals["row"].tolist() == np.repeat(np.arange(300), 2).tolist()
    with pytest.raises(ValueError, match=r"by='cell_type' needs binned rows, which know their cell type; got an array"):
        net.bin_attention(X, "cell_type")
    with pytest.raises(ValueError, match="by must be one of"):
        net.signal_attention(X, "lineage")


def test_attention_of_lists_is_that_of_arrays_and_an_unfitted_network_has_none(arrays):
    X, y = arrays
    net = small(BinAttention, n_signals=2)
    for verb in (net.bin_attention, net.signal_attention):
        with pytest.raises(NotFittedError, match="not fitted yet"):
            verb(X)
    net.fit(X, y)
    assert_exact(net.bin_attention(X[:3].tolist(), "row"), net.bin_attention(X[:3], "row"))


def test_means_over_batches_by_hand():
    parts = [np.array([[1.0, 3], [5, 5]]), np.array([[3.0, 1]])]
    assert group_means(parts, np.array([0, 1, 0]), 2).tolist() == [[2, 2], [5, 5]]


@pytest.mark.slow
def test_attention_is_highest_on_the_planted_bins(rng):
    """Only the product of the second bin of one signal and the fourth of the other counts; mean of three networks."""
    X = rng.normal(size=(1_000, 12))
    y = 2 * X[:, 1] * X[:, 6 + 3]
    settings = {"n_signals": 2, "bin_units": 8, "signal_units": 8, "early_stopping": False, "max_epochs": 20}
    nets = [BinAttention(**settings, random_state=seed).fit(X, y) for seed in range(3)]
    attention = np.mean([net.bin_attention(X)["attention"] for net in nets], axis=0).reshape(2, 6)
    assert attention.argmax(axis=1).tolist() == [1, 3]
    assert attention.max(axis=1).min() > 1 / 3  # twice what equal attention gives
    assert np.mean([net.score(X, y) for net in nets]) > 0.5


# --- training


@pytest.mark.parametrize("kind", [BinAttention, BinCNN, ExpressionMLP])
def test_a_gradient_is_shortened_to_the_norm_asked_for(kind, arrays):
    X, y = arrays
    settings = {"optimizer": "sgd", "momentum": 0.0, "lr": 1.0, "early_stopping": False, "random_state": 0}
    one_step = {**settings, "batch_size": 300, "max_epochs": 1}

    def weights(**changes):
        module = kind(**one_step, **changes).fit(X, 100 * y).to_module()
        return torch.cat([p.detach().ravel() for p in module.parameters()]).numpy()

    start = weights(lr_min=1e-300, max_gradient_norm=1e-300)
    assert_within(
        np.linalg.norm(weights(max_gradient_norm=0.25) - start), 0.25, 1e-4, "float32, and 1e-6 in its divisor"
    )
    free, long = weights(max_gradient_norm=None), weights(max_gradient_norm=1e30)
    assert np.linalg.norm(free - start) > 0.25
    np.testing.assert_array_equal(free, long)


@pytest.mark.parametrize("dropout", [0.2, 0.7])
def test_dropout_zeroes_its_share_in_training_and_none_after(dropout):
    torch.manual_seed(0)
    module = RecurrentAttention(2, 5, 8, 16, True, dropout, ())
    seen = []
    module.dropout.register_forward_hook(lambda _, before, after: seen.append((after == 0).float().mean().item()))
    X = torch.randn(2_000, 10)
    module.train()(X)
    module.eval()(X)
    assert_within(seen[:2], dropout, 0.01, "shares of 64,000 draws have a standard error of 0.002 or less")
    assert seen[2:] == [0, 0]


def test_the_log_loss_of_the_best_epoch_is_that_of_its_probabilities(arrays):
    X, y = arrays[0], targets_of(BinAttentionClassifier, arrays[1])
    net = small(BinAttentionClassifier, n_signals=2, max_epochs=8)
    net.fit(X[:200], y[:200], X_val=X[200:], y_val=y[200:])
    assert net.history_.columns.tolist() == ["epoch", "train_log_loss", "dev_log_loss", "seconds", "lr"]
    assert net.best_epoch_ == net.history_["dev_log_loss"].idxmin() + 1
    assert_float32_sums(log_loss(y[200:], net.predict_proba(X[200:])), net.history_["dev_log_loss"].min())


def test_several_targets_and_classes(arrays):
    X, y = arrays
    assert small(BinAttention, n_signals=2).fit(X, np.c_[y, -y, y]).predict(X).shape == (300, 3)
    net = small(BinAttentionClassifier, n_signals=2).fit(X, np.digitize(y, [-1, 1]))
    assert net.input_gradients(X).shape == (300, 3, 12)
    assert_float64_sums(net.predict_proba(X).sum(axis=1), np.ones(300))


@NETWORKS
def test_a_resumed_run_ends_with_the_result_of_an_uninterrupted_one(kind, arrays, tmp_path):
    X, y = arrays[0][:150], targets_of(kind, arrays[1][:150])
    settings = {"n_signals": 2, "lr_schedule": "on_rise", "l2": 1e-3, "dropout": 0.2, "patience": 20}
    straight = small(kind, **settings).fit(X, y)
    file = tmp_path / "run.npz"
    small(kind, max_epochs=2, checkpoint=file, **settings).fit(X, y)
    resumed = small(kind, checkpoint=file, **settings).fit(X, y)
    np.testing.assert_array_equal(scores(resumed, X), scores(straight, X))
    assert_exact(resumed.history_.drop(columns="seconds"), straight.history_.drop(columns="seconds"))
    with pytest.raises(ValueError, match="belongs to another fit: max_gradient_norm differ"):
        small(kind, checkpoint=file, max_gradient_norm=2.0, **settings).fit(X, y)


@NETWORKS
def test_saved_and_loaded_to_the_bit(kind, binned, tmp_path):
    Z, y = binned
    net = small(kind).fit(Z, targets_of(kind, y))
    save_model(net, tmp_path / "net.skepi")
    loaded = load_model(tmp_path / "net.skepi")
    np.testing.assert_array_equal(scores(loaded, Z), scores(net, Z))
    assert_exact(loaded.bin_attention(Z, "cell_type"), net.bin_attention(Z, "cell_type"))


@NETWORKS
def test_one_seed_gives_one_result(kind, binned):
    Z, y = binned
    nets = (small(kind, max_epochs=2, random_state=s) for s in (0, 0, 1))
    first, again, other = (net.fit(Z, targets_of(kind, y)) for net in nets)
    np.testing.assert_array_equal(scores(first, Z), scores(again, Z))
    assert not np.array_equal(scores(first, Z), scores(other, Z))


@pytest.mark.slow
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
    dense = small(kind, n_signals=2).fit(Z.dense(), targets_of(kind, y), groups=Z.cell_type_codes)
    assert_float32_sums(scores(dense, Z.dense()), scores(net, Z))
    with pytest.raises(ValueError, match=r"n_signals=3, but the columns have 2 signal\(s\): 'ATAC', 'H3K27ac'"):
        small(kind, n_signals=3).fit(Z, targets_of(kind, y))


def test_bins_that_are_no_grid_are_refused():
    X, y = several_signals().pairs(return_X_y=True)
    narrow, wide = (TSSBinner(edges=BANDS * k, signals=[name]) for k, name in ((1, "ATAC"), (2, "H3K27ac")))
    Z = BinnerUnion([("narrow", narrow), ("wide", wide)]).fit_transform(X)
    message = r"no grid: ATAC has 8 bin\(s\) in \[-4000, 4000\) bp, but H3K27ac has 8 bin\(s\) in \[-8000, 8000\) bp"
    with pytest.raises(ValueError, match=message):
        small(BinAttention).fit(Z, y)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_signals": 5}, "12 features are no grid of n_signals=5: wanted the same number of bins for every signal"),
        ({"n_signals": 0}, "n_signals must be a whole number of 1 or more, got 0"),
        ({"bin_units": 0}, "bin_units must be a whole number of 1 or more, got 0"),
        ({"signal_units": 1.5}, "signal_units must be a whole number of 1 or more, got 1.5"),
        ({"max_gradient_norm": 0}, "max_gradient_norm must be"),
        ({"dropout": 1}, "dropout must be"),
    ],
)
@NETWORKS
def test_settings_that_do_not_fit(kind, settings, message, arrays):
    with pytest.raises(ValueError, match=message):
        small(kind, **settings).fit(arrays[0], targets_of(kind, arrays[1]))


def test_appended_columns_are_refused(binned):
    Z, y = binned
    with pytest.raises(ValueError, match="BinAttention takes bins alone"):
        small(BinAttention).fit(AppendContext(2).fit_transform(Z, y), y)


def test_other_columns_than_in_fit_are_refused(pair_net):
    other = TSSBinner(edges=BANDS * 2).fit_transform(several_signals().pairs())
    for verb in (pair_net.predict, pair_net.bin_attention, pair_net.signal_attention):
        with pytest.raises(ValueError, match="other columns than those of the fit"):
            verb(other)


def test_one_class_only_is_refused(arrays):
    with pytest.raises(ValueError, match=r"one class only in training \(high, in 300 row\(s\)\): BinAttentionClassi"):
        small(BinAttentionClassifier).fit(arrays[0], ["high"] * 300)


# --- what other estimators promise


@pytest.mark.slow
@NETWORKS
def test_the_checks_on_pairs(kind, capsys):
    model, bins = small(kind), TSSBinner(edges=BANDS)
    if kind is BinAttention:
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
    grid = {f"{kind.__name__.lower()}__bin_units": [2, 4]}
    one, two = (
        GridSearchCV(clone(pipe), grid, cv=CellTypeKFold(3), n_jobs=n, error_score="raise").fit(X, targets_of(kind, y))
        for n in (1, 2)
    )
    assert_within(
        two.cv_results_["mean_test_score"], one.cv_results_["mean_test_score"], 1e-3, "threads add in another order"
    )


def test_bins_of_a_network_have_an_importance():
    X, y = several_signals(n_genes=12, n_cell_types=6).pairs(return_X_y=True)
    network = small(BinAttention, max_epochs=2)
    model = make_pipeline(TSSBinner(edges=BANDS), LogZScaler(), GeneZTarget(network)).fit(X, y)
    table = bin_importance(model, X, y, method="gradient")
    assert set(table["signal"]) == {"ATAC", "H3K27ac"}
    assert (table["importance"] != 0).all()


@NETWORKS
def test_the_settings_of_attentivechrome_are_named(kind):
    net = kind.attentivechrome(n_signals=5, max_epochs=3)
    assert (net.bin_units, net.signal_units, net.place_scores, net.dropout) == (32, 16, False, 0.0)
    assert (net.optimizer, net.lr, net.max_gradient_norm, net.batch_size, net.max_epochs) == ("adam", 2e-4, 1.0, 16, 3)
    X = np.random.default_rng(0).normal(size=(20, 500))
    module = net.set_params(max_epochs=1).fit(X, np.arange(20) % 2).to_module()
    assert [tuple(reader.lstm.weight_hh_l0.shape) for reader in module.along_bins] == [(4 * 32, 32)] * 5
    assert module.over_signals.lstm.weight_ih_l0.shape == (4 * 16, 64)
