"""High or low expression: labels by the median of each cell type, held-out probabilities and their scores."""

from skepi.classification._held_out import cross_val_probabilities
from skepi.classification._median import above_median
from skepi.classification._scores import probability_scores_by, summarize_probabilities

__all__ = ["above_median", "cross_val_probabilities", "probability_scores_by", "summarize_probabilities"]
