"""What the report asked of its errors: who makes them, how they spread, and which bins matter."""

from typing import Any

import numpy as np
import pandas as pd
from experiments import Split, network, pipeline
from sizes import Size

from skepi.binning import symmetric_edges
from skepi.inspection import (
    ImportanceProfile,
    attributions,
    bootstrap_scores,
    calibration,
    cell_type_influence,
    cell_type_outliers,
    error_by,
    error_concentration,
    importance_profile,
)
from skepi.linear_model import LassoBaseline
from skepi.model_selection import CellTypeKFold, GeneKFold, PairKFold, cross_val_pairs

#: Bands that the influence of cell types is measured on, in bp.
INFLUENCE_BANDS = symmetric_edges([0, 1_000, 2_000, 5_000, 10_000, 20_000])


def held_out_pairs(data: Any, size: Size, lam: float) -> pd.DataFrame:
    """Every pair predicted once by Lasso, with all statistics from the training pairs of its fold."""
    X, y = data.pairs(return_X_y=True)
    return cross_val_pairs(pipeline(LassoBaseline(lam, tol=1e-6), size), X, y, PairKFold(5))


def who_errs(data: Any, held_out: pd.DataFrame, size: Size, lam: float) -> pd.DataFrame:
    """Outlier score, share of error and influence of each cell type."""
    X, y = data.pairs(return_X_y=True)
    table = cell_type_outliers(data)[["score", "flagged"]]
    table = table.join(cell_type_outliers(data, on="openness")["score"].rename("openness_score"))
    table = table.join(error_by(held_out, "cell_type")[["error_ratio", "skill"]])
    model = pipeline(LassoBaseline(lam, tol=1e-6), size, edges=INFLUENCE_BANDS)
    return table.join(cell_type_influence(model, X, y, CellTypeKFold(3))["prediction_change"])


def spread_of_errors(held_out: pd.DataFrame) -> pd.Series:
    """How much of the squared error the worst pairs carry, and the slope of truth on prediction and back."""
    curve = error_concentration(held_out)
    worst = curve.head(100)["cell_type"].value_counts()
    slopes = calibration(held_out)
    levels = error_by(held_out, "expression")
    return pd.Series(
        {
            "share_of_worst_30": at_share(curve, 0.3, "share_of_error"),
            "normal_share_of_worst_30": at_share(curve, 0.3, "normal_share_of_error"),
            "worst_cell_type": worst.index[0],
            "of_worst_100": int(worst.iloc[0]),
            **{f"{name}_{column}": slopes.loc[name, column] for name in slopes.index for column in slopes},
            "skill": bootstrap_scores(held_out).loc["skill", "estimate"],
            "mse_top_decile": levels["mse"].iloc[-1],
            "mse_middle": levels["mse"].iloc[len(levels) // 2],
        }
    )


def at_share(curve: pd.DataFrame, share: float, column: str) -> float:
    """Value of a concentration curve where it has taken this share of the pairs."""
    return float(np.interp(share, curve["share_of_pairs"], curve[column]))


def importance(split: Split, size: Size, lam: float, best_epoch: int) -> dict[str, ImportanceProfile]:
    """Importance of distance bands on held-out genes, with null bands, for Lasso and the report's network."""
    models = {
        "Lasso": (LassoBaseline(lam, tol=1e-6), "coefficients"),
        "network at its best epoch": (network(size, early_stopping=False, max_epochs=best_epoch), "gradient"),
    }
    return {
        name: importance_profile(model, split.Z, split.z, GeneKFold(2), method=method, n_permutations=size.permutations)
        for name, (model, method) in models.items()
    }


def promoter_signal(split: Split, size: Size, epochs: dict[str, int]) -> pd.Series:
    """Mean gradient of the two bins at the TSS, in SDs over the single bins beyond 100 kb, after so many epochs."""
    edges = split.Z.edges
    far = np.minimum(np.abs(edges[:-1]), np.abs(edges[1:])) >= min(100_000, size.flank_bp // 2)
    near = (edges[:-1] >= -1_000) & (edges[1:] <= 1_000)
    rows = split.test[0][: min(2_000, len(split.test[0]))]
    found = {}
    for name, n in epochs.items():
        model = network(size, early_stopping=False, max_epochs=n).fit(*split.train)
        gradient = attributions(model, rows, method="gradient").mean(axis=0)
        found[name] = float(gradient[near].mean() / gradient[far].std())
    return pd.Series(found)
