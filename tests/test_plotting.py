"""What all displays share: axes, labels that do not collide, matplotlib only when something is drawn."""

import subprocess
import sys

import figures
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import rgb_to_hsv, to_rgb
from promises import assert_float64_sums

from skepi import plotting
from skepi.plotting import ImportanceDisplay, TrainingCurveDisplay
from skepi.plotting._band_axis import label_edges
from skepi.plotting._labels import end_labels, label_axes, make_room_top, name_points, shortened, spread, write_above
from skepi.plotting._style import PALETTE, WORDS, axes, check_table, colours, percent

HISTORY = pd.DataFrame({"epoch": [1, 2, 3], "train_mse": [1.0, 0.7, 0.5], "dev_mse": [1.0, 0.9, 0.95]})


def test_all_displays_are_public():
    assert set(plotting.__all__) == {name for name in vars(plotting) if name.endswith("Display")}
    assert len(plotting.__all__) == 18


def test_importing_brings_no_matplotlib():
    code = "import sys, skepi.plotting; assert 'matplotlib' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_matplotlib_the_command_that_installs_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match="pip install matplotlib"):
        TrainingCurveDisplay.from_history(HISTORY)


def test_axes_that_are_none_are_refused():
    with pytest.raises(TypeError, match="ax must be matplotlib axes or None, got Figure"):
        TrainingCurveDisplay.from_history(HISTORY, ax=plt.figure())


def test_given_axes_are_drawn_on_and_nothing_else_is_touched():
    figure, (left, right) = plt.subplots(1, 2)
    before = left.get_position().bounds, right.get_position().bounds, right.get_xlim(), figure.get_layout_engine()
    display = TrainingCurveDisplay.from_history(HISTORY, ax=right)
    assert display.ax_ is right
    assert display.figure_ is figure
    assert figure.axes == [left, right]
    assert not left.has_data()
    assert left.spines["top"].get_visible()
    assert (left.get_position().bounds, right.get_position().bounds, figure.get_layout_engine()) == (
        *before[:2],
        before[3],
    )
    assert plt.get_fignums() == [figure.number]


def test_a_figure_of_its_own_has_a_layout():
    display = TrainingCurveDisplay.from_history(HISTORY)
    assert type(display.figure_.get_layout_engine()).__name__ == "ConstrainedLayoutEngine"
    assert len(display.figure_.axes) == 1


@pytest.mark.parametrize("colour", WORDS)
def test_words_for_colours_are_what_the_eye_sees(colour):
    hue = 360 * rgb_to_hsv(to_rgb(colour))[0]
    low, high = {"red": (-15, 15), "orange": (20, 45), "blue": (190, 250)}[WORDS[colour]]
    assert low <= hue <= high


def test_colours_differ_and_go_on_beyond_the_palette():
    assert colours(3) == list(PALETTE[:3])
    many = [tuple(colour) for colour in colours(12)]
    assert len(set(many)) == 12


@pytest.mark.parametrize(
    ("share", "said"), [(0.62, "62 %"), (0.0034, "0.34 %"), (0.05, "5 %"), (0.0, "0 %"), (0.094, "9.4 %")]
)
def test_shares_are_written_as_percent(share, said):
    assert percent(share) == said


def test_tables_are_checked():
    with pytest.raises(TypeError, match="history: wanted a DataFrame, got list"):
        check_table([1], ["a"], "history")
    with pytest.raises(ValueError, match=r"history: missing columns \['b'\], got \['a'\]"):
        check_table(pd.DataFrame({"a": [1]}), ["a", "b"], "history")
    with pytest.raises(ValueError, match="history: the table has no rows"):
        check_table(pd.DataFrame({"a": []}), ["a"], "history")


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=12), st.floats(0.1, 5))
def test_spread_keeps_the_order_and_the_gap(values, gap):
    out = spread(values, gap)
    order = np.argsort(values, kind="stable")
    assert (np.diff(out[order]) >= gap * (1 - 1e-6)).all()
    assert_float64_sums(np.mean(out), np.mean(values), summed=100)  # no greater values are drawn


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_spread_stays_between_the_limits_even_where_there_is_no_room(values):
    out = spread(values, 0.1, 0.0, 1.0)
    assert out.min() >= -1e-9
    assert out.max() <= 1 + 1e-9
    assert (np.diff(np.sort(out)) >= min(0.1, 1 / max(1, len(values) - 1)) - 1e-9).all()


