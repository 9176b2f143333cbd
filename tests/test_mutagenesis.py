"""shuffle_dinucleotides keeps pairs of letters; mutagenesis changes one letter at a time."""

from collections import Counter
from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_exact, assert_within

from skepi.exceptions import TableError
from skepi.inspection import mutagenesis
from skepi.sequence import shuffle_dinucleotides

# --- shuffles


@given(st.lists(st.integers(0, 4), min_size=1, max_size=40), st.integers(0, 2**31 - 1))
def test_pairs_of_neighbouring_letters_stay(letters, seed):
    codes = np.array([letters], np.uint8)
    kept = codes.copy()
    found = shuffle_dinucleotides(codes, seed)[0].tolist()
    assert Counter(pairwise(found)) == Counter(pairwise(letters))
    assert (found[0], found[-1]) == (letters[0], letters[-1])
    assert_exact(codes, kept)


def test_all_sequences_with_the_same_pairs_are_equally_likely():
    letters = [0, 1, 0, 2, 0, 1, 2, 0]
    same = {
        order
        for order in permutations(letters)
        if order[0] == letters[0] and Counter(pairwise(order)) == Counter(pairwise(letters))
    }
    n = 400 * len(same)
    drawn = Counter(map(tuple, shuffle_dinucleotides(np.array([letters] * n, np.uint8), 0).tolist()))
    assert set(drawn) == same
    assert len(same) > 3
    statistic = sum((count - 400) ** 2 / 400 for count in drawn.values())
    assert statistic < 5 * len(same)  # chi-squared with len(same) - 1 degrees of freedom


def test_shuffles_break_what_is_longer_than_two_letters(rng):
    codes = rng.integers(0, 4, (20, 200), dtype=np.uint8)
    found = shuffle_dinucleotides(codes, 0)
    assert (found != codes).mean() > 0.5
    assert_exact(found, shuffle_dinucleotides(codes, 0))
    assert shuffle_dinucleotides(codes[:0]).shape == (0, 200)


def test_shuffles_of_what_is_no_dna():
    with pytest.raises(TableError):
        shuffle_dinucleotides(np.array([[0, 7]], np.uint8))


# --- mutagenesis


class Motif:
    """A model that looks for GATA, and likes the second target half as much."""

    def predict(self, codes):
        windows = np.lib.stride_tricks.sliding_window_view(codes, 4, axis=1)
        found = (windows == np.array([2, 0, 3, 0])).all(axis=2).any(axis=1)
        return np.c_[found, 0.5 * found]


def with_motif(rng, at, width=40):
    codes = rng.integers(0, 2, (1, width), dtype=np.uint8)  # A and C alone
    codes[0, at : at + 4] = [2, 0, 3, 0]
    return codes


def test_only_letters_of_the_site_count(rng):
    codes = with_motif(rng, 11)
    table = mutagenesis(Motif(), codes, cell_types=["B", "T"], random_state=0)
    assert len(table) == 40 * 3 * 2
    inside = table["position"].between(11, 14)
    for cell_type, effect in (("B", -1), ("T", -0.5)):
        of_it = table["cell_type"] == cell_type
        assert set(table.loc[of_it & inside, "effect"]) == {effect}
        assert set(table.loc[of_it & ~inside, "effect"]) == {0}
    assert (table["reference"] != table["alternative"]).all()
    assert table.loc[table["position"] == 11, "reference"].unique().tolist() == ["G"]


def test_each_effect_is_that_of_its_change(rng):
    weights = rng.normal(size=(4, 9))

    class Linear:
        def predict(self, codes):
            return weights[codes, np.arange(9)].sum(axis=1)

    codes = rng.integers(0, 4, (2, 9), dtype=np.uint8)
    table = mutagenesis(Linear(), codes, n_shuffles=0)
    letter = {name: code for code, name in enumerate("ACGT")}
    for row in table.sample(20, random_state=0).itertuples():
        change = weights[letter[row.alternative], row.position] - weights[letter[row.reference], row.position]
        assert_within(row.effect, change, 1e-12, "two sums of nine weights")
        assert codes[row.sequence, row.position] == letter[row.reference]
    assert table["limit"].isna().all()


def test_unknown_letters_are_left_out(rng):
    codes = with_motif(rng, 11)
    codes[0, [0, 39]] = 4
    table = mutagenesis(Motif(), codes, n_shuffles=0)
    assert sorted(set(table["position"])) == list(range(1, 39))


def test_many_variants_are_predicted_in_parts(rng, monkeypatch):
    whole = mutagenesis(Motif(), with_motif(rng, 11), n_shuffles=0)
    monkeypatch.setattr("skepi.inspection._mutagenesis._AT_ONCE", 7 * 40)
    assert_exact(
        mutagenesis(Motif(), with_motif(np.random.default_rng(0), 11), n_shuffles=0)["position"], whole["position"]
    )


def test_the_limit_is_that_of_shuffled_sequences(rng):
    class Last:
        """The share of G after the number of C: shuffles keep it, so the largest effect is known."""

        def predict(self, codes):
            return (codes == 2).sum(axis=1).astype(float)

    table = mutagenesis(Last(), rng.integers(0, 4, (2, 30), dtype=np.uint8), random_state=0)
    assert set(table["limit"]) == {1.0}


def test_names_of_another_number_of_targets(rng):
    with pytest.raises(ValueError, match=r"1 cell_types for 2 target\(s\) of the model"):
        mutagenesis(Motif(), with_motif(rng, 3), cell_types=["B"], n_shuffles=0)


@pytest.mark.parametrize("shape", [(40,), (0, 40)])
def test_one_sequence_is_asked_for_as_an_array_of_sequences(shape):
    with pytest.raises(ValueError, match=r"give sequences\[\[row\]\] for a single one"):
        mutagenesis(Motif(), np.zeros(shape, np.uint8))


def test_letters_are_no_codes():
    with pytest.raises(TableError, match="uint8"):
        mutagenesis(Motif(), np.array([list("ACGT")]))


def test_too_few_shuffles_for_a_level(rng):
    with pytest.raises(ValueError, match="need at least 19 permutations"):
        mutagenesis(Motif(), with_motif(rng, 3), n_shuffles=18)
