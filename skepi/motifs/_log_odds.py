"""Log-odds scores of motifs, and which of them are rare enough."""

import numpy as np
from numpy.typing import NDArray

#: Steps per bit. Scores are whole numbers of steps, so that float32 adds them up without any error, in any order.
STEPS = 256


def log_odds(matrix: NDArray[np.float64], background: NDArray[np.float64], pseudocount: float) -> NDArray[np.int64]:
    """Score of each letter at each position, (width, 4), in steps of 1/256 bit.

    Examples
    --------
    >>> log_odds(np.array([[0.5, 0.5, 0.0, 0.0]]), np.full(4, 0.25), 0.25) / STEPS
    array([[1.5859375, 1.5859375, 0.       , 0.       ]])
    """
    return np.rint(STEPS * np.log2((matrix + pseudocount) / background)).astype(np.int64)


def tail(scores: NDArray[np.int64], background: NDArray[np.float64]) -> tuple[int, NDArray[np.float64]]:
    """Probability of each score or a higher one, at a position of random DNA.

    Returns
    -------
    lowest : int
        In steps.
    tail : ndarray
        Probability that the score is ``lowest + k`` steps or more, for k from 0 to the highest score.

    Examples
    --------
    >>> lowest, probability = tail(np.array([[2, 0, 0, 0], [1, 0, 0, 0]]), np.full(4, 0.25))
    >>> lowest, probability
    (0, array([1.    , 0.4375, 0.25  , 0.0625]))
    """
    density = np.ones(1)
    for row in scores - scores.min(axis=1, keepdims=True):
        longer = np.zeros(density.size + int(row.max()))
        for step, share in zip(row, background, strict=True):
            longer[step : step + density.size] += share * density
        density = longer
    return int(scores.min(axis=1).sum()), density[::-1].cumsum()[::-1]


def threshold_by_p(scores: NDArray[np.int64], background: NDArray[np.float64], p_value: float) -> float:
    """Least score, in bits, that random DNA reaches with ``p_value`` or less; infinite where none is so rare."""
    lowest, probability = tail(scores, background)
    rare = np.flatnonzero(probability <= p_value * (1 + 1e-9))
    return (lowest + int(rare[0])) / STEPS if rare.size else np.inf


def threshold_by_share(scores: NDArray[np.int64], share: float) -> float:
    """Score, in bits, that lies ``share`` of the way from the lowest to the highest."""
    lowest, highest = scores.min(axis=1).sum(), scores.max(axis=1).sum()
    return float(np.ceil(lowest + share * (highest - lowest) - 1e-9)) / STEPS
