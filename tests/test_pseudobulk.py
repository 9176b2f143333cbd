"""Counts summed over cells: by hand, against loops, and in every form that counts come in."""

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_exact, assert_float64_sums

from skepi.exceptions import TableError
from skepi.pseudobulk import pseudobulk

COUNTS = np.array([[1, 0, 3], [2, 5, 0], [0, 4, 1], [7, 0, 0]])
LABELS = ["T", "B", "T", "B"]
CELLS = ["c0", "c1", "c2", "c3"]
FEATURES = ["p0", "p1", "p2"]
NAMED = pd.DataFrame(COUNTS, index=CELLS, columns=FEATURES)
BY_NAME = pd.Series(LABELS, index=CELLS)


def cell_matrix(values=COUNTS):
    """What a reader of single-cell matrices gives."""
    features = pd.DataFrame({"name": FEATURES, "chrom": "chr1"}, index=[5, 6, 7])
    return SimpleNamespace(values=sp.csr_array(values), cells=np.array(CELLS), features=features)


def annotated(values=COUNTS, **layers):
    """The part of AnnData that is used, for where anndata is not installed."""
    return SimpleNamespace(X=values, obs_names=pd.Index(CELLS), var_names=pd.Index(FEATURES), layers=layers)


def slow_sums(values, labels):
    """Sums by label in Python numbers, labels in order of first appearance; None is no label."""
    sums = {}
    for row, label in zip(np.asarray(values).tolist(), labels, strict=True):
        if label is not None:
            sums[label] = [a + b for a, b in zip(sums.get(label, [0] * len(row)), row, strict=True)]
    return sums


# --- by hand


def test_sums_by_hand():
    bulk = pseudobulk(NAMED, BY_NAME)
    expected = pd.DataFrame({"T": [1, 4, 4], "B": [9, 5, 0]}, index=FEATURES)
    assert_exact(bulk.counts, expected)
    table = pd.DataFrame({"name": ["T", "B"], "n_cells": [2, 2], "depth": [9, 14]})
    assert_exact(bulk.cell_types, table)


def test_a_series_is_matched_by_name_and_an_array_by_place():
    backwards = BY_NAME[::-1]
    for cells in (NAMED, cell_matrix(), annotated()):
        by_name = pseudobulk(cells, backwards).counts
        assert by_name.to_dict("list") == {"T": [1, 4, 4], "B": [9, 5, 0]}
        assert pseudobulk(cells, backwards.to_numpy()).counts.to_dict("list") == {"B": [1, 4, 4], "T": [9, 5, 0]}
    # An array has no names, so there is nothing to match by.
    assert pseudobulk(COUNTS, backwards).counts.to_dict("list") == {"B": [1, 4, 4], "T": [9, 5, 0]}


def test_labels_of_cells_that_are_not_there_do_no_harm():
    more = pd.concat([pd.Series(["NK"], index=["c9"]), BY_NAME])
    assert_exact(pseudobulk(NAMED, more).counts, pseudobulk(NAMED, BY_NAME).counts)


@pytest.mark.parametrize(
    "labels",
    [
        ["T", None, "T", np.nan],
        np.array(["T", None, "T", pd.NA], dtype=object),
        pd.Categorical(["T", None, "T", None], categories=["B", "T", "NK"]),
        pd.Series(["T", "T"], index=["c0", "c2"]),
        pd.Series(["T", pd.NA, "T"], index=["c0", "c1", "c2"], dtype="string"),
        pd.Series(["T", None, "T"], index=["c0", "c1", "c2"], dtype="category"),
    ],
)
def test_cells_without_label_can_be_dropped(labels):
    bulk = pseudobulk(NAMED, labels, unlabelled="drop")
    assert bulk.counts.to_dict("list") == {"T": [1, 4, 4]}
    assert bulk.cell_types.to_dict("list") == {"name": ["T"], "n_cells": [2], "depth": [9]}
    with pytest.raises(TableError, match="2 of 4 cells have no label, the first is c1"):
        pseudobulk(NAMED, labels)


