"""Splitters in scikit-learn's form; groups come from the pairs, or from ``groups=`` for plain arrays."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import BaseCrossValidator, KFold
from sklearn.utils import check_random_state
from sklearn.utils.validation import _num_samples

from skepi._rows import cell_types_of, chromosomes_of, genes_of
from skepi.rows import is_pairs

IntArray = NDArray[np.int64]


def lineages_of(X: Any) -> IntArray:
    """Code of the lineage of each pair's cell type; an error where the table has no lineages."""
    if "lineage" not in X.cell_types:
        raise ValueError("splitting by lineage needs a column 'lineage' in the table of cell types")
    return pd.factorize(X.cell_types["lineage"])[0][X.cell_type_codes]


class _WholeGroupsKFold(BaseCrossValidator):
    """Folds of whole groups: each group is in the test rows of exactly one fold."""

    __metadata_request__split = {"groups": True}  # with metadata routing, ask for groups
    _kind = ""  # what a group is, for messages

    def __init__(self, n_splits: int = 5, *, shuffle: bool = True, random_state: Any = 0) -> None:
        self.n_splits = n_splits
        self.shuffle = shuffle
        self.random_state = random_state

    @staticmethod
    def _groups_of_pairs(X: Any) -> IntArray:
        raise NotImplementedError

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of folds."""
        return self.n_splits

    def split(self, X: Any, y: Any = None, groups: ArrayLike | None = None) -> Iterator[tuple[IntArray, IntArray]]:
        """Yield training and test row numbers of each fold.

        Parameters
        ----------
        X : pairs, or array-like of shape (n_rows, n_features)
        y : ignored
        groups : array-like of shape (n_rows,), optional
            Overrides the groups of pairs; required for plain arrays.

        Raises
        ------
        ValueError
            Where ``groups`` are missing, do not match the rows, or are fewer than the folds.
        """
        codes = self._codes(X, groups)
        for of_fold in folds_of_groups(np.unique(codes), self.n_splits, self.shuffle, self.random_state, self._kind):
            test = np.isin(codes, of_fold)
            yield np.flatnonzero(~test), np.flatnonzero(test)

    def _codes(self, X: Any, groups: ArrayLike | None) -> IntArray:
        if groups is None:
            if not is_pairs(X):
                raise ValueError(f"{type(self).__name__} needs groups= for a plain array: the {self._kind} of each row")
            return self._groups_of_pairs(X)
        return _codes_of(groups, _num_samples(X))


class CellTypeKFold(_WholeGroupsKFold):
    """Hold out whole cell types: no test cell type is seen in training.

    Parameters
    ----------
    n_splits : int, default=5
        At most the number of cell types.
    shuffle : bool, default=True
        Whether to deal cell types to folds at random or in the order of their table.
    random_state : int, RandomState or None, default=0

    Examples
    --------
    >>> [test.tolist() for _, test in CellTypeKFold(2, shuffle=False).split(np.zeros((4, 1)), groups=list("abba"))]
    [[0, 3], [1, 2]]
    """

    _kind = "cell type"
    _groups_of_pairs = staticmethod(cell_types_of)


class GeneKFold(_WholeGroupsKFold):
    """Hold out whole genes at random; neighbours on a chromosome may be apart (see ChromosomeKFold).

    Parameters are those of :class:`CellTypeKFold`. Skill does not exist for genes that were not trained on:
    score with :func:`skepi.metrics.within_gene_skill_scorer`.

    Examples
    --------
    >>> [test.tolist() for _, test in GeneKFold(2, shuffle=False).split(np.zeros((4, 1)), groups=list("abba"))]
    [[0, 3], [1, 2]]
    """

    _kind = "gene"
    _groups_of_pairs = staticmethod(genes_of)


class ChromosomeKFold(_WholeGroupsKFold):
    """Hold out whole chromosomes, so that no test gene shares peaks with a training gene.

    Parameters are those of :class:`CellTypeKFold`. Score with :func:`skepi.metrics.within_gene_skill_scorer`.

    Examples
    --------
    >>> chromosomes = ["chr1", "chr2", "chr1"]
    >>> [test.tolist() for _, test in ChromosomeKFold(2, shuffle=False).split(np.zeros((3, 1)), groups=chromosomes)]
    [[0, 2], [1]]
    """

    _kind = "chromosome"
    _groups_of_pairs = staticmethod(chromosomes_of)


class LineageKFold(_WholeGroupsKFold):
    """Hold out whole lineages, so that no sister cell type is left in training.

    Parameters
    ----------
    n_splits : int or None, default=None
        ``None`` leaves one lineage out at a time.
    shuffle, random_state
        As in :class:`CellTypeKFold`; not used with ``None``.

    Examples
    --------
    >>> lineages = ["lymphoid", "lymphoid", "myeloid", "stem"]
    >>> [test.tolist() for _, test in LineageKFold().split(np.zeros((4, 1)), groups=lineages)]
    [[0, 1], [2], [3]]
    """

    _kind = "lineage"
    _groups_of_pairs = staticmethod(lineages_of)

    def __init__(self, n_splits: int | None = None, *, shuffle: bool = True, random_state: Any = 0) -> None:
        super().__init__(n_splits, shuffle=shuffle, random_state=random_state)  # type: ignore[arg-type]

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of folds; with ``n_splits=None`` it is read from ``X`` or ``groups``."""
        return self.n_splits if self.n_splits is not None else np.unique(self._codes(X, groups)).size

    def split(self, X: Any, y: Any = None, groups: ArrayLike | None = None) -> Iterator[tuple[IntArray, IntArray]]:
        """Yield training and test row numbers of each fold; see :meth:`CellTypeKFold.split`."""
        if self.n_splits is not None:
            yield from super().split(X, y, groups)
        else:
            yield from _leave_each_out(self._codes(X, groups), self._kind)


