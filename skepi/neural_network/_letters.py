"""Sequences of DNA as rows of a network: codes on the host, one-hot on the device only."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from skepi._dna import UNKNOWN, first_wrong
from skepi.neural_network._both_strands import one_hot


class CodedSequences:
    """Sequences of equal width as codes of letters: A, C, G, T are 0 to 3, and 4 is a letter that is not known.

    Parameters
    ----------
    codes : ndarray of uint8, shape (n_rows, width)
    """

    def __init__(self, codes: NDArray[np.uint8]) -> None:
        self.codes = codes

    @property
    def shape(self) -> tuple[int, int]:
        """Sequences, and bases of each."""
        return self.codes.shape[0], self.codes.shape[1]

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return self.codes.nbytes

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: Any) -> "CodedSequences":
        return CodedSequences(self.codes[rows])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray:
        return np.array(self.codes, dtype=dtype, copy=copy)


class SequenceRows:
    """Codes that lie on the device; a batch is made one-hot there."""

    def __init__(self, X: CodedSequences, device: torch.device) -> None:
        self.codes = torch.from_numpy(np.ascontiguousarray(X.codes)).to(device)

    def batch(self, rows: NDArray[np.int64], on_device: torch.Tensor) -> torch.Tensor:
        """One-hot sequences of the chosen rows, (n_rows, 4, width) float32."""
        return one_hot(self.codes.index_select(0, on_device))


def coded_sequences(X: Any, estimator: Any) -> CodedSequences:
    """Sequences of equal width, given by their codes or as an array-like of codes, or what is wrong with them."""
    name = type(estimator).__name__
    codes = np.asarray(X)
    if codes.dtype != np.uint8 or codes.ndim != 2:
        raise TypeError(
            f"{name} needs sequences of DNA, got {type(X).__name__} of {codes.dtype} and shape {codes.shape}: give "
            "skepi.sequence.PeakSequences, or codes of A, C, G, T (0 to 3, 4 for any other letter) as uint8 of shape "
            "(n_sequences, width)"
        )
    if not codes.size:
        raise ValueError(f"{name} needs at least one sequence, got shape {codes.shape}")
    wrong = first_wrong(codes)
    if wrong is not None:
        row, place = wrong
        raise ValueError(f"codes of DNA are 0 to {UNKNOWN}, got {codes[wrong]} in sequence {row} at place {place}")
    empty = np.flatnonzero((codes == UNKNOWN).all(axis=1))
    if empty.size:
        raise ValueError(
            f"{empty.size} of {len(codes)} sequences have no known letter, the first in row {empty[0]}: drop these "
            "peaks, and check that the genome is the assembly of the peaks"
        )
    return CodedSequences(codes)
