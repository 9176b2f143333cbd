"""Tables of other packages than pandas: read by the names of their columns, or refused with the way out."""

from typing import Any

import numpy as np
import pandas as pd

from skepi.exceptions import TableError

_WAYS = ("to_pandas", "to_dataframe", "df")  # of pyarrow, pybedtools and PyRanges


def pandas_of(table: Any, what: str, of_anndata: str = "PairedDataset.from_anndata(...)") -> Any:
    """Return a polars DataFrame as a pandas one, column by column; what is no foreign table is returned as it is.

    polars has no row labels, so the result has none either. ``of_anndata`` says, for messages, what to give in place of
    an AnnData object.

    Raises
    ------
    TableError
        For tables that wait to be computed (polars LazyFrame, dask), for those of other packages, such as pyarrow, and
        for AnnData.

    Examples
    --------
    >>> pandas_of([[1, 2]], "openness")
    [[1, 2]]
    """
    if isinstance(table, pd.DataFrame | pd.Series | np.ndarray):
        return table
    package = type(table).__module__.partition(".")[0]
    kind = f"{package} {type(table).__name__}"
    for method in ("collect", "compute"):
        if hasattr(type(table), "columns") and hasattr(type(table), method):
            raise TableError(f"{what}: a {kind} holds no values yet: give {what}.{method}()")
    if package == "polars" and hasattr(table, "get_column"):
        return pd.DataFrame({name: table.get_column(name).to_numpy() for name in table.columns})
    if package == "polars" and hasattr(table, "to_frame"):
        return pd.Series(table.to_numpy(), name=table.name)
    if hasattr(table, "obs_names"):
        raise TableError(f"{what}: wanted a pandas DataFrame, got an {kind} object: use {of_anndata}")
    for way in _WAYS:
        if hasattr(type(table), way):
            called = "" if isinstance(getattr(type(table), way), property) else "()"
            raise TableError(f"{what}: wanted a pandas DataFrame, got a {kind}: give {what}.{way}{called}")
    return table
