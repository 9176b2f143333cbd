"""The checks for others find each broken promise, and what others write works with skepi."""

import ast
from pathlib import Path
from unittest import SkipTest

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from discovery import public_estimators
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_float32_sums
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from strangers import GeneLevel, StrangersRidge, TableRows
from test_estimators import (
    CLASSIFIERS,
    EDGES,
    OF_DNA,
    OF_PEAKS,
    OF_SAMPLES,
    PAIR_CLASSIFIERS,
    PAIR_MODELS,
    PAIR_STEPS,
    SEARCHES,
    VARIANTS,
)

import skepi.testing
from skepi.baselines import DistanceDecay, PromoterSum, TrainingMean
from skepi.binning import BinnerUnion, TSSBinner
from skepi.classification import above_median
from skepi.comparison import compare_models
from skepi.compose import BucketedRegressor, GeneZTarget
from skepi.datasets import make_paired_openness
from skepi.inspection import bin_importance, cell_type_influence, importance_profile, peak_gene_links
from skepi.inspection._swapped import SwappedRows
from skepi.linear_model import TFProductLasso
from skepi.model_selection import CellTypeKFold
from skepi.paired import PairedDataset
from skepi.preprocessing import LogZScaler, Materialize
from skepi.rows import Slots, SlotScaling, has_map, is_binned
from skepi.testing import PAIR_CHECKS, check_pair_estimator, check_rows, parametrize_with_pair_checks

# --- estimators that break one promise


class ChangesSetting(GeneLevel):
    def fit(self, X, y):
        self.plus = self.plus + 1
        return super().fit(X, y)


class ChangesSettingInInit(GeneLevel):
    def __init__(self, plus=0.0):
        self.plus = [plus]


class RepeatsItself(GeneLevel):
    def __repr__(self):
        return f"RepeatsItself({'plus=0.0' if hasattr(self, 'set') else ''})"

    def set_params(self, **settings):
        self.set = True
        return super().set_params(**settings)


class ReturnsNothing(GeneLevel):
    def fit(self, X, y):
        super().fit(X, y)


class TakesAnything(GeneLevel):
    def fit(self, X, y):
        return super().fit(X, y) if hasattr(X, "gene_codes") else self


class RefusesInOtherWords(GeneLevel):
    def fit(self, X, y):
        if not hasattr(X, "gene_codes"):
            raise TypeError("this is not what I wanted")
        return super().fit(X, y)


class GoesOnFromTheLastFit(GeneLevel):
    def fit(self, X, y):
        before = getattr(self, "n_fits_", 0)
        self.n_fits_ = before + 1
        return super().fit(X, y)

    def predict(self, X):
        return super().predict(X) + self.n_fits_


class DrawsAtRandom(GeneLevel):
    def fit(self, X, y):
        self.noise_ = np.random.default_rng().normal()
        return super().fit(X, y)

    def predict(self, X):
        return super().predict(X) + self.noise_


class WritesIntoTargets(GeneLevel):
    def fit(self, X, y):
        super().fit(X, y)
        y[:] = 0
        return self

    def predict(self, X):
        return 0 * super().predict(X)


class ForgetsWhenPickled(GeneLevel):
    def __getstate__(self):
        state = super().__getstate__()
        return {**state, "mean_": 0 * state["mean_"]} if "mean_" in state else state


class KeepsRows(GeneLevel):
    def fit(self, X, y):
        self.X_ = X
        return super().fit(X, y)


class KeepsOpenness(GeneLevel):
    def fit(self, X, y):
        super().fit(X, y)
        self.openness_ = np.array(X.tables.openness, order="C")
        return self


class CentresOnItsRows(GeneLevel):
    def predict(self, X):
        values = super().predict(X)
        return values - values.mean()


class LosesRows(GeneLevel):
    def predict(self, X):
        return super().predict(X)[:-1]


class GivesNaN(GeneLevel):
    def predict(self, X):
        return super().predict(X) * np.nan


class StartsFromTheLastRow(GeneLevel):
    def fit(self, X, y):
        self.last_ = y[-1]
        return super().fit(X, y)

    def predict(self, X):
        return super().predict(X) + self.last_


class GoesByCodes(GeneLevel):
    def names(self, X):
        return X.gene_codes


class KnowsItsCellTypes(GeneLevel):
    def fit(self, X, y):
        super().fit(X, y)
        self.known_ = set(X.cell_types["name"])
        return self

    def predict(self, X):
        known = X.cell_types["name"].isin(self.known_).to_numpy()[X.cell_type_codes]
        return np.where(known, super().predict(X), np.nan)


