"""Everything that may be in a model: Python's containers, estimators, and the table of all kinds."""

from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import pandas as pd
import sklearn
from sklearn.utils import Bunch

from skepi._edges import SymmetricEdges
from skepi.persistence._classes import STORABLE, find, name_of
from skepi.persistence._nodes import Kind, Reader, Writer, refusal
from skepi.persistence._numbers import NUMBERS, SPARSE, write_array
from skepi.persistence._tables import MISSING, TABLES

_KIND_OF_TYPE = {
    int: "number",
    float: "number",
    list: "list",
    tuple: "tuple",
    set: "set",
    frozenset: "frozenset",
    dict: "dict",
    Bunch: "bunch",
    bytes: "bytes",
    type(Path()): "path",
    slice: "slice",
    range: "range",
    np.ndarray: "array",
    np.memmap: "array",
    SymmetricEdges: "symmetric_edges",
    np.ma.MaskedArray: "masked",
    np.random.RandomState: "random_state",
    pd.Index: "index",
    pd.RangeIndex: "range_index",
    pd.Series: "series",
    pd.DataFrame: "frame",
    **dict.fromkeys(SPARSE, "sparse"),
    **dict.fromkeys(map(type, MISSING.values()), "missing"),
}
_KIND_OF_BASE: dict[Any, str] = {
    np.generic: "scalar",
    np.dtype: "dtype",
    type: "named",
    FunctionType: "named",
    STORABLE: "estimator",
}


def kind_of(value: Any, where: str) -> str:
    """Name of the kind of a value; an error where it has none."""
    kind = _KIND_OF_TYPE.get(type(value))
    if kind == "array" and value.dtype == object:
        return "objects"
    if kind is not None:
        return kind
    for base, kind in _KIND_OF_BASE.items():
        if isinstance(value, base):
            return kind
    raise refusal(value, where)


def write_items(writer: Writer, value: Any, where: str) -> list[Any]:
    """A list, tuple or set is the list of its items."""
    return [writer.node(one, f"{where}[{i}]") for i, one in enumerate(value)]


def write_dict(writer: Writer, value: dict, where: str) -> list[Any]:
    """A dict is the list of its pairs, for keys that are not text."""
    return [[writer.node(key, f"{where} key"), writer.node(one, f"{where}[{key!r}]")] for key, one in value.items()]


def read_dict(reader: Reader, content: Any) -> dict:
    """Back from :func:`write_dict`."""
    return {reader.value(key): reader.value(one) for key, one in content}


def read_bunch(reader: Reader, content: Any) -> Bunch:
    """Make scikit-learn's dict with attributes."""
    made = Bunch()
    made.update(read_dict(reader, content))
    return made


def write_bounds(writer: Writer, value: Any, where: str) -> list[Any]:
    """A slice or range is its three bounds."""
    return [writer.node(getattr(value, name), f"{where}.{name}") for name in ("start", "stop", "step")]


def read_name(reader: Reader, content: Any) -> Any:
    """Find a class or function by its name."""
    module, name = content
    return find(module, name, reader.trusted)


def write_estimator(writer: Writer, value: Any, where: str) -> Any:
    """An estimator is the name of its class and its state."""
    kind = type(value)
    if any(getattr(kind, name) is not getattr(object, name) for name in ("__reduce__", "__reduce_ex__")):
        raise refusal(value, where, " with a __reduce__ of its own")
    state = value.__getstate__() or {}
    if type(state) is not dict:
        raise refusal(value, where, " whose state is not a dict")
    state = {name: one for name, one in state.items() if name != "_sklearn_version"}  # the file has it once
    return {"class": name_of(kind, where), "state": writer.nodes(state, where)}


def read_estimator(reader: Reader, content: Any) -> Any:
    """Make an estimator without calling its constructor, and give it its state."""
    kind = read_name(reader, content["class"])
    if not (isinstance(kind, type) and issubclass(kind, STORABLE)):
        raise ValueError(f"the file gives a state to {kind.__module__}.{kind.__qualname__}, which is no estimator")
    made: Any = object.__new__(kind)
    state = reader.values(content["state"])
    if not hasattr(kind, "__setstate__"):
        made.__dict__.update(state)
        return made
    if kind.__module__.startswith("sklearn."):
        state["_sklearn_version"] = sklearn.__version__  # versions are compared once a file, not once a step
    made.__setstate__(state)
    return made


KINDS = {
    **NUMBERS,
    **TABLES,
    "symmetric_edges": Kind(
        write_array, lambda reader, content: reader.arrays[content].view(SymmetricEdges), shared=True
    ),
    "list": Kind(write_items, lambda reader, content: reader.value(content)),
    "tuple": Kind(write_items, lambda reader, content: tuple(reader.value(content))),
    "set": Kind(write_items, lambda reader, content: set(reader.value(content))),
    "frozenset": Kind(write_items, lambda reader, content: frozenset(reader.value(content))),
    "dict": Kind(write_dict, read_dict),
    "bunch": Kind(write_dict, read_bunch, shared=True),
    "bytes": Kind(lambda writer, value, where: value.hex(), lambda reader, content: bytes.fromhex(content)),
    "path": Kind(lambda writer, value, where: str(value), lambda reader, content: Path(content)),
    "slice": Kind(write_bounds, lambda reader, content: slice(*reader.value(content))),
    "range": Kind(write_bounds, lambda reader, content: range(*reader.value(content))),
    "named": Kind(lambda writer, value, where: name_of(value, where), read_name),
    "estimator": Kind(write_estimator, read_estimator, shared=True),
}
