"""
Which motifs set cell types apart
=================================

DNA is the same in all cell types; what differs is which transcription factors (TFs) act on it. A TF opens the peaks
that have its motif, so the openness of all peaks with a motif tells where the TF is active. This example simulates DNA
with planted motifs, finds the cell types in which they act, and asks what motifs add to the prediction of expression.
At the end it does the first part on blood, where the DNA of blood peaks is at hand.
"""

# %%
# DNA with five motifs
# --------------------
#
# Sites of each motif are planted in a tenth of the peaks. Openness of these peaks follows the activity of the TF, and
# expression follows motif times openness of the peaks around the gene. Ten decoys are planted nowhere.

import gzip
import os
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline

from skepi.binning import BinnerUnion, TSSBinner, symmetric_edges
from skepi.datasets import make_genome
from skepi.linear_model import LassoBaselineCV
from skepi.metrics import summarize
from skepi.model_selection import CellTypeKFold, cross_val_pairs
from skepi.motifs import Motifs, MotifScanner, read_motifs
from skepi.paired import PairedDataset
from skepi.plotting import MotifDeviationDisplay
from skepi.sequence import Genome, PeakSequences
from skepi.tf_activity import motif_deviations, top_motifs

rng = np.random.default_rng(0)
data, letters, truth = make_genome(n_genes=200, n_cell_types=24)
decoys = {f"decoy {k}": np.eye(4)[rng.integers(4, size=9)] for k in range(10)}
print(data)
print(f"{sum(map(len, letters.values())) / 1e6:.0f} million letters, {len(truth.sites):,} planted sites")

# %%
# From letters to TF activity
# ---------------------------
#
# Peaks are scanned for hits of every motif. Deviations compare the peaks that have hits with background peaks of the
# same GC share and mean openness.

sequences = PeakSequences(Genome.from_strings(letters), data.peaks)
scanner = MotifScanner(Motifs(truth.motifs | decoys), "hits", p_value=1e-5).fit(sequences)
hits = scanner.peak_features(sequences)
z = motif_deviations(data, hits, sequences.gc_share())
found = pd.DataFrame({"SD of z": z.std(), "r with the planted activity": z.corrwith(truth.tf_activity)})
print("\nplanted motifs and decoys, by how much they vary over cell types")
print(found.sort_values("SD of z", ascending=False).head(8).round(2).to_string())

display = MotifDeviationDisplay.from_deviations(z, n_motifs=2)
figures = Path("figures")
figures.mkdir(exist_ok=True)
display.figure_.savefig(figures / "motifs.png", dpi=120)

# %%
# What motifs add to a model of expression
# ----------------------------------------
#
# Bands of plain openness treat all peaks alike. With columns of motif times openness, a Lasso can see that three of the
# TFs activate genes and two repress them. The control keeps everything but the letters, which are shuffled within each
# peak.

bands = TSSBinner(edges=symmetric_edges([0, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000]))
few = symmetric_edges([0, 2_000, 10_000, 50_000, 200_000])


def skill(features, binner):
    """Skill on held-out cell types of a Lasso with a penalty found by cross-validation."""
    tables = data.openness, data.peaks, data.genes, data.expression, data.cell_types
    X, y = PairedDataset(*tables, peak_features=features).pairs(return_X_y=True)
    model = make_pipeline(binner, LassoBaselineCV([0.1, 0.03, 0.01, 0.003], cv=CellTypeKFold(3)))
    return summarize(cross_val_pairs(model, X, y, CellTypeKFold(4)))["skill"]


planted = hits[list(truth.motifs)]
_, shuffled, _ = make_genome(n_genes=200, n_cell_types=24, shuffle_letters=True)
in_shuffled = scanner.peak_features(PeakSequences(Genome.from_strings(shuffled), data.peaks))[list(truth.motifs)]
both = BinnerUnion([("bands", bands), ("motifs", TSSBinner(edges=few, features=list(planted)))])
print("\nskill on held-out cell types")
print(f"bands alone                {skill(planted, bands):.3f}")
print(f"and motifs                 {skill(planted, both):.3f}")
print(f"and motifs, shuffled DNA   {skill(in_shuffled, both):.3f}")

# %%
# Blood
# -----
#
# The DNA of some blood peaks (sites of TAL1, and chr22), openness of 14 populations, and 720 matrices of JASPAR. Set
# ``SKEPI_HEME_DNA``, ``SKEPI_HEME14`` and ``SKEPI_MOTIFS`` to their folders; otherwise this part is left out.

folders = [os.environ.get(f"SKEPI_{name}", "") for name in ("HEME_DNA", "HEME14", "MOTIFS")]
if all(folders):
    dna, heme14, jaspar = map(Path, folders)
    sites = pd.read_parquet(dna / "tal1_300bp_hg19.parquet").dropna().drop_duplicates("heme14_peak")
    with gzip.open(dna / "chr22_1_22000000_hg19.fa.gz", "rt") as lines:
        chr22 = "".join(line.strip() for line in lines if line[0] != ">")
    peaks = pd.read_parquet(heme14 / "peaks.parquet")
    peaks = peaks[(peaks["chrom"] == "chr22") & (peaks["end"] <= len(chr22))]
    peaks = peaks[~peaks["peak"].isin(sites["heme14_peak"])]
    words = [*sites["sequence"], *(chr22[start + 100 : start + 400].upper() for start in peaks["start"])]
    of_blood = PeakSequences.from_strings(words)
    openness = pd.read_parquet(heme14 / "openness.parquet").set_index("peak")
    openness = openness.loc[[*sites["heme14_peak"], *peaks["peak"]]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of motifs that are too short to be rare
        scanner = MotifScanner(read_motifs(jaspar / "JASPAR2024_CORE_human.meme.gz"), "hits").fit(of_blood)
        matches = scanner.peak_features(of_blood, index=openness.index)
        blood = motif_deviations(openness, matches, of_blood.gc_share())
    print("\nhighest in each blood population")
    print(top_motifs(blood, 3).pivot(index="cell_type", columns="rank", values="motif").loc[blood.index].to_string())
    MotifDeviationDisplay.from_deviations(blood).figure_.savefig(figures / "motifs_blood.png", dpi=120)
plt.show()
print(f"\nfigure: {figures / 'motifs.png'}")