class RaisesForNewCellTypes(KnowsItsCellTypes):
    def predict(self, X):
        if not set(X.cell_types["name"]) <= self.known_:
            raise KeyError("new one")
        return GeneLevel.predict(self, X)


class MeanOfAllGenes(GeneLevel):
    def training_mean(self, X):
        return np.full(len(X), self.mean_.mean())

    def predict(self, X):
        return GeneLevel.training_mean(self, X)


class ScalesInAnotherWay(GeneLevel):
    def standardized_model(self, X):
        return X, GeneLevel().fit(X, np.ones(len(X)))

    def gene_levels(self, X):
        return self.training_mean(X), np.ones(len(X))


class PartsThatDoNotAddUp(GeneLevel):
    def predict_parts(self, X):
        return pd.DataFrame({"level": self.predict(X), "again": self.predict(X)})


BROKEN = {
    StrangersRidge: ("check_takes_pairs", "AttributeError: .* no attribute 'dense'", r"behind TSSBinner\(\)"),
    LosesRows: ("check_takes_pairs", "got 269 results for 270 pairs", "finite numbers for each"),
    GivesNaN: ("check_takes_pairs", "got 270 results for 270 pairs, 270 of the numbers NaN", "finite numbers for each"),
    RepeatsItself: (
        "check_clone",
        r"the clone of RepeatsItself\(\) is RepeatsItself\(plus=0.0\)",
        "in __init__ as it came",
    ),
    ChangesSetting: ("check_fit", "fit changed the settings", "Let fit change no setting"),
    ChangesSettingInInit: ("check_clone", "constructor", "in __init__ as it came"),
    ReturnsNothing: ("check_fit", "fit returned NoneType", "return self"),
    TakesAnything: ("check_plain_arrays", "without a word", "Raise a TypeError"),
    RefusesInOtherWords: ("check_plain_arrays", "does not speak of pairs", "says that pairs are needed"),
    GoesOnFromTheLastFit: ("check_fitting_twice", "", "start anew"),
    DrawsAtRandom: ("check_fitting_twice", "", "random_state"),
    WritesIntoTargets: ("check_input_untouched", "X or y are not", "Copy what you change"),
    ForgetsWhenPickled: ("check_pickle", "", "all that predict needs"),
    KeepsRows: ("check_holds_no_data", "holds the openness", "not the rows"),
    KeepsOpenness: ("check_holds_no_data", "holds the openness", "not the rows"),
    CentresOnItsRows: ("check_subset_of_rows", "differ by more than rounding", "Predict each row from itself"),
    StartsFromTheLastRow: ("check_order_of_training_rows", "differ by more", "sort rows first"),
    GoesByCodes: ("check_another_data_set", "differ by more", "by their names"),
    KnowsItsCellTypes: ("check_new_cell_types", "60 of the numbers NaN", "from their openness"),
    RaisesForNewCellTypes: ("check_new_cell_types", "KeyError: 'new one'", "from their openness"),
    MeanOfAllGenes: ("check_training_mean", "differ by more", "the mean of y over the training pairs"),
    ScalesInAnotherWay: ("check_standardized_model", "differ by more", r"mean \+ scale \* model.predict"),
    PartsThatDoNotAddUp: ("check_parts_of_predictions", "differ by more", "add up to predict"),
}


@pytest.mark.parametrize("kind", BROKEN, ids=lambda kind: kind.__name__)
def test_each_check_finds_its_broken_promise_and_says_what_to_do(kind):
    name, found, remedy = BROKEN[kind]
    estimator = kind.__new__(kind)
    kind.__init__(estimator)
    with pytest.raises(AssertionError, match=rf"(?s)^{name} failed for {kind.__name__}: .*{found}.*\n.*{remedy}"):
        check_pair_estimator(estimator)


def test_every_check_has_a_broken_estimator():
    assert {name for name, _, _ in BROKEN.values()} == {check.name for check in PAIR_CHECKS}


# --- what the checks of estimators say and take


def test_what_does_not_apply_is_said_with_its_reason():
    outcome = check_pair_estimator(GeneLevel())
    assert {name: word for name, word in outcome.items() if word != "passed"} == {
        "check_standardized_model": "skipped: GeneLevel offers no standardized_model",
        "check_parts_of_predictions": "skipped: GeneLevel offers no predict_parts",
    }


