"""Folders of a sparse matrix in text with the names of its cells and features."""

from array import array
from collections.abc import Iterator
from pathlib import Path as Folder

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from skepi._doors import some
from skepi.exceptions import FileFormatError
from skepi.io._tenx import CellMatrix, check_names, select_features, values_of_cells
from skepi.io._text import Line, Path, finite, read_lines

_FEATURES = ("features.tsv", "genes.tsv", "peaks.bed")
_INT64_END = 2**63


def read_10x_mtx(folder: Path, prefix: str = "", feature_type: str | None = None) -> CellMatrix:
    """Read a folder of ``matrix.mtx``, ``barcodes.tsv`` and ``features.tsv``, ``genes.tsv`` or ``peaks.bed``.

    Parameters
    ----------
    folder : path
        Holds the three files, plain or gzipped, as Cell Ranger (also 2 and ATAC) and STARsolo write them.
    prefix : str, default=""
        What the three names begin with, such as ``"GSM123_"`` for ``GSM123_matrix.mtx.gz``, as in GEO.
    feature_type : str, optional
        Kind of features wanted, such as ``"Gene Expression"`` or ``"Peaks"``; all if not given.

    Returns
    -------
    CellMatrix
        As of :func:`read_10x_h5`, cells and features in the order of the files. Genes of ``genes.tsv`` are of the kind
        ``"Gene Expression"``; regions of ``peaks.bed`` are ``"Peaks"`` named ``chr1:10-20`` (0-based half-open).
        Values are int64 where the file says ``integer`` or ``pattern``, else float64.

    Raises
    ------
    FileFormatError
        With file and line: no such files, or several; a matrix that is not sparse or is symmetric; sizes that are
        neither features x cells nor cells x features (features x cells where both would fit); entries outside the
        sizes, twice, negative or not finite; another number of entries than the file states; barcodes or identifiers
        that are repeated.
    UnknownNameError
        For a kind of features that the folder does not hold.

    See Also
    --------
    read_10x_h5 : the same in one file.

    References
    ----------
    NIST, Matrix Market exchange formats.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> entries = "%%MatrixMarket matrix coordinate integer general\\n2 2 3\\n1 1 5\\n2 1 1\\n2 2 2\\n"
    >>> parts = {"matrix.mtx": entries, "barcodes.tsv": "AA-1\\nCC-1\\n"}
    >>> parts["peaks.bed"] = "chr1\\t10\\t20\\nchr1\\t50\\t60\\n"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = [pathlib.Path(folder, name).write_text(text) for name, text in parts.items()]
    ...     cells = read_10x_mtx(folder)
    >>> cells.values.toarray().tolist(), cells.features["name"].tolist()
    ([[5, 1], [0, 2]], ['chr1:10-20', 'chr1:50-60'])
    """
    matrix, barcodes, features = _files(Folder(folder), prefix)
    cells = [line.text(0) for line in read_lines(barcodes, skip=())]
    check_names(barcodes, cells, len(cells), "barcodes")
    table = _features(features)
    for key in table:
        check_names(features, table[key].tolist(), len(table), key)
    values = _entries(matrix, len(cells), len(table))
    return select_features(features, values, pd.Index(cells), table, feature_type)


def _files(folder: Folder, prefix: str) -> tuple[Folder, Folder, Folder]:
    """Matrix, barcodes and features, each of which must be there once."""
    if not folder.exists():
        raise FileNotFoundError(f"{folder} does not exist")
    if not folder.is_dir():
        raise FileFormatError(
            folder, None, None, f"wanted a folder, got a file: give the folder that holds it, {str(folder.parent)!r}"
        )
    there = sorted(path.name for path in folder.iterdir())
    return (
        folder / _one_of(folder, there, prefix, ("matrix.mtx",)),
        folder / _one_of(folder, there, prefix, ("barcodes.tsv",)),
        folder / _one_of(folder, there, prefix, _FEATURES),
    )


def _one_of(folder: Folder, there: list[str], prefix: str, names: tuple[str, ...]) -> str:
    wanted = [name + end for name in names for end in ("", ".gz")]
    found = [prefix + name for name in wanted if prefix + name in there]
    if len(found) == 1:
        return found[0]
    what = " or ".join(prefix + name for name in names) + " (or .gz)"
    if found:
        raise FileFormatError(folder, None, None, f"wanted one file {what}, got {some(found)}: keep one of them")
    prefixes = sorted({file.removesuffix(name) for file in there for name in wanted if file.endswith(name)} - {prefix})
    advice = f"; prefix= takes the part before the names, which is one of {some(prefixes)}" if prefixes else ""
    raise FileFormatError(folder, None, None, f"no file {what}; there are {some(there) or 'no files'}{advice}")


