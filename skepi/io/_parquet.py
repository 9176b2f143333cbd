"""Matrices as parquet."""

import os
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._doors import some
from skepi._limits import Unpacked
from skepi.exceptions import FileFormatError
from skepi.io._columns import Chosen, Wanted, label_of
from skepi.io._text import Line, Path, open_file

_MAGIC = b"PAR1"
_VALUE_BYTES = 8


def is_parquet(path: Path) -> bool:
    """Whether a file begins as parquet does."""
    with open_file(path) as file:
        return file.read(len(_MAGIC)) == _MAGIC


def read_parquet(path: Path, wanted: Wanted) -> pd.DataFrame:
    """Read a matrix from parquet."""
    unpacked = Unpacked(path, os.path.getsize(path))
    table = _arrow_table(path, unpacked)
    names: list[str] = table.column_names
    if len(set(names)) < len(names):
        raise FileFormatError(path, None, None, f"columns of the same name: {some(names)}")
    chosen = wanted.choose(path, names, _index_columns(path, table))
    if not table.num_rows:
        raise FileFormatError(path, None, None, "the table has no rows")
    labels = _labels(path, [_texts(path, table, column, unpacked) for column in chosen.labels], chosen)
    columns = [_values(path, table, column) for column in chosen.values]
    # One dtype for all, as int64 and uint64 together would have none.
    whole = all(values.dtype == np.int64 for values in columns)
    name = names[chosen.labels[0]] if len(chosen.labels) == 1 else ""
    index = pd.Index(labels, name=None if name.startswith("__index_level_") else name or None)
    values = np.stack([column.astype(np.int64 if whole else np.float64) for column in columns], axis=1)
    return pd.DataFrame(values, index=index, columns=pd.Index([names[column] for column in chosen.values]))


def _arrow_table(path: Path, unpacked: Unpacked) -> Any:
    try:
        import pyarrow.parquet
    except ImportError:
        raise ImportError(f"{path} is parquet, which needs pyarrow: pip install pyarrow") from None
    try:
        with pyarrow.parquet.ParquetFile(path, page_checksum_verification=True) as file:
            unpacked.add(_stated_bytes(file.metadata))
            texts = _text_columns(file.schema)
        with pyarrow.parquet.ParquetFile(path, page_checksum_verification=True, read_dictionary=texts) as file:
            table = file.read()
        table.validate(full=True)
    except FileFormatError:
        raise
    except Exception as error:  # pyarrow raises many kinds for broken files
        raise _broken(path, error) from None
    return table


def _index_columns(path: Path, table: Any) -> list[str]:
    """Columns that held the index of a pandas table."""
    try:
        index = (table.schema.pandas_metadata or {}).get("index_columns", [])
        index = [column for column in index if isinstance(column, str) and column in table.column_names]
    except Exception as error:  # the metadata are free text
        raise _broken(path, error) from None
    if len(index) not in (0, 1, 3):
        raise FileFormatError(path, None, None, f"wanted an index of one column or three, got {some(index)}")
    return index


def _stated_bytes(metadata: Any) -> int:
    """Bytes that the columns take, packed values as 8 bytes each; texts count once, however many rows share them."""
    widths = [max(_VALUE_BYTES, metadata.schema.column(place).length) for place in range(metadata.num_columns)]
    # Single columns are not asked: pyarrow ends the process where a damaged file contradicts itself about one.
    groups = [metadata.row_group(group) for group in range(metadata.num_row_groups)]
    return sum(max(group.total_byte_size, sum(widths) * group.num_rows) for group in groups)


def _text_columns(schema: Any) -> list[str]:
    """Columns of texts, which are read as codes, because a file holds a repeated text once."""
    columns = [schema.column(place) for place in range(len(schema.names))]
    return [c.path for c in columns if c.physical_type == "BYTE_ARRAY" and c.logical_type.type != "DECIMAL"]


def _texts(path: Path, table: Any, column: int, unpacked: Unpacked) -> list[str]:
    """Labels, which may be categories or whole numbers."""
    values = [value for chunk in table.column(column).chunks for value in _objects(chunk)]
    for row, value in enumerate(values):
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise FileFormatError(path, None, column + 1, f"row {row + 1}: wanted a label, got {value!r}")
    texts = list(map(str, values))
    unpacked.add(sum(map(len, texts)))
    return texts


def _objects(chunk: Any) -> list[Any]:
    """Values of a column; rows of the same text share one object."""
    import pyarrow as pa

    if not pa.types.is_dictionary(chunk.type):
        return chunk.to_pylist()
    words = chunk.dictionary.to_pylist()
    return [None if code is None else words[code] for code in chunk.indices.to_pylist()]


def _labels(path: Path, texts: list[list[str]], chosen: Chosen) -> list[str]:
    line, out = Line(path, 0, "", None), []
    for row, line.fields in enumerate(map(list, zip(*texts, strict=True))):
        try:
            out.append(label_of(line, range(len(texts)), chosen.one_based))
        except FileFormatError as error:
            column = chosen.labels[(error.column or 1) - 1] + 1
            raise FileFormatError(path, None, column, f"row {row + 1}: {error.message}") from None
    return out


def _values(path: Path, table: Any, column: int) -> NDArray:
    """Finite numbers of a column, int64 or float64."""
    import pyarrow as pa

    kind, name = table.column(column).type, table.column_names[column]
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raise FileFormatError(path, None, column + 1, f"{name!r}: wanted numbers, got {kind}")
    missing = table.column(column).is_null().to_numpy()
    if not missing.any():
        values = table.column(column).to_numpy()
        whole = values.dtype.kind in "iu" and int(values.max(initial=0)) < 2**63
        values = values.astype(np.int64 if whole else np.float64)
        missing = ~np.isfinite(values)
    if missing.any():
        row = int(np.flatnonzero(missing)[0])
        raise FileFormatError(path, None, column + 1, f"{name!r}, row {row + 1}: wanted a finite number")
    return values


def _broken(path: Path, error: Exception) -> FileFormatError:
    return FileFormatError(path, None, None, f"the file cannot be read as parquet ({error})")
