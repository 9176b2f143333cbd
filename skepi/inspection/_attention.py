"""Attention of a fitted model to bins and signals, from the rows that a user has."""

from typing import Any

import pandas as pd
from sklearn.utils.validation import check_is_fitted

from skepi._fitted import end_with


def bin_attention(estimator: Any, X: Any, by: str = "all") -> pd.DataFrame:
    """Attention of a network, alone or inside a pipeline, search or ``GeneZTarget``, to each bin of a signal.

    The attention of a row to the bins of one signal adds up to 1, and so does its mean over rows.

    Parameters
    ----------
    estimator : estimator
        Fitted, with a network that has attention, such as :class:`skepi.neural_network.BinAttention`.
    X : GeneCellPairs, BinnedOpenness or array-like of shape (n_rows, n_features)
        Rows that the estimator predicts from.
    by : {"all", "cell_type", "gene", "row"}, default="all"
        Whether to return the mean over all rows, over those of each cell type or gene, or each row's own. Plain arrays
        have no cell types and genes.

    Returns
    -------
    DataFrame
        One row per bin of each signal: ``signal, feature, from_bp, to_bp, attention`` for binned rows and
        ``signal, bin, attention``, counted from 0, for plain arrays. With ``by`` the names of the cell type, the gene
        or both, or the number of the row, come first.

    Raises
    ------
    NotFittedError
        For an estimator that is not fitted.
    TypeError
        For one without attention.
    ValueError
        For ``by="cell_type"`` or ``by="gene"`` on plain arrays, and names that ``by`` does not know.

    Notes
    -----
    Attention says where the network looks, not what it makes of it: :func:`bin_importance` says what a bin changes.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from skepi.binning import TSSBinner
    >>> from skepi.datasets import make_paired_openness
    >>> from skepi.neural_network import BinAttention
    >>> from skepi.preprocessing import LogZScaler
    >>> X, y = make_paired_openness(n_genes=20, n_cell_types=6, n_lineages=2)[0].pairs(return_X_y=True)
    >>> net = BinAttention(bin_units=2, signal_units=2, max_epochs=1, random_state=0)
    >>> model = make_pipeline(TSSBinner(edges=[-5_000, 0, 5_000]), LogZScaler(), net).fit(X, y)
    >>> bin_attention(model, X)[["from_bp", "to_bp"]].to_numpy().tolist()
    [[-5000, 0], [0, 5000]]
    """
    network, rows = _attentive(estimator, X)
    return network.bin_attention(rows, by)


def signal_attention(estimator: Any, X: Any, by: str = "all") -> pd.DataFrame:
    """Attention of a network, alone or inside a pipeline, search or ``GeneZTarget``, to each signal.

    The attention of a row to the signals adds up to 1, and so does its mean over rows.

    Parameters
    ----------
    estimator, X, by
        As in :func:`bin_attention`.

    Returns
    -------
    DataFrame
        One row per signal: ``signal, feature, attention`` for binned rows and ``signal, attention`` for plain arrays.
        With ``by`` the names come first, as in :func:`bin_attention`.

    Raises
    ------
    NotFittedError, TypeError, ValueError
        As in :func:`bin_attention`.

    Examples
    --------
    >>> import numpy as np
    >>> from skepi.neural_network import BinAttention
    >>> X = np.random.default_rng(0).normal(size=(50, 6))
    >>> net = BinAttention(n_signals=2, bin_units=2, signal_units=2, max_epochs=1, random_state=0).fit(X, X[:, 0])
    >>> table = signal_attention(net, X)
    >>> table["signal"].tolist(), round(float(table["attention"].sum()), 4)
    ([0, 1], 1.0)
    """
    network, rows = _attentive(estimator, X)
    return network.signal_attention(rows, by)


def _attentive(estimator: Any, X: Any) -> tuple[Any, Any]:
    """The part that has attention, and the rows that it sees."""
    check_is_fitted(estimator)
    part, rows = end_with(estimator, X, "bin_attention")
    if hasattr(part, "standardized_model"):
        rows, inner = part.standardized_model(rows)
        part, rows = end_with(inner, rows, "bin_attention")
    if not hasattr(part, "bin_attention"):
        raise TypeError(f"{type(part).__name__} has no attention: wanted a network that has it, such as BinAttention")
    return part, rows
