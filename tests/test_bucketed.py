"""Buckets of cell types: by hand, found again where they are planted, nearest by openness alone, and on blood."""

import pickle
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_exact, assert_float32_sums, assert_float64_sums
from sklearn.base import BaseEstimator, clone
from sklearn.cluster import DBSCAN, AgglomerativeClustering, KMeans
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags

from skepi.binning import TSSBinner, symmetric_edges
from skepi.compose import BucketedRegressor, GeneZTarget
from skepi.compose._buckets import components_of
from skepi.exceptions import DistantCellTypeWarning, UnfittedSignalWarning, UnmatchedDataError, UnseenGeneWarning
from skepi.gaussian_process import CisTransRegressor
from skepi.metrics import skill, skill_scorer, summarize
from skepi.model_selection import CellTypeKFold, LeaveOneCellTypeOut, cross_val_pairs
from skepi.normalization import ExpressionNormalizer
from skepi.paired import PairedDataset
from skepi.persistence import load_model, save_model
from skepi.preprocessing import LogZScaler, Materialize

INF = float("inf")
EDGES = symmetric_edges([0, 1_000, 5_000, 20_000, 100_000])
MEANS = GeneZTarget(DummyRegressor())
RIDGE = make_pipeline(TSSBinner(edges=EDGES), LogZScaler(), GeneZTarget(Ridge(10.0)))

#: Openness of the peak of a and of that of b, with a mean of 1.
HAND = {"A1": (2.0, 0.0), "A2": (1.5, 0.5), "B1": (0.5, 1.5), "B2": (0.0, 2.0)}
HAND_Y = [1, 3, 5, 9, 0, 0, 2, 2]  # a in A1, A2, B1, B2, then b


def two_genes(cells, genes=("a", "b"), names=None):
    """Genes a and b, each with a peak right at its TSS, and c without any in reach; pairs, genes first."""
    place = {"a": ("chr1", 1_000), "b": ("chr2", 1_000), "c": ("chr1", 9_000_000)}
    chrom, tss = zip(*(place[gene] for gene in genes), strict=True)
    return PairedDataset(
        openness=np.array(list(cells.values())).T,
        cell_types=list(cells) if names is None else names,
        peaks={"chrom": ["chr1", "chr2"], "start": [1_000, 1_000], "end": [1_010, 1_010]},
        genes={"name": list(genes), "chrom": chrom, "tss": tss, "strand": ["+"] * len(genes)},
    ).pairs()


@pytest.fixture
def by_hand():
    return BucketedRegressor(MEANS, min_cell_types=2).fit(two_genes(HAND), HAND_Y)


def planted(signs, rng, n_genes=40, n_cell_types=16, noise=0.1):
    """Two lineages told apart by openness of the whole genome; y = gene mean + sign of the lineage x own signal."""
    lineage = np.arange(n_cell_types) % 2
    peaks = {"chrom": ["chr1"] * n_genes, "start": np.arange(n_genes) * 3_000_000 + 2_000_000}
    peaks["end"] = peaks["start"] + 100
    log = rng.normal(0, 1, (n_genes, 1)) + 0.7 * rng.normal(0, 1, (n_genes, 2))[:, lineage]
    log = log + 0.5 * rng.normal(0, 1, (n_genes, n_cell_types))
    genes = {"name": [f"g{k}" for k in range(n_genes)], "chrom": peaks["chrom"], "strand": ["+"] * n_genes}
    genes["tss"] = peaks["start"] - 50
    data = PairedDataset(np.exp(log), peaks, genes, cell_types=[f"c{k}" for k in range(n_cell_types)])
    X = data.pairs()
    values = np.log1p(TSSBinner(edges=EDGES).fit_transform(X).dense().sum(axis=1)).reshape(n_genes, n_cell_types)
    for k in {0, 1} if signs[0] != signs[1] else ():  # lineages differ by weights alone, not by means of genes
        values[:, lineage == k] -= values[:, lineage == k].mean(axis=1, keepdims=True)
    y = 4 + np.array(signs)[lineage] * values + noise * rng.normal(size=values.shape)
    return X, y.ravel(), lineage


@pytest.fixture(scope="module")
def fitted(pairs):
    return BucketedRegressor(RIDGE, min_cell_types=2, max_distance=INF).fit(*pairs)


