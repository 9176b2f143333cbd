"""Comparisons of models: the law by which they are scored, what they promise to keep, and what they refuse."""

import os
import pickle
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_exact, assert_float32_sums, assert_float64_sums, assert_within
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold, ShuffleSplit
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skepi._permutations import CONTROLS
from skepi.baselines import PromoterSum
from skepi.binning import TSSBinner, symmetric_edges
from skepi.comparison import ModelComparison, compare_models, replicate_variance
from skepi.comparison._checks import checked_models
from skepi.comparison._controls import Source, sources_of
from skepi.comparison._fold_data import Normalizers, data_of
from skepi.comparison._plan import in_order_of_data
from skepi.comparison._splits import READY_MADE, Fold, checked_splits, folds_of
from skepi.compose import GeneZTarget
from skepi.datasets import make_paired_openness, make_read_counts
from skepi.exceptions import (
    EmptyLibraryWarning,
    MissingExpressionError,
    TableError,
    UnknownNameError,
    UnseenGeneWarning,
)
from skepi.inspection import bootstrap_scores, calibration
from skepi.metrics import summarize, within_gene_skill
from skepi.model_selection import (
    CellTypeKFold,
    ChromosomeKFold,
    CrossedKFold,
    LeaveOneCellTypeOut,
    LineageKFold,
    PairKFold,
    cross_val_pairs,
)
from skepi.normalization import ExpressionNormalizer
from skepi.paired import PairedDataset
from skepi.preprocessing import LogZScaler

TIMES = ["fit_s", "predict_s"]
BANDS = symmetric_edges([0, 5_000, 50_000])


def mean_model():
    return GeneZTarget(DummyRegressor())


def ridge(alpha=1.0):
    return make_pipeline(TSSBinner(edges=BANDS), LogZScaler(), GeneZTarget(Ridge(alpha)))


class OnPairs(RegressorMixin, BaseEstimator):
    """The same number for every pair, after whatever it was told to do."""

    def __init__(self, value=0.0):
        self.value = value

    def fit(self, X, y):
        self.is_fitted_ = True
        return self

    def predict(self, X):
        return np.full(len(X), self.value)


class Fails(OnPairs):
    def __init__(self, error=None):
        self.error = error

    def fit(self, X, y):
        raise self.error


class Predicts(OnPairs):
    """Whatever a function makes of the rows."""

    def __init__(self, value=None):
        self.value = value

    def predict(self, X):
        return self.value(X)


class WithStd(OnPairs):
    def __init__(self, value=0.0, std=1.0):
        self.value = value
        self.std = std

    def predict(self, X, return_std=False):
        mean = np.full(len(X), self.value)
        return (mean, np.full(len(X), self.std)) if return_std else mean


class WithShares(OnPairs):
    def fit(self, X, y):
        self.variance_shares_ = pd.Series({"cis": len(X), "state": 1.0})
        return self


class Warns(OnPairs):
    def __init__(self, kind=UserWarning):
        self.kind = kind

    def predict(self, X):
        warnings.warn("as it was told to", self.kind, stacklevel=1)
        return np.zeros(len(X))


class SpoilsTargets(OnPairs):
    def fit(self, X, y):
        y[:] = 0
        return self


class Counted(OnPairs):
    """Mean of the targets; writes a line for every fit and is interrupted at the n-th."""

    stop_at = None

    def __init__(self, log=None, shift=0.0):
        self.log = log
        self.shift = shift

    def fit(self, X, y):
        if n_lines(self.log) == Counted.stop_at:
            raise KeyboardInterrupt
        with open(self.log, "a") as log:
            log.write(f"{self.shift}\n")
        self.mean_ = y.mean()
        return self

    def predict(self, X):
        return np.full(len(X), self.mean_ + self.shift)


class Keep(TransformerMixin, BaseEstimator):
    """A normaliser that keeps the genes of some columns and changes nothing."""

    def __init__(self, columns=()):
        self.columns = columns

    def fit(self, X, y=None):
        self.n_ = X.shape[1]
        return self

    def transform(self, X):
        return np.asarray(X)[:, self.get_support()]

    def get_support(self):
        return np.isin(np.arange(self.n_), self.columns)


class CountedKeep(Keep):
    """The same, which writes a line whenever it is fitted."""

    def __init__(self, columns=(), log=None):
        super().__init__(columns)
        self.log = log

    def fit(self, X, y=None):
        with open(self.log, "a") as log:
            log.write("fit\n")
        return super().fit(X, y)


class FitsOnce(OnPairs):
    def fit(self, X, y):
        if hasattr(self, "n_fits_"):
            raise AssertionError("fitted twice")
        self.n_fits_ = 1
        return self


class NewChromosomes(OnPairs):
    """Sees that no chromosome that it is asked about was trained on."""

    def fit(self, X, y):
        self.seen_ = sorted(set(X.genes["chrom"].iloc[X.gene_codes]))
        return self

    def predict(self, X):
        if set(self.seen_) & set(X.genes["chrom"].iloc[X.gene_codes]):
            raise AssertionError("a chromosome twice")
        return np.zeros(len(X))


class WithPlacesOf:
    """A function that fails where genes have other places than in the data."""

    def __init__(self, data):
        self.tss = data.genes["tss"].to_numpy()

    def __call__(self, X):
        if not np.array_equal(X.genes["tss"], self.tss):
            raise ValueError("moved")
        return np.zeros(len(X))


class Given:
    """A splitter that yields what it was given."""

    def __init__(self, *folds):
        self.folds = folds

    def split(self, X, y=None, groups=None):
        yield from self.folds


def n_lines(path):
    return len(Path(path).read_text().splitlines()) if Path(path).exists() else 0


def small_data(expression, lineages=None, chroms=None):
    """A data set of few genes, each with a peak at its TSS."""
    expression = np.asarray(expression, dtype=float)
    n_genes, n_cells = expression.shape
    chroms = ["chr1"] * n_genes if chroms is None else chroms
    at = 1_000 * np.arange(1, n_genes + 1)
    genes = {"name": [f"g{k}" for k in range(n_genes)], "chrom": chroms, "tss": at, "strand": ["+"] * n_genes}
    peaks = {"chrom": chroms, "start": at, "end": at + 100}
    cells = {"name": [f"c{k}" for k in range(n_cells)]} | ({} if lineages is None else {"lineage": lineages})
    return PairedDataset(np.ones((n_genes, n_cells)), peaks, genes, expression, pd.DataFrame(cells))


def assert_same(one, other, but=TIMES):
    """All tables of two comparisons, whatever the order of their rows."""
    for name in ("scores", "control_scores", "by_cell_type", "shares", "ceilings"):
        a, b = (getattr(c, name).drop(columns=but, errors="ignore").sort_index() for c in (one, other))
        assert_exact(a, b)
    for split in one.splits:
        for model in one.models:
            assert_exact(one.held_out(split, model), other.held_out(split, model))


@pytest.fixture(scope="module")
def data():
    return make_paired_openness(n_genes=40, n_cell_types=8, cis_share=0.8, program_share=0.1, random_state=3)[0]


