"""compare_models: one table of many models under many splits, kept as it grows."""

from pathlib import Path
from typing import Any

import pandas as pd
from joblib import delayed

from skepi._doors import check_flag
from skepi._permutations import seed_of
from skepi._progress import in_parallel, progress_bar
from skepi._scales import takes_counts, warn_of_raw_counts
from skepi.comparison._checks import check_data, check_normalizer, check_settings, checked_models
from skepi.comparison._controls import sources_of
from skepi.comparison._fit import Job, Keys, Outcome, fit_models
from skepi.comparison._fold_data import Normalizers
from skepi.comparison._noise import checked_variance
from skepi.comparison._plan import SplitPlan, in_order_of_data, plans_of
from skepi.comparison._result import ModelComparison
from skepi.comparison._scores import Settings
from skepi.comparison._splits import Fold, checked_splits
from skepi.comparison._tables import Place, comparison_of, joined, place_of


def compare_models(
    models: dict[str, Any],
    data: Any,
    splits: Any,
    *,
    normalizer: Any = None,
    controls: tuple[str, ...] = (),
    n_permutations: int = 1,
    replicate_variance: pd.DataFrame | None = None,
    n_bootstrap: int = 1000,
    level: float = 0.95,
    interval_level: float = 0.9,
    folder: Any = None,
    n_jobs: int | None = None,
    random_state: Any = 0,
    progress: bool = False,
) -> ModelComparison:
    r"""Fit many models under many splits and score all of them by one law.

    Every model is fitted to the training pairs of every fold of every split, and predicts its test pairs. Sums go over
    all folds before anything is divided, as in :func:`skepi.metrics.skill`.

    Parameters
    ----------
    models : dict of estimator
        By name. Each takes pairs and predicts in units of ``y``: a rule on pairs, or a Pipeline from
        :class:`skepi.binning.TSSBinner` on.
    data : PairedDataset
        With expression: what is to be predicted, or read counts where there is a ``normalizer``.
    splits : dict of splitter, or sequence of str
        Splitters by name; or names of ready-made ones: ``"random pairs"`` (five folds, as in the report), ``"cell
        types"`` (one left out at a time, fifths of more than 30), ``"lineages"`` (one left out at a time),
        ``"chromosomes"`` (five folds, or as many as there are) and ``"crossed"`` (cell types in five, chromosomes in
        two).
    normalizer : transformer, optional
        Such as ``ExpressionNormalizer("quantile", min_mean_cpm=1)``. For each fold a clone is fitted to the cell types
        that training pairs belong to, before anything else is. Genes that it drops are dropped from that fold: their
        test pairs are not scored (``n_left_out`` counts them).
    controls : tuple of {"cell types", "genes"}, default=()
        What is permuted besides, with everything fitted again: the cell-type labels of expression, jointly for all
        genes; or which gene has which place (chromosome, TSS, strand), where splits by chromosome follow the new
        places. Permuting cell types should remove all skill. Permuting places should remove the skill that comes from
        matching each gene with its own surroundings.
    n_permutations : int, default=1
        Number of permutations per control. Each moves at least two cell types or genes.
    replicate_variance : DataFrame, genes x cell types, optional
        Variance of the error of ``y``, squared units of ``y``, such as :func:`replicate_variance` estimates: for the
        noise ceiling. NaN where not known.
    n_bootstrap : int, default=1000
        Resamples for the intervals of skill; see :func:`skepi.inspection.bootstrap_scores`.
    level : float, default=0.95
        Coverage of these intervals.
    interval_level : float, default=0.9
        Nominal level of the Gaussian intervals whose coverage is reported.
    folder : path, optional
        Where each fit is kept as soon as it is made, one file per fit; made if absent. A later comparison that needs
        the same fit reads it there.
    n_jobs : int, optional
        Number of folds that are fitted at the same time.
    random_state : int, RandomState or None, default=0
        For permutations and resamples.
    progress : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    ModelComparison

    Raises
    ------
    TypeError, ValueError, MissingExpressionError, UnknownNameError
        Before the first fit: for arguments that cannot be used, splits that cannot be made, and with ``folder`` models
        that a later process could not recognise. Later: for files in ``folder`` that are damaged.
    RuntimeError
        Where a model fails in a fold. What is finished stays in ``folder``.

    Notes
    -----
    **Scores.** ``skill``, ``within_gene_skill`` and ``r_median`` are those of :func:`skepi.metrics.summarize`.
    ``r_across`` is the correlation of expression with its prediction across genes within a cell type, median over
    cell types: it measures mostly whether the level of genes is known, and **the training mean alone reaches high
    values**. ``slope`` is :math:`\sum t p / \sum p^2` as in :func:`skepi.inspection.calibration`, NaN where nothing but
    the training mean is predicted. ``coverage`` is the share of pairs within :math:`\hat L \pm z \hat\sigma` for models
    whose ``predict`` takes ``return_std``.

    **Ceiling.** With :math:`v` the variance of the error, :math:`1 - \sum v / \sum (L - \mu)^2` over the scored pairs:
    what a model that knows the truth behind the measurement would score. For unseen genes, where a mean of n test
    pairs is taken off, :math:`v` counts :math:`1 - 1/n`.

    **Left out.** Where some test genes of a split have training pairs and others do not (random pairs of few cell
    types), the others are not scored: the two kinds of skill are never mixed. Where none has any, that is what the
    split is for: :class:`skepi.exceptions.UnseenGeneWarning` is then silenced.

    **Kept fits** are found again where class and parameters of the model, content of the data, normaliser, training and
    test pairs, and the versions of skepi and scikit-learn are the same; a model may get another name. It is **not**
    noticed that code changed under the same name and version, or that ``random_state=None`` would now draw other
    numbers. Splits at random need a fixed ``random_state``. Pairs of a fold are in the order of ``data.pairs()``, each
    once, whatever order a splitter gives them in.

    Under ``"random pairs"`` all cell types are trained on, so the normaliser has seen them all.

    Examples
    --------
    >>> from sklearn.dummy import DummyRegressor
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from skepi.binning import TSSBinner
    >>> from skepi.compose import GeneZTarget
    >>> from skepi.datasets import make_paired_openness
    >>> from skepi.preprocessing import LogZScaler
    >>> data, _ = make_paired_openness(n_genes=60, n_cell_types=8, cis_share=0.9, program_share=0)
    >>> bands = TSSBinner(edges=[-50_000, -5_000, 0, 5_000, 50_000])
    >>> models = {
    ...     "training mean": GeneZTarget(DummyRegressor()),
    ...     "bands": make_pipeline(bands, LogZScaler(), GeneZTarget(Ridge())),
    ... }
    >>> comparison = compare_models(models, data, ["cell types", "chromosomes"], n_bootstrap=100)
    >>> comparison.to_frame().round(2)["cell types"].to_dict()
    {'training mean': 0.0, 'bands': 0.39}
    """
    check_flag("progress", progress)
    check_data(data)
    check_settings(n_bootstrap, level, interval_level, n_permutations, controls)
    check_normalizer(normalizer)
    models, variance = checked_models(models, data), checked_variance(replicate_variance, data)
    if normalizer is None and not all(map(takes_counts, models.values())):
        warn_of_raw_counts(data.expression, stacklevel=2)
    seed = seed_of(random_state)
    sources = sources_of(data, controls, n_permutations, seed)
    normalizers = Normalizers(normalizer)
    plans = plans_of(sources, checked_splits(splits, sources[0]), normalizers)
    folder = None if folder is None else Path(folder).absolute()  # workers may have been started in another one
    outcomes = _outcomes(plans, models, normalizers, folder, n_jobs, progress)
    results = [joined(plan, name, outcomes) for plan in plans for name in models]
    settings = Settings(n_bootstrap, level, interval_level, seed)
    return comparison_of(results, data, settings, variance)


