"""DataChecks: what skepi sees in tables or in a data set, one line per check."""

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from skepi._html import Fact


@dataclass(frozen=True, eq=False, repr=False)
class DataChecks:
    """Checks of tables or of a data set; printed as one line per check.

    Attributes
    ----------
    table : DataFrame
        One row per check: ``check`` (what was looked at), ``found`` (text) and ``doubtful`` (whether you should look at
        it before you go on).

    Examples
    --------
    >>> DataChecks(pd.DataFrame({"check": ["genes", "depth"], "found": ["90", "0 in NK"], "doubtful": [False, True]}))
      genes  90
    ! depth  0 in NK
    """

    table: pd.DataFrame

    def __repr__(self) -> str:
        width = self.table["check"].str.len().max()
        return "\n".join(
            f"{'!' if row.doubtful else ' '} {row.check:<{width}}  {row.found}" for row in self.table.itertuples()
        )

    def __add__(self, other: "DataChecks") -> "DataChecks":
        return DataChecks(pd.concat([self.table, other.table], ignore_index=True))


def checks_of(facts: Iterable[Fact]) -> DataChecks:
    """Checks of facts in their order."""
    return DataChecks(pd.DataFrame([*facts], columns=["check", "found", "doubtful"]))
