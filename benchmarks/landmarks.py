"""Target genes from landmark genes: what splits are worth on real expression, and time and memory at the size of D-GEX.

``landmarks.py DGEX`` reads a folder with ``gse74246_rna_counts.parquet``, ``landmark943.tsv`` and
``target9520.tsv``. It holds out donors, populations and random folds (or those that are named behind the folder, such
as "donors held out"). It prints mean absolute error and skill of linear regression, ridge, nearest neighbours and
networks. Settings of the rows "chosen inside" are those with the smallest mean absolute error in three inner folds of
the training samples, which hold out what the outer folds hold out.

``landmarks.py saturating`` simulates 5,000 samples of 120 landmarks and 400 targets that saturate, three seeds, and
compares ridge with a network on 1,000 samples held out. ``landmarks.py size [linear | ridge | network]`` fits 943
landmarks to 9,520 targets on 10,000 simulated samples in float32; of the network, with 3,000 tanh units, one epoch.
"""

import resource
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, LeaveOneGroupOut
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skepi.datasets import make_landmark_expression
from skepi.landmarks import LandmarkRegressor, cross_val_landmarks, landmark_tables, summarize_landmark_errors
from skepi.neural_network import ExpressionMLP
from skepi.normalization import ExpressionNormalizer


class OneScale(TransformerMixin, BaseEstimator):
    """Divide all features by one number, so that their mean square is 1; what differs between them stays."""

    def fit(self, X, y=None):
        self.scale_ = float(np.sqrt(np.mean(np.square(X))))
        return self

    def transform(self, X):
        return X / self.scale_

    def inverse_transform(self, X):
        return X * self.scale_


def components():
    """Principal components of genes, all of them: with fewer samples than genes nothing is lost."""
    return make_pipeline(PCA(), OneScale())


def network(**changes):
    """A network from components of landmarks to components of targets, which have the squared errors of the genes."""
    settings = {"hidden": (300,), "dropout": 0.0, "early_stopping": False, "random_state": 0}
    net = ExpressionMLP.dgex(**settings | changes)
    return make_pipeline(components(), TransformedTargetRegressor(net, transformer=components(), check_inverse=False))


def published(n_targets):
    """A network with the rates of D-GEX, whose loss is the sum over targets where that of skepi is the mean."""
    rates = {"lr": 3e-4 * n_targets, "lr_min": 1e-5 * n_targets}
    net = ExpressionMLP.dgex(hidden=(300,), early_stopping=False, random_state=0, **rates)
    return make_pipeline(StandardScaler(), TransformedTargetRegressor(net, transformer=StandardScaler()))


def mean_absolute_error(model, X, y):
    """Negative, of targets that are no landmarks, as searches want it."""
    return -summarize_landmark_errors(model.gene_errors(X, y)).loc["other genes", "mae"]


class ChosenInside(BaseEstimator):
    """A search over settings in inner folds of the training samples that hold out what the outer folds do."""

    chosen = Counter()

    def __init__(self, regressor, grid, held_out):
        self.regressor = regressor
        self.grid = grid
        self.held_out = held_out

    def fit(self, X, y):
        groups = labels_of(X.index)[self.held_out]
        cv = KFold(3, shuffle=True, random_state=1) if groups is None else GroupKFold(3)
        search = GridSearchCV(LandmarkRegressor(self.regressor), self.grid, scoring=mean_absolute_error, cv=cv)
        self.search_ = search.fit(X, y, groups=groups)
        self.chosen[self.held_out, *search.best_params_.items()] += 1
        return self

    def predict(self, X):
        return self.search_.predict(X)


ADAM = {"optimizer": "adam", "lr": 3e-3, "lr_schedule": "constant", "batch_size": 100}
NETWORK = "regressor__transformedtargetregressor__regressor__"
INSIDE = {
    "ridge, chosen inside": (Ridge(), {"regressor__alpha": [3.0, 10.0, 30.0, 100.0]}),
    "tanh network, chosen inside": (network(**ADAM, max_epochs=150), {NETWORK + "l2": [5e-4, 1e-3]}),
}
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
    populations = parts.get_level_values(2).where(~donors.str.startswith("SU"), "AML")
    return {"donors held out": donors, "populations held out": populations, "random folds": None}


