"""The report's experiments on one data set: Lasso, networks, penalties, dropout, and the leak."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sizes import Size
from sklearn.pipeline import Pipeline

from skepi.binning import TSSBinner
from skepi.compose import z_score_per_gene
from skepi.linear_model import LassoBaseline, LassoBaselineCV
from skepi.metrics import report_r2, skill, summarize
from skepi.model_selection import CellTypeKFold, PairKFold, cross_val_pairs, permute_cell_types, train_dev_test_split
from skepi.neural_network import ExpressionMLP
from skepi.preprocessing import LogZScaler

SEED = 0
ROWS_AT_ONCE = 100_000


@dataclass
class Split:
    """The report's rows: z-scored over all cell types, then 90 % training, 5 % development, 5 % test."""

    Z: Any
    z: np.ndarray
    train: tuple[Any, np.ndarray]
    dev: tuple[Any, np.ndarray]
    test: tuple[Any, np.ndarray]


def report_split(data: Any, size: Size) -> Split:
    """Bin, take logs, z-score over all cell types and split at random, in the report's order."""
    X, y = data.pairs(return_X_y=True)
    bins = TSSBinner(flank=size.flank_bp).fit_transform(X)
    Z = LogZScaler(scale_floor=0, statistics="all").fit_transform(bins)
    z = z_score_per_gene(X, y)
    Z_train, Z_dev, Z_test, z_train, z_dev, z_test = train_dev_test_split(Z, z, random_state=SEED)
    return Split(Z, z, (Z_train, z_train), (Z_dev, z_dev), (Z_test, z_test))


def lasso_path(split: Split, size: Size) -> pd.DataFrame:
    """Training, development and test R2 of the exact Lasso at every lambda, with its weights."""
    path = LassoBaseline(tol=1e-6).path(*split.train, size.lams)
    for name, (rows, truth) in {"train": split.train, "dev": split.dev, "test": split.test}.items():
        path[name] = [report_r2(truth, found) for found in predictions(path, rows)]
    path["weights"] = [int(np.count_nonzero(coef)) for coef in path["coef"]]
    return path.sort_values("lam", ignore_index=True)


def predictions(path: pd.DataFrame, rows: Any) -> np.ndarray:
    """Predictions of every row by each model of a path, (n_lams, n_rows), some rows at a time."""
    coef, intercept = np.stack(path["coef"]), path["intercept"].to_numpy()[:, None]
    parts = [coef @ rows.tocsr(slice(k, k + ROWS_AT_ONCE)).T for k in range(0, len(rows), ROWS_AT_ONCE)]
    return np.concatenate(parts, axis=1) + intercept


def network(size: Size, **settings: Any) -> ExpressionMLP:
    """The report's network with early stopping on its development set."""
    common = {"batch_size": size.batch_size, "max_epochs": size.max_epochs, "patience": size.patience}
    return ExpressionMLP(**({"hidden": size.hidden, "random_state": SEED} | common | settings))


def networks(split: Split, size: Size) -> dict[str, Any]:
    """Train every network of the report; one table of the best epochs, and the history of each."""
    settings: dict[str, dict[str, Any]] = {"plain": {}, "narrowing": {"hidden": size.narrowing}}
    settings |= {f"l1={value:g}": {"l1": value} for value in size.l1s}
    settings |= {f"l2={value:g}": {"l2": value} for value in size.l2s}
    settings |= {f"dropout={rate:g}": {"dropout": rate} for rate in size.rates}
    rows, histories, fitted = [], {}, {}
    for name, changed in settings.items():
        model = network(size, **changed).fit(*split.train, X_val=split.dev[0], y_val=split.dev[1])
        kind, _, value = name.partition("=")
        scores = {part: report_r2(truth, model.predict(X)) for part, (X, truth) in parts(split).items()}
        last = model.history_.iloc[-1]
        base = float(np.mean(split.dev[1] ** 2))
        rows.append(
            {"network": name, "kind": kind, "value": float(value) if value else np.nan, **scores}
            | {"best_epoch": model.best_epoch_, "epochs": model.n_iter_}
            | {"last_train_mse": last["train_mse"], "last_dev": 1 - last["dev_mse"] / base}
        )
        histories[name], fitted[name] = model.history_, model
        print(f"    {name:14} dev R2 {scores['dev']:.4f} at epoch {model.best_epoch_} of {model.n_iter_}", flush=True)
    return {"table": pd.DataFrame(rows), "histories": histories, "models": fitted}


def parts(split: Split) -> dict[str, tuple[Any, np.ndarray]]:
    """Sets that scores are told of."""
    return {"dev": split.dev, "test": split.test}


def honest(size: Size, cv: Any) -> Pipeline:
    """Lasso that learns scales, targets and lambda from training pairs alone; lambda by the splits of ``cv``."""
    return Pipeline([("bins", TSSBinner(flank=size.flank_bp)), ("model", LassoBaselineCV(size.lams, cv=cv, tol=1e-6))])


def leaks(data: Any, split: Split, size: Size) -> pd.DataFrame:
    """Skill with and without the report's leaks, on the targets as they are and on targets that nothing can predict."""
    X, y = data.pairs(return_X_y=True)
    rows = []
    for name, targets in {"real": y, "permuted": permute_cell_types(X, y, SEED)}.items():
        for held_out, cv in {"random pairs": PairKFold(5), "cell types": CellTypeKFold(5)}.items():
            zero, leaky = leaky_skill(X, split.Z, targets, cv, size.lams)
            skill_here = summarize(cross_val_pairs(honest(size, type(cv)(3)), X, targets, cv))["skill"]
            rows.append((name, held_out, zero, leaky, skill_here))
    return pd.DataFrame(rows, columns=["targets", "held out", "zero, leaky", "Lasso, leaky", "Lasso, honest"])


def leaky_skill(X: Any, Z: Any, y: np.ndarray, cv: Any, lams: tuple[float, ...]) -> tuple[float, float]:
    """Skill over the training mean, in log expression, of predicting 0 and of Lasso in z-scores over all cell types.

    Lambda is the best one on the very pairs that are scored, as in the report.
    """
    by_gene = pd.Series(y).groupby(X.gene_codes)
    mean, sd = by_gene.transform("mean").to_numpy(), by_gene.transform(lambda values: values.std(ddof=0)).to_numpy()
    z = z_score_per_gene(X, y)
    found, trained = np.empty((len(lams), len(y))), np.empty(len(y))
    for train, test in cv.split(X, y):
        found[:, test] = predictions(LassoBaseline(tol=1e-6).path(Z[train], z[train], lams), Z[test])
        trained[test] = pd.Series(y[train]).groupby(X.gene_codes[train]).mean().reindex(X.gene_codes[test])
    return skill(y, mean, trained), max(skill(y, mean + sd * one, trained) for one in found)
