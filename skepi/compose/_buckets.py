"""Training cell types in buckets by their phenotype, and the bucket that another one is nearest to by its openness."""

import warnings
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._cell_state import (
    Float32Array,
    column_weights,
    equal_weights,
    kernel,
    occurring,
    weighted_by_column,
)
from skepi._columns import signals_of
from skepi._contrasts import BandContrasts
from skepi._rows import pairs_with_peaks
from skepi._targets import FloatArray
from skepi.binning import BinnedOpenness, TSSBinner, symmetric_edges
from skepi.exceptions import DistantCellTypeWarning
from skepi.persistence import FittedPart
from skepi.rows import PairRows, is_binned

IntArray = NDArray[np.int64]

#: Number of a cell type that the clusterer left out.
NO_BUCKET = -1

# Twins in openness differ by rounding alone; in units of the root mean square distance from the mean.
_ROUNDING = 1e-5


@dataclass(frozen=True, eq=False)
class Centres(FittedPart):
    """Means of buckets in the space of openness contrasts.

    Attributes
    ----------
    bands : BandContrasts
        What standardises openness to z.
    z : ndarray of float32, shape (n_bands, n_genes, n_buckets)
        Times the weights of the bands.
    weights : ndarray of float64, shape (n_bands,)
        By which each signal counts for the same; 1 where there is one.
    gene_power : ndarray of float64, shape (n_genes,)
        Sum over bands of the mean square of contrasts over training cell types.
    """

    bands: BandContrasts
    z: Float32Array
    weights: FloatArray
    gene_power: FloatArray

    @classmethod
    def learn(cls, bands: BandContrasts, z: Float32Array, buckets: IntArray) -> Self:
        """Learn from contrasts of the training cell types."""
        weights = np.sqrt(column_weights(z, bands.columns, equal_weights(bands.columns)))
        z = weighted_by_column(z, weights)
        means = [z[:, :, buckets == bucket].mean(axis=2, dtype=np.float64) for bucket in range(buckets.max() + 1)]
        gene_power = np.einsum("bgt,bgt->g", z, z, dtype=np.float64) / buckets.size
        return cls(bands, np.stack(means, axis=2).astype(np.float32), weights, gene_power)

    def over(self, known: IntArray) -> Self:
        """Over some of the genes: contrasts add up to 0 over genes, those of the data set on both sides."""
        power = self.gene_power[known]
        if not power.any():
            raise ValueError(
                f"openness does not vary between training cell types in the {known.size} gene(s) that the data set "
                "shares with the training data, so no bucket can be found"
            )
        z = self.z[:, known]
        z = z - z.mean(axis=1, keepdims=True) if known.size < self.gene_power.size else z
        return type(self)(self.bands.over(known), z, self.weights, power)

    def distances(self, z: Float32Array) -> FloatArray:
        """From each bucket, in root mean square distances of training cell types from their mean: (n, n_buckets)."""
        z = weighted_by_column(z, self.weights)
        of_cells, of_buckets = (np.einsum("bgt,bgt->t", one, one, dtype=np.float64) for one in (z, self.z))
        squared = of_cells[:, None] + of_buckets - 2 * kernel(z, self.z)
        return np.sqrt(np.maximum(squared, 0) / self.gene_power.sum())


def in_bands(X: Any, signals: list[str] | None = None) -> BinnedOpenness:
    """Openness in bands around all genes of the data set that pairs refer to, whatever bins they have.

    These signals are used; by default those that binned rows have, or all.
    """
    if signals is None and is_binned(X):
        signals = signals_of(X.columns)
    return TSSBinner(edges=symmetric_edges(), signals=signals).fit_transform(pairs_with_peaks(X, "BucketedRegressor"))


def expression_kernel(X: PairRows, z: FloatArray) -> FloatArray:
    """Mean product of standardised expression over the genes measured in both of two cell types that occur."""
    genes, row = occurring(X.gene_codes)
    cells, column = occurring(X.cell_type_codes)
    place, size = row * cells.size + column, genes.size * cells.size
    count = np.bincount(place, minlength=size).reshape(genes.size, cells.size)
    table = np.bincount(place, weights=z, minlength=size).reshape(count.shape) / np.maximum(count, 1)
    measured = (count > 0).astype(float)
    shared = measured.T @ measured
    if (shared == 0).any():
        one, two = X.cell_types["name"].to_numpy()[cells[np.argwhere(shared == 0)[0]]]
        raise ValueError(
            f"no gene was measured in both {one} and {two}, so their expression cannot be compared: "
            "use phenotype='openness'"
        )
    if not table.any():
        raise ValueError("expression does not vary between the training cell types: there are no buckets in it")
    return table.T @ table / shared


