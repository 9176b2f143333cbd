"""Readers of BED, narrowPeak, GTF, GFF3 and tables of start sites: right tables, or an error that names the place."""

import os
import re
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from promises import assert_exact

from skepi.exceptions import FileFormatError, LeftOutWarning, TableError
from skepi.io import (
    bigwig_means,
    choose_tss,
    read_10x_h5,
    read_bed,
    read_bedgraph,
    read_bedpe,
    read_gff3,
    read_gtf,
    read_matrix,
    read_narrowpeak,
    read_peaks,
    read_tss,
)
from skepi.paired import PairedDataset

SHARED = Path(__file__).parents[2] / "shared"
FIXTURES = Path(os.environ.get("SKEPI_IO_FIXTURES", SHARED / "data" / "io_fixtures"))
MIRROR = Path(os.environ.get("SKEPI_MIRROR", SHARED / "mirror"))

ONE_PEAK = pd.DataFrame({"chrom": ["chr1"], "start": [0], "end": [100]})
READERS = {"bed": read_bed, "narrowpeak": read_narrowpeak, "tss": read_tss, "gtf": read_gtf, "gff3": read_gff3}
READERS |= {"bedgraph": read_bedgraph, "peaks": read_peaks, "bedpe": read_bedpe}
VALID = {
    "bed": "chr1\t0\t5\tp0\t1\t-\nchr1\t10\t20\tp1\t5\t+\n",
    "narrowpeak": "chr1\t0\t50\tp0\t1\t.\t1\t1\t1\t-1\nchr1\t100\t200\tp1\t10\t.\t2.5\t3\t2\t40\n",
    "bedgraph": "chr1\t0\t5\t1\nchr1\t10\t20\t0.5\n",
    "bedpe": "chr1\t0\t5\tchr1\t70\t90\tA\t1.5\nchr1\t10\t20\tchr2\t5\t6\tB\t.\n",
    "peaks": "chr1\t0\t50\t20\t1\tchr1:10-20\nchr1\t100\t200\t50\t2.5\tchr1:120-141\n",
    "tss": "chr1\t500\t500\tNM_0\tB\t-\nchr1\t100\t100\tNM_1\tA\t+\n",
    "gtf": 'chr1\tX\tgene\t11\t20\t.\t+\t.\tgene_id "G.1"; gene_name "A";\n'
    'chr1\tX\ttranscript\t11\t20\t.\t+\t.\tgene_id "G.1"; transcript_id "T.1"; gene_name "A";\n',
    "gff3": "chr1\tX\tgene\t11\t20\t.\t+\t.\tID=gene:G;Name=A\n"
    "chr1\tX\tmRNA\t11\t20\t.\t+\t.\tID=transcript:T;Parent=gene:G\n",
}


@pytest.fixture
def put(tmp_path):
    """Write text or bytes to a file and return its path."""

    def write(content, name="file.txt"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def at(path, line=None, column=None, message=""):
    """Pattern of an error at a place."""
    place = str(path) + (f", line {line}" if line else "") + (f", column {column}" if column else "")
    return "^" + re.escape(f"{place}: ") + ".*" + re.escape(message)


def annotation(*rows):
    """GTF or GFF3 from (feature, first, last, strand, attributes) on chr1."""
    return "".join(f"chr1\tX\t{kind}\t{a}\t{b}\t.\t{strand}\t.\t{rest}\n" for kind, a, b, strand, rest in rows)


def rows_of(table, *columns):
    return list(table[list(columns)].itertuples(index=False, name=None))


@pytest.mark.parametrize(
    "read",
    [*READERS.values(), read_matrix, read_10x_h5, lambda path: bigwig_means(path, ONE_PEAK)],
    ids=[*READERS, "matrix", "10x", "bigwig"],
)
def test_a_folder_is_no_file(tmp_path, read):
    if read is read_10x_h5:
        pytest.importorskip("h5py", reason="h5py is not installed (extra `data`)")
    with pytest.raises(FileFormatError, match=at(tmp_path, message="this is a folder, wanted a file")):
        read(tmp_path)
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "absent")


# --- BED


