"""AppendContext: the state of the cell and what each gene does in it, beside the bins."""

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skepi._cell_state import CellState, CellStateViews, occurring, warn_of_few_genes
from skepi._output import KeepsPairs
from skepi._rows import check_binned, check_features, check_targets, names_of_features
from skepi.rows import BinnedRows

FloatArray = NDArray[np.float64]

# Share of the training genes; warn if a data set has fewer.
_MIN_SHARED_GENES = 0.5

# Share of the sum of eigenvalues below which a component is rounding.
_RANK = 1e-6


class AppendContext(KeepsPairs, CellStateViews, TransformerMixin, BaseEstimator):
    r"""Append to binned rows the state of the cell type, the loadings of the gene on it, and their products.

    * **state** :math:`s_c`, ``n_components`` columns: principal components of the kernel between cell types, from the
      openness of all genes as in :class:`skepi.gaussian_process.CisTransRegressor` (but several signals have equal
      weights), with mean square 1 over the training cell types; a new cell type is projected on them.
    * **loadings** :math:`l_g`, as many: how far the gene follows each component,

      .. math:: l_g = \frac{\sum_c s_c (y_{gc} - \bar y_g)}{n_g + \rho}

      over its :math:`n_g` training pairs, with :math:`\rho` = ``shrinkage``; 0 for a gene without any.
    * **products** :math:`s_c l_g`, as many: their sum is a linear model of cell state, gene by gene.

    Loadings are made of targets. ``fit_transform`` therefore gives each training pair those of its gene **without the
    pair's own cell type**, as a new cell type would meet them (as scikit-learn's ``TargetEncoder`` does in folds), so
    it differs from ``fit(X, y).transform(X)``. A pipeline calls the one in ``fit`` and the other in ``predict``.

    Parameters
    ----------
    n_components : int, default=4
        At most the number of training cell types less one.
    shrinkage : float, default=1.0
        :math:`\rho`, in cell types.

    Attributes
    ----------
    state_ : DataFrame, training cell types x components
    loadings_ : DataFrame, genes with training pairs x components
        In units of ``y``.
    n_features_in_ : int
        Number of columns of the rows.
    cell_state_ : object
        What was learned of openness, which the kernel with new cell types needs, saved as one.
    cell_type_names_, gene_names_, columns_, signal_weights_, openness_mean_, band_scale_, contrasts_
    kernel_, kernel_scale_
        Its parts, as in :class:`skepi.gaussian_process.CisTransRegressor`.

    Raises
    ------
    TypeError
        Where rows are not binned pairs.
    ValueError
        For settings out of range, too few different training cell types, and other bins than in ``fit``.
    UnmatchedDataError
        Where a data set has no gene in common with the one seen in ``fit``.

    Warns
    -----
    UnfittedSignalWarning
        For a data set with fewer than half of the genes of the training data.

    Notes
    -----
    Scaled rows stay scaled; the state comes from their openness before it was scaled. Where targets were standardised
    with all training pairs of a gene, as :class:`skepi.compose.GeneZTarget` does, a trace of the left-out one stays in
    the scale. Rows that an estimator holds out in ``fit`` for early stopping have contributed to the loadings of
    other rows.

    Examples
    --------
    >>> from skepi.binning import TSSBinner
    >>> from skepi.datasets import make_paired_openness
    >>> X, y = make_paired_openness(n_genes=20, n_cell_types=6, n_lineages=2)[0].pairs(return_X_y=True)
    >>> bins = TSSBinner(edges=[-10_000, 0, 10_000]).fit_transform(X)
    >>> AppendContext(n_components=2).fit_transform(bins, y)
    BinnedOpenness: 120 pairs x 2 bins of openness and 6 columns
    """

    def __init__(self, n_components: int = 4, *, shrinkage: float = 1.0) -> None:
        self.n_components = n_components
        self.shrinkage = shrinkage

    def fit(self, X: Any, y: ArrayLike) -> Self:
        """Learn components of cell types from openness, and loadings of genes from ``y``.

        Parameters
        ----------
        X : BinnedOpenness of shape (n_pairs, n_columns)
        y : array-like of shape (n_pairs,)
        """
        self._fit(X, y)
        return self

    def fit_transform(self, X: Any, y: ArrayLike, **fit_params: Any) -> Any:  # type: ignore[override]
        """Fit, and append columns to the training rows with loadings that do not know the pair's own cell type."""
        y = self._fit(X, y)
        state = self.state_.to_numpy()[occurring(X.cell_type_codes)[1]]
        return self._append(X, state, _loadings_of_others(X.gene_codes, state, y, self.shrinkage))

    def transform(self, X: Any) -> Any:
        """Append columns.

        Parameters
        ----------
        X : BinnedOpenness of shape (n_pairs, n_columns)

        Returns
        -------
        rows of the same kind, of shape (n_pairs, n_features + 3 n_components)
        """
        check_is_fitted(self)
        check_binned(X, self)
        check_features(X, self)
        cells, column = occurring(X.cell_type_codes)
        compared = self.cell_state_.compare(X.unscaled(), cells)
        so_what = "the state of its cell types is read from these"
        warn_of_few_genes(compared.contrasts.share, _MIN_SHARED_GENES, so_what, stacklevel=3)
        state = compared.to_training @ _onto(self.state_.to_numpy(), compared.training.kernel)
        names = X.genes["name"].to_numpy(dtype=object)
        loadings = self.loadings_.reindex(names).fillna(0.0).to_numpy()
        return self._append(X, state[column], loadings[X.gene_codes])

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Name the columns: those of the rows, then ``state0``, ..., ``loading0``, ..., ``product0``, and so on."""
        check_is_fitted(self)
        features = names_of_features(self) if input_features is None else list(input_features)
        return np.array([*features, *self._names()], dtype=object)

    def _names(self) -> list[str]:
        return [f"{kind}{k}" for kind in ("state", "loading", "product") for k in range(self.n_components)]

    def _append(self, X: BinnedRows, state: FloatArray, loadings: FloatArray) -> Any:
        return X.with_appended(self._names(), np.hstack([state, loadings, state * loadings]), from_targets=True)

    def _fit(self, X: Any, y: ArrayLike) -> FloatArray:
        check_binned(X, self)
        y = check_targets(X, y)
        cells, column = occurring(X.cell_type_codes)
        self._check_settings(cells.size)
        self.n_features_in_ = X.shape[1]
        self.cell_state_ = CellState.learn(X.unscaled(), cells)
        among = self.kernel_
        n_independent = int(np.sum(np.linalg.eigvalsh(among) > _RANK * len(among)))
        if self.n_components > n_independent:
            raise ValueError(
                f"openness of the training cell types has {n_independent} independent component(s), fewer than "
                f"n_components={self.n_components}: some of them are equal"
            )
        state = among @ _projection(among, self.n_components)
        self.state_ = pd.DataFrame(state, pd.Index(self.cell_type_names_, name="cell_type"))
        genes, row = occurring(X.gene_codes)
        n, _, products = _sums(row, state[column], y)
        index = pd.Index(X.genes["name"].to_numpy(dtype=object)[genes], name="gene")
        self.loadings_ = pd.DataFrame(products / (n + self.shrinkage)[:, None], index)
        return y

    def _check_settings(self, n_cell_types: int) -> None:
        if not 1 <= self.n_components < n_cell_types:
            raise ValueError(
                f"n_components must lie in 1 .. {n_cell_types - 1} for {n_cell_types} training cell types, got "
                f"{self.n_components!r}"
            )
        if not 0 <= self.shrinkage < np.inf:
            raise ValueError(f"shrinkage must be finite and 0 or greater, got {self.shrinkage!r}")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.target_tags.required = True
        return tags


def _projection(among: FloatArray, n_components: int) -> FloatArray:
    """What a kernel with the training cell types is multiplied by, (n_training, n_components); signs are fixed."""
    values, vectors = np.linalg.eigh(among)
    values, vectors = values[::-1][:n_components], vectors[:, ::-1][:, :n_components]
    vectors = vectors * np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(n_components)])
    scale = np.sqrt(len(among)) / np.where(values > _RANK * len(among), values, np.inf)
    return vectors * scale


def _onto(state: FloatArray, among: FloatArray) -> FloatArray:
    """Components from fewer genes, rotated (Procrustes) to align with those of the fit on the training cell types."""
    projection = _projection(among, state.shape[1])
    left, _, right = np.linalg.svd((among @ projection).T @ state)
    return projection @ left @ right


def _sums(row: NDArray[np.int64], state: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Per gene: number of pairs, sum of y, and sum of state times y less its mean, (n_genes, n_components)."""
    n, total = np.bincount(row).astype(np.float64), np.bincount(row, weights=y).astype(np.float64)
    left = y - (total / n)[row]
    return n, total, np.column_stack([np.bincount(row, weights=column * left) for column in state.T])


def _loadings_of_others(genes: NDArray[np.int64], state: FloatArray, y: FloatArray, shrinkage: float) -> FloatArray:
    """Loadings of each pair's gene from its other pairs, (n_pairs, n_components); 0 where there is no other."""
    row = occurring(genes)[1]
    n, total, products = _sums(row, state, y)
    state_sum = np.column_stack([np.bincount(row, weights=column) for column in state.T])
    # Without the pair itself: sum s y - s_own y_own - mean_others (sum s - s_own).
    with_mean = products[row] + (total / n)[row][:, None] * state_sum[row]
    others = np.maximum(n[row] - 1, 1)
    mean = (total[row] - y) / others
    left = with_mean - state * y[:, None] - mean[:, None] * (state_sum[row] - state)
    return np.where(n[row][:, None] > 1, left / (n[row] - 1 + shrinkage)[:, None].clip(1e-300), 0.0)
