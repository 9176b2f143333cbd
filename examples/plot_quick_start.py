"""
Quick start: openness in, expression out
========================================

Simulated openness of 24 cell types, expression of 500 genes, and four models side by side:

* the **training mean** of the gene, which every model must beat;
* the **promoter sum**: openness within 1 kb of the TSS, one weight;
* **Lasso** on distance bands, at the lambda that an inner search finds best;
* a small **network** on the same bands.

Each is measured twice: on random pairs, where every gene and every cell type was seen in training (the split of the
report that skepi starts from), and on cell types that were never seen. The simulated law contains an interaction of
promoter and distal openness that saturates, which no linear model can follow.
"""

# %%
# Data
# ----
#
# A table of peaks with their openness, and genes with their expression. ``X`` holds pairs of a gene and a cell
# type; ``y`` is the log expression of each pair.

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.cross_decomposition import PLSRegression
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline

from skepi.binning import TSSBinner, symmetric_edges
from skepi.compose import GeneZTarget
from skepi.datasets import make_paired_openness
from skepi.inspection import bin_importance
from skepi.linear_model import LassoBaseline
from skepi.metrics import summarize
from skepi.model_selection import CellTypeKFold, PairKFold, cross_val_pairs
from skepi.neural_network import ExpressionMLP
from skepi.plotting import ImportanceDisplay, TrainingCurveDisplay
from skepi.preprocessing import LogZScaler, Materialize

data, truth = make_paired_openness(
    n_genes=500, n_cell_types=24, cis_share=0.35, program_share=0.15, interaction_share=0.2
)
X, y = data.pairs(return_X_y=True)
print(data)
print(X)

# %%
# Four models
# -----------
#
# Models are scikit-learn pipelines: bins around the TSS, log and z-score, and a regressor whose target is standardised
# gene by gene.

bands = symmetric_edges([0, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000])


def pipeline(regressor, edges=bands):
    steps = [("bins", TSSBinner(edges=edges)), ("scale", LogZScaler()), ("model", GeneZTarget(regressor))]
    return Pipeline(steps)


def models(inner_cv):
    lams = {"model__regressor__lam": np.logspace(-2, -5, 7)}
    network = ExpressionMLP((64, 64), dropout=0.2, lr=3e-3, batch_size=500, random_state=0)
    return {
        "training mean": pipeline(DummyRegressor()),
        "promoter sum": pipeline(LinearRegression(), edges=[-1_000, 1_000]),
        "Lasso, best lambda": GridSearchCV(pipeline(LassoBaseline()), lams, cv=inner_cv),
        "network": pipeline(network),
    }


# %%
# Skill on pairs that were not seen
# ---------------------------------
#
# Every model predicts each pair once, from a fit that has not seen it. ``skill`` is the share of squared error saved
# over the training mean of the gene; ``rmse`` is in units of log expression; ``r`` is the median over genes of the
# correlation across cell types.

splits = {"random pairs": PairKFold(5), "held-out cell types": CellTypeKFold(5)}
rows, held_out = [], {}
for split, cv in splits.items():
    for name, model in models(type(cv)(3)).items():
        held_out[name, split] = cross_val_pairs(model, X, y, cv)
        scores = summarize(held_out[name, split])
        rows.append({"model": name, "split": split, **scores[["skill", "rmse", "r_median"]]})
table = pd.DataFrame(rows).pivot(index="model", columns="split").swaplevel(axis=1)
table = table.loc[list(models(None)), [(split, score) for split in splits for score in ("skill", "rmse", "r_median")]]
print("\nskill: share of squared error saved; rmse: log expression; r_median: over genes\n")
print(table.round(3).to_string(na_rep="-"))

# %%
# Other regressors
# ----------------
#
# Any scikit-learn regressor can be the model: it gets a dense array when it asks for one, or a sparse one through
# ``Materialize``, which belongs inside ``GeneZTarget`` because its result no longer knows the genes.

stock = {
    "Ridge": make_pipeline(Materialize("csr"), Ridge(10)),
    "HistGradientBoosting": HistGradientBoostingRegressor(max_iter=50, random_state=0),
    "PLS, 3 components": PLSRegression(3),
}
print("\nstock regressors, held-out cell types")
for name, regressor in stock.items():
    scores = summarize(cross_val_pairs(pipeline(regressor), X, y, CellTypeKFold(5)))
    print(f"{name:20}  skill {scores['skill']:.3f}   rmse {scores['rmse']:.3f}   r_median {scores['r_median']:.3f}")

# %%
# What was learned
# ----------------
#
# Lasso weights fall off with distance as planted, and the network improves until its best epoch.

search = models(CellTypeKFold(3))["Lasso, best lambda"].fit(X, y)
net = pipeline(models(None)["network"]["model"].regressor).fit(X, y)["model"].regressor_

fig, axes = plt.subplots(1, 3, figsize=(14, 4.2), layout="constrained")
skills = table.xs("skill", axis=1, level=1)
place = np.arange(len(skills))
for k, (split, colour) in enumerate(zip(splits, ["#0072B2", "#E69F00"], strict=True)):
    axes[0].barh(place - 0.2 + 0.4 * k, skills[split], height=0.38, color=colour, label=split)
axes[0].set_yticks(place, skills.index)
axes[0].invert_yaxis()
axes[0].set(xlabel="skill over the training mean of the gene", title="What a model adds")
axes[0].legend(loc="upper right", frameon=False)

weights = bin_importance(search, X, method="coefficients", bands="bins")
ImportanceDisplay(table=weights, unit="weight per unit of scaled openness").plot(ax=axes[1])
TrainingCurveDisplay.from_estimator(net, ax=axes[2])

figure = Path("figures") / "quick_start.png"
figure.parent.mkdir(exist_ok=True)
fig.savefig(figure, dpi=120)
print(f"\nfigure: {figure}")