@pytest.mark.parametrize("width", [3, 4, 5, 6, 9, 12])
def test_bed_of_3_to_12_columns(put, width):
    fields = ["chr2", "7", "9", "peak 1", "3.5", "-", "7", "9", "0,0,0", "1", "2", "0"][:width]
    table = read_bed(put("\t".join(fields) + "\n"))
    expected = {"chrom": "chr2", "start": 7, "end": 9, "name": "peak 1", "score": 3.5, "strand": "-"}
    assert table.to_dict("records") == [dict(list(expected.items())[:width])]


def test_bed_separated_by_spaces_and_in_any_order(put):
    table = read_bed(put("chr2  5 9\nchr1 0   2147483647\n"))
    assert rows_of(table, "chrom", "start", "end") == [("chr2", 5, 9), ("chr1", 0, 2**31 - 1)]
    assert table["start"].dtype == table["end"].dtype == np.int64


@pytest.mark.parametrize("separator", ["\t", " "])
def test_a_score_of_a_point_is_nan(put, separator):
    rows = ["chr1 0 5 p . +", "chr1 5 9 q 7 .", "chr1 9 11 r 0 -"]
    table = read_bed(put("\n".join(rows).replace(" ", separator)))
    np.testing.assert_array_equal(table["score"], [np.nan, 7, 0])
    assert table["score"].dtype == np.float64
    assert list(table["strand"]) == ["+", ".", "-"]
    only = read_bed(put("chr1\t0\t5\tp\t.\n"))["score"]
    assert only.isna().tolist() == [True]
    assert only.dtype == np.float64
    peak = read_narrowpeak(put("chr1\t0\t50\tp\t.\t.\t1\t1\t1\t-1\n"))
    assert peak["score"].isna().tolist() == [True]


@pytest.mark.parametrize("score", ["..", "NA", "", " ."])
def test_other_scores_that_are_no_numbers_are_refused(put, score):
    for reader, rest in ((read_bed, ""), (read_narrowpeak, "\t.\t1\t1\t1\t-1")):
        path = put(f"chr1\t0\t5\tp\t{score}{rest}\n")
        with pytest.raises(FileFormatError, match=at(path, 1, 5, f"wanted a number (score) or ., got {score!r}")):
            reader(path)


# --- narrowPeak


def peaks(*rows):
    """narrowPeak lines from (chrom, start, end, name, signal, offset of the summit)."""
    return "".join(f"{c}\t{a}\t{b}\t{name}\t10\t.\t{s}\t3\t2\t{off}\n" for c, a, b, name, s, off in rows)


# Three summits of [100, 200) at 110, 121 and 180, not in order, around another interval. Halfway, rounded up:
# 110 | 121 at 116 and 121 | 180 at 151.
THREE = [
    ("chr1", 100, 200, "c", 2, 80),
    ("chr1", 100, 200, "a", 5, 10),
    ("chr1", 20, 30, "alone", 1, -1),
    ("chr1", 100, 200, "b", 5, 21),
    ("chr2", 100, 200, "other", 9, 0),
]


def test_narrowpeak_summits_become_positions_and_all_columns_are_kept(put):
    table = read_narrowpeak(put("chr1\t100\t200\tp\t10\t-\t2.5\t3\t-1\t40\nchr1\t5\t9\tq\t0\t.\t0\t0\t0\t-1\n"))
    assert list(table) == [
        "chrom",
        "start",
        "end",
        "name",
        "score",
        "strand",
        "signal_value",
        "log10_p",
        "log10_q",
        "summit",
    ]
    assert rows_of(table, *table)[0] == ("chr1", 100, 200, "p", 10.0, "-", 2.5, 3.0, -1.0, 140)
    assert rows_of(table, *table)[1] == ("chr1", 5, 9, "q", 0.0, ".", 0.0, 0.0, 0.0, -1)


def test_repeated_intervals_are_cut_halfway_between_summits(put):
    table = read_narrowpeak(put(peaks(*THREE)))
    assert rows_of(table, "name", "start", "end", "summit") == [
        ("c", 151, 200, 180),
        ("a", 100, 116, 110),
        ("alone", 20, 30, -1),
        ("b", 116, 151, 121),
        ("other", 100, 200, 100),
    ]


