"""
Which peaks regulate which gene
===============================

A fitted model says how openness at some distance of a start site adds to expression, on average over genes. It cannot
say which gene a peak belongs to: what it knows of a peak is the same for every gene at this distance. Evidence for a
link has to be about the pair. Here links are planted, several kinds of evidence are judged against them, and one locus
is looked at.
"""

# %%
# Planted links
# -------------
#
# Each link makes the expression of a gene follow the openness of a peak 20 kb to 1 Mb away. Open peaks and active genes
# have more links than others, and each expressed gene between the two makes a link less likely. Contacts measured by
# promoter-capture Hi-C in red blood cell precursors show these three preferences.

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from skepi.datasets import make_linked_openness
from skepi.inspection import correlate_links, link_enrichment, score_links
from skepi.io import write_bedpe
from skepi.plotting import LinkEnrichmentDisplay

data, truth = make_linked_openness(n_genes=400, n_cell_types=24)
print(data)
print(f"{len(truth.links):,} planted links, {truth.links['distance_bp'].median() / 1000:.0f} kb away in the median")

# %%
# The evidence for each pair
# --------------------------
#
# ``score_links`` needs no model. It gives one row per gene and peak, with every piece of evidence in a column of its
# own, and one score made of them. ``correlate_links`` adds a test: does the openness of the peak follow the expression
# of this gene more closely than peaks like it on other chromosomes do?

links = correlate_links(data, score_links(data, min_distance=20_000))
print(f"\n{len(links):,} pairs; the best of one gene:")
columns = ["gene", "distance_bp", "activity", "promoter_activity", "tss_between", "contact", "score", "share", "z"]
print(links.loc[links["gene"] == "gene00006", columns].head(4).round(3).to_string(index=False))

# %%
# Judged at equal distance
# ------------------------
#
# Near pairs are linked more often than far ones, so every score that falls with distance looks good.
# ``link_enrichment`` lets pairs compete only with those at their own distance. Contact by distance alone is then worth
# little, and a score has to know something else. ``read_bedpe`` reads measured contacts of your own.

judged = links.assign(fewer_between=-links["tss_between"], correlation=links["z"].fillna(0))
scores = ["contact", "activity", "fewer_between", "correlation", "score"]
genes = data.genes["name"]
table = link_enrichment(judged, truth.links, scores=scores, genes=genes, n_bootstrap=300)
print("\nplanted links among the top 5 % of pairs, over all pairs at the same distance")
print(table[["score", "peaks", "enrichment", "low", "high"]].round(2).to_string(index=False))

# %%
# The control is the same law without preferences. Links are then chosen by distance alone, and no evidence but
# correlation can find them. (In the measured contacts of red blood cell precursors, correlation finds nothing: it needs
# links that act in the cell types of the data, and cell types that differ.)

random_data, random_truth = make_linked_openness(n_genes=400, n_cell_types=24, preference=0)
random_links = correlate_links(random_data, score_links(random_data, min_distance=20_000))
random_links = random_links.assign(fewer_between=-random_links["tss_between"], correlation=random_links["z"].fillna(0))
control = link_enrichment(random_links, random_truth.links, scores=scores, genes=genes, n_bootstrap=300)
print("\nwithout preferences")
print(control[["score", "peaks", "enrichment", "low", "high"]].round(2).to_string(index=False))

names = {
    "contact": "contact by distance",
    "activity": "openness of the peak",
    "fewer_between": "fewer start sites between",
    "correlation": "correlation, against matched peaks",
    "score": "score",
}
fig, axes = plt.subplots(1, 2, figsize=(12, 3.6), layout="constrained", sharex=True)
fig.draw_without_rendering()
for ax, one, title in zip(axes, (table, control), ("links with preferences", "links at random"), strict=True):
    LinkEnrichmentDisplay(table=one).plot(ax, names=names)
    ax.set_title(title)
folder = Path("figures")
folder.mkdir(exist_ok=True)
fig.savefig(folder / "links.png", dpi=120)

# %%
# One locus
# ---------
#
# Arcs join a gene to its eight best peaks beyond 20 kb; the thicker an arc, the greater its share of the gene's score.
# Planted links are orange. Most of the best pairs are no links: the list of candidates gets shorter, and no more.

keys = ["chrom", "start", "end", "gene"]
planted = truth.links[keys].assign(planted=True)
best = links[links["gene"].isin(planted["gene"]) & (links["score"] > 0)].groupby("gene", observed=True).head(8)
best = best.astype({"chrom": object, "gene": object}).merge(planted, how="left", on=keys)
best["planted"] = best["planted"].notna()
of_all, of_best = len(planted) / len(links), best["planted"].mean()
print(f"\nplanted links: {of_all:.1%} of all pairs, {of_best:.1%} of the best 8 per gene")
count = best.groupby("gene")["planted"].sum()
gene = count.index[count == 3][0]
own = best[best["gene"] == gene]
tss, chrom = own["tss"].iloc[0], own["chrom"].iloc[0]

fig, ax = plt.subplots(figsize=(10, 3.8), layout="constrained")
peaks = data.peaks[data.peaks["chrom"] == chrom]
middle = (peaks["start"] + peaks["end"]) / 2
activity = np.log1p(data.openness[peaks.index.to_numpy()].mean(axis=1))
low, high = min(own["start"].min(), tss) - 40_000, max(own["end"].max(), tss) + 40_000
here = middle.between(low, high).to_numpy()
ax.vlines(middle[here] / 1e3, -0.05, -0.05 - 0.3 * activity[here] / activity[here].max(), color="#7F7F7F", lw=1)
for row in own.itertuples():
    x = np.linspace(row.start + 250, tss, 100)
    height = (x - x[0]) * (x[-1] - x) / (x[-1] - x[0]) ** 2 * 4 * min(1.0, abs(row.distance_bp) / 400_000 + 0.15)
    colour = "#E69F00" if row.planted else "#56B4E9"
    ax.plot(x / 1e3, height, color=colour, lw=1 + 12 * row.share, solid_capstyle="butt")
genes_here = data.genes[(data.genes["chrom"] == chrom) & data.genes["tss"].between(low, high)]
ax.plot(genes_here["tss"] / 1e3, np.full(len(genes_here), -0.43), ls="none", marker="^", color="#7F7F7F")
ax.plot(tss / 1e3, -0.43, ls="none", marker="^", color="#D55E00")
ax.set(xlabel=f"{chrom} (kb)", yticks=[], xlim=(low / 1e3, high / 1e3))
ax.set_title(
    f"{gene} (red): its best peaks; orange: planted. Below: openness of peaks (log), start sites of genes", size=10
)
ax.spines[["top", "right", "left"]].set_visible(False)
fig.savefig(folder / "links_locus.png", dpi=120)

# %%
# Links go to a genome browser as BEDPE.

write_bedpe(links.groupby("gene", observed=True).head(5), folder / "links.bedpe")
print(f"figures: {folder}/links.png, {folder}/links_locus.png")
