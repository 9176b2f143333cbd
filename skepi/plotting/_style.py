"""Colours, sizes and axes that all displays share; the only way to matplotlib."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colours, told apart with every kind of colour vision.
BLUE, VERMILLION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
SKY, PURPLE, BLACK, GREY = "#56B4E9", "#CC79A7", "#000000", "#7F7F7F"
PALE = "#D9D9D9"

#: What colours are called in the words of a figure: as the eye sees them.
WORDS = {BLUE: "blue", VERMILLION: "orange"}

#: In the order in which groups get them.
PALETTE = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILLION, BLACK)

#: Text inside a figure; axis labels keep matplotlib's size.
SMALL = 9.0


def pyplot() -> Any:
    """Return ``matplotlib.pyplot``, or say how to get it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("figures need matplotlib: pip install matplotlib") from error
    return plt


def axes(
    ax: Any = None, n: int = 1, size: tuple[float, float] = (5.6, 4.0), n_across: int | None = None
) -> "list[Axes]":
    """Return the given axes, or those of a new figure with ``n`` panels, row by row.

    Parameters
    ----------
    ax : Axes, optional
        Where to draw; nothing outside it is touched.
    n : int, default=1
        Panels of the new figure.
    size : tuple of float, default=(5.6, 4.0)
        Width and height of one panel in inches.
    n_across : int, optional
        Panels of one row; all of them by default.
    """
    plt = pyplot()
    if ax is None:
        across = min(n, n_across or n)
        down = -(-n // across)
        figure, grid = plt.subplots(
            down, across, figsize=(size[0] * across, size[1] * down), layout="constrained", squeeze=False
        )
        for spare in grid.flat[n:]:
            spare.remove()
        figure.draw_without_rendering()  # labels are placed by the size that the axes will have
        panels = list(grid.flat[:n])
    elif hasattr(ax, "transAxes") and hasattr(ax, "get_xlim"):
        panels = [ax]
    else:
        raise TypeError(f"ax must be matplotlib axes or None, got {type(ax).__name__}")
    for panel in panels:
        panel.spines[["top", "right"]].set_visible(False)
    return panels


def halo() -> list[Any]:
    """White seam for a dark line over dark colours."""
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=3.4, foreground="white")]


def settle(ax: Any, own: bool) -> None:
    """Lay out a figure of our own, so that what is placed by size comes right."""
    if own:
        ax.figure.draw_without_rendering()


def colours(n: int) -> list[Any]:
    """``n`` colours for groups without an order; beyond the palette, steps from dark to light."""
    if n <= len(PALETTE):
        return list(PALETTE[:n])
    return list(pyplot().get_cmap("viridis")(np.linspace(0, 0.92, n)))


def check_kind(kind: Any, kinds: Iterable[str], name: str = "kind") -> None:
    """Refuse what is not one of the names."""
    if kind not in (kinds := tuple(kinds)):
        raise ValueError(f"{name} must be one of {kinds}, got {kind!r}")


def panel_kinds(kind: str | None, kinds: Sequence[str], ax: Any) -> list[str]:
    """Panels to draw: the one asked for, or all of them where no axes are given."""
    if kind is None and ax is not None and len(kinds) > 1:
        raise ValueError(f"given axes hold one panel: choose kind from {tuple(kinds)}")
    if kind is None:
        return list(kinds)
    check_kind(kind, kinds)
    return [kind]


def check_table(table: Any, columns: Sequence[str], what: str) -> pd.DataFrame:
    """Return the table, with rows and with these columns."""
    if not isinstance(table, pd.DataFrame):
        raise TypeError(f"{what}: wanted a DataFrame, got {type(table).__name__}")
    missing = [column for column in columns if column not in table]
    if missing:
        raise ValueError(f"{what}: missing columns {missing}, got {list(table.columns)}")
    if table.empty:
        raise ValueError(f"{what}: the table has no rows")
    return table


def percent(share: float) -> str:
    """Write a share for a label: ``62 %``, ``0.3 %``."""
    value = 100 * share
    return f"{value:.0f} %" if abs(value) >= 9.5 or value == 0 else f"{value:.2g} %"
