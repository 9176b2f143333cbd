"""The recurrent network itself: along the bins of each signal, then over the signals, with attention."""

from contextlib import AbstractContextManager

import torch
from torch import nn

from skepi.neural_network._module import MLP


class Attention(nn.Module):
    r"""Mean of states, weighted by how well each agrees with a learned query, and by its place.

    .. math:: v = \sum_b a_b h_b, \quad a = \mathrm{softmax}_b(h_b \cdot q + c_b)

    for the state h of place b, the query q, which is drawn from [-1, 1], and the score c of the place, which starts at
    0, and stays there where places have no scores.

    Parameters
    ----------
    n_places : int
    n_units : int
        Numbers of a state.
    place_scores : bool
        Whether places have scores of their own.
    """

    def __init__(self, n_places: int, n_units: int, place_scores: bool) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.empty(n_units).uniform_(-1, 1))
        self.places = nn.Parameter(torch.zeros(n_places)) if place_scores else None

    def forward(self, states: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the mean, (n_rows, n_units), and attention, (n_rows, n_places), of states in (row, place, unit)."""
        scores = states @ self.query
        weights = torch.softmax(scores if self.places is None else scores + self.places, dim=1)
        return (weights.unsqueeze(1).to(states.dtype) @ states).squeeze(1), weights


class AttentiveReader(nn.Module):
    """A bidirectional LSTM along a sequence, and attention to its places.

    Weights on the ``n_features`` inputs are drawn from a normal distribution of variance 1 / ``n_features``, others by
    torch's rule. With torch's rule for all, and queries within 0.1 of 0, attention starts out equal for all places, and
    networks stay long where a product of two signals cannot be seen.

    Parameters
    ----------
    n_places : int
    n_features : int
        Numbers of a place.
    n_units : int
        Units of each direction.
    place_scores : bool
        As in :class:`Attention`.
    """

    def __init__(self, n_places: int, n_features: int, n_units: int, place_scores: bool) -> None:
        super().__init__()
        self.lstm = nn.LSTM(n_features, n_units, batch_first=True, bidirectional=True)
        for name, weight in self.lstm.named_parameters():
            if name.startswith("weight_ih"):
                nn.init.normal_(weight, std=n_features**-0.5)
        self.attention = Attention(n_places, 2 * n_units, place_scores)

    def forward(self, sequence: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return one vector per row, (n_rows, 2 * n_units), and attention, (n_rows, n_places)."""
        with _with_gradients(self.training):
            states, _ = self.lstm(sequence)
        return self.attention(states)


class RecurrentAttention(nn.Module):
    """A reader per signal along the bins, one over the signals, and a linear output.

    Weights of the output are drawn by Xavier's uniform rule, all from torch's current random state.

    Parameters
    ----------
    n_signals, n_bins : int
        Features are those of the first signal in all bins, then those of the second, and so on.
    bin_units, signal_units : int
        Units of each direction of the readers along the bins and of the one over the signals.
    place_scores : bool
        As in :class:`Attention`, for bins and signals.
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
        place_scores: bool,
        dropout: float,
        output_shape: tuple[int, ...],
    ) -> None:
        super().__init__()
        self.grid = n_signals, n_bins
        self.along_bins = nn.ModuleList([AttentiveReader(n_bins, 1, bin_units, place_scores) for _ in range(n_signals)])
        self.over_signals = AttentiveReader(n_signals, 2 * bin_units, signal_units, place_scores)
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
