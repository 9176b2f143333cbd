"""GeneZTarget: z per gene with training statistics, by hand on pairs and on plain arrays."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_exact, assert_float32_sums, assert_float64_sums
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import BaggingRegressor
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skepi.binning import TSSBinner, symmetric_edges
from skepi.compose import GeneZTarget, z_score_per_gene
from skepi.exceptions import UnmatchedDataError, UnseenGeneWarning
from skepi.inspection import bin_importance
from skepi.linear_model import LassoBaseline
from skepi.metrics import skill
from skepi.model_selection import CellTypeKFold, GeneKFold
from skepi.paired import PairedDataset
from skepi.preprocessing import LogZScaler


class Recorder(RegressorMixin, BaseEstimator):
    """Keeps what it is fitted on and predicts a constant z."""

    def __init__(self, z=1.0):
        self.z = z

    def fit(self, X, y, note=None):
        self.X_, self.z_, self.note_ = X, y, note
        return self

    def predict(self, X):
        return np.full(len(X), self.z)


class Columns(LinearRegression):
    """Predicts a column, as networks do."""

    def predict(self, X):
        return super().predict(X)[:, None]


def two_genes(y=((1.0, 3.0), (6.0, 14.0)), genes=("a", "b")):
    """Genes a and b in cell types c1, c2, ...; by default means 2 and 10, SDs 1 and 4."""
    y = np.asarray(y)
    return PairedDataset(
        openness=np.ones((1, y.shape[1])),
        peaks={"chrom": ["chr1"], "start": [0], "end": [9]},
        genes={"name": genes, "chrom": ["chr1"] * len(y), "tss": range(len(y)), "strand": ["+"] * len(y)},
        expression=y,
        cell_types=[f"c{i + 1}" for i in range(y.shape[1])],
    )


def bins():
    edges = symmetric_edges([0, 1_000, 5_000, 20_000, 100_000])
    return [("bins", TSSBinner(edges=edges)), ("scale", LogZScaler())]


# --- by hand


def test_z_and_predictions_by_hand():
    # Gene a: mean 2, SD 1; gene b: mean 10, SD 4; offset 1: z = (-1, 1) / 2 and (-4, 4) / 5.
    # z = 1 is predicted everywhere: 2 + 2 and 10 + 5.
    X, y = two_genes().pairs(return_X_y=True)
    model = GeneZTarget(Recorder(z=1.0)).fit(X, y)
    assert_float64_sums(model.regressor_.z_, [-0.5, 0.5, -0.8, 0.8])
    assert_float64_sums(model.predict(X), [4, 4, 15, 15])
    assert model.gene_mean_.to_dict() == {"a": 2, "b": 10}
    assert model.gene_sd_.to_dict() == {"a": 1, "b": 4}
    assert model.grand_mean_ == 6
    assert model.pooled_sd_ == pytest.approx(np.sqrt((1 + 1 + 16 + 16) / 4))
    np.testing.assert_array_equal(model.training_mean(X), [2, 2, 10, 10])
    # Squared errors 9, 1, 81, 1 of variation 34.
    assert model.score(X, y) == pytest.approx(1 - 92 / 34)


def test_plain_arrays_are_one_gene_by_hand():
    # Mean 3, SD 1, offset 3: z = (-1, 1) / 4; z = 0.5 is predicted as 3 + 0.5 * 4.
    X, y = np.zeros((2, 1)), [2.0, 4.0]
    model = GeneZTarget(Recorder(z=0.5), sd_offset=3, one_gene=True).fit(X, y)
    assert_float64_sums(model.regressor_.z_, [-0.25, 0.25])
    assert_float64_sums(model.predict(np.ones((3, 1))), [5, 5, 5])
    assert model.gene_mean_.tolist() == [3]
    assert model.score(X, y) == pytest.approx(1 - (9 + 1) / 2)


def test_without_offset_a_constant_gene_has_z_0_and_is_predicted_at_its_mean():
    # Three equal values whose mean in floating point is not 0.1: rounding is not variation.
    X, y = two_genes([[0.1] * 3, [1, 2, 3]]).pairs(return_X_y=True)
    model = GeneZTarget(Recorder(z=2.0), sd_offset=0).fit(X, y)
    sd = np.sqrt(2 / 3)
    assert_float64_sums(model.regressor_.z_, [0, 0, 0, -1 / sd, 0, 1 / sd])
    assert model.gene_sd_["a"] == 0
    assert_float64_sums(model.predict(X), [0.1] * 3 + [2 + 2 * sd] * 3)


def test_a_gene_that_is_silent_everywhere_has_no_sd():
    """Log expression of silent genes is negative. Rounding must not become the scale that predictions are put on."""
    X, y = two_genes([[-0.1] * 3, [-0.7] * 3]).pairs(return_X_y=True)
    model = GeneZTarget(Recorder(), sd_offset=0).fit(X, y)
    assert model.gene_sd_.tolist() == [0, 0]
    assert not model.regressor_.z_.any()


def test_small_variation_of_a_gene_is_no_rounding():
    X, y = two_genes([[9.0 - 2**-25, 9.0 + 2**-25], [1, 3]]).pairs(return_X_y=True)  # exact in floating point
    model = GeneZTarget(Recorder(), sd_offset=0).fit(X, y)
    assert model.gene_sd_["a"] == pytest.approx(2**-25)
    assert model.regressor_.z_.tolist() == pytest.approx([-1, 1, -1, 1])


def test_all_genes_constant():
    X, y = two_genes([[1.0, 1.0], [5.0, 5.0]]).pairs(return_X_y=True)
    model = GeneZTarget(Recorder(), sd_offset=0).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), y)
    assert model.pooled_sd_ == 0


@given(st.integers(0, 999), st.sampled_from([0, 0.01, 1, 3]))
def test_statistics_and_z_equal_a_slow_loop(pairs, seed, sd_offset):
    X, y = pairs
    rows = np.random.default_rng(seed).permutation(len(X))[:100]
    model = GeneZTarget(Recorder(), sd_offset=sd_offset).fit(X[rows], y[rows])
    names, squares = X[rows].to_frame()["gene"].to_numpy(), []
    for gene in set(names):
        values = y[rows][names == gene]
        size = np.abs(values).max()
        assert_float64_sums(model.gene_mean_[gene], values.mean(), summed=size)
        assert_float64_sums(model.gene_sd_[gene], values.std(), summed=size)
        scale = values.std() + sd_offset
        wanted = (values - values.mean()) / scale if np.ptp(values) > 0 else np.zeros(values.size)
        assert_float64_sums(model.regressor_.z_[names == gene], wanted, summed=size / (scale or 1), condition=4)
        squares.extend((values - values.mean()) ** 2)
    assert set(model.gene_mean_.index) == set(model.gene_sd_.index) == set(names)
    assert model.grand_mean_ == pytest.approx(y[rows].mean())
    assert model.pooled_sd_ == pytest.approx(np.sqrt(np.mean(squares)))


@given(st.floats(0.1, 9), st.floats(-5, 5))
def test_units_without_offset_do_not_matter(pairs, factor, shift):
    X, y = pairs
    model = GeneZTarget(Pipeline([*bins(), ("ridge", Ridge(1))]), sd_offset=0)
    predicted = model.fit(X[:120], y[:120]).predict(X[:120])
    changed = model.fit(X[:120], factor * y[:120] + shift).predict(X[:120])
    wanted = factor * predicted + shift
    assert_float32_sums(changed, wanted, summed=np.abs(factor * predicted).max() + abs(shift))


# --- genes


def test_genes_are_known_by_name_whatever_their_place():
    X, y = two_genes().pairs(return_X_y=True)
    model = GeneZTarget(Recorder(z=0.0)).fit(X, y)
    other = two_genes([[0.0], [0.0]], genes=("b", "a")).pairs()
    np.testing.assert_array_equal(model.predict(other), [10, 2])
    assert model.gene_mean_.index.name == "gene"


def test_only_genes_in_the_training_rows_have_statistics():
    X, y = two_genes().pairs(return_X_y=True)
    model = GeneZTarget(Recorder()).fit(X[2:], y[2:])
    assert model.gene_mean_.to_dict() == {"b": 10}
    np.testing.assert_array_equal(model.training_mean(X), [np.nan, np.nan, 10, 10])


def test_an_unseen_gene_gets_the_grand_mean_and_the_pooled_sd_with_one_warning():
    # Trained on a and b: grand mean 6, pooled SD sqrt(34 / 4), sd_offset 1, for z = 2.
    X, y = two_genes([[1, 3], [6, 14], [0, 0], [0, 0]], genes=list("abcd")).pairs(return_X_y=True)
    model = GeneZTarget(Recorder(z=2.0)).fit(X[:4], y[:4])
    message = r"2 gene\(s\) had no training pair \(c, ...\)"
    for _ in range(2):
        with pytest.warns(UnseenGeneWarning, match=message) as caught:
            predicted = model.predict(X)
        assert len(caught) == 1
    level = 6 + 2 * (np.sqrt(34 / 4) + 1)
    assert_float64_sums(predicted, [2 + 4, 2 + 4, 10 + 10, 10 + 10] + [level] * 4)
    assert_exact(model.predict(X[:4]), predicted[:4])  # no unseen gene, no warning


def test_score_refuses_unseen_genes_before_it_predicts():
    X, y = two_genes().pairs(return_X_y=True)
    model = GeneZTarget(Recorder()).fit(X[:2], y[:2])
    message = "within_gene_skill_scorer.*2 of 4 pairs, whose genes have no training pairs"
    with pytest.raises(ValueError, match=message):
        model.score(X, y)


@given(st.integers(0, 999))
def test_statistics_do_not_move_when_test_rows_change(pairs, seed):
    X, y = pairs
    train, test = next(CellTypeKFold(3, random_state=seed).split(X))
    changed = y.copy()
    changed[test] = np.random.default_rng(seed).normal(size=test.size) * 100
    before, after = (GeneZTarget(Recorder()).fit(X[train], values[train]) for values in (y, changed))
    attributes = "gene_mean_", "gene_sd_"
    frozen = {name: getattr(after, name).copy() for name in attributes}
    after.predict(X[test])
    after.score(X[test], changed[test])
    for name in attributes:
        assert_exact(getattr(before, name), frozen[name])
        assert_exact(getattr(after, name), frozen[name])
    assert (before.grand_mean_, before.pooled_sd_) == (after.grand_mean_, after.pooled_sd_)


# --- around and at the end of a pipeline


def test_around_a_pipeline_equals_at_its_end(pairs):
    X, y = pairs
    train, test = next(CellTypeKFold(3).split(X))
    at_the_end = Pipeline([*bins(), ("model", GeneZTarget(Ridge(10)))]).fit(X[train], y[train])
    around = GeneZTarget(Pipeline([*bins(), ("model", Ridge(10))])).fit(X[train], y[train])
    assert_float32_sums(at_the_end.predict(X[test]), around.predict(X[test]))
    assert_float32_sums(at_the_end.score(X[test], y[test]), around.score(X[test], y[test]), summed=1)
    assert_exact(at_the_end[-1].gene_mean_, around.gene_mean_)


def test_score_is_skill_against_the_training_means(pairs):
    X, y = pairs
    train, test = next(CellTypeKFold(3).split(X))
    model = Pipeline([*bins(), ("model", GeneZTarget(Ridge(10)))]).fit(X[train], y[train])
    means = {g: y[train][X.gene_codes[train] == g].mean() for g in range(60)}
    mean = [means[g] for g in X.gene_codes[test]]
    assert_float64_sums(model.score(X[test], y[test]), skill(y[test], model.predict(X[test]), mean), summed=1)
    assert model.score(X[test], y[test]) > 0.1


def test_score_of_the_mean_alone_is_0(pairs):
    X, y = pairs
    train, test = next(CellTypeKFold(3).split(X))
    model = GeneZTarget(DummyRegressor()).fit(X[train], y[train])
    assert_float64_sums(model.score(X[test], y[test]), 0, summed=1)


def test_plain_least_squares_is_not_changed_by_standardising(rng):
    X, y = rng.normal(size=(30, 3)), rng.normal(5, 2, size=30)
    model, plain = GeneZTarget(LinearRegression(), one_gene=True).fit(X, y), LinearRegression().fit(X, y)
    assert_float64_sums(model.predict(X), plain.predict(X))
    assert_float64_sums(model.score(X, y), plain.score(X, y), summed=1)


@pytest.mark.filterwarnings("ignore::skepi.exceptions.UnseenGeneWarning")
def test_predicting_a_subset_equals_the_subset_of_the_predictions(pairs, rng):
    X, y = pairs
    train, _ = next(GeneKFold(2).split(X))
    model = Pipeline([*bins(), ("model", GeneZTarget(Ridge(10)))]).fit(X[train], y[train])
    rows = rng.permutation(len(X))[:50]
    assert_float32_sums(model.predict(X[rows]), model.predict(X)[rows])


# --- the regressor


def test_the_default_regressor_is_the_lasso(pairs):
    X, y = pairs
    default, stated = (
        Pipeline([*bins(), ("model", GeneZTarget(regressor))]).fit(X, y) for regressor in (None, LassoBaseline())
    )
    assert isinstance(default[-1].regressor_, LassoBaseline)
    assert default[-1].regressor is None
    np.testing.assert_array_equal(default.predict(X), stated.predict(X))
    assert default[-1].n_features_in_ == 8


def test_the_regressor_is_cloned_and_gets_rows_and_fit_params_as_they_are():
    X, y = two_genes().pairs(return_X_y=True)
    regressor = Recorder()
    model = GeneZTarget(regressor).fit(X, y, note="kept")
    assert not hasattr(regressor, "z_")
    assert model.regressor_.X_ is X
    assert model.regressor_.note_ == "kept"
    assert clone(model).get_params()["regressor__z"] == 1.0


def test_a_regressor_that_predicts_a_column_gives_one_value_a_row(rng):
    X, y = rng.normal(size=(10, 2)), rng.normal(size=10)
    predicted = GeneZTarget(Columns(), one_gene=True).fit(X, y).predict(X)
    assert_exact(predicted, GeneZTarget(LinearRegression(), one_gene=True).fit(X, y).predict(X))


def test_two_values_for_one_row_are_refused(rng):
    """A regressor with two outputs must not pass for predictions of two rows."""
    X, y = rng.normal(size=(6, 2)), rng.normal(size=6)

    class Both(LinearRegression):
        def predict(self, X):
            return np.column_stack([super().predict(X)] * 2)

    with pytest.raises(ValueError, match=r"predicts shape \(1, 2\), wanted one value for each of 1 rows"):
        GeneZTarget(Both(), one_gene=True).fit(X, y).predict(X[:1])


@pytest.mark.parametrize("rows", ["pairs", "array"])
def test_a_column_of_targets_is_flattened_with_a_warning(rows):
    X, y = two_genes().pairs(return_X_y=True)
    X = X if rows == "pairs" else np.arange(4.0)[:, None]
    with pytest.warns(DataConversionWarning, match="column-vector"):
        model = GeneZTarget(Recorder(), one_gene=True).fit(X, y[:, None])
    np.testing.assert_array_equal(model.regressor_.z_, GeneZTarget(Recorder(), one_gene=True).fit(X, y).regressor_.z_)


@pytest.mark.parametrize("rows", ["pairs", "array"])
def test_targets_are_left_alone_and_may_be_whole_numbers(rows):
    X = two_genes().pairs()
    X = X if rows == "pairs" else np.arange(4.0)[:, None]
    y = np.array([1, 3, 6, 14])
    whole, real = (GeneZTarget(Recorder(), one_gene=True).fit(X, values) for values in (y, y.astype(float)))
    np.testing.assert_array_equal(whole.regressor_.z_, real.regressor_.z_)
    np.testing.assert_array_equal(y, [1, 3, 6, 14])


# --- what scikit-learn does to whole pipelines


def on_bins(regressor):
    return make_pipeline(TSSBinner(edges=[-20_000, -1_000, 0, 1_000, 20_000]), LogZScaler(), GeneZTarget(regressor))


@pytest.mark.parametrize(
    "ask",
    [
        lambda X, y: permutation_importance(on_bins(Ridge()).fit(X, y), X, y, n_repeats=1),
        lambda X, y: BaggingRegressor(on_bins(Ridge()), n_estimators=2).fit(X, y),
    ],
    ids=["permutation_importance", "BaggingRegressor"],
)
def test_pairs_that_are_taken_for_an_array_say_what_to_use_instead(pairs, ask):
    with pytest.raises(
        TypeError, match=r"bin_importance\(pipeline, X, y, method='permutation'\).*end the Pipeline with"
    ):
        ask(*pairs)


def test_what_they_name_works(pairs):
    """Bags of the rows that GeneZTarget standardised: each regressor is fitted to a bootstrap of the pairs."""
    X, y = pairs
    model = on_bins(BaggingRegressor(Ridge(), n_estimators=3, random_state=0)).fit(X, y)
    bins = model[:-1].transform(X)
    last = model[-1].regressor_
    assert_float32_sums(last.predict(bins), np.mean([one.predict(bins.dense()) for one in last.estimators_], axis=0))
    assert not np.array_equal(last.estimators_[0].coef_, last.estimators_[1].coef_)
    assert len(bin_importance(model, X, y, method="permutation", n_repeats=1)) == 4


# --- errors


@pytest.mark.parametrize("sd_offset", [-1, -0.001, np.nan, np.inf])
def test_an_offset_that_is_no_scale_is_refused(sd_offset):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match="sd_offset must be"):
            GeneZTarget(Recorder(), sd_offset=sd_offset).fit(np.zeros((2, 1)), [1.0, 2.0])


@pytest.mark.parametrize("regressor", [Ridge, "ridge", StandardScaler()], ids=repr)
def test_a_regressor_that_is_none_is_refused(regressor):
    with pytest.raises(TypeError, match=r"regressor must be an estimator with fit and predict, such as Ridge\(\), got"):
        GeneZTarget(regressor).fit(np.zeros((2, 1)), [1.0, 2.0])


def test_targets_that_cannot_be_used_are_refused():
    X, y = two_genes().pairs(return_X_y=True)
    with pytest.raises(ValueError, match="y has 3 values for 4 pairs"):
        GeneZTarget(Recorder(), one_gene=True).fit(X, y[:3])
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match="y holds NaN or infinite values"):
            GeneZTarget(Recorder(), one_gene=True).fit(X, [1, 2, 3, bad])
        with pytest.raises(ValueError, match="Input y contains"):
            GeneZTarget(Recorder(), one_gene=True).fit(np.zeros((4, 1)), [1, 2, 3, bad])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        GeneZTarget(Recorder(), one_gene=True).fit(np.zeros((4, 1)), [1, 2, 3])


def test_sample_weights_are_refused():
    X, y = two_genes().pairs(return_X_y=True)
    model = GeneZTarget(Recorder()).fit(X, y)
    with pytest.raises(ValueError, match="sample_weight is not supported"):
        model.score(X, y, sample_weight=np.ones(4))


def test_an_unfitted_model_says_so():
    X, y = two_genes().pairs(return_X_y=True)
    for call in (lambda m: m.predict(X), lambda m: m.training_mean(X), lambda m: m.score(X, y)):
        with pytest.raises(NotFittedError):
            call(GeneZTarget(Recorder()))


def test_a_plain_array_of_another_width_is_refused(rng):
    model = GeneZTarget(Ridge(), one_gene=True).fit(rng.normal(size=(5, 2)), rng.normal(size=5))
    with pytest.raises(ValueError, match="3 features, but GeneZTarget is expecting 2"):
        model.predict(np.zeros((4, 3)))


def test_no_gene_in_common_is_an_error():
    X, y = two_genes().pairs(return_X_y=True)
    strangers = two_genes(genes=["C", "D"]).pairs()
    with pytest.raises(UnmatchedDataError, match="no gene in common: fitted on a"):
        GeneZTarget(Recorder()).fit(X, y).predict(strangers)


def test_sample_weight_is_refused():
    X, y = two_genes().pairs(return_X_y=True)
    with pytest.raises(ValueError, match="sample_weight is not supported"):
        GeneZTarget(Recorder()).fit(X, y, sample_weight=np.ones(4))


def test_z_scores_per_gene_by_hand():
    # Gene a (1, 3): mean 2, SD 1. Gene b does not vary.
    X, _ = two_genes().pairs(return_X_y=True)
    assert_float64_sums(z_score_per_gene(X, [1, 3, 5, 5]), [-1, 1, 0, 0])
    with pytest.raises(TypeError, match="wanted pairs"):
        z_score_per_gene(np.ones((4, 1)), [1, 3, 5, 5])


def test_pairs_and_plain_arrays_do_not_mix(pairs):
    X, y = pairs
    on_array = GeneZTarget(DummyRegressor(), one_gene=True).fit(np.ones((4, 1)), np.arange(4.0))
    with pytest.raises(ValueError, match="fitted on pairs and asked about a plain array, or the other way round"):
        on_array.predict(X)
    with pytest.raises(ValueError, match="fitted on pairs and asked about a plain array, or the other way round"):
        GeneZTarget(DummyRegressor(), one_gene=True).fit(X, y).training_mean(np.ones((4, 1)))
