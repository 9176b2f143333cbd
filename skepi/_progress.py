"""Progress bars: nothing unless asked for, then one line on stderr, or a widget in a notebook."""

import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from joblib import Parallel, delayed
from tqdm import TqdmWarning

Counted = Callable[[int], Any]  # is told how many further ones are done, as ``update`` of a bar

_inside: ContextVar[bool] = ContextVar("inside", default=False)  # whether another bar is shown around this one
_elsewhere: ContextVar[bool] = ContextVar("elsewhere", default=False)  # whether another process shows that bar


class ShowsProgress:
    """An estimator that shows a bar with ``progress=True``, which changes nothing of what it learns."""

    progress: bool


class HiddenBar:
    """What is not shown: it takes what a bar takes, and starts no thread and no lock, as even a disabled tqdm does."""

    disable = True
    n = 0

    def update(self, n: int = 1) -> None:
        """Count nothing."""

    def reset(self, total: int | None = None) -> None:
        """Begin nothing anew."""

    def set_postfix_str(self, s: str = "", refresh: bool = True) -> None:
        """Write nothing."""


uncounted: Counted = HiddenBar().update


@contextmanager
def progress_bar(progress: bool | None, what: str, total: int | None, **settings: Any) -> Iterator[Any]:
    """Open a bar that counts, or one that shows nothing.

    A bar inside another one goes away when it is done. One in a worker process is not shown beside that of the process
    that waits for it, for both would write on one line.

    Parameters
    ----------
    progress : bool or None
        Whether to show it; None on a terminal only.
    what : str
        What is counted, in the plural: it stands before the bar.
    total : int or None
        How many there are, None where that is not known.
    **settings
        Further ones of ``tqdm``.

    Yields
    ------
    tqdm or HiddenBar
        Its ``update(n)`` counts n further ones.

    Examples
    --------
    >>> with progress_bar(False, "folds", 5) as bar:
    ...     _ = bar.update(1)
    """
    if _elsewhere.get() or not (sys.stderr.isatty() if progress is None else progress):
        yield HiddenBar()
        return
    settings = {"desc": what, "unit": what.removesuffix("s"), "leave": not _inside.get(), **settings}
    with _kind_of_bar()(total=total, **settings) as bar:
        token = _inside.set(True)
        try:
            yield bar
        finally:
            _inside.reset(token)


def in_parallel(
    jobs: Iterable[Any], n_jobs: int | None, bar: Any, size: Callable[[Any], int] = lambda result: 1
) -> list[Any]:
    """Results of joblib's jobs in the order of the jobs, which a bar counts as they are finished.

    Parameters
    ----------
    jobs : iterable of what ``joblib.delayed`` makes
    n_jobs : int or None
        Jobs at once, on the backend of joblib in force.
    bar : tqdm or HiddenBar
        From :func:`progress_bar`.
    size : callable, optional
        How many a job counts for, from its result; 1 by default.

    Raises
    ------
    ValueError
        Where a bar is shown and the backend gives no result before the last job is finished.

    Examples
    --------
    >>> with progress_bar(False, "fits", 2) as bar:
    ...     in_parallel((delayed(pow)(base, 2) for base in (3, 4)), None, bar)
    [9, 16]
    """
    if bar.disable:
        return list(Parallel(n_jobs=n_jobs)(jobs))
    parallel = _one_by_one(n_jobs)
    # Arguments stay arguments of their own: dask sends those that recur once.
    one = delayed(_numbered)
    numbered = (one(number, os.getpid(), job, *args, **named) for number, (job, args, named) in enumerate(jobs))
    results = {}
    for number, result in parallel(numbered):
        results[number] = result
        bar.update(size(result))
    return [results[number] for number in range(len(results))]


def end_early(bar: Any) -> None:
    """Say that all is done, although less than there might have been."""
    if bar.disable:
        return
    bar.total = bar.n
    if hasattr(bar, "container"):  # a widget keeps a total of its own
        bar.container.children[1].max = bar.n
    bar.refresh()


def _kind_of_bar() -> Any:
    """tqdm's bar for where we are; imported late, because it looks for a notebook then."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TqdmWarning)  # a notebook without ipywidgets gets the bar as text
        from tqdm.auto import tqdm
    return tqdm


def _one_by_one(n_jobs: int | None) -> Parallel:
    """Parallel runs that give each result as soon as it is there; a backend that cannot is refused."""
    try:
        return Parallel(n_jobs=n_jobs, return_as="generator_unordered")
    except ValueError as error:
        if "does not support return_as" not in str(error):
            raise
        raise ValueError(
            "progress=True needs a backend of joblib that gives results one by one, such as loky, threading or dask: "
            f"leave progress out, or choose another backend ({error})"
        ) from error


def _numbered(number: int, caller: int, job: Callable[..., Any], *args: Any, **named: Any) -> tuple[int, Any]:
    """Result of a job, with the number by which it is put in order again; its bars are inside that of the caller."""
    inside, elsewhere = _inside.set(True), _elsewhere.set(os.getpid() != caller)
    try:
        return number, job(*args, **named)
    finally:
        _inside.reset(inside)
        _elsewhere.reset(elsewhere)
