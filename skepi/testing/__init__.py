"""Checks for people who write estimators or containers of rows: what skepi holds its own to."""

from skepi.testing._estimators import PAIR_CHECKS, PairCheck, check_pair_estimator, parametrize_with_pair_checks
from skepi.testing._promises import assert_exact, assert_float32_sums, assert_float64_sums, assert_within
from skepi.testing._rows import check_rows

__all__ = [
    "PAIR_CHECKS",
    "PairCheck",
    "assert_exact",
    "assert_float32_sums",
    "assert_float64_sums",
    "assert_within",
    "check_pair_estimator",
    "check_rows",
    "parametrize_with_pair_checks",
]
