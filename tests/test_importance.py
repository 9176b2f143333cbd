"""Importance of bins, bands and genes on held-out pairs: against slow loops and linear maps written out."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from promises import assert_float32_sums, assert_float64_sums
from sklearn.decomposition import PCA
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler
from sklearn.svm import SVR
from small_models import LINEAR, binner, fitted_linear, pipe, scaled_rows, small_net, train_and_test

from skepi.baselines import TrainingMean
from skepi.binning import TSSBinner
from skepi.compose import GeneZTarget
from skepi.inspection import attributions, bin_importance, importance_unit
from skepi.preprocessing import LogZScaler, Materialize


@pytest.fixture(scope="module")
def split():
    """``X_train, y_train, X_test, y_test``: 40 genes in 6 and in 3 other cell types."""
    return train_and_test()


@pytest.fixture(scope="module")
def scaled(split):
    """Scaled bins of the training rows and of the test rows."""
    return scaled_rows(split)


@pytest.fixture(scope="module")
def net(split):
    return pipe(small_net()).fit(*split[:2])


@pytest.fixture(scope="module", params=LINEAR)
def linear(request, split):
    """A fitted linear model, its weights by least squares from its own predictions, and the scaled test rows."""
    return fitted_linear(request.param, split)


# Importance of bands


def test_bands_of_weights_are_means_over_bins(linear, split):
    model, weights, z = linear
    bands = [-30_000, -1_000, 0, 5_000]
    table = bin_importance(model, split[2], method="coefficients", bands=bands)
    wanted = [weights[:2].mean(), weights[2], weights[3:5].mean()]
    steep = np.linalg.cond(z)  # the weights were solved for
    assert_float32_sums(table["importance"], wanted, summed=np.abs(weights).max(), condition=steep)
    assert table[["from_bp", "to_bp"]].to_numpy().tolist() == [[-30_000, -1_000], [-1_000, 0], [0, 5_000]]
    contribution = bin_importance(model, split[2], method="gradient_x_input", bands=bands)["importance"]
    parts = [z[:, a:b] @ weights[a:b] for a, b in ((0, 2), (2, 3), (3, 5))]
    assert_float32_sums(contribution, np.abs(parts).mean(axis=1), condition=steep)


@pytest.mark.parametrize("method", ["gradient", "gradient_x_input", "integrated_gradients"])
def test_importance_of_a_network_by_a_loop_and_by_gene(net, split, method):
    X, bands = split[2][np.random.default_rng(0).permutation(len(split[2]))[:71]], [-5_000, 0, 1_000, 30_000]
    found = attributions(net, X, method=method)
    total, counts = {}, {}
    for gene, row in zip(X.to_frame()["gene"], found, strict=True):
        parts = [row[a:b] for a, b in ((1, 3), (3, 4), (4, 6))]
        value = [part.mean() if method == "gradient" else abs(part.sum()) for part in parts]
        total[gene], counts[gene] = total.get(gene, 0) + np.array(value), counts.get(gene, 0) + 1
    table = bin_importance(net, X, method=method, bands=bands)
    assert_float32_sums(table["importance"], sum(total.values()) / 71)
    by_gene = bin_importance(net, X, method=method, bands=bands, by="gene")
    assert set(by_gene.index) == set(total)
    assert by_gene.index.name == "gene"
    assert by_gene.columns.tolist() == [pd.Interval(a, b, "left") for a, b in pairwise(bands)]
    for gene, row in by_gene.iterrows():
        assert_float32_sums(row, total[gene] / counts[gene], summed=np.abs(found).max())
    weighted = by_gene.mul(pd.Series(counts), axis=0).sum() / 71
    assert_float32_sums(weighted.to_numpy(), table["importance"].to_numpy())


def test_usual_bands(split):
    model = make_pipeline(TSSBinner(flank=12_000), LogZScaler(), GeneZTarget(Ridge())).fit(*split[:2])
    table = bin_importance(model, split[2])
    kb = [-12, -10, -5, -2, -1, 0, 1, 2, 5, 10, 12]
    assert (table["from_bp"] // 1_000).tolist() == kb[:-1]
    assert (table["to_bp"] // 1_000).tolist() == kb[1:]
    assert len(bin_importance(model, split[2], bands="bins")) == 24
    coarse = make_pipeline(TSSBinner(edges=[-700, 300, 1_000, 9_000]), LogZScaler(), GeneZTarget(Ridge()))
    edges = bin_importance(coarse.fit(*split[:2]), split[2])[["from_bp", "to_bp"]]
    assert edges.to_numpy().tolist() == [[-700, 1_000], [1_000, 9_000]]  # no bin has an edge at the TSS


@pytest.mark.parametrize(
    ("bands", "message"),
    [
        ([-1_000, 500, 1_000], "bands cut bins: no bin has an edge at 500 bp"),
        ([-60_000, 0], "no bin has an edge at -60000 bp"),
        ([0], "at least two increasing"),
        ([0, -1_000], "at least two increasing"),
        ([0, 0], "at least two increasing"),
        ([[0, 1_000]], "at least two increasing"),
        ([0.0, 1_000.0], "whole numbers"),
        ("kb", "bands must be None, 'bins' or edges in bp, got 'kb'"),
    ],
)
def test_bands_that_do_not_fit_are_refused(net, split, bands, message):
    with pytest.raises(ValueError, match=message):
        bin_importance(net, split[2], bands=bands)


# Permutation


def assert_same_loss(got, wanted, squares=1.0):
    """Equal but for the rounding of predictions; skill lost is a difference of squares, in units of the truth's."""
    assert_float32_sums(got, wanted, summed=squares)


