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

from skepi.datasets import make_linked_openness
from skepi.inspection import correlate_links, link_enrichment, score_links
from skepi.io import write_bedpe
from skepi.plotting import GeneLinksDisplay, LinkEnrichmentDisplay

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
# Arcs join a gene to its eight best peaks beyond 20 kb. Planted links are marked. Most of the best pairs are no links:
# the list of candidates gets shorter, and no more.

keys = ["chrom", "start", "end", "gene"]
plain = links[keys].astype({"chrom": object, "gene": object})
is_planted = plain.merge(truth.links[keys].assign(planted=True), how="left", on=keys)["planted"].notna().to_numpy()
best = links.assign(planted=is_planted)[links["score"] > 0].groupby("gene", observed=True).head(8)
print(f"\nplanted links: {is_planted.mean():.1%} of all pairs, {best['planted'].mean():.1%} of the best 8 per gene")

count = best.groupby("gene", observed=True)["planted"].sum()
gene = count.index[count == 3][0]
display = GeneLinksDisplay.from_links(links, gene, marked=is_planted, marked_label="planted")
display.figure_.savefig(folder / "links_locus.png", dpi=120)

# %%
# Links go to a genome browser as BEDPE.

write_bedpe(links.groupby("gene", observed=True).head(5), folder / "links.bedpe")
print(f"figures: {folder}/links.png, {folder}/links_locus.png")
