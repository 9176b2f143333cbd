"""How long do the letters under 375,809 peaks take to read, and how often does check_genome err?

``sequence.py`` writes a random genome with the 23 chromosomes of hg19 (3.0 Gb) to a temporary folder, as FASTA (3.1 GB)
and 2bit (0.8 GB), and places 375,809 windows of 500 bp on it at random. Prints the time to open the genome (with and
without a ``.fai``), to read all windows, to read them in shuffled batches of 4,096 peaks, and to count GC. The files
have just been written, so they are read from the page cache where memory allows. ``sequence.py 0.1 bgzip`` takes a
tenth of each chromosome, with as many windows, and bgzip in addition, which is slow to write.

``sequence.py check`` runs ``check_genome`` on real peaks: hg19's chr22:1-22,000,000 and the peaks of 14 blood
populations there (SKEPI_HEME_DNA and SKEPI_HEME14 name the folders). It draws peaks with replacement 100 times and
prints how often the GC share and its displacement are doubtful, for peaks in place and shifted.
"""

import multiprocessing
import os
import sys
import tempfile
import time
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
from memory import peak_gb

from skepi.sequence import Genome, PeakSequences, check_genome

LENGTHS = {
    f"chr{name}": length
    for name, length in zip(
        [*range(1, 23), "X"],
        [
            *(249250621, 243199373, 198022430, 191154276, 180915260, 171115067, 159138663, 146364022, 141213431),
            *(135534747, 135006516, 133851895, 115169878, 107349540, 102531392, 90354753, 81195210, 78077248),
            *(59128983, 63025520, 48129895, 51304566, 155270560),
        ],
        strict=True,
    )
}
N_PEAKS, WIDTH, LINE = 375_809, 500, 60
LETTERS = np.frombuffer(b"TCAG", np.uint8)  # in the order of 2bit
END_OF_BGZIP = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


def bases(name, length):
    return np.random.default_rng(zlib.crc32(name.encode())).integers(0, 4, length, np.uint8)


def elsewhere(write, *args):
    """In a process of its own, whose memory does not count here."""
    process = multiprocessing.get_context("spawn").Process(target=write, args=args)
    process.start()
    process.join()


