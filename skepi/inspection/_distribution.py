"""How openness and expression are distributed, and whether they hold more zeros than their spread explains."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from skepi._dataset import check_dataset
from skepi._doors import check_count
from skepi.paired import PairedDataset

FloatArray = NDArray[np.float64]

# Quartile range of a normal distribution in SDs, 1.349.
_QUARTILE_RANGE = 2 * float(ndtri(0.75))


def distribution_summary(data: PairedDataset) -> pd.DataFrame:
    r"""Summarise openness and expression, with the excess of zeros.

    A normal distribution cut at 0 puts into the zero what would lie below it. With m the median and :math:`q_1, q_3`
    the quartiles of the **positive** values, its share of zeros is

    .. math:: \Phi(-m / s), \qquad s = (q_3 - q_1) / 1.349

    What lies above that share is the zero excess. m, being of positive values alone, is too high where much is cut
    off, so the excess is then somewhat too high.

    Parameters
    ----------
    data : PairedDataset

    Returns
    -------
    DataFrame
        Rows ``openness``, or one row per signal by its name (natural log of 1 + value, all its peaks in all cell
        types), and, where known, ``expression`` (as it is, all genes in all cell types). Columns ``n``, ``zero_share``
        (values that are exactly 0), ``expected_zero_share`` and ``zero_excess`` (their difference), and over all
        values, zeros too, ``mean``, ``sd`` (divides by n), ``lower_quartile``, ``median``, ``upper_quartile``, ``max``.
        Shares are fractions, the rest is in log units. The expected share and the excess are NaN where no value is
        positive, and where some are negative: then nothing was cut at 0.

    Raises
    ------
    TypeError
        For anything but a data set.
    ValueError
        For a signal that is called ``expression``.

    Examples
    --------
    >>> data = PairedDataset(
    ...     openness=pd.DataFrame({"HSC": [0.0, 1.0], "Ery": [0.0, 3.0]}),
    ...     peaks={"chrom": ["chr1", "chr1"], "start": [90, 500], "end": [110, 600]},
    ...     genes={"name": ["GATA1"], "chrom": ["chr1"], "tss": [100], "strand": ["+"]},
    ... )
    >>> distribution_summary(data).loc["openness", ["n", "zero_share"]].tolist()
    [4.0, 0.5]
    """
    check_dataset(data)
    if "expression" in data.signals:
        raise ValueError("a signal is called expression, as is the row of expression: give it another name")
    rows = {name: _summary(np.log1p(data.openness[data.tables.peaks_of(name)])) for name in data.signals}
    if data.expression is not None:
        rows["expression"] = _summary(data.expression)
    return pd.DataFrame.from_dict(rows, orient="index").astype({"n": np.int64})


def value_histogram(values: ArrayLike, *, n_bins: int = 50) -> pd.DataFrame:
    """Count values in bins of equal width, the exact zeros apart.

    Parameters
    ----------
    values : array-like
        Any shape; finite.
    n_bins : int, default=50
        Bins from the smallest to the largest of the values that are not 0, each ``[from, to)``, the last one
        ``[from, to]``. Where these values are all equal there is one bin with ``from = to``.

    Returns
    -------
    DataFrame
        ``from``, ``to`` (units of the values), ``n`` and ``share`` (of all values; fractions that add up to 1). If
        there are zeros, the first row is theirs, with ``from = to = 0``.

    Raises
    ------
    ValueError
        For no values, values that are not finite, and fewer than one bin.

    Examples
    --------
    >>> value_histogram([0, 0, 1, 2, 2, 5], n_bins=2)
       from   to  n     share
    0   0.0  0.0  2  0.333333
    1   1.0  3.0  3  0.500000
    2   3.0  5.0  1  0.166667
    """
    array = _finite(values)
    check_count("n_bins", n_bins, 1)
    count, edges = _counts(array[array != 0], int(n_bins))
    table = pd.DataFrame({"from": edges[:-1], "to": edges[1:], "n": count})
    zeros = pd.DataFrame({"from": [0.0], "to": [0.0], "n": [array.size - int(count.sum())]})
    table = pd.concat([zeros, table] if zeros["n"][0] else [table], ignore_index=True)
    return table.assign(share=table["n"] / array.size)


def value_summary(values: ArrayLike) -> pd.Series:
    """Summarise any values as :func:`distribution_summary` summarises openness and expression.

    Parameters
    ----------
    values : array-like
        Any shape; finite.

    Returns
    -------
    Series of float64
        One row of :func:`distribution_summary`, in units of the values.

    Raises
    ------
    ValueError
        For no values, and values that are not finite.

    Examples
    --------
    >>> value_summary([0, 0, 2, 4])[["n", "zero_share", "mean", "median"]].tolist()
    [4.0, 0.5, 1.5, 1.0]
    """
    return pd.Series(_summary(_finite(values)), dtype=np.float64)


def _finite(values: ArrayLike) -> FloatArray:
    """At least one value, all finite, in one dimension."""
    array = np.asarray(values, dtype=np.float64).ravel()
    if array.size == 0:
        raise ValueError("values: no values to count")
    if not np.isfinite(array).all():
        raise ValueError(f"values: {int((~np.isfinite(array)).sum())} of {array.size} are NaN or infinite")
    return array


def _summary(values: NDArray) -> dict[str, float]:
    quartiles = np.quantile(values, [0.25, 0.5, 0.75])
    zero_share, expected = float(np.mean(values == 0)), _expected_zero_share(values)
    return {
        "n": values.size,
        "zero_share": zero_share,
        "expected_zero_share": expected,
        "zero_excess": zero_share - expected,
        "mean": float(values.mean(dtype=np.float64)),
        "sd": float(values.std(dtype=np.float64)),
        **dict(zip(("lower_quartile", "median", "upper_quartile"), quartiles.astype(np.float64), strict=True)),
        "max": float(values.max()),
    }


def _expected_zero_share(values: NDArray) -> float:
    positive = values[values > 0]
    if positive.size == 0 or (values < 0).any():
        return float("nan")
    lower, median, upper = np.quantile(positive, [0.25, 0.5, 0.75])
    return float(ndtr(-median * _QUARTILE_RANGE / (upper - lower))) if upper > lower else 0.0


def _counts(values: FloatArray, n_bins: int) -> tuple[NDArray[np.int64], FloatArray]:
    """Number of values in each bin, and the edges of the bins."""
    if values.size == 0:
        return np.empty(0, dtype=np.int64), np.empty(1)
    if values.min() == values.max():
        return np.array([values.size]), np.array([values[0], values[0]])
    return np.histogram(values, n_bins)
