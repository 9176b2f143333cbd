"""read_matrix: the numbers of the file whatever wrote it, or an error that names the place."""

import csv
import gzip
import random
import re
import sys
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_exact, assert_float64_sums

from skepi.exceptions import FileFormatError, LeftOutWarning, UnknownNameError
from skepi.io import read_matrix


@pytest.fixture
def put(tmp_path):
    """Write text or bytes to a file and return its path."""

    def write(content, name="matrix"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def at(path, line=None, column=None, message=""):
    """Pattern of an error at a place."""
    place = str(path) + (f", line {line}" if line else "") + (f", column {column}" if column else "")
    return "^" + re.escape(f"{place}: ") + ".*" + re.escape(message)


def shown(matrix):
    """Labels, samples and values as plain lists."""
    return matrix.index.tolist(), matrix.columns.tolist(), matrix.to_numpy().tolist()


PLAIN = "gene\tHSC\tEry\nGATA1\t3\t40\nSPI1\t25\t1\n"
EXPECTED = (["GATA1", "SPI1"], ["HSC", "Ery"], [[3, 40], [25, 1]])

# --- layouts


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        PLAIN.replace("\t", ","),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.removesuffix("\n"),
        PLAIN + "\n\n",
        "\ufeff" + PLAIN,
        PLAIN.replace("\nSPI1", "\n\nSPI1"),
        '"","HSC","Ery"\n"GATA1",3,40\n"SPI1",25,1\n',
        "HSC\tEry\nGATA1\t3\t40\nSPI1\t25\t1\n",
        '"HSC"\t"Ery"\n"GATA1"\t3\t40\n"SPI1"\t25\t1\n',
        '"gene","HSC","Ery"\n"GATA1","3","40"\n"SPI1","25","1"\n',
        "#chrom\tHSC\tEry\n" + PLAIN.split("\n", 1)[1],
        "# made by x\n# and y\n" + PLAIN,
        PLAIN.replace("\t", " "),
        '"HSC" "Ery"\n"GATA1" 3 40\n"SPI1" 25 1\n',
        "# made by x\n" + PLAIN.replace("\t", " "),
    ],
    ids=[
        "tsv",
        "csv",
        "crlf",
        "no-end",
        "blank-end",
        "bom",
        "blank-line",
        "write.csv",
        "write.table",
        "quoted-table",
        "all-quoted",
        "#header",
        "#",
        "spaces",
        "write.table-default",
        "#-spaces",
    ],
)
@pytest.mark.parametrize("pack", [str.encode, lambda text: gzip.compress(text.encode())], ids=["plain", "gz"])
def test_the_same_matrix_however_it_is_written(put, text, pack):
    matrix = read_matrix(put(pack(text)))
    assert shown(matrix) == EXPECTED
    assert (matrix.dtypes == np.int64).all()
    assert matrix.attrs["left_out"] == []


def test_the_index_is_named_after_the_column_of_labels(put):
    assert read_matrix(put(PLAIN)).index.name == "gene"
    assert read_matrix(put(PLAIN.replace("gene", ""))).index.name is None


def test_featurecounts(put):
    text = '# Program:featureCounts v2.0.1; Command:"featureCounts" "-a" "x.gtf"\n'
    text += "Geneid\tChr\tStart\tEnd\tStrand\tLength\tHSC.bam\tEry.bam\n"
    text += "GATA1\tchrX;chrX\t1;20\t9;30\t+;+\t19\t3\t40\nSPI1\tchr11\t5\t9\t-\t4\t25\t1\n"
    path = put(text)
    matrix = read_matrix(path, drop=["Chr", "Start", "End", "Strand", "Length"])
    assert shown(matrix) == (EXPECTED[0], ["HSC.bam", "Ery.bam"], EXPECTED[2])
    with pytest.raises(
        FileFormatError, match=at(path, 2, None, "drop=['Chr', 'Start', 'End', 'Strand', 'Length'] leaves")
    ):
        read_matrix(path, drop=["Chr", "Start", "End"])


@pytest.mark.parametrize(("separator", "layout"), [(" ", "a b"), (";", None), ("|", None)])
def test_another_separator_on_request(put, separator, layout):
    assert shown(read_matrix(put(PLAIN.replace("\t", separator)), separator=separator)) == EXPECTED


@pytest.mark.parametrize("separator", ["", "\t\t", '"', "\n"])
def test_a_separator_is_one_character(put, separator):
    with pytest.raises(ValueError, match="separator must be one character"):
        read_matrix(put(PLAIN), separator=separator)


