"""Start sites come from transcripts, and no gene is lost in silence."""

import pathlib
import tempfile

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skepi.exceptions import ChromosomeMismatchError, FileFormatError, LeftOutWarning, TableError
from skepi.io import (
    choose_tss,
    chromosome_style,
    convert_chromosomes,
    match_genes,
    read_bed,
    read_gff3,
    read_gtf,
    read_tss,
    strip_versions,
)
from skepi.paired import PairedDataset


@pytest.fixture
def put(tmp_path):
    def put(text, name="file.txt"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return put


def gtf(*rows):
    """Lines of (feature, start, end, strand, gene, transcript), from 1, all on chr1."""
    lines = []
    for feature, start, end, strand, gene, transcript in rows:
        attributes = f'gene_id "{gene}";' + (f' transcript_id "{transcript}";' if transcript else "")
        lines.append(f"chr1\tx\t{feature}\t{start}\t{end}\t.\t{strand}\t.\t{attributes}\n")
    return "".join(lines)


def sites_of(table, policy="all"):
    chosen = choose_tss(table, policy, left_out="ignore")
    return dict(zip(chosen["name"], chosen["tss"], strict=True))


# --- GTF

EXONS = (("exon", 101, 200, "+", "A", "T1"), ("exon", 901, 950, "+", "A", "T1"), ("exon", 151, 200, "+", "A", "T2"))


def test_transcripts_are_built_from_exons(put):
    minus = (("exon", 801, 900, "-", "B", "T3"), ("exon", 501, 600, "-", "B", "T3"), ("CDS", 520, 600, "-", "B", "T3"))
    table = read_gtf(put(gtf(*EXONS, *minus)))
    assert table[["start", "end", "transcript_id"]].values.tolist() == [
        [100, 950, "T1"],
        [150, 200, "T2"],
        [500, 900, "T3"],
    ]
    assert (set(table["feature"]), table.attrs["n_built"]) == ({"transcript"}, 3)
    assert sites_of(table) == {"A@100": 100, "A@150": 150, "B": 899}


@given(st.permutations(range(5)))
def test_the_order_of_lines_does_not_matter(order):
    rows = [*EXONS, ("transcript", 101, 950, "+", "A", "T1"), ("gene", 101, 950, "+", "A", "")]
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "x.gtf")
        path.write_text(gtf(*(rows[k] for k in order)))
        table = read_gtf(path)
    assert sorted(table["transcript_id"]) == ["T1", "T2"]
    assert table.attrs["n_built"] == 1
    assert sites_of(table) == {"A@100": 100, "A@150": 150}


def test_a_file_with_transcripts_is_read_as_before(put):
    rows = [("gene", 101, 950, "+", "A", ""), ("transcript", 101, 950, "+", "A", "T1"), EXONS[0], EXONS[1]]
    table = read_gtf(put(gtf(*rows)))
    assert table[["feature", "start", "end"]].values.tolist() == [["transcript", 100, 950]]
    assert table.attrs["n_built"] == 0


def test_a_gene_without_transcripts_and_exons_stands_for_its_transcript(put):
    table = read_gtf(put(gtf(("gene", 11, 90, "-", "tRNA", ""), *EXONS)))
    assert table["gene_id"].tolist() == ["tRNA", "A", "A"]
    assert table["feature"].tolist() == ["gene", "transcript", "transcript"]
    assert sites_of(table)["tRNA"] == 89


def test_exons_without_transcripts_make_one_of_their_gene(put):
    table = read_gtf(put(gtf(("exon", 101, 200, "+", "A", ""), ("exon", 301, 400, "+", "A", ""))))
    assert table[["start", "end", "gene_id", "transcript_id"]].values.tolist() == [[100, 400, "A", ""]]


def test_copies_of_a_transcript_on_other_chromosomes_stay_apart(put):
    text = gtf(*EXONS[:2])
    table = read_gtf(put(text + text.replace("chr1", "chr6_GL000250v2_alt")))
    assert table[["chrom", "start", "end"]].values.tolist() == [["chr1", 100, 950], ["chr6_GL000250v2_alt", 100, 950]]