def test_whole_numbers_as_labels_keep_their_names():
    # Clusters are often numbered; matching by name must not make them floats.
    clusters = pd.Series([1, 2, 1, 2], index=CELLS)
    assert list(pseudobulk(NAMED, clusters).counts) == ["1", "2"]
    assert list(pseudobulk(NAMED, clusters.iloc[:3], unlabelled="drop").counts) == ["1", "2"]
    assert list(pseudobulk(NAMED, [1, None, 2, 2], unlabelled="drop").counts) == ["1", "2"]


# --- every form of counts

FORMS = {
    "dense": np.asarray,
    "list": lambda values: values.tolist(),
    "fortran": np.asfortranarray,
    "table": pd.DataFrame,
    "csr_array": sp.csr_array,
    "csc_array": sp.csc_array,
    "coo_array": sp.coo_array,
    "csr_matrix": sp.csr_matrix,
    "coo_matrix": sp.coo_matrix,
    "lil_array": sp.lil_array,
    "cell_matrix": cell_matrix,
    "annotated": annotated,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "uint64", "int64", "float32", "float64"])
def test_every_form_and_dtype_gives_the_same_sums(form, dtype):
    values = COUNTS.astype(dtype)
    bulk = pseudobulk(FORMS[form](values), LABELS)
    assert bulk.counts.to_dict("list") == slow_sums(values, LABELS)
    kind = np.float64 if dtype.startswith("float") else np.int64
    assert set(bulk.counts.dtypes) == {np.dtype(kind)}
    assert bulk.cell_types["depth"].dtype == kind
    named = {"cell_matrix": FEATURES, "annotated": FEATURES}
    assert list(bulk.counts.index) == named.get(form, [0, 1, 2])


@pytest.mark.parametrize("form", ["dense", "csr_array", "csc_array", "coo_array"])
@pytest.mark.parametrize(
    ("dtype", "value", "n_cells"),
    [("bool", True, 300), ("uint8", 255, 300), ("int8", 127, 300), ("int16", 32767, 9), ("int32", 2**31 - 1, 9)],
)
def test_sums_do_not_overflow(form, dtype, value, n_cells):
    cells = FORMS[form](np.full((n_cells, 2), value, dtype=dtype))
    bulk = pseudobulk(cells, ["T"] * n_cells)
    assert bulk.counts["T"].tolist() == [n_cells * int(value)] * 2
    assert bulk.cell_types["depth"].tolist() == [2 * n_cells * int(value)]


def test_sums_of_float32_are_taken_in_float64():
    values = np.array([[2.0**24], [1.0]], dtype=np.float32)
    for form in ("dense", "csr_array"):
        assert pseudobulk(FORMS[form](values), ["T", "T"]).counts.iloc[0, 0] == 2**24 + 1


@pytest.mark.parametrize("form", [sp.coo_array, sp.coo_matrix, sp.csr_array])
def test_entries_that_occur_twice_are_added_without_overflow(form):
    data, place = np.array([200, 200], np.uint8), np.array([0, 0])
    entries = (data, place, np.array([0, 2])) if form is sp.csr_array else (data, (place, place))
    assert pseudobulk(form(entries, shape=(1, 1)), ["T"]).counts.iloc[0, 0] == 400


@pytest.mark.parametrize("name", ["features", "obs_names", "cells", "layers"])
def test_features_may_have_any_name(name):
    # A column is an attribute of a DataFrame too.
    bulk = pseudobulk(NAMED.rename(columns={"p0": name}), LABELS)
    assert bulk.counts.loc[name].tolist() == [1, 9]


def test_a_layer_is_taken_in_place_of_x():
    cells = annotated(COUNTS, raw=sp.csc_matrix(10 * COUNTS))
    assert pseudobulk(cells, BY_NAME, layer="raw").counts.to_dict("list") == {"T": [10, 40, 40], "B": [90, 50, 0]}
    assert pseudobulk(cells, BY_NAME).counts.to_dict("list") == {"T": [1, 4, 4], "B": [9, 5, 0]}


