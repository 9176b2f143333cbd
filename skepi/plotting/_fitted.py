"""The fitted part that keeps what a display draws, inside pipelines, searches and GeneZTarget."""

from typing import Any

from sklearn.utils.validation import check_is_fitted

from skepi._fitted import part_with


def fitted_part(estimator: Any, attributes: tuple[str, ...], wanted: str) -> Any:
    """Find the part of a fitted estimator that has all of these attributes.

    Parameters
    ----------
    estimator : estimator
        The part itself, or a pipeline that ends with it, a search over it, or ``GeneZTarget`` around it.
    attributes : tuple of str
    wanted : str
        What keeps them, for the message.

    Raises
    ------
    NotFittedError
        Where the estimator is not fitted.
    TypeError
        Where no part has the attributes.
    """
    if isinstance(estimator, type) or not hasattr(estimator, "fit"):
        raise TypeError(f"wanted {wanted}, got {estimator!r}")
    check_is_fitted(estimator)
    part = part_with(estimator, *attributes)
    if part is not None:
        return part
    raise TypeError(f"{type(estimator).__name__} keeps no {' and '.join(attributes)}: wanted {wanted}")
