"""Simulate 17,794 genes x 201 cell types with 184,665 peaks, and print time and peak memory of this process."""

import time

from memory import peak_gb

from skepi.datasets import make_paired_openness


def main():
    print(f"imports: peak {peak_gb():.2f} GB")
    start = time.perf_counter()
    data, truth = make_paired_openness(17_794, 201, n_lineages=12, n_chromosomes=22, n_peaks=184_665)
    seconds = time.perf_counter() - start
    print(f"{data}; {truth.signal.shape[0]:,} x {truth.signal.shape[1]} true signals")
    print(f"time {seconds:.1f} s")
    print(f"peak memory {peak_gb():.2f} GB")


if __name__ == "__main__":
    main()
