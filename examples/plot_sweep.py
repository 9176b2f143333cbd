"""
A sweep over lambdas, dropout rates and architectures
=====================================================

The experiments of the report (Figures 2 to 6) as one grid search: an L1 linear model over many lambdas, networks
over dropout rates and L1 penalties, and two architectures. Folds hold out whole cell types, and the score is skill over
the training mean of the gene, so 0 is what knowing the gene alone gives.
"""

# %%
# A pipeline and a grid
# ---------------------
#
# The grid swaps its last part. Which peak adds to which bin is worked out once a process, not once a fit.

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from skepi.binning import TSSBinner, symmetric_edges
from skepi.compose import GeneZTarget
from skepi.datasets import make_paired_openness
from skepi.linear_model import LassoBaseline
from skepi.model_selection import CellTypeKFold, ResumableGridSearchCV
from skepi.neural_network import ExpressionMLP
from skepi.plotting import SweepDisplay
from skepi.preprocessing import LogZScaler

data, truth = make_paired_openness(n_genes=300, n_cell_types=20, program_share=0.15, interaction_share=0.2)
X, y = data.pairs(return_X_y=True)

bands = symmetric_edges([0, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000])
pipe = Pipeline([("bins", TSSBinner(edges=bands)), ("scale", LogZScaler()), ("model", GeneZTarget(LassoBaseline()))])
network = ExpressionMLP((64, 64, 64), lr=3e-3, batch_size=500, max_epochs=60, random_state=0)
lams = np.logspace(1, -6, 8)
rates = np.round(np.arange(0.0, 0.81, 0.2), 2)
architectures = [(64, 64, 64), (64, 32, 16)]
grid = [
    {"model__regressor": [LassoBaseline()], "model__regressor__lam": lams},
    {
        "model__regressor": [network],
        "model__regressor__dropout": rates,
        "model__regressor__hidden": architectures,
    },
    {"model__regressor": [network], "model__regressor__l1": lams[3:]},
]

# %%
# 92 fits
# -------
#
# 23 settings in 4 folds, two at a time. Every fit scales features and targets with its own training cell types. The
# outcome of each is kept in a folder: interrupted and run again, the sweep makes the missing fits alone. Code that
# changes under the same version is not noticed, so remove the folder to begin anew.

kept = Path("figures") / "sweep outcomes"
search = ResumableGridSearchCV(
    pipe, grid, folder=kept, progress=True, verbose=1, cv=CellTypeKFold(4), n_jobs=2, error_score="raise"
).fit(X, y)

results = pd.DataFrame(search.cv_results_)
results["model"] = [type(params["model__regressor"]).__name__ for params in results["params"]]
columns = {
    "model": "model",
    "param_model__regressor__lam": "lam",
    "param_model__regressor__hidden": "hidden",
    "param_model__regressor__dropout": "dropout",
    "param_model__regressor__l1": "l1",
    "mean_test_score": "skill",
    "std_test_score": "sd over folds",
    "mean_fit_time": "fit (s)",
}
table = results.rename(columns=columns)[list(columns.values())]
print(table.sort_values("skill", ascending=False).to_string(index=False, na_rep="", float_format="{:.3g}".format))

# %%
# Skill by setting
# ----------------
#
# Lambda, dropout and penalty against skill. Dropout acts here (in the report's code it did not), and early stopping
# keeps the networks without any of them from overfitting.

fig, axes = plt.subplots(1, 3, figsize=(13, 4.2), sharey=True, layout="constrained")
SweepDisplay.from_search(search, "lam", score_name="skill in held-out cell types", ax=axes[0])
SweepDisplay.from_search(search, "dropout", hue="hidden", score_name="skill in held-out cell types", ax=axes[1])
SweepDisplay.from_search(search, "l1", score_name="skill in held-out cell types", ax=axes[2])
for ax, title in zip(axes, ("L1 linear model", "networks with dropout", "network with an L1 penalty"), strict=True):
    ax.set_title(title)

figure = Path("figures") / "sweep.png"
figure.parent.mkdir(exist_ok=True)
fig.savefig(figure, dpi=120)
print(f"figure: {figure}")
