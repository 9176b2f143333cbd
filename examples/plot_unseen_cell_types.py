"""
Cell types never seen: every model and every rule
=================================================

A model should predict expression in a new cell type for which only openness was measured. Here all models of skepi, and
the simple rules that they must beat, predict sorted blood populations under five splits. Then the best model predicts
two populations whose expression was never measured.

In the comparison everything is learned from training populations, including the normalisation of expression. It uses
every sixteenth gene, so that the whole table takes minutes; the last section uses all genes.
``benchmarks/unseen_cell_types.py`` measures the models on all genes.

Takes about six minutes on two cores.
"""

# %%
# Data
# ----
#
# Read counts and openness of 14 populations. Progenitors are assigned to the lineage that they have begun, so that no
# close relative is in training when a lineage is held out.

import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from skepi.baselines import DistanceDecay, NearestCellTypes, PromoterSum, TrainingMean
from skepi.binning import TSSBinner, symmetric_edges
from skepi.comparison import compare_models
from skepi.compose import BucketedRegressor, GeneZTarget, PerGeneRegressor, ResidualRegressor
from skepi.datasets import fetch_hematopoiesis
from skepi.exceptions import DistantCellTypeWarning
from skepi.gaussian_process import CisTransRegressor
from skepi.inspection import cross_val_parts, part_contributions
from skepi.linear_model import LassoBaseline
from skepi.model_selection import LeaveOneCellTypeOut, learning_curve_pairs
from skepi.neural_network import ExpressionMLP
from skepi.normalization import ExpressionNormalizer
from skepi.paired import PairedDataset
from skepi.plotting import ComparisonDisplay, PairLearningCurveDisplay, PartContributionsDisplay
from skepi.preprocessing import AppendContext, LogZScaler

warnings.simplefilter("ignore", DistantCellTypeWarning)  # whole lineages are held out on purpose
blood = fetch_hematopoiesis(n_jobs=2)
counts = blood.counts
begun = {"lymphoid progenitor": "lymphoid", "myeloid progenitor": "myeloid"}
cell_types = counts.cell_types.replace({"lineage": begun})
some = counts.genes["name"].to_numpy()[::16]
counts = PairedDataset(counts.openness, counts.peaks, counts.genes, counts.expression, cell_types).subset(genes=some)
print(counts)

# %%
# Models and rules
# ----------------
#
# All models use bands that widen away from the TSS, except the report's kind of model, which has 2,000 bins of 1 kb and
# an L1 penalty.

bands = TSSBinner(edges=symmetric_edges())
one_scale = LogZScaler(scale_floor=float("inf"))
network = ExpressionMLP((64, 16), dropout=0.2, batch_size=500, max_epochs=10, patience=3, random_state=0)
models = {
    "training mean": TrainingMean(),
    "promoter sum": PromoterSum(),
    "distance decay": DistanceDecay(),
    "nearest cell type": NearestCellTypes(),
    "3 nearest cell types": NearestCellTypes(3),
    "Lasso, 2,000 bins": make_pipeline(TSSBinner(), LogZScaler(), GeneZTarget(LassoBaseline(5e-3, tol=1e-4))),
    "ridge, bands": make_pipeline(bands, one_scale, GeneZTarget(Ridge(100.0))),
    "ridge per gene, bands": make_pipeline(bands, one_scale, PerGeneRegressor(Ridge(10.0))),
    "network, bands": make_pipeline(bands, one_scale, GeneZTarget(network)),
    "network, bands and context": GeneZTarget(make_pipeline(bands, one_scale, AppendContext(3), network)),
    "cis and cell state": make_pipeline(bands, CisTransRegressor()),
    "with own cis": make_pipeline(bands, CisTransRegressor(own_cis=True)),
    "with boosted residual": make_pipeline(bands, ResidualRegressor()),
    "in two buckets": make_pipeline(bands, BucketedRegressor(CisTransRegressor())),
}

# %%
# Five splits
# -----------
#
# ``folder=`` keeps every finished fit: a second run of this script draws the table in seconds, and an interrupted run
# continues. Random pairs say nothing about new cell types, because every population is in training. Genes of unseen
# chromosomes have no training mean. Their score is within-gene skill, which cannot be compared with skill.

