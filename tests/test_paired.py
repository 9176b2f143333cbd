"""Tables checked at the door, and the pairs made from them."""

import gc
import pickle
import types

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from promises import assert_float64_sums

from skepi.binning import TSSBinner
from skepi.exceptions import (
    ChromosomeMismatchError,
    ChromosomeWarning,
    MissingExpressionError,
    TableError,
    UnknownNameError,
)
from skepi.normalization import ExpressionNormalizer
from skepi.paired import GeneCellPairs, PairedDataset, _tables

PEAKS = {"chrom": ["chr1", "chr2", "chr1"], "start": [90, 40, 500], "end": [110, 50, 600]}
GENES = {"name": ["a", "b"], "chrom": ["chr1", "chr2"], "tss": [100, 550], "strand": ["+", "-"]}
OPENNESS = pd.DataFrame({"x": [1.0, 2.0, 3.0], "y": [0.0, 5.0, 6.0], "z": [7.0, 8.0, 9.0]})
EXPRESSION = np.array([[0.5, 1.5, 2.5], [10.5, 11.5, 12.5]])
SECRET = 76543.2109375  # exact in float32 and float64


def dataset(**changes):
    given = {"openness": OPENNESS, "peaks": PEAKS, "genes": GENES, "expression": EXPRESSION}
    return PairedDataset(**{**given, **changes})


def with_cell(row, column, value):
    table = OPENNESS.copy()
    table.iloc[row, column] = value
    return table


def without(table, column):
    return {name: values for name, values in table.items() if name != column}


def twice(table, column):
    """The table with one of its columns repeated."""
    frame = pd.DataFrame(table)
    return pd.concat([frame, frame[[column]]], axis=1)


