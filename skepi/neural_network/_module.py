"""The fully connected network itself: linear layers, an activation, dropout; penalties and gradients of any network."""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from skepi.neural_network._activations import ACTIVATIONS


class MLP(nn.Module):
    """Fully connected network, with an activation and dropout after each hidden layer.

    Weights are drawn by Xavier's uniform rule from torch's current random state; biases start at 0.

    Parameters
    ----------
    n_features : int
    hidden : sequence of int
        Units of each hidden layer; empty for a linear model.
    dropout : float
        Fraction of hidden units that are zeroed at random in training mode.
    activation : {"relu", "tanh", "identity"}, default="relu"
    output_shape : tuple of int, default=()
        Shape of the output of a row: ``()`` is one number, ``(n_targets,)`` a vector.
    """

    def __init__(
        self,
        n_features: int,
        hidden: Sequence[int],
        dropout: float,
        activation: str = "relu",
        output_shape: tuple[int, ...] = (),
    ) -> None:
        super().__init__()
        self.output_shape = output_shape
        self.activation = ACTIVATIONS[activation]
        sizes = [n_features, *hidden, math.prod(output_shape)]
        layers = [nn.Linear(a, b) for a, b in pairwise(sizes)]
        self.linears = nn.ModuleList(layers)
        self.dropout = nn.Dropout(dropout)
        for layer in layers:
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Predict, (n_rows, *output_shape), from features (n_rows, n_features)."""
        *hidden, last = self.linears
        for layer in hidden:
            X = self.dropout(self.activation(layer(X)))
        return last(X).reshape(-1, *self.output_shape)  # (n, 1) would broadcast against y of (n,)


def add_penalty_gradient(module: nn.Module, l1: float, l2: float, l2_norm: str, penalize_bias: bool) -> None:
    """Add the gradient of ``l1 * sum|w| + l2 * sum w^2``, or ``l2 * sqrt(sum w^2)`` if unsquared, to that of the loss.

    In closed form it takes a sixth of the time of the same sums in the loss.
    """
    chosen = [p for name, p in module.named_parameters() if penalize_bias or not is_bias(name)]
    weights = [(p, p.grad) for p in chosen if p.grad is not None]
    with torch.no_grad():
        if l1:
            for w, gradient in weights:
                gradient.add_(w.sign(), alpha=l1)
        if l2 and l2_norm == "squared":
            for w, gradient in weights:
                gradient.add_(w, alpha=2 * l2)
        elif l2:
            norm = torch.stack([w.square().sum() for w, _ in weights]).sum().sqrt()
            for w, gradient in weights:
                gradient.add_(w / norm, alpha=l2)


def is_bias(name: str) -> bool:
    """Whether a parameter of this name is a bias; recurrent layers call theirs ``bias_ih_l0`` and the like."""
    return name.rpartition(".")[2].startswith("bias")


def input_gradients(module: nn.Module, X: torch.Tensor) -> torch.Tensor:
    """Derivative of each output of each row by its features, (n_rows, *output_shape, n_features)."""
    X = X.detach().requires_grad_()
    outputs = module(X)
    if outputs.ndim == 1:
        return torch.autograd.grad(outputs.sum(), X)[0]  # rows do not see each other
    sums = outputs.sum(dim=0)
    return torch.stack([torch.autograd.grad(one, X, retain_graph=True)[0] for one in sums], dim=1)


def named_weights(coefs: Sequence[NDArray], intercepts: Sequence[NDArray]) -> dict[str, NDArray]:
    """Weights (n_in, n_out) and biases of each layer by the names that the module has for them."""
    weights = {f"linears.{i}.weight": np.ascontiguousarray(w.T) for i, w in enumerate(coefs)}
    return {**weights, **{f"linears.{i}.bias": b for i, b in enumerate(intercepts)}}
