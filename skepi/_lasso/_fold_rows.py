"""What cross-validation asks of rows: moments of every training set, and errors on every test set."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from skepi._lasso._log_scale import scaled_moments, scaled_prediction
from skepi._lasso._moments import Moments, TrainingSet, moments_of_sets
from skepi._lasso._path_scores import Fold, path_errors
from skepi._lasso._solve import Solution
from skepi._progress import Counted, uncounted
from skepi._targets import GeneScale
from skepi.preprocessing import LogZScaler

FloatArray = NDArray[np.float64]


class LazyRows:
    """Rows of pairs: one pass for the statistics of all training sets, one for the moments, one for the errors.

    ``scaler`` is then the one that was fitted to the last training set.

    Parameters
    ----------
    X : BinnedOpenness
    y : ndarray of float64, shape (n_rows,)
    trainings : list of ndarray of int
        Row numbers of each training set; the last holds all rows.
    scales : list of GeneScale
        Scale of the targets of each.
    scaler : LogZScaler or None
        Settings of the scaling of features.
    counted : callable
        Is told the number of genes of each pass that are done.
    """

    counts = "genes"

    def __init__(
        self,
        X: Any,
        y: FloatArray,
        trainings: list[NDArray],
        scales: list[GeneScale],
        scaler: LogZScaler | None,
        counted: Counted = uncounted,
    ) -> None:
        self.X, self.y, self.scales, self.counted = X, y, scales, counted
        scalers: list[LogZScaler | None] = [None] * len(trainings)
        if scaler is not None:
            scalers = [*scaler.fit_each(X, trainings, counted=counted)]
        self.scaler = scalers[-1]
        names = X.genes["name"].to_numpy(dtype=object)
        self.sets = []
        for rows, scale, fitted in zip(trainings, scales, scalers, strict=True):
            scaling = None if fitted is None else fitted.slot_scaling(X)[1]
            self.sets.append(TrainingSet(mask_of(rows, len(y)), *scale.of_genes(names), scaling))

    def moments(self) -> list[Moments]:
        """Centred moments of each training set on its own scale."""
        return moments_of_sets(self.X, self.y, self.sets, self.counted)

    def errors(
        self, tests: list[NDArray], paths: list[list[Solution]], within_gene: bool
    ) -> tuple[FloatArray, FloatArray]:
        """See :func:`skepi._lasso._path_scores.path_errors`."""
        parts = zip(tests, self.sets, self.scales, paths, strict=False)  # the last set has no test rows
        folds = [Fold(self.X, self.y, test, one, scale, path) for test, one, scale, path in parts]
        return path_errors(self.X, folds, within_gene, self.counted)

    @staticmethod
    def n_counted(X: Any, tests: list[NDArray], scaler: LogZScaler | None) -> int:
        """How many are counted in all: genes of the statistics, of the moments and of the errors."""
        tested = np.zeros(len(X.genes), dtype=bool)
        for test in tests:
            tested[X.gene_codes[test]] = True
        occurring = np.count_nonzero(np.bincount(X.gene_codes))
        return (0 if scaler is None else len(X.genes)) + int(occurring + np.count_nonzero(tested))


class PlainRows:
    """Rows of a plain array, dense or sparse, all of one gene; parameters as those of :class:`LazyRows`."""

    counts = "folds"

    def __init__(
        self,
        X: Any,
        y: FloatArray,
        trainings: list[NDArray],
        scales: list[GeneScale],
        scaler: LogZScaler | None,
        counted: Counted = uncounted,
    ) -> None:
        self.counted = counted
        self.X, self.y, self.trainings, self.scales = X, y, trainings, scales
        self.scalers = [None if scaler is None else clone(scaler).fit(X[rows]) for rows in trainings]
        self.scaler = self.scalers[-1]

    def moments(self) -> list[Moments]:
        """Centred moments of each training set on its own scale."""
        parts = zip(self.trainings, self.scales, self.scalers, strict=True)
        return [
            scaled_moments(scaler, self.X[rows], scale.z(self.X[rows], self.y[rows])) for rows, scale, scaler in parts
        ]

    def errors(
        self, tests: list[NDArray], paths: list[list[Solution]], within_gene: bool
    ) -> tuple[FloatArray, FloatArray]:
        """See :func:`skepi._lasso._path_scores.path_errors`."""
        left, total = np.zeros((len(tests), len(paths[0]))), np.zeros(len(tests))
        parts = zip(tests, self.scales, self.scalers, paths, strict=False)  # the last set has no test rows
        for k, (rows, scale, scaler, path) in enumerate(parts):
            truth, mean, spread = self.y[rows], scale.mean.iloc[0], scale.sd.iloc[0] + scale.offset
            coefs, intercepts = (
                np.array([found.coef for found in path]).T,
                np.array([found.intercept for found in path]),
            )
            residual = truth[:, None] - mean - spread * scaled_prediction(scaler, self.X[rows], coefs, intercepts)
            if within_gene:
                residual -= residual.mean(axis=0)
            left[k] = (residual**2).sum(axis=0)
            total[k] = ((truth - (truth.mean() if within_gene else mean)) ** 2).sum()
            self.counted(1)
        return left, total

    @staticmethod
    def n_counted(X: Any, tests: list[NDArray], scaler: LogZScaler | None) -> int:
        """How many are counted in all: folds of the errors."""
        return len(tests)


def mask_of(rows: NDArray, n_rows: int) -> NDArray[np.bool_]:
    """Membership of rows; one that is named twice would count once, so it is refused."""
    mask = np.zeros(n_rows, dtype=bool)
    mask[rows] = True
    if np.count_nonzero(mask) != (np.count_nonzero(rows) if rows.dtype == bool else rows.size):
        raise ValueError("a training set of the splitter names a row twice")
    return mask
