"""Ready-made splits by name, and the folds that splits make."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skepi._folds import check_splits, rows_of_folds
from skepi.comparison._controls import Source
from skepi.model_selection import (
    CellTypeKFold,
    ChromosomeKFold,
    CrossedKFold,
    LeaveOneCellTypeOut,
    LineageKFold,
    PairKFold,
)

BoolArray = NDArray[np.bool_]

#: Names of ready-made splits.
READY_MADE = ("random pairs", "cell types", "lineages", "chromosomes", "crossed")

# So many cell types are left out one by one; more are held out by fifths.
_LEAVE_ONE_OUT = 30


class Fold(NamedTuple):
    """Training and test pairs of one fold, as bits of a table genes x cell types: few bytes, however many folds.

    Attributes
    ----------
    source : Source
    split : str
    number : int
        From 0.
    train_bits, test_bits : ndarray of uint8
    """

    source: Source
    split: str
    number: int
    train_bits: NDArray[np.uint8]
    test_bits: NDArray[np.uint8]

    @property
    def train(self) -> BoolArray:
        """Whether a pair is trained on, (n_genes, n_cell_types)."""
        return _unpacked(self.train_bits, self.source)

    @property
    def test(self) -> BoolArray:
        """Whether a pair is held out and scored, (n_genes, n_cell_types)."""
        return _unpacked(self.test_bits, self.source)

    def testing(self, test: BoolArray) -> "Fold":
        """Score these pairs alone."""
        return self._replace(test_bits=np.packbits(test))

    def __str__(self) -> str:
        control = "" if self.source.permutation == 0 else f" of control {self.source.control!r}"
        return f"split {self.split!r}, fold {self.number}{control}"


def checked_splits(splits: Any, source: Source) -> dict[str, Any]:
    """Splitters by name, in the order given.

    Raises
    ------
    TypeError
        For anything but a dict of splitters or a sequence of names.
    ValueError
        For no splits, and names of no ready-made split.
    """
    splits = [splits] if isinstance(splits, str) else splits
    if not isinstance(splits, Mapping | Sequence):
        raise TypeError(f"splits: wanted a dict of splitters, or names of {READY_MADE}, got {splits!r}")
    if not splits:
        raise ValueError("splits: wanted at least one, got none")
    if isinstance(splits, Mapping):
        for name, splitter in splits.items():
            if not isinstance(name, str):
                raise TypeError(f"splits: names must be text, got {name!r}")
            check_splits(splitter, f"splits: {name!r}")
        return dict(splits)
    unknown = [name for name in splits if name not in READY_MADE]
    if unknown:
        raise ValueError(f"splits: no ready-made split is called {unknown[0]!r}; there are {READY_MADE}")
    return {name: _ready_made(name, source) for name in splits}


def folds_of(source: Source, splitters: dict[str, Any]) -> list[Fold]:
    """All folds of all splits.

    Raises
    ------
    ValueError
        Where a split cannot be made, or trains on a pair that it tests.
    """
    X, y = source.pairs(), source.expression.ravel()
    found: list[Fold] = []
    for name, splitter in splitters.items():
        try:
            found += _folds_of_split(source, name, rows_of_folds(splitter, X, y))
        except ValueError as error:
            raise ValueError(f"split {name!r} cannot be made: {error}") from error
    return found


def _folds_of_split(source: Source, name: str, splits: Any) -> Iterator[Fold]:
    number = -1
    for number, (train, test) in enumerate(splits):
        trained, tested = _mask(train, source), _mask(test, source)
        if not trained.any() or not tested.any():
            raise ValueError(f"fold {number} has no {'training' if tested.any() else 'test'} pairs")
        if (trained & tested).any():
            raise ValueError(f"fold {number} trains on {int((trained & tested).sum())} of the pairs that it tests")
        yield Fold(source, name, number, np.packbits(trained), np.packbits(tested))
    if number < 0:
        raise ValueError("it has no folds")


def _ready_made(name: str, source: Source) -> Any:
    n_cell_types, n_chromosomes = len(source.tables.cell_types), source.tables.genes["chrom"].nunique()
    if name == "cell types":
        return LeaveOneCellTypeOut() if n_cell_types <= _LEAVE_ONE_OUT else CellTypeKFold(5)
    if name == "chromosomes":
        return ChromosomeKFold(_n_folds(n_chromosomes))
    if name == "crossed":
        return CrossedKFold(_n_folds(n_cell_types), 2)
    return LineageKFold() if name == "lineages" else PairKFold(5)


def _n_folds(n_groups: int) -> int:
    return min(5, max(2, n_groups))


def _mask(rows: ArrayLike, source: Source) -> BoolArray:
    mask = np.zeros(source.expression.size, dtype=bool)
    mask[np.asarray(rows, dtype=np.int64)] = True
    return mask


def _unpacked(bits: NDArray[np.uint8], source: Source) -> BoolArray:
    shape = source.expression.shape
    return np.unpackbits(bits, count=shape[0] * shape[1]).astype(bool).reshape(shape)
