"""Estimators around estimators: targets standardised per gene, one model a gene, one model a bucket of cell types."""

from skepi.compose._gene_z import GeneZTarget, z_score_per_gene

__all__ = ["GeneZTarget", "z_score_per_gene"]
