"""How alike cell types are in their openness: kernels between them, and how far new ones are from those of training."""

import warnings
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.linalg import helmert

from skepi._columns import signal_codes, signals_of
from skepi._contrasts import BandContrasts, Contrasts
from skepi.exceptions import UnfittedSignalWarning, UnmatchedDataError
from skepi.persistence import FittedPart
from skepi.rows import BinnedRows

Float32Array = NDArray[np.float32]
FloatArray = NDArray[np.float64]

#: Distance to the nearest training cell type beyond which a new one is called unlike them, in units of the greatest
#: such distance among the training cell types.
DISTANT = 1.25

# Rounding of distances between equal cell types, in units of the root mean square distance of training ones from their
# mean.
_ROUNDING = 1e-5

_HALVINGS = 12  # of the interval in which the share of noise lies


@dataclass(frozen=True, eq=False)
class CellState(FittedPart):
    r"""What an estimator learns of the openness of its training cell types, and how others compare with them.

    The kernel between cell types c and d is :math:`K_{cd} = \frac{1}{k} \sum_{gb} r_b z_{gcb} z_{gdb}`, over all genes
    g and bands b, where k gives the training cell types a mean diagonal of 1. With one signal :math:`r_b = 1`. With
    several, K is :math:`\sum_s v_s K_s`, where :math:`K_s` is the kernel of signal s alone, with a mean diagonal of 1,
    so that a signal does not count for more because it has more bands; :math:`r_b` follows from that.

    **Counting noise.** Where openness is read counts, chance adds to :math:`K_{cc}` what it does not add between cell
    types: shallow cell types seem far from all others. Its expected amount is taken off the diagonal, at most as much
    as leaves no negative variance (``noise_share`` of it).

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
    noise : ndarray of float64, shape (n_columns, n_training)
        Variance that counting gives z, summed over genes; 0 where openness is no read counts.
    noise_share : float
        Share of it that is taken off the kernel's diagonal.
    """

    bands: BandContrasts
    cell_type_names: NDArray[np.object_]
    z: Float32Array
    kernel: FloatArray
    kernel_scale: float
    signal_weights: FloatArray
    column_weights: FloatArray
    noise: FloatArray
    noise_share: float

    @classmethod
    def learn(cls, X: BinnedRows, cells: NDArray[np.int64]) -> Self:
        """Learn from the training cell types of a data set, all its genes."""
        bands, found = BandContrasts.learn(X, cells)
        return cls._of(bands, _names(X, cells), found.z, found.noise, equal_weights(bands.columns))

    @classmethod
    def _of(
        cls,
        bands: BandContrasts,
        names: NDArray[np.object_],
        z: Float32Array,
        noise: FloatArray,
        signal_weights: FloatArray,
    ) -> Self:
        of_columns = column_weights(z, bands.columns, signal_weights)
        among = products(z, of_columns)
        chance = noise_matrix(among, of_columns @ noise)
        share = bearable_share(among, chance)
        return cls(bands, names, z, *unit_kernel(among, share * chance), signal_weights, of_columns, noise, share)

    def with_signal_weights(self, signal_weights: FloatArray) -> Self:
        """The same with other weights of signals, which add up to 1."""
        return self._of(self.bands, self.cell_type_names, self.z, self.noise, signal_weights)

    def signal_kernels(self) -> FloatArray:
        """Kernel of each signal alone, with a mean diagonal of 1 (0 where it does not vary): (n_signals, n, n)."""
        code, n = _signal_of_columns(self.bands.columns), len(self.kernel)
        out = np.stack([products(self.z[code == signal]) for signal in range(self.signal_weights.size)])
        trace = np.einsum("scc->s", out)
        for signal, among in enumerate(out):
            noise = self.noise_share * noise_matrix(among, self.noise[code == signal].sum(axis=0))
            among -= noise
            trace[signal] -= _centred_trace(noise)
        return out * np.divide(n, trace, out=np.zeros_like(trace), where=trace > 0)[:, None, None]

    def over(self, known: NDArray[np.int64]) -> Self:
        """The same over some of the genes, centred over these as new cell types are; itself for all in their order.

        Each gene is taken to have an equal part of the counting noise.
        """
        n_genes = self.bands.gene_names.size
        if np.array_equal(known, np.arange(n_genes)):
            return self
        bands, z = self.bands.over(known), self.z[:, known]
        if known.size == n_genes:
            return replace(self, bands=bands, z=z)
        z -= z.mean(axis=1, keepdims=True)
        if not z.any():
            raise UnmatchedDataError(f"the {known.size} gene(s) in common do not tell the training cell types apart")
        noise = self.noise * known.size / n_genes
        return self._of(bands, self.cell_type_names, z, noise, self.signal_weights)

    def compare(self, X: BinnedRows, cells: NDArray[np.int64]) -> "Comparison":
        """Put cell types of a data set beside those of training, over the genes that both data sets hold."""
        contrasts = self.bands.of(X, cells)
        training = self.over(contrasts.known)
        weights, scale = training.column_weights, training.kernel_scale
        z = weighted_by_column(contrasts.z, np.sqrt(weights))
        to_training = kernel(contrasts.z, training.z, weights) / scale
        to_self = np.einsum("bgt,bgt->t", z, z, dtype=np.float64) / scale
        own_noise = training.noise_share * (weights @ contrasts.noise) / scale
        training_noise = training.noise_share * (weights @ training.noise) / scale
        # A new cell type that equals one of training shares its noise.
        apart = to_self[:, None] + np.diag(training.kernel) + training_noise - 2 * to_training
        to_training -= np.where(apart < _ROUNDING * to_self[:, None], training_noise, 0.0)
        return Comparison(_names(X, cells), contrasts, training, to_training, to_self - own_noise)

    def relative_distance(self, distance: FloatArray) -> FloatArray:
        """Distances over the greatest one of a training cell type from its nearest other one.

        Where all of training have an equal twin, only 0 is not infinitely far.
        """
        greatest = self.greatest_gap()
        if greatest > _ROUNDING:
            return distance / greatest
        return np.where(distance > _ROUNDING, np.inf, 0.0)

    def greatest_gap(self) -> float:
        """Greatest distance of a training cell type from its nearest other one; 0 where all have an equal twin."""
        own = np.diag(self.kernel)
        between = own[:, None] + own - 2 * self.kernel
        np.fill_diagonal(between, np.inf)
        return float(np.sqrt(max(between.min(axis=1).max(), 0)))


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
    to_self : ndarray of float64, shape (n_new,)
        Kernel of each cell type with itself.
    """

    cell_type_names: NDArray[np.object_]
    contrasts: Contrasts
    training: CellState
    to_training: FloatArray
    to_self: FloatArray

    def squared_distances(self) -> FloatArray:
        """Squared distances from the training cell types, (n_new, n_training); noise may leave less than 0."""
        return self.to_self[:, None] + np.diag(self.training.kernel) - 2 * self.to_training


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


def products(z: Float32Array, column_weights: FloatArray | None = None) -> FloatArray:
    """Sum of products among cell types over genes and bands, by the weights of these, (n_cell_types, n_cell_types)."""
    among = np.zeros((z.shape[2], z.shape[2]))
    for table, weight in zip(z, np.ones(len(z)) if column_weights is None else column_weights, strict=True):
        wide = table.astype(np.float64)
        among += weight * (wide.T @ wide)  # one array: half the multiplications
    return among


def unit_kernel(among: FloatArray, noise: FloatArray | None = None) -> tuple[FloatArray, float]:
    """Centred kernel less noise, with a mean diagonal of 1 once it is centred again, and what it was divided by."""
    if noise is None:
        noise = np.zeros_like(among)
    scale = float(np.trace(among) - _centred_trace(noise)) / len(among)
    if scale <= 0:
        raise ValueError(
            "openness does not vary between the training cell types in any band: there is nothing to learn"
        )
    return (among - noise) / scale, scale


def _centred_trace(among: FloatArray) -> float:
    """Trace of a kernel once it is centred."""
    return float(np.trace(among) - among.sum() / len(among))


def noise_matrix(among: FloatArray, noise: FloatArray) -> FloatArray:
    """What noise, (n,), adds to a kernel: to its diagonal, and between equal cell types, which share their noise."""
    own = np.diag(among)
    equal = own[:, None] + own - 2 * among <= _ROUNDING * np.sqrt(own[:, None] * own)
    np.fill_diagonal(equal, True)
    return np.where(equal, np.sqrt(noise[:, None] * noise), 0.0)


def bearable_share(among: FloatArray, noise: FloatArray) -> float:
    """Share of the noise, (n, n), that a kernel can lose while no contrast has a negative variance."""
    if not noise.any():
        return 0.0
    contrasts = helmert(len(noise))
    signal, chance = contrasts @ among @ contrasts.T, contrasts @ noise @ contrasts.T
    low, high, least = 0.0, 1.0, -_ROUNDING * _ROUNDING * np.trace(signal)
    if np.linalg.eigvalsh(signal - chance)[0] >= least:
        return high
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if np.linalg.eigvalsh(signal - middle * chance)[0] >= least else (low, middle)
    return low


def _names(X: BinnedRows, cells: NDArray[np.int64]) -> NDArray[np.object_]:
    return X.cell_types["name"].to_numpy(dtype=object)[cells]
