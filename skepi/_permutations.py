"""Permutations that controls are made of: of cell types, and of the places of genes."""

from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from skepi.paired import OpennessTables

#: What can be permuted.
CONTROLS = ("cell types", "genes")

_PLACE = ["chrom", "tss", "strand", "tes"]  # the last where there is one


def seed_of(random_state: Any) -> int:
    """Return a whole number as it is; from a generator, or from nothing, draw one."""
    rng = check_random_state(random_state)
    return int(random_state) if isinstance(random_state, int | np.integer) else int(rng.randint(2**31 - 1))


def generator_of(seed: int, control: str, number: int) -> Generator:
    """Generator of one permutation, which depends on the seed, the control and its number alone."""
    return np.random.default_rng([seed, CONTROLS.index(control), number])


def other_order(n: int, rng: Generator, where: str) -> NDArray[np.int64]:
    """Return a permutation that leaves not everything where it is; ``where`` begins messages."""
    if n < 2:
        raise ValueError(f"{where}: nothing to permute among {n} cell type or gene")
    order = rng.permutation(n)
    while (order == np.arange(n)).all():
        order = rng.permutation(n)
    return order


def at_other_places(
    tables: OpennessTables, rng: Generator, where: str, gene_codes: NDArray[np.int64] | None = None
) -> OpennessTables:
    """Give genes the chromosome, TSS and strand of each other; openness stays where it is.

    Parameters
    ----------
    tables : OpennessTables
    rng : Generator
    where : str
        Begins messages.
    gene_codes : ndarray of int64, optional
        Rows of the genes that change places, each once; all of them by default.
    """
    genes = tables.genes
    rows = np.arange(len(genes)) if gene_codes is None else gene_codes
    source = np.arange(len(genes))
    source[rows] = rows[other_order(rows.size, rng, where)]
    moved = genes.copy()
    for column in genes.columns.intersection(_PLACE):
        moved[column] = genes[column].array[source]
    return tables.replace(genes=moved)
