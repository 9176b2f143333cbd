"""Influence of cell types on the predictions of the others: by hand, by a slow loop, on a planted corruption."""

import numpy as np
import pandas as pd
import pytest
from promises import assert_exact, assert_float32_sums, assert_float64_sums
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline

from skepi.binning import TSSBinner, symmetric_edges
from skepi.compose import GeneZTarget
from skepi.datasets import make_paired_openness
from skepi.inspection import cell_type_influence
from skepi.inspection._null import simultaneous_limits
from skepi.metrics import skill, within_gene_skill
from skepi.model_selection import (
    CellTypeKFold,
    ChromosomeKFold,
    LeaveOneCellTypeOut,
    PairKFold,
    cross_val_pairs,
    permute_cell_types,
)
from skepi.preprocessing import LogZScaler

unseen_genes = pytest.mark.filterwarnings("ignore::skepi.exceptions.UnseenGeneWarning")
MEANS = GeneZTarget(DummyRegressor())


def banded_ridge():
    edges = symmetric_edges([0, 1_000, 5_000, 20_000, 100_000])
    return Pipeline([("bins", TSSBinner(edges=edges)), ("scale", LogZScaler()), ("model", GeneZTarget(Ridge(10)))])


@pytest.fixture(scope="module")
def few():
    """``X, y`` of 20 genes in 5 cell types."""
    data, _ = make_paired_openness(20, 5, n_lineages=2, n_chromosomes=2, n_peaks=400, random_state=2)
    return data.pairs(return_X_y=True)


def single_gene(n_cell_types):
    data, _ = make_paired_openness(n_genes=1, n_cell_types=n_cell_types, n_lineages=1, n_chromosomes=1)
    return data.pairs(), data.cell_types["name"].tolist()


class FixedFolds:
    """A splitter that gives these folds."""

    def __init__(self, *folds):
        self.folds = folds

    def split(self, X, y=None, groups=None):
        yield from ((np.array(train, dtype=int), np.array(test, dtype=int)) for train, test in self.folds)


def test_influence_by_hand():
    # Values 0, 0, 6; a model predicts the mean of the two others: 3, 3, 0, errors 9, 9, 36.
    # Without the third, 0 is predicted for both others: changes 9 + 9, errors 0; the training mean scores 9 + 9.
    # Without the first, 6 for the second (change 9, error 36) and 0 as before for the third (error 36).
    X, names = single_gene(3)
    table = cell_type_influence(MEANS, X, [0.0, 0, 6], LeaveOneCellTypeOut())
    assert table.index.tolist() == [names[2], names[0], names[1]]
    assert table.index.name == "cell_type"
    wanted = {
        "prediction_change": [3, np.sqrt(4.5), np.sqrt(4.5)],
        "relative_change": [1, np.sqrt(9 / 45), np.sqrt(9 / 45)],
        "skill_with": [0, 0, 0],
        "skill_without": [1, 1 - 72 / 45, 1 - 72 / 45],
        "skill_change": [-1, 27 / 45, 27 / 45],
    }
    assert_float64_sums(table, pd.DataFrame(wanted, index=table.index))


def slow_influence(model, X, y, cv, name):
    """One cell type's row with cross_val_pairs on rows without it."""
    cells = X.to_frame()["cell_type"].to_numpy()
    with_it, without_it = [], []
    for train, test in cv.split(X, y):
        test = test[cells[test] != name]
        left = train[cells[train] != name]
        if left.size < train.size and test.size:
            with_it.append(cross_val_pairs(model, X, y, FixedFolds((train, test))).assign(fold=len(with_it)))
            without_it.append(cross_val_pairs(model, X, y, FixedFolds((left, test))))
    table, without = pd.concat(with_it, ignore_index=True), pd.concat(without_it, ignore_index=True)["y_pred"]
    truth, prediction, mean = table["y_true"], table["y_pred"], table["train_mean"]
    change = np.sqrt(np.mean((without - prediction) ** 2))
    if mean.isna().all():
        units = table.groupby(["fold", "gene"]).ngroup()
        skills = [within_gene_skill(truth, values, units) for values in (prediction, without)]
    else:
        skills = [skill(truth, values, mean) for values in (prediction, without)]
    relative = change / np.sqrt(np.mean((truth - prediction) ** 2))
    return [change, relative, *skills, skills[0] - skills[1]]


