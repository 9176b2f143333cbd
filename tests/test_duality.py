"""The duality gap: by hand, and the same in its two users, from moments and from rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_float64_sums

from skepi._lasso._duality import relative_gaps
from skepi._lasso._gene_paths import duality_gaps
from skepi._lasso._moments import moments_of_array
from skepi._lasso._solve import duality_gap


def test_by_hand():
    """y = (1, -1), x = (1, -1), w = 0 at lam = 1: steepest 2, shrink 1/2, primal 1, dual (2 - 1/2) / 2 = 3/4."""
    assert relative_gaps(2, 2.0, 2.0, 2.0, 2.0, 1.0, 0.0) == pytest.approx(0.25)
    assert relative_gaps(2, 2.0, 2.0, 2.0, 0.0, 1.0, 0.0) == 0  # no slope: weights of 0 are the best


@given(st.integers(0, 10_000))
def test_moments_and_rows_give_the_same_gap(seed):
    rng = np.random.default_rng(seed)
    n, p, lams = rng.integers(3, 20), rng.integers(1, 9), np.array([1e-3, 0.1, 2.0])
    X, y, coefs = rng.normal(size=(n, p)), rng.normal(size=n), rng.normal(size=(3, p))
    X, y = X - X.mean(axis=0), y - y.mean()
    from_moments = [duality_gap(moments_of_array(X, y), *one) for one in zip(coefs, lams, strict=True)]
    summed = max(1.0, *from_moments)
    assert_float64_sums(from_moments, duality_gaps(X, y, coefs, lams), summed=summed, condition=n * p)
