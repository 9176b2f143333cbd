"""Numbers, arrays and random states: numpy's and scipy's values as nodes."""

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from skepi.persistence._nodes import Kind, Reader, Writer, refusal

_FIXED_SIZE = "biufcmMSU"  # without records ("V") and objects ("O")
_COMPRESSED = {kind.__name__: kind for kind in (sp.csr_array, sp.csr_matrix, sp.csc_array, sp.csc_matrix)}
_COORDINATES = {kind.__name__: kind for kind in (sp.coo_array, sp.coo_matrix)}
SPARSE = (*_COMPRESSED.values(), *_COORDINATES.values())
_TWISTER_WORDS = 624


def write_number(writer: Writer, value: float, where: str) -> Any:
    """Python's int and float; JSON has neither infinity nor a promise for long integers."""
    if type(value) is int:
        return value if abs(value) < 2**63 else {"int": hex(value)}
    return value if np.isfinite(value) else {"float": repr(value)}


def write_array(writer: Writer, value: NDArray, where: str) -> str:
    """An array of numbers or text goes into the archive, with its dtype and memory order."""
    if value.dtype.kind not in _FIXED_SIZE:
        raise refusal(value, where, f" of {value.dtype}")
    name = str(len(writer.arrays))
    writer.arrays[name] = np.asarray(value)
    return name


def write_objects(writer: Writer, value: NDArray, where: str) -> Any:
    """An array of objects is the list of them, in C order."""
    items = [writer.node(one, f"{where}.flat[{i}]") for i, one in enumerate(value.ravel().tolist())]
    return {"shape": list(value.shape), "order": "F" if value.flags.fnc else "C", "items": items}


def read_objects(reader: Reader, content: Any) -> NDArray:
    """Back from :func:`write_objects`."""
    flat = np.empty(len(content["items"]), dtype=object)
    for i, one in enumerate(content["items"]):
        flat[i] = reader.value(one)
    return np.array(flat.reshape(content["shape"]), order=content["order"])


def write_masked(writer: Writer, value: Any, where: str) -> Any:
    """A masked array (of the results of a search) is its parts."""
    return writer.nodes({"data": value.data, "mask": value.mask, "fill_value": value.fill_value}, where)


def write_scalar(writer: Writer, value: np.generic, where: str) -> list[str]:
    """A numpy scalar is its dtype and its bytes."""
    if value.dtype.kind not in _FIXED_SIZE:
        raise refusal(value, where)
    return [value.dtype.str, value.tobytes().hex()]


def read_scalar(reader: Reader, content: Any) -> Any:
    """Back from :func:`write_scalar`."""
    dtype, text = content
    return np.ndarray((), read_dtype(reader, dtype, _FIXED_SIZE), bytes.fromhex(text))[()]


def write_dtype(writer: Writer, value: np.dtype, where: str) -> str:
    """A dtype is its text with byte order and size."""
    if value.kind not in _FIXED_SIZE + "O":
        raise refusal(value, where)
    return value.str


def read_dtype(reader: Reader, content: str, kinds: str = _FIXED_SIZE + "O") -> np.dtype:
    """Back from :func:`write_dtype`."""
    dtype = np.dtype(content)
    if dtype.kind not in kinds:
        raise ValueError(f"the file holds the dtype {content!r}, which no model has here")
    return dtype


def write_random_state(writer: Writer, value: np.random.RandomState, where: str) -> Any:
    """A RandomState goes on where it stands."""
    state: Any = value.get_state(legacy=False)
    if state["bit_generator"] != "MT19937":
        raise refusal(value, where, f" on {state['bit_generator']}")
    return writer.node(state, where)


def read_random_state(reader: Reader, content: Any) -> np.random.RandomState:
    """Back from :func:`write_random_state`."""
    state = reader.value(content)
    if not 0 <= state["state"]["pos"] <= _TWISTER_WORDS:  # numpy would read beside its array
        raise ValueError(f"the file holds a RandomState at position {state['state']['pos']} of {_TWISTER_WORDS}")
    made = np.random.RandomState(0)
    made.set_state(state)
    return made


def write_sparse(writer: Writer, value: Any, where: str) -> Any:
    """A sparse array is its class, shape and parts."""
    names = ("data", "coords") if isinstance(value, tuple(_COORDINATES.values())) else ("data", "indices", "indptr")
    parts = writer.nodes({name: getattr(value, name) for name in names}, where)
    return {"format": type(value).__name__, "shape": list(map(int, value.shape)), **parts}


def read_sparse(reader: Reader, content: Any) -> Any:
    """Back from :func:`write_sparse`."""
    name, shape = content.pop("format"), tuple(content.pop("shape"))
    parts = tuple(reader.values(content).values())
    if name in _COORDINATES:
        return _COORDINATES[name](parts, shape=shape)
    made = _COMPRESSED[name](parts, shape=shape)
    made.check_format(full_check=True)  # compiled code trusts the indices
    return made


NUMBERS = {
    "number": Kind(write_number, lambda reader, content: content),
    "int": Kind(write_number, lambda reader, content: int(content, 16)),
    "float": Kind(write_number, lambda reader, content: float(content)),
    "scalar": Kind(write_scalar, read_scalar),
    "dtype": Kind(write_dtype, read_dtype),
    "array": Kind(write_array, lambda reader, content: reader.arrays[content], shared=True),
    "objects": Kind(write_objects, read_objects, shared=True),
    "masked": Kind(write_masked, lambda reader, content: np.ma.MaskedArray(**reader.values(content)), shared=True),
    "random_state": Kind(write_random_state, read_random_state, shared=True),
    "sparse": Kind(write_sparse, read_sparse, shared=True),
}