def test_repeated_intervals_are_kept_or_thinned_to_the_strongest(put):
    path = put(peaks(*THREE))
    kept, strongest = read_narrowpeak(path, repeated="keep"), read_narrowpeak(path, repeated="strongest")
    assert rows_of(kept, "name", "start", "end")[:2] == [("c", 100, 200), ("a", 100, 200)]
    assert list(kept["summit"]) == [180, 110, -1, 121, 100]
    assert list(strongest["name"]) == ["a", "alone", "other"]  # a and b tie: the first in the file
    assert list(strongest.index) == [0, 1, 2]


@pytest.mark.parametrize("offset", [40, -1])
def test_an_interval_with_the_same_summit_twice_cannot_be_cut(put, offset):
    twice = [("chr1", 10, 90, "a", 1, offset), ("chr1", 1, 9, "b", 1, 0), ("chr1", 10, 90, "c", 2, offset)]
    path = put("# comment\n" + peaks(*twice))
    with pytest.raises(FileFormatError, match=r", line [24], column 10: the same interval with the same summit"):
        read_narrowpeak(path)
    assert len(read_narrowpeak(path, repeated="keep")) == 3
    assert list(read_narrowpeak(path, repeated="strongest")["name"]) == ["b", "c"]


def test_an_interval_with_a_summit_and_without_one_cannot_be_cut(put):
    path = put(peaks(("chr1", 100, 200, "a", 1, -1), ("chr1", 100, 200, "b", 1, 50)))
    with pytest.raises(FileFormatError, match=r", line [12], column 10: "):
        read_narrowpeak(path)


BROAD = "chr1\t100\t900\tb1\t35\t.\t4.5\t6\t3.5\nchr1\t5\t90\tb2\t.\t-\t2\t1\t0\n"


@pytest.mark.parametrize("repeated", ["cut", "keep", "strongest"])
def test_broadpeak_has_no_summits(put, repeated):
    table = read_narrowpeak(put("track type=broadPeak\n" + BROAD), repeated)
    assert list(table)[-1] == "summit"
    assert rows_of(table, *table)[0] == ("chr1", 100, 900, "b1", 35.0, ".", 4.5, 6.0, 3.5, -1)
    assert rows_of(table, "start", "end", "strand", "signal_value", "summit")[1] == (5, 90, "-", 2.0, -1)
    assert table["summit"].dtype == np.int64


def test_broadpeak_with_an_interval_twice_cannot_be_cut(put):
    path = put(BROAD + BROAD.split("\n")[0].replace("4.5", "5.5") + "\n")
    with pytest.raises(FileFormatError, match=at(path, 1, None, "the same interval with the same summit twice, or")):
        read_narrowpeak(path)
    assert list(read_narrowpeak(path, "keep")["signal_value"]) == [4.5, 2, 5.5]
    assert list(read_narrowpeak(path, "strongest")["signal_value"]) == [2, 5.5]


@pytest.mark.parametrize("narrow_first", [True, False])
def test_narrowpeak_and_broadpeak_do_not_mix(put, narrow_first):
    narrow = peaks(("chr2", 5, 9, "n", 1, 2))
    path = put(narrow + BROAD if narrow_first else BROAD + narrow)
    message = "wanted 10 columns as in the lines before, got 9" if narrow_first else "wanted 9 columns as .*, got 10"
    with pytest.raises(FileFormatError, match=f", line {2 if narrow_first else 3}: {message}"):
        read_narrowpeak(path)


# --- GTF and GFF3


def test_gtf_of_gencode(put):
    path = put(
        annotation(
            ("gene", 11, 20, "-", 'gene_id "ENSG01.7"; gene_type "x"; gene_name "A-1"; level 2; tag "a"; tag "b";'),
            ("transcript", 11, 20, "-", 'gene_id "ENSG01.7"; transcript_id "ENST01.3"; gene_name "A-1"; level 2;'),
            ("exon", 11, 15, "-", 'gene_id "ENSG01.7"; transcript_id "ENST01.3"; exon_number 1;'),
        )
    )
    # 11 .. 20, both included, counted from 1, is [10, 20)
    assert rows_of(read_gtf(path), *read_gtf(path)) == [
        ("chr1", 10, 20, "-", "transcript", "ENSG01.7", "A-1", "ENST01.3")
    ]
    assert rows_of(read_gtf(path, feature="gene"), "gene_id", "transcript_id") == [("ENSG01.7", "")]
    assert rows_of(read_gtf(path, feature="exon"), "start", "end", "feature") == [(10, 15, "exon")]


