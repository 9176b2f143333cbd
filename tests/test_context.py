"""AppendContext: state of the cell and loadings of genes, beside the bins."""

import numpy as np
import pytest
from promises import assert_exact, assert_float32_sums, assert_float64_sums
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline

from skepi._cell_state import kernel
from skepi._contrasts import BandContrasts
from skepi.binning import BinnedOpenness, TSSBinner, symmetric_edges
from skepi.compose import GeneZTarget
from skepi.datasets import make_paired_openness
from skepi.exceptions import UnfittedSignalWarning, UnmatchedDataError
from skepi.metrics import summarize
from skepi.model_selection import LeaveOneCellTypeOut, cross_val_pairs
from skepi.neural_network import ExpressionMLP
from skepi.paired import PairedDataset
from skepi.preprocessing import AppendContext, LogZScaler

EDGES = symmetric_edges([0, 1_000, 10_000, 100_000])


@pytest.fixture(scope="module")
def data():
    return make_paired_openness(50, 8, n_lineages=2, random_state=5)[0]


@pytest.fixture(scope="module")
def bins(data):
    return TSSBinner(edges=EDGES).fit_transform(data.pairs())


@pytest.fixture(scope="module")
def y(data):
    return data.pairs(return_X_y=True)[1]


def steepness(context):
    """How much the last component amplifies rounding: the kernel's first eigenvalue over its last one, or least step.

    A component is the kernel times its eigenvector, divided by its eigenvalue.
    """
    values = np.linalg.eigvalsh(context.kernel_)[::-1][: context.n_components + 1]
    return values[0] / min(values[context.n_components - 1], -np.diff(values).max())


def test_columns_are_state_loadings_and_their_products(bins, y):
    context = AppendContext(3).fit(bins, y)
    rows = context.transform(bins)
    assert rows.shape == (400, 6 + 9)
    state, loading, product = np.split(rows.appended, 3, axis=1)
    assert_float32_sums(product, state * loading)
    assert_float32_sums(state[:8], context.state_)
    assert_float32_sums(loading[::8], context.loadings_)
    np.testing.assert_array_equal(rows.dense()[:, :6], bins.dense())
    np.testing.assert_array_equal(rows.dense()[:, 6:], rows.appended)
    names = context.get_feature_names_out()
    assert names.size == 15
    assert names[6:].tolist() == [f"{kind}{k}" for kind in ("state", "loading", "product") for k in range(3)]


def test_components_are_those_of_the_kernel_with_mean_square_one(bins, y):
    context = AppendContext(3).fit(bins, y)
    state = context.state_.to_numpy()
    assert_float64_sums(state.T @ state / 8, np.eye(3), condition=steepness(context))
    assert_float32_sums(state.mean(axis=0), 0, summed=np.abs(state).max(), condition=steepness(context))
    z = BandContrasts.learn(bins, np.arange(8))[1].z
    among = kernel(z, z)
    for component in state.T:  # an eigenvector: the kernel stretches it
        stretched = among @ component
        summed = (np.abs(among) @ np.abs(component)).max()
        assert_float64_sums(stretched, component * (stretched @ component / 8), summed=summed)


def slow_loadings(data, state, y, shrinkage, leave_out):
    """Of each pair's gene, by loops over its pairs, without the pair itself where asked for."""
    X = data.pairs()
    out = np.zeros((len(X), state.shape[1]))
    for i in range(len(X)):
        others = [j for j in range(len(X)) if X.gene_codes[j] == X.gene_codes[i] and not (leave_out and j == i)]
        mean = np.mean([y[j] for j in others])
        total = sum(state[X.cell_type_codes[j]] * (y[j] - mean) for j in others)
        out[i] = total / (len(others) + shrinkage)
    return out


@pytest.mark.parametrize("shrinkage", [0.0, 2.5])
def test_loadings_against_loops(data, bins, y, shrinkage):
    context = AppendContext(2, shrinkage=shrinkage)
    training = context.fit_transform(bins, y).appended[:, 2:4]
    state = context.state_.to_numpy()
    assert_float32_sums(training, slow_loadings(data, state, y, shrinkage, True))
    whole = context.transform(bins).appended[:, 2:4]
    assert_float32_sums(whole, slow_loadings(data, state, y, shrinkage, False))


