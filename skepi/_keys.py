"""Keys of fits: text that is the same in every process where model and data are."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pickle import PicklingError
from types import NoneType
from typing import Any

import joblib
import numpy as np
import pandas as pd
import scipy.sparse as sp

from skepi._edges import SymmetricEdges
from skepi._progress import ShowsProgress
from skepi.paired import OpennessTables
from skepi.rows import is_pairs

_PLAIN = {NoneType, bool, int, float, complex, str, bytes}


def digest(content: Any) -> str:
    """Short text that stands for nested lists of text and numbers."""
    return hashlib.blake2b(json.dumps(content).encode(), digest_size=16).hexdigest()


def key_part(what: str, value: Any) -> Any:
    """What :func:`described` gives; an error that names the part where there is nothing to recognise it by."""
    try:
        return described(value)
    except (PicklingError, AttributeError, TypeError) as error:
        raise ValueError(
            f"{what}: a later process could not tell whether this is the same: {error}. "
            "Functions and classes must be defined at the top level of a module"
        ) from error


def described(value: Any) -> Any:
    """Nested lists of text, which are equal in all processes where the values are equal.

    ``joblib.hash`` alone is not enough: it sees which objects are one and the same, in what order a frozenset lies in
    memory, and in pandas what was cut from where.
    """
    if type(value) in _PLAIN or (isinstance(value, list | tuple) and all(type(v) in _PLAIN for v in value)):
        return joblib.hash(value)
    if isinstance(value, OpennessTables):
        return ["tables", value.identity]
    if isinstance(value, dict | set | frozenset):
        items = value.items() if isinstance(value, dict) else value
        return [type(value).__name__, *sorted(map(described, items), key=json.dumps)]
    if isinstance(value, list | tuple):
        return [type(value).__name__, *map(described, value)]
    if isinstance(value, pd.DataFrame | pd.Series):
        return [type(value).__name__, *_described_columns(pd.DataFrame(value))]
    if sp.issparse(value):
        entries = value.tocoo()
        return [value.format, list(value.shape), *map(described, (entries.data, entries.row, entries.col))]
    if not isinstance(value, type):
        if hasattr(value, "get_params") or is_pairs(value):  # all of it, as a clone may keep what was fitted
            return [joblib.hash(type(value)), described(_learns_by(value))]
        if is_dataclass(value):
            return [joblib.hash(type(value)), *(described(getattr(value, field.name)) for field in fields(value))]
    if isinstance(value, SymmetricEdges):
        value = np.asarray(value)  # how they print is no part of what they are
    if isinstance(value, np.ndarray) and not value.flags.c_contiguous:
        value = np.ascontiguousarray(value)
    return joblib.hash(value, coerce_mmap=True)


def _learns_by(value: Any) -> dict[str, Any]:
    """All that an estimator or pairs hold, less what changes no result."""
    shown = isinstance(value, ShowsProgress)
    return {name: held for name, held in vars(value).items() if not (shown and name == "progress")}


def _described_columns(table: pd.DataFrame) -> Iterator[list[Any]]:
    for name, column in table.items():
        categories = list(getattr(column.dtype, "categories", []))
        yield [described(name), str(column.dtype), described(categories), described(column.to_numpy())]
