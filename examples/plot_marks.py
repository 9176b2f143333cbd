"""
Two marks that work together
============================

Expression follows the product of two simulated signals, each in one bin beside the TSS. A linear model of the bins
cannot follow a product, but networks along the bins can. The one with attention also says where it looks.
"""

# %%
# Two signals, one law
# --------------------
#
# Two signals around 200 genes in 16 cell types. Expression is the product of ATAC just upstream of the TSS and H3K27ac
# just downstream, plus noise with a quarter of the variance of the product.

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline

from skepi.binning import TSSBinner
from skepi.compose import GeneZTarget
from skepi.datasets import make_paired_openness
from skepi.linear_model import LassoBaseline
from skepi.metrics import skill
from skepi.model_selection import CellTypeKFold, cross_val_pairs
from skepi.neural_network import BinAttention, BinCNN
from skepi.plotting import AttentionDisplay
from skepi.preprocessing import LogZScaler

signals = {"ATAC": 0.5, "H3K27ac": 0.5}
edges = np.arange(-4_000, 4_001, 1_000)
upstream, downstream = 3, 4  # bins [-1, 0) and [0, 1) kb

X, _ = make_paired_openness(200, 16, signals=signals, cis_share=0.3)[0].pairs(return_X_y=True)
Z = LogZScaler().fit_transform(TSSBinner(edges=edges).fit_transform(X)).dense()
product = Z[:, upstream] * Z[:, 8 + downstream]
y = product / product.std() + 0.5 * np.random.default_rng(0).normal(size=len(product))


def pipeline(regressor):
    return make_pipeline(TSSBinner(edges=edges), LogZScaler(), GeneZTarget(regressor))


# %%
# Who sees the product?
# ---------------------
#
# Skill on held-out cell types: 0 is as good as the training mean of each gene. The Lasso has the best of four
# penalties.

networks = {
    "convolution (BinCNN)": BinCNN(width=1, pool=1, dropout=0.2, lr=3e-3, max_epochs=30, random_state=0),
    "attention (BinAttention)": BinAttention(max_epochs=30, random_state=0),
}


def held_out_skill(regressor):
    table = cross_val_pairs(pipeline(regressor), X, y, CellTypeKFold(2))
    return skill(table["y_true"], table["y_pred"], table["train_mean"])


found = {"best Lasso": max(held_out_skill(LassoBaseline(lam)) for lam in np.logspace(-1, -4, 4))}
found |= {name: held_out_skill(network) for name, network in networks.items()}
print("skill on held-out cell types")
print(pd.Series(found).round(3).to_string())

# %%
# Where does the network look?
# ----------------------------
#
# Attention is the mean over all pairs; the planted bins are framed.

model = pipeline(networks["attention (BinAttention)"]).fit(X, y)
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.4), width_ratios=[2.2, 1], layout="constrained")
display = AttentionDisplay.from_estimator(model, X, ax=left)
for row, place in enumerate((upstream, downstream)):
    left.add_patch(plt.Rectangle((place, row - 0.5), 1, 1, fill=False, ec="#D55E00", lw=2.5, clip_on=False, zorder=5))
bars = right.barh(list(found), list(found.values()), color=["#7F7F7F", "#0072B2", "#0072B2"])
right.bar_label(bars, fmt="%.2f", padding=3)
right.margins(x=0.15)
right.invert_yaxis()
right.set_xlabel("skill on held-out cell types")
right.spines[["top", "right"]].set_visible(False)
Path("figures").mkdir(exist_ok=True)
figure.savefig("figures/marks.png", dpi=150)

# %%
# Mean attention to the bin of each signal that gets the most, and whether that is the planted one.

planted = {"ATAC": edges[upstream], "H3K27ac": edges[downstream]}
highest = display.bins.loc[display.bins.groupby("signal", sort=False)["attention"].idxmax()]
highest = highest.drop(columns="feature").assign(planted=highest["from_bp"].eq(highest["signal"].map(planted)))
print(highest.round(2).to_string(index=False))
