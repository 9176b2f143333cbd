"""Write small files such as you have, to try the workflow with: one cell type has peak calls and no expression.

    python make_files.py                   peak calls, a table of featureCounts, a GTF
    python make_files.py --single-cells    also folders of single cells, as of Cell Ranger, with a label for each
    python make_files.py --h5ad            also AnnData files (needs anndata)

The data are simulated; names of cell types are those of blood to be readable, and say nothing about blood.
"""

import argparse
import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.io
import scipy.sparse as sp

from skepi.datasets import make_paired_openness

CELL_TYPES = ["HSC", "CMP", "GMP", "Mono", "CLP", "B", "CD4", "CD8", "NK"]
NEW = "NK"  # has no expression in any file
TRAINING = [name for name in CELL_TYPES if name != NEW]
CELLS_PER_TYPE = 60


def simulate(n_genes=240):
    """Openness and expression of nine cell types, in which openness around a gene says much about its expression."""
    data, _ = make_paired_openness(
        n_genes, len(CELL_TYPES), n_lineages=3, n_chromosomes=3, cis_share=0.8, program_share=0.1
    )
    return data


def write_peak_calls(data, folder):
    """``HSC_peaks.narrowPeak.gz`` and so on, as MACS writes them: the peaks that are open in a cell type."""
    for column, name in enumerate(CELL_TYPES):
        with gzip.open(folder / f"{name}_peaks.narrowPeak.gz", "wt") as file:
            file.writelines(_narrowpeak_lines(data, column, name))


def write_annotation(data, path):
    """GTF, gzipped, with three transcripts per gene."""
    with gzip.open(path, "wt") as file:
        file.write("##description: simulated\n")
        file.writelines(line for gene in data.genes.itertuples() for line in _gtf_lines(gene))


def read_counts(data):
    """Read counts, genes x the cell types that have expression."""
    counts = np.random.default_rng(0).poisson(20 * np.expm1(data.expression)).astype(int)
    return pd.DataFrame(counts, index=data.genes["name"].to_numpy(), columns=CELL_TYPES)[TRAINING]


def write_featurecounts(counts, path):
    """Table as featureCounts writes it: a comment, annotation, one column per file of alignments."""
    table = counts.add_prefix("bam/").add_suffix(".bam")
    for place, (name, value) in enumerate({"Chr": "chr1", "Start": 1, "End": 9, "Strand": "+", "Length": 9}.items()):
        table.insert(place, name, value)
    with open(path, "w") as file:
        file.write("# Program:featureCounts\n")
        table.rename_axis("Geneid").to_csv(file, sep="\t")


def write_cell_types(data, path):
    """Lineage of each cell type that has expression."""
    lineages = pd.DataFrame({"name": CELL_TYPES, "lineage": data.cell_types["lineage"].to_numpy()})
    lineages[lineages["name"] != NEW].to_csv(path, sep="\t", index=False)


def write_single_cells(data, folder):
    """``cells``, both modalities as Cell Ranger ARC writes them, and ``new_cells``, openness alone; with labels."""
    peaks = pd.DataFrame({"id": intervals(data), "name": intervals(data), "type": "Peaks"})
    genes = pd.DataFrame({"id": gene_ids(data), "name": data.genes["name"].to_numpy(), "type": "Gene Expression"})
    rng = np.random.default_rng(2)
    openness = {name: _cells(rng, data.openness[:, column] / 20) for column, name in enumerate(CELL_TYPES)}
    expression = {
        name: _cells(rng, np.expm1(data.expression[:, column]) / 10) for column, name in enumerate(CELL_TYPES)
    }
    both = {name: sp.vstack([expression[name], openness[name]]) for name in TRAINING}
    _write_mtx(folder / "cells", both, pd.concat([genes, peaks]))
    _write_mtx(folder / "new_cells", {NEW: openness[NEW]}, peaks)


