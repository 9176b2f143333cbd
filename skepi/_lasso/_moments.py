"""Second moments of rows and targets, all that a least-squares model needs to know, for many training sets at once."""

from dataclasses import dataclass, replace
from functools import reduce
from itertools import pairwise
from typing import Any, Self

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from skepi._dense import check_size
from skepi._lasso._scatter import Adder, GeneMatrices
from skepi._progress import Counted, uncounted
from skepi._scaling import SlotScaling
from skepi.rows import BinnedRows

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """Centred second moments of rows and target.

    Attributes
    ----------
    gram : ndarray of float64, shape (n_features, n_features)
        Sum over rows of the products of centred features.
    xy : ndarray of float64, shape (n_features,)
        Sum of the products of centred features and centred target.
    yy : float
        Sum of squares of the centred target.
    x_mean : ndarray of float64, shape (n_features,)
    y_mean : float
    n_rows : int
    """

    gram: FloatArray
    xy: FloatArray
    yy: float
    x_mean: FloatArray
    y_mean: float
    n_rows: int

    @classmethod
    def of_sums(cls, sums: FloatArray) -> Self:
        """From the sums over rows of all products of (features, target, 1); ``sums`` is overwritten."""
        n_rows, total = sums[-1, -1], sums[:-1, -1].copy()
        centred = sums[:-1, :-1]
        centred -= np.outer(total, total / n_rows)
        mean = total / n_rows
        gram, xy, yy = np.ascontiguousarray(centred[:-1, :-1]), centred[:-1, -1].copy(), float(centred[-1, -1])
        return cls(gram, xy, yy, mean[:-1], float(mean[-1]), round(n_rows))

    def on_line(self, at_zero: FloatArray, slope: FloatArray) -> "Moments":
        """Moments of the features ``at_zero + slope * x``, both (n_features,)."""
        gram = slope[:, None] * self.gram * slope
        return replace(self, gram=gram, xy=slope * self.xy, x_mean=at_zero + slope * self.x_mean)


