"""Held-out errors of all penalties and folds, from one pass over lazy rows."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from skepi._lasso._moments import RowsByGene, TrainingSet
from skepi._lasso._solve import Solution
from skepi._progress import Counted, uncounted
from skepi._targets import GeneScale

FloatArray = NDArray[np.float64]


class Fold:
    """Test rows of a fold, and the path of models fitted without them.

    Parameters
    ----------
    X : lazy rows
        All of them.
    y : ndarray of float64, shape (n_rows,)
    test : ndarray of int
        Row numbers.
    training : TrainingSet
    scale : GeneScale
        Scale of the training targets.
    path : list of Solution
        One a penalty.
    """

    def __init__(
        self, X: Any, y: FloatArray, test: NDArray, training: TrainingSet, scale: GeneScale, path: list[Solution]
    ) -> None:
        self.genes = np.unique(X.gene_codes[test])
        self.rows = RowsByGene(X[test], y[test])
        self.training = training
        names = X.genes["name"].to_numpy(dtype=object)
        self.training_mean = scale.of_genes(names)[0]  # NaN for a gene without training pairs
        self.mean, self.scale = scale.for_prediction(names)
        self.coefs = np.array([found.coef for found in path]).T
        self.intercepts = np.array([found.intercept for found in path])

    def of_gene(self, gene: int, slots: slice, bins: NDArray, values: NDArray) -> tuple[FloatArray, FloatArray]:
        """Truth, (n_rows,), and predictions, (n_rows, n_lams), of the test rows of one gene."""
        cell_types, truth, _, appended = self.rows.of_gene(gene)
        z = self.training.on_scale(values[:, cell_types], slots).T @ self.coefs[bins] + self.intercepts
        z += appended @ self.coefs[len(self.coefs) - appended.shape[1] :]
        return truth, self.mean[gene] + self.scale[gene] * z


@threadpool_limits.wrap(limits=1, user_api="blas")
def path_errors(
    X: Any, folds: list[Fold], within_gene: bool, counted: Counted = uncounted
) -> tuple[FloatArray, FloatArray]:
    """Squared errors left in each fold by each penalty, (n_folds, n_lams), and what they are a share of, (n_folds,).

    ``within_gene`` takes each gene's mean over the test pairs of the fold off truth and prediction; otherwise errors
    are a share of those of the training mean, which is NaN where a gene has none.
    """
    left, total = np.zeros((len(folds), folds[0].intercepts.size)), np.zeros(len(folds))
    op = X.slots
    for genes, ptr, _, values in X.gene_blocks(np.concatenate([fold.genes for fold in folds])):
        values = folds[0].training.logs(values)
        for i, gene in enumerate(genes):
            slots = slice(op.gene_ptr[gene], op.gene_ptr[gene + 1])
            for k, fold in enumerate(folds):
                truth, prediction = fold.of_gene(gene, slots, op.slot_column[slots], values[ptr[i] : ptr[i + 1]])
                if truth.size:
                    residual = truth[:, None] - prediction
                    level = fold.training_mean[gene]
                    if within_gene:
                        residual, level = residual - residual.mean(axis=0), truth.mean()
                    left[k] += (residual**2).sum(axis=0)
                    total[k] += ((truth - level) ** 2).sum()
        counted(len(genes))
    return left, total
