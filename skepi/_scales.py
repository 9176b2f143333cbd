"""Whether numbers have the scale that is expected: counts where counts are meant, logarithms where logarithms are."""

import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import TransformedTargetRegressor

from skepi.exceptions import FewGenesWarning, ScaleWarning

#: No logarithm of a count is greater: 2^30 reads of one gene or peak.
_GREATEST_LOG = 30.0
#: Nor is one of openness that is no count, such as CPM or a fold enrichment: 2^20.
_GREAT_LOG = 20.0
#: Log expression has no values that are all whole, some greater than this; counts have.
_GREAT_COUNT = 100.0
_FEW_GENES = 100
_MILLION = 1e6

# Openness that is no logarithm has a long tail: its largest value is many times the mean of the values above 0.
_MANY_VALUES = 1_000
_SHORT_TAIL = 12.0  # logarithms have 2 to 8, linear signals of blood 45
_LOOKED_AT = 100_000
_ROUNDING = 1e-5  # of values read from text, or kept as float32
_ROUNDING_OF_FEW = 1e-6  # one or two values may lie near a logarithm by chance
_TELLING = 0.02
_BASES = {"2": np.log(2.0), "e": 1.0, "10": np.log(10.0)}


def warn_of_log_counts(counts: NDArray[np.float64], what: str) -> None:
    """Warn where values that should be counts look like logarithms: not whole, and the greatest between 1 and 30."""
    if 1 < counts.max(initial=0) < _GREATEST_LOG and (counts != np.floor(counts)).any():
        base = _base_of(counts)
        way = f"{_undone(base or '2', what)} gives counts{'' if base else ' where these are log2(count + 1)'}"
        warnings.warn(
            f"{what}: values look like logarithms, not counts: they are not whole, and the largest is "
            f"{counts.max():.3g}. Wanted counts on a linear scale; {way}",
            ScaleWarning,
            stacklevel=3,
        )


def warn_of_log_openness(openness: NDArray[np.floating]) -> None:
    """Warn where openness looks like logarithms: of whole counts, or without the long tail of a linear signal."""
    found = _logarithms(openness.max(initial=0), openness.ravel(order="K"))
    if found is not None:
        warnings.warn(
            f"openness: {found[0]}. Wanted a linear scale (counts, fold enrichment), because skepi sums peaks and "
            f"takes logs itself{found[1]}",
            ScaleWarning,
            stacklevel=4,
        )


def _logarithms(largest: float, openness: NDArray[np.floating]) -> tuple[str, str] | None:
    """Why openness seems to be logarithms, and the way out; None where it does not. The first values are looked at."""
    some = openness[:_LOOKED_AT].astype(np.float64)
    some = some[some > 0]
    if not 1 < largest < _GREATEST_LOG or not (some != np.floor(some)).any():
        return None
    base = _base_of(some)
    if base is not None:
        seen = f"values look like logarithms: they are not whole, and the largest is {largest:.3g}"
        return seen, f"; {_undone(base, 'openness')} gives counts"
    if largest < _GREAT_LOG and some.size >= _MANY_VALUES and largest < _SHORT_TAIL * some.mean():
        seen = (
            f"values may be logarithms: the largest, {largest:.3g}, is only {largest / some.mean():.2g} times the mean "
            "of those above 0"
        )
        return seen, ". Ignore this warning where they are a fold enrichment"
    return None


class Scale(NamedTuple):
    """What the scale of values looks like, in words, and whether another one was wanted."""

    text: str
    is_doubtful: bool


def scale_of_openness(largest: float, openness: NDArray[np.floating]) -> Scale:
    """Say what openness looks like from its largest value and from some values, one-dimensional.

    Examples
    --------
    >>> scale_of_openness(250.0, np.array([0.0, 3.0, 250.0]))
    Scale(text='whole numbers, such as counts', is_doubtful=False)
    """
    if _logarithms(largest, openness) is not None:
        return Scale("looks like logarithms; a linear scale is wanted", True)
    if (openness == np.floor(openness)).all():
        return Scale("whole numbers, such as counts", False)
    return Scale("linear and not whole, such as fold enrichment", False)


