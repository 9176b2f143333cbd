"""Axis of bands of offsets from the TSS: few are equally wide, with their edges between them; many are to scale."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skepi.plotting._labels import label_axes, size_in_points, text_width

_SIZE = 8.0

# More bands than these are bins: too many for equal widths.
_MOST_BANDS = 60


def equally_wide(edges: NDArray) -> bool:
    """Whether the bands between edges are few enough to be drawn equally wide."""
    return len(edges) - 1 <= _MOST_BANDS


def band_axis(ax: Any, edges: NDArray, unit: str) -> NDArray[np.float64]:
    """Make the x axis one of bands and label both axes; return the place of each edge, (n_bands + 1,).

    Parameters
    ----------
    ax : Axes
    edges : ndarray of shape (n_bands + 1,)
        Offsets from the TSS in bp.
    unit : str
        Label of the y axis.
    """
    if equally_wide(edges):
        in_kb = (np.abs(edges) >= 1_000).any()
        texts = [f"{edge / (1_000 if in_kb else 1):g}".replace("-", "\N{MINUS SIGN}") for edge in edges]
        label_edges(ax, texts, first=[*np.flatnonzero(edges == 0), *_powers(edges)])
        label_axes(ax, f"offset from the TSS ({'kb' if in_kb else 'bp'}, not to scale), downstream positive", unit)
        return np.arange(edges.size, dtype=float)
    linear = max(float(np.diff(edges).min()), 1.0)
    ax.set_xscale("symlog", linthresh=linear / 1_000, linscale=0.6)
    ax.xaxis.set_major_formatter(lambda kb, _: f"{kb:g}".replace("-", "\N{MINUS SIGN}"))
    ax.set_xlim(edges[0] / 1_000, edges[-1] / 1_000)
    label_axes(ax, "offset from the TSS (kb, log scale on both sides), downstream positive", unit)
    return edges / 1_000


def _powers(edges: NDArray) -> list[int]:
    """Edges at powers of ten."""
    size = np.log10(np.maximum(np.abs(edges), 1))
    return list(np.flatnonzero((np.abs(size - np.round(size)) < 1e-9) & (edges != 0)))


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
