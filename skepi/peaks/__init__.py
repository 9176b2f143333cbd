"""Peaks of many cell types to one table: consensus peaks, and the openness of each in every cell type."""

from skepi.peaks._consensus import consensus_peaks
from skepi.peaks._openness import openness_from_bigwigs, openness_over_peaks
from skepi.peaks._samples import read_narrowpeaks

__all__ = ["consensus_peaks", "openness_from_bigwigs", "openness_over_peaks", "read_narrowpeaks"]