BAD_PEAKS = [
    ({**PEAKS, "end": [90, 50, 600]}, r"peaks: wanted 0 <= start < end <= 2147483647, got 90 and 90 in row 0"),
    ({**PEAKS, "end": [110, 50, 499]}, r"got 500 and 499 in row 2 .1 such row"),
    ({**PEAKS, "start": [-1, 40, 500]}, r"wanted 0 <= start < end <= 2147483647, got -1 and 110 in row 0"),
    ({**PEAKS, "end": [110, 50, 2**31]}, r"got 500 and 2147483648 in row 2"),
    ({**PEAKS, "start": [90.0, 40.0, 500.0]}, r"peaks: start: wanted whole numbers \(bp\), got dtype float64"),
    ({**PEAKS, "start": [90, None, 500]}, "peaks: start missing: in 1 row.*row 1"),
    ({**PEAKS, "chrom": ["chr1", None, "chr1"]}, "peaks: chrom missing: in 1 row.*row 1"),
    (
        {"chrom": ["chr1", "chr2", "chr1"], "start": [9, 4, 9], "end": [11, 5, 11]},
        "same interval twice.*row 2",
    ),
    (without(PEAKS, "end"), r"peaks: missing columns \['end'\], got \['chrom', 'start'\]"),
    (pd.DataFrame(PEAKS).iloc[:0], "peaks: the table has no rows"),
    (twice(PEAKS, "start"), "peaks.*start"),
]
BAD_GENES = [
    ({**GENES, "tss": [-1, 550]}, r"genes.tss: positions must lie in 0 \.\. 2147483647 .* got -1 in row 0 \(1 such"),
    ({**GENES, "tss": [100, 2**31]}, r"genes.tss: positions must lie in 0 \.\. 2147483647 .* got 2147483648 in row 1"),
    ({**GENES, "tss": [100.0, 550.0]}, "genes.tss: wanted whole numbers"),
    (
        {**GENES, "strand": ["+", "."]},
        r"genes: strand must be '\+' or '-' \(or 1 or -1\): 1 row\(s\) have another, the first is b, row 1",
    ),
    ({**GENES, "strand": [1, 0]}, "strand must be"),
    ({**GENES, "name": ["a", "a"]}, "genes: the same name twice: in 1 row.*row 1"),
    ({**GENES, "name": ["a", None]}, "genes: name missing"),
    (without(GENES, "tss"), r"genes: missing columns \['tss'\], got"),
    (pd.DataFrame(GENES).iloc[:0], "genes: the table has no rows"),
    (twice(GENES, "name"), "genes.*name"),
]
BAD_OPENNESS = [
    (with_cell(1, 2, np.nan), r"openness: nan in row 1, column 2 \(z\); wanted finite"),
    (with_cell(0, 0, np.inf), r"openness: inf in row 0, column 0 \(x\); wanted finite"),
    (with_cell(2, 1, -0.5), r"openness: -0.5 in row 2, column 1 \(y\); wanted values >= 0"),
    (with_cell(2, 1, 1e39), r"openness: 1e\+39 in row 2, column 1"),  # float32 would make it infinite
    (OPENNESS.iloc[:2], r"openness has shape \(2, 3\), wanted \(3, 3\): one row per peak and one column per cell type"),
    (OPENNESS.set_axis(["x", "x", "z"], axis=1), "same (name|column) twice"),
    (OPENNESS.to_numpy(), "wanted names, because openness is an array"),
    ([1.0, 2.0, 3.0], r"openness: wanted two dimensions, got shape \(3,\)"),
]
BAD_CELL_TYPES = [
    (["x", "y", "x"], "cell_types: the same name twice"),
    (["x", "y"], "columns do not match the cell types. Only among the cell types: none; only in openness: 'z'"),
    (["x", "y", "q"], "columns do not match the cell types. Only among the cell types: 'q'; only in openness: 'z'"),
    ([], "cell_types: the table has no rows"),
    (["x", None, "z"], "cell_types: name missing"),
    (pd.DataFrame({"cell": ["x", "y", "z"]}), r"cell_types: missing columns \['name'\], got \['cell'\]"),
    (
        pd.DataFrame({"name": ["x", "y", "z"], "lineage": ["m", None, "l"]}),
        "cell_types: lineage missing.*row 1",
    ),
]
BAD_EXPRESSION = [
    (EXPRESSION.T, r"expression looks transposed: got shape \(3, 2\), wanted one row for each gene"),
    (EXPRESSION * [1, np.nan, 1], r"expression: nan in row 0, column 1 \(y\)"),
    (EXPRESSION.astype(str), "expression: wanted numbers, got dtype"),
    (
        pd.DataFrame(EXPRESSION, ["a", "q"], OPENNESS.columns),
        r"row labels do not match genes \(in column 'name'\). Only in genes: 'b'; only in expression: 'q'",
    ),
    (pd.DataFrame(EXPRESSION, ["a", "a"], OPENNESS.columns), "expression: the same row label twice: 'a'"),
    (
        pd.DataFrame(EXPRESSION, ["a", "b"], ["x", "y", "q"]),
        "expression: columns do not match.*: 'z'; only in expression: 'q'",
    ),
    (pd.DataFrame(EXPRESSION, ["a", "b"], ["x", "y", "y"]), "expression: the same column twice: 'y'"),
]
BAD = [
    (what, value, match)
    for what, cases in (
        ("peaks", BAD_PEAKS),
        ("genes", BAD_GENES),
        ("openness", BAD_OPENNESS),
        ("cell_types", BAD_CELL_TYPES),
        ("expression", BAD_EXPRESSION),
    )
    for value, match in cases
]


@pytest.mark.parametrize(("what", "value", "match"), BAD)
def test_bad_table_is_refused_by_name(what, value, match):
    with pytest.raises(TableError, match=match):
        dataset(**{what: value})


def test_text_in_place_of_openness_is_refused():
    with pytest.raises(TableError, match="openness: wanted numbers, got dtype"):
        dataset(openness=OPENNESS.astype(str).to_numpy(), cell_types=list("xyz"))


def test_long_lists_of_names_are_cut_in_messages():
    names = [f"c{k}" for k in range(9)]
    with pytest.raises(TableError, match="types: 'c0', 'c1', 'c2', 'c3', 'c4' and 4 more; only in openness: 'd0'"):
        dataset(openness=pd.DataFrame(np.ones((3, 9)), columns=[f"d{k}" for k in range(9)]), cell_types=names)


