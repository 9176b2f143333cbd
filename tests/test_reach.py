"""How far states reach: the length of the kernel, the exponent, and that far states cost no skill."""

import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_exact, assert_float64_sums, assert_within
from sklearn.pipeline import make_pipeline

from skepi.binning import TSSBinner, symmetric_edges
from skepi.datasets import make_paired_openness
from skepi.gaussian_process import CisTransRegressor, _likelihood, _posterior, _reach
from skepi.gaussian_process._posterior import NewCellTypes, Residuals, Variances
from skepi.gaussian_process._reach import LENGTHS, bent, bent_new, faded, fit_exponent
from skepi.paired import PairedDataset

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
from far_lineages import far_lineages, gain_of_state


def kernel_of(rng, n, n_new=0, n_features=30):
    """Linear kernel of related cell types, centred on the first n, with a mean diagonal of 1 there."""
    points = np.repeat(rng.normal(size=(-(-(n + n_new) // 2), n_features)), 2, axis=0)[: n + n_new]
    points = points + 0.5 * rng.normal(size=points.shape)
    points = points - points[:n].mean(axis=0)
    kernel = points @ points.T
    return kernel / np.mean(np.diag(kernel)[:n])


def drawn(rng, kernel, n_genes=300, state=0.7, noise=0.3):
    n = len(kernel)
    root = np.linalg.cholesky(state * kernel + noise * np.eye(n))
    values = rng.normal(size=(n_genes, n)) @ root.T
    values -= values.mean(axis=1, keepdims=True)
    return Residuals(values, np.ones(values.shape, dtype=bool), kernel)


# --- the kernel with a length


@given(st.integers(0, 9_999))
def test_the_linear_kernel_is_the_limit(seed):
    kernel = kernel_of(np.random.default_rng(seed), 6)
    wanted = _posterior.centred(kernel)
    assert_within(_posterior.centred(bent(kernel, 300.0)), wanted, 1e-3, "terms of order 1 / length^2 are left")
    assert_exact(bent(kernel, np.inf), kernel)


@given(st.integers(0, 9_999), st.sampled_from(LENGTHS))
def test_new_cell_types_have_the_kernel_of_all_together(seed, length):
    """Kernels of training and new cell types are blocks of one kernel of all, in the unit of the training ones."""
    whole = kernel_of(np.random.default_rng(seed), 6, 2)
    training, new = whole[:6, :6], NewCellTypes(whole[6:, :6], np.diag(whole)[6:])
    got, got_new = bent(training, length), bent_new(training, new, length)
    diagonal = np.diag(whole)
    squared = diagonal[:, None] + diagonal - 2 * whole
    wanted = whole if np.isinf(length) else length**2 * np.exp(-squared / (2 * length**2))
    unit = np.trace(_posterior.centred(wanted[:6, :6])) / 6
    assert_within(unit, 1 if np.isinf(length) else unit, 1e-9, "the linear kernel is scaled already")
    wanted = wanted / unit
    assert_float64_sums(got, wanted[:6, :6], summed=36, condition=length**2 if np.isfinite(length) else 1)
    assert_float64_sums(got_new.to_training, wanted[6:, :6], summed=36, condition=100)
    assert_float64_sums(got_new.to_self, np.diag(wanted)[6:], summed=36, condition=100)


@pytest.mark.parametrize("length", [0.8, 2.5, np.inf])
def test_the_length_of_the_law_is_found(length):
    """Expression drawn with a kernel of this length, 5 data sets: the learned lengths lie around it."""
    found = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        kernel = kernel_of(rng, 14)
        residuals = drawn(rng, bent(kernel, length), n_genes=3_000, noise=0.1)._replace(kernel=kernel)
        found.append(_likelihood.fit_length(residuals))
    low, high = {0.8: (0.5, 1.3), 2.5: (1.5, np.inf), np.inf: (5.0, np.inf)}[length]
    assert low <= np.median(found) <= high


def test_the_length_is_the_best_of_all_by_a_dense_likelihood():
    rng = np.random.default_rng(3)
    kernel = kernel_of(rng, 8)
    residuals = drawn(rng, bent(kernel, 1.0), n_genes=500)._replace(kernel=kernel)
    contrasts = np.linalg.svd(np.eye(8) - 1 / 8)[0][:, :7].T
    values = residuals.values @ contrasts.T

    def objective(length):
        bent_kernel = bent(kernel, length)
        best = _likelihood.fit_variances(residuals._replace(kernel=bent_kernel))
        covariance = best.state * contrasts @ bent_kernel @ contrasts.T + best.noise * np.eye(7)
        fit = np.einsum("gc,cd,gd->", values, np.linalg.inv(covariance), values) / len(values)
        pull = 1e-3 * (np.log(best.state) ** 2 + np.log(best.noise) ** 2)
        return 0.5 * (np.linalg.slogdet(covariance)[1] + fit) + pull + 0.1 / length**2

    assert_within(objective(_likelihood.fit_length(residuals)), min(map(objective, LENGTHS)), 1e-6, "flat at the best")


# --- the exponent


def slow_exponent(residuals, variances, scale):
    """Each held-out cell type is predicted gene by gene from the rest."""
    n, kernel = len(residuals.kernel), residuals.kernel
    values = residuals.values * scale[:, None]
    losses = []
    for cell in range(n):
        order = [c for c in np.argsort(np.diag(kernel) - 2 * kernel[cell], kind="stable") if c != cell]
        for k in _reach._neighbourhoods(n):
            rest = sorted(order[k:])
            among, to = kernel[np.ix_(rest, rest)], kernel[cell, rest]
            level = values[:, rest].mean(axis=1)
            centre = np.eye(len(rest)) - 1 / len(rest)
            covariance = variances.state * centre @ among @ centre + variances.noise * np.eye(len(rest))
            towards = centre @ (to - among.mean(axis=0))
            predicted = variances.state * (values[:, rest] - level[:, None]) @ np.linalg.solve(covariance, towards)
            truth = values[:, cell] - level
            spread = kernel[cell, cell] - 2 * to.mean() + among.mean()
            reliability = variances.state * towards @ np.linalg.solve(covariance, towards) / spread
            factor = np.clip(reliability, 1e-6, 1) ** _reach._EXPONENTS
            errors = [np.sum((truth - one * predicted) ** 2) / np.sum(truth**2) for one in factor]
            losses.append(errors)
    return float(_reach._EXPONENTS[np.argmin(np.mean(losses, axis=0) + 0.75 * _reach._EXPONENTS / n)])


@pytest.mark.parametrize("seed", range(6))
def test_the_exponent_equals_that_of_a_slow_loop(seed):
    rng = np.random.default_rng(seed)
    kernel = kernel_of(rng, 9)
    residuals = drawn(rng, kernel if seed % 2 else np.kron(np.eye(5), np.ones((2, 2)))[:9, :9])._replace(kernel=kernel)
    variances, scale = Variances(0.9, 0.0, 0.1), rng.uniform(0.5, 2, 300)
    got, wanted = fit_exponent(residuals, variances, scale), slow_exponent(residuals, variances, scale)
    place = [int(np.flatnonzero(one == _reach._EXPONENTS)[0]) for one in (got, wanted)]
    assert abs(place[0] - place[1]) <= 1, "rounding may choose between neighbours"


def test_states_that_reach_their_sisters_only_get_an_exponent():
    """Sisters share their state, and lineages share nothing: what is predicted from other lineages is not believed."""
    found = {}
    for shared in (True, False):
        rng = np.random.default_rng(0)
        kernel = kernel_of(rng, 12, n_features=2)
        law = kernel if shared else np.kron(np.eye(6), np.full((2, 2), 0.9)) + 0.1 * np.eye(12)
        residuals = drawn(rng, law, n_genes=2_000, noise=0.1)._replace(kernel=kernel)
        found[shared] = fit_exponent(residuals, Variances(1.0, 0.0, 0.1), np.ones(2_000))
    assert found[True] < 0.1 < 0.3 < found[False]


@pytest.mark.parametrize("n", [2, 3])
def test_few_cell_types_say_nothing_of_reach(n):
    rng = np.random.default_rng(0)
    assert fit_exponent(drawn(rng, kernel_of(rng, n)), Variances(0.7, 0.0, 0.3), np.ones(300)) == 0


def test_states_fade_beyond_the_reach_of_training():
    whole = kernel_of(np.random.default_rng(0), 6, 3)
    new = NewCellTypes(whole[6:, :6], np.diag(whole)[6:])
    got = faded(whole[:6, :6], new, Variances(0.7, 0.0, 0.3), 0.0, np.array([0.0, 3.0, 6.0]), 2.0)
    assert_exact(got.factor, [1.0, 1.0, 0.5])
    assert_exact(got.widening, [1.0, 1.0, 2.0])
    assert got.lost[0] == got.lost[1] == 0 < got.lost[2]
    full = np.full((2, 3), 0.4)
    assert_exact(got.variance(full, np.array([True, False]))[1], [0.4, 0.4, 0.8])
    assert_exact(got.variance(full, np.array([True, False]))[0, 2], 2 * (0.4 + got.lost[2]))


@given(st.integers(0, 9_999), st.floats(0, 6))
def test_what_is_believed_is_a_share(seed, exponent):
    rng = np.random.default_rng(seed)
    whole = kernel_of(rng, 6, 3)
    new = NewCellTypes(whole[6:, :6], np.diag(whole)[6:])
    got = faded(whole[:6, :6], new, Variances(0.7, 0.0, 0.3), exponent, rng.exponential(3, 3), rng.exponential())
    assert ((got.factor >= 0) & (got.factor <= 1) & (got.lost >= 0) & (got.widening >= 1)).all()


def test_replicates_do_not_shorten_the_reach():
    """Where each training cell type has a twin, their unit distance from the mean is the measure."""
    whole = kernel_of(np.random.default_rng(0), 6, 1)
    new = NewCellTypes(whole[6:, :6], np.diag(whole)[6:])
    for gap in (0.0, 1e-3, 1.0):
        got = faded(whole[:6, :6], new, Variances(0.7, 0.0, 0.3), 0.0, np.array([1.4]), gap)
        assert_exact(got.factor, [1.0])
        assert_exact(got.widening, [1.0])


# --- the model


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::skepi.exceptions.DistantCellTypeWarning")
def test_far_states_cost_no_skill():
    """20 data sets whose lineages share nothing but cis: the state adds nothing and takes nothing."""
    data = [far_lineages(seed) for seed in range(20)]
    gains, unlimited = (
        np.mean([gain_of_state(one, reach=reach) for one in data]) for reach in ("learned", "unlimited")
    )
    assert gains >= -0.005
    assert gains > unlimited - 0.002


@pytest.mark.filterwarnings("ignore::skepi.exceptions.DistantCellTypeWarning")
def test_where_lineages_share_programs_the_state_still_helps():
    data, _ = make_paired_openness(n_genes=150, n_cell_types=12, n_lineages=4)
    assert gain_of_state(data) > 0.05


@pytest.mark.filterwarnings("ignore::skepi.exceptions.DistantCellTypeWarning")
def test_predicted_states_are_multiplied_by_what_is_believed():
    data, _ = make_paired_openness(n_genes=60, n_cell_types=10, n_lineages=3)
    names = data.cell_types["name"].tolist()
    model = make_pipeline(TSSBinner(edges=symmetric_edges()), CisTransRegressor())
    model.fit(*data.pairs(cell_types=names[:7], return_X_y=True))
    rows = model[0].transform(data.pairs(cell_types=names[7:9]))
    states, spreads = {}, {}
    for exponent in (0.0, 2.0):
        model[-1].reach_exponent_ = exponent
        states[exponent] = model[-1].predict_parts(rows)["cell_state"].to_numpy().reshape(60, 2)
        spreads[exponent] = model[-1].predict(rows, return_std=True)[1]
    factor = states[2.0] / states[0.0]
    assert_float64_sums(factor, np.tile(factor[0], (60, 1)), condition=1e6)
    assert ((factor[0] > 0) & (factor[0] < 1)).all()
    assert (spreads[2.0] > spreads[0.0]).all()


def test_reach_is_one_of_two():
    data, _ = make_paired_openness(n_genes=20, n_cell_types=4, n_lineages=2)
    X, y = data.pairs(return_X_y=True)
    rows = TSSBinner(edges=symmetric_edges([0, 1_000, 10_000])).fit_transform(X)
    with pytest.raises(ValueError, match=r"reach must be one of \('learned', 'unlimited'\), got 'short'"):
        CisTransRegressor(reach="short").fit(rows, y)
    model = CisTransRegressor(reach="unlimited").fit(rows, y)
    assert (model.state_length_, model.reach_exponent_) == (np.inf, 0.0)


@pytest.mark.filterwarnings("ignore::skepi.exceptions.DistantCellTypeWarning")
def test_replicates_in_training_leave_the_state_as_it_is():
    """Each cell type twice, its replicates held out together: skill is that of one replicate each."""
    data, _ = make_paired_openness(n_genes=150, n_cell_types=8, n_lineages=2)
    noise = np.random.default_rng(0).lognormal(0, 0.05, (2, *data.openness.shape))
    twice = np.concatenate([data.openness * one for one in noise], axis=1)
    names = [f"{name}_{k}" for k in (1, 2) for name in data.cell_types["name"]]
    cells = pd.DataFrame({"name": names, "lineage": [*data.cell_types["name"]] * 2})
    expression = np.concatenate([data.expression] * 2, axis=1)
    replicates = PairedDataset(twice, data.peaks, data.genes, expression, cells)
    learned, unlimited = gain_of_state(replicates), gain_of_state(replicates, reach="unlimited")
    assert unlimited > 0.1
    assert learned > 0.9 * unlimited


@pytest.mark.filterwarnings("ignore::skepi.exceptions.DistantCellTypeWarning")
@pytest.mark.parametrize("n_training", [2, 3, 5])
@pytest.mark.parametrize("own_cis", [False, True])
def test_few_shallow_cell_types_and_missing_pairs_are_fitted(n_training, own_cis):
    data, _ = make_paired_openness(
        n_genes=60, n_cell_types=8, n_lineages=2, measure="counts", openness_depth=0.3, random_state=1
    )
    names = data.cell_types["name"].tolist()
    X, y = data.pairs(cell_types=names[:n_training], return_X_y=True)
    some = np.random.default_rng(0).random(len(X)) < 0.9
    model = make_pipeline(TSSBinner(edges=symmetric_edges()), CisTransRegressor(own_cis=own_cis)).fit(X[some], y[some])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # genes without a training pair, cell types far from all
        few = data.subset(genes=data.genes["name"][:3].tolist())
        for asked in (data.pairs(), few.pairs()):
            prediction, std = model.predict(asked, return_std=True)
            assert np.isfinite(prediction).all()
            assert (np.isfinite(std) & (std > 0)).all()
    kernel = model[-1].kernel_
    assert_within(np.trace(_posterior.centred(kernel)) / n_training, 1, 1e-6, "the unit of the kernel")
