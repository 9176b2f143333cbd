"""Networks on binned openness; torch lives here, and in one module of ``motifs``."""

from skepi.neural_network._bin_attention import BinAttention, BinAttentionClassifier
from skepi.neural_network._bin_cnn import BinCNN, BinCNNClassifier
from skepi.neural_network._mlp import ExpressionMLP

__all__ = ["BinAttention", "BinAttentionClassifier", "BinCNN", "BinCNNClassifier", "ExpressionMLP"]
