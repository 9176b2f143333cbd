"""Scores of DNA for motifs: by a slow loop, by law, by memelite, and on the DNA of blood."""

import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_exact, assert_float32_sums, assert_float64_sums, assert_within
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from skepi.exceptions import ShortMotifWarning, TableError
from skepi.motifs import Motifs, MotifScanner, _scanner, read_motifs
from skepi.motifs._log_odds import STEPS, log_odds, tail
from skepi.paired import PairedDataset
from skepi.persistence import load_model, save_model
from skepi.sequence import Genome, PeakSequences

SCORES = ("best", "occupancy", "hits", "excess")
BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
GATA = Motifs({"GATA": np.eye(4)[[2, 0, 3, 0]]})


def random_motifs(rng, widths):
    return Motifs({f"m{k}": rng.dirichlet(np.full(4, 0.5), size=width) for k, width in enumerate(widths)})


def random_dna(rng, n, width, share_of_n=0.0):
    letters = rng.integers(0, 4, (n, width)).astype(np.uint8)
    letters[rng.random(letters.shape) < share_of_n] = 4
    return letters


def scanner(motifs, score, **settings):
    """With a threshold where the score has one."""
    if score in ("hits", "excess"):
        settings = {"relative": 0.6, **settings}
    return MotifScanner(motifs, score, **settings)


def slow_scores(letters, matrix, background, pseudocount, both_strands):
    """Scores of one window, (n_places, n_strands), one letter at a time; -inf where a place has an N."""
    odds = np.rint(256 * np.log2((matrix + pseudocount) / background)) / 256
    strands = [odds, odds[::-1, ::-1]] if both_strands else [odds]
    found = []
    for start in range(len(letters) - len(odds) + 1):
        place = letters[start : start + len(odds)]
        found.append([-np.inf if 4 in place else sum(o[k, a] for k, a in enumerate(place)) for o in strands])
    return np.array(found)


@pytest.mark.parametrize("both_strands", [True, False])
@pytest.mark.parametrize("score", SCORES)
def test_scores_are_those_of_a_slow_loop(rng, score, both_strands):
    motifs = random_motifs(rng, [1, 2, 3, 4, 5, 8, 9, 9, 13])
    letters = random_dna(rng, 7, 40, share_of_n=0.01)
    background = np.array([0.3, 0.2, 0.2, 0.3])
    model = scanner(motifs, score, background=background, pseudocount=0.01, both_strands=both_strands)
    got = model.fit_transform(letters)
    assert got.dtype == np.float32
    for j, matrix in enumerate(motifs.matrices):
        for i, window in enumerate(letters):
            s = slow_scores(window, matrix, background, 0.01, both_strands)
            if score == "occupancy":
                assert_float32_sums(got[i, j], np.log2(np.exp2(s).sum()), summed=40)
                continue
            threshold = model.thresholds_[j] if score != "best" else 0
            wanted = {
                "best": s.max(),
                "hits": (s.max(axis=1) >= threshold).sum(),
                "excess": max(s.max() - threshold, 0),
            }[score]
            assert_exact(got[i, j], np.float32(wanted))


@pytest.mark.parametrize("score", SCORES)
@given(seed=st.integers(0, 2**32 - 1))
def test_both_strands_are_read(score, seed):
    rng = np.random.default_rng(seed)
    model = scanner(random_motifs(rng, [3, 6, 11]), score, background=[0.4, 0.1, 0.3, 0.2])
    letters = random_dna(rng, 4, 30)
    other_strand = 3 - letters[:, ::-1]
    got, wanted = model.fit_transform(other_strand), model.fit_transform(letters)
    assert_float32_sums(got, wanted, summed=40) if score == "occupancy" else assert_exact(got, wanted)


@given(seed=st.integers(0, 2**32 - 1), shift=st.integers(0, 12))
def test_a_planted_consensus_reaches_the_highest_score_wherever_it_lies(seed, shift):
    rng = np.random.default_rng(seed)
    motifs = random_motifs(rng, [8])
    letters = random_dna(rng, 1, 20)
    letters[0, shift : shift + 8] = motifs.matrices[0].argmax(axis=1)
    highest = log_odds(motifs.matrices[0], np.full(4, 0.25), 1e-4).max(axis=1).sum() / STEPS
    assert_exact(MotifScanner(motifs).fit_transform(letters), np.float32([[highest]]))


