"""The other strand of DNA."""

import numpy as np

from skepi._dna import UNKNOWN, Codes, check_codes

_COMPLEMENT = np.array([3, 2, 1, 0, UNKNOWN], np.uint8)


def reverse_complement(codes: Codes) -> Codes:
    """Read sequences on the other strand: the last letter first, each replaced by its partner.

    With :math:`c_i` the code of letter :math:`i` of :math:`n`, the result is :math:`3 - c_{n - 1 - i}`; 4 (N) stays 4.

    Parameters
    ----------
    codes : ndarray of uint8, shape (..., n)
        A 0, C 1, G 2, T 3, N 4; letters along the last axis.

    Returns
    -------
    ndarray of uint8, shape (..., n)
        A new array.

    Raises
    ------
    TableError
        For an array of another type, or with numbers above 4.

    Examples
    --------
    >>> reverse_complement(np.array([0, 0, 1, 4], np.uint8)).tolist()  # AACN becomes NGTT
    [4, 2, 3, 3]
    """
    check_codes(codes)
    return _COMPLEMENT[codes[..., ::-1]]
