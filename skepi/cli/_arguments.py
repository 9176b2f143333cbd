"""Arguments that cannot be understood: one line, with the nearest of what there is."""

import argparse
import difflib
from collections.abc import Iterable
from typing import Any, NoReturn


class Parser(argparse.ArgumentParser):
    """Parser that says in one line what came, what was wanted, and where to look."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message} ({self.prog} --help lists what there is)\n")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Refuse what is unknown here, where the options of the command are known."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(self._unknown(unknown[0]))
        return found, unknown

    def _unknown(self, argument: str) -> str:
        if not argument.startswith("-"):
            return f"there is no place for the argument {argument!r}"
        option = argument.split("=")[0]
        return f"there is no option {option}{nearest(option, self._option_string_actions)}"

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Name choices as they are written on the command line."""
        if action.choices is None or value in action.choices:
            return
        came, *known = (str(name).replace(" ", "-") for name in (value, *action.choices))
        raise argparse.ArgumentError(action, f"wanted {some_of(known)}, got {came!r}{nearest(came, known)}")


def nearest(name: str, known: Iterable[str]) -> str:
    """A question that names the nearest of what is known, or nothing."""
    near = difflib.get_close_matches(name, list(known), 1, cutoff=0.7)
    return f"; did you mean {near[0]}?" if near else ""


def some_of(known: list[str]) -> str:
    return ", ".join(known[:-1]) + f" or {known[-1]}" if len(known) > 1 else known[0]
