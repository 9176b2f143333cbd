"""Sequences shuffled so that every pair of neighbouring letters occurs as often as before."""

from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from skepi._dna import UNKNOWN, Codes, check_codes

_N_CODES = UNKNOWN + 1


def shuffle_dinucleotides(codes: Codes, random_state: Any = None) -> Codes:
    """Shuffle sequences and keep how often each letter follows each other letter.

    What is left of a sequence is its composition, CpG share included; motifs are broken. First and last letter stay.
    Every sequence with the same counts is equally likely.

    Parameters
    ----------
    codes : ndarray of uint8, shape (n_sequences, width)
        A 0, C 1, G 2, T 3, N 4. Not changed.
    random_state : int, RandomState or None, default=None

    Returns
    -------
    ndarray of uint8, shape (n_sequences, width)

    Raises
    ------
    TableError
        For codes that are no DNA.

    Notes
    -----
    Source: Altschul & Erickson 1985, Molecular Biology and Evolution 2, 526: a random walk that uses each step once, by
    a random tree of the last steps out of each letter.

    Examples
    --------
    >>> codes = np.array([[0, 1, 2, 0, 1, 3, 0]], np.uint8)
    >>> shuffle_dinucleotides(codes, random_state=3).tolist()  # A C is twice in it, and C G, G A, C T, T A once
    [[0, 1, 3, 0, 1, 2, 0]]
    """
    codes = np.asarray(codes)
    check_codes(codes)
    rng = check_random_state(random_state)
    return np.stack([_shuffled(sequence, rng) for sequence in codes]) if codes.size else codes.copy()


def _shuffled(sequence: Codes, rng: np.random.RandomState) -> Codes:
    followers = [sequence[1:][sequence[:-1] == letter] for letter in range(_N_CODES)]
    last_steps = _random_tree(followers, int(sequence[-1]), rng)
    steps = [_in_order(found, last, rng) for found, last in zip(followers, last_steps, strict=True)]
    taken = [0] * _N_CODES
    walk = np.empty_like(sequence)
    walk[0] = letter = int(sequence[0])
    for place in range(1, len(sequence)):
        following = int(steps[letter][taken[letter]])
        taken[letter] += 1
        walk[place] = letter = following
    return walk


def _random_tree(followers: list[Codes], root: int, rng: np.random.RandomState) -> list[int]:
    """The last step out of each letter, drawn until all of them lead to the last letter of the sequence."""
    while True:
        drawn = [int(rng.choice(found)) if len(found) else root for found in followers]
        if all(_reaches(letter, root, drawn) for letter in range(_N_CODES)):
            return drawn


def _reaches(letter: int, root: int, steps: list[int]) -> bool:
    for _ in range(_N_CODES):
        if letter == root:
            return True
        letter = steps[letter]
    return letter == root


def _in_order(steps: Codes, last: int, rng: np.random.RandomState) -> Codes:
    """Steps in random order, apart from one to ``last`` that comes last."""
    if not len(steps):
        return steps
    return np.append(rng.permutation(np.delete(steps, np.argmax(steps == last))), np.uint8(last))
