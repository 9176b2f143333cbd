"""From outcomes of fits to the tables of a comparison."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from skepi._permutations import CONTROLS
from skepi.comparison._controls import NO_CONTROL, FloatArray
from skepi.comparison._fit import Outcome
from skepi.comparison._noise import ceiling_table
from skepi.comparison._plan import SplitPlan
from skepi.comparison._result import HeldOut, ModelComparison, Predictions, pair_table
from skepi.comparison._scores import BY_CELL_TYPE, SCORES, Settings, scores_by_cell_type, scores_of
from skepi.comparison._splits import Fold
from skepi.paired import PairedDataset

#: Control, permutation, split, fold and model.
Place = tuple[str, int, str, int, str]


class Result(NamedTuple):
    """All folds of one model under one split."""

    plan: SplitPlan
    model: str
    predictions: Predictions
    fit_s: float
    predict_s: float
    shares: list[dict[str, float]]


def place_of(fold: Fold) -> tuple[str, int, str, int]:
    """What tells one fold from all others."""
    return fold.source.control, fold.source.permutation, fold.split, fold.number


def joined(plan: SplitPlan, model: str, outcomes: dict[Place, Outcome]) -> Result:
    """Put the folds of a model one after the other."""
    of_folds = [outcomes[(*place_of(fold), model)] for fold in plan.folds]
    stds = [outcome.y_std for outcome in of_folds if outcome.y_std is not None]
    y_std = np.concatenate(stds) if len(stds) == len(of_folds) else None
    return Result(
        plan,
        model,
        Predictions(np.concatenate([outcome.y_pred for outcome in of_folds]), y_std),
        sum(outcome.fit_s for outcome in of_folds),
        sum(outcome.predict_s for outcome in of_folds),
        [outcome.shares for outcome in of_folds if outcome.shares is not None],
    )


def comparison_of(
    results: list[Result], data: PairedDataset, settings: Settings, variance: FloatArray | None
) -> ModelComparison:
    """Score every result and put the tables together."""
    plain = [result for result in results if result.plan.source.control == NO_CONTROL]
    permuted = [result for result in results if result.plan.source.control != NO_CONTROL]
    plans = list({result.plan.name: result.plan for result in plain}.values())
    names = data.cell_types["name"].to_numpy(dtype=object)
    levels: dict[str, list[Any]] = {
        "split": [plan.name for plan in plans],
        "model": list(dict.fromkeys(result.model for result in plain)),
        "control": list(CONTROLS),
        "permutation": sorted({result.plan.source.permutation for result in permuted}),
        "cell_type": list(names),
    }
    scores, control_scores = ([_scores(result, settings) for result in part] for part in (plain, permuted))
    by_cell_type = [row for result in plain for row in _by_cell_type(result, names)]
    shares = [_about(result) | dict(pd.DataFrame(result.shares).mean()) for result in plain if result.shares]
    share_names = list(dict.fromkeys(name for result in plain for of_fold in result.shares for name in of_fold))
    return ModelComparison(
        scores=_indexed(scores, SCORES, levels, ("split", "model")),
        control_scores=_indexed(control_scores, SCORES, levels, ("split", "model", "control", "permutation")),
        by_cell_type=_indexed(by_cell_type, BY_CELL_TYPE, levels, ("split", "model", "cell_type")),
        shares=_indexed(shares, share_names, levels, ("split", "model")),
        ceilings=ceiling_table(plans, variance),
        level=settings.level,
        interval_level=settings.interval_level,
        _held_out=_held_out(plain, plans, data),
    )


def _about(result: Result) -> dict[str, Any]:
    source = result.plan.source
    return {
        "split": result.plan.name,
        "model": result.model,
        "control": source.control,
        "permutation": source.permutation,
    }


def _scores(result: Result, settings: Settings) -> dict[str, Any]:
    plan = result.plan
    counts = {"n_folds": len(plan.folds), "n_pairs": len(plan.truth), "n_left_out": plan.n_left_out}
    times = {"fit_s": result.fit_s, "predict_s": result.predict_s}
    scores = scores_of(pair_table(plan.truth, result.predictions), settings)
    return {**_about(result), **counts, **scores, **times}


def _by_cell_type(result: Result, names: Any) -> Iterator[dict[str, Any]]:
    table = scores_by_cell_type(pair_table(result.plan.truth, result.predictions))
    for code, row in zip(table.index, table.to_dict("records"), strict=True):
        yield {**_about(result), "cell_type": names[code], **row}


def _held_out(results: list[Result], plans: list[SplitPlan], data: PairedDataset) -> HeldOut:
    return HeldOut(
        data.genes["name"].to_numpy(dtype=object),
        data.cell_types["name"].to_numpy(dtype=object),
        {plan.name: plan.truth for plan in plans},
        {(result.plan.name, result.model): result.predictions for result in results},
    )


def _indexed(
    rows: list[dict[str, Any]], columns: Sequence[str], levels: dict[str, list[Any]], keys: tuple[str, ...]
) -> pd.DataFrame:
    """Table of rows with an index whose levels are in the order given, not in that of the alphabet."""
    place = {key: {name: code for code, name in enumerate(levels[key])} for key in keys}
    rows = sorted(rows, key=lambda row: [place[key][row[key]] for key in keys])
    codes = [[place[key][row[key]] for row in rows] for key in keys]
    index = pd.MultiIndex(levels=[levels[key] for key in keys], codes=codes, names=keys)
    return pd.DataFrame(rows, columns=columns).set_axis(index)
