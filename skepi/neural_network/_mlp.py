"""ExpressionMLP: the report's network as an estimator."""

import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skepi._files import read_arrays, write_arrays
from skepi._progress import ShowsProgress, progress_bar
from skepi._rows import check_arrays, check_features, check_log_targets, check_targets, keep_features
from skepi.neural_network._batches import Batches, predicted_batches
from skepi.neural_network._checkpoint import WHAT, identity_of, read_checkpoint, write_checkpoint
from skepi.neural_network._inner_split import rows_set_aside
from skepi.neural_network._module import MLP, input_gradients, named_weights
from skepi.neural_network._net import EpochKeeper, PenalizedNet, State, as_arrays, set_weights
from skepi.neural_network._settings import check_settings, mixed_precision, resolve_device
from skepi.rows import is_binned

FloatArray = NDArray[np.float64]


class ExpressionMLP(ShowsProgress, RegressorMixin, BaseEstimator):
    r"""Fully connected network on binned openness, trained by Adam with early stopping.

    Minimises, over batches,

    .. math:: \mathrm{MSE} + l_1 \sum |w| + l_2 \sum w^2

    with the sums over weights (not biases). Layers: linear, ReLU, dropout for each entry of ``hidden``, then one
    linear output; Xavier's uniform initial weights.

    Parameters
    ----------
    hidden : sequence of int, default=(1000, 1000, 1000)
        Units of each hidden layer; ``()`` is a linear model.
    dropout : float, default=0.0
        Fraction of the units zeroed after each hidden layer in training, in [0, 1).
    l1, l2 : float, default=0.0
        Penalties on the weights, in squared units of ``y``.
    penalize_bias : bool, default=False
        ``True`` is the report's way.
    l2_norm : {"squared", "unsquared"}, default="squared"
        ``"unsquared"`` is the report's way: :math:`l_2 \sqrt{\sum w^2}`.
    lr : float, default=1e-3
        Step size of Adam (betas 0.9 and 0.999).
    batch_size : int, default=10_000
        Rows.
    max_epochs : int, default=150
    tol : float, default=1e-5
        Fall of the monitored MSE that counts as progress, in squared units of ``y``.
    patience : int, default=10
        Epochs without progress after which training stops.
    early_stopping : bool, default=True
        Whether to set rows aside, monitor their MSE and restore the best epoch's weights. ``False`` trains on all
        rows, monitors the training MSE and keeps the last epoch.
    validation : {"cell_type", "chromosome", "pairs"}, default="cell_type"
        What is kept whole when rows are set aside. On a plain array every row counts as a cell type of its own,
        unless ``fit`` gets ``groups``.
    validation_fraction : float, default=0.1
        Fraction of the groups set aside, at least one group.
    shuffle : bool, default=True
        Whether rows come in a new order in each epoch.
    device : str, default="auto"
        ``"auto"`` is CUDA where there is one, else the CPU; otherwise a name that torch knows.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Type of the products in training; weights and sums stay float32. ``"auto"`` is bfloat16 where it gains: on
        CUDA devices that have it; on CPUs with AVX-512 BF16 or AMX, where torch can tell
        (``torch.cpu.get_capabilities``), for a first hidden layer of 32 units or more and at least 10 million products
        in the forward pass of a batch. There a step takes a third of the time at the default sizes, 0.4 to 0.6 of it
        with hidden layers (200, 50) and batches of 2,000; the mean best dev MSE moved by less than a fifth of its SD
        over 5 seeds. Elsewhere it is float32. Validation and predictions are in float32, predictions for plain float64
        arrays in float64.
    checkpoint : path, optional
        File that the state is saved to after every epoch. A fit that finds it goes on from there and ends with the
        result of an uninterrupted run; one that belongs to other data or settings is refused. ``max_epochs`` may
        grow. Give every fit its own file (not for a grid search).
    progress : bool, default=False
        Whether to show a progress bar.
    random_state : int, RandomState or None, default=None
        Seeds weights, split, row order and dropout. Exact for one seed on one device.

    Attributes
    ----------
    coefs_, intercepts_ : list of ndarray of float32
        Weights (n_in, n_out) and biases (n_out,) of each layer, in scikit-learn's order.
    history_ : DataFrame
        A row an epoch: ``epoch, train_mse, dev_mse, seconds``. Training MSE is the mean over the rows as they were
        seen, with dropout and changing weights, without penalty; ``dev_mse`` is NaN without early stopping.
    best_epoch_ : int
        Epoch whose weights are kept, from 1.
    n_iter_ : int
        Epochs trained.
    columns_ : DataFrame
        Only where rows were binned: one row per column, ``signal, feature, start_bp, end_bp``.
    n_features_in_ : int

    Raises
    ------
    DivergenceError
        Where the loss becomes infinite or not a number.
    ValueError
        For settings out of range, fewer than two groups to set aside from, or a checkpoint of another fit.

    Notes
    -----
    Features and targets scaled before ``fit`` have seen the rows that are set aside here, so the dev MSE is good for
    choosing the epoch only, never as a result.

    Dense rows of up to 1 GiB are made once. Of more, each batch is made when its turn comes: on CUDA by the device
    itself, from the openness of peaks, where that fits into half of its free memory; else by the CPU. (Rows that CUDA
    cannot make, and that fit into that half, stay there dense.) The batches are the same.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> net = ExpressionMLP(hidden=(8,), max_epochs=5, random_state=0).fit(X, X[:, 0])
    >>> net.history_.columns.tolist()
    ['epoch', 'train_mse', 'dev_mse', 'seconds']
    """

    def __init__(
        self,
        hidden: Sequence[int] = (1000, 1000, 1000),
        dropout: float = 0.0,
        l1: float = 0.0,
        l2: float = 0.0,
        *,
        penalize_bias: bool = False,
        l2_norm: str = "squared",
        lr: float = 1e-3,
        batch_size: int = 10_000,
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
        self.hidden = hidden
        self.dropout = dropout
        self.l1 = l1
        self.l2 = l2
        self.penalize_bias = penalize_bias
        self.l2_norm = l2_norm
        self.lr = lr
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

    def fit(
        self,
        X: Any,
        y: ArrayLike,
        groups: ArrayLike | None = None,
        *,
        X_val: Any = None,
        y_val: ArrayLike | None = None,
    ) -> Self:
        """Train the network.

        Parameters
        ----------
        X : BinnedOpenness or array-like of shape (n_rows, n_features)
        y : array-like of shape (n_rows,)
        groups : array-like of shape (n_rows,), optional
            What is kept whole when rows are set aside, in place of ``validation``.
        X_val, y_val : as X and y, optional
            Development set to stop on, in place of rows set aside: all of ``X`` is then trained on. ``y_val`` is in the
            units that this estimator sees (standardised, inside ``GeneZTarget``).
        """
        check_settings(self)
        X, y = self._checked_training(X, y)
        val = self._checked_validation(X_val, y_val)
        if self.checkpoint is not None and not isinstance(self.random_state, int | np.integer):
            raise ValueError("checkpoint needs an integer random_state, or a resumed run would differ")
        seed = int(check_random_state(self.random_state).randint(2**31))
        dev = np.zeros(len(y), dtype=bool)
        if self.early_stopping and val is None:
            dev = rows_set_aside(X, groups, self.validation, self.validation_fraction, seed)
        state, save = self._checkpointed(X, y, dev, val)
        rows, device = np.flatnonzero(~dev), resolve_device(self.device)
        train = Batches(X[rows], y[rows], self.batch_size, device, seed if self.shuffle else None)
        if val is None and dev.any():
            val = X[dev], y[dev]
        held = None if val is None else Batches(*val, self.batch_size, device, None, beside=train)
        n_kept = 0 if state is None else len(state["history"])
        with (
            progress_bar(self.progress, "epochs", self.max_epochs, initial=n_kept) as bar,
            torch.random.fork_rng(devices=[device] if device.type == "cuda" else []),
        ):
            torch.manual_seed(seed)
            keeper = self._keeper(seed, bar, save, state)
            self._net(X.shape[1], train, held, keeper).fit(train)
        if not keeper.finished():  # skorch swallows the interrupt of a user as it does ours
            raise KeyboardInterrupt
        self._set_fitted(as_arrays(keeper.best_weights_), keeper.rows_, keeper.best_epoch())
        return self

    def predict(self, X: Any) -> FloatArray:
        """Predict, (n_rows,), in units of ``y``."""
        with torch.no_grad():
            parts = [module(batch).cpu().numpy() for module, batch in self._through(X)]
        return np.concatenate([np.empty(0), *parts])

    def input_gradients(self, X: Any) -> NDArray:
        """Return the derivative of each row's prediction by its features, (n_rows, n_features)."""
        parts = [input_gradients(module, batch).cpu().numpy() for module, batch in self._through(X)]
        return np.concatenate(parts) if parts else np.empty((0, self.n_features_in_))

    def _through(self, X: Any) -> Iterator[tuple[MLP, torch.Tensor]]:
        """The fitted network and each batch of rows, on the device."""
        check_is_fitted(self)
        if is_binned(X):
            check_features(X, self)
        else:
            X = check_arrays(self, X, reset=False, dtype=(np.float64, np.float32))
        device = resolve_device(self.device)
        wide = isinstance(X, np.ndarray) and X.dtype == np.float64 and device.type != "mps"  # which has no float64
        module = self.to_module().to(device, torch.float64 if wide else torch.float32)
        for batch in predicted_batches(X, self.batch_size, device):
            yield module, batch.to(device, next(module.parameters()).dtype)

    def to_module(self) -> MLP:
        """Return the fitted network as a torch module on the CPU, in evaluation mode."""
        check_is_fitted(self)
        with torch.random.fork_rng(devices=[]):  # the weights it draws are replaced
            module = MLP(self.n_features_in_, tuple(self.hidden), self.dropout)
        set_weights(module, named_weights(self.coefs_, self.intercepts_))
        return module.eval()

    def save_weights(self, path: str | os.PathLike) -> None:
        """Write weights, architecture and history to one file, without pickle.

        Parameters
        ----------
        path : path
            A numpy ``.npz`` archive, replaced as a whole or not at all.
        """
        check_is_fitted(self)
        about = {
            "kind": "skepi.ExpressionMLP weights 1",
            "hidden": list(map(int, self.hidden)),
            "n_features": int(self.n_features_in_),
            "best_epoch": self.best_epoch_,
            "history": self.history_.to_dict("records"),
        }
        write_arrays(path, named_weights(self.coefs_, self.intercepts_), about)

    def load_weights(self, path: str | os.PathLike) -> Self:
        """Read weights that :meth:`save_weights` wrote, for an estimator with the same ``hidden``.

        Raises
        ------
        ValueError
            Where the file is of another kind or another architecture.
        """
        arrays, about = read_arrays(path, "skepi.ExpressionMLP weights 1", WHAT)
        if list(about["hidden"]) != list(self.hidden):
            raise ValueError(f"{path} holds a network with hidden={about['hidden']}, wanted {list(self.hidden)}")
        self.n_features_in_ = about["n_features"]
        self._set_fitted(arrays, about["history"], about["best_epoch"])
        return self

    def _checked_training(self, X: Any, y: ArrayLike) -> tuple[Any, FloatArray]:
        if not is_binned(X):
            X, y = check_arrays(self, X, y, y_numeric=True, dtype=(np.float64, np.float32))
            return X, np.asarray(y, dtype=np.float64)
        keep_features(X, self)
        return X, check_log_targets(X, y)

    def _checked_validation(self, X_val: Any, y_val: ArrayLike | None) -> tuple[Any, FloatArray] | None:
        if X_val is None and y_val is None:
            return None
        if X_val is None or y_val is None or not self.early_stopping:
            raise ValueError("X_val and y_val go together, and with early_stopping=True")
        if not is_binned(X_val):
            X_val, y_val = check_arrays(self, X_val, y_val, reset=False, y_numeric=True, dtype=(np.float64, np.float32))
            return X_val, np.asarray(y_val, dtype=np.float64)
        check_features(X_val, self)
        return X_val, check_targets(X_val, y_val)

    def _checkpointed(self, X: Any, y: FloatArray, dev: NDArray, val: Any) -> tuple[State | None, Any]:
        """State that a run goes on from, and what saves it, None where there is none."""
        if self.checkpoint is None:
            return None, None
        identity = identity_of(self, X, y, dev, val)
        state = read_checkpoint(self.checkpoint, identity) if Path(self.checkpoint).exists() else None
        return state, partial(write_checkpoint, self.checkpoint, identity=identity)

    def _keeper(self, seed: int, bar: Any, save: Any, state: State | None) -> EpochKeeper:
        return EpochKeeper(
            seed=seed,
            tol=self.tol,
            patience=self.patience,
            max_epochs=self.max_epochs,
            bar=bar,
            save=save,
            state=state,
        )

    def _net(self, n_features: int, train: Batches, held: Batches | None, keeper: EpochKeeper) -> PenalizedNet:
        device, n_rows = train.device, min(self.batch_size, len(train))
        return PenalizedNet(
            MLP,
            module__n_features=n_features,
            module__hidden=tuple(self.hidden),
            module__dropout=self.dropout,
            criterion=torch.nn.MSELoss,
            optimizer=torch.optim.Adam,
            optimizer__fused=device.type in ("cpu", "cuda"),
            lr=self.lr,
            max_epochs=self.max_epochs,
            train_split=lambda dataset, y=None, **kwargs: (dataset, held),
            callbacks=[keeper],
            device=device,
            verbose=0,
            penalty_settings={name: getattr(self, name) for name in ("l1", "l2", "l2_norm", "penalize_bias")},
            autocast=mixed_precision(self.precision, device, (n_features, *self.hidden), n_rows),
        )

    def _set_fitted(self, weights: dict[str, NDArray], history: list[dict[str, float]], best_epoch: int) -> None:
        n_layers = len(tuple(self.hidden)) + 1
        self.coefs_ = [weights[f"linears.{i}.weight"].T for i in range(n_layers)]
        self.intercepts_ = [weights[f"linears.{i}.bias"] for i in range(n_layers)]
        self.history_ = pd.DataFrame(history)
        self.best_epoch_ = best_epoch
        self.n_iter_ = len(history)
