"""The recurrent network itself: along the bins of each signal, then over the signals, with attention."""

from contextlib import AbstractContextManager

import torch
from torch import nn

from skepi.neural_network._module import MLP


class Attention(nn.Module):
    r"""Mean of states, weighted by how well each agrees with a learned query.

    .. math:: v = \sum_b a_b h_b, \quad a = \mathrm{softmax}_b(h_b \cdot q)

    for the state h of place b and the query q, which is drawn from [-0.1, 0.1].

    Parameters
    ----------
    n_units : int
        Numbers of a state.
    """

    def __init__(self, n_units: int) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.empty(n_units).uniform_(-0.1, 0.1))

    def forward(self, states: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the mean, (n_rows, n_units), and attention, (n_rows, n_places), of states in (row, place, unit)."""
        weights = torch.softmax(states @ self.query, dim=1)
        return (weights.unsqueeze(1).to(states.dtype) @ states).squeeze(1), weights


class AttentiveReader(nn.Module):
    """A bidirectional LSTM along a sequence, and attention to its places.

    Parameters
    ----------
    n_features : int
        Numbers of a place.
    n_units : int
        Units of each direction.
    """

    def __init__(self, n_features: int, n_units: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(n_features, n_units, batch_first=True, bidirectional=True)
        self.attention = Attention(2 * n_units)

    def forward(self, sequence: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return one vector per row, (n_rows, 2 * n_units), and attention, (n_rows, n_places)."""
        with _with_gradients(self.training):
            states, _ = self.lstm(sequence)
        return self.attention(states)


class RecurrentAttention(nn.Module):
    """A reader per signal along the bins, one over the signals, and a linear output.

    Weights of the LSTMs and of the attention are drawn by torch's rules from its current random state, those of the
    output by Xavier's uniform rule.

    Parameters
    ----------
    n_signals, n_bins : int
        Features are those of the first signal in all bins, then those of the second, and so on.
    bin_units, signal_units : int
        Units of each direction of the readers along the bins and of the one over the signals.
    dropout : float
        Fraction of the values of each signal's vector and of the last vector that are zeroed at random in training.
    output_shape : tuple of int
        As in :class:`MLP`.
    """

    def __init__(
        self,
        n_signals: int,
        n_bins: int,
        bin_units: int,
        signal_units: int,
        dropout: float,
        output_shape: tuple[int, ...],
    ) -> None:
        super().__init__()
        self.grid = n_signals, n_bins
        self.along_bins = nn.ModuleList([AttentiveReader(1, bin_units) for _ in range(n_signals)])
        self.over_signals = AttentiveReader(2 * bin_units, signal_units)
        self.dropout = nn.Dropout(dropout)
        self.output = MLP(2 * signal_units, (), 0.0, output_shape=output_shape)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Predict, (n_rows, *output_shape), from features (n_rows, n_signals * n_bins)."""
        signals, _ = self._read_bins(X)
        row, _ = self.over_signals(signals)
        return self.output(self.dropout(row))

    def attention(self, X: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Attention to bins, (n_rows, n_signals, n_bins), and to signals, (n_rows, n_signals)."""
        signals, to_bins = self._read_bins(X)
        _, to_signals = self.over_signals(signals)
        return to_bins, to_signals

    def _read_bins(self, X: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """One vector per signal, and attention to its bins."""
        signals = X.reshape(-1, *self.grid, 1).unbind(dim=1)
        vectors, weights = zip(*(read(one) for read, one in zip(self.along_bins, signals, strict=True)), strict=True)
        return self.dropout(torch.stack(vectors, dim=1)), torch.stack(weights, dim=1)


def _with_gradients(training: bool) -> AbstractContextManager:
    """Where recurrent layers have gradients: those of cuDNN have none outside training."""
    return torch.backends.cudnn.flags(enabled=training and torch.backends.cudnn.enabled)
