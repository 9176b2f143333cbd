"""How often a peak meets the promoter of a gene: by distance alone, or from a table of the user."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._doors import frame_of, names_of, some
from skepi._regions import check_regions, check_same_naming
from skepi.exceptions import LeftOutWarning, TableError, UnmatchedDataError
from skepi.inspection._link_geometry import NearPairs, lookup

FloatArray = NDArray[np.float64]

#: Exponent of the decay of contact with distance, and distance below which it stays the same, both of ABC.
CONTACT_DECAY = 0.87
CONTACT_FLOOR_BP = 5_000


def power_law(distance_bp: NDArray[np.int64], decay: float = CONTACT_DECAY) -> FloatArray:
    r"""Contact by distance, :math:`(\max(|d|, 5000) / 5000)^{-\gamma}`: 1 up to 5 kb, and less beyond.

    Examples
    --------
    >>> power_law(np.array([-100, 5_000, 50_000])).round(3).tolist()
    [1.0, 1.0, 0.135]
    """
    return (np.maximum(np.abs(distance_bp), CONTACT_FLOOR_BP) / CONTACT_FLOOR_BP) ** -decay


class ContactTable:
    """Contacts of a table ``chrom, start, end, gene, contact``, checked against the genes of a data set.

    Raises
    ------
    TableError
        For columns that are missing, contacts that are not finite numbers of 0 or more, intervals of one gene that
        overlap, and intervals on another chromosome than their gene.
    UnmatchedDataError
        Where no gene of the table is in the data set.
    """

    def __init__(self, table: Any, genes: pd.DataFrame) -> None:
        frame = frame_of(table, "contact", ("chrom", "start", "end", "gene", "contact"))
        regions = check_regions(frame, "contact")
        check_same_naming(regions["chrom"], genes["chrom"], "contact", "genes")
        names = names_of(frame["gene"], "contact: gene")
        code = pd.Index(genes["name"]).get_indexer(names)
        if (code < 0).all():
            raise UnmatchedDataError(
                f"contact: no gene of the table is in the data set: {some(pd.unique(names), 2)} against "
                f"{some(genes['name'], 2)}; name genes as the data set does"
            )
        contact, known = _contacts_of(frame["contact"]), code >= 0
        self.gene, self.contact = code[known].astype(np.int64), contact[known]
        self.start, self.end = (regions[column].to_numpy()[known] for column in ("start", "end"))
        _refuse_other_chromosomes(regions["chrom"].to_numpy()[known], self.gene, genes)
        self._refuse_overlap(genes)

    def of(self, pairs: NearPairs, middle: NDArray[np.int64]) -> FloatArray:
        """Contact of the interval that holds the middle of each pair's peak; NaN where the table has none."""
        row = lookup(pairs.gene, middle, (self.gene, self.start, self.end))
        return np.where(row >= 0, self.contact[row], np.nan)

    def _refuse_overlap(self, genes: pd.DataFrame) -> None:
        order = np.lexsort((self.start, self.gene))
        same = self.gene[order][1:] == self.gene[order][:-1]
        overlap = same & (self.start[order][1:] < self.end[order][:-1])
        if overlap.any():
            name = genes["name"].iloc[self.gene[order][int(np.argmax(overlap))]]
            raise TableError(
                f"contact: {int(overlap.sum())} interval(s) overlap another of the same gene, the first of {name}: "
                "wanted one contact for each place; group by chrom, start, end and gene first"
            )


def check_found(contact: FloatArray) -> None:
    """Refuse contacts that none of the pairs has, and count the pairs without one in a warning."""
    missing = int(np.isnan(contact).sum())
    if missing == contact.size:
        raise UnmatchedDataError(
            "contact: no pair of a peak and a gene is in the table: wanted intervals that hold the middle of peaks, in "
            "bp, 0-based, of the same assembly"
        )
    if missing:
        warnings.warn(
            f"contact: {missing:,} of {contact.size:,} pairs are not in the table; they have no contact and no score",
            LeftOutWarning,
            stacklevel=3,
        )


def _contacts_of(column: pd.Series) -> FloatArray:
    if not pd.api.types.is_numeric_dtype(column):
        raise TableError(f"contact: contact: wanted numbers, got dtype {column.dtype}")
    contact = column.to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = np.flatnonzero(~(np.isfinite(contact) & (contact >= 0)))
    if wrong.size:
        row = int(wrong[0])
        raise TableError(
            f"contact: contact: wanted finite numbers of 0 or more, got {contact[row]} in row {row} "
            f"({wrong.size} such row(s)); leave such rows out"
        )
    return contact


def _refuse_other_chromosomes(chrom: NDArray, gene: NDArray[np.int64], genes: pd.DataFrame) -> None:
    other = np.flatnonzero(chrom != genes["chrom"].to_numpy(dtype=object)[gene])
    if other.size:
        row = int(other[0])
        place = genes.iloc[gene[row]]
        raise TableError(
            f"contact: {other.size} interval(s) lie on another chromosome than their gene, the first on {chrom[row]}, "
            f"with {place['name']} on {place['chrom']}; keep contacts within chromosomes"
        )
