"""The table of cell types of a pool: unique names, with the data set and the population of each."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from skepi._doors import some
from skepi.exceptions import TableError, UnknownNameError

#: Columns of the table of cell types of a pool.
DATA_SET, POPULATION = "data_set", "population"


def joined_cell_types(tables: Mapping[str, pd.DataFrame], shared: Sequence[str]) -> pd.DataFrame:
    """Cell types of all data sets under each other, with the columns ``data_set`` and ``population``."""
    tied = _checked_shared(tables, shared)
    columns = [column for column in next(iter(tables.values())) if all(column in table for table in tables.values())]
    parts = []
    for data_set, table in tables.items():
        if DATA_SET in table:
            raise TableError(
                f"{data_set}: its cell types have a column {DATA_SET!r} already: give the data sets of a pool one by "
                "one, or rename the column"
            )
        own = table[POPULATION] if POPULATION in table else table["name"]
        if own.isna().any():
            raise TableError(f"{data_set}: population missing for {some(table['name'][own.isna()])}")
        part = table[columns].assign(**{DATA_SET: data_set, POPULATION: own.astype(str)})
        part["name"] = [f"{data_set}:{name}" if name in tied else name for name in table["name"]]
        parts.append(part)
    joined = pd.concat(parts, ignore_index=True)
    _check_tied(joined, tables, tied)
    twice = joined["name"][joined["name"].duplicated()]
    if len(twice):
        raise TableError(
            f"cell type(s) {some(twice)} occur twice after the names of data sets were put before shared ones"
        )
    return joined


def _check_tied(joined: pd.DataFrame, tables: Mapping[str, pd.DataFrame], tied: set[str]) -> None:
    """Refuse names that are shared and have another population in another data set: nothing would tie them."""
    names = pd.concat([table["name"] for table in tables.values()], ignore_index=True)
    for name in sorted(tied):
        rows = joined[(names == name).to_numpy()]
        if rows[POPULATION].nunique() > 1:
            said = ", ".join(f"{row[POPULATION]!r} in {row[DATA_SET]}" for _, row in rows.iterrows())
            raise TableError(f"{name!r} is shared, but its population is {said}: give it one name in all data sets")


def _checked_shared(tables: Mapping[str, pd.DataFrame], shared: Any) -> set[str]:
    """Names of shared populations; names that clash and are not among them are refused."""
    if isinstance(shared, str):
        raise TypeError(f"shared must be a list of names, got the text {shared!r}")
    names = pd.concat([table["name"] for table in tables.values()])
    often = set(names[names.duplicated()])
    unknown = [name for name in shared if name not in set(names)]
    if unknown:
        raise UnknownNameError(
            f"shared: no data set has {some(unknown)}; names in two of them: {some(sorted(often)) or 'none'}"
        )
    lone = [name for name in dict.fromkeys(shared) if name not in often]
    if lone:
        said = "; ".join(f"{name!r} in {_holder(tables, name)!r} alone" for name in lone[:5])
        raise TableError(
            f"shared: {said}: a shared name is one that at least two data sets have. Name the cell type alike in both, "
            "or leave it out of shared; names in two of them: " + (some(sorted(often)) or "none")
        )
    clash = sorted(often - set(shared))
    if clash:
        raise TableError(
            f"cell type(s) {some(clash)} occur in two data sets: where they are the same population, say "
            f"shared={clash[:5]}; else rename them"
        )
    return set(shared)


def _holder(tables: Mapping[str, pd.DataFrame], name: str) -> str:
    """Data set that has a cell type."""
    return next(data_set for data_set, table in tables.items() if (table["name"] == name).any())