def test_coding_sequences_alone_make_no_transcripts(put):
    path = put(gtf(("CDS", 101, 200, "+", "A", "T1"), ("start_codon", 101, 103, "+", "A", "T1")))
    with pytest.raises(
        FileFormatError, match=r"no line is a .*; there are CDS, start_codon; coding .* take a file with"
    ):
        read_gtf(path)


def test_genes_that_have_only_coding_sequences_are_told(put):
    path = put(gtf(*EXONS, ("CDS", 501, 600, "-", "B", "T9"), ("CDS", 101, 150, "+", "A", "T1")))
    with pytest.warns(LeftOutWarning, match=r"read_gtf left out 1 of 2 genes: 1 without a transcript, .* \('B'\)$"):
        table = read_gtf(path)
    assert (table["gene_id"].tolist(), table.attrs["left_out"]) == (["A", "A"], ["B"])


@pytest.mark.parametrize("order", ["copy by copy", "exon by exon"])
def test_an_identifier_that_numbers_its_exons_twice_stands_for_two_transcripts(put, order):
    exons = [(101, 200, 1), (301, 400, 2), (9_101, 9_200, 1), (9_301, 9_400, 2)]
    if order == "exon by exon":
        exons = [exons[k] for k in (0, 2, 1, 3)]
    lines = [
        f'chr1\tx\texon\t{start}\t{end}\t.\t+\t.\tgene_id "A"; transcript_id "T"; exon_number "{number}";\n'
        for start, end, number in exons
    ]
    table = read_gtf(put("".join(lines)))
    assert table[["start", "end"]].values.tolist() == [[100, 400], [9_100, 9_400]]
    assert read_gtf(put("".join([*lines, lines[0]])))["start"].tolist() == [100, 9_100], "a line that stands twice"


@pytest.mark.parametrize("kind", ["mRNA", "lnc_RNA", "primary_transcript"])
def test_lines_of_other_kinds_of_transcripts_count(put, kind):
    table = read_gtf(put(gtf((kind, 101, 950, "+", "A", "T1"), *EXONS)))
    assert table[["feature", "start"]].values.tolist() == [[kind, 100], ["transcript", 150]]
    both = put(gtf(("transcript", 101, 950, "+", "A", "T1"), (kind, 101, 950, "+", "A", "T1")))
    assert read_gtf(both)["feature"].tolist() == ["transcript"]


def test_the_line_of_a_transcript_wins_wherever_it_stands(put):
    rows = [("mRNA", 101, 950, "+", "A", "T1"), ("transcript", 101, 950, "+", "A", "T1"), EXONS[0]]
    for order in (rows, rows[::-1]):
        assert read_gtf(put(gtf(*order)))["feature"].tolist() == ["transcript"]


def test_copies_that_have_lines_of_their_own_stay_apart(put):
    rows = [("mRNA", 101, 950, "+", "A", "T1"), ("mRNA", 9_101, 9_950, "+", "A", "T1")]
    assert read_gtf(put(gtf(*rows)))["start"].tolist() == [100, 9_100]
    assert read_gtf(put(gtf(*rows, ("transcript", 501, 950, "+", "A", "T1"))))["start"].tolist() == [500]


def test_exons_that_all_have_the_same_number_are_one_transcript(put):
    lines = [
        f'chr1\tx\texon\t{start}\t{start + 50}\t.\t+\t.\tgene_id "A"; transcript_id "T"; exon_number "1";\n'
        for start in (101, 901, 501)
    ]
    assert read_gtf(put("".join(lines)))[["start", "end"]].values.tolist() == [[100, 951]]


def test_exons_without_a_transcript_add_none_to_a_gene_that_has_some(put):
    table = read_gtf(
        put(
            gtf(
                ("transcript", 101, 950, "+", "A", "T1"),
                ("exon", 101, 950, "+", "A", "T1"),
                ("exon", 301, 400, "+", "A", ""),
            )
        )
    )
    assert table["transcript_id"].tolist() == ["T1"]


