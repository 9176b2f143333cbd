"""Products of TF activity and openness in blood (as in PECA): what measured TF expression is worth over its stand-in.

``tf_products.py HEME14 [chr1 chr9]`` reads a folder of blood tables, holds out one population at a time, and predicts
the genes of a few chromosomes. With ``expression``, the expression of TFs in the held-out population is an input.
"""

import sys
import time
from pathlib import Path

import pandas as pd

from skepi.baselines import DistanceDecay
from skepi.linear_model import TFProductLasso
from skepi.metrics import summarize
from skepi.model_selection import LeaveOneCellTypeOut, cross_val_pairs
from skepi.normalization import ExpressionNormalizer
from skepi.paired import PairedDataset

# Regulators of blood, chosen by hand before anything was fitted.
TFS = [
    *("GATA1", "GATA2", "GATA3", "TAL1", "KLF1", "NFE2", "LMO2", "FLI1", "RUNX1", "RUNX3"),
    *("SPI1", "CEBPA", "CEBPB", "CEBPE", "IRF4", "IRF8", "MYB", "MEIS1", "HOXA9", "EBF1"),
    *("PAX5", "TCF7", "LEF1", "TBX21", "EOMES", "TCF4", "BCL11A", "BCL11B", "IKZF1", "GFI1"),
]


def read(folder):
    """Blood populations with log expression (quantiles; mean CPM greater than 1)."""
    names = "openness", "peaks", "genes", "expression"
    tables = {name: pd.read_parquet(folder / f"{name}.parquet") for name in names}
    counts = tables["expression"].set_index("gene")
    raw = PairedDataset(
        tables["openness"].set_index("peak")[counts.columns],
        tables["peaks"].rename(columns={"peak": "name"}),
        tables["genes"].rename(columns={"gene": "name"}),
        counts,
    )
    return raw.transform_expression(ExpressionNormalizer("quantile", min_mean_cpm=1))


def main(folder, chromosomes):
    data = read(folder)
    X, y = data.pairs(return_X_y=True)
    expression = X.unstack(y)
    tfs = [tf for tf in TFS if tf in expression.index]
    print(f"{len(tfs)} TFs of {len(TFS)}: {', '.join(tfs)}")
    rows = X.genes["chrom"].isin(chromosomes).to_numpy()[X.gene_codes]
    X, y = X[rows], y[rows]
    models = {"distance decay, one slope": DistanceDecay()}
    measured = {"tf_activity": "expression", "tf_expression": expression.loc[tfs]}
    for settings in ({"alpha": 0.03}, {"alpha": 0.1}, {"alpha": 0.1, "scale_floor": 0.0}):
        said = ", ".join(f"{name} {value:g}" for name, value in settings.items())
        models[f"promoter, {said}"] = TFProductLasso(tfs, **settings)
        models[f"expression, {said}"] = TFProductLasso(tfs, **measured, **settings)
    print(X)
    for name, model in models.items():
        start = time.perf_counter()
        scores = summarize(cross_val_pairs(model, X, y, LeaveOneCellTypeOut()))
        took = time.perf_counter() - start
        print(f"{name}: skill {scores['skill']:.3f}, median r {scores['r_median']:.3f}, {took:.0f} s")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or ["chr1", "chr9"])
