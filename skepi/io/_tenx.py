"""Matrices of cells in the HDF5 files of Cell Ranger."""

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from skepi._doors import some
from skepi.exceptions import FileFormatError, TableError, UnknownNameError
from skepi.io._hdf5 import TEXTS, ArrayFile, open_hdf5
from skepi.io._names import parse_intervals
from skepi.io._preambles import is_matrix_market
from skepi.io._text import Path

_PARTS = {"data": "iuf", "indices": "iu", "indptr": "iu", "shape": "iu", "barcodes": TEXTS}
_FEATURES = ("name", "id", "feature_type")


@dataclass(frozen=True, eq=False)
class CellMatrix:
    """Counts of single cells.

    Attributes
    ----------
    values : csr_array, shape (n_cells, n_features)
        Counts, in the dtype of the file.
    cells : Index of str, shape (n_cells,)
        Barcodes.
    features : DataFrame, shape (n_features, 3 or 6)
        ``name, id, feature_type``; where all are peaks also ``chrom, start, end`` (0-based half-open, bp).

    Examples
    --------
    >>> from skepi.pseudobulk import pseudobulk
    >>> genes = pd.DataFrame({"name": ["GATA1", "SPI1"], "id": ["ENSG1", "ENSG2"], "feature_type": "Gene Expression"})
    >>> cells = CellMatrix(sp.csr_array([[1, 0], [2, 5]]), pd.Index(["AA-1", "CC-1"]), genes)
    >>> pseudobulk(cells, pd.Series({"CC-1": "B", "AA-1": "T"})).counts["B"].to_dict()  # labels find cells by barcode
    {'GATA1': 2, 'SPI1': 5}
    """

    values: sp.csr_array
    cells: pd.Index
    features: pd.DataFrame


def read_10x_h5(path: Path, feature_type: str | None = None) -> CellMatrix:
    """Read a feature-barcode matrix of Cell Ranger, version 3 or later, also ATAC and ARC.

    Parameters
    ----------
    path : path
        HDF5 file, such as ``filtered_feature_bc_matrix.h5``.
    feature_type : str, optional
        Kind of features wanted, such as ``"Gene Expression"`` or ``"Peaks"``; all if not given.

    Returns
    -------
    CellMatrix
        Cells and features in the order of the file.

    Raises
    ------
    FileFormatError
        For files that are no HDF5, of another layout (version 2), cut off, broken, or whose parts contradict each
        other. Also for a folder, parts that are links or lie in other files, filters that are plugins, and parts that
        unpack to more than they may.
    UnknownNameError
        For a kind of features that the file does not hold.
    ImportError
        Without h5py.

    See Also
    --------
    read_10x_mtx : the same as a folder of text files.

    Examples
    --------
    >>> import tempfile, h5py
    >>> parts = {"data": [5, 1, 2], "indices": [0, 1, 1], "indptr": [0, 2, 3], "shape": [2, 2]}  # two cells
    >>> parts |= {"barcodes": ["AA-1", "CC-1"], "features/feature_type": ["Gene Expression", "Peaks"]}
    >>> parts |= {f"features/{key}": ["GATA1", "chr1:10-20"] for key in ("name", "id")}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with h5py.File(f"{folder}/cells.h5", "w") as file:
    ...         file.create_group("matrix").update(parts)
    ...     peaks = read_10x_h5(f"{folder}/cells.h5", feature_type="Peaks")
    >>> peaks.values.toarray().tolist(), peaks.features[["chrom", "start", "end"]].values.tolist()
    ([[1], [2]], [['chr1', 10, 20]])
    """
    _refuse_text_and_folders(path)
    parts = _parts(path)
    n_features, n_cells = _shape(path, parts)
    cells = _names(path, parts["barcodes"], n_cells, "barcodes")
    table = pd.DataFrame({key: _names(path, parts[key], n_features, key, unique=key == "id") for key in _FEATURES})
    values = _values(path, parts, (n_cells, n_features))
    return select_features(path, values, pd.Index(cells), table, feature_type, parts.get("interval"))


def select_features(
    path: Path,
    values: sp.csr_array,
    cells: pd.Index,
    table: pd.DataFrame,
    feature_type: str | None,
    interval: NDArray | None = None,
) -> CellMatrix:
    """Keep features of one kind, or all; peaks alone get their places, of ``interval`` or else of their names."""
    kept = np.ones(len(table), bool)
    if feature_type is not None:
        kept = (table["feature_type"] == feature_type).to_numpy()
        if not kept.any():
            kinds = some(table["feature_type"].unique())
            raise UnknownNameError(f"{path}: no feature is of the kind {feature_type!r}; there are {kinds}")
        values, table = values[:, np.flatnonzero(kept)], table[kept].reset_index(drop=True)
    if (table["feature_type"] == "Peaks").all():
        places = table["name"] if interval is None else _intervals(path, interval, kept)
        table = table.join(_places(path, places))
    return CellMatrix(values, cells, table)


def _refuse_text_and_folders(path: Path) -> None:
    advice = "skepi.io.read_10x_mtx(folder) reads matrix.mtx, barcodes.tsv and features.tsv, genes.tsv or peaks.bed"
    if os.path.isdir(path):
        raise FileFormatError(path, None, None, f"this is a folder, wanted a file: {advice}")
    if is_matrix_market(path):
        raise FileFormatError(path, None, None, f"wanted an HDF5 file, got a sparse matrix in text: {advice}")


