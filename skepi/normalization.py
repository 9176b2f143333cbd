"""Make read counts of different cell types comparable: log CPM, TMM, quantiles.

Whatever is learned (gene filter, reference library, reference quantiles) comes from the cell types given
to ``fit``, so that held-out cell types are normalised the way a new one would be.
"""

import warnings
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.utils.validation import check_is_fitted

from skepi._doors import check_labels, some
from skepi._foreign import pandas_of
from skepi._labels import look_like_genes
from skepi._rows import check_arrays
from skepi._scales import warn_of_equal_libraries, warn_of_few_columns, warn_of_log_counts
from skepi.exceptions import EmptyLibraryWarning, TableError

FloatArray = NDArray[np.float64]

_METHODS = ("log_cpm", "tmm", "quantile")
_MOST_COUNTS = 2.0**53  # of a library: float64 holds whole numbers up to here
_LEAST_COUNT = 1e-100


class ExpressionNormalizer(SelectorMixin, BaseEstimator):
    r"""Normalise counts to log expression, with everything learned from the rows given to ``fit``.

    Rows are cell types (libraries) and columns are genes, as scikit-learn and AnnData have it: for a table
    of genes x cell types pass its transpose, or use :meth:`skepi.paired.PairedDataset.transform_expression`.

    With counts :math:`k_{cg}` and library sizes :math:`N_c = \sum_g k_{cg}` over **all** genes, the value is

    .. math:: L_{cg} = \ln\left(1 + 10^6 \, k_{cg} / (N_c f_c)\right)

    where :math:`f_c = 1` for ``"log_cpm"`` and ``"quantile"``, and the TMM factor for ``"tmm"``.
    ``"quantile"`` then replaces the sorted values of each cell type, over the genes that are kept, by the
    reference quantiles (mean of the sorted values of the training cell types); ties get the mean rank.

    Parameters
    ----------
    method : {"quantile", "tmm", "log_cpm"}, default="quantile"
        CPM alone leaves composition effects (erythroid RNA is mostly globin).
    min_mean_cpm : float, default=0.0
        Genes are kept whose mean CPM over the training cell types is greater than this; genes without a
        single training count are dropped unless it is negative.
    logratio_trim, sum_trim : float, default=0.3 and 0.05
        Fractions that TMM trims at each end of the log ratios and of the mean log intensities.

    Attributes
    ----------
    mean_cpm_ : ndarray of shape (n_genes,)
        Mean CPM over the training cell types.
    reference_quantiles_ : ndarray of shape (n_kept_genes,)
        Increasing, natural log(1 + CPM). Only with ``method="quantile"``.
    reference_library_ : ndarray of shape (n_genes,)
        Counts of the training library that TMM compares with. Only with ``method="tmm"``.
    log_factor_mean_ : float
        Mean log TMM factor of the training libraries, which centres the factors at 1.

    Raises
    ------
    ValueError
        For negative counts, no library with counts, no gene that passes the filter, counts of a cell type that add up
        to more than 2**53 (9.0e15: beyond it, float64 is not exact), or counts between 0 and 1e-100.
    TableError
        For a masked array with something masked, and for a DataFrame with repeated columns, several levels of labels,
        or genes as rows.

    Warns
    -----
    ScaleWarning
        In ``transform``, for values that look like logarithms: not whole, and none of 30 or more. In ``fit``, with
        ``method="tmm"``, for libraries that all add up to a million, as TPM do.
    FewGenesWarning
        In ``fit``, for fewer than 100 genes.
    EmptyLibraryWarning
        For a cell type without counts: its values are NaN, which a data set refuses by name.

    References
    ----------
    Robinson and Oshlack, Genome Biology 2010 (TMM, with the defaults of edgeR); Bolstad et al.,
    Bioinformatics 2003 (quantiles).

    Examples
    --------
    >>> counts = np.array([[10, 0, 90], [5, 5, 190]])
    >>> ExpressionNormalizer("log_cpm").fit_transform(counts).round(2)
    array([[11.51,  0.  , 13.71],
           [10.13, 10.13, 13.76]])
    """

    def __init__(
        self,
        method: str = "quantile",
        *,
        min_mean_cpm: float = 0.0,
        logratio_trim: float = 0.3,
        sum_trim: float = 0.05,
    ) -> None:
        self.method = method
        self.min_mean_cpm = min_mean_cpm
        self.logratio_trim = logratio_trim
        self.sum_trim = sum_trim

    def fit(self, X: ArrayLike, y: None = None) -> Self:
        """Learn the gene filter and the reference from training cell types.

        Parameters
        ----------
        X : array-like of shape (n_cell_types, n_genes)
            Counts (or any non-negative abundance).
        y : None
            Ignored.
        """
        if self.method not in _METHODS:
            raise ValueError(f"method must be one of {_METHODS}, got {self.method!r}")
        for name in ("logratio_trim", "sum_trim"):
            if not 0 <= getattr(self, name) < 0.5:
                raise ValueError(f"{name} must be a fraction in [0, 0.5), got {getattr(self, name)!r}")
        counts = self._checked(X, reset=True)
        warn_of_few_columns(*counts.shape)
        if self.method == "tmm":
            warn_of_equal_libraries(counts, "X")
        for learned in ("reference_library_", "log_factor_mean_", "reference_quantiles_"):
            self.__dict__.pop(learned, None)  # of an earlier fit with another method
        counts = counts[counts.sum(axis=1) > 0]
        self.mean_cpm_ = _cpm(counts).mean(axis=0)
        self.support_ = self.mean_cpm_ > self.min_mean_cpm
        if not self.support_.any():
            raise ValueError(
                f"no gene has a mean CPM greater than min_mean_cpm={self.min_mean_cpm}; "
                f"the greatest is {self.mean_cpm_.max():.3g}"
            )
        if self.method == "tmm":
            self.reference_library_ = counts[reference_library(counts)]
            self.log_factor_mean_ = float(np.log(self._raw_factors(counts)).mean())
        if self.method == "quantile":
            kept = np.log1p(_cpm(counts)[:, self.support_])
            self.reference_quantiles_ = np.sort(kept, axis=1).mean(axis=0)
        return self

    def transform(self, X: ArrayLike) -> FloatArray:
        """Normalise cell types, seen in ``fit`` or not.

        Parameters
        ----------
        X : array-like of shape (n_cell_types, n_genes)

        Returns
        -------
        ndarray of shape (n_cell_types, n_kept_genes)
            Natural log of 1 + CPM.
        """
        check_is_fitted(self)
        counts = self._checked(X, reset=False)
        warn_of_log_counts(counts, "X")
        if self.method == "tmm":
            return np.log1p(_cpm(counts, self._factors(counts))[:, self.support_])
        values = np.log1p(_cpm(counts)[:, self.support_])
        if self.method == "log_cpm":
            return values
        ranked = [_to_quantiles(row, self.reference_quantiles_) for row in values]
        return np.where(np.isfinite(values), ranked, np.nan)

    def norm_factors(self, X: ArrayLike) -> FloatArray:
        """TMM factors of cell types, (n_cell_types,); their geometric mean over the training ones is 1."""
        check_is_fitted(self, "log_factor_mean_")
        return self._factors(self._checked(X, reset=False))

    def inverse_transform(self, X: ArrayLike) -> FloatArray:
        """Not available: library sizes and dropped genes are gone.

        Raises
        ------
        NotImplementedError
            Always.
        """
        raise NotImplementedError("normalised expression cannot be turned back into counts")

    def _factors(self, counts: FloatArray) -> FloatArray:
        return np.exp(np.log(self._raw_factors(counts)) - self.log_factor_mean_)

    def _raw_factors(self, counts: FloatArray) -> FloatArray:
        trims = self.logratio_trim, self.sum_trim
        return np.array([tmm_factor(library, self.reference_library_, *trims) for library in counts])

    def _get_support_mask(self) -> NDArray[np.bool_]:
        check_is_fitted(self)
        return self.support_

    def _checked(self, X: ArrayLike, reset: bool) -> FloatArray:
        X = pandas_of(X, "X", "X.to_df()")
        if isinstance(X, pd.DataFrame):
            check_labels(X, "X")
            if look_like_genes(X.index) and not look_like_genes(X.columns):
                raise TableError(
                    f"X looks transposed: got shape {X.shape} with genes as rows ({some(X.index, 2)}), wanted one row "
                    "for each cell type and one column for each gene; give X.T"
                )
        counts = check_arrays(self, X, reset=reset, dtype=np.float64)
        if (counts < 0).any():
            raise ValueError("Negative values in data passed to ExpressionNormalizer: wanted counts on a linear scale")
        _check_range(counts)
        empty = counts.sum(axis=1) == 0
        if empty.all():
            raise ValueError("no row has any counts: a library size of 0 has no CPM")
        if empty.any():
            warnings.warn(
                f"row {int(np.flatnonzero(empty)[0])} has no counts ({int(empty.sum())} such row(s)): "
                "it is left out of what is learned, and its normalised values are NaN",
                EmptyLibraryWarning,
                stacklevel=4,
            )
        return counts

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        tags.input_tags.allow_nan = False
        tags.target_tags.required = False
        return tags


