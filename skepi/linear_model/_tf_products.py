"""TFProductLasso: expression of a gene from products of the activity of TFs and the openness around the gene."""

from collections.abc import Iterable
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import Lasso
from threadpoolctl import threadpool_limits

from skepi._doors import check_choice, check_number, some
from skepi._mismatch import how_written
from skepi._rows import check_log_targets, check_pairs, codes_of, pairs_with_peaks
from skepi._targets import FloatArray, GeneScale, StandardizesGenes
from skepi.baselines import DistanceDecay, PromoterSum
from skepi.exceptions import MissingExpressionError, TableError, UnknownNameError
from skepi.linear_model._tf_expression import activity_of_table
from skepi.paired import GeneCellPairs

IntArray = NDArray[np.int64]

_ACTIVITIES = ("promoter", "expression")


class TFProductLasso(StandardizesGenes, BaseEstimator):
    r"""Predict each gene by an L1 model of products: activity of transcription factors (TFs) times openness of the
    gene.

    A TF acts on a gene where the TF is there and the gene's regulatory elements are open. With the activity
    :math:`t_{kc}` of TF k in cell type c and the openness :math:`a_{gc}` around gene g, the prediction is

    .. math:: \hat y_{gc} = m_g + (\mathrm{SD}_g + s) \sum_{k \ne g} w_{gk} \,
        \frac{t_{kc} a_{gc} - \bar x_{gk}}{\max(\mathrm{SD}_{gk}, f \, \mathrm{pooled})}

    with mean and SD of the gene's expression and of its products over its training pairs, s = ``sd_offset``, f =
    ``scale_floor`` and pooled the root mean square of the SDs of the products of all genes and TFs. Without a floor, a
    TF that is off in all training cell types and on in a new one would give predictions without bounds. Weights are
    those of scikit-learn's :class:`~sklearn.linear_model.Lasso`, one model per gene. A TF never explains itself.

    Two activities have names. With ``tf_activity="expression"`` the expression of TFs **in the cell type that is
    predicted is an input**, as in PECA, so a cell type without expression cannot be predicted. With ``"promoter"`` the
    openness of the promoter of the TF's gene stands in, and openness is enough. ``activity_`` says in words which one a
    fitted model used: quote it beside every figure.

    Parameters
    ----------
    tfs : sequence of str
        Names of TFs, which you choose; with ``tf_activity="promoter"`` genes of the data set.
    tf_activity : {"promoter", "expression"}, default="promoter"
    tf_expression : DataFrame of float, TFs x cell types, optional
        Log expression, needed with ``tf_activity="expression"`` and refused without. It may hold further genes. It must
        hold all cell types that are fitted or predicted.
    openness : DistanceDecay or PromoterSum, optional
        Whose ``gene_scores`` are the openness of a gene. By default ``DistanceDecay()``.
    promoter : PromoterSum or DistanceDecay, optional
        Whose ``gene_scores`` are the activity of a TF. By default ``PromoterSum()``. Only with
        ``tf_activity="promoter"``.
    alpha : float, default=0.1
        Penalty of the L1 norm of the weights of a gene, in scikit-learn's terms, of standardised products and targets.
    scale_floor : float, default=1.0
        f: smallest scale of a product, in pooled SDs. 0 divides by the SD alone.
    sd_offset : float, default=1.0
        In units of ``y``.

    Attributes
    ----------
    activity_ : str
        Which activity was used, in a sentence.
    tf_names_ : ndarray of shape (n_tfs,)
    coef_table_ : DataFrame of shape (n_genes, n_tfs)
        Weights w, of standardised products for standardised targets; 0 for the TF itself and for products that do not
        vary.
    product_mean_, product_scale_ : ndarray of shape (n_genes, n_tfs)
        What products are centred at and divided by, in the order of ``coef_table_``. A scale of 0 leaves a product out.
    gene_mean_, gene_sd_ : Series of float, index gene name
    grand_mean_, pooled_sd_ : float
    n_features_in_ : int

    Warns
    -----
    UnseenGeneWarning
        Where genes without training pairs are predicted: at the mean of all genes.

    Raises
    ------
    TypeError
        Where rows are not pairs that know their peaks.
    ValueError
        For settings out of range, no TF, and ``tf_expression`` without ``tf_activity="expression"``.
    MissingExpressionError
        Where ``tf_expression`` is missing, or lacks a TF or a cell type (named).
    UnknownNameError
        With ``tf_activity="promoter"``, for a TF that is no gene of the data set.
    TableError
        For a TF that stands twice, a ``tf_expression`` that is transposed or has no names, and values of it that are
        not finite.

    Notes
    -----
    PECA (Duren et al.) restricts the sum to elements with the motif of the TF. Here the openness of a gene is one
    number, and all TFs of the list take part.

    References
    ----------
    Duren et al., PNAS 2017 (PECA).

    Examples
    --------
    >>> from skepi.datasets import make_paired_openness
    >>> X, y = make_paired_openness(n_genes=20, n_cell_types=8, n_lineages=2)[0].pairs(return_X_y=True)
    >>> model = TFProductLasso(["gene00003", "gene00007"]).fit(X, y)
    >>> model.activity_
    'openness of the promoters of 2 TFs, in place of their expression'
    >>> model.coef_table_.shape
    (20, 2)
    """

    def __init__(
        self,
        tfs: Iterable[str],
        *,
        tf_activity: str = "promoter",
        tf_expression: pd.DataFrame | None = None,
        openness: Any = None,
        promoter: Any = None,
        alpha: float = 0.1,
        scale_floor: float = 1.0,
        sd_offset: float = 1.0,
    ) -> None:
        self.tfs = tfs
        self.tf_activity = tf_activity
        self.tf_expression = tf_expression
        self.openness = openness
        self.promoter = promoter
        self.alpha = alpha
        self.scale_floor = scale_floor
        self.sd_offset = sd_offset

    def fit(self, X: Any, y: ArrayLike) -> Self:
        """Fit one L1 model per gene.

        Parameters
        ----------
        X : GeneCellPairs or BinnedOpenness
            Pairs may be missing.
        y : array-like of shape (n_pairs,)
            Log expression.
        """
        names = self._checked_settings()
        X, y = self._checked_training(X, y)
        self.tf_names_ = np.array(names, dtype=object)
        self.n_features_in_ = X.shape[1]
        scale = GeneScale.of(X, y, self.sd_offset)
        self._set_scale(scale)
        self._fit_genes(X, self._activity(X), self._openness(X), scale.z(X, y))
        source = "openness of the promoters" if self.tf_activity == "promoter" else "measured expression"
        beside = "in place of their expression" if self.tf_activity == "promoter" else "in the predicted cell type too"
        self.activity_ = f"{source} of {len(names)} TFs, {beside}"
        return self

    def _fit_genes(self, X: Any, activity: FloatArray, openness: FloatArray, z: FloatArray) -> None:
        genes = self.gene_mean_.index
        rows_of = _rows_of(genes.get_indexer(X.genes["name"])[X.gene_codes], len(genes))

        def products(rows: IntArray) -> FloatArray:
            return activity[X.cell_type_codes[rows]] * openness[rows, None]

        self.product_mean_ = np.array([products(rows).mean(axis=0) for rows in rows_of])
        sd = np.array([_sd(products(rows)) for rows in rows_of])
        floor = self.scale_floor * np.sqrt((sd**2).mean())
        self.product_scale_ = np.where(sd > 0, np.maximum(sd, floor), 0.0)
        lasso, weights = Lasso(self.alpha, max_iter=100_000, tol=1e-6), np.zeros(sd.shape)
        with threadpool_limits(limits=1):
            for place, rows in enumerate(rows_of):
                used = (sd[place] > 0) & (self.tf_names_ != genes[place])
                if used.any() and z[rows].any():
                    centred = products(rows)[:, used] - self.product_mean_[place, used]
                    weights[place, used] = lasso.fit(centred / self.product_scale_[place, used], z[rows]).coef_
        self.coef_table_ = pd.DataFrame(weights, genes, self.tf_names_)

    def _predict_z(self, X: Any) -> FloatArray:
        place = self.gene_mean_.index.get_indexer(X.genes["name"])[X.gene_codes]
        known = np.flatnonzero(place >= 0)
        z, place = np.zeros(len(X)), place[known]
        slope = self.coef_table_.to_numpy() / np.where(self.product_scale_ > 0, self.product_scale_, 1)
        level = (slope * self.product_mean_).sum(axis=1)
        products = self._activity(X)[X.cell_type_codes[known]] * self._openness(X)[known, None]
        z[known] = np.einsum("ik,ik->i", products, slope[place]) - level[place]
        return z

    def _openness(self, X: Any) -> FloatArray:
        """Openness around the gene of each pair, (n_pairs,)."""
        return (DistanceDecay() if self.openness is None else clone(self.openness)).gene_scores(X)

    def _activity(self, X: Any) -> FloatArray:
        """Activity of each TF in each cell type of the table that occurs, (n_cell_types, n_tfs); 0 elsewhere."""
        cells = np.unique(X.cell_type_codes)
        out = np.zeros((len(X.cell_types), len(self.tf_names_)))
        if self.tf_activity == "expression":
            out[cells] = activity_of_table(self.tf_expression, self.tf_names_, X.cell_types["name"].iloc[cells])
            return out
        codes = _codes_of_tfs(self.tf_names_, X.genes)
        pairs = pairs_with_peaks(X, self)
        of_tfs = GeneCellPairs(pairs.tables, np.tile(codes, cells.size), np.repeat(cells, codes.size))
        rule = PromoterSum() if self.promoter is None else clone(self.promoter)
        out[cells] = rule.gene_scores(of_tfs).reshape(cells.size, codes.size)
        return out

    def _checked_settings(self) -> list[str]:
        """Names of the TFs."""
        self._check_target_settings()
        check_choice("tf_activity", self.tf_activity, _ACTIVITIES)
        check_number("alpha", self.alpha, 0, low_included=False)
        check_number("scale_floor", self.scale_floor, 0)
        if isinstance(self.tfs, str) or not isinstance(self.tfs, Iterable):
            raise ValueError(f"tfs must be a sequence of names, such as ['GATA1', 'SPI1'], got {self.tfs!r}")
        names = [str(name) for name in self.tfs]
        if not names:
            raise ValueError("tfs is empty: name the transcription factors whose products are to be used")
        repeated = pd.Index(names)[pd.Index(names).duplicated()]
        if len(repeated):
            raise TableError(f"tfs: the same TF twice: {some(repeated)}")
        for name in ("openness", "promoter"):
            rule = getattr(self, name)
            if rule is not None and not hasattr(rule, "gene_scores"):
                raise TypeError(f"{name} must be a DistanceDecay or a PromoterSum, got {rule!r}")
        self._check_expression_is_meant()
        return names

    def _check_expression_is_meant(self) -> None:
        if self.tf_activity == "expression" and self.tf_expression is None:
            raise MissingExpressionError(
                "tf_activity='expression' needs tf_expression, a table of TFs x cell types; tf_activity='promoter' "
                "takes the openness of the promoters of TFs in its place"
            )
        if self.tf_activity == "promoter" and self.tf_expression is not None:
            raise ValueError(
                "tf_expression is given, and tf_activity='promoter' would not use it: leave out one of both"
            )

    def _checked_rows(self, X: Any) -> Any:
        check_pairs(X, self)
        pairs_with_peaks(X, self)
        return X

    def _checked_training(self, X: Any, y: ArrayLike) -> tuple[Any, FloatArray]:
        return self._checked_rows(X), check_log_targets(X, y)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        return tags


def _codes_of_tfs(tfs: NDArray[np.object_], genes: pd.DataFrame) -> IntArray:
    """Rows of TFs in the table of genes; absent ones are named, with what can be done."""
    try:
        return codes_of(tfs, genes, "TF(s)")
    except UnknownNameError as error:
        way = how_written(pd.Index(genes["name"]), pd.Index(tfs)) or (
            "leave them out, or give tf_activity='expression' with a table of their expression"
        )
        raise UnknownNameError(f"{error.args[0]}: their promoters stand in for expression; {way}") from None


def _rows_of(place: IntArray, n_genes: int) -> list[IntArray]:
    """Rows of each gene, in the order of its number."""
    order = np.argsort(place, kind="stable")
    return np.split(order, np.cumsum(np.bincount(place, minlength=n_genes))[:-1])


def _sd(products: FloatArray) -> FloatArray:
    """SD of each product; what rounding leaves of equal values is 0."""
    sd = products.std(axis=0)
    return np.where(sd > 1e-12 * np.abs(products).max(axis=0), sd, 0.0)
