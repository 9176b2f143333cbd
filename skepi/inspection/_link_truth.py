"""Measured links of the user, as a table of places and genes or of two places, matched to scored links."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._doors import frame_of, names_of, some
from skepi._regions import check_regions, check_same_naming
from skepi.exceptions import TableError, UnmatchedDataError
from skepi.inspection._link_geometry import touch
from skepi.intervals import IntervalIndex

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_ONE_PLACE = ("chrom", "start", "end", "gene")
_TWO_PLACES = ("chrom1", "start1", "end1", "chrom2", "start2", "end2")


class TrueLinks(NamedTuple):
    """Measured links, one row per place and gene; all of shape (n_links,).

    Attributes
    ----------
    gene : ndarray of int64
        Code of the gene among those of the scored links.
    start, end : ndarray of int64
        The place, on the chromosome of its gene.
    """

    gene: IntArray
    start: IntArray
    end: IntArray

    def hold(self, gene: IntArray, start: IntArray, end: IntArray) -> BoolArray:
        """Whether a place that is linked to the gene shares a base with each peak."""
        return touch(gene, start, end, (self.gene, self.start, self.end))


def read_truth(truth: Any, genes: pd.DataFrame, promoter_reach: int) -> TrueLinks:
    """Measured links of the genes that were scored.

    Parameters
    ----------
    truth : DataFrame or mapping
        ``chrom, start, end, gene``, or two places ``chrom1, start1, end1, chrom2, start2, end2``, of which one lies at
        a promoter.
    genes : DataFrame
        ``gene, chrom, tss`` of each scored gene.
    promoter_reach : int

    Raises
    ------
    TableError
        For other columns, and regions that are none.
    UnmatchedDataError
        Where no link is of a scored gene.
    """
    frame = frame_of(truth, "truth")
    missing = [column for column in _ONE_PLACE if column not in frame]
    if not missing:
        return _by_name(frame, genes)
    if set(_TWO_PLACES) <= set(frame):
        return _by_place(frame, genes, promoter_reach)
    raise TableError(
        f"truth: missing columns {missing}, got {list(frame.columns)}; wanted {', '.join(_ONE_PLACE)}, or those of "
        f"BEDPE: {', '.join(_TWO_PLACES)}"
    )


def _by_name(frame: pd.DataFrame, genes: pd.DataFrame) -> TrueLinks:
    regions, names = check_regions(frame, "truth"), names_of(frame["gene"], "truth: gene")
    check_same_naming(regions["chrom"], genes["chrom"], "truth", "links")
    code = pd.Index(genes["gene"].to_numpy(dtype=object)).get_indexer(names)
    if (code < 0).all():
        raise UnmatchedDataError(
            f"truth: no gene in common with the links: {some(pd.unique(names), 2)} against {some(genes['gene'], 2)}; "
            "name genes alike in both"
        )
    cis = (code >= 0) & (regions["chrom"].to_numpy() == genes["chrom"].to_numpy(dtype=object)[code])
    return _nonempty(TrueLinks(code[cis], *(regions[column].to_numpy()[cis] for column in ("start", "end"))))


def _by_place(frame: pd.DataFrame, genes: pd.DataFrame, reach: int) -> TrueLinks:
    """Each end that lies at the promoter of a gene links the other end to this gene."""
    ends = [
        check_regions(pd.DataFrame({c: frame[f"{c}{k}"] for c in ("chrom", "start", "end")}), f"truth: end {k}")
        for k in (1, 2)
    ]
    check_same_naming(pd.concat(ends)["chrom"], genes["chrom"], "truth", "links")
    cis = (ends[0]["chrom"] == ends[1]["chrom"]).to_numpy()
    ends = [end[cis].reset_index(drop=True) for end in ends]
    found = []
    for bait, other in (ends, ends[::-1]):
        index = IntervalIndex(*(bait[column].to_numpy() for column in ("chrom", "start", "end")))
        gene, row = index.in_reach(genes["chrom"].to_numpy(dtype=object), genes["tss"].to_numpy(), reach)
        found.append((gene, other["start"].to_numpy()[row], other["end"].to_numpy()[row]))
    return _nonempty(TrueLinks(*map(np.concatenate, zip(*found, strict=True))))


def _nonempty(links: TrueLinks) -> TrueLinks:
    if links.gene.size == 0:
        raise UnmatchedDataError(
            "truth: no link joins a place to a gene of the links on the same chromosome: are both of one assembly?"
        )
    return links
