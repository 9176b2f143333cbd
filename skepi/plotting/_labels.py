"""Text where it can be read: labels at the ends of lines, and names beside points without collisions."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skepi.plotting._style import BLACK, SMALL

FloatArray = NDArray[np.float64]

#: From line to line of a text, in sizes of its letters.
LINE_HEIGHT = 1.45

# Where a name is tried beside its point: distances in points, nearest first, and directions, plain ones first.
_DISTANCES = (6, 12, 20, 30, 42, 56, 72, 90, 110)
_ANGLES = np.deg2rad([0, 180, 45, 315, 135, 225, 90, 270, 22, 338, 158, 202, 68, 292, 112, 248])
_NEAR = 9.0  # points between a name and its point up to which no line is needed
_CHARACTER_WIDTH = 0.61  # of the text size: the mean of the default font, rounded up


def spread(positions: ArrayLike, gap: float, low: float = -np.inf, high: float = np.inf) -> FloatArray:
    """Move positions apart to at least ``gap``, as little as possible and in their order, between two limits.

    Neighbours that are too close become a block around their mean, until no blocks touch. Where there is no room
    between the limits, the gap shrinks.

    Examples
    --------
    >>> spread([0.0, 0.1, 5.0], gap=1.0).tolist()
    [-0.45, 0.55, 5.0]
    """
    values = np.asarray(positions, dtype=np.float64)
    if values.size > 1 and np.isfinite(high - low):
        gap = min(gap, (high - low) / (values.size - 1))
    order = np.argsort(values, kind="stable")
    blocks: list[tuple[float, int]] = []  # centre and number of members
    for value in values[order]:
        blocks.append((float(np.clip(value, low, high)), 1))
        while len(blocks) > 1 and _touch(blocks[-2], blocks[-1], gap):
            (a, n), (b, m) = blocks[-2:]
            half = (n + m - 1) / 2 * gap
            centre = (a * n + b * m) / (n + m)
            blocks[-2:] = [(float(np.clip(centre, low + half, max(low + half, high - half))), n + m)]
    out = np.empty_like(values)
    out[order] = np.concatenate([[], *(centre + (np.arange(n) - (n - 1) / 2) * gap for centre, n in blocks)])
    return out


def _touch(one: tuple[float, int], other: tuple[float, int], gap: float) -> bool:
    return bool(other[0] - one[0] < (one[1] + other[1]) / 2 * gap - 1e-9 * abs(gap))


def size_in_points(ax: Any) -> tuple[float, float]:
    """Width and height of axes in points, as text sizes are."""
    box = ax.get_window_extent()
    return box.width * 72 / ax.figure.dpi, box.height * 72 / ax.figure.dpi


def text_width(text: str, size: float = SMALL) -> float:
    """Width of a text in points, of its longest line, on the safe side."""
    return _CHARACTER_WIDTH * size * max(len(line) for line in text.split("\n"))


def end_labels(
    ax: Any,
    x: ArrayLike,
    y: ArrayLike,
    names: Sequence[str],
    colours: Sequence[Any],
    above: float = 0,
    least: float = 0,
) -> list[Any]:
    """Write a name behind the right end of each line, moved apart where ends are close; makes room for them.

    Parameters
    ----------
    ax : Axes
        Everything else is drawn, scales and limits are set.
    x, y : array-like of shape (n_lines,)
        Last points, in data units.
    names, colours : sequence
    above : float, default=0
        Lines of small text at the top of the axes that are taken.
    least : float, default=0
        Width in points for which there is to be room at least.
    """
    width, height = size_in_points(ax)
    widest = max([least, *map(text_width, names)]) + 10
    make_room_right(ax, min(widest / width, 0.6))
    ends = ax.transAxes.inverted().transform(ax.transData.transform(np.column_stack([x, y])))
    lines = max(name.count("\n") + 1 for name in names)
    gap = LINE_HEIGHT * SMALL * lines / height
    places = spread(ends[:, 1], gap, gap / 2, 1 - gap / 2 - above * LINE_HEIGHT * SMALL / height)
    return [
        ax.text(end + 7 / width, place, name, color=colour, size=SMALL, va="center", ha="left", transform=ax.transAxes)
        for end, place, name, colour in zip(ends[:, 0], places, names, colours, strict=True)
    ]


def make_room_right(ax: Any, share: float) -> None:
    """Lengthen the x axis so that ``share`` of it lies to the right of what was there, without line or ticks."""
    ax.set_xlim(right=_lengthen(ax, "x", share))


def make_room_top(ax: Any, n_lines: float) -> None:
    """Lengthen the y axis upwards by so many lines of small text, without line or ticks."""
    _, height = size_in_points(ax)
    ax.set_ylim(top=_lengthen(ax, "y", min((n_lines * LINE_HEIGHT + 0.5) * SMALL / height, 0.6)))


def write_above(ax: Any, lines: Sequence[tuple[str, Any]]) -> list[Any]:
    """Write coloured lines of small text above what is drawn, in room that is made for them; long ones are broken."""
    broken = [(part, colour) for text, colour in lines for part in filled(size_in_points(ax)[0], text).split("\n")]
    make_room_top(ax, len(broken))
    down = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "top", "ha": "left", "size": SMALL}
    return [
        ax.annotate(text, (0.005, 1), xytext=(0, -LINE_HEIGHT * SMALL * k), color=colour, **down)
        for k, (text, colour) in enumerate(broken)
        if text
    ]


def filled(width: float, text: str) -> str:
    """Break small text where it would be wider than so many points."""
    return textwrap.fill(text, max(12, int(width / (_CHARACTER_WIDTH * SMALL))))


def label_axes(ax: Any, x: str, y: str) -> None:
    """Label both axes; what is longer than its axis is broken where a word ends."""
    from matplotlib import rcParams
    from matplotlib.font_manager import FontProperties

    size = FontProperties(size=rcParams["axes.labelsize"]).get_size_in_points()
    for text, length, write in zip((x, y), size_in_points(ax), (ax.set_xlabel, ax.set_ylabel), strict=True):
        n_lines = -(-len(text) // max(12, int(length / (0.52 * size))))
        write(text if n_lines <= 1 else textwrap.fill(text, len(text) // n_lines + 6))


def shortened(name: Any, most: int = 32) -> str:
    """Leave out the middle of a long name.

    Examples
    --------
    >>> shortened("CD4-positive T cell, donor 2", 16)
    'CD4-pos… donor 2'
    """
    text = str(name)
    return text if len(text) <= most else f"{text[: (most - 1) // 2]}…{text[len(text) - most // 2 :]}"


def _lengthen(ax: Any, which: str, share: float) -> float:
    """New upper limit of an axis; its line and ticks end at the old one."""
    axis, spine = (ax.xaxis, "bottom") if which == "x" else (ax.yaxis, "left")
    low, high = sorted(axis.get_view_interval())
    if not hasattr(axis.get_major_locator(), "locs"):  # ticks at given places stay
        for minor in (False, True):
            axis.set_ticks([at for at in axis.get_ticklocs(minor=minor) if low <= at <= high], minor=minor)
    ax.spines[spine].set_bounds(low, high)
    scale = axis.get_transform()
    first, last = scale.transform(np.array([low, high]))
    return float(scale.inverted().transform(np.array([first + (last - first) / (1 - share)]))[0])


def name_points(
    ax: Any, points: ArrayLike, names: Sequence[str], obstacles: ArrayLike, colours: Sequence[Any] | None = None
) -> list[Any]:
    """Write names beside their points, where they cover neither points nor each other; a thin line leads back.

    The first names get the best places. A name for which there is no free place is left out; the room that was made
    above the y axis is for other words.

    Parameters
    ----------
    ax : Axes
        With its final limits.
    points : array-like of shape (n_names, 2)
    names : sequence of str
    obstacles : array-like of shape (n_points, 2)
        All points that are drawn, in data units.
    colours : sequence, optional
        Black by default.
    """
    ax.get_xlim(), ax.get_ylim()  # limits that are due are set when they are asked for
    per_point = ax.figure.dpi / 72
    box = ax.get_window_extent()
    limits = np.array([box.width, _top_of(ax, box) - box.y0]) / per_point
    places, marks = _in_points(ax, points, box, per_point), _in_points(ax, obstacles, box, per_point)
    taken = [*np.hstack([marks - 3.5, marks + 3.5]), *_texts_there(ax, box, per_point)]
    drawn = []
    for k, (place, name) in enumerate(zip(places, names, strict=True)):
        found = _free_place(place, name, np.array(taken), limits)
        if found is None:
            continue
        path = _leader(place, found)
        taken += [found, *np.hstack([path - 1, path + 1])]
        colour = BLACK if colours is None else colours[k]
        drawn.append(_write(ax, np.asarray(points, dtype=float)[k], found - np.tile(place, 2), name, colour))
    return drawn


def _top_of(ax: Any, box: Any) -> float:
    """Upper end of the y axis, in pixels: the room above it is taken by words."""
    bounds = ax.spines["left"].get_bounds()
    return float(box.y1 if bounds is None else ax.transData.transform((ax.get_xlim()[0], bounds[1]))[1])


def _in_points(ax: Any, xy: ArrayLike, box: Any, per_point: float) -> FloatArray:
    return (ax.transData.transform(np.asarray(xy, dtype=float)) - [box.x0, box.y0]) / per_point


def _texts_there(ax: Any, box: Any, per_point: float) -> Iterator[FloatArray]:
    for text in ax.texts:
        extent = text.get_window_extent()
        yield (np.array([extent.x0, extent.y0, extent.x1, extent.y1]) - np.tile([box.x0, box.y0], 2)) / per_point


def _free_place(place: FloatArray, name: str, taken: FloatArray, limits: FloatArray) -> FloatArray | None:
    """First candidate box ``x0, y0, x1, y1`` around a point that overlaps nothing, nearest ones first."""
    size = np.array([text_width(name), LINE_HEIGHT * SMALL * (name.count("\n") + 1)])
    for distance in _DISTANCES:
        for angle in _ANGLES:
            reach = np.array([np.cos(angle), np.sin(angle)])
            corner = place + reach * distance + (reach - 1) / 2 * size
            box = np.concatenate([corner, corner + size])
            inside = (box[:2] >= 0).all() and (box[2:] <= limits).all()
            path = _leader(place, box)
            if inside and not _covers(box[None], taken) and not _covers(np.hstack([path, path]), taken):
                return box
    return None


def _covers(boxes: FloatArray, taken: FloatArray) -> bool:
    """Whether any box overlaps any of those taken."""
    one, other = boxes[:, None], taken[None]
    apart = (one[..., 0] > other[..., 2]) | (one[..., 2] < other[..., 0])
    return bool((~(apart | (one[..., 1] > other[..., 3]) | (one[..., 3] < other[..., 1]))).any())


def _leader(place: FloatArray, box: FloatArray) -> FloatArray:
    """Points along the line from a point, but for its mark, to a box; none where the box is near."""
    end = np.clip(place, box[:2], box[2:])
    length = float(np.hypot(*(end - place)))
    return (
        place + np.linspace(8 / length, 1, int(length / 2) + 2)[:, None] * (end - place)
        if length > _NEAR
        else np.empty((0, 2))
    )


def _write(ax: Any, point: FloatArray, box: FloatArray, name: str, colour: Any) -> Any:
    """Name in a box given in points relative to its point, with a line where it is far off."""
    middle = (box[:2] + box[2:]) / 2
    nearest = np.clip(0, box[:2], box[2:])
    far = np.hypot(*nearest) > _NEAR
    return ax.annotate(
        name,
        point,
        xytext=middle,
        textcoords="offset points",
        ha="center",
        va="center",
        size=SMALL,
        color=colour,
        arrowprops={"arrowstyle": "-", "color": colour, "lw": 0.6, "shrinkA": 0, "shrinkB": 4} if far else None,
    )
