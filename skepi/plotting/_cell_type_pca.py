"""CellTypePCADisplay: cell types on the plane of two principal components."""

from typing import Any, Self

import pandas as pd

from skepi.inspection import cell_type_components, cell_type_outliers
from skepi.plotting._labels import label_axes, name_points, shortened
from skepi.plotting._style import BLACK, BLUE, PALE, PALETTE, SMALL, axes, check_table, percent, pyplot, settle

_COLUMNS = ["pc1", "pc2", "score", "flagged"]

# Up to so many cell types, each of them is named.
_NAME_ALL = 30


class CellTypePCADisplay:
    """Cell types by their first two principal components; those flagged as outliers are ringed and named.

    Parameters
    ----------
    table : DataFrame
        Index cell type: ``pc1, pc2, score, flagged`` and, where known, ``lineage``.
    explained : Series
        Shares of the variance, index ``pc1, pc2``.
    on : str, default="expression"
        What the components are of: expression, openness, or the name of a signal.

    Attributes
    ----------
    scatters_ : dict of str to PathCollection
        One a lineage, largest first; ``""`` holds all where lineages are not known.
    rings_ : PathCollection
        Around those flagged.
    names_ : list of Annotation
        Names that found room, flagged ones first.
    ax_ : Axes
    figure_ : Figure

    Notes
    -----
    An outlier by distance to its nearest relative need not be remote on the first two components.

    Examples
    --------
    >>> from skepi.datasets import make_paired_openness
    >>> data, truth = make_paired_openness(n_genes=100, n_cell_types=8, n_lineages=2, corrupted=3)
    >>> display = CellTypePCADisplay.from_dataset(data)
    >>> display.table.index[display.table["flagged"]].tolist() == [truth.corrupted]
    True
    """

    def __init__(self, *, table: pd.DataFrame, explained: pd.Series, on: str = "expression") -> None:
        self.table = table
        self.explained = explained
        self.on = on

    @classmethod
    def from_dataset(
        cls,
        data: Any,
        on: str = "expression",
        *,
        signal: str | None = None,
        threshold: float = 10.0,
        ax: Any = None,
    ) -> Self:
        """Draw the cell types of a data set.

        Parameters
        ----------
        data : PairedDataset
        on : {"expression", "openness"}, default="expression"
        signal : str, optional
            Signal that ``on="openness"`` compares; needed where there are several.
        threshold : float, default=10.0
            Score above which a cell type is flagged, as in :func:`skepi.inspection.cell_type_outliers`.
        ax : Axes, optional
        """
        pyplot()
        components, explained = cell_type_components(data, on, signal=signal, n_components=2)
        table = components.join(cell_type_outliers(data, on, signal=signal, threshold=threshold))
        shown = data.tables.the_signal(signal, "this map") if on == "openness" else on
        return cls(table=table, explained=explained, on=shown).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : Axes, optional
            A new figure by default.

        Returns
        -------
        CellTypePCADisplay
        """
        table = check_table(self.table, _COLUMNS, "cell types")
        own = ax is None
        (ax,) = axes(ax, size=(6.2, 5.0))
        lineages = _lineages(table)
        self.scatters_ = {
            name: ax.scatter(*_xy(table[lineages.to_numpy() == name]), s=34, color=colour, lw=0, zorder=2)
            for name, colour in _colours_of(lineages).items()
        }
        flagged = table[table["flagged"].astype(bool)]
        self.rings_ = ax.scatter(*_xy(flagged), s=110, facecolors="none", edgecolors=BLACK, lw=1.2, zorder=3)
        on = shortened(self.on, 40)
        x, y = (f"PC{k} of {on} ({percent(self.explained[f'pc{k}'])} of variance)" for k in (1, 2))
        label_axes(ax, x, y)
        ax.margins(0.12)
        if len(self.scatters_) > 1:
            self._add_legend(ax, outside=own)
        settle(ax, own)
        self._name(ax, table, lineages)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _add_legend(self, ax: Any, outside: bool) -> None:
        where = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)} if outside else {"loc": "best"}
        handles, names = list(self.scatters_.values()), list(self.scatters_)
        ax.legend(handles, names, frameon=False, fontsize=SMALL, handletextpad=0.2, **where)

    def _name(self, ax: Any, table: pd.DataFrame, lineages: pd.Series) -> None:
        order = table.sort_values(["flagged", "score"], ascending=False)
        named = order if len(table) <= _NAME_ALL else order[order["flagged"].astype(bool)]
        points = table[["pc1", "pc2"]].to_numpy()
        self.names_ = name_points(ax, named[["pc1", "pc2"]].to_numpy(), [shortened(n) for n in named.index], points)


def _xy(table: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    return table["pc1"], table["pc2"]


def _lineages(table: pd.DataFrame) -> pd.Series:
    """Lineage of each cell type as text; the smallest ones together where there are more than colours."""
    if "lineage" not in table:
        return pd.Series("", index=table.index)
    names = table["lineage"].astype(object).where(table["lineage"].notna(), "unknown").astype(str)
    counts = names.value_counts()
    if len(counts) <= len(PALETTE):
        return names
    rest = counts.index[len(PALETTE) - 1 :]
    return names.where(~names.isin(rest), f"{len(rest)} other lineages")


def _colours_of(lineages: pd.Series) -> dict[str, str]:
    """Colour of each lineage, the largest first; what is left over is pale."""
    names = list(lineages.value_counts(sort=False).sort_values(ascending=False, kind="stable").index)
    names.sort(key=lambda name: name.endswith(" other lineages"))
    if len(names) == 1:
        return {names[0]: BLUE}
    return {
        name: PALE if name.endswith(" other lineages") else colour for name, colour in zip(names, PALETTE, strict=False)
    }
