"""Displays of held-out predictions."""

import figures
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from promises import assert_exact
from sklearn.dummy import DummyRegressor

from skepi.binning import TSSBinner
from skepi.compose import GeneZTarget
from skepi.exceptions import ChromosomeWarning, UnknownNameError
from skepi.inspection import calibration, error_by, error_concentration, removal_curve
from skepi.model_selection import CellTypeKFold, cross_val_pairs
from skepi.paired import PairedDataset
from skepi.plotting import ErrorConcentrationDisplay, GroupedErrorDisplay, PredictionDisplay
from skepi.plotting._style import BLUE, GREY, VERMILLION

LONG = "CD4-positive, alpha-beta memory T cell, donor"


def held_out_table(n_genes=40, n_cell_types=8, name="cell{:03d}", seed=0, worst=2):
    """Held-out pairs of a calibrated predictor; one cell type has three times the error."""
    rng = np.random.default_rng(seed)
    gene, cell = np.repeat(np.arange(n_genes), n_cell_types), np.tile(np.arange(n_cell_types), n_genes)
    mean, p = rng.normal(3, 1, n_genes)[gene], rng.normal(0, 0.5, gene.size)
    t = p + rng.normal(0, 0.5, gene.size) * np.where(cell == worst, 3, 1)
    names = np.array([name.format(k) for k in range(n_cell_types)])
    frame = {"fold": 0, "gene": [f"gene{k}" for k in gene], "cell_type": names[cell]}
    return pd.DataFrame({**frame, "y_true": mean + t, "y_pred": mean + p, "train_mean": mean})


@pytest.fixture(scope="module")
def held_out():
    return held_out_table()


# Truth and prediction


def test_points_are_truth_and_prediction_less_the_training_mean(held_out):
    display = PredictionDisplay.from_predictions(held_out)
    wanted = np.column_stack([held_out[name] - held_out["train_mean"] for name in ("y_pred", "y_true")])
    assert np.asarray(display.points_.get_offsets()) == pytest.approx(wanted)
    slope = calibration(held_out).loc["slope"]
    (x0, x1), (y0, y1) = display.fit_line_.get_data()
    assert (y1 - y0) / (x1 - x0) == pytest.approx(slope["estimate"])
    assert y0 / x0 == pytest.approx(slope["estimate"])  # through 0
    assert figures.data_of(display.diagonal_)[0] == figures.data_of(display.diagonal_)[1]
    assert display.highlight_ is None
    said = figures.assert_readable(display.figure_)
    assert "320 held-out pairs" in said
    assert f"fitted: slope {slope['estimate']:.2f} ({slope['low']:.2f} to {slope['high']:.2f})" in said
    assert "prediction less the gene's training mean (units of y)" in " ".join(said).replace("\n", " ")


def test_unseen_genes_are_drawn_less_the_mean_of_their_test_pairs(held_out):
    display = PredictionDisplay.from_predictions(held_out.assign(train_mean=np.nan))
    t = held_out["y_true"] - held_out.groupby("gene")["y_true"].transform("mean")
    assert np.asarray(display.points_.get_offsets())[:, 1] == pytest.approx(t.to_numpy())
    assert "prediction less the gene's mean of the test pairs (units of y)" in display.ax_.get_xlabel().replace(
        "\n", " "
    )


@pytest.mark.parametrize("kind", ["true_vs_predicted", "error_vs_expression"])
def test_a_highlighted_cell_type_is_orange_and_named(held_out, kind):
    display = PredictionDisplay.from_predictions(held_out, kind=kind, highlight="cell002")
    rows = held_out[held_out["cell_type"] == "cell002"]
    x = rows["y_pred"] - rows["train_mean"] if kind == "true_vs_predicted" else rows["y_true"]
    drawn = set(np.asarray(display.highlight_.get_offsets())[:, 0].round(9))
    assert drawn <= set(x.round(9))
    assert len(drawn) > 30
    assert to_hex(display.highlight_.get_facecolor()[0]) == VERMILLION.lower()
    assert "cell002: 40 pairs" in figures.assert_readable(display.figure_)


def test_many_points_become_hexagons_that_say_how_many(rng):
    table = held_out_table(n_genes=800)
    display = PredictionDisplay.from_predictions(table, highlight="cell001")
    counts = display.points_.get_array()
    said = " ".join(figures.assert_readable(display.figure_)).replace("\n", " ")
    outside = table.shape[0] - int(counts.sum())
    assert 0 < outside < 40
    assert f"6,400 held-out pairs; darkest hexagons: {int(counts.max()):,} each (log scale)" in said
    assert f"{outside} outside the frame" in said


