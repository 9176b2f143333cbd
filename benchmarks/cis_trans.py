"""CisTransRegressor at the report's full size, from a saved data set in a fresh process: one fit and one prediction.

Prints the time of the fit, bands included, of the prediction of 20 cell types with SDs, and the peak of anonymous
memory (what is mapped from files does not count) and of resident memory. The data are simulated and saved by another
process first.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from full_size import FULL, SMALL, PeakMemory, save
from memory import peak_gb


def use(path):
    from sklearn.pipeline import make_pipeline

    from skepi.binning import TSSBinner, symmetric_edges
    from skepi.gaussian_process import CisTransRegressor
    from skepi.paired import PairedDataset

    with PeakMemory() as memory:
        data = PairedDataset.open(path)
        start = time.perf_counter()
        X, y = data.pairs(return_X_y=True)
        model = make_pipeline(TSSBinner(edges=symmetric_edges()), CisTransRegressor()).fit(X, y)
        fitted = time.perf_counter() - start
    fit_peak = peak_gb()
    with PeakMemory() as predicting:
        start = time.perf_counter()
        asked = data.pairs(cell_types=list(data.cell_types["name"][-20:]))
        model.predict(asked, return_std=True)
        predicted = time.perf_counter() - start
    print(f"{data}")
    print(f"fit {fitted:.1f} s; peak memory {memory.peak:.2f} GB anonymous, {fit_peak:.2f} GB resident")
    print(f"prediction of {len(asked):,} pairs with SDs {predicted:.1f} s; peak {predicting.peak:.2f} GB anonymous")


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
        main({"small": SMALL}.get("".join(sys.argv[1:]), FULL))
