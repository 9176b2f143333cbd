"""Linear models, solved exactly from second moments."""

from skepi.linear_model._lasso import LassoBaseline
from skepi.linear_model._lasso_cv import LassoBaselineCV

__all__ = ["LassoBaseline", "LassoBaselineCV"]
