"""Held-out predictions as sums of parts, and beside them those of a model whose genes have each other's places."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
from joblib import delayed
from numpy.typing import ArrayLike, NDArray

from skepi._doors import check_flag
from skepi._fitted import end_with, part_with
from skepi._folds import rows_of_folds
from skepi._permutations import at_other_places, generator_of, seed_of
from skepi._progress import in_parallel, progress_bar
from skepi._rows import check_targets
from skepi._scales import takes_counts, warn_of_raw_counts
from skepi._twins import warn_of_twins
from skepi.exceptions import ScaleWarning, SharedPopulationWarning
from skepi.model_selection import cross_val_pairs
from skepi.paired import GeneCellPairs
from skepi.rows import is_pairs

FloatArray = NDArray[np.float64]

#: Column of the predictions of the control.
CONTROL = "y_pred_control"

#: Parts add up to the prediction up to the rounding of float32.
ROUNDING = 1e-6

_LEVEL = "gene_mean"


def cross_val_parts(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    cv: Any,
    *,
    groups: Any = None,
    control: bool = False,
    random_state: Any = 0,
    n_jobs: int | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Predict held-out pairs and keep the parts that the prediction is the sum of.

    With ``control=True``, every fold is also fitted with genes at each other's places, so that hardly any gene has the
    openness around itself. What is left of the skill does not need to know which peaks belong to which gene. It may be
    nearly everything although the cis part contributes much: see :func:`part_contributions`.

    Parameters
    ----------
    estimator : estimator
        In units of ``y``, with ``predict_parts``, as :class:`skepi.gaussian_process.CisTransRegressor`, or a pipeline
        or search that ends in one; cloned for every fold.
    X : pairs
    y : array-like of shape (n_pairs,)
    cv : splitter, or list of (train, test)
    groups : array-like of shape (n_pairs,), or str, optional
        As in :func:`skepi.model_selection.cross_val_pairs`, such as ``"population"`` for a pool.
    control : bool, default=False
        Whether to fit every fold a second time with the places of genes (chromosome, TSS and strand) permuted among
        the genes of ``X``, once for all folds. ``X`` must then be pairs of a data set, and bins be made by the
        estimator.
    random_state : int, RandomState or None, default=0
        For that permutation. Where ``X`` has all genes of the data set, it is the first of the control ``"genes"`` of
        :func:`skepi.comparison.compare_models` with the same seed.
    n_jobs : int, optional
        Number of folds that are fitted at the same time. Models are dropped with their fold.
    progress : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    DataFrame
        As from :func:`skepi.model_selection.cross_val_pairs`, and behind it one column per part, in units of ``y``:
        those of ``predict_parts`` but ``gene_mean`` (``cis, cell_state`` and, where learned, ``own_cis``). ``y_pred``
        is ``train_mean`` plus parts; for genes without training pairs, the level that the model gives them plus parts.
        With ``control=True``, the last column is ``y_pred_control``.

    Raises
    ------
    TypeError
        Where nothing that is fitted has ``predict_parts`` (a target transformed around it changes the units of its
        parts), or it gives no table with ``gene_mean``; for ``control=True`` with bins made already.
    ValueError
        Where parts do not add up to the prediction, and where ``control=True`` finds one gene alone.

    Warns
    -----
    SharedPopulationWarning
        Where a cell type of a pool is tested and its population, measured in another data set, is trained on.
    ScaleWarning
        Where ``y`` looks like raw counts.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from skepi.binning import TSSBinner, symmetric_edges
    >>> from skepi.datasets import make_paired_openness
    >>> from skepi.gaussian_process import CisTransRegressor
    >>> from skepi.model_selection import CellTypeKFold
    >>> data, _ = make_paired_openness(n_genes=40, n_cell_types=8, n_lineages=2)
    >>> model = make_pipeline(TSSBinner(edges=symmetric_edges()), CisTransRegressor())
    >>> X, y = data.pairs(cell_types=list(data.cell_types["name"][:-1]), return_X_y=True)  # the last is unlike all
    >>> table = cross_val_parts(model, X, y, CellTypeKFold(4))
    >>> list(table.columns[-3:])
    ['train_mean', 'cis', 'cell_state']
    >>> bool(np.allclose(table["train_mean"] + table["cis"] + table["cell_state"], table["y_pred"]))
    True
    """
    _check_keeps_parts(estimator)
    check_flag("control", control)
    check_flag("progress", progress)
    elsewhere = _at_other_places(X, random_state) if control else None
    folds = rows_of_folds(cv, X, y, groups)
    if is_pairs(X):
        y = check_targets(X, y)
        warn_of_twins(X, folds, cv, groups, stacklevel=2)
        if not takes_counts(estimator):
            warn_of_raw_counts(y, stacklevel=2)

    def of_fold(fold: int, train: NDArray, test: NDArray) -> pd.DataFrame:
        with warnings.catch_warnings():
            for said in (SharedPopulationWarning, ScaleWarning):  # once, of all folds
                warnings.simplefilter("ignore", said)
            table, (model,) = cross_val_pairs(estimator, X, y, [(train, test)], return_estimators=True)
        parts = _predicted_parts(model, X[test])
        _check_sum(table, parts)
        frame = pd.concat([table.assign(fold=fold), parts.drop(columns=_LEVEL)], axis=1)
        return frame if elsewhere is None else frame.assign(**{CONTROL: _control(estimator, elsewhere, y, train, test)})

    jobs = (delayed(of_fold)(fold, train, test) for fold, (train, test) in enumerate(folds))
    with progress_bar(progress, "folds", len(folds)) as bar:
        tables = in_parallel(jobs, n_jobs, bar)
    return pd.concat(tables, ignore_index=True)