def _outcomes(
    plans: list[SplitPlan],
    models: dict[str, Any],
    normalizers: Normalizers,
    folder: Path | None,
    n_jobs: int | None,
    progress: bool,
) -> dict[Place, Outcome]:
    """Outcome of every model in every fold, read where it is kept and made elsewhere."""
    keys = None if folder is None else Keys(models, normalizers.normalizer)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    unseen = {place_of(fold): plan.unseen_genes for plan in plans for fold in plan.folds}
    tasks: list[tuple[Fold, list[Job]]] = []
    for fold in in_order_of_data([fold for plan in plans for fold in plan.folds]):
        jobs = [Job(name, model, None if keys is None else keys.of(fold, name)) for name, model in models.items()]
        # To and fro, so that the overlap of peaks with bins that came last is used again first.
        tasks.append((fold, jobs[:: -1 if len(tasks) % 2 else 1]))
    calls = (
        delayed(fit_models)(fold, jobs, normalizers.of(fold), unseen[place_of(fold)], folder) for fold, jobs in tasks
    )
    with progress_bar(progress, "fits", len(tasks) * len(models)) as bar:
        results = in_parallel(calls, n_jobs, bar, size=len)
    return {
        (*place_of(fold), job.name): outcome
        for (fold, jobs), made in zip(tasks, results, strict=True)
        for job, outcome in zip(jobs, made, strict=True)
    }
