"""Matrices as STAR, htseq-count, bedtools, GEO, deepTools and others write them, and files that are none."""

import gzip
import re

import numpy as np
import pandas as pd
import pytest
import test_io_matrix
from test_io_matrix import at, shown

from skepi.exceptions import FileFormatError, LeftOutWarning
from skepi.io import read_bed, read_gtf, read_matrix, read_narrowpeak, read_tss

put = test_io_matrix.put
STAR = "N_unmapped\t70\t70\t70\nN_noFeature\t5\t9\t6\nENSG1\t12\t1\t11\nENSG2\t5\t0\t5\n"
STAR_NAMES = ["gene", "unstranded", "forward", "reverse"]
HTSEQ = "ENSG1\t10\nENSG2\t5\n__no_feature\t99\n__ambiguous\t3\n"
MULTICOV = "chr1\t100\t600\t12\t30\nchr1\t900\t1400\t5\t0\n"
GCT = "#1.2\n2\t2\nName\tDescription\tHSC\tB\nENSG1\tGATA1\t3\t40\nENSG2\tSPI1\t25\t1\n"
GCT_3 = "#1.3\n2\t2\t2\t1\nid\tsymbol\tlength\tHSC\tB\nlineage\tna\tna\tstem\tlymphoid\n"
GCT_3 += "ENSG1\tGATA1\t9\t3\t40\nENSG2\tSPI1\t8\t25\t1\n"
SERIES = '!Series_title\t"Blood"\n!Series_summary\t"one line\nand another"\n\n!Sample_title\t"HSC"\t"B"\n'
SERIES += '!series_matrix_table_begin\n"ID_REF"\t"GSM1"\t"GSM2"\n"a_at"\t7.5\t8.1\n"b_at"\t3.2\t3.3\n'
SERIES += "!series_matrix_table_end\n"
DEEPTOOLS = "#'chr'\t'start'\t'end'\t'HSC.bw'\t'B.bw'\nchr1\t0\t100\t2.5\tnan\nchr1\t100\t200\t1\t3\n"


# --- without a header


def test_counts_of_star(put):
    matrix = read_matrix(put(STAR), names=STAR_NAMES, columns=["unstranded"])
    assert shown(matrix) == (["ENSG1", "ENSG2"], ["unstranded"], [[12], [5]])
    assert matrix.attrs["left_out"] == ["N_unmapped", "N_noFeature"]
    assert matrix.index.name == "gene"


@pytest.mark.parametrize("separator", ["\t", ",", " "])
@pytest.mark.parametrize("comment", ["", "# htseq-count\n"])
def test_counts_of_htseq(put, separator, comment):
    matrix = read_matrix(put(comment + HTSEQ.replace("\t", separator)), names=["gene", "HSC"])
    assert shown(matrix) == (["ENSG1", "ENSG2"], ["HSC"], [[10], [5]])
    assert matrix.attrs["left_out"] == ["__no_feature", "__ambiguous"]


def test_statistics_are_left_out_of_a_table_with_a_header_too(put):
    text = "gene_id\tgene_name\tunstranded\nN_unmapped\t\t70\nENSG1\tA\t12\n"
    assert shown(read_matrix(put(text), columns=["unstranded"])) == (["ENSG1"], ["unstranded"], [[12]])
    with pytest.raises(FileFormatError, match="no gene is left: all rows are statistics of the counting program"):
        read_matrix(put("gene\tHSC\n__no_feature\t3\n"))


def test_counts_of_bedtools_multicov(put):
    names = ["chrom", "start", "end", "HSC", "B"]
    matrix = read_matrix(put(MULTICOV), names=names, labels=names[:3])
    assert shown(matrix) == (["chr1:100-600", "chr1:900-1400"], ["HSC", "B"], [[12, 30], [5, 0]])


@pytest.mark.parametrize(
    ("text", "option"),
    [
        (STAR, "names=['gene', 'unstranded', 'forward', 'reverse'], columns=['unstranded'] (counts of STAR)"),
        (HTSEQ, "names=['gene', 'S1']"),
        (MULTICOV, "names=['chrom', 'start', 'end', 'S1', 'S2'], labels=['chrom', 'start', 'end'] (counts of bedtools"),
        (
            "chr1\t100\t600\tp1\t.\t+\t12\nchr1\t900\t990\tp2\t.\t+\t12\n",
            "labels=['chrom', 'start', 'end'], drop=['name', 'score', 'strand']",
        ),
        ("ENSG1\tGATA1\t10\nENSG2\tSPI1\t5\n", "names=['gene', 'S1', 'S2']"),
        ("GATA1,3,NA\nSPI1,25,1\n", "names=['gene', 'S1', 'S2']"),
    ],
)
def test_a_first_row_is_no_header_and_the_message_names_the_option(put, text, option):
    path = put(text)
    message = "wanted a header, got numbers. Without a header, name all columns, such as names="
    with pytest.raises(FileFormatError, match=at(path, 1, None, message)):
        read_matrix(path)
    with pytest.raises(FileFormatError, match=re.escape(option)):
        read_matrix(path)


