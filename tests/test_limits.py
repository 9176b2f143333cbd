"""Files that unpack to more than they may: an error before memory is full, at every reader."""

import gzip
import os
import subprocess
import sys
import textwrap
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_io import READERS, VALID
from test_io_bigwig import CHROMS, SECTIONS, bigwig

from skepi._limits import VARIABLE, Unpacked, check_unpacked, longest_line
from skepi.exceptions import FileFormatError
from skepi.io import bigwig_means, read_10x_h5, read_bed, read_gtf, read_matrix

ROOT = Path(__file__).parents[1]
MIB = 1 << 20
TOO_MUCH = f"unpacks to at least .* the limit is .* set {VARIABLE} to a larger number of bytes, such as [0-9]+"
BIGWIG_PEAKS = pd.DataFrame({"chrom": ["chr1"], "start": [0], "end": [100]})


@pytest.fixture
def allow(monkeypatch):
    """Set the limit."""
    return lambda text: monkeypatch.setenv(VARIABLE, str(text))


# --- the law


@pytest.mark.parametrize(
    ("packed", "limit"), [(0, 256 * MIB), (MIB, 256 * MIB), (2 * MIB, 400 * MIB), (10**9, 200 * 10**9)]
)
def test_the_limit_is_256_mib_or_200_times_the_file(packed, limit):
    check_unpacked(limit, packed, "file")
    with pytest.raises(FileFormatError, match=TOO_MUCH):
        check_unpacked(limit + 1, packed, "file")


def test_the_message_says_what_came_the_limit_and_what_to_do(allow):
    allow(1000)
    with pytest.raises(FileFormatError) as caught:
        check_unpacked(5000, 70, "cells.h5")
    advice = f"If you trust the file, set {VARIABLE} to a larger number of bytes, such as 50000"
    assert (
        str(caught.value) == f"cells.h5: the file of 70 bytes unpacks to at least 5,000; the limit is 1,000. {advice}"
    )


def test_what_is_added_bit_by_bit_counts_together(allow):
    allow(10)
    unpacked = Unpacked("file", 1)
    unpacked.add(4)
    unpacked.add(6)
    with pytest.raises(FileFormatError, match="at least 11"):
        unpacked.add(1)


def test_the_variable_raises_and_lowers_the_limits(allow):
    assert longest_line() == 16 * MIB
    allow(10**12)
    check_unpacked(10**12, 1, "file")
    assert longest_line() == 10**12
    allow("")  # as if it were not set
    assert Unpacked("file", 1).limit == 256 * MIB


@pytest.mark.parametrize("text", ["1GB", "0", "-5", "1e9", "1_000", " 7", "\u0661", "9" * 30])
def test_a_variable_that_is_no_number_of_bytes(allow, text, tmp_path):
    allow(text)
    with pytest.raises(RuntimeError, match=f"{VARIABLE} must be a whole number of bytes above 0, .* got {text!r}"):
        read_bed(gz(tmp_path, VALID["bed"]))  # the file is not to blame


# --- text


def gz(folder, text, name="file.gz"):
    path = folder / name
    path.write_bytes(gzip.compress(text.encode(), mtime=0))
    return path


@pytest.mark.parametrize("kind", READERS)
def test_gz_text_is_read_up_to_the_limit(allow, tmp_path, kind):
    text = "# a comment counts too\n" * 20 + VALID[kind]
    path = gz(tmp_path, text)
    allow(len(text))
    READERS[kind](path)
    allow(len(text) - 1)
    with pytest.raises(FileFormatError, match=TOO_MUCH):
        READERS[kind](path)


def test_gz_matrices_are_read_up_to_the_limit(allow, tmp_path):
    path = gz(tmp_path, "gene,A,B\nG,1,2\n")
    allow(15)
    assert read_matrix(path).loc["G"].tolist() == [1, 2]
    allow(14)
    with pytest.raises(FileFormatError, match=TOO_MUCH):
        read_matrix(path)


def test_plain_text_is_as_long_as_it_is_and_its_lines_are_limited(allow, tmp_path):
    path = tmp_path / "plain.bed"
    path.write_text("chr1\t10\t20\n" * 100)
    allow(11)
    assert len(read_bed(path)) == 100
    allow(10)
    with pytest.raises(FileFormatError, match=rf"line 1: the line has more than 10 bytes.* set {VARIABLE} to a larger"):
        read_bed(path)


def test_a_line_without_end_is_not_read_to_its_end(allow, tmp_path):
    path = tmp_path / "zeros.gtf"
    with open(path, "wb") as file:
        file.truncate(1 << 40)  # takes no room on the disk
    allow(MIB)
    with pytest.raises(FileFormatError, match="line 1: the line has more than 1,048,576 bytes"):
        read_gtf(path)


