"""The network that SequenceOpenness trains: an architecture, its link, and how its first weights are drawn."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from skepi.neural_network._architectures import ARCHITECTURES
from skepi.neural_network._both_strands import BothStrands
from skepi.neural_network._first_filters import motifs_of, set_first_filters
from skepi.neural_network._losses import CROSS_ENTROPY, POISSON, SQUARED_ERROR, Loss

LOSSES: dict[str, Loss] = {"mse": SQUARED_ERROR, "poisson": POISSON, "bce": CROSS_ENTROPY}
_LINKS: dict[str, Callable[[], nn.Module]] = {"mse": nn.Identity, "poisson": nn.Softplus, "bce": nn.Identity}
_LEAST = 1e-4


def sequence_network(
    architecture: Any,
    length: int,
    output_shape: tuple[int, ...],
    loss: str,
    scale: float,
    motifs: Any,
    dropout: float | None,
    shift: int,
    start: NDArray,
) -> BothStrands:
    """Make a network from its architecture: a name, a module, or a function of (length, output_shape).

    ``start`` is what a named architecture predicts before training, apart from what its last layer finds in the
    sequence: the mean of the training targets of each cell type.
    """
    network = _network_of(architecture, length, output_shape, scale, dropout)
    if motifs is not None:
        set_first_filters(network, motifs_of(motifs).matrices)
    if isinstance(architecture, str):  # a network of the user's own starts as it came
        _start_at(network, start, loss)
    return BothStrands(network, _LINKS[loss](), output_shape, shift)


def _network_of(
    architecture: Any, length: int, output_shape: tuple[int, ...], scale: float, dropout: float | None
) -> nn.Module:
    if isinstance(architecture, str):
        return ARCHITECTURES[architecture](length, output_shape, scale, dropout)
    if isinstance(architecture, nn.Module):
        return copy.deepcopy(architecture)
    return architecture(length, output_shape)


def _start_at(network: nn.Module, mean: NDArray, loss: str) -> None:
    """Set the bias of the last layer to what the link turns into the mean."""
    *_, last = (m.bias for m in network.modules() if isinstance(m, nn.Linear | nn.Conv1d) and m.bias is not None)
    outputs = torch.as_tensor(_unlinked(mean, loss), dtype=torch.float32)
    with torch.no_grad():
        last.copy_(outputs.repeat(last.numel() // outputs.numel()))


def _unlinked(mean: NDArray, loss: str) -> NDArray:
    if loss == "poisson":
        return np.log(np.expm1(np.maximum(mean, _LEAST)))
    if loss == "bce":
        share = np.clip(mean, _LEAST, 1 - _LEAST)
        return np.log(share / (1 - share))
    return mean
