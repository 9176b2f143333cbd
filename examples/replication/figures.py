"""The report's nine figures, and a locus, drawn from the results of one data set."""

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from skepi.plotting import (
    CellTypePCADisplay,
    DistributionDisplay,
    ErrorConcentrationDisplay,
    GroupedErrorDisplay,
    ImportanceDisplay,
    LambdaPathDisplay,
    LocusDisplay,
    PredictionDisplay,
    TrainingCurveDisplay,
)


def draw_all(results: dict[str, Any], folder: Path) -> list[Path]:
    """Write every figure as a PNG; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, draw in FIGURES.items():
        fig = draw(results)
        paths.append(folder / f"{name}.png")
        fig.savefig(paths[-1], dpi=130)
        plt.close(fig)
    return paths


def distributions(results: dict[str, Any]) -> Any:
    fig, axes = plt.subplots(1, 3, figsize=(15, 4.2), layout="constrained")
    DistributionDisplay.from_dataset(results["data"], kind="openness", ax=axes[0])
    DistributionDisplay.from_dataset(results["data"], kind="expression", ax=axes[1])
    CellTypePCADisplay.from_dataset(results["data"], ax=axes[2])
    return fig


def lambda_path(results: dict[str, Any]) -> Any:
    fig, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
    path = results["path"]
    LambdaPathDisplay.from_scores(
        path["lam"],
        path["train"],
        path["dev"],
        n_weights=path["weights"],
        score_name="R2 of z-scores",
        best="highest",
        ax=ax,
    )
    return fig


def training(results: dict[str, Any]) -> Any:
    fig, axes = plt.subplots(1, 2, figsize=(12, 4.2), layout="constrained")
    zero = float(np.mean(results["split"].dev[1] ** 2))
    for ax, (name, label) in zip(axes, {"plain": "equal layers", "narrowing": "narrowing layers"}.items(), strict=True):
        TrainingCurveDisplay.from_history(
            results["networks"]["histories"][name], standardized=True, baseline=zero, ax=ax
        )
        ax.set_title(f"{label}: {' x '.join(map(str, results['networks']['models'][name].hidden))}")
    return fig


def penalties(results: dict[str, Any]) -> Any:
    """Best dev R2 by penalty and by dropout rate, the plain network beside them."""
    table = results["networks"]["table"]
    plain = table.set_index("network").loc["plain"]
    fig, axes = plt.subplots(1, 3, figsize=(13, 4.2), layout="constrained", sharey=True)
    for ax, (kind, label) in zip(
        axes, {"l1": "L1 penalty", "l2": "L2 penalty", "dropout": "dropout rate"}.items(), strict=True
    ):
        chosen = table[table["kind"] == kind].sort_values("value")
        ax.axhline(plain["dev"], color="0.4", linestyle="--", linewidth=1, label="no penalty, best epoch")
        ax.plot(chosen["value"], chosen["dev"], marker="o", color="#0072B2", label="best epoch")
        ax.plot(chosen["value"], chosen["last_dev"], marker="s", color="#D55E00", linestyle=":", label="last epoch")
        ax.set(xlabel=label, xscale="linear" if kind == "dropout" else "log")
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("R2 on development pairs")
    axes[0].legend(frameon=False, loc="best")
    return fig


def predictions(results: dict[str, Any]) -> Any:
    fig, axes = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")
    for ax, kind in zip(axes, ("true_vs_predicted", "error_vs_expression"), strict=True):
        PredictionDisplay.from_predictions(results["held_out"], kind=kind, ax=ax)
    return fig


def concentration(results: dict[str, Any]) -> Any:
    fig, axes = plt.subplots(1, 3, figsize=(16, 4.8), layout="constrained")
    ErrorConcentrationDisplay.from_predictions(results["held_out"], kind="concentration", ax=axes[0])
    ErrorConcentrationDisplay.from_predictions(results["held_out"], by="cell_type", kind="removal", ax=axes[1])
    first = results["who"]["error_ratio"].idxmax()
    PredictionDisplay.from_predictions(results["held_out"], highlight=first, ax=axes[2])
    return fig


def cell_types(results: dict[str, Any]) -> Any:
    fig, ax = plt.subplots(figsize=(8, 5), layout="constrained")
    GroupedErrorDisplay.from_predictions(results["held_out"], by="cell_type", ax=ax)
    return fig


def importance(results: dict[str, Any]) -> Any:
    fig, axes = plt.subplots(1, 2, figsize=(16, 4.8), layout="constrained")
    for ax, (name, profile) in zip(axes, results["profiles"].items(), strict=True):
        ImportanceDisplay.from_profile(profile, ax=ax)
        ax.set_title(name, loc="right")
    return fig


def locus(results: dict[str, Any]) -> Any:
    """The gene whose held-out pairs are best predicted, in its two extreme and two middle cell types."""
    table = results["held_out"]
    saved = (table["y_true"] - table["train_mean"]) ** 2 - (table["y_true"] - table["y_pred"]) ** 2
    gene = saved.groupby(table["gene"]).sum().idxmax()
    order = table[table["gene"] == gene].sort_values("y_true")["cell_type"].to_numpy()
    chosen = [order[k] for k in (-1, 2 * len(order) // 3, len(order) // 3, 0)]
    display = LocusDisplay.from_dataset(results["data"], gene, chosen, results["final"], flank=50_000)
    return display.figure_


FIGURES = {
    "fig1_distributions": distributions,
    "fig2_lambda": lambda_path,
    "fig3_fig6_training": training,
    "fig4_fig5_penalties": penalties,
    "fig7_predictions": predictions,
    "fig8_concentration": concentration,
    "fig8_cell_types": cell_types,
    "fig9_importance": importance,
    "locus": locus,
}
