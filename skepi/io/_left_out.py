"""What a function leaves out of its result, said once and in one form."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from skepi._doors import check_choice, some
from skepi.exceptions import LeftOutWarning, TableError

_HOW = ("warn", "ignore", "error")


def check_left_out(left_out: object) -> None:
    """Refuse a setting that does not say what to do about what is left out."""
    check_choice("left_out", left_out, _HOW)


class LeftOut(NamedTuple):
    """What was left out of rows of one kind.

    Attributes
    ----------
    what : str
        What they are, in the plural.
    n_all : int
        How many there were, with those that stayed.
    reasons : mapping of str to sequence of str
        Names by the reason, which follows their number: ``"on several chromosomes"``.
    """

    what: str
    n_all: int
    reasons: Mapping[str, Sequence[str]]

    def __str__(self) -> str:
        told = {reason: names for reason, names in self.reasons.items() if len(names)}
        why = ", ".join(f"{len(names):,} {reason} ({some(names, 3)})" for reason, names in told.items())
        return f"{sum(map(len, told.values())):,} of {self.n_all:,} {self.what}: {why}"


def say_left_out(who: str, parts: Iterable[LeftOut], how: str = "warn", advice: str = "") -> None:
    """Warn of what was left out, or refuse to leave it out: how many of how many, why, the first names.

    Parameters
    ----------
    who : str
        Function that leaves out.
    parts : iterable of LeftOut
        Nothing is said where none has a name.
    how : {"warn", "ignore", "error"}, default="warn"
    advice : str, optional
        What to do.

    Examples
    --------
    >>> say_left_out("choose_tss", [LeftOut("genes", 9, {"on several chromosomes": ["A", "B"]})], "error")
    Traceback (most recent call last):
    skepi.exceptions.TableError: choose_tss left out 2 of 9 genes: 2 on several chromosomes ('A', 'B')
    """
    told = [str(part) for part in parts if any(map(len, part.reasons.values()))]
    if not told or how == "ignore":
        return
    said = f"{who} left out {'; and '.join(told)}{f'. {advice[0].upper()}{advice[1:]}' if advice else ''}"
    if how == "error":
        raise TableError(said)
    warnings.warn(said, LeftOutWarning, stacklevel=3)
