"""Activity of transcription factors: what it costs, whether planted motifs are found, and what blood shows.

``motif_deviations.py time`` scores random matches at the size of the blood data: 375,809 peaks, 720 motifs, 14 cell
types (``time 200``: so many cell types). ``motif_deviations.py simulated`` takes simulated DNA of five seeds, as drawn
and shuffled: deviations of planted motifs beside those of decoys, and what motif x openness columns add to a Lasso on
bands, on held-out cell types. ``motif_deviations.py importance`` takes DNA of two seeds, as drawn and shuffled: the
skill that a Lasso loses on held-out cell types without each motif, and the limits of its null.
``motif_deviations.py HEME_DNA HEME14 MOTIFS`` reads three folders (DNA under peaks, tables of blood, and JASPAR) and
prints the motifs that are known to act in blood populations.
"""

import gzip
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp
from memory import peak_gb
from sklearn.pipeline import make_pipeline

from skepi.binning import BinnerUnion, TSSBinner, symmetric_edges
from skepi.compose import GeneZTarget
from skepi.datasets import make_genome
from skepi.exceptions import LeftOutWarning, ShortMotifWarning
from skepi.inspection import importance_profile
from skepi.linear_model import LassoBaseline, LassoBaselineCV
from skepi.metrics import summarize
from skepi.model_selection import CellTypeKFold, cross_val_pairs
from skepi.motifs import Motifs, MotifScanner, read_motifs
from skepi.paired import PairedDataset
from skepi.preprocessing import LogZScaler
from skepi.sequence import Genome, PeakSequences
from skepi.tf_activity import MotifDeviations, motif_deviations, top_motifs

#: Where a TF acts, and where its motif is expected to be highest; the last two do not behave, as a reference found.
KNOWN = {
    "GATA1::TAL1": ["Ery"],
    "CEBPA": ["GMP-A", "GMP-B", "GMP-C", "Mono"],
    "TBX21": ["NK", "CD8"],
    "EOMES": ["NK", "CD8"],
    "POU2F2": ["B"],
    "PAX5": ["B"],
    "EBF1": ["B"],
}
_P_VALUE = 1e-4

_BANDS = symmetric_edges([0, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000])
_FEW_BANDS = [-200_000, -50_000, -10_000, -2_000, 0, 2_000, 10_000, 50_000, 200_000]


# --- blood


def read_blood(dna, heme14):
    """Letters (codes, n_peaks x 300), and openness (peaks x cell types) of the peaks of blood whose DNA is at hand."""
    codes = np.full(256, 4, dtype=np.uint8)
    codes[list(b"ACGT")] = range(4)
    sites = pd.read_parquet(dna / "tal1_300bp_hg19.parquet").dropna(subset="heme14_peak").drop_duplicates("heme14_peak")
    with gzip.open(dna / "chr22_1_22000000_hg19.fa.gz", "rt") as lines:
        chr22 = "".join(line.strip() for line in lines if line[0] != ">")
    peaks = pd.read_parquet(heme14 / "peaks.parquet")
    windows = peaks[
        (peaks["chrom"] == "chr22") & (peaks["end"] <= len(chr22)) & ~peaks["peak"].isin(sites["heme14_peak"])
    ]
    middle = (windows["start"] + windows["end"]) // 2
    letters = [*sites["sequence"], *(chr22[at - 150 : at + 150] for at in middle)]
    sequences = codes[np.frombuffer("".join(letters).upper().encode(), dtype=np.uint8)].reshape(len(letters), 300)
    names = pd.Index([*sites["heme14_peak"], *windows["peak"]], name="peak")
    return sequences, pd.read_parquet(heme14 / "openness.parquet").set_index("peak").loc[names]


