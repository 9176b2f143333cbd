"""read_10x_h5: the matrix that was written, or an error that says what is wrong with the file."""

import random
import re
import sys
import time

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from skepi.exceptions import FileFormatError, UnknownNameError
from skepi.io import CellMatrix, read_10x_h5

h5py = pytest.importorskip("h5py", reason="h5py is not installed (extra `data`)")

# 3 cells; a gene and 2 peaks. Cell AA: gene 5, first peak 1; cell CC: nothing; cell GG: gene 2, second peak 7.
DENSE = np.array([[5, 1, 0], [0, 0, 0], [2, 0, 7]])
PARTS = {
    "barcodes": [b"AA-1", b"CC-1", b"GG-1"],
    "data": np.array([5, 1, 7, 2], np.int32),
    "indices": np.array([0, 1, 2, 0]),  # the last cell is not sorted
    "indptr": np.array([0, 2, 2, 4]),
    "shape": np.array([3, 3], np.int32),
    "features/name": [b"GATA1", b"chr1:10-20", b"chrX:5-9"],
    "features/id": [b"ENSG1", b"chr1:10-20", b"chrX:5-9"],
    "features/feature_type": [b"Gene Expression", b"Peaks", b"Peaks"],
    "features/genome": [b"GRCh38"] * 3,
}


def write(path, change=None, group="matrix", **options):
    """Write the parts, with some changed, or left out where None."""
    options = options or {"chunks": True, "compression": "gzip"}
    with h5py.File(path, "w") as file:
        file.create_group(group)
        for name, values in (PARTS | (change or {})).items():
            if values is not None:
                # A list of bytes would become texts of variable length, which no filter compresses.
                values = np.array(values) if isinstance(values, list) else values
                chunked = options if np.size(values) > 1 else {}
                file.create_dataset(f"{group}/{name}", data=values, **chunked)
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "matrix.h5"


def same(matrix, dense=DENSE):
    return matrix.values.toarray().tolist() == dense.tolist() and matrix.cells.tolist() == ["AA-1", "CC-1", "GG-1"]


@pytest.mark.parametrize("options", [{}, {"compression": None}, {"chunks": (2,)}, {"chunks": (2,), "fletcher32": True}])
def test_cells_by_features(path, options):
    matrix = read_10x_h5(write(path, **options))
    assert isinstance(matrix, CellMatrix)
    assert same(matrix)
    assert isinstance(matrix.values, sp.csr_array)
    assert matrix.values.has_sorted_indices
    assert matrix.values.dtype == np.int32
    assert list(matrix.features) == ["name", "id", "feature_type"]
    assert matrix.features["id"].tolist() == ["ENSG1", "chr1:10-20", "chrX:5-9"]


def test_one_kind_of_features(path):
    peaks = read_10x_h5(write(path), feature_type="Peaks")
    assert same(peaks, DENSE[:, 1:])
    assert list(peaks.features) == ["name", "id", "feature_type", "chrom", "start", "end"]
    assert peaks.features[["chrom", "start", "end"]].to_numpy().tolist() == [["chr1", 10, 20], ["chrX", 5, 9]]
    genes = read_10x_h5(path, feature_type="Gene Expression")
    assert same(genes, DENSE[:, :1])
    assert genes.features.to_numpy().tolist() == [["GATA1", "ENSG1", "Gene Expression"]]
    message = re.escape(f"{path}: no feature is of the kind 'peaks'; there are 'Gene Expression', 'Peaks'")
    with pytest.raises(UnknownNameError, match=message):
        read_10x_h5(path, feature_type="peaks")


def test_places_come_from_the_intervals_where_the_file_has_them(path):
    change = {"features/interval": [b"NA", b"chr2:1-2", b"chr2:3-4"], "features/name": [b"A", b"peak1", b"peak2"]}
    assert read_10x_h5(write(path, change), "Peaks").features["start"].tolist() == [1, 3]
    with pytest.raises(FileFormatError, match=r"names of peaks: 2 of 2 are not .* the first is 'peak1'"):
        read_10x_h5(write(path, change | {"features/interval": None}), "Peaks")


