"""The learning rate of an epoch, as a function of the epochs before it."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

SCHEDULES = ("constant", "every_epoch", "on_rise")


class Schedule(NamedTuple):
    """Learning rate ``max(lr * decay ** k, lr_min)``, where ``k`` counts what the schedule waits for.

    Attributes
    ----------
    name : {"constant", "every_epoch", "on_rise"}
        ``k`` is 0, the number of epochs so far, or the number of epochs whose training loss was higher than that of the
        epoch before.
    lr : float
        Learning rate of the first epoch.
    decay : float
        Factor in (0, 1].
    lr_min : float
        Floor; a first rate below it stays as it is.

    Examples
    --------
    >>> Schedule("on_rise", 0.1, 0.5, 1e-5).after([3.0, 2.0, 2.5, 2.4])
    0.05
    """

    name: str
    lr: float
    decay: float
    lr_min: float

    def after(self, train_losses: Sequence[float]) -> float:
        """Learning rate of the epoch that follows epochs with these training losses."""
        counts = {
            "constant": 0,
            "every_epoch": len(train_losses),
            "on_rise": sum(after > before for before, after in pairwise(train_losses)),
        }
        return max(self.lr * self.decay ** counts[self.name], min(self.lr, self.lr_min))
