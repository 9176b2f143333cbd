"""Links of peaks to genes, and bins on the genome: by hand, against loops over peaks, and by mirroring the genome."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_exact, assert_float32_sums, assert_float64_sums
from several_signals import several_signals, two_signals_by_hand
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import PoissonRegressor, Ridge
from sklearn.pipeline import make_pipeline

from skepi.binning import BinnerUnion, TSSBinner
from skepi.compose import GeneZTarget
from skepi.datasets import make_paired_openness
from skepi.exceptions import UnknownNameError
from skepi.inspection import _attribution, attributions, bin_importance, bin_track, peak_gene_links, peak_scores
from skepi.intervals import from_offsets, to_offsets
from skepi.io import write_bedgraph, write_bedpe
from skepi.neural_network import ExpressionMLP
from skepi.paired import PairedDataset
from skepi.preprocessing import LogZScaler

COLUMNS = ["chrom", "start", "end", "gene", "tss", "strand", "distance_bp", "score", "slope"]
EDGES = [-20_000, -5_000, -1_000, 0, 1_000, 5_000, 20_000]


def linear(*weights):
    """Fitted linear model of bins with these weights."""
    model = Ridge().fit(np.eye(len(weights)), np.arange(len(weights)))
    model.coef_, model.intercept_ = np.array(weights, dtype=float), 5.0
    return model


def hand(tss=100, openness=((8.0, 16.0), (2.0, 0.0))):
    """Pairs of two peaks, and a gene on each strand, as in the tests of bins."""
    return PairedDataset(
        peaks={"chrom": ["1", "1"], "start": [98, 103], "end": [102, 105]},
        genes={"name": ["a", "b"], "chrom": ["1", "1"], "tss": [tss, tss], "strand": ["+", "-"]},
        openness=pd.DataFrame(openness, columns=["x", "y"]),
    ).pairs()


def binned(X, *edges):
    return TSSBinner(edges=edges, depth=None).fit_transform(X)


@pytest.fixture(scope="module")
def split():
    """``X_train, y_train, X_test``: 30 genes in 6 and in 3 other cell types."""
    data, _ = make_paired_openness(30, 9, n_lineages=3, n_peaks=1_500, cis_share=0.7, program_share=0.1, random_state=2)
    X, y = data.pairs(return_X_y=True)
    test = X.cell_type_codes % 3 == 0
    return X[~test], y[~test], X[test]


def fitted(regressor, split):
    return make_pipeline(TSSBinner(edges=EDGES), LogZScaler(), GeneZTarget(regressor)).fit(*split[:2])


@pytest.fixture(scope="module")
def ridge(split):
    return fitted(Ridge(), split)


@pytest.fixture(scope="module")
def net(split):
    return fitted(ExpressionMLP((8,), max_epochs=5, early_stopping=False, random_state=0), split)


def assert_same_links(got, wanted):
    """The same peaks and genes; score and slope equal but for rounding."""
    numbers = ["score", "slope"]
    assert got.columns.tolist() == wanted.columns.tolist()
    assert got.drop(columns=numbers).to_numpy().tolist() == wanted.drop(columns=numbers).to_numpy().tolist()
    for column in numbers:
        assert_float32_sums(got[column].to_numpy(), wanted[column].to_numpy())


# Links


def test_links_by_hand():
    # Bins as in test_binning: a has 0 4 4 1 (x) and 0 8 8 0 (y), b has 2 2 4 2 and 0 4 8 4. Weights 1 -1 2 10 make
    # of their means 0 6 12 5 and 1 3 12 30. The first peak alone touches bins 1, 2 of a and 1, 2, 3 of b, the second
    # alone bin 3 of a and bin 0 of b. Slopes are means of weights by score, (-6 + 24) / 18 and (-3 + 24 + 300) / 45.
    bins = binned(hand(), -4, -2, 0, 2, 4)
    links = peak_gene_links(linear(1, -1, 2, 10), bins)
    wanted = [
        ["1", 98, 102, "a", 100, "+", 0, 18, 1],
        ["1", 103, 105, "a", 100, "+", 4, 5, 10],
        ["1", 98, 102, "b", 100, "-", 1, 45, 321 / 45],
        ["1", 103, 105, "b", 100, "-", -3, 1, 1],
    ]
    assert_same_links(links, pd.DataFrame(wanted, columns=COLUMNS))
    only_b = peak_gene_links(linear(1, -1, 2, 10), bins[2:])
    assert only_b["gene"].tolist() == ["b", "b"]
    assert_same_links(only_b, links[2:])
    best = peak_gene_links(linear(1, -1, 2, 10), bins, n_per_gene=1)
    assert_same_links(best, links[::2])


def test_peaks_of_one_bin_share_by_their_openness():
    # The bin holds all of both peaks: 10 (x) and 16 (y), 13 on average; openness is 24 and 2 in both cell types.
    bins = binned(hand(), -10, 10)
    links = peak_gene_links(linear(-3), bins[:2])
    assert_float32_sums(links["score"], [39 * 24 / 26, 39 * 2 / 26])
    assert_float32_sums(links["slope"], -3)
    # In y the second is closed: it has no share, and the bin's slope still.
    links = peak_gene_links(linear(-3), bins[1:2])
    assert_float32_sums(links["score"], [48, 0])
    assert_float32_sums(links["slope"], -3)


def test_closed_peaks_share_by_what_they_weigh_in_the_bin():
    # Both closed in y; scaled, the bin lies below its mean. Bases 98, 99 of the first and 103, 104 of the second fall
    # outside [100, 103) or not: 2 of 4 and 0 of 2 within [-1, 2], 3 of 4 and 1 of 2 within [-1, 4).
    X = hand(openness=((8.0, 0.0), (2.0, 0.0)))
    rows = LogZScaler().fit_transform(binned(X, -1, 4))
    links = peak_gene_links(linear(2), rows[1:2])
    total = abs(attributions(linear(2), rows[1:2])).sum()
    assert total > 0.1
    assert_float32_sums(links["score"], [total * 0.75 / 1.25, total * 0.5 / 1.25])


def links_by_loop(model, X, rows):
    """Scores and score-weighted slopes, gene by gene, column by column, peak by peak."""
    contribution, z = attributions(model, X), rows.dense().astype(float)
    peaks, openness = X.peaks, X.tables.openness.astype(float)
    signal = peaks.get("signal", pd.Series("openness", peaks.index)).to_numpy()
    depth = np.array([openness[signal == one].mean(axis=0) for one in signal])
    openness = (openness / depth)[:, np.unique(X.cell_type_codes)].sum(axis=1)
    features = pd.DataFrame({"": np.ones(len(peaks))})
    if X.tables.features is not None:
        features = features.join(X.tables.features.to_frame())
    score, slope = {}, {}
    for g, gene in enumerate(X.genes.itertuples()):
        own = X.gene_codes == g
        if not own.any():
            continue
        low, high = to_offsets(peaks["start"], peaks["end"], gene.tss, gene.strand == "-")
        for b, column in enumerate(rows.columns.itertuples()):
            bp = np.clip(np.minimum(high, column.end_bp) - np.maximum(low, column.start_bp), 0, None)
            there = (peaks["chrom"] == gene.chrom).to_numpy() & (signal == column.signal)
            weight = bp / (high - low) * there * features[column.feature].to_numpy()
            of_bin = weight * openness
            share = of_bin / of_bin.sum() if of_bin.sum() > 0 else weight / (weight.sum() or 1)
            here = np.abs(contribution[own, b]).mean()
            ratio = (contribution[own, b] @ z[own, b]) / max(z[own, b] @ z[own, b], 1e-300)
            for p in np.flatnonzero(weight):
                score[gene.name, p] = score.get((gene.name, p), 0) + share[p] * here
                slope[gene.name, p] = slope.get((gene.name, p), 0) + share[p] * here * ratio
    return score, slope


@pytest.mark.parametrize("which", ["ridge", "net"])
def test_links_equal_a_loop_over_peaks(which, split, request):
    model = request.getfixturevalue(which)
    X = split[2][np.random.default_rng(0).permutation(len(split[2]))[:70]]
    links = peak_gene_links(model, X)
    score, slope = links_by_loop(model, X, model[:2].transform(X))
    place = {(row.chrom, row.start, row.end): k for k, row in enumerate(X.peaks.itertuples())}
    keys = [(row.gene, place[row.chrom, row.start, row.end]) for row in links.itertuples()]
    assert len(set(keys)) == len(keys) == len(score)
    assert_float32_sums(links["score"], [score[key] for key in keys])
    assert_float32_sums(links["slope"].fillna(0) * links["score"], [slope[key] for key in keys])
    assert links.columns.tolist() == COLUMNS
    names = X.genes["name"].tolist()
    order = pd.DataFrame({"gene": [names.index(gene) for gene in links["gene"]], "score": -links["score"]})
    assert order.sort_values(["gene", "score"]).index.tolist() == list(range(len(links)))


@pytest.fixture(scope="module")
def two():
    return several_signals(features=True, n_genes=20)


FEATURES = ["cpg", "class:promoter"]


@pytest.mark.parametrize("features", [None, FEATURES])
def test_links_of_two_signals_with_features_equal_a_loop_over_peaks(two, features):
    X, y = two.pairs(return_X_y=True)
    near, far = TSSBinner(edges=EDGES, features=features), TSSBinner(edges=[-50_000, 0, 50_000], signals=["ATAC"])
    model = make_pipeline(BinnerUnion([("near", near), ("far", far)]), LogZScaler(), GeneZTarget(Ridge())).fit(X, y)
    rows = X[np.random.default_rng(1).permutation(len(X))[:80]]
    links = peak_gene_links(model, rows)
    assert links.columns.tolist() == ["signal", *COLUMNS]
    score, slope = links_by_loop(model, rows, model[:2].transform(rows))
    place = {(p.signal, p.chrom, p.start, p.end): k for k, p in enumerate(X.peaks.itertuples())}
    keys = [(row.gene, place[row.signal, row.chrom, row.start, row.end]) for row in links.itertuples()]
    assert len(set(keys)) == len(keys) == len(score)
    assert set(links["signal"]) == {"ATAC", "H3K27ac"}
    assert_float32_sums(links["score"], [score[key] for key in keys])
    assert_float32_sums(links["slope"].fillna(0) * links["score"], [slope[key] for key in keys])


def test_links_by_feature_are_the_links_of_a_model_without_the_other_columns(two):
    X = two.pairs()
    bins = BinnerUnion([("plain", TSSBinner(edges=EDGES)), ("own", TSSBinner(edges=EDGES, features=FEATURES))])
    rows = bins.fit_transform(X)
    weights = np.random.default_rng(2).normal(size=rows.shape[1])
    links = peak_gene_links(linear(*weights), rows, by="feature")
    assert links.columns.tolist() == ["signal", "feature", *COLUMNS]
    assert set(links["feature"]) == {"", *FEATURES}
    for feature in ("", *FEATURES):
        of_others = (rows.columns["feature"] != feature).to_numpy()
        alone = peak_gene_links(linear(*np.where(of_others, 0, weights)), rows)
        own = links[links["feature"] == feature]
        place = ["signal", "chrom", "start", "end", "gene"]
        both = own.merge(alone, on=place, validate="one_to_one", suffixes=("", "_alone"))
        assert len(both) == len(own)
        assert_float32_sums(both["score"], both["score_alone"])
        assert_float32_sums(own["score"].sum(), alone["score"].sum())
    best = peak_gene_links(linear(*weights), rows, by="feature", n_per_gene=1)
    assert_exact(best["score"].to_numpy(), links.groupby("gene", sort=False)["score"].max().to_numpy())


def test_links_of_two_signals_by_hand():
    # Bins of a are [-4, -2), [-2, 0), [0, 2), [2, 4) of ATAC, 0 4 4 1 (x), and of K27ac, whose second peak has 5 in
    # its halves and so 2.5 2.5 in the middle two bins. Weights 1 -1 2 10 and 3 -4 0 0, so K27ac adds |-4 x 2.5|.
    bins = binned(two_signals_by_hand().pairs(), -4, -2, 0, 2, 4)
    links = peak_gene_links(linear(1, -1, 2, 10, 3, -4, 0, 0), bins[:2])
    wanted = [
        ["ATAC", "1", 98, 102, "a", 100, "+", 0, 18, 1],
        ["K27ac", "1", 98, 102, "a", 100, "+", 0, 10, -4],
        ["ATAC", "1", 103, 105, "a", 100, "+", 4, 5, 10],
    ]
    assert_same_links(links, pd.DataFrame(wanted, columns=["signal", *COLUMNS]))
    assert peak_scores(links, signal="ATAC").to_numpy().tolist() == [["1", 98, 102, 18.0], ["1", 103, 105, 5.0]]
    assert peak_scores(links, signal="K27ac").to_numpy().tolist() == [["1", 98, 102, 10.0]]


def test_scores_of_peaks_are_not_added_over_signals(two):
    X, y = two.pairs(return_X_y=True)
    model = make_pipeline(TSSBinner(edges=EDGES), LogZScaler(), GeneZTarget(Ridge())).fit(X, y)
    links = peak_gene_links(model, X)
    with pytest.raises(ValueError, match=r"links are of the signals \[.*: signal= must be one of them, got None"):
        peak_scores(links)
    with pytest.raises(ValueError, match=r"signal= must be one of them, got 'H3K4me3'"):
        peak_scores(links, signal="H3K4me3")
    with pytest.raises(ValueError, match="links name no signal, so leave out signal='ATAC'"):
        peak_scores(links.drop(columns="signal"), signal="ATAC")
    for name in ("ATAC", "H3K27ac"):
        own = links[links["signal"] == name]
        assert_exact(peak_scores(links, signal=name), peak_scores(own))
        assert_exact(peak_scores(own), peak_scores(own.drop(columns="signal")))


@pytest.mark.parametrize("method", ["gradient_x_input", "integrated_gradients"])
@pytest.mark.parametrize("rows_at_once", [None, 7])
def test_scores_of_a_gene_add_up(net, split, method, rows_at_once, monkeypatch):
    if rows_at_once is not None:
        monkeypatch.setattr(_attribution, "_ROWS_AT_ONCE", rows_at_once)  # genes straddle the chunks
    links = peak_gene_links(net, split[2], method=method)
    contribution = np.abs(attributions(net, split[2], method=method)).sum(axis=1)
    wanted = pd.Series(contribution).groupby(split[2].to_frame()["gene"]).mean()
    found = links.groupby("gene")["score"].sum()
    assert_float32_sums(found, wanted[found.index])
    assert_exact(wanted.drop(index=found.index).to_numpy(), 0)  # genes without a peak


@pytest.mark.parametrize("cell_types", [3, 1])
def test_the_slope_of_a_linear_model_is_its_weight(ridge, split, cell_types):
    X = split[2][split[2].cell_type_codes <= 3 * (cell_types - 1)]
    links = peak_gene_links(ridge, X)
    low, high = links["distance_bp"] - 250, links["distance_bp"] + 250  # peaks of 500 bp
    whole = np.searchsorted(EDGES, low, "right") == np.searchsorted(EDGES, high, "left")
    bins = np.searchsorted(EDGES, links["distance_bp"], "right") - 1
    # A bin that was never open has 0 = its mean throughout, which tells nothing of the slope.
    unknown, slope = links["slope"].isna(), ridge[-1].regressor_.coef_[bins]
    assert unknown.sum() < 30
    assert unknown.any() == (cell_types == 1)
    assert (links["score"][unknown] == 0).all()
    assert (links["score"][whole & ~unknown] == 0).any()  # closed, beside an open one
    assert not whole.all()
    assert_float32_sums(links["slope"][whole & ~unknown], slope[whole & ~unknown])


def mirrored(data, length=50_000_000):
    peaks, genes = data.peaks, data.genes
    swapped = genes["strand"].map({"+": "-", "-": "+"})
    return PairedDataset(
        data.openness,
        peaks.assign(start=length - peaks["end"], end=length - peaks["start"]),
        genes.assign(tss=length - 1 - genes["tss"], strand=swapped),
        cell_types=data.cell_types,
    )


def test_a_mirrored_genome_has_the_same_links_and_bins(ridge):
    data, _ = make_paired_openness(30, 9, n_lineages=3, n_peaks=1_500, cis_share=0.7, program_share=0.1, random_state=2)
    links, other = (peak_gene_links(ridge, one.pairs()) for one in (data, mirrored(data)))
    for column in ("gene", "distance_bp"):
        assert other[column].tolist() == links[column].tolist()
    for column in ("score", "slope"):
        assert_float32_sums(other[column], links[column])
    assert (50_000_000 - other["end"]).tolist() == links["start"].tolist()
    gene = data.genes["name"][0]
    track, other = (bin_track(ridge, one.pairs(), gene) for one in (data, mirrored(data)))
    assert_float32_sums(other["importance"].to_numpy()[::-1], track["importance"])
    assert (50_000_000 - other["end"][::-1]).tolist() == track["start"].tolist()


def test_a_bin_without_a_peak_has_none_to_share_with(ridge):
    data, _ = make_paired_openness(30, 9, n_lineages=3, n_peaks=1_500, cis_share=0.7, program_share=0.1, random_state=2)
    some = np.arange(1_500) % 3 > 0
    fewer = PairedDataset(data.openness[some], data.peaks[some], data.genes, cell_types=data.cell_types)
    X = fewer.pairs()
    links = peak_gene_links(ridge, X)
    assert np.isfinite(links["score"]).all()
    total = np.abs(attributions(ridge, X)).sum(axis=1)
    wanted = pd.Series(total).groupby(X.to_frame()["gene"]).mean()
    found = links.groupby("gene")["score"].sum().reindex(wanted.index, fill_value=0)
    assert_float32_sums(np.maximum(found, wanted), wanted)  # never more
    assert (found < wanted - 1e-3).any()


def test_the_best_links_of_each_gene(ridge, split):
    links = peak_gene_links(ridge, split[2])
    best = peak_gene_links(ridge, split[2], n_per_gene=2)
    assert best.groupby("gene").size().max() == 2
    assert_exact(best, links.groupby("gene", sort=False).head(2).reset_index(drop=True))


def test_scores_of_peaks_are_sums_over_genes(ridge, split):
    links = peak_gene_links(ridge, split[2])
    scores = peak_scores(links)
    assert scores.columns.tolist() == ["chrom", "start", "end", "score"]
    wanted = {}
    for row in links.itertuples():
        wanted[row.chrom, row.start, row.end] = wanted.get((row.chrom, row.start, row.end), 0) + row.score
    assert len(wanted) < len(links)
    assert list(scores.iloc[:, :3].itertuples(index=False, name=None)) == sorted(wanted)
    assert_float64_sums(scores["score"], [wanted[key] for key in sorted(wanted)])
    coded = peak_scores(links.astype({"chrom": "category"}))
    assert coded.drop(columns="chrom").equals(scores.drop(columns="chrom"))
    with pytest.raises(ValueError, match=r"links lack \['score', 'start'\]"):
        peak_scores(links.drop(columns=["start", "score"]))


# Bins of a gene


def test_track_by_hand():
    model, X = linear(1, -1, 2, 10), binned(hand(), -4, -2, 0, 2, 4)
    plus = bin_track(model, X, "a", method="coefficients")
    assert plus.to_numpy().tolist() == [["1", 96, 98, 1], ["1", 98, 100, -1], ["1", 100, 102, 2], ["1", 102, 104, 10]]
    minus = bin_track(model, X, "b", method="coefficients")  # the TSS, base 100, is in [99, 101)
    assert minus.to_numpy().tolist() == [["1", 97, 99, 10], ["1", 99, 101, 2], ["1", 101, 103, -1], ["1", 103, 105, 1]]
    assert minus.columns.tolist() == ["chrom", "start", "end", "importance"]
    used = bin_track(model, X, "b", method="gradient_x_input")
    assert_float32_sums(used["importance"], [30, 12, 3, 1])


def test_a_track_ends_at_the_start_of_the_chromosome():
    model = linear(1, -1, 2, 10)
    track = bin_track(model, binned(hand(tss=3), -4, -2, 0, 2, 4), "a", method="coefficients")
    assert track.to_numpy().tolist() == [["1", 0, 1, 1], ["1", 1, 3, -1], ["1", 3, 5, 2], ["1", 5, 7, 10]]
    track = bin_track(model, binned(hand(tss=2), -4, -2, 0, 2, 4), "a", method="coefficients")
    assert track.to_numpy().tolist() == [["1", 0, 2, -1], ["1", 2, 4, 2], ["1", 4, 6, 10]]
    track = bin_track(model, binned(hand(tss=2), -4, -2, 0, 2, 4), "b", method="coefficients")
    assert track.to_numpy().tolist() == [["1", 0, 1, 10], ["1", 1, 3, 2], ["1", 3, 5, -1], ["1", 5, 7, 1]]


def test_a_track_is_not_cut_at_the_end_of_the_chromosome():
    X = binned(hand(), -4, -2, 0, 2, 400)  # the last peak ends at 105, and no table says where the chromosome does
    track = bin_track(linear(1, -1, 2, 10), X, "a", method="coefficients")
    assert track[["start", "end"]].to_numpy().tolist()[-1] == [102, 500]


def test_a_track_of_two_signals_by_hand():
    model, X = linear(1, -1, 2, 10, 3, -4), two_signals_by_hand().pairs()
    union = BinnerUnion(
        [
            ("near", TSSBinner(edges=[-4, -2, 0, 2, 4], signals=["ATAC"], depth=None)),
            ("far", TSSBinner(edges=[-5, 0, 3], signals=["K27ac"], depth=None)),
        ]
    )
    bins = union.fit_transform(X)
    plus = bin_track(model, bins, "a", method="coefficients")
    assert plus.columns.tolist() == ["chrom", "start", "end", "signal", "feature", "importance"]
    assert plus.drop(columns=["chrom", "feature"]).to_numpy().tolist() == [
        [95, 100, "K27ac", 3],
        [96, 98, "ATAC", 1],
        [98, 100, "ATAC", -1],
        [100, 102, "ATAC", 2],
        [100, 103, "K27ac", -4],
        [102, 104, "ATAC", 10],
    ]
    minus = bin_track(model, bins, "b", method="coefficients")
    assert minus[minus["signal"] == "K27ac"][["start", "end", "importance"]].to_numpy().tolist() == [
        [98, 101, -4],
        [101, 106, 3],
    ]


@pytest.mark.parametrize("method", ["gradient_x_input", "permutation"])
def test_a_track_of_signals_and_features_is_the_row_of_the_gene(two, method):
    X, y = two.pairs(return_X_y=True)
    model = make_pipeline(TSSBinner(edges=EDGES, features=FEATURES), LogZScaler(), GeneZTarget(Ridge())).fit(X, y)
    row = bin_importance(model, X, y, bands="bins", by="gene", method=method, n_repeats=1)
    for gene, strand, tss in zip(*(X.genes[name][:4] for name in ("name", "strand", "tss")), strict=True):
        track = bin_track(model, X, gene, method=method, y=y, n_repeats=1).set_index(
            ["signal", "feature", "start", "end"]
        )
        for (signal, feature, band), wanted in row.loc[gene].items():
            ends = (tss + band.left, tss + band.right) if strand == "+" else (tss + 1 - band.right, tss + 1 - band.left)
            assert_float32_sums(track.loc[(signal, feature, *ends), "importance"], wanted, summed=1)


def test_a_track_of_two_signals_is_written_signal_by_signal(two, tmp_path):
    X, y = two.pairs(return_X_y=True)
    model = make_pipeline(TSSBinner(edges=EDGES), LogZScaler(), GeneZTarget(Ridge())).fit(X, y)
    track = bin_track(model, X, X.genes["name"][0])
    with pytest.raises(ValueError, match=r"table holds the signals 'ATAC', 'H3K27ac', and a bedGraph track one: write"):
        write_bedgraph(track, tmp_path / "track.bedgraph", value="importance")
    write_bedgraph(track[track["signal"] == "H3K27ac"], tmp_path / "track.bedgraph", value="importance")
    assert len((tmp_path / "track.bedgraph").read_text().splitlines()) == len(EDGES)


def test_a_track_is_the_row_of_the_gene(net, split):
    X, y = split[2], split[1][: len(split[2])]
    gene = X.genes["name"][7]
    for settings in (
        {},
        {"method": "integrated_gradients", "n_steps": 60},
        {"method": "permutation", "y": y.tolist(), "n_repeats": 2, "random_state": 3},
    ):
        track = bin_track(net, X, gene, **settings)
        row = bin_importance(net, X, bands="bins", by="gene", **settings).loc[gene].to_numpy()
        row = row if X.genes["strand"][7] == "+" else row[::-1]
        assert_float32_sums(track["importance"], row, summed=1)


@given(st.integers(0, 1_000), st.integers(1, 500), st.integers(0, 1_000), st.booleans())
def test_intervals_come_back_from_offsets(start, length, tss, minus):
    ends = np.array([start]), np.array([start + length])
    low, high = to_offsets(*ends, np.array([tss]), np.array([minus]))
    np.testing.assert_array_equal(from_offsets(low, high, tss, minus), ends)
    inside = sorted((tss - base) if minus else (base - tss) for base in range(start, start + length))
    assert (low[0], high[0]) == (inside[0], inside[-1] + 1)


# Bad input


def test_bad_input_is_refused(ridge, split):
    X, gene = split[2], split[2].genes["name"][0]
    with pytest.raises(NotFittedError):
        peak_gene_links(make_pipeline(TSSBinner(), Ridge()), X)
    with pytest.raises(TypeError, match="needs binned rows"):
        peak_gene_links(ridge[-1].regressor_, X)
    with pytest.raises(TypeError, match="needs binned rows, and ndarray"):
        peak_gene_links(ridge[-1].regressor_, np.ones((3, 6)))
    with pytest.raises(ValueError, match="no pairs"):
        peak_gene_links(ridge, X[:0])
    with pytest.raises(ValueError, match=r"by must be .*'peak'.*'feature'.*got 'motif'"):
        peak_gene_links(ridge, X, by="motif")
    for method in ("gradient", "permutation"):
        with pytest.raises(ValueError, match=f"method must be one of .*integrated_gradients.* got '{method}'"):
            peak_gene_links(ridge, X, method=method)
    for bad in (0, 1.5, True):
        with pytest.raises(ValueError, match=f"n_per_gene must be a whole number of 1 or more, got {bad}"):
            peak_gene_links(ridge, X, n_per_gene=bad)
    for bad in (0, 1.5):
        with pytest.raises(ValueError, match=f"n_steps must be a whole number of 1 or more, got {bad}"):
            peak_gene_links(ridge, X, n_steps=bad)
        with pytest.raises(ValueError, match=f"n_steps must be a whole number of 1 or more, got {bad}"):
            bin_track(ridge, X, gene, method="integrated_gradients", n_steps=bad)
        with pytest.raises(ValueError, match=f"n_repeats must be a whole number of 1 or more, got {bad}"):
            bin_track(ridge, X, gene, method="permutation", y=np.arange(float(len(X))), n_repeats=bad)
    poisson = make_pipeline(TSSBinner(edges=EDGES), LogZScaler(), PoissonRegressor()).fit(*split[:2])
    with pytest.raises(TypeError, match="PoissonRegressor is not linear"):
        peak_gene_links(poisson, X)
    with pytest.raises(TypeError, match=r"wanted pairs.*ndarray"):
        bin_track(ridge[-1].regressor_, np.ones((3, 6)), gene)
    for rows, name in ((X, "no such gene"), (X[X.gene_codes > 0], gene), (X[:0], gene)):
        with pytest.raises(UnknownNameError, match=f"gene {name} does not occur in these pairs"):
            bin_track(ridge, rows, name)
    for setting in ("bands", "by", "n_permutations"):
        with pytest.raises(TypeError, match=f"unexpected keyword argument '{setting}'"):
            bin_track(ridge, X, gene, **{setting: "bins"})
    with pytest.raises(ValueError, match="needs y"):
        bin_track(ridge, X, gene, method="permutation")
    with pytest.raises(ValueError, match=f"values for {len(X)} pairs"):
        bin_track(ridge, X, gene, method="permutation", y=np.ones(len(X) + 5))


def test_a_bedpe_file_holds_links_of_one_signal(tmp_path):
    peak = {"signal": ["ATAC", "H3K27ac"], "chrom": "chr1", "start": [20, 40], "end": [30, 50]}
    links = pd.DataFrame({**peak, "gene": "GATA1", "tss": 100, "strand": "-", "score": [0.5, 0.2]})
    with pytest.raises(ValueError, match=r"table holds the signals 'ATAC', 'H3K27ac', and a BEDPE file one: write one"):
        write_bedpe(links, tmp_path / "links.bedpe")
    write_bedpe(links[links["signal"] == "ATAC"], tmp_path / "links.bedpe")
    assert len((tmp_path / "links.bedpe").read_text().splitlines()) == 1
