"""ComparisonDisplay: what is drawn are the numbers of the comparison, and they can be read."""

from dataclasses import replace
from functools import cache

import figures
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from sklearn.base import BaseEstimator, RegressorMixin

from skepi.comparison import compare_models
from skepi.datasets import make_paired_openness
from skepi.paired import PairedDataset
from skepi.plotting import ComparisonDisplay
from skepi.plotting._style import BLUE, VERMILLION

LONG = "shared band weights and a cell-state process on what is left, no. "
FIVE = ["random pairs", "cell types", "lineages", "chromosomes", "crossed"]


class Knows(RegressorMixin, BaseEstimator):
    """Mean of the gene plus a share of the difference that is true, and noise."""

    def __init__(self, truth=None, weight=0.0, noise=0.0):
        self.truth = truth
        self.weight = weight
        self.noise = noise

    def fit(self, X, y):
        self.means_ = pd.Series(y).groupby(X.gene_codes).mean()
        return self

    def predict(self, X, return_std=False):
        mean = self.means_.reindex(X.gene_codes).fillna(self.means_.mean()).to_numpy()
        noise = np.random.RandomState(0).normal(0, self.noise, self.truth.shape)
        at = X.gene_codes, X.cell_type_codes
        prediction = mean + self.weight * (self.truth[at] - mean) + noise[at]
        return (prediction, np.full(len(X), 0.5)) if return_std else prediction


def made(weights, splits, n_cell_types=8, names=str, cell="{}", ceiling=True, noise=0.2):
    """Compare models that know a share of the truth, on cell types with these names."""
    law, _ = make_paired_openness(30, n_cell_types, n_lineages=4, random_state=1)
    cells = law.cell_types.assign(name=[cell.format(name) for name in law.cell_types["name"]])
    data = PairedDataset(law.openness, law.peaks, law.genes, law.expression, cells)
    variance = pd.DataFrame(0.05, index=data.genes["name"], columns=data.cell_types["name"])
    models = {names(k): Knows(data.expression, w, noise if w else 0.0) for k, w in enumerate(weights)}
    replicate_variance = variance if ceiling else None
    return compare_models(models, data, splits, replicate_variance=replicate_variance, n_bootstrap=30)


@pytest.fixture(scope="module")
def compared():
    return made([0.0, 0.8, 0.4], ["cell types", "chromosomes"], names="m{}".format)


@cache
def of_size(n_models, n_splits, long):
    names, cell = ((LONG + "{}").format, LONG + "{}") if long else ("m{}".format, "{}")
    return made(np.linspace(-0.6, 0.9, n_models), FIVE[:n_splits], names=names, cell=cell)


def test_models_are_ranked_with_their_intervals(compared):
    display = ComparisonDisplay.from_comparison(compared)
    assert display.models_ == ["m1", "m2", "m0"]
    for k, (split, value) in enumerate({"cell types": "skill", "chromosomes": "within_gene_skill"}.items()):
        wanted = compared.scores.loc[split].loc[display.models_]
        drawn = np.asarray(display.points_[k].get_offsets())
        assert drawn[:, 0] == pytest.approx(wanted[value].to_numpy())
        assert drawn[:, 1].tolist() == [2, 1, 0]  # the best on top
        ends = np.array([segment[:, 0] for segment in display.intervals_[k].get_segments()])
        assert ends == pytest.approx(wanted[["low_gene", "high_gene"]].to_numpy())
        assert display.reference_lines_[k].get_xdata()[0] == 0
        assert display.ceiling_lines_[k].get_xdata()[0] == compared.ceilings.loc[split, "ceiling"]
    assert display.images_ == [None, None]
    said = figures.assert_readable(display.figure_)
    assert {
        "m0",
        "m1",
        "m2",
        "skill\n(95 % intervals over genes)",
        "within-gene skill\n(95 % intervals over genes)",
    } <= set(said)
    assert f"dashed: noise ceiling {compared.ceilings['ceiling'].iloc[0]:.2f}" in said
    assert [ax.get_title() for ax in display.axes_] == ["cell types", "chromosomes"]
    assert display.ax_ is display.axes_[0]


def test_numbers_below_narrow_panels_do_not_meet(compared):
    small = {"low_cell_type": -0.004, "high_cell_type": 0.117}
    known = compared.scores[["skill", "within_gene_skill"]].where(lambda scores: scores.isna(), 0.029)
    no_ceilings = compared.ceilings.assign(ceiling=np.nan)
    comparison = replace(compared, scores=compared.scores.assign(**known, **small), ceilings=no_ceilings)
    display = ComparisonDisplay.from_comparison(comparison, by="cell_type")
    shown = figures.assert_readable(display.figure_)
    assert shown.count("0.05") == 2


