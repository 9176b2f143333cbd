"""Genomes in files, written by a few lines of their own: FASTA, bgzip and 2bit as their formats are described."""

import struct
import zlib

_TWO_BITS = {"T": 0, "C": 1, "A": 2, "G": 3}
_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


def fasta(letters, width=60, newline="\n", last="\n"):
    """Text of a FASTA file whose lines have ``width`` letters."""
    lines = []
    for name, text in letters.items():
        lines += [f">{name} some words", *(text[k : k + width] for k in range(0, len(text), width))]
    return newline.join(lines) + last


def bgzip(content, block=1000):
    """BGZF (SAM specification, 4.1): gzip members that state their size, and an empty one at the end."""
    return b"".join(_member(content[k : k + block]) for k in range(0, len(content), block)) + _END


def _member(content):
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    packed = packer.compress(content) + packer.flush()
    head = struct.pack("<4BI2BH2BHH", 31, 139, 8, 4, 0, 0, 255, 6, 66, 67, 2, len(packed) + 25)
    return head + packed + struct.pack("<II", zlib.crc32(content), len(content))


def two_bit(letters, order="<"):
    """2bit (UCSC): sequence T 0, C 1, A 2, G 3; blocks of N and of lower case beside it."""
    offset = 16 + sum(5 + len(name) for name in letters)
    index, records = b"", b""
    for name, text in letters.items():
        index += struct.pack(f"{order}B", len(name)) + name.encode() + struct.pack(f"{order}I", offset + len(records))
        records += _record(text, order)
    return struct.pack(f"{order}4I", 0x1A412743, 0, len(letters), 0) + index + records


def _record(text, order):
    parts = [struct.pack(f"{order}I", len(text))]
    for blocks in (_blocks(text, lambda letter: letter in "Nn"), _blocks(text, str.islower)):
        starts, sizes = zip(*blocks, strict=True) if blocks else ((), ())
        parts.append(struct.pack(f"{order}I{2 * len(blocks)}I", len(blocks), *starts, *sizes))
    bits = [_TWO_BITS.get(letter, 0) for letter in text.upper()]
    bits += [0] * (-len(bits) % 4)
    packed = bytes(a << 6 | b << 4 | c << 2 | d for a, b, c, d in zip(*[iter(bits)] * 4, strict=True))
    return b"".join([*parts, struct.pack(f"{order}I", 0), packed])


def _blocks(text, belongs):
    """Start and length of each run of letters that belong together."""
    blocks, start = [], None
    for place, letter in enumerate([*text, None]):
        inside = letter is not None and belongs(letter)
        if inside and start is None:
            start = place
        elif not inside and start is not None:
            blocks.append((start, place - start))
            start = None
    return blocks
