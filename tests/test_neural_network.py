"""ExpressionMLP: right where the answer is known, exact where it is promised."""

import os
import re
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from promises import assert_exact, assert_float32_sums, assert_within
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from skepi._files import read_arrays, write_arrays
from skepi.binning import TSSBinner, symmetric_edges
from skepi.compose import GeneZTarget
from skepi.datasets import make_paired_openness
from skepi.exceptions import DivergenceError
from skepi.linear_model import LassoBaseline
from skepi.metrics import skill
from skepi.model_selection import PairKFold, cross_val_pairs
from skepi.neural_network import ExpressionMLP, _batches, _net, _settings
from skepi.neural_network._batches import FeaturePlan
from skepi.neural_network._inner_split import rows_set_aside
from skepi.neural_network._module import MLP, add_penalty_gradient
from skepi.preprocessing import LogZScaler

EDGES = symmetric_edges([0, 1_000, 5_000, 20_000, 100_000])
AROUND = "steps of a fixed rate end around the optimum, not on it"
AMPLIFIED = "every step amplifies the rounding of those before it"


@pytest.fixture
def arrays(rng):
    X = rng.normal(size=(300, 6))
    return X, X @ rng.normal(size=6) + 0.3 * rng.normal(size=300) + 2


@pytest.fixture(scope="module")
def binned(pairs):
    X, y = pairs
    return LogZScaler().fit_transform(TSSBinner(edges=EDGES).fit_transform(X)), (y - y.mean()) / y.std()


def small(**settings):
    return ExpressionMLP(
        **{"hidden": (16, 8), "lr": 0.01, "batch_size": 64, "max_epochs": 6, "random_state": 0, **settings}
    )


def set_aside(net, Z):
    """Rows that a fit with random_state=0 sets aside."""
    seed = int(np.random.RandomState(0).randint(2**31))
    return rows_set_aside(Z, None, net.validation, net.validation_fraction, seed)


@pytest.mark.slow
def test_a_network_without_hidden_layers_recovers_least_squares(arrays):
    X, y = arrays
    net = ExpressionMLP(
        hidden=(), lr=0.03, early_stopping=False, max_epochs=400, tol=0, patience=400, random_state=0
    ).fit(X, y)
    expected = np.linalg.lstsq(np.c_[X, np.ones(len(X))], y, rcond=None)[0]
    assert_within(np.append(net.coefs_[0], net.intercepts_[0]), expected, 1e-3, AROUND)


@pytest.mark.slow
def test_a_penalised_linear_network_recovers_ridge_in_the_units_of_the_formula(arrays):
    X, y = arrays
    l2 = 0.1
    net = ExpressionMLP(
        hidden=(), l2=l2, lr=0.03, early_stopping=False, max_epochs=600, tol=0, patience=600, random_state=0
    ).fit(X, y)
    Xc, yc = X - X.mean(0), y - y.mean()
    expected = np.linalg.solve(Xc.T @ Xc + l2 * len(y) * np.eye(6), Xc.T @ yc)
    assert_within(net.coefs_[0].ravel(), expected, 1e-3, AROUND)


@pytest.mark.slow
def test_the_network_sees_a_saturating_interaction_that_lasso_cannot():
    data, _ = make_paired_openness(
        n_genes=400, n_cell_types=24, cis_share=0.35, program_share=0.05, interaction_share=0.35
    )
    X, y = data.pairs(return_X_y=True)
    edges = symmetric_edges([0, 2_000, 10_000, 20_000, 50_000, 200_000])

    def held_out_skill(regressor):
        steps = [("bins", TSSBinner(edges=edges)), ("scale", LogZScaler()), ("model", GeneZTarget(regressor))]
        table = cross_val_pairs(Pipeline(steps), X, y, PairKFold(3))
        return skill(table["y_true"], table["y_pred"], table["train_mean"])

    best_lasso = max(held_out_skill(LassoBaseline(lam)) for lam in np.logspace(-2, -5, 4))
    network = held_out_skill(ExpressionMLP((64, 64), lr=3e-3, batch_size=500, random_state=0))
    assert network >= best_lasso + 0.05


