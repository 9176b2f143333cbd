"""The structure of a model as JSON, and back.

``None``, booleans, text, finite numbers and lists are themselves; anything else is a node ``{kind: content}``. Values
with an identity (arrays, estimators, tables) lie in a list of objects and are referred to as ``{"shared": number}``, so
that one that is held twice is stored once and is one again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from skepi.persistence._classes import Trusted


@dataclass(frozen=True)
class Kind:
    """How values of one kind are written and read, and whether they have an identity to keep."""

    write: Callable[["Writer", Any, str], Any]
    read: Callable[["Reader", Any], Any]
    shared: bool = False


@dataclass
class Writer:
    """What has been written so far."""

    kinds: Mapping[str, Kind]
    kind_of: Callable[[Any, str], str]
    objects: list[Any] = field(default_factory=list)
    arrays: dict[str, NDArray] = field(default_factory=dict)
    _number: dict[int, int] = field(default_factory=dict)
    _open: set[int] = field(default_factory=set)
    _kept: list[Any] = field(default_factory=list)  # or another value could get the same id

    def node(self, value: Any, where: str) -> Any:
        """Write a value; ``where`` is its path inside the model, for messages."""
        if value is None or type(value) in (bool, str):
            return value
        name = self.kind_of(value, where)
        kind = self.kinds[name]
        if id(value) in self._number:
            return {"shared": self._number[id(value)]}
        if id(value) in self._open:
            raise ValueError(f"{where} leads back to itself: a model with a cycle cannot be saved")
        self._open.add(id(value))
        content = kind.write(self, value, where)
        self._open.remove(id(value))
        node = content if name in ("list", "number") else {name: content}
        return self._share(value, node) if kind.shared else node

    def nodes(self, parts: Mapping[str, Any], where: str) -> dict[str, Any]:
        """Write named parts of a value."""
        return {name: self.node(part, f"{where}.{name}") for name, part in parts.items()}

    def _share(self, value: Any, node: Any) -> dict[str, int]:
        self._kept.append(value)
        self._number[id(value)] = len(self.objects)
        self.objects.append(node)
        return {"shared": self._number[id(value)]}


@dataclass
class Reader:
    """What a file holds, and what has been made of it so far."""

    kinds: Mapping[str, Kind]
    objects: list[Any]
    arrays: dict[str, NDArray]
    trusted: Trusted
    _made: dict[int, Any] = field(default_factory=dict)
    _open: set[int] = field(default_factory=set)

    def value(self, node: Any) -> Any:
        """Make the value of a node."""
        if isinstance(node, list):
            return [self.value(one) for one in node]
        if not isinstance(node, dict):
            return node
        [(name, content)] = node.items()
        if name == "shared":
            return self._shared(content)
        if name not in self.kinds:
            raise ValueError(f"the file holds a value of unknown kind {name!r}")
        return self.kinds[name].read(self, content)

    def values(self, nodes: Mapping[str, Any]) -> dict[str, Any]:
        """Make the values of named nodes."""
        return {name: self.value(node) for name, node in nodes.items()}

    def _shared(self, number: int) -> Any:
        if number in self._open or not 0 <= number < len(self.objects):
            raise ValueError(f"the file refers to object {number}, which does not exist or holds itself")
        if number not in self._made:
            self._open.add(number)
            self._made[number] = self.value(self._checked(number))
            self._open.remove(number)
        return self._made[number]

    def _checked(self, number: int) -> Any:
        """Node of an object, which has an identity: tuples that held each other twice would be hashed for ever."""
        node = self.objects[number]
        if not (isinstance(node, dict) and len(node) == 1):
            raise ValueError(f"object {number} of the file has no identity to share")
        [name] = node
        if name in self.kinds and not self.kinds[name].shared:
            raise ValueError(f"object {number} of the file is a {name}, which has no identity to share")
        return node


def refusal(value: Any, where: str, detail: str = "") -> TypeError:
    """Error that says what lies where and cannot be written."""
    name = f"{type(value).__module__}.{type(value).__qualname__}"
    return TypeError(f"{where} is a {name}{detail}, which cannot be saved without pickle")
