"""Shifts between data sets: known ones are found and taken out, unknown ones are said, and training alone decides."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from promises import assert_exact, assert_float32_sums, assert_float64_sums
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skepi.binning import BinnedTable, TSSBinner, symmetric_edges
from skepi.compose import BatchCorrection, GeneZTarget
from skepi.compose._batch_shift import ShiftWeights, shift_of_new, shifts_of_table
from skepi.datasets import make_paired_openness
from skepi.exceptions import UnknownNameError, UnmatchedDataError, UnseenBatchWarning, UntiedBatchWarning
from skepi.gaussian_process import CisTransRegressor
from skepi.inspection import bin_importance, cross_val_parts
from skepi.metrics import skill
from skepi.model_selection import DataSetKFold, LeaveOneCellTypeOut, cross_val_pairs, shuffle_control
from skepi.paired import PairedDataset, pool
from skepi.persistence import load_model, save_model
from skepi.preprocessing import LogZScaler
from skepi.rows import band_columns, has_map, is_binned
from skepi.testing import PAIR_CHECKS, check_rows

pytestmark = pytest.mark.filterwarnings("ignore::skepi.exceptions.DistantCellTypeWarning")  # a few are far from all

EDGES = symmetric_edges([0, 1_000, 5_000, 20_000, 100_000])
SHARED = ["cell004", "cell005", "cell006"]


def on_bands(model):
    return make_pipeline(TSSBinner(edges=EDGES), model)


def laboratories(expression=0.0, openness=0.0, seed=0, n_genes=120):
    """One data set cut in two that share three populations; the second has shifts of genes and of peaks."""
    data, _ = make_paired_openness(n_genes=n_genes, n_cell_types=12, n_lineages=4, random_state=seed)
    rng = np.random.default_rng(seed)
    names = list(data.cell_types["name"])
    first, second = data.subset(cell_types=names[:7]), data.subset(cell_types=names[4:])
    of_genes = expression * rng.normal(size=len(data.genes))
    of_peaks = np.exp(openness * rng.normal(size=len(data.peaks)))
    moved = PairedDataset(
        second.openness * of_peaks[:, None].astype(np.float32),
        data.peaks,
        data.genes,
        second.expression + of_genes[:, None],
        second.cell_types,
    )
    return pool({"first": first, "second": moved}, shared=SHARED), pd.Series(of_genes, data.genes["name"])


@pytest.fixture(scope="module")
def shifted():
    return laboratories(1.0, 1.0)


@pytest.fixture(scope="module")
def pooled():
    return laboratories()[0]


@pytest.fixture(scope="module")
def small():
    return laboratories(1.0, 1.0, n_genes=40)[0]


# --- the law of shifts


designs = st.integers(2, 4).flatmap(
    lambda n_batches: st.lists(st.tuples(st.integers(0, n_batches - 1), st.integers(0, 5)), min_size=2, max_size=12)
)


def codes(design):
    return (pd.factorize(np.array(part))[0] for part in zip(*design, strict=True))


@given(designs, st.floats(0.01, 10), st.integers(0, 99))
def test_shifts_are_those_of_penalised_least_squares(design, shrinkage, seed):
    batch, level = codes(design)
    f = np.random.default_rng(seed).normal(size=batch.size)
    in_batch, in_level = np.eye(batch.max() + 1)[batch], np.eye(level.max() + 1)[level]
    # the same as rows of zeros that pull on shifts alone
    penalty = np.hstack(
        [np.zeros((in_batch.shape[1], in_level.shape[1])), np.sqrt(shrinkage) * np.eye(len(in_batch.T))]
    )
    rows = np.vstack([np.hstack([in_level, in_batch]), penalty])
    wanted = np.linalg.lstsq(rows, np.concatenate([f, np.zeros(len(penalty))]), rcond=None)[0]
    weights = ShiftWeights.of(batch, level, shrinkage)
    assert_float64_sums(np.concatenate([weights.level @ f, weights.shift @ f]), wanted, summed=1e3)


@given(designs, st.just(0.0) | st.floats(1e-6, 10), st.integers(0, 5))
def test_a_batch_that_shares_no_population_has_no_shift(design, shrinkage, seed):
    batch, level = codes(design)
    shares = [any(np.isin(level[batch == one], level[batch != one])) for one in range(batch.max() + 1)]
    assume(not all(shares))
    weights = ShiftWeights.of(batch, level, shrinkage)
    assert_exact(weights.shift[~np.array(shares)], np.zeros((shares.count(False), batch.size)))


@pytest.mark.parametrize(("n_shared", "shrinkage"), [(1, 1.0), (2, 1.0), (4, 0.5), (3, 0.0)])
def test_two_data_sets_differ_by_the_shrunken_mean_difference(n_shared, shrinkage):
    level = np.concatenate([np.arange(n_shared), np.arange(n_shared), [n_shared, n_shared + 1]])
    batch = np.concatenate([np.zeros(n_shared), np.ones(n_shared), [0, 1]]).astype(np.int64)
    f = np.random.default_rng(0).normal(size=batch.size)
    shift = ShiftWeights.of(batch, level, shrinkage).shift @ f
    difference = (f[:n_shared] - f[n_shared : 2 * n_shared]).mean()
    assert_float64_sums(shift[0] - shift[1], n_shared / (n_shared + shrinkage) * difference, summed=10)
    assert_float64_sums(shift.sum(), 0.0, summed=10)


def test_one_level_for_all_gives_shrunken_means():
    # means 1 and 3 of two cell types each: grand mean 2, shifts -1 and 1, times 2 / (2 + 2)
    weights = ShiftWeights.of(np.array([0, 0, 1, 1]), np.zeros(4, dtype=np.int64), 2.0)
    assert_float64_sums(weights.shift @ [0.0, 2.0, 3.0, 3.0], [-0.5, 0.5])
    assert_float64_sums(weights.level @ [0.0, 2.0, 3.0, 3.0], [2.0])


def test_missing_pairs_are_left_out_of_the_shift_of_their_gene():
    batch, level = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    table = np.array([[1.0, 5.0, 0.0, 2.0], [1.0, np.nan, 0.0, 2.0], [np.nan, 5.0, np.nan, np.nan], [np.nan] * 4])
    # mean differences 2 (of 1 and 3); 1, the only one left; the third gene is known in one batch alone
    assert_float64_sums(shifts_of_table(table, batch, level, 0.0), [[1, -1], [0.5, -0.5], [0, 0], [0, 0]])


def test_the_shift_of_a_new_batch_is_shrunken_too():
    assert_float64_sums(shift_of_new(np.array([[1.0, 3.0], [0.0, 4.0]]), 2.0), [1.0, 1.0])
    assert_exact(shift_of_new(np.empty((3, 0)), 0.0), np.zeros(3))


# --- the estimator


def test_no_shift_is_found_where_there_is_none(pooled):
    X, y = pooled.pairs(return_X_y=True)
    model = on_bands(BatchCorrection()).fit(X, y)[-1]
    assert_float64_sums(model.expression_shift_.to_numpy(), 0.0, summed=10)
    assert_float32_sums(model.openness_shifts_.shift, 0.0, summed=10)
    assert model.batch_names_.tolist() == ["first", "second"]
    plain = on_bands(CisTransRegressor()).fit(X, y).predict(X)
    assert_float32_sums(on_bands(BatchCorrection()).fit(X, y).predict(X), plain, summed=1e3)


def test_planted_shifts_are_found(shifted):
    data, of_genes = shifted
    model = on_bands(BatchCorrection(shrinkage=0)).fit(*data.pairs(return_X_y=True))[-1]
    found = model.expression_shift_["second"] - model.expression_shift_["first"]
    assert_float64_sums(found.loc[of_genes.index].to_numpy(), of_genes.to_numpy(), summed=20)
    shrunken = on_bands(BatchCorrection(shrinkage=1)).fit(*data.pairs(return_X_y=True))[-1].expression_shift_
    found = shrunken["second"] - shrunken["first"]  # three shared populations: 3 / (3 + 1)
    assert_float64_sums(found.loc[of_genes.index].to_numpy(), 0.75 * of_genes.to_numpy(), summed=20)


def held_out_skill(model, data):
    X, y = data.pairs(return_X_y=True)
    table = cross_val_pairs(on_bands(model), X, y, LeaveOneCellTypeOut(), groups="population")
    table = table[~table["cell_type"].str.contains(":")]
    return skill(table["y_true"], table["y_pred"], table["train_mean"])


RIDGE = GeneZTarget(make_pipeline(LogZScaler(), Ridge(10.0)))


@pytest.mark.parametrize(
    ("regressor", "shifts", "least_gain"),
    [
        pytest.param(CisTransRegressor(), (1.0, 0.0), 0.05, marks=pytest.mark.slow),
        (RIDGE, (1.0, 0.0), 0.1),
        (RIDGE, (1.0, 1.0), 0.1),
    ],
    ids=["kernel, expression", "ridge, expression", "ridge, both"],
)
@pytest.mark.slow
def test_a_planted_shift_is_made_good(regressor, shifts, least_gain):
    for seed in range(3):
        data, _ = laboratories(*shifts, seed)
        corrected, plain = (held_out_skill(model, data) for model in (BatchCorrection(regressor), regressor))
        assert corrected - plain > least_gain


@pytest.mark.slow
def test_a_kernel_model_sees_data_sets_that_openness_tells_apart():
    for seed in range(3):
        data, _ = laboratories(1.0, 1.0, seed)
        corrected, plain = (held_out_skill(model, data) for model in (BatchCorrection(), CisTransRegressor()))
        assert abs(corrected - plain) < 0.03


def test_shifts_come_from_training_cell_types_alone(shifted):
    data, _ = shifted
    X, y = data.pairs(return_X_y=True)
    train = X.cell_type_codes != 13
    openness = data.openness.copy(order="F")
    openness[:, 13] *= np.linspace(1, 5, len(openness))  # of the cell type that is held out; depth of others stays
    other = PairedDataset(openness, data.peaks, data.genes, data.expression, data.cell_types).pairs()
    first, second = (on_bands(BatchCorrection()).fit(rows[train], y[train])[-1] for rows in (X, other))
    assert_exact(first.openness_shifts_.shift, second.openness_shifts_.shift)
    assert_exact(first.expression_shift_, second.expression_shift_)


def test_data_sets_that_share_nothing_are_named_and_left_alone():
    data, _ = make_paired_openness(n_genes=30, n_cell_types=9, n_lineages=3)
    names = list(data.cell_types["name"])
    cut = {"x": names[:4], "y": names[3:6], "z": names[6:]}  # x and y share one
    with pytest.warns(UntiedBatchWarning, match="no shared population ties"):
        both = pool({name: data.subset(cell_types=cells) for name, cells in cut.items()}, shared=names[3:4])
    X, y = both.pairs(return_X_y=True)
    with pytest.warns(
        UntiedBatchWarning, match=r"no population that was trained on ties \('x', 'y'\) and \('z'\): the"
    ):
        model = on_bands(BatchCorrection()).fit(X, y)[-1]
    assert_exact(model.expression_shift_["z"].to_numpy(), np.zeros(30))
    assert not model.openness_shifts_.shift[:, :, 2].any()
    one = X.cell_types["data_set"].to_numpy()[X.cell_type_codes] == "z"
    on_bands(BatchCorrection()).fit(X[one], y[one])  # alone there is no shift to know: no warning
    on_bands(BatchCorrection(learn_from="all")).fit(X, y)


def test_two_groups_that_each_share_are_named_and_not_moved_to_each_other():
    data, _ = make_paired_openness(n_genes=30, n_cell_types=10, n_lineages=2)
    names = list(data.cell_types["name"])
    cut = {"a": names[:3], "b": names[2:5], "c": names[5:8], "d": names[7:]}  # a and b share one, c and d another
    with pytest.warns(UntiedBatchWarning, match="no shared population ties"):
        both = pool({name: data.subset(cell_types=cells) for name, cells in cut.items()}, shared=[names[2], names[7]])
    moved = both.expression + np.where(both.cell_types["data_set"].isin(["b"]), 1.0, 0.0)
    X, _ = both.pairs(return_X_y=True)
    y = moved[X.gene_codes, X.cell_type_codes]
    with pytest.warns(UntiedBatchWarning, match=r"ties \('a', 'b'\) and \('c', 'd'\): the shift between") as said:
        model = on_bands(BatchCorrection(shrinkage=0.0)).fit(X, y)[-1]
    assert len(said) == 1
    # b is 1 above a in the population that both have: half a unit is taken off b and given to a, none to c and d.
    shift = model.expression_shift_.to_numpy()
    assert_float64_sums(shift, np.tile([-0.5, 0.5, 0.0, 0.0], (30, 1)), summed=1e3)


def test_parts_add_up_and_name_the_shift(shifted):
    X, y = shifted[0].pairs(return_X_y=True)
    model = on_bands(BatchCorrection()).fit(X, y)
    bins = model[0].transform(X)
    parts = model[-1].predict_parts(bins)
    assert parts.columns.tolist() == ["gene_mean", "cis", "cell_state", "batch"]
    assert_float64_sums(parts.sum(axis=1), model.predict(X), summed=1e3)
    shift = model[-1].expression_shift_.to_numpy()
    batch = (X.cell_types["data_set"] == "second").to_numpy()[X.cell_type_codes].astype(int)
    of_pairs = shift[X.gene_codes, batch]
    usual = pd.Series(of_pairs).groupby(X.gene_codes).transform("mean").to_numpy()
    assert_float64_sums(parts["batch"].to_numpy(), of_pairs - usual, summed=30)
    _, std = model[-1].predict(bins, return_std=True)
    assert (std > 0).all()


@pytest.mark.parametrize("learn_from", ["shared", "all"])
def test_a_new_data_set_is_corrected_by_its_openness_alone_and_that_is_said(shifted, learn_from):
    data, _ = shifted
    X, y = data.pairs(return_X_y=True)
    first = X.cell_types["data_set"].to_numpy()[X.cell_type_codes] == "first"
    model = on_bands(BatchCorrection(learn_from=learn_from)).fit(X[first], y[first])
    with pytest.warns(UnseenBatchWarning, match="no training cell type of 'second'"):
        predicted = model.predict(X[~first])
    plain = on_bands(CisTransRegressor()).fit(X[first], y[first]).predict(X[~first])
    assert np.isfinite(predicted).all()
    assert np.abs(predicted - plain).max() > 0.01  # openness was shifted
    moved = PairedDataset(data.openness, data.peaks, data.genes, data.expression + 5, data.cell_types)
    with pytest.warns(UnseenBatchWarning):
        assert_exact(model.predict(moved.pairs()[~first]), predicted)


def test_openness_of_a_new_data_set_moves_to_that_of_training(shifted):
    data, _ = shifted
    X, y = data.pairs(return_X_y=True)
    first = X.cell_types["data_set"].to_numpy()[X.cell_type_codes] == "first"
    bins = TSSBinner(edges=EDGES).fit_transform(X)
    model = BatchCorrection(shrinkage=0).fit(bins[first], y[first])
    logs = np.log1p(np.stack([block.values for block in blocks_by_gene(model._corrected(bins))]))
    plain = np.log1p(np.stack([block.values for block in blocks_by_gene(with_all_slots(bins))]))
    names = list(data.cell_types["name"])
    pairs = [(names.index(f"first:{name}"), names.index(f"second:{name}")) for name in SHARED]
    apart = [np.mean([table[..., a] - table[..., b] for a, b in pairs], axis=0) for table in (plain, logs)]
    assert np.abs(apart[1]).mean() < 0.1 * np.abs(apart[0]).mean()  # what is cut at 0 is left


def blocks_by_gene(X):
    for gene in range(len(X.genes)):
        yield from X.gene_blocks(np.array([gene]))


def with_all_slots(X):
    values = np.zeros((len(X.genes), len(X.columns), len(X.cell_types)), dtype=np.float32)
    for block in X.gene_blocks():
        values[np.repeat(block.genes, np.diff(block.ptr)), X.slots.slot_column[block.slots]] = block.values
    return BinnedTable(X.genes, X.cell_types, X.columns, values, X.gene_codes, X.cell_type_codes)


def test_corrected_rows_keep_the_contract(shifted):
    X, y = shifted[0].pairs(genes=list(shifted[0].genes["name"][:6]), return_X_y=True)
    bins = TSSBinner(edges=EDGES).fit_transform(X)
    corrected = BatchCorrection().fit(bins, y)._corrected(bins)
    check_rows(corrected[::2])
    assert is_binned(corrected)
    assert not has_map(corrected)  # they are no sums over peaks any more


@pytest.mark.filterwarnings("ignore::skepi.exceptions.UnseenBatchWarning")
@pytest.mark.parametrize("check", PAIR_CHECKS, ids=lambda check: check.name)
@pytest.mark.parametrize(
    "model",
    [BatchCorrection(), BatchCorrection(make_pipeline(LogZScaler(), GeneZTarget(Ridge(10.0))), learn_from="all")],
    ids=["kernel", "ridge"],
)
def test_checks_of_estimators_on_a_pool(small, model, check):
    if check.name == "check_standardized_model":
        pytest.skip("its targets are not standardised by itself")
    if check.name == "check_parts_of_predictions" and model.regressor is not None:
        pytest.skip("ridge regression has no parts")
    check(on_bands(model), *small.pairs(return_X_y=True))


@pytest.mark.slow
def test_settings_are_searched(shifted):
    X, y = shifted[0].pairs(return_X_y=True)
    grid = {"batchcorrection__shrinkage": [0.5, 2.0], "batchcorrection__expression": [True, False]}
    search = GridSearchCV(on_bands(BatchCorrection()), grid, cv=LeaveOneCellTypeOut(), error_score="raise")
    groups = X.cell_types["population"].to_numpy()[X.cell_type_codes]
    assert search.fit(X, y, groups=groups).best_params_["batchcorrection__expression"]


@pytest.mark.slow
def test_nothing_is_found_in_permuted_targets(small):
    X, y = small.pairs(return_X_y=True)
    split = {"cv": LeaveOneCellTypeOut(), "groups": "population", "n_permutations": 5}
    assert shuffle_control(on_bands(BatchCorrection()), X, y, **split).passed


@pytest.mark.filterwarnings("ignore::skepi.exceptions.UnseenBatchWarning")
def test_data_sets_are_held_out(pooled):
    X, y = pooled.pairs(return_X_y=True)
    table = cross_val_pairs(on_bands(BatchCorrection()), X, y, DataSetKFold())
    assert len(table) == len(X)
    assert np.isfinite(table["y_pred"]).all()


def test_models_are_saved(shifted, tmp_path):
    X, y = shifted[0].pairs(return_X_y=True)
    model = on_bands(BatchCorrection()).fit(X, y)
    save_model(model, tmp_path / "model")
    assert_exact(load_model(tmp_path / "model").predict(X), model.predict(X))


def test_what_is_not_corrected_stays(shifted):
    X, y = shifted[0].pairs(return_X_y=True)
    bins = TSSBinner(edges=EDGES).fit_transform(X)
    model = BatchCorrection(openness=False, expression=False).fit(bins, y)
    assert model.openness_shifts_ is None
    assert not model.expression_shift_.to_numpy().any()
    assert_exact(model.predict(bins), CisTransRegressor().fit(bins, y).predict(bins))


def test_genes_are_found_by_name(shifted):
    data, _ = shifted
    X, y = data.pairs(return_X_y=True)
    model = on_bands(BatchCorrection(GeneZTarget(make_pipeline(LogZScaler(), Ridge())))).fit(X, y)
    turned = data.subset(genes=list(data.genes["name"])[::-1])
    got = turned.pairs().unstack(model.predict(turned.pairs())).loc[list(data.genes["name"])]
    assert_float32_sums(got.to_numpy(), X.unstack(model.predict(X)).to_numpy(), summed=1e2)
    renamed = PairedDataset(
        data.openness, data.peaks, data.genes.assign(name=[f"x{n}" for n in data.genes["name"]]), None, data.cell_types
    )
    with pytest.raises(UnmatchedDataError, match="no gene in common"):
        model.predict(renamed.pairs())


BAD_SETTINGS = [
    ({"batch": 3}, ValueError, "batch must be the name of a column"),
    ({"population": None}, ValueError, "population must be the name of a column"),
    ({"learn_from": "some"}, ValueError, "learn_from must be one of"),
    ({"shrinkage": -1}, ValueError, "shrinkage"),
    ({"shrinkage": float("nan")}, ValueError, "shrinkage"),
    ({"openness": "no"}, ValueError, "openness must be True or False"),
    ({"expression": 1}, ValueError, "expression must be True or False"),
    ({"regressor": Ridge}, TypeError, "regressor must be an estimator"),
    ({"batch": "donor"}, UnknownNameError, "no column 'donor'.*skepi.paired.pool"),
]


@pytest.mark.parametrize(("settings", "error", "message"), BAD_SETTINGS, ids=lambda one: str(one)[:30])
def test_settings_are_checked(pooled, settings, error, message):
    with pytest.raises(error, match=message):
        on_bands(BatchCorrection(**settings)).fit(*pooled.pairs(return_X_y=True))


def test_rows_are_checked(pooled):
    X, y = pooled.pairs(return_X_y=True)
    bins = TSSBinner(edges=EDGES).fit_transform(X)
    with pytest.raises(TypeError, match="needs pairs whose openness is binned"):
        BatchCorrection().fit(X, y)
    with pytest.raises(ValueError, match="scaled already"):
        BatchCorrection().fit(LogZScaler().fit_transform(bins), y)
    with pytest.raises(ValueError, match="takes bins alone"):
        BatchCorrection().fit(bins.with_appended(["one"], np.ones((len(bins), 1))), y)
    with pytest.raises(ValueError, match="same pair occurs more than once"):
        BatchCorrection().fit(bins[[0, 0, 1]], y[[0, 0, 1]])
    with pytest.raises(ValueError, match="other columns"):
        BatchCorrection().fit(bins, y).predict(TSSBinner(edges=EDGES[::2]).fit_transform(X))
    cell_types = pooled.cell_types.assign(data_set=[None, *pooled.cell_types["data_set"][1:]])
    unnamed = PairedDataset(pooled.openness, pooled.peaks, pooled.genes, pooled.expression, cell_types)
    with pytest.raises(ValueError, match="data_set missing for 'cell000'"):
        on_bands(BatchCorrection()).fit(*unnamed.pairs(return_X_y=True))


# --- rows of a table


def test_rows_of_a_table_are_checked():
    genes, cells = pd.DataFrame({"name": ["a"]}), pd.DataFrame({"name": ["x", "y"]})
    codes = np.array([0, 0]), np.array([0, 1])
    columns = band_columns([-10, 0, 10])
    with pytest.raises(ValueError, match=r"shape \(1, 2, 3\), wanted \(1, 2, 2\): genes x columns x cell types"):
        BinnedTable(genes, cells, columns, np.ones((1, 2, 3)), *codes)
    for bad in (-1.0, np.nan):
        with pytest.raises(ValueError, match="finite, and 0 or greater"):
            BinnedTable(genes, cells, columns, np.full((1, 2, 2), bad), *codes)
    table = BinnedTable(genes, cells, columns, np.ones((1, 2, 2)), *codes)
    with pytest.raises(ValueError, match="always a copy"):
        np.asarray(table, copy=False)
    assert table[:0].tocsr().shape == (0, 2)


@given(st.integers(1, 6), st.integers(1, 4), st.integers(2, 5), st.integers(0, 99))
def test_a_table_of_any_size_keeps_the_contract(n_genes, n_columns, n_cell_types, seed):
    rng = np.random.default_rng(seed)
    values = rng.gamma(1, size=(n_genes, n_columns, n_cell_types)) * rng.integers(0, 2, (n_genes, n_columns, 1))
    n_rows = int(rng.integers(2, 20))
    check_rows(
        BinnedTable(
            pd.DataFrame({"name": [f"g{k}" for k in range(n_genes)]}),
            pd.DataFrame({"name": [f"c{k}" for k in range(n_cell_types)]}),
            band_columns(np.arange(n_columns + 1) * 10),
            values,
            rng.integers(0, n_genes, n_rows),
            rng.integers(0, n_cell_types, n_rows),
        )
    )


def test_parts_add_up_around_the_training_mean_in_unbalanced_pools():
    data, _ = laboratories(1.0, 0.0)
    names = [name for name in data.cell_types["name"] if not name.startswith("second:")]
    X, y = data.subset(cell_types=names).pairs(return_X_y=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # populations on both sides, sets that share none
        table = cross_val_parts(on_bands(BatchCorrection()), X, y, LeaveOneCellTypeOut())
    together = table[["train_mean", "cis", "cell_state", "batch"]].sum(axis=1)
    assert_float64_sums(together, table["y_pred"], summed=8, condition=16)


def test_without_shifts_counts_keep_their_noise():
    """One data set has nothing to be corrected: its model is the one without the correction."""
    data, _ = make_paired_openness(n_genes=40, n_cell_types=6, n_lineages=2, measure="counts", openness_depth=2.0)
    cells = data.cell_types.assign(data_set="one", population=data.cell_types["name"])
    one = PairedDataset(data.openness, data.peaks, data.genes, data.expression, cells)
    X, y = one.pairs(return_X_y=True)
    plain, corrected = (on_bands(model).fit(X, y) for model in (CisTransRegressor(), BatchCorrection()))
    assert plain[-1].cell_state_.noise.any()
    assert_exact(corrected.predict(X), plain.predict(X))


def test_counting_noise_is_taken_off_only_where_openness_is_not_shifted():
    data, _ = make_paired_openness(n_genes=40, n_cell_types=8, n_lineages=2, measure="counts", openness_depth=2.0)
    names = list(data.cell_types["name"])
    first, second = data.subset(cell_types=names[:5]), data.subset(cell_types=names[3:])
    thinned = np.random.default_rng(0).binomial(second.openness.astype(int), 0.5)
    second = PairedDataset(thinned, data.peaks, data.genes, second.expression, second.cell_types)
    X, y = pool([first, second], shared=names[3:5]).pairs(return_X_y=True)
    noise = {
        openness: on_bands(BatchCorrection(openness=openness)).fit(X, y)[-1].regressor_.cell_state_.noise
        for openness in (True, False)
    }
    assert not noise[True].any()
    assert (noise[False] > 0).all()


def test_a_column_that_is_not_there_is_refused(shifted):
    X, y = shifted[0].pairs(return_X_y=True)
    with pytest.raises(UnknownNameError, match="has no column 'populaton', only 'name'"):
        on_bands(BatchCorrection(RIDGE, population="populaton")).fit(X, y)


def test_bins_have_an_importance_where_models_are_fitted_to_pools(shifted):
    X, y = shifted[0].pairs(return_X_y=True)
    model = on_bands(BatchCorrection(RIDGE)).fit(X, y)
    found = bin_importance(model, X, y, method="permutation")
    assert len(found) == len(EDGES) - 1
    assert found["importance"].max() > 0
    with pytest.raises(TypeError, match="gives no gradients; method='permutation' works for every model"):
        bin_importance(model, X, method="gradient")
