"""What errors of measurement leave for any model to reach."""

from typing import Any

import numpy as np
import pandas as pd

from skepi._held_out import deviations
from skepi._rows import codes_of
from skepi.comparison._controls import FloatArray
from skepi.comparison._plan import SplitPlan
from skepi.paired import PairedDataset


def replicate_variance(replicates: pd.DataFrame, cell_types: Any) -> pd.DataFrame:
    r"""Estimate the variance of the mean of replicates, for each gene and cell type.

    .. math:: v_{gc} = \frac{1}{n_c (n_c - 1)} \sum_{r} (L_{gcr} - \bar L_{gc})^2

    with :math:`n_c` replicates r of cell type c. It is unbiased however few replicates there are, but that of one gene
    has only :math:`n_c - 1` degrees of freedom (its own SD is :math:`v \sqrt{2 / (n_c - 1)}` where errors are normal):
    sum it over many genes, as :func:`compare_models` does, and do not rank genes by it.

    Parameters
    ----------
    replicates : DataFrame, genes x replicates
        On the scale of ``y``: normalised log expression.
    cell_types : sequence of str
        Cell type of each column.

    Returns
    -------
    DataFrame of float64, genes x cell types
        Squared units of ``replicates``; cell types in order of first appearance. NaN for one with a single replicate.

    Raises
    ------
    TypeError
        For anything but a DataFrame.
    ValueError
        For names that do not match the columns, values that are not finite, and no cell type with two replicates.

    Notes
    -----
    Where ``y`` comes from the sum of the replicates' counts, this is close to the variance of its error, not equal to
    it: large libraries weigh more in a sum.

    Examples
    --------
    >>> replicates = pd.DataFrame([[1.0, 3.0, 5.0]], index=["GATA1"])
    >>> replicate_variance(replicates, ["Ery", "Ery", "HSC"]).loc["GATA1"].tolist()  # ((1 - 2)^2 + (3 - 2)^2) / 2
    [1.0, nan]
    """
    if not isinstance(replicates, pd.DataFrame):
        raise TypeError(f"replicates: wanted a DataFrame, genes x replicates, got {type(replicates).__name__}")
    names = pd.Index([str(name) for name in cell_types], name="cell_type")
    if len(names) != replicates.shape[1]:
        raise ValueError(f"cell_types: {len(names)} names for {replicates.shape[1]} columns of replicates")
    values = replicates.to_numpy(dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError(f"replicates: {int((~np.isfinite(values)).sum())} values are not finite")
    if not names.has_duplicates:
        raise ValueError("cell_types: wanted two replicates of at least one cell type")
    groups = pd.DataFrame(values.T, index=names, columns=replicates.index).groupby(level=0, sort=False)
    return (groups.var(ddof=1).div(groups.size(), axis=0)).T.rename_axis(index="gene")


def checked_variance(variance: Any, data: PairedDataset) -> FloatArray | None:
    """Variance of each gene and cell type of the data set in the order of its tables, or None.

    Raises
    ------
    TypeError
        For anything but a DataFrame.
    UnknownNameError
        Where it lacks a gene or cell type.
    ValueError
        For negative values, and names that occur twice.
    """
    if variance is None:
        return None
    if not isinstance(variance, pd.DataFrame):
        raise TypeError(f"replicate_variance: wanted a DataFrame, genes x cell types, got {type(variance).__name__}")
    if variance.index.has_duplicates or variance.columns.has_duplicates:
        raise ValueError("replicate_variance: the same gene or cell type twice")
    rows = codes_of(data.genes["name"], pd.DataFrame({"name": variance.index}), "replicate_variance: gene(s)")
    columns = codes_of(
        data.cell_types["name"], pd.DataFrame({"name": variance.columns}), "replicate_variance: cell type(s)"
    )
    values = variance.to_numpy(dtype=np.float64)[np.ix_(rows, columns)]
    if (values < 0).any() or np.isinf(values).any():
        raise ValueError("replicate_variance: wanted finite values of 0 or greater, or NaN where it is not known")
    return values


def ceiling_table(plans: list[SplitPlan], variance: FloatArray | None) -> pd.DataFrame:
    """Noise ceiling of each split: ``ceiling`` and the number of pairs that it rests on."""
    rows = [(np.nan, 0) if variance is None else _ceiling(plan, variance) for plan in plans]
    index = pd.Index([plan.name for plan in plans], name="split")
    return pd.DataFrame(rows, index=index, columns=["ceiling", "n_pairs"])


def _ceiling(plan: SplitPlan, variance: FloatArray) -> tuple[float, int]:
    """1 - noise / variation, over the scored pairs whose variance is known."""
    of_pair = variance[plan.truth["gene"], plan.truth["cell_type"]]
    known = ~np.isnan(of_pair)
    if not known.any():
        return np.nan, 0
    table, noise = plan.truth[known], of_pair[known]
    moved = deviations(table.assign(y_pred=table["y_true"]))
    if moved.units is not None:  # the mean of n test pairs that is taken off takes 1 / n of their noise with it
        noise = noise * (1 - 1 / np.bincount(moved.units)[moved.units])
    variation = float(np.sum(moved.truth**2))
    return 1 - float(noise.sum()) / variation if variation > 0 else np.nan, int(known.sum())
