"""How few pairs, genes or cell types carry how much of the error."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from skepi._held_out import (
    Groups,
    checked_held_out,
    groups_by,
    squared_error,
    squared_error_of_mean,
)

FloatArray = NDArray[np.float64]

_BY = ("pair", "gene", "cell_type")


class _Ranked(NamedTuple):
    """Groups from the worst to the best by error a pair, all (n_groups,)."""

    labels: pd.DataFrame
    n_pairs: FloatArray
    error: FloatArray
    error_of_mean: FloatArray


def error_concentration(held_out: pd.DataFrame, by: str = "pair") -> pd.DataFrame:
    r"""Share of the error that the worst pairs, genes or cell types carry.

    With :math:`e_i` the sum of squared errors and :math:`n_i` the number of pairs of group i, groups in order of
    falling :math:`e_i / n_i`, row k holds

    .. math:: s_k = \sum_{i \le k} n_i \Big/ \sum_i n_i, \qquad \sum_{i \le k} e_i \Big/ \sum_i e_i

    Errors are never spread evenly, so a share means something against a reference only. If errors are normal with mean
    0 and equal variance, the largest share s of them carries

    .. math:: 2 (a \varphi(a) + 1 - \Phi(a)), \qquad s = 2 (1 - \Phi(a))

    which is 0.78 at s = 0.3: the report's "30 % of the samples carry 80 % of the error" is what normal errors give.

    Parameters
    ----------
    held_out : DataFrame
        From :func:`skepi.model_selection.cross_val_pairs`.
    by : {"pair", "gene", "cell_type"}, default="pair"

    Returns
    -------
    DataFrame
        One row per group, from the worst: ``gene`` and ``cell_type`` (by pair) or the one asked for, ``share_of_pairs``
        and ``share_of_error`` (both cumulative, ending at 1), and by pair ``normal_share_of_error``. Equal errors stay
        in the order of the table.

    Raises
    ------
    TypeError, ValueError
        For a table that is not one of held-out pairs, another ``by``, and predictions without any error.

    Examples
    --------
    >>> columns = {"fold": 0, "gene": ["a", "b"], "cell_type": "HSC", "train_mean": 0.0}
    >>> error_concentration(pd.DataFrame({"y_true": [1.0, 3.0], "y_pred": 0.0, **columns}))["share_of_error"].tolist()
    [0.9, 1.0]
    """
    ranked = _ranked(checked_held_out(held_out), by)
    pairs, error = np.cumsum(ranked.n_pairs), np.cumsum(ranked.error)
    out = ranked.labels.assign(share_of_pairs=pairs / pairs[-1], share_of_error=error / error[-1])
    if by == "pair":
        out["normal_share_of_error"] = _normal_share_of_error(out["share_of_pairs"].to_numpy())
    return out


def removal_curve(held_out: pd.DataFrame, by: str = "pair") -> pd.DataFrame:
    r"""Error of what is left when the worst pairs, genes or cell types are taken away one after the other.

    Groups go in order of falling mean squared error, so the error can only fall; how fast it falls while models stay as
    they are says where the error sits, not that the model becomes better.

    Parameters
    ----------
    held_out : DataFrame
        From :func:`skepi.model_selection.cross_val_pairs`.
    by : {"pair", "gene", "cell_type"}, default="pair"

    Returns
    -------
    DataFrame
        One row a number of groups taken away, from 0 to all but one: ``n_removed``, ``share_removed`` (of pairs),
        ``removed`` (the group that went last; by pair ``gene`` and ``cell_type``; missing in row 0), and of what is
        left ``mse`` (squared units of ``y``), ``mse_ratio`` (to that of all pairs) and ``skill`` (over the training
        mean; NaN where some gene that is left has none or the truth equals it throughout).

    Raises
    ------
    TypeError, ValueError
        As for :func:`error_concentration`.

    Examples
    --------
    >>> columns = {"fold": 0, "gene": ["a", "b"], "cell_type": "HSC", "train_mean": 0.0}
    >>> curve = removal_curve(pd.DataFrame({"y_true": [1.0, 3.0], "y_pred": [0.5, 0.0], **columns}), by="gene")
    >>> curve["removed"][1], curve["mse"].tolist()
    ('b', [4.625, 0.25])
    """
    ranked = _ranked(checked_held_out(held_out), by)
    pairs, error, error_of_mean = (_left(sums) for sums in ranked[1:])
    mse = error / pairs
    last_gone = ranked.labels.rename(columns={} if by == "pair" else {by: "removed"}).astype(object).shift(1)
    varies = error_of_mean > 0  # not where NaN
    return pd.DataFrame(
        {
            "n_removed": np.arange(pairs.size),
            "share_removed": 1 - pairs / pairs[0],
            **last_gone,
            "mse": mse,
            "mse_ratio": mse / mse[0],
            "skill": 1 - np.divide(error, error_of_mean, out=np.full(error.size, np.nan), where=varies),
        }
    )


def _ranked(table: pd.DataFrame, by: str) -> _Ranked:
    """Sums of each group, the worst first."""
    if isinstance(by, str) and by == "pair":
        groups, labels = Groups(np.arange(len(table)), table.index), table[["gene", "cell_type"]]
    else:
        groups = groups_by(table, by, _BY)
        labels = pd.DataFrame({by: groups.labels})
    error = groups.sums(squared_error(table))
    if not error.any():
        raise ValueError("the predictions equal the truth: there is no error to divide")
    n_pairs, error_of_mean = groups.sums(), groups.sums(squared_error_of_mean(table))
    worst = np.argsort(-error / n_pairs, kind="stable")
    return _Ranked(labels.iloc[worst].reset_index(drop=True), n_pairs[worst], error[worst], error_of_mean[worst])


def _left(sums: FloatArray) -> FloatArray:
    """Sum from each group to the last."""
    return np.cumsum(sums[::-1])[::-1]


def _normal_share_of_error(share: FloatArray) -> FloatArray:
    """Share of squared error that this share of the largest of normal errors carries."""
    a = ndtri(1 - share / 2)
    return 2 * a * np.exp(-(a**2) / 2) / np.sqrt(2 * np.pi) + share