@dataclass(frozen=True)
class TrainingSet:
    """Rows to learn from, and the statistics that put their features and targets on scale.

    Attributes
    ----------
    rows : ndarray of bool, shape (n_rows,)
    target_mean, target_scale : ndarray of float64, shape (n_genes,)
        Mean and scale of each gene's target.
    scaling : SlotScaling or None
        Scaling of each slot; ``None`` takes values as they come.
    """

    rows: NDArray[np.bool_]
    target_mean: FloatArray
    target_scale: FloatArray
    scaling: SlotScaling | None = None

    def of_gene(self, gene: int, slots: slice, n_appended: int) -> tuple[FloatArray, FloatArray]:
        """Mean and inverse scale of (bins, appended, target, 1) of one gene; 0 is the inverse of a scale of 0."""
        n_slots = slots.stop - slots.start
        mean, inverse = np.zeros(n_slots + n_appended + 2), np.ones(n_slots + n_appended + 2)
        if self.scaling is not None:
            mean[:n_slots], inverse[:n_slots] = self.scaling.mean[slots], self.scaling.inverse_scale[slots]
        scale = self.target_scale[gene]
        mean[-2], inverse[-2] = self.target_mean[gene], 1 / scale if scale > 0 else 0.0
        return mean, inverse

    def logs(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """ln(1 + value), or values as they come where slots have no statistics."""
        return values if self.scaling is None else self.scaling.logs(values)

    def on_scale(self, logs: NDArray[np.float32], slots: slice) -> NDArray[np.float32]:
        """Standardised values, (n_slots, n), of a few slots from what :meth:`logs` gave."""
        return logs if self.scaling is None else self.scaling.of_logs(logs, slots)

    def centred(self, logs: NDArray[np.float32], slots: slice) -> FloatArray:
        """The same, less the mean alone, in float64."""
        return logs.astype(np.float64) if self.scaling is None else self.scaling.centred_logs(logs, slots)


def moments_of_array(X: Any, y: FloatArray) -> Moments:
    """Centred moments of plain rows, dense or sparse, in float64."""
    _check_size(X.shape[1], 1)
    if sp.issparse(X):
        return _moments_of_sparse(X, y)
    x_mean, y_mean = X.mean(axis=0), float(y.mean())
    centred, target = X - x_mean, y - y_mean
    return Moments(centred.T @ centred, centred.T @ target, float(target @ target), x_mean, y_mean, len(y))


def _moments_of_sparse(X: Any, y: FloatArray) -> Moments:
    """The same from the entries that are stored; the means are taken off the sums.

    A column that is stored throughout is centred first, or a large mean would cost it its digits. Any other column
    holds a 0, so that the square of its mean is at most ``n_rows`` times its variance.
    """
    columns, n_rows = sp.csc_array(X, copy=True), len(y)
    columns.sum_duplicates()
    stored = np.diff(columns.indptr)
    shift = np.where(stored == n_rows, np.asarray(columns.sum(axis=0)).ravel() / n_rows, 0.0)
    columns.data -= np.repeat(shift, stored)
    mean, y_mean = np.asarray(columns.sum(axis=0)).ravel() / n_rows, float(y.mean())
    target = y - y_mean
    gram = (columns.T @ columns).toarray() - n_rows * np.outer(mean, mean)
    xy = columns.T @ target - mean * target.sum()  # which rounding keeps from being 0
    return Moments(gram, xy, float(target @ target), mean + shift, y_mean, n_rows)


# Products of one gene are small: several threads would wait for each other longer than they work.
@threadpool_limits.wrap(limits=1, user_api="blas")
def moments_of_pairs(X: BinnedRows, y: FloatArray) -> Moments:
    """Centred moments of lazy rows as they are."""
    y_mean = float(y.mean())
    parts = _Parts(X, y - y_mean, [np.ones(len(y), dtype=bool)])
    sums = _empty_sums(X.shape[1], 1)
    with Adder() as adder:
        for genes, ptr, slots, values in X.gene_blocks(X.gene_codes):
            matrices = _matrices(X, ptr, slots)
            flat = matrices.empty()
            for i, gene in enumerate(genes):
                found = parts.products(gene, values[ptr[i] : ptr[i + 1]].astype(np.float64))
                matrices.of_gene(flat, i)[:] = found[0]
            adder.add(sums, matrices, [flat])
    moments = parts.moments(sums[0])
    return replace(moments, y_mean=moments.y_mean + y_mean)


@threadpool_limits.wrap(limits=1, user_api="blas")
def moments_of_sets(
    X: BinnedRows, y: FloatArray, sets: list[TrainingSet], counted: Counted = uncounted
) -> list[Moments]:
    r"""Centred moments of several training sets from one pass over lazy rows; the last set holds all rows.

    Rows that belong to the same sets are a part. With U the (features, target, 1) of a gene in the pairs of a part,
    :math:`U U^T` adds up over parts. For a training set with mean m and inverse scale d, and r the last column of its
    sum M, the products on scale are

    .. math:: D (M - a m^T - m a^T) D, \quad a = r - \tfrac{1}{2} M_{11} m

    and are added to the bins that the gene touches. Values are shifted by the means of the last set beforehand, so that
    nothing is lost in the differences.
    """
    op, last, n_appended = X.slots, sets[-1], X.appended.shape[1]
    parts = _Parts(X, y - last.target_mean[X.gene_codes], [one.rows for one in sets])
    sums = _empty_sums(X.shape[1], len(sets))
    with Adder() as adder:
        for genes, ptr, slots, values in X.gene_blocks(X.gene_codes):
            centred = last.centred(last.logs(values), slots)
            matrices = _matrices(X, ptr, slots)
            flats = [matrices.empty() for _ in sets]
            for i, gene in enumerate(genes):
                found = parts.products(gene, centred[ptr[i] : ptr[i + 1]])
                everything = reduce(np.add, found.values())  # the last set holds all rows
                own = slice(op.gene_ptr[gene], op.gene_ptr[gene + 1])
                shift = last.of_gene(gene, own, n_appended)[0]
                for one, include, flat in zip(sets, parts.include, flats, strict=True):
                    out = matrices.of_gene(flat, i)
                    if _add_up(found, everything, include, out):
                        mean, inverse_scale = one.of_gene(gene, own, n_appended)
                        _put_on_scale(out, mean - shift, inverse_scale)
            adder.add(sums, matrices, flats)
            counted(len(genes))
    return [parts.moments(sums.pop(0)) for _ in sets]  # each large array goes as soon as it is used


class _Parts:
    """Rows sorted by gene and by part; a part is what belongs to the same training sets.

    Attributes
    ----------
    include : ndarray of bool, shape (n_sets, n_parts)
    """

    def __init__(self, X: BinnedRows, y: FloatArray, memberships: list[NDArray[np.bool_]]) -> None:
        part = np.zeros(len(y), dtype=np.int64)
        for member in memberships:
            part = pd.factorize(part * 2 + member)[0]
        example = np.empty(int(part.max()) + 1, dtype=np.int64)
        example[part] = np.arange(part.size)
        self.include = np.array([member[example] for member in memberships])
        self._rows = RowsByGene(X, y, part)
        self._appended_mean = X.appended.mean(axis=0, dtype=np.float64)

    def moments(self, sums: FloatArray) -> Moments:
        """Moments from the sums of all products, with the means that were taken off appended columns."""
        moments = Moments.of_sums(sums)
        moments.x_mean[moments.x_mean.size - self._appended_mean.size :] += self._appended_mean
        return moments

    def products(self, gene: int, values: FloatArray) -> dict[int, FloatArray]:
        """Sum over the rows of each part of the products of (bins, appended, target, 1) of one gene.

        ``values`` are those of the gene's slots in all cell types.
        """
        found = {}
        cell_types, y, part, appended = self._rows.of_gene(gene)
        cuts = [0, *(np.flatnonzero(np.diff(part)) + 1).tolist(), part.size]
        for a, b in pairwise(cuts):
            if b > a and self.include[:, part[a]].any():
                beside = (appended[a:b] - self._appended_mean).T
                columns = values[:, cell_types[a:b]], beside, y[None, a:b], np.ones((1, b - a))
                augmented = np.concatenate(columns, dtype=np.float64)
                found[int(part[a])] = augmented @ augmented.T
        return found


class RowsByGene:
    """Cell types, targets, parts and appended columns of rows, by gene; rows of a part are neighbours in a gene."""

    def __init__(self, X: BinnedRows, y: FloatArray, part: NDArray[np.int64] | None = None) -> None:
        part = np.zeros(len(y), dtype=np.int64) if part is None else part
        order = np.argsort(X.gene_codes * (part.max(initial=0) + 1) + part, kind="stable")
        self._cell_types, self._y, self._part = X.cell_type_codes[order], y[order], part[order]
        self._appended = X.appended[order]
        self._ptr = np.concatenate([[0], np.cumsum(np.bincount(X.gene_codes, minlength=len(X.genes)))])

    def of_gene(self, gene: int) -> tuple[NDArray[np.int64], FloatArray, NDArray[np.int64], NDArray[np.float32]]:
        """Cell types, targets, parts and appended columns of the rows of one gene."""
        rows = slice(self._ptr[gene], self._ptr[gene + 1])
        return self._cell_types[rows], self._y[rows], self._part[rows], self._appended[rows]


def _empty_sums(n_features: int, n_sets: int) -> list[FloatArray]:
    """Room for the products of (features, target, 1) of each training set."""
    _check_size(n_features, n_sets)
    return [np.zeros((n_features + 2, n_features + 2)) for _ in range(n_sets)]


def _check_size(n_features: int, n_sets: int) -> None:
    what = f"the products of {n_features:,} columns with each other, in {n_sets} training set(s),"
    check_size(8.0 * n_sets * (n_features + 2) ** 2, what, "use fewer features, wider bands or fewer folds")


def _matrices(X: BinnedRows, ptr: NDArray, slots: Any) -> GeneMatrices:
    """Room for products of (bins, appended, target, 1) of the genes of a block, in the columns of all genes."""
    bins, n_columns = X.slots.slot_column[slots], X.shape[1] + 2
    common = np.arange(X.slots.n_columns, n_columns, dtype=np.int32)  # every gene has these
    return GeneMatrices([np.concatenate([bins[a:b], common]) for a, b in pairwise(ptr)], n_columns)


def _add_up(found: dict[int, FloatArray], everything: FloatArray, include: NDArray[np.bool_], out: FloatArray) -> bool:
    """Sum the included parts, or take the others off the sum of all; False where none is included and the sum is 0."""
    chosen = [products for part, products in found.items() if include[part]]
    others = [products for part, products in found.items() if not include[part]]
    if len(others) < len(chosen):
        out[:] = everything
        for products in others:
            out -= products
    else:
        out[:] = 0
        for products in chosen:
            out += products
    return bool(chosen)


def _put_on_scale(products: FloatArray, mean: FloatArray, inverse_scale: FloatArray) -> None:
    """Products of (v - mean) * inverse_scale in place, from those of v; the last row and column belong to the 1."""
    half = products[:, -1] - products[-1, -1] / 2 * mean
    products -= np.stack([half, mean], axis=1) @ np.stack([mean, half])
    products *= inverse_scale[:, None]
    products *= inverse_scale
