"""Splits that keep cell types, lineages, data sets, genes or chromosomes whole, and what is measured on them."""

from skepi.model_selection._curve_result import PairLearningCurve
from skepi.model_selection._data_sets import DataSetKFold
from skepi.model_selection._held_out import (
    ShuffleControl,
    cross_val_pairs,
    permute_cell_types,
    shuffle_control,
)
from skepi.model_selection._learning_curve import learning_curve_pairs
from skepi.model_selection._resumable import ResumableGridSearchCV
from skepi.model_selection._saturation import SaturatingCurve
from skepi.model_selection._split import (
    CellTypeKFold,
    ChromosomeKFold,
    CrossedKFold,
    GeneKFold,
    LeaveOneCellTypeOut,
    LineageKFold,
    PairKFold,
    train_dev_test_split,
)

__all__ = [
    "CellTypeKFold",
    "ChromosomeKFold",
    "CrossedKFold",
    "DataSetKFold",
    "GeneKFold",
    "LeaveOneCellTypeOut",
    "LineageKFold",
    "PairKFold",
    "PairLearningCurve",
    "ResumableGridSearchCV",
    "SaturatingCurve",
    "ShuffleControl",
    "cross_val_pairs",
    "learning_curve_pairs",
    "permute_cell_types",
    "shuffle_control",
    "train_dev_test_split",
]
