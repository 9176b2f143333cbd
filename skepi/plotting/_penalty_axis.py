"""Axis of penalties: logarithmic, and on to 0 where a penalty is 0."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def set_penalty_axis(ax: Any, values: ArrayLike) -> None:
    """Make the x axis logarithmic; below the smallest positive value it is linear down to 0 where a value is 0."""
    numbers = np.asarray(values, dtype=float)
    positive = numbers[numbers > 0]
    if positive.size == 0:
        return
    if (numbers == 0).any():
        ax.set_xscale("symlog", linthresh=positive.min(), linscale=0.5)
    else:
        ax.set_xscale("log")