class Stated(DrawsAtRandom):
    def predict(self, X):
        return GeneLevel.predict(self, X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.non_deterministic = True
        return tags


class Seeded(StartsFromTheLastRow):
    def __init__(self, random_state=0):
        self.random_state, self.plus = random_state, 0.0


def test_an_estimator_states_what_is_not_asked_of_it():
    outcome = check_pair_estimator(Stated())
    stated = "skipped: Stated has the tag non_deterministic"
    assert outcome["check_fitting_twice"] == outcome["check_order_of_training_rows"] == stated
    outcome = check_pair_estimator(Seeded())
    assert outcome["check_order_of_training_rows"].startswith("skipped: random_state is set")
    with pytest.raises(AssertionError, match="check_order_of_training_rows failed"):
        check_pair_estimator(Seeded(random_state=None))


class Unjudged(GeneLevel):
    @property
    def training_mean(self):
        raise AttributeError

    def predict(self, X):
        return self.mean_.reindex(self.names(X)).to_numpy()


def test_an_estimator_that_is_not_judged_says_why():
    assert "wrap it in GeneZTarget" in check_pair_estimator(Unjudged())["check_training_mean"]


def test_an_estimator_that_takes_arrays_is_not_asked_to_refuse_them():
    ridge = GeneZTarget(make_pipeline(TSSBinner(edges=EDGES), Materialize(), Ridge()))
    assert check_pair_estimator(ridge)["check_plain_arrays"] == "passed"
    check = next(check for check in PAIR_CHECKS if check.name == "check_plain_arrays")
    for takes in (Ridge(), make_pipeline("passthrough", Ridge()), make_pipeline("passthrough")):
        with pytest.raises(SkipTest, match="takes plain arrays by its tags"):
            check(takes)


def test_pairs_of_ones_own_are_checked_as_they_are():
    X, y = make_paired_openness(12, 6, n_lineages=2, n_chromosomes=2)[0].pairs(return_X_y=True)
    assert check_pair_estimator(GeneLevel(), X, y)["check_new_cell_types"] == "passed"
    with pytest.raises(ValueError, match="X is given without y: give the target of each pair"):
        check_pair_estimator(GeneLevel(), X)
    with pytest.raises(ValueError, match="y has 71 values for 72 pairs"):
        check_pair_estimator(GeneLevel(), X, y[1:])
    with pytest.raises(TypeError, match=r"X: wanted pairs that know their peaks.*got BinnedOpenness.*behind TSSBinner"):
        check_pair_estimator(GeneLevel(), TSSBinner(edges=EDGES).fit_transform(X), y)


@parametrize_with_pair_checks([GeneLevel(), make_pipeline(TSSBinner(edges=EDGES), StrangersRidge())])
def test_estimators_of_strangers_pass(estimator, check):
    check(estimator)


def test_names_of_parametrized_tests():
    (mark,) = parametrize_with_pair_checks([GeneLevel(plus=1.0)]).mark.args[1:]
    assert [case.id for case in mark] == [f"GeneLevel(plus=1.0)-{check.name}" for check in PAIR_CHECKS]
    (mark,) = parametrize_with_pair_checks({"mine": GeneLevel()}).mark.args[1:]
    assert mark[0].id == "mine-check_clone"


# --- a stranger's estimator in the rest of the package


@pytest.fixture(scope="module")
def planted():
    """Expression that follows openness within 5 kb of the TSS alone."""
    edges = [-50_000, -5_000, 5_000, 50_000]
    data, _ = make_paired_openness(60, 9, n_lineages=3, cis_share=0.9, program_share=0.05, cis_bands=edges[1:3])
    return data, np.array(edges)


def test_a_strangers_estimator_is_looked_at_like_any_other(planted):
    data, edges = planted
    X, y = data.pairs(return_X_y=True)
    model = make_pipeline(TSSBinner(edges=edges), StrangersRidge())
    train = X.cell_type_codes % 3 > 0
    fitted = clone(model).fit(X[train], y[train])
    table = bin_importance(fitted, X[~train], y[~train], method="permutation", bands=edges)
    assert table["importance"].argmax() == 1
    profile = importance_profile(model, X, y, CellTypeKFold(3), method="permutation", bands=edges, n_permutations=0)
    assert profile.table["importance"].argmax() == 1
    influence = cell_type_influence(model, X, y, CellTypeKFold(3))
    assert (influence["prediction_change"] > 0).all()
    compared = compare_models(
        {"mine": model, "mean": TrainingMean()}, data, {"cells": CellTypeKFold(3)}, n_bootstrap=20
    )
    assert compared.scores.loc[("cells", "mine"), "skill"] > 0.1


# --- a stranger's container


@pytest.fixture(scope="module")
def rows():
    """The same numbers in both containers, and their targets."""
    data, _ = make_paired_openness(24, 9, n_lineages=3, cis_share=0.6, program_share=0.2, random_state=2)
    X, y = data.pairs(return_X_y=True)
    binned = TSSBinner(edges=EDGES).fit_transform(X)
    return binned, TableRows.copy_of(binned), y


@pytest.fixture(scope="module")
def new_rows(rows):
    """Rows of another data set in both containers: other peaks, so other slots, and genes in another order."""
    tables = rows[0].pairs.tables
    kept = np.arange(len(tables.peaks)) % 7 > 0
    openness, cells = tables.openness[kept][:, :3] * np.float32(1.2), ["one", "two", "three"]
    data = PairedDataset(openness, tables.peaks[kept], tables.genes[::-1], cell_types=cells)
    binned = TSSBinner(edges=EDGES).fit_transform(data.pairs())
    assert binned.slots.n_slots < rows[0].slots.n_slots
    return binned, TableRows.copy_of(binned)


def test_the_container_is_a_strangers_and_keeps_tier_one_alone(rows):
    ours, theirs, _ = rows
    assert is_binned(theirs)
    assert not has_map(theirs)
    assert_float32_sums(theirs.dense(), ours.dense())
    for X in (ours, theirs, theirs[::3]):
        check_rows(X)
        check_rows(X.with_appended(["age"], np.ones((len(X), 1)), from_targets=True))


def on_rows(model):
    """What takes binned rows: a pipeline without its binner, or a rule as it is."""
    return model[1:] if isinstance(model, Pipeline) and len(model) > 1 else model


# Reads peaks past its rows, or makes rows.
NEED_THE_MAP = [
    PromoterSum(),
    DistanceDecay(),
    TFProductLasso(["gene00003", "gene00007"]),
    TSSBinner(edges=EDGES),
    BinnerUnion([("bins", TSSBinner(edges=EDGES))]),
    BucketedRegressor(GeneZTarget(Ridge()), min_cell_types=2),
]
BEGIN_WITH_PAIRS = {
    "buckets",
    "buckets by expression",
    "promoter sum",
    "distance decay",
    "products with TFs",
    "TSSBinner",
    "BinnerUnion",
}
BEGIN_WITH_PAIRS |= {"target around the pipeline"}
ON_ROWS = {name: on_rows(m) for name, m in {**PAIR_MODELS, **PAIR_STEPS}.items() if name not in BEGIN_WITH_PAIRS}


def test_every_public_estimator_of_rows_is_tried_on_the_container_of_a_stranger():
    tried = {type(one) for one in NEED_THE_MAP}
    for model in [*ON_ROWS.values(), *map(on_rows, PAIR_CLASSIFIERS.values())]:
        tried |= {type(model), *map(type, model.get_params().values())}
    assert public_estimators() - tried == OF_SAMPLES | OF_DNA | OF_PEAKS | CLASSIFIERS | SEARCHES


@pytest.mark.filterwarnings("ignore::skepi.exceptions.UnseenBatchWarning")  # new data sets name no batch
@pytest.mark.filterwarnings("ignore::skepi.exceptions.DistantCellTypeWarning")  # corrected ones may lie far away
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in VARIANTS else ()) for name in ON_ROWS]
)
def test_a_strangers_container_gives_the_same_predictions(rows, new_rows, name):
    ours, theirs, y = rows
    train = ours.cell_type_codes < 7
    wanted, got = (clone(ON_ROWS[name]).fit(X[train], y[train]) for X in (ours, theirs))
    assert_float32_sums(numbers(got, theirs), numbers(wanted, ours))
    assert_float32_sums(numbers(got, new_rows[1]), numbers(wanted, new_rows[0]))