@pytest.mark.slow
@unseen_genes
@pytest.mark.parametrize("cv", [CellTypeKFold(3), LeaveOneCellTypeOut(), PairKFold(2), ChromosomeKFold(2)], ids=str)
def test_influence_equals_a_slow_loop_under_any_splitter(few, cv):
    X, y = few
    table = cell_type_influence(banded_ridge(), X, y, cv)
    assert table["prediction_change"].is_monotonic_decreasing
    assert sorted(table.index) == sorted(X.cell_types["name"])
    for name, row in table.iterrows():
        assert_float32_sums(row, slow_influence(banded_ridge(), X, y, cv, name), summed=1)


@pytest.mark.slow
def test_a_corrupted_cell_type_is_first_and_harmful():
    data, truth = make_paired_openness(n_genes=200, n_cell_types=12, corrupted=3, corruption=4)
    table = cell_type_influence(banded_ridge(), *data.pairs(return_X_y=True), CellTypeKFold(4))
    assert table.index[0] == truth.corrupted
    assert table["prediction_change"].iloc[0] > 1.5 * table["prediction_change"].iloc[1]
    assert table["skill_change"].idxmin() == truth.corrupted
    assert table.loc[truth.corrupted, "skill_change"] < 0


@pytest.mark.slow
def test_processes_make_no_difference(few):
    wanted = cell_type_influence(banded_ridge(), *few, LeaveOneCellTypeOut())
    found = cell_type_influence(banded_ridge(), *few, LeaveOneCellTypeOut(), n_jobs=2)
    assert_float32_sums(found, wanted, summed=1)


@pytest.mark.slow
def test_row_order_makes_no_difference(few, rng):
    X, y = few
    table = cell_type_influence(banded_ridge(), X, y, LeaveOneCellTypeOut())
    order = rng.permutation(len(X))
    assert_float32_sums(cell_type_influence(banded_ridge(), X[order], y[order], LeaveOneCellTypeOut()), table, summed=1)


def test_only_cell_types_of_the_rows_are_removed(few):
    X, y = few
    rows = X.cell_type_codes != 1
    table = cell_type_influence(MEANS, X[rows], y[rows], LeaveOneCellTypeOut())
    assert sorted(table.index) == sorted(X.cell_types["name"].drop(1))


@pytest.mark.slow
def test_limits_are_those_of_refits_on_permuted_targets(few):
    X, y = few
    cv = LeaveOneCellTypeOut()
    plain = cell_type_influence(MEANS, X, y, cv)
    table = cell_type_influence(MEANS, X, y, cv, n_permutations=4, level=0.8, random_state=3)
    assert_exact(table[plain.columns], plain)
    rng = np.random.RandomState(3)
    null = [cell_type_influence(MEANS, X, permute_cell_types(X, y, rng), cv)["skill_change"] for _ in range(4)]
    low, high = simultaneous_limits([changes[table.index] for changes in null], 0.8)
    assert_float64_sums(table["null_low"], low, summed=1)
    assert_float64_sums(table["null_high"], high, summed=1)
    outside = (table["skill_change"] < low) | (table["skill_change"] > high)
    assert table["beyond"].dtype == bool
    np.testing.assert_array_equal(table["beyond"], outside)


def test_predictions_equal_to_the_truth_have_no_relative_change():
    X, _ = single_gene(4)
    table = cell_type_influence(MEANS, X, np.ones(4), LeaveOneCellTypeOut())
    assert table["prediction_change"].tolist() == [0] * 4
    assert table[["relative_change", "skill_with", "skill_without", "skill_change"]].isna().all(axis=None)


def test_a_mean_that_misses_a_constant_truth_by_rounding_makes_no_skill():
    X, _ = single_gene(7)
    y = np.full(7, 0.1)
    assert (cross_val_pairs(MEANS, X, y, LeaveOneCellTypeOut())["train_mean"] != 0.1).any()
    assert cell_type_influence(MEANS, X, y, LeaveOneCellTypeOut())["skill_change"].isna().all()


# --- errors


def test_what_is_no_pairs_or_no_splitter_is_refused(few):
    X, y = few
    with pytest.raises(TypeError, match="wanted pairs, which know their gene and cell type; got ndarray"):
        cell_type_influence(MEANS, np.zeros((4, 1)), np.zeros(4), LeaveOneCellTypeOut())
    with pytest.raises(TypeError, match=r"cv must be a splitter such as CellTypeKFold\(5\), .* got 5"):
        cell_type_influence(MEANS, X, y, 5)
    with pytest.raises(TypeError, match=r"cv must be a splitter such as CellTypeKFold\(5\), .* got None"):
        cell_type_influence(MEANS, X, y, None)
    with pytest.raises(ValueError, match=f"y has 3 values for {len(X)} pairs"):
        cell_type_influence(MEANS, X, y[:3], LeaveOneCellTypeOut())
    with pytest.raises(ValueError, match=r"limits at level 0\.95 need at least 19 permutations"):
        cell_type_influence(MEANS, X, y, LeaveOneCellTypeOut(), n_permutations=5)
    for bad in (19.5, 20.0, -1, True, "20"):
        with pytest.raises(ValueError, match=f"n_permutations must be a whole number of 0 or more, got {bad!r}"):
            cell_type_influence(MEANS, X, y, LeaveOneCellTypeOut(), n_permutations=bad)
    with pytest.raises(ValueError, match="level must be between 0 and 1, got 95"):
        cell_type_influence(MEANS, X, y, LeaveOneCellTypeOut(), level=95)


