"""CisTransRegressor: expression in cell types never seen, from local openness and from the state of the whole cell."""

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from skepi._cell_state import CellState, CellStateViews, occurring
from skepi._rows import check_features, names_of_features
from skepi._targets import FloatArray, GeneScale, StandardizesGenes
from skepi.gaussian_process._checks import check_openness, check_settings, checked_expression, expression_table
from skepi.gaussian_process._cis import fit_band_weights, measured_mean, weighted
from skepi.gaussian_process._genes import fit_variances, posterior_weights, prediction_variance, variance_shares
from skepi.gaussian_process._likelihood import fit_length, fit_signal_weights
from skepi.gaussian_process._own_cis import own_scale
from skepi.gaussian_process._posterior import Residuals, Variances
from skepi.gaussian_process._prediction import Prediction, PredictionWithFeatures
from skepi.gaussian_process._query import Query, ask, distance_table, of_genes, warn_of_what_is_new
from skepi.gaussian_process._reach import Faded, bent, faded, fit_exponent


class CisTransRegressor(CellStateViews, StandardizesGenes, BaseEstimator):
    r"""Predict expression in new cell types: local openness under weights that genes share, and the state of the cell.

    With :math:`y_{gc}` expression less the training mean of the gene, divided by its training SD + ``sd_offset``, and
    :math:`z_{gcb}` the contrasts of log openness in band b (below), the model is

    .. math:: y_{gc} = \sum_b w_b z_{gcb} + u_{gc} \;[\, + \sum_b v_{gb} z_{gcb} \,] + \varepsilon_{gc}

    * **cis**: w by ridge regression over all pairs, :math:`\lambda` = ``cis_penalty`` times the mean diagonal of
      :math:`\sum z z^T`.
    * **cell state**: :math:`u_g` is a Gaussian process over cell types: a gene is expected to be expressed in a new
      cell type as in training cell types with similar openness over the genome. Its covariance is :math:`a K`
      with :math:`K_{cd} \propto \sum_{gb} z_{gcb} z_{gdb}` over all genes, scaled to a mean of 1 over training cell
      types and limited by a length (see Reach). With several signals, :math:`K = \sum_s v_s K_s`: each signal has its
      own kernel, scaled in the same way, and its weight is learned.
    * **own cis** (``own_cis=True``): :math:`v_g` of each gene, with covariance :math:`b K_g`,
      :math:`K_{g,cd} \propto \sum_b z_{gcb} z_{gdb}`, divided by its trace and a tenth of the mean trace.
    * noise :math:`\varepsilon` with variance :math:`s^2`.

    :math:`a, b, s^2` are restricted maximum likelihood (REML) estimates from the residuals of the cis part. A penalty
    of .001 :math:`(\ln^2 a + \ln^2 s^2)` per gene keeps them finite where cell types are few. (b is learned from 1,000
    genes, and with missing pairs a and :math:`s^2` from the 1,000 most common sets of cell types, l from 100.) Then

    .. math:: u_g(t) = a k_t^T (a K + s^2 I)^{-1} r_g, \qquad
        \mathrm{var} = a k_{tt} + s^2 (1 + 1/n) - a^2 k_t^T (a K + s^2 I)^{-1} k_t

    with all kernels centred on the n training cell types in which the gene was measured; then both fade (see Reach).

    **Reach.** A linear kernel extrapolates without limit, and the predicted state of a cell type unlike all training
    cell types would be a guess. Three things limit it (``reach="unlimited"`` turns all three off):

    * Squared distances :math:`d^2` of K become :math:`l^2 \exp(-d^2 / 2 l^2)`. The length l, one of 14, maximises the
      restricted likelihood minus a penalty of .1 :math:`/ l^2` per gene; the linear kernel is the limit of large l.
    * A state is multiplied by :math:`\rho^\gamma`. The reliability :math:`\rho` is the share of its variance that
      training cell types explain. The exponent :math:`\gamma` is the one with the smallest error when training cell
      types are held out together with their nearest neighbours; 0 if far predictions are as good as near ones.
    * Beyond 1.5 times the greatest distance of a training cell type from its nearest other one (or 1.5 times the unit
      of :meth:`distances`, if that is greater), states shrink as 1 over the distance. The whole variance grows with it,
      because the training data say nothing about what happens there.

    **Depth.** Read counts of a cell type with low depth are noisy, and noise makes it seem far from all others. If
    openness is read counts, or counts times a factor per cell type, the expected counting noise is subtracted from the
    diagonal of K. On erythroid stages downsampled to 1 million reads each, skill rose from .865 to .881 (.901 at full
    depth).

    **Contrasts.** :math:`F = \ln(1 + x)`, less its mean over the training cell types (for each gene and band), less the
    mean of that over genes (for each cell type and band), divided by the band's root mean square over genes and
    training cell types. Rows are binned, not scaled: put it after :class:`skepi.binning.TSSBinner` alone, with bands
    that widen away from the TSS (``TSSBinner(edges=symmetric_edges())``).

    Parameters
    ----------
    own_cis : bool, default=False
        Whether each gene has its own band weights in addition to the shared ones. On 14 blood populations this raises
        skill by .007 and leaves median r unchanged; time grows with genes x cell types^3.
    cis_penalty : float, default=1e-3
        Penalty on the shared weights, in units of the mean diagonal; greater than 0.
    sd_offset : float, default=1.0
        Added to the SD of each gene, in units of ``y`` (log expression).
    min_shared_genes : float, default=0.5
        A data set that holds a smaller share of the genes of the training data gives a warning.
    reach : {"learned", "unlimited"}, default="learned"
        Whether states fade where training cell types say little about them, or are extrapolated without end.

    Attributes
    ----------
    gene_mean_, gene_sd_ : Series of float, index gene name
        Over the training pairs of each gene, in units of ``y``.
    grand_mean_, pooled_sd_ : float
        As in :class:`skepi.compose.GeneZTarget`.
    band_weights_ : ndarray of float64, shape (n_columns,)
        w, most upstream band first.
    state_variance_, own_variance_, noise_variance_ : float
        a, b (0 without own parts) and :math:`s^2`, in squared units of standardised expression.
    state_length_ : float
        l, in units of the root mean square distance of training cell types from their mean; infinite for the linear
        kernel.
    reach_exponent_ : float
        :math:`\gamma`; 0 where states are believed as they are.
    measured_ : ndarray of bool, shape (n_trained, n_training)
        Which genes with training pairs have one in which training cell type.
    residuals_ : ndarray of float64, shape (n_trained, n_training)
        What the cis part leaves, standardised; 0 where not measured.
    state_weights_ : ndarray of float64, shape (n_trained, n_training)
        What the kernel of a cell type is multiplied by to give its states.
    own_weights_, own_scale_ : ndarray of float64, shape (n_columns, n_trained) and (n_trained,), or None
        Weights of own cis parts, and what each gene's kernel was multiplied by.
    cis_offset_ : ndarray of float64, shape (n_trained,)
        Mean of the cis part of each gene over its measured cell types.
    variance_shares_ : Series
        Estimated shares of the variance of standardised expression within genes over training pairs: ``cis, cell_state,
        noise`` and, where learned, ``own_cis``; they add up to 1. Cis is only what weights of these bands can express;
        an effect of single peaks that they miss is counted as cell state.
    cell_state_ : object
        What was learned of openness, saved as one. The attributes from here to ``columns_`` show its parts.
    cell_type_names_ : ndarray of str, shape (n_training,)
    kernel_ : ndarray of float64, shape (n_training, n_training)
        K, without counting noise, before it is bent.
    kernel_scale_ : float
        What the kernel was divided by.
    signal_weights_ : Series of float, index signal
        v: what share of the kernel each signal has, learned where there are several.
    gene_names_ : ndarray of str, shape (n_genes,)
        All genes of the training data set, measured or not.
    contrasts_ : ndarray of float32, shape (n_columns, n_genes, n_training)
        z of the training cell types, which the kernel with new ones needs: 4 n_columns n_genes n_training bytes.
    openness_mean_ : ndarray of float32, shape (n_columns, n_genes)
    band_scale_ : ndarray of float64, shape (n_columns,)
    columns_ : DataFrame
        One row per band: ``signal, feature, start_bp, end_bp``.
    n_features_in_ : int

    Warns
    -----
    UnseenGeneWarning
        For genes without training pairs: they have the cis part alone, around the mean of all genes. A gene that the
        training data set did not hold has that mean alone.
    DistantCellTypeWarning
        For cell types unlike any seen; see :meth:`distances`.
    UnfittedSignalWarning
        For a data set with few of the genes of the training data.

    Raises
    ------
    TypeError
        Where rows are not binned pairs.
    ValueError
        For rows scaled already, fewer than 2 training cell types, a pair twice, expression that looks like counts, and
        settings out of range.
    UnmatchedDataError
        Where a data set has no gene in common with the one seen in ``fit``.

    Notes
    -----
    A gene may lack some pairs: each set of measured cell types is solved apart, which with all pairs is the law above.
    Intervals take weights, variances and the scale of the gene as known.

    The time of a fit grows with genes x cell types^2, with missing pairs with the number of sets x cell types^3.

    References
    ----------
    Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, chapter 2; Patterson and Thompson,
    Biometrika 1971 (restricted likelihood).

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from skepi.binning import TSSBinner, symmetric_edges
    >>> from skepi.datasets import make_paired_openness
    >>> data, _ = make_paired_openness(n_genes=100, n_cell_types=8, n_lineages=2)
    >>> names = list(data.cell_types["name"])
    >>> model = make_pipeline(TSSBinner(edges=symmetric_edges()), CisTransRegressor())
    >>> model = model.fit(*data.pairs(cell_types=names[1:], return_X_y=True))
    >>> model.predict(data.pairs(cell_types=names[:1])).shape  # from openness alone
    (100,)
    """

    def __init__(
        self,
        *,
        own_cis: bool = False,
        cis_penalty: float = 1e-3,
        sd_offset: float = 1.0,
        min_shared_genes: float = 0.5,
        reach: str = "learned",
    ) -> None:
        self.own_cis = own_cis
        self.cis_penalty = cis_penalty
        self.sd_offset = sd_offset
        self.min_shared_genes = min_shared_genes
        self.reach = reach

    def fit(self, X: Any, y: ArrayLike) -> Self:
        """Learn band weights, variances, and what each gene does in each training cell type.

        Parameters
        ----------
        X : BinnedOpenness of shape (n_pairs, n_columns)
            Pairs may be missing; what is learned of openness comes from all genes of the data set.
        y : array-like of shape (n_pairs,)
            Log expression.
        """
        self._check_target_settings()
        check_settings(self.own_cis, self.cis_penalty, self.min_shared_genes, self.reach)
        check_openness(X)
        y = checked_expression(X, y)
        self.n_features_in_ = X.shape[1]
        cells, _ = occurring(X.cell_type_codes)
        if cells.size < 2:
            raise ValueError(
                f"CisTransRegressor needs at least 2 training cell types, got {cells.size}: nothing varies"
            )
        self.cell_state_ = CellState.learn(X, cells)
        scale = GeneScale.of(X, y, self.sd_offset)
        self._set_scale(scale)
        self._learn_expression(expression_table(X, scale.z(X, y), cells))
        return self

    def _learn_expression(self, table: FloatArray) -> None:
        """Learn from standardised expression, (n_trained_genes, n_training), NaN where it was not measured."""
        z = of_genes(self.contrasts_, pd.Index(self.gene_names_).get_indexer(self.gene_mean_.index))
        self.measured_ = np.isfinite(table)
        self.band_weights_ = fit_band_weights(z, table, self.measured_, self.cis_penalty)
        cis = weighted(z, self.band_weights_)
        self.cis_offset_ = measured_mean(cis, self.measured_)
        cis -= self.cis_offset_[:, None]
        self.residuals_ = np.where(self.measured_, table - cis, 0.0)
        residuals = Residuals(self.residuals_, self.measured_, self.kernel_)
        if len(self.signal_weights_) > 1:
            weights = fit_signal_weights(residuals, self.cell_state_.signal_kernels())
            self.cell_state_ = self.cell_state_.with_signal_weights(weights)
            residuals = residuals._replace(kernel=self.kernel_)
        self.state_length_ = fit_length(residuals) if self.reach == "learned" else np.inf
        residuals = residuals._replace(kernel=bent(self.kernel_, self.state_length_))
        self.own_scale_ = own_scale(z) if self.own_cis else None
        variances = fit_variances(residuals, self.own_scale_, z)
        self.state_variance_, self.own_variance_, self.noise_variance_ = variances
        scale = self.gene_sd_.to_numpy() + self.sd_offset
        self.reach_exponent_ = fit_exponent(residuals, variances, scale) if self.reach == "learned" else 0.0
        self.state_weights_, self.own_weights_ = posterior_weights(residuals, variances, self.own_scale_, z)
        self.variance_shares_ = variance_shares(cis, residuals, variances, self.own_scale_, z)

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Predict expression, and on request the SD of a measurement around it.

        Parameters
        ----------
        X : BinnedOpenness of shape (n_pairs, n_columns)
            Rows of any data set: cell types and genes may be new.
        return_std : bool, default=False

        Returns
        -------
        prediction : ndarray of float64, shape (n_pairs,)
            In units of ``y``: the sum of :meth:`predict_parts`.
        std : ndarray of float64, shape (n_pairs,)
            Only with ``return_std=True``. Greater for cell types far from those of training; for genes without training
            pairs it holds the spread of the means of genes, and nothing of own parts.
        """
        found = self._predicted(X)
        prediction = found.parts.to_numpy().sum(axis=1)
        return (prediction, self._std(found)) if return_std else prediction

    def predict_parts(self, X: Any) -> pd.DataFrame:
        """Parts that the prediction is the sum of.

        Parameters
        ----------
        X : BinnedOpenness of shape (n_pairs, n_columns)

        Returns
        -------
        DataFrame
            One row per pair, in their order; columns ``gene_mean, cis, cell_state`` and, where learned, ``own_cis``, in
            units of ``y``. All but the first have mean 0 over the training cell types in which a gene was measured;
            cell state only about 0 where its exponent of reach is not 0.
        """
        return self._predicted(X).parts

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Return what the model knows of pairs, as features for another one.

        Parameters
        ----------
        X : BinnedOpenness of shape (n_pairs, n_columns)

        Returns
        -------
        ndarray of float32, shape (n_pairs, n_columns + n_parts + 2)
            Contrasts z of the bands; the parts without the mean, in standardised units; then the level and the scale
            that the gene is predicted with, in units of ``y``. See :meth:`get_feature_names_out`.
        """
        return self._predicted(X).features()

    def predict_with_features(self, X: Any, return_std: bool = False) -> PredictionWithFeatures:
        """Predict, and give what the prediction was made from, in one pass; for a model of the errors.

        Parameters
        ----------
        X : BinnedOpenness of shape (n_pairs, n_columns)
        return_std : bool, default=False

        Returns
        -------
        named tuple
            ``parts`` as from :meth:`predict_parts`, ``features`` as from :meth:`transform`, and ``std`` as from
            :meth:`predict`, or None.
        """
        found = self._predicted(X)
        return PredictionWithFeatures(found.parts, found.features(), self._std(found) if return_std else None)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Name the columns of :meth:`transform`: bands (or ``input_features``), parts, level and scale of the gene."""
        check_is_fitted(self)
        bands = names_of_features(self) if input_features is None else list(input_features)
        own = ["own_cis"] if self.own_weights_ is not None else []
        return np.array([*bands, "cis", "cell_state", *own, "gene_mean", "gene_scale"], dtype=object)

    def distances(self, X: Any) -> pd.DataFrame:
        r"""How far the cell types of rows are from those of training.

        Parameters
        ----------
        X : BinnedOpenness of shape (n_pairs, n_columns)

        Returns
        -------
        DataFrame
            Index cell type, those of the rows: ``nearest`` training cell type, ``distance`` to it
            (:math:`\sqrt{K_{tt} - 2 K_{tc} + K_{cc}}`, in units of the root mean square distance of training cell types
            from their mean) and ``relative``: that over the greatest distance of a training cell type from its nearest
            other one. Beyond 1.25 a cell type is called distant.
        """
        return distance_table(self._asked(X))

    def _asked(self, X: Any) -> Query:
        """What rows ask for: kernels of their cell types, contrasts of their genes."""
        check_is_fitted(self)
        check_openness(X)
        check_features(X, self)
        return ask(X, self.cell_state_, self.gene_mean_.index, self.state_length_)

    def _predicted(self, X: Any) -> Prediction:
        """Follow rows to the parts of their prediction."""
        asked = self._asked(X)
        warn_of_what_is_new(asked, self.min_shared_genes)
        level, scale = self.gene_levels(X)
        seen, trained = asked.seen, asked.trained[asked.seen]
        residuals = Residuals(self.residuals_[trained], self.measured_[trained], asked.kernel)
        if asked.all_genes:
            cis_mean, of_cells = self.cis_offset_[trained], self.state_weights_[trained]
            of_bands = self.own_weights_[:, trained] if self.own_weights_ is not None else None
        else:  # the kernel is another one than in fit, and so are the weights
            z = asked.training_z_of_seen()
            cis_mean = measured_mean(weighted(z, self.band_weights_), residuals.measured)
            of_cells, of_bands = posterior_weights(residuals, self._variances(), self._own_scale(asked), z)
        # Parts of genes with training pairs have mean 0 over the training cell types in which a gene was measured.
        parts = {"cis": weighted(asked.z, self.band_weights_)}
        parts["cis"][seen] -= cis_mean[:, None]
        parts["cell_state"] = np.zeros_like(parts["cis"])
        mean = measured_mean(of_cells @ asked.kernel, residuals.measured)
        believed = self._faded(asked)
        parts["cell_state"][seen] = (of_cells @ asked.new.to_training.T - mean[:, None]) * believed.factor
        if of_bands is not None:
            parts["own_cis"] = np.zeros_like(parts["cis"])
            mean = measured_mean(weighted(asked.training_z_of_seen(), of_bands), residuals.measured)
            parts["own_cis"][seen] = weighted(asked.z[:, seen], of_bands) - mean[:, None]
        in_units = {name: scale * part[asked.row, asked.column] for name, part in parts.items()}
        return Prediction(pd.DataFrame({"gene_mean": level, **in_units}), scale, asked, residuals, believed)

    def _faded(self, asked: Query) -> Faded:
        """What is believed of the states of the cell types that occur; all of it where reach is unlimited."""
        if self.reach == "unlimited":
            return Faded.not_at_all(len(asked.new.to_self))
        distance, gap = distance_table(asked)["distance"].to_numpy(), asked.compared.training.greatest_gap()
        return faded(asked.kernel, asked.new, self._variances(), self.reach_exponent_, distance, gap)

    def _std(self, found: Prediction) -> FloatArray:
        asked = found.asked
        own_scale = self._own_scale(asked)
        variance = prediction_variance(asked, found.residuals, self._variances(), own_scale, found.faded)
        level = np.where(asked.seen, 0.0, np.var(self.gene_mean_))  # of genes whose own mean is not known
        return np.sqrt(found.scale**2 * variance[asked.row, asked.column] + level[asked.row])

    def _variances(self) -> Variances:
        return Variances(self.state_variance_, self.own_variance_, self.noise_variance_)

    def _own_scale(self, asked: Query) -> FloatArray | None:
        return None if self.own_scale_ is None else self.own_scale_[asked.trained[asked.seen]]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        return tags
