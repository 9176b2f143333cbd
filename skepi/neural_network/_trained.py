"""TrainedNetwork: the way from checked rows and targets to the weights of the best epoch, for every estimator here."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skepi._progress import ShowsProgress, progress_bar
from skepi._rows import check_arrays, check_features
from skepi.neural_network._batches import Batches, predicted_batches
from skepi.neural_network._checkpoint import identity_of, kind_of, read_checkpoint, write_checkpoint
from skepi.neural_network._inner_split import rows_set_aside
from skepi.neural_network._losses import Loss
from skepi.neural_network._module import input_gradients
from skepi.neural_network._net import EpochKeeper, PenalizedNet, State, as_arrays, set_weights
from skepi.neural_network._schedule import Schedule
from skepi.neural_network._settings import check_settings, mixed_precision, optimizer_settings, resolve_device
from skepi.rows import is_binned

#: Types of plain arrays that are taken as they are.
FLOATS = (np.float64, np.float32)


class TrainedNetwork(ShowsProgress, BaseEstimator):
    """What the estimators of this room share.

    A class that inherits from it has the settings of training that :func:`check_settings` looks at. It says what its
    module is and what that is made with, and keeps the weights.

    Attributes
    ----------
    output_shape_ : tuple of int
        Shape of the output of one row.
    """

    _LOSS: ClassVar[Loss]
    _MODULE: ClassVar[Callable[..., torch.nn.Module]]
    _LEAST_ROWS: ClassVar[int] = 1

    def _module_settings(self) -> dict[str, Any]:
        """Arguments of the module, for ``n_features_in_`` and ``output_shape_``."""
        raise NotImplementedError

    def _keep_weights(self, weights: dict[str, NDArray]) -> None:
        """Keep the fitted weights, given by their names in the module."""
        raise NotImplementedError

    def _kept_weights(self) -> dict[str, NDArray]:
        """Fitted weights by their names in the module."""
        raise NotImplementedError

    def _dense_layers(self) -> tuple[int, ...]:
        """Features and units of hidden layers, where bfloat16 may pay off on a CPU; empty where it is not known to."""
        return ()

    def _check_settings(self) -> None:
        """Refuse settings that mean nothing, whatever the data."""
        check_settings(self)

    def _learn_layout(self, X: Any) -> None:
        """Learn what the features of ``X`` are, as far as the module needs to know."""

    def _identifying(self) -> dict[str, NDArray]:
        """Arrays among the settings that tell one fit from another; their text leaves most numbers out."""
        return {}

    def _learn_targets(self, y: NDArray) -> None:
        """Learn from the targets of the rows left for training, or refuse them."""

    def _has_validation(self, X_val: Any, y_val: Any) -> bool:
        """Whether a development set of the user's own was given; half of one is refused."""
        if X_val is None and y_val is None:
            return False
        if X_val is None or y_val is None or not self.early_stopping:
            raise ValueError("X_val and y_val go together, and with early_stopping=True")
        return True

    def _train(
        self, X: Any, y: NDArray, groups: ArrayLike | None, val: tuple[Any, NDArray] | None, output_shape: tuple
    ) -> Self:
        """Train on checked rows; ``val`` is a development set of the user's own."""
        if self.checkpoint is not None and not isinstance(self.random_state, int | np.integer):
            raise ValueError("checkpoint needs an integer random_state, or a resumed run would differ")
        self.output_shape_ = output_shape
        self._learn_layout(X)
        seed = int(check_random_state(self.random_state).randint(2**31))
        dev = np.zeros(len(y), dtype=bool)
        if self.early_stopping and val is None:
            dev = rows_set_aside(X, groups, self.validation, self.validation_fraction, seed)
        state, save = self._checkpointed(X, y, dev, val)
        rows, device = np.flatnonzero(~dev), resolve_device(self.device)
        self._learn_targets(y[rows])
        order, kind = seed if self.shuffle else None, self._LOSS.target_type
        least = self._LEAST_ROWS
        train = Batches(X[rows], y[rows], self.batch_size, device, order, target_type=kind, least_rows=least)
        if val is None and dev.any():
            val = X[dev], y[dev]
        held = None if val is None else Batches(*val, self.batch_size, device, None, beside=train, target_type=kind)
        n_kept = 0 if state is None else len(state["history"])
        with (
            progress_bar(self.progress, "epochs", self.max_epochs, initial=n_kept) as bar,
            torch.random.fork_rng(devices=[device] if device.type == "cuda" else []),
        ):
            torch.manual_seed(seed)
            keeper = self._keeper(seed, bar, save, state)
            self._net(train, held, keeper).fit(train)
        if not keeper.finished():  # skorch swallows the interrupt of a user as it does ours
            raise KeyboardInterrupt
        self._set_fitted(as_arrays(keeper.best_weights_), keeper.rows_, keeper.best_epoch())
        return self

    def to_module(self) -> torch.nn.Module:
        """Return the fitted network as a torch module on the CPU, in evaluation mode."""
        check_is_fitted(self)
        with torch.random.fork_rng(devices=[]):  # the weights it draws are replaced
            module = self._MODULE(**self._module_settings())
        set_weights(module, self._kept_weights())
        return module.eval()

    def _outputs(self, X: Any) -> NDArray:
        """Outputs of the network, (n_rows, *output_shape_)."""
        with torch.no_grad():
            parts = [module(batch).cpu().numpy() for module, batch in self._through(X)]
        return np.concatenate([np.empty((0, *self.output_shape_)), *parts])

    def _output_gradients(self, X: Any) -> NDArray:
        """Derivative of each output by the features of its row, (n_rows, *output_shape_, n_features)."""
        parts = [input_gradients(module, batch).cpu().numpy() for module, batch in self._through(X)]
        return np.concatenate(parts) if parts else np.empty((0, *self.output_shape_, self.n_features_in_))

    def _through(self, X: Any) -> Iterator[tuple[torch.nn.Module, torch.Tensor]]:
        """The fitted network and each batch of rows, on the device."""
        check_is_fitted(self)
        X = self._checked_rows(X)
        device = resolve_device(self.device)
        wide = isinstance(X, np.ndarray) and X.dtype == np.float64 and device.type != "mps"  # which has no float64
        module = self.to_module().to(device, torch.float64 if wide else torch.float32)
        for batch in predicted_batches(X, self.batch_size, device):
            yield module, batch.to(device, next(module.parameters()).dtype)

    def _checked_rows(self, X: Any) -> Any:
        """Rows to predict for, like those of the fit."""
        if not is_binned(X):
            return check_arrays(self, X, reset=False, dtype=FLOATS)
        check_features(X, self)
        return X

    def _checkpointed(self, X: Any, y: NDArray, dev: NDArray, val: Any) -> tuple[State | None, Any]:
        """State that a run goes on from, and what saves it, None where there is none."""
        if self.checkpoint is None:
            return None, None
        kind, identity = kind_of(self), identity_of(self, X, y, dev, val)
        state = read_checkpoint(self.checkpoint, kind, identity) if Path(self.checkpoint).exists() else None
        return state, partial(write_checkpoint, self.checkpoint, kind=kind, identity=identity)

    def _keeper(self, seed: int, bar: Any, save: Any, state: State | None) -> EpochKeeper:
        return EpochKeeper(
            seed=seed,
            loss=self._LOSS,
            schedule=Schedule(self.lr_schedule, self.lr, self.lr_decay, self.lr_min),
            tol=self.tol,
            patience=self.patience,
            max_epochs=self.max_epochs,
            bar=bar,
            save=save,
            state=state,
        )

    def _net(self, train: Batches, held: Batches | None, keeper: EpochKeeper) -> PenalizedNet:
        device, n_rows = train.device, min(self.batch_size, len(train))
        return PenalizedNet(
            self._MODULE,
            **{f"module__{name}": value for name, value in self._module_settings().items()},
            criterion=self._LOSS.criterion,
            **optimizer_settings(self.optimizer, self.momentum, device),
            lr=self.lr,
            max_epochs=self.max_epochs,
            train_split=lambda dataset, y=None, **kwargs: (dataset, held),
            callbacks=[keeper],
            device=device,
            verbose=0,
            penalty_settings={name: getattr(self, name) for name in ("l1", "l2", "l2_norm", "penalize_bias")},
            max_gradient_norm=self.max_gradient_norm,
            autocast=mixed_precision(self.precision, device, self._dense_layers(), n_rows),
        )

    def _set_fitted(self, weights: dict[str, NDArray], history: list[dict[str, float]], best_epoch: int) -> None:
        self._keep_weights(weights)
        self.history_ = pd.DataFrame(history)
        self.best_epoch_ = best_epoch
        self.n_iter_ = len(history)
