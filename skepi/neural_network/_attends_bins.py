"""AttendsBins: the settings of readers with attention, AttentiveChrome's among them, and attention as tables."""

import os
from collections.abc import Iterator
from typing import Any, Self, cast

import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from skepi._doors import check_count, check_flag
from skepi.neural_network._attention_tables import attention_table, bin_names, group_means, groups_of, signal_names
from skepi.neural_network._grid import grid_shape
from skepi.neural_network._recurrent import RecurrentAttention
from skepi.neural_network._trained import TrainedNetwork

# Singh et al. 2017, Advances in Neural Information Processing Systems 30, 6785.
_ATTENTIVECHROME = {
    "bin_units": 32,
    "signal_units": 16,
    "place_scores": False,
    "dropout": 0.0,
    "optimizer": "adam",
    "lr": 2e-4,
    "max_gradient_norm": 1.0,
    "batch_size": 16,
    "max_epochs": 30,
    "patience": 30,
}


class AttendsBins(TrainedNetwork):
    """Settings of readers with attention, the grid that they read, and their attention as tables."""

    _MODULE = RecurrentAttention

    def __init__(
        self,
        n_signals: int | None = None,
        bin_units: int = 16,
        signal_units: int = 16,
        dropout: float = 0.0,
        l1: float = 0.0,
        l2: float = 0.0,
        *,
        place_scores: bool = True,
        penalize_bias: bool = False,
        l2_norm: str = "squared",
        optimizer: str = "adam",
        momentum: float = 0.9,
        lr: float = 1e-2,
        lr_schedule: str = "constant",
        lr_decay: float = 0.9,
        lr_min: float = 1e-5,
        max_gradient_norm: float | None = 1.0,
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
        self.bin_units = bin_units
        self.signal_units = signal_units
        self.dropout = dropout
        self.l1 = l1
        self.l2 = l2
        self.place_scores = place_scores
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
    def attentivechrome(cls, **changes: Any) -> Self:
        """Make a network with the published settings of AttentiveChrome.

        LSTMs of 32 units per direction along the bins of each signal and of 16 over the signals, and Adam on batches of
        16 rows with a learning rate of 2e-4 and gradients clipped at a norm of 1, for up to 30 epochs, of which the
        best is kept. The paper has five histone marks in 100 bins of 100 bp around the TSS.

        What differs from the authors' PyTorch code: it starts with all weights and queries drawn from [-0.1, 0.1]; here
        the weights of LSTMs on their inputs are drawn from a normal distribution of variance 1 / inputs, queries from
        [-1, 1], weights of the output by Xavier's rule, and others by torch's. It keeps the epoch of the highest AUC on
        the validation genes; here that of the least loss is kept. It has one output and a sigmoid; a classifier here
        has one output per class and a softmax, which for two classes says the same.

        Parameters
        ----------
        **changes
            Settings that are to differ, such as ``n_signals=5`` for plain arrays.

        Examples
        --------
        >>> from skepi.neural_network import BinAttention
        >>> BinAttention.attentivechrome(n_signals=5).bin_units
        32
        """
        return cls(**{**_ATTENTIVECHROME, **changes})

    def bin_attention(self, X: Any, by: str = "all") -> pd.DataFrame:
        """Return how much the network looks at each bin of a signal.

        The attention of a row to the bins of one signal adds up to 1, and so does its mean over rows.

        Parameters
        ----------
        X : BinnedOpenness or array-like of shape (n_rows, n_features)
        by : {"all", "cell_type", "gene", "row"}, default="all"
            Whether to return the mean over all rows, over those of each cell type or gene, or each row's own. Plain
            arrays have no cell types and genes.

        Returns
        -------
        DataFrame
            One row per bin of each signal: ``signal, feature, from_bp, to_bp, attention`` for binned rows and
            ``signal, bin, attention``, counted from 0, for plain arrays. With ``by`` the names of the cell type, the
            gene or both, or the number of the row, come first.

        Raises
        ------
        ValueError
            For ``by="cell_type"`` or ``by="gene"`` on plain arrays, and names that ``by`` does not know.
        """
        check_is_fitted(self)
        groups, names = groups_of(X, by)
        parts = (bins for bins, _ in self._attention(X))
        return attention_table(names, self._bin_names(), group_means(parts, groups, len(names)))

    def signal_attention(self, X: Any, by: str = "all") -> pd.DataFrame:
        """Return how much the network looks at each signal.

        The attention of a row to the signals adds up to 1, and so does its mean over rows.

        Parameters
        ----------
        X : BinnedOpenness or array-like of shape (n_rows, n_features)
        by : {"all", "cell_type", "gene", "row"}, default="all"
            As in :meth:`bin_attention`.

        Returns
        -------
        DataFrame
            One row per signal: ``signal, feature, attention`` for binned rows and ``signal, attention`` for plain
            arrays. With ``by`` the names come first, as in :meth:`bin_attention`.

        Raises
        ------
        ValueError
            As in :meth:`bin_attention`.
        """
        check_is_fitted(self)
        groups, names = groups_of(X, by)
        parts = (signals for _, signals in self._attention(X))
        places = signal_names(self._bin_names(), self.n_bins_)
        return attention_table(names, places, group_means(parts, groups, len(names)))

    def _attention(self, X: Any) -> Iterator[tuple[NDArray, NDArray]]:
        """Attention to all bins, (n_rows, n_features), and to signals, (n_rows, n_signals), of each batch of rows."""
        for module, batch in self._through(X):
            with torch.no_grad():
                bins, signals = cast(RecurrentAttention, module).attention(batch)
            yield bins.flatten(1).cpu().numpy(), signals.cpu().numpy()

    def _bin_names(self) -> pd.DataFrame:
        return bin_names(getattr(self, "columns_", None), self.n_signals_, self.n_bins_)

    def _check_settings(self) -> None:
        super()._check_settings()
        check_flag("place_scores", self.place_scores)
        for name in ("bin_units", "signal_units"):
            check_count(name, getattr(self, name), 1)
        if self.n_signals is not None:
            check_count("n_signals", self.n_signals, 1)

    def _learn_layout(self, X: Any) -> None:
        self.n_signals_, self.n_bins_ = grid_shape(X, self.n_signals, self)

    def _module_settings(self) -> dict[str, Any]:
        chosen = {name: getattr(self, name) for name in ("bin_units", "signal_units", "place_scores", "dropout")}
        return {"n_signals": self.n_signals_, "n_bins": self.n_bins_, "output_shape": self.output_shape_, **chosen}

    def _keep_weights(self, weights: dict[str, NDArray]) -> None:
        self.weights_ = weights

    def _kept_weights(self) -> dict[str, NDArray]:
        return self.weights_
