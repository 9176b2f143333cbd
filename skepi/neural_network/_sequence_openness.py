"""SequenceOpenness: the openness of peaks from their DNA."""

import os
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from sklearn.base import RegressorMixin

from skepi._doors import check_choice, check_count, check_number
from skepi.neural_network._architectures import ARCHITECTURES
from skepi.neural_network._letters import CodedSequences, coded_sequences
from skepi.neural_network._losses import Loss
from skepi.neural_network._sequence_network import LOSSES, sequence_network
from skepi.neural_network._settings import check_settings
from skepi.neural_network._trained import TrainedNetwork

FloatArray = NDArray[np.float64]


class SequenceOpenness(RegressorMixin, TrainedNetwork):
    """Neural network that predicts the openness of peaks in all cell types from the DNA under them."""

    _MODULE = staticmethod(sequence_network)
    _LEAST_ROWS = 2  # batch normalisation needs two
    validation = "chromosome"

    def __init__(
        self,
        architecture: str | torch.nn.Module | Callable[..., torch.nn.Module] = "basset",
        loss: str = "mse",
        scale: float = 0.25,
        *,
        shift: int = 3,
        dropout: float | None = None,
        l1: float = 0.0,
        l2: float = 0.0,
        penalize_bias: bool = False,
        l2_norm: str = "squared",
        optimizer: str = "adam",
        momentum: float = 0.9,
        lr: float = 1e-3,
        lr_schedule: str = "constant",
        lr_decay: float = 0.9,
        lr_min: float = 1e-5,
        max_gradient_norm: float | None = None,
        batch_size: int = 64,
        max_epochs: int = 50,
        tol: float = 1e-5,
        patience: int = 8,
        early_stopping: bool = True,
        validation_fraction: float = 0.1,
        shuffle: bool = True,
        device: str = "auto",
        precision: str = "auto",
        checkpoint: str | os.PathLike | None = None,
        progress: bool = False,
        random_state: Any = None,
    ) -> None:
        self.architecture = architecture
        self.loss = loss
        self.scale = scale
        self.shift = shift
        self.dropout = dropout
        self.l1 = l1
        self.l2 = l2
        self.penalize_bias = penalize_bias
        self.l2_norm = l2_norm
        self.optimizer = optimizer
        self.momentum = momentum
        self.lr = lr
        self.lr_schedule = lr_schedule
        self.lr_decay = lr_decay
        self.lr_min = lr_min
        self.max_gradient_norm = max_gradient_norm
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.tol = tol
        self.patience = patience
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.shuffle = shuffle
        self.device = device
        self.precision = precision
        self.checkpoint = checkpoint
        self.progress = progress
        self.random_state = random_state

    @property
    def _LOSS(self) -> Loss:  # type: ignore[override]
        return LOSSES[self.loss]

    def fit(self, X: Any, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Train the network.

        Parameters
        ----------
        X : PeakSequences, or ndarray of uint8 of shape (n_peaks, width)
        y : array-like of shape (n_peaks,), (n_peaks, n_cell_types) or, for a network along the sequence, (n_peaks, n_bins, n_cell_types)
            Openness, in the unit that the loss takes.
        groups : array-like of shape (n_peaks,), optional
            What is kept whole when sequences are set aside; by default the chromosomes of ``X.peaks``.
        """
        self._check_settings()
        sequences, y = coded_sequences(X, self), np.asarray(y)
        self._keep_targets(y, len(sequences))
        self.width_ = sequences.shape[1]
        if groups is None and self.early_stopping:
            groups = _chromosomes_of(X, self)
        self._start = y.reshape(-1, *y.shape[-1:]).mean(axis=0) if y.ndim > 1 else y.mean(keepdims=True)
        return self._train(sequences, y, groups, None, y.shape[1:])

    def predict(self, X: Any) -> FloatArray:
        """Predict openness, of the shape of ``y`` in ``fit`` and in its unit; both strands are read and averaged.

        With ``loss="bce"`` these are probabilities.
        """
        outputs = self._outputs(X)
        return expit(outputs) if self.loss == "bce" else outputs

    def _check_settings(self) -> None:
        check_settings(self, may_be_none=("dropout",))
        check_choice("loss", self.loss, tuple(LOSSES))
        check_number("scale", self.scale, 0, low_included=False)
        check_count("shift", self.shift, 0)
        if isinstance(self.architecture, str):
            check_choice("architecture", self.architecture, tuple(ARCHITECTURES))
        elif not callable(self.architecture):
            raise TypeError(
                f"architecture must be one of {', '.join(ARCHITECTURES)}, a torch module, or a function of (length, "
                f"output_shape) that makes one, got {self.architecture!r}"
            )

    def _module_settings(self) -> dict[str, Any]:
        chosen = {name: getattr(self, name) for name in ("architecture", "loss", "scale", "dropout", "shift")}
        start = self.__dict__.get("_start")
        return {**chosen, "length": self.width_, "output_shape": self.output_shape_, "start": start}

    def _keep_weights(self, weights: dict[str, NDArray]) -> None:
        self.weights_ = weights
        self.__dict__.pop("_start", None)

    def _kept_weights(self) -> dict[str, NDArray]:
        return self.weights_

    def _checked_rows(self, X: Any) -> CodedSequences:
        sequences = coded_sequences(X, self)
        if sequences.shape[1] != self.width_:
            raise ValueError(
                f"sequences have {sequences.shape[1]} bases, {self.width_} in fit: give PeakSequences(genome, peaks, "
                f"width={self.width_})"
            )
        return sequences

    def _keep_targets(self, y: NDArray, n_rows: int) -> None:
        if y.ndim not in (1, 2, 3) or len(y) != n_rows:
            raise ValueError(f"y has shape {y.shape}, wanted one row for each of {n_rows} sequences")
        if not np.isfinite(y).all():
            raise ValueError("y has values that are not finite")
        if self.loss == "poisson" and (y < 0).any():
            raise ValueError(f"loss='poisson' takes counts or rates of 0 or more, and y goes down to {y.min():g}")
        if self.loss == "bce" and not np.isin(y, (0, 1)).all():
            raise ValueError(
                f"loss='bce' takes calls, 0 for closed and 1 for open, and y goes from {y.min():g} to {y.max():g}: give "
                "y > 0 for calls, or loss='poisson' for counts"
            )


def _chromosomes_of(X: Any, estimator: Any) -> NDArray:
    peaks = getattr(X, "peaks", None)
    if peaks is None:
        raise ValueError(
            f"{type(estimator).__name__} sets whole chromosomes aside to choose the epoch, and these sequences do not say "
            "theirs: give fit(..., groups=chromosomes), or early_stopping=False"
        )
    chromosomes = peaks["chrom"].to_numpy()
    if pd.unique(chromosomes).size < 2:
        raise ValueError(
            f"all sequences lie on {chromosomes[0]}, so no chromosome can be set aside to choose the epoch: give "
            "fit(..., groups=) of your own, or early_stopping=False"
        )
    return chromosomes
