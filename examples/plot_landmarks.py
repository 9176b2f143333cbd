"""
Landmark genes: what is held out decides
========================================

D-GEX predicts thousands of target genes from about a thousand landmark genes. This example simulates twelve
populations, each measured in six donors, and compares three regressors twice: in random folds, and with whole
populations held out.
"""

# %%
# Populations, donors, genes
# --------------------------
#
# A few programs of genes make a population. The level of a gene also depends on the product of two programs, which no
# linear model can follow, and on noise.

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GroupKFold, KFold
from sklearn.neighbors import KNeighborsRegressor

from skepi.landmarks import LandmarkRegressor, cross_val_landmarks, landmark_tables, summarize_landmark_errors

rng = np.random.default_rng(0)
populations = np.repeat([f"population{k:02d}" for k in range(12)], 6)
programs = rng.normal(size=(12, 10))[np.repeat(np.arange(12), 6)] + 0.2 * rng.normal(size=(72, 10))
programs = np.hstack([programs, programs[:, :1] * programs[:, 1:2]])
genes = [f"gene{k:04d}" for k in range(1_000)]
expression = pd.DataFrame(
    5 + rng.normal(size=(1_000, 11)) @ programs.T + rng.normal(size=(1_000, 72)),
    index=genes,
    columns=[f"{population}-{k % 6}" for k, population in enumerate(populations)],
)

# %%
# Fifty of the targets are landmarks themselves
# ---------------------------------------------
#
# Their values are known, so their errors are reported apart.

X, y = landmark_tables(expression, landmarks=genes[:100], targets=genes[50:])
regressors = {"linear": LinearRegression(), "ridge": Ridge(10.0), "3 nearest": KNeighborsRegressor(3)}
splits = {
    "random folds": (KFold(6, shuffle=True, random_state=0), None),
    "populations held out": (GroupKFold(6), populations),
}
errors = {
    (split, name): cross_val_landmarks(LandmarkRegressor(regressor), X, y, cv, groups=groups)
    for split, (cv, groups) in splits.items()
    for name, regressor in regressors.items()
}
summary = pd.concat({key: summarize_landmark_errors(table) for key, table in errors.items()})
print(summary.round(2).to_string())

# %%
# Skill of each target gene
# -------------------------
#
# In random folds the nearest samples are other donors of the same population, and looking them up does well. Once the
# population is new, nothing near is left, and only what genes have in common helps.

fig, axes = plt.subplots(1, 2, figsize=(11, 4), sharey=True, layout="constrained")
for ax, split in zip(axes, splits, strict=True):
    tables = [errors[split, name] for name in regressors]
    ax.boxplot([table.loc[~table["is_landmark"], "skill"] for table in tables], showfliers=False, widths=0.5)
    ax.axhline(0, color="0.4", linestyle=":")
    ax.set(xticks=range(1, 4), xticklabels=regressors, title=split)
    for place, table in enumerate(tables, start=1):
        ax.text(place, -0.95, f"mean error {table.loc[~table['is_landmark'], 'mae'].mean():.2f}", ha="center")
axes[0].set(ylabel="skill over the gene's training mean", ylim=(-1.05, 1))
axes[0].text(0.55, -0.1, "training mean", color="0.4")

figure = Path("figures") / "landmarks.png"
figure.parent.mkdir(exist_ok=True)
fig.savefig(figure, dpi=120)
print(f"figure: {figure}")
