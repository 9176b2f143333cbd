"""Checks of scikit-learn and of skepi, counted, for networks along bins, landmark models and products with TFs.

``checks.py`` runs ``check_estimator`` on plain arrays and ``check_pair_estimator`` on simulated pairs, with small
settings, and prints what passed. It ends with an error where a check failed.
"""

import sys
import warnings
from collections import Counter

import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from skepi.baselines import TrainingFrequency
from skepi.binning import TSSBinner
from skepi.classification import above_median
from skepi.compose import GeneZTarget
from skepi.datasets import make_paired_openness
from skepi.landmarks import LandmarkRegressor
from skepi.linear_model import TFProductLasso
from skepi.neural_network import BinAttention, BinAttentionClassifier, BinCNN, BinCNNClassifier, ExpressionMLP
from skepi.preprocessing import LogZScaler
from skepi.testing import check_pair_estimator

QUICK = {"batch_size": 64, "max_epochs": 3, "random_state": 0, "lr": 0.01}
FLAT = {"filters": 16, "width": 1, "pool": 1, "hidden": (16,), "dropout": 0.0, "lr": 0.02}
READER = {"bin_units": 8, "signal_units": 8, "lr": 0.02}
NARROW = {"filters": 4, "width": 2, "hidden": (8,)}
SHORT = {"bin_units": 4, "signal_units": 4}

ON_ARRAYS = [
    BinCNN(**FLAT),
    BinCNNClassifier(**FLAT),
    BinAttention(**READER),
    BinAttentionClassifier(**READER),
    ExpressionMLP(hidden=(32,), lr=0.01),
    ExpressionMLP(hidden=(32,), lr=0.05, activation="tanh", batch_size=100),
    LandmarkRegressor(),
]


def on_pairs():
    """Estimators, each with the targets of pairs that it takes."""
    X, y = make_paired_openness(30, 9, n_lineages=3, random_state=1)[0].pairs(return_X_y=True)
    bins = TSSBinner(edges=np.arange(-4_000, 4_001, 1_000)), LogZScaler()
    labels, tf = above_median(X, y), ["gene00003", "gene00007"]
    networks = BinCNN(**NARROW, **QUICK), BinAttention(**SHORT, **QUICK), ExpressionMLP(hidden=(16,), **QUICK)
    classifiers = BinCNNClassifier(**NARROW, **QUICK), BinAttentionClassifier(**SHORT, **QUICK)
    return X, [
        *((make_pipeline(*bins, GeneZTarget(network)), y) for network in networks),
        *((make_pipeline(*bins, classifier), labels) for classifier in classifiers),
        (TrainingFrequency(), labels),
        (TFProductLasso(tf), y),
    ]


def name_of(model):
    """The estimator that a pipeline is about."""
    last = model[-1] if hasattr(model, "steps") else model
    return " ".join(repr(getattr(last, "regressor", None) or last).split())


def main():
    warnings.simplefilter("ignore")
    failed = 0
    for model in ON_ARRAYS:
        status = Counter(check["status"] for check in check_estimator(model, on_fail=None))
        failed += status["failed"]
        print(f"check_estimator       {dict(status)}: {name_of(model)}", flush=True)
    X, models = on_pairs()
    for model, y in models:
        status = Counter(outcome.partition(":")[0] for outcome in check_pair_estimator(model, X, y).values())
        print(f"check_pair_estimator  {dict(status)}: {name_of(model)}", flush=True)
    return f"{failed} check(s) failed" if failed else 0


if __name__ == "__main__":
    sys.exit(main())
