"""Gene activity: the score of every gene in every cell type, from openness alone."""

from typing import Any

import pandas as pd
from sklearn.base import clone

from skepi._rows import unstack
from skepi.baselines._distance_decay import DistanceDecay
from skepi.baselines._gene_score import GeneScoreRule
from skepi.paired import PairedDataset


def gene_activity(data: Any, rule: GeneScoreRule | None = None, *, signal: str | None = None) -> pd.DataFrame:
    """Score every gene in every cell type by the openness around it; nothing is trained.

    Parameters
    ----------
    data : PairedDataset, GeneCellPairs or BinnedOpenness
        Expression is not needed.
    rule : DistanceDecay or PromoterSum, optional
        By default ``DistanceDecay()``.
    signal : str, optional
        Signal whose openness counts, in place of that of the rule; needed where a data set has several and the rule
        names none.

    Returns
    -------
    DataFrame
        Genes x cell types, in the order of the tables: natural log of 1 + the weighted sum of openness. For rows, only
        genes and cell types that occur; NaN where a pair does not.

    Raises
    ------
    TypeError
        For another kind of data, or a rule without scores.
    ValueError, TableError
        As for the rule.

    Examples
    --------
    >>> from skepi.baselines import PromoterSum
    >>> data = PairedDataset(
    ...     openness=[[1.0, 3.0]], cell_types=["HSC", "Ery"],
    ...     peaks={"chrom": ["chr1"], "start": [98], "end": [102]},
    ...     genes={"name": ["a", "b"], "chrom": ["chr1"] * 2, "tss": [100, 9_000], "strand": ["+", "-"]},
    ... )
    >>> gene_activity(data, PromoterSum(depth=None)).round(3).loc["a"].to_dict()  # ln(1 + 1), ln(1 + 3)
    {'HSC': 0.693, 'Ery': 1.386}
    """
    rule = DistanceDecay() if rule is None else rule
    if not isinstance(rule, GeneScoreRule):
        raise TypeError(f"rule must be a DistanceDecay or a PromoterSum, got {type(rule).__name__}")
    if signal is not None:
        rule = clone(rule).set_params(signal=signal)
    X = data.pairs() if isinstance(data, PairedDataset) else data
    scores = rule.gene_scores(X)
    return unstack(X, scores)
