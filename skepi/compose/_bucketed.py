"""BucketedRegressor: one model per bucket of similar cell types."""

import warnings
from numbers import Real
from typing import Any, Self

import numpy as np
import pandas as pd
from joblib import delayed
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.cluster import KMeans
from sklearn.pipeline import make_pipeline
from sklearn.utils.validation import check_is_fitted

from skepi._cell_state import (
    column_weights,
    equal_weights,
    occurring,
    products,
    unit_kernel,
    warn_of_few_genes,
)
from skepi._columns import signals_of
from skepi._contrasts import BandContrasts
from skepi._doors import check_choice, check_count, check_flag, check_predictor
from skepi._progress import ShowsProgress, in_parallel, progress_bar
from skepi._rows import check_features, check_log_targets, check_targets
from skepi._targets import FloatArray, GeneScale, KeepsGeneMeans, genes_of_rows
from skepi.binning import TSSBinner, symmetric_edges
from skepi.compose._buckets import (
    NO_BUCKET,
    Centres,
    IntArray,
    checked_clusterer,
    cluster,
    components_of,
    expression_kernel,
    in_bands,
    nearest_buckets,
    reaches,
    warn_of_distant,
)
from skepi.gaussian_process import CisTransRegressor
from skepi.metrics import skill_by
from skepi.rows import is_binned

_PHENOTYPES = ("openness", "expression")

# SD offset of expression as a phenotype, in units of ``y``; predictions are those of the models.
_SD_OFFSET = 1.0

# Share of the training genes; warn if a data set has fewer.
_MIN_SHARED_GENES = 0.5


