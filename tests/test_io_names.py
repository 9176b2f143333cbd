"""Names of peaks, chromosomes and genes, and genes put together by name."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_exact

from skepi.exceptions import LeftOutWarning, TableError
from skepi.io import (
    chromosome_style,
    convert_chromosomes,
    format_intervals,
    match_genes,
    parse_intervals,
    strip_versions,
)

# --- intervals


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("chr1:10-20", ("chr1", 10, 20)),
        ("chr1-10-20", ("chr1", 10, 20)),
        ("chr1_10_20", ("chr1", 10, 20)),
        ("1:0-2147483647", ("1", 0, 2**31 - 1)),
        ("GL000220.1:5-9", ("GL000220.1", 5, 9)),
        ("chr1_KI270706v1_random:1-5", ("chr1_KI270706v1_random", 1, 5)),
        ("chr1_KI270706v1_random_1_5", ("chr1_KI270706v1_random", 1, 5)),
        ("HLA-A*01:01:01:01:1-5", ("HLA-A*01:01:01:01", 1, 5)),
        ("HLA-DRB1-1-5", ("HLA-DRB1", 1, 5)),
    ],
)
def test_names_of_peaks(name, expected):
    table = parse_intervals([name])
    assert table.to_dict("list") == {"chrom": [expected[0]], "start": [expected[1]], "end": [expected[2]]}
    assert (table.dtypes[["start", "end"]] == np.int64).all()


@pytest.mark.parametrize(
    "name",
    [
        "chr1:20-10",
        "chr1:10-10",
        "chr1:1,000-2,000",
        "chr1:1-2147483648",
        "chr1:01-5",
        "HLA-A*01:01-20",
        "chr 1:1-2",
        "chr1:1-2\n",
        ":1-2",
        "chr1:1_2",
        "chr1-1_2",
        "chr1_1-2",
        "chr1:-1-2",
        "chr1--1-2",
        "chr1",
        "",
        None,
        5,
        float("nan"),
        "chr1:\u0661-\u0662",
    ],
)
def test_what_is_no_name_of_a_peak(name):
    message = f"2 of 4 are not chrom:start-end .*; the first is {re.escape(repr(name))} in row 1"
    with pytest.raises(TableError, match=message):
        parse_intervals(["chr1:1-2", name, "chr1-1-2", name])


def test_no_names_at_all():
    with pytest.raises(TableError, match="names of peaks: there are none"):
        parse_intervals([])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("chr1:101-600", ("chr1", 100, 600)),
        ("chr1_5_5", ("chr1", 4, 5)),
        ("chr1-1-2147483647", ("chr1", 0, 2147483647)),
    ],
)
def test_names_that_count_from_1(name, expected):
    assert parse_intervals([name], one_based=True).iloc[0].tolist() == list(expected)


@pytest.mark.parametrize("name", ["chr1:0-5", "chr1:6-5", "chr1:0-0", "chr1:5-2147483648", "chr1"])
def test_names_that_cannot_count_from_1(name):
    message = f"1 of 2 are not .* with 1 <= start <= end <= 2147483647; the first is '{name}' in row 1"
    with pytest.raises(TableError, match=message):
        parse_intervals(["chr1:1-1", name], one_based=True)


chrom = st.text("chrX1_-:.*", min_size=1, max_size=8)
interval = st.tuples(chrom, st.integers(0, 2**31 - 2), st.integers(1, 10**6)).map(
    lambda place: (place[0], place[1], min(place[1] + place[2], 2**31 - 1))
)


@given(st.lists(interval, min_size=1, max_size=5))
def test_intervals_are_read_as_they_were_written(rows):
    peaks = pd.DataFrame(rows, columns=["chrom", "start", "end"])
    names = format_intervals(peaks)
    assert names.tolist() == [f"{c}:{a}-{b}" for c, a, b in rows]
    assert_exact(parse_intervals(names).astype(peaks.dtypes), peaks)
    from_1 = [f"{c}:{a + 1}-{b}" for c, a, b in rows]
    assert_exact(parse_intervals(from_1, one_based=True).astype(peaks.dtypes), peaks)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"end": None}, r"missing columns \['end'\], got"),
        ({"start": [1.0, 2.0]}, "peaks: start: wanted whole numbers .bp., got dtype float64"),
        ({"end": pd.array([5, None], "Int64")}, "peaks: end: wanted whole numbers .bp., got missing values in 1 row"),
        ({"chrom": ["chr1", "chr 1"]}, "peaks: chrom: wanted text without white space, got 'chr 1'"),
        ({"chrom": ["chr1", ""]}, "peaks: chrom: a name is blank: row 1"),
        ({"chrom": [1.0, 1.0]}, "peaks: chrom: wanted text, got 1.0 of type float"),
        ({"chrom": ["chr1", None]}, "peaks: chrom: missing values"),
        ({"start": [-1, 2]}, "wanted 0 <= start < end <= 2147483647, got -1 and 5 in row 0"),
        ({"start": [1, 5]}, "got 5 and 5 in row 1 .1 such"),
        ({"end": [5, 2**31]}, "got 2 and 2147483648 in row 1"),
    ],
)
def test_what_are_no_peaks(change, message):
    table = {"chrom": ["chr1", "chr1"], "start": [1, 2], "end": [5, 5]} | change
    with pytest.raises(TableError, match=message):
        format_intervals({key: values for key, values in table.items() if values is not None})


def test_a_table_without_peaks():
    with pytest.raises(TableError, match="peaks: the table has no rows"):
        format_intervals(pd.DataFrame({"chrom": [], "start": [], "end": []}))


# --- chromosomes


@pytest.mark.parametrize(
    ("names", "style"),
    [
        (["chr1", "chr1", "chrUn_KI270302v1"], "ucsc"),
        (["chrM"], "ucsc"),
        (["chr2L", "chrIV"], "ucsc"),
        (["1", "KI270302.1"], "ensembl"),
        (["MT"], "ensembl"),
        ([1, 2], "ensembl"),
        (["2L", "X"], "ensembl"),
        (["NC_000001.11", "NT_187361.1"], "refseq"),
        (["chr1", "1"], "mixed"),
        (["NC_000001.11", "X"], "mixed"),
        (["GL000220.1", "chr1_KI270706v1_random", "HLA-A*01:01", "M", "chrMTX", "chr0", "chr1\n", "chr100"], "unknown"),
        ([], "unknown"),
    ],
)
def test_style_of_chromosomes(names, style):
    assert chromosome_style(names) == style


PAIRS = {"chr1": "1", "chr22": "22", "chrX": "X", "chrY": "Y", "chrM": "MT", "chr2L": "2L", "chrXVI": "XVI"}


@pytest.mark.parametrize(("ucsc", "ensembl"), PAIRS.items())
def test_counterparts(ucsc, ensembl):
    table = pd.DataFrame({"chrom": [ucsc, ensembl]})
    assert convert_chromosomes(table, "ensembl")["chrom"].tolist() == [ensembl] * 2
    assert convert_chromosomes(table, "ucsc")["chrom"].tolist() == [ucsc] * 2
    assert table["chrom"].tolist() == [ucsc, ensembl]  # a copy


def test_chromosomes_without_counterpart():
    table = pd.DataFrame({"chrom": ["1", "GL000220.1", "MT", "chrMT", "x"], "start": range(5)}, index=list("abcde"))
    with pytest.raises(TableError, match=r"without a name in the style ucsc: 'GL000220.1', 'x'; unknown="):
        convert_chromosomes(table, "ucsc")
    kept = convert_chromosomes(table, "ucsc", unknown="keep")
    assert kept["chrom"].tolist() == ["chr1", "GL000220.1", "chrM", "chrM", "x"]
    assert kept.attrs["left_out"] == []
    said = r"left out 2 of 5 rows: 2 on chromosomes without a name in the style ucsc \('GL000220.1'"
    with pytest.warns(LeftOutWarning, match=said):
        dropped = convert_chromosomes(table, "ucsc", unknown="drop")
    assert dropped["chrom"].to_dict() == {"a": "chr1", "c": "chrM", "d": "chrM"}
    assert dropped["start"].tolist() == [0, 2, 3]
    assert dropped.attrs["left_out"] == ["GL000220.1", "x"]
    with pytest.raises(TableError, match="no row is left"):
        convert_chromosomes(table.iloc[[1]], "ucsc", unknown="drop")


def test_categories_of_chromosomes_are_converted_too():
    table = pd.DataFrame({"chrom": pd.Categorical(["1", "X", "1"])})
    assert convert_chromosomes(table, "ucsc")["chrom"].tolist() == ["chr1", "chrX", "chr1"]


@pytest.mark.parametrize(
    ("asked", "name"), [({"style": "refseq"}, "style"), ({"style": "ucsc", "unknown": "?"}, "unknown")]
)
def test_styles_that_are_unknown(asked, name):
    with pytest.raises(ValueError, match=f"{name} must be"):
        convert_chromosomes(pd.DataFrame({"chrom": ["1"]}), **asked)


def test_a_table_without_chromosomes():
    with pytest.raises(TableError, match=r"table: missing columns \['chrom'\], got \['name'\]"):
        convert_chromosomes(pd.DataFrame({"name": ["1"]}), "ucsc")


# --- versions


@pytest.mark.parametrize(
    ("name", "stripped"),
    [
        ("ENSG00000000003.14", "ENSG00000000003"),
        ("ENSG00000000003", "ENSG00000000003"),
        ("ENSG00000002586.20_PAR_Y", "ENSG00000002586_PAR_Y"),
        ("ENSMUSG00000059552.14", "ENSMUSG00000059552"),
        ("ENST00000456328.2", "ENST00000456328"),
        ("ENSMUST00000000001.4", "ENSMUST00000000001"),
        ("AC004057.1", "AC004057.1"),
        ("RP11-34P13.7", "RP11-34P13.7"),
        ("ENSG00000000003.x", "ENSG00000000003.x"),
        ("ENSG00000000003.1\n", "ENSG00000000003.1\n"),
        ("xENSG00000000003.1", "xENSG00000000003.1"),
        ("ENSG0000000000.1", "ENSG0000000000.1"),
    ],
)
def test_versions(name, stripped):
    assert strip_versions([name]).tolist() == [stripped]


def test_names_that_become_one_are_refused_and_equal_names_are_not():
    index = pd.Index(["ENSG00000000003.1", "ENSG00000000003.1"], name="gene")
    assert strip_versions(index).tolist() == ["ENSG00000000003"] * 2
    assert strip_versions(index).name == "gene"
    with pytest.raises(TableError, match=r"2 names become the same as another: 'ENSG00000000003.1', 'ENSG00000000003'"):
        strip_versions(["ENSG00000000003.1", "A", "ENSG00000000003"])


# --- genes


def expression(*names):
    return pd.DataFrame({"HSC": range(len(names)), "Ery": 1.5}, index=list(names))


def test_genes_of_both_in_the_order_of_the_table():
    genes = pd.DataFrame({"name": ["C", "B", "A"], "gene_id": ["3", "2", "1"], "tss": [30, 20, 10]}, index=[7, 8, 9])
    for matrix, on in ((expression("A", "x", "C"), "name"), (expression("1", "x", "3"), "gene_id")):
        with pytest.warns(
            LeftOutWarning, match="3 rows: 1 without a gene in the table .'x'.; and 1 of 3 genes: 1 without"
        ):
            rows, kept = match_genes(matrix, genes, on=on)
        assert rows.index.tolist() == kept["name"].tolist() == ["C", "A"]
        assert rows.index.name == "name"
        assert rows["HSC"].tolist() == [2, 0]
        assert kept["tss"].tolist() == [30, 10]
        assert kept.index.tolist() == [0, 1]
        assert rows.attrs["left_out"] == ["x"]
        assert kept.attrs["left_out"] == ["B"]
    assert genes.attrs == {}


@given(st.permutations("abcdef"), st.permutations("abcdef"), st.integers(0, 6), st.integers(1, 6))
def test_genes_matched_by_a_slow_loop(left, right, n_left, n_right):
    matrix, genes = expression(*left[:n_left]), pd.DataFrame({"name": right[:n_right]})
    common = [name for name in right[:n_right] if name in left[:n_left]]
    if not common:
        with pytest.raises(TableError, match=r"no gene in common|matrix: the table has no rows"):
            match_genes(matrix, genes)
        return
    rows, kept = match_genes(matrix, genes, left_out="ignore")
    assert kept["name"].tolist() == common
    assert rows["HSC"].tolist() == [left.index(name) for name in common]
    assert set(rows.attrs["left_out"]) == set(left[:n_left]) - set(common)
    assert set(kept.attrs["left_out"]) == set(right[:n_right]) - set(common)


@pytest.mark.parametrize(
    ("index", "names", "reason"),
    [
        (
            ["ENSG00000000003.14"],
            ["ENSG00000000003"],
            "versions of identifiers differ: 1 more would match ('ENSG00000000003.14' and 'ENSG00000000003'); strip_",
        ),
        (["ENSG00000000003"], ["ENSG00000000003.14"], "versions of identifiers differ"),
        (["ENSG00000000003.14"], ["ENSG00000000003.15"], "versions of identifiers differ"),
        (
            ["ENSG00000000003"],
            ["TSPAN6"],
            "the matrix has Ensembl identifiers and the column of genes has other names",
        ),
        (
            ["TSPAN6"],
            ["ENSG00000000003.1"],
            "the column of genes has Ensembl identifiers and the matrix has other",
        ),
        (["Tspan6"], ["TSPAN6"], "upper and lower case differ: 1 more would match ('Tspan6' and 'TSPAN6')"),
        (["A"], ["B"], "the matrix has 'A', genes have 'B'"),
        ([5], ["B"], "the matrix has numbers (Entrez identifiers?) and the column of genes has other names"),
        (["B7"], ["B"], "but 1 values of the column 'gene_id' of genes are in the index; on='gene_id' takes it"),
    ],
)
def test_no_gene_in_common_and_why(index, names, reason):
    genes = pd.DataFrame({"name": names, "gene_id": [name + "7" for name in names]})
    with pytest.raises(TableError, match=re.escape(f"matrix and genes have no gene in common: {reason}")):
        match_genes(expression(*index), genes)


@pytest.mark.parametrize(
    ("index", "names", "message"),
    [
        (["A", "A", "B"], ["A"], "matrix: index: 1 names are there more than once: 'A'"),
        (["A"], ["A", "A"], "genes: name: 1 names are there more than once: 'A'"),
        (["A", None], ["A"], "matrix: index: missing values: 1 row"),
        (["A"], ["A", None], "genes: name: missing values: 1 row"),
    ],
)
def test_names_that_are_repeated_or_missing(index, names, message):
    with pytest.raises(TableError, match=message):
        match_genes(expression(*index), pd.DataFrame({"name": names}))


def test_identifiers_that_are_repeated_or_absent():
    sites = pd.DataFrame({"name": ["A@5", "A@9", "B"], "gene_id": ["1", "1", "2"]})
    matrix, genes = match_genes(expression("2", "1"), sites, on="gene_id")
    assert genes["name"].tolist() == matrix.index.tolist() == ["A@5", "A@9", "B"]
    assert (matrix.iloc[0] == matrix.iloc[1]).all()
    with pytest.raises(TableError, match="genes: name: 1 names are there more than once: 'A'"):
        match_genes(expression("1"), sites.assign(name="A"), on="gene_id")
    with pytest.raises(TableError, match="genes: gene_id: missing values: 1 row"):
        match_genes(expression("1"), sites.assign(gene_id=["1", None, "2"]), on="gene_id")
    with pytest.raises(TableError, match=r"genes: missing columns \['gene_id'\], got \['name'\]"):
        match_genes(expression("1"), pd.DataFrame({"name": ["A"]}), on="gene_id")
