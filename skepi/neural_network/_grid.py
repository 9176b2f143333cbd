"""Features of a row as a grid of signals and bins: its shape, or why there is none."""

from typing import Any

from skepi._columns import grid_of
from skepi._rows import check_bins_alone
from skepi.rows import is_binned


def grid_shape(X: Any, n_signals: int | None, estimator: Any) -> tuple[int, int]:
    """Signals and bins of rows; plain arrays hold all bins of the first signal, then all of the second, and so on."""
    if not is_binned(X):
        return _shape_of_array(X.shape[1], n_signals or 1)
    check_bins_alone(X, estimator)
    labels, n_bins = grid_of(X.columns)
    if n_signals not in (None, len(labels)):
        raise ValueError(
            f"n_signals={n_signals}, but the columns have {len(labels)} signal(s): {', '.join(map(repr, labels))}; "
            "leave n_signals=None, and the columns say it"
        )
    return len(labels), n_bins


def _shape_of_array(n_features: int, n_signals: int) -> tuple[int, int]:
    if n_features % n_signals:
        raise ValueError(
            f"{n_features} features are no grid of n_signals={n_signals}: wanted the same number of bins for every "
            "signal, all bins of the first signal first; set n_signals to the number of signals"
        )
    return n_signals, n_features // n_signals


def check_spans(n_bins: int, width: int, pool: int) -> None:
    """Refuse filters wider than the bins, and pools wider than what the filters leave."""
    if width > n_bins:
        raise ValueError(f"width={width} is wider than the {n_bins} bins of a signal: give at most width={n_bins}")
    places = n_bins - width + 1
    if pool > places:
        raise ValueError(
            f"pool={pool} is wider than the {places} places that filters of width={width} have in {n_bins} bins: give "
            f"at most pool={places}"
        )
