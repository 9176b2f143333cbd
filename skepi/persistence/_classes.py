"""Which classes and functions a model file may name, and how they are found again."""

import importlib
import re
import sys
from collections.abc import Sequence
from types import FunctionType
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.metrics._scorer import _BaseScorer, _MultimetricScorer, _PassthroughScorer
from sklearn.model_selection import BaseCrossValidator, BaseShuffleSplit
from sklearn.model_selection._split import _RepeatedSplits
from sklearn.utils._metadata_requests import MetadataRequest, MethodMetadataRequest


class FittedPart:
    """Base class for what a fitted estimator keeps in one object that is not an estimator itself.

    A model file holds such an object as it holds an estimator: the name of its class and its attributes. Loading does
    not call the constructor. Attributes lie in ``__dict__``, so a dataclass may be frozen but has no slots.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Line(FittedPart):
    ...     intercept: float
    ...     slope: float
    >>> Line(1.0, 2.0)  # as an attribute such as ``line_``, it is saved with its estimator
    Line(intercept=1.0, slope=2.0)
    """


#: Classes whose instances a file may hold as name and state: estimators and their fitted parts, splitters, and what
#: searches keep to score.
STORABLE = (
    BaseEstimator,
    FittedPart,
    BaseCrossValidator,
    BaseShuffleSplit,
    _RepeatedSplits,
    _BaseScorer,
    _MultimetricScorer,
    _PassthroughScorer,
    MetadataRequest,
    MethodMetadataRequest,
)
_ROOMS = ("skepi", "sklearn")
_FUNCTION_ROOMS = ("skepi.metrics", "sklearn.metrics", "sklearn.feature_selection")
_VALUE_TYPES = {kind.__name__: kind for kind in (bool, int, float, complex, str, bytes, object)}
_NOT_IMPORTED = {"tests", "conftest", "__main__"}

Trusted = Sequence[str | type]


def check_trusted(trusted: Trusted) -> None:
    """Refuse what is neither the name of a module nor a class; a lone string would be read letter by letter."""
    if isinstance(trusted, str) or not all(isinstance(one, type) or (one and isinstance(one, str)) for one in trusted):
        raise TypeError(f"trusted must be a sequence of module names and classes, got {trusted!r}")


def name_of(value: type | FunctionType, where: str) -> tuple[str, str]:
    """Module and name under which :func:`find` meets a class or function again: the public ones where there are."""
    module, name = value.__module__, value.__qualname__
    if not _may_be_named(value):
        raise TypeError(f"{where} is {module}.{name}, which cannot be saved without pickle")
    for room in (public_module(module), module):
        if getattr(sys.modules.get(room), name, None) is value:
            return room, name
    raise TypeError(f"{where} is {module}.{name}, which is not found by that name: define it in a module")


def find(module: str, name: str, trusted: Trusted) -> Any:
    """Class or scoring function of a name that a file gives; a :exc:`ValueError` for all that may not be named."""
    for one in (given for given in trusted if isinstance(given, type)):
        if name == one.__qualname__ and module in (one.__module__, public_module(one.__module__)):
            return _checked(one, module, name, [one.__module__])
    if module == "builtins":
        return _checked(_VALUE_TYPES.get(name), module, name, ["builtins"])
    rooms = ["numpy"] if module == "numpy" else [*_ROOMS, *(one for one in trusted if isinstance(one, str))]
    _check_module(module, name, rooms)
    # vars, not getattr: a name with dots, or one that a module makes on demand, leads elsewhere.
    return _checked(vars(_imported(module)).get(name), module, name, rooms)


def _check_module(module: str, name: str, rooms: list[str]) -> None:
    if not _is_in(module, rooms):
        raise ValueError(
            f"the file names {module}.{name}, but only {', '.join(rooms)} are trusted: "
            "pass trusted=[...] if you know the class and where the file comes from"
        )
    if not re.fullmatch(r"\w+(\.\w+)*", module) or _NOT_IMPORTED & set(module.split(".")[1:]):
        raise ValueError(f"the file names {module}.{name}, a module that is not imported for models")


def _imported(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ValueError(f"the file needs the module {module}, which cannot be imported: {error}") from error


def _checked(value: Any, module: str, name: str, rooms: list[str]) -> Any:
    if not _may_be_named(value) or not _is_in(value.__module__, rooms):
        raise ValueError(f"the file names {module}.{name}, which is no estimator, fitted part, splitter or scorer here")
    return value


def _may_be_named(value: Any) -> bool:
    if isinstance(value, type):
        return issubclass(value, (*STORABLE, np.generic)) or _VALUE_TYPES.get(value.__name__) is value
    # No function is called in loading, but one may be in a later score: scoring functions, of searches and selectors.
    return isinstance(value, FunctionType) and _is_in(value.__module__, _FUNCTION_ROOMS)


def public_module(module: str) -> str:
    """Package that shows what its private module holds; private modules move between versions."""
    return module.split("._")[0]


def _is_in(module: str, rooms: Sequence[str]) -> bool:
    return any(module == room or module.startswith(room + ".") for room in rooms)