def write_h5ad(data, folder):
    """``atac.h5ad``, ``rna.h5ad`` and ``new_atac.h5ad``, whose obs are cell types."""
    import anndata

    lineage = pd.DataFrame({"lineage": data.cell_types["lineage"].to_numpy()}, index=CELL_TYPES)
    peaks = data.peaks.set_index(intervals(data))
    openness = pd.DataFrame(data.openness.T, index=CELL_TYPES)
    for name, cell_types in {"atac": TRAINING, "new_atac": [NEW]}.items():
        values = openness.loc[cell_types].to_numpy()
        anndata.AnnData(values, obs=lineage.loc[cell_types], var=peaks).write_h5ad(folder / f"{name}.h5ad")
    counts = read_counts(data)
    rna = anndata.AnnData(counts.to_numpy(np.float32).T, obs=lineage.loc[TRAINING], var=counts[[]])
    rna.write_h5ad(folder / "rna.h5ad")


def intervals(data):
    """Names of peaks such as ``chr1:100-600``."""
    return (
        data.peaks["chrom"] + ":" + data.peaks["start"].astype(str) + "-" + data.peaks["end"].astype(str)
    ).to_numpy()


def gene_ids(data):
    """Ensembl identifiers of genes, made up."""
    return [f"ENSG{number:011d}.1" for number in range(len(data.genes))]


def _narrowpeak_lines(data, column, name):
    for row, (peak, signal) in enumerate(zip(data.peaks.itertuples(), data.openness[:, column], strict=True)):
        if signal > 0:
            fields = [peak.chrom, peak.start, peak.end, f"{name}_peak_{row}", int(10 * signal), "."]
            summit = (peak.end - peak.start) // 2
            scores = [f"{signal:.5f}", f"{3 * signal:.5f}", f"{2 * signal:.5f}", summit]
            yield "\t".join(map(str, fields + scores)) + "\n"


def _gtf_lines(gene):
    """Two transcripts at the start site and one 40 bp downstream; positions count from 1, ends included."""
    for number, shift in enumerate((0, 0, 40)):
        base = gene.tss + 1 + (shift if gene.strand == "+" else -shift)
        first, last = (base, base + 2_000) if gene.strand == "+" else (max(base - 2_000, 1), base)
        names = f'gene_id "ENSG{gene.Index:011d}.1"; gene_name "{gene.name}"; transcript_id "T{gene.Index}.{number}";'
        fields = [gene.chrom, "simulated", "transcript", first, last, ".", gene.strand, ".", names]
        yield "\t".join(map(str, fields)) + "\n"


def _cells(rng, rate):
    """Counts of features x cells of one cell type."""
    return sp.coo_array(rng.poisson(rate[:, None], size=(len(rate), CELLS_PER_TYPE)))


def _write_mtx(folder, counts, features):
    """Folder of matrix, barcodes and features, and beside it a table of the cell type of each barcode."""
    folder.mkdir(exist_ok=True)
    labels = pd.DataFrame({"cell_type": np.repeat(list(counts), CELLS_PER_TYPE)})
    labels.insert(0, "barcode", [f"{name}-{number}" for number, name in enumerate(labels["cell_type"], start=1)])
    with gzip.open(folder / "matrix.mtx.gz", "wb") as file:
        scipy.io.mmwrite(file, sp.hstack(list(counts.values())), field="integer")
    labels["barcode"].to_csv(folder / "barcodes.tsv.gz", index=False, header=False)
    features.to_csv(folder / "features.tsv.gz", sep="\t", index=False, header=False)
    labels.to_csv(folder.with_name(f"{folder.name}_labels.tsv"), sep="\t", index=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default="files", help="where to write (default: %(default)s)")
    parser.add_argument("--n-genes", type=int, default=240, help="default: %(default)s")
    parser.add_argument("--single-cells", action="store_true")
    parser.add_argument("--h5ad", action="store_true")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    data = simulate(options.n_genes)
    write_peak_calls(data, options.folder)
    write_annotation(data, options.folder / "genes.gtf.gz")
    write_featurecounts(read_counts(data), options.folder / "counts.txt")
    write_cell_types(data, options.folder / "cell_types.tsv")
    if options.single_cells:
        write_single_cells(data, options.folder)
    if options.h5ad:
        write_h5ad(data, options.folder)


if __name__ == "__main__":
    main()