@pytest.fixture(scope="module")
def counts(data):
    """The same data set with read counts for expression."""
    reads, _ = make_read_counts(data.pairs().unstack(data.pairs(return_X_y=True)[1]), n_replicates=1)
    return PairedDataset(data.openness, data.peaks, data.genes, reads.to_numpy(), data.cell_types)


@pytest.fixture(scope="module")
def compared(data):
    return compare_models({"mean": mean_model(), "ridge": ridge()}, data, READY_MADE, n_bootstrap=50)


# --- by hand: two genes in three cell types, each cell type left out once

# L      g0: 0 0 6       g1: 1 2 3
# mean   g0: 3 3 0       g1: 2.5 2 1.5   of the two others
# t      g0: -3 -3 6     g1: -1.5 0 1.5  sum of squares 54 + 4.5 = 58.5
BY_HAND = [[0, 0, 6], [1, 2, 3]]


@pytest.fixture(scope="module")
def by_hand():
    variance = pd.DataFrame(0.5, index=["g1", "g0"], columns=["c2", "c0", "c1"])
    models = {"zero": WithStd(0.0), "mean": mean_model()}
    return compare_models(models, small_data(BY_HAND), ["cell types"], replicate_variance=variance)


def test_scores_by_hand(by_hand):
    zero = by_hand.scores.loc[("cell types", "zero")]
    assert zero[["n_folds", "n_pairs", "n_left_out"]].tolist() == [3, 6, 0]
    assert zero["skill"] == pytest.approx(1 - (36 + 14) / 58.5)
    assert np.isnan(zero["within_gene_skill"])
    # t against p = 0 - mean: g0 (-3 -3 6) (-3 -3 0), g1 (-1.5 0 1.5) (-2.5 -2 -1.5): both r are 1
    assert zero["r_median"] == pytest.approx(1)
    assert zero["slope"] == pytest.approx((18 + 1.5) / (18 + 12.5))
    assert zero["rmse"] == pytest.approx(np.sqrt(50 / 6))
    assert zero["coverage"] == 3 / 6  # 0, 0 and 1 lie within 1.645 of 0
    assert np.isnan(zero["r_across"])  # the prediction does not vary
    # A resample of genes holds g0 alone, g1 alone or both.
    assert zero[["low_gene", "high_gene"]].tolist() == pytest.approx([1 - 14 / 4.5, 1 - 36 / 54])


def test_the_training_mean_by_hand(by_hand):
    mean = by_hand.scores.loc[("cell types", "mean")]
    assert mean[["skill", "low_gene", "high_gene", "low_cell_type", "high_cell_type"]].tolist() == [0] * 5
    assert np.isnan(mean[["slope", "coverage", "r_median"]].to_numpy(dtype=float)).all()
    # Across the two genes: L (0 1), (0 2), (6 3) against the means (3 2.5), (3 2), (0 1.5): r is -1 in all three.
    assert mean["r_across"] == pytest.approx(-1)


def test_cell_types_by_hand(by_hand):
    table = by_hand.by_cell_type.loc[("cell types", "zero")]
    assert list(table.index) == ["c0", "c1", "c2"]
    assert table["skill"].tolist() == pytest.approx([1 - 1 / 11.25, 1 - 4 / 9, 1 - 45 / 38.25])
    assert table["n_pairs"].tolist() == [2, 2, 2]


def test_ceiling_by_hand(by_hand):
    assert by_hand.ceilings.loc["cell types"].tolist() == pytest.approx([1 - 6 * 0.5 / 58.5, 6])


def test_held_out_pairs_by_hand(by_hand):
    table = by_hand.held_out("cell types", "zero")
    assert list(table) == ["fold", "gene", "cell_type", "y_true", "y_pred", "train_mean", "y_std"]
    assert table["gene"].tolist() == ["g0", "g1"] * 3
    assert table["train_mean"].tolist() == [3, 2.5, 3, 2, 0, 1.5]
    assert "y_std" not in by_hand.held_out("cell types", "mean")


def test_unseen_genes_by_hand():
    # Each gene's mean over its test pairs is taken off: t is (-2 -2 4) and (-1 0 1), sum of squares 24 + 2.
    data = small_data(BY_HAND, chroms=["chr1", "chr2"])
    variance = pd.DataFrame([[0.3, 0.3, 0.3], [0.6, np.nan, 0.6]], index=["g0", "g1"], columns=["c0", "c1", "c2"])
    third = Predicts(third_cell_type)  # 9 in c2, 0 elsewhere: less its mean (-3 -3 6)
    compared = compare_models({"third": third}, data, ["chromosomes"], replicate_variance=variance)
    scores = compared.scores.loc[("chromosomes", "third")]
    assert scores["within_gene_skill"] == pytest.approx(1 - ((1 + 1 + 4) + (4 + 9 + 25)) / 26)
    assert np.isnan(scores["skill"])
    assert scores["slope"] == pytest.approx((6 + 6 + 24 + 3 + 6) / 108)
    # g1 is known in c0 and c2 alone, where it is -1 and 1 about its mean; noise counts 2/3 and 1/2.
    assert compared.ceilings.loc["chromosomes", "ceiling"] == pytest.approx(1 - (3 * 0.3 * 2 / 3 + 2 * 0.6 / 2) / 26)
    by_cell_type = compared.by_cell_type.loc[("chromosomes", "third")]
    assert by_cell_type["within_gene_skill"].tolist() == pytest.approx([1 - 5 / 5, 1 - 10 / 4, 1 - 29 / 17])


def third_cell_type(X):
    return np.where(X.cell_type_codes == 2, 9.0, 0.0)


# --- by law


@pytest.mark.slow
def test_scores_are_those_of_held_out_pairs(data, compared):
    X, y = data.pairs(return_X_y=True)
    splitters = checked_splits(READY_MADE, sources_of(data, (), 1, 0)[0])
    assert [type(splitter) for splitter in splitters.values()] == [
        PairKFold,
        LeaveOneCellTypeOut,
        LineageKFold,
        ChromosomeKFold,
        CrossedKFold,
    ]
    for split, splitter in splitters.items():
        for name, model in {"mean": mean_model(), "ridge": ridge()}.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UnseenGeneWarning)
                table = cross_val_pairs(model, X, y, splitter)
            assert_exact(compared.held_out(split, name).astype(table.dtypes), table)
            wanted, got = summarize(table), compared.scores.loc[(split, name)]
            scores = ["skill", "within_gene_skill", "r_median", "rmse", "n_pairs"]
            assert_float64_sums(got[scores], wanted[scores], summed=wanted[scores].clip(lower=1))


def test_intervals_are_those_of_the_bootstrap(compared):
    for split in compared.splits:
        table = compared.held_out(split, "ridge")
        row = "skill" if table["train_mean"].notna().all() else "within_gene_skill"
        for by in ("gene", "cell_type"):
            wanted = bootstrap_scores(table, by=by, n_bootstrap=50).loc[row, ["low", "high"]]
            got = compared.scores.loc[(split, "ridge"), [f"low_{by}", f"high_{by}"]]
            assert_float64_sums(got.to_numpy(), wanted.to_numpy(), summed=1)


