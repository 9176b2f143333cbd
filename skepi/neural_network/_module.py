"""The network itself: linear layers, ReLU, dropout."""

from collections.abc import Sequence
from itertools import pairwise

import torch
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


def penalty(module: MLP, l1: float, l2: float, l2_norm: str, penalize_bias: bool) -> torch.Tensor | float:
    """Penalty on the weights: ``l1 * sum|w| + l2 * sum w^2``, or ``l2 * sqrt(sum w^2)`` if unsquared."""
    if not l1 and not l2:
        return 0.0
    weights = [p for name, p in module.named_parameters() if penalize_bias or name.endswith("weight")]
    total: torch.Tensor | float = 0.0
    if l1:
        total = total + l1 * torch.stack([w.abs().sum() for w in weights]).sum()
    if l2:
        squares = torch.stack([w.square().sum() for w in weights]).sum()
        total = total + l2 * (squares if l2_norm == "squared" else squares.sqrt())
    return total