@pytest.mark.parametrize("name", PAIR_CLASSIFIERS)
def test_a_strangers_container_gives_the_same_probabilities(rows, name):
    ours, theirs, y = rows
    labels = above_median(ours, y)
    wanted, got = (clone(on_rows(PAIR_CLASSIFIERS[name])).fit(X, labels) for X in (ours, theirs))
    assert_float32_sums(got.predict_proba(theirs), wanted.predict_proba(ours))


def numbers(model, X):
    result = model.predict(X) if hasattr(model, "predict") else model.transform(X)
    return np.asarray(result)


@pytest.mark.parametrize("estimator", NEED_THE_MAP, ids=repr)
def test_estimators_that_need_the_map_refuse_the_container_of_a_stranger(rows, estimator):
    _, theirs, y = rows
    wanted = "needs pairs of genes and cell types, got TableRows|which TableRows does not offer.*skepi.rows.MappedRows"
    with pytest.raises(TypeError, match=f"^{type(estimator).__name__} .*({wanted})"):
        clone(estimator).fit(theirs, y)


def test_links_to_peaks_refuse_the_container_of_a_stranger(rows):
    _, theirs, y = rows
    model = make_pipeline(LogZScaler(), GeneZTarget(Ridge())).fit(theirs, y)
    with pytest.raises(TypeError, match=r"need rows that know their peaks \(skepi.rows.MappedRows\), got TableRows"):
        peak_gene_links(model, theirs)