class LeaveOneCellTypeOut(_WholeGroupsKFold):
    """Hold out one cell type at a time, in the order of their table.

    Examples
    --------
    >>> [test.tolist() for _, test in LeaveOneCellTypeOut().split(np.zeros((3, 1)), groups=["B", "T", "B"])]
    [[0, 2], [1]]
    """

    _kind = "cell type"
    _groups_of_pairs = staticmethod(cell_types_of)

    def __init__(self) -> None:
        pass

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of cell types in ``X`` or ``groups``."""
        return np.unique(self._codes(X, groups)).size

    def split(self, X: Any, y: Any = None, groups: ArrayLike | None = None) -> Iterator[tuple[IntArray, IntArray]]:
        """Yield training and test row numbers of each fold; see :meth:`CellTypeKFold.split`."""
        yield from _leave_each_out(self._codes(X, groups), self._kind)


class CrossedKFold(BaseCrossValidator):
    """Hold out cell types and chromosomes at once: test pairs have both unseen, training pairs neither.

    Pairs with only one of the two unseen are in neither set. Every pair is tested exactly once, over
    ``n_cell_type_splits * n_chromosome_splits`` folds. Score with
    :func:`skepi.metrics.within_gene_skill_scorer`, because test genes have no training mean.

    Parameters
    ----------
    n_cell_type_splits, n_chromosome_splits : int, default=5 and 2
    shuffle : bool, default=True
    random_state : int, RandomState or None, default=0

    Examples
    --------
    >>> groups = [["B", "chr1"], ["B", "chr2"], ["T", "chr1"], ["T", "chr2"]]
    >>> folds = CrossedKFold(2, 2, shuffle=False).split(np.zeros((4, 1)), groups=groups)
    >>> [(train.tolist(), test.tolist()) for train, test in folds]
    [([3], [0]), ([2], [1]), ([1], [2]), ([0], [3])]
    """

    __metadata_request__split = {"groups": True}
    _kind = "cell type"

    def __init__(
        self,
        n_cell_type_splits: int = 5,
        n_chromosome_splits: int = 2,
        *,
        shuffle: bool = True,
        random_state: Any = 0,
    ) -> None:
        self.n_cell_type_splits = n_cell_type_splits
        self.n_chromosome_splits = n_chromosome_splits
        self.shuffle = shuffle
        self.random_state = random_state

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of folds."""
        return self.n_cell_type_splits * self.n_chromosome_splits

    def split(self, X: Any, y: Any = None, groups: ArrayLike | None = None) -> Iterator[tuple[IntArray, IntArray]]:
        """Yield training and test row numbers of each fold.

        Parameters
        ----------
        X : pairs, or array-like of shape (n_rows, n_features)
        y : ignored
        groups : array-like of shape (n_rows, 2) or (n_rows,), optional
            Cell type and chromosome of each row; required for plain arrays. One label per row stands for the cell type
            (as the population does, in a pool), where ``X`` are pairs, which know their chromosomes.

        Raises
        ------
        ValueError
            Where ``groups`` are missing or have another shape, there are fewer cell types or chromosomes than folds,
            or a fold has no pairs.
        """
        cell, chrom = self._codes(X, groups)
        settings = self.shuffle, self.random_state
        cell_folds = folds_of_groups(np.unique(cell), self.n_cell_type_splits, *settings, "cell type")
        chrom_folds = folds_of_groups(np.unique(chrom), self.n_chromosome_splits, *settings, "chromosome")
        for cells in cell_folds:
            for chroms in chrom_folds:
                of_cell, of_chrom = np.isin(cell, cells), np.isin(chrom, chroms)
                train, test = np.flatnonzero(~of_cell & ~of_chrom), np.flatnonzero(of_cell & of_chrom)
                if train.size == 0 or test.size == 0:
                    raise ValueError("a crossed fold has no pairs: too few of the cell types have these chromosomes")
                yield train, test

    @staticmethod
    def _codes(X: Any, groups: ArrayLike | None) -> tuple[IntArray, IntArray]:
        if groups is None:
            if not is_pairs(X):
                raise ValueError("CrossedKFold needs groups= for a plain array: cell type and chromosome of each row")
            return cell_types_of(X), chromosomes_of(X)
        both = np.asarray(groups)
        if both.ndim == 1 and is_pairs(X):
            return _codes_of(both, _num_samples(X)), chromosomes_of(X)
        if both.ndim != 2 or both.shape[1] != 2:
            raise ValueError(f"groups must have two columns, cell type and chromosome; got shape {both.shape}")
        n_rows = _num_samples(X)
        return _codes_of(both[:, 0], n_rows), _codes_of(both[:, 1], n_rows)


