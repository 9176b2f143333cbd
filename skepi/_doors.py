"""What every door asks of what a user gives: settings in range, labels of one level, names as text, plain numbers."""

import os
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from skepi._foreign import pandas_of
from skepi.exceptions import TableError
from skepi.intervals import MAX_POSITION, IntArray


def check_number(name: str, value: Any, low: float, high: float = np.inf, *, low_included: bool = True) -> None:
    """Refuse a setting that is no number from ``low`` on, or above ``low``, and below ``high``.

    Examples
    --------
    >>> check_number("dropout", 1.2, 0, 1)
    Traceback (most recent call last):
    ValueError: dropout must be a number with 0 <= dropout < 1, got 1.2
    >>> check_number("lr", -1, 0, low_included=False)
    Traceback (most recent call last):
    ValueError: lr must be finite and greater than 0, got -1
    """
    number = isinstance(value, Real) and not isinstance(value, bool | np.bool_)
    if number and (low <= value if low_included else low < value) and value < high:
        return
    if high == np.inf:
        wanted = f"finite and {low:g} or greater" if low_included else f"finite and greater than {low:g}"
    else:
        wanted = f"a number with {low:g} {'<=' if low_included else '<'} {name} < {high:g}"
    raise ValueError(f"{name} must be {wanted}, got {value!r}")


def check_count(name: str, value: Any, least: int) -> None:
    """Refuse a setting that is no whole number from ``least`` on.

    Examples
    --------
    >>> check_count("patience", 2.5, 1)
    Traceback (most recent call last):
    ValueError: patience must be a whole number of 1 or more, got 2.5
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} must be a whole number of {least} or more, got {value!r}")


def check_choice(name: str, value: Any, allowed: Sequence[str]) -> None:
    """Refuse a setting that is none of the allowed texts."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} must be one of {tuple(allowed)}, got {value!r}")