def test_of_a_large_cell_type_a_stated_number_is_drawn():
    display = PredictionDisplay.from_predictions(held_out_table(n_genes=2_500, n_cell_types=2), highlight="cell000")
    assert len(display.highlight_.get_offsets()) <= 2_000
    assert "cell000: 2,000 of 2,500 pairs" in figures.assert_readable(display.figure_)


def test_errors_by_expression_with_the_mean_of_groups(held_out):
    display = PredictionDisplay.from_predictions(held_out, kind="error_vs_expression")
    groups = error_by(held_out, "expression", n_groups=10)
    heights, edges, _ = display.fit_line_.get_data()
    assert heights == pytest.approx(groups["mse"].to_numpy())
    assert edges[1:-1] == pytest.approx([part.right for part in groups.index[:-1]])
    drawn = np.asarray(display.points_.get_offsets())
    error = (held_out["y_true"] - held_out["y_pred"]) ** 2
    assert set(drawn[:, 1].round(9)) <= set(error.round(9))
    outside = len(error) - len(drawn)
    said = " ".join(figures.assert_readable(display.figure_))
    assert f"{outside} outside the frame" in said
    assert "squared error (squared units of y)" in said
    assert "expression (units of y)" in said
    assert f"means of {len(groups)} quantile groups" in said


@pytest.mark.slow
@pytest.mark.parametrize(("n_genes", "n_cell_types"), [(7, 2), (100, 3), (20, 201)])
def test_few_and_many_pairs_can_be_read(n_genes, n_cell_types):
    table = held_out_table(n_genes, n_cell_types, worst=0, name=LONG + " {}")
    for kind in ("true_vs_predicted", "error_vs_expression"):
        display = PredictionDisplay.from_predictions(table, kind=kind, highlight=LONG + " 1")
        figures.assert_readable(display.figure_)


def test_a_predictor_that_gives_the_mean_has_no_line(held_out):
    display = PredictionDisplay.from_predictions(held_out.assign(y_pred=held_out["train_mean"]))
    assert display.fit_line_ is None
    assert not any(text.startswith("fitted") for text in figures.assert_readable(display.figure_))


def test_from_an_estimator_it_is_what_cross_val_pairs_gives(pairs):
    bins = TSSBinner(edges=[-1_000, 0, 1_000]).fit_transform(pairs[0])
    model, cv = GeneZTarget(DummyRegressor()), CellTypeKFold(3)
    display = PredictionDisplay.from_estimator(model, bins, pairs[1], cv)
    assert_exact(display.held_out, cross_val_pairs(model, bins, pairs[1], cv))


def test_from_an_estimator_a_fitted_one_is_not_used(pairs):
    bins = TSSBinner(edges=[-1_000, 0, 1_000]).fit_transform(pairs[0])
    fitted = DummyRegressor().fit(bins, pairs[1] + 100)
    before = fitted.constant_.tolist()
    display = PredictionDisplay.from_estimator(fitted, bins, pairs[1], CellTypeKFold(3))
    fresh = PredictionDisplay.from_estimator(DummyRegressor(), bins, pairs[1], CellTypeKFold(3))
    assert_exact(display.held_out, fresh.held_out)
    assert fitted.constant_.tolist() == before


def test_bad_predictions_are_refused(held_out, pairs):
    with pytest.raises(UnknownNameError, match="cell type 'HSC' is not among the held-out pairs, which have cell000, "):
        PredictionDisplay.from_predictions(held_out, highlight="HSC")
    with pytest.raises(ValueError, match=r"kind must be one of .*, got 'scatter'"):
        PredictionDisplay.from_predictions(held_out, kind="scatter")
    X = TSSBinner(edges=[-1_000, 0, 1_000]).fit_transform(pairs[0])
    with pytest.raises(UnknownNameError, match=r"cell type\(s\) not in the tables: HSC"):  # before any fit
        PredictionDisplay.from_estimator(None, X, pairs[1], None, highlight="HSC")
    with pytest.raises(ValueError, match="kind must be one of"):
        PredictionDisplay.from_estimator(DummyRegressor(), None, None, None, kind="scatter")
    for make in (PredictionDisplay, ErrorConcentrationDisplay, GroupedErrorDisplay):
        with pytest.raises(ValueError, match="held_out: the table has no rows"):
            make.from_predictions(held_out.iloc[:0])
        with pytest.raises(ValueError, match=r"held_out: missing columns \['y_pred'\]"):
            make.from_predictions(held_out.drop(columns="y_pred"))


