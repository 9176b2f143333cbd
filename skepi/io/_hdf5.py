"""Arrays of HDF5 files from strangers: nothing is read that lies elsewhere, is missing or grows too large."""

import mmap
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skepi._limits import Unpacked
from skepi.exceptions import FileFormatError
from skepi.io._text import Path, open_file

TEXTS = "SO"

_BEGINNING = b"\x89HDF\r\n\x1a\n"
_DEFLATE, _LZF = 1, 32000
# Filters that h5py itself brings. HDF5 would look for any other one among plugins, which are code.
_FILTERS = {_DEFLATE: "deflate", 2: "shuffle", 3: "fletcher32", _LZF: "lzf"}
_MOST_DEFLATED = 1100  # deflate cannot make less of a dataset than about a thousandth
_CHECKSUM_BYTES = 4
_HEAP = b"GCOL\1\0\0\0"  # texts of variable length lie on such heaps
_HEAP_HEAD_BYTES = 16  # of a heap, and of each object on it
_TEXT_BYTES = 16  # of a text of variable length: its length, and where it lies


class ArrayFile:
    """Groups and arrays of an open HDF5 file.

    Parameters
    ----------
    path : path
    file : h5py.File
    unpacked : Unpacked
        Counts the arrays that are read.
    """

    def __init__(self, path: Path, file: Any, unpacked: Unpacked) -> None:
        self._path, self._file, self._unpacked = path, file, unpacked
        self._heaps_are_sound = False  # not known yet

    def error(self, message: str) -> FileFormatError:
        """Make an error about this file."""
        return FileFormatError(self._path, None, None, message)

    def names(self, group: str = "/") -> list[str]:
        """List the names in a group; none where there is no such group."""
        return list(found) if hasattr(found := self.member(group), "keys") else []

    def member(self, name: str) -> Any:
        """Find a group or array that lies in this file itself, or None; a link to another place is an error."""
        import h5py

        found, parts = self._file, [part for part in name.split("/") if part]
        for depth, part in enumerate(parts, 1):
            # Asking h5py whether a name is there would follow the link, and so open another file.
            if not isinstance(found, h5py.Group) or not found.id.links.exists(part.encode()):
                return None
            if found.id.links.get_info(part.encode()).type != h5py.h5l.TYPE_HARD:
                raise self.error(f"{'/'.join(parts[:depth])} is a link to another place, wanted the data themselves")
            found = found[part]
        return found

    def array(self, name: str, kinds: str) -> NDArray:
        """Read a list of numbers or texts, once it is certain that this file holds all of it."""
        dataset = self.member(name)
        self._check_place(dataset, name)
        self._check_kind(dataset, name, kinds)
        self._check_filters(dataset, name)
        self._check_size(dataset, name)
        return self._texts(dataset) if dataset.dtype.kind == "O" else dataset[:]

    def _check_place(self, dataset: Any, name: str) -> None:
        # First of all, because even the length of a virtual dataset may be asked of another file.
        if getattr(dataset, "is_virtual", False) or getattr(dataset, "external", None):
            raise self.error(f"{name}: its values lie in other files, wanted them in this one")

    def _check_kind(self, dataset: Any, name: str, kinds: str) -> None:
        import h5py

        wanted = "texts" if kinds == TEXTS else "numbers"
        if getattr(dataset, "ndim", None) != 1 or dataset.dtype.kind not in kinds:
            found = getattr(dataset, "dtype", "nothing" if dataset is None else "a group")
            raise self.error(f"{name}: wanted a list of {wanted}, got {found}")
        if dataset.dtype.kind == "O" and h5py.check_string_dtype(dataset.dtype) is None:
            raise self.error(f"{name}: wanted a list of {wanted}, got references or lists")

    def _check_filters(self, dataset: Any, name: str) -> None:
        codes = _filters(dataset)
        strange = [code for code in codes if code not in _FILTERS]
        if strange:
            known = ", ".join(_FILTERS.values())
            raise self.error(f"{name}: packed with filter {strange[0]}, which is not read; wanted any of {known}")
        # What is packed twice unpacks to a million times its size.
        if len(set(codes)) < len(codes) or {_DEFLATE, _LZF} <= set(codes):
            raise self.error(f"{name}: packed twice, wanted one filter of a kind")

    def _check_size(self, dataset: Any, name: str) -> None:
        chunk = dataset.chunks[0] if dataset.chunks else 1
        n_chunks = -(-dataset.size // chunk)
        # A wrong length may be larger than memory.
        if dataset.nbytes > dataset.id.get_storage_size() * _MOST_DEFLATED or not self._is_complete(dataset, n_chunks):
            raise self.error(f"{name}: says {dataset.size} values, which are not all there")
        self._unpacked.add(n_chunks * chunk * dataset.dtype.itemsize)

    def _is_complete(self, dataset: Any, n_chunks: int) -> bool:
        """Whether every chunk is there, as it should be; one that is not would read as zeros."""
        if not dataset.chunks:
            return True
        if dataset.id.get_num_chunks() != n_chunks:
            return False
        chunks: list[Any] = []
        dataset.id.chunk_iter(chunks.append)
        # A chunk that no filter made smaller has its full size.
        whole = _chunk_bytes(dataset) + _CHECKSUM_BYTES * bool(dataset.fletcher32)
        if not all(chunk.size == whole for chunk in chunks if chunk.filter_mask or not _filters(dataset)):
            return False
        starts = {chunk.chunk_offset[0] for chunk in chunks}
        return starts == set(range(0, dataset.size, dataset.chunks[0])) and self._unpack_to_their_size(dataset, chunks)

    def _unpack_to_their_size(self, dataset: Any, chunks: list[Any]) -> bool:
        """Whether no chunk grows beyond its size; HDF5 would unpack all of it and keep the beginning."""
        if _DEFLATE not in (codes := _filters(dataset)):
            return True
        left_out = 1 << codes.index(_DEFLATE)  # the bit of chunks that deflate did not make smaller
        most = _chunk_bytes(dataset) + _CHECKSUM_BYTES
        suspects = [chunk for chunk in chunks if chunk.size * _MOST_DEFLATED > self._unpacked.limit]
        packed = (chunk.chunk_offset for chunk in suspects if not chunk.filter_mask & left_out)
        return all(_inflates_to(dataset.id.read_direct_chunk(offset)[1], most) for offset in packed)

    def _texts(self, dataset: Any) -> NDArray:
        """Texts of variable length, of which many may share one place in the file: few at once, counted."""
        self._check_heaps()
        at_once = max(1, self._unpacked.limit // os.path.getsize(self._path))  # no text is longer than the file
        texts = []
        for first in range(0, dataset.size, at_once):
            texts.append(dataset[first : first + at_once])
            self._unpacked.add(sum(map(len, texts[-1])))
        return np.concatenate(texts) if texts else dataset[:]

    def _check_heaps(self) -> None:
        """Refuse texts on heaps that are broken, on which HDF5 itself would go on for ever; heaps do not overlap."""
        if self._heaps_are_sound:
            return
        with open_file(self._path) as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            place, left = content.find(_HEAP), len(content)
            while place >= 0:
                left -= _heap_bytes(content, place)
                if left < 0 or not _is_heap(content, place):
                    raise self.error(f"texts of variable length are broken at byte {place}")
                place = content.find(_HEAP, place + 1)
        self._heaps_are_sound = True


@contextmanager
def open_hdf5(path: Path) -> Iterator[ArrayFile]:
    """Open an HDF5 file; whatever h5py raises about it, of many kinds, becomes ``FileFormatError``."""
    try:
        import h5py
    except ImportError:
        raise ImportError(f"{path} needs h5py: pip install h5py") from None
    with open_file(path) as opened:
        unpacked = Unpacked(path, os.fstat(opened.fileno()).st_size)
        beginning = opened.read(len(_BEGINNING))
    with _broken(path):
        if beginning != _BEGINNING:
            raise ValueError(f"wanted HDF5 from the first byte, got {beginning!r}; a user block is not read")
        with h5py.File(path, "r") as file:
            yield ArrayFile(path, file, unpacked)


@contextmanager
def _broken(path: Path) -> Iterator[None]:
    try:
        yield
    except FileFormatError:
        raise
    except Exception as error:
        raise FileFormatError(path, None, None, f"the file is no HDF5 that can be read ({error})") from None


def _is_heap(content: mmap.mmap, place: int) -> bool:
    """Whether the objects of a heap fill it, one behind the other; the last may be the room that is left."""
    end = place + _heap_bytes(content, place)
    at = place + _HEAP_HEAD_BYTES
    while at + _HEAP_HEAD_BYTES <= min(end, len(content)):
        is_room = content[at : at + 2] == b"\0\0"
        n_bytes = int.from_bytes(content[at + 8 : at + _HEAP_HEAD_BYTES], "little")
        at += n_bytes if is_room else _HEAP_HEAD_BYTES + -(-n_bytes // 8) * 8
        if is_room:
            return n_bytes >= _HEAP_HEAD_BYTES and at == end <= len(content)
    return at <= end <= len(content)


def _heap_bytes(content: mmap.mmap, place: int) -> int:
    """Size that a heap states."""
    return int.from_bytes(content[place + 8 : place + _HEAP_HEAD_BYTES], "little")


def _filters(dataset: Any) -> list[int]:
    """Codes of the filters of a dataset, in the order in which they packed it."""
    layout = dataset.id.get_create_plist()
    return [layout.get_filter(k)[0] for k in range(layout.get_nfilters())]


def _chunk_bytes(dataset: Any) -> int:
    """Size of an unpacked chunk in the file."""
    return dataset.chunks[0] * (_TEXT_BYTES if dataset.dtype.kind == "O" else dataset.dtype.itemsize)


def _inflates_to(content: bytes, most: int) -> bool:
    """Whether a deflated chunk ends within ``most`` bytes."""
    stream = zlib.decompressobj()
    return len(stream.decompress(content, most + 1)) <= most and stream.eof
