"""Importance of bins, distance bands and genes on rows that a fitted estimator has not seen."""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from skepi.inspection._attribution import ATTRIBUTIONS, attribution_chunks, check_rows
from skepi.inspection._bands import BandCut, cut_bands
from skepi.inspection._fitted import FittedParts, take_apart
from skepi.inspection._permutation import asked_of, loss_sums
from skepi.rows import BinnedRows

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

METHODS = (*ATTRIBUTIONS, "permutation")
SIGNED = ("coefficients", "gradient")
_BY = ("band", "gene")


def bin_importance(
    estimator: Any,
    X: Any,
    y: ArrayLike | None = None,
    *,
    method: str = "gradient",
    bands: Any = None,
    by: str = "band",
    n_steps: int = 32,
    n_repeats: int = 5,
    random_state: Any = 0,
) -> pd.DataFrame:
    r"""Importance of distance bands for the predictions of held-out pairs.

    =============================  ==================================================================================
    method                         importance of a band
    =============================  ==================================================================================
    ``"coefficients"``             mean weight of its bins; linear models
    ``"gradient"``                 mean over pairs and over its bins of the derivative of the prediction; signed
    ``"gradient_x_input"``,        mean over pairs of the absolute contribution of the band, the sum of what its bins
    ``"integrated_gradients"``     add to the prediction (:func:`attributions`)
    ``"permutation"``              skill that is lost when the band is taken from another cell type, the same for all
                                   genes (any but its own, of all that the data set has openness of)
    =============================  ==================================================================================

    Skill lost is :math:`[\sum (t - p')^2 - \sum (t - p)^2] / \sum t^2` with t the truth, p the prediction and p' the
    one with the permuted band, all less the training mean of the gene; where some genes were not trained on, or the
    estimator does not standardise its targets, all less the gene's mean over the given pairs.

    Parameters
    ----------
    estimator : estimator
        Fitted, see :func:`attributions`; with ``"permutation"`` any model that reads the bins of its rows.
    X : GeneCellPairs or BinnedOpenness
        Pairs that were not trained on.
    y : array-like of shape (n_pairs,), optional
        Needed by ``"permutation"`` alone, in the units that the estimator predicts.
    method : str, default="gradient"
    bands : None, "bins" or array-like of int, default=None
        Bands of each signal and feature: edges in bp, each the edge of a bin, or every bin. By default 0, 1, 2, 5, 10,
        20, 50, 100, 200, 500 and 1,000 kb on both sides, where bins have these edges.
    by : {"band", "gene"}, default="band"
    n_steps : int, default=32
        For integrated gradients.
    n_repeats : int, default=5
        Permutations of cell types to average over.
    random_state : int, RandomState or None, default=0
        For permutations.

    Returns
    -------
    DataFrame
        ``by="band"``: one row per band, most upstream first: ``from_bp, to_bp, importance``, behind ``signal`` and
        ``feature`` where bands differ in them. ``by="gene"``: genes that occur x bands (columns are intervals of
        offsets in bp, behind signal and feature where these differ), importance over the pairs of each gene; skill lost
        is NaN for a gene whose targets do not vary.

    Raises
    ------
    TypeError
        As in :func:`attributions`; with ``"permutation"`` for a model that does not read the bins of its rows: an
        importance of 0 would only say that it never looked.
    ValueError
        As in :func:`attributions`; for bands that cut bins, permutation without ``y``, or targets that do not vary.

    Notes
    -----
    A number without a null band says little: see :func:`importance_profile`. Contributions and skill lost are of whole
    bands: a band of many bins adds up much noise, so that distant ones may come out largest. Weights and gradients are
    means over bins, and show how the effect of one bin falls off.

    Steps behind the bins are computed from the permuted openness. So a band that matters through the state of the cell
    (:class:`skepi.gaussian_process.CisTransRegressor`, :class:`skepi.preprocessing.AppendContext`) has that importance,
    too.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from skepi.binning import TSSBinner
    >>> from skepi.datasets import make_paired_openness
    >>> X, y = make_paired_openness(n_genes=20, n_cell_types=6, n_lineages=2)[0].pairs(return_X_y=True)
    >>> bins = TSSBinner(edges=[-2_000, -1_000, 0, 1_000]).fit_transform(X)
    >>> model = Ridge().fit(bins[:60], y[:60])
    >>> table = bin_importance(model, bins[60:], method="coefficients", bands=[-2_000, 0, 1_000])
    >>> bool(np.isclose(table["importance"][0], model.coef_[:2].mean()))
    True
    """
    check_method(method)
    if by not in _BY:
        raise ValueError(f"by must be one of {_BY}, got {by!r}")
    found = importance_sums(estimator, X, y, method, bands, by, n_steps, n_repeats, random_state)
    values = found.sums / found.weights[:, None]
    if by == "gene":
        return pd.DataFrame(values, pd.Index(found.groups, name="gene"), found.bands.labels())
    return found.bands.with_importance(values[0])


