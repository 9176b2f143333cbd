"""The law of deviations: openness of the peaks with a motif, beside that of background peaks."""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_CELL_TYPES_AT_ONCE = 32
_LEAST_SD = 1e-9  # of deviations among background sets, which are of the order of 1; below it lies rounding


class Deviations(NamedTuple):
    """Deviations of motifs in cell types, both (n_cell_types, n_motifs).

    Attributes
    ----------
    deviation : ndarray
        Bias-corrected: less the mean of the background sets.
    z : ndarray
        In SDs of the background sets; NaN where these do not vary.
    """

    deviation: FloatArray
    z: FloatArray


def deviations_of(
    openness: NDArray[np.floating], expected: FloatArray, matches: sp.csr_array, background: NDArray[np.integer]
) -> Deviations:
    """Deviations of each motif in each cell type.

    Parameters
    ----------
    openness : ndarray of shape (n_peaks, n_cell_types)
        Each cell type with some openness.
    expected : ndarray of shape (n_peaks,)
        Expected share of each peak in the openness of a cell type, greater than 0; they add up to 1.
    matches : csr_array of bool, shape (n_peaks, n_motifs)
        Each motif in some peak.
    background : ndarray of int, shape (n_peaks, n_background)
        Rows of the background peaks of each peak.
    """
    counted = sp.csr_array(matches, dtype=np.float64).T
    blocks = range(0, openness.shape[1], _CELL_TYPES_AT_ONCE)
    parts = [_of_block(openness[:, at : at + _CELL_TYPES_AT_ONCE], expected, counted, background) for at in blocks]
    return Deviations(*(np.concatenate(tables) for tables in zip(*parts, strict=True)))


def _of_block(
    openness: NDArray[np.floating], expected: FloatArray, counted: sp.csc_array, background: NDArray[np.integer]
) -> Deviations:
    depth = openness.sum(axis=0, dtype=np.float64)
    table = np.concatenate([openness / depth, expected[:, None]], axis=1)
    null = np.stack([_relative(counted @ table[rows]) for rows in background.T])
    deviation = _relative(counted @ table) - null.mean(axis=0)
    sd = null.std(axis=0, ddof=1)
    return Deviations(deviation.T, (deviation / np.where(sd > _LEAST_SD, sd, np.nan)).T)


def _relative(sums: FloatArray) -> FloatArray:
    """Sums of shares of openness, (n_motifs, n_cell_types), over those expected, in the last column, less 1."""
    return sums[:, :-1] / sums[:, -1:] - 1