def test_intervals_of_features_that_are_not_asked_for_may_be_anything(path):
    for other in (b"", b"\xff", b"a\tb"):
        change = {"features/interval": [other, b"chr2:1-2", b"chr2:3-4"]}
        assert read_10x_h5(write(path, change), "Peaks").features["end"].tolist() == [2, 4]
        assert list(read_10x_h5(path, "Gene Expression").features) == ["name", "id", "feature_type"]
    write(path, {"features/interval": [b"chr1:1-2", b"", b"chr2:3-4"]})
    with pytest.raises(FileFormatError, match="interval: '' is no name"):
        read_10x_h5(path, "Peaks")
    write(path, {"features/interval": [b"chr1:1-2", b"chr2:3-4"]})
    with pytest.raises(FileFormatError, match="interval: wanted 3 names as the shape says, got 2"):
        read_10x_h5(path, "Peaks")


def test_values_keep_their_dtype(path):
    change = {"data": PARTS["data"].astype(np.float32) / 2}
    matrix = read_10x_h5(write(path, change))
    assert matrix.values.dtype == np.float32
    assert same(matrix, DENSE / 2)


def test_names_of_variable_length(path):
    texts = np.array(["AA-1", "CC-1", "GG-1"], object)
    assert same(read_10x_h5(write(path, {"barcodes": texts})))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_any_matrix_is_read_as_it_was_written(tmp_path_factory, n_cells, n_features, seed):
    dense = np.random.default_rng(seed).poisson(0.7, (n_cells, n_features))
    columns = sp.csc_array(dense.T)
    change = {
        "barcodes": [f"C{k}".encode() for k in range(n_cells)],
        "shape": [n_features, n_cells],
        "features/feature_type": [b"Gene Expression"] * n_features,
        "features/genome": None,
    }
    change |= {f"features/{key}": [f"G{k}".encode() for k in range(n_features)] for key in ("name", "id")}
    change |= {"data": columns.data, "indices": columns.indices, "indptr": columns.indptr}
    path = tmp_path_factory.getbasetemp() / "law.h5"
    matrix = read_10x_h5(write(path, change, compression=None))
    np.testing.assert_array_equal(matrix.values.toarray(), dense)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"barcodes": [b"AA-1"]}, "barcodes: wanted 3 names as the shape says, got 1"),
        ({"barcodes": [b"AA-1", b"AA-1", b"B"]}, "barcodes: the name 'AA-1' is there more than once"),
        ({"barcodes": [b"AA-1", b"", b"B"]}, "barcodes: '' is no name"),
        ({"barcodes": [b"AA-1", b"\xff", b"B"]}, "barcodes: names that are not text"),
        ({"barcodes": [1, 2, 3]}, "matrix/barcodes: wanted a list of texts, got int"),
        ({"features/id": [b"a", b"b", b"a"]}, "id: the name 'a' is there more than once"),
        ({"features/name": [b"a"] * 4}, "name: wanted 3 names as the shape says, got 4"),
        ({"features/feature_type": None}, "matrix/features/feature_type: wanted a list of texts, got nothing"),
        ({"features/interval": [b"NA"]}, "interval: wanted 3 names"),
        ({"data": None}, "matrix/data: wanted a list of numbers, got nothing"),
        ({"data": None, "data/x": [1]}, "matrix/data: wanted a list of numbers, got a group"),
        ({"data": [[5, 1], [7, 2]]}, "matrix/data: wanted a list of numbers, got int"),
        ({"data": [5, 1, 7]}, "3 data and 4 indices, where indptr ends at 4"),
        ({"data": [5, -1, 7, 2]}, "matrix/data: wanted counts"),
        ({"data": [5, np.nan, 7, 2]}, "matrix/data: wanted counts"),
        ({"indices": [0, 1, 3, 0]}, "matrix/indices: wanted 0 .. 2"),
        ({"indices": [0, -1, 2, 0]}, "matrix/indices: wanted 0 .. 2"),
        ({"indices": [0, 1, 2, 2]}, "matrix/indices: a cell has the same feature twice"),
        ({"indices": [0.0, 1, 2, 0]}, "matrix/indices: wanted a list of numbers, got float"),
        ({"indptr": [0, 3, 2, 4]}, "matrix/indptr: wanted 4 numbers that increase from 0"),
        ({"indptr": [1, 2, 2, 4]}, "matrix/indptr: wanted 4 numbers"),
        ({"indptr": [0, 2, 4]}, "matrix/indptr: wanted 4 numbers"),
        ({"indptr": [0, 2, 2, 3]}, "where indptr ends at 3"),
        ({"shape": [3, -3]}, r"matrix/shape: wanted numbers of features and cells, got \[3, -3\]"),
        ({"shape": [3, 3, 3]}, "matrix/shape: wanted numbers"),
    ],
)
def test_parts_that_contradict_each_other(path, change, message):
    write(path, change)
    with pytest.raises(FileFormatError, match=re.escape(f"{path}: ") + f".*{message}"):
        read_10x_h5(path, "Peaks")