# Concentration


def test_the_share_of_error_is_drawn_beside_that_of_normal_errors(held_out):
    display = ErrorConcentrationDisplay.from_predictions(held_out)
    table = error_concentration(held_out)
    assert figures.data_of(display.line_) == [[0, *table["share_of_pairs"]], [0, *table["share_of_error"]]]
    assert figures.data_of(display.normal_line_)[1] == [0, *table["normal_share_of_error"]]
    assert display.line_.get_color() == BLUE
    assert len(display.axes_) == len(display.figure_.axes) == 2
    said = " ".join(figures.assert_readable(display.figure_)).replace("\n", " ")
    at = np.interp(0.3, table["share_of_pairs"], table["share_of_error"])
    assert f"the worst 30 % of pairs carry {100 * at:.0f} % of the squared error (normal errors: 78 %, dashed)" in said


def test_what_is_left_is_drawn_and_the_worst_are_named(held_out):
    display = ErrorConcentrationDisplay.from_predictions(held_out, by="cell_type", kind="removal")
    table = removal_curve(held_out, "cell_type")
    assert figures.data_of(display.removal_line_) == [table["n_removed"].tolist(), table["mse"].tolist()]
    assert display.line_ is None
    assert len(display.figure_.axes) == 1
    assert f"without {table['removed'].iloc[1]}" in figures.assert_readable(display.figure_)
    named = table.iloc[1:4]  # each name belongs to a point of its own on the curve
    assert figures.data_of(display.worst_points_) == [named["n_removed"].tolist(), named["mse"].tolist()]


def test_long_curves_are_thinned_but_keep_their_ends(rng):
    display = ErrorConcentrationDisplay.from_predictions(held_out_table(n_genes=1_000))
    x, y = figures.data_of(display.line_)
    assert len(x) == 2_000
    assert (x[0], x[-1]) == (0, 1)
    assert y[-1] == pytest.approx(1)


@pytest.mark.parametrize("by", ["pair", "gene", "cell_type"])
@pytest.mark.parametrize(
    ("n_genes", "n_cell_types", "name"),
    [
        (30, 6, LONG + " {}"),
        *(pytest.param(*case, marks=pytest.mark.slow) for case in [(7, 2, "{}"), (20, 201, "c{}")]),
    ],
)
def test_concentration_can_be_read(by, n_genes, n_cell_types, name):
    table = held_out_table(n_genes, n_cell_types, name, worst=0)
    figures.assert_readable(ErrorConcentrationDisplay.from_predictions(table, by=by).figure_)


def test_given_axes_hold_one_panel(held_out):
    _, ax = plt.subplots()
    with pytest.raises(ValueError, match="given axes hold one panel: choose kind"):
        ErrorConcentrationDisplay.from_predictions(held_out, ax=ax)
    display = ErrorConcentrationDisplay.from_predictions(held_out, kind="removal", ax=ax)
    assert display.axes_ == [ax]
    with pytest.raises(ValueError, match=r"kind must be one of \('removal',\), got 'concentration'"):
        display.plot(kind="concentration")


def test_nothing_and_another_unit_are_refused(held_out):
    with pytest.raises(ValueError, match="nothing to draw: wanted a table of the concentration, of the removal, or bo"):
        ErrorConcentrationDisplay().plot()
    with pytest.raises(ValueError, match="nothing to draw: wanted a table of the concentration"):
        ErrorConcentrationDisplay().plot(kind="removal")
    known = r"by must be one of \('pair', 'gene', 'cell_type'\), got 'lineage'"
    for tables in ({"concentration": error_concentration(held_out)}, {"removal": removal_curve(held_out)}, {}):
        with pytest.raises(ValueError, match=known):
            ErrorConcentrationDisplay(**tables, by="lineage").plot()
    with pytest.raises(ValueError, match="by must be one of 'pair', 'gene', 'cell_type', got 'lineage'"):
        ErrorConcentrationDisplay.from_predictions(held_out, by="lineage")


def test_what_is_left_is_in_the_units_of_the_caller(held_out):
    display = ErrorConcentrationDisplay.from_predictions(held_out, kind="removal")
    assert display.ax_.get_ylabel().replace("\n", " ") == "MSE of what is left (squared units of y)"


# Groups


