"""Motifs: probabilities of A, C, G and T at each position, under names."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from skepi._dna import letters_of
from skepi._doors import some
from skepi.exceptions import TableError, UnknownNameError
from skepi.motifs._meme import write_meme
from skepi.persistence import FittedPart

#: How far the probabilities of a position may be from 1; files round them to two decimals or more.
SUM_TOLERANCE = 0.01


class Motifs(FittedPart):
    """Position probability matrices of transcription factors, in order and under unique names.

    A collection is never changed: :meth:`select` makes another one.

    Parameters
    ----------
    matrices : mapping of str to array-like of shape (width, 4)
        Probabilities of A, C, G and T at each position. Each row adds up to 1 within 0.01 and is divided by its sum.
    ids : sequence of str, optional
        Identifier of each matrix in its database, such as MA0035.5; by default the names.
    tfs : sequence of str, optional
        Transcription factor of each matrix, which several may share; by default the names.

    Attributes
    ----------
    names : tuple of str
        Unique.
    ids, tfs : tuple of str
        In the order of ``names``.
    matrices : tuple of ndarray of shape (width, 4)
        Read-only, float64.
    widths : ndarray of int
        Positions (bp) of each motif.

    Raises
    ------
    TableError
        For a matrix that is not (width, 4), has no position, holds numbers that are negative or not finite, or does not
        add up to 1; for no matrix at all, a blank name, and identifiers that are given twice.

    See Also
    --------
    read_motifs : from files.

    Examples
    --------
    >>> motifs = Motifs({"GATA1": [[0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0.9, 0, 0, 0.1]]})
    >>> motifs.names, motifs.consensus, motifs.information.round(2)
    (('GATA1',), ('GATA',), array([7.53]))
    >>> motifs["GATA1"][3]
    array([0.9, 0. , 0. , 0.1])
    """

    def __init__(
        self,
        matrices: Mapping[str, ArrayLike],
        *,
        ids: Sequence[str] | None = None,
        tfs: Sequence[str] | None = None,
    ) -> None:
        if not isinstance(matrices, Mapping) or not matrices:
            raise TableError("motifs: wanted a mapping of names to matrices, with at least one matrix")
        self._names = _texts(matrices, "names")
        self._matrices = tuple(_checked(name, matrix) for name, matrix in matrices.items())
        self._ids = self._names if ids is None else _texts(ids, "ids", len(self._names))
        self._tfs = self._names if tfs is None else _texts(tfs, "tfs", len(self._names))
        twice = [one for one, count in Counter(self._ids).items() if count > 1]
        if twice:
            raise TableError(f"motifs: the same identifier twice: {some(twice)}")

    @property
    def names(self) -> tuple[str, ...]:
        """Unique names, which columns of scores have too."""
        return self._names

    @property
    def ids(self) -> tuple[str, ...]:
        """Identifier of each motif in its database."""
        return self._ids

    @property
    def tfs(self) -> tuple[str, ...]:
        """Transcription factor of each motif."""
        return self._tfs

    @property
    def matrices(self) -> tuple[NDArray[np.float64], ...]:
        """Probabilities, one matrix of shape (width, 4) per motif."""
        return self._matrices

    @property
    def widths(self) -> NDArray[np.int64]:
        """Positions (bp) of each motif."""
        return np.array([len(matrix) for matrix in self._matrices], dtype=np.int64)

    @property
    def consensus(self) -> tuple[str, ...]:
        """Most probable letter at each position; the first of A, C, G and T where several are."""
        return tuple(letters_of(matrix.argmax(axis=1).astype(np.uint8)) for matrix in self._matrices)

    @property
    def information(self) -> NDArray[np.float64]:
        """Information content in bits, 2 x width + sum of p log2 p: how rare the motif is in uniform DNA."""
        return np.array([2 * len(matrix) + _p_log2_p(matrix) for matrix in self._matrices])

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        """Matrix of a name, of an identifier, or of a TF that has one matrix."""
        found = self._places(name)
        if len(found) > 1:
            among = some(self._names[place] for place in found)
            raise UnknownNameError(f"motifs: {name!r} has {len(found)} matrices: give one of the names {among}")
        return self._matrices[found[0]]

    def __repr__(self) -> str:
        return f"Motifs({len(self)}: {some(self._names, 3)})"

    def select(self, names: Iterable[str]) -> "Motifs":
        """Take some motifs, in the order asked for.

        Parameters
        ----------
        names : iterable of str
            Names, identifiers, or TFs; a TF stands for all of its matrices.

        Returns
        -------
        Motifs

        Raises
        ------
        UnknownNameError
            For what is none of these.
        TableError
            For a motif that is asked for twice, and where nothing is asked for.

        Examples
        --------
        >>> rows = [[1, 0, 0, 0]]
        >>> motifs = Motifs({"FOS": rows, "ASCL1 (a)": rows, "ASCL1 (b)": rows}, tfs=["FOS", "ASCL1", "ASCL1"])
        >>> motifs.select(["ASCL1"]).names
        ('ASCL1 (a)', 'ASCL1 (b)')
        """
        if isinstance(names, str):
            raise TypeError(f"motifs: wanted a list of names, got the text {names!r}: give [{names!r}]")
        places = [place for name in names for place in self._places(name)]
        twice = [self._names[place] for place, count in Counter(places).items() if count > 1]
        if twice:
            raise TableError(f"motifs: asked for twice: {some(twice)}")
        return Motifs(
            {self._names[place]: self._matrices[place] for place in places},
            ids=[self._ids[place] for place in places],
            tfs=[self._tfs[place] for place in places],
        )

    def to_frame(self) -> pd.DataFrame:
        """Tabulate the motifs: ``id, tf, width`` (bp), ``information`` (bits) and ``consensus``, labelled by name."""
        columns = {"id": self._ids, "tf": self._tfs, "width": self.widths, "information": self.information}
        return pd.DataFrame({**columns, "consensus": self.consensus}, index=pd.Index(self._names, name="motif"))

    def to_meme(self, path: str | os.PathLike) -> None:
        """Write a file in minimal MEME format, from which :func:`read_motifs` reads the same motifs.

        Parameters
        ----------
        path : path
            A file that is there is replaced.

        Raises
        ------
        TableError
            For an identifier or a TF with white space, which the format cannot hold.
        """
        write_meme(path, self._ids, self._tfs, self._matrices)

    def _places(self, name: str) -> list[int]:
        """Where a name, an identifier or a TF stands."""
        for known in (self._names, self._ids):
            if name in known:
                return [known.index(name)]
        found = [place for place, tf in enumerate(self._tfs) if tf == name]
        if not found:
            raise UnknownNameError(f"motifs: no name, identifier or TF {name!r}; there are {some(self._names)}")
        return found


def _texts(texts: Iterable[Any], what: str, wanted: int | None = None) -> tuple[str, ...]:
    found = tuple(texts)
    blank = [one for one in found if not isinstance(one, str) or not one.strip()]
    if blank:
        raise TableError(f"motifs: {what} must be text that is not blank, got {blank[0]!r}")
    if wanted is not None and len(found) != wanted:
        raise TableError(f"motifs: {len(found)} {what} for {wanted} matrices: wanted one for each")
    return found


def _checked(name: str, matrix: ArrayLike) -> NDArray[np.float64]:
    """A matrix whose rows add up to 1, read-only."""
    rows = np.array(matrix, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != 4 or not len(rows):
        turned = "; give its transpose" if rows.ndim == 2 and rows.shape[0] == 4 else ""
        raise TableError(f"motif {name!r}: wanted shape (width, 4), width of 1 or more, got {rows.shape}{turned}")
    sums = rows.sum(axis=1)
    wrong = np.flatnonzero(~((rows >= 0).all(axis=1) & (np.abs(sums - 1) <= SUM_TOLERANCE)))
    if wrong.size:
        raise TableError(
            f"motif {name!r}: wanted probabilities of A, C, G and T that add up to 1 (within {SUM_TOLERANCE}), got "
            f"{rows[wrong[0]].tolist()} at position {wrong[0]}; divide counts by their sum"
        )
    rows /= sums[:, None]
    rows.flags.writeable = False
    return rows


def _p_log2_p(matrix: NDArray[np.float64]) -> float:
    p = matrix[matrix > 0]
    return float((p * np.log2(p)).sum())