def test_slope_and_correlation_across_genes_by_other_ways(compared):
    for split in ("cell types", "random pairs"):
        table = compared.held_out(split, "ridge")
        scores = compared.scores.loc[(split, "ridge")]
        assert_float64_sums(scores["slope"], calibration(table, n_bootstrap=2).loc["slope", "estimate"], summed=1)
        r = {c: np.corrcoef(part["y_true"], part["y_pred"])[0, 1] for c, part in table.groupby("cell_type")}
        assert_float64_sums(scores["r_across"], np.median(list(r.values())), summed=1)
        of_cell_types = compared.by_cell_type.loc[(split, "ridge"), "r_across"]
        assert_float64_sums(of_cell_types[list(r)], list(r.values()), summed=1)


def test_within_cell_types_unseen_genes_vary_about_their_own_means(compared):
    table = compared.held_out("crossed", "ridge")
    t, p = (table[c] - table.groupby(["fold", "gene"])[c].transform("mean") for c in ("y_true", "y_pred"))
    sums = pd.DataFrame({"e": (t - p) ** 2, "v": t**2, "c": table["cell_type"]}).groupby("c").sum()
    got = compared.by_cell_type.loc[("crossed", "ridge")]
    # A cell type alone in its fold has nothing to vary about.
    wanted = (1 - sums["e"] / sums["v"]).where(sums["v"] > 1e-9)
    assert wanted.notna().sum() == 6
    wanted = wanted[got.index].to_numpy()
    assert_float64_sums(got["within_gene_skill"], wanted, summed=2 - wanted)  # 1 less a ratio of sums
    assert got["skill"].isna().all()
    total = within_gene_skill(table["y_true"], table["y_pred"], table.groupby(["fold", "gene"]).ngroup())
    assert_float64_sums(compared.scores.loc[("crossed", "ridge"), "within_gene_skill"], total, summed=1)


def test_skill_of_the_training_mean_is_zero_and_unseen_genes_have_none(compared):
    table = compared.to_frame("skill")
    assert list(table) == ["random pairs", "cell types", "lineages"]
    assert table.loc["mean"].abs().max() < 1e-12
    within = compared.to_frame("within_gene_skill")
    assert list(within) == ["chromosomes", "crossed"]
    assert within.loc["mean"].abs().max() < 1e-12
    assert compared.scores.loc["chromosomes", "r_across"].isna().tolist() == [True, False]  # one level a fold


@pytest.mark.slow
def test_order_of_models_and_splits_does_not_matter(data, compared):
    models = {"ridge": ridge(), "mean": mean_model()}
    other = compare_models(models, data, READY_MADE[::-1], n_bootstrap=50)
    assert other.models == ["ridge", "mean"]
    assert other.splits == list(READY_MADE[::-1])
    assert list(other.to_frame("rmse")) == other.splits
    assert_same(compared, other)


@pytest.mark.slow
def test_folds_in_two_processes_give_the_same(counts, tmp_path):
    """But for rounding: processes that share the cores may have another number of threads."""
    models, splits = {"mean": mean_model(), "ridge": ridge()}, ["lineages", "chromosomes"]
    options = {"normalizer": ExpressionNormalizer("quantile", min_mean_cpm=20_000), "n_bootstrap": 10}
    one = compare_models(models, counts, splits, **options)
    two = compare_models(models, counts, splits, **options, n_jobs=2, folder=tmp_path / "new")
    for split in splits:
        for model in models:
            (a, b) = (compared.held_out(split, model) for compared in (one, two))
            assert_exact(a.drop(columns="y_pred"), b.drop(columns="y_pred"))
            assert_float32_sums(b["y_pred"], a["y_pred"])
    assert_same(two, compare_models(models, counts, splits, **options, folder=tmp_path / "new"))


@given(st.integers(2, 5), st.integers(3, 6), st.integers(0, 99))
def test_any_prediction_is_scored_like_its_held_out_pairs(n_genes, n_cells, seed):
    data = small_data(np.random.default_rng(seed).normal(3, 1, (n_genes, n_cells)))
    compared = compare_models({"c": OnPairs(2.5)}, data, {"a": CellTypeKFold(2), "b": PairKFold(3)}, n_bootstrap=5)
    for split in compared.splits:
        table, scores = compared.held_out(split, "c"), compared.scores.loc[(split, "c")]
        t, e = table["y_true"] - table["train_mean"], table["y_true"] - 2.5
        ratio = (e**2).sum() / (t**2).sum()
        assert_float64_sums(scores["skill"], 1 - ratio, summed=1 + ratio)
        assert scores["n_pairs"] + scores["n_left_out"] == n_genes * n_cells


def test_pairs_of_genes_without_training_pairs_are_left_out_of_splits_that_have_both():
    # Fold 0 tests all of g0, of which nothing is left to train on, and a part of g1.
    folds = ([4, 5], [0, 1, 2, 3]), ([0, 1, 2, 3], [4, 5])
    compared = compare_models({"zero": OnPairs()}, small_data(BY_HAND), {"mixed": Given(*folds)}, n_bootstrap=5)
    table = compared.held_out("mixed", "zero")
    assert table[["fold", "gene", "cell_type"]].values.tolist() == [[0, "g1", "c0"], [1, "g1", "c1"], [1, "g1", "c2"]]
    assert compared.scores[["n_pairs", "n_left_out"]].values.tolist() == [[3, 3]]


def test_intervals_of_a_single_gene_or_cell_type_do_not_exist():
    data = small_data([[0, 1, 5]])
    scores = compare_models({"zero": OnPairs()}, data, ["cell types"], n_bootstrap=20).scores.iloc[0]
    assert scores[["low_gene", "high_gene"]].isna().all()
    assert scores[["low_cell_type", "high_cell_type"]].notna().all()


def test_a_splitter_of_another_kind_and_of_a_single_name(data):
    shuffled = {"some": ShuffleSplit(2, test_size=0.2, random_state=0)}
    compared = compare_models({"zero": OnPairs()}, data, shuffled, n_bootstrap=5)
    assert compared.scores["n_pairs"].tolist() == [2 * 64]
    assert compare_models({"zero": OnPairs()}, data, "lineages", n_bootstrap=5).splits == ["lineages"]


def test_many_cell_types_are_held_out_by_fifths():
    source = Source("none", 0, small_data(np.ones((2, 31))).tables, np.ones((2, 31)))
    splitter = checked_splits(["cell types"], source)["cell types"]
    assert isinstance(splitter, CellTypeKFold)
    assert splitter.n_splits == 5


# --- nothing leaks


@pytest.mark.slow
@pytest.mark.parametrize(
    "split", [name if name == "crossed" else pytest.param(name, marks=pytest.mark.slow) for name in READY_MADE]
)
def test_noise_is_not_predicted(split):
    law = make_paired_openness(n_genes=60, n_cell_types=10, random_state=5)[0]
    rng = np.random.default_rng(0)
    scores = []
    for _ in range(3):
        noise = PairedDataset(law.openness, law.peaks, law.genes, rng.normal(size=(60, 10)), law.cell_types)
        compared = compare_models({"ridge": ridge()}, noise, [split], n_bootstrap=5)
        scores += compared.scores[["skill", "within_gene_skill"]].max(axis=1).tolist()
    assert np.mean(scores) < 0.02