@pytest.mark.parametrize("dropout", [0.2, 0.5, 0.8])
def test_dropout_zeroes_its_share_of_units_in_training_and_none_after(dropout):
    torch.manual_seed(0)
    module = MLP(4, (400, 400), dropout)
    seen = []
    module.dropout.register_forward_hook(lambda _, before, after: seen.append((before[0] != 0, after == 0)))
    X = torch.randn(500, 4)
    module.train()(X)
    assert len(seen) == 2  # after each hidden layer
    for active, zeroed in seen:
        share = zeroed[active].float().mean().item()
        assert_within(share, dropout, 0.01, "a share of 100,000 draws has a standard error of 0.0016 or less")
    seen.clear()
    module.eval()(X)
    assert all(not zeroed[active].any() for active, zeroed in seen)


def test_dropout_acts_during_fit(binned):
    Z, y = binned
    without, with_dropout = (small(dropout=rate).fit(Z, y).history_["train_mse"] for rate in (0.0, 0.6))
    assert with_dropout.iloc[-1] > without.iloc[-1] * 1.05


def test_xavier_weights_and_zero_biases():
    torch.manual_seed(0)
    module = MLP(300, (200,), 0.0)
    bound = np.sqrt(6 / 500)
    first = module.linears[0].weight.detach()
    assert first.abs().max().item() <= bound
    ratio = first.std().item() / (bound / np.sqrt(3))
    assert_within(ratio, 1, 0.02, "the SD of 60,000 uniform draws has a standard error of 0.2%")
    assert not any(layer.bias.any() for layer in module.linears)


@pytest.mark.parametrize(
    ("l1", "l2", "l2_norm", "penalize_bias", "weight", "bias"),
    [
        # w = -3, b = 4, gradient of the loss 1. Squared: 1 - l1 + 2 l2 w = 1 - 2 - 60; bias 1 + 2 + 2 * 10 * 4.
        (2, 10, "squared", False, -61, 1),
        (2, 10, "squared", True, -61, 83),
        # Unsquared: the norm of (-3, 4) is 5, of (-3) it is 3.
        (2, 10, "unsquared", True, 1 - 2 - 6, 1 + 2 + 8),
        (0, 10, "unsquared", False, 1 - 10, 1),
        (0, 0, "unsquared", True, 1, 1),
    ],
)
def test_the_gradient_of_the_penalty_by_hand(l1, l2, l2_norm, penalize_bias, weight, bias):
    module = MLP(1, (), 0.0)
    layer = module.linears[0]
    with torch.no_grad():
        layer.weight.fill_(-3.0)
        layer.bias.fill_(4.0)
    layer.weight.grad, layer.bias.grad = torch.ones(1, 1), torch.ones(1)
    add_penalty_gradient(module, l1, l2, l2_norm, penalize_bias)
    assert_float32_sums(layer.weight.grad.item(), weight)
    assert_float32_sums(layer.bias.grad.item(), bias)


def test_history_has_the_mse_without_penalty_at_every_epoch(binned):
    Z, y = binned
    net = small(early_stopping=False, max_epochs=1, batch_size=len(y), l1=5.0, lr=1e-12).fit(Z, y)
    # One batch at a vanishing step: what was recorded is the MSE of the weights that are kept.
    assert_float32_sums(net.history_["train_mse"].iloc[0], np.mean((net.predict(Z) - y) ** 2))
    assert net.history_["dev_mse"].isna().all()


def test_the_epoch_mse_counts_each_row_once(arrays):
    X, y = arrays
    settings = {"early_stopping": False, "max_epochs": 1, "lr": 1e-12, "hidden": (8,)}
    one = small(batch_size=300, **settings).fit(X, y).history_["train_mse"].iloc[0]
    ragged = small(batch_size=299, **settings).fit(X, y).history_["train_mse"].iloc[0]  # batches of 299 and 1
    assert_float32_sums(ragged, one)