splits = ["random pairs", "cell types", "lineages", "chromosomes", "crossed"]
normalizer = ExpressionNormalizer("quantile", min_mean_cpm=1)
compared = compare_models(models, counts, splits, normalizer=normalizer, folder="comparison", n_bootstrap=200, n_jobs=2)
print(compared)
scores = compared.scores.loc[["cell types", "lineages"]]
print(
    scores[["skill", "low_cell_type", "high_cell_type", "r_median", "r_across", "slope", "coverage"]]
    .round(3)
    .to_string()
)
seconds = compared.scores[["fit_s", "predict_s"]].groupby(level="model", sort=False).sum()
print(seconds.round(1).to_string())

# %%
# The control that any procedure must fail: populations of expression permuted, everything fitted again.

best = {"cis and cell state": models["cis and cell state"]}
control = compare_models(
    best, counts, splits[1:3], normalizer=normalizer, folder="comparison", controls=("cell types",), n_permutations=5
).control_scores
print(control["skill"].groupby(level="split", sort=False).agg(["mean", "min", "max"]).round(3).to_string())

# %%
# Models in the order of their skill, with intervals over populations:

display = ComparisonDisplay.from_comparison(compared, by="cell_type")
folder = Path("figures")
folder.mkdir(exist_ok=True)
display.figure_.savefig(folder / "unseen_cell_types.png", dpi=120)

# %%
# Skill differs widely between populations: it is high with close relatives in training, and low for the only dendritic
# and the only erythroid population. Report it by cell type.

by_cell_type = ComparisonDisplay.from_comparison(compared, split="cell types", kind="cell_types")
by_cell_type.figure_.savefig(folder / "unseen_by_cell_type.png", dpi=120)

# %%
# Local openness or the state of the cell?
# ----------------------------------------
#
# The parts of the prediction say what the model used. The figure shows contributions for all genes, with one population
# held out at a time; for each gene they add up to its skill. The control says what the model needed: everything is
# fitted a second time with the positions of genes permuted, and the skill that remains is drawn as a line. The
# difference between the line and the diamond is what matching genes to the openness around them adds. It is less than
# the contribution of cis, because related populations share local openness as well as cell state. (From here on
# expression is normalised once, over all populations.)

X, y = blood.data, blood.target
model = make_pipeline(bands, CisTransRegressor())
parts = cross_val_parts(model, X, y, LeaveOneCellTypeOut(), control=True)
print(part_contributions(parts, by=None).round(3).to_string())
shown = PartContributionsDisplay.from_predictions(parts, genes=["GATA1", "SPI1", "PAX5", "CD3E", "LYZ", "GAPDH"])
shown.figure_.savefig(folder / "unseen_parts.png", dpi=120)

# %%
# The same by population. With close relatives in training (T cells, stem cells), the model does not need to know which
# peaks belong to which gene. Erythroid cells and monocytes have no close relatives, and nearly all of their skill is
# lost without it.

shown = PartContributionsDisplay.from_predictions(parts, by="cell_type")
shown.figure_.savefig(folder / "unseen_parts_by_cell_type.png", dpi=120)

# %%
# How many more would help?
# -------------------------
#
# Skill as a function of the number of training populations, on the genes of the comparison. All points have the same
# baseline.

log_cpm = counts.transform_expression(normalizer)
curve = learning_curve_pairs(
    model, *log_cpm.pairs(return_X_y=True), LeaveOneCellTypeOut(), n_subsets=4, extrapolate_to=[20, 26], n_jobs=2
)
print(curve)
drawn = PairLearningCurveDisplay.from_learning_curve(curve)
drawn.figure_.savefig(folder / "unseen_learning_curve.png", dpi=120)

# %%
# Two populations without expression
# ----------------------------------
#
# Megakaryocytes and myeloid dendritic cells have only openness. A few lines predict their expression:

model.fit(X, y)
new = blood.atac_only.pairs()
predicted = new.unstack(model.predict(new))
above = predicted.sub(model[-1].gene_mean_, axis=0)
print(pd.DataFrame({name: above[name].nlargest(12).index for name in above}).to_string(index=False))

# %%
# Distances to the training populations say how much to trust a prediction; intervals say it for each gene.

print(model[-1].distances(model[0].transform(new)).round(2).to_string())
_, std = model.predict(new, return_std=True)
print(new.unstack(std).median().round(2).to_string())
plt.show()
