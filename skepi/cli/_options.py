"""Options that several commands have. Nothing but the standard library is imported here."""

import argparse
import os
from collections.abc import Sequence
from typing import Any

SPLITS = ("random pairs", "cell types", "lineages", "chromosomes", "crossed")
#: Models by name; ``_models`` makes them.
MODELS = (
    "training mean",
    "promoter sum",
    "distance decay",
    "nearest cell type",
    "lasso",
    "ridge",
    "network",
    "cis and cell state",
)
#: Models on pairs alone, which have no bins.
RULES = MODELS[:4]
FAST = ["training mean", "promoter sum", "nearest cell type", "ridge", "cis and cell state"]
BEST = "cis and cell state"


def add_openness(command: argparse.ArgumentParser, consensus: bool = True) -> None:
    group = command.add_argument_group("openness (one of the first two)")
    replaced = "consensus peaks" if consensus else "those of --train"
    group.add_argument(
        "--peak-calls",
        nargs="+",
        metavar="[NAME=]FILE",
        help="one file of peak calls per cell type (narrowPeak, broadPeak, SEACR, HOMER ...); the cell type is named "
        "after the file, without its ending and _peaks",
    )
    group.add_argument(
        "--openness",
        metavar="PATH",
        help="peak matrix (peaks x cell types: text or parquet), .h5ad, .h5mu, Cell Ranger's .h5, or a folder with "
        "matrix.mtx",
    )
    group.add_argument(
        "--peaks",
        metavar="FILE",
        help=f"BED file of the peaks: with --peak-calls in place of {replaced}, with a matrix in place of intervals as "
        "row names",
    )
    group.add_argument(
        "--openness-labels",
        nargs="+",
        metavar="COLUMN",
        help="column or three columns (chromosome, start, end) of the peak matrix that name its rows; "
        "those of featureCounts are known",
    )
    group.add_argument(
        "--one-based", action="store_true", help="with three --openness-labels: positions count from 1 (DiffBind)"
    )
    group.add_argument(
        "--openness-drop", nargs="+", metavar="COLUMN", help="columns of the peak matrix that are no cell types"
    )
    if consensus:
        _add_consensus(group)


def _add_consensus(group: Any) -> None:
    group.add_argument("--exclude", metavar="FILE", help="BED file of artefact regions, left out of consensus peaks")
    group.add_argument(
        "--width", type=int, default=500, metavar="BP", help="width of consensus peaks in bp (default: %(default)s)"
    )
    group.add_argument(
        "--score",
        default="log10_p",
        help="column that orders consensus peaks (default: %(default)s); signal_value "
        "where the caller gives no p-values",
    )


def add_cells(command: argparse.ArgumentParser) -> None:
    cells = command.add_argument_group("single cells (summed to cell types)")
    cells.add_argument(
        "--cell-labels",
        metavar="FILE",
        help="tab-separated table with a header: cells in the first column, and the column --label-column",
    )
    cells.add_argument(
        "--label-column",
        metavar="COLUMN",
        help="column with the cell type of each cell (default: cell_type where there "
        "is --cell-labels); without --cell-labels, a column of obs: cells of an h5ad are then summed",
    )
    cells.add_argument(
        "--unlabelled", choices=["error", "drop"], default="error", help="cells without label (default: %(default)s)"
    )
    cells.add_argument(
        "--modalities",
        nargs=2,
        default=["atac", "rna"],
        metavar=("ATAC", "RNA"),
        help="names of both in an .h5mu (default: atac rna)",
    )