@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize("unknown", [".", "?"])
@pytest.mark.parametrize("of_line", [True, False])
def test_a_transcript_and_its_exons_have_one_strand_where_either_has_none(put, strand, unknown, of_line):
    on_line, on_exons = (unknown, strand) if of_line else (strand, unknown)
    exons = [("exon", 101, 200, on_exons, "A", "T1"), ("exon", 901, 950, on_exons, "A", "T1")]
    line = ("transcript", 101, 950, on_line, "A", "T1")
    for rows in ([line, *exons], [*exons, line]):
        table = read_gtf(put(gtf(*rows)))
        assert table[["start", "end", "strand", "transcript_id"]].values.tolist() == [[100, 950, strand, "T1"]]
        assert table.attrs["n_built"] == 0
        assert sites_of(table) == {"A": 100 if strand == "+" else 949}


def test_strands_that_exons_do_not_tell_stay_unknown(put):
    line = ("transcript", 101, 950, ".", "A", "T1")
    both = [("exon", 101, 200, "+", "A", "T1"), ("exon", 901, 950, "-", "A", "T1")]
    assert set(read_gtf(put(gtf(line, *both)))["strand"]) == {".", "+", "-"}
    elsewhere = ("exon", 9_101, 9_200, "+", "A", "T1")  # a copy
    assert read_gtf(put(gtf(line, elsewhere)))[["start", "strand"]].values.tolist() == [[100, "."], [9_100, "+"]]
    neither = ("exon", 101, 950, ".", "A", "T1")
    table = read_gtf(put(gtf(line, neither, *EXONS[2:])))
    assert table["strand"].tolist() == [".", "+"]
    with pytest.warns(LeftOutWarning, match="1 of genes that have others"):
        choose_tss(table, strandless="drop")


def augustus(*rows):
    """Lines of (feature, start, end, last column), from 1, all on the minus strand of chr1."""
    return "".join(f"chr1\tAUGUSTUS\t{kind}\t{a}\t{b}\t0.9\t-\t.\t{last}\n" for kind, a, b, last in rows)


PARTS = 'transcript_id "{}"; gene_id "{}";'
GENE = (("gene", 101, 950, "g1"), ("transcript", 101, 950, "g1.t1"), ("CDS", 101, 950, PARTS.format("g1.t1", "g1")))


def test_identifiers_that_stand_alone(put):
    """AUGUSTUS: genes and transcripts have their identifier alone, and parts of transcripts have attributes."""
    exon = ("exon", 101, 980, PARTS.format("g1.t1", "g1"))
    second = ("transcript", 301, 900, "g1.t2")
    path = put(augustus(*GENE, exon, second))
    table = read_gtf(path)
    assert table[["start", "end", "gene_id", "gene_name", "transcript_id"]].values.tolist() == [
        [100, 950, "g1", "g1", "g1.t1"],
        [300, 900, "g1", "g1", "g1.t2"],  # no part of it says so, but its name does
    ]
    assert read_gtf(path, "gene")[["start", "gene_id"]].values.tolist() == [[100, "g1"]]
    assert sites_of(table) == {"g1@949": 949, "g1@899": 899}


def test_parts_say_which_gene_an_identifier_belongs_to(put):
    table = read_gtf(put(augustus(("transcript", 101, 950, "x.t1"), ("exon", 101, 950, PARTS.format("x.t1", "mine")))))
    assert table[["gene_id", "transcript_id"]].values.tolist() == [["mine", "x.t1"]]


@pytest.mark.parametrize(
    ("kind", "last", "message"),
    [
        ("transcript", "tx7", "no line says which gene the transcript 'tx7' belongs to"),
        ("transcript", "gene_i", "wanted attributes as key \"value\"; got 'gene_i'"),
        ("gene", "gene_id", "wanted attributes"),
        ("gene", ".", "wanted attributes"),
        ("exon", "g1", "wanted attributes"),
    ],
)
def test_what_is_no_identifier_alone_is_refused(put, kind, last, message):
    with pytest.raises(FileFormatError, match=f"line 1, column 9: {message}"):
        read_gtf(put(augustus((kind, 101, 950, last))))


def test_stringtie_names_genes_of_its_reference(put):
    row = 'chr1\tStringTie\ttranscript\t11\t90\t1000\t+\t.\tgene_id "MSTRG.1"; transcript_id "T"; ref_gene_name "A";\n'
    assert read_gtf(put(row))[["gene_id", "gene_name"]].values.tolist() == [["MSTRG.1", "A"]]


