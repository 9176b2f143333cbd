"""One model a gene in blood: time of the L1 path of all genes, and skill on whole populations held out.

``per_gene.py`` times the path and its cross-validation for all genes with a read, in the report's 2,000 bins.
``per_gene.py skill chr1 chr9`` compares penalties and estimators on the genes of a few chromosomes, with everything
learned in each fold but the quantiles of expression.
"""

import sys
import time

import pandas as pd
from sklearn.linear_model import Lasso, Ridge
from sklearn.pipeline import Pipeline

from skepi.binning import TSSBinner
from skepi.compose import PerGeneLassoCV, PerGeneRegressor
from skepi.datasets import fetch_hematopoiesis
from skepi.metrics import summarize
from skepi.model_selection import LeaveOneCellTypeOut, LineageKFold, cross_val_pairs
from skepi.normalization import ExpressionNormalizer
from skepi.preprocessing import LogZScaler

N_JOBS = 2


def seconds(work):
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


def time_paths():
    """Path and cross-validation of all genes; the slots of the data set are worked out before."""
    data = fetch_hematopoiesis(n_jobs=N_JOBS).counts.transform_expression(ExpressionNormalizer("quantile"))
    X, y = data.pairs(return_X_y=True)
    bins = TSSBinner().fit_transform(X)
    print(f"{data}; {bins.operator.n_slots / len(data.genes):.0f} slots a gene")
    path, took = seconds(lambda: PerGeneLassoCV(n_jobs=N_JOBS).path(bins, y))
    print(
        f"path of {path.lams.size} penalties, {path.lams[0]:.3g} to {path.lams[-1]:.3g}, {len(path.genes):,} genes, "
        f"{N_JOBS} processes, scaler included: {took:.1f} s; largest relative gap {path.dual_gap.max():.0e}"
    )
    model, took = seconds(lambda: PerGeneLassoCV(n_jobs=N_JOBS).fit(bins, y))
    best = model.cv_results_["pooled_score"].max()
    print(f"5 folds of cell types and the final fits: {took:.1f} s; best lambda {model.lam_:.3g}, skill {best:.3f}")


def compare(chromosomes):
    """Held-out skill of models of single genes."""
    data = fetch_hematopoiesis(n_jobs=N_JOBS).dataset
    some = data.subset(genes=data.genes["name"][data.genes["chrom"].isin(chromosomes)])
    X, y = some.pairs(return_X_y=True)
    bins = TSSBinner().fit_transform(X)
    print(bins)
    models = {f"ridge, alpha {alpha}": PerGeneRegressor(Ridge(alpha)) for alpha in (1, 10, 100)}
    models |= {f"L1, lambda {lam}": PerGeneRegressor(Lasso(lam / 2, max_iter=10_000)) for lam in (0.1, 0.2, 0.4)}
    models = {name: Pipeline([("scale", LogZScaler()), ("model", model)]) for name, model in models.items()}
    for select in ("pooled", "gene"):
        models[f"L1, {select}"] = PerGeneLassoCV(select=select)
    for name, cv in {"population": LeaveOneCellTypeOut(), "lineage": LineageKFold()}.items():
        rows = {}
        for label, model in models.items():
            table, took = seconds(lambda model=model, cv=cv: cross_val_pairs(model, bins, y, cv, n_jobs=N_JOBS))
            rows[label] = [*summarize(table)[["skill", "r_median", "r_mean"]], took]
        print(f"{name} out\n{pd.DataFrame(rows, ['skill', 'r_median', 'r_mean', 'seconds']).T.round(3).to_string()}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            time_paths()
        case ["skill", *chromosomes] if chromosomes:
            compare(chromosomes)
        case other:
            sys.exit(f"wanted nothing, or 'skill' and chromosomes, got {other}")