def reference_library(counts: FloatArray) -> int:
    """Library whose upper quartile of counts per total is closest to the mean of all, as edgeR chooses.

    Genes without a count in any library are left out. Where most upper quartiles are 0, the library with
    the greatest sum of root counts is taken.
    """
    expressed = counts[:, counts.sum(axis=0) > 0]
    upper = np.quantile(expressed / counts.sum(axis=1, keepdims=True), 0.75, axis=1)
    if np.median(upper) < 1e-20:
        return int(np.argmax(np.sqrt(expressed).sum(axis=1)))
    return int(np.argmin(np.abs(upper - upper.mean())))


def tmm_factor(library: FloatArray, reference: FloatArray, logratio_trim: float = 0.3, sum_trim: float = 0.05) -> float:
    r"""Weighted trimmed mean of M-values of one library against a reference.

    With :math:`M_g = \log_2 (k_g / N) - \log_2 (k_g^r / N^r)` and :math:`A_g` the mean of the two logs, genes
    with a zero on either side are left out, then the extreme ``logratio_trim`` of M and ``sum_trim`` of A at
    each end. The factor is :math:`2^{\sum w M / \sum w}` with
    :math:`1 / w_g = (N - k_g) / (N k_g) + (N^r - k_g^r) / (N^r k_g^r)`.

    Parameters
    ----------
    library, reference : ndarray of shape (n_genes,)
        Counts.

    Returns
    -------
    float
        The factor, not yet centred over libraries; 1 where all ratios agree within 1e-6, NaN for a
        library without counts.

    Raises
    ------
    ValueError
        Where no gene is left to compare.
    """
    if not library.any():
        return np.nan
    both = (library > 0) & (reference > 0)
    size, size_ref = library.sum(), reference.sum()
    k, r = library[both], reference[both]
    m = np.log2((k / size) / (r / size_ref))  # in this form equal ratios stay ties
    if m.size and np.abs(m).max() < 1e-6:
        return 1.0
    a = (np.log2(k / size) + np.log2(r / size_ref)) / 2
    variance = (size - k) / (size * k) + (size_ref - r) / (size_ref * r)
    kept = _inside(m, logratio_trim) & _inside(a, sum_trim)
    if not kept.any():
        raise ValueError("TMM has no gene left to compare a library with the reference: too few shared genes")
    return float(2 ** (np.sum(m[kept] / variance[kept]) / np.sum(1 / variance[kept])))


def _inside(values: FloatArray, trim: float) -> NDArray[np.bool_]:
    """Values whose mean rank lies between the trimmed ends."""
    low = np.floor(values.size * trim) + 1
    rank = rankdata(values)
    return (rank >= low) & (rank <= values.size + 1 - low)


def _check_range(counts: FloatArray) -> None:
    """Refuse counts whose sums are not exact in float64, or whose products leave its range."""
    with np.errstate(over="ignore"):
        size = counts.sum(axis=1)
    row = int(np.argmax(size))
    if size[row] > _MOST_COUNTS:
        raise ValueError(
            f"row {row}: the counts add up to {size[row]:.3g}, more than 2**53 = {_MOST_COUNTS:.3g}, beyond which "
            "float64 is not exact; divide the counts by a constant"
        )
    tiny = (counts > 0) & (counts < _LEAST_COUNT)
    if tiny.any():
        row, column = np.argwhere(tiny)[0]
        raise ValueError(
            f"row {row}, column {column}: got {counts[row, column]:.3g}, and products of values below {_LEAST_COUNT:g} "
            "vanish in float64; set such values to 0, or multiply the counts by a constant"
        )


def _cpm(counts: FloatArray, factors: FloatArray | float = 1.0) -> FloatArray:
    """Counts per million; NaN for a library without counts."""
    size = counts.sum(axis=1) * factors
    return 1e6 * counts / np.where(size > 0, size, np.nan)[:, None]


def _to_quantiles(values: FloatArray, reference: FloatArray) -> FloatArray:
    """Reference value at each value's mean rank, interpolated between neighbours."""
    return np.interp(rankdata(values), np.arange(1, reference.size + 1), reference)
