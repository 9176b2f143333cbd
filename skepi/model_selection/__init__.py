"""Splits that keep cell types, lineages, genes or chromosomes whole, and what is measured on them."""

from skepi.model_selection._held_out import (
    ShuffleControl,
    cross_val_pairs,
    permute_cell_types,
    shuffle_control,
)
from skepi.model_selection._resumable import ResumableGridSearchCV
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
    "GeneKFold",
    "LeaveOneCellTypeOut",
    "LineageKFold",
    "PairKFold",
    "ResumableGridSearchCV",
    "ShuffleControl",
    "cross_val_pairs",
    "permute_cell_types",
    "shuffle_control",
    "train_dev_test_split",
]
