"""Does it help to put promoter peaks and other peaks of 14 blood populations into columns of their own?

Reads the tables of ``unseen_cell_types.py`` (SKEPI_HEME14 names their folder). A promoter peak has its middle within
1 kb of a start site of the table. Prints skill and median r of three models on plain bands, on bands of each class, and
on both side by side, where a population or its whole lineage was never seen.
"""

import os
import sys
import warnings
from pathlib import Path

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from unseen_cell_types import SPLITS, read

from skepi.binning import BinnerUnion, TSSBinner, symmetric_edges
from skepi.comparison import compare_models
from skepi.compose import GeneZTarget
from skepi.exceptions import DistantCellTypeWarning
from skepi.gaussian_process import CisTransRegressor
from skepi.linear_model import LassoBaseline
from skepi.normalization import ExpressionNormalizer
from skepi.paired import PairedDataset
from skepi.preprocessing import LogZScaler

REACH_BP = 1_000
CLASSES = ["class:distal", "class:promoter"]


def with_classes(data):
    middle = (data.peaks["start"] + data.peaks["end"]) // 2
    promoter = np.zeros(len(middle), dtype=bool)
    for chrom, sites in data.genes.groupby("chrom")["tss"]:
        here = np.flatnonzero(data.peaks["chrom"] == chrom)
        tss = np.sort(sites.to_numpy())
        place = np.clip(np.searchsorted(tss, middle.iloc[here]), 1, max(1, tss.size - 1))
        near = np.minimum(
            *(np.abs(middle.to_numpy()[here] - tss[np.minimum(k, tss.size - 1)]) for k in (place - 1, place))
        )
        promoter[here] = near <= REACH_BP
    print(f"{promoter.mean():.1%} of {promoter.size:,} peaks are promoter peaks")
    classes = {"class": np.where(promoter, "promoter", "distal")}
    return PairedDataset(data.openness, data.peaks, data.genes, data.expression, data.cell_types, classes)


def main(folder):
    warnings.simplefilter("ignore", DistantCellTypeWarning)
    data = with_classes(read(folder))
    bands = TSSBinner(edges=symmetric_edges())
    apart = TSSBinner(edges=symmetric_edges(), features=CLASSES)
    columns = {"plain": bands, "by class": apart, "both": BinnerUnion([("plain", bands), ("classes", apart)])}
    models = {
        "cis and cell state": [CisTransRegressor()],
        "ridge": [LogZScaler(), GeneZTarget(Ridge(100.0))],
        "Lasso": [LogZScaler(), GeneZTarget(LassoBaseline(1e-3))],
    }
    for model, steps in models.items():
        pipelines = {f"{model}, {name}": make_pipeline(binner, *steps) for name, binner in columns.items()}
        compared = compare_models(pipelines, data, SPLITS, normalizer=ExpressionNormalizer("quantile", min_mean_cpm=1))
        kept = ["skill", "low_cell_type", "high_cell_type", "r_median", "fit_s"]
        print(compared.scores[kept].round(4).to_string(), flush=True)


if __name__ == "__main__":
    if "SKEPI_HEME14" not in os.environ:
        sys.exit("SKEPI_HEME14 must name the folder of tables")
    main(Path(os.environ["SKEPI_HEME14"]))
