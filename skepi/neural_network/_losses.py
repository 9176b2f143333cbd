"""What training makes small: the squared error of targets, or the log loss of classes."""

from typing import NamedTuple

import numpy as np
import torch


class Loss(NamedTuple):
    """A loss, as training takes it and as the history calls it.

    Attributes
    ----------
    criterion : type
        Module of torch: mean loss of a batch, from outputs and targets.
    name : str
        The history has columns ``train_<name>`` and ``dev_<name>``.
    label : str
        In messages.
    target_type : type
        That the criterion takes targets in.
    """

    criterion: type[torch.nn.Module]
    name: str
    label: str
    target_type: type


SQUARED_ERROR = Loss(torch.nn.MSELoss, "mse", "MSE", np.float32)
LOG_LOSS = Loss(torch.nn.CrossEntropyLoss, "log_loss", "log loss", np.int64)
