"""The same thing by name: rows and columns of matrices belong to those of tables whatever their order."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_exact

from skepi.binning import TSSBinner
from skepi.exceptions import TableError
from skepi.io import choose_tss, format_intervals
from skepi.paired import PairedDataset
from skepi.peaks import consensus_peaks
from skepi.pseudobulk import pseudobulk

PEAKS = pd.DataFrame({"name": ["p1", "p2", "p3"], "chrom": "chr1", "start": [0, 40, 80], "end": [10, 50, 90]})
GENES = pd.DataFrame({"name": ["A", "B"], "gene_id": ["E1", "E2"], "chrom": "chr1", "tss": [5, 85], "strand": "+"})
OPENNESS = pd.DataFrame({"HSC": [1.0, 2.0, 3.0], "Ery": [4.0, 5.0, 6.0]})
EXPRESSION = pd.DataFrame({"HSC": [0.1, 0.2], "Ery": [0.3, 0.4]})
NAMES = {"name": PEAKS["name"], "intervals": format_intervals(PEAKS)}


def dataset(openness=OPENNESS, peaks=PEAKS, genes=GENES, expression=EXPRESSION, **more):
    return PairedDataset(openness, peaks, genes, expression, **more)


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
@given(order=st.permutations(range(3)))
def test_openness_follows_the_names_of_its_peaks(names, order):
    data = dataset(openness=OPENNESS.set_axis(names).iloc[order])
    assert_exact(data.openness, dataset().openness)


@given(order=st.permutations(range(3)))
def test_openness_follows_the_index_of_its_peaks(order):
    named = PEAKS.drop(columns="name").set_axis(list("xyz"))
    assert_exact(dataset(OPENNESS.set_axis(list("xyz")).iloc[order], named).openness, dataset().openness)


@given(order=st.permutations(range(3)))
def test_rows_numbered_by_an_earlier_table_follow_its_numbers(order):
    peaks = PEAKS.drop(columns="name").set_axis([5, 2, 9])
    assert_exact(dataset(OPENNESS.set_axis([5, 2, 9]).iloc[order], peaks).openness, dataset().openness)


@pytest.mark.parametrize("column", ["name", "gene_id"])
def test_expression_follows_names_or_identifiers_of_genes(column):
    data = dataset(expression=EXPRESSION.set_axis(GENES[column])[::-1])
    assert_exact(data.expression, dataset().expression)


def test_features_of_peaks_follow_names():
    features = pd.DataFrame({"gc": [0.25, 0.5, 0.75]}, PEAKS["name"])
    data, turned = (dataset(peak_features=one) for one in (features, features[::-1]))
    assert_exact(turned.peak_features, data.peak_features)


def test_bins_do_not_depend_on_the_order_of_rows():
    """Case of a matrix sorted as text: p1, p10, p2."""
    turned = dataset(openness=OPENNESS.set_axis(PEAKS["name"]).iloc[[2, 0, 1]])
    bins = [TSSBinner(edges=[-5, 5]).fit_transform(data.pairs()).dense() for data in (dataset(), turned)]
    assert_exact(*bins)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            ["p1", "p2", "q"],
            r"openness: row labels do not match peaks \(in column 'name'\). Only in peaks: 'p3'; only in openness: 'q'",
        ),
        (["a", "b", "c"], r"peaks \(in column 'name'\) have no name in common: 'a', 'b' and 1 more against 'p1', 'p2'"),
        (["p1", "p2", "p2"], "openness: the same row label twice: 'p2'"),
        (
            ["chr1:0-10", "chr1:40-50", "chr1:80-99"],
            "Only in peaks: 'chr1:80-90'; only in openness: 'chr1:80-99'; select",
        ),
        (["chr2:0-10", "chr2:40-50", "chr2:80-90"], "row labels name other intervals than peaks: row 0 is chr2:0-10"),
        (
            [2, 0, 1],
            "row numbers are in a different order from .* .row 0 is 2, wanted 0.; reorder them with openness",
        ),
    ],
)
def test_rows_that_are_called_otherwise_are_refused(labels, message):
    with pytest.raises(TableError, match=message):
        dataset(openness=OPENNESS.set_axis(labels))


def test_a_matrix_filtered_apart_from_its_peaks_is_refused():
    peaks = PEAKS.drop(columns="name").set_axis(list("xyz"))
    with pytest.raises(TableError, match=r"peaks \(in the index\). Only in peaks: 'y'; only in openness: 'z'; select"):
        dataset(OPENNESS.set_axis(list("xyz")).loc[["x", "z"]], peaks.loc[["x", "y"]])


@given(order=st.permutations(range(3)))
@pytest.mark.parametrize("as_text", [True, False])
def test_rows_follow_whole_numbers_that_name_them(order, as_text):
    genes = GENES.assign(entrez=[2623, 6688])
    expression = EXPRESSION.set_axis(["2623", "6688"] if as_text else [2623, 6688])
    assert_exact(dataset(genes=genes, expression=expression[::-1]).expression, dataset().expression)
    peaks = PEAKS.drop(columns="name").assign(peak_id=[7, 8, 9])
    assert_exact(dataset(OPENNESS.set_axis([7, 8, 9]).iloc[order], peaks).openness, dataset().openness)


def test_a_name_that_stands_twice_does_not_hide_another_order():
    peaks = PEAKS.assign(name=["p1", "p1", "p3"])
    with pytest.raises(TableError, match="are in a different order from those of peaks, and 'p1' labels several rows"):
        dataset(OPENNESS.set_axis(["p3", "p1", "p1"]), peaks)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["p1", "p3", "q"], "1 row label.s. are in other rows of peaks .in column 'name'.: row 1 is 'p3', and .* 'p1'"),
        (["q", "p1", "p1"], "1 row label.s. are in other rows .*: row 2 is 'p1', and peaks have 'p3' there. Sort both"),
        (["p3", "p1", "q"], "1 row label.s. are in other rows .*: row 0 is 'p3'"),
    ],
)
def test_repeated_names_that_agree_in_part_stand_in_the_same_rows(labels, message):
    """Tables that were cut apart: the rows of a name that both have are the same ones."""
    peaks = PEAKS.assign(name=["p1", "p1", "p3"])
    with pytest.raises(TableError, match=message):
        dataset(OPENNESS.set_axis(labels), peaks)


@pytest.mark.parametrize("labels", [["p1", "p1", "q"], ["p1", "q", "p3"], ["x", "y", "p3"]])
def test_repeated_names_in_their_rows_are_no_contradiction(labels):
    peaks = PEAKS.assign(name=["p1", "p1", "p3"])
    assert_exact(dataset(OPENNESS.set_axis(labels), peaks).openness, dataset().openness)


@pytest.mark.parametrize("labels", [[5, 6, 7], [2, 3, 4], ["2", "1", "0"]])
@pytest.mark.parametrize("turned", [False, True])
def test_row_numbers_that_agree_in_part_are_refused(labels, turned):
    """Tables of which one was cut at its beginning and the other at its end."""
    numbers = {"openness": OPENNESS.set_axis(labels), "peaks": PEAKS.drop(columns="name")}
    if turned:
        numbers = {"openness": OPENNESS, "peaks": PEAKS.drop(columns="name").set_axis(labels)}
    if labels == [5, 6, 7]:
        assert_exact(dataset(**numbers).openness, dataset().openness)
        return
    with pytest.raises(
        TableError, match=r"openness: row numbers (match only some of|are in a different order from) those of"
    ):
        dataset(**numbers)


@pytest.mark.parametrize("column", ["peak", "peak_id"])
def test_identifiers_with_nothing_in_common_are_refused(column):
    peaks = PEAKS.drop(columns="name").assign(**{column: ["q1", "q2", "q3"]})
    with pytest.raises(TableError, match=rf"peaks \(in column '{column}'\) have no name in common: 'a', 'b'"):
        dataset(OPENNESS.set_axis(list("abc")), peaks)


@given(order=st.permutations(range(3)))
def test_intervals_written_with_other_signs_are_followed(order):
    names = format_intervals(PEAKS).str.replace(":", "-")
    assert_exact(dataset(OPENNESS.set_axis(names).iloc[order]).openness, dataset().openness)


@pytest.mark.parametrize("labels", [pd.RangeIndex(3), [0, 1, 2], [7, 3, 5]])
def test_numbers_of_rows_that_no_table_knows_leave_the_order_as_it_is(labels):
    assert_exact(dataset(openness=OPENNESS.set_axis(labels)).openness, dataset().openness)


def test_names_that_stand_for_several_peaks_name_none():
    """BED files often call every region a dot."""
    data = dataset(peaks=PEAKS.assign(name="."), openness=OPENNESS.set_axis(list("abc")))
    assert_exact(data.openness, dataset().openness)


def test_whole_numbers_that_name_genes_are_names():
    genes = GENES.assign(gene_id=[11, 22])
    turned = EXPRESSION.set_axis([22, 11])
    assert_exact(dataset(genes=genes, expression=turned).expression, dataset().expression[::-1])
    with pytest.raises(TableError, match=r"row labels do not match genes .in column 'gene_id'.. Only in genes: '22'"):
        dataset(genes=genes, expression=EXPRESSION.set_axis([33, 11]))


def test_other_whole_numbers_name_nothing():
    """Row numbers from 1, as R writes them, are not looked for in a column of ranks."""
    genes = GENES.assign(rank=[2, 1])
    with pytest.raises(TableError, match=r"row numbers match only some of those of genes \(row 0 is 1, wanted 0\)"):
        dataset(genes=genes, expression=EXPRESSION.set_axis([1, 2]))


# --- tables of polars


def polars_tables(**tables):
    pl = pytest.importorskip("polars", reason="polars is not installed")
    return {name: pl.DataFrame({column: table[column].tolist() for column in table}) for name, table in tables.items()}


def test_polars_tables_are_read_by_the_names_of_their_columns():
    given = polars_tables(
        openness=OPENNESS[["Ery", "HSC"]], peaks=PEAKS, genes=GENES, expression=EXPRESSION[["HSC", "Ery"]]
    )
    data = PairedDataset(**given, cell_types=["HSC", "Ery"])
    assert_exact(data.openness, dataset().openness)
    assert_exact(data.expression, dataset().expression)
    assert data.genes["name"].tolist() == ["A", "B"]


def test_polars_tables_serve_for_signals_and_cell_types():
    cells = pd.DataFrame({"name": ["Ery", "HSC"], "lineage": ["red", "stem"]})
    given = polars_tables(openness=OPENNESS, peaks=PEAKS, cells=cells)
    data = PairedDataset({"ATAC": given["openness"]}, {"ATAC": given["peaks"]}, GENES, cell_types=given["cells"])
    assert_exact(data.openness, dataset().openness[:, ::-1])
    assert data.cell_types["lineage"].tolist() == ["red", "stem"]


def test_polars_tables_reach_start_sites_and_pseudobulks():
    sites = pd.DataFrame({"gene_name": ["A", "A"], "chrom": "chr1", "start": [9, 9], "end": [50, 60], "strand": "+"})
    given = polars_tables(sites=sites, cells=pd.DataFrame({"g1": [1, 2], "g2": [0, 3]}))
    assert choose_tss(given["sites"])["tss"].tolist() == [9]
    assert pseudobulk(given["cells"], ["T", "B"]).counts.index.tolist() == ["g1", "g2"]


def test_polars_tables_of_peaks_become_consensus_peaks():
    called = pd.DataFrame({"chrom": ["chr1"], "start": [100], "end": [300], "signal_value": [2.0]})
    made = [consensus_peaks({"a": one}, method="merged") for one in (called, polars_tables(called=called)["called"])]
    assert_exact(*made)


def test_a_polars_table_that_is_not_computed_is_refused():
    lazy = polars_tables(openness=OPENNESS)["openness"].lazy()
    with pytest.raises(TableError, match=r"openness: a polars LazyFrame holds no values yet: give openness.collect()"):
        dataset(openness=lazy)


def test_an_arrow_table_is_refused_with_the_way_out():
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    with pytest.raises(TableError, match=r"openness: wanted a pandas DataFrame, got a pyarrow Table: give openness\."):
        dataset(openness=pa.Table.from_pandas(OPENNESS))
    with pytest.raises(TableError, match=r"peaks: wanted a pandas DataFrame, got a pyarrow Table: give peaks\."):
        dataset(peaks=pa.Table.from_pandas(PEAKS))


# --- numbers


@pytest.mark.parametrize("dtypes", [("Int64", "Float64"), ("int64[pyarrow]", "double[pyarrow]"), ("UInt8", "boolean")])
def test_nullable_numbers_without_gaps_are_numbers(dtypes):
    if any("pyarrow" in dtype for dtype in dtypes):
        pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    values = pd.DataFrame({"HSC": [1, 0, 1], "Ery": [0, 1, 1]})
    nullable = values.astype(dict(zip(values, dtypes, strict=True)))
    assert_exact(dataset(openness=nullable).openness, dataset(openness=values).openness)
    assert_exact(dataset(expression=nullable[:2]).expression, dataset(expression=values[:2]).expression)


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "boolean"])
def test_gaps_are_named_with_their_place(dtype):
    openness = OPENNESS.assign(Ery=pd.array([1, 1, None], dtype=dtype)).set_axis(PEAKS["name"])
    with pytest.raises(TableError, match=r"column 'Ery' has 1 missing value\(s\), the first in row 2 \(p3\); leave"):
        dataset(openness=openness)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (
            ["p1", "p2", "p3"],
            r"text in column 'peak' \('p1' in row 0\); if it names the rows: openness.set_index",
        ),
        (["1", "2", "3"], r"text in column 'peak' \('1' in row 0\); openness.astype\(float\) makes numbers of numbers"),
        ([1.0, "NA", 3.0], r"text in column 'peak' \('NA' in row 1\), 1 such cell\(s\); give a number in their place"),
    ],
)
def test_text_among_numbers_is_named_with_the_way_out(column, message):
    openness = OPENNESS.copy()
    openness.insert(0, "peak", column)
    with pytest.raises(TableError, match=f"openness: wanted numbers, got {message}"):
        dataset(openness=openness)


def test_several_columns_of_text_are_counted():
    openness = OPENNESS.assign(name=list("xyz"), note="seen")
    with pytest.raises(TableError, match="2 of 4 columns hold text: keep the columns of numbers"):
        dataset(openness=openness)


# --- AnnData


def annotated(var_names, var=PEAKS[["chrom", "start", "end"]]):
    anndata = pytest.importorskip("anndata", reason="anndata is not installed")
    return anndata.AnnData(OPENNESS.T.to_numpy(), pd.DataFrame(index=list(OPENNESS)), var.set_axis(list(var_names)))


def test_anndata_whose_names_and_columns_tell_different_places_is_refused():
    names = format_intervals(PEAKS)
    assert len(PairedDataset.from_anndata(annotated(names), GENES).peaks) == 3
    assert len(PairedDataset.from_anndata(annotated(PEAKS["name"]), GENES).peaks) == 3
    with pytest.raises(TableError, match=r"'chr1:80-90' lies at chr1:0-10 \(row 0\); set the names right, or"):
        PairedDataset.from_anndata(annotated(names[::-1]), GENES)


def test_signals_of_different_lineages_are_refused():
    one, other = annotated(PEAKS["name"]), annotated(PEAKS["name"])
    one.obs["lineage"], other.obs["lineage"] = ["stem", "red"], ["stem", "white"]
    with pytest.raises(TableError, match="openness of K27: obs gives another lineage than the first signal: 'Ery'"):
        PairedDataset.from_anndata({"ATAC": one, "K27": other}, GENES)


# --- pseudobulk


def test_repeated_barcodes_are_refused_with_the_way_out():
    cells = pd.DataFrame(np.ones((2, 1)), ["AAA-1", "AAA-1"], ["g"])
    with pytest.raises(TableError, match=r"AAA-1; give each cell a name of its own .*: labels.to_numpy\(\)"):
        pseudobulk(cells, pd.Series(["T", "B"], cells.index))


# --- names of cell types


@pytest.mark.parametrize(
    ("given", "wanted", "message"),
    [
        (["HSC ", "Ery"], ["HSC", "Ery"], "white space around names differs: 1 more would match"),
        (
            ["CD4.T", "X8h"],
            ["CD4-T", "8h"],
            "characters that R replaces differ: 2 more .* check.names=FALSE keeps them",
        ),
        (
            ["bam/HSC.sorted.bam", "bam/Ery.bam"],
            ["HSC", "Ery"],
            "folders and endings of files differ: 2 more would",
        ),
        (["hsc", "ery"], ["HSC", "Ery"], "upper and lower case differ: 2 more would match"),
    ],
)
def test_cell_types_that_are_written_otherwise_are_told_how(given, wanted, message):
    with pytest.raises(TableError, match=f"openness: columns do not match the cell types. .*; {message}"):
        dataset(openness=OPENNESS.set_axis(given, axis=1), cell_types=wanted, expression=None)


def test_peaks_that_are_written_otherwise_are_told_how():
    with pytest.raises(TableError, match=r"row labels do not match peaks .*; upper and lower case differ: 2 more"):
        dataset(openness=OPENNESS.set_axis(["P1", "P2", "p3"]))


# --- what is no table


def test_files_are_no_tables():
    with pytest.raises(TableError, match=r"peaks: wanted a table .*, got str; the readers of skepi.io make tables"):
        dataset(peaks="peaks.bed")
    with pytest.raises(TableError, match=r"openness: wanted .*, got str; skepi.io.read_matrix makes a table of a file"):
        dataset(openness="counts.tsv")


def test_anndata_is_no_table():
    with pytest.raises(TableError, match=r"got an anndata AnnData object: use PairedDataset.from_anndata\("):
        dataset(openness=annotated(PEAKS["name"]))