def add_genes(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("genes")
    group.add_argument(
        "--genes",
        metavar="FILE",
        help="GTF, GFF3, or a table of start sites without header (chrom, start, end, "
        "transcript, gene, strand); not needed where an expression .h5ad has chrom, tss and strand",
    )
    group.add_argument(
        "--policy",
        choices=["most_transcripts", "most_upstream", "all"],
        default="most_transcripts",
        help="start site of a gene (default: %(default)s)",
    )
    group.add_argument(
        "--gene-name", choices=["gene_name", "gene_id"], help="what names genes (default: gene_name where there is one)"
    )
    group.add_argument("--strip-versions", action="store_true", help="take .18 off Ensembl identifiers on both sides")
    group.add_argument(
        "--chromosomes", choices=["ucsc", "ensembl"], help="rename chromosomes of peaks and genes: chr1 or 1"
    )
    group.add_argument(
        "--strandless", choices=["error", "drop"], default="error", help="genes without strand (default: %(default)s)"
    )


def add_expression(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("expression")
    group.add_argument(
        "--expression",
        metavar="PATH",
        help="counts or log values, genes x cell types (featureCounts, text, parquet), "
        ".h5ad, Cell Ranger's .h5 or a folder with matrix.mtx; taken from --openness where that is an .h5mu",
    )
    group.add_argument(
        "--drop",
        nargs="+",
        default=[],
        metavar="COLUMN",
        help="columns that are no cell types; those of featureCounts are known",
    )
    group.add_argument(
        "--repeated", choices=["error", "drop", "sum"], default="error", help="rows of one name (default: %(default)s)"
    )
    group.add_argument(
        "--missing",
        choices=["error", "zero", "drop"],
        default="error",
        help="values that are missing (default: %(default)s)",
    )
    group.add_argument(
        "--feature",
        choices=["name", "id"],
        default="name",
        help="what names the genes of Cell Ranger's files (default: %(default)s)",
    )
    group.add_argument(
        "--cell-types", metavar="FILE", help="tab-separated table with columns name and, where known, lineage"
    )
    group.add_argument(
        "--common-cell-types",
        action="store_true",
        help="keep the cell types that openness and expression both have; the default refuses others",
    )


def add_dataset(command: argparse.ArgumentParser) -> None:
    command.add_argument("data", nargs="?", metavar="DATA", help="folder that `skepi build` wrote")


def add_normalizer(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("normalisation of expression")
    group.add_argument(
        "--normalizer",
        choices=["quantile", "tmm", "log_cpm", "none"],
        help="how counts become log expression (default: quantile for counts, none for log values)",
    )
    group.add_argument(
        "--min-mean-cpm",
        type=float,
        default=1.0,
        metavar="CPM",
        help="genes are kept whose mean is greater (default: %(default)s)",
    )


def _names(text: str) -> str:
    return text.replace("-", " ")


def add_model(command: argparse.ArgumentParser, what: str = "") -> None:
    command.add_argument(
        "--model",
        type=_names,
        choices=MODELS,
        default=BEST,
        metavar="MODEL",
        help=f"{what}one of {_dashed(MODELS)} (default: {BEST.replace(' ', '-')})",
    )


def add_comparison(command: argparse.ArgumentParser, controls: Sequence[str] = ()) -> None:
    command.add_argument(
        "--models",
        nargs="+",
        type=_names,
        choices=MODELS,
        default=FAST,
        metavar="MODEL",
        help=f"some of {_dashed(MODELS)} (default: all but distance-decay, lasso and network)",
    )
    command.add_argument(
        "--splits",
        nargs="+",
        type=_names,
        choices=SPLITS,
        metavar="SPLIT",
        help=f"some of {_dashed(SPLITS)} (default: cell-types, and lineages where they are known)",
    )
    command.add_argument(
        "--controls",
        nargs="+",
        type=_names,
        choices=["cell types", "genes"],
        default=[*controls],
        metavar="CONTROL",
        help=f"repeat everything with permuted cell-types or genes (default: {'cell-types' if controls else 'none'})",
    )
    command.add_argument("--folder", metavar="FOLDER", help="keep every fit there, and go on with those that are there")
    command.add_argument(
        "--n-bootstrap", type=int, default=1000, metavar="N", help="resamples for intervals (default: %(default)s)"
    )


def add_jobs(command: argparse.ArgumentParser) -> None:
    command.add_argument("--n-jobs", type=int, default=_cpus(), metavar="N", help="processes (default: %(default)s)")


def add_seed(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--random-state", type=int, default=0, metavar="SEED", help="seed of all that is random (default: %(default)s)"
    )


def add_output(command: argparse.ArgumentParser, what: str, metavar: str = "FILE") -> None:
    command.add_argument("--output", metavar=metavar, help=what)


def _dashed(names: tuple[str, ...]) -> str:
    return ", ".join(name.replace(" ", "-") for name in names)


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
