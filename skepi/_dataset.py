"""What every function of a data set asks of it."""

from typing import Any

from skepi.paired import PairedDataset


def check_dataset(data: Any) -> None:
    """Refuse anything but a data set."""
    if not isinstance(data, PairedDataset):
        raise TypeError(f"data: wanted a PairedDataset, got {type(data).__name__}")