def test_a_training_pair_does_not_know_its_own_target(bins, y):
    """Its columns stay as they are when its target moves; those of the gene's other pairs do not."""
    moved = y.copy()
    moved[11] += 5
    before, after = (AppendContext(2).fit_transform(bins, targets).appended for targets in (y, moved))
    assert_float32_sums(after[11], before[11])
    assert np.abs(after[8:16, 2:4] - before[8:16, 2:4]).max(axis=1).argsort()[0] == 3
    assert np.abs(after[12, 2:4] - before[12, 2:4]).max() > 0.1
    np.testing.assert_array_equal(np.delete(after, slice(8, 16), axis=0), np.delete(before, slice(8, 16), axis=0))


def test_noise_is_not_predicted_in_training(bins, rng):
    """Targets without a law: a line on the columns of training pairs explains what a line on noise does."""
    noise = rng.normal(size=400)
    honest = AppendContext(3).fit_transform(bins, noise).appended
    leaky = AppendContext(3).fit(bins, noise).transform(bins).appended
    scores = [LinearRegression().fit(columns, noise).score(columns, noise) for columns in (honest, leaky)]
    assert scores[0] < 0.06 < 0.2 < scores[1]


def test_scaled_rows_have_the_same_context(bins, y):
    scaled = LogZScaler().fit_transform(bins)
    np.testing.assert_array_equal(
        AppendContext(2).fit_transform(scaled, y).appended, AppendContext(2).fit_transform(bins, y).appended
    )


def test_pairs_may_be_missing_and_genes_unseen(bins, y, rng):
    kept = (rng.random(400) < 0.7) & (bins.gene_codes != 4)
    context = AppendContext(2).fit(bins[kept], y[kept])
    rows = context.transform(bins)
    assert len(context.loadings_) == 49
    assert (rows.appended[bins.gene_codes == 4, 2:] == 0).all()
    single = np.flatnonzero(bins.gene_codes == 7)[:1]
    alone = AppendContext(2).fit_transform(bins[np.r_[0:40, single]], y[np.r_[0:40, single]])
    assert (alone.appended[-1, 2:] == 0).all()  # no other pair of this gene


def test_new_cell_types_of_another_data_set(data, bins, y, rng):
    training = bins.cell_type_codes < 6
    context = AppendContext(2).fit(bins[training], y[training])
    order = rng.permutation(len(data.peaks))
    new = PairedDataset(
        data.openness[order][:, 6:], data.peaks.iloc[order], data.genes.iloc[::-1], cell_types=["one", "two"]
    )
    names = data.genes["name"]
    rows = context.transform(TSSBinner(edges=EDGES).fit_transform(new.pairs(names)))
    assert_float32_sums(rows.appended, context.transform(bins[~training]).appended, condition=steepness(context))
    few = context.transform(TSSBinner(edges=EDGES).fit_transform(new.pairs(names[:30])[3:7]))
    assert_float32_sums(few.appended, rows.appended[3:7])


def test_fewer_genes_keep_the_components_of_the_fit():
    """Of half of the genes the state of the training cell types is what it was, not another turn of the axes."""
    data, _ = make_paired_openness(200, 12, n_lineages=3, random_state=1)
    X, y = data.pairs(return_X_y=True)
    binner = TSSBinner(edges=EDGES)
    context = AppendContext(4).fit(binner.fit_transform(X), y)
    for seed in range(5):
        names = np.random.default_rng(seed).choice(data.genes["name"], 110, replace=False)
        some = binner.transform(data.subset(genes=names).pairs())
        state = context.transform(some).appended[:12, :4]
        r = [np.corrcoef(state[:, k], context.state_[k])[0, 1] for k in range(4)]
        assert min(r) > 0.9