def test_gtf_of_ensembl_keeps_the_bare_identifier_and_uses_it_where_there_is_no_name(put):
    attributes = 'gene_id "ENSG01"; gene_version "5"; transcript_id "ENST01"; transcript_version "2"'
    named = attributes + '; gene_name "A"; gene_source "havana";'
    table = read_gtf(put(annotation(("transcript", 1, 1, "+", attributes), ("transcript", 1, 1, "+", named))))
    assert rows_of(table, "start", "end", "gene_id", "gene_name", "transcript_id") == [
        (0, 1, "ENSG01", "ENSG01", "ENST01"),
        (0, 1, "ENSG01", "A", "ENST01"),
    ]


@pytest.mark.parametrize(
    "attributes",
    [
        'gene_id "G"; note "see; gene_name \'X\'; and more"; gene_name "A b"; transcript_id "T";',
        'gene_id "G";gene_name "A b";transcript_id "T"',
        '  gene_id   "G" ; transcript_id T; gene_name "A b" ; ',
        'gene_name "A b"; gene_id G; transcript_id "T"; empty "";',
        'projection_gene_id "no"; gene_id "G"; ref_gene_name "no"; gene_name "A b"; transcript_id "T";',
    ],
)
def test_gtf_attributes_however_quoted_and_spaced(put, attributes):
    table = read_gtf(put(annotation(("transcript", 3, 4, "?", attributes))))
    assert rows_of(table, "gene_id", "gene_name", "transcript_id") == [("G", "A b", "T")]


@pytest.mark.parametrize(
    "attributes",
    ['gene_id "G"; gene_name "A; transcript_id "T";', 'gene_id "G"; gene_name A b; transcript_id "T";'],
    ids=["quote not closed", "space in a value without quotes"],
)
def test_a_gene_name_that_cannot_be_read_is_not_replaced_by_the_identifier(put, attributes):
    path = put(annotation(("transcript", 3, 4, "+", attributes)))
    error = None
    try:
        assert list(read_gtf(path)["gene_name"]) == ["A b"]
    except FileFormatError as caught:
        error = caught
    assert error is None or (error.line, error.column) == (1, 9)


GENCODE_GFF3 = annotation(
    ("gene", 11, 20, "-", "ID=ENSG01.7;gene_id=ENSG01.7;gene_type=lncRNA;gene_name=A;level=2"),
    ("transcript", 12, 20, "-", "ID=ENST01.3;Parent=ENSG01.7;gene_id=ENSG01.7;transcript_id=ENST01.3;gene_name=A"),
    ("exon", 12, 15, "-", "ID=exon:ENST01.3:1;Parent=ENST01.3;gene_id=ENSG01.7;transcript_id=ENST01.3"),
    ("start_codon", 12, 14, "-", "ID=start:1;Parent=ENST01.3"),
)
ENSEMBL_GFF3 = "##gff-version 3\n" + annotation(
    ("chromosome", 1, 999, ".", "ID=chromosome:1;Alias=CM1,NC_1"),
    ("gene", 11, 90, "+", "ID=gene:ENSG01;Name=A;biotype=protein_coding;gene_id=ENSG01;version=5"),
    ("mRNA", 11, 80, "+", "ID=transcript:ENST01;Parent=gene:ENSG01;Name=A-201;transcript_id=ENST01;version=2"),
    ("five_prime_UTR", 11, 12, "+", "Parent=transcript:ENST01"),
    ("CDS", 13, 20, "+", "ID=CDS:P1;Parent=transcript:ENST01"),
    ("lnc_RNA", 15, 90, "+", "ID=transcript:ENST02;Parent=gene:ENSG01"),
    ("ncRNA_gene", 200, 210, "-", "ID=gene:ENSG02;gene_id=ENSG02"),
    ("snoRNA", 200, 210, "-", "ID=transcript:ENST03;Parent=gene:ENSG02"),
    ("pseudogene", 300, 310, "-", "ID=gene:ENSG03;Name=C;gene_id=ENSG03"),
    ("pseudogene", 301, 310, "-", "ID=transcript:ENST04;Parent=gene:ENSG03"),  # older releases
    ("pseudogenic_transcript", 302, 310, "-", "ID=transcript:ENST05;Parent=gene:ENSG03"),
)