@pytest.mark.parametrize("method", ["permutation", "coefficients"])
def test_importance_of_a_strangers_rows_is_that_of_our_own(rows, method):
    ours, theirs, y = rows
    model = make_pipeline(LogZScaler(), GeneZTarget(Ridge())).fit(ours, y)
    got, wanted = (bin_importance(model, X, y, method=method, bands=EDGES) for X in (theirs, ours))
    assert_float32_sums(got["importance"], wanted["importance"], summed=1)


# --- containers that break one promise


class LacksTotals(TableRows):
    @property
    def slot_totals(self):
        raise AttributeError


class WrongTotals(TableRows):
    def slot_totals(self):
        return super().slot_totals() / len(self.cell_types)


class TransposedDense(TableRows):
    def dense(self, rows=slice(None), dtype=np.float32):
        return super().dense(rows, dtype).T


class ForgetsAppended(TableRows):
    @property
    def shape(self):
        return len(self), self.slots.n_columns


class OneType(TableRows):
    def dense(self, rows=slice(None), dtype=np.float32):
        return super().dense(rows)


class SortedRows(TableRows):
    def dense(self, rows=slice(None), dtype=np.float32):
        return super().dense(np.sort(np.arange(len(self))[rows]), dtype)


class KeepsWhatItGave(TableRows):
    def dense(self, rows=slice(None), dtype=np.float32):
        if not isinstance(rows, slice) or rows != slice(None) or dtype != np.float32:
            return super().dense(rows, dtype)
        if not hasattr(self, "kept"):
            self.kept = super().dense()
        return self.kept


class AppendedTwice(TableRows):
    def dense(self, rows=slice(None), dtype=np.float32):
        out = super().dense(rows, dtype)
        out[:, self.slots.n_columns :] *= 2
        return out


class AnotherArray(TableRows):
    def __array__(self, dtype=None, copy=None):
        return self.dense()[::-1]


class Csc(TableRows):
    def tocsr(self, rows=slice(None), dtype=np.float32):
        return sp.csc_array(self.dense(rows, dtype))


class SparseFloat64(TableRows):
    def tocsr(self, rows=slice(None), dtype=np.float32):
        return super().tocsr(rows, np.float64)


class SparseLosesABin(TableRows):
    def tocsr(self, rows=slice(None), dtype=np.float32):
        out = self.dense(rows, dtype)
        out[:, 3] = 0
        return sp.csr_array(out)


class SparseIgnoresRows(TableRows):
    def tocsr(self, rows=slice(None), dtype=np.float32):
        return super().tocsr()


class Blocks(TableRows):
    """Blocks of genes that are changed on their way."""

    def gene_blocks(self, gene_codes=None):
        for block in super().gene_blocks(gene_codes):
            yield self.changed(block)


class BlocksOfOneCellType(Blocks):
    def changed(self, block):
        return block._replace(values=np.repeat(block.values[:, :1], len(self.cell_types), axis=1))


class BlocksInFloat64(Blocks):
    def changed(self, block):
        return block._replace(values=block.values.astype(np.float64))


class BlocksReadOnly(Blocks):
    def changed(self, block):
        block.values.flags.writeable = False
        return block


class BlocksOfOtherSlots(Blocks):
    def changed(self, block):
        return block._replace(slots=slice(0, len(block.values)))


class BlocksWithoutPointers(Blocks):
    def changed(self, block):
        return block._replace(ptr=block.ptr[:1])


class BlocksLoseAGene(TableRows):
    def gene_blocks(self, gene_codes=None):
        yield from list(super().gene_blocks(gene_codes))[:-1]


class BlocksOfAllGenes(TableRows):
    def gene_blocks(self, gene_codes=None):
        return super().gene_blocks()


class BlocksOfItsOwnMemory(TableRows):
    def gene_blocks(self, gene_codes=None):
        for block in super().gene_blocks(gene_codes):
            if not self.is_scaled and block.slots == slice(0, len(block.values)):
                self.kept = getattr(self, "kept", block.values)
                block = block._replace(values=self.kept)
            yield block


class SlicesAreArrays(TableRows):
    def __getitem__(self, rows):
        return self.dense(rows)


