"""Cells to cell types: counts summed over the cells of each label, depth kept."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from skepi._doors import check_unmasked, numbers_of
from skepi._foreign import pandas_of
from skepi.exceptions import TableError


class Pseudobulk(NamedTuple):
    """Summed counts and what they were summed over.

    Attributes
    ----------
    counts : DataFrame, shape (n_features, n_cell_types)
        Sums over cells, integers if the counts are.
    cell_types : DataFrame
        ``name``, ``n_cells`` and ``depth`` (sum over all features), in the order of the columns of ``counts``.

    Examples
    --------
    >>> counts, cell_types = pseudobulk(np.array([[1, 0], [2, 5], [0, 4]]), ["T", "T", "B"])
    >>> (counts / cell_types["depth"].to_numpy()).to_dict("list")  # shares: 3 and 5 of 8, 0 and 4 of 4
    {'T': [0.375, 0.625], 'B': [0.0, 1.0]}
    """

    counts: pd.DataFrame
    cell_types: pd.DataFrame


def pseudobulk(
    cells: Any,
    labels: Any,
    *,
    layer: str | None = None,
    feature: str = "name",
    unlabelled: str = "error",
    fractions: bool = False,
) -> Pseudobulk:
    """Sum the counts of all cells of each cell type.

    Counts are added up, never averaged, so that the depth of each cell type is kept: openness is scaled by depth in
    :class:`skepi.binning.TSSBinner`, expression in :class:`skepi.normalization.ExpressionNormalizer`.

    Parameters
    ----------
    cells : CellMatrix, AnnData, DataFrame, or sparse or dense array, shape (n_cells, n_features)
        Counts of cells x peaks or cells x genes.
    labels : Series or array-like of str, shape (n_cells,)
        Cell type of each cell. A Series is matched to the cells by name where cells have names; an array is in the
        order of the cells.
    layer : str, optional
        Layer of an AnnData object to take in place of ``X``.
    feature : {"name", "id"}, default="name"
        What names the features of a CellMatrix; symbols of genes repeat, identifiers do not.
    unlabelled : {"error", "drop"}, default="error"
        What to do with cells that have no label (missing, or absent from the Series).
    fractions : bool, default=False
        Whether counts may be fractions (corrected for ambient RNA, say); log-normalised values are no counts.

    Returns
    -------
    Pseudobulk
        ``counts`` (features x cell types) and ``cell_types``; cell types in order of first appearance among the cells.

    Raises
    ------
    TableError
        For negative, non-finite or fractional counts, lengths that differ, cells or labels that occur twice, cells
        without label, labels that match no cell, or a cell type without a single count.
    ValueError
        For another ``unlabelled`` or ``feature``, or a layer of anything but AnnData.

    Examples
    --------
    >>> bulk = pseudobulk(np.array([[1, 0], [2, 5], [0, 4]]), ["T", "T", "B"])
    >>> bulk.counts
       T  B
    0  3  0
    1  5  4
    >>> bulk.cell_types
      name  n_cells  depth
    0    T        2      8
    1    B        1      4
    """
    if unlabelled not in ("error", "drop"):
        raise ValueError(f"unlabelled must be 'error' or 'drop', got {unlabelled!r}")
    if feature not in ("name", "id"):
        raise ValueError(f"feature must be 'name' or 'id', got {feature!r}")
    values, names, features = _matrix_of(cells, layer, feature)
    _check_counts(values, fractions)
    labels = _labels_of(labels, names, values.shape[0])
    known = _labelled(labels, names, unlabelled)
    code, kinds = pd.factorize(labels[known].astype(str))
    member = sp.csr_array((np.ones(code.size, values.dtype), (code, np.arange(code.size))), (len(kinds), code.size))
    sums = member @ values[np.flatnonzero(known)]
    sums = (sums.toarray() if sp.issparse(sums) else np.asarray(sums)).T
    depth = sums.sum(axis=0)
    if (depth == 0).any():
        raise TableError(f"no counts at all in cell type(s) {', '.join(kinds[depth == 0])}")
    table = pd.DataFrame({"name": kinds, "n_cells": np.bincount(code), "depth": depth})
    return Pseudobulk(pd.DataFrame(sums, index=features, columns=list(kinds)), table)


def _labelled(labels: pd.Series, names: pd.Index | None, unlabelled: str) -> NDArray[np.bool_]:
    """Mark the cells that have a label."""
    known = labels.notna().to_numpy()
    if not known.any():
        raise TableError("labels: no cell has a label")
    if not known.all() and unlabelled == "error":
        first = int(np.flatnonzero(~known)[0])
        who = first if names is None else names[first]
        raise TableError(f"{int((~known).sum())} of {known.size} cells have no label, the first is {who}")
    return known


def _matrix_of(cells: Any, layer: str | None, feature: str) -> tuple[Any, pd.Index | None, pd.Index | None]:
    """Counts (cells x features), names of the cells and names of the features, where there are any."""
    if hasattr(cells, "obs_names") and not isinstance(cells, pd.DataFrame):  # AnnData
        return _summable(values_of(cells, layer)), cells.obs_names, cells.var_names
    if layer is not None:
        raise ValueError("only AnnData has layers")
    named_rows = isinstance(cells, pd.DataFrame)
    cells = pandas_of(cells, "cells")
    if isinstance(cells, pd.DataFrame):
        return _summable(cells), cells.index if named_rows else None, cells.columns
    if hasattr(cells, "features"):  # CellMatrix
        return _summable(cells.values), pd.Index(cells.cells), pd.Index(cells.features[feature])
    return _summable(cells), None, None


def _summable(values: Any) -> Any:
    """A sparse or dense array of a type whose sums do not overflow."""
    values = values if sp.issparse(values) else numbers_of(values, "cells")
    if values.ndim != 2:
        raise TableError(f"cells: wanted numbers, cells x features, got shape {values.shape}")
    wide = values.astype(np.float64 if values.dtype.kind == "f" else np.int64)
    return sp.csr_array(wide) if sp.issparse(wide) else wide


def values_of(adata: Any, layer: str | None) -> Any:
    """Sparse or dense values of an AnnData object, brought to memory where they lie on disk."""
    if layer is not None and layer not in adata.layers:
        raise TableError(f"no layer {layer!r}; there are {', '.join(adata.layers) or 'none'}")
    values = adata.X if layer is None else adata.layers[layer]
    if values is None:
        raise TableError("the AnnData object has no X: name a layer")
    return values.to_memory() if hasattr(values, "to_memory") else values


def _check_counts(values: Any, fractions: bool) -> None:
    data: NDArray = values.data if sp.issparse(values) else values
    if data.size and not (data.min() >= 0 and data.max() < np.inf):
        raise TableError("cells: wanted finite counts >= 0 (not log or scaled values)")
    if not fractions and data.dtype.kind == "f" and (data != np.floor(data)).any():
        raise TableError(
            "cells: wanted whole counts, got fractions: layer= names the layer of counts of an AnnData object, and "
            "fractions=True takes them as they are"
        )
    if data.dtype.kind == "i" and data.sum(dtype=np.float64) >= 2**63:
        raise TableError("cells: the counts are too great: their sum does not fit into int64")


def _labels_of(labels: Any, names: pd.Index | None, n_cells: int) -> pd.Series:
    """A label for each cell, missing where there is none."""
    if not isinstance(labels, pd.Series):
        check_unmasked(labels, "labels")
        values = np.asarray(labels, dtype=object)
        if values.ndim != 1 or isinstance(labels, str):
            raise TableError(f"labels: wanted one for each cell, got {type(labels).__name__} of shape {values.shape}")
        labels, names = pd.Series(values), None
    labels = labels.astype(object)  # whole numbers stay whole where some are missing
    if names is None:
        if len(labels) != n_cells:
            raise TableError(f"{len(labels)} labels for {n_cells} cells")
        return labels.reset_index(drop=True)
    for what, index in (("cells", names), ("labels", labels.index)):
        if not index.is_unique:
            raise TableError(
                f"{what}: the same name twice: {index[index.duplicated()][0]}; give each cell a name of its own "
                "(barcodes of several samples repeat), or labels as an array in the order of the cells: "
                "labels.to_numpy()"
            )
    matched = labels.reindex(names)
    if matched.isna().all():
        some = [index[0] if len(index) else "none" for index in (names, labels.index)]
        raise TableError(f"no cell has a label: cells are {some[0]}, ..., labels are of {some[1]}, ...")
    return matched
