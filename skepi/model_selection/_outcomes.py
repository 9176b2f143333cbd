"""Outcomes of fits on disk, under keys that are the same in every process where the fits are."""

import json
from pathlib import Path
from typing import Any

from skepi._files import replace_file
from skepi._keys import digest

_KIND = "skepi outcome 1"


def keep(folder: Path, key: str, outcome: dict[str, Any], candidate: Any) -> None:
    """Write an outcome whole or not at all; the estimator is for people who read the file."""
    content = {"kind": _KIND, "estimator": repr(candidate), "outcome": outcome, "digest": digest([key, outcome])}
    replace_file(folder / f"{key}.json", json.dumps(content, indent=1).encode())


def read(folder: Path, key: str) -> dict[str, Any] | None:
    """An outcome, or None where none is kept."""
    path = folder / f"{key}.json"
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        stored = json.loads(content)
        outcome = stored["outcome"]
        sound = stored["kind"] == _KIND and stored["digest"] == digest([key, outcome])
    except (ValueError, KeyError, TypeError, RecursionError):  # the last: lists in lists without an end
        sound = False
    if not sound:
        raise ValueError(f"{path} is damaged, or not an outcome that skepi kept: remove it to make its fit again")
    return outcome
