"""Which part of a prediction earns its skill: for each gene, is local openness enough, or is it the cell state?"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._held_out import Groups, checked_held_out, deviations, groups_by, mean_of_unit
from skepi.inspection._held_out_parts import CONTROL, ROUNDING
from skepi.metrics import gene_correlation

FloatArray = NDArray[np.float64]

_BY = ("gene", "cell_type")


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
        One row per group, in order of first appearance, with the names of groups as index (``by=None``: a Series):
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
    names = [name for name in held_out_parts if name not in table and name != CONTROL]
    if not names:
        raise ValueError(
            "held_out_parts: no column holds a part of the prediction; wanted the table of cross_val_parts"
        )
    if len(set(names)) < len(names):
        raise ValueError(f"held_out_parts: the same column twice: {names}")
    return {name: _finite(held_out_parts[name]) for name in names}


def _control_deviation(held_out_parts: pd.DataFrame, table: pd.DataFrame) -> FloatArray | None:
    """Prediction of the control less the level of the gene; None where the control was not run."""
    if CONTROL not in held_out_parts:
        return None
    return deviations(table.assign(y_pred=_finite(held_out_parts[CONTROL]))).prediction


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
    if off > ROUNDING * table["y_pred"].abs().max():
        raise ValueError(
            f"held_out_parts: {list(parts)} do not add up to y_pred less the level of the gene (off by up to "
            f"{off:.3g}); drop columns that are no parts"
        )