class SlicesForgetCellTypes(TableRows):
    def __getitem__(self, rows):
        return self.but(codes=(self.gene_codes[rows], self.cell_type_codes[: self.gene_codes[rows].size]))


class StaysInItsCellTypes(TableRows):
    def in_cell_types(self, cell_type_codes):
        return self.but()


class LeavesItsGenes(TableRows):
    def in_cell_types(self, cell_type_codes):
        return self.but(codes=(self.gene_codes[::-1], cell_type_codes))


class ShowsTheOldBins(TableRows):
    def in_cell_types(self, cell_type_codes):
        other = super().in_cell_types(cell_type_codes)
        other.old = self.cell_type_codes
        return other

    def dense(self, rows=slice(None), dtype=np.float32):
        if not hasattr(self, "old"):
            return super().dense(rows, dtype)
        return self.but(codes=(self.gene_codes, self.old)).dense(rows, dtype)


class MovesItself(TableRows):
    def in_cell_types(self, cell_type_codes):
        other = super().in_cell_types(cell_type_codes)
        self.cell_type_codes = self.cell_type_codes.copy()
        self.cell_type_codes[:] = cell_type_codes
        return other


class ForgetsTargets(TableRows):
    def with_appended(self, names, values, *, from_targets=False):
        return super().with_appended(names, values)


class AppendsInFront(TableRows):
    def with_appended(self, names, values, *, from_targets=False):
        more = super().with_appended(names, values, from_targets=from_targets)
        return more.but(appended=more.appended[:, ::-1].copy())


class ForgetsNames(TableRows):
    def with_appended(self, names, values, *, from_targets=False):
        return super().with_appended([f"x{k}" for k in range(len(names))], values, from_targets=from_targets)


class TakesTheOthersColumns(TableRows):
    def in_cell_types(self, cell_type_codes):
        return super().in_cell_types(cell_type_codes).but(appended=self.appended + 1)


class SlicesMixGenes(TableRows):
    def __getitem__(self, rows):
        some = super().__getitem__(rows)
        return some.but(codes=(some.gene_codes[::-1], some.cell_type_codes))


class SlicesMixColumns(TableRows):
    def __getitem__(self, rows):
        some = super().__getitem__(rows)
        return some.but(appended=some.appended + 1)


class AppendsToItself(TableRows):
    def with_appended(self, names, values, *, from_targets=False):
        self.appended = super().with_appended(names, values).appended
        return self


class NeverAppendsSparse(TableRows):
    def tocsr(self, rows=slice(None), dtype=np.float32):
        return super().tocsr(rows, dtype) if len(self.names) < 2 else sp.csr_array(0 * self.dense(rows, dtype))


class MovesItsColumns(TableRows):
    def in_cell_types(self, cell_type_codes):
        other = super().in_cell_types(cell_type_codes)
        return other if len(self.names) < 2 else other.but(appended=self.appended[::-1])


class NeverScalesSparse(TableRows):
    def tocsr(self, rows=slice(None), dtype=np.float32):
        return self.but(scaling=None).dense_as_csr(rows, dtype)

    def dense_as_csr(self, rows, dtype):
        return sp.csr_array(self.dense(rows, dtype))


class NeverScalesBlocks(TableRows):
    def gene_blocks(self, gene_codes=None):
        return TableRows.gene_blocks(self.but(scaling=None), gene_codes)


class TotalsOfWhatItShows(TableRows):
    def slot_totals(self):
        return self.but(values=self.table(), scaling=None).plain_totals()

    def plain_totals(self):
        return super().slot_totals()


class UnscalesToLogs(TableRows):
    def unscaled(self):
        return self.but(values=np.log1p(self.values), scaling=None)


class ScalesItself(TableRows):
    def scaled(self, slot_keys, scaling):
        self.scaling = scaling
        return super().scaled(slot_keys, scaling)


class WithoutLogs(SlotScaling):
    """Scales openness as it is."""

    @staticmethod
    def logs(values):
        return values


class ScalesOpenness(TableRows):
    def scaled(self, slot_keys, scaling):
        return super().scaled(slot_keys, WithoutLogs(scaling.mean, scaling.inverse_scale))


class KeepsItsSlots(TableRows):
    def scaled(self, slot_keys, scaling):
        return self.but(scaling=scaling)


class IsNotScaled(TableRows):
    is_scaled = False


class StaysScaled(TableRows):
    def unscaled(self):
        return self


def with_slots(X, **changes):
    fields = {"gene_ptr": X.slots.gene_ptr, "slot_column": X.slots.slot_column, "n_columns": X.slots.n_columns}
    return X.but(slots=Slots(**{**fields, **changes}))