def deviations_of_blood(sequences, openness, motifs):
    """z of each motif in each population, with hits rarer than 1e-4 per place."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ShortMotifWarning)
        warnings.simplefilter("ignore", LeftOutWarning)
        scanner = MotifScanner(motifs, "hits", p_value=_P_VALUE, background="sequences").fit(sequences)
        matches = scanner.peak_features(sequences, index=openness.index)
        known = (sequences < 4).sum(axis=1)
        gc_share = ((sequences == 1) | (sequences == 2)).sum(axis=1) / known
        return motif_deviations(openness, matches, gc_share)


def blood(dna, heme14, folder):
    start = time.perf_counter()
    sequences, openness = read_blood(dna, heme14)
    motifs = read_motifs(folder / "JASPAR2024_CORE_human.meme.gz")
    z = deviations_of_blood(sequences, openness, motifs)
    print(
        f"{len(openness):,} peaks, {z.shape[1]} of {len(motifs)} motifs have hits, {time.perf_counter() - start:.0f} s"
    )
    for motif, expected in KNOWN.items():
        order = z[motif].sort_values(ascending=False)
        places = ", ".join(f"{name} {value:.1f}" for name, value in order.iloc[:4].items())
        rank = 1 + min(order.index.get_loc(name) for name in expected)
        print(f"{motif:12} expected in {'/'.join(expected):23} rank {rank:2}   {places}")
    top = top_motifs(z, 3)
    print("\nhighest in each population")
    top["said"] = top["motif"] + " " + top["z"].round(1).astype(str)
    for cell_type, said in top.groupby("cell_type", sort=False)["said"]:
        print(f"{cell_type:6} {', '.join(said)}")


# --- simulated


def decoys(n, rng):
    """Motifs that were planted nowhere: the letters of each position of the planted ones in another order."""
    widths, share = rng.integers(10, 13, size=n), np.array([0.94, 0.02, 0.02, 0.02])
    return {f"decoy {k}": np.stack([rng.permutation(share) for _ in range(width)]) for k, width in enumerate(widths)}


def scan(data, letters, motifs):
    """Hits of motifs in peaks (sparse, peaks x motifs), and the GC share of each peak."""
    sequences = PeakSequences(Genome.from_strings(letters), data.peaks, width=500)
    scanner = MotifScanner(Motifs(motifs), "hits", p_value=1e-5).fit(sequences)
    return scanner.peak_features(sequences), sequences.gc_share()


def pairs_with(data, features):
    """Pairs of the data set with features of peaks."""
    tables = data.openness, data.peaks, data.genes, data.expression, data.cell_types
    return PairedDataset(*tables, peak_features=features).pairs(return_X_y=True)


def skills(data, features):
    """Skill on held-out cell types of a Lasso on bands, and on bands and motif x openness columns."""
    X, y = pairs_with(data, features)
    plain = TSSBinner(edges=_BANDS)
    both = BinnerUnion([("bands", plain), ("motifs", TSSBinner(edges=_FEW_BANDS, features=list(features)))])
    out = []
    for binner in (plain, both):
        model = make_pipeline(binner, LassoBaselineCV([0.1, 0.03, 0.01, 0.003, 0.001], cv=CellTypeKFold(3)))
        out.append(summarize(cross_val_pairs(model, X, y, CellTypeKFold(4)))["skill"])
    return out


def simulated():
    for seed in range(5):
        for shuffled in (False, True):
            data, letters, truth = make_genome(random_state=seed, shuffle_letters=shuffled)
            planted = list(truth.motifs)
            hits, gc_share = scan(data, letters, truth.motifs | decoys(20, np.random.default_rng(seed)))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", LeftOutWarning)
                z = motif_deviations(data, hits, gc_share)
            r = z.reindex(columns=planted).corrwith(truth.tf_activity)
            n_found = sum(name in planted for name in z.std().nlargest(5).index)
            bands, both = skills(data, hits[planted])
            print(
                f"seed {seed}, {'shuffled' if shuffled else 'as drawn'}: r of z with TF activity "
                f"{', '.join(f'{value:.2f}' for value in r)}; {n_found} of 5 planted motifs vary most among 25; Lasso "
                f"skill on bands {bands:.3f}, with motifs {both:.3f} ({both - bands:+.3f})",
                flush=True,
            )


def importance():
    for seed in range(2):
        for shuffled in (False, True):
            data, letters, truth = make_genome(random_state=seed, shuffle_letters=shuffled)
            hits, _ = scan(data, letters, truth.motifs)
            X, y = pairs_with(data, hits)
            columns = [
                ("bands", TSSBinner(edges=_FEW_BANDS)),
                ("motifs", TSSBinner(edges=_FEW_BANDS, features=[*hits])),
            ]
            model = make_pipeline(BinnerUnion(columns), LogZScaler(), GeneZTarget(LassoBaseline(0.01)))
            whole = [_FEW_BANDS[0], _FEW_BANDS[-1]]
            settings = {"method": "permutation", "n_repeats": 1, "n_permutations": 19}
            found = importance_profile(model, X, y, CellTypeKFold(4), bands=whole, **settings).table
            said = ", ".join(
                f"{row.feature or 'plain'} {row.importance:.3f} ({row.null_low:.3f} to {row.null_high:.3f})"
                for row in found.itertuples()
            )
            print(f"seed {seed}, {'shuffled' if shuffled else 'as drawn'}: {said}", flush=True)


# --- cost


def cost(n_peaks=375_809, n_motifs=720, n_cell_types=14, share=0.045):
    rng = np.random.default_rng(0)
    openness = rng.poisson(rng.gamma(1, 20, size=(n_peaks, n_cell_types))).astype(np.float32) + 1
    columns = [np.flatnonzero(rng.random(n_peaks, dtype=np.float32) < share).astype(np.int32) for _ in range(n_motifs)]
    first = np.concatenate([[0], np.cumsum([rows.size for rows in columns])])
    matches = sp.csc_array(
        (np.ones(first[-1], dtype=bool), np.concatenate(columns), first), (n_peaks, n_motifs)
    ).tocsr()
    gc_share = rng.beta(10, 10, size=n_peaks)
    print(
        f"{n_peaks:,} peaks, {n_motifs} motifs, {matches.nnz:,} matches, {n_cell_types} cell types; {peak_gb():.2f} GB"
    )
    start = time.perf_counter()
    model = MotifDeviations().fit(openness, matches, gc_share)
    fitted = time.perf_counter()
    z = model.transform(openness)
    took = time.perf_counter() - fitted
    sd = z.to_numpy().std()
    print(f"fit {fitted - start:.1f} s, transform {took:.1f} s, peak memory {peak_gb():.2f} GB; SD of z {sd:.2f}")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if arguments == ["time"]:
        cost()
    elif arguments == ["time", "200"]:
        cost(n_cell_types=200)
    elif arguments == ["simulated"]:
        simulated()
    elif arguments == ["importance"]:
        importance()
    elif len(arguments) == 3:
        blood(*map(Path, arguments))
    else:
        sys.exit(
            "wanted 'time', 'simulated', 'importance', or three folders: motif_deviations.py HEME_DNA HEME14 MOTIFS"
        )
