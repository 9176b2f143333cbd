"""How large something that has to be kept in memory may become."""

import numpy as np

from skepi.exceptions import DenseSizeError

#: Largest array that is made without being asked to, in bytes.
MAX_DENSE_BYTES = 8 * 2**30


def check_dense_size(shape: tuple[int, int], dtype: np.dtype, max_bytes: float) -> None:
    """Refuse a dense array larger than ``max_bytes``, with both sizes in the message."""
    what = f"a dense {shape[0]:,} x {shape[1]:,} array of {dtype}"
    check_size(
        shape[0] * shape[1] * dtype.itemsize,
        what,
        "inside the model keep it sparse, GeneZTarget(make_pipeline(Materialize('csr'), Ridge())), or raise the limit, "
        "Materialize(max_bytes=...)",
        max_bytes,
    )


def check_size(n_bytes: float, what: str, way_out: str, max_bytes: float = MAX_DENSE_BYTES) -> None:
    """Refuse what would take more than ``max_bytes``, with both sizes and a way out in the message.

    Examples
    --------
    >>> check_size(2**34, "the matrix", "use fewer columns")
    Traceback (most recent call last):
    skepi.exceptions.DenseSizeError: the matrix would take 16.0 GiB, more than the limit of 8.0 GiB; use fewer columns
    """
    if n_bytes > max_bytes:
        raise DenseSizeError(
            f"{what} would take {n_bytes / 2**30:.1f} GiB, more than the limit of {max_bytes / 2**30:.1f} GiB; "
            + way_out
        )