def with_value(X, value, gene=0):
    values = X.values.copy()
    values[gene, :, X.slots.slot_column[X.slots.gene_ptr[gene]]] = value
    return X.but(values=values)


def with_attribute(X, name, value):
    X = X.but()
    setattr(X, name, value)
    return X


def swapped_first_bins(X):
    bins = X.slots.slot_column.copy()
    bins[:2] = bins[1::-1]
    return with_slots(X, slot_column=bins)


def without_first_slot(X):
    ptr = X.slots.gene_ptr - 1
    ptr[0] = 0
    return with_slots(X, gene_ptr=ptr, slot_column=X.slots.slot_column[1:])


BROKEN_CLASSES = {
    LacksTotals: "LacksTotals lacks slot_totals of skepi.rows.BinnedRows",
    WrongTotals: "slot_totals: .* differ by more than rounding",
    ForgetsAppended: r"shape: got \(216, 8\), wanted \(216, 9\): rows x bins and appended columns",
    TransposedDense: r"dense: got float32 of shape \(9, 216\), wanted float32 of shape \(216, 9\)",
    OneType: "dense: got float32 of shape .*, wanted float64 of shape",
    SortedRows: "dense of rows chosen by ndarray: .* differ",
    KeepsWhatItGave: "dense, after the caller changed what it got: ",
    AppendedTwice: "dense, appended columns: ",
    AnotherArray: "numpy.asarray, compared with dense: ",
    Csc: "tocsr: got csc_array, wanted a scipy sparse array in csr",
    SparseFloat64: "tocsr: got float64, wanted float32",
    SparseLosesABin: "tocsr, compared with dense: .* differ",
    SparseIgnoresRows: r"tocsr of chosen rows: got shape \(216, 9\), wanted \(108, 9\)",
    BlocksOfOneCellType: "gene_blocks, compared with dense: .* differ",
    BlocksInFloat64: "gene_blocks, values: got float64 of shape .*, wanted float32",
    BlocksReadOnly: "gene_blocks, values: got a read-only array, wanted memory of its own",
    BlocksOfOtherSlots: "gene_blocks, slots: ",
    BlocksWithoutPointers: "gene_blocks, ptr: ",
    BlocksLoseAGene: "gene_blocks, genes: ",
    BlocksOfAllGenes: "gene_blocks of chosen genes, genes: ",
    BlocksOfItsOwnMemory: "gene_blocks of chosen genes: ",
    SlicesAreArrays: r"X\[rows\]: got ndarray, wanted rows of the same kind",
    SlicesForgetCellTypes: r"X\[rows\].cell_type_codes: ",
    StaysInItsCellTypes: "in_cell_types, cell_type_codes: ",
    ShowsTheOldBins: "in_cell_types, bins: .* differ",
    LeavesItsGenes: "in_cell_types, gene_codes: ",
    MovesItself: "in_cell_types must leave its rows as they are: ",
    ForgetsTargets: "with_appended, knows_targets: got False, wanted True",
    AppendsInFront: "with_appended, appended: ",
    ForgetsNames: "with_appended, feature_names: ",
    TakesTheOthersColumns: "in_cell_types, appended: ",
    SlicesMixGenes: r"X\[rows\].gene_codes: ",
    SlicesMixColumns: r"X\[rows\].dense: ",
    AppendsToItself: "with_appended, ",
    NeverAppendsSparse: "with_appended, tocsr: ",
    MovesItsColumns: "with_appended, then in_cell_types: ",
    NeverScalesSparse: "scaled, tocsr: ",
    NeverScalesBlocks: "scaled, gene_blocks: ",
    TotalsOfWhatItShows: "scaled, slot_totals: ",
    UnscalesToLogs: "unscaled, dense: ",
    ScalesItself: "scaled must leave its rows as they are: is_scaled: got True, wanted False",
    ScalesOpenness: "scaled, dense: .* differ",
    KeepsItsSlots: "scaled, slots: ",
    IsNotScaled: "scaled, is_scaled: got False, wanted True",
    StaysScaled: "unscaled, is_scaled: got True, wanted False",
}