def lost_by_loop(model, X, y, bands, n_repeats, unseen=False, steps=2, seed=0):
    """Skill lost, with binned rows put together a pair at a time and the fitted last step asked for each.

    The first ``steps`` steps of ``model`` give rows whose numbers the regressor of its last step takes.
    """
    rows = model[:steps].transform(X)
    target, genes = model[-1], X.to_frame()["gene"].to_numpy()
    rng, lost = np.random.RandomState(seed), np.zeros(len(bands))
    for _ in range(n_repeats):
        circle = rng.permutation(len(X.cell_types))
        permutation = np.empty_like(circle)
        for k in range(circle.size):
            permutation[circle[k]] = circle[k - 1]
        other = rows.in_cell_types(permutation[X.cell_type_codes]).dense()
        for k, (first, last) in enumerate(bands):
            total, error, error_permuted = 0.0, 0.0, 0.0
            changed = rows.dense()
            changed[:, first:last] = other[:, first:last]
            z = [np.ravel(target.regressor_.predict(values)) for values in (rows.dense(), changed)]
            for gene in np.unique(genes):
                own = genes == gene
                sd = target.pooled_sd_ if unseen else target.gene_sd_[gene]
                t, p, q = y[own], z[0][own] * (sd + 1), z[1][own] * (sd + 1)
                t, p, q = (t - t.mean(), p - p.mean(), q - q.mean()) if unseen else (t - target.gene_mean_[gene], p, q)
                total, error = total + (t**2).sum(), error + ((t - p) ** 2).sum()
                error_permuted += ((t - q) ** 2).sum()
            lost[k] += (error_permuted - error) / total / n_repeats
    return lost


@pytest.mark.parametrize(
    "regressor",
    [
        HistGradientBoostingRegressor(max_iter=5),
        KNeighborsRegressor(3),
        SVR(),
        make_pipeline(PCA(3), Ridge()),
        make_pipeline(Materialize("csr"), MaxAbsScaler(), Ridge()),
        GridSearchCV(make_pipeline(Materialize(), PCA(3), Ridge()), {"ridge__alpha": [1.0, 2.0]}, cv=2),
    ],
    ids=str,
)
def test_any_regressor_can_be_permuted_but_not_every_one_derived(split, regressor):
    model = pipe(regressor).fit(*split[:2])
    for method in ("coefficients", "gradient", "integrated_gradients"):
        with pytest.raises(TypeError, match="'permutation'"):
            bin_importance(model, split[2], method=method)
    found = bin_importance(model, *split[2:], method="permutation", bands=[-30_000, 0, 30_000], n_repeats=2)
    wanted = lost_by_loop(model, *split[2:], [(0, 3), (3, 6)], n_repeats=2)
    assert_same_loss(found["importance"], wanted)


