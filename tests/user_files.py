"""Small files such as a user has: those of the example workflow, with rows that match nothing, and tracks."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd

_PATH = Path(__file__).parents[1] / "examples" / "workflow" / "make_files.py"
_spec = importlib.util.spec_from_file_location("make_files", _PATH)
make_files = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make_files)

CELL_TYPES = make_files.CELL_TYPES


def simulate():
    """90 genes in nine cell types, of which the last has no expression in any file."""
    return make_files.simulate(90)


def write_peak_calls_and_counts(folder):
    """narrowPeak files, ``genes.gtf.gz``, ``counts.txt`` as of featureCounts and ``peak_matrix.csv``."""
    data = simulate()
    make_files.write_peak_calls(data, folder)
    make_files.write_annotation(data, folder / "genes.gtf.gz")
    counts = make_files.read_counts(data)
    more = pd.DataFrame([[3] * counts.shape[1]] * 3, index=["TWICE", "ONLY_HERE", "TWICE"], columns=counts.columns)
    make_files.write_featurecounts(pd.concat([counts, more]), folder / "counts.txt")
    peaks = pd.Index(make_files.intervals(data), name="peak")
    matrix = pd.DataFrame(data.openness[:, :-1].round(3), index=peaks, columns=CELL_TYPES[:-1])
    matrix.to_csv(folder / "peak_matrix.csv")
    return data


def write_anndata(folder):
    """``atac.h5ad``, ``rna.h5ad`` (obs are cell types) and ``cells.h5ad`` (obs are cells of three cell types)."""
    import anndata

    data = simulate()
    make_files.write_h5ad(data, folder)
    labels = np.repeat(["HSC", "B", "NK"], 15)
    rate = data.openness[:, [CELL_TYPES.index(label) for label in labels]].T / 10
    cells = anndata.AnnData(
        np.random.default_rng(1).poisson(rate).astype(np.float32),
        obs=pd.DataFrame({"cell_type": labels}, index=[f"cell{i}" for i in range(labels.size)]),
        var=pd.DataFrame(index=make_files.intervals(data)),
    )
    cells.write_h5ad(folder / "cells.h5ad")


def write_tracks(folder):
    """``HSC.bw`` and ``B.bw``: the openness of each peak as a step."""
    import pybigtools

    data = simulate()
    peaks = data.peaks.sort_values(["chrom", "start"])
    sizes = {chrom: int(end) + 100_000 for chrom, end in peaks.groupby("chrom")["end"].max().items()}
    for name in ("HSC", "B"):
        signal = data.openness[peaks.index, CELL_TYPES.index(name)].astype(float)
        rows = zip(peaks["chrom"], peaks["start"].tolist(), peaks["end"].tolist(), signal.tolist(), strict=True)
        pybigtools.open(str(folder / f"{name}.bw"), "w").write(sizes, rows)
