"""Variances of cell state and noise by restricted maximum likelihood."""

import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import helmert, solve_triangular
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

from skepi.gaussian_process._posterior import Residuals, Variances, patterns
from skepi.gaussian_process._reach import LENGTH_PENALTY, LENGTHS, bent

FloatArray = NDArray[np.float64]

# Sets of measured cell types that variances are learned from at most: those that most genes share.
_MAX_PATTERNS = 1_000

# Sets that the length is learned from at most.
_SETS_FOR_LENGTH = 100

# Smallest variance, in squared units of standardised expression.
_SMALLEST = 1e-12
_GREATEST_LOG = 20.0

# Where learning weights of signals begins at least, in units of the noise: at 0 a likelihood has no slope.
_LEAST_START = 1e-3

# Cubes of numbers of cell types that one likelihood of several signals may add up to.
_MOST_CUBES = 1e8

#: Weight of the squared logs of the variances, per gene: keeps them finite where cell types are few.
PENALTY = 1e-3


class Spectrum(NamedTuple):
    """Residuals of the genes that were measured in the same cell types, along the axes of their kernel.

    Attributes
    ----------
    eigenvalues : ndarray of float64, shape (n_observed - 1,)
    squares : ndarray of float64, shape (n_observed - 1,)
        Squared coordinates of the residuals, summed over genes.
    n_genes : int
    """

    eigenvalues: FloatArray
    squares: FloatArray
    n_genes: int


def spectrum(kernel: FloatArray, residuals: FloatArray) -> Spectrum:
    """Spectrum of a kernel, (n_observed, n_observed), and residuals, (n_genes, n_observed), less means."""
    return _spectrum(kernel, residuals.T @ residuals, len(residuals))


def _spectrum(kernel: FloatArray, products: FloatArray, n_genes: int) -> Spectrum:
    """The same of products of residuals, summed over genes, (n_observed, n_observed)."""
    contrasts = helmert(len(kernel))
    eigenvalues, axes = np.linalg.eigh(contrasts @ kernel @ contrasts.T)
    along = contrasts.T @ axes
    squares = np.einsum("cj,cj->j", along, products @ along)
    return Spectrum(np.maximum(eigenvalues, 0), np.maximum(squares, 0), n_genes)


def restricted_likelihood(variances: FloatArray, spectra: Sequence[Spectrum]) -> float:
    r"""Minus the mean log likelihood, per gene, of contrasts of residuals, given variances :math:`a` and :math:`s^2`.

    For each gene, with eigenvalues :math:`\lambda_j` of the centred kernel and coordinates :math:`q_j`,

    .. math:: \tfrac12 \sum_j \ln(a \lambda_j + s^2) + q_j^2 / (a \lambda_j + s^2)
    """
    total = 0.0
    for eigenvalues, squares, n_genes in spectra:
        variance = variances[0] * eigenvalues + variances[1]
        total += n_genes * np.log(variance).sum() + (squares / variance).sum()
    return 0.5 * total / sum(one.n_genes for one in spectra)


def fit_variances(residuals: Residuals) -> Variances:
    """Variances of cell state and noise that maximise the restricted likelihood, with a weak pull of both towards 1."""
    return _fit_spectra(_spectra(residuals), noise_floor(residuals))[0]


def fit_length(residuals: Residuals) -> float:
    """Length of the kernel that maximises the restricted likelihood at its best variances; pulled to the linear kernel.

    ``residuals`` have the linear kernel. The sets of cell types that most genes share decide.
    """
    sets = [
        (cells, residuals.values[np.ix_(genes, cells)].T @ residuals.values[np.ix_(genes, cells)], genes.size)
        for genes, cells in _largest_patterns(residuals)[:_SETS_FOR_LENGTH]
    ]
    floor = noise_floor(residuals)

    def objective(length: float) -> float:
        kernel = bent(residuals.kernel, length)
        spectra = [_spectrum(kernel[np.ix_(cells, cells)], products, n) for cells, products, n in sets]
        return _fit_spectra(spectra, floor)[1] + LENGTH_PENALTY / length**2

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of lengths that are not chosen, too
        return min(LENGTHS, key=objective)


def _fit_spectra(spectra: Sequence[Spectrum], floor: float) -> tuple[Variances, float]:
    """Best variances of state and noise, the latter not below a floor, and what they leave of the objective."""

    def objective(logs: FloatArray) -> float:
        return restricted_likelihood(np.exp(logs), spectra) + PENALTY * float(logs @ logs)

    state, noise = best_variances(objective, [0.0, -1.0], [_SMALLEST, floor])
    return Variances(state, 0.0, noise), objective(np.log([state, noise]))