@pytest.fixture
def other(simulated, rng):
    """The simulated data with other orders of peaks, genes and cell types."""
    data = simulated[0]
    peaks, genes, cells = (rng.permutation(len(table)) for table in (data.peaks, data.genes, data.cell_types))
    return PairedDataset(
        data.openness[peaks][:, cells],
        data.peaks.iloc[peaks],
        data.genes.iloc[genes],
        data.expression[genes][:, cells],
        data.cell_types.iloc[cells],
    )


# --- by hand


def test_four_cell_types_by_hand(by_hand):
    # One band is touched. Contrasts add up to 0 over the two genes, so a cell type is the number
    # d = ln(1 + x_a) - ln(1 + x_b): ln 3, ln 5/3, -ln 5/3, -ln 3, which have mean 0. Their root mean square is 1.
    d = np.array([np.log(3), np.log(5 / 3)])
    rms = np.sqrt((d**2).mean())
    assert by_hand.buckets_.to_dict() == {"A1": 0, "A2": 0, "B1": 1, "B2": 1}
    assert_float32_sums(np.abs(by_hand.components_["pc1"]), np.array([*d, *d[::-1]]) / rms)
    assert by_hand.components_.shape == (4, 3)
    # A component is the root of a sum of squares, which is 0 but for rounding.
    assert_float32_sums(by_hand.components_[["pc2", "pc3"]] ** 2, 0, summed=1)
    fewer = clone(by_hand).set_params(n_components=2).fit(two_genes(HAND), HAND_Y)
    assert fewer.components_.columns.tolist() == ["pc1", "pc2"]
    # With two members, the other one is the mean of the others.
    assert_float32_sums(by_hand.reach_, (d[0] - d[1]) / rms)
    assert by_hand.gene_mean_.to_dict() == {"a": 4.5, "b": 1}
    assert sorted(by_hand.models_) == [0, 1]
    assert by_hand.n_features_in_ == 2

    # (1.8, 0.2): d = ln 7/3, near the first bucket, which says 2 and 0; (0, 2) is at -ln 3 itself.
    new = two_genes({"near A": (1.8, 0.2), "like B2": (0.0, 2.0)})
    table = by_hand.assign(new)
    distance = np.abs([np.log(7 / 3) - d.mean(), d[0] - d.mean()]) / rms
    assert table["bucket"].to_dict() == {"near A": 0, "like B2": 1}
    assert_float32_sums(table["distance"], distance)
    assert_float32_sums(table["relative"], distance * rms / (d[0] - d[1]))
    assert table["answered_by"].tolist() == ["bucket", "bucket"]
    assert_float64_sums(by_hand.predict(new), [2, 7, 0, 2])
    np.testing.assert_array_equal(by_hand.training_mean(new), [4.5, 4.5, 1, 1])


def test_between_the_buckets_the_pooled_model_answers_by_hand(by_hand):
    # (1, 1) lies at d = 0: ln(5) / 2 from both means, and the reach is ln 9/5.
    new = two_genes({"between": (1.0, 1.0), "A1": HAND["A1"]})
    assert_float32_sums(by_hand.assign(new)["relative"]["between"], np.log(5) / 2 / np.log(9 / 5))
    assert by_hand.assign(new)["answered_by"].to_dict() == {"between": "pooled", "A1": "bucket"}
    with pytest.warns(DistantCellTypeWarning, match=r"1 cell type\(s\) far from every bucket \(between: 1\.37 times"):
        predicted = by_hand.predict(new)
    assert_float64_sums(predicted, [4.5, 2, 1, 0])
    np.testing.assert_array_equal(by_hand.answering_bucket(new), [-1, 0, -1, 0])
    assert by_hand.set_params(max_distance=1.4).assign(new)["answered_by"].tolist() == ["bucket", "bucket"]


def test_genes_not_measured_in_a_bucket_are_answered_by_the_pooled_model():
    X = two_genes(HAND, genes=("a", "b", "c"))
    rows, y = np.array([0, 1, 2, 3, 4, 5]), [1, 3, 5, 9, 0, 4]  # b in A1 and A2 alone, c nowhere
    model = BucketedRegressor(MEANS, min_cell_types=2).fit(X[rows], y)
    assert model.measured_.loc["a"].tolist() == [True, True]
    assert model.measured_.loc["b"].tolist() == [True, False]
    assert model.measured_.index.tolist() == ["a", "b"]
    assert_float64_sums(model.predict(X[np.array([0, 3, 4, 7])]), [2, 7, 2, 2])
    np.testing.assert_array_equal(model.answering_bucket(X), [0, 0, 1, 1, 0, 0, -1, -1, -1, -1, -1, -1])
    with pytest.warns(UnseenGeneWarning, match=r"1 gene\(s\) had no training pair \(c"):
        assert model.predict(X[np.array([8])]) == pytest.approx(22 / 6)


