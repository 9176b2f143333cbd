"""Batches for the training loop: where the features of rows come from, and in which order."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from skepi.neural_network._letters import CodedSequences, SequenceRows
from skepi.neural_network._operator import OperatorRows, OperatorTables, operator_bytes
from skepi.rows import has_map

#: Rows whose dense float32 form is no larger than this are made once and kept, on the device.
RESIDENT_BYTES = 2**30


class FeaturePlan(NamedTuple):
    """Where the features of a batch come from, and the bytes that takes on the device of the network.

    ``way`` is ``"resident"``, dense rows made once; ``"operator"``, rows made on the device from the openness of peaks;
    ``"letters"``, codes of DNA that are made one-hot on the device; or ``"streamed"``, rows made on the CPU, batch by
    batch.
    """

    way: str
    n_bytes: int

    def __str__(self) -> str:
        return f"{self.way}, {self.n_bytes / 1e6:,.1f} MB"


def plan_features(X: Any, batch_size: int, device: torch.device) -> FeaturePlan:
    """Choose the way of the features of ``X``.

    Dense rows are kept where they are few: up to :data:`RESIDENT_BYTES`, and on CUDA up to half of the free memory.
    Beyond that CUDA takes the operator for binned rows, where it lies whole in memory and fits into that half; for
    other rows it keeps dense ones up to that half. What is left is streamed. The CPU streams all that it does not keep:
    at full size a batch of 10,000 rows takes 0.08 s there, and 0.10 s with the operator in one thread.
    """
    dense, free = 4 * X.shape[0] * X.shape[1], half_of_free(device)
    if dense <= min(RESIDENT_BYTES, free):
        return FeaturePlan("resident", dense)
    if device.type == "cuda":
        if has_map(X) and X.operator.is_whole and (needed := operator_bytes(X, batch_size)) <= free:
            return FeaturePlan("operator", needed)
        if dense <= free:
            return FeaturePlan("resident", dense)
    return FeaturePlan("streamed", 4 * batch_size * X.shape[1])


def half_of_free(device: torch.device) -> float:
    """Half of the bytes that a CUDA device has free, what torch holds unused included; else no limit."""
    if device.type != "cuda":
        return np.inf
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return (torch.cuda.mem_get_info(device)[0] + unused) / 2


class Rows(Protocol):
    """Features of rows, by row number."""

    def batch(self, rows: NDArray[np.int64], on_device: torch.Tensor) -> torch.Tensor:
        """Features of the chosen rows, (n_rows, n_features) float32; the rows come on the host and on the device."""
        ...


class ResidentRows:
    """Rows that were made once."""

    def __init__(self, X: Any, device: torch.device) -> None:
        self.features = torch.from_numpy(dense_float32(X, np.arange(X.shape[0]))).to(device)

    def batch(self, rows: NDArray[np.int64], on_device: torch.Tensor) -> torch.Tensor:
        """See :class:`Rows`."""
        return self.features.index_select(0, on_device)


class StreamedRows:
    """Rows that the CPU makes when they are asked for.

    Not in a thread beside the step of the batch before: with the cores busy in that step it gained 2 % in float32.
    """

    def __init__(self, X: Any, device: torch.device) -> None:
        self.X = X
        self.device = device

    def batch(self, rows: NDArray[np.int64], on_device: torch.Tensor) -> torch.Tensor:
        """See :class:`Rows`."""
        return to_device(dense_float32(self.X, rows), self.device)


class Batches:
    """Rows and targets in batches; each pass is one epoch in an order given by (seed, epoch).

    Parameters
    ----------
    X : binned rows or ndarray of shape (n_rows, n_features)
    y : ndarray of shape (n_rows,) or (n_rows, n_targets)
    batch_size : int
    device : torch.device
    seed : int or None
        ``None`` keeps the rows in order.
    beside : Batches, optional
        Others on the same device: their operator is used again where it serves ``X``.
    target_type : type, default=numpy.float32
        Type of the targets in batches.
    least_rows : int, default=1
        Fewest rows of a batch: batch normalisation needs two.

    Attributes
    ----------
    plan : FeaturePlan
        Where the features come from.
    """

    def __init__(
        self,
        X: Any,
        y: NDArray,
        batch_size: int,
        device: torch.device,
        seed: int | None,
        beside: "Batches | None" = None,
        target_type: type = np.float32,
        least_rows: int = 1,
    ) -> None:
        self.least_rows = least_rows
        self.batch_size = batch_size
        self.device = device
        self.seed = seed
        self.epoch = 0
        self.rows: Rows
        self.plan, self.rows = open_rows(X, batch_size, device, None if beside is None else beside.rows)
        self.y = torch.from_numpy(np.array(y, dtype=target_type)).to(device)

    def __len__(self) -> int:
        return len(self.y)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        n_rows = len(self)
        order = np.arange(n_rows) if self.seed is None else epoch_rng(self.seed, self.epoch).permutation(n_rows)
        on_device = to_device(order, self.device)
        for batch in self._slices(n_rows):
            yield self.rows.batch(order[batch], on_device[batch]), self.y.index_select(0, on_device[batch])

    def _slices(self, n_rows: int) -> list[slice]:
        """Places of each batch in the order; a last one of fewer than ``least_rows`` joins the one before it."""
        starts = list(range(0, n_rows, self.batch_size))
        if len(starts) > 1 and n_rows - starts[-1] < self.least_rows:
            starts.pop()
        return [slice(a, b) for a, b in pairwise([*starts, n_rows])]


def open_rows(X: Any, batch_size: int, device: torch.device, beside: Rows | None = None) -> tuple[FeaturePlan, Rows]:
    """Plan the features of ``X`` and make what they come from; the operator of ``beside`` is used where it serves."""
    if isinstance(beside, OperatorRows) and beside.tables.serve(X):
        rows = OperatorRows(X, beside.tables, device)
        return FeaturePlan("operator", rows.n_bytes), rows
    if isinstance(X, CodedSequences):
        return FeaturePlan("letters", X.nbytes), SequenceRows(X, device)
    plan = plan_features(X, batch_size, device)
    return plan, _rows_of(plan.way, X, device)


def predicted_batches(X: Any, batch_size: int, device: torch.device) -> Iterator[torch.Tensor]:
    """Features of all rows in order; a plain array keeps its type. Nothing is kept but an operator."""
    numbers = np.arange(X.shape[0])
    batches = [numbers[first : first + batch_size] for first in range(0, numbers.size, batch_size)]
    if isinstance(X, np.ndarray):
        yield from (torch.from_numpy(X[rows]) for rows in batches)
        return
    if isinstance(X, CodedSequences):
        letters = SequenceRows(X, device)
        yield from (letters.batch(rows, to_device(rows, device)) for rows in batches)
        return
    operator = plan_features(X, batch_size, device).way == "operator"
    source = _rows_of("operator" if operator else "streamed", X, device)
    yield from (source.batch(rows, to_device(rows, device)) for rows in batches)


def _rows_of(way: str, X: Any, device: torch.device) -> Rows:
    """Make what the features of ``X`` come from, by the way of a plan."""
    if way == "operator":
        return OperatorRows(X, OperatorTables(X, device), device)
    return ResidentRows(X, device) if way == "resident" else StreamedRows(X, device)


def to_device(array: NDArray, device: torch.device) -> torch.Tensor:
    """Copy to a device; to CUDA without waiting for it, from pinned memory."""
    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


def dense_float32(X: Any, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Dense float32 features of the chosen rows, own memory."""
    if isinstance(X, np.ndarray):
        return np.array(X[rows], dtype=np.float32)
    return X.dense(rows, np.float32)


def epoch_rng(seed: int, epoch: int) -> np.random.Generator:
    """Random numbers that depend on the seed and the epoch alone, so that a resumed run repeats them."""
    return np.random.default_rng([seed, epoch])
