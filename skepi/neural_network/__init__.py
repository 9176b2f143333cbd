"""Networks on binned openness and on DNA; torch lives here, and in one module of ``motifs``."""

from skepi.neural_network._bin_attention import BinAttention, BinAttentionClassifier
from skepi.neural_network._bin_cnn import BinCNN, BinCNNClassifier
from skepi.neural_network._mlp import ExpressionMLP
from skepi.neural_network._sequence_openness import SequenceOpenness

__all__ = ["BinAttention", "BinAttentionClassifier", "BinCNN", "BinCNNClassifier", "ExpressionMLP", "SequenceOpenness"]