def test_held_out_counts_do_not_touch_predictions(counts):
    """Whatever the counts of a held-out cell type are, its predictions and means stay the same."""
    changed = np.array(counts.expression)
    changed[:, 2] = changed[::-1, 2] * 7 + 3
    other = PairedDataset(counts.openness, counts.peaks, counts.genes, changed, counts.cell_types)
    options = {"normalizer": ExpressionNormalizer("quantile", min_mean_cpm=20_000), "n_bootstrap": 5}
    one, two = (
        compare_models({"ridge": ridge()}, d, ["cell types"], **options).held_out("cell types", "ridge")
        for d in (counts, other)
    )
    one, two = (table[table["fold"] == 2].reset_index(drop=True) for table in (one, two))
    columns = ["gene", "y_pred", "train_mean"]
    assert_exact(one[columns], two[columns])
    assert (one["y_true"] - two["y_true"]).abs().max() > 0.1


@pytest.mark.slow
@pytest.mark.parametrize(
    "method", ["tmm", *(pytest.param(method, marks=pytest.mark.slow) for method in ("quantile", "log_cpm"))]
)
def test_normalising_in_folds_is_that_of_the_data_set(counts, method):
    normalizer = ExpressionNormalizer(method, min_mean_cpm=20_000)
    compared = compare_models({"ridge": ridge()}, counts, ["lineages"], normalizer=normalizer, n_bootstrap=5)
    lineage = counts.cell_types["lineage"]
    tables = []
    for fold, name in enumerate(pd.unique(lineage)):
        seen = counts.cell_types["name"][lineage != name]
        data = counts.transform_expression(normalizer, seen)
        X, y = data.pairs(return_X_y=True)
        table = cross_val_pairs(ridge(), X, y, LineageKFold())
        tables.append(table[table["fold"] == fold])
    wanted = pd.concat(tables, ignore_index=True)
    got = compared.held_out("lineages", "ridge")
    assert_exact(got.astype(wanted.dtypes), wanted)
    assert compared.scores["n_left_out"].tolist() == [40 * 8 - len(wanted)]
    assert 0 < len(wanted) < 40 * 8


def test_data_of_a_fold_share_openness_and_are_those_of_the_data_set(counts):
    normalizer = ExpressionNormalizer(min_mean_cpm=20_000)
    source = sources_of(counts, (), 1, 0)[0]
    fold = folds_of(source, {"cell types": LeaveOneCellTypeOut()})[0]
    data = data_of(fold, Normalizers(normalizer).of(fold))
    assert data.tables.openness is counts.openness
    wanted = counts.transform_expression(normalizer, counts.cell_types["name"][1:])
    assert data.tables.identity == wanted.tables.identity
    assert np.array_equal(data.values, wanted.expression)
    assert data_of(fold, Normalizers(ExpressionNormalizer()).of(fold)).tables is counts.tables  # all genes are kept
    assert data_of(fold, Normalizers(None).of(fold)).tables is counts.tables


def test_a_normalizer_is_fitted_once_for_all_folds_that_train_on_the_same_cell_types(data, tmp_path):
    """8 cell types left out one at a time, and chromosomes, whose folds all train on all 8."""

    def n_fits(splits, **options):
        log = tmp_path / "log"
        before = n_lines(log)
        normalizer = CountedKeep(tuple(range(40)), log)
        compare_models({"zero": OnPairs()}, data, splits, normalizer=normalizer, n_bootstrap=5, **options)
        return n_lines(log) - before

    assert n_fits(["cell types"]) == 8
    assert n_fits(["cell types", "chromosomes"]) == 8 + 1
    assert n_fits(["cell types"], folder=tmp_path / "kept") == 8
    assert n_fits(["cell types"], controls=("cell types",)) == 8 + 8


def test_the_normalizer_given_stays_as_it_was(counts):
    normalizer = ExpressionNormalizer()
    compare_models({"zero": OnPairs()}, counts, ["lineages"], normalizer=normalizer, n_bootstrap=5)
    assert vars(normalizer) == vars(ExpressionNormalizer())


def test_models_of_a_fold_do_not_spoil_each_other(data):
    alone = compare_models({"ridge": ridge()}, data, ["lineages"], n_bootstrap=5)
    both = compare_models({"spoils": SpoilsTargets(), "ridge": ridge()}, data, ["lineages"], n_bootstrap=5)
    assert np.array_equal(both.held_out("lineages", "ridge"), alone.held_out("lineages", "ridge"))


def test_every_fold_has_a_model_of_its_own(data):
    assert compare_models({"once": FitsOnce()}, data, ["lineages"], n_bootstrap=5).scores["n_folds"].tolist() == [4]


def test_models_given_are_not_fitted(data):
    model = OnPairs()
    compare_models({"zero": model}, data, ["lineages"], n_bootstrap=5)
    assert vars(model) == {"value": 0.0}


def test_folds_that_share_their_data_come_one_after_the_other(data):
    source = sources_of(data, (), 1, 0)[0]
    folds = folds_of(source, {"a": CellTypeKFold(2), "b": ChromosomeKFold(2), "c": CellTypeKFold(2), "d": PairKFold(2)})
    order = [(fold.split, fold.number) for fold in in_order_of_data(folds)]
    assert order == [("a", 0), ("c", 0), ("a", 1), ("c", 1), ("b", 0), ("b", 1), ("d", 0), ("d", 1)]


# --- controls


@pytest.mark.slow
def test_controls_take_away_what_was_learned(data):
    models, splits = {"mean": mean_model(), "ridge": ridge()}, ["cell types", "chromosomes"]
    compared = compare_models(models, data, splits, controls=CONTROLS, n_permutations=3, n_bootstrap=5)
    assert compared.control_scores.shape[0] == 2 * 2 * 2 * 3
    found = compared.scores["skill"].fillna(compared.scores["within_gene_skill"])
    permuted = compared.control_scores["skill"].fillna(compared.control_scores["within_gene_skill"])
    means = permuted.groupby(level=["split", "model", "control"]).mean()
    for split in splits:
        assert found[split, "ridge"] > 0.25
        for control in CONTROLS:
            assert means[split, "ridge", control] < 0.1
            assert abs(means[split, "mean", control]) < 1e-12
    assert compared.control_scores["skill"].unstack("split")["cell types"].notna().all()
    assert set(compared.by_cell_type.index.get_level_values("split")) == set(splits)


