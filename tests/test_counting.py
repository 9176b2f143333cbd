"""Counting noise: what it is, where it is known, and that comparisons of cell types are without it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_exact, assert_float32_sums, assert_float64_sums, assert_within
from scipy.linalg import helmert
from sklearn.pipeline import make_pipeline

from skepi._cell_state import CellState, bearable_share
from skepi._contrasts import log_openness
from skepi._counting import counting_noise
from skepi.baselines import NearestCellTypes
from skepi.binning import TSSBinner, symmetric_edges
from skepi.datasets import make_paired_openness
from skepi.gaussian_process import CisTransRegressor
from skepi.paired import PairedDataset

EDGES = symmetric_edges([0, 1_000, 10_000, 100_000])


def counted(seed, depth, n_genes=150, n_cell_types=8, rate_seed=0):
    """Reads of one simulated data set, drawn anew for each seed; ``depth`` is the mean reads per peak, (n_cells,)."""
    data, _ = make_paired_openness(n_genes=n_genes, n_cell_types=n_cell_types, n_lineages=2, random_state=rate_seed)
    rate = data.openness / data.openness.mean(axis=0) * depth
    reads = np.random.default_rng(seed).poisson(rate)
    return PairedDataset(reads, data.peaks, data.genes, data.expression, data.cell_types)


def binned(data, **settings):
    return TSSBinner(edges=EDGES, **settings).fit_transform(data.pairs())


# --- what one read adds


@pytest.mark.parametrize(
    ("values", "size"),
    [
        ([0, 1, 2, 7], 1.0),
        ([0, 2, 4, 6], 1.0),
        ([0, 0.25, 0.5, 3.75], 0.25),
        ([0, 0.25, 0.5, 0.875], 0.125),
        ([0, 0.1, 0.2, 0.3217], 0.0),
        ([0, 1, 1, 2], 0.0),
        ([0, 5, 5, 5], 0.0),
        ([0, 0, 0, 0], 0.0),
        ([3.21, 1.73, 8.14, 2.39], 0.0),
    ],
)
def test_the_size_of_a_read_is_the_least_step(values, size):
    peaks = {"chrom": ["chr1"] * 4, "start": [0, 20, 40, 60], "end": [10, 30, 50, 70]}
    genes = {"name": ["A"], "chrom": ["chr1"], "tss": [5], "strand": ["+"]}
    tables = PairedDataset(np.transpose([values, [0, 1, 2, 3]]), peaks, genes, cell_types=["a", "b"]).tables
    assert tables.size_of_read("openness").tolist() == [size, 1.0]


@pytest.mark.parametrize("depth", [5.0, 30.0])
def test_counts_per_million_are_counts(depth):
    """Deep cell types may have no peak with a single read."""
    data = counted(0, np.full(8, depth), n_genes=20)
    per_million = 1e6 * data.openness / data.openness.sum(axis=0)
    again = PairedDataset(per_million, data.peaks, data.genes, None, data.cell_types)
    sizes = again.tables.size_of_read("openness")
    assert_float32_sums(sizes, 1e6 / data.openness.sum(axis=0, dtype=np.float64))
    assert_float32_sums(noise_of(again), noise_of(data), summed=1_000)


def noise_of(data, **settings):
    return counting_noise(binned(data, **settings), np.arange(len(data.genes)), np.arange(len(data.cell_types)))


def test_fold_enrichment_has_no_known_noise():
    fold, _ = make_paired_openness(n_genes=20, n_cell_types=4, n_lineages=2)
    assert not noise_of(fold).any()


def test_features_weigh_reads():
    """A peak of weight 3: its reads count 9 times in the variance; 1 + x is greater, too."""
    peaks = {"chrom": ["chr1"], "start": [20], "end": [30]}
    genes = {"name": ["A"], "chrom": ["chr1"], "tss": [5], "strand": ["+"]}
    data = PairedDataset([[4, 1]], peaks, genes, cell_types=["a", "b"], peak_features={"f": [3.0]})
    rows = TSSBinner(edges=[0, 100], depth=None, features=["f"]).fit_transform(data.pairs())
    assert_exact(data.tables.size_of_read("openness"), [0.0, 0.0])  # one peak says nothing of steps
    data.tables.size_of_read = lambda signal: np.ones(2)
    noise = counting_noise(rows, np.array([0]), np.array([0, 1]))
    assert_float64_sums(noise, [[9 * 4 / 13**2, 9 * 1 / 4**2]])


# --- the noise


def test_noise_by_hand():
    """Half of the first peak, with 4 reads, lies in the first band: x = 2, variance 4 / 4; (4 / 4) / 3^2 = 1 / 9.

    The other half makes x = 2 in the second band, with 3 reads of the second peak x = 5: (1 + 3) / 6^2 = 1 / 9.
    """
    peaks = {"chrom": ["chr1"] * 4, "start": [100, 150, 900, 950], "end": [120, 160, 910, 960]}
    genes = {"name": ["A"], "chrom": ["chr1"], "tss": [0], "strand": ["+"]}
    reads = [[4, 0], [3, 2], [1, 1], [9, 9]]
    data = PairedDataset(reads, peaks, genes, cell_types=["a", "b"])
    rows = TSSBinner(edges=[0, 110, 200], depth=None).fit_transform(data.pairs())
    noise = counting_noise(rows, np.array([0]), np.array([0]))
    assert_float64_sums(noise, [[1 / 9], [1 / 9]], summed=2)


def test_noise_is_the_variance_over_draws():
    """60 draws of reads: log openness varies, summed over genes, as is expected."""
    depth = np.array([1.0, 2, 4, 8, 16, 2, 4, 8])
    draws = [binned(counted(seed, depth, n_genes=40)) for seed in range(60)]
    everything = np.arange(40), np.arange(8)
    logs = np.stack([log_openness(X, *everything) for X in draws]).astype(np.float64)
    seen = logs.var(axis=0, ddof=1).sum(axis=(0, 1))
    expected = np.mean([counting_noise(X, *everything) for X in draws], axis=0)
    limit = np.where(depth < 2, 0.35, 0.15)
    assert_within(expected.sum(axis=0) / seen, 1, limit, "to first order, which is too little at one read per peak")


def test_the_kernel_of_shallow_counts_is_that_of_deep_ones():
    """Half of the cell types shallow: without the correction they seem far from all, with it they do not."""
    depth = np.where(np.arange(8) % 2, 2.0, 200.0)
    deep, mixed = (CellState.learn(binned(counted(1, one)), np.arange(8)) for one in (np.full(8, 2_000.0), depth))
    raw = CellState.learn(binned(as_fold(counted(1, depth))), np.arange(8))

    def distances(state):
        own = np.diag(state.kernel)
        return (own[:, None] + own - 2 * state.kernel)[np.triu_indices(8, 1)]

    assert raw.noise_share == 0 < mixed.noise_share
    errors = [np.abs(distances(one) / distances(deep) - 1).mean() for one in (raw, mixed)]
    assert errors[1] < 0.6 * errors[0]


def as_fold(data):
    """The same openness, times numbers that hide what one read is."""
    noise = 1 + 1e-3 * np.random.default_rng(0).random(data.openness.shape)
    return PairedDataset(data.openness * noise, data.peaks, data.genes, data.expression, data.cell_types)


@given(st.integers(0, 9_999))
def test_no_contrast_keeps_a_negative_variance(seed):
    rng = np.random.default_rng(seed)
    half = rng.normal(size=(6, 8))
    among, noise = half @ half.T, np.diag(rng.exponential(3, 6))
    share = bearable_share(among, noise)
    contrasts = helmert(6)

    def least(share):
        return np.linalg.eigvalsh(contrasts @ (among - share * noise) @ contrasts.T)[0]

    assert 0 <= share <= 1
    assert least(share) > -1e-8 * np.trace(among)
    assert share == 1 or least(min(1, share + 1e-3)) < 0


def test_training_cell_types_are_at_no_distance_from_themselves():
    state = CellState.learn(binned(counted(0, np.full(8, 3.0))), np.arange(8))
    again = state.compare(binned(counted(0, np.full(8, 3.0))), np.arange(8))
    assert_float32_sums(again.to_training, state.kernel, summed=4)
    assert_float32_sums(np.diag(again.squared_distances()), 0, summed=16)
    assert (state.relative_distance(np.sqrt(np.maximum(again.squared_distances().min(axis=1), 0))) < 0.01).all()


@pytest.mark.slow
def test_the_nearest_cell_type_does_not_depend_on_depth():
    """Half of the cell types very shallow: as they are, the nearest one is often a deep one."""
    shallow = counted(1, np.where(np.arange(8) < 4, 0.3, 1_000.0))
    nearest = []
    for data in (counted(0, np.full(8, 1_000.0)), shallow, as_fold(shallow)):
        found = []
        for name in data.cell_types["name"]:
            others = [one for one in data.cell_types["name"] if one != name]
            model = make_pipeline(TSSBinner(edges=EDGES), CisTransRegressor())
            model.fit(*data.pairs(cell_types=others, return_X_y=True))
            asked = model[:-1].transform(data.pairs(cell_types=[name]))
            found.append(model[-1].distances(asked)["nearest"].iloc[0])
        nearest.append(found)
    same = [sum(map(str.__eq__, nearest[0], one)) for one in nearest[1:]]
    assert same[0] >= 6 > same[1]


def test_a_model_of_counts_is_saved_and_predicts_the_same(tmp_path):
    from skepi.persistence import load_model, save_model

    data = counted(0, np.full(8, 3.0))
    for model in (make_pipeline(TSSBinner(edges=EDGES), CisTransRegressor()), NearestCellTypes()):
        X, y = data.pairs(return_X_y=True)
        model.fit(X, y)
        save_model(model, tmp_path / f"{type(model).__name__}.skepi")
        assert_exact(load_model(tmp_path / f"{type(model).__name__}.skepi").predict(X), model.predict(X))


def test_a_twin_shares_its_noise():
    """One cell type twice: the correction of all others stays."""
    data = counted(0, np.array([1.0, 1, 1, 1, 50, 50, 50, 50]))
    cells = [*data.cell_types["name"], "twin"]
    twice = PairedDataset(data.openness[:, [*range(8), 0]], data.peaks, data.genes, None, cells)
    alone, twins = (CellState.learn(binned(one), np.arange(n)) for one, n in ((data, 8), (twice, 9)))
    assert alone.noise_share == twins.noise_share == 1
    kernel = twins.kernel
    assert_float64_sums(kernel[0, 0] + kernel[8, 8] - 2 * kernel[0, 8], 0, summed=64)


def test_expected_noise_is_a_table_of_bands_and_cell_types():
    state = CellState.learn(binned(counted(0, np.array([1.0, 1, 1, 1, 50, 50, 50, 50]))), np.arange(8))
    assert state.noise.shape == (6, 8)
    of_cells = pd.Series(state.noise.sum(axis=0))
    assert of_cells[:4].min() > 3 * of_cells[4:].max()