class PairKFold(KFold):
    """Random pairs: the report's kind of split, where test cell types and genes are seen in training.

    Parameters
    ----------
    n_splits : int, default=5
    shuffle : bool, default=True
    random_state : int, RandomState or None, default=0

    Examples
    --------
    >>> from skepi.datasets import make_paired_openness
    >>> X = make_paired_openness(n_genes=20, n_cell_types=4, n_lineages=2)[0].pairs()  # no cell type is new in testing
    >>> [set(X[test].cell_type_codes) <= set(X[train].cell_type_codes) for train, test in PairKFold(2).split(X)]
    [True, True]
    """

    def __init__(self, n_splits: int = 5, *, shuffle: bool = True, random_state: Any = 0) -> None:
        super().__init__(n_splits, shuffle=shuffle, random_state=random_state if shuffle else None)
        self.random_state = random_state


def train_dev_test_split(
    X: Any, y: ArrayLike, sizes: tuple[float, float, float] = (0.9, 0.05, 0.05), random_state: Any = 0
) -> tuple[Any, Any, Any, NDArray, NDArray, NDArray]:
    """Cut rows at random into training, development and test sets, as the report does.

    Parameters
    ----------
    X : pairs or array of shape (n_rows, ...)
    y : array-like of shape (n_rows,)
    sizes : tuple of float, default=(0.9, 0.05, 0.05)
        Fractions of the rows, each greater than 0, that add up to 1.
    random_state : int, RandomState or None, default=0

    Returns
    -------
    X_train, X_dev, X_test, y_train, y_dev, y_test

    Raises
    ------
    ValueError
        Where the fractions do not add up to 1, or one of the three would be empty.

    Examples
    --------
    >>> parts = train_dev_test_split(np.zeros((20, 1)), np.arange(20))
    >>> [len(part) for part in parts]
    [18, 1, 1, 18, 1, 1]
    """
    y = np.asarray(y)
    n_rows = _num_samples(X)
    if y.shape[0] != n_rows:
        raise ValueError(f"y has {y.shape[0]} values for {n_rows} rows")
    if len(sizes) != 3 or min(sizes) <= 0 or not np.isclose(sum(sizes), 1):
        raise ValueError(f"sizes must be three fractions greater than 0 that add up to 1, got {sizes}")
    cuts = np.round(np.cumsum(sizes)[:2] * n_rows).astype(int)
    parts = np.split(check_random_state(random_state).permutation(n_rows), cuts)
    if any(part.size == 0 for part in parts):
        raise ValueError(f"{n_rows} rows are too few for sizes {sizes}: a set would be empty")
    if not hasattr(X, "shape"):
        X = np.asarray(X)
    rows = X.iloc if hasattr(X, "iloc") else X
    train, dev, test = parts
    return rows[train], rows[dev], rows[test], y[train], y[dev], y[test]


def folds_of_groups(groups: IntArray, n_splits: int, shuffle: bool, random_state: Any, kind: str) -> list[IntArray]:
    """Deal distinct groups to folds of nearly equal numbers of groups."""
    if n_splits < 2:
        raise ValueError(f"n_splits must be 2 or greater, got {n_splits}")
    if groups.size < n_splits:
        raise ValueError(f"{n_splits} folds need at least {n_splits} {kind}s, got {groups.size}")
    order = check_random_state(random_state).permutation(groups) if shuffle else groups
    return [np.sort(fold) for fold in np.array_split(order, n_splits)]


def _leave_each_out(codes: IntArray, kind: str) -> Iterator[tuple[IntArray, IntArray]]:
    groups = np.unique(codes)
    if groups.size < 2:
        raise ValueError(f"leaving one {kind} out needs at least 2 {kind}s, got {groups.size}")
    for group in groups:
        yield np.flatnonzero(codes != group), np.flatnonzero(codes == group)


def _codes_of(groups: ArrayLike, n_rows: int) -> IntArray:
    labels = np.asarray(groups)
    if labels.shape != (n_rows,):
        raise ValueError(f"groups have shape {labels.shape}, wanted ({n_rows},): one a row")
    if pd.isna(labels).any():
        raise ValueError(f"{int(pd.isna(labels).sum())} row(s) have no group")
    return np.unique(labels, return_inverse=True)[1]
