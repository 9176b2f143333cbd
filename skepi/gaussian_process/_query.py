"""What rows ask of a fitted model: kernels of their cell types, contrasts of their genes, and how new they are."""

import warnings
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._cell_state import (
    DISTANT,
    BandContrasts,
    Contrasts,
    TrainingState,
    kernel,
    occurring,
    relative_distance,
    warn_of_few_genes,
)
from skepi.exceptions import DistantCellTypeWarning
from skepi.gaussian_process._posterior import NewCellTypes

Float32Array = NDArray[np.float32]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class Query(NamedTuple):
    """Rows, as a fitted model sees them.

    Attributes
    ----------
    cell_types : ndarray of str, shape (n_new,)
    row, column : ndarray of int, shape (n_pairs,)
        Place of each pair in tables of the genes and cell types that occur.
    z : ndarray of float32, shape (n_bins, n_genes, n_new)
        Contrasts of the genes that occur; 0 for a gene that the training data did not have.
    training_z : ndarray of float32, shape (n_bins, n_shared, n_training)
        Contrasts of the training cell types, over the shared genes.
    place : ndarray of int, shape (n_genes,)
        Rows of ``training_z`` of the genes that occur; without meaning for those that are not shared.
    trained : ndarray of int, shape (n_genes,)
        Their rows among genes with training pairs; -1 for others.
    share : float
        Of the genes of the training data that the data set holds.
    kernel : ndarray of shape (n_training, n_training)
        Over the shared genes.
    new : NewCellTypes
    """

    cell_types: NDArray[np.object_]
    row: NDArray[np.int64]
    column: NDArray[np.int64]
    z: Float32Array
    training_z: Float32Array
    place: IntArray
    trained: IntArray
    share: float
    kernel: FloatArray
    new: NewCellTypes

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Which of the genes that occur have training pairs, (n_genes,)."""
        return self.trained >= 0

    def training_z_of_seen(self) -> Float32Array:
        """Contrasts of these genes in the training cell types."""
        return of_genes(self.training_z, self.place[self.seen])


def ask(X: Any, learned: BandContrasts, training: TrainingState, trained_genes: pd.Index) -> Query:
    """Compare the cell types of rows with the training ones, over the genes that both data sets hold."""
    cells, column = occurring(X.cell_type_codes)
    genes, row = occurring(X.gene_codes)
    contrasts = learned.of(X, cells)
    z = contrasts.z
    shared = training.over(contrasts.known)
    to_self = np.einsum("bgt,bgt->t", z, z, dtype=np.float64) / shared.scale
    return Query(
        cell_types=X.cell_types["name"].to_numpy(dtype=object)[cells],
        row=row,
        column=column,
        z=_of_rows(contrasts, genes),
        place=np.searchsorted(contrasts.rows, genes),
        training_z=shared.z,
        trained=trained_genes.get_indexer(X.genes["name"].to_numpy(dtype=object)[genes]),
        share=contrasts.known.size / learned.gene_names.size,
        kernel=shared.kernel,
        new=NewCellTypes(kernel(z, shared.z) / shared.scale, to_self),
    )


def distance_table(query: Query, training_names: NDArray[np.object_]) -> pd.DataFrame:
    """Of each cell type asked about: ``nearest`` training cell type, ``distance`` to it and ``relative`` distance."""
    own = np.diag(query.kernel)
    squared = query.new.to_self[:, None] + own - 2 * query.new.to_training
    nearest = squared.argmin(axis=1)
    distance = np.sqrt(np.maximum(squared[np.arange(nearest.size), nearest], 0))
    columns = {
        "nearest": training_names[nearest],
        "distance": distance,
        "relative": relative_distance(distance, query.kernel),
    }
    return pd.DataFrame(columns, index=pd.Index(query.cell_types, name="cell_type"))


def warn_of_what_is_new(query: Query, distances: pd.DataFrame, min_shared_genes: float) -> None:
    """Say where a data set has few of the training genes, and which cell types are unlike all of training."""
    warn_of_few_genes(query.share, min_shared_genes, "the state of its cell types is read from these", stacklevel=4)
    distant = distances[distances["relative"] > DISTANT].sort_values("relative", ascending=False)
    if len(distant):
        warnings.warn(
            f"{len(distant)} cell type(s) unlike any seen in training ({distant.index[0]}: "
            f"{distant['relative'].iloc[0]:.1f} times the greatest distance of a training cell type from its "
            "nearest other one): little is known of their state; see distances()",
            DistantCellTypeWarning,
            stacklevel=4,
        )


def of_genes(z: Float32Array, rows: IntArray) -> Float32Array:
    """Some genes of contrasts; all of them without a copy."""
    return z if np.array_equal(rows, np.arange(z.shape[1])) else z[:, rows]


def _of_rows(contrasts: Contrasts, genes: IntArray) -> Float32Array:
    """Contrasts of some genes of a data set; 0 for those that it does not share."""
    found = np.searchsorted(contrasts.rows, genes)
    found[found == contrasts.rows.size] = 0
    shared = contrasts.rows[found] == genes
    if shared.all() and genes.size == contrasts.rows.size:
        return contrasts.z
    return np.where(shared[:, None], contrasts.z[:, found], np.float32(0))
