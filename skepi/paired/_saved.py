"""Data sets on disk: openness and expression are mapped into memory, and worker processes open them by path.

A folder holds ``tables.npz``, ``openness.npy`` and, where known, ``expression.npy`` and the three arrays of a sparse
matrix of features of peaks. Digests of these files come with the tables.
"""

import contextlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from skepi._files import file_digest, read_arrays, write_arrays
from skepi.exceptions import TableError
from skepi.paired import _checks
from skepi.paired._features import PeakFeatures
from skepi.paired._tables import OpennessTables

_KIND = "skepi data set 3"
_TABLES = ("peaks", "genes", "cell_types")
_FEATURES = {"feature_data": np.float32, "feature_indices": np.int32, "feature_indptr": np.int64}

# Files that this process has found whole, so that a worker process reads them once and not once per task: path, times,
# size, numbers of file and device, digest.
_verified: set[tuple[Any, ...]] = set()


class SavedTables(OpennessTables):
    """Openness side of a data set on disk; a pickle of it holds the path alone.

    Parameters
    ----------
    path : path
        Folder that :func:`save` wrote.
    identity : str
        As it was when written, so that ``openness`` need not be read to know it.
    peaks, genes, cell_types, openness, features
        As in :class:`OpennessTables`; ``openness`` and ``features`` are mapped from their files.
    """

    def __init__(self, path: Path, identity: str, **tables: Any) -> None:
        super().__init__(**tables)
        self.path = path
        self.identity = identity

    def __reduce__(self) -> tuple[Any, ...]:
        return reopen, (self.path, self.identity)


def save(tables: OpennessTables, expression: NDArray | None, path: Any) -> None:
    """Write a folder that holds a data set, whole or not at all; clear what killed processes left of earlier tries."""
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent} is not a folder: cannot write {path.name} there")
    _clear_abandoned(path)
    _refuse_existing(path)
    with _part_of(path) as part:
        _write(part, tables, expression)
        try:
            os.rename(part, path)
        except OSError:
            _refuse_existing(path)  # of another process that has been faster
            raise


def _refuse_existing(path: Path) -> None:
    if path.exists():
        raise FileExistsError(f"{path} exists already: remove it or name another folder")


def _write(folder: Path, tables: OpennessTables, expression: NDArray | None) -> None:
    matrices = {"openness": tables.openness} | ({} if expression is None else {"expression": expression})
    matrices |= _feature_arrays(tables.features)
    for name, values in matrices.items():
        np.save(folder / f"{name}.npy", values, allow_pickle=False)
    arrays, columns = _packed({name: getattr(tables, name) for name in _TABLES})
    digests = {name: file_digest(folder / f"{name}.npy") for name in matrices}
    about = {"kind": _KIND, "identity": tables.identity, "columns": columns, "digests": digests}
    about["features"] = list(tables.feature_names)
    write_arrays(folder / "tables.npz", arrays, about)


def _feature_arrays(features: PeakFeatures | None) -> dict[str, NDArray]:
    """Arrays of the sparse matrix, by the names of their files."""
    if features is None:
        return {}
    parts = features.matrix.data, features.matrix.indices, features.matrix.indptr
    return {name: part.astype(dtype, copy=False) for (name, dtype), part in zip(_FEATURES.items(), parts, strict=True)}


@contextmanager
def _part_of(path: Path) -> Iterator[Path]:
    """Make a folder beside ``path`` that is this process's as long as its lock is held; it is gone in the end."""
    while True:
        part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
        lock = FileLock(_lock_file(part))
        try:
            lock.acquire(blocking=False)
        except Timeout:  # another process took the new lock for an abandoned one, and is removing it
            continue
        if _lock_file(part).exists():
            break
        lock.release()
    try:
        part.mkdir()
        yield part
    finally:
        _remove(part, lock)


def _clear_abandoned(path: Path) -> None:
    """Remove what no process holds of earlier tries to write ``path``: those processes were killed."""
    ours = re.compile(re.escape(path.name) + r"\.[0-9a-f]{8}\.part(\.lock)?")
    found = [one.name.removesuffix(".lock") for one in path.parent.iterdir() if ours.fullmatch(one.name)]
    for name in sorted(set(found)):
        part = path.with_name(name)
        lock = FileLock(_lock_file(part))
        with contextlib.suppress(Timeout, OSError):  # it is being written, or belongs to somebody else
            lock.acquire(blocking=False)
            _remove(part, lock)


def _remove(part: Path, lock: FileLock) -> None:
    """Remove a folder, if it is there, and then its lock."""
    shutil.rmtree(part, ignore_errors=True)
    _lock_file(part).unlink(missing_ok=True)
    lock.release()


