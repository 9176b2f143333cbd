"""Weights and checkpoints on disk: numpy archives and JSON, never pickle, never half-written."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np


def write_arrays(path: str | os.PathLike, arrays: dict[str, np.ndarray], about: dict[str, Any]) -> None:
    """Write arrays and a JSON description to one ``.npz`` file, in place of any before."""
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent} is not a folder: cannot write {path.name} there")
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            text = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
            np.savez(file, **{"about": text, **arrays})  # type: ignore[arg-type]
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)  # temporary files are private, results are not
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def read_arrays(path: str | os.PathLike, kind: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read what :func:`write_arrays` wrote; ``kind`` must be that of its description."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        about = json.loads(arrays.pop("about").tobytes())
        found = about["kind"]
    except FileNotFoundError:
        raise
    except Exception as error:
        raise ValueError(f"{path} is not a file of skepi's network weights: {error}") from error
    if found != kind:
        raise ValueError(f"{path} holds {found}, wanted {kind}")
    return arrays, about


def write_checkpoint(path: Any, state: dict[str, Any], identity: dict[str, Any]) -> None:
    """Write the state of a run and what identifies it."""
    arrays = {
        f"{part}:{name}": value for part in ("weights", "best_weights", "adam") for name, value in state[part].items()
    }
    about = {"kind": "skepi.ExpressionMLP checkpoint 1", "identity": identity, "history": state["history"]}
    write_arrays(path, arrays, about)


def read_checkpoint(path: Any, identity: dict[str, Any]) -> dict[str, Any]:
    """Read the state of a run; one that is identified otherwise is refused."""
    arrays, about = read_arrays(path, "skepi.ExpressionMLP checkpoint 1")
    differing = [name for name, value in identity.items() if about["identity"].get(name) != value]
    if differing:
        raise ValueError(f"{path} belongs to another fit: {', '.join(differing)} differ; remove it or name another")
    state: dict[str, Any] = {"history": about["history"], "weights": {}, "best_weights": {}, "adam": {}}
    for key, value in arrays.items():
        part, name = key.split(":")
        state[part][name] = value
    return state
