"""PerGeneLassoCV: the L1 path of every gene, and its penalty chosen by held-out cell types."""

import warnings
from numbers import Integral
from typing import Any, Self

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Bunch

from skepi._doors import check_choice, check_flag
from skepi._lasso import (
    PATH_TOL,
    CrossValidatedPath,
    LazyRows,
    best_penalty,
    checked_lams,
    mask_of,
    scores_of_path,
    skill_of_sums,
    training_sets,
    without_rounding,
)
from skepi._progress import ShowsProgress
from skepi._targets import FloatArray
from skepi.compose._per_gene_paths import (
    Paths,
    coef_tables,
    greatest_of_genes,
    paths_of_genes,
    weights_at,
)
from skepi.compose._per_gene_rows import PerGeneModel, slots_of_genes
from skepi.rows import BinnedRows

_SELECT = ("pooled", "gene")


class PerGeneLassoCV(ShowsProgress, CrossValidatedPath, PerGeneModel, BaseEstimator):
    r"""Fit a Lasso to each gene over its cell types, with the penalty chosen by held-out cell types.

    For each gene, over its training cell types and its own slots (bins that a peak touches), minimises

    .. math:: \frac{1}{n_g} \lVert y_g - X_g w_g - b_g \rVert^2 + \lambda \lVert w_g \rVert_1

    with :math:`\lambda` as in :class:`skepi.linear_model.LassoBaseline`. Every fold learns its own scaling of features,
    so that this takes the place of ``LogZScaler`` too, behind :class:`skepi.binning.TSSBinner`.

    Parameters
    ----------
    lams : int or array-like of float, default=20
        Penalties greater than 0, in squared units of ``y`` per unit of weight, or how many: they are then spaced evenly
        on a log scale from the least one at which all weights of all genes are 0, down to ``eps`` of it.
    eps : float, default=1e-3
        Smallest penalty as a fraction of the greatest, where ``lams`` is a number of them.
    cv : int, splitter or iterable of (train, test), optional
        By default 5 folds, and for a number of folds, whole cell types are held out
        (:class:`skepi.model_selection.CellTypeKFold`).
    scaler : LogZScaler, "passthrough" or None, default=None
        Settings of the scaling that each training set learns; ``None`` is ``LogZScaler()``. ``"passthrough"`` takes
        features as they come.
    select : {"pooled", "gene"}, default="pooled"
        One penalty for all genes, the one with the greatest skill over all of them; or for each gene the one with the
        least error on its own held-out pairs. The greatest penalty of equals.
    n_jobs : int, optional
        Processes among which genes are shared out, one thread each; results do not depend on it.
    progress : bool, default=False
        Whether to show a progress bar.

    Attributes
    ----------
    lam_ : float
        Penalty with the highest ``pooled_score``.
    gene_lam_ : Series of float, index gene name
        Penalty of each gene: ``lam_``, or its own.
    cv_results_ : DataFrame
        A row a penalty: ``lam``, ``split0_test_score``, ... (skill over all genes; NaN where the truth does not vary),
        ``mean_test_score``, ``std_test_score``, ``pooled_score`` (sums over all folds before dividing), ``dual_gap``
        (the largest of all fits, relative to the mean square of the centred target) and ``n_weights`` (not zero in the
        final fits of all genes).
    gene_scores_ : DataFrame of float, genes x penalties
        Skill on the held-out pairs of each gene, over all folds; NaN where they cannot be scored.
    gene_mean_, gene_sd_, grand_mean_, pooled_sd_, gene_ptr_, slot_column_, slot_coef_, intercept_, n_features_in_
        As in :class:`PerGeneRegressor`, of features scaled by ``scaler_``.
    scaler_ : LogZScaler or None
        Fitted to all rows.

    Raises
    ------
    TypeError
        For rows that are not binned pairs.
    ValueError
        For settings out of range, rows that are scaled already, and folds whose test pairs cannot be scored.
    UnmatchedDataError
        Where no gene of a data set has a model.

    Warns
    -----
    ConvergenceWarning
        Where the gap of a fit is greater than 1e-9.
    UnseenGeneWarning, UnfittedSignalWarning
        As :class:`PerGeneRegressor`.

    Notes
    -----
    A test pair whose gene has no pair outside of the fold is left out of all scores. A gene with one training pair or
    equal targets has weights of 0; one that cannot be scored gets ``lam_``.

    The scores of ``cv_results_`` are those of a choice made on the same pairs, and with ``select="gene"`` the choice is
    made on as few as there are cell types: score the whole estimator on other cell types.

    References
    ----------
    Duren et al., PNAS 2017 (PECA: one L1 model per gene); Efron et al., Annals of Statistics 2004 (its path).

    Examples
    --------
    >>> from skepi.binning import TSSBinner
    >>> from skepi.datasets import make_paired_openness
    >>> X, y = make_paired_openness(n_genes=50, n_cell_types=12, cis_share=0.8, program_share=0.1)[0].pairs(
    ...     return_X_y=True
    ... )
    >>> bins = TSSBinner(edges=[-5_000, -1_000, 0, 1_000, 5_000]).fit_transform(X)
    >>> model = PerGeneLassoCV([10.0, 0.1], cv=4).fit(bins, y)
    >>> model.lam_, model.coef_.shape
    (0.1, (50, 4))
    """

    def __init__(
        self,
        lams: int | ArrayLike = 20,
        *,
        eps: float = 1e-3,
        cv: Any = None,
        scaler: Any = None,
        select: str = "pooled",
        n_jobs: int | None = None,
        progress: bool = False,
    ) -> None:
        self.lams = lams
        self.eps = eps
        self.cv = cv
        self.scaler = scaler
        self.select = select
        self.n_jobs = n_jobs
        self.progress = progress

    def fit(self, X: Any, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Choose the penalty and fit every gene to all its rows.

        Parameters
        ----------
        X : BinnedOpenness, not scaled, of shape (n_rows, n_columns)
        y : array-like of shape (n_rows,)
            Log expression.
        groups : array-like of shape (n_rows,), optional
            Passed to the splitter.
        """
        X, y = self._checked_training(X, y)
        self._check_settings(self.lams)
        splits = self._splits(X, y, groups)
        found, lams, rows = self._paths(X, y, splits, self.lams)
        self._set_scale(rows.scales[-1])
        self._set_slots(X)
        self.scaler_ = rows.scaler
        self._choose(found, lams, y)
        return self

    def path(self, X: Any, y: ArrayLike, lams: int | ArrayLike | None = None) -> Bunch:
        """Fit many penalties to all rows; this estimator is left as it is.

        Parameters
        ----------
        X, y
            As in :meth:`fit`.
        lams : int or array-like of float, optional
            As the parameter ``lams``, which is the default.

        Returns
        -------
        Bunch
            ``genes`` (Index of names), ``lams`` (array, in the order given), ``coef`` (list with a csr_array, genes x
            bins, for each penalty), ``intercept`` and ``dual_gap`` (arrays, genes x penalties), ``scaler`` (fitted
            LogZScaler, or None).
        """
        X, y = self._checked_training(X, y)
        lams = self.lams if lams is None else lams
        self._check_settings(lams)
        found, lams, rows = self._paths(X, y, [], lams)
        return Bunch(
            genes=rows.scales[-1].mean.index,
            lams=lams,
            coef=coef_tables(found.weights, *slots_of_genes(X), X.shape[1]),
            intercept=found.intercepts,
            dual_gap=found.gaps,
            scaler=rows.scaler,
        )

    @property
    def coef_(self) -> sp.csr_array:
        """Weights of the bins, genes in the order of ``gene_mean_`` x bins; each slot of a gene is stored, 0 or not."""
        return self._coef_table(self.slot_coef_)

    def _paths(
        self, X: BinnedRows, y: FloatArray, splits: list[tuple[NDArray, NDArray]], lams: Any
    ) -> tuple[Paths, FloatArray, LazyRows]:
        """Paths of all genes on the training rows of each split and on all rows, penalties, and training sets."""
        trainings, scales = training_sets(X, y, splits, 0.0)
        rows = LazyRows(X, y, trainings, scales, self._scaler())
        tests = np.array([mask_of(test, len(y)) for _, test in splits]).reshape(len(splits), len(y))
        lams = self._lams(lams, X, y, rows)
        found = paths_of_genes(X, y, rows.sets, tests, lams, self.n_jobs, self.progress)
        poor = (found.gaps > PATH_TOL).any(axis=1)
        if poor.any():
            warnings.warn(
                f"duality gap {found.gaps.max():.1e} of the target's variance is greater than {PATH_TOL:.0e} in "
                f"{poor.sum()} gene(s) ({scales[-1].mean.index[poor][0]}, ...)",
                ConvergenceWarning,
                stacklevel=3,
            )
        return found, lams, rows

    def _choose(self, found: Paths, lams: FloatArray, y: FloatArray) -> None:
        """Tables of scores, the penalty of each gene, and the weights at it."""
        genes, fold_total = self.gene_mean_.index, without_rounding(found.fold_total, y)
        if not fold_total.any():
            raise ValueError(
                "no test pair can be scored: in every fold, targets do not vary or genes have no training pair "
                f"(cv={self.cv!r})"
            )
        n_weights = np.diff(found.weights.indptr)
        self.cv_results_ = scores_of_path(lams, found.fold_left, fold_total, found.gaps.max(axis=0), n_weights)
        self.gene_scores_ = pd.DataFrame(skill_of_sums(found.left, found.total), genes, lams)
        chosen = self._chosen(found, lams)
        self.gene_lam_ = pd.Series(lams[chosen], genes)
        self.intercept_ = pd.Series(found.intercepts[np.arange(len(genes)), chosen], genes)
        self.slot_coef_ = weights_at(found.weights, np.repeat(chosen, np.diff(self.gene_ptr_)))

    def _chosen(self, found: Paths, lams: FloatArray) -> NDArray[np.int64]:
        """Place of the penalty of each gene."""
        best = best_penalty(self.cv_results_)
        self.lam_ = float(lams[best])
        if self.select == "pooled":
            return np.full(len(found.total), best)
        falling = np.argsort(-lams, kind="stable")
        return np.where(found.total > 0, falling[np.argmin(found.left[:, falling], axis=1)], best)

    def _predict_gene(self, place: int, features: FloatArray) -> FloatArray:
        coef = self.slot_coef_[self.gene_ptr_[place] : self.gene_ptr_[place + 1]]
        return features @ coef + self.intercept_.to_numpy()[place]

    def _checked_rows(self, X: Any) -> Any:
        """Rows on the scale of the models."""
        X = super()._checked_rows(X)
        return X if self.scaler_ is None else self.scaler_.transform(X)

    def _check_settings(self, lams: Any) -> None:
        check_choice("select", self.select, _SELECT)
        check_flag("progress", self.progress)
        self._check_lams(lams)

    def _lams(self, lams: Any, X: BinnedRows, y: FloatArray, rows: LazyRows) -> FloatArray:
        if isinstance(lams, Integral):
            return self._spaced(
                lams, greatest_of_genes(X, y, rows.sets[-1]), "no slot goes with the target of its gene"
            )
        values = checked_lams(lams)
        if (values == 0).any():
            raise ValueError("lams must be greater than 0: with more slots than cell types, 0 has no single answer")
        return values