def test_what_is_far_apart_stays_where_it_is():
    assert spread([5.0, 0.0, 2.0], 1.0).tolist() == [5.0, 0.0, 2.0]


def test_labels_at_the_ends_of_lines_do_not_collide():
    (ax,) = axes()
    for k in range(6):
        ax.plot([0, 1], [0, 1 + k / 1000])
    labels = end_labels(ax, [1] * 6, 1 + np.arange(6) / 1000, [f"line {k}" for k in range(6)], ["k"] * 6)
    figures.assert_readable(ax.figure)
    places = [label.get_position()[1] for label in labels]
    assert places == sorted(places)
    assert max(ax.get_xticks()) <= 1.05  # no ticks in the room of the labels


def test_names_of_points_cover_neither_each_other_nor_points(rng):
    (ax,) = axes()
    points = rng.normal(size=(40, 2))
    ax.scatter(*points.T, s=10)
    written = name_points(ax, points, [f"cell{k:03d}" for k in range(40)], points)
    assert len(written) > 25
    figures.assert_readable(ax.figure)
    marks = ax.transData.transform(points)
    for name in written:
        x0, y0, x1, y1 = figures._extent(name)
        inside = (marks[:, 0] > x0) & (marks[:, 0] < x1) & (marks[:, 1] > y0) & (marks[:, 1] < y1)
        assert not inside.any(), name.get_text()


def test_names_of_points_stay_out_of_the_room_above_the_axis():
    (ax,) = axes()
    points = np.column_stack([np.linspace(0.4, 0.6, 40), np.ones(40)])  # crowded at the top
    ax.scatter(*points.T)
    top = ax.get_ylim()[1]
    make_room_top(ax, 6)
    written = name_points(ax, points[::4], [f"cell{k}" for k in range(10)], points)
    end = ax.transData.transform((0, top))[1]
    assert len(written) > 3
    assert all(figures._extent(name)[3] <= end + 1 for name in written)


def test_a_name_without_room_is_left_out():
    (ax,) = axes()
    ax.set(xlim=(0, 1), ylim=(0, 1))
    every = np.stack(np.meshgrid(np.linspace(0, 1, 150), np.linspace(0, 1, 150)), axis=-1).reshape(-1, 2)
    assert name_points(ax, [[0.5, 0.5]], ["a name"], every) == []


def test_long_names_lose_their_middle():
    assert shortened("HSC") == "HSC"
    assert shortened("CD4-positive, alpha-beta memory T cell, donor 2", 20) == "CD4-posit…l, donor 2"
    assert len(shortened("x" * 99, 20)) == 20


def test_labels_longer_than_their_axis_are_broken():
    (ax,) = axes(size=(2.5, 2.5))
    label_axes(ax, "a label that is much too long for so short an axis", "y")
    assert "\n" in ax.get_xlabel()
    assert ax.get_ylabel() == "y"
    figures.assert_readable(ax.figure)


def test_remarks_above_are_broken_and_make_room():
    (ax,) = axes(size=(3, 3))
    ax.plot([0, 1], [0, 1])
    written = write_above(ax, [("so long a remark that it does not fit into one line", "k"), ("b", "r")])
    assert len(written) == 3
    figures.assert_readable(ax.figure)
    lowest = min(figures._extent(text)[1] for text in written)
    assert lowest > ax.transData.transform([0, 1])[1]


def test_edges_of_bands_that_would_collide_are_left_unnamed():
    (ax,) = axes(size=(3, 2))
    label_edges(ax, [f"{edge:,}" for edge in range(-100_000, 110_000, 10_000)], first=[10])
    named = figures.assert_readable(ax.figure)
    assert "0" in named
    assert len(ax.get_xticks()) + len(ax.get_xticks(minor=True)) == 21


@pytest.mark.parametrize("name", [name for name in plotting.__all__ if hasattr(vars(plotting)[name], "from_estimator")])
def test_the_first_line_says_whether_a_fitted_estimator_is_used(name):
    refits = {"PredictionDisplay", "ImportanceDisplay"}
    line = vars(plotting)[name].from_estimator.__doc__.splitlines()[0]
    if name in refits:
        assert line.startswith("Refit on each fold")
        assert line.endswith("an already fitted estimator is not used.")
    else:
        assert " fitted " in line
        assert line.endswith("nothing is refitted.")


def test_a_display_can_be_drawn_twice():
    display = ImportanceDisplay(table=pd.DataFrame({"from_bp": [0], "to_bp": [1_000], "importance": [0.1]}))
    first = display.plot().ax_
    assert display.plot().ax_ is not first
