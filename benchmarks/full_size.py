"""The report's full size, from a saved data set in a fresh process: open, bin, scale, make batches.

Prints the time from opened tables to a fitted scaler, the time of a batch, and the peak of anonymous memory (what is
mapped from files does not count). The data are simulated and saved by another process first. ``full_size.py ten`` has
ten times the cell types, ``full_size.py three`` three signals with as many peaks each.
"""

import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

FULL = (17_794, 201, 184_665, 1)
TEN_TIMES = (17_794, 2_010, 184_665, 1)
THREE_SIGNALS = (17_794, 201, 184_665, 3)
SMALL = (300, 20, 6_000, 1)


def anonymous_gb():
    """Anonymous memory of this process in GB (10^9 bytes); Linux."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) * 1024 / 1e9


class PeakMemory:
    """Highest anonymous memory while the block runs, looked at every 5 ms."""

    def __enter__(self):
        self.peak, self._done = anonymous_gb(), threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self):
        while not self._done.wait(0.005):
            self.peak = max(self.peak, anonymous_gb())

    def __exit__(self, *error):
        self._done.set()
        self._thread.join()


def save(path, size):
    from skepi.datasets import make_paired_openness

    n_genes, n_cell_types, n_peaks, n_signals = size
    signals = None if n_signals == 1 else {f"signal{k}": 1 / n_signals for k in range(n_signals)}
    law = {"n_lineages": 12, "n_chromosomes": 22, "n_peaks": n_peaks, "signals": signals}
    data, _ = make_paired_openness(n_genes, n_cell_types, **law)
    data.save(path)


def use(path):
    import numpy as np

    from skepi.binning import TSSBinner
    from skepi.paired import PairedDataset
    from skepi.preprocessing import LogZScaler

    rows = np.random.default_rng(0)
    with PeakMemory() as memory:
        data = PairedDataset.open(path)
        start = time.perf_counter()
        X = data.pairs()
        bins = TSSBinner().fit_transform(X)
        binned = time.perf_counter() - start
        scaled = LogZScaler().fit_transform(bins)
        fitted = time.perf_counter() - start
        batches = []
        for _ in range(20):
            start = time.perf_counter()
            batch = scaled.dense(rows.choice(len(X), min(10_000, len(X)), replace=False))
            batches.append(time.perf_counter() - start)
    print(f"{data}")
    print(f"{scaled}, {scaled.operator.n_slots:,} slots; batches {batch.shape}")
    print(f"bins {binned:.1f} s, tables to fitted scaler {fitted:.1f} s")
    print(f"a batch {np.median(batches):.3f} s (median of 20), {max(batches):.3f} s at most")
    print(f"peak anonymous memory {memory.peak:.2f} GB")


def main(size):
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "simulated")
        for step in ("save", "use"):
            subprocess.run([sys.executable, __file__, step, path, *map(str, size)], check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["save"]:
        save(sys.argv[2], tuple(map(int, sys.argv[3:])))
    elif sys.argv[1:2] == ["use"]:
        use(sys.argv[2])
    else:
        main({"small": SMALL, "ten": TEN_TIMES, "three": THREE_SIGNALS}.get("".join(sys.argv[1:]), FULL))