class BucketedRegressor(ShowsProgress, MetaEstimatorMixin, KeepsGeneMeans, BaseEstimator):
    r"""Fit one model per bucket of similar cell types, and a pooled one that answers where no bucket should.

    Training cell types are clustered by their principal components. Each bucket of at least ``min_cell_types`` gets a
    clone of ``estimator`` fitted on its rows, and all rows together another one. A new cell type t belongs to the
    bucket :math:`\beta` whose mean is nearest to it by openness, which is all that is known of it:

    .. math:: d_{t\beta}^2 = K_{tt} - \frac{2}{n} \sum_{c \in \beta} K_{tc} + \frac{1}{n^2} \sum_{c, d \in \beta} K_{cd}

    with n the cell types of the bucket and K the kernel of :class:`skepi.gaussian_process.CisTransRegressor` (products
    of contrasts of log openness, in the bands of :func:`skepi.binning.symmetric_edges` around all genes, with a mean
    of 1 over training cell types). The bucket's model answers where
    :math:`d_{t\beta} \le` ``max_distance`` x the **reach** of the bucket: the greatest distance of a member from the
    mean of the other members.

    **The pooled model answers** for cell types beyond that, for buckets with too few cell types, for genes without
    training pairs in the bucket, and for a bucket of all training cell types, which is why ``n_clusters=1`` in a search
    is the comparison with the pooled model.

    Parameters
    ----------
    estimator : estimator, optional
        Predicts in units of ``y``: a pipeline for the rows as they come, such as ``make_pipeline(TSSBinner(),
        LogZScaler(), GeneZTarget(Ridge()))`` for pairs. Gene means inside it are those of the bucket's training pairs.
        By default ``CisTransRegressor()``, behind ``TSSBinner(edges=symmetric_edges())`` where pairs are not binned.
    clusterer : clusterer, optional
        Anything with ``fit_predict``. By default ``KMeans(2, n_init=10, random_state=0)``. Cell types that it labels
        -1 are in no bucket; they train the pooled model only.
    phenotype : {"openness", "expression"}, default="openness"
        What training cell types are clustered by: the kernel K, or expression of the training pairs, less the mean of
        its gene and divided by SD + 1, over the genes measured in both of two cell types.
    n_components : int, default=5
        Principal components of the phenotype that the clusterer sees; all there are where the training cell types less
        1 are fewer.
    min_cell_types : int, default=3
        Buckets with fewer training cell types have no model; at least 2.
    max_distance : float, default=1.0
        How far from a bucket a cell type may lie and still get its model, in units of the bucket's reach, the distance
        of its farthest member. About one in n + 1 further cell types of a bucket with n members lies beyond 1.
        ``float("inf")`` sets no limit.
    n_jobs : int, optional
        Models fitted at once; results do not depend on it.
    progress : bool, default=False
        Whether to show a progress bar.

    Attributes
    ----------
    buckets_ : Series of int, index training cell type
        Numbered from 0 in the order of the table of cell types; -1 for none.
    components_ : DataFrame of float, training cell types x components
        Columns ``pc1, pc2, ...``: what the clusterer saw.
    models_ : dict of int to estimator
        Fitted clones, by bucket; only buckets with a model of their own.
    pooled_ : estimator
        Fitted on all training pairs.
    reach_ : ndarray of float64, shape (n_buckets,)
        In root mean square distances of training cell types from their mean; NaN for a bucket of one.
    measured_ : DataFrame of bool, genes x buckets
        Whether a gene has training pairs in a bucket.
    gene_mean_, gene_sd_ : Series of float, index gene name
        Over **all** training pairs of each gene, in units of ``y``: skill is against these, whichever model answers.
    grand_mean_, pooled_sd_ : float
        As in :class:`skepi.compose.GeneZTarget`.
    centres_ : object
        Where buckets lie: ``z``, contrasts of their means, (n_bands, n_genes, n_buckets); ``gene_power``, mean sum of
        squared contrasts of each gene, (n_genes,); and ``bands``, what openness is standardised by: ``gene_names`` (all
        genes of the training data set), ``mean`` (of log openness, (n_bands, n_genes)), ``scale`` and ``columns``.
    n_features_in_ : int
        2 for pairs, or the number of bins.

    Raises
    ------
    TypeError
        For rows that are not pairs, and a clusterer without ``fit_predict``.
    ValueError
        For settings out of range, fewer than 2 training cell types, fewer than buckets, a clusterer that puts none
        into a bucket, cell types that do not differ, and pairs and bins mixed.
    UnmatchedDataError
        Where a data set has no gene in common with the one seen in ``fit``.

    Warns
    -----
    UserWarning
        In ``fit``, where the clusterer made several buckets and none of them has enough cell types.
    DistantCellTypeWarning
        Once a call of ``predict``, for cell types far from the nearest bucket that has a model.
    UnfittedSignalWarning
        For a data set with less than half of the genes of the training data.

    Notes
    -----
    Buckets are found by openness of the data set that rows refer to, never by names: a training cell type may be
    nearest to another bucket than its own. Scaled bins may come in; the scaler has then seen all training cell types.

    A bucket has fewer cell types than there are in all, which laws that differ between buckets must make up for;
    :meth:`compare` tells. A gain over the pooled model may be that of the gene means of buckets alone, which is the
    skill of ``BucketedRegressor(GeneZTarget(DummyRegressor()))``. A pooled ``CisTransRegressor()`` knows the state of
    the cell already.

    References
    ----------
    One model for each cluster of cell types is what the report proposes as future work.

    Examples
    --------
    Held-out cell types by Ridge in buckets, by the gene means of buckets alone, and by Ridge without buckets:

    >>> from sklearn.dummy import DummyRegressor
    >>> from sklearn.linear_model import Ridge
    >>> from skepi.compose import GeneZTarget
    >>> from skepi.datasets import make_paired_openness
    >>> from skepi.metrics import summarize
    >>> from skepi.model_selection import CellTypeKFold, cross_val_pairs
    >>> from skepi.preprocessing import LogZScaler
    >>> X, y = make_paired_openness(n_genes=60, n_cell_types=12, n_lineages=2)[0].pairs(return_X_y=True)
    >>> pooled = make_pipeline(TSSBinner(edges=symmetric_edges()), LogZScaler(), GeneZTarget(Ridge(100)))
    >>> means = GeneZTarget(DummyRegressor())
    >>> models = [BucketedRegressor(one, max_distance=float("inf")) for one in (pooled, means)] + [pooled]
    >>> [float(summarize(cross_val_pairs(model, X, y, CellTypeKFold(4)))["skill"].round(1)) for model in models]
    [0.5, 0.4, 0.2]
    """

    def __init__(
        self,
        estimator: Any = None,
        *,
        clusterer: Any = None,
        phenotype: str = "openness",
        n_components: int = 5,
        min_cell_types: int = 3,
        max_distance: float = 1.0,
        n_jobs: int | None = None,
        progress: bool = False,
    ) -> None:
        self.estimator = estimator
        self.clusterer = clusterer
        self.phenotype = phenotype
        self.n_components = n_components
        self.min_cell_types = min_cell_types
        self.max_distance = max_distance
        self.n_jobs = n_jobs
        self.progress = progress

    def fit(self, X: Any, y: ArrayLike) -> Self:
        """Find buckets, fit a model on the rows of each, and the pooled one on all.

        Parameters
        ----------
        X : GeneCellPairs or BinnedOpenness
        y : array-like of shape (n_pairs,)
            Log expression.
        """
        self._check_settings()
        binned, y = in_bands(X), check_log_targets(X, y)
        cells, column = occurring(X.cell_type_codes)
        if cells.size < 2:
            raise ValueError(f"BucketedRegressor needs at least 2 training cell types, got {cells.size}")
        clusterer = KMeans(2, n_init=10, random_state=0) if self.clusterer is None else clone(self.clusterer)
        checked_clusterer(clusterer, cells.size)
        self.n_features_in_ = X.shape[1]
        scale = GeneScale.of(X, y, _SD_OFFSET)
        self._set_scale(scale)
        bands, found = BandContrasts.learn(binned, cells)
        contrasts = found.z
        weights = column_weights(contrasts, bands.columns, equal_weights(bands.columns))
        among = unit_kernel(products(contrasts, weights))[
            0
        ]  # says where openness does not vary, which assigning would need
        if self.phenotype == "expression":
            among = expression_kernel(X, scale.z(X, y))
        components = components_of(among, int(self.n_components))
        buckets = cluster(clusterer, components)
        names = pd.Index(X.cell_types["name"].to_numpy(dtype=object)[cells], name="cell_type")
        self.components_ = pd.DataFrame(components, names, [f"pc{k + 1}" for k in range(components.shape[1])])
        self.buckets_ = pd.Series(buckets, names, name="bucket")
        self.centres_ = Centres.learn(bands, contrasts, buckets)
        self.reach_ = reaches(self.centres_.distances(contrasts), buckets)
        self._fit_models(X, y, buckets[column])
        return self

    def _fit_models(self, X: Any, y: FloatArray, bucket: IntArray) -> None:
        """Fit the pooled model and those of buckets with enough cell types, from the bucket of each row."""
        n_buckets = self.reach_.size
        sizes = [int((self.buckets_ == k).sum()) for k in range(n_buckets)]
        own = [k for k in range(n_buckets) if self.min_cell_types <= sizes[k] < self.buckets_.size]
        if n_buckets > 1 and not own:
            warnings.warn(
                f"no bucket has min_cell_types={self.min_cell_types} training cell types (sizes {sizes}): the pooled "
                "model answers for all",
                UserWarning,
                stacklevel=3,
            )
        rows: list[Any] = [slice(None), *(np.flatnonzero(bucket == k) for k in own)]
        estimator = self._estimator(X)
        jobs = (delayed(_fitted)(clone(estimator), X[some], y[some]) for some in rows)
        with progress_bar(self.progress, "models", len(rows)) as bar:
            self.pooled_, *models = in_parallel(jobs, self.n_jobs, bar)
        self.models_ = dict(zip(own, models, strict=True))
        genes = X.genes["name"].to_numpy(dtype=object)[X.gene_codes]
        measured = [self.gene_mean_.index.isin(genes[bucket == k]) for k in range(n_buckets)]
        self.measured_ = pd.DataFrame(dict(enumerate(measured)), index=self.gene_mean_.index)

    def predict(self, X: Any) -> FloatArray:
        """Predict expression in units of ``y``, (n_pairs,); which model answers: :meth:`answering_bucket`."""
        check_is_fitted(self)
        return self._predict(X, *self._assigned(X))

    def _predict(self, X: Any, table: pd.DataFrame, column: IntArray) -> FloatArray:
        warn_of_distant(table, list(self.models_), self.max_distance)
        answering, out = self._answering(X, table, column), np.empty(len(X))
        for bucket in np.unique(answering).tolist():
            rows = np.flatnonzero(answering == bucket)
            model = self.pooled_ if bucket == NO_BUCKET else self.models_[bucket]
            out[rows] = model.predict(X[rows])
        return out

    def assign(self, X: Any) -> pd.DataFrame:
        """Find the nearest bucket of each cell type of the rows, by openness alone.

        Parameters
        ----------
        X : GeneCellPairs or BinnedOpenness

        Returns
        -------
        DataFrame
            Index cell type: ``bucket``, the nearest one; ``distance`` from its mean, in root mean square distances of
            training cell types from theirs; ``relative``, that in units of the bucket's reach (NaN for a bucket of
            one); ``answered_by``, "bucket" or "pooled".
        """
        check_is_fitted(self)
        return self._assigned(X)[0]

    def answering_bucket(self, X: Any) -> IntArray:
        """Bucket whose model answers for each pair, (n_pairs,); -1 where the pooled model does."""
        check_is_fitted(self)
        return self._answering(X, *self._assigned(X))

    def compare(self, X: Any, y: ArrayLike) -> pd.DataFrame:
        """Compare predictions with those of the pooled model on held-out pairs.

        With a splitter, the tables of all folds can be put together, one row per held-out cell type::

            folds = [clone(model).fit(X[a], y[a]).compare(X[b], y[b]) for a, b in LeaveOneCellTypeOut().split(X, y)]
            table = pd.concat(folds)
            1 - table[["mse", "pooled_mse"]].mul(table["n_pairs"], axis=0).sum() / (
                table["mse_mean"] * table["n_pairs"]
            ).sum()  # skill over all folds

        Parameters
        ----------
        X : GeneCellPairs or BinnedOpenness
            Pairs of cell types that were not in training: on training pairs the model of the bucket looks better
            because it has memorised them.
        y : array-like of shape (n_pairs,)
            Log expression.

        Returns
        -------
        DataFrame
            That of :meth:`assign`, with ``skill, pooled_skill`` over ``gene_mean_``, ``mse, pooled_mse, mse_mean`` (of
            predictions, of the pooled model and of ``gene_mean_``) and ``n_pairs``.

        Raises
        ------
        ValueError
            Where a gene had no training pair.
        """
        check_is_fitted(self)
        table, column = self._assigned(X)
        y, mean, names = check_targets(X, y), self.training_mean(X), table.index.to_numpy()[column]
        if np.isnan(mean).any():
            raise ValueError(
                f"{int(np.isnan(mean).sum())} pair(s) belong to genes without training pairs, for which skill is not "
                "defined"
            )
        own = skill_by(y, self._predict(X, table, column), mean, names)
        pooled = skill_by(y, self.pooled_.predict(X), mean, names)
        scores = own.assign(pooled_skill=pooled["skill"], pooled_mse=pooled["mse"])
        return table.join(scores[["skill", "pooled_skill", "mse", "pooled_mse", "mse_mean", "n_pairs"]])

    def _assigned(self, X: Any) -> tuple[pd.DataFrame, IntArray]:
        """What :meth:`assign` says, and the row of each pair in it."""
        binned = in_bands(X, signals_of(self.centres_.bands.columns))
        check_features(X, self)
        cells, column = occurring(X.cell_type_codes)
        contrasts = self.centres_.bands.of(binned, cells)
        distances = self.centres_.over(contrasts.known).distances(contrasts.z)
        so_what = "the buckets of its cell types are read from these"
        warn_of_few_genes(contrasts.share, _MIN_SHARED_GENES, so_what, stacklevel=4)
        table = nearest_buckets(distances, self.reach_, list(self.models_), self.max_distance)
        names = X.cell_types["name"].to_numpy(dtype=object)[cells]
        return table.set_axis(pd.Index(names, name="cell_type")), column

    def _answering(self, X: Any, table: pd.DataFrame, column: IntArray) -> IntArray:
        bucket = np.where(table["answered_by"] == "bucket", table["bucket"], NO_BUCKET)[column]
        codes, names = genes_of_rows(X)
        measured = self.measured_.reindex(names, fill_value=False).to_numpy()
        # The last column stands for NO_BUCKET.
        measured = np.column_stack([measured, np.ones(len(names), dtype=bool)])
        return np.where(measured[codes, bucket], bucket, NO_BUCKET)

    def _estimator(self, X: Any) -> Any:
        if self.estimator is not None:
            return self.estimator
        model = CisTransRegressor()
        return model if is_binned(X) else make_pipeline(TSSBinner(edges=symmetric_edges()), model)

    def _check_settings(self) -> None:
        check_flag("progress", self.progress)
        if self.estimator is not None:
            check_predictor("estimator", self.estimator)
        check_choice("phenotype", self.phenotype, _PHENOTYPES)
        check_count("n_components", self.n_components, 1)
        check_count("min_cell_types", self.min_cell_types, 2)
        if not isinstance(self.max_distance, Real) or not self.max_distance > 0:  # which may be infinite
            raise ValueError(f"max_distance must be greater than 0, got {self.max_distance!r}")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        return tags


def _fitted(estimator: Any, X: Any, y: FloatArray) -> Any:
    return estimator.fit(X, y)