def test_what_is_within_quotes_separates_nothing(put):
    rows = [["B, T", "C D"], [[1, 2]]]
    assert [*shown(read_matrix(put('"B, T" "C D"\n"x y" 1 2\n')))[1:]] == rows
    assert [*shown(read_matrix(put('"B, T"\t"C D"\n"x y"\t1\t2\n')))[1:]] == rows
    assert shown(read_matrix(put('"B\tT","C"\n"x",1,2\n')))[1] == ["B\tT", "C"]


@pytest.mark.parametrize("separator", ["\t", ",", " "])
def test_one_sample_whose_name_alone_is_the_header_of_r(put, separator):
    assert shown(read_matrix(put(f'"B"\n"x"{separator}3\n"y z"{separator}4\n'))) == (["x", "y z"], ["B"], [[3], [4]])


def test_repeats_in_a_file_of_spaces_are_found_on_their_lines(put):
    with pytest.raises(FileFormatError, match="line 4: the label 'x' is that of line 2 too"):
        read_matrix(put('"a b" "c"\n"x" 1 2\n"y" 1 2\n"x" 3 4\n'))


def test_a_comma_within_quotes_separates_nothing(put):
    path = put('"id","note","HSC"\n"A, B","x, y",1\n"C","z",2\n')
    assert shown(read_matrix(path, drop=["note"])) == (["A, B", "C"], ["HSC"], [[1], [2]])


def test_samples_are_taken_in_the_order_asked_for_and_others_may_hold_anything(put):
    path = put("id\tA\tnote\tB\tC\nx\t1\thello\t2\tNA\ny\t3\t\t4\t-\n")
    assert shown(read_matrix(path, columns=["B", "A"])) == (["x", "y"], ["B", "A"], [[2, 1], [4, 3]])
    assert shown(read_matrix(path, drop=["note", "C"])) == (["x", "y"], ["A", "B"], [[1, 2], [3, 4]])
    assert shown(read_matrix(path, columns="B")) == (["x", "y"], ["B"], [[2], [4]])


def test_labels_from_another_column(put):
    path = put('"","gene","A"\n"1","GATA1",5\n"2","SPI1",6\n')
    matrix = read_matrix(path, labels="gene")  # the row names are left out
    assert shown(matrix) == (["GATA1", "SPI1"], ["A"], [[5], [6]])
    r_style = put("gene\tA\n1\tGATA1\t5\n2\tSPI1\t6\n")
    assert shown(read_matrix(r_style, labels="gene")) == shown(matrix)
    assert shown(read_matrix(put("note\tgene\tA\nx\tG\t5\n"), drop=["note"])) == (["G"], ["A"], [[5]])


def test_labels_of_three_columns_are_intervals(put):
    text = "#chrom\tstart\tend\tA\nchr1\t0\t5\t1.5\nchr1\t10\t20\t2\n"
    for content in (text, text.removeprefix("#")):
        matrix = read_matrix(put(content), labels=["chrom", "start", "end"])
        assert shown(matrix) == (["chr1:0-5", "chr1:10-20"], ["A"], [[1.5], [2.0]])


@pytest.mark.parametrize(
    ("row", "column", "message"),
    [
        ("chr 1\t1\t2\t0", 1, "without white space"),
        ("\t1\t2\t0", 1, "wanted a name"),
        ("chr1\t-1\t2\t0", 2, "positions lie in"),
        ("chr1\t1.0\t2\t0", 2, "whole number"),
        ("chr1\t1\t3000000000\t0", 3, "positions lie in"),
        ("chr1\t2\t2\t0", 3, "end must be greater than start"),
    ],
)
def test_labels_that_are_no_intervals(put, row, column, message):
    path = put(f"chrom\tstart\tend\tA\nchr1\t0\t5\t1\n{row}\n")
    with pytest.raises(FileFormatError, match=at(path, 3, column, message)):
        read_matrix(path, labels=["chrom", "start", "end"])


def test_positions_that_count_from_1(put):
    labels = ["Chr", "Start", "End"]
    path = put("Geneid\tChr\tStart\tEnd\tA\np\tchr1\t101\t600\t1\nq\tchr1\t5\t5\t2\nr\tchr1\t1\t2147483647\t3\n")
    matrix = read_matrix(path, labels=labels, drop=["Geneid"], one_based=True)
    assert shown(matrix) == (["chr1:100-600", "chr1:4-5", "chr1:0-2147483647"], ["A"], [[1], [2], [3]])
    with pytest.raises(FileFormatError, match=at(path, 3, 4, "end must be greater than start, got 5 and 5")):
        read_matrix(path, labels=labels, drop=["Geneid"])


