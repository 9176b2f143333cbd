"""Fits of the models of one fold, each kept in a file as soon as it is made."""

import inspect
import time
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import sklearn
from numpy.typing import ArrayLike
from sklearn.base import clone

from skepi import __version__
from skepi._files import read_arrays, write_arrays
from skepi._fitted import last_step, part_with
from skepi._keys import described, digest, key_part
from skepi.comparison._controls import FloatArray
from skepi.comparison._fold_data import data_of
from skepi.comparison._splits import Fold
from skepi.exceptions import ScaleWarning, UnseenGeneWarning

_KIND = "skepi comparison 1"


class Outcome(NamedTuple):
    """What is kept of one fit.

    Attributes
    ----------
    y_pred : ndarray of float64, shape (n_pairs,)
        Predictions of the scored pairs of the fold, in the order of ``data.pairs()``.
    y_std : ndarray of float64, shape (n_pairs,), or None
    fit_s, predict_s : float
    shares : dict of float, or None
        ``variance_shares_`` of the fitted model.
    """

    y_pred: FloatArray
    y_std: FloatArray | None
    fit_s: float
    predict_s: float
    shares: dict[str, float] | None


class Job(NamedTuple):
    """One model to be fitted in a fold; the key names its file, None where nothing is kept."""

    name: str
    model: Any
    key: str | None


class Keys:
    """Keys of fits: the same wherever model, data, normaliser and pairs are.

    Parameters
    ----------
    models : dict of estimator
    normalizer : transformer or None
    """

    def __init__(self, models: dict[str, Any], normalizer: Any) -> None:
        self._models = {name: key_part(f"models: {name!r}", model) for name, model in models.items()}
        self._common = [__version__, sklearn.__version__, key_part("normalizer", normalizer)]
        self._sources: dict[tuple[str, int], Any] = {}

    def of(self, fold: Fold, name: str) -> str:
        """Key of one model in one fold."""
        source = fold.source
        place = source.control, source.permutation
        if place not in self._sources:
            self._sources[place] = [source.tables.identity, described(source.expression)]
        rows = [described(fold.train_bits), described(fold.test_bits)]
        return digest([self._common, self._sources[place], self._models[name], rows])


def fit_models(fold: Fold, jobs: list[Job], fitted: Any, unseen_genes: bool, folder: Path | None) -> list[Outcome]:
    """Outcome of every model in a fold: read where it is kept, else made and kept.

    ``fitted`` is the normaliser of the fold, or None.

    Raises
    ------
    RuntimeError
        Where a model fails; it says which, where and why.
    ValueError
        Where a kept file is damaged.
    """
    rows: tuple[Any, FloatArray, Any] | None = None
    outcomes = []
    for job in jobs:
        outcome = None if folder is None else _kept(folder, job, fold)
        if outcome is None:
            rows = _rows(fold, fitted) if rows is None else rows
            outcome = _made(job, fold, rows, unseen_genes)
            if folder is not None:
                _keep(folder, job, fold, outcome)
        outcomes.append(outcome)
    return outcomes


def _rows(fold: Fold, fitted: Any) -> tuple[Any, FloatArray, Any]:
    """Training pairs, their targets, and the pairs to be predicted."""
    data = data_of(fold, fitted)
    return *data.rows(fold.train), data.rows(fold.test)[0]


def _made(job: Job, fold: Fold, rows: tuple[Any, FloatArray, Any], unseen_genes: bool) -> Outcome:
    X_train, y_train, X_test = rows
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ScaleWarning)  # said once for the whole comparison
            if unseen_genes:
                warnings.simplefilter("ignore", UnseenGeneWarning)
            return _outcome(clone(job.model), X_train, y_train.copy(), X_test)
    except Exception as error:
        raise RuntimeError(f"model {job.name!r} failed in {fold}: {type(error).__name__}: {error}") from error


def _kept(folder: Path, job: Job, fold: Fold) -> Outcome | None:
    """Outcome of a fit that is kept, or None; a file that is damaged, or of another fit, is an error."""
    path = folder / f"{job.key}.npz"
    if not path.exists():
        return None
    arrays, about = read_arrays(path, _KIND, "a fit that skepi kept")
    if about.get("key") != job.key:
        raise ValueError(f"{path} holds another fit than its name says: remove it to make its fit again")
    if not _is_outcome(arrays, about, int(fold.test.sum())):
        raise ValueError(f"{path} lacks parts of a fit, or holds others: remove it to make its fit again")
    return Outcome(arrays["y_pred"], arrays.get("y_std"), about["fit_s"], about["predict_s"], about["shares"])


def _is_outcome(arrays: dict[str, FloatArray], about: dict[str, Any], n_pairs: int) -> bool:
    """Whether a file has what :func:`_keep` writes."""
    shares = about.get("shares", ())
    return (
        {"y_pred"} <= set(arrays) <= {"y_pred", "y_std"}
        and all(values.dtype == np.float64 and values.shape == (n_pairs,) for values in arrays.values())
        and all(np.isfinite(values).all() for values in arrays.values())
        and all(isinstance(about.get(name), float) for name in ("fit_s", "predict_s"))
        and (shares is None or (isinstance(shares, dict) and all(isinstance(one, float) for one in shares.values())))
    )


def _keep(folder: Path, job: Job, fold: Fold, outcome: Outcome) -> None:
    arrays = {"y_pred": outcome.y_pred, **({} if outcome.y_std is None else {"y_std": outcome.y_std})}
    about = {"kind": _KIND, "key": job.key, "model": job.name, "estimator": repr(job.model), "fold": str(fold)}
    numbers = {name: getattr(outcome, name) for name in ("fit_s", "predict_s", "shares")}
    write_arrays(folder / f"{job.key}.npz", arrays, {**about, **numbers})


def _outcome(model: Any, X_train: Any, y_train: FloatArray, X_test: Any) -> Outcome:
    start = time.perf_counter()
    model.fit(X_train, y_train)
    fitted = time.perf_counter()
    gives_std = "return_std" in inspect.signature(last_step(model).predict).parameters
    predicted = model.predict(X_test, return_std=True) if gives_std else (model.predict(X_test), None)
    end = time.perf_counter()
    y_pred, y_std = predicted
    y_pred = _numbers(y_pred, len(X_test), "predictions")
    if y_std is not None:
        y_std = _numbers(y_std, len(X_test), "standard deviations")
        if (y_std < 0).any():
            raise ValueError(f"standard deviations must not be negative, got {y_std.min():g}")
    return Outcome(y_pred, y_std, fitted - start, end - fitted, _shares(model))


def _shares(model: Any) -> dict[str, float] | None:
    part = part_with(model, "variance_shares_", through_targets=False)
    if part is None:
        return None
    return {str(name): float(value) for name, value in pd.Series(part.variance_shares_).items()}


def _numbers(values: ArrayLike, n_pairs: int, what: str) -> FloatArray:
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (n_pairs,):
        raise ValueError(f"{what} have shape {array.shape}, wanted ({n_pairs},): one per pair")
    if not np.isfinite(array).all():
        raise ValueError(f"{int((~np.isfinite(array)).sum())} of {n_pairs} {what} are not finite")
    return array
