"""Data sets of several signals, and of features of peaks, for tests."""

import numpy as np
import pandas as pd

from skepi.datasets import make_paired_openness
from skepi.paired import PairedDataset


def several_signals(names=("ATAC", "H3K27ac"), *, features=False, n_genes=30, n_cell_types=9, random_state=2):
    """Signals with peaks of their own, simulated around the same genes; expression follows the first."""
    settings = {"n_genes": n_genes, "n_cell_types": n_cell_types, "n_lineages": 3, "n_peaks": 1_200}
    made = [make_paired_openness(**settings, random_state=random_state + k)[0] for k in range(len(names))]
    first = made[0]
    return PairedDataset(
        {name: np.asarray(one.openness) for name, one in zip(names, made, strict=True)},
        {name: one.peaks for name, one in zip(names, made, strict=True)},
        first.genes,
        first.expression,
        first.cell_types,
        {name: _features(len(one.peaks), k) for k, (name, one) in enumerate(zip(names, made, strict=True))}
        if features
        else None,
    )


def two_signals_by_hand():
    """Two peaks of ATAC and three of K27ac around two genes, in cell types x and y."""
    return PairedDataset(
        {
            "ATAC": pd.DataFrame([[8.0, 16], [2, 0]], columns=["x", "y"]),
            "K27ac": pd.DataFrame([[1.0, 3], [5, 5], [0, 7]], columns=["x", "y"]),
        },
        {
            "ATAC": {"chrom": ["1"] * 2, "start": [98, 103], "end": [102, 105]},
            "K27ac": {"chrom": ["1"] * 3, "start": [90, 98, 900], "end": [96, 102, 940]},
        },
        {"name": ["a", "b"], "chrom": ["1", "1"], "tss": [100, 100], "strand": ["+", "-"]},
        [[0.0, 1.0], [2.0, 1.0]],
    )


def _features(n_peaks, seed):
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"class": rng.choice(["promoter", "distal"], n_peaks), "cpg": rng.random(n_peaks).round(3)})
