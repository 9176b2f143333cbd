"""A grid search that keeps the outcome of every finished fit, and goes on from there when run again."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Self

import joblib
import numpy as np
import sklearn
from joblib.parallel import get_active_backend
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import GridSearchCV, ParameterGrid, check_cv
from sklearn.utils import indexable
from sklearn.utils.metadata_routing import MetadataRequest, process_routing
from sklearn.utils.parallel import Parallel, delayed

from skepi import __version__
from skepi._doors import check_flag
from skepi._keys import described, digest, key_part
from skepi._progress import ShowsProgress, progress_bar
from skepi._rows import check_no_leak
from skepi.model_selection._outcomes import keep, read

_RESULTS = ("mean_fit_time", "mean_score_time", "split0_")
_CHOSEN = ("cv_results_", "best_index_", "best_score_", "best_params_", "multimetric_", "n_splits_")
_TEST, _TRAIN = 0, 1  # rows of the stand-in for X


class ResumableGridSearchCV(ShowsProgress, GridSearchCV):
    """GridSearchCV that keeps the outcome of every finished fit in a folder and never makes that fit again.

    Interrupted at any moment and run again, it reads what is finished and fits the rest; its results are then those of
    an uninterrupted run. All else is as in :class:`sklearn.model_selection.GridSearchCV`.

    Parameters
    ----------
    estimator : estimator
    param_grid : dict or list of dict
    folder : path
        Where outcomes are kept, one small JSON file a fit; made if absent. Several searches may share it, even at the
        same time, and only the process that calls ``fit`` reads and writes it. Remove it to begin anew.
    progress : bool, default=False
        Whether to show a progress bar.
    scoring : str, callable, list, tuple, dict or None, default=None
        A callable must be found by name by a later process: defined at the top level of a module, or made from such a
        function by :func:`sklearn.metrics.make_scorer`. A lambda or a function inside another one is refused.
    n_jobs : int or None, default=None
        Fits at once, on the backend of joblib in force, which must give results one by one (loky, threading and dask
        do).
    refit : bool, str or callable, default=True
        The last fit on all rows is not kept: it is made in every run.
    cv : int, splitter, iterable or None, default=None
        Splits at random need a fixed ``random_state``, or no outcome is found again.
    verbose : int, default=0
        1 or greater prints how many fits are kept and how many are to be made.
    pre_dispatch, error_score, return_train_score
        As in GridSearchCV.

    Raises
    ------
    ValueError
        Where a file of the folder is damaged, which the message names; and where the estimator, ``scoring``, ``X``,
        ``y`` or a parameter of ``fit`` holds something that no later process could recognise.

    Notes
    -----
    An outcome is found again where all of these are the same, in this process or another, on this machine or another:
    class and parameters of the estimator, ``scoring``, ``return_train_score``, the content of ``X``, ``y`` and the
    parameters of ``fit``, the training and test rows in their order, and the versions of skepi and scikit-learn. It is
    **not** noticed that code changed under the same name and version, that another machine or device rounds
    differently, or that ``random_state=None`` would now draw other numbers: outcomes that were kept stay what they are.

    A fit that fails is not kept and tried again in the next run; so is one with a score equal to ``error_score``.
    Fit and score times are those of the run that made the fit. Callbacks of scikit-learn are not called.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.linear_model import Ridge
    >>> X, grid = np.arange(12.0)[:, None], {"alpha": [0.1, 1e6]}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     search = ResumableGridSearchCV(Ridge(), grid, folder=folder, cv=3, verbose=1).fit(X, X[:, 0])
    ...     search.best_params_
    ...     _ = search.fit(X, X[:, 0])
    6 fits: 0 kept, 6 to make
    {'alpha': 0.1}
    6 fits: 6 kept, 0 to make
    """

    def __init__(
        self,
        estimator: Any,
        param_grid: Any,
        *,
        folder: str | os.PathLike,
        progress: bool = False,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: int | str = "2*n_jobs",
        error_score: Any = np.nan,
        return_train_score: bool = False,
    ) -> None:
        super().__init__(
            estimator,
            param_grid,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.folder = folder
        self.progress = progress

    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Make the fits that are not kept yet, then choose and refit the best as GridSearchCV does.

        Parameters
        ----------
        X : pairs, or array-like of shape (n_rows, n_features)
        y : array-like of shape (n_rows,), optional
        **params
            As in GridSearchCV: ``groups`` go to the splitter, all others to the estimator, unless metadata routing is
            enabled.
        """
        check_flag("progress", self.progress)
        X, y = indexable(X, y)
        check_no_leak(X, self)
        scorer = _scorers(self.estimator, self.scoring)
        fit_params, split_params, sent = self._routed(params)
        splitter = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        splits = list(splitter.split(X, y, **split_params))
        candidates = [
            clone(self.estimator).set_params(**clone(setting, safe=False)) for setting in ParameterGrid(self.param_grid)
        ]
        tasks = list(self._tasks(X, y, candidates, splits, sent))
        made = partial(self._made, X=X, y=y, params=sent, splitter=splitter)
        chosen = self._replay(self._outcomes(tasks, made), len(splits))
        for name in _CHOSEN:
            if hasattr(chosen, name):
                setattr(self, name, getattr(chosen, name))
        self.scorer_ = scorer
        if self.refit:
            self._refit(candidates[self.best_index_], X, y, fit_params)
        return self

    def _routed(self, params: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """Parameters of the estimator's ``fit``, of the splitter, and of a search over one split of it."""
        if sklearn.get_config()["enable_metadata_routing"]:
            routed = process_routing(self, "fit", **params)
            return routed.estimator.fit, routed.splitter.split, params
        of_fit = {name: value for name, value in params.items() if name != "groups"}
        return of_fit, {"groups": params.get("groups")}, of_fit

    def _tasks(
        self, X: Any, y: Any, candidates: list[Any], splits: list[Any], params: dict[str, Any]
    ) -> Iterator["_Task"]:
        """Each candidate with each split, in GridSearchCV's order."""
        given = {"scoring": self.scoring, "X": X, "y": y, "parameters of fit": params}
        common = [__version__, sklearn.__version__, bool(self.return_train_score)]
        common += [key_part(what, value) for what, value in given.items()]
        of_split = [described(split) for split in splits]
        for candidate in candidates:
            of_candidate = key_part("estimator", candidate)
            for (train, test), rows in zip(splits, of_split, strict=True):
                yield _Task(digest([common, of_candidate, rows]), candidate, train, test)

    def _outcomes(self, tasks: list["_Task"], made: Callable[[list["_Task"]], Any]) -> list[dict[str, Any]]:
        """Outcome of every task: read where it is kept, else made and kept."""
        folder, count = Path(self.folder), Counter(task.key for task in tasks)
        folder.mkdir(parents=True, exist_ok=True)
        outcomes = {key: outcome for key in count if (outcome := read(folder, key)) is not None}
        missing = {task.key: task for task in tasks if task.key not in outcomes}
        n_kept = sum(count[key] for key in outcomes)
        if self.verbose > 0:
            print(f"{len(tasks)} fits: {n_kept} kept, {len(tasks) - n_kept} to make")
        with progress_bar(self.progress, "fits", len(tasks), initial=n_kept) as bar:
            for key, outcome in made(list(missing.values())):
                outcomes[key] = outcome
                if not _failed(outcome, self.error_score):
                    keep(folder, key, outcome, missing[key].candidate)
                bar.update(count[key])
        return [outcomes[task.key] for task in tasks]

    def _made(
        self, tasks: list["_Task"], X: Any, y: Any, params: dict[str, Any], splitter: Any
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Make fits; they come in any order, each as soon as it is there."""
        if not tasks:
            return
        settings = {name: getattr(self, name) for name in ("scoring", "error_score", "return_train_score")}
        known = hasattr(splitter, "get_metadata_routing")
        routing = splitter.get_metadata_routing() if known else MetadataRequest(owner=None)
        parallel = Parallel(n_jobs=self.n_jobs, pre_dispatch=self.pre_dispatch, return_as="generator_unordered")
        # Rows are arguments of their own: dask sends those that recur once.
        yield from parallel(delayed(_make)(*task, X, y, params, routing, settings) for task in tasks)

    def _replay(self, outcomes: list[dict[str, Any]], n_splits: int) -> GridSearchCV:
        """A plain search that takes outcomes for fits: results, ranks and warnings are scikit-learn's own."""

        def with_times(results: dict[str, Any]) -> dict[str, Any]:
            for name in ("fit_time", "score_time"):
                times = np.reshape([outcome[name] for outcome in outcomes], (-1, n_splits))
                results[f"mean_{name}"], results[f"std_{name}"] = times.mean(axis=1), times.std(axis=1)
            return results

        search = GridSearchCV(
            _Replay(iter(outcomes)),
            self.param_grid,
            scoring=_scores,
            n_jobs=1,
            refit=(lambda results: self.refit(with_times(results))) if callable(self.refit) else self.refit,
            cv=[([_TRAIN], [_TEST])] * n_splits,
            error_score=self.error_score,
            return_train_score=self.return_train_score,
        )
        with joblib.parallel_config("sequential"):
            search.fit(np.array([[_TEST], [_TRAIN]]))
        with_times(search.cv_results_)
        return search

    def _refit(self, candidate: Any, X: Any, y: Any, params: dict[str, Any]) -> None:
        start = time.time()
        self.best_estimator_ = candidate.fit(X, *(() if y is None else (y,)), **params)
        self.refit_time_ = time.time() - start
        if hasattr(self.best_estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.best_estimator_.feature_names_in_


class _Task(NamedTuple):
    """One fit that is to be made."""

    key: str
    candidate: Any
    train: Any
    test: Any


class _OneSplit:
    """One split of a splitter, which asks for the metadata that the splitter asks for."""

    def __init__(self, train: Any, test: Any, routing: Any) -> None:
        self.rows = train, test
        self.routing = routing

    def get_metadata_routing(self) -> Any:
        return self.routing

    def get_n_splits(self, *args: Any, **kwargs: Any) -> int:
        return 1

    def split(self, *args: Any, **kwargs: Any) -> Iterator[tuple[Any, Any]]:
        yield self.rows


def _make(
    key: str,
    candidate: Any,
    train: Any,
    test: Any,
    X: Any,
    y: Any,
    params: dict[str, Any],
    routing: Any,
    settings: dict[str, Any],
) -> tuple[str, dict[str, Any]]:
    """Fit and score: a search over one candidate and one split, so that scikit-learn does both in its own way."""
    search = GridSearchCV(candidate, {}, cv=_OneSplit(train, test, routing), refit=False, n_jobs=1, **settings)
    start = time.time()
    try:
        with _in_this_process():
            search.fit(X, y, **params)
    except ValueError as error:
        if search.error_score == "raise" or type(error) is not ValueError:
            raise  # a setting that scikit-learn refuses, as a subclass says; else: all fits failed, of one
        return key, {"fit_time": time.time() - start, "score_time": 0.0, "error": str(error)}
    results = {name: float(value[0]) for name, value in search.cv_results_.items() if name.startswith(_RESULTS)}
    outcome: dict[str, Any] = {name: results.pop(f"mean_{name}") for name in ("fit_time", "score_time")}
    outcome["multimetric"] = bool(search.multimetric_)
    for part in ("test", "train"):
        prefix = f"split0_{part}_"
        outcome[part] = {name.removeprefix(prefix): v for name, v in results.items() if name.startswith(prefix)}
    return key, outcome


def _in_this_process() -> AbstractContextManager:
    """Keep even one job here, which some backends (dask) would send away again."""
    backend, _ = get_active_backend()
    return joblib.parallel_config("sequential") if backend.effective_n_jobs(1) > 1 else nullcontext()


def _failed(outcome: dict[str, Any], error_score: Any) -> bool:
    """Whether the fit failed, or a score may have: it is what stands for failures."""
    if "error" in outcome or error_score == "raise":
        return "error" in outcome
    scores = np.array([*outcome["test"].values(), *outcome["train"].values()])
    return bool(np.isnan(scores).any() if np.isnan(error_score) else (scores == error_score).any())


class _Replay(BaseEstimator):
    """Stands in for the estimator in a search: its fits are outcomes, one after the other."""

    def __init__(self, outcomes: Iterator[dict[str, Any]]) -> None:
        self.outcomes = outcomes

    def __sklearn_clone__(self) -> Self:
        return self

    def set_params(self, **params: Any) -> Self:
        return self

    def fit(self, X: Any, y: Any = None) -> Self:
        self.outcome_ = next(self.outcomes, {})  # none is left for the best estimator
        if "error" in self.outcome_:
            raise RuntimeError(self.outcome_["error"])
        return self


def _scores(estimator: _Replay, X: Any, y: Any = None) -> Any:
    """Scores of the outcome, as the search's own scorer would give them."""
    scores = estimator.outcome_["train" if X[0, 0] == _TRAIN else "test"]
    return scores if estimator.outcome_["multimetric"] else scores["score"]


def _scorers(estimator: Any, scoring: Any) -> Any:
    """What GridSearchCV leaves in ``scorer_``; unknown names are errors."""
    if not isinstance(scoring, list | tuple | dict):
        return check_scoring(estimator, scoring)
    check_scoring(estimator, scoring)
    named = scoring if isinstance(scoring, dict) else {name: name for name in scoring}
    return {name: check_scoring(estimator, one) for name, one in named.items()}
