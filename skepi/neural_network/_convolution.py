"""The convolutional network itself: filters along the bins of all signals, pooling, dense layers."""

from collections.abc import Sequence

import torch
from torch import nn

from skepi.neural_network._activations import ACTIVATIONS
from skepi.neural_network._module import MLP


class BinConvolution(nn.Module):
    """One convolution along the bins, with signals as channels, then pooling, dropout and dense layers.

    Weights are drawn by Xavier's uniform rule from torch's current random state; biases start at 0.

    Parameters
    ----------
    n_signals, n_bins : int
        Features are those of the first signal in all bins, then those of the second, and so on.
    filters, width : int
        Filters, and the bins that each of them spans; there is no padding.
    pool : int
        Neighbouring places of which the largest value is kept; places left over at the end are dropped.
    dropout : float
        Fraction of pooled values that are zeroed at random in training mode.
    hidden : sequence of int
        Units of each dense layer.
    activation : {"relu", "tanh", "identity"}
    output_shape : tuple of int
        As in :class:`MLP`.
    """

    def __init__(
        self,
        n_signals: int,
        n_bins: int,
        filters: int,
        width: int,
        pool: int,
        dropout: float,
        hidden: Sequence[int],
        activation: str,
        output_shape: tuple[int, ...],
    ) -> None:
        super().__init__()
        self.grid = n_signals, n_bins
        self.convolution = nn.Conv1d(n_signals, filters, width)
        nn.init.xavier_uniform_(self.convolution.weight)
        nn.init.zeros_(self.convolution.get_parameter("bias"))
        self.activation = ACTIVATIONS[activation]
        self.pool = nn.MaxPool1d(pool)
        self.dropout = nn.Dropout(dropout)
        self.dense = MLP(filters * ((n_bins - width + 1) // pool), hidden, 0.0, activation, output_shape)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Predict, (n_rows, *output_shape), from features (n_rows, n_signals * n_bins)."""
        found = self.activation(self.convolution(X.reshape(-1, *self.grid)))
        return self.dense(self.dropout(self.pool(found)).flatten(1))
