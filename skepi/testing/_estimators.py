"""What every estimator of pairs promises, as checks that anyone can run on their own estimator."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple
from unittest import SkipTest

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from skepi._rows import check_targets
from skepi.datasets import make_paired_openness
from skepi.rows import is_pairs
from skepi.testing._pair_checks import REMEDIES, Check


class PairCheck(NamedTuple):
    """One check of an estimator of pairs; call it with the estimator.

    Attributes
    ----------
    name : str
    run : callable
        Takes an unfitted clone, pairs and targets; raises where the promise is broken.
    remedy : str
        What to do then.

    Examples
    --------
    >>> from skepi.baselines import TrainingMean
    >>> for check in PAIR_CHECKS[:2]:
    ...     check(TrainingMean())
    """

    name: str
    run: Check
    remedy: str

    def __call__(self, estimator: Any, X: Any = None, y: Any = None) -> None:
        """Check an estimator; ``X`` and ``y`` are those of :func:`check_pair_estimator`.

        Raises
        ------
        AssertionError
            Where the promise is broken, whatever the estimator raised.
        SkipTest
            Where the check does not apply.
        """
        X, y = _pairs(X, y)
        try:
            self.run(clone(estimator), X, y)
        except SkipTest:
            raise
        except Exception as error:
            raise AssertionError(
                f"{self.name} failed for {_name(estimator)}: {type(error).__name__}: {error}\n{self.remedy}"
            ) from error


PAIR_CHECKS = tuple(PairCheck(run.__name__, run, remedy) for run, remedy in REMEDIES.items())


def check_pair_estimator(estimator: Any, X: Any = None, y: Any = None) -> dict[str, str]:
    """Check what every estimator of pairs promises; stop at the first promise that is broken.

    It is to pairs what :func:`sklearn.utils.estimator_checks.check_estimator` is to arrays. An estimator that needs
    binned rows is checked as the last step of a pipeline that begins with :class:`skepi.binning.TSSBinner`.

    Parameters
    ----------
    estimator : estimator
        A regressor, a transformer, or a pipeline that takes pairs; it is cloned and stays as it is.
    X : GeneCellPairs, optional
        By default a small simulated data set.
    y : array-like of shape (n_pairs,), optional
        Needed where ``X`` is given.

    Returns
    -------
    dict
        For each check ``"passed"``, or why it does not apply. The order of training rows may matter to an estimator
        with a ``random_state``, and equal results of two fits are not asked of one with the tag ``non_deterministic``.

    Raises
    ------
    AssertionError
        With the name of the check and what to do.
    TypeError
        Where ``X`` is not pairs that know their peaks.
    ValueError
        Where ``y`` is missing or does not match ``X``.

    Examples
    --------
    >>> from skepi.baselines import TrainingMean
    >>> outcome = check_pair_estimator(TrainingMean())
    >>> outcome["check_new_cell_types"], outcome["check_parts_of_predictions"]
    ('passed', 'skipped: TrainingMean offers no predict_parts')
    """
    return {check.name: _outcome(check, estimator, X, y) for check in PAIR_CHECKS}


def parametrize_with_pair_checks(estimators: Iterable[Any] | Mapping[str, Any]) -> Any:
    """Decorate a test so that pytest runs it once for each estimator and check.

    Parameters
    ----------
    estimators : list of estimator, or dict of estimator by name
        As in :func:`check_pair_estimator`. Names become part of the test's name.

    Returns
    -------
    pytest.MarkDecorator
        The test takes the arguments ``estimator`` and ``check``.

    Examples
    --------
    >>> from skepi.baselines import PromoterSum, TrainingMean
    >>> @parametrize_with_pair_checks([TrainingMean(), PromoterSum()])
    ... def test_my_estimators(estimator, check):
    ...     check(estimator)
    """
    import pytest

    named = estimators.items() if isinstance(estimators, Mapping) else ((_in_a_line(one), one) for one in estimators)
    cases = [
        pytest.param(estimator, check, id=f"{name}-{check.name}") for name, estimator in named for check in PAIR_CHECKS
    ]
    return pytest.mark.parametrize(("estimator", "check"), cases)


def _name(estimator: Any) -> str:
    """Class of an estimator, or of the last step of a pipeline."""
    last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    return type(last).__name__


def _in_a_line(estimator: Any) -> str:
    return " ".join(repr(estimator).split())


def _outcome(check: PairCheck, estimator: Any, X: Any, y: Any) -> str:
    try:
        check(estimator, X, y)
    except SkipTest as reason:
        return f"skipped: {reason}"
    return "passed"


def _pairs(X: Any, y: Any) -> tuple[Any, NDArray[np.float64]]:
    if X is None:
        X, y = _small_pairs()
        return X, y.copy()  # an estimator may write into it, and the next one gets the same
    if not (is_pairs(X) and hasattr(X, "tables")):
        raise TypeError(
            f"X: wanted pairs that know their peaks, as PairedDataset(...).pairs() gives, got {type(X).__name__}; an "
            "estimator of binned rows is checked in a pipeline behind TSSBinner()"
        )
    if y is None:
        raise ValueError("X is given without y: give the target of each pair")
    return X, check_targets(X, y)


@cache
def _small_pairs() -> tuple[Any, NDArray[np.float64]]:
    data, _ = make_paired_openness(30, 9, n_lineages=3, cis_share=0.45, program_share=0.25, random_state=1)
    return data.pairs(return_X_y=True)
