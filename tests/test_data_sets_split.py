"""Splits by data set: whole data sets are tested, and no population is on both sides."""

import numpy as np
import pytest
from promises import assert_exact
from sklearn.dummy import DummyRegressor
from sklearn.model_selection import LeaveOneGroupOut

from skepi.datasets import make_paired_openness
from skepi.exceptions import SharedPopulationWarning, UntiedBatchWarning
from skepi.model_selection import (
    CellTypeKFold,
    CrossedKFold,
    DataSetKFold,
    LeaveOneCellTypeOut,
    LineageKFold,
    PairKFold,
    cross_val_pairs,
)
from skepi.paired import pool


@pytest.fixture(scope="module")
def pairs():
    """Three data sets; the first two share cell003."""
    data, _ = make_paired_openness(n_genes=5, n_cell_types=8, n_lineages=2)
    names = list(data.cell_types["name"])
    sets = {"x": names[:4], "y": names[3:6], "z": names[6:]}
    sets = {name: data.subset(cell_types=cells) for name, cells in sets.items()}
    with pytest.warns(UntiedBatchWarning, match=r"ties \('x', 'y'\) and \('z'\)"):
        return pool(sets, shared=["cell003"]).pairs(return_X_y=True)


class StillCellTypes:
    """A splitter of the user's that knows no groups."""

    def split(self, X, y=None, groups=None):
        return iter(in_order(X))


def names(X, column, rows):
    return set(X.cell_types[column].to_numpy()[X.cell_type_codes[rows]])


def test_each_data_set_is_tested_once_and_shares_no_population_with_training(pairs):
    X, _ = pairs
    folds = list(DataSetKFold().split(X))
    assert DataSetKFold().get_n_splits(X) == len(folds) == 3
    assert_exact(np.sort(np.concatenate([test for _, test in folds])), np.arange(len(X)))
    for (train, test), data_set in zip(folds, "xyz", strict=True):
        assert names(X, "data_set", test) == {data_set}
        assert not names(X, "population", test) & names(X, "population", train)
        assert data_set not in names(X, "data_set", train)
    # of the 9 cell types, x tests 4 and y shares one of them
    assert [len(train) // 5 for train, _ in folds] == [4, 5, 7]


def test_folds_of_several_data_sets(pairs):
    X, _ = pairs
    folds = list(DataSetKFold(2, random_state=1).split(X))
    assert len(folds) == 2
    assert sorted(len(names(X, "data_set", test)) for _, test in folds) == [1, 2]


def test_a_shared_population_is_held_out_whole_by_its_column(pairs):
    X, y = pairs
    table = cross_val_pairs(DummyRegressor(), X, y, LeaveOneCellTypeOut(), groups="population")
    folds = table.groupby("fold")["cell_type"].unique().map(set).tolist()
    assert {"x:cell003", "y:cell003"} in folds
    assert len(folds) == 8


def test_a_population_on_both_sides_is_said(pairs):
    X, y = pairs
    with pytest.warns(SharedPopulationWarning, match="'x:cell003', 'y:cell003' is tested.*groups='population'"):
        cross_val_pairs(DummyRegressor(), X, y, LeaveOneCellTypeOut())
    cross_val_pairs(DummyRegressor(), X, y, PairKFold(3))  # gaps of a table: cell types themselves are trained on
    cross_val_pairs(DummyRegressor(), X, y, DataSetKFold())


def in_order(X):
    """Leave one cell type out, as rows."""
    cells = X.cell_type_codes
    return [(np.flatnonzero(cells != code), np.flatnonzero(cells == code)) for code in range(len(X.cell_types))]


@pytest.mark.parametrize(
    ("cv", "groups", "way"),
    [
        (LeaveOneCellTypeOut(), None, "groups='population'"),
        (CellTypeKFold(9), None, "groups='population'"),
        (CrossedKFold(9, 2), None, "groups='population'"),
        (LineageKFold(), None, "give both one lineage in the table of cell types"),
        (LeaveOneGroupOut(), "name", "give them one label in groups"),
        ("rows", None, "leave pairs of its population out of the training rows in cv"),
        (StillCellTypes(), None, r"cv=LeaveOneCellTypeOut\(\), groups='population'"),
    ],
)
def test_what_is_said_of_twins_helps_with_the_splitter(pairs, cv, groups, way):
    X, y = pairs
    # one population, of two lineages in two data sets
    lineages = X.cell_types.assign(lineage=[*"aaaa", *"bbb", *"cc"])
    X = type(X)(X.tables.replace(cell_types=lineages), X.gene_codes, X.cell_type_codes)
    cv = in_order(X) if cv == "rows" else cv
    with pytest.warns(SharedPopulationWarning, match=f"hold both out: {way}$"):
        cross_val_pairs(DummyRegressor(), X, y, cv, groups=groups)


@pytest.mark.parametrize("cv", [LeaveOneCellTypeOut(), CellTypeKFold(4), CrossedKFold(4, 2)])
def test_groups_by_population_leave_no_twin(pairs, cv):
    X, y = pairs
    table = cross_val_pairs(DummyRegressor(), X, y, cv, groups="population")  # without a warning
    assert len(table) == len(X)
    # Of the crossed folds, pairs of tested genes are those of one chromosome, and no training pair is of that.
    for _, part in table.groupby("fold"):
        assert part["cell_type"].isin(["x:cell003", "y:cell003"]).groupby(part["gene"]).sum().isin([0, 2]).all()


def test_one_label_per_row_crosses_it_with_chromosomes_of_pairs(pairs):
    X, _ = pairs
    groups = X.cell_types["population"].to_numpy()[X.cell_type_codes]
    chroms = X.genes["chrom"].to_numpy()[X.gene_codes]
    for train, test in CrossedKFold(4, 2).split(X, groups=groups):
        assert not set(groups[train]) & set(groups[test])
        assert not set(chroms[train]) & set(chroms[test])
    both = np.column_stack([groups, chroms])
    for got, wanted in zip(*(CrossedKFold(4, 2).split(X, groups=g) for g in (groups, both)), strict=True):
        assert_exact(got[0], wanted[0])
        assert_exact(got[1], wanted[1])


def test_groups_of_plain_arrays_are_taken_as_they_are():
    folds = DataSetKFold().split(np.zeros((3, 1)), groups=["x", "y", "x"])
    assert [(train.tolist(), test.tolist()) for train, test in folds] == [([1], [0, 2]), ([0, 2], [1])]
    with pytest.raises(ValueError, match="needs groups= for a plain array: the data set of each row"):
        next(DataSetKFold().split(np.zeros((3, 1))))


def test_what_cannot_be_split_is_refused(pairs, simulated):
    X, _ = pairs
    with pytest.raises(ValueError, match="column 'data_set' in the table of cell types, which skepi"):
        next(DataSetKFold().split(simulated[0].pairs()))
    with pytest.raises(ValueError, match="needs at least 2 data sets, got 1"):
        next(DataSetKFold().split(X[X.cell_type_codes < 4]))
    same = X[np.isin(X.cell_type_codes, np.flatnonzero(X.cell_types["population"] == "cell003"))]
    with pytest.raises(ValueError, match="has no training pairs: all their populations"):
        next(DataSetKFold().split(same))


def test_missing_data_sets_are_refused(pairs):
    X, _ = pairs
    cell_types = X.cell_types.assign(data_set=[None, *X.cell_types["data_set"][1:]])
    other = type(X)(X.tables.replace(cell_types=cell_types), X.gene_codes, X.cell_type_codes)
    with pytest.raises(ValueError, match="data_set missing for 1 cell type"):
        next(DataSetKFold().split(other))