def fit_signal_weights(residuals: Residuals, kernels: FloatArray) -> FloatArray:
    r"""Weights v of signals in the kernel of cell state, (n_signals,), which add up to 1.

    State has the covariance :math:`\sum_s a_s K_s`. The :math:`a_s` and the noise maximise the restricted likelihood,
    with a weak pull of :math:`\sum_s a_s` and of the noise towards 1; :math:`v_s = a_s / \sum_t a_t`.

    Parameters
    ----------
    residuals : Residuals
        With the kernel of equal weights.
    kernels : ndarray of float64, shape (n_signals, n_training, n_training)
        Kernel of each signal, with a mean diagonal of 1, or 0 for one that does not vary.
    """
    sets = [_projected(residuals, kernels, genes, cells) for genes, cells in _largest_patterns(residuals)]
    start, floor = fit_variances(residuals), noise_floor(residuals)
    varies = np.trace(kernels, axis1=1, axis2=2) > 0

    def objective(logs: FloatArray) -> float:
        variances = np.exp(logs)
        total = np.log(variances[:-1][varies].sum())
        likelihood = sum(one.minus_log_likelihood(variances) for one in sets) / sum(one.n_genes for one in sets)
        return likelihood + PENALTY * float(total**2 + logs[-1] ** 2)

    of_each = max(start.state / varies.sum(), _LEAST_START * start.noise)
    begin = np.log([*np.full(len(kernels), of_each), start.noise])
    found = np.array(best_variances(objective, begin, [*np.full(len(kernels), _SMALLEST), floor])[:-1])
    found = np.where(varies, found, 0.0)
    return found / found.sum()


class _Projected(NamedTuple):
    """Contrasts between the cell types that some genes were measured in: kernels of signals, and residuals.

    Attributes
    ----------
    kernels : ndarray of float64, shape (n_signals, n_observed - 1, n_observed - 1)
    products : ndarray of float64, shape (n_observed - 1, n_observed - 1)
        Products of the residuals, summed over genes.
    n_genes : int
    """

    kernels: FloatArray
    products: FloatArray
    n_genes: int

    def minus_log_likelihood(self, variances: FloatArray) -> float:
        """Return it for variances of signals and noise, summed over the genes."""
        covariance = np.tensordot(variances[:-1], self.kernels, axes=1)
        covariance[np.diag_indices_from(covariance)] += variances[-1]
        factor = np.linalg.cholesky(covariance)
        half = solve_triangular(factor, self.products, lower=True)
        fit = np.trace(solve_triangular(factor, half.T, lower=True))
        return float(self.n_genes * np.log(np.diag(factor)).sum() + 0.5 * fit)


def _projected(
    residuals: Residuals, kernels: FloatArray, genes: NDArray[np.int64], cells: NDArray[np.int64]
) -> _Projected:
    contrasts = helmert(cells.size)
    of_genes = residuals.values[np.ix_(genes, cells)] @ contrasts.T
    among = contrasts @ kernels[:, cells[:, None], cells] @ contrasts.T
    return _Projected(among, of_genes.T @ of_genes, genes.size)


def best_variances(objective: Callable[[FloatArray], float], start: ArrayLike, floors: Sequence[float]) -> list[float]:
    """Variances, not below their floors, where an objective of their logs is least."""
    lows = np.log(floors)
    bounds = [(low, _GREATEST_LOG) for low in lows]
    options = {"ftol": 1e-14, "gtol": 1e-8}
    begin = np.clip(start, lows, _GREATEST_LOG)
    found = minimize(objective, begin, method="L-BFGS-B", jac="3-point", bounds=bounds, options=options)
    # Rounding may end the search for more digits than there are; a slope that is left is another matter.
    slope = np.abs(found.jac[(found.x > lows) & (found.x < _GREATEST_LOG)])
    if not found.success and slope.max(initial=0) > 1e-4:
        message = f"the likelihood of the variances was not followed to its end: {found.message}"
        warnings.warn(message, ConvergenceWarning, stacklevel=6)
    return [float(value) for value in np.exp(found.x)]


def noise_floor(residuals: Residuals) -> float:
    """Least noise, a millionth of the mean square of residuals: equal cell types leave no singular matrix."""
    mean_square = float(np.sum(residuals.values**2) / max(residuals.measured.sum(), 1))
    return max(1e-6 * mean_square, _SMALLEST)


def _spectra(residuals: Residuals) -> list[Spectrum]:
    return [
        spectrum(residuals.kernel[np.ix_(cells, cells)], residuals.values[np.ix_(genes, cells)])
        for genes, cells in _all_patterns(residuals)[:_MAX_PATTERNS]
    ]


def _all_patterns(residuals: Residuals) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    return [(genes, cells) for genes, cells in patterns(residuals.measured) if cells.size > 1]


def _largest_patterns(residuals: Residuals) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Sets of measured cell types that most genes share, as many as one likelihood can afford."""
    found = _all_patterns(residuals)[:_MAX_PATTERNS]
    cost = np.cumsum([float(cells.size) ** 3 for _, cells in found])
    return found[: max(1, int(np.searchsorted(cost, _MOST_CUBES)))]
