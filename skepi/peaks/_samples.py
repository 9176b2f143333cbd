"""Peak calls of many samples, read in parallel and checked."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import delayed
from numpy.typing import NDArray

from skepi._doors import check_flag, names_of, some
from skepi._foreign import pandas_of
from skepi._progress import in_parallel, progress_bar
from skepi._regions import check_regions
from skepi.exceptions import TableError
from skepi.io import read_peaks

_PLACES = ("chrom", "start", "end", "summit")


def read_narrowpeaks(
    samples: Mapping[str, Any], *, n_jobs: int | None = None, progress: bool = False
) -> dict[str, pd.DataFrame]:
    """Read the peak file of each sample, narrowPeak or another layout, several at a time.

    Parameters
    ----------
    samples : mapping of str to path
        A file for each sample (cell type). A table that is there already stays as it is.
    n_jobs : int, optional
        Number of files that are read at the same time, as in joblib.
    progress : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    dict of DataFrame
        As :func:`skepi.io.read_peaks` gives them (repeated intervals cut between summits), in the order of
        ``samples``; ``chrom`` is categorical.

    Raises
    ------
    FileFormatError
        Names the file, the line and the column; also for a folder.
    FileNotFoundError
        Where there is no such file.
    TableError
        Where there is no sample, a name is missing, blank, or neither text nor a whole number, or a table is not one of
        peaks.
    TypeError
        Where ``samples`` is no mapping.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> called = pd.DataFrame({"chrom": ["chr1"], "start": [500], "end": [600]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "HSC.narrowPeak")
    ...     _ = path.write_text("chr1\\t10\\t20\\tpeak1\\t.\\t.\\t5\\t-1\\t-1\\t4\\n")
    ...     tables = read_narrowpeaks({"HSC": path, "Ery": called})
    >>> {name: table[["start", "end"]].values.tolist() for name, table in tables.items()}
    {'HSC': [[10, 20]], 'Ery': [[500, 600]]}
    """
    check_flag("progress", progress)
    check_samples(samples)
    paths = {name: source for name, source in samples.items() if isinstance(source, str | os.PathLike)}
    with progress_bar(progress and bool(paths), "files", len(paths)) as bar:
        found = in_parallel((delayed(_read)(in_any_folder(path)) for path in paths.values()), n_jobs, bar)
    read = dict(zip(paths, found, strict=True))
    tables = {name: pandas_of(read.get(name, source), f"sample {name}") for name, source in samples.items()}
    for name, table in tables.items():
        if not isinstance(table, pd.DataFrame):
            raise TableError(f"sample {name}: wanted a file or a DataFrame of peaks, got {type(table).__name__}")
        check_regions(table, f"sample {name}")
    return tables


def in_any_folder(path: Any) -> Any:
    """Path that means the same in a worker process, which may have been started in another folder."""
    return Path(path).absolute() if isinstance(path, str | os.PathLike) else path


def check_samples(samples: Any) -> None:
    """Refuse what is not at least one sample with a name."""
    if not isinstance(samples, Mapping):
        raise TypeError(f"samples: wanted a mapping of names to files or tables, got {type(samples).__name__}")
    if not samples:
        raise TableError("samples: wanted at least one, got none")
    names_of(pd.Index(list(samples), dtype=object, tupleize_cols=False), "samples")


def measure_of(table: pd.DataFrame, column: str, what: str, option: str = "value") -> NDArray[np.float64]:
    """Values of a column, one per row, finite, 0 or greater and within float32; ``option`` is how it was named."""
    if column not in table:
        raise TableError(f"{what}: no column {column!r}, got {list(table.columns)}{advice_on_columns(table, option)}")
    values = table[column].to_numpy()
    if values.dtype.kind not in "fiu":
        raise TableError(f"{what}: {column}: wanted numbers, got dtype {values.dtype}")
    wrong = np.flatnonzero(~((values >= 0) & (values <= np.finfo(np.float32).max)))
    if wrong.size:
        row = int(wrong[0])
        hint = (
            "; -1 in every row means that the peak caller computed none" + advice_on_columns(table, option)
            if (values == -1).all()
            else ""
        )
        raise TableError(f"{what}: {column}: wanted finite values >= 0, got {values[row]:g} in row {row}{hint}")
    return values.astype(np.float64)


def advice_on_columns(table: pd.DataFrame, option: str) -> str:
    """Columns of the table that could order or weigh its peaks, and how to name the likeliest."""
    could = [name for name in table.columns if name not in _PLACES and _measures_something(table[name])]
    if not could:
        return "; no column has values above 0" + (": method='merged' needs none" if option == "score" else "")
    best = "signal_value" if "signal_value" in could else could[0]
    return f"; say {option}={best!r} (columns with values above 0: {some(could, 10)})"


def _measures_something(values: pd.Series) -> bool:
    if values.dtype.kind not in "fiu":
        return False
    return bool(np.isfinite(values).all() and (values >= 0).all() and (values > 0).any())


def _read(path: Any) -> pd.DataFrame:
    table = read_peaks(path)
    return table.assign(chrom=table["chrom"].astype("category"))  # few names, many rows: cheap to send
