"""What training makes small: errors of numbers, of rates or of calls, or the log loss of classes."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import torch


class Loss(NamedTuple):
    """A loss, as training takes it and as the history calls it.

    Attributes
    ----------
    criterion : callable
        Makes a module of torch: mean loss of a batch, from outputs and targets.
    name : str
        The history has columns ``train_<name>`` and ``dev_<name>``.
    label : str
        In messages.
    target_type : type
        That the criterion takes targets in.
    """

    criterion: Callable[[], torch.nn.Module]
    name: str
    label: str
    target_type: type


SQUARED_ERROR = Loss(torch.nn.MSELoss, "mse", "MSE", np.float32)
POISSON = Loss(partial(torch.nn.PoissonNLLLoss, log_input=False), "poisson", "Poisson loss", np.float32)
CROSS_ENTROPY = Loss(torch.nn.BCEWithLogitsLoss, "bce", "cross-entropy", np.float32)
LOG_LOSS = Loss(torch.nn.CrossEntropyLoss, "log_loss", "log loss", np.int64)