def test_gff3_of_gencode(put):
    path = put(GENCODE_GFF3)
    assert rows_of(read_gff3(path), *read_gff3(path)) == [
        ("chr1", 11, 20, "-", "transcript", "ENSG01.7", "A", "ENST01.3")
    ]
    assert rows_of(read_gff3(path, "gene"), "start", "end", "gene_id", "transcript_id") == [(10, 20, "ENSG01.7", "")]


def test_gff3_of_ensembl_children_of_all_kinds_are_named_after_their_gene(put):
    table = read_gff3(put(ENSEMBL_GFF3))
    assert rows_of(table, "start", "feature", "gene_id", "gene_name", "transcript_id") == [
        (10, "mRNA", "ENSG01", "A", "ENST01"),
        (14, "lnc_RNA", "ENSG01", "A", "ENST02"),
        (199, "snoRNA", "ENSG02", "ENSG02", "ENST03"),
        (300, "pseudogene", "ENSG03", "C", "ENST04"),
        (301, "pseudogenic_transcript", "ENSG03", "C", "ENST05"),
    ]


def test_gff3_of_ensembl_genes_of_all_kinds(put):
    table = read_gff3(put(ENSEMBL_GFF3), feature="gene")
    assert rows_of(table, "feature", "gene_id", "gene_name", "transcript_id") == [
        ("gene", "ENSG01", "A", ""),
        ("ncRNA_gene", "ENSG02", "ENSG02", ""),
        ("pseudogene", "ENSG03", "C", ""),
    ]


def test_gff3_values_are_unescaped(put):
    gene = ("gene", 1, 9, "+", "ID=gene:G%2C1; Name=HLA%3BA=1 ;Note=50%25")
    child = ("mRNA", 1, 9, "+", "ID=transcript:T;Parent=gene:G%2C1")
    table = read_gff3(put(annotation(gene, child)))
    assert rows_of(table, "gene_id", "gene_name") == [("G,1", "HLA;A=1")]


GENE, OTHER_GENE = ("gene", 1, 9, "+", "ID=gene:G;Name=A"), ("gene", 1, 9, "+", "ID=gene:H;Name=B")
CHILD = ("mRNA", 2, 9, "+", "ID=transcript:T;Parent=gene:G")


def test_gff3_transcripts_may_come_before_their_gene(put):
    second = ("mRNA", 3, 9, "+", "ID=transcript:S;Parent=gene:G")
    table = read_gff3(put(annotation(CHILD, GENE, second)))
    assert rows_of(table, "gene_name", "transcript_id") == [("A", "T"), ("A", "S")]


def test_gff3_a_child_of_two_genes_is_not_lost(put):
    both = ("mRNA", 2, 9, "+", "ID=transcript:S;Parent=gene:G,gene:H")
    table = read_gff3(put(annotation(GENE, OTHER_GENE, CHILD, both)))
    assert rows_of(table, "gene_name", "transcript_id") == [("A", "T"), ("A", "S"), ("B", "S")]


def test_gff3_lines_without_parent_are_no_transcripts(put):
    gene = ("gene", 1, 9, "+", "ID=;gene_id=G")
    table = read_gff3(put(annotation(gene, ("region", 1, 99, "+", "Note=x"))))
    assert table[["feature", "gene_id", "transcript_id"]].values.tolist() == [["gene", "G", ""]]


def test_gff3_sequences_at_the_end_are_left_out(put):
    assert len(read_gff3(put(annotation(GENE, CHILD) + "##FASTA\n>chr1\nACGT\n"))) == 1


@pytest.mark.parametrize("text", ["a", " ", "a ", '"'], ids=repr)
def test_long_attributes_take_linear_time(put, text):
    path = put(annotation(("transcript", 1, 9, "+", "a" + text * 20_000)))
    begin = time.process_time()
    with pytest.raises(FileFormatError, match=at(path, 1, 9)):
        read_gtf(path)
    assert time.process_time() - begin < 0.5


