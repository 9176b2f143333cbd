"""The layout of bigWig files, every number of which is checked before it is believed.

Offsets and sizes come from the file, and a library that trusts them can end the whole process on a damaged one.
The layout is that of Kent et al. (2010), Bioinformatics 26, 2204, and its supplement.
"""

import os
import zlib
from collections.abc import Iterator
from typing import IO

import numpy as np
from numpy.typing import NDArray

from skepi._limits import Unpacked, check_unpacked
from skepi.exceptions import FileFormatError
from skepi.intervals import MAX_POSITION
from skepi.io._text import Path

_MAGICS = {b"\x26\xfc\x8f\x88": "<", b"\x88\x8f\xfc\x26": ">"}
_CHROM_TREE_MAGIC, _INDEX_MAGIC = 0x78CA8C91, 0x2468ACE0
_HEADER = "u4 magic, u2 version, u2 zooms, u8 chroms, u8 data, u8 index, u2, u2, u8, u8, u4 buffer, u8"
_CHROM_TREE = "u4 magic, u4, u4 key, u4 value, u8 items, u8"
_INDEX = "u4 magic, u4, u8 items, u4, u4, u4, u4, u8, u4, u4"
_NODE = "u1 leaf, u1, u2 items"
_NODE_BYTES = 4
_CHILD = "u4, u4, u4, u4, u8 offset"
_BLOCK = "u4 chrom, u4 start, u4 last, u4 end, u8 offset, u8 size"
_SECTION = "u4 chrom, u4 start, u4 end, u4 step, u4 span, u1 kind, u1, u2 items"
_ITEMS = {1: "u4 start, u4 end, f4 value", 2: "u4 start, f4 value", 3: "f4 value"}
_LARGEST_BLOCK = 24 + 65_535 * 12

Records = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]


