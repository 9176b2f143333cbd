"""PerGeneRegressor: one model per gene, fitted over the gene's training cell types."""

from typing import Any, Self

import numpy as np
import pandas as pd
import scipy.sparse as sp
from joblib import delayed
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, MetaEstimatorMixin
from sklearn.linear_model import PoissonRegressor, Ridge

from skepi._doors import check_flag, check_predictor
from skepi._progress import ShowsProgress, in_parallel, progress_bar
from skepi._targets import FloatArray, GeneScale
from skepi.compose._per_gene_cell_types import exposure_of, features_of
from skepi.compose._per_gene_fit import TrainingRows, fit_genes, link_of_genes, warn_together, weight_parameter
from skepi.compose._per_gene_rows import PerGeneModel, rows_of_genes
from skepi.rows import BinnedRows


class PerGeneRegressor(ShowsProgress, MetaEstimatorMixin, PerGeneModel, BaseEstimator):
    r"""Fit one model per gene over its training cell types.

    The features of gene g are the openness of its own slots (bins that a peak touches), so n is the number of training
    cell types and the genes share nothing. Last step of a pipeline behind :class:`skepi.binning.TSSBinner` and, where
    wanted, :class:`skepi.preprocessing.LogZScaler`.

    With ``exposure`` :math:`e_c`, targets are counts and the estimator learns rates :math:`y_{gc} / e_c` with weights
    :math:`e_c`; :class:`sklearn.linear_model.PoissonRegressor` is then Poisson regression with

    .. math:: \ln \mathrm{E}[y_{gc}] = \ln e_c + x_{gc} w_g + b_g .

    Parameters
    ----------
    estimator : estimator, optional
        Any scikit-learn regressor; each gene gets a clone. By default ``Ridge(10)``, or
        ``PoissonRegressor(alpha=10, max_iter=1000)`` where ``exposure`` is given.
    exposure : Series of float, index cell-type name, or str, optional
        Such as library sizes; greater than 0. A text names a column of ``cell_types`` that holds them. Divided by its
        mean over the training cell types, so that its unit does not matter to penalties.
    cell_type_features : DataFrame of float, index cell-type name, optional
        Further features of each cell type, the same for all genes and appended to the bins of each, as they are: log
        expression of genes of transcription factors, say. Expression **in the test cell type is then an input**, so
        that a cell type of which only openness is known cannot be predicted.
    n_jobs : int, optional
        Processes among which genes are shared out, one thread each; results do not depend on it.
    progress : bool, default=False
        Whether to show a progress bar.

    Attributes
    ----------
    gene_mean_, gene_sd_ : Series of float, index gene name
        Mean and SD of ``y`` over the training pairs of each gene, in the order of the table of genes; SDs divide by n.
    grand_mean_, pooled_sd_ : float
        Mean of ``y`` over all training pairs, and root mean square of :math:`y - \mathrm{mean}_g`.
    gene_ptr_ : ndarray of int64, shape (n_genes + 1,)
        Slots of the gene of row i of ``gene_mean_`` are ``gene_ptr_[i] : gene_ptr_[i + 1]``.
    slot_column_ : ndarray of int32, shape (n_slots,)
        Bin of each slot.
    link_ : {"identity", "log"} or None
        Linear models are kept as tables: the prediction is the linear predictor, or its exponential (times exposure).
        ``None`` for all others, which are kept as they are. The model of the first gene that has something to learn is
        tried: it must predict by its ``coef_`` and ``intercept_`` alone.
    slot_coef_ : ndarray of float64, shape (n_slots,)
        Weight of each slot; only linear models.
    cell_type_coef_ : DataFrame of float, genes x columns of ``cell_type_features``
        Only linear models.
    intercept_ : Series of float, index gene name
        Only linear models.
    models_ : list of estimator
        One per gene; only models that are not linear.
    exposure_mean_ : float or None
        Mean exposure of the training cell types.
    columns_ : DataFrame
        Only where rows were binned: one row per column, ``signal, feature, start_bp, end_bp``.
    n_features_in_ : int
        Number of bins.

    Raises
    ------
    TypeError
        For rows that are not binned pairs, and tables of cell types of another kind.
    ValueError
        For negative counts, tables with values that are missing or out of range, and an estimator that takes no
        ``sample_weight`` where there is an exposure.
    UnknownNameError
        For a cell type without exposure or features; both are looked up by name when predicting, too.
    UnmatchedDataError
        Where no gene of a data set has a model.

    Warns
    -----
    UnseenGeneWarning
        Once a call, where genes without training pairs are predicted: they have no model and get ``grand_mean_``, times
        the cell type's exposure over its training mean.
    UnfittedSignalWarning
        Where more than half of the slots of the genes that are predicted are new to their models.

    Notes
    -----
    A gene with one training pair, equal targets or no feature gets no clone: its model is its mean (with ``exposure``,
    the sum of its counts over the sum of exposures), as a :class:`sklearn.dummy.DummyRegressor` or weights of 0.

    On another data set, genes are found by name and slots by bin: a slot of the model that no peak touches there has
    the value 0, or what the scaler gives it; a slot new to the model is ignored.

    Tables of linear models take 12 bytes per slot, 0.1 GB for 17,500 genes with 460 slots each; other models take what
    they take, many times that, and are slow to save.

    Warnings of estimators are put together into one a kind, which says how many genes it came from.

    ``score`` is skill in units of ``y``: with counts, genes with many of them dominate it.

    References
    ----------
    Duren et al., PNAS 2017 (PECA: L1 models of single genes); Mitra et al., Nature Genetics 2024 (SCARlink: Poisson
    regression of a gene's counts on bins, which also keeps weights from being negative).

    Examples
    --------
    >>> from skepi.binning import TSSBinner
    >>> from skepi.paired import PairedDataset
    >>> data = PairedDataset(
    ...     openness=[[0.0, 1.0, 2.0]], cell_types=["HSC", "CLP", "Ery"],
    ...     peaks={"chrom": ["chr1"], "start": [98], "end": [102]},
    ...     genes={"name": ["a", "b"], "chrom": ["chr1"] * 2, "tss": [100, 104], "strand": ["+", "+"]},
    ... )
    >>> bins = TSSBinner(edges=[-4, 0], depth=None).fit_transform(data.pairs())
    >>> y = [1.0, 2.0, 3.0, 8.0, 4.0, 0.0]  # a rises with the peak and b falls
    >>> model = PerGeneRegressor(Ridge(alpha=0)).fit(bins, y)
    >>> model.coef_.toarray().round(6).tolist()  # half of the peak lies in the bin of a, half in that of b
    [[2.0], [-8.0]]
    """

    def __init__(
        self,
        estimator: Any = None,
        *,
        exposure: Any = None,
        cell_type_features: Any = None,
        n_jobs: int | None = None,
        progress: bool = False,
    ) -> None:
        self.estimator = estimator
        self.exposure = exposure
        self.cell_type_features = cell_type_features
        self.n_jobs = n_jobs
        self.progress = progress

    def fit(self, X: Any, y: ArrayLike) -> Self:
        """Fit a clone of the estimator to the rows of each gene.

        Parameters
        ----------
        X : BinnedOpenness of shape (n_rows, n_columns)
        y : array-like of shape (n_rows,)
            Log expression, or counts where there is an exposure.
        """
        check_flag("progress", self.progress)
        X, y = self._checked_training(X, y)
        estimator = self._estimator()
        weighted = None if self.exposure is None else weight_parameter(estimator)
        self._set_cell_types(X, y)
        link = link_of_genes(estimator, self._training_rows(X, y), weighted)
        jobs = (delayed(fit_genes)(estimator, some, weighted, link) for some in self._training_rows(X, y))
        with progress_bar(self.progress, "genes", int(np.count_nonzero(np.bincount(X.gene_codes)))) as bar:
            blocks = in_parallel(jobs, self.n_jobs, bar, size=lambda block: len(block[0]))
        self._set_scale(GeneScale.of(X, y, 0.0))
        self._set_slots(X)
        self._set_models([one for models, _ in blocks for one in models], link)
        warn_together([one for _, found in blocks for one in found])
        return self

    @property
    def coef_(self) -> sp.csr_array:
        """Weights of the bins, genes in the order of ``gene_mean_`` x bins; each slot of a gene is stored, 0 or not."""
        if getattr(self, "link_", None) is None:
            raise AttributeError("only fitted linear models have coef_; others are in models_")
        return self._coef_table(self.slot_coef_)

    def _estimator(self) -> Any:
        if self.estimator is not None:
            check_predictor("estimator", self.estimator)
            return self.estimator
        return Ridge(10.0) if self.exposure is None else PoissonRegressor(alpha=10.0, max_iter=1_000)

    def _set_cell_types(self, X: BinnedRows, y: FloatArray) -> None:
        """Check the tables of cell types, and learn what is learned of them."""
        self.exposure_mean_ = self.cell_type_columns_ = None
        if self.exposure is not None:
            self.exposure_mean_ = float(np.nanmean(exposure_of(X, self.exposure)))
            if (y < 0).any():
                raise ValueError(f"y must be counts where there is an exposure, got {y.min():g}: wanted 0 or greater")
        if self.cell_type_features is not None:
            features_of(X, self.cell_type_features)
            self.cell_type_columns_ = list(self.cell_type_features.columns)

    def _of_cell_types(self, X: BinnedRows) -> tuple[FloatArray, FloatArray]:
        extra, factor = super()._of_cell_types(X)
        if self.cell_type_columns_ is not None:
            extra = features_of(X, self.cell_type_features, self.cell_type_columns_)
        if self.exposure_mean_ is not None:
            factor = exposure_of(X, self.exposure) / self.exposure_mean_
        return extra, factor

    def _training_rows(self, X: BinnedRows, y: FloatArray) -> Any:
        """Yield what the models of some genes at a time are fitted on."""
        extra, factor = self._of_cell_types(X)
        names = X.genes["name"].to_numpy(dtype=object)
        for some in rows_of_genes(X):
            yield [
                TrainingRows(names[one.gene], one.values, extra[one.cells], y[one.rows], factor[one.cells])
                for one in some
            ]

    def _set_models(self, models: list[Any], link: str | None) -> None:
        for name in ("slot_coef_", "cell_type_coef_", "intercept_", "models_"):
            self.__dict__.pop(name, None)  # of another kind of estimator
        self.link_ = link
        if link is None:
            self.models_ = models
            return
        genes, columns = self.gene_mean_.index, self.cell_type_columns_ or []
        n_slots = np.diff(self.gene_ptr_)
        self.slot_coef_ = np.concatenate([coef[:n] for (coef, _), n in zip(models, n_slots, strict=True)])
        of_cell_types = np.array([coef[n:] for (coef, _), n in zip(models, n_slots, strict=True)])
        self.cell_type_coef_ = pd.DataFrame(of_cell_types, genes, columns)
        self.intercept_ = pd.Series([intercept for _, intercept in models], genes)

    def _predict_gene(self, place: int, features: FloatArray) -> FloatArray:
        if self.link_ is None:
            return np.asarray(self.models_[place].predict(features), dtype=np.float64).ravel()
        coef = self.slot_coef_[self.gene_ptr_[place] : self.gene_ptr_[place + 1]]
        coef = np.concatenate([coef, self.cell_type_coef_.to_numpy()[place]])
        linear = features @ coef + self.intercept_.to_numpy()[place]
        return np.exp(linear) if self.link_ == "log" else linear