def test_other_layouts(path):
    write(path, group="other")
    with pytest.raises(FileFormatError, match="wanted a group 'matrix' as Cell Ranger writes it, got 'other'"):
        read_10x_h5(path)
    with h5py.File(path, "w") as file:
        file["hg19/genes"], file["hg19/barcodes"] = [b"ENSG1"], [b"AA-1"]
    with pytest.raises(
        FileFormatError, match=r"the layout is that of Cell Ranger 2 \(groups 'hg19'\); wanted version 3"
    ):
        read_10x_h5(path)
    with h5py.File(path, "w"):
        pass
    with pytest.raises(FileFormatError, match="got nothing"):
        read_10x_h5(path)


def test_values_that_were_never_written_are_no_zeros(path):
    for chunks in (None, (2,)):
        write(path, {"data": None})
        with h5py.File(path, "a") as file:
            file["matrix"].create_dataset("data", (4,), np.int32, chunks=chunks)
        with pytest.raises(FileFormatError, match="matrix/data: says 4 values, which are not all there"):
            read_10x_h5(path)
    with h5py.File(path, "a") as file:
        del file["matrix/data"]
        data = file["matrix"].create_dataset("data", (4,), np.int32, chunks=(2,))
        data[:2] = 1  # the second chunk is missing
    with pytest.raises(FileFormatError, match="which are not all there"):
        read_10x_h5(path)


def test_sizes_beyond_memory_are_not_believed(path):
    write(path, {"data": None})
    with h5py.File(path, "a") as file:
        file["matrix"].create_dataset("data", (2**50,), np.int32, chunks=(2**20,), compression="gzip")
    with pytest.raises(FileFormatError, match="matrix/data: says 1125899906842624 values"):
        read_10x_h5(path)


def test_files_that_are_no_hdf5_or_are_cut_off(path):
    content = write(path).read_bytes()
    for broken in (b"", b"text", content[:1000], content[:-100]):
        path.write_bytes(broken)
        with pytest.raises(FileFormatError, match="the file is no HDF5 that can be read"):
            read_10x_h5(path)
    with pytest.raises(FileNotFoundError):
        read_10x_h5(path.with_name("absent"))


def test_without_h5py_the_extra_is_named(path, monkeypatch):
    write(path)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=re.escape("pip install h5py")):
        read_10x_h5(path)


# --- parts that lie elsewhere, or are packed in other ways


def other_file(path):
    """A second file with the same data, for links to lead to."""
    return write(path.with_name("other.h5"))


@pytest.mark.parametrize("name", ["matrix", "matrix/data", "matrix/features", "matrix/features/interval"])
@pytest.mark.parametrize("kind", ["external", "soft", "soft within"])
def test_links_are_named_and_not_followed(path, name, kind):
    write(path)
    links = {
        "external": h5py.ExternalLink(other_file(path), name),
        "soft": h5py.SoftLink("/elsewhere"),
        "soft within": h5py.SoftLink("/matrix/barcodes"),
    }
    with h5py.File(path, "a") as file:
        if name in file:
            file.move(name, "elsewhere")
        file[name] = links[kind]
    message = f"{path}: {name} is a link to another place, wanted the data themselves"
    with pytest.raises(FileFormatError, match=re.escape(message)):
        read_10x_h5(path)


def test_links_in_files_of_another_layout_are_not_followed_either(path):
    with h5py.File(path, "w") as file:
        file["hg19"] = h5py.ExternalLink(other_file(path), "matrix")
    with pytest.raises(FileFormatError, match="hg19 is a link to another place"):
        read_10x_h5(path)


def test_values_in_other_files_are_not_read(path):
    message = "matrix/data: its values lie in other files, wanted them in this one"
    source = h5py.VirtualSource(other_file(path), "matrix/data", (4,))
    layout = h5py.VirtualLayout((4,), np.int32)
    layout[:] = source
    write(path, {"data": None})
    with h5py.File(path, "a") as file:
        file["matrix"].create_virtual_dataset("data", layout)
    with pytest.raises(FileFormatError, match=message):
        read_10x_h5(path)
    write(path, {"data": None})
    with h5py.File(path, "a") as file:
        file["matrix"].create_dataset("data", data=PARTS["data"], external=[(path.with_name("raw"), 0, 16)])
    with pytest.raises(FileFormatError, match=message):
        read_10x_h5(path)


