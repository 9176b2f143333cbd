"""Folders of matrix.mtx, barcodes and features: the counts that were written, or an error that names the place."""

import gzip
import re

import numpy as np
import pytest
import scipy.io
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_exact

from skepi.exceptions import FileFormatError, UnknownNameError
from skepi.io import read_10x_h5, read_10x_mtx, read_matrix

HEADER = "%%MatrixMarket matrix coordinate integer general\n"
MATRIX = HEADER + "%metadata_json: {}\n3 2 4\n1 1 5\n3 1 1\n2 2 2\n1 2 7\n"  # 3 features, 2 cells
VALUES = [[5, 0, 1], [7, 2, 0]]  # cells x features
FEATURES = "ENSG1\tGATA1\tGene Expression\nENSG2\tSPI1\tGene Expression\nchr1:10-20\tchr1:10-20\tPeaks\tchr1\t10\t20\n"
FILES = {"matrix.mtx": MATRIX, "barcodes.tsv": "AA-1\nCC-1\n", "features.tsv": FEATURES}
PEAKS = {**FILES, "peaks.bed": "# made by cellranger-atac\nchr1\t10\t20\nchr1\t30\t50\nGL1.1\t5\t9\n"}
del PEAKS["features.tsv"]


@pytest.fixture
def folder(tmp_path):
    """Write files to a folder and return it."""

    def write(files):
        for name, text in files.items():
            (tmp_path / name).write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return tmp_path

    return write


def changed(name, old, new):
    assert old in FILES[name]
    return {**FILES, name: FILES[name].replace(old, new)}


@pytest.mark.parametrize("end", ["", ".gz"])
@pytest.mark.parametrize("prefix", ["", "GSM123_HSC_"])
def test_the_folder_of_cell_ranger(folder, end, prefix):
    cells = read_10x_mtx(folder({prefix + name + end: text for name, text in FILES.items()}), prefix)
    assert cells.values.toarray().tolist() == VALUES
    assert cells.values.dtype == np.int64
    assert cells.cells.tolist() == ["AA-1", "CC-1"]
    assert cells.features["name"].tolist() == ["GATA1", "SPI1", "chr1:10-20"]
    assert cells.features["id"].tolist() == ["ENSG1", "ENSG2", "chr1:10-20"]


def test_one_kind_of_features(folder):
    path = folder(FILES)
    peaks = read_10x_mtx(path, feature_type="Peaks")
    assert peaks.values.toarray().tolist() == [[1], [0]]
    assert peaks.features[["chrom", "start", "end"]].to_numpy().tolist() == [["chr1", 10, 20]]
    assert len(read_10x_mtx(path, feature_type="Gene Expression").features) == 2
    with pytest.raises(UnknownNameError, match="no feature is of the kind 'Genes'; there are 'Gene Expression'"):
        read_10x_mtx(path, feature_type="Genes")


def test_peaks_of_a_bed_file(folder):
    cells = read_10x_mtx(folder(PEAKS))
    assert cells.values.toarray().tolist() == VALUES
    assert cells.features["name"].tolist() == ["chr1:10-20", "chr1:30-50", "GL1.1:5-9"]
    assert cells.features["start"].tolist() == [10, 30, 5]


def test_genes_of_cell_ranger_2_and_names_alone(folder):
    genes = {name: text for name, text in FILES.items() if name != "features.tsv"}
    cells = read_10x_mtx(folder({**genes, "genes.tsv": "ENSG1\tA\nENSG2\tB\nENSG3\tB\n"}))
    assert cells.features["name"].tolist() == ["A", "B", "B"]
    assert cells.features["feature_type"].unique().tolist() == ["Gene Expression"]
    cells = read_10x_mtx(folder({"genes.tsv": "A\nB\nC\n"}))
    assert cells.features["id"].tolist() == cells.features["name"].tolist() == ["A", "B", "C"]


def test_cells_may_be_rows(folder):
    turned = HEADER + "2 3 4\n1 1 5\n1 3 1\n2 2 2\n2 1 7\n"
    assert read_10x_mtx(folder({**FILES, "matrix.mtx": turned})).values.toarray().tolist() == VALUES


def test_a_square_matrix_is_features_by_cells(folder):
    square = {"matrix.mtx": HEADER + "2 2 1\n1 2 7\n", "barcodes.tsv": "AA-1\nCC-1\n", "genes.tsv": "A\nB\n"}
    assert read_10x_mtx(folder(square)).values.toarray().tolist() == [[0, 0], [7, 0]]


def test_patterns_are_ones_and_real_numbers_stay(folder):
    pattern = "%%MatrixMarket matrix coordinate pattern general\n3 2 2\n1 1\n2 2\n"
    assert read_10x_mtx(folder({**FILES, "matrix.mtx": pattern})).values.toarray().tolist() == [[1, 0, 0], [0, 1, 0]]
    real = "%%matrixmarket Matrix Coordinate Real General\n3 2 1\n1 1 0.5\n"
    assert read_10x_mtx(folder({**FILES, "matrix.mtx": real})).values.toarray()[0, 0] == 0.5