def test_anndata_gives_the_same_sums():
    anndata = pytest.importorskip("anndata")
    obs = pd.DataFrame({"kind": pd.Categorical(LABELS, categories=["B", "NK", "T"])}, index=CELLS)
    cells = anndata.AnnData(sp.csr_matrix(COUNTS.astype(np.float32)), obs=obs, var=pd.DataFrame(index=FEATURES))
    cells.layers["raw"] = COUNTS
    floats, whole = pseudobulk(cells, cells.obs["kind"]), pseudobulk(cells, cells.obs["kind"], layer="raw")
    assert_exact(whole.counts, pseudobulk(NAMED, BY_NAME).counts)
    assert_exact(floats.counts, whole.counts.astype(float))
    assert_exact(whole.cell_types, pseudobulk(NAMED, BY_NAME).cell_types)
    # A view, and labels of all cells.
    some = pseudobulk(cells[["c3", "c0"]], cells.obs["kind"])
    assert some.counts.to_dict("list") == {"B": [7, 0, 0], "T": [1, 0, 3]}
    with pytest.raises(TableError, match="no layer 'log'; there are raw"):
        pseudobulk(cells, cells.obs["kind"], layer="log")


def test_anndata_on_disk_is_summed_or_told_apart_from_what_has_no_numbers(tmp_path):
    anndata = pytest.importorskip("anndata")
    cells = anndata.AnnData(sp.csr_matrix(COUNTS.astype(np.float32)), obs=pd.DataFrame(index=CELLS))
    cells.write_h5ad(tmp_path / "cells.h5ad")
    backed = anndata.read_h5ad(tmp_path / "cells.h5ad", backed="r")
    try:
        assert pseudobulk(backed, BY_NAME).counts.to_dict("list") == {"T": [1, 4, 4], "B": [9, 5, 0]}
    finally:
        backed.file.close()


@pytest.mark.parametrize("form", ["dense", "csr_array", "csc_array", "table"])
def test_the_callers_counts_and_labels_are_untouched(form):
    cells, labels = FORMS[form](COUNTS.copy()), BY_NAME.reset_index(drop=True)
    bulk = pseudobulk(cells, labels)
    bulk.counts.loc[:] = -1
    after = cells.toarray() if sp.issparse(cells) else np.asarray(cells)
    np.testing.assert_array_equal(after, COUNTS)
    assert labels.tolist() == LABELS


# --- by law


@st.composite
def labelled_counts(draw):
    n_cells, n_features = draw(st.integers(1, 9)), draw(st.integers(1, 5))
    count = st.integers(0, 3)
    rows = draw(st.lists(st.lists(count, min_size=n_features, max_size=n_features), min_size=n_cells, max_size=n_cells))
    labels = draw(st.lists(st.sampled_from(["T", "B", "NK cell", "é"]), min_size=n_cells, max_size=n_cells))
    values = np.array(rows)
    values[:, 0] += 1  # no cell type without a count
    return values, labels


@given(labelled_counts(), st.sampled_from(["dense", "csr_array", "csc_array", "coo_array"]))
def test_sums_are_those_of_a_loop(drawn, form):
    values, labels = drawn
    counts, cell_types = pseudobulk(FORMS[form](values), labels)
    expected = slow_sums(values, labels)
    assert list(counts) == cell_types["name"].tolist() == list(expected)
    assert counts.to_dict("list") == expected
    assert cell_types["n_cells"].tolist() == [Counter(labels)[name] for name in counts]
    assert cell_types["depth"].tolist() == [sum(column) for column in expected.values()]
    # Nothing is lost and nothing is added.
    assert counts.sum(axis=1).tolist() == values.sum(axis=0).tolist()
    grouped = pd.DataFrame(values).groupby(np.array(labels), sort=False).sum().T
    np.testing.assert_array_equal(grouped, counts)


