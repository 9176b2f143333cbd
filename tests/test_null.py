"""Simultaneous limits and adjusted p-values: by hand, by a slow loop, and their coverage by simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_exact, assert_float64_sums

from skepi.inspection._null import adjusted_p_values, simultaneous_limits


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n_permutations", "n_groups"), [(19, 1), (19, 8), pytest.param(39, 8, marks=pytest.mark.slow)]
)
def test_limits_cover_further_noise_as_often_as_they_say(n_permutations, n_groups):
    rng, outside = np.random.default_rng(1), 0
    for _ in range(400):
        # Neighbours go together, and scales differ.
        noise = rng.normal(size=(n_permutations + 1, n_groups)) + rng.normal(size=(n_permutations + 1, 1))
        observed, *null = noise * np.geomspace(1, 10, n_groups) + 3
        low, high = simultaneous_limits(null)
        beyond = (observed < low) | (observed > high)
        np.testing.assert_array_equal(beyond, adjusted_p_values(null, observed) <= 0.05 + 1e-12)
        outside += beyond.any()
    assert 0.015 <= outside / 400 <= 0.085


def slow_limits(null, level):
    """One refit, one group at a time."""
    null = np.asarray(null, dtype=float)
    n_permutations, n_groups = null.shape
    floor = 0.01 * np.mean([np.var(null[:, k], ddof=1) for k in range(n_groups)])
    maxima = []
    for b in range(n_permutations):
        others = [row for c, row in enumerate(null) if c != b]
        deviations = []
        for k in range(n_groups):
            values = [row[k] for row in others]
            deviations.append(abs(null[b, k] - np.mean(values)) / np.sqrt(np.var(values, ddof=1) + floor))
        maxima.append(max(deviations))
    q = sorted(maxima)[int(np.ceil(level * (n_permutations + 1) - 1e-9)) - 1]
    sd = np.sqrt(null.var(axis=0, ddof=1) + floor)
    return null.mean(axis=0) - q * sd, null.mean(axis=0) + q * sd


@pytest.mark.parametrize(("n_permutations", "level"), [(19, 0.95), (25, 0.9), (4, 0.8), (39, 0.95), (9, 0.9)])
def test_limits_equal_a_slow_loop(rng, n_permutations, level):
    null = rng.normal(size=(n_permutations, 5)) * [1, 2, 0, 0.001, 30]
    wanted = slow_limits(null, level)
    assert_float64_sums(simultaneous_limits(null, level), wanted, summed=np.abs(wanted).max(axis=0))


nulls = st.integers(0, 10_000).map(lambda seed: np.random.default_rng(seed).normal(size=(21, 3)).round(2))


@given(nulls, st.sampled_from([1e-6, 0.5, -2.0, 1e6]), st.lists(st.integers(-9, 9), min_size=3, max_size=3))
def test_limits_move_and_stretch_with_the_values(null, scale, shift):
    observed = 1.5 * null[0] + 0.3
    low, high = simultaneous_limits(null)
    changed = simultaneous_limits(scale * (null + shift))
    wanted = np.sort([scale * (low + shift), scale * (high + shift)], axis=0)
    assert_float64_sums(changed, wanted, summed=abs(scale) * (np.abs([low, high]).max() + 9))  # 9: greatest shift
    p = adjusted_p_values(null, observed)
    np.testing.assert_array_equal(adjusted_p_values(scale * (null + shift), scale * (observed + shift)), p)
    order = np.random.default_rng(0).permutation(21)
    assert_float64_sums(simultaneous_limits(null[order]), (low, high))
    assert (p > 0).all()
    assert (p <= 1).all()


def test_p_values_by_hand():
    # Against the other three, with mean -1/3 and variance 4/3 in both cases (and the floor of a hundredth of 4/3),
    # every refit deviates by 4/3; observed values deviate from 0, with the same variance.
    null = [[-1.0], [1.0], [-1.0], [1.0]]
    edge = 4 / 3
    assert adjusted_p_values(null, [edge - 0.01]).tolist() == [1.0]
    assert adjusted_p_values(null, [edge + 0.01]).tolist() == [0.2]
    assert_float64_sums(simultaneous_limits(null, 0.8), [[-edge], [edge]])
    assert adjusted_p_values(np.random.default_rng(0).normal(size=(99, 2)), [1e9, -1e9]).tolist() == [0.01, 0.01]


def test_groups_that_never_vary():
    # 0.1 is not a binary fraction, and the mean of 19 of them is not 0.1.
    null = np.full((19, 4), 0.1)
    low, high = simultaneous_limits(null)
    assert (low == 0.1).all()
    assert (high == 0.1).all()
    assert adjusted_p_values(null, [0.1, 0.2, 0.0, 0.1]).tolist() == [1.0, 0.05, 0.05, 1.0]
    null[:, 0] = np.arange(19) % 3
    low, high = simultaneous_limits(null)
    assert (low[1:] < 0.1).all()
    assert (high[1:] > 0.1).all()  # the floor: not beyond at a whisker
    assert adjusted_p_values(null, [1.0, 0.1, 0.1001, 9.0]).tolist() == [1.0, 1.0, 1.0, 0.05]


def test_the_rank_of_a_limit_is_not_raised_by_rounding(rng):
    # .55 x 100 is 55.00000000000001 in floating point: the limit is the 55th smallest, not the 56th.
    null = rng.normal(size=(99, 3))
    assert_exact(simultaneous_limits(null, 0.55), simultaneous_limits(null, 0.55 - 1e-10))


def test_limits_stay_finite_where_one_refit_alone_differs():
    null = np.zeros((19, 4))  # as of a Lasso that leaves nearly all weights at 0
    null[7, 2] = 0.5
    low, high = simultaneous_limits(null)
    assert np.isfinite(low).all()
    assert np.isfinite(high).all()
    assert low[2] < 0 < 0.5 < high[2]
    assert 0 < high[0] < high[2]


@pytest.mark.parametrize(
    ("null", "level", "message"),
    [
        (np.zeros((18, 2)), 0.95, "limits at level 0.95 need at least 19 permutations .* got 18"),
        (np.zeros((98, 2)), 0.99, "need at least 99 permutations"),
        (np.zeros((19, 2)), 1.0, "level must be between 0 and 1, got 1.0"),
        (np.zeros((19, 2)), 0, "level must be between 0 and 1"),
        (np.zeros((2, 2)), 0.5, "at least 3 permutations"),
        (np.zeros((19, 0)), 0.95, r"got shape \(19, 0\)"),
        (np.zeros(19), 0.95, r"got shape \(19,\)"),
        (np.full((19, 2), np.nan), 0.95, "values that are not finite"),
    ],
)
def test_a_null_that_gives_no_limits_is_refused(null, level, message):
    with pytest.raises(ValueError, match=message):
        simultaneous_limits(null, level)