@pytest.mark.parametrize("validation", ["cell_type", "chromosome", "pairs"])
def test_the_best_epoch_is_restored_and_groups_are_kept_whole(binned, validation):
    Z, y = binned
    net = small(lr=0.05, max_epochs=30, patience=5, validation=validation, validation_fraction=0.25).fit(Z, y)
    assert net.best_epoch_ == net.history_["dev_mse"].idxmin() + 1
    assert net.n_iter_ == len(net.history_)
    dev = set_aside(net, Z)
    assert_float32_sums(np.mean((net.predict(Z[dev]) - y[dev]) ** 2), net.history_["dev_mse"].min())
    if validation == "cell_type":
        assert set(Z.cell_type_codes[dev]).isdisjoint(Z.cell_type_codes[~dev])
        assert np.unique(Z.cell_type_codes[dev]).size == 3
    if validation == "chromosome":
        chrom = Z.genes["chrom"].to_numpy()[Z.gene_codes]
        assert set(chrom[dev]).isdisjoint(chrom[~dev])


def test_groups_keep_rows_of_a_plain_array_together(arrays):
    X, y = arrays
    groups = np.arange(300) // 50
    dev = rows_set_aside(X, groups, "cell_type", 0.1, 0)
    assert set(groups[dev]).isdisjoint(groups[~dev])
    small().fit(X, y, groups=groups)


def test_a_development_set_of_the_users_own_is_stopped_on(binned, arrays):
    Z, y = binned
    train, dev = np.arange(len(y)) % 5 > 0, np.arange(len(y)) % 5 == 0
    net = small(lr=0.05, max_epochs=20).fit(Z[train], y[train], X_val=Z[dev], y_val=y[dev])
    mse = np.mean((net.predict(Z[dev]) - y[dev]) ** 2)
    assert_float32_sums(mse, net.history_["dev_mse"].min())
    dense = small(lr=0.05, max_epochs=20).fit(Z.dense(train), y[train], X_val=Z.dense(dev), y_val=y[dev])
    assert_within(dense.history_["dev_mse"] / net.history_["dev_mse"], 1, 1e-4, AMPLIFIED)


def test_a_development_set_that_does_not_fit_is_refused(binned, pairs):
    Z, y = binned
    with pytest.raises(ValueError, match="go together"):
        small().fit(Z, y, X_val=Z)
    with pytest.raises(ValueError, match="with early_stopping=True"):
        small(early_stopping=False).fit(Z, y, X_val=Z, y_val=y)
    with pytest.raises(ValueError, match="other columns than those of the fit"):
        small().fit(Z, y, X_val=TSSBinner(edges=[-10, 0, 10]).fit_transform(pairs[0]), y_val=y)
    with pytest.raises(ValueError, match="values for"):
        small().fit(Z, y, X_val=Z, y_val=y[:-1])


def test_training_stops_after_patience_without_progress(binned):
    Z, y = binned
    net = small(tol=1e9, patience=3, max_epochs=50).fit(Z, y)
    assert net.n_iter_ == 4  # the first epoch is always progress over nothing
    assert small(tol=1e9, patience=3, max_epochs=50, early_stopping=False).fit(Z, y).n_iter_ == 4


def test_one_seed_gives_one_result_and_leaves_torch_alone(binned):
    Z, y = binned
    torch.manual_seed(5)
    untouched = torch.rand(1)
    torch.manual_seed(5)
    first = small(dropout=0.3).fit(Z, y)
    assert torch.rand(1) == untouched
    np.testing.assert_array_equal(small(dropout=0.3).fit(Z, y).predict(Z), first.predict(Z))
    assert not np.array_equal(small(dropout=0.3, random_state=1).fit(Z, y).predict(Z), first.predict(Z))