@pytest.mark.parametrize("labels", ["ENSG1", "10"])
def test_labels_do_not_make_a_gene_the_header(put, labels):
    with pytest.raises(FileFormatError, match="wanted a header, got numbers"):
        read_matrix(put(HTSEQ), labels=labels)


def test_names_that_do_not_fit(put, tmp_path):
    with pytest.raises(FileFormatError, match="names: wanted 4 names, one for each field of the row, got 2"):
        read_matrix(put(STAR), names=["gene", "HSC"])
    for names in (["gene", "gene"], ["gene", ""]):
        with pytest.raises(ValueError, match="names: wanted a name of its own for each column, got"):
            read_matrix(put(HTSEQ), names=names)


# --- a header without row names


@pytest.mark.parametrize(
    "text", ["SRR1\tSRR2\n12\t1\n3\t4\n", "SRR1,SRR2\n0,1\n0,2\n", "Lymphoid,Myeloid\n1.5,2\n0,1\n"]
)
def test_values_of_the_first_sample_are_no_names(put, text):
    first = re.split("[\t,]", text)[0]
    path = put(text)
    message = f"wanted names of genes or peaks, got numbers in the first column, '{first}', which may be a sample"
    with pytest.raises(FileFormatError, match=at(path, None, 1, message)):
        read_matrix(path)
    assert read_matrix(path, labels=first, repeated="sum").index.name == first


@pytest.mark.parametrize("name", ["GeneID", "entrez_id", "ID", "", "Geneid", "Gene.Symbol", "ID_REF", "row"])
def test_identifiers_may_be_numbers(put, name):
    assert shown(read_matrix(put(f"{name},HSC\n2623,3\n6688,4\n"))) == (["2623", "6688"], ["HSC"], [[3], [4]])


# --- GCT


@pytest.mark.parametrize("text", [GCT, GCT_3, GCT.replace("#1.2", "#1.2\t\t"), GCT.replace("2\t2", "2\t2\t\t")])
def test_gct(put, text):
    assert shown(read_matrix(put(text))) == (["ENSG1", "ENSG2"], ["HSC", "B"], [[3, 40], [25, 1]])


def test_a_described_column_of_gct_can_be_the_label(put):
    matrix = read_matrix(put(GCT), labels="Description", drop=["Name"])
    assert shown(matrix) == (["GATA1", "SPI1"], ["HSC", "B"], [[3, 40], [25, 1]])


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("\n2\t2\n", "\n3\t2\n", None, "wanted 3 rows as the GCT file says, got 2"),
        ("\n2\t2\n", "\n2\t3\n", 3, "wanted 3 samples behind 2 column(s), got 2"),
        ("\n2\t2\n", "\n2\n", 2, "GCT 1.2: wanted 2 whole numbers below #1.2, got ['2']"),
        (GCT[5:], "", 1, "GCT 1.2: wanted 2 whole numbers below #1.2, got []"),
        (GCT[9:], "", 1, "the GCT file ends before its header"),
        ("\t40", "", 4, "wanted 4 fields as the header says, got 3"),
        ("\t40", "\t", 4, "wanted a number, got '', a missing value: missing='zero' reads it as 0"),
    ],
)
def test_gct_that_contradicts_itself(put, old, new, line, message):
    path = put(GCT.replace(old, new, 1))
    with pytest.raises(FileFormatError, match=re.escape(str(path) + (f", line {line}" if line else ""))):
        read_matrix(path)
    with pytest.raises(FileFormatError, match=re.escape(message)):
        read_matrix(path)


# --- GEO


@pytest.mark.parametrize("pack", [str.encode, lambda text: gzip.compress(text.encode())], ids=["plain", "gz"])
@pytest.mark.parametrize("labels", [None, "ID_REF"])
def test_series_matrix(put, pack, labels):
    matrix = read_matrix(put(pack(SERIES)), labels=labels)
    assert shown(matrix) == (["a_at", "b_at"], ["GSM1", "GSM2"], [[7.5, 8.1], [3.2, 3.3]])
    assert shown(read_matrix(put(SERIES[SERIES.index("!series") :])))[0] == ["a_at", "b_at"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SERIES.replace("!series_matrix_table_end\n", ""), "the table does not end with !series_matrix_table_end"),
        (SERIES[: SERIES.index("!series")], "the series matrix has no line !series_matrix_table_begin: is it cut off?"),
        (
            SERIES.replace('"a_at"\t7.5\t8.1\n"b_at"\t3.2\t3.3\n', ""),
            "the series matrix holds no values, as is usual",
        ),
        (SERIES.replace("7.5", "null"), "wanted a number, got 'null', a missing value: missing='zero' reads it as 0"),
        (SERIES.replace("7.5", ""), "missing='drop' leaves out its row"),
        ("^DATABASE = GeoMiame\n!Database_name = GEO\n", "a SOFT file of GEO: wanted the series matrix"),
    ],
)
def test_series_matrices_without_values(put, text, message):
    with pytest.raises(FileFormatError, match=re.escape(message)):
        read_matrix(put(text))


