"""SequenceOpenness: the openness of peaks from their DNA."""

import os
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from pandas.api.types import is_numeric_dtype
from scipy.special import expit
from sklearn.base import RegressorMixin

from skepi._doors import check_choice, check_count, check_number
from skepi._labels import rows_in_order
from skepi.neural_network._architectures import ARCHITECTURES, check_length
from skepi.neural_network._first_filters import motifs_of
from skepi.neural_network._letters import CodedSequences, coded_sequences
from skepi.neural_network._losses import Loss
from skepi.neural_network._sequence_network import LOSSES, sequence_network
from skepi.neural_network._settings import check_settings
from skepi.neural_network._trained import TrainedNetwork

FloatArray = NDArray[np.float64]


class SequenceOpenness(RegressorMixin, TrainedNetwork):
    r"""Neural network that predicts the openness of peaks in all cell types from the DNA under them.

    A row is the DNA of one peak, and a target is one cell type. In training the network reads one strand, drawn anew
    for each sequence and batch. In prediction it reads both and gives the mean:

    .. math:: \hat y(s) = \tfrac{1}{2} \big(g(f(s)) + g(f(\bar s))\big)

    for a sequence s, its reverse complement :math:`\bar s`, the network f, and the link g of the loss. So both strands
    of a peak get the same prediction. The epoch that is kept is the best one on whole chromosomes that were set aside,
    because neighbouring peaks resemble each other.

    Parameters
    ----------
    architecture : str, torch.nn.Module or callable, default="pooled"
        A name:

        * ``"pooled"``: one convolution, pooled over the whole sequence, and one dense layer; for a few thousand peaks.
        * ``"basset"``: three convolutions, two dense layers (Kelley et al. 2016).
        * ``"deepsea"``: three convolutions, one dense layer (Zhou & Troyanskaya 2015).
        * ``"danq"``: a convolution and a bidirectional LSTM (Quang & Xie 2016).
        * ``"basenji"``: a tower of convolutions and dilated residual blocks (Kelley 2020), one output per 128 bp.

        Or a module that takes one-hot sequences (n_peaks, 4, width), letters in the order A, C, G, T, and gives
        (n_peaks, n_cell_types); training starts from a copy of it. Or a function of (width, shape of y in one row) that
        makes such a module.
    loss : {"mse", "poisson", "bce"}, default="mse"
        Squared error; Poisson loss for counts or rates of 0 or more, whose prediction is positive; or cross-entropy for
        calls of 0 and 1, whose prediction is a probability.
    scale : float, default=0.25
        Number of units of each hidden layer of a named architecture, as a fraction of the published number. Above 0.
    motifs : skepi.motifs.Motifs or mapping of str to ndarray of shape (n_positions, 4), optional
        Probabilities of A, C, G, T that the first filters start from, one motif per filter. Other filters start at
        random.
    shift : int, default=3
        Bases. Each training batch is moved by a random number of bases, at most this many to either side.
    dropout : float or None, default=None
        Fraction in [0, 1) of a named architecture; None has the published rates.
    l1, l2 : float, default=0.0
        Penalties on the weights, in units of the loss.
    penalize_bias : bool, default=False
        Whether biases are penalised, too.
    l2_norm : {"squared", "unsquared"}, default="squared"
        As in :class:`ExpressionMLP`.
    optimizer : {"adam", "sgd"}, default="adam"
        Adam has betas 0.9 and 0.999.
    momentum : float, default=0.9
        Momentum of ``"sgd"``, in [0, 1); Adam does not use it.
    lr : float, default=1e-3
        Learning rate of the first epoch.
    lr_schedule : {"constant", "every_epoch", "on_rise"}, default="constant"
        As in :class:`ExpressionMLP`.
    lr_decay : float, default=0.9
        Factor in (0, 1].
    lr_min : float, default=1e-5
        The learning rate does not fall below it.
    max_gradient_norm : float, optional
        Gradients of a batch with a larger norm are scaled down to it.
    batch_size : int, default=64
        Peaks. A single peak left over joins the batch before it, because batch normalisation needs two.
    max_epochs : int, default=50
    tol : float, default=1e-5
        Fall of the monitored loss that counts as progress.
    patience : int, default=8
        Epochs without progress after which training stops.
    early_stopping : bool, default=True
        Whether to set chromosomes aside, monitor their loss and restore the best epoch's weights. ``False`` trains on
        all peaks and keeps the last epoch.
    validation_fraction : float, default=0.1
        Fraction of the chromosomes set aside, at least one.
    shuffle : bool, default=True
        Whether peaks come in a new order in each epoch.
    device : str, default="auto"
        ``"auto"`` is CUDA where there is one, else the CPU; otherwise a name that torch knows. Codes of all training
        sequences lie on it, one byte per base; a batch is made one-hot there.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Type of the products in training; ``"auto"`` is bfloat16 on CUDA devices that have it, and float32 elsewhere.
    checkpoint : path, optional
        File that the state is saved to after every epoch, as in :class:`ExpressionMLP`.
    progress : bool, default=False
        Whether to show a progress bar.
    random_state : int, RandomState or None, default=None
        Seeds weights, chromosomes set aside, order, strands, shifts and dropout. Exact for one seed on one device.

    Attributes
    ----------
    weights_ : dict of str to ndarray
        Weights, biases and running statistics by their names in the network.
    target_mean_ : ndarray of shape (n_cell_types,)
        Mean of the targets over the peaks trained on. A named architecture predicts about this before training.
    width_ : int
        Bases of a sequence.
    history_ : DataFrame
        One row per epoch: ``epoch, train_<loss>, dev_<loss>, seconds, lr``.
    best_epoch_ : int
        Epoch whose weights are kept, from 1.
    n_iter_ : int
        Epochs trained.
    output_shape_ : tuple of int
        Shape of ``y`` in one row.

    Raises
    ------
    DivergenceError
        Where the loss becomes infinite or not a number.
    ValueError
        For settings out of range, sequences without any known letter, sequences of another width than in ``fit`` or
        shorter than the architecture needs, one chromosome only, negative targets with ``"poisson"``, targets that are
        no calls with ``"bce"``, and a module with another output than ``y``.

    Notes
    -----
    :func:`skepi.persistence.save_model` keeps a network of a named architecture. For a module or function of your own,
    save the state of ``to_module()`` as torch does.

    Examples
    --------
    >>> import numpy as np
    >>> codes = np.random.default_rng(0).integers(0, 4, (60, 50), dtype=np.uint8)  # A, C, G, T are 0 to 3
    >>> gc_share = np.isin(codes, (1, 2)).mean(axis=1)
    >>> net = SequenceOpenness(scale=0.05, max_epochs=2, random_state=0)
    >>> net = net.fit(codes, np.c_[gc_share, 1 - gc_share], groups=np.repeat(["chr1", "chr2", "chr3"], 20))
    >>> net.predict(codes[:3]).shape
    (3, 2)
    """

    _MODULE = staticmethod(sequence_network)
    _LEAST_ROWS = 2  # batch normalisation needs two
    validation = "chromosome"

    def __init__(
        self,
        architecture: str | torch.nn.Module | Callable[..., torch.nn.Module] = "pooled",
        loss: str = "mse",
        scale: float = 0.25,
        *,
        motifs: Any = None,
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
        self.motifs = motifs
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
        y : array-like of shape (n_peaks,) or (n_peaks, n_cell_types)
            Openness, in the unit that the loss takes. A network that predicts along the sequence takes (n_peaks,
            n_bins, n_cell_types). Rows of a table that are named after peaks, as ``chrom:start-end``, are put into
            the order of ``X.peaks``.
        groups : array-like of shape (n_peaks,), optional
            What is kept whole when sequences are set aside; by default the chromosomes of ``X.peaks``.
        """
        self._check_settings()
        sequences, y = coded_sequences(X, self), np.asarray(_in_order_of_peaks(y, X))
        self._keep_targets(y, len(sequences))
        self.width_ = sequences.shape[1]
        if groups is None and self.early_stopping:
            groups = _chromosomes_of(X, self)
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
        if self.motifs is not None:
            motifs_of(self.motifs)
        if isinstance(self.architecture, str):
            check_choice("architecture", self.architecture, tuple(ARCHITECTURES))
        elif not callable(self.architecture):
            raise TypeError(
                f"architecture must be one of {', '.join(ARCHITECTURES)}, a torch module, or a function of (length, "
                f"output_shape) that makes one, got {self.architecture!r}"
            )

    def _module_settings(self) -> dict[str, Any]:
        chosen = {name: getattr(self, name) for name in ("architecture", "loss", "scale", "motifs", "dropout", "shift")}
        return {**chosen, "length": self.width_, "output_shape": self.output_shape_, "start": self.target_mean_}

    def _learn_layout(self, X: CodedSequences) -> None:
        check_length(self.architecture, self.width_, self.output_shape_)

    def _learn_targets(self, y: NDArray) -> None:
        self.target_mean_ = np.atleast_1d(y.mean(axis=tuple(range(max(y.ndim - 1, 1)))))

    def _identifying(self) -> dict[str, NDArray]:
        return {} if self.motifs is None else {"motifs": np.concatenate(motifs_of(self.motifs).matrices)}

    def _keep_weights(self, weights: dict[str, NDArray]) -> None:
        self.weights_ = weights

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
                f"loss='bce' takes calls, 0 for closed and 1 for open, and y goes from {y.min():g} to {y.max():g}: "
                "give y > 0 for calls, or loss='poisson' for counts"
            )


def _in_order_of_peaks(y: Any, X: Any) -> Any:
    """Targets in the order of the sequences, where both are named; numbers as labels name nothing."""
    peaks = getattr(X, "peaks", None)
    if peaks is None or not isinstance(y, pd.DataFrame | pd.Series) or is_numeric_dtype(y.index):
        return y
    return rows_in_order(y, peaks, "y", "peaks")


def _chromosomes_of(X: Any, estimator: Any) -> NDArray:
    peaks = getattr(X, "peaks", None)
    if peaks is None:
        raise ValueError(
            f"{type(estimator).__name__} sets whole chromosomes aside to choose the epoch, and these sequences do not "
            "say theirs: give fit(..., groups=chromosomes), or early_stopping=False"
        )
    chromosomes = peaks["chrom"].to_numpy()
    if pd.unique(chromosomes).size < 2:
        raise ValueError(
            f"all sequences lie on {chromosomes[0]}, so no chromosome can be set aside to choose the epoch: give "
            "fit(..., groups=) of your own, or early_stopping=False"
        )
    return chromosomes
