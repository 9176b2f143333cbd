"""
Which letters open a peak
=========================

A network that reads the DNA under peaks can predict where a peak is open. Its predictions then say which letters
matter: change one letter after the other, and see what the network makes of it. This example simulates DNA with planted
motifs, trains a network on three chromosomes, asks what it knows of the fourth, and looks at the letters of one peak.
"""

# %%
# Peaks with planted motifs
# -------------------------
#
# Sites of five motifs are planted in a tenth of the peaks each. They open their peaks in cell types where the factor is
# active.

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from skepi.datasets import make_genome
from skepi.inspection import mutagenesis
from skepi.neural_network import SequenceOpenness
from skepi.plotting import SequenceLogoDisplay
from skepi.sequence import Genome, PeakSequences, openness_scores, site_correlations

settings = {"n_genes": 100, "n_cell_types": 8, "n_lineages": 4, "motif_effect": 1.5, "openness_depth": 50}
data, letters, truth = make_genome(**settings)
sequences = PeakSequences(Genome.from_strings(letters), data.peaks)
openness = pd.DataFrame(np.log1p(data.openness), columns=data.cell_types["name"])
held_out = (data.peaks["chrom"] == "chr4").to_numpy()
print(f"{len(sequences):,} peaks, of which {held_out.sum():,} on the chromosome that is held out")

# %%
# A network, and the same on shuffled letters
# -------------------------------------------
#
# The network starts from known motifs, here the planted ones and five that are planted nowhere. ``r_relative`` says how
# well it knows differences between cell types. The control has letters in random order, so nothing can be learned but
# the share of G and C.

rng = np.random.default_rng(0)
decoys = {f"decoy {k}": np.eye(4)[rng.integers(4, size=9)] for k in range(5)}


def trained(of):
    """A network that has seen all chromosomes but the last."""
    net = SequenceOpenness(scale=0.1, motifs=truth.motifs | decoys, lr=3e-3, max_epochs=12, random_state=0)
    return net.fit(of[~held_out], openness[~held_out])


def predicted(net, of):
    """Openness of the last chromosome, as a table."""
    return pd.DataFrame(net.predict(of[held_out]), openness.index[held_out], openness.columns)


net = trained(sequences)
found = predicted(net, sequences)
_, shuffled_letters, _ = make_genome(**settings, shuffle_letters=True)
shuffled = PeakSequences(Genome.from_strings(shuffled_letters), data.peaks)
control = predicted(trained(shuffled), shuffled)
for name, table in (("network", found), ("shuffled letters", control)):
    scores = openness_scores(openness[held_out], table)
    of_sites = site_correlations(openness[held_out], table).median()
    print(f"\n{name}: median r over cell types of one peak {of_sites:.2f}")
    print(scores.round(2).to_string())

# %%
# The letters of one peak
# -----------------------
#
# Among the peaks that were held out, take one with a single planted site whose openness the network predicts to vary
# most between cell types. Letters of the site should stand out. Dashed lines are what the largest effect rarely exceeds
# in shuffled sequences.

one_site = truth.sites.groupby("peak").filter(lambda sites: len(sites) == 1)
one_site = one_site[held_out[one_site["peak"].to_numpy()]]
spread = pd.Series(np.ptp(found.to_numpy(), axis=1), np.flatnonzero(held_out))
site = one_site.loc[spread.loc[one_site["peak"]].to_numpy().argmax() == np.arange(len(one_site))].iloc[0]
peak = int(site["peak"])
effects = mutagenesis(net, sequences[[peak]], cell_types=list(openness), random_state=0)
first = int(site["start"] - data.peaks.loc[peak, "start"])
last = int(site["end"] - data.peaks.loc[peak, "start"])
print(f"\n{site['motif']} planted at positions {first} to {last} of the peak, on strand {site['strand']}")
inside = effects["position"].between(first, last - 1)
print(f"mean absolute effect inside {effects.loc[inside, 'effect'].abs().mean():.3f}, ", end="")
print(f"elsewhere {effects.loc[~inside, 'effect'].abs().mean():.3f}")

figure, ax = plt.subplots(figsize=(9, 2.8), layout="constrained")
shown = SequenceLogoDisplay.from_effects(effects, start=max(first - 30, 0), stop=last + 30, ax=ax)
ax.axvspan(first - 0.5, last - 0.5, color="#D9D9D9", alpha=0.5, zorder=0)
ax.text(first - 0.5, ax.get_ylim()[1], f"planted {site['motif']}", va="top", size=9)
figures = Path("figures")
figures.mkdir(exist_ok=True)
figure.savefig(figures / "sequence.png", dpi=120)