def importance_unit(estimator: Any, X: Any, *, method: str = "gradient") -> str:
    """Say what the importance of bins is measured in, such as for the label of an axis.

    Parameters
    ----------
    estimator, X
        As in :func:`bin_importance`.
    method : str, default="gradient"
        One of those of :func:`bin_importance`.

    Returns
    -------
    str
        As ``unit`` of :class:`ImportanceProfile`.

    Raises
    ------
    TypeError, ValueError
        As in :func:`bin_importance`.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from skepi.binning import TSSBinner
    >>> from skepi.datasets import make_paired_openness
    >>> X, y = make_paired_openness(n_genes=20, n_cell_types=6, n_lineages=2)[0].pairs(return_X_y=True)
    >>> bins = TSSBinner(edges=[-1_000, 0, 1_000]).fit_transform(X)
    >>> importance_unit(Ridge().fit(bins, y), bins, method="coefficients")
    'expression per unit of scaled openness'
    """
    check_method(method)
    of_target = "expression" if method == "permutation" else take_apart(estimator, X).of_target
    return unit_of(method, of_target)


class ImportanceSums(NamedTuple):
    """Importance before it is divided, so that folds can be added up first.

    Attributes
    ----------
    bands : BandCut
    groups : ndarray of object, shape (n_groups,)
        Names of genes, or one name for all pairs.
    sums : ndarray of float64, shape (n_groups, n_bands)
    weights : ndarray of float64, shape (n_groups,)
        Number of pairs; for permutation the sum of the truth's squares, NaN for a gene whose truth does not vary.
    of_target : str
        What the model that was looked at predicts.
    """

    bands: BandCut
    groups: NDArray
    sums: FloatArray
    weights: FloatArray
    of_target: str


def importance_sums(
    estimator: Any,
    X: Any,
    y: ArrayLike | None,
    method: str,
    bands: Any,
    by: str,
    n_steps: int,
    n_repeats: int,
    random_state: Any,
) -> ImportanceSums:
    """Add up importance over the pairs of each group; settings are those of :func:`bin_importance`."""
    if method == "permutation":
        asked, of_target = asked_of(estimator, X, y), "expression"
        rows, sums = asked.rows, partial(loss_sums, asked, n_repeats=n_repeats, random_state=random_state)
    else:
        parts = take_apart(estimator, X)
        rows, of_target = parts.rows, parts.of_target
        sums = partial(_attribution_sums, parts, method=method, n_steps=n_steps)
    check_rows(rows)
    cut, (groups, names) = cut_bands(rows.columns, bands), _groups(rows, by)
    return ImportanceSums(cut, names, *sums(cut, groups), of_target)


def check_method(method: Any) -> None:
    """Refuse anything but the name of a method."""
    if method not in METHODS:
        raise ValueError(f"method must be one of {METHODS}, got {method!r}")


def unit_of(method: str, of_target: str) -> str:
    """What the importance by a method is measured in, for labels."""
    if method == "permutation":
        return "skill lost"
    if method in SIGNED:
        return f"{of_target} per unit of scaled openness"
    return f"mean absolute contribution to {of_target}"


def _groups(rows: BinnedRows, by: str) -> tuple[IntArray, NDArray]:
    """Number of the group of each row, and the names of the groups."""
    if by == "band":
        return np.zeros(len(rows), dtype=np.int64), np.array(["all"])
    genes, group = np.unique(rows.gene_codes, return_inverse=True)
    return group, rows.genes["name"].to_numpy()[genes]


def _attribution_sums(
    parts: FittedParts, bands: BandCut, groups: IntArray, method: str, n_steps: int
) -> tuple[FloatArray, FloatArray]:
    """Sums over the rows of each group, and the number of rows."""
    total = np.zeros((groups.max() + 1, len(bands.table)))
    signed = method in SIGNED
    for rows, found in attribution_chunks(parts, method, n_steps):
        by_band = bands.sums(found)
        np.add.at(total, groups[rows], by_band / bands.n_columns if signed else np.abs(by_band))
    return total, np.bincount(groups).astype(np.float64)
