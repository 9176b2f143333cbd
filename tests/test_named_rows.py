"""Rows found and shown by name: pairs, and both containers of binned rows."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skepi.binning import BinnedTable, TSSBinner
from skepi.datasets import make_paired_openness
from skepi.exceptions import UnknownNameError
from skepi.paired import PairedDataset
from skepi.rows import band_columns

DATA = make_paired_openness(n_genes=6, n_cell_types=4, n_lineages=2)[0]
GENES, CELL_TYPES = DATA.genes["name"].tolist(), DATA.cell_types["name"].tolist()
NAMES_OR_ALL = st.none() | st.lists(st.sampled_from(GENES), max_size=4)


def rows_of_kind(kind):
    pairs = DATA.pairs()
    if kind == "pairs":
        return pairs
    bins = TSSBinner(edges=[-5_000, 0, 5_000]).fit_transform(pairs)
    if kind == "bins":
        return bins
    values = np.stack([bins.dense(bins.cell_type_codes == c) for c in range(4)], axis=2)
    return BinnedTable(bins.genes, bins.cell_types, bins.columns, values, bins.gene_codes, bins.cell_type_codes)


@pytest.fixture(params=["pairs", "bins", "table"])
def X(request):
    return rows_of_kind(request.param)


def names(X):
    genes, cell_types = X.genes["name"].to_numpy(), X.cell_types["name"].to_numpy()
    return list(zip(genes[X.gene_codes], cell_types[X.cell_type_codes], strict=True))


def test_rows_are_found_by_name_in_their_order(X):
    """Six genes in four cell types, gene by gene: gene 1 has rows 4 to 7, gene 3 rows 12 to 15."""
    rows = X.rows_of(genes=[GENES[3], GENES[1]], cell_types=[CELL_TYPES[2], CELL_TYPES[0]])
    assert rows.tolist() == [4, 6, 12, 14]
    assert rows.dtype == np.int64
    chosen = X.select(genes=[GENES[3], GENES[1]], cell_types=[CELL_TYPES[2], CELL_TYPES[0]])
    assert type(chosen) is type(X)
    assert names(chosen) == [names(X)[row] for row in rows]


def test_one_name_may_be_text_and_names_may_be_any_sequence(X):
    alone = X.rows_of(genes=GENES[1])
    assert alone.tolist() == [4, 5, 6, 7]
    for same in ([GENES[1]] * 2, pd.Series([GENES[1]]), np.array([GENES[1]]), pd.Index([GENES[1]])):
        assert np.array_equal(X.rows_of(genes=same), alone)


def test_without_names_all_rows_stay(X):
    assert names(X.select()) == names(X)
    assert len(X.select(genes=[])) == 0


@given(
    genes=NAMES_OR_ALL,
    cell_types=st.none() | st.lists(st.sampled_from(CELL_TYPES), max_size=3),
    order=st.permutations(range(24)),
)
def test_selection_is_a_loop_over_the_names_of_rows(genes, cell_types, order):
    X = DATA.pairs()[np.array(order)]
    wanted = [
        row
        for row, (gene, cell_type) in enumerate(names(X))
        if (genes is None or gene in genes) and (cell_types is None or cell_type in cell_types)
    ]
    assert X.rows_of(genes, cell_types).tolist() == wanted


def test_a_pair_that_does_not_occur_leaves_no_row(X):
    """Both names occur, the pair does not: that is an answer, as under splits of pairs."""
    ends = X[[0, 5]]  # gene 0 in cell type 0, gene 1 in cell type 1
    assert ends.rows_of(genes=GENES[0], cell_types=CELL_TYPES[1]).tolist() == []


def test_unknown_names_are_refused(X):
    with pytest.raises(UnknownNameError, match=r"^gene\(s\) not in the tables: nobody \(1 name\(s\)\)$"):
        X.select(genes=["nobody", GENES[0]])
    with pytest.raises(UnknownNameError, match=r"^cell type\(s\) not in the tables: nobody"):
        X.rows_of(cell_types="nobody")


def test_names_of_no_row_are_refused(X):
    with pytest.raises(
        UnknownNameError, match=rf"^gene\(s\) of the data set, but of none of these 4 rows: '{GENES[2]}'$"
    ):
        X[:4].select(genes=[GENES[0], GENES[2]])
    with pytest.raises(
        UnknownNameError, match=r"^cell type\(s\) of the data set, but of none of these 1 rows: .* and 1 more$"
    ):
        _seven_cell_types()[:1].rows_of(cell_types=[f"cell{c:03d}" for c in range(1, 7)])


def _seven_cell_types():
    return make_paired_openness(n_genes=1, n_cell_types=7, n_lineages=1, n_chromosomes=1)[0].pairs()


def test_targets_go_along_by_row_number():
    X, y = DATA.pairs(return_X_y=True)
    rows = X.rows_of(cell_types=CELL_TYPES[1])
    table = DATA.expression[:, 1]
    assert np.array_equal(y[rows], table)


def test_values_of_selected_rows_are_those_of_all():
    X = rows_of_kind("bins").with_appended(["level"], np.arange(24.0)[:, None])
    chosen = X.select(genes=GENES[2])
    assert np.array_equal(chosen.dense(), X.dense()[8:12])
    assert chosen.operator is X.operator


def test_head_of_pairs_has_names_lineage_and_place():
    X = DATA.pairs()
    head = X[::-1].head(2)
    assert head.columns.tolist() == ["gene", "cell_type", "lineage", "chrom", "tss", "strand"]
    assert head.index.tolist() == [0, 1]
    assert head["cell_type"].tolist() == [CELL_TYPES[3], CELL_TYPES[2]]
    gene, cell_type = DATA.genes.iloc[5], DATA.cell_types.iloc[2]
    last = head.iloc[1]
    assert (last["gene"], last["chrom"], last["tss"], last["strand"]) == tuple(gene[["name", "chrom", "tss", "strand"]])
    assert last["lineage"] == cell_type["lineage"]


def test_head_leaves_out_a_lineage_that_is_not_known():
    without = PairedDataset(DATA.openness, DATA.peaks, DATA.genes, cell_types=CELL_TYPES)
    assert "lineage" not in without.pairs().head()


@pytest.mark.parametrize("kind", ["bins", "table"])
def test_head_of_binned_rows_has_their_features(kind):
    X = rows_of_kind(kind).with_appended(["level"], np.arange(24.0)[:, None])
    head = X.head(3)
    assert head.columns.tolist() == ["gene", "cell_type", "[-5000, 0) bp", "[0, 5000) bp", "level"]
    assert np.array_equal(head.iloc[:, 2:].to_numpy(dtype=np.float32), X.dense(slice(3)))


def test_a_feature_may_be_called_gene():
    X = rows_of_kind("bins").with_appended(["gene"], np.ones((24, 1)))
    assert X.head(1).columns.tolist().count("gene") == 2


def test_head_has_five_rows_or_as_many_as_there_are(X):
    assert len(X.head()) == 5
    assert len(X.head(0)) == 0
    assert len(X[:3].head()) == 3
    assert X[:3].head().equals(X.head(3))


@pytest.mark.parametrize("n", [-1, 2.5, "5", True])
def test_head_wants_a_number_of_rows(X, n):
    with pytest.raises(ValueError, match=r"^n must be a whole number of 0 or more, got"):
        X.head(n)


def test_shape_names_its_numbers():
    shape = DATA.shape
    assert shape == (len(DATA.peaks), 6, 4)
    assert (shape.n_peaks, shape.n_genes, shape.n_cell_types) == shape
    assert shape[:1] + shape[2:] == DATA.openness.shape
    assert shape[1:] == DATA.expression.shape


def test_shape_counts_the_peaks_of_all_signals():
    data = make_paired_openness(n_genes=4, n_cell_types=3, n_lineages=1, signals={"ATAC": 1.0, "input": 0.0})[0]
    assert data.shape.n_peaks == sum((data.peaks["signal"] == name).sum() for name in ("ATAC", "input"))


def test_columns_of_a_table_made_by_hand():
    genes, cell_types = pd.DataFrame({"name": ["a"]}), pd.DataFrame({"name": ["HSC", "Ery"]})
    values = np.float32([[[0, 3]]])
    X = BinnedTable(genes, cell_types, band_columns([0, 500]), values, np.array([0, 0]), np.array([0, 1]))
    assert X.select(cell_types="Ery").head().to_numpy().tolist() == [["a", "Ery", 3.0]]
