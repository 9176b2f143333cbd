"""Data sets on disk: openness and expression are mapped into memory, and worker processes open them by path."""

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._files import read_arrays, write_arrays
from skepi.exceptions import TableError
from skepi.paired._tables import OpennessTables

_KIND = "skepi data set 1"
_TABLES = ("peaks", "genes", "cell_types")


class SavedTables(OpennessTables):
    """Openness side of a data set on disk; a pickle of it holds the path alone.

    Parameters
    ----------
    path : path
        Folder that :func:`save` wrote.
    identity : str
        As it was when written, so that ``openness`` need not be read to know it.
    peaks, genes, cell_types, openness
        As in :class:`OpennessTables`; ``openness`` is mapped from its file.
    """

    def __init__(self, path: Path, identity: str, **tables: Any) -> None:
        super().__init__(**tables)
        self.path = path
        self.identity = identity

    def __reduce__(self) -> tuple[Any, ...]:
        return reopen, (self.path, self.identity)


def save(tables: OpennessTables, expression: NDArray | None, path: Any) -> None:
    """Write a folder that holds a data set, whole or not at all."""
    path = Path(path)
    if path.exists():
        raise FileExistsError(f"{path} exists already: remove it or name another folder")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent} is not a folder: cannot write {path.name} there")
    part = Path(tempfile.mkdtemp(dir=path.parent, prefix=f"{path.name}.", suffix=".part"))
    try:
        np.save(part / "openness.npy", tables.openness)
        if expression is not None:
            np.save(part / "expression.npy", expression)
        arrays, columns = _packed({name: getattr(tables, name) for name in _TABLES})
        about = {"kind": _KIND, "identity": tables.identity, "columns": columns, "expression": expression is not None}
        write_arrays(part / "tables.npz", arrays, about)
        os.chmod(part, 0o777 & ~_umask())  # temporary folders are private, results are not
        os.rename(part, path)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def read(path: Any) -> tuple[SavedTables, NDArray | None]:
    """Open what :func:`save` wrote, without reading openness or expression."""
    path = Path(path).resolve()
    arrays, about = read_arrays(path / "tables.npz", _KIND, "a skepi data set")
    tables = {name: _unpacked(arrays, name, about["columns"][name]) for name in _TABLES}
    n_peaks, n_genes, n_cell_types = (len(tables[name]) for name in _TABLES)
    openness = _mapped(path / "openness.npy", (n_peaks, n_cell_types), np.float32)
    expression = _mapped(path / "expression.npy", (n_genes, n_cell_types), np.float64) if about["expression"] else None
    return SavedTables(path, about["identity"], **tables, openness=openness), expression


def reopen(path: Path, identity: str) -> SavedTables:
    """Open the tables that a pickle refers to; others under the same path are refused."""
    tables, _ = read(path)
    if tables.identity != identity:
        raise TableError(f"{path} holds another data set than when it was sent to this process")
    return tables


def _mapped(path: Path, shape: tuple[int, int], dtype: Any) -> NDArray:
    """An array on disk, read-only; one of another shape, type or length is refused."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        raise TableError(f"{path} is damaged: {error}") from error
    if array.shape != shape or array.dtype != dtype:
        raise TableError(f"{path}: wanted {np.dtype(dtype)} of shape {shape}, got {array.dtype} of shape {array.shape}")
    return array


def _packed(tables: dict[str, pd.DataFrame]) -> tuple[dict[str, NDArray], dict[str, list[list[str]]]]:
    """Columns of tables as arrays, text as codes and names; and the kind of each column."""
    arrays: dict[str, NDArray] = {}
    columns: dict[str, list[list[str]]] = {}
    for table, frame in tables.items():
        columns[table] = []
        for number, column in enumerate(frame):
            values, key = frame[column], f"{table}.{number}"
            if values.dtype.kind in "iufb" and isinstance(values.dtype, np.dtype):
                arrays[key] = values.to_numpy()
                columns[table].append([str(column), "numbers"])
            else:
                code, names = pd.factorize(values)
                arrays[key] = code.astype(np.int32)
                text = [str(name) for name in names]
                arrays[f"{key}.names"] = np.frombuffer(json.dumps(text).encode(), dtype=np.uint8)
                columns[table].append([str(column), "text"])
    return arrays, columns


def _unpacked(arrays: dict[str, NDArray], table: str, columns: list[list[str]]) -> pd.DataFrame:
    """Back from :func:`_packed`."""
    made = {}
    for number, (column, kind) in enumerate(columns):
        values = arrays[f"{table}.{number}"]
        if kind == "text":
            names = json.loads(arrays[f"{table}.{number}.names"].tobytes())
            values = np.array([*names, None], dtype=object)[values]  # code -1: missing
        made[column] = values
    return pd.DataFrame(made)


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask
