"""BatchCorrection: remove shifts between data sets, then fit one model to all of them."""

import warnings
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skepi._cell_state import occurring
from skepi._doors import check_choice, check_flag, check_number, check_predictor, some
from skepi._rows import (
    check_binned,
    check_bins_alone,
    check_features,
    check_log_targets,
    check_unscaled,
    keep_features,
    unstack,
)
from skepi._targets import FloatArray, GeneScale, KeepsGeneMeans
from skepi._ties import groups_said, tied_groups
from skepi.compose._batch_openness import OpennessShifts
from skepi.compose._batch_shift import shifts_of_table
from skepi.exceptions import UnknownNameError, UnseenBatchWarning, UntiedBatchWarning
from skepi.gaussian_process import CisTransRegressor

#: The column that pools have; without it, cell types of one name are one population.
_POPULATION = "population"
#: Batch of a data set that does not name any.
_NEW = "a new data set"


def _offers_parts(estimator: "BatchCorrection") -> bool:
    inner = getattr(estimator, "regressor_", estimator.regressor)
    return inner is None or hasattr(inner, "predict_parts")


class BatchCorrection(MetaEstimatorMixin, KeepsGeneMeans, BaseEstimator):
    r"""Remove shifts between data sets from openness and expression before a regressor is fitted.

    Shifts are learned from training cell types only.

    A laboratory, a protocol or a peak caller shifts the log openness of each gene in each band, and the log expression
    of each gene, in all cell types of a data set alike. With :math:`f_c` one such number in training cell type c of
    data set s(c) and population p(c),

    .. math:: f_c = m_{p(c)} + \delta_{s(c)} + \varepsilon_c, \qquad
        \min_{m, \delta} \; \sum_c \varepsilon_c^2 + \kappa \sum_s \delta_s^2

    where :math:`\kappa` = ``shrinkage``. Two data sets that share k populations have a difference of
    :math:`k / (k + \kappa)` times the mean difference between these. The regressor learns from openness and expression
    without shifts, and predictions get the shift of their data set back.

    **What can be known.** Populations that two data sets share tell a shift from a real difference between cell types.
    Without them, ``learn_from="all"`` centres each data set on its own mean, which also takes out what its cell types
    really have in common. A data set without training cell types has no known shift of expression: it is predicted
    for an average data set. Openness of its cell types is known when they are predicted, so its shift of openness is
    learned there, from its own cell types against populations seen in training.

    Parameters
    ----------
    regressor : estimator, optional
        Takes binned rows. By default ``CisTransRegressor()``.
    batch : str, default="data_set"
        Column of the table of cell types that names the data set, as :func:`skepi.paired.pool` makes it; or a donor, a
        protocol.
    population : str, default="population"
        Column that is the same for cell types that two batches share. Where the table has none, names of cell types.
    learn_from : {"shared", "all"}, default="shared"
        ``"shared"``: only populations that occur in two batches say something about shifts; without any, nothing is
        taken out, and a warning says so. ``"all"``: :math:`m` is one number for all cell types.
    shrinkage : float, default=1.0
        :math:`\kappa`, 0 or greater: as many shared populations in which no shift was seen.
    openness, expression : bool, default=True
        What is corrected.

    Attributes
    ----------
    regressor_ : estimator
        The fitted clone.
    batch_names_ : ndarray of str, shape (n_batches,)
        Batches with training cell types.
    openness_shifts_ : object or None
        What was learned of openness, saved as one: ``shift`` is a float32 array, (n_columns, n_genes, n_batches), in
        units of ln(1 + openness).
    expression_shift_ : DataFrame of float, shape (n_trained, n_batches)
        In units of ``y``; rows are genes with training pairs.
    mean_shift_ : Series of float, index gene name
        Its mean over the training pairs of each gene.
    gene_mean_, gene_sd_ : Series
    grand_mean_, pooled_sd_ : float
        Mean and SD of ``y`` as it was given, as in :class:`GeneZTarget`.
    n_features_in_ : int

    Raises
    ------
    TypeError
        Where rows are not binned pairs, or ``regressor`` is no estimator.
    ValueError
        For rows scaled already, a pair twice, cell types without a batch, and settings out of range.
    UnknownNameError
        Where the table of cell types has no column ``batch`` in ``fit``.

    Warns
    -----
    UntiedBatchWarning
        Where the batches of ``fit`` form groups that share no population with each other.
    UnseenBatchWarning
        Where a batch without training cell types is predicted.

    Notes
    -----
    Put it behind :class:`skepi.binning.TSSBinner`, with bands that widen away from the TSS: corrected openness is a
    table of ``4 * genes * columns * cell types`` bytes. A table without the column ``batch`` is one new batch in
    ``predict``. ``score`` is skill over the mean of the gene over the training pairs of all batches.

    **Counting noise.** Where openness is read counts and a shift of it is removed, the regressor does not take counting
    noise off its comparison of cell types. That step assumes that noise is independent between cell types, and a
    learned shift carries noise of the shared cell types into all cell types of their data set. Treating shifts as known
    would change little: skill from .572 to .565 on 14 blood and 12 erythroid populations, and by -.003 to .006 on
    simulated pools with 0.3 to 100 reads per peak. With ``openness=False``, or where nothing is shifted, counting noise
    is taken off as usual.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from skepi.binning import TSSBinner, symmetric_edges
    >>> from skepi.datasets import make_paired_openness
    >>> from skepi.paired import pool
    >>> data, _ = make_paired_openness(n_genes=50, n_cell_types=8, n_lineages=2)
    >>> names = list(data.cell_types["name"])
    >>> both = pool([data.subset(cell_types=names[:5]), data.subset(cell_types=names[4:])], shared=names[4:5])
    >>> model = make_pipeline(TSSBinner(edges=symmetric_edges()), BatchCorrection())
    >>> model.fit(*both.pairs(return_X_y=True))[-1].batch_names_.tolist()
    ['set1', 'set2']
    >>> float(model[-1].expression_shift_.abs().max().max().round(3))  # both have the same measurements
    0.0
    """

    def __init__(
        self,
        regressor: Any = None,
        *,
        batch: str = "data_set",
        population: str = _POPULATION,
        learn_from: str = "shared",
        shrinkage: float = 1.0,
        openness: bool = True,
        expression: bool = True,
    ) -> None:
        self.regressor = regressor
        self.batch = batch
        self.population = population
        self.learn_from = learn_from
        self.shrinkage = shrinkage
        self.openness = openness
        self.expression = expression

    def fit(self, X: Any, y: ArrayLike) -> Self:
        """Learn the shifts of each batch, then fit the regressor on what is left.

        Parameters
        ----------
        X : BinnedOpenness of shape (n_pairs, n_columns)
        y : array-like of shape (n_pairs,)
            Log expression.
        """
        self._check_settings()
        self._check_rows(X)
        y = check_log_targets(X, y)
        if self.batch not in X.cell_types:
            raise UnknownNameError(
                f"the table of cell types has no column {self.batch!r}, only {some(X.cell_types)}: skepi.paired.pool "
                "makes one of data sets; or name another by batch="
            )
        if self.population not in X.cell_types and self.population != _POPULATION:
            raise UnknownNameError(
                f"the table of cell types has no column {self.population!r}, only {some(X.cell_types)}"
            )
        table = unstack(X, y)
        cells, _ = occurring(X.cell_type_codes)
        batches, levels = self._batches(X)[cells], self._levels(X)[cells]
        if self.learn_from == "shared":
            _warn_of_untied(batches, levels)
        self._learn_expression(table, batches, levels)
        self.openness_shifts_ = (
            OpennessShifts.learn(X, cells, batches, levels, self.shrinkage) if self.openness else None
        )
        self._set_scale(GeneScale.of(X, y, 0))
        keep_features(X, self)
        self.regressor_ = CisTransRegressor() if self.regressor is None else clone(self.regressor)
        shift = self._shift_of_rows(X)
        self.mean_shift_ = pd.Series(shift).groupby(X.genes["name"].to_numpy()[X.gene_codes]).mean()
        self.regressor_.fit(self._corrected(X), y - shift)
        return self

    def _learn_expression(self, table: pd.DataFrame, batches: NDArray, levels: NDArray) -> None:
        batch, self.batch_names_ = pd.factorize(batches)
        shift = np.zeros((len(table), self.batch_names_.size))
        if self.expression:
            shift = shifts_of_table(table.to_numpy(), batch, pd.factorize(levels)[0], self.shrinkage)
        self.expression_shift_ = pd.DataFrame(shift, table.index, pd.Index(self.batch_names_, name=self.batch))

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Predict expression, each data set with its own shift.

        Parameters
        ----------
        X : BinnedOpenness of shape (n_pairs, n_columns)
        return_std : bool, default=False
            Whether to return SDs as well, where the regressor has them; they take shifts as known.

        Returns
        -------
        prediction : ndarray of float64, shape (n_pairs,)
            In units of ``y``.
        std : ndarray of float64, shape (n_pairs,)
            Only with ``return_std=True``.
        """
        rows, shift = self._asked(X)
        if not return_std:
            return np.asarray(self.regressor_.predict(rows), dtype=np.float64).ravel() + shift
        prediction, std = self.regressor_.predict(rows, return_std=True)
        return prediction + shift, std

    @available_if(_offers_parts)
    def predict_parts(self, X: Any) -> pd.DataFrame:
        """Parts of the prediction: those of the regressor, and ``batch``; in units of ``y``, one row per pair.

        ``batch`` is the shift less its mean over the training pairs of the gene, which belongs to ``gene_mean``.
        """
        rows, shift = self._asked(X)
        parts = self.regressor_.predict_parts(rows)
        usual = self.mean_shift_.reindex(X.genes["name"]).fillna(0.0).to_numpy()[X.gene_codes]
        return parts.assign(gene_mean=parts["gene_mean"] + usual, batch=shift - usual)

    def _asked(self, X: Any) -> tuple[Any, FloatArray]:
        """Rows that the regressor is asked about, and the shift of expression of each."""
        check_is_fitted(self)
        self._check_rows(X)
        check_features(X, self)
        asked = pd.unique(self._batches(X)[occurring(X.cell_type_codes)[0]])
        unseen = [name for name in asked if name not in self.batch_names_]
        if unseen:
            warnings.warn(
                f"no training cell type of {some(unseen)}: its shift of expression is not known and taken as 0. A "
                "shift of openness is taken out as far as the table has populations of it that were trained on",
                UnseenBatchWarning,
                stacklevel=3,
            )
        return self._corrected(X), self._shift_of_rows(X)

    def _corrected(self, X: Any) -> Any:
        if self.openness_shifts_ is None:
            return X
        return self.openness_shifts_.corrected(X, self._batches(X), self._levels(X))

    def _shift_of_rows(self, X: Any) -> FloatArray:
        """Shift of expression of each pair; 0 for genes and batches without training pairs."""
        table = self.expression_shift_.reindex(index=X.genes["name"], columns=self._batches(X)).fillna(0.0)
        return table.to_numpy()[X.gene_codes, X.cell_type_codes]

    def _batches(self, X: Any) -> NDArray[np.object_]:
        """Batch of each cell type of the table."""
        if self.batch not in X.cell_types:
            return np.full(len(X.cell_types), _NEW, dtype=object)
        return _labels(X.cell_types, self.batch)

    def _levels(self, X: Any) -> NDArray[np.object_]:
        """What has a level of its own: the population of each cell type, or all of them together."""
        if self.learn_from == "all":
            return np.full(len(X.cell_types), "all", dtype=object)
        return _labels(X.cell_types, self.population if self.population in X.cell_types else "name")

    def _check_settings(self) -> None:
        for name in ("batch", "population"):
            if not isinstance(getattr(self, name), str):
                raise ValueError(f"{name} must be the name of a column of cell_types, got {getattr(self, name)!r}")
        check_choice("learn_from", self.learn_from, ("shared", "all"))
        check_number("shrinkage", self.shrinkage, 0)
        check_flag("openness", self.openness)
        check_flag("expression", self.expression)
        if self.regressor is not None:
            check_predictor("regressor", self.regressor)

    def _check_rows(self, X: Any) -> None:
        check_binned(X, self, "TSSBinner(edges=symmetric_edges())")
        check_unscaled(X, self)
        check_bins_alone(X, self)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        return tags


def _warn_of_untied(batches: NDArray[np.object_], populations: NDArray[np.object_]) -> None:
    """Say which of several batches are not tied to each other by populations that they share."""
    groups = tied_groups(batches, populations)
    if len(groups) > 1:
        warnings.warn(
            f"no population that was trained on ties {groups_said(groups)}: the shift between these groups of data "
            "sets cannot be told from real differences and is not taken out; learn_from='all' would take out both",
            UntiedBatchWarning,
            stacklevel=3,
        )


def _labels(cell_types: pd.DataFrame, column: str) -> NDArray[np.object_]:
    """Labels of a column as text; a missing one is an error."""
    labels = cell_types[column]
    if labels.isna().any():
        raise ValueError(f"cell_types: {column} missing for {some(cell_types['name'][labels.isna()])}")
    return labels.astype(str).to_numpy(dtype=object)