def test_exons_that_do_not_name_their_transcript_take_linear_time(put):
    def seconds(n, attribute):
        kinds = ("transcript", "exon")
        lines = [(kind, 9 * i + 1, 9 * i + 5, "+", f'gene_id "g{i}"; {attribute}') for i in range(n) for kind in kinds]
        path, begin = put(annotation(*lines)), time.process_time()
        assert len(read_gtf(path)) == n
        return time.process_time() - begin

    assert seconds(8_000, "") < 20 * seconds(2_000, "")


@pytest.mark.parametrize(
    ("reader", "message"), [(read_gtf, "no line has the feature 'gene'"), (read_gff3, "no line is a gene")]
)
def test_where_the_feature_does_not_occur_those_that_do_are_listed(put, reader, message):
    path = put(annotation(*((kind, 1, 9, "+", "x=y") for kind in ("exon", "CDS", "exon"))))
    with pytest.raises(FileFormatError, match=at(path, None, 3, f"{message}; there are exon, CDS")):
        reader(path, feature="gene")


# --- start sites


def test_sites_with_start_equal_to_end_are_boundaries_and_single_bases_are_bases(put):
    # Boundary 100: the first base behind it is 100 (plus strand), the one before it 99 (minus strand).
    text = "chr1\t100\t100\tNM_1\tA\t+\nchr1\t100\t100\tNM_2\tB\t-\n"
    text += "chr1\t100\t101\tNM_3\tC\t+\nchr1\t100\t101\tNM_4\tD\t-\nchr1\t0\t0\tNM_5\tNA\t+\n"
    table = read_tss(put(text))
    assert list(table) == ["name", "transcript", "chrom", "tss", "strand"]
    assert list(table["tss"]) == [100, 99, 100, 100, 0]
    assert rows_of(table, *table)[4] == ("NA", "NM_5", "chr1", 0, "+")


def test_no_base_lies_before_position_0(put):
    path = put("chr1\t0\t0\tNM_1\tA\t-\n")
    with pytest.raises(FileFormatError, match=at(path, 1, 2, "no base lies before position 0")):
        read_tss(path)


def sites(*rows):
    """Transcripts from (name, chrom, tss, strand)."""
    return pd.DataFrame(rows, columns=["name", "chrom", "tss", "strand"])


# A: 100 twice, 50 once. M (minus): 900 twice, 950 once. T: a tie of 10 and 30; U (minus): a tie of 10 and 30.
TRANSCRIPTS = sites(
    ("M", "chr2", 900, "-"),
    ("A", "chr1", 100, "+"),
    ("A", "chr1", 50, "+"),
    ("T", "chr1", 30, "+"),
    ("T", "chr1", 10, "+"),
    ("M", "chr2", 950, "-"),
    ("U", "chr1", 10, "-"),
    ("M", "chr2", 900, "-"),
    ("U", "chr1", 30, "-"),
    ("A", "chr1", 100, "+"),
    ("single", "chr1", 7, "-"),
)


def test_the_site_of_most_transcripts_is_the_default_and_ties_go_upstream():
    chosen = choose_tss(TRANSCRIPTS)
    assert list(chosen) == ["name", "chrom", "tss", "strand", "n_transcripts"]
    assert rows_of(chosen, "name", "tss", "n_transcripts") == [
        ("M", 900, 2),
        ("A", 100, 2),
        ("T", 10, 1),
        ("U", 30, 1),
        ("single", 7, 1),
    ]
    assert chosen.attrs["left_out"] == []
    assert list(chosen.index) == list(range(5))


def test_the_most_upstream_site_is_the_greatest_on_the_minus_strand():
    chosen = choose_tss(TRANSCRIPTS, policy="most_upstream")
    assert rows_of(chosen, "name", "tss", "n_transcripts") == [
        ("M", 950, 1),
        ("A", 50, 1),
        ("T", 10, 1),
        ("U", 30, 1),
        ("single", 7, 1),
    ]


def test_all_sites_are_rows_of_their_own_from_upstream_to_downstream():
    chosen = choose_tss(TRANSCRIPTS, policy="all")
    assert rows_of(chosen, "name", "tss", "n_transcripts") == [
        ("M@950", 950, 1),
        ("M@900", 900, 2),
        ("A@50", 50, 1),
        ("A@100", 100, 2),
        ("T@10", 10, 1),
        ("T@30", 30, 1),
        ("U@30", 30, 1),
        ("U@10", 10, 1),
        ("single", 7, 1),
    ]