@pytest.mark.parametrize(
    ("start", "end", "column", "message"),
    [
        (0, 5, 2, "positions lie in 1 .. 2147483647, got 0"),
        (6, 5, 3, "end must not be less than start, got 6 and 5"),
    ],
)
def test_positions_that_cannot_count_from_1(put, start, end, column, message):
    path = put(f"Chr\tStart\tEnd\tA\nchr1\t{start}\t{end}\t1\n")
    with pytest.raises(FileFormatError, match=at(path, 2, column, message)):
        read_matrix(path, labels=["Chr", "Start", "End"], one_based=True)


@pytest.mark.parametrize("labels", [None, "gene"])
def test_labels_that_are_no_positions_count_nothing(put, labels):
    with pytest.raises(ValueError, match="one_based=True: wanted labels of chromosome, start and end, got labels="):
        read_matrix(put(PLAIN), labels=labels, one_based=True)


INTERVALS = [
    ("CHR,START,END", 1),
    ("seqnames,start,end", 1),
    ("seqname,Start,End", 1),
    ("chrom,start,end", 1),
    ('"#chrom","start","end"', 1),
    ("Geneid,Chr,Start,End", 2),
    (",Chr,Start,End", 2),
    ("# made by x\nChr,Start,End", 1),
    ("#'chr','start','end'", 1),
]


@pytest.mark.parametrize(("header", "width"), INTERVALS)
def test_intervals_are_no_samples(put, header, width):
    first, second = ("p,", "q,") if width == 2 else ("", "")
    path = put(f"{header},HSC\n{first}1,10,20,5\n{second}2,30,40,6\n")
    names = [name.strip('"') for name in header.split("\n")[-1].split(",")]
    names = [names[0].lstrip("#"), *names[1:]] if names[0][1:2] == "'" else names
    message = f"these look like intervals: labels={names[-3:]} takes them as row names"
    for asked in ({}, {"labels": names[-3]}, {"drop": names[-1:]}):
        with pytest.raises(FileFormatError, match=at(path, header.count("\n") + 1, None, message)):
            read_matrix(path, **asked)
    taken = read_matrix(path, labels=names[-3:], drop=[name for name in names[:-3] if name])
    assert shown(taken) == (["1:10-20", "2:30-40"], ["HSC"], [[5], [6]])
    assert read_matrix(path, columns=["HSC"]).columns.tolist() == ["HSC"]
    assert read_matrix(path, columns=[names[-1], "HSC"]).iloc[0].tolist() == [20, 5]
    if width == 2:
        assert shown(read_matrix(path, drop=names[-3:])) == (["p", "q"], ["HSC"], [[5], [6]])


def test_intervals_of_a_table_of_r_with_row_names(put):
    path = put('"seqnames" "start" "end" "HSC"\n"1" "chr1" 101 600 5\n')
    with pytest.raises(FileFormatError, match=at(path, 1, None, "labels=['seqnames', 'start', 'end']")):
        read_matrix(path)
    matrix = read_matrix(path, labels=["seqnames", "start", "end"], one_based=True)
    assert shown(matrix) == (["chr1:100-600"], ["HSC"], [[5]])


@pytest.mark.parametrize("header", ["begin,chrX,finish", "a,b,starting,ended", "lengths,strands", "Lymphoid,Myeloid"])
def test_other_names_are_those_of_samples(put, header):
    names = [*header.split(","), "HSC"]
    path = put("gene," + ",".join(names) + "\nx" + ",1" * len(names) + "\n")
    assert read_matrix(path).columns.tolist() == names


# --- numbers


def test_whole_numbers_are_int64_and_any_decimal_point_makes_all_float64(put):
    big = 2**63 - 1
    assert read_matrix(put(f"g\ta\tb\nx\t{big}\t-{big}\ny\t007\t+5\n")).to_numpy().tolist() == [[big, -big], [7, 5]]
    for text in ("1.0", "1e0", str(2**63), "5."):
        matrix = read_matrix(put(f"g\ta\tb\nx\t{text}\t2\n"))
        assert (matrix.dtypes == np.float64).all()
        assert matrix.iloc[0, 0] == float(text)


NOT_NUMBERS = [
    "NA",
    "",
    " ",
    "inf",
    "-inf",
    "nan",
    "1,5",
    "0x10",
    "1_000",
    "TRUE",
    "true",
    "\u0663",
    "1e",
    "--1",
    "1e400",
    ".",
]