def test_a_model_that_does_not_look_at_bins_is_refused(split):
    """An importance of 0 would say that bins do not matter, when they were never read."""
    for model in (pipe(DummyRegressor()), make_pipeline(binner(), TrainingMean())):
        with pytest.raises(TypeError, match="predicts without reading the bins of its rows"):
            bin_importance(model.fit(*split[:2]), *split[2:], method="permutation")


def test_steps_fitted_on_arrays_stay_with_the_model(split):
    model = make_pipeline(binner(), GeneZTarget(make_pipeline(Materialize(), LogZScaler(), Ridge()))).fit(*split[:2])
    found = bin_importance(model, *split[2:], method="permutation", bands="bins", n_repeats=1)
    wanted = lost_by_loop(model, *split[2:], [(k, k + 1) for k in range(6)], n_repeats=1, steps=1)
    assert_same_loss(found["importance"], wanted)


def test_permutation_equals_a_slow_loop(net, split):
    bands = [-30_000, -5_000, -1_000, 0, 1_000, 30_000]
    found = bin_importance(net, *split[2:], method="permutation", bands=bands, n_repeats=3, random_state=5)
    wanted = lost_by_loop(net, *split[2:], [(0, 1), (1, 2), (2, 3), (3, 4), (4, 6)], n_repeats=3, seed=5)
    assert_same_loss(found["importance"], wanted)
    assert found["importance"].abs().max() > 0.01


def test_no_cell_type_is_put_in_its_own_place(split):
    """With a band left as it is, exactly nothing would be lost."""
    model = pipe(Ridge()).fit(*split[:2])
    one = split[2].cell_type_codes == split[2].cell_type_codes[0]
    for seed in range(20):
        found = bin_importance(
            model, split[2][one], split[3][one], method="permutation", n_repeats=1, random_state=seed
        )
        assert (found["importance"] != 0).all()


def test_genes_that_were_not_trained_on_are_centred_by_themselves(split):
    X_train, y_train, X, y = split
    known = X_train.gene_codes % 2 == 0
    model = pipe(Ridge()).fit(X_train[known], y_train[known])
    new = X.gene_codes % 2 == 1
    found = bin_importance(model, X[new], y[new], method="permutation", bands="bins", n_repeats=2)
    bins = [(k, k + 1) for k in range(6)]
    wanted = lost_by_loop(model, X[new], y[new], bands=bins, n_repeats=2, unseen=True)
    assert_same_loss(found["importance"], wanted)
    shifted = y[new] + X.gene_codes[new]  # the level of such a gene means nothing
    table = bin_importance(model, X[new], shifted, method="permutation", bands="bins", n_repeats=2)
    assert_same_loss(table["importance"], wanted)


def test_a_bare_regressor_is_judged_within_genes(split, scaled):
    y = split[1] - split[1].mean()
    model = Ridge().fit(scaled[0], y)
    tables = [
        bin_importance(model, scaled[1], split[3] + shift, method="permutation") for shift in (0, scaled[1].gene_codes)
    ]
    assert_float64_sums(tables[0]["importance"], tables[1]["importance"], summed=40)  # the greatest shift is 39
    assert tables[0]["importance"].abs().max() > 0.001


def test_a_band_that_is_not_used_loses_nothing(split):
    model = pipe(Ridge()).fit(*split[:2])
    model[-1].regressor_.coef_[[0, 3]] = 0
    table = bin_importance(model, *split[2:], method="permutation", bands="bins")
    assert (table["importance"][[0, 3]] == 0).all()
    assert (table["importance"][[1, 2, 4, 5]] != 0).all()