def _at_other_places(X: Any, random_state: Any) -> GeneCellPairs:
    """Return the same pairs, of genes that have each other's places."""
    if not isinstance(X, GeneCellPairs):
        raise TypeError(
            f"control=True moves genes to other places, so X must be the pairs of a data set, got {type(X).__name__}: "
            "give data.pairs(), and an estimator that begins with TSSBinner()"
        )
    rng = generator_of(seed_of(random_state), "genes", 1)
    tables = at_other_places(X.tables, rng, "control=True", np.unique(X.gene_codes))
    return GeneCellPairs(tables, X.gene_codes, X.cell_type_codes)


def _control(estimator: Any, elsewhere: GeneCellPairs, y: ArrayLike, train: NDArray, test: NDArray) -> FloatArray:
    """Held-out predictions of the model fitted to genes at other places."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the model itself has warned of the same cell types and genes
        held_out = cross_val_pairs(estimator, elsewhere, y, [(train, test)])
    return held_out["y_pred"].to_numpy()


def _check_keeps_parts(estimator: Any) -> None:
    """Refuse before the first fit what will have no parts."""
    if part_with(estimator, "predict_parts", through_targets=False) is None:
        raise TypeError(
            f"{type(estimator).__name__} has no predict_parts at its end: wanted CisTransRegressor, or another "
            "regressor whose prediction is a sum of parts, bare or as the last step of a pipeline"
        )


def _predicted_parts(model: Any, rows: Any) -> pd.DataFrame:
    """Follow fitted pipelines and searches down to ``predict_parts``."""
    model, rows = end_with(model, rows, "predict_parts")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # predict has warned of the same rows
        parts = model.predict_parts(rows)
    if not isinstance(parts, pd.DataFrame) or _LEVEL not in parts:
        raise TypeError(f"{type(model).__name__}.predict_parts: wanted a DataFrame with {_LEVEL}, got {parts!r}")
    return parts.reset_index(drop=True)


def _check_sum(table: pd.DataFrame, parts: pd.DataFrame) -> None:
    """Refuse parts that do not add up to the prediction around the training mean."""
    level = table["train_mean"].fillna(parts[_LEVEL])
    whole = level + parts.drop(columns=_LEVEL).sum(axis=1, skipna=False)
    off = np.abs((whole - table["y_pred"]).to_numpy()).max()
    if not off <= ROUNDING * table["y_pred"].abs().max():
        raise ValueError(
            f"the training mean and the parts {[name for name in parts if name != _LEVEL]} do not add up to the "
            f"prediction: off by up to {off:.3g}"
        )
