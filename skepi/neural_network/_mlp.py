"""ExpressionMLP: the report's network as an estimator."""

import os
from collections.abc import Sequence
from typing import Any, Self

from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from skepi._files import read_arrays, write_arrays
from skepi.neural_network._checkpoint import WHAT
from skepi.neural_network._module import MLP, named_weights
from skepi.neural_network._regressor import NetworkRegressor
from skepi.neural_network._settings import check_dense_settings

_WEIGHTS = "skepi.ExpressionMLP weights 2"

# Chen et al. 2016, Bioinformatics 32, 1832.
_DGEX = {
    "hidden": (9_000, 9_000, 9_000),
    "activation": "tanh",
    "dropout": 0.1,
    "optimizer": "sgd",
    "momentum": 0.5,
    "lr": 3e-4,
    "lr_schedule": "on_rise",
    "lr_decay": 0.9,
    "lr_min": 1e-5,
    "batch_size": 200,
    "max_epochs": 200,
    "patience": 200,
}


class ExpressionMLP(NetworkRegressor):
    r"""Fully connected network on binned openness, trained with early stopping.

    Minimises, over batches,

    .. math:: \mathrm{MSE} + l_1 \sum |w| + l_2 \sum w^2

    with the mean over rows and targets, and the sums over weights (not biases). Layers: linear, activation, dropout for
    each entry of ``hidden``, then one linear output per target; Xavier's uniform initial weights.

    Parameters
    ----------
    hidden : sequence of int, default=(1000, 1000, 1000)
        Units of each hidden layer; ``()`` is a linear model.
    dropout : float, default=0.0
        Fraction of the units zeroed after each hidden layer in training, in [0, 1).
    l1, l2 : float, default=0.0
        Penalties on the weights, in squared units of ``y``.
    activation : {"relu", "tanh", "identity"}, default="relu"
        Activation of the hidden layers.
    penalize_bias : bool, default=False
        ``True`` is the report's way.
    l2_norm : {"squared", "unsquared"}, default="squared"
        ``"unsquared"`` is the report's way: :math:`l_2 \sqrt{\sum w^2}`.
    optimizer : {"adam", "sgd"}, default="adam"
        Adam has betas 0.9 and 0.999.
    momentum : float, default=0.9
        Momentum of ``"sgd"``, in [0, 1); Adam does not use it.
    lr : float, default=1e-3
        Learning rate of the first epoch.
    lr_schedule : {"constant", "every_epoch", "on_rise"}, default="constant"
        When the learning rate is multiplied by ``lr_decay``: never, after every epoch, or after each epoch whose
        training MSE is higher than that of the epoch before.
    lr_decay : float, default=0.9
        Factor in (0, 1].
    lr_min : float, default=1e-5
        The learning rate does not fall below it.
    max_gradient_norm : float, optional
        Length to which the gradient of a step, penalties included, is shortened where it is longer; by default it is
        never shortened.
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
        One row per epoch: ``epoch, train_mse, dev_mse, seconds, lr``. Training MSE is the mean over the rows as they
        were seen, with dropout and changing weights, without penalty; ``dev_mse`` is NaN without early stopping.
    best_epoch_ : int
        Epoch whose weights are kept, from 1.
    n_iter_ : int
        Epochs trained.
    columns_ : DataFrame
        Only where rows were binned: one row per column, ``signal, feature, start_bp, end_bp``.
    n_features_in_ : int
    output_shape_ : tuple of int
        ``()`` where ``y`` was of shape (n_rows,), else ``(n_targets,)``.

    Raises
    ------
    DivergenceError
        Where the loss becomes infinite or not a number.
    ValueError
        For settings out of range, fewer than two groups to set aside from, or a checkpoint of another fit; for
        a ``y_val`` with another number of targets than ``y``.

    Notes
    -----
    Features and targets scaled before ``fit`` have seen the rows that are set aside here, so the dev MSE is good for
    choosing the epoch only, never as a result.

    Dense rows of up to 1 GiB are made once. Beyond that, each batch is made when its turn comes: on CUDA by the device
    itself, from the openness of peaks, where that fits into half of its free memory; else by the CPU. (Rows that CUDA
    cannot make, and that fit into that half, stay there dense.) The batches are the same.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> net = ExpressionMLP(hidden=(8,), max_epochs=5, random_state=0).fit(X, X[:, 0])
    >>> net.history_.columns.tolist()
    ['epoch', 'train_mse', 'dev_mse', 'seconds', 'lr']
    >>> net.fit(X, X[:, :2]).predict(X).shape
    (200, 2)
    """

    _MODULE = MLP

    def __init__(
        self,
        hidden: Sequence[int] = (1000, 1000, 1000),
        dropout: float = 0.0,
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

    def save_weights(self, path: str | os.PathLike) -> None:
        """Write weights, architecture and history to one file, without pickle.

        Parameters
        ----------
        path : path
            A numpy ``.npz`` archive, replaced as a whole or not at all.
        """
        check_is_fitted(self)
        about = {
            "kind": _WEIGHTS,
            "hidden": list(map(int, self.hidden)),
            "activation": self.activation,
            "output_shape": list(self.output_shape_),
            "n_features": int(self.n_features_in_),
            "best_epoch": self.best_epoch_,
            "history": self.history_.to_dict("records"),
        }
        write_arrays(path, self._kept_weights(), about)

    def load_weights(self, path: str | os.PathLike) -> Self:
        """Read weights that :meth:`save_weights` wrote, for an estimator with the same ``hidden`` and ``activation``.

        Raises
        ------
        ValueError
            Where the file is of another kind or another architecture.
        """
        arrays, about = read_arrays(path, _WEIGHTS, WHAT)
        if list(about["hidden"]) != list(self.hidden):
            raise ValueError(f"{path} holds a network with hidden={about['hidden']}, wanted {list(self.hidden)}")
        if about["activation"] != self.activation:
            raise ValueError(
                f"{path} holds a network with {about['activation']}, wanted activation={self.activation!r}"
            )
        self.output_shape_ = tuple(about["output_shape"])
        self.n_features_in_ = about["n_features"]
        self._set_fitted(arrays, about["history"], about["best_epoch"])
        return self

    @classmethod
    def dgex(cls, **changes: Any) -> Self:
        """Make a network with the published settings of D-GEX, which predicts target genes from landmark genes.

        Three tanh layers of 9,000 units, the largest of the paper, with 10 % dropout after each, stochastic gradient
        descent with momentum .5 in batches of 200 for 200 epochs, and a learning rate of 3e-4 that falls by a tenth
        whenever the training error rises, to 1e-5 at the least.

        D-GEX minimises the sum of squared errors over the targets that are trained together (4,760), and this network
        their mean, whose gradient is smaller by the number of targets. Steps as long as those of D-GEX need
        ``lr=3e-4 * n_targets, lr_min=1e-5 * n_targets``, with targets standardised. Two more things differ: D-GEX
        multiplies the rate of all weights but those of the first layer by 3, and draws the weights of the output from
        [-1e-4, 1e-4], where they are drawn by Xavier's rule here. Its training error is a mean absolute error of 5,000
        samples, here it is the loss.

        Parameters
        ----------
        **changes
            Settings that are to differ, such as ``hidden=(300,)`` for small data.

        Examples
        --------
        >>> ExpressionMLP.dgex(hidden=(300,)).activation
        'tanh'
        """
        return cls(**{**_DGEX, **changes})

    def _check_settings(self) -> None:
        super()._check_settings()
        check_dense_settings(self)

    def _module_settings(self) -> dict[str, Any]:
        return {
            "n_features": self.n_features_in_,
            "hidden": tuple(self.hidden),
            "dropout": self.dropout,
            "activation": self.activation,
            "output_shape": self.output_shape_,
        }

    def _dense_layers(self) -> tuple[int, ...]:
        return self.n_features_in_, *self.hidden

    def _keep_weights(self, weights: dict[str, NDArray]) -> None:
        n_layers = len(tuple(self.hidden)) + 1
        self.coefs_ = [weights[f"linears.{i}.weight"].T for i in range(n_layers)]
        self.intercepts_ = [weights[f"linears.{i}.bias"] for i in range(n_layers)]

    def _kept_weights(self) -> dict[str, NDArray]:
        return named_weights(self.coefs_, self.intercepts_)
