"""Bases that are known to stand at positions, such as reference alleles, compared with a genome."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._dna import UNKNOWN, Codes, codes_of
from skepi._doors import frame_of, names_of, positions_of
from skepi.exceptions import TableError
from skepi.intervals import IntArray
from skepi.sequence._genome import Genome, lengths_of
from skepi.sequence._windows import GenomeWindows

REACH_BP = 200
#: Letters that are compared at most; more tell no more.
_MOST_LETTERS = 100_000


class Agreement(NamedTuple):
    """How many known letters stand in a genome where they should, or at another place.

    Attributes
    ----------
    n_rows, n_unknown : int
        Rows of the table, and those on chromosomes that the genome lacks or beyond their ends.
    n_letters, n_equal : int
        Letters that are known on both sides, and equal ones.
    best_bp : int
        Distance by which all rows would have to be moved for most letters to be equal, the shortest of several.
    best_share : float
        Share of equal letters there.
    """

    n_rows: int
    n_unknown: int
    n_letters: int
    n_equal: int
    best_bp: int
    best_share: float

    @property
    def share(self) -> float:
        """Share of equal letters where they should be."""
        return self.n_equal / self.n_letters if self.n_letters else np.nan


def agreement(genome: Genome, known_bases: Any) -> Agreement:
    """Compare known bases with a genome, at their positions and up to 200 bp around.

    Examples
    --------
    >>> genome = Genome.from_strings({"chr1": "ACGTTGCA"})
    >>> agreement(genome, {"chrom": ["chr1", "chr1"], "position": [2, 5], "base": ["C", "TG"]}).best_bp
    -1
    """
    table = _table(known_bases)
    inside = _inside(genome, table)
    rows = _some_rows(table[inside])
    equal, letters = np.zeros(2 * REACH_BP + 1, np.int64), np.zeros(2 * REACH_BP + 1, np.int64)
    for codes, bases in _around(genome, rows):
        width = bases.shape[1]
        for shift in range(2 * REACH_BP + 1):
            there = codes[:, shift : shift + width]
            known = (there != UNKNOWN) & (bases != UNKNOWN)
            equal[shift] += np.count_nonzero(known & (there == bases))
            letters[shift] += np.count_nonzero(known)
    shares = np.divide(equal, letters, out=np.zeros(len(equal)), where=2 * letters > letters.max())
    nearest_first = np.argsort(np.abs(np.arange(-REACH_BP, REACH_BP + 1)), kind="stable")
    best = int(nearest_first[shares[nearest_first].argmax()])
    return Agreement(
        len(table),
        int((~inside).sum()),
        int(letters[REACH_BP]),
        int(equal[REACH_BP]),
        best - REACH_BP,
        float(shares[best]),
    )


def _table(known_bases: Any) -> pd.DataFrame:
    frame = frame_of(known_bases, "known_bases", ("chrom", "position", "base"))
    texts = frame["base"].tolist()
    wrong = [row for row, text in enumerate(texts) if not isinstance(text, str) or not text]
    if wrong:
        raise TableError(f"known_bases: base: wanted letters as text, got {texts[wrong[0]]!r} in row {wrong[0]}")
    return pd.DataFrame(
        {
            "chrom": names_of(frame["chrom"], "known_bases: chrom"),
            "position": positions_of(frame["position"], "known_bases: position", whole_floats=True),
            "base": texts,
        }
    )


def _inside(genome: Genome, table: pd.DataFrame) -> NDArray[np.bool_]:
    """Which rows lie on the genome."""
    end = (table["position"] + table["base"].str.len()).to_numpy()
    return end <= lengths_of(genome, table["chrom"])


def _some_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Evenly spaced rows with no more letters than are compared."""
    n_letters = int(table["base"].str.len().sum())
    return table.iloc[:: max(1, -(-n_letters // _MOST_LETTERS))]


def _around(genome: Genome, rows: pd.DataFrame) -> Iterator[tuple[Codes, Codes]]:
    """Letters around the rows of each length of bases, and the bases."""
    for width, part in rows.groupby(rows["base"].str.len()):
        chrom, chroms = pd.factorize(part["chrom"])
        start: IntArray = part["position"].to_numpy() - REACH_BP
        windows = GenomeWindows(genome, np.asarray(chroms, object), chrom, start, int(width) + 2 * REACH_BP)
        bases = codes_of("".join(part["base"]).encode("latin-1", "replace"), place=_place_of(part, int(width)))
        yield windows.codes(np.arange(len(part))), bases.reshape(len(part), int(width))


def _place_of(part: pd.DataFrame, width: int) -> Any:
    return lambda place: f"known_bases: base: row {part.index[place // width]}"
