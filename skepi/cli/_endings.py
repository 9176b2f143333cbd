"""What a file holds, told by its name. Nothing but the standard library is imported here."""

from pathlib import Path

ANNOTATED = (".h5ad", ".h5mu")


def ending_of(path: str) -> str:
    """Ending of a file name without that of gzip, in lower case."""
    return Path(path.lower().removesuffix(".gz").removesuffix(".bgz")).suffix


def is_cell_ranger(path: str | None) -> bool:
    """Whether a path is a folder or an .h5 file, as Cell Ranger writes them."""
    return path is not None and (Path(path).is_dir() or ending_of(path) == ".h5")


def is_table(path: str) -> bool:
    """Whether a file holds one matrix and nothing else: text or parquet."""
    return not is_cell_ranger(path) and ending_of(path) not in ANNOTATED
