"""What all binners share: pairs in, columns of a layout out."""

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skepi._columns import names_of_columns
from skepi._output import KeepsPairs
from skepi._rows import no_pairs
from skepi.binning._binned import BinnedOpenness
from skepi.binning._layout import Layout
from skepi.paired import GeneCellPairs


class MakesColumns(KeepsPairs, TransformerMixin):
    """Transforms pairs by the layout that ``fit`` has kept."""

    layout_: Layout
    columns_: pd.DataFrame

    def transform(self, X: GeneCellPairs) -> BinnedOpenness:
        """Bin the openness around the genes of the pairs.

        Parameters
        ----------
        X : GeneCellPairs

        Returns
        -------
        BinnedOpenness of shape (n_pairs, n_columns)
            Lazy: rows are computed when asked for.
        """
        check_is_fitted(self)
        check_is_pairs(X, self)
        return self.layout_.bin(X, self.columns_)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Name columns by signal, feature and offsets from the TSS, as ``ATAC [-1000, 0) bp``."""
        check_is_fitted(self)
        return np.array(names_of_columns(self.columns_), dtype=object)

    def _keep(self, layout: Layout) -> Self:
        """Let the fitted binner keep what its columns are made of."""
        self.layout_, self.columns_ = layout, layout.columns()
        self.n_features_in_ = 2  # a gene and a cell type
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.target_tags.required = False
        return tags


def check_is_pairs(X: Any, binner: Any) -> None:
    """Refuse anything but pairs of a data set."""
    if not isinstance(X, GeneCellPairs):
        raise no_pairs(X, binner)
