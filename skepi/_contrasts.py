"""Openness in bands, less what belongs to a gene or to a cell type as a whole, with its counting noise."""

from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._counting import counting_noise
from skepi._dense import check_size
from skepi._rows import check_columns
from skepi.exceptions import UnmatchedDataError
from skepi.persistence import FittedPart
from skepi.rows import BinnedRows

Float32Array = NDArray[np.float32]
FloatArray = NDArray[np.float64]


class Contrasts(NamedTuple):
    """Standardised openness of some cell types of a data set, over the genes that it shares with the training data.

    Attributes
    ----------
    z : ndarray of float32, shape (n_columns, n_shared, n_cell_types)
    rows : ndarray of int64, shape (n_shared,)
        The shared genes in the table of the data set.
    known : ndarray of int64, shape (n_shared,)
        The same genes among those learned.
    n_learned : int
        Genes of the training data.
    noise : ndarray of float64, shape (n_columns, n_cell_types)
        Variance that counting gives z, summed over the shared genes; 0 where openness is no read counts.
    """

    z: Float32Array
    rows: NDArray[np.int64]
    known: NDArray[np.int64]
    n_learned: int
    noise: FloatArray

    @property
    def share(self) -> float:
        """Share of the genes of the training data that the data set holds."""
        return self.known.size / self.n_learned

    @property
    def all_genes(self) -> bool:
        """Whether the data set holds every gene of the training data, in whatever order."""
        return self.known.size == self.n_learned


@dataclass(frozen=True, eq=False)
class BandContrasts(FittedPart):
    r"""What standardises openness: for each gene and band its mean over training cell types, for each band a scale.

    With :math:`F_{gcb} = \ln(1 + x_{gcb})` of gene g, cell type c and band b, and :math:`\bar F_{gb}` its mean over
    training cell types,

    .. math:: z_{gcb} = \frac{1}{s_b} \Big[ F_{gcb} - \bar F_{gb}
        - \frac{1}{G} \sum_{h} (F_{hcb} - \bar F_{hb}) \Big]

    where the sum goes over the G genes that a data set shares with the training data, and :math:`s_b` is the root mean
    square of the numerator over genes and training cell types (a band where it is 0 has z = 0). Over training cell
    types z adds up to 0, and so it does over genes.

    Attributes
    ----------
    gene_names : ndarray of str, shape (n_genes,)
    mean : ndarray of float32, shape (n_columns, n_genes)
    scale : ndarray of float64, shape (n_columns,)
    columns : DataFrame
        One row per band: ``signal, feature, start_bp, end_bp``.
    """

    gene_names: NDArray[np.object_]
    mean: Float32Array
    scale: FloatArray
    columns: pd.DataFrame

    @classmethod
    def learn(cls, X: BinnedRows, cells: NDArray[np.int64]) -> tuple[Self, Contrasts]:
        """Learn from the training cell types of a data set, all its genes; their contrasts come with it."""
        genes = np.arange(len(X.genes))
        values = log_openness(X, genes, cells)
        mean = values.mean(axis=2, dtype=np.float64).astype(np.float32)
        scale = np.array([_centre(table, level) for table, level in zip(values, mean, strict=True)])
        _divide(values, scale)
        out = cls(X.genes["name"].to_numpy(dtype=object), mean, scale, X.columns)
        noise = out._standardised(counting_noise(X, genes, cells))
        return out, Contrasts(values, genes, genes, genes.size, noise)

    def of(self, X: BinnedRows, cells: NDArray[np.int64]) -> Contrasts:
        """Standardise cell types of a data set, over the genes that it shares with the training data."""
        check_columns(X, self.columns)
        known = pd.Index(self.gene_names).get_indexer(X.genes["name"])
        rows = np.flatnonzero(known >= 0)
        if rows.size == 0:
            raise UnmatchedDataError(
                f"no gene in common: fitted on {self.gene_names[0]}, ... ({self.gene_names.size} genes), got "
                f"{X.genes['name'].iloc[0]}, ... ({len(X.genes)} genes)"
            )
        values = log_openness(X, rows, cells)
        for table, level in zip(values, self.mean[:, known[rows]], strict=True):
            _centre(table, level)
        _divide(values, self.scale)
        return Contrasts(
            values, rows, known[rows], self.gene_names.size, self._standardised(counting_noise(X, rows, cells))
        )

    def _standardised(self, noise: FloatArray) -> FloatArray:
        """Variances of log openness as those of z."""
        squared = self.scale[:, None] ** 2
        return np.divide(noise, squared, out=np.zeros_like(noise), where=squared > 0)

    def over(self, known: NDArray[np.int64]) -> Self:
        """The same for some of the genes."""
        return replace(self, gene_names=self.gene_names[known], mean=self.mean[:, known])


def log_openness(X: BinnedRows, genes: NDArray[np.int64], cells: NDArray[np.int64]) -> Float32Array:
    """Log of 1 + binned openness, (n_columns, n_genes, n_cell_types), of increasing genes of a data set."""
    shape = X.slots.n_columns, genes.size, cells.size
    what = f"log openness of {shape[0]:,} columns x {shape[1]:,} genes x {shape[2]:,} cell types"
    check_size(4 * np.prod(shape, dtype=np.float64), what, "use fewer features, wider bands or fewer genes")
    out = np.zeros(shape, dtype=np.float32)
    place = np.full(len(X.genes), -1)
    place[genes] = np.arange(genes.size)
    for some, ptr, slots, values in X.gene_blocks(None if genes.size == place.size else genes):
        gene = np.repeat(place[some], np.diff(ptr))
        out[X.slots.slot_column[slots], gene] = np.log1p(values[:, cells])
    return out


def _centre(table: Float32Array, level: Float32Array) -> float:
    """Take off, in place, each gene's level and then each cell type's mean over genes; root mean square of the rest.

    What rounding leaves of equal values is not variation.
    """
    size = float(np.abs(table).max(initial=0))
    table -= level[:, None]
    table -= table.mean(axis=0, dtype=np.float64).astype(np.float32)
    rms = float(np.sqrt(np.mean(np.square(table, dtype=np.float64))))
    return rms if rms > 1e-6 * size else 0.0


def _divide(values: Float32Array, scale: FloatArray) -> None:
    for table, size in zip(values, scale, strict=True):
        table *= np.float32(1 / size if size > 0 else 0)
