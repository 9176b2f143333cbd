"""Displays of data sets: distributions, cell types, distances from the TSS, loci."""

import figures
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from promises import assert_exact
from several_signals import several_signals, two_signals_by_hand
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline

from skepi.binning import BinnerUnion, TSSBinner
from skepi.compose import GeneZTarget
from skepi.datasets import make_paired_openness
from skepi.exceptions import MissingExpressionError, UnknownNameError
from skepi.inspection import (
    bin_importance,
    bin_track,
    cell_type_components,
    cell_type_outliers,
    distribution_summary,
    importance_profile,
    value_histogram,
)
from skepi.linear_model import LassoBaseline
from skepi.model_selection import CellTypeKFold
from skepi.paired import PairedDataset
from skepi.plotting import CellTypePCADisplay, DistributionDisplay, ImportanceDisplay, LocusDisplay
from skepi.plotting._style import VERMILLION
from skepi.preprocessing import LogZScaler

BANDS = [-1_000_000, -100_000, -10_000, -1_000, 0, 1_000, 10_000, 100_000, 1_000_000]


@pytest.fixture(scope="module")
def data():
    return make_paired_openness(n_genes=120, n_cell_types=16, corrupted=5)[0]


@pytest.fixture(scope="module")
def openness_only(data):
    return PairedDataset(data.openness, data.peaks, data.genes, cell_types=data.cell_types)


def renamed(data, name):
    cell_types = data.cell_types.assign(name=[name.format(k) for k in range(len(data.cell_types))])
    return PairedDataset(np.asarray(data.openness), data.peaks, data.genes, data.expression, cell_types)


# Distributions


def test_both_panels_show_the_histograms_with_zeros_apart(data):
    display = DistributionDisplay.from_dataset(data)
    assert len(display.axes_) == 2
    summary = distribution_summary(data)
    for k, values in enumerate((np.log1p(data.openness), data.expression)):
        table = value_histogram(values)
        zero, rest = table.iloc[0], table.iloc[1:]
        assert figures.heights(display.bars_[k]) == pytest.approx(rest["share"].tolist())
        assert display.bars_[k][0].get_x() == pytest.approx(rest["from"].iloc[0])
        assert display.zero_bars_[k].get_x() + display.zero_bars_[k].get_width() <= 0
        assert display.zero_bars_[k].get_height() <= zero["share"]
        assert to_hex(display.zero_bars_[k].get_facecolor()) == VERMILLION.lower()
    said = " ".join(figures.assert_readable(display.figure_)).replace("\n", " ")
    for name in ("openness", "expression"):
        assert f"zeros: {100 * summary.loc[name, 'zero_share']:.2g} %" in said
        assert f"a normal distribution would have {100 * summary.loc[name, 'expected_zero_share']:.2g} %" in said
    assert "openness, natural log of (1 + signal)" in said


def test_a_bar_that_would_dwarf_the_others_is_cut_and_says_so():
    values = np.r_[np.zeros(900), np.linspace(1, 2, 100)]
    display = DistributionDisplay.from_values(values, "coverage", n_bins=10)
    bar, others = display.zero_bars_[0], figures.heights(display.bars_[0])
    assert bar.get_height() == pytest.approx(1.6 * max(others))
    assert len(display.ax_.lines) == 2  # the cut
    assert "zeros: 90 %" in " ".join(figures.assert_readable(display.figure_))
    whole = DistributionDisplay.from_values([0, 1, 1, 2, 2], "coverage", n_bins=2)
    assert whole.zero_bars_[0].get_height() == pytest.approx(0.2)
    assert len(whole.ax_.lines) == 0


@pytest.mark.parametrize(("values", "name"), [([0, 0, 1, 1.5, 4], "0"), ([0, 0, -2, -1, 1, 1.5, 4], "zeros")])
def test_the_bar_of_the_zeros_is_named_and_the_axis_begins_behind_it(values, name):
    display = DistributionDisplay.from_values(values, "value", n_bins=20)
    bar = display.zero_bars_[0]
    figures.assert_readable(display.figure_)
    ticks = dict(zip([t.get_text() for t in display.ax_.get_xticklabels()], display.ax_.get_xticks(), strict=True))
    assert ticks.pop(name) == pytest.approx(bar.get_x() + bar.get_width() / 2)
    begins = display.ax_.spines["bottom"].get_bounds()[0]
    assert begins == min(0, *values)
    assert bar.get_x() + bar.get_width() < begins  # no number of the axis stands under the bar
    assert all(at == pytest.approx(float(text.replace("\N{MINUS SIGN}", "-"))) for text, at in ticks.items())
    assert min(ticks.values()) >= begins
    assert ("0" in ticks or "0.0" in ticks) == (name == "zeros")


@pytest.mark.parametrize("values", [[0, 0, 0], [2.0, 2.0], [0, 3, 3], np.linspace(-3, 3, 99) + 0.01])
def test_odd_values_are_drawn(values):
    display = DistributionDisplay.from_values(values, "value")
    assert (display.zero_bars_[0] is None) == (0 not in values)
    figures.assert_readable(display.figure_)


def test_no_histograms_are_refused():
    with pytest.raises(ValueError, match="histograms: nothing to draw, wanted at least one table"):
        DistributionDisplay(histograms={}, summary=pd.DataFrame(), labels={}).plot()