def test_small_buckets_have_no_model_by_hand():
    cells = {"A1": (2.0, 0.0), "A2": (1.9, 0.1), "A3": (1.8, 0.2), "B1": (0.0, 2.0)}
    X = two_genes(cells)
    model = BucketedRegressor(MEANS).fit(X, [1, 2, 3, 10, 0, 0, 0, 4])
    assert model.buckets_.to_dict() == {"A1": 0, "A2": 0, "A3": 0, "B1": 1}
    assert list(model.models_) == [0]
    assert np.isnan(model.reach_[1])
    table = model.assign(X)
    assert table["answered_by"].tolist() == ["bucket"] * 3 + ["pooled"]
    assert np.isnan(table["relative"]["B1"])
    assert_float64_sums(model.predict(X), [2, 2, 2, 4, 0, 0, 0, 1])  # no warning: small, not far


def test_what_the_clusterer_leaves_out_trains_the_pooled_model_only():
    cells = {"A1": (2.0, 0.0), "odd": (1.0, 1.0), "A2": (1.95, 0.05), "B1": (0.0, 2.0), "B2": (0.05, 1.95)}
    X = two_genes(cells)
    model = BucketedRegressor(MEANS, clusterer=DBSCAN(0.3, min_samples=2), min_cell_types=2)
    model.fit(X, [1, 100, 3, 5, 9, 0, 0, 0, 0, 0])
    assert model.buckets_.tolist() == [0, -1, 0, 1, 1]
    assert model.predict(X[np.array([0, 2, 3, 4])]).tolist() == [2, 2, 7, 7]
    with pytest.warns(DistantCellTypeWarning, match="odd"):
        assert model.predict(X[np.array([1])]) == pytest.approx(118 / 5)


def test_one_bucket_is_the_pooled_model(pairs):
    X, y = pairs
    model = BucketedRegressor(RIDGE, clusterer=KMeans(1, n_init=1)).fit(X, y)
    assert model.models_ == {}
    assert set(model.assign(X)["answered_by"]) == {"pooled"}
    np.testing.assert_array_equal(model.predict(X), clone(RIDGE).fit(X, y).predict(X))
    np.testing.assert_array_equal(model.predict(X), model.pooled_.predict(X))


def test_twins_in_openness_are_within_reach_of_each_other():
    cells = {"A1": (2.0, 0.0), "A2": (2.0, 0.0), "B1": (0.0, 2.0), "B2": (0.0, 2.0)}
    X = two_genes(cells)
    model = BucketedRegressor(MEANS, min_cell_types=2).fit(X, HAND_Y)
    assert_float64_sums(model.predict(X), [2, 2, 7, 7, 0, 0, 2, 2])


# --- phenotypes


def test_expression_makes_other_buckets_than_openness_does():
    # By openness A1, A2 | B1, B2; by expression A1, B1 | A2, B2. New ones are still placed by openness.
    X, y = two_genes(HAND), [0, 8, 1, 9, 9, 1, 8, 0]
    model = BucketedRegressor(MEANS, phenotype="expression", min_cell_types=2, max_distance=INF).fit(X, y)
    assert model.buckets_.to_dict() == {"A1": 0, "A2": 1, "B1": 0, "B2": 1}
    # Means of the buckets lie at (ln 3 - ln 5/3) / 2 > 0 and below 0.
    assert model.assign(X)["bucket"].to_dict() == {"A1": 0, "A2": 0, "B1": 1, "B2": 1}
    assert_float64_sums(model.predict(X), [0.5, 0.5, 8.5, 8.5, 8.5, 8.5, 0.5, 0.5])