@pytest.mark.parametrize("early_stopping", [True, False])
def test_a_resumed_run_ends_with_the_result_of_an_uninterrupted_one(binned, tmp_path, early_stopping):
    Z, y = binned
    settings = {"dropout": 0.3, "l1": 1e-4, "early_stopping": early_stopping, "patience": 50}
    straight = small(max_epochs=9, **settings).fit(Z, y)
    file = tmp_path / "run.npz"
    small(max_epochs=4, checkpoint=file, **settings).fit(Z, y)
    resumed = small(max_epochs=9, checkpoint=file, **settings).fit(Z, y)
    np.testing.assert_array_equal(resumed.predict(Z), straight.predict(Z))
    columns = ["epoch", "train_mse", "dev_mse"]
    assert_exact(resumed.history_[columns], straight.history_[columns])
    again = small(max_epochs=9, checkpoint=file, **settings).fit(Z, y)
    assert again.n_iter_ == 9
    np.testing.assert_array_equal(again.predict(Z), straight.predict(Z))


def test_a_checkpoint_of_another_fit_is_refused(binned, tmp_path):
    Z, y = binned
    file = tmp_path / "run.npz"
    small(checkpoint=file).fit(Z, y)
    with pytest.raises(ValueError, match=r"belongs to another fit: dropout differ"):
        small(checkpoint=file, dropout=0.1).fit(Z, y)
    with pytest.raises(ValueError, match=r"belongs to another fit: y differ"):
        small(checkpoint=file).fit(Z, y + 1)
    with pytest.raises(ValueError, match=r"belongs to another fit: rows set aside differ"):
        small(checkpoint=file).fit(Z, y, groups=np.arange(len(y)) % 7)
    with pytest.raises(FileNotFoundError, match="is not a folder"):
        small(checkpoint=tmp_path / "absent" / "run.npz").fit(Z, y)
    assert file.stat().st_mode & 0o044  # others may read it, as the umask has it
    with pytest.raises(ValueError, match="integer random_state"):
        small(checkpoint=file, random_state=None).fit(Z, y)


def test_weights_travel_without_pickle(binned, tmp_path):
    Z, y = binned
    net = small().fit(Z, y)
    net.save_weights(tmp_path / "net.npz")
    other = small().load_weights(tmp_path / "net.npz")
    np.testing.assert_array_equal(other.predict(Z), net.predict(Z))
    assert_exact(other.history_, net.history_)
    with pytest.raises(ValueError, match=r"hidden=\[16, 8\], wanted \[4\]"):
        small(hidden=(4,)).load_weights(tmp_path / "net.npz")


def test_a_file_of_another_kind_is_refused_and_nothing_is_half_written(binned, tmp_path):
    Z, y = binned
    junk = tmp_path / "junk.npz"
    junk.write_bytes(b"\x93NUMPY junk")
    with pytest.raises(ValueError, match="not a file of skepi's network weights"):
        small().load_weights(junk)
    np.savez(tmp_path / "pickled.npz", about=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="not a file of skepi's network weights"):
        small().load_weights(tmp_path / "pickled.npz")
    small(checkpoint=tmp_path / "run.npz").fit(Z, y)
    with pytest.raises(ValueError, match=r"holds skepi\.ExpressionMLP checkpoint 2, wanted"):
        small().load_weights(tmp_path / "run.npz")
    with pytest.raises(FileNotFoundError):
        small().load_weights(tmp_path / "absent.npz")
    good = tmp_path / "good.npz"
    write_arrays(good, {"a": np.ones(2)}, {"kind": "k"})
    with pytest.raises(TypeError):
        write_arrays(good, {"a": np.zeros(2)}, {"kind": object()})
    assert read_arrays(good, "k")[0]["a"].tolist() == [1, 1]
    assert sorted(path.name for path in tmp_path.glob("*.part")) == []


def test_lazy_rows_give_the_losses_of_dense_rows(binned, monkeypatch):
    Z, y = binned
    groups = Z.cell_type_codes
    settings = {"max_epochs": 20, "dropout": 0.0, "patience": 50}
    dense = small(**settings).fit(Z.dense(), y, groups=groups).history_
    monkeypatch.setattr(_batches, "RESIDENT_BYTES", 0)
    lazy = small(**settings).fit(Z, y).history_
    for column in ("train_mse", "dev_mse"):
        assert_within(lazy[column] / dense[column], 1, 1e-4, AMPLIFIED)


