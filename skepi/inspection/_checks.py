"""What functions of this room ask of their arguments."""

from typing import Any

import numpy as np

from skepi.paired import PairedDataset


def check_count(name: str, value: Any, least: int) -> None:
    """Refuse anything but a whole number from ``least`` on.

    Examples
    --------
    >>> check_count("n_steps", 2.5, 1)
    Traceback (most recent call last):
    ValueError: n_steps must be a whole number of 1 or more, got 2.5
    """
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} must be a whole number of {least} or more, got {value!r}")


def check_dataset(data: Any) -> None:
    """Refuse anything but a data set."""
    if not isinstance(data, PairedDataset):
        raise TypeError(f"data: wanted a PairedDataset, got {type(data).__name__}")
