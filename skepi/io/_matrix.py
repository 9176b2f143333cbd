"""Matrices with a header: rows are features (genes or peaks), columns are samples."""

import os
from collections.abc import Sequence

import numpy as np
import pandas as pd

from skepi._doors import some
from skepi.exceptions import FileFormatError
from skepi.io._columns import Wanted, names_labels
from skepi.io._delimited import Text, read_delimited
from skepi.io._headers import is_number
from skepi.io._left_out import LeftOut, say_left_out
from skepi.io._parquet import is_parquet, read_parquet
from skepi.io._text import Path

_INT64_END = 2.0**63


def read_matrix(
    path: Path,
    *,
    labels: str | Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    drop: Sequence[str] = (),
    names: Sequence[str] | None = None,
    repeated: str = "error",
    missing: str = "error",
    separator: str | None = None,
    one_based: bool = False,
) -> pd.DataFrame:
    """Read a matrix of numbers with a header: genes or peaks as rows, samples as columns.

    Understood are tables of pandas and spreadsheets, of R (``write.csv``, ``write.table``, whose header may have one
    name fewer than the rows have fields), of featureCounts (``drop=["Chr", "Start", "End", "Strand", "Length"]``) and
    of deepTools (``--outRawCounts``), and, told by their first line, GCT 1.2 and 1.3 and the series matrix of GEO.
    Lines before the header that begin with ``#`` are left out. Counts of STAR, htseq-count and bedtools multicov have
    no header: ``names`` names their columns.

    Rows in which STAR and htseq-count keep statistics (``N_unmapped``, ``__no_feature`` and the like) are no genes and
    are always left out.

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
    names : sequence of str, optional
        Names of all columns of a file without a header, such as ``["gene", "unstranded", "forward", "reverse"]`` for
        STAR, in text alone. The file has a header if not given.
    repeated : {"error", "drop", "sum"}, default="error"
        What to do with rows that share a label: refuse them, leave out every row of such a label, or add them up.
    missing : {"error", "zero", "drop"}, default="error"
        What to do with values that are missing (nothing, ``NA``, ``nan``, ``null``, ``None``), in text alone: refuse
        them, read them as 0 (right where no read means no count, as of deepTools; wrong for log values), or leave out
        their rows.
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
        without decimal point that fits, else float64. ``attrs["left_out"]`` lists the labels left out: statistics,
        and those of ``missing="drop"`` and ``repeated="drop"``.

    Warns
    -----
    LeftOutWarning
        Once, where ``missing="drop"`` or ``repeated="drop"`` left out rows.

    Raises
    ------
    FileFormatError
        With file, line and column: what is not a finite number (``NA``, nothing, ``1,5``), rows of another length than
        the header, names repeated or empty, no header, no rows, text that is no text, another format (the message
        names what reads it), a broken file. A header whose names, but the first, are all numbers is taken for a row
        unless ``columns`` names some of it, or ``labels`` a column named as such columns are (``gene``, ``GeneID``).
        Columns named as positions, lengths or identifiers (``Chr``, ``Start``, ``Length``, ``GeneID``) that would be
        samples, unless ``columns`` names them. A first column of numbers whose name is not that of labels, unless
        ``labels`` names it. A separator that cannot be told. Sizes of a GCT file that are not those of its table.
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
    if missing not in ("error", "zero", "drop"):
        raise ValueError(f"missing must be 'error', 'zero' or 'drop', got {missing!r}")
    if separator is not None and (len(separator) != 1 or separator in '"\r\n'):
        raise ValueError(f"separator must be one character, no quote and no end of line, got {separator!r}")
    wanted = Wanted.of(labels, columns, drop, one_based, names)
    text = _read(path, wanted, separator, missing)
    matrix, repeated_rows = text.matrix, pd.Index([])
    _check_labels(matrix, path, wanted)
    n_rows = len(matrix) + len(text.gaps)
    twice = matrix.index.duplicated(keep=False)
    if twice.any():
        if repeated == "error":
            raise _repeats(matrix, path, text.lines)
        if repeated == "drop":
            repeated_rows = matrix.index[twice]
            matrix = matrix[~twice]
            if matrix.empty:
                raise FileFormatError(path, None, None, "no row is left: every label is repeated")
        else:
            matrix = _summed(matrix, path)
    matrix.attrs["left_out"] = [*text.statistics, *text.gaps, *repeated_rows.unique()]
    reasons = {"with gaps": text.gaps, "with a repeated label": repeated_rows}
    say_left_out(f"read_matrix({os.fspath(path)!r})", [LeftOut("rows", n_rows, reasons)])
    return matrix


def _read(path: Path, wanted: Wanted, separator: str | None, missing: str) -> Text:
    if not is_parquet(path):
        return read_delimited(path, wanted, separator, missing)
    if wanted.names is not None or missing != "error":
        raise ValueError(
            f"{path}: names= and missing= are for text, and this is parquet: pandas.read_parquet(path) gives a table "
            "to rename and fill"
        )
    return Text(read_parquet(path, wanted), [], [], [])


def _check_labels(matrix: pd.DataFrame, path: Path, wanted: Wanted) -> None:
    """Refuse values of the first sample as labels, as of a file whose rows have no names."""
    name = matrix.index.name
    if wanted.labels is not None or name is None or names_labels(name) or not all(map(is_number, matrix.index)):
        return
    raise FileFormatError(
        path,
        None,
        1,
        f"wanted names of genes or peaks, got numbers in the first column, {name!r}, which may be a sample: the rows "
        f"seem to have no names. If these are names, labels={name!r} says so; else read the table by "
        "pandas.read_csv(path, sep=...) and set the index to the names, in the order of the rows",
    )


def _repeats(matrix: pd.DataFrame, path: Path, lines: list[int]) -> FileFormatError:
    """Error that names the first repeat, with both of its lines (rows, counted from 1, in parquet)."""
    labels = matrix.index
    second = int(np.flatnonzero(labels.duplicated())[0])
    first = labels.tolist().index(labels[second])
    names = labels[labels.duplicated()].unique()
    advice = f"{len(names)} labels are repeated ({some(names)}); repeated='drop' or 'sum' says what to do"
    if not lines:
        both = f"rows {first + 1} and {second + 1} have the same label {labels[second]!r}"
        return FileFormatError(path, None, None, f"{both}; {advice}")
    both = f"the label {labels[second]!r} is that of line {lines[first]} too"
    return FileFormatError(path, lines[second], None, f"{both}; {advice}")


def _summed(matrix: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Rows of the same label added up, at the place of the first."""
    with np.errstate(over="ignore"):
        sizes = matrix.astype(np.float64).abs().groupby(level=0, sort=False).sum()
    if not np.isfinite(sizes.to_numpy()).all():
        raise FileFormatError(path, None, None, "the sum over rows of the same label exceeds float64")
    if sizes.to_numpy().max() >= _INT64_END:
        matrix = matrix.astype(np.float64)
    return matrix.groupby(level=0, sort=False).sum()
