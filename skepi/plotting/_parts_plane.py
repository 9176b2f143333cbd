"""Contributions of genes as points of a plane: local openness across, the state of the cell up."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi.exceptions import UnknownNameError
from skepi.plotting._density import within
from skepi.plotting._style import check_kind

# Genes named on each side of the line of equal contributions.
_NAMED = 3

# Genes may lie outside the frame: this share of them where they are many, and all beyond these limits.
_LEFT_OUT = 0.004
_MANY = 200
_FURTHEST = (-1.0, 1.5)

#: Limits: left, right, bottom, top.
Frame = tuple[float, float, float, float]


class Plane(NamedTuple):
    """Contributions of genes as points.

    Attributes
    ----------
    genes : ndarray of shape (n_genes,)
    xy : ndarray of float64, shape (n_genes, 2)
        Contributions of all other parts together, and of the one called state.
    squares : ndarray of float64, shape (n_genes,)
        Sum of t^2: contributions are shares of it.
    pooled : ndarray of float64, shape (2,)
        Point of all pairs together.
    parts : list of str
    state_part : str
    left_out : frozenset of str
        Genes that do not vary.
    """

    genes: NDArray
    xy: NDArray[np.float64]
    squares: NDArray[np.float64]
    pooled: NDArray[np.float64]
    parts: list[str]
    state_part: str
    left_out: frozenset[str]

    @property
    def median(self) -> NDArray[np.float64]:
        """Over genes, of each side."""
        return np.median(self.xy, axis=0)

    @property
    def others(self) -> str:
        return " + ".join(words(name) for name in self.parts if name != self.state_part)

    @property
    def state(self) -> str:
        return words(self.state_part)


def plane_of(table: pd.DataFrame, pooled: pd.Series, parts: list[str], state: str) -> Plane:
    check_kind(state, parts, "state")
    if len(parts) < 2:
        raise ValueError(f"a plane of contributions needs two parts or more, got {parts}")
    moved = table[table[state].notna()]
    if moved.empty:
        raise ValueError("contributions: no gene varies, so none has a contribution")
    other_parts = [name for name in parts if name != state]
    left_out = frozenset(table.index) - frozenset(moved.index)
    squares = (moved["n_pairs"] * moved["mse_mean"]).to_numpy(dtype=np.float64)
    xy = np.column_stack([moved[other_parts].sum(axis=1), moved[state]])
    of_all = np.array([pooled[other_parts].sum(), pooled[state]], dtype=np.float64)
    return Plane(moved.index.to_numpy(), xy, squares, of_all, parts, state, left_out)


def largest(plane: Plane) -> NDArray[np.int64]:
    """On each side of the line of equal contributions, where the larger one is the most squared error."""
    x, y = plane.xy.T
    saved = [plane.squares * np.where(side, value, 0.0) for side, value in ((x > y, x), (y > x, y))]
    first = [np.argsort(-side, kind="stable")[:_NAMED] for side in saved]
    return np.concatenate([rows[side[rows] > 0] for rows, side in zip(first, saved, strict=True)])


def rows_of(genes: Sequence[str], plane: Plane) -> NDArray[np.int64]:
    if isinstance(genes, str):
        raise TypeError(f"genes: wanted a sequence of names, got the string {genes!r}")
    still = [name for name in genes if name in plane.left_out]
    if still:
        raise ValueError(f"genes that do not vary have no contributions: {still[:5]}")
    rows = pd.Index(plane.genes).get_indexer(pd.Index(list(genes), dtype=object))
    unknown = [name for name, row in zip(genes, rows, strict=True) if row < 0]
    if unknown:
        raise UnknownNameError(f"{len(unknown)} gene(s) not among the contributions: {unknown[:5]}")
    return rows.astype(np.int64)


def frame_of(plane: Plane) -> Frame:
    """Limits that both axes share: of all genes, or all but the outermost, and of the square from 0 to 0.7."""
    left_out = _LEFT_OUT if len(plane.xy) > _MANY else 0.0
    low = np.quantile(plane.xy, left_out / 2, axis=0).min()
    high = np.quantile(plane.xy, 1 - left_out / 2, axis=0).max()
    reach = 0.04 * (high - low)
    low, high = max(min(low - reach, -0.1), _FURTHEST[0]), min(max(high + reach, 0.7), _FURTHEST[1])
    return float(low), float(high), float(low), float(high)


def outside_of(xy: NDArray[np.float64], frame: Frame) -> NDArray[np.bool_]:
    return ~within(xy[:, 0], xy[:, 1], frame)


def clipped(xy: NDArray[np.float64], frame: Frame) -> NDArray[np.float64]:
    return np.clip(xy, [frame[0], frame[2]], [frame[1], frame[3]])


def words(name: str) -> str:
    return str(name).replace("_", " ")
