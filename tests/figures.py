"""What the tests of displays share: reading off what is drawn."""

from itertools import combinations

import matplotlib
import numpy as np

matplotlib.use("Agg")


def texts_of(ax):
    """Every text that is drawn for axes: labels, ticks in view, remarks, legend."""
    found = [*ax.texts, ax.title, ax.xaxis.label, ax.yaxis.label]
    for axis in (ax.xaxis, ax.yaxis):
        low, high = sorted(axis.get_view_interval())
        rounding = 1e-9 * (high - low)
        inside = [low - rounding <= tick.get_loc() <= high + rounding for tick in axis.get_major_ticks()]
        found += [tick.label1 for tick, seen in zip(axis.get_major_ticks(), inside, strict=True) if seen]
    if ax.get_legend() is not None:
        found += ax.get_legend().get_texts()
    return [text for text in found if text.get_visible() and text.get_text().strip()]


def assert_readable(figure, smallest=7.5):
    """No text covers another, leaves the figure or is tiny."""
    figure.canvas.draw()
    texts = [text for ax in figure.axes for text in texts_of(ax)]
    boxes = [_extent(text) for text in texts]
    for (one, a), (other, b) in combinations(zip(texts, boxes, strict=True), 2):
        apart = a[2] < b[0] + 1 or b[2] < a[0] + 1 or a[3] < b[1] + 1 or b[3] < a[1] + 1
        assert apart, f"{one.get_text()!r} covers {other.get_text()!r}"
    width, height = figure.canvas.get_width_height()
    for text, box in zip(texts, boxes, strict=True):
        assert box[0] >= -1 and box[1] >= -1, f"{text.get_text()!r} leaves the figure"  # noqa: PT018
        assert box[2] <= width + 1 and box[3] <= height + 1, f"{text.get_text()!r} leaves the figure"  # noqa: PT018
        assert text.get_size() >= smallest, text.get_text()
    return [text.get_text() for text in texts]


def _extent(text):
    """Box of the words alone, without the arrow of an annotation."""
    box = matplotlib.text.Text.get_window_extent(text)
    return np.array([box.x0, box.y0, box.x1, box.y1])


def heights(bars):
    return [float(bar.get_height()) for bar in bars]


def data_of(line):
    return [np.asarray(part, dtype=float).tolist() for part in line.get_data()]