@given(seed=st.integers(0, 2**32 - 1), n_cells=st.integers(1, 6), n_features=st.integers(1, 6))
def test_what_scipy_wrote_is_read(tmp_path_factory, seed, n_cells, n_features):
    values = np.random.default_rng(seed).poisson(0.7, (n_features, n_cells))
    folder = tmp_path_factory.getbasetemp() / f"mtx_{n_cells}_{n_features}"
    folder.mkdir(exist_ok=True)
    scipy.io.mmwrite(folder / "matrix.mtx", sp.coo_array(values), symmetry="general")
    (folder / "barcodes.tsv").write_text("".join(f"c{k}\n" for k in range(n_cells)))
    (folder / "genes.tsv").write_text("".join(f"g{k}\tG{k}\n" for k in range(n_features)))
    assert_exact(read_10x_mtx(folder).values.toarray(), values.T)


@pytest.mark.parametrize(
    ("name", "old", "new", "line", "message"),
    [
        ("matrix.mtx", HEADER, "3 2 4\n", 1, "wanted '%%MatrixMarket matrix coordinate integer general', got '3 2 4'"),
        ("matrix.mtx", "coordinate", "array", 1, "wanted a sparse matrix ('matrix coordinate'), got 'matrix array'"),
        ("matrix.mtx", "general", "symmetric", 1, "wanted all entries ('general'), got 'symmetric'"),
        ("matrix.mtx", "integer", "complex", 1, "wanted values that are integer, real or pattern, got 'complex'"),
        ("matrix.mtx", MATRIX[len(HEADER) :], "% end\n", None, "wanted a line of sizes: rows, columns and entries"),
        ("matrix.mtx", "3 2 4", "3 3 4", 3, "the matrix is 3 x 3, but there are 3 features and 2 cells"),
        ("matrix.mtx", "3 2 4", "3 2 5", None, "wanted 5 entries as the sizes say, got 4"),
        ("matrix.mtx", "1 2 7", "1 2", 7, "wanted 3 numbers, got 2 field(s)"),
        ("matrix.mtx", "1 2 7", "4 2 7", 7, "wanted a number in 1 .. 3 as the sizes say, got 4"),
        ("matrix.mtx", "1 2 7", "0 2 7", 7, "positions lie in 1 .."),
        ("matrix.mtx", "1 2 7", "1 2 -7", 7, "wanted counts, 0 or greater, got -7"),
        ("matrix.mtx", "1 2 7", "1 2 7.5", 7, "wanted a whole number, got '7.5'"),
        ("matrix.mtx", "1 2 7", "2 2 7", None, "a cell has the same feature twice"),
        ("barcodes.tsv", "CC", "AA", None, "barcodes: the name 'AA-1' is there more than once"),
        ("features.tsv", "ENSG2", "ENSG1", None, "id: the name 'ENSG1' is there more than once"),
        ("features.tsv", "\tSPI1", "\t", 2, "wanted a name, got nothing"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(folder, name, old, new, line, message):
    path = folder(changed(name, old, new))
    place = str(path / name) + (f", line {line}" if line else "")
    with pytest.raises(FileFormatError, match=re.escape(place) + ".*" + re.escape(message)):
        read_10x_mtx(path)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("chr1\t50\t50", "end must be greater than start, got 50 and 50"),
        ("chr1 30 50", "wanted chromosome, start and end"),
    ],
)
def test_peaks_that_are_none(folder, row, message):
    path = folder({**PEAKS, "peaks.bed": PEAKS["peaks.bed"].replace("chr1\t30\t50", row)})
    with pytest.raises(FileFormatError, match=rf"peaks.bed, line 3.*{message}"):
        read_10x_mtx(path)


def test_files_that_are_absent_or_there_twice_are_named(folder):
    path = folder({"GSM1_" + name + ".gz": text for name, text in FILES.items()})
    wanted = "no file matrix.mtx (or .gz); there are 'GSM1_barcodes.tsv.gz', "
    with pytest.raises(FileFormatError, match=re.escape(wanted)):
        read_10x_mtx(path)
    with pytest.raises(FileFormatError, match="prefix= takes the part before the names, which is one of 'GSM1_'"):
        read_10x_mtx(path)
    folder({"GSM1_matrix.mtx": MATRIX})
    with pytest.raises(FileFormatError, match=r"wanted one file GSM1_matrix.mtx .*keep one of them"):
        read_10x_mtx(path, "GSM1_")


def test_a_folder_without_files_and_no_folder(tmp_path):
    with pytest.raises(FileFormatError, match=r"no file matrix.mtx \(or .gz\); there are no files"):
        read_10x_mtx(tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere does not exist"):
        read_10x_mtx(tmp_path / "nowhere")
    (tmp_path / "matrix.mtx").write_text(MATRIX)
    with pytest.raises(FileFormatError, match="wanted a folder, got a file: give the folder that holds it, '"):
        read_10x_mtx(tmp_path / "matrix.mtx")


def test_other_readers_name_the_reader_of_folders(folder):
    path = folder({**FILES, "zipped.mtx.gz": MATRIX})
    for wrong in (path, path / "matrix.mtx", path / "zipped.mtx.gz"):
        with pytest.raises(FileFormatError, match=r"skepi.io.read_10x_mtx\(folder\) reads matrix.mtx, barcodes.tsv"):
            read_10x_h5(wrong)
    for name in ("matrix.mtx", "zipped.mtx.gz"):
        with pytest.raises(FileFormatError, match=r"a sparse matrix without names .*read_10x_mtx\(folder\) reads it"):
            read_matrix(path / name)


def test_sizes_beyond_memory_are_not_believed(folder):
    with pytest.raises(FileFormatError, match="these files are not of the same matrix"):
        read_10x_mtx(folder(changed("matrix.mtx", "3 2 4", "2000000000 2000000000 2000000000")))
