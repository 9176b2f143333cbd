"""From a table of genes x samples, or an AnnData object, to samples x genes by the names of genes."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse as sp
from sklearn.utils.validation import _num_samples

from skepi._doors import check_labels, names_of, numbers_of, some
from skepi._foreign import pandas_of
from skepi._mismatch import how_written
from skepi.exceptions import TableError
from skepi.pseudobulk import values_of


class LandmarkTables(NamedTuple):
    """What a regressor of target genes learns from.

    Attributes
    ----------
    X : DataFrame, shape (n_samples, n_landmarks)
    y : DataFrame, shape (n_samples, n_targets)
    """

    X: pd.DataFrame
    y: pd.DataFrame


def landmark_tables(
    expression: Any, landmarks: Iterable[str], targets: Iterable[str], *, layer: str | None = None
) -> LandmarkTables:
    """Take landmark genes and target genes out of one table of expression.

    Parameters
    ----------
    expression : DataFrame of genes x samples, or AnnData of samples x genes
        Log expression. Genes are found by name: row labels of a DataFrame, ``var_names`` of an AnnData object.
    landmarks, targets : sequence of str
        Names of genes, each list without repeats. A gene may be in both: errors of such targets are reported apart.
    layer : str, optional
        Layer of an AnnData object to take in place of ``X``.

    Returns
    -------
    LandmarkTables
        ``X`` and ``y``, samples x genes in the order of the lists; float32 where ``expression`` is, otherwise float64.

    Raises
    ------
    TableError
        As :func:`samples_by_genes`.

    Examples
    --------
    >>> expression = pd.DataFrame({"s1": [1.0, 2.0, 3.0], "s2": [4.0, 5.0, 6.0]}, index=["GATA1", "HBB", "CD34"])
    >>> X, y = landmark_tables(expression, landmarks=["CD34", "GATA1"], targets=["HBB"])
    >>> X
        CD34  GATA1
    s1   3.0    1.0
    s2   6.0    4.0
    """
    X = samples_by_genes(expression, landmarks, layer=layer)
    return LandmarkTables(X, samples_by_genes(expression, targets, layer=layer))


def samples_by_genes(expression: Any, genes: Iterable[str], *, layer: str | None = None) -> pd.DataFrame:
    """Take genes out of a table of expression, by name and in the order asked for.

    With ``genes=model.feature_names_in_`` it prepares new samples for a fitted :class:`LandmarkRegressor`.

    Parameters
    ----------
    expression : DataFrame of genes x samples, or AnnData of samples x genes
    genes : sequence of str
    layer : str, optional
        Layer of an AnnData object to take in place of ``X``.

    Returns
    -------
    DataFrame, shape (n_samples, n_genes)
        float32 where ``expression`` is, otherwise float64.

    Raises
    ------
    TableError
        For genes that are missing (named), asked for twice or found twice, gaps and infinite values among them (named
        by gene and sample), and a table that is transposed or has no names.

    Examples
    --------
    >>> expression = pd.DataFrame({"s1": [1.0, 2.0], "s2": [4.0, 5.0]}, index=["GATA1", "HBB"])
    >>> samples_by_genes(expression, ["HBB"])
        HBB
    s1  2.0
    s2  5.0
    """
    wanted = _wanted(genes)
    table, values = _with_names(expression, layer)
    place = _places(table.index, table.columns, wanted)
    chosen = numbers_of(values[place] if isinstance(values, np.ndarray) else values.iloc[place], "expression")
    dtype = np.float32 if chosen.dtype == np.float32 else np.float64
    out = pd.DataFrame(chosen.T.astype(dtype), index=table.columns, columns=wanted)
    refuse_gaps(out, "expression")
    return out


def refuse_gaps(table: pd.DataFrame, what: str) -> None:
    """Refuse values of samples x genes that are missing or infinite, and name the first."""
    wrong = ~np.isfinite(table.to_numpy())
    if wrong.any():
        sample, gene = np.argwhere(wrong)[0]
        value = "NaN (a gap)" if np.isnan(table.iat[sample, gene]) else "infinity"
        raise TableError(
            f"{what}: got {value} for gene {table.columns[gene]!r} in sample {table.index[sample]!r} "
            f"({int(wrong.sum())} such value(s)), wanted finite numbers; leave out these genes or samples, or fill "
            "the gaps"
        )


def check_same_samples(X: Any, y: Any) -> None:
    """Refuse tables of samples x genes whose samples have other names, or another order."""
    if _num_samples(X) != _num_samples(y):
        raise ValueError(
            f"X has {_num_samples(X)} samples and y has {_num_samples(y)}, wanted one row per sample in both"
        )
    if not (isinstance(X, pd.DataFrame) and isinstance(y, pd.DataFrame)):
        return
    if isinstance(X.index, pd.RangeIndex) or isinstance(y.index, pd.RangeIndex) or X.index.equals(y.index):
        return
    row = int(np.argmax(X.index != y.index))
    raise TableError(
        f"X and y have other samples: row {row} is {X.index[row]!r} in X and {y.index[row]!r} in y; y.loc[X.index] "
        "puts y in the order of X"
    )


def _wanted(genes: Iterable[str]) -> pd.Index:
    if isinstance(genes, str):
        raise TypeError(f"genes must be a sequence of names, got the text {genes!r}: give [{genes!r}]")
    wanted = pd.Index(list(genes), dtype=object)
    if wanted.empty:
        raise TableError("genes: no gene was asked for")
    if wanted.has_duplicates:
        raise TableError(f"genes: the same name twice: {some(wanted[wanted.duplicated()])}; give each gene once")
    return wanted


def _with_names(expression: Any, layer: str | None) -> tuple[pd.DataFrame, Any]:
    """Names, as an empty table of genes x samples, and values in that shape."""
    if hasattr(expression, "obs_names") and not isinstance(expression, pd.DataFrame):  # AnnData
        values = values_of(expression, layer).T
        values = values.toarray() if sp.issparse(values) else np.asarray(values)
        return pd.DataFrame(index=expression.var_names, columns=expression.obs_names), values
    if layer is not None:
        raise ValueError(f"only AnnData has layers, got a {type(expression).__name__} with layer={layer!r}")
    frame = pandas_of(expression, "expression")
    if not isinstance(frame, pd.DataFrame):
        raise TableError(
            f"expression: wanted a DataFrame of genes x samples or an AnnData object, got {type(frame).__name__}, "
            "which does not name its genes"
        )
    check_labels(frame, "expression")
    if isinstance(frame.index, pd.RangeIndex):
        raise TableError("expression: rows have no names; make the column of genes the row labels: .set_index('gene')")
    return pd.DataFrame(index=names_of(frame.index, "expression: rows"), columns=frame.columns), frame


def _places(rows: pd.Index, columns: pd.Index, wanted: pd.Index) -> Any:
    found = rows[rows.isin(wanted)]
    if found.has_duplicates:
        raise TableError(
            f"expression: the same gene twice: {some(found[found.duplicated()].unique())}; keep one row per gene"
        )
    missing = wanted[~wanted.isin(rows)]
    if missing.size == wanted.size and wanted.isin(columns).any():
        raise TableError("expression looks transposed: columns are genes, wanted one row per gene; give expression.T")
    if missing.size:
        why = how_written(rows, wanted)
        raise TableError(
            f"expression lacks {missing.size} of {wanted.size} gene(s): {some(missing)}; "
            f"{why or 'take them off the list, or add them to the table'}"
        )
    return rows.get_indexer(wanted)
