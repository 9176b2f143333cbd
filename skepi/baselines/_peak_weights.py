"""Which peak counts how much for which gene: a sparse table of genes x peaks, and the openness summed by it."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from skepi._doors import positions_of
from skepi.exceptions import TableError
from skepi.intervals import IntervalIndex, to_offsets
from skepi.paired import OpennessTables

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Few enough that the openness of all their peaks fits beside that of the data set.
_GENES_AT_ONCE = 1_000


class NearPeaks(NamedTuple):
    """Peaks in reach of genes, one entry per gene and peak.

    Attributes
    ----------
    gene, peak : ndarray of int64
        Rows of the tables.
    low, high : ndarray of int64
        The peak as offsets from the TSS in the direction of transcription, half-open, in bp.
    """

    gene: IntArray
    peak: IntArray
    low: IntArray
    high: IntArray


Weigh = Callable[[NearPeaks], FloatArray]


def weighted_openness(
    tables: OpennessTables, signal: str, genes: IntArray, cells: IntArray, reach: IntArray, weigh: Weigh
) -> FloatArray:
    r"""Sum :math:`\sum_p w_{gp} o_{pc}` for some genes and cell types of a data set, (n_genes, n_cell_types).

    Parameters
    ----------
    tables : OpennessTables
    signal : str
        The one whose peaks count.
    genes, cells : ndarray of int64
        Rows of the tables.
    reach : ndarray of int64, shape (all genes,)
        Distance from the TSS, in bp, beyond which no peak counts for the gene.
    weigh : callable
        Weight of each entry of :class:`NearPeaks`.
    """
    of_signal = tables.peaks_of(signal)
    index = IntervalIndex(*(tables.peaks[name].to_numpy()[of_signal] for name in ("chrom", "start", "end")))
    out = np.zeros((genes.size, cells.size))
    for rows in _alike(reach[genes]):
        near = _near_peaks(index, tables.genes, genes[rows], int(reach[genes[rows]].max()))
        peaks, column = np.unique(near.peak, return_inverse=True)
        place = np.searchsorted(genes[rows], near.gene)
        weights = sp.csr_array((weigh(near), (place, column)), shape=(rows.size, peaks.size))
        out[rows] = weights @ tables.openness[np.ix_(of_signal[peaks], cells)].astype(np.float64)
    return out


def gene_lengths(genes: pd.DataFrame) -> IntArray:
    """Bases from the TSS to the last transcribed one, both counted, (n_genes,); needs the column ``tes``."""
    if "tes" not in genes:
        raise TableError(
            "gene_body=True needs a column tes in the table of genes, the 0-based position of the last transcribed "
            f"base; got columns {list(genes.columns)}"
        )
    tss, tes = (positions_of(genes[column], f"genes.{column}") for column in ("tss", "tes"))
    length = np.where(genes["strand"] == "-", tss - tes, tes - tss) + 1
    if (length < 1).any():
        first = genes.iloc[int(np.argmin(length))]
        raise TableError(
            f"genes: tes lies upstream of tss in {int((length < 1).sum())} row(s), such as {first['name']}: "
            f"tss={first['tss']}, tes={first['tes']}, strand={first['strand']}"
        )
    return length


def _near_peaks(index: IntervalIndex, genes: pd.DataFrame, rows: IntArray, reach: int) -> NearPeaks:
    some = genes.iloc[rows]
    tss, minus = some["tss"].to_numpy(), (some["strand"] == "-").to_numpy()
    gene, peak = index.in_reach(some["chrom"].to_numpy(), tss, reach)
    low, high = to_offsets(index.start[peak], index.end[peak], tss[gene], minus[gene])
    return NearPeaks(rows[gene], peak, low, high)


def _alike(reach: IntArray) -> Iterator[IntArray]:
    """Rows of a few genes at a time, increasing; like reaches together, so that a long gene widens few others."""
    order = np.argsort(reach, kind="stable")
    for first in range(0, order.size, _GENES_AT_ONCE):
        yield np.sort(order[first : first + _GENES_AT_ONCE])
