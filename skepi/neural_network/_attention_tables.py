"""Attention of many rows to bins and signals as tables: means over rows, cell types or genes, with their names."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._doors import check_choice
from skepi.rows import is_binned

FloatArray = NDArray[np.float64]

#: What attention may be averaged over.
GROUPS = ("all", "cell_type", "gene", "row")


def groups_of(X: Any, by: str) -> tuple[NDArray[np.int64], pd.DataFrame]:
    """Group of each row, from 0, and a table with one row per group that names it.

    Parameters
    ----------
    X : BinnedOpenness or array-like
    by : {"all", "cell_type", "gene", "row"}
        Rows of plain arrays have no cell type and no gene.
    """
    check_choice("by", by, GROUPS)
    n_rows = X.shape[0] if hasattr(X, "shape") else len(X)
    if by == "all":
        return np.zeros(n_rows, dtype=np.int64), pd.DataFrame(index=range(min(n_rows, 1)))
    if by == "row":
        return np.arange(n_rows), _names_of_rows(X, n_rows)
    if not is_binned(X):
        raise ValueError(
            f"by={by!r} needs binned rows, which know their {by.replace('_', ' ')}; got an array: by='row' gives each "
            "row its own attention"
        )
    present, groups = np.unique(X.gene_codes if by == "gene" else X.cell_type_codes, return_inverse=True)
    return groups, pd.DataFrame({by: _names(X, by)[present]})


def _names_of_rows(X: Any, n_rows: int) -> pd.DataFrame:
    if not is_binned(X):
        return pd.DataFrame({"row": np.arange(n_rows)})
    return pd.DataFrame(
        {"gene": _names(X, "gene")[X.gene_codes], "cell_type": _names(X, "cell_type")[X.cell_type_codes]}
    )


def _names(X: Any, kind: str) -> NDArray:
    return (X.genes if kind == "gene" else X.cell_types)["name"].to_numpy(dtype=object)


def group_means(parts: Iterable[NDArray], groups: NDArray[np.int64], n_groups: int) -> FloatArray:
    """Mean over the rows of each group, (n_groups, n_places), of values (n_rows, n_places) that come batch by batch."""
    counts, start = np.bincount(groups, minlength=n_groups), 0
    sums: FloatArray = np.zeros((n_groups, 1))
    for part in parts:
        if not start:
            sums = np.zeros((n_groups, part.shape[1]))
        np.add.at(sums, groups[start : start + len(part)], part)
        start += len(part)
    return sums / counts[:, None]


def attention_table(names: pd.DataFrame, places: pd.DataFrame, attention: FloatArray) -> pd.DataFrame:
    """One row per group and place: what names the group, what names the place, and its attention.

    Parameters
    ----------
    names : DataFrame
        One row per group.
    places : DataFrame
        One row per place.
    attention : ndarray of shape (n_groups, n_places)

    Examples
    --------
    >>> names, places = pd.DataFrame({"cell_type": ["B", "T"]}), pd.DataFrame({"signal": ["ATAC"]})
    >>> attention_table(names, places, np.array([[1.0], [1.0]]))
      cell_type signal  attention
    0         B   ATAC        1.0
    1         T   ATAC        1.0
    """
    table = names.merge(places, how="cross") if len(names.columns) else _repeated(places, len(names))
    return table.assign(attention=attention.ravel())


def _repeated(places: pd.DataFrame, n_times: int) -> pd.DataFrame:
    return pd.concat([places] * n_times, ignore_index=True) if n_times else places.iloc[:0]


def bin_names(columns: pd.DataFrame | None, n_signals: int, n_bins: int) -> pd.DataFrame:
    """One row per bin of the grid: ``signal, feature, from_bp, to_bp``, or numbers where there are no columns."""
    if columns is None:
        signal, place = np.divmod(np.arange(n_signals * n_bins), n_bins)
        return pd.DataFrame({"signal": signal, "bin": place})
    return columns.rename(columns={"start_bp": "from_bp", "end_bp": "to_bp"}).reset_index(drop=True)


def signal_names(bins: pd.DataFrame, n_bins: int) -> pd.DataFrame:
    """One row per signal of the grid, from those of its bins."""
    kept = [name for name in ("signal", "feature") if name in bins]
    return bins.loc[::n_bins, kept].reset_index(drop=True)
