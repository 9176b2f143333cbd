"""Settings of the network: which are allowed, and what the automatic ones mean on a machine."""

import os
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from skepi._doors import check_choice, check_count, check_flag, check_number
from skepi.neural_network._activations import ACTIVATIONS
from skepi.neural_network._inner_split import VALIDATION
from skepi.neural_network._schedule import SCHEDULES

_CHOICES = {
    "validation": VALIDATION,
    "l2_norm": ("squared", "unsquared"),
    "precision": ("auto", "float32", "bfloat16"),
    "optimizer": ("adam", "sgd"),
    "lr_schedule": SCHEDULES,
}
_FLAGS = ("penalize_bias", "early_stopping", "shuffle", "progress")
_COUNTS = ("batch_size", "max_epochs", "patience")

# Where bfloat16 took 0.3 to 0.7 of the time of float32 on a CPU with AVX-512 BF16; below, up to 3 times as long.
_LEAST_UNITS = 32
_LEAST_PRODUCTS = 10_000_000


def check_settings(net: Any, may_be_none: Sequence[str] = ()) -> None:
    """Refuse settings of an estimator that are not among the choices or out of range."""
    for name, allowed in _CHOICES.items():
        check_choice(name, getattr(net, name), allowed)
    for name in _FLAGS:
        check_flag(name, getattr(net, name))
    for name in _COUNTS:
        check_count(name, getattr(net, name), 1)
    for name in ("l1", "l2", "tol"):
        check_number(name, getattr(net, name), 0)
    check_number("momentum", net.momentum, 0, 1)
    if "dropout" not in may_be_none or net.dropout is not None:
        check_number("dropout", net.dropout, 0, 1)
    for name in ("lr", "lr_min"):
        check_number(name, getattr(net, name), 0, low_included=False)
    check_number("lr_decay", net.lr_decay, 0, low_included=False)
    if net.lr_decay > 1:
        raise ValueError(f"lr_decay must be 1 or less, or the learning rate would grow, got {net.lr_decay!r}")
    check_number("validation_fraction", net.validation_fraction, 0, 1, low_included=False)
    if net.max_gradient_norm is not None:
        check_number("max_gradient_norm", net.max_gradient_norm, 0, low_included=False)
    resolve_device(net.device)
    if net.checkpoint is not None and not isinstance(net.checkpoint, str | os.PathLike):
        raise TypeError(f"checkpoint must be the path of a file, or None, got {net.checkpoint!r}")


def check_dense_settings(net: Any) -> None:
    """Refuse settings of an estimator with dense layers that no such layers can be made with."""
    check_choice("activation", net.activation, tuple(ACTIVATIONS))
    _check_hidden(net.hidden)


def _check_hidden(hidden: Any) -> None:
    fine = np.ndim(hidden) == 1 and all(
        isinstance(n, int | np.integer) and not isinstance(n, bool) and n >= 1 for n in hidden
    )
    if not fine:
        raise ValueError(
            f"hidden must be a sequence of whole numbers of 1 or more, one per hidden layer, such as (100, 50), "
            f"got {hidden!r}"
        )


def resolve_device(name: str) -> torch.device:
    """Device of a name, with its number on CUDA; ``"auto"`` is CUDA where there is one, else the CPU."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"device must be 'auto' or the name of a torch device, such as 'cpu', got {name!r}") from error
    if device.type == "cuda" and device.index is None:
        return torch.device("cuda", torch.cuda.current_device())
    return device


def optimizer_settings(name: str, momentum: float, device: torch.device) -> dict[str, Any]:
    """Arguments of a skorch net that choose the optimizer."""
    if name == "sgd":
        return {"optimizer": torch.optim.SGD, "optimizer__momentum": momentum}
    return {"optimizer": torch.optim.Adam, "optimizer__fused": device.type in ("cpu", "cuda")}


def mixed_precision(precision: str, device: torch.device, sizes: Sequence[int], n_rows: int) -> torch.dtype | None:
    """Type of the products in training, ``None`` for float32.

    Parameters
    ----------
    precision : {"auto", "float32", "bfloat16"}
    device : torch.device
    sizes : sequence of int
        Features and units of each hidden layer.
    n_rows : int
        Rows of a batch.
    """
    automatic = precision == "auto" and has_bfloat16(device) and (device.type == "cuda" or pays_off(sizes, n_rows))
    return torch.bfloat16 if precision == "bfloat16" or automatic else None


def pays_off(sizes: Sequence[int], n_rows: int) -> bool:
    """Whether a step on a CPU has enough products to win more in bfloat16 than the conversions cost."""
    n_products = n_rows * sum(a * b for a, b in pairwise(sizes))
    return len(sizes) > 1 and sizes[1] >= _LEAST_UNITS and n_products >= _LEAST_PRODUCTS


def has_bfloat16(device: torch.device) -> bool:
    """Whether a device multiplies bfloat16 in hardware; not, where torch does not say."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    ask = getattr(torch.cpu, "get_capabilities", None)  # newer than the oldest torch that skepi runs on
    if device.type != "cpu" or ask is None or not torch.backends.mkldnn.is_available():
        return False
    found = ask()
    return any(bool(found.get(name)) for name in ("avx512_bf16", "amx_bf16"))
