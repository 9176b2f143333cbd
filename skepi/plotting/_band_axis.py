"""Axis on which bands are equally wide, with their edges written between them."""

from collections.abc import Sequence
from typing import Any

from skepi.plotting._labels import size_in_points, text_width

_SIZE = 8.0


def label_edges(ax: Any, labels: Sequence[str], first: Sequence[int] = ()) -> None:
    """Put ticks between bands ``0 .. n`` and name as many as there is room for.

    Parameters
    ----------
    ax : Axes
    labels : sequence of str
        Names of the n + 1 edges.
    first : sequence of int, optional
        Edges that are named before others; the outermost ones by default.
    """
    n = len(labels) - 1
    ax.set_xlim(-0.02 * n, 1.02 * n)
    width, _ = size_in_points(ax)
    per_band = width / (1.04 * n)
    taken: list[tuple[float, float]] = []
    named = []
    for edge in dict.fromkeys([*first, 0, n, *range(n + 1)]):
        half = text_width(labels[edge], _SIZE) / 2 + 1.5
        span = (edge * per_band - half, edge * per_band + half)
        if all(span[1] <= low or span[0] >= high for low, high in taken):
            taken.append(span)
            named.append(edge)
    ax.set_xticks(sorted(named), [labels[edge] for edge in sorted(named)], size=_SIZE)
    ax.set_xticks([edge for edge in range(n + 1) if edge not in named], minor=True)
