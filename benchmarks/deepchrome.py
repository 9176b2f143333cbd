"""High or low expression from five histone marks around the TSS, with few genes: AUC on test genes in K562 and H1.

``deepchrome.py FOLDER`` fits the chosen convolution and the chosen reader with attention on the train and valid genes
with 5 seeds, beside logistic regression, and prints the AUC on the test genes; a name behind it fits that candidate.
``deepchrome.py FOLDER choose`` compares the candidates by 5-fold cross-validation on the train and valid genes alone,
``choose attention`` those whose names begin so; ``CHOSEN`` names the ones with the highest mean. The folder holds
``marks_200bins.parquet`` (read counts in 200 bins of 100 bp) and ``expression_counts.parquet`` of QData/DeepDiffChrome.
"""

import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from skepi.neural_network import BinAttentionClassifier, BinCNNClassifier

MARKS = ["H3K4me1", "H3K4me3", "H3K9me3", "H3K27me3", "H3K36me3"]
EPIGENOMES = ["E123", "E003"]
N_BINS = 200


def convolution(**settings):
    return BinCNNClassifier(**{"activation": "tanh", "l2": 1e-2, "early_stopping": False, "max_epochs": 30, **settings})


def attention(**settings):
    return BinAttentionClassifier(**{"early_stopping": False, "max_epochs": 20, "batch_size": 40, **settings})


#: Bins of 100 bp that are averaged, bins around the TSS that are kept, and the network.
CANDIDATES = {
    "defaults, 1 kb": (10, N_BINS, BinCNNClassifier()),
    "width 5, pool 4, 1 kb": (10, N_BINS, convolution(width=5, pool=4)),
    "width 5, pool 8, 1 kb": (10, N_BINS, convolution(width=5, pool=8)),
    "width 5, pool 16, 1 kb": (10, N_BINS, convolution(width=5, pool=16)),
    "width 3, pool 4, 2 kb": (20, N_BINS, convolution(width=3, pool=4)),
    "width 9, pool 16, 500 bp": (5, N_BINS, convolution(width=9, pool=16)),
    "DeepChrome's, 20 epochs": (1, 100, BinCNNClassifier.deepchrome(max_epochs=20, device="cpu")),
    "attention, defaults, 1 kb": (10, N_BINS, BinAttentionClassifier()),
    "attention, 20 epochs, 1 kb": (10, N_BINS, attention()),
    "attention, dropout .5, 1 kb": (10, N_BINS, attention(dropout=0.5)),
    "attention, l2 .003, 2 kb": (20, N_BINS, attention(l2=3e-3)),
    "attention, l2 .01, 2 kb": (20, N_BINS, attention(l2=1e-2)),
    "attention, l2 .03, 2 kb": (20, N_BINS, attention(l2=3e-2)),
    "attention, lr .002, 2 kb": (20, N_BINS, attention(lr=2e-3)),
    "attention, lr .001, 2 kb": (20, N_BINS, attention(lr=1e-3)),
}
CHOSEN = ["width 9, pool 16, 500 bp", "attention, l2 .003, 2 kb"]


def genes_of(folder, epigenome, splits):
    """Read counts, (n_genes, n_marks, n_bins), and whether expression is above the median of all genes."""
    marks = pd.read_parquet(folder / "marks_200bins.parquet")
    counts = pd.read_parquet(folder / "expression_counts.parquet").set_index("gene")[epigenome]
    marks = marks[(marks["epigenome"] == epigenome) & marks["split"].isin(splits)]
    table = marks.set_index(["gene", "bin"])[MARKS].unstack("bin")[MARKS]
    high = counts[table.index.str.split("_").str[0]].to_numpy() > counts.median()
    return table.to_numpy(dtype=float).reshape(len(table), len(MARKS), N_BINS), high.astype(int)


