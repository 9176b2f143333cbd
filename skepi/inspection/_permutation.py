"""What a prediction loses when the bins of a band come from another cell type: for every model of binned rows."""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state

from skepi._doors import check_count
from skepi._fitted import last_step, part_with
from skepi._held_out import mean_of_unit
from skepi._rows import check_targets
from skepi.exceptions import UnseenGeneWarning
from skepi.inspection._bands import BandCut
from skepi.inspection._fitted import open_at_bins
from skepi.inspection._swapped import MatrixMemory, SwappedRows
from skepi.metrics import negligible
from skepi.rows import BinnedRows

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class Asked(NamedTuple):
    """A fitted estimator, and the rows on which it is asked.

    Attributes
    ----------
    estimator : estimator
        For messages.
    rows : BinnedRows
    predict : callable
        From such rows, in units of ``y``.
    truth : ndarray of float64, shape (n_pairs,)
    training_mean : ndarray of float64, shape (n_pairs,)
        Training mean of the gene; NaN where it is not known.
    """

    estimator: Any
    rows: BinnedRows
    predict: Callable[[Any], NDArray]
    truth: FloatArray
    training_mean: FloatArray

    def prediction(self, rows: Any) -> FloatArray:
        """Prediction from rows, or from a view of them."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UnseenGeneWarning)  # only differences within such a gene are judged
            values = np.asarray(self.predict(rows), dtype=np.float64).ravel()
        if values.shape != self.truth.shape:
            raise ValueError(f"{self._name} predicts {values.size} values for {self.truth.size} rows")
        if not np.isfinite(values).all():
            n_wrong = int((~np.isfinite(values)).sum())
            raise ValueError(f"{n_wrong} of {values.size} predictions of {self._name} are NaN or infinite")
        return values

    def centred(self, values: FloatArray) -> FloatArray:
        """Values less the training mean of the gene; less the gene's mean over the rows where some are not known."""
        if not np.isnan(self.training_mean).any():
            return values - self.training_mean
        return values - mean_of_unit(values, self.rows.gene_codes)

    @property
    def _name(self) -> str:
        return type(self.estimator).__name__


def asked_of(estimator: Any, X: Any, y: ArrayLike | None) -> Asked:
    """Open a fitted estimator where its rows have bins, and check what its predictions are compared with."""
    if y is None:
        raise ValueError("method='permutation' needs y, the truth that predictions are compared with")
    rows, predict = open_at_bins(estimator, X)
    _check_made_anew(rows)
    truth, keeper = check_targets(rows, y), part_with(estimator, "training_mean")
    mean = np.full(len(rows), np.nan) if keeper is None else keeper.training_mean(rows)
    return Asked(estimator, rows, predict, truth, mean)


def _check_made_anew(rows: BinnedRows) -> None:
    """Refuse columns of ``AppendContext`` that are there before bins are permuted: they would keep what was known."""
    if rows.knows_targets:
        raise ValueError(
            "these rows have columns that AppendContext made from their openness, and permuting bins would leave those "
            "as they are; give pairs to the whole pipeline, which makes them anew"
        )


def loss_sums(
    asked: Asked, bands: BandCut, groups: IntArray, n_repeats: int, random_state: Any
) -> tuple[FloatArray, FloatArray]:
    """Squared error that permuting each band adds, mean over repeats, and the sum of the truth's squares."""
    check_count("n_repeats", n_repeats, 1)
    n_groups, n_bands = groups.max() + 1, len(bands.table)
    truth = asked.centred(asked.truth)
    total = np.bincount(groups, weights=truth**2, minlength=n_groups).astype(np.float64)
    total[negligible(total, asked.truth @ asked.truth)] = np.nan
    if np.isnan(total).all():
        raise ValueError("the targets do not vary within genes, so skill is not defined")
    own = asked.prediction(asked.rows)
    error = (truth - asked.centred(own)) ** 2
    loss, rng = np.zeros((n_groups, n_bands)), check_random_state(random_state)
    memory = MatrixMemory()
    for repeat in range(n_repeats):
        memory.clear()  # other cell types: all but the rows themselves are other matrices
        source = _other_cell_types(asked.rows, rng)
        if repeat == 0:
            _check_reads_bins(asked, own, source, memory)
        for band in range(n_bands):
            bins = np.zeros(asked.rows.slots.n_columns, dtype=bool)
            bins[bands.first[band] : bands.last[band]] = True
            permuted = (truth - asked.centred(_from_view(asked, bins, source, memory)[0])) ** 2
            loss[:, band] += np.bincount(groups, weights=permuted - error, minlength=n_groups)
    return loss / n_repeats, total


def _from_view(
    asked: Asked, bins: NDArray[np.bool_], source: IntArray, memory: MatrixMemory
) -> tuple[FloatArray, bool]:
    """Prediction with these bins from other cell types, and whether the model looked at them, as far as is known."""
    view = SwappedRows(asked.rows, bins, source, memory)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the prediction from the rows themselves has warned
        values = asked.prediction(view)
    return values, view.was_read


def _check_reads_bins(asked: Asked, own: FloatArray, source: IntArray, memory: MatrixMemory) -> None:
    """Refuse a model that predicts the same whatever the bins hold, and never looked at them.

    A model that reads in other processes is not seen to look, and one whose weights are all 0 looks for nothing: either
    alone is no reason.
    """
    everything = np.ones(asked.rows.slots.n_columns, dtype=bool)
    values, was_read = _from_view(asked, everything, source, memory)
    if not was_read and np.array_equal(values, own):
        raise TypeError(
            f"{type(last_step(asked.estimator)).__name__} predicts without reading the bins of its rows, so permuting "
            "them shows nothing: importance needs a model that predicts from bins"
        )


def _other_cell_types(rows: BinnedRows, rng: np.random.RandomState) -> IntArray:
    """Another cell type for each, all of the data set in a random circle: none is its own."""
    order = rng.permutation(len(rows.cell_types))
    if order.size < 2:
        raise ValueError("method='permutation' needs openness of at least 2 cell types, got 1")
    others = np.empty_like(order)
    others[order] = np.roll(order, 1)
    return others
