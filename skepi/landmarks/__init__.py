"""Landmark genes, which are measured, and target genes, which are predicted from them, as in D-GEX.

Rows are samples here and not pairs: no openness is needed.
"""

from skepi.landmarks._errors import cross_val_landmarks, summarize_landmark_errors
from skepi.landmarks._regressor import LandmarkRegressor
from skepi.landmarks._tables import landmark_tables, samples_by_genes

__all__ = [
    "LandmarkRegressor",
    "cross_val_landmarks",
    "landmark_tables",
    "samples_by_genes",
    "summarize_landmark_errors",
]