def test_few_genes_are_said_and_one_is_an_error(data, bins, y):
    context = AppendContext(2).fit(bins, y)
    names = data.genes["name"]
    with pytest.warns(UnfittedSignalWarning, match="only 20% of the genes") as seen:
        context.transform(TSSBinner(edges=EDGES).fit_transform(data.subset(genes=names[:10]).pairs()))
    assert seen[0].filename == __file__
    one = TSSBinner(edges=EDGES).fit_transform(data.subset(genes=names[:1]).pairs())
    with pytest.raises(UnmatchedDataError, match=r"1 gene.* do not tell the training cell types apart"):
        context.transform(one)


def test_half_of_the_genes_are_enough_and_fewer_are_said(data, bins, y):
    context, names = AppendContext(2).fit(bins, y), data.genes["name"]
    context.transform(TSSBinner(edges=EDGES).fit_transform(data.subset(genes=names[:25]).pairs()))
    with pytest.warns(UnfittedSignalWarning, match="only 48% of the genes"):
        context.transform(TSSBinner(edges=EDGES).fit_transform(data.subset(genes=names[:24]).pairs()))


def test_signs_of_components_are_fixed(bins, y):
    """Eigenvectors have no sign of their own. Weights on the state mean the same on every machine only if it is set."""
    state = AppendContext(6).fit(bins, y).state_.to_numpy()
    assert (state[np.abs(state).argmax(axis=0), np.arange(6)] > 0).all()


def test_the_only_pair_of_a_gene_has_loading_0_without_shrinkage_too(bins, y):
    rows = np.r_[0:16, 24]
    context = AppendContext(2, shrinkage=0.0).fit_transform(bins[rows], y[rows]).appended
    assert not context[-1, 2:].any()
    assert context[:-1, 2:].any(axis=1).all()


def test_components_that_few_genes_do_not_span_are_not_made_of_rounding(data, bins, y):
    # Two genes, centred, span one component per band: 6. A seventh would be rounding, stretched to mean square 1.
    context, two = AppendContext(7).fit(bins, y), data.subset(genes=data.genes["name"][:2])
    with pytest.warns(UnfittedSignalWarning, match="only 4% of the genes"):
        state = context.transform(TSSBinner(edges=EDGES).fit_transform(two.pairs())).appended[:8, :7]
    assert 0 < np.linalg.matrix_rank(state, tol=1e-3) <= 6


def test_cell_types_that_hardly_differ_are_components_all_the_same(data, y, rng):
    """Neighbours in a lineage differ little; only what is rounding may be left out."""
    near = data.openness.copy()
    near[:, 1] = near[:, 0] * rng.uniform(0.98, 1.02, len(near))
    other = PairedDataset(near, data.peaks, data.genes, cell_types=data.cell_types)
    assert AppendContext(7).fit(TSSBinner(edges=EDGES).fit_transform(other.pairs()), y).state_.shape == (8, 7)


def test_equal_cell_types_have_fewer_components(data, y):
    twins = data.openness.copy()
    twins[:, 1] = twins[:, 0]
    other = PairedDataset(twins, data.peaks, data.genes, cell_types=data.cell_types)
    rows = TSSBinner(edges=EDGES).fit_transform(other.pairs())
    with pytest.raises(ValueError, match=r"has 6 independent component\(s\), fewer than n_components=7"):
        AppendContext(7).fit(rows, y)


def test_no_gene_in_common(data, bins, y):
    other = PairedDataset(
        data.openness, data.peaks, data.genes.assign(name="x" + data.genes["name"]), cell_types=data.cell_types
    )
    with pytest.raises(UnmatchedDataError, match="no gene in common"):
        AppendContext(2).fit(bins, y).transform(TSSBinner(edges=EDGES).fit_transform(other.pairs()))


def test_rows_are_a_container(bins, y):
    rows = AppendContext(2).fit_transform(bins, y)
    assert repr(rows) == "BinnedOpenness: 400 pairs x 6 bins of openness and 6 columns"
    assert isinstance(rows[3:5], BinnedOpenness)
    np.testing.assert_array_equal(rows[3:5].dense(), rows.dense([3, 4]))
    np.testing.assert_array_equal(np.asarray(rows[:4], dtype=np.float64), rows.dense(slice(4), np.float64))
    assert rows[np.arange(400) < 7].shape == (7, 12)
    assert_exact(rows.genes, bins.genes)
    assert_exact(rows.cell_types, bins.cell_types)
    with pytest.raises(ValueError, match="always a copy"):
        np.asarray(rows, copy=False)