def test_each_reader_names_the_other(put):
    path = put(gtf(*EXONS))
    with pytest.raises(FileFormatError, match=r"wanted attributes as key=value, got 'gene_id .*; read_gtf reads GTF"):
        read_gff3(path)
    path = put(gff3(("gene", 11, 90, "ID=gene-A;Name=A")))
    with pytest.raises(FileFormatError, match=r'wanted attributes as key "value"; got .*; read_gff3 reads GFF3'):
        read_gtf(path)


@pytest.mark.parametrize("feature", ["exon", "CDS", "start_codon", "five_prime_UTR", "UTR"])
@pytest.mark.parametrize("column", ["feature", "Feature", "type"])
def test_parts_of_transcripts_have_no_start_sites(feature, column):
    table = pd.DataFrame({"name": ["A"] * 3, "chrom": "chr1", "start": 1, "end": 9, "strand": "+"})
    table[column] = ["transcript", feature, feature]
    with pytest.raises(TableError, match=f"2 of 3 rows are '{feature}', which do not begin at start sites; wanted"):
        choose_tss(table)
    assert len(choose_tss(table[:1])) == 1


def test_genes_beside_their_transcripts_would_count_twice():
    table = pd.DataFrame(
        {"gene_id": ["A", "A"], "gene_name": "A", "chrom": "chr1", "start": [1, 5], "end": 9, "strand": "+"}
    )
    table["feature"] = ["gene", "transcript"]
    with pytest.raises(
        TableError, match="genes have rows of their own beside those of their transcripts; keep rows whose"
    ):
        choose_tss(table)


# --- GFF3 of NCBI


def gff3(*rows):
    return "".join(
        f"NC_000001.11\tx\t{kind}\t{start}\t{end}\t.\t+\t.\t{attributes}\n" for kind, start, end, attributes in rows
    )


def test_genes_without_transcript_lines_are_kept(put):
    path = put(
        gff3(
            ("gene", 11, 90, "ID=gene-A;Name=A"),
            ("mRNA", 21, 90, "ID=rna-A;Parent=gene-A"),
            ("exon", 21, 90, "ID=e;Parent=rna-A"),
            ("gene", 101, 190, "ID=gene-ND1;Name=ND1"),
            ("CDS", 111, 190, "ID=c;Parent=gene-ND1"),
            ("pseudogene", 201, 290, "ID=gene-P;Name=P"),
        )
    )
    table = read_gff3(path)
    assert table[["gene_name", "feature", "start"]].values.tolist() == [
        ["A", "mRNA", 20],
        ["ND1", "gene", 100],
        ["P", "pseudogene", 200],
    ]
    assert sites_of(table) == {"A": 20, "ND1": 100, "P": 200}


def test_genes_of_all_kinds_are_genes(put):
    rows = [
        ("protein_coding_gene", 11, 90, "ID=A"),
        ("mRNA", 21, 90, "ID=A-t;Parent=A"),
        ("tRNA_gene", 101, 190, "ID=T"),
    ]
    path = put(gff3(*rows))
    assert read_gff3(path)[["gene_id", "start"]].values.tolist() == [["A", 20], ["T", 100]]
    assert read_gff3(path, "gene")["feature"].tolist() == ["protein_coding_gene", "tRNA_gene"]


def test_parts_of_a_gene_are_no_transcripts(put):
    parts = [(kind, 41, 60, f"ID={kind};Parent=A") for kind in ("intron", "exon", "CDS", "polyA_site", "UTR")]
    table = read_gff3(put(gff3(("gene", 11, 90, "ID=A"), *parts)))
    assert table[["feature", "start"]].values.tolist() == [["gene", 10]]


def test_transcripts_below_something_else_are_told(put):
    path = put(gff3(("gene", 1, 9, "ID=A"), ("region", 1, 900, "ID=r"), ("tRNA", 101, 190, "ID=t;Parent=r")))
    with pytest.warns(LeftOutWarning, match=r"left out 1 of 2 transcripts: 1 that belong to no gene \('t'\)"):
        read_gff3(path)


