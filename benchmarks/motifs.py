"""Time and memory of scoring 375,809 windows of 500 bp of random DNA for 720 motifs, both strands.

``motifs.py MOTIFS`` reads a folder with matrices (JASPAR 2024); ``motifs.py MOTIFS 20000`` takes fewer windows and says
what all would take. Best scores go to a memory map, hits to sparse features of peaks. Where memelite is installed, it
counts hits too, from its own p-values.
"""

import importlib.util
import os
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from memory import peak_gb

from skepi.exceptions import ShortMotifWarning
from skepi.motifs import MotifScanner, read_motifs

N_WINDOWS, WIDTH = 375_809, 500


def timed(what, share, call):
    start, cpu = time.perf_counter(), time.process_time()
    result = call()
    took, busy = time.perf_counter() - start, time.process_time() - cpu
    print(f"{what}: {took:.1f} s ({busy:.1f} s of processor time), {took / share:.0f} s for all; {peak_gb():.2f} GB")
    return result


def one_hot(letters):
    """As memelite has it, (n, 4, width)."""
    return (letters[:, None, :] == np.arange(4)[:, None]).astype(np.int8)


def main(motifs, n_windows):
    motifs = read_motifs(motifs / "JASPAR2024_CORE_human.meme.gz")
    share = n_windows / N_WINDOWS
    letters = np.random.default_rng(0).integers(0, 4, (n_windows, WIDTH), dtype=np.uint8)
    print(f"{n_windows} windows of {WIDTH} bp, {len(motifs)} motifs, {torch.get_num_threads()} threads")
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors; {peak_gb():.2f} GB before")
    best = MotifScanner(motifs).fit(letters)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ShortMotifWarning)
        hits = MotifScanner(motifs, "hits", p_value=1e-4).fit(letters)
    with tempfile.TemporaryDirectory() as folder:
        timed("best, to a file", share, lambda: best.transform(letters, out=Path(folder, "best.npy")))
    found = timed("hits, sparse, p < 1e-4", share, lambda: hits.peak_features(letters))
    print(f"{found.sparse.density:.3f} of the features are not 0")
    if importlib.util.find_spec("memelite"):
        from memelite import fimo

        of_memelite = {name: matrix.T for name, matrix in zip(motifs.names, motifs.matrices, strict=True)}
        hot = one_hot(letters)
        fimo(of_memelite, hot[:10], return_counts=True)  # compiled once
        timed("hits by memelite, p < 1e-4", share, lambda: fimo(of_memelite, hot, return_counts=True))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("wanted a folder of matrices: python motifs.py MOTIFS [n_windows]")
    main(Path(sys.argv[1]), int(sys.argv[2]) if sys.argv[2:] else N_WINDOWS)
