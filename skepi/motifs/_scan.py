"""Scores of DNA for many motifs at once, in torch.

The score of a motif at a place is the sum of one table entry per word of up to four letters: with a table of all 256
words, a motif of eleven positions takes three look-ups, for the words at 0, 4 and 7. The last word may overlap the one
before; its table holds 0 for letters that have been counted. A word with N has the entry -inf.

Motifs of one width are scored together: their tables lie side by side, so that one look-up adds a row of numbers, which
is what ``embedding_bag`` does. Tables of up to 64 motifs and the scores of a few windows stay in the cache.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from skepi.motifs._log_odds import STEPS

_WORD = 4
_MOST_MOTIFS = 64  # of one table
_SCORES_AT_ONCE = 1 << 19  # 2 MiB of float32


class Block(NamedTuple):
    """Motifs of one width.

    Attributes
    ----------
    motifs : ndarray of int
        Their places among all.
    width : int
    offsets : ndarray of int
        Where words begin.
    table : torch.Tensor of shape (n_offsets * (4**word + 1), n_strands * n_motifs)
    """

    motifs: NDArray[np.int64]
    width: int
    offsets: NDArray[np.int64]
    table: Any

    @property
    def word(self) -> int:
        """Letters of a word."""
        return min(_WORD, self.width)


def blocks_of(scores: Sequence[NDArray[np.int64]], both_strands: bool) -> list[Block]:
    """Make the tables of motifs given as scores in steps, (width, 4) each."""
    widths = np.array([len(one) for one in scores])
    blocks = []
    for width in np.unique(widths):
        places = np.flatnonzero(widths == width)
        n_parts = -(-places.size // _MOST_MOTIFS)
        for motifs in np.array_split(places, n_parts):
            stacked = np.stack([scores[place] for place in motifs]) / STEPS
            strands = [stacked, stacked[:, ::-1, ::-1]] if both_strands else [stacked]
            blocks.append(_block(motifs, np.concatenate(strands)))
    return blocks


def _block(motifs: NDArray[np.int64], scores: NDArray[np.float64]) -> Block:
    """Tables of all words of motifs with scores in bits, (n_motifs, width, 4)."""
    import torch

    width = scores.shape[1]
    word = min(_WORD, width)
    offsets = np.array([*range(0, width - word, word), width - word])
    letters = np.arange(4**word)[:, None] // 4 ** np.arange(word)[::-1] % 4
    tables, counted = [], 0
    for offset in offsets:
        table = np.full((4**word + 1, len(scores)), -np.inf)
        new = range(counted - offset, word)
        table[:-1] = sum(scores[:, offset + k, letters[:, k]].T for k in new)
        tables.append(table)
        counted = offset + word
    return Block(motifs, width, offsets, torch.from_numpy(np.concatenate(tables).astype(np.float32)))


def words_of(letters: NDArray[np.uint8], length: int) -> NDArray[np.int32]:
    """Number of the word that begins at each place, (n, width - length + 1); 4**length where it has an N.

    Examples
    --------
    >>> words_of(np.array([[0, 1, 3, 4]], dtype=np.uint8), 2)
    array([[ 1,  7, 16]], dtype=int32)
    """
    n_places = letters.shape[1] - length + 1
    words = np.zeros((len(letters), n_places), dtype=np.int32)
    unknown = np.zeros(words.shape, dtype=bool)
    for k in range(length):
        column = letters[:, k : k + n_places]
        words *= 4
        words += column
        unknown |= column > 3
    words[unknown] = 4**length
    return words


class Scan:
    """Score windows for motifs.

    Parameters
    ----------
    scores : list of ndarray of int
        One matrix of shape (width, 4) per motif, in steps.
    thresholds : ndarray or None
        One per motif, in bits.
    both_strands : bool
    """

    def __init__(
        self, scores: Sequence[NDArray[np.int64]], thresholds: NDArray[np.float64] | None, both_strands: bool
    ) -> None:
        self._blocks = blocks_of(scores, both_strands)
        self._thresholds, self._n_strands, self._n_motifs = thresholds, 1 + both_strands, len(scores)

    def __call__(self, letters: NDArray[np.uint8], score: str) -> NDArray[np.float32]:
        """One number per window and motif, (n, n_motifs); see :class:`skepi.motifs.MotifScanner`.

        Windows are shared among as many threads as torch takes, each of which computes alone: torch's own threads would
        wait for each other after every step.
        """
        import torch

        n_threads = min(torch.get_num_threads(), len(letters))
        if n_threads == 1:
            return self._part(letters, score)
        with ThreadPoolExecutor(n_threads, initializer=torch.get_num_threads) as pool:
            parts = pool.map(partial(self._alone, score=score), np.array_split(letters, n_threads))
            return np.concatenate(list(parts))

    def _alone(self, letters: NDArray[np.uint8], score: str) -> NDArray[np.float32]:
        with threadpool_limits(1, user_api="openmp"):  # of this thread, in which torch has just set its own number
            return self._part(letters, score)

    def _part(self, letters: NDArray[np.uint8], score: str) -> NDArray[np.float32]:
        found = np.empty((len(letters), self._n_motifs), dtype=np.float32)
        words = {length: words_of(letters, length) for length in {block.word for block in self._blocks}}
        for block in self._blocks:
            thresholds = None if self._thresholds is None else self._thresholds[block.motifs]
            for rows, scores in self._scores(block, words[block.word]):
                found[rows, block.motifs] = SCORES[score](scores, thresholds)
        return found

    def _scores(self, block: Block, words: NDArray[np.int32]) -> Iterator[tuple[slice, Any]]:
        """Yield a few windows at a time: their rows, and scores in bits, (n_places, n, n_strands, n_motifs)."""
        import torch

        n_places = words.shape[1] + block.word - block.width
        first = np.arange(block.offsets.size, dtype=np.int32) * (4**block.word + 1)
        at_once = max(1, _SCORES_AT_ONCE // (n_places * block.table.shape[1]))
        for start in range(0, len(words), at_once):
            some = words[start : start + at_once].T
            entries = [some[at : at + n_places] + row for at, row in zip(block.offsets, first, strict=True)]
            bags = torch.from_numpy(np.stack(entries, axis=-1).reshape(-1, block.offsets.size))
            found = torch.nn.functional.embedding_bag(bags, block.table, mode="sum")
            yield slice(start, start + some.shape[1]), found.view(n_places, some.shape[1], self._n_strands, -1)


# Places come first, so that each step below runs along contiguous rows, whatever the number of motifs.


def _best(scores: Any, thresholds: Any) -> Any:
    return scores.flatten(1).amax(0).view(scores.shape[1:]).amax(1)


def _occupancy(scores: Any, thresholds: Any) -> Any:
    import torch

    highest = scores.flatten(1).amax(0).clamp(min=torch.finfo(scores.dtype).min)  # -inf - -inf is no number
    total = torch.exp2(scores.flatten(1) - highest).sum(0).log2() + highest
    by_strand = total.view(scores.shape[1:])
    return torch.logsumexp(by_strand * math.log(2), 1) / math.log(2)


def _hits(scores: Any, thresholds: NDArray[np.float64]) -> Any:
    import torch

    either = torch.maximum(scores[:, :, 0], scores[:, :, -1])  # becomes 1 or 0, in float32: faster than true or false
    return either.ge_(torch.from_numpy(thresholds).to(scores.dtype)).sum(0)


def _excess(scores: Any, thresholds: NDArray[np.float64]) -> Any:
    import torch

    return (_best(scores, None) - torch.from_numpy(thresholds).to(scores.dtype)).clamp(min=0)


#: From scores of all places to one number per window and motif.
SCORES: dict[str, Callable[[Any, Any], Any]] = {
    "best": _best,
    "occupancy": _occupancy,
    "hits": _hits,
    "excess": _excess,
}