def test_cell_types_are_bars_from_the_worst_with_the_training_mean(held_out):
    display = GroupedErrorDisplay.from_predictions(held_out)
    table = error_by(held_out, "cell_type").sort_values("mse", ascending=False)
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert names == table.index.tolist()
    assert display.ax_.get_yticks()[0] == max(display.ax_.get_yticks())  # the worst on top
    assert [bar.get_width() for bar in display.bars_] == table["mse"].tolist()
    assert [segment[0, 0] for segment in display.mean_ticks_.get_segments()] == table["mse_mean"].tolist()
    said = figures.assert_readable(display.figure_)
    assert "mean squared error (squared units of y)" in said
    assert "bars: model; black lines: training mean of the gene" in said


def test_groups_say_how_many_pairs_they_hold(held_out):
    equal = GroupedErrorDisplay.from_predictions(held_out)
    assert "40 pairs each" in figures.assert_readable(equal.figure_)
    fewer = held_out[(held_out["cell_type"] != "cell001") | (held_out["gene"] == "gene1")]
    display = GroupedErrorDisplay.from_predictions(fewer, value="skill")
    said = figures.assert_readable(display.figure_)
    assert {"cell001 (1 pairs)", "cell000 (40 pairs)", "1 to 40 pairs each"} <= set(said)


def test_chromosomes_without_peaks_come_last_and_say_so():
    genes = {"name": ["a", "b"], "chrom": ["chr1", "chrM"], "tss": [500, 500], "strand": "+"}
    peaks = {"chrom": ["chr1"], "start": [400], "end": [600]}
    with pytest.warns(ChromosomeWarning, match="chrM"):
        data = PairedDataset(pd.DataFrame({"HSC": [1.0], "Ery": [2.0]}), peaks, pd.DataFrame(genes), [[1, 2], [3, 9.0]])
    table = pd.DataFrame({"fold": 0, "gene": list("aabb"), "cell_type": ["HSC", "Ery"] * 2, "train_mean": 1.0})
    table = table.assign(y_true=[1.0, 2.0, 3.0, 9.0], y_pred=[1.0, 1.5, 2.0, 2.0])
    for value in ("mse", "skill", "error_ratio"):
        display = GroupedErrorDisplay.from_predictions(table, "chromosome", data=data, value=value)
        assert [label.get_text() for label in display.ax_.get_yticklabels()] == ["chr1", "chrM (no peaks)"]
        assert to_hex(display.bars_[1].get_facecolor()) == GREY.lower()
        assert to_hex(display.bars_[0].get_facecolor()) == BLUE.lower()


def test_skill_far_below_zero_does_not_squeeze_the_rest(held_out):
    wild = held_out["cell_type"] == "cell001"
    table = held_out.assign(y_pred=held_out["y_pred"] + 50 * wild)
    worst = error_by(table, "cell_type")["skill"].min()
    display = GroupedErrorDisplay.from_predictions(table, value="skill")
    assert -1.2 < display.ax_.get_xlim()[0] < -1
    assert any(text.endswith(f"\N{MINUS SIGN}{-worst:.3g}") for text in figures.assert_readable(display.figure_))
    many = held_out_table(4, 60).assign(y_pred=lambda t: t["y_pred"] + 50 * (t["cell_type"] == "cell007"))
    ranked = GroupedErrorDisplay.from_predictions(many, value="skill")
    assert (ranked.outside_.get_xdata().tolist()[0], set(ranked.outside_.get_ydata())) == (1, {-1.0})
    assert min(ranked.points_.get_ydata()) >= -1
    n = len(ranked.outside_.get_xdata())
    assert f"{n} below \N{MINUS SIGN}1, at the edge" in figures.assert_readable(ranked.figure_)
    groups = GroupedErrorDisplay.from_predictions(table.assign(y_pred=50.0), "expression", value="skill", n_groups=5)
    assert -1.2 < groups.ax_.get_ylim()[0] < -1
    figures.assert_readable(groups.figure_)


def test_skill_below_zero_is_orange(held_out):
    worse = held_out["cell_type"] == "cell001"
    table = held_out.assign(y_pred=held_out["y_pred"] + 2 * worse)
    display = GroupedErrorDisplay.from_predictions(table, value="skill")
    colour = {
        label.get_text(): to_hex(bar.get_facecolor())
        for label, bar in zip(display.ax_.get_yticklabels(), display.bars_, strict=True)
    }
    assert colour["cell001"] == VERMILLION.lower()
    assert colour["cell004"] == BLUE.lower()
    assert display.mean_ticks_ is None


