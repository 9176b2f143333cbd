"""Folds: splitters, lists of rows, groups."""

import numpy as np
import pandas as pd
import pytest
from promises import assert_exact
from sklearn.dummy import DummyRegressor
from sklearn.model_selection import GroupKFold, LeaveOneGroupOut

from skepi._rows import cell_types_of, chromosomes_of
from skepi.comparison import compare_models
from skepi.compose import GeneZTarget
from skepi.datasets import make_paired_openness
from skepi.exceptions import UnknownNameError
from skepi.inspection import cell_type_influence
from skepi.model_selection import CellTypeKFold, CrossedKFold, LeaveOneCellTypeOut, cross_val_pairs, shuffle_control
from skepi.paired import PairedDataset

MODEL = GeneZTarget(DummyRegressor())


@pytest.fixture(scope="module")
def data():
    made, _ = make_paired_openness(n_genes=6, n_cell_types=8, n_lineages=2)
    cell_types = made.cell_types.assign(donor=["a", "b", "c", "d"] * 2)
    return PairedDataset(made.openness, made.peaks, made.genes, made.expression, cell_types)


def test_a_list_of_rows_gives_the_folds_of_its_splitter(data):
    X, y = data.pairs(return_X_y=True)
    splits = list(CellTypeKFold(4).split(X))
    wanted = cross_val_pairs(MODEL, X, y, CellTypeKFold(4))
    masks = [tuple(np.isin(np.arange(len(X)), part) for part in fold) for fold in splits]
    for cv in (splits, iter(splits), masks):
        assert_exact(cross_val_pairs(MODEL, X, y, cv), wanted)


def test_lists_of_rows_serve_wherever_a_splitter_does(data):
    X, y = data.pairs(return_X_y=True)
    cv, splits = LeaveOneCellTypeOut(), list(LeaveOneCellTypeOut().split(X))
    assert_exact(cell_type_influence(MODEL, X, y, splits), cell_type_influence(MODEL, X, y, cv))
    one, other = (shuffle_control(MODEL, X, y, each, n_permutations=2) for each in (cv, iter(splits)))
    assert_exact(other.scores, one.scores)
    one, other = (compare_models({"m": MODEL}, data, {"s": each}, n_bootstrap=10) for each in (cv, splits))
    assert_exact(other.to_frame(), one.to_frame())


@pytest.mark.parametrize("named", [True, False], ids=["column", "labels"])
def test_groups_keep_donors_together(data, named):
    X, y = data.pairs(return_X_y=True)
    donors = data.cell_types["donor"].to_numpy()[X.cell_type_codes]
    table = cross_val_pairs(MODEL, X, y, LeaveOneGroupOut(), groups="donor" if named else donors)
    donor = table["cell_type"].map(data.cell_types.set_index("name")["donor"])
    assert table.groupby("fold")["fold"].size().tolist() == [12] * 4
    assert (donor.groupby(table["fold"]).nunique() == 1).all()
    assert (table["cell_type"].nunique(), len(table)) == (8, len(X))


def test_the_control_keeps_groups_together(data):
    X, y = data.pairs(return_X_y=True)
    control = shuffle_control(MODEL, X, y, GroupKFold(2), groups="donor", n_permutations=2)
    folds = list(GroupKFold(2).split(X, y, data.cell_types["donor"].to_numpy()[X.cell_type_codes]))
    assert_exact(control.scores, shuffle_control(MODEL, X, y, folds, n_permutations=2).scores)


@pytest.mark.parametrize(
    ("cv", "groups", "error", "message"),
    [
        (5, None, TypeError, r"cv must be a splitter such as CellTypeKFold\(5\), or a list of training and test rows"),
        ("five", None, TypeError, "cv must be a splitter .* got 'five'"),
        (CellTypeKFold, None, TypeError, r"cv must be a splitter, such as CellTypeKFold\(...\), got the class"),
        ([], None, ValueError, "cv holds no folds"),
        (([0, 1], [2, 3]), None, ValueError, r"fold 0 is no pair .* wanted a list of rows, got 0. One split is"),
        ((range(40), range(40, 48)), None, ValueError, r"fold 0 is no pair .* a list of one fold: \[\(train, test\)\]"),
        ([(range(40), [40, 41, 40])], None, ValueError, "cv: fold 0 tests some rows twice: '40'$"),
        (
            [(range(40), range(30, 48))],
            None,
            ValueError,
            "fold 0 trains on 10 of the rows that it tests, such as row 30",
        ),
        ([(range(40), [99])], None, ValueError, "cv: fold 0 is no pair of training and test rows of 48 pairs"),
        ([(range(40),)], None, ValueError, "cv: fold 0 is no pair of training and test rows of 48 pairs"),
        ([(range(40), [])], None, ValueError, "cv: fold 0 is no pair|cv: fold 0 has no test rows"),
        ([(range(40), range(40, 48))], "donor", ValueError, "cv holds the rows of folds already: leave groups out"),
        (LeaveOneGroupOut(), "lab", UnknownNameError, "groups='lab' is no column of cell_types, which has 'name'"),
        (LeaveOneGroupOut(), ["a"] * 8, ValueError, r"groups: labels have shape \(8,\), wanted \(48,\): one per pair"),
        (LeaveOneGroupOut(), [None] * 48, ValueError, r"groups: 48 pair\(s\) have no label"),
    ],
)
def test_what_is_no_split_is_refused(data, cv, groups, error, message):
    X, y = data.pairs(return_X_y=True)
    with pytest.raises(error, match=message):
        cross_val_pairs(MODEL, X, y, cv, groups=groups)


def test_a_class_is_no_estimator(data):
    X, y = data.pairs(return_X_y=True)
    with pytest.raises(TypeError, match="estimator must be an estimator with fit and predict, such as Ridge"):
        cross_val_pairs(GeneZTarget, X, y, CellTypeKFold(2))


@pytest.mark.filterwarnings("ignore::skepi.exceptions.UnseenGeneWarning")
def test_groups_of_two_columns_cross(data):
    X, y = data.pairs(return_X_y=True)
    own = np.column_stack([cell_types_of(X), chromosomes_of(X)])
    by_pairs = cross_val_pairs(MODEL, X, y, CrossedKFold(2, 2))
    assert_exact(cross_val_pairs(MODEL, X, y, CrossedKFold(2, 2), groups=own), by_pairs)


def test_groups_in_a_series_are_taken_by_position(data):
    X, y = data.pairs(return_X_y=True)
    donors = pd.Series(data.cell_types["donor"].to_numpy()[X.cell_type_codes], index=range(100, 148))
    by_name = cross_val_pairs(MODEL, X, y, LeaveOneGroupOut(), groups="donor")
    assert_exact(cross_val_pairs(MODEL, X, y, LeaveOneGroupOut(), groups=donors), by_name)
