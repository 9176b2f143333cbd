"""ConvolvesBins: the settings of a convolution along the bins, DeepChrome's among them, and the grid that it reads."""

import os
from collections.abc import Sequence
from typing import Any, Self

from numpy.typing import NDArray

from skepi._doors import check_count
from skepi.neural_network._convolution import BinConvolution
from skepi.neural_network._grid import check_spans, grid_shape
from skepi.neural_network._settings import check_dense_settings
from skepi.neural_network._trained import TrainedNetwork

# Singh et al. 2016, Bioinformatics 32, i639.
_DEEPCHROME = {
    "filters": 50,
    "width": 10,
    "pool": 5,
    "hidden": (625, 125),
    "dropout": 0.5,
    "optimizer": "sgd",
    "momentum": 0.0,
    "lr": 1e-3,
    "batch_size": 1,
    "max_epochs": 100,
    "patience": 100,
}


class ConvolvesBins(TrainedNetwork):
    """Settings of a convolution along the bins, and the grid that it reads."""

    _MODULE = BinConvolution

    def __init__(
        self,
        n_signals: int | None = None,
        filters: int = 50,
        width: int = 5,
        pool: int = 2,
        hidden: Sequence[int] = (64,),
        dropout: float = 0.5,
        l1: float = 0.0,
        l2: float = 0.0,
        *,
        activation: str = "relu",
        penalize_bias: bool = False,
        l2_norm: str = "squared",
        optimizer: str = "adam",
        momentum: float = 0.9,
        lr: float = 1e-3,
        lr_schedule: str = "constant",
        lr_decay: float = 0.9,
        lr_min: float = 1e-5,
        max_gradient_norm: float | None = None,
        batch_size: int = 100,
        max_epochs: int = 150,
        tol: float = 1e-5,
        patience: int = 10,
        early_stopping: bool = True,
        validation: str = "cell_type",
        validation_fraction: float = 0.1,
        shuffle: bool = True,
        device: str = "auto",
        precision: str = "auto",
        checkpoint: str | os.PathLike | None = None,
        progress: bool = False,
        random_state: Any = None,
    ) -> None:
        self.n_signals = n_signals
        self.filters = filters
        self.width = width
        self.pool = pool
        self.hidden = hidden
        self.dropout = dropout
        self.l1 = l1
        self.l2 = l2
        self.activation = activation
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
        self.validation = validation
        self.validation_fraction = validation_fraction
        self.shuffle = shuffle
        self.device = device
        self.precision = precision
        self.checkpoint = checkpoint
        self.progress = progress
        self.random_state = random_state

    @classmethod
    def deepchrome(cls, **changes: Any) -> Self:
        """Make a network with the published settings of DeepChrome.

        50 filters of width 10, pools of 5, dropout of one half, dense layers of 625 and 125 units, and stochastic
        gradient descent on single rows with a learning rate of .001 for up to 100 epochs, of which the best is kept.
        The paper has five histone marks in 100 bins of 100 bp around the TSS. Weights are drawn by Xavier's rule, where
        the authors' code has that of Torch.

        Parameters
        ----------
        **changes
            Settings that are to differ, such as ``n_signals=5`` for plain arrays.

        Examples
        --------
        >>> from skepi.neural_network import BinCNN
        >>> BinCNN.deepchrome(n_signals=5).width
        10
        """
        return cls(**{**_DEEPCHROME, **changes})

    def _check_settings(self) -> None:
        super()._check_settings()
        check_dense_settings(self)
        for name in ("filters", "width", "pool"):
            check_count(name, getattr(self, name), 1)
        if self.n_signals is not None:
            check_count("n_signals", self.n_signals, 1)

    def _learn_layout(self, X: Any) -> None:
        self.n_signals_, self.n_bins_ = grid_shape(X, self.n_signals, self)
        check_spans(self.n_bins_, self.width, self.pool)

    def _module_settings(self) -> dict[str, Any]:
        chosen = {name: getattr(self, name) for name in ("filters", "width", "pool", "dropout", "activation")}
        shape = {"n_signals": self.n_signals_, "n_bins": self.n_bins_, "output_shape": self.output_shape_}
        return {**shape, **chosen, "hidden": tuple(self.hidden)}

    def _keep_weights(self, weights: dict[str, NDArray]) -> None:
        self.weights_ = weights

    def _kept_weights(self) -> dict[str, NDArray]:
        return self.weights_
