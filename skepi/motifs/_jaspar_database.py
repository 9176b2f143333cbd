"""Motifs of JASPAR by the names of their TFs, from the copy of the database that pyjaspar brings."""

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from skepi._doors import check_choice, some
from skepi.exceptions import UnknownNameError
from skepi.motifs._motifs import Motifs
from skepi.motifs._names import motifs_of


def jaspar_motifs(tfs: Iterable[str] | None = None, *, release: str = "JASPAR2024", species: int = 9606) -> Motifs:
    """Take motifs out of JASPAR by name, with the package pyjaspar, which holds the database.

    Only the collection CORE and the latest version of each matrix are taken. Names are those of :func:`read_motifs`.

    Parameters
    ----------
    tfs : iterable of str, optional
        Transcription factors as JASPAR writes them, such as GATA1 or GATA1::TAL1; all of the species by default.
    release : str, default="JASPAR2024"
    species : int, default=9606
        Taxonomy identifier of NCBI: 9606 is human, 10090 mouse.

    Returns
    -------
    Motifs
        In the order of their identifiers.

    Raises
    ------
    UnknownNameError
        For a TF, or a species, without a matrix.
    ValueError
        For a release that pyjaspar does not have.
    ImportError
        Where pyjaspar is not installed.

    Examples
    --------
    >>> jaspar_motifs(["GATA1", "TBX21"]).ids  # doctest: +SKIP
    ('MA0035.5', 'MA0690.3')
    """
    if isinstance(tfs, str):
        raise TypeError(f"tfs: wanted a list of names, got the text {tfs!r}: give [{tfs!r}]")
    found = sorted(_matrices(release, species), key=lambda motif: motif.matrix_id)
    if not found:
        raise UnknownNameError(f"{release} has no matrix for species {species}")
    wanted = {motif.name for motif in found} if tfs is None else set(tfs)
    absent = sorted(wanted - {motif.name for motif in found})
    if absent:
        raise UnknownNameError(f"{release} has no matrix of {some(absent)} for species {species}")
    found = [motif for motif in found if motif.name in wanted]
    rows = [np.array([motif.counts[letter] for letter in "ACGT"]).T for motif in found]
    shares = [counts / counts.sum(axis=1, keepdims=True) for counts in rows]
    return motifs_of([motif.matrix_id for motif in found], [motif.name for motif in found], shares)


def _matrices(release: str, species: int) -> list[Any]:
    """Matrices of a species, as pyjaspar has them."""
    try:
        import pyjaspar
    except ImportError as error:
        raise ImportError("motifs of JASPAR by name come with pyjaspar: pip install pyjaspar") from error
    check_choice("release", release, tuple(pyjaspar.jaspar_releases))
    database = pyjaspar.jaspardb(release=release)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # where nothing is found, which is an error here
            return list(database.fetch_motifs(collection="CORE", species=[str(species)]))
    finally:
        database.conn.close()
