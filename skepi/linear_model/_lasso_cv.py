"""LassoBaselineCV: the whole path in every fold, scaling learned in each, from three passes over the pairs."""

from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from skepi._doors import check_choice, check_flag
from skepi._lasso import (
    CrossValidatedPath,
    LazyRows,
    Linear,
    Moments,
    PlainRows,
    Solution,
    best_penalty,
    check_solver,
    checked_lams,
    scaled_prediction,
    scores_of_path,
    solve_path,
    training_sets,
    without_rounding,
)
from skepi._progress import ShowsProgress, progress_bar
from skepi._rows import check_binned, check_features, check_no_leak, keep_features
from skepi._targets import FloatArray, StandardizesGenes
from skepi.linear_model._lasso import path_table
from skepi.rows import is_binned, is_pairs

_SCORING = ("skill", "within_gene_skill")


class LassoBaselineCV(ShowsProgress, CrossValidatedPath, StandardizesGenes, BaseEstimator):
    r"""Lasso with its penalty chosen by cross-validation, where every fold learns its own scaling.

    Gives what ``GridSearchCV`` gives over ``lam`` of the pipeline ``LogZScaler``, ``GeneZTarget(LassoBaseline())``, but
    reads the pairs three times in all: for the statistics of all training sets, for their second moments, which add up
    over folds gene by gene, and for the scores. Takes the place of both steps, behind ``TSSBinner``.

    Parameters
    ----------
    lams : int or array-like of float, default=9
        Penalties as in :class:`LassoBaseline`, or how many: they are then spaced evenly on a log scale from the least
        one at which all weights of the final fit are 0, down to ``eps`` of it.
    eps : float, default=1e-3
        Smallest penalty as a fraction of the greatest, where ``lams`` is a number of them.
    cv : int, splitter or iterable of (train, test), optional
        By default, and for a number of folds, whole cell types are held out
        (:class:`skepi.model_selection.CellTypeKFold`); on a plain array, random rows.
    scaler : LogZScaler, "passthrough" or None, default=None
        Settings of the scaling that each training set learns; ``None`` is ``LogZScaler()``. ``"passthrough"`` takes
        features as they come.
    sd_offset : float, default=1.0
        As in :class:`skepi.compose.GeneZTarget`, in units of ``y``.
    one_gene : bool, default=False
        As in :class:`skepi.compose.GeneZTarget`: whether plain arrays are welcome, whose rows all belong to one gene.
    scoring : {"skill", "within_gene_skill"}, default="skill"
        ``"within_gene_skill"`` where the splitter holds out genes or chromosomes.
    tol : float, default=1e-10
        Relative duality gap, as in :class:`LassoBaseline`.
    max_iter : int, default=100_000
        Sweeps of coordinate descent.
    progress : bool, default=False
        Whether to show a progress bar.

    Attributes
    ----------
    lam_ : float
        Penalty with the highest ``pooled_score``; the greatest of equals.
    cv_results_ : DataFrame
        A row a penalty: ``lam``, ``split0_test_score``, ... (NaN where the truth does not vary), ``mean_test_score``,
        ``std_test_score``, ``pooled_score`` (sums over all folds before dividing, as the contract has it), ``dual_gap``
        (the largest of all fits) and ``n_weights`` (not zero in the final fit).
    path_ : DataFrame
        Final fits to all rows, as from :meth:`LassoBaseline.path`.
    coef_ : ndarray of float64, shape (n_features,)
        At ``lam_``, of standardised features.
    intercept_ : float
    dual_gap_ : float
        At ``lam_``, of the final fit.
    n_iter_ : int
        Sweeps at ``lam_`` in the final fit.
    scaler_ : LogZScaler or None
        Fitted to all rows.
    gene_mean_, gene_sd_ : Series of float, index gene name
    grand_mean_, pooled_sd_ : float
        As in :class:`skepi.compose.GeneZTarget`.
    columns_ : DataFrame
        Only where rows were binned: one row per column, ``signal, feature, start_bp, end_bp``.
    n_features_in_ : int

    Raises
    ------
    TypeError
        For pairs without bins (``TSSBinner`` comes first), and for plain arrays unless ``one_gene=True``.
    ValueError
        For settings out of range, rows that are scaled already, skill asked for genes without training pairs, or scores
        that are not defined because test targets do not vary.

    Warns
    -----
    ConvergenceWarning
        Where a gap is greater than ``tol``.

    Notes
    -----
    Every fold keeps a matrix of bins and the statistics of its slots: about 130 MB per fold with 2,000 bins and 4
    million slots, so leaving 201 cell types out one at a time would take 27 GB there; hold out fewer, larger groups.

    Examples
    --------
    >>> from skepi.binning import TSSBinner
    >>> from skepi.datasets import make_paired_openness
    >>> X, y = make_paired_openness(n_genes=50, n_cell_types=8, n_lineages=2)[0].pairs(return_X_y=True)
    >>> bins = TSSBinner(edges=[-5_000, -1_000, 0, 1_000, 5_000]).fit_transform(X)
    >>> model = LassoBaselineCV([1.0, 1e-3], cv=4).fit(bins, y)
    >>> model.lam_, model.coef_.shape
    (0.001, (4,))
    """

    def __init__(
        self,
        lams: int | ArrayLike = 9,
        *,
        eps: float = 1e-3,
        cv: Any = None,
        scaler: Any = None,
        sd_offset: float = 1.0,
        one_gene: bool = False,
        scoring: str = "skill",
        tol: float = 1e-10,
        max_iter: int = 100_000,
        progress: bool = False,
    ) -> None:
        self.lams = lams
        self.eps = eps
        self.cv = cv
        self.scaler = scaler
        self.sd_offset = sd_offset
        self.one_gene = one_gene
        self.scoring = scoring
        self.tol = tol
        self.max_iter = max_iter
        self.progress = progress

    def fit(self, X: Any, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Choose the penalty and fit the weights to all rows.

        Parameters
        ----------
        X : BinnedOpenness, not scaled, or array-like or sparse array of shape (n_rows, n_features)
        y : array-like of shape (n_rows,)
            Log expression.
        groups : array-like of shape (n_rows,), optional
            Passed to the splitter.
        """
        self._check_settings()
        if is_pairs(X):
            check_binned(X, self)
        X, y = self._checked_training(X, y)
        check_no_leak(X, self)
        splits = self._splits(X, y, groups)
        trainings, scales = training_sets(X, y, splits, self.sd_offset)
        engine = LazyRows if is_binned(X) else PlainRows
        tests, scaler, within_gene = [test for _, test in splits], self._scaler(), self.scoring == "within_gene_skill"
        with progress_bar(self.progress, engine.counts, engine.n_counted(X, tests, scaler)) as bar:
            rows = engine(X, y, trainings, scales, scaler, bar.update)
            moments = rows.moments()
            lams = self._lams(moments[-1])
            paths = [solve_path(one, lams, self.tol, self.max_iter) for one in moments]
            left, total = rows.errors(tests, paths[:-1], within_gene)
        if np.isnan(total).any():
            raise ValueError(
                "test pairs belong to genes without training pairs, for which skill is not defined; "
                "use scoring='within_gene_skill'"
            )
        total = without_rounding(total, y)
        if not total.any():
            raise ValueError(
                f"the test targets do not vary in any fold, so {self.scoring} is not defined "
                "(within_gene_skill needs two test pairs of a gene in a fold)"
            )
        keep_features(X, self)
        self.scaler_ = rows.scaler
        self._set_scale(scales[-1])
        self._keep(paths, left, total)
        return self

    def _keep(self, paths: list[list[Solution]], left: FloatArray, total: FloatArray) -> None:
        """Tables of scores and of the final path, and the best of it."""
        final = paths[-1]
        self.path_ = path_table(final)
        gaps = np.max([[found.dual_gap for found in path] for path in paths], axis=0)
        n_weights = [np.count_nonzero(found.coef) for found in final]
        self.cv_results_ = scores_of_path(self.path_["lam"], left, total, gaps, n_weights)
        best = final[best_penalty(self.cv_results_)]
        self.lam_, self.coef_, self.intercept_ = best.lam, best.coef, best.intercept
        self.dual_gap_, self.n_iter_ = best.dual_gap, best.n_iter

    def standardized_model(self, X: Any) -> tuple[Any, Linear]:
        """Scaled rows, and the weights that predict standardised expression from them."""
        check_is_fitted(self)
        check_features(X, self)
        return X if self.scaler_ is None else self.scaler_.transform(X), Linear(self.coef_, self.intercept_)

    def _predict_z(self, X: Any) -> FloatArray:
        check_features(X, self)
        return scaled_prediction(self.scaler_, X, self.coef_, self.intercept_)

    def _check_settings(self) -> None:
        self._check_target_settings()
        check_choice("scoring", self.scoring, _SCORING)
        check_flag("progress", self.progress)
        check_solver(self.tol, self.max_iter)
        self._check_lams(self.lams)

    def _array_checks(self) -> dict[str, Any]:
        return {**super()._array_checks(), "dtype": np.float64}

    def _lams(self, moments: Moments) -> FloatArray:
        if not isinstance(self.lams, Integral):
            return checked_lams(self.lams)
        greatest = 2 * np.abs(moments.xy).max() / moments.n_rows
        return self._spaced(self.lams, greatest, "no feature goes with y")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.positive_only = self._scaler() is not None
        return tags
