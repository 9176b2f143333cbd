"""Openness around each gene, summed in bins along the direction of transcription."""

from skepi.binning._binned import BinnedOpenness
from skepi.binning._binner import TSSBinner, symmetric_edges

__all__ = ["BinnedOpenness", "TSSBinner", "symmetric_edges"]
