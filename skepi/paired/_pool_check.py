"""Do data sets of a pool agree on the populations that they share?"""

import warnings

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from skepi.exceptions import PopulationMismatchWarning
from skepi.paired._pool_cell_types import DATA_SET, POPULATION


def warn_of_mismatched_populations(cell_types: pd.DataFrame, expression: NDArray[np.float64] | None) -> None:
    """Warn where a shared population is more like another one of the other data set, by Spearman correlation."""
    if expression is None or not cell_types[POPULATION].duplicated().any():
        return
    lines = mismatched(cell_types, correlations(expression))
    if lines:
        more = f" (and {len(lines) - 1} more such cell types)" if len(lines) > 1 else ""
        warnings.warn(
            f"{lines[0]}{more}; where they are not the same population, rename one and leave it out of shared=",
            PopulationMismatchWarning,
            stacklevel=3,
        )


def correlations(expression: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spearman correlation over genes, (n_cell_types, n_cell_types); NaN for one whose expression does not vary."""
    ranks = rankdata(expression, axis=0)
    with np.errstate(invalid="ignore"):
        return np.corrcoef(ranks, rowvar=False)


def mismatched(cell_types: pd.DataFrame, correlation: NDArray[np.float64]) -> list[str]:
    """One line per cell type whose twin in another data set is less like it than another cell type there."""
    name, data_set, population = (cell_types[column].to_numpy(object) for column in ("name", DATA_SET, POPULATION))
    lines = []
    for row in range(len(name)):
        for other in pd.unique(data_set[data_set != data_set[row]]):
            there = np.flatnonzero(data_set == other)
            twins = population[there] == population[row]
            values = correlation[row, there]
            if not twins.any() or twins.all() or np.isnan(values).any():
                continue
            own, best = values[twins].max(), there[~twins][values[~twins].argmax()]
            if own < correlation[row, best]:
                lines.append(
                    f"{name[row]} is more like {name[best]} (Spearman correlation {correlation[row, best]:.3f}) than "
                    f"like {name[there[twins][values[twins].argmax()]]} ({own:.3f})"
                )
    return lines