@pytest.mark.parametrize("text", NOT_NUMBERS)
@pytest.mark.parametrize("line", [2, 3])
def test_what_is_no_finite_number_is_named_with_its_place(put, text, line):
    rows = ["x\t1\t2", "y\t3\t4"]
    rows[line - 2] = f"z\t1\t{text}"
    path = put("g\ta\tb\n" + "\n".join(rows) + "\n")
    with pytest.raises(FileFormatError, match=at(path, line, 3, f"got {text!r}")):
        read_matrix(path)


@pytest.mark.parametrize("separator", ["\t", ","])
def test_a_decimal_comma_makes_ragged_rows_or_no_numbers(put, separator):
    path = put(f"g{separator}a{separator}b\nx{separator}1,5{separator}2,5\n")
    with pytest.raises(FileFormatError, match=", line 2"):
        read_matrix(path)


# --- what is wrong with a file


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("g\ta\tb\nx\t1\t2\ny\t1\n", 3, None, "wanted 3 fields as the header says, got 2"),
        ("g\ta\tb\nx\t1\t2\ny\t1\t2\t3\n", 3, None, "wanted 3 fields as the header says, got 4"),
        ("g\ta\tb\nx\t1\t2\ny\t1\t2\t\n", 3, None, "wanted 3 fields as the header says, got 4"),
        ("g\ta\tb\nx\t1\n", 2, None, "wanted 3 fields as the header says, got 2"),
        ("g\ta\tb\nx\t1\t2\ny,1,2\n", 3, None, "separated by commas, where the header has tabs"),
        ("g,a,b\nx,1,2\ny\t1\t2\n", 3, None, "separated by tabs, where the header has commas"),
        ("g\ta\ta\nx\t1\t2\n", 1, 3, "the header has the name 'a' in column 2 too"),
        ("g\ta\tg\nx\t1\t2\n", 1, 3, "the header has the name 'g' in column 1 too"),
        ("g\ta\t\nx\t1\t2\n", 1, 3, "wanted a name in the header, got nothing"),
        ("g\ta\t \nx\t1\t2\n", 1, 3, "wanted a name in the header, got nothing"),
        ("\ta\nx\t1\t2\n", 1, 1, "wanted a name in the header, got nothing"),
        ("GATA1\t3\t40\nSPI1\t25\t1\n", 1, None, "wanted a header, got numbers"),
        ("# x\nGATA1\t3\t40\n", 2, None, "wanted a header, got numbers"),
        ("g\ta\tb\n", 1, None, "the file ends with the header: no rows"),
        ("g\nx\n", 1, None, "wanted labels and at least one column of numbers"),
        ("g\nx 1 2\n", 1, None, "separator= says what separates columns"),
        ("g;a;b\nx;1;2\n", 1, None, "could be separated by semicolons: separator= tells which"),
        ("g;a\nx;1,5\n", 1, None, "could be separated by commas or semicolons: separator="),
        ("g a b\nx 1 2,5\n", 1, None, "could be separated by commas or spaces: separator="),
        ("B cell\nx\t 3\n", 1, None, "could be separated by tabs or spaces: separator="),
        ("GATA1 3 40\nSPI1 25 1\n", 1, None, "wanted a header, got numbers"),
        ("# made by x\nGATA1 3 40\nSPI1 25 1\n", 2, None, "wanted a header, got numbers"),
        ("g a b\nx 1 2\ny 1\n", 3, None, "wanted 3 fields as the header says, got 2"),
        ("g a b\nx 1 2\ny\t1\t2\n", 3, None, "separated by tabs, where the header has spaces"),
        ("g a b\n", 1, None, "the file ends with the header: no rows"),
        ("# x\n# y\n", None, None, "nothing but comments"),
        ("", None, None, "the file holds no data"),
        ("\n\n", None, None, "the file holds no data"),
        ("g\ta\nx\t1\n\t2\n", 3, 1, "wanted a name, got nothing"),
        ('g\ta\nx\t1\n""\t2\n', 3, 1, "wanted a name, got nothing"),
        ('g\ta\nx\t1\n"y\t2\n"z\t2\n', 3, None, "the quotes of the line cannot be read"),
        ('g\ta\nx\t1\n"y"z\t2\n', 3, None, "the quotes of the line cannot be read"),
        ('"g\ta\nx\t1\n', 1, None, "the quotes of the line cannot be read"),
        ("g\ta\nx\t1\ny\0\t2\n", 3, None, "not text"),
        ("g\ta\nx\t1\ry\t2\n", 2, None, "not text"),
        (b"g\ta\nx\t1\n\xff\t2\n", 3, None, "not text (UTF-8)"),
        (b"\x89HDF\r\n\x1a\n" + bytes(range(256)), None, None, "wanted text, got an HDF5 file"),
    ],
)
def test_broken_files_are_refused_with_the_place(put, text, line, column, message):
    path = put(text)
    with pytest.raises(FileFormatError, match=at(path, line, column, message)):
        read_matrix(path)


