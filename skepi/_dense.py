"""How large a dense copy of lazy rows may become."""

import numpy as np

from skepi.exceptions import DenseSizeError

#: Largest dense copy that is made without being asked to, in bytes.
MAX_DENSE_BYTES = 8 * 2**30


def check_dense_size(shape: tuple[int, int], dtype: np.dtype, max_bytes: float) -> None:
    """Refuse a dense array larger than ``max_bytes``, with both sizes in the message."""
    size = shape[0] * shape[1] * dtype.itemsize
    if size > max_bytes:
        raise DenseSizeError(
            f"a dense {shape[0]:,} x {shape[1]:,} array of {dtype} takes {size / 2**30:.1f} GiB, more than the "
            f"limit of {max_bytes / 2**30:.1f} GiB; use Materialize(format='csr') or Materialize(max_bytes=...)"
        )
