"""Which genome assemblies a table can be of, told by the ends of chromosomes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from skepi._doors import frame_of
from skepi.exceptions import TableError

_HUMAN = [*map(str, range(1, 23)), "X"]
_MOUSE = [*map(str, range(1, 20)), "X"]

#: Lengths of chromosomes in bp, as UCSC's chromInfo tables state them.
_LENGTHS = {
    "hg19": [
        *(249250621, 243199373, 198022430, 191154276, 180915260, 171115067, 159138663, 146364022, 141213431),
        *(135534747, 135006516, 133851895, 115169878, 107349540, 102531392, 90354753, 81195210, 78077248),
        *(59128983, 63025520, 48129895, 51304566, 155270560),
    ],
    "hg38": [
        *(248956422, 242193529, 198295559, 190214555, 181538259, 170805979, 159345973, 145138636, 138394717),
        *(133797422, 135086622, 133275309, 114364328, 107043718, 101991189, 90338345, 83257441, 80373285),
        *(58617616, 64444167, 46709983, 50818468, 156040895),
    ],
    "mm10": [
        *(195471971, 182113224, 160039680, 156508116, 151834684, 149736546, 145441459, 129401213, 124595110),
        *(130694993, 122082543, 120129022, 120421639, 124902244, 104043685, 98207768, 94987271, 90702639),
        *(61431566, 171031299),
    ],
    "mm39": [
        *(195154279, 181755017, 159745316, 156860686, 151758149, 149588044, 144995196, 130127694, 124359700),
        *(130530862, 121973369, 120092757, 120883175, 125139656, 104073951, 98008968, 95294699, 90720763),
        *(61420004, 169476592),
    ],
}
_ASSEMBLIES = {
    name: dict(zip(_HUMAN if name.startswith("hg") else _MOUSE, lengths, strict=True))
    for name, lengths in _LENGTHS.items()
}


def possible_assemblies(table: Any) -> list[str]:
    """List the common assemblies that a table of peaks or genes can be of.

    An assembly is possible if it has all numbered chromosomes of the table, and if every peak or gene starts before
    the end of its chromosome. (The ends of consensus peaks may lie beyond it.) A table of a whole genome usually leaves
    one assembly of a species. A table of few places leaves several, and says nothing. That a table fits does not prove
    that it is of that assembly.

    Parameters
    ----------
    table : DataFrame or mapping
        Column ``chrom`` (``chr1`` or ``1``), and ``start`` of peaks or ``tss`` of genes (0-based, in bp).

    Returns
    -------
    list of str
        Some of ``"hg19"`` (GRCh37), ``"hg38"`` (GRCh38), ``"mm10"`` (GRCm38) and ``"mm39"`` (GRCm39). Empty where none
        fits, as for other species.

    Raises
    ------
    TableError
        Where the columns are missing.

    References
    ----------
    UCSC Genome Browser, chromInfo tables of the four assemblies.

    Examples
    --------
    >>> possible_assemblies({"chrom": ["chr1", "chr17"], "start": [249_200_000, 81_000_000]})
    ['hg19']
    """
    frame = frame_of(table, "table", ["chrom"])
    position = next((name for name in ("start", "tss") if name in frame), None)
    if position is None:
        raise TableError(f"table: wanted a column start (of peaks) or tss (of genes), got {list(frame)}")
    names = frame["chrom"].astype(str).str.removeprefix("chr")
    last = frame[position].groupby(names.to_numpy(), observed=True).max()
    last = last[last.index.str.fullmatch("[1-9][0-9]?|X")]
    if last.empty:
        return []
    return [
        name
        for name, lengths in _ASSEMBLIES.items()
        if np.all(last.to_numpy() < [lengths.get(chrom, -1) for chrom in last.index])
    ]


def assembly_of_lengths(lengths: Mapping[str, int] | pd.Series) -> str | None:
    """Name the common assembly that has chromosomes of exactly these lengths.

    Parameters
    ----------
    lengths : mapping of str to int, or Series
        Length of each chromosome in bp by name (``chr1`` or ``1``), such as
        :attr:`skepi.sequence.Genome.chromosomes`. Only numbered chromosomes and X are compared; all of them that are
        there must agree.

    Returns
    -------
    str or None
        ``"hg19"``, ``"hg38"``, ``"mm10"`` or ``"mm39"``, None where it is none of these.

    References
    ----------
    UCSC Genome Browser, chromInfo tables of the four assemblies.

    Examples
    --------
    >>> assembly_of_lengths({"chr22": 51_304_566, "chrM": 16_571}), assembly_of_lengths({"chr22": 22_000_000})
    ('hg19', None)
    """
    found = {name.removeprefix("chr"): int(length) for name, length in lengths.items()}
    numbered = {name: length for name, length in found.items() if name in {*_HUMAN, *_MOUSE}}
    if not numbered:
        return None
    return next(
        (name for name, known in _ASSEMBLIES.items() if all(known.get(c) == n for c, n in numbered.items())), None
    )