def test_expression_is_compared_over_genes_that_both_have(rng):
    """By another implementation: a loop over pairs of cell types, missing pairs left out and doubles averaged."""
    X, y, _ = planted([1, 1], rng, n_genes=30, n_cell_types=6, noise=1.0)
    rows = rng.choice(len(X), 150, replace=False)
    X, y = X[np.concatenate([rows, rows[:5]])], np.concatenate([y[rows], y[rows[:5]] + 1])
    frame = X.to_frame().assign(y=y)
    by_gene = frame.groupby("gene")["y"]
    frame["z"] = (frame["y"] - by_gene.transform("mean")) / (by_gene.transform("std", ddof=0) + 1)
    table = frame.pivot_table(index="gene", columns="cell_type", values="z")
    table = table[sorted(table.columns, key=lambda name: int(name[1:]))]
    wanted = np.array([[(table[one] * table[two]).mean() for two in table] for one in table])
    model = BucketedRegressor(MEANS, phenotype="expression", min_cell_types=2, n_components=9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of buckets of one
        model.fit(X, y)
    centring = np.eye(6) - 1 / 6
    values, vectors = np.linalg.eigh(centring @ wanted @ centring)
    psd = vectors @ np.diag(np.maximum(values, 0)) @ vectors.T
    assert model.components_.shape == (6, 5)
    assert_float64_sums(model.components_.to_numpy() @ model.components_.to_numpy().T, psd)


@given(st.integers(2, 7), st.integers(1, 9), st.integers(0, 1_000))
def test_components_are_those_of_principal_component_analysis(n, n_components, seed):
    values = np.random.default_rng(seed).normal(size=(n, 12))
    got = components_of(values @ values.T, n_components)
    centred = values - values.mean(axis=0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    wanted = (u * s)[:, : min(n_components, n - 1)]
    assert got.shape == wanted.shape
    # Rounding mixes two components the more, the less their variances differ.
    squares = s**2
    gaps = np.min(np.abs(squares[:, None] - squares) + np.where(np.eye(s.size), np.inf, 0), axis=1)
    condition = squares[0] / gaps[: wanted.shape[1]].min()
    assert_float64_sums(np.abs(got), np.abs(wanted), condition=condition)
    assert (got[np.abs(got).argmax(axis=0), np.arange(got.shape[1])] > 0).all()


# --- by law


@pytest.mark.slow
def test_opposite_laws_of_two_lineages_are_found(rng):
    X, y, lineage = planted([1, -1], rng)
    model = BucketedRegressor(RIDGE, max_distance=INF)
    assert model.fit(X, y).buckets_.tolist() == lineage.tolist()
    models = model, RIDGE, clone(model).set_params(estimator=MEANS)
    bucketed, pooled, means = (summarize(cross_val_pairs(one, X, y, CellTypeKFold(4)))["skill"] for one in models)
    assert bucketed > 0.7
    assert max(pooled, means) < 0.1


def test_where_one_law_holds_the_pooled_model_is_as_good(rng):
    X, y, lineage = planted([1, 1], rng)
    model = BucketedRegressor(RIDGE, max_distance=INF)
    assert model.fit(X, y).buckets_.tolist() == lineage.tolist()
    bucketed, pooled = (summarize(cross_val_pairs(one, X, y, CellTypeKFold(4)))["skill"] for one in (model, RIDGE))
    assert pooled > 0.8
    assert bucketed <= pooled + 0.01


@pytest.mark.parametrize("phenotype", ["openness", "expression"])
@pytest.mark.parametrize(
    "clusterer", [None, KMeans(4, n_init=1, random_state=1), AgglomerativeClustering(4)], ids=["default", "one", "tree"]
)
def test_order_and_names_of_cell_types_do_not_matter(simulated, other, phenotype, clusterer):
    data = simulated[0]
    model = BucketedRegressor(
        RIDGE, clusterer=clusterer, phenotype=phenotype, min_cell_types=2, max_distance=INF, n_components=3
    )
    model.fit(*data.pairs(return_X_y=True))
    again = clone(model).fit(*other.pairs(return_X_y=True))
    assert partition(again.buckets_) == partition(model.buckets_)
    names = data.genes["name"], data.cell_types["name"]
    assert_float32_sums(again.predict(other.pairs(*names)), model.predict(data.pairs(*names)))
    renamed = PairedDataset(
        data.openness, data.peaks, data.genes, data.expression, [f"x{k * 7 % 12}" for k in range(12)]
    )
    X, y = renamed.pairs(return_X_y=True)
    np.testing.assert_array_equal(clone(model).fit(X, y).predict(X), model.predict(data.pairs()))


def partition(buckets):
    return {frozenset(buckets.index[buckets == k]) for k in set(buckets)}


def test_buckets_are_numbered_in_the_order_of_the_table(simulated, other):
    for data in (simulated[0], other):
        model = BucketedRegressor(MEANS, clusterer=AgglomerativeClustering(4), min_cell_types=2)
        buckets = model.fit(*data.pairs(return_X_y=True)).buckets_
        assert buckets.index.tolist() == data.cell_types["name"].tolist()
        assert buckets.drop_duplicates().tolist() == [0, 1, 2, 3]


def test_the_answer_hangs_on_openness_alone(fitted, simulated):
    """Neither on names nor on which rows are asked; and each answer is that of one of the models."""
    data = simulated[0]
    X = data.pairs()
    whole = fitted.predict(X)
    renamed = PairedDataset(data.openness, data.peaks, data.genes, cell_types=list(data.cell_types["name"][::-1]))
    np.testing.assert_array_equal(fitted.predict(renamed.pairs()), whole)
    rows = np.array([400, 3, 3, 77, 590, 12])
    np.testing.assert_array_equal(fitted.predict(X[rows]), whole[rows])
    np.testing.assert_array_equal(fitted.answering_bucket(X[rows]), fitted.answering_bucket(X)[rows])
    answering = fitted.answering_bucket(X)
    assert set(answering) == {0, 1}
    for bucket, model in fitted.models_.items():
        np.testing.assert_array_equal(whole[answering == bucket], model.predict(X[answering == bucket]))


def test_a_model_of_a_bucket_is_fitted_on_its_rows_alone(fitted, pairs):
    X, y = pairs
    of_row = fitted.buckets_.to_numpy()[X.cell_type_codes]
    for bucket, model in fitted.models_.items():
        rows = np.flatnonzero(of_row == bucket)
        np.testing.assert_array_equal(clone(RIDGE).fit(X[rows], y[rows]).predict(X), model.predict(X))


def test_distances_are_those_of_whole_contrasts(simulated, pairs, rng):
    """By another implementation: contrasts in a loop over bands, of new cell types and of half of the genes."""
    data = simulated[0]
    names = data.cell_types["name"]
    X, y = data.pairs(cell_types=names[:9], return_X_y=True)
    model = BucketedRegressor(MEANS, min_cell_types=2, max_distance=INF).fit(X, y)
    kept = np.sort(rng.choice(60, 45, replace=False))
    fewer = PairedDataset(data.openness, data.peaks, data.genes.iloc[kept], cell_types=data.cell_types)

    def contrasts(binned, n_genes):
        F = np.log1p(binned.dense().astype(float)).reshape(n_genes, 12, -1)
        return F - F.mean(axis=0)

    binner = TSSBinner(edges=symmetric_edges()).fit(X)
    F = contrasts(binner.transform(data.pairs()), 60)
    F -= F[:, :9].mean(axis=1, keepdims=True)
    scale = np.sqrt((F[:, :9] ** 2).mean(axis=(0, 1)))
    scale = np.where(scale > 0, scale, np.inf)
    z = F / scale
    power = (z[:, :9] ** 2).sum(axis=2).mean(axis=1)
    members = [model.buckets_.to_numpy() == k for k in range(2)]
    alone = []
    for of_bucket in map(np.flatnonzero, members):
        others = [np.setdiff1d(of_bucket, [c]) for c in of_bucket]
        steps = [z[:, c] - z[:, rest].mean(axis=1) for c, rest in zip(of_bucket, others, strict=True)]
        alone.append(max(map(np.linalg.norm, steps)))
    assert_float32_sums(model.reach_, np.array(alone) / np.sqrt(power.sum()))
    for asked, genes in ((data, np.arange(60)), (fewer, kept)):
        F = contrasts(binner.transform(asked.pairs()), genes.size) / scale
        centre = [F[:, :9][:, m].mean(axis=1, keepdims=True) for m in members]
        wanted = [np.sqrt(((F - one) ** 2).sum(axis=(0, 2)) / power[genes].sum()) for one in centre]
        table = model.assign(asked.pairs())
        assert table["bucket"].tolist() == np.argmin(wanted, axis=0).tolist()
        assert_float32_sums(table["distance"], np.min(wanted, axis=0))
        assert_float64_sums(table["relative"], table["distance"] / model.reach_[table["bucket"]])


# --- where it sits


def test_binned_and_scaled_rows_give_the_same_buckets(pairs):
    X, y = pairs
    bins = TSSBinner(edges=EDGES).fit_transform(X)
    scaled = LogZScaler().fit_transform(bins)
    whole = BucketedRegressor(RIDGE, min_cell_types=2, max_distance=INF).fit(X, y)
    of_bins = BucketedRegressor(RIDGE[1:], min_cell_types=2, max_distance=INF).fit(bins, y)
    of_scaled = BucketedRegressor(RIDGE[2:], min_cell_types=2, max_distance=INF).fit(scaled, y)
    np.testing.assert_array_equal(of_bins.predict(bins), whole.predict(X))
    assert_exact(of_scaled.assign(scaled), whole.assign(X))
    assert of_bins.n_features_in_ == 8
    # Scaled for all training cell types together: other features, so other predictions.
    assert np.abs(of_scaled.predict(scaled) - whole.predict(X)).max() > 0.01
    first = of_scaled.buckets_.to_numpy()[X.cell_type_codes] == 0
    alone = clone(RIDGE[2:]).fit(scaled[first], y[first])
    np.testing.assert_array_equal(of_scaled.models_[0].predict(scaled), alone.predict(scaled))


def test_the_default_is_cis_and_cell_state_in_two_buckets(pairs):
    X, y = pairs
    model = BucketedRegressor(min_cell_types=2).fit(X, y)
    assert isinstance(model.pooled_[-1], CisTransRegressor)
    assert model.buckets_.nunique() == 2
    bins = TSSBinner(edges=symmetric_edges()).fit_transform(X)
    of_bins = BucketedRegressor(min_cell_types=2).fit(bins, y)
    assert isinstance(of_bins.pooled_, CisTransRegressor)
    np.testing.assert_array_equal(of_bins.pooled_.predict(bins), model.pooled_.predict(X))


def test_skill_is_against_the_mean_of_all_training_pairs(fitted, pairs):
    X, y = pairs
    mean = y.reshape(60, 12).mean(axis=1)[X.gene_codes]
    assert_float64_sums(fitted.training_mean(X), mean)
    assert_float64_sums(fitted.score(X, y), skill(y, fitted.predict(X), mean), summed=1)
    assert skill_scorer(fitted, X, y) == fitted.score(X, y)


@pytest.mark.slow
def test_compare_is_the_skill_of_both_models_on_the_same_pairs(pairs):
    X, y = pairs
    model = BucketedRegressor(RIDGE, min_cell_types=2, max_distance=INF)
    cv = LeaveOneCellTypeOut()
    table = pd.concat([clone(model).fit(X[a], y[a]).compare(X[b], y[b]) for a, b in cv.split(X, y)])
    assert len(table) == 12
    total = (
        1
        - table[["mse", "pooled_mse"]].mul(table["n_pairs"], axis=0).sum()
        / (table["mse_mean"] * table["n_pairs"]).sum()
    )
    for column, one in (("mse", model), ("pooled_mse", RIDGE)):
        assert_float32_sums(total[column], summarize(cross_val_pairs(one, X, y, cv))["skill"], summed=1)
    for prefix in ("", "pooled_"):
        ratio = table[f"{prefix}mse"] / table["mse_mean"]
        assert_float64_sums(table[f"{prefix}skill"], 1 - ratio, summed=1 + ratio)
    assert (table["n_pairs"] == 60).all()
    assert table.columns.tolist() == [
        *("bucket", "distance", "relative", "answered_by"),
        *("skill", "pooled_skill", "mse", "pooled_mse", "mse_mean", "n_pairs"),
    ]


@pytest.mark.slow
def test_grid_search_over_the_number_of_buckets(rng):
    X, y, _ = planted([1, -1], rng, n_genes=25)
    model = BucketedRegressor(RIDGE, clusterer=KMeans(n_init=5, random_state=0), max_distance=INF)
    search = GridSearchCV(model, {"clusterer__n_clusters": [1, 2]}, cv=CellTypeKFold(4), error_score="raise")
    search.fit(X, y)
    assert search.best_params_ == {"clusterer__n_clusters": 2}
    scores = cross_val_pairs(RIDGE, X, y, CellTypeKFold(4))
    by_fold = [skill(*(one[name] for name in ("y_true", "y_pred", "train_mean"))) for _, one in scores.groupby("fold")]
    assert_float32_sums(search.cv_results_["mean_test_score"][0], np.mean(by_fold), summed=1)


@pytest.mark.slow
def test_models_fitted_by_two_processes_are_the_same(fitted, pairs):
    X, y = pairs
    two = clone(fitted).set_params(n_jobs=2).fit(X, y)
    assert_float32_sums(two.predict(X), fitted.predict(X))


@pytest.mark.parametrize("phenotype", ["openness", "expression"])
def test_a_saved_model_is_the_same(pairs, tmp_path, phenotype):
    X, y = pairs
    model = BucketedRegressor(phenotype=phenotype, min_cell_types=2, max_distance=INF).fit(X, y)
    save_model(model, tmp_path / "model.skepi")
    again = load_model(tmp_path / "model.skepi")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DistantCellTypeWarning)  # of the small models inside
        np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert_exact(again.assign(X), model.assign(X))
    assert_exact(again.buckets_, model.buckets_)
    assert X.tables.openness.tobytes()[:4096] not in pickle.dumps(model)


def test_fitting_changes_no_setting(pairs):
    model = BucketedRegressor(RIDGE, clusterer=KMeans(3, n_init=1, random_state=0), min_cell_types=2)
    before = {name: repr(value) for name, value in model.get_params().items()}
    model.fit(*pairs)
    assert {name: repr(value) for name, value in model.get_params().items()} == before
    assert not hasattr(model.clusterer, "labels_")
    assert not get_tags(model).input_tags.two_d_array


# --- errors and warnings


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"phenotype": "motifs"}, r"phenotype must be one of \('openness', 'expression'\), got 'motifs'"),
        ({"n_components": 0}, "n_components must be a whole number of 1 or more, got 0"),
        ({"n_components": 2.0}, "n_components must be a whole number of 1 or more, got 2.0"),
        ({"min_cell_types": 1}, "min_cell_types must be a whole number of 2 or more, got 1"),
        ({"min_cell_types": True}, "min_cell_types must be a whole number of 2 or more, got True"),
        ({"max_distance": -1.0}, "max_distance must be greater than 0, got -1.0"),
        ({"max_distance": float("nan")}, "max_distance must be greater than 0, got nan"),
        ({"clusterer": KMeans(5)}, "5 buckets were wanted of 4 training cell types"),
        ({"clusterer": DBSCAN(1e-9)}, r"DBSCAN\(eps=1e-09\) put none of 4 training cell types into a bucket"),
    ],
    ids=lambda value: None if isinstance(value, str) else next(iter(value)),
)
def test_settings_out_of_range_are_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        BucketedRegressor(MEANS, **setting).fit(two_genes(HAND), HAND_Y)


