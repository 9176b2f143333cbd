"""Read the 16 narrowPeak files of the blood data and build the openness matrix; print time and peak memory."""

import resource
import subprocess
import sys
import time
from pathlib import Path

from memory import peak_gb

N_JOBS = 2


def build(paths):
    """In a process of its own, so that nothing else counts."""
    from skepi.peaks import consensus_peaks, openness_over_peaks, read_narrowpeaks

    start = time.perf_counter()
    called = read_narrowpeaks({Path(path).name.split("_")[0]: path for path in paths}, n_jobs=N_JOBS)
    read = time.perf_counter() - start
    peaks = consensus_peaks(called)
    openness = openness_over_peaks(called, peaks)
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown(wait=True)  # the memory of workers is known when they have ended
    print(f"{sum(map(len, called.values())):,} peak calls to {len(peaks):,} windows x {openness.shape[1]} populations")
    print(f"reading {read:.1f} s, all {time.perf_counter() - start:.1f} s")
    workers = peak_gb(resource.RUSAGE_CHILDREN)
    memory = peak_gb()
    print(f"peak memory {memory:.2f} GB, and {workers:.2f} GB in each of {N_JOBS} workers")


def main():
    from skepi.datasets import fetch_hematopoiesis

    paths = [path for path in fetch_hematopoiesis(n_jobs=N_JOBS).filenames if "narrowPeak" in path]
    subprocess.run([sys.executable, __file__, *paths], check=True)


if __name__ == "__main__":
    build(sys.argv[1:]) if sys.argv[1:] else main()