def test_bfloat16_stays_near_float32(binned):
    Z, y = binned
    exact, rough = (
        small(precision=p, max_epochs=10).fit(Z, y).history_["dev_mse"].min() for p in ("float32", "bfloat16")
    )
    assert_within(rough / exact, 1, 0.1, "bfloat16 keeps 8 bits of a number, and training goes on from each")
    assert rough != exact


@pytest.mark.parametrize(
    ("sizes", "n_rows", "expected"),
    [
        ((2000, 1000, 1000, 1000), 10_000, True),
        ((20, 200, 50), 2_000, True),  # 2,000 * (4,000 + 10,000) = 28 million products
        ((50, 200), 1_000, True),  # 10 million
        ((50, 200), 999, False),
        ((2000, 31), 10_000, False),
        ((2000,), 10_000, False),  # no hidden layer
    ],
)
def test_where_bfloat16_pays_off_on_a_cpu(monkeypatch, sizes, n_rows, expected):
    cpu = torch.device("cpu")
    assert _settings.pays_off(sizes, n_rows) == expected
    monkeypatch.setattr(_settings, "has_bfloat16", lambda device: True)
    assert (_settings.mixed_precision("auto", cpu, sizes, n_rows) is torch.bfloat16) == expected
    assert _settings.mixed_precision("auto", torch.device("cuda", 0), sizes, n_rows) is torch.bfloat16
    assert _settings.mixed_precision("float32", cpu, sizes, n_rows) is None
    monkeypatch.setattr(_settings, "has_bfloat16", lambda device: False)
    assert _settings.mixed_precision("auto", cpu, sizes, n_rows) is None
    assert _settings.mixed_precision("bfloat16", cpu, sizes, n_rows) is torch.bfloat16


def test_a_cpu_has_bfloat16_only_where_torch_says_so(monkeypatch):
    cpu = torch.device("cpu")
    for found, expected in (({"avx512_bf16": True}, True), ({"amx_bf16": True}, True), ({"avx512_f": True}, False)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda found=found: found, raising=False)
        assert _settings.has_bfloat16(cpu) == expected
    assert not _settings.has_bfloat16(torch.device("meta"))
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert not _settings.has_bfloat16(cpu)
    monkeypatch.undo()
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert not _settings.has_bfloat16(cpu)


def test_automatic_precision_reaches_the_training(binned, monkeypatch):
    Z, y = binned
    monkeypatch.setattr(_settings, "has_bfloat16", lambda device: True)
    narrow, wide = small(hidden=(31,), batch_size=10_000), small(hidden=(40,), batch_size=10_000)
    for net, least, same in ((narrow, 0, "float32"), (wide, 0, "bfloat16"), (wide, 8 * 40 * 720, "float32")):
        monkeypatch.setattr(_settings, "_LEAST_PRODUCTS", least)  # 720 rows less those set aside make a batch
        mse = [clone(net).set_params(precision=p).fit(Z, y).history_["train_mse"].to_list() for p in ("auto", same)]
        assert mse[0] == mse[1]


def test_a_device_is_resolved_to_one_of_its_kind(monkeypatch):
    assert _settings.resolve_device("cpu") == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert _settings.resolve_device("auto") == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 3)
    assert _settings.resolve_device("auto") == _settings.resolve_device("cuda") == torch.device("cuda", 3)
    assert _settings.resolve_device("cuda:1") == torch.device("cuda", 1)


@pytest.mark.parametrize("early_stopping", [True, False])
@pytest.mark.parametrize("max_epochs", [1, 6])
def test_divergence_is_an_error_and_not_a_result(binned, early_stopping, max_epochs):
    Z, y = binned
    with pytest.raises(DivergenceError, match="became infinite or not a number in epoch 1: try a smaller lr"):
        small(lr=1e20, early_stopping=early_stopping, max_epochs=max_epochs).fit(Z, y)