class Labels(BaseEstimator):
    """A clusterer that gives what it is told to."""

    def __init__(self, labels=None):
        self.labels = labels

    def fit_predict(self, X):
        return self.labels


@pytest.mark.parametrize("labels", [np.zeros(3, dtype=int), np.array([0.0, 0.0, 1.0, 1.0])], ids=["few", "float"])
def test_a_clusterer_must_label_each_cell_type(labels):
    with pytest.raises(ValueError, match=r"labels of shape \(\d,\), wanted one whole number for each of 4 cell types"):
        BucketedRegressor(MEANS, clusterer=Labels(labels)).fit(two_genes(HAND), HAND_Y)


def test_a_clusterer_must_cluster():
    with pytest.raises(TypeError, match=r"clusterer must have fit_predict.*got Ridge\(\)"):
        BucketedRegressor(MEANS, clusterer=Ridge()).fit(two_genes(HAND), HAND_Y)


@pytest.mark.parametrize("rows", [np.ones((4, 2)), [[1.0]] * 4], ids=["array", "list"])
def test_plain_rows_are_refused(rows, by_hand):
    for ask in (lambda: BucketedRegressor().fit(rows, np.ones(4)), lambda: by_hand.predict(rows)):
        with pytest.raises(TypeError, match="BucketedRegressor needs pairs of genes and cell types, got"):
            ask()