LABELS_OF_PEAKS = {"exact": 0, "counting from 1": 1}


@pytest.mark.parametrize("shift", LABELS_OF_PEAKS.values(), ids=LABELS_OF_PEAKS)
def test_rows_named_after_the_peaks_are_taken(shift):
    rows = zip(PEAKS["chrom"], PEAKS["start"], PEAKS["end"], strict=True)
    labels = [f"{chrom}:{start + shift}-{end}" for chrom, start, end in rows]
    openness = np.arange(6.0).reshape(3, 2)
    data = dataset(
        openness=pd.DataFrame(openness, index=labels, columns=["A", "B"]), cell_types=["A", "B"], expression=None
    )
    assert np.array_equal(data.openness, openness)


@pytest.mark.parametrize("change", [(0, "chr9:1-2"), (1, None)])
def test_rows_named_after_other_intervals_are_refused(change):
    rows = zip(PEAKS["chrom"], PEAKS["start"], PEAKS["end"], strict=True)
    labels = [f"{chrom}:{start}-{end}" for chrom, start, end in rows]
    row, other = change
    chrom, span = labels[row].split(":")
    labels[row] = other or f"{chrom}:{int(span.split('-')[0]) + 1}-{span.split('-')[1]}"  # one from 1, the rest from 0
    openness = pd.DataFrame(np.ones((3, 2)), index=labels, columns=["A", "B"])
    with pytest.raises(
        TableError, match=rf"do not match peaks \(chrom:start-end\).*: '.*'; only in openness: '{labels[row]}'"
    ):
        dataset(openness=openness, cell_types=["A", "B"], expression=None)


@pytest.mark.parametrize("second", ["chr1:500-600", "one"])
def test_rows_of_which_only_some_are_named_after_peaks_are_refused(second):
    """One label that names no interval must not hide that the rest are in another order."""
    openness = pd.DataFrame(np.ones((3, 2)), ["chr1:90-110", second, "other"], ["A", "B"])
    with pytest.raises(
        TableError, match=r"row labels do not match peaks \(chrom:start-end\).*only in openness: .*'other'"
    ):
        dataset(openness=openness, expression=None)


def test_contigs_in_common_do_not_hide_chromosomes_named_otherwise():
    genes = {**GENES, "chrom": ["1", "GL000220.1"]}
    peaks = {**PEAKS, "chrom": ["chr1", "chr1", "GL000220.1"]}
    with pytest.raises(
        ChromosomeMismatchError, match=r"name the same chromosome in two ways \(chr1 and 1 are the same"
    ):
        dataset(genes=genes, peaks=peaks)


def test_no_chromosome_in_common_is_an_error():
    message = (
        r"no chromosome in common: chr1, chr2 against 1, 2 \(chr. and . are the same; skepi.io.convert_chromosomes"
    )
    with pytest.raises(ChromosomeMismatchError, match=message):
        dataset(genes={**GENES, "chrom": ["1", "2"]})


def test_genes_on_chromosomes_without_peaks_warn_at_the_caller():
    with pytest.warns(ChromosomeWarning, match=r"1 gene\(s\) lie on chromosomes without any peak.*chrM \(1\)") as seen:
        dataset(genes={**GENES, "chrom": ["chr1", "chrM"]})
    assert [warning.filename for warning in seen] == [__file__]


def test_rounding_below_zero_becomes_zero():
    # The largest value is 9, so -9e-6 is still rounding and -1e-5 is not.
    assert dataset(openness=with_cell(0, 1, -8.9e-6)).openness[0, 1] == 0
    with pytest.raises(TableError, match="wanted values >= 0"):
        dataset(openness=with_cell(0, 1, -1e-5))