def test_one_panel_on_given_axes(data, openness_only):
    _, ax = plt.subplots()
    with pytest.raises(ValueError, match=r"given axes hold one panel: choose kind from \('openness', 'expression'\)"):
        DistributionDisplay.from_dataset(data, ax=ax)
    assert DistributionDisplay.from_dataset(data, kind="expression", ax=ax).axes_ == [ax]
    assert DistributionDisplay.from_dataset(openness_only, ax=ax).ax_ is ax
    with pytest.raises(ValueError, match="kind must be one of"):
        DistributionDisplay.from_dataset(openness_only, kind="expression")


LONG_NAMES = (
    "ATAC",
    "H3K27ac ChIP-seq, ENCODE reprocessed, donor 12 of 14",
    "CUT&Tag of H3K4me3 with spike-in, batch 2",
)


@pytest.fixture(scope="module")
def three():
    return several_signals(LONG_NAMES, n_genes=20)


@pytest.mark.slow
def test_each_signal_has_a_panel_of_its_own(three):
    display = DistributionDisplay.from_dataset(three, n_bins=20)
    assert len(display.axes_) == 4
    for k, name in enumerate(LONG_NAMES):
        table = value_histogram(np.log1p(three.openness[three.tables.peaks_of(name)]), n_bins=20)
        assert figures.heights(display.bars_[k]) == pytest.approx(table["share"][1:].tolist())
    said = [text.replace("\n", " ") for text in figures.assert_readable(display.figure_)]
    assert "ATAC, natural log of (1 + signal)" in said
    assert "H3K27ac ChIP-seq, E…ssed, donor 12 of 14, natural log of (1 + signal)" in said
    alone = DistributionDisplay.from_dataset(three, kind="ATAC", n_bins=20)
    assert [figures.heights(bars) for bars in alone.bars_] == [figures.heights(display.bars_[0])]


@pytest.mark.slow
def test_panels_of_many_signals_fill_rows_of_four():
    data = several_signals([f"mark {k}" for k in range(5)], n_genes=20)
    display = DistributionDisplay.from_dataset(data, n_bins=10)
    assert [ax.get_subplotspec().rowspan.start for ax in display.axes_] == [0, 0, 0, 0, 1, 1]
    assert display.figure_.axes == display.axes_  # no empty ones are left
    with pytest.raises(ValueError, match=r"kind must be one of \('mark 0', .*'expression'\), got 'openness'"):
        DistributionDisplay.from_dataset(data, kind="openness")


# Cell types


def test_cell_types_lie_at_their_components_and_the_odd_one_is_ringed(data):
    display = CellTypePCADisplay.from_dataset(data)
    components, explained = cell_type_components(data, n_components=2)
    drawn = np.vstack([np.asarray(scatter.get_offsets()) for scatter in display.scatters_.values()])
    wanted = components.to_numpy()
    assert sorted(map(tuple, drawn.round(9))) == sorted(map(tuple, wanted.round(9)))
    assert np.asarray(display.rings_.get_offsets()) == pytest.approx(components.loc[["cell005"]].to_numpy())
    assert display.names_[0].get_text() == "cell005"
    for name, scatter in display.scatters_.items():
        assert len(scatter.get_offsets()) == (data.cell_types["lineage"] == name).sum()
    assert len({to_hex(scatter.get_facecolor()[0]) for scatter in display.scatters_.values()}) == 4
    said = figures.assert_readable(display.figure_)
    assert f"PC1 of expression ({100 * explained['pc1']:.0f} % of variance)" in said


@pytest.mark.slow
@pytest.mark.parametrize("on", ["expression", "openness"])
@pytest.mark.parametrize(
    ("n_cell_types", "n_lineages"), [(4, 1), pytest.param(24, 4, marks=pytest.mark.slow), (201, 14)]
)
def test_few_and_many_cell_types_can_be_read(on, n_cell_types, n_lineages):
    data, _ = make_paired_openness(n_genes=60, n_cell_types=n_cell_types, n_lineages=n_lineages, n_peaks=800)
    display = CellTypePCADisplay.from_dataset(data, on, threshold=1.5)
    figures.assert_readable(display.figure_)
    assert len(display.scatters_) == min(n_lineages, 7)
    flagged = cell_type_outliers(data, on, threshold=1.5)["flagged"].sum()
    assert len(display.rings_.get_offsets()) == flagged
    if n_cell_types == 201:
        assert "8 other lineages" in display.scatters_
        assert len(display.names_) <= flagged


def test_a_map_of_one_signal_says_which(three):
    display = CellTypePCADisplay.from_dataset(three, "openness", signal="ATAC")
    assert_exact(display.table["score"], cell_type_outliers(three, "openness", signal="ATAC")["score"])
    assert display.ax_.get_xlabel().startswith("PC1 of ATAC (")
    with pytest.raises(ValueError, match="name one by signal="):
        CellTypePCADisplay.from_dataset(three, "openness")


def test_without_lineages_all_have_one_colour(data):
    plain = PairedDataset(data.openness, data.peaks, data.genes, data.expression, data.cell_types[["name"]])
    display = CellTypePCADisplay.from_dataset(plain)
    assert list(display.scatters_) == [""]
    assert display.ax_.get_legend() is None


