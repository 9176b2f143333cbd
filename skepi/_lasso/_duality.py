"""The duality gap of the Lasso: how far any weights can be from the best ones, from a few sums over rows."""

from typing import Any

import numpy as np


def relative_gaps(n_rows: int, yy: Any, rr: Any, ry: Any, steepest: Any, lams: Any, l1: Any) -> Any:
    r"""Primal less dual of the penalised mean squared error, relative to the mean square of the centred target.

    The dual point is the residual r, shrunk until :math:`2 |X^T r|_\infty / n \le \lambda`.

    Parameters
    ----------
    n_rows : int
    yy : float
        Sum of squares of the centred target.
    rr, ry : ndarray of float64, or float
        Sums of squares of the residual and of its products with the centred target, one per penalty.
    steepest : ndarray of float64, or float
        :math:`2 |X^T r|_\infty / n`.
    lams, l1 : ndarray of float64, or float
        Penalties, and the sums of the absolute weights.

    Returns
    -------
    ndarray of float64, or float
        Never negative.

    Examples
    --------
    >>> float(relative_gaps(2, yy=2.0, rr=2.0, ry=2.0, steepest=1.0, lams=0.5, l1=0.0))  # weights of 0
    0.25
    """
    shrink = np.minimum(1, np.divide(lams, steepest, out=np.ones(np.shape(steepest)), where=np.greater(steepest, 0)))
    primal = rr / n_rows + lams * l1
    dual = (2 * shrink * ry - shrink**2 * rr) / n_rows
    return np.maximum(primal - dual, 0) / (yy / n_rows)
