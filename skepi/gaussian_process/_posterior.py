"""Cell state of each gene given its residuals in the training cell types where it was measured."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


class Variances(NamedTuple):
    """Variances of cell state, of the own cis part and of noise, in squared units of standardised expression."""

    state: float
    own: float
    noise: float


class Residuals(NamedTuple):
    """What the shared cis part leaves of the genes with training pairs, and what it is to be explained by.

    Attributes
    ----------
    values : ndarray of shape (n_genes, n_training)
        With mean 0 over the measured cell types of each gene; 0 elsewhere.
    measured : ndarray of bool, shape (n_genes, n_training)
    kernel : ndarray of shape (n_training, n_training)
        Kernel of cell state.
    """

    values: FloatArray
    measured: BoolArray
    kernel: FloatArray

    def of(self, genes: slice | NDArray[np.int64]) -> "Residuals":
        """The same of some genes."""
        return Residuals(self.values[genes], self.measured[genes], self.kernel)


class NewCellTypes(NamedTuple):
    """Cell types to be predicted.

    Attributes
    ----------
    to_training : ndarray of shape (n_new, n_training)
        Kernel with the training cell types.
    to_self : ndarray of shape (n_new,)
        Kernel of each with itself.
    """

    to_training: FloatArray
    to_self: FloatArray


def patterns(measured: BoolArray) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield genes that were measured in the same cell types, and these; sets of most genes first."""
    kinds, which, sizes = np.unique(measured, axis=0, return_inverse=True, return_counts=True)
    members = np.split(np.argsort(which.ravel(), kind="stable"), np.cumsum(sizes)[:-1])
    for kind in np.argsort(-sizes, kind="stable"):
        yield members[kind], np.flatnonzero(kinds[kind])


def state_weights(residuals: Residuals, variances: Variances) -> FloatArray:
    r"""Weights of training cell types in the cell state of each gene, (n_genes, n_training); 0 where not measured.

    For a gene measured in cell types O with centred kernel :math:`K_O` and residuals r they are
    :math:`a (a K_O + s^2 I)^{-1} r`.
    """
    weights = np.zeros_like(residuals.values)
    for genes, cells in patterns(residuals.measured):
        among = centred(residuals.kernel[np.ix_(cells, cells)])
        covariance = variances.state * among + variances.noise * np.eye(cells.size)
        solved = np.linalg.solve(covariance, residuals.values[np.ix_(genes, cells)].T)
        weights[np.ix_(genes, cells)] = variances.state * solved.T
    return weights


def prediction_variance(residuals: Residuals, variances: Variances, new: NewCellTypes) -> FloatArray:
    r"""Variance of new measurements around their predictions, (n_genes, n_new), in standardised units squared.

    :math:`a k_{tt} + s^2 (1 + 1/n) - a^2 k_t^T (a K_O + s^2 I)^{-1} k_t`, all centred on the n cell types O in
    which the gene was measured.
    """
    variance = np.empty((len(residuals.values), len(new.to_self)))
    for genes, cells in patterns(residuals.measured):
        among, to = residuals.kernel[np.ix_(cells, cells)], new.to_training[:, cells]
        mean = to.mean(axis=1)
        k = to - among.mean(axis=0) - mean[:, None] + among.mean()
        k_self = new.to_self - 2 * mean + among.mean()
        covariance = variances.state * centred(among) + variances.noise * np.eye(cells.size)
        explained = np.einsum("tc,ct->t", k, np.linalg.solve(covariance, k.T))
        noise = variances.noise * (1 + 1 / cells.size)
        variance[genes] = variances.state * k_self + noise - variances.state**2 * explained
    return variance


def squares_within_genes(kernel: FloatArray, measured: BoolArray) -> float:
    """Expected sum of squares about the mean of each gene, over its measured cell types, for this kernel."""
    n, shared = measured.sum(axis=1), measured @ kernel
    return float(np.sum(measured @ np.diag(kernel) - np.einsum("gc,gc->g", shared, measured) / n))


def centred(kernel: FloatArray) -> FloatArray:
    """Kernel of what differs from the mean over its cell types."""
    rows = kernel - kernel.mean(axis=0)
    return rows - rows.mean(axis=1, keepdims=True)
