"""Data that folds are cut from: as they are, and with what should matter permuted."""

from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from skepi._permutations import CONTROLS, at_other_places, generator_of, other_order
from skepi.paired import GeneCellPairs, OpennessTables, PairedDataset

FloatArray = NDArray[np.float64]

#: What the data are called as they are.
NO_CONTROL = "none"


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
        _permuted(plain, control, k, generator_of(seed, control, k))
        for control in CONTROLS
        if control in controls
        for k in range(1, n_permutations + 1)
    ]
    return [plain, *permuted]


def _permuted(source: Source, control: str, number: int, rng: Generator) -> Source:
    tables, expression = source.tables, source.expression
    if control == "cell types":
        order = other_order(expression.shape[1], rng, "controls")
        return Source(control, number, tables, np.ascontiguousarray(expression[:, order]))
    return Source(control, number, at_other_places(tables, rng, "controls"), expression)
