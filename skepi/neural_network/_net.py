"""Training: skorch's loop with penalties, exact epoch means, early stopping, checkpoints; no wait within an epoch."""

import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback

from skepi._progress import end_early
from skepi.exceptions import DivergenceError
from skepi.neural_network._batches import Batches, epoch_rng
from skepi.neural_network._losses import Loss
from skepi.neural_network._module import add_penalty_gradient
from skepi.neural_network._schedule import Schedule

State = dict[str, Any]


class PenalizedNet(NeuralNet):
    """skorch net on ready-made batches; penalties act on the gradient, the recorded loss is without them.

    Within an epoch nothing is read from the device: losses stay there until :meth:`epoch_figures`.

    Parameters
    ----------
    penalty_settings : dict
        Keyword arguments of :func:`skepi.neural_network._module.add_penalty_gradient`.
    max_gradient_norm : float or None
        Length to which a longer gradient, penalties included, is shortened.
    autocast : torch.dtype or None
        Type of mixed precision, if any.
    """

    def __init__(
        self,
        *args: Any,
        penalty_settings: State,
        max_gradient_norm: float | None,
        autocast: torch.dtype | None,
        **kwargs: Any,
    ) -> None:
        self.penalty_settings = penalty_settings
        self.max_gradient_norm = max_gradient_norm
        self.autocast = autocast
        self.batch_losses: dict[bool, list[torch.Tensor]] = {True: [], False: []}
        super().__init__(*args, **kwargs)

    @property
    def _default_callbacks(self) -> list[Any]:
        return []

    def check_data(self, X: Any, y: Any = None) -> None:
        """Batches were checked before they came here."""

    def get_dataset(self, X: Any, y: Any = None) -> Any:
        """Batches are a data set already."""
        return X

    def get_iterator(self, dataset: Any, training: bool = False) -> Any:
        """Batches iterate over themselves."""
        return dataset

    def run_single_epoch(self, iterator: Any, training: bool, prefix: str, step_fn: Any, **fit_params: Any) -> None:
        """Take the step for each batch; skorch's own loop would read the loss of each, and so wait for it."""
        if iterator is not None:
            for batch in iterator:
                step_fn(batch, **fit_params)
                del batch  # its memory is there for the next one

    def train_step(self, batch: tuple[torch.Tensor, torch.Tensor], **fit_params: Any) -> State:
        """One step of the optimizer on the mean loss and the penalties."""
        features, targets = batch
        self._set_training(True)
        self.optimizer_.zero_grad()
        loss = self.get_loss(self.infer(features), targets, training=True)
        loss.backward()
        add_penalty_gradient(self.module_, **self.penalty_settings)
        if self.max_gradient_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.module_.parameters(), self.max_gradient_norm)
        self.optimizer_.step()
        return {"loss": loss}

    def infer(self, x: torch.Tensor, **fit_params: Any) -> torch.Tensor:
        """Forward pass, in training in mixed precision if asked for; the output is float32."""
        mixed = self.autocast is not None and self.module_.training  # as exact in validation as in predict
        with torch.autocast(x.device.type, dtype=self.autocast) if mixed else nullcontext():
            return self.module_(x).float()

    def get_loss(self, y_pred: torch.Tensor, y_true: torch.Tensor, X: Any = None, training: bool = False) -> Any:
        """Mean loss of the batch."""
        loss = self.criterion_(y_pred, y_true)
        self.batch_losses[training].append(loss.detach() * len(y_true))
        return loss

    def epoch_figures(self) -> tuple[float, float, bool]:
        """Sums of losses over the rows of the epoch that just ended, training and dev, and whether weights are finite.

        Everything comes in one read, the only one of an epoch. Without a development set its sum is 0.
        """
        train, dev = self.batch_losses[True], self.batch_losses[False]
        finite = torch.stack([torch.isfinite(p).all() for p in self.module_.parameters()]).all()
        *losses, fine = torch.stack([*train, *dev, finite.to(train[0].dtype)]).tolist()
        sums = math.fsum(losses[: len(train)]), math.fsum(losses[len(train) :])
        train.clear()
        dev.clear()
        return *sums, bool(fine)


