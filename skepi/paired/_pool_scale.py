r"""Is expression of the data sets of a pool on one scale: counts or logarithms, and logarithms of one base?

A data set with values above 30 holds no logarithms of counts. Two data sets of logarithms are compared over genes, in
the populations that both have. With :math:`x, y` their expression there, less the mean over genes of each population,
and :math:`y = s x` but for independent errors of both, the scale s lies in

.. math:: \frac{\sum x y}{\sum x^2} \le s \le \frac{\sum y^2}{\sum x y}

(least squares of y on x, and of x on y; Frisch). Scales are said to differ only where this whole range lies above 1.2
or below 1/1.2, so that neither noise nor shifts of single genes give a false alarm. log2 has 1.44 times the scale of
ln, and ln 2.30 times that of log10.

**Measured.** In HSC and MPP of 14 blood and 12 erythroid populations, the range is .996 to .998 in ln(1 + CPM), and
1.437 to 1.440 where one data set has log2. With one data set thinned to 1/200 of its reads it is 1.01 to 1.12, and
1.45 to 1.62. None of 230 ordered pairs of libraries of one population gives an alarm, and all do where one has log2.
None of 20 simulated pools with noise of .3 SD gives an alarm, and all do where one has log2. Shifts of .6 SD for each
gene give no alarm either, but they widen the range: log2 in the shifted data set is seen in all 20 pools, and ln in
none (``benchmarks/pool_scales.py``).
"""

import itertools
import warnings
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi.exceptions import ScaleWarning
from skepi.paired._pool_cell_types import DATA_SET, POPULATION

FloatArray = NDArray[np.float64]

_ALIKE = 1.2  # half way from 1 to 1.44, in logarithms
_FEW_GENES = 100
_GREATEST_LOG = 30.0  # 2^30 reads of one gene
_WAYS = {
    np.log2(np.e): "log2 does against ln",
    np.log(10.0): "ln does against log10",
    np.log2(10.0): "log2 does against log10",
}


def warn_of_other_scales(cell_types: pd.DataFrame, expression: FloatArray | None) -> None:
    """Warn, once, where one data set has logarithms and another not, or logarithms of another base."""
    if expression is None:
        return
    of_set = {str(name): np.flatnonzero(cell_types[DATA_SET] == name) for name in pd.unique(cell_types[DATA_SET])}
    line = _mixed(of_set, expression) or _other_base(of_set, cell_types[POPULATION].to_numpy(object), expression)
    if line:
        warnings.warn(
            f"{line}. Bring all data sets to one scale before they are pooled, or pool counts and normalise them "
            "together",
            ScaleWarning,
            stacklevel=3,
        )


def scale_range(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """Least and greatest scale of y on x, (n_genes, n_populations) each; NaN where they are not positively correlated.

    Examples
    --------
    >>> x = np.array([[1.0], [2.0], [3.0]])
    >>> scale_range(x, 2 * x)
    (2.0, 2.0)
    """
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    both = float(np.sum(x * y))
    if not both > 0:
        return np.nan, np.nan
    return both / float(np.sum(x**2)), float(np.sum(y**2)) / both


def _mixed(of_set: Mapping[str, NDArray], expression: FloatArray) -> str | None:
    """Name a data set of logarithms and one that has none."""
    greatest = {name: expression[:, cells].max(initial=0) for name, cells in of_set.items()}
    logs = [name for name, cells in of_set.items() if greatest[name] <= _GREATEST_LOG and _broken(expression[:, cells])]
    linear = [name for name in of_set if greatest[name] > _GREATEST_LOG]
    if not (logs and linear):
        return None
    return (
        f"expression of {linear[0]} goes up to {greatest[linear[0]]:.3g}, and that of {logs[0]} to "
        f"{greatest[logs[0]]:.3g} with fractions: they look like counts and logarithms"
    )


def _other_base(of_set: Mapping[str, NDArray], population: NDArray, expression: FloatArray) -> str | None:
    """Name two data sets of logarithms with other scales in what they share, and how many more there are."""
    lines = []
    for one, two in itertools.combinations(of_set, 2):
        names = np.intersect1d(population[of_set[one]], population[of_set[two]])
        if names.size == 0 or len(expression) < _FEW_GENES:
            continue
        x, y = (_means(expression, of_set[name], population, names) for name in (one, two))
        if max(x.max(), y.max()) > _GREATEST_LOG:  # depths of counts differ, and that is no other scale
            continue
        low, high = scale_range(x, y)
        if low > _ALIKE or high < 1 / _ALIKE:
            wide, narrow, scale = (two, one, (low * high) ** 0.5) if low > 1 else (one, two, (low * high) ** -0.5)
            lines.append(
                f"expression of {wide} spreads {scale:.2f} times as far over genes as that of {narrow} in populations "
                f"that both have{_way(scale)}"
            )
    more = f" (and {len(lines) - 1} more pair(s) of data sets)" if len(lines) > 1 else ""
    return lines[0] + more if lines else None


def _means(expression: FloatArray, cells: NDArray, population: NDArray, names: NDArray) -> FloatArray:
    """Mean expression of each population over the cell types of a data set, (n_genes, n_populations)."""
    return np.stack([expression[:, cells[population[cells] == name]].mean(axis=1) for name in names], axis=1)


def _way(scale: float) -> str:
    """Two bases whose ratio the scale is, if it is one."""
    near = [way for ratio, way in _WAYS.items() if abs(np.log(scale / ratio)) < np.log(_ALIKE) / 2]
    return f", as {near[0]}" if near else ""


def _broken(values: FloatArray) -> bool:
    return bool((values != np.floor(values)).any())
