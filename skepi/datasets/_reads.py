"""RNA read counts drawn around log expression: replicate libraries of uneven depth."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

# Fitted to 45 libraries of 14 blood populations: SD of the log of library sizes within a population.
_LIBRARY_LOG_SD = 0.42


def make_read_counts(
    expression: Any,
    depth: float = 14e6,
    n_replicates: int = 3,
    *,
    dispersion: float = 0.2,
    random_state: int | None = 0,
) -> tuple[pd.DataFrame, pd.Series]:
    r"""Draw RNA read counts of replicate libraries whose log CPM is the given log expression.

    The count of gene g in library r of cell type c is negative binomial, of mean and variance

    .. math:: \mu_{gcr} = N_{cr} (e^{L_{gc}} - 1) / 10^6, \qquad \mu_{gcr} + \phi \mu_{gcr}^2

    with L the log expression, :math:`\phi` the dispersion, and N the size of the library, log-normal around ``depth``
    with an SD of 0.42. The genes given may be a part of a transcriptome: N counts the reads of all of it, so that
    :math:`\ln(1 + 10^6 k / N)` is L up to sampling, however many genes there are.

    Parameters
    ----------
    expression : DataFrame or array-like, shape (n_genes, n_cell_types)
        Natural log(1 + CPM), 0 or greater; ``X.unstack(y)`` gives it with names.
    depth : float, default=14e6
        Mean reads of a library. The blood libraries have 14 million.
    n_replicates : int, default=3
        Libraries of each cell type.
    dispersion : float, default=0.2
        Variance of a gene's true CPM among replicates in units of its squared mean, as in the blood libraries;
        0 leaves Poisson noise alone.
    random_state : int or None, default=0

    Returns
    -------
    counts : DataFrame of int64, genes x libraries
        Columns are ``(cell_type, replicate)``, replicates numbered from 1.
    library_size : Series of float64
        N of each column.

    Raises
    ------
    ValueError
        For expression that is not a finite table of values 0 or greater, or settings outside their range.

    Notes
    -----
    With the defaults, halves of the replicates of the default simulation agree across cell types as those of the blood
    populations do (correlations of .70 against .71, mean over genes).

    Examples
    --------
    >>> expression = pd.DataFrame({"HSC": [0.0, 3.0], "Ery": [5.0, 1.0]}, index=["HBB", "CD34"])
    >>> counts, library_size = make_read_counts(expression, n_replicates=2)
    >>> counts.columns.tolist()
    [('HSC', 1), ('HSC', 2), ('Ery', 1), ('Ery', 2)]
    >>> counts.loc["HBB", "HSC"].tolist()
    [0, 0]

    Counts of a cell type, summed over its replicates:

    >>> counts.T.groupby(level="cell_type", sort=False).sum().T.shape
    (2, 2)
    """
    table = _checked_expression(expression)
    _check_settings(depth, n_replicates, dispersion)
    rng = np.random.default_rng(random_state)
    columns = pd.MultiIndex.from_product([table.columns, range(1, n_replicates + 1)], names=["cell_type", "replicate"])
    uneven = np.exp(_LIBRARY_LOG_SD * rng.normal(size=len(columns)) - _LIBRARY_LOG_SD**2 / 2)
    share = np.expm1(np.repeat(table.to_numpy(dtype=np.float64), n_replicates, axis=1)) / 1e6
    mean = share * (depth * uneven)
    if dispersion > 0:
        mean = rng.gamma(1 / dispersion, dispersion * mean)
    counts = pd.DataFrame(rng.poisson(mean), index=table.index, columns=columns)
    return counts, pd.Series(depth * uneven, index=columns, name="library_size")


def _checked_expression(expression: Any) -> pd.DataFrame:
    table = pd.DataFrame(expression)
    if not isinstance(expression, pd.DataFrame):
        table.index = pd.Index([f"gene{i:05d}" for i in range(len(table))])
        table.columns = pd.Index([f"cell{c:03d}" for c in range(table.shape[1])])
    values: NDArray[np.float64] = table.to_numpy(dtype=np.float64)
    if table.empty or not (np.isfinite(values) & (values >= 0)).all():
        raise ValueError("expression must be a table of finite values, natural log(1 + CPM), 0 or greater")
    return table


def _check_settings(depth: float, n_replicates: int, dispersion: float) -> None:
    if not 0 < depth < np.inf:
        raise ValueError(f"depth must be a positive number of reads, got {depth}")
    if n_replicates < 1:
        raise ValueError(f"n_replicates must be 1 or more, got {n_replicates}")
    if not 0 <= dispersion < np.inf:
        raise ValueError(f"dispersion must be 0 or greater, got {dispersion}")