@pytest.mark.slow
def test_long_names_of_cell_types_can_be_read(data):
    display = CellTypePCADisplay.from_dataset(renamed(data, "CD4-positive, alpha-beta memory T cell, donor {}"))
    assert any("…" in text for text in figures.assert_readable(display.figure_))


def test_bad_maps_are_refused(openness_only):
    with pytest.raises(MissingExpressionError, match="openness only"):
        CellTypePCADisplay.from_dataset(openness_only)
    with pytest.raises(ValueError, match="cell types: missing columns"):
        CellTypePCADisplay(table=pd.DataFrame({"pc1": [1.0]}), explained=pd.Series()).plot()


# Importance


@pytest.mark.slow
def test_a_profile_shows_the_null_band_and_what_lies_beyond_it(pairs):
    bins = TSSBinner(edges=BANDS).fit_transform(pairs[0])
    profile = importance_profile(Ridge(), bins, pairs[1], CellTypeKFold(2), bands="bins", n_permutations=19)
    display = ImportanceDisplay.from_profile(profile)
    assert figures.heights(display.bars_) == profile.table["importance"].tolist()
    orange = [to_hex(bar.get_facecolor()) == VERMILLION.lower() for bar in display.bars_]
    assert orange == profile.table["beyond"].tolist()
    assert len(display.beyond_) == sum(orange)
    corners = display.null_band_.get_paths()[0].vertices[:, 1]
    assert corners.max() == pytest.approx(profile.table["null_high"].max())
    assert corners.min() == pytest.approx(profile.table["null_low"].min())
    said = figures.assert_readable(display.figure_)
    labels = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert labels == [f"{edge // 1000}".replace("-", "\N{MINUS SIGN}") for edge in BANDS]
    assert "shaded: 95 % limits for all bands at once, 19 refits on permuted cell types" in said
    assert "offset from the TSS (kb, not to scale), downstream positive" in said
    assert display.tss_.xy[0] == BANDS.index(0)
    assert display.tss_.get_position()[0] > 0  # transcription goes downstream
    assert profile.unit in display.ax_.get_ylabel().replace("\n", " ")


def test_from_an_estimator_without_a_null_band(pairs):
    bins = TSSBinner(edges=BANDS).fit_transform(pairs[0])
    display = ImportanceDisplay.from_estimator(
        Ridge(), bins, pairs[1], CellTypeKFold(2), bands="bins", n_permutations=0
    )
    assert display.null_band_ is None
    assert len(display.bars_) == len(BANDS) - 1
    assert "TSS" in figures.assert_readable(display.figure_)


def test_many_bins_lie_on_a_log_axis_on_both_sides():
    edges = np.arange(-1_000_000, 1_000_001, 1_000)
    value = 1 / (1 + np.abs(edges[:-1]) / 1_000)
    table = pd.DataFrame({"from_bp": edges[:-1], "to_bp": edges[1:], "importance": value})
    display = ImportanceDisplay(table=table.assign(null_low=-0.3, null_high=0.3, beyond=value > 0.3)).plot()
    assert display.ax_.get_xscale() == "symlog"
    heights, places, _ = display.bars_.get_data()
    assert heights.tolist() == value.tolist()
    assert places.tolist() == (edges / 1_000).tolist()
    assert len(display.beyond_.get_offsets()) == (value > 0.3).sum()
    assert {"\N{MINUS SIGN}1000", "\N{MINUS SIGN}10", "0", "10", "1000"} <= set(
        figures.assert_readable(display.figure_)
    )


def test_28_bands_can_be_read():
    distances = [0, 250, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 35_000, 50_000, 100_000, 200_000, 350_000, 1_000_000]
    edges = np.r_[-np.array(distances[:0:-1]), distances]
    table = pd.DataFrame({"from_bp": edges[:-1], "to_bp": edges[1:], "importance": 0.1})
    said = figures.assert_readable(ImportanceDisplay(table=table).plot().figure_)
    assert {"0", "1", "10", "100", "1000"} <= set(said)


def test_bad_profiles_are_refused():
    table = pd.DataFrame({"from_bp": [0, 2_000], "to_bp": [1_000, 3_000], "importance": [0.1, 0.2]})
    with pytest.raises(ValueError, match="each must begin where the last one ends"):
        ImportanceDisplay(table=table).plot()
    with pytest.raises(ValueError, match=r"null_low, null_high and beyond go together, got \['null_low'\]"):
        ImportanceDisplay(table=table.iloc[:1].assign(null_low=0)).plot()
    with pytest.raises(TypeError, match="wanted an ImportanceProfile, got DataFrame"):
        ImportanceDisplay.from_profile(table)
    with pytest.raises(ValueError, match="importance of bands: the table has no rows"):
        ImportanceDisplay(table=table.iloc[:0]).plot()


EDGES = [-10_000, -1_000, 0, 1_000, 10_000]


def importance_table(*groups, edges=EDGES):
    """Bands of each (signal, feature), with rising importance."""
    n = len(edges) - 1
    rows = [
        {"signal": s, "feature": f, "from_bp": edges[k], "to_bp": edges[k + 1]} for s, f in groups for k in range(n)
    ]
    return pd.DataFrame(rows).assign(importance=np.arange(n * len(groups)) / 10 - 0.2)


