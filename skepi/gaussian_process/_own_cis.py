"""A cis part of each gene's own beside the one that genes share: its kernel is of the gene's own openness."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from skepi.gaussian_process._likelihood import PENALTY, best_variances, noise_floor
from skepi.gaussian_process._posterior import BoolArray, FloatArray, NewCellTypes, Residuals, Variances

Float32Array = NDArray[np.float32]

# Genes that the variances are learned from at most, evenly spaced.
_MAX_GENES = 1_000

# Added to the trace of a gene's kernel, in units of the mean trace: genes without signal get no weight.
_TRACE_FLOOR = 0.1

# Numbers in the covariances of a block of genes, 32 MB.
_BLOCK_VALUES = 4_000_000


def own_scale(z: Float32Array) -> FloatArray:
    """What the kernel of each gene is multiplied by, (n_genes,); 0 where there is no signal at all."""
    trace = np.einsum("bgc,bgc->g", z, z, dtype=np.float64)
    floored = trace + _TRACE_FLOOR * trace.mean()
    return np.divide(1, floored, out=np.zeros_like(trace), where=floored > 0)


def squares_within_genes(z: Float32Array, scale: FloatArray, measured: BoolArray) -> float:
    """Expected sum of squares about the mean of each gene, over its measured cell types, of own parts of variance 1."""
    inside = np.where(measured, z, np.float32(0))
    squares = np.einsum("bgc,bgc->g", inside, inside, dtype=np.float64)
    sums = inside.sum(axis=2, dtype=np.float64)
    return float(scale @ (squares - np.sum(sums**2, axis=0) / measured.sum(axis=1)))


def fit_variances(residuals: Residuals, z: Float32Array, scale: FloatArray, start: Variances) -> Variances:
    """Variances by restricted maximum likelihood on some of the genes, from those without the own part.

    Parameters
    ----------
    residuals : Residuals
    z : ndarray of shape (n_columns, n_genes, n_training)
        Contrasts of the same genes.
    scale : ndarray of shape (n_genes,)
        From :func:`own_scale`.
    start : Variances
    """
    n_genes = len(residuals.values)
    chosen = np.unique(np.linspace(0, n_genes - 1, min(n_genes, _MAX_GENES)).astype(np.int64))
    some, some_z, some_scale = residuals.of(chosen), z[:, chosen], scale[chosen]

    def objective(logs: FloatArray) -> float:
        likelihood = minus_log_likelihood(some, some_z, some_scale, Variances(*np.exp(logs)))
        return likelihood + PENALTY * float(logs[0] ** 2 + logs[2] ** 2)

    begin = np.log([start.state, 0.1 * (start.state + start.noise), start.noise])
    floor = noise_floor(residuals)
    return Variances(*best_variances(objective, begin, [floor, floor, floor]))


def weights(
    residuals: Residuals, z: Float32Array, scale: FloatArray, variances: Variances
) -> tuple[FloatArray, FloatArray]:
    """Weights of cell types in states, (n_genes, n_training), and of bands in own parts, (n_columns, n_genes)."""
    of_cells, of_bands = np.zeros_like(residuals.values), np.zeros((len(z), len(residuals.values)))
    for genes in _blocks(residuals):
        some = residuals.of(genes)
        alpha = np.linalg.solve(_covariance(some, z[:, genes], scale[genes], variances), some.values[:, :, None])[
            :, :, 0
        ]
        of_cells[genes] = variances.state * alpha
        of_bands[:, genes] = np.einsum("bgc,gc->bg", z[:, genes], variances.own * alpha * scale[genes, None])
    return of_cells, of_bands


def prediction_variance(
    residuals: Residuals,
    z: Float32Array,
    scale: FloatArray,
    variances: Variances,
    new: NewCellTypes,
    new_z: Float32Array,
) -> FloatArray:
    """As without own parts, with :math:`a K + b K_g` in place of :math:`a K`, (n_genes, n_new).

    ``new_z``, (n_columns, n_genes, n_new), are the contrasts of the same genes in the new cell types.
    """
    out = np.empty((len(residuals.values), len(new.to_self)))
    for genes in _blocks(residuals):
        some, own = residuals.of(genes), variances.own * scale[genes, None, None]
        old, asked = z[:, genes], new_z[:, genes]
        among = variances.state * some.kernel + own * _products(old, old)
        to = variances.state * new.to_training + own * _products(asked, old)
        to_self = variances.state * new.to_self + own[:, :, 0] * np.einsum("bgt,bgt->gt", asked, asked)
        out[genes] = _posterior_variance(among, to, to_self, some.measured, variances.noise)
    return out


def minus_log_likelihood(residuals: Residuals, z: Float32Array, scale: FloatArray, variances: Variances) -> float:
    """Minus the restricted log likelihood, per gene, of contrasts between its measured cell types."""
    total = 0.0
    for genes in _blocks(residuals):
        some = residuals.of(genes)
        covariance = _covariance(some, z[:, genes], scale[genes], variances)
        solved = np.linalg.solve(covariance, some.values[:, :, None])[:, :, 0]
        # Places of cell types that were not measured, and of the mean of those that were, hold noise alone.
        outside = len(some.kernel) - some.measured.sum(axis=1) + 1
        determinant = np.linalg.slogdet(covariance)[1] - outside * np.log(variances.noise)
        total += 0.5 * float(np.sum(determinant) + np.sum(some.values * solved))
    return total / len(residuals.values)


def _posterior_variance(
    among: FloatArray, to: FloatArray, to_self: FloatArray, measured: BoolArray, noise: float
) -> FloatArray:
    share = measured / measured.sum(axis=1, keepdims=True)
    mean_among, mean_to = np.einsum("gcd,gd->gc", among, share), np.einsum("gtc,gc->gt", to, share)
    mean = np.einsum("gc,gc->g", mean_among, share)[:, None]
    k = (to - mean_among[:, None] - mean_to[:, :, None] + mean[:, :, None]) * measured[:, None]
    covariance = _centred(among, measured) + noise * np.eye(among.shape[1])
    explained = np.einsum("gtc,gct->gt", k, np.linalg.solve(covariance, np.swapaxes(k, 1, 2)))
    return to_self - 2 * mean_to + mean + noise * (1 + 1 / measured.sum(axis=1, keepdims=True)) - explained


def _covariance(residuals: Residuals, z: Float32Array, scale: FloatArray, variances: Variances) -> FloatArray:
    """Covariance of measurements less their mean, (n_genes, n_training, n_training); noise alone where none are."""
    own = variances.own * scale[:, None, None] * _products(z, z)
    signal = _centred(variances.state * residuals.kernel + own, residuals.measured)
    return signal + variances.noise * np.eye(len(residuals.kernel))


def _centred(among: FloatArray, measured: BoolArray) -> FloatArray:
    """Take the mean over the measured cell types off on both sides, and put 0 where there is no measurement."""
    share = measured / measured.sum(axis=1, keepdims=True)
    projection = measured[:, :, None] * (np.eye(measured.shape[1]) - share[:, None, :])
    return projection @ among @ np.swapaxes(projection, 1, 2)


def _products(z: Float32Array, other: Float32Array) -> FloatArray:
    """Sum over bands for each gene, (n_genes, n_cell_types, n_other)."""
    return (z.transpose(1, 2, 0) @ other.transpose(1, 0, 2)).astype(np.float64)


def _blocks(residuals: Residuals) -> Iterator[slice]:
    """Cut genes so that their covariances need bounded memory."""
    step = max(1, _BLOCK_VALUES // len(residuals.kernel) ** 2)
    for first in range(0, len(residuals.values), step):
        yield slice(first, first + step)
