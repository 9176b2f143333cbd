"""Series, Index and DataFrame as nodes that pandas 2 and 3 both read."""

from typing import Any

import numpy as np
import pandas as pd

from skepi.persistence._nodes import Kind, Reader, Writer, refusal

MISSING = {"<NA>": pd.NA, "NaT": pd.NaT}


def write_column(writer: Writer, value: Any, where: str) -> Any:
    """Values of a Series or Index; those of pandas' own text types as a list with None for what is missing."""
    if isinstance(value.dtype, np.dtype):
        return {"array": writer.node(value.to_numpy(), where)}
    if isinstance(value.dtype, pd.StringDtype):
        name = "string" if value.dtype.na_value is pd.NA else "str"
        return {name: [None if pd.isna(one) else one for one in value.array]}
    raise refusal(value, where, f" of {value.dtype}")


def read_column(reader: Reader, content: Any) -> tuple[Any, Any]:
    """Values and dtype; ``str`` is whatever this pandas makes of text."""
    [(name, values)] = content.items()
    if name == "array":
        array = reader.value(values)
        if array.ndim != 1:  # pandas would repeat a single number along any index
            raise ValueError(f"the file holds a column of shape {array.shape}")
        return array, array.dtype
    missing, dtype = (pd.NA, "string") if name == "string" else (np.nan, pd.Series(["text"]).dtype)
    return np.array([missing if one is None else one for one in values], dtype=object), dtype


def write_index(writer: Writer, value: pd.Index, where: str) -> Any:
    """An Index is its values and name."""
    return {"values": write_column(writer, value, where), **writer.nodes({"name": value.name}, where)}


def read_index(reader: Reader, content: Any) -> pd.Index:
    """Back from :func:`write_index`."""
    values, dtype = read_column(reader, content["values"])
    return pd.Index(values, dtype=dtype, name=reader.value(content["name"]))


def write_range_index(writer: Writer, value: pd.RangeIndex, where: str) -> Any:
    """A RangeIndex is its bounds and name."""
    return writer.nodes({name: getattr(value, name) for name in ("start", "stop", "step", "name")}, where)


def write_series(writer: Writer, value: pd.Series, where: str) -> Any:
    """A Series is its values, index, name and attributes."""
    parts = {"index": value.index, "name": value.name, "attrs": value.attrs}
    return {"values": write_column(writer, value, where), **writer.nodes(parts, where)}


def read_series(reader: Reader, content: Any) -> pd.Series:
    """Back from :func:`write_series`."""
    values, dtype = read_column(reader, content.pop("values"))
    parts = reader.values(content)
    made = pd.Series(values, parts["index"], dtype, parts["name"])
    made.attrs = parts["attrs"]
    return made


def write_frame(writer: Writer, value: pd.DataFrame, where: str) -> Any:
    """A DataFrame is its columns, index, names of columns and attributes."""
    parts = {"index": value.index, "columns": value.columns, "attrs": value.attrs}
    columns = [write_column(writer, value.iloc[:, i], f"{where}.iloc[:, {i}]") for i in range(value.shape[1])]
    return {"values": columns, **writer.nodes(parts, where)}


def read_frame(reader: Reader, content: Any) -> pd.DataFrame:
    """Back from :func:`write_frame`."""
    columns = [read_column(reader, column) for column in content.pop("values")]
    parts = reader.values(content)
    index = parts["index"]
    made = pd.DataFrame({i: pd.Series(values, index, dtype) for i, (values, dtype) in enumerate(columns)}, index)
    made.columns = parts["columns"]
    made.attrs = parts["attrs"]
    return made


TABLES = {
    "missing": Kind(lambda writer, value, where: str(value), lambda reader, content: MISSING[content]),
    "index": Kind(write_index, read_index, shared=True),
    "range_index": Kind(
        write_range_index, lambda reader, content: pd.RangeIndex(**reader.values(content)), shared=True
    ),
    "series": Kind(write_series, read_series, shared=True),
    "frame": Kind(write_frame, read_frame, shared=True),
}
