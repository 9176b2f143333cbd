"""Displays that draw what the other rooms compute, in scikit-learn's manner; matplotlib comes in when one is drawn."""

from skepi.plotting._attention import AttentionDisplay
from skepi.plotting._cell_type_pca import CellTypePCADisplay
from skepi.plotting._comparison import ComparisonDisplay
from skepi.plotting._distribution import DistributionDisplay
from skepi.plotting._error_concentration import ErrorConcentrationDisplay
from skepi.plotting._gene_links import GeneLinksDisplay
from skepi.plotting._grouped_error import GroupedErrorDisplay
from skepi.plotting._importance import ImportanceDisplay
from skepi.plotting._lambda_path import LambdaPathDisplay
from skepi.plotting._learning_curve import PairLearningCurveDisplay
from skepi.plotting._link_enrichment import LinkEnrichmentDisplay
from skepi.plotting._locus import LocusDisplay
from skepi.plotting._motif_deviations import MotifDeviationDisplay
from skepi.plotting._parts import PartContributionsDisplay
from skepi.plotting._prediction import PredictionDisplay
from skepi.plotting._sequence_logo import SequenceLogoDisplay
from skepi.plotting._sweep import SweepDisplay
from skepi.plotting._training_curve import TrainingCurveDisplay

__all__ = [
    "AttentionDisplay",
    "CellTypePCADisplay",
    "ComparisonDisplay",
    "DistributionDisplay",
    "ErrorConcentrationDisplay",
    "GeneLinksDisplay",
    "GroupedErrorDisplay",
    "ImportanceDisplay",
    "LambdaPathDisplay",
    "LinkEnrichmentDisplay",
    "LocusDisplay",
    "MotifDeviationDisplay",
    "PairLearningCurveDisplay",
    "PartContributionsDisplay",
    "PredictionDisplay",
    "SequenceLogoDisplay",
    "SweepDisplay",
    "TrainingCurveDisplay",
]
