"""
Transcription factors and openness: products, as in PECA
========================================================

A transcription factor (TF) acts on a gene where the TF is expressed *and* the gene is open. PECA models each gene by
products of the two. This example plants such products and asks two questions. Are they found again? And how much of the
skill is left where the expression of TFs is not measured in the new cell type?
"""

# %%
# Openness, and genes that follow products
# ----------------------------------------
#
# Ten of 160 genes are TFs. Their expression comes from the simulator and follows the openness of their own elements in
# part. Each other gene follows one or two of them: its expression is a sum of products, TF expression times openness
# around the gene, and noise. Nothing else links TFs to genes.

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from skepi.baselines import DistanceDecay
from skepi.datasets import make_paired_openness
from skepi.linear_model import TFProductLasso
from skepi.metrics import summarize
from skepi.model_selection import CellTypeKFold, cross_val_pairs

rng = np.random.default_rng(0)
data, _ = make_paired_openness(n_genes=160, n_cell_types=60, n_lineages=6, cis_share=0.6, program_share=0.3)
X, y = data.pairs(return_X_y=True)
tfs = [f"gene{k:05d}" for k in range(0, 160, 16)]
tf_expression = X.unstack(y).loc[tfs]

targets = ~X.genes["name"].isin(tfs).to_numpy()[X.gene_codes]
X = X[targets]
genes = X.genes["name"][~X.genes["name"].isin(tfs)].to_numpy()
planted = pd.DataFrame(0.0, genes, tfs)
for k, gene in enumerate(genes):
    chosen = rng.choice(len(tfs), size=1 + k % 2, replace=False)
    planted.loc[gene, [tfs[tf] for tf in chosen]] = rng.choice([-1.0, 1.0], size=chosen.size, p=[0.3, 0.7])

openness = DistanceDecay().gene_scores(X)
activity = tf_expression.to_numpy()[:, X.cell_type_codes]
products = pd.DataFrame(activity * openness, tfs).T.groupby(X.gene_codes).transform(lambda x: (x - x.mean()) / x.std())
law = (planted.to_numpy()[np.unique(X.gene_codes, return_inverse=True)[1]] * products.to_numpy()).sum(axis=1)
y = 5 + law + 0.5 * rng.normal(size=law.size)
print(f"{len(genes)} genes, {len(tfs)} TFs, {int((planted != 0).sum().sum())} planted products of {planted.size}")

# %%
# Three activities, three questions
# ---------------------------------
#
# Whole cell types are held out. With measured expression, the TFs of the *held-out* cell type are an input, as in PECA.
# With promoters, openness is all that is known of it. The third model knows no TF: its activity is 1 everywhere, so
# each gene has one slope of its own openness. A skill means little without the activity that it used.

everywhere = pd.DataFrame(1.0, ["no TF"], tf_expression.columns)
models = {
    "measured expression": TFProductLasso(tfs, tf_activity="expression", tf_expression=tf_expression),
    "openness of promoters": TFProductLasso(tfs),
    "no TF": TFProductLasso(["no TF"], tf_activity="expression", tf_expression=everywhere),
}
skill = {name: summarize(cross_val_pairs(model, X, y, CellTypeKFold(5)))["skill"] for name, model in models.items()}
for name, value in skill.items():
    print(f"activity of TFs: {name}: skill {value:.3f} on held-out cell types")

# %%
# Which products were found?
# --------------------------
#
# A product counts as found where the absolute value of its weight is greater than .05. With measured expression, seven
# in ten planted products are found, all with the right sign, and one in twenty of the others. The penalty shrinks all
# weights and leaves out weak ones. Promoters are a noisy stand-in: most of what they find was not planted. They are of
# use in prediction, and their weights should not be read.

found = {name: model.fit(X, y).coef_table_.loc[genes, :] for name, model in models.items() if name != "no TF"}
for name, weights in found.items():
    is_planted, strong = planted.to_numpy() != 0, np.abs(weights.to_numpy()) > 0.05
    agree = (np.sign(weights) == np.sign(planted)).to_numpy()[is_planted & strong].mean()
    print(
        f"{name}: {(strong & is_planted).sum()} of {is_planted.sum()} planted products found, {agree:.0%} with their "
        f"sign; {(strong & ~is_planted).sum()} others"
    )

# %%
# The figure
# ----------
#
# Rows are genes, ordered by their TFs; columns are TFs. Colour is the weight of the product.

order = np.lexsort(np.abs(planted.to_numpy()).T[::-1])[::-1]
panels = {"planted": planted, **{f"found with\n{name}": table for name, table in found.items()}}
fig, axes = plt.subplots(1, 4, figsize=(13, 5), layout="constrained", width_ratios=[1, 1, 1, 0.9])
for ax, (title, table) in zip(axes, panels.items(), strict=False):
    image = ax.imshow(
        table.to_numpy()[order], aspect="auto", cmap="RdBu_r", vmin=-0.8, vmax=0.8, interpolation="nearest"
    )
    ax.set(title=title, xlabel="TF", xticks=range(len(tfs)), xticklabels=range(1, len(tfs) + 1), yticks=[])
axes[0].set_ylabel("genes")
fig.colorbar(image, ax=axes[:3], label="weight of the product", shrink=0.6, pad=0.02)
bars = axes[3].barh([name.replace(" ", "\n", 1) for name in skill], list(skill.values()), color=["C0", "C1", "0.7"])
axes[3].bar_label(bars, fmt="%.2f", padding=3)
axes[3].set(xlabel="skill on held-out cell types", title="what the model knows\nof TFs there", xlim=(0, 1))
axes[3].invert_yaxis()
axes[3].spines[["top", "right"]].set_visible(False)

figure = Path("figures") / "tf_products.png"
figure.parent.mkdir(exist_ok=True)
fig.savefig(figure, dpi=120)
print(f"figure: {figure}")
