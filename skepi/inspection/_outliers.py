"""Cell types on a map, and those that have no relatives on it."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._dataset import check_dataset
from skepi._doors import check_count
from skepi.exceptions import MissingExpressionError
from skepi.paired import PairedDataset

FloatArray = NDArray[np.float64]

_ROWS_AT_ONCE = 8_192
_LEAST_CELL_TYPES = 4
_COMPONENTS = 5


def cell_type_components(
    data: PairedDataset, on: str = "expression", *, signal: str | None = None, n_components: int | None = None
) -> tuple[pd.DataFrame, pd.Series]:
    """Principal components of cell types by expression or by openness.

    Genes (peaks) are scaled as in :func:`cell_type_outliers`, so that few strong ones do not make the map.

    Parameters
    ----------
    data : PairedDataset
    on : {"expression", "openness"}, default="expression"
    signal : str, optional
        Signal that ``on="openness"`` compares; needed where there are several.
    n_components : int, optional
        At most the number of cell types less 1; by default 5, or that many where there are fewer.

    Returns
    -------
    components : DataFrame, shape (n_cell_types, n_components)
        Columns ``pc1, pc2, ...`` with mean 0; the squares of all of a row add up to the mean square over genes (peaks)
        of the cell type's scaled values, less their means over cell types.
    explained : Series of float
        Share of the variance that each holds, by the same names.

    Raises
    ------
    TypeError
        For anything but a data set.
    MissingExpressionError
        For expression of a data set without it.
    ValueError
        For fewer than 4 cell types, more components than there are, cell types that do not differ, several signals of
        which none is named, or a signal named with ``on="expression"``.
    UnknownNameError
        For a signal that the data set does not hold.

    Examples
    --------
    >>> from skepi.datasets import make_paired_openness
    >>> data, _ = make_paired_openness(n_genes=50, n_cell_types=6, n_lineages=2)
    >>> components, explained = cell_type_components(data, n_components=2)
    >>> components.shape, bool(explained["pc1"] > explained["pc2"])
    ((6, 2), True)
    """
    check_dataset(data)
    gram, n_rows = _products(data, on, signal)
    n = len(gram)
    n_components = min(_COMPONENTS, n - 1) if n_components is None else n_components
    check_count("n_components", n_components, 1)
    if n_components > n - 1:
        raise ValueError(f"n_components must be at most {n - 1} for {n} cell types, got {n_components}")
    centring = np.eye(n) - 1 / n
    variance, direction = np.linalg.eigh(centring @ gram @ centring)
    variance, direction = np.maximum(variance[::-1], 0), direction[:, ::-1]
    # Signs are arbitrary; the largest entry is made positive so that they repeat.
    direction = direction * np.sign(direction[np.abs(direction).argmax(axis=0), np.arange(n)])
    names = [f"pc{k + 1}" for k in range(n_components)]
    index = pd.Index(data.cell_types["name"], name="cell_type")
    scores = (direction * np.sqrt(variance / n_rows))[:, :n_components]
    return pd.DataFrame(scores, index, names), pd.Series(variance[:n_components] / variance.sum(), names)


def cell_type_outliers(
    data: PairedDataset, on: str = "expression", *, signal: str | None = None, threshold: float = 10.0
) -> pd.DataFrame:
    r"""How far each cell type is from its nearest relative, compared with the others.

    With :math:`L_{gc}` the value of gene (or peak) g in cell type c, :math:`m_g` and :math:`s_g` its median and its MAD
    (times 1.4826) over cell types and :math:`\bar s` the root mean square of :math:`s_g` over genes,

    .. math:: z_{gc} = \frac{L_{gc} - m_g}{s_g + \bar s}, \qquad
       d_{cc'} = \frac{1}{G} \sum_g (z_{gc} - z_{gc'})^2, \qquad
       \mathrm{score}_c = \frac{\min_{c'} d_{cc'}}{\mathrm{median}_b \min_{c'} d_{bc'}}

    A cell type with relatives has a score near 1. One that is alone has a greater one, be it for its biology (compare
    ``on="openness"``: there a biological outlier stands out as well) or because its measurement failed.

    Parameters
    ----------
    data : PairedDataset
        Log expression; openness is divided by its mean in each cell type (as ``TSSBinner`` does, mitochondrial peaks
        left out of the mean) and taken as log1p.
    on : {"expression", "openness"}, default="expression"
    signal : str, optional
        Signal that ``on="openness"`` compares; needed where there are several.
    threshold : float, default=10.0
        Score above which a cell type is flagged. In simulations (``benchmarks/outliers.py``) the most remote one that
        is sound reaches 6.6 among 12 to 60 cell types and 9.2 among 201, and erythroblasts among 14 blood populations
        4.4; noise of 4 SDs of a gene on one cell type gives 14 or more. A rule of thumb, not a test.

    Returns
    -------
    DataFrame
        Index ``cell_type``, in the order of the data set: ``lineage`` where known, ``from_centre`` (mean square of z
        over its median), ``nearest`` (name of the nearest other cell type), ``score`` and ``flagged``.

    Raises
    ------
    TypeError
        For anything but a data set.
    MissingExpressionError
        For expression of a data set without it.
    ValueError
        For fewer than 4 cell types, a threshold that is not above 1, cell types that do not differ, several signals of
        which none is named, or a signal named with ``on="expression"``.
    UnknownNameError
        For a signal that the data set does not hold.

    Notes
    -----
    Failed measurements that resemble each other are each other's relatives: ``from_centre`` may show them.

    References
    ----------
    The report found its outlier by eye, in a plot of two principal components.

    Examples
    --------
    >>> from skepi.datasets import make_paired_openness
    >>> data, truth = make_paired_openness(n_genes=100, n_cell_types=8, n_lineages=2, corrupted=3)
    >>> table = cell_type_outliers(data)
    >>> table["score"].idxmax() == truth.corrupted, int(table["flagged"].sum())
    (True, 1)
    """
    check_dataset(data)
    if not threshold > 1:
        raise ValueError(f"threshold must be above 1, the score of an ordinary cell type; got {threshold!r}")
    gram, n_rows = _products(data, on, signal)
    square = np.diag(gram) / n_rows
    apart = square[:, None] + square - 2 * gram / n_rows
    np.fill_diagonal(apart, np.inf)
    nearest, least = apart.argmin(axis=1), np.maximum(apart.min(axis=1), 0)
    if not np.median(least) > 1e-12 * square.max() or not np.median(square) > 0:
        raise ValueError(f"half of the cell types have a twin with the same {on}, so distances cannot be compared")
    names = data.cell_types["name"].to_numpy()
    table = pd.DataFrame({"from_centre": square / np.median(square), "nearest": names[nearest]})
    table["score"] = least / np.median(least)
    table["flagged"] = table["score"] > threshold
    if "lineage" in data.cell_types:
        table.insert(0, "lineage", data.cell_types["lineage"].to_numpy())
    return table.set_index(pd.Index(names, name="cell_type"))


def _products(data: PairedDataset, on: str, signal: str | None) -> tuple[FloatArray, int]:
    """Sums over genes (peaks) of products of robustly scaled values, (n_cell_types, n_cell_types), and their number."""
    n = len(data.cell_types)
    if n < _LEAST_CELL_TYPES:
        raise ValueError(f"wanted at least {_LEAST_CELL_TYPES} cell types to compare, got {n}")
    scale, n_rows = 0.0, 0
    for values in _values(data, on, signal):
        scale += float(np.sum(_centre_and_mad(values)[1] ** 2))
        n_rows += len(values)
    floor, gram = np.sqrt(scale / n_rows), np.zeros((n, n))
    if floor == 0:
        raise ValueError(
            f"no {on} differs between more than half of the cell types, so there is no scale to compare on"
        )
    for values in _values(data, on, signal):
        centre, mad = _centre_and_mad(values)
        z = (values - centre) / (mad + floor)
        gram += z.T @ z
    return gram, n_rows


def _values(data: PairedDataset, on: str, signal: str | None) -> Iterator[FloatArray]:
    """Log values of some genes or peaks at a time, (n, n_cell_types)."""
    if on == "openness":
        yield from _log_openness(data, data.tables.the_signal(signal, "on='openness'"))
    elif on != "expression":
        raise ValueError(f"on must be 'expression' or 'openness', got {on!r}")
    elif signal is not None:
        raise ValueError(f"signal={signal!r} chooses openness, and on='expression' reads none: use on='openness'")
    elif data.expression is None:
        raise MissingExpressionError("this data set holds openness only; use on='openness'")
    else:
        for first in range(0, len(data.expression), _ROWS_AT_ONCE):
            yield np.asarray(data.expression[first : first + _ROWS_AT_ONCE], dtype=np.float64)


def _log_openness(data: PairedDataset, signal: str) -> Iterator[FloatArray]:
    """Log openness of some peaks of a signal at a time, over the depth of each cell type."""
    peaks = data.tables.peaks_of(signal)
    open_somewhere = np.logical_or.reduce([data.openness[rows].any(axis=0) for rows in _parts(peaks)])
    if not open_somewhere.all():
        name = data.cell_types["name"].iloc[int(np.argmin(open_somewhere))]
        raise ValueError(f"cell type {name} has no {signal} at all")
    inverse_depth = 1 / data.tables.mean_openness(signal)
    for rows in _parts(peaks):
        yield np.log1p(np.asarray(data.openness[rows], dtype=np.float64) * inverse_depth)


def _parts(rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    return [rows[first : first + _ROWS_AT_ONCE] for first in range(0, len(rows), _ROWS_AT_ONCE)]


def _centre_and_mad(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    centre = np.median(values, axis=1, keepdims=True)
    return centre, 1.4826 * np.median(np.abs(values - centre), axis=1, keepdims=True)
