"""Splitters: whole groups stay whole, every pair is tested once, and nothing falls back in silence."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from promises import assert_exact, assert_float64_sums
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.dummy import DummyRegressor
from sklearn.model_selection import GridSearchCV, cross_val_score

from skepi.compose import GeneZTarget
from skepi.metrics import within_gene_skill_scorer
from skepi.model_selection import (
    CellTypeKFold,
    ChromosomeKFold,
    CrossedKFold,
    DataSetKFold,
    GeneKFold,
    LeaveOneCellTypeOut,
    LineageKFold,
    PairKFold,
    train_dev_test_split,
)
from skepi.paired import PairedDataset


def small_dataset(n_genes, n_cell_types, n_chromosomes, n_lineages=None):
    """Genes dealt to chromosomes and cell types to lineages in turn; a peak on each chromosome."""
    chroms = [f"chr{i}" for i in range(n_chromosomes)]
    cell_types = pd.DataFrame({"name": [f"cell{i}" for i in range(n_cell_types)]})
    if n_lineages is not None:
        cell_types["lineage"] = [f"lineage{i % n_lineages}" for i in range(n_cell_types)]
    return PairedDataset(
        openness=np.ones((n_chromosomes, n_cell_types)),
        peaks={"chrom": chroms, "start": [0] * n_chromosomes, "end": [9] * n_chromosomes},
        genes={
            "name": [f"gene{i}" for i in range(n_genes)],
            "chrom": [chroms[i % n_chromosomes] for i in range(n_genes)],
            "tss": list(range(n_genes)),
            "strand": ["+"] * n_genes,
        },
        cell_types=cell_types,
    )


# By name of the splitter: what it keeps whole, as a column of the frame below.
WHOLE = {
    CellTypeKFold: ["cell_type"],
    LeaveOneCellTypeOut: ["cell_type"],
    LineageKFold: ["lineage", "cell_type"],
    GeneKFold: ["gene"],
    ChromosomeKFold: ["chrom", "gene"],
    CrossedKFold: ["cell_type", "chrom", "gene"],
    PairKFold: [],
}

splitters = st.one_of(
    st.builds(CellTypeKFold, st.integers(2, 4), shuffle=st.booleans(), random_state=st.integers(0, 99)),
    st.builds(GeneKFold, st.integers(2, 5), shuffle=st.booleans(), random_state=st.integers(0, 99)),
    st.builds(ChromosomeKFold, st.integers(2, 3), shuffle=st.booleans(), random_state=st.integers(0, 99)),
    st.builds(LineageKFold, st.sampled_from([None, 2]), shuffle=st.booleans(), random_state=st.integers(0, 99)),
    st.builds(PairKFold, st.integers(2, 5), shuffle=st.booleans(), random_state=st.integers(0, 99)),
    st.builds(CrossedKFold, st.integers(2, 4), st.integers(2, 3), random_state=st.integers(0, 99)),
    st.builds(LeaveOneCellTypeOut),
)


@st.composite
def grids(draw):
    """Pairs of 5-8 genes on 3 chromosomes and 4-7 cell types of 2 lineages, in any row order."""
    n_genes, n_cell_types = draw(st.integers(5, 8)), draw(st.integers(4, 7))
    X = small_dataset(n_genes, n_cell_types, 3, 2).pairs()
    return X[np.array(draw(st.permutations(range(len(X)))))]


def labels_of(X):
    """Names of all that a pair can be grouped by."""
    frame = X.to_frame()
    frame["chrom"] = X.genes["chrom"].to_numpy()[X.gene_codes]
    if "lineage" in X.cell_types:
        frame["lineage"] = X.cell_types["lineage"].to_numpy()[X.cell_type_codes]
    return frame


# --- laws of every splitter


@given(grids(), splitters)
def test_every_pair_is_tested_exactly_once(X, cv):
    folds = list(cv.split(X))
    tested = np.concatenate([test for _, test in folds])
    assert np.sort(tested).tolist() == list(range(len(X)))
    assert all(train.size and test.size for train, test in folds)


@given(grids(), splitters)
def test_training_and_test_rows_are_disjoint_and_share_no_group(X, cv):
    labels = labels_of(X)
    for train, test in cv.split(X):
        assert not set(train) & set(test)
        for column in WHOLE[type(cv)]:
            assert not set(labels[column].iloc[train]) & set(labels[column].iloc[test])


@given(grids(), splitters)
def test_training_rows_are_all_that_share_nothing_with_the_test_rows(X, cv):
    """No pair is thrown away without need: in crossed folds only those with one of the two unseen."""
    labels = labels_of(X)
    for train, test in cv.split(X):
        left = np.setdiff1d(np.arange(len(X)), test)
        for column in WHOLE[type(cv)]:
            left = left[~labels[column].iloc[left].isin(labels[column].iloc[test])]
        assert train.tolist() == left.tolist()


@given(grids(), splitters)
def test_get_n_splits_agrees_with_split(X, cv):
    assert cv.get_n_splits(X) == len(list(cv.split(X)))


@given(grids(), splitters)
def test_a_splitter_gives_the_same_folds_each_time(X, cv):
    first, second = list(cv.split(X)), list(cv.split(X))
    for (train, test), (train_again, test_again) in zip(first, second, strict=True):
        np.testing.assert_array_equal(train, train_again)
        np.testing.assert_array_equal(test, test_again)


@given(grids(), st.sampled_from([CellTypeKFold, GeneKFold, ChromosomeKFold, LineageKFold]))
def test_group_of_a_row_does_not_depend_on_its_place(X, splitter):
    """Folds are made of names: shuffled rows give the same names in the same fold."""
    order = np.argsort(X.gene_codes * 100 + X.cell_type_codes)
    for (_, test), (_, test_sorted) in zip(splitter(2).split(X), splitter(2).split(X[order]), strict=True):
        assert set(test) == set(order[test_sorted])


@given(st.integers(2, 6), st.integers(0, 12), st.booleans())
def test_folds_have_nearly_equal_numbers_of_groups(n_splits, more, shuffle):
    groups = np.arange(n_splits + more)
    cv = CellTypeKFold(n_splits, shuffle=shuffle)
    sizes = [test.size for _, test in cv.split(np.zeros((groups.size, 1)), groups=groups)]
    assert max(sizes) - min(sizes) <= 1


def test_crossed_folds_test_one_cell_type_on_one_chromosome_and_train_on_the_others():
    X = small_dataset(6, 5, 3).pairs()
    labels = labels_of(X)
    for train, test in CrossedKFold(5, 3).split(X):
        assert len(set(labels["cell_type"].iloc[test])) == 1
        assert len(set(labels["chrom"].iloc[test])) == 1
        assert len(set(labels["cell_type"].iloc[train])) == 4
        assert len(set(labels["chrom"].iloc[train])) == 2


# --- random state


@pytest.mark.parametrize("splitter", [CellTypeKFold, GeneKFold, PairKFold, CrossedKFold, ChromosomeKFold])
def test_random_state_changes_the_folds(splitter):
    X = small_dataset(12, 10, 8).pairs()

    def first_tests(**settings):
        return [test.tolist() for _, test in splitter(2, **settings).split(X)]

    assert first_tests(random_state=1) == first_tests(random_state=1)
    assert len({str(first_tests(random_state=seed)) for seed in range(8)}) > 1
    assert first_tests(shuffle=False, random_state=1) == first_tests(shuffle=False, random_state=2)


def test_unshuffled_cell_types_are_dealt_in_the_order_of_their_table():
    X = small_dataset(1, 4, 1).pairs(cell_types=["cell3", "cell0", "cell2", "cell1"])
    names = [X[test].to_frame()["cell_type"].tolist() for _, test in CellTypeKFold(2, shuffle=False).split(X)]
    assert names == [["cell0", "cell1"], ["cell3", "cell2"]]


def test_leave_one_out_goes_through_cell_types_and_lineages_in_order():
    X = small_dataset(1, 4, 1, 2).pairs()
    assert [test.tolist() for _, test in LeaveOneCellTypeOut().split(X)] == [[0], [1], [2], [3]]
    assert [test.tolist() for _, test in LineageKFold().split(X)] == [[0, 2], [1, 3]]


def test_repr_names_the_settings():
    assert repr(CellTypeKFold(3)) == "CellTypeKFold(n_splits=3, random_state=0, shuffle=True)"
    assert repr(LeaveOneCellTypeOut()) == "LeaveOneCellTypeOut()"


# --- groups of plain arrays

ONE_GROUP = [
    CellTypeKFold(2),
    GeneKFold(2),
    ChromosomeKFold(2),
    LineageKFold(2),
    LineageKFold(),
    DataSetKFold(),
    LeaveOneCellTypeOut(),
]
by_name = pytest.mark.parametrize("cv", ONE_GROUP, ids=lambda cv: f"{type(cv).__name__}")


@by_name
@pytest.mark.parametrize("groups", [list("abba"), np.array([7, 3, 3, 7]), pd.Series(list("xyyx"))])
def test_plain_arrays_are_split_by_groups(cv, groups):
    tests = {tuple(test) for _, test in cv.split(np.zeros((4, 1)), groups=groups)}
    assert tests == {(0, 3), (1, 2)}
    assert cv.get_n_splits(np.zeros((4, 1)), groups=groups) == 2


def test_groups_override_those_of_pairs():
    X = small_dataset(2, 2, 1).pairs()
    groups = ["a", "b", "b", "a"]
    tests = {tuple(test) for _, test in CellTypeKFold(2).split(X, groups=groups)}
    assert tests == {(0, 3), (1, 2)}


def test_crossed_folds_of_plain_arrays():
    # Four rows, each cell type with each chromosome: a fold tests one row and trains on the opposite one.
    groups = [["c1", "chr1"], ["c1", "chr2"], ["c2", "chr1"], ["c2", "chr2"]]
    folds = {(*train, *test) for train, test in CrossedKFold(2, 2).split(np.zeros((4, 1)), groups=groups)}
    assert folds == {(0, 3), (1, 2), (2, 1), (3, 0)}


# --- errors


@by_name
def test_plain_arrays_without_groups_are_refused(cv):
    with pytest.raises(ValueError, match=rf"{type(cv).__name__} needs groups= for a plain array: the .* of each row"):
        next(cv.split(np.zeros((4, 1))))


@pytest.mark.parametrize("cv", [LineageKFold(), LeaveOneCellTypeOut()])
def test_number_of_folds_read_from_nothing_is_refused(cv):
    with pytest.raises(ValueError, match="needs groups= for a plain array"):
        cv.get_n_splits()


@by_name
@pytest.mark.parametrize("groups", [list("abb"), [["a"], ["b"], ["b"], ["a"]]], ids=["short", "column"])
def test_groups_of_another_shape_are_refused(cv, groups):
    with pytest.raises(ValueError, match=r"groups have shape .*, wanted \(4,\): one a row"):
        next(cv.split(np.zeros((4, 1)), groups=groups))


@pytest.mark.parametrize(
    ("cv", "kind"), [(CellTypeKFold, "cell type"), (GeneKFold, "gene"), (ChromosomeKFold, "chromosome")]
)
def test_fewer_groups_than_folds_are_refused(cv, kind):
    X = small_dataset(3, 3, 3).pairs()
    with pytest.raises(ValueError, match=f"4 folds need at least 4 {kind}s, got 3"):
        next(cv(4).split(X))
    with pytest.raises(ValueError, match="n_splits must be 2 or greater, got 1"):
        next(cv(1).split(X))


def test_fewer_lineages_than_folds_are_refused():
    X = small_dataset(2, 4, 1, 2).pairs()
    with pytest.raises(ValueError, match="3 folds need at least 3 lineages, got 2"):
        next(LineageKFold(3).split(X))


@pytest.mark.parametrize("cv", [LineageKFold(), LeaveOneCellTypeOut()])
def test_leaving_out_the_only_group_is_refused(cv):
    X = small_dataset(2, 1, 1, 1).pairs()
    with pytest.raises(ValueError, match=r"one (lineage|cell type) out needs at least 2 .*s, got 1"):
        next(cv.split(X))


def test_a_table_without_lineages_is_refused():
    X = small_dataset(2, 4, 1).pairs()
    with pytest.raises(ValueError, match="needs a column 'lineage' in the table of cell types"):
        next(LineageKFold().split(X))


def test_crossed_folds_that_cannot_be_made_are_refused():
    X = small_dataset(4, 3, 2).pairs()
    with pytest.raises(ValueError, match="4 folds need at least 4 cell types, got 3"):
        next(CrossedKFold(4, 2).split(X))
    with pytest.raises(ValueError, match="3 folds need at least 3 chromosomes, got 2"):
        next(CrossedKFold(3, 3).split(X))
    with pytest.raises(ValueError, match="needs groups= for a plain array: cell type and chromosome"):
        next(CrossedKFold(2, 2).split(np.zeros((4, 1))))
    for bad in (list("abab"), [["a"]] * 4):
        with pytest.raises(ValueError, match="groups must have two columns, cell type and chromosome; got shape"):
            next(CrossedKFold(2, 2).split(np.zeros((4, 1)), groups=bad))
    with pytest.raises(ValueError, match=r"groups have shape \(3,\), wanted \(4,\)"):
        next(CrossedKFold(2, 2).split(np.zeros((4, 1)), groups=[["a", "b"]] * 3))


def test_a_crossed_fold_without_pairs_is_refused():
    # Cell type a is known on chromosome 1 only, b on 2 only: testing (a, 2) has no row.
    groups = [["a", "1"], ["b", "2"]]
    with pytest.raises(ValueError, match="a crossed fold has no pairs"):
        list(CrossedKFold(2, 2).split(np.zeros((2, 1)), groups=groups))


# --- in scikit-learn


class NamesSeen(RegressorMixin, BaseEstimator):
    """Scores the share of test pairs whose cell type was in training."""

    def __init__(self, column="cell_type"):
        self.column = column

    def fit(self, X, y):
        self.seen_ = set(labels_of(X)[self.column])
        return self

    def score(self, X, y):
        return labels_of(X)[self.column].isin(self.seen_).mean()


@pytest.mark.parametrize(
    ("cv", "seen"),
    [
        (CellTypeKFold(3), {"cell_type": 0, "chrom": 1}),
        (ChromosomeKFold(2), {"cell_type": 1, "chrom": 0}),
        (CrossedKFold(3, 2), {"cell_type": 0, "chrom": 0, "gene": 0}),
        (LineageKFold(), {"lineage": 0, "gene": 1}),
        (LeaveOneCellTypeOut(), {"cell_type": 0, "gene": 1}),
        (GeneKFold(3), {"gene": 0, "cell_type": 1}),
        (PairKFold(3), {"gene": 1, "cell_type": 1}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_grid_search_over_pairs_holds_out_what_it_should(pairs, cv, seen):
    search = GridSearchCV(NamesSeen(), {"column": list(seen)}, cv=cv, refit=False).fit(*pairs)
    assert search.n_splits_ == cv.get_n_splits(pairs[0])
    assert_exact(search.cv_results_["mean_test_score"], list(seen.values()))


def test_groups_reach_the_splitter_in_a_search(rng):
    X, y = rng.normal(size=(12, 2)), rng.normal(size=12)
    groups = np.repeat(list("abc"), 4)
    search = GridSearchCV(DummyRegressor(), {"strategy": ["mean"]}, cv=CellTypeKFold(3)).fit(X, y, groups=groups)
    assert search.n_splits_ == 3
    with pytest.raises(ValueError, match="CellTypeKFold needs groups= for a plain array"):
        cross_val_score(DummyRegressor(), X, y, cv=CellTypeKFold(3))


@pytest.mark.filterwarnings("ignore::skepi.exceptions.UnseenGeneWarning")
def test_crossed_folds_work_in_cross_val_score(pairs):
    model = GeneZTarget(DummyRegressor())
    scores = cross_val_score(model, *pairs, cv=CrossedKFold(3, 2), scoring=within_gene_skill_scorer)
    assert_float64_sums(scores, np.zeros(6), summed=1)


# --- three parts at random


@given(
    st.integers(20, 200),
    st.sampled_from([(0.9, 0.05, 0.05), (0.5, 0.25, 0.25), (0.2, 0.7, 0.1)]),
    st.integers(0, 9),
)
def test_train_dev_test_parts_are_disjoint_cover_and_have_their_sizes(n_rows, sizes, seed):
    X, y = np.arange(n_rows)[:, None], np.arange(n_rows) * 2
    *Xs, y_train, y_dev, y_test = train_dev_test_split(X, y, sizes, random_state=seed)
    for rows, values, size in zip(Xs, (y_train, y_dev, y_test), sizes, strict=True):
        assert abs(len(rows) - size * n_rows) <= 1
        np.testing.assert_array_equal(rows[:, 0] * 2, values)
    assert np.sort(np.concatenate(Xs)[:, 0]).tolist() == list(range(n_rows))


def test_train_dev_test_split_by_hand():
    parts = train_dev_test_split(np.arange(40)[:, None], np.arange(40))
    assert [len(part) for part in parts] == [36, 2, 2] * 2


def test_fractions_are_not_cut_short_by_rounding():
    # .7 + .2 is 0.8999999999999999 in floating point: the development set of 30 rows has 6 all the same.
    parts = train_dev_test_split(np.zeros((30, 1)), np.arange(30), (0.7, 0.2, 0.1))
    assert [len(part) for part in parts[:3]] == [21, 6, 3]


def test_train_dev_test_split_takes_frames_lists_and_pairs(simulated, pairs):
    X, y = pairs
    parts = train_dev_test_split(X, y, (0.6, 0.2, 0.2))
    for rows, values in zip(parts[:3], parts[3:], strict=True):
        np.testing.assert_array_equal(simulated[0].expression[rows.gene_codes, rows.cell_type_codes], values)
    table = pd.DataFrame({"a": range(10)}, index=list("jihgfedcba"))
    *Xs, y_train, y_dev, y_test = train_dev_test_split(table, range(10), (0.6, 0.2, 0.2))
    for rows, values in zip(Xs, (y_train, y_dev, y_test), strict=True):
        assert isinstance(rows, pd.DataFrame)
        np.testing.assert_array_equal(rows["a"], values)
    as_list = train_dev_test_split([[i] for i in range(10)], list(range(10)), (0.6, 0.2, 0.2))
    np.testing.assert_array_equal(as_list[0][:, 0], as_list[3])


def test_train_dev_test_split_is_reproducible():
    X, y = np.arange(50)[:, None], np.arange(50)
    first, again, other = (train_dev_test_split(X, y, random_state=seed)[5] for seed in (3, 3, 4))
    assert first.tolist() == again.tolist() != other.tolist()


@pytest.mark.parametrize(
    "sizes",
    [(0.9, 0.1), (0.9, 0.1, 0.0), (0.9, 0.2, -0.1), (0.9, 0.05, 0.04), (90, 5, 5), (np.nan, 0.5, 0.5)],
)
def test_sizes_that_are_no_fractions_are_refused(sizes):
    with pytest.raises(ValueError, match="sizes must be three fractions greater than 0 that add up to 1"):
        train_dev_test_split(np.zeros((20, 1)), np.zeros(20), sizes)


def test_rows_that_cannot_be_cut_are_refused():
    with pytest.raises(ValueError, match="y has 4 values for 5 rows"):
        train_dev_test_split(np.zeros((5, 1)), np.zeros(4))
    with pytest.raises(ValueError, match=r"5 rows are too few for sizes .*: a set would be empty"):
        train_dev_test_split(np.zeros((5, 1)), np.zeros(5))
