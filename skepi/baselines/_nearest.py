"""NearestCellTypes: what a gene does in the training cell types that are open at the same places."""

import warnings
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from skepi._cell_state import DISTANT, CellState, CellStateViews, Comparison, warn_of_few_genes
from skepi._columns import bands_of, check_signals, signals_of
from skepi._rows import check_bins_alone, check_unscaled, unstack
from skepi._targets import FloatArray, GeneScale
from skepi.baselines._pair_rule import PairRule
from skepi.binning import TSSBinner, symmetric_edges
from skepi.exceptions import DistantCellTypeWarning
from skepi.rows import is_binned

_WEIGHTS = ("uniform", "distance")

# Squared distance, in units of what it is the difference of, that rounding leaves between equal cell types.
_ROUNDING = 1e-10


class NearestCellTypes(CellStateViews, PairRule, BaseEstimator):
    r"""Predict what the gene does in the training cell types nearest by openness.

    The distance of cell types t and c is that of their contrasts over all genes g and bands b,

    .. math:: d_{tc} = \sqrt{K_{tt} + K_{cc} - 2 K_{tc}}, \qquad K_{tc} \propto \sum_{gb} z_{gtb} z_{gcb}

    where z is the log of 1 + binned openness, less its mean over the training cell types (for each gene and band), less
    the mean of that over genes (for each cell type and band), divided by the band's root mean square over genes and
    training cell types; K is scaled to a mean of 1 over training cell types. Genes are matched by name and bands by
    their edges, so that data sets with other peaks can be compared.

    Parameters
    ----------
    n_neighbors : int, default=1
        k. For each gene, the k nearest of the training cell types in which it was measured, all of them where they are
        fewer.
    weights : {"uniform", "distance"}, default="uniform"
        The mean of expression over the k, or with weights :math:`1 / d`, where a cell type at distance 0 takes all.
    edges : array-like of int, optional
        Edges of the bands that pairs are binned in, as in :class:`skepi.binning.TSSBinner`; by default
        ``symmetric_edges()``. Rows that are binned already are taken as they are.
    min_shared_genes : float, default=0.5
        A data set that holds a smaller share of the genes of the training data gives a warning.

    Attributes
    ----------
    expression_ : DataFrame of float, genes x training cell types
        Targets of the training pairs, NaN where a pair was missing.
    gene_mean_, gene_sd_ : Series of float, index gene name
        Over the training pairs of each gene, in units of ``y``.
    grand_mean_, pooled_sd_ : float
        The mean is predicted for genes without training pairs.
    cell_state_ : object
        What was learned of openness, saved as one; the attributes that follow show its parts.
    cell_type_names_ : ndarray of str, shape (n_training,)
    kernel_ : ndarray of float64, shape (n_training, n_training)
        K.
    kernel_scale_ : float
        What the kernel was divided by.
    gene_names_ : ndarray of str, shape (n_genes,)
        All genes of the training data set, measured or not.
    contrasts_ : ndarray of float32, shape (n_columns, n_genes, n_training)
        z of the training cell types: 4 n_columns n_genes n_training bytes, 40 MB for 40 bands, 18,000 genes and 14 cell
        types.
    openness_mean_ : ndarray of float32, shape (n_columns, n_genes)
    band_scale_ : ndarray of float64, shape (n_columns,)
    columns_ : DataFrame
        One row per band: ``signal, feature, start_bp, end_bp``.
    n_features_in_ : int

    Warns
    -----
    UnseenGeneWarning
        For genes without training pairs: the mean of all training pairs is predicted for each of their cell types.
    DistantCellTypeWarning
        For cell types whose nearest training cell type is more than 1.25 times as far as that of any training cell
        type.
    UnfittedSignalWarning
        For a data set with few of the genes of the training data.

    Raises
    ------
    TypeError
        Where rows are not pairs.
    ValueError
        For rows scaled already or binned otherwise than in training, a pair twice, fewer than 2 training cell types or
        fewer than k, openness that does not vary, and settings out of range.
    UnmatchedDataError
        Where a data set has no gene in common with the one seen in ``fit``, or none that tells the training cell types
        apart.

    Notes
    -----
    A cell type seen in training is its own nearest one, at distance 0: with k = 1 its training pairs are predicted
    without error, and a pair of it that was held out is predicted by the next cell type, often a sister. So splits by
    pair say nothing about new cell types: hold out whole cell types or lineages. The nearest is always found, near or
    not: on 14 blood populations skill is well above 0 with one held out at a time, below 0 with whole lineages out.

    Where two cell types are equally near, the first in the table of training cell types counts as nearer.

    Examples
    --------
    >>> from skepi.datasets import make_paired_openness
    >>> data, _ = make_paired_openness(n_genes=100, n_cell_types=8, n_lineages=2)
    >>> names = list(data.cell_types["name"])
    >>> model = NearestCellTypes().fit(*data.pairs(cell_types=names[1:], return_X_y=True))
    >>> new = data.pairs(cell_types=names[:1])
    >>> nearest = model.cell_type_distances(new).idxmin(axis=1).iloc[0]
    >>> bool((model.predict(new) == data.pairs(cell_types=[nearest], return_X_y=True)[1]).all())
    True
    """

    def __init__(
        self,
        n_neighbors: int = 1,
        *,
        weights: str = "uniform",
        edges: ArrayLike | None = None,
        min_shared_genes: float = 0.5,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.weights = weights
        self.edges = edges
        self.min_shared_genes = min_shared_genes

    def fit(self, X: Any, y: ArrayLike) -> Self:
        """Keep the openness and the expression of the training cell types.

        Parameters
        ----------
        X : GeneCellPairs or BinnedOpenness
            Pairs may be missing; distances come from all genes of the data set.
        y : array-like of shape (n_pairs,)
            Log expression.
        """
        self._check_settings()
        X, y = self._checked_training(X, y)
        self.n_features_in_ = X.shape[1]
        cells = np.unique(X.cell_type_codes)
        if cells.size < max(2, self.n_neighbors):
            raise ValueError(
                f"n_neighbors={self.n_neighbors} needs at least {max(2, self.n_neighbors)} training cell types, got "
                f"{cells.size}"
            )
        self.expression_ = unstack(X, y)
        self._set_scale(GeneScale.of(X, y, 0.0))
        bins = self._binned(X, symmetric_edges() if self.edges is None else self.edges, None)
        self.cell_state_ = CellState.learn(bins, cells)
        return self

    def predict(self, X: Any) -> FloatArray:
        """Predict expression in units of ``y``.

        Parameters
        ----------
        X : GeneCellPairs or BinnedOpenness
            Pairs of any data set: cell types and peaks may be new.

        Returns
        -------
        ndarray of float64, shape (n_pairs,)
        """
        check_is_fitted(self)
        X = self._checked_rows(X)
        level = self.gene_levels(X)[0]
        cells = np.unique(X.cell_type_codes)
        compared = self._compared(X, cells)
        distances = _distances(compared)
        self._warn_of_what_is_new(compared, distances)
        genes, row = np.unique(X.gene_codes, return_inverse=True)
        trained = self.gene_mean_.index.get_indexer(X.genes["name"].to_numpy(dtype=object)[genes])
        table = np.full((genes.size, cells.size), np.nan)
        measured = self.expression_.to_numpy()[trained[trained >= 0]]
        table[trained >= 0] = _means_of_nearest(measured, distances, self.n_neighbors, self.weights)
        predicted = table[row, np.searchsorted(cells, X.cell_type_codes)]
        return np.where(trained[row] >= 0, predicted, level)

    def cell_type_distances(self, X: Any) -> pd.DataFrame:
        """Distance of the cell types of rows from those of training.

        Parameters
        ----------
        X : GeneCellPairs or BinnedOpenness

        Returns
        -------
        DataFrame
            Cell types of the rows x training cell types, in units of the root mean square distance of the training cell
            types from their mean.
        """
        check_is_fitted(self)
        X = self._checked_rows(X)
        compared = self._compared(X, np.unique(X.cell_type_codes))
        index = pd.Index(compared.cell_type_names, name="cell_type")
        return pd.DataFrame(_distances(compared), index, pd.Index(self.cell_type_names_, name="training"))

    def _compared(self, X: Any, cells: NDArray[np.int64]) -> Comparison:
        bands, signals = bands_of(self.columns_)[0], signals_of(self.columns_)  # the same bands for all signals
        if not is_binned(X):
            check_signals(X.tables.signals, signals)
        return self.cell_state_.compare(self._binned(X, bands.edges, signals), cells)

    def _binned(self, X: Any, edges: ArrayLike, signals: list[str] | None) -> Any:
        if not is_binned(X):
            return TSSBinner(edges=edges, signals=signals).fit_transform(X)
        check_unscaled(X, self)
        check_bins_alone(X, self)
        return X

    def _warn_of_what_is_new(self, compared: Comparison, distances: FloatArray) -> None:
        so_what = "the nearest cell types are found by these"
        warn_of_few_genes(compared.contrasts.share, self.min_shared_genes, so_what, stacklevel=3)
        relative = compared.training.relative_distance(distances.min(axis=1))
        distant = int(np.sum(relative > DISTANT))
        if distant:
            warnings.warn(
                f"{distant} cell type(s) unlike any seen in training (up to {relative.max():.1f} times the greatest "
                "distance of a training cell type from its nearest other one): the nearest is not near; see "
                "cell_type_distances()",
                DistantCellTypeWarning,
                stacklevel=3,
            )

    def _check_settings(self) -> None:
        if not isinstance(self.n_neighbors, int | np.integer) or self.n_neighbors < 1:
            raise ValueError(f"n_neighbors must be a whole number, 1 or greater, got {self.n_neighbors!r}")
        if self.weights not in _WEIGHTS:
            raise ValueError(f"weights must be one of {_WEIGHTS}, got {self.weights!r}")
        if not 0 <= self.min_shared_genes <= 1:
            raise ValueError(f"min_shared_genes must be a fraction, got {self.min_shared_genes!r}")


def _distances(compared: Comparison) -> FloatArray:
    """Distances from the training cell types, (n_new, n_training); equal cell types are at 0."""
    total = compared.to_self[:, None] + np.diag(compared.training.kernel)
    squared = compared.squared_distances()
    return np.sqrt(np.where(squared > _ROUNDING * total, squared, 0.0))


def _means_of_nearest(expression: FloatArray, distance: FloatArray, k: int, weights: str) -> FloatArray:
    """Weighted mean of each gene over the k nearest cell types in which it was measured, (n_genes, n_new).

    Parameters
    ----------
    expression : ndarray of shape (n_genes, n_training)
        NaN where it was not measured; every gene was measured somewhere.
    distance : ndarray of shape (n_new, n_training)
    """
    out = np.empty((len(expression), len(distance)))
    for column, far in enumerate(distance):
        order = np.argsort(far, kind="stable")
        values, measured = expression[:, order], np.isfinite(expression[:, order])
        used = measured & (np.cumsum(measured, axis=1) <= k)
        weight = used * (1.0 if weights == "uniform" else _inverse(far[order], used))
        out[:, column] = np.sum(weight * np.where(used, values, 0.0), axis=1) / weight.sum(axis=1)
    return out


def _inverse(distance: FloatArray, used: NDArray[np.bool_]) -> FloatArray:
    """One over the distance for each gene; 1 and 0 where some of those used are at distance 0."""
    equal = distance == 0
    inverse = np.divide(1.0, distance, out=np.zeros_like(distance), where=~equal)
    return np.where((used & equal).any(axis=1)[:, None], equal.astype(float), inverse)
