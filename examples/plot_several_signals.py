"""
Two signals, and what each is worth
===================================

ATAC shows which places of the genome are open, H3K27ac which of them are active. Is a second signal worth its
experiment? Models are scored on cell types that they have not seen, with one signal and with both. Then importance
says which signal they use, and at which distances.
"""

# %%
# A law with known shares
# -----------------------
#
# In the simulation, 70 % of the effect of local openness comes from ATAC and 30 % from H3K27ac. A third signal,
# ``input``, has no effect: a model that finds it useful is wrong. Each signal has peaks of its own.

import warnings
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline

from skepi.binning import TSSBinner, symmetric_edges
from skepi.compose import GeneZTarget
from skepi.datasets import make_paired_openness
from skepi.exceptions import DistantCellTypeWarning
from skepi.gaussian_process import CisTransRegressor
from skepi.inspection import importance_profile
from skepi.linear_model import LassoBaseline
from skepi.metrics import summarize
from skepi.model_selection import CellTypeKFold, cross_val_pairs
from skepi.preprocessing import LogZScaler

warnings.simplefilter("ignore", DistantCellTypeWarning)  # the last simulated cell type lies far from all

bands = symmetric_edges([0, 1_000, 5_000, 20_000, 100_000, 200_000])
shares = {"ATAC": 0.7, "H3K27ac": 0.3, "input": 0.0}
data, truth = make_paired_openness(
    n_genes=400, n_cell_types=24, signals=shares, cis_share=0.4, program_share=0.4, cis_bands=bands
)
X, y = data.pairs(return_X_y=True)
print(data)

# %%
# Skill with one signal and with more
# -----------------------------------
#
# ``signals=[...]`` chooses what the binner reads; everything behind it stays the same. A Lasso knows local openness
# alone. ``CisTransRegressor`` also compares cell types over the whole genome, and learns how much each signal counts in
# that.


def lasso(signals):
    bins = TSSBinner(edges=bands, signals=signals)
    return make_pipeline(bins, LogZScaler(), GeneZTarget(LassoBaseline(1e-3)))


def cis_trans(signals):
    return make_pipeline(TSSBinner(edges=bands, signals=signals), CisTransRegressor())


choices = {"ATAC": ["ATAC"], "H3K27ac": ["H3K27ac"], "ATAC + H3K27ac": ["ATAC", "H3K27ac"], "all three": list(shares)}
cv = CellTypeKFold(4)
skills = pd.DataFrame(
    {
        name: {
            label: summarize(cross_val_pairs(make(signals), X, y, cv))["skill"] for label, signals in choices.items()
        }
        for name, make in {"Lasso": lasso, "CisTrans": cis_trans}.items()
    }
)
print("\nskill on held-out cell types")
print(skills.round(3).to_string())

# %%
# The noise adds nothing, and it does no harm either. In the comparison of cell types it gets hardly any weight. The
# weights of ATAC and H3K27ac are not their worth: both follow the same programs here, so one can take the place of the
# other.

weights = cis_trans(list(shares)).fit(X, y)[-1].signal_weights_
print("\nweight of each signal in cell state")
print(weights.round(2).to_string())

# %%
# Which signal, at which distance
# -------------------------------
#
# Weights of the Lasso by band, with what the same model finds on permuted cell types: grey limits, which hold for all
# bands of all signals at once. Bands beyond them are drawn in full colour.

profile = importance_profile(lasso(list(shares)), X, y, cv, method="coefficients", bands="bins", n_permutations=19)
beyond = profile.table.groupby("signal", sort=False)["beyond"].agg(["sum", "size"])
print("\nbands beyond the null band")
print(beyond.rename(columns={"sum": "beyond", "size": "of"}).to_string())

colours = {"ATAC": "#0072B2", "H3K27ac": "#D55E00", "input": "#7F7F7F"}
fig, axes = plt.subplots(1, 4, figsize=(15, 4.4), layout="constrained", width_ratios=[1.5, 1, 1, 1])
skills.T.plot.bar(ax=axes[0], rot=0, width=0.8, color=["#0072B2", "#D55E00", "#009E73", "#B0B0B0"])
axes[0].set(ylabel="skill on held-out cell types", ylim=(0, 1.3 * skills.max().max()))
axes[0].legend(ncols=2, frameon=False)
labels = [f"{a / 1000:g} to {b / 1000:g}" for a, b in pairwise(bands)]
for ax in axes[2:]:
    ax.sharey(axes[1])
for ax, (signal, table) in zip(axes[1:], profile.table.groupby("signal", sort=False), strict=True):
    place = np.arange(len(table))
    ax.bar(place, table["null_high"] - table["null_low"], bottom=table["null_low"], width=1, color="#E5E5E5")
    bars = ax.bar(place, table["importance"], width=0.6, color=colours[signal])
    for bar, found in zip(bars, table["beyond"], strict=True):
        bar.set_alpha(1.0 if found else 0.35)
    ax.set_xticks(place, labels, rotation=90)
    ax.set(title=signal, xlabel="offset from the TSS (kb)")
axes[1].set_ylabel("weight per SD")
for ax in axes:
    ax.spines[["top", "right"]].set_visible(False)

folder = Path("figures")
folder.mkdir(exist_ok=True)
fig.savefig(folder / "several_signals.png", dpi=120)
print(f"\nfigure: {folder}/several_signals.png")
