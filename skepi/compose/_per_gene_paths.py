"""Paths of the Lasso of many genes, on several training sets each, in whichever process."""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from joblib import delayed
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from skepi._lasso import TrainingSet, greatest_lam, lasso_of_gene, varies
from skepi._progress import in_parallel, progress_bar
from skepi._scaling import SlotScaling
from skepi._targets import FloatArray
from skepi.compose._per_gene_rows import rows_of_genes
from skepi.rows import BinnedRows


class GeneSets(NamedTuple):
    """Rows of one gene, and what each training set makes of them; the last is all rows.

    Attributes
    ----------
    logs : ndarray of float32, shape (n_rows, n_slots)
        ln(1 + value), or values as they come.
    target : ndarray of float64, shape (n_rows,)
    trainings : ndarray of bool, shape (n_folds + 1, n_rows)
    tests : ndarray of bool, shape (n_folds, n_rows)
    scalings : list of SlotScaling or None
        Scaling of the gene's slots, for each training set.
    """

    logs: NDArray[np.float32]
    target: FloatArray
    trainings: NDArray[np.bool_]
    tests: NDArray[np.bool_]
    scalings: list[SlotScaling | None]

    def features(self, k: int) -> FloatArray:
        """Features of all rows on the scale of a training set."""
        scaling = self.scalings[k]
        values = self.logs if scaling is None else scaling.of_logs(self.logs.T, slice(None)).T
        return values.astype(np.float64)


class Paths(NamedTuple):
    """What the paths of some genes leave behind.

    Attributes
    ----------
    weights : csr_array, shape (n_lams, n_slots)
        Weights of the final fits, the slots of one gene after those of the other.
    intercepts, gaps : ndarray of float64, shape (n_genes, n_lams)
        Intercepts of the final fits, and the largest gap of all fits.
    left, total : ndarray of float64, shape (n_genes, n_lams) and (n_genes,)
        Squared errors on test rows, of the models and of the training mean.
    fold_left, fold_total : ndarray of float64, shape (n_folds, n_lams) and (n_folds,)
        The same, summed over genes.
    """

    weights: sp.csr_array
    intercepts: FloatArray
    gaps: FloatArray
    left: FloatArray
    total: FloatArray
    fold_left: FloatArray
    fold_total: FloatArray


def paths_of_genes(
    X: BinnedRows,
    y: FloatArray,
    sets: list[TrainingSet],
    tests: NDArray[np.bool_],
    lams: FloatArray,
    n_jobs: int | None,
    progress: bool,
) -> Paths:
    """Fit all genes that occur, in the order of the table of genes; ``tests`` has a row for each set but the last."""
    jobs = (delayed(_paths)(some, lams) for some in _sets_of_genes(X, y, sets, tests))
    with progress_bar(progress, "genes", int(np.count_nonzero(np.bincount(X.gene_codes)))) as bar:
        parts = in_parallel(jobs, n_jobs, bar, size=lambda part: len(part.total))
    return Paths(
        sp.hstack([one.weights for one in parts], format="csr"),
        *(np.concatenate([getattr(one, name) for one in parts]) for name in ("intercepts", "gaps", "left", "total")),
        *(np.sum([getattr(one, name) for one in parts], axis=0) for name in ("fold_left", "fold_total")),
    )


def greatest_of_genes(X: BinnedRows, y: FloatArray, training: TrainingSet) -> float:
    """Least penalty at which all weights of all genes are 0."""
    no_tests = np.zeros((0, y.size), dtype=bool)
    sets = _sets_of_genes(X, y, [training], no_tests)
    return max(greatest_lam(one.features(0), one.target) for some in sets for one in some)


def weights_at(weights: sp.csr_array, chosen: NDArray[np.int64]) -> FloatArray:
    """Weight of each slot at the penalty chosen for it, from weights of all penalties x slots."""
    out, entries = np.zeros(chosen.size), weights.tocoo()
    penalty, slot = entries.coords
    at = penalty == chosen[slot]
    out[slot[at]] = entries.data[at]
    return out


def coef_tables(weights: sp.csr_array, ptr: NDArray, bins: NDArray, n_columns: int) -> list[sp.csr_array]:
    """Weights that are not 0 as a table for each penalty, genes x bins."""
    gene_of_slot, shape = np.repeat(np.arange(ptr.size - 1), np.diff(ptr)), (ptr.size - 1, n_columns)
    tables = []
    for first, last in pairwise(weights.indptr):
        slots = weights.indices[first:last]
        tables.append(sp.csr_array((weights.data[first:last], (gene_of_slot[slots], bins[slots])), shape=shape))
    return tables


def _sets_of_genes(
    X: BinnedRows, y: FloatArray, sets: list[TrainingSet], tests: NDArray[np.bool_]
) -> Iterator[list[GeneSets]]:
    for some in rows_of_genes(X):
        out = []
        for one in some:
            trainings = np.array([each.rows[one.rows] for each in sets])
            scalings = [each.scaling and each.scaling.of_slots(one.slots) for each in sets]
            out.append(GeneSets(sets[0].logs(one.values), y[one.rows], trainings, tests[:, one.rows], scalings))
        yield out


def _paths(some: list[GeneSets], lams: FloatArray) -> Paths:
    with threadpool_limits(limits=1):
        parts = [_paths_of_gene(one, lams) for one in some]
    weights, intercepts, gaps, left, total = zip(*parts, strict=True)
    by_gene = np.array(left), np.array(total)
    return Paths(
        sp.hstack([sp.csr_array(one) for one in weights], format="csr"),
        np.array(intercepts),
        np.array(gaps),
        *(values.sum(axis=1) for values in by_gene),
        *(values.sum(axis=0) for values in by_gene),
    )


def _paths_of_gene(gene: GeneSets, lams: FloatArray) -> tuple[FloatArray, ...]:
    """Final weights and intercepts, gaps, and the errors in each fold."""
    left, total = np.zeros((len(gene.tests), lams.size)), np.zeros(len(gene.tests))
    largest = np.zeros(lams.size)
    for k, training in enumerate(gene.trainings):
        if not training.any():  # no model to test: the gene has no pair outside of this fold
            continue
        features, target = gene.features(k), gene.target
        coefs, gaps = lasso_of_gene(features[training], target[training], lams)
        level = target[training].mean()
        intercepts = level - coefs @ features[training].mean(axis=0)
        largest = np.maximum(largest, gaps)
        if k < len(gene.tests) and varies(target):
            truth = target[gene.tests[k]]
            residual = truth[:, None] - features[gene.tests[k]] @ coefs.T - intercepts
            left[k], total[k] = (residual**2).sum(axis=0), ((truth - level) ** 2).sum()
    return coefs, intercepts, largest, left, total