# --- gaps


def test_deeptools_and_its_gaps(put):
    path, labels = put(DEEPTOOLS), ["chr", "start", "end"]
    with pytest.raises(FileFormatError, match=at(path, 1, None, "these look like intervals: labels=['chr', ")):
        read_matrix(path)
    with pytest.raises(FileFormatError, match=at(path, 2, 5, "wanted a number, got 'nan', a missing value")):
        read_matrix(path, labels=labels)
    zero = read_matrix(path, labels=labels, missing="zero")
    assert shown(zero) == (["chr1:0-100", "chr1:100-200"], ["HSC.bw", "B.bw"], [[2.5, 0], [1, 3]])


def test_rows_with_gaps_are_left_out_with_one_warning(put):
    path = put("gene\tHSC\tB\nx\t1\tNA\ny\t2\t3\nz\t\t1\ny2\t5\t6\ny2\t5\t6\n")
    reasons = "left out 4 of 5 rows: 2 with gaps ('x', 'z'), 2 with a repeated label ('y2', 'y2')"
    with pytest.warns(LeftOutWarning, match=re.escape(reasons)) as caught:
        matrix = read_matrix(path, missing="drop", repeated="drop")
    assert len(caught) == 1
    assert shown(matrix) == (["y"], ["HSC", "B"], [[2, 3]])
    assert matrix.attrs["left_out"] == ["x", "z", "y2"]


def test_gaps_in_all_rows_leave_nothing(put):
    with pytest.raises(FileFormatError, match="no row is left: all 1 have gaps"):
        read_matrix(put("gene\tHSC\nx\tNA\n"), missing="drop")


@pytest.mark.parametrize("text", ["NA", "", "nan", "NaN", "null", "NULL", "None", "#N/A", "n/a"])
def test_words_for_a_gap(put, text):
    path = put(f"gene\tHSC\tB\nx\t{text}\t4\n")
    assert read_matrix(path, missing="zero").to_numpy().tolist() == [[0, 4]]
    with pytest.raises(FileFormatError, match=re.escape(f"got {text!r}, a missing value")):
        read_matrix(path)


def test_a_policy_for_gaps_is_one_of_three(put):
    with pytest.raises(ValueError, match="missing must be 'error', 'zero' or 'drop', got 'mean'"):
        read_matrix(put(HTSEQ), missing="mean")


def test_parquet_has_columns_of_its_own(tmp_path):
    pytest.importorskip("pyarrow", reason="parquet needs pyarrow")
    path = tmp_path / "matrix.parquet"
    pd.DataFrame({"HSC": [1.0]}, index=pd.Index(["x"], name="gene")).to_parquet(path)
    for asked in ({"names": ["gene", "HSC"]}, {"missing": "zero"}):
        with pytest.raises(ValueError, match="names= and missing= are for text, and this is parquet"):
            read_matrix(path, **asked)


# --- columns that are no samples


@pytest.mark.parametrize(
    ("header", "drop"),
    [
        ("gene,chromosome,start,end,strand,S1", ["chromosome", "start", "end", "strand"]),
        ("gene,S1,Length,S2", ["Length"]),
        ("Symbol,Gene ID,S1", ["Gene ID"]),
        ("gene,gene_length,S1", ["gene_length"]),
        ("symbol,GeneID,S1,S2", ["GeneID"]),
        ("gene,Strand,tss,S1", ["Strand", "tss"]),
        ("Name,Length,EffectiveLength,S1", ["Length", "EffectiveLength"]),
    ],
)
def test_positions_and_lengths_are_no_samples(put, header, drop):
    names = header.split(",")
    path = put(header + "\nG1" + ",1" * (len(names) - 1) + "\n")
    message = "names of positions, lengths or identifiers, not of samples: "
    with pytest.raises(FileFormatError, match=at(path, 1, None, f"{message}{', '.join(map(repr, drop))}; drop={drop}")):
        read_matrix(path)
    assert read_matrix(path, drop=drop).columns.tolist() == [name for name in names[1:] if name not in drop]
    assert read_matrix(path, columns=names[1:]).columns.tolist() == names[1:]


