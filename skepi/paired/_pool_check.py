"""Are data sets of a pool tied by populations that they share, and do they agree on these?"""

import warnings

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from skepi._ties import groups_said, tied_groups
from skepi.exceptions import PopulationMismatchWarning, UntiedBatchWarning
from skepi.paired._pool_cell_types import DATA_SET, POPULATION


def warn_of_untied(cell_types: pd.DataFrame) -> None:
    """Warn where populations tie some data sets, and others are tied to none of these."""
    groups = tied_groups(cell_types[DATA_SET], cell_types[POPULATION])
    if len(groups) > 1 and max(map(len, groups)) > 1:
        warnings.warn(
            f"no shared population ties {groups_said(groups)}: a shift between these groups of data sets cannot be "
            "told from real differences between their cell types, and BatchCorrection leaves it in. Add what they "
            "have in common to shared=, or compare cell types within a group alone",
            UntiedBatchWarning,
            stacklevel=3,
        )


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