def log_means(counts, n_averaged, n_kept):
    """Log of 1 + the mean count of neighbouring bins, of those around the TSS."""
    first = (N_BINS - n_kept) // 2
    kept = counts[:, :, first : first + n_kept]
    return np.log1p(kept.reshape(*kept.shape[:2], -1, n_averaged).mean(axis=-1))


def scaled(train, test):
    """Each mark less its training mean, over its training SD; one row per gene."""
    mean, sd = train.mean(axis=(0, 2), keepdims=True), train.std(axis=(0, 2), keepdims=True)
    return tuple(((part - mean) / sd).reshape(len(part), -1) for part in (train, test))


def network_scores(candidate, train, y, test, seed):
    n_averaged, n_kept, network = CANDIDATES[candidate]
    X, X_test = scaled(log_means(train, n_averaged, n_kept), log_means(test, n_averaged, n_kept))
    net = clone(network).set_params(n_signals=len(MARKS), random_state=seed)
    return net.fit(X, y).decision_function(X_test)


def logistic_scores(train, y, test):
    """The reference: ten wide bins per mark, the penalty by 5-fold cross-validation."""
    X, X_test = scaled(log_means(train, 20, N_BINS), log_means(test, 20, N_BINS))
    model = GridSearchCV(LogisticRegression(max_iter=5_000), {"C": np.logspace(-4, 2, 13)}, scoring="roc_auc", cv=5)
    return model.fit(X, y).decision_function(X_test)


def cross_validated(folder, candidate, epigenome, seed):
    counts, high = genes_of(folder, epigenome, ["train", "valid"])
    scores = np.zeros(len(high))
    for train, test in StratifiedKFold(5, shuffle=True, random_state=seed).split(counts, high):
        scores[test] = network_scores(candidate, counts[train], high[train], counts[test], seed)
    return roc_auc_score(high, scores)


def choose(folder, beginning, n_seeds=3):
    for candidate in filter(lambda name: name.startswith(beginning), CANDIDATES):
        start = time.perf_counter()
        found = {
            epigenome: np.mean([cross_validated(folder, candidate, epigenome, seed) for seed in range(n_seeds)])
            for epigenome in EPIGENOMES
        }
        shown = ", ".join(f"{epigenome} {auc:.4f}" for epigenome, auc in found.items())
        mean, seconds = np.mean(list(found.values())), time.perf_counter() - start
        print(f"{candidate:36s} {shown}, mean {mean:.4f}, {seconds:.0f} s", flush=True)


def interval(high, scores, n_bootstrap=2_000):
    """95 % interval of the mean AUC over seeds, genes drawn with replacement."""
    rng, drawn = np.random.default_rng(0), []
    while len(drawn) < n_bootstrap:
        rows = rng.integers(len(high), size=len(high))
        drawn.append(np.mean([roc_auc_score(high[rows], one[rows]) for one in scores]))
    return np.quantile(drawn, [0.025, 0.975])


def measure(folder, candidates, n_seeds=5):
    for epigenome in EPIGENOMES:
        train, y = genes_of(folder, epigenome, ["train", "valid"])
        held_out, high = genes_of(folder, epigenome, ["test"])
        reference = roc_auc_score(high, logistic_scores(train, y, held_out))
        print(f"{epigenome}: {len(y)} training and {len(high)} test genes; logistic regression {reference:.3f}")
        for candidate in candidates:
            scores = [network_scores(candidate, train, y, held_out, seed) for seed in range(n_seeds)]
            aucs = [roc_auc_score(high, one) for one in scores]
            low, top = interval(high, scores)
            print(
                f"  {candidate}: {np.mean(aucs):.3f} [{low:.3f}, {top:.3f}] over {n_seeds} seeds, {np.round(aucs, 3)}",
                flush=True,
            )


if __name__ == "__main__":
    folder, *words = sys.argv[1:]
    if words[:1] == ["choose"]:
        choose(Path(folder), " ".join(words[1:]))
    else:
        measure(Path(folder), [" ".join(words)] if words else CHOSEN)