def test_permutation_of_a_gene_does_not_depend_on_the_other_rows(split):
    model, (X, y) = pipe(Ridge()).fit(*split[:2]), split[2:]
    whole = bin_importance(model, X, y, method="permutation", by="gene")
    some = X.gene_codes < 5
    part = bin_importance(model, X[some], y[some], method="permutation", by="gene")
    deviations = pd.DataFrame({"y": y, "prediction": model.predict(X)}).sub(model[-1].training_mean(X), axis=0)
    squares = (deviations**2).groupby(X.to_frame()["gene"]).sum().loc[whole.index]
    summed = (squares.sum(axis=1) / squares["y"]).to_numpy()[:, None]
    assert_same_loss(part, whole.iloc[:5], summed[:5])
    order = np.random.default_rng(0).permutation(len(y))
    assert_same_loss(bin_importance(model, X[order], y[order], method="permutation", by="gene"), whole, summed)
    table = bin_importance(model, X, y, method="permutation")
    together = whole.mul(squares["y"], axis=0).sum() / squares["y"].sum()
    assert_float64_sums(together.to_numpy(), table["importance"].to_numpy(), summed=1)


def test_the_random_state_repeats(net, split):
    def lost(state):
        return bin_importance(net, *split[2:], method="permutation", n_repeats=1, random_state=state)["importance"]

    assert lost(3).equals(lost(3))
    assert lost(3).equals(lost(np.random.RandomState(3)))
    assert not lost(3).equals(lost(4))


def test_a_gene_that_does_not_vary_has_no_skill_to_lose(split):
    model, (X, y) = pipe(Ridge()).fit(*split[:2]), split[2:]
    flat = np.where(X.gene_codes == 2, model[-1].training_mean(X), y)
    by_gene = bin_importance(model, X, flat, method="permutation", by="gene")
    assert by_gene.isna().all(axis=1).to_numpy().nonzero()[0].tolist() == [2]
    assert by_gene.drop(index=by_gene.index[2]).notna().all(axis=None)
    assert bin_importance(model, X, flat, method="permutation")["importance"].notna().all()


@pytest.mark.parametrize(
    ("method", "wanted"),
    [
        ("permutation", "skill lost"),
        ("coefficients", "{} per unit of scaled openness"),
        ("gradient", "{} per unit of scaled openness"),
        ("integrated_gradients", "mean absolute contribution to {}"),
    ],
)
def test_importance_has_a_unit(split, scaled, method, wanted):
    per_gene, plain = pipe(Ridge()).fit(*split[:2]), Ridge().fit(scaled[0], split[1])
    assert importance_unit(per_gene, split[2], method=method) == wanted.format("standardised expression")
    assert importance_unit(plain, scaled[1], method=method) == wanted.format("expression")


# Bad input


@pytest.mark.parametrize("ask", [bin_importance, importance_unit])
def test_an_unknown_method_is_refused(net, split, ask):
    with pytest.raises(ValueError, match=r"method must be one of .*'permutation'.*, got 'shap'"):
        ask(net, split[2], method="shap")


@pytest.mark.parametrize(
    ("targets", "settings", "message"),
    [
        (lambda y: None, {}, "needs y"),
        (lambda y: y[:-1], {}, "values for 120 pairs"),
        (lambda y: np.where(np.arange(y.size) == 3, np.nan, y), {}, "NaN or infinite"),
        (lambda y: y, {"n_repeats": 0}, "n_repeats must be a whole number of 1 or more, got 0"),
    ],
)
def test_targets_of_a_permutation_are_checked(net, split, targets, settings, message):
    with pytest.raises(ValueError, match=message):
        bin_importance(net, split[2], targets(split[3]), method="permutation", **settings)


def test_targets_that_do_not_vary_have_no_skill(net, split, scaled):
    mean = net[-1].training_mean(split[2])
    with pytest.raises(ValueError, match="do not vary within genes"):
        bin_importance(net, split[2], mean, method="permutation")
    model = Ridge().fit(scaled[0], split[1])
    with pytest.raises(ValueError, match="do not vary within genes"):
        bin_importance(model, scaled[1], np.full(len(mean), 3.3), method="permutation")