def test_broken_gz(put):
    rng = np.random.default_rng(0)
    packed = gzip.compress(("g\ta\n" + "".join(f"x{k}\t{v}\n" for k, v in enumerate(rng.random(500)))).encode())
    for content in (packed[:-500], packed[:-4], packed[:-8] + b"\0" * 8, packed + b"x"):
        path = put(content)
        with pytest.raises(FileFormatError, match="the gzip file is truncated or corrupt"):
            read_matrix(path)


def test_names_that_are_numbers_are_a_header_if_one_of_them_is_asked_for(put):
    path = put("gene\t0\t24\nx\t1\t2\n")
    with pytest.raises(FileFormatError, match="columns= says which ones are samples"):
        read_matrix(path)
    assert shown(read_matrix(path, labels="gene")) == (["x"], ["0", "24"], [[1, 2]])
    assert shown(read_matrix(path, columns=["24"])) == (["x"], ["24"], [[2]])


def test_absent_names_are_listed_with_those_there(put):
    path = put(PLAIN)
    for asked in ({"columns": ["B", "HSC"]}, {"drop": ["B"]}, {"labels": "B"}):
        with pytest.raises(UnknownNameError, match=re.escape(f"{path}: no column 'B'; there are 'gene', 'HSC', 'Ery'")):
            read_matrix(path, **asked)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"columns": ["HSC", "HSC"]}, "asked for twice in labels, columns or drop: 'HSC'"),
        ({"columns": ["HSC"], "drop": ["HSC"]}, "asked for twice"),
        ({"labels": ["gene", "HSC"]}, "labels: wanted one name, or three"),
        ({"columns": []}, "columns: wanted at least one name"),
        ({"columns": ["gene"]}, "columns: 'gene' holds the labels"),
        ({"drop": ["HSC", "Ery"]}, "no column of numbers is left"),
        ({"repeated": "mean"}, "repeated must be 'error', 'drop' or 'sum', got 'mean'"),
    ],
)
def test_what_cannot_be_asked_for(put, asked, message):
    with pytest.raises(ValueError, match=message):
        read_matrix(put(PLAIN), **asked)


def test_a_missing_file_is_no_broken_one(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_matrix(tmp_path / "absent")


# --- repeated labels

REPEATED = "g\ta\tb\nx\t1\t2\n\ny\t3\t4\nx\t5\t6\nz\t7\t8\ny\t9\t9\n"


def test_repeated_labels_are_an_error_that_names_both_lines(put):
    path = put(REPEATED)
    message = "the label 'x' is that of line 2 too; 2 labels are repeated ('x', 'y'); repeated='drop' or 'sum'"
    with pytest.raises(FileFormatError, match=at(path, 5, None, message)):
        read_matrix(path)
    with pytest.raises(FileFormatError, match=", line 5: the label 'x' is that of line 2"):
        read_matrix(put(REPEATED.replace("\t", ";")), separator=";")


def test_repeated_labels_are_left_out_or_added_up(put):
    with pytest.warns(LeftOutWarning, match=r"left out 4 of 5 rows: 4 with a repeated label \('x', 'y', 'x'"):
        dropped = read_matrix(put(REPEATED), repeated="drop")
    summed = read_matrix(put(REPEATED), repeated="sum")
    assert shown(dropped) == (["z"], ["a", "b"], [[7, 8]])
    assert dropped.attrs["left_out"] == ["x", "y"]
    assert shown(summed) == (["x", "y", "z"], ["a", "b"], [[6, 8], [12, 13], [7, 8]])
    assert (summed.dtypes == np.int64).all()
    assert summed.index.name == "g"
    assert summed.attrs["left_out"] == []


def test_no_row_left_is_an_error(put):
    path = put("g\ta\nx\t1\nx\t2\n")
    with pytest.raises(FileFormatError, match="no row is left: every label is repeated"):
        read_matrix(path, repeated="drop")


def test_sums_do_not_wrap_around(put):
    most = 2**63 - 1
    assert read_matrix(put(f"g\ta\nx\t{most}\nx\t1\n"), repeated="sum").iloc[0, 0] == float(2**63)
    path = put("g\ta\nx\t1e308\nx\t1e308\n")
    with pytest.raises(FileFormatError, match="exceeds float64"):
        read_matrix(path, repeated="sum")


# --- what was written is what is read


label = st.text("abXY019.-_'\" #é;", min_size=1, max_size=6).filter(lambda text: text.strip() and text[0] != "#")
whole = st.integers(-(2**63), 2**63 - 1).map(str)
decimal = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr), st.decimals(-10, 10, places=30).map(str)
)