@pytest.mark.parametrize("form", [np.asarray, sp.csr_array, sp.csc_matrix, np.ndarray.tolist])
def test_openness_may_be_an_array_sparse_or_lists(form):
    data = dataset(openness=form(OPENNESS.to_numpy()), cell_types=["x", "y", "z"])
    np.testing.assert_array_equal(data.openness, OPENNESS)
    assert data.openness.dtype == np.float32
    assert data.cell_types["name"].tolist() == ["x", "y", "z"]


def test_openness_columns_follow_the_order_of_cell_types():
    data = dataset(expression=None, cell_types=["z", "x", "y"])
    np.testing.assert_array_equal(data.openness, OPENNESS[["z", "x", "y"]])


def test_lineage_and_further_columns_are_kept():
    data = dataset(
        cell_types=pd.DataFrame({"name": ["x", "y", "z"], "lineage": ["l", "l", "m"]}, index=[7, 8, 9]),
        genes={**GENES, "biotype": ["coding", "lnc"]},
    )
    assert data.cell_types["lineage"].tolist() == ["l", "l", "m"]
    assert data.genes["biotype"].tolist() == ["coding", "lnc"]


def test_cell_types_as_a_mapping_are_a_table():
    """As for peaks and genes; the keys of the mapping must never become names."""
    data = dataset(
        openness=OPENNESS[["x", "y"]].to_numpy(),
        cell_types={"name": ["x", "y"], "lineage": ["l", "m"]},
        expression=None,
    )
    assert data.cell_types["name"].tolist() == ["x", "y"]


def test_expression_frame_is_matched_by_name():
    frame = pd.DataFrame(EXPRESSION, ["a", "b"], ["x", "y", "z"]).loc[["b", "a"], ["z", "x", "y"]]
    np.testing.assert_array_equal(dataset(expression=frame).expression, EXPRESSION)


def test_expression_frame_without_names_is_taken_in_order():
    frame = pd.DataFrame(EXPRESSION, columns=["x", "y", "z"])
    np.testing.assert_array_equal(dataset(expression=frame).expression, EXPRESSION)


def test_unsorted_tables_keep_the_order_of_the_user():
    genes = {"name": ["b", "a"], "chrom": ["chr2", "chr1"], "tss": [550, 100], "strand": ["-", "+"]}
    X, y = dataset(genes=genes, expression=EXPRESSION[::-1]).pairs(return_X_y=True)
    assert X.to_frame()["gene"].tolist() == ["b"] * 3 + ["a"] * 3
    assert X.peaks["start"].tolist() == PEAKS["start"]
    assert y.tolist() == [10.5, 11.5, 12.5, 0.5, 1.5, 2.5]


def test_tables_of_the_caller_stay_as_they_are_and_are_not_shared():
    given = {
        "openness": with_cell(0, 1, -1e-9),
        "peaks": pd.DataFrame(PEAKS),
        "genes": pd.DataFrame(GENES, index=[5, 3]),
        "expression": EXPRESSION.copy(),
        "cell_types": pd.DataFrame({"name": ["z", "y", "x"]}),
    }
    before = pickle.dumps(given)
    data = PairedDataset(**given)
    TSSBinner(flank=100, bin_size=10).fit_transform(data.pairs()).dense()
    assert pickle.dumps(given) == before
    given["expression"][:] = -1
    given["openness"].iloc[:] = 99
    given["genes"].loc[5, "name"] = "changed"
    assert data.expression.min() == 0.5
    assert data.openness.max() == 9
    assert data.genes["name"].tolist() == ["a", "b"]
    assert data.genes.index.tolist() == [0, 1]


def test_values_of_a_data_set_are_read_only():
    data = dataset()
    for values in (data.openness, data.expression):
        with pytest.raises(ValueError, match="read-only"):
            values[0, 0] = 1


def test_repr_of_a_data_set():
    assert repr(dataset()) == "PairedDataset: 3 peaks, 2 genes, 3 cell types; openness and expression"
    assert repr(dataset(expression=None)).endswith("openness only")


def test_pairs_go_gene_by_gene_in_the_order_named():
    X, y = dataset().pairs(genes=["b", "a"], cell_types=["z", "x"], return_X_y=True)
    assert X.to_frame().to_numpy().tolist() == [["b", "z"], ["b", "x"], ["a", "z"], ["a", "x"]]
    assert y.tolist() == [12.5, 10.5, 2.5, 0.5]


