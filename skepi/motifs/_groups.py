"""Families of motifs: one column for all motifs of a family."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._doors import some
from skepi.exceptions import TableError
from skepi.motifs._motifs import Motifs


def families_of(motifs: Motifs, groups: Any) -> tuple[NDArray[np.int64], list[str]]:
    """Number of each motif's family, and the names of families in order of their first motif.

    Keys of ``groups`` are names, identifiers or TFs.
    """
    if isinstance(groups, pd.Series):
        groups = groups.to_dict()
    if not isinstance(groups, Mapping):
        raise TypeError(f"groups must be a mapping from motif to family, or a Series, got {type(groups).__name__}")
    found = [_family(groups, called) for called in zip(motifs.names, motifs.ids, motifs.tfs, strict=True)]
    absent = [name for name, family in zip(motifs.names, found, strict=True) if family is None]
    if absent:
        raise TableError(f"groups: no family for {len(absent)} motif(s): {some(absent)}; add them, or select motifs")
    code, families = pd.factorize(pd.Index(found, dtype=object))
    return code.astype(np.int64), [str(family) for family in families]


def _family(groups: Mapping, called: tuple[str, ...]) -> Any:
    found = (groups[name] for name in called if name in groups)
    family = next(found, None)
    return None if family is None or pd.isna(family) else family


def greatest(values: NDArray, code: NDArray[np.int64], n_families: int) -> NDArray:
    """Greatest value of each family, (n, n_families)."""
    order = np.argsort(code, kind="stable")
    starts = np.searchsorted(code[order], np.arange(n_families))
    return np.maximum.reduceat(values[:, order], starts, axis=1)
