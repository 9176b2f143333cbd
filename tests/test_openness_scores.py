"""openness_scores and site_correlations: levels, differences between cell types, calls."""

import numpy as np
import pandas as pd
import pytest
from promises import assert_exact, assert_float64_sums
from scipy.stats import pearsonr
from sklearn.metrics import average_precision_score, roc_auc_score

from skepi.sequence import openness_scores, site_correlations


@pytest.fixture
def tables(rng):
    truth = pd.DataFrame(rng.normal(size=(40, 4)), columns=list("abcd"), index=[f"s{i}" for i in range(40)])
    return truth, truth + rng.normal(size=(40, 4))


def test_they_are_pearson_correlations(tables):
    truth, prediction = tables
    found = openness_scores(truth, prediction)
    relative = [side.sub(side.mean(axis=1), axis=0) for side in tables]
    for name in truth:
        others = truth.drop(columns=name).mean(axis=1)
        assert_float64_sums(found.loc[name, "r_levels"], pearsonr(truth[name], prediction[name])[0])
        assert_float64_sums(found.loc[name, "r_relative"], pearsonr(relative[0][name], relative[1][name])[0])
        assert_float64_sums(found.loc[name, "r_site_mean"], pearsonr(truth[name], others)[0])
    assert_float64_sums(found.loc["mean"].to_numpy(), found.iloc[:-1].mean().to_numpy())
    by_site = site_correlations(truth, prediction)
    assert by_site.index.equals(truth.index)
    assert_float64_sums(by_site["s3"], pearsonr(truth.loc["s3"], prediction.loc["s3"])[0])


def test_a_model_of_site_means_knows_levels_and_no_differences(rng):
    level = rng.normal(size=(200, 1))
    truth = level + rng.normal(scale=0.3, size=(200, 5))
    found = openness_scores(truth, np.repeat(level, 5, axis=1) + rng.normal(scale=1e-3, size=(200, 5)))
    assert found.loc["mean", "r_levels"] > 0.9
    assert found.loc["mean", "r_site_mean"] > 0.9
    assert abs(found.loc["mean", "r_relative"]) < 0.15  # SD of the mean of five is about .03


def test_calls_get_areas_and_the_share_that_chance_reaches(tables):
    truth, prediction = tables
    calls = (truth > 0.5).astype(int)
    calls["d"] = 1
    found = openness_scores(calls, prediction)
    assert_exact(found.loc["a", "auc"], roc_auc_score(calls["a"], prediction["a"]))
    assert_exact(found.loc["a", "average_precision"], average_precision_score(calls["a"], prediction["a"]))
    assert found.loc["d", ["auc", "average_precision", "r_levels"]].isna().all()
    assert found.loc["d", "share_open"] == 1
    assert "auc" not in openness_scores(truth, prediction)


def test_what_does_not_vary_has_no_correlation():
    constant = np.full((5, 3), 0.1)
    varied = np.arange(15.0).reshape(5, 3) ** 2
    assert openness_scores(varied, constant)[["r_levels", "r_relative"]].isna().all(axis=None)
    assert site_correlations(varied, constant).isna().all()
    assert openness_scores(varied[:, :1], varied[:, :1])[["r_relative", "r_site_mean"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("truth", "prediction", "message"),
    [
        (np.zeros((3, 2)), np.zeros((2, 3)), r"y_true has shape \(3, 2\) and y_pred \(2, 3\): wanted two tables"),
        (np.zeros(3), np.zeros(3), r"wanted two tables of \(n_sites, n_cell_types\)"),
        (np.zeros((2, 2)), np.zeros((2, 2)), "at least 3 of them, got 2"),
        (np.full((3, 2), np.nan), np.zeros((3, 2)), "y_true has values that are not finite"),
        (np.zeros((3, 2)), np.full((3, 2), np.inf), "y_pred has values that are not finite"),
    ],
)
def test_tables_that_cannot_be_scored(truth, prediction, message):
    with pytest.raises(ValueError, match=message):
        openness_scores(truth, prediction)


def test_tables_in_another_order(tables):
    truth, prediction = tables
    with pytest.raises(ValueError, match="different columns: give y_pred in the order of y_true"):
        openness_scores(truth, prediction[["b", "a", "c", "d"]])
    with pytest.raises(ValueError, match="different index"):
        openness_scores(truth, prediction.iloc[::-1])


def test_a_cell_type_called_mean(tables):
    with pytest.raises(ValueError, match="a cell type is called 'mean'"):
        openness_scores(tables[0].rename(columns={"a": "mean"}), tables[1].to_numpy())


def test_two_cell_types_are_too_few_for_a_site():
    with pytest.raises(ValueError, match="at least 3 of them, got 2"):
        site_correlations(np.zeros((3, 2)), np.zeros((3, 2)))