def components_of(among: FloatArray, n_components: int) -> FloatArray:
    """Principal components of cell types from a kernel among them, (n, at most n - 1); signs do not hang on order."""
    n = len(among)
    centring = np.eye(n) - 1 / n
    variance, direction = np.linalg.eigh(centring @ among @ centring)
    largest = np.argsort(-variance)[: min(n_components, n - 1)]
    variance, direction = np.maximum(variance[largest], 0), direction[:, largest]
    direction = direction * np.sign(direction[np.abs(direction).argmax(axis=0), np.arange(largest.size)])
    return direction * np.sqrt(variance)


def checked_clusterer(clusterer: Any, n_cell_types: int) -> Any:
    """Refuse what does not cluster, and more buckets than cell types."""
    if not hasattr(clusterer, "fit_predict"):
        raise TypeError(f"clusterer must have fit_predict, as those of scikit-learn have; got {clusterer!r}")
    n_clusters = getattr(clusterer, "n_clusters", None)
    if isinstance(n_clusters, int | np.integer) and n_clusters > n_cell_types:
        raise ValueError(f"{n_clusters} buckets were wanted of {n_cell_types} training cell types")
    return clusterer


def cluster(clusterer: Any, components: FloatArray) -> IntArray:
    """Bucket of each cell type, numbered as they come up; :data:`NO_BUCKET` for one left out.

    Cell types are shown to the clusterer along the first component, so that buckets do not hang on the order of tables.
    """
    order = np.argsort(components[:, 0], kind="stable")
    labels = np.asarray(clusterer.fit_predict(components[order]))
    if labels.shape != order.shape or labels.dtype.kind not in "iu":
        raise ValueError(
            f"clusterer gave {labels.dtype} labels of shape {labels.shape}, wanted one whole number for each of "
            f"{order.size} cell types"
        )
    if (labels < 0).all():
        raise ValueError(f"{clusterer!r} put none of {order.size} training cell types into a bucket")
    given = np.empty_like(labels)
    given[order] = labels
    return _numbered(given)


def reaches(distances: FloatArray, buckets: IntArray) -> FloatArray:
    """Greatest distance of a member from the mean of the other members, (n_buckets,); NaN for a bucket of one."""
    out = np.full(distances.shape[1], np.nan)
    for bucket in range(out.size):
        members = buckets == bucket
        n = int(members.sum())
        if n > 1:  # leaving a member out moves the mean away from it: from d to d n / (n - 1)
            out[bucket] = max(n / (n - 1) * distances[members, bucket].max(), _ROUNDING)
    return out


def nearest_buckets(
    distances: FloatArray, reach: FloatArray, with_model: list[int], max_distance: float
) -> pd.DataFrame:
    """Nearest bucket of each cell type, how far it is, and whether its model answers; see ``assign``."""
    bucket = distances.argmin(axis=1)
    distance = distances[np.arange(len(distances)), bucket]
    relative = distance / reach[bucket]
    near = (relative <= max_distance) & np.isin(bucket, with_model)
    answered_by = np.where(near, "bucket", "pooled").astype(object)
    return pd.DataFrame({"bucket": bucket, "distance": distance, "relative": relative, "answered_by": answered_by})


def _numbered(labels: IntArray) -> IntArray:
    out = np.full(labels.size, NO_BUCKET, dtype=np.int64)
    place: dict[int, int] = {}
    for at in np.flatnonzero(labels >= 0):
        out[at] = place.setdefault(int(labels[at]), len(place))
    return out


def warn_of_distant(assigned: pd.DataFrame, with_model: list[int], max_distance: float) -> None:
    """Say which cell types of a table of assignments are too far from the bucket that would have answered."""
    distant = assigned[(assigned["answered_by"] == "pooled") & assigned["bucket"].isin(with_model)]
    if len(distant):
        relative = distant["relative"].sort_values(ascending=False)
        warnings.warn(
            f"{len(distant)} cell type(s) far from every bucket ({relative.index[0]}: {relative.iloc[0]:.2f} times "
            f"the reach of the nearest one, more than max_distance={max_distance:g}): the pooled model "
            "answers; see assign()",
            DistantCellTypeWarning,
            stacklevel=3,
        )