def test_one_row_stays_a_table_and_columns_cannot_be_chosen(bins, y):
    """scikit-learn picks rows by number, by mask and as ``X[rows, ...]``; the columns must stay with their bins."""
    rows = AppendContext(2).fit_transform(bins, y)
    dense = rows.dense()
    assert_exact(rows[5].dense(), dense[[5]])
    assert_exact(rows.dense(5), dense[[5]])
    assert_exact(rows[[7, 2], ...].dense(), dense[[7, 2]])
    for choose in (rows.__getitem__, rows.dense):
        with pytest.raises(IndexError, match="rows can be chosen, columns cannot"):
            choose((slice(None), 0))


def test_a_dense_array_with_context_beyond_the_limit_is_refused(bins, y, monkeypatch):
    """Memory is not filled without being asked: appended columns count as those of bins do."""
    rows = AppendContext(2).fit_transform(bins, y)
    monkeypatch.setattr("skepi.binning._binned.MAX_DENSE_BYTES", 400 * 12 * 4)
    assert np.asarray(rows).nbytes == 400 * 12 * 4
    with pytest.raises(MemoryError, match="a dense 400 x 12 array of float64"):
        np.asarray(rows, dtype=np.float64)


@pytest.mark.slow
def test_models_take_the_columns():
    """A world of programs alone: without context a line on bins finds little, with it most; a network runs too."""
    data, _ = make_paired_openness(80, 12, n_lineages=3, cis_share=0.1, program_share=0.8, n_programs=2, random_state=1)
    X, y = data.pairs(return_X_y=True)

    def skill(*steps):
        model = GeneZTarget(make_pipeline(TSSBinner(edges=EDGES), LogZScaler(np.inf), *steps))
        return summarize(cross_val_pairs(model, X, y, LeaveOneCellTypeOut()))["skill"]

    plain, with_state = skill(Ridge(10.0)), skill(AppendContext(3), Ridge(10.0))
    assert with_state > plain + 0.1
    network = ExpressionMLP((8,), lr=0.01, batch_size=64, max_epochs=5, random_state=0)
    model = GeneZTarget(make_pipeline(TSSBinner(edges=EDGES), LogZScaler(np.inf), AppendContext(3), network))
    assert np.isfinite(model.fit(X, y).predict(X)).all()
    last = make_pipeline(TSSBinner(edges=EDGES), LogZScaler(np.inf), AppendContext(3), GeneZTarget(network))
    assert np.isfinite(last.fit(X, y).predict(X)).all()


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"n_components": 0}, r"n_components must lie in 1 \.\. 7 for 8 training cell types, got 0"),
        ({"n_components": 8}, r"n_components must lie in 1 \.\. 7"),
        ({"shrinkage": -1.0}, "shrinkage must be finite and 0 or greater, got -1.0"),
        ({"shrinkage": np.inf}, "shrinkage must be finite"),
    ],
)
def test_wrong_settings(bins, y, settings, match):
    with pytest.raises(ValueError, match=match):
        AppendContext(**settings).fit(bins, y)


def test_wrong_rows(data, bins, y):
    for wrong in (data.pairs(), np.ones((400, 6))):
        with pytest.raises(TypeError, match="AppendContext needs pairs whose openness is binned"):
            AppendContext().fit(wrong, y)
    fitted = AppendContext(2).fit(bins, y)
    with pytest.raises(ValueError, match=r"rows have other columns than those of the fit: column 0 is \[-5, 0\) bp"):
        fitted.transform(TSSBinner(edges=[-5, 0, 5]).fit_transform(data.pairs()))
    with pytest.raises(ValueError, match="rows have other columns than those of the fit"):
        fitted.transform(TSSBinner(edges=EDGES * 2).fit_transform(data.pairs()))
