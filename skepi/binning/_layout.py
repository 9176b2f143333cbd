"""Which columns are made, and how pairs of any data set get them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._columns import UNNAMED, check_signals, join_columns
from skepi._doors import numbers_of
from skepi.binning._binned import BinnedOpenness
from skepi.binning._factors import FactoredOperator, check_features, with_features
from skepi.binning._operator import SlotOperator
from skepi.binning._overlap import BandGroup, build_operator
from skepi.exceptions import TableError, UnknownNameError
from skepi.paired import GeneCellPairs, OpennessTables
from skepi.persistence import FittedPart


@dataclass(frozen=True)
class Depth(FittedPart):
    """What the openness of a signal is divided by.

    Attributes
    ----------
    of : str or None
        ``"mean"``, None or a column of cell types.
    without : tuple of str
        Chromosomes that are left out of a mean, sorted.
    unit : float
        Mean of the column in the data set of the fit, by which it is divided; 1 for a mean of openness.
    """

    of: str | None
    without: tuple[str, ...]
    unit: float

    def __str__(self) -> str:
        return f"depth={self.of!r}" + (f" without {', '.join(self.without)}" if self.without else "")

    def in_cell_types(self, tables: OpennessTables, signal: str) -> NDArray[np.float64]:
        """Depth of a signal in each cell type."""
        if self.of is None:
            return np.ones(len(tables.cell_types))
        if self.of == "mean":
            return tables.mean_openness(signal, self.without)
        return depth_of_table(tables.cell_types, self.of, signal) / self.unit


@dataclass(frozen=True, eq=False)
class Layout(FittedPart):
    """Columns of binned openness, whatever data set they are made of.

    Attributes
    ----------
    groups : tuple of BandGroup
        In the order of their columns.
    depths : dict
        Depths of each signal that is binned.
    all_signals : tuple of str or None
        The signals of the fit, where a data set may have no others.
    """

    groups: tuple[BandGroup, ...]
    depths: dict[str, Depth]
    all_signals: tuple[str, ...] | None

    @classmethod
    def joined(cls, layouts: "dict[str, Layout]") -> "Layout":
        """Columns of several layouts, in their order; one signal has one depth."""
        depths: dict[str, Depth] = {}
        for name, layout in layouts.items():
            for signal, depth in layout.depths.items():
                if depths.setdefault(signal, depth) != depth:
                    raise ValueError(
                        f"a signal has one depth, and {signal} is binned with {depths[signal]} and, in {name}, with "
                        f"{depth}"
                    )
        groups = tuple(group for layout in layouts.values() for group in layout.groups)
        restricted = [layout.all_signals for layout in layouts.values() if layout.all_signals is not None]
        return cls(groups, depths, restricted[0] if restricted else None)

    def columns(self) -> pd.DataFrame:
        """What the columns are, one row per column; two of one name are refused."""
        return join_columns([group.columns() for group in self.groups])

    def check(self, tables: OpennessTables) -> None:
        """Refuse a data set that lacks a signal or a feature, or has a signal too many."""
        if self.all_signals is not None:
            check_signals(tables.signals, self.all_signals)
        for group in self.groups:
            tables.signal_code(group.signal)
            check_features(group, tables)

    def bin(self, X: GeneCellPairs, columns: pd.DataFrame) -> BinnedOpenness:
        """Bin pairs of a data set that has these signals; ``columns`` are those of the layout."""
        tables = X.tables
        self.check(tables)
        return BinnedOpenness(X, columns, self._operator(tables), self._inverse_depth(tables))

    def _operator(self, tables: OpennessTables) -> SlotOperator | FactoredOperator:
        return tables.derived(
            ("slots", self.groups), lambda: with_features(build_operator(tables, self.groups), tables, self.groups)
        )

    def _inverse_depth(self, tables: OpennessTables) -> NDArray[np.float32]:
        """What openness is multiplied by, (n_signals, n_cell_types); 1 for signals that are not binned."""
        out = np.ones((len(tables.signals), len(tables.cell_types)), dtype=np.float32)
        for signal, depth in self.depths.items():
            out[tables.signal_code(signal)] = 1 / depth.in_cell_types(tables, signal)
        return out


def depth_of_table(cell_types: pd.DataFrame, name: str, signal: str) -> NDArray[np.float64]:
    """Depth of each cell type from a column of their table: ``name_signal`` where there is one, else ``name``."""
    of_signal = f"{name}_{signal}"
    column = of_signal if signal != UNNAMED and of_signal in cell_types else name
    if column not in cell_types:
        raise UnknownNameError(
            f"depth={name!r} is no column of cell_types, which has {', '.join(map(str, cell_types))}; "
            'depth="mean" takes the mean of openness'
        )
    values = numbers_of(cell_types[column], f"cell_types: {column}").astype(np.float64)
    wrong = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
    if wrong.size:
        cell_type = cell_types["name"].iloc[wrong[0]]
        raise TableError(f"cell_types: {column}: wanted positive numbers, got {values[wrong[0]]:g} for {cell_type}")
    return values
