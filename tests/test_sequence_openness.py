"""SequenceOpenness: published sizes, both strands, planted motifs, and the promises of every network."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from promises import assert_exact, assert_float32_sums, assert_within
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_predict

from skepi.exceptions import TableError
from skepi.motifs import Motifs
from skepi.neural_network import SequenceOpenness
from skepi.neural_network._architectures import ARCHITECTURES, basenji, basset, danq, deepsea, least_length
from skepi.neural_network._both_strands import BothStrands, one_hot, reverse_complement, shifted
from skepi.neural_network._first_filters import filter_of
from skepi.persistence import load_model, save_model
from skepi.sequence import Genome, PeakSequences

WIDTH = 170
SMALL = {"scale": 0.04, "max_epochs": 2, "batch_size": 16, "random_state": 0}
GATA = np.array([[0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1], [1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0]], dtype=float)


@pytest.fixture
def codes(rng):
    """50 sequences."""
    return rng.integers(0, 4, (50, WIDTH), dtype=np.uint8)


@pytest.fixture
def openness(codes, rng):
    """What they are like in two cell types."""
    gc_share = np.isin(codes, (1, 2)).mean(axis=1)
    return np.c_[gc_share, 1 - gc_share] + rng.uniform(0, 0.1, (50, 2))


CHROMOSOMES = np.repeat(["chr1", "chr2", "chr3", "chr4", "chr5"], 10)


def fitted(codes, y, **settings):
    return SequenceOpenness(**{**SMALL, **settings}).fit(codes, y, groups=CHROMOSOMES)


def n_weights(network):
    return sum(weight.numel() for weight in network.parameters())


# --- published sizes


def test_basset_has_the_published_number_of_weights():
    convolutions = (4 * 19 + 1) * 300 + (300 * 11 + 1) * 200 + (200 * 7 + 1) * 200
    places = ((600 - 18) // 3 - 10) // 4  # 46
    places = (places - 6) // 4  # 10
    dense = (200 * places + 1) * 1000 + 1001 * 1000 + 1001 * 164
    normalised = 2 * (300 + 200 + 200 + 1000 + 1000)
    assert n_weights(basset(600, (164,), 1, None)) == convolutions + dense + normalised == 4_135_064


def test_deepsea_has_the_published_number_of_weights():
    convolutions = (4 * 8 + 1) * 320 + (320 * 8 + 1) * 480 + (480 * 8 + 1) * 960
    places = ((1000 - 7) // 4 - 7) // 4 - 7  # 53
    dense = (960 * places + 1) * 925 + 926 * 919
    assert n_weights(deepsea(1000, (919,), 1, None)) == convolutions + dense == 52_843_119


def test_danq_has_the_published_number_of_weights_and_a_second_bias_of_torch():
    places = (1000 - 25) // 13  # 75
    lstm = 2 * 4 * 320 * (320 + 320 + 1)
    published = (4 * 26 + 1) * 320 + lstm + (640 * places + 1) * 925 + 926 * 919
    assert published == 46_926_479
    assert n_weights(danq(1000, (919,), 1, None)) == published + 2 * 4 * 320


def test_basenji_has_the_layers_of_its_paper():
    network = basenji(131_072, (896, 5313), 1, None)
    filters = [288, 339, 399, 470, 554, 652, 768]
    tower = 4 * 15 * 288 + sum(a * 5 * b for a, b in pairwise(filters)) + 2 * sum(filters)
    residual = 11 * (768 * 3 * 384 + 2 * 384 + 384 * 768 + 2 * 768)
    last = 768 * 1536 + 2 * 1536 + (1536 + 1) * 5313
    assert n_weights(network) == tower + residual + last
    dilations = [m.dilation[0] for m in network.modules() if isinstance(m, torch.nn.Conv1d) and m.kernel_size == (3,)]
    assert dilations == [round(1.5**k) for k in range(11)]


@pytest.mark.parametrize("name", [name for name in ARCHITECTURES if name != "basenji"])
def test_the_shortest_sequence_is_short_enough_and_no_shorter(name):
    least = least_length(name)
    network = ARCHITECTURES[name](least, (3,), 0.02, None).eval()
    assert network(torch.zeros(2, 4, least)).shape == (2, 3)
    with pytest.raises(ValueError, match=f"sequences of {least - 1} bases are too short for '{name}': give at least"):
        fit_of_width(name, least - 1)


def fit_of_width(name, width):
    codes = np.zeros((50, width), dtype=np.uint8)
    return fitted(codes, np.zeros(50), architecture=name)


# --- both strands


def test_one_hot_by_hand():
    found = one_hot(torch.tensor([[0, 3, 4, 1]], dtype=torch.uint8))[0]
    assert found.tolist() == [[1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0], [0, 1, 0, 0]]
    other = one_hot(torch.tensor([[2, 4, 0, 3]], dtype=torch.uint8))[0]  # ATNC read backwards is GNAT
    assert torch.equal(reverse_complement(found[None])[0], other)


@pytest.mark.parametrize("by", [-3, -1, 0, 2])
def test_shifted_moves_letters_and_unknown_ones_come_in(by):
    X = one_hot(torch.tensor([[0, 1, 2, 3, 0]], dtype=torch.uint8))
    moved = [4 if not 0 <= k - by < 5 else [0, 1, 2, 3, 0][k - by] for k in range(5)]
    assert torch.equal(shifted(X, by), one_hot(torch.tensor([moved], dtype=torch.uint8)))


@pytest.mark.parametrize("architecture", [name for name in ARCHITECTURES if name != "basenji"])
def test_a_sequence_and_its_reverse_complement_get_the_same(architecture, codes, openness):
    net = fitted(codes, openness, architecture=architecture)
    assert net.predict(codes).std() > 0
    assert_float32_sums(net.predict(3 - codes[:, ::-1]), net.predict(codes))


def test_a_track_turns_with_its_strand(rng):
    codes = rng.integers(0, 4, (50, 640), dtype=np.uint8)
    codes[:, 300] = 4
    codes[:, 339] = 4
    net = fitted(codes, rng.normal(size=(50, 3, 2)), architecture="basenji", scale=0.02, max_epochs=1)
    other = np.where(codes == 4, 4, 3 - codes)[:, ::-1].astype(np.uint8)
    assert net.predict(codes).shape == (50, 3, 2)
    assert_float32_sums(net.predict(other), net.predict(codes)[:, ::-1])


def test_training_reads_either_strand():
    torch.manual_seed(0)
    network = BothStrands(torch.nn.Flatten(), torch.nn.Identity(), (8,))
    X = one_hot(torch.tensor([[0, 1]] * 200, dtype=torch.uint8))  # AC, on the other strand GT
    read = network.train()(X).reshape(-1, 4, 2).argmax(dim=1)
    assert {tuple(row) for row in read.tolist()} == {(0, 1), (2, 3)}
    assert 60 < (read[:, 0] == 0).sum() < 140  # 100, SD 7


# --- right where the answer is known


def planted(rng, n=600, width=60):
    """Sequences of which every second one has GATAAG somewhere, on either strand."""
    codes = rng.integers(0, 4, (n, width), dtype=np.uint8)
    letters = GATA.argmax(axis=1).astype(np.uint8)
    for row in range(0, n, 2):
        at = rng.integers(0, width - 6)
        codes[row, at : at + 6] = letters if rng.random() < 0.5 else 3 - letters[::-1]
    return codes, (np.arange(n) % 2 == 0).astype(float)


def test_a_planted_motif_is_found(rng):
    codes, has = planted(rng)
    y, groups = np.c_[2 * has, -has] + rng.normal(scale=0.1, size=(len(has), 2)), np.arange(len(has)) // 60
    settings = {"scale": 0.05, "max_epochs": 12, "lr": 0.01, "random_state": 0, "dropout": 0.0, "shift": 0}
    net = SequenceOpenness(motifs={"GATA": GATA}, **settings).fit(codes[:480], y[:480], groups[:480])
    found = net.predict(codes[480:])
    assert np.corrcoef(found[:, 0], has[480:])[0, 1] > 0.5  # .73 to .77 here; chance has an SD of .09
    assert np.corrcoef(found[:, 1], has[480:])[0, 1] < -0.5
    shuffled = net.predict(rng.permuted(codes[480:], axis=1))
    assert shuffled[:, 0].mean() < found[:, 0].mean()


def test_first_filters_score_their_motif_highest():
    weights = filter_of(GATA, 9)
    assert weights.shape == (4, 9)
    assert (weights[:, [0, 7, 8]] == 0).all()  # 6 positions in 9: one before, two after
    assert weights[:, 1:7].argmax(axis=0).tolist() == GATA.argmax(axis=1).tolist()
    variance = (weights**2).mean(axis=0).sum()  # of the score in uniform DNA, where every position has mean 0
    assert_within(variance, 1, 1e-5, "float32 weights")


def test_a_motif_wider_than_the_filters_gives_its_most_informative_positions():
    vague = np.full((3, 4), 0.25)
    weights = filter_of(np.concatenate([vague, GATA, vague]), 6)
    assert_float32_sums(weights, filter_of(GATA, 6))


def test_before_training_it_predicts_the_training_mean(codes, openness):
    net = fitted(codes, openness + [3, 7], max_epochs=1, lr=1e-12, early_stopping=False)
    assert_exact(net.target_mean_, (openness + [3, 7]).mean(axis=0))
    assert np.abs(net.predict(codes) - net.target_mean_).max() < 2


@pytest.mark.parametrize(("loss", "low", "high"), [("poisson", 0, np.inf), ("bce", 0, 1)])
def test_predictions_are_what_the_loss_is_of(loss, low, high, codes, openness):
    y = (openness > np.median(openness, axis=0)).astype(float)
    net = fitted(codes, y, loss=loss)
    found = net.predict(codes)
    assert low < found.min() < found.max() < high
    assert np.abs(found.mean(axis=0) - y.mean(axis=0)).max() < 0.25
    assert f"train_{loss}" in net.history_


# --- promises of every network


def test_one_seed_gives_one_network(codes, openness):
    first, again = fitted(codes, openness), fitted(codes, openness)
    assert_exact(first.predict(codes), again.predict(codes))
    other = fitted(codes, openness, random_state=1)
    assert np.abs(first.predict(codes) - other.predict(codes)).max() > 0


@pytest.mark.parametrize("architecture", ["pooled", "basset"])
def test_saved_and_loaded_to_the_bit(architecture, codes, openness, tmp_path):
    net = fitted(codes, openness, architecture=architecture)
    save_model(net, tmp_path / "net.skepi")
    assert_exact(load_model(tmp_path / "net.skepi").predict(codes), net.predict(codes))


def test_resumed_to_the_same_result(codes, openness, tmp_path):
    whole = fitted(codes, openness, architecture="basset", max_epochs=4, checkpoint=tmp_path / "a")
    fitted(codes, openness, architecture="basset", max_epochs=2, checkpoint=tmp_path / "b")
    resumed = fitted(codes, openness, architecture="basset", max_epochs=4, checkpoint=tmp_path / "b")
    assert_exact(resumed.predict(codes), whole.predict(codes))
    assert resumed.n_iter_ == whole.n_iter_ == 4


def test_a_run_with_other_motifs_of_the_same_names_is_not_gone_on_with(codes, openness, tmp_path):
    fitted(codes, openness, motifs=Motifs({"GATA": GATA}), checkpoint=tmp_path / "a")
    with pytest.raises(ValueError, match="belongs to another fit: motifs differ"):
        fitted(codes, openness, motifs=Motifs({"GATA": GATA[::-1]}), checkpoint=tmp_path / "a")


def test_running_statistics_are_those_of_the_best_epoch(codes, openness):
    net = fitted(codes, openness, architecture="basset", max_epochs=3, early_stopping=False)
    assert net.weights_["network.1.running_var"].min() > 0
    assert np.abs(net.weights_["network.1.running_mean"]).max() > 0
    module = net.to_module()
    assert not module.training
    with torch.no_grad():
        found = module(one_hot(torch.from_numpy(codes))).numpy()
    assert_float32_sums(found, net.predict(codes))


def test_a_single_sequence_left_over_joins_a_batch(codes, openness):
    net = SequenceOpenness(**{**SMALL, "batch_size": 7}, architecture="basset", early_stopping=False)
    assert np.isfinite(net.fit(codes[:43], openness[:43]).predict(codes)).all()  # 43 = 6 * 7 + 1


def test_clones_share_nothing_with_a_module_that_was_given(codes, openness):
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4 * WIDTH, 2))
    before = module[1].weight.detach().clone()
    net = clone(SequenceOpenness(module, **SMALL)).fit(codes, openness, groups=CHROMOSOMES)
    assert torch.equal(module[1].weight, before)
    assert net.predict(codes).shape == (50, 2)


def test_a_module_that_was_given_starts_as_it_came(codes, openness):
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4 * WIDTH, 2))
    net = SequenceOpenness(module, **{**SMALL, "max_epochs": 1}, lr=1e-12, shift=0, early_stopping=False)
    found = net.fit(codes, openness + 5).predict(codes)
    with torch.no_grad():
        strands = [module(one_hot(torch.from_numpy(one))).numpy() for one in (codes, 3 - codes[:, ::-1])]
    assert_within(found, np.mean(strands, axis=0), 1e-5, "one step with next to no rate")


def make_linear(length, output_shape):
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4 * length, *output_shape))


def test_a_function_may_make_the_network(codes, openness, tmp_path):
    net = fitted(codes, openness, architecture=make_linear)
    assert net.weights_["network.1.weight"].shape == (2, 4 * WIDTH)
    with pytest.raises(TypeError, match=r"model\.architecture is .*make_linear, which cannot be saved without pickle"):
        save_model(net, tmp_path / "net.skepi")


# --- peaks of a genome


@pytest.fixture
def peak_sequences(rng):
    letters = {f"chr{k}": "".join(rng.choice(list("ACGT"), 3000)) for k in (1, 2, 3)}
    peaks = {"chrom": np.repeat(list(letters), 20), "start": np.tile(np.arange(20) * 100 + 200, 3)}
    return PeakSequences(Genome.from_strings(letters), {**peaks, "end": peaks["start"] + 100}, width=WIDTH)


def test_chromosomes_of_peaks_are_set_aside_whole(peak_sequences, rng, monkeypatch):
    seen = []

    def keep(X, groups, *rest):
        seen.append(groups)
        return np.asarray(groups) == "chr2"

    monkeypatch.setattr("skepi.neural_network._trained.rows_set_aside", keep)
    net = SequenceOpenness(**SMALL).fit(peak_sequences, y := rng.normal(size=(60, 2)))
    assert seen[0].tolist() == peak_sequences.peaks["chrom"].tolist()
    assert_exact(net.target_mean_, y[np.r_[:20, 40:60]].mean(axis=0))


def test_targets_are_matched_with_peaks_by_name(peak_sequences, rng):
    peaks = peak_sequences.peaks
    names = peaks["chrom"] + ":" + peaks["start"].astype(str) + "-" + peaks["end"].astype(str)
    y = pd.DataFrame(rng.normal(size=(60, 2)), index=names)
    net = SequenceOpenness(**SMALL)
    wanted = clone(net).fit(peak_sequences, y.to_numpy()).predict(peak_sequences)
    assert_exact(clone(net).fit(peak_sequences, y.sample(frac=1, random_state=0)).predict(peak_sequences), wanted)
    half = y.set_axis([*names[:30], *(f"chr9:{k}-{k + 5}" for k in range(30))])
    with pytest.raises(TableError, match="y: "):
        net.fit(peak_sequences, half)


def test_cross_validation_keeps_the_chromosomes(peak_sequences, rng):
    y, chromosomes = rng.normal(size=(60, 2)), peak_sequences.peaks["chrom"]
    net = SequenceOpenness(**SMALL)
    found = cross_val_predict(net, peak_sequences, y, groups=chromosomes, cv=GroupKFold(3))
    assert np.isfinite(found).all()


@pytest.mark.slow
def test_grid_search_in_two_processes(peak_sequences, rng):
    y, chromosomes = rng.normal(size=(60, 2)), peak_sequences.peaks["chrom"]
    grid = {"scale": [0.02, 0.04]}
    search = GridSearchCV(SequenceOpenness(**SMALL), grid, cv=GroupKFold(3), n_jobs=2, error_score="raise")
    search.fit(peak_sequences, y, groups=chromosomes)
    assert search.best_estimator_.predict(peak_sequences).shape == (60, 2)


# --- bad input


def test_one_chromosome_leaves_nothing_to_set_aside(peak_sequences):
    with pytest.raises(ValueError, match="all sequences lie on chr1, so no chromosome can be set aside"):
        SequenceOpenness(**SMALL).fit(peak_sequences[:20], np.zeros(20))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"architecture": "enformer"}, "architecture"),
        ({"loss": "hinge"}, "loss"),
        ({"scale": 0}, "scale"),
        ({"shift": -1}, "shift"),
        ({"dropout": 1.0}, "dropout"),
        (
            {"motifs": {str(k): GATA for k in range(14)}},
            "14 motifs for 13 first filters: give fewer motifs, or a larger",
        ),
        ({"motifs": {"GATA": GATA.T}}, r"motif 'GATA': wanted shape \(width, 4\)"),
        ({"motifs": {"GATA": 10 * GATA}}, "motif 'GATA': wanted probabilities .* divide counts by their sum"),
        ({"architecture": make_linear, "motifs": {"GATA": GATA}}, "needs a network whose first convolution"),
    ],
)
def test_settings_out_of_range(settings, message, codes, openness):
    with pytest.raises(ValueError, match=message):
        fitted(codes, openness, **settings)


def test_an_architecture_of_another_kind(codes, openness):
    with pytest.raises(TypeError, match=r"architecture must be one of pooled, basset, .* got 3"):
        fitted(codes, openness, architecture=3)


@pytest.mark.parametrize(
    ("y", "loss", "message"),
    [
        (np.full(50, -1.0), "poisson", "takes counts or rates of 0 or more, and y goes down to -1"),
        (np.arange(50.0), "bce", "takes calls, 0 for closed and 1 for open, and y goes from 0 to 49"),
        (np.full(50, np.nan), "mse", "not finite"),
        (np.zeros(49), "mse", r"y has shape \(49,\), wanted one row for each of 50 sequences"),
        (np.zeros((50, 3, 2)), "mse", "takes y of shape"),
    ],
)
def test_targets_that_the_loss_or_the_network_cannot_take(y, loss, message, codes):
    with pytest.raises(ValueError, match=message):
        fitted(codes, y, loss=loss)


def test_sequences_that_are_none(codes, openness):
    with pytest.raises(TypeError, match=r"needs sequences of DNA, got ndarray of float64 and shape \(50, 170\): give"):
        fitted(codes.astype(float), openness)
    with pytest.raises(ValueError, match="codes of DNA are 0 to 4, got 9 in sequence 1 at place 2"):
        fitted(np.where(np.arange(WIDTH) == 2, np.arange(50)[:, None] * 9, codes).astype(np.uint8)[:2], openness[:2])
    with pytest.raises(ValueError, match="at least one sequence"):
        fitted(codes[:0], openness[:0])


def test_sequences_without_a_known_letter(codes, openness):
    codes[[7, 9]] = 4
    with pytest.raises(
        ValueError, match="2 of 50 sequences have no known letter, the first in row 7: drop these peaks"
    ):
        fitted(codes, openness)


def test_sequences_of_another_width_than_in_fit(codes, openness):
    net = fitted(codes, openness)
    with pytest.raises(ValueError, match=r"sequences have 169 bases, 170 in fit: give PeakSequences\(.*width=170"):
        net.predict(codes[:, 1:])


def test_arrays_do_not_say_their_chromosomes(codes, openness):
    with pytest.raises(ValueError, match="these sequences do not say theirs: give fit"):
        SequenceOpenness(**SMALL).fit(codes, openness)


@pytest.mark.parametrize(("length", "n_bins"), [(650, 3), (640, 6), (640, 4)])
def test_bins_along_a_sequence_that_do_not_fit(length, n_bins):
    codes = np.zeros((50, length), dtype=np.uint8)
    with pytest.raises(ValueError, match=f"sequences of {length} bases cannot have {n_bins} bins in y"):
        fitted(codes, np.zeros((50, n_bins, 2)), architecture="basenji")


def test_a_module_with_another_output_than_y(codes, openness):
    with pytest.raises(
        ValueError, match=r"gives outputs of shape \(3,\) for each sequence of 170 bases, wanted \(2,\)"
    ):
        fitted(codes, openness, architecture=torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4 * WIDTH, 3)))