def test_transcripts_of_no_gene_are_told(put):
    path = put(
        gff3(
            ("gene", 11, 90, "ID=gene-A;Name=A"),
            ("primary_transcript", 21, 90, "ID=rna-A;Parent=gene-A"),
            ("miRNA", 31, 60, "ID=rna-mir;Parent=rna-A"),
            ("tRNA", 101, 190, "ID=rna-T"),
            ("mRNA", 201, 290, "ID=rna-B;Parent=gene-B"),
        )
    )
    with pytest.warns(LeftOutWarning, match=r"read_gff3 left out 2 of 3 transcripts: 2 that belong to no gene"):
        table = read_gff3(path)
    assert (table["transcript_id"].tolist(), table.attrs["left_out"]) == (["rna-A"], ["rna-T", "rna-B"])
    path = put(gff3(("mRNA", 201, 290, "ID=rna-B;Parent=gene-B")))
    with pytest.raises(FileFormatError, match="no line is a gene or the child of one; there are mRNA"):
        read_gff3(path)


# --- BED


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            "chr1\t100\t101\tA\t.\t+\nchr1\t300\t301\tB\t.\t-\n",
            "got numbers or dots in every row, as the scores of BED; read_bed.path.",
        ),
        ("chr1\t100\t101\tA\t0\t+\nchr1\t300\t301\tB\t960\t-\n", "as the scores of BED"),
        ("chr1\t100\t101\tA\t7.5e3\t+\nchr1\t300\t301\tB\t1960\t-\n", "as the scores of BED"),
        ("chr1\t100\t101\tNM_1\t0\t+\nchr1\t300\t301\tNM_2\t0\t-\n", "as the scores of BED"),
        ("chr1\t100\t900\tA\t0\t+\n", "got 100 and 900; read_bed reads intervals, and choose_tss takes their starts"),
    ],
)
def test_a_bed_file_is_no_table_of_sites(put, rows, message):
    path = put(rows)
    with pytest.raises(FileFormatError, match=message):
        read_tss(path)
    assert choose_tss(read_bed(path))["tss"].iloc[0] == 100


@pytest.mark.parametrize("transcript", ["NM_001", "XR_9.1", "ENST00000000001.4", "ENSMUST00000000001", "uc001aaa.3"])
def test_genes_may_be_numbers_of_entrez(put, transcript):
    assert read_tss(put(f"chr1\t100\t100\t{transcript}\t2623\t+\n"))["name"].tolist() == ["2623"]


def test_a_gene_called_by_a_sign_is_no_score(put):
    assert read_tss(put("chr1\t100\t101\tT\t\u00b2\t+\n"))["name"].tolist() == ["\u00b2"]


# --- chromosomes


def table_of(*rows):
    return pd.DataFrame(rows, columns=["name", "chrom", "tss", "strand"])


def test_genes_keep_the_order_of_their_first_row_on_whatever_contig():
    sites = ("A", "chr6_apd_hap1", 5, "-"), ("B", "chr1", 7, "+"), ("A", "chr6", 9, "+")
    assert choose_tss(table_of(*sites))["name"].tolist() == ["A", "B"]


@pytest.mark.parametrize(
    "contig",
    ["chr6_GL000250v2_alt", "chr6_apd_hap1", "chr6_KN196478v1_fix", "chr4_GL000008v2_random", "chrUn_KI270742v1",
     "HSCHR6_MHC_COX_CTG1", "KI270742.1", "GL000194.1", "NT_167244.2", "NW_003315950.2"],
)  # fmt: skip
@pytest.mark.parametrize("chrom", ["chr6", "6", "NC_000006.12"])
def test_chromosomes_win_over_contigs(contig, chrom):
    chosen = choose_tss(
        table_of(("A", contig, 5, "-"), ("A", contig, 5, "-"), ("A", chrom, 9, "+"), ("B", contig, 7, "+"))
    )
    assert chosen[["name", "chrom", "tss"]].values.tolist() == [["A", chrom, 9], ["B", contig, 7]]
    assert chosen.attrs["left_out"] == []


