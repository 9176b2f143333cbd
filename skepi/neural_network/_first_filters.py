"""First filters of a network on DNA from position probability matrices of motifs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from skepi.motifs import Motifs

#: Added to each probability, so that a letter which never occurs has a finite score.
_PSEUDO = 0.01
#: Standard deviations of the score in uniform DNA below which a filter answers 0.
_THRESHOLD = 2.0


def motifs_of(motifs: Any) -> Motifs:
    """Motifs that were given as such or as a mapping of names to matrices, or what is wrong with them."""
    return motifs if isinstance(motifs, Motifs) else Motifs(motifs)


def set_first_filters(network: nn.Module, matrices: Sequence[NDArray]) -> None:
    """Start the first filters of the first convolution at the log-odds of motifs, one motif per filter.

    Scores are divided by their standard deviation in uniform DNA. A motif wider than the filters gives its most
    informative positions, a narrower one lies in the middle.
    """
    first = next((m for m in network.modules() if isinstance(m, nn.Conv1d)), None)
    if first is None or first.in_channels != 4:
        raise ValueError("motifs= needs a network whose first convolution (torch.nn.Conv1d) reads the 4 letters")
    n_filters, _, width = first.weight.shape
    if len(matrices) > n_filters:
        raise ValueError(
            f"{len(matrices)} motifs for {n_filters} first filters: give fewer motifs, or a larger scale of the network"
        )
    filters = np.stack([filter_of(matrix, width) for matrix in matrices])
    with torch.no_grad():
        first.weight[: len(filters)] = torch.from_numpy(filters)
        if first.bias is not None:
            first.bias[: len(filters)] = -_THRESHOLD


def filter_of(matrix: NDArray, width: int) -> NDArray[np.float32]:
    """Weights (4, width) that score a motif of probabilities (n_positions, 4), with unit SD in uniform DNA."""
    odds = np.log2((matrix + _PSEUDO) / (1 + 4 * _PSEUDO) * 4)
    odds = odds - odds.mean(axis=1, keepdims=True)
    kept = odds[_most_informative(odds, width)]
    before = (width - len(kept)) // 2
    weights = np.zeros((4, width), dtype=np.float32)
    weights[:, before : before + len(kept)] = (kept / np.sqrt((kept**2).mean(axis=1).sum())).T
    return weights


def _most_informative(odds: NDArray, width: int) -> slice:
    """The stretch of at most ``width`` positions whose scores vary most."""
    if len(odds) <= width:
        return slice(None)
    sums = np.convolve((odds**2).sum(axis=1), np.ones(width), mode="valid")
    return slice(int(sums.argmax()), int(sums.argmax()) + width)