@given(seed=st.integers(0, 2**32 - 1))
def test_a_wider_window_never_scores_less(seed):
    rng = np.random.default_rng(seed)
    motifs, letters = random_motifs(rng, [4, 7]), random_dna(rng, 3, 40)
    for score in ("best", "hits", "excess"):
        model = scanner(motifs, score).fit(letters)
        assert (model.transform(letters) >= model.transform(letters[:, 10:-5])).all()


@pytest.mark.parametrize("score", SCORES)
def test_batches_and_threads_change_nothing(rng, score, monkeypatch):
    motifs, letters = random_motifs(rng, [5, 6, 6, 12] * 3), random_dna(rng, 50, 60)
    model = scanner(motifs, score).fit(letters)
    whole = model.transform(letters)
    threads = torch.get_num_threads()
    monkeypatch.setattr(_scanner, "_WINDOWS_AT_ONCE", 7)
    monkeypatch.setattr("skepi.motifs._scan._SCORES_AT_ONCE", 2000)
    monkeypatch.setattr("skepi.motifs._scan._MOST_MOTIFS", 2)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    parts = model.transform(letters)
    monkeypatch.undo()
    assert_float32_sums(parts, whole, summed=40) if score == "occupancy" else assert_exact(parts, whole)
    assert torch.get_num_threads() == threads


@given(seed=st.integers(0, 2**32 - 1), width=st.integers(1, 5))
def test_p_values_are_those_of_all_words(seed, width):
    rng = np.random.default_rng(seed)
    background = rng.dirichlet(np.full(4, 5.0))
    scores = log_odds(rng.dirichlet(np.ones(4), size=width), background, 1e-3)
    words = np.indices((4,) * width).reshape(width, -1)
    of_words = sum(scores[k, words[k]] for k in range(width))
    share = np.prod(background[words], axis=0)
    lowest, probability = tail(scores, background)
    assert lowest == of_words.min()
    assert lowest + probability.size - 1 == of_words.max()
    assert_float64_sums(probability[0], 1.0)
    assert (np.diff(probability) <= 0).all()
    for t in rng.choice(of_words, 5):
        assert_float64_sums(probability[t - lowest], share[of_words >= t].sum(), summed=1)


def test_a_threshold_by_p_is_the_least_score_so_rare():
    motifs = Motifs({"GATA": GATA.matrices[0], "weak": [[0.7, 0.1, 0.1, 0.1]] * 2})
    letters = np.zeros((1, 4), dtype=np.uint8)
    # Of 16 words of "weak" one has the highest score, AA, and six the second highest, such as AC.
    model = MotifScanner(motifs, "hits", p_value=1 / 16, pseudocount=1e-9).fit(letters)
    of_a, of_c = np.rint(256 * np.log2([2.8, 0.4])) / 256
    assert of_a + of_c < model.thresholds_[1] <= 2 * of_a
    with pytest.warns(
        ShortMotifWarning, match=r"1 of 2 motifs are too short to be as rare as p = 0.01 .*: 'weak'; give a"
    ):
        model = MotifScanner(motifs, "hits", p_value=0.01).fit(letters)
    assert model.thresholds_[1] == np.inf
    with pytest.warns(ShortMotifWarning, match=r"2 of 2 motifs are too short to be as rare as p = 0.0001"):
        assert_exact(MotifScanner(motifs, "hits").fit(letters).transform(letters), np.float32([[0, 0]]))


@given(seed=st.integers(0, 2**32 - 1))
def test_rarer_thresholds_are_higher(seed):
    motifs = random_motifs(np.random.default_rng(seed), [8, 10])
    letters = np.zeros((1, 10), dtype=np.uint8)
    by_p = [MotifScanner(motifs, "hits", p_value=p).fit(letters).thresholds_ for p in (0.3, 0.01, 1e-3)]
    by_share = [MotifScanner(motifs, "hits", relative=share).fit(letters).thresholds_ for share in (0, 0.5, 1.0)]
    assert (np.diff(by_p, axis=0) >= 0).all()
    assert (np.diff(by_share, axis=0) >= 0).all()


