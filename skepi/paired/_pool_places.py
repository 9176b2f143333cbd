"""Do data sets of a pool place their genes alike?"""

import warnings

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skepi._doors import some
from skepi.exceptions import AssemblyWarning, TableError

# Annotations choose other start sites for a few genes; another assembly moves nearly all of them, and by more.
_MOVED_BP = 10_000
# Only the longest genes have start sites this far apart.
_FAR_BP = 1_000_000


def check_places(genes: pd.DataFrame, theirs: pd.DataFrame, first: str, name: str) -> None:
    """Refuse a data set whose genes mostly lie elsewhere, and warn of single genes that lie far away.

    Parameters
    ----------
    genes, theirs : DataFrame
        Rows are the same genes, as the data sets ``first`` and ``name`` place them.
    """
    moved = _moved(genes, theirs, _MOVED_BP)
    if moved.mean() > 0.5:
        raise TableError(
            f"{name} places {int(moved.sum())} of {moved.size} shared genes more than {_MOVED_BP:,} bp from where "
            f"{first} has them, such as {genes['name'].to_numpy()[moved][0]}: they look like two genome assemblies; "
            "lift one of them over"
        )
    far = _moved(genes, theirs, _FAR_BP)
    if far.any():
        warnings.warn(
            f"{name} places {int(far.sum())} of {far.size} shared genes on another chromosome than {first}, or more "
            f"than {_FAR_BP:,} bp away: {some(genes['name'][far])}. They may be other genes of the same name. The pool "
            f"has them where {first} places them; leave out those that are not the same: "
            "data.subset(genes=...)",
            AssemblyWarning,
            stacklevel=4,
        )


def _moved(genes: pd.DataFrame, theirs: pd.DataFrame, by_bp: int) -> NDArray[np.bool_]:
    """Which genes lie on another chromosome, or more than ``by_bp`` away."""
    elsewhere = genes["chrom"].to_numpy(object) != theirs["chrom"].to_numpy(object)
    return elsewhere | (np.abs(genes["tss"].to_numpy() - theirs["tss"].to_numpy()) > by_bp)
