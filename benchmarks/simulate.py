"""Simulate 17,794 genes x 201 cell types with 184,665 peaks, and print time and peak memory of this process."""

import resource
import sys
import time

from skepi.datasets import make_paired_openness


def peak_gb():
    """Peak resident memory of this process in GB (10^9 bytes); Linux counts in KiB, macOS in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


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
