"""Bin and scale all genes of the blood data, and print time and peak memory of this process."""

import time

import numpy as np
from memory import peak_gb

from skepi.binning import TSSBinner
from skepi.datasets import fetch_hematopoiesis
from skepi.preprocessing import LogZScaler


def main():
    print(f"imports: peak {peak_gb():.2f} GB")
    start = time.perf_counter()
    data = fetch_hematopoiesis().counts
    X = data.pairs()
    print(f"{data}\ntables: {time.perf_counter() - start:.1f} s, peak {peak_gb():.2f} GB")
    bins = TSSBinner().fit_transform(X)
    print(f"{bins}, {bins.operator.n_slots:,} slots: {time.perf_counter() - start:.1f} s, peak {peak_gb():.2f} GB")
    scaled = LogZScaler().fit_transform(bins)
    print(f"{scaled}: {time.perf_counter() - start:.1f} s, peak {peak_gb():.2f} GB")
    batch = scaled.dense(np.random.default_rng(0).choice(len(X), 10_000, replace=False))
    print(f"one batch {batch.shape}: {time.perf_counter() - start:.1f} s")
    print(f"peak memory {peak_gb():.2f} GB")


if __name__ == "__main__":
    main()