def test_one_name_need_not_be_in_a_list():
    assert dataset().pairs(genes="b", cell_types="y").to_frame().to_numpy().tolist() == [["b", "y"]]


def test_absent_names_are_an_error():
    with pytest.raises(UnknownNameError, match=r"^gene\(s\) not in the tables: q, r \(2 name\(s\)\)$"):
        dataset().pairs(genes=["q", "a", "r"])
    with pytest.raises(UnknownNameError, match=r"cell type\(s\) not in the tables: q"):
        dataset().pairs(cell_types=["q"])


def test_expression_asked_of_openness_only():
    data = dataset(expression=None)
    assert len(data.pairs()) == 6
    with pytest.raises(MissingExpressionError, match="openness only: there is no y"):
        data.pairs(return_X_y=True)
    with pytest.raises(MissingExpressionError, match="openness only: there is nothing to normalise"):
        data.transform_expression(ExpressionNormalizer())


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (slice(1, None, 2), [1, 3, 5]),
        (np.array([True, False, False, True, False, False]), [0, 3]),
        ([5, 0, 0], [5, 0, 0]),
        (np.array([-1]), [5]),
        (2, [2]),
        ([], []),
        ((np.array([4, 1]), ...), [4, 1]),
        ((slice(0, 2), slice(None)), [0, 1]),
    ],
)
def test_rows_of_pairs_index_as_rows_of_an_array(rows, expected):
    X = dataset().pairs()
    part = X[rows]
    assert part.to_frame().to_numpy().tolist() == X.to_frame().to_numpy()[expected].tolist()
    assert part.shape == (len(expected), 2) == (len(part), part.ndim)
    assert part.tables is X.tables


@pytest.mark.parametrize(
    "rows",
    [
        [6],
        np.array([0.5]),
        [True, False],
        "a",
        (slice(None), 0),
        np.zeros((2, 2), int),
        np.ones((6, 2), bool),
    ],
)
def test_rows_that_do_not_exist_are_an_index_error(rows):
    """``X[:, 0]`` asks for a column, and two-dimensional row numbers for nothing that there is."""
    with pytest.raises(IndexError):
        dataset().pairs()[rows]


def test_pairs_are_immutable():
    X = dataset().pairs()
    codes = X.gene_codes
    for name in ("gene_codes", "cell_type_codes", "genes", "tables"):
        with pytest.raises(AttributeError):
            setattr(X, name, codes)
    with pytest.raises(ValueError, match="read-only"):
        codes[0] = 1
    with pytest.raises(TypeError, match="item assignment"):
        X[0] = 1


def test_pairs_copy_the_codes_they_are_given():
    X = dataset().pairs()
    codes = np.zeros(2, dtype=np.int64)
    made = type(X)(X.tables, codes, codes)
    codes[:] = 1
    assert made.gene_codes.tolist() == made.cell_type_codes.tolist() == [0, 0]


def test_pairs_have_no_numbers():
    with pytest.raises(TypeError, match=r"no numbers yet: put TSSBinner\(\) before this step"):
        np.asarray(dataset().pairs())


def test_repr_of_pairs_counts_what_occurs():
    assert repr(dataset().pairs()[:4]) == "GeneCellPairs: 4 pairs of 2 genes and 3 cell types"
    assert repr(dataset().pairs(genes=[])) == "GeneCellPairs: 0 pairs of 0 genes and 0 cell types"


def test_unstack_is_the_table_that_pairs_came_from():
    X, y = dataset().pairs(return_X_y=True)
    shuffled = np.random.default_rng(0).permutation(len(X))
    table = X[shuffled].unstack(y[shuffled])
    np.testing.assert_array_equal(table, EXPRESSION)
    assert (table.index.tolist(), table.index.name) == (["a", "b"], "gene")
    assert (table.columns.tolist(), table.columns.name) == (["x", "y", "z"], "cell_type")


