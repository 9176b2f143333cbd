"""
Which bins matter, and which are noise
======================================

The report backpropagated the gradient of its network to the 2,000 bins and saw "pure noise". Two things were missing:
an epoch before the network had learned its training pairs by heart, and something to compare noise with. Here
importance along the distance to the TSS has a **null band**: the same model refitted on expression whose cell types
were permuted, for all genes alike. What leaves that band is signal, and what stays inside is called noise.
"""

# %%
# A planted decay
# ---------------
#
# The simulated law gives peaks weights that fall off with distance, as the report's own saved weights do, and are zero
# beyond 200 kb.

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import spearmanr
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline

from skepi.binning import TSSBinner, symmetric_edges
from skepi.compose import GeneZTarget
from skepi.datasets import make_paired_openness
from skepi.inspection import importance_profile, peak_gene_links, peak_scores
from skepi.io import write_bedgraph, write_bedpe
from skepi.linear_model import LassoBaseline
from skepi.model_selection import CellTypeKFold, permute_cell_types
from skepi.neural_network import ExpressionMLP
from skepi.plotting import ImportanceDisplay, LocusDisplay
from skepi.preprocessing import LogZScaler

data, truth = make_paired_openness(n_genes=500, n_cell_types=24, program_share=0.3)
X, y = data.pairs(return_X_y=True)
print(truth.weights[["from_bp", "to_bp", "weight"]].to_string(index=False))

bands = symmetric_edges([0, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000])


def pipeline(regressor):
    steps = [("bins", TSSBinner(edges=bands)), ("scale", LogZScaler()), ("model", GeneZTarget(regressor))]
    return Pipeline(steps)


# %%
# Three models, three ways to ask
# -------------------------------
#
# Weights of a Lasso; gradients of a network that stops early; and, for a model that has neither, the skill that is lost
# when one band is taken from another cell type. All on cell types that were not trained on, each with its own null.

models = {
    "Lasso, weights": (LassoBaseline(1e-4), "coefficients"),
    "network, gradients": (ExpressionMLP((32, 32), lr=3e-3, batch_size=500, max_epochs=15, random_state=0), "gradient"),
    "boosted trees, permutation": (
        HistGradientBoostingRegressor(max_iter=20, max_leaf_nodes=8, random_state=0),
        "permutation",
    ),
}
profiles = {}
planted = np.concatenate([truth.weights["weight"], [0.0, 0.0]])  # and 0 beyond
for name, (regressor, method) in models.items():
    settings = {"method": method, "n_permutations": 19, "n_repeats": 1}
    profile = importance_profile(pipeline(regressor), X, y, CellTypeKFold(2), **settings)
    profiles[name] = profile
    upstream, downstream = np.split(profile.table["importance"].to_numpy(), 2)
    rho = spearmanr((upstream[::-1] + downstream) / 2, planted).statistic
    up, down = profile.reach_bp()
    print(
        f"{name}: rank correlation with the law {rho:.2f}; beyond the null to {up:,} bp up and {down:,} bp downstream"
    )

fig, axes = plt.subplots(3, 1, figsize=(10, 11), layout="constrained")
for ax, (name, profile) in zip(axes, profiles.items(), strict=True):
    ImportanceDisplay.from_profile(profile, ax=ax)
    ax.set_title(name, loc="right")
folder = Path("figures")
folder.mkdir(exist_ok=True)
fig.savefig(folder / "importance.png", dpi=120)

# %%
# A control that must fail
# ------------------------
#
# On expression with permuted cell types there is nothing to find, and nothing is found.

nothing = importance_profile(
    pipeline(LassoBaseline(1e-4)), X, permute_cell_types(X, y, 1), CellTypeKFold(2), method="coefficients"
)
print(f"\npermuted targets: {int(nothing.table['beyond'].sum())} of {len(nothing.table)} bands beyond the null band")

# %%
# From bins to peaks
# ------------------
#
# What a bin contributes is shared among its peaks. The strongest links of each gene go to a genome browser as BEDPE,
# and the sum over genes of each peak as a track. A link says that the model uses a peak, not that the peak acts.

test = X[np.isin(X.cell_type_codes, [3, 11, 19])]
train = np.isin(X.cell_type_codes, [3, 11, 19], invert=True)
lasso = pipeline(LassoBaseline(1e-3)).fit(X[train], y[train])
links = peak_gene_links(lasso, test, n_per_gene=5)
write_bedpe(links, folder / "links.bedpe")
write_bedgraph(peak_scores(links), folder / "peaks.bedgraph", name="contribution to expression")
print("\nstrongest links")
print(links.nlargest(5, "score").round(3).to_string(index=False))

# %%
# One gene with its neighbourhood: openness in the cell types that were held out, and what the model makes of it.

gene = links.groupby("gene")["score"].sum().idxmax()
names = data.cell_types["name"].to_numpy()[[3, 11, 19]]
display = LocusDisplay.from_dataset(data, gene, list(names), lasso, flank=50_000)
display.figure_.savefig(folder / "locus.png", dpi=120)
print(f"\nfigures: {folder}/importance.png, {folder}/locus.png")
