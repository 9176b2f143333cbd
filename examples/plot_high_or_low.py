"""
High or low: why a median is no natural border
==============================================

DeepChrome and AttentiveChrome do not predict how much a gene is expressed. They predict whether it is above the median
of all genes of the cell type. This example simulates a transcriptome with silent and expressed genes in three
replicates and asks three questions. Where does the median lie? Do two replicates agree on the labels? And how well does
a classifier do that knows nothing but the gene?
"""

# %%
# A transcriptome with silent genes
# ---------------------------------
#
# Three in ten genes are silent in all cell types. The others follow the simulated law.

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skepi.binning import TSSBinner, symmetric_edges
from skepi.classification import above_median, cross_val_probabilities, probability_scores_by, summarize_probabilities
from skepi.datasets import make_paired_openness, make_read_counts
from skepi.model_selection import CellTypeKFold
from skepi.preprocessing import Materialize

data, truth = make_paired_openness(n_genes=2_000, n_cell_types=14)
X, y = data.pairs(return_X_y=True)
rng = np.random.default_rng(0)
silent = rng.random(len(data.genes)) < 0.3
expression = X.unstack(y)
expression[silent] = rng.exponential(0.1, (silent.sum(), expression.shape[1]))

counts, library_size = make_read_counts(expression, n_replicates=3)
log_cpm = np.log1p(1e6 * counts / library_size)

# %%
# Where the median lies, and what replicates say of it
# ----------------------------------------------------
#
# Log expression has two modes, silent and expressed, and a natural border would lie in the trough between them. The
# median lies where half of the genes are on either side. It ignores the trough: leaving out the silent genes
# moves it, and with it the label of every gene on the way.

cell_type = expression.columns[0]
values = log_cpm[cell_type].mean(axis=1)
medians = {"all genes": values.median(), "without silent genes": values[~silent].median()}

high = log_cpm[cell_type] > log_cpm[cell_type].median()
differs = (high[1] != high[2]).to_numpy()
edges = np.array([-2.5, -1.5, -1, -0.5, -0.25, 0, 0.25, 0.5, 1, 1.5, 2.5])
place = np.digitize(values - values.median(), edges)
flipped = [differs[place == k].mean() for k in range(1, edges.size)]

# %%
# What knowing the gene alone is worth
# ------------------------------------
#
# A gene that is high in thirteen cell types is likely high in the fourteenth. ``auc_mean`` is the area under the ROC
# curve for the share of training cell types in which the gene is high. It is near 1 without any openness: read an AUC
# beside it.

bins = TSSBinner(edges=symmetric_edges([0, 500, 2_000, 10_000, 50_000])), Materialize()
model = make_pipeline(*bins, FunctionTransformer(np.log1p), StandardScaler(), LogisticRegression())
labels = above_median(X, y)
held_out = cross_val_probabilities(model, X, labels, CellTypeKFold(7))
by_cell_type = probability_scores_by(held_out)
print(summarize_probabilities(held_out).round(3).to_string())

# %%
# The figure
# ----------

fig, axes = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
axes[0].hist(
    [values[silent], values[~silent]], bins=50, stacked=True, color=["0.75", "C0"], label=["silent", "expressed"]
)
for (name, median), style in zip(medians.items(), ("-", "--"), strict=True):
    axes[0].axvline(median, color="C3", linestyle=style, label=f"median, {name}")
axes[0].set(
    xlabel=f"log expression in {cell_type}, ln(1 + CPM)", ylabel="genes", title="The median is not in the trough"
)
axes[0].legend(frameon=False)

axes[1].bar(edges[:-1], flipped, width=np.diff(edges), align="edge", color="C0", edgecolor="white")
axes[1].axhline(0.5, color="0.4", linestyle=":")
axes[1].text(edges[0], 0.52, "labels drawn by coin", color="0.4")
axes[1].axvline(0, color="C3")
axes[1].set(
    xlabel="distance of the gene from the median, ln(1 + CPM)",
    ylabel="labels that differ between two replicates",
    title="Near the median, labels are noise",
    ylim=(0, 1),
)

order = by_cell_type["auc_mean"].sort_values().index
rows = np.arange(len(order))
for column, name, color in (("auc_mean", "the gene alone", "0.5"), ("auc", "openness", "C0")):
    axes[2].plot(by_cell_type.loc[order, column], rows, "o", color=color, label=name)
axes[2].axvline(0.5, color="0.4", linestyle=":")
axes[2].set(
    yticks=rows, yticklabels=order, xlabel="AUC in the held-out cell type", title="What the gene alone is worth"
)
axes[2].legend(frameon=False, loc="center left", markerscale=0, handlelength=0, labelcolor="linecolor")

figure = Path("figures") / "high_or_low.png"
figure.parent.mkdir(exist_ok=True)
fig.savefig(figure, dpi=120)
print(f"figure: {figure}")