def titles(display):
    return [panel.ax_.get_title("left") for panel in display.panels_]


def test_each_signal_and_feature_has_a_panel_on_one_scale():
    table = importance_table(("ATAC", ""), ("H3K27ac", ""), ("ATAC", "promoter"))
    table = table.assign(null_low=-0.1, null_high=0.35, beyond=lambda t: (t["importance"] > 0.35) | (t.index == 0))
    display = ImportanceDisplay(table=table, unit="weight", level=0.9, n_permutations=19).plot()
    assert titles(display) == ["ATAC", "H3K27ac", "ATAC promoter"]
    drawn = [figures.heights(panel.bars_) for panel in display.panels_]
    assert drawn == table["importance"].to_numpy().reshape(3, 4).tolist()
    assert [len(panel.beyond_) for panel in display.panels_] == [1, 2, 4]
    assert len({panel.ax_.get_ylim() for panel in display.panels_}) == 1
    assert len({panel.tss_.xy for panel in display.panels_}) == 1
    assert display.panels_[0].null_band_ is display.null_band_
    assert display.ax_ is display.panels_[0].ax_
    said = figures.assert_readable(display.figure_)
    assert said.count("shaded: 90 % limits for all bands of all panels at once, 19 refits on permuted cell types") == 1
    assert [text for text in said if "beyond them" in text] == [
        f"orange: beyond them ({n} of 4 bands)" for n in (1, 2, 4)
    ]


@pytest.mark.slow
def test_panels_of_a_profile_with_two_signals_and_features():
    data = several_signals(features=True, n_genes=20)
    X, y = data.pairs(return_X_y=True)
    bins = TSSBinner(edges=EDGES, features=["class:distal", "cpg"]).fit_transform(X)
    profile = importance_profile(Ridge(), bins, y, CellTypeKFold(2), bands="bins", n_permutations=19)
    display = ImportanceDisplay.from_profile(profile)
    assert titles(display) == ["ATAC class:distal", "ATAC cpg", "H3K27ac class:distal", "H3K27ac cpg"]
    assert np.concatenate([figures.heights(p.bars_) for p in display.panels_]).tolist() == (
        profile.table["importance"].tolist()
    )
    figures.assert_readable(display.figure_)
    chosen = ImportanceDisplay.from_profile(profile, signal="H3K27ac", feature=["cpg"])
    assert titles(chosen) == ["H3K27ac cpg"]
    assert figures.heights(chosen.bars_) == profile.table["importance"][-4:].tolist()


def test_importance_of_an_estimator_with_two_signals_is_chosen_by_name():
    X, y = several_signals(n_genes=20).pairs(return_X_y=True)
    bins = TSSBinner(edges=EDGES).fit_transform(X)
    settings = {"bands": "bins", "n_permutations": 0, "method": "coefficients"}
    display = ImportanceDisplay.from_estimator(Ridge(), bins, y, CellTypeKFold(2), signal="H3K27ac", **settings)
    whole = importance_profile(Ridge(), bins, y, CellTypeKFold(2), **settings).table
    assert figures.heights(display.bars_) == whole["importance"][whole["signal"] == "H3K27ac"].tolist()


@pytest.mark.slow
@pytest.mark.parametrize("n", [3, 6])
def test_panels_with_long_names_and_many_bins_can_be_read(n):
    groups = [(LONG_NAMES[k % 3], "" if k < 3 else "motif:GATA1_HUMAN.H11MO.0.A, 12 hits or more") for k in range(n)]
    display = ImportanceDisplay(table=importance_table(*groups, edges=range(-40_000, 40_001, 1_000))).plot()
    figures.assert_readable(display.figure_)
    assert display.ax_.get_xscale() == "symlog"
    columns = {panel.ax_.get_subplotspec().colspan.start for panel in display.panels_}
    assert len(columns) == (1 if n == 3 else 2)
    assert all(len(title) <= 56 for title in titles(display))


def test_a_signal_without_a_name_leaves_none_in_the_titles_of_its_features():
    display = ImportanceDisplay(table=importance_table(("openness", ""), ("openness", "class:promoter"))).plot()
    assert titles(display) == ["openness", "class:promoter"]


def test_bands_of_one_signal_may_come_from_several_binners():
    near, far = importance_table(("ATAC", "")), importance_table(("ATAC", ""), edges=[-90_000, -50_000, -10_000])
    display = ImportanceDisplay(table=pd.concat([near, far])).plot()
    assert figures.heights(display.bars_) == [*far["importance"], *near["importance"]]


