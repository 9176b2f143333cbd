"""Contrasts of log openness and kernels of cell types: by hand, by slow loops and by law."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_exact, assert_float32_sums, assert_float64_sums
from sklearn.base import clone

from skepi._cell_state import CellState, kernel, occurring, products, unit_kernel
from skepi._contrasts import BandContrasts, log_openness
from skepi.baselines import NearestCellTypes
from skepi.binning import TSSBinner
from skepi.exceptions import UnmatchedDataError
from skepi.gaussian_process import CisTransRegressor
from skepi.paired import PairedDataset
from skepi.preprocessing import AppendContext
from skepi.rows import band_columns

BAND_BP = 100
GREATEST_LOG = 8  # of random_logs: 5 + 4 SDs


class Tables(NamedTuple):
    """A data set and its rows, gene by gene."""

    data: PairedDataset
    rows: object


def gene_names(n_genes):
    return [f"g{i}" for i in range(n_genes)]


def tables_of(logs, genes=None, cell_types=None, expression=None):
    """Data set whose log openness is ``logs``, (n_genes, n_cell_types, n_bins): a peak inside each band of each gene.

    Genes lie 1 Mb apart; the number of bands is even.
    """
    n_genes, n_cells, n_bins = logs.shape
    tss = 1_000_000 * np.arange(1, n_genes + 1)
    edges = BAND_BP * np.arange(n_bins + 1) - BAND_BP * n_bins // 2
    start = (tss[:, None] + edges[:-1] + 25).ravel()
    data = PairedDataset(
        np.expm1(logs).transpose(0, 2, 1).reshape(-1, n_cells),
        {"chrom": ["chr1"] * start.size, "start": start, "end": start + 50},
        {
            "name": gene_names(n_genes) if genes is None else list(genes),
            "chrom": ["chr1"] * n_genes,
            "tss": tss,
            "strand": ["+"] * n_genes,
        },
        expression,
        [f"c{i}" for i in range(n_cells)] if cell_types is None else list(cell_types),
    )
    return Tables(data, TSSBinner(edges=edges, depth=None).fit_transform(data.pairs()))


def random_logs(seed, n_genes=5, n_cells=6, n_bins=4):
    """Log openness around 5, so that none of it is negative."""
    return 5 + 0.7 * np.random.default_rng(seed).normal(size=(n_genes, n_cells, n_bins))


def slow_contrasts(logs, cells, asked, genes=None):
    """Definition of z in float64: learned from cell types ``cells``, of cell types ``asked``, (n_bins, n_genes, ...).

    ``genes`` are those that the data set of ``asked`` shares; all by default.
    """
    genes = np.arange(len(logs)) if genes is None else np.asarray(genes)
    n_bins = logs.shape[2]
    out = np.zeros((n_bins, genes.size, len(asked)))
    for b in range(n_bins):
        level = logs[:, cells, b].mean(axis=1)
        numerator = logs[:, :, b] - level[:, None]
        of_training = numerator[:, cells] - numerator[:, cells].mean(axis=0)
        scale = np.sqrt(np.mean(of_training**2))
        here = numerator[np.ix_(genes, asked)]
        out[b] = (here - here.mean(axis=0)) / scale
    return out


def learned(logs, cells=None, **names):
    """``BandContrasts`` and z of all cell types, or of some."""
    cells = np.arange(logs.shape[1]) if cells is None else np.asarray(cells)
    contrasts, found = BandContrasts.learn(tables_of(logs, **names).rows, cells)
    return contrasts, found.z


def assert_same(z, wanted, scale, greatest=GREATEST_LOG):
    """Equal but for what float32 loses of logs, in their units; a small scale is less well known."""
    units = scale[:, None, None]
    assert_float32_sums(z * units, wanted * units, summed=greatest * (1 + np.abs(wanted)))


def by_hand():
    """Genes a and b, cell types 1, 2 (training) and t; one band varies, one is the same everywhere."""
    logs = np.full((2, 3, 2), 5.0)
    logs[:, :, 0] = [[0, 2, 4], [0, 0, 0]]
    return tables_of(logs, ["a", "b"], ["one", "two", "t"])


# --- by hand


def test_contrasts_by_hand():
    # Gene a has 0 and 2 less their mean 1; gene b has 0 and 0. Less the mean over genes: a (-.5, .5), b (.5, -.5),
    # root mean square .5. Cell type t has 4 - 1 = 3 and 0, less 1.5: 1.5 and -1.5, thus 3 and -3.
    contrasts, found = BandContrasts.learn(by_hand().rows, np.array([0, 1]))
    z = found.z
    assert_float32_sums(z[0], [[-1, 1], [1, -1]], summed=4)
    assert_exact(z[1], 0)  # no variation, no rounding blown up
    assert_float32_sums(contrasts.scale, [0.5, 0], summed=4)
    assert_float32_sums(contrasts.mean, [[1, 0], [5, 5]])
    assert contrasts.gene_names.tolist() == ["a", "b"]
    of_t = contrasts.of(by_hand().rows, np.array([2]))
    assert_float32_sums(of_t.z[:, :, 0], [[3, -3], [0, 0]], summed=8)
    assert (of_t.rows.tolist(), of_t.known.tolist()) == ([0, 1], [0, 1])


def test_kernels_by_hand():
    # Sums over genes of products: 1 * 1 + 1 * 1 = 2, -2 across; with t (3, -3): -6 and 6.
    contrasts, found = BandContrasts.learn(by_hand().rows, np.array([0, 1]))
    z = found.z
    among, scale = unit_kernel(products(z))
    assert_float32_sums(scale, 2, summed=4)
    assert_float32_sums(among, [[1, -1], [-1, 1]], summed=4)
    of_t = contrasts.of(by_hand().rows, np.array([2])).z
    assert_float32_sums(kernel(of_t, z), [[-6, 6]], summed=16)
    assert_float32_sums(kernel(z, of_t), [[-6], [6]], summed=16)


def test_a_comparison_by_hand():
    # The kernel above over its scale of 2: t has -3 and 3 with training, and (9 + 9) / 2 = 9 with itself. Squared
    # distances are 9 + 1 + 6 and 9 + 1 - 6; among training they are 1 + 1 + 2, so t is 2 / 2 as far as they are.
    state = CellState.learn(by_hand().rows, np.array([0, 1]))
    assert state.cell_type_names.tolist() == ["one", "two"]
    assert state.bands.columns.equals(band_columns([-BAND_BP, 0, BAND_BP]))
    assert_float32_sums(state.kernel_scale, 2, summed=4)
    assert_float32_sums(state.kernel, [[1, -1], [-1, 1]], summed=4)
    of_t = state.compare(by_hand().rows, np.array([2]))
    assert of_t.cell_type_names.tolist() == ["t"]
    assert_float32_sums(of_t.to_training, [[-3, 3]], summed=16)
    assert_float32_sums(of_t.to_self, [9], summed=16)
    assert_float32_sums(of_t.squared_distances(), [[16, 4]], summed=32)
    assert_float32_sums(state.relative_distance(np.array([2.0])), [1])


def test_which_genes_are_shared_by_hand():
    logs = random_logs(0, 3)
    state = CellState.learn(tables_of(logs, ["a", "b", "c"]).rows, np.arange(6))
    turned = state.compare(tables_of(logs, ["c", "new", "a"]).rows, np.arange(6)).contrasts
    assert (turned.rows.tolist(), turned.known.tolist()) == ([0, 2], [2, 0])
    assert (turned.share, turned.all_genes) == (2 / 3, False)
    more = state.compare(tables_of(random_logs(1, 4), ["c", "new", "a", "b"]).rows, np.arange(6)).contrasts
    assert (more.known.tolist(), more.share, more.all_genes) == ([2, 0, 1], 1, True)


def test_log_openness_by_hand():
    logs = np.zeros((2, 2, 2))
    logs[0, 1, 0], logs[1, 0, 1] = np.log(3), np.log(8)
    out = log_openness(tables_of(logs).rows, np.array([0, 1]), np.array([1, 0]))
    wanted = np.zeros((2, 2, 2))
    wanted[0, 0, 0], wanted[1, 1, 1] = np.log(3), np.log(8)  # bands first, cell types in the order asked for
    assert_float32_sums(out, wanted)
    assert out.dtype == np.float32


# --- by slow loops


@given(st.integers(0, 9_999), st.integers(2, 7), st.integers(2, 5))
def test_contrasts_equal_a_slow_loop(seed, n_genes, n_training):
    rng = np.random.default_rng(seed)
    logs = random_logs(seed, n_genes, 7)
    cells, asked = np.sort(rng.choice(7, n_training, replace=False)), rng.permutation(7)
    rows = tables_of(logs).rows
    contrasts, found = BandContrasts.learn(rows, cells)
    z = found.z
    assert_same(z, slow_contrasts(logs, cells, cells), contrasts.scale)
    assert_same(contrasts.of(rows, asked).z, slow_contrasts(logs, cells, asked), contrasts.scale)
    np.testing.assert_array_equal(contrasts.of(rows, cells).z, z)


@given(st.integers(0, 9_999))
def test_log_openness_equals_dense_rows(seed):
    rng = np.random.default_rng(seed)
    rows = tables_of(random_logs(seed, 6, 4)).rows
    genes, cells = np.sort(rng.choice(6, rng.integers(1, 7), replace=False)), rng.permutation(4)[:3]
    dense = np.log1p(rows.dense().astype(np.float64)).reshape(6, 4, -1)
    wanted = dense[np.ix_(genes, cells)].transpose(2, 0, 1)
    assert_float32_sums(log_openness(rows, genes, cells), wanted)


def test_log_openness_of_simulated_data_with_empty_bands(simulated):
    data = simulated[0]
    rows = TSSBinner(edges=[-50_000, -200, 0, 200, 50_000]).fit_transform(data.pairs())
    dense = rows.dense().reshape(len(data.genes), len(data.cell_types), 4)
    assert (dense == 0).mean() > 0.2
    every = np.arange(len(data.genes)), np.arange(len(data.cell_types))
    assert_float32_sums(log_openness(rows, *every), np.log1p(dense).transpose(2, 0, 1))


@given(st.integers(0, 9_999))
def test_kernel_equals_a_slow_loop(seed):
    rng = np.random.default_rng(seed)
    one, other = rng.normal(size=(3, 4, 5)).astype(np.float32), rng.normal(size=(3, 4, 2)).astype(np.float32)
    wanted = np.zeros((5, 2))
    for b in range(3):
        for g in range(4):
            wanted += np.outer(one[b, g].astype(float), other[b, g])
    assert_float64_sums(kernel(one, other), wanted, summed=kernel(np.abs(one), np.abs(other)))
    among, scale = unit_kernel(products(one))
    assert_float64_sums(among * scale, kernel(one, one))
    assert_float64_sums(np.einsum("bgc,bgd->cd", *[one.astype(float)] * 2), among * scale)
    assert_float64_sums(np.diag(among).mean(), 1)


@given(st.lists(st.integers(0, 9), max_size=20))
def test_codes_that_occur_equal_unique(codes):
    present, place = occurring(np.array(codes, dtype=np.int64))
    wanted = np.unique(np.array(codes, dtype=np.int64), return_inverse=True)
    np.testing.assert_array_equal(present, wanted[0])
    np.testing.assert_array_equal(place, wanted[1])


# --- by law


@given(st.integers(0, 9_999))
def test_contrasts_add_up_to_nothing(seed):
    contrasts, z = learned(random_logs(seed))
    z = z.astype(np.float64)
    for mean in (z.mean(axis=1, keepdims=True), z.mean(axis=2, keepdims=True)):
        assert_same(mean, np.zeros_like(mean), contrasts.scale)
    assert_float32_sums((z**2).mean(axis=(1, 2)), 1)


@given(st.integers(0, 9_999))
def test_levels_of_genes_and_of_cell_types_and_units_of_bands_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    logs = random_logs(seed)
    of_genes, of_cells = rng.uniform(0, 2, size=(5, 1, 4)), rng.uniform(0, 2, size=(1, 6, 4))
    units = rng.uniform(0.5, 1.5, size=4)
    straight = learned(logs, [0, 2, 3])
    changed = learned(units * (logs + of_genes + of_cells), [0, 2, 3])
    greatest = units.max() * (GREATEST_LOG + 2 + 2)
    assert_same(changed[1], straight[1], straight[0].scale, greatest)
    assert_float32_sums(changed[0].scale, units * straight[0].scale, summed=greatest)
    asked = np.arange(6)
    new = changed[0].of(tables_of(units * (logs + of_genes + of_cells)).rows, asked).z
    assert_same(new, straight[0].of(tables_of(logs).rows, asked).z, straight[0].scale, greatest)


@given(st.integers(0, 9_999))
def test_what_is_learned_knows_nothing_of_other_cell_types(seed):
    logs = random_logs(seed)
    changed = logs.copy()
    changed[:, 4:] = random_logs(seed + 1)[:, 4:]
    for one, two in zip(learned(logs, range(4)), learned(changed, range(4)), strict=True):
        if isinstance(one, BandContrasts):
            np.testing.assert_array_equal(one.mean, two.mean)
            np.testing.assert_array_equal(one.scale, two.scale)
        else:
            np.testing.assert_array_equal(one, two)


@given(st.integers(0, 9_999))
def test_genes_are_matched_by_name(seed):
    """Another order, fewer and further genes: the mean over genes is that of the shared ones."""
    rng = np.random.default_rng(seed)
    logs = random_logs(seed, 6)
    contrasts, _ = learned(logs[:5], range(4))
    order = rng.permutation(6)[: rng.integers(3, 7)]
    names = np.array([*gene_names(5), "unknown"])[order]
    out = contrasts.of(tables_of(logs[order], names).rows, np.arange(6))
    shared = order[order < 5]
    assert names[out.rows].tolist() == np.array(gene_names(5))[out.known].tolist() == [f"g{i}" for i in shared]
    assert_same(out.z, slow_contrasts(logs[:5], range(4), range(6), shared), contrasts.scale)


@given(st.integers(0, 9_999))
def test_training_cell_types_are_equal_to_themselves(seed):
    rows = tables_of(random_logs(seed)).rows
    state = CellState.learn(rows, np.arange(4))
    again = state.compare(rows, np.arange(4))
    assert again.training is state
    assert_float64_sums(again.to_training, state.kernel)
    assert_float64_sums(again.to_self, np.diag(state.kernel))
    assert_float64_sums(np.diag(again.squared_distances()), 0, summed=4)


@given(st.integers(0, 9_999), st.integers(2, 5))
def test_a_state_over_some_genes_is_one_of_its_own(seed, n_shared):
    """Compared with a data set of just these genes, it gives what the whole one gives."""
    rng = np.random.default_rng(seed)
    logs = random_logs(seed)
    some = rng.permutation(5)[:n_shared]
    rows = tables_of(logs[some], np.array(gene_names(5))[some]).rows
    whole = CellState.learn(tables_of(logs).rows, np.arange(4))
    over = whole.over(some)
    assert over.bands.gene_names.tolist() == [f"g{i}" for i in some]
    assert over.cell_type_names.tolist() == whole.cell_type_names.tolist()
    assert_float32_sums(over.z.mean(axis=1), 0, summed=GREATEST_LOG / whole.bands.scale.min())
    assert_float64_sums(over.kernel, kernel(over.z, over.z) / over.kernel_scale, summed=4)
    assert_float64_sums(np.trace(over.kernel), 4)
    one, two = whole.compare(rows, np.arange(6)), over.compare(rows, np.arange(6))
    assert two.training is over
    assert (two.contrasts.share, two.contrasts.all_genes) == (1, True)
    assert_exact(two.contrasts.z, one.contrasts.z)
    assert_exact(two.to_training, one.to_training)
    assert_exact(two.squared_distances(), one.squared_distances())


@given(st.integers(0, 9_999))
def test_the_order_of_genes_does_not_matter(seed):
    logs, order = random_logs(seed), np.random.default_rng(seed).permutation(5)
    state = CellState.learn(tables_of(logs).rows, np.arange(4))
    straight = state.compare(tables_of(logs).rows, np.arange(6))
    turned = state.compare(tables_of(logs[order], np.array(gene_names(5))[order]).rows, np.arange(6))
    assert turned.contrasts.all_genes
    assert_exact(turned.training.kernel, state.kernel)  # that of the fit, not computed anew
    summed = GREATEST_LOG**2 * (1 + np.abs(straight.to_training).max()) / state.bands.scale.min() ** 2
    assert_float32_sums(turned.to_training, straight.to_training, summed=summed)


@pytest.mark.parametrize(
    "model", [CisTransRegressor(), NearestCellTypes(), AppendContext(2)], ids=lambda m: type(m).__name__
)
def test_an_estimator_shows_the_parts_of_its_state(model):
    rows = tables_of(random_logs(0)).rows
    model = clone(model).fit(rows, np.arange(30.0) % 7)
    state = model.cell_state_
    views = {
        "cell_type_names_": state.cell_type_names, "contrasts_": state.z, "kernel_": state.kernel,
        "kernel_scale_": state.kernel_scale, "gene_names_": state.bands.gene_names, "columns_": state.bands.columns,
        "openness_mean_": state.bands.mean, "band_scale_": state.bands.scale,
    }  # fmt: skip
    for name, part in views.items():
        assert getattr(model, name) is part
        assert not hasattr(clone(model), name)
    assert not set(views) & set(vars(model))


def test_the_input_is_left_as_it_is():
    tables = tables_of(random_logs(0))
    before = tables.rows.dense().copy()
    contrasts, found = BandContrasts.learn(tables.rows, np.arange(4))
    z = found.z
    kept = z.copy()
    mean = contrasts.mean.copy()
    contrasts.of(tables.rows, np.arange(6))
    unit_kernel(products(z))
    state = CellState.learn(tables.rows, np.arange(4))
    state.over(np.array([3, 1]))
    np.testing.assert_array_equal(tables.rows.dense(), before)
    np.testing.assert_array_equal(z, kept)
    np.testing.assert_array_equal(state.z, kept)
    np.testing.assert_array_equal(contrasts.mean, mean)


@pytest.mark.parametrize("level", [1e-3, 5.0, 12.0])
def test_rounding_is_no_variation(level):
    """A band with the same openness in all training cell types has z = 0, in others as well."""
    logs = random_logs(0)
    logs[:, :4, 1] = level + np.random.default_rng(1).normal(size=(5, 1)) ** 2 * np.ones((5, 4))
    contrasts, z = learned(logs, range(4))
    assert contrasts.scale[1] == 0
    assert (contrasts.scale[[0, 2, 3]] > 0.1).all()
    np.testing.assert_array_equal(z[1], 0)
    np.testing.assert_array_equal(contrasts.of(tables_of(logs).rows, np.arange(6)).z[1], 0)


def test_what_a_level_of_the_gene_and_one_of_the_cell_type_leave_is_rounding():
    rng = np.random.default_rng(0)
    logs = random_logs(0)
    logs[:, :, 1] = rng.uniform(1, 5, size=(5, 1)) + rng.uniform(0, 2, size=6)
    contrasts, z = learned(logs)
    assert contrasts.scale[1] == 0
    np.testing.assert_array_equal(z[1], 0)


def test_small_variation_is_variation():
    logs = random_logs(0)
    logs[:, :, 1] = 5 + 1e-3 * (logs[:, :, 1] - 5)
    contrasts, z = learned(logs)
    assert contrasts.scale[1] > 0
    assert_float32_sums((z[1] ** 2).mean(), 1)


# --- errors


def test_no_gene_in_common():
    contrasts, _ = learned(random_logs(0))
    other = tables_of(random_logs(1, 3), ["x", "y", "z"])
    with pytest.raises(UnmatchedDataError, match=r"fitted on g0, ... \(5 genes\), got x, ... \(3 genes\)"):
        contrasts.of(other.rows, np.arange(2))


def test_bins_at_other_edges():
    state = CellState.learn(tables_of(random_logs(0)).rows, np.arange(6))
    with pytest.raises(ValueError, match=r"other columns .*: column 0 is \[-100, 0\) bp, and was \[-200, -100\) bp"):
        state.compare(tables_of(random_logs(0, n_bins=2)).rows, np.arange(6))


def test_genes_in_common_that_say_nothing():
    state = CellState.learn(tables_of(random_logs(0)).rows, np.arange(6))
    with pytest.raises(
        UnmatchedDataError, match=r"the 1 gene\(s\) in common do not tell the training cell types apart"
    ):
        state.over(np.array([2]))


def test_openness_that_does_not_vary():
    _, z = learned(np.tile(random_logs(0)[:, :1], (1, 4, 1)))
    with pytest.raises(ValueError, match="openness does not vary between the training cell types in any band"):
        unit_kernel(products(z))


# --- several signals


def two_signals(seed=0, n_genes=5, n_cells=6):
    """Log openness of two signals, 2 and 3 bands, in rows whose columns say so."""
    rows = tables_of(random_logs(seed, n_genes, n_cells, n_bins=5)).rows
    columns = rows.columns.assign(signal=["A", "A", "B", "B", "B"])
    return rows._with(columns=columns)


@given(st.integers(0, 9_999))
def test_kernels_of_signals_are_added_by_their_weights(seed):
    rows = two_signals(seed)
    state = CellState.learn(rows, np.arange(4))
    weights = np.random.default_rng(seed).dirichlet([1, 1])
    state = state.with_signal_weights(weights)
    wanted, scales = np.zeros((4, 4)), []
    for signal, bands in enumerate((slice(0, 2), slice(2, 5))):
        among = kernel(state.z[bands], state.z[bands])
        scales.append(np.trace(among) / 4)
        wanted += weights[signal] * among / scales[-1]
        assert_float64_sums(state.signal_kernels()[signal], among / scales[-1], summed=4)
    assert_float64_sums(state.kernel, wanted, summed=4)
    new = state.compare(rows, np.array([4, 5]))
    z = new.contrasts.z.astype(float)
    to_self = np.zeros(2)
    for signal, bands in enumerate((slice(0, 2), slice(2, 5))):
        to_self += weights[signal] / scales[signal] * np.einsum("bgt,bgt->t", z[bands], z[bands])
    assert_float32_sums(new.to_self, to_self, summed=10)
    again = state.compare(rows, np.arange(4))
    assert_float32_sums(again.to_training, state.kernel, summed=4)
    assert_float32_sums(again.to_self, np.diag(state.kernel), summed=4)


def test_a_signal_with_more_bands_does_not_rule():
    """Equal weights until they are learned: a signal given twice over counts as once."""
    rows = two_signals()
    twice = rows._with(columns=rows.columns.assign(signal="A"))
    apart, together = (CellState.learn(one, np.arange(6)) for one in (rows, twice))
    assert apart.signal_weights.tolist() == [0.5, 0.5]
    of_a, of_b = apart.signal_kernels()
    assert_float64_sums(apart.kernel, (of_a + of_b) / 2, summed=4)
    assert together.column_weights.tolist() == [1] * 5


def test_a_signal_that_does_not_vary_leaves_the_others_theirs():
    logs = random_logs(0, n_bins=5)
    logs[:, :, :2] = 5.0
    rows = tables_of(logs).rows
    rows = rows._with(columns=rows.columns.assign(signal=["A", "A", "B", "B", "B"]))
    state = CellState.learn(rows, np.arange(6))
    assert_exact(state.signal_kernels()[0], 0)
    assert_float64_sums(np.trace(state.kernel), 6)
    assert_float64_sums(state.kernel, state.signal_kernels()[1], summed=4)