def _parts(path: Path) -> dict[str, NDArray]:
    """All arrays of the file, as they are."""
    with open_hdf5(path) as file:
        if not hasattr(file.member("matrix"), "keys"):
            raise file.error(_other_layout(file))
        wanted = {key: key for key in _PARTS} | {key: f"features/{key}" for key in _FEATURES}
        if file.member("matrix/features/interval") is not None:
            wanted["interval"] = "features/interval"
        return {key: file.array(f"matrix/{name}", _PARTS.get(key, TEXTS)) for key, name in wanted.items()}


def _other_layout(file: ArrayFile) -> str:
    groups = file.names()[:5]
    if any({"genes", "barcodes"} <= set(file.names(group)) for group in groups):
        return (
            f"the layout is that of Cell Ranger 2 (groups {some(groups)}); wanted version 3 or later (group 'matrix')"
        )
    return f"wanted a group 'matrix' as Cell Ranger writes it, got {some(groups) or 'nothing'}"


def _shape(path: Path, parts: dict[str, NDArray]) -> tuple[int, int]:
    shape = [int(length) for length in parts["shape"]]
    if len(shape) != 2 or min(shape) < 1:
        raise FileFormatError(path, None, None, f"matrix/shape: wanted numbers of features and cells, got {shape}")
    return shape[0], shape[1]


def _check_length(path: Path, values: NDArray, length: int, what: str) -> None:
    if len(values) != length:
        raise FileFormatError(path, None, None, f"{what}: wanted {length} names as the shape says, got {len(values)}")


def _names(path: Path, values: NDArray, length: int, what: str, unique: bool = True) -> list[str]:
    _check_length(path, values, length, what)
    try:
        names = [value.decode() if isinstance(value, bytes) else str(value) for value in values.tolist()]
    except UnicodeDecodeError:
        raise FileFormatError(path, None, None, f"{what}: names that are not text (UTF-8)") from None
    check_names(path, names, length, what, unique)
    return names


def check_names(path: Path, names: list[str], length: int, what: str, unique: bool = True) -> None:
    """Refuse names that are none, and barcodes and identifiers that are repeated."""
    bad = next((name for name in names if not name or not name.isprintable()), None)
    if bad is not None:
        raise FileFormatError(path, None, None, f"{what}: {bad!r} is no name")
    if unique and what in ("barcodes", "id") and len(set(names)) < length:
        first = pd.Index(names)[pd.Index(names).duplicated()][0]
        raise FileFormatError(path, None, None, f"{what}: the name {first!r} is there more than once")


def _values(path: Path, parts: dict[str, NDArray], shape: tuple[int, int]) -> sp.csr_array:
    """Cells x features; the file's columns are cells, so its arrays are the rows here."""
    data, indices, indptr = parts["data"], parts["indices"], parts["indptr"]
    bounds = indptr.astype(np.int64)
    if len(bounds) != shape[0] + 1 or bounds[0] != 0 or (np.diff(bounds) < 0).any():
        raise FileFormatError(path, None, None, f"matrix/indptr: wanted {shape[0] + 1} numbers that increase from 0")
    if not len(data) == len(indices) == bounds[-1]:
        raise FileFormatError(
            path, None, None, f"matrix: {len(data)} data and {len(indices)} indices, where indptr ends at {bounds[-1]}"
        )
    if len(indices) and not 0 <= int(indices.min()) <= int(indices.max()) < shape[1]:
        raise FileFormatError(path, None, None, f"matrix/indices: wanted 0 .. {shape[1] - 1}")
    if not np.isfinite(data).all() or (data < 0).any():
        raise FileFormatError(path, None, None, "matrix/data: wanted counts, got negative or infinite values")
    kind = np.int32 if max(*shape, len(data)) < 2**31 else np.int64
    values = sp.csr_array((data, indices.astype(kind), bounds.astype(kind)), shape=shape)
    return _canonical(path, values)


def values_of_cells(path: Path, data: NDArray, cell: NDArray, feature: NDArray, shape: tuple[int, int]) -> sp.csr_array:
    """Cells x features of entries in any order."""
    order = np.argsort(cell, kind="stable")
    bounds = np.concatenate([[0], np.cumsum(np.bincount(cell, minlength=shape[0]))])
    kind = np.int32 if max(*shape, len(data)) < 2**31 else np.int64
    return _canonical(path, sp.csr_array((data[order], feature[order].astype(kind), bounds.astype(kind)), shape=shape))


def _canonical(path: Path, values: sp.csr_array) -> sp.csr_array:
    values.sort_indices()
    if not values.has_canonical_format:
        raise FileFormatError(path, None, None, "matrix/indices: a cell has the same feature twice")
    return values


def _intervals(path: Path, values: NDArray, kept: NDArray) -> list[str]:
    """Intervals of the features that are kept; those of others, as of genes, may be empty."""
    _check_length(path, values, len(kept), "interval")
    return _names(path, values[kept], int(kept.sum()), "interval")


def _places(path: Path, names: Any) -> pd.DataFrame:
    try:
        return parse_intervals(names)
    except TableError as error:
        raise FileFormatError(path, None, None, str(error)) from None