def quoted(text, style):
    return text if style == "never" and '"' not in text else '"' + text.replace('"', '""') + '"'


@given(
    names=st.lists(label, min_size=1, max_size=6, unique=True),
    number=st.sampled_from([whole, decimal, st.one_of(whole, decimal)]),
    style=st.sampled_from(["never", "always"]),
    separator=st.sampled_from(["\t", ","]),
    end=st.sampled_from(["\n", "\r\n"]),
    data=st.data(),
)
def test_numbers_are_those_that_were_written(tmp_path_factory, names, number, style, separator, end, data):
    values = [[data.draw(number) for _ in range(3)] for _ in names]
    rows = [["id", "a", "b", "c"], *([name, *row] for name, row in zip(names, values, strict=True))]
    lines = [separator.join([quoted(row[0], style), *row[1:]]) for row in rows]
    path = tmp_path_factory.getbasetemp() / "law"
    path.write_bytes(end.join([*lines, ""]).encode())
    found = read_matrix(path, labels="id", separator=separator)
    integers = all(re.fullmatch("-?[0-9]+", text) for row in values for text in row)
    assert found.index.tolist() == names
    assert found.to_numpy().tolist() == [[(int if integers else float)(text) for text in row] for row in values]


@pytest.mark.parametrize(
    "text",
    [
        "g\ta\n y\t2\n",
        "g\tb\ta\nx\t\t1\n",
        "g\ta\tb\nx\t1\t\ny\t2\tTrue\n",
    ],
)
def test_columns_that_are_not_asked_for_may_hold_anything(put, text):
    assert read_matrix(put(text), columns=["a"])["a"].tolist() in ([2], [1], [1, 2])


def test_the_table_is_that_of_another_parser(put):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.lognormal(size=(300, 50)), index=[f"g{k}" for k in range(300)])
    path = put(table.add_prefix("s").to_csv(sep="\t"))
    found, other = read_matrix(path), pd.read_csv(path, sep="\t", index_col=0)
    assert_exact(found.to_numpy(), table.to_numpy())
    assert_float64_sums(found, other, summed=other)  # pandas may round the last digit in another way


# --- parquet


@pytest.fixture
def table(tmp_path):
    """Write a DataFrame as parquet and return its path."""
    pytest.importorskip("pyarrow", reason="parquet needs pyarrow")

    def write(frame, **options):
        path = tmp_path / "matrix.parquet"
        frame.to_parquet(path, **options)
        return path

    return write


def test_parquet_with_labels_as_column_or_as_index(table):
    frame = pd.DataFrame({"gene": ["GATA1", "SPI1"], "HSC": [3, 25], "Ery": [40, 1]})
    for written in (frame, frame.set_index("gene")):
        matrix = read_matrix(table(written))
        assert shown(matrix) == EXPECTED
        assert matrix.index.name == "gene"
        assert (matrix.dtypes == np.int64).all()
    assert read_matrix(table(frame.set_index("gene").rename_axis(None))).index.name is None
    assert shown(read_matrix(table(frame.astype({"gene": "category"})), columns=["Ery"]))[2] == [[40], [1]]


def test_parquet_with_labels_that_are_not_those_of_the_file(table):
    frame = pd.DataFrame({"id": ["a", "b"], "gene": ["x", "y"], "s.1": [1.5, 2]}).set_index("id")
    assert shown(read_matrix(table(frame), labels="gene")) == (["x", "y"], ["s.1"], [[1.5], [2.0]])
    assert shown(read_matrix(table(frame), drop=["id"], labels="gene"))[0] == ["x", "y"]
    assert shown(read_matrix(table(frame), columns=["s.1"])) == (["a", "b"], ["s.1"], [[1.5], [2.0]])


