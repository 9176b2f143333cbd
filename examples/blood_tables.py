"""Read the blood tables (14 sorted human populations, hg19) that the blood examples use.

Measurements of Corces et al. 2016 (Nat Genet, GSE74912 and GSE74246) and Ulirsch, Lareau, Bao et al. 2019 (Nat Genet,
doi 10.1038/s41588-019-0362-6). The folder named by the environment variable ``SKEPI_HEME14`` (by default
``../shared/data/heme14`` beside the checkout) holds ``peaks.parquet``, ``openness.parquet``, ``genes.parquet``,
``expression.parquet`` (read counts) and ``samples.tsv``.
"""

import os
import sys
import warnings
from pathlib import Path

import pandas as pd

from skepi.exceptions import ChromosomeWarning
from skepi.normalization import ExpressionNormalizer
from skepi.paired import PairedDataset

FOLDER = Path(os.environ.get("SKEPI_HEME14", Path(__file__).resolve().parents[2] / "shared" / "data" / "heme14"))


def skip_if_absent():
    """Leave the script, with the reason, where the tables are not at hand."""
    if not (FOLDER / "peaks.parquet").exists():
        print(f"skipped: the blood tables are not at {FOLDER}; set SKEPI_HEME14 to their folder")
        sys.exit(0)


def read_counts(folder=FOLDER):
    """Openness and read counts of all 18,845 genes in 14 populations, as one data set."""
    openness = pd.read_parquet(folder / "openness.parquet").drop(columns="peak")
    genes = pd.read_parquet(folder / "genes.parquet").rename(columns={"gene": "name"})
    # UCSC gives the boundary where transcription starts; on the minus strand the first base lies before it.
    genes["tss"] -= (genes["strand"] == "-").astype(int)
    counts = pd.read_parquet(folder / "expression.parquet").set_index("gene")
    samples = pd.read_csv(folder / "samples.tsv", sep="\t")
    cell_types = samples[["cell_type", "lineage"]].rename(columns={"cell_type": "name"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ChromosomeWarning)  # the peaks leave out chrY, where 35 genes lie
        return PairedDataset(openness, pd.read_parquet(folder / "peaks.parquet"), genes, counts, cell_types)


def read_blood(folder=FOLDER):
    """The same with quantile-normalised log expression, genes with a mean CPM over 1.

    The reference uses all 14 populations, held-out ones included; this changes the figures in the third decimal.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ChromosomeWarning)
        return read_counts(folder).transform_expression(ExpressionNormalizer("quantile", min_mean_cpm=1))
