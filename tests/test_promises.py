"""The promises of equal results tell rounding from a difference, and every test checks one of them."""

import ast
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from promises import assert_exact, assert_float32_sums, assert_float64_sums, assert_within

HERE = Path(__file__).parent
SUMS = [(assert_float32_sums, np.float32), (assert_float64_sums, np.float64)]


@pytest.mark.parametrize(("check", "dtype"), SUMS)
def test_another_order_of_terms_is_rounding_and_a_lost_term_is_not(check, dtype):
    terms = np.random.default_rng(0).uniform(1, 2, size=(50, 2000)).astype(dtype)
    one = np.add.accumulate(terms, axis=1)[:, -1]
    other = terms.astype(np.float64).sum(axis=1)
    check(one, other)
    with pytest.raises(AssertionError, match="50 of 50 numbers differ by more than rounding allows"):
        check(one, other - 1)


@pytest.mark.parametrize(("check", "dtype"), SUMS)
def test_what_cancels_carries_the_rounding_of_what_was_added(check, dtype):
    # A thousand and a third, less a thousand: rounded as a thousand is.
    eps = np.finfo(dtype).eps
    rest = float((dtype(1000) + dtype(1) / dtype(3)) - dtype(1000))
    assert abs(rest - 1 / 3) > 64 * eps / 3
    check(rest, 1 / 3, summed=1000)
    with pytest.raises(AssertionError, match="more than rounding allows"):
        check(rest, 1 / 3)


def test_a_scale_may_differ_from_number_to_number():
    assert_float64_sums([1.0, 1e6 + 1e-9], [1.0, 1e6], summed=[1, 1e6])
    with pytest.raises(AssertionError, match=r"most at \(0,\)"):
        assert_float64_sums([1.0 + 1e-9, 1e6], [1.0, 1e6], summed=[1, 1e6])


@pytest.mark.parametrize("check", [assert_exact, assert_float32_sums, assert_float64_sums])
def test_missing_values_and_labels_must_be_the_same(check):
    table = pd.DataFrame({"a": [1.0, np.nan, np.inf]}, index=list("xyz"))
    check(table, table.copy())
    for other in (table.fillna(1.0), table.replace(np.inf, np.nan), table.rename(index={"x": "w"})):
        with pytest.raises(AssertionError):
            check(other, table)


def test_a_limit_has_its_reason():
    assert_within(1.05, 1, 0.1, "an estimate of 100 draws")
    with pytest.raises(AssertionError, match="an estimate of 100 draws"):
        assert_within(1.15, 1, 0.1, "an estimate of 100 draws")
    assert_within([1.05, 10.5], [1, 10], [0.1, 1], "tenths")
    with pytest.raises(AssertionError, match=r"more than tenths allows, most at \(1,\)"):
        assert_within([1.05, 10.5], [1, 10], [0.1, 0.1], "tenths")
    with pytest.raises(AssertionError):
        assert_within(1, 1, 0.1, "")


@pytest.mark.parametrize("limit", [np.nan, np.inf])
def test_a_limit_is_a_number(limit):
    with pytest.raises(AssertionError, match="a limit that is not finite"):
        assert_within(1, 2, limit, "anything")
    with pytest.raises(AssertionError, match="a limit that is not finite"):
        assert_float64_sums(1, 2, summed=limit)


def test_exact_is_to_the_last_bit():
    assert_exact(np.array([1.0]), np.array([1.0]))
    with pytest.raises(AssertionError):
        assert_exact(np.array([1.0]), np.array([np.nextafter(1, 2)]))
    with pytest.raises(AssertionError):
        assert_exact(pd.Series([1.0]), pd.Series([np.nextafter(1, 2)]))


BARE = {"assert_allclose", "allclose", "isclose", "assert_frame_equal", "assert_series_equal"}


def bare_comparisons(source):
    """Line and name of each comparison with a tolerance of its own: no promise says what it stands for."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            tolerances = {"rel", "abs", "rtol", "atol"} & {word.arg for word in node.keywords}
            if name in BARE or (name == "approx" and tolerances):
                yield f"{node.lineno}: {name}"


def test_bare_comparisons_are_found():
    text = "np.testing.assert_allclose(a, b)\nassert a == pytest.approx(1, abs=0.1)\nassert a == pytest.approx(1)\n"
    assert list(bare_comparisons(text)) == ["1: assert_allclose", "2: approx"]


def test_every_comparison_checks_a_promise():
    files = [file for file in HERE.glob("*.py") if file.name not in ("promises.py", Path(__file__).name)]
    assert len(files) > 50
    found = [f"{file.name}:{place}" for file in files for place in bare_comparisons(file.read_text())]
    assert found == []
