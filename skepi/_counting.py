"""Counting noise: how much of the variance of log openness is chance, because few reads were counted."""

import numpy as np
from numpy.typing import NDArray

from skepi._columns import NO_FEATURE
from skepi.rows import BinnedRows, has_map

Float32Array = NDArray[np.float32]
FloatArray = NDArray[np.float64]


def sizes_of_reads(X: BinnedRows) -> FloatArray:
    """What one read adds to the openness of each band, (n_columns, n_cell_types); 0 where it is not known.

    It is known for bands of signals that are read counts, or counts times one number per cell type (such as CPM), in
    rows that know their peaks. Columns of features of peaks weigh reads, and count as not known.
    """
    sizes = np.zeros((X.slots.n_columns, len(X.cell_types)))
    if not has_map(X):
        return sizes
    tables = X.pairs.tables
    for signal in tables.signals:
        bands = ((X.columns["signal"] == signal) & (X.columns["feature"] == NO_FEATURE)).to_numpy()
        sizes[bands] = tables.size_of_read(signal) * X.inverse_depth[tables.signal_code(signal)]
    return sizes


def counting_noise(log_openness: Float32Array, sizes: FloatArray) -> FloatArray:
    r"""Variance that counting gives log openness, summed over genes, (n_columns, n_cell_types).

    A band with openness x, of which one read adds r, has counted x / r reads, with as great a variance (Poisson). To
    first order :math:`\ln(1 + x)` then has the variance :math:`r x / (1 + x)^2`.

    Parameters
    ----------
    log_openness : ndarray of float32, shape (n_columns, n_genes, n_cell_types)
        :math:`\ln(1 + x)`.
    sizes : ndarray of float64, shape (n_columns, n_cell_types)
        r; 0 where it is not known, which gives no noise.

    Examples
    --------
    >>> counting_noise(np.log1p(np.array([[[4.0, 4.0]]])), np.array([[1.0, 0.0]])).round(3).tolist()
    [[0.16, 0.0]]
    """
    noise = np.zeros(sizes.shape)
    for column in np.flatnonzero(sizes.any(axis=1)):
        left = np.exp(-log_openness[column])  # 1 / (1 + x)
        noise[column] = sizes[column] * np.sum(left - left * left, axis=0, dtype=np.float64)
    return noise