@given(labelled_counts(), st.randoms(use_true_random=False))
def test_the_order_of_cells_changes_the_order_of_cell_types_only(drawn, random):
    values, labels = drawn
    rows = random.sample(range(len(labels)), len(labels))
    names = [f"c{number}" for number in range(len(labels))]
    table, by_name = pd.DataFrame(values, index=names), pd.Series(labels, index=names)
    before, after = pseudobulk(table, by_name), pseudobulk(table.iloc[rows], by_name)
    assert_exact(after.counts[list(before.counts)], before.counts)
    assert list(after.counts) == list(dict.fromkeys(labels[row] for row in rows))
    # Labels in another order change nothing at all.
    assert_exact(pseudobulk(table, by_name.iloc[rows]).counts, before.counts)


@given(labelled_counts(), st.data())
def test_dropping_is_the_same_as_never_having_had_the_cells(drawn, data):
    values, labels = drawn
    known = data.draw(st.lists(st.booleans(), min_size=len(labels), max_size=len(labels)).filter(any))
    gaps = [label if here else None for label, here in zip(labels, known, strict=True)]
    found = pseudobulk(values, gaps, unlabelled="drop")
    expected = pseudobulk(values[known], [label for label in gaps if label is not None])
    assert_exact(found.counts, expected.counts)
    assert_exact(found.cell_types, expected.cell_types)


@given(labelled_counts())
def test_summing_twice_is_summing_once(drawn):
    values, labels = drawn
    names = pd.Series([f"{label}{number % 2}" for number, label in enumerate(labels)])
    halves = pseudobulk(values, names).counts
    of_half = dict(zip(names, labels, strict=True))
    whole = pseudobulk(halves.T, [of_half[name] for name in halves]).counts
    expected = pseudobulk(values, labels).counts
    assert_exact(whole[list(expected)], expected)


# --- errors


@pytest.mark.parametrize("value", ["ignore", None, "Error"])
def test_unlabelled_is_error_or_drop(value):
    with pytest.raises(ValueError, match=f"unlabelled must be 'error' or 'drop', got {value!r}"):
        pseudobulk(COUNTS, LABELS, unlabelled=value)


@pytest.mark.parametrize("form", ["dense", "csr_array", "csc_array", "table", "cell_matrix", "annotated"])
@pytest.mark.parametrize("value", [-1, np.nan, np.inf, -np.inf])
def test_what_is_no_count_is_refused(form, value):
    values = COUNTS.astype(float)
    values[2, 1] = value
    with pytest.raises(TableError, match=r"cells: wanted finite counts >= 0 \(not log or scaled values\)"):
        pseudobulk(FORMS[form](values), LABELS)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (np.array([["1"]]), "cells: wanted numbers, got dtype <U1"),
        (np.array([1, 2]), r"wanted numbers, cells x features, got shape \(2,\)"),
        (np.ones((2, 2, 2)), r"cells x features, got shape \(2, 2, 2\)"),
        (np.ones((2, 2), complex), "got dtype complex128"),
        (
            NAMED.astype({"p1": str}),
            r"got text in column 'p1' \('.' in row 0\); cells.astype\(float\) makes",
        ),
        (SimpleNamespace(), "got dtype object; .astype.float. makes numbers of objects"),
        (annotated(None), "no X: name a layer"),
    ],
)
def test_what_is_no_matrix_of_numbers_is_refused(cells, message):
    with pytest.raises(TableError, match=message):
        pseudobulk(cells, LABELS)


@pytest.mark.parametrize("labels", [LABELS[:3], [*LABELS, "T"], []])
def test_another_number_of_labels_is_refused(labels):
    for cells in (COUNTS, NAMED):
        with pytest.raises(TableError, match=f"{len(labels)} labels for 4 cells"):
            pseudobulk(cells, labels)
    with pytest.raises(TableError, match="3 labels for 4 cells"):
        pseudobulk(COUNTS, BY_NAME.iloc[:3])


@pytest.mark.parametrize(
    "labels", [BY_NAME.to_frame(), np.array([LABELS]).T, {"c0": "T"}, (label for label in LABELS), "TBTB"]
)
def test_labels_that_are_no_list_are_refused(labels):
    cells = NAMED.iloc[: len(labels) if isinstance(labels, dict) else None]
    with pytest.raises(TableError, match="labels"):
        pseudobulk(cells, labels)


