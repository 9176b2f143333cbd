"""Estimators around estimators: targets standardised per gene, one model per gene, one model per bucket of cell types,
shifts between data sets taken out."""

from skepi.compose._batch import BatchCorrection
from skepi.compose._bucketed import BucketedRegressor
from skepi.compose._gene_z import GeneZTarget, z_score_per_gene
from skepi.compose._per_gene import PerGeneRegressor
from skepi.compose._per_gene_lasso import PerGeneLassoCV
from skepi.compose._residual import ResidualRegressor

__all__ = [
    "BatchCorrection",
    "BucketedRegressor",
    "GeneZTarget",
    "PerGeneLassoCV",
    "PerGeneRegressor",
    "ResidualRegressor",
    "z_score_per_gene",
]
