"""The network that SequenceOpenness trains: an architecture, its link, and how its first weights are drawn."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from skepi.neural_network._architectures import ARCHITECTURES
from skepi.neural_network._both_strands import N_LETTERS, BothStrands
from skepi.neural_network._first_filters import matrices_of, set_first_filters
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

    ``start`` is what the network predicts before training, apart from what its last layer finds in the sequence: the
    mean of the training targets of each cell type.
    """
    network = _network_of(architecture, length, output_shape, scale, dropout)
    check_output(network, length, output_shape)
    if motifs is not None:
        set_first_filters(network, matrices_of(motifs))
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


def check_output(network: nn.Module, length: int, output_shape: tuple[int, ...]) -> None:
    """Refuse a network whose output has another shape than the targets of a row."""
    training = network.training
    with torch.no_grad():
        found = tuple(network.eval()(torch.zeros(2, N_LETTERS, length)).shape)
    network.train(training)
    if found not in {(2, *output_shape), (2, int(np.prod(output_shape)))}:
        raise ValueError(
            f"the architecture gives outputs of shape {found} for 2 sequences of {length} bases, wanted "
            f"{(2, *output_shape)}: one output for each target in y"
        )


def _start_at(network: nn.Module, mean: NDArray, loss: str) -> None:
    """Set the bias of the last layer, where it has one for each target, to what the link turns into the mean."""
    biases = [m.bias for m in network.modules() if isinstance(m, nn.Linear | nn.Conv1d) and m.bias is not None]
    outputs = torch.as_tensor(_unlinked(mean, loss), dtype=torch.float32)
    if biases and biases[-1].numel() % outputs.numel() == 0:
        with torch.no_grad():
            biases[-1].copy_(outputs.repeat(biases[-1].numel() // outputs.numel()))


def _unlinked(mean: NDArray, loss: str) -> NDArray:
    if loss == "poisson":
        return np.log(np.expm1(np.maximum(mean, _LEAST)))
    if loss == "bce":
        share = np.clip(mean, _LEAST, 1 - _LEAST)
        return np.log(share / (1 - share))
    return mean
