"""Matrices with a header: rows are features (genes or peaks), columns are samples."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pandas as pd

from skepi._doors import some
from skepi.exceptions import FileFormatError
from skepi.io._columns import Wanted
from skepi.io._delimited import line_of_row, read_delimited
from skepi.io._parquet import is_parquet, read_parquet
from skepi.io._text import Path

_INT64_END = 2.0**63


def read_matrix(
    path: Path,
    *,
    labels: str | Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    drop: Sequence[str] = (),
    repeated: str = "error",
    separator: str | None = None,
    one_based: bool = False,
) -> pd.DataFrame:
    """Read a matrix of numbers with a header: genes or peaks as rows, samples as columns.

    Understood are tables of pandas and spreadsheets, of R (``write.csv``, ``write.table``, whose header may have one
    name fewer than the rows have fields) and of featureCounts (``drop=["Chr", "Start", "End", "Strand", "Length"]``).
    Lines before the header that begin with ``#`` are left out.

    Parameters
    ----------
    path : path
        Text, plain or gzipped, or parquet, told by content.
    labels : str or three str, optional
        Column of row labels; the first one (in parquet, the index of a pandas table) if not given. Three columns of
        chromosome, start and end give labels ``chr1:10-20`` (0-based half-open). A first column without a name holds
        row names and is left out where ``labels`` names another one.
    columns : sequence of str, optional
        Samples wanted, in that order; all columns but ``labels`` and ``drop`` if not given. Other columns may hold
        anything.
    drop : sequence of str, default=()
        Columns that are no samples.
    repeated : {"error", "drop", "sum"}, default="error"
        What to do with rows that share a label: refuse them, leave out every row of such a label, or add them up.
    separator : str, optional
        One character. If not given: a tab if the header has one, else a comma if it has one (quotes aside). Where it
        has neither, the first row decides between tab, comma and space.
    one_based : bool, default=False
        Whether the positions of three ``labels`` count bases from 1 and include the last one, as those of DiffBind and
        featureCounts: 101 and 600 then give ``chr1:100-600``.

    Returns
    -------
    DataFrame
        Features x samples, in the order of the file, labels as index: int64 where every value is a whole number
        without decimal point that fits, else float64. ``attrs["left_out"]`` lists the labels left out by
        ``repeated="drop"``.

    Raises
    ------
    FileFormatError
        With file, line and column: what is not a finite number (``NA``, nothing, ``1,5``), rows of another length than
        the header, names repeated or empty, no header, no rows, text that is no text, a broken file. A header whose
        names, but the first, are all numbers is taken for a row unless ``labels`` or ``columns`` name some of it.
        Columns named as intervals (``chr, start, end``), first or behind one column, that would be samples, unless
        ``columns`` names them. A separator that cannot be told.
    UnknownNameError
        For names in ``labels``, ``columns`` or ``drop`` that the header does not hold.
    ValueError
        For arguments that contradict each other, and for ``one_based=True`` without three ``labels``.
    ImportError
        For parquet without pyarrow.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "counts.csv")
    ...     _ = path.write_text("gene,HSC,Ery\\nGATA1,3,40\\nSPI1,25,1\\n")
    ...     read_matrix(path, columns=["Ery", "HSC"]).to_dict("index")
    {'GATA1': {'Ery': 40, 'HSC': 3}, 'SPI1': {'Ery': 1, 'HSC': 25}}
    """
    if repeated not in ("error", "drop", "sum"):
        raise ValueError(f"repeated must be 'error', 'drop' or 'sum', got {repeated!r}")
    if separator is not None and (len(separator) != 1 or separator in '"\r\n'):
        raise ValueError(f"separator must be one character, no quote and no end of line, got {separator!r}")
    wanted = Wanted.of(labels, columns, drop, one_based)
    parquet = is_parquet(path)
    matrix = read_parquet(path, wanted) if parquet else read_delimited(path, wanted, separator)
    twice = matrix.index.duplicated(keep=False)
    left_out: list[str] = []
    if twice.any():
        if repeated == "error":
            raise _repeats(matrix, path, None if parquet else partial(line_of_row, path, separator))
        if repeated == "drop":
            left_out = matrix.index[twice].unique().tolist()
            matrix = matrix[~twice]
            if matrix.empty:
                raise FileFormatError(path, None, None, "no row is left: every label is repeated")
        else:
            matrix = _summed(matrix, path)
    matrix.attrs["left_out"] = left_out
    return matrix


def _repeats(matrix: pd.DataFrame, path: Path, line_of: Callable[[int], int] | None) -> FileFormatError:
    """Error that names the first repeat, with both of its lines (rows, counted from 1, in parquet)."""
    labels = matrix.index
    second = int(np.flatnonzero(labels.duplicated())[0])
    first = labels.tolist().index(labels[second])
    names = labels[labels.duplicated()].unique()
    advice = f"{len(names)} labels are repeated ({some(names)}); repeated='drop' or 'sum' says what to do"
    if line_of is None:
        both = f"rows {first + 1} and {second + 1} have the same label {labels[second]!r}"
        return FileFormatError(path, None, None, f"{both}; {advice}")
    both = f"the label {labels[second]!r} is that of line {line_of(first)} too"
    return FileFormatError(path, line_of(second), None, f"{both}; {advice}")


def _summed(matrix: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Rows of the same label added up, at the place of the first."""
    with np.errstate(over="ignore"):
        sizes = matrix.astype(np.float64).abs().groupby(level=0, sort=False).sum()
    if not np.isfinite(sizes.to_numpy()).all():
        raise FileFormatError(path, None, None, "the sum over rows of the same label exceeds float64")
    if sizes.to_numpy().max() >= _INT64_END:
        matrix = matrix.astype(np.float64)
    return matrix.groupby(level=0, sort=False).sum()