def _features(path: Folder) -> pd.DataFrame:
    """Name, identifier and kind of each feature."""
    lines = read_lines(path, skip=("#",))
    of_line = _peak if "peaks.bed" in path.name else _feature
    rows = list(map(of_line, lines))
    return pd.DataFrame(rows, columns=["name", "id", "feature_type"])


def _peak(line: Line) -> tuple[str, str, str]:
    if len(line.fields) < 3:
        raise line.error(f"wanted chromosome, start and end, separated by tabs, got {len(line.fields)} field(s)")
    start, end = line.position(1), line.position(2)
    if end <= start:
        raise line.error(f"end must be greater than start, got {start} and {end}", 2)
    name = f"{line.chrom()}:{start}-{end}"
    return name, name, "Peaks"


def _feature(line: Line) -> tuple[str, str, str]:
    """Identifier, name and kind, of which the last two may be missing."""
    identifier = line.text(0)
    name = line.text(1) if len(line.fields) > 1 else identifier
    return name, identifier, line.text(2) if len(line.fields) > 2 else "Gene Expression"


# --- entries


def _entries(path: Path, n_cells: int, n_features: int) -> sp.csr_array:
    """Cells x features; numbers of rows and columns are known from the names before any entry is read."""
    lines = read_lines(path, separator=None, skip=())
    field = _field(next(lines))
    sizes = next((line for line in lines if not line.fields[0].startswith("%")), None)
    if sizes is None or len(sizes.fields) != 3:
        raise FileFormatError(path, None, None, "wanted a line of sizes: rows, columns and entries")
    n_rows, n_columns, n_entries = (sizes.position(column) for column in range(3))
    cells_are_rows = (n_rows, n_columns) == (n_cells, n_features) != (n_features, n_cells)
    if not cells_are_rows and (n_rows, n_columns) != (n_features, n_cells):
        raise sizes.error(
            f"the matrix is {n_rows} x {n_columns}, but there are {n_features} features and {n_cells} cells: "
            "these files are not of the same matrix"
        )
    rows, columns, values = _parsed(lines, field, (n_rows, n_columns))
    if len(values) != n_entries:
        raise FileFormatError(path, None, None, f"wanted {n_entries} entries as the sizes say, got {len(values)}")
    cell, feature = (rows, columns) if cells_are_rows else (columns, rows)
    return values_of_cells(path, values, cell, feature, (n_cells, n_features))


def _field(line: Line) -> str:
    """Kind of values, of a sparse matrix without symmetry."""
    words = [word.lower() for word in line.fields]
    if words[:1] != ["%%matrixmarket"] or len(words) != 5:
        raise line.error(f"wanted '%%MatrixMarket matrix coordinate integer general', got {' '.join(line.fields)!r}")
    if words[1:3] != ["matrix", "coordinate"]:
        raise line.error(f"wanted a sparse matrix ('matrix coordinate'), got {' '.join(words[1:3])!r}")
    if words[4] != "general":
        raise line.error(f"wanted all entries ('general'), got {words[4]!r}: cells x features have no symmetry")
    if words[3] not in ("integer", "real", "pattern"):
        raise line.error(f"wanted values that are integer, real or pattern, got {words[3]!r}")
    return words[3]


def _parsed(lines: Iterator[Line], field: str, shape: tuple[int, int]) -> tuple[NDArray, NDArray, NDArray]:
    """Rows and columns, from 0, and values."""
    rows, columns = array("q"), array("q")
    values: array = array("d" if field == "real" else "q")
    width = 2 if field == "pattern" else 3
    for line in lines:
        if line.fields[0].startswith("%"):
            continue
        if len(line.fields) != width:
            raise line.error(f"wanted {width} numbers, got {len(line.fields)} field(s)")
        rows.append(_place(line, 0, shape[0]))
        columns.append(_place(line, 1, shape[1]))
        values.append(1 if field == "pattern" else _value(line, field))
    return tuple(np.array(numbers) for numbers in (rows, columns, values))  # type: ignore[return-value]


def _place(line: Line, column: int, most: int) -> int:
    place = line.position(column, least=1)
    if place > most:
        raise line.error(f"wanted a number in 1 .. {most} as the sizes say, got {place}", column)
    return place - 1


def _value(line: Line, field: str) -> float:
    value = line.convert(2, finite, "a number") if field == "real" else line.convert(2, _whole, "a whole number")
    if not 0 <= value < _INT64_END:
        raise line.error(f"wanted counts, 0 or greater, got {line.fields[2]}", 2)
    return value


def _whole(text: str) -> int:
    if not (text.isascii() and text.removeprefix("-").isdigit() and len(text) < 20):
        raise ValueError(text)
    return int(text)
