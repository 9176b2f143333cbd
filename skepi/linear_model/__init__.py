"""Linear models: of bins, solved exactly from second moments, and of products of TF activity and openness."""

from skepi.linear_model._lasso import LassoBaseline
from skepi.linear_model._lasso_cv import LassoBaselineCV
from skepi.linear_model._tf_products import TFProductLasso

__all__ = ["LassoBaseline", "LassoBaselineCV", "TFProductLasso"]