def test_names_that_occur_twice_are_refused():
    twice = ["c0", "c1", "c1", "c3"]
    with pytest.raises(TableError, match="labels: the same name twice: c1"):
        pseudobulk(NAMED, BY_NAME.set_axis(twice))
    with pytest.raises(TableError, match="cells: the same name twice: c1"):
        pseudobulk(NAMED.set_axis(twice), BY_NAME)
    # Where nothing is matched by name, names may repeat.
    assert pseudobulk(NAMED.set_axis(twice), LABELS).counts.to_dict("list") == {"T": [1, 4, 4], "B": [9, 5, 0]}


def test_cells_without_label_are_refused():
    with pytest.raises(TableError, match="1 of 4 cells have no label, the first is c2"):
        pseudobulk(NAMED, BY_NAME.drop("c2"))
    with pytest.raises(TableError, match="2 of 4 cells have no label, the first is 1"):
        pseudobulk(COUNTS, ["T", None, "T", None])
    with pytest.raises(TableError, match="labels: no cell has a label"):
        pseudobulk(COUNTS, [None] * 4, unlabelled="drop")


@pytest.mark.parametrize("unlabelled", ["error", "drop"])
@pytest.mark.parametrize("names", [["a", "b", "c", "d"], [0, 1, 2, 3]])
def test_labels_of_other_cells_are_refused(names, unlabelled):
    message = f"no cell has a label: cells are c0, ..., labels are of {names[0]}, ..."
    with pytest.raises(TableError, match=message):
        pseudobulk(NAMED, BY_NAME.set_axis(names), unlabelled=unlabelled)


@pytest.mark.parametrize(
    ("cells", "labels"), [(NAMED, BY_NAME.iloc[:0]), (NAMED.iloc[:0], BY_NAME), (NAMED.iloc[:0], []), (COUNTS[:0], [])]
)
def test_no_cells_or_no_labels_are_an_error(cells, labels):
    with pytest.raises(TableError, match="label"):
        pseudobulk(cells, labels)


def test_a_cell_type_without_counts_is_named():
    empty = np.vstack([COUNTS, np.zeros((2, 3), int)])
    with pytest.raises(TableError, match=r"no counts at all in cell type\(s\) NK, Mono$"):
        pseudobulk(empty, [*LABELS, "NK", "Mono"])
    with pytest.raises(TableError, match=r"no counts at all in cell type\(s\) T, B$"):
        pseudobulk(COUNTS[:, :0], LABELS)


def test_fractions_are_no_counts_unless_it_is_said():
    values = np.log1p(COUNTS)
    for cells in (values, annotated(values)):
        with pytest.raises(TableError, match="wanted whole counts, got fractions: layer= names the layer"):
            pseudobulk(cells, LABELS)
    found = pseudobulk(values, LABELS, fractions=True).counts
    assert_float64_sums(found.to_numpy().sum(), values.sum())


def test_identifiers_where_symbols_repeat():
    cells = cell_matrix()
    cells.features = cells.features.assign(id=["E1", "E2", "E3"], name="TBCE")
    assert pseudobulk(cells, LABELS, feature="id").counts.index.tolist() == ["E1", "E2", "E3"]
    with pytest.raises(ValueError, match="feature must be 'name' or 'id', got 'symbol'"):
        pseudobulk(cells, LABELS, feature="symbol")


def test_sums_beyond_int64_are_refused():
    with pytest.raises(TableError, match=r"int64|too great"):
        pseudobulk(np.array([[2**62], [2**62]]), ["T", "T"])


def test_layers_are_of_anndata_and_must_exist():
    with pytest.raises(TableError, match="no layer 'log'; there are raw, cpm"):
        pseudobulk(annotated(COUNTS, raw=COUNTS, cpm=COUNTS), BY_NAME, layer="log")
    with pytest.raises(TableError, match="no layer 'log'; there are none"):
        pseudobulk(annotated(), BY_NAME, layer="log")
    for cells in (COUNTS, NAMED, cell_matrix()):
        with pytest.raises(ValueError, match="only AnnData has layers"):
            pseudobulk(cells, LABELS, layer="raw")