def write_fasta(path, lengths):
    with open(path, "wb") as file:
        for name, length in lengths.items():
            letters = LETTERS[bases(name, length)]
            lines = np.full((-(-length // LINE), LINE + 1), ord("\n"), np.uint8)
            whole = length // LINE
            lines[:whole, :LINE] = letters[: whole * LINE].reshape(whole, LINE)
            rest = length - whole * LINE
            lines[whole:, :rest] = letters[whole * LINE :]
            file.write(f">{name}\n".encode())
            file.write(lines.tobytes()[: length + -(-length // LINE)])


def write_two_bit(path, lengths):
    place = 16 + sum(5 + len(name) for name in lengths)
    with open(path, "wb") as file:
        file.write(np.array([0x1A412743, 0, len(lengths), 0], "<u4").tobytes())
        for name, length in lengths.items():
            file.write(bytes([len(name)]) + name.encode() + np.array([place], "<u4").tobytes())
            place += 16 + -(-length // 4)
        for name, length in lengths.items():
            codes = np.pad(bases(name, length), (0, -length % 4)).reshape(-1, 4)
            file.write(np.array([length, 0, 0, 0], "<u4").tobytes())
            file.write((codes @ np.array([64, 16, 4, 1], np.uint8)).astype(np.uint8).tobytes())


def write_bgzip(path, plain):
    with open(plain, "rb") as text, open(path, "wb") as file:
        while content := text.read(65_280):
            packer = zlib.compressobj(1, zlib.DEFLATED, -15)
            packed = packer.compress(content) + packer.flush()
            head = bytes.fromhex("1f8b08040000000000ff060042430200") + (len(packed) + 25).to_bytes(2, "little")
            file.write(head + packed + zlib.crc32(content).to_bytes(4, "little") + len(content).to_bytes(4, "little"))
        file.write(END_OF_BGZIP)


def random_peaks(lengths):
    rng = np.random.default_rng(0)
    names, sizes = [*lengths], np.array([*lengths.values()])
    chrom = np.sort(rng.choice(len(names), N_PEAKS, p=sizes / sizes.sum()))
    start = rng.integers(0, sizes[chrom] - WIDTH)
    peaks = pd.DataFrame({"chrom": np.array(names)[chrom], "start": start, "end": start + WIDTH})
    return peaks.sort_values(["chrom", "start"], ignore_index=True)


def timed(what, function):
    begun, busy = time.perf_counter(), time.process_time()
    found = function()
    wall, cpu = time.perf_counter() - begun, time.process_time() - busy
    print(f"  {what:<44} {wall:7.2f} s, {cpu:7.2f} s of CPU", flush=True)
    return found


def read(path, peaks):
    print(f"{path.name}, {path.stat().st_size / 1e9:.2f} GB")
    genome = timed("open", lambda: Genome(path))
    sequences = timed("place windows", lambda: PeakSequences(genome, peaks, WIDTH))
    whole = timed(f"read {whole_size(sequences)}", sequences.as_array)
    timed("read again", sequences.as_array)
    order = np.random.default_rng(1).permutation(len(peaks))[: 10 * 4096]
    timed("10 batches of 4,096 shuffled peaks", lambda: [np.asarray(sequences[rows]) for rows in np.split(order, 10)])
    timed("GC share", sequences.gc_share)
    print(f"  peak memory {peak_gb():.2f} GB")
    return whole


def whole_size(sequences):
    return f"{len(sequences):,} x {sequences.width} ({len(sequences) * sequences.width / 1e6:.0f} MB)"


def reading(scale, packed):
    lengths = {name: int(scale * length) for name, length in LENGTHS.items()}
    peaks = random_peaks(lengths)
    with tempfile.TemporaryDirectory() as folder:
        fasta, two_bit, bgzip = (Path(folder, name) for name in ("genome.fa", "genome.2bit", "genome.fa.gz"))
        elsewhere(write_fasta, fasta, lengths)
        elsewhere(write_two_bit, two_bit, lengths)
        found = [read(fasta, peaks)]
        index = Genome(fasta)._index.fai
        Path(folder, "genome.fa.fai").write_bytes(index)
        timed("open, with a .fai beside the file", lambda: Genome(fasta))
        found.append(read(two_bit, peaks))
        if packed:
            elsewhere(write_bgzip, bgzip, fasta)
            found.append(read(bgzip, peaks))
        assert all(np.array_equal(found[0], other) for other in found[1:])


def checks():
    shared = Path(__file__).parents[2] / "shared" / "data"
    dna = Path(os.environ.get("SKEPI_HEME_DNA", shared / "heme_dna"))
    genome = Genome(dna / "chr22_1_22000000_hg19.fa.gz", names="ucsc")
    peaks = pd.read_parquet(Path(os.environ.get("SKEPI_HEME14", shared / "heme14")) / "peaks.parquet")
    inside = (peaks["chrom"] == "chr22") & (peaks["end"] <= genome.chromosomes["chr22"] - 1200)
    peaks = peaks[inside].reset_index(drop=True)
    rng = np.random.default_rng(0)
    print(f"{len(peaks)} peaks; share of 100 draws that are doubtful")
    for shift in (0, 50, 100, -100, 200, 1000):
        moved = peaks.assign(start=peaks["start"] + shift, end=peaks["end"] + shift)
        for n in (300, 770):
            doubts = [
                check_genome(genome, moved.iloc[rng.integers(0, len(moved), n)]).table.set_index("check")["doubtful"]
                for _ in range(100)
            ]
            table = pd.DataFrame(doubts)
            shares = " ".join(f"{name} {table[name].mean():.2f}" for name in ("GC share", "GC displaced", "N"))
            print(f"  shift {shift:5d} bp, {n} peaks: {shares}", flush=True)


if __name__ == "__main__":
    if "check" in sys.argv:
        checks()
    else:
        reading(next((float(word) for word in sys.argv[1:] if word[0].isdigit()), 1.0), "bgzip" in sys.argv)
