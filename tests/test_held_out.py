"""Held-out predictions, and the control that a clean procedure passes and a leaking one does not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_exact, assert_float32_sums, assert_float64_sums
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline

from skepi.binning import TSSBinner, symmetric_edges
from skepi.compose import GeneZTarget
from skepi.datasets import make_paired_openness
from skepi.metrics import skill, within_gene_skill
from skepi.model_selection import (
    CellTypeKFold,
    ChromosomeKFold,
    CrossedKFold,
    GeneKFold,
    LeaveOneCellTypeOut,
    LineageKFold,
    PairKFold,
    ShuffleControl,
    cross_val_pairs,
    permute_cell_types,
    shuffle_control,
)
from skepi.preprocessing import LogZScaler

unseen_genes = pytest.mark.filterwarnings("ignore::skepi.exceptions.UnseenGeneWarning")

SEEN_GENES = [PairKFold(3), CellTypeKFold(4), LineageKFold(), LeaveOneCellTypeOut()]
UNSEEN_GENES = [ChromosomeKFold(2), GeneKFold(3), CrossedKFold(3, 2)]
PROCEDURES = [(cv, "skill") for cv in SEEN_GENES] + [(cv, "within_gene_skill") for cv in UNSEEN_GENES]


def banded_ridge():
    edges = symmetric_edges([0, 1_000, 5_000, 20_000, 100_000])
    return Pipeline([("bins", TSSBinner(edges=edges)), ("scale", LogZScaler()), ("model", GeneZTarget(Ridge(10)))])


def name_of(value):
    return value if isinstance(value, str) else type(value).__name__


# --- held-out predictions


@unseen_genes
@pytest.mark.parametrize("cv", SEEN_GENES + UNSEEN_GENES, ids=name_of)
def test_rows_are_the_test_pairs_fold_by_fold_with_the_training_mean_of_the_gene(pairs, cv):
    X, y = pairs
    table = cross_val_pairs(GeneZTarget(DummyRegressor()), X, y, cv)
    assert list(table) == ["fold", "gene", "cell_type", "y_true", "y_pred", "train_mean"]
    names, gene_of = X.to_frame(), X.gene_codes
    for fold, (train, test) in enumerate(cv.split(X, y)):
        rows = table[table["fold"] == fold]
        np.testing.assert_array_equal(rows[["gene", "cell_type"]], names.iloc[test])
        np.testing.assert_array_equal(rows["y_true"], y[test])
        means = {gene: np.mean([y[i] for i in train if gene_of[i] == gene]) for gene in set(gene_of[train])}
        assert_float64_sums(rows["train_mean"], [means.get(gene_of[i], np.nan) for i in test])


@unseen_genes
@pytest.mark.parametrize("cv", UNSEEN_GENES, ids=name_of)
def test_unseen_genes_have_no_training_mean(pairs, cv):
    assert cross_val_pairs(GeneZTarget(DummyRegressor()), *pairs, cv)["train_mean"].isna().all()


def test_predictions_are_those_of_a_clone_fitted_on_the_training_pairs(pairs):
    X, y = pairs
    model, cv = banded_ridge(), CellTypeKFold(3)
    table, fitted = cross_val_pairs(model, X, y, cv, return_estimators=True)
    assert not hasattr(model[-1], "gene_mean_")
    for fold, (train, test) in enumerate(cv.split(X)):
        predicted = table.loc[table["fold"] == fold, "y_pred"]
        assert_exact(predicted.to_numpy(), banded_ridge().fit(X[train], y[train]).predict(X[test]))
        assert_exact(predicted.to_numpy(), fitted[fold].predict(X[test]))


@pytest.mark.slow
def test_two_processes_give_the_same_table(pairs):
    one, two = (cross_val_pairs(banded_ridge(), *pairs, CellTypeKFold(3), n_jobs=n) for n in (1, 2))
    assert_exact(one.drop(columns="y_pred"), two.drop(columns="y_pred"))
    assert_float32_sums(one["y_pred"], two["y_pred"])  # processes have threads of their own


def test_binned_rows_are_named_as_pairs_are(pairs):
    X, y = pairs
    binned = TSSBinner(edges=symmetric_edges([0, 1_000, 5_000])).fit_transform(X)
    model = GeneZTarget(DummyRegressor())
    of_binned, of_pairs = (cross_val_pairs(model, rows, y, CellTypeKFold(3)) for rows in (binned, X))
    assert_exact(of_binned, of_pairs)


def test_changed_test_targets_reach_no_prediction_of_their_fold(pairs):
    X, y = pairs
    cv = CellTypeKFold(3)
    before = cross_val_pairs(banded_ridge(), X, y, cv)
    _, test = next(cv.split(X))
    changed = y.copy()
    changed[test] += 100
    after = cross_val_pairs(banded_ridge(), X, changed, cv)
    first = before["fold"] == 0
    columns = ["y_pred", "train_mean"]
    np.testing.assert_array_equal(after.loc[first, columns], before.loc[first, columns])
    assert (after.loc[~first, "train_mean"] != before.loc[~first, "train_mean"]).all()


@pytest.mark.parametrize("function", [cross_val_pairs, shuffle_control])
def test_held_out_scores_refuse_what_are_no_pairs(function, pairs):
    X, y = pairs
    with pytest.raises(TypeError, match="wanted pairs, which know their gene and cell type; got ndarray"):
        function(Ridge(), np.zeros((6, 1)), np.zeros(6), PairKFold(2))
    with pytest.raises(ValueError, match=f"y has 3 values for {len(X)} pairs"):
        function(Ridge(), X, y[:3], PairKFold(2))
    with pytest.raises(ValueError, match="y holds NaN or infinite values"):
        function(Ridge(), X, np.append(y[:-1], np.nan), PairKFold(2))


# --- permuting cell types


def test_permuting_cell_types_by_hand(pairs):
    # Gene 0 reads 0, 1, 2 in cell types 0, 1, 2 and gene 1 reads 10, 11, 12: whatever permutation is drawn,
    # both genes must show it.
    X = pairs[0]
    rows = np.flatnonzero((X.gene_codes < 2) & (X.cell_type_codes < 3))
    X = X[rows]
    y = 10 * X.gene_codes + X.cell_type_codes
    drawn = set()
    for seed in range(30):
        permuted = X.unstack(permute_cell_types(X, y, seed)).to_numpy()
        np.testing.assert_array_equal(permuted[1], permuted[0] + 10)
        drawn.add(tuple(permuted[0]))
    assert len(drawn) == 6  # all orders of three


@given(order=st.randoms(use_true_random=False), seed=st.integers(0, 99))
def test_permuting_is_joint_over_genes_in_any_row_order(pairs, order, seed):
    X, y = pairs
    rows = list(range(len(X)))
    order.shuffle(rows)
    table = X.unstack(y).to_numpy()
    permuted = X[rows].unstack(permute_cell_types(X[rows], y[rows], seed)).to_numpy()
    columns = [int(np.flatnonzero(table[0] == value)[0]) for value in permuted[0]]
    assert sorted(columns) == list(range(12))
    np.testing.assert_array_equal(permuted, table[:, columns])


def test_permuting_is_reproducible_and_leaves_the_targets_alone(pairs):
    X, y = pairs
    before = y.copy()
    np.testing.assert_array_equal(permute_cell_types(X, y, 5), permute_cell_types(X, y, 5))
    assert (permute_cell_types(X, y, 5) != permute_cell_types(X, y, 6)).any()
    np.testing.assert_array_equal(y, before)


@pytest.mark.parametrize(
    "rows",
    [slice(1, None), np.r_[0:720, 0], np.r_[0, 0:719], np.r_[1:720, 1]],
    ids=["missing", "twice", "twice and missing", "another for the missing"],
)
def test_permuting_an_incomplete_grid_is_refused(pairs, rows):
    X, y = pairs
    with pytest.raises(ValueError, match="needs every gene in every cell type, each pair once"):
        permute_cell_types(X[rows], y[rows], 0)


def test_permuting_refuses_plain_rows():
    with pytest.raises(TypeError, match="wanted pairs"):
        permute_cell_types(np.zeros((4, 2)), np.zeros(4))


# --- the control


def test_the_verdict_by_hand():
    # Scores .1 and .3: mean .2, SD .2 / sqrt(2), standard error .1: 2 standard errors reach the mean.
    on_the_line = ShuffleControl(np.array([0.1, 0.3]), 0.5)
    assert (on_the_line.mean, on_the_line.standard_error) == pytest.approx((0.2, 0.1))
    assert on_the_line.passed
    # .2 and .3: mean .25, standard error .05, twice that is .1.
    assert not ShuffleControl(np.array([0.2, 0.3]), 0.5).passed
    assert ShuffleControl(np.array([-0.2, -0.3]), 0.5).passed
    assert ShuffleControl(np.zeros(2), 0.5).passed


def test_shuffled_targets_that_score_beyond_two_standard_errors_are_a_leak():
    # Scores .15 and .35: mean .25, SD .2 / sqrt(2), standard error .1; the mean lies 2.5 standard errors above 0.
    assert not ShuffleControl(np.array([0.15, 0.35]), 0.5).passed


@pytest.mark.slow
@unseen_genes
@pytest.mark.parametrize(
    ("cv", "metric"),
    [
        pytest.param(*one, marks=() if one in (PROCEDURES[0], PROCEDURES[-1]) else pytest.mark.slow)
        for one in PROCEDURES
    ],
    ids=name_of,
)
def test_shuffled_targets_score_about_0_under_every_splitter(pairs, cv, metric):
    control = shuffle_control(banded_ridge(), *pairs, cv, metric=metric, n_permutations=10)
    assert control.scores.shape == (10,)
    assert control.mean <= 2 * control.standard_error
    assert control.passed
    assert control.score > 0.08
    assert control.score > control.scores.max() + 0.02


def test_control_scores_are_those_of_permuted_targets(pairs):
    X, y = pairs
    cv, model = CellTypeKFold(3), banded_ridge()
    control = shuffle_control(model, X, y, cv, n_permutations=2, random_state=7)

    def score(targets):
        return skill(*(cross_val_pairs(model, X, targets, cv)[name] for name in ("y_true", "y_pred", "train_mean")))

    rng = np.random.RandomState(7)
    wanted = [score(permute_cell_types(X, y, rng)) for _ in range(2)]
    assert_float64_sums(control.scores, wanted, summed=1)
    assert_float64_sums(control.score, score(y), summed=1)
    assert wanted[0] != wanted[1]


@unseen_genes
def test_the_metric_for_unseen_genes_is_taken_within_genes(pairs):
    X, y = pairs
    control = shuffle_control(banded_ridge(), X, y, GeneKFold(3), metric="within_gene_skill", n_permutations=2)
    table = cross_val_pairs(banded_ridge(), X, y, GeneKFold(3))
    wanted = within_gene_skill(table["y_true"], table["y_pred"], table["gene"])
    assert_float64_sums(control.score, wanted, summed=1)
    with pytest.raises(ValueError, match="NaN marks a gene without training pairs"):
        shuffle_control(banded_ridge(), X, y, GeneKFold(3), n_permutations=2)


class LeakyKFold(CellTypeKFold):
    """A splitter that leaks: test rows stay in training."""

    def split(self, X, y=None, groups=None):
        for _, test in super().split(X, y, groups):
            yield np.arange(len(X)), test


class Memory(RegressorMixin, BaseEstimator):
    """Remembers the target of each pair; of a pair never seen it knows the mean of all."""

    def fit(self, X, y):
        self.known_ = dict(zip(zip(X.gene_codes, X.cell_type_codes, strict=True), y, strict=True))
        return self

    def predict(self, X):
        mean = np.mean(list(self.known_.values()))
        return np.array([self.known_.get(p, mean) for p in zip(X.gene_codes, X.cell_type_codes, strict=True)])


class TellingKFold(CellTypeKFold):
    """A splitter that hands the test targets, all of them, to whoever asks."""

    last_y = None

    def split(self, X, y=None, groups=None):
        type(self).last_y = X.unstack(y)
        yield from super().split(X, y, groups)


class Peeker(GeneZTarget):
    """A GeneZTarget that moves half-way to the mean over all cell types, test ones with them."""

    def fit(self, X, y):
        super().fit(X, y)
        self.leaked_ = TellingKFold.last_y.mean(axis=1)
        return self

    def predict(self, X):
        codes, names = X.gene_codes, X.genes["name"].to_numpy()
        return (super().predict(X) + self.leaked_.reindex(names).to_numpy()[codes]) / 2


def test_the_control_catches_a_splitter_that_leaves_test_rows_in_training(pairs):
    # The training mean is that of the leaking fold as well, so it takes a model with a memory to profit.
    model = GeneZTarget(Memory())
    assert not shuffle_control(model, *pairs, LeakyKFold(3), n_permutations=3).passed
    assert shuffle_control(model, *pairs, CellTypeKFold(3), n_permutations=3).passed


@pytest.mark.slow
def test_the_control_catches_statistics_over_all_cell_types(pairs):
    """Gene means that see the test cell types beat the training means, on shuffled targets as well."""
    leaking = shuffle_control(Peeker(DummyRegressor()), *pairs, TellingKFold(3))
    assert leaking.mean > 0.05
    assert not leaking.passed
    assert shuffle_control(GeneZTarget(DummyRegressor()), *pairs, TellingKFold(3)).passed


@pytest.mark.slow
def test_openness_that_says_nothing_scores_no_better_than_shuffled_targets():
    data, _ = make_paired_openness(60, 12, cis_share=0, program_share=0, random_state=3)
    control = shuffle_control(banded_ridge(), *data.pairs(return_X_y=True), CellTypeKFold(4))
    assert control.passed
    assert control.score < control.scores.max() + 0.02


def test_settings_of_the_control_are_checked(pairs):
    with pytest.raises(ValueError, match="n_permutations must be 2 or greater, got 1"):
        shuffle_control(Ridge(), *pairs, PairKFold(2), n_permutations=1)
    with pytest.raises(ValueError, match="metric must be 'skill' or 'within_gene_skill', got 'r2'"):
        shuffle_control(Ridge(), *pairs, PairKFold(2), metric="r2")


def test_a_number_of_folds_does_not_say_what_is_held_out(pairs):
    with pytest.raises(TypeError, match="cv must be a splitter"):
        cross_val_pairs(GeneZTarget(Ridge()), *pairs, cv=5)