def test_two_cell_types_are_too_few(few):
    X, y = few
    rows = X.cell_type_codes < 2
    names = ", ".join(X.cell_types["name"][:2])
    with pytest.raises(ValueError, match=rf"influence needs 3 or more cell types, got 2 \({names}\)"):
        cell_type_influence(MEANS, X[rows], y[rows], LeaveOneCellTypeOut())


def test_folds_that_cannot_show_an_influence_are_refused():
    X, names = single_gene(4)
    y = np.arange(4.0)
    with pytest.raises(ValueError, match=rf"cell type\(s\) in no training set: {names[0]}, {names[3]}"):
        cell_type_influence(MEANS, X, y, FixedFolds(([1, 2], [0, 3])))
    with pytest.raises(ValueError, match=f"fold 1 trains on {names[2]} alone: nothing is left without it"):
        cell_type_influence(MEANS, X, y, FixedFolds(([0, 1], [2]), ([2], [3])))
    with pytest.raises(ValueError, match="fold 0 trains on nothing alone"):
        cell_type_influence(MEANS, X, y, FixedFolds(([], [3])))
    with pytest.raises(ValueError, match=rf"not tested by pairs of any other cell type: {names[3]}"):
        cell_type_influence(MEANS, X, y, FixedFolds(([0, 1, 2], [3]), ([2, 3], [3])))


@unseen_genes
def test_genes_with_and_without_training_pairs_are_not_mixed(few):
    X, y = few
    folds = list(CellTypeKFold(3).split(X))
    train, test = folds[0]
    folds[0] = (train[X.gene_codes[train] > 0], test)
    with pytest.raises(ValueError, match=f"{(X.gene_codes[test] == 0).sum()} of {len(X)} held-out pairs have no train"):
        cell_type_influence(MEANS, X, y, FixedFolds(*folds))


class Counted(RegressorMixin, BaseEstimator):
    """Predicts 0 and counts its fits."""

    fits = 0

    def fit(self, X, y):
        Counted.fits += 1
        return self

    def predict(self, X):
        return np.zeros(len(X))


@pytest.mark.parametrize("value", [1.0, 0.1])
def test_a_truth_that_does_not_vary_is_refused_before_permutations_are_fitted(value):
    X, names = single_gene(7)
    Counted.fits = 0
    y = np.full(7, value)
    message = f"the truth does not vary in the test pairs of others than {', '.join(names[:5])} and 2 more: changes of"
    with pytest.raises(ValueError, match=message):
        cell_type_influence(Counted(), X, y, LeaveOneCellTypeOut(), n_permutations=19)
    assert Counted.fits == 7 + 7 * 6


@unseen_genes
def test_a_truth_that_varies_with_one_cell_type_alone_is_named():
    data, _ = make_paired_openness(4, 4, n_lineages=1, n_chromosomes=2, n_peaks=100)
    X = data.pairs()
    y = (X.cell_type_codes == 2) * (1.0 + X.gene_codes)
    with pytest.raises(ValueError, match=f"in the test pairs of others than {X.cell_types['name'][2]}: changes of"):
        cell_type_influence(Counted(), X, y, ChromosomeKFold(2), n_permutations=19)


class Broken(RegressorMixin, BaseEstimator):
    """Predicts what it is told to."""

    def __init__(self, values=None):
        self.values = values

    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.array(self.values)


def test_predictions_that_are_none_are_refused():
    X, _ = single_gene(3)
    with pytest.raises(ValueError, match=r"Broken\(.*\) predicts NaN or infinite values for 1 pair\(s\)"):
        cell_type_influence(Broken([np.nan]), X, np.arange(3.0), LeaveOneCellTypeOut())
    with pytest.raises(ValueError, match=r"predicts shape \(2,\), wanted one value for each of 1 pairs"):
        cell_type_influence(Broken([1.0, 2.0]), X, np.arange(3.0), LeaveOneCellTypeOut())