def test_names_stand_beside_the_first_panel_in_the_order_of_points(compared):
    display = ComparisonDisplay.from_comparison(compared)
    first, second = display.axes_
    named = dict(zip(first.get_yticks(), [label.get_text() for label in first.get_yticklabels()], strict=True))
    assert named == {2: "m1", 1: "m2", 0: "m0"}
    assert not any(label.get_text() for label in second.get_yticklabels())
    assert first.get_ylim() == second.get_ylim()


def test_intervals_over_cell_types(compared):
    display = ComparisonDisplay.from_comparison(compared, split="cell types", by="cell_type")
    ends = np.array([segment[:, 0] for segment in display.intervals_[0].get_segments()])
    wanted = compared.scores.loc["cell types"].loc[display.models_, ["low_cell_type", "high_cell_type"]]
    assert ends == pytest.approx(wanted.to_numpy())
    assert "skill\n(95 % intervals over cell types)" in figures.assert_readable(display.figure_)


@pytest.mark.parametrize(
    ("value", "reference", "label"),
    [
        ("r_median", None, "r across cell types, median over genes"),
        ("r_across", None, "r across genes, median over cell types"),
        ("slope", 1, "slope of the truth on the prediction"),
        ("coverage", 0.9, "share of pairs within the predicted interval (of level 0.9)"),
    ],
)
def test_other_scores_have_no_intervals_and_their_own_line(compared, value, reference, label):
    display = ComparisonDisplay.from_comparison(compared, split=["cell types"], value=value)
    drawn = np.asarray(display.points_[0].get_offsets())
    wanted = compared.scores.loc["cell types"].loc[display.models_, value]
    assert drawn[:, 0] == pytest.approx(wanted.to_numpy(), nan_ok=True)
    assert display.intervals_ == display.ceiling_lines_ == [None]
    line = display.reference_lines_[0]
    assert (line is None) if reference is None else (line.get_xdata()[0] == reference)
    figures.assert_readable(display.figure_)
    assert display.ax_.get_xlabel().replace("\n", " ") == label


def test_splits_without_the_score_are_left_out(compared):
    display = ComparisonDisplay.from_comparison(compared, value="r_median")
    assert [ax.get_title() for ax in display.axes_] == ["cell types"]
    with pytest.raises(ValueError, match="no model has a r_median under chromosomes"):
        ComparisonDisplay.from_comparison(compared, split="chromosomes", value="r_median")


@pytest.mark.slow
def test_panels_of_one_score_share_their_axis():
    compared = made([0.0, 0.8], ["random pairs", "lineages", "crossed"])
    first, second, third = (ax.get_xlim() for ax in ComparisonDisplay.from_comparison(compared).axes_)
    assert first == second
    assert first != third


@pytest.mark.slow
def test_what_is_worse_than_the_mean_is_red_and_what_is_far_worse_is_written_at_the_edge():
    compared = made([0.0, 0.8, -0.3, 1.0], ["lineages"], names=["mean", "good", "worse", "wild"].__getitem__, noise=0.0)
    display = ComparisonDisplay.from_comparison(compared)
    colours = dict(zip(display.models_, map(to_hex, display.points_[0].get_facecolors()), strict=True))
    assert colours == {"wild": BLUE.lower(), "good": BLUE.lower(), "mean": BLUE.lower(), "worse": VERMILLION.lower()}
    far = made([0.0, 0.8, -2.0], ["lineages"], names=["mean", "good", "far"].__getitem__, noise=0.0)
    display = ComparisonDisplay.from_comparison(far)
    assert len(display.points_[0].get_offsets()) == 2
    assert display.ax_.get_xlim()[0] > -1.2
    skill = far.scores.loc[("lineages", "far"), "skill"]
    written = [text.get_text() for text in display.ax_.texts]
    assert f"\N{BLACK LEFT-POINTING TRIANGLE} \N{MINUS SIGN}{-skill:.3g}" in written
    figures.assert_readable(display.figure_)


def test_without_a_ceiling_there_is_no_line():
    display = ComparisonDisplay.from_comparison(made([0.0, 0.5], ["lineages"], ceiling=False))
    assert display.ceiling_lines_ == [None]
    assert not any("ceiling" in text for text in figures.assert_readable(display.figure_))


# Skill of cell types