@pytest.mark.parametrize(
    "names", [("chrX", "chrY"), ("X", "Y"), ("NC_000023.11", "NC_000024.10"), ("NC_000086.8", "NC_000087.8")]
)
def test_pseudo_autosomal_genes_keep_x(names):
    x, y = names
    chosen = choose_tss(table_of(("PAR", y, 5, "+"), ("PAR", x, 9, "+"), ("SRY", y, 7, "+")))
    assert chosen[["name", "chrom"]].values.tolist() == [["PAR", x], ["SRY", y]]


@pytest.mark.parametrize(
    ("on_x", "on_y"),
    [("ENSG00000182378.15", "ENSG00000182378.15_PAR_Y"), ("ENSG00000182378", "ENSGR0000182378")],
)
def test_marks_of_copies_on_y_do_not_make_further_genes(on_x, on_y):
    chosen = choose_tss(table_of((on_y, "chrY", 5, "+"), (on_x, "chrX", 9, "+")))
    assert chosen[["name", "chrom"]].values.tolist() == [[on_x, "chrX"]]
    with pytest.warns(
        LeftOutWarning, match="Marks of copies on Y differ: 1 more would match .*; leave out the rows whose"
    ):
        match_genes(counts_of("SAME", on_y), pd.DataFrame({"name": ["SAME", on_x]}))


@pytest.mark.parametrize(
    ("accession", "name"),
    [("NC_000001.10", "1"), ("NC_000001.11", "1"), ("NC_000022.11", "22"), ("NC_000023.11", "X"), ("NC_012920.1", "M"),
     ("NC_060925.1", "1"), ("NC_060948.1", "Y"), ("NC_000067.7", "1"), ("NC_000085.6", "19"), ("NC_000086.8", "X"),
     ("NC_005089.1", "M"), ("NC_051336.1", "1"), ("NC_051356.1", "X"), ("NC_007112.7", "1"), ("NC_007136.7", "25")],
)  # fmt: skip
def test_accessions_of_refseq_are_known(accession, name):
    table = pd.DataFrame({"chrom": [accession]})
    assert chromosome_style([accession]) == "refseq"
    assert convert_chromosomes(table, "ucsc")["chrom"].tolist() == [f"chr{name}"]
    assert convert_chromosomes(table, "ensembl")["chrom"].tolist() == [name.replace("M", "MT")]


def test_accessions_of_two_assemblies_in_one_table_are_refused():
    table = pd.DataFrame({"chrom": ["NC_000001.10", "NC_000002.12", "NC_000001.11"]})
    with pytest.raises(TableError, match=r"NC_000001\.10 and NC_000001\.11 are both chr1, of two assemblies"):
        convert_chromosomes(table, "ucsc")


def test_two_assemblies_of_refseq_are_no_two_ways_of_naming():
    genes = table_of(("A", "NC_000001.11", 50, "+"))
    peaks = {"chrom": ["NC_000001.10"], "start": [0], "end": [9]}
    with pytest.raises(
        ChromosomeMismatchError, match=r"are of two assemblies: NC_000001.10 and NC_000001.11 are two ver"
    ):
        PairedDataset([[1.0]], peaks, genes, cell_types=["a"])


def test_refseq_against_ucsc_names_the_way_out():
    genes = table_of(("A", "NC_000001.11", 50, "+"))
    with pytest.raises(ChromosomeMismatchError, match=r"chr1 and NC_000001\.11 are the same; skepi\.io\.convert_chrom"):
        PairedDataset([[1.0]], {"chrom": ["chr1"], "start": [0], "end": [9]}, genes, cell_types=["a"])


def test_chr_put_before_mt_is_mitochondrial():
    assert convert_chromosomes(pd.DataFrame({"chrom": ["chrMT", "chr1"]}), "ucsc")["chrom"].tolist() == ["chrM", "chr1"]
    assert chromosome_style(["chrMT"]) == "ucsc"


# --- strands


@pytest.mark.parametrize("strands", [[1, -1], ["1", "-1"], [1.0, -1.0], ["+1", "-1"], [" + ", "-"], ["+", "-"]])
def test_strands_are_understood(strands):
    table = table_of(("A", "chr1", 5, ""), ("B", "chr1", 9, "")).assign(strand=strands)
    assert choose_tss(table)["strand"].tolist() == ["+", "-"]
    data = PairedDataset([[1.0]], {"chrom": ["chr1"], "start": [0], "end": [9]}, table, cell_types=["a"])
    assert data.genes["strand"].tolist() == ["+", "-"]