@pytest.mark.slow
def test_signals_and_features_are_chosen_where_there_are_too_many():
    groups = [(signal, f"motif {k}") for signal in ("ATAC", "H3K27ac") for k in range(4)]
    display = ImportanceDisplay(table=importance_table(*groups))
    with pytest.raises(
        ValueError, match=r"8 signals and features, and at most 6 .* signal= \(of 'ATAC', 'H3K27ac'\) or"
    ):
        display.plot()
    assert titles(display.plot(feature=["motif 3", "motif 0"])) == [
        f"{signal} motif {k}" for signal in ("ATAC", "H3K27ac") for k in (0, 3)
    ]
    _, ax = plt.subplots()
    with pytest.raises(ValueError, match=r"given axes hold one panel: choose one of \['ATAC motif 0', 'ATAC motif 1'"):
        display.plot(ax, signal="ATAC")
    assert display.plot(ax, signal="ATAC", feature="motif 1").ax_ is ax
    with pytest.raises(ValueError, match=r"signal must be one of \('ATAC', 'H3K27ac'\), got 'H3K4me3'"):
        display.plot(signal="H3K4me3")
    with pytest.raises(ValueError, match="feature: wanted at least one name"):
        display.plot(feature=[])
    plain = ImportanceDisplay(table=importance_table(("openness", "")).drop(columns=["signal", "feature"]))
    with pytest.raises(ValueError, match="the table does not name a signal, so leave out signal='ATAC'"):
        plain.plot(signal="ATAC")
    assert titles(plain.plot()) == [""]
    twice = ImportanceDisplay(table=pd.concat([importance_table(("ATAC", ""))] * 2))
    with pytest.raises(ValueError, match="importance of bands of ATAC: each must begin where the last one ends"):
        twice.plot()


# Loci


@pytest.fixture(scope="module")
def small():
    """Four peaks, three genes, two cell types, by hand."""
    return PairedDataset(
        pd.DataFrame({"HSC": [4.0, 2.0, 0.0, 6.0], "Ery": [0.0, 3.0, 1.0, 0.0]}),
        {"chrom": ["chr1"] * 3 + ["chr2"], "start": [900, 1_500, 9_000, 900], "end": [1_100, 1_600, 9_100, 1_000]},
        {"name": ["A", "B", "C"], "chrom": ["chr1"] * 3, "tss": [1_000, 1_400, 9_500], "strand": ["-", "+", "+"]},
        [[1.0, 2.5], [0, 1], [1, 0]],
    )


def test_a_locus_by_hand(small):
    display = LocusDisplay.from_dataset(small, "A", ["HSC", "Ery"], flank=600, depth=None)
    assert display.window == (400, 1_601)
    hsc, ery = display.peaks_
    assert [(bar.get_x(), bar.get_width()) for bar in hsc] == [(900, 200), (1_500, 100)]
    assert display.top_ == 4.0
    assert figures.heights(hsc) == pytest.approx([0.85, 0.425])  # one scale for all tracks
    assert figures.heights(ery) == pytest.approx([0, 0.6375])
    assert hsc[0].get_y() == 1
    assert ery[0].get_y() == 0
    assert display.tss_.get_text() == "A"
    assert display.tss_.xy[0] == 1_000
    assert display.tss_.get_position()[0] < 0  # the minus strand points left
    assert list(display.gene_marks_) == ["B"]
    assert display.gene_marks_["B"].get_position()[0] > 0
    assert display.importance_ is None
    said = figures.assert_readable(display.figure_)
    assert {"HSC", "Ery", "position on chr1 (kb)", "1.00", "2.50", "expression (log)"} <= set(said)
    assert "openness, each track 0 to 4" in said


def test_narrow_peaks_are_wide_enough_to_be_seen_and_stay_in_place(small):
    display = LocusDisplay.from_dataset(small, "A", "HSC", flank=900_000, depth=None)
    per_bp = display.ax_.get_window_extent().width * 72 / display.figure_.dpi / np.ptp(display.ax_.get_xlim())
    bars = display.peaks_[0].patches
    assert [bar.get_width() * per_bp for bar in bars] == pytest.approx([2.0] * 3)  # points
    assert [bar.get_x() + bar.get_width() / 2 for bar in bars] == pytest.approx([1_000, 1_550, 9_050])
    assert figures.heights(bars)[2] == 0
    assert bars[2].get_linewidth() == 0  # no outline shows a closed peak


def test_genes_without_room_for_a_name_are_counted(small):
    display = LocusDisplay.from_dataset(small, "A", flank=900_000)
    assert sorted(display.gene_marks_) == ["B"]  # A in the first lane, B in the second
    assert display.gene_marks_["B"].xy[1] > display.tss_.xy[1]
    assert [segment[0, 0] for segment in display.unnamed_.get_segments()] == [9_500]
    assert "short lines: start sites of 1 more genes" in figures.assert_readable(display.figure_)
    assert LocusDisplay.from_dataset(small, "A", flank=600).unnamed_ is None


def test_openness_is_divided_by_the_mean_of_the_cell_type(small):
    display = LocusDisplay.from_dataset(small, "A", flank=600)
    assert list(display.openness) == ["Ery", "HSC"]  # from the highest expression of the gene
    assert display.openness["HSC"].tolist() == [4 / 3, 2 / 3]
    assert display.openness["Ery"].tolist() == [0.0, 3.0]


def test_peaks_are_cut_at_the_window(small):
    display = LocusDisplay.from_dataset(small, "A", "HSC", flank=50)
    assert [(bar.get_x(), bar.get_width()) for bar in display.peaks_[0]] == [(950, 101)]
    figures.assert_readable(display.figure_)


@pytest.fixture(scope="module")
def lasso(data):
    steps = [("bins", TSSBinner(flank=5_000)), ("scale", LogZScaler()), ("model", GeneZTarget(LassoBaseline(1e-3)))]
    return Pipeline(steps).fit(*data.pairs(return_X_y=True))