def test_pairs_that_became_an_array_are_refused(pairs):
    dense = Materialize().fit_transform(TSSBinner(edges=EDGES).fit_transform(pairs[0]))
    with pytest.raises(TypeError, match="BucketedRegressor needs pairs"):
        BucketedRegressor(Ridge()).fit(dense, pairs[1])


def test_one_training_cell_type_is_refused():
    X = two_genes(HAND)
    with pytest.raises(ValueError, match="needs at least 2 training cell types, got 1"):
        BucketedRegressor(MEANS).fit(X[np.array([0, 4])], [1, 0])


def test_targets_must_fit_the_pairs():
    with pytest.raises(ValueError, match="y has 3 values for 8 pairs"):
        BucketedRegressor(MEANS).fit(two_genes(HAND), [1, 2, 3])


def test_pairs_and_bins_are_not_mixed(fitted, pairs):
    bins = TSSBinner(edges=EDGES).fit_transform(pairs[0])
    with pytest.raises(ValueError, match="X has 8 features, but BucketedRegressor is expecting 2 features"):
        fitted.predict(bins)


def test_openness_that_does_not_vary_is_refused():
    with pytest.raises(ValueError, match="openness does not vary"):
        BucketedRegressor(MEANS, phenotype="expression").fit(two_genes(dict.fromkeys(HAND, (1.0, 1.0))), HAND_Y)