@pytest.mark.slow
def test_control_of_cell_types_is_the_comparison_of_permuted_expression(counts):
    options = {"normalizer": ExpressionNormalizer(min_mean_cpm=20_000), "n_bootstrap": 20}
    compared = compare_models({"ridge": ridge()}, counts, ["cell types"], controls=("cell types",), **options)
    source = sources_of(counts, ("cell types",), 1, 0)[1]
    order = [
        int(np.flatnonzero((counts.expression == column[:, None]).all(axis=0))[0]) for column in source.expression.T
    ]
    assert sorted(order) == list(range(8))
    assert order != list(range(8))
    permuted = PairedDataset(
        counts.openness, counts.peaks, counts.genes, counts.expression[:, order], counts.cell_types
    )
    wanted = compare_models({"ridge": ridge()}, permuted, ["cell types"], **options).scores
    got = compared.control_scores.droplevel(["control", "permutation"])
    assert_exact(got.drop(columns=TIMES), wanted.drop(columns=TIMES))


def test_control_of_genes_moves_places_and_nothing_else(data):
    plain, moved = sources_of(data, ("genes",), 1, 0)
    before, after = plain.tables.genes, moved.tables.genes
    assert list(after["name"]) == list(before["name"])
    assert sorted(map(tuple, after[["chrom", "tss", "strand"]].values)) == sorted(
        map(tuple, before[["chrom", "tss", "strand"]].values)
    )
    assert (after["tss"] != before["tss"]).sum() > 30
    assert moved.expression is plain.expression
    assert moved.tables.openness is plain.tables.openness
    folds = folds_of(moved, {"chromosomes": ChromosomeKFold(2)})
    for fold in folds:
        sides = [set(after["chrom"][mask.any(axis=1)]) for mask in (fold.train, fold.test)]
        assert not sides[0] & sides[1]


def test_splits_by_chromosome_follow_the_places_that_genes_are_given(data):
    models = {"new": NewChromosomes()}
    compared = compare_models(models, data, ["chromosomes", "crossed"], controls=CONTROLS, n_bootstrap=5)
    assert len(compared.control_scores) == 4


def test_scores_of_controls_are_in_the_order_of_their_index(data):
    models, splits = {"z": OnPairs(0.0), "a": OnPairs(1.0)}, ["lineages", "cell types"]
    table = compare_models(models, data, splits, controls=CONTROLS, n_permutations=2, n_bootstrap=5).control_scores
    assert table.index.names == ["split", "model", "control", "permutation"]
    assert table.index.to_list() == [
        (split, model, control, k) for split in splits for model in "za" for control in CONTROLS for k in (1, 2)
    ]
    assert table.loc[("cell types", "z", "genes")].index.to_list() == [1, 2]