@pytest.mark.parametrize("method", ["gradient_x_input", "coefficients"])
def test_importance_lies_at_the_positions_of_the_bins(data, lasso, method):
    gene = data.genes[data.genes["strand"] == "-"].iloc[30]
    display = LocusDisplay.from_dataset(data, gene["name"], ["cell001"], lasso, flank=3_000, method=method)
    table = bin_importance(lasso, data.pairs([gene["name"]], ["cell001"]), method=method, bands="bins")
    first = table[table["from_bp"] == 0].iloc[0]  # the first downstream bin ends at the TSS on the minus strand
    bar = next(bar for bar in display.importance_ if bar.get_x() == gene["tss"] - 999)
    assert bar.get_width() == 1_000
    longest = table["importance"][(table["from_bp"] < 3_000) & (table["to_bp"] > -3_000)].abs().max()
    scale = max(abs(height) for height in figures.heights(display.importance_))
    assert bar.get_height() == pytest.approx(first["importance"] / longest * scale)
    said = " ".join(figures.assert_readable(display.figure_))
    assert "importance" in said
    assert f"bar: {longest:.2g})" in said


@pytest.mark.slow
@pytest.mark.parametrize("strand", ["+", "-"])
def test_permuted_bins_of_one_gene_show_the_skill_lost_over_the_tracks(data, lasso, strand):
    gene = data.genes["name"][data.genes["strand"] == strand].iloc[5]
    tracks = [f"cell{k:03d}" for k in (1, 3, 4, 8)]
    display = LocusDisplay.from_dataset(data, gene, tracks, lasso, flank=8_000, method="permutation")
    X, y = data.pairs([gene], tracks, return_X_y=True)
    track = bin_track(lasso, X, gene, method="permutation", y=y)
    assert_exact(display.importance, track[["start", "end", "importance"]])
    assert display.importance["importance"].abs().max() > 0
    assert any(text.startswith("skill lost (") for text in figures.assert_readable(display.figure_))


def test_bins_before_the_chromosome_are_not_drawn():
    genes = {"name": ["A", "B"], "chrom": "chr1", "tss": [1_500, 9_000], "strand": "+"}
    peaks = {"chrom": "chr1", "start": [100, 1_600, 8_900], "end": [300, 1_700, 9_100]}
    cells = list("abcd")
    openness = pd.DataFrame(np.arange(12.0).reshape(3, 4) + 1, columns=cells)
    data = PairedDataset(openness, peaks, pd.DataFrame(genes), [[0.0, 1, 3, 2], [1, 0, 2, 5]])
    bins = TSSBinner(edges=[-3_000, -2_000, -1_000, 0, 1_000], depth=None)
    model = Pipeline([("bins", bins), ("model", Ridge())]).fit(*data.pairs(return_X_y=True))
    display = LocusDisplay.from_dataset(data, "A", cells, model, flank=5_000)
    assert display.importance[["start", "end"]].to_numpy().tolist() == [[0, 500], [500, 1_500], [1_500, 2_500]]


@pytest.mark.slow
@pytest.mark.parametrize("flank", [1_000, 100_000, pytest.param(2_000_000, marks=pytest.mark.slow)])
def test_loci_of_all_sizes_can_be_read(data, flank):
    display = LocusDisplay.from_dataset(renamed(data, "memory B cell, donor {}"), data.genes["name"][50], flank=flank)
    said = figures.assert_readable(display.figure_)
    assert len(display.peaks_) == 12
    assert any(text.endswith("(Mb)" if flank == 2_000_000 else "(kb)") for text in said)


@pytest.mark.slow
def test_of_many_cell_types_twelve_from_the_highest_to_the_lowest_expression(data, openness_only):
    gene = data.genes["name"][7]
    display = LocusDisplay.from_dataset(data, gene)
    values = display.expression.to_numpy()
    assert len(values) == 12
    assert (np.diff(values) <= 0).all()
    assert (values[0], values[-1]) == (data.expression[7].max(), data.expression[7].min())
    without = LocusDisplay.from_dataset(openness_only, gene)
    assert without.expression is None
    assert list(without.openness)[::11] == ["cell000", "cell015"]


def test_a_locus_of_two_signals_by_hand():
    # Peaks of ATAC at 98-102 and 103-105, of K27ac at 90-96, 98-102 and, outside the window, 900-940.
    display = LocusDisplay.from_dataset(two_signals_by_hand(), "a", ["x", "y"], flank=20, depth=None)
    assert display.signals == ["ATAC", "K27ac"]
    assert display.tops_ == [16.0, 5.0]  # one scale per signal
    drawn = [[(bar.get_x(), bar.get_width()) for bar in bars] for bars in display.peaks_]
    assert drawn == [[(98, 4), (103, 2)]] * 2 + [[(90, 6), (98, 4)]] * 2
    shares = [np.array(figures.heights(bars)) / 0.85 for bars in display.peaks_]
    assert shares == [pytest.approx(one) for one in ([8 / 16, 2 / 16], [1, 0], [1 / 5, 1], [3 / 5, 1])]
    assert [bars[0].get_y() for bars in display.peaks_] == [4, 3, 1, 0]  # a row for each name
    colours = [to_hex(bars[0].get_facecolor()) for bars in display.peaks_]
    assert (len(set(colours)), colours[0], colours[2]) == (2, colours[1], colours[3])
    said = figures.assert_readable(display.figure_)
    assert [text for text in said if "each track" in text] == ["ATAC, each track 0 to 16", "K27ac, each track 0 to 5"]
    assert "signal, one scale per signal" in said
    assert said.count("0.00") == said.count("1.00") == 2  # expression beside the tracks of each signal
    assert display.tss_.xy[1] == pytest.approx(6.35)