def _lock_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.lock")


def read(path: Any, verify: bool) -> tuple[SavedTables, NDArray | None]:
    """Open what :func:`save` wrote; ``verify`` reads openness and expression once and compares their digests."""
    path = Path(path).resolve()
    arrays, about = read_arrays(path / "tables.npz", _KIND, "a skepi data set")
    tables, identity, digests = _described(path / "tables.npz", arrays, about)
    n_cell_types = len(tables["cell_types"])
    wanted: dict[str, tuple[tuple[int | None, ...], Any]] = {
        "openness": ((len(tables["peaks"]), n_cell_types), np.float32),
        "expression": ((len(tables["genes"]), n_cell_types), np.float64),
        **{name: ((None,), dtype) for name, dtype in _FEATURES.items()},
    }
    found = {}
    for name, digest in digests.items():
        if verify:
            _verify(path / f"{name}.npy", digest)
        found[name] = _mapped(path / f"{name}.npy", *wanted[name])
    features = _features_of(path, found, about["features"], len(tables["peaks"]), verify)
    return SavedTables(path, identity, **tables, openness=found["openness"], features=features), found.get("expression")


def _features_of(
    path: Path, found: dict[str, NDArray], names: list[str], n_peaks: int, verify: bool
) -> PeakFeatures | None:
    """Features of peaks of mapped arrays; an error where these are no matrix of peaks and features."""
    if not names:
        return None
    data, indices, indptr = (found[name] for name in _FEATURES)
    fits = indptr.size == n_peaks + 1 and indptr[0] == 0 and indptr[-1] == data.size == indices.size
    fits = fits and bool((np.diff(indptr) >= 0).all())
    if not fits or (verify and indices.size and not 0 <= indices.min() <= indices.max() < len(names)):
        raise TableError(f"{path} holds no features of {n_peaks} peaks: its arrays do not fit together")
    return PeakFeatures(tuple(names), sp.csr_array((data, indices, indptr), shape=(n_peaks, len(names))))


def _described(
    path: Path, arrays: dict[str, NDArray], about: dict[str, Any]
) -> tuple[dict[str, pd.DataFrame], str, dict[str, str]]:
    """Tables, identity and digests of a data set; an error where the tables are none that :func:`save` writes."""
    try:
        peaks, genes, cell_types = (_unpacked(arrays, name, about["columns"][name]) for name in _TABLES)
        tables = {
            "peaks": _checks.check_peaks(peaks),
            "genes": _checks.check_genes(genes),
            "cell_types": _checks.check_cell_types(cell_types, None),
        }
        digests = about["digests"]
        of_features = set(_FEATURES) if about["features"] else set()
        if set(digests) - {"expression"} != {"openness"} | of_features:
            raise ValueError(f"wanted digests of openness and perhaps expression, got those of {sorted(digests)}")
        if not all(isinstance(name, str) for name in about["features"]):
            raise ValueError("names of features that are no text")
        return tables, about["identity"], digests
    except Exception as error:
        raise TableError(f"{path} holds no tables of a data set: {error}") from error


def _verify(path: Path, digest: str) -> None:
    """Refuse a file that is not what was written; one that this process has read before is not read again."""
    stat = path.stat()
    key = (path, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino, stat.st_dev, digest)
    if key not in _verified:
        if file_digest(path) != digest:
            raise TableError(f"{path} is damaged: its content is not what was saved; make the data set anew")
        _verified.add(key)


def reopen(path: Path, identity: str) -> SavedTables:
    """Open the tables that a pickle refers to; others under the same path are refused."""
    stat = (path / "tables.npz").stat()
    tables = _reopened(path, (stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_dev))
    if tables.identity != identity:
        raise TableError(f"{path} holds another data set than when it was sent to this process")
    return tables


@lru_cache(maxsize=2)
def _reopened(path: Path, stamp: tuple[int, ...]) -> SavedTables:
    """Tables that a process has read before, as long as their file is the same: each task of a search asks for them."""
    return read(path, verify=True)[0]


def _mapped(path: Path, shape: tuple[int | None, ...], dtype: Any) -> NDArray:
    """An array on disk, read-only; one of another shape (None: any length), type or length is refused."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError:
        raise
    except Exception as error:  # numpy reads the header as Python, and raises whatever that raises
        raise TableError(f"{path} is damaged: {error}") from error
    fits = len(shape) == array.ndim and all(n in (None, m) for n, m in zip(shape, array.shape, strict=True))
    if not fits or array.dtype != dtype:
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
