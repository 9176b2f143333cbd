"""Identifiers of Ensembl: what they look like, and what they are without their version."""

import re
from typing import Any

_ENSEMBL_ID = re.compile(
    r"(ENS(?:[A-Z]{3,4})?(?:G|T|P|E|R|FM|GT)(?:R[0-9]{10}|[0-9]{11}))(\.[0-9]+)?(_PAR_Y)?(_[0-9]+)?"
).fullmatch


def without_version(name: Any) -> Any:
    """Ensembl identifier without its version; anything else as it is."""
    found = _ENSEMBL_ID(name) if isinstance(name, str) and name.startswith("ENS") else None
    return found[1] + (found[3] or "") if found else name


def is_ensembl_id(name: Any) -> bool:
    """Whether a name is an Ensembl identifier, with version or without."""
    return isinstance(name, str) and _ENSEMBL_ID(name) is not None