def test_parquet_with_intervals_as_labels(table):
    frame = pd.DataFrame({"chrom": ["chr1"], "start": [10], "end": [20], "A": np.float32([0.5])})
    expected = (["chr1:10-20"], ["A"], [[0.5]])
    assert shown(read_matrix(table(frame), labels=["chrom", "start", "end"])) == expected
    path = table(frame.set_index(["chrom", "start", "end"]))
    assert shown(read_matrix(path)) == expected
    assert (read_matrix(path).dtypes == np.float64).all()
    assert shown(read_matrix(table(frame), labels=["chrom", "start", "end"], one_based=True))[0] == ["chr1:9-20"]
    path = table(frame)
    with pytest.raises(FileFormatError, match=at(path, None, None, "these look like intervals: labels=['chrom', 's")):
        read_matrix(path, labels="chrom")
    path = table(frame.assign(end=5))
    with pytest.raises(FileFormatError, match=at(path, None, 3, "row 1: end must be greater")):
        read_matrix(path, labels=["chrom", "start", "end"])
    path = table(frame.set_index(["chrom", "start"]))
    with pytest.raises(FileFormatError, match="wanted an index of one column or three, got 'chrom', 'start'"):
        read_matrix(path)


def test_parquet_of_unsigned_numbers_beyond_int64(table):
    frame = pd.DataFrame({"g": ["x"], "a": np.array([2**63], np.uint64), "b": [1]})
    assert (read_matrix(table(frame)).dtypes == np.float64).all()
    frame["a"] = np.array([5], np.uint8)
    assert (read_matrix(table(frame)).dtypes == np.int64).all()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, None], "'a', row 2: wanted a finite number"),
        ([1.0, np.inf], "'a', row 2: wanted a finite number"),
        (["1", "2"], "'a': wanted numbers, got"),
        ([True, False], "'a': wanted numbers, got bool"),
    ],
)
def test_parquet_columns_that_are_no_finite_numbers(table, values, message):
    path = table(pd.DataFrame({"g": ["x", "y"], "a": values}))
    with pytest.raises(FileFormatError, match=at(path, None, 2, message)):
        read_matrix(path)


@pytest.mark.parametrize("labels", [["x", None], [1.5, 2.5], [True, False], ["x", ""]])
def test_parquet_labels_that_are_no_names(table, labels):
    path = table(pd.DataFrame({"g": labels, "a": [1, 2]}))
    with pytest.raises(FileFormatError, match=at(path, None, 1, "wanted a")):
        read_matrix(path)


def test_parquet_with_repeated_labels(table):
    path = table(pd.DataFrame({"g": ["x", "y", "x"], "a": [1, 2, 3]}))
    with pytest.raises(FileFormatError, match="rows 1 and 3 have the same label 'x'; 1 labels are repeated"):
        read_matrix(path)
    assert shown(read_matrix(path, repeated="sum")) == (["x", "y"], ["a"], [[4], [2]])


def test_parquet_without_rows_with_repeated_columns_or_broken(table, tmp_path):
    path = table(pd.DataFrame({"g": ["x"], "a": [1]})[:0])
    with pytest.raises(FileFormatError, match="the table has no rows"):
        read_matrix(path)
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table([["x"], [1], [2]], names=["g", "a", "a"]), path)
    with pytest.raises(FileFormatError, match="columns of the same name"):
        read_matrix(path)
    pq.write_table(pa.table({"g": ["x"], "a": [1]}).replace_schema_metadata({"pandas": "{"}), path)
    with pytest.raises(FileFormatError, match="cannot be read as parquet"):
        read_matrix(path)
    path.write_bytes(b"PAR1" + b"x" * 50)
    with pytest.raises(FileFormatError, match="cannot be read as parquet"):
        read_matrix(path)


