"""Batches for the training loop: features made when asked for, or once where they are few."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

#: Rows whose dense float32 form is smaller than this are made once and kept, on the device.
RESIDENT_BYTES = 2**30


class Batches:
    """Rows and targets in batches; each pass is one epoch in an order given by (seed, epoch).

    Parameters
    ----------
    X : binned rows or ndarray of shape (n_rows, n_features)
    y : ndarray of shape (n_rows,)
    batch_size : int
    device : torch.device
    seed : int or None
        ``None`` keeps the rows in order.
    """

    def __init__(self, X: Any, y: NDArray, batch_size: int, device: torch.device, seed: int | None) -> None:
        self.batch_size = batch_size
        self.device = device
        self.seed = seed
        self.epoch = 0
        resident = X.shape[0] * X.shape[1] * 4 <= resident_bytes(device)
        self.X = torch.from_numpy(dense_float32(X, slice(None))).to(device) if resident else X
        self.y = torch.from_numpy(np.array(y, dtype=np.float32)).to(device)

    def __len__(self) -> int:
        return len(self.y)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        n_rows = len(self)
        order = np.arange(n_rows) if self.seed is None else epoch_rng(self.seed, self.epoch).permutation(n_rows)
        on_device = torch.from_numpy(order).to(self.device)
        for first in range(0, n_rows, self.batch_size):
            batch = slice(first, first + self.batch_size)
            if isinstance(self.X, torch.Tensor):
                features = self.X[on_device[batch]]
            else:
                features = torch.from_numpy(dense_float32(self.X, order[batch])).to(self.device)
            yield features, self.y[on_device[batch]]


def resident_bytes(device: torch.device) -> float:
    """Most bytes of dense rows to keep on a device: half of what a CUDA device has free, else a constant."""
    return torch.cuda.mem_get_info(device)[0] / 2 if device.type == "cuda" else RESIDENT_BYTES


def dense_float32(X: Any, rows: Any) -> NDArray[np.float32]:
    """Dense float32 features of the chosen rows, own memory."""
    if isinstance(X, np.ndarray):
        return np.array(X[rows], dtype=np.float32)
    return X.dense(rows, np.float32)


def epoch_rng(seed: int, epoch: int) -> np.random.Generator:
    """Random numbers that depend on the seed and the epoch alone, so that a resumed run repeats them."""
    return np.random.default_rng([seed, epoch])