def test_weights_that_are_not_finite_are_an_error_even_where_the_mse_is(binned, monkeypatch):
    Z, y = binned
    figures = _net.PenalizedNet.epoch_figures
    monkeypatch.setattr(_net.PenalizedNet, "epoch_figures", lambda self: (1.0, 1.0, figures(self)[2]))
    with pytest.raises(DivergenceError, match="the weights became infinite"):
        small(lr=1e20, l2=1e30, early_stopping=False).fit(Z, y)


def test_the_bar_counts_epochs_and_shows_their_mse(binned, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")  # tqdm cuts what is wider
    Z, y = binned
    net = small(max_epochs=2, progress=True).fit(Z, y)
    train, dev = net.history_[["train_mse", "dev_mse"]].to_numpy()[-1]
    assert f"train MSE {train:.5f}, dev MSE {dev:.5f}" in (shown := capsys.readouterr().err)
    assert shown.startswith("\repochs:")
    assert "2/2 " in shown
    small(max_epochs=2, progress=True, early_stopping=False).fit(Z, y)
    assert "dev MSE" not in capsys.readouterr().err


def test_the_bar_is_full_where_training_stops_early_and_begins_where_a_checkpoint_ends(binned, capsys, tmp_path):
    Z, y = binned
    stopping = {"max_epochs": 20, "patience": 2, "tol": 1e9, "checkpoint": tmp_path / "run.npz", "progress": True}
    assert small(**stopping).fit(Z, y).n_iter_ == 3
    assert re.match(r"epochs: 100%\|█+\| 3/3 ", capsys.readouterr().err.split("\r")[-1])
    small(**stopping).fit(Z, y)
    assert re.match(r"epochs:  15%\|[^|]+\| 3/20 ", capsys.readouterr().err.split("\r")[1])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dropout": 1.2}, "dropout must be a number with 0 <= dropout < 1, got 1.2"),
        ({"dropout": True}, "dropout must be a number with 0 <= dropout < 1, got True"),
        ({"l1": -1}, "l1 must be finite and 0 or greater, got -1"),
        ({"l2": np.inf}, "l2 must be finite and 0 or greater, got inf"),
        ({"tol": -5}, "tol must be finite and 0 or greater, got -5"),
        ({"tol": "1e-5"}, "tol must be finite and 0 or greater, got '1e-5'"),
        ({"lr": 0}, "lr must be finite and greater than 0, got 0"),
        ({"lr": np.inf}, "lr must be finite and greater than 0, got inf"),
        ({"lr": np.nan}, "lr must be finite and greater than 0, got nan"),
        ({"lr_min": 0}, "lr_min must be finite and greater than 0, got 0"),
        ({"lr_decay": 0}, "lr_decay must be finite and greater than 0, got 0"),
        ({"lr_decay": 1.5}, "lr_decay must be 1 or less, or the learning rate would grow, got 1.5"),
        ({"momentum": 1}, "momentum must be a number with 0 <= momentum < 1, got 1"),
        ({"activation": "gelu"}, "activation must be one of"),
        ({"optimizer": "lbfgs"}, "optimizer must be one of"),
        ({"lr_schedule": "cosine"}, "lr_schedule must be one of"),
        ({"hidden": (0,)}, r"hidden must be a sequence of whole numbers of 1 or more.*got \(0,\)"),
        ({"hidden": (2.5,)}, "hidden must be a sequence of whole numbers"),
        ({"hidden": 8}, "hidden must be a sequence of whole numbers of 1 or more.*got 8"),
        ({"hidden": "8"}, "hidden must be a sequence of whole numbers of 1 or more.*got '8'"),
        ({"batch_size": 0}, "batch_size must be a whole number of 1 or more, got 0"),
        ({"max_epochs": 2.5}, "max_epochs must be a whole number of 1 or more, got 2.5"),
        ({"patience": 0}, "patience must be a whole number of 1 or more, got 0"),
        ({"progress": 1}, "progress must be True or False, got 1"),
        ({"shuffle": "no"}, "shuffle must be True or False, got 'no'"),
        ({"early_stopping": 3}, "early_stopping must be True or False, got 3"),
        ({"penalize_bias": None}, "penalize_bias must be True or False, got None"),
        ({"device": "gpu9"}, "device must be 'auto' or the name of a torch device, such as 'cpu', got 'gpu9'"),
        ({"device": None}, "device must be 'auto' or the name of a torch device"),
        ({"validation_fraction": 1.0}, "validation_fraction must be a number with 0 < validation_fraction < 1, got 1"),
        ({"validation": "genes"}, "validation must be one of"),
        ({"l2_norm": "cubed"}, "l2_norm must be one of"),
        ({"precision": "float8"}, "precision must be one of"),
    ],
)
def test_settings_out_of_range(binned, settings, message):
    with pytest.raises(ValueError, match=message):
        small(**settings).fit(*binned)