def compare(folder, chosen):
    """One row per split and model, targets that are landmarks apart."""
    X, y = read(folder)
    labels = labels_of(X.index)
    print(
        f"{X.shape[0]} libraries of {labels['donors held out'].nunique()} donors and "
        f"{labels['populations held out'].nunique()} populations; "
        f"{X.shape[1]} landmarks, {y.shape[1]} targets, {y.columns.isin(X.columns).sum()} of them landmarks"
    )
    splits = {
        "random folds": KFold(5, shuffle=True, random_state=0),
        "donors held out": GroupKFold(5),
        "populations held out": LeaveOneGroupOut(),
    }
    rows = {}
    for split in chosen or splits:
        models = {name: LandmarkRegressor(model) for name, model in MODELS.items()}
        models["network, rates of D-GEX, 300 units"] = LandmarkRegressor(published(y.shape[1]))
        models |= {name: ChosenInside(*model, split) for name, model in INSIDE.items()}
        for name, model in models.items():
            errors = cross_val_landmarks(model, X, y, splits[split], groups=labels[split])
            for kind, row in summarize_landmark_errors(errors).iterrows():
                rows[kind, split, name] = row
                print(
                    f"{split}, {name}, {kind}: mean absolute error {row['mae']:.4f}, skill {row['skill']:.4f}",
                    flush=True,
                )
    print(pd.DataFrame(rows).T.sort_index(level=0, sort_remaining=False).round(4).to_string())
    for (split, *settings), n_folds in ChosenInside.chosen.items():
        said = ", ".join(f"{name.rpartition('__')[2]} {value:g}" for name, value in settings)
        print(f"{split}, {n_folds} fold(s): {said}")


def saturating():
    """Ridge and a network on a law that saturates: mean absolute error on samples held out."""
    net = ExpressionMLP.dgex(hidden=(300,), dropout=0.0, optimizer="adam", lr=3e-3, batch_size=100, random_state=0)
    net.set_params(max_epochs=60, patience=10)
    scaled = make_pipeline(StandardScaler(), TransformedTargetRegressor(net, transformer=StandardScaler()))
    ridge = GridSearchCV(Ridge(), {"alpha": [1.0, 10.0, 100.0, 1_000.0]}, scoring="neg_mean_absolute_error", cv=4)
    train, test = slice(0, 4_000), slice(4_000, None)
    for saturation in (0.0, 1.0, 2.0, 3.0):
        for seed in range(3):
            expression, truth = make_landmark_expression(5_000, saturation=saturation, random_state=seed)
            X, y = landmark_tables(expression, truth.landmarks, truth.targets)
            found = {}
            start = time.perf_counter()
            for name, model in {"ridge": ridge, "network": scaled}.items():
                found[name] = -mean_absolute_error(LandmarkRegressor(model).fit(X[train], y[train]), X[test], y[test])
            floor = np.abs(y[test] - truth.signal.T.loc[y.index[test], y.columns]).to_numpy().mean()
            print(
                f"saturation {saturation:g}, seed {seed}: mean absolute error ridge {found['ridge']:.4f}, network "
                f"{found['network']:.4f}, gain {1 - found['network'] / found['ridge']:.1%}; noise alone {floor:.4f}; "
                f"{time.perf_counter() - start:.0f} s",
                flush=True,
            )


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
    one_epoch = ExpressionMLP.dgex(hidden=(3_000,), early_stopping=False, max_epochs=1, random_state=0)
    models = {"linear": LinearRegression(), "ridge": Ridge(10.0), "network": one_epoch}
    model = LandmarkRegressor(models[kind])
    start, busy = time.perf_counter(), time.process_time()
    model.fit(X, y)
    fitted, busy = time.perf_counter(), time.process_time() - busy
    errors = summarize_landmark_errors(model.gene_errors(X, y))
    done = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{kind}: X {X.shape}, y {y.shape}, {(X.nbytes + y.nbytes) / 2**30:.2f} GB; fit {fitted - start:.1f} s "
        f"({busy:.0f} s of processor time), "
        f"prediction and errors {done - fitted:.1f} s; peak memory {peak:.2f} GB ({before:.2f} GB before the fit)"
    )
    print(errors.round(3).to_string())


if __name__ == "__main__":
    if sys.argv[1] == "size":
        size(sys.argv[2])
    elif sys.argv[1] == "saturating":
        saturating()
    else:
        compare(Path(sys.argv[1]), sys.argv[2:])