def test_unstack_leaves_nan_where_a_pair_does_not_occur():
    # Pairs 1 and 5 are (a, y) and (b, z).
    table = dataset().pairs()[[5, 1]].unstack([2.0, 1.0])
    np.testing.assert_array_equal(table, [[1.0, np.nan], [np.nan, 2.0]])
    assert table.columns.tolist() == ["y", "z"]


def test_unstack_errors():
    X = dataset().pairs()
    with pytest.raises(ValueError, match=r"values has shape \(5,\), wanted \(6,\): one value per pair"):
        X.unstack(np.zeros(5))
    with pytest.raises(ValueError, match="the same pair occurs more than once"):
        X[[0, 0]].unstack([1.0, 2.0])


def test_subset_is_the_data_set_of_the_named():
    part = dataset().subset(genes=["b"], cell_types=["z", "x"])
    assert (part.genes["name"].tolist(), part.cell_types["name"].tolist()) == (["b"], ["z", "x"])
    np.testing.assert_array_equal(part.expression, [[12.5, 10.5]])
    np.testing.assert_array_equal(part.openness, OPENNESS[["z", "x"]])
    assert dataset(expression=None).subset(genes=["a"]).expression is None
    with pytest.raises(UnknownNameError, match="q"):
        dataset().subset(genes=["q"])


def test_transform_expression_fits_on_the_named_cell_types_only():
    counts = np.array([[5, 10, 20], [0, 0, 9]])
    data = dataset(expression=counts).transform_expression(ExpressionNormalizer("log_cpm"), ["x", "y"])
    # Gene b has no count in x and y, so the normaliser drops it; library sizes still count it: 29 in z.
    assert data.genes["name"].tolist() == ["a"]
    assert_float64_sums(data.expression, np.log1p([[1e6, 1e6, 1e6 * 20 / 29]]))
    all_fitted = dataset(expression=counts).transform_expression(ExpressionNormalizer("log_cpm"))
    assert all_fitted.genes["name"].tolist() == ["a", "b"]
    with pytest.raises(UnknownNameError, match="q"):
        dataset(expression=counts).transform_expression(ExpressionNormalizer(), ["q"])


def test_pickled_pairs_are_the_same_and_still_immutable():
    X = dataset().pairs()[[4, 0]]
    back = pickle.loads(pickle.dumps(X))
    assert back.to_frame().equals(X.to_frame())
    np.testing.assert_array_equal(back.tables.openness, X.tables.openness)
    assert not back.gene_codes.flags.writeable
    assert not back.tables.openness.flags.writeable


def test_pickled_data_set_is_the_same():
    back = pickle.loads(pickle.dumps(dataset()))
    np.testing.assert_array_equal(back.expression, EXPRESSION)
    assert back.genes.equals(dataset().genes)


def test_derived_tables_are_made_once_and_forgotten_in_turn(monkeypatch):
    monkeypatch.setattr(_tables, "_DERIVED_BYTES", 16)
    monkeypatch.setattr(_tables, "_derived", {})
    tables = dataset().tables
    made = []
    for key in [b"a", b"a", b"b", b"c", b"a", b"b" * 99, b"b" * 99]:  # no more than 16 bytes, or the latest alone
        size = max(6, len(key))
        assert bytes(
            tables.derived(key, lambda key=key, n=size: made.append(key) or memoryview(key.ljust(n)))
        ) == key.ljust(size)
    assert made == [b"a", b"b", b"c", b"a", b"b" * 99]
    assert bytes(dataset().tables.derived(b"b" * 99, lambda: "anew")) == b"b" * 99, "the same data made again"
    other = dataset(openness=OPENNESS + 1).tables
    assert bytes(other.derived(b"b" * 99, lambda: memoryview(b"of other tables"))) == b"of other tables"


def test_unpickled_tables_find_what_was_derived_in_their_process_but_do_not_carry_it():
    tables = dataset().tables
    tables.derived("key", lambda: memoryview(b"a long derived text"))
    pickled = pickle.dumps(tables)
    assert b"a long derived text" not in pickled
    assert bytes(pickle.loads(pickled).derived("key", lambda: "anew")) == b"a long derived text"


