"""Activations of hidden layers by name."""

from collections.abc import Callable

import torch


def identity(values: torch.Tensor) -> torch.Tensor:
    """Leave a layer linear."""
    return values


ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "identity": identity,
}
