"""Simple rules: by hand on two genes, by law, against slow loops and scikit-learn, and on blood."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_float32_sums, assert_float64_sums
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline

from skepi.baselines import DistanceDecay, NearestCellTypes, PromoterSum, TrainingMean, gene_activity
from skepi.binning import TSSBinner, symmetric_edges
from skepi.exceptions import (
    ChromosomeWarning,
    DistantCellTypeWarning,
    TableError,
    UnfittedSignalWarning,
    UnmatchedDataError,
    UnseenGeneWarning,
)
from skepi.metrics import skill, skill_scorer, within_gene_skill
from skepi.model_selection import CellTypeKFold, GeneKFold, LeaveOneCellTypeOut, LineageKFold, cross_val_pairs
from skepi.normalization import ExpressionNormalizer
from skepi.paired import PairedDataset
from skepi.persistence import load_model, save_model
from skepi.preprocessing import LogZScaler
from skepi.rows import band_columns

EDGES = symmetric_edges([0, 1_000, 5_000, 20_000, 100_000])
DECAYS = ("exponential", "archr", "half_life", "sigmoid")
RULES = [
    TrainingMean(),
    NearestCellTypes(edges=EDGES),
    NearestCellTypes(3, weights="distance", edges=EDGES),
    PromoterSum(),
    *(DistanceDecay(decay) for decay in DECAYS),
]
SCORES = [rule for rule in RULES if hasattr(rule, "gene_scores")]


def sized_genes(genes):
    """The table with ends: gene i is 1 + 700 i bases long."""
    away = np.where(genes["strand"] == "-", -1, 1) * 700 * np.arange(len(genes))
    return genes.assign(tes=genes["tss"] + away)


def without_warnings(function, *args):
    with warnings.catch_warnings():
        for category in (UnseenGeneWarning, DistantCellTypeWarning, ChromosomeWarning):
            warnings.simplefilter("ignore", category)
        return function(*args)


def assert_same_predictions(rule, got, wanted):
    """Equal but for rounding: distances of cell types are sums in float32, scores of genes in float64."""
    check = assert_float32_sums if isinstance(rule, NearestCellTypes) else assert_float64_sums
    check(got, wanted)


def hand_genes(**columns):
    table = {"name": ["a", "b"], "chrom": ["chr1"] * 2, "tss": [1_000, 9_000], "strand": ["+", "-"]}
    return pd.DataFrame({**table, "tes": [3_999, 8_001], **columns})


def hand_data(genes=None, shift=0, mirror=None):
    """Two genes of 3,000 and 1,000 bases, five peaks.

    Peak   bases            offsets from a   from b         middle
    p0     [900, 1100)      [-100, 100)                     0 from a
    p1     [1990, 2010)     [990, 1010)                     1000 from a
    p2     [3990, 4010)     [2990, 3010)     [4991, 5011)   3000 from a
    p3     [8990, 9010)                      [-9, 11)       1 from b
    p4     [7990, 8010)     [6990, 7010)     [991, 1011)    1001 from b
    """
    genes = hand_genes() if genes is None else genes.copy()
    start = np.array([900, 1_990, 3_990, 8_990, 7_990]) + shift
    end = np.array([1_100, 2_010, 4_010, 9_010, 8_010]) + shift
    genes[["tss", "tes"]] += shift
    if mirror is not None:
        start, end = mirror - end, mirror - start
        genes[["tss", "tes"]] = mirror - 1 - genes[["tss", "tes"]]
        genes["strand"] = genes["strand"].map({"+": "-", "-": "+"})
    openness = np.array([[1.0, 2], [2, 1], [4, 0], [3, 7], [20, 10]])
    return PairedDataset(openness, {"chrom": ["chr1"] * 5, "start": start, "end": end}, genes, cell_types=["c", "d"])


SCORE_2 = float(np.expm1(2.0))  # openness whose score is 2


def line_data(openness=(0.0, SCORE_2), genes=("a", "b"), expression=((1.0, 3.0), (6.0, 14.0))):
    """One peak of 10 bases at the TSS of a; b lies 10 Mb away."""
    tss = {"a": 100, "b": 10_000_000, "new": 101}
    return PairedDataset(
        [openness],
        {"chrom": ["chr1"], "start": [100], "end": [110]},
        {"name": genes, "chrom": ["chr1"] * len(genes), "tss": [tss[g] for g in genes], "strand": ["+"] * len(genes)},
        expression,
        [f"c{i}" for i in range(len(openness))],
    )


# --- by hand: scores


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        # a: all of p0, half of p1; b: all of p3, 9 of the 20 bases of p4.
        (PromoterSum(1_000), [[1 + 1, 2 + 0.5], [3 + 9, 7 + 4.5]]),
        # a: [-1000, 3000): p0, p1, half of p2; b: [-1000, 1000).
        (PromoterSum(1_000, gene_body=True), [[1 + 2 + 2, 2 + 1 + 0], [3 + 9, 7 + 4.5]]),
        # The body of b alone reaches downstream: 500 bases upstream matter to none of these peaks.
        (PromoterSum(500, gene_body=True), [[1 + 2 + 2, 2 + 1 + 0], [3 + 9, 7 + 4.5]]),
        # Within 1,000 bp of the TSS: p0 at 0 and p1 at 1,000 of a; p3 at 1 of b, p4 just beyond.
        (
            DistanceDecay("half_life", decay_bp=1_000, reach_bp=1_000),
            [[1 + 1, 2 + 0.5], [3 * 2**-0.001, 7 * 2**-0.001]],
        ),
        (DistanceDecay("exponential", decay_bp=500, reach_bp=1_000), [[1 + 2 * np.exp(-2)] + [2 + np.exp(-2)]]),
        (
            DistanceDecay("archr", decay_bp=500, reach_bp=1_000),
            [[1 + 2 * np.exp(-2) + 3 / np.e] + [2 + np.exp(-2) + 3 / np.e]],
        ),
        # mu = ln 3 / 500: e^(-1000 mu) = 1/9, and 2/9 / (10/9) = 1/5.
        (DistanceDecay("sigmoid", decay_bp=500, reach_bp=1_000), [[1 + 2 / 5, 2 + 1 / 5]]),
        # Of a p0 and p1 lie inside and p2 1 bp behind the body; of b p3 lies inside and p4 2 bp behind.
        (
            DistanceDecay("half_life", decay_bp=1, reach_bp=2, gene_body=True, upstream_bp=0),
            [[1 + 2 + 4 / 2, 2 + 1 + 0], [3 + 20 / 4, 7 + 10 / 4]],
        ),
        (
            DistanceDecay("half_life", decay_bp=1, reach_bp=1, gene_body=True, upstream_bp=0),
            [[1 + 2 + 4 / 2, 2 + 1 + 0], [3, 7]],
        ),
    ],
    ids=repr,
)
def test_scores_by_hand(rule, wanted):
    rule.set_params(depth=None)
    scores = gene_activity(hand_data(), rule)
    assert scores.index.tolist() == ["a", "b"]
    assert scores.columns.tolist() == ["c", "d"]
    assert_float64_sums(np.expm1(scores.to_numpy()[: len(wanted)]), wanted)


def test_bases_upstream_of_a_body_belong_to_it():
    # Gene b runs down from 9,000; a peak in the middle of 9,100 is 100 bases upstream.
    data = PairedDataset([[8.0]], {"chrom": ["chr1"], "start": [9_100], "end": [9_101]}, hand_genes(), cell_types=["c"])
    rule = DistanceDecay("half_life", decay_bp=50, depth=None, gene_body=True, upstream_bp=100)
    b = data.pairs(genes=["b"])
    assert_float64_sums(np.expm1(rule.gene_scores(b)), 8)
    assert_float64_sums(np.expm1(rule.set_params(upstream_bp=50).gene_scores(b)), 4)
    assert_float64_sums(np.expm1(rule.set_params(gene_body=False).gene_scores(b)), 2)
    # Further upstream than the gene, of 90 bases, is long.
    b = PairedDataset([[8.0]], data.peaks, hand_genes(tes=[3_999, 8_911]), cell_types=["c"]).pairs(genes=["b"])
    assert_float64_sums(np.expm1(PromoterSum(100, gene_body=True, depth=None).gene_scores(b)), 8)
    assert_float64_sums(np.expm1(PromoterSum(99, gene_body=True, depth=None).gene_scores(b)), 0)


@pytest.mark.parametrize("rule", SCORES, ids=repr)
def test_cell_types_that_differ_in_depth_alone_have_equal_scores(rule):
    # Means over peaks 2 and 6: relative to them 1/2, 3/2 in both.
    data = PairedDataset(
        [[1.0, 3.0], [3.0, 9.0]],
        {"chrom": ["chr1"] * 2, "start": [900, 1_990], "end": [1_100, 2_010]},
        hand_genes(tss=[1_000, 500_000]),
        cell_types=["c", "d"],
    )
    scores = gene_activity(data, rule)
    assert scores.loc["a", "c"] > 0
    assert_float32_sums(scores["c"], scores["d"])
    raw = gene_activity(data, clone(rule).set_params(depth=None))
    assert raw.loc["a", "d"] > raw.loc["a", "c"]
    assert scores.loc["b"].tolist() == raw.loc["b"].tolist() == [0, 0]  # no peak in reach


def test_gene_activity_takes_rows_and_asks_for_no_expression(simulated):
    data = simulated[0]
    whole = gene_activity(PairedDataset(data.openness, data.peaks, data.genes, cell_types=data.cell_types))
    names = list(data.genes["name"][5:8]), list(data.cell_types["name"][2:4])
    X = data.pairs(*names)
    assert_float64_sums(gene_activity(X), whole.loc[names[0], names[1]])
    assert_float64_sums(gene_activity(TSSBinner(edges=EDGES).fit_transform(X)), gene_activity(X))
    some = gene_activity(X[:-1])
    assert some.isna().to_numpy().sum() == 1
    np.testing.assert_array_equal(whole, gene_activity(data, DistanceDecay("exponential", decay_bp=5_000)))


# --- by hand: predictions


def test_training_mean_by_hand():
    X, y = line_data().pairs(return_X_y=True)
    model = TrainingMean().fit(X[:3], y[:3])  # a: 1 and 3; b: 6
    assert model.predict(X).tolist() == [2, 2, 6, 6]
    assert model.gene_mean_.to_dict() == {"a": 2, "b": 6}
    assert model.grand_mean_ == pytest.approx(10 / 3)
    assert model.score(X[:3], y[:3]) == 0
    model.fit(X[2:], y[2:])
    with pytest.warns(UnseenGeneWarning, match=r"1 gene\(s\) had no training pair \(a"):
        assert model.predict(X).tolist() == [10, 10, 10, 10]


def test_one_slope_by_hand():
    # Scores of a: 0 and 2, so -1 and 1; its z (1 - 2) / (1 + 1), so -1/2 and 1/2: b = 1/2.
    # Gene b has no peak, so nothing is said of it but its mean. With offset 0 z is -1 and 1, and b = 1.
    X, y = line_data().pairs(return_X_y=True)
    for offset, slope in ((1.0, 0.5), (0.0, 1.0)):
        model = PromoterSum(depth=None, sd_offset=offset).fit(X, y)
        assert_float32_sums(model.slope_, slope)  # openness is kept in float32
        assert_float32_sums(model.predict(X), [1, 3, 10, 10])
        assert_float32_sums(model.gene_score_mean_[["a", "b"]].to_numpy(), [1, 0])
    # A new cell type with score 5 is 4 from the mean: 2 + 2 * 4 / 2; b still has its mean.
    new = line_data(openness=(np.expm1(5.0),), expression=None).pairs()
    assert_float32_sums(PromoterSum(depth=None).fit(X, y).predict(new), [6, 10])


def test_genes_without_training_pairs_follow_their_openness():
    # Trained on b alone would leave no slope, so a is trained and "new", with the same peak, is not: it has the mean of
    # all training pairs, 2, and the pooled SD, 1: its two cell types lie 1/2 * 2 below and above.
    data = line_data(genes=("a", "new"))
    X, y = data.pairs(return_X_y=True)
    model = PromoterSum(depth=None).fit(X[:2], y[:2])
    with pytest.warns(UnseenGeneWarning, match="new"):
        assert_float32_sums(model.predict(X), [1, 3, 1, 3])
    assert_float32_sums(model.gene_score_mean_["new"], 1)  # over training cell types
    # A data set with a gene that training did not know: centred on its own two cell types, 0 and 4.
    alone = PromoterSum(depth=None).fit(*line_data(genes=("a",), expression=((1.0, 3.0),)).pairs(return_X_y=True))
    other = line_data(openness=(0.0, np.expm1(4.0)), genes=("a", "new")).pairs()
    with pytest.warns(UnseenGeneWarning, match="new"):
        assert_float32_sums(alone.predict(other), [1, 5, 0, 4])
    with pytest.warns(UnseenGeneWarning, match="new"):
        assert_float32_sums(alone.predict(other[3:]), [4])


def test_scores_are_centred_where_the_gene_was_measured():
    # a has scores 0, 2, 7; measured in the first two alone, where they are -1 and 1 as before.
    data = line_data(openness=(0.0, np.expm1(2.0), np.expm1(7.0)), expression=((1, 3, 99), (6, 10, 14)))
    X, y = data.pairs(return_X_y=True)
    measured = y < 99
    model = PromoterSum(depth=None).fit(X[measured], y[measured])
    assert_float32_sums(model.slope_, 0.5)
    assert_float32_sums(model.predict(X)[:3], [1, 3, 8])


def four_cell_types(missing=()):
    """One gene, one peak at its TSS with ln(1 + openness) 0, 1, 3 and 7, and a second gene that stays as it is.

    The mean over genes is taken off, so contrasts are half the difference in both genes, with opposite signs.
    """
    log_openness = np.array([[0.0, 1, 3, 7], [2.0, 2, 2, 2]])
    y = np.array([[10.0, 20, 40, 80], [1.0, 2, 3, 4]])
    data = PairedDataset(
        np.expm1(log_openness),
        {"chrom": ["chr1"] * 2, "start": [100, 5_000_000], "end": [110, 5_000_010]},
        {"name": ["a", "b"], "chrom": ["chr1"] * 2, "tss": [100, 5_000_000], "strand": ["+"] * 2},
        y,
        list("pqrs"),
    )
    X, y = data.pairs(return_X_y=True)
    keep = ~np.isin(np.arange(8), missing)
    bins = TSSBinner(edges=[0, 100], depth=None).fit_transform(X)
    return bins, y, bins[keep], y[keep]


def test_nearest_by_hand():
    bins, _, *training = four_cell_types(missing=[2, 6])  # trained on p, q, s at 0, 1, 7; r is at 3
    model = NearestCellTypes().fit(*training)
    # From their mean, 8/3, they lie 8/3, 5/3 and 13/3: the unit is the root of (64 + 25 + 169) / 27.
    unit = np.sqrt((64 + 25 + 169) / 27)
    far = model.cell_type_distances(bins)
    assert far.index.tolist() == list("pqrs")
    assert far.columns.tolist() == list("pqs")
    positions = np.array([0, 1, 3, 7])
    assert_float32_sums(far, np.abs(positions[:, None] - positions[[0, 1, 3]]) / unit)
    assert model.predict(bins).tolist() == [10, 20, 20, 80, 1, 2, 2, 4]
    model.set_params(n_neighbors=2)  # of r: q at 2, then p at 3
    assert_float64_sums(model.predict(bins)[[2, 6]], [15, 1.5])
    model.set_params(weights="distance")  # 1/2 and 1/3
    assert_float32_sums(model.predict(bins)[[2, 6]], [(20 / 2 + 10 / 3) / (5 / 6), (2 / 2 + 1 / 3) / (5 / 6)])
    assert_float64_sums(model.predict(bins)[[0, 1, 3]], [10, 20, 80])  # at distance 0 of themselves


def test_nearest_where_the_gene_was_measured():
    # a was not measured in q: the nearest of r are p at 3, then s at 4.
    bins, _, *training = four_cell_types(missing=[1, 2, 6])
    one, two, three = (NearestCellTypes(k).fit(*training).predict(bins) for k in (1, 2, 3))
    assert one.tolist() == [10, 10, 10, 80, 1, 2, 2, 4]
    assert_float64_sums(two[[2, 6]], [45, 1.5])
    assert_float64_sums(three[[2, 6]], [45, 7 / 3])  # a has no more than two
    weighted = NearestCellTypes(2, weights="distance").fit(*training).predict(bins)
    assert_float32_sums(weighted[1], (10 / 1 + 80 / 6) / (1 / 1 + 1 / 6))  # q: p at 1, s at 6


def test_nearest_gives_the_mean_of_all_for_genes_without_training_pairs():
    bins, y, *_ = four_cell_types()
    model = NearestCellTypes(2).fit(bins[:4], y[:4])
    with pytest.warns(UnseenGeneWarning, match=r"1 gene\(s\) had no training pair \(b"):
        predicted = model.predict(bins)
    assert predicted[4:].tolist() == [37.5] * 4
    assert model.expression_.index.tolist() == ["a"]
    assert model.gene_names_.tolist() == ["a", "b"]


# --- by another implementation


def slow_score(data, gene, cell, rule):
    """Score of one pair, peak by peak and base by base."""
    row, total = data.genes.iloc[gene], 0.0
    sign = -1 if row["strand"] == "-" else 1
    last = abs(row["tes"] - row["tss"])
    for peak, openness in zip(data.peaks.itertuples(), data.openness[:, cell], strict=True):
        if peak.chrom != row["chrom"]:
            continue
        offsets = np.sort(sign * (np.arange(peak.start, peak.end) - row["tss"]))
        if isinstance(rule, PromoterSum):
            high = last if rule.gene_body else rule.reach_bp - 1
            total += openness * np.mean((offsets >= -rule.reach_bp) & (offsets <= high))
            continue
        middle = offsets[len(offsets) // 2]
        low, high = (-rule.upstream_bp, last) if rule.gene_body else (0, 0)
        d = low - middle if middle < low else max(middle - high, 0)
        if d <= rule.reach_bp:
            mu = np.log(3) / rule.decay_bp
            total += (
                openness
                * {
                    "exponential": np.exp(-d / rule.decay_bp),
                    "archr": np.exp(-d / rule.decay_bp) + 1 / np.e,
                    "half_life": 0.5 ** (d / rule.decay_bp),
                    "sigmoid": 2 * np.exp(-mu * d) / (1 + np.exp(-mu * d)),
                }[rule.decay]
            )
    depth = data.openness[:, cell].mean(dtype=float) if rule.depth == "mean" else 1
    return np.log1p(total / depth)


@pytest.mark.parametrize(
    "rule",
    [
        PromoterSum(),
        PromoterSum(2_000, gene_body=True, depth=None),
        DistanceDecay(),
        DistanceDecay("archr", gene_body=True),
        DistanceDecay("half_life", decay_bp=10_000, reach_bp=30_000, depth=None),
        DistanceDecay("sigmoid", decay_bp=10_000, gene_body=True, upstream_bp=0, reach_bp=7_000),
    ],
    ids=repr,
)
def test_scores_are_those_of_a_slow_loop(rule, simulated):
    data = simulated[0]
    data = PairedDataset(data.openness, data.peaks, sized_genes(data.genes), cell_types=data.cell_types)
    X = data.pairs()[::61]
    wanted = [slow_score(data, g, c, rule) for g, c in zip(X.gene_codes, X.cell_type_codes, strict=True)]
    assert_float32_sums(rule.gene_scores(X), wanted)
    assert np.count_nonzero(wanted) >= 5


def test_promoter_sum_is_the_openness_of_two_bins(pairs):
    bins = TSSBinner(edges=[-1_000, 0, 1_000]).fit_transform(pairs[0])
    assert_float32_sums(PromoterSum().gene_scores(pairs[0]), np.log1p(bins.dense().sum(axis=1)))


@pytest.mark.parametrize("rule", [PromoterSum(2_000), DistanceDecay()], ids=repr)
def test_the_slope_is_that_of_a_linear_regression(rule, pairs, rng):
    X, y = pairs
    rows = np.sort(rng.choice(len(X), 500, replace=False))
    X, y = X[rows], y[rows]
    table = X.to_frame().assign(score=rule.gene_scores(X), y=y)
    by_gene = table.groupby("gene")
    z = (table["y"] - by_gene["y"].transform("mean")) / (by_gene["y"].transform("std", ddof=0) + 1)
    deviation = table["score"] - by_gene["score"].transform("mean")
    line = LinearRegression(fit_intercept=False).fit(deviation.to_frame(), z)
    model = clone(rule).fit(X, y)
    assert_float64_sums(model.slope_, line.coef_[0])
    predicted = by_gene["y"].transform("mean") + (by_gene["y"].transform("std", ddof=0) + 1) * line.predict(
        deviation.to_frame()
    )
    assert_float64_sums(model.predict(X), predicted)


def slow_contrasts(bins, cells, training):
    """Cell types x (bands, genes): log openness less gene and cell-type means, one scale a band."""
    n_genes = len(bins.genes)
    log = np.log1p(bins.pairs.tables and bins.dense(dtype=np.float64)).reshape(n_genes, len(bins.cell_types), -1)
    log -= log[:, training].mean(axis=1, keepdims=True)
    log -= log.mean(axis=0, keepdims=True)
    log /= np.sqrt(np.mean(log[:, training] ** 2, axis=(0, 1)))
    return log[:, cells].transpose(1, 0, 2).reshape(len(cells), -1)


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("k", [1, 2, 5])
def test_nearest_is_the_regressor_of_scikit_learn(k, weights, simulated):
    data = simulated[0]
    names, n = list(data.cell_types["name"]), len(data.cell_types)
    training, new = np.arange(8), np.arange(8, n)
    bins = TSSBinner(edges=EDGES).fit_transform(data.pairs())
    other = KNeighborsRegressor(k, weights=weights).fit(
        slow_contrasts(bins, training, training), data.expression[:, training].T
    )
    model = NearestCellTypes(k, weights=weights, edges=EDGES).fit(*data.pairs(None, names[:8], return_X_y=True))
    predicted = without_warnings(model.predict, data.pairs(None, names[8:]))
    wanted = other.predict(slow_contrasts(bins, new, training)).T
    assert_float32_sums(predicted, wanted.ravel())
    distances = model.cell_type_distances(data.pairs(None, names[8:]))
    nearest, _ = other.kneighbors(slow_contrasts(bins, new, training), n_neighbors=8)
    ratio = np.sort(distances.to_numpy(), axis=1) / nearest
    assert_float32_sums(ratio, ratio[0, 0])  # another unit


# --- by law


@pytest.mark.slow
@given(shift=st.integers(0, 10**8), mirror=st.integers(2 * 10**8, 2 * 10**9), body=st.booleans())
def test_scores_do_not_change_when_the_genome_is_shifted_and_mirrored(shift, mirror, body):
    for rule in (PromoterSum(1_000, gene_body=body), DistanceDecay("archr", gene_body=body, reach_bp=3_000)):
        here = gene_activity(hand_data(), rule)
        assert_float64_sums(gene_activity(hand_data(shift=shift), rule), here)
        assert_float64_sums(gene_activity(hand_data(shift=shift, mirror=mirror), rule), here)


@given(seed=st.integers(0, 2**32 - 1), reach=st.integers(1, 200_000), body=st.booleans())
def test_scores_grow_with_reach_and_with_openness(seed, reach, body):
    rng = np.random.default_rng(seed)
    start = np.unique(rng.integers(0, 500_000, 30)) * 2
    n = start.size
    genes = sized_genes(
        pd.DataFrame({"name": list("abc"), "chrom": "chr1", "tss": rng.integers(300_000, 400_000, 3), "strand": "-"})
    )
    openness = rng.random((n, 2))
    peaks = {"chrom": ["chr1"] * n, "start": start, "end": start + rng.integers(1, 1_000, n)}
    data = PairedDataset(openness, peaks, genes, cell_types=["c", "d"])
    more = PairedDataset(openness + 1, peaks, genes, cell_types=["c", "d"])
    for kind in (PromoterSum, DistanceDecay):
        rule = kind(reach_bp=reach, gene_body=body, depth=None)
        wider = kind(reach_bp=2 * reach, gene_body=body, depth=None)
        scores = gene_activity(data, rule).to_numpy()
        assert (scores >= 0).all()
        assert (gene_activity(data, wider).to_numpy() >= scores - 1e-12).all()
        assert (gene_activity(more, rule).to_numpy() >= scores - 1e-12).all()


@pytest.mark.parametrize("rule", SCORES, ids=repr)
def test_long_genes_and_blocks_of_genes_change_nothing(rule, simulated, monkeypatch):
    data = simulated[0]
    genes = sized_genes(data.genes)
    data = PairedDataset(data.openness, data.peaks, genes, cell_types=data.cell_types)
    rule = clone(rule).set_params(gene_body=True)
    whole = gene_activity(data, rule)
    monkeypatch.setattr("skepi.baselines._peak_weights._GENES_AT_ONCE", 7)
    assert_float64_sums(gene_activity(data, rule), whole)
    some = list(genes["name"].iloc[[40, 3, 17]])
    assert_float64_sums(gene_activity(data.pairs(some), rule), whole.loc[whole.index.isin(some)])


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_a_subset_of_rows_gives_the_subset_of_predictions(rule, pairs, rng):
    X, y = pairs
    model = clone(rule).fit(X, y)
    whole = model.predict(X)
    rows = rng.choice(len(X), 50, replace=False)
    assert_same_predictions(rule, model.predict(X[rows]), whole[rows])
    assert_same_predictions(rule, model.predict(X[rows[:1]]), whole[rows[:1]])


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_the_order_of_training_rows_is_irrelevant(rule, pairs, rng):
    X, y = pairs
    order = rng.permutation(len(X))
    straight = clone(rule).fit(X, y).predict(X)
    assert_same_predictions(rule, clone(rule).fit(X[order], y[order]).predict(X), straight)


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_held_out_targets_and_cell_types_teach_nothing(rule, simulated, rng):
    """Statistics of openness come from training cell types, of expression from training pairs."""
    data = simulated[0]
    names = list(data.cell_types["name"])
    X, y = data.pairs(None, names[:8], return_X_y=True)
    changed = data.openness.copy()
    changed[:, 8:] *= rng.uniform(1, 3, changed[:, 8:].shape).astype(np.float32)
    other = PairedDataset(changed, data.peaks, data.genes, data.expression, data.cell_types)
    here = clone(rule).fit(X, y)
    there = clone(rule).fit(*other.pairs(None, names[:8], return_X_y=True))
    np.testing.assert_array_equal(there.predict(X), here.predict(X))


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_another_data_set_with_the_same_content_gives_the_same(rule, simulated, rng):
    data = simulated[0]
    peaks, genes, cells = (rng.permutation(len(table)) for table in (data.peaks, data.genes, data.cell_types))
    other = PairedDataset(
        data.openness[peaks][:, cells],
        data.peaks.iloc[peaks],
        data.genes.iloc[genes],
        cell_types=data.cell_types.iloc[cells],
    )
    model = clone(rule).fit(*data.pairs(return_X_y=True))
    names = data.genes["name"], data.cell_types["name"]
    assert_float32_sums(model.predict(other.pairs(*names)), model.predict(data.pairs()))


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_another_data_set_with_other_peaks_and_fewer_genes(rule, simulated):
    """Every peak cut into two neighbours that share its signal by length: what lies in a window is the same."""
    data = simulated[0]
    middle = (data.peaks["start"] + data.peaks["end"]) // 2
    halves = pd.concat([data.peaks.assign(end=middle), data.peaks.assign(start=middle)], ignore_index=True)
    some = data.genes.iloc[10:45]
    share = ((halves["end"] - halves["start"]).to_numpy() / np.tile(data.peaks["end"] - data.peaks["start"], 2))[
        :, None
    ]
    openness = np.vstack([data.openness] * 2) * share
    other = PairedDataset(openness, halves, some, cell_types=[f"new {name}" for name in data.cell_types["name"]])
    # Twice as many peaks have half the mean, so depth would double their openness: leave it out.
    if isinstance(rule, NearestCellTypes):
        model = make_pipeline(TSSBinner(edges=EDGES, depth=None), clone(rule))
    else:
        model = clone(rule).set_params(**({"depth": None} if hasattr(rule, "depth") else {}))
    model.fit(*data.pairs(return_X_y=True))
    predicted = model.predict(other.pairs())
    wanted = model.predict(data.pairs(list(some["name"])))
    if isinstance(rule, DistanceDecay):  # middles of halves lie a little elsewhere
        assert np.corrcoef(predicted, wanted)[0, 1] > 0.999
    else:
        assert_float32_sums(predicted, wanted)


def test_a_training_cell_type_is_its_own_nearest_in_a_data_set_with_fewer_genes(simulated):
    data = simulated[0]
    model = NearestCellTypes(edges=EDGES).fit(*data.pairs(return_X_y=True))
    far = model.cell_type_distances(data.subset(genes=list(data.genes["name"][10:45])).pairs())
    assert_float32_sums(np.diag(far) ** 2, 0, summed=1)  # the root of a difference of squares of about 1
    assert far.to_numpy()[~np.eye(len(far), dtype=bool)].min() > 0.1


@pytest.mark.parametrize("k", [1, 2])
def test_nearest_repeats_its_training_pairs_only_with_one_neighbour(k, pairs):
    X, y = pairs
    predicted = NearestCellTypes(k, edges=EDGES).fit(X, y).predict(X)
    assert np.array_equal(predicted, y) == (k == 1)
    weighted = NearestCellTypes(k, weights="distance", edges=EDGES).fit(X, y).predict(X)
    assert_float64_sums(weighted, y)


def test_nearest_of_all_is_the_training_mean(pairs):
    X, y = pairs
    n = len(X.cell_types)
    nearest = NearestCellTypes(n, edges=EDGES).fit(X, y)
    assert_float64_sums(nearest.predict(X), TrainingMean().fit(X, y).predict(X))


def test_nearest_bins_pairs_itself_and_takes_binned_rows(pairs):
    X, y = pairs
    rows = np.isin(X.cell_type_codes, [0, 1])
    inside = NearestCellTypes(edges=EDGES).fit(X[~rows], y[~rows])
    outside = make_pipeline(TSSBinner(edges=EDGES), NearestCellTypes()).fit(X[~rows], y[~rows])
    predicted = without_warnings(inside.predict, X)
    np.testing.assert_array_equal(without_warnings(outside.predict, X), predicted)
    # Fitted on binned rows, it bins pairs in the same way.
    np.testing.assert_array_equal(without_warnings(outside[-1].predict, X), predicted)
    default = NearestCellTypes().fit(X[~rows], y[~rows])
    assert default.columns_.equals(band_columns(symmetric_edges()))
    assert default.n_features_in_ == 2
    assert outside[-1].n_features_in_ == len(EDGES) - 1


# --- as estimators


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_scores_are_skill(rule, pairs):
    X, y = pairs
    train = ~np.isin(X.cell_type_codes, [0, 5])
    model = clone(rule).fit(X[train], y[train])
    predicted = without_warnings(model.predict, X[~train])
    wanted = skill(y[~train], predicted, model.training_mean(X[~train]))
    assert_float64_sums(without_warnings(model.score, X[~train], y[~train]), wanted, summed=1)
    assert_float64_sums(without_warnings(skill_scorer, model, X[~train], y[~train]), wanted, summed=1)
    if isinstance(rule, TrainingMean):
        assert wanted == 0


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_saved_models_predict_the_same(rule, pairs, tmp_path):
    X, y = pairs
    model = clone(rule).fit(X, y)
    save_model(model, tmp_path / "model.skepi")
    np.testing.assert_array_equal(load_model(tmp_path / "model.skepi").predict(X), model.predict(X))


def test_grid_search_over_rules(pairs):
    X, y = pairs
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DistantCellTypeWarning)
        search = GridSearchCV(
            NearestCellTypes(edges=EDGES), {"n_neighbors": [1, 2, 3]}, cv=CellTypeKFold(3), error_score="raise"
        ).fit(X, y)
    assert np.unique(search.cv_results_["mean_test_score"]).size == 3
    search = GridSearchCV(DistanceDecay(), {"decay": list(DECAYS)}, cv=CellTypeKFold(3), error_score="raise").fit(X, y)
    assert np.unique(search.cv_results_["mean_test_score"]).size == 4
    assert search.best_score_ > 0


def test_a_planted_law_is_found_in_genes_seen_and_unseen(simulated):
    """Openness near the TSS drives simulated expression, so its score says something in every gene."""
    X, y = simulated[0].pairs(return_X_y=True)
    table = cross_val_pairs(DistanceDecay("sigmoid", decay_bp=10_000), X, y, CellTypeKFold(4))
    assert skill(table["y_true"], table["y_pred"], table["train_mean"]) > 0.1
    table = without_warnings(cross_val_pairs, DistanceDecay("sigmoid", decay_bp=10_000), X, y, GeneKFold(4))
    assert within_gene_skill(table["y_true"], table["y_pred"], table["gene"]) > 0.05
    table = without_warnings(cross_val_pairs, NearestCellTypes(edges=EDGES), X, y, GeneKFold(4))
    assert_float64_sums(within_gene_skill(table["y_true"], table["y_pred"], table["gene"]), 0, summed=1)


# --- what is refused, and what is warned of


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_plain_arrays_are_refused(rule, pairs):
    name = type(rule).__name__
    with pytest.raises(TypeError, match=f"{name} needs pairs of genes and cell types, got ndarray"):
        clone(rule).fit(np.ones((4, 2)), np.ones(4))
    with pytest.raises(TypeError, match=f"{name} needs pairs"):
        clone(rule).fit(*pairs).predict(np.ones((4, 2)))
    with pytest.raises(NotFittedError):
        clone(rule).predict(pairs[0])
    with pytest.raises(ValueError, match="y holds NaN"):
        clone(rule).fit(pairs[0], np.full(len(pairs[0]), np.nan))


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_a_data_set_without_a_gene_in_common_is_refused(rule, simulated):
    data = simulated[0]
    renamed = data.genes.assign(name="other " + data.genes["name"])
    other = PairedDataset(data.openness, data.peaks, renamed, cell_types=data.cell_types)
    with pytest.raises(UnmatchedDataError, match="no gene in common"):
        clone(rule).fit(*data.pairs(return_X_y=True)).predict(other.pairs())


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (NearestCellTypes(0), "n_neighbors must be a whole number, 1 or greater, got 0"),
        (NearestCellTypes(1.5), "n_neighbors must be a whole number"),
        (NearestCellTypes(weights="gaussian"), r"weights must be one of \('uniform', 'distance'\), got 'gaussian'"),
        (NearestCellTypes(min_shared_genes=50), "min_shared_genes must be a fraction, got 50"),
        (NearestCellTypes(edges=[1]), "edges must be at least two increasing"),
        (NearestCellTypes(13), "n_neighbors=13 needs at least 13 training cell types, got 12"),
        (PromoterSum(0), "reach_bp must be a whole number of bp in 1 .. 2147483647, got 0"),
        (PromoterSum(1e3), "reach_bp must be a whole number"),
        (PromoterSum(2**31), "reach_bp must be a whole number"),
        (PromoterSum(depth="median"), r"depth must be one of \('mean', None\), got 'median'"),
        (PromoterSum(sd_offset=-1), "sd_offset must be finite and 0 or greater"),
        (DistanceDecay("linear"), r"decay must be one of \('exponential', 'archr', .*, got 'linear'"),
        (DistanceDecay(decay_bp=0), "decay_bp must be finite and greater than 0, got 0"),
        (DistanceDecay(decay_bp=np.inf), "decay_bp must be finite"),
        (DistanceDecay(reach_bp=-5), "reach_bp must be a whole number"),
        (DistanceDecay(upstream_bp=-1), "upstream_bp must be a whole number of bp in 0"),
        (DistanceDecay(depth="sum"), "depth must be one of"),
    ],
    ids=repr,
)
def test_settings_out_of_range_are_refused(rule, message, pairs):
    with pytest.raises(ValueError, match=message):
        rule.fit(*pairs)
    if hasattr(rule, "gene_scores") and "sd_offset" not in message:
        with pytest.raises(ValueError, match=message):
            rule.gene_scores(pairs[0])


def test_gene_bodies_need_ends_of_genes(simulated):
    data = simulated[0]
    for rule in (PromoterSum(gene_body=True), DistanceDecay(gene_body=True)):
        with pytest.raises(TableError, match=r"needs a column tes .* got columns \['name', 'chrom', 'tss', 'strand'"):
            gene_activity(data, rule)
        with pytest.raises(TableError, match=r"genes\.tes: wanted whole numbers"):
            gene_activity(hand_data(hand_genes(tes=[3_999.5, 8_001])), rule)
        with pytest.raises(TableError, match=r"tes lies upstream of tss in 1 row\(s\), such as b: tss=9000, tes=9001"):
            gene_activity(hand_data(hand_genes(tes=[1_000, 9_001])), rule)
        with pytest.raises(TableError, match=r"genes\.tes: wanted whole numbers"):
            gene_activity(hand_data(hand_genes(tes=pd.array([1_000, None], dtype="Int64"))), rule)


def test_scores_that_do_not_vary_have_no_slope(pairs, simulated):
    X, y = pairs
    one = X.cell_type_codes == 0
    with pytest.raises(ValueError, match="no gene has scores that differ between its training cell types"):
        PromoterSum().fit(X[one], y[one])
    data = simulated[0]
    same = PairedDataset(
        np.repeat(data.openness[:, :1], 12, axis=1), data.peaks, data.genes, data.expression, data.cell_types
    )
    for rule in (PromoterSum(), DistanceDecay()):
        with pytest.raises(ValueError, match="no gene has scores that differ"):
            rule.fit(*same.pairs(return_X_y=True))
    with pytest.raises(ValueError, match="openness does not vary between the training cell types"):
        NearestCellTypes(edges=EDGES).fit(*same.pairs(return_X_y=True))


def test_a_cell_type_without_signal_has_no_depth():
    data = line_data()
    with pytest.raises(TableError, match=r"no signal in cell type\(s\) c0"):
        PromoterSum().fit(*data.pairs(return_X_y=True))


def test_gene_activity_refuses_what_has_no_scores(simulated):
    with pytest.raises(TypeError, match="rule must be a DistanceDecay or a PromoterSum, got TrainingMean"):
        gene_activity(simulated[0], TrainingMean())
    with pytest.raises(TypeError, match="DistanceDecay needs pairs of genes and cell types, got ndarray"):
        gene_activity(np.ones((3, 2)))


def test_nearest_refuses_rows_that_it_cannot_compare(pairs):
    X, y = pairs
    bins = TSSBinner(edges=EDGES).fit_transform(X)
    with pytest.raises(ValueError, match="these rows are scaled already: NearestCellTypes"):
        NearestCellTypes().fit(LogZScaler().fit_transform(bins), y)
    model = NearestCellTypes().fit(bins, y)
    with pytest.raises(ValueError, match=r"other columns than .* column 0 is \[-1000, 0\) bp, and was \[-"):
        model.predict(TSSBinner(edges=[-1_000, 0, 1_000]).fit_transform(X))
    with pytest.raises(ValueError, match="the same pair occurs more than once"):
        NearestCellTypes(edges=EDGES).fit(X[np.r_[0, : len(X)]], y[np.r_[0, : len(X)]])
    one = X.cell_type_codes == 0
    with pytest.raises(ValueError, match="n_neighbors=1 needs at least 2 training cell types, got 1"):
        NearestCellTypes(edges=EDGES).fit(X[one], y[one])


def test_nearest_says_where_few_genes_are_shared(simulated):
    data = simulated[0]
    names = list(data.genes["name"])
    model = NearestCellTypes(edges=EDGES).fit(*data.pairs(return_X_y=True))
    few = data.subset(genes=names[:20]).pairs()
    with pytest.warns(UnfittedSignalWarning, match=r"only 33% of the genes .*warned below 50%"):
        model.predict(few)
    model.set_params(min_shared_genes=0.3).predict(few)
    with pytest.raises(
        UnmatchedDataError, match=r"the 1 gene\(s\) in common do not tell the training cell types apart"
    ):
        model.predict(data.subset(genes=names[:1]).pairs())


def test_nearest_says_where_the_nearest_is_not_near(simulated, rng):
    data = simulated[0]
    model = NearestCellTypes(edges=EDGES).fit(*data.pairs(return_X_y=True))
    model.predict(data.pairs())
    shuffled = rng.permutation(data.openness[:, :2], axis=0)
    new = PairedDataset(shuffled, data.peaks, data.genes, cell_types=["new one", "new two"])
    with pytest.warns(
        DistantCellTypeWarning, match=r"2 cell type\(s\) unlike any seen in training \(up to \d+\.\d times"
    ):
        model.predict(new.pairs())


# --- on blood


@pytest.fixture(scope="module")
def blood_pairs(blood_path):
    """Quantile-normalised expression; progenitors belong to the lineage that they found."""
    table = {name: pd.read_parquet(blood_path / f"{name}.parquet") for name in ("openness", "peaks", "genes")}
    counts = pd.read_parquet(blood_path / "expression.parquet")
    lineage = pd.read_csv(blood_path / "samples.tsv", sep="\t").set_index("cell_type")["lineage"]
    cells = pd.DataFrame({"name": list(table["openness"].columns[1:])})
    cells["lineage"] = lineage.loc[cells["name"]].str.replace(" progenitor", "").to_numpy()
    data = without_warnings(  # chrY has genes and no peaks
        PairedDataset,
        table["openness"][cells["name"]].to_numpy(np.float32),
        table["peaks"][["chrom", "start", "end"]],
        table["genes"].rename(columns={"gene": "name"}),
        counts[cells["name"]].to_numpy(float),
        cells,
    )
    normalizer = ExpressionNormalizer("quantile", min_mean_cpm=1)
    return without_warnings(data.transform_expression, normalizer).pairs(return_X_y=True)


def skill_on(rule, pairs, cv):
    table = without_warnings(cross_val_pairs, rule, *pairs, cv)
    return skill(table["y_true"], table["y_pred"], table["train_mean"])


@pytest.mark.parametrize(
    ("rule", "least", "most"),
    [(PromoterSum(), 0.13, 0.18), (DistanceDecay(), 0.17, 0.22), (NearestCellTypes(), -0.30, -0.10)],
    ids=repr,
)
@pytest.mark.slow
def test_rules_on_blood_with_lineages_held_out(rule, least, most, blood_pairs):
    assert least < skill_on(rule, blood_pairs, LineageKFold()) < most


@pytest.mark.slow
def test_nearest_cell_type_on_blood_with_populations_held_out(blood_pairs):
    assert 0.20 < skill_on(NearestCellTypes(), blood_pairs, LeaveOneCellTypeOut()) < 0.27