def test_permutations_depend_on_the_random_state_and_their_own_number_alone(data):
    def drawn(controls, n, seed):
        return {(s.control, s.permutation): s for s in sources_of(data, controls, n, seed)}

    few, many = drawn(("genes",), 1, 7), drawn(CONTROLS, 3, 7)
    assert len(many) == 7
    assert few["genes", 1].tables.identity == many["genes", 1].tables.identity
    assert many["genes", 1].tables.identity != many["genes", 2].tables.identity
    assert drawn(("genes",), 1, 8)["genes", 1].tables.identity != few["genes", 1].tables.identity
    assert not np.array_equal(many["cell types", 1].expression, many["cell types", 2].expression)
    assert many["cell types", 3].tables is data.tables
    square = sources_of(small_data(np.arange(25).reshape(5, 5)), CONTROLS, 4, 0)[1:]
    assert [source.expression[0].tolist() for source in square[:4]] != [
        (source.tables.genes["tss"] // 1_000 - 1).tolist() for source in square[4:]
    ]


def test_a_permutation_moves_something():
    for seed in range(30):
        source = sources_of(small_data([[1, 2], [3, 4]]), ("cell types",), 1, seed)[1]
        assert source.expression.tolist() == [[2, 1], [4, 3]]


@pytest.mark.slow
def test_random_states_of_all_kinds(data):
    options = {"controls": ("cell types",), "n_bootstrap": 20}
    one, two, three, drawn = (
        compare_models({"ridge": ridge()}, data, ["lineages"], random_state=state, **options)
        for state in (np.random.RandomState(1), np.random.RandomState(1), 5, None)
    )
    assert_same(one, two)
    assert drawn.scores["low_gene"].notna().all()
    assert not np.array_equal(one.control_scores["skill"], three.control_scores["skill"])
    assert np.array_equal(one.scores["skill"], three.scores["skill"])


# --- fits are kept


def counted(log, folder, data, **options):
    models = {"a": Counted(log), "b": Counted(log, 1.0)}
    splits = {"cells": CellTypeKFold(3), "pairs": PairKFold(2)}
    return compare_models(models, data, splits, folder=folder, n_bootstrap=5, **options)


def test_an_interrupted_comparison_goes_on_where_it_was(data, tmp_path, monkeypatch):
    log, whole = tmp_path / "log", tmp_path / "whole"
    wanted = counted(tmp_path / "other_log", whole, data)
    assert n_lines(tmp_path / "other_log") == len(os.listdir(whole)) == 10
    for n in (0, 1, 4, 7):
        monkeypatch.setattr(Counted, "stop_at", n)
        with pytest.raises(KeyboardInterrupt):
            counted(log, tmp_path / "kept", data)
        assert n_lines(log) == len(os.listdir(tmp_path / "kept")) == n
    monkeypatch.setattr(Counted, "stop_at", None)
    got = counted(log, tmp_path / "kept", data)
    assert n_lines(log) == 10
    assert_same(wanted, got)
    again = counted(log, tmp_path / "kept", data)
    assert n_lines(log) == 10
    assert_same(got, again, but=[])  # times are those of the run that made the fits


@pytest.mark.slow
def test_only_what_changed_is_fitted_again(data, tmp_path):
    log, folder = tmp_path / "log", tmp_path / "kept"

    def fits(models, use=data, splits=None, **options):
        before = n_lines(log)
        splits = {"cells": CellTypeKFold(3)} if splits is None else splits
        compare_models(models, use, splits, folder=folder, n_bootstrap=5, **options)
        return n_lines(log) - before

    a, b = Counted(log), Counted(log, 1.0)
    assert fits({"a": a, "b": b}) == 6
    assert fits({"other name": b, "a": a}) == 0
    assert fits({"a": a, "b": Counted(log, 2.0)}) == 3  # another setting
    assert fits({"a": a}, splits={"x": CellTypeKFold(3), "y": CellTypeKFold(3, random_state=1)}) == 3
    assert fits({"a": a}, level=0.9, random_state=1, interval_level=0.5) == 0
    assert fits({"a": a}, controls=("cell types",)) == 3
    assert fits({"a": a}, controls=CONTROLS) == 3
    assert fits({"a": a}, normalizer=Keep(tuple(range(40)))) == 3
    assert fits({"a": a}, normalizer=Keep(tuple(range(40)))) == 0
    shifted = PairedDataset(data.openness, data.peaks, data.genes, data.expression + 1, data.cell_types)
    assert fits({"a": a}, shifted) == 3
    opened = PairedDataset(data.openness + 1, data.peaks, data.genes, data.expression, data.cell_types)
    assert fits({"a": a}, opened) == 3
    assert fits({"a": a}) == 0
    same_test = Given((range(100, 200), range(50)), (range(100, 201), range(50)))
    assert fits({"a": a}, splits={"x": same_test}) == 2
    equal = {"a": a, "same": a}
    assert fits(equal, splits={"x": CellTypeKFold(4, random_state=9)}) == 4  # equal models are fitted once


def test_kept_standard_deviations_and_shares_come_back(data, tmp_path):
    models = {"std": WithStd(1.0, 2.0), "shares": make_pipeline(FunctionTransformer(), WithShares())}
    one, two = (compare_models(models, data, ["lineages"], folder=tmp_path, n_bootstrap=5) for _ in range(2))
    assert_same(one, two, but=[])
    assert two.held_out("lineages", "std")["y_std"].tolist() == [2.0] * 320
    assert two.shares.index.tolist() == [("lineages", "shares")]


def test_a_failing_model_is_named_and_the_rest_is_kept(data, tmp_path):
    models = {"good": OnPairs(), "bad": Fails(ZeroDivisionError("as told"))}
    with pytest.raises(RuntimeError, match=r"model 'bad' failed in split 'cells', fold 0: ZeroDivisionError: as told"):
        compare_models(models, data, {"cells": CellTypeKFold(2)}, folder=tmp_path)
    assert len(os.listdir(tmp_path)) == 1


@pytest.mark.slow
def test_a_model_that_fails_in_another_process_is_named(data):
    models = {"good": OnPairs(), "bad": Fails(ZeroDivisionError("as told"))}
    with pytest.raises(RuntimeError, match=r"model 'bad' failed in split 'cells', fold"):
        compare_models(models, data, {"cells": CellTypeKFold(2)}, n_jobs=2)


def test_a_failure_in_a_control_says_so(data):
    models = {"picky": Predicts(WithPlacesOf(data))}
    with pytest.raises(RuntimeError, match=r"fold 0 of control 'genes': ValueError: moved"):
        compare_models(models, data, {"cells": CellTypeKFold(2)}, controls=("genes",))


def test_places_move_with_the_ends_of_genes(data):
    """A rule that counts the gene's body runs on permuted places: no gene ends before it begins."""
    shift = np.where(data.genes["strand"] == "-", -2_000, 2_000)
    genes = data.genes.assign(tes=np.maximum(data.genes["tss"] + shift, 0))
    bodies = PairedDataset(data.openness, data.peaks, genes, data.expression, data.cell_types)
    rules = {"body": PromoterSum(gene_body=True)}
    compared = compare_models(rules, bodies, {"cells": CellTypeKFold(2)}, controls=("genes",), n_bootstrap=5)
    assert np.isfinite(compared.control_scores["skill"]).all()


def test_damaged_and_foreign_files_are_refused(data, tmp_path):
    def compare():
        return compare_models({"zero": OnPairs()}, data, {"cells": CellTypeKFold(2)}, folder=tmp_path, n_bootstrap=5)

    compare()
    one, two = sorted(tmp_path.iterdir())
    content = one.read_bytes()
    one.write_bytes(two.read_bytes())
    with pytest.raises(ValueError, match=f"{one.name} holds another fit than its name says"):
        compare()
    one.write_bytes(content[:-30])
    with pytest.raises(ValueError, match=f"{one.name} is not a file of a fit that skepi kept"):
        compare()
    one.unlink()
    compare()


def test_a_model_that_no_later_process_would_know_is_refused_where_fits_are_kept(data, tmp_path):
    models = {"local": Predicts(lambda X: np.zeros(len(X)))}
    with pytest.raises(ValueError, match=r"models: 'local': a later process could not tell"):
        compare_models(models, data, ["lineages"], folder=tmp_path)
    assert compare_models(models, data, ["lineages"], n_bootstrap=5).models == ["local"]


# --- what models say of themselves


def test_coverage_of_another_level_and_inside_pipelines(data):
    # |L - 3| <= 0.674 is half of a normal distribution.
    models = {"plain": WithStd(3.0, 1.0), "piped": make_pipeline(FunctionTransformer(), WithStd(3.0, 1.0))}
    scores = compare_models(models, data, ["lineages"], interval_level=0.5, n_bootstrap=5).scores["coverage"]
    assert scores.tolist() == pytest.approx([np.mean(np.abs(data.expression - 3) <= 0.6744898)] * 2)


def test_mean_variance_shares_of_folds(data):
    models = {"mean": mean_model(), "shares": make_pipeline(FunctionTransformer(), WithShares()), "bare": WithShares()}
    shares = compare_models(models, data, {"cells": CellTypeKFold(2), "pairs": PairKFold(5)}, n_bootstrap=5).shares
    assert shares.index.tolist() == [(s, m) for s in ("cells", "pairs") for m in ("shares", "bare")]
    assert shares["cis"].tolist() == [160] * 2 + [256] * 2
    assert shares["state"].tolist() == [1] * 4


def test_no_model_has_shares(compared):
    assert compared.shares.empty
    assert compared.shares.index.names == ["split", "model"]


def test_the_warning_of_unseen_genes_is_silenced_where_they_are_the_point(data):
    models = {"warns": Warns(UnseenGeneWarning)}
    compare_models(models, data, ["chromosomes", "crossed"], n_bootstrap=5)
    with pytest.warns(UnseenGeneWarning, match="as it was told to"):
        compare_models(models, data, ["cell types"], n_bootstrap=5)
    with pytest.warns(UserWarning, match="as it was told to"):
        compare_models({"warns": Warns()}, data, ["chromosomes"], n_bootstrap=5)


# --- noise


def test_variance_of_the_mean_of_replicates():
    # a: (1 3): variance 2, of the mean 1; (0 3 6): variance 9, of the mean 3
    table = pd.DataFrame([[1.0, 0.0, 3.0, 3.0, 6.0, 5.0]], index=["a"])
    got = replicate_variance(table, ["B", "T", "B", "T", "T", "NK"])
    assert list(got) == ["B", "T", "NK"]
    assert got.loc["a"].tolist() == pytest.approx([1, 3, np.nan], nan_ok=True)
    assert got.index.name == "gene"
    assert got.columns.name == "cell_type"


def test_variance_of_replicates_is_unbiased(rng):
    table = pd.DataFrame(rng.normal(0, 2, (4000, 5)))
    got = replicate_variance(table, list("aabbb")).mean()
    assert_within(got, [4 / 2, 4 / 3], 0.15, "means of 4000 sample variances have an SE of about 0.04")


def test_a_model_that_knows_the_law_reaches_the_ceiling(rng):
    """What is true is predicted exactly, and measured with an error of known variance."""
    truth = rng.normal(0, 1, (400, 6)) + rng.normal(4, 1, (400, 1))
    data = small_data(truth + rng.normal(0, 0.5, truth.shape))
    variance = pd.DataFrame(0.25, index=data.genes["name"], columns=data.cell_types["name"])
    knows = Predicts(lambda X: truth[X.gene_codes, X.cell_type_codes])
    splits = {"cells": LeaveOneCellTypeOut(), "genes": KFold(4)}
    compared = compare_models({"knows": knows}, data, splits, replicate_variance=variance, n_bootstrap=5)
    reached = compared.scores["skill"].fillna(compared.scores["within_gene_skill"]).droplevel("model")
    assert 0.7 < compared.ceilings["ceiling"]["cells"] < 0.9
    assert (reached - compared.ceilings["ceiling"]).abs().max() < 0.02


def test_ceiling_rests_on_pairs_of_known_variance(data):
    names = data.genes["name"], data.cell_types["name"]
    variance = pd.DataFrame(np.nan, index=names[0], columns=names[1])
    table = compare_models({"z": OnPairs()}, data, ["lineages"], replicate_variance=variance, n_bootstrap=5).ceilings
    assert np.isnan(table.loc["lineages", "ceiling"])
    variance.iloc[3, 2] = 0.1
    table = compare_models({"z": OnPairs()}, data, ["lineages"], replicate_variance=variance, n_bootstrap=5).ceilings
    assert table.loc["lineages", "n_pairs"] == 1
    assert compare_models({"z": OnPairs()}, data, ["lineages"], n_bootstrap=5).ceilings["ceiling"].isna().all()


@pytest.mark.parametrize(
    ("table", "cell_types", "error", "message"),
    [
        ([[1.0]], ["a"], TypeError, "replicates: wanted a DataFrame, genes x replicates, got list"),
        (pd.DataFrame([[1.0, 2.0]]), ["a"], ValueError, "1 names for 2 columns of replicates"),
        (pd.DataFrame([[1.0, np.nan]]), ["a", "a"], ValueError, "replicates: 1 values are not finite"),
        (pd.DataFrame([[1.0, 2.0]]), ["a", "b"], ValueError, "wanted two replicates of at least one cell type"),
    ],
)
def test_replicates_that_cannot_be_used(table, cell_types, error, message):
    with pytest.raises(error, match=message):
        replicate_variance(table, cell_types)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda v: v.to_numpy(), TypeError, "replicate_variance: wanted a DataFrame, genes x cell types, got ndarray"),
        (lambda v: v.iloc[1:], UnknownNameError, "replicate_variance: gene.s. not in the tables: g0"),
        (lambda v: v.iloc[:, :2], UnknownNameError, "replicate_variance: cell type.s. not in the tables: c2"),
        (lambda v: pd.concat([v, v]), ValueError, "the same gene or cell type twice"),
        (lambda v: v - 1, ValueError, "wanted finite values of 0 or greater"),
        (lambda v: v + np.inf, ValueError, "wanted finite values of 0 or greater"),
    ],
)
def test_variances_that_cannot_be_used(change, error, message):
    variance = change(pd.DataFrame(0.5, index=["g0", "g1"], columns=["c0", "c1", "c2"]))
    with pytest.raises(error, match=message):
        compare_models({"zero": OnPairs()}, small_data(BY_HAND), ["cell types"], replicate_variance=variance)


