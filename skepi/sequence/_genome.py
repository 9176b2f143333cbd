"""Genome: the letters of a reference genome, by chromosome and position."""

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._dna import Codes, codes_of
from skepi._doors import check_count, some
from skepi._regions import check_same_naming
from skepi.exceptions import FileFormatError, TableError, UnknownNameError
from skepi.io import convert_chromosomes
from skepi.sequence._fasta import FastaFile, FastaIndex, index_of, is_bgzip, is_gzip
from skepi.sequence._packed_fasta import read_packed_fasta
from skepi.sequence._sources import FileState, InMemory, Source, state_of
from skepi.sequence._two_bit import TwoBitFile, is_two_bit

#: Files that a parent process had opened before it was forked. To close them would move its place in the file.
_OF_PARENTS: list[Source] = []


class Genome:
    """Letters of a reference genome, read from its file when they are asked for.

    FASTA is read through pyfaidx, 2bit through py2bit (extra ``sequence``). Positions are 0-based and half-open, as
    everywhere in skepi. Letters come as codes: A 0, C 1, G 2, T 3, and 4 for N and every other IUPAC code. Lower case,
    which marks repeats, counts as its letter.

    Nothing is written beside the file. Where a ``.fai`` (and, for bgzip, a ``.gzi``) lies there, it is used, and is an
    error where it is older than the file or does not agree with it. Where none does, one is made in memory, which
    takes 13 s of one core for 3 Gb; ``samtools faidx`` makes a lasting one.

    Plain gzip, in contrast to bgzip, has to be unpacked from its beginning. Such a file is read whole, up to 512 MiB of
    letters; a larger one is an error that says how to make bgzip of it.

    A genome is pickled as its path with size and time of change of the file, and each process opens the file for
    itself. A file that has changed since is an error.

    Parameters
    ----------
    path : path
        FASTA (plain, bgzip or gzip) or 2bit; told by content, not by name.
    names : mapping of str to str, or {"ucsc", "ensembl"}, optional
        Other names for chromosomes: from the name in the file to the name here, such as ``{"22": "chr22"}``, or a style
        as in :func:`skepi.io.convert_chromosomes`. Chromosomes without another name keep theirs.

    Attributes
    ----------
    path : Path or None
        None for a genome of strings.
    chromosomes : Series of int64
        Length of each chromosome in bp, by name, in the order of the file.

    Raises
    ------
    FileFormatError
        For a file that is truncated, damaged or no genome, and for a stale index.
    DenseSizeError
        For gzip of more than 512 MiB of letters.
    TableError
        Where ``names`` names chromosomes that the file lacks, or gives one name to two.
    ImportError
        Where the library for the format is absent.

    Examples
    --------
    >>> genome = Genome.from_strings({"chr1": "ACGTN", "chr2": "ggcc"})
    >>> genome.letters("chr1", 1, 5).tolist(), genome.chromosomes.to_dict()
    ([1, 2, 3, 4], {'chr1': 5, 'chr2': 4})
    """

    def __init__(self, path: str | os.PathLike, *, names: Mapping[str, str] | str | None = None) -> None:
        self._path: Path | None = Path(path).absolute()
        self._state: FileState | None = state_of(self._path)
        self._index: FastaIndex | None = None
        if not is_two_bit(self._path) and (is_bgzip(self._path) or not is_gzip(self._path)):
            self._index = index_of(self._path)
        self._begin(None)
        self._name_chromosomes(names)

    @classmethod
    def from_strings(cls, letters: Mapping[str, str]) -> Self:
        """Make a genome of strings, which is pickled with all its letters.

        Parameters
        ----------
        letters : mapping of str to str
            Letters of each chromosome.

        Raises
        ------
        TableError
            For anything that is no mapping of names to text, or no DNA.
        """
        if not isinstance(letters, Mapping) or not letters:
            raise TableError(f"genome: wanted a mapping of chromosome names to letters, got {letters!r:.60}")
        genome = cls.__new__(cls)
        genome._path = genome._state = genome._index = None
        genome._begin(InMemory({str(name): _codes_of_string(name, text) for name, text in letters.items()}))
        genome._name_chromosomes(None)
        return genome

    def _begin(self, opened: Source | None) -> None:
        self._opened, self._process, self._lock = opened, os.getpid(), threading.RLock()

    def _name_chromosomes(self, names: Mapping[str, str] | str | None) -> None:
        lengths = self._source().lengths
        if not lengths:
            raise FileFormatError(self._path or "", None, None, "the file holds no sequence")
        new = _new_names([*lengths], names)
        self._name_in_file = dict(zip(new, lengths, strict=True))
        self._lengths = dict(zip(new, lengths.values(), strict=True))

    @property
    def path(self) -> Path | None:
        """File of the genome, None for one of strings."""
        return self._path

    @property
    def chromosomes(self) -> pd.Series:
        """Length of each chromosome in bp."""
        return pd.Series(self._lengths, dtype=np.int64, name="length").rename_axis("chrom")

    def letters(self, chrom: str, start: int, end: int) -> Codes:
        """Read the codes of ``[start, end)`` of a chromosome.

        Parameters
        ----------
        chrom : str
        start, end : int
            0-based half-open, in bp, within the chromosome.

        Returns
        -------
        ndarray of uint8, shape (end - start,)
            A 0, C 1, G 2, T 3, N and other IUPAC codes 4.

        Raises
        ------
        UnknownNameError
            For a chromosome that the genome lacks.
        TableError
            For positions beyond it.
        FileFormatError
            For letters that are no DNA, and a file that has changed since the genome was made.
        """
        if chrom not in self._lengths:
            raise UnknownNameError(
                f"the genome has no chromosome {chrom!r}, but {some(self._lengths, 3)} (is it another assembly, or "
                "another style of names? Genome(..., names=) renames)"
            )
        check_count("start", start, 0)
        check_count("end", end, int(start))
        if end > self._lengths[chrom]:
            raise TableError(f"{chrom} has {self._lengths[chrom]:,} bp, got {start}-{end} (is it the same assembly?)")
        with self._lock:
            return self._source().codes(self._name_in_file[chrom], int(start), int(end))

    def close(self) -> None:
        """Close the file; it is opened again when letters are asked for."""
        if self._path is None:
            return
        with self._lock:
            if self._opened is not None and self._process == os.getpid():
                self._opened.close()
            self._opened = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _source(self) -> Source:
        """The file, opened by this process: a handle that a parent process opened is never used."""
        if self._path is None:
            assert self._opened is not None
            return self._opened
        if state_of(self._path) != self._state:
            raise FileFormatError(
                self._path, None, None, "the file has changed since the genome was made; make the Genome anew"
            )
        if self._opened is not None and self._process != os.getpid():
            _OF_PARENTS.append(self._opened)
            self._opened = None
        if self._opened is None:
            self._opened, self._process = _open(self._path, self._index), os.getpid()
        return self._opened

    def _identity(self) -> tuple:
        return self._path, self._state, tuple(self._name_in_file.items()), tuple(self._lengths.items())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Genome):
            return NotImplemented
        return self._identity() == other._identity() and (self._path is not None or self._same_letters(other))

    def _same_letters(self, other: "Genome") -> bool:
        return all(
            np.array_equal(self.letters(chrom, 0, length), other.letters(chrom, 0, length))
            for chrom, length in self._lengths.items()
        )

    def __hash__(self) -> int:
        return hash(self._identity())

    def __repr__(self) -> str:
        n_chromosomes = f"{len(self._lengths):,} chromosome{'s' if len(self._lengths) > 1 else ''}"
        source = "from strings" if self._path is None else self._path.name
        return f"<Genome {source}: {n_chromosomes}, {sum(self._lengths.values()):,} bp>"

    def __getstate__(self) -> dict[str, Any]:
        state = {name: value for name, value in self.__dict__.items() if name not in ("_process", "_lock")}
        return state | {"_opened": self._opened if self._path is None else None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._begin(state["_opened"])


def check_chromosomes(genome: Genome, chroms: pd.Series, what: str) -> None:
    """Refuse chromosomes that a genome lacks."""
    names, known = pd.unique(chroms), genome.chromosomes.index
    check_same_naming(names, known, what, "the genome")
    lacking = ~chroms.isin(known)
    if lacking.any():
        raise TableError(
            f"{what}: {int(lacking.sum()):,} row(s) lie on chromosomes that the genome lacks: "
            f"{some(pd.unique(chroms[lacking]))}. Is it another assembly or species? If not, leave them out: "
            f"{what}[{what}['chrom'].isin(genome.chromosomes.index)]"
        )


def lengths_of(genome: Genome, chroms: pd.Series) -> NDArray[np.float64]:
    """Length of the chromosome of each row, 0 where the genome lacks it."""
    return genome.chromosomes.reindex(chroms).fillna(0).to_numpy(np.float64)


def _codes_of_string(name: Any, text: Any) -> Codes:
    if not isinstance(text, str):
        raise TableError(f"genome: {name}: wanted letters as text, got {type(text).__name__}")
    return codes_of(
        text.encode("latin-1", "replace"), place=lambda place: f"genome: {name}, position {place:,} (from 0)"
    )


def _open(path: Path, index: FastaIndex | None) -> Source:
    if index is not None:
        file = FastaFile(path, index)
        file.check_index()
        return file
    return TwoBitFile(path) if is_two_bit(path) else InMemory(read_packed_fasta(path))


def _new_names(given: list[str], names: Mapping[str, str] | str | None) -> list[str]:
    if isinstance(names, str):
        table = convert_chromosomes(pd.DataFrame({"chrom": given}), names, unknown="keep")
        new = table["chrom"].tolist()
    else:
        _check_mapping(given, names)
        new = [(names or {}).get(name, name) for name in given]
    twice = pd.Index(new)[pd.Index(new).duplicated()]
    if len(twice):
        raise TableError(f"names: two chromosomes would have the same name: {some(twice)}")
    return new


def _check_mapping(given: list[str], names: Mapping[str, str] | None) -> None:
    if names is None:
        return
    if not isinstance(names, Mapping) or not all(isinstance(name, str) for name in names.values()):
        raise TableError(f"names: wanted a mapping from the file's names to others, 'ucsc' or 'ensembl', got {names!r}")
    unknown = [name for name in names if name not in given]
    if unknown:
        raise TableError(f"names: the file has no chromosome {some(unknown)}, but {some(given, 3)}")
