"""How well do motif scores of DNA predict the openness of sites that were never seen, in 14 blood populations?

``motif_ridge.py HEME_DNA HEME14 MOTIFS`` reads three folders: DNA of sites and of one chromosome, tables of blood, and
matrices (JASPAR 2024). Each site has the best score of each of 720 matrices within 300 bp, and its share of G and C. A
ridge regression on these predicts log1p openness in each population; chromosomes are held out in six folds, and the
penalty is chosen within the training folds. ``GC`` stands for the share of G and C alone. The figures beside come from
the README of HEME_DNA, where sites of four further chromosomes took part.
"""

import gzip
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skepi.motifs import MotifScanner, read_motifs

WIDTH = 300
CODES = np.full(256, 4, dtype=np.uint8)
CODES[np.frombuffer(b"ACGTacgt", dtype=np.uint8)] = [0, 1, 2, 3] * 2
REFERENCE = {
    ("levels", "motifs"): (0.214, 0.468, np.nan),
    ("levels", "GC"): (0.014, 0.144, np.nan),
    ("relative", "motifs"): (0.213, 0.388, 0.66),
    ("relative", "GC"): (0.024, 0.145, np.nan),
}


def codes_of(text):
    return CODES[np.frombuffer(text.encode(), dtype=np.uint8)]


def read_sites(dna, heme14):
    """Letters (n, 300), chromosomes, and log1p openness (n, 14) of all sites with openness."""
    openness = pd.read_parquet(heme14 / "openness.parquet").set_index("peak")
    windows = pd.read_parquet(heme14 / "peaks.parquet")
    sites = pd.read_parquet(dna / "tal1_300bp_hg19.parquet").dropna(subset="heme14_peak")
    with gzip.open(dna / "chr22_1_22000000_hg19.fa.gz", "rt") as file:
        chr22 = codes_of(file.read().partition("\n")[2].replace("\n", ""))
    windows = windows[(windows["chrom"] == "chr22") & (windows["end"] <= chr22.size)]
    middle = ((windows["start"] + windows["end"]) // 2).to_numpy()
    of_chr22 = chr22[middle[:, None] + np.arange(-WIDTH // 2, WIDTH // 2)]
    known = (of_chr22 < 4).all(axis=1)
    letters = np.concatenate([np.stack([codes_of(text) for text in sites["sequence"]]), of_chr22[known]])
    peaks = [*sites["heme14_peak"], *windows["peak"][known]]
    chromosomes = np.array([*sites["chrom"], *windows["chrom"][known]])
    return letters, chromosomes, np.log1p(openness.loc[peaks])


def held_out(features, openness, chromosomes):
    """Predictions for chromosomes that were held out."""
    model = make_pipeline(StandardScaler(), RidgeCV(np.logspace(1, 5, 9)))
    return cross_val_predict(model, features, openness, groups=chromosomes, cv=GroupKFold(6))


def scores(openness, predicted):
    """R2 within populations (all values together), mean r of populations over sites, and r of erythroblasts."""
    r = {name: np.corrcoef(openness[name], predicted[:, k])[0, 1] for k, name in enumerate(openness)}
    return r2_score(openness, predicted, multioutput="variance_weighted"), np.mean(list(r.values())), r["Ery"]


def table(letters, chromosomes, openness, motifs):
    """R2 and r of motifs and of the share of G and C, for levels and relative to the mean of the populations."""
    share = np.isin(letters, (1, 2)).mean(axis=1, keepdims=True)
    best = MotifScanner(motifs).fit_transform(letters)
    relative = openness.sub(openness.mean(axis=1), axis=0)
    return {
        (what, which): scores(targets, held_out(features, targets, chromosomes))
        for what, targets in {"levels": openness, "relative": relative}.items()
        for which, features in {"motifs": np.hstack([best, share]), "GC": share}.items()
    }


def main(dna, heme14, motifs):
    start = time.perf_counter()
    letters, chromosomes, openness = read_sites(dna, heme14)
    print(f"{len(letters)} sites on {np.unique(chromosomes).size} chromosomes, {openness.shape[1]} populations")
    found = table(letters, chromosomes, openness, read_motifs(motifs / "JASPAR2024_CORE_human.meme.gz"))
    columns = ["R2", "mean r", "r of Ery"]
    shown = pd.DataFrame.from_dict(found, orient="index", columns=columns)
    beside = pd.DataFrame.from_dict(REFERENCE, orient="index", columns=columns).add_prefix("README: ")
    print(shown.join(beside).round(3).to_string())
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("wanted three folders: python motif_ridge.py HEME_DNA HEME14 MOTIFS")
    main(*map(Path, sys.argv[1:]))
