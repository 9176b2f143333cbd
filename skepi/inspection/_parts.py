"""Which part of a prediction earns its skill: for each gene, is local openness enough, or is it the cell state?"""

import warnings
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import ArrayLike, NDArray

from skepi._doors import check_flag
from skepi._fitted import end_with, part_with
from skepi._folds import rows_of_folds
from skepi._held_out import Groups, checked_held_out, deviations, groups_by, mean_of_unit
from skepi._permutations import at_other_places, generator_of, seed_of
from skepi.metrics import gene_correlation
from skepi.model_selection import cross_val_pairs
from skepi.paired import GeneCellPairs

FloatArray = NDArray[np.float64]

_BY = ("gene", "cell_type")
_LEVEL = "gene_mean"
_CONTROL = "y_pred_control"

# Parts add up to the prediction up to the rounding of float32.
_ROUNDING = 1e-6


def cross_val_parts(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    cv: Any,
    *,
    control: bool = False,
    random_state: Any = 0,
    n_jobs: int | None = None,
) -> pd.DataFrame:
    """Predict held-out pairs and keep the parts that the prediction is the sum of.

    With ``control=True``, every fold is also fitted with genes at each other's places, so that no gene has the openness
    around itself. What is left of the skill does not need to know which peaks belong to which gene. It may be nearly
    everything although the cis part contributes much: see :func:`part_contributions`.

    Parameters
    ----------
    estimator : estimator
        In units of ``y``, with ``predict_parts``, as :class:`skepi.gaussian_process.CisTransRegressor`, or a pipeline
        or search that ends in one; cloned for every fold.
    X : pairs
    y : array-like of shape (n_pairs,)
    cv : splitter
    control : bool, default=False
        Whether to fit every fold a second time with the places of genes (chromosome, TSS and strand) permuted among
        the genes of ``X``, once for all folds. ``X`` must then be pairs of a data set, and bins be made by the
        estimator.
    random_state : int, RandomState or None, default=0
        For that permutation. Where ``X`` has all genes of the data set, it is the first of the control ``"genes"`` of
        :func:`skepi.comparison.compare_models` with the same seed.
    n_jobs : int, optional
        Folds at once. Models are dropped with their fold.

    Returns
    -------
    DataFrame
        As from :func:`skepi.model_selection.cross_val_pairs`, and behind it one column a part, in units of ``y``:
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
    elsewhere = _at_other_places(X, random_state) if control else None
    folds = enumerate(rows_of_folds(cv, X, y))

    def of_fold(fold: int, train: NDArray, test: NDArray) -> pd.DataFrame:
        table, (model,) = cross_val_pairs(estimator, X, y, [(train, test)], return_estimators=True)
        parts = _predicted_parts(model, X[test])
        _check_sum(table, parts)
        frame = pd.concat([table.assign(fold=fold), parts.drop(columns=_LEVEL)], axis=1)
        return (
            frame if elsewhere is None else frame.assign(**{_CONTROL: _control(estimator, elsewhere, y, train, test)})
        )

    tables = Parallel(n_jobs=n_jobs)(delayed(of_fold)(fold, train, test) for fold, (train, test) in folds)
    return pd.concat(tables, ignore_index=True)


def part_contributions(held_out_parts: pd.DataFrame, by: str | None = "gene") -> Any:
    r"""Share the skill out among the parts of the prediction.

    With t truth less training mean, :math:`p = \sum_k p_k` prediction less training mean, and sums over the pairs of a
    group, all folds before dividing,

    .. math:: \mathrm{contribution}_k = \frac{\sum (2 t - p)\, p_k}{\sum t^2}, \qquad
        \sum_k \mathrm{contribution}_k = \frac{\sum (2 t p - p^2)}{\sum t^2} = 1 - \frac{\sum (t - p)^2}{\sum t^2}

    that is, contributions add up to the skill. Each is the skill that its part adds, averaged over all orders in which
    parts can be added (the Shapley value): what two parts both explain is split equally between them.

    Genes without training pairs have no training mean: each (fold, gene)'s mean over the test pairs is taken off truth
    and parts, and contributions add up to the within-gene skill.

    Parameters
    ----------
    held_out_parts : DataFrame
        From :func:`cross_val_parts`. Every column beyond those of :func:`skepi.model_selection.cross_val_pairs` is a
        part, ``y_pred_control`` excepted.
    by : {"gene", "cell_type"} or None, default="gene"
        Groups; ``None`` takes all pairs as one.

    Returns
    -------
    DataFrame or Series
        One row a group, in order of first appearance, with the names of groups as index (``by=None``: a Series):
        ``skill`` (``within_gene_skill`` for genes without training pairs), the contribution of each part under its
        name, ``skill_control`` (``within_gene_skill_control``: the skill without matching genes, NaN where
        :func:`cross_val_parts` did not run the control), ``r_<part>`` (Pearson correlation of t with the part alone
        over the pairs of the group), ``n_pairs`` and ``mse_mean`` (mean of t^2, in squared units of ``y``:
        contributions are shares of it). Skill and contributions are NaN where t is 0 throughout, a correlation where t
        or the part does not vary.

    Raises
    ------
    TypeError
        For anything but a table of numbers.
    ValueError
        For a table without parts, with parts that are not finite or do not add up to the prediction, parts named as
        another column of the result, genes with and without training pairs together, and another ``by``.

    Notes
    -----
    What a contribution cannot say:

    * Parts are correlated, since related cell types share both local openness and expression. A contribution splits
      their common ground equally and tells nothing about causes; one part may stand in for another that the model does
      not have, and the cell state for local openness that weights shared by genes cannot express.
    * Shares depend on the split: where relatives of the held-out cell types are in training, the cell state says more.
    * Over few cell types the numbers of a single gene are noisy, and those of a gene that hardly varies (small
      ``mse_mean``) are mostly noise; which part is the larger may change with the cell types. Compare many genes, or
      groups of them.
    * A contribution is negative where the part leads away from the truth, and another may then exceed 1. Where the
      skill of a gene is near 0 or below, asking which part it comes from has no answer.

    What the control adds: a contribution tells what the model **used**, the control what it **needed**. Genes at each
    other's places leave the cell state as it is, because it is read from the openness of all genes together. If
    ``skill_control`` is near ``skill``, the cell state could have earned what the cis part did: both carry the same
    information, as where cell types form one trajectory. If it is far below, the openness around the gene itself says
    what nothing else does.

    The whole table's contributions are the means over genes, weighted by ``n_pairs`` times ``mse_mean``.

    Examples
    --------
    >>> columns = {"fold": 0, "gene": ["a", "a"], "cell_type": ["HSC", "Ery"], "train_mean": 0.0}
    >>> table = pd.DataFrame({"y_true": [2.0, -2.0], "y_pred": [2.0, -1.0], **columns})
    >>> table = table.assign(cis=[1.0, -1.0], cell_state=[1.0, 0.0])
    >>> part_contributions(table).loc["a", ["skill", "cis", "cell_state"]].tolist()  # (2 + 3) / 8 and (2 + 0) / 8
    [0.875, 0.625, 0.25]
    """
    table = checked_held_out(held_out_parts)
    parts = _checked_parts(held_out_parts, table)
    moved = deviations(table)
    if moved.units is not None:
        parts = {name: part - mean_of_unit(part, moved.units) for name, part in parts.items()}
    _check_whole(parts, moved.prediction, table)
    everything = Groups(np.zeros(len(table), dtype=np.int64), pd.RangeIndex(1))
    groups = everything if by is None else groups_by(table, by, _BY)
    score = "skill" if moved.units is None else "within_gene_skill"
    control = _control_deviation(held_out_parts, table)
    out = _contributions(groups, moved.truth, parts, score, control)
    return out.iloc[0].rename(None) if by is None else out.rename_axis(by)


def _contributions(
    groups: Groups, t: FloatArray, parts: dict[str, FloatArray], score: str, control: FloatArray | None
) -> pd.DataFrame:
    p = np.sum(list(parts.values()), axis=0)
    n_pairs, total = groups.sums(), groups.sums(t**2)
    share = np.where(total > 0, 1 / np.where(total > 0, total, 1), np.nan)
    columns = [(score, groups.sums((2 * t - p) * p) * share)]
    columns += [(name, groups.sums((2 * t - p) * part) * share) for name, part in parts.items()]
    of_control = np.nan if control is None else groups.sums((2 * t - control) * control)
    columns.append((f"{score}_control", of_control * share))
    level = np.zeros_like(t)  # of a deviation
    columns += [(f"r_{name}", gene_correlation(t, part, level, groups.codes)) for name, part in parts.items()]
    columns += [("n_pairs", n_pairs.astype(np.int64)), ("mse_mean", total / n_pairs)]
    names = [name for name, _ in columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"held_out_parts: a part has the name of another column of the result: {twice}")
    return pd.DataFrame({name: np.asarray(values) for name, values in columns}, index=groups.labels)


def _checked_parts(held_out_parts: pd.DataFrame, table: pd.DataFrame) -> dict[str, FloatArray]:
    """Parts as finite float64."""
    names = [name for name in held_out_parts if name not in table and name != _CONTROL]
    if not names:
        raise ValueError(
            "held_out_parts: no column holds a part of the prediction; wanted the table of cross_val_parts"
        )
    if len(set(names)) < len(names):
        raise ValueError(f"held_out_parts: the same column twice: {names}")
    return {name: _finite(held_out_parts[name]) for name in names}


def _control_deviation(held_out_parts: pd.DataFrame, table: pd.DataFrame) -> FloatArray | None:
    """Prediction of the control less the level of the gene; None where the control was not run."""
    if _CONTROL not in held_out_parts:
        return None
    return deviations(table.assign(y_pred=_finite(held_out_parts[_CONTROL]))).prediction


def _finite(column: pd.Series) -> FloatArray:
    if not pd.api.types.is_numeric_dtype(column):
        raise TypeError(f"held_out_parts: {column.name}: wanted numbers, got dtype {column.dtype}; drop it if no part")
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    if not np.isfinite(values).all():
        raise ValueError(
            f"held_out_parts: {column.name}: wanted finite numbers, got {int((~np.isfinite(values)).sum())} others in "
            f"{values.size} rows"
        )
    return values


def _check_whole(parts: dict[str, FloatArray], p: FloatArray, table: pd.DataFrame) -> None:
    """Refuse parts that do not add up to the prediction less its level."""
    off = np.abs(np.sum(list(parts.values()), axis=0) - p).max()
    if off > _ROUNDING * table["y_pred"].abs().max():
        raise ValueError(
            f"held_out_parts: {list(parts)} do not add up to y_pred less the level of the gene (off by up to "
            f"{off:.3g}); drop columns that are no parts"
        )


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
    if not off <= _ROUNDING * table["y_pred"].abs().max():
        raise ValueError(
            f"the training mean and the parts {[name for name in parts if name != _LEVEL]} do not add up to the "
            f"prediction: off by up to {off:.3g}"
        )