def test_rounding_is_no_skill(held_out):
    display = GroupedErrorDisplay.from_predictions(
        held_out.assign(y_pred=held_out["train_mean"] + 1e-16), value="skill"
    )
    assert max(abs(limit) for limit in display.ax_.get_xlim()) > 1e-3


def test_quantile_groups_stay_in_order_with_their_limits_between_them(held_out):
    display = GroupedErrorDisplay.from_predictions(held_out, "expression", n_groups=5)
    table = error_by(held_out, "expression", n_groups=5)
    assert figures.heights(display.bars_) == table["mse"].tolist()
    assert display.ax_.get_xticks().tolist() == [0, 1, 2, 3, 4, 5]
    labels = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert labels == ["min", *(f"{part.right:.3g}" for part in table.index)]
    assert "expression (units of y), quantile groups" in figures.assert_readable(display.figure_)


def test_tied_groups_are_not_said_to_be_of_equal_size(pairs):
    X = TSSBinner(edges=[-9_000, 0, 9_000]).fit_transform(pairs[0])
    held_out = cross_val_pairs(GeneZTarget(DummyRegressor()), pairs[0], pairs[1], CellTypeKFold(3))
    for by, label in {
        "open_bins": "number of open bins, quantile groups",
        "variance": "variance of the gene over cell types (squared units of y), quantile groups of genes",
    }.items():
        display = GroupedErrorDisplay.from_predictions(held_out, by, X=X)
        assert display.ax_.get_xlabel().replace("\n", " ") == label
    sizes = error_by(held_out, "open_bins", X=X)["n_pairs"]
    assert sizes.max() > 1.5 * sizes.min()


@pytest.mark.slow
def test_many_groups_are_dots_by_rank_and_the_worst_is_named():
    table = held_out_table(20, 201)
    display = GroupedErrorDisplay.from_predictions(table)
    mse = np.sort(error_by(table, "cell_type")["mse"])[::-1]
    assert figures.data_of(display.points_) == [list(range(1, 202)), mse.tolist()]
    said = figures.assert_readable(display.figure_)
    assert "cell002" in said
    assert "201 cell types, worst first" in said
    figures.assert_readable(GroupedErrorDisplay.from_predictions(table, value="skill").figure_)


@pytest.mark.slow
@pytest.mark.parametrize(
    "value", ["mse", *(pytest.param(value, marks=pytest.mark.slow) for value in ("skill", "error_ratio"))]
)
@pytest.mark.parametrize(
    "by",
    [
        *("cell_type", "gene", "expression"),
        *(pytest.param(by, marks=pytest.mark.slow) for by in ("chromosome", "variance", "open_bins")),
    ],
)
def test_groups_of_all_kinds_can_be_read(simulated, pairs, by, value):
    data, X = simulated[0], TSSBinner(edges=[-9_000, 0, 9_000]).fit_transform(pairs[0])
    held_out = cross_val_pairs(GeneZTarget(DummyRegressor()), pairs[0], pairs[1], CellTypeKFold(3))
    display = GroupedErrorDisplay.from_predictions(held_out, by, value=value, data=data, X=X)
    figures.assert_readable(display.figure_)


def test_own_labels_and_long_names_can_be_read(held_out):
    display = GroupedErrorDisplay.from_predictions(held_out, np.where(held_out["y_true"] > 3, "high", "low"))
    n_high = int((held_out["y_true"] > 3).sum())
    wanted = {f"high ({n_high} pairs)", f"low ({len(held_out) - n_high} pairs)"}
    assert wanted <= set(figures.assert_readable(display.figure_))
    display = GroupedErrorDisplay.from_predictions(held_out_table(20, 3, LONG + " {}", worst=0))
    assert f"{LONG} 1" in figures.assert_readable(display.figure_)


def test_bad_groups_are_refused(held_out):
    with pytest.raises(ValueError, match=r"value must be one of .*, got 'r2'"):
        GroupedErrorDisplay.from_predictions(held_out, value="r2")
    with pytest.raises(ValueError, match="no group has a finite skill; skill needs genes with training pairs"):
        GroupedErrorDisplay.from_predictions(held_out.assign(train_mean=np.nan), value="skill")
    with pytest.raises(ValueError, match="errors of groups: missing columns"):
        GroupedErrorDisplay(table=pd.DataFrame({"x": [1]}), by="gene").plot()
