"""Does it matter whether expression is normalised once or in each fold? Ridge on 40 bands, populations held out."""

import numpy as np
import pandas as pd
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline

from skepi.binning import TSSBinner, symmetric_edges
from skepi.compose import GeneZTarget
from skepi.datasets import fetch_hematopoiesis
from skepi.metrics import summarize
from skepi.model_selection import LeaveOneCellTypeOut, cross_val_pairs
from skepi.normalization import ExpressionNormalizer
from skepi.preprocessing import LogZScaler

KB = [0, 0.25, 0.5, 1, 2, 3.5, 5, 7.5, 10, 15, 20, 35, 50, 75, 100, 150, 200, 350, 500, 750, 1000]


class OneFold:
    """A splitter of one fold: the pairs of one cell type."""

    def __init__(self, held_out):
        self.held_out = held_out

    def split(self, X, y=None, groups=None):
        test = (X.to_frame()["cell_type"] == self.held_out).to_numpy()
        yield np.flatnonzero(~test), np.flatnonzero(test)


def in_each_fold(pipe, data):
    """Held-out predictions with quantiles and gene filter learned from the 13 training populations."""
    names = data.cell_types["name"]
    tables = []
    for held_out in names:
        normalizer = ExpressionNormalizer("quantile", min_mean_cpm=1)
        fold = data.transform_expression(normalizer, fit_cell_types=names[names != held_out])
        table = cross_val_pairs(pipe, *fold.pairs(return_X_y=True), OneFold(held_out))
        tables.append(table.assign(fold=held_out))
    return pd.concat(tables, ignore_index=True)


def main():
    blood = fetch_hematopoiesis()
    bins = TSSBinner(edges=symmetric_edges((np.array(KB) * 1000).astype(int)))
    scale = LogZScaler(scale_floor=float("inf"))
    pipe = Pipeline([("bins", bins), ("scale", scale), ("model", GeneZTarget(Ridge(10)))])
    once = cross_val_pairs(pipe, blood.data, blood.target, LeaveOneCellTypeOut())
    rows = {"normalised once": summarize(once), "in each fold": summarize(in_each_fold(pipe, blood.counts))}
    print(pd.DataFrame(rows).T[["skill", "r_median", "rmse", "n_pairs"]].round(4).to_string())


if __name__ == "__main__":
    main()