def test_signals_of_a_locus_are_divided_by_their_own_means():
    data = two_signals_by_hand()
    display = LocusDisplay.from_dataset(data, "a", ["x", "y"], flank=20)
    # ATAC adds up to 10 and 16 over two peaks, K27ac to 6 and 15 over three.
    assert display.openness.to_numpy().tolist() == [[8 / 5, 2], [2 / 5, 0], [1 / 2, 3 / 5], [5 / 2, 1]]
    assert display.peaks["signal"].tolist() == ["ATAC", "ATAC", "K27ac", "K27ac"]


@pytest.mark.slow
def test_signals_of_a_locus_are_chosen_and_ordered():
    data = two_signals_by_hand()
    display = LocusDisplay.from_dataset(data, "a", ["x"], signals=["K27ac", "ATAC"], flank=20, depth=None)
    assert [len(bars) for bars in display.peaks_] == [2, 2]
    assert display.tops_ == [5.0, 8.0]
    twice = LocusDisplay.from_dataset(data, "a", ["x"], signals=["K27ac", "ATAC", "K27ac"], flank=20, depth=None)
    assert_exact(twice.openness, display.openness)
    one = LocusDisplay.from_dataset(data, "a", ["x"], signals="K27ac", flank=20)
    assert len(one.peaks_) == 1
    assert "K27ac: signal / mean of the cell type, each track 0 to 2.5" in figures.assert_readable(one.figure_)
    away = LocusDisplay.from_dataset(data, "a", ["x"], flank=2, depth=None)  # K27ac's peak at 98-102 alone
    assert [len(bars) for bars in away.peaks_] == [1, 1]
    nothing = data.genes.assign(tss=[850, 850])  # ATAC has no peak near, and keeps its tracks
    openness = {name: data.subset(signals=name).openness for name in data.signals}
    peaks = {name: data.subset(signals=name).peaks for name in data.signals}
    far = PairedDataset(openness, peaks, nothing, None, data.cell_types)
    assert [len(bars) for bars in LocusDisplay.from_dataset(far, "a", flank=80).peaks_] == [0, 0, 1, 1]


def test_importance_of_each_signal_and_feature_has_a_strip():
    rows = [("ATAC", "", 50, 80, 0.4), ("ATAC", "cpg", 60, 70, -0.2), ("K27ac", "", 50, 80, 0.1)]
    data = two_signals_by_hand()
    display = LocusDisplay.from_dataset(data, "a", ["x"], flank=50)
    display.importance = pd.DataFrame(rows, columns=["signal", "feature", "start", "end", "importance"])
    display.plot()
    bars = display.importance_
    assert figures.heights(bars) == pytest.approx([0.725, -0.3625, 0.18125])  # up and down, on one scale
    bases = [bar.get_y() for bar in bars]
    assert bases == sorted(bases, reverse=True)
    assert bars[0].get_y() - bars[1].get_y() == pytest.approx(1.85)
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == ["x", "x", "ATAC", "ATAC cpg", "K27ac"]
    assert display.ax_.get_yticks()[2:] == pytest.approx(bases)
    assert "importance (longest bar: 0.4)" in figures.assert_readable(display.figure_)


def test_of_many_strips_those_with_the_longest_bars_are_drawn():
    data = two_signals_by_hand()
    display = LocusDisplay.from_dataset(data, "a", ["x"], flank=50)
    value = [3, 9, 1, 8, 7, 2, 6, 5]
    table = pd.DataFrame({"signal": "ATAC", "feature": [f"motif {k}" for k in range(8)], "start": 60, "end": 70})
    display.importance = table.assign(importance=value)
    display.importance_label = "mean absolute contribution to standardised expression"
    display.plot()
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert [name for name in names if "motif" in name] == [f"ATAC motif {k}" for k in (0, 1, 3, 4, 6, 7)]
    assert figures.heights(display.importance_) == pytest.approx(np.array([3, 9, 8, 7, 6, 5]) / 9 * 1.45)
    said = figures.assert_readable(display.figure_)
    assert any(text.endswith("(highest bar: 9; 2 strips of shorter bars left out)") for text in said)


@pytest.fixture(scope="module")
def of_three(three):
    steps = [("bins", TSSBinner(flank=5_000)), ("scale", LogZScaler()), ("model", GeneZTarget(Ridge()))]
    return Pipeline(steps).fit(*three.pairs(return_X_y=True))


