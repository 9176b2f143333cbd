"""Identifiers of Ensembl and RefSeq: what they look like, and what they are without version or mark of a copy on Y."""

import re
from typing import Any

_ENSEMBL_ID = re.compile(
    r"(ENS(?:[A-Z]{3,4})?(?:G|T|P|E|R|FM|GT)(?:R[0-9]{10}|[0-9]{11}))(\.[0-9]+)?(_PAR_Y)?(_[0-9]+)?"
).fullmatch
_REFSEQ_ID = re.compile(r"([NX][MRP]_[0-9]+)\.[0-9]+").fullmatch
_ON_Y = re.compile(r"^(ENSG)R(?=[0-9]{10})|_PAR_Y")


def without_version(name: Any) -> Any:
    """Ensembl identifier without its version; anything else as it is."""
    found = _ENSEMBL_ID(name) if isinstance(name, str) and name.startswith("ENS") else None
    return found[1] + (found[3] or "") if found else name


def without_mark_of_y(name: str) -> str:
    """Identifier of the copy on X, where one marks the copy on Y, as in ``ENSGR0000182378`` and ``..._PAR_Y``."""
    return _ON_Y.sub(lambda found: "ENSG0" if found[1] else "", name)


def without_refseq_version(name: str) -> str:
    """RefSeq accession of a transcript or protein without its version; anything else as it is."""
    found = _REFSEQ_ID(name)
    return found[1] if found else name


def is_ensembl_id(name: Any) -> bool:
    """Whether a name is an Ensembl identifier, with version or without."""
    return isinstance(name, str) and _ENSEMBL_ID(name) is not None