@pytest.mark.parametrize("strand", [".", "*", "?", None, 0, True, "plus"])
def test_without_a_strand_the_gene_is_named(strand):
    table = table_of(("A", "chr1", 5, "+"), ("B", "chr1", 9, strand), ("C", "chr1", 9, strand))
    with pytest.raises(
        TableError,
        match=r"strand must be '\+' or '-' .*: 2 row\(s\) have another, the first is B, row 1 .*strandless='drop'",
    ):
        choose_tss(table)
    with pytest.warns(LeftOutWarning, match=r"choose_tss left out 2 of 3 genes: 2 without a strand \('B', 'C'\)"):
        chosen = choose_tss(table, strandless="drop")
    assert (chosen["name"].tolist(), chosen.attrs["left_out"]) == (["A"], ["B", "C"])


def test_transcripts_of_genes_that_stay_are_left_out_with_a_word():
    table = table_of(("A", "chr1", 5, "+"), ("A", "chr1", 9, "."), ("B", "chr1", 9, "+"))
    with pytest.warns(LeftOutWarning, match=r"left out 1 of 1 transcripts without a strand: 1 of genes that have oth"):
        assert choose_tss(table, strandless="drop")["name"].tolist() == ["A", "B"]
    with pytest.raises(TableError, match=r"no gene is left; left out 1 of 1 genes: 1 without a strand \('A'\)"):
        choose_tss(table[1:2], strandless="drop")


@pytest.mark.parametrize("settings", [{"max_span": "x"}, {"max_span": -1}, {"max_span": None}, {"name": ["gene_id"]}])
def test_settings_out_of_range(settings):
    with pytest.raises(ValueError, match=f"{next(iter(settings))} must be"):
        choose_tss(table_of(("A", "chr1", 5, "+")), **settings)


def test_missing_columns_are_looked_for_under_other_names():
    table = pd.DataFrame({"gene": ["A"], "chr": ["chr1"], "start": [5], "end": [9], "strand": ["+"]})
    with pytest.raises(TableError, match=r"missing columns \['name', 'chrom'\].*rename\(columns=.*'chr': 'chrom'"):
        choose_tss(table)


# --- what is left out


def test_left_out_genes_can_be_an_error_or_pass():
    table = table_of(("A", "chr1", 5, "+"), ("B", "chr1", 5, "+"), ("B", "chr2", 5, "+"))
    with pytest.raises(TableError, match=r"choose_tss left out 1 of 2 genes: 1 on several chromosomes \('B'\)"):
        choose_tss(table, left_out="error")
    assert choose_tss(table, left_out="ignore").attrs["left_out"] == ["B"]
    for use in (choose_tss, lambda one, **more: match_genes(pd.DataFrame({"x": [1]}, ["A"]), one[:1], **more)):
        with pytest.raises(ValueError, match=r"left_out must be one of .*, got 'drop'"):
            use(table, left_out="drop")


# --- names that are written in another way


def counts_of(*names):
    return pd.DataFrame({"HSC": range(len(names))}, list(names))


