"""Checkpoints of a training run on disk, and what identifies the run."""

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skepi._files import read_arrays, write_arrays
from skepi.rows import is_binned

#: What a file of this room should be, for messages.
WHAT = "skepi's network weights"

_PARTS = ("weights", "best_weights", "optimizer")

# Settings in which a resumed run may differ from the one that wrote the checkpoint.
_MAY_DIFFER = {"max_epochs", "device", "checkpoint", "progress"}


def identity_of(net: Any, X: Any, y: NDArray, dev: NDArray, val: tuple[Any, NDArray] | None) -> dict[str, Any]:
    """What tells one fit from another: settings, sizes, targets, rows set aside and some features."""
    kept = sorted(net.get_params(deep=False).keys() - _MAY_DIFFER)
    content = {"rows set aside": dev, **_content(X, y), **net._identifying()}
    if val is not None:
        content |= {f"{name} of the development set": array for name, array in _content(*val).items()}
    sums = {name: zlib.crc32(np.ascontiguousarray(array).tobytes()) for name, array in content.items()}
    settings = {name: repr(getattr(net, name)) for name in kept}
    return {**settings, "shape": list(map(int, X.shape)), "shape of y": list(map(int, y.shape)), **sums}


def _content(X: Any, y: NDArray) -> dict[str, NDArray]:
    some = np.linspace(0, X.shape[0] - 1, min(64, X.shape[0])).astype(int)
    codes = {"genes": X.gene_codes, "cell types": X.cell_type_codes} if is_binned(X) else {}
    return {"y": y, "X": np.asarray(X[some], dtype=np.float32), **codes}


def kind_of(net: Any) -> str:
    """What a checkpoint of an estimator calls itself."""
    return f"skepi.{type(net).__name__} checkpoint 2"


def write_checkpoint(path: Any, state: dict[str, Any], kind: str, identity: dict[str, Any]) -> None:
    """Write the state of a run and what identifies it."""
    arrays = {f"{part}:{name}": value for part in _PARTS for name, value in state[part].items()}
    about = {"kind": kind, "identity": identity, "history": state["history"]}
    write_arrays(path, arrays, about)


def read_checkpoint(path: Any, kind: str, identity: dict[str, Any]) -> dict[str, Any]:
    """Read the state of a run; one that is identified otherwise is refused."""
    arrays, about = read_arrays(path, kind, WHAT)
    differing = [name for name, value in identity.items() if about["identity"].get(name) != value]
    if differing:
        raise ValueError(f"{path} belongs to another fit: {', '.join(differing)} differ; remove it or name another")
    state: dict[str, Any] = {"history": about["history"], **{part: {} for part in _PARTS}}
    for key, value in arrays.items():
        part, name = key.split(":")
        state[part][name] = value
    return state
