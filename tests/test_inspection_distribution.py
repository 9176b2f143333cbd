"""Distribution of openness and expression, and its histogram: by hand, by law."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_exact, assert_float32_sums, assert_within
from scipy.stats import norm
from several_signals import several_signals, two_signals_by_hand

from skepi.inspection import distribution_summary, value_histogram, value_summary
from skepi.paired import PairedDataset

numbers = st.floats(-100, 100).map(lambda value: round(value, 3))


def tiny_data(openness, expression=None):
    openness = np.asarray(openness, dtype=float)
    n_peaks, n_cell_types = openness.shape
    return PairedDataset(
        openness,
        {"chrom": ["chr1"] * n_peaks, "start": np.arange(n_peaks) * 100, "end": np.arange(n_peaks) * 100 + 50},
        {"name": ["G"], "chrom": ["chr1"], "tss": [100], "strand": ["+"]},
        expression,
        [f"c{k}" for k in range(n_cell_types)],
    )


def test_summary_by_hand():
    # Expression 0, 0, 2, 3, 4: positive quartiles 2.5, 3, 3.5, so SD 1 / 1.349 and the zero lies 3 * 1.349 SDs below.
    summary = distribution_summary(tiny_data(np.expm1([[0.0, 1, 2, 3, 0]]), [[0.0, 0, 2, 3, 4]]))
    assert summary.index.tolist() == ["openness", "expression"]
    expected = norm.cdf(-3 * 1.3489795)
    wanted = {
        "n": 5,
        "zero_share": 0.4,
        "expected_zero_share": expected,
        "zero_excess": 0.4 - expected,
        "mean": 1.8,
        "sd": np.sqrt(29 / 5 - 1.8**2),
        "lower_quartile": 0,
        "median": 2,
        "upper_quartile": 3,
        "max": 4,
    }
    assert summary.loc["expression"].to_dict() == pytest.approx(wanted)
    assert_float32_sums(summary.loc["openness", ["mean", "median", "max"]], [6 / 5, 1, 3])


def test_a_normal_law_has_no_excess_and_added_zeros_are_the_excess(rng):
    values = np.maximum(rng.normal(3, 1, size=40_000), 0)
    plain = distribution_summary(tiny_data([[1.0] * values.size], [values])).loc["expression"]
    assert_within(plain["zero_excess"], 0, 0.002, "shares of 40,000 draws")
    values[:10_000] = 0
    more = distribution_summary(tiny_data([[1.0] * values.size], [values])).loc["expression"]
    assert_within(more["zero_excess"], 0.25, 0.003, "shares of 40,000 draws")


def test_zeros_are_not_expected_where_nothing_was_cut_at_0():
    negative = distribution_summary(tiny_data([[1.0, 2]], [[-1.0, 3]]))
    assert negative.loc["expression", ["expected_zero_share", "zero_excess"]].isna().all()
    closed = distribution_summary(tiny_data([[0.0, 0], [0, 0]]))
    assert closed.index.tolist() == ["openness"]
    assert closed.loc["openness", "zero_share"] == 1
    assert np.isnan(closed.loc["openness", "zero_excess"])
    equal = distribution_summary(tiny_data([[0.0, 5, 5, 5]]))
    assert equal.loc["openness", ["expected_zero_share", "zero_excess"]].tolist() == [0, 0.25]


def test_each_signal_has_a_row_of_its_own():
    summary = distribution_summary(two_signals_by_hand())
    assert summary.index.tolist() == ["ATAC", "K27ac", "expression"]
    assert summary["n"].tolist() == [4, 6, 4]
    assert summary["zero_share"].tolist() == [1 / 4, 1 / 6, 1 / 4]
    assert_float32_sums(summary["max"], np.log1p([16, 7, np.e**2 - 1]))
    assert_float32_sums(summary.loc["K27ac", "median"], (np.log1p(3) + np.log1p(5)) / 2)
    data = several_signals(("ATAC", "H3K27ac", "H3K4me3"))
    found = distribution_summary(data)
    assert found.index.tolist() == ["ATAC", "H3K27ac", "H3K4me3", "expression"]
    for name in data.signals:
        alone = distribution_summary(data.subset(signals=name))
        assert_exact(found.loc[name], alone.loc[name])


def test_a_signal_called_expression_is_refused():
    data = several_signals(("ATAC", "expression"))
    with pytest.raises(ValueError, match="a signal is called expression, as is the row of expression: give it another"):
        distribution_summary(data)


def test_values_are_summarised_as_the_expression_of_a_data_set():
    values = [[0.0, 0, 2, 3, 4]]
    summary = distribution_summary(tiny_data([[1.0] * 5], values))
    assert_exact(value_summary(values), summary.loc["expression"].astype(float).rename(None))


def test_values_without_a_summary_are_refused():
    with pytest.raises(ValueError, match="values: no values to count"):
        value_summary([])
    with pytest.raises(ValueError, match="values: 2 of 3 are NaN or infinite"):
        value_summary([1, np.nan, np.inf])


def test_only_a_data_set_has_a_summary():
    with pytest.raises(TypeError, match="data: wanted a PairedDataset, got ndarray"):
        distribution_summary(np.zeros((3, 2)))


def test_histogram_by_hand():
    table = value_histogram([[0, 1, 5], [0, 3, 2]], n_bins=2)  # [1, 3) holds 1 and 2, [3, 5] holds 3 and 5
    assert table.columns.tolist() == ["from", "to", "n", "share"]
    assert table[["from", "to", "n"]].to_numpy().tolist() == [[0, 0, 2], [1, 3, 2], [3, 5, 2]]
    assert value_histogram([2.0, 2, 2]).to_numpy().tolist() == [[2, 2, 3, 1]]
    assert value_histogram([0.0, 0]).to_numpy().tolist() == [[0, 0, 2, 1]]
    assert len(value_histogram([1.0, 2])) == 50


@given(st.lists(numbers, min_size=1, max_size=40), st.integers(1, 9))
def test_histogram_counts_every_value_once(values, n_bins):
    table = value_histogram(values, n_bins=n_bins)
    assert table["n"].sum() == len(values)
    assert table["share"].sum() == pytest.approx(1)
    zeros = values.count(0)
    assert table.loc[(table["from"] == 0) & (table["to"] == 0), "n"].sum() == zeros
    if zeros:
        assert table.loc[0, ["from", "to", "n"]].tolist() == [0, 0, zeros]


def test_histograms_that_cannot_be_made_are_refused():
    with pytest.raises(ValueError, match="no values to count"):
        value_histogram([])
    with pytest.raises(ValueError, match="2 of 3 are NaN or infinite"):
        value_histogram([1, np.nan, np.inf])
    for bad in (0, 2.5, True):
        with pytest.raises(ValueError, match=f"n_bins must be a whole number of 1 or more, got {bad}"):
            value_histogram([1.0], n_bins=bad)