BROKEN_VALUES = {
    "genes: got repeated names": lambda X: with_attribute(X, "genes", X.genes.assign(name="a")),
    r"cell_types: got \['label'.*\], wanted a column 'name'": lambda X: with_attribute(
        X, "cell_types", X.cell_types.rename(columns={"name": "label"})
    ),
    "gene_codes: got int32 of shape": lambda X: with_attribute(X, "gene_codes", X.gene_codes.astype(np.int32)),
    r"cell_type_codes: got 1 \.\. 9, wanted rows of cell_types, 0 \.\. 8": lambda X: with_attribute(
        X, "cell_type_codes", X.cell_type_codes + 1
    ),
    r"slots.gene_ptr: got shape \(24,\), wanted \(25,\)": lambda X: with_slots(X, gene_ptr=X.slots.gene_ptr[1:]),
    "slots.gene_ptr: got .*, wanted numbers that rise from 0": lambda X: with_slots(X, gene_ptr=X.slots.gene_ptr + 1),
    r"slots.slot_column: got bins out of range, wanted 0 \.\. 7": lambda X: with_slots(
        X, slot_column=X.slots.slot_column + np.int32(1)
    ),
    "slots.slot_column: got bins that do not rise within a gene": swapped_first_bins,
    "columns: got .*, wanted 8 rows of signal, feature, start_bp, end_bp": lambda X: X.but(columns=X.columns[1:]),
    "columns: got .*, wanted start_bp < end_bp": lambda X: X.but(
        columns=X.columns.assign(end_bp=X.columns["start_bp"])
    ),
    "appended: got float64 of shape": lambda X: X.but(appended=X.appended.astype(np.float64)),
    "feature_names: got 8 names, wanted 9, one per column": lambda X: X.but(names=()),
    "dense: got NaN or infinite values": lambda X: with_value(X, np.nan),
    "dense: got negative openness": lambda X: with_value(X, -1),
    r"dense: got \d+ values outside slots, wanted 0 there": without_first_slot,
}


@pytest.fixture
def with_age(rows):
    theirs = rows[1]
    return theirs.but(appended=np.full((len(theirs), 1), 5, dtype=np.float32), names=["age"])


@pytest.mark.parametrize("kind", BROKEN_CLASSES, ids=lambda kind: kind.__name__)
def test_a_method_that_breaks_the_contract_is_named(with_age, kind):
    X = kind.copy_of(with_age).but(appended=with_age.appended, names=with_age.names)
    with pytest.raises(AssertionError, match=f"(?s)^{BROKEN_CLASSES[kind]}"):
        check_rows(X)


@pytest.mark.parametrize("message", BROKEN_VALUES)
def test_an_attribute_that_breaks_the_contract_is_named(with_age, message):
    with pytest.raises(AssertionError, match=f"(?s)^{message}"):
        check_rows(BROKEN_VALUES[message](with_age))


def test_rows_too_few_to_compare_are_refused(rows):
    ours, theirs, _ = rows
    with pytest.raises(ValueError, match="got 1 rows, not scaled, and 9 cell types"):
        check_rows(theirs[:1])
    with pytest.raises(ValueError, match="got 216 rows, scaled, and 9 cell types"):
        check_rows(LogZScaler().fit_transform(ours))
    with pytest.raises(AssertionError, match=r"ndarray lacks genes, cell_types, .* of skepi.rows.BinnedRows"):
        check_rows(ours.dense())


# --- our own containers, whatever they hold


@given(
    edges=st.lists(st.integers(-60_000, 60_000), min_size=2, max_size=6, unique=True).map(sorted),
    seed=st.integers(0, 5),
    from_targets=st.booleans(),
    data=st.data(),
)
def test_our_own_containers_keep_the_contract(edges, seed, from_targets, data):
    X = make_paired_openness(6, 4, n_lineages=2, n_chromosomes=2, random_state=seed)[0].pairs()
    rows = TSSBinner(edges=edges).fit_transform(X)
    chosen = data.draw(st.lists(st.integers(0, len(X) - 1), min_size=2, max_size=12))
    some = rows.with_appended(["age"], np.ones((len(X), 1)), from_targets=from_targets)[np.array(chosen)]
    bins = np.array(data.draw(st.lists(st.booleans(), min_size=len(edges) - 1, max_size=len(edges) - 1)))
    source = np.array(data.draw(st.permutations(range(4))))
    for one in (some, SwappedRows(some, bins, source), TableRows.copy_of(rows)[np.array(chosen)]):
        check_rows(one)


def test_the_checks_are_at_hand_without_pytest():
    modules = Path(skepi.testing.__file__).parent.glob("*.py")
    at_import = [node for path in modules for node in ast.parse(path.read_text()).body]
    imported = {alias.name for node in at_import if isinstance(node, ast.Import) for alias in node.names}
    assert {"numpy", "pickle"} < imported
    assert "pytest" not in imported | {node.module for node in at_import if isinstance(node, ast.ImportFrom)}
