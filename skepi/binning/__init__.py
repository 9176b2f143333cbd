"""Openness around each gene, summed in bins along the direction of transcription."""

from skepi.binning._binned import BinnedOpenness
from skepi.binning._binner import TSSBinner, symmetric_edges
from skepi.binning._table import BinnedTable
from skepi.binning._union import BinnerUnion

__all__ = ["BinnedOpenness", "BinnedTable", "BinnerUnion", "TSSBinner", "symmetric_edges"]
