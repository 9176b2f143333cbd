"""Simple rules that every model must beat, and gene activity scores without training."""

from skepi.baselines._distance_decay import DistanceDecay
from skepi.baselines._gene_activity import gene_activity
from skepi.baselines._nearest import NearestCellTypes
from skepi.baselines._promoter_sum import PromoterSum
from skepi.baselines._training_frequency import TrainingFrequency
from skepi.baselines._training_mean import TrainingMean

__all__ = [
    "DistanceDecay",
    "NearestCellTypes",
    "PromoterSum",
    "TrainingFrequency",
    "TrainingMean",
    "gene_activity",
]
