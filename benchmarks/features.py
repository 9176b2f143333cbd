"""Many features of peaks: 720 features in 4 bands, on as many windows and genes as 14 blood populations have.

Prints time and peak memory of the map, of fitting the scaler and of a batch. Features are drawn: each peak has 36 of
them, as motifs have hits. ``features.py small`` is for a quick look, ``features.py 7200`` for a map that is refused.
"""

import sys
import time

import numpy as np
import pandas as pd
import scipy.sparse as sp
from memory import peak_gb

from skepi.binning import TSSBinner
from skepi.datasets import make_paired_openness
from skepi.exceptions import DenseSizeError
from skepi.paired import PairedDataset
from skepi.preprocessing import LogZScaler

FULL = (18_760, 375_809)
SMALL = (1_000, 20_000)
HITS = 36
EDGES = [-100_000, -1_000, 0, 1_000, 100_000]
WIDE = [-1_000_000, -20_000, 0, 20_000, 1_000_000]


def random_features(n_peaks, n_features):
    rng = np.random.default_rng(0)
    columns = rng.integers(0, n_features, (n_peaks, HITS)).ravel()
    rows = np.repeat(np.arange(n_peaks), HITS)
    matrix = sp.csr_array((rng.random(columns.size, dtype=np.float32), (rows, columns)), shape=(n_peaks, n_features))
    return pd.DataFrame.sparse.from_spmatrix(sp.csr_matrix(matrix), columns=[f"m{k}" for k in range(n_features)])


def dataset(size, n_features):
    n_genes, n_peaks = size
    data, _ = make_paired_openness(n_genes, 14, n_lineages=5, n_chromosomes=22, n_peaks=n_peaks)
    features = random_features(n_peaks, n_features)
    return PairedDataset(data.openness, data.peaks, data.genes, cell_types=data.cell_types, peak_features=features)


def report(data, edges):
    X = data.pairs()
    start = time.perf_counter()

    def say(what):
        print(f"{what}: {time.perf_counter() - start:.1f} s, peak {peak_gb():.2f} GB", flush=True)

    binner = TSSBinner(edges=edges, features=list(data.tables.feature_names))
    try:
        bins = binner.fit_transform(X)
    except DenseSizeError as error:
        say(f"bands {edges}: refused: {error}")
        return
    op = bins.operator
    say(f"bands {edges}: {op.n_slots:,} slots, {op.entries_of_gene.sum():,} entries if multiplied out")
    scaled = LogZScaler().fit_transform(bins)
    say("scaler fitted")
    batch = scaled.dense(np.random.default_rng(0).choice(len(X), min(1_000, len(X)), replace=False))
    say(f"one batch {batch.shape}")


def main():
    small, n_features = "small" in sys.argv, next((int(a) for a in sys.argv[1:] if a.isdigit()), 720)
    data = dataset(SMALL if small else FULL, n_features)
    print(f"{data}\npeak {peak_gb():.2f} GB")
    for edges in (EDGES, WIDE):
        report(data, edges)


if __name__ == "__main__":
    main()