class EpochKeeper(Callback):
    """Record each epoch, keep the best, stop in time, save checkpoints.

    Parameters
    ----------
    seed : int
        Dropout masks of an epoch depend on it and on the epoch alone.
    loss : Loss
        Says what the history calls it.
    schedule : Schedule
        Learning rate of each epoch.
    tol, patience : float, int
        Training stops after ``patience`` epochs whose monitored loss is not ``tol`` below the best before.
    max_epochs : int
    bar : tqdm
        Counts epochs, and shows their losses.
    save : callable, optional
        Called after each epoch with the state.
    state : dict, optional
        From an earlier run, to go on with.
    """

    def __init__(
        self,
        *,
        seed: int,
        loss: Loss,
        schedule: Schedule,
        tol: float,
        patience: int,
        max_epochs: int,
        bar: Any,
        save: Callable[[State], None] | None = None,
        state: State | None = None,
    ) -> None:
        self.seed = seed
        self.loss = loss
        self.schedule = schedule
        self.tol = tol
        self.patience = patience
        self.max_epochs = max_epochs
        self.bar = bar
        self.save = save
        self.state = state

    def on_train_begin(self, net: PenalizedNet, **kwargs: Any) -> None:
        """Start afresh, or from a saved state."""
        state = self.state or {}
        self.rows_: list[dict[str, float]] = list(state.get("history", []))
        self.best_weights_ = weights_of(net.module_)
        if state:
            self.best_weights_ = {name: torch.from_numpy(array) for name, array in state["best_weights"].items()}
            set_weights(net.module_, state["weights"])
            set_optimizer_state(net.optimizer_, state["optimizer"])

    def on_epoch_begin(self, net: PenalizedNet, dataset_train: Batches, **kwargs: Any) -> None:
        """Fix the epoch's learning rate, row order and dropout masks."""
        self._stop_if_finished()  # a resumed run may have nothing left to do
        dataset_train.epoch = len(self.rows_)
        torch.manual_seed(int(epoch_rng(self.seed, len(self.rows_)).integers(2**62)))
        self.lr_ = self.schedule.after(self._losses("train"))
        for group in net.optimizer_.param_groups:
            group["lr"] = self.lr_
        self.began_ = time.perf_counter()

    def on_epoch_end(
        self, net: PenalizedNet, dataset_train: Batches, dataset_valid: Batches | None, **kwargs: Any
    ) -> None:
        """Record, keep the best, save, and stop if it is time."""
        train, dev, finite_weights = net.epoch_figures()
        train /= len(dataset_train)
        dev = np.nan if dataset_valid is None else dev / len(dataset_valid)
        epoch = len(self.rows_) + 1
        _check_finite(self.lr_, self.loss.label, epoch, train, 0.0 if dataset_valid is None else dev, finite_weights)
        best_dev = min(self._losses("dev"), default=np.inf)
        seconds = time.perf_counter() - self.began_
        losses = {f"train_{self.loss.name}": train, f"dev_{self.loss.name}": dev}
        self.rows_.append({"epoch": epoch, **losses, "seconds": seconds, "lr": self.lr_})
        if dataset_valid is None or dev < best_dev:
            self.best_weights_ = weights_of(net.module_)
        label = self.loss.label
        shown = f"train {label} {train:.5f}" + ("" if dataset_valid is None else f", dev {label} {dev:.5f}")
        self.bar.set_postfix_str(shown, refresh=False)
        self.bar.update()
        if self.save is not None:
            self.save(self.as_state(net))
        self._stop_if_finished()

    def _losses(self, which: str) -> list[float]:
        """Training (``"train"``) or development (``"dev"``) losses of all epochs."""
        return [row[f"{which}_{self.loss.name}"] for row in self.rows_]

    def _stop_if_finished(self) -> None:
        if self.finished():
            end_early(self.bar)
            raise KeyboardInterrupt  # skorch's way to end training early

    def as_state(self, net: PenalizedNet) -> State:
        """Everything that a later run needs to go on from here."""
        return {
            "history": self.rows_,
            "weights": as_arrays(weights_of(net.module_)),
            "best_weights": as_arrays(self.best_weights_),
            "optimizer": optimizer_state(net.optimizer_),
        }

    def best_epoch(self) -> int:
        """Epoch whose weights are kept, from 1: that of the least dev loss, or the last."""
        dev = self._losses("dev")
        return len(dev) if np.isnan(dev[-1]) else int(np.argmin(dev)) + 1

    def finished(self) -> bool:
        """Whether the epochs are used up, or the monitored loss has not fallen for ``patience`` epochs."""
        if len(self.rows_) >= self.max_epochs:
            return True
        best, waited = np.inf, 0
        for train, dev in zip(self._losses("train"), self._losses("dev"), strict=True):
            monitored = train if np.isnan(dev) else dev
            best, waited = (monitored, 0) if monitored < best - self.tol else (best, waited + 1)
        return waited >= self.patience


def _check_finite(lr: float, label: str, epoch: int, train: float, dev: float, finite_weights: bool) -> None:
    """Raise where training left the numbers that a result could be made of."""
    for what, fine in (
        (f"training {label} ({train})", np.isfinite(train)),
        (f"development {label} ({dev})", np.isfinite(dev)),
        ("weights", finite_weights),
    ):
        if not fine:
            raise DivergenceError(
                f"the {what} became infinite or not a number in epoch {epoch}: try a smaller lr (now {lr}), or "
                "check that features and targets are scaled"
            )


def weights_of(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Copies of all parameters and running statistics, on their device."""
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


def as_arrays(weights: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """Weights as arrays on the host."""
    return {name: p.cpu().numpy() for name, p in weights.items()}


def set_weights(module: torch.nn.Module, weights: dict[str, np.ndarray]) -> None:
    """Put parameters and running statistics back in place."""
    with torch.no_grad():
        for name, value in module.state_dict().items():
            value.copy_(torch.from_numpy(np.array(weights[name])))


def optimizer_state(optimizer: torch.optim.Optimizer) -> dict[str, np.ndarray]:
    """Step and moments of every parameter, by ``index/name``; empty for an optimizer that keeps none."""
    states = optimizer.state_dict()["state"]
    found = ((f"{i}/{key}", value) for i, state in states.items() for key, value in state.items())
    return {name: value.cpu().numpy().copy() for name, value in found if value is not None}


def set_optimizer_state(optimizer: torch.optim.Optimizer, saved: dict[str, np.ndarray]) -> None:
    """Put step and moments back in place."""
    full = optimizer.state_dict()
    full["state"] = {}
    for name, value in saved.items():
        i, key = name.split("/")
        full["state"].setdefault(int(i), {})[key] = torch.from_numpy(np.array(value))
    optimizer.load_state_dict(full)
