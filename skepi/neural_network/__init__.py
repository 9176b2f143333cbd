"""Networks on binned openness; with its helpers the only room where torch lives."""

from skepi.neural_network._bin_attention import BinAttention, BinAttentionClassifier
from skepi.neural_network._bin_cnn import BinCNN, BinCNNClassifier
from skepi.neural_network._mlp import ExpressionMLP

__all__ = ["BinAttention", "BinAttentionClassifier", "BinCNN", "BinCNNClassifier", "ExpressionMLP"]
