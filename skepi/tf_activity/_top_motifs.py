"""The motifs that set each cell type apart."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from skepi._doors import check_count, frame_of, names_of, numbers_of, some
from skepi.exceptions import TableError


def top_motifs(z: pd.DataFrame, n_motifs: int = 5, *, families: Any = None) -> pd.DataFrame:
    """List the motifs with the highest z in each cell type.

    Parameters
    ----------
    z : DataFrame
        Cell types x motifs, from :class:`MotifDeviations`.
    n_motifs : int, default=5
        Motifs per cell type; fewer where there are fewer.
    families : mapping or Series, optional
        Family of each motif, by its name. Each cell type then has one motif per family, the one with the highest z,
        because related TFs have like motifs.

    Returns
    -------
    DataFrame
        One row per cell type and rank, cell types in the order of ``z``: ``cell_type``, ``rank`` (from 1), ``motif``
        and ``z``. Missing values of z are left out.

    Raises
    ------
    TableError
        For z that is no table of numbers, and for motifs without a family.
    ValueError
        For a number of motifs below 1.

    Examples
    --------
    >>> z = pd.DataFrame({"GATA1": [0.5, 9.0], "GATA2": [0.7, 8.0], "SPI1": [2.0, -3.0]}, index=["GMP", "Ery"])
    >>> top_motifs(z, 1)
      cell_type  rank  motif    z
    0       GMP     1   SPI1  2.0
    1       Ery     1  GATA1  9.0
    >>> top_motifs(z, 2, families={"GATA1": "GATA", "GATA2": "GATA", "SPI1": "ETS"})["motif"].tolist()
    ['SPI1', 'GATA2', 'GATA1', 'SPI1']
    """
    check_count("n_motifs", n_motifs, 1)
    table = checked_z(z)
    family = _families_of(table, families)
    parts = []
    for cell_type, values in zip(table.index, table.to_numpy(), strict=True):
        order = np.argsort(-values, kind="stable")
        order = order[~np.isnan(values[order])]
        order = order[~pd.Series(family[order]).duplicated().to_numpy()][:n_motifs]
        columns = {"cell_type": cell_type, "rank": np.arange(order.size) + 1}
        parts.append(pd.DataFrame(columns | {"motif": table.columns.to_numpy()[order], "z": values[order]}))
    return pd.concat(parts, ignore_index=True)


def checked_z(z: Any) -> pd.DataFrame:
    """Table of z as float64, named cell types x named motifs."""
    table = frame_of(z, "z")
    rows, columns = names_of(table.index, "z: rows"), names_of(table.columns, "z: columns")
    return pd.DataFrame(numbers_of(table, "z").astype(np.float64), rows, columns)


def _families_of(z: pd.DataFrame, families: Any) -> Any:
    """Family of each motif; each is its own where none are given."""
    if families is None:
        return z.columns.to_numpy()
    found = z.columns.map(families if isinstance(families, Mapping | pd.Series) else dict(families))
    if found.hasnans:
        raise TableError(f"families: {int(found.isna().sum())} motif(s) have none: {some(z.columns[found.isna()])}")
    return found.to_numpy()
