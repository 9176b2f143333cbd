"""At the prompt: time of ``import skepi``, and of the cards of notebooks at the report's full size (or ``small``)."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from skepi import PairedDataset, TSSBinner, make_paired_openness

FULL = {"n_genes": 17_794, "n_cell_types": 201, "n_peaks": 184_665}
IO = Path("/proc/self/io")
SMALL = {"n_genes": 60, "n_cell_types": 8, "n_peaks": 2_000}


def import_seconds():
    """Seconds that a fresh Python spends in ``import skepi``, the median of 5; by ``-X importtime``."""
    command = [sys.executable, "-X", "importtime", "-c", "import skepi"]
    lines = [subprocess.run(command, capture_output=True, text=True, check=True).stderr for _ in range(5)]
    return float(np.median([int(text.splitlines()[-1].split("|")[1]) for text in lines])) / 1e6


def report(what, shown):
    """Print how long a card takes the first time and the second."""
    start = time.perf_counter()
    shown._repr_html_()
    first = time.perf_counter() - start
    start = time.perf_counter()
    page = shown._repr_html_()
    print(f"{what}: {first:.3f} s, again {time.perf_counter() - start:.3f} s, {len(page):,} letters")


def read_mb():
    """MB that this process has read from the disk itself, or NaN where the system does not say."""
    if not IO.exists():
        return np.nan
    return next(int(line.split()[1]) for line in IO.read_text().splitlines() if line.startswith("read_bytes")) / 1e6


def forget(folder):
    """Let the system drop what it keeps of files in memory, so that they are read from the disk again."""
    for path in folder.iterdir():
        with open(path, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def report_saved(data, folder):
    """Print what the card of a data set on disk takes and reads, where nothing of it is in memory."""
    data.save(folder)
    if hasattr(os, "posix_fadvise"):
        forget(folder)
    opened = PairedDataset.open(folder, verify=False)
    before = read_mb()
    report("card of the data set, on disk", opened)
    size = (opened.openness.nbytes + opened.expression.nbytes) / 1e6
    print(f"read {read_mb() - before:.1f} MB of {size:.1f} MB openness and expression")


def main(size):
    print(f"import skepi: {import_seconds():.4f} s")
    data, _ = make_paired_openness(**(SMALL if size == "small" else FULL))
    print(data)
    report("card of the data set, in memory", data)
    report("card of its pairs", data.pairs())
    report("card of 2,000 bins", TSSBinner().fit_transform(data.pairs()))
    with tempfile.TemporaryDirectory() as folder:
        report_saved(data, Path(folder) / "data")


if __name__ == "__main__":
    main(*sys.argv[1:] or ["full"])
