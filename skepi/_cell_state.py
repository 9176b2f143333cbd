"""Openness in bands, less what belongs to a gene or to a cell type as a whole: what kernel models see of cell types."""

import warnings
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi.exceptions import UnfittedSignalWarning, UnmatchedDataError
from skepi.rows import BinnedRows

Float32Array = NDArray[np.float32]
FloatArray = NDArray[np.float64]

#: Distance to the nearest training cell type beyond which a new one is called unlike them, in units of the greatest
#: such distance among the training cell types.
DISTANT = 1.25

# Of distances between equal cell types, in units of the root mean square distance of training ones from their mean.
_ROUNDING = 1e-5


class Contrasts(NamedTuple):
    """Standardised openness of some genes in some cell types of a data set.

    Attributes
    ----------
    z : ndarray of float32, shape (n_bins, n_shared, n_cell_types)
    rows : ndarray of int64, shape (n_shared,)
        Their genes in the table of the data set.
    known : ndarray of int64, shape (n_shared,)
        The same genes among those learned.
    """

    z: Float32Array
    rows: NDArray[np.int64]
    known: NDArray[np.int64]


@dataclass(frozen=True)
class BandContrasts:
    r"""What is learned of openness from training cell types: a mean for each gene and band, a scale for each band.

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
    mean : ndarray of float32, shape (n_bins, n_genes)
    scale : ndarray of float64, shape (n_bins,)
    """

    gene_names: NDArray[np.object_]
    mean: Float32Array
    scale: FloatArray

    @classmethod
    def learn(cls, X: BinnedRows, cells: NDArray[np.int64]) -> tuple["BandContrasts", Float32Array]:
        """Learn from the training cell types of a data set, all its genes; z of these comes with it."""
        values = log_openness(X, np.arange(len(X.genes)), cells)
        mean = values.mean(axis=2, dtype=np.float64).astype(np.float32)
        scale = np.array([_centre(table, level) for table, level in zip(values, mean, strict=True)])
        _divide(values, scale)
        return cls(X.genes["name"].to_numpy(dtype=object), mean, scale), values

    def of(self, X: BinnedRows, cells: NDArray[np.int64]) -> Contrasts:
        """Standardise cell types of a data set, over the genes that it shares with the training data."""
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
        return Contrasts(values, rows, known[rows])


class TrainingState(NamedTuple):
    """What a model keeps of the openness of its training cell types.

    Attributes
    ----------
    z : ndarray of float32, shape (n_bins, n_genes, n_training)
    kernel : ndarray of float64, shape (n_training, n_training)
        With a mean diagonal of 1.
    scale : float
        What it was divided by.
    """

    z: Float32Array
    kernel: FloatArray
    scale: float

    def over(self, known: NDArray[np.int64]) -> "TrainingState":
        """The same over some of the genes, centred over these as new cell types are; itself for all in their order."""
        n_genes = self.z.shape[1]
        if np.array_equal(known, np.arange(n_genes)):
            return self
        z = self.z[:, known]
        if known.size == n_genes:
            return TrainingState(z, self.kernel, self.scale)
        z -= z.mean(axis=1, keepdims=True)
        if not z.any():
            raise UnmatchedDataError(f"the {known.size} gene(s) in common do not tell the training cell types apart")
        return TrainingState(z, *unit_kernel(z))


def relative_distance(distance: FloatArray, kernel: FloatArray) -> FloatArray:
    """Distances over the greatest one of a training cell type from its nearest other one, by their kernel.

    Where all of training have an equal twin, only 0 is not infinitely far.
    """
    own = np.diag(kernel)
    between = own[:, None] + own - 2 * kernel
    np.fill_diagonal(between, np.inf)
    greatest = float(np.sqrt(max(between.min(axis=1).max(), 0)))
    if greatest > _ROUNDING:
        return distance / greatest
    return np.where(distance > _ROUNDING, np.inf, 0.0)


def log_openness(X: BinnedRows, genes: NDArray[np.int64], cells: NDArray[np.int64]) -> Float32Array:
    """Log of 1 + binned openness, (n_bins, n_genes, n_cell_types), of increasing genes of a data set."""
    out = np.zeros((X.slots.n_bins, genes.size, cells.size), dtype=np.float32)
    place = np.full(len(X.genes), -1)
    place[genes] = np.arange(genes.size)
    for some, ptr, slots, values in X.gene_blocks(None if genes.size == place.size else genes):
        gene = np.repeat(place[some], np.diff(ptr))
        out[X.slots.slot_bin[slots], gene] = np.log1p(values[:, cells])
    return out


def kernel(z: Float32Array, other: Float32Array) -> FloatArray:
    """Sum of products over bands and genes, (n_cell_types, n_other)."""
    total = np.zeros((z.shape[2], other.shape[2]))
    for one, two in zip(z, other, strict=True):
        total += one.astype(np.float64).T @ two.astype(np.float64)
    return total


def warn_of_few_genes(share: float, least: float, so_what: str, stacklevel: int) -> None:
    """Say where a data set holds less than a share of the genes that a model was trained on, and what rests on them."""
    if share < least:
        warnings.warn(
            f"the data set holds only {share:.0%} of the genes that the training data had (warned below {least:.0%}), "
            f"and {so_what}",
            UnfittedSignalWarning,
            stacklevel=stacklevel + 1,
        )


def occurring(codes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Codes that occur, increasing, and the place of each row's code among them, without sorting rows."""
    present = np.bincount(codes) > 0
    return np.flatnonzero(present), (np.cumsum(present) - 1)[codes]


def unit_kernel(z: Float32Array) -> tuple[FloatArray, float]:
    """Kernel among cell types with a mean diagonal of 1, (n_cell_types, n_cell_types), and what it was divided by."""
    among = np.zeros((z.shape[2], z.shape[2]))
    for table in z:
        wide = table.astype(np.float64)
        among += wide.T @ wide  # one array: half the multiplications
    scale = float(np.trace(among)) / len(among)
    if scale == 0:
        raise ValueError(
            "openness does not vary between the training cell types in any band: there is nothing to learn"
        )
    return among / scale, scale


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
