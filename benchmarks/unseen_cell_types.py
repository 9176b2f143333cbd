"""How well is expression of 14 blood populations predicted where a population, or its whole lineage, was never seen?

Reads a folder of tables (SKEPI_HEME14 names it): ``peaks``, ``openness``, ``genes`` and ``expression`` as parquet,
``samples.tsv`` with lineages, ``expression_replicates.parquet`` and ``replicates.tsv``. The same tables of the
erythroid culture serve, too. Everything is learned from
training populations in each fold, gene filter and quantiles included. Prints the time from files to table, skill,
median r and coverage of 90 % intervals for both splits, the control with permuted populations and the noise ceiling.
``all`` adds simple rules and other models.
"""

import os
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from memory import peak_gb
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from skepi.baselines import DistanceDecay, NearestCellTypes, PromoterSum, TrainingMean
from skepi.binning import TSSBinner, symmetric_edges
from skepi.comparison import compare_models, replicate_variance
from skepi.compose import BucketedRegressor, ResidualRegressor
from skepi.exceptions import ChromosomeWarning, DistantCellTypeWarning
from skepi.gaussian_process import CisTransRegressor
from skepi.model_selection import LeaveOneCellTypeOut, LineageKFold
from skepi.normalization import ExpressionNormalizer
from skepi.paired import PairedDataset

SPLITS = {"population-out": LeaveOneCellTypeOut(), "lineage-out": LineageKFold()}
# Progenitors belong to the lineage that they have begun.
LINEAGES = {"lymphoid progenitor": "lymphoid", "myeloid progenitor": "myeloid"}


def on_bands(model):
    return make_pipeline(TSSBinner(edges=symmetric_edges()), model)


MODELS = {"cis and cell state": on_bands(CisTransRegressor())}
MORE = {
    "training mean": TrainingMean(),
    "promoter sum": PromoterSum(),
    "distance decay": DistanceDecay(),
    "nearest population": NearestCellTypes(),
    "3 nearest populations": NearestCellTypes(3),
    "with own cis": on_bands(CisTransRegressor(own_cis=True)),
    "with boosted residual": on_bands(ResidualRegressor()),
    "both": on_bands(ResidualRegressor(base=CisTransRegressor(own_cis=True))),
    "two buckets": on_bands(BucketedRegressor(CisTransRegressor())),
}


def read(folder):
    openness, peaks, genes, counts = (
        pd.read_parquet(folder / f"{name}.parquet") for name in ("openness", "peaks", "genes", "expression")
    )
    samples = pd.read_csv(folder / "samples.tsv", sep="\t").set_index("cell_type")
    names = list(counts.columns[1:])
    cell_types = pd.DataFrame({"name": names, "lineage": samples["lineage"].replace(LINEAGES)[names].to_numpy()})
    warnings.simplefilter("ignore", ChromosomeWarning)  # genes on Y, where peaks were not called
    return PairedDataset(
        openness[names].to_numpy(np.float32), peaks, genes.rename(columns={"gene": "name"}), counts[names], cell_types
    )


def noise_of(folder, data, normalizer):
    """Variance of the error of normalised expression, from the libraries behind the sums."""
    replicates = pd.read_parquet(folder / "expression_replicates.parquet").set_index("gene")
    labels = pd.read_csv(folder / "replicates.tsv", sep="\t").set_index("replicate")["sample"]
    counts = pd.DataFrame(data.expression.T, columns=data.genes["name"])
    fitted = normalizer.fit(counts)
    values = fitted.transform(replicates.loc[data.genes["name"]].T)
    kept = data.genes["name"][fitted.get_support()]
    table = replicate_variance(pd.DataFrame(values.T, kept, replicates.columns), labels[replicates.columns])
    return table.reindex(data.genes["name"])


def reachable(data, cv, normalizer):
    """Skill of the best weights of bands and of training populations, chosen with the answer known."""
    errors = variation = 0.0
    X = data.pairs()
    for train, test in cv.split(X):
        seen, asked = (data.cell_types["name"].iloc[np.unique(X[rows].cell_type_codes)] for rows in (train, test))
        fold = data.transform_expression(clone(normalizer), fit_cell_types=seen)
        bands, model = TSSBinner(edges=symmetric_edges()), CisTransRegressor()
        model.fit(bands.fit_transform(fold.pairs(cell_types=seen)), fold.pairs(cell_types=seen, return_X_y=True)[1])
        for name in asked:
            X_new, y_new = fold.pairs(cell_types=[name], return_X_y=True)
            features = model.transform(bands.transform(X_new)).astype(np.float64)
            mean, scale = features[:, -2], features[:, -1:]
            columns = np.hstack([model.residuals_, features[:, : model.n_features_in_], np.ones_like(scale)]) * scale
            truth = y_new - mean
            best = np.linalg.lstsq(columns, truth, rcond=None)[0]
            errors += np.sum((truth - columns @ best) ** 2)
            variation += np.sum(truth**2)
    return 1 - errors / variation


def main(folder, with_all):
    warnings.simplefilter("ignore", DistantCellTypeWarning)  # lineages are held out on purpose
    normalizer = ExpressionNormalizer("quantile", min_mean_cpm=1)
    start = time.perf_counter()
    data = read(folder)
    compared = compare_models(MODELS, data, SPLITS, normalizer=normalizer)
    seconds = time.perf_counter() - start
    columns = ["n_pairs", "skill", "low_cell_type", "high_cell_type", "r_median", "slope", "coverage"]
    print(compared.scores[columns].round(3).to_string())
    print(f"files to table {seconds:.1f} s, peak resident memory {peak_gb():.2f} GB")
    print(compared.by_cell_type["skill"].unstack("split").round(2).to_string())
    controls = compare_models(
        MODELS, data, SPLITS, normalizer=normalizer, controls=("cell types", "genes"), n_permutations=5
    )
    control = controls.control_scores["skill"].groupby(level=["split", "control"], sort=False)
    print(control.agg(["mean", "min", "max"]).round(3).to_string())
    variance = noise_of(folder, data, normalizer)
    ceilings = compare_models(
        {"training mean": TrainingMean()}, data, SPLITS, normalizer=normalizer, replicate_variance=variance
    )
    print(ceilings.ceilings.round(3).to_string())
    for name, cv in SPLITS.items():
        print(f"reachable with its bands and training populations, {name}: {reachable(data, cv, normalizer):.3f}")
    if with_all:
        more = compare_models(MORE, data, SPLITS, normalizer=normalizer)
        print(more.scores[[*columns, "fit_s", "predict_s"]].round(3).to_string())


if __name__ == "__main__":
    if "SKEPI_HEME14" not in os.environ:
        sys.exit("SKEPI_HEME14 must name the folder of tables")
    main(Path(os.environ["SKEPI_HEME14"]), sys.argv[1:] == ["all"])
