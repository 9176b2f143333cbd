"""Published networks that read DNA, at any scale: Basset, DeepSEA, DanQ and Basenji.

Each takes one-hot sequences (n_rows, 4, length) and gives raw outputs, to which no link was applied. At ``scale=1`` it
has the published number of units; a smaller scale makes every layer but the output narrower.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import nn

from skepi.neural_network._both_strands import N_LETTERS, reverse_complement

Size = Callable[[int], int]

#: Bases that one output of :func:`basenji` stands for.
BASENJI_BIN_BP = 128


class _Bidirectional(nn.Module):
    """Bidirectional LSTM over places: (n, channels, places) to (n, 2 * units, places)."""

    def __init__(self, channels: int, units: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(channels, units, batch_first=True, bidirectional=True)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.lstm(X.transpose(1, 2))[0].transpose(1, 2)


class _Residual(nn.Module):
    """Dilated convolution whose result is added to what came in."""

    def __init__(self, channels: int, units: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.GELU(),
            nn.Conv1d(channels, units, 3, padding=dilation, dilation=dilation, bias=False),
            nn.BatchNorm1d(units),
            nn.GELU(),
            nn.Conv1d(units, channels, 1, bias=False),
            nn.BatchNorm1d(channels),
            nn.Dropout(dropout),
        )

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return X + self.block(X)


class _Crop(nn.Module):
    """Drop places at both ends."""

    def __init__(self, places: int) -> None:
        super().__init__()
        self.places = places

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return X[..., self.places : X.shape[-1] - self.places]


class _PlacesFirst(nn.Module):
    """(n, channels, places) to (n, places, channels)."""

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return X.transpose(1, 2)


class _EitherStrand(nn.Module):
    """Filters along both strands: (n, 4, length) to (n, channels, places of one strand and then of the other)."""

    def __init__(self, filters: int, width: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(N_LETTERS, filters, width)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.convolution(X), self.convolution(reverse_complement(X))], dim=2)


class _Extremes(nn.Module):
    """Largest and mean value of each channel over all places: (n, channels, places) to (n, 2 * channels)."""

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return torch.cat([X.amax(2), X.mean(2)], dim=1)


def pooled(length: int, output_shape: tuple[int, ...], scale: float, dropout: float | None) -> nn.Module:
    """One convolution along both strands, pooled over the whole sequence as in DeepBind, and one dense layer.

    Alipanahi et al. 2015, Nature Biotechnology 33, 831, have the idea. The sizes are chosen here, for few sequences:
    320 filters of width 19 and 256 dense units.
    """
    size, rate = _size(scale), 0.5 if dropout is None else dropout
    filters = size(320)
    return nn.Sequential(
        _EitherStrand(filters, 19),
        nn.ReLU(),
        _Extremes(),
        nn.BatchNorm1d(2 * filters),
        nn.Dropout(rate / 2),
        nn.Linear(2 * filters, size(256)),
        nn.ReLU(),
        nn.Dropout(rate),
        nn.Linear(size(256), math.prod(output_shape)),
    )


def basset(length: int, output_shape: tuple[int, ...], scale: float, dropout: float | None) -> nn.Module:
    """Kelley et al. 2016, Genome Research 26, 990: three convolutions with batch normalisation, two dense layers."""
    size, rate = _size(scale), 0.3 if dropout is None else dropout
    layers: list[nn.Module] = []
    channels = N_LETTERS
    for filters, width, pool in ((300, 19, 3), (200, 11, 4), (200, 7, 4)):
        layers += [
            nn.Conv1d(channels, size(filters), width),
            nn.BatchNorm1d(size(filters)),
            nn.ReLU(),
            nn.MaxPool1d(pool),
        ]
        channels = size(filters)
    layers.append(nn.Flatten())
    sizes = [channels * _places(length, [(19, 3), (11, 4), (7, 4)]), size(1000), size(1000)]
    for n_in, n_out in pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), nn.BatchNorm1d(n_out), nn.ReLU(), nn.Dropout(rate)]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], math.prod(output_shape)))


def deepsea(length: int, output_shape: tuple[int, ...], scale: float, dropout: float | None) -> nn.Module:
    """Zhou & Troyanskaya 2015, Nature Methods 12, 931: three convolutions of width 8 and one dense layer."""
    size = _size(scale)
    rates = (0.2, 0.2, 0.5) if dropout is None else (dropout,) * 3
    layers: list[nn.Module] = []
    channels = N_LETTERS
    for filters, pool, rate in zip((320, 480, 960), (4, 4, 1), rates, strict=True):
        layers += [nn.Conv1d(channels, size(filters), 8), nn.ReLU(), nn.MaxPool1d(pool), nn.Dropout(rate)]
        channels = size(filters)
    n_found = channels * _places(length, [(8, 4), (8, 4), (8, 1)])
    dense = [nn.Flatten(), nn.Linear(n_found, size(925)), nn.ReLU()]
    return nn.Sequential(*layers, *dense, nn.Linear(size(925), math.prod(output_shape)))


def danq(length: int, output_shape: tuple[int, ...], scale: float, dropout: float | None) -> nn.Module:
    """Quang & Xie 2016, Nucleic Acids Research 44, e107: a convolution, a bidirectional LSTM, one dense layer."""
    size = _size(scale)
    first, second = (0.2, 0.5) if dropout is None else (dropout,) * 2
    n_found = 2 * size(320) * _places(length, [(26, 13)])
    return nn.Sequential(
        nn.Conv1d(N_LETTERS, size(320), 26),
        nn.ReLU(),
        nn.MaxPool1d(13),
        nn.Dropout(first),
        _Bidirectional(size(320), size(320)),
        nn.Dropout(second),
        nn.Flatten(),
        nn.Linear(n_found, size(925)),
        nn.ReLU(),
        nn.Linear(size(925), math.prod(output_shape)),
    )


def basenji(length: int, output_shape: tuple[int, ...], scale: float, dropout: float | None) -> nn.Module:
    """Kelley 2020, PLoS Computational Biology 16, e1008050: a tower of convolutions and 11 dilated residual blocks.

    The output has one row for each bin of 128 bp that ``output_shape`` asks for; bins at both ends are dropped.
    """
    size = _size(scale)
    rates = (0.3, 0.05) if dropout is None else (dropout,) * 2
    layers: list[nn.Module] = [*_tower_step(N_LETTERS, size(288), 15)]
    channels = size(288)
    for k in range(6):
        filters = size(round(339 * 1.1776**k))
        layers += [nn.GELU(), *_tower_step(channels, filters, 5)]
        channels = filters
    layers += [_Residual(channels, size(384), round(1.5**k), rates[0]) for k in range(11)]
    n_bins = output_shape[0]
    crop = (length // BASENJI_BIN_BP - n_bins) // 2
    layers += [_Crop(crop), nn.GELU(), nn.Conv1d(channels, size(1536), 1, bias=False), nn.BatchNorm1d(size(1536))]
    last = nn.Conv1d(size(1536), output_shape[1], 1)
    return nn.Sequential(*layers, nn.Dropout(rates[1]), nn.GELU(), last, _PlacesFirst())


ARCHITECTURES: dict[str, Callable[[int, tuple[int, ...], float, float | None], nn.Module]] = {
    "pooled": pooled,
    "basset": basset,
    "deepsea": deepsea,
    "danq": danq,
    "basenji": basenji,
}

_SPANS = {
    "pooled": ((19, 1),),
    "basset": ((19, 3), (11, 4), (7, 4)),
    "deepsea": ((8, 4), (8, 4), (8, 1)),
    "danq": ((26, 13),),
    "basenji": ((1, BASENJI_BIN_BP),),
}


def least_length(name: str) -> int:
    """Bases of the shortest sequence of which an architecture has a place left for its last layers."""
    places = 1
    for width, pool in reversed(_SPANS[name]):
        places = places * pool + width - 1
    return places


def check_length(architecture: Any, length: int, output_shape: tuple[int, ...]) -> None:
    """Refuse sequences that are too short for a named architecture, and targets that it has no outputs for."""
    if not isinstance(architecture, str):
        return
    least = least_length(architecture)
    if length < least:
        raise ValueError(f"sequences of {length} bases are too short for {architecture!r}: give at least {least}")
    along = architecture == "basenji"
    if along != (len(output_shape) == 2):
        wanted = "(n_peaks, n_bins, n_cell_types)" if along else "(n_peaks, n_cell_types)"
        raise ValueError(
            f"architecture {architecture!r} takes y of shape {wanted}, got one row of shape {output_shape}"
        )
    if along:
        _check_bins(length, output_shape[0])


def _check_bins(length: int, n_bins: int) -> None:
    whole, rest = divmod(length, BASENJI_BIN_BP)
    if rest or n_bins > whole or (whole - n_bins) % 2:
        raise ValueError(
            f"'basenji' has one output for each bin of {BASENJI_BIN_BP} bp and drops as many bins at the start as at "
            f"the end: sequences of {length} bases cannot have {n_bins} bins in y"
        )


def _tower_step(channels: int, filters: int, width: int) -> list[nn.Module]:
    convolution = nn.Conv1d(channels, filters, width, padding=width // 2, bias=False)
    return [convolution, nn.BatchNorm1d(filters), nn.MaxPool1d(2)]


def _size(scale: float) -> Size:
    return lambda units: max(1, round(scale * units))


def _places(length: int, spans: Sequence[tuple[int, int]]) -> int:
    """Places left of a sequence after convolutions without padding, each with its pooling: pairs of width and pool."""
    for width, pool in spans:
        length = (length - width + 1) // pool
    return length
