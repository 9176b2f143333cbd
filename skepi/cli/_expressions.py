"""Python expressions that can be evaluated and printed: what a command does is what ``--show-code`` shows."""

import functools
import operator
from collections.abc import Callable, Mapping
from typing import Any

WIDTH = 110
_INDENT = "    "


class Expression:
    """Expression of Python, made by writing it: ``py(read_gtf)("genes.gtf")["name"]`` calls nothing yet."""

    __slots__ = ("_of",)

    def __init__(self, *of: Any) -> None:
        self._of = of  # kind of expression, and what it is made of

    def __call__(self, *arguments: Any, **keywords: Any) -> "Expression":
        return Expression("call", self, arguments, keywords)

    def __getattr__(self, name: str) -> "Expression":
        if name.startswith("_"):
            raise AttributeError(name)
        return Expression("attribute", self, name)

    def __getitem__(self, key: Any) -> "Expression":
        return Expression("item", self, key)


def py(thing: Any, home: str | None = None) -> Expression:
    """Name of a function or class, imported from its public module, or from the one that is named."""
    return Expression("import", thing, home or public_module(thing))


def name(text: str) -> Expression:
    """Name of a variable."""
    return Expression("name", text)


def output(path: Any) -> Expression:
    """Path of a file that appears only once the whole program has ended."""
    return Expression("output", str(path))


def public_module(thing: Any) -> str:
    """Module that users import from: the part of its name before the first private one."""
    parts = thing.__module__.split(".")
    public = next((place for place, part in enumerate(parts) if part.startswith("_")), len(parts))
    return ".".join(parts[:public])


def evaluate(value: Any, variables: Mapping[str, Any], at: Callable[[str], str]) -> Any:
    """Value of an expression, or of a list or dict of them; ``at`` says where an output is written."""
    inside = functools.partial(evaluate, variables=variables, at=at)
    if isinstance(value, list | tuple):
        return type(value)(map(inside, value))
    if isinstance(value, dict):
        return {inside(key): inside(item) for key, item in value.items()}
    if not isinstance(value, Expression):
        return value
    match value._of:
        case ("import", thing, _):
            return thing
        case ("name", text):
            return variables[text]
        case ("output", path):
            return at(path)
        case ("call", function, arguments, keywords):
            return inside(function)(*inside(arguments), **inside(keywords))
        case ("attribute", owner, attribute):
            return getattr(inside(owner), attribute)
    _, owner, key = value._of  # an item
    return operator.getitem(inside(owner), inside(key))


def parts_of(value: Any) -> list[Any]:
    """All that an expression, a list or a dict is made of."""
    if isinstance(value, Expression):
        return [] if value._of[0] == "import" else list(value._of[1:])
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    return list(value) if isinstance(value, list | tuple) else []


def outputs_of(value: Any) -> list[str]:
    """Paths that an expression writes to."""
    if isinstance(value, Expression) and value._of[0] == "output":
        return [value._of[1]]
    return [path for part in parts_of(value) for path in outputs_of(part)]


def imports_of(value: Any) -> set[tuple[str, str]]:
    """Module and name of all that an expression needs to import; builtins need none."""
    if isinstance(value, Expression) and value._of[0] == "import":
        _, thing, home = value._of
        return set() if home == "builtins" else {(home, thing.__name__)}
    return {needed for part in parts_of(value) for needed in imports_of(part)}


def source(value: Any, room: int = WIDTH, indent: str = "") -> str:
    """Python source of an expression; what is longer than ``room`` is broken into one argument per line."""
    opening, items, closing = _pieces(value)
    flat = opening + ", ".join(prefix + source(item, 10**9) for prefix, item in items) + closing
    if not items or len(indent) + len(flat) <= room:
        return flat
    deeper = indent + _INDENT
    lines = [f"{deeper}{prefix}{source(item, room - len(prefix) - 1, deeper)},\n" for prefix, item in items]
    return f"{opening}\n{''.join(lines)}{indent}{closing}"


def _pieces(value: Any) -> tuple[str, list[tuple[str, Any]], str]:
    """What opens an expression, its items with what stands before each, and what closes it."""
    if isinstance(value, list):
        return "[", [("", item) for item in value], "]"
    if isinstance(value, tuple):
        return "(", [("", item) for item in value], ",)" if len(value) == 1 else ")"
    if isinstance(value, dict):
        return "{", [(f"{source(key)}: ", item) for key, item in value.items()], "}"
    if not isinstance(value, Expression):
        return _literal(value), [], ""
    match value._of:
        case ("import", thing, _):
            return thing.__name__, [], ""
        case ("name", text):
            return text, [], ""
        case ("output", path):
            return _literal(path), [], ""
        case ("call", function, arguments, keywords):
            items = [("", item) for item in arguments] + [(f"{key}=", item) for key, item in keywords.items()]
            return source(function, 10**9) + "(", items, ")"
        case ("attribute", owner, attribute):
            return f"{source(owner, 10**9)}.{attribute}", [], ""
    _, owner, key = value._of  # an item
    return f"{source(owner, 10**9)}[{_key(key)}]", [], ""


def _key(key: Any) -> str:
    """What stands between brackets."""
    if not isinstance(key, slice):
        return source(key, 10**9)
    return ":".join("" if part is None else source(part) for part in (key.start, key.stop, key.step))


def _literal(value: Any) -> str:
    """Text, number, None or flag, as Python writes it."""
    if isinstance(value, str):
        text = repr(value)
        # Double quotes, as formatters have it, where that needs no escape.
        return f'"{text[1:-1]}"' if text[0] == "'" and '"' not in text and "\\'" not in text else text
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return f'float("{value}")'
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    raise TypeError(f"no literal of Python: {value!r}")
