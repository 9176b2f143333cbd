"""Local openness of all genes under one weight per band: the part of expression that genes share."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Float32Array = NDArray[np.float32]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# Numbers in a block of genes that is held in float64, 16 MB.
_BLOCK_VALUES = 2_000_000


def fit_band_weights(z: Float32Array, y: FloatArray, measured: BoolArray, penalty: float) -> FloatArray:
    r"""Weights w of bands, (n_columns,), of a ridge regression of standardised expression on openness within genes.

    :math:`w = (\sum z z^T + \lambda I)^{-1} \sum z y` over measured pairs, z less its mean over the measured cell types
    of the gene; :math:`\lambda` is ``penalty`` times the mean diagonal of :math:`\sum z z^T`.

    Parameters
    ----------
    z : ndarray of float32, shape (n_columns, n_genes, n_cell_types)
    y : ndarray of shape (n_genes, n_cell_types)
        Mean 0 over the measured cell types of each gene; others are not read.
    measured : ndarray of bool, shape (n_genes, n_cell_types)
    penalty : float
    """
    products, moments = np.zeros((len(z), len(z))), np.zeros(len(z))
    for genes in _blocks(z):
        local = _within_genes(z[:, genes], measured[genes]).reshape(len(z), -1)
        products += local @ local.T
        moments += local @ np.where(measured[genes], y[genes], 0.0).ravel()
    mean = np.trace(products) / len(z)
    return np.linalg.solve(products + penalty * mean * np.eye(len(z)), moments)


def weighted(z: Float32Array, weights: FloatArray) -> FloatArray:
    """Sum over bands, (n_genes, n_cell_types); weights are (n_columns,), or (n_columns, n_genes) with own ones."""
    out = np.zeros(z.shape[1:])
    for table, weight in zip(z, weights, strict=True):
        out += table * (weight[:, None] if weight.ndim else weight)
    return out


def measured_mean(values: FloatArray, measured: BoolArray) -> FloatArray:
    """Mean of each gene over its measured cell types, (n_genes,)."""
    return np.where(measured, values, 0.0).sum(axis=1) / measured.sum(axis=1)


def _within_genes(z: Float32Array, measured: BoolArray) -> FloatArray:
    wide = z.astype(np.float64)
    if measured.all():
        return wide
    wide[:, ~measured] = 0
    wide -= (wide.sum(axis=2) / measured.sum(axis=1))[:, :, None]
    wide[:, ~measured] = 0
    return wide


def _blocks(z: Float32Array) -> Iterator[slice]:
    step = max(1, _BLOCK_VALUES // max(1, len(z) * z.shape[2]))
    for first in range(0, z.shape[1], step):
        yield slice(first, first + step)
