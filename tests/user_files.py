"""Small files such as a user has, written from simulated data: peak calls, a count matrix, an annotation, tracks."""

import gzip

import numpy as np
import pandas as pd

from skepi.datasets import make_paired_openness

CELL_TYPES = ["HSC", "CMP", "GMP", "Mono", "CLP", "B", "CD4", "CD8", "NK"]


def simulate():
    """90 genes in nine cell types, of which the last has no expression in any file."""
    data, _ = make_paired_openness(90, len(CELL_TYPES), n_lineages=3, n_chromosomes=3, cis_share=0.8, program_share=0.1)
    return data


def write_peak_calls_and_counts(folder):
    """narrowPeak files, ``genes.gtf.gz``, ``counts.txt`` as of featureCounts and ``peak_matrix.csv``."""
    data = simulate()
    for column, name in enumerate(CELL_TYPES):
        with gzip.open(folder / f"{name}_peaks.narrowPeak.gz", "wt") as file:
            file.writelines(_narrowpeak_lines(data, column, name))
    with gzip.open(folder / "genes.gtf.gz", "wt") as file:
        file.write("##description: made for a test\n")
        file.writelines(line for gene in data.genes.itertuples() for line in _gtf_lines(gene))
    counts = read_counts(data)
    more = pd.DataFrame([[3] * counts.shape[1]] * 3, index=["TWICE", "ONLY_HERE", "TWICE"], columns=counts.columns)
    table = pd.concat([counts, more]).add_prefix("bam/").add_suffix(".bam")
    for place, (name, value) in enumerate({"Chr": "chr1", "Start": 1, "End": 9, "Strand": "+", "Length": 9}.items()):
        table.insert(place, name, value)
    with open(folder / "counts.txt", "w") as file:
        file.write("# Program:featureCounts\n")
        table.rename_axis("Geneid").to_csv(file, sep="\t")
    peaks = data.peaks["chrom"] + ":" + data.peaks["start"].astype(str) + "-" + data.peaks["end"].astype(str)
    matrix = pd.DataFrame(data.openness[:, :-1].round(3), index=pd.Index(peaks, name="peak"), columns=CELL_TYPES[:-1])
    matrix.to_csv(folder / "peak_matrix.csv")
    return data


def read_counts(data):
    """Read counts, genes x the cell types that have expression."""
    counts = np.random.default_rng(0).poisson(20 * np.expm1(data.expression)).astype(int)
    return pd.DataFrame(counts, index=data.genes["name"].to_numpy(), columns=CELL_TYPES).drop(columns="NK")


def write_anndata(folder):
    """``atac.h5ad``, ``rna.h5ad`` (obs are cell types) and ``cells.h5ad`` (obs are cells of three cell types)."""
    import anndata

    data = simulate()
    counts = read_counts(data)
    peaks = data.peaks.set_index(data.peaks["chrom"] + ":" + data.peaks["start"].astype(str)).rename_axis(None)
    obs = pd.DataFrame({"lineage": data.cell_types["lineage"].to_numpy()}, index=CELL_TYPES)[:-1]
    anndata.AnnData(data.openness.T[:-1].copy(), obs=obs, var=peaks).write_h5ad(folder / "atac.h5ad")
    anndata.AnnData(counts.to_numpy(np.float32).T, obs=obs, var=counts[[]]).write_h5ad(folder / "rna.h5ad")
    labels = np.repeat(["HSC", "B", "NK"], 15)
    rate = data.openness[:, [CELL_TYPES.index(label) for label in labels]].T / 10
    cells = anndata.AnnData(
        np.random.default_rng(1).poisson(rate).astype(np.float32),
        obs=pd.DataFrame({"cell_type": labels}, index=[f"cell{i}" for i in range(labels.size)]),
        var=pd.DataFrame(index=peaks.index + "-" + peaks["end"].astype(str)),
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


def _narrowpeak_lines(data, column, name):
    for row, (peak, signal) in enumerate(zip(data.peaks.itertuples(), data.openness[:, column], strict=True)):
        if signal > 0:
            fields = [peak.chrom, peak.start, peak.end, f"{name}_peak_{row}", int(10 * signal), "."]
            summit = (peak.end - peak.start) // 2
            yield (
                "\t".join(map(str, [*fields, f"{signal:.5f}", f"{3 * signal:.5f}", f"{2 * signal:.5f}", summit])) + "\n"
            )


def _gtf_lines(gene):
    """Two transcripts at the start site and one 40 bp downstream; positions count from 1, ends included."""
    for number, shift in enumerate((0, 0, 40)):
        base = gene.tss + 1 + (shift if gene.strand == "+" else -shift)
        first, last = (base, base + 2_000) if gene.strand == "+" else (max(base - 2_000, 1), base)
        names = f'gene_id "ENSG{gene.Index:011d}.1"; gene_name "{gene.name}"; transcript_id "T{gene.Index}.{number}";'
        yield "\t".join([gene.chrom, "test", "transcript", str(first), str(last), ".", gene.strand, ".", names]) + "\n"
