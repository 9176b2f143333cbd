"""What rows ask of a fitted model: kernels of their cell types, contrasts of their genes, and how new they are."""

import warnings
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._cell_state import DISTANT, CellState, Comparison, occurring, warn_of_few_genes
from skepi._contrasts import Contrasts
from skepi.exceptions import DistantCellTypeWarning
from skepi.gaussian_process._posterior import NewCellTypes
from skepi.gaussian_process._reach import bent, bent_new

Float32Array = NDArray[np.float32]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class Query(NamedTuple):
    """Rows, as a fitted model sees them.

    Attributes
    ----------
    compared : Comparison
        Their cell types beside those of training, over the shared genes.
    kernel : ndarray of float64, shape (n_training, n_training)
        Kernel with a length among the training cell types, over the shared genes.
    new : NewCellTypes
        Kernels of their cell types, with the same length.
    row, column : ndarray of int, shape (n_pairs,)
        Place of each pair in tables of the genes and cell types that occur.
    z : ndarray of float32, shape (n_columns, n_genes, n_new)
        Contrasts of the genes that occur; 0 for a gene that the training data did not have.
    place : ndarray of int, shape (n_genes,)
        Their rows among the shared genes; without meaning for those that are not shared.
    trained : ndarray of int, shape (n_genes,)
        Their rows among genes with training pairs; -1 for others.
    """

    compared: Comparison
    kernel: FloatArray
    new: NewCellTypes
    row: IntArray
    column: IntArray
    z: Float32Array
    place: IntArray
    trained: IntArray

    @property
    def all_genes(self) -> bool:
        """Whether all training genes are shared, so that the kernel is the fitted one."""
        return self.compared.contrasts.all_genes

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Which of the genes that occur have training pairs, (n_genes,)."""
        return self.trained >= 0

    def training_z_of_seen(self) -> Float32Array:
        """Contrasts of these genes in the training cell types."""
        return of_genes(self.compared.training.z, self.place[self.seen])


def ask(X: Any, state: CellState, trained_genes: pd.Index, length: float) -> Query:
    """Compare the cell types of rows with the training ones, and find their genes among those that were learned."""
    cells, column = occurring(X.cell_type_codes)
    genes, row = occurring(X.gene_codes)
    compared = state.compare(X, cells)
    linear = compared.training.kernel
    return Query(
        compared=compared,
        kernel=bent(linear, length),
        new=bent_new(linear, NewCellTypes(compared.to_training, compared.to_self), length),
        row=row,
        column=column,
        z=_of_rows(compared.contrasts, genes),
        place=np.searchsorted(compared.contrasts.rows, genes),
        trained=trained_genes.get_indexer(X.genes["name"].to_numpy(dtype=object)[genes]),
    )


def distance_table(query: Query) -> pd.DataFrame:
    """The ``nearest`` training cell type, ``distance`` to it and ``relative`` distance of each new cell type."""
    compared = query.compared
    squared = compared.squared_distances()
    nearest = squared.argmin(axis=1)
    distance = np.sqrt(np.maximum(squared[np.arange(nearest.size), nearest], 0))
    columns = {
        "nearest": compared.training.cell_type_names[nearest],
        "distance": distance,
        "relative": compared.training.relative_distance(distance),
    }
    return pd.DataFrame(columns, index=pd.Index(compared.cell_type_names, name="cell_type"))


def warn_of_what_is_new(query: Query, min_shared_genes: float) -> None:
    """Say where a data set has few of the training genes, and which cell types are unlike all of training."""
    share, so_what = query.compared.contrasts.share, "the state of its cell types is read from these"
    warn_of_few_genes(share, min_shared_genes, so_what, stacklevel=4)
    distances = distance_table(query)
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
