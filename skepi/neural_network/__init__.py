"""Networks on binned openness; with its helpers the only room where torch lives."""

from skepi.neural_network._mlp import ExpressionMLP

__all__ = ["ExpressionMLP"]
