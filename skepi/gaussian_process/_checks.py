"""What settings, rows and targets of kernel models must be."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skepi._cell_state import occurring
from skepi._doors import check_choice
from skepi._rows import check_binned, check_bins_alone, check_log_targets, check_unscaled

FloatArray = NDArray[np.float64]

# ln(1 + 1e6) is 13.8 and log2(1 + 1e6) is 19.9: no log of counts per million is greater.
_GREATEST_LOG = 25.0


def check_settings(own_cis: bool, cis_penalty: float, min_shared_genes: float, reach: str) -> None:
    """Refuse settings out of range."""
    if not isinstance(own_cis, bool | np.bool_):
        raise ValueError(f"own_cis must be True or False, got {own_cis!r}")
    if not 0 < cis_penalty < np.inf:
        raise ValueError(f"cis_penalty must be finite and greater than 0, got {cis_penalty!r}")
    if not 0 <= min_shared_genes <= 1:
        raise ValueError(f"min_shared_genes must be a fraction, got {min_shared_genes!r}")
    check_choice("reach", reach, ("learned", "unlimited"))


def check_openness(X: Any) -> None:
    """Refuse rows that are not openness in bins alone."""
    check_binned(X, "CisTransRegressor", "TSSBinner(edges=symmetric_edges())")
    if len(X) == 0:
        raise ValueError("no pairs: wanted at least one row")
    check_unscaled(X, "CisTransRegressor")
    check_bins_alone(X, "CisTransRegressor")


def checked_expression(X: Any, y: ArrayLike) -> FloatArray:
    """One finite value per pair, on a log scale."""
    y = check_log_targets(X, y)
    if np.abs(y).max() > _GREATEST_LOG:
        raise ValueError(
            f"y reaches {np.abs(y).max():.4g}, which no log of counts per million does: wanted log expression, such as "
            "ExpressionNormalizer gives"
        )
    return y


def expression_table(X: Any, y: FloatArray, cells: NDArray[np.int64]) -> FloatArray:
    """Arrange values as (n_genes, n_cell_types), NaN where there is none; genes that occur, in increasing order."""
    genes, row = occurring(X.gene_codes)
    column = occurring(X.cell_type_codes)[1]
    table = np.full((genes.size, cells.size), np.nan)
    if np.bincount(row * cells.size + column).max() > 1:
        raise ValueError("the same pair occurs more than once; CisTransRegressor has one place for it")
    table[row, column] = y
    if (np.isfinite(table).sum(axis=1) < 2).all():
        raise ValueError("no gene was measured in 2 or more cell types, so nothing can be learned of cell types")
    return table
