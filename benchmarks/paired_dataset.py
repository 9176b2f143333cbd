"""``PairedDataset(...)`` at the report's full size, from tables in memory: how long do its checks and copies take?

Prints the median of several runs, with openness and expression as DataFrames named by cell type and gene (as readers
give them) and as plain arrays. The tables are simulated before the clock starts.
"""

import sys
import time

import numpy as np
import pandas as pd

FULL = (17_794, 201, 184_665)
SMALL = (300, 20, 6_000)
N_RUNS = 7


def make_tables(n_genes, n_cell_types, n_peaks):
    """Arguments of ``PairedDataset`` by the kind of matrix that they hold."""
    random = np.random.default_rng(0)
    chrom = [f"chr{number}" for number in range(1, 23)]
    place = np.arange(n_peaks)
    peaks = pd.DataFrame({"chrom": np.take(chrom, place % 22), "start": place * 1_000, "end": place * 1_000 + 500})
    tss = random.integers(0, n_peaks * 1_000, n_genes)
    genes = pd.DataFrame({"name": [f"gene{number}" for number in range(n_genes)], "tss": tss, "strand": "+"})
    genes["chrom"] = np.take(chrom, np.arange(n_genes) % 22)
    names = [f"type{number}" for number in range(n_cell_types)]
    openness, expression = (random.gamma(1.0, 1.0, (size, n_cell_types)) for size in (n_peaks, n_genes))
    labels = peaks["chrom"] + ":" + peaks["start"].astype(str) + "-" + peaks["end"].astype(str)
    named = {
        "openness": pd.DataFrame(openness, index=labels, columns=names),
        "expression": pd.DataFrame(expression, index=genes["name"], columns=names),
    }
    plain = {"openness": openness, "expression": expression, "cell_types": names}
    return {kind: {"peaks": peaks, "genes": genes, **given} for kind, given in (("tables", named), ("arrays", plain))}


def main(size):
    from skepi.paired import PairedDataset

    for kind, given in make_tables(*size).items():
        seconds = []
        for _ in range(N_RUNS):
            start = time.perf_counter()
            data = PairedDataset(**given)
            seconds.append(time.perf_counter() - start)
        print(f"{data}")
        print(f"{kind}: {np.median(seconds):.3f} s (median of {N_RUNS}), {min(seconds):.3f} to {max(seconds):.3f} s")


if __name__ == "__main__":
    main(SMALL if sys.argv[1:] == ["small"] else FULL)