def check_flag(name: str, value: Any) -> None:
    """Refuse a setting that is neither True nor False, such as "no", which would count as True."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name} must be True or False, got {value!r}")


def check_predictor(name: str, value: Any) -> None:
    """Refuse a setting that is no estimator that fits and predicts, a class in place of an instance too."""
    if isinstance(value, type) or not all(hasattr(value, method) for method in ("fit", "predict", "get_params")):
        raise TypeError(f"{name} must be an estimator with fit and predict, such as Ridge(), got {value!r}")


def check_pair_labels(labels: Any, n_pairs: int, where: str = "") -> NDArray:
    """One label per pair, by position, none missing; ``where`` begins messages."""
    array = np.asarray(labels)
    if array.shape != (n_pairs,):
        raise ValueError(f"{where}labels have shape {array.shape}, wanted ({n_pairs},): one per pair")
    if pd.isna(array).any():
        raise ValueError(f"{where}{int(pd.isna(array).sum())} pair(s) have no label")
    return array


def frame_of(table: Any, what: str, wanted: Sequence[str] = ()) -> pd.DataFrame:
    """Return a table as a DataFrame; a DataFrame is returned as it is, not copied.

    Parameters
    ----------
    table : DataFrame or mapping
        At least one row, labels of one level, no column twice, nothing masked.
    what : str
        Name of the table in messages.
    wanted : sequence of str
        Columns that it must have; further ones are kept.

    Raises
    ------
    TableError
        For anything else.
    """
    table = pandas_of(table, what)
    if not isinstance(table, pd.DataFrame | Mapping):
        way = "; the readers of skepi.io make tables of files" if isinstance(table, str | os.PathLike) else ""
        raise TableError(f"{what}: wanted a table (DataFrame or mapping of columns), got {type(table).__name__}{way}")
    frame = table if isinstance(table, pd.DataFrame) else _frame_of_columns(table, what)
    check_labels(frame, what)
    missing = [column for column in wanted if column not in frame]
    if missing:
        raise TableError(f"{what}: missing columns {missing}, got {list(frame.columns)}{_renamed(frame, missing)}")
    if frame.empty:
        raise TableError(f"{what}: the table has no rows")
    return frame


#: What other tools call the columns of peaks, genes and cell types.
_SYNONYMS = {
    "chrom": ("chr", "chromosome", "seqname", "seqnames", "seqid", "chromosome_name"),
    "start": ("chromstart", "start_position"),
    "end": ("chromend", "stop", "end_position"),
    "tss": ("transcription_start_site",),
    "name": ("gene", "gene_name", "symbol", "gene_symbol", "cell_type", "celltype"),
}


def _renamed(table: pd.DataFrame, missing: list[str]) -> str:
    """How to get missing columns from those that are there, as far as their names tell."""
    names = {str(name).strip().lower(): name for name in reversed(table.columns)}
    found = {}
    for wanted in missing:
        source = next((names[other] for other in (wanted, *_SYNONYMS.get(wanted, ())) if other in names), None)
        if source is not None:
            found[source] = wanted
    if found:
        return f"; .rename(columns={found}) if these are the same"
    if missing == ["tss"] and "start" in table:
        return "; skepi.io.choose_tss makes start sites of starts, ends and strands"
    if {"chrom", "tss"} <= {*table.columns, *missing} and {"start", "end"} <= set(table.columns):
        return "; these look like peaks: are peaks and genes swapped?"
    return ""


def check_labels(table: pd.DataFrame, what: str) -> None:
    """Refuse rows or columns with several levels of labels, and a column that stands twice."""
    advice = {"rows": "reset_index() turns levels into columns", "columns": "join the levels into one name per column"}
    for axis, labels in (("rows", table.index), ("columns", table.columns)):
        if isinstance(labels, pd.MultiIndex):
            raise TableError(f"{what}: {axis} have {labels.nlevels} levels of labels, wanted one; {advice[axis]}")
    names = table.columns.map(str)  # 1 and "1" are one name in every file
    repeated = table.columns[names.duplicated()]
    if len(repeated):
        raise TableError(f"{what}: the same column twice: {some(repeated)}")


def check_unmasked(values: Any, what: str) -> None:
    """Refuse a masked array, or a list of them, with something masked: the values under a mask are not meant."""
    for part in values if isinstance(values, list | tuple) else [values]:
        if isinstance(part, np.ma.MaskedArray) and np.ma.is_masked(part):
            raise TableError(
                f"{what}: {np.ma.count_masked(part)} value(s) are masked, and there is no value to take in their "
                "place; leave out their rows or columns, or fill them: .filled(...)"
            )


def names_of(values: pd.Series | pd.Index, what: str) -> NDArray[np.object_]:
    """Names as text, one for each row: text that is not blank, or whole numbers, which are names too."""
    missing = np.flatnonzero(values.isna())
    if missing.size:
        raise TableError(f"{what}: missing values: {missing.size} row(s), first is row {missing[0]}")
    _check_names(values, what)
    code, names = pd.factorize(values)
    text = np.array([str(name) for name in names], dtype=object)
    blank = np.flatnonzero([not name.strip() for name in text])
    if blank.size:
        raise TableError(f"{what}: a name is blank: row {int(np.argmax(code == blank[0]))}")
    return text[code]


def strands_of(
    column: pd.Series, what: str, names: Any = None, way: str = "leave such genes out"
) -> NDArray[np.object_]:
    """``+`` or ``-``, one for each row, as text; 1 and -1 mean these, as in Ensembl's tables.

    ``names`` are those of the rows, and ``way`` says what to do about rows without a strand, for messages.
    """
    strands = understood_strands(column)
    wrong = np.flatnonzero(pd.isna(strands))
    if wrong.size:
        row = int(wrong[0])
        who = "" if names is None else f"{list(names)[row]}, "
        raise TableError(
            f"{what}: strand must be '+' or '-' (or 1 or -1): {wrong.size} row(s) have another, the first is {who}"
            f"row {row} (strand={column.iloc[row]}); without a strand, upstream is not known: {way}"
        )
    return strands


def understood_strands(column: pd.Series) -> NDArray[np.object_]:
    """``+`` or ``-`` where a cell says so, None elsewhere."""
    cells = column.astype(object)
    known = {"+": "+", "-": "-", "1": "+", "-1": "-", "+1": "+", "1.0": "+", "-1.0": "-"}
    return np.array([None if isinstance(cell, bool) else known.get(str(cell).strip()) for cell in cells], dtype=object)


def whole_numbers_of(column: pd.Series, what: str, *, whole_floats: bool = False) -> NDArray:
    """Whole numbers of a column, of any integer type.

    Positions become float64 where another table has been joined, without loss: ``whole_floats`` lets these pass.
    """
    missing = np.flatnonzero(column.isna())
    if missing.size:
        raise TableError(
            f"{what}: wanted whole numbers (bp), got missing values in {missing.size} row(s), first is row {missing[0]}"
        )
    values = _in_numpy(column, what) if _is_nullable(column.dtype) else column.to_numpy()
    fits = values.dtype.kind in "iu"
    if whole_floats and values.dtype == np.float64:
        fits = bool((np.isfinite(values) & (values == np.floor(values))).all())
    if not fits:
        raise TableError(f"{what}: wanted whole numbers (bp), got dtype {column.dtype}")
    return values


def positions_of(column: pd.Series, what: str, *, least: int = 0, whole_floats: bool = False) -> IntArray:
    """Positions in ``least .. MAX_POSITION`` as int64; see :func:`whole_numbers_of`."""
    values = whole_numbers_of(column, what, whole_floats=whole_floats)
    outside = np.flatnonzero(~((values >= least) & (values <= MAX_POSITION)))
    if outside.size:
        row = int(outside[0])
        raise TableError(
            f"{what}: positions must lie in {least} .. {MAX_POSITION} (bp), got {values[row]} in row {row} "
            f"({outside.size} such row(s))"
        )
    return values.astype(np.int64)


def numbers_of(matrix: Any, what: str) -> NDArray:
    """Real numbers of a DataFrame, a dense or sparse array, or lists, in their own type."""
    check_unmasked(matrix, what)
    matrix = pandas_of(matrix, what)
    if isinstance(matrix, Mapping | str | bytes):
        way = "; skepi.io.read_matrix makes a table of a file" if isinstance(matrix, str) else ""
        raise TableError(f"{what}: wanted a DataFrame, an array or a sparse array, got {type(matrix).__name__}{way}")
    if isinstance(matrix, pd.DataFrame):
        check_labels(matrix, what)
        matrix = _without_nullable(matrix, what)
    elif isinstance(matrix, pd.Series):
        frame = matrix.to_frame()
        check_labels(frame, what)
        matrix = _without_nullable(frame, what).iloc[:, 0]
    try:
        values = np.asarray(matrix.toarray() if sp.issparse(matrix) else matrix)
    except ValueError as error:  # lists of different lengths
        raise TableError(f"{what}: no array can be made of it: {error}") from None
    if values.dtype.kind not in "fiub":
        advice = _about_objects(values) if values.dtype == object else ""
        raise TableError(f"{what}: wanted numbers, got dtype {values.dtype}{advice}")
    return values


def _about_objects(values: NDArray[np.object_]) -> str:
    """Which of the objects is no number, with what to do."""
    if values.ndim == 0:
        return "; .astype(float) makes numbers of objects"
    strange = [place for place, cell in np.ndenumerate(values) if not isinstance(cell, Real) or cell != cell]
    if not strange:
        return "; .astype(float) makes numbers of objects"
    place = ", ".join(f"{axis} {k}" for axis, k in zip(("row", "column"), strange[0], strict=False))
    return (
        f" with {len(strange)} cell(s) that are no numbers, the first {values[strange[0]]!r} in {place}; leave "
        "out their rows or columns, or give numbers in their place"
    )


def check_no_text(table: pd.DataFrame, what: str) -> None:
    """Refuse columns of text among numbers, such as one that names the rows."""
    text = [column for column, dtype in table.dtypes.items() if pd.api.types.is_string_dtype(dtype)]
    text = [column for column in text if _are_text(table[column]).any()]
    if text:
        raise TableError(_about_text(table, text, what))


def _without_nullable(table: pd.DataFrame, what: str) -> pd.DataFrame:
    """Nullable and Arrow columns of numbers in the type of numpy; gaps and text are named with their place."""
    check_no_text(table, what)
    plain = {column: _in_numpy(table[column], what) for column, dtype in table.dtypes.items() if _is_nullable(dtype)}
    table = table.assign(**plain) if plain else table
    truths = [column for column, dtype in table.dtypes.items() if dtype == np.bool_]
    return table.astype(dict.fromkeys(truths, np.int8)) if 0 < len(truths) < table.shape[1] else table


def _is_nullable(dtype: Any) -> bool:
    """Whether a type has numbers or truth values and a missing value of its own."""
    sparse = isinstance(dtype, pd.SparseDtype)
    return pd.api.types.is_extension_array_dtype(dtype) and pd.api.types.is_numeric_dtype(dtype) and not sparse


def _in_numpy(column: pd.Series, what: str) -> NDArray:
    """Values of a nullable column without gaps."""
    gaps = np.flatnonzero(column.isna())
    if gaps.size:
        raise TableError(
            f"{what}: column {column.name!r} has {gaps.size} missing value(s), the first in row {gaps[0]} "
            f"({column.index[gaps[0]]}); leave out such rows, or fill them: .fillna(...)"
        )
    return column.to_numpy(dtype=column.dtype.numpy_dtype)


def _are_text(column: pd.Series) -> NDArray[np.bool_]:
    return np.array([isinstance(cell, str) for cell in column.astype(object)], dtype=bool)


def _about_text(table: pd.DataFrame, text: list[Any], what: str) -> str:
    """What is wrong with columns of text among numbers, and what to do."""
    cells = table[text[0]]
    are_text = _are_text(cells)
    row = int(np.argmax(are_text))
    said = f"{what}: wanted numbers, got text in column {text[0]!r} ({cells.iloc[row]!r} in row {row})"
    if pd.to_numeric(cells, errors="coerce").notna().all():
        return f"{said}; {what}.astype(float) makes numbers of numbers written as text"
    if not are_text.all():
        return f"{said}, {are_text.sum()} such cell(s); give a number in their place, or leave out their rows"
    if len(text) == 1 and table.shape[1] > 1:
        return f"{said}; if it names the rows: {what}.set_index({text[0]!r})"
    return f"{said}; {len(text)} of {table.shape[1]} columns hold text: keep the columns of numbers"


def some(names: Iterable[object], most: int = 5) -> str:
    """First few names of many, for messages."""
    texts = [str(name) for name in names]
    return ", ".join(map(repr, texts[:most])) + (f" and {len(texts) - most} more" if len(texts) > most else "")


def _frame_of_columns(columns: Mapping, what: str) -> pd.DataFrame:
    for name, values in columns.items():
        check_unmasked(values, f"{what}: {name}")
    try:
        return pd.DataFrame(columns)
    except (ValueError, TypeError) as error:  # columns of different lengths, single values, two dimensions
        raise TableError(f"{what}: no table can be made of the columns: {error}") from None


def _check_names(values: pd.Series | pd.Index, what: str) -> None:
    """Refuse names that are neither text nor whole numbers: bytes, 1.0, truth values, lists."""
    cells = values.dtype.categories if isinstance(values.dtype, pd.CategoricalDtype) else values
    if pd.api.types.is_string_dtype(cells) or pd.api.types.is_integer_dtype(cells):
        return
    for kind, cell in {type(cell): cell for cell in cells}.items():
        if not issubclass(kind, str | int | np.integer) or kind is bool:
            advice = "; decode bytes first" if isinstance(cell, bytes) else ""
            raise TableError(f"{what}: wanted text, got {cell!r} of type {kind.__name__}{advice}")
