"""What a report is made of, small and quick: tables as the functions of inspection and comparison return them."""

from functools import cache

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin

from skepi.baselines import PromoterSum, TrainingMean
from skepi.comparison import compare_models
from skepi.datasets import make_paired_openness
from skepi.inspection import ImportanceProfile, cell_type_outliers, score_links
from skepi.paired import PairedDataset


class Knows(RegressorMixin, BaseEstimator):
    """Mean of the gene plus a share of the difference that is true; its intervals hold 90 %."""

    def __init__(self, truth=None, weight=0.7):
        self.truth = truth
        self.weight = weight

    def fit(self, X, y):
        self.means_ = pd.Series(y).groupby(X.gene_codes).mean()
        return self

    def predict(self, X, return_std=False):
        mean = self.means_.reindex(X.gene_codes).fillna(self.means_.mean()).to_numpy()
        error = self.truth[X.gene_codes, X.cell_type_codes] - mean
        noise = np.random.RandomState(0).normal(0, 0.3, self.truth.shape)[X.gene_codes, X.cell_type_codes]
        prediction = mean + self.weight * error + noise
        return (prediction, np.full(len(X), 0.6)) if return_std else prediction


def named_data(gene="{}", cell_type="{}", n_genes=120, n_cell_types=12):
    """Simulated data whose genes and cell types have names of this form."""
    law, _ = make_paired_openness(n_genes=n_genes, n_cell_types=n_cell_types, n_lineages=4, random_state=1)
    genes = law.genes.assign(name=[gene.format(name) for name in law.genes["name"]])
    cell_types = law.cell_types.assign(name=[cell_type.format(name) for name in law.cell_types["name"]])
    return PairedDataset(law.openness, law.peaks, genes, law.expression, cell_types)


def compared(data, splits=("cell types", "lineages", "chromosomes"), name="knows", controls=("cell types",)):
    """Two rules, and a model that knows a share of the truth."""
    models = {"training mean": TrainingMean(), "promoter": PromoterSum(), name: Knows(data.expression)}
    return compare_models(models, data, list(splits), controls=controls, n_bootstrap=40)


def parts_of(comparison, control=0.5):
    """Parts of two equal halves, with a control that keeps this share of the deviation."""
    table = comparison.held_out("cell types", comparison.models[-1]).drop(columns="y_std", errors="ignore")
    deviation = table["y_pred"] - table["train_mean"]
    table = table.assign(cis=deviation / 2, cell_state=deviation - deviation / 2)
    return table if control is None else table.assign(y_pred_control=table["train_mean"] + control * deviation)


def profile(beyond=(False, True, True, False)):
    """Importance of four bands, those named beyond the null."""
    edges = [-10_000, -1_000, 0, 1_000, 10_000]
    table = pd.DataFrame({"from_bp": edges[:-1], "to_bp": edges[1:], "importance": np.where(beyond, 0.3, 0.01)})
    null = {"null_mean": 0.0, "null_low": -0.1, "null_high": 0.1, "beyond": list(beyond), "p_value": 0.05}
    return ImportanceProfile(table.assign(**null), np.zeros((19, 4)), "permutation", "skill lost", 0.95)


@cache
def everything():
    """Contents of a whole page; not to be changed by a test."""
    data = named_data()
    comparison = compared(data)
    return {
        "data": data,
        "comparison": comparison,
        "importance": profile(),
        "parts": parts_of(comparison),
        "links": score_links(data, min_distance=20_000),
        "outliers": cell_type_outliers(data),
    }
