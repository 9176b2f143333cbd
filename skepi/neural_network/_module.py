"""The network itself: linear layers, ReLU, dropout."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn


class MLP(nn.Module):
    """Fully connected network with one output, ReLU and dropout after each hidden layer.

    Weights are drawn by Xavier's uniform rule from torch's current random state; biases start at 0.

    Parameters
    ----------
    n_features : int
    hidden : sequence of int
        Units of each hidden layer; empty for a linear model.
    dropout : float
        Fraction of hidden units that are zeroed at random in training mode.
    """

    def __init__(self, n_features: int, hidden: Sequence[int], dropout: float) -> None:
        super().__init__()
        sizes = [n_features, *hidden, 1]
        layers = [nn.Linear(a, b) for a, b in pairwise(sizes)]
        self.linears = nn.ModuleList(layers)
        self.dropout = nn.Dropout(dropout)
        for layer in layers:
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Predict, (n_rows,), from features (n_rows, n_features)."""
        *hidden, last = self.linears
        for layer in hidden:
            X = self.dropout(torch.relu(layer(X)))
        return last(X).squeeze(-1)  # (n, 1) would broadcast against y of (n,)


def add_penalty_gradient(module: MLP, l1: float, l2: float, l2_norm: str, penalize_bias: bool) -> None:
    """Add the gradient of ``l1 * sum|w| + l2 * sum w^2``, or ``l2 * sqrt(sum w^2)`` if unsquared, to that of the loss.

    In closed form it takes a sixth of the time of the same sums in the loss.
    """
    chosen = [p for name, p in module.named_parameters() if penalize_bias or name.endswith("weight")]
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


def input_gradients(module: MLP, X: torch.Tensor) -> torch.Tensor:
    """Derivative of each row's prediction by its features, (n_rows, n_features)."""
    X = X.detach().requires_grad_()
    return torch.autograd.grad(module(X).sum(), X)[0]  # rows do not see each other


def named_weights(coefs: Sequence[NDArray], intercepts: Sequence[NDArray]) -> dict[str, NDArray]:
    """Weights (n_in, n_out) and biases of each layer by the names that the module has for them."""
    weights = {f"linears.{i}.weight": np.ascontiguousarray(w.T) for i, w in enumerate(coefs)}
    return {**weights, **{f"linears.{i}.bias": b for i, b in enumerate(intercepts)}}
