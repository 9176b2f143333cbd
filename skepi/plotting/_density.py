"""Clouds of points: single points where they are few, hexagons by number where they are many."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skepi.plotting._style import BLUE

#: Up to so many points are drawn one by one.
MOST_POINTS = 4_000


def draw_points(
    ax: Any, x: NDArray, y: NDArray, extent: tuple[float, float, float, float], what: str
) -> tuple[Any, str]:
    """Draw a cloud within limits ``x0, x1, y0, y1``; what lies outside is counted, not drawn.

    Returns
    -------
    drawn : PathCollection or PolyCollection
        Points, or hexagons whose array holds the number of points in each.
    said : str
        How many points there are, and what the colours mean.
    """
    n_all, inside = x.size, within(x, y, extent)
    x, y = x[inside], y[inside]
    ax.set(xlim=extent[:2], ylim=extent[2:])
    if x.size <= MOST_POINTS:
        size = float(np.clip(6_000 / x.size, 5, 24))
        drawn = ax.scatter(x, y, s=size, color=BLUE, alpha=0.35 if x.size > 300 else 0.7, lw=0, rasterized=True)
        said = f"{n_all:,} {what}"
    else:
        drawn = ax.hexbin(
            x, y, gridsize=55, extent=extent, bins="log", mincnt=1, cmap="Blues", vmin=0.4, lw=0.15, rasterized=True
        )
        counts = drawn.get_array()
        most = int(counts.max())
        said = f"{n_all:,} {what}; darkest\nhexagons: {most:,} each (log scale)"
    outside = n_all - x.size
    return drawn, said + (f"\n{outside:,} outside the frame" if outside else "")


def limits(values: NDArray, left_out: float = 0.0) -> tuple[float, float]:
    """Limits of values with a margin; this share of them may lie outside, half of it on each side."""
    low, high = np.quantile(values, [left_out / 2, 1 - left_out / 2])
    reach = 0.04 * (high - low) or 0.5
    return float(low - reach), float(high + reach)


def within(x: NDArray, y: NDArray, extent: tuple[float, float, float, float]) -> NDArray[np.bool_]:
    """Which points lie within limits ``x0, x1, y0, y1``."""
    return (x >= extent[0]) & (x <= extent[1]) & (y >= extent[2]) & (y <= extent[3])


def thinned(rows: NDArray, most: int) -> NDArray:
    """At most so many of the rows, drawn once and for all with the same seed."""
    if rows.size <= most:
        return rows
    return np.sort(np.random.default_rng(0).choice(rows, most, replace=False))
