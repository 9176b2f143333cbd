"""Results of a search as a table: one row per setting, by one or two of its parameters."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from skepi._fitted import last_step
from skepi._targets import KeepsGeneMeans


def sweep_table(
    search: Any, param: str, hue: str | None, fixed: dict[str, Any], metric: str
) -> tuple[pd.DataFrame, int]:
    """Mean test score and its standard error over folds, by a parameter.

    Returns
    -------
    table : DataFrame
        ``value, hue, mean, standard_error``, one row per setting that has the parameter and the fixed values.
    n_folds : int
    """
    if not hasattr(search, "fit") or not hasattr(search, "cv"):
        raise TypeError(f"wanted a fitted search such as GridSearchCV, got {type(search).__name__}")
    check_is_fitted(search, "cv_results_")
    settings = search.cv_results_["params"]
    name, *others = full_names([param, *([] if hue is None else [hue]), *fixed], settings)
    wanted = dict(zip(others[len(others) - len(fixed) :], fixed.values(), strict=True))
    rows = [k for k, setting in enumerate(settings) if name in setting and _has(setting, wanted)]
    if not rows:
        raise ValueError(f"no setting of the search has {name} with {wanted}")
    second = None if hue is None else others[0]
    _check_one_each([settings[k] for k in rows], name, second)
    folds = _fold_scores(search.cv_results_, metric)[rows]
    table = pd.DataFrame(
        {
            "value": pd.Series([settings[k][name] for k in rows], dtype=object),
            "hue": pd.Series([settings[k].get(second) for k in rows], dtype=object),
            "mean": folds.mean(axis=1),
            "standard_error": folds.std(axis=1, ddof=1) / np.sqrt(folds.shape[1]),
        }
    )
    return table, folds.shape[1]


def full_names(names: Sequence[str], settings: Sequence[dict[str, Any]]) -> list[str]:
    """Full name of each parameter; the end of one is enough where only one has it."""
    known = sorted({name for setting in settings for name in setting})
    out = []
    for name in names:
        ends = [full for full in known if full == name or full.endswith(f"__{name}")]
        if name not in known and len(ends) != 1:
            said = "was not searched" if not ends else f"could be any of {ends}"
            raise ValueError(f"parameter {name!r} {said}; the search has {known}")
        out.append(name if name in known else ends[0])
    return out


def short_name(name: str, settings: Sequence[dict[str, Any]]) -> str:
    """Shortest end of a parameter's name that no other searched parameter has: ``lam`` for ``model__regressor__lam``.

    Examples
    --------
    >>> short_name("model__regressor__lam", [{"model__regressor__lam": 0.1, "scale__lam": 1}])
    'regressor__lam'
    """
    full = full_names([name], settings)[0]
    others = {other for setting in settings for other in setting} - {full}
    words = full.split("__")
    ends = ["__".join(words[k:]) for k in range(len(words))][::-1]
    return next(end for end in ends if not any(f"__{other}".endswith(f"__{end}") for other in others))


def score_words(search: Any, metric: str) -> str:
    """What the score of a search is called: ``skill`` where it is an estimator's own score and that is skill."""
    scoring = metric if metric != "score" else search.scoring
    if scoring is None:
        own = getattr(type(last_step(search.estimator)), "score", None)
        return "skill" if own is KeepsGeneMeans.score else "test score"
    name = scoring if isinstance(scoring, str) else getattr(scoring, "__name__", "test score")
    return str(name).removesuffix("_scorer").replace("_", " ").replace("within gene", "within-gene")


def label_of(value: Any) -> str:
    """Short text for the value of a parameter: ``0.1``, ``64, 64``, the name of an estimator's class."""
    if isinstance(value, float | np.floating):
        return f"{value:g}"
    if isinstance(value, tuple | list):
        return ", ".join(map(label_of, value)) or "none"
    return type(value).__name__ if hasattr(value, "get_params") else str(value)


def _has(setting: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return all(name in setting and _same(setting[name], value) for name, value in wanted.items())


def _same(one: Any, other: Any) -> bool:
    return bool(one is other or label_of(one) == label_of(other))


def _check_one_each(settings: list[dict[str, Any]], name: str, second: str | None) -> None:
    """Refuse two settings at one place: a choice among them would be hidden."""
    places = [(label_of(setting[name]), label_of(setting.get(str(second)))) for setting in settings]
    if len(set(places)) == len(places):
        return
    others = {key for setting in settings for key in setting} - {name, second}
    varied = sorted(key for key in others if len({label_of(setting.get(key, "not set")) for setting in settings}) > 1)
    raise ValueError(
        f"several settings share one value of {name}: {varied} differ among them; name one as hue, or give fixed values"
    )


def _fold_scores(results: dict[str, Any], metric: str) -> np.ndarray:
    """Test scores, (n_settings, n_folds)."""
    names = [f"split{k}_test_{metric}" for k in range(len(results))]
    folds = [np.asarray(results[name], dtype=float) for name in names if name in results]
    if not folds:
        known = sorted(key.removeprefix("mean_test_") for key in results if key.startswith("mean_test_"))
        raise ValueError(f"the search has no scores named {metric!r}; it has {known}")
    return np.stack(folds, axis=1)