def scale_of_expression(expression: NDArray[np.float64]) -> Scale:
    """Say what expression looks like.

    Examples
    --------
    >>> scale_of_expression(np.array([0.0, 3.0, 250.0]))
    Scale(text='looks like raw counts; ExpressionNormalizer makes log expression of them', is_doubtful=False)
    """
    if look_like_counts(expression):
        return Scale("looks like raw counts; ExpressionNormalizer makes log expression of them", False)
    if expression.max(initial=0) > _GREATEST_LOG:
        return Scale("too large for logarithms, which are wanted", True)
    return Scale("in the range of logarithms", False)


def warn_of_raw_counts(y: NDArray[np.float64], stacklevel: int) -> None:
    """Warn where targets look like raw counts: all whole, 0 or greater, and some greater than 100."""
    if look_like_counts(y):
        warnings.warn(
            f"y looks like raw counts (whole numbers up to {y.max():.3g}). A model of log expression that is fitted on "
            "them follows depth and the few genes with the most reads, and its skill looks better than it is. "
            "Normalise: data.transform_expression(ExpressionNormalizer()), or give PerGeneRegressor(exposure=...)",
            ScaleWarning,
            stacklevel=stacklevel + 1,
        )


def look_like_counts(y: NDArray[np.float64]) -> bool:
    """Whether targets are whole numbers of 0 or greater, some of them great."""
    return bool(y.max(initial=0) > _GREAT_COUNT and y.min() >= 0 and (y == np.floor(y)).all())


def takes_counts(estimator: Any) -> bool:
    """Whether an estimator, or a part of it, models counts: it has an exposure, or transforms its targets."""
    settings = {"": estimator, **estimator.get_params()}
    exposed = any(name.rpartition("__")[2] == "exposure" and value is not None for name, value in settings.items())
    return exposed or any(isinstance(value, TransformedTargetRegressor) for value in settings.values())


def warn_of_equal_libraries(counts: NDArray[np.float64], what: str) -> None:
    """Warn where every library adds up to a million, which TPM and CPM do, and TMM needs counts."""
    if (np.abs(counts.sum(axis=1) - _MILLION) < 1e-3 * _MILLION).all():
        warnings.warn(
            f"{what}: each library adds up to 1,000,000, as TPM and CPM do. TMM weighs genes by their counts: give "
            "counts, or method='log_cpm', which takes the logarithm alone",
            ScaleWarning,
            stacklevel=3,
        )


def warn_of_few_columns(n_rows: int, n_genes: int) -> None:
    """Warn where a normaliser learns from so few genes that quantiles and library sizes say little."""
    if n_genes < _FEW_GENES:
        way = f"; if the {n_rows:,} rows are genes, give X.T" if n_rows > n_genes else ""
        warnings.warn(
            f"X has {n_genes} gene(s) as columns, and quantiles and library sizes of fewer than {_FEW_GENES} say "
            f"little{way}",
            FewGenesWarning,
            stacklevel=3,
        )


def _base_of(values: NDArray[np.float64]) -> str | None:
    """Base of the logarithm of 1 + count that all of the values are, if there is one."""
    distinct = np.unique(values[values > 0].ravel()[:1_000])
    if not (distinct != np.floor(distinct)).any():
        return None
    rounding = _ROUNDING if distinct.size > 2 else _ROUNDING_OF_FEW
    for name, log_base in _BASES.items():
        counts = np.expm1(distinct * log_base)
        apart, error = np.abs(counts - np.maximum(np.rint(counts), 1)), rounding * (1 + counts)
        telling = error < _TELLING  # greater ones are near a whole number anyway
        if telling.any() and (apart <= error).all():
            return name
    return None


def _undone(base: str, what: str) -> str:
    return f"np.expm1({what})" if base == "e" else f"{base}.0 ** {what} - 1"
