"""Lanes in which names of genes stand above tracks."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi.plotting._labels import text_width

# Points that the arrow of a TSS takes before the name, and the room behind its foot.
_ARROW, _FOOT = 26, 4


def gene_lanes(genes: pd.DataFrame, window: tuple[int, int], per_bp: float, n_lanes: int) -> NDArray[np.int64]:
    """Lowest lane in which the arrow and the name of each gene find room; -1 where there is none.

    Parameters
    ----------
    genes : DataFrame
        ``name, tss, strand``; the first ones choose first.
    window : tuple of int
        Names stay inside it.
    per_bp : float
        Points per bp.
    n_lanes : int

    Examples
    --------
    >>> genes = pd.DataFrame({"name": ["A", "B", "C", "D"], "tss": [50, 52, 54, 99], "strand": ["-", "-", "-", "+"]})
    >>> gene_lanes(genes, (0, 100), 2.0, n_lanes=2).tolist()  # D would leave the window
    [0, 1, -1, -1]
    """
    ends = np.array(window, dtype=np.float64) * per_bp
    taken: list[list[tuple[float, float]]] = [[] for _ in range(n_lanes)]
    out = np.full(len(genes), -1, dtype=np.int64)
    for k, gene in enumerate(genes.itertuples()):
        forward, at = gene.strand == "+", float(gene.tss) * per_bp
        low, high = _span(at, str(gene.name), forward)
        inside = k == 0 or (high <= ends[1] if forward else low >= ends[0])
        free = [lane for lane, spans in enumerate(taken) if all(high < a or low > b for a, b in spans)]
        if inside and free:
            out[k] = free[0]
            taken[free[0]].append((low, high))
    return out


def _span(at: float, name: str, forward: bool) -> tuple[float, float]:
    """Room that the arrow and the name of a gene take, in points along the axis."""
    length = _ARROW + text_width(name)
    return (at - _FOOT, at + length) if forward else (at - length, at + _FOOT)