# --- the result


def test_a_comparison_reads_well(compared):
    lines = repr(compared).split("\n")
    assert lines[0] == "ModelComparison: 2 models under 5 splits, 320 held-out pairs"
    assert lines[1] == "skill over the training mean of the gene"
    assert lines[2].split() == ["random", "pairs", "cell", "types", "lineages"]
    assert lines[4].split()[1:] == [f"{compared.scores.loc[(s, 'ridge'), 'skill']:.3f}" for s in READY_MADE[:3]]
    assert lines[5].startswith("within-gene skill, for genes without training pairs")
    assert lines[6].split() == ["chromosomes", "crossed"]
    assert len(lines) == 9


def test_a_comparison_of_one_model_under_one_split(data):
    one = compare_models({"zero": OnPairs()}, data, ["chromosomes"], n_bootstrap=5)
    lines = repr(one).split("\n")
    assert lines[0] == "ModelComparison: 1 model under 1 split, 320 held-out pairs"
    assert lines[1].startswith("within-gene skill")
    assert one.to_frame("skill").shape == (1, 0)


def test_one_column_as_a_table(compared):
    table = compared.to_frame("r_median")
    assert list(table.index) == ["mean", "ridge"]
    assert list(table) == list(READY_MADE)
    assert table.loc["ridge", "lineages"] == compared.scores.loc[("lineages", "ridge"), "r_median"]
    with pytest.raises(ValueError, match=r"value must be one of .*, got 'r2'"):
        compared.to_frame("r2")


def test_pairs_of_unknown_names(compared):
    with pytest.raises(ValueError, match=r"no split is called 'weeks'; there are .'random pairs'"):
        compared.held_out("weeks", "mean")
    with pytest.raises(ValueError, match=r"no model is called 'lasso'; there are .'mean', 'ridge'"):
        compared.held_out("lineages", "lasso")


def test_a_comparison_can_be_pickled(compared):
    again = pickle.loads(pickle.dumps(compared))
    assert repr(again) == repr(compared)
    assert_same(compared, again, but=[])


def test_a_comparison_cannot_be_changed(compared):
    assert isinstance(compared, ModelComparison)
    with pytest.raises(AttributeError, match="cannot assign"):
        compared.level = 0.5


# --- what is refused, before anything is fitted


class NoExpected(OnPairs):
    def fit(self, X, y):
        raise AssertionError("nothing should be fitted")


def refuse(error, message, data, models=None, splits=("cell types",), **options):
    with pytest.raises(error, match=message):
        compare_models({"never": NoExpected()} if models is None else models, data, splits, **options)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_bootstrap": 1}, ValueError, "n_bootstrap must be a whole number of 2 or more, got 1"),
        ({"level": 1.0}, ValueError, "level must be between 0 and 1, got 1.0"),
        ({"interval_level": 0}, ValueError, "interval_level must be between 0 and 1, got 0"),
        ({"n_permutations": 0}, ValueError, "n_permutations must be a whole number of 1 or more, got 0"),
        ({"controls": ("peaks",)}, ValueError, "controls must be some of .* in a tuple, got .'peaks'"),
        ({"controls": "genes"}, ValueError, "controls must be some of .* in a tuple, got 'genes'"),
        ({"normalizer": StandardScaler()}, TypeError, "normalizer: wanted one such as .* without get_support"),
        ({"normalizer": np.log1p}, TypeError, "without fit, transform, get_support, get_params"),
        ({"splits": 5}, TypeError, "splits: wanted a dict of splitters, or names of .*, got 5"),
        ({"splits": []}, ValueError, "splits: wanted at least one, got none"),
        (
            {"splits": {"five": 5}},
            TypeError,
            "splits: 'five' must be a splitter .*, or a list of .* rows, got 5",
        ),
        ({"splits": {5: KFold(5)}}, TypeError, "splits: names must be text, got 5"),
        ({"splits": ["weeks"]}, ValueError, "no ready-made split is called 'weeks'; there are .'random pairs'"),
        ({"models": {}}, ValueError, "models: wanted at least one, got none"),
        ({"models": [OnPairs()]}, TypeError, "models: wanted a dict of estimators by name, got list"),
        ({"models": {1: OnPairs()}}, TypeError, "models: names must be text, got 1"),
        ({"models": {"class": OnPairs}}, TypeError, "models: 'class' is no estimator that fits and predicts"),
        ({"models": {"scaler": StandardScaler()}}, TypeError, "models: 'scaler' is no estimator"),
        (
            {"models": {"text": "ridge"}},
            TypeError,
            "models: 'text' is no estimator that fits and predicts, but 'ridge'",
        ),
    ],
)
def test_arguments_that_cannot_be_used(data, options, error, message):
    refuse(error, message, data, **options)