def test_genes_that_are_no_single_place_are_left_out_and_listed():
    table = sites(
        ("far", "chr1", 0, "+"),
        ("near", "chr1", 0, "+"),
        ("far", "chr1", 501, "+"),
        ("two", "chr1", 5, "+"),
        ("near", "chr1", 500, "+"),
        ("two", "chr2", 5, "+"),
        ("both", "chr1", 5, "+"),
        ("both", "chr1", 5, "-"),
    )
    with pytest.warns(LeftOutWarning, match="left out 3 of 4 genes: 1 on several chromosomes .'two'., 1 on"):
        chosen = choose_tss(table, max_span=500)
    assert list(chosen["name"]) == ["near"]
    assert chosen.attrs["left_out"] == ["far", "two", "both"]
    assert list(choose_tss(table, left_out="ignore")["name"]) == ["far", "near"]


@pytest.mark.parametrize("style", ["chr", ""])
def test_pseudo_autosomal_genes_keep_x_and_genes_of_y_stay(style):
    x, y = f"{style}X", f"{style}Y"
    table = sites(("PAR", y, 30, "+"), ("PAR", y, 30, "+"), ("PAR", x, 70, "+"), ("SRY", y, 5, "-"))
    chosen = choose_tss(table)
    assert set(rows_of(chosen, "name", "chrom", "tss", "n_transcripts")) == {("PAR", x, 70, 1), ("SRY", y, 5, 1)}
    assert chosen.attrs["left_out"] == []


@pytest.mark.parametrize("kind", ["gtf", "gff3"])
def test_annotations_have_their_site_at_the_first_transcribed_base(put, kind):
    plus = READERS[kind](put(VALID[kind]))
    minus = READERS[kind](put(VALID[kind].replace("\t+\t", "\t-\t")))
    assert rows_of(choose_tss(plus), "name", "tss") == [("A", 10)]  # 11 .. 20 from 1 is 10 .. 19 from 0
    assert rows_of(choose_tss(minus), "name", "tss") == [("A", 19)]


def test_choosing_leaves_the_table_as_it_was():
    before = TRANSCRIPTS.copy()
    choose_tss(TRANSCRIPTS, policy="all")
    assert_exact(TRANSCRIPTS, before)


@pytest.mark.parametrize("policy", ["most_transcripts", "most_upstream", "all"])
def test_what_is_read_makes_a_data_set(put, policy):
    genes = choose_tss(read_tss(put(VALID["tss"] + "chr1\t120\t120\tNM_2\tA\t+\n")), policy)
    regions = read_narrowpeak(put(peaks(*THREE[:4]), "peaks"))
    data = PairedDataset(regions[["signal_value"]].set_axis(["HSC"], axis=1), regions, genes)
    assert data.genes["name"].tolist() == genes["name"].tolist()


@pytest.mark.parametrize("missing", ["name", "chrom", "tss", "strand"])
def test_transcripts_without_a_column_are_refused(missing):
    with pytest.raises(TableError, match=rf"missing columns \['{missing}'\]"):
        choose_tss(TRANSCRIPTS.drop(columns=missing))


def test_annotations_without_strand_are_refused(put):
    with pytest.raises(TableError, match=r"missing columns \[.*'strand'"):
        choose_tss(read_gtf(put(VALID["gtf"])).drop(columns="strand"))


@pytest.mark.parametrize("strand", [".", "?", "", None])
def test_transcripts_without_direction_have_no_site(strand):
    with pytest.raises(TableError, match=r"strand must be '\+' or '-'"):
        choose_tss(sites(("A", "chr1", 1, "+"), ("B", "chr1", 1, strand)))


@pytest.mark.parametrize("column", ["name", "chrom", "tss"])
def test_transcripts_with_gaps_are_refused(column):
    table = sites(("A", "chr1", 1, "+"), ("B", "chr1", 1, "+")).astype({column: object})
    table.loc[1, column] = None
    with pytest.raises(TableError, match=f"{column}.*missing"):
        choose_tss(table)


def test_no_gene_that_is_a_single_place_is_an_error():
    with pytest.raises(TableError, match="no gene is left; left out 1 of 1 genes: 1 on"):
        choose_tss(sites(("A", "chr1", 1, "+"), ("A", "chr2", 1, "+")))


