"""Openness in bands, less what belongs to a gene or to a cell type as a whole: what kernel models see of cell types."""

import warnings
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._columns import signal_codes, signals_of
from skepi._dense import check_size
from skepi._rows import check_columns
from skepi.exceptions import UnfittedSignalWarning, UnmatchedDataError
from skepi.persistence import FittedPart
from skepi.rows import BinnedRows

Float32Array = NDArray[np.float32]
FloatArray = NDArray[np.float64]

#: Distance to the nearest training cell type beyond which a new one is called unlike them, in units of the greatest
#: such distance among the training cell types.
DISTANT = 1.25

# Of distances between equal cell types, in units of the root mean square distance of training ones from their mean.
_ROUNDING = 1e-5


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
    """

    z: Float32Array
    rows: NDArray[np.int64]
    known: NDArray[np.int64]
    n_learned: int

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
    def learn(cls, X: BinnedRows, cells: NDArray[np.int64]) -> tuple[Self, Float32Array]:
        """Learn from the training cell types of a data set, all its genes; z of these comes with it."""
        values = log_openness(X, np.arange(len(X.genes)), cells)
        mean = values.mean(axis=2, dtype=np.float64).astype(np.float32)
        scale = np.array([_centre(table, level) for table, level in zip(values, mean, strict=True)])
        _divide(values, scale)
        return cls(X.genes["name"].to_numpy(dtype=object), mean, scale, X.columns), values

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
        return Contrasts(values, rows, known[rows], self.gene_names.size)

    def over(self, known: NDArray[np.int64]) -> Self:
        """The same for some of the genes."""
        return replace(self, gene_names=self.gene_names[known], mean=self.mean[:, known])


@dataclass(frozen=True, eq=False)
class CellState(FittedPart):
    r"""What an estimator learns of the openness of its training cell types, and how others compare with them.

    The kernel between cell types c and d is :math:`K_{cd} = \frac{1}{k} \sum_{gb} r_b z_{gcb} z_{gdb}`, over all genes
    g and bands b, where k gives the training cell types a mean diagonal of 1. With one signal :math:`r_b = 1`. With
    several, K is :math:`\sum_s v_s K_s`, where :math:`K_s` is the kernel of signal s alone, with a mean diagonal of 1,
    so that a signal does not count for more because it has more bands; :math:`r_b` follows from that.

    Attributes
    ----------
    bands : BandContrasts
        What standardises openness to z.
    cell_type_names : ndarray of str, shape (n_training,)
    z : ndarray of float32, shape (n_columns, n_genes, n_training)
    kernel : ndarray of float64, shape (n_training, n_training)
        K.
    kernel_scale : float
        k.
    signal_weights : ndarray of float64, shape (n_signals,)
        v, which add up to 1; equal until they are learned.
    column_weights : ndarray of float64, shape (n_columns,)
        r.
    """

    bands: BandContrasts
    cell_type_names: NDArray[np.object_]
    z: Float32Array
    kernel: FloatArray
    kernel_scale: float
    signal_weights: FloatArray
    column_weights: FloatArray

    @classmethod
    def learn(cls, X: BinnedRows, cells: NDArray[np.int64]) -> Self:
        """Learn from the training cell types of a data set, all its genes."""
        bands, z = BandContrasts.learn(X, cells)
        return cls._of(bands, _names(X, cells), z, equal_weights(bands.columns))

    @classmethod
    def _of(cls, bands: BandContrasts, names: NDArray[np.object_], z: Float32Array, signal_weights: FloatArray) -> Self:
        of_columns = column_weights(z, bands.columns, signal_weights)
        return cls(bands, names, z, *unit_kernel(z, of_columns), signal_weights, of_columns)

    def with_signal_weights(self, signal_weights: FloatArray) -> Self:
        """The same with other weights of signals, which add up to 1."""
        return self._of(self.bands, self.cell_type_names, self.z, signal_weights)

    def signal_kernels(self) -> FloatArray:
        """Kernel of each signal alone, with a mean diagonal of 1 (0 where it does not vary): (n_signals, n, n)."""
        code, n = _signal_of_columns(self.bands.columns), len(self.kernel)
        out = np.stack([kernel(z := self.z[code == signal], z) for signal in range(self.signal_weights.size)])
        trace = np.einsum("scc->s", out)
        return out * np.divide(n, trace, out=np.zeros_like(trace), where=trace > 0)[:, None, None]

    def over(self, known: NDArray[np.int64]) -> Self:
        """The same over some of the genes, centred over these as new cell types are; itself for all in their order."""
        n_genes = self.bands.gene_names.size
        if np.array_equal(known, np.arange(n_genes)):
            return self
        bands, z = self.bands.over(known), self.z[:, known]
        if known.size == n_genes:
            return replace(self, bands=bands, z=z)
        z -= z.mean(axis=1, keepdims=True)
        if not z.any():
            raise UnmatchedDataError(f"the {known.size} gene(s) in common do not tell the training cell types apart")
        return self._of(bands, self.cell_type_names, z, self.signal_weights)

    def compare(self, X: BinnedRows, cells: NDArray[np.int64]) -> "Comparison":
        """Put cell types of a data set beside those of training, over the genes that both data sets hold."""
        contrasts = self.bands.of(X, cells)
        training = self.over(contrasts.known)
        to_training = kernel(contrasts.z, training.z, training.column_weights) / training.kernel_scale
        return Comparison(_names(X, cells), contrasts, training, to_training)

    def relative_distance(self, distance: FloatArray) -> FloatArray:
        """Distances over the greatest one of a training cell type from its nearest other one.

        Where all of training have an equal twin, only 0 is not infinitely far.
        """
        own = np.diag(self.kernel)
        between = own[:, None] + own - 2 * self.kernel
        np.fill_diagonal(between, np.inf)
        greatest = float(np.sqrt(max(between.min(axis=1).max(), 0)))
        if greatest > _ROUNDING:
            return distance / greatest
        return np.where(distance > _ROUNDING, np.inf, 0.0)


class Comparison(NamedTuple):
    """Cell types of a data set beside those of training, over the genes that both data sets hold.

    Attributes
    ----------
    cell_type_names : ndarray of str, shape (n_new,)
    contrasts : Contrasts
    training : CellState
        Over the shared genes.
    to_training : ndarray of float64, shape (n_new, n_training)
        Kernel with the training cell types.
    """

    cell_type_names: NDArray[np.object_]
    contrasts: Contrasts
    training: CellState
    to_training: FloatArray

    def to_self(self) -> FloatArray:
        """Kernel of each cell type with itself, (n_new,)."""
        z = weighted_by_column(self.contrasts.z, np.sqrt(self.training.column_weights))
        return np.einsum("bgt,bgt->t", z, z, dtype=np.float64) / self.training.kernel_scale

    def squared_distances(self, to_self: FloatArray) -> FloatArray:
        """Squared distances from the training cell types, (n_new, n_training); rounding may leave less than 0."""
        return to_self[:, None] + np.diag(self.training.kernel) - 2 * self.to_training


class CellStateViews:
    """Parts of ``cell_state_`` as attributes of the estimator that keeps it."""

    cell_state_: CellState

    @property
    def cell_type_names_(self) -> NDArray[np.object_]:
        """Names of the training cell types, (n_training,)."""
        return self.cell_state_.cell_type_names

    @property
    def kernel_(self) -> FloatArray:
        """Kernel among the training cell types, (n_training, n_training)."""
        return self.cell_state_.kernel

    @property
    def kernel_scale_(self) -> float:
        """What the kernel was divided by."""
        return self.cell_state_.kernel_scale

    @property
    def signal_weights_(self) -> pd.Series:
        """Weight of each signal in the kernel; they add up to 1."""
        state = self.cell_state_
        return pd.Series(state.signal_weights, pd.Index(signals_of(state.bands.columns), name="signal"))

    @property
    def contrasts_(self) -> Float32Array:
        """Contrasts z of the training cell types, (n_columns, n_genes, n_training)."""
        return self.cell_state_.z

    @property
    def gene_names_(self) -> NDArray[np.object_]:
        """Names of all genes of the training data set, (n_genes,)."""
        return self.cell_state_.bands.gene_names

    @property
    def openness_mean_(self) -> Float32Array:
        """Mean log openness over the training cell types, (n_columns, n_genes)."""
        return self.cell_state_.bands.mean

    @property
    def band_scale_(self) -> FloatArray:
        """Scale of each band, (n_columns,)."""
        return self.cell_state_.bands.scale

    @property
    def columns_(self) -> pd.DataFrame:
        """What the bands are, one row per column: ``signal, feature, start_bp, end_bp``."""
        return self.cell_state_.bands.columns


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


def kernel(z: Float32Array, other: Float32Array, column_weights: FloatArray | None = None) -> FloatArray:
    """Sum of products over bands, by their weights, and over genes, (n_cell_types, n_other)."""
    total = np.zeros((z.shape[2], other.shape[2]))
    weights = np.ones(len(z)) if column_weights is None else column_weights
    for one, two, weight in zip(z, other, weights, strict=True):
        if weight > 0:
            total += weight * (one.astype(np.float64).T @ two.astype(np.float64))
    return total


def equal_weights(columns: pd.DataFrame) -> FloatArray:
    """The same weight for each signal, (n_signals,)."""
    n_signals = len(signals_of(columns))
    return np.full(n_signals, 1 / n_signals)


def column_weights(z: Float32Array, columns: pd.DataFrame, signal_weights: FloatArray) -> FloatArray:
    """Weights of bands that give the kernels of signals these weights, (n_columns,); 1 where there is one signal.

    Signals that do not vary have none, and the others share theirs.
    """
    if signal_weights.size == 1:
        return np.ones(len(columns))
    code, n_signals = _signal_of_columns(columns), signal_weights.size
    power = np.bincount(code, [np.sum(np.square(table, dtype=np.float64)) for table in z], minlength=n_signals)
    wanted = np.where(power > 0, signal_weights, 0.0)
    share = np.divide(wanted, power, out=np.zeros(n_signals), where=power > 0)
    return share[code] * power.sum() / wanted.sum() if wanted.any() else np.ones(len(columns))


def weighted_by_column(z: Float32Array, weights: FloatArray) -> Float32Array:
    """Contrasts times a weight for each column; themselves where all weights are 1."""
    return z if (weights == 1).all() else z * weights[:, None, None].astype(np.float32)


def _signal_of_columns(columns: pd.DataFrame) -> NDArray[np.int64]:
    return signal_codes(columns, signals_of(columns))


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


def unit_kernel(z: Float32Array, column_weights: FloatArray | None = None) -> tuple[FloatArray, float]:
    """Kernel among cell types with a mean diagonal of 1, (n_cell_types, n_cell_types), and what it was divided by."""
    among = np.zeros((z.shape[2], z.shape[2]))
    for table, weight in zip(z, np.ones(len(z)) if column_weights is None else column_weights, strict=True):
        wide = table.astype(np.float64)
        among += weight * (wide.T @ wide)  # one array: half the multiplications
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


def _names(X: BinnedRows, cells: NDArray[np.int64]) -> NDArray[np.object_]:
    return X.cell_types["name"].to_numpy(dtype=object)[cells]
