"""Estimators around estimators: what is predicted is standardised gene by gene."""

from typing import Any, Self

from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from skepi._doors import check_predictor
from skepi._rows import check_columns, check_targets
from skepi._targets import FloatArray, GeneScale, StandardizesGenes
from skepi.linear_model import LassoBaseline
from skepi.rows import is_binned, is_pairs


class GeneZTarget(MetaEstimatorMixin, StandardizesGenes, BaseEstimator):
    r"""Let a regressor predict expression standardised per gene, with training statistics.

    The regressor is fitted on :math:`z = (y - \mathrm{mean}_g) / (\mathrm{SD}_g + c)`, with mean and SD of gene g
    over its training pairs (SDs divide by n); predictions are turned back into units of ``y``. Works as the last
    step of a pipeline (binned rows know their genes) and around a whole pipeline.

    Parameters
    ----------
    regressor : estimator, optional
        Any scikit-learn regressor; it gets the rows as they come. By default ``LassoBaseline()``.
    sd_offset : float, default=1.0
        :math:`c`, in units of ``y`` (log expression). 0 is the report's z-score; a gene that does not vary then
        has z = 0 throughout.
    one_gene : bool, default=False
        Whether plain arrays are welcome, whose rows all belong to one gene. Otherwise they are an error: rows that went
        through :class:`skepi.preprocessing.Materialize` no longer know their gene, so that step belongs inside
        ``regressor``.

    Attributes
    ----------
    gene_mean_, gene_sd_ : Series of float, index gene name
        Over the training pairs of each gene, in units of ``y``. Only genes in the training rows.
    grand_mean_ : float
        Mean of ``y`` over all training pairs.
    pooled_sd_ : float
        Root mean square of :math:`y - \mathrm{mean}_g` over all training pairs.
    regressor_ : estimator
        The fitted clone.
    columns_ : DataFrame
        Only where rows were binned: one row per column, ``signal, feature, start_bp, end_bp``.

    Warns
    -----
    UnseenGeneWarning
        Once a call, where genes without training pairs are predicted: they get
        ``grand_mean_ + (pooled_sd_ + sd_offset) * z``.

    Raises
    ------
    UnmatchedDataError
        Where no gene of a data set was in the training pairs' data.
    TypeError
        For plain arrays, unless ``one_gene=True``.
    ValueError
        For targets or predictions that do not match the rows, and pairs and plain arrays mixed.

    Notes
    -----
    ``score`` is skill against ``gene_mean_``, never R2 over genes.

    Examples
    --------
    >>> from sklearn.dummy import DummyRegressor
    >>> GeneZTarget(DummyRegressor(), one_gene=True).fit([[0.0], [1.0]], [2.0, 4.0]).predict([[5.0]])
    array([3.])
    """

    def __init__(self, regressor: Any = None, *, sd_offset: float = 1.0, one_gene: bool = False) -> None:
        self.regressor = regressor
        self.sd_offset = sd_offset
        self.one_gene = one_gene

    def fit(self, X: Any, y: ArrayLike, **fit_params: Any) -> Self:
        """Learn each gene's mean and SD, then fit the regressor on z.

        Parameters
        ----------
        X : GeneCellPairs, BinnedOpenness or array-like of shape (n_rows, n_features)
        y : array-like of shape (n_rows,)
            Log expression.
        **fit_params
            Passed to the regressor; ``sample_weight`` is refused, because the means would not know it.
        """
        if "sample_weight" in fit_params:
            raise ValueError("sample_weight is not supported: means and SDs of genes give every pair equal weight")
        self._check_target_settings()
        if self.regressor is not None:
            check_predictor("regressor", self.regressor)
        X, y = self._checked_training(X, y)
        scale = GeneScale.of(X, y, self.sd_offset)
        self._set_scale(scale)
        self.regressor_ = clone(self.regressor) if self.regressor is not None else LassoBaseline()
        self.regressor_.fit(X, scale.z(X, y), **fit_params)
        if hasattr(self.regressor_, "n_features_in_"):
            self.n_features_in_ = self.regressor_.n_features_in_
        self.__dict__.pop("columns_", None)  # of an earlier fit
        if is_binned(X):
            self.columns_ = X.columns
        return self

    def standardized_model(self, X: Any) -> tuple[Any, Any]:
        """Rows that the regressor sees, and the regressor: it predicts z."""
        check_is_fitted(self)
        return X, self.regressor_

    def _predict_z(self, X: Any) -> Any:
        if is_binned(X) and hasattr(self, "columns_"):
            check_columns(X, self.columns_)
        return self.regressor_.predict(X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        regressor = LassoBaseline() if self.regressor is None else self.regressor
        tags.input_tags.sparse = get_tags(regressor).input_tags.sparse
        return tags


def z_score_per_gene(X: Any, y: ArrayLike) -> FloatArray:
    """Z-score targets per gene over all given pairs before any split, as the report does: a leak, for replication only.

    Held-out values shape their own mean and scale, so even noise looks predictable to a degree.
    :class:`GeneZTarget` is the way without the leak.

    Parameters
    ----------
    X : pairs
    y : array-like of shape (n_pairs,)
        Log expression.

    Returns
    -------
    ndarray of float64, shape (n_pairs,)
        Mean 0 and SD 1 (dividing by n) over the pairs of each gene; 0 for a gene that does not vary.

    Examples
    --------
    >>> from skepi.datasets import make_paired_openness
    >>> X, y = make_paired_openness(n_genes=2, n_cell_types=3, n_lineages=1, n_chromosomes=1)[0].pairs(return_X_y=True)
    >>> z_score_per_gene(X, [1.0, 2.0, 3.0, 4.0, 4.0, 4.0]).round(3)
    array([-1.225,  0.   ,  1.225,  0.   ,  0.   ,  0.   ])
    """
    if not is_pairs(X):
        raise TypeError(f"wanted pairs, which know their gene; got {type(X).__name__}")
    y = check_targets(X, y)
    return GeneScale.of(X, y, 0).z(X, y)
