"""Tables that a command writes, by the ending of their name, or prints."""

from argparse import Namespace
from pathlib import Path

from skepi.cli._errors import UsageError
from skepi.cli._expressions import Expression, output
from skepi.cli._program import Program

_SEPARATORS = {".tsv": "\t", ".txt": "\t", ".csv": ","}


def add_table(made: Program, table: Expression, path: str, *, index: bool = True) -> None:
    """Add the statement that writes a table: tab-separated, comma-separated (each also gzipped) or parquet."""
    name = Path(path.removesuffix(".gz"))
    if Path(path).suffix == ".parquet":
        made.do(table.to_parquet(output(path)))
    elif name.suffix in _SEPARATORS:
        settings = {} if index else {"index": False}
        made.do(table.to_csv(output(path), sep=_SEPARATORS[name.suffix], **settings))
    else:
        raise UsageError(f"{path}: wanted a name that ends in .tsv, .csv or .parquet")


def add_table_or_print(made: Program, table: Expression, options: Namespace, *, index: bool = True) -> None:
    """Add the statement that writes a table to ``--output``, or prints it, tab-separated, where there is none."""
    if options.output is not None:
        add_table(made, table, options.output, index=index)
    else:
        made.print(table.to_csv(sep="\t", **({} if index else {"index": False})), end="")