@pytest.mark.parametrize(
    ("model", "first"),
    [
        (Ridge(), "Ridge"),
        (make_pipeline(StandardScaler(), Ridge()), "StandardScaler"),
        (Pipeline([("none", "passthrough"), ("ridge", Ridge())]), "Ridge"),
        (GridSearchCV(make_pipeline(StandardScaler(), Ridge()), {"ridge__alpha": [1, 2]}), "StandardScaler"),
    ],
)
def test_models_that_take_arrays_are_refused(data, model, first):
    message = f"models: 'array' begins with {first}, which is fitted on arrays; wanted a model of pairs"
    refuse(TypeError, message, data, {"never": NoExpected(), "array": model})


@pytest.mark.parametrize(
    "model",
    [
        DummyRegressor(),
        DummyRegressor(strategy="quantile"),  # fails, but for another reason: its fold will say so
        make_pipeline(FunctionTransformer(), OnPairs()),
        GridSearchCV(OnPairs(), {"value": [1.0, 2.0]}, cv=2),
    ],
)
def test_models_that_may_take_pairs_are_let_through(data, model):
    assert list(checked_models({"model": model}, data)) == ["model"]


def test_data_that_cannot_be_used(data):
    refuse(TypeError, "data: wanted a PairedDataset, got GeneCellPairs", data.pairs())
    closed = PairedDataset(data.openness, data.peaks, data.genes, None, data.cell_types)
    refuse(MissingExpressionError, "data: this data set holds openness only", closed)


def test_splits_that_cannot_be_made():
    data = small_data(BY_HAND)
    refuse(ValueError, "split 'lineages' cannot be made: .* needs a column 'lineage'", data, splits=["lineages"])
    refuse(ValueError, "split 'chromosomes' cannot be made: 2 folds need .*, got 1", data, splits=["chromosomes"])
    refuse(ValueError, "split 'k' cannot be made: 9 folds need at least 9", data, splits={"k": CellTypeKFold(9)})
    for message, *folds in [
        ("it has no folds",),
        ("fold 0 has no training pairs", ([], [1])),
        ("fold 1 has no test pairs", ([1], [0]), ([1], [])),
        ("fold 0 trains on 2 of the pairs that it tests", ([0, 1, 2], [1, 2, 3])),
    ]:
        refuse(ValueError, f"split 'given' cannot be made: {message}", data, splits={"given": Given(*folds)})


def test_expression_that_does_not_vary():
    refuse(ValueError, "split 'cell types': expression of the test pairs does not vary", small_data(np.ones((2, 3))))


def test_nothing_to_permute():
    refuse(ValueError, "controls: nothing to permute among 1", small_data([[1, 2, 3]]), controls=("genes",))


def test_normalizers_that_leave_nothing():
    data = small_data(BY_HAND, chroms=["chr1", "chr2"])
    splits = {"first gene": Given(([0, 1, 2], [3, 4, 5]))}
    message = "split 'first gene', fold 0: the normalizer keeps no gene that is trained on"
    refuse(ValueError, message, data, splits=splits, normalizer=Keep((1,)))
    message = "split 'first gene': no test pair is left, because the normalizer keeps none of their genes"
    refuse(ValueError, message, data, splits=splits, normalizer=Keep((0,)))


def test_a_cell_type_without_counts_is_refused_by_name(counts):
    empty = np.array(counts.expression)
    empty[:, 3] = 0
    data = PairedDataset(counts.openness, counts.peaks, counts.genes, empty, counts.cell_types)
    with pytest.warns(EmptyLibraryWarning):
        refuse(TableError, counts.cell_types["name"][3], data, normalizer=ExpressionNormalizer())


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Predicts(lambda X: np.zeros(3)), r"predictions have shape \(3,\), wanted \(\d+,\): one per pair"),
        (Predicts(lambda X: np.full(len(X), np.nan)), r"80 of 80 predictions are not finite"),
        (WithStd(0.0, -1.0), "standard deviations must not be negative, got -1"),
        (WithStd(0.0, np.inf), "80 of 80 standard deviations are not finite"),
    ],
)
def test_predictions_that_cannot_be_scored(data, model, message):
    with pytest.raises(RuntimeError, match=f"model 'odd' failed in split 'lineages', fold 0: ValueError: {message}"):
        compare_models({"odd": model}, data, ["lineages"])


def test_a_fold_is_small_and_gives_back_its_pairs(data):
    source = sources_of(data, (), 1, 0)[0]
    train, test = next(CellTypeKFold(3).split(data.pairs()))
    (fold, *_) = folds_of(source, {"cells": CellTypeKFold(3)})
    assert isinstance(fold, Fold)
    assert fold.train_bits.nbytes == 40 * 8 / 8
    assert np.flatnonzero(fold.train).tolist() == train.tolist()
    assert np.flatnonzero(fold.test).tolist() == test.tolist()


@pytest.mark.slow
@pytest.mark.long
def test_the_known_skill_on_blood(blood_path):
    """Bands with one scale each, ridge, populations and lineages left out: near what was found before skepi was."""
    openness, peaks, genes, expression = (
        pd.read_parquet(blood_path / f"{name}.parquet") for name in ("openness", "peaks", "genes", "expression")
    )
    names = list(openness.columns[1:])
    on_peaks = genes["chrom"].isin(peaks["chrom"]).to_numpy()
    data = PairedDataset(
        openness[names].to_numpy(np.float32),
        peaks[["chrom", "start", "end"]],
        genes.rename(columns={"gene": "name"})[on_peaks],
        expression.loc[on_peaks, names].to_numpy(float),
        names,
    )
    edges = symmetric_edges([0, 500, 2_000, 5_000, 20_000, 100_000, 500_000])
    model = make_pipeline(TSSBinner(edges=edges), LogZScaler(scale_floor=float("inf")), GeneZTarget(Ridge()))
    normalizer = ExpressionNormalizer("quantile", min_mean_cpm=1)
    replicates = pd.read_parquet(blood_path / "expression_replicates.parquet").set_index("gene")
    of = pd.read_csv(blood_path / "replicates.tsv", sep="\t").set_index("replicate")["sample"]
    all_genes = ExpressionNormalizer("quantile", min_mean_cpm=-1).fit(data.expression.T)
    kept = replicates.loc[data.genes["name"]]
    normal = pd.DataFrame(all_genes.transform(kept.to_numpy().T).T, index=kept.index)
    variance = replicate_variance(normal, [of[name] for name in kept])
    models = {"mean": mean_model(), "bands": model}
    compared = compare_models(models, data, ["cell types"], normalizer=normalizer, replicate_variance=variance)
    assert 0.2 < compared.to_frame().loc["bands", "cell types"] < 0.3
    assert 0.89 < compared.ceilings.loc["cell types", "ceiling"] < 0.92
