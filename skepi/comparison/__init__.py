"""Many models and simple rules under many splits, in one table, by one law."""

from skepi.comparison._compare import compare_models
from skepi.comparison._noise import replicate_variance
from skepi.comparison._result import ModelComparison

__all__ = ["ModelComparison", "compare_models", "replicate_variance"]
