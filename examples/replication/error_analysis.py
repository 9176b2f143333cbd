"""What the report asked of its errors: who makes them, how they spread, and which bins matter."""

from typing import Any

import numpy as np
import pandas as pd
from experiments import Split, honest, network
from sizes import Size
from sklearn.pipeline import Pipeline

from skepi.binning import TSSBinner, symmetric_edges
from skepi.compose import GeneZTarget
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
from skepi.preprocessing import LogZScaler

#: Bands on which the influence of cell types is measured by least squares, in bp: many refits, so few features.
INFLUENCE_BANDS = symmetric_edges([0, 1_000, 2_000, 5_000, 10_000, 20_000])


def held_out_pairs(data: Any, size: Size) -> pd.DataFrame:
    """Every pair predicted once by Lasso, with scales, targets and lambda from the training pairs of its fold."""
    X, y = data.pairs(return_X_y=True)
    return cross_val_pairs(honest(size, PairKFold(3)), X, y, PairKFold(5))


def who_errs(data: Any, held_out: pd.DataFrame) -> pd.DataFrame:
    """Outlier score, share of error and influence of each cell type."""
    X, y = data.pairs(return_X_y=True)
    table = cell_type_outliers(data)[["score", "flagged"]]
    table = table.join(cell_type_outliers(data, on="openness")["score"].rename("openness_score"))
    table = table.join(error_by(held_out, "cell_type")[["error_ratio", "skill"]])
    steps = [
        ("bins", TSSBinner(edges=INFLUENCE_BANDS)),
        ("scale", LogZScaler()),
        ("model", GeneZTarget(LassoBaseline(0))),
    ]
    return table.join(cell_type_influence(Pipeline(steps), X, y, CellTypeKFold(3))["prediction_change"])


def spread_of_errors(held_out: pd.DataFrame) -> pd.Series:
    """How much of the squared error the worst pairs carry, and the slope of truth on prediction and back."""
    curve, in_sds = error_concentration(held_out), error_concentration(in_gene_sds(held_out))
    worst = in_sds.head(100)["cell_type"].value_counts()
    slopes = calibration(held_out)
    of_truth = error_by(held_out, "expression")["mse"]
    of_gene = error_by(held_out, pd.qcut(held_out["train_mean"], 10, labels=False).to_numpy())["mse"].sort_index()
    return pd.Series(
        {
            "worst_30": at_share(curve, 0.3, "share_of_error"),
            "worst_30_in_sds": at_share(in_sds, 0.3, "share_of_error"),
            "worst_30_normal": at_share(curve, 0.3, "normal_share_of_error"),
            "worst_cell_type": worst.index[0],
            "of_worst_100": int(worst.iloc[0]),
            **{f"{name}_{column}": slopes.loc[name, column] for name in slopes.index for column in slopes},
            "skill": bootstrap_scores(held_out).loc["skill", "estimate"],
            **{f"truth_{place}": of_truth.iloc[k] for place, k in TENTHS.items()},
            **{f"gene_{place}": of_gene.iloc[k] for place, k in TENTHS.items()},
        }
    )


#: Lowest, middle and highest of ten groups.
TENTHS = {"lowest": 0, "middle": 4, "highest": -1}


def in_gene_sds(held_out: pd.DataFrame) -> pd.DataFrame:
    """The same in units of the SD of each gene, as z-scores have them; genes that do not vary are left out."""
    sd = held_out.groupby("gene")["y_true"].transform(lambda values: values.std(ddof=0))
    kept = held_out[sd > 0].copy()
    for column in ("y_true", "y_pred", "train_mean"):
        kept[column] /= sd[sd > 0]
    return kept


def at_share(curve: pd.DataFrame, share: float, column: str) -> float:
    """Value of a concentration curve where it has taken this share of the pairs."""
    return float(np.interp(share, curve["share_of_pairs"], curve[column]))


def importance(split: Split, size: Size, lam: float, best_epoch: int) -> dict[str, ImportanceProfile]:
    """Importance of distance bands on held-out genes, with null bands, for Lasso and the report's network.

    The network makes as many steps as to its best epoch; half of the genes fill fewer batches than the report's rows.
    """
    cv = GeneKFold(2)
    n_half = min(train.size for train, _ in cv.split(split.Z, split.z))
    steps = best_epoch * n_batches(len(split.train[1]), size)
    epochs = max(1, round(steps / n_batches(n_half, size)))
    models = {
        "Lasso": (LassoBaseline(lam, tol=1e-6), "coefficients"),
        "network at its best epoch": (network(size, early_stopping=False, max_epochs=epochs), "gradient"),
    }
    settings = {"n_permutations": size.permutations}
    return {
        name: importance_profile(model, split.Z, split.z, cv, method=method, **settings)
        for name, (model, method) in models.items()
    }


def n_batches(n_rows: int, size: Size) -> int:
    """Batches of an epoch."""
    return -(-n_rows // size.batch_size)


def promoter_signal(split: Split, size: Size, epochs: dict[str, int]) -> pd.Series:
    """Mean gradient of the two bins at the TSS, in SDs over the single bins beyond 100 kb, after so many epochs."""
    start, end = (split.Z.columns[name].to_numpy() for name in ("start_bp", "end_bp"))
    far = np.minimum(np.abs(start), np.abs(end)) >= min(100_000, size.flank_bp // 2)
    near = (start >= -1_000) & (end <= 1_000)
    rows = split.test[0][: min(2_000, len(split.test[0]))]
    found = {}
    for name, n in epochs.items():
        model = network(size, early_stopping=False, max_epochs=n).fit(*split.train)
        gradient = attributions(model, rows, method="gradient").mean(axis=0)
        found[name] = float(gradient[near].mean() / gradient[far].std())
    return pd.Series(found)
