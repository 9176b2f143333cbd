"""Is the median of a cell type a border between high and low genes, and how well are such labels predicted?

``high_or_low.py HEME14`` reads a folder of blood tables with ``expression_replicates.parquet`` and ``replicates.tsv``.
It prints, for each population, where the median and the trough of log expression lie, and how many labels differ
between two replicates; then the scores of held-out populations. Without a folder: simulated data with replicates.
"""

import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import gaussian_kde
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skepi.binning import TSSBinner, symmetric_edges
from skepi.classification import above_median, cross_val_probabilities, probability_scores_by, summarize_probabilities
from skepi.datasets import make_paired_openness, make_read_counts
from skepi.model_selection import CellTypeKFold, LeaveOneCellTypeOut
from skepi.normalization import ExpressionNormalizer
from skepi.paired import PairedDataset
from skepi.preprocessing import Materialize

DISTANCES = [0, 0.25, 0.5, 1, np.inf]  # of a gene from the median, in ln(1 + CPM)
NAMES = ["under .25", ".25 to .5", ".5 to 1", "1 and more"]


def log_cpm(counts):
    """Natural log of 1 + counts per million of each library."""
    return np.log1p(1e6 * counts / counts.sum())


def trough(values):
    """Lowest density of expressed and silent genes between the two modes; NaN where there is one mode."""
    grid = np.linspace(0, 6, 600)
    density = gaussian_kde(values, 0.12)(grid)
    upper = 150 + np.argmax(density[150:])  # the mode of expressed genes lies above 1.5
    lowest = np.argmin(density[:upper])
    return grid[lowest] if lowest > 0 else np.nan


def flips(libraries):
    """Share of genes whose label differs between two replicates, by distance from the median of the sum."""
    values = log_cpm(libraries)
    high = values > values.median()
    pooled = log_cpm(libraries.sum(axis=1))
    place = np.digitize((pooled - pooled.median()).abs(), DISTANCES) - 1
    pairs = list(combinations(libraries.columns, 2))
    differ = np.mean([high[one] != high[other] for one, other in pairs], axis=0)
    return {"all": differ.mean(), **{name: differ[place == k].mean() for k, name in enumerate(NAMES)}}


def borders(replicates, cell_type_of):
    """One row per cell type: median and trough in CPM, and the flips."""
    rows = {}
    for cell_type, columns in cell_type_of.groupby(cell_type_of, sort=False).groups.items():
        pooled = log_cpm(replicates[columns].sum(axis=1))
        places = {"median (CPM)": np.expm1(pooled.median()), "trough (CPM)": np.expm1(trough(pooled))}
        rows[cell_type] = {**places, **flips(replicates[columns])}
    return pd.DataFrame.from_dict(rows, orient="index")


def show(replicates, cell_type_of, title):
    table = borders(replicates, cell_type_of)
    print(
        f"\n{title}: {len(replicates):,} genes; labels that differ between two replicates, by distance from the median"
    )
    print(pd.concat([table, table.mean().to_frame("mean").T]).round(3).to_string())


def scores(data, cv, title):
    """Held-out areas of logistic regression on bands, beside how often the gene is high in training."""
    X, y = data.pairs(return_X_y=True)
    steps = TSSBinner(edges=symmetric_edges()), Materialize(), FunctionTransformer(np.log1p), StandardScaler()
    model = make_pipeline(*steps, LogisticRegression(max_iter=500))
    held_out = cross_val_probabilities(model, X, above_median(X, y), cv)
    print(f"\n{title}: {data}")
    print(probability_scores_by(held_out).round(3).to_string())
    print(summarize_probabilities(held_out).round(3).to_string())


def blood(folder):
    replicates = pd.read_parquet(folder / "expression_replicates.parquet").set_index("gene")
    cell_type_of = pd.read_csv(folder / "replicates.tsv", sep="\t").set_index("replicate")["sample"]
    show(replicates, cell_type_of, "blood, all genes")
    expressed = (1e6 * replicates / replicates.sum()).mean(axis=1) > 1
    show(replicates[expressed], cell_type_of, "blood, mean CPM greater than 1")
    counts = replicates.T.groupby(cell_type_of, sort=False).sum().T
    tables = {name: pd.read_parquet(folder / f"{name}.parquet") for name in ("openness", "peaks", "genes")}
    data = PairedDataset(
        tables["openness"].set_index("peak")[counts.columns],
        tables["peaks"].rename(columns={"peak": "name"}),
        tables["genes"].rename(columns={"gene": "name"}),
        counts,
    )
    scores(
        data.transform_expression(ExpressionNormalizer("log_cpm")), LeaveOneCellTypeOut(), "blood, populations held out"
    )


def simulated():
    data, _ = make_paired_openness(n_genes=2_000, n_cell_types=14)
    expression = pd.DataFrame(data.expression, data.genes["name"].to_numpy(), data.cell_types["name"].to_numpy())
    replicates, _ = make_read_counts(expression)
    cell_type_of = pd.Series(replicates.columns.get_level_values(0), replicates.columns)
    show(replicates, cell_type_of, "simulated")
    scores(data, CellTypeKFold(7), "simulated, cell types held out")


if __name__ == "__main__":
    blood(Path(sys.argv[1])) if len(sys.argv) > 1 else simulated()