def test_parquet_without_pyarrow_names_the_extra(put, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    path = put(b"PAR1")
    with pytest.raises(ImportError, match="pip install pyarrow"):
        read_matrix(path)


# --- mutated files

SEED = 'gene\tHSC\tEry\tB cell\nGATA1\t3\t40\t0.5\n"SPI1"\t25\t1e-3\t7\nIL7R\t0\t0\t-2.25\nCD3E\t1\t2\t3\n'
NASTY = [*NOT_NUMBERS, '"', '""', "#", "\ufeff", "\r", ",", "\t", "a" * 200, "0", "1"]


def mutate(text, rng):
    """One to three changes of fields, separators and lines."""
    lines = text.split("\n")
    for _ in range(rng.randint(1, 3)):
        row = rng.randrange(len(lines))
        fields = re.split("([\t, ])", lines[row])
        kind = rng.randrange(5)
        if kind <= 1:
            fields[rng.randrange(len(fields))] = rng.choice([*NASTY, *fields])
            lines[row] = "".join(fields)
        elif kind == 2:
            lines[row] = lines[row].replace(
                rng.choice('\t,." '), rng.choice(["\t", ",", ";", " ", ""]), rng.choice([1, -1])
            )
        elif kind == 3:
            lines[row] = lines[row][: rng.randrange(len(lines[row]) + 1)]
        else:
            lines.insert(rng.randrange(len(lines)), lines.pop(row) if rng.random() < 0.5 else lines[row])
    return "\n".join(lines)


def flip(content, rng):
    """A few flipped bits, or a cut."""
    content = bytearray(content)
    for _ in range(rng.randrange(3)):
        if content:
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return bytes(content[: rng.randrange(len(content) + 1)] if rng.random() < 0.1 else content)


def simple_parse(content):
    """Another reader of text, which knows nothing of what is wrong."""
    text = (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content).decode("utf-8-sig")
    lines = [line.rstrip("\r") for line in text.split("\n") if line.strip()]
    skipped = 0
    while lines[skipped].startswith("#"):
        skipped += 1
    outside = "".join(lines[skipped].split('"')[::2])
    separator = next((letter for letter in "\t, " if letter in outside), ",")
    rows = [next(csv.reader([line], delimiter=separator)) for line in lines]
    value_rows = (
        rows[skipped:]
        if len(rows[skipped]) != len(rows[-1]) or not _all_numbers(rows[skipped])
        else rows[skipped - 1 :]
    )
    names = value_rows[0][len(value_rows[0]) - len(value_rows[1]) + 1 :]
    return [row[0] for row in value_rows[1:]], names, [[float(field) for field in row[1:]] for row in value_rows[1:]]


def _all_numbers(row):
    try:
        return [float(field) for field in row[1:]] != []
    except ValueError:
        return False


def read_mutated(seed, path, rng):
    """Read a mutated file; True where it still was a matrix, which then holds the numbers of the file."""
    content = mutate(seed, rng).encode()
    if rng.random() < 0.3:
        content = gzip.compress(content, mtime=0)
    if rng.random() < 0.5:
        content = flip(content, rng)
    path.write_bytes(content)
    begin = time.process_time()
    try:
        matrix = read_matrix(path)
    except FileFormatError:
        return False
    finally:
        assert time.process_time() - begin < 5
    labels, names, values = simple_parse(content)
    assert np.isfinite(matrix.to_numpy()).all()
    assert shown(matrix) == (labels, [name.lstrip("# ") if name not in matrix else name for name in names], values)
    return True


SEEDS = {"tsv": SEED, "csv": SEED.replace("\t", ","), "r": SEED.removeprefix("gene\t"), "comment": "# made\n" + SEED}
SEEDS["spaces"] = SEED.replace("B cell", '"B cell"').replace("\t", " ")


@pytest.mark.parametrize("kind", SEEDS)
@given(seed=st.integers(0, 2**32 - 1))
def test_mutated_files_give_their_numbers_or_an_error(tmp_path_factory, kind, seed):
    read_mutated(SEEDS[kind], tmp_path_factory.getbasetemp() / "mutated", random.Random(seed))


@pytest.mark.slow
@pytest.mark.parametrize("kind", SEEDS)
def test_1250_mutated_files_a_layout_give_their_numbers_or_an_error(tmp_path, kind):
    rng = random.Random(5)
    matrices = sum(read_mutated(SEEDS[kind], tmp_path / "mutated", rng) for _ in range(1250))
    assert 50 < matrices < 1200  # both ends are reached


@pytest.mark.slow
def test_2000_mutated_parquet_files_give_their_numbers_or_an_error(tmp_path):
    pq = pytest.importorskip("pyarrow.parquet", reason="parquet needs pyarrow")
    import pyarrow as pa

    rng, path = random.Random(6), tmp_path / "matrix.parquet"
    frame = pd.DataFrame({"gene": [f"G{k}" for k in range(40)], "a": range(40), "b": np.linspace(0, 1, 40)})
    pq.write_table(pa.Table.from_pandas(frame), path, write_page_checksum=True)
    content, expected = path.read_bytes(), shown(read_matrix(path))
    read = 0
    for _ in range(2000):
        path.write_bytes(flip(flip(content, rng), rng))
        begin = time.process_time()
        try:
            found = shown(read_matrix(path))
        except FileFormatError:
            continue
        finally:
            assert time.process_time() - begin < 5
        read += 1
        # Checksums cover the numbers, not the names of columns and their number in the footer.
        assert len(found[0]) == 40
        assert found[2] == expected[2] or len(found[1]) < 2 or found[0] != expected[0]
    assert 50 < read < 1900
