"""Edges of symmetric bands: an array of numpy that prints in a line, also inside a Pipeline of scikit-learn."""

from typing import Any

import numpy as np

_MOST_SHOWN = 6
_FIRST_SHOWN = 3


class SymmetricEdges(np.ndarray):
    """Offsets of band edges that are printed as the distances that they were made of.

    scikit-learn prints a setting as ``repr`` of its value, so a pipeline is as long as the longest setting. In all
    else this is an array: what is computed from it is a plain one, and so are copies in fitted attributes and on disk.

    Examples
    --------
    >>> edges = np.array([-4, -2, -1, 0, 1, 2, 4]).view(SymmetricEdges)
    >>> edges
    symmetric_edges([0, 1, 2, 4])
    >>> edges + 1
    array([-3, -1,  0,  1,  2,  3,  5])
    >>> edges[2:]
    array([-1,  0,  1,  2,  4])
    """

    def __repr__(self) -> str:
        plain = np.asarray(self)
        if plain.ndim != 1 or plain.size < 3 or plain.size % 2 == 0 or plain.dtype.kind != "i":
            return repr(plain)
        if not np.array_equal(plain, -plain[::-1]) or not (np.diff(plain) > 0).all():
            return repr(plain)
        return f"symmetric_edges([{', '.join(_shown(plain[plain.size // 2 :].tolist()))}])"

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        plain = np.asarray(array)
        return plain[()] if return_scalar else plain


def _shown(distances: list[int]) -> list[str]:
    """Distances as text; of many the first and the last."""
    text = [str(distance) for distance in distances]
    return text if len(text) <= _MOST_SHOWN else [*text[:_FIRST_SHOWN], "...", text[-1]]