def test_expression_that_does_not_vary_is_refused():
    with pytest.raises(ValueError, match="expression does not vary between the training cell types"):
        BucketedRegressor(MEANS, phenotype="expression").fit(two_genes(HAND), [3] * 4 + [0] * 4)


def test_expression_without_a_gene_in_common_is_refused():
    rows = np.array([0, 1, 5, 6, 7])  # A1 has a alone; B1 and B2 have b alone
    with pytest.raises(ValueError, match=r"no gene was measured in both A1 and B1.*use phenotype='openness'"):
        BucketedRegressor(MEANS, phenotype="expression").fit(two_genes(HAND)[rows], [1, 2, 3, 4, 5])


def test_a_data_set_with_other_genes_is_refused(by_hand):
    with pytest.raises(UnmatchedDataError, match="no gene in common"):
        by_hand.predict(two_genes(HAND, genes=("c",)))


def test_genes_without_variation_place_no_cell_type():
    X = two_genes(HAND, genes=("a", "b", "c"))
    model = BucketedRegressor(MEANS, min_cell_types=2).fit(X, [*HAND_Y, 0, 0, 0, 0])
    # c has no peak, so its contrast is what centring over genes leaves, which is 0 here: a and b mirror each other.
    model.centres_ = replace(model.centres_, gene_power=model.centres_.gene_power * (np.arange(3) < 2))
    with pytest.raises(ValueError, match=r"does not vary between training cell types in the 1 gene\(s\)"):
        model.predict(two_genes(HAND, genes=("c",)))


