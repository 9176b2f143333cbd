r"""How far the state of training cell types reaches: a kernel with a length, and states that fade with distance.

A linear kernel extrapolates without end. With a length l, kernels of squared distances :math:`d^2` become
:math:`l^2 \exp(-d^2 / 2 l^2)`, of which the linear kernel is the limit for an infinite length, up to terms that
contrasts between cell types do not see.
"""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from skepi.gaussian_process._posterior import FloatArray, NewCellTypes, Residuals, Variances, centred

#: Lengths that are tried, in units of the root mean square distance of training cell types from their mean.
LENGTHS = (*np.geomspace(0.5, 8.0, 13).tolist(), np.inf)

#: Weight of 1 / length^2 in the objective, which is per gene: a pull towards the linear kernel.
LENGTH_PENALTY = 0.1

#: Exponents of reliability that are tried: 0 leaves states as they are.
_EXPONENTS = np.concatenate([[0.0], np.geomspace(0.02, 6.0, 26)])

# Weight of the exponent in the loss, over the number of training cell types: what few of them say counts for little.
_EXPONENT_PENALTY = 0.75

# Distance beyond which states fade, whatever training cell types say: so many times the greatest distance of one of
# them from its nearest other one, or the root mean square distance from their mean if this is greater (replicates).
_FADES_FROM = 1.5

# Training cell types that are held out at most, and numbers of neighbours that are held out with each at most.
_MOST_HELD_OUT = 50
_MOST_NEIGHBOURHOODS = 12

_LEAST_RELIABILITY = 1e-6


class Faded(NamedTuple):
    """How much of the predicted state of each new cell type is believed, and what this does to the variance.

    Attributes
    ----------
    factor : ndarray of float64, shape (n_new,)
        What predicted states are multiplied by, in 0 .. 1.
    lost : ndarray of float64, shape (n_new,)
        Variance of the state that a full prediction would have explained.
    widening : ndarray of float64, shape (n_new,)
        What variances are multiplied by, 1 or greater.
    """

    factor: FloatArray
    lost: FloatArray
    widening: FloatArray

    @classmethod
    def not_at_all(cls, n_new: int) -> Self:
        """For states that reach without limit."""
        return cls(np.ones(n_new), np.zeros(n_new), np.ones(n_new))

    def variance(self, full: FloatArray, seen: NDArray[np.bool_]) -> FloatArray:
        """Variance of measurements, (n_genes, n_new); ``full`` is what it is without fading."""
        return (full + seen[:, None] * self.lost) * self.widening


def bent(kernel: FloatArray, length: float) -> FloatArray:
    """Kernel with a length among training cell types, with a mean diagonal of 1 once it is centred."""
    if np.isinf(length):
        return kernel
    diagonal = np.diag(kernel)
    among = _of_distances(diagonal[:, None] + diagonal - 2 * kernel, length)
    return among / _unit(among)


def bent_new(kernel: FloatArray, new: NewCellTypes, length: float) -> NewCellTypes:
    """The same for new cell types beside those of training, whose linear kernel is ``kernel``."""
    if np.isinf(length):
        return new
    diagonal = np.diag(kernel)
    unit = _unit(_of_distances(diagonal[:, None] + diagonal - 2 * kernel, length))
    to_training = _of_distances(new.to_self[:, None] + diagonal - 2 * new.to_training, length)
    return NewCellTypes(to_training / unit, np.full(len(new.to_self), length**2 / unit))


def fit_exponent(residuals: Residuals, variances: Variances, scale: FloatArray) -> float:
    r"""Exponent :math:`\gamma` of reliability, from training cell types that are held out with their neighbours.

    Each training cell type is predicted from those that are left when it is held out with its k nearest, for several k,
    which mimics new lineages. With A the product of predicted state and truth, B the square of predicted state, V the
    square of truth (sums over genes, in units of ``y``) and :math:`\rho` the reliability of each such prediction,
    :math:`\gamma` minimises the mean of :math:`(B \rho^{2 \gamma} - 2 A \rho^\gamma) / V` plus .75
    :math:`\gamma / n`.

    Parameters
    ----------
    residuals : Residuals
    variances : Variances
    scale : ndarray of shape (n_genes,)
        What turns standardised residuals into units of ``y``.
    """
    n = len(residuals.kernel)
    if n < 4:
        return 0.0
    found = np.array(_held_out(residuals, variances, _products(residuals, scale)))
    found = found[found[:, 3] > 0]
    if not len(found):
        return 0.0
    reliability, match, square, truth = found.T
    factor = np.clip(reliability, _LEAST_RELIABILITY, 1)[:, None] ** _EXPONENTS
    loss = np.mean((square[:, None] * factor**2 - 2 * match[:, None] * factor) / truth[:, None], axis=0)
    return float(_EXPONENTS[np.argmin(loss + _EXPONENT_PENALTY * _EXPONENTS / n)])


