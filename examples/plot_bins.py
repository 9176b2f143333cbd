"""
What a model sees of a gene
===========================

Peaks lie anywhere around a gene. A model needs the same columns for all genes, so openness is summed in bands around
the start site and put on one scale. This example follows one gene through both steps, on simulated data.
"""

# %%
# From peaks to bands
# -------------------
#
# Bands widen away from the start site. Offsets follow the direction of transcription, so that upstream is negative on
# both strands.

from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from skepi.binning import TSSBinner, symmetric_edges
from skepi.datasets import make_paired_openness
from skepi.preprocessing import LogZScaler

data, law = make_paired_openness(n_genes=150, n_cell_types=12)
X = data.pairs()
edges = symmetric_edges([0, 500, 2_000, 10_000, 50_000])
binned = TSSBinner(edges=edges, depth=None).fit_transform(X)
print(binned)

# %%
# The gene with the most filled bands in the first cell type and the last: its peaks, and what the bands hold.

bands = binned.dense().reshape(150, 12, -1)
chosen = int(np.count_nonzero(bands[:, [0, -1]], axis=(1, 2)).argmax())
gene, peaks, cell_types = data.genes.iloc[chosen], data.peaks, data.cell_types["name"].iloc[[0, -1]]
offset = (peaks["start"] + peaks["end"]) / 2 - gene["tss"]
offset = offset if gene["strand"] == "+" else -offset
near = ((peaks["chrom"] == gene["chrom"]) & (offset.abs() < 50_000)).to_numpy()

fig, axes = plt.subplots(2, 1, figsize=(8, 5.2), layout="constrained")
middles = np.arange(len(edges) - 1)
for column, (shift, colour) in zip((0, -1), ((-0.2, "#0072B2"), (0.2, "#D55E00")), strict=True):
    name = cell_types.iloc[column]
    height = np.log1p(data.openness[near, column])
    axes[0].vlines(offset[near] / 1000 + shift, 0, height, color=colour, linewidth=3, label=name)
    axes[1].bar(middles + shift, np.log1p(bands[chosen, column]), width=0.4, color=colour, label=name)
axes[0].axvline(0, color="black", linestyle=":", linewidth=1)
axes[0].set(xlabel="offset from the TSS (kb), downstream positive", ylabel="ln(1 + openness)")
axes[0].set_title(f"Peaks around {gene['name']}")
axes[0].legend(frameon=False)
names = [f"{low / 1000:g} to {high / 1000:g}" for low, high in pairwise(edges)]
axes[1].set_xticks(middles, names, fontsize=9)
axes[1].set(xlabel="band (kb from the TSS)", ylabel="ln(1 + openness)", title="The same in bands")
folder = Path("figures")
folder.mkdir(exist_ok=True)
fig.savefig(folder / "bins.png", dpi=120)

# %%
# One scale
# ---------
#
# Openness is skewed, and genes differ in it more than cell types do. ``LogZScaler`` takes the log and compares each
# gene's band with itself in other cell types. Bands without a peak stay 0 and are left out here.

scaled = LogZScaler().fit_transform(binned).dense().reshape(bands.shape)
first = len(edges) // 2  # the band that begins at the start site
raw, z = bands[:, :, first].ravel(), scaled[:, :, first].ravel()
some = np.repeat(bands[:, :, first].any(axis=1), 12)

fig, axes = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
steps = {"openness": raw[some], "ln(1 + openness)": np.log1p(raw[some]), "scaled": z[some]}
for ax, (name, values) in zip(axes, steps.items(), strict=True):
    ax.hist(values, bins=40, color="#0072B2")
    ax.set(xlabel=name, ylabel="pairs of a gene and a cell type")
axes[1].set_title("0 to 0.5 kb downstream of the TSS")
fig.savefig(folder / "scaled.png", dpi=120)
print(f"SD of the scaled band: {z[some].std():.2f}")
plt.show()
