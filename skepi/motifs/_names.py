"""What motifs of databases are called."""

from collections import Counter
from collections.abc import Sequence

from numpy.typing import ArrayLike

from skepi.motifs._motifs import Motifs


def motifs_of(ids: Sequence[str], tfs: Sequence[str], matrices: Sequence[ArrayLike]) -> Motifs:
    """Name motifs after their TF, with the identifier behind it where a TF has several matrices.

    Examples
    --------
    >>> motifs_of(["M1", "M2", "M3"], ["FOS", "JUN", "JUN"], [[[1, 0, 0, 0]]] * 3).names
    ('FOS', 'JUN (M2)', 'JUN (M3)')
    """
    count = Counter(tfs)
    names = [f"{tf} ({own})" if count[tf] > 1 and tf != own else tf for own, tf in zip(ids, tfs, strict=True)]
    return Motifs(dict(zip(names, matrices, strict=True)), ids=ids, tfs=tfs)