@pytest.mark.parametrize("header", ["Name,Length,TPM,NumReads", "target_id,length,eff_length,est_counts,tpm"])
def test_measures_of_one_sample_are_no_samples(put, header):
    first = next(name for name in header.split(",") if name in ("TPM", "est_counts"))
    with pytest.raises(FileFormatError, match=re.escape(f"are measures of one sample: columns=['{first}'] takes one")):
        read_matrix(put(header + "\nG1" + ",1" * header.count(",") + "\n"))


def test_text_among_the_samples_is_named_with_what_leaves_it_out(put):
    path = put("gene,symbol,S1,kind\nG1,GATA1,5,coding\n")
    message = "wanted a number, got 'GATA1'; if these columns are no samples, drop=['symbol', 'kind'] leaves them out"
    with pytest.raises(FileFormatError, match=at(path, 2, 2, message)):
        read_matrix(path)


def test_names_behind_the_numbers_of_rows_are_offered_as_labels(put):
    path = put(",gene,HSC\n0,GATA1,1\n1,SPI1,2\n")
    with pytest.raises(
        FileFormatError, match=at(path, 2, 2, "got 'GATA1'; if the column names the rows, labels='gene'")
    ):
        read_matrix(path)
    assert shown(read_matrix(path, labels="gene")) == (["GATA1", "SPI1"], ["HSC"], [[1], [2]])


def test_repeated_samples_are_named_with_what_to_do(put):
    path = put("gene\tHSC\tHSC\nx\t1\t2\n")
    message = "the header has the name 'HSC' in column 2 too: give each sample a name of its own, in the file or by"
    with pytest.raises(FileFormatError, match=at(path, 1, 3, message)):
        read_matrix(path)


# --- files of other formats


def tar():
    return b"x".ljust(257, b"\0") + b"ustar\0" + bytes(300)


OTHERS = [
    (b"PAR1", "a parquet file: pandas.read_parquet(path) reads it"),
    (b"ARROW1\0\0", "an Arrow (feather) file: pandas.read_feather(path)"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file: anndata.read_h5ad(path) reads h5ad, skepi.io.read_10x_h5(path)"),
    (b"PK\x03\x04" + bytes(26) + b"[Content_Types].xml", "an Excel workbook: pandas.read_excel(path) reads it"),
    (b"PK\x03\x04" + bytes(26) + b"counts.tsv", "a zip archive: unpack it first"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel workbook: pandas.read_excel(path) reads it"),
    (gzip.compress(b"X\n\0\0\0\3"), "a file of R (RDS): save the table in R with write.csv"),
    (gzip.compress(b"RDX3\nX\n"), "a file of R (RData)"),
    (gzip.compress(b"BAM\1"), "a file of alignments (BAM): count its reads first"),
    (b"CRAM\3\0", "a file of alignments (CRAM)"),
    (b"\x26\xfc\x8f\x88", "a bigWig file: skepi.peaks.openness_from_bigwigs reads it"),
    (b"\x87\x89\xf2\xeb", "a bigBed file"),
    (b"\x93NUMPY\1\0", "an array of NumPy: numpy.load(path) reads it"),
    (b"BZh91AY", "a file packed by bzip2: unpack it first"),
    (b"\xfd7zXZ\0", "a file packed by xz"),
    (b"\x28\xb5\x2f\xfd", "a file packed by zstd"),
    (tar(), "a tar archive: unpack it first"),
    (gzip.compress(tar()), "a tar archive: unpack it first"),
    (b"<!DOCTYPE html>\n<html>", "a web page"),
    (b"%PDF-1.7\n", "a PDF file"),
]


@pytest.mark.parametrize("read", [read_bed, read_gtf, read_tss, read_narrowpeak], ids=lambda read: read.__name__)
@pytest.mark.parametrize(("content", "message"), OTHERS, ids=[message[:22] for _, message in OTHERS])
def test_other_formats_are_refused_by_name(put, read, content, message):
    with pytest.raises(FileFormatError, match=re.escape(f"wanted text, got {message}")):
        read(put(content))


@pytest.mark.parametrize(("content", "message"), OTHERS[1:], ids=[message[:22] for _, message in OTHERS[1:]])
def test_matrices_of_other_formats_are_refused_by_name(put, content, message):
    with pytest.raises(FileFormatError, match=re.escape(f"wanted text, got {message}")):
        read_matrix(put(content))


def test_excel_as_pandas_writes_it(tmp_path):
    pytest.importorskip("openpyxl", reason="openpyxl is not installed")
    path = tmp_path / "counts.xlsx"
    pd.DataFrame({"HSC": np.arange(3)}).to_excel(path)
    with pytest.raises(FileFormatError, match="an Excel workbook"):
        read_matrix(path)
