"""What the root offers, for type checkers and editors; ``__init__.py`` imports it when it is asked for."""

from skepi import (
    baselines as baselines,
    binning as binning,
    classification as classification,
    cli as cli,
    comparison as comparison,
    compose as compose,
    datasets as datasets,
    exceptions as exceptions,
    gaussian_process as gaussian_process,
    inspection as inspection,
    intervals as intervals,
    io as io,
    landmarks as landmarks,
    linear_model as linear_model,
    metrics as metrics,
    model_selection as model_selection,
    motifs as motifs,
    neural_network as neural_network,
    normalization as normalization,
    paired as paired,
    peaks as peaks,
    persistence as persistence,
    plotting as plotting,
    preprocessing as preprocessing,
    pseudobulk as pseudobulk,
    report as report,
    rows as rows,
    sequence as sequence,
    testing as testing,
    tf_activity as tf_activity,
)
from skepi.baselines import TrainingMean as TrainingMean, gene_activity as gene_activity
from skepi.binning import TSSBinner as TSSBinner, symmetric_edges as symmetric_edges
from skepi.comparison import compare_models as compare_models
from skepi.compose import GeneZTarget as GeneZTarget
from skepi.datasets import fetch_hematopoiesis as fetch_hematopoiesis, make_paired_openness as make_paired_openness
from skepi.gaussian_process import CisTransRegressor as CisTransRegressor
from skepi.inspection import importance_profile as importance_profile, score_links as score_links
from skepi.io import (
    choose_tss as choose_tss,
    match_genes as match_genes,
    read_gtf as read_gtf,
    read_matrix as read_matrix,
    read_peaks as read_peaks,
)
from skepi.linear_model import LassoBaseline as LassoBaseline, LassoBaselineCV as LassoBaselineCV
from skepi.metrics import summarize as summarize
from skepi.model_selection import (
    CellTypeKFold as CellTypeKFold,
    ChromosomeKFold as ChromosomeKFold,
    LineageKFold as LineageKFold,
    cross_val_pairs as cross_val_pairs,
)
from skepi.neural_network import ExpressionMLP as ExpressionMLP
from skepi.normalization import ExpressionNormalizer as ExpressionNormalizer
from skepi.paired import PairedDataset as PairedDataset, pool as pool
from skepi.peaks import (
    consensus_peaks as consensus_peaks,
    openness_over_peaks as openness_over_peaks,
    read_narrowpeaks as read_narrowpeaks,
)
from skepi.persistence import load_model as load_model, save_model as save_model
from skepi.preprocessing import LogZScaler as LogZScaler

__version__: str
__all__: list[str]