def test_bad_input(binned, pairs):
    Z, y = binned
    with pytest.raises(ValueError, match="y holds NaN"):
        small().fit(Z, np.full(len(y), np.nan))
    with pytest.raises(ValueError, match="values for"):
        small().fit(Z, y[:-1])
    with pytest.raises(ValueError, match="at least 2 groups"):
        small().fit(Z[Z.cell_type_codes == 0], y[Z.cell_type_codes == 0])
    with pytest.raises(ValueError, match="needs pairs, or groups="):
        small(validation="chromosome").fit(Z.dense(), y)
    with pytest.raises(ValueError, match="groups have shape"):
        small().fit(Z, y, groups=[1, 2])
    net = small().fit(Z, y)
    other = TSSBinner(edges=[-10, 0, 10]).fit_transform(pairs[0])
    with pytest.raises(ValueError, match="other columns than those of the fit"):
        net.predict(other)


def test_an_interrupt_of_the_user_is_not_swallowed(binned, monkeypatch):
    Z, y = binned

    def interrupted(self, epochs):
        raise KeyboardInterrupt

    monkeypatch.setattr(_batches.Batches, "__iter__", lambda self: interrupted(self, 1))
    with pytest.raises(KeyboardInterrupt):
        small().fit(Z, y)


def test_predicting_leaves_the_random_state_of_torch_alone(binned):
    net = small().fit(*binned)
    torch.manual_seed(5)
    untouched = torch.rand(1)
    torch.manual_seed(5)
    net.predict(binned[0])
    assert torch.rand(1) == untouched


def test_the_dev_mse_is_that_of_predict_in_mixed_precision_too(binned):
    Z, y = binned
    net = small(precision="bfloat16").fit(Z, y)
    dev = set_aside(net, Z)
    assert_float32_sums(np.mean((net.predict(Z[dev]) - y[dev]) ** 2), net.history_["dev_mse"].min())


def test_clone_keeps_device_auto(binned):
    net = small().fit(*binned)
    assert net.device == "auto"
    assert clone(net).device == "auto"


@pytest.mark.slow
def test_grid_search_in_two_processes_from_a_script(tmp_path):
    script = tmp_path / "sweep.py"
    script.write_text(
        textwrap.dedent(
            """
            import numpy as np
            from sklearn.model_selection import GridSearchCV
            from sklearn.pipeline import Pipeline
            from skepi.binning import TSSBinner
            from skepi.compose import GeneZTarget
            from skepi.datasets import make_paired_openness
            from skepi.model_selection import CellTypeKFold
            from skepi.neural_network import ExpressionMLP
            from skepi.preprocessing import LogZScaler

            X, y = make_paired_openness(n_genes=20, n_cell_types=6)[0].pairs(return_X_y=True)
            net = ExpressionMLP((8,), max_epochs=2, random_state=0)
            bins = TSSBinner(flank=4_000, bin_size=1_000)
            pipe = Pipeline([("bins", bins), ("scale", LogZScaler()), ("model", GeneZTarget(net))])
            grid = {"model__regressor__dropout": [0.0, 0.5]}
            search = GridSearchCV(pipe, grid, cv=CellTypeKFold(2), n_jobs=2, error_score="raise").fit(X, y)
            assert np.isfinite(search.cv_results_["mean_test_score"]).all()
            print("swept", len(search.cv_results_["params"]))
            """
        )
    )
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "swept 2" in done.stdout


needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


@pytest.fixture
def first_losses(binned, monkeypatch):
    """The first 20 losses of equal weights on a device, features coming in the named way."""
    Z, y = binned

    def first_losses(way, device, losses_a_epoch=1):
        monkeypatch.setattr(_batches, "plan_features", lambda X, batch_size, device: FeaturePlan(way, 0))
        n_train = len(y) - set_aside(small(), Z).sum()
        settings = {"patience": 50, "precision": "float32", "batch_size": -(-n_train // losses_a_epoch)}
        return small(max_epochs=20 // losses_a_epoch, device=device, **settings).fit(Z, y)

    return first_losses


@pytest.mark.parametrize("way", ["resident", "operator", "streamed"])
@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=needs_cuda)])
def test_every_way_and_device_gives_the_losses_of_streamed_rows_on_the_cpu(first_losses, way, device):
    expected, found = (first_losses(*where).history_ for where in (("streamed", "cpu"), (way, device)))
    assert len(found) == 20
    for column in ("train_mse", "dev_mse"):
        assert_within(found[column] / expected[column], 1, 1e-4, AMPLIFIED)


def test_resident_and_streamed_rows_give_the_same_bits(first_losses):
    resident, streamed = (first_losses(way, "cpu", losses_a_epoch=5) for way in ("resident", "streamed"))
    for one, other in zip(resident.coefs_, streamed.coefs_, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(resident.history_["dev_mse"], streamed.history_["dev_mse"])


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=needs_cuda)])
def test_the_operator_repeats_itself_to_the_bit(first_losses, device):
    one, other = (first_losses("operator", device, losses_a_epoch=5) for _ in range(2))
    np.testing.assert_array_equal(one.history_["train_mse"], other.history_["train_mse"])


def test_predictions_are_the_same_where_the_operator_makes_the_rows(binned, first_losses, monkeypatch):
    net = first_losses("operator", "cpu")
    by_operator = net.predict(binned[0])
    monkeypatch.undo()
    assert_float32_sums(by_operator, net.predict(binned[0]))


@needs_cuda
@pytest.mark.filterwarnings("ignore:Synchronization debug mode")
@pytest.mark.parametrize("way", ["resident", "operator", "streamed"])
def test_nothing_waits_for_cuda_within_an_epoch(first_losses, monkeypatch, way):
    one_epoch = _net.PenalizedNet.run_single_epoch

    def watched(*args, **kwargs):
        torch.cuda.set_sync_debug_mode("error")
        try:
            one_epoch(*args, **kwargs)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    monkeypatch.setattr(_net.PenalizedNet, "run_single_epoch", watched)
    assert first_losses(way, "cuda", losses_a_epoch=10).n_iter_ == 2


def test_a_checkpoint_of_another_development_set_is_refused(tmp_path, rng):
    X, y = rng.normal(size=(60, 3)), rng.normal(size=60)
    settings = {"hidden": (4,), "checkpoint": tmp_path / "run.npz", "random_state": 0}
    net = ExpressionMLP(**settings, max_epochs=2).fit(X[10:], y[10:], X_val=X[:10], y_val=y[:10])
    net.set_params(max_epochs=3)
    with pytest.raises(ValueError, match="X of the development set differ"):
        net.fit(X[10:], y[10:], X_val=X[:10] + 1, y_val=y[:10])
    net.fit(X[10:], y[10:], X_val=X[:10], y_val=y[:10])
    assert net.n_iter_ == 3
