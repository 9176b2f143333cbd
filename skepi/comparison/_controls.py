"""Data that folds are cut from: as they are, and with what should matter permuted."""

from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from skepi.paired import GeneCellPairs, OpennessTables, PairedDataset

FloatArray = NDArray[np.float64]

#: What can be permuted.
CONTROLS = ("cell types", "genes")

#: What the data are called as they are.
NO_CONTROL = "none"

_PLACE = ["chrom", "tss", "strand", "tes"]  # the last where there is one


class Source(NamedTuple):
    """Openness and expression that models are compared on.

    Attributes
    ----------
    control : str
        What is permuted; ``"none"`` for the data as they are.
    permutation : int
        From 1; 0 for the data as they are.
    tables : OpennessTables
    expression : ndarray of float64, shape (n_genes, n_cell_types)
    """

    control: str
    permutation: int
    tables: OpennessTables
    expression: FloatArray

    def pairs(self) -> GeneCellPairs:
        """Every gene in every cell type, gene by gene."""
        gene, cell = np.indices(self.expression.shape)
        return GeneCellPairs(self.tables, gene.ravel(), cell.ravel())


def sources_of(data: PairedDataset, controls: Any, n_permutations: int, seed: int) -> list[Source]:
    """Return the data as they are, then those of each control and permutation.

    A permutation depends on the seed, the control and its number alone: other controls do not change it.
    """
    assert data.expression is not None
    plain = Source(NO_CONTROL, 0, data.tables, data.expression)
    permuted = [
        _permuted(plain, control, k, np.random.default_rng([seed, CONTROLS.index(control), k]))
        for control in CONTROLS
        if control in controls
        for k in range(1, n_permutations + 1)
    ]
    return [plain, *permuted]


def seed_of(random_state: Any) -> int:
    """Return a whole number as it is; from a generator, or from nothing, draw one."""
    rng = check_random_state(random_state)
    return int(random_state) if isinstance(random_state, int | np.integer) else int(rng.randint(2**31 - 1))


def _permuted(source: Source, control: str, number: int, rng: Generator) -> Source:
    genes, expression = source.tables.genes, source.expression
    if control == "cell types":
        order = _other_order(expression.shape[1], rng)
        return Source(control, number, source.tables, np.ascontiguousarray(expression[:, order]))
    moved = genes.copy()
    order = _other_order(len(genes), rng)
    for column in genes.columns.intersection(_PLACE):
        moved[column] = genes[column].array[order]
    return Source(control, number, source.tables.replace(genes=moved), expression)


def _other_order(n: int, rng: Generator) -> NDArray[np.int64]:
    """Return a permutation that leaves not everything where it is."""
    if n < 2:
        raise ValueError(f"controls: nothing to permute among {n} cell type or gene")
    order = rng.permutation(n)
    while (order == np.arange(n)).all():
        order = rng.permutation(n)
    return order
