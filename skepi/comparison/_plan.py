"""What a comparison will score, known before anything is fitted."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from skepi._held_out import deviations
from skepi.comparison._controls import FloatArray, Source
from skepi.comparison._fold_data import (
    FoldData,
    FoldTruth,
    Normalizers,
    data_key,
    data_of,
    training_mean_of_genes,
    truth_of,
)
from skepi.comparison._splits import Fold, folds_of


class SplitPlan(NamedTuple):
    """Folds of one split of one source, and the truth that they score.

    Attributes
    ----------
    source : Source
    name : str
    folds : list of Fold
        Their test pairs are those that are scored.
    truth : DataFrame
        One row a scored pair, fold by fold: ``fold``, ``gene`` and ``cell_type`` (row numbers of the tables),
        ``y_true``, ``train_mean``.
    unseen_genes : bool
        Whether no scored pair belongs to a gene with training pairs.
    n_left_out : int
        Test pairs that are not scored.
    """

    source: Source
    name: str
    folds: list[Fold]
    truth: pd.DataFrame
    unseen_genes: bool
    n_left_out: int


def plans_of(sources: list[Source], splitters: dict[str, Any], normalizers: Normalizers) -> list[SplitPlan]:
    """Plan every split of every source; errors in splits and in normalising come up here."""
    plain_folds = folds_of(sources[0], splitters)
    plans = []
    for source in sources:
        moved = source.tables is not sources[0].tables  # places of genes are other ones, and so may folds be
        folds = folds_of(source, splitters) if moved else [fold._replace(source=source) for fold in plain_folds]
        truths = {(fold.split, fold.number): truth for fold, truth in _truths(folds, normalizers)}
        for name in splitters:
            of_split = [fold for fold in folds if fold.split == name]
            plans.append(_plan(source, name, of_split, [truths[name, fold.number] for fold in of_split]))
    return plans


def in_order_of_data(folds: list[Fold]) -> list[Fold]:
    """Folds that share their data one after the other, else as they come."""
    first = {key: place for place, key in reversed(list(enumerate(map(data_key, folds))))}
    return sorted(folds, key=lambda fold: first[data_key(fold)])


def _truths(folds: list[Fold], normalizers: Normalizers) -> Iterator[tuple[Fold, FoldTruth]]:
    """Truth of the test pairs of every fold, of genes that the normaliser keeps."""
    known: tuple[Any, FoldData | None] = (None, None)
    for fold in in_order_of_data(folds):
        key = data_key(fold)
        data = known[1] if known[0] == key else None
        data = data_of(fold, normalizers.of(fold)) if data is None else data
        known = (key, data)
        means = training_mean_of_genes(fold, data)
        yield fold, truth_of(fold.testing(fold.test & data.kept[:, None]), data, means)


def _plan(source: Source, name: str, folds: list[Fold], truths: list[FoldTruth]) -> SplitPlan:
    """Score genes with training pairs, or where no fold tests any, genes without."""
    unseen = all(np.isnan(truth.train_mean).all() for truth in truths)
    parts, scored = [], []
    for fold, truth in zip(folds, truths, strict=True):
        part = pd.DataFrame(truth._asdict())
        part.insert(0, "fold", fold.number)
        part = part if unseen else part[part["train_mean"].notna()]
        if len(part):
            parts.append(part)
            scored.append(_scoring(fold, part))
    if not parts:
        raise ValueError(f"split {name!r}: no test pair is left, because the normalizer keeps none of their genes")
    table = pd.concat(parts, ignore_index=True)
    if not _varies(table):
        raise ValueError(f"split {name!r}: expression of the test pairs does not vary, so there is nothing to predict")
    n_tested = sum(int(fold.test.sum()) for fold in folds)
    return SplitPlan(source, name, scored, table, unseen, n_tested - len(table))


def _scoring(fold: Fold, part: pd.DataFrame) -> Fold:
    test = np.zeros_like(fold.test)
    test[part["gene"], part["cell_type"]] = True
    return fold.testing(test)


def _varies(table: pd.DataFrame) -> bool:
    truth: FloatArray = deviations(table.assign(y_pred=table["y_true"])).truth
    return bool(truth.any())