@pytest.mark.slow
def test_a_locus_of_three_signals_with_long_names_can_be_read(three, of_three):
    gene = three.genes["name"][3]
    display = LocusDisplay.from_dataset(three, gene, estimator=of_three, flank=30_000)
    assert len(display.peaks_) == 3 * 6
    assert display.openness.shape[1] == 6
    figures.assert_readable(display.figure_)
    track = bin_track(of_three, three.pairs([gene], list(display.openness)), gene, method="gradient_x_input")
    assert_exact(display.importance, track[["start", "end", "importance", "signal", "feature"]])
    some = LocusDisplay.from_dataset(three, gene, ["cell001"], of_three, signals=LONG_NAMES[1], flank=3_000)
    assert set(some.importance["signal"]) == {LONG_NAMES[1]}
    figures.assert_readable(some.figure_)


def test_features_of_a_signal_without_a_name_have_strips(data):
    features = pd.DataFrame({"class": np.where(np.arange(len(data.peaks)) % 2, "promoter", "distal")})
    plain = PairedDataset(data.openness, data.peaks, data.genes, data.expression, data.cell_types, features)
    bins = BinnerUnion([("all", TSSBinner(flank=3_000)), ("near", TSSBinner(flank=3_000, features=["class:promoter"]))])
    gene = data.genes["name"][5]
    model = Pipeline([("bins", bins), ("model", Ridge())]).fit(*plain.pairs(return_X_y=True))
    display = LocusDisplay.from_dataset(plain, gene, ["cell001"], model, flank=5_000)
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert labels == ["cell001", "openness", "class:promoter"]
    said = figures.assert_readable(display.figure_)
    assert any(text.startswith("openness / mean of the cell type, each track") for text in said)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n_signals", "n_tracks"), [(1, 12), (2, 8), *(pytest.param(*n, marks=pytest.mark.slow) for n in ((4, 4), (6, 3)))]
)
def test_tracks_of_many_signals_stay_few(n_signals, n_tracks):
    data = several_signals([f"mark {k}" for k in range(n_signals)], n_genes=10, n_cell_types=13)
    display = LocusDisplay.from_dataset(data, data.genes["name"][0])
    assert display.openness.shape[1] == n_tracks
    assert len(display.peaks_) == n_signals * n_tracks
    order = data.expression[0].max(), data.expression[0].min()
    assert (display.expression.iloc[0], display.expression.iloc[-1]) == order
    figures.assert_readable(display.figure_)


def test_signals_of_a_locus_that_cannot_be_drawn_are_refused(three, of_three):
    gene = three.genes["name"][0]
    with pytest.raises(UnknownNameError, match="no signal 'H3K9me3' in the data set; there are ATAC"):
        LocusDisplay.from_dataset(three, gene, signals=["ATAC", "H3K9me3"])
    with pytest.raises(ValueError, match="signals: wanted at least one name"):
        LocusDisplay.from_dataset(three, gene, signals=[])
    display = LocusDisplay.from_dataset(three, gene, ["cell001"])
    display.signals = [f"mark {k}" for k in range(7)]
    refused = r"7 signals, and at most 6 can be read: choose some by signals= \(of 'mark 0'"
    with pytest.raises(ValueError, match=refused):
        display.plot()
    model = Pipeline([("bins", TSSBinner(flank=2_000, signals=LONG_NAMES[:2])), ("model", Ridge())])
    model.fit(*three.pairs(return_X_y=True))
    with pytest.raises(ValueError, match=r"the estimator reads 'ATAC', .*none of which signals=\['CUT&Tag"):
        LocusDisplay.from_dataset(three, gene, estimator=model, signals=LONG_NAMES[2])


def test_what_is_no_data_set_is_refused():
    table = pd.DataFrame({"HSC": [1.0, 2.0], "Ery": [0.0, 3.0]})
    makes = (CellTypePCADisplay.from_dataset, DistributionDisplay.from_dataset)
    for make in (*makes, lambda data: LocusDisplay.from_dataset(data, "A")):
        with pytest.raises(TypeError, match="wanted a PairedDataset, got DataFrame"):
            make(table)


def test_bad_loci_are_refused(data, openness_only, lasso):
    gene = data.genes["name"][0]
    with pytest.raises(UnknownNameError, match=r"gene\(s\) not in the tables: GATA1"):
        LocusDisplay.from_dataset(data, "GATA1")
    with pytest.raises(UnknownNameError, match=r"cell type\(s\) not in the tables: HSC"):
        LocusDisplay.from_dataset(data, gene, ["HSC"])
    with pytest.raises(NotFittedError):
        LocusDisplay.from_dataset(data, gene, estimator=GeneZTarget())
    with pytest.raises(ValueError, match="flank must be a whole number of bp, 1 or more, got 0"):
        LocusDisplay.from_dataset(data, gene, flank=0)
    with pytest.raises(ValueError, match="depth must be 'mean' or None, got 'median'"):
        LocusDisplay.from_dataset(data, gene, depth="median")
    with pytest.raises(MissingExpressionError, match="method='permutation' compares predictions with the truth, and "):
        LocusDisplay.from_dataset(openness_only, gene, estimator=lasso, method="permutation")
    with pytest.raises(ValueError, match="no cell types: wanted at least one track"):
        LocusDisplay.from_dataset(data, gene, [])
    with pytest.raises(TypeError, match="data: wanted a PairedDataset, got int"):
        LocusDisplay.from_dataset(3, gene)
    display = LocusDisplay.from_dataset(data, gene)
    display.openness = display.openness.iloc[:, :0]
    with pytest.raises(ValueError, match="openness: no tracks"):
        display.plot()
