"""Target genes from landmark genes: what splits are worth on real expression, and time and memory at the size of D-GEX.

``landmarks.py DGEX`` reads a folder with ``gse74246_rna_counts.parquet``, ``landmark943.tsv`` and ``target9520.tsv``.
It holds out donors, populations and random folds, and prints mean absolute error and skill of linear regression, ridge
and nearest neighbours. ``landmarks.py size [linear | ridge]`` fits 943 landmarks to 9,520 targets on 10,000 simulated
samples in float32.
"""

import resource
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GroupKFold, KFold, LeaveOneGroupOut
from sklearn.neighbors import KNeighborsRegressor

from skepi.landmarks import LandmarkRegressor, cross_val_landmarks, landmark_tables, summarize_landmark_errors
from skepi.normalization import ExpressionNormalizer

MODELS = {
    "linear": LinearRegression(),
    "ridge, alpha 10": Ridge(10.0),
    "3 nearest neighbours": KNeighborsRegressor(3),
}


def read(folder):
    """Landmarks and targets of the blood libraries, log1p CPM, with a target only where it is no landmark."""
    counts = pd.read_parquet(folder / "gse74246_rna_counts.parquet").set_index("gene")
    normalizer = ExpressionNormalizer("log_cpm", min_mean_cpm=-1).set_output(transform="pandas")
    expression = normalizer.fit_transform(counts.T).T
    lists = [pd.read_csv(folder / name, sep="\t")["symbol"] for name in ("landmark943.tsv", "target9520.tsv")]
    landmarks, targets = ([gene for gene in genes.unique() if gene in expression.index] for genes in lists)
    return landmark_tables(expression, landmarks, targets)


def labels_of(samples):
    """Donor and population of each library, as in ``5852-HSC``; the leukaemias (of donors SU...) are one population."""
    parts = samples.str.partition("-")
    donors = parts.get_level_values(0)
    return donors, parts.get_level_values(2).where(~donors.str.startswith("SU"), "AML")


def compare(folder):
    """One row per split and model, targets that are landmarks apart."""
    X, y = read(folder)
    donors, populations = labels_of(X.index)
    print(
        f"{X.shape[0]} libraries of {donors.nunique()} donors and {populations.nunique()} populations; "
        f"{X.shape[1]} landmarks, {y.shape[1]} targets, {y.columns.isin(X.columns).sum()} of them landmarks"
    )
    splits = {
        "random folds": (KFold(5, shuffle=True, random_state=0), None),
        "donors held out": (GroupKFold(5), donors),
        "populations held out": (LeaveOneGroupOut(), populations),
    }
    rows = {}
    for split, (cv, groups) in splits.items():
        for name, model in MODELS.items():
            errors = cross_val_landmarks(LandmarkRegressor(model), X, y, cv, groups=groups)
            for kind, row in summarize_landmark_errors(errors).iterrows():
                rows[kind, split, name] = row
    print(pd.DataFrame(rows).T.sort_index(level=0, sort_remaining=False).round(3).to_string())


def simulated(n_samples=10_000, n_landmarks=943, n_targets=9_520):
    """Targets that are a sum of 50 hidden states, as landmarks are, and noise; float32."""
    rng = np.random.default_rng(0)
    states = rng.normal(size=(n_samples, 50)).astype(np.float32)
    tables = []
    for n_genes in (n_landmarks, n_targets):
        weights = rng.normal(size=(50, n_genes)).astype(np.float32) / np.float32(np.sqrt(50))
        tables.append(states @ weights + rng.standard_normal((n_samples, n_genes), dtype=np.float32))
    return tables


def size(kind):
    """Time and peak memory of one fit, and of prediction and errors of the same samples."""
    X, y = simulated()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    model = LandmarkRegressor({"linear": LinearRegression(), "ridge": Ridge(10.0)}[kind])
    start = time.perf_counter()
    model.fit(X, y)
    fitted = time.perf_counter()
    errors = summarize_landmark_errors(model.gene_errors(X, y))
    done = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{kind}: X {X.shape}, y {y.shape}, {(X.nbytes + y.nbytes) / 2**30:.2f} GB; fit {fitted - start:.1f} s, "
        f"prediction and errors {done - fitted:.1f} s; peak memory {peak:.2f} GB ({before:.2f} GB before the fit)"
    )
    print(errors.round(3).to_string())


if __name__ == "__main__":
    if sys.argv[1] == "size":
        size(sys.argv[2])
    else:
        compare(Path(sys.argv[1]))
