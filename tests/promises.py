"""The promises of equal results, which stand in :mod:`skepi.testing`: every comparison in the tests checks one."""

from skepi.testing import assert_exact, assert_float32_sums, assert_float64_sums, assert_within

__all__ = ["assert_exact", "assert_float32_sums", "assert_float64_sums", "assert_within"]