def test_few_shared_genes_are_said(simulated, fitted):
    data = simulated[0]
    few = PairedDataset(data.openness, data.peaks, data.genes.iloc[:20], cell_types=data.cell_types)
    with pytest.warns(UnfittedSignalWarning, match="only 33% of the genes.*warned below 50%.*buckets"):
        fitted.assign(few.pairs())


def test_buckets_that_are_all_too_small_are_said():
    with pytest.warns(UserWarning, match=r"no bucket has min_cell_types=3 training cell types \(sizes \[2, 2\]\)"):
        model = BucketedRegressor(MEANS).fit(two_genes(HAND), HAND_Y)
    assert model.models_ == {}
    assert_float64_sums(model.predict(two_genes(HAND)), [4.5] * 4 + [1] * 4)


def test_compare_needs_genes_with_a_training_mean(by_hand):
    X = two_genes(HAND, genes=("a", "b", "c"))
    with pytest.raises(ValueError, match=r"4 pair\(s\) belong to genes without training pairs"):
        by_hand.compare(X, [*HAND_Y, 0, 0, 0, 0])


# --- blood


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Ridge", "cis and cell state"])
@pytest.mark.long
def test_blood(blood_path, capsys, name):
    """Population-out skill on 14 blood populations, bucketed against pooled: printed, and loosely bounded."""
    tables = {one: pd.read_parquet(blood_path / f"{one}.parquet") for one in ("peaks", "openness", "genes")}
    counts = pd.read_parquet(blood_path / "expression.parquet").set_index("gene")
    names = list(counts.columns)
    genes = tables["genes"][tables["genes"]["chrom"].isin(tables["peaks"]["chrom"])].rename(columns={"gene": "name"})
    data = PairedDataset(
        tables["openness"][names].to_numpy(np.float32),
        tables["peaks"][["chrom", "start", "end"]],
        genes,
        counts.loc[genes["name"], names].to_numpy(float),
        names,
    ).transform_expression(ExpressionNormalizer("quantile", min_mean_cpm=1))
    X, y = data.pairs(return_X_y=True)
    bins = TSSBinner(edges=symmetric_edges()).fit_transform(X)
    estimator = {
        "Ridge": make_pipeline(LogZScaler(), GeneZTarget(make_pipeline(Materialize(), Ridge()))),
        "cis and cell state": CisTransRegressor(),
    }[name]
    model, folds = BucketedRegressor(estimator), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DistantCellTypeWarning)
        for train, test in LeaveOneCellTypeOut().split(bins, y):
            folds.append(clone(model).fit(bins[train], y[train]).compare(bins[test], y[test]))
    table = pd.concat(folds)
    bucketed, pooled = 1 - table[["mse", "pooled_mse"]].sum() / table["mse_mean"].sum()
    with capsys.disabled():
        print(f"\n{name}: skill of buckets {bucketed:.3f}, pooled {pooled:.3f}")
        print(table[["bucket", "relative", "answered_by", "skill", "pooled_skill"]].round(2).to_string())
    assert {"Ridge": 0.2, "cis and cell state": 0.4}[name] < bucketed < 0.7
    assert abs(bucketed - pooled) < 0.15
