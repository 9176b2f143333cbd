"""
Blood: does a network learn what a linear model cannot?
=======================================================

The report's networks "did not generalise". Its own split is repeated here on the blood data: random 90/5/5 split of the
pairs, z-scores over all populations (a leak that both models share), genes of two chromosomes. The network gets real
dropout, an L1 penalty and the best epoch on the development set; the L1 linear model gets the best lambda there.

The answer is sober: with 14 populations the two are level, a hair apart on development and on test sets, in turn. The
network no longer fails, but what it adds to an exact Lasso is not to be seen at this size.

Takes about three minutes on two cores.
"""

# %%
# Data
# ----
#
# Genes of chromosomes 1 and 19, the report's z-scores, its split.

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from skepi.binning import TSSBinner
from skepi.compose import z_score_per_gene
from skepi.datasets import fetch_hematopoiesis
from skepi.linear_model import LassoBaseline
from skepi.metrics import report_r2
from skepi.model_selection import train_dev_test_split
from skepi.neural_network import ExpressionMLP
from skepi.preprocessing import LogZScaler

blood = fetch_hematopoiesis(n_jobs=2).dataset
data = blood.subset(genes=blood.genes.loc[blood.genes["chrom"].isin(["chr1", "chr19"]), "name"])
X, y = data.pairs(return_X_y=True)
z = z_score_per_gene(X, y)
Z = LogZScaler(scale_floor=0, statistics="all").fit_transform(TSSBinner().fit_transform(X))
print(Z)

# %%
# Three splits, two models
# ------------------------
#
# Three splits, because a development set of 1,500 pairs is small. The network's settings were chosen on the splits of
# seeds 0 to 2, so the figures come from others; that it stops on the development set was decided after a first look at
# these. Development figures flatter both models, which chose on them.

lams = np.array([0.05, 0.02, 0.01, 0.005, 0.002])
rows, histories = [], []
for seed in (3, 4, 5):
    Z_train, Z_dev, Z_test, z_train, z_dev, z_test = train_dev_test_split(Z, z, random_state=seed)
    path = LassoBaseline(tol=1e-6).path(Z_train, z_train, lams)
    on_dev, on_test = (
        [report_r2(truth, part.tocsr() @ coef + b) for coef, b in zip(path["coef"], path["intercept"], strict=True)]
        for part, truth in ((Z_dev, z_dev), (Z_test, z_test))
    )
    best = int(np.argmax(on_dev))
    rows.append({"split": seed, "model": "Lasso", "dev R2": on_dev[best], "test R2": on_test[best]})

    network = ExpressionMLP(
        (1000, 500, 250),
        dropout=0.2,
        l1=7e-4,
        lr=5e-4,
        batch_size=2_000,
        random_state=seed,
    ).fit(Z_train, z_train, X_val=Z_dev, y_val=z_dev)
    rows.append(
        {
            "split": seed,
            "model": "network",
            "dev R2": report_r2(z_dev, network.predict(Z_dev)),
            "test R2": report_r2(z_test, network.predict(Z_test)),
        }
    )
    histories.append(network.history_)
table = pd.DataFrame(rows).pivot(index="split", columns="model", values=["dev R2", "test R2"])
table.loc["mean"] = table.mean()
print(table.round(4).to_string())

# %%
# Figures
# -------
#
# Training goes on while the development set gets worse: the best epoch, not the last, is what the report missed.

fig, axes = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
for history, seed, colour in zip(histories, (3, 4, 5), ["#0072B2", "#D55E00", "#009E73"], strict=True):
    axes[0].plot(history["epoch"], history["dev_mse"], color=colour, label=f"split {seed}")
    axes[0].plot(history["epoch"], history["train_mse"], color=colour, linestyle=":")
axes[0].set(
    xlabel="epoch",
    ylabel="MSE (1 is the gene mean)",
    title="Network training (solid: development, dotted: training)",
    ylim=(0.6, 1.2),
)
axes[0].legend(frameon=False, loc="upper right")
place = np.arange(3)
for k, (model, colour) in enumerate({"Lasso": "#56B4E9", "network": "#E69F00"}.items()):
    axes[1].bar(place - 0.2 + 0.4 * k, table["test R2"][model].iloc[:3], width=0.38, color=colour, label=model)
axes[1].set_xticks(place, [f"split {seed}" for seed in (3, 4, 5)])
axes[1].set(ylabel="R2 on test pairs", title="The report's split, chromosomes 1 and 19")
axes[1].legend(loc="upper left", frameon=False)
axes[1].set_ylim(0, 0.22)

figure = Path("figures") / "blood_network.png"
figure.parent.mkdir(exist_ok=True)
fig.savefig(figure, dpi=120)
print(f"figure: {figure}")
