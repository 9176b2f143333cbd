"""What a prediction is made of, as the model keeps it and as other models ask for it."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi.gaussian_process._posterior import FloatArray, Residuals
from skepi.gaussian_process._query import Query
from skepi.gaussian_process._reach import Faded

Float32Array = NDArray[np.float32]


class Prediction(NamedTuple):
    """Parts of the prediction of rows, and what they were made from.

    Attributes
    ----------
    parts : DataFrame
        One row per pair; columns ``gene_mean``, ``cis``, ``cell_state`` and, where learned, ``own_cis``, in units of
        ``y``.
    scale : ndarray of float64, shape (n_pairs,)
        Scale of the gene of each pair: SD + offset.
    asked : Query
    residuals : Residuals
        Residuals of the genes that occur and have training pairs, with the kernel over the shared genes.
    faded : Faded
        What is believed of the states of the cell types that occur.
    """

    parts: pd.DataFrame
    scale: FloatArray
    asked: Query
    residuals: Residuals
    faded: Faded

    def features(self) -> Float32Array:
        """Contrasts of bands, standardised parts, level and scale of the gene, (n_pairs, n_columns + n_parts + 2)."""
        asked, parts, scale = self.asked, self.parts.drop(columns="gene_mean"), self.scale
        n_columns = len(asked.z)
        features = np.zeros((len(parts), n_columns + parts.shape[1] + 2), dtype=np.float32)
        features[:, :n_columns] = asked.z[:, asked.row, asked.column].T
        known = scale > 0  # a gene that does not vary has a scale of 0 where sd_offset is 0
        features[known, n_columns:-2] = parts.to_numpy()[known] / scale[known, None]
        features[:, -2], features[:, -1] = self.parts["gene_mean"], scale
        return features


class PredictionWithFeatures(NamedTuple):
    """A prediction and all that it was made from, for a model of its errors.

    Attributes
    ----------
    parts : DataFrame
        One row per pair; the prediction is the sum of the columns, in units of ``y``.
    features : ndarray of float32, shape (n_pairs, n_features)
        Named by ``get_feature_names_out`` of the model.
    std : ndarray of float64, shape (n_pairs,), or None
        SD of a measurement around the prediction.
    """

    parts: pd.DataFrame
    features: Float32Array
    std: FloatArray | None