@pytest.mark.parametrize(
    ("rows", "genes", "message"),
    [
        (
            ["ENSG00000102145.13"],
            ["ENSG00000102145.14"],
            "Versions of identifiers differ: 1 more .*; strip_versions",
        ),
        (["ENSG00000102145.13_2"], ["ENSG00000102145.13_3"], "Versions of identifiers differ: 1 more would match"),
        (["ENSG00000102145"], ["ENSG00000102145.13_3"], "Versions of identifiers differ: 1 more would match"),
        (["ENSMUSG00000031162.5"], ["ENSMUSG00000031162"], "Versions of identifiers differ: 1 more would match"),
        (["NM_002049.3"], ["NM_002049.4"], "Versions of RefSeq accessions differ: 1 more would match"),
        (
            ["GATA1 "],
            ["GATA1"],
            "White space around names differs: 1 more would match .'GATA1 ' and 'GATA1'.; take",
        ),
        (["GATA1"], ["GATA1\t"], "White space around names differs: 1 more"),
        (['"GATA1"'], ["GATA1"], "Quotation marks differ: 1 more would match"),
        (["Gata1"], ["GATA1"], r"Upper and lower case differ: 1 more would match .*is it the same species\?"),
        (["gene:ENSG00000102145"], ["ENSG00000102145"], "Prefixes differ: 1 more would match"),
        (["GATA1|2623"], ["GATA1"], r"What follows a bar differs: 1 more .*\.str\.split\('\|'\)\.str\[0\]"),
        (["2623|GATA1"], ["GATA1"], r"What comes before a bar differs: 1 more .*\.str\[-1\]"),
        (["2623.0"], ["2623"], "Decimals of whole numbers differ: 1 more would match"),
        (["SAME.1"], ["OTHER"], "1 row.s. look like further rows of a name, made unique .'SAME.1'.: from a file"),
        (["SAME-2"], ["OTHER"], "1 row.s. look like further rows of a name, made unique"),
        (
            ["1-Mar", "2-Sep"],
            ["MARCHF1"],
            "2 row.s. look like genes that a spreadsheet made dates of .'1-Mar', '2-Sep'.",
        ),
        (["Mar-01"], ["MARCHF1"], "1 row.s. look like genes that a spreadsheet made dates of"),
        (["2024-03-01 00:00:00"], ["MARCHF1"], "1 row.s. look like genes that a spreadsheet made dates of"),
    ],
)
def test_a_partial_mismatch_is_told_as_a_total_one(rows, genes, message):
    with pytest.warns(LeftOutWarning, match=message):
        kept, _ = match_genes(counts_of("SAME", *rows), pd.DataFrame({"name": ["SAME", *genes]}))
    assert kept.index.tolist() == ["SAME"], "nothing is repaired unasked"
    if "made unique" not in message:
        with pytest.raises(TableError, match=f"no gene in common: {message[0].lower()}{message[1:]}"):
            match_genes(counts_of(*rows), pd.DataFrame({"name": genes}))


def test_the_repair_that_brings_most_is_named():
    rows = ["SAME", "a ", "b ", "ENSG00000102145.1"]
    with pytest.warns(LeftOutWarning, match="White space around names differs: 2 more would match"):
        match_genes(counts_of(*rows), pd.DataFrame({"name": ["SAME", "a", "b", "ENSG00000102145.2"]}))


def test_names_of_other_genes_get_no_diagnosis():
    with pytest.warns(
        LeftOutWarning, match=r"1 without a gene in the table \('b'\); and 1 of 2 genes: 1 without a row \('c'\)$"
    ):
        match_genes(counts_of("a", "b"), pd.DataFrame({"name": ["a", "c"]}))


def test_integers_match_text():
    matrix, _ = match_genes(counts_of(2623, 6688), pd.DataFrame({"name": ["6688", "2623"]}))
    assert matrix["HSC"].tolist() == [1, 0]
    with pytest.raises(TableError, match=r"the matrix has numbers \(Entrez identifiers\?\) and the column of"):
        match_genes(counts_of(2623, 6688), pd.DataFrame({"name": ["GATA1", "SPI1"]}))


@pytest.mark.parametrize(
    ("name", "bare"),
    [("ENSG00000223972.5_2", "ENSG00000223972"), ("ENSGR0000182378.8", "ENSGR0000182378"),
     ("ENSG00000002586.20_PAR_Y", "ENSG00000002586_PAR_Y"), ("ENSG00000002586.18_PAR_Y_1", "ENSG00000002586_PAR_Y"),
     ("AC004057.1", "AC004057.1"), ("ENSG123.4", "ENSG123.4")],
)  # fmt: skip
def test_versions_of_lifted_identifiers_are_taken_off(name, bare):
    assert strip_versions([name]).tolist() == [bare]


def test_labels_left_in_a_matrix_are_named():
    matrix = pd.DataFrame({"gene": ["A", "B"], "HSC": [1, 2]})
    with pytest.raises(TableError, match=r"wanted numbers, got text in column 'gene' .*matrix.set_index\('gene'\)"):
        match_genes(matrix, pd.DataFrame({"name": ["A"]}))
