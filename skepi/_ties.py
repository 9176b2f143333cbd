"""Which data sets are tied: directly, or by others, through populations that two of them share."""

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import ArrayLike
from scipy.sparse.csgraph import connected_components


def tied_groups(data_sets: ArrayLike, populations: ArrayLike) -> list[list[str]]:
    """Groups of data sets that no shared population ties to each other, in order of first appearance.

    Parameters
    ----------
    data_sets, populations : array-like of shape (n_cell_types,)

    Examples
    --------
    >>> tied_groups(["a", "a", "b", "b", "c", "d"], ["HSC", "B", "B", "T", "T", "Ery"])  # a and c are tied by b
    [['a', 'b', 'c'], ['d']]
    """
    data_set, names = pd.factorize(np.asarray(data_sets, dtype=object))
    population = pd.factorize(np.asarray(populations, dtype=object))[0] + len(names)
    n_nodes = int(population.max()) + 1
    graph = sp.coo_array((np.ones(data_set.size), (data_set, population)), shape=(n_nodes, n_nodes))
    of_node = connected_components(graph, directed=False)[1][: len(names)]
    return [[str(name) for name in names[of_node == group]] for group in pd.unique(of_node)]


def groups_said(groups: list[list[str]], most: int = 3) -> str:
    """Groups of names, for messages.

    Examples
    --------
    >>> groups_said([["a", "b", "c"], ["d"]])
    "('a', 'b', 'c') and ('d')"
    """
    texts = [f"({', '.join(map(repr, group))})" for group in groups]
    return " and ".join(texts[:most]) + (f" and {len(texts) - most} more" if len(texts) > most else "")