CHILD = """
    import sys
    from memory import peak_gb
    from skepi.exceptions import FileFormatError
    from skepi.io import read_bed, read_gtf, read_matrix
    reader = {"read_bed": read_bed, "read_gtf": read_gtf, "read_matrix": read_matrix}[sys.argv[1]]
    before = peak_gb()
    try:
        reader(sys.argv[2])
    except FileFormatError as error:
        print(error, file=sys.stderr)
    print((peak_gb() - before) * 1000)
"""


@pytest.mark.slow  # unpacks 3 GB
@pytest.mark.parametrize(
    ("reader", "letter"),
    [("read_bed", b"a"), ("read_gtf", b"\t"), ("read_matrix", b"a"), ("read_bed", b"#" * 1023 + b"\n")],
)
def test_three_gigabytes_in_three_megabytes_take_little_memory(tmp_path, reader, letter):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(letter * (64 * MIB // len(letter))) * 48)
    assert path.stat().st_size < 7 * MIB
    child = [sys.executable, "-c", textwrap.dedent(CHILD), reader, str(path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "benchmarks")}
    done = subprocess.run(child, capture_output=True, text=True, check=True, env=environment)
    assert "the limit" in done.stderr
    assert float(done.stdout) < 400  # MB


# --- parquet and bigWig


def test_parquet_is_read_up_to_the_size_that_it_states(allow, tmp_path):
    pytest.importorskip("pyarrow", reason="parquet needs pyarrow")
    path = tmp_path / "matrix.parquet"
    frame = pd.DataFrame({"gene": [f"G{k}" for k in range(1000)], "a": 7, "b": 0.5})
    frame.to_parquet(path)
    assert len(read_matrix(path)) == 1000
    allow(1000 * (8 + 8) + 2000)  # two columns of numbers alone
    with pytest.raises(FileFormatError, match=TOO_MUCH):
        read_matrix(path)
    allow(1000 * (8 + 8 + 16) + 4000)
    assert len(read_matrix(path)) == 1000


def test_a_text_that_parquet_holds_once_counts_once_for_each_row(allow, tmp_path):
    pa = pytest.importorskip("pyarrow", reason="parquet needs pyarrow")
    import pyarrow.parquet as pq

    path, long = tmp_path / "matrix.parquet", "x" * 10_000
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 1000, pa.int32()), [long])
    pq.write_table(pa.table({"gene": [f"G{k}" for k in range(1000)], "text": texts, "a": [1] * 1000}), path)
    allow(100_000)
    assert read_matrix(path, columns=["a"])["a"].sum() == 1000  # a column that is not asked for is not unpacked
    with pytest.raises(FileFormatError, match="unpacks to at least 10,0"):
        read_matrix(path, labels="text", columns=["a"], repeated="sum")
    allow(11_000_000)
    assert read_matrix(path, labels="text", columns=["a"], repeated="sum")["a"].to_dict() == {long: 1000}


def test_bigwig_is_read_up_to_the_limit(allow, tmp_path):
    path = tmp_path / "track.bw"
    path.write_bytes(bigwig(CHROMS, SECTIONS))
    expected = bigwig_means(path, BIGWIG_PEAKS)
    allow(32_768)  # what the header says of one block
    np.testing.assert_array_equal(bigwig_means(path, BIGWIG_PEAKS), expected)
    allow(40)
    with pytest.raises(FileFormatError, match=TOO_MUCH):
        bigwig_means(path, BIGWIG_PEAKS)


# --- HDF5


def write_h5(path, change=None, **options):
    tenx = pytest.importorskip("test_io_tenx", reason="h5py is not installed (extra `data`)")
    return tenx.write(path, change, **options)


def test_hdf5_is_read_up_to_the_size_that_it_states(allow, tmp_path):
    path = write_h5(tmp_path / "cells.h5")
    allow(2000)
    assert read_10x_h5(path).values.shape == (3, 3)
    allow(200)
    with pytest.raises(FileFormatError, match=TOO_MUCH):
        read_10x_h5(path)


def test_a_text_that_hdf5_holds_once_counts_once_for_each_name(allow, tmp_path):
    path = write_h5(tmp_path / "cells.h5", {"features/name": np.array(["x" * 5000, "y", "z"], object)})
    allow(5600)
    assert read_10x_h5(path).features["name"].str.len().tolist() == [5000, 1, 1]
    allow(4900)
    with pytest.raises(FileFormatError, match=TOO_MUCH):
        read_10x_h5(path)


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_chunk_that_unpacks_to_more_than_its_size_is_not_unpacked(allow, tmp_path, shuffle):
    h5py = pytest.importorskip("h5py", reason="h5py is not installed (extra `data`)")
    path = write_h5(tmp_path / "cells.h5", chunks=True, compression="gzip", shuffle=shuffle)
    allow(5000)
    assert read_10x_h5(path).values.sum() == 15
    with h5py.File(path, "a") as file:  # HDF5 would unpack all of it and keep four zeros
        file["matrix/data"].id.write_direct_chunk((0,), zlib.compress(bytes(MIB), 9))
    with pytest.raises(FileFormatError, match="matrix/data: says 4 values, which are not all there"):
        read_10x_h5(path)