def faded(
    kernel: FloatArray,
    new: NewCellTypes,
    variances: Variances,
    exponent: float,
    distance: FloatArray,
    greatest_gap: float,
) -> Faded:
    r"""What is believed of the states of new cell types: :math:`\rho^\gamma \min(1, 1.5 / d)`.

    The reliability :math:`\rho` is the share of the variance of a state that training cell types explain, and d the
    distance from the nearest of them over ``greatest_gap``, or over 1 where that is smaller. Variances grow as
    :math:`\max(1, d / 1.5)`, because out there nothing tells how large they are.
    """
    explained, total = _explained(kernel, new, variances)
    reliability = np.divide(explained, total, out=np.ones_like(total), where=total > 0)
    radius = _FADES_FROM * max(greatest_gap, 1.0)
    beyond = radius / np.maximum(distance, radius)
    factor = np.clip(reliability, _LEAST_RELIABILITY, 1) ** exponent * beyond
    return Faded(factor, (1 - factor**2) * explained, 1 / beyond)


def _of_distances(squared: FloatArray, length: float) -> FloatArray:
    return length**2 * np.exp(-np.maximum(squared, 0) / (2 * length**2))


def _unit(kernel: FloatArray) -> float:
    return float(np.trace(centred(kernel))) / len(kernel)


def _explained(kernel: FloatArray, new: NewCellTypes, variances: Variances) -> tuple[FloatArray, FloatArray]:
    """Variance of states that all training cell types explain, and the whole, as differences from their mean."""
    mean = new.to_training.mean(axis=1)
    k = new.to_training - kernel.mean(axis=0) - mean[:, None] + kernel.mean()
    total = variances.state * (new.to_self - 2 * mean + kernel.mean())
    covariance = variances.state * centred(kernel) + variances.noise * np.eye(len(kernel))
    return variances.state**2 * np.einsum("tc,ct->t", k, np.linalg.solve(covariance, k.T)), total


def _products(residuals: Residuals, scale: FloatArray) -> FloatArray:
    """Mean product of residuals of two cell types over the genes measured in both, in squared units of ``y``."""
    values = residuals.values * scale[:, None]
    both = residuals.measured.astype(np.float64)
    return values.T @ values / np.maximum(both.T @ both, 1)


def _held_out(
    residuals: Residuals, variances: Variances, products: FloatArray
) -> list[tuple[float, float, float, float]]:
    """Reliability, product with the truth, square, and square of the truth, of each prediction of one held out."""
    kernel, n = residuals.kernel, len(residuals.kernel)
    nearest = np.argsort(np.diag(kernel) - 2 * kernel, axis=1, kind="stable")
    out = []
    for cell in np.unique(np.linspace(0, n - 1, min(n, _MOST_HELD_OUT)).astype(np.int64)):
        others = nearest[cell][nearest[cell] != cell]
        for k in _neighbourhoods(n):
            rest = np.sort(others[k:])
            new = NewCellTypes(kernel[[cell]][:, rest], kernel[[cell], [cell]])
            out.append(_prediction(kernel[np.ix_(rest, rest)], new, variances, products, cell, rest))
    return out


def _neighbourhoods(n: int) -> NDArray[np.int64]:
    """Numbers of nearest cell types to hold out with one of n, few of them one by one; two at least stay."""
    return np.unique(np.rint(np.geomspace(1, n - 2, min(n - 2, _MOST_NEIGHBOURHOODS))).astype(np.int64)) - 1


def _prediction(
    among: FloatArray,
    new: NewCellTypes,
    variances: Variances,
    products: FloatArray,
    cell: np.int64,
    rest: NDArray[np.int64],
) -> tuple[float, float, float, float]:
    """One held-out cell type from the rest, as sums over genes: all that is needed are products of residuals."""
    k = new.to_training[0] - among.mean(axis=0) - new.to_training.mean() + among.mean()
    covariance = variances.state * centred(among) + variances.noise * np.eye(rest.size)
    weights = variances.state * np.linalg.solve(covariance, k)
    total = float(new.to_self[0] - 2 * new.to_training.mean() + among.mean())
    reliability = float(weights @ k) / total if total > 0 else 1.0
    predicted, truth = np.zeros(len(products)), np.zeros(len(products))
    predicted[rest] = weights  # which add up to 0, as k does
    truth[cell], truth[rest] = 1, -1 / rest.size
    return (
        reliability,
        float(truth @ products @ predicted),
        float(predicted @ products @ predicted),
        float(truth @ products @ truth),
    )
