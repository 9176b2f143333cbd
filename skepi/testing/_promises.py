"""What is promised of results that are "the same", one assertion per promise.

Processors, numbers of threads and libraries add numbers in different orders, so only some results are equal to the last
bit. Every comparison in the tests of skepi, and in its checks for others, states one of these promises:

==========================  ==========================================================================================
``assert_exact``            Equal to the last bit: the same steps on the same machine, or results that are never rounded
                            (counts, codes, names, copies, what was saved and opened again).
``assert_float64_sums``     Equal up to the rounding of float64 sums.
``assert_float32_sums``     Equal up to the rounding of float32 sums: wherever openness or features were added or
                            multiplied in float32, even if the end result is a float64.
``assert_within``           An estimate, or an iteration that stops early: within a stated limit, for a stated reason.
``pytest.approx(figure)``   A float64 result worked by hand, at the default tolerance (1e-6 of the figure).
==========================  ==========================================================================================

Rounding is relative to *what was added*, not to what is left: a difference of two sums of size 1 that comes to 1e-3
carries the rounding of size 1. ``summed`` is that size. Give it wherever terms cancel; by default it is the largest
number that is wanted. ``condition`` is how much a later step amplifies rounding: the condition number of a linear
system that is solved, the steepness of a function. The allowed difference is ``margin`` x ``condition`` x eps x
``summed``; the margin of 64 leaves room for sums of a few thousand terms in any order.
"""

from typing import Any

import numpy as np
import pandas as pd

MARGIN = 64


def assert_exact(got: Any, wanted: Any) -> None:
    """Equal to the last bit: arrays (NaN equals NaN), tables with their labels and dtypes, numbers.

    Examples
    --------
    >>> assert_exact([1, np.nan], [1, np.nan])
    """
    if isinstance(wanted, pd.DataFrame):
        pd.testing.assert_frame_equal(got, wanted, check_exact=True)
    elif isinstance(wanted, pd.Series):
        pd.testing.assert_series_equal(got, wanted, check_exact=True)
    else:
        _assert_shape(np.shape(got), np.shape(wanted))
        np.testing.assert_array_equal(got, wanted)


def assert_float32_sums(
    got: Any, wanted: Any, *, summed: Any = None, condition: float = 1, margin: float = MARGIN
) -> None:
    """Equal up to the rounding of float32 sums whose terms are as large as ``summed``.

    Parameters
    ----------
    got, wanted : array-like, DataFrame or Series
    summed : array-like, optional
        Size of what was added; by default the largest number that is wanted.
    condition : float, default=1
        How much a later step amplifies rounding.
    margin : float, default=64
        Allowed rounding in units of ``condition`` x eps x ``summed``.

    Examples
    --------
    >>> assert_float32_sums(np.float32(1000.1) - 1000, 0.1, summed=1000)
    """
    _assert_rounded(got, wanted, float(np.finfo(np.float32).eps), summed, condition * margin)


def assert_float64_sums(
    got: Any, wanted: Any, *, summed: Any = None, condition: float = 1, margin: float = MARGIN
) -> None:
    """Equal up to the rounding of float64 sums whose terms are as large as ``summed``.

    Parameters are those of :func:`assert_float32_sums`.

    Examples
    --------
    >>> assert_float64_sums(0.1 + 0.2, 0.3)
    """
    _assert_rounded(got, wanted, float(np.finfo(np.float64).eps), summed, condition * margin)


def assert_within(got: Any, wanted: Any, limit: Any, reason: str) -> None:
    """No farther from ``wanted`` than ``limit``, for a reason that stands in the message.

    Examples
    --------
    >>> assert_within(0.52, 0.5, 0.1, "an estimate from 100 draws")
    """
    if not reason:
        raise AssertionError("a limit needs its reason")
    _assert_limited(got, wanted, limit, reason)


def _assert_rounded(got: Any, wanted: Any, eps: float, summed: Any, times: float) -> None:
    if summed is None:
        summed = np.nan_to_num(_numbers(wanted), nan=0, posinf=0, neginf=0)
        summed = np.abs(summed).max(initial=0)
    _assert_limited(got, wanted, times * eps * np.abs(_numbers(summed)), "rounding")


def _assert_limited(got: Any, wanted: Any, limit: Any, reason: str) -> None:
    """Labels, shapes and places of NaN and infinity are the same; all else differs by no more than a limit."""
    _assert_labels(got, wanted)
    got, wanted = _numbers(got), _numbers(wanted)
    _assert_shape(got.shape, wanted.shape)
    got, wanted = np.broadcast_arrays(got, wanted)
    finite = np.isfinite(wanted)
    np.testing.assert_array_equal(np.where(finite, 0, got), np.where(finite, 0, wanted))  # NaN and infinities
    got, wanted = np.where(finite, got, 0), np.where(finite, wanted, 0)
    limit = np.broadcast_to(_numbers(limit), wanted.shape)
    if not np.isfinite(limit[finite]).all():
        raise AssertionError("a limit that is not finite allows anything")
    excess = np.nan_to_num(np.abs(got - wanted), nan=np.inf) - limit
    if (excess > 0).any():
        worst = np.unravel_index(np.argmax(excess), excess.shape)
        raise AssertionError(
            f"{(excess > 0).sum()} of {excess.size} numbers differ by more than {reason} allows, most at "
            f"{tuple(map(int, worst))}: got {got[worst]!r}, wanted {wanted[worst]!r}; "
            f"they differ by {abs(got[worst] - wanted[worst]):.3g}, allowed are {limit[worst]:.3g}"
        )


def _assert_shape(got: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    """Shapes are the same, or one of the two is a single number."""
    if got != wanted and () not in (got, wanted):
        raise AssertionError(f"got shape {got}, wanted {wanted}")


def _assert_labels(got: Any, wanted: Any) -> None:
    """Tables that are compared must have the same labels."""
    if isinstance(got, pd.DataFrame | pd.Series) and isinstance(wanted, pd.DataFrame | pd.Series):
        for name in ("index", "columns") if isinstance(wanted, pd.DataFrame) else ("index",):
            pd.testing.assert_index_equal(getattr(got, name), getattr(wanted, name))


def _numbers(values: Any) -> np.ndarray:
    return np.asarray(values, dtype=np.float64)
