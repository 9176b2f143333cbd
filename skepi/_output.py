"""``set_output``: arrays become tables where a user asks for them, lazy rows stay what they are."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from skepi.rows import is_pairs


class KeepsPairs:
    """A transformer that gives rows of pairs for rows of pairs, whichever container ``set_output`` names.

    scikit-learn wraps ``transform`` and ``fit_transform`` of a class to turn what they return into a table. For rows
    that know their gene and cell type they are called as they were written, from one frame further up the stack, which
    warnings count. This class comes before
    :class:`sklearn.base.TransformerMixin` in the list of bases.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        written = {name: vars(cls)[name] for name in ("transform", "fit_transform") if name in vars(cls)}
        super().__init_subclass__(**kwargs)
        for name, method in written.items():
            setattr(cls, name, _by_rows(method, vars(cls)[name]))

    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> Any:
        """Fit to rows and transform them."""
        if is_pairs(X):  # the method of TransformerMixin is wrapped
            return self.fit(X, y, **fit_params).transform(X)  # type: ignore[attr-defined]
        return super().fit_transform(X, y, **fit_params)  # type: ignore[misc]


def _by_rows(written: Callable, wrapped: Callable) -> Callable:
    @wraps(written)
    def method(self: Any, X: Any, *args: Any, **kwargs: Any) -> Any:
        return (written if is_pairs(X) else wrapped)(self, X, *args, **kwargs)

    return method