class BigWigFile:
    """Chromosomes and signal of an open bigWig file.

    Attributes
    ----------
    lengths : dict
        Lengths of chromosomes, in bp.
    """

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self.path, self._file = path, file
        self._size = os.fstat(file.fileno()).st_size
        self._unpacked = Unpacked(path, self._size)
        magic = file.read(4)
        if magic not in _MAGICS:
            raise self.error("the file is not a bigWig")
        self._order = _MAGICS[magic]
        header = self._read(0, _HEADER)[0]
        self._buffer = int(header["buffer"])
        check_unpacked(self._buffer, self._size, path)
        chroms = dict(self._chromosomes(int(header["chroms"])))
        self.lengths = {name: length for name, (_, length) in chroms.items()}
        self._codes = {name: code for name, (code, _) in chroms.items()}
        if len(set(self._codes.values())) < len(chroms):
            raise self.error("chromosomes of the same number")
        self._blocks = self._index(int(header["index"]))

    def error(self, message: str) -> FileFormatError:
        """Make an error about this file."""
        return FileFormatError(self.path, None, None, message)

    def blocks(self, chrom: str) -> NDArray:
        """Blocks of a chromosome in order: ``start, end`` in bp, ``offset, size`` in the file."""
        blocks = self._blocks[self._blocks["chrom"] == self._codes[chrom]]
        blocks = blocks[np.argsort(blocks["start"], kind="stable")]
        if (blocks["end"] > self.lengths[chrom]).any() or (blocks["start"][1:] < blocks["end"][:-1]).any():
            raise self.error(f"blocks of {chrom} overlap or lie beyond its end")
        return blocks

    def records(self, block: NDArray) -> Records:
        """Start, end and value of the records of a block, in order and apart from each other."""
        content = self._bytes(int(block["offset"]), int(block["size"]))
        if self._buffer:
            content = self._inflated(content)
            self._unpacked.add(len(content))
        section = np.frombuffer(content[:24].ljust(24, b"\0"), self._dtype(_SECTION))[0]
        if section["kind"] not in _ITEMS or section["chrom"] != block["chrom"]:
            raise self.error("a block of data does not begin as it should")
        layout = self._dtype(_ITEMS[int(section["kind"])])
        if len(content) != 24 + layout.itemsize * int(section["items"]):
            raise self.error("a block of data is shorter or longer than it says")
        start, end, value = _expanded(section, np.frombuffer(content[24:], layout))
        inside = len(start) and start[0] >= block["start"] and end[-1] <= block["end"]
        if not inside or (end <= start).any() or (start[1:] < end[:-1]).any():
            raise self.error("records of a block overlap or lie outside it")
        return start, end, value

    def _dtype(self, layout: str) -> np.dtype:
        fields = [field.split() for field in layout.split(", ")]
        return np.dtype([(name[0] if name else f"_{k}", self._order + kind) for k, (kind, *name) in enumerate(fields)])

    def _bytes(self, offset: int, size: int) -> bytes:
        if offset + size > self._size:
            raise self.error(f"the file ends at byte {self._size}, wanted {size} bytes from {offset}")
        self._file.seek(offset)
        return self._file.read(size)

    def _read(self, offset: int, layout: str | np.dtype, count: int = 1) -> NDArray:
        dtype = self._dtype(layout) if isinstance(layout, str) else layout
        return np.frombuffer(self._bytes(offset, dtype.itemsize * count), dtype)

    def _inflated(self, content: bytes) -> bytes:
        stream = zlib.decompressobj()
        try:
            content = stream.decompress(content, _LARGEST_BLOCK)
        except zlib.error as error:
            raise self.error(f"a block of data is corrupt ({error})") from None
        if not stream.eof:
            raise self.error("a block of data is cut off or too large")
        return content

    def _leaves(self, root: int, leaf: np.dtype, child: np.dtype, items: int) -> NDArray:
        """Items of all leaves of a tree, which must be as many as it says."""
        todo, seen, found, n_bytes = [root], {root}, [], 0
        while todo:
            place = todo.pop()
            node = self._read(place, _NODE)[0]
            is_leaf, count = node["leaf"] == 1, int(node["items"])
            content = self._read(place + _NODE_BYTES, leaf if is_leaf else child, count)
            n_bytes += _NODE_BYTES + content.nbytes
            if n_bytes > self._size:  # nodes that overlap could go on for ever
                raise self.error("an index of the file is larger than the file")
            if is_leaf:
                found.append(content)
                continue
            below = [int(offset) for offset in content["offset"]]
            if node["leaf"] != 0 or not below or len({*below} - seen) < len(below):
                raise self.error("an index of the file is broken")
            todo.extend(below)
            seen.update(below)
        leaves = np.concatenate(found)
        if len(leaves) != items:
            raise self.error(f"an index of the file has {len(leaves)} items where it says {items}")
        return leaves

    def _chromosomes(self, offset: int) -> Iterator[tuple[str, tuple[int, int]]]:
        """Name, number and length of each chromosome."""
        tree = self._read(offset, _CHROM_TREE)[0]
        key = int(tree["key"])
        if tree["magic"] != _CHROM_TREE_MAGIC or tree["value"] != 8 or not 0 < key <= 65_535:
            raise self.error("the list of chromosomes is broken")
        leaf, child = self._dtype(f"S{key} name, u4 code, u4 length"), self._dtype(f"S{key}, u8 offset")
        names = set()
        for name, code, length in self._leaves(offset + 32, leaf, child, int(tree["items"])).tolist():
            text = name.decode("latin-1")
            if not (text.isascii() and text.isprintable()) or not text or text in names or length > MAX_POSITION:
                raise self.error(f"the list of chromosomes is broken at {text!r} of {length} bp")
            names.add(text)
            yield text, (code, length)

    def _index(self, offset: int) -> NDArray:
        """Where the blocks of data lie, on the chromosomes and in the file."""
        tree = self._read(offset, _INDEX)[0]
        if tree["magic"] != _INDEX_MAGIC:
            raise self.error("the index of the data is broken")
        blocks = self._leaves(offset + 48, self._dtype(_BLOCK), self._dtype(_CHILD), int(tree["items"]))
        known = np.isin(blocks["chrom"], list(self._codes.values()))
        if not known.all() or (blocks["chrom"] != blocks["last"]).any() or (blocks["start"] >= blocks["end"]).any():
            raise self.error("the index of the data names blocks that cannot be")
        return blocks


def _expanded(section: NDArray, items: NDArray) -> Records:
    """Start, end and value of records, which two of the three layouts abbreviate."""
    names, span = items.dtype.names or (), int(section["span"])
    if "start" in names:
        start = items["start"].astype(np.int64)
    else:
        start = int(section["start"]) + int(section["step"]) * np.arange(len(items))
    return start, items["end"].astype(np.int64) if "end" in names else start + span, items["value"].astype(np.float64)