def test_hits_in_random_dna_are_as_rare_as_stated(rng):
    motifs = random_motifs(rng, [9] * 20)
    letters = random_dna(rng, 200, 508)
    share = MotifScanner(motifs, "hits", p_value=0.01, both_strands=False).fit_transform(letters).mean() / 500
    # 100,000 places per motif; rounded up to the next score, so a little rarer.
    assert_within(share, 0.0098, 0.0007, "a share of 2 million places that overlap")


def test_background_is_uniform_given_or_that_of_the_sequences(rng):
    letters = np.array([[0, 0, 0, 1, 1, 2, 3, 3, 4]], dtype=np.uint8)
    one = {"both_strands": False}
    assert_exact(MotifScanner(GATA).fit(letters).background_, [0.25] * 4)
    assert_float64_sums(
        MotifScanner(GATA, background="sequences", **one).fit(letters).background_, np.array([3, 2, 1, 2]) / 8
    )
    assert_float64_sums(
        MotifScanner(GATA, background="sequences").fit(letters).background_, np.array([5, 3, 3, 5]) / 16
    )
    assert_float64_sums(
        MotifScanner(GATA, background=[0.4, 0.3, 0.2, 0.1], **one).fit(letters).background_, [0.4, 0.3, 0.2, 0.1]
    )
    with pytest.raises(TableError, match=r"a letter never occurs \(A, C, G, T: \[1, 1, 1, 0\]\)"):
        MotifScanner(GATA, background="sequences").fit(np.array([[0, 1, 2, 4]]))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"score": "sum"}, "score must be one of"),
        ({"pseudocount": 0}, "pseudocount must be"),
        ({"both_strands": "no"}, "both_strands must be True or False"),
        ({"p_value": 0.1}, "score='best' has no threshold: leave out p_value"),
        ({"score": "hits", "p_value": 0.1, "relative": 0.8}, "give p_value or relative, not both"),
        ({"score": "hits", "p_value": 1}, "p_value must be a number with 0 <= p_value < 1|p_value must be"),
        ({"score": "hits", "relative": 1.2}, "relative must be a number from 0 to 1, got 1.2"),
        ({"score": "hits", "relative": True}, "relative must be a number from 0 to 1, got True"),
        ({"background": "genome"}, "background must be one of"),
        ({"background": [0.25, 0.25, 0.25, 0.2]}, "four probabilities of A, C, G and T above 0 that add up to 1"),
        ({"background": [0.5, 0.5, 0, 0]}, "four probabilities"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        MotifScanner(GATA, **settings).fit(np.zeros((1, 5), dtype=np.uint8))


@pytest.mark.parametrize(
    ("sequences", "error", "message"),
    [
        (["ACGT"], TypeError, "wanted windows of DNA, as PeakSequences or as an array .*, got list"),
        (np.zeros(5, dtype=np.uint8), TableError, r"shape \(n, width\), got shape \(5,\)"),
        (np.zeros((0, 5), dtype=np.uint8), TableError, r"got shape \(0, 5\)"),
        (np.zeros((1, 3), dtype=np.uint8), TableError, "windows of 3 bp are narrower than the motif 'GATA' of 4 bp"),
        (np.zeros((1, 5)), TypeError, "wanted numbers 0 to 4 .*, got float64"),
        (np.array([[0] * 5, [0, 0, 7, 0, 0]]), TableError, "got 7 in row 1, position 2"),
        (
            np.array([[0] * 5, [0, 0, 4, 0, 0]]),
            TableError,
            "1 window.s. have no place free of N .* row 1 for 'GATA'; leave",
        ),
    ],
)
def test_bad_sequences(sequences, error, message):
    with pytest.raises(error, match=message):
        MotifScanner(GATA).fit_transform(sequences)


def test_sequences_of_peaks_are_read_as_arrays_are(rng):
    letters, motifs = random_dna(rng, 5, 30, share_of_n=0.02), random_motifs(rng, [4, 9])
    sequences = PeakSequences.from_strings(["".join("ACGTN"[code] for code in window) for window in letters])
    for score in SCORES:
        model = scanner(motifs, score, background="sequences").fit(sequences)
        assert_exact(model.transform(sequences), model.transform(letters))
    assert_exact(model.peak_features(sequences).to_numpy(), model.transform(letters))


def test_motifs_must_be_motifs():
    with pytest.raises(TypeError, match="motifs must be Motifs, such as read_motifs"):
        MotifScanner({"GATA": np.eye(4)}).fit(np.zeros((1, 5), dtype=np.uint8))


def test_a_place_with_n_is_no_hit():
    letters = np.array([[2, 0, 3, 0, 4, 4, 4], [2, 0, 4, 0, 4, 4, 4]], dtype=np.uint8)
    assert_exact(scanner(GATA, "hits").fit_transform(letters), np.float32([[1], [0]]))
    assert_exact(scanner(GATA, "excess", relative=1.0).fit_transform(letters), np.float32([[0], [0]]))


def test_scores_go_to_a_file_where_asked(rng, tmp_path):
    motifs, letters = random_motifs(rng, [5, 8]), random_dna(rng, 9, 20)
    model = MotifScanner(motifs).fit(letters)
    mapped = model.transform(letters, out=tmp_path / "best.npy")
    assert isinstance(mapped, np.memmap)
    assert_exact(mapped, model.transform(letters))
    assert_exact(np.load(tmp_path / "best.npy"), mapped)
    letters[8] = 4
    with pytest.raises(TableError, match="no place free of N"):
        model.transform(letters, out=tmp_path / "never.npy")
    assert [path.name for path in tmp_path.iterdir()] == ["best.npy"]


def test_peak_features_are_sparse_and_named(rng):
    motifs, letters = random_motifs(rng, [6, 9]), random_dna(rng, 30, 40)
    model = scanner(motifs, "excess", relative=0.8).fit(letters)
    features = model.peak_features(letters, index=[f"peak{k}" for k in range(30)])
    assert features.index[3] == "peak3"
    assert features.columns.tolist() == ["m0", "m1"]
    assert 0 < features.sparse.density < 1
    assert_exact(features.sparse.to_dense().to_numpy(), model.transform(letters))
    with pytest.raises(ValueError, match="wanted score='hits' or 'excess', got 'best'"):
        MotifScanner(motifs).fit(letters).peak_features(letters)


def test_features_are_named_after_the_peaks_they_are_of(rng):
    genome = Genome.from_strings({"chr1": "".join(rng.choice(list("ACGT"), 900))})
    peaks = pd.DataFrame({"chrom": "chr1", "start": np.arange(8) * 100, "end": np.arange(8) * 100 + 80})
    model = scanner(random_motifs(rng, [4, 5]), "hits", relative=0.7).fit(PeakSequences(genome, peaks, 80))
    features = model.peak_features(PeakSequences(genome, peaks, 80))
    assert features.index[:2].tolist() == ["chr1:0-80", "chr1:100-180"]

    openness = pd.DataFrame(rng.gamma(1, size=(8, 2)), columns=["A", "B"])
    genes = pd.DataFrame({"name": ["g"], "chrom": ["chr1"], "tss": [400], "strand": ["+"]})
    wanted = PairedDataset(openness, peaks, genes, peak_features=features).peak_features.to_numpy()
    assert_exact(wanted, features.to_numpy())
    turned = model.peak_features(PeakSequences(genome, peaks[::-1], 80))
    assert_exact(PairedDataset(openness, peaks, genes, peak_features=turned).peak_features.to_numpy(), wanted)
    moved = model.peak_features(PeakSequences(genome, peaks.assign(start=peaks["start"] + 10), 80))
    with pytest.raises(TableError, match=r"peak_features: row labels name .* row 0 is chr1:10-80.*another assembly"):
        PairedDataset(openness, peaks, genes, peak_features=moved)
    some_moved = peaks.assign(start=peaks["start"].where(peaks["start"] != 200, 210))
    with pytest.raises(TableError, match=r"peak_features: row labels do not match peaks .*only in .*chr1:210-280"):
        PairedDataset(openness, peaks, genes, peak_features=model.peak_features(PeakSequences(genome, some_moved, 80)))


def test_families_have_the_greatest_number_of_their_motifs(rng):
    motifs, letters = random_motifs(rng, [6, 9, 5]), random_dna(rng, 8, 20)
    alone = MotifScanner(motifs).fit_transform(letters)
    groups = pd.Series({"m0": "b", "m1": "a", "m2": "b"})
    model = MotifScanner(motifs, groups=groups).fit(letters)
    assert model.get_feature_names_out().tolist() == ["b", "a"]
    assert_exact(model.transform(letters), np.stack([alone[:, [0, 2]].max(axis=1), alone[:, 1]], axis=1))
    with pytest.raises(TableError, match=r"no family for 2 motif\(s\): 'm1', 'm2'"):
        MotifScanner(motifs, groups={"m0": "a", "m1": None}).fit(letters)
    with pytest.raises(TypeError, match="groups must be a mapping from motif to family"):
        MotifScanner(motifs, groups=["a", "b", "b"]).fit(letters)


def test_a_scanner_is_a_step_like_any_other(rng, tmp_path):
    motifs, letters = random_motifs(rng, [6, 9]), random_dna(rng, 12, 20)
    y = rng.normal(size=12)
    model = make_pipeline(clone(MotifScanner(motifs)), Ridge()).fit(letters, y)
    wanted = model.predict(letters)
    assert_exact(pickle.loads(pickle.dumps(model)).predict(letters), wanted)
    save_model(model, tmp_path / "model.skepi")
    assert_exact(load_model(tmp_path / "model.skepi").predict(letters), wanted)
    table = MotifScanner(motifs).set_output(transform="pandas").fit_transform(letters)
    assert table.columns.tolist() == ["m0", "m1"]


@pytest.mark.slow
def test_memelite_finds_the_same_hits(motifs_path, rng):
    """All matrices. memelite rounds to 0.1 bit for p-values: thresholds differ by up to 0.05 bit per position."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of numba
        fimo = pytest.importorskip("memelite").fimo
    motifs = read_motifs(motifs_path / "JASPAR2024_CORE_human.meme.gz")
    letters = random_dna(rng, 40, 300)
    p_value = 1e-3
    hot = (letters[:, None, :] == np.arange(4)[:, None]).astype(np.int8)
    tables = fimo(
        {name: matrix.T for name, matrix in zip(motifs.names, motifs.matrices, strict=True)}, hot, threshold=p_value
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ShortMotifWarning)
        model = MotifScanner(motifs, "hits", p_value=p_value).fit(letters)
    best = MotifScanner(motifs).fit_transform(letters)
    n_compared = 0
    for j, (hits, width, threshold) in enumerate(zip(tables, motifs.widths, model.thresholds_, strict=True)):
        theirs = hits.groupby("sequence_name")["score"].max()
        if len(theirs):
            # Each position is rounded to 1/256 bit here and not there.
            assert_within(theirs, best[theirs.index, j], width / 512 + 1e-4, "rounding to 1/256 bit")
        border = 0.05 * width + 0.1
        clear = np.flatnonzero(np.abs(best[:, j] - threshold) > border)
        assert set(clear[best[clear, j] > threshold]) == set(theirs.index) & set(clear)
        n_compared += clear.size
    assert n_compared > 0.8 * best.size


@pytest.mark.slow
def test_scores_predict_openness_of_blood_on_chromosomes_never_seen(
    motifs_path, heme_dna_path, blood_path, monkeypatch
):
    """R2 of .21 and r of .39 for openness relative to the mean of the populations in the README of the data."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import motif_ridge

    letters, chromosomes, openness = motif_ridge.read_sites(heme_dna_path, blood_path)
    motifs = read_motifs(motifs_path / "JASPAR2024_CORE_human.meme.gz")
    found = motif_ridge.table(letters, chromosomes, openness, motifs)
    r2, r, r_ery = found["relative", "motifs"]
    assert r2 > 0.15
    assert r > 0.3
    assert r_ery > 0.5
    assert found["levels", "motifs"][0] > found["levels", "GC"][0] + 0.1


@pytest.mark.slow
def test_torch_is_imported_when_dna_is_scored():
    code = "import sys, skepi.motifs; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
