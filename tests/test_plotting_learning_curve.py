"""PairLearningCurveDisplay."""

import figures
import matplotlib.pyplot as plt
import numpy as np
import pytest
from promises import assert_within
from test_learning_curve import errors_of

from skepi.baselines import TrainingMean
from skepi.datasets import make_paired_openness
from skepi.model_selection import LeaveOneCellTypeOut, SaturatingCurve, learning_curve_pairs
from skepi.model_selection._curve_result import curve_of_errors
from skepi.plotting import PairLearningCurveDisplay

LAW = SaturatingCurve(0.7, 1.0, 0.8)


def curve_of(skills, targets=(), score="skill", **settings):
    return curve_of_errors(errors_of(skills, **settings), score, list(targets), 100, 0.95, 0)


def said_by(display):
    return " | ".join(figures.assert_readable(display.figure_)).replace("\n", " ")


def test_points_intervals_orders_and_the_mean_are_those_of_the_table():
    curve = curve_of(LAW(np.arange(2, 8)), noise=0.05)
    display = PairLearningCurveDisplay.from_learning_curve(curve)
    line, _, (bars,) = display.points_
    assert figures.data_of(line) == [[2, 3, 4, 5, 6, 7], curve.points["skill"].tolist()]
    ends = np.array([segment[:, 1] for segment in bars.get_segments()])
    assert ends == pytest.approx(curve.points[["low", "high"]].to_numpy())
    sizes, skills = figures.data_of(display.order_points_)
    assert sizes == np.repeat(np.arange(2, 8), 4).tolist()
    assert skills == curve.by_order().to_numpy().ravel().tolist()
    assert figures.data_of(display.mean_line_)[1] == curve.points["skill_of_mean"].tolist()
    said = said_by(display)
    assert "skill, 95 % intervals; small dots: 4 random orders" in said
    assert "skill on held-out cell types" in said
    assert "training cell types" in said
    assert display.figure_ is display.ax_.figure


def test_the_curve_goes_on_dashed_to_what_was_asked_for():
    curve = curve_of(LAW(np.arange(2, 8)), [10, 20])
    display = PairLearningCurveDisplay.from_learning_curve(curve)
    within, beyond = display.curve_lines_
    assert (within.get_linestyle(), beyond.get_linestyle()) == ("-", "--")
    assert within.get_xdata()[[0, -1]].tolist() == [2, 7]
    assert beyond.get_xdata()[[0, -1]].tolist() == [7, 20]
    assert_within(beyond.get_ydata(), LAW(beyond.get_xdata()), 1e-5, "errors of a fit by numbers of order 1")
    assert figures.data_of(display.extrapolated_points_[0])[0] == [10, 20]
    assert "curve: 0.70 \N{MINUS SIGN} 1.00 / n^0.80" in said_by(display)
    alone = PairLearningCurveDisplay.from_learning_curve(curve_of(LAW(np.arange(2, 8))))
    assert len(alone.curve_lines_) == 1
    assert alone.extrapolated_points_ is None


def test_without_a_curve_the_figure_says_why():
    curve = curve_of([0.5, 0.4, 0.3, 0.2], [20])
    display = PairLearningCurveDisplay.from_learning_curve(curve)
    assert display.curve_lines_ == []
    assert display.extrapolated_points_ is None
    assert f"no curve: {curve.unavailable}" in said_by(display)


def test_one_cell_type_and_one_order_have_no_bars():
    display = PairLearningCurveDisplay.from_learning_curve(curve_of(LAW(np.arange(2, 8)), [9], n_cells=1, n_orders=1))
    assert display.points_[2] == ()
    assert display.extrapolated_points_[2] == ()
    said_by(display)


def test_the_score_of_unseen_genes_has_its_name():
    display = PairLearningCurveDisplay.from_learning_curve(curve_of([0.1, 0.3], score="within_gene_skill"))
    assert "within-gene skill on held-out cell types" in said_by(display)


def test_a_small_panel_of_a_larger_figure_can_be_read():
    X, y = make_paired_openness(n_genes=20, n_cell_types=6, n_lineages=2)[0].pairs(return_X_y=True)
    curve = learning_curve_pairs(TrainingMean(), X, y, LeaveOneCellTypeOut(), n_bootstrap=20)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
    figure.draw_without_rendering()
    display = PairLearningCurveDisplay.from_learning_curve(curve, ax=right)
    assert display.ax_ is right
    assert not left.has_data()
    figures.assert_readable(figure)


def test_what_cannot_be_drawn():
    with pytest.raises(TypeError, match="learning_curve: wanted the result of learning_curve_pairs, got DataFrame"):
        PairLearningCurveDisplay.from_learning_curve(curve_of([0.1, 0.3]).points)
    with pytest.raises(TypeError, match="ax must be matplotlib axes or None, got str"):
        PairLearningCurveDisplay.from_learning_curve(curve_of([0.1, 0.3]), ax="left")
