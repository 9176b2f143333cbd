"""What a rule says: whether a figure may be trusted, and why."""

from typing import NamedTuple

TRUST, CAREFUL = "trust", "careful"


class Verdict(NamedTuple):
    """One sentence or two, in plain words, with the figures that they rest on."""

    level: str
    text: str


def trust(text: str) -> Verdict:
    """Say what may be relied on."""
    return Verdict(TRUST, text)


def careful(text: str) -> Verdict:
    """Say what may mislead."""
    return Verdict(CAREFUL, text)
