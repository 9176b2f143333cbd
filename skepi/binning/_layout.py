"""Which columns are made, and how pairs of any data set get them."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._columns import join_columns
from skepi._doors import numbers_of
from skepi.binning._binned import BinnedOpenness
from skepi.binning._factors import FactoredOperator, with_features
from skepi.binning._operator import SlotOperator
from skepi.binning._overlap import BandGroup, build_operator
from skepi.exceptions import TableError, UnknownNameError
from skepi.paired import GeneCellPairs, OpennessTables


class Depth(NamedTuple):
    """What the openness of a signal is divided by.

    Attributes
    ----------
    of : str or None
        ``"mean"``, None or a column of cell types.
    without : tuple of str
        Chromosomes that are left out of a mean.
    unit : float
        Mean of the column in the data set of the fit, by which it is divided; 1 for a mean of openness.
    """

    of: str | None
    without: tuple[str, ...]
    unit: float


@dataclass(frozen=True, eq=False)
class Layout:
    """Columns of binned openness, whatever data set they are made of.

    Attributes
    ----------
    groups : tuple of BandGroup
        In the order of their columns.
    depths : dict
        Of each signal.
    all_signals : bool
        Whether a data set may have no further signals.
    """

    groups: tuple[BandGroup, ...]
    depths: dict[str, Depth]
    all_signals: bool

    @classmethod
    def joined(cls, layouts: "dict[str, Layout]") -> "Layout":
        """Columns of several layouts, in their order; one signal has one depth."""
        depths: dict[str, Depth] = {}
        for name, layout in layouts.items():
            for signal, depth in layout.depths.items():
                if depths.setdefault(signal, depth) != depth:
                    raise ValueError(
                        f"{name} measures the depth of {signal} by {depth.of}, and another binner by "
                        f"{depths[signal].of}: a signal has one depth"
                    )
        groups = tuple(group for layout in layouts.values() for group in layout.groups)
        return cls(groups, depths, all(layout.all_signals for layout in layouts.values()))

    def columns(self) -> pd.DataFrame:
        """What the columns are, one row per column; two of one name are refused."""
        return join_columns([group.columns() for group in self.groups])

    def bin(self, X: GeneCellPairs, columns: pd.DataFrame) -> BinnedOpenness:
        """Bin pairs of a data set that has these signals; ``columns`` are those of the layout."""
        tables = X.tables
        if self.all_signals:
            _check_signals(tables.signals, tuple(self.depths))
        return BinnedOpenness(X, columns, self._operator(tables), self._inverse_depth(tables))

    def _operator(self, tables: OpennessTables) -> SlotOperator | FactoredOperator:
        return tables.derived(
            ("slots", self.groups), lambda: with_features(build_operator(tables, self.groups), tables, self.groups)
        )

    def _inverse_depth(self, tables: OpennessTables) -> NDArray[np.float32]:
        """What openness is multiplied by, (n_signals, n_cell_types); 1 for signals that are not binned."""
        out = np.ones((len(tables.signals), len(tables.cell_types)), dtype=np.float32)
        for signal, depth in self.depths.items():
            if depth.of == "mean":
                out[tables.signal_code(signal)] = 1 / tables.mean_openness(signal, depth.without)
            elif depth.of is not None:
                out[tables.signal_code(signal)] = depth.unit / depth_of_table(tables.cell_types, depth.of)
        return out


def depth_of_table(cell_types: pd.DataFrame, column: str) -> NDArray[np.float64]:
    """Depth of each cell type from a column of their table."""
    if column not in cell_types:
        raise UnknownNameError(
            f"depth={column!r} is no column of cell_types, which has {', '.join(map(str, cell_types))}; "
            'depth="mean" takes the mean of openness'
        )
    values = numbers_of(cell_types[column], f"cell_types: {column}").astype(np.float64)
    wrong = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
    if wrong.size:
        name = cell_types["name"].iloc[wrong[0]]
        raise TableError(f"cell_types: {column}: wanted positive numbers, got {values[wrong[0]]:g} for {name}")
    return values


def _check_signals(signals: tuple[str, ...], wanted: tuple[str, ...]) -> None:
    missing = [signal for signal in wanted if signal not in signals]
    unknown = [signal for signal in signals if signal not in wanted]
    if missing or unknown:
        raise ValueError(
            f"the data set has the signals {', '.join(signals)}, and that of the fit had {', '.join(wanted)}"
            + (f": {', '.join(missing)} missing" if missing else "")
            + (f": {', '.join(unknown)} unknown (signals=[...] says which to bin)" if unknown else "")
        )