def filtered(path, *codes):
    """Write values packed with filters of these codes, which need not exist."""
    write(path, {"data": None})
    with h5py.File(path, "a") as file:
        layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        layout.set_chunk((4,))
        for code in codes:
            layout.set_filter(code, h5py.h5z.FLAG_OPTIONAL, (4,))
        space, kind = h5py.h5s.create_simple((4,)), h5py.h5t.NATIVE_INT32
        h5py.h5d.create(file["matrix"].id, b"data", kind, space, layout).write(space, space, PARTS["data"])
    return path


def test_filters_that_would_be_plugins_are_not_looked_for(path):
    with pytest.raises(
        FileFormatError, match="packed with filter 32015, which is not read; wanted any of deflate, shu"
    ):
        read_10x_h5(filtered(path, 32015))


@pytest.mark.parametrize("codes", [(1, 1), (32000, 1)])
def test_values_packed_twice_are_not_read(path, codes):
    with pytest.raises(FileFormatError, match="matrix/data: packed twice, wanted one filter of a kind"):
        read_10x_h5(filtered(path, *codes))


@pytest.mark.parametrize("options", [{"compression": "lzf"}, {"compression": "gzip", "shuffle": True}])
def test_filters_of_h5py_are_read(path, options):
    assert same(read_10x_h5(write(path, chunks=True, **options)))


def test_texts_of_variable_length_that_no_filter_made_smaller(path):
    names = np.array(["GATA1" * 100, "chr1:10-20", "chrX:5-9"], object)
    for options in ({"chunks": True}, {"chunks": (2,), "compression": "gzip"}):
        assert read_10x_h5(write(path, {"features/name": names}, **options)).features["name"].tolist() == names.tolist()


def test_texts_on_a_heap_without_end_are_refused(path):
    names = np.array(["GATA1", "chr1:10-20", "chrX:5-9"], object)
    content = bytearray(write(path, {"features/name": names}).read_bytes())
    heap = content.index(b"GCOL")
    room = heap + 16 + 24 + 32 + 24  # behind the head and texts of 5, 10 and 8 bytes, each behind a head of 16
    assert int.from_bytes(content[room + 8 : room + 16], "little") == 4096 - (room - heap)
    for size in (0, 8, 1 << 63):  # HDF5 would look for the next object at the same place, for ever
        content[room + 8 : room + 16] = size.to_bytes(8, "little")
        path.write_bytes(content)
        with pytest.raises(FileFormatError, match=f"texts of variable length are broken at byte {heap}"):
            read_10x_h5(path)


def test_references_are_no_texts(path):
    write(path, {"barcodes": None})
    with h5py.File(path, "a") as file:
        file["matrix"].create_dataset("barcodes", data=[file.ref] * 3, dtype=h5py.ref_dtype)
    with pytest.raises(FileFormatError, match="matrix/barcodes: wanted a list of texts, got references or lists"):
        read_10x_h5(path)


def test_user_blocks_are_not_read(path):
    with h5py.File(path, "w", userblock_size=512) as file:
        file.create_group("matrix")
    with pytest.raises(FileFormatError, match=r"wanted HDF5 from the first byte, got b'.*'; a user block is not read"):
        read_10x_h5(path)


# --- mutated files


def mutate(content, rng):
    """Change one to three runs of bytes, or cut."""
    content = bytearray(content)
    for _ in range(rng.randint(1, 3)):
        at, n = rng.randrange(len(content)), rng.choice([1, 1, 2, 4, 8])
        flipped = bytes([content[at] ^ 1 << rng.randrange(8)])
        content[at : at + n] = rng.choice([b"\0" * n, b"\xff" * n, b"\x7f" * n, rng.randbytes(n), flipped])
    return bytes(content[: rng.randrange(1, len(content))] if rng.random() < 0.05 else content)


@pytest.mark.parametrize("n_files", [100, pytest.param(5000, marks=pytest.mark.slow)])
def test_mutated_files_give_the_same_matrix_or_an_error(path, n_files):
    """Deflated data carry a checksum; data that are not (``compression=None``) have none, and nobody can tell."""
    rng, content, equal = random.Random(n_files), write(path, {"shape": np.array([3, 3])}).read_bytes(), 0
    whole = read_10x_h5(path)
    for _ in range(n_files):
        path.write_bytes(mutate(content, rng))
        begin = time.perf_counter()
        try:
            matrix = read_10x_h5(path)
        except FileFormatError:
            continue
        finally:
            assert time.perf_counter() - begin < 5
        assert same(matrix)
        assert matrix.features.equals(whole.features)
        equal += 1
    assert equal > 50