def test_tables_handed_out_can_be_changed_without_harm():
    data = dataset()
    X = data.pairs()
    for owner in (data, X):
        before = owner.genes["tss"].tolist()
        handed_out = owner.genes
        handed_out["tss"] = 0
        assert owner.genes["tss"].tolist() == before


@pytest.mark.parametrize("codes", [([0, 99], [0, 0]), ([-1], [0]), ([0], [99]), ([[0]], [[0]])])
def test_codes_outside_the_tables_are_refused(codes):
    with pytest.raises(ValueError, match="must be row numbers in 0"):
        GeneCellPairs(dataset().tables, *map(np.array, codes))


def test_codes_of_unequal_number_are_refused():
    with pytest.raises(ValueError, match="2 gene codes for 1 cell-type codes"):
        GeneCellPairs(dataset().tables, np.array([0, 0]), np.array([0]))


def aligned_tables():
    peaks = pd.DataFrame({"chrom": "chr1", "start": [10, 30, 50], "end": [20, 40, 60]})
    genes = pd.DataFrame({"name": list("abc"), "chrom": "chr1", "tss": [15, 35, 55], "strand": "+"})
    openness = pd.DataFrame({"one": [1.0, 2, 3], "two": [4.0, 5, 6]})
    return openness, peaks, genes


@pytest.mark.parametrize("reverse", ["peaks", "genes"])
def test_rows_numbered_in_another_order_are_refused(reverse):
    openness, peaks, genes = aligned_tables()
    expression = openness.copy()
    if reverse == "peaks":
        peaks = peaks[::-1]
    else:
        genes = genes[::-1]
    with pytest.raises(TableError, match=r"row numbers are in a different order from those of (peaks|genes)"):
        PairedDataset(openness, peaks, genes, expression)


def test_row_labels_that_say_nothing_of_the_table_are_no_obstacle():
    openness, peaks, genes = aligned_tables()
    openness.index = ["chr1:10-20", "chr1:30-40", "chr1:50-60"]
    PairedDataset(openness, peaks, genes)
    openness.index = ["p1", "p2", "p3"]
    PairedDataset(openness, peaks, genes)


def arrays_within(root):
    """Every numpy array that can be reached from an object, modules and code aside."""
    seen, open_ends = set(), [root]
    while open_ends:
        item = open_ends.pop()
        if id(item) in seen or isinstance(item, type | types.ModuleType | types.FunctionType):
            continue
        seen.add(id(item))
        open_ends += gc.get_referents(item)
        if isinstance(item, pd.DataFrame):
            open_ends += [item[column].to_numpy() for column in item]
        if isinstance(item, np.ndarray):
            yield item
            open_ends += [item.base]


def holds_secret(item):
    found = any(a.dtype.kind == "f" and (a == SECRET).any() for a in arrays_within(item))
    packed = pickle.dumps(item)
    return found, any(dtype(SECRET).tobytes() in packed for dtype in (np.float32, np.float64))


def test_no_path_leads_from_pairs_to_expression():
    expression = np.full((2, 3), SECRET)
    data = dataset(expression=expression)
    X, y = data.pairs(return_X_y=True)
    binned = TSSBinner(flank=100, bin_size=10).fit_transform(X)
    for openness_side in (X, X[:2], binned, data.tables):
        assert holds_secret(openness_side) == (False, False)
    assert holds_secret(data) == holds_secret(y) == (True, True), "the search itself finds what there is"
    assert holds_secret(dataset(openness=with_cell(0, 0, SECRET)).pairs()) == (True, True)


def test_what_is_worked_out_on_the_way_is_no_part_of_a_pickle():
    """Whether rows are what they were can be told from their bytes."""
    X = pickle.loads(pickle.dumps(dataset().pairs()))
    before = pickle.dumps(X)
    assert X.tables.signals == ("openness",)
    assert X.tables.signal_codes.tolist() == [0, 0, 0]
    assert pickle.dumps(X) == before
