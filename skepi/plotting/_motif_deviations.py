"""MotifDeviationDisplay: which motifs set which cell types apart."""

from typing import Any, Self

import numpy as np
import pandas as pd

from skepi._doors import check_count
from skepi.plotting._labels import label_axes, shortened, size_in_points, text_width
from skepi.plotting._style import BLUE, PALE, SMALL, VERMILLION, axes, check_table, pyplot, settle
from skepi.tf_activity import top_motifs

_ROW, _COLUMN = 0.17, 0.2  # inches
_WIDEST = 9.0  # inches of all columns
_LINE = 1.35  # height of a line of text over its size
_VALUES = "z of the motif deviation"


class MotifDeviationDisplay:
    """Heat map of the motifs that set cell types apart: one row per motif, one column per cell type.

    Each cell type gives its motifs with the highest z, in the order of cell types, so the highest values lie along the
    diagonal. Where that makes too many rows, cell types give fewer: first the best motif of each, then the second ones.
    Where cell types are too many to name, names are given at equal steps.

    Parameters
    ----------
    z : DataFrame
        Cell types x motifs, from :class:`skepi.tf_activity.MotifDeviations`.
    n_motifs : int, default=3
        Motifs that each cell type gives.
    most : int, default=45
        Rows at most.
    families : mapping or Series, optional
        Family of each motif: each cell type then gives one motif per family.

    Attributes
    ----------
    motifs_ : list of str
        Rows, from the top.
    image_ : QuadMesh
    ax_ : Axes
    figure_ : Figure

    Examples
    --------
    >>> z = pd.DataFrame({"SPI1": [4.0, -3.0], "CEBPA": [1.0, 0.0], "GATA1": [0.5, 9.0]}, index=["GMP", "Ery"])
    >>> MotifDeviationDisplay.from_deviations(z, n_motifs=1).motifs_
    ['SPI1', 'GATA1']
    """

    def __init__(self, *, z: pd.DataFrame, n_motifs: int = 3, most: int = 45, families: Any = None) -> None:
        self.z = z
        self.n_motifs = n_motifs
        self.most = most
        self.families = families

    @classmethod
    def from_deviations(
        cls, z: pd.DataFrame, *, n_motifs: int = 3, most: int = 45, families: Any = None, ax: Any = None
    ) -> Self:
        """Draw a table of z.

        Parameters
        ----------
        z : DataFrame
            Cell types x motifs.
        n_motifs : int, default=3
        most : int, default=45
        families : mapping or Series, optional
        ax : Axes, optional
        """
        return cls(z=z, n_motifs=n_motifs, most=most, families=families).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : Axes, optional
            A new figure by default.

        Returns
        -------
        MotifDeviationDisplay

        Raises
        ------
        TypeError, ValueError
            For anything but a table of numbers, one without a value, and settings out of range.
        """
        pyplot()
        z = check_table(self.z, (), "z")
        check_count("most", self.most, 1)
        self.motifs_ = _chosen(top_motifs(z, self.n_motifs, families=self.families), self.most)
        table = z.rename(columns=str)[self.motifs_].T
        own = ax is None
        (self.ax_,) = (ax,) = axes(ax, size=_size(table))
        self.image_ = _draw(ax, table)
        settle(ax, own)
        n_lines = size_in_points(ax)[1] / (_LINE * SMALL)
        _name(ax.yaxis, [shortened(name, 28) for name in table.index], n_lines)
        _name(ax.xaxis, [shortened(name, 28) for name in table], size_in_points(ax)[0] / (_LINE * SMALL))
        ax.tick_params(axis="x", rotation=90)
        _explain(ax, self.image_, len(table.columns), own)
        self.figure_ = ax.figure
        return self


def _chosen(top: pd.DataFrame, most: int) -> list[str]:
    """Motifs by rank until there are enough, then in the order of the cell types in which they are highest."""
    if top.empty:
        raise ValueError("z: no value is known: there is nothing to draw")
    by_rank = top.sort_values(["rank", "z"], ascending=[True, False], kind="stable")
    kept = by_rank["motif"].drop_duplicates().iloc[:most]
    best = top[top["motif"].isin(kept)].sort_values("z", ascending=False, kind="stable").drop_duplicates("motif")
    return best.sort_index()["motif"].tolist()


def _size(table: pd.DataFrame) -> tuple[float, float]:
    """Width and height of a figure in inches that has room for all rows, and for names."""
    names_left, names_below = (max(text_width(shortened(n, 28)) for n in names) / 72 for names in (table.index, table))
    width = np.clip(_COLUMN * table.shape[1], 1.2, _WIDEST)
    return float(width + names_left + 1.2), float(_ROW * max(len(table), 14) + names_below + 0.5)


def _draw(ax: Any, table: pd.DataFrame) -> Any:
    """Coloured fields, white at 0 and alike on both sides."""
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("z", [BLUE, "white", VERMILLION]).with_extremes(bad=PALE)
    values = np.ma.masked_invalid(table.to_numpy(dtype=float))
    limit = float(np.abs(values).max()) or 1.0
    edges = (np.arange(n + 1) - 0.5 for n in values.shape[::-1])
    image = ax.pcolormesh(*edges, values, cmap=colours, vmin=-limit, vmax=limit)
    ax.invert_yaxis()
    ax.tick_params(length=0, labelsize=SMALL)
    ax.spines[:].set(visible=True, color=PALE)
    return image


def _name(axis: Any, names: list[str], n_lines: float) -> None:
    """Name rows or columns: all where there is room, otherwise at equal steps."""
    step = int(np.ceil(len(names) / max(n_lines, 1)))
    axis.set_ticks(np.arange(0, len(names), step), names[::step])


def _explain(ax: Any, image: Any, n_columns: int, own: bool) -> None:
    """Colour bar beside a figure of our own; given axes keep their room, and get words."""
    n_named = len(ax.get_xticks())
    below = "" if n_named == n_columns else f"{n_columns} cell types, 1 in {-(-n_columns // n_named)} is named"
    if own:
        bar = ax.figure.colorbar(image, ax=ax, fraction=0.05, pad=0.02, aspect=30)
        bar.set_label(_VALUES, size=SMALL)
        bar.ax.tick_params(labelsize=SMALL)
        ax.set_xlabel(below)
    else:
        label_axes(
            ax, "; ".join(filter(None, [below, f"{_VALUES} (orange: {image.norm.vmax:.2g}, blue: below 0)"])), ""
        )
