"""BothStrands: any network on DNA, made blind to the strand that a sequence is read from."""

import math

import torch
from torch import nn

#: Letters of a one-hot sequence, in the order of its channels; the reverse order is the complement.
N_LETTERS = 4


def one_hot(codes: torch.Tensor) -> torch.Tensor:
    """Sequences of codes (n, length) as float32 (n, 4, length); a letter that is not known is 0 in all channels."""
    letters = torch.arange(N_LETTERS, dtype=codes.dtype, device=codes.device)
    return (codes[:, None, :] == letters[:, None]).float()


def reverse_complement(X: torch.Tensor) -> torch.Tensor:
    """The other strand of one-hot sequences (n, 4, length)."""
    return X.flip(1, 2)


def shifted(X: torch.Tensor, shift: int) -> torch.Tensor:
    """Sequences moved to the right by ``shift`` bases, to the left where it is negative; unknown letters move in."""
    if not shift:
        return X
    length = X.shape[-1]
    moved = nn.functional.pad(X, (max(shift, 0), max(-shift, 0)))
    return moved[..., :length] if shift > 0 else moved[..., -length:]


class BothStrands(nn.Module):
    """A network that reads one strand at random in training, and averages both in prediction.

    Parameters
    ----------
    network : torch.nn.Module
        Takes one-hot sequences (n_rows, 4, length), letters in the order A, C, G, T.
    link : callable
        From the outputs of the network to what the loss takes.
    output_shape : tuple of int
        Shape of one row. If it has two dimensions, the first is the place along the sequence and turns with the strand.
    shift : int, default=0
        In training, each batch is moved by a random number of bases, at most this many to either side.
    """

    def __init__(self, network: nn.Module, link: nn.Module, output_shape: tuple[int, ...], shift: int = 0) -> None:
        super().__init__()
        self.network = network
        self.link = link
        self.output_shape = output_shape
        self.shift = shift

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Predict, (n_rows, *output_shape), from one-hot sequences (n_rows, 4, length)."""
        return self._one_strand(X) if self.training else (self._forward(X) + self._backward(X)) / 2

    def _one_strand(self, X: torch.Tensor) -> torch.Tensor:
        X = shifted(X, int(torch.randint(-self.shift, self.shift + 1, ())))
        other = torch.rand(len(X), device=X.device) < 0.5
        turned = torch.where(other[:, None, None], reverse_complement(X), X)
        found = self._forward(turned)
        if len(self.output_shape) < 2:
            return found
        return torch.where(other[:, None, None], found.flip(1), found)

    def _forward(self, X: torch.Tensor) -> torch.Tensor:
        found = self.network(X)
        if found.shape[1:] not in {self.output_shape, (math.prod(self.output_shape),)}:
            raise ValueError(
                f"the architecture gives outputs of shape {tuple(found.shape[1:])} for each sequence of {X.shape[-1]} "
                f"bases, wanted {self.output_shape}: one output for each target in y"
            )
        return self.link(found).reshape(-1, *self.output_shape)

    def _backward(self, X: torch.Tensor) -> torch.Tensor:
        found = self._forward(reverse_complement(X))
        return found.flip(1) if len(self.output_shape) == 2 else found
