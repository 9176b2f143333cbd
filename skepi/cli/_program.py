"""A program of few statements: run it, or print it as Python."""

import contextlib
import glob
import os
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from skepi.cli._errors import UsageError
from skepi.cli._expressions import Expression, evaluate, imports_of, name, outputs_of, py, source


class Program:
    """Statements, in order.

    Files that a program writes appear under their names when all statements have run; until then they carry
    another name in the same folder. So whatever stops a program leaves no file that is half-written.
    """

    def __init__(self) -> None:
        self._statements: list[tuple[str | None, Any]] = []
        self._guards: dict[int, tuple[Callable[..., None], tuple[Expression, ...]]] = {}
        self._folders: list[str] = []
        self.notes: list[str] = []

    def let(self, variable: str, value: Any) -> Expression:
        """Add ``variable = value``, and return the name of the variable."""
        self._statements.append((variable, value))
        return name(variable)

    def let_both(self, first: str, second: str, value: Any) -> tuple[Expression, Expression]:
        """Add ``first, second = value``, and return the names of both."""
        self._statements.append((f"{first}, {second}", value))
        return name(first), name(second)

    def do(self, value: Expression) -> None:
        """Add a statement whose value is not kept."""
        self._statements.append((None, value))

    def guard(self, check: Callable[..., None], *values: Expression) -> None:
        """Add a check of values at this place, which may refuse them; it changes nothing, and is not shown."""
        self._guards[len(self._statements)] = check, values

    def print(self, value: Any, **settings: Any) -> None:
        """Add a statement that prints a value."""
        self.do(py(print)(value, **settings))

    def note(self, text: str) -> None:
        """Add a line for standard error: what was decided by looking at the data."""
        self.notes.append(text)

    def folder(self, path: str) -> str:
        """Path of a folder that the program will make, and that must not exist."""
        self._folders.append(path)
        return path

    def code(self) -> str:
        """Python source of the program, which does the same where it is run in the same folder."""
        modules: dict[str, set[str]] = {}
        for _, value in self._statements:
            for module, imported in imports_of(value):
                modules.setdefault(module, set()).add(imported)
        imports = [f"from {module} import {', '.join(sorted(names))}" for module, names in sorted(modules.items())]
        prefixes = ["" if variable is None else f"{variable} = " for variable, _ in self._statements]
        lines = [
            prefix + source(value, room=110 - len(prefix))
            for prefix, (_, value) in zip(prefixes, self._statements, strict=True)
        ]
        return "\n".join([*imports, "", *lines]) + "\n"

    def run(self) -> dict[str, Any]:
        """Run all statements, and return the variables."""
        variables: dict[str, Any] = {}
        with _whole(self.outputs()) as parts:
            for place, (variable, value) in enumerate(self._statements):
                if place in self._guards:
                    check, values = self._guards[place]
                    check(*(evaluate(one, variables, str) for one in values))
                result = evaluate(value, variables, parts.__getitem__)
                if variable is not None:
                    names = variable.split(", ")
                    variables.update(zip(names, result if len(names) > 1 else [result], strict=True))
        return variables

    @staticmethod
    def progress(options: Namespace) -> dict[str, bool]:
        """Settings of a function that can show its progress."""
        return {"progress": True} if options.progress else {}

    def outputs(self) -> list[str]:
        """Paths of the files that the program writes."""
        return [path for _, value in self._statements for path in outputs_of(value)]

    def check_outputs(self, overwrite: bool) -> None:
        """Refuse, before anything is computed, files that cannot be written or would be lost."""
        outputs = self.outputs()
        for path in map(Path, outputs):
            if outputs.count(str(path)) > 1:
                raise UsageError(f"{path}: two results cannot be one file; give them two names")
            if not path.parent.is_dir():
                raise UsageError(f"{path}: there is no folder {path.parent} to write it to")
            if path.is_dir():
                raise UsageError(f"{path} is a folder; wanted the name of a file")
            if path.exists() and not overwrite:
                raise UsageError(f"{path} exists; --overwrite replaces it")
        for path in map(Path, self._folders):
            if not path.parent.is_dir():
                raise UsageError(f"{path}: there is no folder {path.parent} to make it in")
            if path.exists():
                raise UsageError(f"{path} exists; remove it first, or give another name")


@contextlib.contextmanager
def _whole(paths: list[str]) -> Iterator[dict[str, str]]:
    """Names to write files under, which become ``paths`` where all goes well and are removed where it does not."""
    # The ending stays, because it says how a table is written.
    parts = {path: str(Path(path).with_name(f".part.{os.getpid()}.{Path(path).name}")) for path in paths}
    _remove_left(paths)
    try:
        yield parts
        for path, part in parts.items():
            os.replace(part, path)
    finally:
        for part in parts.values():
            Path(part).unlink(missing_ok=True)


def _remove_left(paths: list[str]) -> None:
    """Remove what killed processes left under other names."""
    for path in map(Path, paths):
        for part in path.parent.glob(f".part.*.{glob.escape(path.name)}"):
            owner = part.name.split(".")[2]
            if owner.isdigit() and not _runs(int(owner)):
                part.unlink(missing_ok=True)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