@pytest.mark.slow
def test_skill_of_cell_types_is_a_heat_map(compared):
    display = ComparisonDisplay.from_comparison(compared, kind="cell_types")
    assert display.models_ == ["m1", "m2", "m0"]
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    by_cell_type = compared.by_cell_type
    for k, (split, value) in enumerate({"cell types": "skill", "chromosomes": "within_gene_skill"}.items()):
        wanted = by_cell_type.loc[split][value].unstack("model").loc[names, display.models_]
        assert np.asarray(display.images_[k].get_array()).reshape(wanted.shape) == pytest.approx(wanted.to_numpy())
    means = sum(
        by_cell_type.loc[split][value].groupby(level="cell_type").mean()
        for split, value in (("cell types", "skill"), ("chromosomes", "within_gene_skill"))
    )
    assert names == list(means.sort_values().index)  # from the bottom up
    said = figures.assert_readable(display.figure_)
    assert "chromosomes\n(within-gene skill)" in said
    assert f"{by_cell_type.loc[('cell types', 'm1', names[0]), 'skill']:.2f}" in said
    assert display.points_ == [None, None]


def test_many_cell_types_have_colours_and_no_names():
    display = ComparisonDisplay.from_comparison(made([0.0, 0.5], ["lineages"], n_cell_types=60), kind="cell_types")
    said = figures.assert_readable(display.figure_)
    assert "60 cell types, best on top" in said
    assert not display.ax_.texts


@pytest.mark.slow
def test_cell_types_that_have_no_skill_are_grey():
    compared = made([0.0, 0.5], ["crossed"], n_cell_types=8)  # two of eight are alone in their fold
    display = ComparisonDisplay.from_comparison(compared, kind="cell_types")
    assert np.ma.getmaskarray(display.images_[0].get_array()).sum() == 2 * 2
    assert len(display.ax_.texts) == 6 * 2
    figures.assert_readable(display.figure_)


# Sizes, axes, and what is refused


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["models", "cell_types"])
@pytest.mark.parametrize(
    ("n_models", "splits", "long"),
    [(1, FIVE[:1], True), (3, FIVE, True)]
    + [
        pytest.param(*case, marks=pytest.mark.slow)
        for case in [(1, FIVE[:1], False), (3, FIVE, False)]
        + [(15, splits, long) for splits in (FIVE[:3], FIVE) for long in (False, True)]
    ],
)
def test_few_and_many_models_and_splits_can_be_read(kind, n_models, splits, long):
    display = ComparisonDisplay.from_comparison(of_size(n_models, len(splits), long), kind=kind)
    figures.assert_readable(display.figure_)


@pytest.mark.parametrize("kind", ["models", "cell_types"])
def test_given_axes_are_drawn_in_and_nothing_else_is_touched(compared, kind):
    figure, (one, other) = plt.subplots(1, 2, figsize=(12, 4), layout="constrained")
    display = ComparisonDisplay.from_comparison(compared, split="chromosomes", kind=kind, ax=other)
    assert display.ax_ is other
    assert display.figure_ is figure
    assert len(figure.axes) == 2
    assert not one.has_data()
    figures.assert_readable(figure)
    if kind == "cell_types":
        assert other.get_xlabel().replace("\n", " ") == "blue: skill 1, white: 0, orange: \N{MINUS SIGN}1 or less"


@pytest.mark.slow
def test_a_display_can_be_drawn_again(compared):
    display = ComparisonDisplay.from_comparison(compared)
    first = display.figure_
    assert display.plot(kind="cell_types") is display
    assert display.figure_ is not first


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "bars"}, r"kind must be one of \('models', 'cell_types'\), got 'bars'"),
        ({"value": "within_gene_skill"}, "value must be one of .*, got 'within_gene_skill'"),
        ({"by": "lineage"}, r"by must be one of \('gene', 'cell_type'\), got 'lineage'"),
        ({"split": "weeks"}, r"split must be one of \('cell types', 'chromosomes'\), got 'weeks'"),
        ({"ax": "given"}, r"given axes hold one split: choose one of \['cell types', 'chromosomes'\]"),
    ],
)
def test_what_cannot_be_drawn(compared, options, message):
    options = {**options, "ax": plt.subplots()[1]} if "ax" in options else options
    with pytest.raises(ValueError, match=message):
        ComparisonDisplay.from_comparison(compared, **options)


def test_only_a_comparison_is_drawn(compared):
    with pytest.raises(TypeError, match="comparison: wanted a ModelComparison, got DataFrame"):
        ComparisonDisplay.from_comparison(compared.scores)