def test_unknown_choices_are_refused_before_the_file_is_opened():
    with pytest.raises(ValueError, match=r"policy must be one of .*most_upstream.*, got 'longest'"):
        choose_tss(TRANSCRIPTS, policy="longest")
    with pytest.raises(ValueError, match="repeated must be 'cut', 'keep' or 'strongest', got 'merge'"):
        read_narrowpeak("nowhere", repeated="merge")
    with pytest.raises(ValueError, match="feature must be 'gene' or 'transcript', got 'exon'"):
        read_gff3("nowhere", feature="exon")


# --- real files


@pytest.fixture
def real():
    if not FIXTURES.exists():
        pytest.skip(f"real files are not at {FIXTURES}; SKEPI_IO_FIXTURES names another folder")
    return FIXTURES


@pytest.mark.parametrize(
    ("population", "n_rows", "n_intervals", "first"),
    [
        # the first interval has summits at +190 and +425: cut at (190 + 425 + 1) // 2 = 308
        ("CD4", 3485, 2687, ("chr21", 9825749, 9825749 + 308, 17.34293, 9825749 + 190)),
        # here at +231 and +444: cut at 338
        ("Ery", 1856, 1605, ("chr21", 9825844, 9825844 + 338, 10.61811, 9825844 + 231)),
    ],
)
def test_real_narrowpeak(real, population, n_rows, n_intervals, first):
    path = real / f"{population}_chr21_chr22.narrowPeak.gz"
    table = read_narrowpeak(path)
    assert rows_of(table, "chrom", "start", "end", "signal_value", "summit")[0] == first
    assert len(table) == n_rows == len(read_narrowpeak(path, "keep"))
    assert len(read_narrowpeak(path, "strongest")) == n_intervals
    assert not table.duplicated(["chrom", "start", "end"]).any()
    assert table["summit"].between(table["start"], table["end"] - 1).all()


def test_real_bed(real):
    table = read_bed(real / "hemePeaks_chr21_chr22.bed.gz")
    assert len(table) == 11_726
    assert rows_of(table, *table)[0] == ("chr21", 9_594_255, 9_594_755)
    assert (table["end"] - table["start"]).eq(500).all()


def test_real_start_sites(real):
    table = read_tss(real / "refGene_hg19_TSS_chr21_chr22.bed")
    with pytest.warns(LeftOutWarning, match="left out 3 of 846 genes: 3 on both strands .'RIMBP3B', 'RIM"):
        chosen = choose_tss(table).set_index("name")
    assert (len(table), len(chosen)) == (1441, 843)
    assert chosen.attrs["left_out"] == ["RIMBP3B", "RIMBP3C", "GSTT2"]
    # RUNX1 (minus): boundary 36260987 of two transcripts, 36421595 of one
    assert tuple(chosen.loc["RUNX1"]) == ("chr21", 36_260_986, "-", 2)


def test_real_gtf(real):
    genes = read_gtf(real / "gencode_v10_genes_chr21_chr22.gtf.gz", feature="gene")
    runx1 = genes[genes["gene_name"] == "RUNX1"]
    assert len(genes) == 1657
    assert rows_of(runx1, "start", "end", "strand", "gene_id") == [(36_160_097, 37_357_047, "-", "ENSG00000159216.12")]
    assert rows_of(choose_tss(runx1), "tss") == [(37_357_046,)]


def test_real_start_sites_are_those_of_an_independent_derivation(blood_path):
    found = list(MIRROR.rglob("refGene_hg19_TSS.bed"))
    if not found:
        pytest.skip(f"refGene_hg19_TSS.bed is not under {MIRROR}; SKEPI_MIRROR names another folder")
    genes = pd.read_parquet(blood_path / "genes.parquet").rename(columns={"gene": "name"}).set_index("name")
    genes["tss"] -= genes["strand"] == "-"  # there the boundary, here the first transcribed base
    chosen = choose_tss(read_tss(found[0]), left_out="ignore").set_index("name")
    place = ["chrom", "tss", "strand"]
    assert len(genes) == 18_845
    assert_exact(chosen.loc[genes.index, place].astype(genes[place].dtypes), genes[place])
