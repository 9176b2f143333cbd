"""Each gene given its residuals, with or without a cis part of its own: variances, weights, uncertainty and shares.

``own_scale`` is None where genes have no own part; only otherwise are contrasts ``z`` of the training cell types read.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi.gaussian_process import _likelihood, _own_cis, _posterior
from skepi.gaussian_process._posterior import FloatArray, Residuals, Variances
from skepi.gaussian_process._query import Query
from skepi.gaussian_process._reach import Faded

Float32Array = NDArray[np.float32]


def fit_variances(residuals: Residuals, own_scale: FloatArray | None, z: Float32Array) -> Variances:
    """Variances of cell state, own parts and noise by restricted maximum likelihood."""
    variances = _likelihood.fit_variances(residuals)
    return variances if own_scale is None else _own_cis.fit_variances(residuals, z, own_scale, variances)


def posterior_weights(
    residuals: Residuals, variances: Variances, own_scale: FloatArray | None, z: Float32Array
) -> tuple[FloatArray, FloatArray | None]:
    """Weights of training cell types in states, (n_genes, n_training), of bands in own parts, (n_columns, n_genes)."""
    if own_scale is None:
        return _posterior.state_weights(residuals, variances), None
    return _own_cis.weights(residuals, z, own_scale, variances)


def prediction_variance(
    asked: Query, residuals: Residuals, variances: Variances, own_scale: FloatArray | None, faded: Faded
) -> FloatArray:
    """Variance of new measurements around their predictions, (n_genes, n_new), of all genes that occur.

    ``residuals`` and ``own_scale`` are those of the genes seen; for others nothing but the kernel is known. ``faded``
    says how far states are believed.
    """
    variance = np.tile(variances.state * asked.new.to_self + variances.noise, (asked.seen.size, 1))
    if own_scale is None:
        variance[asked.seen] = _posterior.prediction_variance(residuals, variances, asked.new)
    else:
        own = residuals, asked.training_z_of_seen(), own_scale, variances
        variance[asked.seen] = _own_cis.prediction_variance(*own, asked.new, asked.z[:, asked.seen])
    return faded.variance(variance, asked.seen)


def variance_shares(
    cis: FloatArray, residuals: Residuals, variances: Variances, own_scale: FloatArray | None, z: Float32Array
) -> pd.Series:
    """Mean square of the shared cis part, and expected ones of the others, over training pairs within genes."""
    measured = residuals.measured
    sums = {"cis": float(np.sum(cis[measured] ** 2))}
    sums["cell_state"] = variances.state * _posterior.squares_within_genes(residuals.kernel, measured)
    if own_scale is not None:
        sums["own_cis"] = variances.own * _own_cis.squares_within_genes(z, own_scale, measured)
    sums["noise"] = variances.noise * float(np.sum(measured.sum(axis=1) - 1))
    shares = pd.Series(sums, dtype=np.float64)
    return shares / shares.sum()
