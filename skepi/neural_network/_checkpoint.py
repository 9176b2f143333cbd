"""Checkpoints of a training run on disk."""

from typing import Any

from skepi._files import read_arrays, write_arrays

#: What a file of this room should be, for messages.
WHAT = "skepi's network weights"


def write_checkpoint(path: Any, state: dict[str, Any], identity: dict[str, Any]) -> None:
    """Write the state of a run and what identifies it."""
    arrays = {
        f"{part}:{name}": value for part in ("weights", "best_weights", "adam") for name, value in state[part].items()
    }
    about = {"kind": "skepi.ExpressionMLP checkpoint 1", "identity": identity, "history": state["history"]}
    write_arrays(path, arrays, about)


def read_checkpoint(path: Any, identity: dict[str, Any]) -> dict[str, Any]:
    """Read the state of a run; one that is identified otherwise is refused."""
    arrays, about = read_arrays(path, "skepi.ExpressionMLP checkpoint 1", WHAT)
    differing = [name for name, value in identity.items() if about["identity"].get(name) != value]
    if differing:
        raise ValueError(f"{path} belongs to another fit: {', '.join(differing)} differ; remove it or name another")
    state: dict[str, Any] = {"history": about["history"], "weights": {}, "best_weights": {}, "adam": {}}
    for key, value in arrays.items():
        part, name = key.split(":")
        state[part][name] = value
    return state
